"""Holds the cases that ran against requirements.toml: what the proxy promises, and which cases show it."""

import fnmatch
import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parent / "requirements.toml"
DELIVERIES = frozenset(("whole", "split", "bytewise"))


@dataclass(frozen=True)
class Requirement:
    """deliveries: whether its cases have to have delivered whole, split and byte by byte."""

    id: str
    text: str
    source: str
    cases: tuple
    deliveries: bool


def parse(text):
    """The requirements of a file. Raises ValueError when one lacks something, or an id comes twice."""
    found = []
    for section, entries in tomllib.loads(text).items():
        for name, entry in entries.items():
            unknown = entry.keys() - {"text", "source", "cases", "deliveries"}
            if unknown or not entry.get("text") or not entry.get("source") or not entry.get("cases"):
                raise ValueError(f"{section}.{name}: needs text, source and cases, and knows deliveries besides: {sorted(unknown)}")
            found.append(Requirement(f"{section}.{name}", entry["text"], entry["source"], tuple(entry["cases"]), entry.get("deliveries", False)))
    return found


def load():
    return parse(FILE.read_text(encoding="utf-8"))


def expression(wanted):
    """A regular expression for the ids of the cases that show these requirements; there has to be one."""
    if not wanted:
        raise ValueError("there is no such requirement")
    return "^(?:" + "|".join(fnmatch.translate(pattern) for one in wanted for pattern in one.cases) + ")"


def unmet(requirement, ran):
    """Why a requirement is not shown, or None. ran: {id of a case that passed: the kinds of delivery that it made}."""
    for pattern in requirement.cases:
        matching = [name for name in ran if fnmatch.fnmatchcase(name, pattern)]
        if not matching:
            return f"no case that passed is called {pattern}"
        if requirement.deliveries:
            missing = DELIVERIES - frozenset().union(*(ran[name] for name in matching))
            if missing:
                return f"{pattern}: never delivered {', '.join(sorted(missing))}"
    return None
