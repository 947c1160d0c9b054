# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of a subscriber: each by itself, with real traffic; what is counted and kept; and fifty of them, one at its limits."""
import json
import pathlib
import re
import signal
import socket
import threading
import time

import pytest

from gateways import hammering, key_of, set_up_times, taking
from netlab import CONVERTER, SERVER, counter, receive_all, receive_exactly, wait_for
from test_converter_input import INFO, NOT_AUTHORIZED, RESOURCE_EXCEEDED, SUCCESS, answer_of, client, connect, error_of, message, ticket

STATE = pathlib.Path("/run/braid-conv")
MB = 1000000


def subscribers(**limits):
    """Sections of the configuration, one for each name: its limits."""
    return {"subscriber home": None, **{f"subscriber {name}": {"key": key_of(name), **keys} for name, keys in limits.items()}}


def start(lab, **limits):
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    lab.listener = lab.listen("server")
    lab.conv = lab.converter(**subscribers(**limits))
    return lab.conv


def reload(lab, **limits):
    n = lab.conv.log().count("the configuration was read again")
    lab.conv.reload(lab.converter_conf(**subscribers(**limits)))
    lab.conv.wait_log("the configuration was read again", n + 1)


def request(lab, name, port=None):
    to = (SERVER, port or lab.listener.getsockname()[1])
    return message(ticket(*to, key=key_of(name)), connect(*to))


def session(lab, name):
    """A session of the subscriber's: the gateway's end, the server's."""
    sock = client(lab, request(lab, name))
    assert answer_of(sock) == SUCCESS
    return sock, lab.accept(lab.listener)[0]


def refusal(lab, name):
    """Seconds after which to ask again."""
    code, value = error_of(lab, request(lab, name))
    assert code == RESOURCE_EXCEEDED, f"expected error {RESOURCE_EXCEEDED}, saw {code} {value.hex()}"
    return value[0]


def figures(lab, name):
    return next(s for s in lab.conv.ctl("subscribers")["subscribers"] if s["name"] == name)


def expect(lab, name, **expected):
    """A session that ends is counted out a moment later than its peer sees it."""
    def seen():
        all_of_it = figures(lab, name)
        flat = {**all_of_it, **{f"over_{k}": v for k, v in all_of_it["refused"].items()}}
        return {key: flat[key] for key in expected}

    wait_for(lambda: seen() == expected or not lab.conv.running(), f"{name}: {expected}")


def still_works(pair):
    near, far = pair
    near.sendall(b"up")
    assert receive_exactly(far, 2) == b"up"
    far.sendall(b"down")
    assert receive_exactly(near, 4) == b"down"


def end(pair):
    for sock in pair:
        sock.close()


def move(pair, n_bytes):
    """Down; in pieces that the sockets' buffers hold."""
    near, far = pair
    while n_bytes:
        n = min(n_bytes, 1 << 16)
        far.sendall(bytes(n))
        assert len(receive_exactly(near, n)) == n
        n_bytes -= n


def move_counted(lab, name, pair, n_bytes):
    """And waits until it counts: the last of it does a moment after it has arrived, and another worker may be asked meanwhile."""
    before = figures(lab, name)["down_bytes"]
    move(pair, n_bytes)
    wait_for(lambda: figures(lab, name)["down_bytes"] >= before + n_bytes, f"{name}: {n_bytes} bytes more counted")


def test_sessions(lab):
    start(lab, a={"max_sessions": 2}, b={"max_sessions": 2})
    pairs = [session(lab, "a") for _ in range(2)]
    assert 1 <= refusal(lab, "a")
    end(session(lab, "b"))
    lab.conv.wait_log(r"subscriber a is at its limit \(max_sessions\)")
    for pair in pairs:
        still_works(pair)
    expect(lab, "a", sessions=2, opened=2, over_max_sessions=1, over_max_new_per_s=0, over_volume=0, up_bytes=4, down_bytes=2 * 8)
    expect(lab, "b", sessions=0, opened=1, over_max_sessions=0)
    end(pairs.pop())
    expect(lab, "a", sessions=1)
    pairs.append(session(lab, "a"))
    reload(lab, a={"max_sessions": 3}, b={})
    pairs.append(session(lab, "a"))
    assert refusal(lab, "a")
    reload(lab, a={"max_sessions": 1}, b={})
    for pair in pairs:
        still_works(pair)
    expect(lab, "a", sessions=3, over_max_sessions=2)


