# SPDX-License-Identifier: GPL-2.0-or-later
"""When a host's connection is accepted: after its destination has (faithful), at once (early), or as the destination did lately (auto)."""
import errno
import re
import signal
import socket
import sys

import pytest

from netlab import (BRAIDD, CONVERTER, CONVERTER_V6, HOST, HOST_V6, IPPROTO_MPTCP, PATIENCE_S, PROHIBITED, SERVER, SERVER_V6, SIGNALLING, SILENT, UNREACHABLE, close_with_reset,
                    conf_text, counter, family_of, receive_exactly, wait_for)

CLOSED = 9        # a port where nobody listens
QUEUE = 5124      # gateway.queue


def outcome(lab, address, port=CLOSED):
    """How a connection ends at the host: at connect(), or after it."""
    try:
        near = lab.connect("host", address, port)
    except OSError as error:
        return "connect", error.errno
    try:
        near.sendall(b"x")
        return "connected", near.recv(1)
    except OSError as error:
        return "connected", error.errno


@pytest.fixture(params=["auto", "faithful"])
def asking(lab, request):
    """A gateway that asks about destinations that it does not know."""
    lab.conv = lab.converter()
    lab.gw = lab.gateway(gateway={"accept": request.param})
    return lab


@pytest.mark.parametrize("address, wanted", [(SERVER, errno.ECONNREFUSED), (SERVER_V6, errno.ECONNREFUSED), (UNREACHABLE, errno.EHOSTUNREACH),
                                             (PROHIBITED, errno.EHOSTUNREACH)], ids=["refused-v4", "refused-v6", "unreachable", "prohibited"])
def test_host_gets_the_destinations_answer(asking, address, wanted):
    seen = outcome(asking, address)
    if SIGNALLING == "plain":   # the router's own error comes at once, and Linux may wake connect() for it before it is there
        seen = ("connect", seen[1])
    assert seen == ("connect", wanted), f"expected connect() to fail with {errno.errorcode[wanted]}, saw {seen}"
    assert counter(asking.gw, "held") == 1
    assert counter(asking.gw, "held_refused") == (SIGNALLING != "plain"), "without words for it, and nothing else to go by, the ordinary way tells"


def test_network_that_nobody_has_a_route_to(asking):
    asking.run("core", "ip route del 93.10.21.0/24")
    assert outcome(asking, UNREACHABLE) == ("connect", errno.ENETUNREACH)


@pytest.mark.signalled   # test_route.py has its own
def test_silent_destination_stays_silent(lab):
    """And what the host sends again meanwhile is not asked about a second time."""
    converter, gateway = lab.converter(limits={"connect_timeout_ms": 1500}), lab.gateway()
    near = lab.socket("host", timeout=0)
    assert near.connect_ex((SILENT, CLOSED)) == errno.EINPROGRESS
    wait_for(lambda: counter(gateway, "outcome_bypassed" if SIGNALLING == "plain" else "outcome_timed_out") == 1, "the converter to give up")
    wait_for(lambda: counter(gateway, "held") == 2, "the host's next packet to be asked about again")
    assert near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert counter(converter, "intakes_full") == 0


def n_sent_again(sock):
    """How often something of it was, so far."""
    return int.from_bytes(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[100:104], sys.byteorder)


@pytest.mark.signalled
def test_host_that_tries_again_from_the_same_port(lab):
    """While its first SYN is held; it knows the sequence number of its second one alone, which is answered at once: a machine that stands still for a second may have it sent again, three in a row don't."""
    converter, gateway = lab.converter(), lab.gateway(gateway={"attempt_timeout_ms": 10000})
    sent_again = [try_again_from_the_same_port(lab, converter, gateway, n) for n in (1, 2, 3)]
    assert 0 in sent_again, sent_again


