"""The access log: one whole line for each request, true to what happened, and never in the way."""

import json
import re
import signal
import threading
import time
from datetime import datetime

from check import PATIENCE_S, contains, equal, require, wait_for, within
from delivery import few_deliveries
from harness import Group, asked, configuration
from origin import plain
from peer import Client
from replies import UUID_V7, echo, expect_own_reply, log_entry

alone = Group()
PHASES = ("head", "queue", "connect", "first_byte")
# Of an exchange that nothing of ours had to answer.
STANDARD_FIELDS = ["ts", "shard", "listener", "client", "request_id", "method", "host", "target", "protocol", "status", "request_bytes",
                   "response_bytes", "route", "upstream", "endpoint", "attempts", "reused", *PHASES, "total", "user_agent"]
STAMP = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def serving(bench, **options):
    origin = bench.scripted().serve(echo)
    return origin, bench.proxy(configuration(origin.address, **options))


@alone.case("log.fields", "a line tells what happened")
def fields(bench):
    request = b"POST /x?y=z HTTP/1.1\r\nHost: a.example:80\r\nUser-Agent: test/1\r\nContent-Length: 5\r\n\r\nhello"
    for way in few_deliveries(request):
        with within(way.name):
            expect_all_fields(bench, request, way)


def expect_all_fields(bench, request, way):
    origin, proxy = serving(bench, route='name = "all"')
    client = bench.client(proxy)
    client.send_pieces(way.pieces(request))
    response = client.response()
    entry = proxy.log_entries(1)[0]
    expected = {
        "shard": 0, "listener": "main", "client": "127.0.0.1", "request_id": response.fields.get("X-Request-ID"), "method": "POST",
        "host": "a.example:80", "target": "/x?y=z", "protocol": "HTTP/1.1", "status": 200, "request_bytes": 5,
        "response_bytes": len(response.raw_head) + len(response.body), "route": "all", "upstream": "app", "endpoint": origin.address,
        "attempts": 1, "reused": False, "user_agent": "test/1",
    }
    equal({name: entry.get(name) for name in expected}, expected, "fields")
    require(STAMP.fullmatch(entry["ts"]), f"ts: {entry['ts']}")
    require("reason" not in entry, f"a reason for nothing: {entry}")
    for name in (*PHASES, "total"):
        require(isinstance(entry[name], float) and 0 <= entry[name] < 20, f"{name}: {entry}")
    require(sum(entry[name] for name in PHASES) <= entry["total"] + 0.001, f"phases are longer than the whole: {entry}")
    require(list(entry) == STANDARD_FIELDS, f"the order of the fields: {list(entry)}")


@alone.case("log.phases", "each phase has its own time: a slow head, a failed connect and a slow answer show where they belong")
def phases(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(bench.deaf_port().address, origin.address, timeouts='connect = "600ms"'))
    client = bench.client(proxy)
    slow = 0.2
    began = time.monotonic()
    for _ in range(2):  # one of two goes to the deaf endpoint first
        client.send(b"GET /x HTTP/1.1\r\n")
        client.wait_taken()
        time.sleep(slow)
        client.send(b"Host: a\r\n\r\n")
        connection = origin.accept()
        connection.request()
        time.sleep(2 * slow)
        connection.send(plain(200, b"late"))
        client.response()
        connection.close()
    entries = sorted(proxy.log_entries(2), key=lambda entry: entry["attempts"])
    elapsed = time.monotonic() - began
    equal([entry["attempts"] for entry in entries], [1, 2], "attempts")
    for entry in entries:
        # Time in which this test sleeps is a lower bound, whatever the machine does meanwhile; that none of it is told twice
        # shows in the sum.
        require(entry["head"] >= slow and entry["first_byte"] >= 2 * slow, f"head and first_byte: {entry}")
        require(entry["total"] >= sum(entry[name] for name in PHASES) - 0.00001, f"phases are longer than the whole: {entry}")
    require(entries[1]["connect"] >= 0.6, f"connect, with an attempt that timed out: {entries[1]}")
    require(sum(entry["total"] for entry in entries) <= elapsed, f"longer than it took, which was {elapsed} s: {entries}")


