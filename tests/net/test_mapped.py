# SPDX-License-Identifier: GPL-2.0-or-later
"""A host asks its gateway for a port, and a remote host then reaches it there, through the converter."""
import contextlib
import re
import signal
import socket
import threading

import pytest

from netlab import CONVERTER, CONVERTER_V6, HOST, HOST_V6, SERVER, SERVER_V6, counter, receive_exactly, wait_for
from test_inbound import masquerade, nginx, remote
from test_pcp import CONF, GATEWAY_V6, Asker, SUCCESS, filter_of, mapped, mappings, natpmpc, restart, start

MAPPED = 20005


def turned_away(lab, address=CONVERTER, port=MAPPED):
    """Refused, or accepted and reset; who gets through finds a host that is silent."""
    try:
        with remote(lab, address, port) as far:
            far.settimeout(0.5)
            return far.recv(1) == b""
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    except TimeoutError:
        return False


def wait_turned_away(lab, *where):
    wait_for(lambda: turned_away(lab, *where), "nobody to be reached there")


def reach(lab, address=CONVERTER, port=MAPPED):
    """A remote host's connection to a port that was just given: it is open some milliseconds after its host has the answer."""
    def attempt():
        with contextlib.suppress(ConnectionRefusedError):
            return remote(lab, address, port)
    return wait_for(attempt, "the port to be open")


def session(lab, listener, address=CONVERTER, port=MAPPED):
    far = reach(lab, address, port)
    near, peer = lab.accept(listener)
    near.sendall(b"welcome")
    assert receive_exactly(far, 7) == b"welcome"
    return far, near, peer


@pytest.mark.parametrize("with_nat", [False, True], ids=["routed", "nat"])
def test_a_foreign_client_opens_a_port_for_nginx(lab, with_nat):
    if with_nat:
        masquerade(lab)
    start(lab)
    folder = nginx(lab)
    wait_turned_away(lab)
    done = natpmpc(lab, "-a", MAPPED, 80, "tcp", 300)
    assert f"Mapped public port {MAPPED} protocol TCP to local port 80" in done.stdout, done.stdout + done.stderr
    far = reach(lab)
    far.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
    got = b""
    while b"\r\n\r\n" not in got:
        got += far.recv(1)
    assert receive_exactly(far, 20 << 20) == (folder / "file").read_bytes()
    far.close()
    wait_for(lambda: (folder / "access").read_text(), "nginx's log")
    assert (folder / "access").read_text().startswith(SERVER + " "), (folder / "access").read_text()
    natpmpc(lab, "-a", 0, 80, "tcp", 0)
    wait_turned_away(lab)


def test_what_was_there_goes_on_when_the_mapping_ends(lab):
    asker = start(lab)
    listener = lab.listen("host", 80)
    assert asker.map(internal=80, external=MAPPED)[0] == SUCCESS
    far, near, peer = session(lab, listener)
    assert (peer, near.getpeername()[1]) == (SERVER, far.getsockname()[1]), "the host sees another peer"
    assert asker.map(internal=80, lifetime_s=0)[0] == SUCCESS
    wait_turned_away(lab)
    far.sendall(b"still here")
    assert receive_exactly(near, 10) == b"still here"


def test_over_ipv6(lab):
    start(lab, converter={**CONF["converter"], "mapping_address": CONVERTER_V6})
    listener = lab.listen("host", 80)
    assert Asker(lab, HOST_V6, GATEWAY_V6).map(internal=80, external=MAPPED)[:3] == (SUCCESS, 300, mapped(CONVERTER_V6))
    assert session(lab, listener, CONVERTER_V6)[2] == SERVER_V6


def test_filters_hold(lab):
    asker = start(lab)
    listener = lab.listen("host", 80)
    assert asker.map(internal=80, external=MAPPED, options=filter_of("192.0.2.0", 120))[0] == SUCCESS
    with pytest.raises(ConnectionResetError):
        wait_for(lambda: reach(lab).recv(1) and False, "the filter")
    assert counter(lab.conv, "inbound_filtered") >= 1 and counter(lab.conv, "inbound") == 0
    assert asker.map(internal=80, options=filter_of(SERVER, 128))[0] == SUCCESS   # beside the first
    wait_for(lambda: lab.conv.ctl("mappings")["mappings"][0]["filters"][1:], "both filters")
    wait_for(lambda: not turned_away(lab), "the filter to let it in")
    lab.accept(listener)


