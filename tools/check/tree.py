"""What the checks share: which files there are, and how a check reports."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("src", "include", "tests", "tools", "benchmarks")


def files(root, folders=(".",), suffixes=None):
    """Paths relative to root, sorted; build folders and dot folders (but .ci) are not looked into."""
    found = []
    for folder in folders:
        for place, names, file_names in os.walk(root / folder):
            at_top = Path(place) == Path(root)
            names[:] = [n for n in names if n == ".ci" or not (n.startswith(".") or n == "__pycache__" or at_top and n == "build")]
            for name in file_names:
                if suffixes is None or name.endswith(suffixes):
                    found.append((Path(place) / name).relative_to(root))
    return sorted(set(found))


def code_files(root):
    return files(root, CODE_FOLDERS, (".cpp", ".hpp"))


def text_of(root, path):
    return (root / path).read_text(encoding="utf-8", errors="replace")


def main(name, check):
    """Runs check(root) -> (number of files looked at, problems), prints and exits. A file with problems failed."""
    looked_at, problems = check(ROOT)
    for problem in problems:
        print(problem)
    failed = len({problem.split(":")[0] for problem in problems})
    print(f"{name}: {max(looked_at - failed, 0)} passed, {failed} failed")
    sys.exit(1 if failed else 0)
