"""The comparison as one HTML page without scripts or anything from elsewhere. No I/O."""

from html import escape

import charts
import plan
import wording

_STYLE = """\
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6575; --line: #d9dee6; --ground: #fbfcfd; --card: #ffffff;
  --sluice: #0b6e99; --nginx: #7a9a3b; --haproxy: #c0713d; --floor: #98a2b0; --good: #1d7a4b; --bad: #b3362c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf1; --soft: #9aa5b5; --line: #323b48; --ground: #12161c; --card: #1a2028;
  --sluice: #4db3dd; --nginx: #a9c767; --haproxy: #e39a68; --floor: #77828f; --good: #5cc58f; --bad: #ef7f75; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 66rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .3rem; }
h3 { font-size: 1.02rem; margin: 0; }
p { margin: .3rem 0 .8rem; max-width: 46rem; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 29rem), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem; min-width: 0; }
.card p { font-size: .92rem; color: var(--soft); margin: .2rem 0 .7rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { text-align: left; padding: .38rem .7rem .38rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
th { font-weight: 600; color: var(--soft); white-space: nowrap; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .3rem .7rem; align-items: center; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
.bars .head { grid-column: 1 / -1; color: var(--soft); font-size: .8rem; margin-top: .45rem; }
.track { height: .85rem; border-radius: .2rem; background: color-mix(in srgb, var(--line) 55%, transparent); }
.bar { height: 100%; border-radius: .2rem; background: var(--floor); }
.bar.sluice { background: var(--sluice); } .bar.nginx { background: var(--nginx); } .bar.haproxy { background: var(--haproxy); }
.bar.faint { opacity: .5; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
svg text { fill: var(--soft); } svg .grid { stroke: var(--line); stroke-width: 1; }
svg .curve { fill: none; stroke-width: 2.5; stroke: var(--floor); } svg .dot { fill: var(--floor); }
svg .sluice { stroke: var(--sluice); } svg .nginx { stroke: var(--nginx); } svg .haproxy { stroke: var(--haproxy); }
svg .dot.sluice { fill: var(--sluice); } svg .dot.nginx { fill: var(--nginx); } svg .dot.haproxy { fill: var(--haproxy); }
@media (max-width: 40rem) { svg { font-size: 21px; } body { padding: 1.2rem .9rem 3rem; } td, th { padding-right: .5rem; } }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; font-size: .9rem; margin: .2rem 0 .5rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: .15rem; margin-right: .4rem; vertical-align: -.06rem; }
.holds { color: var(--good); } .broken { color: var(--bad); font-weight: 600; }
details { border-top: 1px solid var(--line); padding: .5rem 0; } summary { cursor: pointer; }
pre { overflow-x: auto; font-size: .8rem; background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .7rem; }
"""


