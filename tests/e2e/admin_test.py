"""The admin socket: every page, and clients that take their time, talk nonsense or come in crowds."""

import json
import os
import resource
import select
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import tomllib
from collections import Counter
from pathlib import Path

from admin import SOCKET, TABLE, AdminPeer, Metrics, get, get_json
from check import PATIENCE_S, Skip, contains, equal, require, wait_for, within
from delivery import few_deliveries
from harness import Group, asked, configuration
from origin import plain
from reloading import reload, reload_refused
from replies import echo
from stopped_thread import StoppedThread

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
PAGES = ("/", "/livez", "/readyz", "/metrics", "/connections", "/config", "/snapshots", "/memory")


def serving(bench, **options):
    origin = bench.scripted().serve(echo)
    return origin, bench.proxy(configuration(origin.address, extra=TABLE, **options))


# Pages


@alone.case("admin.pages", "every page is there, GET and HEAD, on one connection, and the index names them all")
def pages(bench):
    _, proxy = serving(bench)
    index = get(proxy, "/").body.decode()
    with AdminPeer(proxy) as peer:
        for page in PAGES:
            response = peer.get(page)
            equal(response.status, 200, f"status of {page}")
            require(response.body, f"{page} is empty")
            if page != "/":
                contains(index, page, "the index")
            head = peer.get(page, "HEAD")
            equal((head.status, head.fields.get("Content-Type")), (200, response.fields.get("Content-Type")), f"HEAD {page}")


@alone.case("admin.health", "alive and ready, and while it drains alive and not ready")
def health(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, extra=TABLE))
    equal(get(proxy, "/livez").body, b"alive\n", "livez")
    equal(get(proxy, "/readyz").body, b"ready\n", "readyz")
    client, connection = asked(bench, origin, proxy, GET)
    proxy.signal(signal.SIGTERM)
    wait_for(lambda: "draining" in proxy.told(), "the proxy drains")
    equal(get(proxy, "/readyz", 503).body, b"draining\n", "readyz while draining")
    equal(get(proxy, "/livez").status, 200, "livez while draining")
    equal(Metrics(proxy).value("sluice_draining"), 1, "sluice_draining")
    equal(get_json(proxy, "/connections")["shown"], 1, "connections while draining")
    connection.send(plain(200, b"late"))
    equal(client.response().body, b"late", "body")
    equal(proxy.wait_exit(), 0, "exit status")
    require(not (proxy.folder / SOCKET).exists(), "the socket's file is left behind")


# Metrics


@alone.case("admin.metrics.promtool", "promtool finds nothing to say")
def promtool(bench):
    _, proxy = serving(bench, shards=2)
    equal(bench.client(proxy).exchange(GET).status, 200, "status")
    metrics = Metrics(proxy)
    if shutil.which("promtool") is None:
        raise Skip("needs promtool, of the package prometheus")
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics.text, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "promtool check metrics")


def ended(metrics):
    return metrics.sum("sluice_listener_requests_total")


def metrics_after(proxy, exchanges):
    """Counted is after the last byte was sent: the client may have it a little earlier."""
    last = []

    def is_counted():
        last[:] = [Metrics(proxy)]
        return ended(last[0]) >= exchanges

    wait_for(is_counted, f"{exchanges} exchanges are counted")
    equal(ended(last[0]), exchanges, "exchanges that have ended")
    return last[0]


