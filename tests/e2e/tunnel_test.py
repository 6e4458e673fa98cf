"""Upgrade: a 101 that was asked for makes one connection out of two, with ends of its own for each direction."""

import hashlib
import os
import signal
import threading

import sockets
import wire
from check import equal, require, wait_for, within
from delivery import deliveries, few_deliveries
from harness import Group, asked, configuration, pair
from origin import plain
from replies import arrived, echo, expect_forwarded, expect_logged, expect_own_reply, log_entry

alone = Group()

ASK = (b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
       b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
GRANT = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
MIB = 1 << 20
LOCAL = '[[listener]]\nname = "local"\naddress = "unix:@FOLDER@/web.sock"\n'
COUNTER = iter(range(1 << 30))


def expect_asked(request):
    """An upgrade that was forwarded."""
    equal(request.fields.get("Upgrade"), "WebSocket", "Upgrade")
    equal(request.fields.elements("Connection"), ["upgrade"], "Connection")
    equal(request.fields.get("Sec-WebSocket-Version"), "13", "Sec-WebSocket-Version")


def expect_granted(response):
    expect_forwarded(response, 101)
    equal(response.fields.get("Upgrade"), "websocket", "Upgrade")
    equal(response.fields.elements("Connection"), ["upgrade"], "Connection")
    equal(response.fields.get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Accept")
    require(not response.fields.has("Content-Length") and not response.fields.has("Transfer-Encoding"), f"framing of a 101: {response.fields}")


def placed(bench, local_client, local_origin, **options):
    """As pair(), each side over TCP or a unix socket; third, where clients connect."""
    name = f"\0sluice-e2e-tunnel-{os.getpid()}-{next(COUNTER)}" if local_origin else None
    origin = bench.scripted(unix=name)
    proxy = bench.proxy(configuration(origin.address, extra=options.pop("extra", "") + LOCAL, **options))
    return origin, proxy, str(proxy.folder / "web.sock") if local_client else proxy.address


def open_tunnel(bench, origin, proxy, **options):
    client = bench.client(proxy, **options)
    client.send(ASK)
    connection = origin.accept()
    expect_asked(connection.request())
    connection.send(GRANT)
    expect_granted(client.head())
    return client, connection


def expect_passes(client, connection, text=b"ping", way=None):
    client.send_pieces(way.pieces(text) if way else [text])
    equal(connection.exactly(len(text)), text, "what reached the origin")
    connection.send_pieces(way.pieces(text[::-1]) if way else [text[::-1]])
    equal(client.exactly(len(text)), text[::-1], "what reached the client")


# How it begins


def upgrade(bench, asks):
    """asks: whether the request comes in every delivery, or the 101."""
    origin, proxy = pair(bench)
    for way in deliveries(ASK if asks else GRANT):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(ASK) if asks else [ASK])
            connection = origin.accept()
            expect_asked(connection.request())
            connection.send_pieces([GRANT] if asks else way.pieces(GRANT))
            expect_granted(client.head())
            expect_passes(client, connection)
            client.close()
            connection.expect_end()
            connection.close()


alone.table("tunnel.upgrade", [
    ("request", "the request that asks, in every delivery", True),
    ("response", "the 101, in every delivery", False),
], upgrade)


@alone.case("tunnel.behind_heads", "bytes that came together with the heads go on first")
def behind_heads(bench):
    origin, proxy = pair(bench)
    asked, granted = ASK + b"\x81\x05early", GRANT + b"\x82\x00first"
    for way in few_deliveries(asked):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(asked))
            connection = origin.accept()
            expect_asked(connection.request())
            connection.expect_open()
            connection.send_pieces(way.pieces(granted) if way.cuts != () else [granted])
            expect_granted(client.head())
            equal(client.exactly(7), b"\x82\x00first", "what came with the 101")
            equal(connection.exactly(7), b"\x81\x05early", "what came with the request")
            expect_passes(client, connection)
            client.close()
            connection.close()


@alone.case("tunnel.interim", "interim responses before the 101 are relayed")
def interim(bench):
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, ASK)
    connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + GRANT)
    equal(client.head().status, 103, "interim status")
    expect_granted(client.head())
    expect_passes(client, connection)
    connection.close()


