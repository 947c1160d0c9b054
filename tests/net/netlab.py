# SPDX-License-Identifier: GPL-2.0-or-later
"""A small network in namespaces for the end-to-end tests, without root and without anything of it left behind.

    host -- 10.0.0.0/24 -- [gw] == link a: l0, 192.0.2.0/24 ===== [core] -- 203.0.113.0/24 -- conv (converter)
                                \\== link b: l1, 198.51.100.0/24 ==/     \\-- 93.10.20.0/24  -- server

and the same with IPv6. Each link is shaped to 400 Mbit/s both ways: a link faster than the daemons' cores is the benchmarks' matter.
Lab(directory, delays_ms) emulates them with a delay instead. The test process itself enters a user and a mount namespace of its own, so that a test opens its sockets in any node
with lab.inside(node), and a daemon's process id is the one in /proc. The nodes live as long as this process; the programs are killed with it.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import pickle
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import time

BUILD = pathlib.Path(os.environ.get("BRAID_BUILD_DIR", pathlib.Path(__file__).parents[2] / "build"))
BRAIDD = BUILD / "src" / "prog" / "braidd"
BRAIDCTL = BUILD / "src" / "prog" / "braidctl"
BRAID_LINK = BUILD / "lab" / "emulator" / "braid-link"
PATIENCE_S = 60   # a wait that is over sooner where all is well; a busy machine may stand still for many seconds
LINKS_ALLOWED = "192.0.2.0/24, 198.51.100.0/24, 2001:db8:2::/64, 2001:db8:3::/64"   # who may come without a key
KEY = "00112233445566778899aabbccddeeff" * 2
SIGNALLING = os.environ.get("BRAID_SIGNALLING", "convert")   # of hosts' connections, in every test that says nothing else

HOST, HOST_V6 = "10.0.0.9", "2001:db8:10::9"
SERVER, SERVER_V6 = "93.10.20.30", "2a00:10::30"
CONVERTER, CONVERTER_V6 = "203.0.113.5", "2001:db8:5::5"
LINK_A, LINK_B = "192.0.2.2", "198.51.100.2"
UNREACHABLE, SILENT, PROHIBITED = "93.10.21.1", "93.10.22.1", "93.10.23.1"   # what the core router does with them

# Where it isn't Convert, which alone has tickets, clients are let in by their addresses; the watch is Convert's all the same. With route there is nobody to be spoken to: the
# converter is the core router, which has its addresses then, and takes what comes over link a.
SPOKEN = {"convert": {}, "route": {"signalling": "route", "converter": None, "key": None}}.get(SIGNALLING, {"signalling": SIGNALLING})
ACCEPTED = {"convert": {}, "route": {"allow": LINKS_ALLOWED, "intercept": "192.0.2.0/24, 2001:db8:2::/64", "intercept_join": f"{CONVERTER}, {CONVERTER_V6}",
                                     "intercept_source": "subscriber", "pool": f"{CONVERTER}, {CONVERTER_V6}"}}.get(
    SIGNALLING, {"signalling": f"convert, {SIGNALLING}", "allow": LINKS_ALLOWED})
RACE = {"syn_race": os.environ["BRAID_SYN_RACE"]} if "BRAID_SYN_RACE" in os.environ else {}   # of every gateway that says nothing else
CONVERTER_NODE = "core" if SIGNALLING == "route" else "conv"

IPPROTO_MPTCP = 262
TCP_FASTOPEN_NO_COOKIE = 34
MSG_FASTOPEN = 0x20000000
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000
OTHER_ID = 4321   # a user and a group beside root, where there can be one
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2

NODES = ("host", "gw", "core", "conv", "server")
LINKS = {"a": ("l0", "a0"), "b": ("l1", "b0")}   # the devices at the gateway and at the core
MAKE_NODES = """
set -e
for n in host gw core conv server; do
	ip netns add $n
	nsenter --net=/run/netns/$n sh -c 'cd /proc/sys/net/ipv6/conf/default; echo 0 > accept_dad; echo 1 > keep_addr_on_down; exec ip link set lo up'
