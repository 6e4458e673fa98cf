"""PROXY headers in front of connections from clients: whom they name, who may send them, and what breaks them."""

import json

from check import contains, equal, require, wait_for, within
from delivery import few_deliveries
from harness import Group, configuration
from origin import plain
from peer import Client
from proxy_header import BINARY_4, BINARY_6, LINE_4, LINE_6, V4, binary, checked, tlv
from reloading import reload
from replies import arrived, echo, log_entry

alone = Group()
REQUIRED = 'proxy_protocol = { from = ["127.0.0.1", "unix"] }'
# Another address of the test's own host.
OTHER = "127.0.0.2"


def listeners(*rows):
    """Tables of further listeners; rows: (name, address, lines)."""
    return "".join(f'[[listener]]\nname = "{name}"\naddress = "{address}"\n{lines}\n' for name, address, lines in rows)


def text_of(address):
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"


class World:
    """A proxy with a listener that takes PROXY headers, before an echoing origin."""

    def __init__(self, bench, lines=REQUIRED, handler=echo, extra="", **options):
        self.bench = bench
        self.address = bench.reserve()
        self.origin = bench.scripted().serve(handler)
        self.text = configuration(self.origin.address, extra=listeners(("announced", text_of(self.address), lines)) + extra, **options)
        self.proxy = bench.proxy(self.text)
        self.count = 0

    def client(self, **options):
        return self.bench.client(self.proxy, self.address, **options)

    def request(self, fields=b""):
        self.count += 1
        target = f"/announced/{self.count}"
        return target, b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (target.encode(), fields)

    def refusals(self):
        """The lines about connections without a request."""
        lines = self.proxy.log_path.read_bytes().split(b"\n")[:-1] if self.proxy.log_path.exists() else []
        return [entry for entry in map(json.loads, lines) if "target" not in entry]

    def refused(self, count):
        """The same, once there are so many."""
        wait_for(lambda: len(self.refusals()) >= count, f"{count} lines about refused connections")
        entries = self.refusals()
        equal(len(entries), count, "lines about refused connections")
        return entries


def required(bench):
    return World(bench)


shared = Group(required)


def forwarded_for(told):
    return [value for name, value in told["fields"] if name.lower() == "x-forwarded-for"]


def names(world, header, client, forwarded):
    target, request = world.request()
    for number, way in enumerate(few_deliveries(header + request)):
        one = request.replace(target.encode(), f"{target}/{number}".encode())
        with within(way.name):
            connection = world.client()
            connection.send_pieces(way.pieces(header + one))
            equal(forwarded_for(arrived(connection.response())), forwarded, "X-Forwarded-For that reached the origin")
            entry = log_entry(world.proxy, f"{target}/{number}")
            equal((entry["client"], entry.get("peer"), entry["listener"]), (client, None, "announced"), "client in the log")
            # The header was in front of the connection, not of one request.
            again, second = world.request()
            connection.send(second)
            equal(forwarded_for(arrived(connection.response())), forwarded, "on the kept connection")
            equal(log_entry(world.proxy, again)["client"], client, "client in the second line")
            connection.close()


shared.table(
    "proxy_protocol.names",
    [
        ("v1_ipv4", "the address that a line names is the client's", LINE_4, "192.0.2.1", ["192.0.2.1"]),
        ("v1_ipv6", "likewise an IPv6 address", LINE_6, "2001:db8::1", ["2001:db8::1"]),
        ("v1_unknown", "PROXY UNKNOWN leaves the address of the connection", b"PROXY UNKNOWN\r\n", "127.0.0.1", ["127.0.0.1"]),
        ("v2_ipv4", "the address of a binary header", BINARY_4, "192.0.2.1", ["192.0.2.1"]),
        ("v2_ipv6", "likewise an IPv6 address", BINARY_6, "2001:db8::1", ["2001:db8::1"]),
        ("v2_checked", "a binary header with a right checksum", checked(0x21, 0x11, V4), "192.0.2.1", ["192.0.2.1"]),
        ("v2_tlvs", "unknown TLVs are skipped", binary(0x21, 0x11, V4 + tlv(2, b"a.example") + tlv(0xEE, b"x" * 3000)), "192.0.2.1", ["192.0.2.1"]),
        ("v2_local", "LOCAL leaves the address of the connection", binary(0x20, 0x00), "127.0.0.1", ["127.0.0.1"]),
        ("v2_unspecified", "so does a header without a family", binary(0x21, 0x00, b"abc"), "127.0.0.1", ["127.0.0.1"]),
        ("v2_unix", "a client on a unix socket of the proxy's host has no address", binary(0x21, 0x31, b"/a" + bytes(214)), "unknown", []),
    ],
    names,
)


def refuses(world, header, detail):
    before = len(world.refusals())
    for number, way in enumerate(few_deliveries(header)):
        with within(way.name):
            connection = world.client()
            connection.send_pieces(way.pieces(header))
            connection.expect_end("eof", "reset")
            entry = world.refused(before + number + 1)[-1]
            got = (entry["status"], entry["reason"], entry.get("detail"), entry["client"], entry["listener"])
            equal(got, (400, "bad_proxy_header", detail, "127.0.0.1", "announced"), "the line in the log")
            connection.close()
    equal(world.origin.failures, [], "what reached the origin")


