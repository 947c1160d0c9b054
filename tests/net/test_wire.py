# SPDX-License-Identifier: GPL-2.0-or-later
"""What is on the wire, as tshark reads it."""
import json
import socket
import struct
import subprocess

import pytest

from netlab import CONVERTER, CONVERTER_V6, SERVER, SERVER_V6, wait_for

ETH_P_ALL = 3
FIELDS = ["frame.interface_name", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.flags", "tcp.len", "tcp.payload",
          "tcp.option_kind", "tcp.options.mptcp.subtype", "tcp.options.mptcp.version", "tcp.analysis.retransmission"]
MP_CAPABLE, MP_JOIN = "0", "1"
SYN, ACK = 0x02, 0x10


class Capture:
    """All frames of one interface, from now on; the kernel keeps them until they are read."""

    def __init__(self, lab, node, interface):
        self.path = lab.directory / f"{node}-{interface}.pcap"
        with lab.inside(node):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind((interface, ETH_P_ALL))
        self.sock.setblocking(False)

    def frames(self):
        """The TCP segments as tshark reads them, in order; each a dict of FIELDS."""
        with open(self.path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
            while True:
                try:
                    frame = self.sock.recv(1 << 18)
                except BlockingIOError:
                    break
                out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
        fields = [word for field in FIELDS for word in ("-e", field)]
        done = subprocess.run(["tshark", "-r", self.path, "-n", "-Y", "tcp", "-T", "json", *fields], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        return [packet["_source"]["layers"] for packet in json.loads(done.stdout or "[]")]


def flags(frame):
    return int(frame["tcp.flags"][0], 16)


def is_syn(frame):
    return flags(frame) & (SYN | ACK) == SYN


def to(frame, address):
    return address in frame.get("ip.dst", []) + frame.get("ipv6.dst", [])


def subtypes(frame):
    return frame.get("tcp.options.mptcp.subtype", [])


def payload(frame):
    return bytes.fromhex(frame.get("tcp.payload", [""])[0].replace(":", ""))


def mapped(address):
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    return packed if len(packed) == 16 else b"\0" * 10 + b"\xff\xff" + packed


@pytest.mark.parametrize("server,converter", [(SERVER, CONVERTER), (SERVER_V6, CONVERTER), (SERVER, CONVERTER_V6)],
                         ids=["v4-over-v4", "v6-over-v4", "v4-over-v6"])
def test_connect_in_the_syn_and_join_over_the_other_link(lab, server, converter):
    lab.converter()
    gateway = lab.gateway(gateway={"converter": converter, "accept": "early", "early_data_wait_ms": 1000})   # a wait that ends with the host's bytes
    listener = lab.listen("server")
    port = listener.getsockname()[1]
    captures = {name: Capture(lab, node, name) for node, name in [("gw", "lan0"), ("gw", "l0"), ("gw", "l1"), ("server", "s0")]}
    near = lab.connect("host", server, port)
    near.sendall(b"first words")
    far, _ = lab.accept(listener)
    assert far.recv(100) == b"first words"
    far.sendall(bytes(1 << 20))
    wait_for(lambda: all(row["subflows"] for row in gateway.ctl("links")["links"]), "a subflow over each link")
    near.close()
    far.close()
    seen = {name: capture.frames() for name, capture in captures.items()}

    first = [f for f in seen["l0"] + seen["l1"] if is_syn(f) and to(f, converter) and MP_CAPABLE in subtypes(f) and payload(f)]
    assert len(first) == 1, f"expected one SYN with MP_CAPABLE and data (probes have none), saw {first}"
    assert first[0]["tcp.options.mptcp.version"] == ["1"]
    words = payload(first[0])
    assert words[:1] == b"\x01" and words[2:4] == b"\x22\x63", f"no Convert message in the SYN: {words.hex()}"
    assert words[words[1] * 4:] == b"first words", f"the host's words must follow the message: {words.hex()}"
    message = words[:words[1] * 4]
    assert b"\x0a\x05" + struct.pack("!H", port) + mapped(server) in message, f"no Connect to {server}:{port}: {message.hex()}"

    begun_on = "l0" if first[0] in seen["l0"] else "l1"
    other = {"l0": "l1", "l1": "l0"}[begun_on]
    joins = [f for f in seen[other] if is_syn(f) and to(f, converter) and MP_JOIN in subtypes(f)]
    assert joins, f"no MP_JOIN over {other}: {[f for f in seen[other] if is_syn(f)]}"
    assert all(f["tcp.len"] == ["0"] for f in joins)
    # SYN data is acknowledged with the SYN: none of it is sent again
    assert [payload(f) for f in seen[begun_on] if to(f, converter) and payload(f)[:len(words)] == words] == [words]

    for side in ("lan0", "s0"):
        frames = [f for f in seen[side] if flags(f) & SYN or payload(f)]
        assert len(frames) > 3
        assert not [f for f in frames if "30" in f.get("tcp.option_kind", [])], f"MPTCP options on {side}"
        assert not [f for f in frames if b"\x22\x63" in payload(f)[:8]], f"a Convert message on {side}"


def test_host_that_waits_is_not_kept_waiting(lab):
    """A host that says nothing: the Connect goes alone, within early_data_wait_ms, and still in the SYN."""
    lab.converter()
    lab.gateway()
    listener = lab.listen("server")
    capture = Capture(lab, "gw", "l0")
    lab.connect("host", SERVER, listener.getsockname()[1])
    lab.accept(listener)
    syns = [f for f in capture.frames() if is_syn(f) and MP_CAPABLE in subtypes(f) and payload(f)]   # probes have none
    assert len(syns) == 1
    words = payload(syns[0])
    assert len(words) == words[1] * 4 and words[2:4] == b"\x22\x63", words.hex()
