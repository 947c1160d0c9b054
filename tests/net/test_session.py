# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection through both daemons: what arrives, how it ends, and that the two ends can't tell."""
import hashlib
import os
import signal
import socket
import threading
import time

import pytest

import netlab
from netlab import (CONVERTER, CONVERTER_V6, SERVER, SERVER_V6, Lab, close_with_reset, receive_all,
                    receive_exactly, send_in_background, wait_for)

BULK = os.urandom(1 << 20) * 8
LEAST_IN_FLIGHT = len(BULK) // 8
SERVERS = pytest.mark.parametrize("server", [SERVER, SERVER_V6], ids=["v4", "v6"])


def digest(data):
    return hashlib.sha256(data).hexdigest()


def sent_well(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@SERVERS
def test_server_sees_the_converter_and_both_ways_carry(served, server):
    near, far, peer = served.session(served.listen("server"), server)
    assert peer == (CONVERTER if server == SERVER else peer), "the server's peer must be the converter"
    assert peer != netlab.HOST_V6
    near.sendall(b"question")
    assert far.recv(100) == b"question"
    far.sendall(b"answer")
    assert near.recv(100) == b"answer"


@SERVERS
def test_server_speaks_first(served, server):
    listener = served.listen("server")
    near = served.connect("host", server, listener.getsockname()[1])
    far, peer = served.accept(listener)
    far.sendall(b"220 ready\r\n")
    assert near.recv(100) == b"220 ready\r\n"


def test_host_ends_first_and_reads_on(served):
    near, far, _ = served.session(served.listen("server"))
    child = send_in_background(near, BULK)
    assert digest(receive_exactly(far, len(BULK))) == digest(BULK)
    assert sent_well(child)
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b"", "the host's end must arrive"
    for _ in range(3):   # the other direction is as open as before
        far.sendall(b"still here")
        assert receive_exactly(near, 10) == b"still here"
    child = send_in_background(far, BULK)
    assert digest(receive_exactly(near, len(BULK))) == digest(BULK)
    assert sent_well(child)
    far.close()
    assert near.recv(1) == b""


def test_server_ends_first_and_reads_on(served):
    near, far, _ = served.session(served.listen("server"))
    far.sendall(b"last words")
    far.shutdown(socket.SHUT_WR)
    assert receive_all(near) == b"last words"
    child = send_in_background(near, BULK)
    assert digest(receive_exactly(far, len(BULK))) == digest(BULK)
    assert sent_well(child)
    near.close()
    assert far.recv(1) == b""


def test_host_ends_before_the_server_is_reached(served):
    """What a host sends and ends at once, as `echo x | nc` does."""
    listener = served.listen("server")
    near = served.connect("host", SERVER, listener.getsockname()[1])
    near.sendall(b"all I have to say")
    near.shutdown(socket.SHUT_WR)
    far, _ = served.accept(listener)
    assert receive_all(far) == b"all I have to say"
    far.sendall(b"thank you")
    far.close()
    assert receive_all(near) == b"thank you"


def links_of(daemon, near, ways=("bytes_up", "bytes_down")):
    """The bytes of the host's connection, by link, which may have several subflows."""
    source = f":{near.getsockname()[1]}"
    links = next(session["links"] for session in daemon.ctl("sessions")["sessions"] if session["source"].endswith(source))
    return {name: sum(link[way] for link in links for way in ways if link["name"] == name) for name in {link["name"] for link in links}}


def links_of_an_answer(served, listener):
    """How much of an answer came over which link, to a host that has asked and ended at once."""
    near = served.connect("host", SERVER, listener.getsockname()[1])
    near.sendall(b"give me all")
    near.shutdown(socket.SHUT_WR)
    far, _ = served.accept(listener)
    assert receive_all(far) == b"give me all"
    child = send_in_background(far, BULK)
    got = receive_exactly(near, len(BULK))
    used = links_of(served.gw, near)
    assert sent_well(child)
    assert digest(got) == digest(BULK)
    far.close()
    assert near.recv(1) == b""
    near.close()
    return used


def test_a_host_that_ends_at_once_gets_both_links(served):
    """Linux takes no join for a connection that is half closed: the end waits for the join, and the answer comes over both links. Not for ever, though:
    some may have come while the machine stood still for a tenth of a second."""
    listener = served.listen("server")
    answers = [links_of_an_answer(served, listener) for _ in range(8)]
    over_both = [used for used in answers if len(used) == 2 and min(used.values()) > len(BULK) // 20]
    assert len(over_both) >= 6, answers


def fill(sender):
    """Sends until nothing more is taken: every buffer on the way is full then. How many bytes that were."""
    sender.setblocking(False)
    sent = 0
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < (0.5 if sent > LEAST_IN_FLIGHT else netlab.PATIENCE_S):
        try:
            sent += sender.send(BULK[sent % len(BULK):][:1 << 18])
            idle_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    sender.setblocking(True)
    assert sent > LEAST_IN_FLIGHT, f"only {sent} bytes fitted: nothing was in flight"
    return sent


def close_in_flight(lab, ending):
    """One end closes with megabytes under way: who is to read them, and how many there are."""
    near, far, _ = lab.session(lab.listen("server"))
    sender, receiver = (near, far) if ending == "host" else (far, near)
    receiver.settimeout(60)
    sent = fill(sender)
    sender.close()
    return receiver, sent


def expect_whole(receiver, sent):
    got = receive_all(receiver)
    expected = (BULK * (sent // len(BULK) + 1))[:sent]
    assert (len(got), digest(got)) == (sent, digest(expected))


@pytest.mark.parametrize("ending", ["host", "server"])
def test_what_was_in_flight_before_an_orderly_end_arrives(served, ending):
    """The receiver begins to read only then."""
    expect_whole(*close_in_flight(served, ending))


def test_what_was_in_flight_arrives_after_some_looks_for_stranded_sessions(served):
    """Or when the sender's daemon has long done with it."""
    waiting = [close_in_flight(served, ending) for ending in ("host", "server")]
    time.sleep(6)   # this is the condition: the daemons look in the meantime
    for one in waiting:
        expect_whole(*one)


@pytest.mark.parametrize("resetting", ["host", "server"])
def test_reset_stays_reset(served, resetting):
    near, far, _ = served.session(served.listen("server"))
    near.sendall(b"a")
    assert far.recv(1) == b"a"
    one, other = (near, far) if resetting == "host" else (far, near)
    close_with_reset(one)
    with pytest.raises(ConnectionResetError):
        other.recv(1)


@pytest.mark.parametrize("resetting", ["host", "server"])
def test_reset_after_half_close_stays_reset(served, resetting):
    near, far, _ = served.session(served.listen("server"))
    one, other = (near, far) if resetting == "host" else (far, near)
    other.shutdown(socket.SHUT_WR)
    assert one.recv(1) == b""
    close_with_reset(one)
    with pytest.raises(ConnectionResetError):
        other.recv(1)


@pytest.mark.parametrize("resetting", ["host", "server"])
def test_reset_that_is_met_by_the_look_for_stranded_sessions_stays_reset(served, resetting):
    """A stopped epoll_wait comes back without events, so the daemon's timers run before it hears of the reset: as on a machine with too much to do."""
    near, far, _ = served.session(served.listen("server"))
    near.sendall(b"a")
    assert far.recv(1) == b"a"
    one, other, daemon = (near, far, served.conv) if resetting == "host" else (far, near, served.gw)
    daemon.pause()
    close_with_reset(one)
    time.sleep(2.5)   # this is the condition: the look is due
    daemon.tell(signal.SIGCONT)
    with pytest.raises(ConnectionResetError):
        other.recv(1)


def test_close_with_unread_bytes_is_a_reset(served):
    """A server that closes with bytes unread resets; the host must see that, and not an end."""
    near, far, _ = served.session(served.listen("server"))
    near.sendall(b"unread")
    assert far.recv(6, socket.MSG_PEEK) == b"unread"
    far.close()
    with pytest.raises(ConnectionResetError):
        near.recv(1)


# The link leg's family is the converter address's; the LAN leg and the server leg are of one family, as nothing translates addresses.
@pytest.mark.signalled
@pytest.mark.parametrize("converter", [CONVERTER, CONVERTER_V6, f"{CONVERTER}, [{CONVERTER_V6}]"], ids=["v4", "v6", "both"])
def test_families_in_every_mixture(lab, converter):
    lab.converter()
    gateway = lab.gateway(gateway={"converter": converter})
    listener = lab.listen("server")
    for server, end in [(SERVER, netlab.HOST), (SERVER_V6, netlab.HOST_V6)] * 2:
        near, far, peer = lab.session(listener, server)
        assert peer != end, f"{server}: the ordinary way was taken"
        child = send_in_background(near, BULK)
        assert digest(receive_exactly(far, len(BULK))) == digest(BULK)
        assert sent_well(child)
        near.close()
        far.close()
    assert gateway.running()


@pytest.mark.signalled
def test_links_of_two_families_carry_one_session_each(lab):
    """Link a has IPv4 alone, link b IPv6 alone: where one is gone, the other serves."""
    lab.run("gw", "ip -6 addr flush dev l0 scope global; ip -4 addr flush dev l1")
    lab.converter()
    gateway = lab.gateway(gateway={"converter": f"{CONVERTER}, [{CONVERTER_V6}]"})
    listener = lab.listen("server")
    assert lab.bonded(listener)
    for down, up in [("a0", None), ("b0", "a0")]:
        if up:
            lab.run("core", f"ip link set {up} up")
            wait_for(lambda: gateway.log().count("link a (l0): up") > 0, "link a back")
        lab.run("core", f"ip link set {down} down")
        gateway.wait_log(rf"link {down[0]} \(l.\): no carrier")
        wait_for(lambda: lab.bonded(listener), f"a session while {down} is down")


def test_bytes_and_a_reset_before_the_handshake_between_the_two_has_ended(tmp_path):
    """A server that says why and resets, sooner than the converter may write to the gateway: the host reads why, then sees the reset."""
    lab = Lab(tmp_path, delays_ms={"a": 60, "b": 60})
    lab.converter()
    lab.gateway()
    listener = lab.listen("server")
    near = lab.connect("host", SERVER, listener.getsockname()[1])
    far, _ = lab.accept(listener)
    far.sendall(b"421 too busy\r\n")
    close_with_reset(far)
    assert receive_exactly(near, 14) == b"421 too busy\r\n"
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    lab.close()


def test_a_short_download_goes_over_both_links(tmp_path):
    """What the converter has put into one link's queue goes over no other: of a download that is over in seconds the second link has its share."""
    n_bytes = 4 << 20   # by route the second link joins when some of it has gone
    lab = Lab(tmp_path, delays_ms={"a": 25, "b": 25})
    for link in netlab.LINKS:
        lab.set_link(link, "rate_bps=10000000")
    lab.converter()
    gateway = lab.gateway()

    def carried():
        near, far, _ = lab.session(lab.listen("server"), SERVER)
        sender = threading.Thread(target=far.sendall, args=(bytes(n_bytes),))
        sender.start()
        assert len(receive_exactly(near, n_bytes)) == n_bytes
        sender.join()
        return links_of(gateway, near, ("bytes_down",))

    seen = []
    while len(seen) < 3 and not any(len(links) == 2 and min(links.values()) > n_bytes / 4 for links in seen):   # a link that stood still for a moment was left, and rightly
        seen.append(carried())
    assert len(seen[-1]) == 2 and min(seen[-1].values()) > n_bytes / 4, seen
    lab.close()
