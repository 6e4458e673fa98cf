"""The measurements of tools/compare: who is started, who is loaded when, and what comes out, ready for JSON."""

import contextlib
import os
import random
import signal
import time

import contenders
import estimates
import idle
import plan
import report
from generator import Load
from load import require_right_answer
from process import Failure, free_port

LOG_BYTES_MAX = 1 << 20
LATENCY_SLICE_S = 2.0
RELOAD_WAIT_S = 10
RELOADS = 11
RELOAD_RATE = 2000
RELOAD_SLICE_S = 0.9


class Bench:
    """Where a comparison runs.

    options: of the command line; origin: the Process behind all contenders; generator: the Generator;
    tell: called with a line about what is going on now; configurations: by file name, what the contenders were given.
    """

    def __init__(self, options, folder, origin, generator, tell):
        self.options = options
        self.folder = folder
        self.origin = origin
        self.generator = generator
        self.tell = tell
        self.configurations = {}
        self.versions = {}

    @contextlib.contextmanager
    def running(self, servers, log, splice):
        """Starts contenders; {name: Process} until the end of the block."""
        setting = contenders.Setting(self.options.build, self.folder, self.origin.port, self.options.proxy_core, log, splice, self.options.programs)
        with contextlib.ExitStack() as stack:
            started = {}
            for name in servers:
                started[name] = stack.enter_context(contenders.start(name, setting, free_port()))
                started[name].wait_until_listening()
                self._note(name)
            yield started

    def _note(self, name):
        if name not in self.versions and ":" not in name:
            self.versions[name] = contenders.version_of(name, self.options.build, self.options.programs)

    def collect_configurations(self, row):
        """Keeps what the servers of `row` were told, for the report."""
        for entry in sorted(os.scandir(self.folder), key=lambda one: one.name):
            if entry.name.endswith((".toml", ".conf", ".cfg")):
                with open(entry.path) as file:
                    text = file.read()
                self.configurations[f"{row}: {entry.name}"] = text if len(text) < 8192 else text[:4096] + "\n[...]\n"
                os.unlink(entry.path)

    def shorten_logs(self):
        """Empties what has grown: millions of lines would fill the disk. The servers append, so they go on at the front."""
        for entry in os.scandir(self.folder):
            if entry.is_file(follow_symlinks=False) and entry.stat().st_size > LOG_BYTES_MAX:
                os.truncate(entry.path, 0)


def _rounds(bench, what, servers, run):
    """`run(server)` for each server in each round, in an order shuffled anew; the first round is thrown away.

    Returns [{name: Outcome}].
    """
    shuffle = random.Random(bench.options.seed).shuffle
    order = list(servers)
    rounds = []
    for number in range(bench.options.rounds + 1):
        bench.tell(f"{what}: round {number} of {bench.options.rounds}")
        shuffle(order)
        one = {name: run(servers[name]) for name in order}
        bench.shorten_logs()
        if number > 0:
            rounds.append(one)
    for server in servers.values():
        server.require_alive()
    return rounds


def targets_of(row, server):
    """What is requested of `server` in `row`."""
    target = "/upload?checksum=0" if row.request_bytes else f"/size/{row.response_bytes}"
    routes = contenders.kind_of(server)[1].get("routes")
    return plan.route_targets(int(routes), target) if routes else (target,)


def try_out(bench, row):
    """Starts all servers of `row` and asks each once, so that what cannot work ends the run at its beginning."""
    with bench.running(row.servers, row.log, row.has_big_body) as servers:
        for name, server in servers.items():
            require_right_answer(server, targets_of(row, name)[0], row)


def cost(bench, row):
    """CPU per request of all servers of `row`."""
    with bench.running(row.servers, row.log, row.has_big_body) as servers:
        loads = {server.pid: Load(row.connections, targets_of(row, name), bench.options.slice_s, 0, row.request_bytes, row.keep_alive)
                 for name, server in servers.items()}
        rounds = _rounds(bench, row.title, servers, lambda server: bench.generator.run(server, loads[server.pid]))
        remarks = _splice_remarks(bench) if row.has_big_body and "haproxy" in servers else []
    bench.collect_configurations(row.name)
    slices = [{name: outcome.slice for name, outcome in one.items()} for one in rounds]
    summary = report.summarise(slices, row.servers, row.subject)
    for one in summary:
        one.pop("refusal", None)  # of the inverse ratio; whether there is a verdict stands with `ratios`
    ratios = {reference: report.numbers(estimates.estimate(values))
              for reference in row.references if (values := estimates.paired_ratios(slices, row.subject, reference))}
    return {"name": row.name, "title": row.title, "sentence": row.sentence, "subject": row.subject, "connections": row.connections, "log": row.log,
            "bounds": row.bounds, "servers": summary, "ratios": ratios, "remarks": remarks + report.remarks(summary)}


def _splice_remarks(bench):
    spliced = contenders.haproxy_spliced_bytes(bench.folder)
    return ["HAProxy does not say whether it spliced."] if spliced is None else [f"HAProxy says that it spliced {spliced:,} bytes."]


