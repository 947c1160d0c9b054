# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans of random faults (lab/braidlab/plan.py)."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))
from braidlab import plan  # noqa: E402  (the path comes first)


@pytest.mark.parametrize("n_faults, seconds, n_links", [(200, 600, 3), (200, 600, 2), (7, 5, 4), (1, 1, 2)])
@pytest.mark.parametrize("seed", range(1, 6))
def test_one_link_at_least_is_left(n_faults, seconds, n_links, seed):
    faults = plan.faults(seed, n_faults, seconds, n_links)
    assert len(faults) == n_faults and faults == sorted(faults, key=lambda fault: fault.begin_s)
    for fault in faults:
        assert 0 <= fault.begin_s < fault.end_s <= seconds + 1e-6
        beside = [other for other in faults if other is not fault and other.begin_s < fault.end_s and fault.begin_s < other.end_s]
        assert fault.link not in [other.link for other in beside], "one at a time on a link"
        for at in [fault.begin_s, *(other.begin_s for other in beside if other.begin_s > fault.begin_s)]:
            assert len({other.link for other in [fault, *beside] if other.begin_s <= at < other.end_s}) < n_links, f"all links at {at}"


def test_every_kind_comes_as_often():
    kinds = [fault.kind for fault in plan.faults(3, 200, 600, 3)]
    assert {kinds.count(kind) for kind in plan.KINDS} == {25}


def test_a_seed_is_a_plan():
    assert plan.faults(9, 50, 100, 3) == plan.faults(9, 50, 100, 3) != plan.faults(10, 50, 100, 3)


def test_what_the_emulator_is_told():
    fault = plan.Fault(1.0, 2.5, 0, "loss", plan.UP, (("loss_ppm", 5), ("loss_burst", 3)))
    assert plan.settings_of(fault, False) == {"ab__loss_ppm": 5, "ab__loss_burst": 3}
    assert plan.settings_of(fault, True) == {"ab__loss_ppm": 0, "ab__loss_burst": 1}
    assert plan.settings_of(plan.Fault(0, 1, 0, "silence", plan.BOTH, (("silence", 1),)), True) == {"silence": 0}
    assert plan.words(fault) == "loss loss_ppm 5, loss_burst 3 up, 1.00 to 2.50 s"
    assert plan.words(plan.Fault(1, 2, 0, "mtu", plan.BOTH, mtu=1300)) == "mtu 1300 bytes, 1.00 to 2.00 s"
