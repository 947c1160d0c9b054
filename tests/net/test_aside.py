# SPDX-License-Identifier: GPL-2.0-or-later
"""A link that keeps a better one waiting stands aside (decision 0031): on connections that run, whichever end sends, and new ones don't begin on it; it carries all the same where
no other link works, and is tried again."""
import pytest

from bulk import Bulk
from netlab import Lab, counter, link, receive_exactly, wait_for

PATIENCE_S = 60
TRIED_AFTER_S = 40                 # 15, on a machine with other work
IDLE_BYTES = 50_000                # handshakes, keep-alives, acknowledgements that were under way


@pytest.fixture
def lab(tmp_path):
    """100 Mbit/s of 20 ms, and 1 Mbit/s of 1.5 s that has as much of queue: what stands in it, 37 MB wait for, far more than any buffer or window takes."""
    lab = Lab(tmp_path, delays_ms={"a": 10, "b": 750})
    lab.set_link("a", "rate_bps=100000000")
    lab.set_link("b", "rate_bps=1000000")
    lab.set_link("b", "queue_ms=1500")
    lab.conv = lab.converter()
    lab.gw = lab.gateway()
    yield lab
    lab.close()


def carried(lab, name="b"):
    row = link(lab.gw, name)
    return row["rx_bytes"] + row["tx_bytes"]


def silence(lab):
    """Until the link carries nothing worth speaking of, for a second and more of bulk."""
    def is_silent():
        before, other = carried(lab), carried(lab, "a")
        wait_for(lambda: carried(lab, "a") - other > 12_500_000, "bulk over link a")
        return carried(lab) - before < IDLE_BYTES
    wait_for(is_silent, "link b silent", PATIENCE_S)


@pytest.mark.parametrize("way", ["down", "up"])
def test_a_link_that_spoils_a_better_one_stands_aside(lab, way):
    near, far, _ = lab.session(lab.listen("server"))
    bulk = Bulk(lab, way)
    wait_for(lambda: link(lab.gw, "b")["aside"], f"{way}: link b aside", PATIENCE_S)
    sender = lab.conv if way == "down" else lab.gw
    assert counter(sender, "spoilt") >= 2
    assert counter(lab.conv, "spoilt_told") >= 2 if way == "down" else counter(lab.conv, "spoilt_told") == 0
    assert link(lab.gw, "b")["closed"] and not link(lab.gw, "a")["closed"] and not link(lab.gw, "a")["aside"]
    assert link(lab.gw, "b")["why"].startswith(f"it kept better links waiting: {way}loads of ")
    lab.gw.wait_log(r"link b stands aside: it kept better links waiting: .*; it is tried again in 15 s")
    silence(lab)
    begun_on_b = link(lab.gw, "b")["sessions_first"]
    lab.session(lab.listen("server"))
    assert link(lab.gw, "b")["sessions_first"] == begun_on_b
    lab.gw.wait_log(r"link b is tried again", patience_s=TRIED_AFTER_S)
    bulk.leave()
    near.sendall(b"still there")
    assert receive_exactly(far, 11) == b"still there"


def test_it_carries_where_no_other_works(lab):
    bulk = Bulk(lab, "down")
    wait_for(lambda: link(lab.gw, "b")["aside"], "link b aside", PATIENCE_S)
    bulk.leave()
    wait_for(lambda: not lab.gw.ctl("sessions")["sessions"], "the bulk's session to be over, with its subflows", PATIENCE_S)
    near, far, _ = lab.session(lab.listen("server"))
    near.sendall(b"over the good one")
    assert receive_exactly(far, 17) == b"over the good one"
    wait_for(lambda: link(lab.gw, "b")["subflows"] >= 1, "the session on link b, too")
    lab.set_carrier("a", False)
    for sender, reader in ((near, far), (far, near)):
        sender.sendall(b"and over the other")
        assert receive_exactly(reader, 18) == b"and over the other"
