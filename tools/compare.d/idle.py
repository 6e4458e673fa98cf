"""What idle kept-alive connections cost a server in memory."""

import re
import socket
import time

from process import Failure, family

_TIMEOUT_S = 10
SETTLE_S = 1.0
ANSWER_BYTES = 2


def resident_bytes(pid):
    """Memory of the family of `pid`, with what its processes share counted once."""
    total = 0
    for one in family(pid):
        try:
            with open(f"/proc/{one}/smaps_rollup") as rollup:
                total += int(re.search(r"^Pss:\s+(\d+) kB", rollup.read(), re.MULTILINE)[1]) * 1024
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def _use_once(port, target):
    """A connection that has had one answer, and stays open."""
    client = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    received = b""
    while len(received.partition(b"\r\n\r\n")[2]) < ANSWER_BYTES:
        piece = client.recv(4096)
        if not piece:
            raise Failure(f"an idle connection was closed: {received[:200]!r}")
        received += piece
    return client


def measure(server, connections, target):
    """Opens `connections` to `server`, each used once. Returns bytes of the process before, with all of them, and of each.

    The first tenth is not counted for the price of one: it touches the buffers that every server has for whoever is active.
    """
    clients = []
    try:
        before = resident_bytes(server.pid)
        warm = connections // 10
        for _ in range(warm):
            clients.append(_use_once(server.port, target))
        time.sleep(SETTLE_S)
        touched = resident_bytes(server.pid)
        for _ in range(connections - warm):
            clients.append(_use_once(server.port, target))
        time.sleep(SETTLE_S)
        after = resident_bytes(server.pid)
    finally:
        for client in clients:
            client.close()
    return {"started_bytes": before, "process_bytes": after, "connection_bytes": (after - touched) / (connections - warm)}
