# SPDX-License-Identifier: GPL-2.0-or-later
"""The worst day: random faults of the links, one after the other and several at a time, never all at once, while known bytes go both ways.

Silence, carrier, address, bursts of loss, reordering, duplication, a smaller MTU with and without a word of it: drawn from --seed, over three links of which one at least has no fault at
any time. Meanwhile one host downloads, uploads, exchanges a few bytes five times a second, keeps a connection that says nothing, and begins a new one every half second. Every byte is
looked at, and no connection may end before it is told to; but for a few of the new ones, whose only link may go before they have joined another.
"""
import os
import time

from braidlab import plan
from braidlab.daemons import Streams
from braidlab.errors import LabError, until
from braidlab.live import mbit, table
from braidlab.topology import Access

OPTIONS = {
    "faults": (200, "how many"),
    "seconds": (600.0, "over which they are spread"),
    "seed": (1, "of the faults; 0: another one each time"),
    "most_stall_s": (15.0, "a longer time without a byte, in any connection, is a failure"),
}
LINKS = (("dsl", 10_000_000, 4_000_000, 20), ("lte", 15_000_000, 6_000_000, 45), ("cable", 8_000_000, 3_000_000, 30))
DEVICE_MTU = 1500
BEGINS_S = 2.0            # until slow start is over, before the first fault
SETTLES_S = 20            # for the links to be taken up again in the end
SHOWN = 3                 # stalls of each connection
LOST_MOST, LOST_FEW = 0.005, 3      # of the new ones, as in tests/net/test_churn.py; and in a short run
LOST = ("ConnectionResetError", "TimeoutError")


class Stage:
    """The network under the faults."""

    def __init__(self, lab):
        self.lab, self.net = lab, lab.net

    def _mtu(self, access, n_bytes):
        for node in (self.net.gateway, self.net.core):
            node.ip(f"link set {access.name} mtu {n_bytes}")

    def act(self, fault, is_over):
        """It begins, or is over."""
        access = self.net.links[fault.link]
        if fault.settings:
            access.link.set(**plan.settings_of(fault, is_over))
        elif fault.kind == "mtu":
            self._mtu(access, DEVICE_MTU if is_over else fault.mtu)
        elif is_over:
            self.net.give_back(access, fault.kind, fault.address)
        else:
            self.net.lose(access, fault.kind)

    def play(self, faults, begun_at, running):
        """All of them, at their times."""
        acts = sorted([(fault.begin_s, fault, False) for fault in faults] + [(fault.end_s, fault, True) for fault in faults], key=lambda act: act[0])
        for number, (at_s, fault, is_over) in enumerate(acts):
            time.sleep(max(0.0, begun_at + at_s - time.monotonic()))
            self.act(fault, is_over)
            self.lab.braid.check()
            for program in running:
                program.check()
            if number % 40 == 0:
                self.lab.say(f"{at_s:4.0f} s: {(number + 1) // 2} of {len(faults)} faults")


def settle(lab):
    """Until every link carries the download again; how soon that is to be, the scenario returns shows."""
    try:
        until(lambda: all(lab.meter.rates_bps(access.name)[1] > access.down_bps / 2 for access in lab.net.links), SETTLES_S, "every link to carry the download again")
    except LabError as error:
        lab.say(str(error))


def again(lab, seed):
    return f"run it again: lab/braid-lab run faults --seed {seed} --faults {lab.options.faults} --seconds {lab.options.seconds:g}"


def under_way(lab, faults, begin_s, end_s):
    """What went on meanwhile, in words."""
    return "; ".join(f"{lab.net.links[fault.link].name}: {plan.words(fault)}" for fault in faults if fault.begin_s < end_s and fault.end_s > begin_s - 1) or "nothing"


def show(lab, faults, begun_at, seen):
    rows = [[kind, told["n_connections"], f"{told['n_bytes'] / 1e6:.1f} MB", f"{told['stalls'][0][0]:.2f} s" if told["stalls"] else "below 0.1 s"] for kind, told in seen.items()]
    lab.say(table(rows, ["", "connections", "each byte right", "longest wait for one"]))
    for kind, told in seen.items():
        for length_s, at in told["stalls"][:SHOWN]:
            begin_s = at - begun_at
            lab.say(f"{kind}: {length_s:.2f} s from {begin_s:.1f} s on: {under_way(lab, faults, begin_s, begin_s + length_s)}")


def failures(lab, faults, begun_at, seen):
    lines = []
    for kind, told in seen.items():
        lost = [text for _, text in told["failures"] if text.startswith(LOST)]
        are_few = kind == "fresh" and len(lost) == len(told["failures"]) and len(lost) <= max(LOST_FEW, LOST_MOST * told["n_connections"])
        if lost:
            lab.say(f"{kind}: {len(lost)} of {told['n_connections']} lost")
        lines += [f"{kind}, {at - begun_at:.1f} s: {text} ({under_way(lab, faults, at - begun_at - 10, at - begun_at)})" for at, text in told["failures"] if not are_few]
        lines += [f"{kind}: no byte for {length_s:.1f} s from {at - begun_at:.1f} s on" for length_s, at in told["stalls"] if length_s > lab.options.most_stall_s]
    return lines


def run(lab):
    seed = lab.options.seed or int.from_bytes(os.urandom(3), "big")
    lab.standard([Access(*link) for link in LINKS])
    faults = plan.faults(seed, lab.options.faults, lab.options.seconds, len(LINKS))
    streams, stage = Streams(lab.net.server), Stage(lab)
    clients = {kind: streams.start(lab.net.host, kind, seed) for kind in Streams.KINDS}
    lab.screen.begin(f"{len(faults)} faults, seed {seed}")
    time.sleep(BEGINS_S)
    begun_at = time.monotonic()
    try:
        stage.play(faults, begun_at, clients.values())
        for access in lab.net.links:
            lab.braid.wait_link(access, timeout_s=SETTLES_S)
        settle(lab)
        seen = {kind: streams.end(program) for kind, program in clients.items()}
    except LabError as error:
        raise LabError(f"seed {seed}, {time.monotonic() - begun_at:.1f} s: {error}\n{again(lab, seed)}") from None
    show(lab, faults, begun_at, seen)
    lab.say(f"{len(faults)} faults within {lab.options.seconds:g} s, seed {seed}; {mbit(8 * seen['down']['n_bytes'] / lab.options.seconds)} Mbit/s down, "
            f"{mbit(8 * seen['up']['n_bytes'] / lab.options.seconds)} up")
    if wrong := failures(lab, faults, begun_at, seen):
        raise LabError("\n".join([f"seed {seed}:", *wrong, again(lab, seed)]))
