"""Processes that are started, watched and stopped by their id, and free ports on the loopback address."""

import os
import signal
import socket
import subprocess
import time


class Failure(Exception):
    """The measurement cannot go on; the text says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid):
    """`pid` and all its descendants that live now."""
    found, pending = [], [pid]
    while pending:
        one = pending.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children") as children:
                    pending += [int(child) for child in children.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def cpu_by_thread(pid):
    """CPU nanoseconds of each thread of the family of `pid`, by thread id."""
    used = {}
    for one in family(pid):
        try:
            tasks = os.listdir(f"/proc/{one}/task")
        except FileNotFoundError:
            continue
        for task in tasks:
            try:
                with open(f"/proc/{one}/task/{task}/schedstat") as schedstat:
                    used[int(task)] = int(schedstat.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return used


def cpu_between(before, after):
    """Seconds of CPU between two results of cpu_by_thread, and a problem: what a vanished thread used cannot be known."""
    gone = before.keys() - after.keys()
    used = sum(spent - before.get(thread, 0) for thread, spent in after.items())
    return used / 1e9, f"{len(gone)} thread(s) ended during the slice" if gone else ""


class Process:
    """A server pinned to `core` that is expected to accept on 127.0.0.1:`port`; stopped by stop() or at the end of `with`."""

    def __init__(self, name, command, core, port, folder):
        self.name = name
        self.port = port
        self._log_path = os.path.join(folder, name.replace('/', '_') + ".out")
        self._log = open(self._log_path, "ab")  # appending, so that it can be emptied meanwhile
        self._child = subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, cwd=folder
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self._child.pid

    def wait_until_listening(self, timeout_s=10):
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self._child.poll() is not None:
                raise Failure(f"{self.name} ended with status {self._child.returncode}:\n{self._last_words()}")
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise Failure(f"{self.name} does not accept on 127.0.0.1:{self.port}:\n{self._last_words()}")

    def require_alive(self):
        if self._child.poll() is not None:
            raise Failure(f"{self.name} ended with status {self._child.returncode}:\n{self._last_words()}")

    def stop(self, timeout_s=5):
        members = family(self.pid) if self._child.poll() is None else []
        if members:
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            for member in members:
                try:
                    os.kill(member, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._child.wait()
        self._log.close()

    def _last_words(self):
        self._log.flush()
        with open(self._log_path, errors="replace") as log:
            return "".join(log.readlines()[-10:])


def first_line(command):
    """The first line that `command` prints, or a dash."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "-"
    lines = done.stdout.strip().splitlines()
    return lines[0] if lines else "-"
