"""What is compared: the rows, what each of them shows, and the bounds that Sluice sets itself. No I/O."""

from dataclasses import dataclass, field

PEERS = ("nginx", "haproxy")
ROUTES_FEW, ROUTES_MANY = "sluice:routes=10", "sluice:routes=10000"
ONE_SHARD, TWO_SHARDS = "sluice:shards=1", "sluice:shards=2"
LABELS = {
    "sluice": "Sluice", "floor": "floor", "nginx": "nginx", "haproxy": "HAProxy",
    ROUTES_FEW: "Sluice, 10 routes", ROUTES_MANY: "Sluice, 10,000 routes", ONE_SHARD: "Sluice, 1 shard", TWO_SHARDS: "Sluice, 2 shards",
}
LATENCY_SHARE = 0.7  # of the peak of the slowest server: the rate at which all of them are compared
LATENCY_BOUND = 1.0
IDLE_CONNECTIONS = 5000
IDLE_BYTES_BOUND = 1536  # of each idle connection
RELOAD_MS_BOUND = 200


@dataclass(frozen=True)
class Row:
    """One comparison of CPU per request. `bounds`: by server to divide by, the most that the ratio may be."""

    name: str
    title: str
    sentence: str
    servers: tuple
    subject: str
    connections: int
    bounds: dict
    response_bytes: int = 2
    request_bytes: int = 0
    keep_alive: bool = True
    log: bool = False
    is_quick: bool = False
    targets: tuple = field(default=())  # request targets, where the mix matters

    @property
    def has_big_body(self):
        return max(self.response_bytes, self.request_bytes) >= 16384

    @property
    def references(self):
        return [server for server in self.servers if server != self.subject]


_ALL = ("floor", "sluice", "nginx", "haproxy")
_PROXIES = ("sluice", "nginx", "haproxy")


def route_targets(routes, origin_target, count=100):
    """Targets spread over `routes` routes of the form /route-N/*; `count` of them, whatever the number of routes."""
    return tuple(f"/route-{index * routes // count % routes}{origin_target}" for index in range(count))


ROWS = (
    Row("small", "Small answers, 64 connections",
        "The everyday case of an API: what a request costs when its answer is tiny, so that the proxy's own work is all there is.",
        _ALL, "sluice", 64, {"floor": 1.07, "nginx": 0.85, "haproxy": 0.82}, is_quick=True),
    Row("small-1000", "Small answers, 1,000 connections",
        "The same with many clients at once, where a server that looks at connections one by one gets slower.",
        _ALL, "sluice", 1000, {"floor": 1.08, "nginx": 0.75, "haproxy": 0.75}),
    Row("small-log", "Small answers with an access log",
        "The same with a line for each request in a log file; the floor writes none.",
        _ALL, "sluice", 64, {"floor": 1.10}, log=True),
    Row("connection", "A new connection for each request",
        "Clients that do not keep connections: accepting and closing is most of the work.",
        _PROXIES, "sluice", 64, {"nginx": 0.85, "haproxy": 0.85}, keep_alive=False, is_quick=True),
    Row("64k", "64 KiB answers",
        "Pages, pictures, lists: how well a server moves data that it need not look at. HAProxy splices.",
        _PROXIES, "sluice", 32, {"haproxy": 0.75}, response_bytes=65536, is_quick=True),
    Row("1m", "1 MiB answers",
        "Downloads: nearly all is moving bytes. HAProxy splices.",
        _PROXIES, "sluice", 16, {"haproxy": 0.75}, response_bytes=1 << 20),
    Row("upload-1m", "1 MiB uploads",
        "The other direction. HAProxy splices.",
        _PROXIES, "sluice", 16, {"haproxy": 0.75}, request_bytes=1 << 20),
    Row("routes", "10,000 routes beside ten",
        "Whether a request gets dearer when the configuration grows. The requests go to a hundred targets, spread over all routes.",
        (ROUTES_FEW, ROUTES_MANY), ROUTES_MANY, 64, {ROUTES_FEW: 1.02}),
    Row("shards", "Two shards beside one",
        "Whether shards get into each other's way: both share one core here, with 64 connections each, and a request should cost what it costs with one.",
        (ONE_SHARD, TWO_SHARDS), TWO_SHARDS, 128, {ONE_SHARD: 1.03}),
)


def rows(names, is_quick):
    """The rows called `names`, or all that belong to this kind of run. Raises ValueError for a name that is none."""
    known = {row.name: row for row in ROWS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"there is no row '{unknown[0]}'; there are {', '.join(known)}")
    return [row for row in ROWS if (row.name in names if names else row.is_quick or not is_quick)]
