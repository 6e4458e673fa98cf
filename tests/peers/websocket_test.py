"""WebSocket as applications use it: the package ws of Node.js on both sides, and a browser."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from browser import Browser
from check import equal, require, wait_for
from harness import Group, configuration
from origin import plain
from programs import Running, program, run

SCRIPT = Path(__file__).resolve().parent / "websocket.js"
ENVIRONMENT = dict(os.environ, NODE_PATH="/usr/share/nodejs:/usr/lib/node_modules", NODE_OPTIONS="")


class WebSocketServer(Running):
    """The echo server of websocket.js."""

    def __init__(self):
        super().__init__([program("node", "nodejs"), SCRIPT, "serve"], env=ENVIRONMENT)
        wait_for(lambda: self.said() or not self.is_running(), "the WebSocket server says its port")
        self.require_running("the WebSocket server (package node-ws)")
        found = re.match(r"(\d+)\n", self.said())
        require(found, f"not a port: {self.said()}")
        self.address = f"127.0.0.1:{found[1]}"


class World:
    def __init__(self, bench):
        self.server = WebSocketServer()
        bench.origins.append(self.server)
        self.page = bench.scripted().serve(lambda request, connection: connection.send(plain(body=PAGE, fields=b"Content-Type: text/html\r\n")) is None)
        routes = '[upstream.page]\nendpoints = ["%s"]\n[[route]]\npath = "/socket"\nupstream = "app"\n[[route]]\nupstream = "page"\n' % self.page.address
        self.proxy = bench.proxy(configuration(self.server.address, routes=routes, timeouts='idle = "30s"'))
        self.port = self.proxy.address[1]

    def talk(self, count, size):
        status, out, err = run([program("node", "nodejs"), SCRIPT, "talk", self.port, count, size], text=True, env=ENVIRONMENT)
        equal(status, 0, f"exit status of the client; it said {err}")
        return json.loads(out)


def websocket(bench):
    return World(bench)


group = Group(websocket)


@group.case("peer.websocket.echo", "messages of all sizes, compressed, with pings between them; the end with its code")
def echo(world):
    before = world.proxy.log_lines()
    told = world.talk(200, 100_000)
    equal((told["code"], told["reason"], told["protocol"]), (4001, "as asked", "first"), "code and reason of the end, and the protocol")
    equal(told["pongs"], 20, "pongs")
    entry = world.proxy.log_entries(before + 1)[-1]
    equal((entry["status"], entry.get("reason")), (101, None), f"status and reason in the log: {entry}")


@group.case("peer.websocket.big", "messages of megabytes in both directions at once")
def big(world):
    equal(world.talk(12, 3_000_000)["code"], 4001, "code of the end")


@group.case("peer.websocket.many", "several clients at once")
def many(world):
    with ThreadPoolExecutor(6) as pool:
        for told in [pool.submit(world.talk, 50, 20_000) for _ in range(6)]:
            equal(told.result()["code"], 4001, "code of the end")


PAGE = b"""<!doctype html><html><head><link rel="icon" href="data:,"></head><body><script>
window.result = new Promise((resolve, reject) => {
  const socket = new WebSocket(`ws://${location.host}/socket`, ["chat"]);
  const big = new Uint8Array(1000000).map((_, index) => (index * 7) % 251);
  const seen = [];
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { socket.send("first"); socket.send(big); };
  socket.onmessage = (event) => {
    if (typeof event.data === "string") seen.push(event.data);
    else {
      const bytes = new Uint8Array(event.data);
      seen.push(bytes.length === big.length && bytes.every((one, index) => one === big[index]));
      socket.send("close");
    }
  };
  socket.onclose = (event) => resolve({ seen: seen, code: event.code, clean: event.wasClean });
});
</script></body></html>"""


@group.case("peer.websocket.browser", "a browser talks to the same server")
def in_browser(world):
    browser = Browser()
    try:
        browser.open(f"http://127.0.0.1:{world.port}/")
        wait_for(lambda: browser.value("!!window.result"), "the page begins its work")
        equal(browser.value("window.result"), {"seen": ["first", True], "code": 4001, "clean": True}, "what the page saw")
    finally:
        browser.stop()