def test_new_sessions_a_second(lab):
    """A burst, and then as many as seconds go by; another's, a question and a ticket shown again take nothing of it."""
    start(lab, a={"max_new_per_s": 1, "max_new_burst": 3}, b={})
    begun, once, kept_open, refused = time.monotonic(), request(lab, "a"), [], []
    for sent in [once, *(request(lab, "a") for _ in range(19))]:
        sock = client(lab, sent)
        answer = answer_of(sock)
        if answer == SUCCESS:
            kept_open.append((sock, lab.accept(lab.listener)[0]))
        else:
            refused.append(answer[6:8])
    assert 3 <= len(kept_open) <= 4 + (time.monotonic() - begun), f"{len(kept_open)} of 20 served"
    assert set(refused) == {bytes([RESOURCE_EXCEEDED, 1])}
    expect(lab, "a", opened=len(kept_open), over_max_new_per_s=len(refused), over_max_sessions=0)
    assert error_of(lab, once)[0] == NOT_AUTHORIZED, "used before, and its connection lives"
    end(session(lab, "b"))
    assert answer_of(client(lab, question("a")))[4] == 21
    expect(lab, "a", opened=len(kept_open), over_max_new_per_s=len(refused))
    for pair in kept_open:
        still_works(pair)
    wait_for(lambda: is_served(lab, "a"), "one more, a second later")
    reload(lab, a={}, b={})
    for _ in range(5):
        end(session(lab, "a"))


def question(name):
    """What a gateway asks that watches its converter."""
    return message(ticket("::", 0, key=key_of(name)), INFO)


def is_served(lab, name):
    sock = client(lab, request(lab, name))
    if answer_of(sock) != SUCCESS:
        return False
    end((sock, lab.accept(lab.listener)[0]))
    return True


def test_who_is_refused_takes_no_place_in_the_memory_of_tickets(lab):
    """Which is everybody's: a subscriber who tries all the time would keep the others out."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    lab.listener = lab.listen("server")
    lab.conv = lab.converter(**subscribers(a={"max_sessions": 1}, b={}), converter={"ticket_memory": 1024})
    pair = session(lab, "a")
    for _ in range(2500):
        sock = client(lab, request(lab, "a"))
        assert receive_exactly(sock, 8)[6] == RESOURCE_EXCEEDED
        sock.close()
    for _ in range(20):
        end(session(lab, "b"))
    assert counter(lab.conv, "tickets_not_remembered") == 0
    still_works(pair)


RATE_MBIT = 8
BURST_BYTES = RATE_MBIT * 125000 // 10


def pump(pair, sent, n_bytes):
    """Sends down in a thread of its own, until all is sent."""
    def run():
        pair[1].sendall(bytes(n_bytes))
        sent.append(n_bytes)
        pair[1].close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_rate(lab):
    """Two downloads of one subscriber take as long as their bytes must at least; another's are through long before; nothing is lost; a reload sets them free."""
    start(lab, a={"rate_mbit": RATE_MBIT}, b={})
    n_bytes = 2 * MB
    slow, free = [session(lab, "a") for _ in range(2)], session(lab, "b")
    begun, sent = time.monotonic(), []
    threads = [pump(pair, sent, n_bytes) for pair in slow]
    threads.append(pump(free, sent, 5 * n_bytes))
    assert len(receive_all(free[0])) == 5 * n_bytes
    expect(lab, "b", down_bytes=5 * n_bytes + len(SUCCESS))
    assert figures(lab, "a")["down_bytes"] < 2 * n_bytes, "those with a rate have only begun"
    for pair in slow:   # one after the other: what the second has got meanwhile waits in its socket, and all of it at last
        assert receive_all(pair[0]) == bytes(n_bytes)
    took_s = time.monotonic() - begun
    least_s = (2 * n_bytes - BURST_BYTES) / (RATE_MBIT * 125000)
    assert took_s >= least_s * 0.99, f"{2 * n_bytes} bytes at {RATE_MBIT} Mbit/s take {least_s:.1f} s, these took {took_s:.1f} s"
    for thread in threads:
        thread.join()


def test_rate_upwards_and_reload(lab):
    """What waits for a rate of next to nothing goes on at once when a reload takes the rate away."""
    start(lab, a={"rate_mbit": 1})
    near, far = session(lab, "a")
    n_bytes = 30 * MB   # four minutes
    thread = threading.Thread(target=lambda: (near.sendall(bytes(n_bytes)), near.shutdown(socket.SHUT_WR)), daemon=True)
    thread.start()
    receive_exactly(far, 20000)
    reload(lab, a={})
    assert len(receive_all(far)) == n_bytes - 20000
    thread.join()
    expect(lab, "a", up_bytes=n_bytes)


