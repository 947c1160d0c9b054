# SPDX-License-Identifier: GPL-2.0-or-later
"""A converter on the way of link a, which takes Multipath TCP connections to the servers' own addresses there (signalling = route); and who comes by it.

The core is the converter here. Both links lead to it, but it is on the way for link a's addresses alone; what comes from link b's it sends on as any router does.
"""
import os
import socket
import struct

import pytest

from netlab import LINK_A, LINK_B, PATIENCE_S, SERVER, SERVER_V6, Daemon, family_of, merged, receive_exactly, send_in_background, wait_for
from segments import ACK

CORE, CORE_V6 = "203.0.113.1", "2001:db8:5::1"
LINK_A_V6, LINK_B_V6 = "2001:db8:2::2", "2001:db8:3::2"
CLIENTS = "192.0.2.0/24, 2001:db8:2::/64"
BULK = os.urandom(1 << 20) * 24
BOTH = pytest.mark.parametrize("v6", [False, True], ids=["v4", "v6"])
ACCEPTS = pytest.mark.parametrize("accept", ["faithful", "early"])


def server_of(v6):
    return SERVER_V6 if v6 else SERVER


def client_of(v6):
    return LINK_A_V6 if v6 else LINK_A


def conf(**changes):
    base = {
        "converter": {"listen": f"{CORE}:5124", "allow": CLIENTS, "intercept": CLIENTS, "intercept_join": f"{CORE}, {CORE_V6}"},
        "daemon": {"state_dir": "/run/braid-core", "control": "/run/braid-core/control"}, "log": {"level": "debug"},
    }
    return merged(base, changes)


def start_converter(lab, **changes):
    lab.on_path = Daemon(lab, "core", conf(**changes))
    return lab.on_path


def start_gateway(lab, **changes):
    changes = merged({"gateway": {"converter": None, "key": None, "signalling": "route"}}, changes)
    lab.gw = lab.start_gateway(**changes)
    return lab.gw


def transfer(sender, receiver, data=BULK):
    pid = send_in_background(sender, data)
    assert receive_exactly(receiver, len(data)) == data
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def carried(daemon):
    """Link by link, how much of the only session it has carried both ways."""
    links = daemon.ctl("sessions")["sessions"][0]["links"]
    out = {}
    for link in links:
        out[link["name"]] = out.get(link["name"], 0) + link["bytes_up"] + link["bytes_down"]
    return out


def both_links_carry(lab, near, far):
    def done():
        transfer(near, far)
        transfer(far, near)
        links = carried(lab.gw)
        return len(links) == 2 and min(links.values()) > len(BULK) // 4 and links

    return wait_for(done, "both links carry bytes of the session")


def how_it_fails(lab, node, address, port, protocol=socket.IPPROTO_TCP):
    sock = lab.socket(node, family_of(address), protocol)
    try:
        sock.connect((address, port))
        sock.sendall(b"?")
        sock.recv(1)
    except OSError as error:
        return error.errno
    return None


def make_phone(lab):
    """As its owner would: two links, one endpoint for each, the kernel's own limits."""
    lab.run("gw", f"ip rule add from {LINK_B} table 7; ip route add default via 198.51.100.1 dev l1 table 7; "
                  f"ip -6 rule add from {LINK_B_V6} table 7; ip -6 route add default via 2001:db8:3::1 dev l1 table 7; "
                  f"ip mptcp endpoint add {LINK_A} dev l0 subflow; ip mptcp endpoint add {LINK_B} dev l1 subflow; "
                  f"ip mptcp endpoint add {LINK_A_V6} dev l0 subflow; ip mptcp endpoint add {LINK_B_V6} dev l1 subflow")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def send_stray(lab, node, source, target, flags=ACK):
    """A segment of a connection that nobody at the node knows; the flags of what comes back."""
    family = family_of(source[0])
    from_ip, to_ip = (socket.inet_pton(family, end[0]) for end in (source, target))
    segment = struct.pack("!HHIIBBHHH", source[1], target[1], 1000, 2000, 5 << 4, flags, 512, 0, 0) + b"stray!"
    pseudo = from_ip + to_ip + struct.pack("!II", len(segment), socket.IPPROTO_TCP)
    segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
    with lab.inside(node):
        raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
    with raw:
        raw.settimeout(PATIENCE_S)
        raw.bind((source[0], 0))
        raw.sendto(segment, (target[0], 0))
        while True:
            packet = raw.recv(1 << 16)
            answer = packet[(packet[0] & 15) * 4:] if family == socket.AF_INET else packet
            if struct.unpack_from("!HH", answer) == (target[1], source[1]):
                return answer[13]
