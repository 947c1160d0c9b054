# SPDX-License-Identifier: GPL-2.0-or-later
"""The converter's answer to the first packet is lost on link a: the attempt over link b goes on where the first one was (decision 0009).

Which link a connection begins on is the gateway's choice, so each test makes several.
"""
import contextlib
import re
import socket
import subprocess
import time

import pytest

from netlab import (BRAIDCTL, CONVERTER, IPPROTO_MPTCP, LINKS, MSG_FASTOPEN, PATIENCE_S, SERVER, SILENT, TCP_FASTOPEN_NO_COOKIE, Daemon, Lab, conf_text, counter, has_waiting,
                    receive_exactly, sockets, wait_for)
from test_converter_input import INFO, NOT_AUTHORIZED, SUCCESS, answer_of, client, connect, error_of, message, ticket, tlv

N = 8


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def rule(lab, node, text):
    lab.run(node, f"nft 'add table inet t; add chain inet t c {{ type filter hook prerouting priority -300; }}; add rule inet t c {text}'")


def lose_answers_on_link_a(lab):
    rule(lab, "gw", "iifname l0 tcp flags & (syn|ack) == syn|ack drop")


def lose_what_is_told_on_the_watch(lab):
    """Both of its subflows hear nothing any more (decision 0015)."""
    def ports():
        return re.findall(r":(\d+) +203\.0\.113\.5:5124", lab.run("gw", "ss -Htn state established"))
    wait_for(lambda: len(ports()) == 2, "the watch on both links")
    rule(lab, "gw", f"tcp sport 5124 tcp dport {{ {', '.join(ports())} }} drop")


def expect_exchange(near, far):
    """The question is on its way: each side hears once what the other says, and its end."""
    assert receive_exactly(far, 8) == b"question"
    far.sendall(b"answer")
    assert receive_exactly(near, 6) == b"answer"
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b""
    far.close()
    assert near.recv(1) == b""


def talk(lab, listener):
    """Each side says something that the other must hear once."""
    near, far, _ = lab.session(listener)
    assert not has_waiting(listener), "the server was connected to twice"
    near.sendall(b"question")
    expect_exchange(near, far)


def test_connection_that_is_served_already(lab):
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    lose_answers_on_link_a(lab)
    for _ in range(N):
        talk(lab, listener)
    assert counter(converter, "taken_over") > 0
    assert counter(gateway, "outcome_not_authorised") == 0 == counter(gateway, "no_answer")


def test_leg_that_takes_a_place_is_marked_as_the_rule_says(lab):
    """What the converter sends over link b, after the handshake, which comes before any rule."""
    conf = lab.converter_conf()
    converter = Daemon(lab, "conv", conf, conf_text(conf) + "\n[policy]\nrule = bond from subscriber home set-dscp ef priority 5\n")
    lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    lose_answers_on_link_a(lab)
    lab.run("conv", "nft 'add table inet look; add chain inet look c { type filter hook output priority 0; };"
            "add rule inet look c tcp sport 5124 tcp flags & (syn|psh) == psh ip dscp ef meta priority 0:5 counter accept;"
            "add rule inet look c tcp sport 5124 tcp flags & (syn|psh) == psh ip length > 1000 counter'")
    for _ in range(N):
        near, far, _ = lab.session(listener)
        near.sendall(b"question")
        assert receive_exactly(far, 8) == b"question"
        far.sendall(bytes(20000))
        receive_exactly(near, 20000)
    taken_over = counter(converter, "taken_over")
    marked, bare = (int(n) for n in re.findall(r"counter packets (\d+)", lab.run("conv", "nft list table inet look")))
    assert taken_over > 0 and marked > 0 == bare, f"{taken_over} legs took another's place; {marked} packets with data were marked, {bare} were not"


def test_server_that_speaks_first(lab):
    """What it has said is kept for the attempt that lives."""
    converter = lab.converter()
    lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    lose_answers_on_link_a(lab)
    for _ in range(N):
        near = lab.connect("host", SERVER, listener.getsockname()[1])
        far, _ = lab.accept(listener)
        far.sendall(b"welcome")
        assert receive_exactly(near, 7) == b"welcome"
        near.sendall(b"hello")
        assert receive_exactly(far, 5) == b"hello"
    assert counter(converter, "taken_over") > 0


