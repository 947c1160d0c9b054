# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that cost more (decision 0027): they carry nothing while the cheaper one suffices, are opened to sessions that run when it doesn't, and closed again; caps end that."""
import json
import os
import pathlib
import re
import threading

import pytest

from bulk import Bulk
from netlab import SERVER, Lab, counter, link, receive_exactly, wait_for

SLOW_BPS = 20_000_000
IDLE_BYTES = 30_000                 # handshakes, keep-alives, what ends connections
COSTLY = {"link b": {"interface": "l1", "cost": 10}}
ON_DEMAND = {"link b": {"interface": "l1", "cost": 10, "idle": "left"}}
BOTH_WAYS = pytest.mark.parametrize("way", ["down", "up"])


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path, delays_ms={"a": 10, "b": 15})
    lab.set_link("a", f"rate_bps={SLOW_BPS}")
    lab.conv = lab.converter()
    yield lab
    lab.close()


def carried(gateway, name="b"):
    row = link(gateway, name)
    return row["rx_bytes"] + row["tx_bytes"]


def talk(session, n, n_bytes=50_000):
    """Questions and answers, which no link is full of."""
    near, far, _ = session
    for _ in range(n):
        for sender, reader in ((near, far), (far, near)):
            sender.sendall(bytes(n_bytes))
            assert len(receive_exactly(reader, n_bytes)) == n_bytes


def wait_open(gateway, is_open=True):
    wait_for(lambda: link(gateway, "b")["closed"] != is_open, f"link b {'opened' if is_open else 'closed'}")


def wait_idle(gateway, work):
    """Nothing of it goes over the closed link; or the next time, where the cheap one stood still for a moment, as all does on a busy machine, and the closed one stepped in."""
    def n_over_b():
        before = carried(gateway)
        work()
        return carried(gateway) - before

    seen = [n_over_b()]
    if seen[0] >= IDLE_BYTES:
        wait_open(gateway, False)
        seen.append(n_over_b())
    assert seen[-1] < IDLE_BYTES, seen


def test_what_the_cheap_link_can_carry_it_carries(lab):
    gateway = lab.gateway(**COSTLY)
    listener = lab.listen("server")
    before = carried(gateway)
    sessions = [lab.session(listener) for _ in range(5)]
    for session in sessions:
        talk(session, 20)
    wait_for(lambda: link(gateway, "b")["subflows"] >= 5, "the sessions to be joined to link b")
    talk(sessions[0], 20)
    assert carried(gateway) - before < IDLE_BYTES * len(sessions)
    assert link(gateway, "b")["sessions_first"] == 0 and link(gateway, "b")["closed"]
    assert "is opened" not in gateway.log()


@BOTH_WAYS
def test_the_costly_one_is_opened_and_closed(lab, way):
    gateway = lab.gateway(**COSTLY)
    session = lab.session(lab.listen("server"))
    talk(session, 3)
    bulk = Bulk(lab, way)
    wait_open(gateway)
    at_opening = carried(gateway)
    wait_for(lambda: carried(gateway) - at_opening > 10_000_000, "bulk over link b")
    assert "were held back by the cheaper links" in link(gateway, "b")["why"]
    assert counter(lab.conv, "limits_told") > 0 if way == "down" else counter(lab.conv, "limits_told") == 0
    bulk.leave()
    talk(session, 5)
    wait_open(gateway, False)
    gateway.wait_log(r"link b \(cost 10\) is closed: ")
    wait_idle(gateway, lambda: talk(session, 40))


@BOTH_WAYS
def test_sessions_in_pieces_open_and_close_it(lab, way):
    gateway = lab.gateway(**{"link b": {**COSTLY["link b"], "profile": "lossy"}})
    session = lab.session(lab.listen("server"))
    wait_idle(gateway, lambda: talk(session, 20))
    assert counter(gateway, "striped") == 1 and link(gateway, "b")["closed"]
    bulk = Bulk(lab, way)
    wait_open(gateway)
    at_opening = carried(gateway)
    wait_for(lambda: carried(gateway) - at_opening > 10_000_000, "bulk over link b")
    assert counter(gateway, "striped") == 2
    assert "were held back by the cheaper links" in link(gateway, "b")["why"]
    assert counter(lab.conv, "limits_told") > 0 if way == "down" else counter(lab.conv, "limits_told") == 0
    bulk.leave()
    talk(session, 5)
    wait_open(gateway, False)
    wait_idle(gateway, lambda: talk(session, 40))


