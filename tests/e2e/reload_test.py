"""Reading the file again: what is new holds, what is the same is left alone, and nobody who is being served notices."""

import re
import signal
import socket

import sockets
import wire
from admin import TABLE, Metrics, get_json
from admin import get as admin_get
from check import contains, equal, require, wait_for
from harness import Group, asked, begun, configuration
from origin import plain
from peer import Client
from reloading import expect_taken, reload, reload_refused, told_all
from replies import expect_forwarded, expect_logged, expect_own_reply

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


def answering(bench, body):
    """An origin that answers everything with `body`."""
    return bench.scripted().serve(lambda request, connection: connection.send(plain(body=body)) is None)


def listener(name, address):
    return f'[[listener]]\nname = "{name}"\naddress = "{address[0]}:{address[1]}"\n'


def running(bench, shards=1, **options):
    """A proxy with an exchange that waits for its response, and the text of its configuration."""
    origin = bench.scripted()
    text = configuration(origin.address, shards=shards, **options)
    proxy = bench.proxy(text)
    client, connection = asked(bench, origin, proxy, GET)
    return origin, proxy, client, connection, text


# What is new holds


@alone.case("reload.routes", "other routes hold from then on, on connections that are open as well")
def routes(bench):
    one, two = answering(bench, b"one"), answering(bench, b"two")
    other = f'[upstream.two]\nendpoints = ["{two.address}"]\n'
    proxy = bench.proxy(configuration(one.address, extra=other, shards=2))
    client = bench.client(proxy)
    equal(client.exchange(GET).body, b"one", "body")
    reload(proxy, configuration(one.address, extra=other, shards=2, routes='[[route]]\nupstream = "two"\n'))
    equal(client.exchange(GET).body, b"two", "body on the old connection")
    equal(bench.client(proxy).exchange(GET).body, b"two", "body on a new connection")
    reload(proxy, configuration(one.address, extra=other, shards=2, routes='[[route]]\nhost = "b"\nupstream = "two"\n'))
    expect_own_reply(client.exchange(GET), 404)


@alone.case("reload.timeouts_limits", "other limits and timeouts hold for what begins then")
def timeouts_limits(bench):
    origin = answering(bench, b"ok")
    proxy = bench.proxy(configuration(origin.address))
    reload(proxy, configuration(origin.address, limits='target_bytes = 256', timeouts='keep_alive = "50ms"'))
    client = bench.client(proxy)
    expect_own_reply(client.exchange(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 300)), 414)
    idle = bench.client(proxy)
    equal(idle.exchange(GET).body, b"ok", "body")
    idle.expect_end()


@alone.case("reload.words", "one line says what has changed")
def words(bench):
    origin = answering(bench, b"ok")
    more = bench.proxy(configuration(origin.address)).address  # of a proxy of its own: taken
    proxy = bench.proxy(configuration(origin.address, extra=f'[upstream.b]\nendpoints = ["{origin.address}"]\n'))
    line = reload(proxy, configuration(origin.address, upstream="keep_alive = { max_idle = 3 }",
                                       extra=f'[upstream.c]\nendpoints = ["{origin.address}"]\n'))
    contains(line, "generation 2; listeners: 0 added, 0 removed, 1 kept; upstreams: 1 added, 1 removed, 1 changed, 0 kept", "words")
    expect_taken(line, snapshots=1)
    line = reload(proxy, configuration(origin.address, extra=f'[upstream.c]\nendpoints = ["{origin.address}"]\n'))
    contains(line, "generation 3; listeners: 0 added, 0 removed, 1 kept; upstreams: 0 added, 0 removed, 1 changed, 1 kept", "words")
    require(more, "the other proxy has an address")


# A bad file changes nothing


