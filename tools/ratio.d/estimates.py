"""What a row of paired measurements says, and whether it says enough. No I/O."""

import math
import re
from dataclasses import dataclass

CONFIDENCE = 0.95
WIDTH_MAX = 0.02  # of the median: a wider interval carries no verdict


@dataclass(frozen=True)
class Slice:
    """One server under load for one slice. `cpu_s`: seconds of CPU that it used; `wall_s`: how long the load ran."""

    cpu_s: float
    wall_s: float
    requests: int
    problem: str = ""  # why it does not count, else empty

    @property
    def is_valid(self):
        return not self.problem and self.requests > 0 and self.cpu_s > 0 and self.wall_s > 0

    @property
    def cpu_us_per_request(self):
        return self.cpu_s / self.requests * 1e6


@dataclass(frozen=True)
class Estimate:
    """The median of `count` values with an interval that holds the true one with at least CONFIDENCE."""

    count: int
    median: float
    p10: float
    p90: float
    low: float  # low, high: NaN when there are too few values for an interval
    high: float

    @property
    def width(self):
        """Relative to the median; infinite without an interval."""
        return math.inf if math.isnan(self.low) or self.median <= 0 else (self.high - self.low) / self.median

    @property
    def has_verdict(self):
        return self.width <= WIDTH_MAX


@dataclass(frozen=True)
class Check:
    """`server` may cost at most `limit` times what `reference` does."""

    server: str
    reference: str
    limit: float

    def __str__(self):
        return f"{self.server}/{self.reference}<={self.limit:g}"


def percentile(values, share):
    """Linear between the two nearest ranks; `share` from 0 to 1."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def interval_rank(count, confidence=CONFIDENCE):
    """How far from each end the order statistics lie that bracket the median (1: the extremes), or 0 for too few values.

    Each value is below the true median with chance one half, whatever the distribution, so the number of those below it
    is binomial: the largest rank whose two tails together stay within 1 - confidence.
    """
    tail, rank = 0.0, 0
    for successes in range(count // 2):
        tail += math.comb(count, successes) * 0.5**count
        if 2 * tail > 1 - confidence:
            break
        rank = successes + 1
    return rank


def estimate(values):
    """The Estimate of `values`, which must not be empty."""
    ordered = sorted(values)
    rank = interval_rank(len(ordered))
    low, high = (ordered[rank - 1], ordered[-rank]) if rank else (math.nan, math.nan)
    return Estimate(len(ordered), percentile(ordered, 0.5), percentile(ordered, 0.1), percentile(ordered, 0.9), low, high)


def paired_ratios(rounds, server, reference):
    """CPU per request of `server` over that of `reference`, for each round in which both slices are valid.

    rounds: a list of {server name: Slice}.
    """
    ratios = []
    for one in rounds:
        top, bottom = one.get(server), one.get(reference)
        if top and bottom and top.is_valid and bottom.is_valid:
            ratios.append(top.cpu_us_per_request / bottom.cpu_us_per_request)
    return ratios


def parse_check(text):
    """Reads 'sluice/floor<=1.12'. Raises ValueError with what is wrong."""
    match = re.fullmatch(r"\s*([a-z0-9-]+)\s*/\s*([a-z0-9-]+)\s*<=\s*([0-9]+(?:\.[0-9]+)?)\s*", text)
    if not match:
        raise ValueError(f"'{text}' is not of the form 'sluice/floor<=1.12'")
    if match[1] == match[2]:
        raise ValueError(f"'{text}' compares {match[1]} with itself")
    if float(match[3]) <= 0:
        raise ValueError(f"'{text}' has no positive limit")
    return Check(match[1], match[2], float(match[3]))


def judge(check, rounds):
    """Returns ('holds' | 'broken' | 'no verdict', Estimate or None, a sentence)."""
    ratios = paired_ratios(rounds, check.server, check.reference)
    if not ratios:
        return "no verdict", None, f"{check}: no verdict: no round in which both slices were valid"
    result = estimate(ratios)
    if not result.has_verdict:
        return "no verdict", result, f"{check}: {refusal(result)}"
    outcome = "holds" if result.median <= check.limit else "broken"
    return outcome, result, f"{check}: {outcome}: {result.median:.3f} ({result.low:.3f} to {result.high:.3f})"


def refusal(result):
    """Why `result` carries no verdict."""
    if math.isinf(result.width):
        return f"no verdict: {result.count} rounds are too few for an interval"
    return f"no verdict: interval wider than {WIDTH_MAX * 100:g} % ({result.width * 100:.1f} %, {result.low:.3f} to {result.high:.3f})"
