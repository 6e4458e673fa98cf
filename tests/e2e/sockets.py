"""What the kernel says of a socket, whosever it is: how a case learns that the proxy has read what was sent to it."""

import fcntl
import socket
import struct
import termios
import threading

_SOCK_DIAG = 4
_BY_FAMILY = 20
ESTABLISHED = 1
LISTEN = 10

_local = threading.local()


def _netlink():
    if not hasattr(_local, "socket"):
        _local.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG)
    return _local.socket


def state_of(local, remote):
    """(state, bytes in its receive queue) of the IPv4 socket with these (host, port) ends, or None when there is none.

    With ("0.0.0.0", 0) as remote end it is the listening socket.
    """
    ends = struct.pack("!HH", local[1], remote[1])
    ends += socket.inet_aton(local[0]) + bytes(12) + socket.inet_aton(remote[0]) + bytes(12)
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
    request += ends + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    link = _netlink()
    link.send(struct.pack("=IHHII", 16 + len(request), _BY_FAMILY, 1, 1, 0) + request)
    answer = link.recv(8192)
    if struct.unpack_from("=IH", answer)[1] != _BY_FAMILY:
        return None
    state = answer[17]
    _, queued = struct.unpack_from("=II", answer, 16 + 4 + 48)
    return state, queued


def unread_by_peer(connection):
    """Whether the other end of a unix socket has not yet read all that was sent."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0] != 0


def is_listening(address):
    found = state_of(address, ("0.0.0.0", 0))
    return found is not None and found[0] == LISTEN
