"""Holds what the clients saw against the access log: every exchange was right, or failed for a reason that the log names."""

import re
from collections import Counter

# What may go wrong for a valid request while endpoints die, reset and hang, and descriptors are short.
EXCUSES = {
    "upstream_refused", "upstream_connect_timeout", "upstream_first_byte_timeout", "upstream_idle_timeout", "upstream_closed", "upstream_reset",
    "exhausted",
}
# And what besides, for some kinds of exchange.
MORE_EXCUSES = {
    "broken_origin": {"upstream_malformed"},
    "refused": {"bad_request"},
}


class Log:
    """The access log, by request id and by the number that each request carries in User-Agent."""

    def __init__(self, entries):
        self.by_id = {entry["request_id"]: entry for entry in entries}
        self.by_number = {}
        for entry in entries:
            if found := re.fullmatch(r"soak-(\d+)", entry.get("user_agent", "")):
                self.by_number[int(found[1])] = entry

    def entry_of(self, outcome):
        return self.by_id.get(outcome.request_id) or self.by_number.get(outcome.number)


def unexplained(outcome, log, is_short):
    """Why an outcome is not all right, or None. is_short: whether descriptors were short meanwhile."""
    entry = log.entry_of(outcome)
    if outcome.verdict == "left":
        return None
    if outcome.verdict == "wrong":
        return outcome.said
    if entry is None:
        has_raced = outcome.verdict == "silent" and (outcome.may_race or is_short)
        return None if has_raced else f"no line in the log; {outcome.said}"
    reason = entry.get("reason")
    if outcome.verdict == "whole" and entry["status"] != outcome.status:
        return f"status {outcome.status}, and {entry['status']} in the log"
    if reason is None:
        if outcome.verdict != "whole":
            return f"the log calls it complete; {outcome.said}"
        return None if outcome.status in outcome.statuses else f"status {outcome.status} without a reason in the log"
    if reason not in EXCUSES | MORE_EXCUSES.get(outcome.kind, set()):
        return f"the log's reason is {reason}; the client saw {outcome.verdict} {outcome.status} {outcome.said}"
    return None


def judge(outcomes, log, was_short):
    """[(outcome, why)] of those that are not explained. was_short(begin, end): whether descriptors were short then."""
    found = []
    for outcome in outcomes:
        if why := unexplained(outcome, log, was_short(outcome.began, outcome.ended)):
            found.append((outcome, why))
    return found


def table(outcomes, log):
    """Lines that tell how often what happened, by kind."""
    rows = {}
    for outcome in outcomes:
        row = rows.setdefault(outcome.kind, Counter())
        row[outcome.verdict] += 1
        entry = log.entry_of(outcome)
        if entry is not None and "reason" in entry and outcome.verdict != "left":
            row["named"] += 1
    columns = ("whole", "cut", "silent", "left", "wrong", "named")
    yield f"{'':17}" + "".join(f"{name:>8}" for name in columns)
    for kind, row in sorted(rows.items()):
        yield f"{kind:17}" + "".join(f"{row[name]:>8}" for name in columns)
