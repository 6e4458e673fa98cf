"""Tests of tools/compare: what it concludes, what it writes, and one small comparison with real servers."""

import contextlib
import html.parser
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools", "compare.d"), os.path.join(ROOT, "tools", "ratio.d")]

import charts  # noqa: E402
import generator  # noqa: E402
import idle  # noqa: E402
import judgement  # noqa: E402
import page  # noqa: E402
import plan  # noqa: E402
import tables  # noqa: E402
import wording  # noqa: E402


def numbers(median, low=None, high=None, verdict=True):
    return {"rounds": 9, "median": median, "p10": median, "p90": median, "low": low, "high": high,
            "width": None if low is None else (high - low) / median, "verdict": verdict}


def server(name, cost):
    return {"server": name, "slices": 9, "valid": 9, "problems": [], "cpu_us_per_request": numbers(cost), "busy": 0.97, "requests_per_s": 1e6 / cost}


def document():
    """A comparison with everything in it: one ratio that holds, one that does not, and one without a verdict."""
    found = {
        "began": "2026-01-02 03:04 UTC", "settings": {"quick": False, "rounds": 9, "slice_s": 0.5, "proxy_core": 0, "load_core": 1, "origin_core": 1,
                                                      "command": "tools/compare --nginx '<b>'"},
        "host": {"kernel": "Linux 6.1", "cpu": "Some CPU", "cores": 2, "load_average": 0.1, "settings": {"net.core.somaxconn": "4096"}},
        "versions": {"nginx": "nginx version: 1.22", "haproxy": "HAProxy 2.6", "sluice": "sluice 0.1"},
        "configurations": {"small: nginx.conf": "worker_processes 1; # <script>"},
        "rows": [
            {"name": "small", "title": "Small answers", "sentence": "What it shows.", "subject": "sluice", "connections": 64, "log": False,
             "bounds": {"floor": 1.07, "nginx": 0.85, "haproxy": 0.82},
             "servers": [server("floor", 9), server("sluice", 10), server("nginx", 12.5), server("haproxy", 13)],
             "ratios": {"floor": numbers(1.1, 1.09, 1.11), "nginx": numbers(0.8, 0.795, 0.805), "haproxy": numbers(0.77, 0.6, 0.9, False)}, "remarks": ["one remark"]},
        ],
        "latency": {"rate": 20000, "ratios": {"nginx": numbers(0.9, 0.895, 0.905)},
                    "servers": [{"server": name, "valid": 9, "percentiles_us": {"50": 50.0 * scale, "99": 200.0 * scale, "99.99": 2500.0 * scale}}
                                for name, scale in (("sluice", 1), ("nginx", 1.4))]},
        "idle": {"connections": 5000, "servers": [{"server": "sluice", "started_bytes": 4 << 20, "process_bytes": 10 << 20, "connection_bytes": 1200.0},
                                                  {"server": "haproxy", "started_bytes": 9 << 20, "process_bytes": 16 << 20, "connection_bytes": 1100.0}]},
        "reload": {"rate": 2000, "reloads": 11, "milliseconds": 120.0, "longest": 150.0, "failed": 1, "requests": 22000},
    }
    found["verdicts"] = judgement.judge(found)
    return found


class Balance(html.parser.HTMLParser):
    """Sees that every element is closed, and collects the text."""

    VOID = {"meta", "circle", "line", "polyline"}

    def __init__(self):
        super().__init__()
        self.open, self.text, self.names = [], "", set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes something else")

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)

    def handle_data(self, data):
        self.text += data


class Plan(unittest.TestCase):
    def test_rows_by_name(self):
        self.assertEqual([row.name for row in plan.rows(["64k", "small"], False)], ["small", "64k"])
        self.assertEqual(plan.rows([], False), list(plan.ROWS))
        quick = plan.rows([], True)
        self.assertTrue(0 < len(quick) < len(plan.ROWS))
        with self.assertRaisesRegex(ValueError, "no row 'smal'; there are small, "):
            plan.rows(["small", "smal"], False)

    def test_each_bound_has_its_server(self):
        for row in plan.ROWS:
            with self.subTest(row.name):
                self.assertIn(row.subject, row.servers)
                self.assertLessEqual(set(row.bounds), set(row.references))
                self.assertLessEqual({plan.LABELS[name] for name in row.servers}, set(plan.LABELS.values()))

    def test_targets_spread_over_all_routes(self):
        for routes in (10, 10_000):
            targets = plan.route_targets(routes, "/size/2")
            self.assertEqual((len(targets), len(set(targets))), (100, min(routes, 100)))
            numbers_ = {int(target.split("/")[1].removeprefix("route-")) for target in targets}
            self.assertEqual((min(numbers_), len(numbers_)), (0, min(routes, 100)))
            self.assertGreaterEqual(max(numbers_), routes * 0.9)
            self.assertLess(max(numbers_), routes)


