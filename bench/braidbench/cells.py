# SPDX-License-Identifier: GPL-2.0-or-later
"""The measurements. A block is one system, started, run through its cells in a shuffled order, and taken away."""
import os
import pathlib
import random
import sys
import time

from braidlab.errors import LabError, until
from braidlab.sandbox import DIRECTORY

TICKS = os.sysconf("SC_CLK_TCK")
GB = 1e9
CLIENTS = 32
MEMORY_SETTLE_S = 1.0
BESIDE_SLACK_S = 0.3
CHECK_S = 1   # some round trips, over the longest links too
TRACE_TIMEOUT_S = 10
BEFORE_S = 0.2
RETRANSMISSIONS = "MPTcpExtMPTCPRetrans"
TCP_MEMORY_LOW = "BRAID_BENCH_TCP_MEMORY_LOW"   # pages; a namespace of ours can't see it


def cpu_s(program):
    """User and system time of a daemon, all threads."""
    fields = pathlib.Path(f"/proc/{program.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_cpu_s():
    user, nice, system, _, _, irq, softirq = map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def user_bytes(program):
    """Proportional share of what is in memory."""
    rollup = pathlib.Path(f"/proc/{program.process.pid}/smaps_rollup").read_text()
    return 1024 * next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def kernel_bytes():
    """Of the whole machine: it can't be told whose."""
    fields = dict(line.split(":") for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    return 1024 * sum(int(fields[name].split()[0]) for name in ("Slab", "KernelStack", "PageTables"))


def tcp_memory_pages():
    """What the kernel has charged to TCP sockets, machine-wide, in every namespace."""
    words = next(line for line in pathlib.Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:")).split()
    return int(words[words.index("mem") + 1])


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bulk:
    def __init__(self, test, kind, connections, seconds, skip_s, cpu=False):
        self.test, self.kind, self.connections, self.seconds, self.skip_s, self.cpu = test, kind, connections, seconds, skip_s, cpu
        self.direction = kind

    def run(self, world, system, results):
        door = system.door(world)
        programs = system.daemons()
        cpu, machine = sum(map(cpu_s, programs)), machine_cpu_s()
        said = world.run(door, "bulk", self.seconds + self.skip_s, "--kind", self.kind, "--connections", self.connections, skip_s=self.skip_s)
        cpu, machine = sum(map(cpu_s, programs)) - cpu, machine_cpu_s() - machine
        if self.kind == "both":
            for way in ("up", "down"):
                results.add(self.test, system.name, f"both, {way}", "Gbit/s", said[f"{way}_bps"] / 1e9)
        else:
            results.add(self.test, system.name, self.kind, "Gbit/s", said[f"{self.kind}_bps"] / 1e9)
        if self.cpu and said["bytes"] > 0:
            if programs:
                results.add("CPU of both daemons", system.name, self.kind, "s/GB", cpu * GB / said["bytes"])
            results.add("CPU of the machine", system.name, self.kind, "s/GB", machine * GB / said["bytes"])


class Trap:
    """One connection, and how often its sender waited for its 200 ms timer: a DATA_ACK was lost (doc/decisions/0007)."""

    def __init__(self, test, kind, seconds, skip_s):
        self.test, self.direction, self.seconds, self.skip_s = test, kind, seconds, skip_s

    def run(self, world, system, results):
        sender = world.topology.gateway if self.direction == "up" else world.topology.converter
        before = sender.counters()[RETRANSMISSIONS]
        said = world.run(system.door(world), "bulk", self.seconds + self.skip_s, "--kind", self.direction, skip_s=self.skip_s)
        waits = sender.counters()[RETRANSMISSIONS] - before
        results.add(self.test, system.name, self.direction, "Gbit/s", said[f"{self.direction}_bps"] / 1e9)
        results.add(self.test, system.name, self.direction, "MPTCPRetrans/s", waits / (self.seconds + self.skip_s))


class Requests:
    direction = ""

    def __init__(self, test, kind, clients, seconds, request_bytes=100, answer_bytes=1024):
        self.test, self.kind, self.clients, self.seconds = test, kind, clients, seconds
        self.request_bytes, self.answer_bytes = request_bytes, answer_bytes

    def run(self, world, system, results):
        said = world.run(system.door(world), "requests", self.seconds, "--kind", self.kind, "--connections", self.clients,
                         "--request", self.request_bytes, "--answer", self.answer_bytes)
        if said["errors"] or not said["n"]:
            results.fail(self.test, system.name, "", f"{said['errors']} of {said['n'] + said['errors']} requests failed")
        if not said["n"]:
            return
        if self.clients == 1:
            results.add(self.test, system.name, self.direction, "ms", said["first_median_us"] / 1000)
            return
        results.add(self.test, system.name, "", "1/s", said["per_second"])
        for name in ("median", "p99"):
            results.add(f"{self.test}, {name}", system.name, "", "ms", said[f"{name}_us"] / 1000)


class Beside:
    """Small requests on one kept connection while others carry all they can."""

    def __init__(self, test, kind, connections, seconds, warm_up_s):
        self.test, self.direction, self.connections, self.seconds, self.warm_up_s = test, kind, connections, seconds, warm_up_s

    def run(self, world, system, results):
        door = system.door(world)
        bulk = world.beside(door, self.direction, self.connections, self.warm_up_s + self.seconds + BESIDE_SLACK_S)
        try:
            time.sleep(self.warm_up_s)   # for the transfers to have filled what they fill
            said = world.run(door, "requests", self.seconds, "--kind", "kept", "--connections", 1)
            bulk.check()
        finally:
            bulk.end()
        if said["errors"] or not said["n"]:
            raise LabError(f"{said['errors']} of {said['n'] + said['errors']} requests failed")
        for name in ("median", "p99"):
            results.add(f"{self.test}, {name}", system.name, self.direction, "ms", said[f"{name}_us"] / 1000)


class SystemCalls:
    """Of both daemons, by strace, which slows them: counts, not times."""

    def __init__(self, kind, seconds):
        self.test, self.direction, self.seconds = "system calls of both daemons", kind, seconds

    def run(self, world, system, results):
        programs = system.daemons()
        if not programs:
            return
        tracers = [Tracer(world, program) for program in programs]
        try:
            command, more = ("bulk", []) if self.direction in ("up", "down") else ("requests", ["--connections", CLIENTS])
            said = world.run(system.door(world), command, self.seconds, "--kind", self.direction, *more)
        finally:
            calls = sum(tracer.end() for tracer in tracers)
        if command == "bulk":
            results.add(self.test, system.name, self.direction, "calls/GB", calls * GB / max(said["bytes"], 1))
        else:
            results.add(self.test, system.name, "new sessions", "calls/session", calls / max(said["n"], 1))


class Tracer:
    def __init__(self, world, program):
        self.path = DIRECTORY / f"strace-{program.process.pid}"
        self.program = world.topology.core.start("strace", "strace", "-f", "-c", "-o", self.path, "-p", program.process.pid)
        until(lambda: self.program.check() or "attached" in self.program.tail(), TRACE_TIMEOUT_S, "strace to attach")

    def end(self):
        """How many calls were made."""
        self.program.end()
        rows = [line.split() for line in self.path.read_text().splitlines()]   # % time, seconds, us a call, calls, errors if any, name
        return next((int(row[3]) for row in rows if row and row[-1] == "total"), 0)


class Memory:
    direction = ""

    def __init__(self, n):
        self.n = n
        self.test = f"memory of {n} idle sessions"

    def run(self, world, system, results):
        programs = system.daemons()
        user, kernel = sum(map(user_bytes, programs)), kernel_bytes()
        holder = world.hold(system.door(world), self.n)
        try:
            time.sleep(MEMORY_SETTLE_S)     # nothing tells when the kernel has freed what the requests needed
            if programs:
                results.add(self.test, system.name, "user, both daemons", "B/session", (sum(map(user_bytes, programs)) - user) / self.n)
            results.add(self.test, system.name, "kernel, whole machine", "B/session", (kernel_bytes() - kernel) / self.n)
        finally:
            holder.stdin.close()
            holder.wait()


def assert_mptcp(world, system):
    """A pair that quietly runs on TCP would be compared under a wrong name."""
    counter = "MPTcpExtMPCapableACKRX"
    door = system.door(world)
    far = world.topology.converter if system.proxied else world.topology.server
    before = far.counters()[counter]
    world.run(door, "requests", CHECK_S, "--kind", "new", "--connections", 1)
    if far.counters()[counter] == before:
        raise LabError(f"{system.name}: no MPTCP connection came to {far.name} ({counter})")


def require_tcp_memory():
    """A kernel that thinks TCP's memory used up throttles every socket: such figures would be of nothing else."""
    low = int(os.environ[TCP_MEMORY_LOW])
    if (charged := tcp_memory_pages()) > low:
        raise LabError(f"TCP has {charged} pages charged, above {low} (net.ipv4.tcp_mem): end what holds them; if nothing does, the kernel "
                       "has lost count: raise all three, or restart the machine")


def note_load(system, results):
    """How many cores are in use while nothing of ours runs: what spoils the block that follows."""
    require_tcp_memory()
    begin_s, begin = time.monotonic(), machine_cpu_s()
    time.sleep(BEFORE_S)
    results.add("cores in use before a block", system.name, "", "cores", (machine_cpu_s() - begin) / (time.monotonic() - begin_s))
    results.add("TCP memory charged before a block", system.name, "", "MB", tcp_memory_pages() * os.sysconf("SC_PAGE_SIZE") / 1e6)


def run_block(world, system, cells, results):
    """One run of each cell; a cell that fails is noted, and the system started afresh."""
    todo = list(cells)
    random.shuffle(todo)
    note_load(system, results)
    while todo:
        try:
            run_started(world, system, todo, results)
        except LabError as error:
            results.fail("start", system.name, "", error)
            todo.clear()
        try:
            system.stop(world)
        except LabError as error:
            results.fail("stop", system.name, "", error)


def run_started(world, system, todo, results):
    """Starts the system and takes cells from todo, until one fails or all are done."""
    system.start(world)
    if system.name != "direct" and system not in world.checked:
        assert_mptcp(world, system)
        world.checked.add(system)
    while todo:
        cell = todo.pop()
        try:
            cell.run(world, system, results)
            world.wait_idle(system.door(world))
        except LabError as error:
            results.fail(cell.test, system.name, cell.direction, error)
            return


def run_rounds(world, rounds, systems_and_cells, results):
    """Rounds of blocks, the order of systems drawn anew for each."""
    systems_and_cells = [(system, cells) for system, cells in systems_and_cells if cells]
    for number in range(rounds if systems_and_cells else 0):
        order = list(systems_and_cells)
        random.shuffle(order)
        for system, cells in order:
            run_block(world, system, cells, results)
        say(f"  round {number + 1} of {rounds}: {', '.join(system.name for system, _ in order)}")
