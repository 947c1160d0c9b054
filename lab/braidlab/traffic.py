# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts do: bulk transfers with iperf3, downloads and small requests with curl."""
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


class Download:
    """A download by curl, read as it comes: when bytes came, and their SHA-256."""

    def __init__(self, node, url):
        self.arrivals = []      # (monotonic time, n_bytes)
        self.digest = hashlib.sha256()
        self.ended_at = None
        self.process = subprocess.Popen(node.argv("curl", "-sS", "-N", "--max-time", "120", url), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self):
        """Reads to the end; LabError when curl failed."""
        fd = self.process.stdout.fileno()
        while chunk := os.read(fd, READ_BYTES):
            self.arrivals.append((time.monotonic(), len(chunk)))
            self.digest.update(chunk)
        self.ended_at = time.monotonic()
        said = self.process.stderr.read().decode().strip()
        if self.process.wait():
            raise LabError(f"the download failed after {self.n_bytes()} bytes: {said}")

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

    def longest_gap(self, since=0.0):
        """The longest time without a byte, in seconds, and when it began; from the first byte, or since, to the last one."""
        times = [at for at, _ in self.arrivals if at >= since]
        gaps = [(after - before, before) for before, after in zip(times, times[1:])]
        return max(gaps, default=(0.0, 0.0))


def request_times(node, url):
    """One small request over a new connection: milliseconds to the connection, and to the first byte of the answer."""
    said = node.run("curl", "-sS", "-o", "/dev/null", "--max-time", "20", "-w", "%{time_connect} %{time_starttransfer}", url)
    connect_s, first_byte_s = map(float, said.split())
    return connect_s * 1000, first_byte_s * 1000
