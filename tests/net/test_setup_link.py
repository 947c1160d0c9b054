# SPDX-License-Identifier: GPL-2.0-or-later
"""A link that is gone, or goes while a connection is being set up over it: the connection begins, or goes on, over the other (role/gateway/leave.h)."""
import re
import select

import pytest

from netlab import SERVER, Lab, counter, has_waiting, receive_exactly, wait_for
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
    """A host that connects and, where it is accepted early, says something."""
    near = lab.socket("host", timeout=0)
    near.connect_ex((SERVER, listener.getsockname()[1]))
    if accept == "early":
        assert select.select([], [near], [], 20)[1], "the host was not connected"
        near.sendall(b"question")
    near.settimeout(20)
    return near


def finish(lab, listener, near, accept):
    """Both sides say something that the other hears once, and end; the server has seen one connection."""
    if accept == "faithful":
        assert select.select([], [near], [], 20)[1], "the host was not connected"
        near.sendall(b"question")
    far, _ = lab.accept(listener)
    expect_talk(listener, near, far)


def expect_talk(listener, near, far):
    expect_exchange(near, far)
    assert not has_waiting(listener), "the server was connected to twice"


def cut(lab, gateway):
    lab.set_carrier("a", False)
    wait_for(lambda: next(link["state"] for link in gateway.ctl("links")["links"] if link["name"] == "a") != "up", "link a down")


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
def test_link_goes_while_the_server_is_asked(lab, accept, race):
    converter, gateway = start(lab, accept=accept, syn_race=race)
    listener = lab.listen("server")
    rule(lab, "server", "tcp flags & (syn|ack) == syn drop")
    near = begin(lab, listener, accept)
    wait_for(lambda: len(over(lab, "established", r"192\.0\.2\.2")) == 2, "the converter reached over link a")
    cut(lab, gateway)
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
    expect_talk(listener, near, far)
    assert counter(gateway, "no_answer") == counter(gateway, "outcome_not_authorised") == 0


def test_what_the_server_has_said_goes_with_the_link(lab):
    """Its first bytes can't be had again: the host's connection is reset, and its request is not asked twice."""
    _, gateway = start(lab, accept="early")
    listener = lab.listen("server")
    rule(lab, "gw", "iifname l0 tcp sport 5124 tcp flags & (syn|psh) == psh drop")
    near = begin(lab, listener)
    far, _ = lab.accept(listener)
    assert receive_exactly(far, 8) == b"question"
    far.sendall(b"answer")
    wait_for(lambda: int(re.search(r"bytes_acked:(\d+)", lab.run("server", f"ss -Htni state established sport = :{listener.getsockname()[1]}"))[1]) >= 6, "the converter has the answer")
    cut(lab, gateway)
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    assert not has_waiting(listener), "the server was connected to twice"
