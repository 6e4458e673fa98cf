"""Which route takes a request, and what of its path goes on."""

from check import equal, within
from delivery import deliveries
from harness import Group, configuration
from origin import plain
from replies import expect_logged, expect_own_reply, log_entry

ROUTES = """
[[route]]
name = "everything"
upstream = "app"

[[route]]
name = "v1"
path = "/v1/*"
strip_prefix = "/v1"
upstream = "app"

[[route]]
name = "v1-users"
path = "/v1/users/*"
strip_prefix = "/v1/users"
upstream = "app"

[[route]]
name = "exact"
path = "/v1/exact"
upstream = "app"

[[route]]
name = "half-stripped"
path = "/a/b/*"
strip_prefix = "/a"
upstream = "app"

[[route]]
name = "admin"
path = "/admin/*"
upstream = "app"

[[route]]
name = "host"
host = "api.example.com"
path = "/v1/*"
upstream = "app"

[[route]]
name = "host-root"
host = "api.example.com"
path = "/"
upstream = "app"

[[route]]
name = "literal"
host = "[::1]"
upstream = "app"
"""

STRICT_ROUTES = """
[[route]]
host = "only.example.com"
path = "/only/*"
upstream = "app"
"""


class World:
    def __init__(self, bench, routes):
        self.bench = bench
        self.origin = bench.scripted().serve(self.answer)
        self.proxy = bench.proxy(configuration(self.origin.address, routes=routes))

    @staticmethod
    def answer(request, connection):
        connection.send(plain(body=request.target.encode("latin-1")))
        return True

    def exchange(self, host, target, pieces=None):
        request = b"GET " + target.encode("latin-1") + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n"
        client = self.bench.client(self.proxy)
        client.send_pieces(pieces(request) if pieces else [request])
        response = client.response()
        client.close()
        return response


def routing(bench):
    return World(bench, ROUTES)


def no_route(bench):
    return World(bench, STRICT_ROUTES)


group = Group(routing)
strict = Group(no_route)


def routed(world, host, target, route, forwarded):
    """The route is read from the log; `forwarded` is the target that reaches the origin."""
    request = b"GET " + target.encode("latin-1") + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n"
    before = world.proxy.log_lines()
    ways = deliveries(request)
    for way in ways:
        with within(way.name):
            response = world.exchange(host, target, way.pieces)
            equal(response.status, 200, "status")
            equal(response.body.decode("latin-1"), forwarded, "forwarded target")
    entries = world.proxy.log_entries(before + len(ways))[before:]
    equal({entry["route"] for entry in entries}, {route}, "route")
    equal({entry["target"] for entry in entries}, {target}, "target in the log")


group.table("route.match", [
    ("default", "no other route fits", "a", "/x", "everything", "/x"),
    ("root", "the root", "a", "/", "everything", "/"),
    ("prefix", "a prefix, which is stripped", "a", "/v1/x/y", "v1", "/x/y"),
    ("prefix_alone", "the prefix alone", "a", "/v1", "v1", "/"),
    ("prefix_slash", "the prefix with a slash", "a", "/v1/", "v1", "/"),
    ("prefix_segment", "a prefix ends where a segment ends", "a", "/v10", "everything", "/v10"),
    ("prefix_dash", "also before a dash", "a", "/v1-x/y", "everything", "/v1-x/y"),
    ("prefix_case", "paths are compared with their case", "a", "/V1/x", "everything", "/V1/x"),
    ("longest", "the longest prefix wins", "a", "/v1/users/7", "v1-users", "/7"),
    ("longest_alone", "the longest prefix alone", "a", "/v1/users", "v1-users", "/"),
    ("longest_segment", "and only by whole segments", "a", "/v1/usersx", "v1", "/usersx"),
    ("exact", "an exact path wins over a prefix", "a", "/v1/exact", "exact", "/v1/exact"),
    ("exact_only", "an exact path is no prefix", "a", "/v1/exact/x", "v1", "/exact/x"),
    ("exact_slash", "nor does it fit with a slash", "a", "/v1/exact/", "v1", "/exact/"),
    ("half_stripped", "a part of the prefix is stripped", "a", "/a/b/c", "half-stripped", "/b/c"),
    ("query", "a query goes on and matches nothing", "a", "/v1/x?y=/admin/z&q=%2e", "v1", "/x?y=/admin/z&q=%2e"),
    ("query_on_prefix", "a query directly behind the prefix", "a", "/v1?y", "v1", "/?y"),
    ("host", "a host's routes come first", "api.example.com", "/v1/users/7", "host", "/v1/users/7"),
    ("host_case", "hosts are compared without case", "API.Example.COM", "/v1/x", "host", "/v1/x"),
    ("host_port", "and without port", "api.example.com:8080", "/v1/x", "host", "/v1/x"),
    ("host_dot", "and without the dot that may end it", "api.example.com.", "/v1/x", "host", "/v1/x"),
    ("host_port_dot", "and without both", "api.example.com.:80", "/v1/x", "host", "/v1/x"),
    ("host_falls_back", "when none of them fits, those of any host are asked", "api.example.com", "/admin/x", "admin", "/admin/x"),
    ("host_exact", "an exact path of a host", "api.example.com", "/", "host-root", "/"),
    ("host_other", "a subdomain is another host", "x.api.example.com", "/v1/x", "v1", "/x"),
    ("host_literal", "an address literal", "[::1]:80", "/v1/x", "literal", "/v1/x"),
    ("dot", "a dot segment goes away", "a", "/./v1/./x", "v1", "/x"),
    ("dot_dot", "two dots take a segment with them", "a", "/x/../v1/y", "v1", "/y"),
    ("dot_dot_out", "out of a route by two dots", "a", "/v1/../admin/x", "admin", "/admin/x"),
    ("dot_dot_last", "two dots at the end", "a", "/v1/x/..", "v1", "/"),
    ("dot_dot_escaped", "escaped dots are dots", "a", "/v1/%2e%2E/admin/x", "admin", "/admin/x"),
    ("dot_dot_mixed", "half-escaped dots are dots", "a", "/v1/.%2e/admin/x", "admin", "/admin/x"),
    ("three_dots", "three dots are a name", "a", "/v1/.../x", "v1", "/.../x"),
    ("dot_file", "a name may begin with a dot", "a", "/v1/.well-known/..x", "v1", "/.well-known/..x"),
    ("escaped_letters", "escaped letters are letters", "a", "/%61dmin/x", "admin", "/admin/x"),
    ("escaped_unreserved", "escaped unreserved bytes are themselves", "a", "/v1/%2D%5F%7e%30", "v1", "/-_~0"),
    ("escape_case", "escapes are written with upper-case digits", "a", "/v1/%c3%a4%3f", "v1", "/%C3%A4%3F"),
    ("escaped_slash", "an escaped slash is no slash", "a", "/v1%2fx", "everything", "/v1%2Fx"),
    ("escaped_slash_kept", "and stays escaped", "a", "/v1/a%2Fb", "v1", "/a%2Fb"),
    ("escaped_slash_dots", "dots beside an escaped slash are no segment", "a", "/v1/..%2Fadmin", "v1", "/..%2Fadmin"),
    ("escaped_percent", "an escaped percent stays one", "a", "/v1/%252e%252e/x", "v1", "/%252e%252e/x"),
    ("double_slash", "empty segments stay", "a", "/v1/x//y", "v1", "/x//y"),
    ("double_slash_first", "an empty first segment is no prefix", "a", "//v1/x", "everything", "//v1/x"),
    ("double_slash_stripped", "what is stripped leaves no authority behind", "a", "/v1//evil.example/x", "v1", "/evil.example/x"),
    ("reserved", "reserved bytes stay as they are", "a", "/v1/a;b=c,d@e:f!$&'()*+", "v1", "/a;b=c,d@e:f!$&'()*+"),
    ("backslash_escaped", "an escaped backslash stays escaped", "a", "/v1/..%5cadmin", "v1", "/..%5Cadmin"),
], routed)


