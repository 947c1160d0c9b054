# SPDX-License-Identifier: GPL-2.0-or-later
"""The gateway as a SOCKS5 client, toward servers of others (dante, microsocks) and toward Braid: what hosts see is what they would have seen."""
import contextlib
import os
import selectors
import socket
import subprocess

import pytest

from netlab import CONVERTER, CONVERTER_V6, IPPROTO_MPTCP, SERVER, SERVER_V6, UNREACHABLE, Lab, counter, receive_all, receive_exactly, wait_for
from gateways import child
from socks import PASSWORD, USER, over_file

ENDPOINTS = pytest.mark.parametrize("server", [SERVER, SERVER_V6], ids=["v4", "v6"])
BULK = os.urandom(1 << 20) * 8
DANTE = """
logoutput: stderr
internal: {interface} port = 1080
external: {interface}
socksmethod: {method}
clientmethod: none
user.privileged: root
user.unprivileged: root
client pass {{ from: 0/0 to: 0/0 }}
socks pass {{ from: 0/0 to: 0/0 }}
"""


def listens(lab, program):
    wait_for(lambda: lab.run("conv", "ss -Hltn sport = :1080").strip() or not program.running(), f"{program.name} listens")
    assert program.running(), program.log()


def microsocks(lab, password, mptcp):
    words = [*(["mptcpize", "run"] if mptcp else []), "microsocks", "-i", "::", "-p", "1080", *(["-u", USER, "-P", PASSWORD] if password else [])]
    return lab.start("conv", *words, name="microsocks")


def dante(lab, password, mptcp):
    """Users and passwords are the system's: it has others here."""
    conf = lab.directory / "danted.conf"
    conf.write_text(DANTE.format(interface="c0", method="username" if password else "none"))
    secret = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True).stdout.strip()
    with over_file("/etc/passwd", f"root:x:0:0::/root:/bin/sh\n{USER}:x:1000:1000::/:/bin/sh\n", lab.directory), \
            over_file("/etc/shadow", f"root:*:19000::::::\n{USER}:{secret}:19000::::::\n", lab.directory):
        words = ["/usr/sbin/danted", "-f", conf, "-p", lab.directory / "danted.pid"]
        program = lab.start("conv", "unshare", "-m", *(["mptcpize", "run"] if mptcp else []), *words, name="danted")   # keeps what it sees now
        listens(lab, program)
    return program


SERVERS = {
    "microsocks": (microsocks, False, False), "microsocks-mptcp": (microsocks, False, True), "microsocks-password": (microsocks, True, False),
    "dante": (dante, False, False), "dante-mptcp": (dante, False, True), "dante-password": (dante, True, False),
}


