# SPDX-License-Identifier: GPL-2.0-or-later
"""A link is lost under a session for a minute, and is back: how long until that session, begun before, uses it again and fills it.

Lost in three ways: it falls silent with its carrier there, it loses its carrier, its address is taken. It is the link that the session began on, or the other one; the session downloads,
or uploads. --tries of these, in turns, several networks at a time. Meanwhile the session must go on over the other link.
"""
import itertools
import json
import math
import statistics
import subprocess
import time

from braidlab import sandbox
from braidlab.cli import REPOSITORY
from braidlab.daemons import Streams
from braidlab.errors import LabError, until
from braidlab.live import table
from braidlab.topology import Access

OPTIONS = {
    "tries": (50, "how many in all"),
    "outage_s": (60.0, "how long the link is lost"),
    "kinds": ("silence,carrier,address", "how it is lost"),
    "which": ("first,other", "the link that the session began on, or the other one"),
    "ways": ("down,up", "what the session does"),
    "at_once": (10, "networks at a time; 1: here"),
    "begin_at": (0, "the first try's number; it says which kind, link and way"),
    "every": (1, "numbers from one try to the next"),
    "least_share": (0.8, "of the link's rate, which the session has to carry over it again"),
    "most_s": (5.0, "until then; longer is a failure"),
    "patience_s": (40.0, "after which a try is given up"),
}
LINKS = (("dsl", 3_000_000, 3_000_000, 20), ("lte", 3_000_000, 3_000_000, 45))
USED_BYTES = 20_000       # over the link: more than handshakes and probes
WINDOW_S, LOOK_S, GOES_ON_S = 0.5, 0.02, 2.0
PROGRAM = REPOSITORY / "lab" / "braid-lab"


def combinations(options):
    return list(itertools.product(options.kinds.split(","), options.which.split(","), options.ways.split(",")))


def carried(access, way):
    return access.link.get()["ba" if way == "down" else "ab"]["bytes"]


def rate_bps(access, way):
    return access.down_bps if way == "down" else access.up_bps


class Return:
    """How a link's counter grows from an instant on: when it was used, and when it was full."""

    def __init__(self, access, way, share):
        self.access, self.way, self.share = access, way, share
        self.begun_at, self.before = time.monotonic(), carried(access, way)
        self.rows = [(0.0, 0)]
        self.used_s = self.full_s = None

    def look(self):
        now_s, n_bytes = time.monotonic() - self.begun_at, carried(self.access, self.way) - self.before
        self.rows.append((now_s, n_bytes))
        if self.used_s is None and n_bytes > USED_BYTES:
            self.used_s = now_s
        then_s, then_bytes = next(row for row in reversed(self.rows) if row[0] <= max(0.0, now_s - WINDOW_S))
        if now_s >= WINDOW_S and 8 * (n_bytes - then_bytes) >= self.share * rate_bps(self.access, self.way) * (now_s - then_s):
            self.full_s = now_s
        return self.full_s is not None


def is_full(access, way, share, seconds):
    """Whether the link carries so much of its rate over that time."""
    begun_at, before = time.monotonic(), carried(access, way)
    time.sleep(seconds)
    return 8 * (carried(access, way) - before) >= share * rate_bps(access, way) * (time.monotonic() - begun_at)


def began_on(lab):
    return {row["name"]: row["sessions_first"] for row in lab.braid.ctl("links")["links"]}


def begin(lab, streams, way, number):
    """A session that fills both links; its program, the link that it began on, and the other one."""
    before = began_on(lab)
    program = streams.start(lab.net.host, way, number)
    until(lambda: began_on(lab) != before or program.check(), 10, "the session to begin")
    first = next(access for access in lab.net.links if began_on(lab)[access.name] != before[access.name])
    other = next(access for access in lab.net.links if access is not first)
    until(lambda: all(is_full(access, way, lab.options.least_share, 0.5) for access in lab.net.links), 60, "the session to fill both links")
    return program, first, other


def one(lab, streams, number):
    """A try, and what it came to; also where it came to nothing."""
    kind, which, way = combinations(lab.options)[number % len(combinations(lab.options))]
    seen = {"number": number, "kind": kind, "which": which, "way": way, "used_s": None, "full_s": None, "stall_s": 0.0, "fault": ""}
    try:
        seen |= attempt(lab, streams, number, kind, which, way)
    except LabError as error:
        lab.braid.check()
        seen["fault"] = str(error).splitlines()[0]
        for access in lab.net.links:
            access.link.set(silence=0, carrier=1)
    return seen


