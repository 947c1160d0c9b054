# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of many connections in one process each: a plan made from a seed says what each does, and every byte is looked at.

A connection begins with a header that names its plan, so that the server knows it too. Each direction is a piece of one random pattern,
begun at a place of its own: a byte too many, too few, or of another connection shows.
"""
import collections
import errno
import os
import random
import select
import selectors
import signal
import socket
import struct
import time

from netlab import in_child, result_of

HEADER = struct.Struct("!IIIIIBB")   # number, up bytes, down bytes, reset after up bytes, reset after down bytes, order, pad
NEVER = 0xffffffff
UP_FIRST, DOWN_FIRST, BOTH_AT_ONCE = 0, 1, 2
PATTERN = random.Random(5124).randbytes(4 << 20)
PIECE = 64 << 10

Plan = collections.namedtuple("Plan", "number up down reset_up reset_down order pad")


def piece(number, direction, n):
    at = (number * 7919 + direction * 104729) % (len(PATTERN) - n)
    return memoryview(PATTERN)[at:at + n]


class End:
    """One end of a connection. Sends its direction and ends it, reads the other's; done when both are, or either failed."""

    def __init__(self, sock, plan, is_client):
        self.sock, self.plan = sock, plan
        n_out, n_in = (plan.up, plan.down) if is_client else (plan.down, plan.up)
        self.out, self.expected = piece(plan.number, int(not is_client), n_out), piece(plan.number, int(is_client), n_in)
        self.reset_after = plan.reset_up if is_client else plan.reset_down
        self.header = memoryview(HEADER.pack(*plan)) if is_client else memoryview(b"")
        first = {UP_FIRST: is_client, DOWN_FIRST: not is_client, BOTH_AT_ONCE: True}[plan.order]
        self.may_send = first
        self.n_sent = self.n_received = 0
        self.sent_end = self.received_end = False
        self.error = None

    def events(self):
        wanted = 0 if self.received_end else selectors.EVENT_READ
        return wanted | (selectors.EVENT_WRITE if self.header or self.may_send and not self.sent_end else 0)

    def done(self):
        return self.error is not None or self.sent_end and self.received_end

    def fail(self, error):
        self.error = error

    def step(self, mask):
        try:
            if mask & selectors.EVENT_READ:
                self.read()
            if mask & selectors.EVENT_WRITE and not self.sent_end and self.error is None:
                self.write()
        except BlockingIOError:
            pass
        except OSError as error:
            self.fail(errno.errorcode[error.errno])

    def read(self):
        data = self.sock.recv(PIECE)
        if data:
            if self.expected[self.n_received:self.n_received + len(data)] != data:
                self.fail(self.difference(data))
            self.n_received += len(data)
            return
        self.received_end = True
        self.may_send = True
        if self.n_received != len(self.expected):
            self.fail(f"an orderly end after {self.n_received} of {len(self.expected)} bytes")

    def difference(self, data):
        """Where the stream goes wrong, and whose place in it the bytes are that came there (-1: none)."""
        wanted = bytes(self.expected[self.n_received:self.n_received + len(data)])
        i = next((i for i, (a, b) in enumerate(zip(wanted, data)) if a != b), len(wanted))
        place = bytes(self.expected).find(data[i:i + 32])
        return f"wrong bytes at {self.n_received + i} of {len(self.expected)}: they belong at {place}"

    def write(self):
        if self.header:
            self.header = self.header[self.sock.send(self.header):]
        if self.header or not self.may_send:
            return
        if self.n_sent >= self.reset_after:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.fail("reset by plan")
            return
        most = min(self.n_sent + PIECE, self.reset_after, len(self.out))
        if self.n_sent < most:
            self.n_sent += self.sock.send(self.out[self.n_sent:most])
        if self.n_sent == len(self.out) and self.n_sent < self.reset_after:
            self.sock.shutdown(socket.SHUT_WR)
            self.sent_end = True


