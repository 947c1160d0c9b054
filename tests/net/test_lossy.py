# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions in pieces over links that lose packets all the time (link.profile = lossy, doc/pieces.md): both ways, one link lost and back, many at once, and where they can't be."""
import hashlib
import os
import re

import pytest

from netlab import SERVER, Lab, close_with_reset, counter, receive_exactly, send_in_background, wait_for
from streams import BOTH_AT_ONCE, NEVER, End, Plan, Serving, Sides

INTERFACES = {"a": "l0", "b": "l1"}
BYTES = 8_000_000
MANY = 60
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


def bytes_of(lab, name):
    """That the gateway has sent over the link."""
    return int(re.search(rf"^ *{INTERFACES[name]}:((?: *\d+)+)", lab.run("gw", "cat /proc/net/dev"), re.M)[1].split()[8])


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


def test_a_link_goes_and_comes_back(lossy):
    converter, gateway = both(lossy)
    near, far, _ = lossy.session(lossy.listen("server"))
    carry(lossy, far, near, lambda: lossy.set_carrier("a", False))
    assert counter(gateway, "legs_lost")
    lossy.set_carrier("a", True)
    n_legs = counter(gateway, "legs")
    wait_for(lambda: counter(gateway, "legs") > n_legs, "a leg over the link that is back")
    carry(lossy, near, far)
    close_with_reset(near)
    with pytest.raises(ConnectionResetError):
        far.recv(1)


def test_many_at_once(lossy):
    both(lossy)
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


def test_beside_a_clean_link_too(lossy):
    """One that loses packets is enough; and where it is gone, sessions are as they are otherwise."""
    lossy.set_link("a", "loss_ppm=0")
    converter = lossy.converter()
    gateway = lossy.gateway(**{"link b": {"profile": "lossy"}})
    assert lossy.bonded() and counter(gateway, "striped") == 1 and counter(gateway, "legs") >= 1
    lossy.set_carrier("b", False)
    wait_for(lambda: lossy.bonded() and counter(gateway, "striped") < counter(converter, "sessions_opened"), "a session that isn't in pieces")
