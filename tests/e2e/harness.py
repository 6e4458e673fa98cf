"""Cases, and what they run: the real proxy with a real configuration, whose death or sanitizer report fails the case."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import sockets
from check import PATIENCE_S, Failure, require, wait_for
from control_group import ControlGroup
from origin import DeadPort, DeafPort, ScriptedOrigin
from peer import Client

_REPORT = re.compile(r"(AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|ssertion)")
_TOLD_MAX = 6000
# What we start does not outlive us, not even if we are killed.
MORTAL = ("setpriv", "--pdeathsig", "KILL")


class Case:
    def __init__(self, group, name, title, run):
        self.group, self.id, self.title, self.run = group, name, title, run

    @property
    def can_run(self):
        return os.geteuid() == 0 or not self.group.needs_root


class Group:
    """Cases of one theme. With `setup` they share what it starts, and run one after the other; else each has its own bench.

    needs_root: for anybody else they are named as skipped.
    """

    every = []

    def __init__(self, setup=None, needs_root=False):
        self.setup = setup
        self.needs_root = needs_root
        self.cases = []
        Group.every.append(self)

    def case(self, name, title):
        def add(run):
            self.cases.append(Case(self, name, title, run))
            return run

        return add

    def table(self, prefix, rows, run):
        """rows: (name, title, ...): the case prefix.name calls run(world, ...)."""
        for name, title, *rest in rows:
            self.cases.append(Case(self, f"{prefix}.{name}", title, lambda world, rest=rest: run(world, *rest)))


def reserve_port():
    """A socket that is bound and never listens: it keeps the port from everyone else, and the two options let the proxy have it."""
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reservation.bind(("127.0.0.1", 0))
    return reservation


class Proxy:
    """A running `sluice -c FILE`.

    told: where its words go instead of into a file that told() reads; wrapper: a command that runs the program; reservation: a
    port from reserve_port() to listen on; owner: number of the user who may write in its folder.
    """

    def __init__(self, program, text, descriptors=None, wait=True, environment=None, told=None, wrapper=(), reservation=None, owner=None):
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        if owner is not None:
            self.folder.chmod(0o755)
            os.chown(self.folder, owner, -1)
        self.expected_exit = 0
        self.is_stopped = False
        self.reservation = reservation or reserve_port()
        self.address = self.reservation.getsockname()
        self.log_path = self.folder / "access.log"
        self.file = self.folder / "sluice.toml"
        self.file.write_text(self.filled(text))
        command = [*MORTAL, str(program), "-c", str(self.file)]
        if descriptors:
            command = ["prlimit", f"--nofile={descriptors}:{descriptors}", *command]
        command = [*wrapper, *command]
        self.told_path = self.folder / "told"
        with open(self.told_path, "wb") as file:
            words = file if told is None else told
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, cwd=self.folder, env=environment, start_new_session=True
            )
        if wait:
            try:
                self.wait_ready()
            except Failure:
                self.discard()
                raise

    def write(self, text):
        """Another file in the place of the old one, at once."""
        beside = self.folder / "sluice.toml.new"
        beside.write_text(self.filled(text))
        beside.rename(self.file)

    def filled(self, text):
        return text.replace("@LISTEN@", f"127.0.0.1:{self.address[1]}").replace("@LOG@", str(self.log_path)).replace("@FOLDER@", str(self.folder))

    def wait_ready(self):
        """Waits until every shard serves: it says so, and then it owns all the descriptors that it needs for itself."""
        wait_for(lambda: not self.is_running() or "sluice: serving" in self.told(), "the proxy serves")
        has_started = self.is_running() and sockets.is_listening(self.address)
        require(has_started, f"the proxy did not start (exit status {self.process.returncode}); it said:\n{self.told()}")

    def is_running(self):
        return self.process.poll() is None

    def told(self):
        text = self.told_path.read_text(errors="replace")
        return text if len(text) <= _TOLD_MAX else text[: _TOLD_MAX // 2] + "\n...\n" + text[-_TOLD_MAX // 2 :]

    def check_health(self):
        """Fails when the proxy has died or a sanitizer has spoken."""
        found = _REPORT.search(self.told_path.read_text(errors="replace"))
        require(not found, f"the proxy reported a bug of its own:\n{self.told()}")
        require(self.is_running() or self.is_stopped, f"the proxy died (exit status {self.process.returncode}); it said:\n{self.told()}")

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, patience=PATIENCE_S):
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"the proxy did not end within {patience} s; it said:\n{self.told()}") from error
        self.is_stopped = True
        return status

    def stop(self):
        """Drains and checks: no report, the expected exit status."""
        try:
            if not self.is_stopped:
                self.check_health()
                self.signal(signal.SIGTERM)
                status = self.wait_exit()
                require(status == self.expected_exit, f"exit status {status}, expected {self.expected_exit}; the proxy said:\n{self.told()}")
            found = _REPORT.search(self.told_path.read_text(errors="replace"))
            require(not found, f"the proxy reported a bug of its own:\n{self.told()}")
        finally:
            self.discard()

    def discard(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self.is_stopped = True
        self.reservation.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_and_count(self):
        """Drains it, and returns what it counted, summed over its shards: "requests", "log_lines" and so on."""
        self.signal(signal.SIGTERM)
        status = self.wait_exit()
        require(status == self.expected_exit, f"exit status {status}, expected {self.expected_exit}; the proxy said:\n{self.told()}")
        counters = {}
        for name, value in re.findall(r"(\w+)=(\d+)", self.told_path.read_text()):
            counters[name] = counters.get(name, 0) + int(value)
        return counters

    def wait_at_rest(self):
        """Waits until it has nothing to do: it used no processor time for a while."""
        last, since = self.cpu_seconds(), time.monotonic()
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() - since < 0.3:
            require(time.monotonic() < deadline, "the proxy is never at rest")
            time.sleep(0.05)
            if self.cpu_seconds() != last:
                last, since = self.cpu_seconds(), time.monotonic()

    # What can be seen from outside

    def log_entries(self, count, patience=PATIENCE_S):
        """The lines of the access log, each parsed, once there are `count` of them."""
        wait_for(lambda: self.log_lines() >= count, f"{count} lines in the access log", patience)
        text = self.log_path.read_bytes()
        require(text.endswith(b"\n"), "the access log does not end with a whole line")
        lines = text.split(b"\n")[:-1]
        require(len(lines) == count, f"expected {count} lines in the access log, there are {len(lines)}: {lines[-3:]}")
        return [json.loads(line) for line in lines]

    def log_lines(self):
        return self.log_path.read_bytes().count(b"\n") if self.log_path.exists() else 0

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def descriptor_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class TestOrigin:
    """A running sluice-origin, on a port that the kernel chose."""

    def __init__(self, program):
        command = [*MORTAL, str(program), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"listening on (127\.0\.0\.1:\d+)\n", line)
        if not found:
            self.stop()
            raise Failure(f"sluice-origin did not start: {line}")
        self.address = found[1]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Bench:
    """What one case, or one group, has started; all of it is stopped at its end."""

    sluice = None  # path of the program
    origin_program = None

    def __init__(self):
        self.proxies = []
        self.origins = []
        self.clients = []
        self.reservations = []

    def scripted(self, **options):
        return self._keep(self.origins, ScriptedOrigin(**options))

    def dead_port(self):
        return self._keep(self.origins, DeadPort())

    def deaf_port(self):
        return self._keep(self.origins, DeafPort())

    def test_origin(self):
        return self._keep(self.origins, TestOrigin(self.origin_program))

    def control_group(self, controller):
        return self._keep(self.origins, ControlGroup(controller))

    def proxy(self, text, **options):
        return self._keep(self.proxies, Proxy(self.sluice, text, **options))

    def client(self, proxy, address=None, **options):
        return self._keep(self.clients, Client(address or proxy.address, **options))

    def reserve(self):
        """An address for one more listener."""
        self.reservations.append(reserve_port())
        return self.reservations[-1].getsockname()

    def run(self, *arguments, **options):
        """Runs the program to its end: (exit status, what it wrote to standard output, and to standard error)."""
        done = subprocess.run([str(self.sluice), *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False, **options)
        require(not _REPORT.search(done.stderr), f"the proxy reported a bug of its own:\n{done.stderr}")
        return done.returncode, done.stdout, done.stderr

    def close_clients(self):
        while self.clients:
            self.clients.pop().close()

    def check_health(self):
        for proxy in self.proxies:
            proxy.check_health()

    def stop(self):
        """Stops everything, and then raises the first failure of it."""
        self.close_clients()
        failures = []
        for thing in self.proxies + self.origins:
            try:
                thing.stop()
            except Failure as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    def discard(self):
        self.close_clients()
        for proxy in self.proxies:
            proxy.discard()
        for origin in self.origins:
            origin.stop()
        while self.reservations:
            self.reservations.pop().close()

    @staticmethod
    def _keep(things, thing):
        things.append(thing)
        return thing


# The proxy wants to be allowed two descriptors for each connection; hosts that run tests may not allow the default's.
DESCRIPTORS = "\nmax_connections = 2000"


def configuration(*endpoints, shards=1, upstream="", route="", routes=None, timeouts="", limits="", log=True, extra=""):
    """A configuration with one listener and one upstream, `app`; @LISTEN@, @LOG@ and @FOLDER@ (of its own) are filled in by Proxy.

    endpoints: addresses, or text of inline tables; upstream, route, timeouts, limits: further lines of these tables;
    routes: in place of the one route that takes everything; extra: further tables.
    """
    texts = [endpoint if endpoint.startswith("{") else f'"{endpoint}"' for endpoint in endpoints]
    log_table = '[log]\naccess = "@LOG@"\nflush = "10ms"\n' if log else ""
    one_route = f'[[route]]\nupstream = "app"\n{route}\n'
    return f"""shards = {shards}
{log_table}
[[listener]]
name = "main"
address = "@LISTEN@"

