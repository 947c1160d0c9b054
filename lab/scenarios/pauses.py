# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that stops reading in mid-download until all windows are closed, and reads on, over links that lose packets: nothing may be sent that its end won't take.

Where packets are missing, the sender's kernel takes the window for wider than it is (decision 0058). What is sent beyond it is dropped, and comes again late.
"""
import json

from braidlab.errors import LabError
from braidlab.live import table
from braidlab.topology import SERVER_V4, Access

OPTIONS = {
    "pauses": (12, "downloads, with a pause each"),
    "reads": (1.5, "seconds that each reads before it"),
    "pause": (5.0, "seconds"),
    "loss_ppm": (3000, "of the packets on both links"),
    "mbps": (400, "of each link"),
    "overrun": (2, "of the pauses may be overrun at most: none of 24 was, 7 of 12 before that decision"),
}
RTTS_MS = (20, 50)
MEGABYTES = 2000
DROPS = ("TcpExtTCPZeroWindowDrop", "TcpExtBeyondWindow", "MPTcpExtNoDSSInWindow")

# Says how long it waited for bytes at most, when it reads on.
READER = """
import json, socket, sys, time
host, reads_s, pause_s = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
s = socket.create_connection((host, 80))
s.sendall(b"GET /large HTTP/1.0\\r\\n\\r\\n")

def read(seconds):
    end, last, longest = time.monotonic() + seconds, time.monotonic(), 0.0
    while last < end and s.recv(1 << 18):
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest

read(reads_s)
time.sleep(pause_s)
print(json.dumps(read(2.0)))
"""


def dropped(node):
    counters = node.counters()
    return sum(counters.get(name, 0) for name in DROPS)


def run(lab):
    bps = lab.options.mbps * 1_000_000
    lab.standard([Access(name, bps, bps, rtt_ms) for name, rtt_ms in zip(("near", "far"), RTTS_MS)])
    for access in lab.net.links:
        access.link.set(loss_ppm=lab.options.loss_ppm)
    lab.servers.publish("large", MEGABYTES * 1_000_000)
    drops, waits_s = [], []
    for _ in range(lab.options.pauses):
        before = dropped(lab.net.gateway)
        waits_s.append(json.loads(lab.net.host.run("/usr/bin/python3", "-c", READER, SERVER_V4, lab.options.reads, lab.options.pause, timeout_s=120)))
        drops.append(dropped(lab.net.gateway) - before)
        lab.braid.check()
    n_overrun = sum(n > 0 for n in drops)
    lab.say(table([[f"{n_overrun} of {len(drops)}", sum(drops), f"{sorted(waits_s)[len(waits_s) // 2] * 1000:.0f} ms", f"{max(waits_s) * 1000:.0f} ms"]],
                  ["pauses overrun", "packets dropped", "longest wait then, median", "of all"]))
    if n_overrun > lab.options.overrun:
        raise LabError(f"of {len(drops)} pauses {n_overrun} were overrun, {lab.options.overrun} may be; packets dropped in each: {drops}")
