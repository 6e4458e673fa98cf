"""What the proxy answers itself: redirects, fixed responses, errors in the form that Accept asks for."""

import json

from check import equal, require, within
from delivery import few_deliveries
from harness import Group, configuration
from replies import DATE, UUID_V7, echo, expect_logged

alone = Group()
ROUTES = """
[[route]]
name = "app"
upstream = "app"
path = "/app/*"

[[route]]
name = "secure"
path = "/secure/*"
redirect = { status = 301, scheme = "https" }

[[route]]
name = "moved"
path = "/old/*"
strip_prefix = "/old"
redirect = { status = 308, host = "www.example", port = 8443 }

[[route]]
name = "found"
path = "/found"
redirect = { port = 81 }

[[route]]
name = "blog"
path = "/blog/{year}/*"
rewrite = { prefix = "/archive/{year}", query = "" }
redirect = { status = 307 }

[[route]]
name = "hello"
path = "/hello"
respond = { content_type = "text/html", body = "<p>hello" }

[[route]]
name = "gone"
path = "/gone/*"
respond = { status = 410 }

[[route]]
name = "nothing"
path = "/nothing"
respond = { status = 204 }

[[route]]
name = "unavailable"
path = "/unavailable"
respond = { status = 503, body = "later" }
response_headers = { set = { "Retry-After" = "60" } }

[[route]]
name = "large"
path = "/large"
respond = { body = "@LARGE@" }
"""
LARGE = "0123456789abcdef" * 4096


class World:
    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.scripted().serve(echo)
        self.proxy = bench.proxy(configuration(self.origin.address, routes=ROUTES.replace("@LARGE@", LARGE)))

    def each(self, request, method="GET", version="HTTP/1.1"):
        """The response to each delivery, with the client's connection."""
        for way in few_deliveries(request):
            with within(way.name):
                client = self.bench.client(self.proxy)
                client.send_pieces(way.pieces(request))
                yield client.response(method, version), client
                client.close()


def answers(bench):
    return World(bench)


group = Group(answers)


