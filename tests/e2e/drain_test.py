"""How the program ends: what runs may finish, what idles is closed, and nobody waits for ever."""

import signal
import socket

import sockets
import wire
from check import contains, equal, require, wait_for, within
from delivery import few_deliveries
from harness import Group, asked, begun, configuration, pair
from origin import plain
from peer import Client
from replies import expect_forwarded, expect_logged

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


def running(bench, shards=1, **options):
    """A proxy with an exchange that waits for its response."""
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, shards=shards, **options))
    client, connection = asked(bench, origin, proxy, GET)
    return origin, proxy, client, connection


def wait_draining(proxy):
    wait_for(lambda: not sockets.is_listening(proxy.address), "the proxy has stopped listening")


def idle(bench, number, shards):
    """number: of the signal. Clients idle before, between and after requests, and so does the pool; nobody is waited for."""
    origin = bench.scripted().serve(lambda request, connection: connection.send(plain(body=b"ok")) is None)
    proxy = bench.proxy(configuration(origin.address, shards=shards, timeouts='drain = "60s"'))
    clients = [bench.client(proxy) for _ in range(8)]
    for client in clients[:6]:
        equal(client.exchange(GET).body, b"ok", "body")
    proxy.signal(number)
    equal(proxy.wait_exit(), 0, "exit status")
    for client in clients:
        client.expect_end()
    wait_for(lambda: all(connection.end for connection in origin.connections), "the pooled connections are closed")


alone.table("drain.idle", [
    ("term", "SIGTERM, one shard", signal.SIGTERM, 1),
    ("term_shards", "SIGTERM, several shards", signal.SIGTERM, 3),
    ("quit", "SIGQUIT", signal.SIGQUIT, 1),
], idle)


@alone.case("drain.untouched", "a proxy that nobody has used ends at once")
def untouched(bench):
    for shards in (1, 2):
        proxy = bench.proxy(configuration(bench.dead_port().address, shards=shards))
        proxy.signal(signal.SIGTERM)
        equal(proxy.wait_exit(), 0, "exit status")


@alone.case("drain.running", "an exchange that runs may finish; its response says close")
def running_finishes(bench):
    _, proxy, client, connection = running(bench, timeouts='drain = "60s"')
    proxy.signal(signal.SIGTERM)
    wait_draining(proxy)
    connection.send(plain(body=b"done"))
    response = client.response()
    expect_forwarded(response)
    equal(response.body, b"done", "body")
    contains([option.lower() for option in response.fields.elements("Connection")], "close", "Connection")
    client.expect_end()
    equal(proxy.wait_exit(), 0, "exit status")
    connection.expect_end("eof", "reset")