def counted(bench, shards):
    origin = bench.scripted().serve(echo)
    dead = bench.dead_port()
    routes = ('[[route]]\nname = "app"\npath = "/app/*"\nupstream = "app"\n'
              '[[route]]\nname = "odd"\npath = "/odd"\nupstream = "dead"\n')
    extra = f'{TABLE}\n[upstream.dead]\nendpoints = ["{dead.address}"]\n'
    proxy = bench.proxy(configuration(origin.address, shards=shards, routes=routes, extra=extra))
    zero = Metrics(proxy)
    equal(zero.value("sluice_route_requests_total", route="odd"), 0, "what nobody has asked for yet")
    received = 0
    body = b"0123456789"
    for _ in range(3):
        for path, status in (("/app/x", 200), ("/app/y", 200), ("/none", 404), ("/odd", 503)):
            request = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            client = bench.client(proxy)
            response = client.exchange(request)
            equal(response.status, status, path)
            client.close()
            received += (len(response.raw_head) + len(response.body)) if path.startswith("/app") else 0
    metrics = metrics_after(proxy, 12)
    expected = {
        ("sluice_listener_requests_total", ("listener", "main")): 12,
        ("sluice_route_requests_total", ("route", "app")): 6,
        ("sluice_route_requests_total", ("route", "odd")): 3,
        ("sluice_route_request_bytes_total", ("route", "app")): 6 * len(body),
        ("sluice_route_response_bytes_total", ("route", "app")): received,
        ("sluice_route_duration_seconds_count", ("route", "app")): 6,
        ("sluice_upstream_requests_total", ("upstream", "app")): 6,
        ("sluice_upstream_requests_total", ("upstream", "dead")): 3,
        ("sluice_upstream_connect_failures_total", ("upstream", "dead")): 3,
        ("sluice_upstream_retries_total", ("upstream", "app")): 0,
    }
    equal({key: metrics.value(key[0], **dict([key[1]])) for key in expected}, expected, "what was counted")
    equal(metrics.value("sluice_route_responses_total", route="app", **{"class": "2xx"}), 6, "2xx of the route")
    equal(metrics.value("sluice_route_responses_total", route="odd", **{"class": "5xx"}), 3, "5xx of the route")
    equal(metrics.value("sluice_listener_responses_total", listener="main", **{"class": "4xx"}), 3, "4xx of the listener")
    equal(metrics.value("sluice_exchange_reasons_total", reason="no_route"), 3, "reason no_route")
    equal(metrics.value("sluice_exchange_reasons_total", reason="upstream_refused"), 3, "reason upstream_refused")
    equal(metrics.value("sluice_upstream_failures_total", upstream="dead", reason="upstream_refused"), 3, "failures of the upstream")
    equal(metrics.value("sluice_endpoint_failures_total", upstream="dead", endpoint=dead.address), 3, "failures of the endpoint")
    equal(metrics.value("sluice_endpoint_requests_total", upstream="app", endpoint=origin.address), 6, "requests to the endpoint")
    opened, reused = (metrics.value(f"sluice_upstream_{name}_total", upstream="app") for name in ("connects", "reuses"))
    equal(opened + reused, 6, "connections that were opened or used again")
    equal(opened, len(origin.connections), "connections that the origin saw")
    equal(metrics.value("sluice_endpoint_connections", upstream="app", endpoint=origin.address), opened, "open connections")
    equal(metrics.value("sluice_endpoint_connections_idle", upstream="app", endpoint=origin.address), opened, "idle connections")
    equal(metrics.sum("sluice_shard_requests_total"), 12, "requests of all shards")
    equal(metrics.sum("sluice_shard_own_replies_total"), 6, "own replies of all shards")
    equal(len(metrics.samples["sluice_shard_requests_total"]), shards, "shards")
    wait_for(lambda: Metrics(proxy).value("sluice_listener_connections", listener="main") == 0, "no client is connected any more")
    equal(Metrics(proxy).value("sluice_listener_connections_accepted_total", listener="main"), 12, "accepted connections")


alone.table("admin.metrics.counted", [
    ("one", "what is counted is what was sent, one shard", 1),
    ("two", "and what two shards count is added up", 2),
], counted)


@alone.case("admin.metrics.process", "what is told of the process is true")
def process(bench):
    _, proxy = serving(bench)
    metrics = Metrics(proxy)
    require(abs(metrics.value("sluice_process_start_time_seconds") - time.time()) < 120, "start time")
    # The connection of the scrape is one of them.
    require(abs(metrics.value("sluice_process_open_fds") - proxy.descriptor_count() - 1) <= 1, "open descriptors")
    resident = metrics.value("sluice_process_resident_memory_bytes")
    require(0.5 < resident / proxy.resident_bytes() < 2, f"resident memory: {resident}")
    equal((metrics.value("sluice_config_generation"), metrics.value("sluice_config_snapshots")), (1, 1), "generation and snapshots")
    before = metrics.value("sluice_process_cpu_seconds_total")
    turns = metrics.sum("sluice_shard_turns_total")
    client = bench.client(proxy)
    for _ in range(50):
        client.exchange(GET)
    after = Metrics(proxy)
    require(after.value("sluice_process_cpu_seconds_total") > before, "processor time stands still")
    require(after.sum("sluice_shard_turns_total") > turns and after.sum("sluice_shard_busy_seconds_total") > 0, "turns and busy time")


@alone.case("admin.metrics.many_routes", "thousands of routes: every line is whole, also for a client that reads slowly")
def many_routes(bench):
    count = 2000
    routes = "".join(f'[[route]]\npath = "/r{number}/*"\nupstream = "app"\n' for number in range(count))
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, routes=routes, extra=TABLE))
    equal(bench.client(proxy).exchange(b"GET /r7/x HTTP/1.1\r\nHost: a\r\n\r\n").status, 200, "status")
    metrics = metrics_after(proxy, 1)
    equal(len(metrics.samples["sluice_route_requests_total"]), count, "routes")
    equal(metrics.value("sluice_route_requests_total", route="/r7/*"), 1, "requests of the route")
    with AdminPeer(proxy) as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        slow.until(b"\r\n\r\n")
        # While it has read next to nothing, others are served.
        for _ in range(20):
            equal(get(proxy, "/livez").status, 200, "livez")


# Connections and snapshots


