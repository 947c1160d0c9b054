# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that reads more slowly than the links deliver: it must get its own rate, and never wait."""
import json

from braidlab.live import table
from braidlab.topology import SERVER_V4

OPTIONS = {
    "megabytes": (40, "size of the download"),
    "mbps": (32.0, "how fast the host reads"),
}

# Reads at an even rate; what it waits for bytes beyond that is time in which it was starved.
READER = """
import json, socket, sys, time
host, n_bytes, bps = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
s = socket.create_connection((host, 80))
s.sendall(b"GET /large HTTP/1.0\\r\\n\\r\\n")
n, starved, longest, start = 0, 0.0, 0.0, time.monotonic()
while chunk := s.recv(16384):
    n += len(chunk)
    due = start + n * 8 / bps
    now = time.monotonic()
    if now < due:
        time.sleep(due - now)
    else:
        starved, longest, start = starved + now - due, max(longest, now - due), start + now - due
print(json.dumps({"bytes": n, "starved_ms": starved * 1000, "longest_ms": longest * 1000}))
"""


def run(lab):
    lab.standard()
    size = lab.options.megabytes * 1_000_000
    lab.servers.publish("large", size)
    seen = json.loads(lab.net.host.run("/usr/bin/python3", "-c", READER, SERVER_V4, size, lab.options.mbps * 1e6, timeout_s=120))
    dropped = lab.net.gateway.run("nstat", "-asz", "MPTcpExtNoDSSInWindow").split()[-2]
    lab.say(table([[f"{seen['bytes'] / 1e6:.1f} MB", f"{seen['starved_ms']:.0f} ms", f"{seen['longest_ms']:.0f} ms", dropped]],
                  ["read", "waited for bytes", "at once at most", "dropped beyond the window"]))
