# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario is a Python file: a docstring whose first line says what it shows, OPTIONS, and run(lab).

OPTIONS maps a name to (default, help): `--name value` on the command line, converted to the default's type, is lab.options.name.
run(lab) builds what it needs (lab.standard() for the standard network with Braid in it), and raises LabError when
something isn't as it should be.
"""
import argparse
import contextlib
import importlib.util
import pathlib

from . import daemons, live, measures, sandbox, topology, traffic
from .errors import LabError

SCENARIOS = pathlib.Path(__file__).parent.parent / "scenarios"
PROGRAMS = ("ip", "ss", "nstat", "nginx", "iperf3", "curl", "nft")


def names():
    return sorted(path.stem for path in SCENARIOS.glob("*.py"))


def load(name):
    """By name, or by the path of a file of one's own."""
    path = pathlib.Path(name) if name.endswith(".py") else SCENARIOS / f"{name}.py"
    if not path.is_file():
        raise LabError(f"no scenario {name}; there are: {', '.join(names())}, or name a file ending in .py")
    spec = importlib.util.spec_from_file_location(f"scenario_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def summary(module):
    return (module.__doc__ or "").strip().splitlines()[0]


def to_bool(text):
    if text not in ("yes", "no"):
        raise argparse.ArgumentTypeError("yes or no")
    return text == "yes"


def parse_options(module, name, arguments):
    parser = argparse.ArgumentParser(prog=f"braid-lab run {name}", description=module.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, (default, text) in getattr(module, "OPTIONS", {}).items():
        shown = ("yes" if default else "no") if isinstance(default, bool) else default
        kind = to_bool if isinstance(default, bool) else type(default)
        parser.add_argument("--" + option.replace("_", "-"), dest=option, default=default, type=kind, metavar=option.split("_")[-1].upper(),
                            help=f"{text} ({shown})".replace("%", "%%"))
    return parser.parse_args(arguments)


class Lab:
    """What run(lab) works with."""

    def __init__(self, build, options=None):
        self.build = build
        self.options = options
        self.net = self.braid = self.servers = self.meter = self.screen = None

    def standard(self, links=None, server_rtt_ms=10, conf=None):
        """The standard network, with braidd at both ends and the servers; conf: more keys, {"relay.congestion": "bbr"}."""
        sandbox.require(*PROGRAMS)
        braidd = daemons.find_program(self.build, "src/prog/braidd")
        emulator = daemons.find_program(self.build, "lab/emulator/braid-link")
        self.net = topology.Topology(emulator, links or topology.standard_links(), server_rtt_ms)
        self.servers = daemons.Servers(self.net.server)
        self.braid = daemons.Braid(braidd, self.net, conf)
        self.screen = live.Screen(self.net.links)
        self.meter = measures.Meter(self.net.links)
        self.meter.watchers.append(self.screen.on_sample)

    @contextlib.contextmanager
    def only(self, *links):
        """With these links alone: the others have no carrier meanwhile."""
        others = [access for access in self.net.links if access not in links]
        for access in others:
            access.link.lose_carrier()
            self.braid.wait_link(access, False)
        yield
        for access in others:
            access.link.regain_carrier()
            self.braid.wait_link(access)

    def goodput_bps(self, title, down=True, skip_s=None):
        """Of one transfer, alone on the network, at its receiver: of the scenario's option `seconds`, without the first `skip` of them (or skip_s)."""
        self.meter.wait_idle()
        self.screen.begin(title, down)
        rows = traffic.iperf(self.net.host, self.options.seconds, down)
        self.braid.check()
        self.servers.wait_idle()     # before links change: a connection that is being closed can't move to another one
        return measures.steady_bps(rows, self.options.skip if skip_s is None else skip_s)

    def say(self, text=""):
        self.screen.say(text) if self.screen else print(text, flush=True)

    def close(self):
        """Ends in good order what would write into what others take away; the namespaces end the rest."""
        if self.meter:
            self.meter.end()
            self.screen.done()

    def logs(self):
        """The ends of the logs of all programs, for people who wonder."""
        programs = [program for node in (self.net.nodes if self.net else []) for program in node.programs]
        return "\n".join(f"{program.log.name}:\n{program.tail()}" for program in programs if program.tail())
