"""Headless Chromium, driven by its DevTools protocol over two pipes: no port, nothing but the standard library."""

import contextlib
import json
import os
import select
import signal
import subprocess
import time

from check import Failure, require
from programs import Running, program

# A browser starts slowly on a busy machine.
PATIENCE_S = 60

FLAGS = (
    # Neither root nor everybody in a container gets a sandbox; the pages are our own.
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync", "--proxy-server=direct://",
)


class Browser(Running):
    """A browser with one page, in a profile of its own."""

    def __init__(self):
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        # The protocol wants descriptors 3 and 4.
        shell = ["bash", "-c", 'exec 3<&"$0" 4>&"$1"; shift; exec "$@"', str(orders), str(answers)]
        folder = "."
        super().__init__([*shell, program("chromium"), *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"],
                         pass_fds=(orders, answers), env=dict(os.environ, HOME="/tmp", DBUS_SESSION_BUS_ADDRESS="disabled:"))
        os.close(orders)
        os.close(answers)
        self._pipes = (self._orders, self._answers)
        self._pending = b""
        self._count = 0
        self._session = None
        try:
            target = self._call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        except Failure:
            self.stop()
            raise

    def open(self, url):
        answer = self._call("Page.navigate", url=url)
        require("errorText" not in answer, f"{url} cannot be opened: {answer}")

    def value(self, expression):
        """What an expression comes to; a promise is waited for."""
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        require("exceptionDetails" not in answer, f"{expression} failed: {json.dumps(answer)[:1000]}")
        return answer["result"].get("value")

    def stop(self, number=signal.SIGTERM):
        pipes, self._pipes = self._pipes, ()
        for descriptor in pipes:
            os.close(descriptor)
        # It ends when its pipes end; what it has started is in its session.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        super().stop(number)

    def _call(self, method, **parameters):
        self._count += 1
        order = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        try:
            os.write(self._orders, json.dumps(order).encode() + b"\0")
        except OSError as error:
            raise Failure(f"the browser has ended; it said:\n{self.said()}") from error
        deadline = time.monotonic() + PATIENCE_S
        while True:
            message = self._message(deadline, method)
            if message.get("id") == self._count:
                require("error" not in message, f"{method}: {message}")
                return message["result"]

    def _message(self, deadline, what):
        while b"\0" not in self._pending:
            left = deadline - time.monotonic()
            require(left > 0 and select.select([self._answers], [], [], left)[0], f"the browser did not answer {what} within {PATIENCE_S} s; it said:\n{self.said()}")
            data = os.read(self._answers, 1 << 16)
            require(data, f"the browser has ended; it said:\n{self.said()}")
            self._pending += data
        text, _, self._pending = self._pending.partition(b"\0")
        return json.loads(text)
