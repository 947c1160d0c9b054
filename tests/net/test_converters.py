# SPDX-License-Identifier: GPL-2.0-or-later
"""Several converters: new connections go to the best that answers, and those that run stay where they are (policy/converters.h, role/gateway/upstreams.h)."""
import re
import subprocess
import time

import pytest

from bulk import Bulk
from netlab import BRAIDCTL, KEY, LINKS_ALLOWED, Lab, receive_exactly, wait_for
from two_converters import FIRST, SECOND, both, converters, end_hush, hush, in_use, make_second, second_converter

OTHER_KEY = "ff" + KEY[2:]


def option_v4(*addresses):
    """One list a converter, with one address."""
    return "".join("04" + "".join(f"{int(part):02x}" for part in address.split(".")) for address in addresses)


def talk(near, far):
    near.sendall(b"up")
    far.sendall(b"down")
    assert (receive_exactly(far, 2), receive_exactly(near, 4)) == (b"up", b"down")


def comes_by(lab, listener):
    """The converter that a new connection goes by, as its server sees it."""
    near, far, peer = lab.session(listener)
    near.close()
    far.close()
    return peer


def test_one_that_is_killed_is_left_at_once(lab):
    first, _, gateway = both(lab)
    listener = lab.listen("server")
    assert comes_by(lab, listener) == FIRST
    first.kill()
    begun = time.monotonic()
    wait_for(lambda: in_use(gateway) == SECOND, "the second converter to be in use")
    assert comes_by(lab, listener) == SECOND
    print(f"a new connection by the second converter {time.monotonic() - begun:.2f} s after the first one's end")
    near, far, peer = lab.session(listener)
    assert peer == SECOND
    assert "can't be reached" not in gateway.log(), "hosts were sent the ordinary way though a converter answered"
    assert re.search(r"new connections go to converter second \(93\.10\.30\.5:5124\): the one before it has gone", gateway.log())
    lab.converter()
    wait_for(lambda: next(one for one in converters(gateway) if one["name"] == "gateway.converter")["answers"], "the first one to be seen again")
    assert comes_by(lab, listener) == SECOND, "one that is just back is not returned to at once"
    talk(near, far)


@pytest.mark.parametrize("race", ["off", "on"])
def test_a_connection_on_its_way_goes_elsewhere(lab, race):
    """The first converter falls silent. Its destination being unknown, the host's SYN waits, and goes by the second one: nobody notices. Over all links before, with a race, too."""
    _, _, gateway = both(lab, syn_race=race)
    assert comes_by(lab, lab.listen("server")) == FIRST
    hush(lab, FIRST)
    begun = time.monotonic()
    near, far, peer = lab.session(lab.listen("server"))
    print(f"by {peer} {time.monotonic() - begun:.2f} s after it was begun")
    assert peer == SECOND
    talk(near, far)
    wait_for(lambda: in_use(gateway) == SECOND, "the second converter to be in use")
    end_hush(lab)
    talk(near, far)


@pytest.mark.convert   # others have no ticket, by which the converters would know the host's bytes
def test_what_a_host_has_said_goes_to_one_converter_alone(lab):
    """A destination that accepted lately: the host's bytes are in the first packet, which the silent converter may have. The connection is ended, and the next one goes by the second."""
    _, _, gateway = both(lab, early_data_wait_ms=1000)   # the host's bytes are waited for
    listener = lab.listen("server")
    assert comes_by(lab, listener) == FIRST
    hush(lab, FIRST)
    known = lab.connect("host", "93.10.20.30", listener.getsockname()[1])
    known.sendall(b"once")
    with pytest.raises(ConnectionResetError):
        known.recv(1)
    assert in_use(gateway) == SECOND
    near, far, peer = lab.session(listener)   # had the first one come, it would be this one
    assert peer == SECOND
    talk(near, far)


def test_a_list_that_changes_drops_nothing(lab):
    """Taken out, put back and turned round, while bulk goes on and a quiet session waits."""
    _, _, gateway = both(lab)
    listener = lab.listen("server")
    near, far, peer = lab.session(listener)
    load = Bulk(lab, "down")
    assert peer == FIRST
    gateway.reload(lab.gateway_conf(gateway={"converter": SECOND}))
    wait_for(lambda: in_use(gateway) == SECOND, "the second one to be the only one")
    assert len(converters(gateway)) == 1
    wait_for(lambda: comes_by(lab, listener) == SECOND, "new connections by the second one")
    talk(near, far)
    gateway.reload(lab.gateway_conf(gateway={"converter": SECOND}, **{"upstream first": {"converter": FIRST}}))
    wait_for(lambda: len(converters(gateway)) == 2, "both to be there")
    assert comes_by(lab, listener) == SECOND
    talk(near, far)
    wait_for(lambda: [s["state"] for s in gateway.ctl("sessions")["sessions"]] == ["relaying"] * 2, "the two of before, and no others")
    load.leave()
    assert "can't be reached" not in gateway.log()


@pytest.mark.convert
def test_keys_of_their_own(lab):
    make_second(lab)
    second_converter(lab, **{"subscriber home": {"key": OTHER_KEY}})
    gateway = lab.gateway(**{"upstream second": {"converter": SECOND, "key": OTHER_KEY}})
    assert comes_by(lab, lab.listen("server")) == SECOND
    assert gateway.ctl("status")["converter"]["peer"] == "braid"


