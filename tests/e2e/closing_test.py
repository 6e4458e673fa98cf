"""How connections end: a client that goes takes its exchange with it, and an answer is never lost to a reset."""

import signal
import time

import wire
from check import contains, equal, require, wait_for, within
from delivery import WHOLE, few_deliveries
from harness import Group, asked, configuration, pair
from origin import plain
from replies import expect_forwarded, expect_logged, expect_own_reply, log_entry
from wire import chunked_head, get, post_head

alone = Group()


# The client goes


def expect_gone(proxy, count):
    """The newest of so many lines tells that the client has gone."""
    entry = proxy.log_entries(count)[-1]
    equal((entry["status"], entry.get("reason")), (499, "client_closed"), "status and reason in the log")


def gone_while_waiting(bench, how):
    origin, proxy = pair(bench)
    for number, way in enumerate(few_deliveries(get("/gone"))):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(get("/gone")))
            connection = origin.accept()
            connection.request()
            client.leave(how)
            connection.expect_end("eof", "reset")
            expect_gone(proxy, number + 1)
            if how == "fin":
                client.expect_end("eof", "reset")


WAYS = [("fin", "it ends its side", "fin"), ("close", "it closes", "close"), ("reset", "it resets", "reset")]
alone.table("closing.client_gone.waiting", WAYS, gone_while_waiting)


def wait_payload(peer, chunked, size):
    """Until so many bytes of a body have come; they stay unread."""
    while len(wire.broken_chunked(bytes(peer.pending)) if chunked else peer.pending) < size:
        require(peer.receive(), f"{peer.end} before all had come that was sent")


def gone_while_uploading(bench, how, chunked, size):
    """The origin must not take the part for the whole."""
    origin, proxy = pair(bench)
    part = b"x" * size
    request = chunked_head("/gone") + b"100000\r\n" + part if chunked else post_head("/gone", 0x100000) + part
    for number, way in enumerate(few_deliveries(request) if size < 1000 else [WHOLE]):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(request))
            connection = origin.accept()
            connection.head()
            wait_payload(connection, chunked, size)
            client.leave(how)
            rest = connection.rest()
            equal(wire.broken_chunked(rest) if chunked else rest, part, "what reached the origin")
            expect_gone(proxy, number + 1)


alone.table("closing.client_gone.uploading", [
    (f"{name}_{kind}_{size}", f"{title}, {kind}, behind {size} bytes", how, kind == "chunked", size)
    for name, title, how in WAYS for kind in ("length", "chunked") for size in (4, 200_000)
], gone_while_uploading)


def gone_while_downloading(bench, how, chunked, size):
    """The origin rests when the client goes: it is told at once all the same."""
    origin, proxy = pair(bench)
    answer = b"HTTP/1.1 200 OK\r\n" + (b"Transfer-Encoding: chunked\r\n\r\n100000\r\n" if chunked else b"Content-Length: 1048576\r\n\r\n") + b"x" * size
    for number, way in enumerate(few_deliveries(answer) if size < 1000 else [WHOLE]):
        with within(way.name):
            client, connection = asked(bench, origin, proxy, get("/gone"))
            connection.send_pieces(way.pieces(answer))
            equal(client.head().status, 200, "status")
            wait_payload(client, chunked, size)
            client.leave(how)
            connection.expect_end("eof", "reset")
            expect_gone(proxy, number + 1)


alone.table("closing.client_gone.downloading", [
    (f"{name}_{kind}_{size}", f"{title}, {kind}, behind {size} bytes", how, kind == "chunked", size)
    for name, title, how in WAYS for kind in ("length", "chunked") for size in (4, 200_000)
], gone_while_downloading)


@alone.case("closing.client_gone.full_pipe", "a client goes while more is on its way to it than it reads")
def gone_full_pipe(bench):
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, get("/gone"), receive_buffer=4096)
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    connection.send_until_full()
    client.reset()
    wait_for(connection.is_ended, "the connection to the origin is closed")
    equal(log_entry(proxy, "/gone").get("reason"), "client_closed", "reason in the log")


@alone.case("closing.client_gone.connecting", "a client goes while the endpoint has not answered")
def gone_while_connecting(bench):
    proxy = bench.proxy(configuration(bench.deaf_port().address, timeouts='connect = "60s"'))
    client = bench.client(proxy)
    client.send(get("/gone"))
    client.wait_taken()
    client.reset()
    expect_logged(proxy, "/gone", 499, "client_closed")