shared.table(
    "proxy_protocol.refuses",
    [
        ("missing", "a request without a header", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "not_proxy"),
        ("tls", "a ClientHello without a header", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), "not_proxy"),
        ("line", "a line with two spaces", b"PROXY  TCP4 192.0.2.1 198.51.100.2 1 1\r\n", "bad_line"),
        ("address", "a line with a name", b"PROXY TCP4 localhost 198.51.100.2 1 1\r\n", "bad_address"),
        ("port", "a line with port 65536", b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 1\r\n", "bad_port"),
        ("long_line", "a line without an end", b"PROXY UNKNOWN " + b"x" * 200, "line_too_long"),
        ("version", "a binary header of version 3", binary(0x31, 0x11, V4), "bad_version"),
        ("family", "a binary header of no known family", binary(0x21, 0x51, V4), "bad_family"),
        ("length", "a binary header too short for its addresses", binary(0x21, 0x11, V4[1:]), "bad_length"),
        ("long", "a binary header of 64 KiB", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + bytes(100), "too_long"),
        ("tlv", "a TLV that is cut off", binary(0x21, 0x11, V4 + tlv(2, b"abc")[:-1]), "bad_tlv"),
        ("checksum", "a wrong checksum", checked(0x21, 0x11, V4, error=1), "bad_checksum"),
    ],
    refuses,
)


