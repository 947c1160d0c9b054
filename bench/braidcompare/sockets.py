# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of a connection in this process, without blocking, and the clock beside them."""
import errno
import os
import select
import socket
import time

PATIENCE_S = 12
PIECE = bytes(64 << 10)


def listen(node, port, protocol=socket.IPPROTO_TCP):
    listener = node.socket(protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(64)
    listener.setblocking(False)
    return listener


class Exchange:
    """A client that connects, asks with a byte as soon as it is connected, and a server that answers with one. Times in ms from connect() on; None: it hasn't come."""

    def __init__(self, node, address, port, listener, protocol=socket.IPPROTO_TCP):
        self.listener, self.far, self.peer = listener, None, None
        self.connect_ms = self.answer_ms = self.error = None
        self.near = node.socket(protocol)
        self.near.setblocking(False)
        self.near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begun_s = time.monotonic()
        self.near.connect_ex((address, port))

    def passed_ms(self):
        return 1000 * (time.monotonic() - self.begun_s)

    def run(self, patience_s=PATIENCE_S):
        """Until the answer is here, or an error, or patience has an end; itself."""
        poll = select.poll()
        poll.register(self.near, select.POLLOUT)
        if self.listener:
            poll.register(self.listener, select.POLLIN)
        while self.error is None and self.answer_ms is None and (left_ms := 1000 * patience_s - self.passed_ms()) > 0:
            for fd, _ in poll.poll(left_ms):
                try:
                    self._step(fd, poll)
                except OSError as error:
                    self.error = errno.errorcode[error.errno]
        return self

    def _step(self, fd, poll):
        if fd == self.near.fileno():
            self._near(poll)
        elif self.far and fd == self.far.fileno():
            if self.far.recv(1):
                self.far.send(b"!")
            else:
                poll.unregister(self.far)
        else:
            self.far, peer = self.listener.accept()
            self.far.setblocking(False)
            self.peer = peer[0]
            poll.register(self.far, select.POLLIN)

    def _near(self, poll):
        if self.connect_ms is None:
            if code := self.near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, os.strerror(code))
            self.connect_ms = self.passed_ms()
            self.near.send(b"?")
            poll.modify(self.near, select.POLLIN)
        elif self.near.recv(1):
            self.answer_ms = self.passed_ms()
        else:
            self.error = "the end"

    def close(self):
        for sock in (self.near, self.far):
            if sock:
                sock.close()
        return self


def stall(exchange, down, quiet_s=1.0):
    """One end writes, the other doesn't read: how many bytes are taken until nothing is taken for a while."""
    sender, sent, moved_s = exchange.far if down else exchange.near, 0, time.monotonic()
    while time.monotonic() - moved_s < quiet_s:
        if select.select([], [sender], [], 0.1)[1]:
            try:
                sent += sender.send(PIECE)
                moved_s = time.monotonic()
            except BlockingIOError:
                pass
    return sent
