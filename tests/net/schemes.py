# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways in which a gateway can tell its converter where a connection goes: one row each, from which the tests of all of them are made."""
import dataclasses
import os

from netlab import Daemon, merged

CLIENTS = "192.0.2.0/24, 198.51.100.0/24"    # of both links, in tests/net and in the lab
FIRST_LINK = "192.0.2.0/30"
CORE = "203.0.113.1"


# What a scheme may lack by its nature, and why tests that are marked so are skipped where BRAID_SIGNALLING is such a one (conftest.py).
LACKED = {
    "convert": "of Convert's tickets, by which a gateway is a subscriber's, is served once and declares plain TCP; this scheme has none",
    "signalled": "of a converter that is spoken to, and can be anywhere; this scheme says nothing, and has it on the way",
    "inbound": "of sessions from the Internet's side; with this scheme nobody can tell a gateway of them",
    "declaring": "of plain TCP that is declared (decision 0016); this scheme says nothing",
}


@dataclasses.dataclass(frozen=True)
class Scheme:
    """gateway, converter: sections of their configurations in the place of the usual ones. opening: what the gateway's stream begins with, before the host's bytes;
    answer: the converter's; empty where nothing may come. on_path: the converter has to be on the way of the first link: it is the core router. lacks: what the scheme can't do, of LACKED."""
    name: str
    gateway: dict
    converter: dict
    opening: bytes
    answer: bytes
    on_path: bool = False
    lacks: frozenset = frozenset()


def signalled(name, opening, answer, *lacks):
    """By the gateway, with a key for what Convert alone does, and let in by its addresses."""
    return Scheme(name, {"gateway": {"signalling": name}}, {"converter": {"signalling": f"convert, {name}", "allow": CLIENTS}}, opening, answer,
                  lacks=frozenset({"convert", *lacks}))


CONVERT = Scheme("convert", {}, {}, rb"\x01.\x22\x63", rb"\x01\x01\x22\x63")
PLAIN = signalled("plain", rb"\xfa\xa8\xfa\xa8", rb"\xfa\xa8\xfa\xa8")
SOCKS5 = signalled("socks5", rb"\x05\x01\x00\x05\x01\x00", rb"\x05\x00\x05\x00\x00", "inbound")
ROUTE = Scheme("route", {"gateway": {"signalling": "route", "converter": None, "key": None}},
               {"converter": {"allow": FIRST_LINK, "intercept": FIRST_LINK, "intercept_join": CORE}}, b"", b"", True, frozenset(LACKED))

SCHEMES = [CONVERT, PLAIN, SOCKS5, ROUTE]
WHOLE = os.environ.get("BRAID_MIDDLEBOX") == "whole"
MOST = SCHEMES if WHOLE else [CONVERT, PLAIN, ROUTE]     # for what SOCKS5 does as plain mode does


def start_converter(lab, scheme, changes=None):
    return Daemon(lab, "core" if scheme.on_path else "conv", merged(merged(lab.converter_conf(), scheme.converter), changes or {}))


def start_gateway(lab, scheme, changes=None, wait=True):
    """Waits until it serves, where it knows."""
    daemon = lab.start_gateway(**merged(merged(scheme.gateway, {}), changes or {}))
    if wait and not scheme.on_path:
        daemon.wait_log("the converter answers")
    return daemon


def start(lab, scheme, gateway=None, converter=None):
    """Both daemons, (gateway, converter); more for their configurations."""
    far = start_converter(lab, scheme, converter)
    return start_gateway(lab, scheme, gateway), far
