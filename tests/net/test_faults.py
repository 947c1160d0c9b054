# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons killed, ended, told to read their configuration again; links that fail or eat what they shouldn't."""
import hashlib
import os
import pathlib
import re
import signal
import time

import pytest

from netlab import BRAIDD, CONVERTER, CONVERTER_NODE, HOST, PATIENCE_S, Program, counter, receive_all, receive_exactly, send_in_background, wait_for

BULK = os.urandom(1 << 20) * 32
LIMIT_S = 1 if "BRAID_TIMED" in os.environ else PATIENCE_S   # until new connections pass the ordinary way

SHOW = ("ip rule; ip -6 rule; ip mptcp endpoint; ip mptcp limits; nft list ruleset; "
        "for t in 5200 5201 5202; do ip route show table $t; ip -6 route show table $t; done 2>/dev/null; "
        "grep . /proc/sys/net/mptcp/* /proc/sys/net/ipv4/tcp_fastopen /proc/sys/net/ipv4/tcp_fastopen_b* /proc/sys/net/ipv4/conf/*/rp_filter")


def picture(lab, node="gw"):
    """All that a daemon may put in place, as the system's own tools show it."""
    return lab.run(node, SHOW)


def first_answer(lab, listener):
    """(who the server saw, seconds until its greeting was read) of a new connection, or the error."""
    begun = time.monotonic()
    try:
        near, far, peer = lab.session(listener)
    except OSError as error:
        return type(error).__name__, time.monotonic() - begun
    far.sendall(b"greeting")
    assert receive_exactly(near, 8) == b"greeting"
    near.close()
    far.close()
    return peer, time.monotonic() - begun


@pytest.mark.parametrize("victim", ["gateway", pytest.param("converter", marks=pytest.mark.signalled)])   # test_route.py has the other one
def test_killed_daemon(lab, victim):
    """kill -9: new connections pass the ordinary way within a second (make check-timing; on a busy machine at some time), and are served again after the restart."""
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    killed = gateway if victim == "gateway" else converter
    killed.kill()
    begun = time.monotonic()
    seen = []
    while not seen or seen[-1][0] != HOST:
        seen.append(first_answer(lab, listener))
        assert time.monotonic() - begun < LIMIT_S, f"not the ordinary way within {LIMIT_S} s: {seen}"
    after_s = time.monotonic() - begun
    if victim == "gateway":
        gateway = lab.gateway()
    else:
        converter = lab.converter()
    begun = time.monotonic()
    wait_for(lambda: lab.bonded(listener), "served again after the restart")
    print(f"{victim} killed: ordinary way after {after_s * 1000:.0f} ms, served again {time.monotonic() - begun:.2f} s after its restart")


@pytest.mark.parametrize("victim", ["gateway", "converter"])
def test_sessions_of_a_killed_daemon_end(lab, victim):
    """At both ends, long before anybody's keep-alive; whether as an end or a reset is the kernel's choice for a process that died."""
    daemons = {"converter": lab.converter(), "gateway": lab.gateway()}
    near, far, _ = lab.session(lab.listen("server"))
    daemons[victim].kill()
    for sock in (near, far):
        try:
            assert sock.recv(1) == b""
        except ConnectionResetError:
            pass


def test_second_start_after_kill_cleans_up(lab):
    """And knows the settings from before the first, also with another configuration."""
    before = picture(lab)
    lab.converter()
    lab.gateway().kill()
    assert picture(lab) != before
    second = lab.gateway(**{"link b": None})
    assert "198.51.100.2" not in lab.run("gw", "ip mptcp endpoint; ip rule"), "what the first had beyond the second must go"
    assert second.stop() == 0
    assert picture(lab) == before


def test_converter_leaves_nothing_behind(lab):
    before = picture(lab, CONVERTER_NODE)
    lab.converter().kill()
    assert lab.converter().stop() == 0
    assert picture(lab, CONVERTER_NODE) == before


def test_the_man_page_tells_of_every_setting(lab):
    lab.run("gw", "echo 1 > /proc/sys/net/ipv4/conf/l0/rp_filter; echo 0 > /proc/sys/net/ipv4/tcp_fastopen")
    lab.converter()
    lab.gateway()
    kept = pathlib.Path("/run/braid-gw/sysctls").read_text().splitlines()[1:]
    names = [line.split("\t")[0].removeprefix("net/").removeprefix("mptcp_pm/").replace("/l0/", "/LINK/") for line in kept]
    page = (pathlib.Path(__file__).parents[2] / "doc" / "man" / "braidd.8").read_text()
    assert len(names) >= 7, names
    assert [name for name in names if name not in page] == []


