# SPDX-License-Identifier: GPL-2.0-or-later
"""Churn (test_churn.py) for long: nothing may grow. BRAID_SOAK_S: for how long (3600)."""
import os
import statistics

from netlab import descriptors, memory_kib
from test_churn import PIPES, lab, run   # noqa: F401 (lab is the fixture)

SECONDS = float(os.environ.get("BRAID_SOAK_S", "3600"))
SAMPLE_S = 2
GROWTH_MOST, GROWTH_MOST_KIB = 1.05, 1024   # of user memory, from the second quarter to the last: the first fills tables


class Sampler:
    """Memory and descriptors of the daemons as time goes on."""

    def __init__(self, daemons):
        self.daemons, self.next_s, self.samples = daemons, 0, {d.name: [] for d in daemons}

    def turn(self, now_s):
        if now_s < self.next_s:
            return
        self.next_s = now_s + SAMPLE_S
        for daemon in self.daemons:
            open_now = descriptors(daemon.pid)
            self.samples[daemon.name].append((memory_kib(daemon.pid)[0], open_now.get("socket", 0), open_now.get("pipe", 0)))


def quarter(samples, which, column):
    n = len(samples) // 4
    return statistics.median(sample[column] for sample in samples[which * n:(which + 1) * n])


def test_soak(lab):   # noqa: F811
    for name, samples in run(lab, SECONDS, Sampler).samples.items():
        medians = [[quarter(samples, which, column) for which in range(4)] for column in range(3)]
        print(f"{name}: medians by quarter of the time: Pss {medians[0]} KiB, sockets {medians[1]}, pipe ends {medians[2]}")
        before, after = medians[0][1], medians[0][3]
        assert after <= max(before * GROWTH_MOST, before + GROWTH_MOST_KIB), f"{name}: user memory grew from {before} to {after} KiB"
        assert max(sample[2] for sample in samples) <= 2 * PIPES, f"{name}: more pipes than relay.pipes"