class Wording(unittest.TestCase):
    def test_versions(self):
        for said, number in (("nginx version: nginx/1.22.1", "1.22.1"), ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://a.b/", "2.6.12-1+deb12u4"),
                             ("sluice-floor 0.1.0, liburing 2.9", "0.1.0"), ("sluice 0.1.0", "0.1.0"), ("one of our own", "one of our own"), ("", "")):
            self.assertEqual(wording.version(said), number)


class Judgement(unittest.TestCase):
    def test_each_outcome(self):
        verdicts = {one["what"]: one["outcome"] for one in document()["verdicts"]}
        self.assertEqual(verdicts, {
            "Small answers: ÷ floor": "broken", "Small answers: ÷ nginx": "holds", "Small answers: ÷ HAProxy": "no verdict",
            "p99 at 70% of the slowest peak: ÷ nginx": "holds", "bytes of each idle connection": "holds", "bytes of the process with all of them": "holds",
            "milliseconds of a reload with 10,000 routes": "holds", "requests that failed meanwhile": "broken"})

    def test_what_was_not_measured_is_no_success(self):
        found = document()
        del found["rows"][0]["ratios"]["nginx"]
        self.assertEqual([one["outcome"] for one in judgement.judge(found)][1], "not measured")

    def test_exit_status(self):
        for outcomes, status in ((["holds", "holds"], 0), ([], 0), (["holds", "no verdict"], 2), (["not measured"], 2), (["no verdict", "broken"], 1)):
            with self.subTest(outcomes):
                self.assertEqual(judgement.exit_status([{"outcome": one} for one in outcomes]), status)


class Wording(unittest.TestCase):
    def test_a_ratio_says_when_it_has_no_verdict(self):
        self.assertEqual(wording.ratio(numbers(0.8, 0.795, 0.805)), "0.80")
        self.assertEqual(wording.ratio(numbers(0.8, 0.7, 0.9, False)), "0.80 (0.70 to 0.90: no verdict)")
        self.assertEqual(wording.ratio(numbers(0.8, verdict=False)), "0.80 (too few rounds)")
        self.assertEqual(wording.ratio(None), "–")

    def test_sentences(self):
        self.assertEqual(wording.against("nginx", numbers(0.8, 0.79, 0.81)), "Against nginx: 20 % less CPU.")
        self.assertEqual(wording.against("nginx", numbers(1.25, 1.24, 1.26)), "Against nginx: 25 % more CPU.")
        self.assertEqual(wording.against("nginx", numbers(1.001, 1, 1.01)), "Against nginx: as much CPU.")
        self.assertIn("Against nginx: no verdict", wording.against("nginx", numbers(0.8, 0.1, 2, False)))

    def test_units(self):
        self.assertEqual([wording.size(value) for value in (900, 1536, 3 << 20, 5 << 30)], ["900 bytes", "1.50 KiB", "3.00 MiB", "5.00 GiB"])
        self.assertEqual([wording.microseconds(value) for value in (9.876, 1234.5)], ["9.88 µs", "1,234 µs"])


class Written(unittest.TestCase):
    def test_the_page_is_whole_and_needs_nothing_from_elsewhere(self):
        text = page.render(document())
        parser = Balance()
        parser.feed(text)
        parser.close()
        self.assertEqual(parser.open, [])
        self.assertNotIn("script", parser.names)
        for word in ("http://", "https://", "<link", "@import", "url("):
            self.assertNotIn(word, text)
        for part in ("Small answers", "What it shows.", "one remark", "Against nginx: 20 % less CPU.", "Against HAProxy: no verdict", "5,000 idle connections", "120 ms",
                     "20,000 requests a second", "prefers-color-scheme", "tools/compare --nginx '<b>'", "Some CPU", "net.core.somaxconn = 4096", "# <script>"):
            self.assertIn(part, parser.text)

    def test_a_page_of_less(self):
        found = document()
        for name in ("latency", "idle", "reload"):
            del found[name]
        found["verdicts"] = judgement.judge(found)
        text = page.render(found)
        self.assertNotIn("idle connections", text)
        self.assertIn("Small answers", text)

    def test_the_tables(self):
        found = document()
        for text in (tables.text(found), tables.markdown(found)):
            for part in ("Small answers", "10.00 µs", "0.80", "0.77 (0.60 to 0.90: no verdict)", "latency at 20,000/s", "0.20 ms", "1.17 KiB", "120 ms", "1 of 22,000 requests"):
                self.assertIn(part, text)
        lengths = {line.count("|") for line in tables.markdown(found).splitlines() if line.startswith("| Small") or line.startswith("| CPU")}
        self.assertEqual(len(lengths), 1)
        self.assertIn("broken", tables.text(found))

    def test_curves_lie_within_the_picture(self):
        drawn = charts.percentile_curves(document()["latency"]["servers"])
        for pair in " ".join(part.split('"')[0] for part in drawn.split('points="')[1:]).split():
            across, down = (float(one) for one in pair.split(","))
            self.assertTrue(0 <= across <= 720 and 0 <= down <= 320, pair)
        self.assertIn(">p99.99<", drawn)


