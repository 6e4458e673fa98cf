"""Who a request comes from: whom the proxy believes, what it tells the upstream and the log."""

from check import equal, require, within
from delivery import few_deliveries
from harness import Group, configuration
from origin import plain
from replies import UUID_V7, arrived, echo, log_entry

alone = Group()
END = b"\r\n"
STRANGER = ""
# The test client comes from 127.0.0.1, and so do the hops that are named like proxies.
LOCAL = """
[[listener]]
name = "local"
address = "unix:@FOLDER@/web.sock"

[request_headers]
set = { "X-Told" = "{client} {peer}" }
"""
TRUSTED = 'trusted_proxies = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"]'
TRUSTED_LOCAL = 'trusted_proxies = ["unix", "10.0.0.0/8"]'


class World:
    """is_local: whether clients come over a unix socket."""

    def __init__(self, bench, forwarding, is_local=False):
        self.bench = bench
        self.origin = bench.scripted().serve(echo)
        self.proxy = bench.proxy(configuration(self.origin.address, extra=f"[forwarding]\n{forwarding}\n{LOCAL}"))
        self.address = str(self.proxy.folder / "web.sock") if is_local else self.proxy.address
        self.count = 0

    def relay(self, lines):
        """For each delivery what reached the origin, the response, and the line in the log."""
        self.count += 1
        target = f"/identity/{self.count}/{id(self)}"
        request = b"GET %s HTTP/1.1\r\nHost: a.example\r\n%s\r\n" % (target.encode(), lines)
        for number, way in enumerate(few_deliveries(request)):
            one = request.replace(target.encode(), f"{target}/{number}".encode())
            with within(way.name):
                client = self.bench.client(self.proxy, self.address)
                client.send_pieces(way.pieces(one))
                response = client.response()
                yield arrived(response), response, log_entry(self.proxy, f"{target}/{number}")
                client.close()


def stranger(bench):
    return World(bench, STRANGER)


def trusting(bench):
    return World(bench, TRUSTED)


def rfc7239(bench):
    return World(bench, f'{TRUSTED}\nclient_from = "forwarded"\nforwarded = true')


def both(bench):
    return World(bench, f"{TRUSTED}\nforwarded = true")


def local_trusting(bench):
    return World(bench, TRUSTED_LOCAL, is_local=True)


def local_rfc7239(bench):
    return World(bench, f'{TRUSTED_LOCAL}\nclient_from = "forwarded"\nforwarded = true', is_local=True)


def local_both(bench):
    return World(bench, f"{TRUSTED_LOCAL}\nforwarded = true", is_local=True)


def local_stranger(bench):
    return World(bench, f"{TRUSTED}\nforwarded = true", is_local=True)


def beside_local(bench):
    return World(bench, TRUSTED_LOCAL)


strange = Group(stranger)
trusted = Group(trusting)
forwarded = Group(rfc7239)
written = Group(both)
local_trusted = Group(local_trusting)
local_forwarded = Group(local_rfc7239)
local_written = Group(local_both)
local_strange = Group(local_stranger)
local_beside = Group(beside_local)


def value(told, name):
    values = [value for other, value in told["fields"] if other.lower() == name.lower()]
    require(len(values) <= 1, f"more than one {name}: {values}")
    return values[0] if values else None


def origin_of(world, lines, expected, client, peer=None):
    """expected: fields at the origin, None for one that must not be there; client and peer: in the log."""
    for told, _, entry in world.relay(lines):
        for name, wanted in expected.items():
            equal(value(told, name), wanted, name)
        equal((entry.get("client"), entry.get("peer")), (client, peer), "client and peer in the log")
        equal(value(told, "X-Told"), f"{client} {peer or client}", "client and peer as variables")


