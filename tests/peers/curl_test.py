"""curl in front of the proxy: its keep-alive, uploads with and without 100-continue, HTTP/1.0, HEAD, and the ways in which it asks for HTTP/2."""

import json
import re
import zlib

from check import contains, equal, require, within
from harness import Group, configuration
from programs import program, run
from replies import log_entry


class World:
    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.test_origin()
        self.proxy = bench.proxy(configuration(self.origin.address))
        self.base = f"http://127.0.0.1:{self.proxy.address[1]}"

    def curl(self, *arguments, status=0, **options):
        """(standard output, standard error) of curl, whose exit status has to be `status`."""
        command = [program("curl"), "--silent", "--show-error", "--max-time", "30", "--noproxy", "" if "-x" in arguments else "*", *arguments]
        done, out, err = run(command, **options)
        equal(done, status, f"exit status of curl {' '.join(map(str, arguments))}; it said {err[-600:]!r}")
        return out, err.decode(errors="replace")


def curl(bench):
    return World(bench)


group = Group(curl)


def require_checksum(head, body):
    found = re.search(rb"X-Checksum: crc32=([0-9a-f]{8})", head)
    require(found, f"X-Checksum: {head}")
    equal(zlib.crc32(body), int(found[1], 16), "checksum of the body")


def split(out):
    head, mark, body = out.partition(b"\r\n\r\n")
    require(mark, f"no head: {out[:200]}")
    return head, body


@group.case("peer.curl.keep_alive", "several transfers use one connection")
def keep_alive(world):
    urls = [f"{world.base}/size/{size}" for size in (0, 1, 1000, 100_000, 5_000_000)]
    out, _ = world.curl(*(word for url in urls for word in ("-o", "/dev/null", url)), "-w", "%{http_code} %{num_connects} %{size_download}\n")
    equal(out.decode().splitlines(), ["200 1 0", "200 0 1", "200 0 1000", "200 0 100000", "200 0 5000000"], "status, new connections, size")


@group.case("peer.curl.download", "bodies arrive whole, however they are framed")
def download(world):
    for query in ("", "?chunked=1000", "?chunked=700000", "?close=1", "?trailers=1"):
        with within(query):
            out, _ = world.curl("-i", f"{world.base}/size/2000000{query}")
            head, body = split(out)
            body = body if query != "?trailers=1" else body[:2_000_000]
            require_checksum(head, body)


@group.case("peer.curl.trailers", "trailers are shown behind the body")
def trailers(world):
    out, _ = world.curl("-D", "-", "-o", "/dev/null", f"{world.base}/size/70000?trailers=1")
    head, _, behind = out.partition(b"\r\n\r\n")
    contains(head.lower(), b"transfer-encoding: chunked", "head")
    contains(behind.lower(), b"x-checksum: crc32=", "trailers")


@group.case("peer.curl.head", "-I shows the length and ends")
def head_request(world):
    out, _ = world.curl("-I", f"{world.base}/size/12345", f"{world.base}/size/12345?chunked=10")
    contains(out, b"Content-Length: 12345\r\n", "the first head")
    equal(out.count(b"HTTP/1.1 200"), 2, "heads")


@group.case("peer.curl.http_1_0", "HTTP/1.0: everything arrives, chunked is taken off")
def http_1_0(world):
    for query in ("", "?chunked=100", "?close=1"):
        with within(query):
            out, _ = world.curl("-0", "-i", f"{world.base}/size/300000{query}")
            head, body = split(out)
            require_checksum(head, body)
            require(b"chunked" not in head.lower(), f"chunked towards HTTP/1.0: {head}")


@group.case("peer.curl.http_1_0_upload", "HTTP/1.0: an upload")
def http_1_0_upload(world):
    body = bytes(range(256)) * 500
    out, _ = world.curl("-0", "--data-binary", "@-", f"{world.base}/upload", input=body)
    equal(json.loads(out), {"bytes": len(body), "checksum": f"crc32={zlib.crc32(body):08x}"}, "what arrived")


@group.case("peer.curl.expect", "an upload that waits for its 100")
def expect(world):
    body = bytes(range(251)) * 8000
    for length in ("Content-Length:", "Transfer-Encoding: chunked"):
        with within(length):
            extra = ["-H", length] if "chunked" in length else []
            out, err = world.curl("-v", "-T", "-", *extra, "-H", "Expect: 100-continue", "--expect100-timeout", "20", f"{world.base}/expect", input=body)
            contains(err, "< HTTP/1.1 100 Continue", "what curl saw")
            equal(json.loads(out), {"bytes": len(body), "checksum": f"crc32={zlib.crc32(body):08x}"}, "what arrived")


@group.case("peer.curl.expect_refused", "an upload whose 100 is refused: curl gets the answer, and nobody takes its body for a request")
def expect_refused(world):
    out, _ = world.curl("-T", "/dev/stdin", "-H", "Expect: 100-continue", "--expect100-timeout", "20", "-o", "/dev/null", "-w", "%{http_code}",
                        f"{world.base}/expect?refuse=403", input=b"x" * 2_000_000)
    equal(out, b"403", "status")


