# SPDX-License-Identifier: GPL-2.0-or-later
"""signalling = route: hosts behind a gateway, and the converter on the way of link a (route.py)."""
import errno
import os
import re
import signal
import socket

import pytest

from netlab import (CONVERTER, IPPROTO_MPTCP, LINK_A, LINK_B, PROHIBITED, SERVER, SERVER_V6, UNREACHABLE, Lab, close_with_reset, counter, family_of, receive_all, receive_exactly, send_in_background,
                    wait_for)
from route import ACCEPTS, BOTH, BULK, CORE, CORE_V6, both_links_carry, carried, client_of, conf, how_it_fails, send_stray, server_of, start_converter, start_gateway, transfer
from segments import RST, SYN
from servers import listening, seen_by_nginx, start_nginx
from socks import NO_AUTHENTICATION, REFUSED, SUCCEEDED, greeting, read_reply, request

PLUMBING = ("ip rule; ip -6 rule; ip route show table all; ip -6 route show table all | grep -v '^f[ef]'; ip mptcp endpoint; ip mptcp limits; nft list ruleset; "
            "ss -Hltn | awk '{print $4}' | sort; grep . /proc/sys/net/mptcp/* /proc/sys/net/ipv4/tcp_fastopen")


@pytest.fixture
def net(lab):
    start_converter(lab)
    start_gateway(lab)
    return lab


@BOTH
def test_bonded(net, v6):
    near, far, peer = net.session(net.listen("server"), server_of(v6))
    assert peer == client_of(v6), "the server must see the client's address"
    both_links_carry(net, near, far)
    assert (counter(net.gw, "routed"), counter(net.gw, "routed_plain"), counter(net.on_path, "intercepted")) == (1, 0, 1)
    for daemon in (net.gw, net.on_path):
        session = daemon.ctl("sessions")["sessions"][0]
        assert (session["routed"], session["mptcp"]) == (True, True)
    why = net.on_path.ctl("why", net.on_path.ctl("sessions")["sessions"][0]["id"])
    assert why["seen_as"].rpartition(":")[2] == str(far.getpeername()[1])
    assert (f"[{CORE_V6}]:5128" if v6 else f"{CORE}:5128") in {s["local"] for s in why["subflows"]}
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b""
    far.sendall(b"last words")
    far.close()
    assert receive_all(near) == b"last words"


@BOTH
def test_of_this_machine_itself(lab, v6):
    """[host]: what goes out in the program's place, joins among it, isn't taken once more."""
    start_converter(lab)
    start_gateway(lab, host={"all": "yes"}, gateway={"mptcp_hosts": "proxy"})
    listener = lab.listen("server")
    near = lab.connect("gw", server_of(v6), listener.getsockname()[1])
    near.sendall(b"!")
    far, _ = lab.accept(listener)
    assert far.recv(1) == b"!"
    both_links_carry(lab, near, far)
    assert [(s["direction"], s["routed"], s["mptcp"]) for s in lab.gw.ctl("sessions")["sessions"]] == [("own", True, True)]


@pytest.mark.parametrize("accept", ["early", "faithful"])
def test_of_a_program_that_speaks_socks(lab, accept):
    start_converter(lab)
    start_gateway(lab, host={"socks": "127.0.0.1"}, gateway={"accept": accept})
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    near = lab.connect("gw", "127.0.0.1", 1080)
    near.sendall(greeting(NO_AUTHENTICATION) + request(SERVER, port) + b"hello")
    assert receive_exactly(near, 2) == bytes([5, NO_AUTHENTICATION]) and read_reply(near)[0] == SUCCEEDED
    far, peer = lab.accept(listener)
    assert (peer, receive_exactly(far, 5)) == (LINK_A, b"hello")
    both_links_carry(lab, near, far)
    listener.close()
    near = lab.connect("gw", "127.0.0.1", 1080)
    near.sendall(greeting(NO_AUTHENTICATION) + request(SERVER, port))
    assert receive_exactly(near, 2) == bytes([5, NO_AUTHENTICATION]) and read_reply(near)[0] == (REFUSED if accept == "faithful" else SUCCEEDED)