@group.case("route.absolute", "an absolute target is routed by its own host and path")
def absolute(world):
    client = world.bench.client(world.proxy)
    client.send(b"GET http://api.example.com/v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
    equal(client.response().body, b"/v1/x", "forwarded target")
    equal(log_entry(world.proxy, "http://api.example.com/v1/x")["route"], "host", "route in the log")


def no_route_fits(world, host, target):
    request = b"GET " + target.encode("latin-1") + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n"
    for way in deliveries(request):
        with within(way.name):
            expect_own_reply(world.exchange(host, target, way.pieces), 404)
    expect_logged(world.proxy, target, 404, "no_route")
    equal(len(world.origin.requests), 0, "requests at the origin")


strict.table("route.none", [
    ("path", "no route for the path", "only.example.com", "/other"),
    ("host", "no route for the host", "other.example.com", "/only/x1"),
    ("segment", "no route for half a segment", "only.example.com", "/onlyx"),
    ("dots", "no way in by dots", "only.example.com", "/only/../x2"),
    ("escaped_slash", "no way in by an escaped slash", "only.example.com", "/only%2Fx3"),
    ("double_slash", "no way in by an empty segment", "only.example.com", "//only/x4"),
], no_route_fits)


alone = Group()


@alone.case("route.upstreams", "each route has its own upstream")
def upstreams(bench):
    origins = {name: bench.scripted().serve(lambda request, connection, name=name: connection.send(plain(body=name.encode())) is None)
               for name in ("app", "other", "third")}
    routes = "".join(f'[[route]]\npath = "/{name}/*"\nupstream = "{name}"\n' for name in origins)
    extra = "".join(f'[upstream.{name}]\nendpoints = ["{origin.address}"]\n' for name, origin in origins.items() if name != "app")
    client = bench.client(bench.proxy(configuration(origins["app"].address, routes=routes, extra=extra)))
    for _ in range(3):
        for name in origins:
            response = client.exchange(f"GET /{name}/x HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            equal(response.body.decode(), name, "which upstream answered")


@alone.case("route.many", "ten thousand routes")
def many(bench):
    origin = bench.scripted().serve(lambda request, connection: connection.send(plain(body=request.target.encode())) is None)
    routes = "".join(
        f'[[route]]\nname = "r{i}"\nhost = "h{i % 100}.example.com"\npath = "/p{i}/*"\nstrip_prefix = "/p{i}"\nupstream = "app"\n' for i in range(10000)
    )
    proxy = bench.proxy(configuration(origin.address, routes=routes))
    client = bench.client(proxy)
    for number in (0, 1, 4999, 9998, 9999):
        request = f"GET /p{number}/x HTTP/1.1\r\nHost: h{number % 100}.example.com\r\n\r\n".encode()
        equal(client.exchange(request).body, b"/x", "forwarded target")
    expect_own_reply(client.exchange(b"GET /p1/x HTTP/1.1\r\nHost: h2.example.com\r\n\r\n"), 404)
    equal([entry.get("route") for entry in proxy.log_entries(6)], ["r0", "r1", "r4999", "r9998", "r9999", None], "routes in the log")
