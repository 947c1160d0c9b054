# SPDX-License-Identifier: GPL-2.0-or-later
"""braid-lab's command line."""
import argparse
import os
import pathlib
import subprocess
import sys

from . import sandbox, scenario, topology
from .errors import LabError

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent

SHELL_RC = """
PS1='braid-lab \\w# '
{nodes}
link() {{ local name=$1; shift; PYTHONPATH={package} python3 -m braidlab.links {directory}/link-$name "$@"; }}
cat <<'END'
A network of your own:  host --LAN-- gateway == {links} == core -- converter, server ({server}, {server6})
  host curl http://{server}/small      `host`, `plain` (a host without Braid), `gateway`, `core`, `converter` and `server`
  gateway ip mptcp endpoint            run a command in that namespace
  link {first} get                     what a link is set to and has carried
  link {first} set ba.loss_ppm=10000   change it (ab: up, ba: down); carrier=0 pulls the plug
Logs and configurations are in {directory}. `exit` takes everything away.
END
"""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="braid-lab", description="Whole networks in namespaces of their own, with Braid in them. Needs no root.")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path(os.environ.get("BRAID_BUILD_DIR", REPOSITORY / "build")),
                        help="the folder that Braid was built in (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a scenario; `run SCENARIO --help` shows its options", add_help=False)
    run.add_argument("scenario", metavar="SCENARIO", help="a name from `list`, or a Python file")
    commands.add_parser("list", help="list the scenarios")
    commands.add_parser("shell", help="build the standard network and open a shell in it")
    known, rest = parser.parse_known_args(arguments)
    if known.command != "run" and rest:
        parser.error(f"what is {rest[0]}?")
    return known, rest


def show_list():
    for name in scenario.names():
        print(f"{name:<12} {scenario.summary(scenario.load(name))}")
    return 0


def run_scenario(known, rest):
    module = scenario.load(known.scenario)
    lab = scenario.Lab(known.build, scenario.parse_options(module, known.scenario, rest))
    try:
        module.run(lab)
    except LabError:
        print(lab.logs(), file=sys.stderr)
        raise
    finally:
        lab.close()
    return 0


def shell(known):
    lab = scenario.Lab(known.build)
    lab.standard()
    lab.servers.publish("small", 1000)
    lab.servers.publish("large", 100_000_000)
    lab.close()
    rc = sandbox.DIRECTORY / "shellrc"
    rc.write_text(SHELL_RC.format(
        nodes="\n".join(f'{node.name}() {{ ip netns exec {node.name} "$@"; }}' for node in lab.net.nodes),
        package=REPOSITORY / "lab", directory=sandbox.DIRECTORY, links=", ".join(access.name for access in lab.net.links),
        first=lab.net.links[0].name, server=topology.SERVER_V4, server6=topology.SERVER_V6))
    return subprocess.run(["bash", "--rcfile", rc, "-i"]).returncode


def inside(arguments):
    known, rest = parse(arguments)
    sandbox.prepare()
    return run_scenario(known, rest) if known.command == "run" else shell(known)


def main(program, arguments):
    is_inside = arguments[:1] == [sandbox.INSIDE]
    try:
        if is_inside:
            return inside(arguments[1:])
        known, rest = parse(arguments)
        if known.command == "list":
            return show_list()
        if known.command == "run":
            scenario.parse_options(scenario.load(known.scenario), known.scenario, rest)   # mistakes and --help need no network
        return sandbox.run_inside(program, arguments)
    except LabError as error:
        print(f"braid-lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
