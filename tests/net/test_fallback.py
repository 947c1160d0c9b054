# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections between the two that come out as plain TCP (decision 0016): with data in the SYN they are begun again, without they are served; the
converter knows which."""
import socket
import time

import pytest

from netlab import CONVERTER, IPPROTO_MPTCP, LINKS_ALLOWED, SERVER, counter, has_waiting, link, receive_all, receive_exactly, wait_for
from test_converter_input import SUCCESS, answer_of, client, connect, message, ticket, tlv
from test_faults import strip_mptcp
from test_rejoin import subflows
from test_second_attempt import lose_answers_on_link_a
from test_zero_window import fill, read

pytestmark = pytest.mark.signalled   # by route such a connection is the server's own (test_route.py)
PLAIN, MPTCP = socket.IPPROTO_TCP, IPPROTO_MPTCP


def talk(lab, listener):
    near, far, peer = lab.session(listener)
    assert peer == CONVERTER
    assert not has_waiting(listener), "the server was connected to twice"
    near.sendall(b"question")
    assert receive_exactly(far, 8) == b"question"
    far.sendall(b"answer")
    far.close()
    assert receive_all(near) == b"answer"
    near.close()


def pass_over_syn_data(lab):
    lab.run("conv", "echo 1 > /proc/sys/net/ipv4/tcp_fastopen")


@pytest.mark.convert
def test_syn_data_that_are_passed_over_cost_no_multipath_tcp(lab):
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    wait_for(lambda: not gateway.ctl("sessions")["sessions"], "the session's end")
    pass_over_syn_data(lab)
    near, far, _ = lab.session(listener)
    sessions = gateway.ctl("sessions")["sessions"]
    assert [s["mptcp"] for s in sessions] == [True], sessions
    near.sendall(b"up")
    assert receive_exactly(far, 2) == b"up"
    for _ in range(5):
        talk(lab, listener)
    assert 1 <= counter(gateway, "fell_back_again") <= 2, "once a link"
    assert counter(gateway, "outcome_refused") == counter(gateway, "outcome_not_authorised") == counter(gateway, "no_answer") == 0


@pytest.mark.convert
@pytest.mark.parametrize("accept", ["early", "faithful"])
def test_one_link_silent_and_the_other_strips_mptcp(lab, accept):
    """The first attempt is still under way when the second one has to be begun again."""
    lab.converter()
    gateway = lab.gateway(gateway={"accept": accept})
    wait_for(lambda: [link(gateway, name)["health"]["multipath"] for name in "ab"] == ["clean"] * 2, "both links to be known as clean: no probe tells what comes")
    strip_mptcp(lab, "b0")
    listener = lab.listen("server")
    lose_answers_on_link_a(lab)
    for _ in range(4):
        talk(lab, listener)
    assert counter(gateway, "fell_back_again") >= 1
    assert counter(gateway, "no_answer") == 0


def test_links_that_strip_mptcp_are_asked_once(lab):
    strip_mptcp(lab, "{ a0, b0 }")
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    for _ in range(6):
        talk(lab, listener)
    assert counter(gateway, "fell_back_again") <= 2, "once a link"
    assert counter(gateway, "outcome_connected") == 6
    assert counter(converter, "outcome_connected") == 6


@pytest.mark.parametrize("accept", ["early", "faithful"])
def test_links_that_strip_mptcp_behind_the_syn_are_learned(lab, accept):
    """The handshake is Multipath TCP's, what follows isn't: some connections are reset or go the ordinary way, the next ones are plain TCP from their first packet
    (decision 0029)."""
    lab.run("core", "nft 'add table inet t; add chain inet t c { type filter hook prerouting priority -300; }; "
                    "add rule inet t c iifname { a0, b0 } tcp flags & syn == 0 reset tcp option mptcp'")
    lab.converter()
    gateway = lab.gateway(gateway={"accept": accept})
    served = 0   # in a row: one by one may be lucky before the links are known
    for _ in range(20):
        try:
            talk(lab, lab.listen("server"))
            served += 1
        except (OSError, AssertionError):
            served = 0
        if served == 4:
            break
    assert served == 4
    assert not any(session["mptcp"] for session in gateway.ctl("sessions")["sessions"])


def test_without_a_key_plain_tcp_is_served_as_it_comes(lab):
    strip_mptcp(lab, "{ a0, b0 }")
    converter = lab.converter(converter={"allow": "192.0.2.0/24, 198.51.100.0/24"})
    gateway = lab.gateway(gateway={"key": None})
    listener = lab.listen("server")
    for _ in range(3):
        talk(lab, listener)
    assert counter(gateway, "fell_back_again") == counter(converter, "plain_refused") == 0


@pytest.mark.parametrize("how", ["syn", "after"])
def test_plain_tcp_that_is_not_declared_is_reset_and_its_ticket_stays_good(lab, how):
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    converter = lab.converter()
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    tlvs = [ticket(SERVER, port), connect(SERVER, port)]
    for n in range(1, 3):
        with pytest.raises(ConnectionResetError):
            client(lab, message(*tlvs) + b"early", how, PLAIN).recv(1)
        assert counter(converter, "plain_refused") == n
    assert not has_waiting(listener), "the server was connected to"
    sock = client(lab, message(*tlvs, tlv(192, b"\0\1")) + b"early", how, PLAIN)
    far, _ = lab.accept(listener)
    assert answer_of(sock) == SUCCESS
    assert receive_exactly(far, 5) == b"early"


def test_multipath_tcp_need_not_be_declared(lab):
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    converter = lab.converter()
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    for flags in (b"\0\0", b"\0\1", b"\0\xfe"):
        sock = client(lab, message(ticket(SERVER, port), connect(SERVER, port), tlv(192, flags)), "syn", MPTCP)
        lab.accept(listener)
        assert answer_of(sock) == SUCCESS
    assert counter(converter, "plain_refused") == 0


def asked(how, port):
    """A request to the server, by a ticket or without."""
    if how == "plain mode":
        return b"\xfa\xa8\xfa\xa8\0\x0a\0\1" + socket.inet_aton(SERVER) + port.to_bytes(2, "big") + b"\0\0"
    return message(*([ticket(SERVER, port)] if how == "ticket" else []), connect(SERVER, port))


@pytest.mark.parametrize("how", ["ticket", "no ticket", "plain mode"])
def test_end_of_a_connection_that_fell_back_unknown_to_its_client_is_a_reset(lab, how):
    """The SYN+ACK is lost, the converter's end goes on as plain TCP, and a FIN there may be no more than a subflow that was taken away."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    converter = lab.converter(converter={"signalling": "convert, plain", **({} if how == "ticket" else {"allow": LINKS_ALLOWED})})
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    lab.run("gw", "nft 'add table inet t; add chain inet t c { type filter hook prerouting priority -300; }; "
                  "add rule inet t c tcp sport 5124 tcp flags & (syn|ack) == syn|ack numgen inc mod 2 == 0 drop'")
    n_fell_back = 0
    for _ in range(16):
        request = asked(how, port)
        sock = client(lab, request + b"early", "syn", MPTCP)
        far, _ = lab.accept(listener)
        assert receive_exactly(far, 5) == b"early"
        answer = request if how == "plain mode" else SUCCESS
        assert receive_exactly(sock, len(answer)) == answer
        fell_back = not converter.ctl("sessions")["sessions"][0]["mptcp"]
        sock.shutdown(socket.SHUT_WR)
        if fell_back:
            with pytest.raises(ConnectionResetError):
                far.recv(1)
        else:
            assert far.recv(1) == b""
        n_fell_back += fell_back
        sock.close()
        far.close()
        wait_for(lambda: not converter.ctl("sessions")["sessions"], "the session's end")
    assert n_fell_back, "none fell back"


