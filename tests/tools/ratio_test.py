"""Tests of what tools/ratio concludes from its measurements."""

import math
import os
import random
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "ratio.d"))

import contenders  # noqa: E402
import estimates  # noqa: E402
import load  # noqa: E402
import process  # noqa: E402
import report  # noqa: E402
from estimates import Slice  # noqa: E402


def rounds_of(ratios, noise=1.0):
    """Rounds in which 'a' costs `ratio` times what 'b' does; the machine's speed moves by up to `noise` between rounds."""
    speed = random.Random(7)
    rounds = []
    for ratio in ratios:
        factor = speed.uniform(1, noise)
        rounds.append({"a": Slice(ratio * factor, 1, 1000), "b": Slice(factor, 1, 1000)})
    return rounds


class Variants(unittest.TestCase):
    def test_names(self):
        self.assertEqual(contenders.kind_of("nginx"), ("nginx", {}))
        self.assertEqual(contenders.kind_of("sluice"), ("sluice", {}))
        self.assertEqual(contenders.kind_of("sluice:pipes=8:pipe_size=1MiB"), ("sluice", {"pipes": "8", "pipe_size": "1MiB"}))
        for name in ("nginx:pipes=8", "sluice:", "sluice:pipes", "sluice:=8", "sluice:pipes="):
            with self.subTest(name), self.assertRaises(ValueError):
                contenders.kind_of(name)


class Percentile(unittest.TestCase):
    def test_known_values(self):
        for values, share, expected in (
            ([5], 0.5, 5),
            ([1, 2], 0.5, 1.5),
            ([3, 1, 2], 0.5, 2),
            ([1, 2, 3, 4], 0.5, 2.5),
            (list(range(11)), 0.1, 1),
            (list(range(11)), 0.9, 9),
            ([1, 2], 0.0, 1),
            ([1, 2], 1.0, 2),
        ):
            self.assertAlmostEqual(estimates.percentile(values, share), expected, msg=f"{values} at {share}")


class IntervalRank(unittest.TestCase):
    def test_against_the_published_table_for_95_percent(self):
        # Rank of the lower bound for the median, from tables of the sign test.
        for count, rank in ((5, 0), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (20, 6), (25, 8), (30, 10), (40, 14), (50, 18), (100, 40)):
            self.assertEqual(estimates.interval_rank(count), rank, msg=f"{count} values")

    def test_covers_the_true_median_as_often_as_it_says(self):
        draw = random.Random(3)
        for shape in (lambda: draw.gauss(1, 0.1), lambda: draw.expovariate(1), lambda: draw.paretovariate(1.5)):
            true_median = estimates.percentile([shape() for _ in range(40001)], 0.5)
            covered = 0
            for _ in range(1000):
                result = estimates.estimate([shape() for _ in range(30)])
                covered += result.low <= true_median <= result.high
            self.assertGreater(covered, 930)
            self.assertLess(covered, 990)


class Estimates(unittest.TestCase):
    def test_known_distribution(self):
        values = [1 + number / 1000 for number in range(1, 31)]
        random.Random(1).shuffle(values)
        result = estimates.estimate(values)
        self.assertEqual(result.count, 30)
        self.assertAlmostEqual(result.median, 1.0155)
        self.assertAlmostEqual(result.p10, 1.0039)
        self.assertAlmostEqual(result.p90, 1.0271)
        self.assertAlmostEqual(result.low, 1.010)
        self.assertAlmostEqual(result.high, 1.021)
        self.assertTrue(result.has_verdict)

    def test_refuses_what_is_too_wide_or_too_little(self):
        for name, values, refused in (
            ("too few", [1.0] * 5, True),
            ("just enough", [1.0] * 6, False),
            ("nearly 2 % wide", [0.991] * 10 + [1.0] + [1.01] * 10, False),
            ("wider than 2 %", [0.98] * 10 + [1.0] + [1.01] * 10, True),
            ("two heaps", [1.0] * 15 + [1.1] * 15, True),
            ("outliers alone do not refuse", [1.0] * 25 + [3.0] * 5, False),
        ):
            result = estimates.estimate(values)
            self.assertEqual(result.has_verdict, not refused, msg=name)
            self.assertIn("no verdict", estimates.refusal(result))
        self.assertIn("interval wider than 2 %", estimates.refusal(estimates.estimate([1.0] * 15 + [1.1] * 15)))
        self.assertTrue(math.isinf(estimates.estimate([1.0, 1.0]).width))


class Pairing(unittest.TestCase):
    def test_a_moving_machine_cancels_out(self):
        ratios = estimates.paired_ratios(rounds_of([1.25] * 30, noise=3), "a", "b")
        self.assertEqual(len(ratios), 30)
        for ratio in ratios:
            self.assertAlmostEqual(ratio, 1.25)

    def test_invalid_slices_do_not_count(self):
        good = Slice(1, 1, 1000)
        for name, bad in (
            ("errors", Slice(1, 1, 1000, "errors: 3 status")),
            ("no requests", Slice(1, 1, 0)),
            ("no CPU", Slice(0, 1, 1000)),
            ("no time", Slice(1, 0, 1000)),
        ):
            self.assertFalse(bad.is_valid, msg=name)
            self.assertEqual(estimates.paired_ratios([{"a": bad, "b": good}], "a", "b"), [], msg=name)
            self.assertEqual(estimates.paired_ratios([{"a": good, "b": bad}], "a", "b"), [], msg=name)
        self.assertEqual(estimates.paired_ratios([{"a": good}], "a", "b"), [])
        self.assertEqual(estimates.paired_ratios([{"a": good, "b": good}], "a", "b"), [1.0])


