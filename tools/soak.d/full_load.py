"""sluice-load at full speed beside the clients that check: what it asks, and its errors held against the proxy's log."""

import json
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass

import memory
from check import wait_for
from harness import MORTAL
from ledger import Ledger

# An answer may wait for the end of a shortage of descriptors; nothing may wait longer.
TIMEOUT_S = 60
# Of each load's requests: with fewer the soak would show how fast errors are.
RIGHT_SHARE_MIN = 0.8


@dataclass(frozen=True)
class Kind:
    """One sluice-load. route: its own, under the path of that name; paths: with their weights; has_checksums: answers are verified."""

    route: str
    connections: int
    paths: tuple
    options: tuple
    has_checksums: bool


KINDS = (
    Kind("load", 192, (("/size/100", 60), ("/size/5000?chunked=1000", 10), ("/size/60000", 6), ("/size/200000", 3), ("/size/1M", 1)), ("--verify",), True),
    Kind("uploads", 32, (("/upload", 3), ("/echo", 1)), ("--body-bytes", "40000"), False),
)
# What the soak needs of a line; it begins as Ledger expects it.
FIELDS = ("route", "status", "reason", "detail", "request_id", "user_agent", "target", "endpoint", "attempts", "total")
ROUTES = """
[upstream.load]
endpoints = ["{steady}", "{shaky}"]
keep_alive = {{ idle_timeout = "1s" }}
""" + "".join(f"""
[[route]]
name = "{kind.route}"
path = "/{kind.route}/*"
strip_prefix = "/{kind.route}"
upstream = "load"
""" for kind in KINDS)
class Rotation:
    """Moves the log away again and again, as logrotate does, and reads what was written: so it stays small, and all of it is read."""

    def __init__(self, proxy):
        self.ledger = Ledger({kind.route for kind in KINDS})
        self._proxy = proxy
        self._old = proxy.log_path.with_suffix(".old")

    def once(self, stopped):
        del stopped
        self._proxy.log_path.rename(self._old)

        def is_reopened():
            # While there is no descriptor for the new file, the proxy writes on to the old one.
            if not self._proxy.log_path.exists():
                self._proxy.signal(signal.SIGUSR1)
            return self._proxy.log_path.exists() or not self._proxy.is_running()

        wait_for(is_reopened, "the proxy opens a new log", 60)
        self._take(self._old)

    def finish(self):
        """What is left, when the proxy has ended."""
        for path in (self._old, self._proxy.log_path):
            if path.exists():
                self._take(path)
        return self.ledger

    def _take(self, path):
        self.ledger.read(path)
        path.unlink()


class Run:
    """One sluice-load under way."""

    def __init__(self, program, kind, proxy, seconds):
        self.kind, self.result = kind, None
        base = f"http://127.0.0.1:{proxy.address[1]}/{kind.route}"
        command = [*MORTAL, str(program), "--quiet", "--json", "-", "--allow-errors", "--timeout", f"{TIMEOUT_S}s",
                   "--connections", str(kind.connections), "--duration", f"{seconds:g}s", *kind.options, *(f"{weight}@{base}{path}" for path, weight in kind.paths)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def end(self):
        """Waits for it, when its time is over. Returns None, or why there is no result."""
        try:
            text, _ = self._process.communicate(timeout=TIMEOUT_S + 30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return "sluice-load does not end"
        # With no answer at all it says so by its exit status, and in the result.
        if self._process.returncode == 2:
            return f"sluice-load: {text.decode(errors='replace')}"
        self.result = json.loads(text)
        return None


class FullLoad:
    """All of it: the loads, the log that they fill, and what the proxy needs for it."""

    def __init__(self, program, proxy, seconds):
        self.rotation = Rotation(proxy)
        self._program, self._proxy, self._seconds = program, proxy, seconds
        self._runs = []

    def start(self):
        self._cpu_s = self._proxy.cpu_seconds()
        self._sampler = memory.Sampler(self._proxy, min(1, self._seconds / 40))
        self._runs = [Run(self._program, kind, self._proxy, self._seconds) for kind in KINDS]

    def end(self):
        """Waits for all. Returns None, or what went wrong."""
        problems = [problem for run in self._runs if (problem := run.end())]
        self._samples = self._sampler.stop()
        if self._sampler.failure:
            problems.append(f"memory: {self._sampler.failure}")
        self._cpu_s = self._proxy.cpu_seconds() - self._cpu_s if self._proxy.is_running() else 0
        return "; ".join(problems) or None

    def findings(self, loads, metrics):
        """(what was looked at, the problem or None). loads: Ledger.loads; metrics: admin.Metrics once everything has ended."""
        for run in self._runs:
            if run.result:
                found = differences(run.kind, run.result, loads) + counter_differences(run.kind, loads, metrics)
                name = f"{run.result['started']} requests of sluice-load to /{run.kind.route}: each failure has its line"
                yield name, "; ".join(found) or None
        yield "its memory does not grow", memory.growth_problem(self._samples, self._seconds)

    def summary(self, lines):
        """Lines of what was measured. lines: how many requests there were in all."""
        resident = [sample.resident / memory.MIB for sample in self._samples] or [0]
        yield f"{lines} requests, {lines / self._seconds:.0f}/s, {self._cpu_s / max(lines, 1) * 1e6:.1f} us of CPU for each"
        yield f"resident: {resident[0]:.1f} MiB first, {resident[-1]:.1f} last, {max(resident):.1f} at most"
        yield f"resident (pools) over time: {memory.course(self._samples, self._seconds)}"


def differences(kind, result, loads):
    """What sluice-load saw and the log does not say, or the other way round. loads: Ledger.loads.

    Every request has one line. Its status is what sluice-load got, but for those of 200 that have a reason: they were broken off.
    Nothing fails without a line: no connection is refused or shed, and nobody waits for too long.
    """
    lines, broken = Counter(), 0
    for (route, status, reason), count in loads.items():
        if route != kind.route:
            continue
        if status < 400 and reason is not None:
            broken += count
        else:
            lines[str(status)] += count
    errors = result["errors"]
    own = sum(count for status, count in result["statuses"].items() if int(status) >= 400)
    expected = {
        "requests with a line": (result["started"], lines.total() + broken),
        "requests that were given up": (result["abandoned"], 0),
        "responses that were broken off": (errors["closed"] + errors["reset"], broken),
        "responses by status": (result["statuses"], dict(lines)),
        # What the proxy says by itself has no checksum.
        "bodies that are not as announced": (errors["body"], own if kind.has_checksums else 0),
    }
    expected |= {f"errors of kind {name}": (errors[name], 0) for name in ("connect", "refused", "timeout", "malformed")}
    found = [f"{name}: sluice-load {seen}, the log {said}" for name, (seen, said) in expected.items() if seen != said]
    right = result["statuses"].get("200", 0)
    if right < RIGHT_SHARE_MIN * result["started"] or right == 0:
        found.append(f"only {right} of {result['started']} requests were answered with 200")
    return found


def counter_differences(kind, loads, metrics):
    """What the proxy's counters for the route say and the log does not. metrics: admin.Metrics, once everything has ended."""
    classes = Counter()
    for (route, status, _), count in loads.items():
        if route == kind.route:
            classes[f"{status // 100}xx"] += count
    found = []
    for name in ("2xx", "3xx", "4xx", "5xx"):
        counted = metrics.sum("sluice_route_responses_total", route=kind.route, **{"class": name})
        if counted != classes[name]:
            found.append(f"{name}: {counted:g} counted, {classes[name]} in the log")
    return found
