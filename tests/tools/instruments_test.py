"""Tests of what tools/instruments makes of its arguments and of runs. SLUICE_LOAD and SLUICE_ORIGIN lie in one folder."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
FOLDERS = [os.path.dirname(os.environ.get("SLUICE_LOAD", ""))] + [os.path.join(ROOT, "build", kind) for kind in ("sanitize", "release")]
BUILD = next((folder for folder in FOLDERS if folder and os.access(os.path.join(folder, "sluice-load"), os.X_OK)), None)


def run(*arguments):
    return subprocess.run([os.path.join(ROOT, "tools", "instruments"), *arguments], capture_output=True, text=True, timeout=120)


class Arguments(unittest.TestCase):
    def test_what_is_refused(self):
        for arguments, named in (
            (["--of", "proxy"], "proxy"), (["--cases", "small,huge"], "huge"), (["--rounds", "0"], "--rounds"), (["--slice", "0"], "--slice"),
            (["--load-core", "9999"], "cores"), (["--bogus"], "--bogus"),
        ):
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIn(named, done.stderr)
        with tempfile.TemporaryDirectory() as folder:
            done = run("--build", folder)
            self.assertEqual(done.returncode, 3)
            self.assertIn("tools/build", done.stderr)


@unittest.skipUnless(BUILD, "sluice-load is not built")
@unittest.skipUnless(len(os.sched_getaffinity(0)) > 1, "one core")
class Runs(unittest.TestCase):
    def measured(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.json")
            done = run("--build", BUILD, "--rounds", "1", "--json", path, *arguments)
            self.assertIn(done.returncode, (0, 1), msg=done.stdout + done.stderr)
            with open(path) as file:
                return json.load(file)["rows"]

    @unittest.skipUnless(shutil.which("wrk"), "wrk is not installed")
    def test_the_generators(self):
        rows = self.measured("--of", "load", "--cases", "small,close")
        self.assertEqual([row["case"] for row in rows], ["small", "close"])
        for row in rows:
            self.assertGreater(row["ratio"]["median"], 0)
            self.assertEqual(set(row["rounds"][0]), {"sluice-load", "wrk"})

    @unittest.skipUnless(shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin"), "nginx is not installed")
    def test_the_origins(self):
        rows = self.measured("--of", "origin", "--cases", "upload-1m")
        for row in rows:
            self.assertGreater(row["ratio"]["median"], 0)
            self.assertEqual(set(row["rounds"][0]), {"sluice-origin", "nginx"})


if __name__ == "__main__":
    unittest.main()
