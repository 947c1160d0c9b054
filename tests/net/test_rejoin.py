# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that sessions lack: a subflow is tried once by the kernel, and what fails then is to be mended (role/links/rejoin.h, net/neighbour.h)."""
import os
import re
import time

import pytest

from netlab import Lab, Program, receive_exactly, wait_for

OUTAGES_S = [float(s) for s in os.environ.get("BRAID_OUTAGES_S", "1").split()]   # longer ones by hand: "1 3 10 60"


@pytest.fixture
def emulated(tmp_path):
    lab = Lab(tmp_path, {"a": 5, "b": 5})
    yield lab
    lab.close()


def subflows(gateway, link):
    """How many there are of all sessions. A first one that has ended stays in the kernel's list."""
    return sum(s["link"] == link and s["state"] == "established" for session in gateway.ctl("sessions")["sessions"]
               for s in gateway.ctl("why", session["id"])["subflows"])


def carried(gateway, link):
    """Payload that the link has carried of all sessions, by the kernel's account."""
    return sum(part["bytes_up"] + part["bytes_down"] for s in gateway.ctl("sessions")["sessions"] for part in s["links"] if part["name"] == link)


def open_sessions(lab, gateway, n=3):
    listener = lab.listen("server")
    pairs = [lab.session(listener)[:2] for _ in range(n)]
    wait_for(lambda: subflows(gateway, "a") == subflows(gateway, "b") == n, "every session on both links")
    return listener, pairs


def start(lab, **conf):
    lab.converter()
    return lab.gateway(**conf)


def talk(pairs):
    for near, far in pairs:
        near.sendall(b"up")
        far.sendall(b"down")
        assert (receive_exactly(far, 2), receive_exactly(near, 4)) == (b"up", b"down")


def use(lab, gateway, pairs, link):
    """Bytes go until the link has carried some more: whatever is first tried over the other one."""
    block = os.urandom(1 << 18)
    before = carried(gateway, link)

    def more():
        for near, far in pairs:
            far.sendall(block)
            assert receive_exactly(near, len(block)) == block, "a byte is wrong"
        return carried(gateway, link) > before
    wait_for(more, f"bytes over {link}")


def sought_for_the_last_time(lab):
    """The kernel has asked for the next hop three times (it counts from three on), and nobody has answered: in a second it gives up."""
    return re.search(r"probes 6.* INCOMPLETE", lab.run("gw", "ip -s neigh show dev l0 192.0.2.1"))


def test_a_link_that_is_back_while_its_next_hop_is_still_sought(lab):
    gateway = start(lab)
    _, pairs = open_sessions(lab, gateway)
    for _ in range(3):
        lab.set_carrier("a", False)
        gateway.wait_log(r"link a \(l0\): no carrier")
        wait_for(lambda: subflows(gateway, "a") == 0, "the link to be left")
        wait_for(lambda: sought_for_the_last_time(lab), "the last question for the next hop")
        lab.set_carrier("a", True)
        wait_for(lambda: subflows(gateway, "a") == len(pairs), "every session to be back on the link")
        use(lab, gateway, pairs, "a")
    assert "don't have it" not in gateway.log(), "the kernel's own try came to nothing"


def test_a_session_that_began_while_a_link_was_silent_gets_it(emulated):
    """No carrier is lost; the kernel has tried once, and its try has failed."""
    lab = emulated
    gateway = start(lab)
    listener, pairs = open_sessions(lab, gateway)
    lab.set_link("b", "loss_ppm=1000000")
    pairs.append(lab.session(listener)[:2])
    wait_for(lambda: "FAILED" in lab.run("gw", "ip neigh show dev l1 198.51.100.1"), "the next hop to be given up", 60)
    talk(pairs)
    wait_for(lambda: subflows(gateway, "a") == 4 and subflows(gateway, "b") < 4, "a session without the link", 60)
    lab.set_link("b", "loss_ppm=0")
    wait_for(lambda: subflows(gateway, "b") == 4, "every session on the link", 60)
    gateway.wait_log(r"link b is good \(was silent\)")
    talk(pairs)
    use(lab, gateway, pairs[-1:], "b")


