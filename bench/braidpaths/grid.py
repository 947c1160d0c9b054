# SPDX-License-Identifier: GPL-2.0-or-later
"""The grid: its axes, its cells, the sample, and how long and how heavy a cell is. No I/O."""
import dataclasses
import itertools
import math
import random

KBIT, MBIT = 1_000, 1_000_000
PACKET_BYTES = 1500
SEED = 8
UP, DOWN = "up", "down"

LOW = "2.4 kbit/s"
RATES_BPS = {LOW: 2_400, "1 Mbit/s": MBIT, "10 Mbit/s": 10 * MBIT, "100 Mbit/s": 100 * MBIT, "500 Mbit/s": 500 * MBIT}
RATIOS = {"1:1": 1, "1:3": 3, "1:10": 10}
RTTS_MS = {"5 ms": (5, 5), "50 ms": (50, 50), "200 ms": (200, 200), "600 ms": (600, 600), "10/100 ms": (10, 100), "20/600 ms": (20, 600)}
# Both links lose so many packets in a million, in bursts of a mean length.
LOSSES = {"no loss": (0, 1), "0.1 % loss": (1_000, 1), "1 % loss": (10_000, 1), "5 % loss": (50_000, 1), "bursts of loss": (10_000, 10)}
BURST_LEAST_MS, BURST_PACKETS = 200, 5     # a burst is over after so long, or so many times what its packets take on average, as a radio link's is: whoever sends one packet a second isn't kept in it
# In round trips, between so many packets and so many milliseconds (or one round trip, where that is more).
QUEUES = {"short queue": (0.3, 8, 1000), "queue of a round trip": (1, 16, 1000), "bloated queue": (4, 32, 1000)}
BLOATED_LEAST_MS = 200
AXES = {"rate": RATES_BPS, "ratio": RATIOS, "rtt": RTTS_MS, "loss": LOSSES, "queue": QUEUES, "way": {DOWN: DOWN, UP: UP}}

LOW_LINKS, LOW_BYTES, LOW_LIMIT_S = 4, 60_000, 240   # one link alone would need 200 s for them at least
BBR_FROM_PPM = 10_000     # of losses: what `auto` ends with
AUTO_SETTLES_S = 5        # until it has changed
# Where the beginning is cut short, what a queue lost that ran over is mended within the measurement, and brings more than the links carry.
SKIP_LEAST_S, SKIP_MOST_S, LIGHT_SKIP_MOST_S, WINDOW_LEAST_S, WINDOW_MOST_S = 2, 10, 20, 3, 12
# Five round trips of a link that loses packets say little: one packet that is lost three times, at the measurement's end, takes as long. What is light runs beside the others, and for longer.
WINDOW_ROUND_TRIPS = 16
LIGHT_MBIT, LIGHT_WINDOW_ROUND_TRIPS, LIGHT_WINDOW_MOST_S = 25, 24, 20
TURN_S = 1.5              # a network made and taken away, a daemon started
LIGHT_ROUNDS, ROUNDS, LONG_ROUNDS, LONG_S = 4, 3, 2, 7
SYSTEMS = 3
# Side by side run as many cells as two cores bear: the sum of the links' rates, in Mbit/s. The heaviest count no more than CELL_MOST: what is light runs beside them.
SIDE_BY_SIDE_MBIT, CELL_MOST_MBIT, SIDE_BY_SIDE_CELLS = 300, 250, 8