def refused(bench, change, *expected):
    """change(text, bench, proxy): the bad file; expected: parts of what is said."""
    origin = answering(bench, b"ok")
    text = configuration(origin.address)
    proxy = bench.proxy(text)
    client = bench.client(proxy)
    equal(client.exchange(GET).body, b"ok", "body")
    descriptors = proxy.descriptor_count()
    for _ in range(3):
        told = reload_refused(proxy, change(text, bench, proxy))
        for part in expected:
            contains(told, part, "what is said")
        places = [int(number) for number in re.findall(r"sluice\.toml:(\d+):", told)]
        equal(places, sorted(places), "the lines that are named, in the order of the file")
        contains(told, "not reloaded: generation 1 goes on unchanged", "what is said")
    equal(client.exchange(GET).body, b"ok", "body on the old connection")
    equal(bench.client(proxy).exchange(GET).body, b"ok", "body on a new connection")
    equal(len(origin.connections), 1, "connections to the origin")
    bench.close_clients()
    wait_for(lambda: proxy.descriptor_count() <= descriptors, "no descriptor is left behind")
    expect_taken(reload(proxy, text), snapshots=1)


def taken_address(text, bench, proxy):
    port = getattr(bench, "taken_port", None) or bench.scripted()
    bench.taken_port = port
    return text + listener("more", ("127.0.0.1", port.port))


def several_wrong(text, bench, proxy):
    return taken_address(text.replace("@LOG@", "/proc/no/such"), bench, proxy) + listener("foreign", ("192.0.2.1", 80))


alone.table("reload.refused", [
    ("syntax", "no TOML", lambda text, *_: text + "[[", "sluice.toml:"),
    ("unknown_key", "unknown keys, each with its place and a suggestion",
     lambda text, *_: text.replace("endpoints", "endpoint").replace("address = ", "adress = "),
     "did you mean `endpoints`?", "did you mean `address`?", "sluice.toml:8:1"),
    ("no_upstream", "a route to nowhere", lambda text, *_: text.replace('upstream = "app"', 'upstream = "apl"'),
     'there is no upstream "apl"; did you mean `app`?'),
    ("empty", "an empty file", lambda *_: "", "sluice.toml"),
    ("shards", "another number of shards", lambda text, *_: text.replace("shards = 1", "shards = 2"), "sluice.toml:1:10: `shards` has changed, and that needs a restart"),
    ("shard_defaults", "other buffers", lambda text, *_: text + "[shard_defaults]\nreceive_buffers = 64\n", ":19: `shard_defaults.receive_buffers` has changed, and that needs a restart"),
    ("head_bytes", "a head larger than the blocks", lambda text, *_: text.replace("[limits]", '[limits]\nhead_bytes = "64KiB"'),
     ":14: `limits.head_bytes` is larger than what the shards were started with, and that needs a restart"),
    ("address", "an address that somebody else has", taken_address, ":11: cannot listen on", "Address already in use"),
    ("log", "a log that cannot be opened", lambda text, *_: text.replace("@LOG@", "/proc/no/such"), ":10: cannot open the access log /proc/no/such"),
    ("several", "a log and two listeners, each told at its place, in the order of the file", several_wrong,
     ":10: cannot open the access log /proc/no/such", "Address already in use", "Cannot assign requested address"),
    ("descriptors", "more connections than there are descriptors",
     lambda text, *_: text.replace("max_connections = 2000", "max_connections = 10000000"), "descriptor"),
], refused)


@alone.case("reload.file_gone", "a file that is not there: the old one goes on")
def file_gone(bench):
    origin = answering(bench, b"ok")
    text = configuration(origin.address)
    proxy = bench.proxy(text)
    proxy.file.unlink()
    told = reload_refused(proxy)
    contains(told, "sluice.toml", "what is said")
    equal(bench.client(proxy).exchange(GET).body, b"ok", "body")
    expect_taken(reload(proxy, text), snapshots=1)


