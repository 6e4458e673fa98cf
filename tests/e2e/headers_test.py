"""Changes to header fields that the configuration asks for, Host for the upstream, Max-Forwards."""

import json

from check import equal, require, within
from delivery import few_deliveries
from harness import Group, configuration
from origin import plain
from replies import arrived, echo, expect_logged, expect_own_reply

alone = Group()
EDITS = """
[request_headers]
set = { "X-Real-IP" = "{client}", "X-Where" = "{scheme}://{host} {listener}/{route}", "X-Peer" = "{peer}" }
add = { "X-Many" = "global {{x}}" }
remove = ["Cookie", "X-Gone"]

[response_headers]
set = { "X-Frame-Options" = "DENY", "X-For" = "{host} {request_id} {client} {route}", "Content-Type" = "text/changed" }
remove = ["Server", "Via", "X-Inner"]
"""
ROUTES = """
[[route]]
name = "all"
upstream = "app"

[[route]]
name = "own"
path = "/own/*"
upstream = "app"
request_headers = { set = { "X-Real-IP" = "own", "Via" = "1.1 gate" }, add = { "X-Many" = "route", "X-Gone" = "back" }, remove = ["X-Where", "User-Agent", "X-Forwarded-For"] }
response_headers = { add = { "Set-Cookie" = "route={route}", "Server" = "gate" }, remove = ["X-Frame-Options", "Date", "X-Request-ID"] }

[[route]]
name = "fixed"
path = "/fixed"
respond = { body = "fixed" }
"""


class World:
    def __init__(self, bench, extra="", **options):
        self.bench = bench
        self.origin = bench.scripted().serve(echo)
        self.proxy = bench.proxy(configuration(self.origin.address, extra=extra, **options))


def edited(bench):
    return World(bench, EDITS, routes=ROUTES)


group = Group(edited)


def each(world, request, method="GET"):
    for way in few_deliveries(request):
        with within(way.name):
            client = world.bench.client(world.proxy)
            client.send_pieces(way.pieces(request))
            yield client.response(method)
            client.close()


def values(told, name):
    return [value for other, value in told["fields"] if other.lower() == name.lower()]


@group.case("headers.request", "fields are set, added and removed on the way to the upstream")
def request_fields(world):
    lines = b"Cookie: a\r\nX-Real-IP: 9\r\nX-Many: sent\r\nx-gone: 1\r\nX-Where: x\r\nX-Other: kept\r\nUser-Agent: u\r\n"
    for response in each(world, b"GET /x HTTP/1.1\r\nHost: a.example:81\r\n" + lines + b"\r\n"):
        told = json.loads(response.body)
        for name, expected in {
            "X-Real-IP": ["127.0.0.1"], "X-Where": ["http://a.example:81 main/all"], "X-Peer": ["127.0.0.1"],
            "X-Many": ["sent", "global {x}"], "Cookie": [], "X-Gone": [], "X-Other": ["kept"], "User-Agent": ["u"],
            "X-Forwarded-For": ["127.0.0.1"], "Via": ["1.1 sluice"],
        }.items():
            equal(values(told, name), expected, name)


@group.case("headers.request.route", "what the route says comes behind what holds everywhere")
def route_fields(world):
    lines = b"X-Many: sent\r\nX-Gone: 1\r\nUser-Agent: u\r\nConnection: X-Many, X-Real-IP, Via\r\n"
    for response in each(world, b"GET /own/x HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n"):
        told = json.loads(response.body)
        for name, expected in {
            "X-Real-IP": ["own"], "X-Where": [], "X-Many": ["global {x}", "route"], "X-Gone": ["back"], "User-Agent": [],
            "X-Forwarded-For": [], "Via": ["1.1 gate"], "X-Forwarded-Proto": ["http"],
        }.items():
            equal(values(told, name), expected, name)


@alone.case("headers.response", "fields are set, added and removed on the way to the client, whatever the status")
def response_fields(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, extra=EDITS, routes=ROUTES, upstream="keep_alive = { max_idle = 0 }"))
    answer = plain(404, b"ok", b"Server: inner\r\nX-Inner: 1\r\nX-Frame-Options: ALLOW\r\nSet-Cookie: a=1\r\nContent-Type: a/b\r\n", b"Not Here")
    for target, expected in (
        (b"/x", {"Server": [], "X-Inner": [], "Via": [], "X-Frame-Options": ["DENY"], "Set-Cookie": ["a=1"], "Content-Type": ["text/changed"],
                 "Content-Length": ["2"]}),
        (b"/own/x", {"Server": ["gate"], "X-Inner": [], "Via": [], "X-Frame-Options": [], "Set-Cookie": ["a=1", "route=own"], "Date": [], "X-Request-ID": []}),
    ):
        for way in few_deliveries(answer):
            with within(f"{target} {way.name}"):
                client = bench.client(proxy)
                client.send(b"GET %s HTTP/1.1\r\nHost: a.example\r\n\r\n" % target)
                connection = origin.accept()
                sent_id = connection.request().fields.get("X-Request-ID")
                connection.send_pieces(way.pieces(answer))
                response = client.response()
                equal((response.status, response.reason, response.body), (404, "Not Here", b"ok"), "response")
                for name, values_expected in expected.items():
                    equal(response.fields.all(name), values_expected, name)
                route = "all" if target == b"/x" else "own"
                equal(response.fields.get("X-For"), f"a.example {sent_id} 127.0.0.1 {route}", "X-For")
                connection.close()
                client.close()


