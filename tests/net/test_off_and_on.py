# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that are switched off and on again and again, in turns and in three ways, under sessions: they live, and when the daemons end nothing of it is left. BRAID_TIMES: how often (10)."""
import os
import re

from netlab import link, receive_exactly, wait_for
from test_rejoin import use

TIMES = int(os.environ.get("BRAID_TIMES", "10"))
# All that the kernel has to say of the network, but for what counts what passes, and for the key that it draws when somebody first listens with Fast Open.
PICTURE = """
for family in -4 -6; do ip $family rule; ip $family route show table all; done; ip mptcp endpoint; ip mptcp limits; nft -s list ruleset
grep -rs . /proc/sys/net || true     # some can't be read
"""
LEFT_OUT = re.compile(r"/proc/sys/net/(netfilter/nf_conntrack_(count|buckets)|ipv4/tcp_fastopen_key)")
# A device, its address and next hop of each family, and the metric of the way over it.
LINKS = {"a": ("l0", "192.0.2.2/24", "192.0.2.1", "2001:db8:2::2/64", "2001:db8:2::1", 10), "b": ("l1", "198.51.100.2/24", "198.51.100.1", "2001:db8:3::2/64", "2001:db8:3::1", 20)}


def picture(lab, node):
    return sorted(line.strip() for line in lab.run(node, PICTURE).splitlines() if not LEFT_OUT.match(line))


def ways(lab, name):
    """What whoever manages the network does when the device or its addresses are there again."""
    device, _, next_hop, _, next_hop_v6, metric = LINKS[name]
    lab.run("gw", f"ip route replace default via {next_hop} dev {device} metric {metric}; ip -6 route replace default via {next_hop_v6} dev {device} metric {metric}")


def by_carrier(lab, name, on):
    lab.set_carrier(name, on)


def by_device(lab, name, on):
    lab.run("gw", f"ip link set {LINKS[name][0]} {'up' if on else 'down'}")
    if on:
        ways(lab, name)


def by_address(lab, name, on):
    device, v4, _, v6, _, _ = LINKS[name]
    if on:
        lab.run("gw", f"ip addr add {v4} dev {device}; ip addr add {v6} dev {device} nodad")
        ways(lab, name)
    else:
        lab.run("gw", f"ip addr flush dev {device} scope global; ip -6 route del default dev {device}")


def has_endpoints(lab, name):
    return f" dev {LINKS[name][0]} " in lab.run("gw", "ip mptcp endpoint")


class Session:
    """One at a time, which goes on over the link that is left. The converter's kernel may close what has joined over a link that is back, for the news that it was away, which it comes to late on a busy
    machine (decision 0036); where the other link goes just then, the session is lost: then there is another, and it is counted."""

    def __init__(self, lab):
        self.lab, self.listener, self.n_lost, self.pair = lab, lab.listen("server"), 0, None
        self.begin()

    def begin(self):
        self.pair = self.lab.session(self.listener)[:2]

    def do(self, work):
        try:
            work(self.pair)
        except (ConnectionResetError, TimeoutError):   # as the host sees it, or the server
            self.n_lost += 1
            self.begin()


def exchange(pair):
    near, far = pair
    near.sendall(b"up")
    far.sendall(b"down")
    assert (receive_exactly(far, 2), receive_exactly(near, 4)) == (b"up", b"down")


def test_links_off_and_on_leave_no_trace(lab):
    before = {node: picture(lab, node) for node in ("gw", "conv")}
    converter, gateway = lab.converter(), lab.gateway()
    session = Session(lab)
    for number in range(TIMES):
        name, switch = "ab"[number % 2], (by_carrier, by_device, by_address)[number // 2 % 3]
        switch(lab, name, False)
        wait_for(lambda: link(gateway, name)["state"] != "up" and not has_endpoints(lab, name), f"link {name} to be left")
        session.do(exchange)
        switch(lab, name, True)
        wait_for(lambda: link(gateway, name)["state"] == "up" and has_endpoints(lab, name), f"link {name} to be taken up")
        session.do(lambda pair: use(lab, gateway, [pair], name))   # before it loses the other one, the join is to be complete
    print(f"\n{TIMES} times, {session.n_lost} sessions lost")
    assert session.n_lost <= max(1, TIMES // 20)
    for sock in session.pair:
        sock.close()
    for daemon in (gateway, converter):
        assert daemon.stop() == 0, daemon.log()
    for node, seen in before.items():
        now = picture(lab, node)
        assert now == seen, "\n".join([f"on {node}:", *(f"+ {line}" for line in now if line not in seen), *(f"- {line}" for line in seen if line not in now)])