def row_of(answer, phase):
    rows = [row for row in answer["connections"] if row["phase"] == phase]
    equal(len(rows), 1, f"connections in phase {phase} of {answer}")
    return rows[0]


@alone.case("admin.connections", "each connection with its phase, its age and what it has to do with")
def connections(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, route='name = "all"', extra=TABLE))
    idle = bench.client(proxy)
    idle.send(GET)
    first = origin.accept()
    first.request()
    first.send(plain(200, b"done"))
    response = idle.response()
    heads, waiting, uploading = bench.client(proxy), bench.client(proxy), bench.client(proxy)
    heads.send(b"GET /slow HTTP/1.1\r\n")
    waiting.send(GET)
    # The connection that was kept is taken, or a new one is made: the origin sees a request on either.
    first.request()
    uploading.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
    second = origin.accept()
    second.head()
    second.exactly(4)
    wait_for(lambda: len({row["phase"] for row in get_json(proxy, "/connections")["connections"]}) == 3, "three phases")
    answer = get_json(proxy, "/connections")
    equal((answer["shown"], answer["truncated"]), (4, False), "shown and truncated")
    equal(answer["shards"], [{"shard": 0, "connections": 4, "answered": True}], "shards")
    equal(len({row["id"] for row in answer["connections"]}), 4, "different ids")
    ages = [row["age"] for row in answer["connections"]]
    equal(ages, sorted(ages, reverse=True), "oldest first")
    for row in answer["connections"]:
        equal((row["listener"], row["client"], row["shard"]), ("main", "127.0.0.1", 0), "listener, client and shard")
        require(0 <= row["age"] < 60, f"age: {row}")
    row = row_of(answer, "idle")
    require("exchange" not in row, f"an exchange between two requests: {row}")
    equal((row["requests"], row["bytes_sent"]), (1, len(response.raw_head) + len(response.body)), "requests and bytes of the idle one")
    row = row_of(answer, "receiving request head")
    equal((row["requests"], row["exchange"].get("route")), (1, None), "no route before the head is whole")
    rows = [row for row in answer["connections"] if row["phase"] == "awaiting response head"]
    equal(sorted(row["exchange"]["uploading"] for row in rows), [False, True], "uploads")
    for row in rows:
        exchange = row["exchange"]
        equal((exchange["route"], exchange["upstream"], exchange["endpoint"]), ("all", "app", origin.address), "where it goes")
        equal(exchange["request_bytes"], 4 if exchange["uploading"] else 0, "bytes of the request body")
        require(exchange["age"] <= row["age"], f"the exchange is older than its connection: {row}")
    first.send(plain(200, b"late"))
    waiting.response()
    told = {entry["request_id"] for entry in proxy.log_entries(2)}
    require({row["exchange"]["request_id"] for row in rows if not row["exchange"]["uploading"]} <= told, "the log has other ids")


def limited(bench, limit, shown):
    _, proxy = serving(bench, shards=2)
    clients = [bench.client(proxy) for _ in range(5)]
    for client in clients:
        equal(client.exchange(GET).status, 200, "status")
    answer = get_json(proxy, f"/connections?limit={limit}")
    equal((answer["shown"], len(answer["connections"]), answer["truncated"]), (shown, shown, shown < 5), "shown and truncated")
    equal(sum(shard["connections"] for shard in answer["shards"]), 5, "connections in all")


alone.table("admin.connections.limit", [
    ("none", "none of them", 0, 0),
    ("some", "the oldest three", 3, 3),
    ("all", "as many as there are", 5, 5),
    ("most", "as many as may be asked for", 10000, 5),
], limited)


def refused_query(bench, target):
    _, proxy = serving(bench)
    with AdminPeer(proxy) as peer:
        equal(peer.get(target).status, 400, f"status of {target}")
        equal(peer.get("/livez").status, 200, "the connection goes on")


alone.table("admin.query", [
    ("limit_high", "a limit that is too high", "/connections?limit=10001"),
    ("limit_word", "a limit that is no number", "/connections?limit=all"),
    ("limit_empty", "a limit without a number", "/connections?limit="),
    ("limit_negative", "a negative limit", "/connections?limit=-1"),
    ("unknown", "a key that is unknown", "/connections?limits=1"),
    ("two", "two keys", "/connections?limit=1&limit=2"),
    ("none_wanted", "a page that takes none", "/metrics?x=1"),
], refused_query)


