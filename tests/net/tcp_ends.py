# SPDX-License-Identifier: GPL-2.0-or-later
"""The two ends of one connection as programs see them. What an end does, it notes with what came of it: its trace.

A trace has names of errors, sums of bytes and classes of time, no times and no addresses, so that two runs of the same behaviour have the same trace. The
host's events have a class of time, the server's don't: its program acts when the scenario says so.
"""
import errno
import fcntl
import hashlib
import select
import socket
import struct
import termios
import time

from netlab import close_with_reset

PATIENCE_S = 15                      # longer than all that a scenario waits for
CLASSES = ((0.7, "at once"), (1.8, "about 1 s"), (float("inf"), "longer"))
FILLED_IDLE_S = 0.5


def time_class(seconds):
    return next(name for limit, name in CLASSES if seconds < limit)


def name_of(error):
    """A socket's own time limit is a TimeoutError without a number; the kernel's has ETIMEDOUT."""
    return errno.errorcode.get(error.errno, str(error.errno)) if error.errno else "nothing"


def digest(data):
    return f"{len(data)} bytes {hashlib.sha256(data).hexdigest()[:8]}" if data else "no bytes"


class End:
    """One program. An operation that fails is noted, and the program goes on: what it sees next belongs to the trace."""

    def __init__(self, timed):
        self.timed, self.trace, self.sock = timed, [], None

    def note(self, text, begun_s=None):
        self.trace.append(f"{text}, {time_class(time.monotonic() - begun_s)}" if self.timed and begun_s else text)

    def attempt(self, name, operation):
        begun_s = time.monotonic()
        try:
            result = operation()
        except OSError as error:
            self.note(f"{name}: {name_of(error)}", begun_s)
            return None
        self.note(f"{name}: ok" if result is None else f"{name}: {result}", begun_s)
        return True

    def send(self, data, flags=0):
        self.attempt(f"send {len(data)}", lambda: self.sock.sendall(data, flags))

    def send_bulk(self, data):
        """How long that takes is a matter of buffers: without a class of time."""
        timed, self.timed = self.timed, False
        self.send(data)
        self.timed = timed

    def receive_bulk(self):
        timed, self.timed = self.timed, False
        self.receive_all()
        self.timed = timed

    def send_pieces(self, data, size=1):
        def pieces():
            for at in range(0, len(data), size):
                self.sock.sendall(data[at:at + size])
        self.attempt(f"send {len(data)} by {size}", pieces)

    def collect(self, n):
        """Up to n bytes, and how it ended: '' when all are there."""
        parts = []
        try:
            while n:
                part = self.sock.recv(min(n, 1 << 18))
                if not part:
                    return b"".join(parts), "the end"
                parts.append(part)
                n -= len(part)
        except OSError as error:
            return b"".join(parts), name_of(error)
        return b"".join(parts), ""

    def receive(self, n):
        """Exactly n bytes, or what comes in their place."""
        begun_s = time.monotonic()
        data, how = self.collect(n)
        self.note("receive: " + " then ".join(text for text in (digest(data) if data else "", how) if text), begun_s)

    def receive_all(self):
        self.receive(1 << 40)

    def receive_prefix(self, sent):
        """Some of what was sent, right from its beginning, and how it ended; how much is left open."""
        begun_s = time.monotonic()
        data, how = self.collect(1 << 40)
        expected = (sent * (len(data) // len(sent) + 1))[:len(data)]
        self.note(f"receive: {'a right beginning' if data == expected else 'wrong bytes'} then {how}", begun_s)

    def wait_hang_up(self):
        """Until poll() tells that the connection is gone; a program that sends only then meets no race."""
        begun_s = time.monotonic()
        poll = select.poll()
        poll.register(self.sock, 0)   # POLLHUP and POLLERR come unasked
        self.note("poll: hang-up" if poll.poll(PATIENCE_S * 1000) else "poll: nothing", begun_s)

    def receive_urgent(self):
        """As telnet's server does it: poll() tells, and the byte is read apart from the stream."""
        poll = select.poll()
        poll.register(self.sock, select.POLLPRI)
        if poll.poll(1000):
            self.attempt("receive urgent", lambda: self.sock.recv(1, socket.MSG_OOB))
        else:
            self.note("poll: nothing urgent")

    def end(self):
        self.attempt("end", lambda: self.sock.shutdown(socket.SHUT_WR))

    def close(self):
        self.attempt("close", self.sock.close)

    def reset(self):
        self.attempt("reset", lambda: close_with_reset(self.sock))

    def fill(self, data):
        """Sends until nothing is taken for a while, or all is gone: the reader's window is zero then. What was sent."""
        self.sock.setblocking(False)
        n, idle_since_s = 0, time.monotonic()
        while n < len(data) and time.monotonic() - idle_since_s < FILLED_IDLE_S:
            try:
                n += self.sock.send(memoryview(data)[n:])
                idle_since_s = time.monotonic()
            except BlockingIOError:
                time.sleep(0.02)
        self.sock.settimeout(PATIENCE_S)
        self.note("fill: more than 64 kB taken" if n > 1 << 16 else f"fill: {n} bytes taken")
        return data[:n]

    def receive_exactly_this(self, expected):
        """The sum would differ from run to run where the amount does."""
        begun_s = time.monotonic()
        data, how = self.collect(len(expected))
        self.note("receive: all of it" if data == expected else f"receive: {len(data)} bytes of {len(expected)} then {how}", begun_s)

    def keep_alive(self):
        """Finds a dead peer within 4 s."""
        for level, name, value in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
                                   (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)):
            self.sock.setsockopt(level, name, value)

    def note_segments(self, most_bytes):
        seen = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        self.note("segments as small as the peer wants them" if seen <= most_bytes else "segments larger than the peer wants them")

    def note_unacknowledged(self):
        """Whether all that was sent is acknowledged, half a second later."""
        time.sleep(0.5)
        left = struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)))[0]
        self.note("acknowledged: all" if not left else "acknowledged: not all")
