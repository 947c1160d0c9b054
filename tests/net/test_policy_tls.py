# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that ask for the server's name: what becomes of a connection is decided by the host's first bytes."""
import re
import socket
import ssl
import struct
import subprocess

import pytest

from netlab import CONVERTER, HOST, PATIENCE_S, SERVER, SERVER_V6, SILENT, UNREACHABLE, close_with_reset, counter, receive_exactly, send_in_background, wait_for
from test_policy import gateway

LINKS = ("192.0.2.2", "2001:db8:2::2")   # the gateway's own addresses toward the servers


def hello(name):
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


def in_records(first, n):
    """The same message in records of n bytes."""
    message = first[5:]
    return [b"\x16\x03\x01" + struct.pack(">H", len(message[at:at + n])) + message[at:at + n] for at in range(0, len(message), n)]


class Names:
    """A converter, a gateway with these rules ({} stands for the port), and a server."""

    def __init__(self, lab, *rules, changes=None, **lists):
        self.lab = lab
        self.listener = lab.listen("server")
        self.port = self.listener.getsockname()[1]
        lab.converter()
        rules = rules or ("reject port {} tls bad.example", "bypass port {} tls plain.example, *.wild.example")
        self.daemon = gateway(lab, *(rule.format(self.port) for rule in rules), changes=changes, **lists)

    def session(self, *parts, address=SERVER):
        """Every byte has to come; (host's socket, server's, who the server sees)."""
        near = self.lab.connect("host", address, self.port)
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            near.sendall(part)
        far, peer = self.lab.accept(self.listener)
        whole = b"".join(parts)
        assert receive_exactly(far, len(whole)) == whole
        far.sendall(b"answer")
        assert receive_exactly(near, 6) == b"answer"
        return near, far, peer

    def seen(self, *parts, address=SERVER):
        return self.session(*parts, address=address)[2]

    def reset(self, name, address=SERVER, port=None):
        first = hello(name)   # it takes a while; who has connected is waited for half a second
        near = self.lab.connect("host", address, port or self.port)
        near.sendall(first)
        with pytest.raises(ConnectionResetError):
            near.recv(1)


@pytest.mark.parametrize("accept", ["auto", "early"])
def test_by_name(lab, accept):
    names = Names(lab, changes={"gateway": {"accept": accept}})
    for name, peer in (("plain.example", LINKS[0]), ("PLAIN.example", LINKS[0]), ("a.wild.example", LINKS[0]), ("other.example", CONVERTER), (None, CONVERTER)):
        first = hello(name)
        for parts in ([first], [first[:3], first[3:100], first[100:]], in_records(first, 50)):
            assert names.seen(*parts) == peer, name
    assert names.seen(b"GET / HTTP/1.0\r\n\r\n") == CONVERTER
    names.reset("bad.example")
    assert [counter(names.daemon, name) for name in ("looked_at", "direct", "direct_failed")] == [17, 9, 0]
    assert names.seen(hello("plain.example"), address=SERVER_V6) == LINKS[1]


def test_faithful_sees_no_names(lab):
    names = Names(lab, changes={"gateway": {"accept": "faithful"}})
    assert names.seen(hello("plain.example")) == names.seen(hello("bad.example")) == CONVERTER
    assert counter(names.daemon, "looked_at") == 0
    assert names.daemon.log().count("never matches: a TLS name is seen in a connection that is accepted early") == 2


def test_other_ports_are_not_looked_at(lab):
    names = Names(lab)
    assert lab.session(lab.listen("server"))[2] == CONVERTER
    assert counter(names.daemon, "looked_at") == 0


