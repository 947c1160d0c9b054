# SPDX-License-Identifier: GPL-2.0-or-later
"""host.socks: programs of a machine with two links (the node gw) say where they want to go."""
import contextlib
import os
import signal
import socket
import subprocess

import pytest

from netlab import BRAIDD, CONVERTER, CONVERTER_V6, HOST, LINK_A, PROHIBITED, SERVER, SERVER_V6, UNREACHABLE, Daemon, conf_text, counter, receive_exactly, wait_for
from servers import listening, seen_by_nginx, sha256, start_nginx
from socks import (BIND, CONNECT, FAILURE, HOST_UNREACHABLE, NETWORK_UNREACHABLE, NOT_ALLOWED, NO_AUTHENTICATION, NO_METHOD, REFUSED, SUCCEEDED, UDP_ASSOCIATE, UNKNOWN_COMMAND,
                   WITH_PASSWORD, answering, greeting, login, named, over_file, read_reply, request)

PORT = 1080
LINK_A_V6 = "2001:db8:2::2"


def host(lab, rules="", **keys):
    changes = {"gateway": {"lan": None, **keys.pop("gateway", {})}, "host": {"socks": "127.0.0.1, [::1]", **keys}}
    daemon = Daemon(lab, "gw", lab.gateway_conf(), conf_text(lab.gateway_conf(**changes)) + rules)
    daemon.wait_log("the converter answers")
    return daemon


def open_socks(lab, address="127.0.0.1"):
    sock = lab.connect("gw", address, PORT)
    sock.sendall(greeting(NO_AUTHENTICATION))
    assert receive_exactly(sock, 2) == bytes([5, NO_AUTHENTICATION])
    return sock


def ask(lab, where, port, command=CONNECT):
    """Socket and reply's code."""
    sock = open_socks(lab)
    sock.sendall(request(where, port, command))
    return sock, read_reply(sock)[0]


def seen_as(lab, listener, where, port=None):
    sock, code = ask(lab, where, port or listener.getsockname()[1])
    assert code == SUCCEEDED
    far, peer = lab.accept(listener)
    sock.sendall(b"there")
    assert receive_exactly(far, 5) == b"there"
    far.sendall(b"and back")
    assert receive_exactly(sock, 8) == b"and back"
    sock.close()
    assert far.recv(1) == b""
    far.close()
    return peer


@pytest.fixture
def lab(lab):
    lab.converter()
    return lab


def test_addresses(lab):
    daemon = host(lab)
    listener, port = answering(lab)
    assert seen_as(lab, listener, SERVER) == CONVERTER
    assert seen_as(lab, listener, SERVER_V6) == CONVERTER_V6
    sock = open_socks(lab, "::1")
    sock.sendall(request(SERVER, port))
    assert read_reply(sock)[0] == SUCCEEDED
    wait_for(lambda: len(daemon.ctl("sessions")["sessions"]) == 1, "the sessions before have ended")
    [session] = daemon.ctl("sessions")["sessions"]
    assert session["direction"] == "own" and session["destination"] == f"{SERVER}:{port}" and session["mptcp"]
    assert counter(daemon, "socks") == 3
    assert daemon.ctl("status")["host"] == {"chooses": False, "takes": False, "socks": ["127.0.0.1:1080", "[::1]:1080"]}
    assert lab.run("gw", "nft list chains inet braid | grep -c own_ || true").strip() == "0"   # nothing else is chosen


def test_names(lab):
    """They are looked up on the machine itself; an address that refuses is followed by the next one."""
    with named(lab, "gw"):
        daemon = host(lab)
        listener, port = answering(lab)
        assert seen_as(lab, listener, "four.example") == CONVERTER
        assert seen_as(lab, listener, "six.example") == CONVERTER_V6
        assert seen_as(lab, listener, "second.example") == CONVERTER   # the first address is unreachable
        assert ask(lab, "nobody.example", port)[1] == HOST_UNREACHABLE
        assert ask(lab, "not a name!", port)[1] == HOST_UNREACHABLE
        assert ask(lab, "silent.example", port)[1] in (FAILURE, HOST_UNREACHABLE)
        assert counter(daemon, "names_asked") == 6


def test_names_by_the_servers_of_now(lab):
    """What has changed in /etc/resolv.conf is known with the next configuration, or link."""
    with over_file("/etc/resolv.conf", "nameserver 127.0.0.9\n", lab.directory):
        daemon = host(lab, "\n[daemon]\nworkers = 1\n")
        assert ask(lab, "four.example", 80)[1] == FAILURE
    with named(lab, "gw"):
        _, port = answering(lab)
        daemon.tell(signal.SIGHUP)
        wait_for(lambda: ask(lab, "four.example", port)[1] == SUCCEEDED, "the name is known")