done
"""
WIRE_LINK = """
set -e
ip -n gw link add {near} type veth peer name {far} netns core
ip -n gw link set {near} up; ip -n core link set {far} up
tc -n gw qdisc add dev {near} root tbf rate 400mbit burst 256k latency 20ms
tc -n core qdisc add dev {far} root tbf rate 400mbit burst 256k latency 20ms
"""
# In few processes: each takes longer than what it is for, and nearly every test has a network of its own.
SET_UP = """
set -e
batch() { ip -n $1 -batch -; }
batch host <<-END
	link add h0 type veth peer name lan0 netns gw
	link set h0 up
END
batch core <<-END
	link add c0 type veth peer name c0 netns conv
	link add s0 type veth peer name s0 netns server
	link set c0 up
	link set s0 up
	addr add 192.0.2.1/24 dev a0
	addr add 2001:db8:2::1/64 dev a0 nodad
	addr add 198.51.100.1/24 dev b0
	addr add 2001:db8:3::1/64 dev b0 nodad
	addr add 203.0.113.1/24 dev c0
	addr add 2001:db8:5::1/64 dev c0 nodad
	addr add 93.10.20.1/24 dev s0
	addr add 2a00:10::1/64 dev s0 nodad
	route add 10.0.0.0/24 via 192.0.2.2
	route add 2001:db8:10::/64 via 2001:db8:2::2
	route add unreachable 93.10.21.0/24
	route add blackhole 93.10.22.0/24
	route add prohibit 93.10.23.0/24
END
batch gw <<-END
	link set lan0 up
	addr add 10.0.0.1/24 dev lan0
	addr add 2001:db8:10::1/64 dev lan0 nodad
	addr add 192.0.2.2/24 dev l0
	addr add 2001:db8:2::2/64 dev l0 nodad
	addr add 198.51.100.2/24 dev l1
	addr add 2001:db8:3::2/64 dev l1 nodad
	route add default via 192.0.2.1 dev l0 metric 10
	route add default via 198.51.100.1 dev l1 metric 20
	route add default via 2001:db8:2::1 dev l0 metric 10
	route add default via 2001:db8:3::1 dev l1 metric 20
END
batch conv <<-END
	link set c0 up
	addr add 203.0.113.5/24 dev c0
	addr add 2001:db8:5::5/64 dev c0 nodad
END
batch server <<-END
	link set s0 up
	addr add 93.10.20.30/24 dev s0
	addr add 2a00:10::30/64 dev s0 nodad
END
for n in gw core; do
	nsenter --net=/run/netns/$n sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
done
batch host <<-END
	addr add 10.0.0.9/24 dev h0
	addr add 2001:db8:10::9/64 dev h0 nodad
	route add default via 10.0.0.1
	route add default via 2001:db8:10::1
END
ip -n conv route add default via 203.0.113.1; ip -n conv route add default via 2001:db8:5::1
ip -n server route add default via 93.10.20.1; ip -n server route add default via 2a00:10::1
"""

MOVE_CONVERTER = """
set -e
ip -n conv addr del 203.0.113.5/24 dev c0; ip -n conv addr del 2001:db8:5::5/64 dev c0
ip -n core addr add 203.0.113.5/32 dev lo; ip -n core addr add 2001:db8:5::5/128 dev lo nodad
"""

libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def helper_outside(uid):
    """A child that stays outside and, being root there, gives us a second user and group, OTHER_ID; calling what this yields waits for it, and says whether."""
    if uid:
        yield lambda: False
        return
    ready, done = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ready[1])
        os.read(ready[0], 1)
        with contextlib.suppress(OSError):
            for name in ("uid_map", "gid_map"):
                pathlib.Path(f"/proc/{os.getppid()}/{name}").write_text(f"0 0 1\n{OTHER_ID} {OTHER_ID} 1\n")
            os.write(done[1], b"!")
        os._exit(0)
    os.close(done[1])

    def mapped():
        os.close(ready[1])
        return bool(os.read(done[0], 1))
    yield mapped
    os.waitpid(pid, 0)
    os.close(ready[0])
    os.close(done[0])


def has_other_id():
    """Whether this process's user namespace has OTHER_ID."""
    return str(OTHER_ID) in pathlib.Path("/proc/self/gid_map").read_text().split()


