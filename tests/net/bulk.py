# SPDX-License-Identifier: GPL-2.0-or-later
"""Bulk over one connection, for what links show only under load."""
import contextlib
import os
import threading

from netlab import send_in_background

BULK = bytes(400_000_000)   # far more than passes


def drain(sock):
    try:
        while sock.recv(1 << 20):
            pass
    except OSError:
        pass


class Bulk:
    """A transfer that goes on until it is left."""

    def __init__(self, lab, way, session=None):
        self.near, self.far, _ = session or lab.session(lab.listen("server"))
        sender, reader = (self.far, self.near) if way == "down" else (self.near, self.far)
        sender.settimeout(None)
        self.pid = send_in_background(sender, BULK)
        self.reading = threading.Thread(target=drain, args=(reader,))
        self.reading.start()

    def leave(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        for sock in (self.near, self.far):
            with contextlib.suppress(OSError):   # bytes were under way to the one that is closed first: the other may be reset by now
                sock.shutdown(2)
            sock.close()
        self.reading.join()
