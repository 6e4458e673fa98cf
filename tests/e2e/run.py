#!/usr/bin/env python3
"""Runs the end-to-end cases against a built proxy.

    run.py --sluice build/release/sluice --origin build/release/sluice-origin [--filter REGEX] [--jobs N] ...

A whole run is held against requirements.toml as well: each of them counts as one more case.
Last line: `e2e: N passed, N failed`, e2e being the folder; exit status 1 when one failed, or none ran.
"""

import argparse
import fnmatch
import importlib
import queue
import re
import sys
import threading
import time
import traceback
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))
sys.dont_write_bytecode = True

import delivery  # noqa: E402
import requirements  # noqa: E402
from check import Failure, Skip  # noqa: E402
from harness import Bench, Case, Group, raise_descriptor_limit  # noqa: E402


class Results:
    """What the cases came to; printed as it comes."""

    def __init__(self, verbose, stops_at_failure=False):
        self.verbose = verbose
        self.stops_at_failure = stops_at_failure
        self.ran = {}  # ids of those that passed, with their kinds of delivery
        self.failed = []
        self.skipped = []
        self.times = []
        self._lock = threading.Lock()

    def add(self, case, seconds, failure):
        with self._lock:
            self.times.append((seconds, case.id))
            if failure is None:
                self.ran[case.id] = delivery.used()
            else:
                self.failed.append(case.id)
            if failure is not None or self.verbose:
                print(f"{'ok    ' if failure is None else 'FAILED'} {case.id}: {case.title} ({seconds:.2f} s)", flush=True)
            if failure is not None:
                print("".join(f"    {line}\n" for line in failure.splitlines()), end="", flush=True)

    def skip(self, name, why):
        with self._lock:
            self.skipped.append(name)
            print(f"skipped: {name} ({why})", flush=True)

    def add_breakdown(self, unit, text):
        """What a case or group did not leave in order; the cases that were still to come did not run."""
        name = unit.id if isinstance(unit, Case) else unit.setup.__name__
        with self._lock:
            self.failed.append(name)
            print(f"FAILED {name} could not be cleaned up\n{text}", flush=True)

    @property
    def passed(self):
        return len(self.ran)

    @property
    def is_enough(self):
        """Whether what is left need not run."""
        return self.stops_at_failure and bool(self.failed)


def failure_of(function):
    """What went wrong in function(), or None. Raises Skip."""
    delivery.forget_used()
    try:
        function()
    except Skip:
        raise
    except Failure as failure:
        place = traceback.extract_tb(failure.__traceback__)
        own = [frame for frame in place if frame.filename.endswith("_test.py")]
        return f"{failure}\n(at {own[-1].filename.rpartition('/')[2]}:{own[-1].lineno})" if own else str(failure)
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()
    return None


def run_alone(case, results):
    bench = Bench()
    begin = time.monotonic()

    def run():
        case.run(bench)
        bench.stop()

    try:
        failure = failure_of(run)
    except Skip as skip:
        bench.discard()
        results.skip(case.id, skip)
        return
    if failure is not None:
        told = "".join(f"\nthe proxy said:\n{proxy.told()}" for proxy in bench.proxies if proxy.told_path.exists() and proxy.told())
        failure += told
    bench.discard()
    results.add(case, time.monotonic() - begin, failure)


def run_shared(group, cases, results):
    """All cases on one bench; a broken one is replaced. That it stops properly is a case of its own."""
    bench = world = None
    for case in cases:
        if results.is_enough:
            break
        begin = time.monotonic()

        def run(case=case):
            nonlocal bench, world
            if bench is None:
                bench = Bench()
                world = group.setup(bench)
            case.run(world)
            bench.check_health()

        try:
            failure = failure_of(run)
        except Skip as skip:
            results.skip(case.id, skip)
            continue
        bench.close_clients()
        if failure is not None:
            failure += "".join(f"\nthe proxy said:\n{proxy.told()}" for proxy in bench.proxies if proxy.told())
            bench.discard()
            bench = None
        results.add(case, time.monotonic() - begin, failure)
    if bench is not None:
        begin = time.monotonic()
        failure = failure_of(bench.stop)
        bench.discard()
        stop = Case(group, f"{group.setup.__module__.removesuffix('_test')}.{group.setup.__name__}.stop", "it all stops properly", None)
        results.add(stop, time.monotonic() - begin, failure)


