# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespaces of the lab's own (user, network, mount, process): needs no root, touches nothing outside, and all ends with it."""
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from .errors import LabError

UNSHARE = ["unshare", "-Urnmp", "--fork", "--mount-proc", "--kill-child=SIGKILL"]
INSIDE = "--inside"          # first argument of the lab's second self
DIRECTORY = pathlib.Path("/run/lab")
TUN = "/dev/net/tun"
PR_SET_PDEATHSIG = 1


def start_inside(program, arguments, **popen):
    """Starts this program again inside namespaces of its own. It is to be started by the main thread: whatever ends that ends all that is in there."""
    libc = ctypes.CDLL(None)
    return subprocess.Popen([*UNSHARE, sys.executable, program, INSIDE, *arguments],
                            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **popen)


def run_inside(program, arguments):
    """Runs this program again inside the namespaces and returns its exit status."""
    # At Ctrl-C the inner self gets the signal too, and ends in good order; then we are done waiting.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = start_inside(program, arguments)
    ended_by = []

    def end(number, frame):
        ended_by.append(number)
        child.kill()         # takes process 1 of the namespace along, and with it every other
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    status = child.wait()
    if ended_by:
        return 128 + ended_by[0]
    return status if status >= 0 else 128 - status


def prepare():
    """The inner self's first steps. LabError where this machine can't do it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Distributions keep nginx and sysctl where an ordinary user's PATH doesn't lead.
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    os.environ["LC_ALL"] = "C"
    try:
        open(TUN, "rb").close()
    except OSError as error:
        raise LabError(f"cannot open {TUN}: {error.strerror}; links need it (chmod 666 {TUN}, the usual mode, or run as root)") from None
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"]).returncode:
        raise LabError("cannot mount a file system of our own on /run")
    pathlib.Path("/run/netns").mkdir()
    DIRECTORY.mkdir()


def require(*programs):
    """LabError naming the programs that are missing."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise LabError(f"not found: {', '.join(missing)}; `make packages` installs what is needed")
