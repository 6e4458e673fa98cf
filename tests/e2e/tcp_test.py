"""TCP listeners: bytes go on as they come, each side ends by itself, and what fails is told in the log."""

import contextlib
import signal
import threading
import zlib

import sockets
from check import contains, equal, one_of, require, wait_for, within
from delivery import deliveries
from harness import Group, configuration
from origin import plain
from peer import Client
from proxy_header import BINARY_4, LINE_4, LINE_6
from reloading import reload
from replies import echo

alone = Group()
MIB = 1 << 20
HELLO = b"EHLO a\r\n\r\n\x00\xff\r\n"


def tcp(*endpoints, upstream="", listener="", shards=1, timeouts="", limits="max_connections = 2000", log="", extra=""):
    """A configuration with nothing but a TCP listener and its upstream."""
    texts = ", ".join(f'"{endpoint}"' for endpoint in endpoints)
    return f"""shards = {shards}
[log]
access = "@LOG@"
flush = "10ms"
{log}
[[listener]]
name = "main"
address = "@LISTEN@"
protocol = "tcp"
upstream = "app"
{listener}
[upstream.app]
endpoints = [{texts}]
{upstream}
[timeouts]
{timeouts}
[limits]
{limits}
{extra}
"""


def relayed(bench, proxy, origin, **options):
    """(the client's connection, the origin's)"""
    client = bench.client(proxy, **options)
    return client, origin.accept()


def pair(bench, **options):
    origin = bench.scripted()
    return origin, bench.proxy(tcp(origin.address, **options))


def end(client, connection):
    """Both sides end; it is over when the endpoint's is."""
    client.close()
    connection.expect_end("eof", "reset")
    connection.close()


def entry_of(proxy, count=1):
    return proxy.log_entries(count)[-1]


@alone.case("tcp.both_ways", "what one side sends the other gets, however it is delivered, and whoever begins")
def both_ways(bench):
    origin, proxy = pair(bench)
    for way in deliveries(HELLO):
        with within(way.name):
            client, connection = relayed(bench, proxy, origin)
            connection.send_pieces(way.pieces(b"220 " + HELLO))
            equal(client.exactly(len(HELLO) + 4), b"220 " + HELLO, "what the client got before it had sent anything")
            client.send_pieces(way.pieces(HELLO))
            equal(connection.exactly(len(HELLO)), HELLO, "what the endpoint got")
            end(client, connection)


def half_closed(bench, first):
    origin, proxy = pair(bench)
    client, connection = relayed(bench, proxy, origin)
    sender, other = (client, connection) if first == "client" else (connection, client)
    sender.send(b"the last bytes")
    sender.end_sending()
    equal(other.rest(), b"the last bytes", "what came in front of the end")
    equal(other.end, "eof", "the end")
    for piece in (b"still", b"here", b"x" * 300000):
        other.send(piece)
        equal(sender.exactly(len(piece)), piece, "what comes the other way behind the end")
    require(not proxy.log_lines(), "the line was written while one side was open")
    other.close()
    sender.expect_end()
    entry = entry_of(proxy)
    equal(entry.get("reason"), None, "reason of a whole connection")
    up, down = (14, 300009) if first == "client" else (300009, 14)
    equal((entry["request_bytes"], entry["response_bytes"]), (up, down), "bytes up and down")


alone.table(
    "tcp.half_close",
    [
        ("client", "the client ends its side, and the endpoint goes on", "client"),
        ("endpoint", "the endpoint ends its side, and the client goes on", "endpoint"),
    ],
    half_closed,
)


def reset(bench, who, has_sent):
    origin, proxy = pair(bench)
    client, connection = relayed(bench, proxy, origin)
    if has_sent:
        client.send(b"up")
        equal(connection.exactly(2), b"up", "up")
        connection.send(b"down")
        equal(client.exactly(4), b"down", "down")
    sender, other = (client, connection) if who == "client" else (connection, client)
    sender.reset()
    other.expect_end("reset")
    entry = entry_of(proxy)
    equal(entry["reason"], "client_closed" if who == "client" else "upstream_reset", f"reason in {entry}")
    equal("status" in entry, False, "a status in a line about no HTTP")


alone.table(
    "tcp.reset",
    [
        ("client", "a reset from the client is one for the endpoint", "client", True),
        ("client_at_once", "also as the first thing that comes", "client", False),
        ("endpoint", "and the other way round", "endpoint", True),
        ("endpoint_at_once", "also instead of the first byte", "endpoint", False),
    ],
    reset,
)


