"""PROXY headers in front of connections to endpoints: what they say, and that no connection serves two clients."""

import struct

from check import equal, require, wait_for, within
from delivery import few_deliveries
from harness import Group, configuration
from origin import plain
from proxy_header import BINARY_4, BINARY_6, LINE_4, LINE_6, SIGNATURE, binary
from reloading import reload
from replies import expect_own_reply, log_entry

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OTHER = "127.0.0.2"


def announcing(bench, version, extra="", **options):
    origin = bench.scripted()
    return origin, bench.proxy(configuration(origin.address, upstream=f'proxy_protocol = "{version}"\n', extra=extra, **options))


def address_bytes(address):
    return bytes(map(int, address[0].split(".")))


def header_of(version, source, destination):
    if version == "v1":
        return f"PROXY TCP4 {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()
    ports = struct.pack(">HH", source[1], destination[1])
    return binary(0x21, 0x11, address_bytes(source) + address_bytes(destination) + ports)


def unknown(version):
    return b"PROXY UNKNOWN\r\n" if version == "v1" else binary(0x21, 0x00)


def says(bench, version):
    origin, proxy = announcing(bench, version)
    for way in few_deliveries(GET):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(GET))
            connection = origin.accept()
            expected = header_of(version, client.local, proxy.address)
            equal(connection.exactly(len(expected)), expected, "what the connection begins with")
            equal(connection.request().target, "/x", "target of the request behind it")
            connection.send(plain(body=b"y"))
            equal(client.response().body, b"y", "body")
            client.close()


alone.table(
    "announcing.says",
    [
        ("v1", "a line with the client's address and where it connected to", "v1"),
        ("v2", "the same in a binary header", "v2"),
    ],
    says,
)


@alone.case("announcing.one_client", "a kept connection serves the client that it was opened for, and no other")
def one_client(bench):
    origin, proxy = announcing(bench, "v1")
    connections = []
    clients = [bench.client(proxy) for _ in range(2)]
    for client in clients:
        client.send(GET)
        connection = origin.accept()
        equal(connection.until(b"\r\n"), header_of("v1", client.local, proxy.address), "header")
        connection.request()
        connection.send(plain())
        equal(client.response().status, 200, "status")
        connections.append(connection)
    # In the other order, so that who was used last is not who comes next.
    for _ in range(2):
        for client, connection in zip(clients, connections):
            client.send(GET)
            equal(connection.request().target, "/x", "the request on the client's own connection, without another header")
            connection.send(plain(body=b"again"))
            equal(client.response().body, b"again", "body")
    require(not origin.has_waiting(), "a connection was opened although the client had one")
    equal([entry["reused"] for entry in proxy.log_entries(6)], [False, False, True, True, True, True], "reuse in the log")
    stranger = bench.client(proxy)
    stranger.send(GET)
    third = origin.accept()
    equal(third.until(b"\r\n"), header_of("v1", stranger.local, proxy.address), "header of a third client")


@alone.case("announcing.client_leaves", "when the client leaves, its connections to endpoints are closed")
def client_leaves(bench):
    origin, proxy = announcing(bench, "v2")
    for how in ("fin", "close", "reset"):
        client = bench.client(proxy)
        client.send(GET)
        connection = origin.accept()
        connection.exactly(28)
        connection.request()
        connection.send(plain())
        client.response()
        client.leave(how)
        connection.expect_end("eof", "reset")


@alone.case("announcing.several_endpoints", "a client has a connection of its own to each endpoint")
def several_endpoints(bench):
    first, second = bench.scripted(), bench.scripted()
    proxy = bench.proxy(configuration(first.address, second.address, upstream='proxy_protocol = "v1"\n'))
    client = bench.client(proxy)
    kept = []
    for turn in range(6):
        client.send(GET)
        if turn < 2:
            origin = wait_for(lambda: next((one for one in (first, second) if one.has_waiting()), None), "a connection")
            kept.append(origin.connections[-1])
            equal(kept[turn].until(b"\r\n"), header_of("v1", client.local, proxy.address), "header")
        connection = kept[turn % 2]
        equal(connection.request().target, "/x", "target")
        connection.send(plain(body=b"%d" % turn))
        equal(client.response().body, b"%d" % turn, "body")
    equal((len(first.connections), len(second.connections)), (1, 1), "connections to the endpoints")


