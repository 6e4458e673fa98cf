"""Everything that is wrong with a configuration is told in one run: each mistake once, and nothing that follows from one."""

import tempfile
from pathlib import Path

from check import equal
from harness import Group, configuration
from reloading import reload_refused

alone = Group()

MAIN = """include = ["more/*.toml", "missing.toml"]
shards = 0
user = ""
group = "daemon"
[[listener]]
name = "a"
address = "127.0.0.1:8080"
[[listener]]
name = "a"
address = "0.0.0.0:8080"
backlog = 0
[upstream.api]
endpoints = ["127.0.0.1:1", { address = "127.0.0.1:1", weight = 0 }]
"""
ROUTES = """[[route]]
path = "/x/*"
upstream = "apj"
redirect = { status = 304 }
request_headers = { set = { X-A = "{nope}", x-a = "b", Host = "y" } }
[[route]]
respond = { status = 302, body = "x", body_file = "none.html" }
strip_prefix = "/v1"
[[route]]
path = "/y/*"
path_regex = "("
rewrite = { prefix = "/a", path = "/b", query = "?x" }
upstreem = "api"
[[route]]
path = "/z/{id}"
rewrite = { path = "/{di}" }
timeouts = { connect = "0s" }
upstream = "api"
[[route]]
path = "/z/{name}"
limits = { body_bytes = -1 }
upstream = "api"
"""
TWICE = """[upstream.api]
endpoints = []
[limits]
head_bytes = 1
"""
LIMITS = """[limits]
max_request = 5
"""


def every(bench, files, *expected):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        status, out, err = bench.run("-t", "-c", "main.toml", cwd=folder)
    equal(err.splitlines(), [*expected, "sluice: the configuration main.toml is not usable"], "what it says")
    equal((status, out), (1, ""), "exit status and standard output")


