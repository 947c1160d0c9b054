# SPDX-License-Identifier: GPL-2.0-or-later
"""braid-link between two network namespaces, with real traffic:  [a] la ---- braid-link ---- lb [b]

Wants a namespace of its own: meson test link, or
unshare -Urnmp --fork --mount-proc /usr/bin/python3 -m pytest tests/lab/test_link.py
"""
import ctypes
import errno
import functools
import json
import math
import os
import pathlib
import select
import signal
import socket
import statistics
import struct
import subprocess
import time

import pytest

BUILD = pathlib.Path(os.environ.get("BRAID_BUILD_DIR", pathlib.Path(__file__).parents[2] / "build"))
LINK = BUILD / "lab" / "emulator" / "braid-link"
PATIENCE_S = 10
PORT = 5000
HEADERS = 28                     # IPv4 and UDP: the link counts them
STAMP = struct.Struct("=QQ")     # sequence number, wall clock ns
UDP_SEGMENT, SO_TIMESTAMPNS, CLONE_NEWNET = 103, 35, 0x40000000
IPPROTO_MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1
TCP_FASTOPEN_NO_COOKIE, TCPI_OPT_SYN_DATA = 34, 32

libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Netns:
    """A network namespace of this process. The process as a whole stays where it was but for the moments of a with statement."""

    def __init__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        checked(libc.unshare(CLONE_NEWNET))
        self.fd = os.open("/proc/self/ns/net", os.O_RDONLY)
        for path, value in (("ipv6/conf/default/disable_ipv6", "1"), ("ipv4/tcp_fastopen", "519"),
                            ("ipv4/tcp_fastopen_blackhole_timeout_sec", "0"), ("mptcp/blackhole_timeout", "0")):
            pathlib.Path("/proc/sys/net", path).write_text(value)
        self.__exit__()
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"

    def __enter__(self):
        checked(libc.setns(self.fd, CLONE_NEWNET))

    def __exit__(self, *_):
        checked(libc.setns(self.home, CLONE_NEWNET))

    def ip(self, *words):
        with self:
            return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout

    def socket(self, kind, family=socket.AF_INET, protocol=0):
        with self:
            return socket.socket(family, kind, protocol)

    def flags(self, name):
        return json.loads(self.ip("-j", "link", "show", name))[0]["flags"]


class Link:
    """A running braid-link, with addresses on both ends."""

    def __init__(self, net, path, *settings, seed=1, v6=False):
        self.net, self.path = net, str(path)
        self.process = subprocess.Popen(self.command(net, path, *settings, seed=seed), stdout=subprocess.PIPE, text=True)
        self.ready = self.process.stdout.readline()
        assert self.ready == "ready\n"
        self.control = socket.socket(socket.AF_UNIX)
        self.control.connect(self.path)
        self.answers = self.control.makefile()
        addresses = {n: json.loads(net[n].ip("-j", "link", "show", "l" + n))[0]["address"] for n in "ab"}
        for n, host, peer, other in (("a", 1, 2, "b"), ("b", 2, 1, "a")):
            net[n].ip("address", "add", f"10.0.0.{host}/24", "dev", "l" + n)
            net[n].ip("neighbour", "replace", f"10.0.0.{peer}", "lladdr", addresses[other], "dev", "l" + n, "nud", "permanent")
            if v6:
                with net[n]:
                    pathlib.Path(f"/proc/sys/net/ipv6/conf/l{n}/disable_ipv6").write_text("0")
                net[n].ip("address", "add", f"fd00::{host}/64", "dev", "l" + n, "nodad")

    @staticmethod
    def command(net, path, *settings, seed=1):
        return [str(LINK), "--a", net["a"].path + ":la", "--b", net["b"].path + ":lb", "--control", str(path), "--seed", str(seed),
                *settings]

    def ask(self, line):
        self.control.sendall(line.encode() + b"\n")
        return self.answers.readline().rstrip("\n")

    def set(self, *settings):
        assert self.ask("set " + " ".join(settings)) == "ok"

    def get(self):
        return json.loads(self.ask("get"))

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.answers.close()
        self.control.close()
        self.process.stdout.close()
        return self.process.wait(PATIENCE_S)


