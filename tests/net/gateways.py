# SPDX-License-Identifier: GPL-2.0-or-later
"""Many gateways in one process: small Convert clients, each with its own key, that set sessions up one after the other; and one that never stops trying.

For test_subscribers.py and bench/fifty-gateways."""
import contextlib
import hashlib
import os
import selectors
import signal
import socket
import time

from netlab import CONVERTER, IPPROTO_MPTCP, LINK_A, MSG_FASTOPEN, PATIENCE_S, SERVER, TCP_FASTOPEN_NO_COOKIE, close_with_reset, receive_exactly
from test_converter_input import PORT, SUCCESS, connect, message, ticket


def key_of(name):
    return hashlib.sha256(name.encode()).hexdigest()


def attempt(name, server_port, converter=CONVERTER):
    """A new session: its socket, what the converter answered at first, and how long that took."""
    sent = message(ticket(SERVER, server_port, key=key_of(name)), connect(SERVER, server_port))
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
    sock.settimeout(PATIENCE_S)
    sock.bind((LINK_A, 0))
    sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    begun = time.perf_counter()
    sock.sendto(sent, MSG_FASTOPEN, (converter, PORT))
    answer = receive_exactly(sock, 4)
    return sock, answer, time.perf_counter() - begun


def set_up_times(lab, names, server_port, n):
    """n sessions of each, in turns: how long each took, and how many were refused. In this process."""
    times_s, n_refused = [], 0
    with lab.inside("gw"):
        for _ in range(n):
            for name in names:
                sock, answer, took_s = attempt(name, server_port)
                n_refused += answer != SUCCESS
                times_s.append(took_s)
                close_with_reset(sock)
    return times_s, n_refused


@contextlib.contextmanager
def child(lab, node, run):
    """Runs in a process of its own in the node, until the end of the block."""
    pid = os.fork()
    if not pid:
        try:
            with lab.inside(node):
                run()
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def hammering(lab, name, server_port, per_s=0, converter=CONVERTER):
    """Tries all the time (per_s 0), or so often a second, and keeps the first twenty sessions that it gets."""
    def run():
        kept, next_s = [], time.monotonic()
        while True:
            sock, answer, _ = attempt(name, server_port, converter)
            if answer == SUCCESS and len(kept) < 20:
                kept.append(sock)
            else:
                close_with_reset(sock)
            if per_s:
                next_s += 1 / per_s
                time.sleep(max(0, next_s - time.monotonic()))
    return child(lab, "gw", run)


def taking(lab, listener):
    """The server: takes whoever comes, until he goes."""
    def run():
        selector = selectors.DefaultSelector()
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for ready, _ in selector.select():
                sock = ready.fileobj
                with contextlib.suppress(OSError):
                    if sock is listener:
                        selector.register(listener.accept()[0], selectors.EVENT_READ)
                        continue
                    if sock.recv(1 << 16):
                        continue
                if sock is not listener:
                    selector.unregister(sock)
                    sock.close()
    return child(lab, "server", run)
