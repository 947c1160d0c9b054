# SPDX-License-Identifier: GPL-2.0-or-later
"""What takes its time: states that follow from what sessions show, silence in every place, and a link that comes and goes (suite links)."""
import time

import pytest

from bulk import Bulk
from netlab import link, wait_for
from test_link_health import ADDRESSES, at_converter, lab, start, state   # noqa: F401 (the fixture)


def test_a_link_that_loses_is_lossy_until_it_does_not(lab):
    gateway = start(lab)
    lab.set_link("b", "loss_ppm=60000")
    bulk = Bulk(lab, "up")
    gateway.wait_log(r"link b is lossy \(was good\): [0-9.]+ % of [0-9.]+ MB that went up it had to be sent again", patience_s=60)
    assert link(gateway, "b")["health"]["loss_percent"] >= 2 and state(gateway, "a") != "lossy"
    lab.set_link("b", "loss_ppm=0")
    wait_for(lambda: state(gateway, "b") in ("good", "full"), "link b to lose no more", 90)
    bulk.leave()


@pytest.mark.parametrize("way", ["down", "up"])
def test_a_link_with_a_standing_queue_is_full(lab, way):
    gateway = start(lab, relay={"congestion": "cubic"})
    for name in ADDRESSES:
        lab.set_link(name, "queue_ms=300 rate_bps=8000000")
    bulk = Bulk(lab, way)
    gateway.wait_log(r"link [ab] is full \(was good\): a round trip takes [0-9]+ ms, at least [0-9]+", patience_s=60)
    bulk.leave()
    wait_for(lambda: {state(gateway, n) for n in ADDRESSES} == {"good"}, "both links to be good", 60)


@pytest.mark.parametrize("way", ["down", "up"])
@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("outage_s", [3, 20])
def test_silence_in_every_place(lab, way, name, outage_s):
    gateway = start(lab)
    bulk = Bulk(lab, way)
    for _ in range(2):
        wait_for(lambda: at_converter(lab, name) == 1, "the session on the link")
        wait_for(lambda: link(gateway, name)["health"][f"{way}_bps"] > 5_000_000, "bulk over the link")
        n = len(gateway.log().split(f"link {name} is silent"))
        lab.set_link(name, "silence=1")
        gateway.wait_log(f"link {name} is silent", n)
        wait_for(lambda: at_converter(lab, name) == 0, "the converter to leave the link, too")
        time.sleep(outage_s)
        lab.set_link(name, "silence=0")
        gateway.wait_log(rf"link {name} is good \(was silent\)", n, 60)
    wait_for(lambda: link(gateway, name)["health"][f"{way}_bps"] > 5_000_000, "bulk over the link again")
    bulk.leave()


def test_links_are_not_left_for_losses(lab):
    """A tenth is lost each way, on either, with bulk: probes are lost, too, and two in a row once in 28 times."""
    gateway = start(lab)
    for name in ADDRESSES:
        lab.set_link(name, "loss_ppm=100000")
    bulk = Bulk(lab, "down")
    time.sleep(20)
    assert gateway.log().count("is silent") <= 1
    bulk.leave()


def test_no_link_is_silent_where_the_converter_is_gone(lab):
    """Nobody answers, over no link: that says nothing of the links."""
    gateway = start(lab)
    lab.run("core", "ip link set c0 down")
    for name in ADDRESSES:
        lab.set_link(name, "carrier=0")   # so that they are asked anew
    gateway.wait_log("no carrier", 2)
    for name in ADDRESSES:
        lab.set_link(name, "carrier=1")
    wait_for(lambda: all(link(gateway, n)["health"]["probes"]["sent"] > link(gateway, n)["health"]["probes"]["answered"] + 3 for n in ADDRESSES), "probes without an answer")
    assert {state(gateway, n) for n in ADDRESSES} == {"unknown"} and "is silent" not in gateway.log()
    lab.run("core", "ip link set c0 up")
    wait_for(lambda: state(gateway, "a") == state(gateway, "b") == "good", "both links to be good again", 40)


def test_an_idle_link_costs_little(lab):
    gateway = start(lab)
    wait_for(lambda: link(gateway, "b")["health"]["probes"]["answered"] >= 3, "some probes")
    probes = link(gateway, "b")["health"]["probes"]
    assert probes["most_bytes"] == 300 * probes["sent"] and probes["sent"] <= probes["answered"] + 1
    assert 35 <= link(gateway, "b")["health"]["least_rtt_ms"] <= 200, "20 ms each way"
