# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured: rows, tables, and the ratios that count."""
import statistics

ORDER = ("direct", "mptcp", "braid", "braid unsteady", "haproxy", "haproxy defaults", "socks", "shadowsocks")
HIGHER, LOWER = "higher", "lower"
BOTH_WAYS = ("up", "down")


class Results:
    def __init__(self):
        self.values = {}        # (test, system, direction, unit): [figure of each run]
        self.failures = []      # (test, system, direction, what was seen)
        self.best_peer = None   # the HAProxy pair's settings that were chosen

    def add(self, test, system, direction, unit, value):
        self.values.setdefault((test, system, direction, unit), []).append(value)

    def fail(self, test, system, direction, error):
        self.failures.append((test, system, direction, str(error)))

    def rows(self):
        """In an order that doesn't depend on who came first."""
        return sorted(self._rows(), key=lambda row: (test_order(row["test"]), row["direction"], row["unit"], system_order(row["system"])))

    def _rows(self):
        return [{"test": test, "system": system, "direction": direction, "unit": unit, "runs": runs, "median": statistics.median(runs),
                 "min": min(runs), "max": max(runs)} for (test, system, direction, unit), runs in self.values.items()]

    def runs(self, test, system, direction, unit=None):
        """The figures; empty where the cell was not run. The unit only where a test has several."""
        for (a_test, a_system, a_direction, a_unit), runs in self.values.items():
            if (a_test, a_system, a_direction) == (test, system, direction) and unit in (None, a_unit):
                return runs
        return []

    def median(self, test, system, direction, unit=None):
        runs = self.runs(test, system, direction, unit)
        return statistics.median(runs) if runs else None

    def tests(self):
        return list(dict.fromkeys((row["test"], row["direction"], row["unit"]) for row in self.rows()))


def test_order(test):
    """Tests of so many connections first, by their number."""
    head = test.split()[0]
    return (0, int(head), test) if head.isdigit() else (1, 0, test)


def system_order(system):
    return (ORDER.index(system), "") if system in ORDER else (len(ORDER), system)


def shown(value):
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def table(results):
    """Every cell, a system a line: median, worst run, how far apart, and all runs."""
    lines = []
    for test, direction, unit in results.tests():
        lines.append(f"\n{test}, {direction} ({unit})" if direction else f"\n{test} ({unit})")
        lines.append(f"  {'':24}{'median':>10}{'min':>10}{'max':>10}{'min/med':>9}  runs")
        for row in results.rows():
            if (row["test"], row["direction"], row["unit"]) != (test, direction, unit):
                continue
            steady = row["min"] / row["median"] if row["median"] else 0
            lines.append(f"  {row['system']:24}{shown(row['median']):>10}{shown(row['min']):>10}{shown(row['max']):>10}{steady:>9.2f}  "
                         + " ".join(map(shown, row["runs"])))
    for test, system, direction, what in results.failures:
        lines.append(f"\nFAILED: {test} {direction}, {system}: {what.strip()}")
    return "\n".join(lines)


class Lines:
    """Lines of (what, ratio, bar, aim, which is better, whether the bar is met); a ratio whose cells were not run isn't there."""

    def __init__(self):
        self.lines = []

    def put(self, what, above, below, bar, aim, better=HIGHER):
        if above is None or not below:
            return
        ratio = above / below
        met = bar is None or (ratio >= bar if better == HIGHER else ratio <= bar)
        self.lines.append((what, ratio, bar, aim, better, met))

    def text(self):
        rows = [f"  {'':62}{'ratio':>8}{'bar':>8}{'aim':>8}"]
        for what, ratio, bar, aim, better, met in self.lines:
            sign = ">=" if better == HIGHER else "<="
            verdict = "" if bar is None else ("met" if met else "NOT MET")
            rows.append(f"  {what:62}{ratio:>8.2f}{(sign + str(bar)) if bar else '':>8}{aim or '':>8}  {verdict}")
        return "\n".join(rows)

    def rows(self):
        """For JSON."""
        return [dict(zip(("what", "ratio", "bar", "aim", "better", "met"), line)) for line in self.lines]


