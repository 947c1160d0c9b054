# SPDX-License-Identifier: GPL-2.0-or-later
"""The policy's rules in nft (path/rules_nft.h, by tests/net/rules_driver.c): the text, and whether the kernel decides for packets as rules_find() does."""
import datetime
import itertools
import json
import os
import pathlib
import random
import socket
import struct
import subprocess

import pytest

from netlab import BUILD, HOST, HOST_V6, PATIENCE_S, wait_for

DRIVER = BUILD / "tests" / "net" / "rules-driver"
GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
HEAD = "[gateway]\nlan = lan0\nconverter = 203.0.113.5\n[link dsl]\ninterface = l0\n"
SOURCES = ["10.0.0.9", "10.0.0.77", "172.16.5.5", "2001:db8:10::9", "2001:db8:77::1"]
DESTINATIONS = ["93.10.20.30", "93.10.21.1", "198.18.0.1", "192.0.2.255", "2a00:10::30", "2a00:11::1", "2a00:12:ffff::"]
PORTS = [22, 80, 443, 5060, 5061, 8000, 8100, 8101, 65535]
MACS = ["02:00:00:00:00:01", "02:00:00:00:00:02"]
DSCPS = [0, 10, 46, 63]
RULES = """
[policy]
rule = one: bypass from 10.0.0.9 to 93.10.20.0/24, @some port 80, 5060-5061
rule = two: reject from mac 02:00:00:00:00:01 to port 22
rule = three: link dsl from @home, 172.16.0.0/12 to @some, @more dscp ef, 63
rule = guests: bypass interface lan0.7
rule = tunnel: bypass from ::/0 to 2a00:11::/32 port 443
rule = marked: bond dscp 10 port 8000-8100
rule = nobody: reject from 10.1.0.0/16 to 2a00::/16
rule = tls: reject to tls www.example.com
rule = all6: bond from 2001:db8:10::/48 to any
rule = rest: bond to 0.0.0.0/1
[list home]
prefix = 10.0.0.64/26
    2001:db8:77::/48
[list some]
prefix = 198.18.0.0/15, 2a00:10::30
[list more]
prefix = 2a00:12::/32
    192.0.2.0/25
    192.0.2.128/25
"""


