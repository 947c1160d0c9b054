# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions from the converter's side (decision 0019): a remote host, beside the server, reaches one behind the gateway."""
import contextlib
import errno
import hashlib
import os
import select
import signal
import socket
import struct
import threading

import pytest

from netlab import (CONVERTER, CONVERTER_V6, HOST, HOST_V6, IPPROTO_MPTCP, PATIENCE_S, SERVER, SERVER_V6, close_with_reset, counter, receive_all, receive_exactly,
                    send_in_background, wait_for)
from test_converter_input import PORT, connect, mapped, message, tlv
from test_early import SUPPORTED, TCP_FASTOPEN, watch_tlv

pytestmark = pytest.mark.inbound
WEB = 8080
OTHER_KEY = "5a" * 32
OFFER = tlv(195, b"\0\0")
HEARS_LATE = tlv(199, b"\0\x06")   # and no limits


def forward(listen=f"{CONVERTER}:{WEB}", host=HOST, port=80, subscriber="home", **more):
    return {"subscriber": subscriber, "listen": listen, "host": host, "port": port, **more}


FORWARDS = {"forward web": forward(), "forward web-v6": forward(f"[{CONVERTER_V6}]:{WEB}", HOST_V6)}


def start(lab, gateway=None, **changes):
    """Both daemons; comes back when the converter knows the gateway."""
    converter = lab.converter(**{**FORWARDS, **changes})
    return converter, lab.gateway(gateway=gateway or {})


def remote(lab, address=CONVERTER, port=WEB):
    return lab.connect("server", address, port)


def expect_reset(lab, address=CONVERTER, port=WEB):
    """Accepted, as it must be before anybody has been asked, and reset; or reset at once."""
    with pytest.raises((ConnectionResetError, ConnectionRefusedError)):
        remote(lab, address, port).recv(1)


def counters(daemon, *names):
    return [counter(daemon, name) for name in names]


def session(lab, listener, address=CONVERTER):
    """The remote host's socket and the host's."""
    far = remote(lab, address)
    near, _ = lab.accept(listener)
    return far, near


# Both daemons

@pytest.mark.parametrize("address, server", [(CONVERTER, SERVER), (CONVERTER_V6, SERVER_V6)], ids=["v4", "v6"])
def test_a_remote_host_reaches_a_host(lab, address, server):
    converter, gateway = start(lab)
    listener = lab.listen("host", 80)
    far = remote(lab, address)
    near, peer = lab.accept(listener)
    assert (peer, near.getpeername()[1]) == (server, far.getsockname()[1]), "the host sees another peer"
    far.sendall(b"hello")
    assert receive_exactly(near, 5) == b"hello"
    near.sendall(b"welcome")
    assert receive_exactly(far, 7) == b"welcome"
    for daemon in (converter, gateway):
        assert [s["direction"] for s in daemon.ctl("sessions")["sessions"]] == ["in"]
    near.close()
    assert far.recv(1) == b""
    assert counters(converter, "inbound", "inbound_told", "inbound_claimed") == [1, 1, 1]


@pytest.mark.parametrize("n", [1, 944, 945, 5000, 200000])
def test_what_the_remote_host_says_first_comes_once(lab, n):
    """A part of it goes ahead of the rest: on the watch."""
    converter, _ = start(lab)
    listener = lab.listen("host", 80)
    for _ in range(5):
        sent = os.urandom(n)
        far = remote(lab)
        far.sendall(sent)
        near, _ = lab.accept(listener)
        assert receive_exactly(near, n) == sent
        near.sendall(sent)
        assert receive_exactly(far, n) == sent
        far.close()
        assert near.recv(1) == b""
        near.close()
    assert counters(converter, "inbound_claimed", "claims_wrong") == [5, 0]


def test_a_remote_host_that_says_it_and_ends(lab):
    start(lab)
    listener = lab.listen("host", 80)
    far = remote(lab)
    far.sendall(b"all of it")
    far.shutdown(socket.SHUT_WR)
    near, _ = lab.accept(listener)
    assert receive_all(near) == b"all of it"
    near.sendall(b"fine")
    near.close()
    assert receive_all(far) == b"fine"


