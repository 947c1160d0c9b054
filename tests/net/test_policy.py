# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules at work: what becomes of a host's connection, at the gateway and at the converter."""
import errno
import re
import socket

import pytest

from netlab import CONVERTER, HOST, HOST_V6, KEY, LINK_B, SERVER, SERVER_V6, Daemon, conf_text, counter, raise_descriptor_limit, receive_exactly, standing_still, wait_for


def with_rules(base, *rules, **lists):
    """A configuration as text, with a [policy] section behind it, and lists by name."""
    text = conf_text(base) + "\n[policy]\n" + "".join(f"rule = {rule}\n" for rule in rules)
    return text + "".join(f"\n[list {name}]\n{body}\n" for name, body in lists.items())


def gateway(lab, *rules, changes=None, **lists):
    conf = lab.gateway_conf(**(changes or {}))
    daemon = Daemon(lab, "gw", conf, with_rules(conf, *rules, **lists))
    daemon.wait_log("the converter answers")
    return daemon


def converter(lab, *rules, changes=None, **lists):
    conf = lab.converter_conf(**(changes or {}))
    return Daemon(lab, "conv", conf, with_rules(conf, *rules, **lists))


def seen_from(lab, listener, address=SERVER):
    return lab.session(listener, address)[2]


@pytest.mark.parametrize("accept", ["auto", "early"])
def test_bypass_reject_and_bond(lab, accept):
    """Each by the destination's port; what is bypassed never comes to the daemon."""
    lab.converter()
    open_, passed, refused = (lab.listen("server") for _ in range(3))
    ports = [listener.getsockname()[1] for listener in (open_, passed, refused)]
    daemon = gateway(lab, f"bypass port {ports[1]}", f"reject port {ports[2]}", changes={"gateway": {"accept": accept}})
    for _ in range(2):
        assert seen_from(lab, open_) == CONVERTER
        assert (seen_from(lab, passed), seen_from(lab, passed, SERVER_V6)) == (HOST, HOST_V6)
        with pytest.raises(ConnectionRefusedError):
            lab.connect("host", SERVER, ports[2])
        with pytest.raises(ConnectionRefusedError):
            lab.connect("host", SERVER_V6, ports[2])
    assert (counter(daemon, "attempts"), counter(daemon, "accepted")) == (2, 2)


@pytest.mark.parametrize("accept", ["auto", "early"])
def test_one_link_alone(lab, accept):
    """Over link b, though a is the first; and it stays there."""
    lab.converter()
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    daemon = gateway(lab, f"voice: link b port {port}", changes={"gateway": {"accept": accept}})
    for _ in range(2):
        near, far, peer = lab.session(listener)
        assert peer == CONVERTER
        far.sendall(b"x" * 200000)
        assert len(receive_exactly(near, 200000)) == 200000
    session = daemon.ctl("sessions")["sessions"][0]
    why = daemon.ctl("why", session["id"] if "id" in session else session["session"])
    assert "over b alone: a rule of [policy] keeps it there" in why["verdict"]
    subflows = lab.run("gw", "ss -Htn state established dport = :5124")
    assert subflows.count(LINK_B) >= 2, subflows
    assert counter(daemon, "fell_back") == 0
    assert seen_from(lab, lab.listen("server")) == CONVERTER


def test_link_that_is_down_lets_its_connections_pass(lab):
    lab.converter()
    listener = lab.listen("server")
    gateway(lab, f"link b port {listener.getsockname()[1]}")
    lab.run("gw", "ip link set l1 down")
    lab.connect("host", SERVER, listener.getsockname()[1])
    wait_for(lambda: lab.accept(listener)[1] == HOST, "the ordinary way")   # the converter may have connected as the link went, in vain


def test_accept_by_rule(lab):
    lab.converter()
    daemon = gateway(lab, "bond early port 9", "bond faithful port 10")
    near = lab.connect("host", SERVER, 9)   # nobody listens there
    near.sendall(b"x")
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    with pytest.raises(ConnectionRefusedError):
        lab.connect("host", SERVER, 10)
    assert counter(daemon, "held") == 1


def packets(lab, node):
    return int(re.search(r"counter packets (\d+)", lab.run(node, "nft list table inet look"))[1])


def test_dscp_and_priority_by_rule(lab):
    lab.converter()
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    gateway(lab, f"bond port {port} set-dscp ef priority 5")
    lab.run("server", f"nft 'add table inet look; add chain inet look c {{ type filter hook input priority 0; }};"
                      f"add rule inet look c tcp dport {port} ip dscp ef counter'")
    lab.run("gw", f"nft 'add table inet look; add chain inet look c {{ type filter hook output priority 0; }};"
                  f"add rule inet look c tcp sport {port} ip dscp ef meta priority 0:5 counter'")
    near, far, peer = lab.session(listener)
    far.sendall(b"x")
    assert receive_exactly(near, 1) == b"x"
    assert packets(lab, "server") > 0 < packets(lab, "gw")


def test_by_interface_mac_and_list(lab):
    lab.converter()
    mac = re.search(r"link/ether (\S+)", lab.run("host", "ip link show h0"))[1]
    a, b, c, d = listeners = [lab.listen("server") for _ in range(4)]
    ports = [listener.getsockname()[1] for listener in listeners]
    gateway(lab, f"bypass from mac {mac} port {ports[0]}", f"bypass from interface lan0 port {ports[1]}",
            f"bypass from interface other0 port {ports[2]}", f"bypass to @servers port {ports[3]}", servers="prefix = 93.10.20.0/24")
    assert [seen_from(lab, listener) for listener in listeners] == [HOST, HOST, CONVERTER, HOST]
    assert seen_from(lab, d, SERVER_V6) != HOST_V6