def test_term_drains(lab):
    """No new session, those that run go on until they end; then nothing is left."""
    before = picture(lab)
    lab.converter()
    gateway = lab.gateway()
    listener = lab.listen("server")
    near, far, peer = lab.session(listener)
    assert peer == CONVERTER
    gateway.tell(signal.SIGTERM)
    gateway.wait_log("no new connections are taken")
    wait_for(lambda: lab.bonded(listener) is False, "new connections on the ordinary way while draining")
    near.sendall(b"still served")
    assert receive_exactly(far, 12) == b"still served"
    assert gateway.running()
    far.sendall(b"goodbye")
    far.close()
    assert receive_all(near) == b"goodbye"
    near.close()
    assert gateway.process.wait(PATIENCE_S) == 0
    assert picture(lab) == before


@pytest.mark.signalled
def test_term_of_the_converter_drains(lab):
    converter = lab.converter()
    gateway = lab.gateway()
    listener = lab.listen("server")
    near, far, peer = lab.session(listener)
    converter.tell(signal.SIGTERM)
    gateway.wait_log("the converter can't be reached")
    wait_for(lambda: lab.bonded(listener) is False, "new connections on the ordinary way while the converter drains")
    near.sendall(b"still served")
    assert receive_exactly(far, 12) == b"still served"
    near.close()
    far.close()
    assert converter.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("twice", [False, True], ids=["timeout", "asked twice"])
def test_drain_ends_sooner_or_later(lab, twice):
    lab.converter()
    gateway = lab.gateway(daemon={"drain_timeout_ms": 600000 if twice else 300})
    near, far, _ = lab.session(lab.listen("server"))
    gateway.tell(signal.SIGTERM)
    gateway.wait_log("no new connections are taken")
    if twice:
        gateway.tell(signal.SIGTERM)
    assert gateway.process.wait(PATIENCE_S) == 0
    with pytest.raises(ConnectionResetError):
        near.recv(1)


def test_reload_keeps_sessions_and_takes_the_new_configuration(lab):
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    near, far, peer = lab.session(listener)
    converter.reload(lab.converter_conf(**{"converter": {"allow_destination": "10.0.0.0/8"}}))
    gateway.reload(lab.gateway_conf(**{"link b": {"backup": "yes"}}))
    for daemon in (converter, gateway):
        daemon.wait_log("the configuration was read again")
    wait_for(lambda: "backup" in lab.run("gw", "ip mptcp endpoint"), "link b as backup")
    near.sendall(b"still here")
    assert receive_exactly(far, 10) == b"still here"
    wait_for(lambda: lab.bonded(listener), "bonded with the new configuration")
    assert "can't be reached" not in gateway.log()


@pytest.mark.parametrize("name,text,expected", [
    ("rubbish", "rubbish\n", r"gw.conf:1: "),
    ("unknown key", "[gateway]\nlan = lan0\nconvertor = 1.2.3.4\n", r"gw.conf:3: .*'convertor'"),
    ("out of range", "[gateway]\nlan = lan0\nearly_data_wait_ms = 5000\n", r"gw.conf:3: .*found '5000', wanted 0..1000"),
    ("missing key", "[gateway]\nlan = lan0\n[link a]\ninterface = l0\n", r"without the key 'converter'"),
    ("empty", "", r"neither \[gateway\] nor \[converter\]"),
    ("needs a restart", None, r"these change only with a restart: gateway.fwmark")])
def test_bad_new_configuration_is_refused_and_the_old_kept(served, name, text, expected):
    n = len(served.gw.log())
    served.gw.reload(text if text is not None else served.gateway_conf(gateway={"fwmark": 7}))
    wait_for(lambda: "the old one holds" in served.gw.log()[n:], f"a refusal of the configuration ({name})")
    served.gw.wait_log(expected)
    assert served.bonded(), "the old configuration must serve"
    n_read = served.gw.log().count("the configuration was read again")
    served.gw.reload(served.gateway_conf())
    served.gw.wait_log("the configuration was read again", n_read + 1)


def test_reload_to_an_address_that_cannot_be_had_is_refused(lab):
    """Another machine's, or another program's: the old configuration and its listeners serve on."""
    converter = lab.converter()
    lab.gateway()
    lab.listen(CONVERTER_NODE, 5126)
    for address, why in (("203.0.113.77:5124", "Cannot assign requested address"), ("[::]:5126", "Address already in use")):
        converter.reload(lab.converter_conf(converter={"listen": f"[::]:5125, {address}"}))
        converter.wait_log(rf"the old one holds: converter.listen: cannot listen on {re.escape(address)}: {why}")
        assert lab.bonded(), "the old listeners must serve"
        with pytest.raises(ConnectionRefusedError):
            lab.connect("gw", CONVERTER, 5125)
    assert "was read again" not in converter.log()


