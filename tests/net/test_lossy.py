# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions in pieces over links that lose packets all the time (link.profile = lossy, doc/pieces.md): both ways, one link lost and back, many at once, and where they can't be."""
import hashlib
import os
import re
import signal
import socket

import pytest

from netlab import LINK_A, LINK_B, SERVER, Lab, close_with_reset, counter, receive_exactly, send_in_background, wait_for
from streams import BOTH_AT_ONCE, NEVER, End, Plan, Serving, Sides

INTERFACES = {"a": "l0", "b": "l1"}
BYTES = 8_000_000
MANY = 60
STALLED, STALLED_BYTES = 10, 8_000_000
WAITING, WAITING_BYTES, STANDSTILLS = 4, 14_000_000, 3
QUIET_LOOKS, QUIET_BYTES = 50, 20_000   # probes go on
LOOK_BYTES = 100_000                    # of 8 MB, between two looks at a counter
RECEIVED, SENT = 0, 8                   # columns of /proc/net/dev
PATIENCE_S = 90
LOSSY = {f"link {name}": {"profile": "lossy"} for name in "ab"}


@pytest.fixture
def lossy(tmp_path):
    lab = Lab(tmp_path, {"a": 10, "b": 30})
    for name, rate_bps in (("a", 40_000_000), ("b", 20_000_000)):
        lab.set_link(name, f"rate_bps={rate_bps}")
        lab.set_link(name, "queue_ms=100")
        lab.set_link(name, "loss_ppm=30000")
    yield lab
    lab.close()


def both(lab, **changes):
    return lab.converter(), lab.gateway(**LOSSY, **changes)


