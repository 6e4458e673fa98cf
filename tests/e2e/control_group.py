"""Control groups that a case makes, to run the proxy in one."""

import os
import uuid
from pathlib import Path

from check import Skip

# Of both versions: the second has one hierarchy for all controllers, the first one for each.
_MOUNTS = Path("/proc/self/mounts")


def _hierarchy(controller):
    """(top folder, whether it is of version 2) of the one with this controller, where we may make groups."""
    for line in _MOUNTS.read_text().splitlines():
        _, place, kind, options, *_ = line.split(" ")
        place = Path(place)
        is_v2 = kind == "cgroup2" and controller in (place / "cgroup.subtree_control").read_text().split()
        is_v1 = kind == "cgroup" and controller in options.split(",")
        if (is_v1 or is_v2) and os.access(place, os.W_OK):
            return place, is_v2
    raise Skip(f"no control group of {controller} can be made here")


class ControlGroup:
    """One group of one controller, until stop(). wrapper: runs a command in it."""

    def __init__(self, controller):
        top, self.is_v2 = _hierarchy(controller)
        self.folder = top / f"sluice-e2e-{uuid.uuid4().hex}"
        try:
            self.folder.mkdir()
        except OSError as error:
            raise Skip(f"no control group of {controller} can be made here: {error.strerror}") from error
        self.wrapper = ("/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self.folder))

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def allow_time(self, quota_us, period_us):
        if self.is_v2:
            self.write("cpu.max", f"{quota_us} {period_us}")
        else:
            self.write("cpu.cfs_period_us", str(period_us))
            self.write("cpu.cfs_quota_us", str(quota_us))

    def allow_cpus(self, cpus):
        self.write("cpuset.cpus", cpus)
        if not self.is_v2:
            self.write("cpuset.mems", (self.folder.parent / "cpuset.mems").read_text())

    def stop(self):
        """To be called when the processes in it have ended; a second time does nothing."""
        if self.folder.exists():
            self.folder.rmdir()