@alone.case("admin.connections.stuck", "a shard that does not answer is told as such, and holds up neither the answer nor other pages")
def stuck(bench):
    _, proxy = serving(bench, shards=2)
    clients = [bench.client(proxy) for _ in range(8)]
    for client in clients:
        equal(client.exchange(GET).status, 200, "status")
    stopped = StoppedThread(proxy, "sluice-1")
    try:
        with AdminPeer(proxy) as waiting, AdminPeer(proxy) as other:
            began = time.monotonic()
            waiting.send(b"GET /connections HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in range(10):
                equal(other.get("/livez").status, 200, "livez meanwhile")
            answer = json.loads(waiting.response().body)
            require(time.monotonic() - began < 2 * PATIENCE_S, "the answer waited for the shard")
            equal([shard["answered"] for shard in answer["shards"]], [True, False], "who answered")
            equal((answer["truncated"], answer["shown"]), (True, answer["shards"][0]["connections"]), "shown")
            # It is not asked again before it has answered: nothing piles up, and nobody waits for it a second time.
            for _ in range(20):
                equal([shard["answered"] for shard in json.loads(other.get("/connections").body)["shards"]], [True, False], "who answered")
            for page in ("/snapshots", "/memory"):
                equal([shard["answered"] for shard in json.loads(other.get(page).body)["shards"]], [True, False], f"who answered {page}")
    finally:
        stopped.go_on()
    answered = lambda: [shard["answered"] for shard in get_json(proxy, "/connections")["shards"]]
    wait_for(lambda: answered() == [True, True], "both answer again")
    equal(get_json(proxy, "/connections")["shown"], 8, "connections")


@alone.case("admin.snapshots", "one snapshot, and the exchanges that use it")
def snapshots(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, shards=2, extra=TABLE))
    answer = get_json(proxy, "/snapshots")
    equal(answer["current"], 1, "current")
    equal([entry["generation"] for entry in answer["snapshots"]], [1], "generations")
    equal([(shard["shard"], shard["snapshots"], shard["answered"]) for shard in answer["shards"]], [(0, 1, True), (1, 1, True)], "shards")
    client, connection = asked(bench, origin, proxy, GET)
    held = get_json(proxy, "/snapshots")["snapshots"][0]["shards"]
    equal(sum(shard["exchanges"] for shard in held), 1, "exchanges")
    connection.send(plain(200, b"x"))
    client.response()


@alone.case("admin.metrics.routes_alike", "routes without a name that differ in conditions alone have counts, log lines and variables of their own")
def routes_alike(bench):
    origin = bench.scripted().serve(echo)
    conditions = {"/x": 'methods = ["POST"]', "/x #2": 'headers = [{ name = "x-canary", value = "1" }]', "/x #3": 'query = ["debug"]', "/x #4": ""}
    routes = "".join(f'[[route]]\npath = "/x"\nupstream = "app"\nresponse_headers = {{ set = {{ "X-Route" = "{{route}}" }} }}\n{text}\n' for text in conditions.values())
    proxy = bench.proxy(configuration(origin.address, routes=routes, extra=TABLE))
    requests = {
        "/x": b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "/x #2": b"GET /x HTTP/1.1\r\nHost: a\r\nX-Canary: 1\r\n\r\n",
        "/x #3": b"GET /x?debug HTTP/1.1\r\nHost: a\r\n\r\n",
        "/x #4": GET,
    }
    counts = {name: number + 1 for number, name in enumerate(requests)}
    client = bench.client(proxy)
    for name, request in requests.items():
        for _ in range(counts[name]):
            equal(client.exchange(request, request.split()[0].decode()).fields.get("X-Route"), name, "X-Route")
    entries = proxy.log_entries(sum(counts.values()))
    equal(Counter(entry["route"] for entry in entries), counts, "routes in the log")
    metrics = Metrics(proxy)
    equal({name: metrics.value("sluice_route_requests_total", route=name) for name in counts}, counts, "counts")
    equal(metrics.sum("sluice_route_requests_total"), sum(counts.values()), "all")


POOLS = ("receive_buffers", "head_buffers", "send_buffers", "pipes")


def uses_of(proxy):
    """What is in use of the one shard's pools, and of its frames; what holds for all of them is looked at."""
    answer = get_json(proxy, "/memory")
    require(answer["resident_bytes"] > 1 << 20, f"resident bytes: {answer}")
    [shard] = answer["shards"]
    equal((shard["shard"], shard["answered"]), (0, True), "shard")
    for name in POOLS:
        pool = shard[name]
        require(0 <= pool["in_use"] <= pool["made"] <= pool["max"], f"{name}: {pool}")
        equal("bytes" in pool, pool["made"] > 0 and name != "pipes", f"{name} have a size")
        require(pool.get("bytes", 0) >= 4096 * pool["made"] or name == "pipes", f"{name}: {pool}")
    require(shard["frames"]["bytes"] >= 64 * shard["frames"]["in_use"] and shard["heap_allocations"] > 0, f"frames and heap: {shard}")
    return {name: shard[name]["in_use"] for name in (*POOLS, "frames")}, {name: shard[name]["made"] for name in POOLS}


