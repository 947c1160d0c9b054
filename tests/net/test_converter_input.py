# SPDX-License-Identifier: GPL-2.0-or-later
"""Raw clients at the converter: rubbish, every error of RFC 8803, foreign clients of every habit, and service as before afterwards."""
import fcntl
import hashlib
import os
import random
import signal
import socket
import struct
import termios
import time

import pytest

from netlab import (CONVERTER, CONVERTER_V6, IPPROTO_MPTCP, KEY, LINK_A, LINK_B, MSG_FASTOPEN, PROHIBITED, SERVER, SERVER_V6, SILENT,
                    TCP_FASTOPEN_NO_COOKIE, UNREACHABLE, Lab, close_with_reset, receive_all, receive_exactly, sockets, wait_for)

PORT = 5124
PROTOCOLS = {"mptcp": IPPROTO_MPTCP, "tcp": socket.IPPROTO_TCP}
CONVERT_TIMEOUT_MS, CONNECT_TIMEOUT_MS = 700, 900
SUCCESS = bytes.fromhex("01012263")
UNSUPPORTED_VERSION, MALFORMED, UNSUPPORTED_MESSAGE, MISSING_COOKIE = 0, 1, 2, 3
NOT_AUTHORIZED, UNSUPPORTED_OPTION, RESOURCE_EXCEEDED, NETWORK_FAILURE = 32, 33, 64, 65
CONNECTION_RESET, DESTINATION_UNREACHABLE = 96, 97


@pytest.fixture(scope="module")
def open_lab(tmp_path_factory):
    """The gateway's link A is let in by its prefix, link B is not."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen; ip route add default via 198.51.100.1 table 7; ip rule add from 198.51.100.2 table 7")
    lab.conv = lab.converter(
        converter={"allow": "192.0.2.0/24, 2001:db8:2::/64", "convert_timeout_ms": CONVERT_TIMEOUT_MS},
        limits={"connect_timeout_ms": CONNECT_TIMEOUT_MS})
    lab.listener = lab.listen("server")
    lab.port = lab.listener.getsockname()[1]
    lab.sockets_at_rest = sockets(lab.conv.pid)
    yield lab
    lab.close()


def mapped(address):
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    return packed if len(packed) == 16 else b"\0" * 10 + b"\xff\xff" + packed


def tlv(kind, value):
    value += bytes(-(len(value) + 2) % 4)
    return bytes([kind, (len(value) + 2) // 4]) + value


def connect(address, port, options=b""):
    return tlv(10, struct.pack("!H", port) + mapped(address) + options)


def cookie(value=b"\xa5" * 16):
    return tlv(22, b"\0\0" + value)


def ticket(address, port, key=KEY, mac_key=None, time_s=None, nonce=None):
    """As src/signalling/ticket.h has it."""
    key = bytes.fromhex(key)
    fields = b"\1\0\0\0" + hashlib.blake2b(key, digest_size=32).digest()[:8]
    fields += struct.pack("!I", int(time.time()) if time_s is None else time_s) + (nonce or os.urandom(12))
    mac = hashlib.blake2b(fields + mapped(address) + struct.pack("!H", port), digest_size=16, key=bytes.fromhex(mac_key) if mac_key else key)
    return cookie(fields + mac.digest())


INFO = tlv(1, b"\0\0")


def message(*tlvs, version=1):
    body = b"".join(tlvs)
    return bytes([version, 1 + len(body) // 4, 0x22, 0x63]) + body


def client(lab, first, how="syn", protocol=IPPROTO_MPTCP, source=LINK_A, converter=CONVERTER):
    """A connection to the converter that sent the bytes: in the SYN, after it, or byte by byte."""
    sock = lab.socket("gw", socket.AF_INET6 if ":" in converter else socket.AF_INET, protocol)
    if source and ":" not in converter:
        sock.bind((source, 0))
    sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    if how == "syn":
        sent = sock.sendto(first, MSG_FASTOPEN, (converter, PORT))
        sock.sendall(first[sent:])
        return sock
    sock.connect((converter, PORT))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for part in [first] if how == "after" else [first[i:i + 1] for i in range(len(first))]:
        sock.sendall(part)
    return sock


def answer_of(sock):
    """The whole message that comes back, and nothing behind it."""
    header = receive_exactly(sock, 4)
    assert len(header) == 4 and header[0] == 1 and header[2:] == b"\x22\x63", f"no Convert header: {header!r}"
    return header + receive_exactly(sock, header[1] * 4 - 4)


def error_of(lab, sent, **options):
    """Code and value of the Error TLV that answers; the converter ends the stream behind it."""
    sock = client(lab, sent, **options)
    got = receive_all(sock)
    sock.close()
    assert got[:1] == b"\x01" and got[2:4] == b"\x22\x63" and len(got) == got[1] * 4, f"no message: {got.hex()}"
    assert got[4] == 30 and got[5] == got[1] - 1, f"expected one Error TLV alone, saw {got.hex()}"
    return got[6], got[7:]


def serves(lab, sent, behind=b"", **options):
    """The message is taken, the destination reached, bytes pass both ways."""
    sock = client(lab, sent + behind, **options)
    far, peer = lab.accept(lab.listener)
    answer = answer_of(sock)
    sock.sendall(b"up")
    assert receive_exactly(far, len(behind) + 2) == behind + b"up"
    far.sendall(b"down")
    far.close()
    assert receive_all(sock) == b"down"
    sock.close()
    return answer


EVERY_WAY = [pytest.param(p, h, id=f"{p}-{h}") for p in PROTOCOLS for h in ("syn", "after", "bytewise")]


@pytest.mark.parametrize("protocol,how", EVERY_WAY)
@pytest.mark.parametrize("order", ["connect", "cookie-connect", "connect-cookie"])
def test_foreign_clients(open_lab, protocol, how, order):
    """Clients of somebody else's, let in by their prefix: whatever cookie they bring, wherever."""
    to = connect(SERVER, open_lab.port)
    tlvs = {"connect": [to], "cookie-connect": [cookie(), to], "connect-cookie": [to, cookie()]}[order]
    options = {"how": how, "protocol": PROTOCOLS[protocol]}
    assert serves(open_lab, message(*tlvs), **options) == SUCCESS
    assert serves(open_lab, message(*tlvs), b"and data right behind", **options) == SUCCESS


