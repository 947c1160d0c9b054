# SPDX-License-Identifier: GPL-2.0-or-later
"""Heat maps: a line a cell, and for each rate what the values of the other axes come to."""
import statistics

from braidbench import plots

from . import grid

COLUMNS = (("of the sum", "efficiency"), ("slowest to\nbest link", "slowest_to_best"), ("to the\nkernel's", "to_kernel"),
           ("kernel's\nof the sum", "kernel_efficiency"))
LEAST, MOST = 0.5, 1.1         # the colours' ends
CELLS_MOST = 60                # lines: the worst of a longer run


def by_axes(figures, quality):
    """Medians of a quality over the cells that have a rate and a value of another axis: (rates, labels, rows); None where there is none."""
    inside = [one for one in figures if one.cell.values and one.is_whole()]
    rates = list(grid.RATES_BPS)
    columns = [(number, value) for number, axis in enumerate(grid.AXES) if axis != "rate" for value in grid.AXES[axis]]

    def median(rate, number, value):
        seen = [getattr(one, quality) for one in inside if one.cell.values[0] == rate and one.cell.values[number] == value]
        return statistics.median(seen) if seen else None
    return rates, [value for _, value in columns], [[median(rate, *column) for column in columns] for rate in rates]


def picture(pyplot, path, names, labels, rows, title):
    figure, axis = pyplot.subplots(figsize=(3.5 + 0.75 * len(labels), 1.8 + 0.3 * len(names)))
    values = [[float("nan") if value is None else value for value in row] for row in rows]
    image = axis.imshow(values, aspect="auto", cmap="RdYlGn", vmin=LEAST, vmax=MOST)
    axis.set_xticks(range(len(labels)), labels, fontsize=8, rotation=0 if len(labels) <= len(COLUMNS) else 60, ha="center" if len(labels) <= len(COLUMNS) else "right")
    axis.set_yticks(range(len(names)), names, fontsize=8)
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if value is not None:
                axis.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=7)
    axis.set_title(title, fontsize=9)
    figure.colorbar(image)
    figure.savefig(path, dpi=100, bbox_inches="tight")
    pyplot.close(figure)


def draw(figures, folder):
    whole = [one for one in figures if one.is_whole()]
    if not whole:
        return
    pyplot = plots.begin(folder)
    worst = sorted(whole, key=lambda one: one.efficiency)[:CELLS_MOST] if len(whole) > CELLS_MOST else whole
    picture(pyplot, folder / "cells.png", [one.cell.name for one in worst], [label for label, _ in COLUMNS],
            [[getattr(one, quality) for _, quality in COLUMNS] for one in worst], "bonded, medians" + (", the worst cells" if len(worst) < len(whole) else ""))
    for name, quality, title in (("sum", "efficiency", "to the sum of the links alone"), ("kernel", "to_kernel", "to the kernel's MPTCP from end to end")):
        picture(pyplot, folder / f"{name}.png", *by_axes(whole, quality), f"Braid {title}, median of the cells of a rate and another value")
