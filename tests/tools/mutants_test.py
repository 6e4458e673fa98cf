"""Tests of the list that tools/mutants works through: it can be applied, and leaves no promise about HTTP/1.1 out."""

import os
import sys
import tomllib
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
sys.dont_write_bytecode = True

import requirements  # noqa: E402

# Of these sections each requirement has a mutant.
COVERED = ("framing", "head", "host", "request_line", "chunked", "message", "streaming", "limits", "ends")
# What several rules do together, and bounds on memory: no single line keeps them.
APART = {"framing.refused_ends_connection", "message.pipelining_bounded", "streaming.bounded_memory", "streaming.back_pressure"}

with open(os.path.join(ROOT, "tests", "mutants.toml"), "rb") as _file:
    MUTANTS = tomllib.load(_file)["mutant"]


class Mutants(unittest.TestCase):
    def test_each_is_complete_and_has_its_own_name(self):
        for one in MUTANTS:
            with self.subTest(one.get("name")):
                self.assertEqual(set(one), {"name", "requirements", "file", "old", "new"})
                self.assertNotEqual(one["old"], one["new"])
                self.assertTrue(one["requirements"])
        self.assertEqual(len({one["name"] for one in MUTANTS}), len(MUTANTS))

    def test_each_can_be_made(self):
        for one in MUTANTS:
            with self.subTest(one["name"]), open(os.path.join(ROOT, one["file"]), encoding="utf-8") as file:
                self.assertEqual(file.read().count(one["old"]), 1, f"`old` has to be exactly once in {one['file']}: it moves with the code")

    def test_each_names_requirements_that_there_are(self):
        known = {one.id for one in requirements.load()}
        self.assertEqual({name for one in MUTANTS for name in one["requirements"]} - known, set())

    def test_each_promise_has_one(self):
        wanted = {one.id for one in requirements.load() if one.id.partition(".")[0] in COVERED} - APART
        self.assertEqual(wanted - {name for one in MUTANTS for name in one["requirements"]}, set())


if __name__ == "__main__":
    unittest.main()