def test_each_reaches_its_own(lab):
    """A table of some, changed all the while."""
    asker = start(lab)
    listeners = {port: lab.listen("host", port) for port in (80, 81, 82)}
    for port in listeners:
        assert asker.map(internal=port, external=20000 + port - 80)[0] == SUCCESS
    for port, listener in listeners.items():
        session(lab, listener, port=20000 + port - 80)
    assert asker.map(internal=81, lifetime_s=0)[0] == SUCCESS
    wait_turned_away(lab, CONVERTER, 20001)
    for port in (80, 82):
        session(lab, listeners[port], port=20000 + port - 80)
    table = lab.run("conv", "nft list table inet braid_inbound")
    wait_for(lambda: "20001" not in lab.run("conv", "nft list ruleset"), "the mapping to go")
    table = lab.run("conv", "nft list table inet braid_inbound")
    assert re.findall(r"\. (\d+)[ ,]", table) == ["20000", "20002"], table


FORWARD = {"subscriber": "home", "listen": f"{CONVERTER}:{MAPPED}", "host": HOST, "port": 443}


def test_a_forward_keeps_its_place(lab):
    """Who suggests its port gets another; who asks for what it leads to is told of it."""
    asker = start(lab, **{"forward web": FORWARD})
    result, _, _, port = asker.map(internal=80, external=MAPPED)
    assert result == SUCCESS and port != MAPPED
    result, _, address, port = asker.map(internal=443)
    assert (result, address, port) == (SUCCESS, mapped(CONVERTER), MAPPED)
    session(lab, lab.listen("host", 443))


def test_a_forward_that_comes_takes_its_place(lab):
    asker = start(lab)
    assert asker.map(internal=80, external=MAPPED)[0] == SUCCESS
    lab.conv.reload(lab.converter_conf(**{**CONF, "forward web": FORWARD}))
    lab.conv.wait_log("the configuration was read again")
    assert mappings(lab) == {f"{CONVERTER}:{MAPPED}": (f"{HOST}:443", "home")}
    session(lab, lab.listen("host", 443))
    result, _, _, port = asker.map(internal=80, external=MAPPED)
    assert result == SUCCESS and port != MAPPED


def connect_later(lab, port=MAPPED):
    """A remote host that connects now; the kernel tries for as long as it takes."""
    with lab.inside("server"):
        far = socket.socket()
    lab.sockets.append(far)
    far.settimeout(30)
    outcome = []

    def attempt():
        try:
            far.connect((CONVERTER, port))
            outcome.append(far.recv(7))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    return thread, outcome


def test_in_force_after_a_kill(lab):
    """Nobody is refused meanwhile: who connects while the converter is away waits, and gets through."""
    asker = start(lab)
    listener = lab.listen("host", 80)
    assert asker.map(internal=80, external=MAPPED, lifetime_s=3600)[0] == SUCCESS
    session(lab, listener)
    lab.conv.stop(signal.SIGKILL)
    thread, outcome = connect_later(lab)
    lab.gw.wait_log("can't be reached")
    n = lab.gw.log().count("the converter answers")
    lab.conv = lab.converter(**CONF)
    lab.gw.wait_log("the converter answers", n + 1)
    near, peer = lab.accept(listener)
    near.sendall(b"welcome")
    thread.join()
    assert outcome == [b"welcome"] and peer == SERVER
    assert counter(lab.conv, "inbound") == 1


def test_in_force_after_a_restart(lab):
    asker = start(lab)
    listener = lab.listen("host", 80)
    assert asker.map(internal=80, external=MAPPED, lifetime_s=3600)[0] == SUCCESS
    restart(lab, signal.SIGTERM)
    session(lab, listener)


def test_nothing_is_left_of_them(lab):
    asker = start(lab)
    assert asker.map(internal=80, external=MAPPED)[0] == SUCCESS
    wait_for(lambda: "braid_inbound" in lab.run("conv", "nft list tables"), "the mapping")
    assert lab.conv.stop() == 0
    assert "braid_inbound" not in lab.run("conv", "nft list tables")
    wait_turned_away(lab)
