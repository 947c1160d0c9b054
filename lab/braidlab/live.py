# SPDX-License-Identifier: GPL-2.0-or-later
"""What people see while a scenario runs: on a terminal a bar per link with its present rate, without one plain lines."""
import sys
import threading

BAR_COLUMNS = 48
COLOURS = (36, 33, 35, 34)      # cyan, yellow, magenta, blue


def mbit(bps):
    return f"{bps / 1e6:.1f}"


class Screen:
    def __init__(self, links):
        self.links = links
        self.live = sys.stdout.isatty()
        self.lock = threading.Lock()
        self.title, self.down = None, True
        self.n_drawn = 0

    def say(self, text=""):
        """A line that stays."""
        with self.lock:
            self._erase()
            print(text, flush=True)

    def begin(self, title, down=True):
        """What is being done now; bars show this direction."""
        with self.lock:
            self.title, self.down = title, down

    def done(self):
        with self.lock:
            self.title = None
            self._erase()

    def on_sample(self, meter):
        """A watcher of measures.Meter."""
        if not self.live:
            return
        with self.lock:
            if self.title is not None:
                self._draw({access.name: meter.rates_bps(access.name)[self.down] for access in self.links})

    def _erase(self):
        if self.n_drawn:
            print(f"\033[{self.n_drawn}A\033[J", end="", flush=True)
        self.n_drawn = 0

    def _bar(self, pieces, full_bps):
        """Pieces (rate, colour) one behind the other."""
        out, used = "", 0
        for bps, colour in pieces:
            n = min(round(BAR_COLUMNS * bps / full_bps), BAR_COLUMNS - used)
            out += f"\033[{colour}m" + "█" * n
            used += n
        return out + "\033[90m" + "░" * (BAR_COLUMNS - used) + "\033[0m"

    def _draw(self, rates):
        full = sum(access.down_bps if self.down else access.up_bps for access in self.links)
        pieces = [(rates[access.name], COLOURS[i % len(COLOURS)]) for i, access in enumerate(self.links)]
        lines = [f"  {'↓' if self.down else '↑'} {self.title}"]
        lines += [f"  {access.name:>6} {self._bar([piece], full)} {mbit(piece[0]):>6} Mbit/s" for access, piece in zip(self.links, pieces)]
        lines += [f"  {'sum':>6} {self._bar(pieces, full)} {mbit(sum(rates.values())):>6} Mbit/s"]
        self._erase()
        print("\n".join(lines), flush=True)
        self.n_drawn = len(lines)


def table(rows, header):
    """Columns as wide as needed, the first one left, the others right."""
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, ["-" * width for width in widths], *rows]:
        lines.append("  ".join(str(cell).ljust(width) if not i else str(cell).rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    return "\n".join(lines)
