# SPDX-License-Identifier: GPL-2.0-or-later
"""Gateways of our own at a converter: what they hear of remote hosts' connections, and claim of them (decision 0019)."""
import errno
import select
import socket
import struct
import threading

import pytest

from netlab import (CONVERTER, HOST, IPPROTO_MPTCP, KEY, LINK_A, LINK_B, MSG_FASTOPEN, PATIENCE_S, SERVER, TCP_FASTOPEN_NO_COOKIE, close_with_reset, counter,
                    receive_exactly, wait_for)
from test_converter_input import CONNECTION_RESET, PORT, SUCCESS, answer_of, client, connect, error_of, mapped, message, ticket, tlv
from test_inbound import FAITHFUL, FORWARDS, OFFER, OTHER_KEY, WEB, claim_tlv, counters, expect_reset, forward, remote


class Watching:
    """The watch of a gateway, which hears of sessions."""

    def __init__(self, lab, key=KEY, offer=OFFER):
        self.lab, self.key = lab, key
        self.first = b""
        self.sock = client(lab, message(ticket("::", 0, key=key), tlv(1, b"\0\0"), offer))
        assert answer_of(self.sock)[4] == 21

    def hear(self):
        """Remote host (address and port, packed), claim, host; first: what the remote host has said."""
        told = answer_of(self.sock)
        assert told[4:6] == b"\x0a\x05" and told[24:28] == b"\xc3\x07\0\0" and told[52:54] == b"\xc4\x05", told.hex()
        self.first = b""
        self.again = told[72:] == b"\xc9\1\0\0"
        if told[72:]:
            assert told[72] == 201 and len(told) - 73 >= told[73] * 4 - 1, told.hex()
            self.first = told[76:76 + struct.unpack("!H", told[74:76])[0]]
        return told[6:24], told[28:52], told[54:72]


def claim_of(far, claim, *more, key=KEY, port=None):
    port = port or far.getsockname()[1]
    return message(ticket(SERVER, port, key=key), connect(SERVER, port), claim_tlv(claim), *more)


def test_what_a_gateway_is_told(lab):
    lab.converter(**FORWARDS)
    watch = Watching(lab)
    far = remote(lab)
    who, claim, host = watch.hear()
    assert who == struct.pack("!H", far.getsockname()[1]) + mapped(SERVER) and host == struct.pack("!H", 80) + mapped(HOST)
    remote(lab)
    assert watch.hear()[1] != claim


def test_a_claim_is_good_once(lab):
    converter = lab.converter(**FORWARDS)
    watch = Watching(lab)
    far = remote(lab)
    _, claim, _ = watch.hear()
    far.sendall(b"hello")
    near = client(lab, claim_of(far, claim) + b"220 ready")
    assert answer_of(near) == SUCCESS
    assert receive_exactly(near, 5) == b"hello" and receive_exactly(far, 9) == b"220 ready"
    assert error_of(lab, claim_of(far, claim))[0] == CONNECTION_RESET
    assert counters(converter, "inbound_claimed", "claims_wrong") == [1, 1]


def test_wrong_claims(lab):
    converter = lab.converter(**FORWARDS, **{"subscriber other": {"key": OTHER_KEY}})
    watch = Watching(lab)
    far = remote(lab)
    _, claim, _ = watch.hear()
    wrong = [claim_of(far, claim[:i] + bytes([claim[i] ^ 1]) + claim[i + 1:]) for i in range(len(claim))]
    wrong += [claim_of(far, bytes(24)), claim_of(far, b"\xff" * 24), claim_of(far, claim, key=OTHER_KEY), claim_of(far, claim, port=9)]
    for sent in wrong:
        assert error_of(lab, sent)[0] == CONNECTION_RESET
    assert counter(converter, "claims_wrong") == len(wrong)
    assert answer_of(client(lab, claim_of(far, claim))) == SUCCESS


@pytest.mark.parametrize("error", [bytes([96, 0]), bytes([97, 1]), bytes([97, 255]), bytes([64, 5])])
def test_a_host_that_is_not_there(lab, error):
    converter = lab.converter(**FORWARDS)
    watch = Watching(lab)
    far = remote(lab)
    _, claim, _ = watch.hear()
    assert error_of(lab, claim_of(far, claim, tlv(30, error))) == (error[0], error[1:])
    with pytest.raises(ConnectionResetError):
        far.recv(1)
    assert error_of(lab, claim_of(far, claim))[0] == CONNECTION_RESET
    assert counters(converter, "inbound_refused", "claims_wrong") == [1, 1]