def latency(bench, servers):
    """Percentiles of all `servers` at one rate: a share of the slowest one's peak, which is measured first."""
    row = plan.Row("latency", "", "", servers, "sluice", 64, {})
    target = targets_of(row, "sluice")
    with bench.running(servers, log=False, splice=False) as started:
        peak = min(_peak(bench, started[name], target) for name in servers)
        rate = int(peak * plan.LATENCY_SHARE)
        load = Load(row.connections, target, LATENCY_SLICE_S, rate)
        rounds = _rounds(bench, f"latency at {rate:,} requests per second", started, lambda server: bench.generator.run(server, load))
    bench.collect_configurations("latency")
    return _summarise_latency(rounds, servers, rate)


def _peak(bench, server, target):
    """Requests per second of a closed loop: the median of three slices."""
    outcomes = [bench.generator.run(server, Load(64, target, 1.0)) for _ in range(3)]
    valid = [one.slice.requests / one.slice.wall_s for one in outcomes if one.slice.is_valid]
    if not valid:
        raise Failure(f"{server.name}: {outcomes[0].slice.problem}")
    return estimates.percentile(valid, 0.5)


def _summarise_latency(rounds, servers, rate):
    rows = []
    for name in servers:
        seen = [one[name].percentiles_us for one in rounds if one[name].slice.is_valid]
        if not seen:
            raise Failure(f"latency of {name}: {rounds[0][name].slice.problem}")
        rows.append({"server": name, "valid": len(seen), "percentiles_us": {share: estimates.percentile([one[share] for one in seen], 0.5) for share in seen[0]}})
    ratios = {}
    for name in servers:
        pairs = [one["sluice"].percentiles_us["99"] / one[name].percentiles_us["99"]
                 for one in rounds if one["sluice"].slice.is_valid and one[name].slice.is_valid]
        if name != "sluice" and pairs:
            ratios[name] = report.numbers(estimates.estimate(pairs))
    return {"rate": rate, "servers": rows, "ratios": ratios}


def memory(bench, servers):
    """Memory of each of `servers` with idle connections."""
    found = []
    for name in servers:
        bench.tell(f"{plan.IDLE_CONNECTIONS:,} idle connections: {plan.LABELS[name]}")
        with bench.running([name], log=False, splice=False) as started:
            found.append({"server": name, **idle.measure(started[name], plan.IDLE_CONNECTIONS, "/size/2")})
    bench.collect_configurations("idle")
    return {"connections": plan.IDLE_CONNECTIONS, "servers": found}


def reloads(bench):
    """Reloads of a configuration with 10,000 routes while requests go on: how long each takes, and what fails."""
    durations, failed, requests = [], 0, 0
    targets = plan.route_targets(10_000, "/size/2")
    with bench.running([plan.ROUTES_MANY], log=False, splice=False) as started:
        server = started[plan.ROUTES_MANY]
        for number in range(RELOADS):
            bench.tell(f"reload {number + 1} of {RELOADS}")
            reload_ = _Reload(bench.folder, server, number)
            outcome = bench.generator.run(server, Load(64, targets, RELOAD_SLICE_S, RELOAD_RATE), reload_.run)
            durations.append(reload_.milliseconds)
            failed += outcome.failed
            requests += outcome.slice.requests
    bench.collect_configurations("reload")
    return {"rate": RELOAD_RATE, "reloads": RELOADS, "milliseconds": estimates.percentile(durations, 0.5), "longest": max(durations),
            "failed": failed, "requests": requests}


class _Reload:
    """Changes the configuration of `server`, sends SIGHUP, and waits until it says that it has taken it."""

    def __init__(self, folder, server, number):
        self._server = server
        self._number = number
        self._configuration = os.path.join(folder, f"sluice-{server.port}.toml")
        self._said = os.path.join(folder, server.name + ".out")
        self.milliseconds = 0.0

    def run(self):
        time.sleep(RELOAD_SLICE_S / 3)
        with open(self._configuration, "a") as file:
            file.write(f'[[route]]\npath = "/added-{self._number}"\nupstream = "origin"\n')
        with open(self._said) as said:
            said.seek(0, os.SEEK_END)
            began = time.monotonic()
            os.kill(self._server.pid, signal.SIGHUP)
            told = ""
            while "reloaded: generation" not in told:
                if time.monotonic() - began > RELOAD_WAIT_S or "not reloaded" in told:
                    raise Failure(f"the reload failed: {told.strip()}")
                time.sleep(0.001)
                told += said.read()
        self.milliseconds = (time.monotonic() - began) * 1000


_PROXIES = ("sluice", *plan.PEERS)
# What is measured beside the rows, in this order: {its name in the document: how}.
EXTRAS = {
    "latency": lambda bench: latency(bench, _PROXIES),
    "idle": lambda bench: memory(bench, _PROXIES),
    "reload": reloads,
}


def extras(is_quick):
    """Those that belong to this kind of run."""
    return ["idle"] if is_quick else list(EXTRAS)
