# SPDX-License-Identifier: GPL-2.0-or-later
"""Past a limit: one clear log line, and what runs goes on."""
import errno
import json
import os
import resource
import socket

import pytest

from netlab import HOST, IPPROTO_MPTCP, PATIENCE_S, SERVER, SILENT, close_with_reset, counter, receive_exactly, sockets, wait_for
from route import make_phone, start_converter
from test_converter_input import DESTINATION_UNREACHABLE, RESOURCE_EXCEEDED, SUCCESS, answer_of, client, connect, error_of, message, serves

N = 20
SPARE_INTAKES = 256   # of role/converter/converter.c
CONTROL_PLACES = 32   # CLIENTS of ctl/control.c


def still_works(near, far, word=b"still works"):
    near.sendall(word)
    assert receive_exactly(far, len(word)) == word
    far.sendall(word)
    assert receive_exactly(near, len(word)) == word


def fill(lab, listener, n):
    return [lab.session(listener)[:2] for _ in range(n)]


def end(pair):
    for sock in pair:
        sock.close()


@pytest.mark.convert
def test_sessions_of_a_subscriber(lab):
    converter = lab.converter(**{"subscriber home": {"max_sessions": N}})
    gateway = lab.gateway()
    listener = lab.listen("server")
    pairs = fill(lab, listener, N)
    refused = lab.connect("host", SERVER, listener.getsockname()[1])
    with pytest.raises(ConnectionResetError):
        refused.recv(1)
    for pair in pairs:
        still_works(*pair)
    end(pairs.pop())
    wait_for(lambda: lab.bonded(listener), "a place that is free again")
    assert converter.running() and gateway.running()


@pytest.mark.signalled
def test_sessions_at_the_converter(lab):
    converter = lab.converter(converter={"allow": "192.0.2.0/24"}, limits={"max_sessions": N})
    lab.listener = lab.listen("server")
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    sent = message(connect(SERVER, lab.listener.getsockname()[1]))
    pairs = []
    for _ in range(N):
        sock = client(lab, sent)
        pairs.append((sock, lab.accept(lab.listener)[0]))
        assert receive_exactly(sock, 4) == SUCCESS
    assert error_of(lab, sent)[0] == RESOURCE_EXCEEDED
    converter.wait_log(rf"limits.max_sessions \({N}\) is reached")
    for pair in pairs:
        still_works(*pair)
    end(pairs.pop())
    wait_for(lambda: is_served(lab, sent), "a place that is free again")


def is_served(lab, sent):
    sock = client(lab, sent)
    if answer_of(sock) != SUCCESS:
        return False
    still_works(sock, lab.accept(lab.listener)[0])
    return True


@pytest.mark.signalled
def test_half_open_at_the_converter(lab):
    """Connects that hang take the places; a new client is told so, running sessions don't notice, and the places come back."""
    converter = lab.converter(converter={"allow": "192.0.2.0/24"}, limits={"max_half_open": N, "connect_timeout_ms": 6000})
    lab.listener = lab.listen("server")
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    good = message(connect(SERVER, lab.listener.getsockname()[1]))
    sock = client(lab, good)
    far = lab.accept(lab.listener)[0]
    assert receive_exactly(sock, 4) == SUCCESS
    at_rest = sockets(converter.pid)
    hanging = [client(lab, message(connect(SILENT, 80))) for _ in range(N)]
    wait_for(lambda: sockets(converter.pid) >= at_rest + 2 * N, "every place taken")
    assert error_of(lab, good)[0] == RESOURCE_EXCEEDED
    converter.wait_log(rf"limits.max_half_open \({N}\) is reached")
    still_works(sock, far)
    for one in hanging:
        assert receive_exactly(one, 8)[6] == DESTINATION_UNREACHABLE
    serves(lab, good)


@pytest.mark.signalled
def test_places_of_the_converters_peers(lab):
    """Those who were turned away and linger make room for others; who says nothing keeps its place as long as it may."""
    converter = lab.converter(converter={"allow": "192.0.2.0/24", "convert_timeout_ms": 60000}, limits={"max_half_open": N}, daemon={"workers": 1})
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    n_places = N + SPARE_INTAKES
    sent = message(connect(SERVER, 80))
    silent = [client(lab, b"", how="after") for _ in range(n_places - 2)]
    wait_for(lambda: counter(converter, "accepted") == len(silent), "all of them taken")
    lingering = [client(lab, sent) for _ in range(N)]
    for one in lingering:
        assert answer_of(one)[6] == RESOURCE_EXCEEDED
        assert one.recv(1) == b""
    assert counter(converter, "intakes_full") == 0
    assert counter(converter, "endings_cut") > 0
    silent += [client(lab, b"", how="after") for _ in range(2)]
    wait_for(lambda: counter(converter, "accepted") == len(silent) + N, "these taken, too")
    with pytest.raises(ConnectionResetError):
        client(lab, sent, how="after").recv(1)
    converter.wait_log("every place is taken")
    assert counter(converter, "intakes_full") == 1
    silent.pop().close()
    wait_for(lambda: is_answered(lab, sent), "a place that is free again")


def is_answered(lab, sent):
    try:
        return error_of(lab, sent, how="after")[0] == RESOURCE_EXCEEDED
    except OSError:
        return False


