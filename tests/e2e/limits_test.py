"""Bounds on what a peer may send or hold, and what happens when the host itself runs out."""

import resource
import time

from check import equal, one_of, require, wait_for, within
from delivery import few_deliveries
from harness import Group, asked, configuration
from origin import plain
from peer import Client
from replies import arrived, echo, expect_own_reply

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n"
END = b"\r\n"


class World:
    def __init__(self, bench):
        self.bench = bench
        self.origin = bench.scripted().serve(echo)
        limits = 'head_bytes = "4KiB"\nhead_fields = 16\ntarget_bytes = 1000\ntrailer_bytes = 512'
        self.proxy = bench.proxy(configuration(self.origin.address, limits=limits))


def limits(bench):
    return World(bench)


group = Group(limits)


def over(world, request, status):
    before = len(world.origin.requests)
    for way in few_deliveries(request):
        with within(way.name):
            client = world.bench.client(world.proxy)
            client.send_pieces(way.pieces(request))
            expect_own_reply(client.response(), status)
            client.end_sending()
            client.expect_end()
            client.close()
    equal(len(world.origin.requests), before, "requests that reached the origin")


def target(count):
    return b"GET /" + b"t" * (count - 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def head(count):
    """A head of so many bytes."""
    frame = len(GET + b"X-A: \r\n\r\n")
    return GET + b"X-A: " + b"a" * (count - frame) + b"\r\n\r\n"


def fields(count):
    return GET + b"X-A: 1\r\n" * (count - 1) + END


def trailers(size):
    return (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
            + b"X-A: " + b"a" * (size - 7) + b"\r\n\r\n")


group.table("limits.over", [
    ("target", "a target one byte too long: 414", target(1001), 414),
    ("target_much", "a target much too long: 414", target(3000), 414),
    ("target_endless", "a target without end: 414", b"GET /" + b"t" * 20000, 414),
    ("head", "a head one byte too large: 431", head(4097), 431),
    ("head_much", "a head much too large: 431", head(60000), 431),
    ("head_endless", "a field without end: 431", GET + b"X-A: " + b"a" * 20000, 431),
    ("fields", "one field too many: 431", fields(17), 431),
    ("fields_many", "hundreds of fields: 431", fields(300), 431),
    ("trailers", "a trailer section one byte too large: 431", trailers(513), 431),
], over)


def just_within(world, request):
    for way in few_deliveries(request):
        with within(way.name):
            client = world.bench.client(world.proxy)
            client.send_pieces(way.pieces(request))
            arrived(client.response())
            client.close()


group.table("limits.within", [
    ("target", "the longest target", target(1000)),
    ("head", "the largest head", head(4096)),
    ("fields", "as many fields as there may be", fields(16)),
    ("trailers", "the largest trailer section", trailers(512)),
], just_within)


@alone.case("limits.max_connections", "connections above the maximum are closed at once and counted, the others are served on, and who comes when there is room is served")
def max_connections(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, limits="max_connections = 10"))
    held = [bench.client(proxy) for _ in range(10)]
    for client in held:
        arrived(client.exchange(GET + END))

    def is_shed():
        """What becomes of one more connection: it is closed without a byte, or served whole."""
        more = Client(proxy.address)
        more.send(GET + END)
        wait_for(lambda: more.is_ended() or more.pending, "one more is closed or served")
        if more.pending:
            arrived(more.response())
        more.close()
        return more.end is not None

    shed = 0
    for _ in range(5):
        require(is_shed(), "one too many was served")
        shed += 1
        for client in held:
            arrived(client.exchange(GET + END))
    equal(len(origin.requests), 60, "requests at the origin")
    held.pop().close()

    def is_let_in():
        nonlocal shed
        if not is_shed():
            return True
        shed += 1
        return False

    # Until the shard has seen that the other one is gone.
    wait_for(is_let_in, "there is room for another one")
    for client in held:
        arrived(client.exchange(GET + END))
    bench.close_clients()
    counters = proxy.end_and_count()
    equal((counters["shed"], counters["connections"]), (shed, 11 + shed), "connections that were shed, and all of them")


