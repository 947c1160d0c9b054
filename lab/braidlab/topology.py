# SPDX-License-Identifier: GPL-2.0-or-later
"""The standard network.

    host  --- LAN ----- gateway ==== link, link, ... ==== core --- server (some milliseconds away)
    plain --- 2nd LAN --/                                    \\--- converter

The converter is off the path between hosts and server. Hosts of the second LAN are no business of Braid's: what they do is what it
would be like without, over the first link. Everything is there in IPv4 and IPv6.
"""
import dataclasses
import json

from .links import EmulatedLink, wire
from .nodes import Node

# Looks public: the converter refuses private and documentation addresses as destinations. Nothing leaves the namespaces.
SERVER_V4, SERVER_V6 = "44.1.1.2", "2a00:44:1:1::2"
CONVERTER_V4, CONVERTER_V6 = "203.0.113.2", "2001:db8:cc::2"
OTHER_V4 = "198.18.{}.{}"                             # link number, host number: what a provider gives next time
LAN_V4, LAN_V6 = "10.0.{}.{}", "2001:db8:{}::{}"      # LAN number, host number
SERVER_QUEUE_MS = 200                                 # the server's link has no rate of its own; its queue must never be what counts

# Nothing is remembered from one connection to the next, so that runs don't depend on the runs before.
EVERYWHERE = {"net.ipv4.tcp_no_metrics_save": 1}
# The plain legs' congestion control: a namespace may choose among those that the machine allows to all.
EVERYWHERE_IF_ALLOWED = {"net.ipv4.tcp_congestion_control": "reno"}
ROUTER = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
# What Linux gives a machine of some memory, whatever this one was told; braidd asks for more where it needs more.
BUFFERS = {"net.ipv4.tcp_rmem": "4096 131072 6291456", "net.ipv4.tcp_wmem": "4096 16384 4194304"}

LOST = {"carrier": 0, "silence": 1}      # what the link emulator is told


@dataclasses.dataclass
class Access:
    """An access link as its subscriber sees it; rtt_ms is the round trip of the idle link. With no rates it is a plain wire."""
    name: str
    down_bps: int
    up_bps: int
    rtt_ms: float
    queue_ms: int = 50
    loss_ppm: int = 0
    loss_burst: int = 1       # mean length of a burst of losses
    loss_burst_ms: int = 0    # no burst lasts longer; 0: only packets end it
    reorder_ppm: int = 0      # of the packets: others may overtake them, by reorder_us
    reorder_us: int = 0
    link: EmulatedLink = None
    number: int = 0

    @property
    def gateway_v4(self):
        return f"192.0.2.{4 * self.number + 2}"

    @property
    def core_v4(self):
        return f"192.0.2.{4 * self.number + 1}"

    @property
    def gateway_v6(self):
        return f"2001:db8:a{self.number}::2"

    @property
    def core_v6(self):
        return f"2001:db8:a{self.number}::1"

    def settings(self):
        return {"ab__rate_bps": self.up_bps, "ba__rate_bps": self.down_bps, "delay_us": int(self.rtt_ms * 500),
                "queue_ms": self.queue_ms, "loss_ppm": self.loss_ppm, "loss_burst": self.loss_burst, "loss_burst_ms": self.loss_burst_ms,
                "reorder_ppm": self.reorder_ppm, "reorder_us": self.reorder_us}


def standard_links():
    """A DSL and an LTE access."""
    return [Access("dsl", 40_000_000, 10_000_000, 20), Access("lte", 60_000_000, 20_000_000, 45)]


