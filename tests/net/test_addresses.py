# SPDX-License-Identifier: GPL-2.0-or-later
"""From which address servers see the sessions of a subscriber: shared, preserve, prefix; and what the converter puts in place for it.

The core leads OWN to the converter, and what the server sends to the hosts' IPv6 prefix by way of the converter, which sends on what isn't a session's."""
import errno
import re
import signal
import socket

import pytest

from gateways import key_of
from netlab import CONVERTER, CONVERTER_V6, HOST, HOST_V6, PATIENCE_S, PROHIBITED, SERVER, SERVER_V6, UNREACHABLE, counter, receive_all, receive_exactly, wait_for
from servers import seen_by_nginx, start_nginx
from test_converter_input import (DESTINATION_UNREACHABLE, INFO, NOT_AUTHORIZED, RESOURCE_EXCEEDED, SUCCESS, answer_of, client, connect, error_of, mapped, message,
                                  ticket, tlv)
from test_wire import Capture, is_syn, payload

OWN, PREFIX = "45.7.7.7", "2001:db8:10::/64"
POOL = ["203.0.113.11", "203.0.113.12", "203.0.113.13"]
POOL_V6 = ["2001:db8:5::11", "2001:db8:5::12"]
BYPASSED = 1
IPV6_TRANSPARENT = 75
MODES = {
    "none": {},
    "shared": {"address_mode": "shared"},
    "preserve": {"address_mode": "preserve", "address": OWN},
    "prefix": {"address_mode": "prefix", "prefix": PREFIX},
    "both": {"address_mode": "prefix", "prefix": PREFIX, "address": OWN},
}
PREPARE_CONVERTER = "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; " + "; ".join(
    [f"ip addr add {a}/24 dev c0" for a in POOL] + [f"ip addr add {a}/64 dev c0 nodad preferred_lft 0" for a in POOL_V6])
PREPARE_CORE = (f"ip route add {OWN}/32 via {CONVERTER}; ip -6 route add {PREFIX} via {CONVERTER_V6} table 77; "
                f"ip -6 rule add iif s0 to {PREFIX} lookup 77")


@pytest.fixture
def net(lab):
    lab.run("conv", PREPARE_CONVERTER)
    lab.run("core", PREPARE_CORE)
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    lab.pictures = {"conv": picture(lab)}
    return lab


def picture(lab):
    return lab.run("conv", "ip rule; ip -6 rule; ip route show table 5200 2>/dev/null; ip -6 route show table 5200 2>/dev/null; nft -s list ruleset")


def conf(mode, pool=True, **more):
    converter = {"pool": ", ".join(POOL + POOL_V6)} if pool else {}
    return {"converter": converter, "subscriber home": MODES[mode], **more}


def start(lab, mode, **more):
    lab.conv = lab.converter(**conf(mode, **more))
    lab.gw = lab.gateway()
    lab.listener = lab.listen("server")


def reload(lab, mode, **more):
    n = lab.conv.log().count("the configuration was read again")
    lab.conv.reload(lab.converter_conf(**conf(mode, **more)))
    lab.conv.wait_log("the configuration was read again", n + 1)


def session_from(lab, address, expected):
    """A session that leaves from one of these: the workers have a new configuration a moment later than the log says so."""
    def one():
        near, far, peer = lab.session(lab.listener, address)
        return (near, far) if peer in expected else None

    return wait_for(one, f"a session to {address} from {expected}")


def seen_as(lab, mode, v6):
    """Who the server is to see, as the converter tells people."""
    entry = next(s for s in lab.conv.ctl("subscribers")["subscribers"] if s["name"] == "home")["seen_as"]
    if v6 and mode in ("prefix", "both"):
        assert entry["prefix"] == PREFIX and entry["address_v6"] is None
        return HOST_V6
    return entry["address_v6" if v6 else "address_v4"] or (CONVERTER_V6 if v6 else CONVERTER)


def transfer(near, far, n_bytes=4 << 20):
    """Both ways, in pieces that the sockets' buffers hold."""
    for sender, receiver in ((near, far), (far, near)):
        for _ in range(n_bytes >> 16):
            sender.sendall(bytes(1 << 16))
            assert len(receive_exactly(receiver, 1 << 16)) == 1 << 16


