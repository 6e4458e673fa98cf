"""What the proxy writes, in both directions: heads, bodies, interim responses, whichever way the messages arrive."""

import re
import uuid

import wire
from check import contains, equal, require, within
from delivery import few_deliveries
from harness import Group, asked, configuration, pair
from origin import plain
from replies import UUID_V7, expect_forwarded


class World:
    """One proxy whose origin the case plays itself, on a fresh connection for each exchange."""

    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.scripted()
        self.proxy = bench.proxy(configuration(self.origin.address, upstream="keep_alive = { max_idle = 0 }"))

    def client(self):
        return self.bench.client(self.proxy)


def forwarding(bench):
    return World(bench)


group = Group(forwarding)
GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n"
END = b"\r\n"


def relay(world, request, answer, method="GET", version="HTTP/1.1", in_pieces="both", before=None):
    """One exchange for each delivery; yields (request at the origin, response at the client)."""
    ways = [("request", way) for way in few_deliveries(request)] if in_pieces in ("both", "request") else []
    ways += [("response", way) for way in few_deliveries(answer)] if in_pieces in ("both", "response") else []
    for side, way in ways:
        with within(f"{side} {way.name}"):
            client = world.client()
            client.send_pieces(way.pieces(request) if side == "request" else [request])
            connection = world.origin.accept()
            arrived = connection.request()
            connection.send_pieces(way.pieces(answer) if side == "response" else [answer])
            if b"Content-Length" not in answer and b"chunked" not in answer:
                connection.close()
            response = client.response(method, version)
            yield arrived, response, client, connection
            client.close()
            connection.close()


# Request heads