def drive(*arguments, text=None):
    done = subprocess.run([DRIVER, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def conf(tmp_path):
    def write(rules, name="rules.conf"):
        path = tmp_path / name
        path.write_text(HEAD + rules)
        return path
    return write


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def syn(source, destination, port, dscp, source_mac, destination_mac):
    """An Ethernet frame with a SYN; what TCP's checksum says is nobody's business in prerouting."""
    tcp = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 5 << 4, 2, 65535, 0, 0)
    if ":" in source:
        ip = struct.pack("!IHBB", 6 << 28 | dscp << 22, len(tcp), 6, 64) + socket.inet_pton(socket.AF_INET6, source) + \
            socket.inet_pton(socket.AF_INET6, destination)
        kind = 0x86dd
    else:
        ip = struct.pack("!BBHHHBBH", 0x45, dscp << 2, 20 + len(tcp), 1, 0, 64, 6, 0) + socket.inet_aton(source) + socket.inet_aton(destination)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        kind = 0x0800
    return bytes.fromhex((destination_mac + source_mac).replace(":", "")) + struct.pack("!H", kind) + ip + tcp


class Net:
    """host -- gw of the lab, over lan0 and over an interface that is called as a VLAN's (not every kernel has VLANs); packets from the host, counters at
    the gateway."""

    def __init__(self, lab):
        self.lab, self.wires, self.macs = lab, {}, {}
        self.inside("gw", "ip", "link", "add", "lan0.7", "type", "veth", "peer", "name", "h7", "netns", "host")
        self.inside("gw", "ip", "link", "set", "lan0.7", "up")
        self.inside("host", "ip", "link", "set", "h7", "up")
        for interface, peer in (("lan0", "h0"), ("lan0.7", "h7")):
            self.macs[interface] = self.inside("gw", "cat", f"/sys/class/net/{interface}/address").strip()
            with lab.inside("host"):
                self.wires[interface] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                self.wires[interface].bind((peer, 0))

    def close(self):
        for wire in self.wires.values():
            wire.close()

    def inside(self, node, *command, text=None):
        done = subprocess.run(["ip", "netns", "exec", node, *map(str, command)], input=text, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def load(self, *arguments):
        return self.inside("gw", DRIVER, "load", *arguments)

    def send(self, source, destination, port, interface, dscp, mac):
        self.wires[interface].send(syn(source, destination, port, dscp, mac, self.macs[interface]))

    def counts(self):
        """By the rules' names, without those that have counted nothing."""
        counts = {}
        for entry in json.loads(self.inside("gw", "nft", "-j", "list", "chain", "inet", "braid", "rules"))["nftables"]:
            if "rule" in entry:
                packets = sum(e["counter"]["packets"] for e in entry["rule"]["expr"] if "counter" in e)
                counts[entry["rule"]["comment"]] = counts.get(entry["rule"]["comment"], 0) + packets
        return {name: n for name, n in counts.items() if n}

    def ruleset(self):
        return json.loads(self.inside("gw", "nft", "-j", "list", "table", "inet", "braid"))["nftables"]

    def sets(self):
        return {entry["set"]["name"]: len(entry["set"].get("elem", [])) for entry in self.ruleset() if "set" in entry}


@pytest.fixture
def net(lab):
    net = Net(lab)
    yield net
    net.close()


def test_text_is_the_golden_one(tmp_path):
    """GOLDEN_UPDATE=1 writes it anew."""
    seen = drive("text", GOLDEN / "rules.conf", 7, 120)
    if os.environ.get("GOLDEN_UPDATE") == "1":
        (GOLDEN / "rules.nft").write_text(seen)
    assert seen == (GOLDEN / "rules.nft").read_text()


def test_golden_text_is_taken_by_nft(lab):
    done = subprocess.run(["ip", "netns", "exec", "gw", "nft", "-c", "-f", GOLDEN / "rules.nft"], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, "")


def expected_counts(path, packets, when):
    lines = "".join(f"{s} {d} {port} {interface} {dscp} {mac} {when.isoweekday() % 7} {when.hour * 60 + when.minute}\n"
                    for s, d, port, interface, dscp, mac in packets)
    counts = {}
    for name in drive("find", path, text=lines).split("\n")[:-1]:
        counts[name] = counts.get(name, 0) + 1
    return counts


def test_kernel_decides_as_rules_find_does(net, conf):
    path = conf(RULES)
    net.load(path, 1, 0)
    chosen = random.Random(5)
    all_packets = [p for p in itertools.product(SOURCES, DESTINATIONS, PORTS, ["lan0", "lan0.7"], DSCPS, MACS) if (":" in p[0]) == (":" in p[1])]
    packets = chosen.sample(all_packets, 1500)
    for packet in packets:
        net.send(*packet)
    wanted = expected_counts(path, packets, datetime.datetime.now())
    assert len(wanted) >= 8, f"expected packets for most rules, saw {wanted}"

    def seen():   # the rule with a TLS name counts as well, and lets go on
        return {name: n for name, n in net.counts().items() if name != "tls"}

    wait_for(lambda: sum(seen().values()) >= len(packets), "every packet counted")
    assert seen() == wanted


@pytest.mark.parametrize("offset_minutes", [0, 600, -570, 845])
def test_time_is_local(net, conf, offset_minutes):
    """Windows around now and around the other half of the day, of today and of the other days, in the local time of the offset."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=offset_minutes)
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    def window(from_hours, to_hours):
        return "-".join((now + datetime.timedelta(hours=h)).strftime("%H:%M") for h in (from_hours, to_hours))

    began = now + datetime.timedelta(hours=-3)   # the day that counts where the window goes over midnight
    other_days = ", ".join(d for d in days if d != days[began.weekday()])
    path = conf(f"""
[policy]
rule = other-half: bypass time {window(3, 20)}
rule = other-days: bypass days {other_days} time {window(-3, 3)}
rule = now: bypass days {days[began.weekday()]} time {window(-3, 3)}
""")
    net.load(path, 1, offset_minutes)
    packet = (HOST, "93.10.20.30", 80, "lan0", 0, MACS[0])
    net.send(*packet)
    wait_for(net.counts, "a packet counted")
    assert net.counts() == {"now": 1}
    assert expected_counts(path, [packet], now) == {"now": 1}


DYNAMIC = "[list names]\ndnsmasq = yes\n"


def test_reload_in_place(net, conf):
    """New sets come and old ones go in one transaction; what dnsmasq filled stays while it is configured."""
    first = conf("[policy]\nrule = a: bypass to @names, @some\n" + DYNAMIC + "[list some]\nprefix = 93.10.20.0/24, 2a00:10::/32\n", "first.conf")
    second = conf("[policy]\nrule = b: bypass to @names\nrule = c: bypass to @some\n" + DYNAMIC + "[list some]\nprefix = 93.10.21.0/24\n", "second.conf")
    third = conf("[policy]\nrule = d: bypass to 93.10.20.0/24\n", "third.conf")
    net.load(first, 1, 0)
    assert net.sets() == {"names_4": 0, "names_6": 0, "some_4_g1": 1, "some_6_g1": 1}
    net.inside("gw", "nft", "add element inet braid names_4 { 198.18.0.1 }")
    net.inside("gw", "nft", "add element inet braid names_6 { 2a00:12::1 }")
    net.load(second, 2, 0, first, 1)
    assert net.sets() == {"names_4": 1, "names_6": 1, "some_4_g2": 1, "some_6_g2": 0}
    for destination in ("198.18.0.1", "93.10.21.1", "93.10.20.1"):
        net.send(HOST, destination, 80, "lan0", 0, MACS[0])
    net.send(HOST_V6, "2a00:12::1", 80, "lan0", 0, MACS[0])
    wanted = {"b": 2, "c": 1, "none": 1}
    wait_for(lambda: sum(net.counts().values()) >= 4, "four packets counted")
    assert net.counts() == wanted
    lines = "".join(f"{HOST} {d} 80 lan0 0 {MACS[0]} 0 0\n" for d in ("198.18.0.1", "93.10.21.1", "93.10.20.1", "2a00:12::1"))
    assert net.inside("gw", DRIVER, "find", second, text=lines).split() == ["b", "c", "none", "b"], "what dnsmasq filled in is asked of the kernel"
    net.load(third, 3, 0, second, 2)
    assert net.sets() == {}


def test_a_refused_reload_changes_nothing(net, conf):
    first = conf("[policy]\nrule = a: bypass to @some\n[list some]\nprefix = 93.10.20.0/24\n", "first.conf")
    other = conf("[policy]\nrule = a: bypass to @more\n[list more]\nprefix = 93.10.21.0/24\n", "other.conf")
    net.load(first, 1, 0)
    before = net.ruleset()
    with pytest.raises(AssertionError):   # the sets that it says are old aren't there
        net.load(first, 2, 0, other, 1)
    assert net.ruleset() == before


ASK = """
import socket, struct, sys
query = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\\x03www\\x05video\\x07example\\0" + struct.pack("!HH", int(sys.argv[1]), 1)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(0.3)
try:
    sock.sendto(query, ("127.0.0.1", 5302))
    print(len(sock.recv(512)))
except OSError:
    pass
"""
DNSMASQ = ["dnsmasq", "--no-daemon", "-C", "/dev/null", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts", "--pid-file="]


def test_dnsmasq_fills_a_list(net, conf):
    """As doc/policy.md says; the answers come from another dnsmasq, for it fills sets from what it is told by others alone."""
    path = conf("[policy]\nrule = video: bypass to @video\n[list video]\ndnsmasq = yes\n")
    net.load(path, 1, 0)
    net.lab.start("gw", *DNSMASQ, "--port=5301", "--address=/video.example/198.18.0.1", "--address=/video.example/2a00:12::1", name="upstream")
    net.lab.start("gw", *DNSMASQ, "--port=5302", "--server=127.0.0.1#5301", "--nftset=/video.example/4#inet#braid#video_4,6#inet#braid#video_6")
    for kind in (1, 28):   # A, AAAA
        wait_for(lambda: net.inside("gw", "/usr/bin/python3", "-c", ASK, kind), "dnsmasq answers")
    assert net.sets() == {"video_4": 1, "video_6": 1}
    net.send(HOST, "198.18.0.1", 80, "lan0", 0, MACS[0])
    net.send(HOST_V6, "2a00:12::1", 80, "lan0", 0, MACS[0])
    wait_for(lambda: sum(net.counts().values()) >= 2, "two packets counted")
    assert net.counts() == {"video": 2}