def test_a_sender_whose_bytes_are_never_acknowledged_is_reset(lab):
    """Something takes the options from what acknowledges alone: TCP goes on, Multipath TCP sends the same again and again, and nothing else would end it."""
    lab.converter()
    gateway = lab.gateway(**{"link b": None})
    near, far, _ = lab.session(lab.listen("server"))
    lab.run("core", "nft 'table inet t { chain c { type filter hook forward priority 0; oifname a0 meta length <= 100 reset tcp option mptcp; }; }'")
    with pytest.raises(ConnectionResetError):
        near.sendall(bytes(64 << 20))
    assert counter(gateway, "sessions_broken") == 1


def test_a_reader_who_stands_still_while_a_link_comes_and_goes_is_no_broken_stream(lab):
    """Each time the link joins, TCP has a SYN acknowledged, and there is no DATA_ACK meanwhile."""
    lab.converter()
    gateway = lab.gateway()
    near, far, _ = lab.session(lab.listen("server"))
    wait_for(lambda: subflows(gateway, "b") == 1, "the session on both links")
    total = fill(near)
    for _ in range(2):
        lab.set_carrier("b", False)
        wait_for(lambda: subflows(gateway, "b") == 0, "the link to be left")
        lab.set_carrier("b", True)
        wait_for(lambda: subflows(gateway, "b") == 1, "the session to be back on the link")
        joined = time.monotonic()
        wait_for(lambda: time.monotonic() - joined > 2, "a look over the sessions, one every two seconds")
    read(far, total)
    assert counter(gateway, "sessions_broken") == 0
