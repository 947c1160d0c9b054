# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts that are reached from the Internet: nginx and sshd behind the gateway, NATs, IPv6, a link lost, the converter restarted.

A remote host (the server's node) fetches a file from the host behind the gateway and sends one to it, by [forward NAME] of the
converter: with curl from and to nginx, with scp from and to sshd. Goodput is what was received from --skip seconds after the start to the last
byte, as a share of the sum of the links' rates. Each file is compared by SHA-256, and nginx's log must name the remote host. Parts:
plain; shell (ssh HOST command, and lines to a shell there and back, one after the other); nat (both links masquerade, nothing comes in from outside); prefix (IPv6, and the host seen by servers as itself);
loss (each link loses its carrier under a transfer); restart (of the converter, by SIGTERM and by SIGKILL).
"""
import json
import pathlib
import statistics
import subprocess
import time

from braidlab.daemons import HTTP_PORT, SSH_PORT, Servers, Ssh, write_random
from braidlab.errors import LabError, until
from braidlab.live import mbit, table
from braidlab.measures import steady_bps
from braidlab.sandbox import DIRECTORY
from braidlab.topology import CONVERTER_V4, CONVERTER_V6, LAN_V4, LAN_V6, SERVER_V4, SERVER_V6
from braidlab.traffic import Delivery, Download, upload

OPTIONS = {
    "parts": ("plain,shell,nat,prefix,loss,restart", "what is shown"),
    "seconds": (10.0, "length of each transfer at the links' rates"),
    "skip": (2.0, "seconds at its start that don't count"),
    "least_share": (0.9, "of the links' rates; less is a failure"),
    "lose": ("dsl,lte", "the links that are lost, each by itself"),
    "lost_after": (3.0, "seconds into a transfer"),
    "lost_for": (3.0, "seconds without carrier"),
    "restarts": (3, "restarts of each kind"),
    "stands": (6.0, "seconds that the converter runs before each: a gateway is in no hurry to come back to one that stands for moments"),
    "json": ("", "file for the figures; inbound.json in the build folder unless given"),
}
HOST_V4, HOST_V6 = LAN_V4.format(1, 9), LAN_V6.format(1, 9)
WEB = 8080
URL, URL_V6 = f"http://{CONVERTER_V4}:{WEB}", f"http://[{CONVERTER_V6}]:{WEB}"
FORWARDS = {"web": (f"{CONVERTER_V4}:{WEB}", HOST_V4, HTTP_PORT), "web-v6": (f"[{CONVERTER_V6}]:{WEB}", HOST_V6, HTTP_PORT),
            "ssh": (f"{CONVERTER_V4}:{SSH_PORT}", HOST_V4, SSH_PORT)}
CONF = {f"forward {name}.{key}": value for name, row in FORWARDS.items()
        for key, value in zip(("subscriber", "listen", "host", "port"), ("home", *row))}
PREFIX = LAN_V6.format(1, "") + "/64"
FETCH, SEND = "up", "down"      # what a remote host fetches goes up the links, what it sends goes down


def rate_bps(lab, way):
    return sum(access.up_bps if way == "up" else access.down_bps for access in lab.net.links)


def n_bytes(lab, way):
    return int(lab.options.seconds * rate_bps(lab, way) / 8)


def goodput(lab, title, way, transfer, wanted):
    """One transfer that must be whole: its share of the links' rates."""
    transfer.run()
    lab.braid.check()
    if transfer.digest.hexdigest() != wanted:
        raise LabError(f"{title}: the SHA-256 is not that of the file")
    bps = steady_bps(transfer.rows(), lab.options.skip)
    lab.say(f"{title + ',':<28} {way:<4} {mbit(bps):>6} Mbit/s")
    return {"bps": round(bps), "share": round(bps / rate_bps(lab, way), 3)}


def begin(lab, title, down=True):
    lab.meter.wait_idle()
    lab.screen.begin(title, down)


def web(lab, title, node, url, servers, seen_as, fetched="up"):
    """A fetch and a sending by curl, and who nginx says has come."""
    sent = "down" if fetched == "up" else "up"
    wanted = servers.publish("large", n_bytes(lab, fetched))
    begin(lab, title, fetched == "down")
    figures = {fetched: goodput(lab, title, fetched, Download(node, f"{url}/large"), wanted)}
    source = DIRECTORY / "source"
    wanted = write_random(source, n_bytes(lab, sent))
    begin(lab, title, sent == "down")
    figures[sent] = goodput(lab, title, sent, upload(node, source, url, servers, "sent"), wanted)
    if (seen := servers.clients()) != {seen_as}:
        raise LabError(f"{title}: nginx was to see {seen_as}, and saw {seen}")
    return {"what": title, "seen_as": seen_as, **figures}


def scp(lab, title):
    there = f"{Ssh.USER}@{CONVERTER_V4}:"
    wanted = write_random(lab.ssh.home / "large", n_bytes(lab, FETCH))
    target, source = DIRECTORY / "fetched", DIRECTORY / "source"
    begin(lab, title, False)
    figures = {FETCH: goodput(lab, title, FETCH, Delivery(lab.net.server, lab.ssh.scp(SSH_PORT, there + "large", target), target), wanted)}
    wanted = write_random(source, n_bytes(lab, SEND))
    begin(lab, title)
    figures[SEND] = goodput(lab, title, SEND, Delivery(lab.net.server, lab.ssh.scp(SSH_PORT, source, there + "sent"), lab.ssh.home / "sent"), wanted)
    (lab.ssh.home / "sent").unlink()
    target.unlink()
    return {"what": title, **figures}


def plain(lab):
    return [web(lab, "nginx", lab.net.server, URL, lab.behind, SERVER_V4), scp(lab, "scp")]


def commands(lab, n):
    """ssh HOST command, n times: how long each took, in ms. Its words and its status must come."""
    times = []
    for i in range(n):
        begun_at = time.monotonic()
        done = subprocess.run(lab.net.server.argv(*lab.ssh.shell(CONVERTER_V4, SSH_PORT, f"echo $SSH_CONNECTION; exit {i + 1}")), capture_output=True, text=True, timeout=60)
        times.append(1000 * (time.monotonic() - begun_at))
        if done.returncode != i + 1 or done.stdout.split()[:1] != [SERVER_V4]:
            raise LabError(f"ssh HOST command: status {done.returncode}, expected {i + 1}; said {done.stdout!r}, expected it to come from {SERVER_V4}; {done.stderr}")
    return times


def lines(lab, n):
    """Lines to a shell, each sent when the answer to the one before is there: how long each took, in ms."""
    shell = subprocess.Popen(lab.net.server.argv(*lab.ssh.shell(CONVERTER_V4, SSH_PORT, "sh")), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    times = []
    for i in range(n):
        begun_at = time.monotonic()
        shell.stdin.write(f"echo line {i}\n")
        if (heard := shell.stdout.readline()) != f"line {i}\n":
            raise LabError(f"the shell said {heard!r}, expected line {i}")
        times.append(1000 * (time.monotonic() - begun_at))
    shell.stdin.write("exit 42\n")
    if (status := shell.wait(60)) != 42:
        raise LabError(f"the shell ended with {status}, expected 42")
    return times[1:]     # the first waits for the shell to be there


def shell(lab):
    figures = {"command_ms": round(statistics.median(commands(lab, 5)), 1), "line_ms": round(statistics.median(lines(lab, 30)), 1)}
    lab.braid.check()
    lab.say(f"ssh HOST command: {figures['command_ms']} ms; a line to a shell and its answer: {figures['line_ms']} ms (medians of 5 and 29)")
    return figures


def nat(lab):
    """Both links lead through a NAT: nobody reaches the gateway from outside."""
    links = ", ".join(access.name for access in lab.net.links)
    lab.net.core.run("nft", f"""table inet nat {{
	chain out {{ type nat hook postrouting priority srcnat; iifname {{ {links} }} oifname converter masquerade; }}
	chain in {{ type filter hook forward priority 0; oifname {{ {links} }} ct state new drop; }}
}}""")
    try:
        lab.braid.restart(CONF)
        return [web(lab, "nginx, links behind NAT", lab.net.server, URL, lab.behind, SERVER_V4), scp(lab, "scp, links behind NAT")]
    finally:
        lab.net.core.run("nft", "delete table inet nat")


def prefix(lab):
    """The hosts' prefix leads to the converter from the server's side, and on from there."""
    lab.net.converter.sysctl({"net.ipv6.conf.all.forwarding": 1})
    lab.net.core.ip(f"-6 route add {PREFIX} via {CONVERTER_V6} table 77")
    lab.net.core.ip(f"-6 rule add iif server to {PREFIX} lookup 77")
    lab.braid.restart({**CONF, "subscriber home.address_mode": "prefix", "subscriber home.prefix": PREFIX})
    return [web(lab, "nginx, IPv6", lab.net.server, URL_V6, lab.behind, SERVER_V6),
            web(lab, "outgoing, prefix mode", lab.net.host, f"http://[{SERVER_V6}]", lab.servers, HOST_V6, fetched="down")]


def losing(lab, access, way, transfer, wanted):
    """The longest time without a byte of a transfer under which the link is lost, and comes back."""
    seen = {}

    def lose():
        until(lambda: transfer.arrivals, 10, "the transfer to begin")
        time.sleep(lab.options.lost_after)
        seen["at"] = time.monotonic()
        access.link.lose_carrier()
        time.sleep(lab.options.lost_for)
        seen["within"] = transfer.ended_at is None
        access.link.regain_carrier()
    transfer.run_beside(lose)
    lab.braid.wait_link(access)
    if transfer.digest.hexdigest() != wanted or not seen["within"]:
        raise LabError(f"{access.name} lost, {way}: the SHA-256 is not that of the file, or the transfer ended before the link was back")
    gap_ms = round(1000 * transfer.longest_gap(seen["at"] - 0.1)[0])
    lab.say(f"{access.name} lost, {way}: {gap_ms} ms without a byte, SHA-256 equal")
    return {"link": access.name, "way": way, "gap_ms": gap_ms}


def loss(lab):
    rows = []
    fetched, sent = lab.behind.publish("large", n_bytes(lab, FETCH)), write_random(DIRECTORY / "source", n_bytes(lab, SEND))
    for access in map(lab.net.link, lab.options.lose.split(",")):
        begin(lab, f"{access.name} is lost", False)
        rows.append(losing(lab, access, FETCH, Download(lab.net.server, f"{URL}/large"), fetched))
        begin(lab, f"{access.name} is lost")
        rows.append(losing(lab, access, SEND, upload(lab.net.server, DIRECTORY / "source", URL, lab.behind, "sent"), sent))
        lab.braid.check()
    return rows


def ask_again(lab, started_at):
    """New connections one after the other until one is answered: ms from the start to its beginning and to its answer."""
    n_refused = 0
    while time.monotonic() < started_at + 20:
        begun_at = time.monotonic()
        if not subprocess.run(lab.net.server.argv("curl", "-sf", "-o", "/dev/null", "--max-time", "10", f"{URL}/small")).returncode:
            return {"refused": n_refused, "begun_ms": round(1000 * (begun_at - started_at)), "answered_ms": round(1000 * (time.monotonic() - started_at))}
        n_refused += 1
    raise LabError("no remote host reaches the host after the converter's restart")


def restart(lab):
    rows = []
    lab.behind.publish("small", 1000)
    for kill in (False, True) * lab.options.restarts:
        ask_again(lab, time.monotonic())    # the gateway is there
        time.sleep(lab.options.stands)
        rows.append({"kill": kill, **ask_again(lab, lab.braid.restart_converter(kill)[1])})
        lab.say(f"{'killed' if kill else 'ended'} and started: the connection that was answered began after {rows[-1]['begun_ms']} ms, "
                f"was answered after {rows[-1]['answered_ms']} ms; {rows[-1]['refused']} before it were not")
    return rows


PARTS = {"plain": plain, "shell": shell, "nat": nat, "prefix": prefix, "loss": loss, "restart": restart}


def show(lab, got):
    def words(figure):
        return f"{mbit(figure['bps'])} ({figure['share']:.2f})"
    rows = [[row["what"], words(row["up"]), words(row["down"]), row.get("seen_as", "")] for part in ("plain", "nat", "prefix") for row in got.get(part, [])]
    if rows:
        lab.say(table(rows, ["Mbit/s (of the links' rates)", "up", "down", "nginx saw"]))
    if "loss" in got:
        lab.say(table([[row["link"], row["way"], f"{row['gap_ms']} ms"] for row in got["loss"]], ["lost link", "transfer", "without a byte"]))
    for kill in (False, True):
        if rows := [row for row in got.get("restart", []) if row["kill"] == kill]:
            lab.say(f"converter {'killed' if kill else 'ended'} and started {len(rows)} times: answered after {min(r['answered_ms'] for r in rows)} to "
                    f"{max(r['answered_ms'] for r in rows)} ms a connection begun after {min(r['begun_ms'] for r in rows)} to {max(r['begun_ms'] for r in rows)}")


def check(lab, got):
    faults = [f"{row['what']}, {way}: {row[way]['share']}" for part in ("plain", "nat", "prefix") for row in got.get(part, [])
              for way in ("up", "down") if row[way]["share"] < lab.options.least_share]
    if faults:
        raise LabError(f"less than {lab.options.least_share} of the links' rates: " + "; ".join(faults))


def run(lab):
    parts = lab.options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        raise LabError(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    lab.standard(conf=CONF)
    lab.behind, lab.ssh = Servers(lab.net.host), Ssh(lab.net.host)
    for access in lab.net.links:
        lab.say(f"link {access.name}: {mbit(access.down_bps)} Mbit/s down, {mbit(access.up_bps)} up, {access.rtt_ms} ms round trip")
    got = {part: PARTS[part](lab) for part in parts}
    show(lab, got)
    path = pathlib.Path(lab.options.json or lab.build / "inbound.json")
    path.write_text(json.dumps(got, indent=2) + "\n")
    lab.say(f"figures: {path}")
    check(lab, got)