def carry(lab, sender, receiver, meanwhile=None):
    """BYTES of them, checked."""
    data = os.urandom(BYTES)
    sender.settimeout(PATIENCE_S)
    receiver.settimeout(PATIENCE_S)
    child = send_in_background(sender, data)
    got = receive_exactly(receiver, BYTES // 2)
    if meanwhile:
        meanwhile()
    got += receive_exactly(receiver, BYTES - len(got))
    assert os.waitpid(child, 0)[1] == 0
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


def bytes_of(lab, name, column=SENT):
    """Of the gateway over the link."""
    return int(re.search(rf"^ *{INTERFACES[name]}:((?: *\d+)+)", lab.run("gw", "cat /proc/net/dev"), re.M)[1].split()[column])


def test_a_session_goes_in_pieces_over_all_links(lossy):
    converter, gateway = both(lossy)
    near, far, _ = lossy.session(lossy.listen("server"))
    before = {name: bytes_of(lossy, name) for name in "ab"}
    carry(lossy, near, far)
    assert all(bytes_of(lossy, name) - before[name] > BYTES / 10 for name in "ab"), "a link has carried next to nothing"
    carry(lossy, far, near)
    assert counter(gateway, "striped") == counter(converter, "striped") == 1
    assert "bbr" in lossy.run("gw", "ss -tinH dport = :5124 | grep -v mptcp") and "bbr" in lossy.run("conv", "ss -tinH sport = :5124 | grep -v mptcp")
    far.shutdown(1)
    assert near.recv(1) == b""
    near.close()
    assert far.recv(1) == b""
    wait_for(lambda: not gateway.ctl("status")["sessions"], "the session to end")


def test_bbr_that_sends_far_too_much_is_bound(tmp_path):
    """Its beginning would go on, with the queues full and more than half of all packets lost (decision 0051); and who ends is let go."""
    lab = Lab(tmp_path, {"a": 300, "b": 300})
    try:
        for name in "ab":
            lab.set_link(name, "rate_bps=1000000")
            lab.set_link(name, "queue_ms=300")
            lab.set_link(name, "loss_ppm=100000")
        converter, gateway = both(lab)
        near, far, _ = lab.session(lab.listen("server"))
        child = send_in_background(near, os.urandom(BYTES))
        far.settimeout(PATIENCE_S)
        received = 0
        while not counter(gateway, "overshoots") and received < BYTES:
            received += len(receive_exactly(far, LOOK_BYTES))
        assert counter(gateway, "striped") == 1
        assert counter(gateway, "overshoots"), f"{received} bytes have come, and no leg was bound"
        assert counter(converter, "overshoots") == 0
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        close_with_reset(near)
        close_with_reset(far)
        wait_for(lambda: not gateway.ctl("status")["sessions"], "the session to end")
    finally:
        lab.close()


@pytest.mark.parametrize("node", ["gw", "conv"])
def test_people_see_its_legs(lossy, node):
    """Also while bulk has the session in a thread that isn't that of its legs."""
    converter, gateway = both(lossy)
    daemon, names = (gateway, ["a", "b"]) if node == "gw" else (converter, [LINK_A, LINK_B])
    near, far, _ = lossy.session(lossy.listen("server"))
    seen = []
    carry(lossy, near, far, lambda: seen.extend(daemon.ctl("sessions")["sessions"]))
    assert sorted(link["name"] for link in seen[0]["links"]) == names, "while it carries"
    carry(lossy, far, near)
    [session] = daemon.ctl("sessions")["sessions"]
    assert sorted(link["name"] for link in session["links"]) == names
    for way in ("bytes_up", "bytes_down"):
        assert all(link[way] > BYTES / 10 for link in session["links"]) and sum(link[way] for link in session["links"]) > BYTES, session["links"]
    why = daemon.ctl("why", session["id"])
    assert why["pieces"] and why["verdict"].startswith("in pieces over") and "none over" not in why["verdict"]
    assert sorted(leg["link"] for leg in why["subflows"]) == names
    assert all(leg["state"] == "established" and leg["congestion"] == "bbr" and leg["rtt_ms"] > 5 for leg in why["subflows"]), why["subflows"]


def test_people_see_which_leg_is_missing(lossy):
    _, gateway = both(lossy)
    lossy.session(lossy.listen("server"))
    wait_for(lambda: [link["subflows"] for link in gateway.ctl("links")["links"]] == [1, 1], "a leg over each link")
    lossy.set_carrier("b", False)
    wait_for(lambda: [link["subflows"] for link in gateway.ctl("links")["links"]] == [1, 0], "no leg over the one without a carrier")
    [session] = gateway.ctl("sessions")["sessions"]
    assert "; none over b: the link is down" in gateway.ctl("why", session["id"])["verdict"]


def test_people_see_which_link_is_kept(lossy):
    lossy.converter()
    gateway = lossy.gateway(**{"link a": {"profile": "lossy"}, "link b": {"backup": "yes"}})
    lossy.session(lossy.listen("server"))
    [session] = gateway.ctl("sessions")["sessions"]
    why = gateway.ctl("why", session["id"])
    assert [leg["link"] for leg in why["subflows"]] == ["a"]
    assert why["verdict"].endswith("; none over b: it is kept for when the others fail, or are full")


def test_a_link_goes_and_comes_back(lossy):
    converter, gateway = both(lossy)
    near, far, _ = lossy.session(lossy.listen("server"))
    carry(lossy, far, near, lambda: lossy.set_carrier("a", False))
    assert counter(gateway, "legs_lost")
    n_legs = counter(gateway, "legs")
    lossy.set_carrier("a", True)
    wait_for(lambda: counter(gateway, "legs") > n_legs, "a leg over the link that is back")
    carry(lossy, near, far)
    close_with_reset(near)
    with pytest.raises(ConnectionResetError):
        far.recv(1)


def test_a_link_goes_under_an_upload(lossy):
    """What the converter has told over it, and over nothing else, is told again: the gateway's window is shorter than the time in which a leg is found to be silent."""
    lossy.set_link("a", "delay_us=2000")
    lossy.set_link("b", "delay_us=8000")
    for name, rate_bps in (("a", 300_000), ("b", 60_000_000)):
        lossy.set_link(name, f"rate_bps={rate_bps}")
        lossy.set_link(name, "loss_ppm=10000")
    _, gateway = both(lossy)
    near, far, _ = lossy.session(lossy.listen("server"))
    carry(lossy, near, far, lambda: lossy.set_carrier("a", False))
    wait_for(lambda: counter(gateway, "legs_lost") >= 1, "the leg over the link that has gone to be lost")


def wait_for_standstill(lab):
    seen = []

    def stands():
        seen.append(sum(bytes_of(lab, name, RECEIVED) for name in "ab"))
        return len(seen) > QUIET_LOOKS and seen[-1] - seen[-QUIET_LOOKS] < QUIET_BYTES
    wait_for(stands, "the downloads to stand", PATIENCE_S)


def test_links_go_while_readers_wait(lossy):
    """What stands, acknowledged in part wherever a reader's buffer was full, goes once more over new legs."""
    _, gateway = both(lossy)
    listener = lossy.listen("server")
    data = os.urandom(WAITING_BYTES)
    sessions = [lossy.session(listener)[:2] for _ in range(WAITING)]
    for near, _ in sessions:
        near.settimeout(PATIENCE_S)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    children = [send_in_background(far, data) for _, far in sessions]
    got = [b""] * WAITING
    for _ in range(STANDSTILLS):
        for i, (near, _) in enumerate(sessions):
            got[i] += receive_exactly(near, 1_000_001)
        wait_for_standstill(lossy)
        n_lost, n_legs = counter(gateway, "legs_lost"), counter(gateway, "legs")
        for name in "ab":
            lossy.set_carrier(name, False)
        wait_for(lambda: counter(gateway, "legs_lost") >= n_lost + 2 * WAITING, "all legs to be lost")
        for name in "ab":
            lossy.set_carrier(name, True)
        wait_for(lambda: counter(gateway, "legs") >= n_legs + 2 * WAITING, "as many new ones")
    for i, (near, _) in enumerate(sessions):
        got[i] += receive_exactly(near, WAITING_BYTES - len(got[i]))
        assert got[i] == data
        assert os.waitpid(children[i], 0)[1] == 0


def test_who_reads_nothing_keeps_nobody_from_it(lossy):
    """Several downloads that stand, of far more than may be held: others go on, and so does what these hosts send; and they are whole in the end."""
    daemons = both(lossy, relay={"held_mb": 4})
    listener = lossy.listen("server")
    data = os.urandom(STALLED_BYTES)
    stalled = [lossy.session(listener)[:2] for _ in range(STALLED)]
    children = [send_in_background(far, data) for _, far in stalled]

    wait_for_standstill(lossy)
    near, far, _ = lossy.session(listener)
    carry(lossy, far, near)
    stalled[0][0].settimeout(PATIENCE_S)
    stalled[0][1].settimeout(PATIENCE_S)
    stalled[0][0].sendall(data[:500_000])
    assert receive_exactly(stalled[0][1], 500_000) == data[:500_000]
    for (near, _), child in zip(stalled, children):
        near.settimeout(PATIENCE_S)
        assert receive_exactly(near, len(data)) == data
        assert os.waitpid(child, 0)[1] == 0
    assert [counter(daemon, "striped") for daemon in daemons] == [STALLED + 1] * 2


def test_many_at_once(lossy):
    _, gateway = both(lossy)
    listener = lossy.listen("server")
    child = Serving(listener, PATIENCE_S)
    sides = Sides()
    for number in range(MANY):
        plan = Plan(number, 1 + number * 3_000, 1 + (MANY - number) * 3_000, NEVER, NEVER, BOTH_AT_ONCE, 0)
        sides.add(End(lossy.connect("host", SERVER, listener.getsockname()[1]), plan, True))

    def all_done():
        sides.turn(0.2)
        return not sides.n_open
    wait_for(all_done, "all to be served", PATIENCE_S)
    server = child.result()
    assert (sides.tally.wrong, server.wrong, sides.tally.n_in_order, server.n_in_order) == ([], [], MANY, MANY)
    assert counter(gateway, "striped") == MANY


def test_beside_a_clean_link_too(lossy):
    """One that loses packets is enough; and where it is gone, sessions are as they are otherwise."""
    lossy.set_link("a", "loss_ppm=0")
    converter = lossy.converter()
    gateway = lossy.gateway(**{"link b": {"profile": "lossy"}})
    assert lossy.bonded() and counter(gateway, "striped") == 1
    lossy.set_carrier("b", False)
    wait_for(lambda: lossy.bonded() and counter(gateway, "striped") < counter(converter, "sessions_opened"), "a session that isn't in pieces")
