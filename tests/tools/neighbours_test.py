"""Tests of tools/neighbours: its verdicts, what it counts as latency, and that its neighbours come and go."""

import importlib.machinery
import importlib.util
import os
import socket
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def load():
    path = os.path.join(ROOT, "tools", "neighbours")
    loader = importlib.machinery.SourceFileLoader("neighbours", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("neighbours", loader))
    loader.exec_module(module)
    return module


neighbours = load()
process, crowd, quick_clients = neighbours.process, neighbours.crowd, neighbours.quick_clients


class Server:
    """Answers each connection in a thread; answer(number of the request, head) gives the bytes, or None to close."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.served = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            data = b""
            try:
                while more := connection.recv(65536):
                    data += more
                    while b"\r\n\r\n" in data:
                        head, _, data = data.partition(b"\r\n\r\n")
                        self.served += 1
                        answer = self.answer(self.served, head)
                        if answer is None:
                            return
                        connection.sendall(answer)
                        if head.startswith(b"POST"):
                            while connection.recv(65536):
                                pass
            except OSError:
                return

    def close(self):
        self.listener.close()


def small(body=b"x" * quick_clients.TARGET_BYTES, status=b"200 OK"):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


class Judge(unittest.TestCase):
    def test_statuses(self):
        for ratios, limit, status in (
            ([1.1] * 20, 1.5, 0),
            ([1.5] * 20, 1.5, 0),
            ([1.6] * 20, 1.5, 1),
            ([9.0] * 20, None, 0),
            ([1.1] * 10 + [1.9] * 10, 1.5, 2),
            ([1.1] * 5, 1.5, 2),
            ([9.0] * 5, 1.5, 2),
            ([9.0] * 5, None, 0),
            ([1.1] * 19 + [50.0], 1.5, 0),
        ):
            self.assertEqual(neighbours.judge(ratios, limit)[0], status, msg=f"{ratios} at {limit}")


class QuickClients(unittest.TestCase):
    def run_against(self, answer, rate=200, seconds=0.5, count=4):
        server = Server(answer)
        self.addCleanup(server.close)
        clients = quick_clients.QuickClients(server.port, count, "quick")
        self.addCleanup(clients.close)
        return clients.run(rate, seconds)

    def test_each_request_is_counted_once(self):
        latencies, lateness = self.run_against(lambda *_: small())
        self.assertEqual((len(latencies), len(lateness)), (100, 100))
        self.assertGreater(min(latencies), 0)

    def test_a_pause_is_felt_by_all_that_were_due_in_it(self):
        pause = threading.Lock()

        def answer(number, _):
            with pause:
                if number == 20:
                    time.sleep(0.2)
            return small()

        latencies, _ = self.run_against(answer)
        # 200 a second: 40 were due in the pause; the first felt all of it, one after the other less.
        self.assertGreaterEqual(sum(one > 0.05 for one in latencies), 25)
        self.assertGreaterEqual(max(latencies), 0.2)

    def test_what_is_no_answer_ends_the_measurement(self):
        for answer in (small(status=b"503 No"), small(b"x" * 101), b"hello\r\n\r\n" + b"x" * 100, None):
            with self.assertRaises(process.Failure, msg=repr(answer)):
                self.run_against(lambda *_, answer=answer: answer)


class Crowd(unittest.TestCase):
    def gather(self, port, answer_kinds):
        setting = crowd.Setting("crowd", min(os.sched_getaffinity(0)), *answer_kinds)
        people = crowd.Crowd(setting)
        self.addCleanup(people.close)
        people.start(port)
        return people

    def test_they_come_and_go_and_come_again(self):
        def answer(_, head):
            if head.startswith(b"POST"):
                return b""
            size = int(head.split(b" ")[1].rpartition(b"/")[2])
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)

        server = Server(answer)
        self.addCleanup(server.close)
        people = self.gather(server.port, (2, 1, 1))
        first = people.stop()
        self.assertEqual(set(first), {"read_slowly", "upload", "download"})
        self.assertGreater(min(first.values()), 0)
        people.start(server.port)
        self.assertGreater(min(people.stop().values()), 0)

    def test_one_that_cannot_get_on_is_a_failure(self):
        for answer in (small(status=b"502 No"), None):
            server = Server(lambda *_, answer=answer: answer)
            self.addCleanup(server.close)
            with self.assertRaises(process.Failure, msg=repr(answer)):
                self.gather(server.port, (0, 0, 1))


if __name__ == "__main__":
    unittest.main()