@alone.case("tunnel.kept_connection", "a connection that carried requests may become a tunnel, on both sides, and is not used again")
def kept_connection(bench):
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.send(plain(body=b"ok"))
    equal(client.response().body, b"ok", "body")
    client.send(ASK)
    expect_asked(connection.request())
    connection.send(GRANT)
    expect_granted(client.head())
    expect_passes(client, connection, b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    other = bench.client(proxy)
    other.send(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
    equal(origin.accept().request().target, "/other", "target on another connection")
    client.end_sending()
    connection.expect_end()
    connection.close()
    client.expect_end()


# What asks for nothing


def ordinary(bench, lines, version=b"HTTP/1.1", body=b"", route="", target=b"/x"):
    """Forwarded without Upgrade, and the connection goes on."""
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, route=route))
    client = bench.client(proxy)
    request = b"GET " + target + b" " + version + b"\r\nHost: a\r\n" + lines + b"\r\n" + body
    for way in few_deliveries(request):
        with within(way.name):
            client.send_pieces(way.pieces(request))
            told = arrived(client.response(version=version.decode()))
            names = [name.lower() for name, _ in told["fields"]]
            require("upgrade" not in names, f"Upgrade was forwarded: {told['fields']}")
            require(("Connection", "upgrade") not in told["fields"], f"Connection: {told['fields']}")
            equal(told["body"], body.decode(), "body")


