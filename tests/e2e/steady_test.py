"""The steady state: warm requests cost the general heap nothing, the counters add up, and nobody starves beside a big transfer."""

import contextlib
import threading

import wire
from check import PATIENCE_S, equal, require, wait_for
from harness import Group, configuration
from peer import Client
from replies import expect_forwarded, expect_own_reply

KIB, MIB = 1024, 1024 * 1024
ROUTES = """
[[route]]
host = "app"
upstream = "app"

[[route]]
host = "dead"
upstream = "dead"

[[route]]
host = "app"
path = "/template/{size}"
methods = ["GET"]
headers = [{ name = "x-a", regex = "v[0-9]+(, v[0-9]+)*" }, { name = "x-b", value = "1, 2" }]
query = [{ name = "a b", regex = "[a-z ]+" }]
rewrite = { path = "/size/{size}", query = "" }
upstream = "app"

[[route]]
host = "*.expressions"
path_regex = "/expression/([0-9]+)"
rewrite = { path = "/size/{1}" }
upstream = "app"

[[route]]
host = "edited"
request_headers = { set = { "X-Told" = "{client} {peer} {host} {request_id} {scheme} {listener} {route}" }, add = { "Via" = "{peer}" }, remove = ["X-Gone"] }
response_headers = { set = { "X-Told" = "{client} {peer} {host} {scheme} {listener}" }, remove = ["Server"] }
upstream = "app"
"""
# Test clients are trusted proxies, which name a client behind others.
FORWARDING = """
[forwarding]
trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]
forwarded = true
"""
RFC7239 = FORWARDING + 'client_from = "forwarded"\n'

alone = Group()


def get(target, host=b"app"):
    return b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target.encode(), host)


def post(target, body, extra=b""):
    return b"POST %s HTTP/1.1\r\nHost: app\r\n%sContent-Length: %d\r\n\r\n%s" % (target.encode(), extra, len(body), body)


def post_chunked(target, *chunks):
    return b"POST %s HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n" % target.encode() + wire.chunked(*chunks)


def serving(bench, **options):
    dead = bench.dead_port()
    extra = f'[upstream.dead]\nendpoints = ["{dead.address}"]\n' + options.pop("extra", "")
    return bench.proxy(configuration(bench.test_origin().address, routes=ROUTES, extra=extra, **options))


# What the general heap gives

PROBLEM = {"Content-Type": "application/problem+json"}
BEHIND = b"X-Forwarded-For: 192.0.2.1, 10.0.0.2\r\nX-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Proto: https\r\nX-Gone: 1\r\nVia: 1.1 a\r\n"
BEHIND_RFC7239 = b'Forwarded: for=192.0.2.1;proto=https, for="[2001:db8::7]:443"\r\nForwarded: for=10.0.0.2\r\n'
TOLD = {"X-Told": "192.0.2.1 127.0.0.1 edited https main"}


def get_with(target, host, lines):
    return get(target, host)[:-2] + lines + b"\r\n"


# (request, method, status, bytes of the body; None where another case looks at it, fields of the response): one after the other on one connection.
STEADY_REQUESTS = {
    "get": [(get("/size/100"), "GET", 200, 100)],
    "head": [(b"HEAD /size/100 HTTP/1.1\r\nHost: app\r\n\r\n", "HEAD", 200, 0)],
    "post": [(post("/echo", b"x" * 200), "POST", 200, 200)],
    "post_chunked": [(post_chunked("/echo", b"abc", b"d" * 100), "POST", 200, 103)],
    "post_spliced": [(post("/upload?checksum=0", b"x" * 100 * KIB), "POST", 200, None)],
    "chunked": [(get("/size/20K?chunked=1000"), "GET", 200, 20 * KIB)],
    "trailers": [(get("/size/100?trailers=1"), "GET", 200, 100)],
    "interim": [(get("/interim"), "GET", 200, None)],
    "copied": [(get("/size/60K"), "GET", 200, 60 * KIB)],
    "spliced": [(get("/size/100K"), "GET", 200, 100 * KIB)],
    "not_modified": [(get("/status/304"), "GET", 304, 0)],
    "template": [(b"GET /template/100?a+b=c+d HTTP/1.1\r\nHost: app\r\nx-a: v1\r\nx-b: 1\r\nx-a: v2\r\nx-b: 2\r\n\r\n", "GET", 200, 100)],
    "expression": [(get("/expression/100", b"a.expressions"), "GET", 200, 100)],
    "own_404": [(get("/size/100", b"other"), "GET", 404, None)],
    "own_503": [(get("/x", b"dead"), "GET", 503, None)],
    "own_problem": [
        (get_with("/size/100", b"other", b"Accept: text/html, application/problem+json;q=0.9, */*;q=0.1\r\n"), "GET", 404, None, PROBLEM),
        (get_with("/x", b"dead", b"Accept: application/json\r\n"), "GET", 503, None, PROBLEM),
    ],
}
STEADY_REQUESTS["mixed"] = [request for requests in STEADY_REQUESTS.values() for request in requests]
# What these proxies believe makes no difference to the others.
STEADY_REQUESTS["edited"] = [(get_with("/size/100", b"edited", BEHIND), "GET", 200, 100, TOLD)]
STEADY_REQUESTS["edited_rfc7239"] = [(get_with("/size/100", b"edited", BEHIND_RFC7239), "GET", 200, 100, TOLD)]
STEADY_EXTRA = {"edited": FORWARDING, "edited_rfc7239": RFC7239}
WARM_UP, FEW, MANY = 10, 20, 200
STEADY_CLIENTS = 3


