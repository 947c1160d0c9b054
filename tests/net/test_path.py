# SPDX-License-Identifier: GPL-2.0-or-later
"""path/ alone (tests/net/path_driver.c) in namespaces of its own: what it puts in place, follows, and takes away.

    host (LAN) --- lan0 [gw] l0 --- p0 [isp], with a server at 203.0.113.1 and 2001:db8:99::1
    other (LAN) -- lan1 [gw] l1 --- p1 [isp]
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

BUILD = pathlib.Path(os.environ.get("BRAID_BUILD_DIR", pathlib.Path(__file__).parents[2] / "build"))
DRIVER = BUILD / "tests" / "net" / "path-driver"
ARGUMENTS = ["link=a:l0", "link=b:l1:backup", "lan=lan0", "lan=lan1"]
PATIENCE_S = 60

SET_UP = """
set -e
mount -t tmpfs tmpfs /run
mkdir /run/netns
for n in gw host other isp; do ip netns add $n; ip -n $n link set lo up; done
ip -n gw link add l0 type veth peer name p0 netns isp
ip -n gw link add l1 type veth peer name p1 netns isp
ip -n gw link add lan0 type veth peer name h0 netns host
ip -n gw link add lan1 type veth peer name h0 netns other
for i in gw:l0 gw:l1 gw:lan0 gw:lan1 isp:p0 isp:p1 host:h0 other:h0; do ip -n ${i%:*} link set ${i#*:} up; done
ip -n gw addr add 192.0.2.2/24 dev l0; ip -n isp addr add 192.0.2.1/24 dev p0
ip -n gw addr add 198.51.100.2/24 dev l1; ip -n isp addr add 198.51.100.1/24 dev p1
ip -n gw addr add 10.0.0.1/24 dev lan0; ip -n host addr add 10.0.0.9/24 dev h0
ip -n gw addr add 10.0.1.1/24 dev lan1; ip -n other addr add 10.0.1.9/24 dev h0
ip -n gw addr add 2001:db8:2::2/64 dev l0 nodad; ip -n isp addr add 2001:db8:2::1/64 dev p0 nodad
ip -n gw addr add 2001:db8:10::1/64 dev lan0 nodad; ip -n host addr add 2001:db8:10::9/64 dev h0 nodad
ip -n isp addr add 203.0.113.1/32 dev lo; ip -n isp addr add 2001:db8:99::1/128 dev lo nodad
ip -n gw route add default via 192.0.2.1 dev l0 metric 10
ip -n gw route add default via 198.51.100.1 dev l1 metric 20
ip -n gw route add default via 2001:db8:2::1 dev l0
ip -n host route add default via 10.0.0.1; ip -n host route add default via 2001:db8:10::1
ip -n other route add default via 10.0.1.1
ip -n isp route add 10.0.0.0/16 via 192.0.2.2; ip -n isp route add 2001:db8:10::/64 via 2001:db8:2::2
ip netns exec gw sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    echo 1 > /proc/sys/net/ipv4/conf/l1/rp_filter'
echo ready
exec sleep infinity
"""

# Answers each connection with the word and the address that it was for, then sends back what comes.
ECHO = """
import socket, sys, threading
word, port, transparent = sys.argv[1].encode(), int(sys.argv[2]), sys.argv[3] == "transparent"
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if transparent:
    s.setsockopt(41, 75, 1)
s.bind(("::", port))
s.listen(50)
print("ready", flush=True)
def serve(c):
    with c:
        c.sendall(word + b" for " + c.getsockname()[0].replace("::ffff:", "").encode() + b"\\n")
        while data := c.recv(65536):
            c.sendall(data)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""

# Connects, prints the greeting; then for each line N on stdin moves N bytes there and back and prints how many came back equal.
CLIENT = """
import socket, sys, threading
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
except OSError as error:
    print(type(error).__name__, flush=True)
    sys.exit()
f = s.makefile("rb")
print(f.readline().decode().strip(), flush=True)
for line in sys.stdin:
    n = int(line)
    sent = bytes(i % 251 for i in range(n))
    threading.Thread(target=s.sendall, args=(sent,)).start()
    print(sum(a == b for a, b in zip(sent, f.read(n))), flush=True)
"""


class Child:
    """A program in one of the network namespaces, read line by line."""

    def __init__(self, net, netns, *command):
        self.process = subprocess.Popen([*net.enter, "ip", "netns", "exec", netns, *map(str, command)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def line(self):
        return self.process.stdout.readline().strip()

    def write(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


class Driver(Child):
    def __init__(self, net, *arguments):
        super().__init__(net, "gw", DRIVER, net.state_dir, *(arguments or ARGUMENTS))
        self.events = []
        self.greeting = self.answer()

    def answer(self):
        """Lines up to the one that ends an answer; events in between are kept."""
        lines = []
        while True:
            line = self.line()
            if line.startswith(("event ", "warning ")):
                self.events.append(line)
                continue
            lines.append(line)
            if not line or line == "ok" or line.startswith("failed"):
                return lines

    def ask(self, command):
        self.write(command)
        return self.answer()

    def links(self):
        rows = [line.removeprefix("link ").split("|") for line in self.ask("status") if line.startswith("link ")]
        return {row[0]: dict(zip(("interface", "ifindex", "state", "backup", "v4", "v6", "id_v4", "id_v6", "rx", "tx"), row[1:]))
                for row in rows}

    def finish(self):
        """An orderly end."""
        self.write("end")
        self.process.stdin.close()
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return code


class Net:
    def __init__(self, state_dir):
        self.state_dir = state_dir
        self.children = []
        self.holder = subprocess.Popen(["unshare", "-Urnm", "sh", "-c", SET_UP], stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n", "the namespaces could not be made"
        self.enter = ["nsenter", "-t", str(self.holder.pid), "-U", "-n", "-m", "--preserve-credentials"]

    def run(self, command, netns="gw"):
        done = subprocess.run([*self.enter, "ip", "netns", "exec", netns, "sh", "-c", command], text=True, capture_output=True,
                              timeout=PATIENCE_S)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def child(self, kind, *arguments):
        child = kind(self, *arguments)
        self.children.append(child)
        return child

    def driver(self, *arguments):
        return self.child(Driver, *arguments)

    def echo(self, netns, word, port, how="ordinary"):
        child = self.child(Child, netns, sys.executable, "-c", ECHO, word, port, how)
        assert child.line() == "ready"
        return child

    def client(self, address, port=8080, netns="host"):
        return self.child(Child, netns, sys.executable, "-c", CLIENT, address, port)

    def connect(self, address, port=8080, netns="host"):
        """What a new connection is greeted with."""
        client = self.client(address, port, netns)
        greeting = client.line()
        client.end()
        return greeting

    def endpoints(self):
        return sorted(self.run("ip mptcp endpoint").split("\n"))[1:]

    def picture(self):
        """All that path/ may touch, as the system's own tools show it."""
        show = ("ip rule; ip -6 rule; ip mptcp endpoint; ip mptcp limits; nft -s list ruleset; "
                "for t in 5120 5121 5122 77; do ip route show table $t; ip -6 route show table $t; done 2>/dev/null; "
                "grep . /proc/sys/net/mptcp/* /proc/sys/net/ipv4/tcp_fastopen* /proc/sys/net/ipv4/tcp_mtu_probing /proc/sys/net/ipv4/tcp_recovery /proc/sys/net/ipv4/tcp_rmem /proc/sys/net/ipv4/conf/*/rp_filter")
        return self.run(show)

    def close(self):
        for child in self.children:
            if not child.process.stdin.closed:
                child.end(signal.SIGKILL)
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


@pytest.fixture
def net(tmp_path):
    network = Net(tmp_path / "state")
    yield network
    network.close()


def wait_for(expected, look):
    """Waits until look() gives what is expected; shows both if it never does."""
    end = time.monotonic() + PATIENCE_S
    while (seen := look()) != expected and time.monotonic() < end:
        time.sleep(0.02)
    assert seen == expected


def memory_bytes():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


BOTH_LINKS = ["192.0.2.2 id 200 subflow dev l0 ", "198.51.100.2 id 202 subflow backup dev l1 ", "2001:db8:2::2 id 201 subflow dev l0 "]


def test_put_in_place_and_taken_away(net):
    net.run("echo 4096 131072 6291456 > /proc/sys/net/ipv4/tcp_rmem; echo 5 > /proc/sys/net/ipv4/tcp_recovery")
    before = net.picture()
    driver = net.driver()
    assert driver.greeting == ["ok"]
    assert net.endpoints() == BOTH_LINKS
    assert "subflows 8" in net.run("ip mptcp limits") and "add_addr_accepted 0" in net.run("ip mptcp limits"), "a subflow over each link is begun from here"
    assert "default via 198.51.100.1 dev l1" in net.run("ip route show table 5122")
    assert "default via 2001:db8:2::1 dev l0" in net.run("ip -6 route show table 5121")
    assert "via 198.51.100.1 dev l1" in net.run("ip route get 203.0.113.1 from 198.51.100.2")
    assert "dev lan0" in net.run("ip route get 10.0.0.9 from 198.51.100.2"), "answers to the LAN leave by the uplink"
    assert net.run("cat /proc/sys/net/mptcp/blackhole_timeout /proc/sys/net/mptcp/stale_loss_cnt") == "0\n1\n"
    assert net.run("cat /proc/sys/net/ipv4/tcp_fastopen /proc/sys/net/ipv4/tcp_recovery /proc/sys/net/ipv4/tcp_mtu_probing") == "3\n7\n1\n", "other bits stay"
    begin_bytes = max(512 << 10, min(16 << 20, memory_bytes() // 512))   # policy/window.h
    assert net.run("cat /proc/sys/net/ipv4/tcp_rmem").split() == ["4096", str(begin_bytes), str(min(32 << 20, 4 * begin_bytes))]
    assert net.run("cat /proc/sys/net/ipv4/conf/l1/rp_filter") == "2\n"
    links = driver.links()
    assert (links["a"]["state"], links["a"]["v4"], links["a"]["v6"]) == ("up", "192.0.2.2", "2001:db8:2::2")
    assert (links["b"]["state"], links["b"]["backup"], links["b"]["id_v4"], links["b"]["id_v6"]) == ("up", "1", "202", "0")
    assert driver.finish() == 0
    assert net.picture() == before
    assert list(net.state_dir.iterdir()) == []


def test_addresses_that_peers_tell_are_taken_where_links_span_families(net):
    before = net.picture()
    driver = net.driver()
    for _ in range(2):
        net.run("ip -4 addr flush dev l0")    # l0 has IPv6 alone now, l1 IPv4
        wait_for(False, lambda: "192.0.2.2" in net.run("ip mptcp endpoint"))
        assert "add_addr_accepted 8" in net.run("ip mptcp limits")
        net.run("ip addr add 192.0.2.2/24 dev l0; ip route add default via 192.0.2.1 dev l0 metric 10")
        wait_for(True, lambda: "192.0.2.2" in net.run("ip mptcp endpoint"))
        assert "add_addr_accepted 0" in net.run("ip mptcp limits"), "those would bring a link a second subflow"
    assert driver.finish() == 0
    assert net.picture() == before


def test_second_start_after_kill(net):
    before = net.picture()
    net.driver().end(signal.SIGKILL)
    left = net.picture()
    assert left != before
    second = net.driver("link=b:l1")   # another configuration: what the first had beyond it must go
    assert second.greeting == ["ok"]
    assert net.endpoints() == ["198.51.100.2 id 200 subflow dev l1 "]
    assert "table inet braid" not in net.run("nft list ruleset")
    assert "5122" not in net.run("ip rule; ip -6 rule")
    assert second.finish() == 0
    assert net.picture() == before, "the second run must know the values from before the first"


def test_other_peoples_things_are_left_alone(net):
    net.run("ip mptcp endpoint add 10.0.0.1 id 7 signal; ip mptcp endpoint add 198.51.100.2 id 9 subflow dev l1;"
            "ip mptcp limits set subflows 3 add_addr_accepted 1;"
            "ip rule add from 10.9.9.9 lookup 77 priority 5121; ip route add 10.8.0.0/16 dev l0 table 77;"
            "ip route add 10.7.0.0/16 dev l0 table 5121; ip route add 10.7.0.0/16 via 192.0.2.1 table 5122;"
            "nft add table inet other; nft add chain inet other c '{ type filter hook prerouting priority -150; }'")
    before = net.picture()
    net.driver().end(signal.SIGKILL)
    driver = net.driver()
    assert net.endpoints() == ["10.0.0.1 id 7 signal ", "192.0.2.2 id 200 subflow dev l0 ", "198.51.100.2 id 9 subflow dev l1 ",
                               "2001:db8:2::2 id 201 subflow dev l0 "]
    assert driver.links()["b"]["id_v4"] == "9", "an endpoint that somebody else made on the address serves"
    assert driver.finish() == 0
    assert net.picture() == before


def test_a_setting_that_somebody_changed_meanwhile_is_theirs(net):
    driver = net.driver()
    net.run("echo 77 > /proc/sys/net/mptcp/blackhole_timeout")
    assert driver.finish() == 0
    assert net.run("cat /proc/sys/net/mptcp/blackhole_timeout /proc/sys/net/mptcp/stale_loss_cnt") == "77\n4\n"


def test_a_setting_that_matters_is_put_back(net):
    driver = net.driver()
    net.run("echo 3600 > /proc/sys/net/mptcp/blackhole_timeout")
    driver.ask("settings")
    assert any("blackhole_timeout" in line and "3600" in line for line in driver.events), driver.events
    assert net.run("cat /proc/sys/net/mptcp/blackhole_timeout") == "0\n"
    assert driver.finish() == 0


def test_handshakes_with_a_converter(net):
    before = net.picture()
    net.driver("listen=5124").end(signal.SIGKILL)   # what it leaves is taken over
    driver = net.driver("listen=5124", "listen=7000")
    assert driver.greeting == ["ok"]
    made = net.run("nft list table inet braid_converter")
    assert made.count("{ 5124, 7000 }") == 2 and "tcp window set 1024" in made and made.count("timeout 20ms") == 2
    driver.ask("settings")
    assert driver.events == [], "it stands as it was made"
    for damage in ("nft flush ruleset", "nft flush chain inet braid_converter syn", "nft flush chain inet braid_converter join"):
        net.run(damage)
        driver.events.clear()
        driver.ask("settings")
        assert len(driver.events) == 1 and "braid_converter" in driver.events[0], driver.events
        assert net.run("nft list table inet braid_converter") == made
    driver.ask("update listen=7001")
    assert "tcp dport 7001 " in net.run("nft list table inet braid_converter")
    driver.ask("update")
    assert "braid_converter" not in net.run("nft list ruleset")
    driver.ask("update listen=5124")
    assert driver.finish() == 0
    assert net.picture() == before


def test_returns_to_a_converter(net):
    before = net.picture()
    net.driver("foreign=yes").end(signal.SIGKILL)
    driver = net.driver()
    assert driver.greeting == ["ok"] and "braid_returns" not in net.run("nft list ruleset"), "what a run has left is taken away"
    driver.ask("update foreign=yes")
    made, rules = net.run("nft list table inet braid_returns"), net.run("ip rule; ip -6 rule")
    assert made.count("socket transparent 1") == 2 and rules.count("fwmark 0x42524144 lookup 5120") == 2
    for family in ("-4", "-6"):
        assert "local default dev lo" in net.run(f"ip {family} route show table 5120")
    for damage in ("nft flush ruleset", "nft delete chain inet braid_returns back", "ip rule del fwmark 0x42524144", "ip -6 route flush table 5120"):
        net.run(damage)
        wait_for((made, rules), lambda: (net.run("nft list table inet braid_returns 2>&1; true"), net.run("ip rule; ip -6 rule")))
    wait_for(True, lambda: "local default" in net.run("ip -6 route show table 5120"))
    driver.ask("update")
    assert net.run("nft list table inet braid_returns") == made, "connections of before live on"
    assert driver.finish() == 0
    assert net.picture() == before


def test_the_table_of_a_converter_left_by_another_run(net):
    net.driver("listen=5124").end(signal.SIGKILL)
    driver = net.driver()
    assert "braid_converter" not in net.run("nft list ruleset")
    assert driver.finish() == 0


def test_the_table_of_a_converter_that_nft_refuses(net):
    holder = net.child(Child, "gw", "nft", "-i")   # the table is its own as long as it lives
    holder.write("add table inet braid_converter { flags owner; }")
    wait_for(True, lambda: "braid_converter" in net.run("nft list tables"))
    driver = net.driver("listen=5124")
    assert driver.greeting == ["ok"], "a download that may stall is better than none"
    assert len(driver.events) == 1 and "cannot put the nft table inet braid_converter in place" in driver.events[0], driver.events
    driver.ask("settings")
    assert len(driver.events) == 1, "it was said already"
    holder.end()
    wait_for(False, lambda: "braid_converter" in net.run("nft list tables"))
    driver.ask("settings")
    assert "tcp window set 1024" in net.run("nft list table inet braid_converter"), "it is tried again"
    assert driver.finish() == 0


def test_forwards_of_a_converter(net):
    before = net.picture()
    killed = net.driver("listen=5124")
    killed.ask("forwards 192.0.2.2:80")
    killed.end(signal.SIGKILL)
    driver = net.driver("listen=5124")
    assert "braid_inbound" not in net.run("nft list tables"), "what an earlier run has left"
    driver.ask("forwards 192.0.2.2:443 192.0.2.2:80 [2001:db8:2::2]:443")
    made = net.run("nft list table inet braid_inbound")
    assert "192.0.2.2 . 80" in made and "192.0.2.2 . 443" in made and "2001:db8:2::2 . 443" in made and "tproxy ip to 127.52.0.1:7777" in made, made
    driver.ask("settings")
    assert driver.events == [], "it stands as it was made"
    for damage in ("nft flush ruleset", "nft flush chain inet braid_inbound inbound", "nft delete table inet braid_inbound"):
        net.run(damage)
        driver.events.clear()
        driver.ask("settings")
        assert any("braid_inbound" in event for event in driver.events), driver.events
        assert net.run("nft list table inet braid_inbound") == made
    driver.ask("forwards 192.0.2.2:81")
    changed = net.run("nft list table inet braid_inbound")
    assert "192.0.2.2 . 81" in changed and "443" not in changed
    driver.ask("update listen=7001")
    assert net.run("nft list table inet braid_inbound") == changed
    driver.ask("forwards")
    assert "braid_inbound" not in net.run("nft list tables")
    driver.ask("forwards 192.0.2.2:82")
    assert driver.finish() == 0
    assert net.picture() == before


def test_forwards_that_nft_refuses(net):
    holder = net.child(Child, "gw", "nft", "-i")
    holder.write("add table inet braid_inbound { flags owner; }")
    wait_for(True, lambda: "braid_inbound" in net.run("nft list tables"))
    driver = net.driver("listen=5124")
    driver.events.clear()
    driver.ask("forwards 192.0.2.2:80")
    assert len(driver.events) == 1 and "cannot put the nft table inet braid_inbound in place" in driver.events[0], driver.events
    driver.ask("settings")
    assert len(driver.events) == 1, "it was said already"
    holder.end()
    wait_for(False, lambda: "braid_inbound" in net.run("nft list tables"))
    wait_for(True, lambda: "braid_inbound" in net.run("nft list tables"))
    assert "192.0.2.2 . 80" in net.run("nft list table inet braid_inbound"), "it is tried again, by itself"
    assert driver.finish() == 0


def test_carrier_lost_and_back(net):
    driver = net.driver()
    net.run("ip link set p0 down", "isp")
    wait_for(BOTH_LINKS[1:2], net.endpoints)
    assert driver.links()["a"]["state"] == "no carrier"
    assert driver.events == ["event link a (l0): up, 192.0.2.2, 2001:db8:2::2", "event link b (l1): up, 198.51.100.2", "event link a (l0): no carrier, 192.0.2.2, 2001:db8:2::2"]
    assert "default via 192.0.2.1 dev l0" in net.run("ip route show table 5121"), "routes must be there before the endpoint returns"
    net.run("ip link set p0 up", "isp")
    wait_for(BOTH_LINKS, net.endpoints)
    assert driver.links()["a"]["state"] == "up"


def test_link_set_down_and_up(net):
    """Here the kernel throws the routes away: they have to be made anew, before the endpoint."""
    driver = net.driver()
    net.run("ip link set l1 down")
    wait_for("no carrier", lambda: driver.links()["b"]["state"])
    assert net.endpoints() == [BOTH_LINKS[0], BOTH_LINKS[2]]
    net.run("ip link set l1 up")
    wait_for("no route", lambda: driver.links()["b"]["state"])   # its default route went too, and is its owner's to restore
    net.run("ip route add default via 198.51.100.1 dev l1 metric 20")
    wait_for(BOTH_LINKS, net.endpoints)
    assert "default via 198.51.100.1 dev l1" in net.run("ip route show table 5122")


def test_address_changes(net):
    driver = net.driver()
    net.run("ip addr add 192.0.2.77/24 dev l0; ip addr add 2001:db8:2::77/64 dev l0 nodad")
    assert net.endpoints() == BOTH_LINKS, "a second address is no reason to leave the first"
    net.run("ip -6 addr del 2001:db8:2::2/64 dev l0; ip addr del 192.0.2.2/24 dev l0; ip addr add 192.0.2.77/24 dev l0;"
            "ip route replace default via 192.0.2.1 dev l0 metric 10")
    wait_for(["192.0.2.77 id 200 subflow dev l0 ", BOTH_LINKS[1], "2001:db8:2::77 id 201 subflow dev l0 "], net.endpoints)
    wait_for("up", lambda: driver.links()["a"]["state"])
    assert re.search(r"from 192.0.2.77 lookup 5121", net.run("ip rule"))
    assert "192.0.2.2 " not in net.run("ip rule")


def test_one_familys_address_changes(net):
    """As hosts' IPv6 addresses do every few hours: the endpoint of the other family stays, and what runs over it."""
    net.driver()

    def changed():
        now = net.endpoints()
        assert now[:2] == BOTH_LINKS[:2], now
        return now[2:]

    for number in (77, 78, 79):
        net.run(f"ip -6 addr flush dev l0 scope global; ip -6 addr add 2001:db8:2::{number}/64 dev l0 nodad; ip -6 route replace default via 2001:db8:2::1 dev l0")
        wait_for([f"2001:db8:2::{number} id 201 subflow dev l0 "], changed)


def test_deprecated_address_is_second_choice(net):
    net.run("ip addr add 2001:db8:2::d/64 dev l1 nodad preferred_lft 0; ip addr add fd00::5/64 dev l1 nodad;"
            "ip -6 route add default via 2001:db8:2::9 dev l1 metric 2048")
    driver = net.driver()
    assert driver.links()["b"]["v6"] == "fd00::5"
    net.run("ip addr add 2001:db8:3::5/64 dev l1 nodad")
    wait_for("2001:db8:3::5", lambda: driver.links()["b"]["v6"])


def test_interface_goes_and_comes_by_name(net):
    driver = net.driver()
    net.run("ip link del l1")
    wait_for("no interface", lambda: driver.links()["b"]["state"])
    assert "5122" not in net.run("ip rule")
    net.run("ip link add l1 type veth peer name p1 netns isp; ip link set l1 up; ip addr add 198.51.100.2/24 dev l1")
    wait_for("no carrier", lambda: driver.links()["b"]["state"])
    net.run("ip link set p1 up", "isp")
    wait_for("no route", lambda: driver.links()["b"]["state"])
    net.run("ip route add default via 198.51.100.1 dev l1 metric 20")
    wait_for(BOTH_LINKS, net.endpoints)


def test_plumbing_that_somebody_removed_comes_back(net):
    net.driver()
    net.run("ip rule del priority 5121; ip route flush table 5122")
    wait_for(True, lambda: "from 192.0.2.2 lookup 5121" in net.run("ip rule"))
    wait_for(True, lambda: "default via 198.51.100.1" in net.run("ip route show table 5122"))


def test_many_events_at_once(net):
    """More notifications than the queue holds while the driver is stopped: it must end up right all the same."""
    driver = net.driver()
    driver.process.send_signal(signal.SIGSTOP)
    adds = "\n".join(f"addr add 10.{50 + i // 250}.{i % 250}.1/32 dev lan1" for i in range(4000))
    net.run(f"echo '{adds}' > {net.state_dir}/batch; ip -batch {net.state_dir}/batch; ip addr flush dev lan1; ip link set l1 down")
    driver.process.send_signal(signal.SIGCONT)
    wait_for("no carrier", lambda: driver.links()["b"]["state"])
    assert net.endpoints() == [BOTH_LINKS[0], BOTH_LINKS[2]]
    (net.state_dir / "batch").unlink()


def test_update_touches_only_what_differs(net):
    driver = net.driver()
    assert driver.ask("update link=a:l0:backup link=b:l1 lan=lan0") == ["ok"]
    assert net.endpoints() == ["192.0.2.2 id 200 subflow backup dev l0 ", "198.51.100.2 id 202 subflow dev l1 ",
                               "2001:db8:2::2 id 201 subflow backup dev l0 "]
    assert "lan1" not in net.run("nft list ruleset")
    assert driver.ask("update link=a:l0 lan=bad\"name")[0].startswith("failed -22 LAN interface 'bad\"name'")
    assert net.endpoints()[0] == "192.0.2.2 id 200 subflow backup dev l0 ", "on failure the old options hold"
    assert driver.ask("update link=b:l1") == ["ok"]
    wait_for(["198.51.100.2 id 200 subflow dev l1 "], net.endpoints)   # with another id, after its rest
    assert "inet braid" not in net.run("nft list ruleset")
    assert driver.finish() == 0


def test_configured_next_hop_needs_no_default_route(net):
    net.run("ip route del default via 198.51.100.1")
    driver = net.driver("link=b:l1", "hop=b:198.51.100.9")
    assert "default via 198.51.100.9 dev l1" in net.run("ip route show table 5121")
    assert driver.links()["b"]["state"] == "up"


def test_without_plumbing_nothing_is_touched(net):
    net.run("ip mptcp endpoint add 192.0.2.2 id 3 subflow dev l0")
    before = net.picture()
    driver = net.driver(*ARGUMENTS, "plumbing=no")
    assert driver.greeting == ["ok"] and net.picture() == before
    links = driver.links()
    assert (links["a"]["state"], links["a"]["id_v4"], links["a"]["id_v6"], links["b"]["id_v4"]) == ("up", "3", "0", "0")
    net.run("ip link set p0 down", "isp")
    wait_for("no carrier", lambda: driver.links()["a"]["state"])
    assert driver.finish() == 0


def test_second_braid_in_the_namespace_is_refused(net):
    net.driver()
    picture = net.picture()
    second = net.driver()
    assert second.greeting[0].startswith("failed -98 another braidd"), second.greeting
    assert net.picture() == picture


def test_failed_start_leaves_nothing(net):
    net.run("ip link set lo down")
    before = net.picture()
    driver = net.driver()
    assert "interface lo is down" in driver.greeting[0], driver.greeting
    assert net.picture() == before


@pytest.mark.parametrize("address", ["203.0.113.1", "2001:db8:99::1"])
def test_interception_and_fail_open(net, address):
    net.echo("isp", "server", 8080)
    net.driver()
    assert net.connect(address) == f"server for {address}", "nobody listens: the ordinary way"
    ordinary = net.client(address)
    assert ordinary.line() == f"server for {address}"
    listener = net.echo("gw", "braid", 5125, "transparent")
    intercepted = net.client(address)
    assert intercepted.line() == f"braid for {address}"
    intercepted.write("1000000")
    assert intercepted.line() == "1000000"
    ordinary.write("1000000")
    assert ordinary.line() == "1000000", "a connection that ran the ordinary way was cut"
    listener.end(signal.SIGKILL)
    assert net.connect(address) == f"server for {address}", "the listener is gone: the ordinary way"


def test_what_is_not_intercepted(net):
    net.echo("gw", "braid", 5125, "transparent")
    net.echo("gw", "gateway", 8081)
    net.echo("other", "neighbour", 8080)
    net.echo("isp", "server", 5125)
    net.driver()
    assert net.connect("10.0.0.1", 8081) == "gateway for 10.0.0.1"
    assert net.connect("198.51.100.2", 8081) == "gateway for 198.51.100.2", "the gateway's own address on a link"
    assert net.connect("10.0.1.9") == "neighbour for 10.0.1.9", "within the LAN"
    assert net.connect("10.0.0.1", 5125) == "ConnectionRefusedError", "the listener itself"
    assert net.connect("203.0.113.1", 5125) == "server for 203.0.113.1", "the listener's port number at other addresses"
    assert net.connect("203.0.113.1", 5125, "gw") == "server for 203.0.113.1", "the gateway's own connections"
