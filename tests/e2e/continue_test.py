"""100-continue where the two sides do not do what the other one waits for."""

from check import contains, equal, require, within
from delivery import WHOLE, few_deliveries
from harness import Group, pair
from origin import plain
from replies import expect_forwarded, expect_logged, expect_own_reply
from wire import get, post_head

alone = Group()
SMUGGLED = get("/smuggled")


def head_of(size):
    return post_head("/x", size, b"Expect: 100-continue\r\n")


def waiting(bench, size=5, way=WHOLE, **options):
    """A client that waits for the origin's word."""
    origin, proxy = pair(bench, **options)
    client = bench.client(proxy)
    client.send_pieces(way.pieces(head_of(size)))
    connection = origin.accept()
    equal(connection.head().fields.get("Expect"), "100-continue", "Expect upstream")
    return origin, proxy, client, connection


def for_each_way(case):
    """Runs case(bench, way) for each delivery of the head."""

    def run(bench):
        for way in few_deliveries(head_of(5)):
            with within(way.name):
                case(bench, way)

    return run


def final_instead(bench, body):
    """The answer says close, since nobody knows whether the body still comes; if it does, it is no request."""
    answer = plain(403, b"no", reason=b"Forbidden")
    for way in few_deliveries(answer):
        with within(way.name):
            origin, proxy, client, connection = waiting(bench, len(SMUGGLED))
            connection.send_pieces(way.pieces(answer))
            response = client.response("POST")
            expect_forwarded(response, 403)
            equal(response.body, b"no", "body")
            contains([option.lower() for option in response.fields.elements("Connection")], "close", "Connection")
            client.send(body)
            client.end_sending()
            client.expect_end()
            equal(connection.rest(), b"", "what the origin got behind the head")
            require(not origin.has_waiting(), "another connection to the origin")
            expect_logged(proxy, "/x", 403, None)


alone.table("continue.final_instead", [
    ("no_body", "a final response, and the client sends no body", b""),
    ("body", "a final response, and the client sends the body all the same", SMUGGLED),
], final_instead)


@alone.case("continue.never", "an origin that never says 100, and a client that sends its body without")
@for_each_way
def never(bench, way):
    _, proxy, client, connection = waiting(bench, way=way)
    client.expect_open()
    client.send_pieces(way.pieces(b"hello"))
    equal(connection.exactly(5), b"hello", "body that reached the origin")
    connection.send(plain(body=b"ok"))
    response = client.response("POST")
    equal((response.body, response.interim), (b"ok", []), "body and interim responses")
    client.expect_open()
    expect_logged(proxy, "/x", 200, None)


@alone.case("continue.late", "the 100 comes when the body is on its way already")
def late(bench):
    word = b"HTTP/1.1 100 Continue\r\n\r\n"
    for way in few_deliveries(word):
        with within(way.name):
            _, _, client, connection = waiting(bench)
            client.send(b"hel")
            equal(connection.exactly(3), b"hel", "the beginning of the body")
            connection.send_pieces(way.pieces(word))
            equal(client.head().status, 100, "interim status")
            client.send(b"lo")
            equal(connection.exactly(2), b"lo", "the rest of the body")
            connection.send(plain(body=b"ok"))
            equal(client.response("POST").body, b"ok", "body")
            client.expect_open()


@alone.case("continue.nobody_moves", "neither says a word: 408 after timeouts.idle, and the origin gets no whole request")
@for_each_way
def nobody_moves(bench, way):
    _, proxy, client, connection = waiting(bench, way=way, timeouts='idle = "300ms"')
    expect_own_reply(client.response("POST"), 408)
    equal(connection.rest(), b"", "what the origin got behind the head")
    expect_logged(proxy, "/x", 408, "body_timeout")


@alone.case("continue.gone", "a client that goes while it waits is noticed at once")
@for_each_way
def gone(bench, way):
    _, proxy, client, connection = waiting(bench, way=way)
    client.close()
    connection.expect_end("eof", "reset")
    expect_logged(proxy, "/x", 499, "client_closed")