@pytest.mark.parametrize("server,converter", [(SERVER_V6, CONVERTER), (SERVER, CONVERTER_V6), (SERVER_V6, CONVERTER_V6)])
def test_foreign_clients_over_both_families(open_lab, server, converter):
    assert serves(open_lab, message(connect(server, open_lab.port)), b"x", converter=converter) == SUCCESS


def test_extended_connect_is_told_the_servers_options(open_lab):
    answer = serves(open_lab, message(connect(SERVER, open_lab.port, bytes([30, 2, 0, 0]))))
    assert answer[4] == 20, f"expected an Extended TCP Header, saw {answer.hex()}"


def test_info_is_answered_with_what_is_supported(open_lab):
    sock = client(open_lab, message(INFO))
    assert answer_of(sock)[4] == 21


def deliver_at_once(lab, sock, data):
    """The converter finds all of it there when it looks next."""
    lab.conv.pause()
    try:
        sock.sendall(data)
        wait_for(lambda: not any(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))), "all of it acknowledged")
    finally:
        lab.conv.tell(signal.SIGCONT)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_waits_must_keep_quiet(open_lab, protocol):
    """Little is overlooked; who sends much is no gateway that waits."""
    sock = client(open_lab, message(INFO), protocol=PROTOCOLS[protocol])
    answer_of(sock)
    sock.sendall(b"a little")
    deliver_at_once(open_lab, sock, bytes(1 << 20))
    with pytest.raises(ConnectionResetError):
        sock.recv(1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_is_turned_away_may_have_sent_much(lab, protocol):
    """It is taken and dropped, so that the answer isn't lost to a reset; and with the peer's end it is over, at once, not by the time limit of two seconds, which a machine that stands still may meet, but
    not three times in a row."""
    lab.conv = lab.converter()
    took_s = [turned_away_after_much(lab, PROTOCOLS[protocol]) for _ in range(3)]
    assert min(took_s) < 1.5, took_s


def turned_away_after_much(lab, protocol):
    """How long it took to close, from the client's end."""
    n_before = sockets(lab.conv.pid)
    sock = client(lab, b"", how="after", protocol=protocol, source=None)
    wait_for(lambda: sockets(lab.conv.pid) > n_before, "the connection taken")
    deliver_at_once(lab, sock, message(connect(SERVER, 80)) + bytes(1 << 20))
    begun = time.monotonic()
    sock.shutdown(socket.SHUT_WR)
    wait_for(lambda: sockets(lab.conv.pid) == n_before, "the connection closed")
    took_s = time.monotonic() - begun
    got = receive_all(sock)
    assert got[4] == 30 and got[6] == NOT_AUTHORIZED, f"expected one Error TLV alone, saw {got.hex()}"
    return took_s


# What is sent, and the code that RFC 8803 (6.2.8) has for it; an echo of the message as the value where there is to be one.
def test_unsupported_version(open_lab):
    for version in (0, 2, 255):
        assert error_of(open_lab, message(connect(SERVER, 80), version=version)) == (UNSUPPORTED_VERSION, b"\1")


MALFORMED_MESSAGES = {
    "wrong magic": b"\x01\x06\x22\x64" + connect(SERVER, 80),
    "TLV of length 0": message(b"\x0a\x00\x00\x50" + mapped(SERVER)),
    "TLV longer than the message": message(b"\x0a\x07\x00\x50" + mapped(SERVER)),
    "Connect too short": message(tlv(10, b"\0\x50" + mapped(SERVER)[:12])),
    "Connect twice": message(connect(SERVER, 80), connect(SERVER, 81)),
    "Cookie twice": message(cookie(), cookie(), connect(SERVER, 80)),
    "Info of two words": message(tlv(1, b"\0\0\0\0\0\0"), connect(SERVER, 80)),
    "option longer than the options": message(connect(SERVER, 80, bytes([30, 9, 0, 0]))),
    "option of length 0": message(connect(SERVER, 80, bytes([30, 0, 0, 0]))),
    "multicast": message(connect("224.0.0.1", 80)),
    "broadcast": message(connect("255.255.255.255", 80)),
    "loopback": message(connect("127.0.0.1", 80)),
    "loopback, IPv6": message(connect("::1", 80)),
    "multicast, IPv6": message(connect("ff02::1", 80)),
}


@pytest.mark.parametrize("name", MALFORMED_MESSAGES)
def test_malformed(open_lab, name):
    sent = MALFORMED_MESSAGES[name]
    code, value = error_of(open_lab, sent)
    assert code == MALFORMED
    assert value[1:].rstrip(b"\0") == sent[:len(value) - 1].rstrip(b"\0"), f"expected the message back, saw {value.hex()}"


def test_total_length_of_zero_is_reset(open_lab):
    """RFC 8803, 6.1: no answer, a reset."""
    with pytest.raises(ConnectionResetError):
        client(open_lab, b"\x01\x00\x22\x63" + connect(SERVER, 80)).recv(1)


@pytest.mark.parametrize("kind", [2, 23, 128, 200, 255])
def test_unknown_type_is_an_unsupported_message(open_lab, kind):
    """What it asks for would silently not be done otherwise."""
    sent = message(tlv(kind, b"\1\2\3\4\5\6"), connect(SERVER, open_lab.port))
    code, value = error_of(open_lab, sent)
    assert (code, value[1:]) == (UNSUPPORTED_MESSAGE, sent)


@pytest.mark.parametrize("name,sent", [("reserved type", message(tlv(0, b"\0\0"))), ("nothing asked", message(cookie())),
                                       ("an Error", message(tlv(30, b"\x60\0"))), ("a Supported", message(tlv(21, b"\0\0\4\x1e")))])
def test_unsupported_message(open_lab, name, sent):
    code, value = error_of(open_lab, sent)
    assert (code, value[1:1 + len(sent)]) == (UNSUPPORTED_MESSAGE, sent)


def test_longest_echo_is_cut_to_what_fits(open_lab):
    sent = message(*[tlv(0, b"\0\0")] * 254)
    code, value = error_of(open_lab, sent)
    assert code == UNSUPPORTED_MESSAGE and len(value) + 3 == 255 * 4 - 4 and sent.startswith(value[1:])


@pytest.mark.parametrize("what", [[], [cookie()], [cookie(b"")], [cookie(os.urandom(200))]], ids=["none", "foreign", "empty", "long"])
def test_not_authorised(open_lab, what):
    """A client of no allowed prefix without a ticket. 3, Missing cookie, would have to bring a cookie: tickets are the clients' to make."""
    sent = message(*what, connect(SERVER, open_lab.port))
    assert error_of(open_lab, sent, source=LINK_B)[0] == NOT_AUTHORIZED


OTHER_KEY = "ff" * 32
TICKETS = {   # what is shown at last, after those that use up what there is to be used up: CLOSED has no listener
    "tickets_missing": lambda: [[]],
    "tickets_malformed": lambda: [[cookie()]],
    "tickets_unknown": lambda: [[ticket(*CLOSED, key=OTHER_KEY)]],
    "tickets_forged": lambda: [[ticket(*CLOSED, mac_key=OTHER_KEY)]],
    "tickets_stale": lambda: [[ticket(*CLOSED, time_s=int(time.time()) - 1000)]],
    "tickets_replayed": lambda: 2 * [[ticket(*CLOSED)]],
    "tickets_not_remembered": lambda: [[ticket(*CLOSED, nonce=b"same" + bytes(7) + bytes([i]))] for i in range(17)],
}
CLOSED = (SERVER, 9)


@pytest.mark.parametrize("name", TICKETS)
def test_counters_tell_what_was_wrong_with_a_ticket(open_lab, name):
    """That, and nothing else. Tickets whose first eight bytes are the same may lie in two places of the memory alone, with room for eight each."""
    def counted():
        return {c["name"]: c["value"] for c in open_lab.conv.ctl("counters")["counters"] if c["name"].startswith("tickets_")}

    before = counted()
    *good, last = [message(*shown, connect(*CLOSED)) for shown in TICKETS[name]()]
    for sent in good:
        assert error_of(open_lab, sent, source=LINK_B)[0] == CONNECTION_RESET
    # Who comes with a good ticket again is told what became of the first, while that is known.
    told = error_of(open_lab, last, source=LINK_B)[0]
    assert told == NOT_AUTHORIZED or (name == "tickets_replayed" and told == CONNECTION_RESET)
    after = counted()
    assert {n: after[n] - before[n] for n in after if after[n] != before[n]} == {name: 1}


def test_who_is_served_is_not_said_not_to_be(open_lab):
    """Somebody else's cookie is no reason to turn away whom its prefix lets in, nor for a line that says so."""
    assert serves(open_lab, message(cookie(), connect(SERVER, open_lab.port))) == SUCCESS
    assert f"client {LINK_A}" not in open_lab.conv.log()


@pytest.mark.parametrize("kind", [19, 28, 34, 69, 253])
def test_unsupported_option_is_named(open_lab, kind):
    code, value = error_of(open_lab, message(connect(SERVER, open_lab.port, bytes([kind, 2]))))
    assert (code, value[0]) == (UNSUPPORTED_OPTION, kind)


def test_all_unsupported_options_are_named(open_lab):
    code, value = error_of(open_lab, message(connect(SERVER, open_lab.port, bytes([2, 4, 5, 180, 19, 2, 30, 2, 28, 2, 1, 69, 2, 0, 0, 0]))))
    assert (code, value.rstrip(b"\0")) == (UNSUPPORTED_OPTION, bytes([19, 28, 69]))


@pytest.mark.parametrize("address,port", [
    (CONVERTER, PORT), (CONVERTER, 80), (CONVERTER_V6, PORT), ("10.0.0.9", 80), ("192.168.1.1", 80), ("172.31.0.1", 80), ("169.254.1.1", 80),
    ("100.64.0.1", 80), ("0.0.0.0", 80), ("fe80::1", 80), ("fd00::1", 80), ("::", 80), ("64:ff9b::a00:9", 80), ("2002:a00:9::1", 80),
    (SERVER, 0)])
def test_destinations_that_nobody_may_reach(open_lab, address, port):
    assert error_of(open_lab, message(connect(address, port)))[0] == NOT_AUTHORIZED


def test_refused_unreachable_prohibited_silent(open_lab):
    assert error_of(open_lab, message(connect(SERVER, 9)))[0] == CONNECTION_RESET
    assert error_of(open_lab, message(connect(SERVER_V6, 9)))[0] == CONNECTION_RESET
    code, value = error_of(open_lab, message(connect(UNREACHABLE, 80)))
    assert (code, value[0]) == (DESTINATION_UNREACHABLE, 1)
    code, value = error_of(open_lab, message(connect(PROHIBITED, 80)))
    assert (code, value[0]) in ((DESTINATION_UNREACHABLE, 13), (DESTINATION_UNREACHABLE, 1))
    begun = time.monotonic()
    assert error_of(open_lab, message(connect(SILENT, 80)))[0] == DESTINATION_UNREACHABLE
    assert time.monotonic() - begun > CONNECT_TIMEOUT_MS / 1000 - 0.1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 23])
