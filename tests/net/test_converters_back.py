# SPDX-License-Identifier: GPL-2.0-or-later
"""Several converters over links with a delay, for longer: how soon new connections go by the next one, the return to the first, and lists that change again and again under load."""
import time

import pytest

from bulk import Bulk
from netlab import Lab, wait_for
from test_converters import comes_by, talk
from two_converters import FIRST, SECOND, both, converters, end_hush, hush, in_use


@pytest.fixture
def far(tmp_path):
    lab = Lab(tmp_path, {"a": 25, "b": 25})
    yield lab
    lab.close()


def new_ones(lab, listener, until, limit_s=30):
    """New connections one after the other until one comes by that converter: how long that took, and how many came to nothing."""
    begun, n_lost = time.monotonic(), 0
    while time.monotonic() < begun + limit_s:
        try:
            if comes_by(lab, listener) == until:
                return time.monotonic() - begun, n_lost
        except OSError:
            n_lost += 1
    raise AssertionError(f"no new connection came by {until} within {limit_s} s; {n_lost} came to nothing")


@pytest.mark.parametrize("how", ["killed", "silent"])
def test_the_first_goes_and_comes_back(far, how):
    first, _, gateway = both(far)
    listener, loaded = far.listen("server"), far.listen("server")
    assert comes_by(far, listener) == FIRST
    if how == "killed":
        first.kill()
    else:
        hush(far, FIRST)
    took_s, n_lost = new_ones(far, listener, SECOND)
    print(f"{how}: a new connection by the second converter after {took_s:.2f} s, {n_lost} reset before")
    near, other, peer = far.session(loaded)
    load = Bulk(far, "down")
    assert peer == SECOND
    if how == "killed":
        far.converter()
    else:
        end_hush(far)
    begun = time.monotonic()
    wait_for(lambda: converters(gateway)[0]["answers"], "the first one to be seen again", 30)
    seen_s = time.monotonic() - begun
    wait_for(lambda: in_use(gateway) == FIRST, "the return to the first one", 30)
    print(f"{how}: seen again after {seen_s:.1f} s, in use again after {time.monotonic() - begun:.1f} s")
    wait_for(lambda: comes_by(far, listener) == FIRST, "new connections by the first one")
    talk(near, other)
    wait_for(lambda: len(gateway.ctl("sessions")["sessions"]) == 2, "those of the second one, which go on, and no others")
    load.leave()


def test_lists_that_change_under_load(far):
    _, _, gateway = both(far)
    listener = far.listen("server")
    pairs = [far.session(listener)[:2] for _ in range(10)]
    load = Bulk(far, "up")
    orders = [({"converter": SECOND}, None), ({"converter": SECOND}, FIRST), ({"converter": FIRST}, SECOND), ({"converter": FIRST}, None)]
    for i in range(12):
        first, second = orders[i % len(orders)]
        more = {"upstream other": {"converter": second}} if second else {}
        gateway.reload(far.gateway_conf(gateway=first, **more))
        wait_for(lambda: len(converters(gateway)) == 1 + bool(second) and any(c["used"] for c in converters(gateway)), "the new list")
        pairs.append(far.session(listener)[:2])
        for near, other in pairs:
            talk(near, other)
    wait_for(lambda: len(gateway.ctl("sessions")["sessions"]) == len(pairs) + 1, "every session that was begun")
    load.leave()
