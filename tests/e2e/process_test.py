"""What surrounds the program may fail it: its standard error, the threads that it may have."""

import fcntl
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import sockets
from check import PATIENCE_S, Failure, contains, equal, require, wait_for
from harness import Group, MORTAL, asked, configuration
from origin import plain
from replies import expect_forwarded

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
NOBODY = 65534


def as_nobody():
    """A command that runs another one without root's privileges; nothing for who has none."""
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups") if os.geteuid() == 0 else ()


def started(bench, **options):
    """A proxy whose words nobody can read."""
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address), wait=False, **options)
    wait_for(lambda: not proxy.is_running() or sockets.is_listening(proxy.address), "the proxy listens")
    return origin, proxy


def expect_served(bench, origin, proxy):
    client, connection = asked(bench, origin, proxy, GET)
    connection.send(plain(body=b"served"))
    response = client.response()
    expect_forwarded(response)
    equal(response.body, b"served", "body")
    client.close()
    connection.close()


def expect_clean_drain(bench, origin, proxy):
    """SIGTERM with a request that runs: it is answered, and then the proxy ends well."""
    client, connection = asked(bench, origin, proxy, GET)
    proxy.signal(signal.SIGTERM)
    wait_for(lambda: not sockets.is_listening(proxy.address), "the proxy has stopped listening")
    connection.send(plain(body=b"last"))
    response = client.response()
    expect_forwarded(response)
    equal(response.body, b"last", "body")
    client.expect_end()
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("process.stderr_full", "standard error on a disk that is full")
def stderr_full(bench):
    with open("/dev/full", "wb") as full:
        origin, proxy = started(bench, told=full)
    expect_served(bench, origin, proxy)
    proxy.signal(signal.SIGHUP)  # it would like to say something about this
    expect_served(bench, origin, proxy)
    expect_clean_drain(bench, origin, proxy)


@alone.case("process.stderr_closed", "standard error is closed: no descriptor of the proxy's takes its place")
def stderr_closed(bench):
    origin, proxy = started(bench, wrapper=("sh", "-c", 'exec "$@" 2>&-', "sh"))
    expect_served(bench, origin, proxy)
    equal(os.readlink(f"/proc/{proxy.process.pid}/fd/2"), "/dev/null", "what standard error has become")
    proxy.signal(signal.SIGHUP)
    expect_served(bench, origin, proxy)
    expect_clean_drain(bench, origin, proxy)


@alone.case("process.stderr_gone", "standard error is a pipe whose reader has left")
def stderr_gone(bench):
    reader, writer = os.pipe()
    try:
        origin, proxy = started(bench, told=writer)
    finally:
        os.close(writer)
    with open(reader, "rb", buffering=0) as pipe:
        os.set_blocking(reader, False)
        said = bytearray()

        def has_started():
            said.extend(pipe.read(65536) or b"")
            return b"sluice: serving" in said

        wait_for(has_started, "the proxy says that it serves")
    expect_served(bench, origin, proxy)
    proxy.signal(signal.SIGHUP)
    expect_served(bench, origin, proxy)
    expect_clean_drain(bench, origin, proxy)


@alone.case("process.stderr_stuck", "standard error is a pipe that is full and that nobody reads")
def stderr_stuck(bench):
    reader, writer = os.pipe()
    with open(reader, "rb"), open(writer, "wb", buffering=0) as pipe:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while pipe.write(bytes(4096)):
                pass
        os.set_blocking(writer, True)
        origin, proxy = started(bench, told=pipe)
        expect_served(bench, origin, proxy)
        expect_clean_drain(bench, origin, proxy)


@alone.case("process.privileged_port", "a port that only root may have: a sentence, exit status 1")
def privileged_port(bench):
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 1:
        return  # on this host anyone may have it
    with tempfile.TemporaryDirectory(prefix="sluice-e2e-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / "sluice.toml"
        file.write_text(configuration("127.0.0.1:1", log=False).replace("@LISTEN@", "127.0.0.1:1"))
        command = [*as_nobody(), *MORTAL, str(bench.sluice), "-c", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=PATIENCE_S, check=False)
        equal(done.returncode, 1, f"exit status; it said {done.stdout}{done.stderr}")
        contains(done.stderr, "cannot listen on 127.0.0.1:1", "what it says")
        contains(done.stderr, "Permission denied", "what it says")


@alone.case("process.no_threads", "no thread is to be had for a shard: a sentence, exit status 1")
def no_threads(bench):
    folder = Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
    try:
        folder.chmod(0o755)
        file = folder / "sluice.toml"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        text = configuration("127.0.0.1:1", shards=16, log=False, limits="max_connections = 50")
        file.write_text(text.replace("@LISTEN@", address))
        # root has no such limit; for anyone else the processes that there are come to more than this already.
        command = ["prlimit", "--nproc=4:4", *as_nobody(), *MORTAL, str(bench.sluice), "-c", str(file)]
        # The search for leaks wants a thread too.
        environment = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        try:
            done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"the proxy did not end within {PATIENCE_S} s") from error
        equal(done.returncode, 1, f"exit status; it said {done.stdout}{done.stderr}")
        equal(done.stderr.count("\n"), 1, f"lines that it said: {done.stderr}")
        require(done.stderr.startswith("sluice: "), f"it said {done.stderr}")
        contains(done.stderr, "shard", "what it says")
        contains(done.stderr, "ulimit -u", "what it says")
    finally:
        shutil.rmtree(folder)
