# SPDX-License-Identifier: GPL-2.0-or-later
"""The systems that are compared. Each is started for a block of runs and taken away again; only one runs at a time."""
import subprocess

from braidlab import daemons
from braidlab.errors import LabError, until
from braidlab.sandbox import DIRECTORY
from braidlab.topology import CONVERTER_V4

from .world import Door

START_TIMEOUT_S = 10
SESSIONS_MOST = 8900     # two descriptors each, and HAProxy's pipes, of the 20,000 that a process may have
PAIR_PORT, INTERCEPT_PORT = 7001, 7000
FWMARK, TABLE, LINK_TABLE = 1, 100, 101
PASSWORD = "between gateway and converter"

TPROXY = """table ip bench {{
	chain pre {{
		type filter hook prerouting priority mangle;
		iifname lan1 meta l4proto tcp socket transparent 1 meta mark set {mark} accept
		iifname lan1 meta l4proto tcp ip daddr != 10.0.0.0/8 tproxy to :{port} meta mark set {mark} accept
	}}
}}"""
REDIRECT = """table ip bench {{
	chain pre {{
		type nat hook prerouting priority dstnat;
		iifname lan1 ip daddr != 10.0.0.0/8 meta l4proto tcp redirect to :{port}
	}}
}}"""
HAPROXY = """global
	nbthread 2
	maxconn {sessions}
	maxpipes 1000
{tune}
defaults
	mode tcp
	timeout connect 5s
	timeout client 1h
	timeout server 1h
{option}
listen pair
	bind {bind}
	server next {server}
"""
REDSOCKS = """base {{
	log_debug = off; log_info = off; log = stderr; daemon = off; redirector = iptables;
	rlimit_nofile = 20000; redsocks_conn_max = {sessions};
}}
redsocks {{
	local_ip = 0.0.0.0; local_port = {port}; listenq = 4096;
	ip = {converter}; port = {pair}; type = socks5;
}}
"""


class System:
    """Begins with nothing running. daemons() are the programs whose cost is counted."""
    proxied = False

    def __init__(self, name):
        self.name = name

    def start(self, world):
        pass

    def stop(self, world):
        pass

    def daemons(self):
        return []

    def door(self, world):
        raise NotImplementedError


class Direct(System):
    """Plain TCP, routed: over the first link where there are several."""

    def door(self, world):
        return Door(world.topology.plain)


class OneHop(System):
    """MPTCP from the gateway to the server, no proxy."""

    def start(self, world):
        plumb(world)

    def stop(self, world):
        unplumb(world)

    def door(self, world):
        return Door(world.topology.gateway, mptcp=True)


class Proxied(System):
    proxied = True

    def door(self, world):
        return Door(world.topology.host)


class Braid(Proxied):
    def __init__(self, name, braidd, more=None, on_path=False, timeout_s=daemons.START_TIMEOUT_S):
        super().__init__(name)
        self.braidd, self.more, self.on_path, self.timeout_s = braidd, more or {}, on_path, timeout_s
        self.pair = None

    def start(self, world):
        self.pair = daemons.Braid(self.braidd, world.topology, {"limits.max_sessions": SESSIONS_MOST, "subscriber home.max_sessions": SESSIONS_MOST,
                                                                        **self.more}, self.on_path, self.timeout_s)

    def stop(self, world):
        pair, self.pair = self.pair, None
        for program in (pair.gateway, pair.converter) if pair else ():
            if program.end():
                raise LabError(f"braidd ended with status {program.process.returncode}\n{program.tail()}")

    def daemons(self):
        return [self.pair.gateway, self.pair.converter]


class Pair(Proxied):
    """Two programs under mptcpize; the gateway's takes what an nft statement hands it."""
    rules = REDIRECT

    def __init__(self, name, congestion="cubic"):
        super().__init__(name)
        self.congestion = congestion
        self.programs = []

    def commands(self):
        """The argument vectors of converter and gateway."""
        raise NotImplementedError

    def start(self, world):
        topology = world.topology
        plumb(world)
        set_congestion(world, self.congestion)
        at_converter, at_gateway = self.commands()
        self.programs = []
        for node, argv, port in ((topology.converter, at_converter, PAIR_PORT), (topology.gateway, at_gateway, INTERCEPT_PORT)):
            program = node.start(self.name.split()[0], "mptcpize", "run", *argv)
            self.programs.append(program)
            until(lambda: program.check() or daemons.listens(node, port), START_TIMEOUT_S, f"{self.name} to listen on {port}")
        nft(topology.gateway, self.rules.format(port=INTERCEPT_PORT, mark=FWMARK))
        topology.gateway.ip(f"rule add fwmark {FWMARK} lookup {TABLE}")
        topology.gateway.ip(f"route add local default dev lo table {TABLE}")

    def stop(self, world):
        for program in self.programs:
            program.end()
        gateway = world.topology.gateway
        subprocess.run(gateway.argv("nft", "delete", "table", "ip", "bench"), capture_output=True)
        subprocess.run(["ip", "-n", gateway.name, "rule", "del", "fwmark", str(FWMARK)], capture_output=True)
        subprocess.run(["ip", "-n", gateway.name, "route", "flush", "table", str(TABLE)], capture_output=True)
        set_congestion(world, None)
        unplumb(world)

    def daemons(self):
        return self.programs


