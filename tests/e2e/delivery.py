"""The ways in which a message can arrive: whole, in two pieces cut at telling places, byte by byte."""

import threading
from dataclasses import dataclass

# What is longer comes byte by byte at its two ends alone: what may lose its place is there.
BYTEWISE_MAX = 24_000
BYTEWISE_END = 4_000

_used = threading.local()


def forget_used():
    """From here on, used() tells of what this thread delivers."""
    _used.kinds = set()


def used():
    """The kinds of delivery that this thread has made: "whole", "split", "bytewise"."""
    return frozenset(getattr(_used, "kinds", ()))


@dataclass(frozen=True)
class Delivery:
    name: str
    cuts: tuple = ()  # offsets at which a new piece begins; None: each of them

    @property
    def kind(self):
        if self.cuts is None:
            return "bytewise"
        return "split" if self.cuts else "whole"

    def pieces(self, data):
        if hasattr(_used, "kinds"):
            _used.kinds.add(self.kind)
        cuts = self.cuts
        if cuts is None:
            size = len(data)
            cuts = range(1, size) if size <= BYTEWISE_MAX else (*range(1, BYTEWISE_END), *range(size - BYTEWISE_END, size))
        edges = [0, *cuts, len(data)]
        return [data[begin:end] for begin, end in zip(edges, edges[1:])]


WHOLE = Delivery("whole")
BYTEWISE = Delivery("byte by byte", None)


def cuts_of(data):
    """Offsets where a parser may lose its place: inside the first line, between CR and LF, around the end of the head."""
    head_end = data.find(b"\r\n\r\n")
    first_end = data.find(b"\r\n")
    wanted = [1, first_end + 1, head_end + 1, head_end + 3, head_end + 4, head_end + 5, len(data) // 2, len(data) - 1]
    return sorted({cut for cut in wanted if 0 < cut < len(data)})


def deliveries(data):
    """Whole, split in two at every telling offset, and byte by byte."""
    return [WHOLE, *(Delivery(f"split at {cut}", (cut,)) for cut in cuts_of(data)), BYTEWISE]


def few_deliveries(data):
    """Whole, at all telling offsets at once, and byte by byte: for cases that cost more than a round trip."""
    return [WHOLE, Delivery(f"split at {cuts_of(data)}", tuple(cuts_of(data))), BYTEWISE]
