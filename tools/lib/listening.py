#!/usr/bin/env python3
"""Waits until a process listens on every given address.

    listening.py PID ADDRESS...        waits; exit status 1 when the process ends first or 30 s pass
    listening.py PID --config FILE     the same for the listeners of a configuration; then says what is there to try
"""

import os
import sys
import time
import tomllib

PATIENCE_S = 30


def is_alive(pid):
    """Neither gone nor a zombie that nobody has waited for yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def listening_ports(pid):
    """Of the process itself: on a taken port somebody else would answer a connection."""
    sockets = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            sockets.add(os.readlink(entry.path))
        except OSError:
            pass  # closed meanwhile
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for fields in map(str.split, lines):
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                    yield int(fields[1].rpartition(":")[2], 16)


def wait_for(pid, addresses):
    deadline = time.monotonic() + PATIENCE_S
    wanted = {int(address.rpartition(":")[2]) for address in addresses}
    while is_alive(pid) and time.monotonic() < deadline:
        try:
            ports = set(listening_ports(pid))
            if ports and wanted <= ports:
                return True
        except OSError:
            pass  # it has just ended
        time.sleep(0.02)
    return False


def reachable(address):
    """host:port at which a listener on this address answers from here."""
    host, _, port = address.rpartition(":")
    return {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "": "127.0.0.1", "[::]": "[::1]"}.get(host, host) + ":" + port


def read(file):
    """The configuration as far as it can be read here; the proxy itself says what is wrong with it."""
    try:
        with open(file, "rb") as source:
            return tomllib.load(source)
    except (OSError, tomllib.TOMLDecodeError):
        return {}


def addresses_of(configuration):
    found = [listener.get("address", "") for listener in configuration.get("listener", [])]
    return [address for address in found if address.rpartition(":")[2].isdigit()]


def curl_lines(configuration):
    addresses = addresses_of(configuration)
    for route in configuration.get("route", []) if addresses else []:
        path = str(route.get("path", "/")).removesuffix("*")
        name = f"-H 'Host: {route['host'].replace('*', 'www')}' " if "host" in route else ""
        yield f"curl -i {name}http://{reachable(addresses[0])}{path}"


def main():
    pid, rest = int(sys.argv[1]), sys.argv[2:]
    configuration = read(rest[1]) if rest[0] == "--config" else None
    addresses = rest if configuration is None else addresses_of(configuration)
    if not wait_for(pid, addresses):
        sys.exit(1)
    if configuration is not None:
        print(f"ready: sluice (pid {pid}) listens on {', '.join(addresses)}")
        for line in curl_lines(configuration):
            print(f"  try: {line}")
        log = configuration.get("log", {}).get("access", "off")
        print(f"  access log: {log if log == 'off' else os.path.abspath(log)}")


if __name__ == "__main__":
    main()