@alone.case("headers.interim", "interim responses stay as they came")
def interim(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, extra=EDITS, routes=ROUTES))
    answer = b"HTTP/1.1 103 Early Hints\r\nServer: inner\r\nLink: </a>\r\n\r\n" + plain()
    connection = None
    for way in few_deliveries(answer):
        with within(way.name):
            client = bench.client(proxy)
            client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            connection = connection or origin.accept()
            connection.request()
            connection.send_pieces(way.pieces(answer))
            response = client.response()
            equal(response.interim[0].fields.lines, [("Server", "inner"), ("Link", "</a>")], "fields of the 103")
            equal(response.fields.get("X-Frame-Options"), "DENY", "X-Frame-Options of the response")


@group.case("headers.own", "answers of ours carry the changes, but keep what describes them")
def own_replies(world):
    for target, status, body, content_type in ((b"/fixed", 200, b"fixed", "text/plain; charset=utf-8"), (b"/%", 400, None, "text/plain; charset=utf-8")):
        for response in each(world, b"GET " + target + b" HTTP/1.1\r\nHost: a.example\r\n\r\n"):
            equal(response.status, status, "status")
            equal(response.fields.get("X-Frame-Options"), "DENY", "X-Frame-Options")
            equal(response.fields.get("Content-Type"), content_type, "Content-Type")
            require(response.fields.get("X-For").startswith("a.example 0"), f"X-For: {response.fields}")
            if body is not None:
                equal(response.body, body, "body")


@alone.case("headers.overflow", "what does not fit is refused and not cut")
def overflow(bench):
    long = "x" * 1000
    extra = f'[request_headers]\nset = {{ "X-A" = "{long}", "X-B" = "{long}" }}\n[response_headers]\nset = {{ "X-A" = "{long}", "X-B" = "{long}" }}\n'
    world = World(bench, extra, limits='head_bytes = "1KiB"\ntarget_bytes = 300')
    frame = b"GET /big HTTP/1.1\r\nHost: a\r\nX-Pad: \r\n\r\n"
    request = frame.replace(b"X-Pad: ", b"X-Pad: " + b"p" * (1024 - len(frame)))
    for way in few_deliveries(request):
        with within(way.name):
            client = bench.client(world.proxy)
            client.send_pieces(way.pieces(request))
            response = client.response()
            equal(response.status, 200, "status of a head that fits just so")
            equal(values(arrived(response), "X-B"), [long], "X-B")
            client.close()


# {host} is the one variable whose length a client chooses: with it, edits do outgrow every head.
LONG_HOST = b".".join([b"h" * 60] * 4)
GROWN = '{ set = { "X-Grown" = "' + "{host}" * 160 + '" } }'
GROWING_ROUTES = f"""
[[route]]
path = "/request"
request_headers = {GROWN}
upstream = "app"

[[route]]
path = "/response"
response_headers = {GROWN}
upstream = "app"

[[route]]
path = "/own"
response_headers = {GROWN}
respond = {{ body = "own" }}
"""


def outgrown(bench, target, status, reaches_origin):
    """A head that edits outgrow is refused whole, with its reason; with a shorter host it fits."""
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, routes=GROWING_ROUTES, limits='head_bytes = "4KiB"'))
    frame = b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n"
    ways = few_deliveries(frame % (target, LONG_HOST))
    for number, way in enumerate(ways):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(frame % (target, LONG_HOST)))
            response = client.response()
            expect_own_reply(response, status)
            require(not response.fields.has("X-Grown"), "a part of what does not fit")
            entry = proxy.log_entries(2 * number + 1)[-1]
            equal((entry["status"], entry["reason"], entry["target"]), (status, "head_overflow", target.decode()), "what the log says")
            # Nothing is wrong with the connection.
            equal(client.exchange(frame % (target, b"a")).status, 200, "status with a short host")
            equal(proxy.log_entries(2 * number + 2)[-1].get("reason"), None if reaches_origin is not None else "respond", "reason in the log")
            client.close()
    equal(len([request for request in origin.requests if request.fields.get("Host") != "a"]), len(ways) if reaches_origin else 0, "requests at the origin")
    equal(origin.failures, [], "what reached the origin")


