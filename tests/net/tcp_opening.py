# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios of the beginning of a connection."""
import errno
import select
import socket
import struct
import time

from netlab import HOST, HOST_V6, MSG_FASTOPEN, TCP_FASTOPEN_NO_COOKIE, family_of
from tcp_ends import PATIENCE_S
from tcp_stage import ProgramEnds, scenario

TCP_MD5SIG = 14
AHEAD_S = 0.2   # of two SYNs, for the second sending of the one to be ahead too: Linux's timer of a second goes off up to 32 ms late


def connect_and_read(s):
    """For where connecting fails; whoever is connected all the same reads."""
    s.connect()
    s.host.receive(1)


@scenario("host speaks first")
def host_speaks_first(s):
    s.open()
    s.host.send(b"question")
    s.server.receive(8)
    s.server.send(b"answer")
    s.host.receive(6)
    s.host.close()
    s.server.receive_all()


@scenario("server speaks first")
def server_speaks_first(s):
    s.open()
    s.server.send(b"220 ready\r\n")
    s.host.receive(11)
    s.host.send(b"QUIT\r\n")
    s.server.receive(6)
    s.server.close()
    s.host.receive_all()


@scenario("server takes its time to accept")
def accepted_late(s):
    s.listen()
    s.connect()
    s.host.send(b"hello")
    time.sleep(1.2)
    s.accept()
    s.server.receive(5)


def greeted(s):
    """The server's program accepts as soon as the network lets it."""
    def serve():
        s.accept()
        s.server.send(b"hello")
    s.together(serve)
    s.connect()
    s.host.receive(5)


@scenario("the first SYN is lost")
def syn_lost(s):
    s.listen()
    s.lose_syns(for_s=0.4)
    greeted(s)


@scenario("two SYNs are lost")
def syns_lost(s):
    s.listen()
    s.lose_syns(for_s=1.5)
    greeted(s)


@scenario("full backlog for a while")
def full_backlog(s):
    s.listen(backlog=0)
    filler = s.lab.connect("server", s.address, s.port)

    def serve():
        s.lab.accept(s.listener)[0].close()
        s.accept()
        s.server.send(b"hello")
    s.later(0.4, serve)
    s.connect()
    s.host.receive(5)
    filler.close()


@scenario("listener closes before it accepts")
def listener_closes(s):
    s.listen()
    s.connect()
    s.later(0.3, s.listener.close)
    s.host.receive(1)


def poll_connect(s):
    sock = s.host_socket()
    sock.setblocking(False)
    s.host.attempt("connect", lambda: sock.connect((s.address, s.port)))
    begun_s = time.monotonic()
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    ready = poll.poll(PATIENCE_S * 1000)
    s.host.note(f"poll: {'out' if ready[0][1] & select.POLLOUT else ''}{' error' if ready[0][1] & select.POLLERR else ''}", begun_s)
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    s.host.note(f"SO_ERROR: {errno.errorcode.get(error, error)}")
    sock.settimeout(PATIENCE_S)
    if error:
        raise ProgramEnds


@scenario("connecting without blocking, accepted")
def poll_accepted(s):
    s.listen()
    poll_connect(s)
    s.accept()
    s.server.send(b"hello")
    s.host.receive(5)


@scenario("connecting without blocking, refused")
def poll_refused(s):
    poll_connect(s)
    s.host.receive(1)


@scenario("the host's program loses patience with a silent server")
def host_gives_up(s):
    s.lose_syns()
    sock = s.host_socket()
    sock.settimeout(1.2)
    s.connect(sock)
    s.host.close()


@scenario("the server answers when the host's program has lost patience")
def host_gave_up(s):
    """The first SYN is lost; what comes next is a matter of who sends it."""
    s.listen()
    s.lose_syns(for_s=0.6)
    sock = s.host_socket()
    sock.settimeout(0.3)
    try:
        s.connect(sock)
    except ProgramEnds:
        s.host.note("gives up")
    s.host.close()
    s.join()
    s.accept(patience_s=2)
    s.server.receive(1)


