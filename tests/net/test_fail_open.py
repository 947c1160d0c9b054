# SPDX-License-Identifier: GPL-2.0-or-later
"""A converter that does not serve us, in whatever way, must not cost hosts more than a moment: they go the ordinary way then."""
import signal

import pytest

from netlab import KEY, wait_for

pytestmark = pytest.mark.signalled
OTHER_KEY = "ff" + KEY[2:]


def passes(lab, listener, why):
    wait_for(lambda: lab.bonded(listener) is False, f"the ordinary way: {why}")


@pytest.mark.convert   # others are let in by their addresses
def test_wrong_key_at_the_gateway(lab):
    """The likeliest mistake at a first set-up."""
    lab.converter()
    listener = lab.listen("server")
    gateway = lab.start_gateway(gateway={"key": OTHER_KEY})
    gateway.wait_log("can't be reached .not authorised")
    assert lab.bonded(listener) is False
    assert gateway.ctl("status")["converter"]["reachable"] is False


@pytest.mark.convert   # others are let in by their addresses
def test_subscriber_taken_away(lab):
    """A new configuration of the converter, while the gateway's watch stands."""
    converter, gateway = lab.converter(), lab.gateway()
    listener = lab.listen("server")
    assert lab.bonded(listener)
    converter.reload(lab.converter_conf(**{"subscriber home": {"key": OTHER_KEY}}))
    gateway.wait_log("can't be reached .not authorised")
    passes(lab, listener, "the key is no longer known")
    converter.reload(lab.converter_conf())
    wait_for(lambda: lab.bonded(listener), "bonded again")


def test_converter_hangs(lab):
    """It is there for the kernel, but says nothing."""
    converter = lab.converter()
    gateway = lab.gateway(limits={"connect_timeout_ms": 1000})
    listener = lab.listen("server")
    assert lab.bonded(listener)
    converter.pause()
    hanging = lab.connect("host", "93.10.20.30", listener.getsockname()[1])
    hanging.sendall(b"x")
    gateway.wait_log("can't be reached")
    passes(lab, listener, "the converter hangs")
    converter.tell(signal.SIGCONT)
    wait_for(lambda: lab.bonded(listener), "bonded again")


def test_converter_vanishes(lab):
    """Its machine is gone, without a word."""
    lab.converter()
    gateway = lab.gateway()
    listener, known = lab.listen("server"), lab.listen("server")   # what is lost may come to the second later
    assert lab.bonded(listener) and lab.bonded(known)
    lab.run("core", "nft 'add table inet gone; add chain inet gone c { type filter hook forward priority 0; };"
            "add rule inet gone c tcp dport 5124 drop; add rule inet gone c tcp sport 5124 drop'")
    other = lab.listen("server")   # the known destination's connection is lost
    lab.connect("host", "93.10.20.30", known.getsockname()[1]).sendall(b"x")
    lab.connect("host", "93.10.20.30", other.getsockname()[1])   # that of an unknown one isn't
    assert lab.accept(other)[1] == "10.0.0.9"
    gateway.wait_log("can't be reached .it doesn't answer")
    passes(lab, listener, "the converter is gone")
    lab.run("core", "nft delete table inet gone")
    wait_for(lambda: lab.bonded(listener), "bonded again")
