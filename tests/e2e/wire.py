"""HTTP/1.1 messages, taken apart strictly: what the proxy writes is held against the grammar, and never forgiven."""

import re
from dataclasses import dataclass, field

from check import require, shown

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) (HTTP/1\.[01])")
_STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class Fields:
    """The field lines of a head, in their order."""

    def __init__(self, lines):
        self.lines = lines

    def all(self, name):
        return [value for other, value in self.lines if other.lower() == name.lower()]

    def get(self, name):
        """The value, None when there is none; more than one is a failure."""
        values = self.all(name)
        require(len(values) <= 1, f"more than one {name}: {values}")
        return values[0] if values else None

    def has(self, name):
        return bool(self.all(name))

    def elements(self, name):
        """The elements of a list field, over all of its lines."""
        return [element.strip() for value in self.all(name) for element in value.split(",")]

    def without(self, *names):
        dropped = {name.lower() for name in names}
        return [(name, value) for name, value in self.lines if name.lower() not in dropped]

    def __repr__(self):
        return repr(self.lines)


@dataclass
class Request:
    method: str
    target: str
    version: str
    fields: Fields
    raw_head: bytes
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"


@dataclass
class Response:
    status: int
    reason: str
    version: str
    fields: Fields
    raw_head: bytes
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"
    interim: list = field(default_factory=list)


def parse_field(line):
    name, colon, value = line.partition(b":")
    require(colon and _TOKEN.fullmatch(name), f"not a field line: {shown(line)}")
    require(_VALUE.fullmatch(value), f"forbidden byte in a field line: {shown(line)}")
    return name.decode(), value.strip(b" \t").decode("latin-1")


def parse_head(raw, pattern):
    lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    start = pattern.fullmatch(lines[0])
    require(start, f"not a start line: {shown(lines[0])}")
    fields = Fields([parse_field(line) for line in lines[1:]])
    return tuple(part.decode("latin-1") for part in start.groups()), fields


def parse_request(raw):
    (method, target, version), fields = parse_head(raw, _REQUEST_LINE)
    return Request(method, target, version, fields, raw)


def parse_response(raw):
    (version, status, reason), fields = parse_head(raw, _STATUS_LINE)
    return Response(int(status), reason, version, fields, raw)


def length_of(fields):
    value = fields.get("Content-Length")
    if value is None:
        return None
    require(re.fullmatch("0|[1-9][0-9]{0,18}", value), f"bad Content-Length {shown(value)}")
    return int(value)


def coding_of(fields):
    value = fields.get("Transfer-Encoding")
    require(value in (None, "chunked"), f"bad Transfer-Encoding {shown(value)}")
    return value


def request_framing(request):
    coding, length = coding_of(request.fields), length_of(request.fields)
    require(coding is None or length is None, "Content-Length together with Transfer-Encoding")
    if coding:
        return "chunked"
    return "none" if length is None else "length"


def response_framing(response, method, client_version):
    coding, length = coding_of(response.fields), length_of(response.fields)
    require(coding is None or length is None, "Content-Length together with Transfer-Encoding")
    if response.status < 200 or response.status == 204:
        require(coding is None and length is None, f"a {response.status} with framing: {response.fields}")
        return "none"
    if method == "HEAD" or response.status == 304:
        return "none"
    if coding:
        require(client_version == "HTTP/1.1", "chunked towards a client that speaks HTTP/1.0")
        return "chunked"
    if length is not None:
        return "length"
    require("close" in [e.lower() for e in response.fields.elements("Connection")] or client_version == "HTTP/1.0",
            f"the body ends with the connection, but nothing says so: {response.fields}")
    return "close"


def read_chunked(source):
    """(payload, trailers) of a chunked body. source: has line() and exactly(count)."""
    payload = bytearray()
    while True:
        size = source.line()
        require(_CHUNK_SIZE.fullmatch(size), f"not a chunk size: {shown(size)}")
        count = int(size, 16)
        if count == 0:
            break
        payload += source.exactly(count)
        end = source.exactly(2)
        require(end == b"\r\n", f"a chunk is followed by {shown(end)}")
    trailers = []
    while line := source.line():
        trailers.append(parse_field(line))
    return bytes(payload), trailers


class _Prefix:
    """A source of line() and exactly() over bytes that may break off anywhere."""

    class Ended(Exception):
        pass

    def __init__(self, data):
        self.data = data

    def line(self):
        line, mark, self.data = self.data.partition(b"\r\n")
        if not mark:
            raise self.Ended
        return line

    def exactly(self, count):
        if len(self.data) < count:
            part, self.data = self.data, b""
            raise self.Ended(part)
        part, self.data = self.data[:count], self.data[count:]
        return part


def broken_chunked(data):
    """The payload of a chunked body that breaks off; that it is whole is a failure, and so is bad syntax before its end."""
    source = _Prefix(data)
    payload = b""
    try:
        while True:
            size = source.line()
            require(_CHUNK_SIZE.fullmatch(size), f"not a chunk size: {shown(size)}")
            require(int(size, 16) != 0, f"the last chunk was sent, behind {shown(payload)}")
            payload += source.exactly(int(size, 16))
            end = source.exactly(2)
            require(end == b"\r\n", f"a chunk is followed by {shown(end)}")
    except _Prefix.Ended as ended:
        # Of a chunk that is not whole, what came is payload; of its line end, it is not.
        part = ended.args[0] if ended.args else b""
        return payload if part in (b"", b"\r") else payload + part


def get(target, lines=b""):
    """lines: whole field lines."""
    return b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n"


def post_head(target, length, lines=b""):
    return b"POST " + target.encode() + b" HTTP/1.1\r\nHost: a\r\n" + lines + b"Content-Length: %d\r\n\r\n" % length


def post(target, body, lines=b""):
    return post_head(target, len(body), lines) + body


def chunked_head(target):
    return b"POST " + target.encode() + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(*chunks, trailers=b"", size=lambda chunk: b"%x" % len(chunk)):
    """The chunks as a chunked body; trailers: whole lines."""
    return b"".join(size(chunk) + b"\r\n" + chunk + b"\r\n" for chunk in chunks) + b"0\r\n" + trailers + b"\r\n"
