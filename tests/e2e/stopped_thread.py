"""One thread of the proxy held still while the others run on."""

import ctypes
import os
from pathlib import Path

from check import Skip

_ATTACH, _DETACH = 16, 17
_WAIT_ALL = 0x40000000


class StoppedThread:
    """Stopped as a debugger does it, from here on until go_on(). Skips the case where that is not allowed."""

    def __init__(self, proxy, name):
        tasks = Path(f"/proc/{proxy.process.pid}/task")
        self.thread = next(int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().strip() == name)
        self.trace = ctypes.CDLL(None, use_errno=True).ptrace
        self.trace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        if self.trace(_ATTACH, self.thread, None, None) != 0:
            raise Skip(f"cannot stop a thread: {os.strerror(ctypes.get_errno())}")
        os.waitpid(self.thread, _WAIT_ALL)

    def is_in(self, number):
        """Whether it was stopped in this system call, or on its way out of it."""
        return Path(f"/proc/{self.thread}/syscall").read_text().split()[0] == str(number)

    def go_on(self):
        self.trace(_DETACH, self.thread, None, None)
