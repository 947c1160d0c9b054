# SPDX-License-Identifier: GPL-2.0-or-later
"""braidctl policy: which rules there are, and which one decides."""
import subprocess

import pytest

from netlab import BRAIDCTL, BRAIDD, KEY, PATIENCE_S, Lab

CONF = f"""
[converter]
listen = [::]:5124
[subscriber alice]
key = {KEY}
[daemon]
control = {{dir}}/control
state_dir = {{dir}}
workers = 1
[policy]
rule = alice: reject from subscriber alice to port 25
rule = nas: bypass to 192.168.0.0/16
rule = bond faithful to @web port 443 tls *.example.com
    set-dscp ef priority 6
rule = late: reject to 192.168.1.0/24
rule = marked: reject dscp ef
rule = night: reject time 23:00-05:00
[list web]
file = {{dir}}/web.txt
"""



@pytest.fixture(scope="module")
def converter(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    (lab.directory / "web.txt").write_text("# the web\n203.0.113.0/24\n2001:db8:1::/48 # and more\n")
    path = lab.directory / "braid.conf"
    path.write_text(CONF.format(dir=lab.directory))
    program = lab.start("conv", BRAIDD, "-c", path)
    program.wait_log(r"is up\n")
    program.conf_path = path
    yield program
    lab.close()


def ctl(converter, *words, expect=0):
    done = subprocess.run([BRAIDCTL, "-s", converter.conf_path.parent / "control", *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == expect, f"expected status {expect}, saw {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if not expect else done.stderr


def test_list(converter):
    assert ctl(converter, "policy", "list") == """\
alice: reject from subscriber alice to port 25
nas: bypass to 192.168.0.0/16
rule 3: bond faithful to @web port 443 tls *.example.com set-dscp ef priority 6
late: reject to 192.168.1.0/24
    never decides: 'nas' comes before it and matches all that it matches
marked: reject dscp ef
night: reject time 23:00-05:00
everything else: bond
@web: 1 ranges of IPv4 addresses, 1 of IPv6 addresses
"""


def test_which_rule_decides_and_why(converter):
    assert ctl(converter, "policy", "test", "10.0.0.7", "203.0.113.9", 443, "tls", "www.Example.com", "at", "12:00") == """\
rule 'rule 3' decides: bond, accepted faithful, DSCP 46, priority 6
    alice does not match: the port 443 is none of its own
    nas does not match: the destination 203.0.113.9 is in none of its prefixes and lists
    rule 3 matches: everything it asks for is so
"""
    seen = ctl(converter, "policy", "test", "2001:db8::7", "2001:db8:1::9", 443, "at", "12:00")
    assert seen.startswith("no rule matches: bond\n")
    assert "    rule 3 does not match: it asks for the TLS name, which is not known\n" in seen
    assert "    marked does not match: it asks for the DSCP, which is not known\n" in seen
    assert ctl(converter, "policy", "test", "10.0.0.7", "203.0.113.9", 25, "subscriber", "alice").startswith("rule 'alice' decides: reject\n")
    assert ctl(converter, "policy", "test", "10.0.0.7", "203.0.113.9", 22, "at", "23:30").startswith("rule 'night' decides: reject\n")
    assert ctl(converter, "policy", "test", "10.0.0.7", "203.0.113.9", 22, "dscp", 46).startswith("rule 'marked' decides: reject\n")


@pytest.mark.parametrize("words, said", [
    (["x", "203.0.113.9", "22"], "argument 'source'"), (["10.0.0.7", "203.0.113.9:80", "x"], "argument 'port'"), (["10.0.0.7", "", "1"], "argument 'destination'"),
    (["10.0.0.7", "203.0.113.9", "65536"], "argument 'port'"), (["10.0.0.7", "203.0.113.9", "1", "dscp", "64"], "argument 'dscp'"),
    (["10.0.0.7", "203.0.113.9", "1", "mac", "02:00:00:00:00:1g"], "argument 'mac'"), (["10.0.0.7", "203.0.113.9", "1", "at", "24:00"], "argument 'at'"),
    (["10.0.0.7", "203.0.113.9", "1", "tls", 254 * "a"], "at most 253 bytes"),
])
def test_bad_arguments_are_refused(converter, words, said):
    assert said in ctl(converter, "policy", "test", *words, expect=4)


def test_warnings_are_logged_at_start_and_at_reload(converter):
    assert "braid.conf:15: rule 'late' never decides: 'nas' in line 12 comes before it" in converter.log()
    (converter.conf_path.parent / "web.txt").write_text("203.0.113.1/24\n")
    assert "web.txt:1: found '203.0.113.1/24', wanted a prefix" in ctl(converter, "reload", expect=4)
    (converter.conf_path.parent / "web.txt").write_text("203.0.112.0/24\n")
    ctl(converter, "reload")
    assert converter.log().count("never decides") == 2
    assert ctl(converter, "policy", "test", "10.0.0.7", "203.0.112.9", 443, "tls", "a.example.com").startswith("rule 'rule 3' decides")
