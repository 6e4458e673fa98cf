import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

STAGE = Path(__file__).resolve().parents[2] / "tools" / "lib" / "stage.sh"
DOCTEST = "[doctest] test cases:  7 |  {} passed | {} failed | 0 skipped"


def descendants(pid):
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        yield child
        yield from descendants(child)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


class StageTest(unittest.TestCase):
    def count(self, command, limit=5):
        """(passed, failed) after one stage that ran the command."""
        with tempfile.TemporaryDirectory() as logs:
            script = f'set -euo pipefail; . {STAGE}; stage x {limit} bash -c "$1" >/dev/null; echo "$passed $failed"'
            run = subprocess.run(
                ["bash", "-c", script, "-", command], env={**os.environ, "stage_logs": logs}, capture_output=True, text=True, check=True
            )
        return tuple(map(int, run.stdout.split()))

    def test_counts(self):
        for command, expected in [
            (f"echo '{DOCTEST.format(7, 0)}'", (7, 0)),
            (f"echo '{DOCTEST.format(5, 2)}'; exit 1", (5, 2)),
            ("echo 'e2e: 12 passed, 0 failed'", (12, 0)),
            ("echo 'e2e: 12 passed, 3 failed'; exit 1", (12, 3)),
            ("echo 'a: 9 passed, 9 failed'; echo 'check-a: 2 passed, 0 failed'", (2, 0)),
            ("echo 'Ran 15 tests in 0.1s'; echo OK >&2", (15, 0)),
            ("echo 'Ran 15 tests in 0.1s'; echo 'FAILED (failures=1, errors=2, skipped=1)'; exit 1", (12, 3)),
        ]:
            with self.subTest(command=command):
                self.assertEqual(self.count(command), expected)

    def test_what_went_wrong_without_a_count_is_a_failure(self):
        for command, expected in [
            ("true", (0, 1)),
            ("echo 'all 12 passed'", (0, 1)),
            ("echo 'e2e: 0 passed, 0 failed'", (0, 1)),
            ("exit 3", (0, 1)),
            ("no-such-program", (0, 1)),
            ("echo 'e2e: 12 passed, 0 failed'; exit 1", (12, 1)),
            ("echo 'e2e: 12 passed, 0 failed'; kill -SEGV $$", (12, 1)),
        ]:
            with self.subTest(command=command):
                self.assertEqual(self.count(command), expected)

    def test_what_was_skipped_is_told_and_not_counted(self):
        with tempfile.TemporaryDirectory() as logs:
            script = f'. {STAGE}; stage x 5 bash -c "$1"; echo "$passed $failed"'
            command = "echo 'skipped: a.b (needs root)'; echo 'skipped: c (needs promtool)'; echo 'e2e: 12 passed, 0 failed'"
            run = subprocess.run(["bash", "-c", script, "-", command], env={**os.environ, "stage_logs": logs}, capture_output=True, text=True, check=True)
        self.assertRegex(run.stdout, r"x +12 passed, 0 failed, 2 skipped, \d+ s\n12 0\n")

    def test_a_timeout_is_a_failure(self):
        self.assertEqual(self.count("echo 'e2e: 12 passed, 0 failed'; sleep 30", limit=1), (12, 1))

    def test_an_interrupted_run_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as logs:
            script = f". {STAGE}; stage x 60 bash -c 'echo started; sleep 47 & wait'"
            run = subprocess.Popen(["bash", "-c", script], env={**os.environ, "stage_logs": logs}, text=True)
            log = Path(logs) / "x.log"
            while not (log.exists() and "started" in log.read_text()):
                time.sleep(0.01)
            children = set(descendants(run.pid))
            self.assertTrue(children)
            run.terminate()
            self.assertEqual(run.wait(), 130)
            while any(is_alive(child) for child in children):
                time.sleep(0.01)
