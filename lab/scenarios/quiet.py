# SPDX-License-Identifier: GPL-2.0-or-later
"""What a backup link carries while nothing is wrong: bytes a day, of probes, keep-alives and handshakes, beside an idle session, a talkative one, and new ones.

On such a link every byte may cost money. Counted on the wire, both ways together, over --seconds, and scaled to a day.
"""
import time

from braidlab.daemons import Streams
from braidlab.errors import LabError
from braidlab.live import table
from braidlab.topology import Access

OPTIONS = {
    "seconds": (120.0, "how long is counted"),
    "settles": (5.0, "seconds before"),
    "most_mb_a_day": (1.0, "with an idle session and a talkative one; more is a failure"),
}
DAY_S = 86400


def wire_bytes(access):
    counters = access.link.get()
    return sum(counters[way]["bytes"] for way in ("ab", "ba"))


def counted(lab, access):
    """MB a day."""
    time.sleep(lab.options.settles)
    before = wire_bytes(access)
    time.sleep(lab.options.seconds)
    return (wire_bytes(access) - before) / lab.options.seconds * DAY_S / 1e6


def run(lab):
    lab.standard([Access("dsl", 20_000_000, 5_000_000, 20), Access("lte", 20_000_000, 5_000_000, 45)], conf={"link lte.backup": "yes"})
    backup = lab.net.link("lte")
    streams = Streams(lab.net.server)
    rows = [["no session", f"{counted(lab, backup):.2f}"]]
    kept = [streams.start(lab.net.host, kind, 1) for kind in ("idle", "talk")]
    held = counted(lab, backup)
    rows.append(["an idle session, and one of ten packets a second", f"{held:.2f}"])
    fresh = streams.start(lab.net.host, "fresh", 1)
    rows.append(["and two new ones a second", f"{counted(lab, backup):.2f}"])
    for program in (fresh, *kept):
        if failures := streams.end(program)["failures"]:
            raise LabError(f"{program.name}: {failures[0][1]}")
    lab.braid.check()
    lab.say(table(rows, ["on the backup link, beside", "MB a day"]))
    if held > lab.options.most_mb_a_day:
        raise LabError(f"{held:.2f} MB a day on the backup link, at most {lab.options.most_mb_a_day:g} were wanted")