def test_nobody_claims(lab):
    converter = lab.converter(**FORWARDS)
    watch = Watching(lab)
    far = remote(lab)
    _, claim, _ = watch.hear()
    with pytest.raises(ConnectionResetError):
        far.recv(1)
    assert counter(converter, "inbound_expired") == 1
    assert error_of(lab, claim_of(far, claim))[0] == CONNECTION_RESET


def test_a_remote_host_that_does_not_wait(lab):
    converter = lab.converter(**FORWARDS)
    watch = Watching(lab)
    far = remote(lab)
    _, claim, _ = watch.hear()
    port = far.getsockname()[1]
    close_with_reset(far)
    wait_for(lambda: counter(converter, "inbound_gave_up") == 1, "the converter to notice")
    assert error_of(lab, claim_of(None, claim, port=port))[0] == CONNECTION_RESET


def test_a_gateway_that_does_not_offer_is_not_told(lab):
    converter = lab.converter(**FORWARDS)
    Watching(lab, offer=b"")
    expect_reset(lab)
    assert counter(converter, "inbound_no_gateway") == 1


def test_a_gateway_is_told_when_its_watch_can_be_written_on(lab):
    """Its question came with the first packet, and the third of the handshake is late: the remote host waits."""
    converter = lab.converter(**FORWARDS)
    lab.run("conv", f"nft 'add table inet late; add chain inet late in {{ type filter hook input priority 0; }}; "
                    f"add rule inet late in tcp dport {PORT} tcp flags & (syn | ack) == ack drop'")
    sock = client(lab, message(ticket("::", 0), tlv(1, b"\0\0"), OFFER))
    wait_for(lambda: counter(converter, "information") == 1, "the question")
    far = remote(lab)
    wait_for(lambda: counter(converter, "inbound") == 1, "the remote host to wait")
    lab.run("conv", "nft delete table inet late")
    assert answer_of(sock)[4] == 21
    told = answer_of(sock)
    assert told[6:8] == struct.pack("!H", far.getsockname()[1]) and counter(converter, "inbound_told") == 1


def test_one_that_is_crowded_leaves_others_alone(lab):
    changes = {**FORWARDS, "forward narrow": forward(f"{CONVERTER}:{WEB + 1}", max_waiting=1), "daemon": {"workers": 1},
               "subscriber other": {"key": OTHER_KEY, "max_inbound_waiting": 2},
               "forward other": forward(f"{CONVERTER}:{WEB + 2}", subscriber="other"), "forward more": forward(f"{CONVERTER}:{WEB + 3}", subscriber="other")}
    converter = lab.converter(**changes)
    watch, other = Watching(lab), Watching(lab, OTHER_KEY)
    waiting = [remote(lab, port=WEB + 1), remote(lab, port=WEB + 2), remote(lab, port=WEB + 3)]
    for port in (WEB + 1, WEB + 2, WEB + 3):
        expect_reset(lab, port=port)
    assert counter(converter, "inbound_over_limit") == 3
    watch.hear(), other.hear(), other.hear()
    far = remote(lab)
    _, claim, _ = watch.hear()
    assert answer_of(client(lab, claim_of(far, claim))) == SUCCESS
    close_with_reset(waiting[1])
    wait_for(lambda: counter(converter, "inbound_gave_up") == 1, "a place to be free")
    remote(lab, port=WEB + 3)
    other.hear()


# What the remote host says first

def speak(lab, first):
    """A remote host that says it with its handshake's last packet: the converter, which has no Fast Open there, takes none of it with the SYN, and it is sent again by then."""
    far = lab.socket("server")
    far.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    far.sendall(first[far.sendto(first, MSG_FASTOPEN, (CONVERTER, WEB)):])
    return far


@pytest.mark.parametrize("n", [1, 5, 943, 944])
def test_first_bytes_that_the_host_has_do_not_come_again(lab, n):
    converter = lab.converter(**FORWARDS)
    watch = Watching(lab)
    first = bytes(i & 0xFF for i in range(944))
    far = speak(lab, first + b"and more")
    _, claim, _ = watch.hear()
    assert watch.first == first
    near = client(lab, claim_of(far, claim, tlv(201, struct.pack("!H", n))))
    assert answer_of(near) == SUCCESS
    assert receive_exactly(near, 952 - n) == first[n:] + b"and more"
    far.sendall(b".")
    assert receive_exactly(near, 1) == b"."
    assert counter(converter, "claims_wrong") == 0


