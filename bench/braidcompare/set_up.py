# SPDX-License-Identifier: GPL-2.0-or-later
"""How long it takes until a host is connected, and until it has the first byte of an answer: at several round trips, fitted."""
from braidlab.errors import LabError
from braidlab.topology import CONVERTER_V4, SERVER_V4

from . import contest, sockets
from .fit import fit

A_MS, S_MS = (10, 20, 30), (20, 40, 60)
QUICK_POINTS = [(10, 20), (20, 20), (10, 60)]
ASIDE_MS = 10                               # round trip from core to the converter, where it stands off the path
PORT = 9000
WARM_UP, N = 3, 4                           # connections at each point, in each round
ROUNDS, QUICK_ROUNDS = 4, 1                 # over all points: what else the machine does comes and goes
NAMES = {scheme.name for scheme in contest.schemes.SCHEMES}
SHARE = 0.05                                # of a round trip: what a coefficient may be beyond the wanted one


def points(quick):
    """s is never less than a: see doc/comparison.md."""
    return QUICK_POINTS if quick else [(a, s) for a in A_MS for s in S_MS if s >= a]


def set_delays(topology, a_ms, s_ms, aside_ms):
    for access in topology.links:
        access.link.set(delay_us=int((a_ms - aside_ms) * 500))
    topology.far.set(delay_us=int((s_ms - aside_ms) * 500))


def exchanges(client, address, port, listener, warm_up):
    """[(ms to the connection, ms to the first byte)]"""
    rows = []
    for number in range(warm_up + N):
        exchange = sockets.Exchange(client, address, port, listener).run().close()
        if number < warm_up:    # a gateway may have to learn what a link doesn't let through, at the cost of a connection
            continue
        if exchange.answer_ms is None:
            raise LabError(f"no answer from {address}: {exchange.error or 'nothing came'}")
        rows.append((exchange.connect_ms, exchange.answer_ms))
    return rows


def shortest(topology, aside_ms, quick, ends):
    """{(a, s): (ms to the connection, ms to the first byte)}: what else the machine does comes on top of some, and is no scheme's."""
    seen = {}
    for number in range(QUICK_ROUNDS if quick else ROUNDS):
        for a_ms, s_ms in points(quick):
            set_delays(topology, a_ms, s_ms, aside_ms)
            seen.setdefault((a_ms, s_ms), []).extend(exchanges(*ends, 1 if number else WARM_UP))
    return {point: tuple(min(column) for column in zip(*rows)) for point, rows in seen.items()}


def measure(world, system, quick, aside_ms=0, inbound=False, syn_data=True):
    """{"connected": Fit, "first byte": Fit} of a system that isn't started yet."""
    topology = world.topology
    system.start(world)
    try:
        if not syn_data:
            contest.far_node(world, system).sysctl({"net.ipv4.tcp_fastopen": 1})     # the listener's half taken away
        client, address, port = ((topology.server, CONVERTER_V4, contest.FORWARDED_PORT) if inbound
                                 else (system.door(world).node, SERVER_V4, PORT))
        listener = sockets.listen(topology.host if inbound else topology.server, contest.HOST_PORT if inbound else PORT)
        try:
            seen = [(*point, *times) for point, times in shortest(topology, aside_ms, quick, (client, address, port, listener)).items()]
        finally:
            listener.close()
    finally:
        system.stop(world)
    return {"connected": fit([(a, s, c) for a, s, c, _ in seen]), "first byte": fit([(a, s, f) for a, s, _, f in seen]),
            "points": [dict(zip(("a_ms", "s_ms", "connected_ms", "first_byte_ms"), row)) for row in seen]}


# What is measured of each scheme of ours: accept, data in the SYN, how far aside the converter stands, from which end.
CASES = [
    ("faithful", {"gateway__accept": "faithful"}, {}),
    ("faithful, no SYN data", {"gateway__accept": "faithful"}, {"syn_data": False}),
    ("early", {"gateway__accept": "early"}, {}),
    ("early, no SYN data", {"gateway__accept": "early"}, {"syn_data": False}),
    ("faithful, off the path", {"gateway__accept": "faithful"}, {"aside_ms": ASIDE_MS}),
    ("early, off the path", {"gateway__accept": "early"}, {"aside_ms": ASIDE_MS}),
]
INBOUND = [("inbound, early", {}, {"inbound": True}), ("inbound, faithful", {"forward host__accept": "faithful"}, {"inbound": True})]


def cases_of(scheme):
    """Without the Internet's side where the scheme has none, and without standing aside where the converter has to be on the path."""
    cases = [case for case in CASES if not (scheme.on_path and "aside_ms" in case[2])]
    if "inbound" not in scheme.lacks:
        cases += [(name, {**contest.FORWARD, **more}, how) for name, more, how in INBOUND]
    return cases


def run(build, chosen, quick, peers, note):
    """[{"system", "case", "connected", "first byte", "points"}]"""
    rows = []

    def add(name, case, system, **how):
        world = contest.world.World(build, contest.two_links(), server_rtt_ms=20, converter_rtt_ms=how.get("aside_ms"))
        try:
            rows.append({"system": name, "case": case, **measure(world, system, quick, **how)})
            note(f"  {name}, {case}: connected {rows[-1]['connected']}, first byte {rows[-1]['first byte']}")
        except LabError as error:
            rows.append({"system": name, "case": case, "failed": str(error)})
            note(f"  {name}, {case}: FAILED: {error}")
        finally:
            world.end()
    add("direct", "", contest.systems.Direct("direct"))
    for scheme in chosen:
        for case, more, how in cases_of(scheme):
            add(scheme.name, case, contest.braid(build, scheme, **more), **how)
    for peer in peers:
        add(peer.name, "", peer)
    return rows


# Round trips (a, s) that are wanted at most, by case; where nothing is signalled, nothing travels in the first packet either.
CONFIRMED, EARLY, AS_DIRECT = {"connected": (1, 1), "first byte": (2, 2)}, {"connected": (0, 0), "first byte": (1, 2)}, {"connected": (0, 0), "first byte": (2, 2)}
WANTED = {
    "faithful": CONFIRMED, "faithful, off the path": CONFIRMED, "early": EARLY, "early, off the path": EARLY,
    "faithful, no SYN data": {"connected": (2, 1)}, "early, no SYN data": AS_DIRECT,
}


def wanted_of(system, case):
    if system == "route":
        return CONFIRMED if "faithful" in case else AS_DIRECT
    return WANTED.get(case, {}) if system in NAMES else {}


def bars(rows):
    """[{"what", "seen", "wanted", "met"}]"""
    found = []
    for row in rows:
        for what, wanted in wanted_of(row["system"], row["case"]).items() if "failed" not in row else ():
            found.append({"what": f"{row['system']}, {row['case']}: {what}", "seen": str(row[what]), "wanted": f"{wanted[0]} a + {wanted[1]} s",
                          "met": row[what].meets(wanted, SHARE)})
    return found