@alone.case("admin.memory", "what each exchange needs is counted while it needs it, and kept for the next")
def memory(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, extra=TABLE + '[shard_defaults]\npipes = 3\nreceive_buffers = 128\nmessage_buffers = 200\n'))
    rest, _ = uses_of(proxy)
    equal([rest[name] for name in POOLS], [0, 0, 0, 0], "in use at rest")
    [shard] = get_json(proxy, "/memory")["shards"]
    equal([shard[name]["max"] for name in POOLS], [128, 200, 200, 3], "bounds")
    partial = bench.client(proxy)
    partial.send(b"GET /partial HTTP/1.1\r\nHo")
    wait_for(lambda: uses_of(proxy)[0]["head_buffers"] == 1, "a head that is not whole has a buffer")
    client, connection = asked(bench, origin, proxy, GET, receive_buffer=4096)
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n")
    connection.send_until_full(most=4_000_000)
    wait_for(lambda: uses_of(proxy)[0]["pipes"] == 1, "a long body has a pipe")
    busy, _ = uses_of(proxy)
    require(busy["frames"] > rest["frames"] == 0, f"frames: {busy}, {rest} at rest")
    client.close()
    partial.close()
    wait_for(lambda: uses_of(proxy)[0] == rest, "nothing is in use")
    _, made = uses_of(proxy)
    require(made["head_buffers"] >= 1 and made["receive_buffers"] >= 1, f"what was made is kept: {made}")


@alone.case("admin.config", "the configuration in use, as a file that gives the same configuration")
def config(bench):
    origin, proxy = serving(bench, route='name = "all"', timeouts='head = "7s"')
    response = get(proxy, "/config")
    equal(response.fields.get("Content-Type"), "application/toml; charset=utf-8", "type")
    shown = tomllib.loads(response.body.decode())
    equal((shown["timeouts"]["head"], shown["timeouts"]["drain"]), ("7s", "30s"), "what was written, and what was left out")
    equal(shown["route"][0]["name"], "all", "name of the route")
    equal(shown["admin"], {"socket": SOCKET, "mode": "0600"}, "admin")
    contains(str(shown["upstream"]["app"]["endpoints"]), origin.address, "endpoints")
    file = proxy.folder / "again.toml"
    file.write_bytes(response.body)
    status, out, err = bench.run("-t", "-c", str(file), cwd=str(proxy.folder))
    equal(status, 0, f"exit status of -t; it said {out}{err}")


# Clients that are no good


def nonsense(bench, data, status, ends):
    _, proxy = serving(bench)
    for way in few_deliveries(data):
        with within(way.name), AdminPeer(proxy) as peer:
            peer.send_pieces(way.pieces(data))
            response = peer.response()
            equal(response.status, status, "status")
            if ends:
                equal(response.fields.get("Connection"), "close", "Connection")
                equal(peer.rest(), b"", "what follows")
    equal(get(proxy, "/livez").status, 200, "livez afterwards")


alone.table("admin.refused", [
    ("post", "POST", b"POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, False),
    ("delete", "DELETE", b"DELETE /connections HTTP/1.1\r\nHost: a\r\n\r\n", 405, False),
    ("post_body", "POST with a body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n", 405, True),
    ("get_body", "GET with a body", b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400, True),
    ("garbage", "no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, True),
    ("no_host", "no Host", b"GET / HTTP/1.1\r\n\r\n", 400, True),
    ("version", "an unknown version", b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, True),
    ("long_head", "a head without end", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000, 431, True),
    ("long_target", "a target without end", b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, True),
    ("nowhere", "a page that is not there", b"GET /metric HTTP/1.1\r\nHost: a\r\n\r\n", 404, False),
    ("path", "no page has another spelling", b"GET /x/../metrics HTTP/1.1\r\nHost: a\r\n\r\n", 404, False),
], nonsense)


@alone.case("admin.http_1_0", "a client of HTTP/1.0 reads until the end")
def http_1_0(bench):
    _, proxy = serving(bench)
    with AdminPeer(proxy) as peer:
        peer.send(b"GET /metrics HTTP/1.0\r\n\r\n")
        response = peer.response(version="HTTP/1.0")
        equal(response.status, 200, "status")
        require(response.body.endswith(b"\n") and b"sluice_build_info" in response.body, "the metrics are whole")


@alone.case("admin.pipelined", "requests that come together are answered in order; one byte at a time is a request, too")
def pipelined(bench):
    _, proxy = serving(bench)
    with AdminPeer(proxy) as peer:
        peer.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        equal([len(peer.response().body) > 100 for _ in range(3)], [False, True, False], "answers")
        for byte in b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n":
            peer.send(bytes([byte]))
        equal(peer.response().body, b"alive\n", "body")


@alone.case("admin.crowd", "too many clients: idle ones make room, busy ones are not thrown out, and the proxy neither stalls nor spins")
def crowd(bench):
    _, proxy = serving(bench)
    idle = [AdminPeer(proxy) for _ in range(60)]
    equal(get(proxy, "/livez").status, 200, "one more than there is room for")
    for peer in idle:
        peer.close()
    # With half a head each is busy, until its time is up.
    busy = [AdminPeer(proxy) for _ in range(32)]
    for peer in busy:
        peer.send(b"GET /livez HTTP/1.1\r\n")
        wait_for(lambda: peer.unread() == 0, "half a head has been read")
    with AdminPeer(proxy) as peer:
        wait_for(lambda: _is_turned_away(proxy), "somebody is turned away")
        equal(peer.rest()[:12] if peer.receive() else b"HTTP/1.1 503", b"HTTP/1.1 503", "answer to one too many")
    equal(bench.client(proxy).exchange(GET).status, 200, "the proxy itself serves on")
    before = proxy.cpu_seconds()
    for peer in busy[:16]:
        peer.send(b"Host: a\r\n\r\n")
        equal(peer.response().status, 200, "a busy one is answered")
    for peer in busy[16:]:
        equal(peer.response().status, 408, "a head that never ends")
        equal(peer.rest(), b"", "what follows")
    require(proxy.cpu_seconds() - before < 3, "waiting for slow heads costs processor time")
    for peer in busy:
        peer.close()
    equal(get(proxy, "/livez").status, 200, "livez afterwards")


def _is_turned_away(proxy):
    with AdminPeer(proxy) as peer:
        # One that is not turned away is told nothing.
        return bool(select.select([peer.socket], [], [], 0.2)[0]) and peer.receive() and peer.pending.startswith(b"HTTP/1.1 503")


@alone.case("admin.signals", "signals are heard while clients of the admin socket stall")
def signals(bench):
    routes = "".join(f'[[route]]\npath = "/r{number}/*"\nupstream = "app"\n' for number in range(2000))
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, routes=routes, extra=TABLE))
    stalled = [AdminPeer(proxy) for _ in range(20)]
    for peer in stalled:
        peer.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(), 0, "exit status")
    for peer in stalled:
        peer.close()


