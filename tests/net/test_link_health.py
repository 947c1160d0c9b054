# SPDX-License-Identifier: GPL-2.0-or-later
"""How links are, as `links` says it: what swallows packets is found, left by sessions that run and by new ones, and taken back; what Multipath TCP doesn't pass is named."""

import pytest

from bulk import Bulk
from netlab import LINK_A, LINK_B, Lab, counter, link, receive_exactly, wait_for

ADDRESSES = {"a": LINK_A, "b": LINK_B}


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path, {"a": 10, "b": 20})
    for name in ADDRESSES:
        lab.set_link(name, "rate_bps=40000000")
    yield lab
    lab.close()


def state(gateway, name):
    return link(gateway, name)["health"]["state"]


def start(lab, **changes):
    lab.conv = lab.converter()
    gateway = lab.gateway(**changes)
    wait_for(lambda: state(gateway, "a") == state(gateway, "b") == "good", "both links to be good")
    return gateway


def at_converter(lab, name):
    """Subflows over the link that the converter has, of all sessions."""
    return sum(subflow["link"] == ADDRESSES[name] and subflow["state"] == "established" for session in lab.conv.ctl("sessions")["sessions"]
               for subflow in lab.conv.ctl("why", session["id"])["subflows"])


@pytest.mark.parametrize("way, name", [("down", "a"), ("up", "b")])
def test_a_silent_link_is_left_and_taken_back(lab, way, name):
    other = "b" if name == "a" else "a"
    gateway = start(lab)
    listener = lab.listen("server")
    bulk = Bulk(lab, way)
    wait_for(lambda: at_converter(lab, name) == 1 and min(link(gateway, n)["health"][f"{way}_bps"] for n in ADDRESSES) > 5_000_000, "bulk over both links")
    lab.set_link(name, "silence=1")
    gateway.wait_log(rf"link {name} is silent \(was [a-z]+\): 2 probes had no answer")
    row, began = link(gateway, name), link(gateway, other)["sessions_first"]
    assert row["state"] == "up" and row["health"]["state"] == "silent" and row["notes"] == "swallows what is sent", row
    assert ADDRESSES[name] not in lab.run("gw", "ip mptcp endpoint")
    near, far, _ = lab.session(listener)
    assert link(gateway, other)["sessions_first"] == began + 1, "a new connection began elsewhere than on the link that works"
    wait_for(lambda: at_converter(lab, name) == 0, "the converter to leave the link, too")
    lab.set_link(name, "silence=0")
    gateway.wait_log(rf"link {name} is good \(was silent\): ")
    wait_for(lambda: at_converter(lab, name) == 2, "both sessions on the link again")
    wait_for(lambda: link(gateway, name)["health"][f"{way}_bps"] > 5_000_000, "bulk over the link again")
    near.sendall(b"up")
    assert receive_exactly(far, 2) == b"up"
    bulk.leave()
    assert counter(gateway, "probes_answered") < counter(gateway, "probes")


@pytest.mark.parametrize("setting, note", [("eat_mptcp_syns=1", "drops first packets with Multipath TCP options"), ("strip_mptcp=1", "takes Multipath TCP options away")])
def test_a_link_that_multipath_tcp_does_not_pass_is_named_and_spared(lab, setting, note):
    lab.conv = lab.converter()
    lab.set_link("a", setting)
    gateway = lab.gateway()
    wait_for(lambda: link(gateway, "a")["notes"] == note, note)
    assert link(gateway, "b")["notes"] == ""
    began = link(gateway, "a")["sessions_first"]
    listener = lab.listen("server")
    pairs = [lab.session(listener)[:2] for _ in range(3)]
    assert link(gateway, "a")["sessions_first"] == began, "connections began on the link that lets no Multipath TCP through"
    assert all(session["mptcp"] for session in gateway.ctl("sessions")["sessions"]), "plain TCP, though one link is clean"
    for near, far in pairs:
        near.sendall(b"up")
        assert receive_exactly(far, 2) == b"up"
    gateway.wait_log(r"link a (takes|drops) .*: connections begin on other links")
    shown = gateway.words("links")
    assert note in shown and "good" in shown, shown


def test_a_costlier_link_is_not_taken_for_being_clean(lab):
    """Nothing could join from the cheap one: all of it would be paid for. While the cheap one is away there is no other."""
    lab.conv = lab.converter()
    lab.set_link("a", "strip_mptcp=1")
    gateway = lab.gateway(**{"link b": {"cost": 10}})
    wait_for(lambda: link(gateway, "a")["notes"], "link a is known to take options away")
    began = link(gateway, "b")["sessions_first"]
    listener = lab.listen("server")
    lab.session(listener)
    assert link(gateway, "b")["sessions_first"] == began and [session["mptcp"] for session in gateway.ctl("sessions")["sessions"]] == [False]
    lab.set_carrier("a", False)
    gateway.wait_log("link a .*no carrier")
    wait_for(lambda: lab.bonded(listener), "the converter to be asked over link b")
    lab.session(listener)
    assert link(gateway, "b")["sessions_first"] > began and any(session["mptcp"] for session in gateway.ctl("sessions")["sessions"])
