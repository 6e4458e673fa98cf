"""Holds the cases that ran against requirements.toml: what the proxy promises, and which cases show it."""

import fnmatch
import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parent / "requirements.toml"
DELIVERIES = frozenset(("whole", "split", "bytewise"))


@dataclass(frozen=True)
class Requirement:
    """cases: each of them has to have delivered its bytes whole, split and byte by byte; once: those that need not, and why_not."""

    id: str
    text: str
    source: str
    cases: tuple
    once: tuple
    why_not: str

    @property
    def patterns(self):
        return self.cases + self.once


def parse(text):
    """The requirements of a file. Raises ValueError when one lacks something, or an id comes twice."""
    found = []
    for section, entries in tomllib.loads(text).items():
        for name, entry in entries.items():
            unknown = entry.keys() - {"text", "source", "cases", "once", "why_not"}
            one = Requirement(f"{section}.{name}", entry.get("text"), entry.get("source"), tuple(entry.get("cases", ())), tuple(entry.get("once", ())),
                              entry.get("why_not"))
            if unknown or not one.text or not one.source or not one.patterns:
                raise ValueError(f"{one.id}: needs text, source, and cases or once; it has besides: {sorted(unknown)}")
            if bool(one.once) != bool(one.why_not):
                raise ValueError(f"{one.id}: `once` needs `why_not`, and the other way round")
            found.append(one)
    return found


def load():
    return parse(FILE.read_text(encoding="utf-8"))


def expression(wanted):
    """A regular expression for the ids of the cases that show these requirements; there has to be one."""
    if not wanted:
        raise ValueError("there is no such requirement")
    return "^(?:" + "|".join(fnmatch.translate(pattern) for one in wanted for pattern in one.patterns) + ")"


def names(patterns, ran):
    return {name for name in ran for pattern in patterns if fnmatch.fnmatchcase(name, pattern)}


def unmet(requirement, ran):
    """Why a requirement is not shown, or None. ran: {id of a case that passed: the kinds of delivery that it made}."""
    for pattern in requirement.patterns:
        if not names([pattern], ran):
            return f"no case that passed is called {pattern}"
    exempt = names(requirement.once, ran)
    for pattern in requirement.cases:
        if not names([pattern], ran) - exempt:
            return f"{pattern}: none of its cases has to deliver its bytes in every way"
    found = [(name, DELIVERIES - ran[name]) for name in sorted(names(requirement.cases, ran) - exempt)]
    return "; ".join(f"{name}: never delivered {', '.join(sorted(missing))}" for name, missing in found if missing) or None
