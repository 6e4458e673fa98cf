"""What the measurement prints and writes."""

import math
import os
import platform

from estimates import estimate, paired_ratios, percentile, refusal


def machine():
    """Kernel, processor and load of this host."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": model,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def numbers(result):
    """An Estimate, ready for JSON."""
    return {
        "rounds": result.count,
        "median": result.median,
        "p10": result.p10,
        "p90": result.p90,
        "low": None if math.isnan(result.low) else result.low,
        "high": None if math.isnan(result.high) else result.high,
        "width": None if math.isinf(result.width) else result.width,
        "verdict": result.has_verdict,
    }


def summarise(rounds, servers, reference):
    """One row for each server, ready for JSON."""
    rows = []
    for server in servers:
        slices = [one[server] for one in rounds if server in one]
        valid = [one for one in slices if one.is_valid]
        row = {"server": server, "slices": len(slices), "valid": len(valid), "problems": sorted({one.problem for one in slices if one.problem})}
        if valid:
            row["cpu_us_per_request"] = numbers(estimate([one.cpu_us_per_request for one in valid]))
            row["busy"] = percentile([one.cpu_s / one.wall_s for one in valid], 0.5)
            row["requests_per_s"] = percentile([one.requests / one.wall_s for one in valid], 0.5)
        ratios = paired_ratios(rounds, server, reference) if server != reference else []
        if ratios:
            result = estimate(ratios)
            row["ratio"] = numbers(result)
            row["refusal"] = "" if result.has_verdict else refusal(result)
        rows.append(row)
    return rows


def table(rows, reference):
    """The rows as text."""
    lines = [
        f"{'':15} {'CPU us/request':>23} {'busy':>5} {'requests/s':>11}   {'x ' + reference:>9}  {'p10..p90':>14}  {'95 % interval':>14}  {'width':>6}  valid",
    ]
    for row in rows:
        counted = f"{row['valid']}/{row['slices']}"
        if "cpu_us_per_request" not in row:
            lines.append(f"{row['server']:15} {'no valid slice':>23} {counted:>88}")
            continue
        cost = row["cpu_us_per_request"]
        spread = f"{cost['median']:.2f} ({cost['p10']:.2f}..{cost['p90']:.2f})"
        line = f"{row['server']:15} {spread:>23} {row['busy']:>5.0%} {row['requests_per_s']:>11,.0f}   "
        if "ratio" in row:
            ratio = row["ratio"]
            interval = "-" if ratio["low"] is None else f"{ratio['low']:.3f}..{ratio['high']:.3f}"
            width = "-" if ratio["width"] is None else f"{ratio['width']:.1%}"
            tens = f"{ratio['p10']:.3f}..{ratio['p90']:.3f}"
            line += f"{ratio['median']:>9.3f}  {tens:>14}  {interval:>14}  {width:>6}  {counted}"
        else:
            line += f"{'1':>9}  {'':>14}  {'':>14}  {'':>6}  {counted}"
        lines.append(line)
    return "\n".join(lines)


def remarks(rows):
    """What a reader of the table must know, one sentence each."""
    found = []
    for row in rows:
        if row.get("refusal"):
            found.append(f"{row['server']}: {row['refusal']}")
        for problem in row["problems"]:
            found.append(f"{row['server']}: {row['slices'] - row['valid']} slice(s) left out: {problem}")
    idle = [f"{row['server']} {row['busy']:.0%}" for row in rows if row.get("busy", 1) < 0.9]
    if idle:
        found.append("the load did not fill the proxy's core: " + ", ".join(idle))
    return found