@alone.case("tcp.end_at_once", "a client that has sent everything and ended before the endpoint was there gets its answer")
def end_at_once(bench):
    origin, proxy = pair(bench)
    client = bench.client(proxy)
    client.send(b"question")
    client.end_sending()
    connection = origin.accept()
    equal(connection.rest(), b"question", "what the endpoint got")
    connection.send(b"answer")
    connection.close()
    equal((client.rest(), client.end), (b"answer", "eof"), "what the client got")


@alone.case("tcp.line", "what the line of a connection says")
def line(bench):
    origin, proxy = pair(bench)
    client, connection = relayed(bench, proxy, origin)
    client.send(b"12345")
    connection.exactly(5)
    connection.send(b"123")
    client.exactly(3)
    connection.close()
    client.end_sending()
    client.expect_end()
    entry = entry_of(proxy)
    for duration in ("connect", "total"):
        require(0 <= entry.pop(duration) < 10, f"{duration} in {entry}")
    require(entry.pop("ts").endswith("Z"), f"time in {entry}")
    expected = {"shard": 0, "listener": "main", "client": "127.0.0.1", "protocol": "tcp", "request_bytes": 5, "response_bytes": 3,
                "upstream": "app", "endpoint": origin.address, "attempts": 1}
    equal(entry, expected, "the rest of the line")


@alone.case("tcp.combined", "in the combined format there is no request and the status is 000")
def combined(bench):
    origin, proxy = pair(bench, log='format = "combined"\n')
    client, connection = relayed(bench, proxy, origin)
    connection.send(b"123")
    client.exactly(3)
    end(client, connection)
    wait_for(lambda: proxy.log_lines() == 1, "the line")
    text = proxy.log_path.read_text()
    require(text.startswith("127.0.0.1 - - [") and text.endswith('] "-" 000 3 "-" "-"\n'), f"the line: {text}")


@alone.case("tcp.another_endpoint", "where one endpoint refuses, another one is asked")
def another_endpoint(bench):
    dead, origin = bench.dead_port(), bench.scripted()
    proxy = bench.proxy(tcp(dead.address, origin.address))
    for number in range(1, 5):
        client, connection = relayed(bench, proxy, origin)
        client.send(b"x")
        equal(connection.exactly(1), b"x", "what the endpoint got")
        connection.close()
        client.end_sending()
        client.expect_end()
        one_of(entry_of(proxy, number)["attempts"], (1, 2), "attempts")
    equal(sorted({entry["attempts"] for entry in proxy.log_entries(4)}), [1, 2], "connections of which some met the dead one")


def expect_reset(bench, proxy):
    """The client is reset, be it before it has looked at its own socket."""
    with contextlib.suppress(OSError):
        client = bench.client(proxy)
        client.send(b"x")
        client.expect_end("reset")


def unconnected(bench, kind, reason):
    where = bench.dead_port() if kind == "dead" else bench.deaf_port()
    proxy = bench.proxy(tcp(where.address, timeouts='connect = "100ms"'))
    expect_reset(bench, proxy)
    entry = entry_of(proxy)
    equal((entry["reason"], entry["endpoint"], entry["attempts"]), (reason, where.address, 1), f"the line: {entry}")
    require("connect" not in entry and entry["request_bytes"] == entry["response_bytes"] == 0, f"the line: {entry}")


alone.table(
    "tcp.unconnected",
    [
        ("refused", "where nobody takes the connection, the client is reset", "dead", "upstream_refused"),
        ("timeout", "also where nobody answers", "deaf", "upstream_connect_timeout"),
    ],
    unconnected,
)


@alone.case("tcp.many_dead", "four endpoints are asked at most")
def many_dead(bench):
    proxy = bench.proxy(tcp(*(bench.dead_port().address for _ in range(6))))
    expect_reset(bench, proxy)
    equal(entry_of(proxy)["attempts"], 4, "attempts")


@alone.case("tcp.gone_while_connecting", "a client that resets while an endpoint is waited for is noticed at once; its FIN is not the end")
def gone_while_connecting(bench):
    deaf = bench.deaf_port()
    proxy = bench.proxy(tcp(deaf.address, timeouts='connect = "1m"'))
    client = bench.client(proxy)
    client.send(b"x")
    client.reset()
    equal(entry_of(proxy)["reason"], "client_closed", "reason")
    patient = bench.client(proxy)
    patient.end_sending()
    patient.expect_open()
    proxy.signal(signal.SIGINT)
    patient.expect_end("reset", "eof")
    proxy.expected_exit = one_of_exit(proxy)