@group.case("peer.curl.chunked_upload", "an upload of unknown length")
def chunked_upload(world):
    for size in (0, 1, 100_000, 3_000_000):
        with within(f"{size} bytes"):
            body = (bytes(range(253)) * (size // 253 + 1))[:size]
            out, _ = world.curl("-T", "-", "-H", "Expect:", f"{world.base}/upload", input=body)
            equal(json.loads(out), {"bytes": size, "checksum": f"crc32={zlib.crc32(body):08x}"}, "what arrived")


@group.case("peer.curl.form", "a form with a file")
def form(world):
    content = bytes(range(256)) * 4000
    out, _ = world.curl("-F", "name=value", "-F", "file=@-;filename=a.bin", f"{world.base}/echo", input=content)
    contains(out, b'name="name"\r\n\r\nvalue\r\n', "the echoed form")
    contains(out, content, "the file within it")


@group.case("peer.curl.early_answer", "an answer that comes before the upload has ended is shown")
def early_answer(world):
    out, _ = world.curl("-T", "-", "-H", "Expect:", "-o", "/dev/null", "-w", "%{http_code}", f"{world.base}/early/413", input=b"y" * 3_000_000)
    equal(out, b"413", "status")


@group.case("peer.curl.parallel", "forty transfers at once")
def parallel(world):
    words = []
    for index in range(40):
        words += ["-o", "/dev/null", f"{world.base}/size/{index * 10_000}{'?chunked=5000' if index % 2 else ''}"]
    out, _ = world.curl("--parallel", "--parallel-max", "20", *words, "-w", "%{http_code} %{size_download}\n")
    equal(sorted(out.decode().splitlines()), sorted(f"200 {index * 10_000}" for index in range(40)), "status and size")


@group.case("peer.curl.upgrade_h2c", "who would like HTTP/2 is answered in HTTP/1.1")
def upgrade_h2c(world):
    out, err = world.curl("-v", "--http2", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", f"{world.base}/size/100")
    equal(out, b"200 1.1", "status and version")
    contains(err, "Upgrade: h2c", "what curl asked for")
    head, _ = world.curl("--http2", f"{world.base}/head")
    require(b"h2c" not in head.lower() and b"http2-settings" not in head.lower(), f"the wish was passed on: {head}")


@group.case("peer.curl.prior_knowledge", "who begins with HTTP/2 is refused, and does not wait")
def prior_knowledge(world):
    done, _, err = run([program("curl"), "--silent", "--show-error", "--max-time", "30", "--http2-prior-knowledge", "--noproxy", "*", f"{world.base}/"])
    require(done in (16, 52, 55, 56, 92), f"exit status {done}; curl said {err!r}")


@group.case("peer.curl.as_proxy", "as a proxy of curl's it gets absolute targets, and routes by them")
def as_proxy(world):
    out, _ = world.curl("-x", world.base, "http://some.example:8080/head?a=b")
    require(out.startswith(b"GET /head?a=b HTTP/1.1\r\n"), f"head at the origin: {out[:200]}")
    contains(out, b"\r\nHost: some.example:8080\r\n", "head at the origin")
    require(b"proxy-connection" not in out.lower(), f"Proxy-Connection was passed on: {out}")


@group.case("peer.curl.tunnel_refused", "as a proxy for https it refuses the tunnel")
def tunnel_refused(world):
    done, _, err = run([program("curl"), "--silent", "--show-error", "--max-time", "30", "--noproxy", "", "-x", world.base, "https://some.example/"])
    equal(done, 56, f"exit status; curl said {err!r}")
    require(re.search(rb"(CONNECT tunnel failed, response|from proxy after CONNECT) ?(400|405|501)|HTTP code (400|405|501) from proxy", err), f"curl said {err!r}")


@group.case("peer.curl.path_as_is", "dot segments that curl sends as they are are resolved")
def path_as_is(world):
    out, _ = world.curl("--path-as-is", f"{world.base}/a/b/../../head")
    require(out.startswith(b"GET /head HTTP/1.1\r\n"), f"head at the origin: {out[:200]}")
    out, _ = world.curl("--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", f"{world.base}/../head")
    equal(out, b"400", "status")


@group.case("peer.curl.cookies", "many fields go both ways")
def cookies(world):
    fields = [word for index in range(80) for word in ("-H", f"X-Field-{index}: {'v' * 100}")]
    out, _ = world.curl(*fields, f"{world.base}/head")
    for index in range(80):
        contains(out, f"\r\nX-Field-{index}: {'v' * 100}\r\n".encode(), "head at the origin")


@group.case("peer.curl.gives_up", "curl that gives up is logged as a client that is gone")
def gives_up(world):
    world.curl("--max-time", "0.5", f"{world.base}/never", status=28)
    entry = log_entry(world.proxy, "/never")
    equal((entry["status"], entry["reason"]), (499, "client_closed"), "status and reason in the log")


@group.case("peer.curl.cut_off", "a response that is cut short is an error to curl")
def cut_off(world):
    for target, status in (("/close-mid/200000", 18), ("/reset-mid/200000", 18), ("/close-mid-chunked/200000", 18)):
        with within(target):
            world.curl("-o", "/dev/null", world.base + target, status=status)
