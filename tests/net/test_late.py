# SPDX-License-Identifier: GPL-2.0-or-later
"""More new connections than a daemon can serve: those that it has accepted are served, and others go the ordinary way until it has caught up (decision 0039)."""
import contextlib
import errno
import os
import pathlib
import signal
import time

import pytest

from gateways import child
from netlab import SERVER, counter, raise_descriptor_limit, wait_for
from streams import BOTH_AT_ONCE, NEVER, End, Plan, Serving, Sides

RATE = 600
N = 6 * RATE
SESSIONS_MOST = 3000                 # a backlog of five seconds, were there nothing but that
RUNS_S, STANDS_S = 0.003, 0.097      # of every tenth of a second, what a slow machine's processor would do
SHARE, STANDS_MOST_S = 0.04, 0.4     # of a processor, however late it is stopped again; and so long at once, or hosts' first packets pass by
PATIENCE_S = 60


def used_s(pid):
    """Of processors, by all of its threads."""
    return sum(int(task.read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


@contextlib.contextmanager
def slowed(daemon):
    """It runs for a small part of the time only, as if its processor were slower by so much."""
    def run():
        begun_s, before_s = time.monotonic(), used_s(daemon.pid)
        while True:
            os.kill(daemon.pid, signal.SIGSTOP)
            owed_s = begun_s + (used_s(daemon.pid) - before_s) / SHARE - time.monotonic()
            time.sleep(min(max(STANDS_S, owed_s), STANDS_MOST_S))
            os.kill(daemon.pid, signal.SIGCONT)
            time.sleep(RUNS_S)
    try:
        with child(daemon.lab, daemon.node, run):
            yield
    finally:
        daemon.tell(signal.SIGCONT)


def come(lab, port):
    """N connections, RATE a second, which say little, each with its end behind it; the host's side when all have begun."""
    sides, begun, n = Sides(), time.monotonic(), 0
    while n < N:
        while n < N and n <= (time.monotonic() - begun) * RATE:
            sock = lab.socket("host", timeout=0)
            lab.sockets.pop()   # the end closes it
            assert sock.connect_ex((SERVER, port)) in (0, errno.EINPROGRESS)
            sides.add(End(sock, Plan(n, 100, 100, NEVER, NEVER, BOTH_AT_ONCE, 0), True))
            n += 1
        sides.turn(0.005)
    return sides


def all_served(sides):
    end_s = time.monotonic() + PATIENCE_S
    while sides.n_open and time.monotonic() < end_s:
        sides.turn(0.2)
    return sides.tally


@pytest.mark.parametrize("which", ["gateway", "converter"])
def test_who_is_late_is_spared(lab, which):
    raise_descriptor_limit()
    daemons = {"converter": lab.converter(), "gateway": lab.gateway(limits={"max_sessions": SESSIONS_MOST})}
    gateway, late = daemons["gateway"], daemons[which]
    listener = lab.listen("server")
    assert lab.bonded(listener)
    serving = Serving(listener, 2 * PATIENCE_S)
    try:
        with slowed(late):
            sides = come(lab, listener.getsockname()[1])
            tally = all_served(sides)
    finally:
        serving.give_up()
    n_bonded = counter(gateway, "accepted")
    print(f"\n{N} connections, {n_bonded} through the gateway; reset {tally.n_reset_unplanned}, open {sides.n_open}; {late.name} was late {counter(late, 'late')} times")
    assert (tally.n_reset_unplanned, tally.wrong[:5], sides.n_open) == (0, [], 0)
    assert counter(late, "late") and 0 < n_bonded < N
    assert which == "gateway" or counter(late, "late_told")
    wait_for(lambda: lab.bonded(lab.listen("server")), "connections to go through the gateway again")
