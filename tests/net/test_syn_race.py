# SPDX-License-Identifier: GPL-2.0-or-later
"""The SYN race (decision 0032): a connection is begun over two links at once, and the server sees one."""
import errno
import os
import select
import struct

import pytest

from netlab import LINKS_ALLOWED, PATIENCE_S, SERVER, Lab, counter, has_waiting, receive_all, receive_exactly, sockets, sockets_at_rest, wait_for
from test_converter_input import CLOSED, SUCCESS, client, connect, message, ticket, tlv
from test_inbound import FORWARDS, remote
from test_rejoin import subflows
from test_second_attempt import fast_open, lose_answers_on_link_a, rule, talk

N_AT_ONCE = 50
N_MANY = int(os.environ.get("BRAID_RACES", 300))
ON = {"syn_race": "on"}
RACED = tlv(192, bytes([0, 2]))


@pytest.fixture
def emulated(tmp_path):
    lab = Lab(tmp_path, {"a": 10, "b": 10})
    yield lab
    lab.close()


def start(lab, gateway=None, workers=2, **changes):
    """Both daemons; how many connections have raced is counted from here on."""
    converter = lab.converter(daemon={"workers": workers})
    return converter, lab.gateway(gateway={**ON, **(gateway or {})}, **changes)


def numbered(lab, port, number):
    """A host's connection that says its number, as soon as it can."""
    sock = lab.socket("host", timeout=0)
    assert sock.connect_ex((SERVER, port)) == errno.EINPROGRESS
    return sock, struct.pack("!I", number)


def crowd(lab, listener, first, n):
    """n connections at once, each with its number and an answer to it. The numbers that the server heard; a connection without one makes them fewer than were accepted."""
    hosts = dict(numbered(lab, listener.getsockname()[1], number) for number in range(first, first + n))
    servers, heard = {}, []
    poll = select.epoll()
    for sock in hosts:
        poll.register(sock, select.EPOLLOUT)
    poll.register(listener, select.EPOLLIN)
    by_fd = {sock.fileno(): sock for sock in hosts}
    while hosts or servers:
        events = poll.poll(20)
        assert events, f"{len(hosts)} connections without an answer, {len(servers)} at the server without a number"
        for fd, _ in events:
            if fd == listener.fileno():
                far, _ = lab.accept(listener)
                servers[far.fileno()] = far
                poll.register(far, select.EPOLLIN)
            elif fd in servers:
                far = servers.pop(fd)
                poll.unregister(fd)
                heard += struct.unpack("!I", receive_exactly(far, 4))
                far.sendall(b"!")
                far.close()
            else:
                step(poll, hosts, by_fd[fd])
    poll.close()
    return heard


def step(poll, hosts, sock):
    """What a host does when it can write, and then when it can read."""
    if hosts[sock]:
        assert sock.send(hosts[sock]) == 4
        hosts[sock] = b""
        poll.modify(sock, select.EPOLLIN)
        return
    assert sock.recv(1) == b"!", "no answer"
    poll.unregister(sock)
    sock.close()
    del hosts[sock]


def expect_each_once(lab, listener, n):
    for first in range(0, n, N_AT_ONCE):
        numbers = list(range(first, min(n, first + N_AT_ONCE)))
        assert sorted(crowd(lab, listener, first, len(numbers))) == numbers
        lab.sockets[:] = [sock for sock in lab.sockets if sock.fileno() >= 0]
    assert not has_waiting(listener, 0.5), "the server was connected to once more"


@pytest.mark.parametrize("accept, loss_ppm", [("early", 0), ("faithful", 100000)])
def test_server_sees_each_connection_once(emulated, accept, loss_ppm):
    converter, gateway = start(emulated, {"accept": accept})
    listener = emulated.listen("server")
    emulated.set_link("a", f"loss_ppm={loss_ppm}")
    expect_each_once(emulated, listener, N_MANY)
    assert counter(converter, "outcome_connected") == N_MANY
    assert counter(gateway, "raced") > 0   # where a link has lost too much to be good, connections begin on the other
    wait_for(lambda: not converter.ctl("sessions")["sessions"], "every session's end")


