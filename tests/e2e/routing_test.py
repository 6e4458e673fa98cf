"""Which route takes a request, and what of its path goes on."""

from check import equal, within
from delivery import deliveries
from harness import Group, configuration, routes_to_app
from origin import plain
from replies import expect_logged, expect_own_reply, log_entry

ROUTES = routes_to_app(
    ("everything",),
    ("v1", 'path = "/v1/*"', 'strip_prefix = "/v1"'),
    ("v1-users", 'path = "/v1/users/*"', 'strip_prefix = "/v1/users"'),
    ("exact", 'path = "/v1/exact"'),
    ("half-stripped", 'path = "/a/b/*"', 'strip_prefix = "/a"'),
    ("admin", 'path = "/admin/*"'),
    ("host", 'host = "api.example.com"', 'path = "/v1/*"'),
    ("host-root", 'host = "api.example.com"', 'path = "/"'),
    ("literal", 'host = "[::1]"'),
)

STRICT_ROUTES = """
[[route]]
host = "only.example.com"
path = "/only/*"
upstream = "app"
"""


class World:
    def __init__(self, bench, routes, top=""):
        self.bench = bench
        self.origin = bench.scripted().serve(self.answer)
        self.proxy = bench.proxy(top + configuration(self.origin.address, routes=routes))

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
    ("escaped_slash_name", "names beside an escaped slash are names", "a", "/v1/..a%2Fadmin..", "v1", "/..a%2Fadmin.."),
    ("escaped_percent", "an escaped percent stays one", "a", "/v1/%252e%252e/x", "v1", "/%252e%252e/x"),
    ("escaped_backslash", "an escaped backslash stays one", "a", "/v1/a%5cb", "v1", "/a%5Cb"),
    ("parameters", "parameters of a segment are part of it", "a", "/v1/a;x=..;y/b;", "v1", "/a;x=..;y/b;"),
    ("double_slash", "slashes in a row are one", "a", "/v1/x//y///", "v1", "/x/y/"),
    ("double_slash_first", "also in front: no way around a route", "a", "//admin//x", "admin", "/admin/x"),
    ("double_slash_escaped", "an escaped slash is none of them", "a", "/%2F/v1/x", "everything", "/%2F/v1/x"),
    ("double_slash_stripped", "what is stripped leaves no authority behind", "a", "/v1//evil.example/x", "v1", "/evil.example/x"),
    ("reserved", "reserved bytes stay as they are", "a", "/v1/a;b=c,d@e:f!$&'()*+", "v1", "/a;b=c,d@e:f!$&'()*+"),
], routed)


@group.case("route.absolute", "an absolute target is routed by its own host and path")
def absolute(world):
    target = "http://api.example.com/v1/x"
    for way in deliveries(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()):
        with within(way.name):
            equal(world.exchange("a", target, way.pieces).body, b"/v1/x", "forwarded target")
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
    ("parameters", "no way in by parameters of the prefix", "only.example.com", "/only;a/x4"),
], no_route_fits)


def refused_path(world, target, detail):
    """Whichever route it might have meant: nobody is asked."""
    request = b"GET " + target.encode("latin-1") + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    for way in deliveries(request):
        with within(way.name):
            expect_own_reply(world.exchange("a", target, way.pieces), 400)
    equal(expect_logged(world.proxy, target, 400, "bad_path")["detail"], detail, "detail in the log")


group.table("route.refused", [
    ("above_root", "out of the root", "/v1/../../etc/passwd", "above_root"),
    ("above_root_escaped", "out of the root by escaped dots", "/%2e%2e/x", "above_root"),
    ("nul", "an escaped NUL", "/v1/a%00.png", "encoded_control"),
    ("line_end", "an escaped line end", "/v1/%0d%0aX:y", "encoded_control"),
    ("half_escape", "half an escape", "/v1/%2", "bad_escape"),
    ("dots_escaped_slash", "dots before an escaped slash", "/v1/..%2fadmin", "hidden_dots"),
    ("escaped_slash_dots", "dots behind an escaped slash", "/v1/x%2F..", "hidden_dots"),
    ("escaped_dots_escaped_slash", "escaped dots before an escaped slash", "/v1/%2e%2e%2fadmin", "hidden_dots"),
    ("dots_backslash", "dots before an escaped backslash", "/v1/..%5Cadmin", "hidden_dots"),
    ("dots_parameters", "dots with parameters", "/v1/..;x=1/admin", "hidden_dots"),
    ("overlong_slash", "a slash in two bytes of UTF-8", "/v1/..%c0%afadmin", "overlong_utf8"),
    ("overlong_dots", "dots in two bytes of UTF-8", "/v1/%c0%ae%c0%ae/admin", "overlong_utf8"),
    ("overlong_three", "a slash in three", "/v1/%e0%80%afadmin", "overlong_utf8"),
], refused_path)


