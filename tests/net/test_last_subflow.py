# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions that have one link alone: nobody takes it from them; and they are given others (decision 0038)."""
import re

import pytest

from bulk import Bulk
from netlab import LINK_A, Lab, Program, close_with_reset, link, receive_exactly, wait_for
from test_rejoin import subflows, talk

# What comes to the core over link b and would join is reset, once for each session: its kernel tries no more.
NO_JOINS = "nft 'add table inet t; add chain inet t c { type filter hook forward priority 0; }; add rule inet t c iifname b0 tcp flags syn tcp option mptcp subtype 1 counter reject with tcp reset'"
# A link that comes and goes every three seconds.
FLAPS = """while ip link add ppp0 type veth peer name ppp1 && ip link set ppp1 up && ip link set ppp0 up && ip addr add 192.0.3.2/24 dev ppp0 && ip route add default via 192.0.3.1 dev ppp0 metric 30
do sleep 1; ip link del ppp0; sleep 2; done"""


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path, {"a": 10, "b": 10})
    yield lab
    lab.close()


def start(lab, **conf):
    lab.converter()
    gateway = lab.gateway(**conf)
    wait_for(lambda: link(gateway, "a")["health"]["state"] == link(gateway, "b")["health"]["state"] == "good", "both links to be good")
    return gateway


def session_over_one_link(lab, gateway, listener):
    """Over a alone: its join over b was turned away, and b is as it was."""
    lab.run("core", NO_JOINS)
    near, far, _ = lab.session(listener)
    talk([(near, far)])
    wait_for(lambda: re.search("packets [1-9]", lab.run("core", "nft list table inet t")), "its join to be turned away")
    lab.run("core", "nft delete table inet t")
    return near, far


def has_endpoint(lab):
    return LINK_A in lab.run("gw", "ip mptcp endpoint")


def test_a_silent_link_is_kept_for_whom_it_is_the_last(lab):
    """Its host has ended its stream, so Linux takes no other subflow for it."""
    gateway = start(lab)
    listener = lab.listen("server")
    bulk = Bulk(lab, "down")
    wait_for(lambda: subflows(gateway, "a") == subflows(gateway, "b") == 1, "bulk over both links")
    near, far = session_over_one_link(lab, gateway, listener)
    near.shutdown(1)
    assert far.recv(1) == b""
    wait_for(lambda: any(s["state"] == "half-closed" for s in gateway.ctl("sessions")["sessions"]), "the gateway to know that it has ended")
    lab.set_link("a", "silence=1")
    gateway.wait_log("link a is silent")
    began = link(gateway, "b")["sessions_first"]
    other, its_far, _ = lab.session(listener)
    talk([(other, its_far)])
    assert link(gateway, "b")["sessions_first"] == began + 1, "a new connection began on the silent link"
    assert has_endpoint(lab)
    lab.set_link("a", "silence=0")
    gateway.wait_log(r"link a is good \(was silent\)")
    far.sendall(b"down")
    assert receive_exactly(near, 4) == b"down"
    lab.set_link("a", "silence=1")
    gateway.wait_log("link a is silent", n=2)
    assert has_endpoint(lab)
    close_with_reset(near)
    wait_for(lambda: not has_endpoint(lab), "the link to be left, nobody needing it any more")
    bulk.leave()


def test_a_link_that_comes_and_goes_keeps_no_other_from_being_begun_anew(lab):
    gateway = start(lab, **{"link c": {"interface": "ppp0"}})
    Program(lab, "gw", "sh", "-c", FLAPS)
    gateway.wait_log(r"link c \(ppp0\): up", n=2)
    near, far = session_over_one_link(lab, gateway, lab.listen("server"))
    wait_for(lambda: subflows(gateway, "b") == 1, "the session on the link that it lacks")
    talk([(near, far)])
