import json

from tree_fixture import TreeTest

import tidy


class TidyTest(TreeTest):
    def setUp(self):
        super().setUp()
        self.write({
            ".clang-tidy": "Checks: '-*,bugprone-infinite-loop'\nWarningsAsErrors: '*'\nHeaderFilterRegex: '.*'\n",
            "src/a.cpp": '#include "a.hpp"\nint twice(int n) { return n * two; }\n',
            "src/a.hpp": "constexpr int two = 2;\n",
        })  # fmt: skip
        unit = {"directory": str(self.root), "file": "src/a.cpp", "command": "clang++-19 -Isrc -c src/a.cpp"}
        self.write({"build/sanitize/compile_commands.json": json.dumps([unit, unit])})
        self.write({"compile_commands.json": json.dumps([unit])})

    def test_a_clean_unit_is_remembered_until_a_header_changes(self):
        self.assertEqual(tidy.check(self.root), (1, []))
        self.assertEqual(len(list((self.root / "build/tidy").iterdir())), 1)
        self.write({"src/a.hpp": "constexpr int two = 2;\ninline void spin(bool b) {\n  while (b) {\n  }\n}\n"})
        looked_at, complaints = tidy.check(self.root)
        self.assertEqual((looked_at, len(complaints)), (1, 1))
        self.assertIn("infinite", complaints[0])
        # A unit with complaints is never remembered.
        self.assertEqual(len(tidy.check(self.root)[1]), 1)
