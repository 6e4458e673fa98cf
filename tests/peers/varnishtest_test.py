"""Odd sequences on both sides at once, as scripts of varnishtest in tests/peers/vtc, with the proxy between its clients and servers."""

import shutil
import tempfile
from pathlib import Path

from check import require, wait_for
from harness import Group, configuration, reserve_port
from programs import Running, program

SCRIPTS = Path(__file__).resolve().parent / "vtc"
PATIENCE_S = 60

group = Group()


def play(bench, name):
    """The server of the script listens first, then the proxy is started with its address, then the clients begin."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-vtc-"))
    shutil.copy(SCRIPTS / "tell", folder)
    reservation = reserve_port()
    port = reservation.getsockname()[1]
    script = Running(
        [program("varnishtest", "varnish"), "-t", str(PATIENCE_S), "-D", f"proxy_port={port}", "-D", f"tell={folder}/tell", SCRIPTS / f"{name}.vtc"],
        folder=folder, env={"PATH": "/usr/sbin:/usr/bin:/bin", "TMPDIR": str(folder)})
    bench.origins.append(script)
    address = folder / "address"
    wait_for(lambda: address.exists() or not script.is_running(), f"{name}.vtc listens")
    script.require_running(f"{name}.vtc")
    bench.proxy(configuration(address.read_text()), reservation=reservation)
    (folder / "ready").touch()
    wait_for(lambda: not script.is_running(), f"{name}.vtc ends", PATIENCE_S)
    require(script.process.returncode == 0, f"{name}.vtc failed (exit status {script.process.returncode}):\n{script.said()}")


group.table("peer.varnishtest", [
    ("pipelined", "pipelined requests of every framing", "pipelined"),
    ("dribbled", "heads and chunks in drops", "dribbled"),
    ("interim", "interim responses, asked for and not", "interim"),
    ("early_response", "an answer in the middle of an upload", "early_response"),
    ("closed_between", "kept connections that end at odd moments", "closed_between"),
    ("until_close", "bodies that the connection ends", "until_close"),
    ("cut_short", "responses that end too early", "cut_short"),
    ("client_leaves", "clients that leave", "client_leaves"),
    ("smuggled", "a request within a request", "smuggled"),
    ("split_response", "more than a response", "split_response"),
], play)
