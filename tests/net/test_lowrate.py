# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions in pieces over four links of low rate (link.profile = lowrate, doc/pieces.md): both ways, one link cut, ends and resets. With BRAID_LOWRATE=whole at 2.4 kbit/s."""
import hashlib
import os
import select
import signal
import socket
import time

import pytest

from netlab import LINKS_ALLOWED, Lab, close_with_reset, counter, raise_descriptor_limit, receive_all, send_in_background, set_up, wait_for

WHOLE = os.environ.get("BRAID_LOWRATE") == "whole"
RATE_BPS, DELAY_MS, PATIENCE_S = (2400, 300, 240) if WHOLE else (64000, 60, 60)
BYTES = 60_000
BAR = 2.5      # over one link
PLACES = 512   # STRIPES_MOST of role/stripe/stripes.h
LOWRATE = {f"link {name}": {"profile": "lowrate"} for name in "ab"}
# Beside those of netlab.py: device at the gateway, at the core, the network.
MORE = {"c": ("l2", "b2", "192.0.3"), "d": ("l3", "b3", "192.0.4")}
WIRE = """
set -e
ip -n gw addr add {network}.2/24 dev {near}; ip -n core addr add {network}.1/24 dev {far}
ip -n gw route add default via {network}.1 dev {near} metric {metric}
"""


@pytest.fixture
def four(tmp_path):
    lab = Lab(tmp_path, {name: DELAY_MS for name in "ab"})
    for number, (name, (near, far, network)) in enumerate(MORE.items()):
        lab.emulate(name, near, far, DELAY_MS)
        set_up(WIRE.format(near=near, far=far, network=network, metric=30 + number))
    for name in "abcd":
        lab.set_link(name, "queue_ms=20000")
        lab.set_link(name, f"rate_bps={RATE_BPS}")
    lab.conv = lab.converter()
    links = {f"link {name}": {"interface": f"l{number}", "profile": "lowrate"} for number, name in enumerate("abcd")}
    lab.gw = lab.start_gateway(**links)
    lab.gw.wait_log("the converter answers", patience_s=PATIENCE_S)
    yield lab
    lab.close()


def begin(lab):
    """A session of the host's, on which both ends have spoken."""
    listener = lab.listen("server")
    listener.settimeout(PATIENCE_S)
    near = lab.connect("host", "93.10.20.30", listener.getsockname()[1], timeout=PATIENCE_S)
    near.sendall(b"?")
    far = lab.accept(listener)[0]
    assert far.recv(1) == b"?"
    return near, far


def carry(lab, sender, receiver, meanwhile=None):
    """BYTES of them, checked; how long it took."""
    data = os.urandom(BYTES)
    begun = time.monotonic()
    send_in_background(sender, data)
    os.wait()
    sender.shutdown(socket.SHUT_WR)
    head = b""
    while meanwhile and len(head) < BYTES // 3:
        part = receiver.recv(4096)
        assert part, "an end before the bytes"
        head += part
    if meanwhile:
        meanwhile()
    got = head + receive_all(receiver)
    took_s = time.monotonic() - begun
    assert len(got) == BYTES and hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
    return took_s


def cut(lab, name):
    lab.set_link(name, "silence=1")


def test_a_download_and_an_upload_go_over_all_links(four):
    near, far = begin(four)
    down_s = carry(four, far, near)
    up_s = carry(four, near, far)
    one_s = BYTES * 8 / RATE_BPS
    print(f"one link would take {one_s:.0f} s; down {down_s:.1f} s ({one_s / down_s:.2f} times), up {up_s:.1f} s ({one_s / up_s:.2f} times)")
    assert counter(four.gw, "striped") == counter(four.conv, "striped") == 1
    assert counter(four.gw, "legs") == counter(four.conv, "legs") == 4
    assert not WHOLE or max(down_s, up_s) <= one_s / BAR
    wait_for(lambda: not four.gw.ctl("sessions")["sessions"] and not four.conv.ctl("sessions")["sessions"], "the session to be over", PATIENCE_S)
    assert counter(four.gw, "probes") <= 12, "each takes a second of all that such a link can"


@pytest.mark.parametrize("way", ["down", "up"])
def test_a_link_cut_amid_a_transfer_loses_nothing(four, way):
    near, far = begin(four)
    took_s = carry(four, *((far, near) if way == "down" else (near, far)), meanwhile=lambda: cut(four, "b"))
    print(f"{way}, a link cut after a third: {took_s:.1f} s")
    assert counter(four.conv if way == "down" else four.gw, "pieces_again")


def test_a_link_without_carrier_leaves_and_returns(four):
    near, far = begin(four)

    def lose():
        four.set_carrier("c", False)
        four.gw.wait_log(r"link c \(l2\): no carrier")
        four.set_carrier("c", True)
    carry(four, far, near, meanwhile=lose)
    wait_for(lambda: counter(four.conv, "legs") == 5, "the link to be joined anew", PATIENCE_S)
    carry(four, near, far)