@alone.case("closing.client_gone.pipelined", "a client that has pipelined more goes: nothing of it is served")
def gone_pipelined(bench):
    origin, proxy = pair(bench)
    requests = get("/gone") + get("/next") * 20
    for number, way in enumerate(few_deliveries(requests)):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests))
            connection = origin.accept()
            equal(connection.request().target, "/gone", "target")
            client.reset()
            connection.expect_end("eof", "reset")
            expect_gone(proxy, number + 1)
            require(not origin.has_waiting(), "a pipelined request of a client that has gone was forwarded")


@alone.case("closing.client_gone.in_head", "a client goes within a head: 499 in the log, nobody else hears of it")
def gone_in_head(bench):
    origin, proxy = pair(bench)
    parts = (b"G", b"GET /x HTTP/1.1\r\nHo", b"GET /x HTTP/1.1\r\nHost: a\r\n\r")
    for number, (part, way) in enumerate((part, way) for part in parts for way in few_deliveries(part)):
        with within(f"{part.decode()!r}, {way.name}"):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(part))
            client.end_sending()
            client.expect_end("eof", "reset")
            expect_gone(proxy, number + 1)
    require(not origin.has_waiting(), "the proxy connected to the origin")


@alone.case("closing.client_gone.silent", "connections without a byte leave no line in the log")
def silent(bench):
    origin, proxy = pair(bench)
    for how in ("close", "reset", "fin"):
        bench.client(proxy).leave(how)
    client, connection = asked(bench, origin, proxy, get("/last"))
    connection.send(plain())
    expect_forwarded(client.response())
    equal([entry["target"] for entry in proxy.log_entries(1)], ["/last"], "lines in the log")


@alone.case("closing.client_gone.between", "a FIN behind a finished exchange closes the client's connection and keeps the origin's")
def gone_between(bench):
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, get("/first"))
    connection.send(plain(body=b"ok"))
    equal(client.response().body, b"ok", "body")
    client.end_sending()
    client.expect_end()
    other = bench.client(proxy)
    other.send(get("/second"))
    equal(connection.request().target, "/second", "target on the same connection")
    connection.send(plain(body=b"ok"))
    equal(other.response().body, b"ok", "body")


# The origin goes


def broken_off_delivers(bench, lines, announce):
    """What the origin sent before it ended reaches the client, however slowly that reads, and then the end of the connection."""
    origin, proxy = pair(bench)
    client, connection = asked(bench, origin, proxy, get("/broken"), receive_buffer=64 * 1024)
    body = bytes(i % 251 for i in range(700_000))
    connection.send(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + announce + body)
    connection.end_sending()
    connection.expect_end("eof", "reset")
    equal(log_entry(proxy, "/broken").get("reason"), "upstream_closed", "reason in the log")
    client.head()
    rest = client.rest()
    rest = wire.broken_chunked(rest) if announce else rest
    equal((len(rest), rest == body[: len(rest)]), (len(body), True), "bytes that came, and whether they are right")
    equal(client.end, "eof", "end of the connection")


alone.table("closing.broken_off", [
    ("length", "with a length", b"Content-Length: 1000000\r\n", b""),
    ("chunked", "chunked", b"Transfer-Encoding: chunked\r\n", b"f4240\r\n"),
], broken_off_delivers)


@alone.case("closing.broken_off.in_chunk", "the end within a big chunk adds nothing to what came")
def broken_off_in_chunk(bench):
    origin, proxy = pair(bench)
    for more in (b"", b"more"):
        client, connection = asked(bench, origin, proxy, get("/broken"))
        part = bytes(i % 251 for i in range(20_000))
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + part)
        client.head()
        wait_payload(client, True, len(part))
        connection.send(more)
        connection.end_sending()
        equal(wire.broken_chunked(client.rest()), part + more, "payload that came")
        connection.close()


# Early responses


EARLY = plain(413, b"too much", reason=b"Content Too Large")


def early_response(bench, chunked, origin_closes):
    """The answer comes while the upload runs: the client can read it although it goes on sending, and then it is over."""
    origin, proxy = pair(bench)
    block = b"x" * 10000
    for way in few_deliveries(EARLY):
        with within(way.name):
            client = bench.client(proxy)
            client.send(chunked_head("/early") + b"2710\r\n" + block + b"\r\n" if chunked else post_head("/early", 10_000_000) + block)
            connection = origin.accept()
            connection.head()
            connection.send_pieces(way.pieces(EARLY))
            if origin_closes:
                connection.close()
            # It goes on as if nothing were wrong.
            for _ in range(10):
                client.send(b"2710\r\n" + block + b"\r\n" if chunked else block)
            response = client.response("POST")
            expect_forwarded(response, 413)
            equal(response.body, b"too much", "body")
            contains([option.lower() for option in response.fields.elements("Connection")], "close", "Connection")
            client.end_sending()
            client.expect_end()
            if not origin_closes:
                connection.rest()
            connection.close()


