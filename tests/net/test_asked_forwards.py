# SPDX-License-Identifier: GPL-2.0-or-later
"""A gateway's [forward NAME] sections: it asks its converter for ports, keeps them, and gives them back."""
import signal

import pytest

from netlab import CONVERTER, CONVERTER_V6, HOST, HOST_V6, SERVER, SERVER_V6, wait_for
from test_mapped import MAPPED, session, wait_turned_away
from test_pcp import CONF, Asker, SUCCESS, restart

WEB = {"forward web": {"host": HOST, "port": 80, "external_port": MAPPED}}
SHORT = {**CONF, "converter": {**CONF["converter"], "mapping_least_s": 1, "mapping_most_s": 8}}


def start(lab, conf=CONF, **gateway):
    lab.conv = lab.converter(**conf)
    lab.gw = lab.gateway(**{**WEB, **gateway})


def forwards(lab):
    return {f["name"]: f for f in lab.gw.ctl("forwards")["forwards"]}


def wait_external(lab, external, name="web"):
    return wait_for(lambda: forwards(lab)[name]["external"] == external and forwards(lab)[name], f"{name} to be at {external}")


def mappings(lab):
    return lab.conv.ctl("mappings")["mappings"]


def kept(lab):
    """(outside, inside) at the converter."""
    return sorted((m["external"], m["internal"]) for m in mappings(lab))


@pytest.mark.parametrize("address, host, server", [(CONVERTER, HOST, SERVER), (CONVERTER_V6, HOST_V6, SERVER_V6)], ids=["v4", "v6"])
def test_a_host_is_reached(lab, address, host, server):
    conf = {**CONF, "converter": {**CONF["converter"], "mapping_address": address}}
    start(lab, conf, **{"forward web": {"host": host, "port": 80, "external_port": MAPPED}})
    external = f"[{address}]:{MAPPED}" if ":" in address else f"{address}:{MAPPED}"
    wait_external(lab, external)
    assert f"is reached from outside at {external}" in lab.gw.log()
    far, near, peer = session(lab, lab.listen("host", 80), address)
    assert peer == server
    assert external in lab.gw.words("forwards")


def test_it_is_renewed(lab):
    start(lab, SHORT)
    wait_external(lab, f"{CONVERTER}:{MAPPED}")
    left = [m["left_s"] for m in mappings(lab)]
    wait_for(lambda: mappings(lab)[0]["left_s"] < left[0], "some of the time to pass")
    seen = mappings(lab)[0]["left_s"]
    wait_for(lambda: mappings(lab)[0]["left_s"] > seen, "the renewal")
    session(lab, lab.listen("host", 80))


def test_it_is_given_back(lab):
    start(lab, **{"forward mail": {"host": HOST, "port": 25}})
    wait_external(lab, f"{CONVERTER}:{MAPPED}")
    wait_for(lambda: len(mappings(lab)) == 2, "both")
    lab.gw.stop()
    wait_for(lambda: not mappings(lab), "them to be given back")
    wait_turned_away(lab)


def test_what_a_reload_changes(lab):
    start(lab, **{"forward mail": {"host": HOST, "port": 25, "external_port": 20007}})
    wait_for(lambda: kept(lab) == [(f"{CONVERTER}:{MAPPED}", f"{HOST}:80"), (f"{CONVERTER}:20007", f"{HOST}:25")], "both")
    lab.gw.reload(lab.gateway_conf(**WEB, **{"forward ssh": {"host": HOST, "port": 22, "external_port": 20008}}))
    wait_for(lambda: kept(lab) == [(f"{CONVERTER}:{MAPPED}", f"{HOST}:80"), (f"{CONVERTER}:20008", f"{HOST}:22")], "mail to go, ssh to come")
    wait_for(lambda: set(forwards(lab)) == {"web", "ssh"} and forwards(lab)["ssh"]["external"], "the gateway to say so")


def test_a_reload_brings_key_and_forward(lab):
    lab.conv = lab.converter(**{**CONF, "converter": {**CONF["converter"], "allow": "192.0.2.0/24, 198.51.100.0/24"}})
    lab.gw = lab.gateway(gateway={"key": None})
    assert not forwards(lab)
    lab.gw.reload(lab.gateway_conf(**WEB))
    wait_external(lab, f"{CONVERTER}:{MAPPED}")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_over_a_restart_of_the_gateway(lab, how):
    start(lab)
    wait_external(lab, f"{CONVERTER}:{MAPPED}")
    lab.gw.stop(how)
    lab.gw = lab.gateway(**WEB)
    wait_external(lab, f"{CONVERTER}:{MAPPED}")
    session(lab, lab.listen("host", 80))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_over_a_restart_of_the_converter(lab, how):
    start(lab)
    wait_external(lab, f"{CONVERTER}:{MAPPED}")
    restart(lab, how)
    session(lab, lab.listen("host", 80))
    assert kept(lab) == [(f"{CONVERTER}:{MAPPED}", f"{HOST}:80")]


def test_a_converter_that_has_forgotten_is_asked_again(lab):
    start(lab)
    wait_external(lab, f"{CONVERTER}:{MAPPED}")
    lab.conv.stop()
    lab.run("conv", "rm -f /run/braid-conv/mappings.sqlite*")
    lab.conv = lab.converter(**CONF)
    wait_for(lambda: kept(lab) == [(f"{CONVERTER}:{MAPPED}", f"{HOST}:80")], "the forward to be there again")
    session(lab, lab.listen("host", 80))


def test_a_port_that_is_taken(lab):
    """Another host has it: another one is given."""
    lab.conv = lab.converter(**CONF)
    lab.gw = lab.gateway(gateway={"port_mapping": "yes"})
    asker = Asker(lab)
    assert asker.map(internal=81, external=MAPPED)[0] == SUCCESS
    lab.gw.reload(lab.gateway_conf(**WEB, gateway={"port_mapping": "yes"}))
    external = wait_for(lambda: "web" in forwards(lab) and forwards(lab)["web"]["external"], "a port")
    assert external.startswith(f"{CONVERTER}:200") and external != f"{CONVERTER}:{MAPPED}"
    assert asker.map(internal=80)[0] == 2, "a host can't take what is the gateway's"


def test_a_converter_that_gives_none(lab):
    start(lab, {**CONF, "subscriber home": {"max_mappings": 0}})
    refused = wait_for(lambda: forwards(lab)["web"]["refused"], "the refusal")
    assert refused == "not authorized" and forwards(lab)["web"]["external"] is None
    lab.gw.wait_log(f"the converter gives {HOST}:80 no port: not authorized")


def test_a_converter_without_an_address_to_give(lab):
    lab.conv = lab.converter()
    lab.gw = lab.gateway(**WEB)
    assert forwards(lab)["web"]["refused"] == "the converter gives no ports: it has no converter.mapping_address"
    lab.conv.stop()
    wait_for(lambda: forwards(lab)["web"]["refused"] == "the converter does not answer", "that nobody is asked")