@alone.case("reload.all_or_nothing", "one listener that cannot be opened keeps everything else from changing")
def all_or_nothing(bench):
    one, two = answering(bench, b"one"), answering(bench, b"two")
    proxy = bench.proxy(configuration(one.address))
    free, taken = bench.reserve(), bench.scripted()
    bad = configuration(two.address) + listener("free", free) + listener("taken", ("127.0.0.1", taken.port))
    reload_refused(proxy, bad)
    require(not sockets.is_listening(free), "the other new listener listens")
    equal(bench.client(proxy).exchange(GET).body, b"one", "body")


# Listeners


def added(bench, shards):
    origin = answering(bench, b"ok")
    text = configuration(origin.address, shards=shards)
    proxy = bench.proxy(text)
    more = bench.reserve()
    contains(reload(proxy, text + listener("more", more)), "1 added, 0 removed, 1 kept", "words")
    contains(told_all(proxy), f"listening on {more[0]}:{more[1]}", "what is said")
    for _ in range(8):
        client = bench.client(proxy, address=more)
        equal(client.exchange(GET).body, b"ok", "body")
    equal(proxy.log_entries(8)[0]["listener"], "more", "listener in the log")


alone.table("reload.listener_added", [("one", "a listener is added", 1), ("shards", "to several shards", 3)], added)


def arrival(origin):
    """The connection on which the next request comes, be it a new one or one that was kept."""

    def find():
        origin.has_waiting()
        return next((one for one in origin.connections if not one.is_ended() and one.pending), None)

    connection = wait_for(find, "a request arrives at the origin")
    connection.request()
    return connection


def removed(bench, shards):
    """Idle connections of the listener are closed, exchanges end with close, and nobody new comes in."""
    origin = bench.scripted()
    more = bench.reserve()
    text = configuration(origin.address, shards=shards)
    proxy = bench.proxy(text + listener("more", more))
    stays, idle, busy = bench.client(proxy), bench.client(proxy, address=more), bench.client(proxy, address=more)
    for client in (stays, idle):
        client.send(GET)
        arrival(origin).send(plain(body=b"before"))
        equal(client.response().body, b"before", "body")
    busy.send(GET)
    serving = arrival(origin)
    contains(reload(proxy, text), "0 added, 1 removed, 1 kept", "words")
    idle.expect_end()
    require(not sockets.is_listening(more), "the removed listener listens")
    serving.send(plain(body=b"behind"))
    response = busy.response()
    equal(response.body, b"behind", "body")
    contains([option.lower() for option in response.fields.elements("Connection")], "close", "Connection")
    busy.expect_end()
    stays.expect_open()
    try:
        Client(more).close()
        require(False, "a connection was accepted")
    except ConnectionRefusedError:
        pass
    equal(sorted(entry["listener"] for entry in proxy.log_entries(3)), ["main", "more", "more"], "listeners in the log")


alone.table("reload.listener_removed", [("one", "a listener is removed", 1), ("shards", "from several shards", 3)], removed)


@alone.case("reload.listener_removed_pipelined", "of what was pipelined on a removed listener, the one that runs is answered")
def removed_pipelined(bench):
    origin = bench.scripted()
    more = bench.reserve()
    text = configuration(origin.address)
    proxy = bench.proxy(text + listener("more", more))
    client, connection = asked(bench, origin, proxy, GET * 3, address=more)
    reload(proxy, text)
    connection.send(plain(body=b"one"))
    response = client.response()
    equal(response.body, b"one", "body")
    contains([option.lower() for option in response.fields.elements("Connection")], "close", "Connection")
    client.expect_end()


@alone.case("reload.listener_removed_new", "a connection that has not had its request yet gets a moment for it")
def removed_new(bench):
    origin = answering(bench, b"ok")
    more = bench.reserve()
    text = configuration(origin.address)
    proxy = bench.proxy(text + listener("more", more))
    talks, is_silent = bench.client(proxy, address=more), bench.client(proxy, address=more)
    talks.send(GET[:5])
    reload(proxy, text)
    talks.send(GET[5:])
    response = talks.response()
    equal(response.body, b"ok", "body")
    talks.expect_end()
    is_silent.expect_end()