def test_what_people_are_told(net):
    near, far, _ = net.session(net.listen("server"))
    words = {daemon.name: daemon.words("sessions") for daemon in (net.gw, net.on_path)}
    assert all(re.search(r"\bout, routed\b", text) for text in words.values()), words
    assert "converter  is not asked" in net.gw.words("status") and net.gw.ctl("status")["converter"]["signalling"] == "route"


def test_the_clients_port_is_kept(net):
    near, far, _ = net.session(net.listen("server"))
    source = net.on_path.ctl("sessions")["sessions"][0]["source"]
    assert source == "{}:{}".format(LINK_A, far.getpeername()[1])


def test_no_byte_is_added(net):
    near, far, _ = net.session(net.listen("server"))
    near.sendall(b"question")
    assert receive_exactly(far, 8) == b"question"
    far.sendall(b"an answer")
    assert receive_exactly(near, 9) == b"an answer"
    session = net.on_path.ctl("sessions")["sessions"][0]
    assert (session["up_bytes"], session["down_bytes"]) == (9, 9)
    subflows = net.gw.ctl("why", net.gw.ctl("sessions")["sessions"][0]["id"])["subflows"]
    assert (sum(s["bytes_sent"] - s["retransmitted_bytes"] for s in subflows), sum(s["bytes_received"] for s in subflows)) == (9, 9)


@pytest.mark.parametrize("link", ["a", "b"])
def test_a_link_dies_midway(net, link):
    """And nothing is lost; when it is back it carries the session again."""
    near, far, _ = net.session(net.listen("server"))
    both_links_carry(net, near, far)
    pid = send_in_background(near, BULK * 3)
    assert receive_exactly(far, len(BULK)) == BULK
    net.set_carrier(link, False)
    assert receive_exactly(far, 2 * len(BULK)) == 2 * BULK
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    transfer(far, near)
    net.set_carrier(link, True)

    def back():
        transfer(near, far, BULK[:4 << 20])
        return len(carried(net.gw)) == 2

    wait_for(back, f"link {link} carries the session again")


def test_the_first_link_is_silent(tmp_path):
    """Its carrier stays: the connection is begun over the other one, and those after it at once."""
    lab = Lab(tmp_path, {"a": 1, "b": 1})
    try:
        start_converter(lab)
        start_gateway(lab, gateway={"attempt_timeout_ms": 1000})
        listener = lab.listen("server")
        assert lab.session(listener)[2] == LINK_A
        lab.set_link("a", "silence=1")
        near, far, peer = lab.session(listener)
        assert peer == LINK_B
        transfer(near, far, BULK[:1 << 20])
        n = counter(lab.gw, "routed")
        assert lab.session(listener)[2] == LINK_B and counter(lab.gw, "routed") == n + 1
        lab.set_link("a", "silence=0")
        wait_for(lambda: lab.session(listener)[2] == LINK_A, "link a is tried again")
    finally:
        lab.close()


@pytest.fixture
def nginx(net):
    start_nginx(net, {"big": BULK})
    return net


@BOTH
def test_curl(nginx, v6):
    got = nginx.directory / "got"
    url = f"http://[{SERVER_V6}]/big" if v6 else f"http://{SERVER}/big"
    nginx.run("host", f"curl -sSfg -o {got} {url}")
    assert got.read_bytes() == BULK and seen_by_nginx(nginx) == [client_of(v6)]
    nginx.run("host", f"curl -sSfg -T {got} {url}2")
    assert (nginx.directory / "www" / "big2").read_bytes() == BULK


def test_iperf3(net):
    server = net.start("server", "iperf3", "-s", "-1")
    wait_for(lambda: listening(net, 5201)() or not server.running(), "iperf3 listens")
    net.run("host", f"iperf3 -c {SERVER} -n 16M -P 4")
    assert counter(net.on_path, "intercepted") == 5 and counter(net.gw, "routed_plain") == 0


