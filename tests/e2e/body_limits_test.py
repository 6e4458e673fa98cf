"""How much a client may send, how slowly it may send and take, and how many connections it may have."""

import contextlib
import threading
import time

import wire
from check import contains, equal, require, wait_for, within
from delivery import few_deliveries
from harness import Group, asked, begun, configuration, pair
from origin import plain
from replies import arrived, echo, expect_logged, expect_own_reply, log_entry
from wire import post

alone = Group()
KIB = 1024


def chunked_post(target, *chunks):
    return wire.chunked_head(target) + wire.chunked(*chunks)


# Sizes


class World:
    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.scripted().serve(echo)
        routes = ('[[route]]\nupstream = "app"\n[[route]]\npath = "/big/*"\nupstream = "app"\nlimits = { body_bytes = "100KiB" }\n'
                  '[[route]]\npath = "/none/*"\nupstream = "app"\nlimits = { body_bytes = 0 }\n')
        self.proxy = bench.proxy(configuration(self.origin.address, limits='body_bytes = 1000', routes=routes))


def sizes(bench):
    return World(bench)


group = Group(sizes)


def passes(world, request, size):
    for way in few_deliveries(request):
        with within(way.name):
            client = world.bench.client(world.proxy)
            client.send_pieces(way.pieces(request))
            equal(len(arrived(client.response("POST"))["body"]), size, "bytes that reached the origin")
            client.expect_open()
            client.close()


group.table("body_limits.within", [
    ("length", "as many bytes as there may be, with a length", post("/x", b"b" * 1000), 1000),
    ("chunked", "as many bytes as there may be, in chunks", chunked_post("/x", b"b" * 600, b"b" * 400), 1000),
    ("empty", "no bytes, with a length of none", post("/none/x", b""), 0),
    ("empty_chunked", "no bytes, in no chunks", chunked_post("/none/x"), 0),
    ("none", "no body", b"GET /none/x HTTP/1.1\r\nHost: a\r\n\r\n", 0),
    ("route", "what a route allows that all others do not", post("/big/x", b"b" * 5000), 5000),
    ("route_chunked", "the same in chunks", chunked_post("/big/x", *[b"b" * 1000] * 5), 5000),
], passes)


def refused(world, request, with_length):
    """413 and close. Nothing is forwarded where the length says it; otherwise the origin gets no whole request."""
    before = len(world.origin.requests)
    connections = len(world.origin.connections)
    for way in few_deliveries(request):
        with within(way.name):
            client = world.bench.client(world.proxy)
            client.send_pieces(way.pieces(request))
            response = client.response("POST")
            expect_own_reply(response, 413)
            contains(response.fields.elements("Connection"), "close", "Connection")
            client.end_sending()
            client.expect_end()
            client.close()
    equal(len(world.origin.requests), before, "whole requests that reached the origin")
    if with_length:
        equal(len(world.origin.connections), connections, "connections to the origin")


