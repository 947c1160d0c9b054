# SPDX-License-Identifier: GPL-2.0-or-later
"""A second converter beside the lab's, in a node of its own behind the core router."""
import os

from netlab import CONVERTER, Daemon, merged, set_up, wait_for

FIRST, SECOND, SECOND_V6 = CONVERTER, "93.10.30.5", "2a00:30::5"
MAKE_SECOND = f"""
set -e
ip netns add conv2
ip -n conv2 link set lo up
ip -n core link add d0 type veth peer name c0 netns conv2
ip -n core link set d0 up; ip -n conv2 link set c0 up
ip -n core addr add 93.10.30.1/24 dev d0; ip -n core addr add 2a00:30::1/64 dev d0 nodad
ip -n conv2 addr add {SECOND}/24 dev c0; ip -n conv2 addr add {SECOND_V6}/64 dev c0 nodad
ip -n conv2 route add default via 93.10.30.1; ip -n conv2 route add default via 2a00:30::1
"""


def make_second(lab):
    set_up(MAKE_SECOND)
    lab.nodes["conv2"] = os.open("/run/netns/conv2", os.O_RDONLY)


def second_converter(lab, **changes):
    conf = merged(lab.converter_conf(), {"daemon": {"state_dir": "/run/braid-conv2", "control": "/run/braid-conv2/control"}})
    return Daemon(lab, "conv2", merged(conf, changes))


def both(lab, **gateway):
    """Both converters and a gateway that has heard of both."""
    make_second(lab)
    first, second = lab.converter(), second_converter(lab)
    gateway = lab.gateway(gateway=gateway, **{"upstream second": {"converter": SECOND}})
    wait_for(lambda: all(one["answers"] for one in converters(gateway)) and in_use(gateway) == FIRST, "both converters to be known, and the first to be in use")
    return first, second, gateway


def converters(gateway):
    return gateway.ctl("status")["converter"]["converters"]


def in_use(gateway):
    return next((one["addresses"][0].rpartition(":")[0] for one in converters(gateway) if one["used"]), None)


def hush(lab, address):
    """No packet of a converter's comes through any more, and nobody says so."""
    lab.run("core", "nft 'add table inet hush; add chain inet hush c { type filter hook forward priority 0; };"
            f"add rule inet hush c ip daddr {address} drop; add rule inet hush c ip saddr {address} drop'")


def end_hush(lab):
    lab.run("core", "nft delete table inet hush")
