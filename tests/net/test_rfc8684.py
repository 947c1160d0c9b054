# SPDX-License-Identifier: GPL-2.0-or-later
"""What is on the wire between gateway and converter is Multipath TCP by RFC 8684, whatever the scheme: read from captures, computed anew from the keys in them."""
import contextlib
import os
import re

import pytest

from mptcp_wire import DATA_FIN, DSS, MP_CAPABLE, MP_FASTCLOSE, connections_of, idsn, subflows_of
from netlab import CONVERTER, LINK_A, SERVER, Lab, close_with_reset, receive_all, receive_exactly, send_in_background, wait_for
from schemes import MOST, SCHEMES
from schemes import start as start_both
from segments import RST, capturing

UP, DOWN = os.urandom(700_000), os.urandom(900_000)
LINKS = [("gw", "l0"), ("gw", "l1")]
CHECKSUMS = "echo 1 > /proc/sys/net/mptcp/checksum_enabled"


@pytest.fixture
def emulated(tmp_path):
    """Links that are emulated: frames of at most their MTU, and middleboxes."""
    lab = Lab(tmp_path, delays_ms={"a": 2, "b": 2})
    yield lab
    lab.close()


def start(lab, scheme):
    gateway, _ = start_both(lab, scheme, {"gateway": {"accept": "early"}})
    return gateway, lab.listen("server")


def exchange(lab, near, far):
    """Each end sends all it has, and ends its direction; both streams must arrive whole."""
    pids = [send_in_background(near, UP), send_in_background(far, DOWN)]
    assert receive_exactly(far, len(UP)) == UP
    assert receive_exactly(near, len(DOWN)) == DOWN
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def end(near, far):
    near.shutdown(1)
    assert receive_all(far) == b""
    far.shutdown(1)
    assert receive_all(near) == b""
    near.close()
    far.close()


def wait_joined(gateway):
    """Both links have a subflow of the session."""
    wait_for(lambda: any(len({link["name"] for link in session["links"]}) == 2 for session in gateway.ctl("sessions")["sessions"]), "a join")


def wait_gone(lab, gateway):
    wait_for(lambda: not gateway.ctl("sessions")["sessions"], "the session's end")
    wait_for(lambda: not lab.run("gw", "ss -HtnM state fin-wait-1; ss -HtnM state fin-wait-2; ss -HtnM state last-ack; ss -HtnM state closing").strip(),
             "Multipath TCP's end")


def session_of(captures, what):
    """The connection whose client sent what in the stream."""
    for connection in connections_of(*captures):
        if connection.is_mptcp and what in connection.stream(True)[0]:
            return connection
    raise AssertionError("no connection of Multipath TCP carried the session")


@pytest.mark.parametrize("checksums", [False, True], ids=["", "checksums"])
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_session_from_its_first_packet_to_its_last(emulated, scheme, checksums):
    lab = emulated
    if checksums:
        for node in ("gw", "conv"):
            lab.run(node, CHECKSUMS)
    gateway, listener = start(lab, scheme)
    with capturing(lab, LINKS) as seen:
        near, far, peer = lab.session(listener)
        wait_joined(gateway)
        exchange(lab, near, far)
        end(near, far)
        wait_gone(lab, gateway)
    connection = session_of(seen.values(), UP[:4096])
    connection.check_first()
    assert connection.checksummed == checksums
    assert len(connection.subflows) >= 2, "nothing joined"
    assert any(connection.check_join(subflow) for subflow in connection.subflows[1:]), "no join was completed"
    assert bool(connection.check_add_addr()) == scheme.on_path
    up, up_ended = connection.stream(True)
    down, down_ended = connection.stream(False)
    assert up_ended and down_ended, "no DATA_FIN"
    preamble, answer = up[:len(up) - len(UP) - 1], down[:len(down) - len(DOWN)]
    assert up[len(preamble):] == b"!" + UP and down[len(answer):] == DOWN
    assert re.fullmatch(scheme.opening + rb".{0,300}" if scheme.opening else b"", preamble, re.S), f"before the host's bytes: {preamble.hex()}"
    assert re.fullmatch(scheme.answer + rb".{0,300}" if scheme.answer else b"", answer, re.S), f"before the server's bytes: {answer.hex()}"
    for subflow in connection.subflows:
        assert not [s for s in subflow.segments if s.flags & RST], "a subflow was reset"


