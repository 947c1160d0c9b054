# SPDX-License-Identifier: GPL-2.0-or-later
"""Early answers (decision 0015): what becomes of a connection is told on the gateway's watch before the connection's own answer can be sent."""
import contextlib
import errno
import os
import re
import select
import socket

import pytest

from netlab import CONVERTER, IPPROTO_MPTCP, KEY, PATIENCE_S, SERVER, SERVER_V6, UNREACHABLE, Lab, counter, receive_exactly, wait_for
from test_accept import CLOSED, outcome
from test_converter_input import INFO, PORT, client, connect, message, ticket, tlv

OTHER_KEY = "5a" * 32
SUPPORTED = tlv(21, b"\0\0" + bytes([4, 8, 30]))
ACCEPTED, REFUSED, NO_ROUTE = b"", tlv(30, bytes([96, 0])), tlv(30, bytes([97, 0]))
ONE_LINK = {"link b": None}
TCP_FASTOPEN = 23


def watch_tlv(name, knows=0):
    return tlv(193, bytes([0, knows]) + name)


def early(nonce, error=ACCEPTED):
    return message(tlv(194, b"\0\0" + nonce), error)


@pytest.fixture
def far_lab(tmp_path):
    """The third packet of a handshake comes long after the server has answered."""
    lab = Lab(tmp_path, delays_ms={"a": 40, "b": 40})
    yield lab
    lab.close()


def rule(lab, node, hook, text):
    lab.run(node, f"nft 'add table inet t; add chain inet t c {{ type filter hook {hook} priority 0; }}; add rule inet t c {text}'")


def watch_port(lab):
    """Of the gateway's watch, the only connection that it has."""
    ports = set(re.findall(r"192\.0\.2\.2:(\d+) +203", lab.run("gw", f"ss -Htn state established dport = :{PORT}")))
    assert len(ports) == 1, f"expected the watch alone, saw ports {ports}"
    return ports.pop()


# Gateway and converter

def told_early(gateway, converter, begin):
    """begin(n) has a connection made to a destination that isn't known yet; how many it took until one was told of early. The machine may stand still for a round trip, in which the connection's own
    answer comes."""
    for n in range(1, 6):
        begin(n)
        if counter(gateway, "early_used") and counter(converter, "early_told"):
            return n
    return pytest.fail("of five connections none was told of early")


@pytest.mark.parametrize("address", [SERVER, SERVER_V6], ids=["v4", "v6"])
def test_accepted(far_lab, address):
    converter, gateway = far_lab.converter(), far_lab.gateway()
    listeners = []

    def begin(_):
        listeners.append(far_lab.listen("server"))
        near, far, _ = far_lab.session(listeners[-1], address)
        far.sendall(b"hello")
        assert receive_exactly(near, 5) == b"hello"
    n = told_early(gateway, converter, begin)
    assert [counter(gateway, name) for name in ("held", "outcome_connected")] == [n, n]
    far_lab.session(listeners[-1], address)
    assert counter(gateway, "held") == n, "the destination was not learnt"


@pytest.mark.parametrize("address, wanted", [(SERVER, errno.ECONNREFUSED), (SERVER_V6, errno.ECONNREFUSED), (UNREACHABLE, errno.EHOSTUNREACH)])
def test_refused(far_lab, address, wanted):
    converter, gateway = far_lab.converter(), far_lab.gateway()

    def begin(n):
        assert outcome(far_lab, address, n) == ("connect", wanted)   # nobody listens at such ports
    n = told_early(gateway, converter, begin)
    assert [counter(gateway, name) for name in ("held", "held_refused")] == [n, n]


def test_without_a_key_nothing_is_offered(far_lab):
    converter, gateway = far_lab.converter(converter={"allow": "192.0.2.0/24, 198.51.100.0/24"}), far_lab.gateway(gateway={"key": None})
    far_lab.session(far_lab.listen("server"))
    assert outcome(far_lab, SERVER) == ("connect", errno.ECONNREFUSED)
    assert [counter(gateway, name) for name in ("held", "held_refused", "early_used")] == [2, 1, 0]
    assert counter(converter, "early_told") == 0


