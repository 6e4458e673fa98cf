"""Tests of sluice-load against sluice-origin and against servers of one's own. SLUICE_LOAD and SLUICE_ORIGIN name the
programs when they are not in a build folder."""

import contextlib
import json
import os
import re
import selectors
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TIMEOUT_S = 60


def program(name, variable):
    candidates = [os.environ.get(variable, "")] + [os.path.join(ROOT, "build", kind, name) for kind in ("sanitize", "release")]
    return next((path for path in candidates if path and os.access(path, os.X_OK)), None)


LOAD = program("sluice-load", "SLUICE_LOAD")
ORIGIN = program("sluice-origin", "SLUICE_ORIGIN")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Run:
    """One run of sluice-load with its result."""

    def __init__(self, *arguments):
        command = [LOAD, "-q", "--json", "-", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        self.status, self.errors_text, self.text = done.returncode, done.stderr, done.stdout
        self.result = json.loads(done.stdout) if done.stdout else {}

    def __getitem__(self, name):
        return self.result[name]

    @property
    def errors(self):
        return {kind: count for kind, count in self["errors"].items() if count}


class Server:
    """A server whose every connection is given to `serve(peer, heads)` on a thread; heads() gives the next request's head."""

    def __init__(self, serve, listener=None):
        self.listener = listener or socket.create_server(("127.0.0.1", 0), backlog=128)
        self.serve = serve
        self.threads = [threading.Thread(target=self.accept)]

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(TIMEOUT_S)
        self.listener.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer = self.listener.accept()[0]
                peer.settimeout(TIMEOUT_S)
                self.threads.append(threading.Thread(target=self.run, args=(peer,)))
                self.threads[-1].start()

    def run(self, peer):
        with contextlib.suppress(OSError, EOFError), peer:
            self.serve(peer, heads_of(peer))


def heads_of(peer):
    """The heads of a connection's requests, which have no bodies."""
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            data = peer.recv(65536)
            if not data:
                return
            buffer += data
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        yield head.decode() + "\r\n"


def answer_all(peer, heads):
    for _ in heads:
        peer.sendall(OK)


@unittest.skipUnless(LOAD and ORIGIN, "sluice-load and sluice-origin are not built")
class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = subprocess.Popen(
            [ORIGIN, "--listen", "127.0.0.1:0", "--listen", "[::1]:0"], stdout=subprocess.PIPE, text=True)
        cls.base, cls.base6 = ("http://" + cls.origin.stdout.readline().split()[-1] for _ in range(2))

    @classmethod
    def tearDownClass(cls):
        cls.origin.send_signal(signal.SIGTERM)
        cls.origin.communicate(timeout=TIMEOUT_S)

    def check_sums(self, run):
        """Every request that was started came to exactly one end."""
        lost = sum(count for kind, count in run["errors"].items() if kind not in ("status", "body"))
        self.assertEqual(run["started"], run["responses"] + lost + run["abandoned"])
        self.assertEqual(run["latency_us"]["count"], run["responses"] + run["unsent"])
        self.assertEqual(sum(run["statuses"].values()), run["responses"])
        self.assertEqual(sum(url["responses"] for url in run["urls"]), run["responses"])

    def good(self, *arguments):
        run = Run(*arguments)
        self.assertEqual(run.status, 0, msg=f"{run.errors_text}\n{run.text}")
        self.assertEqual(run.errors, {})
        self.check_sums(run)
        return run

    def bad(self, expected, *arguments):
        run = Run(*arguments)
        self.assertEqual(run.errors, expected, msg=run.text)
        self.assertEqual(run.status, 1)
        self.check_sums(run)
        return run

    def origin_stats(self):
        with socket.create_connection(("127.0.0.1", int(self.base.rsplit(":", 1)[1]))) as peer:
            peer.sendall(b"GET /stats HTTP/1.0\r\n\r\n")
            return json.loads(b"".join(iter(lambda: peer.recv(65536), b"")).partition(b"\r\n\r\n")[2])

    # ---- counts

    def test_as_many_requests_as_asked_for(self):
        for threads, connections, count in ((1, 1, 1), (1, 8, 1000), (2, 5, 333), (3, 3, 2), (2, 200, 50)):
            with self.subTest(threads=threads, connections=connections, count=count):
                before = self.origin_stats()
                run = self.good("-t", threads, "-c", connections, "-n", count, self.base + "/size/3000", "--verify", "--expect-bytes", 3000)
                after = self.origin_stats()
                self.assertEqual(run["responses"], count)
                self.assertEqual(run["statuses"], {"200": count})
                self.assertEqual(after["requests"] - before["requests"], count + 1)
                self.assertLessEqual(run["connections_opened"], connections)
                self.assertGreaterEqual(run["bytes_received"], count * 3000)

    def test_as_long_as_asked_for(self):
        began = time.monotonic()
        run = self.good("-c", 4, "-d", "700ms", "--warm-up", "300ms", self.base)
        self.assertGreaterEqual(time.monotonic() - began, 1.0)
        self.assertAlmostEqual(run["elapsed_s"], 0.7, delta=0.05)
        self.assertGreater(run["responses"], 10)
        rate = run["responses_per_second"] * run["elapsed_s"]
        self.assertLess(abs(rate - run["responses"]), 5)  # what was under way at the end is no throughput

    def test_the_warm_up_is_not_counted(self):
        run = self.good("-c", 2, "-n", 100, "--warm-up", "200ms", self.base)
        self.assertEqual(run["responses"], 100)

    def test_what_the_server_used(self):
        """Its CPU time is that of the measured part alone, and of all its threads; where it is not known, that is said."""
        run = self.good("-c", 4, "-n", 2000, "--server", self.origin.pid, self.base)
        self.assertGreater(run["server_cpu_s"], 0)
        self.assertLess(run["server_cpu_s"], run["elapsed_s"] * os.cpu_count())
        little = self.good("-c", 4, "-n", 5, "-R", 10, "--warm-up", "1ms", "--server", self.origin.pid, self.base)
        self.assertLess(little["server_cpu_s"], run["server_cpu_s"])
        gone = subprocess.Popen(["true"])
        gone.wait()
        run = self.good("-c", 4, "-n", 20, "--server", gone.pid, self.base)
        self.assertIsNone(run["server_cpu_s"])
        done = subprocess.run([LOAD, "-q", "-n", "20", "--server", str(gone.pid), self.base], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertIn("CPU time of the server is not known", done.stdout)
        done = subprocess.run([LOAD, "-q", "-n", "20", "--server", str(self.origin.pid), self.base], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertRegex(done.stdout, r"server CPU +[0-9.]+ us for each response")

    def test_whichever_limit_comes_first(self):
        self.assertEqual(self.good("-c", 2, "-n", 10, "-d", "50s", self.base)["responses"], 10)
        run = self.good("-c", 2, "-n", 1000000, "-d", "300ms", self.base)
        self.assertLess(run["responses"], 1000000)

    # ---- the ways of asking

    def test_a_connection_for_each_request(self):
        before = self.origin_stats()
        run = self.good("-c", 8, "-n", 200, "--no-keep-alive", self.base + "/size/20000", "--verify")
        self.assertEqual(run["connections_opened"], 200)
        self.assertEqual(self.origin_stats()["accepted"] - before["accepted"], 201)

    def test_kept_connections_are_used_again(self):
        self.assertEqual(self.good("-c", 3, "-n", 300, self.base)["connections_opened"], 3)

    def test_pipelining_has_that_many_under_way(self):
        def in_eights(peer, heads):
            for _ in heads:
                for _ in range(7):
                    next(heads)
                peer.sendall(OK * 8)

        with Server(in_eights) as server:
            run = self.good("-c", 2, "-n", 64, "--pipeline", 8, server.url)
            self.assertEqual(run["connections_opened"], 2)

    def test_pipelining_against_the_origin(self):
        run = self.good("-c", 4, "-n", 4000, "--pipeline", 16, self.base + "/size/5000", self.base + "/?chunked=7&size=50", "--verify")
        for url in run["urls"]:
            self.assertAlmostEqual(url["responses"], 2000, delta=4)  # each connection may be one ahead

    def test_what_is_behind_an_announced_close_is_sent_again(self):
        def three_at_a_time(peer, heads):
            for number, _ in zip(range(3), heads):
                peer.sendall(OK if number < 2 else OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass

        with Server(three_at_a_time) as server:
            run = self.good("-c", 2, "-n", 60, "--pipeline", 5, server.url)
            self.assertEqual(run["responses"], 60)
            self.assertGreaterEqual(run["connections_opened"], 20)

    def test_a_mix_by_weight(self):
        urls = [f"{self.base}/size/10", f"3@{self.base}/size/20", f"6@{self.base}/size/30"]
        run = self.good("-c", 1, "-n", 1000, *urls)
        self.assertEqual([url["responses"] for url in run["urls"]], [100, 300, 600])
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("# a comment\n\n" + "\n".join(urls) + "\n")
            file.flush()
            run = self.good("-c", 1, "-n", 1000, "--urls", file.name)
            self.assertEqual([url["responses"] for url in run["urls"]], [100, 300, 600])

    def test_methods_bodies_and_headers(self):
        seen = []

        def keep(peer, heads):
            for head in heads:
                seen.append(head)
                peer.sendall(OK)

        with Server(keep) as server:
            self.good("-c", 1, "-n", 1, "-H", "X-A: b", "-H", "Host: other.example", server.url + "path?q")
            self.good("-c", 1, "-n", 1, "-b", "0", server.url)
        self.assertEqual(sorted(seen[0].splitlines()), sorted(["GET /path?q HTTP/1.1", "X-A: b", "Host: other.example"]))
        self.assertIn("POST / HTTP/1.1", seen[1])
        self.assertIn("Content-Length: 0", seen[1])

        self.good("-c", 2, "-n", 50, "-m", "HEAD", "--expect-bytes", 0, self.base + "/size/1M")
        run = self.good("-c", 2, "-n", 20, "-b", "300K", "--expect-bytes", "300K", self.base + "/echo")
        self.assertGreater(run["bytes_sent"], 20 * 300 * 1024)
        self.good("-c", 4, "-n", 20, "-b", "3M", self.base + "/upload")

    def test_the_body_is_the_pattern(self):
        received = []

        def take(peer, _):
            data = b""
            while len(data.partition(b"\r\n\r\n")[2]) < 100_000:
                data += peer.recv(65536)
            received.append(data.partition(b"\r\n\r\n")[2])
            peer.sendall(OK)

        with Server(take) as server:
            self.good("-c", 1, "-n", 1, "-b", 100_000, "--no-keep-alive", server.url)
        with socket.create_connection(("127.0.0.1", int(self.base.rsplit(":", 1)[1]))) as peer:
            peer.sendall(b"GET /size/100000 HTTP/1.0\r\n\r\n")
            wanted = b"".join(iter(lambda: peer.recv(65536), b"")).partition(b"\r\n\r\n")[2]
        self.assertTrue(received == [wanted])

    def test_every_framing_of_a_response(self):
        for target in ("/?size=3000&chunked=100", "/?size=3000&trailers=1", "/interim?count=3", "/drip?bytes=5&interval_ms=1", "/slow-head?ms=1",
                       "/size/2000000", "/size/0", "/status/204", "/status/304"):
            with self.subTest(target):
                self.good("-c", 2, "-n", 6, "--verify", self.base + target)
        run = self.good("-c", 2, "-n", 6, "--verify", self.base + "/?size=100000&close=1")
        self.assertEqual(run["connections_opened"], 6)

    def test_long_bodies_that_nobody_looks_at(self):
        """Thrown away in the kernel: to the byte, whatever comes behind and before them."""
        for target, size in (("/size/65536", 65536), ("/size/300001", 300001), ("/size/3M", 3 << 20), ("/?size=1M&chunked=200000", 1 << 20)):
            for extra in ((), ("--pipeline", 5), ("--no-keep-alive",)):
                with self.subTest(target=target, extra=extra):
                    run = self.good("-c", 3, "-n", 30, "--expect-bytes", size, *extra, self.base + target)
                    self.assertGreaterEqual(run["bytes_received"], 30 * size)
        self.good("-c", 2, "-n", 8, "--expect-bytes", "1M", self.base + "/?size=1M&close=1")
        for pipeline in (1, 4):
            urls = [self.base + target for target in ("/size/200000", "/size/3", "/size/70000", "/size/30000", "/?size=500000&chunked=90000", "/status/204")]
            run = self.good("-c", 1, "-n", 240, "--pipeline", pipeline, *urls)
            self.assertEqual([url["responses"] for url in run["urls"]], [40] * 6)
            self.assertGreaterEqual(run["bytes_received"], 40 * 800003)
        self.bad({"closed": 4}, "-c", 2, "-n", 4, self.base + "/close-mid/2000000")
        self.bad({"reset": 4}, "-c", 2, "-n", 4, self.base + "/reset-mid/2000000")
        self.bad({"body": 4}, "-c", 2, "-n", 4, "--expect-bytes", 2000001, self.base + "/size/2000000")
        self.bad({"timeout": 2}, "-c", 2, "-n", 2, "--timeout", "300ms", self.base + "/drip?bytes=300000&chunk=100000&interval_ms=2000")

    def test_ipv6_and_names(self):
        self.good("-c", 2, "-n", 10, self.base6)
        self.good("-c", 2, "-n", 10, self.base.replace("127.0.0.1", "localhost"), "--connect", self.base.removeprefix("http://"))

    def test_unix_sockets(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in (os.path.join(folder, "x.sock"), f"\0sluice-load-{os.getpid()}"):
                with self.subTest(name):
                    listener = socket.socket(socket.AF_UNIX)
                    listener.bind(name)
                    listener.listen(64)
                    with Server(answer_all, listener):
                        address = "unix:" + name.replace("\0", "@")
                        run = self.good("-c", 4, "-n", 100, "--connect", address, "http://a.example/", "http://b.example/")
                        self.assertEqual(run["address"], address)

    # ---- errors

    def test_each_kind_of_error(self):
        unused = socket.create_server(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        unused.close()
        # Bound, and not listening: nobody else gets the port meanwhile.
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", port))
            self.bad({"refused": 6}, "-c", 2, "-n", 6, f"http://127.0.0.1:{port}/")
            self.bad({"refused": 6}, "-c", 2, "-n", 6, "--no-keep-alive", f"http://127.0.0.1:{port}/")
        self.bad({"refused": 3}, "-c", 1, "-n", 3, "--connect", "unix:/nonexistent/x.sock", "http://a/")
        self.bad({"connect": 3}, "-c", 1, "-n", 3, "--connect", "255.255.255.255:80", "http://a/")
        rows = (
            ("/never", {"timeout": 4}), ("/close-before-response", {"closed": 4}), ("/close-before-response?reset=1", {"reset": 4}),
            ("/close-mid/5000", {"closed": 4}), ("/reset-mid/5000", {"reset": 4}), ("/close-mid-chunked/5000", {"closed": 4}),
            ("/bad/status-line", {"malformed": 4}), ("/status/503", {"status": 4}), ("/status/404", {"status": 4}),
        )
        for target, expected in rows:
            with self.subTest(target):
                self.bad(expected, "-c", 2, "-n", 4, "--timeout", "300ms", self.base + target)
        self.bad({"body": 4}, "-c", 2, "-n", 4, "--verify", self.base + "/checksum-bad/100")
        self.bad({"body": 4}, "-c", 2, "-n", 4, "--expect-bytes", 99, self.base + "/size/100")

    def test_all_requests_of_a_lost_connection_are_lost(self):
        def none(peer, heads):
            for _ in range(4):
                next(heads)

        with Server(none) as server:
            self.bad({"closed": 8}, "-c", 1, "-n", 8, "--pipeline", 4, server.url)

    def test_bytes_that_nobody_asked_for(self):
        def twice(peer, heads):
            next(heads)
            peer.sendall(OK + OK)
            peer.recv(1)

        with Server(twice) as server:
            run = Run("-c", 1, "-n", 1, server.url)
            self.assertEqual((run.status, run.errors, run["responses"]), (1, {"malformed": 1}, 1))
            self.check_sums(run)

    def test_an_answer_that_comes_before_the_upload_is_over(self):
        run = self.bad({"status": 6}, "-c", 2, "-n", 6, "-b", "8M", self.base + "/early/413?close=1")
        self.assertEqual(run["statuses"], {"413": 6})

    def test_allowed_errors(self):
        run = Run("-c", 1, "-n", 3, "--allow-errors", self.base + "/status/500")
        self.assertEqual((run.status, run.errors), (0, {"status": 3}))
        run = Run("-c", 1, "-n", 3, "--allow-errors", self.base + "/close-before-response")
        self.assertEqual((run.status, run.errors, run["responses"]), (1, {"closed": 3}, 0))

    def test_a_timeout_is_of_each_request(self):
        """Answers that each come in time, on a connection that lives longer than the timeout."""
        self.good("-c", 1, "-n", 6, "--timeout", "400ms", self.base + "/delay/150")
        self.good("-c", 1, "-n", 6, "--pipeline", 3, "--timeout", "1s", self.base + "/delay/150")

    def test_arguments_that_cannot_be_used(self):
        rows = (
            ((), "URL"), (("ftp://a/",), "http://"), (("https://a/",), "https"), (("--rate", "x", self.base), "--rate x"),
            (("--connect", "nowhere", self.base), "--connect nowhere"), ((self.base, "http://127.0.0.1:1/"), "--connect"),
            (("--urls", "/nonexistent", self.base), "/nonexistent"), (("http://no-such-host.invalid/",), "no-such-host.invalid"),
            (("-c", "3", "-t", "4", self.base), "each thread"),
        )
        for arguments, named in rows:
            with self.subTest(arguments):
                run = Run(*arguments)
                self.assertEqual((run.status, run.text), (2, ""))
                self.assertIn(named, run.errors_text)
                self.assertTrue(run.errors_text.startswith("sluice-load: "))
                self.assertEqual(run.errors_text.count("\n"), 1)

    # ---- the open loop

    def test_the_rate_is_kept(self):
        for threads in (1, 2):
            with self.subTest(threads=threads):
                run = self.good("-t", threads, "-c", 10, "-R", 400, "-d", "1s", self.base)
                self.assertEqual(run["started"] + run["unsent"], 400)
                self.assertGreaterEqual(run["started"], 380)
        run = self.good("-c", 10, "-R", 1000, "-n", 150, self.base)
        self.assertEqual(run["responses"], 150)
        self.assertGreaterEqual(run["elapsed_s"], 0.14)
        run = self.good("-c", 10, "-R", 200, "-d", "500ms", "--no-keep-alive", self.base)
        self.assertEqual(run["started"] + run["unsent"], 100)

    def test_a_stall_shows_for_all_that_were_due_in_it(self):
        """One server that sleeps for half a second after the first second. Four connections alone would see four slow answers."""
        stall_s, rate, length_s = 0.5, 200, 2

        def serve(listener, stop):
            selector = selectors.DefaultSelector()
            selector.register(listener, selectors.EVENT_READ)
            began, has_stalled = None, False
            while not stop.is_set():
                for key, _ in selector.select(0.05):
                    if key.fileobj is listener:
                        selector.register(listener.accept()[0], selectors.EVENT_READ)
                        continue
                    data = key.fileobj.recv(65536)
                    if not data:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
                        continue
                    began = began or time.monotonic()
                    if not has_stalled and time.monotonic() - began > 1:
                        has_stalled = True
                        time.sleep(stall_s)
                    key.fileobj.sendall(OK * data.count(b"\r\n\r\n"))
            for key in list(selector.get_map().values()):
                if key.fileobj is not listener:
                    key.fileobj.close()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            stop = threading.Event()
            thread = threading.Thread(target=serve, args=(listener, stop))
            thread.start()
            try:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
                run = self.good("-c", 4, "-R", rate, "-d", f"{length_s}s", url)
            finally:
                stop.set()
                thread.join(TIMEOUT_S)
        self.assertEqual(run["started"] + run["unsent"], rate * length_s)
        latency = run["latency_us"]
        # A quarter of all starts falls into the stall, and waits for what is left of it: a tenth of all for 0.3 s or more.
        self.assertGreater(latency["p90"], 250_000)
        self.assertGreater(latency["p95"], 350_000)
        self.assertGreater(latency["p99"], 450_000)
        self.assertGreaterEqual(latency["max"], stall_s * 1e6 - 10_000)
        self.assertLess(latency["p50"], 250_000)

    def test_what_cannot_be_sent_is_told(self):
        run = self.good("-c", 2, "-R", 100, "-d", "1s", self.base + "/delay/400")
        self.assertEqual(run["started"] + run["unsent"], 100)
        self.assertGreater(run["unsent"], 80)
        self.assertGreater(run["latency_us"]["p90"], 400_000)

    # ---- while it runs, and what it prints

    def test_an_interrupt_ends_it_with_what_was_done(self):
        for target, signal_number in (("/delay/50", signal.SIGINT), ("/never", signal.SIGTERM)):
            with self.subTest(target):
                command = [LOAD, "-c", "3", "-d", "50s", "--timeout", "60s", "--json", "-", self.base + target]
                child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.assertRegex(child.stderr.readline(), r"^ +1 s +\d+ responses, \d+/s")
                began = time.monotonic()
                child.send_signal(signal_number)
                output, _ = child.communicate(timeout=TIMEOUT_S)
                self.assertLess(time.monotonic() - began, 10)
                result = json.loads(output)
                self.assertTrue(result["interrupted"])
                self.assertLess(result["elapsed_s"], 40)
                self.assertEqual(result["started"], result["responses"] + result["abandoned"])
                self.assertEqual(child.returncode, 1 if target == "/never" else 0)

    def test_the_text(self):
        done = subprocess.run([LOAD, "-c", "2", "-n", "50", self.base + "/size/100"], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0)
        for pattern in (r"^GET http://127", r"responses +50 in", r"statuses +200: 50", r"errors +none", r"99\.99 %  \S+ (us|ms)", r"received 1\d\.\d KiB"):
            self.assertRegex(done.stdout, re.compile(pattern, re.MULTILINE))
        self.assertEqual(subprocess.run([LOAD, "--version"], capture_output=True).returncode, 0)
        self.assertIn(b"--rate", subprocess.run([LOAD, "--help"], capture_output=True).stdout)

    def test_the_json_is_written_beside_the_text(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "result.json")
            done = subprocess.run([LOAD, "-q", "-c", "2", "-n", "50", "--json", path, self.base], capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("responses", done.stdout)
            with open(path) as file:
                result = json.load(file)
            self.assertEqual(
                set(result),
                {"tool", "version", "address", "settings", "urls", "interrupted", "elapsed_s", "started", "responses", "abandoned", "unsent",
                 "responses_per_second", "connections_opened", "bytes_received", "bytes_sent", "statuses", "errors", "latency_us", "start_lag_us",
                 "own_cpu_s", "own_cpu_us_per_response", "server_cpu_s", "busiest_thread_share"})
            self.assertEqual(set(result["latency_us"]),
                             {"count", "min", "mean", "stddev", "p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max"})
            self.assertEqual(set(result["errors"]), {"connect", "refused", "timeout", "closed", "reset", "malformed", "status", "body"})
            self.assertIsNone(result["start_lag_us"])
            done = subprocess.run([LOAD, "-q", "-c", "2", "-n", "5", "--json", os.path.join(folder, "no", "x"), self.base], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn("cannot write", done.stderr)


if __name__ == "__main__":
    unittest.main()