group.table("body_limits.over", [
    ("length", "one byte more, with a length", post("/x", b"b" * 1001), True),
    ("length_huge", "a length of petabytes", b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740992\r\n\r\n", True),
    ("route_none", "one byte where none is allowed", post("/none/x", b"b"), True),
    ("expect", "a client that waits for a 100 is not told to go on",
     b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", True),
    ("route", "more than the route allows", post("/big/x", b"b" * 102_401), True),
    ("chunked", "one byte more, in chunks", chunked_post("/x", b"b" * 600, b"b" * 401), False),
    ("chunked_one", "one chunk that is too large", chunked_post("/x", b"b" * 1001), False),
    ("chunked_endless", "a chunk without end", b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n" + b"b" * 1500, False),
    ("chunked_none", "one chunk where none is allowed", chunked_post("/none/x", b"b"), False),
], refused)


@alone.case("body_limits.spliced", "a chunk that would be spliced stops at the limit, and the origin gets no whole body")
def spliced(bench):
    origin, proxy = pair(bench, limits='body_bytes = "100KiB"')
    client, connection, _ = begun(bench, origin, proxy, b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000\r\n")
    client.socket.settimeout(5)
    sender = threading.Thread(target=lambda: client.send(b"s" * 400_000), daemon=True)
    sender.start()
    payload = wire.broken_chunked(connection.rest())
    require(len(payload) <= 100 * KIB and payload == b"s" * len(payload), f"{len(payload)} bytes reached the origin")
    expect_own_reply(client.response("POST"), 413)
    sender.join()
    expect_logged(proxy, "/x", 413, "body_too_large")


@alone.case("body_limits.committed", "a body that passes the limit behind the beginning of its response breaks that off")
def committed(bench):
    origin, proxy = pair(bench, limits="body_bytes = 1000")
    client, connection, _ = begun(bench, origin, proxy, b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    client.head()
    equal(client.exactly(10), b"5\r\nfirst\r\n", "the beginning of the response")
    client.send(b"800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n")
    equal(wire.broken_chunked(client.rest()), b"", "what followed")
    connection.rest()
    equal(log_entry(proxy, "/x")["reason"], "body_too_large", "reason in the log")


# Rates


def dribble(client, stop, piece, pause=0.02):
    while not stop.wait(pause):
        client.send(piece)


def too_slow(bench, head, extra):
    """A client that sends something all the time, and little: 408."""
    origin, proxy = pair(bench, limits='body_rate_min = "64KiB"', timeouts='idle = "1s"', extra=extra)
    client, connection, _ = begun(bench, origin, proxy, head)
    stop = threading.Event()
    sender = threading.Thread(target=dribble, args=(client, stop, b"1\r\ns\r\n"), daemon=True)
    sender.start()
    expect_own_reply(client.response("POST"), 408)
    stop.set()
    sender.join()
    entry = expect_logged(proxy, "/x", 408, "body_too_slow")
    require(1 <= entry["total"] < 8, f"total: {entry['total']}")
    connection.rest()


LENGTH = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
alone.table("body_limits.rate.slow", [
    ("length", "a body with a length", LENGTH % 30_000, ""),
    ("chunked", "a chunked body", CHUNKED, ""),
    ("spliced", "a body that is spliced", LENGTH % 10_000_000, ""),
    ("copied", "a long body that is copied", LENGTH % 10_000_000, "[shard_defaults]\nsplice_threshold = 0\n"),
], too_slow)


def origin_is_slow(bench, extra):
    """Only the waits for the client count: an upload that the origin does not read is not slow."""
    origin, proxy = pair(bench, limits='body_rate_min = "1MiB"', timeouts='idle = "1s"', extra=extra)
    body = b"o" * 3_000_000
    client, connection, _ = begun(bench, origin, proxy, LENGTH % len(body))
    sender = threading.Thread(target=lambda: client.send(body), daemon=True)
    sender.start()
    received = 0
    while received < len(body):
        # Slower than the rate that is asked of the client.
        time.sleep(0.05)
        require(connection.receive(), f"{connection.end} after {received} bytes")
        received += len(connection.pending)
        connection.pending.clear()
    sender.join()
    connection.send(plain(body=b"ok"))
    equal(client.response("POST").body, b"ok", "body")


alone.table("body_limits.rate.origin_is_slow", [
    ("spliced", "spliced", ""),
    ("copied", "copied", "[shard_defaults]\nsplice_threshold = 0\n"),
], origin_is_slow)


def reader_is_slow(bench, extra):
    """A client that takes something all the time, and little, is given up."""
    origin, proxy = pair(bench, limits='response_rate_min = "1GiB"', timeouts='idle = "500ms"', extra=extra)
    client, connection = asked(bench, origin, proxy, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", receive_buffer=4 * KIB)

    def send():
        with contextlib.suppress(OSError):
            connection.send(plain(body=b"r" * 100_000_000))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    deadline = time.monotonic() + 10
    while proxy.log_lines() == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
        client.socket.settimeout(1)
        try:
            if not client.socket.recv(2000):
                break
        except OSError:
            break
    entry = log_entry(proxy, "/x")
    equal((entry["status"], entry["reason"]), (499, "client_stalled"), "status and reason in the log")
    require(entry["total"] >= 0.5, f"total: {entry['total']}")
    connection.socket.close()
    sender.join()


alone.table("body_limits.rate.reader_is_slow", [
    ("spliced", "spliced", ""),
    ("copied", "copied", "[shard_defaults]\nsplice_threshold = 0\n"),
], reader_is_slow)


@alone.case("body_limits.rate.quiet_stream", "a response of which little is sent, and all taken at once, is not slow")
def quiet_stream(bench):
    origin, proxy = pair(bench, limits='response_rate_min = "1GiB"', timeouts='idle = "1500ms"')
    client, connection = asked(bench, origin, proxy, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.head()
    for _ in range(20):
        connection.send(b"5\r\nevent\r\n")
        equal(client.exactly(10), b"5\r\nevent\r\n", "event")
        time.sleep(0.1)
    connection.send(b"0\r\n\r\n")
    equal(client.exactly(5), b"0\r\n\r\n", "end")
    client.expect_open()


# Connections of one client


@alone.case("limits.max_connections_per_client", "one client has so many connections and no more, and takes nothing from another one")
def per_client(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, limits="max_connections_per_client = 5"))
    get = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
    held = [bench.client(proxy, source="127.0.0.2") for _ in range(5)]
    for client in held:
        arrived(client.exchange(get))
    for _ in range(3):
        more = bench.client(proxy, source="127.0.0.2")
        more.send(get)
        wait_for(more.is_ended, "one too many is closed")
        require(not more.pending, f"the answer to one too many: {more.pending}")
        more.close()
    for source in ("127.0.0.3", "127.0.0.4", "127.0.0.1"):
        for _ in range(5):
            arrived(bench.client(proxy, source=source).exchange(get))
    for client in held:
        arrived(client.exchange(get))
    held.pop().close()

    def is_let_in():
        client = bench.client(proxy, source="127.0.0.2")
        client.send(get)
        wait_for(lambda: client.is_ended() or client.pending, "it is served or closed")
        is_served = client.pending.startswith(b"HTTP/1.1 200")
        client.close()
        return is_served

    wait_for(is_let_in, "there is room again for another connection")
    bench.close_clients()
    counters = proxy.end_and_count()
    require(counters["shed_per_client"] >= 3, f"counted: {counters}")