@pytest.fixture(scope="session")
def net():
    if pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "4294967295":
        pytest.fail(__doc__)
    return {"a": Netns(), "b": Netns()}


@pytest.fixture
def start(net, tmp_path):
    links = []

    def start_link(*settings, **more):
        for link in links:   # the devices' names are free again
            link.end()
        links.append(Link(net, tmp_path / f"control{len(links)}", *settings, **more))
        return links[-1]
    yield start_link
    for link in links:
        link.end()


def wait_for(expected, look):
    end = time.monotonic() + PATIENCE_S
    while (seen := look()) != expected and time.monotonic() < end:
        time.sleep(0.005)
    assert seen == expected


def patient(test):
    """Gives a test of times three attempts: on a busy machine the test's own processes come too late, the link's can't come early."""
    @functools.wraps(test)
    def attempts(*arguments, **named):
        for _ in range(2):
            try:
                return test(*arguments, **named)
            except AssertionError as error:
                print("once more:", error)
        return test(*arguments, **named)
    return pytest.mark.timing(attempts)


def receiver(net):
    """A UDP socket at b whose recv() fails once nothing came for a while."""
    sock = net["b"].socket(socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE_S // 2, 0))
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)   # when the kernel had it, not when we came to read it
    sock.bind(("10.0.0.2", PORT))
    return sock


def receive(sock, n_most):
    """[(sequence number, sent ns, received ns)], n_most of them unless no more come."""
    rows = []
    try:
        while len(rows) < n_most:
            packet, (stamp,), _, _ = sock.recvmsg(2048, 64)
            seconds, ns = struct.unpack("ll", stamp[2])
            rows.append((*STAMP.unpack_from(packet), seconds * 10**9 + ns))
    except BlockingIOError:
        pass
    return rows


def send_batch(sock, first, n, size):
    """n packets of size IP bytes in one call: the kernel makes them of one buffer, without a gap."""
    now = time.time_ns()
    sock.sendmsg([b"".join(STAMP.pack(i, now).ljust(size - HEADERS, b"x") for i in range(first, first + n))],
                 [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("H", size - HEADERS))], 0, ("10.0.0.2", PORT))


