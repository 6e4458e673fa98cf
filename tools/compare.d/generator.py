"""One slice of load by sluice-load, and what it cost the server."""

import json
import subprocess
from dataclasses import dataclass

from estimates import Slice

SPARE_S = 20  # beyond its duration, before sluice-load counts as hanging


@dataclass(frozen=True)
class Load:
    """What sluice-load is told. rate: requests per second of an open loop, 0 for a closed one. targets: requested in turn."""

    connections: int
    targets: tuple
    seconds: float
    rate: int = 0
    request_bytes: int = 0
    keep_alive: bool = True
    warm_up_s: float = 0.1


@dataclass(frozen=True)
class Outcome:
    """slice: for the cost; percentiles_us: latency by the percentile's name; failed: requests without a right answer."""

    slice: Slice
    percentiles_us: dict
    failed: int


class Generator:
    """Runs sluice-load pinned to a core. `program`: its path."""

    def __init__(self, program, core):
        self._program = program
        self._core = core

    def _command(self, server, load):
        command = ["taskset", "-c", str(self._core), self._program, "--quiet", "--json", "-", "--server", str(server.pid), "--allow-errors", "--timeout", "5s",
                   "-c", str(load.connections), "-d", f"{round(load.seconds * 1000)}ms", "--warm-up", f"{round(load.warm_up_s * 1000)}ms"]
        if load.rate:
            command += ["--rate", str(load.rate)]
        if not load.keep_alive:
            command.append("--no-keep-alive")
        if load.request_bytes:
            command += ["--method", "POST", "--body-bytes", str(load.request_bytes)]
        return command + [f"http://127.0.0.1:{server.port}{target}" for target in load.targets]

    def run(self, server, load, meanwhile=None):
        """Loads `server` (a Process) and returns the Outcome; a problem of the slice is in it. `meanwhile` is called once it runs."""
        server.require_alive()
        child = subprocess.Popen(self._command(server, load), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            if meanwhile:
                meanwhile()
            said, complaint = child.communicate(timeout=load.seconds + load.warm_up_s + SPARE_S)
        except subprocess.TimeoutExpired:
            return _without_result("sluice-load did not end")
        finally:
            child.kill()
            child.wait()
        if not said:
            return _without_result(f"sluice-load: {complaint.strip()}")
        return _outcome(json.loads(said))


def _outcome(told):
    errors = {kind: count for kind, count in told["errors"].items() if count}
    problem = ", ".join(f"{count} {kind}" for kind, count in errors.items())
    if problem:
        problem = "errors: " + problem
    elif told["server_cpu_s"] is None:
        problem = "a thread of the server ended during the slice"
    elif not told["responses"]:
        problem = "no request finished"
    one = Slice(told["server_cpu_s"] or 0, told["elapsed_s"], told["responses"], problem)
    percentiles = {name[1:]: value for name, value in told["latency_us"].items() if name.startswith("p")}
    return Outcome(one, percentiles, sum(errors.values()))


def _without_result(problem):
    return Outcome(Slice(0, 0, 0, problem), {}, 1)
