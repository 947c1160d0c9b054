# SPDX-License-Identifier: GPL-2.0-or-later
"""A vehicle: two radio links whose rate and delay change all the time, and that fall silent now and then, never both at once.

A download goes on throughout and is checked by SHA-256. The changes come from a seed, so that runs are alike.
"""
import random
import time

from braidlab.errors import LabError
from braidlab.live import mbit, table
from braidlab.topology import SERVER_V4, Access
from braidlab.traffic import Download

OPTIONS = {
    "megabytes": (60, "size of the download"),
    "seed": (1, "of the changes"),
    "step_s": (0.5, "seconds between changes"),
    "silence_s": (1.5, "seconds that a link is silent"),
    "silent_every": (8, "steps from one silence to the next"),
    "most_gap_ms": (5000, "a longer time without a byte is a failure"),
}
LEAST_SHARE = 0.2      # of a link's best rate
MOST_DELAY = 3         # times its least delay


def drive(lab, download):
    """Changes the links until the download has ended."""
    dice = random.Random(lab.options.seed)
    step, silent, until_at = 0, None, 0.0
    while download.ended_at is None:
        for access in lab.net.links:
            share, delay = dice.uniform(LEAST_SHARE, 1), dice.uniform(1, MOST_DELAY)
            access.link.set(ab__rate_bps=int(access.up_bps * share), ba__rate_bps=int(access.down_bps * share),
                            delay_us=int(access.rtt_ms * 500 * delay))
        if silent and time.monotonic() >= until_at:
            silent.link.set(silence=0)
            silent = None
        step += 1
        if not silent and step % lab.options.silent_every == 0:
            silent = dice.choice(lab.net.links)
            silent.link.set(silence=1)
            until_at = time.monotonic() + lab.options.silence_s
        time.sleep(lab.options.step_s)


def run(lab):
    lab.standard([Access("lte1", 30_000_000, 10_000_000, 40), Access("lte2", 40_000_000, 15_000_000, 60)])
    wanted = lab.servers.publish("large", lab.options.megabytes * 1_000_000)
    lab.screen.begin(f"download of {lab.options.megabytes} MB on the road")
    begun_at = time.monotonic()
    download = Download(lab.net.host, f"http://{SERVER_V4}/large")
    download.run_beside(lambda: drive(lab, download))
    if download.digest.hexdigest() != wanted:
        raise LabError("the download's SHA-256 is not that of the file")
    gap_s, gap_at = download.longest_gap()
    rows = [["goodput", f"{mbit(8 * download.n_bytes() / (download.ended_at - begun_at))} Mbit/s"],
            ["longest time without a byte", f"{gap_s * 1000:.0f} ms, {gap_at - begun_at:.1f} s after the start"], ["SHA-256", "equal"]]
    lab.say(table(rows, ["download on the road", ""]))
    if gap_s * 1000 > lab.options.most_gap_ms:
        raise LabError(f"{gap_s * 1000:.0f} ms without a byte, at most {lab.options.most_gap_ms} were wanted")