def test_the_first_word_is_the_hosts(lab):
    start(lab)
    listener = lab.listen("host", 80)
    far, near = session(lab, listener)
    near.sendall(b"220 welcome")
    assert receive_exactly(far, 11) == b"220 welcome"


def nginx(lab):
    folder = lab.directory / "nginx"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "file").write_bytes(os.urandom(20 << 20))
    (folder / "nginx.conf").write_text(f"""
user root root; daemon off; master_process off; pid {folder}/pid; error_log {folder}/error; events {{ }}
http {{ access_log {folder}/access; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d;
	scgi_temp_path {folder}/e; server {{ listen {HOST}:80; root {folder}; }} }}
""")
    lab.start("host", "nginx", "-e", folder / "error", "-c", folder / "nginx.conf")
    wait_for(lambda: lab.run("host", "ss -Htln sport = :80"), "nginx to listen")
    return folder


def masquerade(lab):
    """Both links lead through a NAT: nobody reaches the gateway from outside."""
    lab.run("core", """nft -f - << 'END'
table ip nat {
	chain out { type nat hook postrouting priority srcnat; iifname { a0, b0 } oifname c0 masquerade; }
	chain in { type filter hook forward priority 0; oifname { a0, b0 } ct state new drop; }
}
END""")


@pytest.mark.parametrize("with_nat", [False, True], ids=["routed", "nat"])
def test_nginx_over_both_links(lab, with_nat):
    if with_nat:
        masquerade(lab)
    converter, gateway = start(lab)
    folder = nginx(lab)
    far = remote(lab)
    far.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
    got = b""
    while b"\r\n\r\n" not in got:
        got += far.recv(1)
    body = receive_exactly(far, 20 << 20)
    assert hashlib.sha256(body).digest() == hashlib.sha256((folder / "file").read_bytes()).digest()
    links = {link["name"]: link["bytes_up"] for link in gateway.ctl("sessions")["sessions"][0]["links"]}
    assert set(links) == {"a", "b"} and min(links.values()) > 1 << 20, f"expected both links at work, saw {links}"
    far.close()
    wait_for(lambda: (folder / "access").read_text(), "nginx's log")
    assert (folder / "access").read_text().startswith(SERVER + " "), (folder / "access").read_text()


@pytest.mark.parametrize("which", ["a", "b"])
def test_a_link_that_dies_midway(lab, which):
    start(lab)
    far, near = session(lab, lab.listen("host", 80))
    data = os.urandom(30 << 20)
    pid = send_in_background(near, data)
    near.close()
    got = receive_exactly(far, 5 << 20)
    lab.set_carrier(which, False)
    assert got + receive_all(far) == data
    assert os.waitpid(pid, 0)[1] == 0


def test_an_upload_to_the_host(lab):
    start(lab)
    far, near = session(lab, lab.listen("host", 80))
    data = os.urandom(8 << 20)
    pid = send_in_background(far, data)
    far.close()
    assert receive_all(near) == data
    assert os.waitpid(pid, 0)[1] == 0


def test_refused_is_a_reset(lab):
    converter, gateway = start(lab)
    expect_reset(lab)
    assert counters(converter, "inbound_claimed", "inbound_refused", "inbound_expired") == [0, 1, 0]
    assert counters(gateway, "reached", "reach_failed", "no_answer") == [1, 1, 0]
    wait_for(lambda: gateway.ctl("status")["sessions"] == gateway.ctl("status")["half_open"] == 0, "all places given back")
    far, near = session(lab, lab.listen("host", 80))
    far.sendall(b"!")
    assert near.recv(1) == b"!"


@pytest.mark.parametrize("host, changes", [("93.10.20.30", {}), ("10.0.0.1", {}), ("192.0.2.2", {}), (HOST, {"inbound_allow": "10.0.0.10"})],
                         ids=["elsewhere", "the gateway", "a link", "not named"])
def test_hosts_that_may_not_be_reached(lab, host, changes):
    converter, gateway = start(lab, changes, **{"forward web": forward(host=host)})
    lab.listen("server", 80), lab.listen("gw", 80), lab.listen("host", 80)
    expect_reset(lab)
    assert counters(converter, "inbound_refused", "inbound_claimed") == [1, 0]
    assert "destination unreachable" in gateway.log()