def test_a_session_whose_join_was_turned_away_gets_the_link(lab):
    """The link works all the time; the kernel has tried once. Beside it a modem dials in vain, every second."""
    gateway = start(lab, **{"link c": {"interface": "ppp0"}})
    Program(lab, "gw", "sh", "-c", "while ip link add ppp0 type veth peer name ppp1 && ip link set ppp0 up && sleep 1 && ip link del ppp0; do sleep 1; done")
    gateway.wait_log(r"link c \(ppp0\): no interface")
    listener, pairs = open_sessions(lab, gateway)
    lab.run("core", "nft 'add table inet t; add chain inet t c { type filter hook forward priority 0; }; add rule inet t c iifname b0 tcp flags syn tcp option mptcp subtype 1 counter reject with tcp reset'")
    pairs.append(lab.session(listener)[:2])
    talk(pairs)
    wait_for(lambda: re.search("packets [1-9]", lab.run("core", "nft list table inet t")), "its join to be turned away")
    lab.run("core", "nft delete table inet t")
    wait_for(lambda: subflows(gateway, "a") == subflows(gateway, "b") == 4, "every session on the link", 60)
    gateway.wait_log("the converter answers over it, and [0-9]+ sessions don't have it")
    assert "is silent" not in gateway.log()
    talk(pairs)


def test_addresses_that_come_back_one_family_after_the_other(emulated):
    """The second one's search for its next hop must not end the first one's, which a join waits for."""
    lab = emulated
    lab.set_link("a", "delay_us=60000")
    gateway = start(lab)
    _, pairs = open_sessions(lab, gateway)
    lab.run("gw", "ip addr flush dev l0 scope global; ip -6 route del default dev l0")
    wait_for(lambda: subflows(gateway, "a") == 0, "the link to be left")
    talk(pairs)
    lab.run("gw", "ip addr add 192.0.2.2/24 dev l0; ip route replace default via 192.0.2.1 dev l0 metric 10; until ip mptcp endpoint | grep -q ' dev l0 '; do :; done;"
            "ip addr add 2001:db8:2::2/64 dev l0 nodad; ip -6 route replace default via 2001:db8:2::1 dev l0 metric 10")
    wait_for(lambda: subflows(gateway, "a") == len(pairs), "every session to be back on the link")
    use(lab, gateway, pairs, "a")
    assert "don't have it" not in gateway.log(), "the kernel's own try came to nothing"


def test_nothing_is_begun_anew_where_nothing_is_lacking(lab):
    gateway = start(lab)
    _, pairs = open_sessions(lab, gateway)
    before = carried(gateway, "a")
    use(lab, gateway, pairs, "a")
    assert carried(gateway, "a") > before and "don't have it" not in gateway.log()


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("silent", [False, True], ids=["carrier", "silent"])
def test_outages(emulated, outage_s, silent):
    """How long it takes until the link carries again is printed."""
    lab = emulated
    gateway = start(lab)
    _, pairs = open_sessions(lab, gateway)

    def lose(lost):
        if silent:
            lab.set_link("b", f"loss_ppm={1000000 * lost}")
        else:
            lab.set_carrier("b", not lost)
    begun = time.monotonic()
    lose(True)
    while time.monotonic() < begun + outage_s:
        use(lab, gateway, pairs, "a")
    lose(False)
    back = time.monotonic()
    wait_for(lambda: subflows(gateway, "b") == len(pairs), "every session on the link", 120)
    joined = time.monotonic() - back
    for pair in pairs:
        use(lab, gateway, [pair], "b")
    assert silent or "don't have it" not in gateway.log(), "the kernel's own try came to nothing"
    print(f"\n{'silent' if silent else 'carrier'} {outage_s} s: joined after {joined:.1f} s, all carry after {time.monotonic() - back:.1f} s")
