# SPDX-License-Identifier: GPL-2.0-or-later
"""Random faults of links, made from a seed: which, where, when. No I/O.

Time is cut into slots. In each, all links but one have a fault of their own somewhere within it, so that at any time one link at least has none.
"""
import dataclasses
import math
import random

BOTH, UP, DOWN = "both ways", "up", "down"
LEAST_S = 0.1
ADDRESSES = 250           # that a provider has to give


@dataclasses.dataclass(frozen=True)
class Fault:
    begin_s: float
    end_s: float
    link: int
    kind: str
    way: str
    settings: tuple = ()      # of the link emulator while it lasts: ((key, value), ...)
    mtu: int = 0              # of the link's devices, while it lasts
    address: int = 0          # which of the provider's the gateway has on it from its end on


def _loss(dice):
    return {"loss_ppm": int(10 ** dice.uniform(4.5, 5.8)), "loss_burst": dice.choice((1, 1, 3, 10, 30))}


def _reorder(dice):
    return {"reorder_ppm": int(10 ** dice.uniform(4, 5.7)), "reorder_us": int(10 ** dice.uniform(3, 5))}


def _duplicate(dice):
    return {"duplicate_ppm": int(10 ** dice.uniform(4, 6))}


# What the link emulator does to packets, either way or both. `hole`: what is longer is lost, and nobody is told.
PACKETS = {"silence": lambda dice: {"silence": 1}, "loss": _loss, "reordering": _reorder, "duplication": _duplicate, "hole": lambda dice: {"mtu": dice.randrange(600, 1460)}}
# What happens to the device. `mtu`: routers know it, and tell.
KINDS = (*PACKETS, "carrier", "address", "mtu")


def _fault(dice, kind, link, begin_s, end_s, number):
    way = dice.choice((BOTH, BOTH, UP, DOWN)) if kind in PACKETS else BOTH
    settings = PACKETS[kind](dice) if kind in PACKETS else {}
    return Fault(begin_s, end_s, link, kind, way, tuple(settings.items()), mtu=dice.randrange(1280, 1460) if kind == "mtu" else 0, address=1 + number % ADDRESSES if kind == "address" else 0)


def faults(seed, n_faults, seconds, n_links):
    """In the order in which they begin."""
    dice = random.Random(seed)
    n_lanes = n_links - 1
    slot_s = seconds / math.ceil(n_faults / n_lanes)
    made, kinds = [], []
    while len(made) < n_faults:
        first_s = len(made) // n_lanes * slot_s
        for link in dice.sample(range(n_links), min(n_lanes, n_faults - len(made))):
            kinds = kinds or dice.sample(KINDS, len(KINDS))
            begin, end = sorted(dice.uniform(first_s, first_s + slot_s) for _ in range(2))
            begin = min(begin, first_s + slot_s - LEAST_S)
            made.append(_fault(dice, kinds.pop(), link, begin, max(end, begin + LEAST_S), len(made) + 1))
    return sorted(made, key=lambda fault: fault.begin_s)


def settings_of(fault, is_over):
    """What the link emulator is to be told when the fault begins, or is over."""
    prefix = {BOTH: "", UP: "ab__", DOWN: "ba__"}[fault.way]
    return {prefix + key: (1 if key == "loss_burst" else 0) if is_over else value for key, value in fault.settings}


def words(fault):
    values = ", ".join(f"{key} {value}" for key, value in fault.settings if key != "silence") or (f"{fault.mtu} bytes" if fault.mtu else "")
    return f"{fault.kind}{' ' + values if values else ''}{'' if fault.way == BOTH else ' ' + fault.way}, {fault.begin_s:.2f} to {fault.end_s:.2f} s"