alone.table("closing.early_response", [
    ("length", "in an upload with a length", False, False),
    ("chunked", "in a chunked upload", True, False),
    ("closed", "and the origin closes behind it", False, True),
    ("closed_chunked", "and the origin closes behind it, chunked", True, True),
], early_response)


@alone.case("closing.early_response.read_late", "an answer survives that the client reads only after it has sent what it wanted")
def early_read_late(bench):
    origin, proxy = pair(bench)
    for way in few_deliveries(EARLY):
        with within(way.name):
            client = bench.client(proxy)
            client.send(post_head("/early", 500_000) + b"x" * 1000)
            connection = origin.accept()
            connection.head()
            connection.send_pieces(way.pieces(EARLY))
            connection.close()
            client.send(b"x" * 499_000)
            client.end_sending()
            equal(client.response("POST").body, b"too much", "body")
            client.expect_end()


@alone.case("closing.early_response.whole_upload", "a response that begins early and ends late leaves both connections usable, or says close")
def early_but_finished(bench):
    origin, proxy = pair(bench, upstream="keep_alive = { max_idle = 0 }")
    begin = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"
    for way in few_deliveries(begin):
        with within(way.name):
            client = bench.client(proxy)
            client.send(post_head("/early", 10) + b"hello")
            connection = origin.accept()
            request = connection.head()
            equal(connection.exactly(5), b"hello", "first half")
            connection.send_pieces(way.pieces(begin))
            response = client.head()
            equal(client.exactly(5), b"first", "first half of the response")
            client.send(b"world")
            equal(connection.exactly(5), b"world", "second half")
            connection.send(b"later")
            equal(client.exactly(5), b"later", "second half of the response")
            equal(request.framing, "length", "framing")
            if "close" in [option.lower() for option in response.fields.elements("Connection")]:
                client.expect_end()
            else:
                client.expect_open()


# Answers of our own


BAD_HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5x\r\n\r\n"


@alone.case("closing.linger.refused", "a refusal can be read by a client that sends much behind the bad head")
def linger_refused(bench):
    _, proxy = pair(bench)
    for way in few_deliveries(BAD_HEAD):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(BAD_HEAD))
            for _ in range(40):
                client.send(b"x" * 10000)
            expect_own_reply(client.response(), 400)
            client.end_sending()
            client.expect_end()


@alone.case("closing.linger.drain", "a drain closes idle connections, and leaves the answer to a client that is still sending behind a bad head")
def linger_drain(bench):
    origin, proxy = pair(bench)
    origin.serve(lambda request, connection: connection.send(plain(body=b"ok")) is None)
    idle, client = bench.client(proxy), bench.client(proxy)
    equal(idle.exchange(get("/")).body, b"ok", "body")
    client.send(BAD_HEAD)
    proxy.log_entries(2)
    proxy.signal(signal.SIGTERM)
    idle.expect_end()
    for _ in range(40):
        client.send(b"x" * 10000)
    expect_own_reply(client.response(), 400)
    client.end_sending()
    client.expect_end()
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("closing.linger.bounded", "a client that never stops sending behind a refusal is cut off")
def linger_bounded(bench):
    _, proxy = pair(bench)
    client = bench.client(proxy)
    client.send(BAD_HEAD)
    expect_own_reply(client.response(), 400)
    client.socket.settimeout(20)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += client.socket.send(b"x" * 65536)
    except ConnectionError:
        pass
    require(sent < 64 << 20, "64 MiB were swallowed")


@alone.case("closing.linger.silent", "a client that neither reads nor closes behind a refusal does not keep its connection for ever")
def linger_silent(bench):
    _, proxy = pair(bench)
    idle = proxy.descriptor_count()
    clients = []  # whose side stays open
    for way in few_deliveries(BAD_HEAD):
        with within(way.name):
            clients.append(bench.client(proxy))
            clients[-1].send_pieces(way.pieces(BAD_HEAD))
            expect_own_reply(clients[-1].response(), 400)
            clients[-1].expect_end()
    wait_for(lambda: proxy.descriptor_count() <= idle, "the proxy has closed the connection")


def no_route_then_next(bench):
    origin = bench.scripted()
    routes = '[[route]]\npath = "/known/*"\nupstream = "app"\n'
    return origin, bench.proxy(configuration(origin.address, routes=routes))


