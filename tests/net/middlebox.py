# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions through middleboxes (RFC 8041, section 3.1), as the lab's link emulator plays them: what becomes of each.

A cell is a scheme, a middlebox, where it stands (link a, b, both) and since when: before the daemons start, before the session, or in the middle of it. Both ends send, the
word that an application layer gateway looks for stands in the first bytes or later.
"""
import dataclasses
import errno
import hashlib
import os
import select
import socket
import time

import schemes
from netlab import HOST, SERVER, wait_for

CONNECT_TIMEOUT_S = 8
SLACK_S = 12                    # of a machine with other work, and of the exchange itself
HALF_BYTES = 150_000
PIECE_BYTES = 64 << 10
WORD = b" say PORT 10,0,0,9\n"
CONF = {"limits": {"connect_timeout_ms": CONNECT_TIMEOUT_S * 1000}, "daemon": {"drain_timeout_ms": 0}}
WHERE = {"a": "a", "b": "b", "both": "ab"}
WHEN = ("before the daemons", "before the session", "amid the session")


@dataclasses.dataclass(frozen=True)
class Box:
    """setting: of the emulator. word: where the application layer gateway's word stands, if it does."""
    name: str
    setting: str
    word: str = ""
    alters: bool = False        # plain TCP, too, arrives as something else
    unseen: str = ""            # why DSS checksums don't find that
    sessions: int = 2           # one after another: the gateway learns from the first ones
    learns: bool = False        # at the cost of them (decision 0029)


NOT_IN_SYNS = "data in the SYN have no checksum (RFC 8684, appendix B.2); the first checksum that is wrong makes plain TCP of the connection"

BOXES = [
    Box("SYN data lost", "eat_syn_data=2"),
    Box("SYNs with data dropped", "eat_syn_data=1"),
    Box("options stripped", "strip_mptcp=1"),
    Box("options stripped from SYNs", "strip_mptcp=2"),
    Box("options stripped after the SYNs", "strip_mptcp=3", sessions=8, learns=True),
    Box("SYNs with unknown options dropped", "eat_mptcp_syns=1"),
    Box("payload changed, first bytes", "rewrite=1", "first", True, NOT_IN_SYNS),
    Box("payload changed, later", "rewrite=1", "later", True),
    Box("payload lengthened, first bytes", "rewrite=2", "first", True, NOT_IN_SYNS),
    Box("payload lengthened, later", "rewrite=2", "later", True),
]
CLEAR = "strip_mptcp=0 eat_mptcp_syns=0 eat_syn_data=0 rewrite=0"


@dataclasses.dataclass
class Outcome:
    """what: works, changed (other bytes than were sent), cut short (an orderly end too early), hangs, or the error that the host was told, or the server, where the host had its end
    by then. how: MPTCP, TCP (between the proxies), ordinary (past them), or nothing."""
    what: str
    how: str
    seconds: float
    detail: str = ""

    def is_clear(self):
        return self.what == "works" or self.what.removesuffix(" at the server") in errno.errorcode.values()

    def is_what_tcp_has(self):
        """Other bytes than were sent, as plain TCP would have brought them; but it has ended, in order or by an error."""
        return self.what == "changed" and "hangs" not in self.detail

    def __str__(self):
        return f"{self.what}{f' over {self.how}' if self.how else ''}{f' ({self.detail})' if self.detail else ''}, {self.seconds:.1f} s"


def pieces(word, number):
    """What one end sends, before the middle and after: a little, in which the word may stand (an application layer gateway lengthens no full segment), and then a lot."""
    begin, rest = f"{number}:".encode() + (WORD if word == "first" else b""), b"more" + (WORD if word == "later" else b"")
    return [begin, os.urandom(HALF_BYTES), rest, os.urandom(HALF_BYTES)]


class End:
    """One end of a connection, without blocking."""

    def __init__(self, sock, out):
        self.sock, self.out, self.received, self.ended, self.shut, self.error = sock, memoryview(out), bytearray(), False, False, None
        sock.setblocking(False)

    def step(self, last):
        """Reads and writes what goes; last: nothing is sent after this, so the direction ends."""
        try:
            self._write(last)
            self._read()
        except BlockingIOError:
            pass
        except OSError as error:
            self.error = errno.errorcode[error.errno]

    def _write(self, last):
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out[:PIECE_BYTES]):]
            if last and not self.shut:
                self.sock.shutdown(socket.SHUT_WR)
                self.shut = True
        except BlockingIOError:
            pass

    def _read(self):
        while not self.ended:
            data = self.sock.recv(PIECE_BYTES)
            self.received += data
            self.ended = not data