def test_hosts_that_are_named_may(lab):
    start(lab, {"inbound_allow": "10.0.0.0/29, 10.0.0.9"})
    far, near = session(lab, lab.listen("host", 80))
    near.sendall(b"!")
    assert far.recv(1) == b"!"


def test_without_a_gateway_there_is_a_reset(lab):
    converter = lab.converter(**FORWARDS)
    expect_reset(lab)
    gateway = lab.gateway(gateway={"inbound": "no"})
    expect_reset(lab)
    assert counters(converter, "inbound_told", "inbound_no_gateway") == [0, 2]
    gateway.reload(lab.gateway_conf())
    listener = lab.listen("host", 80)
    wait_for(lambda: try_session(lab, listener), "a session, the gateway taking them now")
    gateway.stop()
    wait_for(lambda: not try_session(lab, listener), "no session, the gateway being gone")


def test_a_gateway_that_is_about_to_come_is_waited_for(lab):
    """It is there, and takes none yet: one that has to be started may need longer than the three seconds, on a busy machine."""
    converter, gateway = start(lab, {"inbound": "no"})
    far = remote(lab)
    listener = lab.listen("host", 80)
    wait_for(lambda: counter(converter, "inbound") == 1, "the connection to wait")
    gateway.reload(lab.gateway_conf())
    near, _ = lab.accept(listener)
    near.sendall(b"!")
    assert far.recv(1) == b"!"
    for _ in range(5):   # a reload ends the gateway's watch, and it asks again
        converter.tell(signal.SIGHUP)
        session(lab, listener)
    assert counter(converter, "inbound_no_gateway") == 0


def test_a_restarted_converter_waits_for_its_gateway(lab):
    converter, _ = start(lab)
    listener = lab.listen("host", 80)
    session(lab, listener)
    for _ in range(3):   # three seconds pass on a machine that stands still
        converter.kill()
        converter = lab.converter(**FORWARDS)
        if try_session(lab, listener):
            break
    assert (counter(converter, "inbound_claimed"), counter(converter, "inbound_no_gateway")) == (1, 0)


def try_session(lab, listener, port=WEB):
    """Whether one comes about; it says something, and goes."""
    far = lab.socket("server")
    try:
        far.connect((CONVERTER, port))
        far.sendall(b"!")
        poll = select.poll()
        for sock in (far, listener):
            poll.register(sock, select.POLLIN)
        if listener.fileno() not in [fd for fd, _ in poll.poll(20000)]:
            return far.recv(1) and False
        near, _ = lab.accept(listener)
        while near.getpeername()[1] != far.getsockname()[1]:   # another one's, which has gone since
            near.close()
            near, _ = lab.accept(listener)
        near.sendall(near.recv(1))
        near.close()
        return receive_all(far) == b"!"
    except OSError:
        return False
    finally:
        far.close()


def test_many_through_many_workers(lab):
    converter = lab.converter(**{"forward web": forward(max_waiting=400)}, daemon={"workers": 4})
    gateway = lab.gateway(daemon={"workers": 4})
    listener = lab.listen("host", 80)
    remotes = [remote(lab) for _ in range(100)]
    for far in remotes:
        far.sendall(struct.pack("!H", far.getsockname()[1]))
    for _ in remotes:
        near, _ = lab.accept(listener)
        near.sendall(receive_exactly(near, 2))
    for far in remotes:
        assert struct.unpack("!H", receive_exactly(far, 2))[0] == far.getsockname()[1], "somebody else's connection"
    assert counters(converter, "inbound_claimed", "claims_wrong", "inbound_expired") == [100, 0, 0]
    for far in remotes:
        close_with_reset(far)
    wait_for(lambda: counter(converter, "sessions") == counter(gateway, "sessions") == 0, "the sessions' end")