@alone.case("limits.descriptors.start", "a descriptor limit that is too low for the configuration: one sentence, exit status 1")
def too_few_descriptors(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address), descriptors=200, wait=False)
    status = proxy.wait_exit()
    equal(status, 1, f"exit status; it said {proxy.told()}")
    require("descriptor" in proxy.told() and "200" in proxy.told(), f"what it says: {proxy.told()}")
    require(proxy.told().strip().count("\n") <= 1, f"more than a sentence: {proxy.told()}")


def run_out(bench, room):
    """room: descriptors that are left. Under the flood some are served or told 503, none hangs the proxy; afterwards all are served."""
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, upstream="keep_alive = { max_idle = 0 }", limits="max_connections = 500"))
    before = proxy.descriptor_count()
    _, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (before + room, hard))
    clients = [bench.client(proxy) for _ in range(60)]
    for client in clients:
        client.send(GET + END)
    # Those that got in are answered: by the origin, or with 503 where no descriptor was left for it.
    answered = 0
    for client in clients[: max(1, room // 2)]:
        response = client.response()
        one_of(response.status, (200, 503), "status under exhaustion")
        answered += 1
    require(answered, "nobody was answered")
    used = proxy.cpu_seconds()
    time.sleep(1)
    require(proxy.cpu_seconds() - used < 0.5, "the proxy spins while it waits for descriptors")
    require(proxy.is_running(), "the proxy died")
    bench.close_clients()
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    wait_for(lambda: proxy.descriptor_count() <= before, "every descriptor is free again")
    for _ in range(80):
        arrived(bench.client(proxy).exchange(GET + END))
    bench.close_clients()
    wait_for(lambda: proxy.descriptor_count() <= before, "every descriptor is free again")


alone.table("limits.descriptors", [
    ("one", "one descriptor is left: for the client, and none for the origin", 1),
    ("few", "six descriptors are left", 6),
    ("some", "twenty descriptors are left", 20),
], run_out)


@alone.case("limits.descriptors.upload", "no descriptor for the origin while the client uploads: 503, and the answer can be read")
def no_descriptor_upload(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address, limits="max_connections = 500"))
    before = proxy.descriptor_count()
    _, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (before + 1, hard))
    client = bench.client(proxy)
    client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
    expect_own_reply(client.response("POST"), 503)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    client.close()
    client, connection = asked(bench, origin, proxy, GET + END)
    connection.send(plain(body=b"fine"))
    equal(client.response().body, b"fine", "body")


def few_buffers(bench, count):
    """More connections hold unfinished messages than there are receive buffers: everybody is served in the end."""
    origin = bench.scripted().serve(echo)
    extra = f'[shard_defaults]\nreceive_buffers = {count}\nreceive_buffer = "4KiB"\n'
    proxy = bench.proxy(configuration(origin.address, extra=extra))
    clients = [bench.client(proxy) for _ in range(150)]
    for client in clients:
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\n")
    for client in clients:
        client.send(b"Content-Length: 20000\r\n\r\n" + b"x" * 10000)
    for client in clients:
        client.send(b"y" * 10000)
    for client in clients:
        equal(arrived(client.response("POST"))["body"], "x" * 10000 + "y" * 10000, "body that reached the origin")


alone.table("limits.receive_buffers", [
    ("16", "sixteen receive buffers for 150 clients", 16),
    ("64", "sixty-four receive buffers for 150 clients", 64),
], few_buffers)


@alone.case("limits.idle_memory", "a thousand idle connections hold next to nothing")
def idle_memory(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address))
    clients = [bench.client(proxy) for _ in range(20)]
    for client in clients:
        arrived(client.exchange(GET + END))
    before = proxy.resident_bytes()
    clients = [bench.client(proxy) for _ in range(1000)]
    for client in clients:
        arrived(client.exchange(GET + END))
    grown = proxy.resident_bytes() - before
    require(grown < 16 << 20, f"a thousand idle connections hold {grown // 1024} KiB")
    for client in clients[::100]:
        arrived(client.exchange(GET + END))