@pytest.mark.parametrize("limit", ["max_half_open", "max_sessions"])
def test_full_gateway_lets_connections_pass(lab, limit):
    """Connections that hang take the places; others go the ordinary way then, until there is room. All workers let them, and none is reset by one that
    doesn't know yet that there is no place."""
    lab.converter()
    gateway = lab.gateway(gateway={"accept": "early"}, limits={limit: N}, daemon={"workers": 4})
    listener = lab.listen("server")
    pair = fill(lab, listener, 1)[0]
    n = N if limit == "max_half_open" else N - 1
    wait_for(lambda: gateway.ctl("status")["half_open"] == 0, "the first connection to be one that runs")
    hanging = [lab.connect("host", SILENT, 80) for _ in range(n)]
    gateway.wait_log(r"max_half_open is reached: new connections go the ordinary way")
    wait_for(lambda: not lab.run("gw", "ss -Hltn sport = :5125").strip(), "every worker's listeners to be closed")
    for _ in range(16):
        assert lab.session(listener)[2] == HOST
    assert counter(gateway, "over_" + limit.removeprefix("max_")) == 0, "a connection was accepted and had no place"
    still_works(*pair)
    for one in hanging:
        close_with_reset(one)
    wait_for(lambda: lab.bonded(listener), "a place that is free again")


def say_nothing(daemon, n):
    """Clients of the control socket that ask for nothing."""
    socks = []
    for _ in range(n):
        socks.append(socket.socket(socket.AF_UNIX))
        socks[-1].connect(daemon.control)   # waits for room in the backlog, which one with a time limit doesn't
        socks[-1].settimeout(PATIENCE_S)
    return socks


def test_places_at_the_control_socket(lab):
    """Whoever says nothing does not keep the operator out, and is closed after a while."""
    converter = lab.converter()
    silent = say_nothing(converter, CONTROL_PLACES + 8)
    for _ in range(3):
        assert converter.ctl("status")["pid"] == converter.pid
    for sock in silent:
        assert sock.recv(1) == b""


@pytest.mark.parametrize("short", ["gateway", "converter"])
def test_out_of_descriptors(lab, short):
    """EMFILE at one of the daemons: a line in the log, patience, and service as before once there are some again."""
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    daemon = gateway if short == "gateway" else converter
    pairs = fill(lab, listener, 5)
    in_use = max(int(fd) for fd in os.listdir(f"/proc/{daemon.pid}/fd"))
    before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (in_use + 6, resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)[1]))
    other = lab.listen("server")
    waiting = [lab.connect("host", SERVER, other.getsockname()[1]) for _ in range(N)]
    daemon.wait_log("cannot take new connections on .* out of descriptors")
    silent = say_nothing(daemon, CONTROL_PLACES)
    for _ in range(3):
        assert daemon.ctl("status")["pid"] == daemon.pid, "some descriptors are kept for the operator"
    assert silent[0].recv(1) == b"", "whoever has been quiet for longest makes room"
    for pair in pairs:
        still_works(*pair)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
    for one in waiting:
        one.close()
    wait_for(lambda: lab.bonded(listener), "service as before")
    for pair in pairs:
        still_works(*pair)
    assert daemon.log().count("cannot take new connections") <= 4, "the line must be rate limited"
    assert converter.running() and gateway.running()


def test_descriptors_come_back(lab):
    """After sessions of every ending: as many sockets as at the beginning."""
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    rest = {d.pid: wait_for(lambda d=d: sockets(d.pid), "sockets") for d in (converter, gateway)}
    pairs = fill(lab, listener, N)
    assert all(sockets(pid) >= n + 2 * N - 4 for pid, n in rest.items())
    for pair in pairs:
        end(pair)
    for pid, n in rest.items():
        wait_for(lambda: sockets(pid) <= n, f"{n} sockets as at the beginning")


def test_host_that_scans_takes_nobody_elses_places(lab):
    """What it has waiting beyond its share goes the ordinary way; another host's connections are bonded."""
    lab.converter()
    gateway = lab.gateway(limits={"max_half_open": 64})
    lab.run("host", "ip addr add 10.0.0.10/24 dev h0")
    scan = [lab.socket("host", timeout=0) for _ in range(200)]
    for i, sock in enumerate(scan):
        sock.bind(("10.0.0.10", 0))
        sock.connect_ex((SILENT, 1000 + i))
    wait_for(lambda: counter(gateway, "held") >= 8, "packets that wait")
    assert lab.bonded()
    assert counter(gateway, "over_half_open") == 0


def test_those_that_wait_on_their_way_leave_places_to_others(lab):
    """Half of them, of all workers' together; whoever comes when the rest is taken goes on to its server."""
    servers = [f"93.10.20.{i}" for i in range(100, 116)]   # queues are chosen by addresses
    converter = start_converter(lab, limits={"max_half_open": 16}, daemon={"workers": 4})
    make_phone(lab)
    for address in servers:
        lab.run("server", f"ip addr add {address}/32 dev lo")
    lab.run("server", "nft 'table inet silence { set passed { type ipv4_addr . inet_service; flags dynamic; size 256; }; chain in { type filter hook input priority 0; "
            "tcp dport 99 tcp option mptcp subtype 0 add @passed { ip daddr . tcp sport } drop; tcp dport 99 drop; }; }'")
    for address in servers * 4:
        near = lab.socket("gw", protocol=IPPROTO_MPTCP)
        near.setblocking(False)
        assert near.connect_ex((address, 99)) == errno.EINPROGRESS

    def passed():
        return len(json.loads(lab.run("server", "nft -j list set inet silence passed"))["nftables"][1]["set"].get("elem", []))
    wait_for(lambda: passed() + converter.ctl("status")["half_open"] >= 64, "each to wait, or to have gone on")
    assert 9 <= converter.ctl("status")["half_open"] <= 12 and counter(converter, "over_half_open") == 0   # workers may come to the last place at a time
