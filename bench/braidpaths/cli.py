# SPDX-License-Identifier: GPL-2.0-or-later
"""The grid from its beginning to its end: cells side by side, each in namespaces of its own, as many as the machine bears."""
import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import selectors
import subprocess
import sys
import time

from braidbench.cells import say
from braidbench.cli import machine, note_tcp_memory
from braidlab import sandbox
from braidlab.daemons import find_program
from braidlab.errors import LabError

from . import grid, heat, trial, verdict

PROGRAMS = ("ip", "ss", "nstat", "nft")
READ_BYTES = 1 << 16
SEND_BUFFER_BYTES = 8 << 20     # net.core.wmem_max: half of what Braid takes at most, as the kernel doubles it


def parse(arguments):
    parser = argparse.ArgumentParser(prog="braid-paths", description="Bonded links over a grid of rates, ratios, round trips, losses and queues.")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the folder that was built into (build)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="a few cells, in three minutes")
    which.add_argument("--full", action="store_true", help="the whole grid: days")
    parser.add_argument("--cells", metavar="EXPRESSION", type=re.compile, help="of the whole grid those whose name matches ('100 Mbit/s 1:1, 50 ms, no loss')")
    parser.add_argument("--seed", type=int, default=grid.SEED, help=f"another sample of the grid ({grid.SEED})")
    parser.add_argument("--rounds", type=int, default=grid.LIGHT_ROUNDS, help="runs of each system in a cell at most (4); heavy cells have 3, or 2 where their runs are long, those of 2.4 kbit/s have 1")
    parser.add_argument("--seconds", type=float, default=0, help="measure each run for so long at least (else 3 to 12 s, light cells up to 20)")
    parser.add_argument("--list", action="store_true", help="the cells' names, and no more")
    parser.add_argument("--cell", help=argparse.SUPPRESS)     # the inner self's
    return parser.parse_args(arguments)


def lasting(cells, options):
    """They, as long as was asked for."""
    return [dataclasses.replace(cell, least_s=options.seconds) for cell in cells]


def chosen(options):
    """The cells that were asked for."""
    if options.quick:
        cells = grid.quick()
    else:
        cells = grid.every_cell() if options.full or options.cells else grid.sampled(options.seed)
    cells = [cell for cell in cells if not options.cells or options.cells.search(cell.name)]
    if not cells:
        raise LabError(f"--cells: no cell's name matches {options.cells.pattern}; --list --full shows them")
    return lasting(cells, options)


def inside(options):
    """One cell; says what was seen in JSON."""
    build = options.build.resolve()
    sandbox.prepare()
    sandbox.require(*PROGRAMS)
    cell = next(cell for cell in lasting(grid.every_cell(), options) if cell.name == options.cell)
    json.dump(trial.measure(build, cell, options.rounds), sys.stdout)
    return 0


def for_inner_self(options, cell):
    """What the one that measures a cell is told."""
    return ["--build", str(options.build), "--cell", cell.name, "--seconds", str(options.seconds), "--rounds", str(grid.rounds(cell, options.rounds))]


