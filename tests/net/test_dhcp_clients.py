# SPDX-License-Identifier: GPL-2.0-or-later
"""Converters by DHCP with what people use: dnsmasq at the operator's end of a link, ISC dhclient and BusyBox udhcpc at the gateway, our hooks behind them (doc/converters.md)."""
import re
import shutil

import pytest

from netlab import BRAIDCTL, BUILD, CONVERTER, CONVERTER_V6, wait_for
from two_converters import converters

HOOKS = BUILD / "packaging" / "dhcp"
EXAMPLES = BUILD.parent / "packaging" / "dhcp"
V4 = "04" + "".join(f"{int(part):02x}" for part in CONVERTER.split("."))
DNSMASQ = f"""
port=0
interface=a0
bind-interfaces
dhcp-authoritative
dhcp-range=192.0.2.50,192.0.2.60,2m
dhcp-range=2001:db8:2::100,2001:db8:2::200,64,5m
dhcp-option=224,{":".join(re.findall("..", V4))}
dhcp-option=option6:65001,[{CONVERTER_V6}]
log-dhcp
"""


def needs(program):
    return pytest.mark.skipif(not shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin"), reason=f"{program} isn't there")


@pytest.fixture
def told(lab):
    """A gateway that knows of no converter, and an operator who would tell."""
    lab.converter()
    conf = lab.directory / "dnsmasq.conf"
    conf.write_text(DNSMASQ)
    lab.dnsmasq = lab.start("core", "/usr/sbin/dnsmasq", "--keep-in-foreground", "--log-facility=-", f"--conf-file={conf}", f"--dhcp-leasefile={lab.directory}/leases",
                            "--user=root", "--group=", "--pid-file=", name="dnsmasq")
    lab.dnsmasq.wait_log("DHCP, ")
    lab.gw = lab.start_gateway(gateway={"converter": "dhcp"})
    lab.gw.wait_log("no converter is known")
    lab.settings = lab.directory / "defaults"
    lab.settings.write_text(f"BRAIDCTL={BRAIDCTL}\nBRAID_CONTROL={lab.gw.control}\nBRAID_DHCP_DIR={lab.directory}/kept\n")
    return lab


def script(lab, text):
    """What the client calls in the place of the system's, which would change addresses and routes."""
    path = lab.directory / "script"
    path.write_text(f"#!/bin/sh\nexport BRAID_DHCP_DEFAULTS={lab.settings} BRAID_DHCP={HOOKS}/braid-dhcp\n{text}\n")
    path.chmod(0o755)
    return path


def expect_told(lab, family, addresses):
    name = wait_for(lambda: converters(lab.gw) and converters(lab.gw)[0], "what the link's DHCP tells of")
    assert (name["name"], name["addresses"]) == ("a's DHCP", addresses)
    lab.gw.wait_log("the converter answers")
    assert lab.bonded()


def dhclient(lab, family):
    directory = lab.directory
    conf = directory / "dhclient.conf"
    conf.write_text((EXAMPLES / "dhclient.conf.example").read_text())
    return lab.start("gw", "/sbin/dhclient", family, "-d", "-cf", conf, "-lf", directory / "dhclient.leases", "-pf", directory / "dhclient.pid",
                     "-sf", script(lab, f". {HOOKS}/dhclient-exit-hook; exit 0"), "l0", name="dhclient")


@needs("dhclient")
def test_dhclient(told):
    dhclient(told, "-4")
    expect_told(told, "4", [f"{CONVERTER}:5124"])
    assert 0 < converters(told.gw)[0]["left_s"] <= 120


@needs("dhclient")
def test_dhclient_v6(told):
    client = dhclient(told, "-6")
    expect_told(told, "6", [f"[{CONVERTER_V6}]:5124"])
    assert 0 < converters(told.gw)[0]["left_s"] <= 300
    client.kill()


@needs("udhcpc")
def test_udhcpc(told):
    told.start("gw", "udhcpc", "-f", "-i", "l0", "-O", "224", "-s", script(told, f'exec {HOOKS}/udhcpc-hook "$@"'), name="udhcpc")
    expect_told(told, "4", [f"{CONVERTER}:5124"])
    assert 0 < converters(told.gw)[0]["left_s"] <= 120
