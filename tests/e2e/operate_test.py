"""What an operator does to a running proxy: -s and the pid file; and what the proxy gives up of root's rights."""

import contextlib
import grp
import os
import pwd
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from check import PATIENCE_S, contains, equal, require, wait_for
from harness import Group, MORTAL, asked, configuration
from origin import plain
from replies import arrived, echo, expect_forwarded

alone = Group()
as_root = Group(needs_root=True)
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
# Whom the proxy becomes. Not nobody: other cases count that user's processes.
USER = "daemon"
USER_NUMBER, GROUP_NUMBER = pwd.getpwnam(USER)[2:4]


def with_pid_file(bench, **options):
    origin = bench.scripted().serve(echo)
    text = 'pid_file = "s.pid"\n' + configuration(origin.address)
    proxy = bench.proxy(text, **options)
    return origin, proxy, proxy.folder / "s.pid"


def tell(bench, proxy, command, status=0):
    """`sluice -s command` with the proxy's configuration: what it says."""
    actual, out, err = bench.run("-s", command, "-c", str(proxy.file), cwd=proxy.folder)
    equal(actual, status, f"exit status of -s {command}; it said {out}{err}")
    if status == 0:
        equal(out + err, "", f"what -s {command} says")
    return err


def expect_served(bench, proxy):
    client = bench.client(proxy)
    equal(arrived(client.exchange(GET))["target"], "/x", "target")
    client.close()


@alone.case("pid_file.life", "the file comes with the start, names the process, and goes with it")
def life(bench):
    _, proxy, file = with_pid_file(bench)
    wait_for(lambda: file.exists() and file.read_text(), "a number in the pid file")
    equal(file.read_text(), f"{proxy.process.pid}\n", "the pid file")
    equal(file.stat().st_mode & 0o7777, 0o644, "its mode")
    proxy.signal(signal.SIGTERM)
    equal(proxy.wait_exit(), 0, "exit status")
    require(not file.exists(), "the pid file is still there")


@alone.case("pid_file.stale", "what a killed proxy left is no obstacle, and no reason to signal anybody")
def stale(bench):
    _, proxy, file = with_pid_file(bench)
    wait_for(file.read_text, "a number in the pid file")
    proxy.process.kill()
    proxy.wait_exit()
    require(file.exists(), "the pid file is gone")
    contains(tell(bench, proxy, "stop", status=1), "nobody holds", "what it says")
    victim = subprocess.Popen(["sleep", "60"])
    try:
        file.write_text(f"{victim.pid}\n")
        contains(tell(bench, proxy, "stop", status=1), "no Sluice runs", "what it says")
        equal(victim.poll(), None, "the process that the file names by accident")
    finally:
        victim.kill()
        victim.wait()
    second = subprocess.Popen([*MORTAL, str(bench.sluice), "-c", str(proxy.file)], cwd=proxy.folder, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: file.read_text() == f"{second.pid}\n", "the new number in the pid file")
        tell(bench, proxy, "quit")
        equal(second.wait(PATIENCE_S), 0, "exit status")
    finally:
        second.kill()
        second.wait()


@alone.case("pid_file.twice", "a second proxy with the same file does not start, and the first does not notice")
def twice(bench):
    _, proxy, file = with_pid_file(bench)
    wait_for(file.read_text, "a number in the pid file")
    status, _, err = bench.run("-c", str(proxy.file), cwd=proxy.folder)
    equal(status, 1, f"exit status; it said {err}")
    contains(err, f"belongs to process {proxy.process.pid}, which runs", "what it says")
    equal(file.read_text(), f"{proxy.process.pid}\n", "the pid file")
    expect_served(bench, proxy)
    status, _, err = bench.run("-t", "-c", str(proxy.file), cwd=proxy.folder)
    equal(status, 0, f"exit status of -t beside it; it said {err}")
    equal(file.read_text(), f"{proxy.process.pid}\n", "the pid file after -t")


@alone.case("pid_file.failed_start", "a start that fails leaves no pid file")
def failed_start(bench):
    with tempfile.TemporaryDirectory() as folder:
        text = configuration("127.0.0.1:1", log=False).replace("@LISTEN@", "192.0.2.1:8080")
        (Path(folder) / "test.toml").write_text('pid_file = "s.pid"\n' + text)
        status, _, err = bench.run("-c", "test.toml", cwd=folder)
        equal(status, 1, f"exit status; it said {err}")
        contains(err, "192.0.2.1:8080", "what it says")
        require(not (Path(folder) / "s.pid").exists(), "there is a pid file")