def allocations_of(bench, name, rounds):
    """What one shard took from the heap in its life, with so many rounds of the requests behind the warm-up."""
    requests = STEADY_REQUESTS[name]
    proxy = serving(bench, extra=STEADY_EXTRA.get(name, ""))
    clients = [bench.client(proxy) for _ in range(STEADY_CLIENTS)]
    for _ in range(WARM_UP + rounds):
        for client in clients:
            for request, method, status, size, *fields in requests:
                response = client.exchange(request, method)
                for field, value in fields[0].items() if fields else ():
                    equal(response.fields.get(field), value, field)
                equal(response.status, status, "status")
                if size is not None:
                    equal(len(response.body), size, "bytes of the body")
    bench.close_clients()
    counters = proxy.end_and_count()
    count = (WARM_UP + rounds) * STEADY_CLIENTS * len(requests)
    equal((counters["requests"], counters["log_lines"]), (count, count), "requests, lines of the access log")
    equal(counters["connections"], STEADY_CLIENTS, "connections")
    return counters["heap_allocations"]


def heap(bench, name):
    # A mixture has all the others in it: fewer rounds of it come to as many requests.
    share = 4 if name == "mixed" else 1
    few = allocations_of(bench, name, FEW // share)
    many = allocations_of(bench, name, MANY // share)
    require(few > 0, "the heap's allocations were not counted")
    equal(many, few, f"heap allocations with {MANY // share} in place of {FEW // share} rounds")


alone.table("steady.heap", [
    ("get", "small responses", "get"),
    ("head", "heads alone", "head"),
    ("post", "small bodies both ways", "post"),
    ("post_chunked", "small chunked bodies both ways", "post_chunked"),
    ("post_spliced", "uploads that are spliced", "post_spliced"),
    ("chunked", "chunked responses", "chunked"),
    ("trailers", "responses with trailers", "trailers"),
    ("interim", "interim responses", "interim"),
    ("copied", "bodies of many buffers", "copied"),
    ("spliced", "responses that are spliced", "spliced"),
    ("not_modified", "responses that have no body", "not_modified"),
    ("template", "a template with conditions and a rewrite", "template"),
    ("expression", "an expression and its group", "expression"),
    ("own_404", "requests that fit no route", "own_404"),
    ("own_503", "an upstream that refuses connections", "own_503"),
    ("own_problem", "errors in the form that Accept prefers", "own_problem"),
    ("mixed", "all of these in turn", "mixed"),
    ("edited", "clients behind trusted proxies, edits with every variable, Forwarded", "edited"),
    ("edited_rfc7239", "the same with clients that Forwarded names", "edited_rfc7239"),
], heap)


# What is counted

# (request, method, status): each on a connection of its own, which the proxy may close.
COUNTED_ONCE = [
    (b"GET /x HTTP/1.1\r\n\r\n", "GET", 400),
    (b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", 400),
    (b"GET /x HTTP/3.0\r\nHost: app\r\n\r\n", "GET", 505),
    (get("/close-before-response"), "GET", 502),
    (get("/bad/two-content-lengths"), "GET", 502),
    (get("/early/413"), "GET", 413),
    (b"GET /size/5 HTTP/1.0\r\nHost: app\r\n\r\n", "GET", 200),
]
KEPT_ALIVE = [*STEADY_REQUESTS["mixed"], (get("/status/503"), "GET", 503, None), (get("/size/1M"), "GET", 200, MIB)]
COUNTED_CLIENTS = 8


def run_mixed_load(proxy, number, problems):
    client = Client(proxy.address)
    try:
        for turn in range(3):
            for offset in range(len(KEPT_ALIVE)):
                request, method, status, *_ = KEPT_ALIVE[(number + turn + offset) % len(KEPT_ALIVE)]
                equal(client.exchange(request, method).status, status, f"status of {request[:60]}")
    except Exception as error:  # pylint: disable=broad-except
        problems.append(error)
    finally:
        client.close()


def add_up(bench, shards):
    """Every request, however it ended, is in exactly one class and in one line of the log."""
    proxy = serving(bench, shards=shards)
    problems = []
    threads = [threading.Thread(target=run_mixed_load, args=(proxy, number, problems)) for number in range(COUNTED_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    for request, method, status in COUNTED_ONCE:
        equal(bench.client(proxy).exchange(request, method).status, status, f"status of {request[:60]}")
    # One that leaves before the answer, and one whose answer breaks off.
    leaver = bench.client(proxy)
    leaver.send(get("/never"))
    leaver.wait_taken()
    leaver.close()
    broken = bench.client(proxy)
    broken.send(get("/close-mid/100K"))
    broken.rest()

    statuses = [status for _, _, status, *_ in KEPT_ALIVE] * 3 * COUNTED_CLIENTS + [status for _, _, status in COUNTED_ONCE] + [499, 200]
    entries = proxy.log_entries(len(statuses))
    equal(sorted(entry["status"] for entry in entries), sorted(statuses), "statuses in the access log")
    attempts = [entry["attempts"] for entry in entries if "attempts" in entry]
    bench.close_clients()
    counters = proxy.end_and_count()
    expected = {
        "requests": len(statuses),
        "2xx_3xx": sum(status < 400 for status in statuses),
        "4xx": sum(400 <= status < 500 for status in statuses),
        "5xx": sum(status >= 500 for status in statuses),
        "log_lines": len(statuses),
        "log_lines_dropped": 0,
        "connections": COUNTED_CLIENTS + len(COUNTED_ONCE) + 2,
        "shed": 0,
        "client_gone": 1,
        "aborted": 1,
        "own_replies": sum("reason" in entry and entry["status"] not in (200, 499) for entry in entries),
        "upstream_failures": sum(entry.get("reason", "").startswith("upstream_") for entry in entries),
        "retries": sum(attempts) - len(attempts),
        "buffer_shortages": 0,
        "pipe_shortages": 0,
    }
    equal({name: counters.get(name) for name in expected}, expected, "the summary")
    equal(counters["upstream_connects"] + counters["upstream_reuses"] + counters["connect_failures"], sum(attempts), "attempts")


alone.table("steady.counters", [
    ("one_shard", "the summary of a mixed load adds up", 1),
    ("two_shards", "and over two shards", 2),
], add_up)


# Who waits for whom

SMALL_REQUESTS = 50
# Of it a starved client would have to see the end; the case breaks the upload off as soon as it has its answers.
UPLOAD_BYTES = 16 * 1024 * MIB
UPLOAD_BEGUN = 32 * MIB
BLOCK = bytes(MIB)


class Uploader:
    """Sends without a pause from a thread, until it is told to stop or all of the amount has gone."""

    def __init__(self, client, framing, amount):
        self.client = client
        self.amount = amount
        self.sent = 0
        self.must_stop = False
        client.send(b"POST /upload?checksum=0 HTTP/1.1\r\nHost: app\r\n" + framing)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        self.client.socket.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError):
            while not self.must_stop and self.sent < self.amount:
                self.sent += self.client.socket.send(BLOCK[: self.amount - self.sent])

    def stop(self):
        self.must_stop = True
        self.thread.join()


def fairness(bench, extra, framing):
    """On the one shard that an endless upload keeps busy, another connection gets its answers before the upload's end."""
    proxy = serving(bench, extra=extra)
    client = bench.client(proxy)
    expect_forwarded(client.exchange(get("/size/100")))
    uploader = Uploader(bench.client(proxy), framing, UPLOAD_BYTES)
    try:
        wait_for(lambda: uploader.sent > UPLOAD_BEGUN, "the upload is under way")
        before = uploader.sent
        for _ in range(SMALL_REQUESTS):
            expect_forwarded(client.exchange(get("/size/100")))
            expect_own_reply(client.exchange(get("/size/100", b"other")), 404)
        during = uploader.sent - before
    finally:
        uploader.stop()
    require(uploader.sent < UPLOAD_BYTES, "the upload had ended before the small requests had")
    require(during > 0, "the upload stood still beside small requests")
    uploader.client.reset()
    bench.close_clients()
    counters = proxy.end_and_count()
    equal((counters["requests"], counters["client_gone"]), (2 * SMALL_REQUESTS + 2, 1), "requests, clients that left")
    equal(counters["buffer_shortages"], 0, "shortages of buffers")


WITH_LENGTH = b"Content-Length: %d\r\n\r\n" % UPLOAD_BYTES
ONE_CHUNK = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % UPLOAD_BYTES
alone.table("steady.fairness", [
    ("splice", "small requests beside an upload that is spliced", "", WITH_LENGTH),
    ("chunk", "beside one that is spliced from within a chunk", "", ONE_CHUNK),
    ("copy", "beside one that is copied", "[shard_defaults]\npipes = 0\n", WITH_LENGTH),
], fairness)
