# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scheme can do, by trying it, in the network of tests/net: a process of its own for each, `trials.py SCHEME PART...`, that prints JSON.

Parts: same (how many of the scenarios of tests/net/test_same.py end as over plain routing), ends (sessions from either end), policy (a rule at each end), native (hosts
that speak Multipath TCP themselves), boxes (tests/net/middlebox.py).
"""
import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "net"))
sys.dont_write_bytecode = True

import middlebox  # noqa: E402  (the path comes first)
import route  # noqa: E402
import schemes  # noqa: E402
import tcp_stage  # noqa: E402
import test_same  # noqa: E402
from netlab import CONVERTER, HOST, IPPROTO_MPTCP, SERVER, Lab, receive_exactly, wait_for  # noqa: E402
from tcp_scenarios import SCENARIOS  # noqa: E402

FORWARDED, WEB = 8080, 80
SHORT_S = 5
BOTH_FAMILIES = {"converter": {"allow": route.CLIENTS, "intercept": route.CLIENTS, "intercept_join": f"{route.CORE}, {route.CORE_V6}"}}


def laboratory(directory):
    return Lab(directory, delays_ms={"a": 2, "b": 2})


def goes_by_proxies(lab, listener):
    near, far, peer = lab.session(listener)
    near.close()
    far.close()
    return peer != HOST


def same(directory, scheme, whole):
    """{mode: [as over plain routing, of so many]}; which ones differ."""
    scenarios = SCENARIOS if whole else [scenario for scenario in SCENARIOS if scenario.plain]
    lab = laboratory(directory)
    tcp_stage.prepare(lab, SCENARIOS, scheme.on_path)
    plain = test_same.perform_all(lab, scenarios)
    schemes.start_converter(lab, scheme, {"limits": test_same.LIMITS, "daemon": {"drain_timeout_ms": 0}, **(BOTH_FAMILIES if scheme.on_path else {})})
    out, listener = {}, lab.listen("server", FORWARDED)
    for mode in test_same.MODES:
        gateway = schemes.start_gateway(lab, scheme, test_same.gateway_conf(mode, scheme.on_path))
        assert goes_by_proxies(lab, listener)    # else it would be as over plain routing, of course
        seen = test_same.perform_all(lab, scenarios)
        assert goes_by_proxies(lab, listener)
        gateway.stop()
        differ = [s.name for s in scenarios if seen[s.name].without_times() != plain[s.name].without_times()]
        out[mode] = {"same": len(scenarios) - len(differ), "of": len(scenarios), "differ": differ}
    lab.close()
    return out


def answered(lab, node, address, port, listener, gateway):
    """Who a connection comes from that carries a byte each way, and whether it is a session of the gateway's; or the error."""
    wait_for(lambda: not gateway.ctl("sessions")["sessions"], "no session of before")
    near = lab.socket(node, timeout=SHORT_S)
    try:
        near.connect((address, port))
        near.sendall(b"?")
        listener.settimeout(SHORT_S)
        far, peer = lab.accept(listener)
        far.settimeout(SHORT_S)
        assert receive_exactly(far, 1) == b"?"
        far.sendall(b"!")
        assert receive_exactly(near, 1) == b"!"
        sessions = gateway.ctl("sessions")["sessions"]
        far.close()
        return {"peer": peer, "bonded": bool(sessions)}
    except OSError as error:
        return {"error": type(error).__name__}
    finally:
        near.close()


def ends(directory, scheme, whole):
    """Of a connection from either side; from the Internet to the converter's address, or to the host's own where the scheme knows nothing else."""
    lab = laboratory(directory)
    forward = {"forward web": {"subscriber": "home", "listen": f"{CONVERTER}:{FORWARDED}", "host": HOST, "port": WEB}}
    gateway, _ = schemes.start(lab, scheme, {}, {} if "inbound" in scheme.lacks else forward)
    server, host = lab.listen("server", FORWARDED), lab.listen("host", WEB)
    where = (HOST, WEB) if "inbound" in scheme.lacks else (CONVERTER, FORWARDED)
    out = {"from hosts": answered(lab, "host", SERVER, FORWARDED, server, gateway), "from the Internet": answered(lab, "server", *where, host, gateway)}
    lab.close()
    return out


def policy(directory, scheme, whole):
    """What becomes of a host's connection to a server that a rule rejects, at the gateway and at the converter."""
    out, rule = {}, {"policy": {"rule": f"reject to {SERVER}"}}
    for place in ("gateway", "converter"):
        with tempfile.TemporaryDirectory(dir=directory) as inner:
            lab = laboratory(inner)
            gateway, _ = schemes.start(lab, scheme, rule if place == "gateway" else {}, rule if place == "converter" else {})
            out[place] = answered(lab, "host", SERVER, FORWARDED, lab.listen("server", FORWARDED), gateway)
            lab.close()
    return out


def native(directory, scheme, whole):
    """A host's own Multipath TCP to a server that speaks it: whether it stays that, and who the server sees."""
    lab = laboratory(directory)
    schemes.start(lab, scheme)
    listener = lab.socket("server", protocol=IPPROTO_MPTCP)
    listener.bind((SERVER, WEB))
    listener.listen()
    near = lab.socket("host", protocol=IPPROTO_MPTCP)
    near.connect((SERVER, WEB))
    near.sendall(b"?")
    far, peer = lab.accept(listener)
    assert receive_exactly(far, 1) == b"?"
    out = {"peer": peer, "Multipath TCP at the host": f"{SERVER}:{WEB}" in lab.run("host", "ss -HtnM state established"),
           "Multipath TCP at the server": f":{WEB}" in lab.run("server", "ss -HtnM state established")}
    lab.close()
    return out


def boxes(directory, scheme, whole):
    """[box, where, when, checksums, outcomes]; scheme None: plain routing. All of the matrix is `make check-middlebox`."""
    lab, rows = laboratory(directory), []
    listener = lab.listen("server")
    converter = schemes.start_converter(lab, scheme, middlebox.CONF) if scheme else None
    for checksums in (False, True) if scheme else (False,):
        middlebox.set_checksums(lab, checksums)
        for box in middlebox.BOXES:
            for where in ("a", "both"):
                for when in middlebox.WHEN[1:] if whole else middlebox.WHEN[1:2]:
                    if checksums and not box.alters:
                        continue
                    outcomes = middlebox.run_cell(lab, listener, scheme, box, where, when, converter if checksums else None)
                    rows.append({"box": box.name, "where": where, "when": when, "checksums": checksums,
                                 "outcomes": [{"what": o.what, "how": o.how, "seconds": o.seconds, "detail": o.detail} for o in outcomes]})
    lab.close()
    return rows


PARTS = {"same": same, "ends": ends, "policy": policy, "native": native, "boxes": boxes}


def main(name, whole, parts):
    scheme = next((scheme for scheme in schemes.SCHEMES if scheme.name == name), None)
    out = {}
    for part in parts:
        with tempfile.TemporaryDirectory() as directory:
            out[part] = PARTS[part](directory, scheme, whole == "whole")
        print(f"  {name}, {part}: done", file=sys.stderr, flush=True)
    print(json.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
