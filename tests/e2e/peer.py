"""One end of a TCP connection in the hands of a case: raw bytes, cut as it likes, and a strict reader."""

import contextlib
import socket
import struct
import time

import sockets
import wire
from check import PATIENCE_S, Failure, equal, require, shown

_LINE_MAX = 1 << 20
# A proxy that does not want to read on (its answer is out, its buffers are full) need not empty its receive queue.
_TAKEN_PATIENCE_S = 0.25


class Peer:
    def __init__(self, connection):
        self.socket = connection
        self.is_unix = connection.family == socket.AF_UNIX
        if not self.is_unix:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local = connection.getsockname()
        self.remote = connection.getpeername()
        self.pending = bytearray()
        self.is_stalled = False  # the other side left bytes unread for longer than we wait
        self.end = None  # how the other side ended: "eof" or "reset"

    # Sending

    def send(self, data):
        """Sends everything; a peer that is gone already is no failure here, what it answered tells."""
        self.socket.settimeout(PATIENCE_S)
        rest = memoryview(data)
        with contextlib.suppress(ConnectionError):
            # Patience is for each step, however long the whole of it takes.
            while rest:
                rest = rest[self.socket.send(rest) :]

    def send_pieces(self, pieces):
        """Sends each piece after the one before has been read by the other side."""
        for index, piece in enumerate(pieces):
            if index:
                self.wait_taken()
            self.send(piece)

    def wait_taken(self):
        """Waits until the other side has read all that was sent."""
        deadline = time.monotonic() + (0 if self.is_stalled else _TAKEN_PATIENCE_S)
        while True:
            if self.is_unix:
                self.is_stalled = sockets.unread_by_peer(self.socket)
            else:
                found = sockets.state_of(self.remote, self.local)
                self.is_stalled = found is not None and found[0] == sockets.ESTABLISHED and found[1] != 0
            if not self.is_stalled or time.monotonic() > deadline:
                return
            time.sleep(0)

    def send_until_full(self, block=b"x" * 65536, most=1 << 40, patience=0.3):
        """Sends the block over and over until the other side has taken nothing for so long, or `most` bytes; returns how many."""
        self.socket.settimeout(patience)
        sent, block = 0, memoryview(block)
        with contextlib.suppress(TimeoutError):
            while sent < most:
                sent += self.socket.send(block[sent % len(block) :][: most - sent])
        return sent

    def send_until_ended(self, block=b"x" * 65536):
        """Sends until the other side has closed or reset."""
        self.socket.settimeout(2 * PATIENCE_S)
        with contextlib.suppress(ConnectionError):
            while True:
                self.socket.sendall(block)

    def leave(self, how):
        """how: "fin", "close", or "reset"."""
        {"fin": self.end_sending, "close": self.close, "reset": self.reset}[how]()

    def end_sending(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # Receiving

    def receive(self, patience=PATIENCE_S):
        """Waits for more bytes. Returns False at the end of the connection, whose kind is then in `end`."""
        if self.end:
            return False
        self.socket.settimeout(patience)
        try:
            data = self.socket.recv(1 << 18)
        except TimeoutError as error:
            raise Failure(f"nothing came within {patience} s; unread: {shown(self.pending)}") from error
        except ConnectionError:
            self.end = "reset"
            return False
        if not data:
            self.end = "eof"
            return False
        self.pending += data
        return True

    def until(self, mark):
        """The bytes up to and with `mark`."""
        start = 0
        while (at := self.pending.find(mark, start)) < 0:
            start = max(0, len(self.pending) - len(mark))
            require(len(self.pending) < _LINE_MAX, "a line or head without end")
            if not self.receive():
                raise Failure(f"{self.end} before {shown(mark)}; unread: {shown(self.pending)}")
        return self.take(at + len(mark))

    def take(self, count):
        data = bytes(self.pending[:count])
        del self.pending[:count]
        return data

    def line(self):
        return self.until(b"\r\n")[:-2]

    def exactly(self, count):
        while len(self.pending) < count:
            if not self.receive():
                raise Failure(f"{self.end} after {len(self.pending)} of {count} bytes: {shown(self.pending)}")
        return self.take(count)

    def rest(self):
        """Everything until the end of the connection, of whichever kind."""
        while self.receive():
            pass
        return self.take(len(self.pending))

    def expect_end(self, *kinds):
        """The connection ends without another byte. kinds: "eof", "reset", or both (default: "eof" alone)."""
        rest = self.rest()
        kinds = kinds or ("eof",)
        require(not rest, f"bytes behind the last message: {shown(rest)}")
        require(self.end in kinds, f"the connection ended by {self.end}, expected {' or '.join(kinds)}")

    def is_ended(self):
        """Whether the other side has ended; for waiting. Bytes that come are kept."""
        with contextlib.suppress(Failure):
            while self.receive(patience=0.001):
                pass
        return self.end is not None

    def expect_open(self):
        """Nothing has come and the other side has not ended, now."""
        require(not self.is_ended(), f"the connection has ended by {self.end}")
        equal(bytes(self.pending), b"", "unexpected bytes")


class Client(Peer):
    """The client's end of a connection to the proxy; address: (host, port), or the path of a unix socket."""

    def __init__(self, address, receive_buffer=None, source=None):
        connection = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
        if source:
            connection.bind((source, 0))
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE_S)
        connection.connect(address)
        super().__init__(connection)

    def head(self):
        return wire.parse_response(self.until(b"\r\n\r\n"))

    def response(self, method="GET", version="HTTP/1.1"):
        """The next response, whole, with the interim ones before it."""
        interim = []
        while True:
            response = self.head()
            equal(response.version, "HTTP/1.1", "version of the response")
            response.framing = wire.response_framing(response, method, version)
            if response.status >= 200:
                break
            interim.append(response)
        response.interim = interim
        self.body_of(response)
        return response

    def body_of(self, response):
        if response.framing == "length":
            response.body = self.exactly(wire.length_of(response.fields))
        elif response.framing == "chunked":
            response.body, response.trailers = wire.read_chunked(self)
        elif response.framing == "close":
            response.body = self.rest()
            equal(self.end, "eof", "end of a body that the connection ends")

    def exchange(self, request, method="GET", version="HTTP/1.1"):
        self.send(request)
        return self.response(method, version)


class OriginConnection(Peer):
    """The origin's end of a connection from the proxy."""

    def head(self):
        request = wire.parse_request(self.until(b"\r\n\r\n"))
        equal(request.version, "HTTP/1.1", "version of the forwarded request")
        request.framing = wire.request_framing(request)
        return request

    def request(self):
        """The next request, whole."""
        request = self.head()
        self.body_of(request)
        return request

    def body_of(self, request):
        if request.framing == "length":
            request.body = self.exactly(wire.length_of(request.fields))
        elif request.framing == "chunked":
            request.body, request.trailers = wire.read_chunked(self)
        return request
