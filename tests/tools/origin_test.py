#!/usr/bin/env python3
"""Tests of sluice-origin over raw sockets: every path, its framing, its checksum, its fault.

    origin_test.py [PROGRAM]     or SLUICE_ORIGIN=PROGRAM; else the one in build/release
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
ORIGIN = os.environ.get("SLUICE_ORIGIN") or os.path.join(ROOT, "build", "release", "sluice-origin")
TIMEOUT_S = 20
PERIOD = 65521


def make_pattern():
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    mask = (1 << 64) - 1
    state, block = 0, bytearray()
    while len(block) < PERIOD:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        block += bytes(alphabet[byte % 64] for byte in struct.pack("<Q", z ^ (z >> 31)))
    return bytes(block[:PERIOD])


BLOCK = make_pattern()


def pattern(size):
    return (BLOCK * (size // PERIOD + 1))[:size]


def checksum(body):
    return f"crc32={zlib.crc32(body):08x}"


class Peer:
    """A client's end: reads heads and bodies strictly."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def request(self, target, method="GET", fields=(), body=b"", version="1.1"):
        lines = [f"{method} {target} HTTP/{version}", "Host: test", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def fill(self):
        data = self.socket.recv(1 << 18)
        self.buffer += data
        return bool(data)

    def take(self, size):
        parts = [self.buffer]
        have = len(self.buffer)
        while have < size:
            data = self.socket.recv(1 << 18)
            if not data:
                raise EOFError(f"{have} of {size} bytes")
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        self.buffer = data[size:]
        return data[:size]

    def line(self):
        while b"\n" not in self.buffer:
            if not self.fill():
                raise EOFError(repr(self.buffer))
        line, _, self.buffer = self.buffer.partition(b"\n")
        assert line.endswith(b"\r"), line
        return line[:-1].decode("latin-1")

    def head(self):
        version, status, _ = self.line().split(" ", 2)
        assert version == "HTTP/1.1", version
        return int(status), self.fields()

    def fields(self):
        found = {}
        while line := self.line():
            name, value = line.split(": ", 1)
            assert name.lower() not in found, name
            found[name.lower()] = value
        return found

    def rest(self):
        """Everything until FIN."""
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def chunk(self):
        size = int(self.line(), 16)
        if size == 0:
            return b""
        data = self.take(size)
        assert self.take(2) == b"\r\n"
        return data

    def chunks(self):
        found = list(iter(self.chunk, b""))
        return found, self.fields()

    def body(self, fields):
        if "transfer-encoding" in fields:
            assert fields["transfer-encoding"] == "chunked" and "content-length" not in fields
            return b"".join(self.chunks()[0])
        return self.take(int(fields["content-length"])) if "content-length" in fields else self.rest()

    def response(self):
        status, fields = self.head()
        return status, fields, self.body(fields)

    def ended(self):
        """FIN, and nothing before it."""
        return self.buffer == b"" and self.socket.recv(1) == b""

    def close(self):
        self.socket.close()


class OriginTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = subprocess.Popen(
            [ORIGIN, "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        lines = [cls.origin.stdout.readline() for _ in range(2)]
        assert all(re.fullmatch(r"listening on 127\.0\.0\.1:\d+\n", line) for line in lines), lines
        cls.ports = [int(line.rsplit(":", 1)[1]) for line in lines]

    @classmethod
    def tearDownClass(cls):
        cls.origin.send_signal(signal.SIGTERM)
        _, errors = cls.origin.communicate(timeout=TIMEOUT_S)
        assert cls.origin.returncode == 0 and errors == "", (cls.origin.returncode, errors)

    def connect(self, port=None):
        peer = Peer(port or self.ports[0])
        self.addCleanup(peer.close)
        return peer

    def get(self, target, **options):
        peer = self.connect()
        peer.request(target, **options)
        return peer.response()

    def stats(self):
        return json.loads(self.get("/stats")[2])

    def until(self, condition):
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, "the condition never held")
            time.sleep(0.005)

    def is_served(self, peer):
        """The connection goes on."""
        peer.request("/size/3")
        status, _, body = peer.response()
        return status == 200 and body == pattern(3)


class Bodies(OriginTest):
    def test_every_response_says_who_answered(self):
        for target in ("/", "/size/9", "/status/404", "/head", "/stats", "/nothing", "/size/x"):
            with self.subTest(target):
                fields = self.get(target)[1]
                self.assertEqual(fields["server"], "sluice-origin")
                self.assertEqual(fields["x-origin"], f"127.0.0.1:{self.ports[0]}")
                self.assertRegex(fields["date"], r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")
                self.assertIn("/", fields["content-type"])
        peer = self.connect(self.ports[1])
        peer.request("/")
        self.assertEqual(peer.response()[1]["x-origin"], f"127.0.0.1:{self.ports[1]}")

    def test_sizes(self):
        peer = self.connect()
        for target, size in (
            ("/", 2), ("/?size=5", 5), ("/size/0", 0), ("/size/1", 1), ("/size/1023", 1023), ("/size/1K", 1024), ("/size/1025", 1025),
            ("/size/65520", 65520), ("/size/65521", 65521), ("/size/65522", 65522), ("/size/64K", 65536), ("/size/3M", 3 << 20), ("/size/20M", 20 << 20),
        ):
            with self.subTest(target):
                peer.request(target)
                status, fields, body = peer.response()
                self.assertEqual((status, fields["content-length"]), (200, str(size)))
                self.assertTrue(body == pattern(size))
                self.assertEqual(fields["x-checksum"], checksum(body))

    def test_chunks_and_trailers(self):
        peer = self.connect()
        for size, chunk, trailers in ((0, 1, 0), (1, 1, 1), (10, 3, 0), (3000, 1, 1), (100000, 65536, 1), (1 << 20, 70000, 0), (1 << 20, 1000, 1), (40000, 0, 1)):
            with self.subTest(size=size, chunk=chunk, trailers=trailers):
                peer.request(f"/size/{size}?chunked={chunk}&trailers={trailers}")
                status, fields = peer.head()
                self.assertEqual((status, fields.get("transfer-encoding"), fields.get("content-length")), (200, "chunked", None))
                chunks, tail = peer.chunks()
                step = chunk or 16384
                self.assertEqual([len(one) for one in chunks], [min(step, size - at) for at in range(0, size, step)])
                self.assertTrue(b"".join(chunks) == pattern(size))
                self.assertEqual(fields["x-checksum"], checksum(pattern(size)))
                self.assertEqual(tail, {"x-checksum": checksum(pattern(size))} if trailers else {})
                self.assertEqual(fields.get("trailer"), "X-Checksum" if trailers else None)

    def test_body_that_the_end_delimits(self):
        for version in ("1.0", "1.1"):
            peer = self.connect()
            peer.request("/size/100000?close=1", version=version)
            status, fields = peer.head()
            self.assertEqual((status, fields["connection"]), (200, "close"))
            self.assertFalse({"content-length", "transfer-encoding"} & fields.keys())
            self.assertTrue(peer.rest() == pattern(100000))

    def test_statuses(self):
        peer = self.connect()
        for status in (200, 201, 204, 205, 206, 301, 304, 404, 418, 500, 503, 599):
            peer.request(f"/status/{status}")
            answered, fields = peer.head()
            self.assertEqual(answered, status)
            if status == 204:
                self.assertNotIn("content-length", fields)
            elif status == 205:
                self.assertEqual(fields["content-length"], "0")
            elif status != 304:
                self.assertEqual(peer.body(fields), pattern(2))
        peer.request("/status/503?size=7")
        self.assertEqual(peer.response()[2], pattern(7))

    def test_what_is_refused_leaves_the_connection(self):
        peer = self.connect()
        for target, status in (
            ("/nothing", 404), ("/size", 404), ("/sizes/1", 404), ("/size/", 400), ("/size/x", 400), ("/size/-1", 400), ("/size/1G", 400), ("/size/1/2", 400),
            ("/size/2000000M", 400), ("/size/99999999999999999999", 400), ("/status/", 400), ("/status/199", 400), ("/status/600", 400), ("/delay/9999999999", 400),
            ("/bad/luck", 404), ("/bad/", 404), ("/?nonsense=1", 400), ("/?size", 400), ("/?size=", 400), ("/?size=1&", 200), ("/?size=1&x=2", 400), ("/interim?status=101", 400),
            ("/interim?status=200", 400), ("/close-mid/0", 400), ("/close-mid-chunked/1", 400), ("/reset-mid/0", 400),
        ):
            with self.subTest(target):
                peer.request(target)
                self.assertEqual(peer.response()[0], status)
        self.assertTrue(self.is_served(peer))

    def test_delay(self):
        peer = self.connect()
        for target in ("/delay/60?size=3", "/?size=3&delay_ms=60"):
            started = time.monotonic()
            peer.request(target)
            self.assertEqual(peer.response()[2], pattern(3))
            self.assertGreaterEqual(time.monotonic() - started, 0.06)

    def test_delay_ends_with_the_client(self):
        before = self.stats()
        peer = self.connect()
        peer.request("/delay/600000")
        self.until(lambda: self.stats()["open"] >= 2)
        peer.close()
        self.until(lambda: self.stats()["abandoned"] == before["abandoned"] + 1)

    def test_wrong_checksum(self):
        _, fields, body = self.get("/checksum-bad/1000")
        self.assertEqual(body, pattern(1000))
        self.assertRegex(fields["x-checksum"], r"^crc32=[0-9a-f]{8}$")
        self.assertNotEqual(fields["x-checksum"], checksum(body))

    def test_drip(self):
        for target, size, step in (("/drip?interval_ms=1", 10, 1), ("/drip?bytes=1000&chunk=300&interval_ms=20&chunked=1", 1000, 300)):
            peer = self.connect()
            started = time.monotonic()
            peer.request(target)
            _, fields = peer.head()
            if "chunked" in target:
                chunks, _ = peer.chunks()
                self.assertEqual([len(one) for one in chunks], [300, 300, 300, 100])
                body = b"".join(chunks)
                self.assertGreaterEqual(time.monotonic() - started, 0.06)
            else:
                body = peer.body(fields)
            self.assertEqual((body, fields["x-checksum"]), (pattern(size), checksum(body)))
            self.assertTrue(self.is_served(peer))

    def test_drip_comes_bit_by_bit(self):
        peer = self.connect()
        peer.request("/drip?bytes=6&chunk=3&interval_ms=600000")
        peer.head()
        self.assertEqual(peer.take(3), pattern(3))
        self.assertEqual(peer.buffer, b"")

    def test_events(self):
        peer = self.connect()
        peer.request("/sse?events=3&interval_ms=1")
        _, fields = peer.head()
        self.assertEqual((fields["content-type"], fields["transfer-encoding"]), ("text/event-stream", "chunked"))
        self.assertEqual(peer.chunks()[0], [b'id: %d\ndata: {"event":%d}\n\n' % (number, number) for number in (1, 2, 3)])
        self.assertTrue(self.is_served(peer))

    def test_endless_events_end_with_the_client(self):
        before = self.stats()["abandoned"]
        peer = self.connect()
        peer.request("/sse?events=0&interval_ms=1")
        peer.head()
        for _ in range(20):
            self.assertTrue(peer.chunk())
        peer.close()
        self.until(lambda: self.stats()["abandoned"] == before + 1)

    def test_interim(self):
        peer = self.connect()
        for target, interim in (("/interim", [103]), ("/interim?count=3&status=102", [102] * 3), ("/interim?count=0", [])):
            peer.request(target)
            seen = []
            while (head := peer.head())[0] < 200:
                self.assertEqual(head[1], {"link": "</style.css>; rel=preload; as=style"})
                seen.append(head[0])
            self.assertEqual((seen, peer.body(head[1])), (interim, pattern(2)))
        peer.request("/interim", version="1.0")
        self.assertEqual(peer.response()[0], 200)

    def test_slow_head(self):
        peer = self.connect()
        peer.request("/slow-head?ms=0&size=5")
        self.assertEqual(peer.response()[2], pattern(5))
        peer.request("/slow-head?ms=600000")
        peer.fill()
        self.assertEqual(peer.buffer, b"H")


class Framing(OriginTest):
    def test_head_requests(self):
        peer = self.connect()
        for target in ("/", "/size/1M", "/size/9?chunked=3", "/status/404", "/head", "/drip", "/sse?events=0", "/slow-head?ms=0", "/nothing", "/upload", "/echo"):
            peer.request(target, method="HEAD")
            peer.head()
            self.assertEqual(peer.buffer, b"", target)
        peer.request("/size/1M", method="HEAD")
        fields = peer.head()[1]
        self.assertEqual((fields["content-length"], fields["x-checksum"]), (str(1 << 20), checksum(pattern(1 << 20))))
        self.assertTrue(self.is_served(peer))

    def test_keep_alive(self):
        for version, fields, goes_on in (
            ("1.1", [], True), ("1.1", ["Connection: close"], False), ("1.0", [], False), ("1.0", ["Connection: keep-alive"], True),
        ):
            with self.subTest(version=version, fields=fields):
                peer = self.connect()
                peer.request("/size/5", fields=fields, version=version)
                _, answered, body = peer.response()
                self.assertEqual(body, pattern(5))
                self.assertEqual(answered.get("connection"), "close" if not goes_on else "keep-alive" if version == "1.0" else None)
                self.assertTrue(self.is_served(peer) if goes_on else peer.ended())

    def test_http_1_0_gets_no_chunks(self):
        for target, body in (("/size/9?chunked=2&trailers=1", pattern(9)), ("/sse?events=1", b'id: 1\ndata: {"event":1}\n\n')):
            peer = self.connect()
            peer.request(target, version="1.0", fields=["Connection: keep-alive"])
            _, fields = peer.head()
            self.assertNotIn("transfer-encoding", fields)
            self.assertEqual((fields["connection"], peer.rest()), ("close", body))

    def test_pipelined(self):
        peer = self.connect()
        count = 300
        peer.send(b"".join(b"GET /size/%d HTTP/1.1\r\nHost: test\r\n\r\n" % size for size in range(count)))
        for size in range(count):
            self.assertEqual(peer.response()[2], pattern(size))

    def test_pipelined_behind_a_body(self):
        peer = self.connect()
        for size in (1, 100_000, 3_000_000):
            body = pattern(size)
            follower = b"GET /size/7 HTTP/1.1\r\nHost: test\r\n\r\n"
            request = b"POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size + body + follower * 2
            writer = threading.Thread(target=peer.send, args=(request,))
            writer.start()
            self.assertEqual(json.loads(peer.response()[2]), {"bytes": size, "checksum": checksum(body)})
            self.assertEqual([peer.response()[2] for _ in range(2)], [pattern(7)] * 2)
            writer.join()

    def test_a_request_in_any_pieces(self):
        request = b"POST /upload HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
        peer = self.connect()
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(1, len(request)):
            peer.send(request[:at])
            peer.send(request[at:])
            self.assertEqual(json.loads(peer.response()[2])["checksum"], checksum(b"abcde"))
        for at in range(len(request)):
            peer.send(request[at : at + 1])
        self.assertEqual(json.loads(peer.response()[2])["checksum"], checksum(b"abcde"))

    def test_a_head_as_large_as_allowed(self):
        peer = self.connect()
        filler = "X-Filler: " + "x" * 20000
        other = "X-Other: " + "y" * 10000
        peer.request("/head", fields=[filler, other])
        self.assertEqual(peer.response()[2].decode(), f"GET /head HTTP/1.1\r\nHost: test\r\n{filler}\r\n{other}\r\n\r\n")
        peer.request("/head", fields=[filler, filler])
        status, fields, _ = peer.response()
        self.assertEqual((status, fields["connection"]), (431, "close"))

    def test_bad_requests(self):
        for request, status in (
            (b"hello\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\nHost: a\n\n", 400), (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            (b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
            (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414), (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ):
            with self.subTest(request[:70]):
                peer = self.connect()
                peer.send(request)
                answered, fields, _ = peer.response()
                self.assertEqual((answered, fields["connection"]), (status, "close"))
                self.assertTrue(peer.ended())

    def test_bodies_that_nobody_asked_for_are_read(self):
        peer = self.connect()
        for target in ("/", "/size/3", "/nothing", "/status/204", "/stats", "/head"):
            peer.request(target, method="POST", body=b"GET /bogus HTTP/1.1\r\n\r\n" * 9000)
            status, fields = peer.head()
            if status != 204:
                peer.body(fields)
            self.assertTrue(self.is_served(peer), target)


class Uploads(OriginTest):
    def test_head_is_dumped_as_it_came(self):
        request = b"PATCH /head?x=%41&y HTTP/1.1\r\nHOST: test\r\nx-b:  two \r\nX-A:1\r\nx-b: \xfc\r\n\r\n"
        peer = self.connect()
        peer.send(request)
        self.assertEqual(peer.response()[2], request)

    def test_upload(self):
        peer = self.connect()
        for size in (0, 1, 16383, 16384, 131072, 200_000, 5_000_001):
            body = pattern(size)
            peer.request("/upload", method="PUT", body=body)
            self.assertEqual(json.loads(peer.response()[2]), {"bytes": size, "checksum": checksum(body)})
            chunks = b"".join(b"%x\r\n" % len(body[at : at + 7777]) + body[at : at + 7777] + b"\r\n" for at in range(0, size, 7777))
            peer.send(b"PUT /upload HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
            self.assertEqual(json.loads(peer.response()[2]), {"bytes": size, "checksum": checksum(body)})
        peer.request("/upload?checksum=0", method="PUT", body=b"abc")
        self.assertEqual(json.loads(peer.response()[2]), {"bytes": 3})

    def test_uploads_that_nobody_looks_at(self):
        """Thrown away in the kernel: to the byte, whatever stands behind them, and whatever came before on the connection."""
        sizes = (0, 65535, 65536, 65537, 300_001, 2_000_000)
        for target in ("/upload?checksum=0", "/size/7"):
            for framing in ("length", "chunked"):
                with self.subTest(target=target, framing=framing):
                    peer = self.connect()
                    requests = b""
                    for size in sizes:
                        body = pattern(size)
                        head = f"PUT {target} HTTP/1.1\r\nHost: test\r\n"
                        if framing == "length":
                            requests += f"{head}Content-Length: {size}\r\n\r\n".encode() + body
                        else:
                            parts = [body[at : at + 200_000] for at in range(0, size, 200_000)]
                            chunks = b"".join(b"%x\r\n" % len(part) + part + b"\r\n" for part in parts)
                            requests += f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"
                        requests += b"GET /size/5 HTTP/1.1\r\nHost: test\r\n\r\n"
                    writer = threading.Thread(target=peer.send, args=(requests,))
                    writer.start()
                    for size in sizes:
                        wanted = {"bytes": size} if "upload" in target else None
                        answer = peer.response()[2]
                        self.assertEqual(answer if wanted is None else json.loads(answer), pattern(7) if wanted is None else wanted)
                        self.assertEqual(peer.response()[2], pattern(5))
                    writer.join()

    def test_an_upload_that_nobody_looks_at_is_cut_off(self):
        before = self.stats()["abandoned"]
        for sent in (0, 100, 70_000, 900_000):
            peer = self.connect()
            peer.send(b"PUT /upload?checksum=0 HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n" + pattern(sent))
            peer.socket.shutdown(socket.SHUT_WR)
            self.assertTrue(peer.ended())
        self.assertEqual(self.stats()["abandoned"], before + 4)

    def test_echo(self):
        for size in (0, 1, 1000, 20_000, 4_000_000):
            peer = self.connect()
            body = pattern(size)
            writer = threading.Thread(target=peer.request, args=("/echo?any=thing", "POST", ["Content-Type: text/x"], body))
            writer.start()
            status, fields, echoed = peer.response()
            writer.join()
            self.assertEqual((status, fields["content-length"], fields["content-type"]), (200, str(size), "text/x"))
            self.assertTrue(echoed == body)
            self.assertTrue(self.is_served(peer))

    def test_echo_is_a_stream(self):
        peer = self.connect()
        peer.request("/echo", method="POST", fields=["Transfer-Encoding: chunked"])
        self.assertEqual(peer.head()[1]["transfer-encoding"], "chunked")
        for piece in (b"one", b"two", b"x" * 5000):
            peer.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
            received = b""
            while len(received) < len(piece):
                received += peer.chunk()
            self.assertEqual(received, piece)
        peer.send(b"0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n")
        self.assertEqual(peer.chunks(), ([], {"x-sum": "1", "x-more": "2"}))
        self.assertTrue(self.is_served(peer))

    def test_expect(self):
        peer = self.connect()
        for target in ("/expect", "/upload", "/", "/head"):
            peer.request(target, method="POST", fields=["Expect: 100-continue", "Content-Length: 3"])
            self.assertEqual(peer.head(), (100, {}))
            peer.send(b"abc")
            status, _, body = peer.response()
            self.assertEqual(status, 200)
            if target in ("/expect", "/upload"):
                self.assertEqual(json.loads(body), {"bytes": 3, "checksum": checksum(b"abc")})
        # No 100 for whoever does not wait.
        peer.request("/expect", method="POST", body=b"abc")
        self.assertEqual(peer.response()[0], 200)
        peer.request("/expect?silent=1", method="POST", fields=["Expect: 100-continue", "Content-Length: 3"])
        peer.send(b"abc")
        self.assertEqual(peer.response()[0], 200)

    def test_expect_refused(self):
        for refuse, status in ((1, 417), (413, 413)):
            peer = self.connect()
            peer.request(f"/expect?refuse={refuse}", method="POST", fields=["Expect: 100-continue", "Content-Length: 3"])
            answered, fields, _ = peer.response()
            self.assertEqual((answered, fields["connection"]), (status, "close"))
            self.assertTrue(peer.ended())

    def test_stalled_read(self):
        peer = self.connect()
        body = pattern(2_000_000)
        started = time.monotonic()
        peer.request("/stall-read?ms=100", method="POST", body=body)
        self.assertEqual(json.loads(peer.response()[2]), {"bytes": len(body), "checksum": checksum(body)})
        self.assertGreaterEqual(time.monotonic() - started, 0.1)
        self.assertTrue(self.is_served(peer))

    def test_stalled_read_holds_the_sender_up(self):
        peer = self.connect()
        peer.request("/stall-read?ms=600000", method="POST", fields=["Content-Length: 1000000000"])
        peer.socket.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            for _ in range(1000):
                peer.send(bytes(1_000_000))


class Faults(OriginTest):
    def test_early(self):
        peer = self.connect()
        peer.request("/early/503", method="POST", fields=["Content-Length: 1000000"])
        self.assertEqual(peer.response()[::2], (503, b"early\n"))
        peer.send(bytes(1_000_000))
        self.assertTrue(self.is_served(peer))

    def test_early_to_a_client_that_waits_for_the_100(self):
        """It may send its body or not, so that only the end of the connection is clear."""
        peer = self.connect()
        peer.request("/early/403", method="POST", fields=["Expect: 100-continue", "Content-Length: 3"])
        status, fields, _ = peer.response()
        self.assertEqual((status, fields.get("connection")), (403, "close"))
        self.assertTrue(peer.ended())

    def test_early_with_an_end(self):
        peer = self.connect()
        peer.request("/early/200?close=1", method="POST", fields=["Content-Length: 1000000"])
        self.assertEqual(peer.response()[1]["connection"], "close")
        self.assertTrue(peer.ended())
        peer = self.connect()
        peer.request("/early/200?reset=1", method="POST", fields=["Content-Length: 1000000"])
        peer.response()
        self.assertRaises(ConnectionResetError, peer.socket.recv, 1)

    def test_never(self):
        before = self.stats()["abandoned"]
        peer = self.connect()
        peer.request("/never", method="POST", body=bytes(1_000_000))
        peer.socket.settimeout(0.05)
        self.assertRaises(TimeoutError, peer.socket.recv, 1)
        peer.close()
        self.until(lambda: self.stats()["abandoned"] == before + 1)

    def test_close_before_response(self):
        peer = self.connect()
        peer.request("/close-before-response")
        self.assertTrue(peer.ended())
        peer = self.connect()
        peer.request("/close-before-response", method="POST", body=bytes(300_000))
        self.assertTrue(peer.ended())
        peer = self.connect()
        peer.request("/close-before-response?reset=1")
        self.assertRaises(ConnectionResetError, peer.socket.recv, 1)

    def test_close_of_a_reused_connection(self):
        peer = self.connect()
        peer.request("/close-before-response?reused=1")
        self.assertEqual(peer.response()[0], 200)
        peer.request("/close-before-response?reused=1")
        self.assertTrue(peer.ended())

    def test_cut_bodies(self):
        for size in (1, 10, 100_001, 4_000_000):
            peer = self.connect()
            peer.request(f"/close-mid/{size}")
            self.assertEqual(peer.head()[1]["content-length"], str(size))
            self.assertTrue(peer.rest() == pattern(size // 2))
            peer = self.connect()
            peer.request(f"/reset-mid/{size}")
            with self.assertRaises(ConnectionResetError):
                peer.rest()

    def test_cut_chunks(self):
        for size in (2, 1001, 1_000_000):
            half = pattern(size // 2)
            for boundary, body in ((0, b"%x\r\n" % size + half), (1, b"%x\r\n" % len(half) + half + b"\r\n")):
                peer = self.connect()
                peer.request(f"/close-mid-chunked/{size}?boundary={boundary}")
                self.assertEqual(peer.head()[1]["transfer-encoding"], "chunked")
                self.assertTrue(peer.rest() == body)

    BAD = {
        "status-line": rb"HTTP/1\.1 2x0 ", "status-range": rb"HTTP/1\.1 99 ", "version": rb"HTTP/3\.7 ", "no-status-line": rb"hello",
        "header-colon": rb"\r\nX-No-Colon\r\n", "space-before-colon": rb"Length : 2", "content-length-text": rb"Content-Length: two\r\n",
        "content-length-sign": rb": \+2\r\n", "content-length-overflow": rb": 18446744073709551616\r\n",
        "two-content-lengths": rb"Content-Length: 2\r\nContent-Length: 3\r\n", "cl-and-te": rb"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "te-unknown": rb"Encoding: sluiced, chunked\r\n", "te-not-last": rb"Encoding: chunked, gzip\r\n", "chunk-size": rb"\r\n\r\nxyz\r\n",
        "chunk-overflow": rb"\r\n\r\n100000000000000000\r\n", "chunk-end": rb"\r\n2\r\nokay\r\n", "bad-trailer": rb"0\r\nno colon\r\n\r\n$", "obs-fold": rb"\r\n two\r\n",
        "nul": rb"a\x00b", "bare-lf": rb"OK\nContent-Length: 2\n\nok$", "bare-cr": rb"a\rb", "huge-head": rb"(X-Filler: \d+\r\n){1200}.*\r\n\r\nok$",
        "many-fields": rb"(X: 1\r\n){1000}", "http2-preface": rb"PRI \* HTTP/2\.0\r\n\r\nSM\r\n\r\n$", "unasked-101": rb"HTTP/1\.1 101 ",
        "extra-bytes": rb"okHTTP/1\.1 200 OK\r\n.*POISON$", "garbage-after-204": rb"204 No Content\r\n\r\ngarbage$",
    }

    def test_bad_responses(self):
        for kind, expected in self.BAD.items():
            with self.subTest(kind):
                peer = self.connect()
                peer.request(f"/bad/{kind}?close=1")
                received = peer.rest()
                self.assertTrue(re.search(expected, received, re.DOTALL), received[:200])
                peer = self.connect()
                peer.request(f"/bad/{kind}")
                self.assertTrue(peer.take(len(received)) == received)
                peer.socket.setblocking(False)
                self.assertRaises(BlockingIOError, peer.socket.recv, 1)  # no end to tell by

    def test_help_knows_every_kind(self):
        text = subprocess.run([ORIGIN, "--help"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
        self.assertEqual(re.findall(r"^    (\S+)  +\S", text.partition("KIND:\n")[2], re.M), list(self.BAD))


def threads_of(pid):
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as name:
            found[name.read().strip()] = int(task)
    return found


class Process(unittest.TestCase):
    def start(self, *arguments):
        process = subprocess.Popen([ORIGIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.communicate()))
        return process, int(process.stdout.readline().rsplit(":", 1)[1])

    def test_stops_at_once_with_everything_under_way(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process, port = self.start("--listen", "127.0.0.1:0", "--threads", "2")
            peers = [Peer(port) for _ in range(40)]
            targets = ["/never", "/size/500M", "/delay/600000", "/sse?events=0&interval_ms=1", "/drip?interval_ms=1&bytes=1M", "/bad/nul", "/slow-head", "/stall-read"]
            for at, peer in enumerate(peers[:-8]):
                peer.request(targets[at % len(targets)], method="POST", fields=["Content-Length: 0"])
            for peer in peers[-8:-4]:
                peer.request("/stall-read?ms=600000", method="POST", fields=["Content-Length: 10000000"], body=b"")
                peer.send(bytes(200_000))
            for peer in peers[-4:]:
                peer.request("/upload", method="POST", fields=["Content-Length: 10000000"])
                peer.send(bytes(1_000_000))
            for peer in peers[1:-8:8]:
                peer.head()
            started = time.monotonic()
            process.send_signal(number)
            _, errors = process.communicate(timeout=TIMEOUT_S)
            self.assertEqual((process.returncode, errors), (0, ""))
            self.assertLess(time.monotonic() - started, 5)
            for peer in peers:
                peer.close()

    def test_threads_share_the_port(self):
        process, port = self.start("--listen", "127.0.0.1:0", "--threads", "3")
        for _ in range(60):
            peer = Peer(port)
            peer.request("/size/9")
            self.assertEqual(peer.response()[2], pattern(9))
            peer.close()
        peer = Peer(port)
        peer.request("/stats")
        self.assertEqual(json.loads(peer.response()[2])["accepted"], 61)
        peer.close()
        self.assertLessEqual({"origin-0", "origin-1", "origin-2"}, threads_of(process.pid).keys())

    def test_pinned(self):
        cpu = max(os.sched_getaffinity(0))
        process, _ = self.start("--listen", "127.0.0.1:0", "--cpu", str(cpu))
        self.assertEqual(os.sched_getaffinity(threads_of(process.pid)["origin-0"]), {cpu})

    def test_many_connections(self):
        _, port = self.start("--listen", "127.0.0.1:0")
        peers = [Peer(port) for _ in range(400)]
        for peer in peers:
            peer.request("/size/100")
        for peer in peers:
            self.assertEqual(peer.response()[2], pattern(100))
            peer.close()

    def test_more_unread_bytes_than_receive_buffers(self):
        """Clients that pipeline without reading fill every buffer; whoever reads is served all the same."""
        _, port = self.start("--listen", "127.0.0.1:0")
        peers = [Peer(port) for _ in range(100)]
        for peer in peers:
            peer.request("/delay/300", method="GET")
            peer.send(b"GET /size/10 HTTP/1.1\r\nHost: test\r\nX-Filler: " + b"x" * 7000 + b"\r\n\r\n")
            for _ in range(20):
                peer.send(b"GET /size/10 HTTP/1.1\r\nHost: test\r\nX-Filler: " + b"x" * 7000 + b"\r\n\r\n")
        for peer in peers:
            for size in [2] + [10] * 21:
                self.assertEqual(peer.response()[2], pattern(size))
            peer.close()

    def test_steady_state_allocates_nothing(self):
        _, port = self.start("--listen", "127.0.0.1:0")

        def allocations():
            peer = Peer(port)
            for target in ["/", "/size/100", "/size/200K", "/size/9?chunked=2&trailers=1", "/stats"] * 50:
                peer.request(target)
                *_, body = peer.response()
            peer.close()
            return json.loads(body)["heap_allocations"]

        allocations()
        self.assertEqual(allocations(), allocations())

    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("this host has no IPv6 loopback")
        process, port = self.start("--listen", "[::1]:0")
        with socket.create_connection(("::1", port), timeout=TIMEOUT_S) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(f"X-Origin: [::1]:{port}\r\n".encode(), b"".join(iter(lambda: client.recv(65536), b"")))

    def test_command_line(self):
        good = ["--listen", "127.0.0.1:0"]
        for arguments in (
            [], ["--listen"], ["--listen", "127.0.0.1"], ["--listen", "localhost:80"], ["--listen", "127.0.0.1:65536"], ["--listen", "192.0.2.1:80"], [*good, "--threads", "0"],
            [*good, "--threads", "257"], [*good, "--threads", "x"], [*good, "--cpu", "-1"], [*good, "--cpu", "4000"], [*good, "--nonsense", "1"], [*good, "extra"],
        ):
            with self.subTest(arguments):
                done = subprocess.run([ORIGIN, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertRegex(done.stderr, r"^sluice-origin: [^\n]+\n$")

    def test_an_address_is_not_shared_with_another_process(self):
        _, port = self.start("--listen", "127.0.0.1:0")
        second = subprocess.run([ORIGIN, "--listen", f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual((second.returncode, second.stderr), (1, f"sluice-origin: cannot listen on 127.0.0.1:{port}: Address already in use\n"))


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and "/" in sys.argv[1]:
        ORIGIN = sys.argv.pop(1)
    if not os.access(ORIGIN, os.X_OK):
        sys.exit(f"{ORIGIN} is not there: build it with tools/build, or name another in SLUICE_ORIGIN")
    unittest.main()
