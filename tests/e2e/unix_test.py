"""Unix sockets on both sides: the same requests, bodies and ends as over TCP, and what becomes of the files."""

import os
import resource
import signal
import socket
import stat
import tempfile
import threading
import time
import zlib
from pathlib import Path

from check import PATIENCE_S, contains, equal, one_of, require, wait_for, within
from delivery import few_deliveries
from harness import Group, asked, configuration
from origin import plain
from peer import Client
from reloading import reload, reload_refused
from replies import arrived, echo, expect_forwarded, expect_logged, expect_own_reply, log_entry

alone = Group()
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
MIB = 1 << 20
LOCAL = '[[listener]]\nname = "local"\naddress = "unix:@FOLDER@/web.sock"\n'
COUNTER = iter(range(1 << 30))


def fresh_name():
    """A name in the abstract namespace that nobody else uses."""
    return f"\0sluice-e2e-{os.getpid()}-{next(COUNTER)}"


def served(bench, handler=echo, extra=LOCAL, shards=1, **options):
    """A proxy that listens on a unix socket as well, before an origin on one."""
    origin = bench.scripted(unix=fresh_name()).serve(handler)
    proxy = bench.proxy(configuration(origin.address, extra=extra, shards=shards, **options))
    return origin, proxy, str(proxy.folder / "web.sock")


@alone.case("unix.both", "a request in over a unix socket and out over another, however it is delivered")
def both(bench):
    _, proxy, path = served(bench)
    request = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
    for way in few_deliveries(request):
        with within(way.name):
            client = bench.client(proxy, path)
            client.send_pieces(way.pieces(request))
            equal(arrived(client.response("POST"))["body"], "hello", "body that reached the origin")
            equal(arrived(client.exchange(GET))["method"], "GET", "on the kept connection")
            client.close()
    entry = log_entry(proxy, "/x")
    equal((entry["client"], entry["listener"]), ("unix", "local"), "client and listener in the log")
    contains(entry["endpoint"], "unix:@sluice-e2e-", "endpoint in the log")


@alone.case("unix.end_at_once", "an endpoint's end is not overlooked that comes together with the bytes in front of it")
def end_at_once(bench):
    def answer(_, connection):
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nbody")
        return False

    _, proxy, path = served(bench, handler=answer)
    for _ in range(100):
        client = bench.client(proxy, path)
        client.send(GET)
        equal(client.response().body, b"body", "a body that ends with the connection")
        client.close()


@alone.case("unix.reuse", "connections to an endpoint on a unix socket are kept")
def reuse(bench):
    origin, proxy, path = served(bench)
    client = bench.client(proxy, path)
    for _ in range(10):
        arrived(client.exchange(GET))
    equal(len(origin.connections), 1, "connections to the origin")


@alone.case("unix.host", "a client that names no host: the endpoint on a unix socket is told localhost")
def host(bench):
    _, proxy, path = served(bench)
    told = arrived(bench.client(proxy, path).exchange(b"GET /x HTTP/1.0\r\n\r\n", version="HTTP/1.0"))
    equal([value for name, value in told["fields"] if name == "Host"], ["localhost"], "Host at the origin")


