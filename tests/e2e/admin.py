"""A client of the admin socket, and strict readers of what it shows."""

import contextlib
import fcntl
import json
import re
import socket
import struct
import termios
import time

import wire
from check import PATIENCE_S, Failure, equal, require, shown

SOCKET = "admin.sock"  # in the proxy's folder, which is where it runs
TABLE = f'[admin]\nsocket = "{SOCKET}"\n'
_SAMPLE = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)+\})? ([0-9]+(?:\.[0-9]+)?)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')


class AdminPeer:
    """One connection to the admin socket."""

    def __init__(self, proxy):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(proxy.folder / SOCKET))  # with a timeout it would not wait for room in the backlog
        self.socket.settimeout(PATIENCE_S)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_pieces(self, pieces):
        """Sends each piece after the one before has been read, or the proxy has stopped reading; one that is gone has answered."""
        has_stopped = False
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                deadline = time.monotonic() + 0.25
                while not has_stopped and self.unread():
                    has_stopped = time.monotonic() > deadline
                self.send(piece)

    def unread(self):
        """Bytes that were sent and the other side has not read."""
        return struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4))[0]

    def receive(self):
        """False at the end of the connection."""
        try:
            data = self.socket.recv(1 << 16)
        except TimeoutError as error:
            raise Failure(f"the admin socket said nothing within {PATIENCE_S} s; unread: {shown(self.pending)}") from error
        except ConnectionError:
            return False
        self.pending += data
        return bool(data)

    def until(self, mark):
        while mark not in self.pending:
            require(self.receive(), f"the admin socket ended before {shown(mark)}; unread: {shown(self.pending)}")
        text, _, self.pending = self.pending.partition(mark)
        return text + mark

    def line(self):
        return self.until(b"\r\n")[:-2]

    def exactly(self, count):
        while len(self.pending) < count:
            require(self.receive(), f"the admin socket ended after {len(self.pending)} of {count} bytes")
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def rest(self):
        while self.receive():
            pass
        data, self.pending = self.pending, b""
        return data

    def response(self, method="GET", version="HTTP/1.1"):
        response = wire.parse_response(self.until(b"\r\n\r\n"))
        equal(response.fields.get("Cache-Control"), "no-store", "Cache-Control")
        framing = wire.response_framing(response, method, version)
        if framing == "chunked":
            response.body, response.trailers = wire.read_chunked(self)
        elif framing == "close":
            response.body = self.rest()
        elif framing == "length":
            response.body = self.exactly(wire.length_of(response.fields))
        return response

    def get(self, target, method="GET"):
        self.send(f"{method} {target} HTTP/1.1\r\nHost: admin\r\n\r\n".encode())
        return self.response(method)


def get(proxy, target, status=200):
    """The body of a page, with its type."""
    with AdminPeer(proxy) as peer:
        response = peer.get(target)
    equal(response.status, status, f"status of {target}")
    return response


def get_json(proxy, target):
    response = get(proxy, target)
    equal(response.fields.get("Content-Type"), "application/json", f"type of {target}")
    return json.loads(response.body)


def parse_metrics(text):
    """{name: {labels as a frozenset of pairs: number}}, strictly."""
    require(text.endswith("\n"), "the metrics end in the middle of a line")
    metrics, kinds, current = {}, {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            if word == "HELP":
                require(name not in kinds and rest, f"described twice, or not at all: {line}")
                current, kinds[name] = name, None
            else:
                require(word == "TYPE" and name == current and kinds[name] is None, f"out of place: {line}")
                require(rest in ("counter", "gauge", "histogram"), f"type: {line}")
                kinds[name] = rest
            continue
        found = _SAMPLE.fullmatch(line)
        require(found, f"not a sample: {line}")
        name, labels, value = found.groups()
        suffixes = ("_bucket", "_sum", "_count") if kinds.get(current) == "histogram" else ("",)
        require(name in [current + suffix for suffix in suffixes], f"a sample that stands apart from its metric: {line}")
        pairs = _LABEL.findall(labels or "")
        key = frozenset(pairs)
        require(len({pair[0] for pair in pairs}) == len(pairs), f"a label twice: {line}")
        samples = metrics.setdefault(name, {})
        require(key not in samples, f"a sample twice: {line}")
        samples[key] = float(value)
    return metrics


class Metrics:
    def __init__(self, proxy):
        response = get(proxy, "/metrics")
        equal(response.fields.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8", "type of /metrics")
        self.text = response.body.decode()
        self.samples = parse_metrics(self.text)

    def sum(self, name, **labels):
        """Over all samples with these labels among theirs."""
        require(name in self.samples, f"no metric {name}")
        wanted = set(labels.items())
        return sum(value for key, value in self.samples[name].items() if wanted <= key)

    def value(self, name, **labels):
        require(frozenset(labels.items()) in self.samples.get(name, {}), f"no sample {name} {labels}")
        return self.samples[name][frozenset(labels.items())]
