"""The scenarios, the origin behind the contenders, and wrk in front of them."""

import http.client
import json
import os
import subprocess
import time
from dataclasses import dataclass

from contenders import nginx_paths, nginx_preamble, program_of
from estimates import Slice
from process import Failure, Process, cpu_between, cpu_by_thread


@dataclass(frozen=True)
class Scenario:
    """`response_bytes`, `request_bytes`: of the bodies; no request body means GET."""

    name: str
    response_bytes: int
    request_bytes: int
    connections: int

    @property
    def has_big_body(self):
        return max(self.response_bytes, self.request_bytes) >= 16384


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("small", 2, 0, 64),
        Scenario("16k", 16384, 0, 64),
        Scenario("64k", 65536, 0, 32),
        Scenario("1m", 1048576, 0, 16),
        Scenario("upload-64k", 2, 65536, 32),
        Scenario("upload-1m", 2, 1048576, 16),
    )
}


class NginxOrigin:
    """nginx as the origin: the small answer from its configuration, big ones from files in memory, uploads read to their end."""

    def __init__(self, build, folder, memory_folder, core, port, inner_port):
        for scenario in SCENARIOS.values():
            with open(os.path.join(memory_folder, str(scenario.response_bytes)), "wb") as file:
                file.write(bytes(range(256)) * (scenario.response_bytes // 256) if scenario.response_bytes > 2 else b"ok")
        # `return` answers without reading the body; a location that proxies reads all of it first.
        config = f"""\
{nginx_preamble(folder, "origin")}http {{
{nginx_paths(folder, "origin")}  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_buffer_size 2m;
  sendfile on;
  default_type application/octet-stream;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  upstream inner {{
    server 127.0.0.1:{inner_port};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /2 {{ return 200 "ok"; }}
    location / {{ root {memory_folder}; }}
    location = /upload {{
      proxy_pass http://inner;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }}
  }}
  server {{
    listen 127.0.0.1:{inner_port} backlog=4096;
    location / {{ return 200 "ok"; }}
  }}
}}
"""
        path = os.path.join(folder, "origin.conf")
        with open(path, "w") as file:
            file.write(config)
        program = program_of("nginx", build)
        self.process = Process("origin", [program, "-p", folder, "-c", path], core, port, folder)

    @staticmethod
    def target(scenario):
        return "/upload" if scenario.request_bytes else f"/{scenario.response_bytes}"


class SluiceOrigin:
    """Our own test origin."""

    def __init__(self, build, folder, core, port):
        program = os.path.join(build, "sluice-origin")
        self.process = Process("origin", [program, "--listen", f"127.0.0.1:{port}", "--threads", "1"], core, port, folder)

    @staticmethod
    def target(scenario):
        return "/upload" if scenario.request_bytes else f"/size/{scenario.response_bytes}"


# Prints one JSON line with wrk's own totals, because its table rounds.
_SCRIPT = """\
{setup}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('SUMMARY {{"requests":%d,"duration_us":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\\n',
    summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout))
end
"""


def write_script(folder, scenario):
    setup = f'wrk.method = "POST"\nwrk.body = string.rep("x", {scenario.request_bytes})' if scenario.request_bytes else ""
    path = os.path.join(folder, "load.lua")
    with open(path, "w") as file:
        file.write(_SCRIPT.format(setup=setup))
    return path


def parse_summary(output):
    """Reads what the script printed. Returns (requests, seconds, problem)."""
    for line in output.splitlines():
        if line.startswith("SUMMARY "):
            totals = json.loads(line[len("SUMMARY "):])
            errors = [f"{totals[kind]} {kind}" for kind in ("connect", "read", "write", "status", "timeout") if totals[kind]]
            problem = "errors: " + ", ".join(errors) if errors else "" if totals["requests"] else "no request finished"
            return totals["requests"], totals["duration_us"] / 1e6, problem
    return 0, 0.0, "wrk printed no totals"


def require_right_answer(process, target, scenario):
    """One request through `process`: the load must not measure how fast errors are."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
    try:
        if scenario.request_bytes:
            connection.request("POST", target, b"x" * scenario.request_bytes)
        else:
            connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{process.name}: {target}: {error!r}") from error
    finally:
        connection.close()
    if response.status != 200 or (not scenario.request_bytes and len(body) != scenario.response_bytes):
        raise Failure(f"{process.name}: {target}: status {response.status} with {len(body)} bytes")


def run_slice(process, url, script, connections, slice_s, core):
    """Loads `process` for `slice_s` seconds and returns the Slice."""
    process.require_alive()
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{slice_s}s", "--timeout", "5s", "-s", script, url]
    before = cpu_by_thread(process.pid)
    began = time.monotonic()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=slice_s + 20)
    except subprocess.TimeoutExpired:
        return Slice(0, 0, 0, "wrk did not end")
    wall_s = time.monotonic() - began
    cpu_s, vanished = cpu_between(before, cpu_by_thread(process.pid))
    requests, _, problem = parse_summary(done.stdout)
    return Slice(cpu_s, wall_s, requests, problem or vanished)
