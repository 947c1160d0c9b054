# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP segments as dumpcap has written them, read here: nothing of what is tested has a hand in it."""
import contextlib
import dataclasses
import ipaddress
import os
import re
import signal
import socket
import struct

from netlab import wait_for

ETHERNET = 1
ETH_IPV4, ETH_IPV6, ETH_EXPERIMENT = 0x0800, 0x86DD, 0x88B5
IPPROTO_TCP = 6
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
KIND_MPTCP = 30
KERNEL_BUFFER_MB = 64


@dataclasses.dataclass
class Segment:
    source: tuple            # (address, port)
    target: tuple
    seq: int
    ack: int
    flags: int
    options: list            # (kind, the bytes behind kind and length)
    payload: bytes
    n_bytes: int             # of the IP packet

    def mptcp(self, subtype=None):
        """The bodies of its MPTCP options, or of those of one subtype."""
        bodies = [body for kind, body in self.options if kind == KIND_MPTCP]
        return [body for body in bodies if body and subtype in (None, body[0] >> 4)]

    def is_first(self):
        return self.flags & (SYN | ACK) == SYN


def read_options(raw):
    options = []
    while raw and raw[0]:
        if raw[0] == 1:
            raw = raw[1:]
            continue
        assert len(raw) > 1 and 2 <= raw[1] <= len(raw), f"options that don't fit their header: {raw.hex()}"
        options.append((raw[0], raw[2:raw[1]]))
        raw = raw[raw[1]:]
    return options


def read_ip(kind, packet):
    """(source, target, TCP's bytes), or None for what isn't TCP."""
    if kind == ETH_IPV4 and packet[9] == IPPROTO_TCP:
        n_total = struct.unpack_from("!H", packet, 2)[0] or len(packet)   # 0: more than 64 kB, not cut yet
        return packet[12:16], packet[16:20], packet[(packet[0] & 15) * 4:n_total]
    if kind == ETH_IPV6 and packet[6] == IPPROTO_TCP:
        return packet[8:24], packet[24:40], packet[40:40 + (struct.unpack_from("!H", packet, 4)[0] or len(packet))]
    return None


def read_frame(frame):
    found = read_ip(struct.unpack_from("!H", frame, 12)[0], frame[14:])
    if not found:
        return None
    source, target, tcp = found
    source_port, target_port, seq, ack, offset, flags = struct.unpack_from("!HHIIBB", tcp)
    n_header = (offset >> 4) * 4
    return Segment((str(ipaddress.ip_address(source)), source_port), (str(ipaddress.ip_address(target)), target_port), seq, ack, flags,
                   read_options(tcp[20:n_header]), tcp[n_header:], len(frame) - 14)


def read_pcap(path):
    """All TCP segments of the file, in order."""
    raw = path.read_bytes()
    magic, _, _, _, _, _, link_type = struct.unpack_from("<IHHiIII", raw)
    assert magic in (0xA1B2C3D4, 0xA1B23C4D) and link_type == ETHERNET, f"{path}: no pcap of Ethernet frames: {raw[:24].hex()}"
    at, segments = 24, []
    while at < len(raw):
        _, _, n, n_whole = struct.unpack_from("<IIII", raw, at)
        assert n == n_whole, f"{path}: a frame was cut"
        segments.append(read_frame(raw[at + 16:at + 16 + n]))
        at += 16 + n
    return [segment for segment in segments if segment]


class Dumpcap:
    """dumpcap at one interface of a node, from now on until it is read."""

    def __init__(self, lab, node, interface):
        self.path = lab.directory / f"{node}-{interface}-{lab.number()}.pcap"
        with lab.inside(node):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.sock.bind((interface, 0))
        self.program = lab.start(node, "dumpcap", "-q", "-P", "-B", KERNEL_BUFFER_MB, "-i", interface, "-w", self.path)
        self.program.wait_log("File: ")

    def segments(self):
        """All until now: dumpcap drops what it has not read when it ends, so a frame of our own has to come out before."""
        mark = os.urandom(46)
        self.sock.send(bytes(12) + struct.pack("!H", ETH_EXPERIMENT) + mark)
        self.sock.close()
        wait_for(lambda: mark in self.path.read_bytes(), "dumpcap to have written all")
        self.program.stop(signal.SIGINT)
        lost = re.search(r"/dropped on interface '.*': \d+/(\d+)", self.program.log())
        assert lost and lost[1] == "0", f"not all was captured: {self.program.log()}"
        return read_pcap(self.path)


@contextlib.contextmanager
def capturing(lab, places):
    """Captures at each (node, interface); a dict that has the segments of each place when the block is over."""
    captures, seen = {place: Dumpcap(lab, *place) for place in places}, {}
    yield seen
    for place, capture in captures.items():
        seen[place] = capture.segments()
