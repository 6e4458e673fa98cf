"""Whether a process holds as much memory in the end as it did before: samples while it is under load, and what follows from them."""

import threading
import time
from dataclasses import dataclass

import admin
from check import Failure

MIB = 1 << 20
# What the first tenth holds is not looked at: pools are being filled.
WARM_UP_SHARE = 0.1
SAMPLES_MIN = 6
# Beside the pools: what comes and goes, such as the heap's pages while a configuration is read.
GROWTH_MAX = 1 << 20


POOLS = ("receive_buffers", "head_buffers", "send_buffers", "pipes", "frames")


@dataclass(frozen=True)
class Sample:
    at: float  # seconds from the beginning
    resident: int
    pooled: int = 0  # bytes that the shards' pools have made so far


def in_use(proxy):
    """What each shard has in use of its pools."""
    shards = admin.get_json(proxy, "/memory")["shards"]
    return {(shard["shard"], name): shard.get(name, {}).get("in_use") for shard in shards for name in POOLS}


def pooled_bytes(answer):
    return sum(shard.get(name, {}).get("bytes", 0) for shard in answer["shards"] for name in POOLS)


class Sampler:
    """Asks a proxy for its memory, on a thread of its own."""

    def __init__(self, proxy, every_s):
        self.samples, self.failure = [], None
        self._proxy, self._every_s = proxy, every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._began = time.monotonic()
        self._thread.start()

    def _run(self):
        try:
            while not self._stopped.wait(self._every_s):
                pooled = pooled_bytes(admin.get_json(self._proxy, "/memory"))
                # The proxy itself cannot tell while it has no descriptor left.
                self.samples.append(Sample(time.monotonic() - self._began, self._proxy.resident_bytes(), pooled))
        except (Failure, OSError) as failure:
            self.failure = str(failure)

    def stop(self):
        self._stopped.set()
        self._thread.join()
        return self.samples


def halves(samples, seconds):
    """The samples behind the warm-up, in two halves by time."""
    warm = [sample for sample in samples if sample.at >= seconds * WARM_UP_SHARE]
    middle = seconds * (1 + WARM_UP_SHARE) / 2
    return [sample for sample in warm if sample.at < middle], [sample for sample in warm if sample.at >= middle]


def growth_problem(samples, seconds, growth_max=GROWTH_MAX):
    """None if the most of the second half is not above the most of the first by more than growth_max bytes and what pools have made since.

    Pools keep what they make and have bounds; that nothing of them is lost is seen when they are at rest.
    """
    first, second = halves(samples, seconds)
    if min(len(first), len(second)) < SAMPLES_MIN:
        return f"only {len(first)} and {len(second)} samples of its halves"
    before, after = (max(sample.resident for sample in half) for half in (first, second))
    made = max(sample.pooled for sample in second) - max(sample.pooled for sample in first)
    if after - before <= growth_max + made:
        return None
    return f"{before / MIB:.2f} MiB at most in the first half, {after / MIB:.2f} MiB in the second, {made / MIB:.2f} MiB of that in pools"


def course(samples, seconds, points=10):
    """What it was over time, in MiB: resident, and of that at most in pools."""
    if not samples:
        return "not known"
    chosen = [min(samples, key=lambda sample: abs(sample.at - seconds * number / points)) for number in range(points + 1)]
    return ", ".join(f"{sample.resident / MIB:.1f} ({sample.pooled / MIB:.1f})" for sample in chosen)
