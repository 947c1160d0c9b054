# SPDX-License-Identifier: GPL-2.0-or-later
"""5,000 connections of one host open at once: what idle ones cost, and that each carries its own bytes."""
import os
import time

from netlab import SERVER, memory_kib, raise_descriptor_limit, sockets, sockets_at_rest, wait_for
from streams import BOTH_AT_ONCE, NEVER, End, Plan, Serving, Sides

N = int(os.environ.get("BRAID_MANY", "5000"))
BYTES = 100_000
BATCH = 200   # connections being opened at once
PATIENCE_S = 100


def open_all(lab, port, daemons, at_rest):
    """N connections, opened in batches; each batch is through both daemons before the next. at_rest: the sockets that each has without."""
    socks = []
    while len(socks) < N:
        for _ in range(min(BATCH, N - len(socks))):
            socks.append(lab.connect("host", SERVER, port))
        missing = [0, 0]

        def all_through():
            missing[:] = [n + 2 * len(socks) - sockets(d.pid) for d, n in zip(daemons, at_rest)]
            return max(missing) <= 0
        try:
            wait_for(all_through, f"{len(socks)} sessions", PATIENCE_S)
        except AssertionError as error:
            logs = "\n".join(f"the log of the {d.name} ends with\n{d.log()[-2000:]}" for d in daemons)
            raise AssertionError(f"{error}; sockets that are missing at converter and gateway: {missing}; {logs}") from error
    return socks


def memory_without_room(lab):
    """At rest the room for limits.max_sessions may be in memory already: the daemons' sizes are taken with room for one. They are asked as often as those that are measured:
    with sanitizers answers stay in memory."""
    small = {"limits": {"max_sessions": 1, "max_half_open": 1}}
    daemons = lab.converter(converter={"ticket_memory": 16384}, **small), lab.gateway(**small)
    for daemon in daemons:
        sockets_at_rest(daemon)
    memory = [memory_kib(d.pid) for d in daemons]
    for daemon in reversed(daemons):
        assert daemon.stop() == 0, daemon.log()
    return memory


def test_many_connections_at_once(lab):
    raise_descriptor_limit()
    lab.run("host", "echo 10000 65000 > /proc/sys/net/ipv4/ip_local_port_range")
    # The memory of tickets is one table of fixed size whose pages come into use at random: a small one, so that it isn't taken for sessions'.
    bare = memory_without_room(lab)
    daemons = lab.converter(converter={"ticket_memory": 16384}), lab.gateway()
    listener = lab.listen("server")
    at_rest = [(memory, sockets_at_rest(d)) for d, memory in zip(daemons, bare)]
    child = Serving(listener, PATIENCE_S)
    begun = time.monotonic()
    socks = open_all(lab, listener.getsockname()[1], daemons, [n for _, n in at_rest])
    print(f"\n{N} connections open after {time.monotonic() - begun:.1f} s")
    for daemon, (memory, _) in zip(daemons, at_rest):
        idle = memory_kib(daemon.pid)
        per_session = [(now - rest) * 1024 / N for now, rest in zip(idle, memory)]
        print(f"{daemon.name}: Pss {memory[0]} -> {idle[0]} KiB: {per_session[0]:.0f} bytes a session, anonymous {per_session[1]:.0f}")
        assert per_session[1] <= 1024, f"{daemon.name}: more than 1 KiB of user memory an idle session"   # pages of the program that come into use are no session's

    begun = time.monotonic()
    sides = Sides()
    for i, sock in enumerate(socks):
        sides.add(End(sock, Plan(i, BYTES, BYTES, NEVER, NEVER, BOTH_AT_ONCE, 0), True))
    while sides.n_open and time.monotonic() < begun + PATIENCE_S:
        sides.turn(1)
    print(f"{BYTES} bytes each way on each: {time.monotonic() - begun:.1f} s")
    for daemon in daemons:
        print(f"{daemon.name}:", ", ".join(f"{c['name']} {c['value']}" for c in daemon.ctl("counters")["counters"] if c["value"]))
    assert (sides.n_open, sides.tally.wrong[:5], sides.tally.n_in_order) == (0, [], N)
    server = child.result()
    assert (server.wrong[:5], server.n_in_order, server.n_bytes) == ([], N, N * BYTES)
    for daemon, (_, n) in zip(daemons, at_rest):
        wait_for(lambda: sockets(daemon.pid) <= n, f"{daemon.name}: {n} sockets as at the beginning")
        print(f"{daemon.name}: afterwards Pss {memory_kib(daemon.pid)[0]} KiB, {sockets(daemon.pid)} sockets")
