# SPDX-License-Identifier: GPL-2.0-or-later
"""What the figures of cells say: efficiency, and which bars are met. No I/O."""
import dataclasses
import math
import statistics

from braidbench.results import Lines

EFFICIENCY_BAR, EFFICIENCY_AIM, NINE_OF_TEN_BAR = 0.95, 0.97, 0.90
BEST_LINK_BAR, KERNEL_BAR, KERNEL_HARD_BAR = 0.95, 0.97, 1.0
LOW_BAR, LOW_AIM = 2.5, 3.6
CARRIES = 0.02    # of the bytes of all links


@dataclasses.dataclass
class Figures:
    """Of a cell, in bit/s: of each link alone, Braid, and the kernel's MPTCP from end to end, each run's."""
    cell: object
    alone: list       # of a list for each link
    braid: list
    kernel: list

    def _alone(self):
        return [statistics.median(runs) for runs in self.alone]

    def is_whole(self):
        """Whether there is something to judge: ratios to nothing are none."""
        return bool(self.braid and self.kernel and self.alone and all(self.alone) and min(self._alone()) > 0 and statistics.median(self.kernel) > 0)

    @property
    def efficiency(self):
        return statistics.median(self.braid) / sum(self._alone())

    @property
    def kernel_efficiency(self):
        return statistics.median(self.kernel) / sum(self._alone())

    @property
    def slowest_to_best(self):
        """Of Braid's runs, to the better link alone."""
        return min(self.braid) / max(self._alone())

    @property
    def kernel_slowest_to_best(self):
        return min(self.kernel) / max(self._alone())

    @property
    def to_kernel(self):
        return statistics.median(self.braid) / statistics.median(self.kernel)

    @property
    def over_one(self):
        """To a link as they are on average."""
        return statistics.median(self.braid) / statistics.mean(self._alone())

    def misses(self):
        """The names of the bars that this cell alone misses."""
        bars = (("efficiency", self.efficiency, NINE_OF_TEN_BAR), ("best link", self.slowest_to_best, BEST_LINK_BAR), ("kernel", self.to_kernel, KERNEL_BAR))
        return [name for name, seen, bar in bars if seen < bar]


def reached_by(values, share):
    """What so large a share of the values comes up to."""
    return sorted(values, reverse=True)[max(math.ceil(share * len(values)), 1) - 1]


def judge(figures):
    """The bars, over all cells that are whole; and whether all are."""
    whole = [one for one in figures if one.is_whole()]
    lines = Lines()
    lines.put("cells measured, share", len(whole), len(figures), 1.0, None)
    if not whole:
        return lines
    efficiencies = [one.efficiency for one in whole]
    lines.put(f"efficiency, median of {len(whole)} cells", statistics.median(efficiencies), 1, EFFICIENCY_BAR, EFFICIENCY_AIM)
    lines.put("efficiency, nine of ten cells reach", reached_by(efficiencies, 0.9), 1, NINE_OF_TEN_BAR, None)
    lines.put("slowest run to the best link alone, worst cell", min(one.slowest_to_best for one in whole), 1, BEST_LINK_BAR, None)
    lines.put("to the kernel's MPTCP, median of cells", statistics.median(one.to_kernel for one in whole), 1, None, None)
    lines.put("to the kernel's MPTCP, worst cell", min(one.to_kernel for one in whole), 1, KERNEL_BAR, None)
    if hard := [one.to_kernel for one in whole if one.cell.is_unequal_or_lossy()]:
        lines.put("to the kernel's MPTCP, worst unequal or lossy cell", min(hard), 1, KERNEL_HARD_BAR, None)
    for one in whole:
        if one.cell.n_bytes:
            lines.put(f"over one link: {one.cell.name}", one.over_one, 1, LOW_BAR, LOW_AIM)
    lines.put("for comparison, the kernel's MPTCP: efficiency, median", statistics.median(one.kernel_efficiency for one in whole), 1, None, None)
    lines.put("for comparison, the kernel's MPTCP: slowest to the best link", min(one.kernel_slowest_to_best for one in whole), 1, None, None)
    return lines


def idle_links(runs):
    """How many links stood idle, for each run in which any did, given the bytes that each link carried: what else goes over a link is less than CARRIES. A connection that
    is Multipath TCP by name alone shows here."""
    idle = [sum(n < CARRIES * sum(carried) for n in carried) for carried in runs]
    return [n for n in idle if n]


def stood_aside(runs):
    """In how many runs a link did at their end, and which."""
    asides = [run["aside"] for run in runs if run.get("aside")]
    return len(asides), sorted({name for names in asides for name in names})


def row(one):
    """A cell for JSON."""
    cell = one.cell
    said = {"cell": cell.name, "way": cell.way, "values": list(cell.values), "congestion": cell.congestion,
            "links": [dataclasses.asdict(link) for link in cell.links],
            "alone_bps": [{"runs": runs, "median": statistics.median(runs)} for runs in one.alone if runs],
            **{f"{name}_bps": {"runs": runs, "median": statistics.median(runs), "min": min(runs), "max": max(runs)}
               for name, runs in (("braid", one.braid), ("kernel", one.kernel)) if runs}}
    if one.is_whole():
        said |= {name: getattr(one, name) for name in ("efficiency", "slowest_to_best", "to_kernel", "kernel_efficiency", "kernel_slowest_to_best")}
        said["misses"] = one.misses()
    return said


def shown(bps):
    if bps < 1e5:
        return f"{bps / 1e3:.2f}k"
    return f"{bps / 1e6:.2f}" if bps < 1e8 else f"{bps / 1e6:.0f}"


def table(figures):
    """A line a cell: medians, the slowest beside them, the ratios, what it misses."""
    lines = [f"{'Mbit/s (k: kbit/s)':69}{'alone':>16}{'braid':>8}{'slowest':>8}{'kernel':>8}{'slowest':>8}{'of sum':>8}{'to best':>8}{'to kernel':>10}  misses"]
    for one in figures:
        alone = "+".join(shown(statistics.median(runs)) if runs else "?" for runs in one.alone)
        figured = [shown(of(runs)) if runs else "-" for runs in (one.braid, one.kernel) for of in (statistics.median, min)]
        ratios = [f"{one.efficiency:.2f}", f"{one.slowest_to_best:.2f}", f"{one.to_kernel:.2f}"] if one.is_whole() else ["-"] * 3
        lines.append(f"{one.cell.name:69}{alone:>16}" + "".join(f"{value:>8}" for value in (*figured, *ratios[:2])) + f"{ratios[2]:>10}  "
                     + (", ".join(one.misses()) if one.is_whole() else "not whole"))
    return "\n".join(lines)