def both_links_carry(lab, near, far):
    def carried():
        transfer(near, far)
        links = lab.gw.ctl("sessions")["sessions"][0]["links"]
        return len(links) == 2 and all(link["bytes_up"] and link["bytes_down"] for link in links)

    wait_for(carried, "both links carry bytes of the session both ways")


@pytest.mark.parametrize("v6", [False, True], ids=["v4", "v6"])
@pytest.mark.parametrize("mode", MODES)
def test_what_the_server_sees(net, mode, v6):
    start(net, mode, pool=mode != "none")
    expected = seen_as(net, mode, v6)
    near, far, peer = net.session(net.listener, SERVER_V6 if v6 else SERVER)
    assert peer == expected
    assert (peer in POOL + POOL_V6) == (mode != "none" and peer not in (OWN, HOST_V6))
    assert (peer == OWN) == (mode in ("preserve", "both") and not v6)
    both_links_carry(net, near, far)
    session = net.conv.ctl("sessions")["sessions"][0]["id"]
    told = net.conv.ctl("why", session)["seen_as"]
    assert told == "{}:{}".format(f"[{expected}]" if v6 else expected, far.getpeername()[1])
    assert f"the destination sees {told}" in net.conv.words("why", session)


@pytest.mark.parametrize("mode", ["shared", "preserve", "prefix"])
def test_what_nginx_logs(net, mode):
    start(net, mode)
    start_nginx(net, {"big": bytes(8 << 20)})
    net.run("host", f"curl -sSfg -o /dev/null -o /dev/null http://{SERVER}/big 'http://[{SERVER_V6}]/big'")
    assert seen_by_nginx(net) == [seen_as(net, mode, False), seen_as(net, mode, True)]


def peers(lab, n=4):
    found = set()
    for address in (SERVER, SERVER_V6) * n:
        near, far, peer = lab.session(lab.listener, address)
        found.add(peer)
        near.close()
        far.close()
    return found


def test_a_subscriber_keeps_its_address(net):
    """After a restart, with another order of the pool, and without the addresses that it hasn't; not without its own."""
    start(net, "shared")
    before = peers(net)
    assert len(before) == 2 and before < set(POOL + POOL_V6)
    for change in (None, list(reversed(POOL + POOL_V6)), sorted(before)):
        n_lost, n = (net.gw.log().count(words) for words in ("the converter can't be reached", "the converter answers"))
        net.conv.stop()
        net.gw.wait_log("the converter can't be reached", n_lost + 1)
        net.conv = net.converter(**{**conf("shared"), **({"converter": {"pool": ", ".join(change)}} if change else {})})
        net.gw.wait_log("the converter answers", n + 1)
        assert peers(net) == before
    left = sorted(set(POOL + POOL_V6) - before)
    n = net.conv.log().count("the configuration was read again")
    net.conv.reload(net.converter_conf(**{**conf("shared"), "converter": {"pool": ", ".join(left)}}))
    net.conv.wait_log("the configuration was read again", n + 1)
    for address in (SERVER, SERVER_V6):
        session_from(net, address, left)
    after = peers(net)
    assert len(after) == 2 and after < set(left)


def raw(lab, address, port, source=None, name="home", key=None):
    more = (tlv(197, b"\0\0" + mapped(source)),) if source else ()
    return message(ticket(address, port, **({"key": key} if key else {})), connect(address, port), *more)


def held(lab, address, port, source=None):
    """A session without a gateway: its near end, and who the server sees."""
    sock = client(lab, raw(lab, address, port, source))
    assert answer_of(sock) == SUCCESS
    far, peer = lab.accept(lab.listener)
    return sock, far, peer


def narrow(lab, ports="40000 40003"):
    lab.run("conv", f"echo {ports} > /proc/sys/net/ipv4/ip_local_port_range")


