"""Many clients that each want something small: an open loop, whose requests are due at a fixed rate whatever becomes of them."""

import collections
import select
import socket
import time

from process import Failure

TARGET_BYTES = 100  # of the body
PATIENCE_S = 10


def no_timer_slack():
    """Lets the kernel wake us when we asked, not 50 us later."""
    with open("/proc/self/timerslack_ns", "w") as slack:
        slack.write("1")


class _Client:
    __slots__ = ("socket", "due", "received")

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self.received = b""


class QuickClients:
    """`count` kept-alive connections to 127.0.0.1:`port`; close() ends them."""

    def __init__(self, port, count, host):
        self._request = b"GET /size/%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (TARGET_BYTES, host.encode())
        self._epoll = select.epoll()
        self._by_descriptor = {}
        self._idle = collections.deque()
        for _ in range(count):
            client = _Client(port)
            self._by_descriptor[client.socket.fileno()] = client
            self._epoll.register(client.socket, select.EPOLLIN)
            self._idle.append(client)

    def close(self):
        for client in self._by_descriptor.values():
            client.socket.close()
        self._epoll.close()

    def run(self, rate, seconds):
        """Sends for so long. Returns (latencies, lateness), in seconds, of each request.

        A latency begins when the request was due, not when it was sent, so that a pause of the proxy is felt by all that
        fall into it. Lateness is how much later than due we sent: our own part, or connections that are all waiting.
        """
        latencies, lateness = [], []
        count, sent, finished = int(rate * seconds), 0, 0
        begin = time.perf_counter() + 0.01
        while finished < count:
            now = time.perf_counter()
            while sent < count and self._idle and begin + sent / rate <= now:
                due = begin + sent / rate
                lateness.append(now - due)
                self._send(self._idle.popleft(), due)
                sent += 1
                now = time.perf_counter()
            finished += self._receive(begin + sent / rate if sent < count and self._idle else now + PATIENCE_S, latencies)
            if time.perf_counter() > begin + seconds + PATIENCE_S:
                raise Failure(f"{count - finished} of {count} small requests got no answer in time")
        return latencies, lateness

    def _send(self, client, due):
        client.due = due
        if client.socket.send(self._request) != len(self._request):
            raise Failure("a small request does not fit into an idle connection")

    def _receive(self, until, latencies):
        """Waits for answers, until then at most; how many requests have finished."""
        # The time-out of epoll is in whole milliseconds.
        wait = until - time.perf_counter()
        if wait > 0:
            select.select([self._epoll], [], [], wait)
        finished = 0
        for descriptor, _ in self._epoll.poll(0):
            client = self._by_descriptor[descriptor]
            data = client.socket.recv(65536)
            if not data:
                raise Failure("the proxy closed the connection of a small client")
            client.received += data
            head, mark, body = client.received.partition(b"\r\n\r\n")
            if not mark or len(body) < TARGET_BYTES:
                continue
            if not head.startswith(b"HTTP/1.1 200 ") or len(body) > TARGET_BYTES:
                raise Failure(f"a small request was answered by {client.received[:200]!r}")
            latencies.append(time.perf_counter() - client.due)
            client.received = b""
            self._idle.append(client)
            finished += 1
        return finished
