# SPDX-License-Identifier: GPL-2.0-or-later
"""What a link event leaves alone: rules, tables, daemons, the other link's routes and endpoints; no session is reset, and new ones are taken at once, whichever link is lost and however."""
import os

import pytest

from netlab import SERVER, Lab, receive_exactly, send_in_background, wait_for
from test_rejoin import carried

# With handles: what is made anew has another one. And all that isn't the lost link's own.
LEFT_ALONE = "nft -a -s list ruleset; ip rule; ip -6 rule; ip mptcp endpoint | grep -v ' dev {0} '; for t in 5200 {1}; do ip route show table $t; ip -6 route show table $t; done 2>/dev/null; true"
LINKS = {"a": ("l0", 5202), "b": ("l1", 5201)}      # a device, and the other link's table


@pytest.fixture
def emulated(tmp_path):
    lab = Lab(tmp_path, {"a": 5, "b": 8})
    yield lab
    lab.close()


def lose(lab, name, how, lost):
    lab.set_link(name, f"silence={int(lost)}" if how == "silence" else f"carrier={int(not lost)}")


def left_alone(lab, name):
    """The sets that say who has accepted lately, and that we are at work, have their times."""
    lines = lab.run("gw", LEFT_ALONE.format(*LINKS[name])).splitlines()
    return [line for line in lines if "expires" not in line and "elements" not in line]


@pytest.mark.parametrize("how", ["silence", "carrier"])
@pytest.mark.parametrize("name", [pytest.param("a", marks=pytest.mark.signalled), "b"])   # by route no session begins without it
def test_a_lost_link_changes_nothing_else(emulated, name, how):
    lab = emulated
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    near, far, _ = lab.session(listener, SERVER)
    before = left_alone(lab, name)
    lose(lab, name, how, True)
    if how == "carrier":
        gateway.wait_log(f"link {name} .*no carrier")
    for _ in range(3):
        assert lab.bonded(listener), "a new session, with the link lost"
        near.sendall(b"up")
        far.sendall(b"down")
        assert (receive_exactly(far, 2), receive_exactly(near, 4)) == (b"up", b"down")
        assert left_alone(lab, name) == before
    lose(lab, name, how, False)
    wait_for(lambda: f" dev {LINKS[name][0]} " in lab.run("gw", "ip mptcp endpoint"), "the link to be taken up")
    near.sendall(b"up")
    assert receive_exactly(far, 2) == b"up"
    assert left_alone(lab, name) == before
    assert gateway.running() and converter.running()
    assert "read again" not in gateway.log() and "put back" not in gateway.log()


def test_long_packets_are_lost_and_nobody_is_told(emulated):
    """As on a tunnel that hides ICMP: TCP finds out by itself, at both ends, whichever link it is and whether or not there is another."""
    lab = emulated
    lab.set_link("a", "mtu=1200")
    lab.converter()
    gateway = lab.gateway()
    listener = lab.listen("server")
    near, far, _ = lab.session(listener)
    block = bytes(range(250)) * 4000

    def pass_block():
        for sender, reader in ((near, far), (far, near)):
            pid = send_in_background(sender, block)
            assert receive_exactly(reader, len(block)) == block
            os.waitpid(pid, 0)
    pass_block()
    lose(lab, "b", "carrier", True)
    gateway.wait_log("link b .*no carrier")
    before = carried(gateway, "a")
    pass_block()
    assert carried(gateway, "a") - before >= 2 * len(block)