@alone.case("reload.listener_back", "a listener that was removed can come back")
def listener_back(bench):
    origin = answering(bench, b"ok")
    more = bench.reserve()
    text = configuration(origin.address, shards=2)
    proxy = bench.proxy(text)
    for _ in range(5):
        reload(proxy, text + listener("more", more))
        equal(bench.client(proxy, address=more).exchange(GET).body, b"ok", "body")
        reload(proxy, text)
        require(not sockets.is_listening(more), "the removed listener listens")


@alone.case("reload.listener_renamed", "another name on the same address keeps socket and connections")
def listener_renamed(bench):
    origin = answering(bench, b"ok")
    text = configuration(origin.address)
    proxy = bench.proxy(text)
    client = bench.client(proxy)
    equal(client.exchange(GET).body, b"ok", "body")
    contains(reload(proxy, text.replace('name = "main"', 'name = "front"\nbacklog = 7')), "0 added, 0 removed, 1 kept", "words")
    equal(client.exchange(GET).body, b"ok", "body on the old connection")
    equal([entry["listener"] for entry in proxy.log_entries(2)], ["main", "front"], "listeners in the log")


@alone.case("reload.listener_wildcard", "a wildcard may take the place of one of its addresses, and the reverse")
def listener_wildcard(bench):
    origin = answering(bench, b"ok")
    text = configuration(origin.address, shards=2)
    proxy = bench.proxy(text)
    port = proxy.address[1]
    for address in (("0.0.0.0", port), proxy.address, ("0.0.0.0", port)):
        line = reload(proxy, text.replace('"@LISTEN@"', f'"{address[0]}:{port}"'))
        require("0 added, 0 removed" in line or "1 added, 1 removed, 0 kept" in line, line)
        equal(bench.client(proxy).exchange(GET).body, b"ok", "body")


# Upstreams


@alone.case("reload.pool_kept", "an upstream that has not changed keeps its connections")
def pool_kept(bench):
    origin = answering(bench, b"ok")
    proxy = bench.proxy(configuration(origin.address))
    client = bench.client(proxy)
    for round_number in range(5):
        equal(client.exchange(GET).body, b"ok", "body")
        other = f'[upstream.b{round_number}]\nendpoints = ["127.0.0.1:1"]\n'
        reload(proxy, configuration(origin.address, timeouts=f'head = "{round_number + 1}s"', extra=other))
    equal(client.exchange(GET).body, b"ok", "body")
    equal(len(origin.connections), 1, "connections to the origin")


@alone.case("reload.endpoint_stays", "of an upstream that has changed, the endpoints that stay keep theirs; others lose them")
def endpoint_stays(bench):
    stays, leaves, comes = answering(bench, b"stays"), answering(bench, b"leaves"), answering(bench, b"comes")
    proxy = bench.proxy(configuration(stays.address, leaves.address))
    client = bench.client(proxy)
    equal({client.exchange(GET).body for _ in range(4)}, {b"stays", b"leaves"}, "bodies")
    reload(proxy, configuration(comes.address, f'{{ address = "{stays.address}", weight = 2 }}'))
    bodies = [client.exchange(GET).body for _ in range(6)]
    equal((bodies.count(b"stays"), bodies.count(b"comes")), (4, 2), "shares of the endpoints")
    equal(len(stays.connections), 1, "connections to the endpoint that stays")
    wait_for(lambda: all(connection.end for connection in leaves.connections), "the connection to the endpoint that left is closed")