MATCHING_ROUTES = routes_to_app(
    ("me", 'path = "/users/me"'),
    ("user", 'path = "/users/{id}"', 'rewrite = { path = "/u/{id}" }'),
    ("user-post", 'path = "/users/{id}"', 'methods = ["POST", "PURGE"]'),
    ("pets", 'path = "/users/{id}/pets/*"', 'rewrite = { prefix = "/pets-of/{id}" }'),
    ("number", "path_regex = '/users/(?P<number>[0-9]+)'", 'rewrite = { path = "/number.php", query = "n={number}" }'),
    ("halves", "path_regex = '/halves/(.*)-(.*)'", 'rewrite = { path = "/{1}/{2}" }'),
    ("grown", 'path = "/grown/{a}"', 'rewrite = { path = "/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}" }'),
    ("wild", 'host = "*.example.com"'),
    ("wild-eu", 'host = "*.eu.example.com"', 'path = "/shop/*"'),
    ("exact-host", 'host = "www.eu.example.com"', 'path = "/shop/*"', 'methods = ["GET"]'),
    ("plain", 'path = "/conditions/*"'),
    ("canary", 'path = "/conditions/*"', 'headers = [{ name = "x-canary", value = "1" }]'),
    ("version", 'path = "/conditions/*"', 'headers = [{ name = "x-version", regex = "v[0-9]+(, v[0-9]+)*" }, { name = "x-old", present = false }]'),
    ("debug", 'path = "/conditions/*"', 'query = ["debug"]'),
    ("engine", 'path = "/conditions/*"', 'query = [{ name = "engine", value = "new one" }, { name = "page", regex = "[0-9]+" }]'),
    ("put", 'path = "/conditions/deep/*"', 'methods = ["PUT"]'),
    ("no-query", 'path = "/no-query"', 'rewrite = { query = "" }'),
)


class Matching(World):
    """Requests with a method and fields."""

    def ask(self, request, pieces=None):
        client = self.bench.client(self.proxy)
        client.send_pieces(pieces(request) if pieces else [request])
        response = client.response()
        client.close()
        return response


def matching(bench):
    return Matching(bench, MATCHING_ROUTES)


matches = Group(matching)


def request_of(line, host, fields):
    return f"{line} HTTP/1.1\r\nHost: {host}\r\n{''.join(field + chr(13) + chr(10) for field in fields)}\r\n".encode("latin-1")


def matched(world, line, route, forwarded=None, host="a", fields=()):
    """forwarded: the target that reaches the origin, where it is not the one that was sent."""
    request = request_of(line, host, fields)
    before = world.proxy.log_lines()
    ways = deliveries(request)
    for way in ways:
        with within(way.name):
            response = world.ask(request, way.pieces)
            equal(response.status, 200, "status")
            equal(response.body.decode("latin-1"), forwarded or line.split(" ")[1], "forwarded target")
    routes = {entry["route"] for entry in world.proxy.log_entries(before + len(ways))[before:]}
    equal(routes, {route}, "route in the log")