def test_losers_leave_nothing_and_their_links_join(lab):
    converter, gateway = start(lab)
    listener = lab.listen("server")
    assert lab.bonded(listener)
    wait_for(lambda: not converter.ctl("sessions")["sessions"], "the session's end")
    n = sockets_at_rest(converter), sockets_at_rest(gateway)
    pairs = [lab.session(listener)[:2] for _ in range(20)]
    wait_for(lambda: subflows(gateway, "a") == subflows(gateway, "b") == 20, "every session on both links")
    wait_for(lambda: (sockets(converter.pid) - n[0], sockets(gateway.pid) - n[1]) == (40, 40), "two sockets a session at either daemon")
    for near, far in pairs:
        near.close()
        assert receive_all(far) == b""
        far.close()
    assert counter(gateway, "raced") == 21
    assert counter(gateway, "outcome_not_authorised") == counter(gateway, "no_answer") == 0


def test_answer_to_the_one_that_came_first_is_lost(lab):
    """The other one's handshake ends, and it goes on where the first was."""
    converter, gateway = start(lab)
    listener = lab.listen("server")
    assert lab.bonded(listener)
    lose_answers_on_link_a(lab)
    for _ in range(8):
        talk(lab, listener)
    assert counter(converter, "taken_over") > 0
    assert counter(gateway, "outcome_not_authorised") == counter(gateway, "no_answer") == 0


def test_server_that_takes_its_time(lab):
    """Both handshakes have ended, and one was turned away, before it answers; one that was lost is taken over before."""
    converter, gateway = start(lab, {"accept": "early"})
    listener = lab.listen("server")
    assert lab.bonded(listener)
    rule(lab, "server", "tcp flags & (syn|ack) == syn numgen inc mod 2 == 0 drop")
    talk(lab, listener)
    talk(lab, listener)
    lose_answers_on_link_a(lab)
    talk(lab, listener)
    assert counter(gateway, "outcome_not_authorised") == 0


@pytest.mark.parametrize("accept, wanted", [("faithful", errno.ECONNREFUSED), ("early", errno.ECONNRESET)])
def test_refusal_is_told(lab, accept, wanted):
    _, gateway = start(lab, {"accept": accept})
    lose_answers_on_link_a(lab)
    for _ in range(5):
        with pytest.raises(OSError) as error:
            near = lab.connect("host", SERVER, CLOSED[1])
            near.sendall(b"anybody?")
            near.recv(1)
        assert error.value.errno in (wanted, errno.EPIPE)
    assert counter(gateway, "outcome_refused") == 5 and counter(gateway, "outcome_not_authorised") == 0


def test_place_for_one_of_them_alone(lab):
    """The converter tells the other one that it has no place; the connection is served."""
    lab.converter(daemon={"workers": 1}, limits={"max_half_open": 1})
    gateway = lab.gateway(gateway=ON)
    listener = lab.listen("server")
    for _ in range(8):
        talk(lab, listener)
    assert counter(gateway, "raced") == 8


def test_session_from_the_converters_side(lab):
    lab.converter(**FORWARDS)
    gateway = lab.gateway(gateway=ON)
    listener = lab.listen("host", 80)
    for _ in range(5):
        far = remote(lab)
        near, _ = lab.accept(listener)
        far.sendall(b"hello")
        assert receive_exactly(near, 5) == b"hello"
        near.sendall(b"welcome")
        assert receive_exactly(far, 7) == b"welcome"
        near.close()
        assert far.recv(1) == b""
    assert counter(gateway, "raced") == 5
    assert not has_waiting(listener), "the host was connected to once more"


# Who races

def test_link_that_is_to_be_spared_takes_no_part(lab):
    lab.converter()
    listener = lab.listen("server")
    for link in ({"cost": 1}, {"backup": "yes"}, {"cap_bytes": "100G"}):
        gateway = lab.gateway(gateway=ON, **{"link b": link})
        assert races_of(lab, gateway, listener, 3) == 0, link
        gateway.stop()


@pytest.mark.parametrize("converter, gateway", [({"allow": LINKS_ALLOWED}, {"key": None}),
                                                ({"allow": LINKS_ALLOWED, "signalling": "convert, socks5"}, {"signalling": "socks5"}),
                                                ({"allow": LINKS_ALLOWED, "signalling": "convert, plain"}, {"signalling": "plain"})])
def test_without_a_ticket_there_is_none(lab, converter, gateway):
    lab.converter(converter=converter)
    gateway = lab.gateway(gateway={**ON, **gateway})
    for _ in range(3):
        talk(lab, lab.listen("server"))
    assert counter(gateway, "raced") == 0


