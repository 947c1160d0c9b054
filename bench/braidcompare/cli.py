# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison from its beginning to its end: what is tried in processes of their own, then what is measured in the lab's namespaces."""
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

from braidbench import begin, systems
from braidbench.cells import say
from braidbench.cli import machine
from braidlab.sandbox import INSIDE

from . import contest, costs, report, set_up

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "doc" / "comparison.md"
NAME = "compare"
PROGRAMS = ("ip", "ss", "nstat", "nft", "mptcpize", "haproxy", "redsocks", "microsocks")
PARTS = ("set_up", "costs", "same", "ends", "policy", "native", "boxes")
TRIED = PARTS[2:]
TRIAL_TIMEOUT_S = 3600
BOXES_AT_ONCE = 3
SECONDS, QUICK_SECONDS = 1.5, 0.7      # of each load whose CPU time is counted


def names(text):
    return [name for name in text.split(",") if name]


def parse(arguments):
    parser = begin.parser(NAME, "The ways of telling a converter where a connection goes, side by side.")
    parser.add_argument("--quick", action="store_true", help="fewer values, fewer cells; the page stays as it is")
    parser.add_argument("--schemes", type=names, default=[], metavar="NAME,...", help="only these")
    parser.add_argument("--parts", type=names, default=list(PARTS), metavar="NAME,...", help=f"of {', '.join(PARTS)}; the page stays as it is")
    parser.add_argument("--page", type=pathlib.Path, metavar="JSON", help="measures nothing: the page's tables anew, from what a run has written")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def trials_path(build):
    return build / "compare-trials.json"


def tried(options, name, part):
    """What a process of its own has tried."""
    say(f"trying: {name}, {part}")
    done = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("trials.py"), name, "quick" if options.quick else "whole", part],
                          env={**os.environ, "BRAID_BUILD_DIR": str(options.build.resolve())}, stdout=subprocess.PIPE, text=True, timeout=TRIAL_TIMEOUT_S)
    if done.returncode:
        say(f"  {name}, {part}: FAILED, status {done.returncode}")
        return {}
    return json.loads(done.stdout)


def try_all(options):
    """By scheme; plain routing under the middleboxes, too. Under these most sessions wait for something, so several schemes are tried at once."""
    found = {name: {} for name in ["direct", *(scheme.name for scheme in contest.chosen_schemes(options.schemes))]}
    for parts, at_once in (([part for part in TRIED if part != "boxes"], 1), (["boxes"], BOXES_AT_ONCE)):
        cells = [(name, part) for name in found for part in parts if part in options.parts and (name != "direct" or part == "boxes")]
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            for (name, _), out in zip(cells, pool.map(lambda cell: tried(options, *cell), cells)):
                found[name].update(out)
    trials_path(options.build).write_text(json.dumps({name: parts for name, parts in found.items() if parts}, indent=1) + "\n")


def measure(options, build):
    chosen, results = contest.chosen_schemes(options.schemes), {"set_up": [], "costs": {}}
    if "set_up" in options.parts:
        say("time to set up")
        results["set_up"] = set_up.run(build, chosen, options.quick, contest.peers(), say)
    if "costs" in options.parts:
        say("costs")
        contestants = [("direct", lambda: systems.Direct("direct")),
                       *((scheme.name, lambda scheme=scheme: contest.braid(build, scheme)) for scheme in chosen),
                       *((peer.name, lambda peer=peer: peer) for peer in contest.peers())]
        results["costs"] = costs.run(build, contestants, QUICK_SECONDS if options.quick else SECONDS, say)
    results["bars"] = set_up.bars(results["set_up"])
    return results


def to_json(value):
    return dataclasses.asdict(value)


def inside(options):
    build = begin.prepare(options, PROGRAMS)
    begun = time.monotonic()
    results = measure(options, build)
    results["trials"] = json.loads(trials_path(build).read_text())
    about = machine()
    results["about"] = f"Linux {about['kernel']}, {about['cores']} cores, {about['cpu']}."
    (build / "compare.json").write_text(json.dumps(results, indent=1, default=to_json) + "\n")
    for title, text in report.sections(results):
        print(f"\n{title}\n{text}")
    if not options.quick and set(options.parts) == set(PARTS) and not options.schemes:
        PAGE.write_text(report.refresh(PAGE.read_text(), results))
        print(f"\nrefreshed: {PAGE}")
    print(f"\nwritten: {build / 'compare.json'}; measuring took {time.monotonic() - begun:.0f} s")
    return int(not all(bar["met"] for bar in results["bars"]) or any("failed" in row for row in [*results["set_up"], *results["costs"].values()]))


def main(program, arguments):
    written = arguments[:1] != [INSIDE] and parse(arguments).page
    if written:
        results = report.from_json(written.read_text())
        PAGE.write_text(report.refresh(PAGE.read_text(), {**results, "bars": set_up.bars(results["set_up"])}))
        return 0
    return begin.run(NAME, program, arguments, parse, try_all, inside)
