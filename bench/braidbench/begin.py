# SPDX-License-Identifier: GPL-2.0-or-later
"""How a program that measures begins: outside, and once more in namespaces of its own."""
import argparse
import pathlib
import resource
import sys

from braidlab import sandbox
from braidlab.daemons import find_program
from braidlab.errors import LabError

NEEDED_FILES = 20000


def parser(name, description):
    made = argparse.ArgumentParser(prog=name, description=description)
    made.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the folder that was built into (build)")
    return made


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < NEEDED_FILES:
        raise LabError(f"the limit of open files is {hard}, {NEEDED_FILES} are needed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (NEEDED_FILES, hard))


def prepare(options, programs):
    """Inside: all that is needed is there. The folder that was built into."""
    raise_file_limit()
    build = options.build.resolve()
    find_program(build, "bench/braid-load")
    sandbox.prepare()
    sandbox.require(*programs)
    return build


def run(name, program, arguments, parse, outside, inside):
    """outside(options), then inside(options) in the namespaces, whose exit status is ours."""
    try:
        if arguments[:1] != [sandbox.INSIDE]:
            outside(parse(arguments))
            return sandbox.run_inside(program, arguments)
        return inside(parse(arguments[1:]))
    except LabError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
