# SPDX-License-Identifier: GPL-2.0-or-later
"""Plain mode: what the converter takes and echoes, what an end without an echo says, and when a gateway leaves a converter alone."""
import errno
import socket
import struct
import threading

import pytest

from netlab import (CONVERTER, CONVERTER_V6, HOST, IPPROTO_MPTCP, LINK_B, LINKS_ALLOWED, PROHIBITED, SERVER, SERVER_V6, SILENT,
                    UNREACHABLE, Lab, close_with_reset, counter, receive_all, receive_exactly, wait_for)
from test_accept import CLOSED, outcome
from test_converter_input import INFO, PORT, client, message
from test_wire import Capture, is_syn, payload, subtypes

MAGIC = b"\xfa\xa8\xfa\xa8"
DESTINATION, SOURCE = 0, 2
PLAIN = {"signalling": "plain", "allow": LINKS_ALLOWED}
BOTH = {"signalling": "convert, plain", "allow": LINKS_ALLOWED}


def element(address, port=None, kind=DESTINATION, last=True):
    """From the draft alone."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address) + (struct.pack("!H", port) if port else b"")
    return struct.pack("!BBH", 0, 4 + len(packed), kind + last) + packed + bytes(-len(packed) % 4)


@pytest.fixture(scope="module")
def open_lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen; ip route add default via 198.51.100.1 table 7; ip rule add from 198.51.100.2 table 7")
    lab.conv = lab.converter(converter={"signalling": "convert, plain", "allow": "192.0.2.0/24, 2001:db8:2::/64", "convert_timeout_ms": 700},
                             limits={"connect_timeout_ms": 900})
    lab.listener = lab.listen("server")
    lab.port = lab.listener.getsockname()[1]
    yield lab
    lab.close()


# The converter

EVERY_WAY = [(how, protocol) for how in ("syn", "after", "bytewise") for protocol in (IPPROTO_MPTCP, socket.IPPROTO_TCP)]


@pytest.mark.parametrize("how, protocol", EVERY_WAY, ids=lambda value: {IPPROTO_MPTCP: "mptcp", socket.IPPROTO_TCP: "tcp"}.get(value, value))
@pytest.mark.parametrize("converter", [CONVERTER, CONVERTER_V6], ids=["by-v4", "by-v6"])
def test_echo_comes_first(open_lab, converter, how, protocol):
    for address in (SERVER, SERVER_V6):
        to = element(address, open_lab.port)
        for elements in (to, element(address, open_lab.port, last=False) + element("10.0.0.9", kind=SOURCE),
                         element("2001:db8:10::9", 50000, kind=SOURCE, last=False) + to):
            near = client(open_lab, MAGIC + elements + b"early", how, protocol, converter=converter)
            far, _ = open_lab.accept(open_lab.listener)
            assert receive_exactly(far, 5) == b"early"
            far.sendall(b"answer")
            far.close()
            assert receive_all(near) == MAGIC + elements + b"answer"
            near.close()


def test_no_port_is_the_connections_own(open_lab):
    listener = open_lab.listen("server", PORT)
    near = client(open_lab, MAGIC + element(SERVER))
    open_lab.accept(listener)
    assert receive_exactly(near, 12) == MAGIC + element(SERVER)
    near.close()
    listener.close()


def how_it_ends(lab, sent, *how, **options):
    try:
        return client(lab, sent, *how, **options).recv(100)
    except OSError as error:
        return error.errno


ENDS = [(SERVER, CLOSED, errno.ECONNRESET), (UNREACHABLE, 80, b""), (PROHIBITED, 80, b""), (SILENT, 80, b""), (HOST, 80, b""), (CONVERTER, 80, b"")]


@pytest.mark.parametrize("how", ["syn", "after"])
@pytest.mark.parametrize("address, port, wanted", ENDS, ids=["refused", "unreachable", "prohibited", "silent", "private", "own"])
def test_no_echo_where_there_is_no_destination(open_lab, address, port, wanted, how):
    """A reset stands for the destination's, an end in order for all else."""
    assert how_it_ends(open_lab, MAGIC + element(address, port) + b"early", how) == wanted


def test_who_is_let_in_by_no_prefix(open_lab):
    assert how_it_ends(open_lab, MAGIC + element(SERVER, open_lab.port), source=LINK_B) == b""


@pytest.mark.parametrize("rubbish", [MAGIC + b"\0\x0b\0\1", MAGIC + element(SERVER, 80)[:-1] + b"\1", MAGIC + element(HOST, 80, kind=SOURCE), MAGIC + element("127.0.0.1", 80),
                                     MAGIC + element(SERVER, 80, last=False) * 2, MAGIC + b"\0\x0a\0"], ids=["length", "padding", "source", "loopback", "twice", "cut"])
def test_what_is_no_message_is_reset(open_lab, rubbish):
    assert how_it_ends(open_lab, rubbish, "after") == errno.ECONNRESET


