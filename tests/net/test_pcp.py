# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts ask their gateway for ports at the converter: by PCP in bytes of our own, and by NAT-PMP with a client that isn't ours (natpmpc)."""
import contextlib
import json
import pathlib
import re
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess

import pytest

from netlab import CONVERTER, CONVERTER_V6, HOST, HOST_V6, KEY, PATIENCE_S, counter, wait_for
from test_converter_input import INFO, answer_of, client, mapped, message, ticket, tlv
from test_wire import Capture

GATEWAY, GATEWAY_V6 = "10.0.0.1", "2001:db8:10::1"
PORT, CLIENT_PORT = 5351, 5350
ANNOUNCE, MAP, PEER = 0, 1, 2
TCP, UDP = 6, 17
(SUCCESS, UNSUPP_VERSION, NOT_AUTHORIZED, MALFORMED_REQUEST, UNSUPP_OPCODE, UNSUPP_OPTION, MALFORMED_OPTION, NETWORK_FAILURE, NO_RESOURCES, UNSUPP_PROTOCOL,
 USER_EX_QUOTA, CANNOT_PROVIDE_EXTERNAL, ADDRESS_MISMATCH, EXCESSIVE_REMOTE_PEERS) = range(14)
PREFER_FAILURE = struct.pack(">BBH", 2, 0, 0)
STORE = pathlib.Path("/run/braid-conv/mappings.sqlite")
CONF = {"converter": {"mapping_address": CONVERTER, "mapping_ports": "20000-20009"}, "subscriber home": {"max_mappings": 4}}


class Asker:
    """A host's socket to its gateway's PCP server."""

    def __init__(self, lab, host=HOST, gateway=GATEWAY):
        with lab.inside("host"):
            self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        lab.sockets.append(self.sock)
        self.host = host
        self.sock.settimeout(2)
        self.sock.connect((gateway, PORT))

    def ask(self, message):
        """As a client does: again where nothing comes."""
        for _ in range(5):
            self.sock.send(message)
            with contextlib.suppress(TimeoutError):
                return self.sock.recv(2000)
        raise AssertionError(f"no answer to {message.hex()}")

    def request(self, opcode, body=b"", lifetime_s=0, client=None, version=2):
        answer = self.ask(struct.pack(">BBHI", version, opcode, 0, lifetime_s) + mapped(client or self.host) + body)
        assert answer[:2] == bytes([2, opcode | 0x80]) and len(answer) % 4 == 0, f"expected a response to opcode {opcode}, saw {answer.hex()}"
        result, answer_s, epoch_s = struct.unpack(">xxxBII", answer[:12])
        return result, answer_s, epoch_s, answer[24:]

    def map(self, internal=8080, external=0, lifetime_s=300, protocol=TCP, nonce=b"n" * 12, options=b"", **head):
        """Result, lifetime, external address and port."""
        body = nonce + struct.pack(">BxxxHH", protocol, internal, external) + mapped("0.0.0.0") + options
        result, answer_s, _, rest = self.request(MAP, body, lifetime_s, **head)
        assert rest[:12] == nonce and struct.unpack(">BxxxH", rest[12:18]) == (protocol, internal)
        return result, answer_s, rest[20:36], struct.unpack(">H", rest[18:20])[0]

    def epoch(self):
        result, _, epoch_s, _ = self.request(ANNOUNCE)
        assert result == SUCCESS
        return epoch_s


def third_party(address):
    return struct.pack(">BBH", 1, 0, 16) + mapped(address)


def filter_of(address, bits, port=0):
    return struct.pack(">BBHBBH", 3, 0, 20, 0, bits, port) + mapped(address)


def start(lab, **changes):
    lab.conv = lab.converter(**{**CONF, **changes})
    lab.gw = lab.gateway(gateway={"port_mapping": "yes"})
    wait_for(lambda: Asker(lab).map(internal=1, lifetime_s=0)[0] == SUCCESS, "the converter is asked")
    return Asker(lab)


def mappings(lab):
    return {m["external"]: (m["internal"], m["subscriber"]) for m in lab.conv.ctl("mappings")["mappings"]}