def sign(sock, peer):
    """By TCP-MD5 (RFC 2385), as BGP does: struct tcp_md5sig of linux/tcp.h."""
    v6 = sock.family == socket.AF_INET6
    address = struct.pack("=HHI16sI" if v6 else "=HH4s", sock.family, 0, *((0,) if v6 else ()), socket.inet_pton(sock.family, peer), *((0,) if v6 else ()))
    key = b"a common secret"
    sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, struct.pack("=128sBBHI80s", address, 0, 0, len(key), 0, key))


@scenario("both sign their segments")
def signed(s):
    s.listen()
    sign(s.listener, HOST_V6 if s.v6 else HOST)
    sock = s.host_socket()
    sign(sock, s.address)
    s.connect(sock)
    s.accept()
    s.host.send(b"question")
    s.server.receive(8)


@scenario("data in the SYN")
def data_in_the_syn(s):
    s.listen(TCP_FASTOPEN=16)
    sock = s.host_socket()
    sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    s.host.attempt("send 8 with the SYN", lambda: sock.sendto(b"question", MSG_FASTOPEN, (s.address, s.port)))
    s.accept()
    s.server.receive(8)
    s.server.send(b"answer")
    s.host.receive(6)


@scenario("data in the SYN, refused")
def data_in_the_syn_refused(s):
    sock = s.host_socket()
    sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    if not s.host.attempt("send 8 with the SYN", lambda: sock.sendto(b"question", MSG_FASTOPEN, (s.address, s.port))):
        raise ProgramEnds
    s.host.receive(1)


@scenario("the same source port again")
def source_port_again(s):
    s.listen()
    source = 0
    for word in (b"first", b"again"):
        sock = s.host_socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST_V6 if s.v6 else HOST, source))
        s.connect(sock)
        source = sock.getsockname()[1]
        s.accept()
        s.host.send(word)
        s.server.receive(len(word))
        s.server.close()
        s.host.receive_all()
        s.host.close()
        time.sleep(0.5)   # for the last acknowledgement: until then the host's kernel has the connection


@scenario("the second connection overtakes the first")
def overtaking(s):
    """The first one's SYN is lost, and the program goes on as soon as it is told that it is connected."""
    s.listen()
    s.lose_syns(for_s=2)   # amid the pause between the second SYN and the third
    first = s.host_socket()
    s.connect(first)
    waited = time.monotonic() >= s.next_syn_s
    s.host.send(b"1")
    s.join()
    s.connect()
    s.host.send(b"2")
    s.late |= not waited and time.monotonic() > s.next_syn_s - AHEAD_S
    for _ in range(2):
        s.accept()
        s.server.receive(1)
    first.close()


def finish_connect(sock):
    """The rest of a connect() that was begun without blocking."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    poll.poll(PATIENCE_S * 1000)
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, "connect")


@scenario("both open at once")
def simultaneous_open(s):
    """Neither listens: each connects from the port that the other connects to. The server's SYN goes out first, both first ones are lost, and each sends again a second later."""
    s.lose_syns(for_s=0.7)
    host = s.host_socket()
    s.server.sock = server = s.lab.socket("server", family_of(s.address), timeout=PATIENCE_S)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 3)
    host.bind((HOST_V6 if s.v6 else HOST, s.port))
    server.bind((s.address, s.port))
    peer = host.getsockname()[:2]
    server.setblocking(False)
    assert server.connect_ex(peer) == errno.EINPROGRESS
    server.settimeout(PATIENCE_S)
    s.together(lambda: s.server.attempt("connect", lambda: finish_connect(server)))
    time.sleep(AHEAD_S)
    s.connect(host)
    s.host.send(b"hello")
    s.join()
    s.server.receive(5)
    s.server.send(b"hello, too")
    s.host.receive(10)
    s.host.reset()   # or the ports could not be used again soon


@scenario("who the server sees")
def who_the_server_sees(s):
    s.open()
    s.server.note(f"peer: {'the host' if s.server.sock.getpeername()[:2] == s.host.sock.getsockname()[:2] else 'another'}")