def test_destination_that_has_not_answered_yet(lab):
    converter = lab.converter()
    lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    lose_answers_on_link_a(lab)
    rule(lab, "server", "tcp flags & (syn|ack) == syn numgen inc mod 2 == 0 drop")
    for _ in range(N // 2):
        talk(lab, listener)
    assert counter(converter, "taken_over") > 0


@pytest.mark.parametrize("narrow", ["a", "b"])
def test_attempts_that_brought_more_or_less_of_the_opening(lab, narrow):
    """A link of small packets takes a part of the opening with the SYN, the rest after the handshake."""
    near_device, far_device = LINKS[narrow]
    lab.run("gw", f"ip link set {near_device} mtu 1280")
    lab.run("core", f"ip link set {far_device} mtu 1280")
    converter = lab.converter()
    lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    lose_answers_on_link_a(lab)
    said = bytes(range(256)) * 5
    for _ in range(N):
        near = lab.connect("host", SERVER, listener.getsockname()[1])
        near.sendall(said)
        far, _ = lab.accept(listener)
        assert receive_exactly(far, len(said)) == said
        near.sendall(b"more")
        assert receive_exactly(far, 4) == b"more"
        far.sendall(b"answer")
        assert receive_exactly(near, 6) == b"answer"
    assert counter(converter, "taken_over") > 0


def fast_open(lab, data):
    """A raw client of one packet, over Multipath TCP; never waits."""
    sock = lab.socket("gw", protocol=IPPROTO_MPTCP, timeout=0)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    with contextlib.suppress(BlockingIOError):
        sock.sendto(data, MSG_FASTOPEN, (CONVERTER, 5124))
    return sock


def test_the_latest_of_several_has_the_connection(lab):
    """One that comes in the place of others that were given up takes it from one that was answered, too; an older one doesn't take it back (decision 0016)."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    lab.converter()
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    proof = ticket(SERVER, port)

    def asks(instead):
        flags = 4 | (instead - 1) << 3 if instead else 0
        return message(proof, connect(SERVER, port), tlv(192, bytes([0, flags])))

    near = client(lab, asks(0))
    far, _ = lab.accept(listener)
    assert answer_of(near) == SUCCESS
    for instead in (1, 2, 4):
        before, near = near, client(lab, asks(instead))
        assert answer_of(near) == SUCCESS
        with pytest.raises(ConnectionResetError):
            before.recv(1)
        for older in range(instead + 1):
            assert error_of(lab, asks(older)) == (NOT_AUTHORIZED, b"\0")
    near.sendall(b"question")
    expect_exchange(near, far)
    assert not has_waiting(listener), "the server was connected to twice"


def test_watch_whose_handshake_never_ends_gives_its_place_back(lab):
    """A gateway asks what the converter can do, and the answer to its first packet is lost."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    converter = lab.converter(converter={"allow": "192.0.2.0/24, 198.51.100.0/24", "convert_timeout_ms": 1000})
    n = sockets(converter.pid)
    rule(lab, "gw", "tcp flags & (syn|ack) == syn|ack drop")
    for _ in range(5):
        fast_open(lab, message(INFO))
    wait_for(lambda: counter(converter, "information") == 5, "five questions")
    wait_for(lambda: sockets(converter.pid) == n, f"{n} sockets as before")


def test_tickets_used_again_while_the_converter_ends(lab):
    """What still stands in a listener's queue may name a worker that is gone."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    for _ in range(3):
        converter = lab.converter(daemon={"workers": 2})
        used = [message(ticket(SERVER, port), connect(SERVER, port)) for _ in range(20)]
        socks = [client(lab, data) for data in used]
        for sock in socks:
            answer_of(sock)
        with lab.inside("conv"):
            stop = subprocess.Popen([BRAIDCTL, "-s", converter.control, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for data in used * 20:
            with contextlib.suppress(OSError):
                fast_open(lab, data)
        stop.wait()
        assert converter.process.wait(PATIENCE_S) == 0, converter.log()
        for sock in socks + lab.sockets:
            if sock is not listener:
                sock.close()


def test_an_end_that_waits_for_the_answer_costs_nothing(lab):
    lab.converter()
    gateway = lab.gateway(gateway={"accept": "early"})
    for _ in range(N):
        near = lab.connect("host", SILENT, 80)
        near.sendall(b"question")
        near.shutdown(socket.SHUT_WR)
    wait_for(lambda: len([s for s in gateway.ctl("sessions")["sessions"] if s["state"] == "signalling"]) == N, "held sessions")
    before = counter(gateway, "steps")
    time.sleep(1)   # this is the condition: hardly anything for so long
    assert counter(gateway, "steps") - before < 10 * N


def is_refused(lab, accept):
    if accept == "faithful":
        with pytest.raises(ConnectionRefusedError):
            lab.connect("host", SERVER, 9)   # nobody listens there
        return
    near = lab.connect("host", SERVER, 9)
    near.sendall(b"anybody?")
    with pytest.raises(ConnectionResetError):
        near.recv(1)


@pytest.mark.parametrize("accept, told", [("early", False), ("faithful", False), ("faithful", True)], ids=["early", "faithful", "told"])
def test_refusal_is_heard_by_the_attempt_that_lives(lab, accept, told):
    """Or before there is one, where the watch tells it."""
    lab.converter()
    gateway = lab.gateway(gateway={"accept": accept})
    if not told:
        lose_what_is_told_on_the_watch(lab)
    assert lab.bonded()
    lose_answers_on_link_a(lab)
    for _ in range(N):
        is_refused(lab, accept)
    assert counter(gateway, "early_used" if told else "second_attempts") + counter(gateway, "raced") > 0
    assert counter(gateway, "outcome_refused") == N
    assert counter(gateway, "outcome_not_authorised") == 0 == counter(gateway, "no_answer")
