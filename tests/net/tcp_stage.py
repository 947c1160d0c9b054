# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the scenarios of tcp_scenarios.py take place: the lab's network with a rule for each port, and what a script can do with it."""
import socket
import threading
import time

import netlab
from netlab import SERVER, SERVER_V6, family_of
from tcp_ends import PATIENCE_S, End

SYN_RETRIES = 2                      # a SYN goes at 0, 1 and 3 s (SETTINGS), and the host gives up after 7 s
SYN_TIMES_S = (0, 1, 3)
NARROW_BYTES = 32 << 10
PATTERN = bytes(range(251)) * 4096   # 1 MB; 251 is no divisor of any buffer
BULK = PATTERN[:600000]
NARROW, NARROW_V6 = "93.10.20.40", "2a00:10::40"       # behind a link with small packets
LOOP, LOOP_V6 = "93.10.25.1", "2a00:25::1"             # the router and the server's machine send it to each other
NOBODY, NOBODY_V6 = "93.10.20.77", "2a00:10::77"       # in the server's network, but nobody has them

TABLES = {
    "router": """
table inet same {
	set deaf { type inet_service; }
	set gone { type inet_service; }
	chain way {
		type filter hook forward priority 0; policy accept;
		tcp dport @deaf tcp flags & (syn|ack) == syn drop
		tcp dport @gone drop
		tcp sport @gone drop
RULES
	}
}""",
    "gw": """
table inet same {
	set gone { type inet_service; }
	chain arrivals {
		type filter hook prerouting priority -400; policy accept;
		iifname lan0 tcp dport @gone drop
	}
}""",
    "server": """
table inet same {
	chain arrivals {
		type filter hook input priority 0; policy accept;
RULES
	}
}""",
}
# Where nothing takes time, an ICMP error comes while the kernel still holds the socket of connect(), and is passed over: only that of the next SYN, a second later, ends
# the connecting. So every way of a SYN has a link with a delay.
DETACH = "ip -n core link del c0"
# The core is the router in front of the server, and the converter stands aside.
ASIDE = """
set -e
ip -n core addr add 203.0.113.1/24 dev c0; ip -n core addr add 2001:db8:5::1/64 dev c0 nodad
ip -n conv addr add 203.0.113.5/24 dev c0; ip -n conv addr add 2001:db8:5::5/64 dev c0 nodad
ip -n conv route add default via 203.0.113.1; ip -n conv route add default via 2001:db8:5::1
"""
# The core is the converter, on the way. What routers do happens behind it: in the node that no converter is in, which has the server's link then.
ON_PATH = """
set -e
batch() { ip -n $1 -batch -; }
ip -n core link set s0 netns conv
batch core <<-END
	addr add 203.0.113.1/24 dev c0
	addr add 2001:db8:5::1/64 dev c0 nodad
	route del unreachable 93.10.21.0/24
	route del blackhole 93.10.22.0/24
	route del prohibit 93.10.23.0/24
	route add 93.10.0.0/16 via 203.0.113.9
	route add 2a00::/16 via 2001:db8:5::9
END
batch conv <<-END
	addr add 203.0.113.9/24 dev c0
	addr add 2001:db8:5::9/64 dev c0 nodad
	link set s0 up
	addr add 93.10.20.1/24 dev s0
	addr add 2a00:10::1/64 dev s0 nodad
	route add 203.0.113.5 via 203.0.113.1
	route add 10.0.0.0/24 via 203.0.113.1
	route add 192.0.2.0/24 via 203.0.113.1
	route add 198.51.100.0/24 via 203.0.113.1
	route add 2001:db8:5::5 via 2001:db8:5::1
	route add 2001:db8:10::/64 via 2001:db8:5::1
	route add 2001:db8:2::/64 via 2001:db8:5::1
	route add 2001:db8:3::/64 via 2001:db8:5::1
	route add unreachable 93.10.21.0/24
	route add blackhole 93.10.22.0/24
	route add prohibit 93.10.23.0/24
END
ip netns exec conv sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
"""
# Errors come one by one, however many; a dead peer is found within seconds, by whoever sends to it; the server takes data in a SYN, and sends back what the router loops.
SETTINGS = """
set -e
for n in gw core conv server; do ip netns exec $n sh -c '
	echo 0 > /proc/sys/net/ipv4/icmp_ratemask; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit'; done
for n in host gw core conv server; do ip netns exec $n sh -c 'echo 3 > /proc/sys/net/ipv4/tcp_retries2
	f=/proc/sys/net/ipv4/tcp_syn_linear_timeouts; test ! -e $f || echo 0 > $f'; done
ip netns exec server sh -c 'echo 3 > /proc/sys/net/ipv4/tcp_fastopen; echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
ip -n {router} route add unreachable 2a00:21::/64; ip -n {router} route add blackhole 2a00:22::/64; ip -n {router} route add prohibit 2a00:23::/64
ip -n {router} route add 93.10.25.0/24 via 93.10.20.30; ip -n {router} route add 2a00:25::/64 via 2a00:10::30
ip -n server addr add 93.10.20.40/24 dev s0; ip -n server addr add 2a00:10::40/64 dev s0 nodad
ip -n {router} route add 93.10.20.40/32 dev s0 mtu 1300; ip -n {router} route add 2a00:10::40/128 dev s0 mtu 1300
"""

