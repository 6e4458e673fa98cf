"""TRACE, where a route takes it: it goes on, and shows nobody a secret."""

from check import equal, require, within
from delivery import few_deliveries
from harness import Group, configuration
from replies import expect_own_reply

ROUTES = """
[[route]]
path = "/shown/*"
upstream = "app"
request_headers = { set = { "X-Key" = "hidden", "Cookie" = "hidden" }, remove = ["X-Removed"] }

[[route]]
path = "/fixed"
respond = { body = "fixed" }

[[route]]
upstream = "app"
trace = false
"""
FORWARDING = "[forwarding]\ntrace = true\n"
SECRETS = (b"Authorization: Basic hidden\r\nCookie: a=hidden\r\ncookie: b=hidden\r\nProxy-Authorization: Basic hidden\r\n"
           b"X-Removed: hidden\r\nX-Key: hidden\r\n")


def reflect(request, connection):
    """What a server does with TRACE."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.fields.lines)
    body = f"{request.method} {request.target} HTTP/1.1\r\n{lines}\r\n".encode()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return True


class World:
    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.scripted().serve(reflect)
        self.proxy = bench.proxy(configuration(self.origin.address, routes=ROUTES, extra=FORWARDING))


def trace(bench):
    return World(bench)


group = Group(trace)


def answers(world, request):
    """The response to the request, delivered in each way."""
    for way in few_deliveries(request):
        with within(way.name):
            client = world.bench.client(world.proxy)
            client.send_pieces(way.pieces(request))
            yield client.response("TRACE")
            client.close()


def head(target, lines=b""):
    return b"TRACE " + target + b" HTTP/1.1\r\nHost: a\r\nX-Shown: yes\r\n" + lines + b"\r\n"


def forwarded(world, lines, announced):
    for response in answers(world, head(b"/shown/x?q", SECRETS + lines)):
        equal((response.status, response.fields.get("Content-Type")), (200, "message/http"), "status and type")
        require(response.body.startswith(b"TRACE /shown/x?q HTTP/1.1\r\nHost: a\r\n"), f"what arrived: {response.body}")
        require(b"X-Shown: yes\r\n" in response.body, f"what arrived: {response.body}")
        require(b"hidden" not in response.body, f"a secret arrived: {response.body}")
        equal(world.origin.requests[-1].fields.get("Max-Forwards"), announced, "Max-Forwards")


group.table("trace.forwarded", [
    ("plain", "it goes on without secrets", b"", None),
    ("max_forwards", "one hop less", b"Max-Forwards: 3\r\n", "2"),
], forwarded)


@group.case("trace.last", "Max-Forwards: 0 shows what arrived here, without secrets, and goes no further")
def last(world):
    before = len(world.origin.requests)
    for response in answers(world, head(b"/shown/a/../x?q", SECRETS.replace(b"X-Removed: hidden\r\nX-Key: hidden\r\n", b"") + b"Max-Forwards: 0\r\n")):
        equal((response.status, response.fields.get("Content-Type")), (200, "message/http"), "status and type")
        expected = b"TRACE /shown/a/../x?q HTTP/1.1\r\nHost: a\r\nX-Shown: yes\r\nMax-Forwards: 0\r\n\r\n"
        equal(response.body, expected, "what is shown")
    equal(len(world.origin.requests), before, "requests that reached the origin")


@group.case("trace.fixed", "a route with a fixed response answers it like any other request")
def fixed(world):
    for response in answers(world, head(b"/fixed")):
        equal((response.status, response.body), (200, b"fixed"), "response")


def refused(world, request, status):
    before = len(world.origin.requests)
    for response in answers(world, request):
        expect_own_reply(response, status)
        require(b"hidden" not in response.body, "a secret is shown")
    equal(len(world.origin.requests), before, "requests that reached the origin")


group.table("trace.refused", [
    ("route", "the route does not take it", head(b"/x", SECRETS), 501),
    ("content", "with content", head(b"/shown/x", b"Content-Length: 5\r\n") + b"hello", 501),
    ("chunked", "with chunks", head(b"/shown/x", b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", 501),
    ("max_forwards", "a bad Max-Forwards", head(b"/shown/x", b"Max-Forwards: x\r\n"), 400),
], refused)