@alone.case("announcing.dead_connection", "a kept connection that has died is replaced by one with a header of its own")
def dead_connection(bench):
    origin, proxy = announcing(bench, "v1")
    client = bench.client(proxy)
    client.send(GET)
    connection = origin.accept()
    connection.until(b"\r\n")
    connection.request()
    connection.send(plain())
    client.response()
    # Closed in front of the next request, or when it comes: both lead to a new connection.
    for how in ("close", "reset"):
        connection.leave(how)
        client.send(GET)
        connection = origin.accept()
        equal(connection.until(b"\r\n"), header_of("v1", client.local, proxy.address), "header")
        connection.request()
        connection.send(plain(body=b"y"))
        equal(client.response().body, b"y", "body")


@alone.case("announcing.upload", "a request with a body, and an upgrade, behind a header")
def upload(bench):
    origin, proxy = announcing(bench, "v2")
    client = bench.client(proxy)
    client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + b"u" * 300000)
    connection = origin.accept()
    equal(connection.exactly(28), header_of("v2", client.local, proxy.address), "header")
    equal(len(connection.request().body), 300000, "body that arrived")
    connection.send(plain())
    equal(client.response().status, 200, "status")
    other = bench.client(proxy)
    other.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    connection = origin.accept()
    equal(connection.exactly(28), header_of("v2", other.local, proxy.address), "header")
    connection.until(b"\r\n\r\n")
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello")
    equal(other.head().status, 101, "status")
    equal(other.exactly(5), b"hello", "what came through the tunnel")
    other.send(b"there")
    equal(connection.exactly(5), b"there", "what came back")
    other.close()
    connection.expect_end()
    connection.close()


def passes_on(bench, version, incoming, outgoing):
    address = bench.reserve()
    listener = f'[[listener]]\nname = "in"\naddress = "{address[0]}:{address[1]}"\nproxy_protocol = {{ from = ["127.0.0.1"] }}\n'
    origin, proxy = announcing(bench, version, extra=listener)
    client = bench.client(proxy, address)
    client.send(incoming + GET)
    connection = origin.accept()
    expected = outgoing or header_of(version, client.local, address)
    equal(connection.exactly(len(expected)), expected, "header towards the endpoint")
    equal(connection.request().target, "/x", "target")
    connection.send(plain())
    equal(client.response().status, 200, "status")


alone.table(
    "announcing.passes_on",
    [
        ("v1_to_v2", "a line that came in goes on as a binary header, with both addresses", "v2", LINE_4, BINARY_4),
        ("v2_to_v1", "and the other way round", "v1", BINARY_6, LINE_6),
        ("unknown", "an unknown client is named by its connection", "v1", b"PROXY UNKNOWN\r\n", None),
        ("local", "so is the proxy in front that speaks for itself", "v2", binary(0x20, 0x00), None),
        ("unix", "a client on a unix socket elsewhere stays unknown", "v1", binary(0x21, 0x31, b"/a" + bytes(214)), b"PROXY UNKNOWN\r\n"),
    ],
    passes_on,
)


def from_unix(bench, version):
    origin, proxy = announcing(bench, version, extra='[[listener]]\nname = "local"\naddress = "unix:@FOLDER@/web.sock"\n')
    client = bench.client(proxy, str(proxy.folder / "web.sock"))
    client.send(GET)
    connection = origin.accept()
    equal(connection.exactly(len(unknown(version))), unknown(version), "header")
    equal(connection.request().target, "/x", "target")


alone.table(
    "announcing.from_unix",
    [
        ("v1", "a client without an address is unknown in a line", "v1"),
        ("v2", "and in a binary header", "v2"),
    ],
    from_unix,
)


@alone.case("announcing.reload", "where a reload switches headers on or off, no connection from before is used again")
def changed(bench):
    origin = bench.scripted()
    without = configuration(origin.address)
    proxy = bench.proxy(without)
    client = bench.client(proxy)

    def relay(header):
        client.send(GET)
        connection = origin.accept()
        if header:
            equal(connection.until(b"\r\n"), header_of("v1", client.local, proxy.address), "header")
        equal(connection.request().target, "/x", "target")
        connection.send(plain())
        client.response()
        return connection

    plain_connection = relay(header=False)
    reload(proxy, configuration(origin.address, upstream='proxy_protocol = "v1"\n'))
    announced = relay(header=True)
    plain_connection.expect_end()
    reload(proxy, without)
    relay(header=False)
    announced.expect_end()


@alone.case("announcing.errors", "an endpoint that does not want the header is told like any other that closes")
def errors(bench):
    origin, proxy = announcing(bench, "v2")
    client = bench.client(proxy)
    client.send(GET)
    connection = origin.accept()
    require(connection.exactly(12) == SIGNATURE, "header")
    connection.close()
    expect_own_reply(client.response(), 502)
    equal(log_entry(proxy, "/x")["attempts"], 1, "attempts: a new connection that ends is no stale one")
