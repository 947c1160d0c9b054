# SPDX-License-Identifier: GPL-2.0-or-later
"""A link that is gone, or goes while a connection is being set up over it: the connection begins, or goes on, over the other (role/gateway/leave.h)."""
import os
import re
import select
import socket

import pytest

from netlab import MSG_FASTOPEN, PATIENCE_S, SERVER, TCP_FASTOPEN_NO_COOKIE, Lab, counter, has_waiting, link, receive_all, receive_exactly, send_in_background, wait_for
from test_second_attempt import expect_exchange, rule, talk

RACES = pytest.mark.parametrize("race", ["off", "on"])
EACH = pytest.mark.parametrize("accept, race", [("early", "off"), ("faithful", "off"), ("early", "on")])


@pytest.fixture
def emulated(tmp_path):
    lab = Lab(tmp_path, {"a": 10, "b": 150})   # the converter is reached over link a first, also by a race
    yield lab
    lab.close()


def start(lab, **gateway):
    """Both daemons, without a connection so far; link a is the first."""
    converter = lab.converter()
    gateway = lab.gateway(gateway=gateway)
    wait_for(lambda: len(over(lab, "established", "")) == 2, "the watch on both links")
    return converter, gateway


def over(lab, state, address):
    """Ports of the gateway's connections to the converter from there, in that state."""
    return re.findall(rf"{address}:(\d+) +203\.0\.113\.5:5124", lab.run("gw", f"ss -Htn state {state}"))


def begin(lab, listener, accept="early"):
    """A host that connects and, where it is accepted early, says something: with its SYN, so that its kernel says it again with the packet that ends the handshake. A program of
    this machine may take longer than the gateway waits for first bytes, and what comes after them can't be taken back."""
    near = lab.socket("host", timeout=0)
    server = SERVER, listener.getsockname()[1]
    if accept == "early":
        near.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
        near.sendto(b"question", MSG_FASTOPEN, server)
        assert select.select([], [near], [], PATIENCE_S)[1], "the host was not connected"
    else:
        near.connect_ex(server)
    near.settimeout(PATIENCE_S)
    return near


def finish(lab, listener, near, accept):
    """Both sides say something that the other hears once, and end; the server has seen one connection."""
    if accept == "faithful":
        assert select.select([], [near], [], PATIENCE_S)[1], "the host was not connected"
        near.sendall(b"question")
    far, _ = lab.accept(listener)
    expect_talk(listener, near, far)


def expect_talk(listener, near, far):
    expect_exchange(near, far)
    assert not has_waiting(listener), "the server was connected to twice"


def cut(lab, gateway):
    lab.set_carrier("a", False)
    wait_for(lambda: link(gateway, "a")["state"] != "up", "link a down")
    gateway.ctl("sessions")   # each worker answers: so each has heard of it


def test_nothing_begins_on_a_link_that_is_gone(lab):
    _, gateway = start(lab, syn_race="on")
    cut(lab, gateway)
    listener = lab.listen("server")
    for _ in range(5):
        talk(lab, listener)
    assert counter(gateway, "raced") == 0
    assert {s["link"] for s in gateway.ctl("sessions")["sessions"]} <= {"b"}


@EACH
def test_link_goes_before_it_has_answered(lab, accept, race):
    _, gateway = start(lab, accept=accept, syn_race=race, attempt_timeout_ms=20000)
    listener = lab.listen("server")
    rule(lab, "core", "iifname a0 tcp dport 5124 tcp flags & (syn|ack) == syn drop")
    near = begin(lab, listener, accept)
    cut(lab, gateway)
    finish(lab, listener, near, accept)


@EACH
def test_link_goes_while_the_server_is_asked(emulated, accept, race):
    lab = emulated
    converter, gateway = start(lab, accept=accept, syn_race=race, pieces="profile")   # a session in pieces has a leg over link b already
    listener = lab.listen("server")
    rule(lab, "server", "tcp flags & (syn|ack) == syn drop")
    near = begin(lab, listener, accept)
    wait_for(lambda: len(over(lab, "established", r"192\.0\.2\.2")) == 2, "the converter reached over link a")
    cut(lab, gateway)
    wait_for(lambda: counter(converter, "taken_over") == 1, "the converter reached over link b in its place")
    lab.run("server", "nft delete table inet t")
    finish(lab, listener, near, accept)
    assert counter(gateway, "no_answer") == counter(gateway, "outcome_not_authorised") == 0


@EACH
def test_link_falls_silent_while_the_server_is_asked(emulated, accept, race):
    """Its carrier stays, and the next connection finds that it has no answer there."""
    lab = emulated
    _, gateway = start(lab, accept=accept, syn_race=race)
    listener = lab.listen("server")
    rule(lab, "server", f"tcp dport {listener.getsockname()[1]} tcp flags & (syn|ack) == syn drop")
    near = begin(lab, listener, accept)
    wait_for(lambda: len(over(lab, "established", r"192\.0\.2\.2")) == 2, "the converter reached over link a")
    lab.set_link("a", "silence=1")
    talk(lab, lab.listen("server"))
    gateway.wait_log("link a is silent")
    lab.run("server", "nft delete table inet t")
    finish(lab, listener, near, accept)
    assert counter(gateway, "no_answer") == counter(gateway, "outcome_not_authorised") == 0


