# SPDX-License-Identifier: GPL-2.0-or-later
"""Middleboxes on one link or both: a session works, byte for byte, or ends with an error that the host is told within the time-out of connect(); nothing hangs, nothing arrives as something else
but what plain TCP would bring so, too.

BRAID_MIDDLEBOX=whole: all of the matrix; what stands in `make check` is its core.
"""
import os

import pytest

from middlebox import BOXES, CLEAR, CONF, CONNECT_TIMEOUT_S, HALF_BYTES, SLACK_S, WHEN, WHERE, WORD, run_cell, set_boxes, set_checksums
from netlab import SERVER, Lab, close_with_reset, receive_exactly, send_in_background
from schemes import MOST, WHOLE, start_converter, start_gateway

CORE_WHERE, CORE_WHEN = ("a", "both"), WHEN[1:2]
ALTERING = [box for box in BOXES if box.alters]


@pytest.fixture(scope="module", params=[None, *MOST], ids=lambda scheme: scheme.name if scheme else "plain routing")
def cells(request, tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"), delays_ms={"a": 2, "b": 2})
    listener = lab.listen("server")
    converter = start_converter(lab, request.param, CONF) if request.param else None
    yield lab, lambda *cell: run_cell(lab, listener, request.param, *cell), request.param, converter
    assert not converter or converter.running(), converter.log()
    lab.close()


@pytest.mark.parametrize("when", WHEN if WHOLE else CORE_WHEN)
@pytest.mark.parametrize("where", WHERE if WHOLE else CORE_WHERE)
@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.name)
def test_works_or_says_so(cells, box, where, when):
    _, run, scheme, _ = cells
    outcomes = run(box, where, when)
    print(*outcomes, sep="; ")
    for outcome in outcomes:
        assert outcome.is_clear() or box.alters and outcome.is_what_tcp_has(), outcomes
        if not box.alters:
            assert outcome.what == "works" or when == WHEN[2] or box.learns, outcomes
    assert outcomes[-1].what == "works" or box.alters or when == WHEN[2] or "declaring" in scheme.lacks, outcomes


@pytest.mark.parametrize("when", WHEN[1:] if WHOLE else CORE_WHEN)
@pytest.mark.parametrize("where", WHERE if WHOLE else CORE_WHERE[1:])
@pytest.mark.parametrize("box", ALTERING if WHOLE else ALTERING[:1], ids=lambda box: box.name)
def test_checksums_find_what_was_altered(cells, box, where, when):
    """But for what bears none; and whatever is found, the host is told. On a connection's only subflow Linux would deliver what it has found, too (decision 0037), so the second one has
    joined when the later word comes."""
    lab, run, scheme, converter = cells
    if not scheme:
        pytest.skip("plain TCP has no such checksums")
    set_checksums(lab, True)
    try:
        outcomes = run(box, where, when, converter)
    finally:
        set_checksums(lab, False)
    print(*outcomes, sep="; ")
    for outcome in outcomes:
        assert outcome.is_clear() or box.unseen and outcome.is_what_tcp_has(), outcomes


@pytest.mark.skipif(not WHOLE, reason="it is about few")
def test_only_what_the_server_says_first_is_altered(cells):
    """The host hears it, as it would by plain TCP, or is reset; also where nothing that it sends shows that something is wrong."""
    lab, _, scheme, _ = cells
    gateway = start_gateway(lab, scheme, CONF) if scheme else None
    set_boxes(lab, "ab", "rewrite=2")
    listener, rest = lab.listen("server"), bytes(HALF_BYTES)
    near = lab.connect("host", SERVER, listener.getsockname()[1], timeout=CONNECT_TIMEOUT_S + SLACK_S)
    far, _ = lab.accept(listener)
    far.sendall(WORD)
    try:
        assert receive_exactly(near, len(WORD)) != WORD
        pid = send_in_background(far, rest)
        assert len(receive_exactly(near, len(rest))) == len(rest)
        os.waitpid(pid, 0)
    except ConnectionResetError:
        pass
    close_with_reset(near)
    assert not gateway or gateway.stop() == 0
    set_boxes(lab, "ab", CLEAR)