@BOTH_WAYS
def test_a_session_that_began_on_the_costly_link_leaves_it(lab, way):
    gateway = lab.gateway(**COSTLY)
    lab.set_carrier("a", False)
    wait_for(lambda: link(gateway, "a")["state"] != "up" and not link(gateway, "b")["closed"], "link b in the place of link a")
    session = lab.session(lab.listen("server"))
    talk(session, 3)
    assert link(gateway, "b")["sessions_first"] >= 1
    lab.set_carrier("a", True)
    wait_for(lambda: link(gateway, "a")["subflows"] >= 1, "the session on link a again")
    wait_open(gateway, False)
    gateway.wait_log(r"is closed: a cheaper link is up again")
    talk(session, 3)
    wait_idle(gateway, lambda: talk(session, 40))
    before = carried(gateway)
    bulk = Bulk(lab, way, session)
    wait_open(gateway)
    wait_for(lambda: carried(gateway) - before > 10_000_000, "bulk over link b")
    bulk.leave()


def test_a_converter_that_has_not_heard_is_told_again(lab):
    gateway = lab.gateway(**COSTLY)
    session = lab.session(lab.listen("server"))
    talk(session, 3)
    wait_for(lambda: link(gateway, "b")["subflows"] == 1, "the session on link b")
    bulk = Bulk(lab, "down")
    wait_open(gateway)
    talk(session, 5, 200_000)           # finds out that link b is a good one
    bulk.leave()
    lab.run("core", "nft 'add table inet t; add chain inet t c { type filter hook prerouting priority -300; }; add rule inet t c iifname b0 tcp flags & syn == 0 counter drop'")
    wait_open(gateway, False)           # what says so is lost; probes are answered, so the link isn't left
    assert int(re.search(r"packets (\d+)", lab.run("core", "nft list table inet t"))[1]), "nothing was lost"
    lab.run("core", "nft delete table inet t")

    def leaked():
        before = carried(gateway)
        talk(session, 5, 200_000)
        return carried(gateway) - before > IDLE_BYTES

    wait_for(lambda: not leaked(), "link b closed at the converter, too", 60)   # whoever isn't told again goes on with it
    assert link(gateway, "b")["closed"] and len(gateway.log().split("is opened")) == 2


def test_a_session_that_was_joining_it_when_it_was_opened_has_it(lab):
    """What says that it is open goes over subflows that stand; the one of a far link doesn't yet."""
    lab.set_link("b", "delay_us=600000")
    gateway = lab.gateway(**COSTLY)
    bulk = Bulk(lab, "down")
    wait_open(gateway)
    wait_for(lambda: link(gateway, "b")["rx_bytes"] > 1_000_000, "bulk over link b")
    assert len(gateway.log().split("is opened")) == 2
    bulk.leave()


def test_a_link_that_is_left_has_no_subflow_while_it_is_closed(lab):
    gateway = lab.gateway(**ON_DEMAND)
    session = lab.session(lab.listen("server"))
    talk(session, 10)
    assert link(gateway, "b")["subflows"] == 0 and "198.51.100.2" not in lab.run("gw", "ip mptcp endpoint")
    wait_for(lambda: gateway.ctl("sessions")["sessions"][0]["age_s"] >= 8, "links that sessions lack to be looked for")   # role/links/stranded.c, role/links/rejoin.c
    assert "don't have it" not in gateway.log(), "nobody lacks what is to be left"
    bulk = Bulk(lab, "down", session)
    wait_for(lambda: carried(gateway) > 10_000_000, "bulk over link b")
    bulk.leave()
    wait_open(gateway, False)
    wait_for(lambda: "198.51.100.2" not in lab.run("gw", "ip mptcp endpoint"), "link b to be left")
    assert "they begin anew there" not in gateway.log(), "that sessions lack it is nothing to be mended"


def test_a_machines_own_programs_have_the_second_link_when_the_first_is_weak(lab):
    """[host]: joined then, and left again."""
    gateway = lab.gateway(gateway={"lan": None}, host={"all": "yes"}, **ON_DEMAND)
    listener = lab.listen("server")
    near = lab.connect("gw", SERVER, listener.getsockname()[1])
    session = near, *lab.accept(listener)
    talk(session, 10)
    assert gateway.ctl("sessions")["sessions"][0]["direction"] == "own"
    assert link(gateway, "b")["subflows"] == 0 and "198.51.100.2" not in lab.run("gw", "ip mptcp endpoint")
    lab.set_link("a", "loss_ppm=50000")
    bulk = Bulk(lab, "down", session)
    wait_for(lambda: carried(gateway) > 5_000_000, "bulk over link b")
    lab.set_link("a", "loss_ppm=0")
    bulk.leave()
    wait_open(gateway, False)
    wait_for(lambda: "198.51.100.2" not in lab.run("gw", "ip mptcp endpoint"), "link b to be left")


