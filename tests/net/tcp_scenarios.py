# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts meet, as a table. Each scenario has a name, a network (an address, and a rule of nft for its port at a node), and a script: what the server's program and
the host's do, in order. SCENARIOS has each once a family where it makes sense; ports are given here, so that all can run at once in one lab.
"""
import dataclasses
import typing

import tcp_closing  # noqa: F401, these three register their scripts
import tcp_stream  # noqa: F401
from netlab import PROHIBITED, SERVER, SERVER_V6, SILENT, UNREACHABLE
from tcp_opening import connect_and_read
from tcp_stage import LOOP, LOOP_V6, NOBODY, NOBODY_V6, SCRIPTS

FIRST_PORT = 20000


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    port: int
    address: str
    script: typing.Callable
    at: str = None       # who has the rule: a node, or the router in front of the server
    rule: str = None
    plain: list = None   # the host's trace over plain routing, where the name promises it: no connection


# How connecting ends. name, address or None for the server's, node and rule, what the host is told, when.
OUTCOMES_V4 = [
    ("nobody listens", None, None, None, "ECONNREFUSED", "at once"),
    ("rejected with a reset", None, "server", "reject with tcp reset", "ECONNREFUSED", "at once"),
    ("port unreachable", None, "server", "reject with icmp type port-unreachable", "ECONNREFUSED", "at once"),
    ("protocol unreachable", None, "server", "reject with icmp type prot-unreachable", "ENOPROTOOPT", "at once"),
    ("host unreachable", None, "server", "reject with icmp type host-unreachable", "EHOSTUNREACH", "at once"),
    ("network unreachable", None, "server", "reject with icmp type net-unreachable", "ENETUNREACH", "at once"),
    ("network prohibited", None, "server", "reject with icmp type net-prohibited", "ENETUNREACH", "at once"),
    ("host prohibited", None, "server", "reject with icmp type host-prohibited", "EHOSTUNREACH", "at once"),
    ("administratively prohibited", None, "server", "reject with icmp type admin-prohibited", "EHOSTUNREACH", "at once"),
    ("prohibited by a router", None, "router", "reject with icmp type admin-prohibited", "EHOSTUNREACH", "at once"),
    ("reset by a router", None, "router", "reject with tcp reset", "ECONNREFUSED", "at once"),
    ("a router's route says unreachable", UNREACHABLE, None, None, "EHOSTUNREACH", "at once"),
    ("a router's route says prohibited", PROHIBITED, None, None, "EHOSTUNREACH", "at once"),
    ("a router has no route", "93.10.24.1", None, None, "ENETUNREACH", "at once"),
    ("a loop of routers", LOOP, None, None, "EHOSTUNREACH", "at once"),
    ("nobody has the address", NOBODY, None, None, "EHOSTUNREACH", "longer"),
    ("filtered by the server", None, "server", "drop", "ETIMEDOUT", "longer"),
    ("filtered by a router", None, "router", "drop", "ETIMEDOUT", "longer"),
    ("a router's route is a black hole", SILENT, None, None, "ETIMEDOUT", "longer"),
]
OUTCOMES_V6 = [
    ("nobody listens", None, None, None, "ECONNREFUSED", "at once"),
    ("rejected with a reset", None, "server", "reject with tcp reset", "ECONNREFUSED", "at once"),
    ("port unreachable", None, "server", "reject with icmpv6 type port-unreachable", "ECONNREFUSED", "at once"),
    ("address unreachable", None, "server", "reject with icmpv6 type addr-unreachable", "EHOSTUNREACH", "at once"),
    ("no route", None, "server", "reject with icmpv6 type no-route", "ENETUNREACH", "at once"),
    ("administratively prohibited", None, "server", "reject with icmpv6 type admin-prohibited", "EACCES", "at once"),
    ("source address against the policy", None, "server", "reject with icmpv6 type policy-fail", "EACCES", "at once"),
    ("route rejected", None, "server", "reject with icmpv6 type reject-route", "EACCES", "at once"),
    ("prohibited by a router", None, "router", "reject with icmpv6 type admin-prohibited", "EACCES", "at once"),
    ("a router's route says unreachable", "2a00:21::1", None, None, "ENETUNREACH", "at once"),
    ("a router's route says prohibited", "2a00:23::1", None, None, "EACCES", "at once"),
    ("a router has no route", "2a00:24::1", None, None, "ENETUNREACH", "at once"),
    ("a loop of routers", LOOP_V6, None, None, "EHOSTUNREACH", "at once"),
    ("nobody has the address", NOBODY_V6, None, None, "EHOSTUNREACH", "longer"),
    ("filtered by the server", None, "server", "drop", "ETIMEDOUT", "longer"),
    ("a router's route is a black hole", "2a00:22::1", None, None, "ETIMEDOUT", "longer"),
]


def table():
    found = []

    def add(name, address, script, **more):
        found.append(Scenario(f"{name}, {'IPv6' if ':' in address else 'IPv4'}", FIRST_PORT + len(found), address, script, **more))
    for outcomes, server in ((OUTCOMES_V4, SERVER), (OUTCOMES_V6, SERVER_V6)):
        for name, address, node, rule, error, when in outcomes:
            add(name, address or server, connect_and_read, at=node, rule=rule, plain=[f"connect: {error}, {when}"])
    for name, script, v4, v6 in SCRIPTS:
        add(name, v4, script)
        add(name, v6, script)
    return found


SCENARIOS = table()
