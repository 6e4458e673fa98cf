"""HAProxy before and behind the proxy, with PROXY headers in between."""

import json

from check import equal, require
from harness import Group, configuration
from peer import Client
from programs import HAProxy
from replies import arrived, echo, log_entry

alone = Group()
# An address of the host's own that is not HAProxy's.
FAR = "127.0.0.7"


def get(target):
    return f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def forwarded_for(told):
    return [value for name, value in told["fields"] if name.lower() == "x-forwarded-for"]


def sender(bench, directive):
    """HAProxy as a load balancer that passes bytes on, before a proxy that takes its headers."""
    address = bench.reserve()
    origin = bench.scripted().serve(echo)
    listener = f"""
[[listener]]
name = "announced"
address = "{address[0]}:{address[1]}"
proxy_protocol = {{ from = ["127.0.0.1"] }}
"""
    proxy = bench.proxy(configuration(origin.address, extra=listener))
    front = HAProxy(f"listen front\n  bind @LISTEN@\n  server sluice {address[0]}:{address[1]} {directive}\n", mode="tcp")
    bench.origins.append(front)
    return proxy, front


def sends(bench, directive):
    proxy, front = sender(bench, directive)
    for number in range(3):
        client = Client(("127.0.0.1", front.port), source=FAR)
        bench.clients.append(client)
        for again in range(2):
            target = f"/{number}/{again}"
            client.send(get(target))
            equal(forwarded_for(arrived(client.response())), [FAR], "X-Forwarded-For")
            equal(log_entry(proxy, target)["client"], FAR, "client in the log")


alone.table(
    "peer.haproxy.sends",
    [
        ("v1", "headers of send-proxy", "send-proxy"),
        ("v2", "headers of send-proxy-v2", "send-proxy-v2"),
        ("v2_ssl", "headers with TLVs about TLS", "send-proxy-v2-ssl"),
        ("v2_options", "headers with a checksum and a unique id", "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
    ],
    sends,
)


def checks(bench, directive):
    """Health checks of HAProxy's own say LOCAL, or UNKNOWN, and are answered."""
    proxy, front = sender(bench, f"{directive} check inter 100ms fall 1 rise 1 check-send-proxy")
    for number in range(10):
        client = Client(("127.0.0.1", front.port), source=FAR)
        bench.clients.append(client)
        client.send(get(f"/{number}"))
        equal(forwarded_for(arrived(client.response())), [FAR], "X-Forwarded-For")
    reasons = [json.loads(line).get("reason") for line in proxy.log_path.read_bytes().split(b"\n")[:-1]]
    require("bad_proxy_header" not in reasons, f"a check was refused: {reasons}")


alone.table(
    "peer.haproxy.checks",
    [
        ("v1", "checks with send-proxy", "send-proxy"),
        ("v2", "checks with send-proxy-v2", "send-proxy-v2"),
    ],
    checks,
)
