# SPDX-License-Identifier: GPL-2.0-or-later
"""A cheap link and a costly one: what the costly one carries while the cheap one suffices, how soon it helps when it doesn't, how soon it is silent again.

Three phases, downloading and uploading: a steady load that the cheap link bears, all that can be had, the steady load again. Beside the steady load, bursts (iperf3 writes 128 kB
at once) that fill the cheap link for some tens of milliseconds.
"""
import json
import subprocess
import tempfile
import time

from braidlab.daemons import IPERF_PORT
from braidlab.errors import LabError
from braidlab.live import mbit, table
from braidlab.topology import SERVER_V4, Access

OPTIONS = {
    "cheap": ("20/20/30", "the cheap link: Mbit/s down, Mbit/s up, ms of round trip"),
    "costly": ("30/30/50", "the costly link"),
    "cost": (10, "of the costly link; 0: both are open always, to compare with"),
    "load_percent": (70, "of the cheap link: the steady load"),
    "calm_s": (10.0, "length of the steady phases"),
    "full_s": (10.0, "length of the phase in between"),
    "streams": (1, "connections at once, which share the load"),
    "profile": ("auto", "of the costly link; with lossy sessions go in pieces"),
    "pieces": ("auto", "gateway.pieces: profile is Multipath TCP where the links are far apart"),
    "runs": (1, "times each way"),
    "bars": (True, "a figure beyond its bar is a failure"),
}
SAMPLE_S = 0.05
STEADY_AFTER_S = 3.0            # of a phase: what came before is its beginning
SILENT_BPS = 100_000
MOST_CALM_PERCENT, MOST_OPEN_S, LEAST_SHARE, MOST_CLOSE_S = 1.0, 2.0, 0.9, 10.0


def access(name, text):
    down, up, rtt_ms = (float(part) for part in text.split("/"))
    return Access(name, int(down * 1e6), int(up * 1e6), rtt_ms)


class Sampler:
    """What both links have carried, that way, every SAMPLE_S: [(time, cheap bytes, costly bytes)]."""

    def __init__(self, lab, down):
        self.lab, self.side = lab, "ba" if down else "ab"
        self.rows = []

    def run_until(self, process):
        while process.poll() is None:
            self.rows.append((time.monotonic(), *(a.link.get()[self.side]["bytes"] for a in self.lab.net.links)))
            time.sleep(SAMPLE_S)

    def between(self, begin, end):
        rows = [row for row in self.rows if begin <= row[0] <= end]
        if len(rows) < 2:
            raise LabError("a phase was too short to measure")
        return tuple(rows[-1][i] - rows[0][i] for i in (1, 2)), rows[-1][0] - rows[0][0]

    def first(self, begin, carries, bps):
        """Seconds from begin until the costly link carries (or, for good, does not carry) so much in 200 ms."""
        n = round(0.2 / SAMPLE_S)
        rows = [row for row in self.rows if row[0] >= begin]
        rates = [(row[0] - begin, 8 * (row[2] - before[2]) / (row[0] - before[0])) for before, row in zip(rows, rows[n:])]
        if carries:
            return next((at for at, rate in rates if rate >= bps), float("inf"))
        loud = [at for at, rate in rates if rate >= bps]
        return loud[-1] if loud else 0.0


def phase(lab, down, seconds, rate_bps, sampler):
    argv = ["iperf3", "-c", SERVER_V4, "-p", IPERF_PORT, "-t", seconds, "-J", "--connect-timeout", 5000, *(["-R"] if down else []),
            "-P", lab.options.streams, *(["-b", int(rate_bps / lab.options.streams)] if rate_bps else [])]
    begun = time.monotonic()
    with tempfile.TemporaryFile() as report:        # of many streams it is more than a pipe holds
        process = subprocess.Popen(lab.net.host.argv(*argv), stdout=report, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        sampler.run_until(process)
        report.seek(0)
        said = json.loads(report.read())
    if said.get("error"):
        raise LabError(f"iperf3: {said['error']}")
    lab.servers.wait_idle()
    return begun, begun + seconds, said["end"]["sum_received"]["bits_per_second"]


def percent(part, whole):
    return 100 * part / whole if whole else 0.0


def judge(lab, name, figure, bar, fine):
    if lab.options.bars and not fine:
        raise LabError(f"{name}: {figure:.2f}, wanted {bar}\n{lab.braid.gateway.tail()}")


def one(lab, down):
    cheap, costly = lab.net.links
    rate_bps = (cheap.down_bps if down else cheap.up_bps) * lab.options.load_percent / 100
    sampler = Sampler(lab, down)
    lab.meter.wait_idle()
    calm = phase(lab, down, lab.options.calm_s, rate_bps, sampler)
    full = phase(lab, down, lab.options.full_s, 0, sampler)
    again = phase(lab, down, lab.options.calm_s + MOST_CLOSE_S, rate_bps, sampler)
    (calm_cheap, calm_costly), _ = sampler.between(calm[0], calm[1])
    (full_cheap, full_costly), full_s = sampler.between(full[0] + STEADY_AFTER_S, full[1])
    (again_cheap, again_costly), _ = sampler.between(again[0] + MOST_CLOSE_S, again[1])
    excess = (costly.down_bps if down else costly.up_bps) / 2
    whole = sum(a.down_bps if down else a.up_bps for a in (cheap, costly))
    calm_percent = percent(calm_costly, calm_cheap + calm_costly)
    open_s, close_s = sampler.first(full[0], True, excess), sampler.first(again[0], False, SILENT_BPS)
    share = 8 * (full_cheap + full_costly) / full_s / whole
    way = "down" if down else "up"
    judge(lab, f"{way}: per cent on the costly link at {lab.options.load_percent} %", calm_percent, f"at most {MOST_CALM_PERCENT}", calm_percent <= MOST_CALM_PERCENT)
    judge(lab, f"{way}: seconds until the costly link carried half of its rate", open_s, f"at most {MOST_OPEN_S}", open_s <= MOST_OPEN_S)
    judge(lab, f"{way}: share of the sum", share, f"at least {LEAST_SHARE}", share >= LEAST_SHARE)
    judge(lab, f"{way}: seconds until it was silent again", close_s, f"at most {MOST_CLOSE_S}", close_s <= MOST_CLOSE_S)
    return [way, f"{mbit(calm[2])}", f"{calm_percent:.3f} %", f"{open_s:.2f} s", f"{mbit(full[2])}", f"{share:.2f}", f"{close_s:.2f} s",
            f"{percent(again_costly, again_cheap + again_costly):.3f} %"]


def run(lab):
    lab.standard([access("cheap", lab.options.cheap), access("costly", lab.options.costly)], conf={
        "link costly.cost": lab.options.cost, "link costly.profile": lab.options.profile, "gateway.pieces": lab.options.pieces})
    rows = []
    for _ in range(lab.options.runs):
        for down in (True, False):
            rows.append(one(lab, down))
            lab.braid.check()
    lab.say(f"cheap {lab.options.cheap}, costly {lab.options.costly} (Mbit/s down, up, ms), load {lab.options.load_percent} %, {lab.options.streams} at once")
    lab.say(table(rows, ["way", "load", "on the costly link", "opened after", "goodput", "of the sum", "silent after", "on it then"]))
