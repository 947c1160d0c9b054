# SPDX-License-Identifier: GPL-2.0-or-later
"""The receive buffer of the leg that a converter reads a server by (decision 0043)."""
import hashlib
import os
import re
import socket

import pytest

from netlab import Lab, receive_exactly, send_in_background, wait_for

BEGIN_BYTES = 512 << 10
LEAST_BYTES = 4 << 20           # of what may be set here: else the kernel's tuning stays
FAR, FAR_CORE = "93.10.77.2", "93.10.77.1"
BULK = os.urandom(1 << 20) * 48


def may_set():
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LEAST_BYTES // 2)
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= LEAST_BYTES


pytestmark = pytest.mark.skipif(not may_set(), reason="net.core.rmem_max is narrow: the kernel's tuning stays")


def buffer_bytes(lab, port):
    """Of the converter's leg to a server's port."""
    said = lab.run("conv", f"ss -tmin state established dport = :{port}")
    return int(re.search(r"skmem:\(r\d+,rb(\d+)", said)[1])


def test_a_host_that_reads_nothing_is_not_read_ahead_for(tmp_path):
    lab = Lab(tmp_path, delays_ms={"a": 10, "b": 10})
    converter = lab.converter()
    lab.gateway()
    listener = lab.listen("server")
    near, far, _ = lab.session(listener)
    port, last = listener.getsockname()[1], [0, 0]
    child = send_in_background(far, BULK)

    def stands_still():
        """Thirty looks in a row find no more at the converter."""
        sent = sum(session["down_bytes"] + session["down_waiting_bytes"] for session in converter.ctl("sessions")["sessions"])
        last[:] = [sent, last[1] + 1 if sent == last[0] else 0]
        return last[1] >= 30 and sent > BEGIN_BYTES

    wait_for(stands_still, "the download to stand still")
    # Doubled twice while the links' queues fill, three times on a busy machine, from up to half as much again as BEGIN_BYTES: the kernel may have tuned it until then.
    n_bytes = buffer_bytes(lab, port)
    assert n_bytes <= 12 * BEGIN_BYTES, f"{n_bytes}: the kernel's own tuning goes on to some 8 to 30 MB"
    assert hashlib.sha256(receive_exactly(near, len(BULK))).digest() == hashlib.sha256(BULK).digest()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lab.close()


def test_a_distant_server_has_a_wider_window(tmp_path):
    """Which nothing but the window holds back: it is doubled until that is no longer so."""
    lab = Lab(tmp_path, delays_ms={"a": 2, "b": 2})
    lab.emulate("far", "far1", "far0", 12, near_node="server")
    for node, device, address in (("server", "far1", FAR), ("core", "far0", FAR_CORE)):
        lab.run(node, f"ip addr add {address}/24 dev {device}; ip link set {device} up")
    lab.run("server", f"ip route add 203.0.113.0/24 via {FAR_CORE}")
    lab.converter()
    lab.gateway()
    listener = lab.listen("server", address="0.0.0.0")
    near, far, _ = lab.session(listener, FAR)
    child = send_in_background(far, BULK)
    got = receive_exactly(near, len(BULK))
    assert buffer_bytes(lab, listener.getsockname()[1]) > BEGIN_BYTES
    assert hashlib.sha256(got).digest() == hashlib.sha256(BULK).digest()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lab.close()
