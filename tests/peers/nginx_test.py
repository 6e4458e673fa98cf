"""nginx behind the proxy, and in front of it: its keep-alive, its files, its compression, its early refusals."""

import gzip
import re
import time
import zlib

from check import contains, equal, require, within
from harness import Group, configuration
from programs import Nginx
from replies import expect_forwarded

KIB, MIB = 1024, 1024 * 1024
TEXT = b"".join(b"line %d of a text that is worth a compression\n" % number for number in range(20_000))
BIG = bytes((number * 167 + number // 241) % 251 for number in range(1 << 20)) * 20

SERVER = """
    gzip on;
    gzip_proxied any;
    gzip_types text/plain;
    types { text/plain txt; }
    etag on;
    keepalive_requests 1000;
    add_header X-Connection $connection always;
    add_header X-Requests $connection_requests always;
    location /small-body/ { client_max_body_size 1k; proxy_pass http://127.0.0.1:1; }
    location /answer { return 200 "$request_method $http_host $http_x_forwarded_for $http_via\\n"; }
    location /moved { return 301 /answer; }
    location = /empty { return 204; }
    location /gone { return 410; }
    location /one-request { keepalive_requests 1; return 200 "once\\n"; }
"""


class World:
    def __init__(self, bench):
        self.bench = bench
        self.nginx = Nginx(SERVER, files=[("text.txt", TEXT), ("big.bin", BIG), ("empty.bin", b""), ("byte.bin", b"!")])
        bench.origins.append(self.nginx)
        self.proxy = bench.proxy(configuration(self.nginx.address))

    def client(self):
        return self.bench.client(self.proxy)


def nginx(bench):
    return World(bench)


group = Group(nginx)


def request(target, *fields, method="GET"):
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"{method} {target} HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n".encode()


@group.case("peer.nginx.keep_alive", "one connection to nginx serves many clients, one after the other")
def keep_alive(world):
    seen = set()
    first = None
    for index in range(20):
        client = world.client()
        response = client.exchange(request("/answer"))
        expect_forwarded(response)
        seen.add(response.fields.get("X-Connection"))
        count = int(response.fields.get("X-Requests"))
        first = first if first is not None else count
        equal(count, first + index, "requests on this connection")
        client.close()
    equal(len(seen), 1, "connections to nginx")


@group.case("peer.nginx.own_close", "a connection that nginx ends after a response is not used again")
def own_close(world):
    client = world.client()
    seen = []
    for _ in range(5):
        response = client.exchange(request("/one-request"))
        expect_forwarded(response)
        equal(response.body, b"once\n", "body")
        seen.append(response.fields.get("X-Connection"))
    equal(len(set(seen)), len(seen), "connections to nginx")


@group.case("peer.nginx.file", "a file of 20 MiB, sent by sendfile")
def file(world):
    for _ in range(3):
        response = world.client().exchange(request("/big.bin"))
        expect_forwarded(response)
        equal(response.framing, "length", "framing")
        equal(zlib.crc32(response.body), zlib.crc32(BIG), "checksum of the body")


@group.case("peer.nginx.small_files", "files of no byte and of one")
def small_files(world):
    client = world.client()
    for name, content in (("empty", b""), ("byte", b"!"), ("empty", b"")):
        response = client.exchange(request(f"/{name}.bin"))
        expect_forwarded(response)
        equal(response.body, content, "body")


@group.case("peer.nginx.not_modified", "an entity tag, and 304 for who has it; the connection goes on")
def not_modified(world):
    client = world.client()
    response = client.exchange(request("/text.txt"))
    tag, changed = response.fields.get("ETag"), response.fields.get("Last-Modified")
    require(tag and changed, f"no ETag or Last-Modified: {response.fields}")
    for field in (f"If-None-Match: {tag}", f"If-Modified-Since: {changed}"):
        with within(field):
            again = client.exchange(request("/text.txt", field))
            expect_forwarded(again, 304)
            equal(again.fields.get("ETag"), tag, "ETag")
    equal(client.exchange(request("/byte.bin")).body, b"!", "body of the next response")


@group.case("peer.nginx.range", "one range, several, and one that cannot be")
def ranges(world):
    client = world.client()
    response = client.exchange(request("/big.bin", "Range: bytes=1000000-3000000"))
    expect_forwarded(response, 206)
    require(response.body == BIG[1_000_000:3_000_001], "the bytes of the range")
    equal(response.fields.get("Content-Range"), f"bytes 1000000-3000000/{len(BIG)}", "Content-Range")
    response = client.exchange(request("/big.bin", "Range: bytes=0-9,100000-200000"))
    expect_forwarded(response, 206)
    contains(response.fields.get("Content-Type"), "multipart/byteranges", "Content-Type")
    contains(response.body, BIG[100_000:200_001], "the second range")
    expect_forwarded(client.exchange(request("/big.bin", "Range: bytes=99999999-")), 416)


@group.case("peer.nginx.gzip", "a text that nginx compresses on the way comes chunked, and is whole")
def compressed(world):
    client = world.client()
    for _ in range(3):
        response = client.exchange(request("/text.txt", "Accept-Encoding: gzip"))
        expect_forwarded(response)
        equal((response.fields.get("Content-Encoding"), response.framing), ("gzip", "chunked"), "coding and framing")
        equal(gzip.decompress(response.body), TEXT, "the text")
    plain = client.exchange(request("/text.txt"))
    equal((plain.body, plain.framing), (TEXT, "length"), "without compression")


@group.case("peer.nginx.head", "HEAD: the length of what is not sent, and chunked where it would be")
def head(world):
    client = world.client()
    response = client.exchange(request("/big.bin", method="HEAD"), method="HEAD")
    expect_forwarded(response)
    equal(response.fields.get("Content-Length"), str(len(BIG)), "Content-Length")
    response = client.exchange(request("/text.txt", "Accept-Encoding: gzip", method="HEAD"), method="HEAD")
    expect_forwarded(response)
    equal(client.exchange(request("/byte.bin")).body, b"!", "body of the next response")


@group.case("peer.nginx.statuses", "redirects, 204, errors of nginx's own")
def statuses(world):
    client = world.client()
    for target, status in (("/moved", 301), ("/empty", 204), ("/gone", 410), ("/missing", 404), ("/answer", 200)):
        expect_forwarded(client.exchange(request(target)), status)


@group.case("peer.nginx.early_refusal", "nginx refuses an upload before it has come: the client can read why")
def early_refusal(world):
    for framing in ("Content-Length: 4000000", "Transfer-Encoding: chunked"):
        with within(framing):
            client = world.client()
            client.send(request("/small-body/x", framing, method="POST"))
            piece = b"1000\r\n" + b"x" * 4096 + b"\r\n" if "chunked" in framing else b"x" * 4096
            for _ in range(200):
                client.send(piece)
                if client.pending:
                    break
            response = client.response("POST")
            expect_forwarded(response, 413)
            client.close()
    equal(world.client().exchange(request("/byte.bin")).body, b"!", "body of the next response")


@group.case("peer.nginx.expect", "nginx's own 100 and its refusal reach the client")
def expect(world):
    client = world.client()
    client.send(request("/small-body/x", "Expect: 100-continue", "Content-Length: 4000000", method="POST"))
    response = client.response("POST")
    equal((response.status, len(response.interim)), (413, 0), "status, and interim responses before it")


@group.case("peer.nginx.pipelined", "pipelined requests for files of all sizes")
def pipelined(world):
    client = world.client()
    names = ["byte.bin", "text.txt", "empty.bin", "big.bin", "byte.bin"] * 4
    client.send(b"".join(request(f"/{name}") for name in names))
    contents = {"byte.bin": b"!", "text.txt": TEXT, "empty.bin": b"", "big.bin": BIG}
    for name in names:
        require(client.response().body == contents[name], f"the body of {name}")


alone = Group()


@alone.case("peer.nginx.idle_close", "connections that nginx closes when they are idle, at the moment they are wanted: no request fails")
def idle_close(bench):
    server = Nginx("keepalive_timeout 20ms; location / { return 200 'ok'; }")
    bench.origins.append(server)
    proxy = bench.proxy(configuration(server.address))
    client = bench.client(proxy)
    for index in range(60):
        response = client.exchange(request("/"))
        equal((response.status, response.body), (200, b"ok"), f"response {index}")
        # Around the moment at which nginx gives the connection up: here time is what is tested.
        time.sleep((15 + index % 11) / 1000)


@alone.case("peer.nginx.restart", "nginx goes and another one comes: 503 between, and none of it stays")
def restart(bench):
    server = Nginx("location / { return 200 'one'; }")
    bench.origins.append(server)
    proxy = bench.proxy(configuration(server.address))
    client = bench.client(proxy)
    equal(client.exchange(request("/")).body, b"one", "body")
    server.end()
    equal(client.exchange(request("/")).status, 503, "status without nginx")
    bench.origins.append(Nginx("location / { return 200 'two'; }", reservation=server.reservation))
    equal(client.exchange(request("/")).body, b"two", "body of the next one")


FRONT = """
    location / {{
      proxy_pass http://inner;
      proxy_http_version {version};
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_buffering {buffering};
      proxy_request_buffering {buffering};
    }}
"""


def in_front(bench, version, buffering):
    """nginx, then the proxy, then the test origin: bodies of both directions are whole, however nginx asks."""
    origin = bench.test_origin()
    proxy = bench.proxy(configuration(origin.address))
    front = Nginx(FRONT.format(version=version, buffering=buffering),
                  http=f"upstream inner {{ server 127.0.0.1:{proxy.address[1]}; keepalive 4; }} client_max_body_size 100m;")
    bench.origins.append(front)

    class Address:
        address = ("127.0.0.1", front.port)

    client = bench.client(Address)
    for target in ("/size/10", "/size/3000000", "/size/3000000?chunked=10000", "/size/500000?close=1", "/status/404", "/size/0"):
        with within(target):
            response = client.exchange(request(target))
            found = re.fullmatch("crc32=([0-9a-f]{8})", response.fields.get("X-Checksum") or "")
            require(found, f"X-Checksum: {response.fields}")
            equal(zlib.crc32(response.body), int(found[1], 16), "checksum of the body")
    body = BIG[: 3 * MIB]
    for framing, sent in ((f"Content-Length: {len(body)}", body), ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))):
        with within(framing):
            response = client.exchange(request("/upload", framing, method="POST") + sent, method="POST")
            contains(response.body, b"crc32=%08x" % zlib.crc32(body), "what arrived")
    entries = proxy.log_entries(8)
    equal({entry["protocol"] for entry in entries}, {f"HTTP/{version}"}, "what nginx spoke")


alone.table("peer.nginx.front", [
    ("http_1_0", "nginx in front, by HTTP/1.0", "1.0", "on"),
    ("http_1_1", "nginx in front, by HTTP/1.1, with buffers of its own", "1.1", "on"),
    ("unbuffered", "nginx in front, by HTTP/1.1, passing on what comes", "1.1", "off"),
], in_front)
