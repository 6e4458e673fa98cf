"""A shard that does not come back to its loop is told, with what it was doing."""

import re
import threading
import time

import wire
from admin import TABLE, Metrics
from check import PATIENCE_S, Failure, equal, require, wait_for
from harness import Group, configuration
from peer import Client
from stopped_thread import StoppedThread

alone = Group()
BOUND_S = 0.2
IO_URING_ENTER = 426
LONG_TURN = re.compile(r'^sluice: shard 0 has been in one turn of its loop for ([0-9.]+) s, (running "([^"]+)" in the phase "([^"]+)"|at "([^"]+)")$', re.M)
GOES_ON = re.compile(r"^sluice: shard 0 goes on: that turn took about ([0-9.]+) s$", re.M)


# Much to do outside of the kernel.
UPLOAD = wire.chunked_head("/upload?checksum=0") + wire.chunked(*[b"tiny"] * 100_000)


class Load:
    """A client that keeps the shard busy: it uploads one body of tiny chunks after the other."""

    def __init__(self, proxy):
        self._client = Client(proxy.address)
        self._stopping = False
        self.failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._stopping:
                equal(self._client.exchange(UPLOAD, "POST").status, 200, "status")
        except Failure as failure:
            self.failure = failure

    def stop(self):
        self._stopping = True
        self._thread.join(PATIENCE_S)
        self._client.close()
        if self.failure:
            raise self.failure


def stopped_in_a_turn(proxy):
    """Stops the shard until it was caught in the middle of a turn, and not in its wait; tells what was said, and how long it stood."""
    deadline = time.monotonic() + 3 * PATIENCE_S
    while time.monotonic() < deadline:
        stopped = StoppedThread(proxy, "sluice-0")
        began = time.monotonic()
        try:
            # Else it waits, or did a moment ago.
            if not stopped.is_in(IO_URING_ENTER):
                found = wait_for(lambda: LONG_TURN.search(proxy.told()), "the long turn is told of")
                return found, time.monotonic() - began
        finally:
            stopped.go_on()
    raise Failure("the shard was never caught in a turn")


@alone.case("watchdog.long_turn", "a turn above the bound is told with what it was doing, and that it is over, and counted; a long wait is none")
def long_turn(bench):
    origin = bench.test_origin()
    extra = f'[shard_defaults]\nwatchdog = "{int(BOUND_S * 1000)}ms"\n{TABLE}'
    proxy = bench.proxy(configuration(origin.address, extra=extra))
    resting = StoppedThread(proxy, "sluice-0")
    try:
        time.sleep(3 * BOUND_S)
    finally:
        resting.go_on()
    require("has been in one turn" not in proxy.told(), f"a shard that waits was told of: {proxy.told()}")
    load = Load(proxy)
    try:
        found, stood = stopped_in_a_turn(proxy)
    finally:
        load.stop()
    require(BOUND_S <= float(found[1]) <= stood + BOUND_S, f"how long it is said to have been: {found[0]}")
    over = wait_for(lambda: GOES_ON.search(proxy.told()), "it is told that the shard goes on")
    require(float(over[1]) >= BOUND_S, f"how long that turn is said to have been: {over[0]}")
    shown = Metrics(proxy).sum("sluice_shard_watchdog_reports_total")
    counted = proxy.end_and_count()["watchdog_reports"]
    equal(counted, len(LONG_TURN.findall(proxy.told())), "reports in the end")
    require(1 <= shown <= counted, f"reports in the metrics: {shown}, in the end: {counted}")


@alone.case("watchdog.off", "without a watchdog nothing is told")
def off(bench):
    origin = bench.test_origin()
    proxy = bench.proxy(configuration(origin.address, extra='[shard_defaults]\nwatchdog = "off"\n'))
    load = Load(proxy)
    try:
        for _ in range(5):
            stopped = StoppedThread(proxy, "sluice-0")
            try:
                time.sleep(BOUND_S)
            finally:
                stopped.go_on()
    finally:
        load.stop()
    require("one turn" not in proxy.told(), f"it told of a turn: {proxy.told()}")
    equal(proxy.end_and_count()["watchdog_reports"], 0, "reports")