def test_nobody_speaks_what_is_not_accepted(lab):
    converter = lab.converter(converter={"allow": LINKS_ALLOWED})
    near = client(lab, MAGIC + element(SERVER, 80), "after")
    assert receive_exactly(near, 7)[6:] == b"\1", "Convert's error 1"
    converter.reload(lab.converter_conf(converter=PLAIN))
    converter.wait_log("configuration was read again")
    near.close()
    wait_for(lambda: how_it_ends(lab, message(INFO), "after") == errno.ECONNRESET, "every worker has heard of it")
    listener = lab.listen("server")
    assert receive_exactly(client(lab, MAGIC + element(SERVER, listener.getsockname()[1]), "after"), 16)[:4] == MAGIC


# The gateway

def status(gateway):
    return gateway.ctl("status")["converter"]


@pytest.mark.parametrize("converter, key", [(BOTH, True), (PLAIN, False)], ids=["watched by Convert", "plain alone"])
@pytest.mark.parametrize("accept", ["early", "faithful"])
def test_connections_go_by_plain_mode(lab, accept, converter, key):
    lab.converter(converter=converter)
    gateway = lab.gateway(gateway={"signalling": "plain", "accept": accept, **({} if key else {"key": None})})
    capture = Capture(lab, "gw", "l0")
    listener = lab.listen("server")
    for address in (SERVER, SERVER_V6):
        near, far, peer = lab.session(listener, address)
        assert peer in (CONVERTER, CONVERTER_V6)
        far.sendall(b"answer")
        assert receive_exactly(near, 6) == b"answer"
        near.close()
        far.close()
    first = [payload(f) for f in capture.frames() if is_syn(f) and "0" in subtypes(f) and payload(f)[:4] == MAGIC]
    assert [words[:16] for words in first[:1]] == [MAGIC + element(SERVER, listener.getsockname()[1])], first
    assert status(gateway).items() >= {"reachable": True, "why": "", "signalling": "plain", "peer": "braid" if key else "other"}.items()
    assert "bonded by plain" in gateway.words("status")
    assert counter(gateway, "outcome_connected") == 2


@pytest.mark.parametrize("converter", [BOTH, PLAIN], ids=["watched by Convert", "plain alone"])
def test_host_that_waits_gets_the_destinations_answer(lab, converter):
    """Refused where the converter says so by a reset; what else there is, it is told by the ordinary way."""
    lab.converter(converter=converter, limits={"connect_timeout_ms": 900})
    gateway = lab.gateway(gateway={"signalling": "plain", "accept": "faithful"})
    assert lab.bonded()
    for address, port, wanted in [(SERVER, CLOSED, errno.ECONNREFUSED), (SERVER_V6, CLOSED, errno.ECONNREFUSED), (UNREACHABLE, 80, errno.EHOSTUNREACH),
                                  (PROHIBITED, 80, errno.EHOSTUNREACH)]:
        assert outcome(lab, address, port)[1] == wanted   # of connect(), or where the router's own error comes at once, right behind
    assert counter(gateway, "outcome_refused") == 2 and counter(gateway, "outcome_bypassed") == 2
    assert (counter(gateway, "held_refused"), counter(gateway, "held_passed")) == (2, 2)
    assert status(gateway)["reachable"]


def test_accepted_early_a_refusal_is_a_reset(lab):
    lab.converter(converter=BOTH)
    lab.gateway(gateway={"signalling": "plain", "accept": "early"})
    for address in (SERVER, SERVER_V6, UNREACHABLE):
        assert outcome(lab, address) == ("connected", errno.ECONNRESET)


def test_converter_with_plain_alone_goes_and_comes(lab):
    converter = lab.converter(converter=PLAIN)
    gateway = lab.gateway(gateway={"signalling": "plain"})
    listener = lab.listen("server")
    assert lab.bonded(listener)
    converter.kill()
    wait_for(lambda: lab.bonded(listener) is False, "the ordinary way")
    assert status(gateway)["reachable"] is False
    lab.converter(converter=PLAIN)
    wait_for(lambda: lab.bonded(listener), "bonded again")
    assert status(gateway)["peer"] == "other"


def test_converter_that_knows_no_plain_mode_is_left_alone_for_a_while(lab):
    converter = lab.converter(converter={"allow": LINKS_ALLOWED})
    gateway = lab.gateway(gateway={"signalling": "plain", "accept": "faithful"})
    listener = lab.listen("server")
    assert lab.bonded(listener) is False, "the one that finds out goes the ordinary way, too"
    gateway.wait_log("can't be reached .it gives no answer in plain; it is tried again in 1 min")
    assert status(gateway)["why"] == "it gives no answer in plain; it is tried again in 1 min"
    assert "does not answer (it gives no answer in plain" in gateway.words("status")
    assert [lab.bonded(listener) for _ in range(5)] == [False] * 5 and counter(gateway, "attempts") == 1, "it was asked anew"
    converter.reload(lab.converter_conf(converter=BOTH))
    converter.wait_log("configuration was read again")
    gateway.reload(lab.gateway_conf(gateway={"signalling": "plain", "accept": "faithful"}))
    wait_for(lambda: lab.bonded(listener), "bonded by a new configuration")


