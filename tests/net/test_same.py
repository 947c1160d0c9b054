# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host sees through Braid is what it sees over plain routing, but for what doc/behaviour.md says.

Every scenario of tcp_scenarios.py runs over plain routing and in each mode, and the traces are compared. DIFFERENCES are the documented ones, as data: one that is not there
fails the test, and one that does not occur too.
"""
import concurrent.futures
import dataclasses
import pathlib
import re
import subprocess

import pytest

import tcp_stage
from netlab import BRAIDD, CONVERTER_NODE, SIGNALLING, Lab
from tcp_opening import connect_and_read
from tcp_scenarios import SCENARIOS as ALL

MODES = ["early", "faithful"]        # of gateway.accept
AT_ONCE = 48                         # scenarios
ROUNDS = 3                           # for those that differ in classes of time alone: the machine may have been busy
# A scheme without a word for it has the ordinary way find it out once more, when the converter has: that ends close to the end of the host's patience.
LEFT_OUT = {"plain": ["nobody has the address"]}
SCENARIOS = [scenario for scenario in ALL if scenario.name.rpartition(", ")[0] not in LEFT_OUT.get(SIGNALLING, [])]
LIMITS = {"connect_timeout_ms": 8000, "keepalive_s": 1}
ON_PATH = CONVERTER_NODE == "core"
SLOW_SERVER = {"attempt_timeout_ms": 5000}   # where the converter isn't spoken to, a server that is slow to answer looks like a silent link (doc/route.md): that isn't what is compared


@dataclasses.dataclass(frozen=True)
class Difference:
    """host, server: the trace in the place of plain routing's; None: the same. {when}: the class of the last event there."""
    words: str
    names: tuple
    host: list = None
    server: list = None
    modes: tuple = ("early", "faithful")


CONNECTED = ["connect: ok, at once"]
PATIENCE_LOST = "the server answers when the host's program has lost patience"
DIFFERENCES = [
    # What comes of accepting early
    Difference("connected before the destination has answered, and reset when it does not accept", (connect_and_read,),
               [*CONNECTED, "receive: ECONNRESET, {when}"], modes=("early",)),
    Difference("the same, seen by poll()", ("connecting without blocking, refused",),
               ["connect: EINPROGRESS, at once", "poll: out, at once", "SO_ERROR: 0", "receive: ECONNRESET, at once"], modes=("early",)),
    Difference("the same, with data in the SYN", ("data in the SYN, refused",),
               ["send 8 with the SYN: 8, at once", "receive: ECONNRESET, at once"], modes=("early",)),
    Difference("connected at once to a server that takes time, and waits for its first bytes instead", ("the first SYN is lost", "full backlog for a while"),
               [*CONNECTED, "receive: 5 bytes 2cf24dba, about 1 s"], modes=("early",)),
    Difference("the same, longer", ("two SYNs are lost",), [*CONNECTED, "receive: 5 bytes 2cf24dba, longer"], modes=("early",)),
    Difference("connected to a silent server, for as long as the program has patience", ("the host's program loses patience with a silent server",),
               [*CONNECTED, "close: ok, at once"], modes=("early",)),
    Difference("a program that is told early that it is connected goes on early, and its second connection may be the first at the server",
               ("the second connection overtakes the first",),
               [*CONNECTED, "send 1: ok, at once", *CONNECTED, "send 1: ok, at once"],
               ["accept: ok", "receive: 1 bytes d4735e3a", "accept: ok", "receive: 1 bytes 6b86b273"], modes=("early",)),
    Difference("the server never hears of a connection that is reset at once", ("host resets as soon as it is connected",), server=["accept: nothing"],
               modes=("early",)),
    Difference("two that connect to each other, and do not listen, do not meet", ("both open at once",),
               [*CONNECTED, "send 5: ok, at once", "receive: ECONNRESET, at once", "reset: ok, at once"],
               ["connect: ECONNREFUSED", "receive: the end", "send 10: EPIPE"], modes=("early",)),
    Difference("a server that answers when the host has lost patience has a connection, and sees its end", (PATIENCE_LOST,),
               [*CONNECTED, "close: ok, at once"], ["accept: ok", "receive: the end"], modes=("early",)),
    # What comes of asking first
    Difference("a server that answers when the host has lost patience has a connection, and sees its reset", (PATIENCE_LOST,),
               server=["accept: ok", "receive: ECONNRESET"], modes=("faithful",)),
    # What comes of there being two connections in the place of one
    Difference("the server sees the converter's address", ("who the server sees",), server=["accept: ok", "peer: another"]),
    Difference("the host's segments are as large as its own link takes", ("small segments of the server",),
               [*CONNECTED, "segments larger than the peer wants them", "send 600000: ok", "end: ok, at once"]),
    Difference("urgent data stays in the stream", ("urgent data of the host, read apart",),
               server=["accept: ok", "poll: nothing urgent", "receive: 6 bytes bef57ec7 then the end"]),
    Difference("urgent data stays in the stream, to the host too", ("urgent data of the server, read apart",),
               [*CONNECTED, "poll: nothing urgent", "receive: 6 bytes bef57ec7 then the end, at once"]),
    Difference("the gateway answers keep-alive, and the converter's finds the dead server: the host is reset",
               ("the server vanishes, the host asks by keep-alive",), [*CONNECTED, "receive: ECONNRESET, longer"]),
    Difference("the gateway acknowledges what the server has not got; the converter's time limit ends it by a reset", ("the server vanishes, the host sends",),
               [*CONNECTED, "send 8: ok, at once", "acknowledged: all", "receive: ECONNRESET, longer"]),
    Difference("the gateway's keep-alive finds the dead host: the server is reset", ("the host vanishes, the server asks by keep-alive",),
               server=["accept: ok", "receive: ECONNRESET"]),
    Difference("the gateway's time limit finds the dead host: the server is reset", ("the host vanishes, the server sends",),
               server=["accept: ok", "send 8: ok", "receive: ECONNRESET"]),
]