def test_reload_changes_forwards_and_leaves_sessions(lab):
    converter, _ = start(lab)
    listener = lab.listen("host", 80)
    far, near = session(lab, listener)
    converter.reload(lab.converter_conf(**{"forward other": forward(f"{CONVERTER}:{WEB + 1}")}))
    wait_for(lambda: str(WEB + 1) in lab.run("conv", "nft list ruleset"), "the other forward")
    expect_reset(lab)
    far.sendall(b"still")
    assert receive_exactly(near, 5) == b"still"
    wait_for(lambda: try_session(lab, listener, WEB + 1), "a session by the other forward")
    converter.reload(lab.converter_conf())
    wait_for(lambda: "braid_inbound" not in lab.run("conv", "nft list tables"), "the table to go, there being no forward")
    far.sendall(b"again")
    assert receive_exactly(near, 5) == b"again"


def test_reloads_with_and_without_forwards_under_churn(lab):
    """The table is what the last configuration says, whatever came and went meanwhile."""
    converter, _ = start(lab)
    ended, n_made = threading.Event(), [0]
    listener = lab.listen("host", 80)

    def come_and_go():
        while not ended.is_set():
            with contextlib.suppress(OSError):
                far = socket.create_connection((CONVERTER, WEB), 1, ("0.0.0.0", 0))
                n_made[0] += 1
                far.sendall(b"!")
                close_with_reset(far)

    def serve():
        listener.settimeout(0.1)
        while not ended.is_set():
            with contextlib.suppress(OSError):
                listener.accept()[0].close()

    with lab.inside("server"):
        threads = [threading.Thread(target=come_and_go) for _ in range(4)]
        for thread in threads:   # each stays in the network that it was begun in
            thread.start()
    threads.append(threading.Thread(target=serve))
    threads[-1].start()
    try:
        for i in range(60):
            there = i % 2 == 1
            converter.reload(lab.converter_conf(**(FORWARDS if there else {})))
            converter.wait_log("the configuration was read again", i + 1)
            if i % 3 == 0:   # else the next one follows while this one is on its way
                wait_for(lambda: ("braid_inbound" in lab.run("conv", "nft list tables")) == there, f"the table, reload {i}")
        wait_for(lambda: f"{CONVERTER} . {WEB}" in lab.run("conv", "nft list ruleset"), "the table at the end")
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert n_made[0], "nobody came"
    listener.settimeout(PATIENCE_S)
    wait_for(lambda: try_session(lab, listener), "a session")
    assert "cannot put" not in converter.log()


def test_nothing_is_left_behind(lab):
    converter, gateway = start(lab)
    far, near = session(lab, lab.listen("host", 80))
    close_with_reset(far)
    wait_for(lambda: counter(gateway, "sessions") == 0, "the session's end")
    gateway.stop()
    converter.stop()
    assert "braid_inbound" not in lab.run("conv", "nft list tables")
    with pytest.raises(ConnectionRefusedError):
        remote(lab)


def test_what_a_killed_one_left_refuses(lab):
    converter, _ = start(lab)
    converter.kill()
    assert "braid_inbound" in lab.run("conv", "nft list tables")
    with pytest.raises(ConnectionRefusedError):
        remote(lab)
    own = lab.listen("conv", WEB)   # another program of that machine has the port then
    far = remote(lab)
    lab.accept(own)
    far.close()


def test_a_remote_host_that_gives_up_resets_the_host(lab):
    start(lab)
    far, near = session(lab, lab.listen("host", 80))
    close_with_reset(far)
    with pytest.raises(ConnectionResetError):
        near.recv(1)


def test_a_port_that_is_the_gateways_own(lab):
    """The gateway listens on it itself: the host sees the remote host's address with another port."""
    start(lab)
    listener = lab.listen("host", 80)
    far = lab.socket("server")
    far.bind((SERVER, 5125))
    far.connect((CONVERTER, WEB))
    near, peer = lab.accept(listener)
    assert peer == SERVER and near.getpeername()[1] != 5125
    far.sendall(b"!")
    assert near.recv(1) == b"!"


# Faithful: the remote host's first packet waits until its host has answered

FAITHFUL = {name: {**keys, "accept": "faithful"} for name, keys in FORWARDS.items()}


def start_faithful(lab, gateway=None, **changes):
    converter, gateway = start(lab, gateway, **{**FAITHFUL, **changes})
    wait_for(lambda: "cannot open its packet queue" in converter.log() or len(lab.run("conv", "cat /proc/net/netfilter/nfnetlink_queue").splitlines()), "the queues")
    return converter, gateway


