from pathlib import Path

from tree_fixture import TreeTest

import style


def function_of(lines):
    return "void long_one() {\n" + "  step();\n" * (lines - 2) + "}\n"


class StyleTest(TreeTest):
    def test_names(self):
        for name in ["src/net/stream.cpp", "src/net/stream.hpp", "tests/unit/net/stream_test.cpp", "tests/unit/main.cpp"]:
            self.assertEqual(list(style.name_problems(Path(name))), [], name)
        for name in [
            "src/net/Stream.cpp", "src/net/stream.h", "src/net/stream.cc", "src/net/stream-pool.cpp", "src/net/utils.hpp",
            "src/net/stream_helper.hpp", "src/net/connection_manager.cpp", "tests/unit/net/stream.cpp",
        ]:  # fmt: skip
            self.assertEqual(len(list(style.name_problems(Path(name)))), 1, name)

    def test_headers(self):
        for text in ["#pragma once\n", "// Why.\n\n#pragma once\nint a;\n", "#pragma once\n// using namespace x is wrong\n"]:
            self.assertEqual(list(style.header_problems(Path("a.hpp"), text)), [], text)
        for text in ["", "int a;\n#pragma once\n", "#ifndef A\n#define A\n#endif\n", "#pragma once\n  using namespace std;\n"]:
            self.assertEqual(len(list(style.header_problems(Path("a.hpp"), text))), 1, text)

    def test_functions_are_found_with_their_length(self):
        for text, expected in [
            ("", []),
            ("int a = 1;\nstruct A {\n  int b;\n};\n", []),
            ("void f() {}\n", [(1, 1)]),
            ("namespace a {\n\nvoid f() {\n  g();\n}\n\n}  // namespace a\n", [(3, 5)]),
            ("class A {\n public:\n  int f() const {\n    return 1;\n  }\n};\n", [(3, 5)]),
            ("A::A(int b)\n    : b_(b) {\n  g();\n}\n", [(1, 4)]),
            ("template <class T>\nvoid f(T t) {\n  auto l = [&] {\n    g();\n  };\n}\n", [(1, 6)]),
            ("void f() {\n  g(\"}\"); // }\n  h('}', R\"(}})\");\n}\n", [(1, 4)]),
            ("#define A(x) \\\n  do { \\\n  } while (0)\nvoid f() {\n}\n", [(4, 5)]),
            ("constexpr int rows[] = {1,\n 2};\nvoid f() {\n}\n", [(3, 4)]),
        ]:
            self.assertEqual(list(style.functions(text)), expected, text)

    def test_sizes(self):
        path = Path("a.cpp")
        self.assertEqual(list(style.size_problems(path, function_of(style.FUNCTION_LINES_MAX))), [])
        self.assertEqual(len(list(style.size_problems(path, function_of(style.FUNCTION_LINES_MAX + 1)))), 1)
        self.assertEqual(list(style.size_problems(path, "\n" * style.FILE_LINES_MAX)), [])
        self.assertEqual(len(list(style.size_problems(path, "\n" * (style.FILE_LINES_MAX + 1)))), 1)

    def test_unfinished(self):
        mark = "TO" + "DO"
        self.write({"a.cpp": f"int a;  // {mark}: later\n", "b.cpp": "int a;  // done\n"})
        self.assertEqual(len(list(style.unfinished_problems(self.root, Path("a.cpp")))), 1)
        self.assertEqual(list(style.unfinished_problems(self.root, Path("b.cpp"))), [])

    def test_unbuilt(self):
        self.write({
            "meson.build": "executable('sluice', 'src/app/main.cpp')\n",
            "src/net/meson.build": "sluice_sources += files('stream.cpp')\n",
            "tests/fuzz/meson.build": "fuzz_targets += ['head']\n",
        })  # fmt: skip
        for name in ["src/net/stream.cpp", "src/net/other.hpp", "src/app/main.cpp", "tests/fuzz/head.cpp"]:
            self.assertEqual(list(style.unbuilt_problems(self.root, Path(name))), [], name)
        for name in ["src/net/main.cpp", "src/net/upstream.cpp", "src/http/stream.cpp", "tests/fuzz/body.cpp"]:
            self.assertEqual(len(list(style.unbuilt_problems(self.root, Path(name)))), 1, name)

    def test_format(self):
        self.write({".clang-format": "BasedOnStyle: Google\n", "a.cpp": "int a;\n", "b.cpp": "int   b;\n"})
        problems = list(style.format_problems(self.root, [Path("a.cpp"), Path("b.cpp")]))
        self.assertEqual([problem.split(":")[0] for problem in problems], ["b.cpp"])

    def test_the_whole(self):
        looked_at, problems = style.check(self.write({
            ".clang-format": "BasedOnStyle: Google\n",
            "src/net/meson.build": "files('stream.cpp')\n",
            "src/net/stream.cpp": "int a;\n",
            "src/net/lost.cpp": "int a;\n",
            "build/a.cpp": "not looked at",
        }))  # fmt: skip
        self.assertEqual((looked_at, problems), (3, ["src/net/lost.cpp: no meson.build names it"]))