def test_costs_change_with_a_reload(lab):
    gateway = lab.gateway(**COSTLY)
    assert link(gateway, "b")["closed"]
    gateway.reload(lab.gateway_conf())
    wait_for(lambda: not link(gateway, "b")["closed"], "link b open, costing no more than the other")
    gateway.reload(lab.gateway_conf(**{"link a": {"interface": "l0", "cost": 3}}))
    wait_for(lambda: link(gateway, "a")["closed"], "link a closed")
    near, far, peer = lab.session(lab.listen("server"))
    assert link(gateway, "b")["sessions_first"] > 0


def test_a_cap_ends_it_and_is_kept(lab):
    capped = {"link b": {"interface": "l1", "cost": 10, "cap_bytes": "6M", "cap_period": "day"}, "policy": {"rule": "pinned: link b port 7777"}}
    gateway = lab.gateway(**capped)
    bulk = Bulk(lab, "down")
    gateway.wait_log(r"link b: \d+ of 6 MB of this day are used: it is a backup")
    wait_for(lambda: link(gateway, "b")["cap"]["state"] == "used up", "the cap used up")
    wait_open(gateway, False)
    wait_for(lambda: settled(gateway), "link b to be silent")
    before, cheap = carried(gateway), carried(gateway, "a")
    wait_for(lambda: carried(gateway, "a") - cheap > 10_000_000, "bulk over link a")
    assert carried(gateway) - before < IDLE_BYTES
    bulk.leave()
    used = link(gateway, "b")["cap"]["used_bytes"]
    assert not gateway.stop()
    kept = json.loads(pathlib.Path("/run/braid-gw/link-volumes.json").read_text())["links"]["used"]["b"]
    assert kept["day_bytes"] >= used and kept["month_bytes"] >= used
    gateway = lab.gateway(**capped)
    assert link(gateway, "b")["cap"]["state"] == "used up" and link(gateway, "b")["cap"]["used_bytes"] >= kept["day_bytes"]
    listener = lab.listen("server", 7777)
    session = lab.session(listener)     # a rule wins
    before = carried(gateway)
    talk(session, 10)
    assert carried(gateway) - before > 900_000
    gateway.reload(lab.gateway_conf(**{**capped, "link b": {"interface": "l1", "cost": 10, "cap_bytes": "6G"}}))
    wait_for(lambda: link(gateway, "b")["cap"]["state"] == "free", "a larger cap")
    assert link(gateway, "b")["cap"]["used_bytes"] >= kept["month_bytes"]


def settled(gateway):
    """Whether nothing comes over link b between two looks."""
    before = carried(gateway)
    threading.Event().wait(0.3)
    return carried(gateway) - before < 3000


def test_a_file_that_is_no_good_is_put_aside(lab):
    os.makedirs("/run/braid-gw", exist_ok=True)
    path = pathlib.Path("/run/braid-gw/link-volumes.json")
    path.write_text('{"format": 1, "links": {"boot": "x", "used": {"b": {"day": -1}}}}')
    gateway = lab.gateway(**{"link b": {"interface": "l1", "cap_bytes": "6G"}})
    gateway.wait_log(r"cannot use /run/braid-gw/link-volumes.json: it is no list of links; links' volumes begin at 0")
    assert path.with_name(path.name + ".bad").exists()
    assert link(gateway, "b")["cap"]["state"] == "free"


def types_of(message):
    """Of the TLVs of a Convert message."""
    types, at = set(), 4
    while at < len(message):
        types.add(message[at])
        at += 4 * message[at + 1]
    return types


@pytest.mark.parametrize("unknown", [{199}, {195, 199}])
def test_a_converter_that_knows_nothing_of_it_is_asked_without(tmp_path, unknown):
    lab = Lab(tmp_path)
    listener, seen = lab.listen("conv", 5124), []

    def serve():
        kept = []
        while True:
            try:
                kept.append(listener.accept()[0])
            except OSError:
                return
            try:
                types = types_of(kept[-1].recv(2000))
            except ConnectionResetError:    # of a probe, which says nothing
                continue
            seen.append(types & {195, 199})
            kept[-1].sendall(bytes.fromhex("010222631e010200" if types & unknown else "010322631502000004081e00"))

    serving = threading.Thread(target=serve)
    serving.start()
    gateway = lab.gateway(**COSTLY)
    asked = [{195, 199}, {195}, set()]
    assert seen == (asked[:2] if unknown == {199} else asked)
    gateway.stop()
    listener.shutdown(2)
    listener.close()
    serving.join()
    lab.close()
