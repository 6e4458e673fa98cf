"""Tests of what tools/soak concludes: from sluice-load's figures and the log, and from samples of memory."""

import json
import os
import sys
import unittest
from collections import Counter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools", "soak.d"), os.path.join(ROOT, "tests", "e2e")]

import full_load  # noqa: E402
import memory  # noqa: E402
from ledger import Ledger  # noqa: E402

LOAD, UPLOADS = full_load.KINDS
ERRORS = ("connect", "refused", "timeout", "closed", "reset", "malformed", "status", "body")


def line(**entry):
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


class Reading(unittest.TestCase):
    def test_sorts(self):
        ledger = Ledger({"load", "uploads"})
        ledger.take(line(route="load", status=200, request_id="a") * 3 + line(route="uploads", status=200, request_id="b"))
        ledger.take(line(route="load", status=200, reason="upstream_reset", request_id="c") + line(route="load", status=503, reason="exhausted", request_id="d"))
        ledger.take(line(route="/shaky/*", status=200, request_id="e") + line(status=400, reason="bad_request", request_id="f"))
        self.assertEqual(ledger.loads, {("load", 200, None): 3, ("uploads", 200, None): 1, ("load", 200, "upstream_reset"): 1, ("load", 503, "exhausted"): 1})
        self.assertEqual([entry["request_id"] for entry in ledger.entries], ["e", "f"])
        self.assertEqual((ledger.lines, ledger.bad), (8, 0))
        self.assertEqual(ledger.reasons, {"upstream_reset": 1, "exhausted": 1, "bad_request": 1})

    def test_what_is_no_line(self):
        for data in (b'{"route":"load","status":200,"request_id":"a"\n', b'{"route":"load","status":200,"request_id":"a","ta{"route":"load"', b"\n", b"nonsense\n"):
            with self.subTest(data):
                ledger = Ledger({"load"})
                ledger.take(data)
                self.assertEqual((ledger.lines, ledger.bad, ledger.loads), (1, 1, {}))

    def test_nothing_is_counted_that_was_not_asked_for(self):
        ledger = Ledger()
        ledger.take(line(route="load", status=200, request_id="a"))
        self.assertEqual((len(ledger.entries), ledger.loads), (1, {}))


class Differences(unittest.TestCase):
    """One run of sluice-load against what the log says of it."""

    def setUp(self):
        self.result = {"started": 1000, "abandoned": 0, "statuses": {"200": 985, "502": 4, "503": 6}, "errors": dict.fromkeys(ERRORS, 0) | {"closed": 3, "reset": 2, "status": 10, "body": 10}}
        self.loads = Counter({("load", 200, None): 985, ("load", 502, "upstream_reset"): 3, ("load", 502, "upstream_closed"): 1,
                              ("load", 503, "exhausted"): 6, ("load", 200, "upstream_reset"): 5, ("uploads", 200, None): 77})

    def found(self):
        return full_load.differences(LOAD, self.result, self.loads)

    def test_all_explained(self):
        self.assertEqual(self.found(), [])

    def test_what_the_log_does_not_explain(self):
        rows = (
            ("a line is missing", [("load", 200, None)], -1),
            ("a line too many", [("load", 200, None)], 1),
            ("another status", [("load", 503, "exhausted"), ("load", 502, "upstream_reset")], None),
            ("a broken response without a reason", [("load", 200, "upstream_reset"), ("load", 200, None)], None),
            ("a reason for a response that was whole", [("load", 200, None), ("load", 200, "upstream_reset")], None),
        )
        for name, sorts, change in rows:
            with self.subTest(name):
                self.setUp()
                if change is None:
                    self.loads[sorts[0]] -= 1
                    self.loads[sorts[1]] += 1
                else:
                    self.loads[sorts[0]] += change
                self.assertNotEqual(self.found(), [])

    def test_what_nothing_explains(self):
        for kind in ("connect", "refused", "timeout", "malformed", "body"):
            with self.subTest(kind):
                self.setUp()
                self.result["errors"][kind] += 1
                self.assertEqual(len(self.found()), 1)

    def test_given_up(self):
        self.result |= {"abandoned": 1, "started": 1001}
        self.assertEqual(len(self.found()), 2)

    def test_mostly_errors(self):
        self.result["statuses"] |= {"200": 485, "503": 506}
        self.result["errors"]["body"] = 510
        self.loads |= Counter({("load", 503, "exhausted"): 506})
        self.loads[("load", 200, None)] = 485
        self.assertEqual(len(self.found()), 1)

    def test_bodies_of_uploads_are_not_looked_at(self):
        result = self.result | {"started": 77, "statuses": {"200": 77}, "errors": dict.fromkeys(ERRORS, 0)}
        self.assertEqual(full_load.differences(UPLOADS, result, self.loads), [])


def samples_of(*resident_mib, pooled_mib=None, seconds=100):
    step = seconds / len(resident_mib)
    pooled_mib = pooled_mib or [0] * len(resident_mib)
    return [memory.Sample((number + 1) * step, int(size * memory.MIB), int(pooled * memory.MIB)) for number, (size, pooled) in enumerate(zip(resident_mib, pooled_mib))]


class Flat(unittest.TestCase):
    def test_flat(self):
        for name, sizes in (
            ("as it was", [50] * 40),
            ("less", [50 - number / 10 for number in range(40)]),
            ("up and down", [50 + number % 5 for number in range(40)]),
            ("grown while it warmed up", [10, 20, 30] + [50] * 37),
            ("a little more", [50] * 25 + [50.9] * 15),
        ):
            with self.subTest(name):
                self.assertIsNone(memory.growth_problem(samples_of(*sizes), 100, memory.MIB))

    def test_pools_have_grown(self):
        sizes, pooled = [50] * 25 + [54] * 15, [20] * 25 + [23.5] * 15
        self.assertIsNone(memory.growth_problem(samples_of(*sizes, pooled_mib=pooled), 100, memory.MIB))
        for more in (sizes[:39] + [55], [size + number / 20 for number, size in enumerate(sizes)]):
            self.assertIn("in pools", memory.growth_problem(samples_of(*more, pooled_mib=pooled), 100, memory.MIB))

    def test_grown(self):
        for name, sizes in (
            ("bit by bit", [50 + number / 10 for number in range(40)]),
            ("at once", [50] * 25 + [52] * 15),
            ("at the very end", [50] * 39 + [51.1]),
            ("behind a fall", [50] * 22 + [20] * 9 + [52] * 9),
        ):
            with self.subTest(name):
                self.assertIn("in the second", memory.growth_problem(samples_of(*sizes), 100, memory.MIB))

    def test_too_few_samples(self):
        for count in (0, 1, 8):
            with self.subTest(count):
                self.assertIn("samples", memory.growth_problem(samples_of(*[50] * count), 100, memory.MIB) if count else memory.growth_problem([], 100))


if __name__ == "__main__":
    unittest.main()
