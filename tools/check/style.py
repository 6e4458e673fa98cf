#!/usr/bin/env python3
"""Holds the files against the house style, as far as a program can: format, names, sizes, and that everything written
is also built."""

import re
import subprocess

import tree

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 100
FILE_NAME = re.compile(r"[a-z][a-z0-9_]*\.(cpp|hpp)")
# Names that say nothing.
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "manager", "context", "impl", "data", "info", "misc"}
# Split so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
TEXT_SUFFIXES = (".cpp", ".hpp", ".py", ".sh", ".build", ".md", ".toml", ".txt", ".ini")


def name_problems(path):
    if not FILE_NAME.fullmatch(path.name):
        yield f"{path}: file names are snake_case"
    for word in sorted(EMPTY_WORDS & set(path.stem.split("_"))):
        yield f"{path}: '{word}' names nothing"
    if path.parts[:2] == ("tests", "unit") and path.suffix == ".cpp" and len(path.parts) > 3 and not path.stem.endswith("_test"):
        yield f"{path}: a unit test is called x_test.cpp"


def header_problems(path, text):
    if path.suffix != ".hpp":
        return
    code = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("//")]
    if not code or code[0].strip() != "#pragma once":
        yield f"{path}:1: a header begins with #pragma once"
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*using\s+namespace\b", line):
            yield f"{path}:{number}: no using namespace in a header"


def blanked(found):
    return re.sub(r"[^\n]", " ", found.group())


def without_comments_and_literals(text):
    """The same text, line by line, with comments, strings and characters blanked."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'(?![0-9a-fA-F])', re.DOTALL
    )
    return token.sub(blanked, text)


PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
ACCESS = re.compile(r"\b(public|protected|private)\s*:(?!:)")
CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum)\b|^extern\b")


def functions(text):
    """(first line, last line) of every function body; a lambda belongs to the function around it."""
    code = without_comments_and_literals(text)
    code = ACCESS.sub(blanked, PREPROCESSOR.sub(blanked, code))
    stack = []  # of (is_container, first line or None)
    head_start = 0
    line = 1
    for position, character in enumerate(code):
        if character == "\n":
            line += 1
        elif character == "{":
            head = code[head_start:position]
            in_container = all(is_container for is_container, _ in stack)
            # Template parameters may say class: what decides is the head without them.
            bare = re.sub(r"<[^<>;{}()]*>", "", head).strip()
            is_container = in_container and bool(CONTAINER.search(bare)) and "(" not in re.sub(r"\b(alignas|__attribute__)\s*\(+[^)]*\)+", "", bare)
            is_function = in_container and not is_container and ")" in bare
            first = line - head.lstrip().count("\n") if is_function else None
            stack.append((is_container, first))
            head_start = position + 1
        elif character == "}":
            if stack:
                _, first = stack.pop()
                if first is not None:
                    yield first, line
            head_start = position + 1
        elif character == ";":
            head_start = position + 1


def size_problems(path, text):
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path}: {lines} lines: a file is one idea, {FILE_LINES_MAX} lines at most"
    for first, last in functions(text):
        if last - first + 1 > FUNCTION_LINES_MAX:
            yield f"{path}:{first}: a function of {last - first + 1} lines: one thought, {FUNCTION_LINES_MAX} lines at most"


def unfinished_problems(root, path):
    for number, line in enumerate(tree.text_of(root, path).splitlines(), 1):
        if found := UNFINISHED.search(line):
            yield f"{path}:{number}: {found.group()}: finish it or leave it out"


def unbuilt_problems(root, path):
    """A source that no meson.build names is neither compiled nor tested."""
    if path.suffix != ".cpp":
        return
    for folder in path.parents:
        listing = root / folder / "meson.build"
        # A fuzz target is listed by its name alone.
        names = {str(path.relative_to(folder)), path.stem if path.parts[:2] == ("tests", "fuzz") else path.name}
        if listing.exists() and any(f"'{name}'" in listing.read_text() for name in names):
            return
    yield f"{path}: no meson.build names it"


def format_problems(root, paths):
    if not paths:
        return
    run = subprocess.run(["clang-format-19", "--dry-run", "--ferror-limit=1", *map(str, paths)], cwd=root, capture_output=True, text=True)
    if run.returncode != 0:
        yield f"clang-format-19: {run.stderr.strip()}"
    for found in re.finditer(r"^(\S+?):(\d+):\d+: (?:warning|error): ", run.stderr, re.M):
        yield f"{found[1]}:{found[2]}: not formatted (clang-format-19 -i {found[1]})"


def check(root):
    code = tree.code_files(root)
    scripts = [path for path in tree.files(root) if path.suffix == "" and path.parts[0] in ("tools", ".ci")]
    texts = tree.files(root, suffixes=TEXT_SUFFIXES) + scripts
    problems = list(format_problems(root, code))
    for path in code:
        text = tree.text_of(root, path)
        problems += [*name_problems(path), *header_problems(path, text), *size_problems(path, text), *unbuilt_problems(root, path)]
    for path in texts:
        problems += unfinished_problems(root, path)
    return len(set(code) | set(texts)), problems


if __name__ == "__main__":
    tree.main("style", check)