@BOTH
@ACCEPTS
def test_refused_stays_refused(lab, accept, v6):
    """Early, the host has a connection first; or is let go to its server, the gateway's own connection having been reset at once."""
    start_converter(lab, converter={"intercept_accept": accept})
    start_gateway(lab)
    assert how_it_fails(lab, "host", server_of(v6), 9) in [errno.ECONNREFUSED] + (accept == "early") * [errno.ECONNRESET]
    assert (counter(lab.on_path, "intercepted"), counter(lab.on_path, "outcome_refused")) == (1, 1)
    assert not lab.gw.ctl("sessions")["sessions"] and not lab.on_path.ctl("sessions")["sessions"]


@ACCEPTS
@pytest.mark.parametrize("address, error", [(UNREACHABLE, errno.EHOSTUNREACH), (PROHIBITED, errno.EHOSTUNREACH)], ids=["unreachable", "prohibited"])
def test_unreachable_is_no_silence(lab, accept, address, error):
    start_converter(lab, converter={"intercept_accept": accept})
    start_gateway(lab)
    assert how_it_fails(lab, "host", address, 80) in [error] + (accept == "early") * [errno.ECONNRESET]
    assert counter(lab.on_path, "outcome_unreachable") == 1


def test_silence_is_silence(lab):
    start_converter(lab, limits={"connect_timeout_ms": 500})
    start_gateway(lab)
    lab.run("server", "nft 'table inet silence { chain in { type filter hook input priority 0; tcp dport 9 drop; }; }'")
    sock = lab.socket("host", timeout=2)
    with pytest.raises(TimeoutError):
        sock.connect((SERVER, 9))
    wait_for(lambda: counter(lab.on_path, "outcome_timed_out"), "the converter's own time limit")


@ACCEPTS
def test_both_ways_to_accept_carry(lab, accept):
    start_converter(lab, converter={"intercept_accept": accept})
    start_gateway(lab)
    near, far, _ = lab.session(lab.listen("server"))
    both_links_carry(lab, near, far)


def goes_native(lab, listener, v6=False):
    near, far, peer = lab.session(listener, server_of(v6))
    assert peer == client_of(v6)
    transfer(near, far, BULK[:1 << 20])
    transfer(far, near, BULK[:1 << 20])
    near.close()
    far.close()
    return True


@ACCEPTS
def test_a_link_that_goes_while_a_connection_begins_over_it(lab, accept):
    start_converter(lab)
    start_gateway(lab, gateway={"route_link": "b", "attempt_timeout_ms": 60000, "accept": accept})
    lab.run("core", "nft 'add table inet t; add chain inet t c { type filter hook prerouting priority -300; }; add rule inet t c iifname b0 tcp flags syn drop'")
    listener = lab.listen("server")
    near = lab.socket("host", timeout=0)
    near.connect_ex((SERVER, listener.getsockname()[1]))
    wait_for(lambda: counter(lab.gw, "routed") == 1, "the connection to be begun")
    lab.set_carrier("b", False)
    assert lab.accept(listener)[1] == LINK_A


def test_a_first_link_that_strips_options_behind_the_syn_is_learned(lab):
    """Nothing can be declared: such sessions end with a reset. Soon connections are the server's own (decision 0029)."""
    start_converter(lab)
    start_gateway(lab, gateway={"route_link": "a"})
    lab.run("core", "nft 'add table inet t; add chain inet t c { type filter hook prerouting priority -300; }; "
                    "add rule inet t c iifname a0 tcp flags & syn == 0 reset tcp option mptcp'")
    listener = lab.listen("server")

    def ends_in_order():
        near, far, _ = lab.session(listener)
        far.sendall(b"answer")
        far.close()
        try:
            return receive_all(near) == b"answer"
        except ConnectionResetError:
            return False
    assert not ends_in_order()
    n = [ends_in_order() for _ in range(5)].index(True)
    assert n <= 2, "two in a row are enough"
    taken = counter(lab.on_path, "intercepted")
    assert all(ends_in_order() for _ in range(3)) and counter(lab.on_path, "intercepted") == taken


