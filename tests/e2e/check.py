"""How a case says that something is not as it should be."""

import contextlib
import os
import time

# Longest that anything is waited for. Far above what a healthy proxy needs, also when it is sanitized and the machine is busy; an
# emulated processor needs more.
PATIENCE_S = float(os.environ.get("SLUICE_PATIENCE_S", "10"))


class Failure(AssertionError):
    """What was expected and what came instead."""


class Skip(Exception):
    """A case cannot run on this host, and why. It is named as skipped, and counts neither as passed nor as failed."""


def shown(value, most=400):
    """A value as a message shows it: bytes with their escapes, long ones cut in the middle."""
    if isinstance(value, (bytes, bytearray)):
        size, half = len(value), most // 4
        return repr(bytes(value)) if size <= 2 * half else f"{bytes(value[:half])!r} ... {bytes(value[-half:])!r} ({size} bytes)"
    text = repr(value)
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]} ({len(text)} characters)"


def require(condition, message):
    if not condition:
        raise Failure(message)


def equal(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}: expected {shown(expected)}, got {shown(actual)}")


def one_of(actual, expected, what):
    if actual not in expected:
        raise Failure(f"{what}: expected one of {shown(expected)}, got {shown(actual)}")


def contains(text, part, what):
    if part not in text:
        raise Failure(f"{what}: expected {shown(part)} in {shown(text)}")


def wait_for(condition, what, patience=PATIENCE_S):
    """Waits until condition() is true and returns what it returned."""
    deadline = time.monotonic() + patience
    pause = 0.0005
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"did not happen within {patience} s: {what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


@contextlib.contextmanager
def within(what):
    """Puts `what` in front of a failure's message: which row, which delivery."""
    try:
        yield
    except Failure as failure:
        raise Failure(f"{what}: {failure}") from failure
