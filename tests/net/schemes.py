# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways in which a gateway can tell its converter where a connection goes: one row each, from which the tests of all of them are made."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Scheme:
    """gateway, converter: sections of their configurations in the place of the usual ones. opening: what the gateway's stream begins with, before the host's bytes;
    answer: the converter's. on_path: the converter has to be on the way of the first link. lacks: what the scheme can't do."""
    name: str
    gateway: dict
    converter: dict
    opening: bytes
    answer: bytes
    on_path: bool = False
    lacks: frozenset = frozenset()


CONVERT = Scheme("convert", {}, {}, rb"\x01.\x22\x63", rb"\x01\x01\x22\x63")

SCHEMES = [CONVERT]


def prepare(lab, scheme):
    """Where the converter has to be on the way of link a: the core routes what comes over it, and what is for the hosts, to the converter first."""
    if not scheme.on_path:
        return
    lab.run("core", "ip route add default via 203.0.113.5 dev c0 table 210 && ip rule add iif a0 lookup 210 priority 100 && "
                    "ip rule add iif s0 to 10.0.0.0/24 lookup 210 priority 101")
    lab.run("conv", "echo 1 > /proc/sys/net/ipv4/ip_forward; for f in all default c0; do echo 0 > /proc/sys/net/ipv4/conf/$f/rp_filter; "
                    "echo 0 > /proc/sys/net/ipv4/conf/$f/send_redirects; done")