matches.table("route.fits", [
    ("exact_before_template", "what is written goes before a name", "GET /users/me", "me"),
    ("template", "a template, and its part in the new path", "GET /users/joe", "user", "/u/joe"),
    ("template_escape", "a part of a path keeps its escapes", "GET /users/a%2fb%20", "user", "/u/a%2Fb%20"),
    ("template_query", "a rewritten path keeps the query", "GET /users/joe?a=/users/me", "user", "/u/joe?a=/users/me"),
    ("template_dots", "a template sees what is left of dots", "GET /users/x/../joe", "user", "/u/joe"),
    ("method", "a route with methods goes before one without", "POST /users/joe", "user-post"),
    ("method_own", "a method that nobody knows", "PURGE /users/joe", "user-post"),
    ("method_case", "methods are compared with their case", "post /users/joe", "user", "/u/joe"),
    ("prefix_template", "a prefix with a part in it is replaced", "GET /users/joe/pets/7?x", "pets", "/pets-of/joe/7?x"),
    ("prefix_template_alone", "the prefix alone", "GET /users/joe/pets", "pets", "/pets-of/joe"),
    ("regex", "an expression goes before a template, a group into the query", "GET /users/77?old=1", "number", "/number.php?n=77"),
    ("regex_method", "whatever the methods of the template", "POST /users/77", "number", "/number.php?n=77"),
    ("regex_whole", "and fits the whole path", "GET /users/77x", "user", "/u/77x"),
    ("halves", "groups of an expression", "GET /halves/a/b-c/d", "halves", "/a/b/c/d"),
    ("wildcard", "a wildcard host", "GET /x", "wild", None, "api.example.com"),
    ("wildcard_deep", "of more labels", "GET /x", "wild", None, "a.b.c.EXAMPLE.com.:80"),
    ("wildcard_longer", "the longer wildcard", "GET /shop/x", "wild-eu", None, "a.eu.example.com"),
    ("wildcard_other_path", "gives way to the shorter where its paths do not fit", "GET /x", "wild", None, "a.eu.example.com"),
    ("exact_host", "an exact host before wildcards", "GET /shop/x", "exact-host", None, "www.eu.example.com"),
    ("exact_host_method", "gives way to them where its methods do not fit", "PUT /shop/x", "wild-eu", None, "www.eu.example.com"),
    ("no_condition", "no condition fits", "GET /conditions/x", "plain"),
    ("header", "a field's value", "GET /conditions/x", "canary", None, "a", ("X-Canary: 1",)),
    ("header_spaces", "without the space around it", "GET /conditions/x", "canary", None, "a", ("x-canary:   1\t ",)),
    ("header_other", "another value", "GET /conditions/x", "plain", None, "a", ("x-canary: 11",)),
    ("header_twice", "a field on two lines is another value", "GET /conditions/x", "plain", None, "a", ("x-canary: 1", "x-canary: 1")),
    ("header_regex", "more conditions go before fewer", "GET /conditions/x", "version", None, "a", ("x-canary: 1", "x-version: v12")),
    ("header_regex_lines", "an expression sees all lines as one", "GET /conditions/x", "version", None, "a", ("X-Version: v1", "a: b", "x-version: v2")),
    ("header_regex_other", "and has to fit all of it", "GET /conditions/x", "plain", None, "a", ("x-version: v12x",)),
    ("header_absent", "a field that must not be there", "GET /conditions/x", "plain", None, "a", ("x-version: v12", "x-old:")),
    ("query", "a parameter that is there", "GET /conditions/x?a&debug", "debug"),
    ("query_escaped", "spelled with escapes", "GET /conditions/x?%64ebug=0", "debug"),
    ("query_name", "the whole name", "GET /conditions/x?debugs", "plain"),
    ("query_two", "two parameters go before one", "GET /conditions/x?debug&page=7&engine=new+one", "engine"),
    ("query_decoded", "compared decoded", "GET /conditions/x?page=%37&engine=n%65w%20one", "engine"),
    ("query_first", "of one name the first counts", "GET /conditions/x?page=x&page=7&engine=new+one", "plain"),
    ("header_query", "fields go before the query", "GET /conditions/x?debug", "canary", None, "a", ("x-canary: 1",)),
    ("falls_through", "conditions that do not fit give way to a shorter path", "GET /conditions/deep/x", "plain"),
    ("falls_not", "and those that fit do not", "PUT /conditions/deep/x", "put"),
    ("no_query", "a query taken away", "GET /no-query?a=b", "no-query", "/no-query"),
], matched)


