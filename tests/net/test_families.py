# SPDX-License-Identifier: GPL-2.0-or-later
"""Links of which one has IPv4 alone and the other IPv6 alone carry one session (decision 0035); and nothing of IPv6 passes Braid by where the links have IPv4 alone."""
import pytest

from netlab import CONVERTER, CONVERTER_V6, SERVER, SERVER_V6, wait_for
from test_rejoin import subflows, talk, use

BOTH = f"{CONVERTER}, {CONVERTER_V6}"
ANNOUNCED = {"announce": BOTH}
LINKS = {"a": "l0", "b": "l1"}


def keep_v6_alone(lab, name):
    lab.run("gw", f"ip -4 addr flush dev {LINKS[name]}")


def keep_v4_alone(lab, name):
    lab.run("gw", f"ip -6 addr flush dev {LINKS[name]} scope global; ip -6 route del default dev {LINKS[name]}")


def begin(lab, address=SERVER):
    pair = lab.session(lab.listen("server"), address)[:2]
    talk([pair])
    return pair


@pytest.mark.parametrize("first", ["v4", "v6"])
def test_one_session_over_links_of_two_families(lab, first):
    """Whichever it begins on."""
    keep_v4_alone(lab, "a" if first == "v4" else "b")
    keep_v6_alone(lab, "b" if first == "v4" else "a")
    lab.converter(converter=ANNOUNCED)
    gateway = lab.gateway(gateway={"converter": BOTH})
    pairs = [begin(lab, address) for address in (SERVER, SERVER_V6)]
    wait_for(lambda: subflows(gateway, "a") == subflows(gateway, "b") == 2, "a subflow of each session over either link")
    use(lab, gateway, pairs, "a")
    use(lab, gateway, pairs, "b")
    lab.set_carrier("a", False)
    wait_for(lambda: subflows(gateway, "a") == 0, "the link that they began on to be left")
    talk(pairs)
    lab.set_carrier("a", True)
    wait_for(lambda: subflows(gateway, "a") == 2, "both sessions on it again")
    use(lab, gateway, pairs, "a")
    lab.set_carrier("b", False)
    wait_for(lambda: subflows(gateway, "b") == 0, "the other link to be left")
    talk(pairs)
    lab.set_carrier("b", True)
    wait_for(lambda: " dev l1 " in lab.run("gw", "ip mptcp endpoint"), "the other link to be taken up")
    new = begin(lab)      # the old ones are told of the other family's address once, and don't come back
    wait_for(lambda: subflows(gateway, "b") == 1, "a new session on both links")
    use(lab, gateway, [new], "b")


def test_a_link_with_both_families_and_one_with_one(lab):
    """The family that both have is taken, and no subflow is there twice."""
    keep_v6_alone(lab, "b")
    lab.converter(converter=ANNOUNCED)
    gateway = lab.gateway(gateway={"converter": BOTH})
    pair = begin(lab)
    wait_for(lambda: subflows(gateway, "b") == 1, "a subflow over the link with IPv6 alone")
    use(lab, gateway, [pair], "a")
    use(lab, gateway, [pair], "b")
    assert subflows(gateway, "a") == subflows(gateway, "b") == 1


def test_what_is_announced_brings_no_second_subflow(lab):
    """To a gateway whose links have both."""
    lab.converter(converter=ANNOUNCED)
    gateway = lab.gateway(gateway={"converter": BOTH})
    pair = begin(lab)
    wait_for(lambda: subflows(gateway, "b") == 1, "a subflow over the other link")
    use(lab, gateway, [pair], "a")
    assert subflows(gateway, "a") == subflows(gateway, "b") == 1


def test_ipv6_of_hosts_is_bundled_over_links_without_it(lab):
    for name in LINKS:
        keep_v4_alone(lab, name)
    lab.converter()
    gateway = lab.gateway()
    pair = begin(lab, SERVER_V6)
    wait_for(lambda: subflows(gateway, "a") == subflows(gateway, "b") == 1, "a subflow over either link")
    use(lab, gateway, [pair], "b")
    assert lab.bonded(address=SERVER_V6), "it would leave by another way, if there were one"
