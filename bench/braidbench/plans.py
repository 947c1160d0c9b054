# SPDX-License-Identifier: GPL-2.0-or-later
"""Which cells a run has, and with which systems: the full one, and the quick one."""
import dataclasses

from braidlab.errors import LabError

from . import world
from .cells import CLIENTS, Beside, Bulk, Memory, Requests, SystemCalls, Trap

BOTH_WAYS = ("up", "down")
ALL_WAYS = ("up", "down", "both")
SHAPED, LONG = "1 connection over 300 + 700 Mbit/s", "1 connection over 2 x 100 Mbit/s of 200 ms"
# What a shaped test's links add up to, the bar, and the aim.
SUMS = {SHAPED: (1e9, 0.93, 0.97), LONG: (200e6, 0.90, 0.97)}
IDLE_SESSIONS = (1000, 5000, 8800)   # the last: as many as everyone has descriptors for
CROWD = "a request beside 255 connections"
QUEUE, ALONE = "a request beside 1 connection, 300 + 700 Mbit/s", "a request alone, 300 + 700 Mbit/s"
RULES_COST = "the rules' cost: {}"
SMALL_BYTES = 24                     # a request must hold its head (struct load_head); an answer of one byte


@dataclasses.dataclass
class Plan:
    rounds: int
    long_rounds: int
    look_rounds: int
    look: list
    unshaped: list          # cells of every system
    defaults: list          # cells of the HAProxy pair as its packagers ship it
    shaped: list
    long: list
    memory: list
    calls: list             # system calls, once
    trap: list              # of Braid with its rules for senders and without
    rules: dict             # the same, where they may cost nothing: cells of each of world.RULES
    rules_rounds: int
    systems: tuple          # those of the unshaped cells
    shaped_systems: tuple


def bulk(test, ways, connections, seconds, skip_s, cpu=False):
    return [Bulk(test, way, connections, seconds, skip_s, cpu and way != "both") for way in ways]


def quick():
    return Plan(
        rounds=3, long_rounds=0, look_rounds=1, look=bulk("look", BOTH_WAYS, 1, 1, 0.2),
        unshaped=[*bulk("1 connection", BOTH_WAYS, 1, 2, 0.2, cpu=True), Requests("new sessions", "new", CLIENTS, 0.7)],
        defaults=bulk("1 connection", BOTH_WAYS, 1, 2, 0.2, cpu=True), shaped=bulk(SHAPED, BOTH_WAYS, 1, 1.5, 1.2), long=[], memory=[], calls=[], trap=[], rules={}, rules_rounds=0,
        systems=("direct", "mptcp", "braid", "haproxy"), shaped_systems=("braid", "haproxy"))


def full(rounds):
    return Plan(
        rounds=rounds, long_rounds=(rounds + 1) // 2, look_rounds=3, look=bulk("look", BOTH_WAYS, 1, 1.5, 0.3),
        unshaped=[*bulk("1 connection", ALL_WAYS, 1, 1.5, 0.3, cpu=True), *bulk("16 connections", BOTH_WAYS, 16, 1.2, 0.4),
                  *bulk("256 connections", BOTH_WAYS, 256, 1.2, 0.5), Requests("new sessions", "new", CLIENTS, 1),
                  Requests("kept connections", "kept", CLIENTS, 0.7), Requests("first byte", "new", 1, 0.4),
                  Requests("small exchange", "kept", 1, 0.4, SMALL_BYTES, 1),
                  *[Beside(CROWD, way, 255, 1.2, 0.7) for way in BOTH_WAYS]],
        defaults=bulk("1 connection", BOTH_WAYS, 1, 1.5, 0.3, cpu=True),
        shaped=[*bulk(SHAPED, ALL_WAYS, 1, 2.5, 2), Requests(ALONE, "kept", 1, 0.5), *[Beside(QUEUE, way, 1, 1.5, 2) for way in BOTH_WAYS]],
        calls=[SystemCalls(kind, 1) for kind in (*BOTH_WAYS, "new")], trap=[Trap("lost DATA_ACKs", way, 1.5, 0.3) for way in BOTH_WAYS],
        rules={name: bulk(RULES_COST.format(name), BOTH_WAYS, 1, 3, 3) for name in world.RULES}, rules_rounds=(rounds + 1) // 2,
        long=bulk(LONG, ALL_WAYS, 1, 4, 6), memory=[Memory(n) for n in IDLE_SESSIONS],
        systems=("direct", "mptcp", "braid", "haproxy", "socks", "shadowsocks"), shaped_systems=("braid", "haproxy"))


def chosen(options):
    """The plan that was asked for, or the part of it."""
    plan = quick() if options.quick else full(options.rounds)

    def is_asked(cell):
        return not options.tests or options.tests.search(f"{cell.test} {cell.direction}")
    for name in ("unshaped", "defaults", "shaped", "long", "memory", "calls", "trap"):
        setattr(plan, name, [cell for cell in getattr(plan, name) if is_asked(cell)])
    plan.rules = {name: [cell for cell in some if is_asked(cell)] for name, some in plan.rules.items()}
    if options.systems:
        if unknown := set(options.systems) - {*plan.systems, *plan.shaped_systems, "haproxy defaults"}:
            raise LabError(f"--systems: unknown, or not in this plan: {', '.join(sorted(unknown))}; known: {', '.join(plan.systems)}, haproxy defaults")
        plan.systems, plan.shaped_systems = (tuple(name for name in names if name in options.systems)
                                             for names in (plan.systems, plan.shaped_systems))
        if "haproxy defaults" not in options.systems:
            plan.defaults = []
        if "braid" not in options.systems:
            plan.trap, plan.rules = [], {}
    return plan
