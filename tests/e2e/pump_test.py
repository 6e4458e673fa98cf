"""Bodies of every size in both directions: every byte arrives, memory stays bounded, and nobody waits for a slow one."""

import json
import re
import socket
import threading
import time
import zlib

import admin
import wire
from check import PATIENCE_S, equal, require, wait_for, within
from harness import Group, configuration, pair
from origin import plain
from peer import Client
from replies import expect_forwarded, log_entry

KIB, MIB = 1024, 1024 * 1024
COPY = "[shard_defaults]\npipes = 0\n"
SPLICE = "[shard_defaults]\nsplice_threshold = 0\n"
SMALL_PIPES = '[shard_defaults]\nsplice_threshold = 0\npipe_size = "64KiB"\npipes = 2\n'


class World:
    def __init__(self, bench, extra=""):
        self.bench = bench
        self.origin = bench.test_origin()
        self.proxy = bench.proxy(configuration(self.origin.address, extra=extra, timeouts='idle = "30s"'))

    def client(self, **options):
        return self.bench.client(self.proxy, **options)


def pump_default(bench):
    return World(bench)


def pump_copy(bench):
    return World(bench, COPY)


def pump_splice(bench):
    return World(bench, SPLICE)


def pump_small_pipes(bench):
    return World(bench, SMALL_PIPES)


def get(target):
    return b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def check_body(response, size):
    equal(len(response.body), size, "bytes of the body")
    checksum = re.search("crc32=([0-9a-fA-F]{8})", response.fields.get("X-Checksum") or "")
    require(checksum, f"X-Checksum: {response.fields}")
    equal(zlib.crc32(response.body), int(checksum[1], 16), "checksum of the body")


