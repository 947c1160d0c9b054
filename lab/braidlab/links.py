# SPDX-License-Identifier: GPL-2.0-or-later
"""Links between nodes: plain wires (veth), and emulated ones with rate, delay, loss and queue (braid-link).

As a program: `python3 -m braidlab.links SOCKET get` or `... SOCKET set KEY=VALUE ...` talks to a running emulator."""
import json
import select
import socket
import subprocess
import sys
import threading

from .errors import LabError
from .sandbox import DIRECTORY

START_TIMEOUT_S = 10


def wire(a, a_interface, b, b_interface):
    """A wire as fast as the machine."""
    a.ip(f"link add {a_interface} type veth peer name {b_interface} netns {b.name}")


class Control:
    """One conversation with an emulator's control socket; safe to use from several threads."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r", encoding="utf-8")

    def ask(self, line):
        with self.lock:
            self.socket.sendall(line.encode() + b"\n")
            answer = self.lines.readline().strip()
        if not answer or answer.startswith("error"):
            raise LabError(f"the link emulator on `{line}`: {answer or 'no answer'}")
        return answer

    def set(self, **settings):
        """Settings as the emulator names them, for one direction with ab__rate_bps, ba__loss_ppm and so on."""
        self.ask("set " + " ".join(f"{key.replace('__', '.')}={value}" for key, value in settings.items()))

    def get(self):
        return json.loads(self.ask("get"))


class EmulatedLink(Control):
    """A braid-link between two nodes' interfaces, which it makes. Direction ab is from a to b."""

    def __init__(self, program, name, a, a_interface, b, b_interface, seed=1, **settings):
        self.name = name
        self.path = DIRECTORY / f"link-{name}"
        log = open(DIRECTORY / f"link-{name}.log", "wb")
        words = [f"{key.replace('__', '.')}={value}" for key, value in settings.items()]
        self.process = subprocess.Popen(
            [program, "--a", f"{a.netns}:{a_interface}", "--b", f"{b.netns}:{b_interface}", "--control", self.path,
             "--seed", str(seed), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        ready = select.select([self.process.stdout], [], [], START_TIMEOUT_S)[0] and self.process.stdout.readline().strip()
        if ready != "ready":
            raise LabError(f"link {name}: the emulator did not start: {(DIRECTORY / f'link-{name}.log').read_text().strip()}")
        super().__init__(self.path)

    def end(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.path.unlink(missing_ok=True)

    def lose_carrier(self):
        self.set(carrier=0)

    def regain_carrier(self):
        self.set(carrier=1)


def main(arguments):
    if len(arguments) < 2 or arguments[1] not in ("get", "set"):
        print("usage: link NAME get | link NAME set KEY=VALUE ...", file=sys.stderr)
        return 2
    try:
        answer = Control(arguments[0]).ask(" ".join(arguments[1:]))
    except (OSError, LabError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(json.loads(answer), indent=2) if arguments[1] == "get" else answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
