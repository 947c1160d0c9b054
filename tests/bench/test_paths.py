# SPDX-License-Identifier: GPL-2.0-or-later
"""The grid of link pairs: the sample, how long and how heavy cells are, the efficiency and the verdicts. No network."""
import collections
import dataclasses
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "lab")]

from braidpaths import cli, grid, heat, verdict  # noqa: E402  (the paths come first)
from braidpaths.grid import DOWN, MBIT, UP, Cell, Link  # noqa: E402

CLEAN = Cell("clean", (Link(10 * MBIT, 50, 50), Link(10 * MBIT, 50, 50)), DOWN)
UNEQUAL = Cell("unequal", (Link(90 * MBIT, 20, 20), Link(5 * MBIT, 400, 400)), UP)
LOSSY = Cell("lossy", (Link(50 * MBIT, 30, 30), Link(50 * MBIT, 30, 30, 50_000)), UP)
LOW = grid.grid_cell((grid.LOW, "1:1", "600 ms", "no loss", "short queue", UP))


def figures(cell=CLEAN, alone=((9, 10, 8), (10, 10, 10)), braid=(19, 17, 18), kernel=(18, 18, 20)):
    return verdict.Figures(cell, [list(runs) for runs in alone], list(braid), list(kernel))


def lines(some):
    return {what: (round(ratio, 3), met) for what, ratio, _, _, _, met in verdict.judge(some).lines}


def test_the_grid_is_the_product_of_its_axes_but_for_unequal_links_of_the_lowest_rate():
    assert len(grid.whole_grid()) == (4 * 3 + 1) * 6 * 5 * 3 * 2


