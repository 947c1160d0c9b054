# SPDX-License-Identifier: GPL-2.0-or-later
"""One link loses packets: what both carry together, against the clean one alone, with different congestion controls.

A loss-based congestion control keeps a lossy link nearly empty, and waits for what was lost on it can hold up the clean one.
"""
from braidlab.live import mbit, table
from braidlab.measures import steady_bps
from braidlab.traffic import iperf

OPTIONS = {
    "loss_percent": (1.0, "of the packets on the lossy link, both ways"),
    "lossy": ("lte", "the link that loses them"),
    "burst": (1, "mean number of packets lost in a row"),
    "congestion": ("cubic,bbr", "congestion controls to try"),
    "seconds": (8, "length of each transfer"),
    "skip": (3.0, "seconds at its start that don't count"),
}


def goodput(lab, title):
    lab.meter.wait_idle()
    lab.screen.begin(title)
    bps = steady_bps(iperf(lab.net.host, lab.options.seconds, True), lab.options.skip)
    lab.servers.wait_idle()
    return bps


def run(lab):
    rows = []
    lab.standard()
    lossy = lab.net.link(lab.options.lossy)
    lossy.link.set(loss_ppm=int(lab.options.loss_percent * 10_000), loss_burst=lab.options.burst)
    for congestion in lab.options.congestion.split(","):
        lab.braid.restart({"relay.congestion": congestion})
        lossy.link.lose_carrier()
        lab.braid.wait_link(lossy, False)
        clean = goodput(lab, f"{congestion}: without {lossy.name}")
        lossy.link.regain_carrier()
        lab.braid.wait_link(lossy)
        both = goodput(lab, f"{congestion}: both links")
        rows.append([congestion, mbit(clean), mbit(both), f"{both / clean:.2f}"])
    lab.say(f"{lossy.name} loses {lab.options.loss_percent:g} % of its packets; Mbit/s down at the host")
    lab.say(table(rows, ["congestion control", f"without {lossy.name}", "both links", "both over clean"]))
