"""Requests behind requests: in order, bounded, and none of them hides that the client has gone."""

import time

import sockets
import wire
from check import equal, require, wait_for, within
from delivery import few_deliveries
from harness import Group, configuration
from origin import plain
from replies import arrived, echo, expect_logged, expect_own_reply, log_entry

alone = Group()
MIB = 1 << 20


def get(target, lines=b""):
    return b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n"


def post(target, body):
    return b"POST " + target.encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def pair(bench, **options):
    origin = bench.scripted()
    return origin, bench.proxy(configuration(origin.address, **options))


@alone.case("pipelining.order", "requests of all kinds in one go are answered in their order")
def order(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address))
    chunks = wire.chunked(b"hello", b"world")
    requests = b"".join(
        (get(f"/{n}"), post(f"/{n}", b"b" * (n * 37)),
         b"PUT /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % n + chunks)[n % 3] for n in range(30))
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
    client = bench.client(proxy)
    client.send(get("/first") + b"GET /bad HTTP/1.1\r\n\r\n" + get("/third"))
    equal(arrived(client.response())["target"], "/first", "target")
    expect_own_reply(client.response(), 400)
    client.end_sending()
    client.expect_end()
    equal([request.target for request in origin.requests], ["/first"], "requests that reached the origin")


@alone.case("pipelining.bounded", "requests that nobody answers yet are not taken in without end")
def bounded(bench):
    origin, proxy = pair(bench)
    client = bench.client(proxy)
    client.send(get("/first"))
    connection = origin.accept()
    connection.request()
    before = proxy.resident_bytes()
    client.socket.settimeout(0.5)
    requests, sent = get("/next") * 1000, 0
    try:
        while sent < 256 * MIB:
            sent += client.socket.send(requests)
    except TimeoutError:
        pass
    require(sent < 64 * MIB, f"the proxy took {sent} bytes of requests that it cannot serve yet")
    require(proxy.resident_bytes() - before < 16 * MIB, "memory grew with the requests")
    require(not origin.has_waiting(), "a pipelined request was forwarded before its turn")
    client.reset()
    connection.expect_end("eof", "reset")


def gone_behind_many(bench, how, pieces, size):
    """More is unread than the proxy receives ahead: it sees the end of the client behind it."""
    origin, proxy = pair(bench)
    client = bench.client(proxy)
    client.send(get("/gone"))
    connection = origin.accept()
    connection.request()
    for number in range(pieces):
        client.send(get("/next", b"X: " + b"x" * size + b"\r\n"))
        # Each piece in a buffer of its own, as long as there are any for it.
        if number < 8:
            client.wait_taken()
    if how == "fin":
        client.end_sending()
    elif how == "close":
        client.close()
    else:
        client.reset()
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
    client = bench.client(proxy)
    client.send(get("/gone"))
    connection = origin.accept()
    connection.request()
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
            client.send(b"POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
            connection = origin.accept()
            connection.head()
            client.socket.settimeout(0.3)
            try:
                while True:
                    client.socket.send(b"x" * 65536)
            except TimeoutError:
                pass
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
    ("chunked", "a chunked body", b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + wire.chunked(b"hello"), ["hello"]),
    ("pipelined", "several requests", get("/x") + post("/x", b"hello") + get("/x"), ["", "hello", ""]),
    ("big", "a body that is spliced", post("/x", b"h" * 150_000), ["h" * 150_000]),
], half_close)


@alone.case("half_close.waits", "a FIN does not end the wait for the response, a reset behind it does")
def half_close_waits(bench):
    origin, proxy = pair(bench, route="half_close = true")
    for ends in ("answered", "reset"):
        with within(ends):
            client = bench.client(proxy)
            client.send(get(f"/{ends}"))
            client.end_sending()
            connection = origin.accept()
            connection.request()
            wait_for(lambda client=client: client_has_fin_wait(client), "the proxy's kernel has acknowledged the FIN")
            connection.expect_open()
            if ends == "answered":
                connection.send(plain(body=b"late"))
                equal(client.response().body, b"late", "body")
                client.expect_end()
                expect_logged(proxy, "/answered", 200, None)
            else:
                client.reset()
                wait_for(connection.is_ended, "the connection to the origin is closed", patience=5)
                expect_logged(proxy, "/reset", 499, "client_closed")
            connection.close()


def client_has_fin_wait(client):
    found = sockets.state_of(client.local, client.remote)
    return found is not None and found[0] == 5  # FIN_WAIT2


@alone.case("half_close.in_body", "a FIN within the body is the end of the client all the same")
def half_close_in_body(bench):
    origin, proxy = pair(bench, route="half_close = true")
    client = bench.client(proxy)
    client.send(b"POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart")
    connection = origin.accept()
    connection.head()
    equal(connection.exactly(4), b"part", "what came")
    client.end_sending()
    connection.expect_end("eof", "reset")
    expect_logged(proxy, "/gone", 499, "client_closed")


@alone.case("half_close.not_here", "a route without it, behind one with it")
def half_close_not_here(bench):
    origin = bench.scripted()
    routes = '[[route]]\npath = "/half/*"\nupstream = "app"\nhalf_close = true\n[[route]]\npath = "/whole/*"\nupstream = "app"\n'
    proxy = bench.proxy(configuration(origin.address, routes=routes))
    client = bench.client(proxy)
    client.send(get("/half/a") + get("/whole/b"))
    client.end_sending()
    connection = origin.accept()
    equal(connection.request().target, "/half/a", "target")
    connection.send(plain(body=b"ok"))
    equal(client.response().body, b"ok", "body")
    expect_logged(proxy, "/whole/b", 499, "client_closed")
    client.expect_end("eof", "reset")


# The line too much that some clients send behind a body (RFC 9112 §2.2)


@alone.case("pipelining.blank_line", "CR and LF behind a body are no request, however they come")
def blank_line(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, timeouts='head = "300ms"'))
    lines = 0
    for name, pieces in (("together", [b"\r\n"]), ("apart", [b"\r", b"\n"]), ("before the next", [b"\r\n" + get("/next")]),
                         ("half with the next", [b"\r", b"\n" + get("/next")])):
        with within(name):
            client = bench.client(proxy)
            client.send(post("/x", b"hello"))
            equal(arrived(client.response())["body"], "hello", "body")
            client.send_pieces(pieces)
            client.wait_taken()
            if not pieces[-1].endswith(get("/next")):
                # Longer than a head may take: nothing has begun.
                time.sleep(0.5)
                client.expect_open()
                client.send(get("/next"))
            equal(arrived(client.response())["target"], "/next", "target")
            client.close()
            lines += 2
    wait_for(lambda: proxy.log_lines() == lines, f"{lines} lines in the log")
    equal({entry["status"] for entry in proxy.log_entries(lines)}, {200}, "statuses in the log")


@alone.case("pipelining.blank_line.half", "half of such a line leaves no line in the log, whatever becomes of it")
def half_blank_line(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, timeouts='head = "300ms"'))
    for number, end in enumerate(("close", "wait", "reset")):
        with within(end):
            client = bench.client(proxy)
            client.send(post("/x", b"hello"))
            arrived(client.response())
            client.send(b"\r")
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
    client.send_pieces([b"\r", b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"])
    expect_own_reply(client.response(), 400)