def test_ports_run_out_for_one_destination_alone(net):
    narrow(net)
    net.conv = net.converter(**conf("shared"))
    net.listener = net.listen("server")
    port, other = net.listener.getsockname()[1], net.listen("server")
    kept = [held(net, SERVER, port) for _ in range(4)]
    assert len({peer for _, _, peer in kept}) == 1, "one address, whatever is left of others"
    for _ in range(3):
        assert error_of(net, raw(net, SERVER, port)) == (RESOURCE_EXCEEDED, b"\1")
    assert counter(net.conv, "no_source_port") == 3
    more = [client(net, raw(net, SERVER, other.getsockname()[1])) for _ in range(4)]
    assert [answer_of(sock) for sock in more] == [SUCCESS] * 4, "the same ports, toward another destination"
    near, far, _ = kept.pop()
    near.close()
    far.close()


def test_a_host_is_refused_cleanly_when_ports_run_out(net):
    narrow(net)
    start(net, "shared")
    port = net.listener.getsockname()[1]
    kept = [net.session(net.listener) for _ in range(4)]
    near = net.connect("host", SERVER, port)
    with pytest.raises(ConnectionResetError):   # its destination had accepted lately: it was accepted early
        near.recv(1)
    _, _, peer = net.session(net.listener)
    assert peer == HOST, "a host that waits goes the ordinary way"
    assert counter(net.conv, "no_source_port") >= 1
    transfer(*kept[0][:2])


def test_prefix_checks_the_hosts_address(net):
    net.conv = net.converter(**conf("prefix"))
    net.listener = net.listen("server")
    port = net.listener.getsockname()[1]
    net.run("conv", "ip addr add 2001:db8:10::77/128 dev lo nodad")
    for source in (None, "2001:db8:10::77", "2001:db8:11::9", CONVERTER_V6, "::", "::1", "10.0.0.9", SERVER_V6):
        assert error_of(net, raw(net, SERVER_V6, port, source)) == (NOT_AUTHORIZED, bytes([BYPASSED])), source
    assert counter(net.conv, "sources_denied") == 8
    assert held(net, SERVER_V6, port, "2001:db8:10::1234")[2] == "2001:db8:10::1234"
    assert held(net, SERVER, port)[2] in POOL
    assert held(net, SERVER, port, "2001:db8:10::1234")[2] in POOL, "an IPv6 address says nothing toward IPv4"


def test_the_gateway_is_asked_for_addresses_only_where_they_are_used(net):
    net.conv = net.converter(**conf("prefix", **{"subscriber other": {"key": key_of("other")}}))
    wish = tlv(197, bytes(18))
    for key, wanted in ((None, True), (key_of("other"), False)):
        sock = client(net, message(ticket("::", 0, **({"key": key} if key else {})), INFO))
        head = receive_exactly(sock, 4)
        assert (wish in head + receive_exactly(sock, 4 * head[1] - 4)) == wanted


def test_who_may_not_stay_hears_the_wish_too(net):
    net.conv = net.converter(**conf("prefix", limits={"max_half_open": 1}, daemon={"workers": 1}))
    stays = client(net, message(ticket("::", 0), INFO))
    assert tlv(197, bytes(18)) in answer_of(stays)
    answer = receive_all(client(net, message(ticket("::", 0), INFO)))
    assert counter(net.conv, "over_waiting") == 1 and len(answer) == 4 * answer[1]
    assert tlv(197, bytes(18)) in answer


def bonded(lab, address):
    """Whether a new connection is the converter's: its host's address shows with prefix and on the ordinary way alike."""
    n = counter(lab.conv, "outcome_connected")
    near, far, peer = lab.session(lab.listener, address)
    assert peer == HOST_V6
    transfer(near, far, 1 << 16)
    return counter(lab.conv, "outcome_connected") - n == 1


def test_a_host_outside_the_prefix_goes_the_ordinary_way(net):
    elsewhere = {"address_mode": "prefix", "prefix": "2001:db8:10:1::/64"}
    start(net, "prefix", **{"subscriber home": elsewhere})
    assert not bonded(net, SERVER_V6) and counter(net.conv, "sources_denied") == 1
    reload(net, "prefix")
    wait_for(lambda: bonded(net, SERVER_V6), "a session from the prefix that holds the host")


