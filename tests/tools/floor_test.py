"""Tests of sluice-floor: real sockets on both sides. SLUICE_FLOOR names the program when it is not in a build folder."""

import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CANDIDATES = [os.environ.get("SLUICE_FLOOR", "")] + [os.path.join(ROOT, "build", kind, "sluice-floor") for kind in ("test", "sanitize", "release")]
FLOOR = next((path for path in CANDIDATES if path and os.access(path, os.X_OK)), None)
TIMEOUT_S = 20


def receive_all(peer):
    return b"".join(iter(lambda: peer.recv(65536), b""))


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@contextlib.contextmanager
def upstream(serve):
    """A listening socket whose connections are each given to `serve` on a thread of their own; yields its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threads = []

        def one(peer):
            peer.settimeout(TIMEOUT_S)
            with contextlib.suppress(OSError), peer:
                serve(peer)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threads.append(threading.Thread(target=one, args=(listener.accept()[0],)))
                    threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in [acceptor, *threads]:
                thread.join(TIMEOUT_S)


@unittest.skipUnless(FLOOR, "sluice-floor is not built")
class Floor(unittest.TestCase):
    def start(self, upstream_port, *extra):
        command = [FLOOR, "--listen", "127.0.0.1:0", "--upstream", f"127.0.0.1:{upstream_port}", *extra]
        self.floor = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.kill)
        self.port = int(self.floor.stdout.readline().rsplit(":", 1)[1])

    def kill(self):
        if self.floor.poll() is None:
            self.floor.kill()
        self.floor.communicate(timeout=TIMEOUT_S)
        self.floor.stdout.close()
        self.floor.stderr.close()

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)
        self.addCleanup(client.close)
        return client

    def stop(self):
        """Stops the floor, which checks itself for leaks, and returns its counts."""
        self.floor.send_signal(signal.SIGTERM)
        _, errors = self.floor.communicate(timeout=TIMEOUT_S)
        self.assertEqual(self.floor.returncode, 0, msg=errors)
        return {name: int(value) for name, value in (item.split("=") for item in errors.split() if "=" in item)}

    def test_bytes_arrive_in_order_both_ways(self):
        def echo(peer):
            while data := peer.recv(65536):
                peer.sendall(data)

        payload = random.Random(5).randbytes(3_000_000)
        for extra in ((), ("--buffers", "1"), ("--buffers", "4", "--buffer-bytes", "1000"), ("--buffers", "2", "--buffer-bytes", "100000")):
            with self.subTest(extra), upstream(echo) as port:
                self.start(port, *extra)
                clients = [self.connect() for _ in range(3)]
                writers = []
                for client in clients:
                    writers.append(threading.Thread(target=lambda peer=client: (peer.sendall(payload), peer.shutdown(socket.SHUT_WR))))
                    writers[-1].start()
                for client in reversed(clients):  # so that the first ones read late and their flows fill up
                    self.assertTrue(receive_all(client) == payload)
                for writer in writers:
                    writer.join()
                counts = self.stop()
                self.assertEqual(counts["accepted"], 3)
                self.assertEqual(counts["failed"], 0)
                self.assertEqual(counts["bytes"], 3 * 2 * len(payload))
                if extra == ("--buffers", "1"):
                    self.assertGreater(counts["starved"], 0)

    def test_sends_that_the_sink_takes_in_parts(self):
        buffered_bytes_max = 0
        for name in ("tcp_wmem", "tcp_rmem"):
            with open(f"/proc/sys/net/ipv4/{name}") as limits:
                buffered_bytes_max += int(limits.read().split()[2])
        payload = random.Random(6).randbytes(4096) * (buffered_bytes_max * 3 // 4096)
        may_send, has_stalled = threading.Event(), threading.Event()

        def send_all(peer):
            may_send.wait(TIMEOUT_S)
            peer.settimeout(0.5)  # nobody has taken a byte for that long: everything between here and the client is full
            sent = 0
            while sent < len(payload):
                try:
                    sent += peer.send(payload[sent:])
                except TimeoutError:
                    has_stalled.set()

        with upstream(send_all) as port:
            self.start(port, "--buffers", "16", "--buffer-bytes", "100000")
            client = socket.socket()
            self.addCleanup(client.close)
            client.settimeout(TIMEOUT_S)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # the rest must fit into no send buffer
            client.connect(("127.0.0.1", self.port))
            may_send.set()
            self.assertTrue(has_stalled.wait(TIMEOUT_S), "everything went into buffers")
            self.assertTrue(receive_all(client) == payload)
            client.close()
            counts = self.stop()
            self.assertGreater(counts["short_sends"], 0)

    def test_each_half_closes_alone(self):
        def answer_after_the_end(peer):
            peer.sendall(receive_all(peer)[::-1])

        with upstream(answer_after_the_end) as port:
            self.start(port)
            client = self.connect()
            client.sendall(b"abc")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), b"cba")
            self.assertEqual(self.stop()["failed"], 0)

    def test_upstream_that_speaks_and_closes_first(self):
        with upstream(lambda peer: peer.sendall(b"hello")) as port:
            self.start(port)
            client = self.connect()
            self.assertEqual(receive_all(client), b"hello")
            client.close()
            self.stop()

    def test_a_failure_on_one_side_resets_the_other(self):
        ended = threading.Event()

        def wait_for_reset(peer):
            peer.sendall(b"ready")
            try:
                peer.recv(1)
            except ConnectionResetError:
                ended.set()

        with upstream(wait_for_reset) as port:
            self.start(port)
            client = self.connect()
            self.assertEqual(client.recv(5, socket.MSG_WAITALL), b"ready")
            reset(client)
            self.assertTrue(ended.wait(TIMEOUT_S))
            self.assertEqual(self.stop()["failed"], 1)

        with upstream(lambda peer: (peer.recv(1), reset(peer))) as port:
            self.start(port)
            client = self.connect()
            client.sendall(b"x")
            with self.assertRaises(ConnectionResetError):
                client.recv(1)
            self.assertEqual(self.stop()["failed"], 1)

    def test_upstream_refuses(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        self.start(port)
        with self.assertRaises(ConnectionResetError):
            self.connect().recv(1)
        self.assertEqual(self.stop()["failed"], 1)

    def test_more_clients_than_pairs_wait(self):
        with upstream(lambda peer: peer.sendall(receive_all(peer))) as port:
            self.start(port, "--pairs", "2")
            results = []

            def visit(number):
                # Those that were accepted before the accept could be stopped are closed at once.
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as client:
                    client.sendall(b"%d" % number)
                    client.shutdown(socket.SHUT_WR)
                    results.append(receive_all(client) == b"%d" % number)

            visitors = [threading.Thread(target=visit, args=(number,)) for number in range(12)]
            for visitor in visitors:
                visitor.start()
            for visitor in visitors:
                visitor.join()
            counts = self.stop()
            self.assertEqual(counts["accepted"] - counts["refused"], results.count(True))
            self.assertGreaterEqual(results.count(True), 2)

    def test_stops_with_everything_in_flight(self):
        with upstream(lambda peer: peer.recv(1, socket.MSG_PEEK) and peer.recv(1) and threading.Event().wait(0.5)) as port:
            self.start(port, "--buffers", "8")
            clients = [self.connect() for _ in range(20)]
            for client in clients:
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        client.send(bytes(65536))
            counts = self.stop()
            self.assertGreater(counts["bytes"], 0)

    def test_command_line(self):
        good = ["--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1"]
        for arguments in (
            [], good[:2], good[2:], good[:3], [*good, "--pairs"], [*good, "--pairs", "0"], [*good, "--pairs", "x"], [*good, "--buffers", "3"],
            [*good, "--buffers", "65536"], [*good, "--buffer-bytes", "0"], [*good, "--nonsense", "1"], ["--listen", "localhost:80", *good[2:]],
            ["--listen", "127.0.0.1:65536", *good[2:]], ["--listen", "127.0.0.1", *good[2:]], [*good[:2], "--upstream", "127.0.0.1:0"],
        ):
            done = subprocess.run([FLOOR, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual(done.returncode, 1, msg=arguments)
            self.assertIn("usage:", done.stderr)
        for argument, text in (("--help", "usage:"), ("-v", "sluice-floor ")):
            done = subprocess.run([FLOOR, argument], capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual((done.returncode, done.stdout.startswith(text)), (0, True))


if __name__ == "__main__":
    unittest.main()