strange.table("identity.stranger", [
    ("plain", "a request that claims nothing", b"", {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a.example"}, "127.0.0.1"),
    ("claims", "what a stranger claims of itself is replaced",
     b"X-Forwarded-For: 10.0.0.1, 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nForwarded: for=192.0.2.1\r\n",
     {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a.example", "Forwarded": None}, "127.0.0.1"),
    ("identity", "what only a proxy in front may say is removed",
     b"X-Real-IP: 192.0.2.1\r\nTrue-Client-IP: 192.0.2.1\r\nX-Forwarded-Port: 443\r\nX-Remote-User: root\r\nX-Original-URL: /admin\r\nProxy: http://evil\r\n",
     {"X-Real-IP": None, "True-Client-IP": None, "X-Forwarded-Port": None, "X-Remote-User": None, "X-Original-URL": None, "Proxy": None}, "127.0.0.1"),
    ("lookalikes", "an underscore makes no other field of it",
     b"X_Forwarded_For: 192.0.2.1\r\nX_Real_IP: 192.0.2.1\r\nX-Remote_User: root\r\nx_request_id: 1\r\nX_Other: kept\r\n",
     {"X_Forwarded_For": None, "X_Real_IP": None, "X-Remote_User": None, "x_request_id": None, "X_Other": "kept"}, "127.0.0.1"),
    ("nominated", "Connection has no power over what we say",
     b"Connection: close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Request-ID, Via, Host\r\nX-Forwarded-For: 192.0.2.1\r\n",
     {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a.example", "Via": "1.1 sluice", "Host": "a.example"}, "127.0.0.1"),
], origin_of)

trusted.table("identity.trusted", [
    ("none", "a trusted proxy that names nobody", b"", {"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1"),
    ("client", "the client that a trusted proxy names", b"X-Forwarded-For: 192.0.2.1\r\n", {"X-Forwarded-For": "192.0.2.1, 127.0.0.1"}, "192.0.2.1", "127.0.0.1"),
    ("walk", "the first from the right that is not trusted", b"X-Forwarded-For: 192.0.2.1, 192.0.2.2, 10.0.0.1\r\n",
     {"X-Forwarded-For": "192.0.2.1, 192.0.2.2, 10.0.0.1, 127.0.0.1"}, "192.0.2.2", "127.0.0.1"),
    ("lines", "several lines are one list", b"X-Forwarded-For: 192.0.2.1\r\nX-A: 1\r\nx-forwarded-for: 10.0.0.1\r\n",
     {"X-Forwarded-For": "192.0.2.1, 10.0.0.1, 127.0.0.1"}, "192.0.2.1", "127.0.0.1"),
    ("all", "all of them are trusted: the leftmost", b"X-Forwarded-For: 10.0.0.2, 10.0.0.1\r\n", {}, "10.0.0.2", "127.0.0.1"),
    ("malformed", "what is no address ends the walk", b"X-Forwarded-For: 192.0.2.1, evil, 10.0.0.1\r\n", {}, "10.0.0.1", "127.0.0.1"),
    ("hidden", "so does a hidden one", b"X-Forwarded-For: 192.0.2.1, unknown\r\n", {}, "127.0.0.1"),
    ("ipv6", "IPv6 addresses, with and without a port", b"X-Forwarded-For: 2001:DB9:0:0::1, [2001:db8::7]:443\r\n", {}, "2001:db9::1", "127.0.0.1"),
    ("mapped", "an IPv4 address in IPv6 clothes", b"X-Forwarded-For: ::ffff:192.0.2.1, ::ffff:10.0.0.1\r\n", {}, "192.0.2.1", "127.0.0.1"),
    ("kept", "what it says of the client's connection is kept",
     b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: www.example\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 192.0.2.9\r\n",
     {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "www.example", "X-Forwarded-Port": "443", "X-Real-IP": "192.0.2.9"}, "127.0.0.1"),
    ("repeated", "but not what it says twice", b"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", {"X-Forwarded-Proto": "http"}, "127.0.0.1"),
    ("forwarded", "the other list is not believed", b"Forwarded: for=192.0.2.1\r\n", {"Forwarded": None, "X-Forwarded-For": "127.0.0.1"}, "127.0.0.1"),
    ("lookalikes", "not even a trusted proxy may use underscores", b"X_Forwarded_For: 192.0.2.1\r\n", {"X_Forwarded_For": None}, "127.0.0.1"),
    ("nominated", "Connection takes nothing away from what a proxy says",
     b"Connection: X-Real-IP, X-Remote-User, X-Forwarded-For, X-Other\r\nX-Real-IP: 1\r\nX-Remote-User: u\r\nX-Forwarded-For: 192.0.2.1\r\nX-Other: gone\r\n",
     {"X-Real-IP": "1", "X-Remote-User": "u", "X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Other": None}, "192.0.2.1", "127.0.0.1"),
    ("long", "a list without end is followed for a while",
     b"X-Forwarded-For: 192.0.2.1" + b", 10.0.0.1" * 40 + b"\r\n", {}, "10.0.0.1", "127.0.0.1"),
], origin_of)

forwarded.table("identity.forwarded", [
    ("none", "nobody is named", b"", {"Forwarded": "for=127.0.0.1;host=a.example;proto=http", "X-Forwarded-For": "127.0.0.1"}, "127.0.0.1"),
    ("client", "the client, and its scheme", b"Forwarded: for=192.0.2.1;proto=https, for=10.0.0.1\r\nX-Forwarded-Proto: ftp\r\n",
     {"Forwarded": "for=192.0.2.1;proto=https, for=10.0.0.1, for=127.0.0.1;host=a.example;proto=http",
      "X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Forwarded-Proto": "https"}, "192.0.2.1", "127.0.0.1"),
    ("quoted", "IPv6, in quotes", b'Forwarded: for="[2001:db9::1]:4711";host="a,b"\r\n', {"X-Forwarded-For": "2001:db9::1, 127.0.0.1"}, "2001:db9::1", "127.0.0.1"),
    ("open_quote", "an open quote of a stranger reaches nobody else", b'Forwarded: for="evil\r\nForwarded: x=", for=192.0.2.1\r\n', {}, "192.0.2.1", "127.0.0.1"),
    ("hidden", "a hidden hop ends the walk", b"Forwarded: for=192.0.2.1, for=_hidden\r\n", {}, "127.0.0.1"),
    ("other", "X-Forwarded-For is not believed", b"X-Forwarded-For: 192.0.2.1\r\n", {"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1"),
], origin_of)

written.table("identity.written", [
    ("client", "Forwarded is made of what X-Forwarded-For says", b"X-Forwarded-For: 2001:db9::1\r\nForwarded: for=evil\r\n",
     {"Forwarded": 'for="[2001:db9::1]", for=127.0.0.1;host=a.example;proto=http', "X-Forwarded-For": "2001:db9::1, 127.0.0.1"}, "2001:db9::1", "127.0.0.1"),
], origin_of)

# Who comes through a unix socket has no address: what it says goes on as it came, and nothing is added.
local_trusted.table("identity.local.trusted", [
    ("none", "names nobody", b"", {"X-Forwarded-For": None, "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a.example", "Forwarded": None}, "unix"),
    ("client", "names the client", b"X-Forwarded-For: 192.0.2.1\r\n", {"X-Forwarded-For": "192.0.2.1"}, "192.0.2.1", "unix"),
    ("walk", "the first from the right that is not trusted", b"X-Forwarded-For: 192.0.2.1, 192.0.2.2, 10.0.0.1\r\n",
     {"X-Forwarded-For": "192.0.2.1, 192.0.2.2, 10.0.0.1"}, "192.0.2.2", "unix"),
    ("all", "all of them are trusted: the leftmost", b"X-Forwarded-For: 10.0.0.2, 10.0.0.1\r\n", {"X-Forwarded-For": "10.0.0.2, 10.0.0.1"}, "10.0.0.2", "unix"),
    ("malformed", "what is no address ends the walk at once", b"X-Forwarded-For: 192.0.2.1, evil\r\n", {}, "unix"),
    ("word", "the word unix is no address in a list", b"X-Forwarded-For: 192.0.2.1, unix, 10.0.0.1\r\n", {}, "10.0.0.1", "unix"),
    ("kept", "what it says of the client's connection is kept",
     b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: www.example\r\nX-Real-IP: 192.0.2.9\r\n",
     {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "www.example", "X-Real-IP": "192.0.2.9"}, "unix"),
    ("forwarded", "the other list is not believed", b"Forwarded: for=192.0.2.1\r\n", {"Forwarded": None, "X-Forwarded-For": None}, "unix"),
], origin_of)

local_forwarded.table("identity.local.forwarded", [
    ("none", "names nobody", b"", {"Forwarded": "for=_unix;host=a.example;proto=http", "X-Forwarded-For": None}, "unix"),
    ("client", "names the client, and its scheme", b"Forwarded: for=192.0.2.1;proto=https, for=10.0.0.1\r\n",
     {"Forwarded": "for=192.0.2.1;proto=https, for=10.0.0.1, for=_unix;host=a.example;proto=http",
      "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}, "192.0.2.1", "unix"),
    ("hidden", "another one behind a unix socket ends the walk", b"Forwarded: for=192.0.2.1, for=_unix\r\n", {}, "unix"),
    ("other", "X-Forwarded-For is not believed", b"X-Forwarded-For: 192.0.2.1\r\n", {"X-Forwarded-For": None}, "unix"),
], origin_of)

local_written.table("identity.local.written", [
    ("client", "Forwarded is made of what X-Forwarded-For says", b"X-Forwarded-For: 192.0.2.1\r\nForwarded: for=evil\r\n",
     {"Forwarded": "for=192.0.2.1, for=_unix;host=a.example;proto=http", "X-Forwarded-For": "192.0.2.1"}, "192.0.2.1", "unix"),
], origin_of)

local_strange.table("identity.local.stranger", [
    ("claims", "addresses are trusted, unix sockets are not",
     b"X-Forwarded-For: 192.0.2.1, 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n",
     {"X-Forwarded-For": None, "X-Forwarded-Proto": "http", "X-Real-IP": None, "Forwarded": "for=_unix;host=a.example;proto=http"}, "unix"),
], origin_of)

local_beside.table("identity.local.beside", [
    ("claims", "unix sockets are trusted, who comes over TCP is not", b"X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Real-IP: 192.0.2.1\r\n",
     {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": None}, "127.0.0.1"),
], origin_of)


def request_id(world, lines, expected):
    """expected: the id, or None for one of ours."""
    for told, response, entry in world.relay(lines):
        given = response.fields.get("X-Request-ID")
        equal(value(told, "X-Request-ID"), given, "X-Request-ID at the origin")
        equal(entry["request_id"], given, "request_id in the log")
        if expected is None:
            require(UUID_V7.fullmatch(given), f"an id of ours: {given}")
        else:
            equal(given, expected, "X-Request-ID")


# relay() expects a UUID in every response, so an id that is taken over is one.
GIVEN = "0190a3c0-1234-7abc-8def-0123456789ab"
trusted.table("identity.request_id", [
    ("kept", "a trusted proxy's id goes on", b"X-Request-ID: %s\r\n" % GIVEN.encode(), GIVEN),
    ("repeated", "not if there are two", b"X-Request-ID: %s\r\nX-Request-ID: b\r\n" % GIVEN.encode(), None),
    ("malformed", "not if it holds what no id holds", b'X-Request-ID: a"b\r\n', None),
    ("list", "not if it is a list", b"X-Request-ID: a, b\r\n", None),
    ("empty", "not if it is empty", b"X-Request-ID:\r\n", None),
    ("long", "not if it is too long", b"X-Request-ID: " + b"a" * 129 + b"\r\n", None),
], request_id)
strange.table("identity.request_id", [
    ("stranger", "a stranger's id is replaced", b"X-Request-ID: %s\r\n" % GIVEN.encode(), None),
], lambda world, lines, _: [require(r.fields.get("X-Request-ID") != GIVEN, "the stranger's id") for _, r, _ in world.relay(lines)])


@trusted.case("identity.request_id.own_words", "an id need not be a UUID")
def own_words(world):
    request = b"GET /own HTTP/1.1\r\nHost: a\r\nX-Request-ID: Root=1-abc/def+x.y~z:@_\r\n\r\n"
    for way in few_deliveries(request):
        with within(way.name):
            client = world.bench.client(world.proxy)
            client.send_pieces(way.pieces(request))
            equal(client.response().fields.get("X-Request-ID"), "Root=1-abc/def+x.y~z:@_", "X-Request-ID")


@alone.case("identity.custom", "the list of identity fields can be replaced")
def custom(bench):
    world = World(bench, 'identity_headers = ["X-Mine"]')
    for told, *_ in world.relay(b"X-Mine: 1\r\nX_mine: 2\r\nX-Real-IP: 3\r\nX-Request-ID: 4\r\nX-Forwarded-For: 192.0.2.1\r\n"):
        equal((value(told, "X-Mine"), value(told, "X_mine"), value(told, "X-Real-IP")), (None, None, "3"), "fields at the origin")
        equal(value(told, "X-Forwarded-For"), "127.0.0.1", "X-Forwarded-For")


@alone.case("identity.retry", "the next endpoint is told the same")
def retry(bench):
    dead = bench.dead_port()
    origin = bench.scripted()
    proxy = bench.proxy(configuration(dead.address, origin.address, extra=f"[forwarding]\n{TRUSTED}\n"))
    for _ in range(4):
        client = bench.client(proxy)
        client.send(b"GET /x HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n" + END)
        connection = origin.accept()
        request = connection.request()
        equal((request.fields.get("X-Forwarded-For"), request.fields.get("X-Forwarded-Proto"), request.fields.get("Host")),
              ("192.0.2.1, 127.0.0.1", "https", "a.example"), "what the second endpoint is told")
        connection.send(plain(fields=b"Connection: close\r\n"))
        equal(client.response().status, 200, "status")