@alone.case("log.chosen_fields", "only the fields that were asked for, in that order, also those that a line has not otherwise")
def chosen_fields(bench):
    chosen = ["status", "referer", "target", "body_bytes", "reason"]
    origin = bench.scripted().serve(echo)
    text = configuration(origin.address).replace("[log]", f"[log]\nfields = {json.dumps(chosen)}")
    proxy = bench.proxy(text)
    client = bench.client(proxy)
    response = client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\nReferer: http://b/\r\n\r\n")
    client.exchange(b"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n")
    first, second = proxy.log_entries(2)
    equal(list(first), chosen[:-1], "fields of the first line")
    equal((first["referer"], first["target"], first["body_bytes"]), ("http://b/", "/x", len(response.body)), "their values")
    equal(list(second), ["status", "target", "body_bytes", "reason"], "fields of the second line")


# One line of nginx or Apache httpd, as their users' tools take it apart.
COMBINED = re.compile(
    r'(?P<client>\S+) (\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d{3}) (?P<bytes>\d+|-) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"')


@alone.case("log.combined", "the combined format: the usual pattern takes every line apart, whatever a client sends")
def combined(bench):
    origin = bench.scripted().serve(echo)
    text = configuration(origin.address).replace("[log]", '[log]\nformat = "combined"')
    proxy = bench.proxy(text)
    client = bench.client(proxy)
    response = client.exchange(b'GET /x?q HTTP/1.1\r\nHost: a\r\nReferer: http://b/"\\\r\nUser-Agent: \xe9"\r\n\r\n')
    missing = client.exchange(b"HEAD /../x HTTP/1.1\r\nHost: a\r\n\r\n", method="HEAD")
    client.send(b"nonsense\r\n\r\n")
    refused = client.response()
    wait_for(lambda: proxy.log_lines() == 3, "three lines")
    lines = [COMBINED.fullmatch(line) for line in proxy.log_path.read_text().splitlines()]
    require(all(lines), f"a line that the pattern does not fit: {proxy.log_path.read_text()}")
    for line in lines:
        stamp = datetime.strptime(line["time"], "%d/%b/%Y:%H:%M:%S %z")
        require(abs(stamp.timestamp() - time.time()) < 60, f"time: {line['time']}")
    told = [(line["client"], line["user"], line["request"], line["status"], line["bytes"], line["referer"], line["agent"]) for line in lines]
    equal(told, [
        ("127.0.0.1", "-", "GET /x?q HTTP/1.1", "200", str(len(response.body)), r"http://b/\x22\x5C", r"\xE9\x22"),
        ("127.0.0.1", "-", "HEAD /../x HTTP/1.1", str(missing.status), "0", "-", "-"),
        ("127.0.0.1", "-", "-", str(refused.status), str(len(refused.body)), "-", "-"),
    ], "lines")


@alone.case("log.reused", "the second exchange says that it found a connection")
def reused(bench):
    _, proxy = serving(bench)
    client = bench.client(proxy)
    for _ in range(2):
        client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    equal([entry["reused"] for entry in proxy.log_entries(2)], [False, True], "reused")


def own_reply(bench, request, status, reason, detail=None, **options):
    _, proxy = serving(bench, **options)
    for number, way in enumerate(few_deliveries(request)):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(request))
            response = client.response()
            expect_own_reply(response, status)
            entry = proxy.log_entries(number + 1)[-1]
            equal((entry["status"], entry["reason"], entry.get("detail")), (status, reason, detail), "status, reason and detail")
            require("upstream" not in entry or reason.startswith("upstream"), f"an upstream that had no part in it: {entry}")
            equal(response.fields.get("X-Request-ID"), entry["request_id"], "request id")
            require(UUID_V7.fullmatch(entry["request_id"]), f"request id: {entry}")


