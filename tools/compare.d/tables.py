"""The comparison as text for the terminal, and as Markdown. No I/O."""

import plan
import wording


def _grid(head, lines):
    """Columns of text, as wide as they need."""
    widths = [max(len(one[column]) for one in [head, *lines]) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(one, widths)).rstrip() for one in [head, *lines]]


def _costs(document):
    """A head and lines: each row's cost, and the ratios."""
    head = ["CPU per request", "Sluice", "÷ floor", "÷ nginx", "÷ HAProxy", "requests/s", "busy"]
    lines = []
    for row in document["rows"]:
        own = next(one for one in row["servers"] if one["server"] == row["subject"])
        cost = wording.microseconds(own["cpu_us_per_request"]["median"]) if "cpu_us_per_request" in own else "–"
        ratios = [wording.ratio(row["ratios"].get(reference)) for reference in ("floor", *plan.PEERS)]
        if not set(row["ratios"]) & {"floor", *plan.PEERS}:
            ratios[0] = "; ".join(f"÷ {wording.label(reference)}: {wording.ratio(numbers)}" for reference, numbers in row["ratios"].items())
        lines.append([row["title"], cost, *ratios, wording.count(own.get("requests_per_s", 0)), f"{own.get('busy', 0):.0%}"])
    return head, lines


def _latency(latency):
    shares = list(latency["servers"][0]["percentiles_us"])
    head = [f"latency at {wording.count(latency['rate'])}/s", *(f"p{share}" for share in shares), "p99 of Sluice ÷"]
    return head, [[wording.label(one["server"]), *(wording.milliseconds(one["percentiles_us"][share]) for share in shares),
                   wording.ratio(latency["ratios"].get(one["server"]))] for one in latency["servers"]]


def _idle(idle):
    head = [f"{wording.count(idle['connections'])} idle connections", "each", "whole process"]
    return head, [[wording.label(one["server"]), wording.size(one["connection_bytes"]), wording.size(one["process_bytes"])] for one in idle["servers"]]


def _reload(reload_):
    return (f"reload with 10,000 routes: {reload_['milliseconds']:.0f} ms (median of {reload_['reloads']}, longest {reload_['longest']:.0f} ms); "
            f"{reload_['failed']} of {wording.count(reload_['requests'])} requests failed meanwhile")


def _parts(document):
    """(head, lines) of each table that there is something for."""
    parts = [_costs(document)] if document["rows"] else []
    parts += [_latency(document["latency"])] if document.get("latency") else []
    return parts + ([_idle(document["idle"])] if document.get("idle") else [])


def text(document):
    lines = []
    for head, body in _parts(document):
        lines += [*_grid(head, body), ""]
    if document.get("reload"):
        lines += [_reload(document["reload"]), ""]
    bounds = [[one["what"], f"<= {one['bound']:g}", one["seen"], one["outcome"]] for one in document["verdicts"]]
    lines += _grid(["the bounds that Sluice sets itself", "", "seen", ""], bounds) if bounds else []
    remarks = [f"- {row['title']}: {remark}" for row in document["rows"] for remark in row["remarks"]]
    return "\n".join(lines + ([""] + remarks if remarks else []))


def markdown(document):
    """The tables as the README has them."""
    lines = []
    for head, body in _parts(document):
        lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(one) + " |" for one in body), ""]
    if document.get("reload"):
        lines += [_reload(document["reload"]).capitalize() + ".", ""]
    facts = document["host"]
    versions = ", ".join(f"{wording.label(name)} {wording.version(said)}" for name, said in document["versions"].items() if name in plan.PEERS)
    settings = document["settings"]
    lines.append(f"{facts['cpu']}, {facts['cores']} cores, {facts['kernel']}; {versions}; {settings['rounds']} rounds of {settings['slice_s']:g} s.")
    return "\n".join(lines) + "\n"
