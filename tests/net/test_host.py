# SPDX-License-Identifier: GPL-2.0-or-later
"""[host]: the connections of a machine's own programs, on a machine with two links and no LAN (the node gw)."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

from netlab import (BRAIDD, BUILD, CONVERTER, Daemon, HOST, KEY, LINK_A, OTHER_ID, PATIENCE_S, PROHIBITED, SERVER, SERVER_V6, SILENT, UNREACHABLE, conf_text, counter,
                    family_of, has_other_id, receive_exactly, wait_for)
from servers import sha256, start_nginx
from socks import NO_AUTHENTICATION, SUCCEEDED, greeting, read_reply, request
from test_policy_tls import hello

BRAID_RUN = BUILD / "src" / "prog" / "braid-run"
FAMILIES = pytest.mark.parametrize("server", [SERVER, SERVER_V6], ids=["v4", "v6"])
STRANGER = 4322   # a user and group that nobody is


def host(lab, **changes):
    """The daemon of a machine without hosts of its own; comes back when it serves."""
    return lab.gateway(**{"gateway": {"lan": None}, **changes})


def seen_as(lab, listener, address=SERVER, node="gw"):
    """Who the server takes for the client of a new connection of this machine."""
    near = lab.connect(node, address, listener.getsockname()[1])
    near.sendall(b"!")
    far, peer = lab.accept(listener)
    assert far.recv(1) == b"!"
    far.sendall(b"?")
    assert near.recv(1) == b"?"
    near.close()
    far.close()
    return peer


def bonded(lab, listener, address=SERVER, node="gw"):
    """Whether it goes through the daemons: the server sees the converter then."""
    return seen_as(lab, listener, address, node).startswith(("203.0.113.", "2001:db8:5:"))


def run_seen_as(lab, listener, *before):
    """The same of a program."""
    program = lab.start("gw", *before, "/usr/bin/python3", "-c",
                        f"import socket; s = socket.create_connection(('{SERVER}', {listener.getsockname()[1]})); s.sendall(b'!'); s.recv(1)")
    far, peer = lab.accept(listener)
    assert far.recv(1) == b"!"
    far.sendall(b"?")
    assert program.process.wait(20) == 0, program.log()
    return peer


def rx_bytes(lab, interface):
    return json.loads(lab.run("gw", f"ip -s -j link show {interface}"))[0]["stats64"]["rx"]["bytes"]


@pytest.fixture
def web(lab):
    start_nginx(lab, {"big": os.urandom(1 << 20) * 64})
    lab.converter()
    return lab


@FAMILIES
def test_curl_over_both_links(web, server):
    daemon = host(web, host={"all": "yes"})
    before = {name: rx_bytes(web, name) for name in ("l0", "l1")}
    url = f"http://{server}/big" if server == SERVER else f"http://[{server}]/big"
    web.run("gw", f"curl -sSfg -o {web.directory}/got {url}")
    assert sha256(web.directory / "got") == sha256(web.directory / "www" / "big")
    carried = {name: rx_bytes(web, name) - before[name] for name in before}
    assert min(carried.values()) > 4 << 20, carried
    status = daemon.ctl("status")
    assert (status["roles"], status["host"]) == ("host", {"chooses": True, "takes": True, "socks": []})
    assert "this machine's own connections are taken" in daemon.words("status")


def test_a_link_dies_midway(web):
    host(web, host={"all": "yes"})
    first, second = web.directory / "got", web.directory / "www" / "big"
    curl = web.start("gw", "curl", "-sSf", "--limit-rate", "20M", "-o", first, f"http://{SERVER}/big")
    wait_for(lambda: first.exists() and first.stat().st_size > 4 << 20, "the download is under way")
    web.set_carrier("a", False)
    assert curl.process.wait(60) == 0, curl.log()
    assert sha256(first) == sha256(second)


@FAMILIES
def test_how_connecting_ends_is_told(lab, server):
    lab.converter()
    daemon = host(lab, host={"all": "yes"}, gateway={"lan": None, "accept": "faithful"})
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    assert bonded(lab, listener, server)
    assert counter(daemon, "held") == 1
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        lab.connect("gw", server, port)
    if server != SERVER:
        return
    with pytest.raises(OSError) as raised:
        lab.connect("gw", UNREACHABLE, 80)
    assert "No route to host" in str(raised.value) or "unreachable" in str(raised.value)
    with pytest.raises(OSError):
        lab.connect("gw", PROHIBITED, 80)
    with pytest.raises(TimeoutError):
        lab.connect("gw", SILENT, 80, timeout=2)


@pytest.mark.parametrize("accept", ["early", "faithful", "auto"])
def test_either_end_may_speak_first(lab, accept):
    lab.converter()
    host(lab, host={"all": "yes"}, gateway={"lan": None, "accept": accept})
    listener = lab.listen("server")
    for _ in range(3):
        near = lab.connect("gw", SERVER, listener.getsockname()[1])
        far, peer = lab.accept(listener)
        assert peer == CONVERTER
        far.sendall(b"220 ready\r\n")
        assert near.recv(100) == b"220 ready\r\n"
        near.sendall(b"quit")
        near.shutdown(socket.SHUT_WR)
        assert far.recv(100) == b"quit" and far.recv(1) == b""
        far.sendall(b"bye")
        far.close()
        assert near.recv(100) == b"bye" and near.recv(1) == b""


@pytest.mark.parametrize("signalling", ["plain", "socks5"])
@pytest.mark.parametrize("accept", ["early", "faithful"])
def test_any_signalling(lab, signalling, accept):
    """How the converter is told is no business of the ingress: of neither."""
    lab.converter(converter={"signalling": "convert, plain, socks5", "allow": "192.0.2.0/24, 198.51.100.0/24"}, **{"subscriber home": {"key": KEY, "password": "secret"}})
    host(lab, gateway={"lan": None, "signalling": signalling, "accept": accept, "user": "home", "password": "secret"}, host={"all": "yes", "socks": "127.0.0.1"})
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    assert bonded(lab, listener)
    near = lab.connect("gw", "127.0.0.1", 1080)
    near.sendall(greeting(NO_AUTHENTICATION) + request(SERVER, port) + b"hello")
    assert receive_exactly(near, 2) == bytes([5, NO_AUTHENTICATION]) and read_reply(near)[0] == SUCCEEDED
    far, peer = lab.accept(listener)
    assert peer == CONVERTER and receive_exactly(far, 5) == b"hello"
    listener.close()
    with pytest.raises(ConnectionRefusedError if accept == "faithful" else OSError):
        lab.connect("gw", SERVER, port).recv(1)


def test_who_is_chosen(lab):
    """Each way to choose, and who isn't chosen goes the ordinary way. All programs here are root's."""
    lab.converter()
    chosen, other = lab.listen("server"), lab.listen("server")
    port = chosen.getsockname()[1]
    daemon = host(lab, host={"users": STRANGER, "groups": STRANGER})
    assert not bonded(lab, chosen)
    for keys, takes_other in (({"users": "root"}, True), ({"groups": 0}, True), ({"ports": port}, False), ({"ports": f"{port}-{port}"}, False),
                              ({"to": f"{SERVER}/32"}, True), ({"to": "93.10.21.0/24", "users": STRANGER}, None), ({"all": "yes"}, True)):
        daemon.reload(lab.gateway_conf(gateway={"lan": None}, host=keys))
        wanted = (takes_other is not None, bool(takes_other))
        wait_for(lambda: (bonded(lab, chosen), bonded(lab, other)) == wanted, f"taken as {keys} says")


def test_rules_hold(lab):
    lab.converter()
    listeners = {name: lab.listen("server") for name in ("bond", "bypass", "reject", "link", "mac")}
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    text = conf_text(lab.gateway_conf(gateway={"lan": None}, host={"all": "yes"})) + f"""[policy]
rule = bypass interface lan0
rule = reject from mac 02:00:00:00:00:01
rule = bypass port {ports['bypass']}
rule = reject port {ports['reject']}
rule = link b port {ports['link']}
"""
    daemon = lab_daemon(lab, text)
    assert bonded(lab, listeners["bond"])
    assert not bonded(lab, listeners["bypass"])
    assert bonded(lab, listeners["mac"])
    with pytest.raises(ConnectionRefusedError):
        lab.connect("gw", SERVER, ports["reject"])
    wait_for(lambda: not daemon.ctl("sessions")["sessions"], "those before have ended")
    near = lab.connect("gw", SERVER, ports["link"])
    far, peer = lab.accept(listeners["link"])
    assert peer == CONVERTER
    [session] = daemon.ctl("sessions")["sessions"]
    assert (session["direction"], session["mptcp"], session["source"].split(":")[0]) == ("own", False, LINK_A)
    near.close()
    far.close()


def lab_daemon(lab, text):
    daemon = Daemon(lab, "gw", lab.gateway_conf(), text)
    daemon.wait_log("the converter answers")
    return daemon


def test_private_destinations_are_left_alone(lab):
    """A printer, a router: a converter would refuse them."""
    lab.converter()
    listener = lab.listen("host")
    daemon = host(lab, host={"all": "yes"})
    assert seen_as(lab, listener, HOST) == "10.0.0.1"
    daemon.reload(lab.gateway_conf(gateway={"lan": None}, host={"all": "yes", "private": "yes"}))
    daemon.wait_log("read again")
    port = listener.getsockname()[1]
    wait_for(lambda: refused(lab, HOST, port) or counter(daemon, "held"), "asked at the converter")


@FAMILIES
def test_quic_is_refused_to_those_who_are_chosen(lab, server):
    lab.converter()
    daemon = host(lab, gateway={"lan": None, "quic": "refuse"}, host={"all": "yes"})
    with lab.inside("gw"):
        asks = socket.socket(family_of(server), socket.SOCK_DGRAM)
    asks.connect((server, 443))

    def is_refused():
        try:
            asks.send(b"Initial")
            asks.settimeout(0.2)
            asks.recv(10)
        except (PermissionError, ConnectionRefusedError):   # the packet filter's word comes first
            return True
        except TimeoutError:
            return False
    assert is_refused()
    daemon.reload(lab.gateway_conf(gateway={"lan": None, "quic": "refuse"}, host={"users": STRANGER}))
    lab.run("server", "nft 'add table inet q; add chain inet q c { type filter hook input priority 0; }; add rule inet q c udp dport 443 drop'")
    wait_for(lambda: not is_refused(), "nobody is chosen any more")


def refused(lab, address, port):
    with contextlib.suppress(OSError):
        lab.connect("gw", address, port).close()
        return False
    return True


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_without_the_daemon_connections_go_the_ordinary_way(lab, how):
    lab.converter()
    daemon = host(lab, host={"all": "yes"})
    listener = lab.listen("server")
    assert bonded(lab, listener)
    daemon.stop(how)
    assert seen_as(lab, listener) == LINK_A
    assert seen_as(lab, listener) == LINK_A
    if how == signal.SIGTERM:
        assert lab.run("gw", "nft list tables") == ""
        assert "proto 181" not in lab.run("gw", "ip rule; ip -6 rule; ip route show table all; ip -6 route show table all")
        assert lab.run("gw", "ip mptcp endpoint") == ""


def test_a_daemon_that_stands_still(lab):
    lab.converter()
    daemon = host(lab, host={"all": "yes"})
    listener = lab.listen("server")
    assert bonded(lab, listener)
    daemon.pause()
    wait_for(lambda: "elements" not in lab.run("gw", "nft list set inet braid alive"), "the daemon is taken for dead")
    assert seen_as(lab, listener) == LINK_A
    daemon.tell(signal.SIGCONT)
    wait_for(lambda: bonded(lab, listener), "bonded again")


def test_somebody_empties_the_ruleset(lab):
    lab.converter()
    daemon = host(lab, host={"all": "yes"})
    listener = lab.listen("server")
    assert bonded(lab, listener)
    lab.run("gw", "nft flush ruleset")
    daemon.wait_log("it is put back")
    wait_for(lambda: bonded(lab, listener), "bonded again")


def test_the_converter_is_gone_and_comes_back(lab):
    converter = lab.converter()
    daemon = host(lab, host={"all": "yes"})
    listener = lab.listen("server")
    assert bonded(lab, listener)
    converter.kill()
    daemon.wait_log("can't be reached")
    assert seen_as(lab, listener) == LINK_A
    lab.converter()
    wait_for(lambda: bonded(lab, listener), "bonded again")


def test_a_reload_brings_and_takes_the_role(lab):
    """Sessions go on, also those that were begun by a role that is no more."""
    lab.converter()
    daemon = lab.gateway()
    listener = lab.listen("server")
    assert not bonded(lab, listener)
    assert bonded(lab, listener, node="host")
    daemon.reload(lab.gateway_conf(host={"all": "yes"}))
    wait_for(lambda: bonded(lab, listener), "the role is there")
    assert bonded(lab, listener, node="host")
    assert daemon.ctl("status")["roles"] == "gateway and host"
    near = lab.connect("gw", SERVER, listener.getsockname()[1])
    far, peer = lab.accept(listener)
    assert peer == CONVERTER
    daemon.reload(lab.gateway_conf())
    wait_for(lambda: not bonded(lab, listener), "the role is gone")
    near.sendall(b"still here")
    assert far.recv(100) == b"still here"
    far.sendall(b"and here")
    assert near.recv(100) == b"and here"
    assert daemon.ctl("status")["roles"] == "gateway"


def test_a_port_that_is_used_again(lab):
    """Bonded at first; when its rule has changed, what is known of the first connection must not lead the second one astray."""
    lab.converter()
    daemon = host(lab, host={"all": "yes"})
    listener = lab.listen("server")
    for wanted in (CONVERTER, LINK_A):
        near = lab.socket("gw")
        near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        near.bind(("0.0.0.0", 40123))
        near.connect((SERVER, listener.getsockname()[1]))
        far, peer = lab.accept(listener)
        assert peer == wanted
        near.sendall(b"x" * 100000)
        n = 0
        while n < 100000:
            n += len(far.recv(1 << 20))
        near.close()
        if wanted == CONVERTER:
            daemon.reload(lab.gateway_conf(gateway={"lan": None}, host={"users": STRANGER}))
            wait_for(lambda: not bonded(lab, listener), "not chosen any more")


@pytest.fixture
def other(lab):
    """The network, with a second user and group."""
    if not has_other_id():
        pytest.skip("a second user and group can be had where this is run by root")
    lab.converter()
    return lab


def test_one_user(other):
    host(other, host={"users": OTHER_ID})
    listener = other.listen("server")
    assert run_seen_as(other, listener) == LINK_A
    assert run_seen_as(other, listener, "setpriv", f"--reuid={OTHER_ID}", "--keep-groups") == CONVERTER


def test_braid_run(other):
    """One program, of root's and of a user's who has no rights, and what that starts in its turn."""
    host(other, host={"groups": OTHER_ID})
    listener = other.listen("server")
    program = "/run/braid-run"
    shutil.copy(BRAID_RUN, program)
    os.chown(program, 0, OTHER_ID)
    os.chmod(program, 0o2755)
    user = ("setpriv", f"--reuid={OTHER_ID}", "--keep-groups")
    assert run_seen_as(other, listener) == LINK_A
    assert run_seen_as(other, listener, BRAID_RUN, "-g", OTHER_ID) == CONVERTER
    assert run_seen_as(other, listener, *user) == LINK_A
    assert run_seen_as(other, listener, *user, program) == CONVERTER
    assert run_seen_as(other, listener, *user, program, "sh", "-c", '"$@"; exit $?', "sh") == CONVERTER


def test_what_braid_run_says(lab):
    def done(*words):
        return subprocess.run([BRAID_RUN, *map(str, words)], capture_output=True, text=True)

    assert done("-g", 0, "sh", "-c", "exit 7").returncode == 7
    assert done("-g", 0, "sh", "-c", "echo $0 -g $1", "x", "-v").stdout == "x -g -v\n"
    assert done("-g", 0, "/nonexistent").returncode == 127
    assert done("-g", 0, "/etc/passwd").returncode == 126
    assert done().returncode == done("--bogus").returncode == done("-g", "no-such-group", "true").returncode == 125
    assert "there is no group 'no-such-group'" in done("-g", "no-such-group", "true").stderr
    not_ours = done("-g", STRANGER, "true")
    assert not_ours.returncode == 125 and "cannot take the group" in not_ours.stderr
    assert done("--version").stdout.startswith("braid-run ")


def test_a_control_group(lab):
    """One that isn't there at first: that is told, and doesn't keep the others from being served."""
    root = next(path for path in (pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/unified")) if (path / "cgroup.procs").exists())
    folder = root / f"braid-test-{os.getpid()}"
    if not os.access(root, os.W_OK):
        pytest.skip("control groups can be made where this is run by root")
    lab.converter()
    listener = lab.listen("server")
    into = ("sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh")
    conf = {"gateway": {"lan": None}, "host": {"cgroups": folder.name, "users": STRANGER}}
    daemon = lab.gateway(**conf)
    assert f"there is no control group '{folder.name}'" in daemon.log()
    folder.mkdir()
    try:
        daemon.reload(lab.gateway_conf(**conf))
        daemon.wait_log("read again")
        assert run_seen_as(lab, listener, *into) == CONVERTER
        assert run_seen_as(lab, listener) == LINK_A
    finally:
        wait_for(lambda: not (folder / "cgroup.procs").read_text(), "the control group is empty")
        folder.rmdir()


def test_bypassed_by_name_does_not_come_back(lab):
    """The daemon connects to the destination itself then, as everybody chosen: root is, and all destinations are."""
    lab.converter()
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    text = conf_text(lab.gateway_conf(gateway={"lan": None}, host={"all": "yes"})) + f"[policy]\nrule = bypass port {port} tls plain.example\n"
    daemon = Daemon(lab, "gw", lab.gateway_conf(), text)
    daemon.wait_log("the converter answers")
    for name, wanted in (("plain.example", LINK_A), ("other.example", CONVERTER)):
        near, first = lab.connect("gw", SERVER, port), hello(name)
        near.sendall(first)
        far, peer = lab.accept(listener)
        assert peer == wanted
        assert receive_exactly(far, len(first)) == first
    assert counter(daemon, "direct") == 1 and counter(daemon, "held") == 0


def test_all_three_at_once(lab):
    """A converter that bonds its own connections over another one, and is a gateway, too. What it connects to for its clients isn't its own."""
    lab.converter()
    daemon = lab.gateway(host={"all": "yes"}, converter={"listen": f"{LINK_A}:6000", "signalling": "socks5", "allow": "192.0.2.1/32"})
    listener = lab.listen("server")
    assert bonded(lab, listener) and bonded(lab, listener, node="host")
    assert daemon.ctl("status")["roles"] == "gateway and host and converter"
    client = lab.connect("core", LINK_A, 6000)
    client.sendall(greeting(NO_AUTHENTICATION) + request(SERVER, listener.getsockname()[1]))
    assert receive_exactly(client, 2) == bytes([5, NO_AUTHENTICATION]) and read_reply(client)[0] == SUCCEEDED
    assert lab.accept(listener)[1] == LINK_A


def test_who_has_no_right_is_told(lab):
    conf = lab.directory / "x.conf"
    conf.write_text(conf_text(lab.gateway_conf(gateway={"lan": None}, host={"all": "yes"})))
    with lab.inside("gw"):
        done = subprocess.run(["unshare", "-U", BRAIDD, "-c", conf], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1 and "CAP_NET_ADMIN" in done.stderr, done.stderr
    for keys, words in (({"users": "nobody-knows"}, "host.users: there is no user 'nobody-knows'"), ({"groups": "nobody-knows"}, "host.groups: there is no group"),
                        ({"users": str(1 << 32)}, f"host.users: there is no user '{1 << 32}'"), ({"groups": "-1"}, "host.groups: there is no group '-1'")):
        conf.write_text(conf_text(lab.gateway_conf(gateway={"lan": None}, host=keys)))
        with lab.inside("gw"):
            done = subprocess.run([BRAIDD, "-c", conf], capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 5 and words in done.stderr, done.stderr
        done = subprocess.run([BRAIDD, "--check", "-c", conf], capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 5 and words in done.stderr, done.stderr
    assert lab.run("gw", "nft list tables") == ""