def test_every_name_is_one_cell():
    names = [cell.name for cell in grid.every_cell()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("seed,n_each", [(grid.SEED, 3), (1, 1), (2, 5)])
def test_the_sample_has_each_value_of_each_axis_so_often(seed, n_each):
    seen = collections.Counter(pair for cell in grid.sample(seed, n_each) for pair in zip(grid.AXES, cell.values))
    assert {(axis, value): min(seen[axis, value], n_each) for axis, values in grid.AXES.items() for value in values} == {
        (axis, value): n_each for axis, values in grid.AXES.items() for value in values}


def test_the_sample_has_no_cell_twice_and_is_no_larger_than_it_must():
    names = [cell.name for cell in grid.sample()]
    assert len(set(names)) == len(names)
    assert len(names) <= 3 * max(map(len, grid.AXES.values())) + 2


def test_two_runs_take_the_same_sample_and_another_seed_another():
    assert grid.sample() == grid.sample()
    assert grid.sample(1) != grid.sample(2)


def test_the_named_cells_are_always_in():
    assert set(grid.named_cells()) <= set(grid.sampled()) & set(grid.sampled(1))
    assert set(grid.sample(1)) <= set(grid.sampled(1))
    assert {(cell.links[0].rate_bps // MBIT, cell.links[1].rate_bps // MBIT, cell.links[1].rtt_ms) for cell in grid.named_cells()} >= {(90, 5, 400), (50, 50, 30)}


def test_the_quick_cells_are_part_of_the_whole():
    assert set(grid.quick()) <= set(grid.every_cell())


def test_a_pair_has_the_lesser_and_the_longer_link_second():
    cell = grid.grid_cell(("100 Mbit/s", "1:10", "20/600 ms", "bursts of loss", "queue of a round trip", UP))
    assert cell.links == (Link(100 * MBIT, 20, 20, 10_000, 10), Link(10 * MBIT, 600, 600, 10_000, 10))
    assert (cell.way, cell.n_bytes) == (UP, 0)


@pytest.mark.parametrize("rate,burst,burst_ms", [(100 * MBIT, 10, 200), (MBIT, 10, 600), (2400, 10, 250_000), (100 * MBIT, 1, 0)])
def test_bursts_of_loss_end(rate, burst, burst_ms):
    assert Link(rate, 5, 5, 10_000, burst).loss_burst_ms == burst_ms


def test_of_the_lowest_rate_there_are_four_and_bytes_bound_the_transfer():
    assert [link.rate_bps for link in LOW.links] == [2400] * 4
    assert (LOW.n_bytes, grid.skip_s(LOW), grid.rounds(LOW)) == (60_000, 0, 1)


@pytest.mark.parametrize("name,rate,rtt_ms,queue_ms", [
    ("short queue", 100 * MBIT, 200, 60), ("queue of a round trip", 100 * MBIT, 200, 200), ("bloated queue", 100 * MBIT, 200, 800),
    ("bloated queue", 100 * MBIT, 5, 200),           # 200 ms at least
    ("bloated queue", 100 * MBIT, 600, 1000),        # a second at most
    ("short queue", MBIT, 5, 96),                    # eight packets at least
])
def test_queues(name, rate, rtt_ms, queue_ms):
    assert grid.queue_ms(name, rate, rtt_ms) == queue_ms


@pytest.mark.parametrize("loss,congestion", [("no loss", "cubic"), ("0.1 % loss", "cubic"), ("1 % loss", "bbr"), ("5 % loss", "bbr"), ("bursts of loss", "bbr")])
def test_peers_have_the_congestion_control_that_braid_ends_with(loss, congestion):
    assert grid.grid_cell(("10 Mbit/s", "1:1", "50 ms", loss, "short queue", UP)).congestion == congestion


def test_one_lossy_link_decides_for_all():
    assert LOSSY.congestion == "bbr"


def test_runs_last_as_long_as_links_are_far_and_slow():
    assert (grid.skip_s(CLEAN), grid.window_s(CLEAN)) == (2, 3)
    assert grid.skip_s(UNEQUAL) == pytest.approx(7.4)
    assert grid.skip_s(LOSSY) == pytest.approx(grid.AUTO_SETTLES_S + 8 * 0.06)
    slow = Cell("slow", (Link(MBIT, 50, 50), Link(MBIT // 10, 600, 1920)), UP)
    assert (grid.skip_s(slow), grid.window_s(slow)) == (grid.LIGHT_SKIP_MOST_S, grid.LIGHT_WINDOW_MOST_S)
    heavy = Cell("heavy", (Link(100 * MBIT, 600, 600),) * 2, UP)
    assert (grid.skip_s(heavy), grid.window_s(heavy)) == (grid.SKIP_MOST_S, grid.WINDOW_MOST_S)


def test_a_run_lasts_as_long_as_was_asked_for_at_least():
    assert [grid.window_s(dataclasses.replace(CLEAN, least_s=seconds)) for seconds in (1, 60)] == [3, 60]
    assert grid.window_s(dataclasses.replace(LOW, least_s=60)) == grid.LOW_LIMIT_S


def test_how_long_was_asked_for_reaches_whoever_measures():
    options = cli.parse(["--cells", "^400 ms", "--seconds", "33", "--rounds", "2"])
    cells = cli.chosen(options)
    assert [cell.least_s for cell in cells] == [33, 33]
    inner = cli.parse(cli.for_inner_self(options, cells[0]))
    assert (inner.seconds, inner.rounds, inner.cell) == (33, 2, cells[0].name)


def test_long_runs_are_fewer_and_no_more_than_asked_for():
    far = Cell("far", (Link(100 * MBIT, 600, 600),) * 2, UP)
    short = Cell("short", (Link(100 * MBIT, 20, 20),) * 2, UP)
    assert [grid.rounds(short), grid.rounds(far), grid.rounds(far, 1), grid.rounds(CLEAN, 2)] == [3, 2, 1, 2]


def test_what_is_light_is_measured_later_longer_and_more_often():
    far = Cell("far", (Link(10 * MBIT, 600, 600),) * 2, UP)
    assert (grid.is_light(far), grid.is_light(LOSSY)) == (True, False)
    assert (grid.rounds(far), grid.skip_s(far), grid.window_s(far)) == (grid.LIGHT_ROUNDS, pytest.approx(10.6), grid.LIGHT_WINDOW_MOST_S)


def test_what_is_heavy_runs_beside_light_cells_alone():
    heavy = Cell("heavy", (Link(500 * MBIT, 5, 5),) * 2, UP)
    assert grid.fits_beside(heavy, [])
    assert grid.fits_beside(CLEAN, [heavy])
    assert not grid.fits_beside(heavy, [heavy])
    assert not grid.fits_beside(heavy, [LOSSY])
    assert grid.fits_beside(LOSSY, [UNEQUAL, CLEAN])
    assert not grid.fits_beside(LOW, [LOW] * grid.SIDE_BY_SIDE_CELLS)


def test_what_is_heavy_and_long_begins_first():
    some = [LOW, CLEAN, LOSSY, Cell("heavy", (Link(500 * MBIT, 5, 5),) * 2, UP)]
    assert [cell.name for cell in sorted(some, key=lambda cell: -grid.weight(cell, 1))] == ["heavy", "lossy", "clean", LOW.name]


def test_efficiency_is_of_medians_and_the_slowest_run_counts_against_the_best_link():
    one = figures()
    assert one.efficiency == 18 / 19
    assert one.slowest_to_best == 17 / 10
    assert one.to_kernel == 1
    assert one.kernel_efficiency == 18 / 19
    assert one.over_one == 18 / 9.5


@pytest.mark.parametrize("some,misses", [
    (figures(), []),
    (figures(braid=(17, 17, 17)), ["efficiency", "kernel"]),
    (figures(braid=(18, 18, 9)), ["best link"]),
    (figures(braid=(18, 18, 9.5)), []),
    (figures(kernel=(20, 20, 20)), ["kernel"]),
])
def test_what_a_cell_misses(some, misses):
    assert some.misses() == misses


@pytest.mark.parametrize("some", [figures(braid=()), figures(kernel=()), figures(alone=((), ())), figures(alone=((0,), (3,))), figures(kernel=(0, 0, 0)),
                                  figures(alone=())])
def test_what_is_not_whole_isnt_judged(some):
    assert not some.is_whole()
    assert lines([some]) == {"cells measured, share": (0, False)}
    assert "not whole" in verdict.table([some])
    assert "misses" not in verdict.row(some)


@pytest.mark.parametrize("values,share,reached", [([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9, 2), ([5], 0.9, 5), ([1, 2], 0.9, 1), ([1, 2, 3, 4], 0.5, 3)])
def test_what_a_share_reaches(values, share, reached):
    assert verdict.reached_by(values, share) == reached


def test_the_bars_over_all_cells():
    good = figures(LOSSY, braid=(19, 19, 19))
    bad = figures(UNEQUAL, alone=((84,), (5,)), braid=(30, 28, 80), kernel=(60, 60, 60))
    assert lines([good, bad, figures()]) == {
        "cells measured, share": (1, True),
        "efficiency, median of 3 cells": (0.947, False),
        "efficiency, nine of ten cells reach": (0.337, False),
        "slowest run to the best link alone, worst cell": (0.333, False),
        "to the kernel's MPTCP, median of cells": (1, True),
        "to the kernel's MPTCP, worst cell": (0.5, False),
        "to the kernel's MPTCP, worst unequal or lossy cell": (0.5, False),
        "for comparison, the kernel's MPTCP: efficiency, median": (0.947, True),
        "for comparison, the kernel's MPTCP: slowest to the best link": (0.714, True)}


def test_nothing_measured_is_no_verdict():
    assert lines([]) == {}


def test_equal_clean_cells_need_not_pass_the_kernel():
    assert "to the kernel's MPTCP, worst unequal or lossy cell" not in lines([figures()])


def test_four_low_links_are_compared_with_one():
    some = figures(LOW, alone=((2000,),) * 4, braid=(5000,), kernel=(3600,))
    assert lines([some])[f"over one link: {LOW.name}"] == (2.5, True)


@pytest.mark.parametrize("runs,idle", [([[100, 5], [50, 50]], []), ([[100, 1], [50, 50]], [1]), ([[67228, 944, 656, 400], [1, 0, 0, 0]], [3, 3]), ([], [])])
def test_links_that_stood_idle_are_told(runs, idle):
    assert verdict.idle_links(runs) == idle


def test_links_that_stood_aside_are_told():
    runs = [{"aside": ["link1"]}, {"aside": []}, {}, {"aside": ["link0", "link1"]}]
    assert verdict.stood_aside(runs) == (2, ["link0", "link1"])
    assert verdict.stood_aside(runs[1:3]) == (0, [])


def test_a_row_holds_every_run():
    row = verdict.row(figures())
    assert row["alone_bps"][0] == {"runs": [9, 10, 8], "median": 9}
    assert row["braid_bps"] == {"runs": [19, 17, 18], "median": 18, "min": 17, "max": 19}
    assert (row["efficiency"], row["misses"], row["congestion"]) == (18 / 19, [], "cubic")


def test_the_table_shows_the_slowest_beside_the_median():
    line = verdict.table([figures(alone=((9e6,), (10e6,)), braid=(19e6, 17e6, 18e6), kernel=(4e8, 2400, 4e8))]).splitlines()[1]
    assert line.split() == ["clean", "9.00+10.00", "18.00", "17.00", "400", "2.40k", "0.95", "1.70", "0.04", "kernel"]


def test_the_heat_map_has_medians_for_a_rate_and_each_other_value():
    cells = [grid.grid_cell(("10 Mbit/s", "1:1", rtt, "no loss", "short queue", UP)) for rtt in ("5 ms", "50 ms")]
    rates, labels, rows = heat.by_axes([figures(cells[0], braid=(19,)), figures(cells[1], braid=(9.5,)), figures()], "efficiency")
    row = dict(zip(labels, rows[rates.index("10 Mbit/s")]))
    assert (row["5 ms"], row["50 ms"], row["1:1"], row["1:3"], row["down"]) == (1, 0.5, 0.75, None, None)
    assert set(rows[rates.index("1 Mbit/s")]) == {None}