@BOTH
def test_the_converter_is_killed(net, v6):
    """New connections pass: to the server itself, over link a alone. When it is back it takes them again."""
    listener = net.listen("server")
    near, far, _ = net.session(listener, server_of(v6))
    net.on_path.kill()
    with pytest.raises(ConnectionResetError):
        while near.recv(1):
            pass
    goes_native(net, listener, v6)
    assert counter(net.gw, "routed_plain") == 1
    near, far, _ = net.session(listener, server_of(v6))
    wait_for(lambda: len(net.gw.ctl("sessions")["sessions"]) == 1, "those before it to be over")
    why = net.gw.ctl("why", net.gw.ctl("sessions")["sessions"][0]["id"])
    assert not why["mptcp"] and "no converter stands on its way" in why["verdict"]
    start_converter(net)
    near, far, _ = net.session(listener, server_of(v6))
    transfer(near, far)
    assert counter(net.on_path, "intercepted") == 1


def test_the_converter_is_restarted_where_joins_rest(net):
    """Connections that have ended rest where others join; the kernel can't listen there until they have gone, and the converter serves all the same."""
    listener = net.listen("server")
    for _ in range(3):
        near, far, _ = net.session(listener)
        both_links_carry(net, near, far)
        far.shutdown(socket.SHUT_WR)
        assert receive_all(near) == b""
        near.close()
        assert far.recv(1) == b""
        wait_for(lambda: not net.gw.ctl("sessions")["sessions"], "the session's end")
    assert net.on_path.stop() == 0
    assert "5128" in net.run("core", "ss -Hatn sport = :5128"), "nothing rests there"
    start_converter(net)
    near, far, _ = net.session(listener)
    near.sendall(b"words")
    assert receive_exactly(far, 5) == b"words"
    assert counter(net.on_path, "intercepted") == 1


def test_the_converter_is_stopped(net):
    """Its listeners are there, and nobody accepts: within two seconds connections pass."""
    listener = net.listen("server")
    goes_native(net, listener)
    net.on_path.pause()
    wait_for(lambda: "tcp" not in net.run("core", "nft list set inet braid alive").partition("elements")[2], "the set alive is empty")
    goes_native(net, listener)
    assert counter(net.gw, "routed_plain") == 1
    net.on_path.tell(signal.SIGCONT)


@BOTH
def test_what_is_left_of_a_session_goes_no_further(net, v6):
    """The client's first subflow and the converter's connection to the server have the same ends: what comes behind the session's end, either way, isn't to reach the other's peer.
    A connection of the two with these ends, whoever begins it, is let alone."""
    listener = net.listen("server")
    near, far, _ = net.session(listener, server_of(v6))
    client, server = (client_of(v6), far.getpeername()[1]), (server_of(v6), far.getsockname()[1])
    both_links_carry(net, near, far)
    close_with_reset(far)
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    for node in ("gw", "server"):
        net.run(node, "nft 'add table inet t; add chain inet t c { type filter hook input priority -300; }; add rule inet t c tcp flags & syn == 0 counter'")
    net.run("gw", "nft 'add chain inet t s { type filter hook input priority -299; }; add rule inet t s tcp flags & (syn|ack) == syn counter'")
    assert send_stray(net, "gw", client, server) & RST
    assert send_stray(net, "server", server, client) & RST
    for node in ("gw", "server"):
        assert "packets 1 " in net.run(node, "nft list chain inet t c"), f"{node} had more than the answer to its own"
    assert send_stray(net, "server", server, client, SYN) & RST
    assert "packets 1 " in net.run("gw", "nft list chain inet t s"), "the server's own first packet went no further"
    own = net.socket("gw", family_of(server_of(v6)))
    own.bind(client)
    own.connect(server)
    own.sendall(b"words")
    far, peer = net.accept(listener)
    assert receive_exactly(far, 5) == b"words"


@BOTH
def test_plain_tcp_is_untouched(net, v6):
    """Of the very addresses whose Multipath TCP is taken."""
    listener = net.listen("server")
    near = net.socket("gw", family_of(server_of(v6)))
    near.bind((client_of(v6), 0))
    near.connect((server_of(v6), listener.getsockname()[1]))
    far, peer = net.accept(listener)
    assert (peer, far.getpeername()[1]) == (client_of(v6), near.getsockname()[1])
    transfer(near, far, BULK[:1 << 20])
    assert counter(net.on_path, "intercepted") == 0


