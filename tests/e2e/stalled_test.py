"""Hundreds of exchanges that do not move hold nothing that others need: small requests beside them are answered as ever."""

import contextlib
import socket

from check import equal, require, wait_for, within
from harness import Group, configuration
from origin import plain
from replies import expect_forwarded, expect_own_reply

KIB = 1024
BODY_BYTES = 50_000_000
SMALL_REQUESTS = 20
ROUTES = '[[route]]\nhost = "stalled"\nupstream = "stalled"\n[[route]]\nhost = "app"\nupstream = "app"\n'
# Nothing that stalls ends by itself while the case runs.
PATIENT = 'idle = "10m"\nconnect = "10m"\nfirst_byte = "10m"'

alone = Group()


class World:
    """One shard, an upstream that answers at once, and one, at `address`, whose exchanges stall."""

    def __init__(self, bench, address):
        self.bench = bench
        self.origin = bench.scripted().serve(lambda request, connection: connection.send(plain(body=b"small")) is None)
        extra = f'[upstream.stalled]\nendpoints = ["{address}"]\n'
        self.proxy = bench.proxy(configuration(self.origin.address, routes=ROUTES, timeouts=PATIENT, extra=extra))
        self.stalled = []

    def stall(self, count, request, **options):
        for _ in range(count):
            client = self.bench.client(self.proxy, **options)
            client.send(request)
            self.stalled.append(client)
        for client in self.stalled:
            client.wait_taken()

    def expect_small_served(self):
        """Each on a connection of its own; of what is stalled, nothing ends meanwhile."""
        for number in range(SMALL_REQUESTS):
            with within(f"small request {number}"):
                client = self.bench.client(self.proxy)
                response = client.exchange(b"GET /small HTTP/1.1\r\nHost: app\r\n\r\n")
                expect_forwarded(response)
                equal(response.body, b"small", "body")
                client.close()
        entries = self.proxy.log_entries(SMALL_REQUESTS)
        equal({(entry["host"], entry["status"]) for entry in entries}, {("app", 200)}, "what the access log tells of")


@alone.case("stalled.downloads", "200 clients that read nothing of their big responses")
def downloads(bench):
    world = World(bench, bench.test_origin().address)
    world.stall(200, b"GET /size/%d HTTP/1.1\r\nHost: stalled\r\n\r\n" % BODY_BYTES, receive_buffer=4 * KIB)
    for number, client in enumerate(world.stalled):
        with within(f"download {number}"):
            require(client.socket.recv(15, socket.MSG_PEEK | socket.MSG_WAITALL) == b"HTTP/1.1 200 OK", "no response has begun")
    world.proxy.wait_at_rest()
    world.expect_small_served()


@alone.case("stalled.uploads", "300 clients that send big bodies to an endpoint that never reads")
def uploads(bench):
    # Connections that nobody accepts: the kernel takes what fits into small buffers.
    deaf = bench.scripted()
    deaf.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB)
    world = World(bench, deaf.address)
    world.stall(300, b"POST /upload HTTP/1.1\r\nHost: stalled\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES)
    block = bytes(256 * KIB)
    little = len(world.stalled) * KIB
    for client in world.stalled:
        client.socket.setblocking(False)

    def sent_now():
        sent = 0
        for client in world.stalled:
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += client.socket.send(block)
        return sent

    def is_stuck():
        """Whether next to nothing moves, also after a rest: the kernel's own buffers may still take a little."""
        if sent_now() > little:
            return False
        world.proxy.wait_at_rest()
        return sent_now() <= little

    wait_for(is_stuck, "every upload is stuck")
    world.expect_small_served()
    deaf.close_listener()  # which resets what nobody has accepted
    for number, client in enumerate(world.stalled):
        with within(f"upload {number}"):
            expect_own_reply(client.response("POST"), 502)


@alone.case("stalled.blackhole", "300 requests for an endpoint that does not answer a connect")
def blackhole(bench):
    world = World(bench, bench.deaf_port().address)
    world.stall(300, b"GET /never HTTP/1.1\r\nHost: stalled\r\n\r\n")
    world.expect_small_served()
    for client in world.stalled:
        client.expect_open()