def test_names_for_both_roles_of_one_worker(lab):
    with named(lab, "gw"):
        daemon = host(lab, "\n[converter]\nsignalling = socks5\nlisten = 127.0.0.1:5200\nallow = 127.0.0.0/8\n[daemon]\nworkers = 1\n")
        for port in (PORT, 5200):
            sock = lab.connect("gw", "127.0.0.1", port)
            sock.sendall(greeting(NO_AUTHENTICATION) + request("nobody.example", 80))
            assert receive_exactly(sock, 2) == bytes([5, NO_AUTHENTICATION])
            assert read_reply(sock)[0] == HOST_UNREACHABLE
        assert counter(daemon, "names_asked") == 2


def test_outcomes(lab):
    host(lab)
    with contextlib.closing(lab.listen("server")) as listener:
        closed = listener.getsockname()[1]
    assert ask(lab, SERVER, closed)[1] == REFUSED
    assert ask(lab, SERVER_V6, closed)[1] == REFUSED
    assert ask(lab, UNREACHABLE, 80)[1] in (HOST_UNREACHABLE, NETWORK_UNREACHABLE)
    assert ask(lab, PROHIBITED, 80)[1] in (NOT_ALLOWED, HOST_UNREACHABLE)
    for command in (BIND, UDP_ASSOCIATE, 9):
        sock, code = ask(lab, SERVER, 80, command)
        assert code == UNKNOWN_COMMAND
        assert sock.recv(1) == b""