def test_reload_may_replace_every_address(lab):
    """As many as there may be, by as many others."""
    def listening(first):
        return {"listen": ", ".join(f"[::]:{port}" for port in range(first, first + 8))}

    converter = lab.converter(converter=listening(5200))
    converter.reload(lab.converter_conf(converter=listening(5300)))
    converter.wait_log("the configuration was read again")
    wait_for(lambda: refuses(lab, 5200), "the old addresses no longer listened on")
    for port in range(5300, 5308):
        lab.connect("gw", CONVERTER, port)
    assert "cannot listen" not in converter.log()


def refuses(lab, port):
    try:
        lab.connect("gw", CONVERTER, port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_bad_configuration_does_not_start(lab):
    (lab.directory / "bad.conf").write_text("[converter]\nlisten = [::]:5124\n")
    for arguments in ([], ["--check"]):
        program = Program(lab, "conv", BRAIDD, "-c", lab.directory / "bad.conf", *arguments)
        assert program.process.wait(PATIENCE_S) == 5
        assert "open to the world" in program.log()


def transfer(lab, near, far, during):
    """BULK each way at once; during() is called while both are under way."""
    children = [send_in_background(sock, BULK) for sock in (near, far)]
    at_server = os.fork()
    if not at_server:
        try:
            os._exit(hashlib.sha256(receive_exactly(far, len(BULK))).digest() != hashlib.sha256(BULK).digest())
        except OSError as error:
            os._exit(error.errno)
    got = receive_exactly(near, len(BULK) // 4)
    during()
    got += receive_exactly(near, len(BULK) - len(got))
    assert hashlib.sha256(got).digest() == hashlib.sha256(BULK).digest()
    for pid in children + [at_server]:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status == 0, os.strerror(status)


@pytest.mark.parametrize("link,how", [("l0", "gw"), ("l1", "gw"), ("a0", "core"), ("b0", "core")])
def test_link_goes_down_during_a_transfer(lab, link, how):
    """Set down at the gateway, or without carrier: nothing is lost."""
    lab.converter()
    gateway = lab.gateway()
    near, far, peer = lab.session(lab.listen("server"))
    near.settimeout(60)
    far.settimeout(60)
    assert peer == CONVERTER

    def down():
        lab.run(how, f"ip link set {link} down")
    transfer(lab, near, far, down)
    gateway.wait_log("no carrier")


def drop_syns_with_data(lab):
    """TCP SYNs longer than a SYN without data can be (20 + 60 bytes, IPv6 40 + 60), on link a."""
    lab.run("core", "nft 'add table inet t; add chain inet t c { type filter hook prerouting priority -300; };"
            "add rule inet t c iifname a0 tcp flags & (syn|ack) == syn meta length > 100 counter drop'")


def strip_mptcp(lab, link):
    lab.run("core", "nft 'add table inet t; add chain inet t c { type filter hook prerouting priority -300; };"
            f"add rule inet t c iifname {link} reset tcp option mptcp'")


def expect_time_outs(lab, gateway, n_links):
    """Ten connections: each link that eats data costs one time-out, once; it is spared for five seconds then, however long these take."""
    listener, begun = lab.listen("server"), time.monotonic()
    seen = [first_answer(lab, listener) for _ in range(10)]
    most = n_links * (1 + int((time.monotonic() - begun) / 5))
    assert [peer for peer, _ in seen] == [CONVERTER] * 10, seen
    assert counter(gateway, "second_attempts") <= most, f"expected {most} time-outs at most, saw {seen}"


def test_link_that_eats_syn_data_costs_one_time_out_once(lab):
    lab.converter()
    gateway = lab.gateway()
    drop_syns_with_data(lab)
    expect_time_outs(lab, gateway, 1)


def test_both_links_eat_syn_data(lab):
    lab.converter()
    gateway = lab.gateway()
    drop_syns_with_data(lab)
    lab.run("core", "nft add rule inet t c iifname b0 'tcp flags & (syn|ack) == syn meta length > 100 counter drop'")
    expect_time_outs(lab, gateway, 2)


@pytest.mark.signalled
def test_link_that_strips_mptcp_is_left_for_the_other(lab):
    strip_mptcp(lab, "a0")
    lab.converter()
    lab.gateway()
    listener = lab.listen("server")
    seen = [first_answer(lab, listener) for _ in range(6)]
    assert [peer for peer, _ in seen] == [CONVERTER] * 6, seen
    near, far, _ = lab.session(listener)
    assert "198.51.100.2" in lab.run("gw", "ss -HtnM state established"), "a session must begin on the link that passes MPTCP"


@pytest.mark.signalled
def test_both_links_strip_mptcp(lab):
    """Plain TCP between the two is what is left; hosts are served."""
    strip_mptcp(lab, "{ a0, b0 }")
    lab.converter()
    lab.gateway()
    near, far, peer = lab.session(lab.listen("server"))
    assert peer == CONVERTER
    transfer(lab, near, far, lambda: None)