def load(folder):
    """All cases of a folder's files."""
    sys.path.insert(0, str(folder))
    for file in sorted(folder.glob("*_test.py")):
        importlib.import_module(file.stem)
    ids = [case.id for group in Group.every for case in group.cases]
    twice = {name for name in ids if ids.count(name) > 1}
    if twice:
        sys.exit(f"more than one case is called {', '.join(sorted(twice))}")


def units_of(pattern):
    """What can run in parallel: a shared group, or a case alone. Long ones come first."""
    shared, alone = [], []
    for group in Group.every:
        cases = [case for case in group.cases if pattern.search(case.id) and case.can_run]
        if group.setup is None:
            alone += [(run_alone, case) for case in cases]
        elif cases:
            shared.append((run_shared, group, cases))
    return shared + alone


def skipped(pattern):
    """The ids of the cases that cannot run here."""
    return [case.id for group in Group.every for case in group.cases if pattern.search(case.id) and not case.can_run]


def check_requirements(results):
    """Each requirement that the cases were to show, as a case of its own; not those of cases that were skipped."""
    group = Group()
    # Not the ends of groups, which are counted as cases.
    known = {case.id for one in Group.every for case in one.cases}
    ran = {name: kinds for name, kinds in results.ran.items() if name in known}
    for requirement in requirements.load():
        missing = [name for name in results.skipped if any(fnmatch.fnmatchcase(name, wanted) for wanted in requirement.patterns)]
        if missing:
            results.skip(f"requirement.{requirement.id}", f"without {missing[0]}")
            continue
        case = Case(group, f"requirement.{requirement.id}", f"{requirement.text} ({requirement.source})", None)
        delivery.forget_used()
        results.add(case, 0, requirements.unmet(requirement, ran))


def work(units, results):
    while not results.is_enough:
        try:
            function, *arguments = units.get_nowait()
        except queue.Empty:
            return
        try:
            function(*arguments, results)
        except Exception:  # pylint: disable=broad-except
            results.add_breakdown(arguments[0], traceback.format_exc())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", required=True, type=Path, help="the proxy")
    parser.add_argument("--origin", required=True, type=Path, help="the test origin, sluice-origin")
    parser.add_argument("--cases", default=FOLDER, type=Path, help="the folder of the cases; tests/peers has others")
    parser.add_argument("--filter", default="", help="only cases whose id matches this regular expression")
    parser.add_argument("--requirement", action="append", default=[], metavar="ID", help="only cases that show this one of requirements.toml")
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first failure")
    parser.add_argument("--jobs", type=int, default=4, help="how many run at once")
    parser.add_argument("--list", action="store_true", help="print ids and titles, run nothing")
    parser.add_argument("--verbose", action="store_true", help="print passed cases and the slowest as well")
    options = parser.parse_args()
    load(options.cases.resolve())
    pattern = options.filter
    if options.requirement:
        pattern = requirements.expression([one for one in requirements.load() if one.id in options.requirement])
    units = units_of(re.compile(pattern))
    left_out = skipped(re.compile(pattern))
    if options.list:
        for function, *rest in units:
            for case in [rest[0]] if function is run_alone else rest[1]:
                print(f"{case.id}: {case.title}")
        return 0
    for program in (options.sluice, options.origin):
        if not program.exists():
            sys.exit(f"{program} does not exist; tools/test builds it")
    Bench.sluice, Bench.origin_program = options.sluice.resolve(), options.origin.resolve()
    raise_descriptor_limit()
    results = Results(options.verbose, options.fail_fast)
    for name in left_out:
        results.skip(name, "needs root")
    waiting = queue.Queue()
    for unit in units:
        waiting.put(unit)
    workers = [threading.Thread(target=work, args=(waiting, results)) for _ in range(options.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if not pattern and not results.is_enough and options.cases == FOLDER:
        check_requirements(results)
    if options.verbose:
        for seconds, name in sorted(results.times, reverse=True)[:10]:
            print(f"{seconds:7.2f} s  {name}")
    for name in results.failed:
        print(f"failed: {name}")
    print(f"{options.cases.resolve().name}: {results.passed} passed, {len(results.failed)} failed")
    return 1 if results.failed or not results.passed else 0


if __name__ == "__main__":
    sys.exit(main())
