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


# Answers with the client's address and port as its header names them.
RECEIVER = """
frontend back
  bind @LISTEN@ accept-proxy
  http-request return status 200 content-type text/plain lf-string "%ci %cp"
"""


def asks(bench, proxy):
    client = Client(proxy.address, source=FAR)
    bench.clients.append(client)
    for _ in range(3):
        client.send(get("/"))
        response = client.response()
        equal((response.status, response.body), (200, f"{FAR} {client.local[1]}".encode()), "whom HAProxy has been told of")


def receives(bench, version):
    back = HAProxy(RECEIVER)
    bench.origins.append(back)
    proxy = bench.proxy(configuration(back.address, upstream=f'proxy_protocol = "{version}"\n'))
    for _ in range(3):
        asks(bench, proxy)


def receives_tcp(bench, version):
    back = HAProxy(RECEIVER)
    bench.origins.append(back)
    proxy = bench.proxy(f"""
[[listener]]
name = "raw"
address = "@LISTEN@"
protocol = "tcp"
upstream = "back"
[upstream.back]
endpoints = ["{back.address}"]
proxy_protocol = "{version}"
[limits]
max_connections = 2000
""")
    for _ in range(3):
        asks(bench, proxy)


VERSIONS = [("v1", "headers of version 1", "v1"), ("v2", "headers of version 2", "v2")]
alone.table("peer.haproxy.receives", VERSIONS, receives)
alone.table("peer.haproxy.receives_tcp", VERSIONS, receives_tcp)


@alone.case("peer.haproxy.both", "HAProxy in front and behind, with TCP and PROXY headers all the way")
def both(bench):
    back = HAProxy(RECEIVER)
    bench.origins.append(back)
    address = bench.reserve()
    bench.proxy(f"""
[[listener]]
name = "main"
address = "@LISTEN@"
protocol = "tcp"
upstream = "back"
[[listener]]
name = "raw"
address = "{address[0]}:{address[1]}"
protocol = "tcp"
upstream = "back"
proxy_protocol = {{ from = ["127.0.0.1"] }}
[upstream.back]
endpoints = ["{back.address}"]
proxy_protocol = "v2"
[limits]
max_connections = 2000
""")
    front = HAProxy(f"listen front\n  bind @LISTEN@\n  server sluice {address[0]}:{address[1]} send-proxy\n", mode="tcp")
    bench.origins.append(front)
    client = Client(("127.0.0.1", front.port), source=FAR)
    bench.clients.append(client)
    client.send(get("/"))
    equal(client.response().body, f"{FAR} {client.local[1]}".encode(), "whom the last one has been told of")
