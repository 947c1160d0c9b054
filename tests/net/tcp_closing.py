# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios of the end of a connection: in order, and by a reset."""
import socket

from tcp_stage import BULK, PATTERN, scenario


@scenario("host ends, server answers and closes")
def host_ends(s):
    s.open()
    s.host.send(b"all I have to say")
    s.host.end()
    s.server.receive_all()
    s.together(lambda: (s.server.send_bulk(BULK), s.server.close()))
    s.host.receive_bulk()


@scenario("server ends, host goes on")
def server_ends(s):
    s.open()
    s.server.send(b"last words")
    s.server.end()
    s.host.receive_all()
    s.together(lambda: (s.host.send_bulk(BULK), s.host.close()))
    s.server.receive_all()


@scenario("host ends before the server accepts")
def host_ends_early(s):
    s.listen()
    s.connect()
    s.host.send(b"question")
    s.host.end()
    s.accept()
    s.server.receive_all()
    s.server.send(b"answer")
    s.server.close()
    s.host.receive_all()


@scenario("both end at once")
def both_end(s):
    s.open()
    s.together(lambda: (s.server.send(b"from the server"), s.server.end()))
    s.host.send(b"from the host")
    s.host.end()
    s.host.receive_all()
    s.join()
    s.server.receive_all()


@scenario("host closes and has said nothing")
def host_closes_silently(s):
    s.listen()
    s.connect()
    s.host.close()
    s.accept()
    s.server.receive_all()


@scenario("server closes and has said nothing")
def server_closes_silently(s):
    s.open()
    s.server.close()
    s.host.receive_all()


@scenario("ten connections, one after the other")
def ten(s):
    s.listen()
    for _ in range(10):
        s.connect()
        s.accept()
        s.host.send(b"question")
        s.server.receive(8)
        s.server.send(b"answer")
        s.server.close()
        s.host.receive_all()
        s.host.close()


@scenario("host sends after the server has closed")
def send_after_close(s):
    s.open()
    s.server.close()
    s.host.receive_all()
    s.host.send(b"anybody?")
    s.host.wait_hang_up()
    s.host.send(b"nobody")
    s.host.receive(1)


@scenario("server resets, nothing under way")
def server_resets(s):
    s.open()
    s.server.reset()
    s.host.receive(1)
    s.host.send(b"too late")


@scenario("host resets, nothing under way")
def host_resets(s):
    s.open()
    s.host.reset()
    s.server.receive(1)
    s.server.send(b"too late")


@scenario("host resets as soon as it is connected")
def host_resets_at_once(s):
    s.listen()
    s.connect()
    s.host.reset()
    s.accept(patience_s=1)
    s.server.receive(1)


@scenario("server resets after the host's end")
def server_resets_half_closed(s):
    s.open()
    s.host.end()
    s.server.receive_all()
    s.server.reset()
    s.host.receive(1)


@scenario("host resets after the server's end")
def host_resets_half_closed(s):
    s.open()
    s.server.end()
    s.host.receive_all()
    s.host.reset()
    s.server.receive(1)


@scenario("server resets after its own end")
def server_ends_and_resets(s):
    s.open()
    s.server.end()
    s.host.receive_all()
    s.server.reset()
    s.host.wait_hang_up()
    s.host.send(b"too late")


@scenario("host resets after its own end")
def host_ends_and_resets(s):
    s.open()
    s.host.end()
    s.server.receive_all()
    s.host.reset()
    s.server.wait_hang_up()
    s.server.send(b"too late")


@scenario("server closes and leaves bytes unread")
def server_leaves_unread(s):
    s.open()
    s.host.send(b"unread")
    s.server.sock.recv(6, socket.MSG_PEEK)
    s.server.close()
    s.host.receive(1)


@scenario("host closes and leaves bytes unread")
def host_leaves_unread(s):
    s.open()
    s.server.send(b"unread")
    s.host.sock.recv(6, socket.MSG_PEEK)
    s.host.close()
    s.server.receive(1)


@scenario("server resets with bytes under way")
def server_resets_behind_bytes(s):
    s.open()
    s.server.send(b"just before")
    s.server.reset()
    s.host.receive_all()


@scenario("server answers and resets")
def server_answers_and_resets(s):
    s.open()
    s.host.send(b"question")
    s.server.receive(8)
    s.server.send(b"answer")
    s.server.reset()
    s.host.receive_all()


@scenario("host resets with bytes under way")
def host_resets_behind_bytes(s):
    """Not among the first bytes: what becomes of those is a matter of when."""
    s.open()
    s.server.send(b"hello")
    s.host.receive(5)
    s.host.send(b"just before")
    s.host.reset()
    s.server.receive_all()


@scenario("server resets within bulk")
def server_resets_bulk(s):
    s.open_narrow()
    s.server.fill(PATTERN)
    s.server.reset()
    s.host.receive_prefix(PATTERN)


@scenario("host resets within bulk")
def host_resets_bulk(s):
    s.open_narrow()
    s.host.fill(PATTERN)
    s.host.reset()
    s.server.receive_prefix(PATTERN)


@scenario("the reader resets while the server sends bulk")
def reader_resets(s):
    s.open_narrow()
    s.server.fill(PATTERN)
    s.host.reset()
    s.server.wait_hang_up()
    s.server.send(b"too late")


@scenario("the reader resets while the host sends bulk")
def server_reader_resets(s):
    s.open_narrow()
    s.host.fill(PATTERN)
    s.server.reset()
    s.host.wait_hang_up()
    s.host.receive(1)
