# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison's fits and tables, from figures that are given."""
import dataclasses
import json
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "lab"), str(ROOT / "tests" / "net")]

from braidcompare import report  # noqa: E402  (the paths come first)
from braidcompare.fit import Fit, fit  # noqa: E402

POINTS = [(a, s) for a in (10, 20, 30) for s in (20, 40, 60)]


def test_a_fit_finds_what_the_times_were_made_of():
    found = fit([(a, s, 1.5 * a + 2 * s + 3) for a, s in POINTS])
    assert (found.i, found.j, found.c_ms, found.off_ms) == pytest.approx((1.5, 2, 3, 0), abs=1e-9)


def test_a_fit_tells_how_far_it_is_off():
    found = fit([(a, s, max(a, s)) for a, s in POINTS])
    assert found.off_ms > 1


def test_too_few_values_are_refused():
    with pytest.raises(ValueError):
        fit([(10, 20, 30), (10, 30, 40), (10, 40, 50)])


def test_a_fit_is_read_without_needless_signs():
    assert str(Fit(-0.001, 1, -0.02, 0)) == "0.00 a + 1.00 s + 0.0 ms" and str(Fit(1.7, 2.2, -13.3, 0)) == "1.70 a + 2.20 s - 13.3 ms"


@pytest.mark.parametrize("i,j,met", [(1.04, 2.0, True), (0.2, 0.1, True), (1.06, 2.0, False), (1.0, 2.11, False)])
def test_bars(i, j, met):
    assert Fit(i, j, 0, 0).meets((1, 2), 0.05) == met


def test_a_page_keeps_its_words_and_gets_new_tables():
    results = {"about": "Linux 9.", "set_up": [{"system": "convert", "case": "early", "connected": Fit(0, 0, 0.2, 0.1), "first byte": Fit(1, 2, 0.5, 0.2)}],
               "costs": {"direct": {"bytes per connection": 400}, "convert": {"bytes per connection": 600}},
               "trials": {"convert": {"ends": {"from hosts": {"peer": "203.0.113.5", "bonded": True}, "from the Internet": {"error": "ConnectionRefusedError"}},
                                      "boxes": [{"box": "options stripped", "where": "a", "when": "amid", "checksums": False,
                                                 "outcomes": [{"what": "works", "how": "TCP", "seconds": 1.0, "detail": ""}, {"what": "ECONNRESET", "how": "", "seconds": 2.0, "detail": ""},
                                                              {"what": "changed", "how": "", "seconds": 1.0, "detail": "up, then hangs"}]}]}},
               "bars": [{"what": "convert, early: first byte", "seen": "1 a + 2 s", "wanted": "1 a + 2 s", "met": True}]}
    page = report.refresh(f"Words.\n{report.BEGIN}\nold\n{report.END}\nMore words.\n", results)
    assert page.startswith("Words.\n") and page.endswith("\nMore words.\n") and "old" not in page
    for wanted in ("1.00 a + 2.00 s + 0.5 ms", "| 200 |", "works 1 (TCP 1), ECONNRESET 1, changed, then hangs 1", "| ConnectionRefusedError |", "bonded, from 203.0.113.5", "took 2.0 s", "| met |"):
        assert wanted in page, wanted
    assert report.refresh(page, results) == page
    assert report.refresh(page, report.from_json(json.dumps(results, default=dataclasses.asdict))) == page
    with pytest.raises(ValueError):
        report.refresh("no marks", results)
