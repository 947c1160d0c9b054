# SPDX-License-Identifier: GPL-2.0-or-later
"""braid-lab as people run it: lists, refuses, runs a scenario of one's own, leaves nothing behind, ends when it is told to."""
import os
import pathlib
import signal
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BRAID_BUILD_DIR", REPOSITORY / "build"))
LAB = REPOSITORY / "lab" / "braid-lab"
PATIENCE_S = 60

# Both families, over delays: the converter answers before the handshake's end; then with one link only.
SCENARIO = '''"""Small requests."""
from braidlab.topology import SERVER_V4, SERVER_V6
from braidlab.traffic import request_times
OPTIONS = {"lose": ("", "link to lose")}
def run(lab):
    lab.standard()
    lab.servers.publish("small", 1000)
    if lab.options.lose:
        access = lab.net.link(lab.options.lose)
        access.link.lose_carrier()
        lab.braid.wait_link(access, False)
    before = {access.name: access.link.get()["ba"]["bytes"] for access in lab.net.links}
    for server in (SERVER_V4, f"[{SERVER_V6}]"):
        request_times(lab.net.host, f"http://{server}/small")   # from now on the server is known to accept
        direct, braid = (request_times(node, f"http://{server}/small")[1] for node in (lab.net.plain, lab.net.host)) \\
            if not lab.options.lose else (0, request_times(lab.net.host, f"http://{server}/small")[1])
        lab.say(f"first byte: {direct:.0f} ms without Braid, {braid:.0f} ms with")
    carried = [access.name for access in lab.net.links if access.link.get()["ba"]["bytes"] - before[access.name] > 1000]
    lab.say("carried: " + " ".join(carried))
'''

WAITING = '''"""Waits for its end."""
import time
def run(lab):
    print("waiting", flush=True)
    time.sleep(60)
'''


def lab(*arguments):
    return subprocess.run([LAB, "--build", BUILD, *arguments], text=True, capture_output=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)


def test_list_names_every_scenario():
    done = lab("list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == sorted(path.stem for path in (LAB.parent / "scenarios").glob("*.py"))


def test_mistakes_are_told_without_a_network():
    assert "there are: beside, demo" in lab("run", "nosuch").stderr
    assert "unrecognized arguments: --nosuch" in lab("run", "demo", "--nosuch", "1").stderr
    assert lab("run", "demo", "--seconds", "many").returncode == 2


def test_programs_that_are_not_built_are_named(tmp_path):
    done = subprocess.run([LAB, "--build", tmp_path, "run", "demo"], text=True, capture_output=True, timeout=PATIENCE_S)
    assert (done.returncode, "build first" in done.stderr) == (1, True), done.stderr


def test_requests_over_both_families(tmp_path):
    (tmp_path / "small.py").write_text(SCENARIO)
    done = lab("run", str(tmp_path / "small.py"))
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    for line in lines[:2]:
        direct_ms, braid_ms = int(line[2]), int(line[6])
        assert 58 <= direct_ms, "a link of 20 ms and a server 10 ms behind it: two round trips of 30 ms"
        assert 38 <= braid_ms < direct_ms, "with Braid the request rides in the first packet"


def test_requests_with_one_link_lost(tmp_path):
    (tmp_path / "small.py").write_text(SCENARIO)
    done = lab("run", str(tmp_path / "small.py"), "--lose", "dsl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "carried: lte"


def test_ends_when_told_to(tmp_path):
    (tmp_path / "waiting.py").write_text(WAITING)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen([LAB, "run", tmp_path / "waiting.py"], text=True, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(number)
            assert process.wait(PATIENCE_S) in (128 + number, -number)
            assert process.stdout.read() == "", "whoever is left inside would hold the other end of this pipe"