@alone.case("reload.upstream_gone", "an exchange whose upstream is gone goes on to its end; its connection is closed then")
def upstream_gone(bench):
    other = answering(bench, b"other")
    _, proxy, client, connection, text = running(bench)
    reload(proxy, text.replace("[upstream.app]", "[upstream.none]").replace('upstream = "app"', 'upstream = "none"').replace(
        "endpoints = [", f'endpoints = ["{other.address}", ').replace(f'"{other.address}", "', f'"{other.address}"] # "'))
    equal(bench.client(proxy).exchange(GET).body, b"other", "body of a new request")
    connection.send(plain(body=b"done"))
    response = client.response()
    expect_forwarded(response)
    equal(response.body, b"done", "body of the old request")
    connection.expect_end("eof", "reset")
    equal(client.exchange(GET).body, b"other", "body of the next request")


# What runs goes on


@alone.case("reload.stream", "a stream goes on through reloads that take its route, upstream and timeouts away")
def stream(bench):
    other = answering(bench, b"other")
    _, proxy, client, connection, _ = running(bench, route='name = "first"')
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    client.head()
    equal(client.exactly(10), b"5\r\nfirst\r\n", "chunk")
    for number in range(20):
        reload(proxy, configuration(other.address, route=f'name = "r{number}"', timeouts=f'idle = "{number + 1}ms"').replace("app", f"app{number}"))
        connection.send(b"4\r\nmore\r\n")
        equal(client.exactly(9), b"4\r\nmore\r\n", "chunk")
    line = reload(proxy, configuration(other.address))
    expect_taken(line, snapshots=1)
    connection.send(b"0\r\n\r\n")
    equal(client.exactly(5), b"0\r\n\r\n", "end")
    equal(client.exchange(GET).body, b"other", "body of the next request on the same connection")
    entry = proxy.log_entries(2)[0]
    equal((entry["route"], entry["upstream"], entry["status"]), ("first", "app", 200), "route, upstream and status in the log")