ONLY = '[[route]]\npath = "/only"\nupstream = "app"\n'
alone.table("log.reason", [
    ("bad_request", "a head that is refused", b"GET /x HTTP/1.1\r\nHost: a\r\nX A: 1\r\n\r\n", 400, "bad_request", "bad_field_name"),
    ("framing", "framing that is refused", b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request",
     "content_length_with_transfer_encoding"),
    ("host", "no Host", b"GET /x HTTP/1.1\r\n\r\n", 400, "bad_request", "missing_host"),
    ("version", "a version that we do not speak", b"GET /x HTTP/3.0\r\nHost: a\r\n\r\n", 505, "bad_request", "unsupported_version"),
    ("path", "a path that climbs out of the root", b"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_path", "above_root"),
    ("method", "a method that is refused", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501, "method_refused"),
], own_reply)


@alone.case("log.reason.no_route", "a request that fits no route")
def no_route(bench):
    own_reply(bench, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 404, "no_route", routes=ONLY)


@alone.case("log.escaping", "whatever a client sends, a line is one line and valid JSON")
def escaping(bench):
    _, proxy = serving(bench)
    agent = b'a"b\\c\td\xe9\xff\x80</script>\'{}'
    request = b"GET /x?\\{}|^` HTTP/1.1\r\nHost: a\r\nUser-Agent: " + agent + b"\r\n\r\n"
    for number, way in enumerate(few_deliveries(request)):
        with within(way.name):
            client = bench.client(proxy)
            client.send_pieces(way.pieces(request))
            equal(client.response().status, 200, "status")
            entry = proxy.log_entries(number + 1)[-1]
            equal(entry["user_agent"], agent.decode("latin-1"), "user agent")
            equal(entry["target"], "/x?\\{}|^`", "target")


@alone.case("log.long_texts", "long texts are cut, the line stays whole")
def long_texts(bench):
    _, proxy = serving(bench)
    client = bench.client(proxy)
    request = b"GET /" + b"t" * 8000 + b" HTTP/1.1\r\nHost: a\r\nUser-Agent: " + b'"' * 8000 + b"\r\n\r\n"
    equal(client.exchange(request).status, 200, "status")
    entry = proxy.log_entries(1)[0]
    require(entry["target"].startswith("/ttt") and len(entry["target"]) <= 8001, "target")
    require(set(entry["user_agent"]) == {'"'}, "user agent")


def concurrent(bench, shards):
    """Every line is whole, each request has one, and its id and size are those that the client saw."""
    _, proxy = serving(bench, shards=shards)
    seen, problems = {}, []
    lock = threading.Lock()

    def run(number):
        try:
            for request in range(25):
                client = Client(proxy.address)
                for part in range(4):
                    target = f"/{number}-{request}-{part}-" + "x" * (number * 37 % 400)
                    response = client.exchange(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                    with lock:
                        seen[response.fields.get("X-Request-ID")] = (target, len(response.raw_head) + len(response.body))
                client.close()
        except Exception as error:  # pylint: disable=broad-except
            problems.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require(not problems, f"a client failed: {problems[:1]}")
    equal(len(seen), 800, "different request ids")
    entries = proxy.log_entries(800)
    equal({entry["request_id"]: (entry["target"], entry["response_bytes"]) for entry in entries}, seen, "what the log tells")
    require({entry["shard"] for entry in entries} <= set(range(shards)), "shards")
    if shards > 1:
        require(len({entry["shard"] for entry in entries}) > 1, "one shard did everything")


alone.table("log.concurrent", [
    ("one", "many clients, one shard", 1),
    ("two", "many clients, two shards", 2),
], concurrent)


@alone.case("log.at_exit", "what is still in the buffer is written when the proxy ends")
def at_exit(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address).replace('flush = "10ms"', 'flush = "1m"'))
    client = bench.client(proxy)
    for _ in range(10):
        client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    client.close()
    proxy.signal(15)
    equal(proxy.wait_exit(), 0, "exit status")
    text = proxy.log_path.read_text()
    equal([json.loads(line)["target"] for line in text.splitlines()], ["/x"] * 10, "lines")