class Slices(unittest.TestCase):
    """generator.Generator with programs that stand in for sluice-load."""

    class Server:
        pid, port = 1, 9

        def require_alive(self):
            pass

    def run_with(self, script):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "load")
            with open(path, "w") as file:
                file.write("#!/bin/sh\n" + script)
            os.chmod(path, 0o755)
            return generator.Generator(path, min(os.sched_getaffinity(0))).run(self.Server(), generator.Load(4, ("/",), 0.1))

    @staticmethod
    def told(**changes):
        result = {"errors": {"closed": 0}, "server_cpu_s": 0.5, "elapsed_s": 1.0, "responses": 1000, "latency_us": {"count": 5, "mean": 1, "p50": 7, "p99.9": 9}}
        return f"echo '{json.dumps({**result, **changes})}'"

    def test_what_it_says_is_taken(self):
        outcome = self.run_with(self.told())
        self.assertTrue(outcome.slice.is_valid)
        self.assertAlmostEqual(outcome.slice.cpu_us_per_request, 500)
        self.assertEqual((outcome.percentiles_us, outcome.failed), ({"50": 7, "99.9": 9}, 0))

    def test_what_does_not_count(self):
        for script, problem in ((self.told(errors={"closed": 3, "status": 0}), "errors: 3 closed"), (self.told(server_cpu_s=None), "a thread of the server ended"),
                                (self.told(responses=0), "no request finished"), ("echo no room >&2; exit 2", "sluice-load: no room")):
            with self.subTest(problem):
                outcome = self.run_with(script)
                self.assertFalse(outcome.slice.is_valid)
                self.assertIn(problem, outcome.slice.problem)


class Memory(unittest.TestCase):
    def test_of_a_family(self):
        child = subprocess.Popen([sys.executable, "-c", "x = bytearray(32 << 20); print(flush=True); import sys; sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with contextlib.ExitStack() as stack:
            stack.callback(child.communicate)
            child.stdout.readline()
            own = idle.resident_bytes(child.pid)
            self.assertGreater(own, 32 << 20)
            self.assertGreaterEqual(idle.resident_bytes(os.getpid()), own)


BUILD = next((path for path in (os.path.join(ROOT, "build", name) for name in ("release", "sanitize")) if all(
    os.access(os.path.join(path, name), os.X_OK) for name in ("sluice", "sluice-floor", "sluice-load", "sluice-origin"))), None)
SEARCHED = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


class CommandLine(unittest.TestCase):
    def run_tool(self, *arguments):
        return subprocess.run([os.path.join(ROOT, "tools", "compare"), *arguments], capture_output=True, text=True, timeout=300)

    def test_what_cannot_be_meant_is_refused(self):
        for arguments, words in ((["--rows", "smal"], "no row 'smal'"), (["--nginx", "/no/such"], "is no program"), (["--rounds", "-1"], "--rounds takes"),
                                 (["--slice", "0"], "--slice"), (["--proxy-core", "9999"], "cores must be"), (["--build", "/no/such"], "not in /no/such: sluice")):
            with self.subTest(words):
                done = self.run_tool(*arguments)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertIn(words, done.stderr)

    @unittest.skipUnless(BUILD and all(shutil.which(name, path=SEARCHED) for name in plan.PEERS) and len(os.sched_getaffinity(0)) > 1,
                         "needs our programs, nginx, HAProxy and two cores")
    def test_a_small_comparison(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_tool("--build", BUILD, "--rows", "small,routes,reload", "--rounds", "1", "--slice", "0.1", "--output", folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(os.path.join(folder, "compare.json")) as file:
                found = json.load(file)
            self.assertEqual([row["name"] for row in found["rows"]], ["small", "routes"])
            for row in found["rows"]:
                self.assertEqual([one["problems"] for one in row["servers"]], [[]] * len(row["servers"]))
                self.assertEqual(set(row["ratios"]), {one["server"] for one in row["servers"]} - {row["subject"]})
            self.assertEqual(found["reload"]["failed"], 0)
            self.assertIn("too few rounds", done.stdout)
            self.assertTrue(os.path.getsize(os.path.join(folder, "compare.html")) > 5000)
            self.assertIn("nginx", found["versions"]["nginx"])
            self.assertTrue(any(name.endswith("haproxy.cfg") for name in found["configurations"]))


if __name__ == "__main__":
    unittest.main()