@dataclasses.dataclass(frozen=True)
class Link:
    rate_bps: int
    rtt_ms: int
    queue_ms: int
    loss_ppm: int = 0
    loss_burst: int = 1

    @property
    def loss_burst_ms(self):
        return max(BURST_LEAST_MS, BURST_PACKETS * self.loss_burst * PACKET_BYTES * 8 * 1000 // self.rate_bps) if self.loss_burst > 1 else 0

    def loaded_s(self):
        return (self.rtt_ms + self.queue_ms) / 1000


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str
    links: tuple
    way: str
    values: tuple = ()        # of the axes, in their order; none for cells outside of the grid
    least_s: float = 0        # it is measured for so long, at least

    @property
    def n_bytes(self):
        """How long the bonded transfer is, where bytes bound it; 0: time does."""
        return LOW_BYTES if self.links[0].rate_bps <= RATES_BPS[LOW] else 0

    @property
    def congestion(self):
        """What the links alone and the kernel's own MPTCP have: what Braid's `auto` ends with."""
        return "bbr" if any(link.loss_ppm >= BBR_FROM_PPM for link in self.links) else "cubic"

    def is_unequal_or_lossy(self):
        one, *others = self.links
        return any((link.rate_bps, link.rtt_ms) != (one.rate_bps, one.rtt_ms) or link.loss_ppm for link in (*others, one))


def queue_ms(name, rate_bps, rtt_ms):
    round_trips, least_packets, most_ms = QUEUES[name]
    least_ms = BLOATED_LEAST_MS if name == "bloated queue" else 0
    wanted_ms = min(max(round_trips * rtt_ms, least_ms), max(most_ms, rtt_ms))
    return math.ceil(max(wanted_ms, least_packets * PACKET_BYTES * 8 * 1000 / rate_bps))


def grid_cell(values):
    rate, ratio, rtt, loss, queue, way = values
    n_links = LOW_LINKS if rate == LOW else 2
    links = []
    for number in range(n_links):
        rate_bps = RATES_BPS[rate] // (RATIOS[ratio] if number % 2 else 1)
        rtt_ms = RTTS_MS[rtt][number % 2]
        links.append(Link(rate_bps, rtt_ms, queue_ms(queue, rate_bps, rtt_ms), *LOSSES[loss]))
    return Cell(f"{rate} {ratio}, {rtt}, {loss}, {queue}, {way}", tuple(links), way, values)


def whole_grid():
    """A tenth of 2.4 kbit/s is nobody's link: there are four alike."""
    return [grid_cell(values) for values in itertools.product(*AXES.values()) if values[0] != LOW or values[1] == "1:1"]


def profile(cell, link):
    """What whoever has such a link would say of it to Braid; None: nothing."""
    return "lowrate" if cell.n_bytes else "lossy" if link.loss_ppm >= BBR_FROM_PPM else None


def _named(name, *links):
    return [Cell(f"{name}, {way}", links, way) for way in (DOWN, UP)]


def named_cells():
    """A bad link beside a good one: what must not spoil it."""
    return [*_named("5 % loss beside a clean link", Link(50 * MBIT, 30, 30), Link(50 * MBIT, 30, 30, 50_000)),
            *_named("400 ms of queue beside a clean link", Link(50 * MBIT, 20, 20), Link(50 * MBIT, 20, 400)),
            *_named("a twentieth of the rate", Link(100 * MBIT, 20, 20), Link(5 * MBIT, 20, 40)),
            *_named("90 Mbit/s 20 ms + 5 Mbit/s 400 ms", Link(90 * MBIT, 20, 20), Link(5 * MBIT, 400, 400))]


def asked_cells():
    """What users of bonding routers ask for first: with such a link beside it, the better one is to bring what it brings alone. Too long for the sample."""
    return [*_named("100 Mbit/s 20 ms + 5 Mbit/s 1 s", Link(100 * MBIT, 20, 20), Link(5 * MBIT, 1000, 1000)),
            *_named("20 % loss beside a clean link", Link(50 * MBIT, 30, 30), Link(50 * MBIT, 30, 30, 200_000)),
            *_named("800 ms beside a clean link", Link(50 * MBIT, 20, 20), Link(50 * MBIT, 820, 820))]


def sample(seed=SEED, n_each=3):
    """Cells of the grid such that each value of each axis is there n_each times at least: from the grid in an order drawn with the seed, again and again the first of those cells
    that bring the most values of which there are too few."""
    cells = whole_grid()
    random.Random(seed).shuffle(cells)
    short = {(axis, value): n_each for axis, values in AXES.items() for value in values}
    chosen = []
    while any(short.values()):
        best = max(cells, key=lambda cell: sum(short[key] > 0 for key in zip(AXES, cell.values)))
        cells.remove(best)
        chosen.append(best)
        for key in zip(AXES, best.values):
            short[key] = max(short[key] - 1, 0)
    return chosen


def sampled(seed=SEED):
    return [*named_cells(), *sample(seed)]


def quick():
    """The named ones down, and two that are equal and clean."""
    clean = [grid_cell((rate, "1:1", "50 ms", "no loss", "queue of a round trip", way)) for rate, way in (("10 Mbit/s", UP), ("100 Mbit/s", DOWN))]
    return [cell for cell in named_cells() if cell.way == DOWN] + clean


def every_cell():
    return [*named_cells(), *asked_cells(), *whole_grid()]


def skip_s(cell):
    """Slow start, some round trips of the loaded link, and until `auto` has changed its mind."""
    begins_s = AUTO_SETTLES_S if cell.congestion == "bbr" else 1
    most_s = LIGHT_SKIP_MOST_S if is_light(cell) else SKIP_MOST_S
    return 0 if cell.n_bytes else max(SKIP_LEAST_S, min(most_s, begins_s + 8 * max(link.loaded_s() for link in cell.links)))


def load_mbit(cell):
    """What it takes of the machine, at most."""
    return min(sum(link.rate_bps for link in cell.links) / MBIT, CELL_MOST_MBIT)


def is_light(cell):
    return load_mbit(cell) <= LIGHT_MBIT


def window_s(cell):
    """What is measured: some round trips, and sixty packets of the slowest link, within bounds, or for as long as was asked. Of a transfer that bytes bound, its limit."""
    if cell.n_bytes:
        return LOW_LIMIT_S
    round_trips, most_s = (LIGHT_WINDOW_ROUND_TRIPS, LIGHT_WINDOW_MOST_S) if is_light(cell) else (WINDOW_ROUND_TRIPS, WINDOW_MOST_S)
    slowest_bps = min(link.rate_bps for link in cell.links)
    wanted_s = max(round_trips * max(link.loaded_s() for link in cell.links), 60 * 8 * PACKET_BYTES / slowest_bps)
    return max(cell.least_s, min(most_s, max(WINDOW_LEAST_S, wanted_s)))


def rounds(cell, most=LIGHT_ROUNDS):
    """Of each system, unless fewer are asked for: more of what is light, fewer where a run is long and others wait for it."""
    if cell.n_bytes:
        return 1
    return min(most, LIGHT_ROUNDS if is_light(cell) else LONG_ROUNDS if skip_s(cell) + window_s(cell) > LONG_S else ROUNDS)


def expected_s(cell, n_rounds):
    return n_rounds * SYSTEMS * (skip_s(cell) + window_s(cell) + TURN_S)


def weight(cell, n_rounds):
    """What is heavy and long begins first: the rest runs beside it."""
    return load_mbit(cell) * expected_s(cell, n_rounds)


def fits_beside(cell, running):
    return len(running) < SIDE_BY_SIDE_CELLS and sum(map(load_mbit, running)) + load_mbit(cell) <= SIDE_BY_SIDE_MBIT