def test_the_table_is_put_back(net):
    net.run("core", "nft flush ruleset")
    net.on_path.wait_log("it is put back")
    listener = net.listen("server")

    def taken():
        n = counter(net.on_path, "intercepted")
        near, far, _ = net.session(listener)
        near.close()
        return counter(net.on_path, "intercepted") == n + 1

    wait_for(taken, "connections are taken again")


def test_nothing_is_left(lab):
    before = {node: lab.run(node, PLUMBING) for node in ("core", "gw")}
    start_converter(lab)
    start_gateway(lab)
    near, far, _ = lab.session(lab.listen("server"))
    near.close()
    far.close()
    for daemon in (lab.gw, lab.on_path):
        assert daemon.stop() == 0
    assert {node: lab.run(node, PLUMBING) for node in ("core", "gw")} == before


def test_a_reload_takes_it_away_and_back(net):
    listener = net.listen("server")
    n = 0
    for changes, taken in (({"intercept": None, "intercept_join": None}, 0), ({}, 1), ({"intercept": "192.0.2.7/32"}, 0), ({}, 1)):
        n += 1
        net.on_path.reload(conf(converter=changes))
        net.on_path.wait_log("the configuration was read again", n)
        before = counter(net.on_path, "intercepted")
        near, far, _ = net.session(listener)
        transfer(near, far, BULK[:1 << 20])
        assert counter(net.on_path, "intercepted") - before == taken, changes
        near.close()
        far.close()
    near, far, _ = net.session(listener)
    both_links_carry(net, near, far)


@pytest.mark.parametrize("accept", ["faithful", "early"])
@pytest.mark.parametrize("hosts", ["pass", "proxy"])
def test_hosts_of_a_gateway_are_not_on_their_way(lab, hosts, accept):
    """One machine is both: what a host begins by Multipath TCP goes its ordinary way, or the gateway's, whoever else its address may be a client of."""
    lab.converter()
    gateway = lab.gateway(gateway={"mptcp_hosts": hosts}, converter={
        "listen": f"{LINK_A}:6000", "allow": "10.0.0.0/24", "intercept": "10.0.0.0/24", "intercept_join": LINK_A, "intercept_accept": accept})
    listener = lab.listen("server")
    near = lab.socket("host", socket.AF_INET, IPPROTO_MPTCP)
    near.connect((SERVER, listener.getsockname()[1]))
    far, peer = lab.accept(listener)
    transfer(near, far, BULK[:1 << 20])
    transfer(far, near, BULK[:1 << 20])
    assert (peer == CONVERTER) == (hosts == "proxy") and counter(gateway, "intercepted") == 0


def test_the_second_link_may_be_the_one(lab):
    start_converter(lab, converter={"allow": "198.51.100.0/24", "intercept": "198.51.100.0/24"})
    start_gateway(lab, gateway={"route_link": "b"})
    near, far, peer = lab.session(lab.listen("server"))
    assert peer == LINK_B
    both_links_carry(lab, near, far)


def test_gateways_that_signal_are_undisturbed(lab):
    """At the same converter: they join at its own address, as always, and are told of no other one."""
    key = {"key": "00112233445566778899aabbccddeeff" * 2}
    start_converter(lab, **{"subscriber home": key})
    lab.gw = lab.gateway(gateway={"converter": CORE})
    near, far, peer = lab.session(lab.listen("server"))
    assert peer == "93.10.20.1"
    both_links_carry(lab, near, far)
    subflows = lab.gw.ctl("why", lab.gw.ctl("sessions")["sessions"][0]["id"])["subflows"]
    assert sorted(s["remote"] for s in subflows) == [f"{CORE}:5124"] * 2
    assert "MPTcpExtAddAddr " not in lab.run("gw", "nstat -az 2>/dev/null | awk '$2 > 0 {print $1, $2}'")
