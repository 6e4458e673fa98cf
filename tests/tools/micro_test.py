"""Tests of the micro benchmarks and of tools/micro. SLUICE_MICRO names the program when it is not in build/release."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
MICRO = os.environ.get("SLUICE_MICRO") or os.path.join(ROOT, "build", "release", "sluice-micro")
# What a reload does on the control thread. All others are on the way of a request.
ALLOCATING = {"snapshot_publish"}
# What has to be measured, as the beginnings of names.
MEASURED = (
    "parse_request/small", "parse_request/browser", "parse_request/big", "parse_response/", "decode_chunks/", "write_request/", "write_response/",
    "match/prefix/10", "match/prefix/10000", "match/wildcard/10000", "match/template/10000", "edit_request", "edit_response", "rewrite_target/",
    "arm_and_disarm/", "tick/", "snapshot_lease", "pick_endpoint/", "write_log_line/json", "write_log_line/combined",
)  # fmt: skip


def setUpModule():
    if not os.access(MICRO, os.X_OK):
        raise AssertionError(f"{MICRO} is not there: build it with tools/build, or name another in SLUICE_MICRO")


class Allocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        command = [MICRO, "--benchmark_min_time=0.001", "--benchmark_format=json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        cls.runs = json.loads(done.stdout)["benchmarks"]

    def test_every_benchmark_runs(self):
        for run in self.runs:
            with self.subTest(run["name"]):
                self.assertFalse(run.get("error_occurred"), run.get("error_message"))
                self.assertGreater(run["iterations"], 0)
        names = [run["name"] for run in self.runs]
        for beginning in MEASURED:
            self.assertTrue(any(name.startswith(beginning) for name in names), f"nothing measures {beginning}")

    def test_nothing_on_the_way_of_a_request_takes_memory_from_the_heap(self):
        for run in self.runs:
            if run["name"] not in ALLOCATING:
                with self.subTest(run["name"]):
                    self.assertEqual(run.get("allocs", "is not counted"), 0)

    def test_what_takes_some_is_seen(self):
        counts = {run["name"]: run["allocs"] for run in self.runs if run["name"] in ALLOCATING}
        self.assertEqual(set(counts), ALLOCATING)
        for name, count in counts.items():
            self.assertGreaterEqual(count, 1, name)


class Tool(unittest.TestCase):
    def run_tool(self, *arguments, **more):
        command = [sys.executable, os.path.join(ROOT, "tools", "micro"), "--build", os.path.dirname(MICRO), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **more)

    def result_of(self, *arguments):
        done = self.run_tool("--json", "-", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_what_is_refused(self):
        for status, named, arguments in (
            (3, "no_such_name", ["--filter", "no_such_name"]), (3, "tools/build", ["--build", "/"]), (2, "--core", ["--core", "9999"]), (2, "--filter", ["--filter", "("]),
            (2, "--repetitions", ["--repetitions", "0"]), (2, "--min-time", ["--min-time", "nan"]), (2, "--iterations", ["--iterations", "x"]),
        ):
            with self.subTest(arguments):
                done = self.run_tool(*arguments)
                self.assertEqual((done.returncode, done.stdout), (status, ""))
                self.assertIn(named, done.stderr)

    def test_times(self):
        result = self.result_of("--filter", "^(make_date|snapshot_publish)$", "--repetitions", "6", "--min-time", "0.001")
        self.assertEqual([row["name"] for row in result["benchmarks"]], ["make_date", "snapshot_publish"])
        for row in result["benchmarks"]:
            cost = row["cpu_ns"]
            self.assertLess(0, cost["low"])
            self.assertLessEqual(cost["low"], cost["median"])
            self.assertLessEqual(cost["median"], cost["high"])
            self.assertEqual(row["allocs"] > 0, row["name"] in ALLOCATING)
        self.assertIn(result["core"], os.sched_getaffinity(0))

    def test_too_few_repetitions_have_no_interval(self):
        result = self.result_of("--filter", "^make_date$", "--repetitions", "1", "--min-time", "0.001")
        self.assertIsNone(result["benchmarks"][0]["cpu_ns"]["low"])

    def test_the_table(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.json")
            done = self.run_tool("--filter", "^match/prefix", "--repetitions", "6", "--min-time", "0.001", "--json", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(path) as file:
                names = [row["name"] for row in json.load(file)["benchmarks"]]
        self.assertEqual(names, ["match/prefix/10", "match/prefix/10000"])
        for name in names:
            self.assertRegex(done.stdout, rf"(?m)^{name} +\d+\.\d\d +\d+\.\d\d to \d+\.\d\d +0$")

    def test_the_names(self):
        done = self.run_tool("--list", "--filter", "^tick/")
        self.assertEqual(done.stdout.split(), ["tick/0", "tick/64", "tick/10000"])

    def test_without_valgrind(self):
        with tempfile.TemporaryDirectory() as empty:
            done = self.run_tool("--callgrind", env={**os.environ, "PATH": empty})
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("package valgrind", done.stderr)

    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_instructions_are_the_same_each_time(self):
        arguments = ("--callgrind", "--iterations", "64", "--filter", "^(make_date|match/prefix/10|pick_endpoint/(16|256))$")
        once, twice = ([(row["name"], row["instructions"]) for row in self.result_of(*arguments)["benchmarks"]] for _ in range(2))
        self.assertEqual(once, twice)
        counts = dict(once)
        self.assertEqual(list(counts), ["pick_endpoint/16", "pick_endpoint/256", "make_date", "match/prefix/10"])
        self.assertGreater(counts["make_date"], 50)
        # Sixteen times the endpoints, and a little that does not grow: more than ten times the work.
        self.assertTrue(10 < counts["pick_endpoint/256"] / counts["pick_endpoint/16"] < 17, counts)


if __name__ == "__main__":
    unittest.main()
