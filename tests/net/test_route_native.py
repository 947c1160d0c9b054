# SPDX-License-Identifier: GPL-2.0-or-later
"""signalling = route, and a host that speaks Multipath TCP itself, without a gateway: the gw's own sockets (route.py)."""
import errno
import json
import re
import socket

import pytest

from netlab import IPPROTO_MPTCP, LINK_A, LINK_B, SERVER, SERVER_V6, counter, family_of, wait_for
from route import ACCEPTS, BULK, CLIENTS, LINK_A_V6, how_it_fails, make_phone, server_of, start_converter, transfer
from servers import seen_by_nginx, start_nginx
from test_accept import is_mptcp


def sent_by(lab, interface):
    return json.loads(lab.run("gw", f"ip -j -s link show {interface}"))[0]["stats64"]["tx"]["bytes"]


@pytest.fixture
def phone(lab):
    start_converter(lab)
    make_phone(lab)
    return lab


def native(lab, listener, v6=False):
    near = lab.socket("gw", family_of(server_of(v6)), IPPROTO_MPTCP)
    near.connect((server_of(v6), listener.getsockname()[1]))
    near.sendall(b"!")
    far, peer = lab.accept(listener)
    assert far.recv(1) == b"!"
    return near, far, peer


def test_phone_with_one_proxy(phone):
    listener = phone.listen("server")
    near, far, peer = native(phone, listener)
    assert peer == LINK_A and is_mptcp(near)

    def both():
        before = [sent_by(phone, interface) for interface in ("l0", "l1")]
        transfer(near, far)
        return all(sent_by(phone, interface) - was > len(BULK) // 4 for interface, was in zip(("l0", "l1"), before))

    wait_for(both, "both links carry what the phone sends")
    assert counter(phone.on_path, "intercepted") == 1


def test_mptcpize_curl(phone):
    start_nginx(phone, {"big": BULK})
    got = phone.directory / "got"
    phone.run("gw", f"mptcpize run curl -sSf -o {got} http://{SERVER}/big; mptcpize run curl -sSfg -o {got}6 'http://[{SERVER_V6}]/big'")
    assert got.read_bytes() == BULK and seen_by_nginx(phone) == [LINK_A, LINK_A_V6]
    assert (phone.directory / "got6").read_bytes() == BULK
    assert counter(phone.on_path, "intercepted") == 2


def listen_mptcp(lab):
    listener = lab.socket("server", socket.AF_INET6, IPPROTO_MPTCP)
    listener.bind(("::", 0))
    listener.listen(16)
    return listener


def test_what_a_rule_bypasses_is_undisturbed(lab):
    """A host's and a server's own Multipath TCP, joined over the second link at the server itself."""
    start_converter(lab, policy={"rule": f"own: bypass to {SERVER}"})
    make_phone(lab)
    lab.run("server", "ip mptcp limits set subflows 4")
    near, far, peer = native(lab, listen_mptcp(lab))
    assert (peer, is_mptcp(near), is_mptcp(far)) == (LINK_A, True, True)
    wait_for(lambda: re.search(rf"{LINK_B}\S*\s+{SERVER}:", lab.run("gw", "ss -Htn state established")), "the second link joins at the server")
    transfer(near, far)
    transfer(far, near)
    assert counter(lab.on_path, "intercepted") == 0


def test_a_rule_turns_away(lab):
    start_converter(lab, policy={"rule": f"not: reject to {SERVER} port 1-9"})
    make_phone(lab)
    assert how_it_fails(lab, "gw", SERVER, 9, IPPROTO_MPTCP) == errno.ECONNREFUSED
    assert counter(lab.on_path, "intercepted") == 0


def test_others_clients_pass(phone):
    """Link b's addresses aren't the converter's to take."""
    listener = phone.listen("server")
    near = phone.socket("gw", protocol=IPPROTO_MPTCP)
    near.bind((LINK_B, 0))
    near.connect((SERVER, listener.getsockname()[1]))
    far, peer = phone.accept(listener)
    assert peer == LINK_B and not is_mptcp(near) and counter(phone.on_path, "intercepted") == 0


@ACCEPTS
def test_subscribers_are_known_by_their_addresses(lab, accept):
    """One that is at its limit is left to its own Multipath TCP, or reset where it was accepted early."""
    key = {"key": "ab" * 32}
    start_converter(lab, converter={"allow": "192.0.2.99/32", "intercept_accept": accept},
                    **{"subscriber home": {**key, "clients": CLIENTS, "max_sessions": 1}})
    make_phone(lab)
    listener = lab.listen("server")
    near, far, peer = native(lab, listener)
    assert peer == LINK_A
    if accept == "early":
        assert how_it_fails(lab, "gw", SERVER, listener.getsockname()[1], IPPROTO_MPTCP) == errno.ECONNRESET
    else:
        other, _, peer = native(lab, listener)
        assert peer == LINK_A and not is_mptcp(other)
    transfer(near, far, BULK[:1 << 20])
    near.close()
    far.close()
    seen = wait_for(lambda: [s for s in lab.on_path.ctl("subscribers")["subscribers"] if not s["sessions"]], "the session is over")[0]
    assert (seen["name"], seen["opened"], seen["refused"]["max_sessions"]) == ("home", 1, 1) and seen["up_bytes"] > 1 << 20


def test_addresses_of_the_pool(lab):
    lab.run("core", "ip addr add 203.0.113.77/32 dev lo")
    start_converter(lab, converter={"pool": "203.0.113.77", "intercept_source": "subscriber"})
    make_phone(lab)
    near, far, peer = native(lab, lab.listen("server"))
    assert peer == "203.0.113.77"
    transfer(near, far)
    assert how_it_fails(lab, "gw", "203.0.113.5", 80, IPPROTO_MPTCP) is not None


@ACCEPTS
def test_a_phone_is_refused(lab, accept):
    start_converter(lab, converter={"intercept_accept": accept})
    make_phone(lab)
    assert how_it_fails(lab, "gw", SERVER, 9, IPPROTO_MPTCP) in [errno.ECONNREFUSED] + (accept == "early") * [errno.ECONNRESET]


def test_who_waits_at_the_end_goes_on_to_its_server(phone):
    """The converter ends while a first packet waits; its server has passed over the converter's own."""
    phone.run("server", "nft 'table inet silence { chain in { type filter hook input priority 0; tcp dport 99 tcp option mptcp missing drop; }; }'")
    listener = phone.listen("server", 99)
    near = phone.socket("gw", protocol=IPPROTO_MPTCP)
    near.setblocking(False)
    assert near.connect_ex((SERVER, 99)) == errno.EINPROGRESS
    wait_for(lambda: counter(phone.on_path, "intercepted"), "the packet waits")
    assert phone.on_path.stop() == 0
    phone.run("server", "nft flush ruleset")
    far, peer = phone.accept(listener)
    assert peer == LINK_A and near.getsockname()[1] == far.getpeername()[1]


def test_an_answer_is_lost(phone):
    """The first SYN+ACK: the SYN comes again, and is the same connection's."""
    phone.run("gw", "nft 'table inet loss { chain in { type filter hook input priority 0; tcp flags & (syn|ack) == (syn|ack) limit rate 1/hour burst 1 packets drop; }; }'")
    near, far, peer = native(phone, phone.listen("server"))
    assert peer == LINK_A and is_mptcp(near)
    transfer(near, far)
    assert (counter(phone.on_path, "intercepted"), counter(phone.on_path, "sessions_opened")) == (1, 1)
