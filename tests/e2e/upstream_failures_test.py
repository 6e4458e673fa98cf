"""Whatever an endpoint does wrong, the client gets an honest answer, or a message that cannot be taken for a whole one."""

import itertools
import socket

import wire
from check import equal, one_of, require, wait_for, within
from delivery import WHOLE, few_deliveries
from harness import Group, asked, configuration
from origin import plain
from reloading import reload
from replies import expect_forwarded, expect_logged, expect_own_reply
from wire import get, post

_numbers = itertools.count()


def fresh_target():
    return f"/failure-{next(_numbers)}"


class World:
    """One proxy whose origin the case plays itself; no connection to it is used twice."""

    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.scripted()
        self.proxy = bench.proxy(configuration(self.origin.address, upstream="keep_alive = { max_idle = 0 }"))

    def client(self):
        return self.bench.client(self.proxy)

    def still_serves(self):
        client = self.client()
        client.send(get("/after"))
        connection = self.origin.accept()
        connection.request()
        connection.send(plain(body=b"fine"))
        equal(client.response().body, b"fine", "body of the next response")
        client.close()
        connection.close()


def upstream_failures(bench):
    return World(bench)


group = Group(upstream_failures)


# Before the response is under way: an answer of our own, on a connection that lives on


def bad_answer(world, answer, close=False, status=502, reason="upstream_malformed", request_lines=b""):
    for way in few_deliveries(answer) if answer else [WHOLE]:
        with within(way.name):
            target = fresh_target()
            client = world.client()
            client.send(get(target, request_lines))
            connection = world.origin.accept()
            connection.request()
            if answer:
                connection.send_pieces(way.pieces(answer))
            if close:
                connection.end_sending()
            response = client.response()
            expect_own_reply(response, status)
            expect_logged(world.proxy, target, status, reason)
            connection.expect_end("eof", "reset")
            connection.close()
            require("close" not in response.fields.elements("Connection"), "an endpoint's failure ends the client's connection")
            client.send(get("/again"))
            second = world.origin.accept()
            second.request()
            second.send(plain(body=b"again"))
            equal(client.response().body, b"again", "body of the next response")
            second.close()
            client.close()


def ok(lines, body=b""):
    return b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + body


