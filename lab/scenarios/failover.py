# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that go under a transfer, by carrier and by silence, each link in turn; how long no byte comes, how soon a new connection is answered, and when the link carries again.

A link that loses its carrier tells the gateway so; one that falls silent keeps its carrier and swallows every packet. The first link
carries the connection's first subflow, which is the harder one to lose.
"""
import time

from braidlab.daemons import write_random
from braidlab.errors import LabError, until
from braidlab.live import table
from braidlab.sandbox import DIRECTORY
from braidlab.topology import SERVER_V4, Access
from braidlab.traffic import Download, upload, request_times

OPTIONS = {
    "links": ("", "Mbit/s down / Mbit/s up / ms of round trip of each, as 40/40/50,40/40/50; the lab's DSL and LTE unless given"),
    "ways": ("down,up", "of the transfers: down, up, or both with a comma"),
    "kinds": ("carrier,silence", "how a link is lost"),
    "runs": (1, "of each"),
    "megabytes": (60, "size of each transfer"),
    "lost_after": (2.0, "seconds into the transfer"),
    "lost_for": (2.0, "seconds that the link is lost"),
    "bars": (True, "a longer time without a byte than 600 ms (carrier lost) or 1000 ms (silence), or until a new connection's first byte than 1000 ms, is a failure"),
}
MOST_GAP_MS = {"carrier": 600, "silence": 1000}
MOST_NEW_MS = 1000      # with the link just lost
CARRIES_BYTES = 200_000
SIDES = {"down": "ba", "up": "ab"}
URL = f"http://{SERVER_V4}"


def links(lab):
    """Those of the option, or None."""
    rows = [[float(part) for part in text.split("/")] for text in lab.options.links.split(",") if text]
    return [Access(name, int(down * 1e6), int(up * 1e6), rtt_ms) for name, (down, up, rtt_ms) in zip(("dsl", "lte"), rows)] or None


def lose_and_return(lab, access, kind, way, transfer, seen):
    until(lambda: transfer.arrivals, 10, "the transfer to begin")
    time.sleep(lab.options.lost_after)
    seen["lost_at"] = time.monotonic()
    lab.net.lose(access, kind)
    seen["new_ms"] = request_times(lab.net.host, f"http://{SERVER_V4}/small")[1]
    time.sleep(max(0.0, seen["lost_at"] + lab.options.lost_for - time.monotonic()))
    before = access.link.get()[SIDES[way]]["bytes"]
    lab.net.give_back(access, kind)
    seen["back_at"] = time.monotonic()
    while transfer.ended_at is None and access.link.get()[SIDES[way]]["bytes"] - before < CARRIES_BYTES:
        time.sleep(0.01)
    if transfer.ended_at is None:
        seen["carries_at"] = time.monotonic()


def begin(lab, way, source):
    return Download(lab.net.host, f"{URL}/large") if way == "down" else upload(lab.net.host, source, URL, lab.servers, "sent")


def one(lab, access, kind, way, source, wanted):
    lab.meter.wait_idle()
    lab.screen.begin(f"{way}; {access.name} loses its {'carrier' if kind == 'carrier' else 'packets'}", way == "down")
    seen = {}
    transfer = begin(lab, way, source)
    transfer.run_beside(lambda: lose_and_return(lab, access, kind, way, transfer, seen))
    if transfer.digest.hexdigest() != wanted:
        raise LabError(f"{access.name}, {kind}, {way}: the SHA-256 is not that of the file")
    gap_s, _ = transfer.longest_gap(seen["lost_at"] - 0.1)
    again = f"{(seen['carries_at'] - seen['back_at']) * 1000:.0f} ms" if "carries_at" in seen else "not before the end"
    if lab.options.bars and gap_s * 1000 > MOST_GAP_MS[kind]:
        raise LabError(f"{access.name}, {kind}, {way}: {gap_s * 1000:.0f} ms without a byte, at most {MOST_GAP_MS[kind]} were wanted")
    if lab.options.bars and seen["new_ms"] > MOST_NEW_MS:
        raise LabError(f"{access.name}, {kind}, {way}: a new connection was answered after {seen['new_ms']:.0f} ms, at most {MOST_NEW_MS} were wanted")
    return [f"{access.name}, {kind}, {way}", f"{gap_s * 1000:.0f} ms", f"{seen['new_ms']:.0f} ms", again]


def run(lab):
    lab.standard(links(lab))
    wanted = lab.servers.publish("large", lab.options.megabytes * 1_000_000)
    source = DIRECTORY / "source"
    sent = write_random(source, lab.options.megabytes * 1_000_000)
    lab.servers.publish("small", 1000)
    rows = []
    for _ in range(lab.options.runs):
        for access in lab.net.links:
            for kind in lab.options.kinds.split(","):
                for way in lab.options.ways.split(","):
                    rows.append(one(lab, access, kind, way, source, wanted if way == "down" else sent))
                    lab.braid.check()
    lab.say(table(rows, ["lost link", "without a byte", "a new connection's first byte", "carries again after"]))
