"""What goes wrong while the load goes on: endpoints that are killed, reloads, descriptors that run out."""

import contextlib
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import admin
from check import PATIENCE_S, Failure, require, wait_for
from harness import MORTAL


class Origin:
    """sluice-origin on a port that stays its own, so that it can be killed and started again."""

    def __init__(self, program):
        self._program = program
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._reservation.getsockname()[1]}"
        self._process = None
        self.start()

    def start(self):
        command = [*MORTAL, str(self._program), "--listen", self.address]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        line = self._process.stdout.readline().decode()
        require(re.fullmatch(r"listening on \S+\n", line), f"sluice-origin did not start: {line}")

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            self.kill()
        self._reservation.close()


class Fault:
    """Something that happens again and again, on a thread of its own. once(stopped) does it; `count` counts."""

    def __init__(self, name, every_s, once):
        self.name, self.count, self.failure = name, 0, None
        self._every_s, self._once = every_s, once
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join(PATIENCE_S + 30)

    def _run(self):
        while not self._stopped.wait(self._every_s):
            try:
                self._once(self._stopped)
            except (Failure, OSError) as failure:
                self.failure = str(failure)
                return
            self.count += 1


def kill_and_restart(origin, dead_s):
    """It is away for a while: its connections are reset, and its port refuses."""

    def once(stopped):
        origin.kill()
        stopped.wait(dead_s)
        origin.start()

    return once


def read_admin(proxy):
    """Somebody looks at the numbers and at the connections."""

    def once(stopped):
        del stopped
        admin.Metrics(proxy)
        admin.get_json(proxy, "/connections")

    return once


def count_told(proxy, words):
    return proxy.told_path.read_text(errors="replace").count(words)


def reload(proxy, texts, bad_every=7):
    """The next text in turn becomes the configuration; each one is waited for. Now and then the file is broken, and changes nothing."""
    turn = 0

    def once(stopped):
        del stopped
        nonlocal turn
        turn += 1
        is_bad = turn % bad_every == 0
        words = "not reloaded: " if is_bad else "reloaded: generation "
        before = count_told(proxy, words)
        replacement = proxy.file.with_suffix(".new")
        replacement.write_text(proxy.filled(texts[turn % len(texts)]) + ("nonsense\n" if is_bad else ""))
        replacement.rename(proxy.file)
        proxy.signal(signal.SIGHUP)
        wait_for(lambda: count_told(proxy, words) > before or not proxy.is_running(), f"the proxy says '{words}'")

    return once


class Shortage:
    """Takes descriptors from the proxy: it may keep what it has, and gets none until it has given some back."""

    SHARE = 0.8  # of those that it has
    # An answer may come after the end of it.
    AFTERWARDS_S = 15

    def __init__(self, proxy, lasting_s):
        self._proxy, self._lasting_s = proxy, lasting_s
        self._times = []

    def once(self, stopped):
        pid = self._proxy.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        began = time.monotonic()
        self._times.append((began, None))
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (int(self._proxy.descriptor_count() * self.SHARE), hard))
            stopped.wait(self._lasting_s)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
            self._times[-1] = (began, time.monotonic())

    def was_short(self, begin, end):
        return any(begin < (to or end) + self.AFTERWARDS_S and end > since for since, to in self._times)