@pytest.mark.parametrize("scheme", MOST, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("who", ["host", "server"])
def test_a_reset_is_a_fast_close(emulated, scheme, who):
    lab = emulated
    gateway, listener = start(lab, scheme)
    with capturing(lab, LINKS) as seen:
        near, far, _ = lab.session(listener)
        near.sendall(UP[:4096])
        assert receive_exactly(far, 4096) == UP[:4096]
        wait_joined(gateway)
        close_with_reset(near if who == "host" else far)
        with pytest.raises(ConnectionResetError):
            (far if who == "host" else near).recv(1)
        wait_gone(lab, gateway)
    connection = session_of(seen.values(), UP[:4096])
    found = [body for subflow in connection.subflows for body in subflow.options(MP_FASTCLOSE, who == "host")]
    peer_key = connection.key_b if who == "host" else connection.key_a
    assert found and all(body[2:10] == peer_key for body in found), f"MP_FASTCLOSE with the key of the peer: {[body.hex() for body in found]}"
    assert not connection.stream(who == "host")[1], "a DATA_FIN, too"


def plain_stream(captures, what):
    """Of the connections that are plain TCP: the one that carried it, up."""
    for segments in captures:
        for flow in subflows_of(segments):
            if flow.server[0] in (CONVERTER, SERVER) and what in flow.up.stream():
                return flow
    raise AssertionError("no connection carried the session")


STRIPPERS = {"of all segments": "strip_mptcp=1", "of SYNs": "strip_mptcp=2", "of all but SYNs": "strip_mptcp=3"}


def is_the_servers_own(scheme, stripped):
    """What a gateway begins once it has learned that nothing else comes through, and can't declare that (decision 0029)."""
    return "declaring" in scheme.lacks and stripped == STRIPPERS["of all but SYNs"]


def learn(lab, listener, stripped):
    """Where the handshake looks well and nothing else does, a gateway learns from two connections a link (decision 0029)."""
    for _ in range(4 if stripped == STRIPPERS["of all but SYNs"] else 0):
        with contextlib.suppress(OSError):
            near, far, _ = lab.session(listener)
            near.settimeout(1)
            far.sendall(b"!")
            near.recv(1)
            close_with_reset(near)
            close_with_reset(far)


@pytest.mark.parametrize("scheme", MOST, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("stripped", STRIPPERS.values(), ids=STRIPPERS)
def test_options_stripped_on_both_links_leave_plain_tcp(emulated, scheme, stripped):
    lab = emulated
    for link in "ab":
        lab.set_link(link, stripped)
    gateway, listener = start(lab, scheme)
    learn(lab, listener, stripped)
    with capturing(lab, LINKS) as seen:
        near, far, _ = lab.session(listener)
        exchange(lab, near, far)
        end(near, far)
        wait_gone(lab, gateway)
    flow = plain_stream(seen.values(), UP[:4096])
    assert flow.up.stream().endswith(b"!" + UP) and flow.down.stream().endswith(DOWN)
    assert not [body for body in flow.options(DSS, False)], "options came through"
    if "3" not in stripped:
        assert not flow.options(MP_CAPABLE, False), "options came through"


@pytest.mark.parametrize("scheme", MOST, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("stripped", STRIPPERS.values(), ids=STRIPPERS)
def test_options_stripped_on_one_link_leave_the_other(emulated, scheme, stripped):
    """Whichever link the session begins on: what is Multipath TCP is so to the letter, and what isn't is a stream of its own."""
    lab = emulated
    lab.set_link("a", stripped)
    gateway, listener = start(lab, scheme)
    learn(lab, listener, stripped)
    with capturing(lab, LINKS) as seen:
        near, far, _ = lab.session(listener)
        exchange(lab, near, far)
        end(near, far)
        wait_gone(lab, gateway)
    links = {name: segments for (_, name), segments in seen.items()}
    found = [c for c in connections_of(links["l0"], links["l1"]) if c.is_mptcp and UP[:4096] in c.stream(True)[0]]
    if not found:
        flow = plain_stream(links.values(), UP[:4096])
        assert flow.client[0] == LINK_A or is_the_servers_own(scheme, stripped), "plain TCP over the link that strips nothing"
        assert flow.up.stream().endswith(b"!" + UP) and flow.down.stream().endswith(DOWN)
        return
    connection = found[0]
    connection.check_first()
    assert connection.stream(True)[0].endswith(b"!" + UP) and connection.stream(False)[0].endswith(DOWN)
    assert idsn(connection.key_a) != idsn(connection.key_b)


@pytest.mark.parametrize("scheme", MOST, ids=lambda scheme: scheme.name)
def test_the_last_of_a_direction_is_marked(emulated, scheme):
    """DATA_FIN goes with data or after it, once a direction, and is acknowledged before the subflows end."""
    lab = emulated
    gateway, listener = start(lab, scheme)
    with capturing(lab, LINKS) as seen:
        near, far, _ = lab.session(listener)
        near.sendall(UP[:4096])
        assert receive_exactly(far, 4096) == UP[:4096]
        end(near, far)
        wait_gone(lab, gateway)
    connection = session_of(seen.values(), UP[:4096])
    for from_client in (True, False):
        options = [body for subflow in connection.subflows for body in subflow.options(DSS, from_client)]
        assert any(body[1] & DATA_FIN for body in options)
        assert connection.stream(from_client)[1]