def outcome(lab, address=CONVERTER, port=WEB, timeout=PATIENCE_S):
    far = lab.socket("server", socket.AF_INET6 if ":" in address else socket.AF_INET, timeout=timeout)
    try:
        far.connect((address, port))
        return 0
    except TimeoutError:
        return "silence"
    except OSError as error:
        return error.errno


@pytest.mark.parametrize("address, server", [(CONVERTER, SERVER), (CONVERTER_V6, SERVER_V6)], ids=["v4", "v6"])
def test_faithful(lab, address, server):
    converter, gateway = start_faithful(lab)
    assert outcome(lab, address) == errno.ECONNREFUSED
    assert counters(converter, "inbound", "inbound_refused") == [1, 1]
    listener = lab.listen("host", 80)
    far = remote(lab, address)
    near, peer = lab.accept(listener)
    assert (peer, near.getpeername()[1]) == (server, far.getsockname()[1])
    far.sendall(b"hello")
    assert receive_exactly(near, 5) == b"hello"
    near.sendall(b"welcome")
    near.close()
    assert receive_all(far) == b"welcome"
    assert counters(converter, "inbound_claimed", "claims_wrong", "inbound_gave_up") == [1, 0, 0]


def test_faithful_many_through_many_workers(lab):
    converter = lab.converter(**{"forward web": forward(max_waiting=400, accept="faithful")}, daemon={"workers": 4})
    lab.gateway(daemon={"workers": 4})
    listener = lab.listen("host", 80)
    remotes = [lab.socket("server", timeout=0) for _ in range(100)]
    for far in remotes:
        assert far.connect_ex((CONVERTER, WEB)) == errno.EINPROGRESS
    for _ in remotes:
        near, _ = lab.accept(listener)
        near.sendall(struct.pack("!H", near.getpeername()[1]))
    for far in remotes:
        far.settimeout(PATIENCE_S)
        assert struct.unpack("!H", receive_exactly(far, 2))[0] == far.getsockname()[1], "somebody else's connection"
    assert counters(converter, "inbound_claimed", "claims_wrong", "inbound_gave_up") == [100, 0, 0]


def test_faithful_to_a_host_that_may_not_be_reached(lab):
    start_faithful(lab, {"inbound_allow": "10.0.0.10"})
    assert outcome(lab) == errno.EHOSTUNREACH


def test_faithful_without_a_gateway(lab):
    converter = lab.converter(**FAITHFUL)
    assert outcome(lab) == errno.EHOSTUNREACH
    converter.stop()
    assert outcome(lab) == errno.ECONNREFUSED
    assert "braid_inbound" not in lab.run("conv", "nft list tables")


# A converter of our own

def claim_tlv(claim):
    return tlv(195, b"\0\0" + claim)


def test_an_older_converter_is_asked_again(lab):
    """It doesn't know what we want to hear of, nor the offer, and says so with error 2."""
    with lab.inside("conv"):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
        listener.bind((CONVERTER, PORT))
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        listener.listen()
    listener.settimeout(PATIENCE_S)
    lab.sockets.append(listener)
    lab.run("conv", "echo 0x602 > /proc/sys/net/ipv4/tcp_fastopen")
    gateway = lab.start_gateway(**{"link b": None})
    for behind in (OFFER + HEARS_LATE, OFFER):
        sock, _ = lab.accept(listener)
        asked = sock.recv(1024)
        assert asked.endswith(behind)
        sock.sendall(message(tlv(30, b"\2\0" + asked)))
    second, _ = lab.accept(listener)
    asked = second.recv(1024)
    assert OFFER not in asked and HEARS_LATE not in asked
    second.sendall(message(SUPPORTED, watch_tlv(bytes(range(8)))))
    gateway.wait_log("the converter answers")
    assert "can't be reached" not in gateway.log()
    second.sendall(message(connect(SERVER, 9999), claim_tlv(bytes(24)), tlv(196, struct.pack("!H", 80) + mapped(HOST))))
    gateway.wait_log("it says more than it was asked")
    assert counter(gateway, "reached") == 0