group.table("upstream.malformed", [
    ("nonsense", "no HTTP at all", b"nonsense\r\n\r\n"),
    ("ssh", "another protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("lower_case", "the protocol in lower case", b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("version", "HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("no_status", "no status", b"HTTP/1.1 \r\nContent-Length: 0\r\n\r\n"),
    ("status_short", "a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status_long", "a status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status_letters", "a status of letters", b"HTTP/1.1 2xx OK\r\nContent-Length: 0\r\n\r\n"),
    ("status_low", "status 099", b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status_high", "status 600", b"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"),
    ("two_spaces", "two spaces in the status line", b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("blank_line", "an empty line first", b"\r\n" + plain()),
    ("lf_status_line", "the status line ends in LF alone", b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
    ("lf_field", "a field ends in LF alone", b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n"),
    ("cl_te", "a length and chunked", ok(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")),
    ("cl_twice", "two lengths", ok(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"abc")),
    ("cl_bad", "a length that is none", ok(b"Content-Length: 2x\r\n", b"abc")),
    ("cl_negative", "a negative length", ok(b"Content-Length: -2\r\n", b"abc")),
    ("cl_wraps", "a length that wraps", ok(b"Content-Length: 18446744073709551618\r\n", b"ab")),
    ("te_unknown", "an unknown coding", ok(b"Transfer-Encoding: gzip\r\n", b"abc")),
    ("te_gzip_chunked", "an unknown coding and chunked", ok(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n")),
    ("te_not_last", "chunked that is not last", ok(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n")),
    ("te_http_1_0", "chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("fold", "a folded field", ok(b"X-A: 1\r\n 2\r\nContent-Length: 0\r\n")),
    ("nul", "NUL in a value", ok(b"X-A: \x00\r\nContent-Length: 0\r\n")),
    ("space_before_colon", "a space before the colon", ok(b"Content-Length : 0\r\n")),
    ("no_colon", "a field without colon", ok(b"nonsense\r\nContent-Length: 0\r\n")),
    ("head_large", "a head above the limit", ok(b"X-A: " + b"a" * 40000 + b"\r\nContent-Length: 0\r\n")),
    ("fields_many", "more fields than the limit", ok(b"X-A: a\r\n" * 200 + b"Content-Length: 0\r\n")),
    ("line_endless", "a first line without end", b"HTTP/1.1 200 " + b"a" * 40000),
    ("switch_unasked", "101 to a request that asked for no upgrade",
     b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
    ("interim_bad", "nonsense behind an interim response", b"HTTP/1.1 103 Early Hints\r\n\r\nnonsense\r\n\r\n"),
], bad_answer)

group.table("upstream.closed", [
    ("at_once", "the end instead of a response", b"", True, 502, "upstream_closed"),
    ("in_status_line", "the end within the status line", b"HTTP/1.1 20", True, 502, "upstream_closed"),
    ("in_head", "the end within the head", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", True, 502, "upstream_closed"),
    ("after_interim", "the end after an interim response", b"HTTP/1.1 100 Continue\r\n\r\n", True, 502, "upstream_closed"),
], bad_answer)


@group.case("upstream.reset.before_response", "a reset instead of a response")
def reset_before(world):
    target = fresh_target()
    client = world.client()
    client.send(get(target))
    connection = world.origin.accept()
    connection.request()
    connection.reset()
    expect_own_reply(client.response(), 502)
    expect_logged(world.proxy, target, 502, "upstream_reset")
    world.still_serves()


@group.case("upstream.reset.upload", "a reset while the request is being sent")
def reset_in_upload(world):
    target = fresh_target()
    client = world.client()
    client.send(b"POST " + target.encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nfirst")
    connection = world.origin.accept()
    connection.head()
    equal(connection.exactly(5), b"first", "first bytes")
    connection.reset()
    expect_own_reply(client.response("POST"), 502)
    client.expect_end()
    expect_logged(world.proxy, target, 502, "upstream_reset")
    world.still_serves()


@group.case("upstream.head_reply", "an answer of our own to HEAD has no body")
def head_reply(world):
    client = world.client()
    request = get(fresh_target()).replace(b"GET", b"HEAD")
    for way in few_deliveries(request):
        with within(way.name):
            client.send_pieces(way.pieces(request))
            connection = world.origin.accept()
            connection.request()
            connection.close()
            expect_own_reply(client.response("HEAD"), 502)


# After the response was under way: nothing that looks whole


def broken_off(world, answer, how, version="HTTP/1.1", reason="upstream_closed"):
    """answer: what the origin sends before it ends; how: "eof", "reset", or None when the bytes themselves are the fault."""
    # The head first, and only when the client has it the rest: the response is committed then.
    head_end = answer.index(b"\r\n\r\n") + 4
    head, rest = answer[:head_end], answer[head_end:]
    for way in few_deliveries(rest or head):
        with within(way.name):
            target = fresh_target()
            client = world.client()
            client.send(get(target).replace(b"HTTP/1.1", version.encode()))
            connection = world.origin.accept()
            connection.request()
            connection.send_pieces([head] if rest else way.pieces(head))
            response = client.head()
            equal(response.status, 200, "status")
            response.framing = wire.response_framing(response, "GET", version)
            if rest:
                connection.send_pieces(way.pieces(rest))
            if how == "reset":
                # A reset throws away what has not been read yet.
                connection.wait_taken()
                connection.reset()
            elif how == "eof":
                connection.end_sending()
            body = client.rest()
            if response.framing == "length":
                require(len(body) < wire.length_of(response.fields), "the body came whole")
            elif response.framing == "chunked":
                body = wire.broken_chunked(body)
            else:
                equal(client.end, "reset", "end of a body that only the connection ends")
            require(b"part".startswith(body), f"what came of the payload: {body}")
            expect_logged(world.proxy, target, 200, reason)
            if how != "reset":
                connection.expect_end("eof", "reset")
            connection.close()
            client.close()
    world.still_serves()


CHUNKED = b"Transfer-Encoding: chunked\r\n"
group.table("upstream.mid_body", [
    ("length_eof", "the end before the length is reached", ok(b"Content-Length: 100\r\n", b"part"), "eof"),
    ("length_eof_no_byte", "the end before the first byte of the body", ok(b"Content-Length: 100\r\n"), "eof"),
    ("length_reset", "a reset before the length is reached", ok(b"Content-Length: 100\r\n", b"part"), "reset", "HTTP/1.1", "upstream_reset"),
    ("chunked_eof", "the end before the last chunk", ok(CHUNKED, b"4\r\npart\r\n"), "eof"),
    ("chunked_eof_in_chunk", "the end within a chunk", ok(CHUNKED, b"64\r\npart"), "eof"),
    ("chunked_eof_in_last", "the end within the last chunk", ok(CHUNKED, b"4\r\npart\r\n0\r\n"), "eof"),
    ("chunked_reset", "a reset before the last chunk", ok(CHUNKED, b"4\r\npart\r\n"), "reset", "HTTP/1.1", "upstream_reset"),
    ("chunked_bad_size", "a chunk size that is none", ok(CHUNKED, b"4\r\npart\r\nzz\r\n"), None, "HTTP/1.1", "upstream_malformed"),
    ("chunked_no_end", "chunk data without its line end", ok(CHUNKED, b"4\r\npartXX0\r\n\r\n"), None, "HTTP/1.1", "upstream_malformed"),
    ("chunked_half_end", "chunk data with LF behind another byte", ok(CHUNKED, b"4\r\npartX\n0\r\n\r\n"), None, "HTTP/1.1", "upstream_malformed"),
    ("chunked_overflow", "a chunk size that wraps", ok(CHUNKED, b"4\r\npart\r\n10000000000000001\r\n"), None, "HTTP/1.1", "upstream_malformed"),
    ("chunked_bad_trailer", "a trailer that is none", ok(CHUNKED, b"4\r\npart\r\n0\r\nnonsense\r\n\r\n"), None, "HTTP/1.1", "upstream_malformed"),
    ("close_reset", "a reset in a body that the end would end", ok(b"", b"part"), "reset", "HTTP/1.1", "upstream_reset"),
    ("old_chunked_eof", "the end before the last chunk, HTTP/1.0 client", ok(CHUNKED, b"4\r\npart\r\n"), "eof", "HTTP/1.0"),
    ("old_chunked_bad", "a broken chunk, HTTP/1.0 client", ok(CHUNKED, b"4\r\npart\r\nzz\r\n"), None, "HTTP/1.0", "upstream_malformed"),
    ("old_close_reset", "a reset where the end would end the body, HTTP/1.0 client", ok(b"", b"part"), "reset", "HTTP/1.0", "upstream_reset"),
    ("old_length_eof", "the end before the length, HTTP/1.0 client", ok(b"Content-Length: 100\r\n", b"part"), "eof", "HTTP/1.0"),
], broken_off)


# Connecting

alone = Group()
INTERIM_MAX = 16
HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"
ATTEMPTS_MAX = 4  # connections that one request opens, or takes from the pool


def serve_plain(body):
    def handle(_, connection):
        connection.send(plain(body=body))
        return True

    return handle


@alone.case("upstream.refused", "no endpoint listens: 503, and again 200 once one does")
def refused(bench):
    port = bench.dead_port()
    proxy = bench.proxy(configuration(port.address))
    client = bench.client(proxy)
    expect_own_reply(client.exchange(get("/refused")), 503)
    entry = expect_logged(proxy, "/refused", 503, "upstream_refused")
    equal(entry["upstream"], "app", "upstream in the log")
    # The same address comes to life.
    port.socket.listen(8)
    client.send(get("/alive"))
    connection, _ = port.socket.accept()
    require(connection.recv(65536).startswith(b"GET /alive"), "the request reaches the new server")
    connection.sendall(plain(body=b"alive"))
    equal(client.response().body, b"alive", "body")
    connection.close()


@alone.case("upstream.refused.upload", "no endpoint listens, and the client sends a body: it gets its 503")
def refused_upload(bench):
    proxy = bench.proxy(configuration(bench.dead_port().address))
    client = bench.client(proxy)
    client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300000)
    expect_own_reply(client.response("POST"), 503)


@alone.case("upstream.next_endpoint", "a connect that fails goes to the next endpoint, for every method")
def next_endpoint(bench):
    origin = bench.scripted().serve(serve_plain(b"alive"))
    dead = [bench.dead_port().address for _ in range(3)]
    proxy = bench.proxy(configuration(dead[0], origin.address, *dead[1:], upstream="keep_alive = { max_idle = 0 }"))
    client = bench.client(proxy)
    requests = (get("/x"), post("/x", b"body"))
    for number in range(8 * 3):
        request = requests[number % 2]
        client.send_pieces(few_deliveries(request)[number % 3].pieces(request))
        response = client.response()
        equal((response.status, response.body), (200, b"alive"), f"exchange {number}")
    equal([request.body for request in origin.requests], [b"", b"body"] * 12, "bodies at the origin")


@alone.case("upstream.all_refused", "all of several endpoints refuse: 503, and no word of when to come again")
def all_refused(bench):
    proxy = bench.proxy(configuration(*(bench.dead_port().address for _ in range(4))))
    client = bench.client(proxy)
    for number in range(3):
        response = client.exchange(get(f"/{number}"))
        expect_own_reply(response, 503)
        equal(response.fields.get("Retry-After"), None, "Retry-After")
        expect_logged(proxy, f"/{number}", 503, "upstream_refused")


@alone.case("upstream.no_way", "an endpoint that no route of the host leads to: 503")
def no_way(bench):
    # A broadcast address: the kernel finds that nobody can be connected to there, on every host.
    proxy = bench.proxy(configuration("127.255.255.255:9"))
    client = bench.client(proxy)
    expect_own_reply(client.exchange(get("/nowhere")), 503)
    expect_logged(proxy, "/nowhere", 503, "upstream_refused")


@alone.case("upstream.attempts", "ten endpoints refuse: one request does not try them all")
def attempts(bench):
    proxy = bench.proxy(configuration(*(bench.dead_port().address for _ in range(10))))
    client = bench.client(proxy)
    for number in range(5):
        expect_own_reply(client.exchange(get(f"/{number}")), 503)
        entry = expect_logged(proxy, f"/{number}", 503, "upstream_refused")
        require(2 <= entry["attempts"] <= ATTEMPTS_MAX, f"attempts: {entry}")


@alone.case("upstream.connect_timeout", "an endpoint that does not answer at all: 504 after timeouts.connect")
def connect_timeout(bench):
    proxy = bench.proxy(configuration(bench.deaf_port().address, timeouts='connect = "300ms"'))
    client = bench.client(proxy)
    expect_own_reply(client.exchange(get("/deaf")), 504)
    entry = expect_logged(proxy, "/deaf", 504, "upstream_connect_timeout")
    require(entry["total"] >= 0.3, f"given up too early: {entry}")


@alone.case("upstream.connect_timeout.next", "an endpoint that does not answer at all: the next one is tried")
def connect_timeout_next(bench):
    origin = bench.scripted().serve(serve_plain(b"alive"))
    proxy = bench.proxy(configuration(bench.deaf_port().address, origin.address, timeouts='connect = "200ms"'))
    for _ in range(2):
        response = bench.client(proxy).exchange(get("/x"))
        equal((response.status, response.body), (200, b"alive"), "response")


@alone.case("upstream.first_byte_timeout", "an endpoint that never answers: 504 after timeouts.first_byte, and its connection is closed")
def first_byte_timeout(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, timeouts='first_byte = "300ms"'))
    client, connection = asked(bench, origin, proxy, get("/never"))
    expect_own_reply(client.response(), 504)
    connection.expect_end("eof", "reset")
    entry = expect_logged(proxy, "/never", 504, "upstream_first_byte_timeout")
    require(entry["total"] >= 0.3, f"given up too early: {entry}")


@alone.case("upstream.first_byte_timeout.interim", "an interim response is not the response")
def first_byte_timeout_interim(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, timeouts='first_byte = "1s"\nidle = "1s"'))
    for way in few_deliveries(HINTS):
        with within(way.name):
            client, connection = asked(bench, origin, proxy, get("/never"))
            connection.send_pieces(way.pieces(HINTS))
            response = client.response()
            equal([interim.status for interim in response.interim], [103], "interim responses")
            expect_own_reply(response, 504)


@alone.case("upstream.idle_timeout", "an endpoint that pauses within its body: the client's connection is broken off")
def idle_timeout(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, timeouts='idle = "500ms"'))
    answer = ok(CHUNKED, b"4\r\npart\r\n")
    for way in few_deliveries(answer):
        with within(way.name):
            target = fresh_target()
            client, connection = asked(bench, origin, proxy, get(target))
            connection.send_pieces(way.pieces(answer))
            equal(client.head().status, 200, "status")
            equal(wire.broken_chunked(client.rest()), b"part", "body")
            connection.expect_end("eof", "reset")
            expect_logged(proxy, target, 200, "upstream_idle_timeout")


@alone.case("upstream.idle_timeout.moving", "a body that moves slowly, but moves, has all the time it needs")
def idle_timeout_moving(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, timeouts='idle = "2s"\nfirst_byte = "1s"'))
    client, connection = asked(bench, origin, proxy, get("/slow"))
    connection.send(ok(b"Content-Length: 12\r\n"))
    equal(client.head().status, 200, "status")
    for byte in b"hello world!":
        connection.send(bytes([byte]))
        equal(client.exactly(1), bytes([byte]), "byte")
        # Longer in all than either bound, and each pause shorter.
        connection.socket.settimeout(0.22)
        try:
            require(not connection.socket.recv(1), "the proxy sent something to the origin")
        except TimeoutError:
            continue
        require(False, "the proxy has closed the connection to the origin")


@alone.case("upstream.route_timeout", "a route's own timeouts go before the upstream's, and these before all others")
def route_timeouts(bench):
    origin = bench.scripted()
    routes = """
[[route]]
path = "/quick"
upstream = "app"
timeouts = { first_byte = "200ms" }

[[route]]
path = "/upstream"
upstream = "app"
"""
    text = configuration(origin.address, upstream='timeouts = { first_byte = "700ms" }', routes=routes, timeouts='first_byte = "30s"')
    proxy = bench.proxy(text)
    for target, least, most in (("/quick", 0.2, 0.65), ("/upstream", 0.7, 20)):
        client = bench.client(proxy)
        client.send(get(target))
        expect_own_reply(client.response(), 504)
        total = expect_logged(proxy, target, 504, "upstream_first_byte_timeout")["total"]
        require(least <= total <= most, f"{target} was given up after {total} s")


# Connections from the pool


def warmed(bench, *more, **options):
    """A proxy with one pooled connection to its origin."""
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, *more, **options))
    client, connection = asked(bench, origin, proxy, get("/first"))
    connection.send(plain(body=b"first"))
    equal(client.response().body, b"first", "body")
    return origin, proxy, client, connection


def for_each_way(case):
    """Runs case(bench, request, way, ...) for each delivery of the request."""

    def run(bench, request, *rest):
        for way in few_deliveries(request):
            with within(way.name):
                case(bench, request, way, *rest)

    return run


@for_each_way
def retried(bench, request, way, how):
    origin, proxy, client, connection = warmed(bench)
    client.send_pieces(way.pieces(request))
    equal(connection.request().target, "/second", "target on the pooled connection")
    if how == "reset":
        connection.reset()
    else:
        connection.close()
    second = origin.accept()
    equal(second.request().target, "/second", "target of the second try")
    second.send(plain(body=b"second"))
    response = client.response()
    expect_forwarded(response)
    equal(response.body, b"second", "body")
    entry = expect_logged(proxy, "/second", 200, None)
    equal(entry["attempts"], 2, "attempts in the log")


alone.table("upstream.stale", [
    ("eof", "a pooled connection that ends is replaced once, for a request that is safe to repeat", get("/second"), "eof"),
    ("reset", "so is one that is reset", get("/second"), "reset"),
    ("delete", "an idempotent method is safe to repeat", b"DELETE /second HTTP/1.1\r\nHost: a\r\n\r\n", "eof"),
], retried)


@for_each_way
def not_retried(bench, request, way, partial=b""):
    origin, proxy, client, connection = warmed(bench)
    client.send_pieces(way.pieces(request))
    equal(connection.request().target, "/second", "target on the pooled connection")
    if partial:
        connection.send_pieces(way.pieces(partial))
    connection.close()
    expect_own_reply(client.response(request.split(b" ")[0].decode()), 502)
    require(not origin.has_waiting(), "the request was repeated")
    one_of(expect_logged(proxy, "/second", 502, "upstream_closed")["attempts"], (1,), "attempts in the log")


alone.table("upstream.stale.not_repeated", [
    ("body", "a request with a body", post("/second", b"body")),
    ("post", "a method that may have an effect", b"POST /second HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("put_body", "an idempotent method with a body", post("/second", b"body").replace(b"POST", b"PUT")),
    ("answered", "an answer had begun", get("/second"), b"HTTP/1.1 200 OK\r\nContent-Le"),
], not_retried)


@for_each_way
def retried_once(bench, request, way):
    """And not for ever."""
    origin, proxy, client, connection = warmed(bench)
    client.send_pieces(way.pieces(request))
    connection.request()
    connection.close()
    second = origin.accept()
    second.request()
    second.close()
    expect_own_reply(client.response(), 502)
    require(not origin.has_waiting(), "the request was repeated again")
    expect_logged(proxy, "/second", 502, "upstream_closed")


@alone.case("upstream.gone.process", "a pooled connection ends, and nobody listens any more: 503")
def gone_process(bench):
    origin, proxy, client, connection = warmed(bench)
    client.send(get("/second"))
    connection.request()
    origin.listener.close()
    connection.close()
    expect_own_reply(client.response(), 503)
    equal(expect_logged(proxy, "/second", 503, "upstream_refused")["attempts"], 2, "attempts in the log")


@alone.case("upstream.gone.reload", "a pooled connection ends, and a reload has left nothing but an endpoint that refuses: 503")
def gone_reload(bench):
    dead = bench.dead_port().address
    origin, proxy, client, connection = warmed(bench)
    reload(proxy, configuration(dead, origin.address))
    client.send(get("/second"))
    connection.request()
    reload(proxy, configuration(dead))
    connection.close()
    expect_own_reply(client.response(), 503)
    expect_logged(proxy, "/second", 503, "upstream_refused")


@for_each_way
def stale_noticed(bench, request, way):
    origin, proxy, client, connection = warmed(bench)
    connection.end_sending()
    connection.expect_end("eof", "reset")
    # Even a request that could not be repeated succeeds.
    client.send_pieces(way.pieces(request))
    second = origin.accept()
    equal(second.request().body, b"body", "body")
    second.send(plain(body=b"second"))
    equal(client.response("POST").body, b"second", "body")
    equal(expect_logged(proxy, "/second", 200, None)["attempts"], 1, "attempts in the log")


alone.table("upstream.stale", [("once", "a request is repeated once", get("/second"))], retried_once)
alone.table("upstream.stale", [("noticed", "a pooled connection that the origin has closed is not used", post("/second", b"body"))], stale_noticed)


@alone.case("upstream.keep_alive.idle_timeout", "a pooled connection is closed when it has been idle for too long")
def pool_idle_timeout(bench):
    *_, connection = warmed(bench, upstream='keep_alive = { idle_timeout = "100ms" }')
    connection.expect_end()


@alone.case("upstream.keep_alive.max_requests", "a pooled connection carries no more than its maximum")
def pool_max_requests(bench):
    origin, _, client, connection = warmed(bench, upstream="keep_alive = { max_requests = 3 }")
    for number in range(2):
        client.send(get("/x"))
        connection.request()
        connection.send(plain(body=b"%d" % number))
        equal(client.response().body, b"%d" % number, "body")
    connection.expect_end()
    client.send(get("/x"))
    second = origin.accept()
    second.request()
    second.send(plain(body=b"new"))
    equal(client.response().body, b"new", "body")


@alone.case("upstream.keep_alive.max_idle", "no more connections stay idle than max_idle")
def pool_max_idle(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, upstream="keep_alive = { max_idle = 2 }"))
    clients = [bench.client(proxy) for _ in range(5)]
    for client in clients:
        client.send(get("/x"))
    connections = [origin.accept() for _ in clients]
    for connection in connections:
        connection.request()
    for connection in connections:
        connection.send(plain(body=b"ok"))
    for client in clients:
        equal(client.response().body, b"ok", "body")
    wait_for(lambda: sum(connection.is_ended() for connection in connections) == 3, "three of five are closed")
    equal([connection.end for connection in connections if connection.end], ["eof"] * 3, "their ends")


@alone.case("upstream.weights", "endpoints share the requests by their weights")
def weights(bench):
    origins = [bench.scripted().serve(serve_plain(b"%d" % i)) for i in range(3)]
    endpoints = [f'{{ address = "{origin.address}", weight = {weight} }}' for origin, weight in zip(origins, (1, 2, 5))]
    client = bench.client(bench.proxy(configuration(*endpoints)))
    for _ in range(80):
        equal(client.exchange(get("/x")).status, 200, "status")
    equal([len(origin.requests) for origin in origins], [10, 20, 50], "requests at each")


@alone.case("upstream.garbage_flood", "interim responses without end do not keep an exchange for ever")
def interim_flood(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, timeouts='first_byte = "1s"'))
    client, connection = asked(bench, origin, proxy, get("/flood"))
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    before = proxy.resident_bytes()
    for _ in range(200):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n" * 20)
        if client.is_ended() or connection.is_ended():
            break
    client.close()
    require(proxy.resident_bytes() - before < 16 << 20, "memory grows with the flood")


def interim_bounded(bench, count, status):
    """count: interim responses before the final one."""
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address))
    answer = HINTS * count + plain(body=b"final", fields=b"Connection: close\r\n")
    for way in few_deliveries(answer):
        with within(way.name):
            target = fresh_target()
            client, connection = asked(bench, origin, proxy, get(target))
            connection.send_pieces(way.pieces(answer))
            response = client.response()
            equal([interim.status for interim in response.interim], [103] * min(count, INTERIM_MAX), "interim responses")
            connection.expect_end("eof", "reset")
            if status == 200:
                expect_forwarded(response)
                equal(response.body, b"final", "body")
            else:
                expect_own_reply(response, 502)
                expect_logged(proxy, target, 502, "upstream_malformed")


alone.table("upstream.interim_flood", [
    ("most", "as many interim responses as are allowed, and the final one", INTERIM_MAX, 200),
    ("one_more", "one more: 502 instead of it", INTERIM_MAX + 1, 502),
    ("many", "many more: the client gets none of the surplus", 40 * INTERIM_MAX, 502),
], interim_bounded)