def test_reload_changes_the_rules_and_nothing_else(lab):
    lab.converter()
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    daemon = gateway(lab, f"bypass port {port} to @some", some="prefix = 192.0.2.0/24")
    near, far, peer = lab.session(listener)
    assert peer == CONVERTER
    for prefix, wanted in (("93.10.20.30", HOST), ("192.0.2.0/24", CONVERTER), ("93.0.0.0/8", HOST)):
        n = len(re.findall("configuration was read again", daemon.log()))
        daemon.reload(with_rules(lab.gateway_conf(), f"bypass port {port} to @some", some=f"prefix = {prefix}"))
        daemon.wait_log("configuration was read again", n + 1)
        assert seen_from(lab, listener) == wanted
    far.sendall(b"still here")
    assert receive_exactly(near, 10) == b"still here"
    assert lab.run("gw", "nft list sets inet").count("some_4_g") == 1


def connect_all(lab, port, n):
    socks = [lab.socket("host", timeout=0) for _ in range(n)]
    for sock in socks:
        assert sock.connect_ex((SERVER, port)) == errno.EINPROGRESS
    return socks


@pytest.mark.parametrize("n_reloads", [1, 2])
def test_rules_that_change_while_packets_wait_for_a_worker(lab, n_reloads):
    """They are matched anew: the rule that was the first is the second now, and the first is one that refuses."""
    n = 48   # more than a worker takes before it looks at what else there is: the new rules
    lab.converter()
    listener = lab.listen("server")
    rule = f"bond faithful port {listener.getsockname()[1]}"
    daemon = gateway(lab, rule, changes={"daemon": {"workers": 1}})
    with standing_still(daemon):
        socks = connect_all(lab, listener.getsockname()[1], n)
        for i in range(n_reloads):
            daemon.reload(with_rules(lab.gateway_conf(daemon={"workers": 1}), f"reject port {9 + i}", rule))
            daemon.wait_log("configuration was read again", i + 1)
    for sock in socks:
        lab.accept(listener)
    errors = [sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for sock in socks]
    assert not any(errors), f"{n - errors.count(0)} of {n} connections were refused by a rule about another port"


def test_rules_that_are_no_good_change_nothing(lab):
    lab.converter()
    listener = lab.listen("server")
    daemon = gateway(lab, f"bypass port {listener.getsockname()[1]}")
    daemon.reload(with_rules(lab.gateway_conf(), "link nowhere port 80"))
    daemon.wait_log("nowhere")
    assert seen_from(lab, listener) == HOST


def test_at_the_converter(lab):
    """By subscriber and destination: turned away as the destination would, or left to the ordinary way."""
    listeners = [lab.listen("server") for _ in range(3)]
    ports = [listener.getsockname()[1] for listener in listeners]
    converter(lab, f"reject from subscriber home port {ports[0]}", f"bypass from subscriber home port {ports[1]}",
              f"reject from subscriber other port {ports[2]}", changes={"subscriber other": {"key": KEY[::-1]}})
    daemon = lab.gateway()
    with pytest.raises(ConnectionRefusedError):
        lab.connect("host", SERVER, ports[0])
    assert (seen_from(lab, listeners[1]), seen_from(lab, listeners[2])) == (HOST, CONVERTER)
    assert (counter(daemon, "outcome_bypassed"), counter(daemon, "outcome_not_authorised")) == (1, 0)
    assert daemon.ctl("status")["converter"]["reachable"] is True and "does not let us in" not in daemon.log()


def test_a_private_destination_is_that_connections_matter(lab):
    """A modem's own page, say: the ordinary way, and nobody thinks that the key is wrong."""
    lab.converter()
    lab.run("server", "ip addr add 10.9.9.9/32 dev lo")
    lab.run("core", f"ip route add 10.9.9.9/32 via {SERVER}")
    daemon = lab.gateway()
    listener = lab.listen("server")
    assert seen_from(lab, listener, "10.9.9.9") == HOST
    assert (counter(daemon, "outcome_bypassed"), counter(daemon, "outcome_not_authorised")) == (1, 0)
    assert "does not let us in" not in daemon.log()


def test_what_policy_test_says_is_what_happens(lab):
    lab.converter()
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    daemon = gateway(lab, f"first: bypass port {port} to 10.9.9.9", f"second: bypass port {port}")
    said = daemon.ctl("policy", "test", HOST, SERVER, str(port))
    assert said["decides"] == "second" and seen_from(lab, listener) == HOST


def test_reload_under_sessions(lab):
    """Thousands of prefixes come and go under sessions that talk; none of them notices."""
    raise_descriptor_limit()
    lab.converter()
    listener = lab.listen("server")
    prefixes = "\n".join(f"prefix = 100.{i // 250}.{i % 250}.0/24" for i in range(2000))
    rules = ["bypass to @many", f"link b port {listener.getsockname()[1]}"]
    daemon = gateway(lab, *rules, many=prefixes)
    pairs = [lab.session(listener)[:2] for _ in range(600)]   # 1,200 descriptors: beyond what select() can take
    for n in range(1, 4):
        daemon.reload(with_rules(lab.gateway_conf(), *rules, many=prefixes if n % 2 else "prefix = 100.0.0.0/16"))
        for near, far in pairs:
            near.sendall(b"up")
            far.sendall(b"down")
        for near, far in pairs:
            assert (receive_exactly(far, 2), receive_exactly(near, 4)) == (b"up", b"down")
        daemon.wait_log("configuration was read again", n)
    assert counter(daemon, "sessions") == 600 and counter(daemon, "sessions_reset") == 0
    assert lab.run("gw", "nft list sets inet").count("many_4_g") == 1