@alone.case("reload.stream_copied_spliced", "long bodies of both kinds, down and up, are whole after many reloads")
def bodies(bench):
    origin = bench.test_origin()
    text = configuration(origin.address, shards=2)
    other = text.replace("app", "other")
    proxy = bench.proxy(text)
    size = 3 << 20
    clients = [bench.client(proxy, receive_buffer=65536) for _ in range(4)]
    expected = Client(tuple_of(origin.address)).exchange(b"GET /size/%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % size).body
    for client, target in zip(clients, ("/size/%d" % size, "/size/%d?chunked=5000" % size) * 2, strict=True):
        client.send(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
        client.responses_head = client.head()
    uploads = [bench.client(proxy) for _ in range(2)]
    for upload in uploads:
        upload.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(10):
        reload(proxy, (other, text)[number % 2])
        for upload in uploads:
            upload.send(b"5\r\nhello\r\n")
        for client in clients:
            client.receive()
    for client in clients:
        head = client.responses_head
        head.framing = wire.response_framing(head, "GET", "HTTP/1.1")
        client.body_of(head)
        require(head.body == expected, "the body is not what the origin sends")
    for upload in uploads:
        upload.send(b"0\r\n\r\n")
        equal(upload.response("POST").body, b"hello" * 10, "body")


def tuple_of(address):
    host, _, port = address.rpartition(":")
    return host, int(port)


@alone.case("reload.upload", "an upload goes on through reloads, with its own timeouts")
def upload(bench):
    origin = bench.scripted()
    text = configuration(origin.address)
    proxy = bench.proxy(text)
    client, connection, _ = begun(bench, origin, proxy, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"u" * 10)
    equal(connection.exactly(10), b"u" * 10, "beginning")
    for number in range(9):
        line = reload(proxy, text.replace("app", f"app{number}"))
        client.send(b"u" * 10)
        equal(connection.exactly(10), b"u" * 10, "more of it")
    expect_taken(line, snapshots=1)
    connection.send(plain(body=b"done"))
    equal(client.response("POST").body, b"done", "body")
    expect_logged(proxy, "/x", 200, None)


# Many signals, and the end


@alone.case("reload.storm", "a storm of signals: the file that was written last is what holds")
def storm(bench):
    origins = [answering(bench, b"%d" % number) for number in range(4)]
    proxy = bench.proxy(configuration(origins[0].address, shards=2))
    client = bench.client(proxy)
    for number in range(400):
        proxy.write(configuration(origins[number % 4].address, shards=2))
        proxy.signal(signal.SIGHUP)
        if number % 50 == 0:
            require(client.exchange(GET).status == 200, "a request between the signals")
    wait_for(lambda: client.exchange(GET).body == b"3", "the last file holds")
    proxy.wait_at_rest()
    equal(client.exchange(GET).body, b"3", "body")
    require("not reloaded" not in told_all(proxy), "a reload was refused")
    expect_taken(reload(proxy, configuration(origins[1].address, shards=2)), snapshots=1)


@alone.case("reload.while_draining", "while draining, the file is not read again")
def while_draining(bench):
    _, proxy, client, connection, text = running(bench, timeouts='drain = "60s"')
    proxy.signal(signal.SIGTERM)
    wait_for(lambda: not sockets.is_listening(proxy.address), "the proxy has stopped listening")
    proxy.write(text + listener("more", bench.reserve()))
    proxy.signal(signal.SIGHUP)
    wait_for(lambda: "draining: the file is not read again" in told_all(proxy), "it says so")
    connection.send(plain(body=b"done"))
    equal(client.response().body, b"done", "body")
    equal(proxy.wait_exit(), 0, "exit status")
    require("reloaded" not in told_all(proxy), "it reloaded")


@alone.case("reload.then_drain", "a drain on the heels of a reload ends cleanly, with the new deadline")
def then_drain(bench):
    for shards in (1, 3):
        origin = answering(bench, b"ok")
        text = configuration(origin.address, shards=shards, timeouts='drain = "10m"')
        proxy = bench.proxy(text + listener("old", bench.reserve()))
        client = bench.client(proxy)
        equal(client.exchange(GET).body, b"ok", "body")
        proxy.write(text.replace('"10m"', '"60s"') + listener("new", bench.reserve()))
        proxy.signal(signal.SIGHUP)
        proxy.signal(signal.SIGTERM)
        equal(proxy.wait_exit(), 0, "exit status")
        client.expect_end()


@alone.case("reload.drain_deadline", "the deadline of a drain is the one of the newest file")
def drain_deadline(bench):
    _, proxy, client, _, text = running(bench, timeouts='drain = "10m"')
    reload(proxy, text.replace('drain = "10m"', 'drain = "200ms"'))
    proxy.expected_exit = 3
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(), 3, "exit status")
    client.rest()


# The log


@alone.case("reload.log_moves", "the log moves to another file, and back, and is switched off and on: no line is lost or cut")
def log_moves(bench):
    origin = answering(bench, b"ok")
    text = configuration(origin.address, shards=2)
    proxy = bench.proxy(text)
    second = proxy.folder / "second.log"
    clients = [bench.client(proxy) for _ in range(4)]

    def round_of_requests():
        for client in clients:
            equal(client.exchange(GET).body, b"ok", "body")

    for change in (text.replace("@LOG@", str(second)), text, text.replace('flush = "10ms"', 'flush = "20ms"\nbuffer = "8KiB"')):
        round_of_requests()
        reload(proxy, change)
    round_of_requests()
    reload(proxy, text.replace("@LOG@", "off"))
    round_of_requests()  # not logged
    reload(proxy, text)
    round_of_requests()
    proxy.log_entries(16)
    wait_for(lambda: second.read_bytes().count(b"\n") == 4, "the lines of the other file")
    counters = proxy.end_and_count()
    equal((counters["requests"], counters["log_lines"], counters["log_lines_dropped"]), (24, 20, 0), "requests, lines, lines dropped")


@alone.case("reload.log_mid_exchange", "an exchange that began without a log, or ends without one, harms nothing")
def log_mid_exchange(bench):
    _, proxy, client, connection, text = running(bench)
    reload(proxy, text.replace("@LOG@", "off"))
    connection.send(plain(body=b"one"))
    equal(client.response().body, b"one", "body")
    client.send(GET)
    connection.request()
    reload(proxy, text)
    connection.send(plain(body=b"two"))
    equal(client.response().body, b"two", "body")
    client.send(GET)
    connection.request()
    connection.send(plain(body=b"three"))
    equal(client.response().body, b"three", "body")
    equal(proxy.log_entries(1)[0]["method"], "GET", "method in the log")


@alone.case("reload.log_reopened", "SIGUSR1 reopens the log that the newest file names")
def log_reopened(bench):
    origin = answering(bench, b"ok")
    text = configuration(origin.address)
    proxy = bench.proxy(text)
    second, moved = proxy.folder / "second.log", proxy.folder / "moved.log"
    reload(proxy, text.replace("@LOG@", str(second)))
    second.rename(moved)
    proxy.signal(signal.SIGUSR1)
    wait_for(second.exists, "the file is there again")
    equal(bench.client(proxy).exchange(GET).body, b"ok", "body")
    wait_for(lambda: second.read_bytes().count(b"\n") == 1, "the line is in the new file")
    equal(moved.read_bytes(), b"", "the moved file")


@alone.case("reload.socket_kept", "a listener that stays keeps what the kernel has queued for it")
def socket_kept(bench):
    origin = answering(bench, b"ok")
    text = configuration(origin.address)
    proxy = bench.proxy(text)
    for number in range(10):
        proxy.write(text.replace("app", f"app{number}"))
        proxy.signal(signal.SIGHUP)
        waiting = []
        for _ in range(20):
            connection = socket.create_connection(proxy.address)
            connection.sendall(GET)
            waiting.append(connection)
        for connection in waiting:
            contains(connection.recv(4096), b"200 OK", "what came")
            connection.close()


# What the admin socket tells of it


@alone.case("reload.admin", "the admin socket shows the new configuration, and counts go on under the names that stay")
def admin(bench):
    origin = bench.scripted()
    text = configuration(origin.address, shards=2, route='name = "one"', extra=TABLE)
    proxy = bench.proxy(text)
    client = bench.client(proxy)
    for _ in range(3):
        client.send(GET)
        arrival(origin).send(plain(body=b"ok"))
        client.response()
    reload(proxy, text.replace('"one"', '"two"').replace("[timeouts]", '[timeouts]\nhead = "7s"'))
    contains(admin_get(proxy, "/config").body, b'head = "7s"', "configuration")
    equal(get_json(proxy, "/snapshots")["current"], 2, "generation")
    reload_refused(proxy, text.replace("shards = 2", "shards = 3"))
    client.send(GET)
    connection = arrival(origin)
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    client.head()
    equal(client.exactly(7), b"2\r\nok\r\n", "chunk")
    reload(proxy, text)
    connection.send(b"0\r\n\r\n")
    equal(client.exactly(5), b"0\r\n\r\n", "end")
    wait_for(lambda: Metrics(proxy).value("sluice_listener_requests_total", listener="main") == 4, "the last exchange is counted")
    metrics = Metrics(proxy)
    equal(metrics.value("sluice_config_reloads_total", result="taken"), 2, "reloads taken")
    equal(metrics.value("sluice_config_reloads_total", result="refused"), 1, "reloads refused")
    equal(metrics.value("sluice_upstream_requests_total", upstream="app"), 4, "requests of the upstream that stayed")
    equal(metrics.value("sluice_listener_connections", listener="main"), 1, "connections of the listener that stayed")
    equal(metrics.sum("sluice_endpoint_connections"), len(origin.connections), "connections to the endpoint that stayed")
