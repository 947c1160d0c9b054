# SPDX-License-Identifier: GPL-2.0-or-later
"""What a connection costs: bytes on the links, CPU time, memory, and the bytes that the proxies hold while a reader stands still."""
import re
import time

from braidbench import cells
from braidbench.systems import Braid
from braidlab.errors import LabError, until
from braidlab.topology import SERVER_V4

from . import contest, sockets

PORT = 9000
CONNECTIONS, PAYLOAD_BYTES, IDLE_SESSIONS = 40, 8_000_000, 1000
QUIET_S, WATCH_S = 0.3, 1.0
GB = 1e9


def link_bytes(topology):
    """IP bytes that the access links have taken, both ways."""
    return sum(way["bytes"] for access in topology.links for state in [access.link.get()] for way in (state["ab"], state["ba"]))


def settled_bytes(topology):
    """The same, once nothing has moved for a while: what a connection's end needs is its own, too."""
    seen = [link_bytes(topology), time.monotonic()]

    def is_quiet():
        if (now := link_bytes(topology)) - seen[0] > 0:
            seen[:] = now, time.monotonic()
        return time.monotonic() - seen[1] > QUIET_S
    try:
        until(is_quiet, 5, "the links to be quiet", 0.02)
    except LabError:
        pass            # probes go on; what they need is taken away below
    return seen[0]


def idle_bytes_per_s(topology):
    before = link_bytes(topology)
    time.sleep(WATCH_S)     # what goes while nobody does anything is a matter of time alone
    return (link_bytes(topology) - before) / WATCH_S


def move(exchange, n_bytes, down):
    """n_bytes from one end to the other."""
    sender, reader = (exchange.far, exchange.near) if down else (exchange.near, exchange.far)
    left, missing, end_s = n_bytes, n_bytes, time.monotonic() + 60
    while missing and time.monotonic() < end_s:
        readable, writable, _ = sockets.select.select([reader], [sender] if left else [], [], 1)
        if writable:
            left -= sender.send(sockets.PIECE[:left])
        if readable:
            got = len(reader.recv(1 << 20))
            if not got:
                break
            missing -= got
    if missing:
        raise LabError(f"{missing} of {n_bytes} bytes never came")


def wire(world, system):
    """Bytes on the links for a connection with a byte each way, and beyond the payload for a million of them, each way."""
    topology, door = world.topology, system.door(world)
    listener = sockets.listen(topology.server, PORT)
    try:
        for _ in range(3):
            sockets.Exchange(door.node, SERVER_V4, PORT, listener).run().close()
        settled_bytes(topology)
        idle = idle_bytes_per_s(topology)
        before, begun_s = settled_bytes(topology), time.monotonic()
        for _ in range(CONNECTIONS):
            if sockets.Exchange(door.node, SERVER_V4, PORT, listener).run().close().answer_ms is None:
                raise LabError("a connection failed")
        each = (settled_bytes(topology) - before - idle * (time.monotonic() - begun_s)) / CONNECTIONS
        more = {}
        for way in ("up", "down"):
            exchange = sockets.Exchange(door.node, SERVER_V4, PORT, listener).run()
            before, begun_s = settled_bytes(topology), time.monotonic()
            move(exchange, PAYLOAD_BYTES, way == "down")
            moved = settled_bytes(topology) - before - idle * (time.monotonic() - begun_s)
            more[way] = (moved - PAYLOAD_BYTES) / (PAYLOAD_BYTES / 1e6)
            exchange.close()
    finally:
        listener.close()
    return {"bytes per connection": each, "bytes per MB up": more["up"], "bytes per MB down": more["down"], "idle bytes/s": idle}


def socket_bytes(node):
    """What the node's TCP sockets hold in the kernel: received and not read, written and not acknowledged, and their places."""
    text = node.run("ss", "-tmnH")
    return sum(int(n) for name in ("r", "w", "f", "bl") for n in re.findall(rf"[(,]{name}(\d+)[,)]", text))


def held(world, system):
    """Bytes that a sender gets rid of while the reader stands still, each way, and what both proxies' kernels hold then."""
    topology, door = world.topology, system.door(world)
    listener = sockets.listen(topology.server, PORT)
    out = {}
    try:
        for way in ("up", "down"):
            exchange = sockets.Exchange(door.node, SERVER_V4, PORT, listener).run()
            if exchange.answer_ms is None:
                raise LabError(f"no connection: {exchange.error}")
            out[f"taken {way}"] = sockets.stall(exchange, way == "down")
            out[f"kernel memory {way}"] = socket_bytes(topology.gateway) + socket_bytes(contest.far_node(world, system))
            exchange.close()
    finally:
        listener.close()
    return out


def named(system, programs):
    """The daemons by where they are: a pair of others names its converter first."""
    names = ("gateway", "converter") if isinstance(system, Braid) else ("converter", "gateway")
    return dict(zip(names, programs))


def cpu(world, system, seconds):
    """CPU time of each daemon for a new connection, and for a gigabyte each way."""
    door, programs, out = system.door(world), named(system, system.daemons()), {}
    for kind, command, more in (("new", "requests", ["--connections", cells.CLIENTS, "--request", 100, "--answer", 1024]), ("up", "bulk", []), ("down", "bulk", [])):
        before = {name: cells.cpu_s(program) for name, program in programs.items()}
        said = world.run(door, command, seconds, "--kind", kind, *more)
        n = said["n"] if kind == "new" else said["bytes"] / GB
        if not n:
            raise LabError(f"{kind}: nothing came through")
        for name, program in programs.items():
            unit = "ms per connection" if kind == "new" else f"s per GB {kind}"
            out[f"{name}, {unit}"] = (cells.cpu_s(program) - before[name]) / n * (1000 if kind == "new" else 1)
        world.wait_idle(door)
    return out


def memory(world, system):
    """Of an idle session: each daemon's own, and the whole machine's kernel, both ends' sockets included."""
    programs = named(system, system.daemons())
    before, kernel = {name: cells.user_bytes(program) for name, program in programs.items()}, cells.kernel_bytes()
    holder = world.hold(system.door(world), IDLE_SESSIONS)
    try:
        time.sleep(cells.MEMORY_SETTLE_S)   # nothing tells when the kernel has freed what the requests needed
        out = {f"{name}, user bytes": (cells.user_bytes(program) - before[name]) / IDLE_SESSIONS for name, program in programs.items()}
        out["kernel bytes"] = (cells.kernel_bytes() - kernel) / IDLE_SESSIONS
    finally:
        holder.stdin.close()
        holder.wait()
    return out


def run(build, contestants, seconds, note):
    """contestants: (name, function that makes the system). {name: {figure: value}}"""
    rows = {name: {} for name, _ in contestants}
    places = (("over two links", lambda: contest.two_links(), {"server_rtt_ms": 10}, (wire, held)),
              ("unshaped", contest.world.unshaped, {}, (lambda world, system: cpu(world, system, seconds), memory)))
    for place, links, more, parts in places:
        for name, make in contestants:
            for part in parts:      # nothing of one rests where the next begins
                world, system = contest.world.World(build, links(), **more), make()
                try:
                    system.start(world)
                    rows[name].update(part(world, system))
                except LabError as error:
                    rows[name].setdefault("failed", []).append(f"{place}: {error}")
                    note(f"  {name}, {place}: FAILED: {error}")
                finally:
                    system.stop(world)
                    world.end()
            note(f"  {name}, {place}: " + ", ".join(f"{key} {value:.4g}" for key, value in rows[name].items() if key != "failed"))
    return rows
