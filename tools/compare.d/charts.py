"""The charts of the page: bars as HTML, curves as SVG. No I/O."""

import math
from html import escape

import wording

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 720, 320, 92, 40, 14, 36


def _kind(server):
    return server.split(":")[0]


def _bars(head, values, shown):
    """Horizontal bars. values: by server; `shown` writes one of them."""
    most = max(values.values(), default=0) or 1
    lines = [f'<div class="head">{escape(head)}</div>']
    for server, value in values.items():
        width = max(value / most * 100, 0.5)
        lines.append(f'<span>{escape(wording.label(server))}</span><div class="track"><div class="bar {_kind(server)}" style="width: {width:.1f}%"></div></div>'
                     f'<span>{escape(shown(value))}</span>')
    return "".join(lines)


def cost_bars(servers):
    """CPU per request, and what one core could do at that price. servers: as tools/ratio summarises them."""
    measured = {one["server"]: one["cpu_us_per_request"]["median"] for one in servers if "cpu_us_per_request" in one}
    capacity = {server: 1e6 / cost for server, cost in measured.items()}
    return ('<div class="bars">' + _bars("CPU per request", measured, wording.microseconds)
            + _bars("requests a second that one core is enough for", capacity, wording.count) + "</div>")


def memory_bars(servers):
    each = {one["server"]: one["connection_bytes"] for one in servers}
    whole = {one["server"]: one["process_bytes"] for one in servers}
    return '<div class="bars">' + _bars("for each idle connection", each, wording.size) + _bars("the whole process", whole, wording.size) + "</div>"


def _place_of(share):
    """Where a percentile stands: as many nines as it has."""
    return -math.log10(1 - min(share, 99.9999) / 100)


def _ticks(low, high):
    """1, 2, 5, 10, ... that cover low to high."""
    exponent = math.floor(math.log10(low))
    ticks = []
    while not ticks or ticks[-1] < high:
        ticks += [digit * 10.0**exponent for digit in (1, 2, 5)]
        exponent += 1
    return [tick for index, tick in enumerate(ticks) if index + 1 == len(ticks) or ticks[index + 1] > low]


def percentile_curves(servers):
    """Latency over percentiles; both axes logarithmic. servers: [{server, percentiles_us: {"50": value, ...}}]."""
    shares = [float(share) for share in servers[0]["percentiles_us"]]
    values = [value for one in servers for value in one["percentiles_us"].values()]
    ticks = _ticks(min(values), max(values))
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    first, last = _place_of(shares[0]), _place_of(shares[-1])

    def x(share):
        return _LEFT + (_place_of(share) - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def y(value):
        return _TOP + (high - math.log10(value)) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    lines = [f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
             f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick / 1000:g} ms</text>' for tick in ticks]
    lines += [f'<text x="{x(share):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">p{share:g}</text>' for share in shares]
    for one in servers:
        points = [(x(float(share)), y(value)) for share, value in one["percentiles_us"].items()]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        lines.append(f'<polyline class="curve {_kind(one["server"])}" points="{path}"/>')
        lines += [f'<circle class="dot {_kind(one["server"])}" cx="{across:.1f}" cy="{down:.1f}" r="3.5"/>' for across, down in points]
    title = "latency by percentile: " + ", ".join(wording.label(one["server"]) for one in servers)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(lines)}</svg>'