def attempt(lab, streams, number, kind, which, way):
    share = lab.options.least_share
    program, first, other = begin(lab, streams, way, number)
    lost, left = (first, other) if which == "first" else (other, first)
    lab.net.lose(lost, kind)
    time.sleep(lab.options.outage_s)
    goes_on = is_full(left, way, share, GOES_ON_S)
    lab.net.give_back(lost, kind)
    seen = Return(lost, way, share)
    end = time.monotonic() + lab.options.patience_s
    while not seen.look() and time.monotonic() < end:
        program.check()
        time.sleep(LOOK_S)
    if seen.full_s is not None and not goes_on:
        raise LabError("the session didn't fill the link that was left")
    told = streams.end(program)
    if told["failures"]:
        raise LabError(told["failures"][0][1])
    lab.braid.check()
    stall_s = max((length for length, _ in told["stalls"]), default=0.0)
    return {"used_s": seen.used_s, "full_s": seen.full_s, "stall_s": stall_s}


def here(lab):
    lab.standard([Access(*link) for link in LINKS])
    streams = Streams(lab.net.server)
    for number in range(lab.options.begin_at, lab.options.begin_at + lab.options.tries * lab.options.every, lab.options.every):
        lab.meter.wait_idle()
        lab.say(json.dumps(one(lab, streams, number)))


def shares(lab):
    """The command lines of the networks: each has every so many-th try."""
    options = lab.options
    n = min(options.at_once, options.tries)
    same = [word for name in ("outage_s", "kinds", "which", "ways", "least_share", "patience_s") for word in ("--" + name.replace("_", "-"), str(getattr(options, name)))]
    return [["--build", str(lab.build.resolve()), "run", "returns", "--at-once", "1", "--begin-at", str(options.begin_at + i * options.every), "--every", str(n * options.every),
             "--tries", str(len(range(i, options.tries, n))), *same] for i in range(n)]


def side_by_side(lab):
    """What each try came to, network by network: what they say meanwhile waits in their pipes."""
    processes = [sandbox.start_inside(PROGRAM, words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) for words in shares(lab)]
    try:
        for process in processes:
            for line in process.stdout:
                yield json.loads(line)
            if process.wait():
                raise LabError(f"a network ended with status {process.returncode}; what it said is above")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def words(one):
    return ", ".join(f"{what} after {one[key]:.2f} s" if one[key] is not None else f"not {what}" for key, what in (("used_s", "used again"), ("full_s", "full")))


def seconds(values):
    """Median and slowest, for people."""
    known = [math.inf if value is None else value for value in values]
    return f"{statistics.median(known):.2f} s", f"{max(known):.2f} s"


def show(lab, tries):
    rows = []
    for kind, which, way in [*combinations(lab.options), ("all", "", "")]:
        some = [one for one in tries if kind == "all" or (one["kind"], one["which"], one["way"]) == (kind, which, way)]
        if some:
            rows.append([" ".join((kind, which, way)).strip(), len(some), *seconds([one["used_s"] for one in some]), *seconds([one["full_s"] for one in some]),
                         f"{max(one['stall_s'] for one in some):.2f} s"])
    lab.say(table(rows, ["lost", "tries", "used again, median", "slowest", f"at {lab.options.least_share:.0%} of its rate, median", "slowest", "longest stall"]))


def run(lab):
    if lab.options.at_once == 1:
        here(lab)
        return
    tries = []
    for one in side_by_side(lab):
        tries.append(one)
        lab.say(f"{len(tries)} of {lab.options.tries}: {one['kind']}, {one['which']} link, {one['way']}: {one['fault'] or words(one)}")
    show(lab, tries)
    slow = [one for one in tries if one["full_s"] is None or one["full_s"] > lab.options.most_s]
    lab.say(f"{len(tries) - len(slow)} of {len(tries)} within {lab.options.most_s:g} s, outages of {lab.options.outage_s:g} s")
    if slow or len(tries) < lab.options.tries:
        raise LabError(f"later than {lab.options.most_s:g} s: " + "; ".join(str(one) for one in slow))