def test_rate_sleeps(lab):
    """A daemon whose sessions all wait for their rate does nothing: no turning round and round."""
    conv = start(lab, a={"rate_mbit": 1})
    pairs = [session(lab, "a") for _ in range(5)]
    for pair in pairs:
        pair[1].setblocking(False)
        while True:
            try:
                pair[1].send(bytes(1 << 16))
            except BlockingIOError:
                break
    before = counter(conv, "steps"), figures(lab, "a")["down_bytes"]
    wait_for(lambda: figures(lab, "a")["down_bytes"] > before[1] + 200000, "two hundred kilobytes more")
    n_steps, n_bytes = counter(conv, "steps") - before[0], figures(lab, "a")["down_bytes"] - before[1]
    assert n_steps < 100 + n_bytes / 16384 * 20, f"{n_steps} steps for {n_bytes} bytes"


@pytest.mark.parametrize("key,period", [("volume_mb_per_day", "day_bytes"), ("volume_mb_per_month", "month_bytes")])
def test_volume(lab, key, period):
    """Beyond it new sessions are refused and those that run go on; a gateway that asks learns it, too."""
    start(lab, a={key: 2}, b={})
    pair = session(lab, "a")
    move_counted(lab, "a", pair, 2 * MB)
    assert refusal(lab, "a") == 255
    lab.conv.wait_log(r"subscriber a is at its limit \(volume_mb_per_day or volume_mb_per_month\)")
    move_counted(lab, "a", pair, MB)
    still_works(pair)
    end(session(lab, "b"))
    code, value = error_of(lab, question("a"))
    assert (code, value[0]) == (RESOURCE_EXCEEDED, 255)
    seen = figures(lab, "a")
    assert seen[period] == seen["up_bytes"] + seen["down_bytes"] >= 3 * MB
    expect(lab, "a", sessions=1, opened=1, over_volume=1)
    reload(lab, a={key: 4}, b={})
    end(session(lab, "a"))
    reload(lab, b={})
    still_works(pair)
    assert error_of(lab, request(lab, "a"))[0] == NOT_AUTHORIZED
    assert figures(lab, "a")["configured"] is False


def test_hosts_go_the_ordinary_way_beyond_a_volume(lab):
    """The gateway asks when it is turned away for long."""
    volume = {"volume_mb_per_day": 1}
    lab.conv, gateway = lab.converter(**{"subscriber home": volume}), lab.gateway()
    listener = lab.listen("server")
    near, far, peer = lab.session(listener)
    assert peer == CONVERTER
    move_counted(lab, "home", (near, far), MB)
    assert lab.bonded(listener) is None, "the first one is reset"
    gateway.wait_log("can't be reached .resource exceeded")
    wait_for(lambda: lab.bonded(listener) is False, "the ordinary way")
    move((near, far), MB)
    lab.conv.reload(lab.converter_conf())
    wait_for(lambda: lab.bonded(listener), "bonded again")
    still_works((near, far))


def kept(name):
    try:
        return json.loads((STATE / "volumes.json").read_text())["subscribers"][name]["day_bytes"]
    except (FileNotFoundError, KeyError):
        return 0


def again(lab, **limits):
    lab.conv = lab.converter(**subscribers(**limits))


def test_volumes_outlive_the_daemon(lab):
    """A stop keeps all of it; kill -9 what was written last, which is no older than ten seconds."""
    start(lab, a={"volume_mb_per_day": 5}, b={})
    pair = session(lab, "a")
    move(pair, MB)
    lab.conv.tell(signal.SIGTERM)
    end(pair)
    assert lab.conv.stop() == 0
    n_first = kept("a")
    assert n_first == MB + len(SUCCESS)
    again(lab, a={"volume_mb_per_day": 5}, b={})
    assert figures(lab, "a")["day_bytes"] == n_first
    pair = session(lab, "a")
    move(pair, 4 * MB)
    n_all = n_first + 4 * MB + len(SUCCESS)   # the last of it is counted when it has arrived
    wait_for(lambda: kept("a") == n_all, "the file written again")
    lab.conv.kill()
    end(pair)
    again(lab, a={"volume_mb_per_day": 5}, b={})
    assert figures(lab, "a")["day_bytes"] == figures(lab, "a")["month_bytes"] == n_all
    assert figures(lab, "b")["day_bytes"] == 0
    assert refusal(lab, "a") == 255
    assert lab.conv.stop() == 0


GOOD = {"day": 1, "day_bytes": 5, "month": 1, "month_bytes": 5}
BAD_FILES = {
    "empty": "", "cut off": '{"format": 1, "subscribers": {"a"', "binary": "\0\1\2", "a list": "[]", "another format": '{"format": 2, "subscribers": {}}',
    "no subscribers": '{"format": 1}', "subscribers in a list": '{"format": 1, "subscribers": [1]}',
    "negative": json.dumps({"format": 1, "subscribers": {"b": GOOD, "a": {**GOOD, "day_bytes": -1}}}),
    "too large": json.dumps({"format": 1, "subscribers": {"a": {**GOOD, "month": 1 << 40}}}),
    "a text": json.dumps({"format": 1, "subscribers": {"a": {**GOOD, "month_bytes": "5"}}}),
    "a long name": json.dumps({"format": 1, "subscribers": {"a" * 32: GOOD}}),
    "deep": "[" * 100000,
}


