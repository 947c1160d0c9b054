# SPDX-License-Identifier: GPL-2.0-or-later
"""Links whose round trips are far apart have sessions in pieces without being said to lose packets (decision 0045), and the request is in the first packet."""
import os
import re
import socket

import pytest

from bulk import Bulk
from netlab import LINK_A, LINK_B, SERVER, Lab, close_with_reset, counter, receive_exactly, sockets, sockets_at_rest, wait_for
from test_converter_input import ticket
from test_legs import SHARE, Leg
from test_lossy import BYTES, LOSSY, RECEIVED, SENT, bytes_of, carry

SHORT = 10
NARROW_BYTES = 131072    # Linux's own default
LEGS_OF = {"gw": "dport", "conv": "sport"}


@pytest.fixture
def apart(tmp_path):
    lab = Lab(tmp_path, {"a": 10, "b": 150})
    yield lab
    lab.close()


def start(lab, pieces="auto", **changes):
    """Both daemons, when both links have been seen."""
    converter, gateway = lab.converter(), lab.gateway(gateway={"pieces": pieces}, **changes)
    wait_for(lambda: all(row["health"]["least_rtt_ms"] for row in gateway.ctl("links")["links"]), "the round trips of both links")
    return converter, gateway


class Since:
    """What a daemon has counted since."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.before = {row["name"]: row["value"] for row in daemon.ctl("counters")["counters"]}

    def counted(self, name):
        return counter(self.daemon, name) - self.before[name]


def start_in_pieces(lab):
    """When sessions go so: what the probes have shown has come to the workers, and the watch knows the converter. The converter, and what the gateway counts from then on."""
    converter, gateway = start(lab)
    wait_for(lambda: lab.bonded() and counter(gateway, "striped"), "a session in pieces")
    wait_for(lambda: not converter.ctl("status")["sessions"], "it has ended")
    return converter, Since(gateway)


def fast_opened(lab):
    return int(lab.run("conv", "nstat -asz TcpExtTCPFastOpenPassive").split()[-2])


def test_sessions_go_in_pieces(apart):
    _, gateway = start_in_pieces(apart)
    before = fast_opened(apart)
    near, far, _ = apart.session(apart.listen("server"))
    carry(apart, near, far)
    carry(apart, far, near)
    assert gateway.counted("striped") == 1
    assert gateway.counted("legs") == 2
    assert fast_opened(apart) - before >= 2, "a leg's first packet had nothing in it"
    assert gateway.counted("syn_data_lost") == 0


def test_a_leg_that_is_late_begins_nothing(apart):
    """Sessions that are over before their first packets over the far link have come: nothing of them is left at the converter."""
    converter, gateway = start_in_pieces(apart)
    listener = apart.listen("server")
    at_rest = sockets_at_rest(converter)
    for _ in range(SHORT):
        near = apart.connect("host", SERVER, listener.getsockname()[1])
        near.sendall(b"question")
        far, _ = apart.accept(listener)
        assert receive_exactly(far, 8) == b"question"
        far.close()
        assert near.recv(1) == b""
        near.close()
    assert gateway.counted("striped") == SHORT
    wait_for(lambda: sockets(converter.pid) <= at_rest, "no session left at the converter")


def test_a_request_that_is_taken_back_at_once(apart):
    """Before any leg is there: the server hears of the reset as soon as one is, not when the session has been without legs for three minutes."""
    apart.set_link("a", "delay_us=80000")
    apart.set_link("b", "delay_us=80000")
    converter = apart.converter()
    gateway = apart.gateway(gateway={"accept": "early"}, **{"link a": {"profile": "lossy"}})
    listener = apart.listen("server")
    near = apart.connect("host", SERVER, listener.getsockname()[1])
    near.sendall(b"question")
    wait_for(lambda: counter(gateway, "syn_data_sent") >= 2, "first packets of both legs")
    close_with_reset(near)
    far, _ = apart.accept(listener)
    with pytest.raises(ConnectionResetError):
        assert receive_exactly(far, 8) == b"question"
        far.recv(1)
    wait_for(lambda: not converter.ctl("status")["sessions"], "no session left")


def test_first_packets_that_lose_what_they_carry_cost_a_round_trip(apart):
    _, gateway = start_in_pieces(apart)
    for name in "ab":
        apart.set_link(name, "eat_syn_data=2")
    near, far, _ = apart.session(apart.listen("server"))
    carry(apart, near, far)
    assert gateway.counted("striped") == 1
    assert gateway.counted("syn_data_lost") == 2


def legs(lab, node):
    """What ss says of each; probes are Multipath TCP."""
    return lab.run(node, f"ss -tinmHO state established {LEGS_OF[node]} = :5124 | sed /token/d").splitlines()


@pytest.mark.parametrize("node", ["gw", "conv"])
def test_legs_begin_with_a_wide_window(apart, node):
    """A narrow one that lost packets use up ends the slow start of bbr. The gateway's are made so; the converter's have it from their listener, which is one of Multipath TCP."""
    start_in_pieces(apart)
    apart.session(apart.listen("server"))
    begin_bytes = int(apart.run(node, "cat /proc/sys/net/ipv4/tcp_rmem").split()[1])
    assert begin_bytes > NARROW_BYTES
    wait_for(lambda: len(legs(apart, node)) == 2, "both legs")
    for leg in legs(apart, node):
        assert int(re.search(r"\brb(\d+)", leg)[1]) >= begin_bytes, leg


def congestion_of_legs(lab, node):
    """Of those over link a, and over link b."""
    some = legs(lab, node)
    return [{re.search(r"\b(cubic|bbr)\b", leg)[1] for leg in some if address in leg} for address in (LINK_A, LINK_B)]


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_leg_that_loses_packets_has_bbr(apart, way):
    """Whichever end sends; the other leg keeps cubic, and the next session begins so."""
    converter, gateway = start_in_pieces(apart)
    for name in "ab":
        apart.set_link(name, "rate_bps=20000000")
    apart.set_link("b", "loss_ppm=50000")
    node, sender = ("gw", gateway.daemon) if way == "up" else ("conv", converter)
    bulk = Bulk(apart, way)
    wait_for(lambda: congestion_of_legs(apart, node) == [{"cubic"}, {"bbr"}], "bbr over the link that loses, cubic over the other")
    assert counter(sender, "to_bbr")
    if way == "up":   # a converter doesn't know the gateway's links
        wait_for(lambda: (gateway.daemon.ctl("links")["links"][1]["health"]["loss_percent"] or 0) > 1, "braidctl links to say so")
    bulk.leave()
    wait_for(lambda: not any(congestion_of_legs(apart, node)), "its legs to be gone")
    apart.session(apart.listen("server"))
    wait_for(lambda: congestion_of_legs(apart, node) == [{"cubic"}, {"bbr"}], "the next session's legs to begin so, nothing being sent over it")


def test_not_where_profiles_alone_count(apart):
    _, gateway = start(apart, "profile")
    assert apart.bonded() and counter(gateway, "striped") == 0


def test_not_where_links_cost_more(apart):
    _, gateway = start(apart, **{"link b": {"cost": 1}})
    apart.session(apart.listen("server"))
    assert counter(gateway, "striped") == 0


def test_not_where_packets_are_marked(apart):
    _, gateway = start(apart, policy={"rule": f"bond to {SERVER} set-dscp af41"})
    apart.session(apart.listen("server"))
    assert counter(gateway, "striped") == 0


def legs_over_b(lab):
    """And what probes have just then."""
    return re.findall(rf"{LINK_B}:\d+ +\S+:5124", lab.run("gw", "ss -tinHO state established dport = :5124 | grep -v token"))


def carried_over_b(lab, sender, receiver):
    before = bytes_of(lab, "b", RECEIVED) + bytes_of(lab, "b", SENT)
    carry(lab, sender, receiver)
    return bytes_of(lab, "b", RECEIVED) + bytes_of(lab, "b", SENT) - before


def test_a_backup_is_left_when_another_link_is_back(apart):
    converter, gateway = start(apart, **{"link a": {"profile": "lossy"}, "link b": {"profile": "lossy", "backup": "yes"}})
    near, far, _ = apart.session(apart.listen("server"))
    wait_for(lambda: not legs_over_b(apart), "no leg over the backup")
    assert carried_over_b(apart, near, far) < BYTES / 20
    apart.set_carrier("a", False)
    assert carried_over_b(apart, far, near) > BYTES
    apart.set_carrier("a", True)
    wait_for(lambda: not legs_over_b(apart), "no leg over the backup any more")
    assert carried_over_b(apart, near, far) < BYTES / 20
    assert counter(gateway, "striped") == counter(converter, "striped") == 1


@pytest.mark.parametrize("accept", ["faithful", "early"])
def test_without_a_place_at_the_converter_by_multipath_tcp(lab, accept):
    """Its client's share is taken: the next session is begun so at once, with what its host has said, and so are the ones after it."""
    lab.converter(daemon={"workers": 1})
    gateway = lab.gateway(gateway={"accept": accept}, **LOSSY)
    legs = [Leg(lab, os.urandom(16), proof=ticket("::", 0)).answered() for _ in range(SHARE)]
    listener = lab.listen("server")
    near = lab.connect("host", SERVER, listener.getsockname()[1])
    near.sendall(b"question")
    far, _ = lab.accept(listener)
    assert receive_exactly(far, 8) == b"question"
    far.sendall(b"answer")
    assert receive_exactly(near, 6) == b"answer"
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b"", "once"
    assert counter(gateway, "striped") == 1 and counter(gateway, "legs_lost")
    assert lab.bonded() and counter(gateway, "striped") == 1
    for leg in legs:
        leg.sock.close()
