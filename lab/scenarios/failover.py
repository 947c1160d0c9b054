# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that go under a download, by carrier and by silence, each link in turn; how long no byte comes, and when the link carries again.

A link that loses its carrier tells the gateway so; one that falls silent keeps its carrier and swallows every packet. The first link
carries the connection's first subflow, which is the harder one to lose.
"""
import time

from braidlab.errors import LabError, until
from braidlab.live import table
from braidlab.topology import SERVER_V4
from braidlab.traffic import Download

OPTIONS = {
    "megabytes": (60, "size of each download"),
    "lost_after": (2.0, "seconds into the download"),
    "lost_for": (2.0, "seconds that the link is lost"),
    "most_gap_ms": (3000, "a longer gap is a failure"),
}
CARRIES_BYTES = 200_000
KINDS = {"carrier": ("carrier", 0, 1), "silence": ("silence", 1, 0)}    # setting, value that loses the link, value that gives it back


def lose_and_return(lab, access, kind, download, seen):
    setting, lost, back = KINDS[kind]
    until(lambda: download.arrivals, 10, "the download to begin")
    time.sleep(lab.options.lost_after)
    seen["lost_at"] = time.monotonic()
    access.link.set(**{setting: lost})
    time.sleep(lab.options.lost_for)
    before = access.link.get()["ba"]["bytes"]
    access.link.set(**{setting: back})
    seen["back_at"] = time.monotonic()
    while download.ended_at is None and access.link.get()["ba"]["bytes"] - before < CARRIES_BYTES:
        time.sleep(0.01)
    if download.ended_at is None:
        seen["carries_at"] = time.monotonic()


def one(lab, access, kind, wanted):
    lab.meter.wait_idle()
    lab.screen.begin(f"download; {access.name} loses its {'carrier' if kind == 'carrier' else 'packets'}")
    seen = {}
    download = Download(lab.net.host, f"http://{SERVER_V4}/large")
    download.run_beside(lambda: lose_and_return(lab, access, kind, download, seen))
    if download.digest.hexdigest() != wanted:
        raise LabError(f"{access.name}, {kind}: the download's SHA-256 is not that of the file")
    gap_s, _ = download.longest_gap(seen["lost_at"] - 0.1)
    again = f"{(seen['carries_at'] - seen['back_at']) * 1000:.0f} ms" if "carries_at" in seen else "not before the end"
    if gap_s * 1000 > lab.options.most_gap_ms:
        raise LabError(f"{access.name}, {kind}: {gap_s * 1000:.0f} ms without a byte, at most {lab.options.most_gap_ms} were wanted")
    return [f"{access.name}, {kind}", f"{gap_s * 1000:.0f} ms", again]


def run(lab):
    lab.standard()
    wanted = lab.servers.publish("large", lab.options.megabytes * 1_000_000)
    rows = []
    for access in lab.net.links:
        for kind in KINDS:
            rows.append(one(lab, access, kind, wanted))
            lab.braid.check()
    lab.say(table(rows, ["lost link", "without a byte", "carries again after"]))
