# SPDX-License-Identifier: GPL-2.0-or-later
"""The topology with load servers in it, and the load itself."""
import dataclasses
import json
import struct
import subprocess

from braidlab.daemons import listens
from braidlab.errors import LabError, until
from braidlab.sandbox import DIRECTORY
from braidlab.topology import SERVER_V4, Access, Topology

TCP_PORT, MPTCP_PORT = 5201, 5202
START_TIMEOUT_S, IDLE_TIMEOUT_S, LOAD_SLACK_S = 10, 10, 20
# Connection after connection from one address: ports must not be what runs out.
MANY_CONNECTIONS = {"net.ipv4.ip_local_port_range": "10000 65535", "net.ipv4.tcp_tw_reuse": 1, "net.ipv4.tcp_max_syn_backlog": 8192}
MANY_TIME_WAIT = {"net.ipv4.tcp_max_tw_buckets": 262144}


def unshaped():
    return [Access("wire", 0, 0, 0)]


def shaped():
    return [Access("small", 300_000_000, 300_000_000, 10), Access("large", 700_000_000, 700_000_000, 30)]


def long():
    return [Access("far1", 100_000_000, 100_000_000, 200, queue_ms=200), Access("far2", 100_000_000, 100_000_000, 200, queue_ms=200)]


# Where the rules for senders (decision 0007) have nothing to mend, and may cost nothing.
RULES = {
    "1 % loss": lambda: [Access("lossy", 50_000_000, 50_000_000, 20, loss_ppm=10_000)],
    "reordering": lambda: [Access("crooked", 50_000_000, 50_000_000, 20, reorder_ppm=10_000, reorder_us=5_000)],
    "100 Mbit/s of 200 ms": lambda: [Access("far", 100_000_000, 100_000_000, 200, queue_ms=200)],
    "two unequal links": lambda: [Access("small", 10_000_000, 10_000_000, 20), Access("large", 90_000_000, 90_000_000, 60)],
}


@dataclasses.dataclass
class Door:
    """Where a system's clients are, and how they reach the server."""
    node: object
    mptcp: bool = False
    port: int = None                # MPTCP_PORT or TCP_PORT
    congestion: str = None          # of the client's sockets; the system's own
    source: str = None              # address that connections come from; whichever the routes say

    def __post_init__(self):
        self.port = self.port or (MPTCP_PORT if self.mptcp else TCP_PORT)

    def options(self):
        """Of braid-load."""
        return [word for name in ("port", "congestion", "source") if getattr(self, name) for word in (f"--{name}", getattr(self, name))] + (
            ["--mptcp"] if self.mptcp else [])


class World:
    def __init__(self, build, links, server_rtt_ms=None, converter_rtt_ms=None):
        self.checked = set()        # systems that were seen to use MPTCP here
        self.load = build / "bench/braid-load"
        self.topology = Topology(build / "lab/emulator/braid-link", links, server_rtt_ms, converter_rtt_ms)
        for node in self.topology.nodes:
            node.sysctl(MANY_CONNECTIONS)
            node.sysctl(MANY_TIME_WAIT, optional=True)
        for port, more in ((TCP_PORT, []), (MPTCP_PORT, ["--mptcp"])):
            self.serve(port, *more)

    def serve(self, port, *more):
        """One more server for the load."""
        server = self.topology.server
        program = server.start(f"load-{port}", self.load, "serve", "--port", port, "--counters", self.counters(port), *more)
        until(lambda: program.check() or listens(server, port), START_TIMEOUT_S, "the load's server to listen")

    @staticmethod
    def counters(port):
        return DIRECTORY / f"load-{port}"

    def argv(self, door, command, *more):
        return [self.load, command, "--address", SERVER_V4, "--counters", self.counters(door.port), *door.options(), *more]

    def run(self, door, command, seconds, *more, skip_s=None):
        """One run of the load, measured for so long when skip_s are over (None: what the load skips by itself); what it says."""
        skip = [] if skip_s is None else ["--skip-ms", int(skip_s * 1000)]
        return json.loads(door.node.run(*self.argv(door, command, "--time-ms", int(seconds * 1000), *skip, *more), timeout_s=(skip_s or 0) + seconds + LOAD_SLACK_S))

    def beside(self, door, kind, connections, seconds):
        """Bulk transfers that run beside something else, and end by themselves."""
        return door.node.start("load-beside", *self.argv(door, "bulk", "--time-ms", int(seconds * 1000), "--kind", kind, "--connections", connections))

    def hold(self, door, n):
        """n connections that have carried a request each, and stand idle until the process's input is closed."""
        process = subprocess.Popen(list(map(str, door.node.argv(*self.argv(door, "idle", "--kind", "kept", "--connections", n)))),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if process.stdout.readline().strip() != "ready":
            said = process.communicate()[1]
            raise LabError(f"{n} idle connections: {said.strip()}")
        return process

    def wait_idle(self, door):
        """Waits until the server has seen every connection end."""
        def still_open():
            return struct.unpack("QQ", self.counters(door.port).read_bytes())[1]
        until(lambda: not still_open(), IDLE_TIMEOUT_S, "the server's connections to end")

    def end(self):
        self.topology.end()