def try_again_from_the_same_port(lab, converter, gateway, n):
    listener = lab.listen("server")
    n_held = counter(gateway, "held")
    converter.pause()
    first = lab.socket("host", timeout=0)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    assert first.connect_ex((SERVER, listener.getsockname()[1])) == errno.EINPROGRESS
    wait_for(lambda: counter(gateway, "held") > n_held, f"the first SYN of try {n} to be held")
    source = first.getsockname()
    close_with_reset(first)
    near = lab.socket("host", timeout=0)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    near.bind(source)
    assert near.connect_ex((SERVER, listener.getsockname()[1])) == errno.EINPROGRESS
    converter.tell(signal.SIGCONT)
    far, _ = lab.accept(listener)
    near.settimeout(PATIENCE_S)
    near.sendall(b"x")
    assert far.recv(1) == b"x"
    return n_sent_again(near)


@pytest.mark.signalled
@pytest.mark.parametrize("address", [SERVER, SERVER_V6], ids=["v4", "v6"])
def test_destination_that_is_learnt_while_a_syn_waits_for_it(lab, address):
    """The SYN that comes again belongs to the connection that is being made; it makes no second one."""
    converter, gateway = lab.converter(), lab.gateway(gateway={"attempt_timeout_ms": 10000})
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    converter.pause()
    near = lab.socket("host", family_of(address), timeout=0)
    assert near.connect_ex((address, port)) == errno.EINPROGRESS
    wait_for(lambda: counter(gateway, "held") == 1, "the SYN to be held")
    lab.run("gw", f"nft add element inet braid accepted_{4 if address == SERVER else 6} '{{ {address} . {port} }}'")
    wait_for(lambda: any(near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[100:104]), "the SYN to be sent again")
    converter.tell(signal.SIGCONT)
    far, _ = lab.accept(listener)
    near.settimeout(PATIENCE_S)
    near.sendall(b"x")
    assert far.recv(1) == b"x"
    wait_for(lambda: counter(gateway, "sessions") == 1 and counter(gateway, "outcome_connected") == 1, "one session")
    assert (counter(gateway, "attempts") - counter(gateway, "raced"), counter(gateway, "accepted")) == (1, 1), "a second connection was made for the same one of the host"


@pytest.mark.parametrize("address", [SERVER, SERVER_V6], ids=["v4", "v6"])
def test_accepted_when_the_server_has(asking, address):
    """Both ways, and a server that speaks first; over the converter."""
    listener = asking.listen("server")
    near = asking.connect("host", address, listener.getsockname()[1])
    far, peer = asking.accept(listener)
    assert peer in (CONVERTER, CONVERTER_V6)
    far.sendall(b"hello")
    assert receive_exactly(near, 5) == b"hello"
    near.sendall(b"good day")
    assert receive_exactly(far, 8) == b"good day"
    assert counter(asking.gw, "held") == 1


def test_server_that_spoke_and_closed_before_the_host_came(asking):
    listener = asking.listen("server")
    with asking.inside("server"):
        asking.run("host", "nft 'add table inet late; add chain inet late c { type filter hook input priority 0; };"
                           "add rule inet late c tcp flags & (syn|ack) == syn|ack drop'")
    near = asking.socket("host")
    near.setblocking(False)
    near.connect_ex((SERVER, listener.getsockname()[1]))
    far, _ = asking.accept(listener)
    far.sendall(b"brief")
    far.close()
    wait_for(lambda: counter(asking.conv if SIGNALLING == "route" else asking.gw, "outcome_connected") == 1, "the converter's answer")
    asking.run("host", "nft delete table inet late")
    near.settimeout(PATIENCE_S)
    assert (receive_exactly(near, 5), near.recv(1)) == (b"brief", b"")


def test_auto_is_early_where_the_destination_accepted_lately(lab):
    lab.converter()
    gateway = lab.gateway()
    listener = lab.listen("server")
    for n in (1, 2, 3):
        near, far, peer = lab.session(listener)
        assert peer == CONVERTER and counter(gateway, "held") == 1
    port = listener.getsockname()[1]
    listener.close()
    assert outcome(lab, SERVER, port) == ("connected", errno.ECONNRESET)
    wait_for(lambda: counter(gateway, "unlearnt") == 1, "the destination to be forgotten")
    assert outcome(lab, SERVER, port) == ("connect", errno.ECONNREFUSED)


