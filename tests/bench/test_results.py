# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark's rows and ratios, from figures that are given."""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "lab")]

from braidbench.results import Ratios, Results, table  # noqa: E402  (the paths come first)


def filled(cells, unit="Gbit/s"):
    results = Results()
    for (test, system, direction), runs in cells.items():
        for value in runs:
            results.add(test, system, direction, unit, value)
    return results


def lines(ratios):
    return {what: (round(ratio, 3), met) for what, ratio, _, _, _, met in ratios.lines}


def test_rows_name_every_run_its_median_and_its_slowest():
    rows = filled({("1 connection", "braid", "up"): [3, 1, 8]}).rows()
    assert rows == [{"test": "1 connection", "system": "braid", "direction": "up", "unit": "Gbit/s", "runs": [3, 1, 8], "median": 3, "min": 1, "max": 8}]


def test_rows_are_in_an_order_of_their_own():
    results = filled({("new sessions", "braid", ""): [1], ("256 connections", "braid", "up"): [1], ("16 connections", "shadowsocks", "up"): [1],
                      ("16 connections", "direct", "up"): [1]})
    seen = [(row["test"], row["system"]) for row in results.rows()]
    assert seen == [("16 connections", "direct"), ("16 connections", "shadowsocks"), ("256 connections", "braid"), ("new sessions", "braid")]


def test_one_connection_against_the_best_peer_the_slowest_and_direct():
    results = filled({("1 connection", "braid", "up"): [12, 6, 12], ("1 connection", "haproxy", "up"): [1, 8, 9], ("1 connection", "socks", "up"): [10, 10],
                      ("1 connection", "haproxy defaults", "up"): [99], ("1 connection", "mptcp", "up"): [99],
                      ("1 connection", "direct", "up"): [24]})
    ratios = Ratios(results)
    ratios.one_connection()
    assert lines(ratios) == {
        "1 connection up: median, to the best peer's": (1.2, True),
        "1 connection up: slowest, to the HAProxy pair's slowest": (6, True),
        "1 connection up: median, to direct": (0.5, False),
        "1 connection up: slowest, to the median": (0.5, False)}


@pytest.mark.parametrize("braid,met", [([0.30], True), ([0.40], False)])
def test_less_cpu_is_better(braid, met):
    results = filled({("CPU of both daemons", "braid", "up"): braid, ("CPU of both daemons", "haproxy", "up"): [0.40]}, "s/GB")
    ratios = Ratios(results)
    ratios.cpu()
    assert lines(ratios) == {"CPU of both daemons up: to haproxy": (pytest.approx(braid[0] / 0.40), met)}


def test_the_sum_of_shaped_links():
    ratios = Ratios(filled({("shaped", "braid", "both, down"): [0.94]}))
    ratios.shaped({"shaped": (1e9, 0.93, 0.97)})
    assert lines(ratios) == {"shaped both, down: to the sum of the links": (0.94, True)}


def test_cells_that_were_not_run_give_no_ratio():
    ratios = Ratios(Results())
    for ask in (ratios.one_connection, ratios.many_connections, ratios.cpu, ratios.sessions, lambda: ratios.shaped({"shaped": (1e9, 0.93, 0.97)})):
        ask()
    assert ratios.lines == []


def test_a_failure_is_told():
    results = Results()
    results.fail("1 connection", "socks", "up", "reset")
    assert "FAILED: 1 connection up, socks: reset" in table(results)
