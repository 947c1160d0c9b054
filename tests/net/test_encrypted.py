# SPDX-License-Identifier: GPL-2.0-or-later
"""What is encrypted goes through as it is, from a host and from a program of the gateway's own machine: nothing in the way looks into it, as long as no rule asks for a
server's name."""
import os
import socket
import subprocess
import threading

import pytest

from netlab import CONVERTER, PATIENCE_S, SERVER, Lab, counter, receive_exactly, wait_for
from servers import listening, make_certificate, sha256, start_nginx, start_sshd

TLS_PORT, PLAIN_PORT = 4433, 4434
HANDSHAKE, CHANGE_CIPHER_SPEC, APPLICATION_DATA = 22, 20, 23
NGINX = """
user root root; daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
	log_format who '$remote_addr $ssl_protocol'; access_log {dir}/access.log who;
	client_body_temp_path {dir}/body; proxy_temp_path {dir}/t1; fastcgi_temp_path {dir}/t2; uwsgi_temp_path {dir}/t3; scgi_temp_path {dir}/t4;
	server {{
		listen [::]:443 ssl ipv6only=off;
		ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; ssl_protocols TLSv1.3;
		location / {{ root {dir}/www; }}
	}}
}}
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A gateway that is a host, too; at the end, nobody has looked into anything."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.converter()
    gateway = lab.gateway(host={"all": "yes"})
    make_certificate(lab)
    lab.run("server", f"mkfifo {lab.directory}/nothing")
    sshd, lab.ssh_options = start_sshd(lab)
    yield lab
    sshd.stop()
    assert counter(gateway, "looked_at") == 0
    lab.close()


@pytest.fixture(params=["host", "gw"], ids=["gateway", "own"])
def node(request):
    """Where the program runs: behind the gateway, or on its machine."""
    return request.param


def tls_server(lab, port, *more):
    """Its standard input stays open and empty: at an end of it, it would go."""
    server = lab.start("server", "sh", "-c", f'exec openssl s_server "$@" 0<>{lab.directory}/nothing', "sh", "-accept", port, "-tls1_3",
                       "-cert", lab.directory / "cert.pem", "-key", lab.directory / "key.pem", *more, name="s_server")
    wait_for(lambda: listening(lab, port)() or not server.running(), "openssl listens")
    assert server.running(), server.log()
    return server


def tls_client(lab, node, port, *more, said, until):
    """Says it, goes on until until() of what it shows, and ends in order."""
    log = lab.directory / f"s_client.{lab.number()}.log"
    with lab.inside(node), open(log, "wb") as out:
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"{SERVER}:{port}", "-CAfile", lab.directory / "cert.pem", "-verify_return_error", "-tls1_3",
                                   *map(str, more)], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
    client.stdin.write(said)
    client.stdin.flush()
    wait_for(lambda: until(log.read_text(errors="replace")) or client.poll() is not None, "openssl s_client")
    client.stdin.close()
    assert client.wait(PATIENCE_S) == 0, log.read_text(errors="replace")
    assert until(log.read_text(errors="replace")), log.read_text(errors="replace")


def test_curl_by_tls_1_3(both, node):
    lab = both
    program = start_nginx(lab, {"big": os.urandom(1 << 20) * 16}, NGINX, 443)
    lab.run(node, f"curl -sSf --tlsv1.3 --cacert {lab.directory}/cert.pem -o {lab.directory}/got https://{SERVER}/big")
    assert sha256(lab.directory / "got") == sha256(lab.directory / "www" / "big")
    assert (lab.directory / "access.log").read_text().splitlines()[-1].removeprefix("::ffff:") == f"{CONVERTER} TLSv1.3"
    program.stop()


def records_of(stream):
    """The types of the TLS records that are whole, and how long these are together."""
    types, at = [], 0
    while len(stream) >= at + 5 and len(stream) >= at + 5 + int.from_bytes(stream[at + 3:at + 5], "big"):
        types.append(stream[at])
        at += 5 + int.from_bytes(stream[at + 3:at + 5], "big")
    return types, at


class Recorder:
    """In front of a server: keeps back what comes from a client until that is enough, and then lets both talk. So what is kept came before any answer."""

    def __init__(self, lab, port, server_port, is_enough):
        self.lab, self.server_port, self.is_enough = lab, server_port, is_enough
        self.listener = lab.listen("server", port)
        self.first, self.error = b"", None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            near, _ = self.listener.accept()
            near.settimeout(PATIENCE_S)
            while not self.is_enough(self.first):
                part = near.recv(1 << 16)
                if not part:
                    raise EOFError(f"the client ended after {self.first!r}")
                self.first += part
            far = self.lab.connect("server", "127.0.0.1", self.server_port)
            far.sendall(self.first)
            back = threading.Thread(target=self.pass_on, args=(far, near), daemon=True)
            back.start()
            self.pass_on(near, far)
            back.join(PATIENCE_S)
            near.close()
        except (OSError, EOFError) as error:
            self.error = error

    @staticmethod
    def pass_on(source, sink):
        try:
            while part := source.recv(1 << 16):
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.thread.join(PATIENCE_S)
        self.listener.close()


def has_early_data(stream):
    types, _ = records_of(stream)
    return HANDSHAKE in types and APPLICATION_DATA in types


def test_early_data(both, node):
    """Of TLS 1.3: what a client says before the server has said anything comes with its ClientHello, whole and first, and is taken."""
    lab = both
    session, early = lab.directory / "session", lab.directory / "early"
    early.write_bytes(b"said before the handshake\n" * 20)
    server = tls_server(lab, TLS_PORT, "-early_data")
    session.unlink(missing_ok=True)
    tls_client(lab, node, TLS_PORT, "-sess_out", session, said=b"hello\n", 
               until=lambda _: session.exists() and session.read_text().endswith("END SSL SESSION PARAMETERS-----\n"))
    recorder = Recorder(lab, PLAIN_PORT, TLS_PORT, has_early_data)
    tls_client(lab, node, PLAIN_PORT, "-sess_in", session, "-early_data", early, said=b"and later\n", until=lambda shown: "Early data was accepted" in shown)
    recorder.close()
    assert recorder.error is None
    types, n_whole = records_of(recorder.first)
    assert types[0] == HANDSHAKE and set(types[1:]) <= {CHANGE_CIPHER_SPEC, APPLICATION_DATA} and n_whole == len(recorder.first), types
    server.wait_log("said before the handshake\n", n=20)
    server.stop()


def test_ssh_and_scp(both, node):
    lab = both
    options = lab.ssh_options
    assert lab.run(node, f"ssh {options} tester@{SERVER} 'echo $SSH_CONNECTION'").split()[0] == CONVERTER
    big, there, back = (lab.directory / f"{name}-{node}" for name in ("ssh-big", "ssh-there", "ssh-back"))
    big.write_bytes(os.urandom(1 << 20) * 8)
    lab.run(node, f"scp -q {options} {big} tester@{SERVER}:{there} && scp -q {options} tester@{SERVER}:{there} {back}")
    assert sha256(there) == sha256(back) == sha256(big)


def test_a_server_that_speaks_first(both, node):
    """STARTTLS: in the clear at first, the server before the client; then TLS 1.3 on the same connection."""
    lab = both
    server = tls_server(lab, TLS_PORT + 2, "-quiet", "-rev")
    listener = lab.listen("server")
    port = listener.getsockname()[1]

    def mail():
        near, _ = listener.accept()
        near.settimeout(PATIENCE_S)
        near.sendall(b"220 mail.example ESMTP\r\n")
        for answer in (b"250-mail.example\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"):
            while not near.recv(1 << 10).endswith(b"\r\n"):
                pass
            near.sendall(answer)
        far = lab.connect("server", "127.0.0.1", TLS_PORT + 2)
        back = threading.Thread(target=Recorder.pass_on, args=(far, near), daemon=True)
        back.start()
        Recorder.pass_on(near, far)
        back.join(PATIENCE_S)
        near.close()

    thread = threading.Thread(target=mail, daemon=True)
    thread.start()
    tls_client(lab, node, port, "-starttls", "smtp", "-quiet", "-no_ign_eof", said=b"redrum\n", until=lambda shown: "murder" in shown)
    thread.join(PATIENCE_S)
    server.stop()


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x40\x00\x01", b"\x16\x03\x01\x00\x00", b"\x00" * 1500, bytes(range(256))], ids=["cut", "empty", "zeros", "all"])
def test_what_only_looks_like_tls(both, node, first):
    listener = both.listen("server")
    near = both.connect(node, SERVER, listener.getsockname()[1])
    near.sendall(first)
    far, peer = both.accept(listener)
    assert peer == CONVERTER and receive_exactly(far, len(first)) == first
    far.sendall(first)
    assert receive_exactly(near, len(first)) == first
    near.close()
    far.close()
