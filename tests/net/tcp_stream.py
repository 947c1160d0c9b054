# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios of what happens while a connection lasts, and of machines that vanish."""
import socket
import time

from tcp_stage import BULK, NARROW, NARROW_V6, PATTERN, scenario

PAUSE_S = 3


@scenario("one-byte writes of the host")
def host_writes_bytes(s):
    s.open()
    s.host.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.host.send_pieces(PATTERN[:500])
    s.host.end()
    s.server.receive_all()


@scenario("one-byte writes of the server")
def server_writes_bytes(s):
    s.open()
    s.server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.server.send_pieces(PATTERN[:500])
    s.server.end()
    s.host.receive_all()


@scenario("question and answer, byte by byte")
def ping_pong(s):
    s.open()
    for at in range(20):
        s.host.send(PATTERN[at:at + 1])
        s.server.receive(1)
        s.server.send(PATTERN[at + 1:at + 2])
        s.host.receive(1)


@scenario("bulk both ways")
def bulk_both_ways(s):
    s.open()
    s.together(lambda: (s.server.send_bulk(BULK), s.server.end()))
    s.together(lambda: s.host.sock.sendall(BULK))
    s.host.receive_all()
    s.server.receive(len(BULK))


@scenario("a large pause")
def pause(s):
    s.open()
    s.host.send(b"before")
    s.server.receive(6)
    time.sleep(PAUSE_S)
    s.server.send(b"after")
    s.host.receive(5)
    s.host.send(b"and so on")
    s.server.receive(9)


@scenario("an idle host asks by keep-alive")
def keep_alive(s):
    s.open()
    s.host.keep_alive()
    s.server.keep_alive()
    s.later(6, lambda: s.server.send(b"still here"))
    s.host.receive(10)


@scenario("zero window at the server")
def zero_window(s):
    s.open_narrow()
    sent = s.host.fill(PATTERN)
    time.sleep(PAUSE_S)
    s.server.receive_exactly_this(sent)
    s.host.send(b"and on")
    s.server.receive(6)


@scenario("zero window at the host")
def zero_window_at_host(s):
    s.open_narrow()
    sent = s.server.fill(PATTERN)
    time.sleep(PAUSE_S)
    s.host.receive_exactly_this(sent)
    s.server.send(b"and on")
    s.host.receive(6)


@scenario("the host closes into a zero window")
def close_into_zero_window(s):
    s.open_narrow()
    sent = s.host.fill(PATTERN)
    s.host.close()
    time.sleep(PAUSE_S)
    s.server.receive_exactly_this(sent)
    s.server.receive_all()


@scenario("small segments of the host")
def small_segments(s):
    s.listen()
    sock = s.host_socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 600)
    s.connect(sock)
    s.accept()
    s.together(lambda: (s.server.send_bulk(BULK), s.server.end()))
    s.host.receive_bulk()
    s.host.send(PATTERN[:5000])
    s.server.receive(5000)


@scenario("small segments of the server")
def small_segments_of_server(s):
    s.listen(TCP_MAXSEG=700)
    s.connect()
    s.accept()
    s.host.note_segments(700)
    s.together(lambda: (s.host.send_bulk(BULK), s.host.end()))
    s.server.receive_all()


@scenario("a server behind small packets", v4=NARROW, v6=NARROW_V6)
def small_packets(s):
    s.open()
    s.together(lambda: (s.host.send_bulk(BULK), s.host.end()))
    s.server.receive_all()


@scenario("urgent data of the host, read in line")
def urgent_in_line(s):
    s.open()
    s.server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    s.host.send(b"abc", socket.MSG_OOB)
    s.server.receive(3)
    s.host.send(b"def")
    s.server.receive(3)


@scenario("urgent data of the host, read apart")
def urgent_apart(s):
    s.open()
    s.host.send(b"abc", socket.MSG_OOB)
    s.host.send(b"def")
    s.host.end()
    s.server.receive_urgent()
    s.server.receive_all()


@scenario("urgent data of the server, read in line")
def urgent_of_server_in_line(s):
    s.open()
    s.host.sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    s.server.send(b"abc", socket.MSG_OOB)
    s.host.receive(3)


@scenario("urgent data of the server, read apart")
def urgent_of_server_apart(s):
    s.open()
    s.server.send(b"abc", socket.MSG_OOB)
    s.server.send(b"def")
    s.server.end()
    s.host.receive_urgent()
    s.host.receive_all()


@scenario("the server vanishes, the host asks by keep-alive")
def server_vanishes_idle(s):
    s.open()
    s.host.keep_alive()
    s.vanish("server")
    s.host.receive(1)


@scenario("the server vanishes, the host sends")
def server_vanishes(s):
    s.open()
    s.vanish("server")
    s.host.send(b"anybody?")
    s.host.note_unacknowledged()
    s.host.receive(1)


@scenario("the host vanishes, the server asks by keep-alive")
def host_vanishes_idle(s):
    s.open()
    s.server.keep_alive()
    s.vanish("host")
    s.server.receive(1)


@scenario("the host vanishes, the server sends")
def host_vanishes(s):
    s.open()
    s.vanish("host")
    s.server.send(b"anybody?")
    s.server.receive(1)