class Topology:
    def __init__(self, emulator, links, server_rtt_ms=10, converter_rtt_ms=0):
        """converter_rtt_ms: how far aside of the way between core and server the converter stands."""
        self.links = links
        self.emulator = emulator
        self.host, self.plain, self.gateway, self.core, self.converter, self.server = self.nodes = [
            Node(name) for name in ("host", "plain", "gateway", "core", "converter", "server")]
        for node in self.nodes:
            node.sysctl({**EVERYWHERE, **BUFFERS})
            node.sysctl(EVERYWHERE_IF_ALLOWED, optional=True)
        for node in (self.gateway, self.core):
            node.sysctl(ROUTER)
        self._core_side(server_rtt_ms, converter_rtt_ms)
        for number, access in enumerate(links):
            self._access(number, access)
        for number, host in ((1, self.host), (2, self.plain)):
            self._lan(number, host)

    def _core_side(self, server_rtt_ms, converter_rtt_ms):
        self.aside = self._far_link("converter", self.converter, converter_rtt_ms)
        self.core.addresses("converter", "203.0.113.1/24", "2001:db8:cc::1/64")
        self.converter.addresses("eth0", CONVERTER_V4 + "/24", CONVERTER_V6 + "/64")
        self.far = self._far_link("server", self.server, server_rtt_ms)
        self.core.addresses("server", "44.1.1.1/24", "2a00:44:1:1::1/64")
        self.server.addresses("eth0", SERVER_V4 + "/24", SERVER_V6 + "/64")
        self.converter.ip("route add default via 203.0.113.1")
        self.converter.ip("-6 route add default via 2001:db8:cc::1")
        self.server.ip("route add default via 44.1.1.1")
        self.server.ip("-6 route add default via 2a00:44:1:1::1")

    def _far_link(self, interface, node, rtt_ms):
        """Between core and a node behind it: the emulator's where it takes time, else None and a wire."""
        if not rtt_ms:
            wire(self.core, interface, node, "eth0")
            return None
        return EmulatedLink(self.emulator, f"far-{interface}", self.core, interface, node, "eth0", delay_us=int(rtt_ms * 500), queue_ms=SERVER_QUEUE_MS)

    def _access(self, number, access):
        """An access link; the first one is the gateway's default way, and the core's way back to the LANs."""
        access.number = number
        if access.down_bps:
            access.link = EmulatedLink(self.emulator, access.name, self.gateway, access.name, self.core, access.name,
                                       seed=number + 1, **access.settings())
        else:
            wire(self.gateway, access.name, self.core, access.name)
        self.gateway.addresses(access.name, access.gateway_v4 + "/30", access.gateway_v6 + "/64")
        self.core.addresses(access.name, access.core_v4 + "/30", access.core_v6 + "/64")
        metric = 100 * (number + 1)
        self.gateway.ip(f"route add default via {access.core_v4} dev {access.name} metric {metric}")
        self.gateway.ip(f"-6 route add default via {access.core_v6} dev {access.name} metric {metric}")
        self.core.ip(f"route add 10.0.0.0/16 via {access.gateway_v4} dev {access.name} metric {metric}")
        for lan in (1, 2):
            self.core.ip(f"-6 route add 2001:db8:{lan}::/64 via {access.gateway_v6} dev {access.name} metric {metric}")
        self.core.ip(f"addr add {OTHER_V4.format(number, 1)}/24 dev {access.name}")

    def introduce_next_hops(self):
        """An access link's next hop is a modem in the house. Here it is behind the emulated link, and the first packet would wait for a round trip more, while it is looked for."""
        for access in self.links:
            ends = ((self.gateway, access.gateway_v4), (self.core, access.core_v4))
            for (node, _), (other, address) in (ends, ends[::-1]):
                device = json.loads(other.run("ip", "-j", "link", "show", "dev", access.name))[0]
                node.ip(f"neigh replace {address} lladdr {device['address']} dev {access.name} nud permanent")

    def lose(self, access, how):
        """For a while: its carrier, all that is sent on it (silence), or the gateway's address."""
        if how == "address":
            self.lose_address(access)
        else:
            access.link.set(**{how: LOST[how]})

    def give_back(self, access, how, address=0):
        """The same again; address: as give_address() has it."""
        if how == "address":
            self.give_address(access, address)
        else:
            access.link.set(**{how: 1 - LOST[how]})

    def lose_address(self, access):
        """The gateway has no address on the link any more, of neither family, and no way over it."""
        self.gateway.ip(f"addr flush dev {access.name} scope global")
        self.gateway.ip(f"-6 route del default dev {access.name}")

    def give_address(self, access, other=0):
        """It has addresses there again: those that it began with, or in the place of the IPv4 one another of the provider's, numbered from 1 on."""
        metric = 100 * (access.number + 1)
        own, n_bits, peer = (OTHER_V4.format(access.number, 1 + other), 24, OTHER_V4.format(access.number, 1)) if other else (access.gateway_v4, 30, access.core_v4)
        self.gateway.addresses(access.name, f"{own}/{n_bits}", access.gateway_v6 + "/64")
        self.gateway.ip(f"route replace default via {peer} dev {access.name} metric {metric}")
        self.gateway.ip(f"-6 route replace default via {access.core_v6} dev {access.name} metric {metric}")
        self.core.ip(f"route replace 10.0.0.0/16 via {own} dev {access.name} metric {metric}")

    def _lan(self, number, host):
        interface = f"lan{number}"
        wire(self.gateway, interface, host, "eth0")
        self.gateway.addresses(interface, LAN_V4.format(number, 1) + "/24", LAN_V6.format(number, 1) + "/64")
        host.addresses("eth0", LAN_V4.format(number, 9) + "/24", LAN_V6.format(number, 9) + "/64")
        host.ip("route add default via " + LAN_V4.format(number, 1))
        host.ip("-6 route add default via " + LAN_V6.format(number, 1))

    def end(self):
        """Takes everything away, so that another can be built."""
        for node in self.nodes:
            for program in node.programs:
                program.end()
        for link in [self.far, self.aside, *(access.link for access in self.links)]:
            if link:
                link.end()
        for node in self.nodes:
            node.delete()

    def link(self, name):
        return next(access for access in self.links if access.name == name)
