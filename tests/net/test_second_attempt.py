# SPDX-License-Identifier: GPL-2.0-or-later
"""The converter's answer to the first packet is lost on link a: the attempt over link b goes on where the first one was (decision 0009).

Which link a connection begins on is the gateway's choice, so each test makes several.
"""
import select
import socket

import pytest

from netlab import SERVER, Lab, counter, receive_exactly

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


def is_asked_again(listener):
    return select.select([listener], [], [], 0.05)[0]


def talk(lab, listener):
    """Each side says something that the other must hear once."""
    near, far, _ = lab.session(listener)
    assert not is_asked_again(listener), "the server was connected to twice"
    near.sendall(b"question")
    assert receive_exactly(far, 8) == b"question"
    far.sendall(b"answer")
    assert receive_exactly(near, 6) == b"answer"
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b""
    far.close()
    assert near.recv(1) == b""


def test_connection_that_is_served_already(lab):
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    lose_answers_on_link_a(lab)
    for _ in range(N):
        talk(lab, listener)
    assert counter(converter, "taken_over") > 0
    assert counter(gateway, "outcome_not_authorised") == 0 == counter(gateway, "no_answer")


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


def test_refusal_is_heard_by_the_attempt_that_lives(lab):
    lab.converter()
    gateway = lab.gateway()
    assert lab.bonded()
    lose_answers_on_link_a(lab)
    for _ in range(N):
        near = lab.connect("host", SERVER, 9)   # nobody listens there
        near.sendall(b"anybody?")
        with pytest.raises(ConnectionResetError):
            near.recv(1)
    assert counter(gateway, "second_attempts") > 0
    assert counter(gateway, "outcome_refused") == N
    assert counter(gateway, "outcome_not_authorised") == 0 == counter(gateway, "no_answer")
