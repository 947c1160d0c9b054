# SPDX-License-Identifier: GPL-2.0-or-later
"""relay.congestion = auto (decision 0018): bulk over a link that loses packets at random is changed to bbr, whichever end sends; what a gateway learnt of
its link, its next session begins with, and a converter's to the same gateway. A name fixes it."""
import pytest

from bulk import Bulk
from netlab import Lab, counter, wait_for
from test_second_attempt import lose_answers_on_link_a

LOSS_PATIENCE_S = 60


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path, delays_ms={"a": 10, "b": 10})
    for name in "ab":
        lab.set_link(name, "rate_bps=50000000")   # more would have a busy machine's own queues taken for the link's
    lab.set_link("a", "loss_ppm=20000")
    yield lab
    lab.close()


def congestion(daemon):
    """Of its sessions, the newest last."""
    sessions = sorted(daemon.ctl("sessions")["sessions"], key=lambda session: -session["age_s"])
    return [session["congestion"] for session in sessions]


@pytest.mark.parametrize("way", ["down", "up"])
def test_bulk_over_a_lossy_link_is_changed(lab, way):
    converter, gateway = lab.converter(), lab.gateway()
    sender, other = (converter, gateway) if way == "down" else (gateway, converter)
    bulk = Bulk(lab, way)
    wait_for(lambda: congestion(sender) == ["bbr"], f"{way}: bbr", LOSS_PATIENCE_S)
    assert congestion(other) == ["cubic"]
    assert counter(sender, "to_bbr") == 1 and counter(other, "to_bbr") == 0
    session = sender.ctl("sessions")["sessions"][0]
    assert sender.ctl("why", session["id"])["verdict"].startswith("Multipath TCP with 2 subflows, sending with bbr")
    near, far, _ = lab.session(lab.listen("server"))
    assert congestion(sender)[-1] == "bbr" and congestion(other)[-1] == "cubic"
    lose_answers_on_link_a(lab)
    taken = counter(converter, "taken_over")
    wait_for(lambda: lab.session(lab.listen("server")) and counter(converter, "taken_over") > taken, "a second attempt to be put in the first one's place")
    assert congestion(sender)[-1] == "bbr"
    bulk.leave()


@pytest.mark.parametrize("way", ["down", "up"])
def test_bulk_that_loses_little_is_paced(lab, way):
    """As a queue of a few packets has it: too little for bbr (decision 0048)."""
    lab.set_link("a", "loss_ppm=3000")
    converter, gateway = lab.converter(), lab.gateway()
    sender, other = (converter, gateway) if way == "down" else (gateway, converter)
    bulk = Bulk(lab, way)
    wait_for(lambda: counter(sender, "paced"), f"{way}: packets to be sent apart from each other", LOSS_PATIENCE_S)
    assert counter(other, "paced") == 0
    assert congestion(sender) == ["cubic"] or counter(sender, "to_bbr")   # which comes where a link loses more for a while
    bulk.leave()


def test_a_name_fixes_it(lab):
    converter, gateway = lab.converter(relay={"congestion": "reno"}), lab.gateway(relay={"congestion": "reno"})
    bulk = Bulk(lab, "down")
    wait_for(lambda: converter.ctl("sessions")["sessions"][0]["down_bytes"] > 30_000_000, "some bulk to have passed", LOSS_PATIENCE_S)
    assert congestion(converter) == congestion(gateway) == ["reno"]
    assert counter(converter, "to_bbr") == counter(converter, "to_cubic") == counter(converter, "paced") == 0
    bulk.leave()
