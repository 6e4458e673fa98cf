from pathlib import Path

from tree_fixture import TreeTest

import documents


class DocumentsTest(TreeTest):
    def problems(self, text):
        self.write({
            "docs/a.md": text, "docs/b.md": "# The heading: of `b`\n\n```\n# not a heading\n```\n",
            "src/net/stream.cpp": "", "tools/run": "",
        })  # fmt: skip
        return list(documents.file_problems(self.root, Path("docs/a.md")))

    def test_true(self):
        for text in [
            "[b](b.md)", "[b](./b.md#the-heading-of-b)", "[src](../src/net)", "[web](https://example.com/x)", "[mail](mailto:a@b)",
            "## Here\n[here](#here)", "`src/net/stream.cpp`", "`src/net/*.cpp`", "`src/net/stream.cpp:12`", "`tools/run -c my.toml`",
            "`tools/NAME/x`", "`src/<module>/x.cpp`", "`build/release/sluice`", "`[x](nowhere.md)`", "```\n./tools/run\n```",
            "```\nsrc/anything\n```", "src/nowhere without backticks",
        ]:  # fmt: skip
            self.assertEqual(self.problems(text), [], text)

    def test_false(self):
        for text in [
            "[b](c.md)", "[b](/docs/b.md)", "[b](b.md#other)", "[b](b.md#not-a-heading)", "[here](#here)", "![p](p.png)",
            "`src/net/lost.cpp`", "`src/lost/*.cpp`", "`tools/lost -c my.toml`", "`./tools/lost`", "see `docs/lost.md`.",
            "```\n./tools/lost\n```", "`make` and `tests/lost/`",
        ]:  # fmt: skip
            self.assertEqual(len(self.problems(text)), 1, text)

    def test_listings(self):
        self.write({
            "docs/architecture.md": "| net | runtime |\n", "docs/dependencies.md": "`liba-dev`\n",
            "src/net/a.cpp": "", "src/runtime/a.cpp": "", "src/http/a.cpp": "",
            "tools/lib/build.sh": 'x_packages="liba-dev\n  liba"\n',
        })  # fmt: skip
        _, problems = documents.check(self.root)
        self.assertEqual(problems, [
            "docs/architecture.md: says nothing of the module http",
            "docs/dependencies.md: says nothing of the package liba",
        ])  # fmt: skip

    def test_missing_documents(self):
        self.write({"src/net/a.cpp": "", "tools/lib/build.sh": 'x_packages="a"\n'})
        self.assertEqual(len(documents.check(self.root)[1]), 2)