@alone.case("log.appends", "an existing file is appended to")
def appends(bench):
    origin = bench.scripted().serve(echo)
    first = bench.proxy(configuration(origin.address))
    path = first.folder.parent / f"{first.folder.name}.log"
    try:
        path.write_text('{"old":1}\n')
        proxy = bench.proxy(configuration(origin.address).replace("@LOG@", str(path)))
        bench.client(proxy).exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: path.read_text().count("\n") == 2, "a second line")
        require(path.read_text().startswith('{"old":1}\n'), "the old line is gone")
    finally:
        path.unlink(missing_ok=True)


@alone.case("log.reopen", "SIGUSR1 opens the file anew: none of the lines is lost")
def reopen(bench):
    _, proxy = serving(bench)
    client = bench.client(proxy)
    moved = proxy.folder / "moved.log"
    client.exchange(b"GET /old HTTP/1.1\r\nHost: a\r\n\r\n")
    proxy.log_entries(1)
    proxy.log_path.rename(moved)
    client.exchange(b"GET /still-old HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_for(lambda: moved.read_bytes().count(b"\n") == 2, "a second line in the file that was moved away")
    proxy.signal(signal.SIGUSR1)
    wait_for(proxy.log_path.exists, "a new file")
    client.exchange(b"GET /new HTTP/1.1\r\nHost: a\r\n\r\n")
    equal([entry["target"] for entry in proxy.log_entries(1)], ["/new"], "lines of the new file")
    equal([json.loads(line)["target"] for line in moved.read_text().splitlines()], ["/old", "/still-old"], "lines of the old file")


@alone.case("log.full_disk", "a disk that is full: serving goes on, and standard error says so once")
def full_disk(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address).replace("@LOG@", "/dev/full").replace('flush = "10ms"', 'flush = "10ms"\nbuffer = "4KiB"'))
    client = bench.client(proxy)
    for _ in range(300):
        equal(client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").status, 200, "status")
    wait_for(lambda: "/dev/full" in proxy.told(), "a word about it on standard error")
    contains(proxy.told(), "No space left", "what it says")
    require(proxy.told().count("/dev/full") <= 3, f"it repeats itself:\n{proxy.told()}")
    client.close()
    counters = proxy.end_and_count()
    require(counters["log_lines_dropped"] > 200, f"dropped lines are not counted: {counters}")
    equal(counters["log_lines"] + counters["log_lines_dropped"], 300, "lines written to the buffer, and dropped")


@alone.case("log.file_size_limit", "a log that may not grow any more: serving goes on, and standard error says so once")
def file_size_limit(bench):
    limit = 64 * 1024
    origin = bench.scripted().serve(echo)
    text = configuration(origin.address).replace('flush = "10ms"', 'flush = "10ms"\nbuffer = "4KiB"')
    proxy = bench.proxy(text, wrapper=("prlimit", f"--fsize={limit}:{limit}"))
    client = bench.client(proxy)
    served = 0
    while "File too large" not in proxy.told():
        require(served < 2000, f"{proxy.log_path.stat().st_size} bytes of log, and no word about it on standard error")
        equal(client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").status, 200, "status")
        served += 1
    for _ in range(100):
        equal(client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").status, 200, "status")
    require(proxy.told().count("File too large") == 1, f"it repeats itself:\n{proxy.told()}")
    require(proxy.log_path.stat().st_size <= limit, "the log is larger than it may be")
    client.close()
    counters = proxy.end_and_count()
    require(counters["log_lines_dropped"] > 0, f"dropped lines are not counted: {counters}")
    equal(counters["log_lines"] + counters["log_lines_dropped"], served + 100, "lines written to the buffer, and dropped")


@alone.case("log.off", "no log, no file")
def off(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, log=False))
    equal(bench.client(proxy).exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").status, 200, "status")
    equal(sorted(path.name for path in proxy.folder.iterdir()), ["sluice.toml", "told"], "files")


@alone.case("log.relative", "a relative path starts at the working directory")
def relative(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address).replace("@LOG@", "here.log"))
    bench.client(proxy).exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_for(lambda: (proxy.folder / "here.log").exists() and (proxy.folder / "here.log").read_text(), "the file", PATIENCE_S)


@alone.case("log.interim", "an interim response is neither a line nor the status")
def interim(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address))
    client, connection = asked(bench, origin, proxy, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + plain(404, b"nothing", reason=b"Not Found"))
    equal(client.response().status, 404, "status")
    entry = proxy.log_entries(1)[0]
    equal((entry["status"], entry.get("reason")), (404, None), "status and reason")


@alone.case("log.endless", "a line is written when the exchange ends, with its whole time and size")
def endless(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address))
    client, connection = asked(bench, origin, proxy, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
    client.head()
    equal(client.exactly(5), b"first", "first half")
    equal(proxy.log_lines(), 0, "lines before the end")
    connection.send(b"later")
    equal(client.exactly(5), b"later", "second half")
    equal(log_entry(proxy, "/x")["status"], 200, "status")


@alone.case("log.counters", "what the proxy counted is what happened")
def counters(bench):
    origin = bench.scripted().serve(echo)
    dead = bench.dead_port()
    routes = '[[route]]\npath = "/app/*"\nupstream = "app"\n[[route]]\npath = "/dead"\nupstream = "dead"\n'
    extra = f'[upstream.dead]\nendpoints = ["{dead.address}"]\n'
    for shards in (1, 2):
        proxy = bench.proxy(configuration(origin.address, shards=shards, routes=routes, extra=extra))
        for _ in range(4):
            client = bench.client(proxy)
            for path, status in (("/app/x", 200), ("/app/y", 200), ("/none", 404), ("/dead", 503)):
                equal(client.exchange(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()).status, status, path)
            client.close()
        proxy.log_entries(16)
        counted = proxy.end_and_count()
        expected = {"connections": 4, "requests": 16, "2xx_3xx": 8, "4xx": 4, "5xx": 4, "own_replies": 8, "upstream_failures": 4,
                    "client_gone": 0, "shed": 0, "aborted": 0, "log_lines": 16, "log_lines_dropped": 0}
        equal({name: counted.get(name) for name in expected}, expected, "counters")
        equal(counted["upstream_connects"] + counted["upstream_reuses"], 8, "connections that were opened or used again")


MIB = 1024 * 1024
COPY = "[shard_defaults]\npipes = 0\n"


def client_left(bench, extra):
    """The client reads a part of a big response and resets its connection."""
    whole, part = 256 * MIB, 2 * MIB
    proxy = bench.proxy(configuration(bench.test_origin().address, extra=extra))
    client = bench.client(proxy, receive_buffer=256 * 1024)
    client.send(f"GET /size/{whole} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    client.exactly(part)
    client.reset()
    entry = proxy.log_entries(1)[0]
    equal(entry["reason"], "client_closed", "reason")
    # What the kernel held for the client at the end counts as sent.
    require(part <= entry["response_bytes"] < part + 32 * MIB, f"the client read {part} bytes: {entry}")


def origin_left(bench, extra, target):
    """The origin breaks its response off: the client gets, to the byte, what the log tells."""
    proxy = bench.proxy(configuration(bench.test_origin().address, extra=extra))
    client = bench.client(proxy)
    client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    received = len(client.rest())
    require(received > MIB, f"the client got {received} bytes")
    equal(proxy.log_entries(1)[0]["response_bytes"], received, "response_bytes")


alone.table("log.response_bytes", [
    ("client_left", "the client leaves in the middle of a big response", ""),
    ("client_left_copy", "so it does when the response is copied", COPY),
], client_left)
alone.table("log.response_bytes", [
    ("origin_left", "the origin leaves in the middle of a big response", "", "/close-mid/4M"),
    ("origin_left_copy", "so it does when the response is copied", COPY, "/close-mid/4M"),
    ("origin_left_chunked", "the origin leaves in the middle of a chunked response", "", "/close-mid-chunked/4M"),
], origin_left)
