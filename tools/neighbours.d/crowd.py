"""The neighbours: clients with big bodies that read slowly, send without a pause, or load one after the other. Each is a process."""

import contextlib
import multiprocessing
import os
import select
import socket
import time
from dataclasses import dataclass

from process import Failure

SLOW_BYTES = 20 << 20
SLOW_PIECE_BYTES = 16 << 10
SLOW_PAUSE_S = 0.05
DOWNLOAD_BYTES = 1 << 20
UPLOAD_BYTES = 1 << 50  # it does not end by itself
PIECE_BYTES = 64 << 10
PATIENCE_S = 10
# Of their origin: behind whoever measures with real-time priority.
ORDINARY = ("chrt", "--other", "0")


@dataclass(frozen=True)
class Setting:
    """How many of each kind, and where they run."""

    host: str
    core: int
    slow_readers: int
    uploaders: int
    downloaders: int


class _Neighbour:
    """One connection at a time; `moved` counts the bytes of bodies. It tells when it gets on, and ends when it is told to."""

    def __init__(self, host, orders):
        self.host, self.orders = host, orders
        self.moved = 0

    def run(self, act, port):
        self.moved = 0
        with socket.socket() as connection:
            if act is read_slowly:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 << 10)
            connection.settimeout(PATIENCE_S)
            connection.connect(("127.0.0.1", port))
            act(self, connection)

    def count(self, moved):
        if self.moved == 0:
            self.orders.send(("ok", None))
        self.moved += moved

    def must_stop(self):
        return bool(select.select([self.orders], [], [], 0)[0])

    def request(self, connection, line, field=""):
        connection.sendall(f"{line} HTTP/1.1\r\nHost: {self.host}\r\n{field}\r\n".encode())

    def receive(self, connection, most):
        data = connection.recv(most)
        if not data:
            raise ConnectionError("closed by the proxy")
        return data

    def receive_head(self, connection):
        """Reads a response's head; how many bytes of the body came with it."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive(connection, 4096)
        if not data.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"answered by {data[:100]!r}")
        return len(data.partition(b"\r\n\r\n")[2])


def read_slowly(neighbour, connection):
    while not neighbour.must_stop():
        neighbour.request(connection, f"GET /size/{SLOW_BYTES}")
        left = SLOW_BYTES - neighbour.receive_head(connection)
        while left > 0 and not neighbour.must_stop():
            count = len(neighbour.receive(connection, min(left, SLOW_PIECE_BYTES)))
            left -= count
            neighbour.count(count)
            time.sleep(SLOW_PAUSE_S)


def upload(neighbour, connection):
    neighbour.request(connection, "POST /upload?checksum=0", f"Content-Length: {UPLOAD_BYTES}\r\n")
    piece = bytes(PIECE_BYTES)
    while not neighbour.must_stop():
        neighbour.count(connection.send(piece))


def download(neighbour, connection):
    place = bytearray(PIECE_BYTES)
    while not neighbour.must_stop():
        neighbour.request(connection, f"GET /size/{DOWNLOAD_BYTES}")
        left = DOWNLOAD_BYTES - neighbour.receive_head(connection)
        while left > 0:
            count = connection.recv_into(place, min(left, PIECE_BYTES))
            if count == 0:
                raise ConnectionError("closed by the proxy")
            left -= count
            neighbour.count(count)


def _obey(act, setting, orders):
    os.sched_setaffinity(0, {setting.core})
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    neighbour = _Neighbour(setting.host, orders)
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while port := orders.recv():
            try:
                neighbour.run(act, port)
                orders.recv()
                orders.send(("ok", neighbour.moved))
            except OSError as error:
                orders.send(("failed", f"{act.__name__}: {error!r}"))


class Crowd:
    """All neighbours."""

    def __init__(self, setting):
        forking = multiprocessing.get_context("fork")
        self._members = []  # (kind, process, our end of its pipe)
        kinds = [read_slowly] * setting.slow_readers + [upload] * setting.uploaders + [download] * setting.downloaders
        for act in kinds:
            orders, far_end = forking.Pipe()
            member = forking.Process(target=_obey, args=(act, setting, far_end), daemon=True)
            member.start()
            far_end.close()
            self._members.append((act.__name__, member, orders))

    def start(self, port):
        """Sends them to 127.0.0.1:`port`; returns once each of them gets on."""
        for _, _, orders in self._members:
            orders.send(port)
        for kind, _, orders in self._members:
            _answer(kind, orders)

    def stop(self):
        """Ends what they do; the bytes that they moved, by kind."""
        for _, _, orders in self._members:
            orders.send("stop")
        moved = {}
        for kind, _, orders in self._members:
            moved[kind] = moved.get(kind, 0) + _answer(kind, orders)
        return moved

    def close(self):
        for _, member, orders in self._members:
            orders.close()
            member.terminate()
            member.join()


def _answer(kind, orders):
    if not orders.poll(PATIENCE_S):
        raise Failure(f"neighbours: {kind} does not get on")
    try:
        outcome, value = orders.recv()
    except (EOFError, OSError) as error:
        raise Failure(f"neighbours: the process of {kind} has ended") from error
    if outcome != "ok":
        raise Failure(f"neighbours: {value}")
    return value