@pytest.mark.convert
def test_what_dhcp_tells_of(lab):
    """In force for its time, or until something else is said; behind what the configuration has."""
    first = lab.converter()
    make_second(lab)
    second_converter(lab)
    gateway = lab.gateway(gateway={"converter": f"{FIRST}, dhcp"})
    listener = lab.listen("server")
    gateway.ctl("dhcp", "l1", "4", option_v4(SECOND), "3600")
    wait_for(lambda: len(converters(gateway)) == 2 and converters(gateway)[1]["answers"], "the second one, which DHCP has told of")
    told = converters(gateway)[1]
    assert (told["name"], told["addresses"], told["provisioned"]) == ("b's DHCP", [f"{SECOND}:5124"], True) and 3500 < told["left_s"] <= 3600
    assert comes_by(lab, listener) == FIRST
    first.kill()
    wait_for(lambda: in_use(gateway) == SECOND, "the second one to be in use")
    near, far, peer = lab.session(listener)
    assert peer == SECOND
    gateway.ctl("dhcp", "b", "4", option_v4(SECOND), "1")   # its lease ends
    wait_for(lambda: len(converters(gateway)) == 1, "the end of what DHCP has told")
    talk(near, far)
    gateway.ctl("dhcp", "b", "4", option_v4(SECOND))
    wait_for(lambda: len(converters(gateway)) == 2, "the second one again")
    gateway.ctl("dhcp", "b", "4", "-")
    assert len(converters(gateway)) == 1
    gateway.ctl("dhcp", "b", "4", option_v4(SECOND))
    lab.run("gw", "ip link del l1")   # nobody asks for leases there any more
    wait_for(lambda: len(converters(gateway)) == 1, "the end of what the link's DHCP has told")


@pytest.mark.convert
def test_one_link_whose_dhcp_is_not_believed_says_nothing_of_the_others(lab):
    gateway = lab.start_gateway(gateway={"converter": "dhcp"}, **{"link a": {"dhcp": "no"}})
    gateway.ctl("dhcp", "b", "4", option_v4(SECOND))
    assert [one["name"] for one in converters(gateway)] == ["b's DHCP"]


@pytest.mark.convert
def test_dhcp_alone_and_a_liar(lab):
    """A converter that lets us in by our address and says that it is Braid hasn't got our key: what DHCP has told of is believed when it has proven that."""
    make_second(lab)
    liar = second_converter(lab, converter={"allow": LINKS_ALLOWED}, **{"subscriber home": {"key": OTHER_KEY}})
    gateway = lab.start_gateway(gateway={"converter": "dhcp"})
    gateway.wait_log("can't be reached .no converter is known")
    gateway.ctl("dhcp", "a", "4", option_v4(SECOND))
    gateway.wait_log("it doesn't prove that it has our key")
    assert lab.bonded() is False
    liar.reload(lab.converter_conf(converter={"allow": LINKS_ALLOWED}, daemon={"state_dir": "/run/braid-conv2", "control": "/run/braid-conv2/control"}))
    gateway.wait_log("the converter answers")
    assert comes_by(lab, lab.listen("server")) == SECOND


@pytest.mark.convert
def test_our_own_connections_to_one_that_dhcp_tells_of(lab):
    """All that this machine begins is caught, but for what goes to a converter; so the watch on a new one isn't."""
    make_second(lab)
    second_converter(lab)
    gateway = lab.start_gateway(gateway={"converter": "dhcp"}, host={"all": "yes"})
    gateway.wait_log("no converter is known")
    gateway.ctl("dhcp", "a", "4", option_v4(SECOND))
    gateway.wait_log("the converter answers")
    listener = lab.listen("server")
    near = lab.connect("gw", "93.10.20.30", listener.getsockname()[1])
    near.sendall(b"!")
    far, peer = lab.accept(listener)
    assert peer == SECOND
    gateway.ctl("dhcp", "a", "4", "-")   # and a session's subflows aren't, either
    assert not converters(gateway)
    assert SECOND in lab.run("gw", "nft list table inet braid")
    assert receive_exactly(far, 1) == b"!"
    talk(near, far)


@pytest.mark.convert
@pytest.mark.parametrize("words, why", [
    (("lo", "4", "04c0000201"), "wanted the name of a"), (("b", "4", "04c0000201"), "link.dhcp = no"), (("a", "5", "04c0000201"), "wanted 4 or 6"),
    (("a", "4", "03c00002"), "wanted the option's value"), (("a", "6", "04c0000201"), "wanted the option's value"), (("a", "4", "xyz"), "wanted the option's value"),
    (("a", "4", "04c0000201", "1h"), "wanted a number of seconds"),
], ids=["link", "distrusted", "family", "value", "other-family", "hex", "lifetime"])
def test_what_is_said_wrongly_is_refused(distrustful, words, why):
    done = distrustful.refused("dhcp", *words)
    assert why in done


@pytest.mark.convert
def test_addresses_of_nobody_are_left_out(distrustful):
    assert "tells of 0 addresses" in distrustful.ctl("dhcp", "a", "4", option_v4("127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "192.0.2.2"))["message"]


@pytest.fixture(scope="module")
def distrustful(tmp_path_factory):
    """A gateway that is asked and told, and needs no converter for that."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    gateway = lab.start_gateway(gateway={"converter": "dhcp"}, **{"link b": {"dhcp": "no"}})

    def refused(*command):
        done = subprocess.run([BRAIDCTL, "-s", gateway.control, *command], capture_output=True, text=True)
        assert done.returncode == 4, done
        return done.stderr
    gateway.refused = refused
    yield gateway
    lab.close()
