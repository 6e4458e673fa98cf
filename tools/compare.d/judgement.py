"""Whether what was measured stays within the bounds that Sluice sets itself. No I/O."""

from plan import IDLE_BYTES_BOUND, LATENCY_BOUND, LATENCY_SHARE, RELOAD_MS_BOUND

from wording import label


def _of_ratio(what, numbers, bound):
    """One verdict, which an interval wider than 2 % of the median does not carry."""
    if numbers is None:
        return {"what": what, "bound": bound, "outcome": "not measured", "seen": ""}
    low, high = numbers["low"], numbers["high"]
    seen = f"{numbers['median']:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None else " (too few rounds)")
    if not numbers["verdict"]:
        outcome = "no verdict"
    else:
        outcome = "holds" if numbers["median"] <= bound else "broken"
    return {"what": what, "bound": bound, "outcome": outcome, "seen": seen}


def _of_value(what, value, bound, text):
    return {"what": what, "bound": bound, "outcome": "holds" if value <= bound else "broken", "seen": text}


def judge(document):
    """All verdicts on a document of measurements, in its order."""
    found = []
    for row in document["rows"]:
        for reference, bound in row["bounds"].items():
            found.append(_of_ratio(f"{row['title']}: ÷ {label(reference)}", row["ratios"].get(reference), bound))
    latency = document.get("latency")
    if latency:
        for reference, numbers in latency["ratios"].items():
            found.append(_of_ratio(f"p99 at {LATENCY_SHARE:.0%} of the slowest peak: ÷ {label(reference)}", numbers, LATENCY_BOUND))
    idle = document.get("idle")
    if idle:
        servers = {one["server"]: one for one in idle["servers"]}
        own = servers["sluice"]
        found.append(_of_value("bytes of each idle connection", own["connection_bytes"], IDLE_BYTES_BOUND, f"{own['connection_bytes']:.0f}"))
        if "haproxy" in servers:
            peer = servers["haproxy"]["process_bytes"]
            found.append(_of_value("bytes of the process with all of them", own["process_bytes"], peer, f"{own['process_bytes']}"))
    reload_ = document.get("reload")
    if reload_:
        found.append(_of_value("milliseconds of a reload with 10,000 routes", reload_["milliseconds"], RELOAD_MS_BOUND, f"{reload_['milliseconds']:.0f}"))
        found.append(_of_value("requests that failed meanwhile", reload_["failed"], 0, f"{reload_['failed']}"))
    return found


def exit_status(verdicts):
    """0 all hold, 1 one is broken, 2 one has no verdict."""
    outcomes = {one["outcome"] for one in verdicts}
    return 1 if "broken" in outcomes else 2 if outcomes - {"holds"} else 0