def natpmpc(lab, *words):
    with lab.inside("host"):
        return subprocess.run(["natpmpc", "-g", GATEWAY, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S)


def test_natpmpc(lab):
    """A client that hosts have had for years asks, gets a port, keeps it, and gives it back."""
    start(lab)
    done = natpmpc(lab)
    assert done.returncode == 0 and f"Public IP address : {CONVERTER}" in done.stdout, done.stdout + done.stderr
    done = natpmpc(lab, "-a", 20005, 8080, "tcp", 300)
    assert re.search(r"Mapped public port 20005 protocol TCP to local port 8080 li\w+ 300", done.stdout), done.stdout + done.stderr
    assert mappings(lab) == {f"{CONVERTER}:20005": (f"{HOST}:8080", "home")}
    done = natpmpc(lab, "-a", 20005, 8080, "tcp", 600)   # renewed: it is the same client
    assert "Mapped public port 20005 protocol TCP to local port 8080" in done.stdout, done.stdout + done.stderr
    done = natpmpc(lab, "-a", 20005, 8081, "tcp", 300)   # taken: another one
    port = int(re.search(r"Mapped public port (\d+) protocol TCP to local port 8081", done.stdout)[1])
    assert port != 20005 and 20000 <= port <= 20009
    done = natpmpc(lab, "-a", 20006, 8080, "udp", 300)
    assert done.returncode != 0 and "Mapped" not in done.stdout, done.stdout + done.stderr
    natpmpc(lab, "-a", 0, 8080, "tcp", 0)
    assert mappings(lab) == {f"{CONVERTER}:{port}": (f"{HOST}:8081", "home")}
    natpmpc(lab, "-a", 0, 0, "tcp", 0)   # all of the host's
    assert mappings(lab) == {}


def test_a_natpmp_client_of_another_opcode(lab):
    asker = start(lab)
    assert asker.ask(b"\0\x05")[:4] == bytes([0, 0x85, 0, 5])


def test_every_result(lab):
    """Each that can be provoked from a host; tests/unit/test_pcp_server.c has them all."""
    asker = start(lab)
    result, lifetime_s, address, port = asker.map(external=20003)
    assert (result, lifetime_s, address, port) == (SUCCESS, 300, mapped(CONVERTER), 20003)
    assert asker.map(lifetime_s=10)[:2] == (SUCCESS, 120)
    assert asker.map(nonce=b"x" * 12)[0] == NOT_AUTHORIZED
    assert asker.request(MAP, version=1)[0] == UNSUPP_VERSION
    assert asker.request(MAP, b"1234")[0] == MALFORMED_REQUEST
    assert asker.request(99)[0] == UNSUPP_OPCODE
    assert asker.map(options=third_party("10.0.0.77"))[0] == UNSUPP_OPTION
    assert asker.map(options=third_party(HOST))[0] == MALFORMED_REQUEST
    assert asker.map(options=struct.pack(">BBH", 2, 0, 40))[0] == MALFORMED_OPTION
    assert asker.map(protocol=UDP)[0] == UNSUPP_PROTOCOL
    assert asker.map(internal=1, external=20003, options=PREFER_FAILURE)[0] == CANNOT_PROVIDE_EXTERNAL
    assert asker.map(client="10.0.0.10")[0] == ADDRESS_MISMATCH
    assert asker.map(options=b"".join(filter_of(f"192.0.2.{i}", 128) for i in range(9)))[0] == EXCESSIVE_REMOTE_PEERS
    assert asker.map(options=45 * filter_of("192.0.2.0", 120))[0] == MALFORMED_REQUEST   # longer than a message may be
    for internal in range(2, 5):
        assert asker.map(internal=internal)[0] == SUCCESS
    assert asker.map(internal=5)[0] == USER_EX_QUOTA
    body = b"n" * 12 + struct.pack(">BxxxHH", TCP, 8080, 0) + mapped("0.0.0.0") + struct.pack(">HH", 443, 0) + mapped("93.10.20.30")
    assert asker.request(PEER, body, 300)[0] == CANNOT_PROVIDE_EXTERNAL
    assert len(mappings(lab)) == 4


def test_filters_are_kept(lab):
    """Once, however often the request is sent again or renewed."""
    asker = start(lab)
    for _ in range(10):
        assert asker.map(options=filter_of("192.0.2.255", 120, 80))[0] == SUCCESS
    assert [m["filters"] for m in lab.conv.ctl("mappings")["mappings"]] == [[{"from": "192.0.2.0/24", "port": 80}]]


def test_the_range_is_used_up(lab):
    asker = start(lab, converter={**CONF["converter"], "mapping_ports": "20000-20001"})
    assert [asker.map(internal=i)[0] for i in range(1, 4)] == [SUCCESS, SUCCESS, NO_RESOURCES]


def test_without_an_address_of_its_own(lab):
    """The converter's address comes and goes."""
    asker = start(lab, converter={**CONF["converter"], "mapping_address": "203.0.113.77"})
    assert asker.map()[0] == NETWORK_FAILURE
    assert "Public IP address" not in natpmpc(lab).stdout
    lab.run("conv", "ip addr add 203.0.113.77/32 dev lo")
    assert asker.map()[:3] == (SUCCESS, 300, mapped("203.0.113.77"))


def test_over_ipv6(lab):
    start(lab, converter={**CONF["converter"], "mapping_address": CONVERTER_V6})
    asker = Asker(lab, HOST_V6, GATEWAY_V6)
    result, _, address, _ = asker.map()
    assert (result, address) == (SUCCESS, mapped(CONVERTER_V6))
    assert Asker(lab).map()[0] == NOT_AUTHORIZED   # a host of IPv4 couldn't see who comes


def test_a_converter_that_gives_none(lab):
    lab.conv = lab.converter()
    lab.gw = lab.gateway(gateway={"port_mapping": "yes"})
    assert Asker(lab).map()[0] == NETWORK_FAILURE
    lab.conv.kill()
    lab.gw.wait_log("can't be reached")
    assert Asker(lab).map()[0] == NETWORK_FAILURE


def test_a_gateway_that_does_not_serve_hosts(lab):
    lab.conv, lab.gw = lab.converter(**CONF), lab.gateway()
    asker = Asker(lab)
    asker.sock.send(b"\0\0")
    with pytest.raises(ConnectionRefusedError):
        asker.sock.recv(100)


def restart(lab, how, **changes):
    lab.conv.stop(how)
    lab.gw.wait_log("can't be reached")
    n = lab.gw.log().count("the converter answers")
    lab.conv = lab.converter(**{**CONF, **changes})
    lab.gw.wait_log("the converter answers", n + 1)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_mappings_survive_a_restart(lab, how):
    asker = start(lab)
    for internal in (8080, 8081, 8082):
        assert asker.map(internal=internal, lifetime_s=3600)[0] == SUCCESS
    assert asker.map(internal=8082, lifetime_s=0)[0] == SUCCESS
    before, epoch_s = mappings(lab), asker.epoch()
    restart(lab, how)
    assert mappings(lab) == before and len(before) == 2
    assert asker.epoch() >= epoch_s
    assert asker.map(internal=8080, nonce=b"x" * 12)[0] == NOT_AUTHORIZED   # still whose it was
    result, _, _, port = asker.map(internal=8080)
    assert result == SUCCESS and f"{CONVERTER}:{port}" in before


def kept(lab, directory):
    """What a kill would leave: external addresses in a copy of the file."""
    for path in STORE.parent.glob("mappings.sqlite*"):
        shutil.copy(path, directory)
    with contextlib.closing(sqlite3.connect(directory / STORE.name)) as db:
        return {external for external, in db.execute("SELECT external FROM mapping")}


def test_what_a_full_disk_missed_is_written_later(lab, tmp_path):
    """What ended and what was made while it was full: neither is to be as it was before, after a kill."""
    STORE.parent.mkdir()
    lab.run("conv", f"mount -t tmpfs -o size=256k none {STORE.parent}")
    asker = start(lab)
    for internal in (8080, 8081):
        assert asker.map(internal=internal, external=20001 + internal - 8080)[0] == SUCCESS
    filler = STORE.parent / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert asker.map(internal=8080, lifetime_s=0)[0] == SUCCESS
    assert asker.map(internal=8082, external=20003)[0] == SUCCESS
    assert "cannot write /run/braid-conv/mappings.sqlite: database or disk is full" in lab.conv.log()
    filler.unlink()
    wait_for(lambda: kept(lab, tmp_path) == {f"{CONVERTER}:20002", f"{CONVERTER}:20003"}, "all is written")
    before = mappings(lab)
    restart(lab, signal.SIGKILL)
    assert mappings(lab) == before and len(before) == 2


def announcements(lab):
    """A host that listens to what is announced to all."""
    with lab.inside("host"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("", CLIENT_PORT))
    lab.sockets.append(sock)
    sock.settimeout(PATIENCE_S)
    return sock


@pytest.mark.parametrize("how", ["lost", "foreign"])
def test_hosts_are_told_that_all_is_forgotten(lab, how):
    asker = start(lab)
    assert asker.map()[0] == SUCCESS
    wait_for(lambda: asker.epoch() > 3, "an epoch older than what clocks may differ by: a younger one can't be told from the next")
    heard = announcements(lab)
    lab.conv.kill()
    for path in STORE.parent.glob("mappings.sqlite*"):   # with the log of changes, from which SQLite would make it again
        path.unlink()
    if how == "foreign":
        STORE.write_bytes(b"this is no database\n" * 1000)
    lab.gw.wait_log("can't be reached")
    lab.conv = lab.converter(**CONF)
    kinds = set()
    while kinds != {"PCP", "NAT-PMP"}:
        message, sender = heard.recvfrom(2000)
        assert sender == (GATEWAY, PORT)
        if message[0] == 2:
            assert message[:4] == b"\x02\x80\0\0" and len(message) == 24
        else:
            assert message[:4] == b"\0\x80\0\0" and message[8:] == socket.inet_aton(CONVERTER)
        kinds.add("PCP" if message[0] == 2 else "NAT-PMP")
    assert mappings(lab) == {}
    warned = lab.conv.log().count("cannot use /run/braid-conv/mappings.sqlite")
    assert warned == (how == "foreign") and pathlib.Path(f"{STORE}.bad").exists() == (how == "foreign")
    assert asker.map()[0] == SUCCESS


@pytest.mark.parametrize("who", ["gw", "conv"])
def test_who_answers_after_a_reload_is_asked_whether_it_is_the_same(lab, who):
    """The gateway may have been given another converter, whose hosts' mappings are none of the old one's: it doesn't wait until one asks."""
    start(lab)
    n = counter(lab.conv, "mapping_requests")
    if who == "gw":
        lab.gw.reload(lab.gateway_conf(gateway={"port_mapping": "yes"}))
    else:
        lab.conv.reload(lab.converter_conf(**CONF))
    wait_for(lambda: counter(lab.conv, "mapping_requests") > n, "it is asked")


def test_a_subscriber_who_leaves_loses_them(lab):
    asker = start(lab)
    assert asker.map()[0] == SUCCESS
    lab.conv.reload(lab.converter_conf(**{**CONF, "subscriber home": {"max_mappings": 0}}))
    lab.conv.wait_log("the configuration was read again")
    assert mappings(lab) == {}
    wait_for(lambda: asker.map()[0] == NOT_AUTHORIZED, "he may have none")


def test_one_host_cannot_ask_for_all(lab):
    """What is asked too often isn't answered, and others' requests are."""
    asker = start(lab)
    for _ in range(500):
        asker.sock.send(b"\x02\0\0\0" + bytes(4) + mapped(HOST))
    lab.run("host", "ip addr add 10.0.0.8/24 dev h0")
    with lab.inside("host"):
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("10.0.0.8", 0))
    lab.sockets.append(other)
    assert ask_from(other, "10.0.0.8")[:4] == b"\x02\x80\0\0"
    assert counter(lab.conv, "mapping_requests") < 100