@alone.case("admin.leaving", "clients that leave in the middle of anything leave nothing behind")
def leaving(bench):
    _, proxy = serving(bench)
    get(proxy, "/metrics")
    before = proxy.descriptor_count()
    for data in (b"", b"GET", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /connections HTTP/1.1\r\nHost: a\r\n\r\n" * 3):
        for _ in range(20):
            with AdminPeer(proxy) as peer:
                peer.send(data)
    wait_for(lambda: proxy.descriptor_count() <= before, "their descriptors are closed")
    proxy.wait_at_rest()


@alone.case("admin.no_descriptors", "while there are no descriptors the control thread rests, and then goes on")
def no_descriptors(bench):
    _, proxy = serving(bench)
    _, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (proxy.descriptor_count() + 1, hard))
    peers = [AdminPeer(proxy) for _ in range(8)]
    proxy.wait_at_rest()
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    for peer in peers:
        equal(peer.get("/livez").status, 200, "answer to one that had to wait")
        peer.close()


@alone.case("admin.parallel", "many clients at once get whole pages while requests are served")
def parallel(bench):
    _, proxy = serving(bench, shards=2)
    problems = []

    def run():
        try:
            with AdminPeer(proxy) as peer:
                for _ in range(10):
                    for page in PAGES:
                        response = peer.get(page)
                        # Four inquiries at once are enough.
                        require(response.status in (200, 503), f"{page}: {response.status}")
        except Exception as error:  # pylint: disable=broad-except
            problems.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    client = bench.client(proxy)
    while any(thread.is_alive() for thread in threads):
        equal(client.exchange(GET).status, 200, "status")
    for thread in threads:
        thread.join()
    require(not problems, f"a client failed: {problems[:1]}")


# The file


@alone.case("admin.file.mode", "the file has the mode that was asked for, whatever the mask")
def mode(bench):
    origin = bench.scripted().serve(echo)
    for text, expected in (("", 0o600), ('mode = "0660"\n', 0o660), ('mode = "666"\n', 0o666)):
        proxy = bench.proxy(configuration(origin.address, extra=TABLE + text), wrapper=("sh", "-c", 'umask 077; exec "$@"', "sh"))
        found = os.lstat(proxy.folder / SOCKET)
        require(stat.S_ISSOCK(found.st_mode), "it is no socket")
        equal(stat.S_IMODE(found.st_mode), expected, "mode")


@alone.case("admin.file.stale", "the file of a process that was killed is replaced, and the next one serves")
def stale(bench):
    origin = bench.scripted().serve(echo)
    dead = bench.proxy(configuration(origin.address, extra=TABLE))
    path = dead.folder.parent / f"{dead.folder.name}.sock"
    try:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        proxy = bench.proxy(configuration(origin.address, extra=f'[admin]\nsocket = "{path}"\n'))
        (proxy.folder / SOCKET).symlink_to(path)
        equal(get(proxy, "/livez").status, 200, "livez")
        equal(proxy.end_and_count()["requests"], 0, "requests")
        require(not path.exists(), "the file is left behind")
    finally:
        path.unlink(missing_ok=True)