def pattern(size):
    block = bytes((i * 131 + i // 251) % 251 for i in range(65521))
    return (block * (size // len(block) + 1))[:size]


def bodies(request, connection):
    """GET /N: a body of N bytes; POST: what came, as a checksum."""
    if request.method == "POST":
        connection.send(plain(body=b"%d %d" % (len(request.body), zlib.crc32(request.body))))
    else:
        connection.send(plain(body=pattern(int(request.target[1:]))))
    return True


def large(bench, extra):
    """Bodies in both directions, between two unix sockets, and between one and TCP."""
    _, proxy, path = served(bench, bodies, extra + LOCAL)
    for address in (path, proxy.address):
        client = bench.client(proxy, address)
        for size in (0, 1, 65536, 5 * MIB + 3):
            response = client.exchange(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % size)
            expect_forwarded(response)
            require(response.body == pattern(size), f"a body of {size} bytes came out as {len(response.body)} others")
            body = pattern(size)
            client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + body)
            equal(client.response("POST").body, b"%d %d" % (size, zlib.crc32(body)), "length and checksum at the origin")
        client.close()


alone.table("unix.bodies", [
    ("splice", "spliced, from the first byte on", "[shard_defaults]\nsplice_threshold = 0\n"),
    ("copy", "copied", "[shard_defaults]\npipes = 0\n"),
    ("default", "as the size says", ""),
], large)


@alone.case("unix.slow_reader", "a client that does not read its spliced response holds up nobody, and gets it all in the end")
def slow_reader(bench):
    _, proxy, path = served(bench, bodies)
    slow = bench.client(proxy, path)
    slow.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % (20 * MIB))
    slow.head()
    other = bench.client(proxy, path)
    for _ in range(20):
        expect_forwarded(other.exchange(b"GET /10 HTTP/1.1\r\nHost: a\r\n\r\n"))
    require(slow.exactly(20 * MIB) == pattern(20 * MIB), "the body came out as another")


def gone(bench, end):
    """The client leaves while the endpoint works: the endpoint sees the end at once, and the log says 499."""
    origin = bench.scripted(unix=fresh_name())
    proxy = bench.proxy(configuration(origin.address, extra=LOCAL))
    client, connection = asked(bench, origin, proxy, b"GET /leaving HTTP/1.1\r\nHost: a\r\n\r\n", str(proxy.folder / "web.sock"))
    end(client)
    connection.expect_end("eof", "reset")
    expect_logged(proxy, "/leaving", 499, "client_closed")


alone.table("unix.client_gone", [
    ("close", "it closes", lambda client: client.close()),
    ("half", "it only ends its side", lambda client: client.end_sending()),
], gone)


def broken(bench, answer, status):
    """status: None where the response begins and breaks off."""
    origin = bench.scripted(unix=fresh_name())
    proxy = bench.proxy(configuration(origin.address, extra=LOCAL))
    client, connection = asked(bench, origin, proxy, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", str(proxy.folder / "web.sock"))
    connection.send(answer)
    connection.close()
    if status:
        expect_own_reply(client.response("POST"), status)
    else:
        client.until(b"\r\n\r\n")
        rest = client.rest()
        equal(rest, b"12345", "what came of the body")


alone.table("unix.endpoint_breaks", [
    ("before", "it ends before a response", b"", 502),
    ("head", "it ends within the head", b"HTTP/1.1 200 OK\r\nContent-Le", 502),
    ("body", "it ends within the body", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", None),
], broken)


def unreachable(bench, make, status, reason):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.sock"
        kept = make(path)
        proxy = bench.proxy(configuration(f"unix:{path}", timeouts='connect = "300ms"'))
        expect_own_reply(bench.client(proxy).exchange(GET), status)
        expect_logged(proxy, "/x", status, reason)
        for thing in kept:
            thing.close()


def stale(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    return []


def full_queue(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(0)
    filler = socket.socket(socket.AF_UNIX)
    filler.connect(str(path))
    return [listener, filler]


def plain_file(path):
    path.write_text("no socket")
    return []


alone.table("unix.unreachable", [
    ("missing", "there is no file", lambda path: [], 503, "upstream_refused"),
    ("stale", "nobody listens there any more", stale, 503, "upstream_refused"),
    ("no_socket", "the file is no socket", plain_file, 503, "upstream_refused"),
    ("full", "its queue is full until the connect timeout", full_queue, 504, "upstream_connect_timeout"),
], unreachable)


@alone.case("unix.queue_drains", "an endpoint whose queue is full for a while: the request waits, and is answered")
def queue_drains(bench):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.sock"
        listener, filler = full_queue(path)
        proxy = bench.proxy(configuration(f"unix:{path}"))
        client = bench.client(proxy)
        client.send(GET)
        client.wait_taken()
        first, _ = listener.accept()
        listener.settimeout(PATIENCE_S)
        connection, _ = listener.accept()
        require(connection.recv(65536).startswith(b"GET /x "), "what reached the origin")
        connection.sendall(plain(body=b"late"))
        equal(client.response().body, b"late", "body")
        for one in (first, connection, listener, filler):
            one.close()


@alone.case("unix.other_endpoint", "the other endpoint when the unix socket is not there")
def other_endpoint(bench):
    origin = bench.scripted(unix=fresh_name()).serve(echo)
    proxy = bench.proxy(configuration("unix:/nonexistent/app.sock", origin.address))
    for _ in range(4):
        arrived(bench.client(proxy).exchange(GET))


# The file


@alone.case("unix.file.mode", "the file has the mode that was asked for, whatever the umask says")
def file_mode(bench):
    for mode, wanted in (("0660", 0o660), ("0666", 0o666), ("700", 0o700)):
        origin = bench.scripted().serve(echo)
        extra = f'{LOCAL}mode = "{mode}"\n'
        proxy = bench.proxy(configuration(origin.address, extra=extra), wrapper=("sh", "-c", 'umask 0077; exec "$@"', "sh"))
        found = os.lstat(proxy.folder / "web.sock")
        require(stat.S_ISSOCK(found.st_mode), "it is a socket")
        equal(oct(stat.S_IMODE(found.st_mode)), oct(wanted), f"mode {mode}")


@alone.case("unix.file.removed", "draining removes the file at once, and loses no connection")
def file_removed(bench):
    origin = bench.scripted(unix=fresh_name())
    proxy = bench.proxy(configuration(origin.address, extra=LOCAL, timeouts='drain = "60s"'))
    path = proxy.folder / "web.sock"
    client, connection = asked(bench, origin, proxy, GET, str(path))
    late = bench.client(proxy, str(path))
    late.send(GET)
    proxy.signal(signal.SIGTERM)
    wait_for(lambda: not path.exists(), "the file is gone")
    for one in (client, late):
        if one is late:
            connection = origin.accept()
            connection.request()
        connection.send(plain(body=b"done"))
        response = one.response()
        equal(response.body, b"done", "body")
        contains(response.fields.elements("Connection"), "close", "Connection")
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("unix.file.stale", "a file that a killed proxy left is replaced, and nothing else is")
def file_stale(bench):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "web.sock"
        extra = f'[[listener]]\nname = "local"\naddress = "unix:{path}"\n'
        origin = bench.scripted().serve(echo)
        first = bench.proxy(configuration(origin.address, extra=extra))
        first.process.kill()
        first.wait_exit()
        require(path.exists(), "a killed proxy leaves its file")
        second = bench.proxy(configuration(origin.address, extra=extra))
        arrived(bench.client(second, str(path)).exchange(GET))
        # Somebody answers there now.
        third = bench.proxy(configuration(origin.address, extra=extra), wait=False)
        equal(third.wait_exit(), 1, f"exit status; it said {third.told()}")
        contains(third.told(), f'cannot listen on unix:{path} (listener "local"): another process answers there', "what it says")
        arrived(bench.client(second, str(path)).exchange(GET))
        second.signal(signal.SIGTERM)
        equal(second.wait_exit(), 0, "exit status")
        require(not path.exists(), "the file is gone")
        path.write_text("precious")
        fourth = bench.proxy(configuration(origin.address, extra=extra), wait=False)
        equal(fourth.wait_exit(), 1, f"exit status; it said {fourth.told()}")
        contains(fourth.told(), "something that is no socket stands there", "what it says")
        equal(path.read_text(), "precious", "what stood there")


@alone.case("unix.file.check", "-t looks at the place of the file and leaves it alone")
def file_check(bench):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "web.sock"
        file = Path(folder) / "sluice.toml"

        def check(address):
            text = configuration("127.0.0.1:1", log=False).replace("@LISTEN@", address)
            file.write_text(text)
            return bench.run("-t", "-c", str(file))

        status, _, err = check(f"unix:{path}")
        equal(status, 0, f"exit status; it said {err}")
        require(not path.exists(), "-t made nothing")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            equal(check(f"unix:{path}")[0], 0, "exit status while the socket is in use")
            require(path.exists(), "-t removed nothing")
        path.unlink()
        path.write_text("precious")
        status, _, err = check(f"unix:{path}")
        equal(status, 1, "exit status")
        contains(err, "something that is no socket stands there", "what it says")
        status, _, err = check(f"unix:{folder}/missing/web.sock")
        equal(status, 1, "exit status")
        contains(err, "No such file or directory", "what it says")


@alone.case("unix.file.reload", "a reload makes, changes and removes the file; who is served over it stays")
def file_reload(bench):
    origin = bench.scripted(unix=fresh_name())
    text = configuration(origin.address, shards=2)
    proxy = bench.proxy(text)
    path = proxy.folder / "web.sock"

    def mode():
        return oct(stat.S_IMODE(os.lstat(path).st_mode))

    reload(proxy, text + LOCAL)
    equal(mode(), oct(0o660), "mode of the new file")
    client, connection = asked(bench, origin, proxy, GET, str(path))
    inode = os.lstat(path).st_ino
    reload(proxy, text + LOCAL + 'mode = "0600"\n')
    equal((mode(), os.lstat(path).st_ino), (oct(0o600), inode), "mode and inode of the file that was kept")
    reload(proxy, text)
    require(not path.exists(), "the file is gone")
    connection.send(plain(body=b"served"))
    equal(client.response().body, b"served", "body")
    path.write_text("precious")
    reload_refused(proxy, text + LOCAL)
    contains(proxy.told(), "something that is no socket stands there", "what it says")
    equal(path.read_text(), "precious", "what stood there")


@alone.case("unix.abstract", "a listener in the abstract namespace")
def abstract(bench):
    name = fresh_name()
    extra = f'[[listener]]\nname = "local"\naddress = "unix:@{name[1:]}"\n'
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address, extra=extra, shards=2))
    contains(proxy.told(), f"listening on unix:@{name[1:]}", "what it says")
    for _ in range(6):
        arrived(bench.client(proxy, name).exchange(GET))


# Several shards at one socket


@alone.case("unix.shards", "shards take turns at the one socket, also under a storm of connections, and none is lost")
def shards(bench):
    _, proxy, path = served(bench, shards=3)
    for _ in range(30):
        arrived(bench.client(proxy, path).exchange(GET))
    used = {log["shard"] for log in proxy.log_entries(30)}
    equal(used, {0, 1, 2}, "shards that served one after the other")
    problems = []

    def storm():
        try:
            for _ in range(40):
                client = Client(path)
                arrived(client.exchange(GET))
                client.close()
        except (OSError, AssertionError) as problem:
            problems.append(problem)

    threads = [threading.Thread(target=storm) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require(not problems, f"a connection was lost: {problems[:1]}")
    proxy.log_entries(30 + 8 * 40)


@alone.case("unix.descriptors", "no descriptors left: connections wait in the queue, the proxy does not spin, and recovers")
def descriptors(bench):
    _, proxy, path = served(bench, limits="max_connections = 200")
    arrived(bench.client(proxy, path).exchange(GET))
    _, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (proxy.descriptor_count(), hard))
    waiting = []
    for _ in range(3):
        client = bench.client(proxy, path)
        client.send(GET)
        waiting.append(client)
    used = proxy.cpu_seconds()
    time.sleep(1)
    require(proxy.cpu_seconds() - used < 0.5, "the proxy spins while it waits for descriptors")
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    for client in waiting:
        one_of(client.response().status, (200, 503), "status")
    arrived(bench.client(proxy, path).exchange(GET))
