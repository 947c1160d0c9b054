# SPDX-License-Identifier: GPL-2.0-or-later
"""SOCKS5 by hand (RFC 1928, RFC 1929), and what the tests of it share: names that resolve, and servers and clients of others."""
import contextlib
import ipaddress
import pathlib
import struct

from netlab import CONVERTER, SERVER, SERVER_V6, SILENT, checked, libc, receive_exactly, wait_for

PORT = 5124
USER, PASSWORD = "home", "correct horse"
CONNECT, BIND, UDP_ASSOCIATE = 1, 2, 3
NO_AUTHENTICATION, WITH_PASSWORD, NO_METHOD = 0, 2, 0xFF
SUCCEEDED, FAILURE, NOT_ALLOWED, NETWORK_UNREACHABLE, HOST_UNREACHABLE, REFUSED, TTL_EXPIRED, UNKNOWN_COMMAND, UNKNOWN_TYPE = range(9)
MS_BIND = 0x1000
MNT_DETACH = 2


def greeting(*methods):
    return bytes([5, len(methods), *methods])


def login(user=USER, password=PASSWORD):
    return b"\1" + b"".join(bytes([len(text)]) + text.encode() for text in (user, password))


def request(where, port, command=CONNECT):
    try:
        ip = ipaddress.ip_address(where)
        at = bytes([1 if ip.version == 4 else 4]) + ip.packed
    except ValueError:
        at = bytes([3, len(where)]) + where.encode()
    return bytes([5, command, 0]) + at + struct.pack(">H", port)


def read_reply(sock):
    """Its code, and the address and port in it."""
    head = receive_exactly(sock, 4)
    assert len(head) == 4 and head[0] == 5 and head[2] == 0, f"expected a reply, saw {head!r}"
    n = {1: 4, 4: 16}[head[3]]
    rest = receive_exactly(sock, n + 2)
    return head[1], str(ipaddress.ip_address(rest[:n])), struct.unpack(">H", rest[n:])[0]


def logged_in(lab, node="host", user=USER, password=PASSWORD, address=CONVERTER):
    """A connection to the converter that has said who it is."""
    sock = lab.connect(node, address, PORT)
    sock.sendall(greeting(WITH_PASSWORD))
    assert receive_exactly(sock, 2) == bytes([5, WITH_PASSWORD])
    sock.sendall(login(user, password))
    assert receive_exactly(sock, 2) == b"\1\0"
    return sock


def asked(lab, where, port, command=CONNECT, **who):
    """Socket and reply."""
    sock = logged_in(lab, **who)
    sock.sendall(request(where, port, command))
    return sock, read_reply(sock)


@contextlib.contextmanager
def over_file(path, text, directory):
    """In this process's mounts, and those of the programs that it starts, the file has another text."""
    other = directory / pathlib.Path(path).name
    other.write_text(text)
    checked(libc.mount(str(other).encode(), path.encode(), None, MS_BIND, None))
    try:
        yield
    finally:
        checked(libc.umount2(path.encode(), MNT_DETACH))


NAMES = {"both.example": (SERVER, SERVER_V6), "four.example": (SERVER,), "six.example": (SERVER_V6,), "private.example": ("10.0.0.9",), "loop.example": ("127.0.0.1",),
         "second.example": ("93.10.21.1", SERVER), "late.example": (SILENT, SERVER), "mixed.example": ("10.0.0.9", SERVER)}


@contextlib.contextmanager
def named(lab, node="conv"):
    """A name server in the node, which knows NAMES and nothing else; silent.example it never answers."""
    records = [f"--host-record={name},{address}" for name, all in NAMES.items() for address in all]
    with over_file("/etc/resolv.conf", "nameserver 127.0.0.1\n", lab.directory), over_file("/etc/hosts", "127.0.0.1 localhost\n", lab.directory):
        server = lab.start(node, "/usr/sbin/dnsmasq", "--keep-in-foreground", "--no-hosts", "--no-resolv", "--listen-address=127.0.0.1", "--bind-interfaces",
                           "--user=root", "--group=", "--pid-file=", "--conf-file=/dev/null", "--log-facility=-", "--log-queries", "--local=/example/",
                           "--server=/silent.example/93.10.22.1", *records)
        wait_for(lambda: lab.run(node, "ss -Hlun sport = :53").strip() or not server.running(), "the name server listens")
        assert server.running(), server.log()
        yield server
        server.stop()


def answering(lab, address="::"):
    """A listener at the server, and its port."""
    listener = lab.listen("server", address=address)
    return listener, listener.getsockname()[1]