def test_real_clients(lab):
    names = Names(lab)
    here = lab.directory
    lab.run("server", f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=server -keyout {here}/key.pem -out {here}/cert.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(here / "cert.pem", here / "key.pem")
    clients = (f"curl -sk --resolve {{0}}:{names.port}:{SERVER} https://{{0}}:{names.port}/",
               f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -ign_eof -servername {{0}} -connect {SERVER}:{names.port} 2>/dev/null")
    for command in clients:
        for name, wanted in (("plain.example", LINKS[0]), ("other.example", CONVERTER)):
            with lab.inside("host"):
                client = subprocess.Popen(command.format(name), shell=True, stdout=subprocess.PIPE)
            far, peer = lab.accept(names.listener)
            with context.wrap_socket(far, server_side=True) as tls:
                assert tls.recv(4096).startswith(b"GET / HTTP/1.")
                tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            assert client.communicate(timeout=PATIENCE_S)[0].endswith(b"hello") and peer == wanted, command
    names.reset("bad.example")


def test_rules_behind_it_have_all_that_is_known(lab):
    """Interface, MAC address, DSCP and a list that dnsmasq fills; and the rule that decides where the name is none of theirs."""
    mac = re.search(r"link/ether (\S+)", lab.run("host", "ip link show h0"))[1]
    wrong = ("interface other0", "mac 02:00:00:00:00:01", "dscp ef", "to @none")
    names = Names(lab, "reject port {} tls bad.example", *(f"reject {clause} port {{}}" for clause in wrong),
                  f"bypass from mac {mac} interface lan0 to @some port {{}} dscp be tls plain.example", "link b port {}", some="dnsmasq = yes", none="dnsmasq = yes")
    assert names.seen(hello("plain.example")) == CONVERTER
    lab.run("gw", f"nft add element inet braid some_4 '{{ {SERVER} }}'")
    assert names.seen(hello("plain.example")) == LINKS[0]
    names.session(hello("other.example"))
    session = names.daemon.ctl("sessions")["sessions"]
    assert any("over b alone" in names.daemon.ctl("why", one["id"])["verdict"] for one in session)


def test_direct_is_a_session_like_others(lab):
    """Both directions to their ends, more than what any buffer has; and braidctl says what it is."""
    names = Names(lab)
    near, far, peer = names.session(hello("plain.example"))
    why = names.daemon.ctl("why", names.daemon.ctl("sessions")["sessions"][0]["id"])
    assert peer == LINKS[0] and "a rule of [policy] bypasses the server's name" in why["verdict"]
    data = bytes(range(251)) * 40000
    for one, other in ((near, far), (far, near)):
        send_in_background(one, data)
        assert receive_exactly(other, len(data)) == data
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b""
    far.sendall(b"last")
    far.close()
    assert receive_exactly(near, 4) == b"last" and near.recv(1) == b""
    wait_for(lambda: counter(names.daemon, "sessions") == 0, "the session's end")


def test_direct_that_fails_is_a_reset(lab):
    names = Names(lab, "bypass tls plain.example")
    names.reset("plain.example", port=9)   # nobody listens there
    names.reset("plain.example", address=UNREACHABLE)
    assert (counter(names.daemon, "direct"), counter(names.daemon, "direct_failed")) == (2, 2)


def test_server_that_speaks_first(lab):
    names = Names(lab)
    near = lab.connect("host", SERVER, names.port)
    far, peer = lab.accept(names.listener)
    far.sendall(b"220 hello")
    assert peer == CONVERTER and receive_exactly(near, 9) == b"220 hello"


def test_hello_that_never_gets_whole(lab):
    names = Names(lab)
    first = hello("plain.example")
    assert names.seen(first[:100]) == CONVERTER
    near = lab.connect("host", SERVER, names.port)
    near.sendall(first[:100])
    near.shutdown(socket.SHUT_WR)
    far, peer = lab.accept(names.listener)
    assert receive_exactly(far, 100) == first[:100] and far.recv(1) == b"" and peer == CONVERTER


def test_host_that_ends_or_gives_up(lab):
    names = Names(lab, "bypass tls plain.example")
    near = lab.connect("host", SERVER, names.port)
    near.shutdown(socket.SHUT_WR)
    far, peer = lab.accept(names.listener)
    assert far.recv(1) == b"" and peer == CONVERTER
    close_with_reset(lab.connect("host", SERVER, names.port))
    wait_for(lambda: counter(names.daemon, "host_gave_up") == 1, "the reset being seen")
    assert names.seen(hello("other.example")) == CONVERTER
    near = lab.connect("host", SILENT, names.port)
    near.sendall(hello("plain.example"))
    wait_for(lambda: counter(names.daemon, "direct") == 1, "the destination being connected to")
    close_with_reset(near)   # while the gateway waits for it
    wait_for(lambda: counter(names.daemon, "host_gave_up") == 2, "the reset being seen")


def test_without_a_converter_it_goes_the_ordinary_way(lab):
    names = Names(lab)
    lab.run("conv", "ip link set c0 down")
    wait_for(lambda: lab.bonded(names.listener) is False, "the ordinary way")
    near = lab.connect("host", SERVER, names.port)
    near.sendall(hello("bad.example"))
    assert lab.accept(names.listener)[1] == HOST


def test_list_that_is_gone_with_the_table(lab):
    """Somebody else owns the table when the connection is decided on: nothing is known to be on the list."""
    names = Names(lab, "bypass port {} tls plain.example", "bypass to @some port {}", some="dnsmasq = yes")
    near = lab.connect("host", SERVER, names.port)
    with lab.inside("gw"):
        owner = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    owner.stdin.write("delete table inet braid; add table inet braid { flags owner; }\n")
    owner.stdin.flush()
    try:
        names.daemon.wait_log("inet braid")
        near.sendall(b"no hello")
        wait_for(lambda: not names.daemon.ctl("status")["half_open"], "the decision")
        assert names.daemon.running()
    finally:
        owner.kill()
        owner.wait()
