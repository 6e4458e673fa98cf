"""The other programs: found, run to their end, or kept running for a case."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import sockets
from check import PATIENCE_S, Failure, require, wait_for
from harness import MORTAL, reserve_port

RUN_S = 60


def program(name, package=None):
    """Its path. A program that is missing is a failure: tools/test installs it."""
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin")
    require(path, f"{name} is not installed (apt-get install {package or name}, or let tools/test do it)")
    return path


def run(command, text=False, limit=RUN_S, **options):
    """Runs a command to its end: (exit status, standard output, standard error)."""
    try:
        done = subprocess.run(
            [*MORTAL, *map(str, command)], capture_output=True, text=text, timeout=limit, check=False,
            **({} if "input" in options else {"stdin": subprocess.DEVNULL}), **options)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{command[0]} did not end within {limit} s") from error
    return done.returncode, done.stdout, done.stderr


class Running:
    """A program in a folder of its own, ended by its id. What it says is in the file `said`."""

    def __init__(self, command, folder=None, **options):
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sluice-peer-"))
        self.said_path = self.folder / "said"
        with open(self.said_path, "wb") as said:
            self.process = subprocess.Popen(
                [*MORTAL, *map(str, command)], stdin=subprocess.DEVNULL, stdout=options.pop("stdout", said), stderr=said,
                cwd=self.folder, start_new_session=True, **options)

    def said(self):
        return self.said_path.read_text(errors="replace")[-4000:]

    def is_running(self):
        return self.process.poll() is None

    def require_running(self, what):
        require(self.is_running(), f"{what} has ended (exit status {self.process.returncode}); it said:\n{self.said()}")

    def stop(self, number=signal.SIGTERM):
        if self.is_running():
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE_S)
        if self.is_running():
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Nginx(Running):
    """nginx on a port of its own, unprivileged and in one process. server: lines of its server block.

    The port stays reserved for it, also while it is away.
    """

    def __init__(self, server, http="", files=(), reservation=None):
        folder = Path(tempfile.mkdtemp(prefix="sluice-nginx-"))
        for name, content in files:
            path = folder / "www" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.reservation = reservation or reserve_port()
        self.port = self.reservation.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        (folder / "nginx.conf").write_text(f"""
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log info;
worker_rlimit_nofile 1024;
events {{ worker_connections 512; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type application/octet-stream;
  sendfile on;
  {http}
  server {{
    listen 127.0.0.1:{self.port} reuseport;
    root {folder}/www;
    {server}
  }}
}}
""")
        super().__init__([program("nginx", "nginx-light"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], folder=folder)
        try:
            wait_for(lambda: not self.is_running() or sockets.is_listening(("127.0.0.1", self.port)), "nginx listens")
            self.require_running("nginx")
        except Failure:
            self.stop()
            raise

    def said(self):
        error_log = self.folder / "error.log"
        return super().said() + (error_log.read_text(errors="replace")[-4000:] if error_log.exists() else "")

    def end(self):
        """At once, and its port refuses from here on."""
        self.process.kill()
        self.process.wait()

    def stop(self, number=signal.SIGTERM):
        super().stop(number)
        self.reservation.close()


class HAProxy(Running):
    """HAProxy on a port of its own. text: its sections behind `defaults`; @LISTEN@ stands for the port's address."""

    def __init__(self, text, mode="http"):
        folder = Path(tempfile.mkdtemp(prefix="sluice-haproxy-"))
        self.reservation = reserve_port()
        self.port = self.reservation.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        (folder / "haproxy.cfg").write_text(f"""
global
  maxconn 200
defaults
  mode {mode}
  timeout connect 5s
  timeout client 30s
  timeout server 30s
{text.replace("@LISTEN@", self.address)}
""")
        super().__init__([program("haproxy"), "-db", "-f", folder / "haproxy.cfg"], folder=folder)
        try:
            wait_for(lambda: not self.is_running() or sockets.is_listening(("127.0.0.1", self.port)), "HAProxy listens")
            self.require_running("HAProxy")
        except Failure:
            self.stop()
            raise

    def stop(self, number=signal.SIGTERM):
        super().stop(number)
        self.reservation.close()