class Checks(unittest.TestCase):
    def test_parse(self):
        self.assertEqual(estimates.parse_check("sluice/floor<=1.12"), estimates.Check("sluice", "floor", 1.12))
        self.assertEqual(estimates.parse_check(" floor / nginx-buffered <= 1 "), estimates.Check("floor", "nginx-buffered", 1.0))
        for text in ("", "sluice<=1", "sluice/floor<1", "sluice/floor=<1", "sluice/floor<=", "sluice/floor<=x", "sluice/floor<=-1",
                     "a/a<=1", "a/b<=0", "a/b<=1%", "a/b/c<=1"):
            with self.assertRaises(ValueError, msg=text):
                estimates.parse_check(text)

    def test_judge(self):
        check = estimates.parse_check("a/b<=1.12")
        spoilt = [{"a": Slice(1, 1, 1000, "errors: 1 read"), "b": Slice(1, 1, 1000)}] * 30
        for name, rounds, expected in (
            ("below", rounds_of([1.10] * 30), "holds"),
            ("just below", rounds_of([1.1199] * 30), "holds"),
            ("just above", rounds_of([1.1201] * 30), "broken"),
            ("above, too wide", rounds_of([1.3] * 15 + [1.5] * 15), "no verdict"),
            ("below, too wide", rounds_of([0.9] * 15 + [1.0] * 15), "no verdict"),
            ("too few", rounds_of([1.10] * 5), "no verdict"),
            ("nothing valid", spoilt, "no verdict"),
            ("nothing", [], "no verdict"),
        ):
            outcome, _, sentence = estimates.judge(check, rounds)
            self.assertEqual(outcome, expected, msg=name)
            self.assertIn(str(check), sentence)


class Summaries(unittest.TestCase):
    def test_errors_make_a_slice_invalid(self):
        line = 'SUMMARY {"requests":%d,"duration_us":1000000,"bytes":1,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}'
        for values, problem in (
            ((10, 0, 0, 0, 0, 0), ""),
            ((10, 1, 0, 0, 0, 0), "1 connect"),
            ((10, 0, 2, 0, 0, 0), "2 read"),
            ((10, 0, 0, 3, 0, 0), "3 write"),
            ((10, 0, 0, 0, 4, 0), "4 status"),
            ((10, 0, 0, 0, 0, 5), "5 timeout"),
            ((10, 0, 2, 0, 4, 0), "2 read, 4 status"),
            ((0, 0, 0, 0, 0, 0), "no request finished"),
        ):
            requests, seconds, found = load.parse_summary("Running 1s test\n" + line % values + "\n")
            self.assertEqual((requests, seconds), (values[0], 1.0))
            self.assertEqual(bool(found), bool(problem), msg=values)
            self.assertIn(problem, found)
        self.assertEqual(load.parse_summary("unable to connect")[2], "wrk printed no totals")

    def test_rows_count_and_name_what_was_left_out(self):
        rounds = rounds_of([1.2] * 9) + [{"a": Slice(5, 1, 10, "errors: 1 read"), "b": Slice(1, 1, 1000)}]
        row = report.summarise(rounds, ["a", "b"], "b")[0]
        self.assertEqual((row["slices"], row["valid"]), (10, 9))
        self.assertAlmostEqual(row["ratio"]["median"], 1.2)
        self.assertIn("a: 1 slice(s) left out: errors: 1 read", report.remarks([row]))
        self.assertIn("9/10", report.table([row], "b"))

    def test_a_server_without_a_valid_slice_is_shown(self):
        rows = report.summarise([{"a": Slice(0, 0, 0, "wrk did not end"), "b": Slice(1, 1, 10)}], ["a", "b"], "b")
        self.assertNotIn("ratio", rows[0])
        self.assertIn("no valid slice", report.table(rows, "b"))


class CpuTime(unittest.TestCase):
    def test_sums_old_and_new_threads_and_names_lost_ones(self):
        for before, after, seconds, is_whole in (
            ({1: 0}, {1: 2_000_000_000}, 2.0, True),
            ({1: 5}, {1: 5}, 0.0, True),
            ({1: 10**9, 2: 10**9}, {1: 2 * 10**9, 2: 3 * 10**9}, 3.0, True),
            ({1: 0}, {1: 10**9, 2: 10**9}, 2.0, True),
            ({1: 0, 2: 7}, {1: 10**9}, 1.0, False),
        ):
            used, problem = process.cpu_between(before, after)
            self.assertAlmostEqual(used, seconds)
            self.assertEqual(problem == "", is_whole)

    def test_own_work_is_seen(self):
        before = process.cpu_by_thread(os.getpid())
        end = sum(before.values()) + 20_000_000
        while sum(process.cpu_by_thread(os.getpid()).values()) < end:
            pass
        self.assertGreaterEqual(process.cpu_between(before, process.cpu_by_thread(os.getpid()))[0], 0.02)


if __name__ == "__main__":
    unittest.main()
