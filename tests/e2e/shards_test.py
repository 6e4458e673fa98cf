"""What each shard is given, where it runs, and how many there are when nobody says."""

import os
import re
import resource
import tempfile
import time
from pathlib import Path

from check import contains, equal, one_of, require, wait_for, within
from harness import Group, configuration
from replies import arrived, echo

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
CPUS = sorted(os.sched_getaffinity(0))


def blocks(origin, text, **options):
    """A configuration with these [[shard]] blocks in place of `shards`."""
    return configuration(origin.address, extra=text, **options).replace("shards = 1\n", "")


def shard_threads(proxy):
    """Shard -> CPUs that its thread may use."""
    found = {}
    for task in Path(f"/proc/{proxy.process.pid}/task").iterdir():
        name = re.fullmatch(r"sluice-(\d+)\n", (task / "comm").read_text())
        if name:
            found[int(name[1])] = sorted(os.sched_getaffinity(int(task.name)))
    return found


@alone.case("shards.pinned", "a shard with a cpu runs there and nowhere else, one without where it may")
def pinned(bench):
    origin = bench.scripted().serve(echo)
    last = CPUS[-1]
    proxy = bench.proxy(blocks(origin, f"[[shard]]\n[[shard]]\ncpu = {last}\n[[shard]]\n"))
    equal(shard_threads(proxy), {0: CPUS, 1: [last], 2: CPUS}, "CPUs of the shards")
    for _ in range(12):
        arrived(bench.client(proxy).exchange(GET))


@alone.case("shards.standard", "without a word about shards: one for each usable CPU, pinned, and one on one CPU")
def standard(bench):
    origin = bench.scripted().serve(echo)
    for wrapper, cpus in (((), CPUS), (("taskset", "-c", str(CPUS[0])), CPUS[:1])):
        proxy = bench.proxy(blocks(origin, ""), wrapper=wrapper)
        threads = shard_threads(proxy)
        contains(proxy.told(), f"serving with {len(threads)} shard", "what it says")
        contains(proxy.told(), f"{len(cpus)} usable CPU", "what it says")
        quota = re.search(r"a control group allows the time of ([0-9.]+)", proxy.told())
        if not quota or float(quota[1]) > len(cpus) - 1:
            equal(threads, {index: [cpu] for index, cpu in enumerate(cpus)}, "CPUs of the shards")
        arrived(bench.client(proxy).exchange(GET))


def in_group(bench, controller, allow, expected):
    """allow(group); expected: (CPUs of each shard, what it says)."""
    group = bench.control_group(controller)
    allow(group)
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(blocks(origin, ""), wrapper=group.wrapper)
    equal(shard_threads(proxy), expected[0], "CPUs of the shards")
    for words in expected[1]:
        contains(proxy.told(), words, "what it says")
    arrived(bench.client(proxy).exchange(GET))


@alone.case("shards.cpu_quota", "without a word about shards: no more than a control group allows the time for, on any usable CPU")
def cpu_quota(bench):
    for percent, count in ((50, 1), (100, 1), (150, min(2, len(CPUS)))):
        with within(f"{percent} %"):
            where = {index: [cpu] for index, cpu in enumerate(CPUS)} if count == len(CPUS) else {index: CPUS for index in range(count)}
            words = (f"serving with {count} shard", f"a control group allows the time of {percent / 100:.2f}")
            in_group(bench, "cpu", lambda group, percent=percent: group.allow_time(percent * 200, 20_000), (where, words))


@alone.case("shards.cpuset", "without a word about shards: one for each CPU of a cpuset, and pinned to it")
def cpuset(bench):
    last = CPUS[-1]
    expected = ({0: [last]}, ("serving with 1 shard", f"1 usable CPU ({last})"))
    in_group(bench, "cpuset", lambda group: group.allow_cpus(str(last)), expected)


@alone.case("shards.foreign_cpu", "a cpu that the process may not use is a mistake, also for -t")
def foreign_cpu(bench):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test.toml"
        file.write_text("[[shard]]\ncpu = 60000\n" + configuration("127.0.0.1:1").replace("shards = 1\n", "").replace("@LISTEN@", "127.0.0.1:1"))
        for arguments in (("-t", "-c"), ("-c",)):
            status, _, err = bench.run(*arguments, "test.toml", cwd=folder)
            equal(status, 1, f"exit status; it said {err}")
            contains(err, "test.toml:2:7: `cpu` must be one that this process may use", "what it says")


@alone.case("shards.max_connections", "a shard's own maximum of connections goes before the one of [limits]")
def max_connections(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(blocks(origin, "[[shard]]\nmax_connections = 3\n", limits="max_connections = 100"))
    held = [bench.client(proxy) for _ in range(3)]
    for client in held:
        arrived(client.exchange(GET))
    more = bench.client(proxy)
    more.send(GET)
    rest = more.rest()
    require(not rest or rest.startswith(b"HTTP/1.1 503 "), f"the answer to one too many: {rest}")
    equal(proxy.end_and_count()["shed"], 1, "connections that were shed")


@alone.case("shards.batch_wait", "with batch_wait everybody is answered, one by one and many at once")
def batch_wait(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(blocks(origin, '[[shard]]\nbatch_wait = "200us"\n'))
    status, out, _ = bench.run("-V")
    equal(status, 0, "exit status")
    usable = "batch_wait: usable" in out
    equal("`batch_wait` has no effect" not in proxy.told(), usable, f"whether it is told to have an effect: {proxy.told()}")
    client = bench.client(proxy)
    for _ in range(50):
        arrived(client.exchange(GET))
    clients = [bench.client(proxy) for _ in range(100)]
    for one in clients:
        one.send(GET)
    for one in clients:
        arrived(one.response())


@alone.case("shards.build", "-V says what there is to run on")
def build(bench):
    _, out, _ = bench.run("-V")
    contains(out, f"cpus: {len(CPUS)} usable CPU", "-V")
    require(re.search(r"^shards: \d+, unless the configuration says$", out, re.M), f"-V: {out}")


# Out of descriptors


@alone.case("shards.shortage_told", "running out of descriptors is told once, and counted")
def shortage_told(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, limits="max_connections = 200"))
    arrived(bench.client(proxy).exchange(GET))
    _, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (proxy.descriptor_count() + 1, hard))
    clients = [bench.client(proxy) for _ in range(10)]
    for client in clients:
        client.send(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    wait_for(lambda: "no descriptors are left" in proxy.told(), "the shortage is told")
    time.sleep(1)
    equal(proxy.told().count("no descriptors are left"), 1, "how often the shortage is told")
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    for client in clients:
        one_of(client.response().status, (200, 503), "status")
    arrived(bench.client(proxy).exchange(GET))
    require(proxy.end_and_count()["descriptor_shortages"] > 0, "the shortage is counted")


@alone.case("shards.no_pipes", "no descriptor for a pipe: the body is copied")
def no_pipes(bench):
    origin = bench.test_origin()
    proxy = bench.proxy(configuration(origin.address, limits="max_connections = 200"))
    client = bench.client(proxy)
    arrived_first = client.exchange(b"GET /size/10 HTTP/1.1\r\nHost: a\r\n\r\n")
    equal(arrived_first.status, 200, "status")
    _, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (proxy.descriptor_count(), hard))
    response = client.exchange(b"GET /size/3000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    equal((response.status, len(response.body)), (200, 3000000), "status and length")
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    response = client.exchange(b"GET /size/3000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    equal((response.status, len(response.body)), (200, 3000000), "status and length")
    equal(proxy.end_and_count()["pipe_shortages"], 1, "shortages of pipes")