def test_memory_has_its_size_and_time(lab):
    lab.converter()
    gateway = lab.gateway(gateway={"accept_memory": 16, "accept_memory_s": 1})
    listeners = [lab.listen("server") for _ in range(20)]
    for listener in listeners:
        lab.session(listener)
    elements = lab.run("gw", "nft list set inet braid accepted_4").count("expires")
    assert elements <= 16 and counter(gateway, "held") == 20
    wait_for(lambda: "expires" not in lab.run("gw", "nft list set inet braid accepted_4"), "the memory to be empty")
    lab.session(listeners[0])
    assert counter(gateway, "held") == 21


@pytest.mark.parametrize("address", [SERVER, SERVER_V6, UNREACHABLE, PROHIBITED, SILENT], ids=["refused-v4", "refused-v6", "unreachable", "prohibited", "silent"])
def test_early_never_asks(lab, address):
    lab.converter(limits={"connect_timeout_ms": 800})
    gateway = lab.gateway(gateway={"accept": "early"})
    assert outcome(lab, address) == ("connected", errno.ECONNRESET)
    assert counter(gateway, "held") == 0


@pytest.mark.signalled
def test_converter_that_hangs_lets_the_host_go_the_ordinary_way(lab):
    """A connection that is being asked about comes about all the same, and once."""
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    listener.settimeout(4)
    converter.pause()
    near = lab.connect("host", SERVER, listener.getsockname()[1])
    far, peer = lab.accept(listener)
    assert peer == HOST
    near.sendall(b"x")
    assert far.recv(1) == b"x"
    converter.tell(signal.SIGCONT)
    wait_for(lambda: lab.bonded(), "bonded again")
    listener.settimeout(5)
    try:
        again, peer = lab.accept(listener)   # the converter may have found what was asked of it, and no more
        assert peer == CONVERTER
        with pytest.raises(ConnectionResetError):
            again.recv(1)
    except TimeoutError:
        pass


@pytest.mark.signalled
def test_converter_that_is_gone_lets_the_host_go_the_ordinary_way(lab):
    lab.converter()
    gateway = lab.gateway()
    listener = lab.listen("server")
    lab.run("core", "nft 'add table inet gone; add chain inet gone c { type filter hook forward priority 0; };"
            "add rule inet gone c tcp dport 5124 drop; add rule inet gone c tcp sport 5124 drop'")
    near = lab.connect("host", SERVER_V6, listener.getsockname()[1])
    assert lab.accept(listener)[1] == HOST_V6
    assert counter(gateway, "held_passed") == 1


@pytest.mark.convert
def test_not_let_in_by_the_converter(lab):
    """Its limit on a subscriber's sessions: the host goes the ordinary way."""
    lab.converter(**{"subscriber home": {"key": "00112233445566778899aabbccddeeff" * 2, "max_sessions": 1}})
    gateway = lab.gateway()
    listener = lab.listen("server")
    assert lab.session(listener)[2] == CONVERTER
    other = lab.listen("server")
    near = lab.connect("host", SERVER, other.getsockname()[1])
    assert lab.accept(other)[1] == HOST


@pytest.mark.signalled
def test_daemon_killed_while_it_holds(lab):
    """The host's packet is lost with the queue; the next goes the ordinary way."""
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    converter.pause()
    near = lab.socket("host", timeout=0)
    assert near.connect_ex((SERVER, listener.getsockname()[1])) == errno.EINPROGRESS
    wait_for(lambda: counter(gateway, "held") == 1, "the packet to be held")
    gateway.kill()
    assert lab.accept(listener)[1] == HOST


def test_queue_of_somebody_else(lab):
    lab.converter()
    first = lab.start("gw", "/usr/bin/python3", "-c", TAKE_QUEUE.format(queue=QUEUE), name="taker")
    first.wait_log("taken")
    conf = lab.directory / "gw.conf"
    conf.write_text(conf_text(lab.gateway_conf()))
    gateway = lab.start("gw", BRAIDD, "-c", conf)
    wait_for(lambda: not gateway.running(), "the daemon to end")
    assert gateway.process.returncode == 1
    assert re.search(r"cannot open packet queue 512[45]: .*; another program may have it, set gateway.queue to a free one", gateway.log()), gateway.log()


def queues(lab):
    return lab.run("gw", "cat /proc/net/netfilter/nfnetlink_queue").split("\n")[0].split()[:1]


