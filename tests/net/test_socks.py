# SPDX-License-Identifier: GPL-2.0-or-later
"""The converter as a SOCKS5 server: who may, what for, what each is told, names, and connections that it waits for."""
import socket

import pytest

from netlab import CONVERTER, CONVERTER_V6, HOST, PROHIBITED, SERVER, SERVER_V6, SILENT, UNREACHABLE, close_with_reset, counter, receive_all, receive_exactly, wait_for
from socks import (BIND, FAILURE, HOST_UNREACHABLE, NO_AUTHENTICATION, NO_METHOD, NOT_ALLOWED, PASSWORD, PORT, REFUSED, SUCCEEDED, UDP_ASSOCIATE,
                   UNKNOWN_COMMAND, UNKNOWN_TYPE, USER, WITH_PASSWORD, answering, asked, greeting, logged_in, login, named, over_file, read_reply, request)

CONVERTER_CONF = {"converter": {"signalling": "convert, socks5", "bind_ports": "7000-7009"}, f"subscriber {USER}": {"password": PASSWORD}}
ENDPOINTS = pytest.mark.parametrize("server", [SERVER, SERVER_V6], ids=["v4", "v6"])


@pytest.fixture(scope="module")
def socks(tmp_path_factory):
    from netlab import Lab
    lab = Lab(tmp_path_factory.mktemp("lab"))
    with named(lab):
        lab.conv = lab.converter(**CONVERTER_CONF)
        yield lab
    lab.close()


def serves(listener, sock, data=b"question"):
    far, _ = listener.accept()
    far.settimeout(sock.gettimeout())
    sock.sendall(data)
    assert receive_exactly(far, len(data)) == data
    far.sendall(b"answer")
    assert receive_exactly(sock, 6) == b"answer"
    return far


@ENDPOINTS
@pytest.mark.parametrize("client", [CONVERTER, CONVERTER_V6], ids=["by-v4", "by-v6"])
def test_a_subscriber_is_served_and_told_where_his_connection_begins(socks, server, client):
    listener, port = answering(socks)
    sock, (code, bound, bound_port) = asked(socks, server, port, address=client)
    assert (code, bound) == (SUCCEEDED, CONVERTER if server == SERVER else CONVERTER_V6)
    far, peer = socks.accept(listener)
    assert far.getpeername()[1] == bound_port
    sock.sendall(b"half")
    sock.shutdown(socket.SHUT_WR)
    assert receive_all(far) == b"half"
    far.sendall(b"other half")
    far.close()
    assert receive_all(sock) == b"other half"


def test_all_at_once(socks):
    listener, port = answering(socks)
    sock = socks.connect("host", CONVERTER, PORT)
    sock.sendall(greeting(WITH_PASSWORD) + login() + request(SERVER, port) + b"question")
    far, _ = socks.accept(listener)
    assert receive_exactly(far, 8) == b"question"
    assert receive_exactly(sock, 4) == bytes([5, WITH_PASSWORD, 1, 0])
    assert read_reply(sock)[0] == SUCCEEDED


