"""One exchange of each kind: what is sent, what has to come back, and what came of it."""

import contextlib
import json
import re
import zlib
from dataclasses import dataclass, field

import wire
from check import Failure, shown
from peer import Client

PATTERN = bytes((number * 131 + number // 251) % 251 for number in range(65521)) * 40
SIZES = (0, 1, 100, 5_000, 64 << 10, 300_000, 1 << 20)
PIECE = 16 << 10


@dataclass
class Outcome:
    """What a client saw of one request.

    verdict: "whole": a response to its end, as announced, with the body that it should have; "cut": the connection ended within
    it; "silent": the connection ended before it; "left": the client went, as it meant to; "wrong": none of these, said says what.
    """

    number: int
    kind: str
    verdict: str = "wrong"
    status: int | None = None
    request_id: str | None = None
    said: str = ""
    began: float = 0
    ended: float = 0
    may_race: bool = False  # the proxy may be closing the connection between two exchanges, while the second one is sent
    statuses: tuple = field(default=(200,))  # of a whole response, when nothing goes wrong


class Differs(Failure):
    """A response that is whole and not what it should be."""


class Left(Exception):
    """The client has gone on purpose."""


class Soaker(Client):
    """A connection of a client that asks one thing after the other."""

    def __init__(self, address):
        super().__init__(address)
        self.exchanges = 0
        self.may_go_on = True  # the last response did not say close

    def ask(self, outcome, method, target, body=None, fields="", framing="length", waits=False):
        """Sends a request. framing: of the body, "length" or "chunked"; waits: for a 100 before the body."""
        lines = f"{method} {target} HTTP/1.1\r\nHost: soak.example\r\nUser-Agent: soak-{outcome.number}\r\n{fields}"
        if body is not None:
            lines += f"Content-Length: {len(body)}\r\n" if framing == "length" else "Transfer-Encoding: chunked\r\n"
        lines += "Expect: 100-continue\r\n" if waits else ""
        self.send(lines.encode() + b"\r\n")
        if body is None:
            return None
        if waits:
            head = self.head()
            if head.status != 100:
                return head
        self.send(body if framing == "length" else wire.chunked(*(body[at : at + PIECE] for at in range(0, len(body), PIECE))))
        return None

    def answer(self, outcome, method="GET", head=None):
        """The final response, whole. What came of it is noted as it comes, since its end may be missing."""
        while head is None or head.status < 200:
            head = self.head()
        outcome.status = head.status
        outcome.request_id = head.fields.get("X-Request-ID")
        self.may_go_on = "close" not in [option.lower() for option in head.fields.elements("Connection")]
        head.framing = wire.response_framing(head, method, "HTTP/1.1")
        self.body_of(head)
        return head


def expect(condition, message):
    if not condition:
        raise Differs(message)


def require_checksum(response):
    found = re.fullmatch("crc32=([0-9a-f]{8})", response.fields.get("X-Checksum") or "")
    expect(found, f"no checksum: {response.fields}")
    expect(zlib.crc32(response.body) == int(found[1], 16), f"a body with another checksum: {shown(response.body)}")


def download(client, outcome, random, prefix):
    size = random.choice(SIZES)
    query = random.choice(("", "", f"?chunked={random.choice((7, 1000, 100_000)) if size < 100_000 else 100_000}", "?close=1", "?trailers=1"))
    client.ask(outcome, "GET", f"{prefix}/size/{size}{query}")
    response = client.answer(outcome)
    if response.status == 200:
        expect(len(response.body) == size, f"{len(response.body)} bytes instead of {size}")
        require_checksum(response)


def upload(client, outcome, random, prefix, waits=False):
    body = PATTERN[: random.choice(SIZES)]
    head = client.ask(outcome, "POST", f"{prefix}/{'expect' if waits else 'upload'}", body, framing=random.choice(("length", "chunked")), waits=waits and bool(body))
    response = client.answer(outcome, head=head)
    if response.status == 200:
        wanted = {"bytes": len(body), "checksum": f"crc32={zlib.crc32(body):08x}"}
        expect(json.loads(response.body) == wanted, f"{wanted} arrived as {response.body}")


def upload_expecting(client, outcome, random, prefix):
    upload(client, outcome, random, prefix, waits=True)


def echo(client, outcome, random, prefix):
    body = PATTERN[: random.choice((0, 10, 4_000, 60_000))]
    client.ask(outcome, "PUT", f"{prefix}/echo", body, framing=random.choice(("length", "chunked")))
    response = client.answer(outcome)
    expect(response.status != 200 or response.body == body, "an echo that differs")


def head_request(client, outcome, random, prefix):
    size = random.choice(SIZES)
    client.ask(outcome, "HEAD", f"{prefix}/size/{size}")
    response = client.answer(outcome, "HEAD")
    expect(response.status != 200 or response.fields.get("Content-Length") == str(size), f"length of what was not sent: {response.fields}")


def stream(client, outcome, random, prefix):
    target = random.choice(("/sse?events=4&interval_ms=30", "/drip?bytes=12&chunk=3&interval_ms=30", "/interim?count=3", "/slow-head?ms=1"))
    client.ask(outcome, "GET", prefix + target)
    client.answer(outcome)


def early(client, outcome, random, prefix):
    client.ask(outcome, "POST", f"{prefix}/early/413", PATTERN[: random.choice((1_000, 500_000))])
    client.answer(outcome)


def not_there(client, outcome, random, prefix):
    del random
    client.ask(outcome, "GET", f"{prefix}/status/404")
    client.answer(outcome)


def broken_origin(client, outcome, random, prefix):
    target = random.choice(("/reset-mid/200000", "/close-mid/200000", "/close-mid-chunked/200000", "/reset-mid/10", "/close-before-response",
                            "/close-before-response?reset=1", "/bad/status-line"))
    client.ask(outcome, "GET", prefix + target)
    client.answer(outcome)


def refused(client, outcome, random, prefix):
    lines = random.choice(("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: -1\r\n", "X-A : 1\r\n", "X-A: a\x00b\r\n"))
    client.ask(outcome, "POST", f"{prefix}/upload", fields=lines)
    client.answer(outcome)


def leave(client, outcome, random, prefix):
    """Goes at any point of an exchange, by FIN or by RST."""
    place = random.choice(("in the head", "in the body", "waiting", "in the response"))
    outcome.said = place
    if place == "in the head":
        client.send(f"GET {prefix}/size/1 HTTP/1.1\r\nHost: soak.exa".encode())
    elif place == "in the body":
        client.send(f"POST {prefix}/upload HTTP/1.1\r\nHost: soak.example\r\nUser-Agent: soak-{outcome.number}\r\nContent-Length: 900000\r\n\r\n".encode())
        client.send(PATTERN[: random.choice((0, 1, 300_000))])
    elif place == "waiting":
        client.ask(outcome, "GET", f"{prefix}/never")
    else:
        client.ask(outcome, "GET", f"{prefix}/size/1048576{random.choice(('', '?chunked=5000'))}")
        client.receive()
    if random.random() < 0.5:
        client.reset()
    raise Left


def tunnel(client, outcome, random, prefix):
    """An upgrade, a few blobs and their echoes, and an end that goes from one side to the other."""
    del prefix
    client.ask(outcome, "GET", "/tunnel", fields="Connection: Upgrade\r\nUpgrade: websocket\r\n")
    head = client.head()
    outcome.status, outcome.request_id = head.status, head.fields.get("X-Request-ID")
    client.may_go_on = False
    if head.status != 101:
        head.framing = wire.response_framing(head, "GET", "HTTP/1.1")
        client.body_of(head)
        return
    for _ in range(random.randrange(1, 6)):
        blob = PATTERN[: random.choice((1, 1_000, 100_000))]
        client.send(blob)
        expect(client.exactly(len(blob)) == blob, "an echo that differs")
    client.end_sending()
    expect(client.rest() == b"" and client.end == "eof", f"the tunnel ended by {client.end}")


# (name, how often, function, statuses that a whole response may have when nothing goes wrong)
KINDS = (
    ("download", 30, download, (200,)),
    ("upload", 14, upload, (200,)),
    ("upload_expecting", 4, upload_expecting, (200,)),
    ("echo", 10, echo, (200,)),
    ("head", 6, head_request, (200,)),
    ("stream", 6, stream, (200,)),
    ("early", 4, early, (413,)),
    ("not_there", 4, not_there, (404,)),
    ("broken_origin", 8, broken_origin, ()),
    ("refused", 4, refused, (400,)),
    ("tunnel", 4, tunnel, (101,)),
    ("leave", 10, leave, ()),
)


def run(client, outcome, function, random, prefix):
    """Runs one exchange and says what came of it."""
    try:
        function(client, outcome, random, prefix)
        outcome.verdict = "whole"
    except Left:
        outcome.verdict = "left"
    except Differs as difference:
        outcome.said = str(difference)
    except Failure as failure:
        outcome.said = str(failure)
        # The end of the connection is a verdict; whatever else went wrong is not to be excused.
        if client.end is not None:
            outcome.verdict = "silent" if outcome.status is None and not client.pending else "cut"
    client.exchanges += 1
    if outcome.verdict != "whole":
        with contextlib.suppress(OSError):
            client.close()