class Talk:
    """A connection of the host to the server, piece by piece; in the middle amid() is called."""

    def __init__(self, lab, listener, word, amid):
        self.lab, self.listener, self.amid = lab, listener, amid
        self.up, self.down = pieces(word, 1), pieces(word, 2)
        self.fars, self.peers = [], []
        self.begun_s = time.monotonic()
        self.near_sock = lab.socket("host")
        self.near_sock.setblocking(False)
        self.near_sock.connect_ex((SERVER, listener.getsockname()[1]))
        self.near = None
        listener.setblocking(False)

    def accept(self):
        while True:
            try:
                sock, peer = self.listener.accept()
            except BlockingIOError:
                return
            self.lab.sockets.append(sock)
            self.fars.append(End(sock, self.down[0]))
            self.peers.append(peer[0].removeprefix("::ffff:"))

    def connected(self):
        """Whether the host is; its error, if it has one."""
        if not self.near and (select.select([], [self.near_sock], [], 0)[1]):
            error = self.near_sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                return errno.errorcode[error]
            self.near = End(self.near_sock, self.up[0])
        return None

    def far(self):
        return max(self.fars, key=lambda end: len(end.received), default=None)

    def wait(self):
        fds = [self.near_sock, self.listener, *(end.sock for end in self.fars if not end.error)]
        wanted = [end.sock for end in [*([self.near] if self.near else []), *self.fars] if end.out and not end.error]
        if not self.near:
            wanted.append(self.near_sock)
        select.select([fd for fd in fds if fd is not self.near_sock or self.near and not self.near.ended], wanted, [], 0.02)

    def turn(self, last):
        self.accept()
        error = self.connected()
        if self.near:
            self.near.step(last)
            error = self.near.error
        for end in self.fars:
            end.step(last and end is self.far())
        return error

    def step(self, number):
        """Until both have the piece of this number, or the host an error, or time is over. None where it is done, else what the outcome is."""
        last = number == len(self.up) - 1
        wanted_up, wanted_down = (sum(map(len, parts[:number + 1])) for parts in (self.up, self.down))
        while time.monotonic() - self.begun_s < CONNECT_TIMEOUT_S + SLACK_S:
            if error := self.turn(last):
                return error
            far = self.far()
            if self.near and far and len(self.near.received) >= wanted_down and len(far.received) >= wanted_up and \
                    (not last or self.near.ended and far.ended):
                return None
            if self.near and self.near.ended and len(self.near.received) < wanted_down:
                return "cut short"
            if self.near and self.near.ended and self.near.shut and far and far.error:
                return f"{far.error} at the server"
            self.wait()
        return "hangs"

    def run(self):
        """What became of it."""
        how = ""
        for number in range(len(self.up)):
            if number:
                self.near.out, self.far().out = memoryview(self.up[number]), memoryview(self.down[number])
            if what := self.step(number):
                return self.outcome(what, how)
            if number == 1:
                how, amid_s = self.how(), time.monotonic()
                self.amid()
                self.begun_s += time.monotonic() - amid_s   # that isn't the session's time
        return self.outcome(None, how)

    def how(self):
        return "ordinary" if self.peers[self.fars.index(self.far())] == HOST else ""

    def outcome(self, what, how):
        seconds = time.monotonic() - self.begun_s
        up, down = b"".join(self.up), b"".join(self.down)
        pairs = [("up", bytes(end.received), up) for end in self.fars] + ([("down", bytes(self.near.received), down)] if self.near else [])
        changed = [way for way, got, sent in pairs if not sent.startswith(got)]
        if changed:
            return Outcome("changed", how, seconds, " and ".join(sorted(set(changed))) + (f", then {what}" if what else ""))
        if not what and all(hashlib.sha256(got).digest() == hashlib.sha256(sent).digest() for way, got, sent in pairs if way == "down" or got):
            what = "works"
        return Outcome(what or "cut short", how, seconds)

    def close(self):
        for sock in (self.near_sock, *(end.sock for end in self.fars)):
            sock.close()


def set_checksums(lab, wanted):
    """Of DSS, in Multipath TCP that begins from now on."""
    for node in ("gw", "conv", "core"):
        lab.run(node, f"echo {int(wanted)} > /proc/sys/net/mptcp/checksum_enabled")


def set_boxes(lab, where, setting):
    for link in where:
        lab.set_link(link, setting)


def leg(gateway):
    """What the newest session between the proxies is."""
    sessions = gateway.ctl("sessions")["sessions"] if gateway else []
    return ("MPTCP" if sessions[-1]["mptcp"] else "TCP") if sessions else ""


def wait_joined(converter):
    """Both links carry the newest session: the converter knows when it has taken a join in."""
    wait_for(lambda: len({link["name"] for link in converter.ctl("sessions")["sessions"][-1]["links"]}) == 2, "both links to carry the session")


def run_cell(lab, listener, scheme, box, where, when, joined_at=None):
    """scheme: None for plain routing, else its converter runs. The outcomes of box.sessions one after another, with a gateway that knows nothing yet; links are as before then.
    joined_at: the converter, where both links are to have joined in the middle of a session."""
    links, gateway = WHERE[where], None
    if when == WHEN[0]:
        set_boxes(lab, links, box.setting)
    if scheme:
        gateway = schemes.start_gateway(lab, scheme, CONF, wait=when != WHEN[0])
    if when == WHEN[1]:
        set_boxes(lab, links, box.setting)
    outcomes = []
    for _ in range(box.sessions):
        seen = []

        def amid():
            seen.append(leg(gateway))
            if joined_at and seen[-1] == "MPTCP":
                wait_joined(joined_at)
            if when == WHEN[2]:
                set_boxes(lab, links, box.setting)
        talk = Talk(lab, listener, box.word, amid)
        outcome = talk.run()
        if seen and not outcome.how:
            outcome.how = seen[0]
        outcomes.append(outcome)
        talk.close()
    assert not gateway or gateway.running() and gateway.stop() == 0, gateway.log()
    set_boxes(lab, "ab", CLEAR)
    return outcomes
