"""A browser: a page with many resources, uploads, and a stream of events whose next one is sent only when the last one has been seen."""

import struct
import threading
import zlib

from browser import Browser
from check import PATIENCE_S, equal, require, wait_for
from harness import Group, configuration
from origin import plain

SCRIPTS, STYLES, PICTURES, EVENTS = 20, 10, 40, 10
BIG = bytes((number * 167 + number // 241) % 251 for number in range(1 << 20)) * 3

PAGE = """<!doctype html><html><head><title>resources</title><link rel="icon" href="/icon">
{styles}{scripts}</head><body>{pictures}
<script>
function sum(bytes) {{ let total = 0; for (const one of bytes) total = (total * 31 + one) % 4294967291; return total; }}

function events() {{
  return new Promise((resolve, reject) => {{
    const seen = [], source = new EventSource("/events");
    source.onmessage = (event) => {{ seen.push(event.data); fetch("/seen?" + event.data); }};
    source.addEventListener("end", () => {{ source.close(); resolve(seen); }});
    source.onerror = () => {{ source.close(); reject(new Error("the stream broke after " + seen.length)); }};
  }});
}}

async function work() {{
  await new Promise((resolve) => addEventListener("load", resolve));
  const big = new Uint8Array(await (await fetch("/big")).arrayBuffer());
  const posted = await (await fetch("/post", {{ method: "POST", body: big }})).json();
  const aborting = new AbortController();
  const endless = await fetch("/endless", {{ signal: aborting.signal }});
  const reader = endless.body.getReader();
  await reader.read();
  aborting.abort();
  const style = getComputedStyle(document.documentElement);
  return {{
    scripts: window.loaded, pictures: [...document.images].filter((one) => one.naturalWidth === 1).length,
    styles: [...Array({style_count}).keys()].filter((one) => style.getPropertyValue("--style-" + one).trim() === "" + one).length,
    size: big.length, sum: sum(big), posted: posted, missing: (await fetch("/missing")).status, events: await events(),
  }};
}}
window.result = work();
</script></body></html>
"""


def picture():
    """A PNG of one pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


PICTURE = picture()


def page():
    return PAGE.format(
        styles="".join(f'<link rel="stylesheet" href="/style/{number}">' for number in range(STYLES)),
        scripts="".join(f'<script src="/script/{number}"></script>' for number in range(SCRIPTS)),
        pictures="".join(f'<img src="/picture/{number}">' for number in range(PICTURES)), style_count=STYLES).encode()


class Site:
    """What the page is made of, as an origin's handler."""

    def __init__(self):
        self.seen = [threading.Event() for _ in range(EVENTS)]
        self.unseen = []  # events that nobody saw in time
        self.left = threading.Event()  # who read the endless response has gone

    def __call__(self, request, connection):
        kind, _, rest = request.target[1:].partition("/")
        if request.target == "/events":
            self.send_events(connection)
            return False
        if request.target == "/endless":
            self.send_endless(connection)
            return False
        connection.send(self.answer(kind, rest, request))
        return True

    def answer(self, kind, rest, request):
        if kind.startswith("seen?"):
            self.seen[int(kind.removeprefix("seen?"))].set()
            return plain(204, reason=b"No Content").replace(b"Content-Length: 0\r\n", b"")
        content = {
            "": ("text/html", page()),
            "style": ("text/css", f":root {{ --style-{rest}: {rest}; }}".encode()),
            "script": ("text/javascript", b"window.loaded = (window.loaded || 0) + 1;"),
            "picture": ("image/png", PICTURE),
            "big": ("application/octet-stream", BIG),
            "post": ("application/json", b'{"size":%d,"crc":%d}' % (len(request.body), zlib.crc32(request.body))),
        }.get(kind)
        if content is None:
            return plain(404, b"nothing here", reason=b"Not Found")
        return plain(200, content[1], fields=b"Cache-Control: no-store\r\nContent-Type: " + content[0].encode() + b"\r\n")

    def send_events(self, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number, seen in enumerate(self.seen):
            self.send_event(connection, b"data: %d\n\n" % number)
            if not seen.wait(PATIENCE_S):
                self.unseen.append(number)
                return
        self.send_event(connection, b"event: end\ndata: all\n\n")
        connection.send(b"0\r\n\r\n")

    @staticmethod
    def send_event(connection, event):
        connection.send(b"%x\r\n%s\r\n" % (len(event), event))

    def send_endless(self, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        connection.rest()  # until the proxy takes it away, because the client has gone
        self.left.set()


group = Group()


@group.case("peer.browser.page", "a page with many resources, an upload, an abort and a stream of events")
def whole_page(bench):
    site = Site()
    origin = bench.scripted().serve(site)
    proxy = bench.proxy(configuration(origin.address))
    browser = Browser()
    bench.origins.append(browser)
    browser.open(f"http://127.0.0.1:{proxy.address[1]}/")
    wait_for(lambda: browser.value("!!window.result"), "the page begins its work")
    result = browser.value("window.result")
    equal(site.unseen, [], "events that did not arrive before the next one")
    equal(result["events"], [str(number) for number in range(EVENTS)], "events")
    equal((result["scripts"], result["styles"], result["pictures"]), (SCRIPTS, STYLES, PICTURES), "scripts, styles and pictures")
    expected = 0
    for byte in BIG:
        expected = (expected * 31 + byte) % 4294967291
    equal((result["size"], result["sum"]), (len(BIG), expected), "size and sum of the download")
    equal(result["posted"], {"size": len(BIG), "crc": zlib.crc32(BIG)}, "the upload as it arrived")
    equal(result["missing"], 404, "status of what is not there")
    require(site.left.wait(PATIENCE_S), "the response that the page gave up was not taken from the origin")
    equal(origin.failures, [], "what the origin could not read")
    count = 1 + SCRIPTS + STYLES + PICTURES + EVENTS + 5
    entries = proxy.log_entries(max(proxy.log_lines(), count))
    own = [entry for entry in entries if "reason" in entry]
    equal([(entry["target"], entry["reason"]) for entry in own], [("/endless", "client_closed")], "what did not end as the origin meant it")
