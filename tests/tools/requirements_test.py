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
NONE = frozenset()


def requirement(*cases, once=()):
    return requirements.Requirement("a.b", "text", "source", cases, once, "for a reason" if once else None)


class Unmet(unittest.TestCase):
    def test_met(self):
        for name, wanted, ran in (
            ("an id", requirement("a.b"), {"a.b": ALL}),
            ("a pattern", requirement("a.*"), {"a.b": ALL, "a.c": ALL, "b": NONE}),
            ("once", requirement(once=("a.*",)), {"a.b": NONE}),
            ("once, beside one that is delivered", requirement("a.*", once=("a.c",)), {"a.b": ALL, "a.c": NONE}),
        ):
            with self.subTest(name):
                self.assertIsNone(requirements.unmet(wanted, ran))

    def test_unmet(self):
        for name, wanted, ran, words in (
            ("nothing ran", requirement("a.b"), {}, "a.b"),
            ("nothing of once ran", requirement("a.b", once=("a.c",)), {"a.b": ALL}, "a.c"),
            ("another ran", requirement("a.b"), {"a.bc": ALL}, "a.b"),
            ("one of two patterns", requirement("a.b", "a.c*"), {"a.b": ALL}, "a.c*"),
            ("a pattern is no prefix", requirement("a"), {"a.b": ALL}, "called a"),
            ("letters have their case", requirement("A.b"), {"a.b": ALL}, "A.b"),
            ("never split", requirement("a.b"), {"a.b": frozenset(("whole", "bytewise"))}, "a.b: never delivered split"),
            ("the deliveries of others", requirement("a.b"), {"a.b": frozenset(("whole",)), "a.c": ALL}, "bytewise, split"),
            ("over several cases", requirement("a.*"), {"a.b": frozenset(("whole", "split")), "a.c": frozenset(("bytewise",))}, "a.c: never delivered split, whole"),
            ("one of two cases", requirement("a.*"), {"a.b": ALL, "a.c": NONE}, "a.c: never"),
            ("all of them once", requirement("a.*", once=("a.b",)), {"a.b": ALL}, "a.*: none of its cases"),
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
            '[a]\nb = { text = "x", source = "y", cases = ["c"], deliveries = true }',
            '[a]\nb = { text = "x", source = "y", once = ["c"] }',
            '[a]\nb = { text = "x", source = "y", once = ["c"], why_not = "" }',
            '[a]\nb = { text = "x", source = "y", cases = ["c"], why_not = "z" }',
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

    def test_a_long_one_comes_byte_by_byte_at_its_ends(self):
        for size in (delivery.BYTEWISE_MAX, delivery.BYTEWISE_MAX + 1, 10 * delivery.BYTEWISE_MAX):
            pieces = delivery.BYTEWISE.pieces(bytes(size))
            self.assertEqual(sum(map(len, pieces)), size)
            self.assertEqual(len(pieces), size if size <= delivery.BYTEWISE_MAX else 2 * delivery.BYTEWISE_END)
            self.assertEqual({len(piece) for piece in pieces[: delivery.BYTEWISE_END - 1] + pieces[-delivery.BYTEWISE_END + 1 :]}, {1})


if __name__ == "__main__":
    unittest.main()
