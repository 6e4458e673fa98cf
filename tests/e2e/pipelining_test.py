"""Requests behind requests: in order, bounded, and none of them hides that the client has gone."""

import itertools
import time

import sockets
import wire
from check import equal, require, wait_for, within
from delivery import few_deliveries
from harness import Group, asked, configuration, pair
from origin import plain
from replies import arrived, echo, expect_logged, expect_own_reply, log_entry
from wire import get, post

alone = Group()
MIB = 1 << 20


@alone.case("pipelining.order", "requests of all kinds in one go are answered in their order")
def order(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address))
    chunks = wire.chunked(b"hello", b"world")
    requests = b"".join(
        (get(f"/{n}"), post(f"/{n}", b"b" * (n * 37)),
         wire.chunked_head(f"/{n}").replace(b"POST", b"PUT") + chunks)[n % 3] for n in range(30))
    for way in few_deliveries(requests):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests))
            for n in range(30):
                told = arrived(client.response())
                equal((told["target"], told["method"]), (f"/{n}", ("GET", "POST", "PUT")[n % 3]), "what was answered")
                equal(told["body"], ("", "b" * (n * 37), "helloworld")[n % 3], "body")
            client.expect_open()
            client.close()


@alone.case("pipelining.refused", "what follows a refused request is not looked at")
def refused(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address))
    requests = get("/first") + b"GET /bad HTTP/1.1\r\n\r\n" + get("/third")
    ways = few_deliveries(requests)
    for way in ways:
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests))
            equal(arrived(client.response())["target"], "/first", "target")
            expect_own_reply(client.response(), 400)
            client.end_sending()
            client.expect_end()
    equal([request.target for request in origin.requests], ["/first"] * len(ways), "requests that reached the origin")


@alone.case("pipelining.bounded", "requests that nobody answers yet are not taken in without end")
def bounded(bench):
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, get("/first"))
    before = proxy.resident_bytes()
    sent = client.send_until_full(get("/next") * 1000, 256 * MIB, 0.5)
    require(sent < 64 * MIB, f"the proxy took {sent} bytes of requests that it cannot serve yet")
    require(proxy.resident_bytes() - before < 16 * MIB, "memory grew with the requests")
    require(not origin.has_waiting(), "a pipelined request was forwarded before its turn")
    client.reset()
    connection.expect_end("eof", "reset")


def gone_behind_many(bench, how, pieces, size):
    """More is unread than the proxy receives ahead: it sees the end of the client behind it."""
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, get("/gone"))
    for number in range(pieces):
        client.send(get("/next", b"X: " + b"x" * size + b"\r\n"))
        # Each piece in a buffer of its own, as long as there are any for it.
        if number < 8:
            client.wait_taken()
    client.leave(how)
    wait_for(connection.is_ended, "the connection to the origin is closed", patience=5)
    expect_logged(proxy, "/gone", 499, "client_closed")
    require(not origin.has_waiting(), "a pipelined request of a client that has gone was forwarded")


alone.table("pipelining.client_gone", [
    (f"{how}_{name}", f"{title}: {how}", how, pieces, size)
    for how in ("fin", "close", "reset")
    for name, title, pieces, size in (("pieces", "twelve small pieces are unread", 12, 10), ("bytes", "100 KB are unread", 12, 8000))
] + [("reset_much", "a megabyte is on its way: reset", "reset", 40, 25_000)], gone_behind_many)


@alone.case("pipelining.client_gone.while_delivering", "behind unread requests, while the response goes out and the origin rests")
def gone_while_delivering(bench):
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, get("/gone"))
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst")
    client.head()
    equal(client.exactly(5), b"first", "the beginning of the response")
    for _ in range(12):
        client.send(get("/next"))
        client.wait_taken()
    client.end_sending()
    wait_for(connection.is_ended, "the connection to the origin is closed", patience=5)
    entry = log_entry(proxy, "/gone")
    equal((entry["status"], entry["reason"]), (499, "client_closed"), "status and reason in the log")


@alone.case("pipelining.client_gone.upload", "a client resets while its upload is stuck before an origin that does not read")
def gone_in_stuck_upload(bench):
    for name, extra in (("spliced", ""), ("copied", "[shard_defaults]\nsplice_threshold = 0\n")):
        with within(name):
            origin, proxy = pair(bench, extra=extra)
            client = bench.client(proxy)
            client.send(wire.post_head("/gone", 1_000_000_000))
            connection = origin.accept()
            connection.head()
            client.send_until_full()
            client.reset()
            entry = log_entry(proxy, "/gone")
            equal((entry["status"], entry["reason"]), (499, "client_closed"), "status and reason in the log")
            require(entry["total"] < 20, f"it took {entry['total']} s")
            connection.rest()


# A client that ends its side first


def half_close(bench, request, bodies):
    """With half_close, what was asked before the FIN is answered; then the connection ends."""
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, route="half_close = true"))
    for way in few_deliveries(request):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(request))
            client.end_sending()
            for body in bodies:
                equal(arrived(client.response())["body"], body, "body")
            client.expect_end()
    wait_for(lambda: proxy.log_lines() == 3 * len(bodies), "a line for each request")
    for entry in proxy.log_entries(3 * len(bodies)):
        equal((entry["status"], entry.get("reason")), (200, None), "status and reason in the log")