def become_root_of_own_namespaces():
    """Needs a process without other threads; does nothing the second time."""
    if os.environ.get("BRAID_NETLAB") == str(os.getpid()):
        return
    uid, gid = os.geteuid(), os.getegid()
    with helper_outside(uid) as mapped:
        checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET))
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        if not mapped():
            pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    checked(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    os.environ["BRAID_NETLAB"] = str(os.getpid())


def wait_for(condition, what, patience_s=PATIENCE_S):
    """Waits until condition() holds and returns what it gave; fails with the words and the last that was seen."""
    end = time.monotonic() + patience_s
    while not (seen := condition()):
        assert time.monotonic() < end, f"{what}: not within {patience_s} s; last seen: {seen!r}"
        time.sleep(0.01)
    return seen


def descriptors(pid):
    """What the process has open, by kind."""
    kinds = {}
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            kind = os.readlink(entry.path).split(":")[0]
            kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def sockets(pid):
    return descriptors(pid).get("socket", 0)


def counter(daemon, name):
    return next(c["value"] for c in daemon.ctl("counters")["counters"] if c["name"] == name)


def link(gateway, name):
    """What braidctl links says of one."""
    return next(row for row in gateway.ctl("links")["links"] if row["name"] == name)


def sockets_at_rest(daemon):
    """The least of many looks: a link's probe has one for moments, at either end, and so has who asks the daemon something."""
    return min(sockets(daemon.pid) for _ in range(20) if daemon.ctl("status"))


def memory_kib(pid):
    """User memory of the process: Pss of all mappings, and the anonymous part of it."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) for name in ("Pss", "Pss_Anon"))


def close_with_reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def receive_all(sock):
    """Everything up to the end of the stream."""
    parts = []
    while part := sock.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def receive_exactly(sock, n):
    """n bytes, or fewer where the stream ends before."""
    parts = []
    while n and (part := sock.recv(min(n, 1 << 20))):
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def has_waiting(listener, within_s=0.2):
    """Whether a connection waits to be accepted, or comes within that time."""
    return bool(select.select([listener], [], [], within_s)[0])


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Program:
    """Runs in a node until stopped; what it says goes to a file."""

    def __init__(self, lab, node, *command, name=None):
        self.name = name or pathlib.Path(str(command[0])).name
        self.log_path = lab.directory / f"{self.name}.{lab.number()}.log"
        with lab.inside(node), open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        lab.programs.append(self)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def wait_log(self, pattern, n=1, patience_s=PATIENCE_S):
        """Waits until the pattern has come n times."""
        wait_for(lambda: len(re.findall(pattern, self.log())) >= n or not self.running(), f"{self.name}: '{pattern}' in its log",
                 patience_s)
        assert len(re.findall(pattern, self.log())) >= n, f"{self.name} ended without '{pattern}':\n{self.log()}"

    def tell(self, which):
        self.process.send_signal(which)

    def pause(self):
        """SIGSTOP; comes back when every thread stands still."""
        self.tell(signal.SIGSTOP)
        stats = list(pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat"))
        wait_for(lambda: all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats), f"{self.name}: every thread stopped")

    def stop(self, which=signal.SIGTERM, patience_s=PATIENCE_S):
        """The exit status: negative where a signal ended it."""
        if self.running():
            self.tell(which)
        return self.process.wait(patience_s)

    def kill(self):
        self.stop(signal.SIGKILL)


class Daemon(Program):
    def __init__(self, lab, node, conf, text=None):
        """text: in the place of what conf says."""
        self.lab, self.node = lab, node
        self.conf_path = lab.directory / f"{node}.conf"
        self.write(text or conf_text(conf))
        self.control = conf["daemon"]["control"]
        super().__init__(lab, node, BRAIDD, "-c", self.conf_path, name=f"braidd-{node}")
        self.wait_log(r"is up\n")

    def words(self, *command):
        """What braidctl shows people."""
        return subprocess.run([BRAIDCTL, "-s", self.control, *command], check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout

    def ctl(self, *command):
        """What braidctl --json answers."""
        return json.loads(self.words("--json", *command))

    def write(self, text):
        self.conf_path.write_text(text)
        if "intercept_join" in text:
            self.lab.joined.add(self.node)

    def reload(self, conf):
        self.write(conf if isinstance(conf, str) else conf_text(conf))
        self.tell(signal.SIGHUP)


@contextlib.contextmanager
def standing_still(daemon):
    """One of its workers, while its other threads turn."""
    workers = sorted(int(name) for name in os.listdir(f"/proc/{daemon.pid}/task"))[1:]
    assert workers, "this daemon has no workers"
    tid = ctypes.c_long(workers[0])
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        assert not libc.ptrace(request, tid, None, None), "the test can't stop a thread here"
    os.waitpid(tid.value, WALL)
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, tid, None, None)


def conf_text(conf):
    lines = []
    for section, keys in conf.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in keys.items() if value is not None), ""]
    return "\n".join(lines)


def merged(base, changes):
    """changes: section -> keys; a key that is None is left out, a section that is None too."""
    out = {section: dict(keys) for section, keys in base.items()}
    for section, keys in changes.items():
        if keys is None:
            del out[section]
        else:
            out.setdefault(section, {}).update(keys)
    return out


def set_up(script):
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, f"the network could not be made: {done.stderr}"


class Lab:
    def __init__(self, directory, delays_ms=None):
        """delays_ms: of each link, one way; the links are emulated then, and veth wires without a delay otherwise."""
        become_root_of_own_namespaces()
        self.directory = pathlib.Path(directory)
        self.programs, self.sockets, self.n_numbers = [], [], 0
        self.joined = set()   # nodes whose endpoints may have ports
        self.ports = set()    # that listen() gave
        checked(libc.mount(b"none", b"/run", b"tmpfs", 0, None))
        os.makedirs("/run/netns")
        set_up(MAKE_NODES)
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.nodes = {node: os.open(f"/run/netns/{node}", os.O_RDONLY) for node in NODES}
        self.emulated = delays_ms is not None
        for name, (near, far) in LINKS.items():
            if self.emulated:
                self.emulate(name, near, far, delays_ms[name])
            else:
                set_up(WIRE_LINK.format(near=near, far=far))
        set_up(SET_UP)
        if CONVERTER_NODE == "core":
            set_up(MOVE_CONVERTER)

    def emulate(self, name, near, far, delay_ms, near_node="gw"):
        link = self.start("core", BRAID_LINK, "--a", f"/run/netns/{near_node}:{near}", "--b", f"/run/netns/core:{far}",
                          "--control", f"/run/link-{name}", "rate_bps=400000000", "queue_ms=100", f"delay_us={int(1000 * delay_ms)}",
                          name=f"link-{name}")
        link.wait_log("ready")

    def set_carrier(self, name, carrier):
        """Both ends of a link lose it or have it back."""
        if not self.emulated:
            self.run("core", f"ip link set {LINKS[name][1]} {'up' if carrier else 'down'}")
            return
        self.set_link(name, f"carrier={int(carrier)}")

    @staticmethod
    def set_link(name, setting):
        """Of a link that is emulated: loss_ppm=20000, both ways."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(PATIENCE_S)
            control.connect(f"/run/link-{name}")
            control.sendall(f"set {setting}\n".encode())
            answer = control.recv(4096)
        assert answer == b"ok\n", f"link {name}: the emulator answered {answer!r}"

    def number(self):
        self.n_numbers += 1
        return self.n_numbers

    def close(self):
        for sock in self.sockets:
            sock.close()
        for program in self.programs:
            program.tell(signal.SIGKILL)      # all, before any is waited for: each takes its time to die
        for program in self.programs:
            program.process.wait(PATIENCE_S)
        for node in self.joined:   # a listener of the kernel's, as such an endpoint has one, keeps its network from ever ending
            self.run(node, "ip mptcp endpoint flush")
        for fd in (*self.nodes.values(), self.home):
            os.close(fd)
        checked(libc.umount2(b"/run", MNT_DETACH))

    @contextlib.contextmanager
    def inside(self, node):
        """This thread, and the programs it starts, in the node's network."""
        checked(libc.setns(self.nodes[node], CLONE_NEWNET))
        try:
            yield
        finally:
            checked(libc.setns(self.home, CLONE_NEWNET))

    def run(self, node, command, **options):
        with self.inside(node):
            done = subprocess.run(command, shell=True, capture_output=True, text=True, **{"timeout": 60, **options})
        assert done.returncode == 0, f"{node}: {command}: status {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, node, *command, name=None):
        return Program(self, node, *command, name=name)

    def socket(self, node, family=socket.AF_INET, protocol=socket.IPPROTO_TCP, timeout=PATIENCE_S):
        with self.inside(node):
            sock = socket.socket(family, socket.SOCK_STREAM, protocol)
        sock.settimeout(timeout)
        self.sockets.append(sock)
        return sock

    def listen(self, node, port=0, address="::", backlog=4096):
        """A port that it chooses is no other listener's, on no node: a rule of a test that names one means that one alone."""
        listener = self.bind(node, port, address)
        while not port and listener.getsockname()[1] in self.ports:
            listener.close()
            listener = self.bind(node, port, address)
        self.ports.add(listener.getsockname()[1])
        listener.listen(backlog)
        return listener

    def bind(self, node, port, address):
        listener = self.socket(node, family_of(address))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        return listener

    def connect(self, node, address, port, timeout=PATIENCE_S):
        sock = self.socket(node, family_of(address), timeout=timeout)
        sock.connect((address, port))
        return sock

    def accept(self, listener):
        sock, peer = listener.accept()
        sock.settimeout(listener.gettimeout())
        self.sockets.append(sock)
        return sock, peer[0].removeprefix("::ffff:")

    def session(self, listener, address=SERVER):
        """A connection of the host to the listener, and who the server sees: (host's socket, server's socket, peer)."""
        near = self.connect("host", address, listener.getsockname()[1])
        near.sendall(b"!")
        poll = select.poll()   # select() knows no descriptor beyond 1,023
        for sock in (near, listener):
            poll.register(sock, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(1000 * near.gettimeout())]
        if listener.fileno() not in ready:   # the host's connection was accepted early and has failed since
            near.recv(1)
            raise TimeoutError(f"no connection to {address} came to the listener")
        far, peer = self.accept(listener)
        assert far.recv(1) == b"!"
        return near, far, peer

    def gateway_conf(self, **changes):
        base = {
            "gateway": {"lan": "lan0", "converter": CONVERTER, "key": KEY, **SPOKEN, **RACE},
            "link a": {"interface": "l0"}, "link b": {"interface": "l1"},
            "daemon": {"state_dir": "/run/braid-gw", "control": "/run/braid-gw/control"}, "log": {"level": "debug"},
        }
        return merged(base, changes)

    def converter_conf(self, **changes):
        base = {
            "converter": {"listen": "[::]:5124", **ACCEPTED}, "subscriber home": {"key": KEY},
            "daemon": {"state_dir": "/run/braid-conv", "control": "/run/braid-conv/control"}, "log": {"level": "debug"},
        }
        return merged(base, changes)

    def converter(self, **changes):
        return Daemon(self, CONVERTER_NODE, self.converter_conf(**changes))

    def start_gateway(self, **changes):
        return Daemon(self, "gw", self.gateway_conf(**changes))

    def gateway(self, **changes):
        """Comes back when the gateway serves; with route it does from the start."""
        daemon = self.start_gateway(**changes)
        if SIGNALLING != "route":
            daemon.wait_log("the converter answers")
        return daemon

    def bonded(self, listener=None, address=SERVER):
        """Whether a new connection goes through the daemons: the server sees the converter's address then. None: it was reset."""
        listener = listener or self.listen("server")
        try:
            near, far, peer = self.session(listener, address)
        except OSError:
            return None
        near.close()
        far.close()
        return peer in (CONVERTER, CONVERTER_V6)


def raise_descriptor_limit():
    """The most that a process may have open, for this process and its children."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def send_in_background(sock, data):
    """A child of ours sends, so that this process may read; the child's copy of the socket goes with it."""
    pid = os.fork()
    if not pid:
        try:
            sock.sendall(data)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    return pid


def in_child(function):
    """Runs the function in a child; the pipe that gives its result, pickled."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_fd)
        return pid, read_fd
    try:
        os.close(read_fd)
        with os.fdopen(write_fd, "wb") as out:
            pickle.dump(function(), out)
    finally:
        os._exit(0)


def result_of(pid, fd):
    with os.fdopen(fd, "rb") as pipe:
        out = pickle.load(pipe)
    os.waitpid(pid, 0)
    return out
