# SPDX-License-Identifier: GPL-2.0-or-later
"""What a second link is worth: beside a good one that it must not slow down, beside one like it, when it goes bad under way; and what a transfer does to everybody's round trips.

Parts: unequal (a fast link alone, and with a slow and far one beside it), sum (two good links alone and together), bad (a second link that begins to lose, or becomes slow, amid a
transfer), delay (round trips over each link, and what the daemons hold, amid a transfer). Each downloading and uploading; goodput as the receiving program sees it.
"""
import contextlib
import threading
import time

from braidlab.errors import LabError
from braidlab.live import mbit, table
from braidlab.topology import Access

OPTIONS = {
    "parts": ("unequal,sum,bad,delay", "what is shown"),
    "seconds": (12, "length of each transfer"),
    "skip": (5.0, "seconds at its start that don't count"),
    "goes_bad": (5.0, "seconds into a transfer, of the second link"),
    "settles": (5.0, "seconds after which that must be made good"),
    "runs": (1, "times each"),
    "pieces": ("auto", "gateway.pieces: profile is Multipath TCP where the links are far apart"),
    "bars": (True, "a figure beyond its bar is a failure"),
}
# Links as (Mbit/s, ms of round trip, ms of queue): that which is good, and the other.
UNEQUAL = ((100, 20, 20), (5, 1000, 200))
SUMS = (((50, 20, 30), (50, 20, 30)), ((90, 20, 30), (10, 20, 60)))
TURNED = ((50, 20, 30), (50, 20, 30))
BLOATED = ((40, 20, 100), (60, 45, 100))
GOES_BAD = {"20 % loss": {"loss_ppm": 200_000}, "800 ms more": {"delay_us": 410_000}}
LEAST_OF_BEST, LEAST_OF_SUM, LEAST_OF_GOOD = 0.95, 0.85, 0.9
MOST_RISE_MS, MOST_HELD = 30, 1.5
WAYS = {"down": True, "up": False}
REFUSED_PORT = 9


class Judge:
    """Figures and their bars: a line for each, and what was missed."""

    def __init__(self, lab):
        self.lab, self.rows, self.missed = lab, [], []

    def add(self, name, way, seen, text, bar, fine):
        self.rows.append([name, way, seen, text, bar, "" if fine else "MISSED"])
        if not fine:
            self.missed.append(f"{name}, {way}: {text}, wanted {bar}")

    def end(self):
        self.lab.say(table(self.rows, ["", "way", "Mbit/s", "", "wanted", ""]))
        if self.missed and self.lab.options.bars:
            raise LabError("\n".join(self.missed))


def shape(lab, links):
    for access, (rate_mbit, rtt_ms, queue_ms) in zip(lab.net.links, links):
        access.up_bps = access.down_bps = rate_mbit * 1_000_000
        access.link.set(rate_bps=access.up_bps, delay_us=rtt_ms * 500, queue_ms=queue_ms, loss_ppm=0)
    lab.braid.restart({"gateway.pieces": lab.options.pieces})


def alone(lab, access, down):
    with lab.only(access):
        return lab.goodput_bps(f"{access.name} alone", down)


def unequal(lab, judge):
    shape(lab, UNEQUAL)
    for way, down in WAYS.items():
        best, both = alone(lab, lab.net.links[0], down), lab.goodput_bps("both", down)
        judge.add("100 Mbit/s 20 ms + 5 Mbit/s 1000 ms", way, mbit(both), f"{both / best:.2f} of the better link alone", LEAST_OF_BEST, both >= LEAST_OF_BEST * best)


def sums(lab, judge):
    for links in SUMS:
        shape(lab, links)
        for way, down in WAYS.items():
            each, both = [alone(lab, access, down) for access in lab.net.links], lab.goodput_bps("both", down)
            judge.add(" + ".join(f"{link[0]}" for link in links) + " Mbit/s", way, mbit(both), f"{both / sum(each):.2f} of the sum", LEAST_OF_SUM, both >= LEAST_OF_SUM * sum(each))


def bad(lab, judge):
    for how, settings in GOES_BAD.items():
        for way, down in WAYS.items():
            shape(lab, TURNED)
            good, turned = lab.net.links
            best = alone(lab, good, down)
            timer = threading.Timer(lab.options.goes_bad, turned.link.set, kwargs=settings)
            timer.start()
            both = lab.goodput_bps(f"{turned.name}: {how} amid a transfer", down, lab.options.goes_bad + lab.options.settles)
            timer.join()
            judge.add(f"50 + 50 Mbit/s, then {how}", way, mbit(both), f"{both / best:.2f} of the good link alone", LEAST_OF_GOOD, both >= LEAST_OF_GOOD * best)


def round_trip_ms(lab, access):
    """From the gateway to the core router over the link, which refuses the connection: one round trip."""
    with lab.net.gateway.socket() as sock:
        sock.bind((access.gateway_v4, 0))
        begun_at = time.monotonic()
        with contextlib.suppress(ConnectionRefusedError):
            sock.connect((access.core_v4, REFUSED_PORT))
        return (time.monotonic() - begun_at) * 1000


def round_trips_ms(lab, seconds):
    """Over each link, some ten a second, each link's by itself and in order."""
    found = [[] for _ in lab.net.links]

    def ask(access, times):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            times.append(round_trip_ms(lab, access))
            time.sleep(0.1)
    threads = [threading.Thread(target=ask, args=(access, times)) for access, times in zip(lab.net.links, found)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [sorted(times) for times in found]


def median(times):
    return times[len(times) // 2] if times else float("inf")


class Held:
    """The most that the gateway's sessions held at once, while it is looked at."""

    def __init__(self, lab):
        self.lab, self.most, self.ended = lab, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(0.2):
            waiting = sum(s["up_waiting_bytes"] + s["down_waiting_bytes"] for s in self.lab.braid.ctl("sessions")["sessions"])
            self.most = max(self.most, waiting)

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.most


def delay(lab, judge):
    shape(lab, BLOATED)
    idle = [median(times) for times in round_trips_ms(lab, 3)]
    for way, down in WAYS.items():
        held = Held(lab)
        seen = []
        pings = threading.Timer(2.0, lambda: seen.extend(round_trips_ms(lab, lab.options.seconds - 4)))
        pings.start()
        bps = lab.goodput_bps("both, with pings", down)
        pings.join()
        most = held.end()
        for access, before, times, (rate_mbit, rtt_ms, queue_ms) in zip(lab.net.links, idle, seen, BLOATED):
            rise = median(times) - before
            judge.add(f"{access.name}: {rtt_ms} ms, queue of {queue_ms} ms", way, mbit(bps), f"round trip {before:.0f} to {median(times):.0f} ms", f"at most {queue_ms} + {MOST_RISE_MS} ms more",
                      rise <= queue_ms + MOST_RISE_MS)
        product = sum(rate for rate, _, _ in BLOATED) * 125_000 * max(rtt + queue for _, rtt, queue in BLOATED) / 1000
        judge.add("held by the gateway", way, mbit(bps), f"{most / 1000:.0f} kB, {most / product:.2f} of bandwidth x delay", f"at most {MOST_HELD}", most <= MOST_HELD * product)


PARTS = {"unequal": unequal, "sum": sums, "bad": bad, "delay": delay}


def run(lab):
    parts = lab.options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        raise LabError(f"no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    lab.standard([Access("good", 50_000_000, 50_000_000, 20), Access("other", 50_000_000, 50_000_000, 20)])
    lab.net.introduce_next_hops()
    judge = Judge(lab)
    for _ in range(lab.options.runs):
        for part in parts:
            PARTS[part](lab, judge)
    judge.end()