def test_slow_senders_are_cut_off_at_the_time_limit(open_lab, protocol, n):
    begun = time.monotonic()
    sock = client(open_lab, message(connect(SERVER, open_lab.port))[:n], how="after", protocol=PROTOCOLS[protocol])
    with pytest.raises(ConnectionResetError):
        while sock.recv(100):
            pass
        raise AssertionError("expected a reset, saw an end")
    taken_ms = (time.monotonic() - begun) * 1000
    assert taken_ms > CONVERT_TIMEOUT_MS - 50, f"cut off after {taken_ms:.0f} ms"


def test_a_byte_now_and_then_does_not_lengthen_the_time(open_lab):
    """The last byte would come long after the limit."""
    sock = client(open_lab, b"", how="after")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        for byte in message(connect(SERVER, open_lab.port)):
            sock.sendall(bytes([byte]))
            time.sleep(0.1)


def test_truncated_messages_with_an_end_are_not_served(open_lab):
    whole = message(cookie(), connect(SERVER, open_lab.port))
    for n in range(1, len(whole)):
        sock = client(open_lab, whole[:n])
        sock.shutdown(socket.SHUT_WR)
        try:
            assert receive_all(sock) == b""
        except ConnectionResetError:
            pass
        sock.close()


def test_random_bytes(open_lab):
    """Random messages, mutated good ones, and clients that leave in the middle: never more than an answer, never a crash."""
    rng = random.Random(8803)
    good = message(cookie(), connect(SERVER, 9), tlv(200, b"123456"))
    for i in range(600):
        sent = bytearray(good if i % 2 else rng.randbytes(rng.randrange(1, 1400)))
        for _ in range(rng.randrange(1, 4) if i % 2 else 0):
            sent[rng.randrange(len(sent))] = rng.randrange(256)
        if i % 3 == 0:
            sent[:4] = struct.pack("!BBH", 1, rng.randrange(256), 0x2263)
        sock = client(open_lab, bytes(sent), protocol=PROTOCOLS["tcp" if i % 5 == 0 else "mptcp"])
        if i % 4 == 0:
            close_with_reset(sock)
        elif i % 4 == 1:
            sock.close()
        else:
            sock.settimeout(0.02)
            try:
                sock.recv(2000)
            except (TimeoutError, ConnectionResetError):
                pass
            sock.close()
    assert open_lab.conv.running(), open_lab.conv.log()


def test_serves_as_before_and_keeps_nothing(open_lab):
    """The last test of this file, on purpose."""
    assert open_lab.conv.running()
    for sock in open_lab.sockets:
        if sock is not open_lab.listener:
            sock.close()
    wait_for(lambda: sockets(open_lab.conv.pid) <= open_lab.sockets_at_rest, "the converter's sockets as at the beginning")
    assert serves(open_lab, message(connect(SERVER, open_lab.port)), b"x") == SUCCESS
    open_lab.gateway()
    assert open_lab.bonded(open_lab.listener)
