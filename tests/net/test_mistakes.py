# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong at a first set-up: hosts have what they had before, and somebody is told what to do."""
import subprocess

from netlab import BRAIDCTL, BRAIDD, CONVERTER, HOST, KEY, PATIENCE_S, SERVER, wait_for

# Of the LAN it takes in what it knows, and no more.
STRICT = """
table inet filter {
	chain input { type filter hook input priority 0; policy drop; ct state established,related accept; iifname "lo" accept
		meta l4proto { icmp, icmpv6 } accept; iifname "lan0" udp dport { 53, 67 } accept; }
}
"""


SOUND = f"[converter]\n[subscriber home]\nkey = {KEY}\n"


def check(path):
    done = subprocess.run([BRAIDD, "--check", "-c", path], capture_output=True, text=True, timeout=PATIENCE_S)
    return done.returncode, done.stdout, done.stderr


def test_what_check_says(tmp_path):
    """Of a file as an editor of another system writes it, and as it is read here by all."""
    conf = tmp_path / "braid.conf"
    conf.write_bytes(b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").encode())
    conf.chmod(0o644)
    tmp_path.chmod(0o755)
    assert check(conf) == (0, "the configuration is sound\n", f"braidd: warning: {conf} has keys or passwords in it, and everybody on this machine can read it: chmod 600 {conf}\n")
    conf.chmod(0o600)
    assert check(conf) == (0, "the configuration is sound\n", "")
    conf.chmod(0o644)
    tmp_path.chmod(0o700)
    assert check(conf) == (0, "the configuration is sound\n", "")
    assert check(tmp_path) == (5, "", f"braidd: error: cannot read {tmp_path}: Is a directory; name the configuration file with -c FILE\n")
    conf.write_text(SOUND + "keys = 1\n")
    status, out, error = check(conf)
    assert (status, out) == (5, "") and f"{conf}:4: found unknown key 'keys' in [subscriber home]" in error


def failure(lab, node, text, *before):
    """What a daemon that can't begin says last."""
    conf = lab.directory / "fails.conf"
    conf.write_text(text + f"[daemon]\ncontrol = /run/braid-{node}/control\nstate_dir = /run/braid-{node}\n")
    program = lab.start(node, *before, BRAIDD, "-c", conf)
    assert program.process.wait(PATIENCE_S) == 1, program.log()
    return program.log().rstrip("\n").split("\n")[-1].removeprefix("braidd: error: ")


def test_why_a_daemon_cannot_begin(lab):
    lab.listen("conv", 5124)
    assert failure(lab, "conv", SOUND) == "cannot listen on [::]:5124: Address already in use; another program listens there: 'ss -ltnp' names it"
    assert failure(lab, "conv", f"[converter]\nlisten = 203.0.113.66:5124\n{SOUND}") == \
        "cannot listen on 203.0.113.66:5124: Cannot assign requested address; this machine doesn't have that address now"
    assert failure(lab, "conv", SOUND, "setpriv", "--inh-caps", "-all", "--bounding-set", "-all").endswith("; braidd needs root, or CAP_NET_ADMIN, and CAP_NET_BIND_SERVICE for ports below 1024")
    lab.run("conv", "sysctl -w net.mptcp.enabled=0")
    assert "this kernel has no Multipath TCP for us: it is switched off: sysctl -w net.mptcp.enabled=1" in failure(lab, "conv", SOUND)


def words(daemon):
    return subprocess.run([BRAIDCTL, "-s", daemon.control, "status"], check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout


def test_hosts_come_by_no_such_interface(lab):
    gateway = lab.start_gateway(gateway={"lan": "br-lan, lan0"})
    gateway.wait_log("gateway.lan: no host comes by br-lan: there is no such interface now")
    assert "hosts      come by br-lan (there is no such interface now), lan0\n" in words(gateway)
    lab.run("gw", "ip link add br-lan type bridge; ip link set br-lan up; ip link set lan0 master br-lan")
    wait_for(lambda: "come by br-lan, lan0 (it is a port of another interface" in words(gateway), "the bridge is seen")


def test_a_machine_that_does_not_forward(lab):
    lab.run("gw", "sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")
    gateway = lab.start_gateway()
    gateway.wait_log("this machine does not forward")
    assert "ago: this machine does not forward" in words(gateway)


def test_no_room_for_what_is_kept(lab):
    """Of state_dir nothing depends but what is known after a crash."""
    lab.run("gw", "mkdir /run/full; mount -t tmpfs -o size=8k none /run/full; yes | dd of=/run/full/all bs=4k 2>/dev/null; true")
    gateway = lab.start_gateway(daemon={"state_dir": "/run/full"})
    gateway.wait_log("cannot write /run/full/sysctls: No space left on device; a crash would leave settings")
    assert "subflows 8" in lab.run("gw", "ip mptcp limits")
    assert gateway.log().count("No space left") == 1
    gateway.stop()
    assert "subflows 8" not in lab.run("gw", "ip mptcp limits"), "what was changed is known, as long as the daemon lives"


def test_a_firewall_turns_away_what_is_caught(lab):
    """New connections go the ordinary way when that has shown, and are bonded by a daemon that begins when it is mended."""
    lab.run("gw", f"nft '{STRICT}'")
    lab.converter()
    gateway, first, listener = lab.gateway(daemon={"workers": 1}), lab.listen("server"), lab.listen("server")
    first.settimeout(PATIENCE_S + 31)   # on a machine that stands still for seconds the hosts' fifth SYN may be the one that passes, 31 s after the first
    for _ in range(4):
        lab.socket("host", timeout=0).connect_ex((SERVER, first.getsockname()[1]))
    gateway.wait_log("let it accept what has the mark 0x5124 on its way in")
    came = []
    while came.count(HOST) < 4:   # those that were turned away come the ordinary way, behind the converter's, who asks no more of a destination that has accepted
        came.append(lab.accept(first)[1])
    assert set(came) == {CONVERTER, HOST}
    assert lab.bonded(listener) is False
    assert "come by lan0 (a firewall of this machine seems to turn away" in words(gateway)
    lab.run("gw", "nft add rule inet filter input meta mark 0x5124 accept")
    gateway.stop()
    gateway = lab.gateway(daemon={"workers": 1})
    wait_for(lambda: lab.bonded(listener), "bonded, now that the firewall lets them")
    assert "come by lan0\n" in words(gateway)
