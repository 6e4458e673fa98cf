"""Clients that reset right behind their last bytes, while the proxy looks elsewhere: it notices all the same."""

import signal
import socket

from check import equal
from harness import Group, configuration
from peer import Client

group = Group()
GET = b"GET /vanished HTTP/1.1\r\nHost: a\r\n\r\n"
COUNT = 20


def vanish(bench, is_kept, request):
    """The proxy is stopped while they do it, so that their bytes and their reset are there together when it looks."""
    origin = bench.scripted(backlog=socket.SOMAXCONN)
    proxy = bench.proxy(configuration(origin.address))
    clients = [bench.client(proxy) for _ in range(COUNT)] if is_kept else []
    for client in clients:
        equal(client.exchange(b"GET /../ HTTP/1.1\r\nHost: a\r\n\r\n").status, 400, "status")
    proxy.signal(signal.SIGSTOP)
    try:
        for client in clients or [Client(proxy.address) for _ in range(COUNT)]:
            client.send(request)
            client.reset()
    finally:
        proxy.signal(signal.SIGCONT)
    # Far below timeouts.head and first_byte.
    entries = proxy.log_entries(COUNT * (1 + is_kept))[-COUNT:]
    equal({(entry["status"], entry.get("reason")) for entry in entries}, {(499, "client_closed")}, "status and reason")


group.table("closing.vanished", [
    ("new", "on connections that nobody has accepted yet, behind a request", False, GET),
    ("new_in_head", "on connections that nobody has accepted yet, within a head", False, GET[:-3]),
    ("kept", "on kept connections, behind a request", True, GET),
    ("kept_in_head", "on kept connections, within a head", True, GET[:-3]),
], vanish)
