# SPDX-License-Identifier: GPL-2.0-or-later
"""Legs of sessions in pieces, by hand (doc/wire.md): any order, twice, over whichever leg; what makes no sense; who may not."""
import os
import select
import struct

import pytest

from netlab import CONVERTER, KEY, LINK_A, LINK_B, PATIENCE_S, SERVER, Lab, counter, receive_all, receive_exactly, wait_for
from test_converter_input import CONNECTION_RESET, INFO, NOT_AUTHORIZED, PORT, RESOURCE_EXCEEDED, SUCCESS, UNSUPPORTED_MESSAGE, connect, message, ticket, tlv

PLAIN = tlv(192, b"\0\1")
ENDS, RESETS = 1, 3
SHARE = 256   # of one client's at a worker


@pytest.fixture(scope="module")
def open_lab(tmp_path_factory):
    """Link A may come without a ticket, link B may not."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.run("gw", "ip route add default via 198.51.100.1 table 7; ip rule add from 198.51.100.2 table 7")
    lab.conv = lab.converter(converter={"allow": "192.0.2.0/24"}, daemon={"workers": 2})
    lab.listener = lab.listen("server")
    yield lab
    lab.close()


def frame(offset, payload=b"", acknowledged=0, flags=0):
    return struct.pack("!BBHII", flags, 0, len(payload), offset, acknowledged) + payload


class Leg:
    def __init__(self, lab, session, number=0, source=LINK_A, proof=b"", behind=b""):
        self.sock = lab.socket("gw")
        self.sock.bind((source, 0))
        self.sock.connect((CONVERTER, PORT))
        self.sock.sendall(message(proof, INFO, tlv(204, struct.pack("!H", number) + session)) + behind)

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def answered(self):
        assert receive_exactly(self.sock, 4) == SUCCESS
        return self

    def error(self):
        head = receive_exactly(self.sock, 4)
        return receive_exactly(self.sock, 4 * head[1] - 4)[2]

    def frame(self):
        flags, _, n, offset, acknowledged = struct.unpack("!BBHII", receive_exactly(self.sock, 12))
        return flags, offset, acknowledged, receive_exactly(self.sock, n)

    def turned_away(self):
        try:
            return receive_exactly(self.sock, 4) != SUCCESS
        except ConnectionResetError:
            return True

    def is_reset(self):
        try:
            while self.sock.recv(4096):
                pass
        except ConnectionResetError:
            return True
        return False


def request(lab, proof=b""):
    return message(proof, connect(SERVER, lab.listener.getsockname()[1]), PLAIN if proof else b"")


def frames(legs):
    """What comes over any of them."""
    while True:
        for sock in select.select([leg.sock for leg in legs], [], [], PATIENCE_S)[0]:
            yield next(leg for leg in legs if leg.sock is sock).frame()


def served(lab, legs, n_sent):
    """The server's connection; the converter's answer has come, and all that was sent is acknowledged."""
    far = lab.accept(lab.listener)[0]
    got, acknowledged = b"", 0
    for _, offset, told, payload in frames(legs):
        assert not payload or offset == len(got)
        got += payload
        acknowledged = max(acknowledged, told)
        if len(got) >= 4 and acknowledged >= n_sent:
            break
    assert got == SUCCESS
    return far


def test_pieces_come_in_any_order_over_any_leg(open_lab):
    name = os.urandom(16)
    sent = request(open_lab) + b"GET / HTTP/1.0\r\n\r\n"
    one = Leg(open_lab, name, 0, behind=frame(20, sent[20:]) + frame(3, sent[3:25])).answered()
    other = Leg(open_lab, name, 7).answered()
    other.send(frame(0, sent[:7]))
    far = open_lab.accept(open_lab.listener)[0]
    assert receive_exactly(far, 18) == sent[-18:]
    one.send(frame(len(sent), b"more"), frame(len(sent), b"more"), frame(len(sent) + 4, flags=ENDS))
    assert receive_exactly(far, 4) == b"more" and far.recv(1) == b""
    far.sendall(b"answer")
    far.close()
    stream, ended = {}, False
    for flags, offset, _, payload in frames([one, other]):
        stream.update({offset: payload} if payload else {})
        ended = ended or flags == ENDS
        if ended and b"".join(stream[at] for at in sorted(stream)) == SUCCESS + b"answer":
            break
    one.send(frame(len(sent) + 5, acknowledged=11))
    assert receive_all(one.sock)[-4:] == struct.pack("!I", len(sent) + 5), "the last word is an acknowledgement of all"


def test_a_leg_that_comes_again_takes_the_place_of_the_first(open_lab):
    name = os.urandom(16)
    sent = request(open_lab)
    first = Leg(open_lab, name, 2, behind=frame(0, sent[:10])).answered()
    again = Leg(open_lab, name, 2, behind=frame(10, sent[10:])).answered()
    assert first.is_reset()
    served(open_lab, [again], len(sent)).close()


WRONG = {
    "no frame": b"\xff" * 12, "an acknowledgement of nothing": frame(0, b"x", 5), "beyond the window": frame(131072, b"x"), "two ends": frame(0, b"x", flags=ENDS) + frame(1, b"y"),
    "before the beginning": frame(0xffffffff, b"x"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_cant_be_resets_the_session(open_lab, wrong):
    name = os.urandom(16)
    one, other = Leg(open_lab, name, 0).answered(), Leg(open_lab, name, 1).answered()
    other.send(wrong)
    assert one.is_reset() and other.is_reset()


def test_a_reset_goes_through(open_lab):
    sent = request(open_lab)
    leg = Leg(open_lab, os.urandom(16), behind=frame(0, sent)).answered()
    far = served(open_lab, [leg], len(sent))
    leg.send(frame(len(sent), flags=RESETS, acknowledged=4))
    with pytest.raises(ConnectionResetError):
        far.recv(1)


def test_a_session_that_is_not_there_any_more(open_lab):
    name = os.urandom(16)
    assert Leg(open_lab, name, 0x8000).error() == CONNECTION_RESET
    sent = request(open_lab)
    one = Leg(open_lab, name, 0, behind=frame(0, sent[:10])).answered()
    other = Leg(open_lab, name, 0x8001, behind=frame(10, sent[10:])).answered()
    served(open_lab, [one, other], len(sent)).close()


def test_who_may_not(open_lab):
    name = os.urandom(16)
    proof = ticket("::", 0)
    sent = request(open_lab, ticket(SERVER, open_lab.listener.getsockname()[1]))
    assert Leg(open_lab, name, source=LINK_B).error() == NOT_AUTHORIZED
    assert Leg(open_lab, name, source=LINK_B, proof=ticket("::", 0, mac_key="11" * 32)).error() == NOT_AUTHORIZED
    assert Leg(open_lab, name, 256).error() == UNSUPPORTED_MESSAGE
    own = Leg(open_lab, name, source=LINK_B, proof=proof).answered()
    assert Leg(open_lab, name, 1).is_reset(), "somebody else has joined a subscriber's session"
    assert Leg(open_lab, os.urandom(16), 8).is_reset()
    own.send(frame(0, sent))
    served(open_lab, [own], len(sent)).close()


def test_a_session_in_pieces_is_no_leg(open_lab):
    """Nor of itself, which would go round and round."""
    name = os.urandom(16)
    sent = message(INFO, tlv(204, struct.pack("!H", 1) + name))
    leg = Leg(open_lab, name, 0, behind=frame(0, sent)).answered()
    got, flags = b"", 0
    while flags != ENDS:
        flags, _, _, payload = leg.frame()
        got += payload
    assert got[2:4] == b"\x22\x63" and got[6] == UNSUPPORTED_MESSAGE


def test_no_client_has_all_places(open_lab):
    """Names that begin alike are one worker's."""
    open_lab.conv.kill()   # with what the tests before have left there
    open_lab.conv = open_lab.converter(converter={"allow": "192.0.2.0/24"}, daemon={"workers": 2})
    legs = [Leg(open_lab, b"\0" + os.urandom(15)).answered() for _ in range(SHARE)]
    assert Leg(open_lab, b"\0" + os.urandom(15)).is_reset()
    assert counter(open_lab.conv, "over_share") == 1
    Leg(open_lab, b"\0" + os.urandom(15), source=LINK_B, proof=ticket("::", 0)).answered().sock.close()
    for leg in legs[:4]:   # their sessions have said nothing, and end with them
        leg.sock.close()
    wait_for(lambda: not Leg(open_lab, b"\0" + os.urandom(15)).turned_away(), "a place to be free")


def test_a_subscriber_at_his_limit_may_join_what_runs(open_lab):
    """What a leg is of was counted when it began, and is not begun anew where it is lost."""
    open_lab.conv.kill()
    open_lab.conv = open_lab.converter(**{"subscriber home": {"key": KEY, "max_sessions": 1}})
    name = os.urandom(16)
    sent = request(open_lab, ticket(SERVER, open_lab.listener.getsockname()[1]))
    one = Leg(open_lab, name, 0, source=LINK_B, proof=ticket("::", 0), behind=frame(0, sent)).answered()
    far = served(open_lab, [one], len(sent))
    other = Leg(open_lab, name, 0x8001, source=LINK_B, proof=ticket("::", 0), behind=frame(len(sent), b"more")).answered()
    assert receive_exactly(far, 4) == b"more"
    more = Leg(open_lab, os.urandom(16), 0, source=LINK_B, proof=ticket("::", 0), behind=frame(0, request(open_lab, ticket(SERVER, open_lab.listener.getsockname()[1])))).answered()
    assert more.frame()[3][6] == RESOURCE_EXCEEDED, "the second session isn't one too many"
    far.close()
    other.sock.close()
