"""What the access log says."""

import json
import re
from collections import Counter


class Ledger:
    """The lines of a log: of some routes how many there are of each sort, the others one by one.

    counted: the names of these routes. Their lines begin with route, status and reason, and most of them are those of 200 without
    a reason: these are not parsed.
    """

    def __init__(self, counted=()):
        self.loads = Counter()  # by (route, status, reason)
        self.entries, self.bad = [], 0
        self._counted = frozenset(counted)
        self._usual = re.compile(rf'\{{"route":"({"|".join(sorted(counted))})","status":200,"request_id":.*\}}'.encode())

    def read(self, path):
        self.take(path.read_bytes())
        return self

    def take(self, data):
        for line in data.splitlines():
            if usual := self._usual.fullmatch(line):
                self.loads[usual[1].decode(), 200, None] += 1
                continue
            try:
                entry = json.loads(line)
            except ValueError:
                self.bad += 1
                continue
            if entry.get("route") in self._counted:
                self.loads[entry["route"], entry["status"], entry.get("reason")] += 1
            else:
                self.entries.append(entry)

    @property
    def lines(self):
        return self.loads.total() + len(self.entries) + self.bad

    @property
    def reasons(self):
        counts = Counter(entry["reason"] for entry in self.entries if "reason" in entry)
        for (_, _, reason), count in self.loads.items():
            if reason is not None:
                counts[reason] += count
        return counts