@alone.case("drain.streaming", "a response that streams goes on to its end")
def streaming(bench):
    _, proxy, client, connection = running(bench, timeouts='drain = "60s"')
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    response = client.head()
    equal(client.exactly(10), b"5\r\nfirst\r\n", "chunk")
    proxy.signal(signal.SIGTERM)
    wait_draining(proxy)
    for _ in range(3):
        connection.send(b"4\r\nmore\r\n")
        equal(client.exactly(9), b"4\r\nmore\r\n", "chunk")
    connection.send(b"0\r\n\r\n")
    equal(client.exactly(5), b"0\r\n\r\n", "end")
    equal(response.status, 200, "status")
    client.expect_end()
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("drain.upload", "an upload that runs may finish")
def upload(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, timeouts='drain = "60s"'))
    client, connection, request = begun(bench, origin, proxy, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
    equal(connection.exactly(5), b"hello", "first half")
    proxy.signal(signal.SIGTERM)
    wait_draining(proxy)
    client.send(b"world")
    equal(connection.exactly(5), b"world", "second half")
    equal(request.method, "POST", "method")
    connection.send(plain(body=b"done"))
    equal(client.response("POST").body, b"done", "body")
    client.expect_end()
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("drain.refuses", "nobody new is let in")
def refuses(bench):
    _, proxy, client, connection = running(bench, timeouts='drain = "60s"')
    proxy.signal(signal.SIGTERM)
    wait_draining(proxy)
    try:
        Client(proxy.address).close()
        require(False, "a connection was accepted")
    except ConnectionRefusedError:
        pass
    connection.send(plain())
    expect_forwarded(client.response())
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("drain.pipelined", "of pipelined requests the one that runs is answered, the others are not begun")
def pipelined(bench):
    for way in few_deliveries(GET * 3):
        with within(way.name):
            origin, proxy = pair(bench, timeouts='drain = "60s"')
            client = bench.client(proxy)
            client.send_pieces(way.pieces(GET * 3))
            connection = origin.accept()
            connection.request()
            proxy.signal(signal.SIGTERM)
            wait_draining(proxy)
            connection.send(plain(body=b"one"))
            response = client.response()
            equal(response.body, b"one", "body")
            contains([option.lower() for option in response.fields.elements("Connection")], "close", "Connection")
            client.expect_end()
            client.close()
            equal(proxy.wait_exit(), 0, "exit status")


@alone.case("drain.deadline", "what has not finished at the deadline is cut off: exit status 3, and the log says why")
def deadline(bench):
    _, proxy, client, connection = running(bench, timeouts='drain = "300ms"')
    proxy.signal(signal.SIGTERM)
    status = proxy.wait_exit()
    rest = client.rest()
    require(not rest or rest.startswith(b"HTTP/1.1 503"), f"what the client got: {rest}")
    connection.expect_end("eof", "reset")
    expect_logged(proxy, "/x", 503, "shutdown")
    equal(status, 3, "exit status")


@alone.case("drain.deadline_streaming", "a response that is cut off does not look whole")
def deadline_streaming(bench):
    _, proxy, client, connection = running(bench, timeouts='drain = "300ms"')
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    client.head()
    proxy.signal(signal.SIGTERM)
    rest = client.rest()
    require(b"first".startswith(wire.broken_chunked(rest)), f"what came: {rest}")
    connection.expect_end("eof", "reset")
    equal(proxy.wait_exit(), 3, "exit status")


def forced(bench, second):
    """second: the signal that follows SIGTERM; nothing is waited for then."""
    _, proxy, client, connection = running(bench, timeouts='drain = "10m"')
    proxy.signal(signal.SIGTERM)
    wait_draining(proxy)
    require(proxy.is_running(), "the proxy did not wait")
    proxy.signal(second)
    status = proxy.wait_exit()
    client.rest()
    connection.expect_end("eof", "reset")
    equal(status, 2, "exit status")


alone.table("drain.forced", [
    ("term", "a second SIGTERM ends it at once", signal.SIGTERM),
    ("int", "SIGINT ends it at once", signal.SIGINT),
    ("quit", "a SIGQUIT behind it as well", signal.SIGQUIT),
], forced)


@alone.case("drain.int", "SIGINT alone does not wait for what runs")
def interrupted(bench):
    _, proxy, client, connection = running(bench, timeouts='drain = "10m"')
    proxy.signal(signal.SIGINT)
    status = proxy.wait_exit()
    client.rest()
    connection.expect_end("eof", "reset")
    require(status in (0, 2, 3), f"exit status {status}")


@alone.case("drain.client_leaves", "a client that leaves while we drain: the end is clean")
def client_leaves(bench):
    _, proxy, client, connection = running(bench, timeouts='drain = "60s"')
    proxy.signal(signal.SIGTERM)
    wait_draining(proxy)
    client.close()
    connection.expect_end("eof", "reset")
    equal(proxy.wait_exit(), 0, "exit status")
    expect_logged(proxy, "/x", 499, "client_closed")


@alone.case("drain.restart", "the port is free for the next proxy at once")
def restart(bench):
    _, proxy, client, connection = running(bench)
    connection.send(plain())
    expect_forwarded(client.response())
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(), 0, "exit status")
    client.expect_end()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        again.bind(proxy.address)
        again.listen()


@alone.case("drain.under_load", "a drain under load: every response that began is whole")
def under_load(bench):
    origin = bench.scripted().serve(lambda request, connection: connection.send(plain(body=b"x" * 1000)) is None)
    proxy = bench.proxy(configuration(origin.address, shards=2, timeouts='drain = "60s"'))
    clients = [bench.client(proxy) for _ in range(50)]
    for client in clients:
        equal(client.exchange(GET).body, b"x" * 1000, "body")
        client.send(GET)
    proxy.signal(signal.SIGTERM)
    for client in clients:
        if client.receive():
            equal(client.response().body, b"x" * 1000, "body")
        client.expect_end("eof", "reset")
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("drain.stray_signals", "signals that mean nothing here do not end it")
def stray_signals(bench):
    _, proxy, client, connection = running(bench)
    for number in (signal.SIGPIPE, signal.SIGWINCH, signal.SIGURG, signal.SIGHUP):
        proxy.signal(number)
    connection.send(plain())
    expect_forwarded(client.response())
    require(proxy.is_running(), "the proxy ended")
