# SPDX-License-Identifier: GPL-2.0-or-later
"""A converter of our own, or whoever is on the way to one, tells a gateway of sessions: as soon as it can, and of some that the gateway had better not believe in."""
import os
import select
import socket
import struct

import pytest

from netlab import CONVERTER, HOST, HOST_V6, IPPROTO_MPTCP, LINK_A, PATIENCE_S, SERVER, SERVER_V6
from test_converter_input import PORT, connect, mapped, message, tlv
from test_early import SUPPORTED, TCP_FASTOPEN, watch_tlv

REMOTE_PORT = 4242
PROHIBITED = (bytes([97, 13]), bytes([97, 1]))   # with the ICMP code of either family


def told_of(remote, host, port=REMOTE_PORT):
    return message(connect(remote, port), tlv(195, b"\0\0" + os.urandom(24)), tlv(196, struct.pack("!H", 80) + mapped(host)))


class Telling:
    """Has the gateway's watch, and takes its claims. first: what it says together with its answer."""

    def __init__(self, lab, gateway, first=b""):
        with lab.inside("conv"):
            self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
            self.listener.bind((CONVERTER, PORT))
            self.listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
            self.listener.listen()
        self.listener.settimeout(PATIENCE_S)
        lab.sockets.append(self.listener)
        lab.run("conv", "echo 0x602 > /proc/sys/net/ipv4/tcp_fastopen")
        self.lab, self.gateway = lab, lab.start_gateway(**{"link b": None, "gateway": gateway})
        self.watch, _ = lab.accept(self.listener)
        self.watch.recv(1024)
        self.watch.sendall(message(SUPPORTED, watch_tlv(bytes(range(8)))) + first)
        self.gateway.wait_log("the converter answers")

    def tell(self, remote, host, port=REMOTE_PORT):
        """Why the gateway declines, as the claim says it; None where it has connected."""
        told = told_of(remote, host, port)
        self.watch.sendall(told)
        return self.claimed(told)

    def claimed(self, told):
        claim, _ = self.lab.accept(self.listener)
        got = claim.recv(1024)
        assert told[4:24] in got and told[24:52] in got, got.hex()
        return got[-2:] if got[-4:-2] == b"\x1e\x01" else None


def test_what_is_told_together_with_the_answer_is_claimed(lab):
    """A remote host that waits for a gateway which is only just there: the workers have heard of the session and not of the converter, if it is told too soon."""
    lab.listen("host", 80)
    told = [told_of(SERVER, HOST, REMOTE_PORT + i) for i in range(4)]
    telling = Telling(lab, {}, b"".join(told))
    claims = [lab.accept(telling.listener)[0].recv(1024) for _ in told]
    assert all(any(each[24:52] in claim and claim[-4:-2] != b"\x1e\x01" for claim in claims) for each in told), [claim.hex() for claim in claims]


@pytest.fixture
def crowded(lab):
    """The gateway has a second address in the LAN, and a network beside it that isn't the LAN."""
    lab.run("gw", "ip addr add 10.0.0.5/24 dev lan0; ip link add more type veth peer name more1; ip link set more up; ip link set more1 up; ip addr add 10.0.7.1/24 dev more")
    return lab


def listen_everywhere(lab):
    listeners = []
    for node in ("gw", "host"):
        with lab.inside(node):
            listeners.append(socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True))
    lab.sockets += listeners
    return listeners


@pytest.mark.parametrize("gateway", [{}, {"inbound_allow": "0.0.0.0/0, ::/0"}], ids=["lan", "all"])
def test_it_never_connects_to_itself(crowded, gateway):
    telling = Telling(crowded, gateway)
    listeners = listen_everywhere(crowded)
    for host in ("10.0.0.1", "10.0.0.5", LINK_A, "127.0.0.1", "127.0.0.2", "0.0.0.0", "10.0.0.255" if not gateway else "255.255.255.255", "224.0.0.1"):
        said = telling.tell(SERVER, host)
        assert said in PROHIBITED or host == "10.0.0.255" and said, f"{host}: {said}"
    for host in ("2001:db8:10::1", "::1", "::", "::127.0.0.1", "fe80::1", "ff02::1"):
        assert telling.tell(SERVER_V6, host) in PROHIBITED, host
    assert not select.select(listeners, [], [], 0)[0], "somebody was connected to"
    assert telling.tell(SERVER, HOST) is None


def test_nobody_comes_as_a_neighbour(crowded):
    telling = Telling(crowded, {})
    listeners = listen_everywhere(crowded)
    for remote in ("10.0.0.1", "10.0.0.5", "10.0.0.77", HOST, "10.0.7.1", "10.0.7.7", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "169.254.1.1"):
        assert telling.tell(remote, HOST) in PROHIBITED, remote
    for remote in ("2001:db8:10::1", "2001:db8:10::77", "::1", "::", "fe80::1", "ff02::1", SERVER):
        assert telling.tell(remote, HOST_V6) in PROHIBITED, remote
    assert telling.tell(SERVER, HOST, port=0) in PROHIBITED
    assert not select.select(listeners, [], [], 0)[0], "somebody was connected to"
    assert telling.tell(SERVER_V6, HOST_V6) is None