def test_what_is_lost_on_the_watch_does_no_harm(far_lab):
    """The connection's own answer does as well; what comes later is nobody's any more."""
    converter, gateway = far_lab.converter(), far_lab.gateway(gateway={"accept": "faithful"}, **ONE_LINK)
    listener = far_lab.listen("server")
    rule(far_lab, "conv", "output", f"tcp dport {watch_port(far_lab)} drop")

    def told_of(begin):
        n = counter(converter, "early_told")
        begin()
        return counter(converter, "early_told") > n

    def refused():
        assert outcome(far_lab, SERVER) == ("connect", errno.ECONNREFUSED)
    wait_for(lambda: told_of(lambda: far_lab.session(far_lab.listen("server"))), "a yes that is told of early")
    wait_for(lambda: told_of(refused), "a no that is told of early")
    assert counter(gateway, "early_used") == 0
    far_lab.run("conv", "nft delete table inet t")
    wait_for(lambda: far_lab.bonded(listener) and counter(gateway, "early_used"), "an early answer that is heard")
    assert gateway.log().count("the converter answers") == 1, "the watch fell"


def test_converter_that_goes_after_it_has_told(far_lab):
    converter, gateway = far_lab.converter(), far_lab.gateway(**ONE_LINK)
    listener = far_lab.listen("server")
    rule(far_lab, "conv", "input", f"tcp dport {PORT} tcp sport != {watch_port(far_lab)} tcp flags & syn == 0 drop")
    near = far_lab.connect("host", SERVER, listener.getsockname()[1])
    assert [counter(gateway, name) for name in ("early_used", "outcome_connected")] == [1, 0]
    converter.kill()
    far_lab.run("conv", "nft delete table inet t")
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    wait_for(lambda: counter(gateway, "unlearnt") == 1, "the destination to be forgotten")


# A converter of our own: what is told can only have come by the watch

class Told:
    """A gateway, and a converter that answers its watch and nothing else."""

    def __init__(self, lab, offer=bytes(range(8))):
        with lab.inside("conv"):
            self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
            self.listener.bind((CONVERTER, PORT))
            self.listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
            self.listener.listen()
        lab.run("conv", "echo 0x602 > /proc/sys/net/ipv4/tcp_fastopen")
        lab.sockets.append(self.listener)
        self.lab, self.gateway = lab, lab.start_gateway(gateway={"attempt_timeout_ms": 10000}, **ONE_LINK)
        self.watch = self.take(SUPPORTED + (watch_tlv(offer) if offer else b""))
        self.gateway.wait_log("the converter answers")

    def take(self, answer=None):
        sock, _ = self.lab.accept(self.listener)
        if answer is not None:
            sock.recv(1024)
            sock.sendall(message(answer))
        return sock

    def ask(self, port=80):
        """A host that connects: its socket, the connection to the converter, the ticket's nonce, and the name of the watch in the request."""
        near = self.lab.socket("host", timeout=0)
        assert near.connect_ex((SERVER, port)) == errno.EINPROGRESS
        far = self.take()
        request = far.recv(1024)
        named = request[-12:] if request[-12:-8] == b"\xc1\x03\0\0" else b""
        return near, far, request[8 + 16:8 + 28], named[4:]

    def tell(self, what):
        self.watch.sendall(what)


def ended(near):
    """How the host's connect() ends."""
    poll = select.poll()
    poll.register(near, select.POLLOUT)
    assert poll.poll(20000), "connect() takes no end"
    near.settimeout(PATIENCE_S)
    return near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def test_what_is_told_is_believed(lab):
    told = Told(lab)
    for error, wanted in [(REFUSED, errno.ECONNREFUSED), (NO_ROUTE, errno.ENETUNREACH), (ACCEPTED, 0)]:
        near, far, nonce, named = told.ask()
        assert named == bytes(range(8))
        told.tell(early(nonce, error))
        assert ended(near) == wanted
    near.sendall(b"question")
    assert receive_exactly(far, 8) == b"question"
    far.sendall(message() + b"answer")
    assert receive_exactly(near, 6) == b"answer"
    assert counter(told.gateway, "early_used") == 3