@alone.case("pid_file.foreign", "a file that is no pid file is neither taken nor touched")
def foreign(bench):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test.toml"
        text = configuration("127.0.0.1:1", log=False).replace("@LISTEN@", "127.0.0.1:1")
        file.write_text('pid_file = "precious"\n' + text)
        (Path(folder) / "precious").write_text("gold\n")
        for arguments in (["-c", "test.toml"], ["-t", "-c", "test.toml"]):
            status, _, err = bench.run(*arguments, cwd=folder)
            equal(status, 1, f"exit status; it said {err}")
            contains(err, "precious is there already, and is no pid file", "what it says")
        equal((Path(folder) / "precious").read_text(), "gold\n", "the file")


@alone.case("cli.signal.quit", "-s quit drains: what runs is finished")
def tell_quit(bench):
    origin = bench.scripted()
    proxy = bench.proxy('pid_file = "s.pid"\n' + configuration(origin.address))
    client, connection = asked(bench, origin, proxy, GET)
    tell(bench, proxy, "quit")
    wait_for(lambda: "draining" in proxy.told(), "it drains")
    connection.send(plain(body=b"last"))
    response = client.response()
    expect_forwarded(response)
    equal(response.body, b"last", "body")
    equal(proxy.wait_exit(), 0, "exit status")


@alone.case("cli.signal.stop", "-s stop ends everything at once")
def tell_stop(bench):
    origin = bench.scripted()
    proxy = bench.proxy('pid_file = "s.pid"\n' + configuration(origin.address))
    client = bench.client(proxy)
    client.send(GET)
    origin.accept().request()
    tell(bench, proxy, "stop")
    equal(proxy.wait_exit(), 2, "exit status")


@alone.case("cli.signal.reopen", "-s reopen opens the log anew")
def tell_reopen(bench):
    _, proxy, _ = with_pid_file(bench)
    expect_served(bench, proxy)
    proxy.log_entries(1)
    proxy.log_path.rename(proxy.folder / "moved.log")
    tell(bench, proxy, "reopen")
    wait_for(proxy.log_path.exists, "a new file")
    expect_served(bench, proxy)
    proxy.log_entries(1)


@alone.case("cli.signal.reload", "-s reload is SIGHUP")
def tell_reload(bench):
    _, proxy, _ = with_pid_file(bench)
    tell(bench, proxy, "reload")
    wait_for(lambda: "reload" in proxy.told(), "a word about it on standard error")
    expect_served(bench, proxy)


@alone.case("cli.signal.reload_bad", "-s reload with a bad file says what is wrong, and tells the proxy nothing; -s quit works all the same")
def tell_reload_bad(bench):
    _, proxy, _ = with_pid_file(bench)
    good = proxy.file.read_text()
    proxy.file.write_text(good + "[surprise]\n")
    err = tell(bench, proxy, "reload", status=1)
    contains(err, "unknown key `surprise`", "what it says")
    require("reload" not in proxy.told(), f"the proxy was told:\n{proxy.told()}")
    expect_served(bench, proxy)
    tell(bench, proxy, "quit")
    equal(proxy.wait_exit(), 0, "exit status")


def refused(bench, text, command, *parts):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test.toml").write_text(text)
        status, out, err = bench.run("-s", command, "-c", "test.toml", cwd=folder)
    equal((status, out), (1, ""), f"exit status and standard output; it said {err}")
    for part in parts:
        contains(err, part, "what it says")


alone.table("cli.signal", [
    ("upgrade", "-s upgrade is refused for what it is", "", "upgrade", "upgrade"),
    ("unknown", "-s with a command that is none", "", "restart", "restart", "reload, quit, stop or reopen"),
    ("no_pid_file", "a configuration without pid_file", "shards = 1\n", "quit", "no `pid_file`"),
    ("nobody", "a pid file that is not there", 'pid_file = "s.pid"\n', "quit", "no Sluice runs", "s.pid"),
    ("no_toml", "a file that is no TOML", "pid_file = \n", "quit", "test.toml:1:12: not valid TOML"),
], refused)