@pytest.mark.parametrize("accept", ["auto", "early", "faithful"])
def test_all_at_once_and_byte_by_byte(lab, accept):
    """What follows the request is the connection's own, whenever it comes; the server may be the one who speaks first."""
    host(lab, gateway={"accept": accept})
    listener, port = answering(lab)
    said = greeting(NO_AUTHENTICATION, WITH_PASSWORD) + login("any", "body") + request(SERVER, port)
    for pieces in ([said + b"hello"], [bytes([byte]) for byte in said + b"hello"]):
        sock = lab.connect("gw", "127.0.0.1", PORT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        assert receive_exactly(sock, 4) == bytes([5, WITH_PASSWORD, 1, 0])
        assert read_reply(sock)[0] == SUCCEEDED
        far, peer = lab.accept(listener)
        assert peer == CONVERTER and receive_exactly(far, 5) == b"hello"
        sock.close()
        far.close()
    sock, code = ask(lab, SERVER, port)
    assert code == SUCCEEDED
    far, _ = lab.accept(listener)
    far.sendall(b"220 ready")
    assert receive_exactly(sock, 9) == b"220 ready"


def test_user_and_password(lab):
    host(lab, socks_user="alice", socks_password="secret")
    listener, port = answering(lab)
    for method, answer in ((NO_AUTHENTICATION, NO_METHOD), (WITH_PASSWORD, WITH_PASSWORD)):
        sock = lab.connect("gw", "127.0.0.1", PORT)
        sock.sendall(greeting(method))
        assert receive_exactly(sock, 2) == bytes([5, answer])
    for user, password in (("alice", "wrong"), ("bob", "secret"), ("alice", "secret2")):
        sock = lab.connect("gw", "127.0.0.1", PORT)
        sock.sendall(greeting(WITH_PASSWORD) + login(user, password))
        said = receive_exactly(sock, 4)
        assert said[:3] == bytes([5, WITH_PASSWORD, 1]) and said[3] != 0
        assert sock.recv(1) == b""
    sock = lab.connect("gw", "127.0.0.1", PORT)
    sock.sendall(greeting(WITH_PASSWORD) + login("alice", "secret") + request(SERVER, port))
    assert receive_exactly(sock, 4) == bytes([5, WITH_PASSWORD, 1, 0]) and read_reply(sock)[0] == SUCCEEDED
    assert lab.accept(listener)[1] == CONVERTER


def test_rules_and_near_destinations(lab):
    listeners = {name: lab.listen("server") for name in ("bypass", "reject", "link")}
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    daemon = host(lab, "[policy]\n" + "".join(f"rule = {words} port {ports[name]}\n" for name, words in (("bypass", "bypass"), ("reject", "reject"), ("link", "link b"))))
    assert seen_as(lab, listeners["bypass"], SERVER) == LINK_A
    assert seen_as(lab, listeners["bypass"], SERVER_V6) == LINK_A_V6
    assert ask(lab, SERVER, ports["reject"])[1] == NOT_ALLOWED
    assert seen_as(lab, listeners["link"], SERVER) == CONVERTER
    printer = lab.listen("host")
    assert seen_as(lab, printer, HOST) == "10.0.0.1"
    own = lab.listen("gw")
    assert seen_as(lab, own, "127.0.0.1") == "127.0.0.1"
    printer.close()
    assert ask(lab, HOST, printer_port := 9)[1] == REFUSED, printer_port
    assert counter(daemon, "direct") == 5 and counter(daemon, "direct_failed") == 1


def test_others_do_not_come_to_what_is_this_machines_own(lab):
    host(lab, socks="10.0.0.1:1080", socks_open="yes")
    own, listener = lab.listen("gw"), lab.listen("server")
    for where, port, wanted in (("127.0.0.1", own, NOT_ALLOWED), ("10.0.0.1", own, NOT_ALLOWED), ("::1", own, NOT_ALLOWED), (SERVER, listener, SUCCEEDED)):
        sock = lab.connect("host", "10.0.0.1", PORT)
        sock.sendall(greeting(NO_AUTHENTICATION) + request(where, port.getsockname()[1]))
        assert receive_exactly(sock, 2) == bytes([5, 0]) and read_reply(sock)[0] == wanted, where
    assert lab.accept(listener)[1] == CONVERTER


def test_without_a_converter_it_connects_itself(lab):
    """It is killed before, and while a program waits."""
    daemon = host(lab)
    listener, port = answering(lab)
    assert seen_as(lab, listener, SERVER) == CONVERTER
    converter = next(program for program in lab.programs if program.name == "braidd-conv")
    converter.pause()
    sock = open_socks(lab)
    sock.sendall(request(SERVER, port))
    wait_for(lambda: daemon.ctl("status")["half_open"] == 1, "it waits for the converter")
    converter.kill()
    assert read_reply(sock)[0] == SUCCEEDED
    assert lab.accept(listener)[1] == LINK_A
    daemon.wait_log("can't be reached")
    assert seen_as(lab, listener, SERVER) == LINK_A
    lab.converter()
    wait_for(lambda: seen_as(lab, listener, SERVER) == CONVERTER, "bonded again")


def test_who_says_nothing_or_nonsense(lab):
    """Places are given back."""
    daemon = host(lab)
    for said in (b"", b"\x05", b"\x04\x01\x00\x50", b"GET / HTTP/1.1\r\n\r\n", b"\x05\x00", greeting(NO_AUTHENTICATION) + b"\x05\x01\x00\x07", greeting(1)):
        sock = lab.connect("gw", "127.0.0.1", PORT)
        sock.sendall(said)
        with contextlib.suppress(OSError):   # it may be reset by now
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(100):
                pass
    wait_for(lambda: (daemon.ctl("status")["half_open"], daemon.ctl("status")["sessions"]) == (0, 0), "no place is taken")


def test_a_reload_opens_and_closes_it(lab):
    daemon = host(lab)
    listener, _ = answering(lab)
    sock, code = ask(lab, SERVER, listener.getsockname()[1])
    far, _ = lab.accept(listener)
    daemon.reload(lab.gateway_conf(gateway={"lan": None}, host={"socks": "127.0.0.1:1081"}))
    daemon.wait_log("read again")
    wait_for(lambda: not listening(lab, PORT, "gw")(), "it is closed")
    lab.connect("gw", "127.0.0.1", 1081).close()
    sock.sendall(b"still")
    assert receive_exactly(far, 5) == b"still"


def test_curl_over_both_links(lab):
    host(lab)
    start_nginx(lab, {"big": os.urandom(1 << 20) * 32})
    for option in ("--socks5", "--socks5-hostname"):
        lab.run("gw", f"curl -sSf {option} 127.0.0.1:{PORT} -o {lab.directory}/got http://{SERVER}/big")
        assert sha256(lab.directory / "got") == sha256(lab.directory / "www" / "big")
    assert set(seen_by_nginx(lab)) == {CONVERTER}


def test_without_any_rights(lab):
    """SOCKS alone, with the plumbing somebody else's work: a daemon that anybody may run."""
    state = lab.directory / "state"
    state.mkdir()
    conf = lab.gateway_conf(gateway={"lan": None, "plumbing": "no"}, host={"socks": "127.0.0.1:1080"}, daemon={"state_dir": state, "control": state / "control"})
    path = lab.directory / "anybody.conf"
    path.write_text(conf_text(conf))
    daemon = lab.start("gw", "unshare", "-U", "--map-user=1000", "--map-group=1000", BRAIDD, "-c", path)
    daemon.wait_log("the converter answers")
    listener, _ = answering(lab)
    assert seen_as(lab, listener, SERVER) == CONVERTER
    path.write_text(conf_text({**conf, "host": {"socks": "10.0.0.77:1080"}}))
    done = subprocess.run([BRAIDD, "--check", "-c", path], capture_output=True, text=True)
    assert done.returncode == 5 and "host.socks has an address that other machines can connect to" in done.stderr


def test_who_says_nothing_leaves_places_to_others(lab):
    daemon = Daemon(lab, "gw", lab.gateway_conf(host={"socks": "127.0.0.1"}, limits={"max_half_open": 16}, daemon={"workers": 1}))
    daemon.wait_log("the converter answers")
    mute = [lab.connect("gw", "127.0.0.1", PORT) for _ in range(9)]
    wait_for(lambda: daemon.ctl("status")["half_open"] == 9, "half of the places to be taken, and one")
    with pytest.raises(ConnectionResetError):
        lab.connect("gw", "127.0.0.1", PORT).recv(1)
    assert lab.session(lab.listen("server"))[2] == CONVERTER, "a host's connection is bonded"
    mute.pop().close()
    wait_for(lambda: daemon.ctl("status")["half_open"] == 8, "a place")
    assert seen_as(lab, lab.listen("server"), SERVER) == CONVERTER