def sent_on(world, lines, expected, gone=()):
    """lines: fields of the request; expected: fields, in order, that reach the origin besides ours; gone: names that do not."""
    for arrived, _, client, _ in relay(world, GET + lines + END, plain(), in_pieces="request"):
        equal((arrived.method, arrived.target), ("GET", "/x"), "request line")
        ours = ("Host", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-ID")
        equal(arrived.fields.without(*ours), expected, "fields that go on")
        equal(arrived.fields.get("Host"), "a.example", "Host")
        equal(arrived.fields.get("X-Forwarded-Proto"), "http", "X-Forwarded-Proto")
        equal(arrived.fields.get("X-Forwarded-Host"), "a.example", "X-Forwarded-Host")
        equal(arrived.fields.elements("X-Forwarded-For")[-1], client.local[0], "last of X-Forwarded-For")
        equal(arrived.fields.elements("Via")[-1], "1.1 sluice", "last of Via")
        require(UUID_V7.fullmatch(arrived.fields.get("X-Request-ID") or ""), f"X-Request-ID: {arrived.fields}")
        for name in gone:
            require(not arrived.fields.has(name), f"{name} was forwarded: {arrived.fields}")


group.table("forward.request", [
    ("plain", "fields go on as they came, in their order", b"B: 2\r\na: 1\r\nAccept: */*\r\nB: 3\r\n",
     [("B", "2"), ("a", "1"), ("Accept", "*/*"), ("B", "3")]),
    ("connection", "Connection, Keep-Alive and their kind stay here",
     b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nX-A: 1\r\n", [("X-A", "1")], ("Keep-Alive", "Connection")),
    ("nominated", "what Connection names stays here", b"Connection: X-Hop, x-other\r\nX-Hop: 1\r\nX-OTHER: 2\r\nX-A: 3\r\n", [("X-A", "3")]),
    ("nominated_later", "what a second Connection names stays here", b"X-Hop: 1\r\nConnection: close\r\nConnection: x-hop\r\nX-A: 1\r\n", [("X-A", "1")]),
    ("nominated_cookie", "Connection may name what it likes, once", b"Connection: Cookie\r\nCookie: a=b\r\nX-A: 1\r\n", [("X-A", "1")]),
    ("nominated_host", "Connection has no power over Host and what we write",
     b"Connection: Host, Via, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-ID\r\nX-A: 1\r\n", [("X-A", "1")]),
    ("upgrade", "an Upgrade that Connection does not name stays here", b"Upgrade: websocket\r\nX-A: 1\r\n", [("X-A", "1")], ("Upgrade",)),
    ("te_unnamed", "TE that Connection does not name stays here", b"TE: trailers\r\nX-A: 1\r\n", [("X-A", "1")], ("TE",)),
    ("te_gzip", "a TE for codings stays here", b"Connection: TE\r\nTE: gzip\r\nX-A: 1\r\n", [("X-A", "1")], ("TE", "Connection")),
    ("te_trailers", "TE: trailers goes on", b"Connection: TE\r\nTE: trailers\r\nX-A: 1\r\n",
     [("X-A", "1"), ("TE", "trailers"), ("Connection", "TE")]),
    ("claims", "claims about the client stay here", b"Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-A: 1\r\n", [("X-A", "1")], ("Forwarded", "X-Real-IP")),
    ("claimed_proto", "X-Forwarded-Proto and -Host of a stranger are replaced",
     b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nX-A: 1\r\n", [("X-A", "1")]),
    ("own_id", "the request id of a stranger is replaced", b"X-Request-ID: mine\r\nX-A: 1\r\n", [("X-A", "1")]),
    ("expect_no_body", "Expect without a body stays here", b"Expect: 100-continue\r\nX-A: 1\r\n", [("X-A", "1")], ("Expect",)),
], sent_on)


@group.case("forward.request.forwarded_for", "X-Forwarded-For of a stranger is replaced, whatever number of lines came")
def forwarded_for(world):
    lines = b"X-Forwarded-For: 1.1.1.1\r\nX-A: 1\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\r\n"
    for arrived, *_ in relay(world, GET + lines + END, plain(), in_pieces="request"):
        equal(arrived.fields.get("X-Forwarded-For"), "127.0.0.1", "X-Forwarded-For")


@group.case("forward.request.via", "Via is appended to")
def via(world):
    for arrived, *_ in relay(world, GET + b"Via: 1.0 first, 1.1 second\r\n" + END, plain(), in_pieces="request"):
        equal(arrived.fields.elements("Via"), ["1.0 first", "1.1 second", "1.1 sluice"], "Via")


@group.case("forward.request.via_http_1_0", "Via names the version that the client spoke")
def via_http_1_0(world):
    request = b"GET /x HTTP/1.0\r\nHost: a.example\r\n\r\n"
    for arrived, *_ in relay(world, request, plain(), version="HTTP/1.0", in_pieces="request"):
        equal(arrived.version, "HTTP/1.1", "version upstream")
        equal(arrived.fields.elements("Via"), ["1.0 sluice"], "Via")


@group.case("forward.request.id", "every exchange has its own id, the same on both sides, ordered in time")
def request_id(world):
    seen = []
    for arrived, response, *_ in relay(world, GET + END, plain(), in_pieces="both"):
        equal(response.fields.get("X-Request-ID"), arrived.fields.get("X-Request-ID"), "X-Request-ID on both sides")
        seen.append(response.fields.get("X-Request-ID"))
    equal(len(set(seen)), len(seen), "different ids")
    stamps = [uuid.UUID(value).int >> 80 for value in seen]
    equal(stamps, sorted(stamps), "time stamps of the ids")


@group.case("forward.request.host_with_port", "Host goes on with its port and its case")
def host_with_port(world):
    request = b"GET /x HTTP/1.1\r\nhost: A.Example:8080\r\n\r\n"
    for arrived, *_ in relay(world, request, plain(), in_pieces="request"):
        equal(arrived.fields.get("Host"), "A.Example:8080", "Host")
        equal(arrived.fields.get("X-Forwarded-Host"), "A.Example:8080", "X-Forwarded-Host")


# Response heads


def sent_back(world, answer, status, expected, method=b"GET"):
    """expected: fields besides ours that reach the client, in order."""
    for _, response, client, _ in relay(world, GET.replace(b"GET", method) + END, answer, method=method.decode(), in_pieces="response"):
        expect_forwarded(response, status)
        equal(response.fields.without("Via", "X-Request-ID", "Date", "Connection"), expected, "fields that go on")
        client.send(GET + END)
        second = world.origin.accept()
        second.request()
        second.send(plain(body=b"second"))
        equal(client.response().body, b"second", "body of the next response")
        second.close()


def answer_of(lines, body=b"", status=b"200 OK"):
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"\r\n" + body


group.table("forward.response", [
    ("plain", "fields go on as they came, in their order", answer_of(b"Server: x\r\nB: 2\r\nContent-Length: 2\r\na: 1\r\n", b"ok"), 200,
     [("Server", "x"), ("B", "2"), ("a", "1"), ("Content-Length", "2")]),
    ("cookies", "several cookies stay several", answer_of(b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n"), 200,
     [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Length", "0")]),
    ("hop_by_hop", "hop-by-hop fields stay here",
     answer_of(b"Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Connection: x\r\nContent-Length: 0\r\n"), 200,
     [("Content-Length", "0")]),
    ("close", "the origin's close is not the client's", answer_of(b"Connection: close\r\nContent-Length: 2\r\n", b"ok"), 200, [("Content-Length", "2")]),
    ("own_id", "the origin's request id is replaced", answer_of(b"X-Request-ID: other\r\nContent-Length: 0\r\n"), 200, [("Content-Length", "0")]),
    ("no_content", "204 has no body", answer_of(b"X-A: 1\r\n", status=b"204 No Content"), 204, [("X-A", "1")]),
    ("no_content_length", "204 with a length loses it", answer_of(b"X-A: 1\r\nContent-Length: 0\r\n", status=b"204 No Content"), 204, [("X-A", "1")]),
    ("not_modified", "304 keeps the length of what it did not send",
     answer_of(b"ETag: x\r\nContent-Length: 500\r\n", status=b"304 Not Modified"), 304, [("ETag", "x"), ("Content-Length", "500")]),
    ("head", "the answer to HEAD keeps its length and has no body", answer_of(b"Content-Length: 500\r\n"), 200, [("Content-Length", "500")], b"HEAD"),
    ("head_chunked", "the answer to HEAD may say chunked, and has no body", answer_of(b"Transfer-Encoding: chunked\r\nX-A: 1\r\n"), 200,
     [("X-A", "1")], b"HEAD"),
    ("head_close", "the answer to HEAD may say nothing of a body", answer_of(b"X-A: 1\r\n"), 200, [("X-A", "1")], b"HEAD"),
    ("reset_content", "205", answer_of(b"Content-Length: 0\r\n", status=b"205 Reset Content"), 205, [("Content-Length", "0")]),
    ("error", "an error of the origin is the client's business", answer_of(b"Content-Length: 4\r\n", b"oops", b"500 Internal Server Error"), 500,
     [("Content-Length", "4")]),
    ("bad_gateway", "so is a 502 of the origin", answer_of(b"Content-Length: 4\r\n", b"oops", b"502 Bad Gateway"), 502, [("Content-Length", "4")]),
    ("unusual_status", "a status that nobody knows", answer_of(b"Content-Length: 0\r\n", status=b"299 Whatever it is"), 299, [("Content-Length", "0")]),
    ("no_reason", "a status line without reason", answer_of(b"Content-Length: 0\r\n", status=b"200 "), 200, [("Content-Length", "0")]),
    ("http_1_0", "a response in HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, [("Content-Length", "2")]),
], sent_back)


@group.case("forward.response.date", "the origin's Date stays, a missing one is added")
def date(world):
    given = "Sun, 06 Nov 1994 08:49:37 GMT"
    for _, response, *_ in relay(world, GET + END, plain(fields=b"Date: " + given.encode() + b"\r\n"), in_pieces="response"):
        equal(response.fields.get("Date"), given, "Date")
    for _, response, *_ in relay(world, GET + END, plain(), in_pieces="response"):
        expect_forwarded(response)


@group.case("forward.response.via", "Via of the response is appended to")
def response_via(world):
    for _, response, *_ in relay(world, GET + END, plain(fields=b"Via: 1.1 inner\r\n"), in_pieces="response"):
        equal(response.fields.elements("Via"), ["1.1 inner", "1.1 sluice"], "Via")


@group.case("forward.response.reason", "the reason goes on as it came")
def reason(world):
    for _, response, *_ in relay(world, GET + END, b"HTTP/1.1 200 All is well!\r\nContent-Length: 0\r\n\r\n", in_pieces="response"):
        equal(response.reason, "All is well!", "reason")


# Bodies


PAYLOAD = bytes(range(256)) * 3
CHUNKED_PAYLOAD = wire.chunked(PAYLOAD[:1], PAYLOAD[1:300], PAYLOAD[300:])


def body_back(world, request, answer, version, body, framing, trailers=()):
    """framing: what the client must see; the next request shows that the connection is still in step, if it may go on."""
    for _, response, client, _ in relay(world, request, answer, version=version, in_pieces="response"):
        expect_forwarded(response)
        equal(response.framing, framing, "framing towards the client")
        equal(response.body, body, "body")
        equal(response.trailers, list(trailers), "trailers")
        if framing == "close" or version == "HTTP/1.0" or b"close" in request:
            client.expect_end()
            continue
        client.send(GET + END)
        second = world.origin.accept()
        second.request()
        second.send(plain(body=b"second"))
        equal(client.response().body, b"second", "body of the next response")
        second.close()


OLD = b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n"
group.table("forward.body", [
    ("length", "a length stays a length", GET + END, plain(body=PAYLOAD), "HTTP/1.1", PAYLOAD, "length"),
    ("length_zero", "an empty body of length zero", GET + END, plain(), "HTTP/1.1", b"", "length"),
    ("chunked", "chunked stays chunked", GET + END, answer_of(b"Transfer-Encoding: chunked\r\n", CHUNKED_PAYLOAD), "HTTP/1.1", PAYLOAD, "chunked"),
    ("chunked_empty", "an empty chunked body", GET + END, answer_of(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"), "HTTP/1.1", b"", "chunked"),
    ("chunked_extensions", "extensions are dropped", GET + END,
     answer_of(b"Transfer-Encoding: chunked\r\n", b"2;a=b\r\nok\r\n0;c\r\n\r\n"), "HTTP/1.1", b"ok", "chunked"),
    ("trailers", "trailers go on", GET + END,
     answer_of(b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", wire.chunked(PAYLOAD, trailers=b"X-Sum: 1\r\ngrpc-status: 0\r\n")),
     "HTTP/1.1", PAYLOAD, "chunked", (("X-Sum", "1"), ("grpc-status", "0"))),
    ("close", "a body that the connection ends becomes chunked", GET + END, answer_of(b"", PAYLOAD), "HTTP/1.1", PAYLOAD, "chunked"),
    ("close_empty", "an empty body that the connection ends", GET + END, answer_of(b""), "HTTP/1.1", b"", "chunked"),
    ("close_old_origin", "a body of an HTTP/1.0 origin", GET + END, b"HTTP/1.0 200 OK\r\n\r\n" + PAYLOAD, "HTTP/1.1", PAYLOAD, "chunked"),
    ("length_old_client", "a length towards an HTTP/1.0 client", OLD, plain(body=PAYLOAD), "HTTP/1.0", PAYLOAD, "length"),
    ("chunked_old_client", "chunked is taken off for an HTTP/1.0 client", OLD,
     answer_of(b"Transfer-Encoding: chunked\r\n", CHUNKED_PAYLOAD), "HTTP/1.0", PAYLOAD, "close"),
    ("close_old_client", "the connection ends the body on both sides", OLD, answer_of(b"", PAYLOAD), "HTTP/1.0", PAYLOAD, "close"),
    ("client_close", "the client's close ends its connection", GET + b"Connection: close\r\n\r\n", plain(body=PAYLOAD), "HTTP/1.1", PAYLOAD, "length"),
], body_back)


def body_on(world, request, body, framing, trailers=()):
    for arrived, response, *_ in relay(world, request, plain(), in_pieces="request", method="POST"):
        equal(arrived.framing, framing, "framing towards the origin")
        equal(arrived.body, body, "body")
        equal(arrived.trailers, list(trailers), "trailers")
        expect_forwarded(response)


POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"
group.table("forward.upload", [
    ("length", "a length stays a length", POST + b"Content-Length: %d\r\n\r\n" % len(PAYLOAD) + PAYLOAD, PAYLOAD, "length"),
    ("chunked", "chunked stays chunked", POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED_PAYLOAD, PAYLOAD, "chunked"),
    ("trailers", "trailers go on", POST + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + wire.chunked(PAYLOAD, trailers=b"X-Sum: 1\r\n"),
     PAYLOAD, "chunked", (("X-Sum", "1"),)),
], body_on)


# Interim responses and early ones


@group.case("forward.interim.continue", "100-continue: the origin's word reaches the client, and only then the body is sent")
def hundred_continue(world):
    head = POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    for way in few_deliveries(head):
        with within(way.name):
            client = world.client()
            client.send_pieces(way.pieces(head))
            connection = world.origin.accept()
            request = connection.head()
            equal(request.fields.get("Expect"), "100-continue", "Expect upstream")
            client.expect_open()
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            interim = client.head()
            equal(interim.status, 100, "interim status")
            client.send(b"hello")
            equal(connection.body_of(request).body, b"hello", "body upstream")
            connection.send(plain(body=b"thanks"))
            equal(client.response("POST").body, b"thanks", "body of the response")
            client.close()
            connection.close()


@group.case("forward.interim.refused", "100-continue: a final answer in place of it reaches the client")
def continue_refused(world):
    answer = plain(413, b"too much", reason=b"Content Too Large")
    for way in few_deliveries(answer):
        with within(way.name):
            client = world.client()
            client.send(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            connection = world.origin.accept()
            connection.head()
            connection.send_pieces(way.pieces(answer))
            response = client.response("POST")
            expect_forwarded(response, 413)
            equal(response.body, b"too much", "body")
            equal(response.interim, [], "interim responses")


@group.case("forward.interim.hints", "103 is relayed before the response, with its fields")
def early_hints(world):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n"
    answer = hints + hints + plain(body=b"ok")
    for _, response, *_ in relay(world, GET + END, answer, in_pieces="response"):
        equal([interim.status for interim in response.interim], [103, 103], "interim statuses")
        for interim in response.interim:
            equal(interim.fields.get("Link"), "</a.css>; rel=preload", "Link")
            require(not interim.fields.has("X-Hop"), "a hop-by-hop field in an interim response")
        equal(response.body, b"ok", "body")


@group.case("forward.interim.at_once", "103 reaches the client before there is a response")
def hints_at_once(world):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    for way in few_deliveries(hints):
        with within(way.name):
            client = world.client()
            client.send(GET + END)
            connection = world.origin.accept()
            connection.request()
            connection.send_pieces(way.pieces(hints))
            equal(client.head().status, 103, "interim status")
            connection.send(plain(body=b"ok"))
            equal(client.response().body, b"ok", "body")


@group.case("forward.interim.old_client", "an HTTP/1.0 client gets no interim response")
def no_hints_for_old(world):
    answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plain(body=b"ok")
    for _, response, *_ in relay(world, OLD, answer, version="HTTP/1.0", in_pieces="response"):
        equal(response.interim, [], "interim responses")
        equal(response.body, b"ok", "body")


def goes_on(sender, receiver, way, payload):
    """A chunk, whose bytes all come before anything follows it; one that comes whole goes on whole."""
    chunk = b"%x\r\n%s\r\n" % (len(payload), payload)
    sender.send_pieces(way.pieces(chunk))
    came = b""
    while len(came) < len(payload):
        size = int(receiver.line(), 16)
        came += receiver.exactly(size)
        equal(receiver.exactly(2), b"\r\n", "end of a chunk")
        require(way.kind != "whole" or size == len(payload), f"a chunk of {size} bytes")
    equal(came, payload, "chunk")


def ends(sender, receiver, way):
    sender.send_pieces(way.pieces(b"0\r\n\r\n"))
    equal(receiver.exactly(5), b"0\r\n\r\n", "end")


def streams(world, has_upload, has_download):
    """The bodies run in these directions; each part goes on when it comes, before there is more."""
    for way in few_deliveries(b"9\r\ndata: 1\n\n\r\n"):
        with within(way.name):
            client = world.client()
            client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" if has_upload else GET + END)
            connection = world.origin.accept()
            connection.head()
            if has_download:
                connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                equal(client.head().status, 200, "status, before there is a body")
            for part in (b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"):
                if has_upload:
                    goes_on(client, connection, way, part)
                if has_download:
                    goes_on(connection, client, way, part[::-1])
            if has_upload:
                ends(client, connection, way)
            if has_download:
                ends(connection, client, way)
            else:
                connection.send(plain())
                expect_forwarded(client.response("POST"))
            client.close()
            connection.close()


group.table("forward.stream", [
    ("response", "bytes of a response go on when they come", False, True),
    ("request", "bytes of a request go on when they come, before it is whole", True, False),
    ("both", "both bodies run at once", True, True),
], streams)


# Connections


alone = Group()


@alone.case("forward.keep_alive.both_sides", "one connection on each side carries many exchanges")
def keep_alive(bench):
    origin, proxy = pair(bench)
    client = bench.client(proxy)
    client.send(GET + END)
    connection = origin.accept()
    for number in range(20):
        connection.request()
        connection.send(plain(body=b"%d" % number))
        equal(client.response().body, b"%d" % number, "body")
        client.send(GET + END)
    connection.request()
    require(not origin.has_waiting(), "a second connection was opened")


@alone.case("forward.keep_alive.shared", "a client uses the connection that another one has left")
def shared_pool(bench):
    origin, proxy = pair(bench)
    connection = None
    for number in range(5):
        client = bench.client(proxy)
        client.send(GET + END)
        connection = connection or origin.accept()
        connection.request()
        connection.send(plain(body=b"%d" % number))
        equal(client.response().body, b"%d" % number, "body")
        client.close()
    require(not origin.has_waiting(), "a second connection was opened")


def not_reused(bench, answer, close=False):
    origin, proxy = pair(bench)
    client = bench.client(proxy)
    for _ in range(3):
        client.send(GET + END)
        connection = origin.accept()
        connection.request()
        connection.send(answer)
        if close:
            connection.close()
        expect_forwarded(client.response(), int(answer[9:12]))
        if not close:
            connection.expect_end("eof", "reset")


alone.table("forward.keep_alive.not_reused", [
    ("close", "after the origin said close", plain(fields=b"Connection: close\r\n")),
    ("http_1_0", "after HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("surplus", "after bytes behind the response", plain() + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    ("no_content_body", "after a body where there must be none", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
    ("not_modified_body", "after a body behind 304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello"),
    ("until_close", "after a body that the connection ended", b"HTTP/1.1 200 OK\r\n\r\nbody", True),
], not_reused)


@alone.case("forward.keep_alive.poisoned", "bytes that an idle connection receives are nobody's response")
def poisoned(bench):
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, GET + END)
    connection.send(plain(body=b"one"))
    equal(client.response().body, b"one", "body")
    connection.send(plain(body=b"evil"))
    connection.expect_end("eof", "reset")
    client.send(GET + END)
    second = origin.accept()
    second.request()
    second.send(plain(body=b"two"))
    equal(client.response().body, b"two", "body")


@alone.case("forward.keep_alive.http_1_0", "an HTTP/1.0 client that asks for it keeps its connection")
def old_keep_alive(bench):
    origin, proxy = pair(bench)
    client = bench.client(proxy)
    connection = None
    for number in range(3):
        client.send(b"GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        connection = connection or origin.accept()
        connection.request()
        connection.send(plain(body=b"%d" % number))
        response = client.response(version="HTTP/1.0")
        equal(response.body, b"%d" % number, "body")
        equal([option.lower() for option in response.fields.elements("Connection")], ["keep-alive"], "Connection")


@alone.case("forward.keep_alive.http_1_0_chunked", "its connection ends where the body cannot be told from the next response")
def old_keep_alive_chunked(bench):
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, b"GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    connection.send(answer_of(b"Transfer-Encoding: chunked\r\n", CHUNKED_PAYLOAD))
    response = client.response(version="HTTP/1.0")
    equal((response.framing, response.body), ("close", PAYLOAD), "body")
    require("keep-alive" not in [option.lower() for option in response.fields.elements("Connection")], "keep-alive was promised")


def pipelined(bench, count):
    """All requests are sent before the first is answered; the answers come in order."""
    origin, proxy = pair(bench)
    requests = b"".join(wire.post(f"/{number}", b"%04d" % number) for number in range(count))
    connection = None
    for way in few_deliveries(requests):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests))
            for number in range(count):
                connection = connection or origin.accept()
                request = connection.request()
                equal((request.target, request.body), (f"/{number}", b"%04d" % number), "request at the origin")
                connection.send(answer_of(b"Transfer-Encoding: chunked\r\n", wire.chunked(request.body)) if number % 2 else plain(body=request.body))
            for number in range(count):
                equal(client.response("POST").body, b"%04d" % number, "body")
            client.close()


alone.table("forward.pipelining", [
    ("some", "ten requests at once", 10),
    ("many", "hundreds of requests at once", 500),
], pipelined)


@alone.case("forward.pipelining.after_close", "nothing is served behind a request that said close")
def pipelined_after_close(bench):
    origin, proxy = pair(bench)
    requests = GET + b"Connection: close\r\n\r\n" + wire.get("/evil")
    connection = None
    for way in few_deliveries(requests):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests))
            connection = connection or origin.accept()
            equal(connection.request().target, "/x", "target")
            connection.send(plain(body=b"ok"))
            response = client.response()
            equal(response.body, b"ok", "body")
            contains([option.lower() for option in response.fields.elements("Connection")], "close", "Connection of the response")
            client.end_sending()
            client.expect_end()
            require(not connection.pending and not origin.has_waiting(), "the request behind was forwarded")


@alone.case("forward.large_head", "heads just below the limit pass in both directions")
def large_head(bench):
    origin, proxy = pair(bench)
    lines = b"".join(b"X-%03d: %s\r\n" % (i, b"v" * 200) for i in range(100))
    for way in few_deliveries(GET + lines + END)[:2]:
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(GET + lines + END))
            connection = origin.connections[0] if origin.connections else origin.accept()
            request = connection.request()
            equal(len([name for name, _ in request.fields.lines if re.fullmatch("X-[0-9]{3}", name)]), 100, "fields upstream")
            connection.send(answer_of(lines + b"Content-Length: 2\r\n", b"ok"))
            response = client.response()
            equal(len([name for name, _ in response.fields.lines if re.fullmatch("X-[0-9]{3}", name)]), 100, "fields downstream")
            equal(response.body, b"ok", "body")
