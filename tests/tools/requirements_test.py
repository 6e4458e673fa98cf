"""Tests of how tests/e2e holds its cases against requirements.toml."""

import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
sys.dont_write_bytecode = True

import delivery  # noqa: E402
import requirements  # noqa: E402

ALL = frozenset(("whole", "split", "bytewise"))


def requirement(*cases, deliveries=False):
    return requirements.Requirement("a.b", "text", "source", cases, deliveries)


class Unmet(unittest.TestCase):
    def test_met(self):
        for name, wanted, ran in (
            ("an id", requirement("a.b"), {"a.b": frozenset()}),
            ("a pattern", requirement("a.*"), {"a.b": frozenset()}),
            ("delivered in one case", requirement("a.*", deliveries=True), {"a.b": ALL}),
            ("delivered over several cases", requirement("a.*", deliveries=True), {"a.b": frozenset(("whole", "split")), "a.c": frozenset(("bytewise",))}),
        ):
            with self.subTest(name):
                self.assertIsNone(requirements.unmet(wanted, ran))

    def test_unmet(self):
        for name, wanted, ran, words in (
            ("nothing ran", requirement("a.b"), {}, "a.b"),
            ("another ran", requirement("a.b"), {"a.bc": ALL}, "a.b"),
            ("one of two patterns", requirement("a.b", "a.c*"), {"a.b": ALL}, "a.c*"),
            ("a pattern is no prefix", requirement("a"), {"a.b": ALL}, "called a"),
            ("letters have their case", requirement("A.b"), {"a.b": ALL}, "A.b"),
            ("never split", requirement("a.b", deliveries=True), {"a.b": frozenset(("whole", "bytewise"))}, "split"),
            ("the deliveries of others", requirement("a.b", deliveries=True), {"a.b": frozenset(("whole",)), "a.c": ALL}, "bytewise, split"),
        ):
            with self.subTest(name):
                self.assertIn(words, requirements.unmet(wanted, ran) or "")


class File(unittest.TestCase):
    def test_the_file_can_be_read(self):
        found = requirements.load()
        self.assertGreater(len(found), 40)
        self.assertEqual(len({one.id for one in found}), len(found))

    def test_incomplete_entries_are_refused(self):
        for text in (
            '[a]\nb = { source = "x", cases = ["c"] }',
            '[a]\nb = { text = "x", cases = ["c"] }',
            '[a]\nb = { text = "x", source = "y", cases = [] }',
            '[a]\nb = { text = "x", source = "y", cases = ["c"], delivery = true }',
        ):
            with self.subTest(text), self.assertRaises(ValueError):
                requirements.parse(text)


class Ledger(unittest.TestCase):
    def test_kinds_are_noted_until_forgotten(self):
        data = b"GET / HTTP/1.1\r\n\r\n"
        delivery.forget_used()
        self.assertEqual(delivery.used(), frozenset())
        delivery.WHOLE.pieces(data)
        self.assertEqual(delivery.used(), {"whole"})
        for way in delivery.deliveries(data):
            self.assertEqual(b"".join(way.pieces(data)), data)
        self.assertEqual(delivery.used(), ALL)
        delivery.forget_used()
        self.assertEqual(delivery.used(), frozenset())


if __name__ == "__main__":
    unittest.main()