def ask_from(sock, address):
    """What is answered to an ANNOUNCE; the first may be passed over, the gateway not knowing the address yet."""
    for _ in range(10):
        sock.settimeout(1)
        with contextlib.suppress(TimeoutError):
            sock.sendto(announce(address), (GATEWAY, PORT))
            return sock.recv(100)
    return b""


def test_a_host_has_no_more_than_its_part(lab):
    start(lab, **{"subscriber home": {"max_mappings": 4, "max_host_mappings": 2}})
    asker = Asker(lab)
    assert [asker.map(internal=internal)[0] for internal in (1, 2, 3)] == [SUCCESS, SUCCESS, USER_EX_QUOTA]


def test_feigned_sources_are_not_heard(lab):
    """Nobody answers for the address on the LAN; and who answers for many is one host."""
    start(lab)
    n = counter(lab.conv, "mapping_requests")
    lab.run("host", "ip addr add 10.0.0.77/24 dev h0 nodad; echo 8 > /proc/sys/net/ipv4/conf/all/arp_ignore")   # it has the address, and says so to nobody
    with lab.inside("host"):
        feigner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lab.sockets.append(feigner)
    feigner.bind(("10.0.0.77", 0))
    for _ in range(20):
        feigner.sendto(b"\x02\0\0\0" + bytes(4) + mapped("10.0.0.77"), (GATEWAY, PORT))
    wait_for(lambda: re.search("INCOMPLETE|FAILED", lab.run("gw", "ip neigh show dev lan0 10.0.0.77")), "the gateway to ask for it")
    lab.run("host", "echo 0 > /proc/sys/net/ipv4/conf/all/arp_ignore")
    assert counter(lab.conv, "mapping_requests") == n
    socks = []
    for i in range(8):
        lab.run("host", f"ip addr add 10.0.0.{20 + i}/24 dev h0")
        with lab.inside("host"):
            socks.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        lab.sockets.append(socks[i])
        socks[i].bind((f"10.0.0.{20 + i}", 0))
    assert all(ask_from(socks[i], f"10.0.0.{20 + i}") for i in range(3)), "beside its own address, three more"
    for _ in range(10):
        for i in range(3, 8):
            socks[i].sendto(announce(f"10.0.0.{20 + i}"), (GATEWAY, PORT))
        assert not select.select(socks[3:], [], [], 0.4)[0], "and no others"


