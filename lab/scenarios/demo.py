# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job: two unequal links as one, a link lost under a download, and the time to connect and to the first byte.

A DSL-like and an LTE-like link, the converter off the default path, a server behind it. First each link alone (through Braid, with
only that link up: the same transport and path), then both, down and up. Goodput is what the receiving program got, from --skip
seconds after the start to the end, so that slow start is left out, alone and bonded alike. Then a download by curl from nginx, checked
by SHA-256, while one link loses its carrier and later has it again. Then small requests over new connections, with Braid and
without (a host next to Braid's, over the better link), in turns.
"""
import json
import pathlib
import statistics
import time

from braidlab.errors import LabError, until
from braidlab.live import mbit, table
from braidlab.topology import SERVER_V4
from braidlab.traffic import Download, request_times

OPTIONS = {
    "seconds": (6, "length of each transfer"),
    "skip": (2.0, "seconds at its start that don't count"),
    "megabytes": (80, "size of the download that a link is lost under"),
    "lose": ("dsl", "the link that is lost under it"),
    "lost_after": (2.0, "seconds into the download"),
    "lost_for": (3.0, "seconds without carrier"),
    "requests": (25, "small requests each way, at least 20"),
    "congestion": ("cubic", "congestion control between gateway and converter"),
    "json": ("", "file for the figures; demo.json in the build folder unless given"),
}
LEAST_EFFICIENCY = 0.5
LEAST_REQUESTS = 20
DIRECTIONS = ("down", "up")


def goodput(lab, title):
    """Down and up."""
    found = {}
    for way in DIRECTIONS:
        found[way] = lab.goodput_bps(f"{title}, {way}", way == "down")
        lab.say(f"{title + ',':<12} {way:<4} {mbit(found[way]):>6} Mbit/s")
    return found


def alone(lab, access):
    with lab.only(access):
        return goodput(lab, f"{access.name} alone")


def lose_and_return(lab, access, download, seen):
    """Beside the download: the link goes, and comes back. What happened is put into seen."""
    options = lab.options
    until(lambda: download.arrivals, 10, "the download to begin")
    time.sleep(options.lost_after)
    seen["lost_at"] = time.monotonic()
    access.link.lose_carrier()
    lab.say(f"{access.name} loses its carrier")
    time.sleep(options.lost_for)
    before = access.link.get()["ba"]["bytes"]
    access.link.regain_carrier()
    seen["back_at"] = time.monotonic()
    lab.say(f"{access.name} has carrier again")
    until(lambda: access.link.get()["ba"]["bytes"] - before > 200_000, 10, f"{access.name} to carry the download again")
    seen["carries_at"] = time.monotonic()


def failover(lab):
    access = lab.net.link(lab.options.lose)
    wanted = lab.servers.publish("large", lab.options.megabytes * 1_000_000)
    lab.meter.wait_idle()
    lab.screen.begin(f"download of {lab.options.megabytes} MB by curl from nginx")
    seen = {}
    download = Download(lab.net.host, f"http://{SERVER_V4}/large")
    download.run_beside(lambda: lose_and_return(lab, access, download, seen))
    if download.ended_at < seen["carries_at"]:
        raise LabError("the download ended before the link was back; more --megabytes are needed")
    gap_s, gap_at = download.longest_gap()
    equal = download.digest.hexdigest() == wanted
    lab.say(f"downloaded {download.n_bytes()} bytes, SHA-256 {'equal' if equal else 'NOT EQUAL'}; longest time without a byte "
            f"{gap_s * 1000:.0f} ms, {gap_at - seen['lost_at']:+.2f} s from the loss; the link carried again "
            f"{(seen['carries_at'] - seen['back_at']) * 1000:.0f} ms after its return")
    return {"gap_ms": round(gap_s * 1000, 1), "sha256_equal": equal}


def requests(lab):
    """Medians of the times to connect and to the first byte; Braid's host and the other take turns."""
    n = max(lab.options.requests, LEAST_REQUESTS)
    url = f"http://{SERVER_V4}/small"
    lab.servers.publish("small", 1000)
    lab.meter.wait_idle()
    lab.screen.begin(f"{n} small requests, with and without Braid")
    times = {"direct": [], "braid": []}
    for _ in range(n):
        for who, node in (("direct", lab.net.plain), ("braid", lab.net.host)):
            times[who].append(request_times(node, url))
    medians = {who: [round(statistics.median(column), 2) for column in zip(*rows)] for who, rows in times.items()}
    return [{"direct_ms": medians["direct"][i], "braid_ms": medians["braid"][i]} for i in range(2)]


def figures(lab):
    alones = {access.name: alone(lab, access) for access in lab.net.links}
    bonded = goodput(lab, "bonded")
    fail = failover(lab)
    setup, first_byte = requests(lab)
    return {
        "links": [{"name": access.name, "down_bps": access.down_bps, "up_bps": access.up_bps, "rtt_ms": access.rtt_ms,
                   **{f"alone_{direction}_bps": round(alones[access.name][direction]) for direction in DIRECTIONS}}
                  for access in lab.net.links],
        "bonded": {f"{direction}_bps": round(bonded[direction]) for direction in DIRECTIONS},
        "efficiency": {direction: round(bonded[direction] / sum(one[direction] for one in alones.values()), 3)
                       for direction in DIRECTIONS},
        "failover": fail, "setup": setup, "first_byte": first_byte,
    }


def show(lab, got):
    rows = [[link["name"], f"{mbit(link['down_bps'])} / {mbit(link['up_bps'])}", f"{link['rtt_ms']} ms",
             mbit(link["alone_down_bps"]), mbit(link["alone_up_bps"])] for link in got["links"]]
    rows.append(["bonded", "", "", mbit(got["bonded"]["down_bps"]), mbit(got["bonded"]["up_bps"])])
    rows.append(["of the sum", "", "", f"{got['efficiency']['down']:.2f}", f"{got['efficiency']['up']:.2f}"])
    lab.say()
    lab.say(table(rows, ["Mbit/s", "link down / up", "round trip", "goodput down", "goodput up"]))
    lab.say()
    rows = [[name, f"{got[key]['direct_ms']:.1f} ms", f"{got[key]['braid_ms']:.1f} ms"]
            for name, key in (("connection set up", "setup"), ("first byte of the answer", "first_byte"))]
    lab.say(table(rows, [f"median of {max(lab.options.requests, LEAST_REQUESTS)}", "without Braid", "with Braid"]))
    lab.say()
    lab.say(f"link lost under a download: {got['failover']['gap_ms']:.0f} ms without a byte, SHA-256 "
            f"{'equal' if got['failover']['sha256_equal'] else 'NOT EQUAL'}")


def check(got):
    """LabError when something did not work."""
    faults = [f"efficiency {direction} {value}, at least {LEAST_EFFICIENCY} was wanted"
              for direction, value in got["efficiency"].items() if value < LEAST_EFFICIENCY]
    if not got["failover"]["sha256_equal"]:
        faults.append("the download's SHA-256 is not that of the file")
    if faults:
        raise LabError("; ".join(faults))


def run(lab):
    begun_at = time.monotonic()
    lab.standard(conf={"relay.congestion": lab.options.congestion})
    lab.net.link(lab.options.lose)
    for access in lab.net.links:
        lab.say(f"link {access.name}: {mbit(access.down_bps)} Mbit/s down, {mbit(access.up_bps)} up, {access.rtt_ms} ms round trip")
    lab.say(f"goodput at the receiver, from second {lab.options.skip:g} to {lab.options.seconds:g} of each transfer")
    got = figures(lab)
    show(lab, got)
    path = pathlib.Path(lab.options.json or lab.build / "demo.json")
    path.write_text(json.dumps(got, indent=2) + "\n")
    lab.say(f"figures: {path}; {time.monotonic() - begun_at:.0f} s")
    check(got)