KEEP = b"Connection: keep-alive, upgrade\r\n"
alone.table("tunnel.not_asked", [
    ("h2c", "HTTP/2 in clear text", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
    ("h2c_list", "HTTP/2 in a list", KEEP + b"Upgrade: h2c, websocket\r\n"),
    ("list", "several protocols", KEEP + b"Upgrade: websocket, irc/6.9\r\n"),
    ("twice", "two Upgrade fields", KEEP + b"Upgrade: websocket\r\nUpgrade: websocket\r\n"),
    ("other", "a protocol that the route does not name", KEEP + b"Upgrade: irc/6.9\r\n"),
    ("version", "a version of the protocol that the route does not name", KEEP + b"Upgrade: websocket/13\r\n"),
    ("unnamed", "Connection does not name it", b"Upgrade: websocket\r\n"),
    ("no_protocol", "Connection names it, but there is none", KEEP),
    ("http_1_0", "HTTP/1.0", KEEP + b"Upgrade: websocket\r\n", b"HTTP/1.0"),
    ("body", "a request with a body", KEEP + b"Upgrade: websocket\r\nContent-Length: 5\r\n", b"HTTP/1.1", b"hello"),
    ("route_none", "the route allows none", KEEP + b"Upgrade: websocket\r\n", b"HTTP/1.1", b"", "upgrade = []"),
    ("route_other", "the route allows another one", KEEP + b"Upgrade: websocket\r\n", b"HTTP/1.1", b"", 'upgrade = ["irc/6.9"]'),
], ordinary)


@alone.case("tunnel.route", "the route says which protocols")
def route_protocols(bench):
    origin, proxy = pair(bench, route='upgrade = ["websocket", "IRC/6.9"]')
    for protocol in (b"websocket", b"WEBSOCKET", b"irc/6.9", b"IRC/6.9"):
        with within(protocol.decode()):
            client = bench.client(proxy)
            client.send(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n")
            connection = origin.accept()
            equal(connection.request().fields.get("Upgrade"), protocol.decode(), "Upgrade")
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: " + protocol.lower() + b"\r\n\r\n")
            equal(client.head().status, 101, "status")
            expect_passes(client, connection)
            client.close()
            connection.close()


# What grants nothing


def refused(bench, answer, status):
    """An ordinary response, and the connection goes on."""
    origin, proxy = pair(bench)
    client = bench.client(proxy)
    connection = None
    for way in few_deliveries(answer):
        with within(way.name):
            client.send(ASK)
            connection = connection or origin.accept()
            expect_asked(connection.request())
            connection.send_pieces(way.pieces(answer))
            response = client.response()
            expect_forwarded(response, status)
            equal(response.body, b"no", "body")
            if status == 426:
                equal(response.fields.get("Upgrade"), "websocket", "Upgrade")
                equal(response.fields.elements("Connection"), ["upgrade"], "Connection")
            else:
                require(not response.fields.has("Upgrade"), f"Upgrade: {response.fields}")


alone.table("tunnel.refused", [
    ("200", "200", plain(200, b"no"), 200),
    ("200_upgrade", "200 with Upgrade", plain(200, b"no", b"Connection: upgrade\r\nUpgrade: websocket\r\n"), 200),
    ("403", "403", plain(403, b"no"), 403),
    ("426", "426, with the protocol that the origin wants", plain(426, b"no", b"Connection: upgrade\r\nUpgrade: websocket\r\n"), 426),
], refused)


@alone.case("tunnel.refused.next", "what follows a refused upgrade is the next request")
def refused_next(bench):
    origin, proxy = pair(bench)
    client = bench.client(proxy)
    client.send(ASK + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    connection = origin.accept()
    equal(connection.request().target, "/socket", "target")
    connection.send(plain(200, b"no"))
    equal(connection.request().target, "/next", "target")
    connection.send(plain(200, b"next"))
    equal(client.response().body, b"no", "body")
    equal(client.response().body, b"next", "body")


def bad_grant(bench, request, answer):
    origin, proxy = pair(bench)
    for way in few_deliveries(answer):
        with within(way.name):
            client, connection = asked(bench, origin, proxy, request)
            connection.send_pieces(way.pieces(answer))
            expect_own_reply(client.response(), 502)
            wait_for(connection.is_ended, "the connection to the origin is closed")
            connection.close()
    for entry in proxy.log_entries(3):
        equal((entry["status"], entry["reason"]), (502, "upstream_malformed"), "status and reason in the log")


PLAIN = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
alone.table("tunnel.bad_grant", [
    ("unasked", "a 101 that nobody asked for", PLAIN, GRANT),
    ("unforwarded", "a 101 to an upgrade that was not forwarded", PLAIN[:-2] + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
     GRANT.replace(b"websocket", b"h2c")),
    ("other", "a 101 to another protocol", ASK, GRANT.replace(b"websocket", b"irc/6.9")),
    ("several", "a 101 to several protocols", ASK, GRANT.replace(b"websocket", b"websocket, irc/6.9")),
    ("none", "a 101 without Upgrade", ASK, GRANT.replace(b"Upgrade: websocket\r\n", b"")),
    ("unnamed", "a 101 whose Connection does not name Upgrade", ASK, GRANT.replace(b"Connection: Upgrade\r\n", b"")),
    ("http_1_0", "a 101 in HTTP/1.0", ASK, GRANT.replace(b"HTTP/1.1", b"HTTP/1.0")),
], bad_grant)


# How it ends


def expect_line(proxy, count, reason):
    """The newest of so many lines tells of a tunnel that ended so."""
    entry = proxy.log_entries(count)[-1]
    equal((entry["target"], entry["status"], entry.get("reason")), ("/socket", 101, reason), "what the log says")


def half_close(bench, client_first, local_client=False, local_origin=False):
    """The end of one side is passed on behind its bytes; the other direction goes on until its own end."""
    origin, proxy, address = placed(bench, local_client, local_origin)
    for number, way in enumerate(few_deliveries(b"last words")):
        with within(way.name):
            client, connection = open_tunnel(bench, origin, proxy, address=address)
            expect_passes(client, connection, b"first words", way)
            first, second = (client, connection) if client_first else (connection, client)
            first.send_pieces(way.pieces(b"last words"))
            first.end_sending()
            equal(second.exactly(10), b"last words", "what came before the end")
            second.expect_end()
            for _ in range(3):
                second.send_pieces(way.pieces(b"still here"))
                equal(first.exactly(10), b"still here", "what comes behind the end of the other side")
            first.expect_open()
            second.end_sending()
            first.expect_end()
            expect_line(proxy, number + 1, None)
            client.close()
            connection.close()


alone.table("tunnel.half_close", [
    ("client", "the client ends first", True),
    ("origin", "the origin ends first", False),
    ("client.local_client", "the client ends first, over a unix socket", True, True),
    ("origin.local_client", "the origin ends first, towards a unix socket", False, True),
    ("client.local_origin", "the client ends first, towards a unix socket", True, False, True),
    ("origin.local_origin", "the origin ends first, over a unix socket", False, False, True),
    ("client.local", "the client ends first, unix sockets on both sides", True, True, True),
    ("origin.local", "the origin ends first, unix sockets on both sides", False, True, True),
], half_close)


def reset(bench, client_first, after_end):
    """A reset of one side resets the other; after_end: that had ended before."""
    origin, proxy = pair(bench)
    for number, way in enumerate(few_deliveries(b"words")):
        with within(way.name):
            client, connection = open_tunnel(bench, origin, proxy)
            expect_passes(client, connection, b"words", way)
            first, second = (client, connection) if client_first else (connection, client)
            if after_end:
                second.end_sending()
                first.expect_end()
            first.reset()
            second.expect_end("reset")
            expect_line(proxy, number + 1, "client_closed" if client_first else "upstream_reset")


alone.table("tunnel.reset", [
    ("client", "the client resets", True, False),
    ("origin", "the origin resets", False, False),
    ("client_late", "the client resets behind the end of the origin", True, True),
    ("origin_late", "the origin resets behind the end of the client", False, True),
], reset)


@alone.case("tunnel.log", "the line tells what went each way")
def logged(bench):
    origin, proxy = pair(bench, route='name = "sockets"')
    client, connection = open_tunnel(bench, origin, proxy)
    client.send(b"x" * 1000)
    equal(len(connection.exactly(1000)), 1000, "bytes")
    connection.send(b"y" * 300)
    equal(len(client.exactly(300)), 300, "bytes")
    equal(proxy.log_lines(), 0, "lines while the tunnel lasts")
    client.end_sending()
    connection.expect_end()
    connection.close()
    client.expect_end()
    entry = log_entry(proxy, "/socket")
    equal(entry["request_bytes"], 1000, "request_bytes")
    require(300 < entry["response_bytes"] < 1000, f"response_bytes with the head: {entry['response_bytes']}")
    equal((entry["status"], entry["route"], entry["upstream"], entry["endpoint"]), (101, "sockets", "app", origin.address), "what the line says")
    equal((entry["method"], entry["host"], entry["attempts"], entry.get("reason")), ("GET", "a", 1, None), "what the line says")
    require(entry["total"] >= entry["connect"] + entry["first_byte"], f"times: {entry}")


@alone.case("tunnel.idle", "a tunnel in which nothing moves is reset after timeouts.tunnel, and not one in which something does")
def idle(bench):
    origin, proxy = pair(bench, timeouts='tunnel = "500ms"\nidle = "100ms"')
    quiet_client, quiet_connection = open_tunnel(bench, origin, proxy)
    busy_client, busy_connection = open_tunnel(bench, origin, proxy)
    stop = threading.Event()

    def talk():
        while not stop.wait(0.05):
            busy_connection.send(b"tick")

    talker = threading.Thread(target=talk, daemon=True)
    talker.start()
    quiet_client.expect_end("reset")
    quiet_connection.expect_end("reset")
    entry = proxy.log_entries(1)[0]
    equal((entry["status"], entry["reason"]), (101, "tunnel_idle"), "status and reason in the log")
    require(0.5 <= entry["total"] < 5, f"total: {entry['total']}")
    # The other one has lasted longer by now than it may be idle, in one of its directions.
    wait_for(lambda: not busy_client.is_ended() and len(busy_client.pending) >= 4 * 30, "the busy tunnel goes on")
    stop.set()
    talker.join()
    busy_client.rest()
    equal(busy_client.end, "reset", "end of the tunnel that fell silent")


@alone.case("tunnel.idle.half_closed", "the bound holds for a tunnel that is half closed as well")
def idle_half_closed(bench):
    origin, proxy = pair(bench, timeouts='tunnel = "300ms"')
    client, connection = open_tunnel(bench, origin, proxy)
    client.end_sending()
    connection.expect_end()
    wait_for(client.is_ended, "the client is told")
    expect_logged(proxy, "/socket", 101, "tunnel_idle")


@alone.case("tunnel.stalled", "a side that takes nothing for timeouts.idle while bytes wait for it")
def stalled(bench):
    for receiver, reason in (("client", "client_stalled"), ("origin", "upstream_idle_timeout")):
        with within(receiver):
            origin, proxy = pair(bench, timeouts='idle = "500ms"')
            client, connection = open_tunnel(bench, origin, proxy, receive_buffer=4096)
            sender = connection if receiver == "client" else client
            sender.send_until_ended()
            equal(log_entry(proxy, "/socket").get("reason"), reason, "reason in the log")


# Draining


@alone.case("tunnel.drain.lives", "a tunnel lives on while the proxy drains, and it ends with it")
def drain_lives(bench):
    origin, proxy = pair(bench, timeouts='drain = "60s"')
    client, connection = open_tunnel(bench, origin, proxy)
    proxy.signal(signal.SIGTERM)
    wait_for(lambda: not sockets.is_listening(proxy.address), "the proxy has stopped listening")
    for _ in range(3):
        expect_passes(client, connection)
    client.end_sending()
    connection.expect_end()
    connection.end_sending()
    client.expect_end()
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("tunnel.drain.deadline", "the drain deadline resets a tunnel on both sides")
def drain_deadline(bench):
    origin, proxy = pair(bench, timeouts='drain = "300ms"')
    client, connection = open_tunnel(bench, origin, proxy)
    expect_passes(client, connection)
    proxy.expected_exit = 3
    proxy.signal(signal.SIGTERM)
    client.expect_end("reset")
    connection.expect_end("reset")
    proxy.wait_exit()
    expect_logged(proxy, "/socket", 101, "shutdown")


# Much of it


def bulk(bench, extra, size, is_local=False):
    """Both directions at once, each with its own bytes, then both ends."""
    origin, proxy, address = placed(bench, is_local, is_local, extra=extra)
    client, connection = open_tunnel(bench, origin, proxy, address=address)
    block = bytes(range(256)) * 256
    results = {}

    def send(peer, number):
        for index in range(size // len(block)):
            peer.send(bytes((number, index % 251)) + block[2:])
        peer.end_sending()

    def expected(number):
        digest = hashlib.sha256()
        for index in range(size // len(block)):
            digest.update(bytes((number, index % 251)) + block[2:])
        return digest.hexdigest()

    def receive(peer, name):
        digest, count = hashlib.sha256(), 0
        while peer.receive():
            digest.update(peer.pending)
            count += len(peer.pending)
            peer.pending.clear()
        results[name] = (count, peer.end, digest.hexdigest())

    threads = [threading.Thread(target=function, args=arguments, daemon=True)
               for function, arguments in ((send, (client, 1)), (send, (connection, 2)), (receive, (client, "client")), (receive, (connection, "origin")))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(results["origin"], (size, "eof", expected(1)), "what reached the origin")
    equal(results["client"], (size, "eof", expected(2)), "what reached the client")
    entry = expect_logged(proxy, "/socket", 101, None)
    equal(entry["request_bytes"], size, "request_bytes")


alone.table("tunnel.bulk", [
    ("spliced", "16 MiB each way, spliced", "", 16 * MIB),
    ("no_pipes", "without pipes", "[shard_defaults]\npipes = 0\n", 8 * MIB),
    ("copied", "without splicing, in small buffers", '[shard_defaults]\nsplice_threshold = 0\nreceive_buffer = "4KiB"\nreceive_buffers = 16\n', 4 * MIB),
    ("local", "between two unix sockets", "", 16 * MIB, True),
    ("local_copied", "between two unix sockets, without pipes", "[shard_defaults]\npipes = 0\n", 4 * MIB, True),
], bulk)


@alone.case("tunnel.pressure", "a side that does not read slows the other one down, and memory does not grow")
def pressure(bench):
    origin, proxy = pair(bench)
    client, connection = open_tunnel(bench, origin, proxy, receive_buffer=4096)
    before = proxy.resident_bytes()
    sent = connection.send_until_full(b"z" * 65536, 256 * MIB, 0.5)
    require(sent < 64 * MIB, f"the proxy took {sent} bytes that nobody read")
    require(proxy.resident_bytes() - before < 16 * MIB, "memory grew with what nobody read")
    # The other direction is not held up by it.
    client.send(b"hello")
    equal(connection.exactly(5), b"hello", "what reached the origin")
    connection.end_sending()
    client.socket.settimeout(10)
    equal(len(client.rest()), sent, "bytes that came in the end")
    equal(client.end, "eof", "end")


@alone.case("tunnel.many_idle", "tunnels that rest hold no receive buffer, no block and no pipe, also after they moved much")
def many_idle(bench):
    origin = bench.scripted()
    extra = "[shard_defaults]\nreceive_buffers = 16\nmessage_buffers = 64\npipes = 1\n"
    proxy = bench.proxy(configuration(origin.address, extra=extra))
    tunnels = []
    before = None
    for number in range(150):
        client, connection = open_tunnel(bench, origin, proxy)
        for sender, receiver in ((client, connection), (connection, client)):
            if number < 20:
                sender.send(b"m" * 200_000)
                equal(len(receiver.exactly(200_000)), 200_000, "bytes")
        tunnels.append((client, connection))
        if number == 49:
            before = proxy.resident_bytes()
    grown = (proxy.resident_bytes() - before) / 100
    # Much of it is what a sanitized build adds to the frames of coroutines; a block alone would be 36 KiB more.
    require(grown < 40 * 1024, f"an idle tunnel holds {grown:.0f} bytes")
    # All of them, and somebody else.
    for client, connection in tunnels:
        expect_passes(client, connection)
    other = bench.client(proxy)
    other.send(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
    connection = origin.accept()
    connection.request()
    connection.send(plain(body=b"ok"))
    equal(other.response().body, b"ok", "body")
    # An upload that would be spliced gets the only pipe.
    body = b"u" * 300_000
    other.send(b"POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
    head = connection.head()
    other.send(body)
    equal(len(connection.exactly(wire.length_of(head.fields))), len(body), "body")
    connection.send(plain(body=b"ok"))
    equal(other.response("POST").body, b"ok", "body")
    for _, connection in tunnels:
        connection.close()
