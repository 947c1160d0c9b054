# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks of DHCP clients (packaging/dhcp), with the environment that these clients document, and a braidctl that writes down how it was called. Real clients: test_dhcp_clients.py."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from netlab import BUILD, PATIENCE_S

DHCP = BUILD / "packaging" / "dhcp"
SHELLS = [shell for shell in (["sh"], ["busybox", "sh"]) if shutil.which(shell[0])]
BRAIDCTL = """#!/bin/sh
echo "$@" >>"$SAID"
status=$(cat "$SAID.status" 2>/dev/null) || status=0
rm -f "$SAID.status"
exit "$status"
"""


class Stage:
    def __init__(self, directory, shell):
        self.shell = shell
        self.said = directory / "said"
        self.kept = directory / "kept"
        ctl = directory / "braidctl"
        ctl.write_text(BRAIDCTL)
        ctl.chmod(0o755)
        self.env = {"PATH": os.environ["PATH"], "BRAIDCTL": str(ctl), "BRAID_CONTROL": "/control", "BRAID_DHCP_DIR": str(self.kept), "SAID": str(self.said),
                    "BRAID_DHCP": str(DHCP / "braid-dhcp"), "BRAID_DHCP_DEFAULTS": str(directory / "defaults")}

    def run(self, *command, status=0, **env):
        """What braidctl was told meanwhile, a line each, without the socket."""
        self.said.write_text("")
        done = subprocess.run([*self.shell, *map(str, command)], env=self.env | env, capture_output=True, text=True, timeout=PATIENCE_S)
        assert (done.returncode, done.stderr) == (status, "") or status and done.returncode == status, done
        return [line.removeprefix("-s /control dhcp ") for line in self.said.read_text().splitlines()]

    def source(self, name, **env):
        """As dhclient-script does."""
        return self.run("-c", f". {DHCP / name}", **env)


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def stage(tmp_path, request):
    return Stage(tmp_path, request.param)


def test_dhclient(stage):
    hook = lambda **env: stage.source("dhclient-exit-hook", interface="wan0", **env)
    assert hook(reason="BOUND", new_braid_converters="4 192 0 2 1", new_dhcp_lease_time="3600") == ["wan0 4 04c0000201 3600"]
    assert hook(reason="RENEW", new_braid_converters="4 192 0 2 9", new_dhcp_lease_time="60") == ["wan0 4 04c0000209 60"]
    assert hook(reason="REBIND") == ["wan0 4 -"]          # it says it no longer
    assert hook(reason="EXPIRE", new_braid_converters="4 192 0 2 1") == ["wan0 4 -"]
    assert hook(reason="BOUND", new_braid_converters="4 192 0 2; reboot") == ["wan0 4 -"]
    assert hook(reason="PREINIT") == hook(reason="MEDIUM") == []
    v6 = "32 1 13 184" + " 0" * 11 + " 1"
    assert hook(reason="BOUND6", new_dhcp6_braid_converters=v6, new_max_life="120") == ["wan0 6 20010db8000000000000000000000001 120"]
    assert hook(reason="RELEASE6") == ["wan0 6 -"]
    assert not list(stage.kept.iterdir())


def test_udhcpc(stage):
    hook = lambda action, **env: stage.run(DHCP / "udhcpc-hook", action, interface="wan0", **env)
    assert hook("bound", opt224="04c0000201", lease="3600") == ["wan0 4 04c0000201 3600"]
    assert hook("renew", opt225="04c0000201", lease="3600", BRAID_OPTION_V4="225") == ["wan0 4 04c0000201 3600"]
    assert hook("renew", opt225="04c0000201") == ["wan0 4 -"]
    assert hook("nak") == ["wan0 4 -"]
    assert hook("deconfig") == hook("leasefail") == []
    assert hook("bound", opt224="04c0000201", BRAID_OPTION_V4="224;reboot") == []


def test_odhcp6c(stage):
    value = "20010db8000000000000000000000001"
    hook = lambda state, **env: stage.run(DHCP / "odhcp6c-hook", "wan0", state, **env)
    for state in ("bound", "informed", "updated", "rebound"):
        assert hook(state, OPTION_65001=value) == [f"wan0 6 {value}"]
    assert hook("informed", OPTION_65002=value, BRAID_OPTION_V6="65002") == [f"wan0 6 {value}"]
    assert hook("updated") == ["wan0 6 -"]
    assert hook("unbound") == hook("stopped") == ["wan0 6 -"]
    assert hook("started") == hook("ra-updated") == []


def test_what_is_good_is_said_again(stage):
    """To a braidd that begins after the client; one that is just beginning is waited for."""
    keep = DHCP / "braid-dhcp"
    assert stage.run(keep, "say", "wan0", "4", "04c0000201") == ["wan0 4 04c0000201"]
    assert stage.run(keep, "say", "wan1.7", "6", "00" * 15 + "01", "3600") == ["wan1.7 6 " + "00" * 15 + "01 3600"]
    (stage.kept / "wan2.4").write_text("1 04c0000202\n")   # over since the machine's first second
    again = stage.run(keep, "again")
    assert again[0] == "wan0 4 04c0000201" and len(again) == 2
    until_s = int((stage.kept / "wan1.7.6").read_text().split()[0])
    assert 3590 <= until_s - float(pathlib.Path("/proc/uptime").read_text().split()[0]) <= 3600, "by a clock that nobody sets"
    assert 3590 <= int(re.fullmatch(r"wan1\.7 6 0{30}01 (\d+)", again[1])[1]) <= 3600
    stage.run(keep, "forget", "wan1.7", "6")
    pathlib.Path(f"{stage.said}.status").write_text("3")   # no daemon, at first
    assert stage.run(keep, "again") == ["wan0 4 04c0000201"] * 2
    pathlib.Path(f"{stage.said}.status").write_text("4")   # it doesn't want to know
    assert stage.run(keep, "again", status=4) == ["wan0 4 04c0000201"]


def test_settings_come_from_a_file(stage):
    pathlib.Path(stage.env["BRAID_DHCP_DEFAULTS"]).write_text("BRAID_OPTION_V4=230\nBRAID_CONTROL=/elsewhere\n")
    assert stage.run(DHCP / "udhcpc-hook", "bound", interface="wan0", opt230="04c0000201") == ["-s /elsewhere dhcp wan0 4 04c0000201"]


@pytest.mark.parametrize("words", [(), ("say",), ("say", "wan0", "4"), ("say", "../x", "4", "00"), ("say", ".x", "4", "00"), ("say", "", "4", "00"), ("say", "wan0", "5", "00"),
                                   ("forget", "wan0"), ("forget", "a/b", "4"), ("tell", "wan0", "4")])
def test_what_it_can_not_make_sense_of(stage, words):
    assert stage.run(DHCP / "braid-dhcp", *words, status=2) == []
    assert not stage.kept.exists()