@dataclasses.dataclass
class Traces:
    host: list
    server: list

    def without_times(self):
        return [[event.rpartition(", ")[0] or event for event in trace] for trace in (self.host, self.server)]

    def __str__(self):
        return "\n".join(f"    {who}: {event}" for who, trace in (("host", self.host), ("server", self.server)) for event in trace)


def find_difference(scenario, mode):
    found = [d for d in DIFFERENCES if mode in d.modes and (scenario.script in d.names or scenario.name.rpartition(", ")[0] in d.names)]
    assert len(found) < 2, scenario.name
    return found[0] if found else None


def expected(scenario, mode, plain):
    difference = find_difference(scenario, mode)
    if not difference:
        return plain
    when = plain.host[-1].rpartition(", ")[2] if plain.host else ""
    host = plain.host if difference.host is None else [event.format(when=when) for event in difference.host]
    return Traces(host, plain.server if difference.server is None else difference.server)


def perform_once(lab, scenario):
    """The stage as it is afterwards."""
    stage = tcp_stage.Stage(lab, scenario)
    try:
        scenario.script(stage)
    except tcp_stage.ProgramEnds:
        pass
    except Exception as error:   # of the script itself: it belongs to the report, and must not end the others
        stage.host.note(f"the scenario broke: {error!r}")
    finally:
        stage.finish()
    return stage


def perform(lab, scenario):
    """Once more where the network did something else than the scenario says, the machine being busy."""
    for _ in range(ROUNDS):
        stage = perform_once(lab, scenario)
        if not stage.late:
            break
    return Traces(stage.host.trace, stage.server.trace)


def perform_all(lab, scenarios):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        traces = dict(zip((scenario.name for scenario in scenarios), pool.map(lambda scenario: perform(lab, scenario), scenarios)))
    tcp_stage.forget(lab)
    return traces


