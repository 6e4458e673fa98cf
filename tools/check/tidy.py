#!/usr/bin/env python3
"""Runs clang-tidy-19 over every translation unit of build/sanitize. What was clean is remembered by its content, so
that only changed files are looked at again."""

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def own_headers(path, folders, seen):
    """Adds to seen the files of the project that `path` includes, and what those include."""
    for name in INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")):
        for folder in (path.parent, *folders):
            header = (folder / name).resolve()
            if header.is_file():
                if header not in seen:
                    seen.add(header)
                    own_headers(header, folders, seen)
                break
    return seen


def fingerprint(root, unit):
    """The source of a translation unit, and a hash of everything of ours that decides what clang-tidy says about it."""
    source = (Path(unit["directory"]) / unit["file"]).resolve()
    folders = [(Path(unit["directory"]) / folder).resolve() for folder in re.findall(r"-I(\S+)", unit["command"])]
    parts = [unit["command"].encode(), (root / ".clang-tidy").read_bytes()]
    parts += [path.read_bytes() for path in sorted({source} | own_headers(source, folders, set()))]
    return source, hashlib.sha256(b"\0".join(parts)).hexdigest()


def look_at(root, unit):
    """The complaints about one translation unit; empty when there are none."""
    source, name = fingerprint(root, unit)
    remembered = root / "build" / "tidy" / name
    if remembered.exists():
        return ""
    run = subprocess.run(["clang-tidy-19", "-p", unit["directory"], "--quiet", str(source)], cwd=root, capture_output=True, text=True)
    if run.returncode != 0:
        return run.stdout.strip() or run.stderr.strip()
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.touch()
    return ""


def check(root):
    units = json.loads((root / "build" / "sanitize" / "compile_commands.json").read_text())
    units = list({unit["file"]: unit for unit in units}.values())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(lambda unit: look_at(root, unit), units) if text]
    return len(units), complaints


def main():
    looked_at, complaints = check(tree.ROOT)
    for text in complaints:
        print(text)
    print(f"tidy: {looked_at - len(complaints)} passed, {len(complaints)} failed")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