def test_first_bytes_right_behind_the_handshake_are_waited_for(lab):
    """For five milliseconds: a machine that stands still may take longer, now and then. Who doesn't wait tells of less than half of them."""
    lab.converter(**FORWARDS)
    watch, told = Watching(lab), []
    for _ in range(10):
        far = remote(lab)
        far.sendall(b"GET /")
        watch.hear()
        told.append(watch.first)
    assert told.count(b"GET /") >= 7, told


def test_first_bytes_are_told_once(lab):
    """Who hears of it later might give them to a host a second time."""
    lab.converter(**FORWARDS)
    first, second = Watching(lab), Watching(lab)
    far = speak(lab, b"POST /order")
    _, claim, _ = second.hear()
    first.hear()
    told, later = (second, first) if first.again else (first, second)   # whom the converter has noted last is told first
    assert (told.first, told.again, later.first, later.again) == (b"POST /order", False, b"", True)
    near = client(lab, claim_of(far, claim))
    assert answer_of(near) == SUCCESS and receive_exactly(near, 11) == b"POST /order"


def test_first_bytes_that_the_host_does_not_have_come(lab):
    """An older gateway passes over them; one whose host has taken none says nothing."""
    lab.converter(**FORWARDS)
    watch = Watching(lab)
    far = speak(lab, b"GET /")
    _, claim, _ = watch.hear()
    assert watch.first == b"GET /"
    near = client(lab, claim_of(far, claim))
    assert answer_of(near) == SUCCESS and receive_exactly(near, 5) == b"GET /"


def test_nobody_has_more_than_was_told(lab):
    converter = lab.converter(**FORWARDS)
    watch = Watching(lab)
    far = speak(lab, b"GET /")
    _, claim, _ = watch.hear()
    far.sendall(b"index")
    assert error_of(lab, claim_of(far, claim, tlv(201, struct.pack("!H", len(watch.first) + 1))))[0] == CONNECTION_RESET
    assert counter(converter, "claims_wrong") == 1
    near = client(lab, claim_of(far, claim))
    assert answer_of(near) == SUCCESS and receive_exactly(near, 10) == b"GET /index"


def test_first_bytes_of_a_remote_host_that_resets(lab):
    """It has gone when it is claimed."""
    converter = lab.converter(**FORWARDS)
    watch = Watching(lab)
    far = speak(lab, b"GET /")
    port = far.getsockname()[1]
    _, claim, _ = watch.hear()
    close_with_reset(far)
    wait_for(lambda: counter(converter, "inbound_gave_up") == 1, "the converter to notice")
    assert error_of(lab, claim_of(None, claim, tlv(201, b"\0\5"), port=port))[0] == CONNECTION_RESET


# First packets that wait

@pytest.mark.parametrize("error, wanted", [(bytes([96, 0]), errno.ECONNREFUSED), (bytes([97, 0]), errno.ENETUNREACH), (bytes([97, 1]), errno.EHOSTUNREACH),
                                           (bytes([97, 255]), "silence"), (bytes([64, 5]), errno.ECONNREFUSED)])
def test_faithful_answers(lab, error, wanted):
    lab.converter(**FAITHFUL)
    watch = Watching(lab)
    far = lab.socket("server", timeout=0)
    assert far.connect_ex((CONVERTER, WEB)) == errno.EINPROGRESS
    _, claim, _ = watch.hear()
    assert error_of(lab, claim_of(far, claim, tlv(30, error))) == (error[0], error[1:])
    if wanted == "silence":
        assert not select.select([], [far], [], 0.3)[1]
    else:
        assert select.select([], [far], [], PATIENCE_S)[1] and far.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == wanted


def test_faithful_claims_are_good_once(lab):
    converter = lab.converter(**FAITHFUL)
    watch = Watching(lab)
    far = lab.socket("server", timeout=0)
    assert far.connect_ex((CONVERTER, WEB)) == errno.EINPROGRESS
    _, claim, _ = watch.hear()
    wrong = claim[:-1] + bytes([claim[-1] ^ 1])
    assert error_of(lab, claim_of(far, wrong))[0] == CONNECTION_RESET
    near = client(lab, claim_of(far, claim) + b"220 ready")
    assert answer_of(near) == SUCCESS
    far.settimeout(PATIENCE_S)
    assert receive_exactly(far, 9) == b"220 ready"
    assert error_of(lab, claim_of(far, claim))[0] == CONNECTION_RESET
    assert counters(converter, "inbound_claimed", "claims_wrong") == [1, 2]