def refused_start(bench, prepare, why):
    """prepare(folder): what is where the socket should be; it has to be there afterwards, untouched."""
    origin = bench.scripted()
    holder = bench.proxy(configuration(origin.address, extra=TABLE))
    path = holder.folder / "wanted"
    kept = prepare(path)
    before = os.lstat(path)
    text = configuration(origin.address, extra=f'[admin]\nsocket = "{path}"\n')
    proxy = bench.proxy(text, wait=False)
    equal(proxy.wait_exit(), 1, "exit status")
    contains(proxy.told(), f"cannot open the admin socket {path}: {why}", "what it says")
    after = os.lstat(path)
    equal((after.st_ino, after.st_mode), (before.st_ino, before.st_mode), "what is there")
    if kept is not None:
        kept.close()


def listening(path):
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(path))
    other.listen()
    return other


def dangling(path):
    path.symlink_to(path.parent / "nowhere")


def link_to_socket(path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path.parent / "left"))
    path.symlink_to(path.parent / "left")


alone.table("admin.file.refused", [
    ("alive", "another process answers there", listening, "another process answers there"),
    ("file", "a file", lambda path: path.write_text("precious") and None, "something that is no socket stands there"),
    ("folder", "a folder", lambda path: path.mkdir(), "something that is no socket stands there"),
    ("dangling", "a symbolic link to nowhere", dangling, "a symbolic link stands there; name the file itself"),
    ("link", "a symbolic link to a socket", link_to_socket, "a symbolic link stands there; name the file itself"),
], refused_start)


@alone.case("admin.file.no_folder", "a folder that is not there")
def no_folder(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, extra='[admin]\nsocket = "none/admin.sock"\n'), wait=False)
    equal(proxy.wait_exit(), 1, "exit status")
    why = "cannot open the admin socket none/admin.sock: its folder cannot be opened: No such file"
    contains(proxy.told(), why, "what it says")
    status, _, told = bench.run("-t", "-c", str(proxy.file), cwd=proxy.folder)
    equal(status, 1, "exit status of -t")
    contains(told, why, "what -t says")


@alone.case("admin.file.check", "-t finds a file that is in the way, and does not mind the socket of the one that runs")
def check(bench):
    _, proxy = serving(bench)
    _, _, told = bench.run("-t", "-c", str(proxy.file), cwd=proxy.folder)
    require("admin" not in told, f"it minds its own socket: {told}")
    file = proxy.folder / "wrong.toml"
    (proxy.folder / "precious").write_text("x")
    file.write_text(proxy.file.read_text().replace(SOCKET, "precious"))
    status, _, told = bench.run("-t", "-c", str(file), cwd=proxy.folder)
    equal(status, 1, "exit status of -t")
    line = next(number for number, line in enumerate(file.read_text().splitlines(), 1) if line.startswith("socket"))
    contains(told, f"{file}:{line}:10: cannot open the admin socket precious: something that is no socket stands there", "what -t says")


@alone.case("admin.file.race", "of many that start at once on a stale file, exactly one serves")
def race(bench):
    origin = bench.scripted().serve(echo)
    folder = bench.proxy(configuration(origin.address)).folder
    path = folder / "race.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    text = configuration(origin.address, extra=f'[admin]\nsocket = "{path}"\n')
    proxies = [bench.proxy(text, wait=False) for _ in range(4)]
    wait_for(lambda: sum(not proxy.is_running() or "sluice: serving" in proxy.told() for proxy in proxies) == 4, "all have decided")
    running = [proxy for proxy in proxies if proxy.is_running()]
    equal(len(running), 1, "proxies that serve")
    for proxy in proxies:
        if proxy not in running:
            equal(proxy.wait_exit(), 1, "exit status")
    (running[0].folder / SOCKET).symlink_to(path)
    equal(get(running[0], "/livez").status, 200, "livez")


@alone.case("admin.off", "without [admin] there is no socket")
def off(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address))
    equal(bench.client(proxy).exchange(GET).status, 200, "status")
    require(not any(stat.S_ISSOCK(path.lstat().st_mode) for path in proxy.folder.iterdir()), "a socket in the folder")


# Reloads


def named(*names):
    return "".join(f'[[route]]\nname = "{name}"\npath = "/{name}"\nupstream = "app"\n' for name in names)


