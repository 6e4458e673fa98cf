"""A configuration from several files, from the environment; and what -T makes of it."""

import fcntl
import os
import subprocess
import tempfile
import time
from pathlib import Path

from admin import get
from check import contains, equal, require
from harness import Group, configuration
from replies import arrived, echo

alone = Group()

MAIN = """include = ["conf.d/*.toml"]
[[listener]]
name = "main"
address = "127.0.0.1:8080"
"""
UPSTREAM = '[upstream.app]\nendpoints = ["127.0.0.1:9001"]\n'
ROUTE = '[[route]]\nupstream = "app"\n'


def run(bench, mode, files, environment=None, expected=0):
    """Runs `sluice mode -c main.toml` in a folder with these files: (standard output, standard error)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        status, out, err = bench.run(mode, "-c", "main.toml", cwd=folder, env={**os.environ, **(environment or {})})
    equal(status, expected, f"exit status; it said {out}{err}")
    return out, err


@alone.case("config.include.good", "a configuration in three files is good")
def good(bench):
    run(bench, "-t", {"main.toml": MAIN, "conf.d/app.toml": UPSTREAM, "conf.d/routes.toml": ROUTE})


def bad(bench, files, *lines):
    _, err = run(bench, "-t", files, expected=1)
    equal(err.splitlines()[: len(lines)], list(lines), "what it says")
    contains(err, "not usable", "what it says")


alone.table("config.include", [
    ("missing", "a file that is not there", {"main.toml": 'include = ["a.toml"]\n' + UPSTREAM},
     'main.toml:1:12: "a.toml" cannot be read: No such file or directory'),
    ("cycle", "files that include each other", {"main.toml": 'include = ["a.toml"]\n', "a.toml": 'include = ["b.toml"]\n', "b.toml": 'include = ["a.toml"]\n'},
     "main.toml:1:1: the file needs [[listener]]", "main.toml:1:1: the file needs [[route]]",
     'b.toml:1:12: "a.toml" includes itself that way'),
    ("itself", "a pattern that matches the file itself", {"main.toml": 'include = ["*.toml"]\n'},
     "main.toml:1:1: the file needs [[listener]]", "main.toml:1:1: the file needs [[route]]",
     'main.toml:1:12: "main.toml" includes itself that way'),
    ("twice", "a key in two files: both places are named", {"main.toml": MAIN + "[limits]\n", "conf.d/a.toml": UPSTREAM + ROUTE + "[limits]\n"},
     "conf.d/a.toml:5:2: `limits` stands at main.toml:5:2 already"),
    ("upstream_twice", "an upstream in two files", {"main.toml": MAIN + UPSTREAM + ROUTE, "conf.d/a.toml": UPSTREAM},
     "conf.d/a.toml:1:11: [upstream.app] stands at main.toml:5:11 already"),
    ("every_place", "mistakes in every file are told at once, each at its place",
     {"main.toml": MAIN + "backlog = 0\n", "conf.d/a.toml": UPSTREAM + "keepalive = 1\n", "conf.d/b.toml": ROUTE.replace("app", "apq")},
     "main.toml:5:11: `backlog` must be from 1 to 65535, not 0",
     "conf.d/a.toml:3:1: unknown key `keepalive` in [upstream.app]; did you mean `keep_alive`?",
     'conf.d/b.toml:2:12: there is no upstream "apq"; did you mean `app`?'),
    ("two_places", "what two files say of one listener address is told with both places",
     {"main.toml": MAIN, "conf.d/a.toml": UPSTREAM + ROUTE + '[[listener]]\nname = "b"\naddress = "127.0.0.1:8080"\n'},
     'conf.d/a.toml:7:11: duplicate listener address "127.0.0.1:8080": it stands at main.toml:4:11 already'),
    ("syntax", "files that are no TOML are told each at its place", {"main.toml": MAIN, "conf.d/a.toml": "x = \n"}, None),
    ("variable", "a variable that is not set", {"main.toml": MAIN.replace("127.0.0.1:8080", "127.0.0.1:${SLUICE_TEST_PORT}") + UPSTREAM + ROUTE},
     "main.toml:4:11: `address` needs the environment variable SLUICE_TEST_PORT, which is not set"),
    ("variables", "every variable that is not set is told", {"main.toml": 'shards = "${SLUICE_TEST_A}"\n' + MAIN + UPSTREAM + ROUTE.replace("app", "${SLUICE_TEST_B}")},
     "main.toml:1:10: `shards` needs the environment variable SLUICE_TEST_A, which is not set",
     "main.toml:9:12: `upstream` needs the environment variable SLUICE_TEST_B, which is not set"),
], lambda bench, files, *lines: bad(bench, files, *lines) if lines != (None,) else contains(run(bench, "-t", files, expected=1)[1], "conf.d/a.toml:1:5: not valid TOML", "what it says"))


@alone.case("config.include.serves", "what included files and variables say is what is served")
def serves(bench):
    origin = bench.scripted().serve(echo)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "route.toml").write_text('[[route]]\npath = "/included"\nstrip_prefix = "/${SLUICE_TEST_WORD}"\nupstream = "${SLUICE_TEST_UPSTREAM:-app}"\n')
        environment = {**os.environ, "SLUICE_TEST_WORD": "included"}
        proxy = bench.proxy(f'include = ["{folder}/*.toml"]\n' + configuration(origin.address, routes=""), environment=environment)
        client = bench.client(proxy)
        equal(arrived(client.exchange(b"GET /included HTTP/1.1\r\nHost: a\r\n\r\n"))["target"], "/", "target")
        equal(client.exchange(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n").status, 404, "status of what has no route")


@alone.case("config.file_value", "a header value from a file reaches the upstream, and neither -T nor a mistake in it shows it")
def file_value(bench):
    origin = bench.scripted().serve(echo)
    with tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        token.write_text("Bearer hidden-word\n")
        text = configuration(origin.address, extra=f'[request_headers]\nset = {{ Authorization = "file:{token}" }}\n')
        proxy = bench.proxy(text)
        client = bench.client(proxy)
        fields = arrived(client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"))["fields"]
        equal([value for name, value in fields if name == "Authorization"], ["Bearer hidden-word"], "Authorization")
        status, out, err = bench.run("-T", "-c", str(proxy.file))
        equal(status, 0, f"exit status; it said {err}")
        contains(out, f'set = {{ Authorization = "file:{token}" }}', "the dump")
        require("hidden-word" not in out + err + proxy.told(), "the secret is shown")
        token.write_text("hidden-\x01word\n")
        status, out, err = bench.run("-t", "-c", str(proxy.file))
        equal(status, 1, f"exit status; it said {err}")
        contains(err, "`Authorization` in `set` is no valid value once it is filled in", "what it says")
        require("hidden" not in out + err, f"the secret is shown: {err}")


@alone.case("dump.same", "what -T prints is a configuration, the same one, and -T of it prints the same")
def dump_same(bench):
    files = {"main.toml": MAIN + "[timeouts]\nconnect = \"3s\"\n", "conf.d/app.toml": UPSTREAM, "conf.d/routes.toml": ROUTE}
    out, err = run(bench, "-T", files)
    equal(err, "", "what it says on standard error")
    for line in ("# file: main.toml", "# file: conf.d/app.toml", "# file: conf.d/routes.toml", 'connect = "3s"', 'first_byte = "1m"', "[[route]]", "[upstream.app]"):
        require(line in out.splitlines(), f"it lacks {line}: {out}")
    contains(out, '[route.timeouts]\n# connect = "3s" (from further out)\n', "what holds for the route")
    again, _ = run(bench, "-T", {"main.toml": out})

    def settings(text):
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    equal(settings(again), settings(out), "the dump of the dump")
    run(bench, "-t", {"main.toml": out})


@alone.case("dump.variables", "-T shows variables as they are written")
def dump_variables(bench):
    files = {"main.toml": MAIN + UPSTREAM + ROUTE + '[log]\naccess = "/tmp/${SLUICE_TEST_A:-x}/$${b}"\n'}
    out, _ = run(bench, "-T", files)
    contains(out, 'access = "/tmp/${SLUICE_TEST_A:-x}/$${b}"\n', "the dump")


@alone.case("dump.secrets", "what the environment and files say is in use, and neither -T nor the admin socket shows it")
def dump_secrets(bench):
    origin = bench.scripted().serve(echo)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "page").write_text("file-word\n")
        routes = ('[[route]]\npath = "/body"\nrespond = { body = "${SLUICE_TEST_SECRET}" }\n'
                  f'[[route]]\npath = "/file"\nrespond = {{ body_file = "{folder}/page" }}\n'
                  '[[route]]\nupstream = "app"\nrequest_headers = { set = { X-Key = "key ${SLUICE_TEST_SECRET}" } }\n')
        extra = '[admin]\nsocket = "admin.sock"\n[response_headers]\nset = { X-Too = "${SLUICE_TEST_SECRET}" }\n'
        environment = {**os.environ, "SLUICE_TEST_SECRET": "hidden-word"}
        proxy = bench.proxy(configuration(origin.address, routes=routes, extra=extra), environment=environment)
        client = bench.client(proxy)
        for target, body in ((b"/body", b"hidden-word"), (b"/file", b"file-word\n")):
            response = client.exchange(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            equal(response.body, body, "body")
            contains(response.raw_head, b"X-Too: hidden-word", "head")
        fields = arrived(client.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"))["fields"]
        equal([value for name, value in fields if name == "X-Key"], ["key hidden-word"], "X-Key")
        status, out, err = bench.run("-T", "-c", str(proxy.file), env=environment)
        equal(status, 0, f"exit status; it said {err}")
        for text in (out, get(proxy, "/config").body.decode()):
            contains(text, 'body = "${SLUICE_TEST_SECRET}"\n', "what is shown")
            contains(text, 'set = { X-Key = "key ${SLUICE_TEST_SECRET}" }\n', "what is shown")
            contains(text, f'body_file = "{folder}/page"\n', "what is shown")
            for secret in ("hidden-word", "file-word"):
                require(secret not in text, f"{secret} is shown: {text}")
        require("-word" not in err + proxy.told(), "a secret is told")


@alone.case("dump.placement", "-T tells where each shard would run: one for each CPU is pinned, others are not")
def dump_placement(bench):
    cpus = sorted(os.sched_getaffinity(0))
    text = MAIN + UPSTREAM + ROUTE
    for shards, places in ((len(cpus), [f"on CPU {cpu}" for cpu in cpus]), (len(cpus) + 1, ["wherever the scheduler puts it"] * (len(cpus) + 1))):
        out, _ = run(bench, "-T", {"main.toml": f"shards = {shards}\n" + text})
        equal([line for line in out.splitlines() if line.startswith("# shard ")], [f"# shard {i}: {place}" for i, place in enumerate(places)], "places")
    out, _ = run(bench, "-T", {"main.toml": text + f"[[shard]]\ncpu = {cpus[-1]}\n"})
    contains(out, f"# shard 0: on CPU {cpus[-1]}\n", "the place of a shard with a CPU of its own")


@alone.case("dump.slow_reader", "a large dump comes whole, however slowly it is read; where it cannot be written, the exit status says so")
def dump_slow_reader(bench):
    routes = "".join(f'[[route]]\npath = "/r{i}/*"\nupstream = "app"\n' for i in range(2000))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.toml").write_text(MAIN + UPSTREAM + routes)
        command = [str(bench.sluice), "-T", "-c", "main.toml"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as dump:
            fcntl.fcntl(dump.stdout, fcntl.F_SETPIPE_SZ, 4096)
            first = dump.stdout.read(1)
            time.sleep(0.3)  # longer than a notice waits for its reader
            out = (first + dump.stdout.read()).decode()
        equal(dump.returncode, 0, "exit status")
        equal(out.count("\n[[route]]\n"), 2000, "routes in the dump")
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        equal(done.returncode, 1, "exit status on a full disk")
        contains(done.stderr, "No space left", "what it says")


@alone.case("dump.bad", "-T of a bad file says what -t says, and prints nothing")
def dump_bad(bench):
    out, err = run(bench, "-T", {"main.toml": MAIN}, expected=1)
    equal(out, "", "standard output")
    contains(err, "main.toml:1:1: the file needs [[route]]", "what it says")
