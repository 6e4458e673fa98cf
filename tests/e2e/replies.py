"""What many cases expect: of every reply that the proxy makes itself, of every response that it forwards."""

import json
import re

from check import contains, equal, require, wait_for

UUID_V7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
DATE = re.compile("(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9:]{8} GMT")
_OWN_REPLY_MAX = 512


def expect_own_reply(response, status):
    """A small, honest text that tells nothing about the proxy."""
    equal(response.status, status, "status")
    contains(response.fields.get("Content-Type") or "", "text/plain", "Content-Type")
    require(response.framing in ("length", "none"), f"framing of an error reply: {response.framing}")
    require(len(response.body) <= _OWN_REPLY_MAX, f"an error reply of {len(response.body)} bytes")
    require(DATE.fullmatch(response.fields.get("Date") or ""), f"Date: {response.fields}")
    require(not response.fields.has("Server"), f"an error reply names its server: {response.fields}")
    whole = (response.raw_head + response.body).lower()
    require(b"sluice" not in whole, f"an error reply names the proxy: {whole}")


def expect_forwarded(response, status=200):
    """What every forwarded response has, and has not."""
    equal(response.status, status, "status")
    require(UUID_V7.fullmatch(response.fields.get("X-Request-ID") or ""), f"X-Request-ID of the response: {response.fields}")
    require(response.fields.elements("Via")[-1:] == ["1.1 sluice"] or response.fields.elements("Via")[-1:] == ["1.0 sluice"],
            f"Via of the response: {response.fields}")
    require(DATE.fullmatch(response.fields.get("Date") or ""), f"Date: {response.fields}")
    for name in ("Keep-Alive", "Proxy-Connection", "TE"):
        require(not response.fields.has(name), f"{name} was forwarded: {response.fields}")


def echo(request, connection):
    """A handler: answers with what arrived, as JSON."""
    told = {
        "method": request.method,
        "target": request.target,
        "fields": request.fields.lines,
        "body": request.body.decode("latin-1"),
        "framing": request.framing,
        "trailers": request.trailers,
    }
    body = json.dumps(told).encode()
    if request.method == "HEAD":
        body = b""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return True


def arrived(response):
    """What reached an echoing origin."""
    expect_forwarded(response)
    told = json.loads(response.body)
    told["fields"] = [tuple(line) for line in told["fields"]]
    told["trailers"] = [tuple(line) for line in told["trailers"]]
    return told


def log_entry(proxy, target):
    """The line of the access log that tells of the request with this target, once it is there."""

    def find():
        if not proxy.log_path.exists():
            return None
        for line in proxy.log_path.read_bytes().split(b"\n")[:-1]:
            entry = json.loads(line)
            if entry.get("target") == target:
                return entry
        return None

    return wait_for(find, f"a line about {target} in the access log")


def expect_logged(proxy, target, status, reason):
    """reason: None when the response is the origin's."""
    entry = log_entry(proxy, target)
    equal((entry["status"], entry.get("reason")), (status, reason), f"status and reason in the access log: {entry}")
    return entry
