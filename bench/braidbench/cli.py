# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark from its beginning to its end."""
import json
import os
import pathlib
import platform
import re
import statistics
import sys
import time

from braidlab.daemons import find_program
from braidlab.errors import LabError

from . import begin, cells, plans, plots, systems, world
from .results import Ratios, Results, table

NAME = "braid-bench"
PROGRAMS = ("ip", "strace", "ss", "nstat", "nft", "mptcpize", "haproxy", "redsocks", "microsocks", "ss-redir", "ss-server")
OURS = ("braid", "direct", "")      # a peer that can't do something is a finding; these are errors


def parse(arguments):
    parser = begin.parser(NAME, "Braid beside what people use today, in one run.")
    parser.add_argument("--quick", action="store_true", help="a first answer in under 3 minutes")
    parser.add_argument("--rounds", type=int, default=10, help="runs of each cell in the full benchmark (10)")
    parser.add_argument("--systems", metavar="NAME,...", type=lambda text: text.split(","), help="only these (direct,braid)")
    parser.add_argument("--tests", metavar="EXPRESSION", type=re.compile, help="only tests whose name and direction match (1 connection up)")
    return parser.parse_args(arguments)


def choose_haproxy(build, plan, results):
    """The pair's best settings: the greatest geometric mean of the medians up and down in a short look at all four."""
    candidates = systems.haproxy_candidates()
    here = world.World(build, world.unshaped())
    cells.run_rounds(here, plan.look_rounds, [(candidate, plan.look) for candidate in candidates], results)
    here.end()

    def score(candidate):
        medians = [results.median("look", candidate.name, way) or 0 for way in plans.BOTH_WAYS]
        return statistics.geometric_mean(medians) if all(medians) else 0
    best = max(candidates, key=score)
    if not score(best):
        raise LabError(f"no HAProxy pair carried anything: {results.failures}")
    results.best_peer = best.name
    best.name = "haproxy"
    return best


def all_systems(build, haproxy):
    made = [systems.Direct("direct"), systems.OneHop("mptcp"), systems.Braid("braid", find_program(build, "src/prog/braidd")), haproxy,
            systems.Socks("socks"), systems.Shadowsocks("shadowsocks")]
    return {system.name: system for system in made}


def run_plan(build, plan, results):
    haproxy = systems.haproxy_candidates()[0]
    if "haproxy" in plan.systems:
        cells.say("which settings suit the HAProxy pair")
        haproxy = choose_haproxy(build, plan, results)
    known = all_systems(build, haproxy)
    chosen = [known[name] for name in plan.systems]
    defaults = [(systems.Haproxy("haproxy defaults", buffer_bytes=0), plan.defaults)] if plan.defaults else []

    cells.say("unshaped")
    here = world.World(build, world.unshaped())
    cells.run_rounds(here, plan.rounds, [*((system, plan.unshaped) for system in chosen), *defaults], results)
    if plan.memory:
        cells.say("idle sessions")
        # A block for each: what a daemon has kept from an earlier crowd would pass for thrift.
        cells.run_rounds(here, 1, [(system, [cell]) for system in chosen for cell in plan.memory], results)
    if plan.calls:
        cells.say("system calls")
        cells.run_rounds(here, 1, [(system, plan.calls) for system in chosen if system.proxied], results)
    unsteady = systems.Braid("braid unsteady", find_program(build, "src/prog/braidd"), {"relay.steady": "no"})
    if plan.trap:
        cells.say("the rules for senders, and without them")
        cells.run_rounds(here, plan.rounds, [(known["braid"], plan.trap), (unsteady, plan.trap)], results)
    here.end()
    for name, some_cells in plan.rules.items():
        if some_cells:
            cells.say(f"what the rules for senders cost: {name}")
            here = world.World(build, world.RULES[name]())
            cells.run_rounds(here, plan.rules_rounds, [(known["braid"], some_cells), (unsteady, some_cells)], results)
            here.end()
    for name, links, rounds, some_cells in (("two links of 300 and 700 Mbit/s", world.shaped, plan.rounds, plan.shaped),
                                            ("two links of 100 Mbit/s and 200 ms", world.long, plan.long_rounds, plan.long)):
        if some_cells and plan.shaped_systems:
            cells.say(name)
            here = world.World(build, links())
            cells.run_rounds(here, rounds, [(known[system], some_cells) for system in plan.shaped_systems], results)
            here.end()


def machine():
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return {"kernel": platform.release(), "cpu": model, "cores": os.cpu_count()}


def report(build, results, began, about):
    ratios = Ratios(results)
    ratios.one_connection()
    ratios.many_connections()
    ratios.cpu()
    ratios.sessions()
    ratios.beside(plans.CROWD, plans.QUEUE, plans.ALONE)
    ratios.shaped(plans.SUMS)
    ratios.rules(plans.RULES_COST.format(name) for name in world.RULES)
    (build / "bench.json").write_text(json.dumps({
        "machine": about, "load_average_before": began, "haproxy_settings": results.best_peer, "rows": results.rows(),
        "ratios": ratios.rows(),
        "failures": [dict(zip(("test", "system", "direction", "seen"), failure)) for failure in results.failures]}, indent=1) + "\n")
    plots.draw(results, build / "bench")
    print(f"Linux {about['kernel']}, {about['cores']} cores, {about['cpu']}; load average before the first run {began:.2f}")
    print(f"HAProxy pair: {results.best_peer}, 256 kB buffers")
    print(table(results))
    print("\nRatios within this run\n" + ratios.text())
    print(f"\nwritten: {build / 'bench.json'}, plots in {build / 'bench'}/")


def inside(options):
    began = os.getloadavg()[0]
    build = begin.prepare(options, PROGRAMS)
    results = Results()
    begun = time.monotonic()
    try:
        run_plan(build, plans.chosen(options), results)
    except (LabError, KeyboardInterrupt) as error:
        # An hour's figures aren't thrown away for what came last.
        results.fail("the run", "", "", f"ended early: {error or 'interrupted'}")
    report(build, results, began, machine())
    cells.say(f"took {time.monotonic() - begun:.0f} s")
    return int(any(system in OURS for _, system, _, _ in results.failures))


def note_tcp_memory():
    """The limit is shown in the initial namespace alone."""
    limits = pathlib.Path("/proc/sys/net/ipv4/tcp_mem")
    os.environ[cells.TCP_MEMORY_LOW] = limits.read_text().split()[0] if limits.exists() else str(sys.maxsize)
    cells.require_tcp_memory()


def main(program, arguments):
    return begin.run(NAME, program, arguments, parse, lambda _: note_tcp_memory(), inside)