class Sender:
    """A process that sends n packets in even batches from a to b, at pace_bps."""

    def __init__(self, net, n, size, pace_bps, batch=1):
        sock = net["a"].socket(socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        self.pid = os.fork()
        if not self.pid:
            start = time.monotonic()
            for first in range(0, n, batch):
                time.sleep(max(0, start + first * size * 8 / pace_bps - time.monotonic()))
                send_batch(sock, first, min(batch, n - first), size)
            os._exit(0)
        sock.close()

    def wait(self):
        assert os.waitpid(self.pid, 0)[1] == 0


def pass_packets(net, n, size, pace_bps, batch=1):
    """Sends n packets, of which none gets lost."""
    with receiver(net) as sock:
        sender = Sender(net, n, size, pace_bps, batch)
        rows = receive(sock, n)
        sender.wait()
    assert len(rows) == n
    return rows


def assert_within(what, seen, expected, most_off):
    assert abs(seen - expected) <= most_off, f"{what}: expected {expected:g}, at most {most_off:g} off; saw {seen:g}"


def received_bytes(net):
    """IP bytes that the device at b took."""
    with net["b"]:
        lines = pathlib.Path("/proc/thread-self/net/dev").read_text().splitlines()
    n_bytes, n_packets = next(line.split()[1:3] for line in lines if line.split()[0] == "lb:")
    return int(n_bytes) - 14 * int(n_packets)


@pytest.mark.parametrize("rate_bps, load, size, n, batch", [
    (2400, 10, 60, 20, 1), (1_000_000, 10, 1000, 200, 2), (100_000_000, 3, 1500, 12000, 10), (1_000_000_000, 1.25, 1500, 120000, 40)])
@patient
def test_rate(net, start, rate_bps, load, size, n, batch):
    link = start(f"rate_bps={rate_bps}")
    sender = Sender(net, n, size, rate_bps * load, batch)
    changes, seen = [], 0                 # (instant, bytes) whenever more had come
    while seen < n * size and (not changes or time.monotonic() < changes[-1][0] + 2):
        seen, before = received_bytes(net), seen
        if seen != before:
            changes.append((time.monotonic(), seen))
        time.sleep(0.001)
    sender.wait()
    counters = link.get()["ab"]
    rate = 8 * (changes[-1][1] - changes[0][1]) / (changes[-1][0] - changes[0][0])
    print(f"{rate_bps} bit/s: {rate:.0f}, in {changes[-1][0] - changes[0][0]:.3f} s, at most {counters['queue_highest_bytes']} queued")
    assert (counters["packets"], counters["bytes"], counters["device_dropped_packets"]) == (n, n * size, 0)
    assert_within("bit/s", rate, rate_bps, rate_bps * 0.03)


@pytest.mark.parametrize("delay_us", [0, 10_000, 300_000])
@patient
def test_delay(net, start, delay_us):
    start(f"ab.delay_us={delay_us}", "ba.delay_us=3000000")
    rows = pass_packets(net, 200, 200, 200 * 8 * 500)   # one every 2 ms
    delays_us = sorted((got - sent) / 1000 for _, sent, got in rows)
    print(f"delay {delays_us[0]:.0f} .. {statistics.median(delays_us):.0f} .. {delays_us[-1]:.0f} us")
    bound_us = max(1000, delay_us * 0.03)
    assert_within("median delay", statistics.median(delays_us), delay_us, bound_us)
    assert delays_us[0] >= delay_us, "nothing comes before its time"
    assert delays_us[int(0.95 * 200)] <= delay_us + bound_us, "19 of 20 packets are in time"


@patient
def test_jitter_keeps_the_order(net, start):
    start("delay_us=20000", "jitter_us=10000")
    rows = pass_packets(net, 300, 200, 200 * 8 * 1000)
    delays_ms = [(got - sent) / 1e6 for _, sent, got in rows]
    assert [row[0] for row in rows] == list(range(300))
    assert min(delays_ms) >= 10 and max(delays_ms) - min(delays_ms) > 5, "delays differ"


@patient
def test_reordering(net, start):
    link = start("delay_us=5000", "reorder_ppm=100000", "reorder_us=5500")
    rows = pass_packets(net, 300, 200, 200 * 8 * 1000)
    numbers = [row[0] for row in rows]
    late = {row[0] for row in rows if row[2] - row[1] > 10_400_000}
    assert sorted(numbers) == list(range(300))
    assert sum(a > b for a, b in zip(numbers, numbers[1:])) > 5, "some were overtaken"
    assert len(late) >= link.get()["ab"]["reordered_packets"] > 5


def test_duplicates(net, start):
    link = start("duplicate_ppm=300000")
    with receiver(net) as sock, net["a"].socket(socket.SOCK_DGRAM) as sender:
        send_batch(sender, 0, 50, 100)
        wait_for(True, lambda: (counters := link.get()["ab"])["packets"] == 50 + counters["duplicated_packets"])
        n = link.get()["ab"]["duplicated_packets"]
        numbers = [row[0] for row in receive(sock, 50 + n)]
    assert n > 0 and numbers == sorted([*range(50), *(number for number in range(50) if numbers.count(number) == 2)])


def test_longer_packets_vanish(net, start):
    link = start("mtu=1000")
    with receiver(net) as sock, net["a"].socket(socket.SOCK_DGRAM) as sender:
        for number, n_bytes in enumerate((1001, 1000)):
            sender.sendto(STAMP.pack(number, 0).ljust(n_bytes - HEADERS), ("10.0.0.2", PORT))
        assert [row[0] for row in receive(sock, 1)] == [1]
    assert link.get()["ab"]["too_long_packets"] == 1


def losses(net, start, n, batch, *settings, seed=1):
    """Which of n packets got lost. Each batch has passed before the next one is sent: no buffer is ever full."""
    link, rows = start(*settings, seed=seed), []
    with receiver(net) as sock, net["a"].socket(socket.SOCK_DGRAM) as sender:
        for first in range(0, n, batch):
            send_batch(sender, first, batch, 100)
            while (counters := link.get()["ab"])["packets"] + counters["lost_packets"] < first + batch:
                pass
            rows += receive(sock, counters["packets"] - len(rows))
    assert len(rows) == n - counters["lost_packets"]
    return set(range(n)) - {row[0] for row in rows}


def test_loss_is_binomial(net, start):
    n, share = 20000, 0.05
    assert_within("lost", len(losses(net, start, n, 20, "loss_ppm=50000", seed=5)), n * share, 5 * math.sqrt(n * share * (1 - share)))


def test_same_seed_same_losses(net, start):
    settings = ("loss_ppm=20000", "loss_burst=4")
    first = losses(net, start, 5000, 20, *settings, seed=7)
    assert losses(net, start, 5000, 5, *settings, "delay_us=3000", "jitter_us=2000", seed=7) == first != set()
    assert losses(net, start, 5000, 20, *settings, seed=8) != first


@pytest.mark.parametrize("limit, n_fit", [("queue_bytes=20000", 20), ("queue_bytes=20500", 20), ("queue_ms=500", 12)])
@patient
def test_queue_limit_is_exact(net, start, limit, n_fit):
    link = start("rate_bps=200000", limit)   # 40 ms a packet
    with receiver(net) as sock, net["a"].socket(socket.SOCK_DGRAM) as sender:
        send_batch(sender, 0, 50, 1000)
        wait_for(50 - n_fit, lambda: link.get()["ab"]["queue_dropped_packets"])
        assert [row[0] for row in receive(sock, n_fit)] == list(range(n_fit))
    counters = link.get()["ab"]
    assert (counters["queue_dropped_packets"], counters["packets"], counters["queued_bytes"]) == (50 - n_fit, n_fit, 0)
    assert counters["queue_highest_bytes"] in range((n_fit - 1) * 1000 + 1, n_fit * 1000 + 1)


@patient
def test_new_rate_speeds_up_what_is_queued(net, start):
    link = start("rate_bps=8000")
    with receiver(net) as sock, net["a"].socket(socket.SOCK_DGRAM) as sender:
        send_batch(sender, 0, 40, 1000)   # 40 s
        wait_for(True, lambda: link.get()["ab"]["queued_bytes"] > 39000)
        link.set("rate_bps=800000")
        begin = time.monotonic()
        assert len(receive(sock, 40)) == 40
        assert_within("seconds", time.monotonic() - begin, 0.4, 0.02)


def test_silence(net, start):
    link = start("ab.silence=1")
    with receiver(net) as sock, net["a"].socket(socket.SOCK_DGRAM) as sender:
        send_batch(sender, 0, 2, 100)
        wait_for(2, lambda: link.get()["ab"]["silenced_packets"])
        assert "LOWER_UP" in net["a"].flags("la"), "the carrier stays"
        link.set("ab.silence=0")
        send_batch(sender, 2, 2, 100)
        assert [row[0] for row in receive(sock, 2)] == [2, 3]
    assert (link.get()["ab"]["silenced_packets"], link.get()["ab"]["packets"]) == (2, 2)


def test_carrier(net, start):
    link = start("carrier=0")
    for carrier in (0, 1, 0, 1):
        link.set(f"carrier={carrier}")
        assert link.get()["carrier"] == carrier
        for n in "ab":
            wait_for((bool(carrier), not carrier), lambda: tuple(word in net[n].flags("l" + n) for word in ("LOWER_UP", "NO-CARRIER")))
    assert [row[0] for row in pass_packets(net, 2, 100, 1e6, 2)] == [0, 1]


def connect(net, address, protocol=0, first=b"hello"):
    """One TCP connection from a to b that begins with data in the SYN, if it may. The client's socket, and what the server got.
    The server answers once the handshake is over: Linux 6.18 keeps back what is written to an MPTCP socket before that."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with net["b"].socket(socket.SOCK_STREAM, family, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
        listener.bind((address, PORT))
        listener.listen()
        listener.settimeout(PATIENCE_S)
        client = net["a"].socket(socket.SOCK_STREAM, family, protocol)
        client.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
        client.sendto(first, socket.MSG_FASTOPEN, (address, PORT))
        server = listener.accept()[0]
    with server:
        server.settimeout(PATIENCE_S)
        client.settimeout(PATIENCE_S)
        client.sendall(b".")
        got = b""
        while not got.endswith(b"."):
            got += server.recv(100)
        server.sendall(b"answer")
        assert client.recv(100) == b"answer"
    return client, got


def has_fallen_back(client):
    try:
        return bool(struct.unpack_from("=I", client.getsockopt(SOL_MPTCP, MPTCP_INFO, 64), 8)[0] & 1)
    except OSError as error:
        assert error.errno in (errno.EOPNOTSUPP, errno.ENOPROTOOPT)   # IPv4, IPv6
        return True


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00::2"])
def test_stripped_mptcp_falls_back(net, start, address):
    link = start(v6=True)
    for strip in (0, 1):
        link.set(f"strip_mptcp={strip}")
        client, got = connect(net, address, IPPROTO_MPTCP)
        assert (got, has_fallen_back(client)) == (b"hello.", bool(strip))
        assert (link.get()["ab"]["stripped_options"] > 0) == bool(strip)
        client.close()


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00::2"])
def test_syn_data(net, start, address):
    link = start(v6=True)
    for eat, in_syn, n_eaten in ((0, True, 0), (2, False, 1), (1, False, 2)):   # once dropped, the kernel tries without data
        link.set(f"eat_syn_data={eat}")
        client, got = connect(net, address)
        options = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5]
        assert (eat, got, bool(options & TCPI_OPT_SYN_DATA)) == (eat, b"hello.", in_syn)
        assert link.get()["ab"]["eaten_syns"] == n_eaten
        client.close()


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00::2"])
def test_some_options_stripped_and_mptcp_syns_eaten(net, start, address):
    link = start(v6=True)
    for setting, falls_back in (("strip_mptcp=2", True), ("strip_mptcp=3", True), ("strip_mptcp=0 eat_mptcp_syns=1", True), ("eat_mptcp_syns=0", False)):
        link.set(*setting.split())
        client, got = connect(net, address, IPPROTO_MPTCP)
        assert (setting, got, has_fallen_back(client)) == (setting, b"hello.", falls_back)
        client.close()
    assert link.get()["ab"]["eaten_syns"] > 0


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00::2"])
def test_rewritten_payload(net, start, address):
    """As a NAT does it: both ends notice nothing but the other word."""
    link = start(v6=True)
    for how, wanted in ((0, b"a PORT b."), (1, b"a port b."), (2, b"a LONGPORT b.")):
        link.set(f"rewrite={how}")
        client, got = connect(net, address, first=b"a PORT b")
        assert (how, got) == (how, wanted)
        assert (link.get()["ab"]["rewritten_packets"] > 0) == bool(how)
        client.close()


def test_control(start):
    link = start("ab.rate_bps=2400")
    assert link.ready == "ready\n"
    assert link.ask("set ba.delay_us=7 ab.loss_burst=3") == "ok"
    assert link.ask("set rate_bps=1 delay_us=x") == "error: delay_us=x: expected a number from 0 to 3600000000"
    assert link.ask("show") == "error: show: expected get, or set KEY=VALUE ..."
    assert link.ask("set") == "ok" and link.ask("").startswith("error: ")
    state = link.get()
    assert (state["a"], state["b"], state["carrier"]) == ("la", "lb", 1)
    assert (state["ab"]["rate_bps"], state["ab"]["delay_us"], state["ab"]["loss_burst"]) == (2400, 0, 3)
    assert (state["ba"]["rate_bps"], state["ba"]["delay_us"], state["ba"]["loss_burst"]) == (0, 7, 1)
    others = []
    for _ in range(70):   # more than are served at once: those too many are turned away, the others served
        others.append(socket.socket(socket.AF_UNIX))
        others[-1].connect(link.path)
    others[0].sendall(b"get\nset\nget\n")
    with others[0].makefile() as lines:
        assert [lines.readline()[:2] for _ in range(3)] == ['{"', "ok", '{"']
    assert others[-1].recv(10) == b""
    others[1].sendall(b"x" * 5000)   # a line longer than any
    assert select.select([others[1]], [], [], PATIENCE_S)[0], "its conversation is ended"
    for sock in others:
        sock.close()
    assert json.loads(link.ask("get")) == state


def test_idle_takes_no_cpu(start):
    link = start("rate_bps=1000000", "delay_us=1000")
    status = pathlib.Path(f"/proc/{link.process.pid}/status")

    def switches_within_300_ms():
        """The kernels at the ends still send a packet of their own now and then, just after the link has come up."""
        counts = []
        for _ in range(2):
            counts.append([line for line in status.read_text().splitlines() if "ctxt" in line])
            time.sleep(0.3)   # this is the condition: nothing for so long
        return counts[0] != counts[1]

    wait_for(False, switches_within_300_ms)


def test_end(net, start):
    for how in (signal.SIGTERM, signal.SIGINT):
        link = start()
        assert link.end(how) == 0
        assert not os.path.exists(link.path)
        assert "la" not in net["a"].ip("link")
    link = start()
    net["b"].ip("link", "delete", "lb")
    assert link.process.wait(PATIENCE_S) == 1


def test_end_with_the_parent(net, tmp_path):
    script = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"
    parent = subprocess.Popen(["/usr/bin/python3", "-c", script, *Link.command(net, tmp_path / "control")], stdout=subprocess.PIPE)
    assert parent.stdout.readline() == b"ready\n"
    parent.kill()
    parent.wait()
    assert parent.stdout.read() == b"", "the pipe ends with the emulator"
    wait_for(False, lambda: os.path.exists(tmp_path / "control"))
    parent.stdout.close()


def test_start_refused(net, start, tmp_path):
    def run(*words):
        done = subprocess.run([LINK, *words], capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, done.stderr
    good = Link.command(net, tmp_path / "c")[1:]
    assert run(*good, "rate=1") == (2, "braid-link: rate=1: no such key\n")
    assert run(*good, "--mtu", "20") == (2, "braid-link: --mtu: expected a number from 68 to 65521, got: 20\n")
    assert run(*good, "--b", "nothing") == (2, "braid-link: --a and --b: expected NETNS:IFNAME each\n")
    assert run(*good[:4]) == (2, "braid-link: --control: expected the path of a socket\n")
    assert run("--help")[0] == 0 and run("--halp")[0] == 2
    assert run(*good, "--a", "/nowhere:la") == (1, "braid-link: cannot open /nowhere: No such file or directory\n")
    assert run(*good, "--control", str(tmp_path)) == (1, f"braid-link: {tmp_path}: Address already in use\n")
    link = start()
    assert run(*good) == (1, "braid-link: cannot make the device la: Device or resource busy\n")
    link.end(signal.SIGKILL)
    stale = Link(net, link.path)   # a socket left behind is no obstacle
    assert stale.ready == "ready\n" and stale.end() == 0


def test_mtu(net, start):
    link = start("--mtu", "9000")
    assert json.loads(net["a"].ip("-j", "link", "show", "la"))[0]["mtu"] == 9000
    with receiver(net) as sock, net["a"].socket(socket.SOCK_DGRAM) as sender:
        sender.sendto(STAMP.pack(0, 0).ljust(9000 - HEADERS), ("10.0.0.2", PORT))
        assert len(receive(sock, 1)) == 1
    assert link.get()["ab"]["bytes"] == 9000
