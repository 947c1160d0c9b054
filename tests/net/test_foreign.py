# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 8803 with somebody else at the other end: a client at our converter as it is, and our gateway at a converter that knows nothing of our own TLVs."""
import errno
import itertools
import os
import pathlib
import re

import pytest

import rfc8803
from netlab import CONVERTER, LINKS_ALLOWED, SERVER, SERVER_V6, Lab, counter, receive_all, receive_exactly, wait_for
from rfc8803 import CONNECT, COOKIE, ERROR, EXTENDED_TCP_HEADER, INFO, SUPPORTED
from servers import seen_by_nginx, sha256, start_nginx
from test_accept import outcome

PROGRAM = pathlib.Path(rfc8803.__file__)
PORT = 5124
LET_IN = {"allow": LINKS_ALLOWED}
OWN = range(128, 256)   # types that the RFC leaves to others


# A client of somebody else's

@pytest.fixture(scope="module")
def converter_alone(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.conv = lab.converter(converter=LET_IN)
    lab.listener = lab.listen("server")
    yield lab
    lab.close()


def asked(lab, tlvs, **options):
    with lab.inside("gw"):
        return rfc8803.ask((CONVERTER, PORT), tlvs, **options)


COOKIES = (COOKIE, b"\0\0" + b"whatever it is")


@pytest.mark.parametrize("multipath", [True, False], ids=["mptcp", "tcp"])
@pytest.mark.parametrize("piece", [None, 1, 3, 5, 23])
@pytest.mark.parametrize("server", [SERVER, SERVER_V6], ids=["v4", "v6"])
def test_tlvs_in_any_order_and_in_any_pieces(converter_alone, server, piece, multipath):
    lab = converter_alone
    to = (CONNECT, rfc8803.encode_remote(server, lab.listener.getsockname()[1]))
    for tlvs in [[to], *map(list, itertools.permutations([to, COOKIES]))]:
        near, answer = asked(lab, tlvs, piece=piece, multipath=multipath)
        assert answer == [], f"expected success, saw {answer}"
        far, _ = lab.accept(lab.listener)
        near.sendall(b"question")
        assert receive_exactly(far, 8) == b"question"
        far.sendall(b"answer")
        far.close()
        assert receive_all(near) == b"answer"
        near.close()


def test_what_the_converter_can_do(converter_alone):
    for tlvs in ([(INFO, b"\0\0")], [COOKIES, (INFO, b"\0\0")], [(INFO, b"\0\0"), COOKIES]):
        near, answer = asked(converter_alone, tlvs)
        assert [kind for kind, _ in answer] == [SUPPORTED], "a client that isn't ours is told what is ours alone"
        assert 30 in answer[0][1]
        near.close()


def test_options_come_back_to_who_sends_some(converter_alone):
    lab = converter_alone
    to = (CONNECT, rfc8803.encode_remote(SERVER, lab.listener.getsockname()[1]) + bytes([2, 4, 5, 0xb4]))
    near, answer = asked(lab, [to])
    assert [kind for kind, _ in answer] == [EXTENDED_TCP_HEADER]
    lab.accept(lab.listener)
    near.close()


def test_errors_are_told(converter_alone):
    for remote, code in [((SERVER, 9), 96), (("93.10.21.1", 80), 97), (("127.0.0.1", 80), 1), (("10.0.0.9", 80), 32)]:
        near, answer = asked(converter_alone, [(CONNECT, rfc8803.encode_remote(*remote))])
        assert [(kind, value[0]) for kind, value in answer] == [(ERROR, code)]
        near.close()


@pytest.mark.parametrize("how", [["--order", "cookie-last", "--pieces", "7"], ["--order", "none", "--tcp"]], ids=["mptcp", "tcp"])
def test_curl_by_a_client_that_is_not_ours(lab, how):
    lab.converter(converter=LET_IN)
    start_nginx(lab, {"big": os.urandom(1 << 20) * 8})
    client = lab.start("gw", "/usr/bin/python3", PROGRAM, "forward", "8080", f"{CONVERTER}:{PORT}", f"{SERVER}:80", *how, name="client")
    client.wait_log("listens")
    lab.run("gw", f"curl -sSf -o {lab.directory}/got http://127.0.0.1:8080/big")
    assert sha256(lab.directory / "got") == sha256(lab.directory / "www" / "big")
    assert seen_by_nginx(lab) == [CONVERTER]


# A converter of somebody else's

class Foreign:
    def __init__(self, lab, *options):
        lab.run("conv", "echo 0x602 > /proc/sys/net/ipv4/tcp_fastopen")
        self.program = lab.start("conv", "/usr/bin/python3", PROGRAM, "converter", PORT, *options, name="foreign")
        self.program.wait_log("listens")

    def heard(self):
        """The types of each message's TLVs, in order."""
        return [[int(kind) for kind in line.split()] for line in re.findall(r"^heard (.*)$", self.program.log(), re.M)]


def own_of(messages):
    return [kinds for kinds in messages if any(kind in OWN for kind in kinds)]


@pytest.mark.parametrize("accept", ["early", "faithful"])
@pytest.mark.parametrize("options", [["--unknown", "ignore"], ["--unknown", "error"], ["--unknown", "close"], ["--information", "close"],
                                     ["--unknown", "error", "--tcp"]], ids=lambda options: "-".join(options).replace("--", ""))
def test_gateway_does_without_what_is_ours_alone(lab, options, accept):
    foreign = Foreign(lab, *options)
    gateway = lab.gateway(gateway={"accept": accept})
    listener = lab.listen("server")
    for address in (SERVER, SERVER_V6) * 3:
        near, far, peer = lab.session(listener, address)
        assert address == SERVER_V6 or peer == CONVERTER
        far.sendall(b"answer")
        assert receive_exactly(near, 6) == b"answer"
        near.close()
        far.close()
    heard = foreign.heard()
    connects = [kinds for kinds in heard if CONNECT in kinds]
    assert len(connects) == 6 and not own_of(connects), heard
    asked = list(map(tuple, own_of(heard)))
    assert len(asked) == len(set(asked)) <= 2, f"asked more than once with what it doesn't know, all of it (older ones of ours) and part of it: {heard}"
    assert all(COOKIE in kinds for kinds in connects), "the credential is the RFC's"
    status = gateway.ctl("status")["converter"]
    assert (status["reachable"], status["peer"], status["signalling"]) == (True, "convert", "convert")
    assert "with nothing of Braid's own" in gateway.words("status")


def test_errors_of_a_foreign_converter_reach_the_host(lab):
    Foreign(lab)
    lab.gateway(gateway={"accept": "faithful"})
    assert outcome(lab, SERVER) == ("connect", errno.ECONNREFUSED)
    assert outcome(lab, "93.10.21.1") == ("connect", errno.EHOSTUNREACH)


@pytest.mark.parametrize("options", [[], ["--information", "close"]], ids=["stays", "closes"])
def test_foreign_converter_that_goes_and_comes(lab, options):
    foreign = Foreign(lab, *options)
    gateway = lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    foreign.program.kill()
    wait_for(lambda: lab.bonded(listener) is False, "the ordinary way")
    wait_for(lambda: not gateway.ctl("status")["converter"]["reachable"], "the converter to be out of reach")
    assert gateway.ctl("status")["converter"]["peer"] == "unknown"
    Foreign(lab, *options)
    wait_for(lambda: lab.bonded(listener), "bonded again")
    assert gateway.log().count("the converter answers") == 2


def test_braid_is_known_as_such(lab):
    lab.converter()
    gateway = lab.gateway()
    assert gateway.ctl("status")["converter"]["peer"] == "braid"
    assert "bonded by convert\n" in gateway.words("status")
    assert counter(gateway, "attempts") == 0
