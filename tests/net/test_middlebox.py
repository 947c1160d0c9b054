# SPDX-License-Identifier: GPL-2.0-or-later
"""Middleboxes on one link or both: a session works, byte for byte, or ends with an error that the host is told within the time-out of connect(); nothing hangs, nothing arrives as something else
but what plain TCP would bring so, too.

BRAID_MIDDLEBOX=whole: all of the matrix; what stands in `make check` is its core.
"""
import os

import pytest

from middlebox import BOXES, CONF, WHEN, WHERE, run_cell
from netlab import Lab
from schemes import SCHEMES, start_converter

WHOLE = os.environ.get("BRAID_MIDDLEBOX") == "whole"
CORE_WHERE, CORE_WHEN = ("a", "both"), WHEN[1:2]


@pytest.fixture(scope="module", params=[None, *SCHEMES], ids=lambda scheme: scheme.name if scheme else "plain routing")
def cells(request, tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"), delays_ms={"a": 2, "b": 2})
    listener = lab.listen("server")
    converter = start_converter(lab, request.param, CONF) if request.param else None
    yield lambda *cell: run_cell(lab, listener, request.param, *cell), request.param
    assert not converter or converter.running(), converter.log()
    lab.close()


@pytest.mark.parametrize("when", WHEN if WHOLE else CORE_WHEN)
@pytest.mark.parametrize("where", WHERE if WHOLE else CORE_WHERE)
@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.name)
def test_works_or_says_so(cells, box, where, when):
    run, scheme = cells
    outcomes = run(box, where, when)
    print(*outcomes, sep="; ")
    for outcome in outcomes:
        assert outcome.is_clear() or box.alters and outcome.what == "changed", outcomes
        if not box.alters:
            assert outcome.what == "works" or when == WHEN[2] or box.learns, outcomes
    assert outcomes[-1].what == "works" or box.alters or when == WHEN[2] or "declaring" in scheme.lacks, outcomes