@pytest.mark.parametrize("answer", [message(REFUSED), b"", b"no converter at all"], ids=["refused", "ended", "rubbish"])
def test_own_answer_that_differs_resets(lab, answer):
    told = Told(lab)
    near, far, nonce, _ = told.ask()
    told.tell(early(nonce))
    assert ended(near) == 0
    far.sendall(answer)
    with contextlib.suppress(OSError):   # it may have been reset for what it said
        far.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    wait_for(lambda: counter(told.gateway, "unlearnt") == 1, "the destination to be forgotten")


def test_nonces_that_are_nobodys(lab):
    told = Told(lab)
    near, far, nonce, _ = told.ask()
    for i in range(len(nonce)):
        told.tell(early(nonce[:i] + bytes([nonce[i] ^ 1]) + nonce[i + 1:], REFUSED))
    told.tell(b"".join(early(os.urandom(12), REFUSED) for _ in range(3000)) + early(bytes(12), REFUSED) + early(b"\xff" * 12))
    whole = early(nonce)
    for i in range(len(whole)):
        told.tell(whole[i:i + 1])
    assert ended(near) == 0
    told.tell(whole + early(nonce, REFUSED))   # said once more, and otherwise
    far.sendall(message() + b"answer")
    assert receive_exactly(near, 6) == b"answer"
    assert counter(told.gateway, "early_used") == 1
    assert told.gateway.log().count("the converter answers") == 1, "the watch fell"


@pytest.mark.parametrize("offer, said", [(bytes(range(8)), b"x" * 4), (bytes(range(8)), message(SUPPORTED)), (None, early(bytes(12)))])
def test_watch_that_says_something_else_falls(lab, offer, said):
    told = Told(lab, offer)
    told.tell(said)
    told.gateway.wait_log("it says more than it was asked")
    told.watch = told.take(SUPPORTED)
    told.gateway.wait_log("the converter answers", n=2)
    assert told.ask()[3] == b"", "the offer of a watch that fell was taken up"


# A gateway of our own

def offered(lab, key=KEY):
    """A watch, and its name; the converter's proof stands behind that."""
    sock = client(lab, message(ticket("::", 0, key=key), INFO))
    answer = receive_exactly(sock, 44)
    assert answer[4:16] == message(SUPPORTED, watch_tlv(bytes(8), 2))[4:16] and answer[24] == 207
    return sock, answer[16:24]


def test_told_to_whom_the_name_and_the_key_belong(lab):
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    converter = lab.converter(**{"subscriber other": {"key": OTHER_KEY}})
    watch, name = offered(lab)
    other, other_name = offered(lab, key=OTHER_KEY)
    ports = ", ".join(str(sock.getsockname()[1]) for sock in (watch, other))
    rule(lab, "conv", "input", f"tcp dport {PORT} tcp sport != {{ {ports} }} tcp flags & syn == 0 drop")
    wrong = [other_name, bytes(8), b"\xff" * 8, bytes([name[0] ^ 0x80]) + name[1:], name[:1] + b"\2" + name[2:], name[:3] + bytes([name[3] ^ 1]) + name[4:],
             name[:4] + b"\xff\xff\xff\xff"]

    def ask(nonce, destination, names):
        client(lab, message(ticket(SERVER, destination, nonce=nonce), connect(SERVER, destination), watch_tlv(names)))
        if destination == port:
            lab.accept(listener)

    for names in wrong:
        ask(os.urandom(12), port, names)
    ask(b"accepted-one", port, name)
    assert receive_exactly(watch, 20) == early(b"accepted-one")
    ask(b"refused--one", CLOSED, name)
    assert receive_exactly(watch, 24) == early(b"refused--one", REFUSED)
    assert counter(converter, "early_told") == 2
    assert not select.select([watch, other], [], [], 0)[0]


def test_no_offer_to_whom_no_key_is_known(lab):
    lab.converter(converter={"allow": "192.0.2.0/24"})
    for asked in (message(INFO), message(ticket("::", 0, key=OTHER_KEY), INFO)):
        sock = client(lab, asked)
        assert receive_exactly(sock, 12) == message(SUPPORTED)
