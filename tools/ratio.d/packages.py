"""Installing nginx, HAProxy and wrk without letting Debian start them."""

import os
import subprocess

from process import Failure

_POLICY = "/usr/sbin/policy-rc.d"  # asked by every maintainer script that wants to start a service; 101: do not


def install(packages):
    """Installs `packages` with apt-get. Neither now nor at the next boot does a service of theirs start."""
    if os.geteuid() != 0:
        raise Failure("--install needs root; or run: apt-get install " + " ".join(packages))
    has_own_policy = os.path.exists(_POLICY)
    if not has_own_policy:
        with open(os.open(_POLICY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755), "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
    try:
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]):
            if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=900).returncode != 0:
                raise Failure(f"'{' '.join(command)}' failed")
    finally:
        if not has_own_policy:
            os.unlink(_POLICY)
    if os.path.isdir("/run/systemd/system"):
        services = [name.split("-")[0] for name in packages if name != "wrk"]
        subprocess.run(["systemctl", "disable", "--quiet", *services], check=False, timeout=60)