def one_of_exit(proxy):
    status = proxy.wait_exit()
    one_of(status, (2, 3), "exit status of a proxy that cut a connection off")
    return status


@alone.case("tcp.idle", "nothing in either direction for timeouts.tunnel ends both; what moves in one of them keeps both")
def idle(bench):
    origin, proxy = pair(bench, timeouts='tunnel = "400ms"')
    busy = relayed(bench, proxy, origin)
    client, connection = relayed(bench, proxy, origin)
    stop = threading.Event()

    def drip():
        while not stop.wait(0.05):
            busy[1].send(b".")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        client.expect_end("reset")
        connection.expect_end("reset")
    finally:
        stop.set()
        dripping.join()
    entry = entry_of(proxy)
    equal(entry["reason"], "tunnel_idle", "reason")
    require(entry["total"] >= 0.4, f"ended too early: {entry}")
    require(b"...." in busy[0].take(busy[0].receive() and len(busy[0].pending)), "what moves goes on")


@alone.case("tcp.upstream_timeouts", "the upstream's own timeouts go before those of the file")
def upstream_timeouts(bench):
    origin = bench.scripted()
    proxy = bench.proxy(tcp(origin.address, upstream='timeouts = { tunnel = "200ms" }', timeouts='tunnel = "1h"'))
    client, _ = relayed(bench, proxy, origin)
    client.expect_end("reset")
    equal(entry_of(proxy)["reason"], "tunnel_idle", "reason")


def stalled(bench, who):
    origin, proxy = pair(bench, timeouts='idle = "300ms"\ntunnel = "1h"')
    client, connection = relayed(bench, proxy, origin)
    sender = connection if who == "client" else client
    with contextlib.suppress(ConnectionError):  # it may be over before the sender has waited for long
        sender.send_until_full(patience=0.2)
    entry = entry_of(proxy)
    equal(entry["reason"], "client_stalled" if who == "client" else "upstream_idle_timeout", f"reason in {entry}")


alone.table(
    "tcp.stalled",
    [
        ("client", "a client that takes nothing for timeouts.idle is reset", "client"),
        ("endpoint", "so is an endpoint", "endpoint"),
    ],
    stalled,
)


