# SPDX-License-Identifier: GPL-2.0-or-later
"""What was sent just before a reset arrives, where packets of one session take two links."""
import re

import pytest

from netlab import Lab, close_with_reset, wait_for

SESSIONS = 60


@pytest.fixture
def pairs(tmp_path):
    """(host's socket, server's socket) of sessions whose second subflow has joined."""
    lab = Lab(tmp_path, delays_ms={"a": 3, "b": 3})
    lab.converter()
    lab.gateway()
    listener = lab.listen("server")
    found = [lab.session(listener)[:2] for _ in range(SESSIONS)]
    established = "ss -Htn state established '( dport = :5124 or dport = :5128 )'"   # the second one: where a converter on the way is joined
    wait_for(lambda: len(re.findall("^", lab.run("gw", established), re.M)) > 2 * SESSIONS, "two subflows of each session")
    yield found
    lab.close()


def tail_of(sock):
    data = b""
    try:
        while part := sock.recv(100):
            data += part
    except ConnectionResetError:
        return data, "reset"
    return data, "the end"


@pytest.mark.parametrize("way", ["to the host", "to the server"])
def test_last_bytes_before_a_reset_arrive(pairs, way):
    for near, far in pairs:
        of = far if way == "to the host" else near
        of.sendall(b"last words")
        close_with_reset(of)
    seen = [tail_of(near if way == "to the host" else far) for near, far in pairs]
    assert seen == [(b"last words", "reset")] * SESSIONS, f"{sum(s != (b'last words', 'reset') for s in seen)} of {SESSIONS} have seen something else: {set(seen)}"
