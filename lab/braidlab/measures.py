# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures out of what was seen, and the links' present rates."""
import dataclasses
import threading
import time

from .errors import LabError, until

IDLE_BPS = 20_000
SAMPLE_S = 0.1
RATE_OVER_SAMPLES = 5


def steady_bps(rows, skip_s):
    """Bits a second from skip_s to the end, of rows (start_s, end_s, n_bytes): what came before is slow start."""
    window = [row for row in rows if row[0] >= skip_s - 1e-3]
    seconds = sum(end - start for start, end, _ in window)
    if seconds <= 0:
        raise LabError(f"the transfer ended within its first {skip_s} s")
    return 8 * sum(n_bytes for _, _, n_bytes in window) / seconds


@dataclasses.dataclass
class Sample:
    """What a link has carried until now."""
    at: float
    up_bytes: int
    down_bytes: int


class Meter:
    """Samples the links' counters in a thread of its own, and hands every sample to those who watch."""

    def __init__(self, links):
        self.links = links
        self.samples = {access.name: [self._sample(access)] for access in links}
        self.watchers = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @staticmethod
    def _sample(access):
        counters = access.link.get()
        return Sample(time.monotonic(), counters["ab"]["bytes"], counters["ba"]["bytes"])

    def _run(self):
        while not self.ended.wait(SAMPLE_S):
            try:
                for access in self.links:
                    rows = self.samples[access.name]
                    rows.append(self._sample(access))
                    del rows[:-RATE_OVER_SAMPLES - 1]
            except (LabError, OSError, ValueError):
                return          # the link is being taken away
            for watch in self.watchers:
                watch(self)

    def end(self):
        self.ended.set()
        self.thread.join()

    def rates_bps(self, name):
        """Up and down, on the wire, over the last half second."""
        rows = self.samples[name]
        first, last = rows[0], rows[-1]
        seconds = last.at - first.at
        if seconds <= 0:
            return 0.0, 0.0
        return 8 * (last.up_bytes - first.up_bytes) / seconds, 8 * (last.down_bytes - first.down_bytes) / seconds

    def wait_idle(self, timeout_s=20):
        """Waits until what an earlier transfer has left in the queues is gone."""
        until(lambda: all(max(self.rates_bps(access.name)) < IDLE_BPS for access in self.links), timeout_s, "the links to be idle", SAMPLE_S)