def goes_on(client):
    """The connection is in step."""
    equal(client.exchange(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").body, b"<p>hello", "body of the next response")


def expect_ours(response, status):
    equal(response.status, status, "status")
    require(DATE.fullmatch(response.fields.get("Date") or ""), f"Date: {response.fields}")
    require(UUID_V7.fullmatch(response.fields.get("X-Request-ID") or ""), f"X-Request-ID: {response.fields}")
    for name in ("Server", "Via", "Transfer-Encoding"):
        require(not response.fields.has(name), f"{name} of an answer of ours: {response.fields}")


def redirected(world, target, host, status, location):
    for response, client in world.each(b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"):
        expect_ours(response, status)
        equal(response.fields.get("Location"), location, "Location")
        equal(response.body, b"%d %s\n" % (status, response.reason.encode()), "body")
        goes_on(client)
    expect_logged(world.proxy, target.decode(), status, "redirect")


group.table("answer.redirect", [
    ("scheme", "another scheme, with its own port", b"/secure/a?b=c&d", b"a.example:8080", 301, "https://a.example/secure/a?b=c&d"),
    ("host", "another host, without the prefix", b"/old/x/y?q", b"a.example", 308, "http://www.example:8443/x/y?q"),
    ("root", "the prefix alone", b"/old", b"a.example", 308, "http://www.example:8443/"),
    ("found", "302 is the usual one", b"/found", b"a.example", 302, "http://a.example:81/found"),
    ("literal", "an IPv6 literal", b"/found?", b"[::1]:8080", 302, "http://[::1]:81/found?"),
    ("normalised", "the path is the one that was matched", b"/secure/%61/../b%2fc", b"a", 301, "https://a/secure/b%2Fc"),
    ("rewrite", "what a rewrite makes of path and query", b"/blog/2024/a/b?x=y", b"a.example:81", 307, "http://a.example:81/archive/2024/a/b"),
    ("slashes", "two slashes at the front are no host", b"/old//evil.example/x", b"a", 308, "http://www.example:8443/evil.example/x"),
    ("escaped_line", "an escaped backslash stays escaped", b"/secure/%5Cevil", b"a", 301, "https://a/secure/%5Cevil"),
], redirected)


@group.case("answer.redirect.line_end", "an escaped line end does not get as far as a Location")
def line_end(world):
    for response, _ in world.each(b"GET /secure/%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: a\r\n\r\n"):
        equal(response.status, 400, "status")
        require(not response.fields.has("Location") and not response.fields.has("Set-Cookie"), f"fields: {response.fields}")


@group.case("answer.redirect.absolute", "the authority of an absolute target is the host")
def absolute(world):
    for response, _ in world.each(b"GET http://b.example:8080/secure/x HTTP/1.1\r\nHost: a.example\r\n\r\n"):
        equal(response.fields.get("Location"), "https://b.example/secure/x", "Location")


@group.case("answer.redirect.no_host", "without a host there is nowhere to go")
def no_host(world):
    for response, _ in world.each(b"GET /secure/x HTTP/1.0\r\n\r\n", version="HTTP/1.0"):
        equal(response.status, 400, "status")
    for response, _ in world.each(b"GET /old/x HTTP/1.0\r\n\r\n", version="HTTP/1.0"):
        equal(response.fields.get("Location"), "http://www.example:8443/x", "Location")


def fixed(world, target, status, content_type, body):
    for method in (b"GET", b"HEAD", b"DELETE"):
        for response, client in world.each(method + b" " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n", method.decode()):
            expect_ours(response, status)
            equal(response.fields.get("Content-Type"), content_type, "Content-Type")
            equal(response.body, b"" if method == b"HEAD" else body, "body")
            equal(response.fields.get("Content-Length"), None if status == 204 else str(len(body)), "Content-Length")
            goes_on(client)
    expect_logged(world.proxy, target.decode(), status, "respond")


group.table("answer.respond", [
    ("body", "a body with its type", b"/hello", 200, "text/html", b"<p>hello"),
    ("empty", "a status alone", b"/gone/x", 410, None, b""),
    ("no_content", "204", b"/nothing", 204, None, b""),
    ("large", "a large body", b"/large", 200, "text/plain; charset=utf-8", LARGE.encode()),
], fixed)


@group.case("answer.respond.upload", "a request body that nobody wants ends the connection, behind the whole answer")
def upload(world):
    for framing in (b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n"):
        for response, client in world.each(b"POST /hello HTTP/1.1\r\nHost: a\r\n" + framing):
            equal((response.status, response.body, response.interim), (200, b"<p>hello", []), "response")
            equal(response.fields.get("Connection"), "close", "Connection")
            client.end_sending()
            client.expect_end()


@group.case("answer.respond.pipelined", "answers keep their order among others")
def pipelined(world):
    targets = [b"/hello", b"/app/1", b"/gone/1", b"/secure/1", b"/app/2", b"/hello"]
    requests = b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target for target in targets)
    for first, client in world.each(requests):
        equal([first.status, *(client.response().status for _ in targets[1:])], [200, 200, 410, 301, 200, 200], "statuses")


@group.case("answer.respond.old", "HTTP/1.0, kept alive and not")
def old(world):
    for response, client in world.each(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", version="HTTP/1.0"):
        equal((response.body, response.fields.get("Connection")), (b"<p>hello", "keep-alive"), "response")
        response = client.exchange(b"GET /hello HTTP/1.0\r\n\r\n", version="HTTP/1.0")
        equal((response.body, response.fields.get("Connection")), (b"<p>hello", "close"), "response")
        client.expect_end()


@group.case("answer.respond.headers", "header edits add what the status needs")
def respond_headers(world):
    for response, _ in world.each(b"GET /unavailable HTTP/1.1\r\nHost: a\r\n\r\n"):
        equal((response.status, response.fields.get("Retry-After"), response.body), (503, "60", b"later"), "response")


@group.case("answer.respond.log", "the log has no upstream for it")
def respond_log(world):
    for response, _ in world.each(b"GET /gone/log HTTP/1.1\r\nHost: a\r\n\r\n"):
        equal(response.status, 410, "status")
    entry = expect_logged(world.proxy, "/gone/log", 410, "respond")
    equal((entry["route"], entry.get("upstream"), entry.get("endpoint"), entry.get("attempts")), ("gone", None, None, None), "route and upstream")


# Errors


def error_form(world, accept, is_problem):
    lines = b"".join(b"Accept: " + value + b"\r\n" for value in accept)
    for response, client in world.each(b"GET /none HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n"):
        expect_ours(response, 404)
        equal(response.fields.get("Vary"), "Accept", "Vary")
        if is_problem:
            equal(response.fields.get("Content-Type"), "application/problem+json", "Content-Type")
            expected = {"type": "about:blank", "title": "Not Found", "status": 404, "reason": "no_route", "request_id": response.fields.get("X-Request-ID")}
            equal(json.loads(response.body), expected, "problem")
        else:
            equal((response.fields.get("Content-Type"), response.body), ("text/plain; charset=utf-8", b"404 Not Found\n"), "text")
        goes_on(client)


group.table("answer.error", [
    ("none", "no Accept: plain text", [], False),
    ("any", "anything will do: plain text", [b"*/*"], False),
    ("browser", "what browsers send: plain text", [b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"], False),
    ("problem", "a problem object", [b"application/problem+json"], True),
    ("json", "JSON is as good", [b"application/json, text/plain;q=0.5"], True),
    ("quality", "the better quality decides", [b"application/problem+json;q=0.4, text/plain;q=0.5"], False),
    ("lines", "several lines are one list", [b"text/plain;q=0.1", b"application/*;q=0.2"], True),
    ("malformed", "a malformed one counts as none", [b"application/json;q=high"], False),
    ("long", "so does one without end", [b"application/json, " + b"a/b, " * 300], False),
], error_form)


@group.case("answer.error.head", "the answer to HEAD has the same head and no body")
def error_head(world):
    accept = b"Accept: application/problem+json\r\n\r\n"
    for response, client in world.each(b"HEAD /none HTTP/1.1\r\nHost: a\r\n" + accept, "HEAD"):
        equal((response.status, response.fields.get("Content-Type")), (404, "application/problem+json"), "response")
        require(int(response.fields.get("Content-Length")) > 50, f"Content-Length: {response.fields}")
        goes_on(client)


@alone.case("answer.error.upstream", "Accept is remembered until the upstream has failed")
def error_upstream(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address))
    request = b"GET /x HTTP/1.1\r\nHost: a\r\nAccept: application/problem+json\r\n\r\n"
    for way in few_deliveries(request):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(request))
            connection = origin.accept()
            connection.request()
            connection.send(b"nonsense\r\n\r\n")
            response = client.response()
            equal(response.status, 502, "status")
            told = json.loads(response.body)
            equal((told["reason"], told["rule"]), ("upstream_malformed", "bad_status_line"), "reason and rule")
            connection.close()
            client.close()


@alone.case("answer.error.dead", "no endpoint: a problem object as well")
def error_dead(bench):
    proxy = bench.proxy(configuration(bench.dead_port().address))
    client = bench.client(proxy)
    response = client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n")
    equal((response.status, json.loads(response.body)["reason"]), (503, "upstream_refused"), "response")


@group.case("answer.error.refused", "a refused head is answered in plain text")
def error_refused(world):
    for response, client in world.each(b"GET /x HTTP/1.1\r\nHost: a\r\nAccept: application/problem+json\r\nBad Name: x\r\n\r\n"):
        equal((response.status, response.fields.get("Content-Type")), (400, "text/plain; charset=utf-8"), "response")
        client.end_sending()
        client.expect_end()
