#!/usr/bin/env python3
"""Holds the documents against the tree: every relative link leads somewhere, every path that they name exists, every
module is in docs/architecture.md, and every package that the build installs is in docs/dependencies.md."""

import re

import tree

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
FENCE = re.compile(r"^\s*(```|~~~)")
INLINE_CODE = re.compile(r"`([^`\n]+)`")
TREE_PATH = re.compile(r"^(?:\./)?((?:src|include|config|tests|benchmarks|tools|docs|\.ci)/[^\s:,;)]*)")
# NAME and <name> stand for something, NNNN for a number.
PLACEHOLDER = re.compile(r"[<>{}$]|\b[A-Z]{3,}\b|NNNN|…|\.\.\.")


def anchor_of(heading):
    """The anchor under which the usual viewers file a heading."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def prose_lines(text):
    """(number, line, whether inside a fence)"""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        else:
            yield number, line, fenced


def anchors(text):
    return {anchor_of(line.lstrip("#")) for _, line, fenced in prose_lines(text) if not fenced and re.match(r"#+ ", line)}


def link_problem(root, path, target):
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return None
    place, _, anchor = target.partition("#")
    destination = (root / path).parent / place if place else root / path
    if not destination.exists():
        return f"the link {target} leads nowhere"
    if anchor and destination.suffix == ".md" and anchor not in anchors(destination.read_text(encoding="utf-8")):
        return f"the link {target}: no such heading"
    return None


def named_paths(line, fenced):
    spans = [line] if fenced else INLINE_CODE.findall(line)
    for span in spans:
        for word in span.split():
            found = TREE_PATH.match(word.strip("\"'()"))
            # In a block only commands are ours to check; the rest may be anybody's file.
            if found and (not fenced or word.startswith(("./tools/", "tools/"))) and not PLACEHOLDER.search(word):
                yield found[1].rstrip(".")


def path_exists(root, name):
    return any(root.glob(name.rstrip("/"))) if "*" in name else (root / name).exists()


def file_problems(root, path):
    for number, line, fenced in prose_lines(tree.text_of(root, path)):
        if not fenced:
            for target in LINK.findall(INLINE_CODE.sub("", line)):
                if problem := link_problem(root, path, target):
                    yield f"{path}:{number}: {problem}"
        for name in named_paths(line, fenced):
            if not path_exists(root, name):
                yield f"{path}:{number}: {name} does not exist"


def listing_problems(root, document, names, what):
    """Each name has to be somewhere in the document, as a word."""
    path = root / "docs" / document
    if not path.exists():
        yield f"docs/{document}: missing"
        return
    text = path.read_text(encoding="utf-8")
    for name in names:
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
            yield f"docs/{document}: says nothing of the {what} {name}"


def modules(root):
    return sorted(path.name for path in (root / "src").iterdir() if path.is_dir() and any(path.iterdir()))


def packages(root):
    text = tree.text_of(root, "tools/lib/build.sh")
    lists = re.findall(r'^\w+_packages="([^"]*)"', text, re.M)
    return sorted({name for words in lists for name in words.split()})


def check(root):
    documents = tree.files(root, suffixes=(".md",))
    problems = [problem for path in documents for problem in file_problems(root, path)]
    problems += listing_problems(root, "architecture.md", modules(root), "module")
    problems += listing_problems(root, "dependencies.md", packages(root), "package")
    return len(documents), problems


if __name__ == "__main__":
    tree.main("documents", check)
