"""Origins that do what a case says: inline, connection by connection, or by themselves in threads."""

import contextlib
import socket
import threading

from check import PATIENCE_S, Failure
from peer import OriginConnection


class ScriptedOrigin:
    """Listens. A case either accepts the proxy's connections itself, or has a handler serve them.

    unix: a name in the abstract namespace, behind a NUL, or the path of a file; else it listens on 127.0.0.1.
    """

    def __init__(self, backlog=1024, unix=None):
        if unix is None:
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
            self.port = self.listener.getsockname()[1]
            self.address = f"127.0.0.1:{self.port}"
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(unix)
            self.listener.listen(backlog)
            self.address = "unix:" + unix.replace("\0", "@", 1)
        self.connections = []  # in the order of their arrival
        self.requests = []  # whole ones, of served connections
        self.failures = []  # of served connections: what ended before it was whole, or was malformed
        self._lock = threading.Lock()
        self._threads = []
        self._stopping = False

    def accept(self, patience=PATIENCE_S):
        self.listener.settimeout(patience)
        try:
            connection, _ = self.listener.accept()
        except TimeoutError as error:
            raise Failure(f"the proxy did not connect to the origin within {patience} s") from error
        connection = OriginConnection(connection)
        with self._lock:
            self.connections.append(connection)
        return connection

    def has_waiting(self):
        """Whether the proxy has opened a connection that nobody has accepted."""
        self.listener.settimeout(0)
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return False
        with self._lock:
            self.connections.append(OriginConnection(connection))
        return True

    def serve(self, handler):
        """handler(request, connection) answers each request; it returns whether the connection goes on."""
        self._start(self._accept_all, handler)
        return self

    def close_listener(self):
        self._stopping = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def stop(self):
        self.close_listener()
        with self._lock:
            connections = list(self.connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for connection in connections:
            connection.close()

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_all(self, handler):
        self.listener.settimeout(None)
        while not self._stopping:
            try:
                connection = OriginConnection(self.listener.accept()[0])
            except OSError:
                return
            with self._lock:
                self.connections.append(connection)
            self._start(self._serve, connection, handler)

    def _serve(self, connection, handler):
        try:
            while connection.pending or connection.receive(patience=600):
                request = connection.request()
                with self._lock:
                    self.requests.append(request)
                if not handler(request, connection):
                    break
        except Failure as failure:
            with self._lock:
                self.failures.append(str(failure))
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)


class DeadPort:
    """An address that refuses connections: bound, never listening."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    def stop(self):
        self.socket.close()


class DeafPort:
    """An address that never answers: its queue is full, so the kernel drops who wants to connect."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)

    def stop(self):
        for filler in self.fillers:
            filler.close()
        self.listener.close()


def plain(status=200, body=b"", fields=b"", reason=b"OK"):
    """A response with Content-Length."""
    return b"HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, reason, fields, len(body), body)