def _table(head, lines):
    cells = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = "".join("<tr>" + "".join(f"<td>{one}</td>" for one in line) + "</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'


def _summary(document):
    references = ("floor", *plan.PEERS)
    lines = [[escape(row["title"]), *(escape(wording.ratio(row["ratios"].get(reference))) for reference in references)]
             for row in document["rows"] if set(row["ratios"]) & set(references)]
    return _table(["CPU per request of Sluice", *(f"÷ {wording.label(one)}" for one in references)], lines)


def _row_card(row):
    sentences = [wording.against(wording.label(name), numbers) for name, numbers in row["ratios"].items() if name != "floor"]
    conclusion = " ".join(sentences)
    remarks = "".join(f'<p class="small">{escape(one)}</p>' for one in row["remarks"])
    return (f'<section class="card"><h3>{escape(row["title"])}</h3><p>{escape(row["sentence"])} '
            f'{escape(conclusion)}</p>{charts.cost_bars(row["servers"])}{remarks}</section>')


def _latency(latency):
    names = [one["server"] for one in latency["servers"]]
    legend = "".join(f'<span><i style="background: var(--{name})"></i>{escape(wording.label(name))}</span>' for name in names)
    shares = list(latency["servers"][0]["percentiles_us"])
    lines = [[escape(wording.label(one["server"])), *(wording.milliseconds(one["percentiles_us"][share]) for share in shares)] for one in latency["servers"]]
    verdicts = "; ".join(f"p99 ÷ {wording.label(name)}: {wording.ratio(numbers)}" for name, numbers in latency["ratios"].items())
    return (f'<h2>Latency at the same rate</h2><p>Each server gets {wording.count(latency["rate"])} requests a second, {plan.LATENCY_SHARE:.0%} of what the slowest '
            f'of them can do. A request counts from the moment when it was due, so a server that stalls cannot hide it. Lower is better; {escape(verdicts)}.</p>'
            f'<div class="card"><div class="legend">{legend}</div>{charts.percentile_curves(latency["servers"])}</div>'
            + _table(["median over the rounds", *(f"p{share}" for share in shares)], lines))


def _idle(idle):
    return (f'<section class="card"><h3>{wording.count(idle["connections"])} idle connections</h3><p>What clients that keep a connection and ask nothing cost in memory of the process: '
            f'most browsers and services do that. The kernel\'s own share is the same for all and not in it.</p>{charts.memory_bars(idle["servers"])}</section>')


def _reload(reload_):
    return (f'<section class="card"><h3>A reload with 10,000 routes</h3><p>From the signal to the new configuration in force, while {wording.count(reload_["rate"])} '
            f'requests a second go on.</p><p>{reload_["milliseconds"]:.0f} ms (median of {reload_["reloads"]}); {wording.count(reload_["requests"])} requests, '
            f'{wording.count(reload_["failed"])} failed.</p></section>')


def _bounds(verdicts):
    lines = [[escape(one["what"]), f"{one['bound']:,}", escape(one["seen"]), f'<span class="{escape(one["outcome"].replace(" ", "-"))}">{escape(one["outcome"])}</span>']
             for one in verdicts]
    return "<h2>The bounds that Sluice sets itself</h2>" + _table(["", "at most", "seen", ""], lines)


def _method(document):
    settings, host = document["settings"], document["host"]
    versions = "; ".join(f"{wording.label(name)} {wording.version(said)}" for name, said in document["versions"].items())
    facts = [
        ("Host", f"{host['cpu']}, {host['cores']} cores, {host['kernel']}, load average at the start {host['load_average']}"),
        ("Kernel settings", ", ".join(f"{name} = {value}" for name, value in host["settings"].items())),
        ("Versions", versions),
        ("Pinning", f"proxy on core {settings['proxy_core']}, load on core {settings['load_core']}, origin on core {settings['origin_core']}"),
        ("Rounds", f"{settings['rounds']} rounds of {settings['slice_s']:g} s for each server, in an order shuffled anew each time"),
        ("Command", settings["command"]),
    ]
    listing = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts)
    configurations = "".join(f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"
                             for name, text in document["configurations"].items())
    return (f'<h2>How this was measured</h2><p>CPU per request is the processor time of all threads and processes of a server, divided by the requests finished in the '
            f'same time. Servers take turns, slice by slice, and what counts is the median of the ratios within each round: a machine that gets slower gets '
            f'slower for all. The interval behind a ratio holds the true median with 95 %; where it is wider than 2 %, there is no verdict. '
            f'The floor is a program that copies bytes between two sockets and does nothing else.</p>'
            f'<div class="scroll"><table>{listing}</table></div><h2>Configurations</h2>{configurations}')


def render(document):
    """The page for `document`, as tools/compare writes it to compare.json."""
    cards = "".join(_row_card(row) for row in document["rows"])
    if document.get("idle"):
        cards += _idle(document["idle"])
    if document.get("reload"):
        cards += _reload(document["reload"])
    kind = "a quick run" if document["settings"]["quick"] else "a full run"
    parts = [
        f'<h1>Sluice beside nginx and HAProxy</h1><p class="soft">{escape(document["began"])}, {kind} on {escape(document["host"]["cpu"])}. '
        f'A ratio below 1 means that Sluice needs less.</p>',
        _summary(document),
        f'<h2>What a request costs</h2><p>The upper bars are processor time for each request: shorter is better. The lower ones are how many requests a second '
        f'one core could finish: longer is better.</p><div class="cards">{cards}</div>',
        _latency(document["latency"]) if document.get("latency") else "",
        _bounds(document["verdicts"]),
        _method(document),
    ]
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>Sluice beside nginx and HAProxy</title><style>{_STYLE}</style></head><body>{"".join(parts)}</body></html>\n')