def test_the_gateway_learns_of_a_prefix_by_a_reload(net):
    start(net, "shared")
    assert net.session(net.listener, SERVER_V6)[2] in POOL_V6
    n = counter(net.conv, "information")
    reload(net, "prefix")
    wait_for(lambda: counter(net.conv, "information") > n, "the gateway asks again")
    wait_for(lambda: bonded(net, SERVER_V6), "and tells its hosts' addresses")
    reload(net, "shared")
    session_from(net, SERVER_V6, POOL_V6)


@pytest.mark.parametrize("mode", ["shared", "preserve", "prefix"])
def test_the_host_is_named_on_the_wire_where_that_is_wanted_alone(net, mode):
    start(net, mode)
    for server in (SERVER, SERVER_V6):
        capture = Capture(net, "gw", "l0")
        net.session(net.listener, server)
        words = [payload(f) for f in capture.frames() if is_syn(f) and mapped(server) in payload(f)]
        assert len(words) == 1, f"expected one SYN with a Connect to {server}, saw {len(words)}"
        told = tlv(197, b"\0\0" + mapped(HOST_V6)) in words[0][:4 * words[0][1]]
        assert told == (mode == "prefix" and server == SERVER_V6)


@pytest.mark.parametrize("destination", [UNREACHABLE, PROHIBITED])
def test_errors_of_routers_come_to_foreign_addresses(net, destination):
    net.conv = net.converter(**conf("preserve"))
    assert error_of(net, raw(net, destination, 443))[0] == DESTINATION_UNREACHABLE
    assert counter(net.conv, "outcome_unreachable") == 1 and not counter(net.conv, "outcome_timed_out")


@pytest.mark.parametrize("rp_filter", [0, 1, 2])
def test_a_source_checked_by_its_packets_mark(net, rp_filter):
    """As wg-quick has it, at both ends."""
    for node, device in (("conv", "c0"), ("gw", "lan0")):
        net.run(node, f"for d in all {device}; do echo {rp_filter} > /proc/sys/net/ipv4/conf/$d/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/$d/src_valid_mark; done")
    start(net, "preserve")
    near, far, peer = net.session(net.listener)
    assert peer == OWN
    transfer(near, far)


def test_a_source_checked_by_its_packets_mark_in_nft(net):
    """As firewalld has it for IPv6, behind our mark."""
    for node, device in (("conv", "c0"), ("gw", "lan0")):
        net.run(node, "nft 'table inet f { chain c { type filter hook prerouting priority filter + 10; "
                      f"meta l4proto tcp iif {device} fib saddr . mark . iif oif missing drop; }}; }}'")
    start(net, "both")
    for address, expected in ((SERVER, OWN), (SERVER_V6, HOST_V6)):
        near, far, peer = net.session(net.listener, address)
        assert peer == expected
        transfer(near, far)
        assert counter(net.conv, "outcome_connected") == 1 + (address == SERVER_V6)


def test_anothers_transparent_listener_gets_nothing_of_the_hosts(net):
    """A proxy at the converter that listens at every address, as tproxy wants it: a connection from outside to a host's port of the same number isn't its."""
    start(net, "prefix")
    near, far, peer = net.session(net.listener, SERVER_V6)
    assert peer == HOST_V6
    at_host = net.listen("host")
    with net.inside("conv"):
        proxy = socket.socket(socket.AF_INET6)
    net.sockets.append(proxy)
    proxy.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    proxy.bind(("::", at_host.getsockname()[1]))
    proxy.listen()
    inward = net.connect("server", HOST_V6, at_host.getsockname()[1])
    inside, _ = net.accept(at_host)
    transfer(inward, inside, 1 << 20)
    transfer(near, far)


def test_what_comes_unasked_to_an_own_address_may_be_turned_away(net):
    net.run("conv", f"echo 1 > /proc/sys/net/ipv4/ip_forward; ip route add unreachable {OWN}/32")
    start(net, "preserve")
    near, far, peer = net.session(net.listener)
    assert peer == OWN
    transfer(near, far)
    with pytest.raises(OSError) as seen:
        net.connect("server", OWN, 99)
    assert seen.value.errno == errno.EHOSTUNREACH
    transfer(near, far)