@alone.case("admin.reload.metrics", "names keep their counts through a reload, those that go take theirs along, and one that comes begins at zero")
def reload_metrics(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, shards=2, routes=named("kept", "gone"), extra=TABLE))
    client = bench.client(proxy)
    for name in ("kept", "gone", "gone"):
        client.exchange(f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    before = metrics_after(proxy, 3)
    reload(proxy, configuration(origin.address, shards=2, routes=named("kept", "new"), extra=TABLE))
    client.exchange(b"GET /new HTTP/1.1\r\nHost: a\r\n\r\n")
    after = metrics_after(proxy, 4)
    requests = {name: after.samples["sluice_route_requests_total"].get(frozenset({("route", name)})) for name in ("kept", "gone", "new")}
    equal(requests, {"kept": 1, "gone": None, "new": 1}, "requests of the routes")
    # A name that comes back is somebody else, also where it gets the place of the one that has gone.
    reload(proxy, configuration(origin.address, shards=2, routes=named("gone", "other"), extra=TABLE))
    again = Metrics(proxy)
    equal([again.value("sluice_route_requests_total", route=name) for name in ("gone", "other")], [0, 0], "requests of those that came")
    equal(again.value("sluice_upstream_requests_total", upstream="app"), 4, "requests to the upstream, which stayed")
    opened = sum(metrics.value("sluice_endpoint_connections", upstream="app", endpoint=origin.address) for metrics in (before,))
    require(again.value("sluice_endpoint_connections", upstream="app", endpoint=origin.address) >= opened, "open connections, which stayed")
    equal(again.value("sluice_config_generation"), 3, "generation")
    equal(again.value("sluice_config_reloads_total", result="taken"), 2, "reloads that were taken")
    wait_for(lambda: Metrics(proxy).value("sluice_config_snapshots") == 1, "one configuration is in memory")


@alone.case("admin.reload.refused", "a file that is refused shows, and changes nothing that is counted")
def reload_refused_shows(bench):
    origin = bench.scripted().serve(echo)
    text = configuration(origin.address, routes=named("kept"), extra=TABLE)
    proxy = bench.proxy(text)
    equal(bench.client(proxy).exchange(b"GET /kept HTTP/1.1\r\nHost: a\r\n\r\n").status, 200, "status")
    metrics_after(proxy, 1)
    equal(Metrics(proxy).value("sluice_config_last_reload_successful"), 1, "before any reload")
    reload_refused(proxy, text.replace('name = "kept"', 'nam = "kept"'))
    metrics = Metrics(proxy)
    equal(metrics.value("sluice_config_last_reload_successful"), 0, "after the refused one")
    equal(metrics.value("sluice_config_reloads_total", result="refused"), 1, "reloads that were refused")
    equal(metrics.value("sluice_config_generation"), 1, "generation")
    equal(metrics.value("sluice_route_requests_total", route="kept"), 1, "requests of the route")
    reload(proxy, text)
    equal(Metrics(proxy).value("sluice_config_last_reload_successful"), 1, "after a good one")


@alone.case("admin.reload.late", "an exchange that outlives its route does not count for the route that got its place")
def reload_late(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, routes=named("old"), extra=TABLE))
    client, connection = asked(bench, origin, proxy, b"GET /old HTTP/1.1\r\nHost: a\r\n\r\n")
    for name in ("first", "second", "third"):
        reload(proxy, configuration(origin.address, routes=named(name), extra=TABLE))
        other = bench.client(proxy)
        other.send(f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        served = origin.accept()
        served.request()
        served.send(plain(200, b"new", fields=b"Connection: close\r\n"))
        other.response()
    connection.send(plain(200, b"late"))
    equal(client.response().body, b"late", "body")
    metrics = metrics_after(proxy, 4)
    equal(metrics.sum("sluice_route_requests_total"), 1, "requests of the only route")
    equal(metrics.sum("sluice_route_responses_total"), 1, "its responses")


@alone.case("admin.reload.snapshots", "an exchange that outlives its snapshot is no longer among those that use one")
def reload_snapshots(bench):
    origin = bench.scripted()
    text = configuration(origin.address, routes=named("x"), extra=TABLE)
    proxy = bench.proxy(text)
    client, connection = asked(bench, origin, proxy, GET)
    reload(proxy, text)
    answer = get_json(proxy, "/snapshots")
    equal(answer["current"], 2, "current")
    equal({entry["generation"]: [holder["exchanges"] for holder in entry["shards"]] for entry in answer["snapshots"]}, {2: [0]}, "snapshots")
    equal(Metrics(proxy).value("sluice_config_snapshots"), 1, "in memory")
    connection.send(plain(200, b"x"))
    client.response()


@alone.case("admin.reload.config", "what is shown is the configuration in use")
def reload_config(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, timeouts='head = "7s"', extra=TABLE))
    reload(proxy, configuration(origin.address, timeouts='head = "8s"', extra=TABLE))
    equal(tomllib.loads(get(proxy, "/config").body.decode())["timeouts"]["head"], "8s", "what is shown")


@alone.case("admin.reload.socket", "another socket takes a restart, and the file is refused")
def reload_socket(bench):
    origin = bench.scripted()
    text = configuration(origin.address, extra=TABLE)
    proxy = bench.proxy(text)
    contains(reload_refused(proxy, text.replace(SOCKET, "other.sock")), "`admin.socket` has changed, and that needs a restart", "what it says")
    equal(get(proxy, "/livez").status, 200, "livez")