def host(bench, text, *parts):
    """-t of a file that is good, on a host that does not do."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test.toml").write_text(text)
        status, _, err = bench.run("-t", "-c", "test.toml", cwd=folder)
    equal(status, 1, f"exit status; it said {err}")
    for part in parts:
        contains(err, part, "what it says")
    contains(err, "cannot be started here", "what it says")


def here(text, address="127.0.0.1:8080"):
    return text + configuration("127.0.0.1:1", log=False).replace("@LISTEN@", address)


alone.table("config.check.host", [
    ("address", "an address that this host does not have", here("", "192.0.2.1:8080"), "test.toml:5:11: cannot listen on 192.0.2.1:8080"),
    ("user", "a user that is not there", here('user = "no-such-user"\n'), 'test.toml:1:8: there is no user "no-such-user"'),
    ("group", "a group that is not there", here('user = "nobody"\ngroup = "no-such-group"\n'), 'test.toml:2:9: there is no group "no-such-group"'),
    ("pid_file", "a pid file in a folder that is not there", here('pid_file = "/nonexistent/s.pid"\n'), "test.toml:1:12: cannot create the pid file /nonexistent/s.pid"),
    ("log", "a log in a folder that is not there", here("", "127.0.0.1:1") + '[log]\naccess = "/nonexistent/access.log"\n', "/nonexistent/access.log"),
    ("several", "everything that is missing is told at once", here('user = "no-such-user"\npid_file = "/nonexistent/s.pid"\n', "192.0.2.1:8080"),
     "no-such-user", "/nonexistent/s.pid", "192.0.2.1"),
], host)


def task_status(proxy):
    """What the kernel says of each thread: {its name: {field: value}}."""
    tasks = {}
    for task in Path(f"/proc/{proxy.process.pid}/task").iterdir():
        fields = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        tasks[fields["Name"].strip()] = {name: value.split() for name, value in fields.items()}
    return tasks


def dropped(bench, extra="", listen=None, **options):
    """A proxy that root has started and that has become another user."""
    origin = bench.scripted().serve(echo)
    text = f'user = "{USER}"\n' + extra + configuration(origin.address, shards=2)
    return bench.proxy(text if listen is None else text.replace("@LISTEN@", listen), owner=USER_NUMBER, **options)


@as_root.case("privileges.dropped", "every thread is the user, and has no capability; the control thread has one")
def drop(bench):
    proxy = dropped(bench)
    expect_served(bench, proxy)
    proxy.log_entries(1)
    tasks = task_status(proxy)
    require({"sluice", "sluice-0", "sluice-1", "sluice-log"} <= set(tasks), f"threads: {sorted(tasks)}")
    for name, status in tasks.items():
        kept = "0000000000000400" if name == "sluice" else "0000000000000000"
        expected = {"Uid": [str(USER_NUMBER)] * 4, "Gid": [str(GROUP_NUMBER)] * 4, "Groups": [str(GROUP_NUMBER)], "CapInh": ["0000000000000000"], "CapPrm": [kept],
                    "CapEff": [kept], "CapBnd": ["0000000000000400"], "CapAmb": ["0000000000000000"], "NoNewPrivs": ["1"]}
        equal({field: status[field] for field in expected}, expected, f"what the thread {name} is and may")
    require("runs as root" not in proxy.told(), f"it says that it runs as root:\n{proxy.told()}")
    equal(proxy.log_path.stat().st_uid, USER_NUMBER, "owner of the access log")


@as_root.case("privileges.group", "a group of the configuration's choice")
def drop_group(bench):
    other = grp.getgrnam("nogroup").gr_gid
    proxy = dropped(bench, 'group = "nogroup"\n')
    for name, status in task_status(proxy).items():
        equal((status["Gid"], status["Groups"]), ([str(other)] * 4, [str(other)]), f"groups of the thread {name}")


@as_root.case("privileges.port", "a port below 1024 is listened on all the same")
def low_port(bench):
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 900:
        return  # every user may have it here, and the case would show nothing; privileges.dropped holds the capability
    for port in range(1023, 900, -1):
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
        break
    proxy = dropped(bench, listen=f"127.0.0.1:{port}", wait=False)
    wait_for(lambda: not proxy.is_running() or "sluice: serving" in proxy.told(), "the proxy serves")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        client.sendall(GET)
        require(client.recv(65536).startswith(b"HTTP/1.1 200"), "response")


@as_root.case("privileges.reopen", "the log is reopened by the user; where that user may not, the old file is written on, and it says why")
def drop_reopen(bench):
    proxy = dropped(bench)
    expect_served(bench, proxy)
    proxy.log_entries(1)
    first = proxy.folder / "first.log"
    proxy.log_path.rename(first)
    proxy.signal(signal.SIGUSR1)
    wait_for(proxy.log_path.exists, "a new file")
    expect_served(bench, proxy)
    proxy.log_entries(1)
    second = proxy.folder / "second.log"
    proxy.log_path.rename(second)
    os.chown(proxy.folder, 0, -1)
    proxy.signal(signal.SIGUSR1)
    wait_for(lambda: "cannot reopen the access log" in proxy.told(), "a word about it on standard error")
    contains(proxy.told(), "Permission denied", "what it says")
    expect_served(bench, proxy)
    wait_for(lambda: second.read_bytes().count(b"\n") == 2, "a line in the old file")
    require(not proxy.log_path.exists(), "there is a new file all the same")


@as_root.case("privileges.pid_file", "a pid file in root's folder is emptied at the end, and taken again at the next start")
def drop_pid_file(bench):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "s.pid"
        for _ in range(2):
            proxy = dropped(bench, f'pid_file = "{file}"\n')
            wait_for(lambda proxy=proxy: file.read_text() == f"{proxy.process.pid}\n", "the number in the pid file")
            tell(bench, proxy, "quit")
            equal(proxy.wait_exit(), 0, "exit status")
            equal(file.read_text(), "", "the pid file at the end")
            contains(tell(bench, proxy, "quit", status=1), "no Sluice runs", "what it says")


@as_root.case("privileges.log_folder", "a log that the user may not create is told at the start, and by -t")
def drop_log_folder(bench):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "test.toml"
        text = configuration("127.0.0.1:1").replace("@LISTEN@", "127.0.0.1:1").replace("@LOG@", f"{folder}/access.log")
        file.write_text(f'user = "{USER}"\n' + text)
        for arguments in (["-c", str(file)], ["-t", "-c", str(file)]):
            status, _, err = bench.run(*arguments)
            equal(status, 1, f"exit status; it said {err}")
            contains(err, f"cannot open the access log {folder}/access.log: Permission denied", "what it says")
        require(not (Path(folder) / "access.log").exists(), "the log is there all the same")


@as_root.case("privileges.unreadable", "a file that the user cannot read again is told at the start")
def drop_unreadable(bench):
    origin = bench.scripted().serve(echo)
    with tempfile.TemporaryDirectory() as folder:
        hidden = Path(folder) / "hidden.toml"
        hidden.write_text("")
        hidden.chmod(0o600)
        Path(folder).chmod(0o755)
        proxy = bench.proxy(f'include = ["{hidden}"]\nuser = "{USER}"\n' + configuration(origin.address), owner=USER_NUMBER)
        contains(proxy.told(), f'the user "{USER}" cannot read {hidden}', "what it says")


@as_root.case("privileges.root", "root without `user` stays root, and says so once")
def stay_root(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy(configuration(origin.address))
    equal(proxy.told().count("runs as root"), 1, "how often it says that it runs as root")
    for name, status in task_status(proxy).items():
        equal(status["Uid"], ["0"] * 4, f"user of the thread {name}")


@as_root.case("privileges.explicit_root", "root that is asked to be root says nothing about it")
def explicit_root(bench):
    origin = bench.scripted().serve(echo)
    proxy = bench.proxy('user = "root"\n' + configuration(origin.address))
    require("runs as root" not in proxy.told(), f"it says that it runs as root:\n{proxy.told()}")


@contextlib.contextmanager
def as_user(bench):
    """A folder that is not the user's, and a function that runs the proxy there as that user: exit status and what it says."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        program = folder / "sluice"
        # By a process of its own: what we write ourselves is open, for a moment, in whatever another thread starts.
        subprocess.run(["cp", str(bench.sluice), str(program)], check=True)
        program.chmod(0o755)
        drop_to = ("setpriv", f"--reuid={USER_NUMBER}", f"--regid={GROUP_NUMBER}", "--clear-groups")

        def run(*arguments):
            done = subprocess.run([*drop_to, str(program), *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            return done.returncode, done.stderr

        yield folder, run


@as_root.case("privileges.socket_folder", "a dead socket in a folder that is not the user's: -t says that there can be no new one")
def socket_folder(bench):
    with as_user(bench) as (folder, run):
        path, file = folder / "left.sock", folder / "test.toml"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        path.chmod(0o666)
        text = configuration("127.0.0.1:1", log=False)
        admin = text.replace("@LISTEN@", "127.0.0.1:8080") + f'[admin]\nsocket = "{path}"\n'
        for what, changed in (("admin socket", admin), ("listener", text.replace("@LISTEN@", f"unix:{path}"))):
            file.write_text(changed)
            status, told = run("-t", "-c", str(file))
            equal(status, 1, f"exit status with the {what}; it said {told}")
            contains(told, f"{path}: no file can be made in its folder: Permission denied", f"what it says of the {what}")
            status, told = run("-c", str(file))
            equal(status, 1, f"exit status of a start with the {what}; it said {told}")
            contains(told, "Permission denied", "what the start says")


@as_root.case("privileges.not_root", "who is not root cannot become somebody else: a sentence, at its place; to stay who one is is no mistake")
def not_root(bench):
    with as_user(bench) as (folder, run):
        file = folder / "test.toml"
        for user, status, word in (("nobody", 1, 'only root can become the user "nobody"'), (USER, 0, "good")):
            file.write_text(f'user = "{user}"\n' + configuration("127.0.0.1:1", log=False).replace("@LISTEN@", "127.0.0.1:8080"))
            actual, told = run("-t", "-c", str(file))
            equal(actual, status, f"exit status with user {user}; it said {told}")
            contains(told, word, "what it says")