def bulk(bench, shard_defaults, size):
    origin = bench.scripted()
    proxy = bench.proxy(tcp(origin.address, extra=f"[shard_defaults]\n{shard_defaults}\n"))
    client, connection = relayed(bench, proxy, origin)
    before = proxy.resident_bytes()
    block = bytes(range(256)) * 256
    results = {}

    def send(name, peer):
        peer.send_until_full(block, most=size, patience=10)
        peer.end_sending()
        results[name] = True

    def receive(name, peer):
        count = checksum = 0
        while peer.receive():
            data = peer.take(len(peer.pending))
            count, checksum = count + len(data), zlib.crc32(data, checksum)
        results[name] = (count, checksum)

    threads = [threading.Thread(target=function, args=arguments) for function, arguments in (
        (send, ("up", client)), (send, ("down", connection)), (receive, ("client", client)), (receive, ("endpoint", connection)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = (size, zlib.crc32(block * (size // len(block))))
    equal((results.get("client"), results.get("endpoint")), (expected, expected), "bytes and checksum that came")
    require(proxy.resident_bytes() - before < 40 * MIB, f"memory grew by {proxy.resident_bytes() - before}")
    equal(entry_of(proxy)["request_bytes"], size, "bytes up in the log")


alone.table(
    "tcp.bulk",
    [
        ("spliced", "32 MiB each way at once, spliced", "", 32 * MIB),
        ("copied", "the same without splicing", "splice_threshold = 0", 32 * MIB),
        ("no_pipes", "the same without a pipe", "pipes = 0", 32 * MIB),
        ("few_buffers", "with few small buffers", 'receive_buffers = 16\nreceive_buffer = "4KiB"\nmessage_buffers = 64', 8 * MIB),
    ],
    bulk,
)


@alone.case("tcp.limits", "limits on connections hold for TCP as well")
def limits(bench):
    origin, proxy = pair(bench, limits="max_connections = 2\nmax_connections_per_client = 1")
    first = relayed(bench, proxy, origin)
    bench.client(proxy).expect_end("eof", "reset")
    second = relayed(bench, proxy, origin, source="127.0.0.2")
    bench.client(proxy, source="127.0.0.3").expect_end("eof", "reset")
    for client, connection in (first, second):
        client.send(b"x")
        equal(connection.exactly(1), b"x", "on the connections that were admitted")
        end(client, connection)


@alone.case("tcp.drain", "a connection lives on while the proxy drains, and is reset at the deadline")
def drain(bench):
    origin, proxy = pair(bench, timeouts='drain = "600ms"')
    ending, lasting = relayed(bench, proxy, origin), relayed(bench, proxy, origin)
    proxy.signal(signal.SIGTERM)
    wait_for(lambda: not sockets.is_listening(proxy.address), "nobody is let in any more")
    for client, connection in (ending, lasting):
        client.send(b"x")
        equal(connection.exactly(1), b"x", "while it drains")
    end(*ending)
    lasting[0].expect_end("reset")
    lasting[1].expect_end("reset")
    proxy.expected_exit = one_of_exit(proxy)
    equal([entry.get("reason") for entry in proxy.log_entries(2)], [None, "shutdown"], "reasons")


@alone.case("tcp.reload", "a reload sends new connections elsewhere and leaves those alone that are there")
def changed(bench):
    first, second = bench.scripted(), bench.scripted()
    text = tcp(first.address)
    proxy = bench.proxy(text)
    old = relayed(bench, proxy, first)
    # Another endpoint, another upstream, no listener at this address but HTTP, and back again.
    reload(proxy, tcp(second.address))
    newer = relayed(bench, proxy, second)
    reload(proxy, text.replace('"app"', '"other"').replace("[upstream.app]", "[upstream.other]"))
    newest = relayed(bench, proxy, first)
    reload(proxy, configuration(second.address))
    client = bench.client(proxy)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection = second.accept()
    connection.request()
    connection.send(plain(body=b"http"))
    equal(client.response().body, b"http", "the listener speaks HTTP now")
    reload(proxy, text)
    last = relayed(bench, proxy, first)
    for name, (one, other) in (("old", old), ("newer", newer), ("newest", newest), ("last", last)):
        with within(name):
            one.send(b"x")
            equal(other.exactly(1), b"x", "up")
            other.send(b"yz")
            equal(one.exactly(2), b"yz", "down")
            end(one, other)


@alone.case("tcp.listener_removed", "connections of a listener that is gone go on until they end")
def listener_removed(bench):
    address = bench.reserve()
    origin = bench.scripted()
    more = f'[[listener]]\nname = "more"\naddress = "{address[0]}:{address[1]}"\nprotocol = "tcp"\nupstream = "more"\n[upstream.more]\nendpoints = ["{origin.address}"]\n'
    proxy = bench.proxy(tcp(origin.address, extra=more))
    client = bench.client(proxy, address)
    connection = origin.accept()
    reload(proxy, tcp(origin.address))
    client.send(b"x")
    equal(connection.exactly(1), b"x", "up")
    connection.send(b"y")
    equal(client.exactly(1), b"y", "down")
    connection.close()
    client.end_sending()
    client.expect_end()
    equal(entry_of(proxy)["upstream"], "more", "upstream in the log")


@alone.case("tcp.beside_http", "TCP and HTTP share an upstream, and each keeps to its listener")
def beside_http(bench):
    address = bench.reserve()
    origin = bench.scripted().serve(echo)
    listener = f'[[listener]]\nname = "raw"\naddress = "{address[0]}:{address[1]}"\nprotocol = "tcp"\nupstream = "app"\n'
    proxy = bench.proxy(configuration(origin.address, extra=listener))
    request = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
    for where, fields in ((proxy.address, True), (address, False)):
        client = bench.client(proxy, where)
        client.send(request)
        response = client.response()
        equal((response.status, response.fields.has("Via")), (200, fields), "status, and whether the response is ours")


def announced(bench, version, incoming, expected):
    origin = bench.scripted()
    proxy = bench.proxy(tcp(origin.address, listener='proxy_protocol = { from = ["127.0.0.1"] }', upstream=f'proxy_protocol = "{version}"'))
    sent = incoming + b"hello"
    for number, way in enumerate(deliveries(sent)):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(sent))
            connection = origin.accept()
            equal(connection.exactly(len(expected) + 5), expected + b"hello", "what the endpoint got")
            end(client, connection)
            entry = entry_of(proxy, number + 1)
            equal(entry["request_bytes"], 5, "bytes up, without any header")
            require(entry["client"] in ("192.0.2.1", "2001:db8::1"), f"client in {entry}")


alone.table(
    "tcp.announced",
    [
        ("v1_to_v2", "a PROXY header that came in goes on in another version", "v2", LINE_4, BINARY_4),
        ("v2_to_v1", "and the other way round", "v1", BINARY_4, LINE_4),
        ("v1_to_v1", "or in the same", "v1", LINE_6, LINE_6),
    ],
    announced,
)


@alone.case("tcp.announced_first", "an endpoint that speaks first has the header before its client says anything")
def announced_first(bench):
    origin, proxy = pair(bench, upstream='proxy_protocol = "v1"')
    client, connection = relayed(bench, proxy, origin)
    expected = f"PROXY TCP4 127.0.0.1 127.0.0.1 {client.local[1]} {proxy.address[1]}\r\n".encode()
    equal(connection.until(b"\r\n"), expected, "header")
    connection.send(b"220 ready")
    equal(client.exactly(9), b"220 ready", "greeting")
    end(client, connection)


@alone.case("tcp.header_missing", "without the PROXY header that a listener wants nobody is connected to")
def header_missing(bench):
    origin, proxy = pair(bench, listener='proxy_protocol = { from = ["127.0.0.1"] }')
    client = bench.client(proxy)
    client.send(b"EHLO a\r\n")
    client.expect_end("eof", "reset")
    equal(entry_of(proxy)["reason"], "bad_proxy_header", "reason")
    require(not origin.has_waiting(), "an endpoint was asked")


@alone.case("tcp.unix", "over unix sockets on both sides")
def over_unix(bench):
    origin = bench.scripted(unix="\0sluice-e2e-tcp-%d" % id(bench))
    extra = '[[listener]]\nname = "local"\naddress = "unix:@FOLDER@/raw.sock"\nprotocol = "tcp"\nupstream = "app"\n'
    proxy = bench.proxy(tcp(origin.address, extra=extra))
    # Often, because the end may come together with the bytes in front of it, and be overlooked.
    for number in range(1, 61):
        client = bench.client(proxy, str(proxy.folder / "raw.sock"))
        client.send(HELLO)
        client.end_sending()
        connection = origin.accept()
        equal(connection.rest(), HELLO, "what the endpoint got")
        connection.send(b"bye")
        connection.close()
        equal((client.rest(), client.end), (b"bye", "eof"), "what the client got")
        client.close()
        entry = entry_of(proxy, number)
        equal((entry["client"], entry["listener"], entry.get("reason")), ("unix", "local", None), "client, listener and reason")


@alone.case("tcp.seen", "connections and what they have carried are seen on the admin socket")
def seen(bench):
    origin, proxy = pair(bench, extra='[admin]\nsocket = "@FOLDER@/admin.sock"\n')
    client, connection = relayed(bench, proxy, origin)
    client.send(b"12345")
    connection.exactly(5)
    connection.send(b"123")
    client.exactly(3)

    def page(name):
        admin = Client(str(proxy.folder / "admin.sock"))
        admin.send(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % name.encode())
        body = admin.response().body.decode()
        admin.close()
        return body

    connections = page("connections")
    for part in ('"listener":"main"', '"phase":"tunnelling"', '"upstream":"app"', f'"endpoint":"{origin.address}"', '"request_bytes":5', '"response_bytes":3'):
        contains(connections, part, "/connections")
    contains(page("metrics"), 'sluice_shard_relays{shard="0"} 1\n', "/metrics")
    client.reset()
    connection.expect_end("reset")
    entry_of(proxy)
    metrics = page("metrics")
    rows = ('sluice_shard_relays{shard="0"} 0', 'sluice_shard_relays_total{shard="0"} 1', 'sluice_listener_relays_total{listener="main"} 1',
            'sluice_listener_relay_received_bytes_total{listener="main"} 5', 'sluice_listener_relay_sent_bytes_total{listener="main"} 3',
            'sluice_upstream_requests_total{upstream="app"} 1', 'sluice_upstream_connects_total{upstream="app"} 1',
            'sluice_exchange_reasons_total{reason="client_closed"} 1')
    for row in rows:
        contains(metrics, row + "\n", "/metrics")