@alone.case("proxy_protocol.untrusted", "who may not send a header is closed, with and without one, and nobody is asked about it")
def untrusted(bench):
    world = World(bench)
    for number, sent in enumerate((LINE_4 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")):
        client = world.client(source=OTHER)
        client.send(sent)
        client.expect_end("eof", "reset")
        entry = world.refused(number + 1)[-1]
        equal((entry["status"], entry["reason"], entry["client"]), (403, "untrusted_proxy", OTHER), "the line in the log")
    equal((world.origin.requests, len(world.origin.connections)), ([], 0), "what reached the origin")


@alone.case("proxy_protocol.others_served", "with others = \"serve\" everybody else is the client that it is, and its header is no request")
def others_served(bench):
    world = World(bench, 'proxy_protocol = { from = ["127.0.0.1"], others = "serve" }')
    target, request = world.request()
    client = world.client(source=OTHER)
    client.send(request)
    equal(forwarded_for(arrived(client.response())), [OTHER], "X-Forwarded-For of who is not trusted")
    equal(log_entry(world.proxy, target)["client"], OTHER, "client in the log")
    liar = world.client(source=OTHER)
    liar.send(LINE_4 + request)
    equal(liar.response().status, 400, "status for a header from who may not send one")
    trusted = world.client()
    trusted.send(LINE_4 + request)
    equal(forwarded_for(arrived(trusted.response())), ["192.0.2.1"], "X-Forwarded-For of who is trusted")
    missing = world.client()
    missing.send(request)
    missing.expect_end("eof", "reset")


@alone.case("proxy_protocol.trusted_proxies", "whether X-Forwarded-For is believed depends on the client that the header names")
def trusted_proxies(bench):
    world = World(bench, extra='[forwarding]\ntrusted_proxies = ["192.0.2.0/24"]\n')
    fields = b"X-Forwarded-For: 203.0.113.9\r\n"
    rows = ((LINE_4, "203.0.113.9", ["203.0.113.9, 192.0.2.1"]), (LINE_6, "2001:db8::1", ["2001:db8::1"]), (b"PROXY UNKNOWN\r\n", "127.0.0.1", ["127.0.0.1"]))
    for header, client, forwarded in rows:
        target, request = world.request(fields)
        connection = world.client()
        connection.send(header + request)
        equal(forwarded_for(arrived(connection.response())), forwarded, f"X-Forwarded-For behind {header!r}")
        equal(log_entry(world.proxy, target)["client"], client, f"client behind {header!r}")


@alone.case("proxy_protocol.unix_is_not_ours", "a client on a unix socket elsewhere is not trusted as one of ours")
def unix_is_not_ours(bench):
    world = World(bench, extra='[forwarding]\ntrusted_proxies = ["unix"]\n')
    target, request = world.request(b"X-Forwarded-For: 203.0.113.9\r\n")
    connection = world.client()
    connection.send(binary(0x21, 0x31, b"/a" + bytes(214)) + request)
    equal(forwarded_for(arrived(connection.response())), [], "X-Forwarded-For")
    equal(log_entry(world.proxy, target)["client"], "unknown", "client in the log")


@alone.case("proxy_protocol.over_unix", "a proxy on a unix socket of ours may send headers where the file says so")
def over_unix(bench):
    extra = listeners(("local", "unix:@FOLDER@/web.sock", REQUIRED))
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, extra=extra))
    client = bench.client(proxy, str(proxy.folder / "web.sock"))
    client.send(BINARY_4 + b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    equal(forwarded_for(arrived(client.response())), ["192.0.2.1"], "X-Forwarded-For")
    equal(log_entry(proxy, "/x")["client"], "192.0.2.1", "client in the log")


@alone.case("proxy_protocol.per_client", "the limit for each client counts whom the headers name, not the proxy in front")
def per_client(bench):
    world = World(bench, limits="max_connections_per_client = 1")
    other = LINE_4.replace(b"192.0.2.1", b"192.0.2.7")
    held = []
    for header in (LINE_4, other, LINE_6):
        client = world.client()
        client.send(header + world.request()[1])
        equal(client.response().status, 200, f"status behind {header!r}")
        held.append(client)
    for header in (LINE_4, LINE_6):
        client = world.client()
        client.send(header + world.request()[1])
        client.expect_end("eof", "reset")
    held[0].close()

    def is_served():
        client = Client(world.address)
        client.send(LINE_4 + world.request()[1])
        is_there = client.receive()
        client.close()
        return is_there

    wait_for(is_served, "the place of a client that has left is free")
    counted = world.proxy.end_and_count()
    require(counted["shed_per_client"] >= 2, f"connections that were shed: {counted}")


@alone.case("proxy_protocol.timeout", "a header that does not come, or not whole, within timeouts.head")
def timeout(bench):
    world = World(bench, timeouts='head = "200ms"')
    for number, sent in enumerate((b"", b"P", LINE_4[:-1], BINARY_6[:-1])):
        client = world.client()
        client.send(sent)
        client.expect_end("eof", "reset")
        entry = world.refused(number + 1)[-1]
        equal((entry["status"], entry["reason"]), (408, "proxy_header_timeout"), f"the line behind {sent!r}")
        require(entry["total"] >= 0.2, f"closed too early: {entry}")


@alone.case("proxy_protocol.cut_short", "a client that leaves within the header is logged, one that says nothing is not")
def cut_short(bench):
    world = World(bench)
    for how in ("close", "reset"):
        client = world.client()
        client.leave(how)
    for number, sent in enumerate((b"PROXY", LINE_4[:-1], BINARY_4[:20])):
        client = world.client()
        client.send(sent)
        client.wait_taken()
        client.end_sending()
        client.expect_end("eof", "reset")
        entry = world.refused(number + 1)[-1]
        equal((entry["status"], entry["reason"]), (499, "client_closed"), f"the line behind {sent!r}")


@alone.case("proxy_protocol.pipelined", "what comes with the header is the connection's: two requests in the same segment, and one that spans buffers")
def pipelined(bench):
    world = World(bench, extra='[shard_defaults]\nreceive_buffer = "4KiB"\n')
    big = b"POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + b"b" * 60000
    sent = BINARY_4 + world.request()[1] + big + world.request()[1]
    for way in few_deliveries(sent):
        with within(way.name):
            client = world.client()
            client.send_pieces(way.pieces(sent))
            for body in ("", "b" * 60000, ""):
                told = arrived(client.response())
                equal((told["body"], forwarded_for(told)), (body, ["192.0.2.1"]), "body and client")
            client.close()


@alone.case("proxy_protocol.drain", "a connection that has not said whose it is does not hold up the end for long")
def drain(bench):
    world = World(bench, timeouts='drain = "30s"')
    silent, partial = world.client(), world.client()
    partial.send(LINE_4[:10])
    partial.wait_taken()
    world.proxy.signal(15)
    for client in (silent, partial):
        client.expect_end("eof", "reset")
    equal(world.proxy.wait_exit(), 0, "exit status")


@alone.case("proxy_protocol.reload", "who may send a header can change without a restart, for connections that come after it")
def changed(bench):
    world = World(bench)
    before = world.client()
    before.send(LINE_4 + world.request()[1])
    equal(forwarded_for(arrived(before.response())), ["192.0.2.1"], "X-Forwarded-For before the reload")
    reload(world.proxy, world.text.replace(REQUIRED, ""))
    before.send(world.request()[1])
    equal(forwarded_for(arrived(before.response())), ["192.0.2.1"], "X-Forwarded-For on the connection from before")
    after = world.client()
    after.send(world.request()[1])
    equal(forwarded_for(arrived(after.response())), ["127.0.0.1"], "X-Forwarded-For behind the reload")
    reload(world.proxy, world.text)
    last = world.client()
    last.send(world.request()[1])
    last.expect_end("eof", "reset")


@alone.case("proxy_protocol.metrics", "headers that are refused are counted by their reason")
def metrics(bench):
    world = World(bench, extra='[admin]\nsocket = "@FOLDER@/admin.sock"\n', handler=lambda request, connection: connection.send(plain()) or True)
    client = world.client()
    client.send(b"nonsense")
    client.expect_end("eof", "reset")
    stranger = world.client(source=OTHER)
    stranger.expect_end("eof", "reset")
    world.refused(2)
    admin = bench.client(world.proxy, str(world.proxy.folder / "admin.sock"))
    admin.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    page = admin.response().body.decode()
    for reason in ("bad_proxy_header", "untrusted_proxy"):
        contains(page, f'sluice_exchange_reasons_total{{reason="{reason}"}} 1\n', "metrics")