class Ratios(Lines):
    def __init__(self, results):
        super().__init__()
        self.results = results
        self.peers = list(dict.fromkeys(system for _, system, _, _ in results.values if system not in ("braid", "braid unsteady", "direct", "mptcp")
                                        and not system.startswith("haproxy ")))

    def best(self, test, direction, of=statistics.median):
        """The best peer's median (or other figure)."""
        figures = [of(runs) for peer in self.peers if (runs := self.results.runs(test, peer, direction))]
        return max(figures, default=None)

    def one_connection(self):
        test = "1 connection"
        for direction in BOTH_WAYS:
            runs = self.results.runs(test, "braid", direction)
            if not runs:
                continue
            median = statistics.median(runs)
            self.put(f"{test} {direction}: median, to the best peer's", median, self.best(test, direction), 1.1, 1.5)
            haproxy = self.results.runs(test, "haproxy", direction)
            self.put(f"{test} {direction}: slowest, to the HAProxy pair's slowest", min(runs), min(haproxy, default=None), 3, 10)
            self.put(f"{test} {direction}: median, to direct", median, self.results.median(test, "direct", direction), 0.60, 0.80)
            self.put(f"{test} {direction}: slowest, to the median", min(runs), median, 0.85, 0.95)

    def many_connections(self):
        for test in ("16 connections", "256 connections"):
            for direction in BOTH_WAYS:
                self.put(f"{test} {direction}: median, to the best peer's", self.results.median(test, "braid", direction),
                         self.best(test, direction), 1.2, None)

    def cpu(self):
        for test in ("CPU of both daemons", "CPU of the machine"):
            bars = ((0.95, 0.7), (0.35, 0.25)) if test == "CPU of both daemons" else ((None, None), (None, None))
            for direction in BOTH_WAYS:
                braid = self.results.median(test, "braid", direction)
                for peer, (bar, aim) in zip(("haproxy", "haproxy defaults"), bars):
                    self.put(f"{test} {direction}: to {peer}", braid, self.results.median(test, peer, direction), bar, aim, LOWER)

    def sessions(self):
        median = self.results.median
        test = "new sessions"
        self.put(f"{test} a second, to the HAProxy pair", median(test, "braid", "", "1/s"), median(test, "haproxy", "", "1/s"), 1.0, 1.5)
        self.put(f"{test}: p99 latency, to the HAProxy pair", median(test + ", p99", "braid", "", "ms"), median(test + ", p99", "haproxy", "", "ms"),
                 1.0, None, LOWER)
        test = "kept connections"
        self.put(f"{test}: requests a second, to the HAProxy pair", median(test, "braid", "", "1/s"), median(test, "haproxy", "", "1/s"), None, None)
        self.put("first byte: added to direct, in ms", self._added("first byte"), 1, None, None, LOWER)
        self.put("small exchange: added to direct, in ms", self._added("small exchange"), 1, 0.1, None, LOWER)

    def beside(self, crowd, queue, alone):
        """What a small request waits because of others: in the crowd, and in the links' queues."""
        median = self.results.median
        for direction in BOTH_WAYS:
            self.put(f"{crowd}, {direction}: p99, to direct", median(f"{crowd}, p99", "braid", direction), median(f"{crowd}, p99", "direct", direction),
                     3, None, LOWER)
            loaded, idle = median(f"{queue}, median", "braid", direction), median(alone, "braid", "")
            if loaded is not None and idle is not None:
                self.put(f"{queue}, {direction}: added, in ms", loaded - idle, 1, None, None, LOWER)

    def _added(self, test):
        braid, direct = (self.results.median(test, system, "", "ms") for system in ("braid", "direct"))
        return None if braid is None or direct is None else braid - direct

    def shaped(self, sums_bps):
        """sums_bps: what the links of each shaped test add up to."""
        for test, (sum_bps, bar, aim) in sums_bps.items():
            for direction in (*BOTH_WAYS, "both, up", "both, down"):
                braid = self.results.median(test, "braid", direction)
                self.put(f"{test} {direction}: to the sum of the links", braid, sum_bps / 1e9, bar, aim)
                self.put(f"{test} {direction}: to the HAProxy pair", braid, self.results.median(test, "haproxy", direction), None, None)

    def rules(self, tests):
        for test in tests:
            for direction in BOTH_WAYS:
                self.put(f"{test}, {direction}: to without them", self.results.median(test, "braid", direction),
                         self.results.median(test, "braid unsteady", direction), 0.97, None)
