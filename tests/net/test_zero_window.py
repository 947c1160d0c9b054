# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader that stops in mid-stream until all windows are closed, and reads on. Nothing may be under way between the daemons meanwhile: what the
receiver's kernel doesn't take looks like loss to the sender's, which asks ever more rarely, and the stream stalls when the reader reads on (decisions 0014, 0058)."""
import re
import time

import pytest

from netlab import CONVERTER_NODE, PATIENCE_S

PATTERN = bytes(range(251)) * 4096
TWICE = PATTERN * 2
IDLE_S = 0.5
STEP = 1 << 17


def fill(sock):
    """Sends until nothing is taken for a while; how many bytes were."""
    sock.setblocking(False)
    n, idle_since_s = 0, time.monotonic()
    while time.monotonic() - idle_since_s < IDLE_S:
        try:
            n += sock.send(TWICE[n % len(PATTERN):][:STEP])
            idle_since_s = time.monotonic()
        except BlockingIOError:
            time.sleep(0.02)
    sock.settimeout(60)
    return n


def under_way(lab, node):
    """What `ss` says of the node's subflows that have sent packets which were not acknowledged."""
    subflows = [line for line in lab.run(node, "ss -HtinO state established").splitlines() if "tcp-ulp-mptcp" in line]
    assert subflows
    return [line for line in subflows if re.search(r"\bunacked:[1-9]", line)]


def clear(lab, node, what):
    """Waits until nothing is under way from the node; shows what is, if it stays so."""
    end = time.monotonic() + PATIENCE_S
    while lines := under_way(lab, node):
        assert time.monotonic() < end, f"{what}: under way from {node} after {PATIENCE_S} s:\n" + "\n".join(lines)
        time.sleep(0.01)


def read(sock, total):
    sock.settimeout(60)
    n = 0
    while n < total:
        part = sock.recv(min(STEP, total - n))
        assert part and part == TWICE[n % len(PATTERN):][:len(part)], f"wrong or missing within {len(part)} bytes at {n}"
        n += len(part)


@pytest.mark.parametrize("way", ["down", "up"])
def test_closed_windows_are_respected(served, way):
    near, far, _ = served.session(served.listen("server"))
    sender, reader = (far, near) if way == "down" else (near, far)
    node = CONVERTER_NODE if way == "down" else "gw"
    for again in range(2):   # the second time the session has moved what the window of its SYN stood for
        total = fill(sender)
        clear(served, node, f"{way}, {total} bytes in the buffers, time {again}")
        read(reader, total)
    sender.sendall(b"on")
    assert reader.recv(2) == b"on"


def test_windows_of_syns_are_narrowed(served):
    """By the converter, as long as it runs."""
    served.session(served.listen("server"))
    assert "tcp window set 1024" in served.run(CONVERTER_NODE, "nft list table inet braid_converter")