def dissected(path):
    done = subprocess.run(["tshark", "-r", path, "-n", "-Y", "portcontrol or nat-pmp", "-T", "json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "[]")


def test_tshark_finds_nothing_malformed(lab):
    asker = start(lab)
    capture = Capture(lab, "gw", "lan0")
    natpmpc(lab, "-a", 20005, 8080, "tcp", 300)
    assert asker.map(internal=1, external=20001, options=PREFER_FAILURE + filter_of("192.0.2.0", 120, 80))[0] == SUCCESS
    assert asker.map(internal=1, nonce=b"x" * 12)[0] == NOT_AUTHORIZED
    assert asker.map(internal=1, lifetime_s=0)[0] == SUCCESS
    asker.epoch()
    capture.frames()
    packets = dissected(capture.path)
    text = json.dumps(packets)
    assert len(packets) >= 10 and "malformed" not in text.lower(), text
    responses = [p["_source"]["layers"]["portcontrol"] for p in packets if p["_source"]["layers"].get("portcontrol", {}).get("portcontrol.r") == "1"]
    assert len(responses) >= 4, text


class Watch:
    """A gateway of our own, on its connection to the converter."""

    def __init__(self, lab, asked, **options):
        self.sock = client(lab, asked, **options)
        self.offer = answer_of(self.sock)

    def send(self, id, host, pcp):
        self.sock.sendall(message(tlv(198, struct.pack(">H", id) + mapped(host) + struct.pack(">HH", len(pcp), 0) + pcp)))

    def receive(self):
        """Id, external address, PCP message."""
        value = answer_of(self.sock)[6:]
        return struct.unpack(">H", value[:2])[0], value[2:18], value[22:22 + struct.unpack(">H", value[18:20])[0]]


OFFERED = tlv(198, b"\0\0")


def announce(host):
    return b"\x02\0\0\0" + bytes(4) + mapped(host)


def test_offered_to_subscribers_alone(lab):
    lab.conv = lab.converter(**{**CONF, "converter": {**CONF["converter"], "allow": "192.0.2.0/24"}, "subscriber none": {"key": KEY[::-1], "max_mappings": 0}})
    assert OFFERED in Watch(lab, message(ticket("::", 0), INFO)).offer
    assert OFFERED not in Watch(lab, message(INFO)).offer
    watch = Watch(lab, message(ticket("::", 0, key=KEY[::-1]), INFO))
    watch.send(1, HOST, announce(HOST))   # he may ask, and have none
    assert watch.receive()[2][:4] == b"\x02\x80\0\0"
    watch.send(1, HOST, struct.pack(">BBHI", 2, MAP, 0, 300) + mapped(HOST) + b"n" * 12 + struct.pack(">BxxxHH", TCP, 80, 0) + mapped("0.0.0.0"))
    assert watch.receive()[2][3] == NOT_AUTHORIZED


def test_requests_in_pieces_and_in_a_row(lab):
    lab.conv = lab.converter(**CONF)
    watch = Watch(lab, message(ticket("::", 0), INFO))
    one = message(tlv(198, struct.pack(">H", 7) + mapped(HOST) + struct.pack(">HH", 24, 0) + announce(HOST)))
    for byte in one:
        watch.sock.sendall(bytes([byte]))
    id, external, answer = watch.receive()
    assert (id, external, answer[:4]) == (7, mapped(CONVERTER), b"\x02\x80\0\0")
    watch.sock.sendall(4 * one)
    assert [watch.receive()[0] for _ in range(4)] == [7] * 4
    watch.send(8, HOST, announce("10.0.0.10"))
    assert watch.receive()[2][3] == ADDRESS_MISMATCH


@pytest.mark.parametrize("what", [b"GET / HTTP/1.0\r\n\r\n", message(INFO), message(tlv(198, b"\0\0")), message(tlv(198, bytes(22))), message(tlv(194, bytes(14)))],
                         ids=["rubbish", "info", "offer", "empty", "nonce"])
def test_anything_else_ends_the_watch(lab, what):
    lab.conv = lab.converter(**CONF)
    watch = Watch(lab, message(ticket("::", 0), INFO))
    watch.sock.sendall(what)
    assert watch.sock.recv(100) == b""
    again = Watch(lab, message(ticket("::", 0), INFO))
    again.send(1, HOST, announce(HOST))
    assert again.receive()[0] == 1


def test_a_subscriber_cannot_touch_anothers(lab):
    lab.conv = lab.converter(**{**CONF, "subscriber other": {"key": KEY[::-1]}})
    mine, others = Watch(lab, message(ticket("::", 0), INFO)), Watch(lab, message(ticket("::", 0, key=KEY[::-1]), INFO))

    def ask(watch, lifetime_s, external=0, options=b""):
        watch.send(1, HOST, struct.pack(">BBHI", 2, MAP, 0, lifetime_s) + mapped(HOST) + b"n" * 12 + struct.pack(">BxxxHH", TCP, 80, external) + mapped("0.0.0.0") + options)
        answer = watch.receive()[2]
        return answer[3], struct.unpack(">H", answer[42:44])[0]

    assert ask(mine, 300, 20001) == (SUCCESS, 20001)
    assert ask(others, 300, 20001, PREFER_FAILURE)[0] == CANNOT_PROVIDE_EXTERNAL
    assert ask(others, 0)[0] == SUCCESS   # there is none of his
    assert list(mappings(lab).values()) == [(f"{HOST}:80", "home")]
    result, port = ask(others, 300, 20001)
    assert result == SUCCESS and port != 20001


def test_a_flood_on_a_watch_holds_nobody_up(lab):
    """More than a subscriber may ask, and never reading: others are served, and it is forgotten when it goes."""
    lab.conv = lab.converter(**{**CONF, "subscriber other": {"key": KEY[::-1]}})
    flood, other = Watch(lab, message(ticket("::", 0), INFO)), Watch(lab, message(ticket("::", 0, key=KEY[::-1]), INFO))
    one = message(tlv(198, struct.pack(">H", 7) + mapped(HOST) + struct.pack(">HH", 24, 0) + announce(HOST)))
    flood.sock.sendall(20000 * one)
    other.send(1, HOST, announce(HOST))
    assert other.receive()[0] == 1
    wait_for(lambda: counter(lab.conv, "mapping_requests") == 20001, "all is read")
    assert counter(lab.conv, "mapping_answers") < 2000
