"""How each server is configured and started. All relay every path to one origin with kept-alive upstream connections."""

import csv
import io
import os
import shutil
import socket
from dataclasses import dataclass, field

from process import Failure, Process, first_line

PACKAGES = {"nginx": "nginx-light", "nginx-buffered": "nginx-light", "haproxy": "haproxy", "wrk": "wrk"}
NAMES = ("floor", "nginx", "nginx-buffered", "haproxy", "sluice")


@dataclass(frozen=True)
class Setting:
    """What the contenders are started with. `build`: folder of our own programs; `folder`: for configurations and logs;
    `programs`: paths of others than those of the distribution, by kind."""

    build: str
    folder: str
    origin_port: int
    core: int
    log: bool
    splice: bool
    programs: dict = field(default_factory=dict)


def kind_of(name):
    """What stands before the settings in "sluice:pipe_size=1MiB:pipes=8", and those settings as a dictionary."""
    kind, *settings = name.split(":")
    pairs = [setting.partition("=") for setting in settings]
    if any(not key or not equals or not value for key, equals, value in pairs) or (pairs and kind != "sluice"):
        raise ValueError(f"'{name}' is not of the form sluice:KEY=VALUE[:KEY=VALUE...]")
    return kind, {key: value for key, _, value in pairs}


def program_of(name, build, programs=None):
    """The path of the program behind a contender, or None when it is not there."""
    name, settings = kind_of(name)
    if programs and name.split("-")[0] in programs:
        return shutil.which(programs[name.split("-")[0]])
    if name in ("floor", "sluice"):
        path = os.path.join(settings.get("build", build), "sluice-floor" if name == "floor" else "sluice")
        return path if os.access(path, os.X_OK) else None
    # Debian keeps daemons where a user's PATH may not lead.
    return shutil.which(name.split("-")[0], path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")


def version_of(name, build, programs=None):
    return first_line([program_of(name, build, programs), "-v"])


def start(name, setting, port):
    """Starts contender `name` on 127.0.0.1:`port`."""
    program = program_of(name, setting.build, setting.programs)
    if program is None:
        raise Failure(f"{name} is not there")
    kind, settings = kind_of(name)
    command = _commands[kind](program, setting, port, **settings)
    return Process(name, command, setting.core, port, setting.folder)


def _write(setting, file_name, text):
    path = os.path.join(setting.folder, file_name)
    with open(path, "w") as file:
        file.write(text)
    return path


def _floor(program, setting, port):
    return [program, "--listen", f"127.0.0.1:{port}", "--upstream", f"127.0.0.1:{setting.origin_port}"]


def _sluice(program, setting, port, build=None, routes=None, shards="1", **shard_defaults):
    """routes: as many of the form /route-N/*, each of which leaves its prefix out, instead of the one for everything."""
    access = os.path.join(setting.folder, f"sluice-{port}-access.log") if setting.log else "off"
    lines = "".join(f'{key} = {value if value.isdigit() else chr(34) + value + chr(34)}\n' for key, value in shard_defaults.items())
    path = _write(setting, f"sluice-{port}.toml", f"""\
shards = {shards}

[log]
access = "{access}"

[limits]
max_connections = {6000 // int(shards)}

[shard_defaults]
{lines}
[[listener]]
name = "public"
address = "127.0.0.1:{port}"

[upstream.origin]
endpoints = ["127.0.0.1:{setting.origin_port}"]

{_sluice_routes(routes)}""")
    return [program, "-c", path]


def _sluice_routes(count):
    if count is None:
        return '[[route]]\nupstream = "origin"\n'
    return "".join(f'[[route]]\npath = "/route-{index}/*"\nstrip_prefix = "/route-{index}"\nupstream = "origin"\n\n' for index in range(int(count)))


def nginx_preamble(folder, name):
    """The part that every nginx of ours has: one worker, in the foreground, no file outside `folder`."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    return f"""\
{user}daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/{name}.pid;
error_log {folder}/{name}-error.log warn;
events {{ worker_connections 8000; }}
"""


def nginx_paths(folder, name):
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"  {kind}_temp_path {folder}/{name}-{kind};\n" for kind in kinds)


_NGINX_LOG_FORMAT = """\
  log_format json escape=json '{"time":"$time_iso8601","client":"$remote_addr","method":"$request_method","host":"$http_host",'
    '"target":"$request_uri","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,"upstream":"$upstream_addr",'
    '"first_byte":"$upstream_header_time"}';
"""


def _nginx(name, buffering):
    def command(program, setting, port):
        log = f"{_NGINX_LOG_FORMAT}  access_log {setting.folder}/{name}-access.log json buffer=64k flush=1s;\n" if setting.log else "  access_log off;\n"
        path = _write(setting, f"{name}.conf", f"""\
{nginx_preamble(setting.folder, name)}http {{
{nginx_paths(setting.folder, name)}{log}  keepalive_requests 1000000000;
  client_max_body_size 0;
  upstream origin {{
    server 127.0.0.1:{setting.origin_port};
    keepalive 1024;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffering {buffering};
      proxy_request_buffering {buffering};
    }}
  }}
}}
""")
        return [program, "-p", setting.folder, "-c", path]

    return command


def _haproxy(program, setting, port):
    log = "  log stdout format raw local0\n  option httplog\n" if setting.log else ""
    splice = "  option splice-request\n  option splice-response\n" if setting.splice else ""
    path = _write(setting, "haproxy.cfg", f"""\
global
  nbthread 1
  maxconn 6000
  stats socket {setting.folder}/haproxy.sock mode 600

defaults
  mode http
{log}{splice}  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s

frontend public
  bind 127.0.0.1:{port} backlog 4096
  default_backend origin

backend origin
  server origin 127.0.0.1:{setting.origin_port}
""")
    return [program, "-db", "-f", path]


def haproxy_spliced_bytes(folder):
    """What HAProxy says it has spliced towards clients and towards servers, or None when it does not tell."""
    try:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(5)
            admin.connect(os.path.join(folder, "haproxy.sock"))
            admin.sendall(b"show stat\n")
            answer = b"".join(iter(lambda: admin.recv(65536), b""))
    except OSError:
        return None
    total, told = 0, False
    for row in csv.DictReader(io.StringIO(answer.decode().lstrip("# "))):
        for column in ("h1_spliced_bytes_in", "h1_spliced_bytes_out"):
            if row.get(column):
                total, told = total + int(row[column]), True
    return total if told else None


_commands = {
    "floor": _floor,
    "sluice": _sluice,
    "nginx": _nginx("nginx", "off"),
    "nginx-buffered": _nginx("nginx-buffered", "on"),
    "haproxy": _haproxy,
}