alone.table("config.errors", [
    ("every_file", "of five files, one missing and one no TOML, every mistake of the others",
     {"main.toml": MAIN, "more/a.toml": ROUTES, "more/b.toml": TWICE, "more/c.toml": LIMITS, "more/d.toml": "x = = 3\n"},
     'main.toml:1:27: "missing.toml" cannot be read: No such file or directory',
     "main.toml:2:10: `shards` must be from 1 to 1024, not 0",
     "main.toml:3:8: `user` must not be empty",
     'main.toml:9:8: duplicate listener name "a": it stands at main.toml:6:8 already',
     'main.toml:10:11: the listener address "0.0.0.0:8080" overlaps with "127.0.0.1:8080" at main.toml:7:11: one of them is every address of the host',
     "main.toml:11:11: `backlog` must be from 1 to 65535, not 0",
     'main.toml:13:41: duplicate endpoint "127.0.0.1:1": it stands at main.toml:13:14 already',
     "main.toml:13:65: `weight` must be from 1 to 1000, not 0",
     "more/a.toml:4:12: `upstream` and `redirect` of a route exclude each other",
     "more/a.toml:4:23: `status` must be 301, 302, 303, 307 or 308, not 304",
     'more/a.toml:5:35: `X-A` in `set` has the unknown variable `{nope}`; there are {client}, {peer}, {host}, {request_id}, {scheme}, {listener}, {route}, in "{nope}"',
     'more/a.toml:5:45: duplicate header name "x-a": it stands at more/a.toml:5:29 already',
     'more/a.toml:5:56: "Host" cannot be edited: that is what `upstream_host` is for',
     "more/a.toml:7:22: `status` must not be 3xx (that is what `redirect` is for), not 302",
     'more/a.toml:7:51: the file "more/none.html" cannot be read: No such file or directory',
     "more/a.toml:7:51: `body` and `body_file` exclude each other",
     "more/a.toml:8:16: `strip_prefix` has nothing to change: `respond` forwards nothing",
     'more/a.toml:11:14: `path_regex` must be a regular expression, not "(": missing ): (',
     "more/a.toml:11:14: `path` and `path_regex` exclude each other",
     "more/a.toml:12:35: `path` and `prefix` exclude each other",
     'more/a.toml:12:49: `query` must be without the `?`, not "?x"',
     "more/a.toml:13:1: unknown key `upstreem` in [[route]]; did you mean `upstream`?",
     'more/a.toml:16:20: `path` must have only names that the path has ({id}), not {di}, in "/{di}"',
     "more/a.toml:17:24: `connect` must be from 1ms to 24h, not \"0s\"",
     "more/a.toml:19:1: this [[route]] has the host and path of the one at more/a.toml:14:1: /z/{name}",
     "more/a.toml:21:25: `body_bytes` must be from 0 to 1048576GiB, not -1",
     "more/b.toml:1:11: [upstream.api] stands at main.toml:12:11 already",
     "more/b.toml:2:13: `endpoints` must have from 1 to 1024 entries, not 0",
     "more/b.toml:4:14: `head_bytes` must be from 1KiB to 1MiB, not 1",
     "more/c.toml:1:2: `limits` stands at more/b.toml:3:2 already",
     "more/c.toml:2:1: unknown key `max_request` in [limits]; did you mean `max_requests`?",
     "more/d.toml:1:5: not valid TOML: Error while parsing value: could not determine value type"),
    ("names", "where the sections themselves are wrong, what is in them is told, and no name that they would have given is missed",
     {"main.toml": """[listener]
name = "x y"
adress = "127.0.0.1:80"
[upstream]
endpoints = ["127.0.0.1:1"]
[[route]]
upstream = "api"
methods = ["get", "GET", "GET"]
headers = [{ name = "a", value = "1", regex = "(" }, "a", { nam = "b" }]
[[route]]
upstream = "api"
shards = 2
[[shard]]
cpu = 0
ring_entries = 100
[[shard]]
cpu = 0
completion_entries = 64
[shard_defaults]
completion_entries = 128
"""},
     "main.toml:1:1: [[listener]] must have two pairs of brackets",
     'main.toml:2:8: `name` must be 1 to 64 letters, digits, `-`, `_` or `.`, not "x y"',
     "main.toml:3:1: unknown key `adress` in [[listener]]; did you mean `address`?",
     "main.toml:5:1: `endpoints` is for [upstream.NAME]: this section has no name",
     'main.toml:8:12: `methods[0]` must be a method in upper case, such as "GET", not "get"',
     'main.toml:8:26: `methods` has "GET" already',
     "main.toml:9:12: a condition has one of `value`, `regex` and `present`",
     'main.toml:9:47: `regex` must be a regular expression, not "(": missing ): (',
     'main.toml:9:54: there is a condition on the header field "a" already, at main.toml:9:21',
     "main.toml:9:61: unknown key `nam` in `headers[2]`; did you mean `name`?",
     "main.toml:12:1: unknown key `shards` in [[route]]; the keys of the top level stand before the first section",
     "main.toml:15:16: `ring_entries` must be a power of two from 64 to 32768, not 100",
     "main.toml:17:7: duplicate `cpu` 0: it stands at main.toml:14:7 already",
     "main.toml:18:22: `completion_entries` must be a power of two from 128 to 65536, not 64",
     "main.toml:20:22: `completion_entries` must be at least `ring_entries`, which is 4096, not 128"),
    ("cycle", "files that include each other: the rest is told all the same",
     {"main.toml": 'include = ["a.toml"]\n[[listener]]\nname = "l"\naddress = "127.0.0.1"\n',
      "a.toml": 'include = ["main.toml", "a.toml", ".", "${SLUICE_TEST_NONE}"]\n[[route]]\nupstream = "here"\nhost = "a b"\n'},
     'main.toml:4:11: `address` must be an IP address with a port, such as "127.0.0.1:8080" or "[::1]:8080", not "127.0.0.1"',
     'a.toml:1:12: "main.toml" includes itself that way',
     'a.toml:1:25: "a.toml" includes itself that way',
     'a.toml:1:35: "." cannot be read: Is a directory',
     "a.toml:1:40: `include[3]` needs the environment variable SLUICE_TEST_NONE, which is not set",
     'a.toml:4:8: `host` must be a host name such as "api.example.com" (other scripts in their xn-- form), not "a b"'),
    ("kinds", "every section of a wrong kind",
     {"main.toml": 'listener = 5\nroute = "x"\nupstream = []\nlog = 1\nadmin = []\nlimits = "x"\nshard = {}\n'},
     "main.toml:1:12: [[listener]] must be an array, not the integer 5",
     'main.toml:2:9: [[route]] must be an array, not the string "x"',
     "main.toml:3:12: [[upstream]] must be [upstream.NAME]: one pair of brackets, and a name",
     "main.toml:4:7: [log] must be a table, not the integer 1",
     "main.toml:5:9: [admin] must be a table, not an array",
     'main.toml:6:10: [limits] must be a table, not the string "x"',
     "main.toml:7:9: [[shard]] must have two pairs of brackets"),
], every)


@alone.case("config.errors.restart", "every key that takes a restart is told at its place in the new file, in its order")
def restart(bench):
    origin = bench.scripted()
    text = configuration(origin.address, extra='[admin]\nsocket = "admin.sock"\n')
    proxy = bench.proxy(text)
    changed = text.replace("shards = 1", "shards = 2").replace("admin.sock", "other.sock") + 'mode = "0660"\n[shard_defaults]\npipes = 1\nring_entries = 64\n'
    told = reload_refused(proxy, changed)
    lines = proxy.file.read_text().splitlines()

    def place(key, column):
        return f"sluice: {proxy.file}:{next(i for i, line in enumerate(lines, 1) if line.startswith(key))}:{column}"

    expected = [f"{place('shards', 10)}: `shards` has changed, and that needs a restart",
                f"{place('socket', 10)}: `admin.socket` has changed, and that needs a restart",
                f"{place('mode', 8)}: `admin.mode` has changed, and that needs a restart",
                f"{place('pipes', 9)}: `shard_defaults.pipes` has changed, and that needs a restart",
                f"{place('ring_entries', 16)}: `shard_defaults.ring_entries` has changed, and that needs a restart"]
    equal([line for line in told.splitlines() if "restart" in line], expected, "what it says")
