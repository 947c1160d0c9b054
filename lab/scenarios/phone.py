# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with Wi-Fi and LTE and no hosts behind it: its own programs' connections, bonded by braidd on the machine itself ([host]).

Downloads over each link alone, then over both, then with the Wi-Fi lost midway; and how long the first byte takes. Connections to port 80 are chosen; those to
port 8080 go their ordinary way beside them.
"""
import statistics
import time

from braidlab.daemons import OTHER_HTTP_PORT
from braidlab.errors import LabError, until
from braidlab.live import mbit, table
from braidlab.measures import steady_bps
from braidlab.topology import CONVERTER_V4, SERVER_V4, Access
from braidlab.traffic import Download, request_times

OPTIONS = {
    "megabytes": (40, "size of each download"),
    "skip_s": (1.0, "seconds at the beginning of a download that don't count: slow start"),
    "requests": (11, "small requests, for the time to the first byte"),
    "least_share": (0.85, "of the links' own goodputs together; less is a failure"),
    "most_gap_ms": (3000, "a longer time without a byte is a failure"),
}


def download(lab, title, url, wanted, *options, beside=None):
    lab.meter.wait_idle()
    lab.screen.begin(title)
    transfer = Download(lab.net.gateway, url, *options)
    transfer.run_beside(lambda: beside(transfer)) if beside else transfer.run()
    if transfer.digest.hexdigest() != wanted:
        raise LabError(f"{title}: the SHA-256 is not that of the file")
    return transfer


def lose(lab, access):
    def beside(transfer):
        until(lambda: transfer.n_bytes() > lab.options.megabytes * 300_000, 60, "a third of the download")
        access.link.lose_carrier()
    return beside


def first_byte_ms(lab, port):
    return statistics.median(request_times(lab.net.gateway, f"http://{SERVER_V4}:{port}/small")[1] for _ in range(lab.options.requests))


def goodput_rows(lab, wanted):
    rows, alone_bps = [], 0.0
    for access in lab.net.links:
        transfer = download(lab, f"{access.name} alone", f"http://{SERVER_V4}:{OTHER_HTTP_PORT}/large", wanted, "--interface", access.gateway_v4)
        bps = steady_bps(transfer.rows(), lab.options.skip_s)
        alone_bps += bps
        rows.append([f"{access.name} alone", f"{mbit(bps)} Mbit/s", ""])
    before = {access.name: access.link.get()["ba"]["bytes"] for access in lab.net.links}
    bps = steady_bps(download(lab, "both, by Braid", f"http://{SERVER_V4}/large", wanted).rows(), lab.options.skip_s)
    carried = ", ".join(f"{access.name} {(access.link.get()['ba']['bytes'] - before[access.name]) / 1e6:.1f} MB" for access in lab.net.links)
    rows.append(["both, by Braid", f"{mbit(bps)} Mbit/s, {bps / alone_bps:.2f} of the sum", carried])
    if bps < lab.options.least_share * alone_bps:
        raise LabError(f"both together carry {bps / alone_bps:.2f} of what they carry alone, at least {lab.options.least_share} was wanted")
    return rows


def loss_row(lab, wanted):
    lost = lab.net.links[0]
    begun_at = time.monotonic()
    transfer = download(lab, f"{lost.name} is lost midway", f"http://{SERVER_V4}/large", wanted, beside=lose(lab, lost))
    gap_s, _ = transfer.longest_gap(begun_at + lab.options.skip_s)
    lost.link.regain_carrier()
    lab.braid.wait_link(lost)
    if gap_s * 1000 > lab.options.most_gap_ms:
        raise LabError(f"{gap_s * 1000:.0f} ms without a byte, at most {lab.options.most_gap_ms} were wanted")
    return [f"{lost.name} is lost midway", "SHA-256 equal", f"longest time without a byte {gap_s * 1000:.0f} ms"]


def run(lab):
    lab.standard([Access("wifi", 40_000_000, 10_000_000, 20), Access("lte", 30_000_000, 10_000_000, 45)], conf={"gateway.lan": None, "host.ports": 80})
    wanted = lab.servers.publish("large", lab.options.megabytes * 1_000_000)
    lab.servers.publish("small", 1000)
    first_byte_ms(lab, 80)   # from now on the server is known to accept
    if lab.servers.clients() != {CONVERTER_V4}:
        raise LabError("connections to port 80 are not bonded")
    rows = goodput_rows(lab, wanted)
    rows.append(loss_row(lab, wanted))
    rows.append(["first byte of a small answer", f"{first_byte_ms(lab, 80):.0f} ms", f"{first_byte_ms(lab, OTHER_HTTP_PORT):.0f} ms without Braid"])
    lab.braid.check()
    lab.say(table(rows, ["a phone's own programs", "", ""]))
