"""Making a proxy read its file again, and what it says about it."""

import re
import signal

from check import equal, require, wait_for

# Whole lines alone: a reader may see a part of one.
_RESULT = re.compile(r"^sluice: (?:reloaded|not reloaded): .*(?=\n)", re.MULTILINE)


def told_all(proxy):
    return proxy.told_path.read_text(errors="replace")


def _next_result(proxy, text, kind):
    """Writes the file (unless text is None), sends SIGHUP, and returns everything that is said up to the result's line."""
    before = told_all(proxy)
    if text is not None:
        proxy.write(text)
    proxy.signal(signal.SIGHUP)

    def find():
        found = _RESULT.search(told_all(proxy), len(before))
        require(found or proxy.is_running(), f"the proxy died; it said:\n{proxy.told()}")
        return found

    found = wait_for(find, "the reload comes to an end")
    said = found.string[len(before) : found.end()]
    require(found[0].startswith(f"sluice: {kind}"), f"expected it to be {kind}; it said:\n{said}")
    return said


def reload(proxy, text=None):
    """Returns the line that says what has changed."""
    return _next_result(proxy, text, "reloaded").rpartition("\n")[2]


def reload_refused(proxy, text=None):
    """Returns what is said about it."""
    return _next_result(proxy, text, "not reloaded")


def snapshots_alive(line):
    return int(re.search(r"snapshots alive: (\d+)", line)[1])


def expect_taken(line, snapshots):
    equal(snapshots_alive(line), snapshots, "snapshots alive")


class Reloads:
    """Many reloads, one after the other, without reading again what was said long ago."""

    def __init__(self, proxy, texts):
        self.proxy, self.texts = proxy, texts
        self.count = 0
        self.alive_max = 0

    def one(self):
        size = self.proxy.told_path.stat().st_size
        self.proxy.write(self.texts[self.count % len(self.texts)])
        self.proxy.signal(signal.SIGHUP)
        self.count += 1

        def said():
            with open(self.proxy.told_path, "rb") as file:
                file.seek(size)
                return _RESULT.search(file.read().decode(errors="replace"))

        line = wait_for(said, f"reload {self.count} comes to an end")[0]
        require(line.startswith("sluice: reloaded"), line)
        self.alive_max = max(self.alive_max, snapshots_alive(line))