def races_of(lab, gateway, listener, n):
    before = counter(gateway, "raced")
    for _ in range(n):
        talk(lab, listener)
    return counter(gateway, "raced") - before


def test_auto_races_links_that_are_alike(emulated):
    _, gateway = start(emulated, {"syn_race": "auto"})
    listener = emulated.listen("server")
    wait_for(lambda: races_of(emulated, gateway, listener, 5) == 5, "five races of five connections", patience_s=90)   # a round trip that a busy machine has made long counts for a minute


def test_auto_does_not_race_a_link_that_is_far(tmp_path):
    lab = Lab(tmp_path, {"a": 10, "b": 60})
    try:
        _, gateway = start(lab, {"syn_race": "auto"})
        listener = lab.listen("server")
        wait_for(lambda: races_of(lab, gateway, listener, 5) == 0, "five connections without a race, the far link's round trip being known")
    finally:
        lab.close()


def test_auto_begins_where_nothing_was_lost(emulated):
    """Link a loses every SYN's answer: soon connections begin on link b, which is as near, and nothing races."""
    _, gateway = start(emulated, {"syn_race": "auto"})
    listener = emulated.listen("server")
    assert emulated.bonded(listener)
    lose_answers_on_link_a(emulated)
    wait_for(lambda: races_of(emulated, gateway, listener, 5) == 0, "five connections on link b")


# Tickets that come twice

def test_raced_ticket_is_good_once(lab):
    """Of twenty attempts at once; then there is one after the session has begun, and one after it has ended."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    converter = lab.converter(daemon={"workers": 2})
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    raced = message(ticket(SERVER, port), connect(SERVER, port), RACED)
    socks = [fast_open(lab, raced + b"question") for _ in range(20)]
    far, _ = lab.accept(listener)
    assert receive_exactly(far, 8) == b"question"
    for sock in socks:
        sock.settimeout(PATIENCE_S)
    winners = [sock for sock in socks if not is_reset_or_answer(sock)]
    assert len(winners) == 1, f"{len(winners)} of them were served"
    with pytest.raises(ConnectionResetError):
        client(lab, raced + b"question").recv(1)
    far.sendall(b"answer")
    assert receive_exactly(winners[0], 6) == b"answer"
    far.close()
    winners[0].close()
    wait_for(lambda: not converter.ctl("sessions")["sessions"], "the session's end")
    assert receive_all(client(lab, raced + b"another"))[4:7] == bytes([30, 1, 32]), "a ticket of a session that came and went"
    assert not has_waiting(listener), "the server was connected to twice"
    assert counter(converter, "tickets_replayed") == 21
    assert counter(converter, "outcome_connected") == 1


def is_reset_or_answer(sock):
    """True: reset. False: it has the answer."""
    try:
        answer = receive_exactly(sock, 4)
    except ConnectionResetError:
        return True
    assert answer == SUCCESS, answer
    return False


def test_raced_ticket_of_somebody_else_is_no_ticket(lab):
    """The flag gives nothing to who has no key."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    converter = lab.converter()
    port = lab.listen("server").getsockname()[1]
    forged = message(ticket(SERVER, port, mac_key="5a" * 32), connect(SERVER, port), RACED)
    for _ in range(2):
        assert receive_all(client(lab, forged))[4:7] == bytes([30, 1, 32])
    assert counter(converter, "tickets_forged") == 2 and counter(converter, "outcome_connected") == 0


def test_attempt_that_waits_is_bounded(lab):
    """A second attempt whose handshake never ends gives its place back, and so does the first."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    converter = lab.converter(converter={"convert_timeout_ms": 500}, limits={"connect_timeout_ms": 300})
    n = sockets(converter.pid)
    rule(lab, "gw", "tcp flags & (syn|ack) == syn|ack drop")
    raced = message(ticket("93.10.22.1", 80), connect("93.10.22.1", 80), RACED)   # nobody answers there
    for _ in range(5):
        fast_open(lab, raced)
    wait_for(lambda: counter(converter, "tickets_replayed") == 4, "four attempts that wait")
    wait_for(lambda: sockets(converter.pid) == n, f"{n} sockets as before")
    assert counter(converter, "outcome_timed_out") == 1