def gateway_conf(mode, on_path):
    """The key is given where this braidd knows it; the one that doesn't accepts early."""
    known = "\n  accept\n" in subprocess.run([BRAIDD, "--help-config"], check=True, capture_output=True, text=True).stdout
    assert known or mode == "early", f"this braidd has no gateway.accept, and so no mode '{mode}'"
    return {"gateway": {**({"accept": mode, "early_data_wait_ms": 50} if known else {}), **(SLOW_SERVER if on_path else {})}, "limits": LIMITS, "daemon": {"drain_timeout_ms": 0}}


def run_round(lab, scenarios, runs):
    """What went past the proxies would be as over plain routing, and say nothing. A converter that has echoed nothing yet is left when many connections fail (plain mode, decision 0023)."""
    runs.setdefault("plain", {}).update(perform_all(lab, scenarios))
    listener = lab.listen("server")
    for mode in MODES:
        gateway = lab.gateway(**gateway_conf(mode, ON_PATH))
        assert lab.bonded(listener)
        runs.setdefault(mode, {}).update(perform_all(lab, scenarios))
        assert lab.bonded(listener), gateway.log()
        assert gateway.running() and gateway.stop() == 0, gateway.log()


def differ_in_time_alone(scenario, runs):
    def differs(seen, wanted):
        return seen != wanted and seen.without_times() == wanted.without_times()
    plain = runs["plain"][scenario.name]
    return (scenario.plain and differs(Traces(plain.host, []), Traces(scenario.plain, []))) or \
        any(differs(runs[mode][scenario.name], expected(scenario, mode, plain)) for mode in MODES)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """mode or "plain" -> name of the scenario -> Traces."""
    lab = Lab(tmp_path_factory.mktemp("same"), delays_ms={"a": 2, "b": 2})
    tcp_stage.prepare(lab, SCENARIOS, ON_PATH)
    lab.converter(limits=LIMITS, daemon={"drain_timeout_ms": 0})
    seen, left = {}, SCENARIOS
    for _ in range(ROUNDS):
        run_round(lab, left, seen)
        left = [scenario for scenario in left if differ_in_time_alone(scenario, seen)]
        if not left:
            break
    lab.close()
    return seen


def test_there_are_enough_scenarios():
    assert len({scenario.script for scenario in SCENARIOS}) + len([s for s in SCENARIOS if s.plain]) >= 60
    assert len({scenario.port for scenario in SCENARIOS}) == len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_the_page_lists_the_same_differences():
    page = (pathlib.Path(__file__).parents[2] / "doc" / "behaviour.md").read_text().partition("## What differs")[2].partition("\n## ")[0]
    assert re.findall(r"^\* \*\*(.+?)\*\*", page, re.M) == [difference.words for difference in DIFFERENCES]


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.plain], ids=lambda scenario: scenario.name)
def test_plain_routing_ends_as_the_scenario_is_called(runs, scenario):
    assert runs["plain"][scenario.name].host == scenario.plain


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_same(runs, scenario, mode):
    plain, seen = runs["plain"][scenario.name], runs[mode][scenario.name]
    wanted = expected(scenario, mode, plain)
    difference = find_difference(scenario, mode)
    assert not difference or wanted != plain, f"documented as a difference and is none: {difference.words}"
    if seen != wanted:
        documented = f"\n  documented ({difference.words}):\n{wanted}" if difference else ""
        pytest.fail(f"{scenario.name}\n  plain routing:\n{plain}\n  {mode}:\n{seen}{documented}", pytrace=False)


@pytest.mark.parametrize("mode", MODES)
def test_list_of_differences(runs, mode):
    """Prints what was seen; test_same holds each to its place."""
    n_different = 0
    for difference in DIFFERENCES:
        names = [s.name for s in SCENARIOS if find_difference(s, mode) is difference and runs[mode][s.name] != runs["plain"][s.name]]
        n_different += len(names)
        if names:
            print(f"\n{mode}: {difference.words}\n  " + "\n  ".join(names))
    print(f"\n{mode}: {n_different} of {len(SCENARIOS)} scenarios differ from plain routing, as documented")
    assert n_different == len([s for s in SCENARIOS if runs[mode][s.name] != runs["plain"][s.name]])