alone.table("half_close", [
    ("get", "a request without a body", get("/x"), [""]),
    ("post", "a request with a body", post("/x", b"hello"), ["hello"]),
    ("chunked", "a chunked body", wire.chunked_head("/x") + wire.chunked(b"hello"), ["hello"]),
    ("pipelined", "several requests", get("/x") + post("/x", b"hello") + get("/x"), ["", "hello", ""]),
    ("big", "a body that is spliced", post("/x", b"h" * 150_000), ["h" * 150_000]),
], half_close)


@alone.case("half_close.waits", "a FIN does not end the wait for the response, a reset behind it does")
def half_close_waits(bench):
    origin, proxy = pair(bench, route="half_close = true")
    request = get("/the-same")
    for number, (ends, way) in enumerate(itertools.product(("answered", "reset"), few_deliveries(request))):
        with within(f"{ends}, {way.name}"):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(request))
            client.end_sending()
            connection = origin.accept()
            connection.request()
            wait_for(lambda client=client: client_has_fin_wait(client), "the proxy's kernel has acknowledged the FIN")
            connection.expect_open()
            if ends == "answered":
                connection.send(plain(body=b"late"))
                equal(client.response().body, b"late", "body")
                client.expect_end()
                expected = (200, None)
            else:
                client.reset()
                wait_for(connection.is_ended, "the connection to the origin is closed", patience=5)
                expected = (499, "client_closed")
            entry = proxy.log_entries(number + 1)[-1]
            equal((entry["status"], entry.get("reason")), expected, "status and reason in the log")
            connection.close()


def client_has_fin_wait(client):
    found = sockets.state_of(client.local, client.remote)
    return found is not None and found[0] == 5  # FIN_WAIT2


@alone.case("half_close.in_body", "a FIN within the body is the end of the client all the same")
def half_close_in_body(bench):
    origin, proxy = pair(bench, route="half_close = true")
    request = wire.post_head("/gone", 100) + b"part"
    for number, way in enumerate(few_deliveries(request)):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(request))
            connection = origin.accept()
            connection.head()
            equal(connection.exactly(4), b"part", "what came")
            client.end_sending()
            connection.expect_end("eof", "reset")
            entry = proxy.log_entries(number + 1)[-1]
            equal((entry["status"], entry["reason"]), (499, "client_closed"), "status and reason in the log")


@alone.case("half_close.not_here", "a route without it, behind one with it")
def half_close_not_here(bench):
    origin = bench.scripted()
    routes = '[[route]]\npath = "/half/*"\nupstream = "app"\nhalf_close = true\n[[route]]\npath = "/whole/*"\nupstream = "app"\n'
    proxy = bench.proxy(configuration(origin.address, routes=routes))
    requests = get("/half/a") + get("/whole/b")
    for number, way in enumerate(few_deliveries(requests)):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests))
            client.end_sending()
            connection = origin.accept()
            equal(connection.request().target, "/half/a", "target")
            connection.send(plain(body=b"ok", fields=b"Connection: close\r\n"))
            equal(client.response().body, b"ok", "body")
            client.expect_end("eof", "reset")
            entries = proxy.log_entries(2 * number + 2)[-2:]
            equal([(entry["target"], entry["status"], entry.get("reason")) for entry in entries],
                  [("/half/a", 200, None), ("/whole/b", 499, "client_closed")], "the log")


# The line too much that some clients send behind a body (RFC 9112 §2.2)


def blank_line_behind(bench, proxy, line, way):
    with within(f"{line!r} {way.name}"):
        client = bench.client(proxy)
        client.send(post("/x", b"hello"))
        equal(arrived(client.response())["body"], "hello", "body")
        client.send_pieces(way.pieces(line))
        client.wait_taken()
        if line == b"\r\n":
            # Longer than a head may take: nothing has begun.
            time.sleep(0.5)
            client.expect_open()
            client.send(get("/next"))
        equal(arrived(client.response())["target"], "/next", "target")
        client.close()


@alone.case("pipelining.blank_line", "CR and LF behind a body are no request, however they come")
def blank_line(bench):
    origin = bench.scripted().serve(echo)
    for line, timeouts in ((b"\r\n", 'head = "300ms"'), (b"\r\n" + get("/next"), "")):
        proxy = bench.proxy(configuration(origin.address, timeouts=timeouts))
        ways = few_deliveries(line)
        for way in ways:
            blank_line_behind(bench, proxy, line, way)
        equal({entry["status"] for entry in proxy.log_entries(2 * len(ways))}, {200}, "statuses in the log")


@alone.case("pipelining.blank_line.half", "half of such a line leaves no line in the log, whatever becomes of it")
def half_blank_line(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, timeouts='head = "2s"'))
    begin = post("/x", b"hello") + b"\r"
    for number, (end, way) in enumerate(itertools.product(("close", "wait", "reset"), few_deliveries(begin))):
        with within(f"{end}, {way.name}"):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(begin))
            arrived(client.response())
            client.wait_taken()
            if end == "wait":
                client.expect_end()
            elif end == "reset":
                client.reset()
            else:
                client.end_sending()
                client.expect_end()
            equal(len(proxy.log_entries(number + 1)), number + 1, "lines in the log")
    client = bench.client(proxy)
    client.send(post("/x", b"hello"))
    arrived(client.response())
    client.send_pieces([b"\r", get("/x")])
    expect_own_reply(client.response(), 400)
