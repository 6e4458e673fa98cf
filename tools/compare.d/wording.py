"""Numbers and verdicts in words, the same on the terminal, in Markdown and in the page. No I/O."""

import re

from plan import LABELS


def label(server):
    return LABELS.get(server, server)


def version(said):
    """'1.22.1' of 'nginx version: nginx/1.22.1': the number in what a program says of itself, or all of it where there is none."""
    number = re.search(r"\d+\.\d[^\s,]*", said)
    return number[0] if number else said


def ratio(numbers):
    """'0.86', or '0.86 (0.80 to 0.92: no verdict)' where the interval is too wide to carry one."""
    if numbers is None:
        return "–"
    if numbers["verdict"]:
        return f"{numbers['median']:.2f}"
    if numbers["low"] is None:
        return f"{numbers['median']:.2f} (too few rounds)"
    return f"{numbers['median']:.2f} ({numbers['low']:.2f} to {numbers['high']:.2f}: no verdict)"


def against(name, numbers, noun="CPU"):
    """A sentence such as 'Against nginx: 20 % less CPU.'"""
    if not numbers["verdict"]:
        return f"Against {name}: no verdict, the machine was not quiet enough."
    share = round((numbers["median"] - 1) * 100)
    if share == 0:
        return f"Against {name}: as much {noun}."
    return f"Against {name}: {abs(share)} % {'more' if share > 0 else 'less'} {noun}."


def count(value):
    return f"{value:,.0f}"


def microseconds(value):
    return f"{value:.2f} µs" if value < 100 else f"{value:,.0f} µs"


def milliseconds(microseconds_):
    return f"{microseconds_ / 1000:.2f} ms"


def size(bytes_):
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if bytes_ >= scale:
            return f"{bytes_ / scale:.2f} {unit}"
    return f"{bytes_:.0f} bytes"