alone.table("headers.outgrown", [
    ("request", "the head of the request: 431, and the origin sees nothing of it", b"/request", 431, False),
    ("response", "the head of the response: 502", b"/response", 502, True),
    ("own", "the head of an answer of the proxy's own: 500", b"/own", 500, None),
], outgrown)


# Host towards the upstream


HOST_ROUTES = """
[[route]]
upstream = "app"

[[route]]
path = "/endpoint/*"
upstream = "app"
upstream_host = "endpoint"

[[route]]
path = "/name/*"
upstream = "app"
upstream_host = "Inner.example:8080"
"""


@alone.case("headers.host", "Host is kept, or that of the endpoint, or the configured one")
def upstream_host(bench):
    world = World(bench, routes=HOST_ROUTES)
    endpoint = world.origin.address
    for target, sent, expected in ((b"/x", b"A.example:1", "A.example:1"), (b"/endpoint/x", b"a.example", endpoint), (b"/name/x", b"a.example", "Inner.example:8080")):
        for response in each(world, b"GET " + target + b" HTTP/1.1\r\nHost: " + sent + b"\r\n\r\n"):
            told = arrived(response)
            equal((values(told, "Host"), values(told, "X-Forwarded-Host")), ([expected], [sent.decode()]), "Host and X-Forwarded-Host")


@alone.case("headers.host.next_endpoint", "another endpoint is sent its own address")
def next_endpoint(bench):
    dead = bench.dead_port()
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(dead.address, origin.address, upstream='upstream_host = "endpoint"'))
    request = b"GET /x HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\n\r\n"
    for way in few_deliveries(request) * 2:  # one of two goes to the dead endpoint first
        client = bench.client(proxy)
        client.send_pieces(way.pieces(request))
        told = arrived(client.response())
        equal((values(told, "Host"), values(told, "X-A"), values(told, "X-Forwarded-Host")), ([origin.address], ["1"], ["a.example"]), "Host and others")
        client.close()


# Max-Forwards and OPTIONS


def simple(bench):
    return World(bench)


plain_group = Group(simple)


def options(world, lines, forwarded, target=b"*"):
    for response in each(world, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n", "OPTIONS"):
        told = arrived(response)
        equal((told["method"], told["target"]), ("OPTIONS", target.decode()), "request line at the origin")
        equal(values(told, "Max-Forwards"), forwarded, "Max-Forwards at the origin")


plain_group.table("headers.options", [
    ("asterisk", "OPTIONS * goes on as it is", b"", []),
    ("count", "Max-Forwards counts down", b"Max-Forwards: 10\r\n", ["9"]),
    ("one", "down to zero", b"max-forwards: 1\r\n", ["0"], b"/x?y"),
    ("large", "a number that is too large", b"Max-Forwards: 99999999999999999999999\r\n", ["65534"]),
], options)


@plain_group.case("headers.options.last", "OPTIONS that may go no further is answered here")
def options_last(world):
    before = len(world.origin.requests)
    for target in (b"*", b"/last"):
        for response in each(world, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", "OPTIONS"):
            equal((response.status, response.body, response.fields.get("Content-Length")), (200, b"", "0"), "response")
            equal(response.fields.elements("Allow"), ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"], "Allow")
            require(not response.fields.has("Via"), "an answer of ours has come through nobody")
    equal(len(world.origin.requests), before, "requests that reached the origin")
    expect_logged(world.proxy, "/last", 200, "max_forwards")


def bad_max_forwards(world, lines):
    before = len(world.origin.requests)
    for response in each(world, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n", "OPTIONS"):
        expect_own_reply(response, 400)
    equal(len(world.origin.requests), before, "requests that reached the origin")


plain_group.table("headers.options.bad", [
    ("word", "Max-Forwards that is no number", b"Max-Forwards: many\r\n"),
    ("sign", "a sign", b"Max-Forwards: -1\r\n"),
    ("empty", "an empty one", b"Max-Forwards:\r\n"),
    ("twice", "two of them", b"Max-Forwards: 1\r\nMax-Forwards: 1\r\n"),
], bad_max_forwards)


@plain_group.case("headers.max_forwards.get", "for other methods Max-Forwards means nothing")
def max_forwards_get(world):
    for response in each(world, b"GET /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n"):
        equal(values(arrived(response), "Max-Forwards"), ["0"], "Max-Forwards at the origin")