def test_converter_with_plain_alone_that_hangs(lab):
    """The kernel accepts for it: a host's connection without an answer finds out."""
    converter = lab.converter(converter=PLAIN)
    gateway = lab.gateway(gateway={"signalling": "plain", "accept": "early"}, limits={"connect_timeout_ms": 200})
    listener = lab.listen("server")
    assert lab.bonded(listener)
    converter.pause()
    lab.connect("host", SERVER, listener.getsockname()[1]).sendall(b"x")
    gateway.wait_log("can't be reached .it gives no answer in plain", patience_s=40)
    wait_for(lambda: lab.bonded(listener) is False, "the ordinary way")


@pytest.mark.parametrize("accept", ["early", "faithful"])
def test_converter_that_lets_nobody_in_by_his_address(lab, accept):
    """The key is right, which plain mode can't show."""
    lab.converter(converter={"signalling": "convert, plain", "allow": "192.0.2.77/32"})
    gateway = lab.gateway(gateway={"signalling": "plain", "accept": accept})
    listener = lab.listen("server")
    wait_for(lambda: lab.bonded(listener) is False and not status(gateway)["reachable"], "the ordinary way")
    assert status(gateway)["why"].startswith("it gives no answer in plain")
    assert counter(gateway, "attempts") <= 16


class Peer:
    """A server of ours that does with each connection what it is told; it knows no Convert."""

    def __init__(self, lab, behave):
        self.heard = []
        lab.run("conv", "echo 0x602 > /proc/sys/net/ipv4/tcp_fastopen")
        with lab.inside("conv"):
            self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
            self.listener.bind((CONVERTER, PORT))
            self.listener.setsockopt(socket.IPPROTO_TCP, 23, 16)
            self.listener.listen(64)
        lab.sockets.append(self.listener)
        self.behave = behave
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            heard = sock.recv(1024)
            self.heard.append(heard)
            if heard[:4] == MAGIC:
                self.behave(sock, heard)
            elif heard:
                close_with_reset(sock)
        except OSError:
            sock.close()


def passed(lab, listener):
    """A connection went the ordinary way."""
    near = lab.connect("host", SERVER, listener.getsockname()[1])
    far, peer = lab.accept(listener)
    near.close()
    far.close()
    return peer == HOST


def test_reset_of_a_peer_that_never_echoed_is_no_refusal(lab):
    """Whoever resets everything, a firewall or another service, must not look as if every destination refused."""
    peer = Peer(lab, lambda sock, heard: close_with_reset(sock))
    gateway = lab.gateway(gateway={"signalling": "plain", "accept": "faithful"}, **{"link b": None})
    listener = lab.listen("server")
    for _ in range(3):
        assert passed(lab, listener)
    assert counter(gateway, "outcome_refused") == 0 and counter(gateway, "held_refused") == 0
    assert [heard[:4] for heard in peer.heard].count(MAGIC) == 3


def test_reset_of_a_peer_that_has_echoed_is_the_destinations(lab):
    def behave(sock, heard):
        if struct.pack("!H", 81) in heard:
            close_with_reset(sock)
        else:
            sock.sendall(heard[:16] + b"words of the server")
    Peer(lab, behave)
    lab.gateway(gateway={"signalling": "plain", "accept": "faithful"}, **{"link b": None})
    near = lab.connect("host", SERVER, 80)
    assert receive_exactly(near, 19) == b"words of the server"
    assert outcome(lab, SERVER, 81) == ("connect", errno.ECONNREFUSED)


@pytest.mark.parametrize("accept", ["faithful", "early"])
def test_what_comes_in_the_place_of_an_echo(lab, accept):
    peer = Peer(lab, lambda sock, heard: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    gateway = lab.gateway(gateway={"signalling": "plain", "accept": accept}, **{"link b": None})
    listener = lab.listen("server")
    if accept == "early":
        assert outcome(lab, SERVER, listener.getsockname()[1]) == ("connected", errno.ECONNRESET)
    else:
        assert passed(lab, listener)
    gateway.wait_log("can't be reached .it gives no answer in plain")
    wait_for(lambda: not status(gateway)["reachable"], "the converter to be left alone")
    for _ in range(3):
        assert passed(lab, listener)
    assert [heard[:4] for heard in peer.heard].count(MAGIC) == 1


def test_sessions_from_outside_come_as_with_convert(lab):
    """They are told on the watch and claimed by Convert, which the converter has to accept, too."""
    lab.converter(converter=BOTH, **{"forward web": {"subscriber": "home", "listen": f"{CONVERTER}:8080", "host": HOST, "port": 80}})
    gateway = lab.gateway(gateway={"signalling": "plain"})
    listener = lab.listen("host", 80)
    near = lab.connect("server", CONVERTER, 8080)
    near.sendall(b"question")
    far, peer = lab.accept(listener)
    assert (peer, receive_exactly(far, 8)) == (SERVER, b"question")
    far.sendall(b"answer")
    assert receive_exactly(near, 6) == b"answer"
    assert counter(gateway, "outcome_connected") == 1
    assert lab.bonded()