def test_faithful_remote_host_that_does_not_come(lab):
    """Claimed and let come, it has gone meanwhile."""
    converter = lab.converter(**FAITHFUL)
    watch = Watching(lab)
    far = lab.socket("server", timeout=0)
    assert far.connect_ex((CONVERTER, WEB)) == errno.EINPROGRESS
    _, claim, _ = watch.hear()
    port = far.getsockname()[1]
    lab.run("server", f"nft 'add table inet t; add chain inet t c {{ type filter hook input priority 0; }}; add rule inet t c tcp dport {port} drop'")
    assert error_of(lab, claim_of(far, claim))[0] == CONNECTION_RESET
    assert counter(converter, "inbound_gave_up") == 1


# Several gateways of one key

def test_the_latest_gateway_is_told_and_then_the_one_before(lab):
    """One that leaves makes room for the other, as over a restart."""
    lab.converter(**FORWARDS)
    first, second = Watching(lab), Watching(lab)
    far = remote(lab)
    assert second.hear()[0][:2] == struct.pack("!H", far.getsockname()[1])
    close_with_reset(second.sock)
    who, claim, _ = first.hear()
    assert who[:2] == struct.pack("!H", far.getsockname()[1]), "it waits still, and the other gateway is told"
    assert answer_of(client(lab, claim_of(far, claim))) == SUCCESS
    far = remote(lab)
    assert first.hear()[0][:2] == struct.pack("!H", far.getsockname()[1])


def test_a_gateway_that_does_not_come_leaves_it_to_another(lab):
    lab.converter(**FORWARDS)
    first, second = Watching(lab), Watching(lab)
    far = remote(lab)
    told = second.hear()
    assert first.hear() == told, "the same name: whoever is there has it"
    assert first.again != second.again, "whom the converter has noted last is told first"
    assert answer_of(client(lab, claim_of(far, told[1]))) == SUCCESS
    assert error_of(lab, claim_of(far, told[1]))[0] == CONNECTION_RESET


def test_a_gateway_that_cannot_have_the_host_leaves_it_to_another(lab):
    converter = lab.converter(**FORWARDS)
    first, second = Watching(lab), Watching(lab)
    far = remote(lab)
    _, claim, _ = second.hear()
    assert error_of(lab, claim_of(far, claim, tlv(30, bytes([97, 13]))))[0] == 97
    _, claim, _ = first.hear()
    assert answer_of(client(lab, claim_of(far, claim) + b"220 ready")) == SUCCESS
    assert receive_exactly(far, 9) == b"220 ready" and counters(converter, "inbound_refused", "claims_wrong") == [0, 0]


def test_when_none_can_have_the_host_it_is_turned_away(lab):
    converter = lab.converter(**FORWARDS)
    watches = [Watching(lab), Watching(lab)]
    far = remote(lab)
    for watch in reversed(watches):
        _, claim, _ = watch.hear()
        assert error_of(lab, claim_of(far, claim, tlv(30, bytes([97, 13]))))[0] == 97
    with pytest.raises(ConnectionResetError):
        far.recv(1)
    assert counters(converter, "inbound_refused", "inbound_expired") == [1, 0]


# Limits

def test_a_limit_that_a_claim_meets_is_the_remote_hosts_too(lab):
    converter = lab.converter(**FORWARDS, **{"subscriber home": {"key": KEY, "max_sessions": 1}})
    watch = Watching(lab)
    far = remote(lab)
    near = client(lab, claim_of(far, watch.hear()[1]))
    assert answer_of(near) == SUCCESS
    late = remote(lab)
    assert error_of(lab, claim_of(late, watch.hear()[1]))[0] == 64
    with pytest.raises(ConnectionResetError):
        late.recv(1)
    assert counters(converter, "inbound_refused", "inbound_expired") == [1, 0]
    near.sendall(b"goes on")
    assert receive_exactly(far, 7) == b"goes on"


def test_a_foreign_claim_at_its_limit_turns_nobody_away(lab):
    converter = lab.converter(**FORWARDS, **{"subscriber other": {"key": OTHER_KEY, "max_new_per_s": 1}})
    watch = Watching(lab)
    far = remote(lab)
    _, claim, _ = watch.hear()
    for _ in range(3):
        error_of(lab, claim_of(far, claim, key=OTHER_KEY))
    assert counter(converter, "inbound_refused") == 0
    assert answer_of(client(lab, claim_of(far, claim))) == SUCCESS


