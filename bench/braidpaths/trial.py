# SPDX-License-Identifier: GPL-2.0-or-later
"""One cell, measured in a network of its own: its links alone, Braid, and the kernel's MPTCP, in turns."""
import concurrent.futures
import random

from braidbench import systems
from braidbench.cells import RETRANSMISSIONS, require_tcp_memory
from braidbench.world import Door, World
from braidlab.daemons import START_TIMEOUT_S, find_program
from braidlab.errors import LabError, until
from braidlab.topology import Access

from . import grid

LOW_START_S = 90                      # for the gateway to reach the converter over links of 2.4 kbit/s
KERNEL_PORT = 5209
ALONE_PORT = 5210                     # and one more for each link: a server counts what all its connections bring
OVERRUN = "MPTcpExtNoDSSInWindow"
# By hand for the peers what braidd does by itself, and the buffers that long links want.
BY_HAND = {"net.ipv4.tcp_rmem": "4096 16777216 33554432", "net.ipv4.tcp_wmem": "4096 16384 33554432", "net.ipv4.tcp_recovery": 3}
BY_HAND_IF_KNOWN = {"net.mptcp.blackhole_timeout": 0, "net.mptcp.stale_loss_cnt": 1}


def accesses(cell):
    return [Access(f"link{number}", link.rate_bps, link.rate_bps, link.rtt_ms, link.queue_ms, link.loss_ppm, link.loss_burst, link.loss_burst_ms)
            for number, link in enumerate(cell.links)]


def bulk(world, cell, door, n_bytes):
    """bit/s. Where bytes bound it, from connect() to the last of them, or what had come when its time was over."""
    said = world.run(door, "bulk", grid.window_s(cell), "--kind", cell.way, *(["--bytes", n_bytes] if n_bytes else []), skip_s=grid.skip_s(cell))
    return said[f"{cell.way}_bps"]


class Peer(systems.OneHop):
    """What ends with many links do without Braid."""

    def start(self, world):
        super().start(world)
        for node in (world.topology.gateway, world.topology.server):
            node.sysctl(BY_HAND)
            node.sysctl(BY_HAND_IF_KNOWN, optional=True)


class Alone(Peer):
    """Plain TCP over each link, all at the same time: what the emulator costs is the same as bonded."""

    def carry(self, world, cell):
        doors = []
        for access in world.topology.links:
            doors.append(Door(world.topology.gateway, port=ALONE_PORT + access.number, congestion=cell.congestion, source=access.gateway_v4))
            world.serve(doors[-1].port, "--congestion", cell.congestion)
        with concurrent.futures.ThreadPoolExecutor(len(doors)) as pool:
            return list(pool.map(lambda door: bulk(world, cell, door, cell.n_bytes // len(doors)), doors))


class Kernel(Peer):
    """Multipath TCP from end to end."""

    def carry(self, world, cell):
        world.serve(KERNEL_PORT, "--mptcp", "--congestion", cell.congestion)
        return bonded(world, cell, world.topology.server, Door(world.topology.gateway, mptcp=True, port=KERNEL_PORT, congestion=cell.congestion))


class Braid(systems.Braid):
    """As it comes; with the profile of its links where these are of low rate, or lose packets."""

    def carry(self, world, cell):
        """Also which links stand aside then: in a run of the network's own, that was decided while it ran. It begins when the gateway knows how far its links are, as any does
        that wasn't started a moment ago: by that gateway.pieces = auto decides."""
        if not cell.n_bytes:
            until(lambda: all(link["health"]["probes"]["answered"] > 1 for link in self.pair.ctl("links")["links"]), self.timeout_s, "the gateway to have looked at each link twice")
        seen = bonded(world, cell, world.topology.converter, self.door(world))
        return seen | {"aside": [link["name"] for link in self.pair.ctl("links")["links"] if link["aside"]]}


def carried(world, cell):
    """Bytes that each link has carried the cell's way."""
    return [access.link.get()["ab" if cell.way == grid.UP else "ba"]["bytes"] for access in world.topology.links]


def bonded(world, cell, far, door):
    """bit/s, with what the links and the kernels counted meanwhile."""
    ends = (world.topology.gateway, far) if cell.way == grid.UP else (far, world.topology.gateway)
    before, links = [end.counters() for end in ends], carried(world, cell)
    bps = bulk(world, cell, door, cell.n_bytes)
    after = [end.counters() for end in ends]
    return {"bps": bps, "link_bytes": [now - then for now, then in zip(carried(world, cell), links)],
            RETRANSMISSIONS: after[0][RETRANSMISSIONS] - before[0][RETRANSMISSIONS], OVERRUN: after[1][OVERRUN] - before[1][OVERRUN]}


def turn(build, cell, system):
    """A run in a network that is new: nothing is left of the one before, in no queue."""
    require_tcp_memory()
    world = World(build, accesses(cell))
    try:
        world.topology.introduce_next_hops()
        system.start(world)
        try:
            return system.carry(world, cell)
        finally:
            system.stop(world)
    finally:
        world.end()


def measure(build, cell, n_rounds):
    """Every run of each system, in order; and failures, as (system, what was seen)."""
    timeout_s = LOW_START_S if cell.n_bytes else START_TIMEOUT_S
    profiles = {f"link {access.name}.profile": profile for access, link in zip(accesses(cell), cell.links) if (profile := grid.profile(cell, link))}
    all_systems = [Alone("alone"), Braid("braid", find_program(build, "src/prog/braidd"), profiles, timeout_s=timeout_s), Kernel("kernel")]
    runs, failures = {system.name: [] for system in all_systems}, []
    for _ in range(n_rounds):
        for system in random.sample(all_systems, len(all_systems)):
            try:
                runs[system.name].append(turn(build, cell, system))
            except LabError as error:
                failures.append((system.name, str(error)))
    return {"runs": runs, "failures": failures}
