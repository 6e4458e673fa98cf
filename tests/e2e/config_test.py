"""What the command line says and does: good files, bad files, and starts that must fail with a sentence."""

import os
import re
import socket
import tempfile
from pathlib import Path

from check import contains, equal, require
from harness import Group, asked, configuration
from origin import plain
from replies import expect_forwarded

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
[[listener]]
name = "public"
address = "127.0.0.1:8080"

[upstream.api]
endpoints = ["127.0.0.1:9001", { address = "127.0.0.1:9002", weight = 2 }]

[[route]]
host = "api.example.com"        # left out: any host
path = "/v1/*"                  # prefix; without the star: exact
strip_prefix = "/v1"
upstream = "api"
timeouts = { connect = "2s", first_byte = "30s", idle = "60s" }
"""

alone = Group()


def check_text(bench, text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test.toml"
        if isinstance(text, bytes):
            file.write_bytes(text)
        else:
            file.write_text(text)
        return bench.run("-t", "-c", "test.toml", cwd=folder)


@alone.case("config.check.good", "-t accepts a good file and says so")
def good(bench):
    status, out, err = check_text(bench, GOOD)
    equal(status, 0, f"exit status; it said {out}{err}")
    contains(out + err, "test.toml", "what it says")
    contains(out + err, "good", "what it says")


def shipped(bench, name):
    # Their logs are in the working directory, and the user that they name has to be able to write there.
    with tempfile.TemporaryDirectory(prefix="sluice-e2e-") as folder:
        Path(folder).chmod(0o777)
        status, out, err = bench.run("-t", "-c", str(ROOT / "config" / name), cwd=folder)
    equal(status, 0, f"exit status; it said {out}{err}")


alone.table("config.check.shipped", [
    ("quickstart", "the quickstart file is good", "quickstart.toml"),
    ("example", "the file with every key is good", "example.toml"),
], shipped)


def bad(bench, text, *expected):
    """expected: (line:column, parts of the message), one for each problem, in order."""
    status, out, err = check_text(bench, text)
    equal(status, 1, f"exit status; it said {out}{err}")
    found = re.findall(r"^test\.toml:(\d+:\d+): (.*)$", err, re.M)
    equal([place for place, _ in found], [place for place, *_ in expected], f"places; it said {err}")
    for (_, message), (_, *parts) in zip(found, expected):
        for part in parts:
            contains(message, part, "message")
    contains(err, "not usable", "what it says")


def edited(old, new):
    text = GOOD.replace(old, new, 1)
    require(text != GOOD, f"{old} is not in the file")
    return text


alone.table("config.check", [
    ("unknown_key", "an unknown key, with a suggestion", edited("address =", "adress ="),
     ("4:1", "adress", "did you mean `address`")),
    ("unknown_table", "an unknown table", GOOD + "[surprise]\nx = 1\n", ("15:2", "surprise")),
    ("wrong_type", "a wrong type", edited('name = "public"', "name = 5"), ("3:8", "name", "5")),
    ("bad_address", "an address that is none", edited("127.0.0.1:8080", "localhost"), ("4:11", "localhost")),
    ("bad_port", "a port that is none", edited("127.0.0.1:8080", "127.0.0.1:99999"), ("4:11", "99999")),
    ("bad_duration", "a duration without unit", edited('"2s"', '"2"'), ("14:24", "connect", '"2"')),
    ("duration_range", "a duration out of range", edited('"2s"', '"0s"'), ("14:24", "connect", '"0s"')),
    ("duration_integer", "a duration as a number", edited('"2s"', "2"), ("14:24", "connect", "2")),
    ("weight_range", "a weight out of range", edited("weight = 2", "weight = 0"), ("7:71", "weight", "0")),
    ("no_upstream", "a route to an upstream that is not there", edited('upstream = "api"', 'upstream = "apl"'), ("13:12", '"apl"', "did you mean `api`")),
    ("bad_path", "a path without slash", edited('"/v1/*"', '"v1/*"'), ("11:8", "v1/*")),
    ("star_inside", "a star within a path", edited('"/v1/*"', '"/v1/*/x"'), ("11:8", "/v1/*/x")),
    ("bad_regex", "an expression that is none", edited('path = "/v1/*"', 'path_regex = "/v1/("').replace('strip_prefix = "/v1"\n', ""), ("11:14", "/v1/(", "missing )")),
    ("bad_method", "a method that is none", edited('path = "/v1/*"', 'path = "/v1/*"\nmethods = ["GET", "put"]'), ("12:19", "methods[1]", "put")),
    ("bad_condition", "a condition with two ends", edited('path = "/v1/*"', 'path = "/v1/*"\nheaders = ["a", { name = "b", value = "1", regex = "1" }]'), ("12:17", "regex")),
    ("bad_rewrite", "a rewrite with a part that the path does not have", edited('path = "/v1/*"', 'path = "/v1/{id}"\nrewrite = { path = "/{di}" }').replace('strip_prefix = "/v1"\n', ""),
     ("12:20", "{id}", "{di}")),
    ("foreign_prefix", "a strip_prefix that the path does not start with", edited('strip_prefix = "/v1"', 'strip_prefix = "/v2"'), ("12:16", "/v2")),
    ("half_prefix", "a strip_prefix that ends within a segment", edited('strip_prefix = "/v1"', 'strip_prefix = "/v"'), ("12:16", "/v")),
    ("twice", "the same route twice", GOOD + '[[route]]\nhost = "API.example.com"\npath = "/v1/*"\nupstream = "api"\n', ("15:1", "test.toml:9:1", "/v1/*")),
    ("same_listener", "two listeners on one address", GOOD + '[[listener]]\nname = "b"\naddress = "127.0.0.1:8080"\n', ("17:11", "127.0.0.1:8080")),
    ("same_name", "two listeners of one name", GOOD + '[[listener]]\nname = "public"\naddress = "127.0.0.1:8081"\n', ("16:8", "public")),
    ("same_endpoint", "an endpoint twice", edited("127.0.0.1:9002", "127.0.0.1:9001"), ("7:44", "127.0.0.1:9001", "7:14")),
    ("no_endpoints", "an upstream without endpoints", re.sub("endpoints = .*", "endpoints = []", GOOD), ("7:13", "endpoints")),
    ("shards_zero", "no shards", "shards = 0\n" + GOOD, ("1:10", "shards", "0")),
    ("several", "several mistakes are told at once, in order",
     edited("[upstream.api]", "[upstream.api]\nwieght = 1").replace('"30s"', '"soon"').replace('upstream = "api"', 'upstream = "b"'),
     ("7:1", "wieght"), ("14:12", '"b"'), ("15:43", "soon")),
    ("syntax", "no TOML", edited('name = "public"', 'name = "public'), ("3:15", "TOML")),
    ("key_twice", "a key twice", edited('name = "public"', 'name = "public"\nname = "b"'), ("4:8", "TOML")),
    ("not_utf8", "bytes that are not UTF-8", b'x = "\xff"\n' + GOOD.encode(), ("1:5", "TOML")),
], bad)


def incomplete(bench, text, *parts):
    status, out, err = check_text(bench, text)
    equal(status, 1, f"exit status; it said {out}{err}")
    contains(err, "test.toml", "what it says")
    for part in parts:
        contains(err, part, "what it says")


alone.table("config.check.incomplete", [
    ("empty", "an empty file: everything that is missing", "", "listener", "route"),
    ("no_listener", "no listener", GOOD[GOOD.index("[upstream") :], "listener"),
    ("no_route", "no route", GOOD[: GOOD.index("[[route]]")], "route"),
    ("no_name", "a listener without name", GOOD.replace('name = "public"\n', ""), "name"),
], incomplete)


@alone.case("config.check.many", "a thousand mistakes do not flood the terminal")
def many(bench):
    status, _, err = check_text(bench, GOOD + "".join(f'[upstream.api.x{i}]\ny = 1\n' for i in range(1000)))
    equal(status, 1, "exit status")
    require(50 <= err.count("\n") <= 110, f"{err.count(chr(10))} lines")


@alone.case("config.check.no_effect", "-t does not touch a running proxy's address")
def check_beside(bench):
    origin = bench.scripted()
    proxy = bench.proxy(configuration(origin.address))
    status, out, err = bench.run("-t", "-c", str(proxy.file))
    equal(status, 0, f"exit status; it said {out}{err}")
    client, connection = asked(bench, origin, proxy, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.send(plain())
    expect_forwarded(client.response())


def refused_start(bench, arguments, *parts):
    status, out, err = bench.run(*arguments)
    equal(status, 1, f"exit status; it said {out}{err}")
    require(err.strip(), "it says nothing")
    require(err.count("\n") <= 20, f"it says too much: {err}")
    for part in parts:
        contains(err, part, "what it says")


alone.table("cli", [
    ("missing_file", "a file that is not there", ["-c", "/nonexistent/sluice.toml"], "/nonexistent/sluice.toml", "No such file"),
    ("missing_file_check", "a file that is not there, checked", ["-t", "-c", "/nonexistent/sluice.toml"], "/nonexistent/sluice.toml", "No such file"),
    ("folder", "a folder in place of a file", ["-c", "/tmp"], "/tmp"),
    ("unknown_option", "an option that is not there", ["--frobnicate"], "frobnicate"),
    ("unknown_letter", "a letter that is no option", ["-Z"], "Z"),
    ("no_value", "-c without a file", ["-c"], "-c"),
    ("surplus", "an argument too many", ["-c", "/nonexistent/sluice.toml", "surplus"], "surplus"),
], refused_start)


@alone.case("cli.version", "-v names the version")
def version(bench):
    status, out, err = bench.run("-v")
    equal(status, 0, "exit status")
    require(re.search(r"sluice[ /]\d+\.\d+\.\d+", out + err), f"it said {out}{err}")


@alone.case("cli.version_long", "-V names the version and what it was built with")
def version_long(bench):
    status, out, err = bench.run("-V")
    equal(status, 0, "exit status")
    text = out + err
    require(re.search(r"sluice[ /]\d+\.\d+\.\d+", text), f"it said {text}")
    require(text.count("\n") >= 2, f"it said {text}")


# Starts


def failed_start(bench, text, *parts):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test.toml"
        file.write_text("shards = 2\n" + text + "[limits]\nmax_connections = 100\n")
        status, out, err = bench.run("-c", str(file), cwd=folder)
    equal(status, 1, f"exit status; it said {out}{err}")
    require(err.strip(), "it says nothing")
    for part in parts:
        contains(err, part, "what it says")
    return err


@alone.case("start.bad_file", "a bad file: the same words as from -t, exit status 1")
def start_bad_file(bench):
    contains(failed_start(bench, edited("address =", "adress =")), "test.toml:5:1: ", "what it says")


@alone.case("start.port_in_use", "a port that another program has")
def port_in_use(bench):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        failed_start(bench, GOOD.replace("127.0.0.1:8080", address), address, "in use")


@alone.case("start.shared_port", "a port that another proxy serves with SO_REUSEPORT is not shared by accident")
def shared_port(bench):
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        failed_start(bench, GOOD.replace("127.0.0.1:8080", address), address, "in use")


@alone.case("start.foreign_address", "an address that this host does not have")
def foreign_address(bench):
    failed_start(bench, GOOD.replace("127.0.0.1:8080", "192.0.2.1:8080"), "192.0.2.1:8080")


@alone.case("start.congestion_control", "a congestion control that the kernel does not have, here and with -t")
def unknown_congestion_control(bench):
    for old, kind in (('name = "public"', 'listener "public"'), ("endpoints =", 'upstream "api"')):
        text = edited(old, 'congestion_control = "nosuch"\n' + old)
        failed_start(bench, text, '"nosuch"', kind, "tcp_available_congestion_control")
        status, out, err = check_text(bench, text)
        equal(status, 1, f"exit status of -t; it said {out}{err}")
        contains(err, kind, "what -t says")


@alone.case("start.second_listener", "one listener of two fails: the program does not start with half of them")
def second_listener(bench):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = GOOD.replace("127.0.0.1:8080", f"127.0.0.1:{port}") + '[[listener]]\nname = "b"\naddress = "192.0.2.1:8080"\n'
    failed_start(bench, text, "192.0.2.1:8080")


@alone.case("start.log_folder_missing", "an access log in a folder that is not there")
def log_folder_missing(bench):
    failed_start(bench, GOOD + '[log]\naccess = "/nonexistent/access.log"\n', "/nonexistent/access.log", "No such file")


@alone.case("start.log_is_folder", "a folder in place of the access log")
def log_is_folder(bench):
    failed_start(bench, GOOD + '[log]\naccess = "/tmp"\n', "/tmp")


@alone.case("start.two_listeners", "every listener serves")
def two_listeners(bench):
    origin = bench.scripted()
    with socket.socket() as free:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            free.setsockopt(socket.SOL_SOCKET, option, 1)
        free.bind(("127.0.0.1", 0))
        second = free.getsockname()
        proxy = bench.proxy(configuration(origin.address, extra=f'[[listener]]\nname = "second"\naddress = "127.0.0.1:{second[1]}"\n'))
        connection = None
        for number, address in enumerate((proxy.address, second)):
            with socket.create_connection(address) as client:
                client.sendall(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
                connection = connection or origin.accept()
                connection.request()
                connection.send(plain())
                require(client.recv(65536).startswith(b"HTTP/1.1 200"), "response")
        equal([entry["listener"] for entry in proxy.log_entries(2)], ["main", "second"], "listeners in the log")


@alone.case("start.ipv6", "a listener and an endpoint on IPv6")
def ipv6(bench):
    with socket.socket(socket.AF_INET6) as free, socket.create_server(("::1", 0), family=socket.AF_INET6) as origin:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            free.setsockopt(socket.SOL_SOCKET, option, 1)
        free.bind(("::1", 0))
        listener = f'[[listener]]\nname = "second"\naddress = "[::1]:{free.getsockname()[1]}"\n'
        bench.proxy(configuration(f"[::1]:{origin.getsockname()[1]}", extra=listener))
        with socket.create_connection(free.getsockname()[:2], timeout=20) as client:
            client.sendall(b"GET /x HTTP/1.1\r\nHost: [::1]\r\n\r\n")
            origin.settimeout(20)
            connection, _ = origin.accept()
            with connection:
                head = connection.recv(65536)
                contains(head, b"X-Forwarded-For: ::1\r\n", "what the origin sees")
                connection.sendall(plain())
                require(client.recv(65536).startswith(b"HTTP/1.1 200"), "response")


@alone.case("start.every_shard_count", "one shard, two, and more than there are CPUs")
def shard_counts(bench):
    origin = bench.scripted().serve(lambda request, connection: connection.send(plain(body=b"ok")) is None)
    for shards in (1, 2, (os.cpu_count() or 1) + 3):
        # Small rings: whoever has no privileges may lock little memory.
        proxy = bench.proxy(configuration(origin.address, shards=shards, limits="max_connections = 100", extra="[shard_defaults]\nring_entries = 256"))
        for _ in range(20):
            client = bench.client(proxy)
            equal(client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").body, b"ok", "body")
            client.close()
        seen = {entry["shard"] for entry in proxy.log_entries(20)}
        require(seen <= set(range(shards)), f"shards {seen} of {shards}")
