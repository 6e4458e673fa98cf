"""What the cases share that send one request, strange or not, to a proxy whose origin tells what reached it."""

from check import equal, within
from delivery import deliveries
from harness import configuration
from replies import arrived, echo, expect_own_reply

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n"
# Sixty fields, for what is far apart.
FAR_APART = b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(60))


class World:
    """One proxy in front of an origin that tells what reached it."""

    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.scripted().serve(echo)
        self.proxy = bench.proxy(configuration(self.origin.address))
        self.count = 0

    def client(self):
        return self.bench.client(self.proxy)


def in_every_way(world, request):
    """The response to each delivery, with the client's connection."""
    for delivery in deliveries(request):
        client = world.client()
        client.send_pieces(delivery.pieces(request))
        with within(delivery.name):
            response = client.response()
        yield response, client
        client.close()


def refuse(world, request, status=400, ways=deliveries):
    """The answer is readable although more bytes may have come, the connection ends, and the origin hears of no whole request."""
    before = len(world.origin.requests)
    for delivery in ways(request):
        with within(delivery.name):
            client = world.client()
            client.send_pieces(delivery.pieces(request))
            response = client.response()
            expect_own_reply(response, status)
            equal(response.fields.elements("Connection"), ["close"], "Connection of the reply")
            client.expect_end()
            client.close()
    equal(len(world.origin.requests), before, "requests that reached the origin")


def accept(world, request, **expected):
    """It reaches the origin as expected; a second request behind it proves that both ends agree on where it ended."""
    behind = b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"
    version = "HTTP/1.0" if b" HTTP/1.0\r\n" in request else "HTTP/1.1"
    for delivery in deliveries(request):
        with within(delivery.name):
            client = world.client()
            client.send_pieces(delivery.pieces(request))
            told = arrived(client.response(request.lstrip().split(b" ")[0].decode(), version))
            for name, value in expected.items():
                equal(told[name], value, name)
            if version == "HTTP/1.1":
                client.send(behind)
                equal(arrived(client.response())["target"], "/behind", "target of the next request")
            else:
                client.expect_end()
            client.close()


def row(name, title, request, **expected):
    return name, title, request, expected


def accept_row(world, request, expected):
    accept(world, request, **expected)