@alone.case("closing.no_route.keep_alive", "a 404 of our own leaves the connection usable, and a small body is passed over")
def no_route_keeps(bench):
    origin, proxy = no_route_then_next(bench)
    client = bench.client(proxy)
    for request in (get("/other"), get("/other")):
        expect_own_reply(client.exchange(request), 404)
    client.send(get("/known/x"))
    connection = origin.accept()
    equal(connection.request().target, "/known/x", "target")
    connection.send(plain(body=b"ok"))
    equal(client.response().body, b"ok", "body")


@alone.case("closing.no_route.expect", "who waits for a 100 gets the 404 at once, and its body is never taken for a request")
def no_route_expect(bench):
    origin, proxy = no_route_then_next(bench)
    inner = get("/known/evil")
    head = post_head("/other", len(inner), b"Expect: 100-continue\r\n")
    for body, way in ((body, way) for body in (b"", inner) for way in few_deliveries(head)):
        with within(f"{body!r}, {way.name}"):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(head))
            response = client.response("POST")
            expect_own_reply(response, 404)
            equal(response.interim, [], "interim responses")
            client.send(body)
            if response.fields.has("Connection"):
                client.end_sending()
                client.expect_end()
    require(not origin.has_waiting(), "the body was taken for a request")


@alone.case("closing.no_route.body", "a body behind a 404 is never taken for a request")
def no_route_body(bench):
    origin, proxy = no_route_then_next(bench)
    inner = get("/known/evil")
    client = bench.client(proxy)
    client.send(post_head("/other", len(inner)) + inner + get("/known/good"))
    response = client.response("POST")
    expect_own_reply(response, 404)
    if "close" in [option.lower() for option in response.fields.elements("Connection")]:
        client.expect_end()
        require(not origin.has_waiting(), "the body was taken for a request")
        return
    connection = origin.accept()
    equal(connection.request().target, "/known/good", "target")
    connection.send(plain())
    expect_forwarded(client.response())


# Timeouts towards the client


@alone.case("closing.timeout.head", "a head that is not whole in time: 408, then the end")
def head_timeout(bench):
    _, proxy = pair(bench, timeouts='head = "300ms"')
    parts = (b"G", b"GET /x HTTP/1.1\r\nHost: a\r\n")
    ways = [(part, way) for part in parts for way in few_deliveries(part)]
    for part, way in ways:
        with within(f"{part!r}, {way.name}"):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(part))
            expect_own_reply(client.response(), 408)
            client.expect_end()
    for entry in proxy.log_entries(len(ways)):
        equal((entry["status"], entry["reason"]), (408, "head_timeout"), "status and reason in the log")


@alone.case("closing.timeout.head_dripping", "the head's time does not begin anew with every byte")
def head_dripping(bench):
    _, proxy = pair(bench, timeouts='head = "500ms"')
    client = bench.client(proxy)
    client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n")

    def drip():
        client.send(b"X")
        return client.is_ended() or client.pending

    wait_for(drip, "an answer while the head drips in", patience=5)
    expect_own_reply(client.response(), 408)


@alone.case("closing.timeout.head_second", "a second request that stays unfinished: 408 as well")
def head_timeout_second(bench):
    origin, proxy = pair(bench, timeouts='head = "2s"')
    requests = get("/x") + b"GET /y"
    clients = []
    for way in few_deliveries(requests):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests))
            connection = origin.accept()
            connection.request()
            connection.send(plain(body=b"ok", fields=b"Connection: close\r\n"))
            equal(client.response().body, b"ok", "body")
            clients.append((way, client))
    for way, client in clients:
        with within(way.name):
            expect_own_reply(client.response(), 408)
            client.expect_end()


@alone.case("closing.timeout.keep_alive", "an idle connection is closed without a word")
def keep_alive_timeout(bench):
    origin, proxy = pair(bench, timeouts='keep_alive = "200ms"')
    silent_client = bench.client(proxy)
    silent_client.expect_end()
    client, connection = asked(bench, origin, proxy, get("/x"))
    connection.send(plain(body=b"ok"))
    equal(client.response().body, b"ok", "body")
    client.expect_end()
    equal(len(proxy.log_entries(1)), 1, "lines in the log")


@alone.case("closing.timeout.body", "a client that pauses for too long within its body: 408, the origin's connection is closed")
def body_timeout(bench):
    origin, proxy = pair(bench, timeouts='idle = "500ms"')
    requests = {"length": post_head("/x", 100) + b"part", "chunked": chunked_head("/x") + b"4\r\npart\r\n"}
    for number, (name, way) in enumerate((name, way) for name in requests for way in few_deliveries(requests[name])):
        with within(f"{name}, {way.name}"):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests[name]))
            connection = origin.accept()
            connection.head()
            expect_own_reply(client.response("POST"), 408)
            client.expect_end()
            rest = connection.rest()
            equal(wire.broken_chunked(rest) if name == "chunked" else rest, b"part", "what reached the origin")
            entry = proxy.log_entries(number + 1)[-1]
            equal((entry["status"], entry["reason"]), (408, "body_timeout"), "status and reason in the log")