def test_byte_by_byte(socks):
    listener, port = answering(socks)
    sock = socks.connect("host", CONVERTER, PORT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in greeting(NO_AUTHENTICATION, WITH_PASSWORD) + login() + request(SERVER, port):
        sock.send(bytes([byte]))
    assert receive_exactly(sock, 4) == bytes([5, WITH_PASSWORD, 1, 0])
    assert read_reply(sock)[0] == SUCCEEDED
    serves(listener, sock)


@pytest.mark.parametrize("user, password", [(USER, "wrong"), ("stranger", PASSWORD), ("other", "x"), (USER, PASSWORD + "x"), (USER, PASSWORD[:-1])])
def test_a_wrong_password_is_the_end(socks, user, password):
    before = counter(socks.conv, "logins_wrong")
    sock = socks.connect("host", CONVERTER, PORT)
    sock.sendall(greeting(WITH_PASSWORD) + login(user, password) + request(SERVER, 9))
    assert receive_all(sock) == bytes([5, WITH_PASSWORD, 1, 1])
    assert counter(socks.conv, "logins_wrong") == before + 1


def test_nobody_is_served_without_a_password(socks):
    sock = socks.connect("host", CONVERTER, PORT)
    sock.sendall(greeting(NO_AUTHENTICATION, 1))
    assert receive_all(sock) == bytes([5, NO_METHOD])


@pytest.mark.parametrize("hostile", [b"\5\0", greeting(WITH_PASSWORD) + b"\4", b"\4\1"], ids=["no-methods", "version-inside", "socks4"])
def test_what_is_no_socks5_is_turned_away(socks, hostile):
    sock = socks.connect("host", CONVERTER, PORT)
    sock.sendall(hostile)
    try:
        assert len(receive_all(sock)) < 32
    except ConnectionResetError:
        pass


@pytest.mark.parametrize("where, expected", [(UNREACHABLE, HOST_UNREACHABLE), (PROHIBITED, HOST_UNREACHABLE), (HOST, NOT_ALLOWED), ("127.0.0.1", NOT_ALLOWED), (CONVERTER, NOT_ALLOWED),
                                             ("::1", NOT_ALLOWED), ("0.0.0.0", NOT_ALLOWED), (SERVER, REFUSED)])
def test_what_became_of_it_is_told(socks, where, expected):
    sock, (code, bound, port) = asked(socks, where, 9)
    assert (code, bound, port) == (expected, "0.0.0.0", 0)
    assert receive_all(sock) == b""


def test_port_0_is_no_destination(socks):
    assert asked(socks, SERVER, 0)[1][0] == NOT_ALLOWED


def test_commands_that_are_not_served(socks):
    assert asked(socks, "0.0.0.0", 0, UDP_ASSOCIATE)[1][0] == UNKNOWN_COMMAND
    sock = logged_in(socks)
    sock.sendall(b"\5\1\0\2")
    assert read_reply(sock)[0] == UNKNOWN_TYPE


@pytest.mark.parametrize("name", ["both.example", "four.example", "six.example", "second.example", "mixed.example", "FOUR.example", "four.example.", SERVER])
def test_a_name_is_looked_up_here(socks, name):
    listener, port = answering(socks)
    sock, (code, bound, _) = asked(socks, name, port)
    assert code == SUCCEEDED
    serves(listener, sock)


@pytest.mark.parametrize("name, expected", [("none.example", HOST_UNREACHABLE), ("private.example", NOT_ALLOWED), ("loop.example", NOT_ALLOWED), ("localhost", NOT_ALLOWED),
                                            ("127.0.0.1", NOT_ALLOWED), ("..", HOST_UNREACHABLE), ("a b", HOST_UNREACHABLE), ("x" * 255, HOST_UNREACHABLE), ("four.example:80", HOST_UNREACHABLE),
                                            ("silent.example", FAILURE)])
def test_names_that_lead_nowhere(socks, name, expected):
    sock, (code, _, _) = asked(socks, name, 80)
    assert code == expected
    assert receive_all(sock) == b""


def test_a_name_server_that_is_silent_holds_nobody_up(socks):
    slow = logged_in(socks)
    slow.sendall(request("silent.example", 80))
    listener, port = answering(socks)
    sock, (code, _, _) = asked(socks, "four.example", port)
    assert code == SUCCEEDED
    serves(listener, sock)
    close_with_reset(slow)


def test_another_name_server_is_known_with_the_next_configuration(lab):
    with named(lab):
        (lab.directory / "resolv.conf").write_text("nameserver 127.0.0.9\n")
        lab.conv = lab.converter(**CONVERTER_CONF)
        assert asked(lab, "four.example", 9)[1][0] == FAILURE
        (lab.directory / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        lab.conv.reload(lab.converter_conf(**CONVERTER_CONF))
        lab.conv.wait_log("the configuration was read again")
        wait_for(lambda: asked(lab, "four.example", 9)[1][0] == REFUSED, "the name is known")


@ENDPOINTS
def test_a_connection_that_is_waited_for(socks, server):
    sock, (code, bound, port) = asked(socks, server, 0, BIND)
    assert (code, bound) == (SUCCEEDED, CONVERTER if server == SERVER else CONVERTER_V6)
    assert 7000 <= port <= 7009
    far = socks.connect("server", bound, port)
    assert read_reply(sock) == (SUCCEEDED, server, far.getsockname()[1])
    far.sendall(b"from outside")
    assert receive_exactly(sock, 12) == b"from outside"
    sock.sendall(b"back")
    assert receive_exactly(far, 4) == b"back"
    assert not socks.run("conv", f"ss -Hltn sport = :{port}").strip(), "one connection, and nobody listens any more"


def test_somebody_else_is_not_who_was_waited_for(socks):
    before = counter(socks.conv, "binds_wrong")
    sock, (code, bound, port) = asked(socks, SERVER, 80, BIND)
    assert code == SUCCEEDED
    with pytest.raises(ConnectionResetError):
        socks.connect("gw", bound, port).recv(1)
    assert counter(socks.conv, "binds_wrong") == before + 1
    far = socks.connect("server", bound, port)
    assert read_reply(sock)[0] == SUCCEEDED
    far.sendall(b"x")
    assert receive_exactly(sock, 1) == b"x"


def test_a_client_that_goes_takes_its_port_along(socks):
    sock, (_, _, port) = asked(socks, SERVER, 80, BIND)
    sock.close()
    wait_for(lambda: not socks.run("conv", f"ss -Hltn sport = :{port}").strip(), "the port is free")


def shared_conf(lab):
    """Two more subscribers, and one worker: the shares are divided among those."""
    return lab.converter_conf(**CONVERTER_CONF, daemon={"workers": 1}, **{f"subscriber {name}": {"password": "p"} for name in ("bob", "carol")})


def test_nobody_has_all_ports_to_wait_on(lab):
    """Half of them are one subscriber's at most."""
    lab.conv = lab.converter(**shared_conf(lab))
    seen = {name: [asked(lab, SERVER, 80, BIND, user=name, password=password) for _ in range(n)]
            for name, password, n in ((USER, PASSWORD, 6), ("bob", "p", 6), ("carol", "p", 1))}
    assert {name: [reply[0] for _, reply in all] for name, all in seen.items()} == {
        USER: [SUCCEEDED] * 5 + [FAILURE], "bob": [SUCCEEDED] * 5 + [FAILURE], "carol": [FAILURE]}
    assert counter(lab.conv, "over_share") == 2, "and for carol none was left"
    for sock, _ in seen[USER]:
        sock.close()
    wait_for(lambda: asked(lab, SERVER, 80, BIND, user="carol", password="p")[1][0] == SUCCEEDED, "a port for carol")
    assert asked(lab, SERVER, 80, BIND)[1][0] == SUCCEEDED


def test_nobody_has_all_names_looked_up(lab):
    """A name server that is silent: what one subscriber has asked for leaves places to others, his clients having gone, too."""
    with over_file("/etc/resolv.conf", f"nameserver {SILENT}\n", lab.directory):
        conf = shared_conf(lab)
        lab.conv = lab.converter(**conf | {"converter": conf["converter"] | {"convert_timeout_ms": 60000}})

        def logged_in(name, password):
            sock = lab.connect("host", CONVERTER, PORT)
            sock.sendall(greeting(WITH_PASSWORD) + login(name, password))
            assert receive_exactly(sock, 4) == bytes([5, WITH_PASSWORD, 1, 0])
            return sock

        def ask(sock):
            sock.sendall(request("four.example", 80))
            return sock

        clients = [logged_in(USER, PASSWORD) for _ in range(257)]   # a name is given up after some seconds: they all ask at once
        last = clients.pop()
        for sock in clients:
            ask(sock).close()
        wait_for(lambda: counter(lab.conv, "names_asked") == 256, "the names to be asked for")
        assert read_reply(ask(last))[0] == FAILURE
        assert counter(lab.conv, "over_share") == 1
        ask(logged_in("bob", "p"))
        wait_for(lambda: counter(lab.conv, "names_asked") == 258, "bob's name to be asked for")
        assert counter(lab.conv, "over_share") == 1


@pytest.mark.parametrize("where", [HOST, "0.0.0.0", "127.0.0.1"])
def test_nobody_is_waited_for_who_may_not_be_connected_to(socks, where):
    assert asked(socks, where, 80, BIND)[1][0] == NOT_ALLOWED


def test_policy_limits_and_prefixes(lab):
    conf = lab.converter_conf(**CONVERTER_CONF, policy={"rule": f"reject to {SERVER_V6}"}, **{"subscriber bob": {"password": "p", "max_sessions": 1}})
    conf["converter"] |= {"allow": "10.0.0.9", "bind_ports": None}
    lab.conv = lab.converter(**conf)
    listener, port = answering(lab)
    sock = lab.connect("host", CONVERTER, PORT)
    sock.sendall(greeting(NO_AUTHENTICATION) + request(SERVER, port))
    assert receive_exactly(sock, 2) == bytes([5, NO_AUTHENTICATION])
    assert read_reply(sock)[0] == SUCCEEDED
    serves(listener, sock)
    assert asked(lab, SERVER_V6, port)[1][0] == REFUSED
    assert asked(lab, SERVER, port, BIND)[1][0] == UNKNOWN_COMMAND
    sock, (code, _, _) = asked(lab, SERVER, port, node="gw", user="bob", password="p")
    assert code == SUCCEEDED
    assert asked(lab, SERVER, port, node="gw", user="bob", password="p")[1][0] == FAILURE
    sock.close()
    listener.accept()[0].close()
    wait_for(lambda: asked(lab, SERVER, port, node="gw", user="bob", password="p")[1][0] == SUCCEEDED, "bob has room again")


def test_socks5_is_there_where_it_is_wanted(lab):
    lab.conv = lab.converter(**{f"subscriber {USER}": {"password": PASSWORD}})
    sock = lab.connect("host", CONVERTER, PORT)
    sock.sendall(greeting(WITH_PASSWORD))
    with pytest.raises(ConnectionResetError):
        receive_all(sock)


def test_a_subscriber_who_leaves_between_password_and_request(socks):
    sock = logged_in(socks)
    without = socks.converter_conf(**CONVERTER_CONF)
    without[f"subscriber {USER}"]["password"] = None
    socks.conv.reload(without)
    socks.conv.wait_log("configuration", 1)
    wait_for(lambda: socks.connect("host", CONVERTER, PORT) and not logs_in(socks), "the password is gone")
    sock.sendall(request(SERVER, 80))
    assert read_reply(sock)[0] == NOT_ALLOWED
    socks.conv.reload(socks.converter_conf(**CONVERTER_CONF))
    wait_for(lambda: logs_in(socks), "the password is back")


@pytest.mark.parametrize("goes", [False, True], ids=["stays", "goes"])
def test_a_reload_while_a_names_addresses_are_tried(lab, goes):
    """The first of them answers nothing; by the time of the second the subscriber is who he is in the new configuration."""
    with named(lab):
        lab.conv = lab.converter(**CONVERTER_CONF)
        port = answering(lab)[1]
        sock = logged_in(lab)
        sock.sendall(request("late.example", port))
        wait_for(lambda: lab.run("conv", "ss -Htn state syn-sent").strip(), "the first address is tried")
        conf = lab.converter_conf(**CONVERTER_CONF)
        if goes:
            conf[f"subscriber {USER}"]["password"] = None
        lab.conv.reload(conf)
        lab.conv.wait_log("the configuration was read again")
        assert read_reply(sock)[0] == (NOT_ALLOWED if goes else SUCCEEDED)


def logs_in(lab):
    sock = lab.connect("host", CONVERTER, PORT)
    sock.sendall(greeting(WITH_PASSWORD) + login())
    return receive_exactly(sock, 4) == bytes([5, WITH_PASSWORD, 1, 0])