def test_table_that_somebody_else_has_for_a_while(lab):
    """Nothing can be held meanwhile, and the queues are given back; then it is as before."""
    lab.converter()
    gateway = lab.gateway(gateway={"accept": "faithful"})
    listener = lab.listen("server")
    assert lab.session(listener)[2] == CONVERTER and counter(gateway, "held") == 1 and queues(lab)
    owner = lab.start("gw", "bash", "-c", "exec nft -i < <(echo 'delete table inet braid; add table inet braid { flags owner; }'; exec sleep 60)", name="owner")
    gateway.wait_log("the nft table inet braid .*, and new connections go the ordinary way")
    wait_for(lambda: not queues(lab), "the queues to be given back")
    near = lab.connect("host", SERVER, listener.getsockname()[1])
    assert lab.accept(listener)[1] == HOST
    owner.kill()   # and its table is gone
    wait_for(lambda: queues(lab), "the queues to be there again")
    wait_for(lambda: lab.session(listener)[2] == CONVERTER, "bonded again")
    assert counter(gateway, "held") >= 2


# The kernel's answer to a configuration message of NFNETLINK: bind the queue (nfnetlink_queue.h), and stay.
TAKE_QUEUE = """
import socket, struct, time
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.bind((0, 0))
cmd = struct.pack("=HHBBBB", 8, 1, 1, 0, 0, 0)
body = struct.pack(">BBH", 0, 0, {queue}) + cmd
s.send(struct.pack("=IHHII", 16 + len(body), 3 << 8 | 2, 5, 1, 0) + body)
assert struct.unpack("=i", s.recv(4096)[16:20])[0] == 0
print("taken", flush=True)
time.sleep(60)
"""


def native_pair(lab, family):
    address = SERVER if family == socket.AF_INET else SERVER_V6
    listener = lab.socket("server", family, IPPROTO_MPTCP)
    listener.bind((address, 0))
    listener.listen()
    near = lab.socket("host", family, IPPROTO_MPTCP)
    near.connect((address, listener.getsockname()[1]))
    return near, *lab.accept(listener)


def is_mptcp(sock):
    """Whether Multipath TCP has come about: it may have fallen back to plain TCP (MPTCP_INFO says so, linux/mptcp.h)."""
    try:
        return sock.getsockopt(284, 1, 64)[8] & 1 == 0
    except OSError:
        return False


@pytest.mark.parametrize("family, host", [(socket.AF_INET, HOST), (socket.AF_INET6, HOST_V6)], ids=["v4", "v6"])
def test_host_that_speaks_multipath_tcp_is_left_alone(lab, family, host):
    lab.converter()
    gateway = lab.gateway()
    near, far, peer = native_pair(lab, family)
    assert (peer, is_mptcp(near), is_mptcp(far)) == (host, True, True)
    near.sendall(b"native")
    assert receive_exactly(far, 6) == b"native"
    assert (counter(gateway, "accepted"), counter(gateway, "held"), counter(gateway, "attempts")) == (0, 0, 0)


def test_host_that_speaks_multipath_tcp_can_be_bonded_as_others(lab):
    lab.converter()
    lab.gateway(gateway={"mptcp_hosts": "proxy"})
    near, far, peer = native_pair(lab, socket.AF_INET)
    assert (peer, is_mptcp(near)) == (CONVERTER, False)


def udp_outcome(lab, address, port):
    with lab.inside("host"):
        sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    sock.settimeout(2)
    sock.connect((address, port))
    sock.send(b"initial")
    try:
        return sock.recv(10)
    except OSError as error:
        return error.errno


@pytest.mark.parametrize("address", [SERVER, SERVER_V6], ids=["v4", "v6"])
def test_quic_is_refused_at_once_where_asked_for(lab, address):
    lab.converter()
    gateway = lab.gateway(gateway={"quic": "refuse"})
    with lab.inside("server"):
        server = socket.socket(family_of(address), socket.SOCK_DGRAM)
        server.bind((address, 443))
    assert udp_outcome(lab, address, 443) == errno.ECONNREFUSED
    gateway.reload(lab.gateway_conf(gateway={"quic": "leave"}))
    gateway.wait_log("configuration was read again")
    server.settimeout(PATIENCE_S)
    with lab.inside("host"):
        sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    sock.sendto(b"initial", (address, 443))
    assert server.recvfrom(10)[0] == b"initial"


