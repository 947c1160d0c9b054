# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts do: bulk transfers with iperf3, downloads and small requests with curl."""
import contextlib
import glob
import hashlib
import json
import os
import subprocess
import threading
import time

from .daemons import IPERF_PORT
from .errors import LabError
from .topology import SERVER_V4

READ_BYTES = 1 << 20
LOOK_EVERY_S = 0.01
SLACK_S = 30          # for what comes on top of a transfer's own length


def iperf(node, seconds, down, server=SERVER_V4, streams=1):
    """One iperf3 run; what its receiver got, as (start_s, end_s, n_bytes) for each tenth of a second."""
    argv = ["iperf3", "-c", server, "-p", IPERF_PORT, "-t", seconds, "-i", "0.1", "-J", "-P", streams,
            "--connect-timeout", 5000, *(["-R"] if down else ["--get-server-output"])]
    report = json.loads(node.run(*argv, timeout_s=seconds + SLACK_S))
    side = report if down else report.get("server_output_json", {})
    rows = [(row["sum"]["start"], row["sum"]["end"], row["sum"]["bytes"]) for row in side.get("intervals", [])]
    if report.get("error") or not rows:
        raise LabError(f"iperf3 on {node.name}: {report.get('error', 'no report from its receiver')}")
    return rows


class Transfer:
    """A transfer by a program, looked at as it goes: when bytes came, and their SHA-256. Its kinds have a follow(), which keeps them until it ends."""

    def __init__(self, node, argv, **popen):
        self.arrivals = []      # (monotonic time, n_bytes)
        self.digest = hashlib.sha256()
        self.begun_at, self.ended_at = time.monotonic(), None
        self.process = subprocess.Popen(node.argv(*argv), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **popen)

    def run(self):
        """To the end; LabError when the program failed."""
        self.follow()
        self.ended_at = time.monotonic()
        said = self.process.stderr.read().decode().strip()
        if self.process.wait():
            raise LabError(f"{self.process.args[4]} failed after {self.n_bytes()} bytes: {said}")
        return self

    def run_beside(self, action):
        """The same while action() runs in a thread of its own; a LabError of either is raised here."""
        faults = []

        def beside():
            try:
                action()
            except LabError as error:
                faults.append(error)
        thread = threading.Thread(target=beside, daemon=True)
        thread.start()
        self.run()
        thread.join()
        if faults:
            raise faults[0]

    def n_bytes(self):
        return sum(n for _, n in self.arrivals)

    def rows(self):
        """For steady_bps()."""
        times = [self.begun_at, *(at for at, _ in self.arrivals)]
        return [(before - self.begun_at, at - self.begun_at, n) for before, (at, n) in zip(times, self.arrivals)]

    def longest_gap(self, since=0.0):
        """The longest time without a byte, in seconds, and when it began; from the first byte, or since, to the last one."""
        times = [at for at, _ in self.arrivals if at >= since]
        gaps = [(after - before, before) for before, after in zip(times, times[1:])]
        return max(gaps, default=(0.0, 0.0))


class Download(Transfer):
    """By curl, read as it comes."""

    def __init__(self, node, url, *options):
        super().__init__(node, ["curl", "-sS", "-N", "-g", "--max-time", "120", *options, url], stdout=subprocess.PIPE)

    def follow(self):
        fd = self.process.stdout.fileno()
        while chunk := os.read(fd, READ_BYTES):
            self.arrivals.append((time.monotonic(), len(chunk)))
            self.digest.update(chunk)


class Delivery(Transfer):
    """By any program, to a file that grows as bytes come (its path, or a pattern while it has another name), and is `path` in the end."""

    def __init__(self, node, argv, path, pattern=None):
        self.path, self.pattern = path, pattern or path
        super().__init__(node, argv, stdout=subprocess.DEVNULL)

    def _grown(self):
        return max((os.stat(name).st_size for name in glob.glob(str(self.pattern))), default=0)

    def follow(self):
        seen, ended = 0, False
        while not ended:
            ended = self.process.poll() is not None
            with contextlib.suppress(FileNotFoundError):    # renamed between two looks
                size = os.stat(self.path).st_size if ended else self._grown()
                if size > seen:
                    self.arrivals.append((time.monotonic(), size - seen))
                    seen = size
            time.sleep(LOOK_EVERY_S)
        if self.path.exists():
            self.digest.update(self.path.read_bytes())


def upload(node, source, url, servers, name):
    """By curl, to an nginx, which writes what comes into a file of its own and renames that in the end."""
    return Delivery(node, ["curl", "-sS", "-g", "-f", "--max-time", "120", "-T", source, f"{url}/{name}"], servers.root / name, servers.directory / "tmp" / "*")


def request_times(node, url):
    """One small request over a new connection: milliseconds to the connection, and to the first byte of the answer."""
    said = node.run("curl", "-sS", "-o", "/dev/null", "--max-time", "20", "-w", "%{time_connect} %{time_starttransfer}", url)
    connect_s, first_byte_s = map(float, said.split())
    return connect_s * 1000, first_byte_s * 1000
