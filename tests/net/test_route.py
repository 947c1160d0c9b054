# SPDX-License-Identifier: GPL-2.0-or-later
"""signalling = route: the converter stands on the way of link a, and takes Multipath TCP connections to the servers' own addresses there.

The core is the converter here. Both links lead to it, but it is on the way for link a's addresses alone; what comes from link b's it sends on as any router does.
"""
import errno
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from netlab import (BRAIDCTL, CONVERTER, IPPROTO_MPTCP, LINK_A, LINK_B, PROHIBITED, SERVER, SERVER_V6, UNREACHABLE, Daemon, Lab, counter, family_of, merged, receive_all, receive_exactly,
                    send_in_background, wait_for)
from socks import NO_AUTHENTICATION, REFUSED, SUCCEEDED, greeting, read_reply, request
from test_accept import is_mptcp
from test_programs import NGINX, listening

CORE, CORE_V6 = "203.0.113.1", "2001:db8:5::1"
LINK_A_V6, LINK_B_V6 = "2001:db8:2::2", "2001:db8:3::2"
CLIENTS = "192.0.2.0/24, 2001:db8:2::/64"
BULK = os.urandom(1 << 20) * 24
PLUMBING = ("ip rule; ip -6 rule; ip route show table all; ip -6 route show table all | grep -v '^f[ef]'; ip mptcp endpoint; ip mptcp limits; nft list ruleset; "
            "ss -Hltn | awk '{print $4}' | sort; grep . /proc/sys/net/mptcp/* /proc/sys/net/ipv4/tcp_fastopen")
BOTH = pytest.mark.parametrize("v6", [False, True], ids=["v4", "v6"])


def server_of(v6):
    return SERVER_V6 if v6 else SERVER


def client_of(v6):
    return LINK_A_V6 if v6 else LINK_A


def conf(**changes):
    base = {
        "converter": {"listen": f"{CORE}:5124", "allow": CLIENTS, "intercept": CLIENTS, "intercept_join": f"{CORE}, {CORE_V6}"},
        "daemon": {"state_dir": "/run/braid-core", "control": "/run/braid-core/control"}, "log": {"level": "debug"},
    }
    return merged(base, changes)


def start_converter(lab, **changes):
    lab.on_path = Daemon(lab, "core", conf(**changes))
    return lab.on_path


def start_gateway(lab, **changes):
    changes = merged({"gateway": {"converter": None, "key": None, "signalling": "route"}}, changes)
    lab.gw = lab.start_gateway(**changes)
    return lab.gw


@pytest.fixture
def net(lab):
    start_converter(lab)
    start_gateway(lab)
    return lab


def transfer(sender, receiver, data=BULK):
    pid = send_in_background(sender, data)
    assert receive_exactly(receiver, len(data)) == data
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def carried(daemon):
    """Link by link, how much of the only session it has carried both ways."""
    links = daemon.ctl("sessions")["sessions"][0]["links"]
    out = {}
    for link in links:
        out[link["name"]] = out.get(link["name"], 0) + link["bytes_up"] + link["bytes_down"]
    return out


def both_links_carry(lab, near, far):
    def done():
        transfer(near, far)
        transfer(far, near)
        links = carried(lab.gw)
        return len(links) == 2 and min(links.values()) > len(BULK) // 4 and links

    return wait_for(done, "both links carry bytes of the session")


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
    words = {daemon.name: subprocess.run([BRAIDCTL, "-s", daemon.control, "sessions"], check=True, capture_output=True, text=True).stdout
             for daemon in (net.gw, net.on_path)}
    assert all(re.search(r"\bout, routed\b", text) for text in words.values()), words
    status = subprocess.run([BRAIDCTL, "-s", net.gw.control, "status"], check=True, capture_output=True, text=True).stdout
    assert "converter  is not asked" in status and net.gw.ctl("status")["converter"]["signalling"] == "route"


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
        start_gateway(lab, gateway={"attempt_timeout_ms": 100})
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
    (net.directory / "www").mkdir()
    (net.directory / "www" / "big").write_bytes(BULK)
    (net.directory / "nginx.conf").write_text(NGINX.format(dir=net.directory))
    program = net.start("server", "/usr/sbin/nginx", "-c", net.directory / "nginx.conf", "-e", "stderr")
    wait_for(lambda: listening(net, 80)() or not program.running(), "nginx listens")
    return net


def seen_by_nginx(lab):
    return [line.split()[0].removeprefix("::ffff:") for line in (lab.directory / "access.log").read_text().splitlines()]


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


def how_it_fails(lab, node, address, port, protocol=socket.IPPROTO_TCP):
    sock = lab.socket(node, family_of(address), protocol)
    try:
        sock.connect((address, port))
        sock.sendall(b"?")
        sock.recv(1)
    except OSError as error:
        return error.errno
    return None


ACCEPTS = pytest.mark.parametrize("accept", ["faithful", "early"])


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
def test_a_phone_is_refused(lab, accept):
    start_converter(lab, converter={"intercept_accept": accept})
    make_phone(lab)
    assert how_it_fails(lab, "gw", SERVER, 9, IPPROTO_MPTCP) in [errno.ECONNREFUSED] + (accept == "early") * [errno.ECONNRESET]


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
    assert counter(lab.on_path, "outcome_timed_out") >= 1


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


# A host that speaks Multipath TCP itself, and no gateway: the gw's own sockets.

def make_phone(lab):
    """As its owner would: two links, one endpoint for each, the kernel's own limits."""
    lab.run("gw", f"ip rule add from {LINK_B} table 7; ip route add default via 198.51.100.1 dev l1 table 7; "
                  f"ip -6 rule add from {LINK_B_V6} table 7; ip -6 route add default via 2001:db8:3::1 dev l1 table 7; "
                  f"ip mptcp endpoint add {LINK_A} dev l0 subflow; ip mptcp endpoint add {LINK_B} dev l1 subflow; "
                  f"ip mptcp endpoint add {LINK_A_V6} dev l0 subflow; ip mptcp endpoint add {LINK_B_V6} dev l1 subflow")


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
    (phone.directory / "www").mkdir()
    (phone.directory / "www" / "big").write_bytes(BULK)
    (phone.directory / "nginx.conf").write_text(NGINX.format(dir=phone.directory))
    program = phone.start("server", "/usr/sbin/nginx", "-c", phone.directory / "nginx.conf", "-e", "stderr")
    wait_for(lambda: listening(phone, 80)() or not program.running(), "nginx listens")
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