[upstream.app]
endpoints = [{", ".join(texts)}]
{upstream}

{one_route if routes is None else routes}

[timeouts]
{timeouts}

[limits]
{limits if "max_connections" in limits else limits + DESCRIPTORS}

{extra}
"""


def routes_to_app(*rows):
    """The text of routes that go to `app`, each (name, line, ...)."""
    return "\n".join(f'[[route]]\nname = "{name}"\nupstream = "app"\n' + "".join(f"{line}\n" for line in lines) for name, *lines in rows)


def pair(bench, **options):
    """An origin that the case plays itself, and a proxy in front of it."""
    origin = bench.scripted()
    return origin, bench.proxy(configuration(origin.address, **options))


def asked(bench, origin, proxy, request, address=None, **options):
    """A request that has reached the origin, which has not answered: (the client's connection, the origin's).

    address: of the proxy, if it has several; options: of the client.
    """
    client = bench.client(proxy, address, **options)
    client.send(request)
    connection = origin.accept()
    connection.request()
    return client, connection


def begun(bench, origin, proxy, part):
    """A request whose head has reached the origin, and whose body has not ended: (the client's connection, the origin's, the head)."""
    client = bench.client(proxy)
    client.send(part)
    connection = origin.accept()
    return client, connection, connection.head()


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