def pattern(size, seed=0):
    """Bytes whose displacement by any power of two shows; none of them looks like framing for long."""
    block = bytes((i * 131 + i // 251 + seed) % 251 for i in range(65521))
    return (block * (size // len(block) + 1))[:size]


def download(world, target, size, count=1):
    client = world.client()
    for _ in range(count):
        response = client.exchange(get(target))
        expect_forwarded(response)
        check_body(response, size)


def upload(world, size, chunk=0):
    """chunk: bytes in a chunk; 0: with a length."""
    body = pattern(size)
    client = world.client()
    if chunk:
        sent = wire.chunked(*(body[i : i + chunk] for i in range(0, size, chunk)))
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)
    else:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + body)
    check_upload(client.response("POST"), body)


def check_upload(response, body):
    expect_forwarded(response)
    told = json.loads(response.body)
    equal(told["bytes"], len(body), "bytes that reached the origin")
    equal(int(told["checksum"].removeprefix("crc32="), 16), zlib.crc32(body), "checksum at the origin")


def echo(world, size, chunk):
    """The body goes up and comes back at the same time."""
    body = pattern(size)
    client = world.client()
    if chunk:
        sent = b"Transfer-Encoding: chunked\r\n\r\n" + wire.chunked(*(body[i : i + chunk] for i in range(0, size, chunk)))
    else:
        sent = b"Content-Length: %d\r\n\r\n" % size + body
    sender = threading.Thread(target=client.send, args=(b"POST /echo HTTP/1.1\r\nHost: a\r\n" + sent,))
    sender.start()
    try:
        response = client.response("POST")
    finally:
        sender.join()
    expect_forwarded(response)
    require(response.body == body, f"{len(response.body)} bytes came back, not the {size} that were sent")


DOWNLOADS = [
    ("empty", "nothing", "/size/0", 0, 3),
    ("byte", "one byte", "/size/1", 1, 3),
    ("16k", "16 KiB", "/size/16384", 16 * KIB, 3),
    ("64k_less", "a byte less than 64 KiB", "/size/65535", 64 * KIB - 1, 3),
    ("64k", "64 KiB", "/size/65536", 64 * KIB, 3),
    ("64k_more", "a byte more than 64 KiB", "/size/65537", 64 * KIB + 1, 3),
    ("1m", "1 MiB", "/size/1M", MIB, 3),
    ("20m", "20 MiB", "/size/20M", 20 * MIB),
    ("chunked_64k", "64 KiB, chunked", "/size/64K?chunked=1000", 64 * KIB, 3),
    ("chunked_1m", "1 MiB in chunks of 100,000", "/size/1M?chunked=100000", MIB, 2),
    ("chunked_tiny", "64 KiB in chunks of 7 bytes", "/size/64K?chunked=7", 64 * KIB),
    ("chunked_huge", "8 MiB in one chunk", "/size/8M?chunked=8M", 8 * MIB),
    ("chunked_20m", "20 MiB in chunks of 64 KiB", "/size/20M?chunked=64K", 20 * MIB),
    ("close_64k", "64 KiB that the connection ends", "/size/64K?close=1", 64 * KIB, 2),
    ("close_8m", "8 MiB that the connection ends", "/size/8M?close=1", 8 * MIB),
    ("drip", "byte by byte", "/drip?bytes=50&interval_ms=1", 50),
    ("slow_head", "a head byte by byte", "/slow-head?ms=1", 2),
]
UPLOADS = [
    ("empty", "nothing", 0),
    ("16k", "16 KiB", 16 * KIB),
    ("64k", "64 KiB", 64 * KIB),
    ("64k_more", "a byte more than 64 KiB", 64 * KIB + 1),
    ("1m", "1 MiB", MIB),
    ("20m", "20 MiB", 20 * MIB),
    ("chunked_64k", "64 KiB, chunked", 64 * KIB, 1000),
    ("chunked_tiny", "16 KiB in chunks of 3 bytes", 16 * KIB, 3),
    ("chunked_huge", "8 MiB in one chunk", 8 * MIB, 8 * MIB),
    ("chunked_20m", "20 MiB in chunks of 50,000", 20 * MIB, 50000),
]
ECHOES = [
    ("64k", "64 KiB", 64 * KIB, 0),
    ("8m", "8 MiB", 8 * MIB, 0),
    ("chunked_8m", "8 MiB, chunked", 8 * MIB, 30000),
]

for setup, kind in ((pump_default, "default"), (pump_copy, "copy"), (pump_splice, "splice"), (pump_small_pipes, "small_pipes")):
    group = Group(setup)
    group.table(f"pump.{kind}.download", DOWNLOADS, download)
    group.table(f"pump.{kind}.upload", UPLOADS, upload)
    group.table(f"pump.{kind}.echo", ECHOES, echo)


# What the memory and the others feel of it

alone = Group()
# Kernel buffers are not the proxy's memory; what the sanitizers keep aside is.
GROWTH_MAX = 24 * MIB


def stalled_download(bench, extra, target):
    """A client that reads nothing of 64 MiB, and then everything: the proxy holds little of it meanwhile."""
    world = World(bench, extra)
    download(world, "/size/1M", MIB)
    before = world.proxy.resident_bytes()
    client = world.client(receive_buffer=256 * KIB)
    client.send(get(target))
    client.until(b"HTTP/1.1 200 OK\r\n")
    world.proxy.wait_at_rest()
    grown = world.proxy.resident_bytes() - before
    require(grown < GROWTH_MAX, f"the proxy holds {grown // KIB} KiB more for a client that does not read")
    client.pending[:0] = b"HTTP/1.1 200 OK\r\n"
    response = client.response()
    check_body(response, 64 * MIB)
    grown = world.proxy.resident_bytes() - before
    require(grown < GROWTH_MAX, f"the proxy holds {grown // KIB} KiB more after 64 MiB")


alone.table("pump.slow_reader", [
    ("default", "as configured by default", "", "/size/64M"),
    ("copy", "copied", COPY, "/size/64M"),
    ("chunked", "chunked", "", "/size/64M?chunked=100000"),
    ("until_close", "a body that the connection ends", "", "/size/64M?close=1"),
], stalled_download)


def stalled_upload(bench, extra):
    """The origin reads nothing until the client can send no more, and then everything: the proxy holds little of it meanwhile."""
    origin, proxy = pair(bench, extra=extra, timeouts='idle = "60s"')
    client = bench.client(proxy)
    client.send(wire.post("/small", pattern(MIB)))
    connection = origin.accept()
    equal(len(connection.request().body), MIB, "bytes that reached the origin")
    connection.send(plain())
    client.response("POST")
    before = proxy.resident_bytes()
    body = pattern(64 * MIB)
    client.send(wire.post_head("/big", len(body)))
    request = connection.head()
    sent = client.send_until_full(body, len(body))
    require(sent < len(body), "the proxy took all of an upload that the origin does not read")
    proxy.wait_at_rest()
    grown = proxy.resident_bytes() - before
    require(grown < GROWTH_MAX, f"the proxy holds {grown // KIB} KiB of an upload that the origin does not read")
    sender = threading.Thread(target=client.send, args=(memoryview(body)[sent:],))
    sender.start()
    require(connection.body_of(request).body == body, "other bytes have reached the origin")
    sender.join()
    connection.send(plain(body=b"taken"))
    equal(client.response("POST").body, b"taken", "body of the response")
    grown = proxy.resident_bytes() - before
    require(grown < GROWTH_MAX, f"the proxy holds {grown // KIB} KiB more after 64 MiB")


alone.table("pump.fast_uploader", [
    ("default", "as configured by default", ""),
    ("copy", "copied", COPY),
], stalled_upload)


@alone.case("pump.beside", "a thousand quick small clients beside slow readers and an uploader that does not pause")
def beside(bench):
    world = World(bench)
    slow = [world.client(receive_buffer=256 * KIB) for _ in range(4)]
    for client in slow:
        client.send(get("/size/16M"))
        client.until(b"HTTP/1.1 200 OK\r\n")
    body = pattern(24 * MIB)
    uploader = world.client()
    sender = threading.Thread(target=uploader.send, args=(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body,))
    sender.start()
    clients = [Client(world.proxy.address) for _ in range(1000)]
    try:
        for number in range(2):
            for client in clients:
                client.send(get(f"/size/{100 + number}"))
            for client in clients:
                check_body(client.response(), 100 + number)
        entry = log_entry(world.proxy, "/size/100")
        require(entry["total"] < 5, f"a small client waited: {entry}")
    finally:
        for client in clients:
            client.close()
        sender.join()
    check_upload(uploader.response("POST"), body)
    for client in slow:
        client.pending[:0] = b"HTTP/1.1 200 OK\r\n"
        check_body(client.response(), 16 * MIB)
    bench.close_clients()
    counters = world.proxy.end_and_count()
    equal(counters["requests"], 2005, "requests")
    # One for each small request would be a storm.
    require(counters["buffer_shortages"] < 200, f"receive buffers ran short {counters['buffer_shortages']} times")


def in_parallel(count, run):
    """Runs run(number) in so many threads; their first problem is raised."""
    problems = []

    def guarded(number):
        try:
            with within(f"client {number}"):
                run(number)
        except Exception as error:  # pylint: disable=broad-except
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


SIZES = (0, 1, 100, 5000, 16 * KIB, 64 * KIB, 200_000, MIB)


def mixed(bench, extra, shards):
    """Many clients at once, each with a mix of sizes and directions on one connection."""
    world = World(bench, extra)
    if shards > 1:
        world.proxy = bench.proxy(configuration(world.origin.address, shards=shards, extra=extra))

    def run(number):
        client = Client(world.proxy.address)
        for turn in range(10):
            size = SIZES[(number * 7 + turn * 3) % len(SIZES)]
            kind = (number + turn) % 3
            if kind == 0:
                check_body(client.exchange(get(f"/size/{size}")), size)
            elif kind == 1:
                check_body(client.exchange(get(f"/size/{size}?chunked=3000")), size)
            else:
                body = pattern(size, number)
                check_upload(client.exchange(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + body, "POST"), body)
        client.close()

    in_parallel(16, run)
    entries = world.proxy.log_entries(160)
    equal({entry["status"] for entry in entries}, {200}, "statuses")
    equal([entry for entry in entries if "reason" in entry], [], "lines with a reason")


alone.table("pump.mixed", [
    ("default", "as configured by default", "", 1),
    ("copy", "copied", COPY, 1),
    ("splice", "everything spliced", SPLICE, 1),
    ("small_pipes", "fewer pipes than clients", SMALL_PIPES, 1),
    ("shards", "two shards", "", 2),
], mixed)


@alone.case("pump.uploads", "what a connection uploads again and again is not copied through receive buffers first")
def uploads(bench):
    world = World(bench, admin.TABLE)
    client = world.client()
    body = pattern(128 * KIB)

    def upload_one():
        client.send(f"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        check_upload(client.response("POST"), body)

    def completions():
        return admin.Metrics(world.proxy).sum("sluice_shard_completions_total")

    upload_one()
    before, count = completions(), 10
    for _ in range(count):
        upload_one()
    # In buffers of 4 KiB each body would come in 32 receives, and leave in as many sends.
    each = (completions() - before) / count
    require(each < 32, f"{each} completions for each upload")


@alone.case("pump.pipes.given_back", "pipes and descriptors go back to where they came from")
def pipes_given_back(bench):
    world = World(bench, SPLICE)
    download(world, "/size/1M", MIB)
    wait_for(lambda: world.proxy.descriptor_count() > 0, "descriptors")
    world.bench.close_clients()
    base = world.proxy.descriptor_count()
    for number in range(30):
        client = world.client(receive_buffer=4 * KIB)
        client.send(get("/size/8M"))
        client.until(b"\r\n\r\n")
        if number % 2:
            client.reset()
        else:
            client.close()
    # A pipe that was not empty is closed; the pool may keep empty ones, two descriptors each, and one connection more.
    wait_for(lambda: world.proxy.descriptor_count() <= base + 2, f"back to {base} descriptors, there are {world.proxy.descriptor_count()}")
    download(world, "/size/1M", MIB)


@alone.case("pump.pipes.many", "more pipes in use at once than an unprivileged user gets of that size")
def many_pipes(bench):
    world = World(bench, "[shard_defaults]\nsplice_threshold = 0\npipes = 200\n")
    clients = [world.client(receive_buffer=4 * KIB) for _ in range(80)]
    for client in clients:
        client.send(get("/size/2M"))
    heads = [client.head() for client in clients]
    for client, head in zip(clients, heads):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        head.framing = wire.response_framing(head, "GET", "HTTP/1.1")
        client.body_of(head)
        check_body(head, 2 * MIB)


def broken_big(bench, target, extra):
    """A big response that breaks off: the client does not take it for whole."""
    world = World(bench, extra)
    client = world.client()
    client.send(get(target))
    head = client.head()
    equal(head.status, 200, "status")
    framing = wire.response_framing(head, "GET", "HTTP/1.1")
    body = client.rest()
    if framing == "length":
        require(len(body) < wire.length_of(head.fields), "the body came whole")
    else:
        body = wire.broken_chunked(body)
    whole = world.client().exchange(get("/size/4M")).body
    require(whole.startswith(body), f"what came is not what was sent: {len(body)} bytes, {wire.shown(body[-100:])}")
    entry = log_entry(world.proxy, target)
    require(entry.get("reason") in ("upstream_closed", "upstream_reset"), f"reason in the log: {entry}")


alone.table("pump.broken", [
    ("close", "the end in the middle of 4 MiB", "/close-mid/4M", ""),
    ("reset", "a reset in the middle of 4 MiB", "/reset-mid/4M", ""),
    ("close_copy", "the end in the middle of 4 MiB, copied", "/close-mid/4M", COPY),
    ("reset_copy", "a reset in the middle of 4 MiB, copied", "/reset-mid/4M", COPY),
    ("chunk", "the end within a chunk of 1 MiB", "/close-mid-chunked/1M", ""),
    ("chunk_boundary", "the end behind a chunk of 512 KiB", "/close-mid-chunked/1M?boundary=1", ""),
], broken_big)