@RACES
def test_link_goes_with_the_converters_answer(lab, race):
    """The server has the request, and has said nothing yet; the answer that it is connected was lost."""
    _, gateway = start(lab, accept="early", syn_race=race)
    listener = lab.listen("server")
    rule(lab, "gw", "iifname l0 tcp sport 5124 tcp flags & (syn|psh) == psh drop")
    near = begin(lab, listener)
    far, _ = lab.accept(listener)
    if race == "off":
        wait_for(lambda: [s["state"] for s in gateway.ctl("sessions")["sessions"]] == ["signalling"], "a session without an answer")
    cut(lab, gateway)
    wait_for(lambda: counter(gateway, "outcome_connected") == 1, "the answer, over link b")   # what the server said before would have gone with link a
    expect_talk(listener, near, far)
    assert counter(gateway, "no_answer") == counter(gateway, "outcome_not_authorised") == 0


def begin_without_an_answer(lab, gateway, listener):
    """A session over link a alone that the server has, and knows the request of, with nothing of the converter's coming but acknowledgements: (host's socket, server's)."""
    rule(lab, "core", "iifname b0 tcp flags syn tcp option mptcp subtype 1 drop")
    rule(lab, "gw", "iifname l0 tcp sport 5124 tcp flags & (syn|psh) == psh drop")
    rule(lab, "gw", "iifname l0 tcp sport 5124 meta length > 1000 drop")
    near = begin(lab, listener)
    far, _ = lab.accept(listener)
    wait_for(lambda: [s["state"] for s in gateway.ctl("sessions")["sessions"]] == ["signalling"], "a session without an answer")
    return near, far


def acked_bytes(lab, listener):
    """Of what the server has said: ss leaves the number out as long as it is none."""
    said = lab.run("server", f"ss -Htni state established sport = :{listener.getsockname()[1]}")
    return sum(int(n) for n in re.findall(r"bytes_acked:(\d+)", said))


@pytest.mark.parametrize("n_bytes", [6, 1_000_000])
def test_what_the_server_has_said_before_the_link_goes_is_said_again(lab, n_bytes):
    """The converter has sent it, and the gateway has not got it: as much as fits the kernel's buffers."""
    _, gateway = start(lab, accept="early")
    listener = lab.listen("server")
    near, far = begin_without_an_answer(lab, gateway, listener)
    assert receive_exactly(far, 8) == b"question"
    answer = os.urandom(n_bytes)
    pid = send_in_background(far, answer)
    wait_for(lambda: acked_bytes(lab, listener) >= 6, "the converter has the answer")
    cut(lab, gateway)
    assert receive_exactly(near, n_bytes) == answer
    os.waitpid(pid, 0)
    assert not select.select([listener], [], [], 0.2)[0], "the server was connected to twice"
    near.shutdown(1)
    assert far.recv(1) == b"", "the server heard something twice"


def test_what_the_host_has_said_since_is_said_again(lab):
    """More than the opening has gone up, which the server has: it hears nothing of it twice."""
    _, gateway = start(lab, accept="early")
    listener = lab.listen("server")
    near, far = begin_without_an_answer(lab, gateway, listener)
    more = os.urandom(100_000)
    near.sendall(more)
    assert receive_exactly(far, 8 + len(more)) == b"question" + more
    cut(lab, gateway)
    far.sendall(b"answer")
    assert receive_exactly(near, 6) == b"answer"
    near.sendall(b"thanks")
    near.shutdown(1)
    assert receive_all(far) == b"thanks"
    assert not has_waiting(listener), "the server was connected to twice"
    assert counter(gateway, "no_answer") == counter(gateway, "outcome_not_authorised") == 0


def test_a_request_that_is_lost_with_its_link_is_brought_over_another(emulated):
    """It doesn't go with the first packet, and what comes behind that is lost: the converter ends the connection, having waited in vain."""
    lab = emulated
    converter = lab.converter(converter={"convert_timeout_ms": 500})
    gateway = lab.gateway(gateway={"accept": "early"})
    lab.set_link("a", "eat_syn_data=2")
    talk(lab, lab.listen("server"))
    assert counter(gateway, "syn_data_lost") == 1
    lab.set_link("a", "eat_syn_data=0")
    rule(lab, "core", "iifname a0 tcp dport 5124 tcp flags & (syn|psh) == psh drop")
    listener = lab.listen("server")
    near = begin(lab, listener)
    finish(lab, listener, near, "early")
    assert counter(converter, "slow_senders") >= 1