_EVENT_STREAMS = {"chunked": b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n", "until_close": b"content-type:TEXT/Event-Stream ; charset=utf-8\r\n"}


@alone.case("closing.timeout.event_stream", "server-sent events may be further apart than timeouts.idle, as far as timeouts.tunnel; other bodies may not")
def rare_events(bench):
    origin, proxy = pair(bench, timeouts='idle = "300ms"\ntunnel = "2s"')
    for name, fields in _EVENT_STREAMS.items():
        with within(name):
            client, connection = asked(bench, origin, proxy, get(f"/{name}"))
            connection.send(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")
            for event in (b"data: 1\n\n", b"data: 2\n\n"):
                piece = b"9\r\n" + event + b"\r\n" if name == "chunked" else event
                time.sleep(1)
                connection.send(piece)
                client.until(event)
            equal(log_entry(proxy, f"/{name}").get("reason"), "upstream_idle_timeout", "reason in the log")
    for fields in (b"Content-Type: text/event-streams\r\n", b"Content-Type: text/plain; text/event-stream\r\n", b""):
        with within(fields.decode()):
            target = f"/other-{len(fields)}"
            client, connection = asked(bench, origin, proxy, get(target))
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + fields + b"\r\n9\r\ndata: 1\n\n\r\n")
            client.until(b"data: 1\n\n")
            equal(log_entry(proxy, target).get("reason"), "upstream_idle_timeout", "reason in the log")


@alone.case("closing.timeout.slow_reader", "a client that does not read at all is given up after timeouts.idle")
def reader_timeout(bench):
    origin, proxy = pair(bench, timeouts='idle = "500ms"')
    client, connection = asked(bench, origin, proxy, get("/x"), receive_buffer=4096)
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    connection.send_until_ended()
    equal(log_entry(proxy, "/x").get("reason"), "client_stalled", "reason in the log")


@alone.case("closing.max_requests", "the last request that a connection may carry is answered with close")
def max_requests(bench):
    origin, proxy = pair(bench, limits="max_requests = 3")
    requests = get("/x") * 4
    connection = None
    for way in few_deliveries(requests):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(requests))
            connection = connection or origin.accept()
            for number in range(3):
                connection.request()
                connection.send(plain(body=b"%d" % number))
                response = client.response()
                equal(response.body, b"%d" % number, "body")
                equal("close" in [option.lower() for option in response.fields.elements("Connection")], number == 2, "close")
            client.end_sending()
            client.expect_end()
            require(not connection.pending, "a fourth request was forwarded")


@alone.case("closing.broken_upload", "a body that breaks its framing: 400, and the origin gets no whole request")
def broken_upload(bench):
    origin, proxy = pair(bench)
    broken = b"5\r\nhello\r\nzz\r\n"
    for way in few_deliveries(broken):
        with within(way.name):
            client = bench.client(proxy)
            client.send(chunked_head("/broken"))
            connection = origin.accept()
            connection.head()
            client.send_pieces(way.pieces(broken))
            expect_own_reply(client.response("POST"), 400)
            client.expect_end()
            rest = connection.rest()
            require(b"hello".startswith(wire.broken_chunked(rest)), f"what reached the origin: {rest}")
            connection.close()
            client.close()
    for entry in proxy.log_entries(3):
        equal((entry["status"], entry["reason"]), (400, "bad_body"), "status and reason in the log")


@alone.case("closing.descriptors", "after all of it nothing is left open")
def descriptors(bench):
    origin, proxy = pair(bench, upstream="keep_alive = { max_idle = 0 }", timeouts='head = "300ms"\nfirst_byte = "300ms"')
    idle = proxy.descriptor_count()
    for number in range(40):
        client = bench.client(proxy)
        kind = number % 8
        if kind == 0:
            client.send(b"GET /x HT")
        elif kind == 1:
            client.send(b"nonsense\r\n\r\n")
            client.rest()
        else:
            client.send(get("/x") if kind < 5 else chunked_head("/x") + b"4\r\npart\r\n")
            connection = origin.accept()
            connection.head()
            if kind in (2, 5):
                connection.reset()
            elif kind in (3, 6):
                connection.send(plain(body=b"ok"))
            else:
                client.reset()
        bench.close_clients()
    wait_for(lambda: proxy.descriptor_count() <= idle, f"back to {idle} descriptors (now {proxy.descriptor_count()})")