def not_rewritten(world, target, status, detail):
    response = world.ask(request_of(f"GET {target}", "a", ()))
    expect_own_reply(response, status)
    equal(expect_logged(world.proxy, target, status, "bad_rewrite")["detail"], detail, "detail in the log")


matches.table("route.bad_rewrite", [
    ("dots", "groups that come to dot segments", "/halves/a-../b", 400, "dot_segment"),
    ("dots_first", "in front of them all", "/halves/..-b", 400, "dot_segment"),
    ("hidden_dots", "and to hidden ones", "/halves/a-..;b", 400, "hidden_dots"),
    ("too_long", "a target that grows past its limit", f"/grown/{'x' * 900}", 414, "too_long"),
], not_rewritten)


@matches.case("route.asterisk", "OPTIONS * is routed as the path / and forwarded as it is")
def asterisk(world):
    equal(world.ask(request_of("OPTIONS *", "api.example.com", ())).body, b"*", "forwarded target")
    expect_own_reply(world.ask(request_of("OPTIONS *", "a", ())), 404)


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


@alone.case("route.keep_slashes", "with merge_slashes = false slashes stay, matched as forwarded")
def keep_slashes(bench):
    world = World(bench, ROUTES, "merge_slashes = false\n")
    for target, forwarded in (("/v1/x//y", "/x//y"), ("//v1/x", "//v1/x"), ("/v1//evil.example/x", "/evil.example/x"), ("/x//../v1/y", "/x/v1/y")):
        request = f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        for way in deliveries(request):
            with within(f"{target}, {way.name}"):
                equal(world.exchange("a", target, way.pieces).body.decode(), forwarded, "forwarded target")
    equal(log_entry(world.proxy, "//v1/x")["route"], "everything", "route in the log")


@alone.case("route.expression_shards", "every shard has its own copy of an expression")
def expression_shards(bench):
    origin = bench.scripted().serve(lambda request, connection: connection.send(plain(body=request.target.encode())) is None)
    routes = """
[[route]]
path_regex = '/files/(?P<name>[a-z]+)\\.txt'
headers = [{ name = "x-a", regex = "[0-9]+" }]
query = [{ name = "q", regex = "[0-9]+" }]
rewrite = { path = "/{name}" }
upstream = "app"
"""
    proxy = bench.proxy(configuration(origin.address, shards=3, routes=routes))
    clients = [bench.client(proxy) for _ in range(32)]
    for client in clients:
        client.send(b"GET /files/abc.txt?q=1 HTTP/1.1\r\nHost: a\r\nX-A: 7\r\n\r\n")
    for client in clients:
        equal(client.response().body, b"/abc?q=1", "forwarded target")
    equal({entry["shard"] for entry in proxy.log_entries(len(clients))}, {0, 1, 2}, "shards that served")


@alone.case("route.many_kinds", "ten thousand routes of all kinds")
def many_kinds(bench):
    origin = bench.scripted().serve(lambda request, connection: connection.send(plain(body=request.target.encode())) is None)
    paths = {0: "/p{0}/*", 1: "/p{0}/{{id}}/x", 2: "/p{0}", 3: "/{{any}}/p{0}"}
    routes = "".join(
        f'[[route]]\nname = "r{i}"\nhost = "{"*." if i % 2 else ""}h{i % 100}.example.com"\npath = "{paths[i % 4].format(i)}"\nupstream = "app"\n'
        for i in range(10000)
    )
    proxy = bench.proxy(configuration(origin.address, routes=routes))
    client = bench.client(proxy)
    targets = [(9996, "/p9996/x"), (9997, "/p9997/a/x"), (9998, "/p9998"), (9999, "/a/p9999"), (1, "/p1/a/x")]
    for number, target in targets:
        host = f"{'x.' if number % 2 else ''}h{number % 100}.example.com"
        equal(client.exchange(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).body.decode(), target, "forwarded target")
    expect_own_reply(client.exchange(b"GET /p9998/x HTTP/1.1\r\nHost: h98.example.com\r\n\r\n"), 404)
    equal([entry.get("route") for entry in proxy.log_entries(6)], [f"r{number}" for number, _ in targets] + [None], "routes in the log")