@pytest.fixture(scope="module", params=[*SERVERS, "braid", "braid-step"])
def behind(request, tmp_path_factory):
    """A gateway whose hosts' connections go by the server."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.scheme = request.param
    login = {}
    if request.param in SERVERS:
        begin, password, mptcp = SERVERS[request.param]
        listens(lab, begin(lab, password, mptcp))
        if password:
            login = {"user": USER, "password": PASSWORD}
        lab.gw = lab.gateway(gateway={"key": None, "signalling": "socks5", "converter": f"{CONVERTER}:1080", **login})
    else:
        lab.conv = lab.converter(converter={"signalling": "socks5"}, **{f"subscriber {USER}": {"key": None, "password": PASSWORD}})
        lab.gw = lab.gateway(gateway={"key": None, "signalling": "socks5", "user": USER, "password": PASSWORD,
                                      "pipelined": "no" if request.param == "braid-step" else "auto"})
    yield lab
    lab.close()


@ENDPOINTS
def test_both_ways_carry(behind, server):
    for _ in range(3):
        near, far, peer = behind.session(behind.listen("server"), server)
        assert peer in (CONVERTER, CONVERTER_V6)
        near.sendall(b"question")
        assert receive_exactly(far, 8) == b"question"
        far.sendall(b"answer")
        assert receive_exactly(near, 6) == b"answer"


@ENDPOINTS
def test_server_speaks_first_and_at_once(behind, server):
    listener = behind.listen("server")
    near = behind.connect("host", server, listener.getsockname()[1])
    far, _ = behind.accept(listener)
    far.sendall(b"220 ready\r\n")
    assert receive_exactly(near, 11) == b"220 ready\r\n"


def test_bulk_and_an_end_of_one_way(behind):
    near, far, _ = behind.session(behind.listen("server"))
    pid = os.fork()
    if not pid:
        near.sendall(BULK)
        os._exit(0)
    assert receive_exactly(far, len(BULK)) == BULK
    os.waitpid(pid, 0)
    if not behind.scheme.startswith("microsocks"):   # which takes an end of one way for the end of both
        near.shutdown(socket.SHUT_WR)
        assert receive_all(far) == b""
    far.sendall(b"done")
    assert receive_exactly(near, 4) == b"done"


def test_refused_stays_refused(behind):
    with pytest.raises(ConnectionRefusedError):
        behind.connect("host", SERVER, 9)


def test_unreachable_stays_unreachable(behind):
    with pytest.raises(OSError) as failure:
        near = behind.connect("host", UNREACHABLE, 80)
        pytest.fail(f"connected, from {near.getsockname()}: {behind.run('host', 'ss -Htaneim dst ' + UNREACHABLE)}\n{behind.gw.ctl('counters')}\n{behind.gw.log()}")
    assert failure.value.errno in (101, 113), failure.value   # some servers have no words for it but "general failure"


def test_over_multipath_tcp_where_the_server_speaks_it(behind):
    before = counter(behind.gw, "fell_back")
    behind.session(behind.listen("server"))
    assert (counter(behind.gw, "fell_back") == before) == ("mptcp" in behind.scheme or "braid" in behind.scheme)


def test_all_at_once_where_the_server_bears_it(behind):
    sent = counter(behind.gw, "syn_data_sent")
    for _ in range(3):
        behind.session(behind.listen("server"))
    assert (counter(behind.gw, "syn_data_sent") > sent) == (behind.scheme == "braid")


GREETED = b"\5\0"


def strange(lab, answer, protocol=socket.IPPROTO_TCP):
    """A server of one's own, which lets everybody in and answers each request with the same bytes, or with its end where there are none; in a child."""
    listener = lab.socket("conv", socket.AF_INET6, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::", 1080))
    listener.listen()

    def serve():
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for ready, _ in selector.select():
                sock = ready.fileobj
                if sock is listener:
                    selector.register(listener.accept()[0], selectors.EVENT_READ)
                    continue
                with contextlib.suppress(OSError):
                    data = sock.recv(4096)
                    said = GREETED if data[1:2] in b"\1\2" and len(data) < 5 else answer
                    if data and said:
                        sock.sendall(said)
                        continue
                selector.unregister(sock)
                sock.close()
    return child(lab, "conv", serve)


def test_what_comes_right_behind_the_reply_is_the_hosts(lab):
    with strange(lab, b"\5\0\0\3\2ab\0\1" + b"220 ready\r\n"):
        lab.gw = lab.gateway(gateway={"key": None, "signalling": "socks5", "converter": f"{CONVERTER}:1080"})
        near = lab.connect("host", SERVER, 80)
        assert receive_exactly(near, 11) == b"220 ready\r\n"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\5\1\0\1\0\0\0\0\0\0", b"\5\2\0\1\0\0\0\0\0\0", b"\5\x63\0\1\0\0\0\0\0\0", b"\5\7\0\1\0\0\0\0\0\0", b"\5\0\0\0",
                                    b"\5\0\1\1\0\0\0\0\0\0"], ids=["http", "failure", "not-allowed", "99", "unknown-command", "type-0", "reserved"])
def test_what_is_no_answer_of_the_destinations_goes_the_ordinary_way(lab, answer):
    with strange(lab, answer):
        lab.gw = lab.gateway(gateway={"key": None, "signalling": "socks5", "converter": f"{CONVERTER}:1080"})
        listener = lab.listen("server")
        for _ in range(3):
            assert lab.bonded(listener) is False


def test_a_server_that_ends_without_a_word_says_nothing_of_the_links(lab):
    with strange(lab, b"", IPPROTO_MPTCP):
        lab.gw = lab.gateway(gateway={"key": None, "signalling": "socks5", "converter": f"{CONVERTER}:1080"})
        listener = lab.listen("server")
        for _ in range(4):
            assert lab.bonded(listener) is False
        assert counter(lab.gw, "attempts_failed") >= 2 and counter(lab.gw, "fell_back") == 0
        assert "takes Multipath TCP" not in str(lab.gw.ctl("links"))


def test_a_server_that_goes_and_comes(lab):
    server = microsocks(lab, False, False)
    listens(lab, server)
    lab.gw = lab.gateway(gateway={"key": None, "signalling": "socks5", "converter": f"{CONVERTER}:1080"})
    listener = lab.listen("server")
    assert lab.bonded(listener)
    server.kill()
    wait_for(lambda: lab.bonded(listener) is False, "hosts go the ordinary way")
    listens(lab, microsocks(lab, False, False))
    wait_for(lambda: lab.bonded(listener), "and by the server again")


def test_a_password_that_is_wrong_is_told_to_the_operator(lab):
    listens(lab, microsocks(lab, True, False))
    lab.gw = lab.start_gateway(gateway={"key": None, "signalling": "socks5", "converter": f"{CONVERTER}:1080", "user": USER, "password": "wrong"})
    lab.gw.wait_log("not authorised")
    assert lab.bonded() is False