class Haproxy(Pair):
    rules = TPROXY

    def __init__(self, name, congestion="cubic", buffer_bytes=262144, splice=False):
        super().__init__(name, congestion)
        self.buffer_bytes, self.splice = buffer_bytes, splice

    def commands(self):
        tune = f"\ttune.bufsize {self.buffer_bytes}\n" if self.buffer_bytes else ""
        if self.splice:
            tune += "\ttune.pipesize 262144\n"
        option = "\toption splice-auto" if self.splice else ""
        paths = []
        for node, bind, server in (
                ("converter", f"{CONVERTER_V4}:{PAIR_PORT} accept-proxy", "0.0.0.0:0"),
                ("gateway", f"0.0.0.0:{INTERCEPT_PORT} transparent", f"{CONVERTER_V4}:{PAIR_PORT} send-proxy-v2")):
            path = DIRECTORY / f"haproxy-{node}.cfg"
            path.write_text(HAPROXY.format(sessions=SESSIONS_MOST, tune=tune, option=option, bind=bind, server=server))
            paths.append(path)
        return [["haproxy", "-db", "-q", "-f", path] for path in paths]


class Socks(Pair):
    """redsocks at the gateway, microsocks at the converter."""

    def commands(self):
        path = DIRECTORY / "redsocks.conf"
        path.write_text(REDSOCKS.format(sessions=SESSIONS_MOST, port=INTERCEPT_PORT, converter=CONVERTER_V4, pair=PAIR_PORT))
        return ["microsocks", "-i", CONVERTER_V4, "-p", PAIR_PORT], ["redsocks", "-c", path]


class Shadowsocks(Pair):
    def commands(self):
        both = ["-s", CONVERTER_V4, "-p", PAIR_PORT, "-k", PASSWORD, "-m", "aes-128-gcm", "-t", 3600, "-n", 20000]
        return ["ss-server", *both], ["ss-redir", *both, "-b", "0.0.0.0", "-l", INTERCEPT_PORT]


def nft(node, text):
    done = subprocess.run(node.argv("nft", "-f", "-"), input=text, text=True, capture_output=True)
    if done.returncode:
        raise LabError(f"nft: {done.stderr.strip()}")


def plumb(world):
    """What Braid does by itself: an endpoint and a way out for each link."""
    topology = world.topology
    for node in (topology.gateway, topology.converter, topology.server):
        node.ip("mptcp limits set subflows 8 add_addr_accepted 0")
    if len(topology.links) < 2:
        return
    for access in topology.links:
        topology.gateway.ip(f"route add default via {access.core_v4} dev {access.name} table {LINK_TABLE + access.number}")
        topology.gateway.ip(f"rule add from {access.gateway_v4} lookup {LINK_TABLE + access.number}")
        topology.gateway.ip(f"mptcp endpoint add {access.gateway_v4} dev {access.name} subflow")


def unplumb(world):
    gateway = world.topology.gateway
    if len(world.topology.links) < 2:
        return
    gateway.ip("mptcp endpoint flush")
    for access in world.topology.links:
        gateway.ip(f"rule del from {access.gateway_v4} lookup {LINK_TABLE + access.number}")
        gateway.ip(f"route flush table {LINK_TABLE + access.number}")


def set_congestion(world, name):
    """By route: a namespace may not choose what the machine doesn't allow to all, a route may. Without a name: the default again."""
    for node in (world.topology.gateway, world.topology.converter):
        tables = ["main", *(str(LINK_TABLE + access.number) for access in world.topology.links)]
        for table in tables:
            shown = subprocess.run(["ip", "-n", node.name, "-4", "route", "show", "table", table], text=True, capture_output=True).stdout
            for line in shown.splitlines():
                route = line.split(" congctl ")[0].strip()
                node.ip(f"route replace {route} table {table}" + (f" congctl {name}" if name else ""))


def haproxy_candidates():
    return [Haproxy(f"haproxy {congestion}{' splice' if splice else ''}", congestion, splice=splice)
            for congestion in ("reno", "cubic") for splice in (False, True)]
