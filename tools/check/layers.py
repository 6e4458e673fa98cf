#!/usr/bin/env python3
"""Holds the includes against the ranks of docs/architecture.md: a file includes its own module and lower ranks, and a
third-party library only inside the module that wraps it."""

import re

import tree

# The public headers of include/sluice stand below the policies that are written against them.
RANKS = {
    "base": 0,
    "memory": 1, "metrics": 1, "config": 1,
    "http": 2, "balance": 2, "runtime": 2,
    "net": 3, "route": 3,
    "tls": 4, "message": 4,
    "upstream": 5, "sluice": 5,
    "policy": 6,
    "proxy": 7,
    "control": 8,
    "app": 9,
}  # fmt: skip

# First path component or whole name of a header -> where it may be included: a module, or a folder outside src.
THIRD_PARTY = {
    "fmt": ["*"],
    "doctest": ["tests"],
    "benchmark": ["benchmarks"],
    "toml++": ["config"],
    "mimalloc.h": ["memory"],
    "liburing.h": ["runtime", "tests/fault", "tools/floor"],
    "liburing": ["runtime", "tests/fault", "tools/floor"],
    "linux/io_uring.h": ["runtime", "tests/fault", "tools/floor"],
    "wolfssl": ["tls", "tests/unit/tls", "tests/tools"],
    "re2": ["route"],
    "nghttp2": ["http", "tests/unit/http"],
}
SYSTEM_FOLDERS = {"arpa", "asm", "linux", "net", "netinet", "sanitizer", "sys"}

# These compute: no descriptor, no ring, no clock call, no thread. It makes them testable with plain arrays.
PURE_MODULES = {"http", "balance", "route", "config"}
IMPURE_HEADERS = re.compile(
    r"(sys|linux|net)/.*|(unistd|fcntl|poll|pthread|signal|time|netdb)\.h"
    r"|thread|mutex|shared_mutex|condition_variable|future|atomic|stop_token|semaphore|latch|barrier"
)
CLOCK_CALL = re.compile(r"_clock::now\b|\bclock_gettime\s*\(|\bgettimeofday\s*\(")
CLOCK_READERS = {"src/runtime/kernel_linux.cpp"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def module_of(path):
    """The module of a file of src or include, else None."""
    if path.parts[0] in ("src", "include"):
        return path.parts[1] if len(path.parts) > 2 else ""
    return None


def may_include(path, places):
    module = module_of(path)
    for place in places:
        if place == "*" or place == module or "/".join(path.parts).startswith(place + "/"):
            return True
    return False


def own_include_problem(module, header):
    if module is None:
        return None
    target = header.split("/")[0]
    if "/" not in header:
        return f'include "{header}" by its module: "{module}/{header}"'
    if target not in RANKS:
        return f'"{header}": no module has the name {target}'
    if target != module and RANKS[target] >= RANKS[module]:
        return f'"{header}": {module} (rank {RANKS[module]}) may not know {target} (rank {RANKS[target]})'
    return None


def system_include_problem(path, header):
    places = THIRD_PARTY.get(header) or THIRD_PARTY.get(header.split("/")[0])
    if places is not None:
        if not may_include(path, places):
            return f"<{header}> belongs to {', '.join(places)} alone"
    elif "/" in header and header.split("/")[0] not in SYSTEM_FOLDERS:
        return f"<{header}>: a library that tools/check/layers.py does not know"
    if module_of(path) in PURE_MODULES and IMPURE_HEADERS.fullmatch(header):
        return f"<{header}>: {module_of(path)} sees no descriptor, clock or thread"
    return None


def file_problems(root, path):
    module = module_of(path)
    if module is not None and module not in RANKS:
        yield f"{path}: lies in no known module"
        return
    for number, line in enumerate(tree.text_of(root, path).splitlines(), 1):
        problem = None
        if found := INCLUDE.match(line):
            quote, header = found.groups()
            problem = own_include_problem(module, header) if quote == '"' else system_include_problem(path, header)
        elif module is not None and str(path) not in CLOCK_READERS and CLOCK_CALL.search(line.split("//")[0]):
            problem = "only the kernel seam reads a clock; everyone else is handed an Instant"
        if problem:
            yield f"{path}:{number}: {problem}"


def check(root):
    paths = tree.code_files(root)
    return len(paths), [problem for path in paths for problem in file_problems(root, path)]


if __name__ == "__main__":
    tree.main("layers", check)
