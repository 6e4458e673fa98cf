"""Whoever waits through reloads, at whatever point of an exchange, keeps no old configuration in memory, and is served as it was meant."""

import itertools
import socket

from admin import TABLE, get_json
from check import equal, require, wait_for
from harness import Group, asked, configuration
from origin import plain
from peer import Client
from reloading import expect_taken, reload
from replies import expect_own_reply

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
WAITING, RELOADS = 50, 20
# The newest, and one that a shard is just leaving.
SNAPSHOTS_MAX = 2


def reload_often(proxy, texts):
    """Different files in turn, and not one more snapshot in memory than there has to be."""
    for text in itertools.islice(itertools.cycle(texts), RELOADS):
        reload(proxy, text)
        alive = get_json(proxy, "/snapshots")["snapshots"]
        require(len(alive) <= SNAPSHOTS_MAX, f"snapshots in memory: {alive}")


def changing(*endpoints, **options):
    """Two configurations that differ in much of what an exchange goes by."""
    routes = options.pop("routes", '[[route]]\nname = "first"\nupstream = "app"\n')
    other = routes.replace("first", "later").replace('"app"', '"other"')
    extra = TABLE + '[upstream.other]\nendpoints = ["127.0.0.1:9"]\n' + options.pop("extra", "")
    return [configuration(*endpoints, routes=text, extra=extra, limits=limits, **options)
            for text, limits in ((routes, ""), (other, "head_fields = 20"))]


@alone.case("reload.waiting.response", "requests that wait for their response")
def response(bench):
    origin = bench.scripted()
    texts = changing(origin.address, shards=2)
    proxy = bench.proxy(texts[0])
    clients = [bench.client(proxy) for _ in range(WAITING)]
    connections = []
    for number, client in enumerate(clients):
        client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
        connections.append(origin.accept())
        equal(connections[-1].request().target, f"/{number}", "target")
    reload_often(proxy, texts[::-1])
    for number, connection in enumerate(connections):
        connection.send(plain(body=b"%d" % number))
    for number, client in enumerate(clients):
        equal(client.response().body, b"%d" % number, "body")
    equal({entry["route"] for entry in proxy.log_entries(WAITING)}, {"first"}, "route in the log")
    expect_taken(reload(proxy, texts[0]), snapshots=1)


@alone.case("reload.waiting.connect", "requests that wait for a connection to an endpoint")
def connect(bench):
    texts = changing(bench.deaf_port().address, timeouts='connect = "60s"')
    proxy = bench.proxy(texts[0])
    for _ in range(WAITING):
        bench.client(proxy).send(GET)
    wait_for(lambda: [row["phase"] for row in get_json(proxy, "/connections")["connections"]].count("connecting upstream") == WAITING, "all of them wait")
    reload_often(proxy, texts[::-1])
    bench.close_clients()
    expect_taken(reload(proxy, texts[0]), snapshots=1)


@alone.case("reload.waiting.head", "clients that have sent half a head: the newest configuration decides about them")
def half_head(bench):
    texts = changing("127.0.0.1:9", routes='[[route]]\nrespond = { body = "first" }\n')
    proxy = bench.proxy(texts[0])
    clients = [bench.client(proxy) for _ in range(WAITING)]
    for client in clients:
        client.send(GET[:20])
        client.wait_taken()
    reload_often(proxy, texts[::-1])
    for client in clients[: WAITING // 2]:
        client.send(GET[20:])
        equal(client.response().body, b"first", "body")
    reload(proxy, texts[1])
    for client in clients[WAITING // 2 :]:
        client.send(GET[20:])
        equal(client.response().body, b"later", "body")


def unread_answers(bench, routes, answered, asked, more=""):
    """Clients that read nothing of many answers: what was begun is what it began as, also where it stands in the configuration."""
    texts = changing("127.0.0.1:9", routes=routes, extra=more)
    proxy = bench.proxy(texts[0])
    clients = [bench.client(proxy, receive_buffer=4096) for _ in range(4)]
    for client in clients:
        client.send(GET * asked)
    proxy.wait_at_rest()
    begun = [row["requests"] for row in get_json(proxy, "/connections")["connections"]]
    require(len(begun) == len(clients) and all(0 < count < asked for count in begun), f"requests that were begun: {begun}")
    reload_often(proxy, texts[::-1])
    reload(proxy, texts[1])
    for client, count in zip(clients, begun, strict=True):
        for number in range(asked):
            answered(client.response(), "first" if number < count else "later")
    expect_taken(reload(proxy, texts[0]), snapshots=1)


BODY_BYTES = 60000


def fixed(response, name):
    equal(response.status, 200, "status")
    text = (name.encode() + b" ") * BODY_BYTES
    require(response.body == text[:BODY_BYTES], f"the body is not that of the {name} configuration")


def error(response, _):
    expect_own_reply(response, 404)


@alone.case("reload.waiting.fixed_response", "clients that read nothing of a large response that stands in the configuration")
def fixed_response(bench):
    body = ("first " * BODY_BYTES)[:BODY_BYTES]
    unread_answers(bench, f'[[route]]\nrespond = {{ body = "{body}" }}\n', fixed, asked=400)


@alone.case("reload.waiting.error", "clients that read nothing of errors")
def errors(bench):
    long_fields = ", ".join(f'"X-{number}" = "{"x" * 1000}"' for number in range(2))
    unread_answers(bench, '[[route]]\nhost = "none"\nupstream = "app"\n', error, asked=2500, more=f"[response_headers]\nset = {{ {long_fields} }}\n")


@alone.case("reload.waiting.retry", "a request that is sent once more behind a reload is the same one")
def retry(bench):
    origin = bench.scripted()
    edits = 'request_headers = {{ set = {{ "X-From" = "{}" }} }}\n'
    texts = [configuration(origin.address, route=edits.format(name)) for name in ("first", "second")]
    proxy = bench.proxy(texts[0])
    client = bench.client(proxy)
    client.send(GET)
    connection = origin.accept()
    connection.request()
    connection.send(plain(body=b"warm"))
    equal(client.response().body, b"warm", "body")
    client.send(GET)
    before = connection.request()
    expect_taken(reload(proxy, texts[1]), snapshots=1)
    connection.close()
    again = origin.accept()
    after = again.request()
    equal(after.fields.get("X-From"), "first", "field that the old configuration sets")
    equal((after.target, after.fields.lines), (before.target, before.fields.lines), "the second try")
    again.send(plain(body=b"done"))
    equal(client.response().body, b"done", "body")


@alone.case("reload.waiting.upgrade", "a request for an upgrade whose 101 comes behind a reload that allows none any more")
def upgrade(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, route='upgrade = ["sample", "websocket"]'))
    request = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    client, connection = asked(bench, origin, proxy, request)
    expect_taken(reload(proxy, configuration(origin.address, route="upgrade = []")), snapshots=1)
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    equal(client.head().status, 101, "status")
    client.send(b"ping")
    equal(connection.exactly(4), b"ping", "what reached the origin")
    connection.send(b"pong")
    equal(client.exactly(4), b"pong", "what reached the client")
    connection.close()
    # The next one goes by the new file.
    other = Client(proxy.address)
    other.send(request)
    second = origin.accept()
    require(not second.request().fields.has("Upgrade"), "an upgrade that the new file does not allow")
    other.socket.shutdown(socket.SHUT_RDWR)
    other.close()