def test_several_sessions_share_the_links(four):
    pairs = [begin(four) for _ in range(6)]
    sent = {}
    for near, far in pairs:
        for sender, receiver in ((near, far), (far, near)):
            sent[receiver] = os.urandom(BYTES // 10)
            sender.sendall(sent[receiver])
            sender.shutdown(socket.SHUT_WR)
    for receiver, wanted in sent.items():
        assert receive_all(receiver) == wanted
    assert counter(four.gw, "striped") == counter(four.conv, "striped") == len(pairs)
    wait_for(lambda: not four.gw.ctl("sessions")["sessions"] and not four.conv.ctl("sessions")["sessions"], "the sessions to be over", PATIENCE_S)


def test_who_drains_delivers_first(four):
    """Both hosts' ends have gone, and the relay's session; what they said is under way still."""
    near, far = begin(four)
    far.shutdown(socket.SHUT_WR)
    assert near.recv(1) == b""
    data = os.urandom(BYTES)
    near.sendall(data)
    near.close()
    wait_for(lambda: not four.gw.ctl("sessions")["sessions"], "the host's end to be taken", PATIENCE_S)
    four.gw.tell(signal.SIGTERM)
    assert receive_all(far) == data
    far.close()
    wait_for(lambda: not four.gw.running(), "the gateway to end", PATIENCE_S)
    assert "sessions are ended" not in four.gw.log()


def test_a_reset_is_a_reset(four):
    for which in (0, 1):
        ends = begin(four)
        close_with_reset(ends[which])
        with pytest.raises(ConnectionResetError):
            while ends[1 - which].recv(4096):
                pass
    wait_for(lambda: not four.gw.ctl("sessions")["sessions"] and not four.conv.ctl("sessions")["sessions"], "the sessions to be over", PATIENCE_S)


@pytest.mark.parametrize("left", ["a", "d"])
def test_a_reset_behind_an_end_takes_whatever_link_is_left(four, left):
    """Nothing acknowledges it any more: that way is at its end. Both links in turn, as it may be just this one that it goes over anyway."""
    near, far = begin(four)
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b""
    far.sendall(b"!")
    assert near.recv(1) == b"!", "with it the end is acknowledged"
    for name in "abcd".replace(left, ""):
        cut(four, name)
    close_with_reset(near)
    poll = select.poll()
    poll.register(far, 0)   # to read there is the end
    assert poll.poll(1000 * PATIENCE_S), "the server was not told of the reset"


def test_a_gateway_without_a_place_for_more_leaves_the_converter_alone(lab):
    """What is over goes the ordinary way, and the others go on."""
    raise_descriptor_limit()
    lab.converter(daemon={"workers": 4})   # a client has half of the places of each
    gateway = lab.gateway(gateway={"accept": "faithful"}, daemon={"workers": 1}, **LOWRATE)
    listener = lab.listen("server")
    pairs = [lab.session(listener)[:2] for _ in range(PLACES)]
    assert counter(gateway, "striped") == PLACES
    assert lab.bonded(listener) is False
    gateway.wait_log(f"no place for a session in pieces .{PLACES} a worker")
    assert gateway.ctl("status")["converter"]["reachable"] and not counter(gateway, "no_answer")
    for sock in pairs.pop():
        sock.close()
    wait_for(lambda: lab.bonded(listener), "a place that is free again")


def test_a_converter_that_begins_anew_has_lost_the_session(four):
    near, far = begin(four)
    four.conv.kill()
    four.conv = four.converter()
    with pytest.raises(ConnectionResetError):
        near.recv(1)


def test_a_server_that_refuses_refuses(four):
    with pytest.raises(ConnectionRefusedError):
        four.connect("host", "93.10.20.30", 9, timeout=PATIENCE_S)


def test_beside_another_link_it_is_a_backup(lab):
    lab.converter()
    gateway = lab.gateway(**{"link a": {"interface": "l0", "profile": "lowrate"}})
    listener = lab.listen("server")
    lab.session(listener)
    endpoints = [line for line in lab.run("gw", "ip mptcp endpoint").splitlines() if "192.0.2.2" in line]
    assert len(endpoints) == 1 and "backup" in endpoints[0], endpoints
    assert not counter(gateway, "striped") and gateway.ctl("sessions")["sessions"][0]["links"][0]["name"] == "b"


def test_a_backup_carries_where_the_others_are_silent(tmp_path):
    lab = Lab(tmp_path, {name: DELAY_MS for name in "ab"})
    try:
        for name in "ab":
            lab.set_link(name, f"queue_ms=20000 rate_bps={RATE_BPS}")
        lab.converter()
        gateway = lab.start_gateway(**{"link a": {"profile": "lowrate"}, "link b": {"profile": "lowrate", "backup": "yes"}})
        gateway.wait_log("the converter answers", patience_s=PATIENCE_S)
        near, far = begin(lab)
        cut(lab, "a")
        far.sendall(b"a first word")
        gateway.wait_log("link a is silent", patience_s=4 * PATIENCE_S)
        near.settimeout(2 * PATIENCE_S)
        assert near.recv(12) == b"a first word"
    finally:
        lab.close()


def test_without_a_key_there_are_no_pieces(lab):
    """Nobody has shown to be Braid; the links are slow all the same."""
    lab.converter(converter={"allow": LINKS_ALLOWED})
    gateway = lab.gateway(gateway={"key": None}, **LOWRATE)
    lab.session(lab.listen("server"))
    assert not counter(gateway, "striped")