LOOK = """table inet look {{
	chain {hook} {{ type filter hook {hook} priority 300; {protocol} dscp != {dscp} {match} counter; {protocol} dscp {dscp} {match} counter; }}
}}"""


def look_at_dscp(lab, node, hook, family, match):
    protocol = "ip" if family == socket.AF_INET else "ip6"
    lab.run(node, f"nft '{LOOK.format(hook=hook, protocol=protocol, dscp='ef', match=match)}'")


def packets(lab, node, hook):
    """Those without the DSCP, and those with it."""
    return [int(n) for n in re.findall(r"counter packets (\d+)", lab.run(node, f"nft list chain inet look {hook}"))]


@pytest.mark.convert
@pytest.mark.parametrize("accept", ["early", "faithful"])
@pytest.mark.parametrize("address", [SERVER, SERVER_V6], ids=["v4", "v6"])
def test_dscp_is_that_of_the_host_on_all_legs(lab, accept, address):
    lab.converter()
    lab.gateway(gateway={"accept": accept})
    listener, family = lab.listen("server"), family_of(address)
    port = listener.getsockname()[1]
    look_at_dscp(lab, "server", "input", family, f"tcp dport {port}")
    look_at_dscp(lab, "host", "input", family, f"tcp sport {port} tcp flags & (syn|psh) == psh")
    look_at_dscp(lab, "conv", "input", socket.AF_INET, "tcp dport 5124")
    look_at_dscp(lab, "gw", "input", socket.AF_INET, "tcp sport 5124 tcp flags & psh == psh")
    near = lab.socket("host", family)
    near.setsockopt(*((socket.IPPROTO_IP, socket.IP_TOS) if family == socket.AF_INET else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)), 46 << 2)
    near.connect((address, port))
    near.sendall(b"!")
    far, _ = lab.accept(listener)
    far.sendall(receive_exactly(far, 1))
    assert receive_exactly(near, 1) == b"!"
    to_server, to_host = packets(lab, "server", "input"), packets(lab, "host", "input")
    assert to_server[0] == 0 < to_server[1], f"to the server: {to_server[0]} without, {to_server[1]} with the host's DSCP"
    assert to_host[0] == 0 < to_host[1], f"to the host: {to_host[0]} without, {to_host[1]} with it"
    assert packets(lab, "conv", "input")[1] > 0 < packets(lab, "gw", "input")[1], "between gateway and converter"


@pytest.mark.parametrize("accept", [None, "auto", "faithful"], ids=["plain", "auto", "faithful"])
def test_happy_eyeballs(lab, accept):
    """A server whose IPv6 is silent, the network being in order: curl goes on to IPv4 long before a connect() would give up."""
    if accept:
        lab.converter()
        gateway = lab.gateway(gateway={"accept": accept})
    (lab.directory / "index.html").write_text("hello")
    server = lab.start("server", "/usr/bin/python3", "-m", "http.server", "-d", lab.directory, "--bind", SERVER, "8080")
    lab.run("server", "nft 'add table inet dead; add chain inet dead c { type filter hook input priority 0; }; add rule inet dead c meta nfproto ipv6 tcp dport 8080 drop'")
    wait_for(lambda: lab.run("server", "ss -Hltn sport = :8080").strip() or not server.running(), "the server listens")
    words = lab.run("host", f"curl -v -sS -m 15 --resolve www.test:8080:[{SERVER_V6}],{SERVER} -w '%{{remote_ip}} %{{http_code}}' http://www.test:8080/index.html 2>&1")
    assert words.endswith(f"hello{SERVER} 200"), words
    assert words.index(f"Trying [{SERVER_V6}]" if f"Trying [{SERVER_V6}]" in words else f"Trying {SERVER_V6}") < words.index(f"Trying {SERVER}"), words
    if accept:
        assert counter(gateway, "held") >= 2, "the IPv6 SYN and the IPv4 one"