class Arrival:
    """A connection at the server whose header isn't complete."""

    def __init__(self, sock):
        self.sock, self.got = sock, b""

    def read(self):
        """The End that it becomes, None while it can't, or a text why it never will."""
        try:
            data = self.sock.recv(HEADER.size - len(self.got))
        except BlockingIOError:
            return None
        except OSError as error:
            return errno.errorcode[error.errno]
        self.got += data
        if not data:
            return "ended within the header"
        return End(self.sock, Plan(*HEADER.unpack(self.got)), False) if len(self.got) == HEADER.size else None


def is_planned_to_reset(plan):
    return plan.reset_up != NEVER or plan.reset_down != NEVER


class Tally:
    """What became of the connections of one side."""

    def __init__(self):
        self.n_in_order = self.n_reset_as_planned = self.n_reset_unplanned = self.n_bytes = 0
        self.wrong = []

    def add(self, end):
        self.n_bytes += end.n_received
        if end.error is None:
            self.n_in_order += 1
        elif end.error in ("reset by plan", "ECONNRESET", "EPIPE", "ENOTCONN"):
            planned = is_planned_to_reset(end.plan)
            self.n_reset_as_planned += planned
            self.n_reset_unplanned += not planned
        else:
            self.wrong.append(f"{end.plan}: {end.error}, sent {end.n_sent}, received {end.n_received}")


class Sides:
    """Runs ends until they are done, in one selector."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.tally = Tally()
        self.n_open = 0

    def add(self, end):
        end.sock.setblocking(False)
        self.selector.register(end.sock, end.events(), end)
        self.n_open += 1

    def step(self, end, mask):
        end.step(mask)
        if end.done():
            self.selector.unregister(end.sock)
            end.sock.close()
            self.n_open -= 1
            self.tally.add(end)
        else:
            self.selector.modify(end.sock, end.events(), end)

    def listen(self, listener):
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, listener)

    def accept(self, listener):
        for _ in range(64):
            try:
                sock = listener.accept()[0]
            except BlockingIOError:
                return
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, Arrival(sock))
            self.n_open += 1

    def arrive(self, arrival):
        end = arrival.read()
        if end is None:
            return
        self.selector.unregister(arrival.sock)
        self.n_open -= 1
        if isinstance(end, End):
            self.add(end)
            return
        arrival.sock.close()
        if end != "ECONNRESET":   # a client may reset at once
            self.tally.wrong.append(f"a connection {end}, header {arrival.got.hex()}")

    def still_open(self):
        return [key.data for key in self.selector.get_map().values() if isinstance(key.data, End)]

    def turn(self, timeout_s):
        for key, mask in self.selector.select(timeout_s):
            if isinstance(key.data, End):
                self.step(key.data, mask)
            elif isinstance(key.data, Arrival):
                self.arrive(key.data)
            else:
                self.accept(key.data)


def serve(listener, patience_s, stop_fd):
    """The server's side, until the client's has ended (a byte of stop_fd says so; counting would miss those that come twice or never) and nothing is open
    any more; what became of them."""
    sides = Sides()
    sides.listen(listener)
    end_s = time.monotonic() + patience_s
    stopping = False
    while time.monotonic() < end_s and not (stopping and not sides.n_open):
        sides.turn(0.2)
        stopping = stopping or bool(select.select([stop_fd], [], [], 0)[0])
    return sides.tally


class Serving:
    """serve() in a child."""

    def __init__(self, listener, patience_s):
        stop_read, self.stop_write = os.pipe()
        self.pid, self.result_fd = in_child(lambda: serve(listener, patience_s, stop_read))
        os.close(stop_read)

    def give_up(self):
        """What became of it is of no interest any more."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def result(self):
        """The client's side has ended: what became of the server's."""
        os.write(self.stop_write, b"x")
        os.close(self.stop_write)
        return result_of(self.pid, self.result_fd)
