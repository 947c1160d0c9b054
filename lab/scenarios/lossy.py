# SPDX-License-Identifier: GPL-2.0-or-later
"""One link loses packets: what both carry together, against the clean one alone, with different congestion controls.

A loss-based congestion control keeps a lossy link nearly empty, and waits for what was lost on it can hold up the clean one.
"""
from braidlab.live import mbit, table

OPTIONS = {
    "loss_percent": (1.0, "of the packets on the lossy link, both ways"),
    "lossy": ("lte", "the link that loses them"),
    "burst": (1, "mean number of packets lost in a row"),
    "congestion": ("cubic,bbr", "congestion controls to try"),
    "seconds": (8, "length of each transfer"),
    "skip": (3.0, "seconds at its start that don't count"),
}


def run(lab):
    rows = []
    lab.standard()
    lossy = lab.net.link(lab.options.lossy)
    lossy.link.set(loss_ppm=int(lab.options.loss_percent * 10_000), loss_burst=lab.options.burst)
    for congestion in lab.options.congestion.split(","):
        lab.braid.restart({"relay.congestion": congestion})
        with lab.only(*(access for access in lab.net.links if access is not lossy)):
            clean = lab.goodput_bps(f"{congestion}: without {lossy.name}")
        both = lab.goodput_bps(f"{congestion}: both links")
        rows.append([congestion, mbit(clean), mbit(both), f"{both / clean:.2f}"])
    lab.say(f"{lossy.name} loses {lab.options.loss_percent:g} % of its packets; Mbit/s down at the host")
    lab.say(table(rows, ["congestion control", f"without {lossy.name}", "both links", "both over clean"]))
