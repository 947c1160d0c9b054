# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections whose every byte is known, for as long as somebody wants them: `python3 -m braidlab.streams serve PORT`, and for the other end
`... down|up|talk|idle|fresh ADDRESS PORT SEED`, which goes on until SIGTERM, ends in order, and prints one line of JSON: what it has seen.

down, up: one connection, as fast as it goes; talk: one with a few bytes there and back five times a second; idle: one that is silent but for its first and last bytes; fresh: a new one
every half second, of a byte up to some hundred thousand. Every direction is a piece of one random pattern, so that a byte too many, too few, or of another connection shows.
"""
import contextlib
import heapq
import json
import random
import select
import signal
import socket
import struct
import sys
import threading
import time

HEADER = struct.Struct("!cI")        # what is to be done, and where in the pattern it begins
DOWN, UP, ECHO = b"D", b"U", b"E"
PIECE_BYTES = 1 << 16
PATTERN = random.Random(5124).randbytes(4 << 20)
WRAPPED = memoryview(PATTERN + PATTERN[:PIECE_BYTES])
PATIENCE_S = 60                      # without a byte: a connection that hangs
STALLS_KEPT, STALL_LEAST_S = 20, 0.1
TALK_EVERY_S, TALK_BYTES = 0.2, 64
FRESH_EVERY_S, FRESH_AT_ONCE, FRESH_MOST_EXPONENT = 0.5, 60, 5.5


class Wrong(Exception):
    """Bytes that nobody has sent, or that are missing."""


def piece(at, n=PIECE_BYTES):
    """At most n bytes of the endless pattern."""
    at %= len(PATTERN)
    return WRAPPED[at:at + min(n, PIECE_BYTES)]


class Seen:
    """What one end has seen: bytes, the longest times without one, what went wrong. Times are of the monotonic clock, which all processes share."""

    def __init__(self):
        self.n_bytes = self.n_connections = 0
        self.failures, self.stalls, self.lock = [], [], threading.Lock()

    def waited(self, since, now):
        if now - since < STALL_LEAST_S:
            return
        with self.lock:
            heapq.heappush(self.stalls, (now - since, since))
            if len(self.stalls) > STALLS_KEPT:
                heapq.heappop(self.stalls)

    def fail(self, text):
        with self.lock:
            self.failures.append((time.monotonic(), text))

    def told(self):
        return {"n_bytes": self.n_bytes, "n_connections": self.n_connections, "failures": self.failures, "stalls": sorted(self.stalls, reverse=True)}


def receive_exactly(sock, n):
    data = b""
    while len(data) < n and (more := sock.recv(n - len(data))):
        data += more
    if len(data) < n:
        raise Wrong(f"an end after {len(data)} of {n} bytes")
    return data


def receive_pattern(sock, start, seen, most=None):
    """To the end of the stream, or so many; how many bytes."""
    n, last = 0, time.monotonic()
    while n != most and (data := sock.recv(PIECE_BYTES if most is None else min(PIECE_BYTES, most - n))):
        now = time.monotonic()
        seen.waited(last, now)
        last = now
        if data != piece(start + n, len(data)):
            raise Wrong(f"wrong bytes within the {len(data)} at {n}")
        n += len(data)
        seen.n_bytes += len(data)
    return n


def send_pattern(sock, start, wanted):
    """As long as wanted(n), n having been sent, says how many more; how many there were in the end."""
    n = 0
    while more := wanted(n):
        n += sock.send(piece(start + n, more))
    return n


def send_quietly(sock, start, n):
    """So many; whoever receives sees what goes wrong."""
    with contextlib.suppress(OSError):
        send_pattern(sock, start, lambda n_sent: n - n_sent)


def until(ended):
    """For send_pattern(): until ended() holds."""
    return lambda n: 0 if ended() else PIECE_BYTES


def has_ended(sock):
    """Whether the peer, which says nothing more, has ended its stream."""
    return bool(select.select([sock], [], [], 0)[0])


def serve_one(sock):
    kind, start = HEADER.unpack(receive_exactly(sock, HEADER.size))
    seen = Seen()
    if kind == DOWN:
        send_pattern(sock, start, until(lambda: has_ended(sock)))
        sock.shutdown(socket.SHUT_WR)
        return
    if kind == UP:
        try:
            receive_pattern(sock, start, seen)
        except Wrong as wrong:
            seen.fail(str(wrong))
        sock.sendall(json.dumps(seen.told()).encode())
        return
    sock.settimeout(None)       # idle ones are among them
    while data := sock.recv(PIECE_BYTES):
        sock.sendall(data)


def serve(port):
    def guarded(sock):
        with sock:
            sock.settimeout(PATIENCE_S)
            try:
                serve_one(sock)
            except (OSError, Wrong, struct.error):
                pass            # the other end sees it
    listener = socket.create_server(("", port), backlog=100)
    while True:
        threading.Thread(target=guarded, args=(listener.accept()[0],), daemon=True).start()


class Client:
    """One end, until it is told to end."""

    def __init__(self, address, port, seed):
        self.address, self.port, self.seed = address, port, seed
        self.seen, self.ending = Seen(), threading.Event()
        self.dice = random.Random(seed)
        signal.signal(signal.SIGTERM, lambda *_: self.ending.set())

    def connect(self, kind, start):
        sock = socket.create_connection((self.address, self.port), timeout=PATIENCE_S)
        sock.sendall(HEADER.pack(kind, start))
        self.seen.n_connections += 1
        return sock

    def down(self):
        with self.connect(DOWN, self.seed) as sock:
            threading.Thread(target=lambda: (self.ending.wait(), sock.shutdown(socket.SHUT_WR)), daemon=True).start()
            receive_pattern(sock, self.seed, self.seen)
            if not self.ending.is_set():
                raise Wrong("an end that nobody asked for")

    def up(self):
        with self.connect(UP, self.seed) as sock:
            n = send_pattern(sock, self.seed, until(self.ending.is_set))
            sock.shutdown(socket.SHUT_WR)
            told = b""
            while more := sock.recv(PIECE_BYTES):
                told += more
        told = json.loads(told)
        self.seen.n_bytes, self.seen.stalls = told["n_bytes"], [tuple(stall) for stall in told["stalls"]]
        self.seen.failures += [tuple(failure) for failure in told["failures"]]
        if told["n_bytes"] != n:
            raise Wrong(f"{n} bytes were sent, and {told['n_bytes']} came")

    def exchange(self, sock, n):
        """There and back."""
        sent = bytes(piece(self.dice.randrange(len(PATTERN)), n))
        begun = time.monotonic()
        sock.sendall(sent)
        if receive_exactly(sock, n) != sent:
            raise Wrong("other bytes came back")
        self.seen.waited(begun, time.monotonic())
        self.seen.n_bytes += n

    def finish(self, sock):
        sock.shutdown(socket.SHUT_WR)
        if sock.recv(1):
            raise Wrong("a byte behind the last one")

    def talk(self):
        with self.connect(ECHO, 0) as sock:
            while not self.ending.wait(TALK_EVERY_S):
                self.exchange(sock, TALK_BYTES)
            self.finish(sock)

    def idle(self):
        with self.connect(ECHO, 0) as sock:
            self.exchange(sock, TALK_BYTES)
            self.ending.wait()
            self.exchange(sock, TALK_BYTES)
            self.finish(sock)

    def one_fresh(self, start, n):
        with self.connect(ECHO, 0) as sock:
            sender = threading.Thread(target=send_quietly, args=(sock, start, n), daemon=True)
            sender.start()
            n_back = receive_pattern(sock, start, self.seen, n)
            sender.join()
            self.finish(sock)
        if n_back != n:
            raise Wrong(f"{n_back} of {n} bytes came back")

    def fresh(self):
        threads = []
        while not self.ending.wait(FRESH_EVERY_S):
            threads = [thread for thread in threads if thread.is_alive()]
            if len(threads) < FRESH_AT_ONCE:
                arguments = (self.dice.randrange(len(PATTERN)), int(10 ** self.dice.uniform(0, FRESH_MOST_EXPONENT)))
                threads.append(threading.Thread(target=self.guarded, args=(self.one_fresh, *arguments), daemon=True))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def guarded(self, work, *arguments):
        try:
            work(*arguments)
        except (OSError, Wrong, ValueError) as error:
            self.seen.fail(f"{type(error).__name__}: {error}")

    def run(self, kind):
        self.guarded({"down": self.down, "up": self.up, "talk": self.talk, "idle": self.idle, "fresh": self.fresh}[kind])
        print(json.dumps(self.seen.told()), flush=True)


def main(arguments):
    if arguments[0] == "serve":
        serve(int(arguments[1]))
    Client(arguments[1], int(arguments[2]), int(arguments[3])).run(arguments[0])


if __name__ == "__main__":
    main(sys.argv[1:])