def test_a_file_that_is_no_good_is_a_warning(lab):
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    lab.listener = lab.listen("server")
    STATE.mkdir()
    for name, text in BAD_FILES.items():
        (STATE / "volumes.json").write_text(text)
        again(lab, a={})
        assert re.search(r"cannot use /run/braid-conv/volumes.json: .*; subscribers' volumes begin at 0", lab.conv.log()), f"{name}: {lab.conv.log()}"
        assert (STATE / "volumes.json.bad").read_text() == text
        assert figures(lab, "a")["day_bytes"] == 0
        assert lab.conv.stop() == 0
    again(lab, a={})
    end(session(lab, "a"))
    assert lab.conv.ctl("status")["warnings"] == []


@pytest.mark.parametrize("months", [-1, 0, 1, 600])
def test_a_file_of_another_date_is_kept(lab, months):
    """A clock that is wrong at the start, by much or little: what the file has isn't lost, whichever of the two is right."""
    lab.run("gw", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    lab.listener = lab.listen("server")
    STATE.mkdir()
    now = time.localtime()
    month, day = now.tm_year * 12 + now.tm_mon - 1 + months, int(time.time()) // 86400 + 31 * months
    written = {"day": day, "day_bytes": 5, "month": month, "month_bytes": 7 * MB}
    (STATE / "volumes.json").write_text(json.dumps({"format": 1, "subscribers": {"a": written}}))
    for n in (1, 2):   # and not over the daemon's second run either
        again(lab, a={})
        assert figures(lab, "a")["month_bytes"] == (n - 1) * (MB + len(SUCCESS)) + (7 * MB if months == 0 else 0)
        assert ("of a later date than today's" in lab.conv.log()) == (months > 0)
        pair = session(lab, "a")
        move(pair, MB)
        end(pair)
        assert lab.conv.stop() == 0
        all_of_it = json.loads((STATE / "volumes.json").read_text())["subscribers"]["a"]
        if months:
            assert (all_of_it["aside_month"], all_of_it["aside_month_bytes"]) == (month, 7 * MB), all_of_it
    assert not (STATE / "volumes.json.bad").exists()


def test_a_file_that_cannot_be_looked_for_is_a_warning(lab):
    STATE.mkdir()
    (STATE / "volumes.json").symlink_to("volumes.json")
    again(lab, a={})
    assert "cannot look for /run/braid-conv/volumes.json: Too many levels of symbolic links" in lab.conv.log()


def test_a_file_that_cannot_be_written_is_a_warning(lab):
    start(lab, a={})
    (STATE / "volumes.json.new").mkdir()
    end(session(lab, "a"))
    assert lab.conv.stop() == 0
    assert "cannot write /run/braid-conv/volumes.json: Is a directory" in lab.conv.log()


def test_table(lab):
    start(lab, a={"volume_mb_per_day": 5000, "rate_mbit": 20}, b={})
    text = lab.conv.words("subscribers")
    head, *rows = text.splitlines()
    assert head.split()[:2] == ["SUBSCRIBER", "SESSIONS"]
    assert any(row.split()[0] == "a" and "20 Mbit/s" in row and "0 B of 5.0 GB" in row for row in rows), text


def test_fifty_gateways_one_of_them_at_its_limits(lab):
    """It is refused all the time, and nobody else ever is. How long the others wait is measured by bench/fifty-gateways."""
    others = [f"g{i}" for i in range(49)]
    start(lab, loud={"max_sessions": 10, "max_new_per_s": 5, "max_new_burst": 5}, **{name: {"max_sessions": 40, "max_new_per_s": 1000} for name in others})
    port = lab.listener.getsockname()[1]
    with taking(lab, lab.listener), hammering(lab, "loud", port):
        wait_for(lambda: figures(lab, "loud")["refused"]["max_new_per_s"], "the first refusal")
        assert set_up_times(lab, others, port, 10)[1] == 0
        refused = figures(lab, "loud")["refused"]
        wait_for(lambda: figures(lab, "loud")["refused"]["max_new_per_s"] > refused["max_new_per_s"] or
                 figures(lab, "loud")["refused"]["max_sessions"] > refused["max_sessions"], "one more refusal")
    for name in others:
        expect(lab, name, sessions=0, opened=10, over_max_sessions=0, over_max_new_per_s=0, over_volume=0)
    assert counter(lab.conv, "tickets_not_remembered") == counter(lab.conv, "over_half_open") == 0
