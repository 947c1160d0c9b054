# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is compared: each scheme of Braid's, plain routing, and what people use today. Names of the schemes are those of tests/net/schemes.py."""
import schemes
from braidbench import systems, world
from braidlab.daemons import find_program
from braidlab.topology import CONVERTER_V4, LAN_V4, Access

MBIT = 1_000_000
FORWARDED_PORT, HOST_PORT = 8080, 8081
HOST_V4 = LAN_V4.format(1, 9)
FORWARD = {"forward host.subscriber": "home", "forward host.listen": f"{CONVERTER_V4}:{FORWARDED_PORT}", "forward host.host": HOST_V4,
           "forward host.port": HOST_PORT}


def flat(sections):
    return {f"{section}.{key}": value for section, keys in sections.items() for key, value in keys.items()}


def braid(build, scheme, **more):
    """A system of braidbench's; more: keys with __ for the dot."""
    conf = {**flat(scheme.gateway), **flat(scheme.converter), **{key.replace("__", "."): value for key, value in more.items()}}
    return systems.Braid(scheme.name, find_program(build, "src/prog/braidd"), conf, scheme.on_path)


def chosen_schemes(names):
    return [scheme for scheme in schemes.SCHEMES if not names or scheme.name in names]


def peers():
    return [systems.Haproxy("haproxy"), systems.Socks("socks")]


def far_node(world, system):
    """Where the converter's daemon is."""
    return world.topology.core if getattr(system, "on_path", False) else world.topology.converter


def two_links(rtt_ms=20, mbit=100):
    return [Access(name, mbit * MBIT, mbit * MBIT, rtt_ms, queue_ms=200) for name in ("one", "two")]