SCRIPTS = []                         # (name, script, the server's IPv4 address, its IPv6 address)


def scenario(name, v4=SERVER, v6=SERVER_V6):
    def register(script):
        SCRIPTS.append((name, script, v4, v6))
        return script
    return register


class ProgramEnds(Exception):
    """The program has no connection and nothing more to do."""


class Stage:
    """One scenario at work in a lab: the network around its port, the host's program and the server's."""

    def __init__(self, lab, scenario):
        self.lab, self.port, self.address = lab, scenario.port, scenario.address
        self.v6 = ":" in scenario.address
        self.host, self.server = End(timed=True), End(timed=False)
        self.listener = None
        self.threads = []
        self.late = False    # SYNs were lost for longer than was meant, or came in another order: the machine was busy
        self.next_syn_s = 0  # when those that are lost are sent again for the first time after that

    def finish(self):
        for thread in self.threads:
            thread.join()
        for sock in (self.host.sock, self.server.sock, self.listener):
            if sock:
                sock.close()

    def listen(self, backlog=16, rcvbuf=None, **options):
        """options: TCP socket options by name, TCP_MAXSEG=700."""
        self.listener = self.lab.socket("server", family_of(self.address), timeout=PATIENCE_S)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if rcvbuf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        for name, value in options.items():
            self.listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.listener.bind((self.address, self.port))
        self.listener.listen(backlog)

    def host_socket(self):
        sock = self.lab.socket("host", family_of(self.address), timeout=PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, SYN_RETRIES)
        self.host.sock = sock
        return sock

    def connect(self, sock=None):
        sock = sock or self.host_socket()
        if not self.host.attempt("connect", lambda: sock.connect((self.address, self.port))):
            raise ProgramEnds

    def accept(self, patience_s=PATIENCE_S):
        self.listener.settimeout(patience_s)

        def accept():
            self.server.sock = self.lab.accept(self.listener)[0]
            self.server.sock.settimeout(PATIENCE_S)
        if not self.server.attempt("accept", accept):
            raise ProgramEnds

    def open(self):
        self.listen()
        self.connect()
        self.accept()

    def open_narrow(self):
        """Both ends take little before they have read it."""
        self.listen(rcvbuf=NARROW_BYTES)
        sock = self.host_socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
        self.connect(sock)
        self.accept()

    def later(self, after_s, operation):
        """What happens elsewhere while a program waits."""
        thread = threading.Timer(after_s, operation)
        thread.start()
        self.threads.append(thread)

    def together(self, operation):
        self.later(0, operation)

    def join(self):
        for thread in self.threads:
            thread.join()

    def lose_syns(self, for_s=None):
        """SYNs to the port are lost on the way, from now on, or for a while."""
        self._rule("router", "deaf", "add")
        if for_s:
            self.next_syn_s = time.monotonic() + min(s for s in SYN_TIMES_S if s > for_s)
            self.later(for_s, self._pass_syns)

    def _pass_syns(self):
        self._rule("router", "deaf", "delete")
        self.late = time.monotonic() > self.next_syn_s

    def vanish(self, who):
        """Nothing comes from that machine on this port any more; the network says nothing of it."""
        self._rule(*{"server": ("router", "gone"), "host": ("gw", "gone")}[who], "add")

    def _rule(self, place, name, action):
        self.lab.run(self.lab.places.get(place, place), f"nft '{action} element inet same {name} {{ {self.port} }}'")


def prepare(lab, scenarios, on_path):
    """The tables and settings for all of them, each by its own port. on_path: the core is the converter."""
    lab.places = {"router": "conv" if on_path else "core"}
    netlab.set_up(DETACH)
    lab.emulate("c", "c0", "c0", 1, near_node="conv")
    netlab.set_up((ON_PATH if on_path else ASIDE) + SETTINGS.replace("{router}", lab.places["router"]))
    for place, table in TABLES.items():
        rules = [f"		tcp dport {scenario.port} {scenario.rule}" for scenario in scenarios if scenario.at == place]
        path = lab.directory / f"same-{place}.nft"
        path.write_text(table.replace("RULES", "\n".join(rules)))
        lab.run(lab.places.get(place, place), f"nft -f {path}")


def forget(lab):
    """What the scenarios of the last run have put into the sets."""
    for node, names in ((lab.places["router"], ("deaf", "gone")), ("gw", ("gone",))):
        for name in names:
            lab.run(node, f"nft flush set inet same {name}")
