# SPDX-License-Identifier: GPL-2.0-or-later
"""A picture a test: every run is a dot, the median a line; a scale of powers of ten, for some systems swing that far."""
import os
import re
import tempfile


def begin(folder):
    """The folder, made and emptied of pictures; what is drawn with."""
    with tempfile.TemporaryDirectory() as settings:
        os.environ["MPLCONFIGDIR"] = settings
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot

    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    return pyplot


def draw(results, folder):
    pyplot = begin(folder)
    for test in dict.fromkeys(test for test, _, _ in results.tests()):
        panels = [(direction, unit) for name, direction, unit in results.tests() if name == test]
        figure, axes = pyplot.subplots(1, len(panels), figsize=(5 * len(panels), 4), squeeze=False)
        for axis, (direction, unit) in zip(axes[0], panels):
            rows = [row for row in results.rows() if (row["test"], row["direction"], row["unit"]) == (test, direction, unit)]
            panel(axis, rows)
            axis.set_title(f"{test}, {direction}" if direction else test, fontsize=9)
            axis.set_ylabel(unit)
        figure.tight_layout()
        figure.savefig(folder / (re.sub(r"[^a-z0-9]+", "-", test.lower()).strip("-") + ".png"), dpi=100)
        pyplot.close(figure)


def panel(axis, rows):
    for x, row in enumerate(rows):
        axis.plot([x] * len(row["runs"]), row["runs"], "o", alpha=0.5, color="tab:blue")
        axis.plot([x - 0.3, x + 0.3], [row["median"]] * 2, color="tab:red", linewidth=2)
    axis.set_xticks(range(len(rows)), [row["system"] for row in rows], rotation=30, ha="right", fontsize=8)
    if all(row["min"] > 0 for row in rows):
        axis.set_yscale("log")
    axis.grid(True, axis="y", alpha=0.3)