class Running:
    """A cell that is being measured."""

    def __init__(self, program, options, cell):
        self.cell, self.said = cell, b""
        self.process = sandbox.start_inside(program, for_inner_self(options, cell), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def read(self):
        """Takes what it says; whether it has ended."""
        more = os.read(self.process.stdout.fileno(), READ_BYTES)
        self.said += more
        return not more

    def result(self):
        status = self.process.wait()
        self.process.stdout.close()
        if status:
            return {"runs": {}, "failures": [("the cell", f"ended with status {status}")]}
        return json.loads(self.said)

    def kill(self):
        self.process.kill()
        self.process.wait()


def run_cells(program, options, cells, take):
    """Measures all of them, and hands each result to take(cell, result)."""
    waiting = sorted(cells, key=lambda cell: -grid.weight(cell, grid.rounds(cell, options.rounds)))
    running = []
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or running:
                for cell in list(waiting):
                    if grid.fits_beside(cell, [one.cell for one in running]):
                        waiting.remove(cell)
                        running.append(Running(program, options, cell))
                        selector.register(running[-1].process.stdout, selectors.EVENT_READ, running[-1])
                for key, _ in selector.select():
                    if key.data.read():
                        selector.unregister(key.fileobj)
                        running.remove(key.data)
                        take(key.data.cell, key.data.result())
        finally:
            for one in running:
                one.kill()


def note_send_buffers():
    """As a service Braid may have wider ones than the machine allows to everybody; in the lab's namespaces nobody may."""
    limit = pathlib.Path("/proc/sys/net/core/wmem_max")
    allowed = int(limit.read_text()) if limit.exists() else 0
    return [] if allowed >= SEND_BUFFER_BYTES else [
        f"net.core.wmem_max is {allowed}: Braid's send buffers are narrower here than where it runs as a service; root may set {SEND_BUFFER_BYTES} for the run"]


class Report:
    def __init__(self, cells):
        self.order = {cell.name: number for number, cell in enumerate(cells)}
        self.figures, self.seen, self.failures, self.notes = [], {}, [], note_send_buffers()
        self.began = os.getloadavg()[0]

    def take(self, cell, result):
        runs = result["runs"]
        alone = runs.get("alone") or [[]] * len(cell.links)
        one = verdict.Figures(cell, [list(each) for each in zip(*alone)] if runs.get("alone") else alone,
                              *([run["bps"] for run in runs.get(name, [])] for name in ("braid", "kernel")))
        self.figures.append(one)
        self.seen[cell.name] = {name: runs.get(name, []) for name in ("braid", "kernel")}
        for name, some in self.seen[cell.name].items():
            if idle := verdict.idle_links(run["link_bytes"] for run in some):
                self.notes.append(f"{cell.name}: {name}: in {len(idle)} of {len(some)} runs {max(idle)} of {len(cell.links)} links stood idle")
            n_aside, names = verdict.stood_aside(some)
            if n_aside:
                self.notes.append(f"{cell.name}: {name}: in {n_aside} of {len(some)} runs {', '.join(names)} stood aside at the end")
        self.failures += [(cell.name, *failure) for failure in result["failures"]]
        ratios = f"{one.efficiency:.2f} of the sum, {one.to_kernel:.2f} of the kernel's" if one.is_whole() else "not whole"
        say(f"  {len(self.figures)} of {len(self.order)}: {cell.name}: {ratios}")

    def write(self, build, options, about):
        self.figures.sort(key=lambda one: self.order[one.cell.name])
        lines = verdict.judge(self.figures)
        (build / "paths.json").write_text(json.dumps({
            "machine": about, "load_average_before": self.began, "load_average_after": os.getloadavg()[0], "seed": options.seed, "rounds": options.rounds, "seconds": options.seconds,
            "cells": [verdict.row(one) | {"seen": self.seen[one.cell.name]} for one in self.figures], "ratios": lines.rows(), "notes": self.notes,
            "failures": [dict(zip(("cell", "system", "seen"), failure)) for failure in self.failures]}, indent=1) + "\n")
        heat.draw(self.figures, build / "paths")
        print(f"Linux {about['kernel']}, {about['cores']} cores, {about['cpu']}; load average before the first run {self.began:.2f}")
        print(verdict.table(self.figures))
        print("\nRatios within this run\n" + lines.text())
        print("".join(f"\nNOTE: {note}" for note in self.notes))
        for name, system, what in self.failures:
            print(f"\nFAILED: {name}, {system}: {what.strip()}")
        print(f"\nwritten: {build / 'paths.json'}, heat maps in {build / 'paths'}/")


def outside(program, options):
    cells = chosen(options)
    if options.list:
        print("\n".join(cell.name for cell in cells))
        return 0
    build = options.build.resolve()
    for needed in ("bench/braid-load", "lab/emulator/braid-link", "src/prog/braidd"):
        find_program(build, needed)
    note_tcp_memory()
    begun, report = time.monotonic(), Report(cells)
    with contextlib.suppress(KeyboardInterrupt):     # what there is by then is reported
        run_cells(program, options, cells, report.take)
    report.write(build, options, machine())
    say(f"took {time.monotonic() - begun:.0f} s")
    return int(bool(report.failures) or len(report.figures) < len(cells))


def main(program, arguments):
    try:
        if arguments[:1] == [sandbox.INSIDE]:
            return inside(parse(arguments[1:]))
        return outside(program, parse(arguments))
    except LabError as error:
        print(f"braid-paths: {error}", file=sys.stderr)
        return 1