def test_what_else_goes_to_the_prefix_is_not_swallowed(net):
    """By way of the converter: a datagram and a connection from the server to the host, while a session leaves from the host's address."""
    start(net, "prefix")
    near, far, peer = net.session(net.listener, SERVER_V6)
    assert peer == HOST_V6
    with net.inside("host"):
        heard = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    net.sockets.append(heard)
    heard.bind((HOST_V6, 5353))
    heard.settimeout(PATIENCE_S)
    with net.inside("server"):
        said = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    net.sockets.append(said)
    said.sendto(b"datagram", (HOST_V6, 5353))
    assert heard.recv(100) == b"datagram"
    at_host = net.listen("host")
    inward = net.connect("server", HOST_V6, at_host.getsockname()[1])
    inside, _ = net.accept(at_host)
    transfer(inward, inside, 1 << 20)
    transfer(near, far)


def test_a_pool_address_that_is_not_ours(net):
    net.run("conv", f"ip addr del {POOL[0]}/24 dev c0")
    net.conv = net.converter(**{"converter": {"pool": POOL[0]}, "subscriber home": {}})
    assert re.search(rf"converter.pool: {POOL[0]} is no address of this machine", net.conv.log())
    net.listener = net.listen("server")
    port = net.listener.getsockname()[1]
    assert error_of(net, raw(net, SERVER, port))[0] == 65
    assert counter(net.conv, "no_source_address") == 1
    net.run("conv", f"ip addr add {POOL[0]}/24 dev c0")
    assert held(net, SERVER, port)[2] == POOL[0], "from the moment on that it is there"


def test_addresses_of_one_network_are_all_the_converters(net):
    """The first is what the system leaves from, whichever of them is asked for."""
    net.run("conv", "ip addr add 8.8.4.4/24 dev c0; ip addr add 8.8.4.5/24 dev c0")
    net.conv = net.converter(**{"converter": {"pool": ", ".join(["8.8.4.4", "8.8.4.5", *POOL_V6])}, "subscriber home": {}})
    assert "is no address of this machine" not in net.conv.log()
    for address in ("8.8.4.4", "8.8.4.5"):
        assert error_of(net, raw(net, address, 80)) == (NOT_AUTHORIZED, bytes([BYPASSED])), "this connection alone"
    assert counter(net.conv, "destinations_denied") == 2


def in_place(lab):
    seen = picture(lab)
    return seen.count("fwmark 0x5124 lookup 5200") == 2 and seen.count("local default dev lo") == 2 and "inet braid_returns" in seen


def test_the_plumbing_comes_and_goes(net):
    net.conv = net.converter(**conf("shared"))
    assert not in_place(net), "nothing is needed for addresses of this machine"
    net.conv.stop()
    assert picture(net) == net.pictures["conv"]
    start(net, "shared")
    old = net.session(net.listener)
    reload(net, "preserve")
    assert in_place(net)
    near, far = session_from(net, SERVER, [OWN])
    assert old[2] in POOL
    for damage in ("nft flush ruleset", "nft delete table inet braid_returns", "ip rule del fwmark 0x5124", "ip route flush table 5200"):
        net.run("conv", damage)
        wait_for(lambda: in_place(net), f"put back after {damage}")
        transfer(near, far)
    reload(net, "shared")
    transfer(near, far)
    session_from(net, SERVER, POOL)
    transfer(*old[:2])
    for sock in (near, far, *old[:2]):
        sock.close()
    net.conv.stop(signal.SIGKILL)
    assert in_place(net), "a killed one takes nothing away"
    net.conv = net.converter(**conf("shared"))
    assert not in_place(net), "the next one does"
    net.conv.stop()
    assert picture(net) == net.pictures["conv"]


def test_several_workers_and_many_sessions(net):
    start(net, "both", daemon={"workers": 3})
    pairs = [net.session(net.listener, SERVER_V6 if i % 2 else SERVER) for i in range(24)]
    assert {peer for _, _, peer in pairs} == {OWN, HOST_V6}
    for near, far, _ in pairs:
        transfer(near, far, 1 << 17)
