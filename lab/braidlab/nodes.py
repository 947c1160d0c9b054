# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes: network namespaces with a name, and the programs that run in them."""
import ctypes
import os
import socket
import subprocess

from .errors import LabError
from .sandbox import DIRECTORY

PATIENCE_S = 20
LOG_TAIL_LINES = 12
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


class Program:
    """A program that runs in a node until it is ended; what it writes is in its log."""

    def __init__(self, node, name, argv, **popen):
        self.name = name
        self.log = DIRECTORY / f"{node.name}-{name}.log"
        with open(self.log, "ab") as log:
            popen.setdefault("stdout", log)
            self.process = subprocess.Popen(node.argv(*argv), stdin=subprocess.DEVNULL, stderr=log, **popen)

    def check(self):
        """LabError when it has ended."""
        if self.process.poll() is not None:
            raise LabError(f"{self.name} has ended with status {self.process.returncode}:\n{self.tail()}")

    def tail(self):
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join("    " + line for line in lines)

    def kill(self):
        """SIGKILL, to the program itself: `ip netns exec` has become it."""
        self.process.kill()
        self.process.wait()

    def end(self, timeout_s=PATIENCE_S):
        """SIGTERM, and SIGKILL where that doesn't help; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def enter(netns_fd):
    """This thread, into another network."""
    if libc.setns(netns_fd, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Node:
    def __init__(self, name):
        self.name = name
        self.netns = f"/run/netns/{name}"
        self.programs = []
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.ip("link set lo up")

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def run(self, *argv, timeout_s=PATIENCE_S):
        """Runs a program to its end; its output. LabError when it fails."""
        try:
            done = subprocess.run(self.argv(*argv), text=True, capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name}: {' '.join(map(str, argv))}: did not end within {timeout_s} s") from None
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip())[-600:]
            raise LabError(f"{self.name}: {' '.join(map(str, argv))}: status {done.returncode}: {said}")
        return done.stdout

    def ip(self, words):
        """`ip` in this node; words as one would type them."""
        done = subprocess.run(["ip", "-n", self.name, *words.split()], text=True, capture_output=True)
        if done.returncode:
            raise LabError(f"{self.name}: ip {words}: {done.stderr.strip()}")
        return done.stdout

    def start(self, name, *argv, **popen):
        program = Program(self, name, argv, **popen)
        self.programs.append(program)
        return program

    def socket(self, protocol=socket.IPPROTO_TCP, family=socket.AF_INET):
        """A stream socket of ours in this node's network."""
        home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(self.netns, os.O_RDONLY)
        try:
            enter(there)
            try:
                return socket.socket(family, socket.SOCK_STREAM, protocol)
            finally:
                enter(home)
        finally:
            os.close(home)
            os.close(there)

    def sysctl(self, settings, optional=False):
        """Writes settings ("net.ipv4.ip_forward": 1). Optional ones may be missing or refused here."""
        lines = [f"echo '{value}' > /proc/sys/{key.replace('.', '/')}{' || :' if optional else ''}" for key, value in settings.items()]
        script = "exec 2>/dev/null\n" + "\n".join(lines) if optional else "set -e\n" + "\n".join(lines)
        self.run("sh", "-c", script)

    def counters(self):
        """TCP and MPTCP counters ("MPTcpExtMPTCPRetrans") since the node was made."""
        rows = [line.split() for line in self.run("nstat", "-asz").splitlines() if not line.startswith("#")]
        return {row[0]: int(row[1]) for row in rows}

    def delete(self):
        subprocess.run(["ip", "netns", "delete", self.name], check=True)

    def addresses(self, interface, v4, v6):
        """Gives an interface its addresses and sets it up."""
        self.ip(f"addr add {v4} dev {interface}")
        self.ip(f"addr add {v6} dev {interface} nodad")
        self.ip(f"link set {interface} up")