# Races

def race(lab, claims):
    """All at the same moment, each on a connection that stands already: the connections, and what each was answered."""
    answers, start, socks = [None] * len(claims), threading.Barrier(len(claims)), []
    for _, source in claims:
        socks.append(lab.socket("gw", protocol=IPPROTO_MPTCP))
        socks[-1].bind((source, 0))
        socks[-1].connect((CONVERTER, PORT))

    def one(i):
        start.wait()
        socks[i].sendall(claims[i][0])
        answers[i] = answer_of(socks[i])
    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(claims))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return socks, answers


@pytest.mark.parametrize("faithful", [False, True], ids=["early", "faithful"])
def test_raced_claims(lab, faithful):
    """From two links and from a gateway with another key, at the same moment: one of those with the right key has it."""
    forwards = {"forward web": forward(accept="faithful" if faithful else "early")}
    converter = lab.converter(**forwards, **{"subscriber other": {"key": OTHER_KEY}}, daemon={"workers": 4})
    watch = Watching(lab)
    for i in range(20):
        far = lab.socket("server")
        far.setblocking(False)
        assert far.connect_ex((CONVERTER, WEB)) in (0, 115)
        _, claim, _ = watch.hear()
        port = far.getsockname()[1]
        claims = [(claim_of(None, claim, key=key, port=port) + bytes([n]), source)
                  for n, (key, source) in enumerate([(KEY, LINK_A), (OTHER_KEY, LINK_A), (KEY, LINK_B), (OTHER_KEY, LINK_B), (KEY, LINK_A)])]
        socks, answers = race(lab, claims)
        served = [n for n, answer in enumerate(answers) if answer == SUCCESS]
        assert len(served) == 1 and served[0] in (0, 2, 4), f"round {i}: {answers}"
        assert all(answer[4] == 30 and answer[6] == CONNECTION_RESET for n, answer in enumerate(answers) if n not in served), answers
        far.settimeout(PATIENCE_S)
        assert receive_exactly(far, 1) == bytes(served), "the bytes of another one"
        for sock in [far, *socks]:
            close_with_reset(sock)
    assert counters(converter, "inbound_claimed", "claims_wrong") == [20, 80]


def syn_flood(lab, port, n):
    """n of them, from the server's own address, which says nothing more, and from such as nobody has."""
    with lab.inside("server"):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    lab.sockets.append(raw)
    destination = socket.inet_aton(CONVERTER)
    for i in range(n):
        source = socket.inet_aton(f"93.10.20.{100 + i % 100}") if i % 2 else socket.inet_aton(SERVER)
        tcp = struct.pack("!HHIIBBHHH", 1024 + i % 60000, port, i, 0, 5 << 4, 2, 65535, 0, 0)
        pseudo = source + destination + struct.pack("!BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        raw.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, i & 0xFFFF, 0, 64, 6, 0, source, destination) + tcp, (CONVERTER, 0))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


@pytest.mark.parametrize("faithful", [False, True], ids=["early", "faithful"])
def test_a_syn_flood_beside_another_forward(lab, faithful):
    """4,000 SYNs without a third packet to one subscriber's forward; another one's answers all the while."""
    accept = "faithful" if faithful else "early"
    converter = lab.converter(**{"forward flooded": forward(f"{CONVERTER}:{WEB + 1}", subscriber="other", accept=accept), "forward web": forward(accept=accept)},
                              **{"subscriber other": {"key": OTHER_KEY}})
    watch, other = Watching(lab), Watching(lab, OTHER_KEY)
    lab.run("server", "nft 'add table ip quiet; add chain ip quiet out { type filter hook output priority 0; }; add rule ip quiet out tcp flags & rst == rst drop'")
    flood = threading.Thread(target=syn_flood, args=(lab, WEB + 1, 4000))
    flood.start()
    n_served = 0
    while flood.is_alive() or n_served < 5:
        far = lab.socket("server")
        far.setblocking(False)
        assert far.connect_ex((CONVERTER, WEB)) in (0, 115)
        _, claim, _ = watch.hear()
        near = client(lab, claim_of(None, claim, port=far.getsockname()[1]) + b"here")
        assert answer_of(near) == SUCCESS
        far.settimeout(PATIENCE_S)
        assert receive_exactly(far, 4) == b"here"
        far.close()
        near.close()
        n_served += 1
    flood.join()
    assert other.sock.fileno() >= 0 and converter.running() and n_served >= 5
    assert counter(converter, "inbound_expired") == 0 or faithful
