# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that people use, unmodified, through both daemons."""
import json
import os
import subprocess

import pytest

from netlab import CONVERTER, SERVER, SERVER_V6, wait_for
from servers import listening, make_certificate, sha256, start_nginx, start_sshd

SERVERS = pytest.mark.parametrize("server", [SERVER, f"[{SERVER_V6}]"], ids=["v4", "v6"])


@pytest.fixture(scope="module")
def nginx(served):
    program = start_nginx(served, {"big": os.urandom(1 << 20) * 64})
    yield served
    program.stop()


@SERVERS
def test_curl_downloads_what_nginx_has(nginx, server):
    out = nginx.directory / "got"
    nginx.run("host", f"curl -sSfg -o {out} http://{server}/big")
    assert sha256(out) == sha256(nginx.directory / "www" / "big")
    assert CONVERTER in (nginx.directory / "access.log").read_text() or server != SERVER


def has_put():
    return "http_dav" in subprocess.run(["/usr/sbin/nginx", "-V"], capture_output=True, text=True).stderr


@SERVERS
@pytest.mark.skipif(not has_put(), reason="this nginx has no PUT")
def test_curl_uploads_to_nginx(nginx, server):
    big = nginx.directory / "www" / "big"
    nginx.run("host", f"curl -sSfg -T {big} http://{server}/uploaded")
    assert sha256(nginx.directory / "www" / "uploaded") == sha256(big)


def test_many_requests_on_one_connection_and_on_many(nginx):
    urls = " ".join(f"http://{SERVER}/small?{i}" for i in range(60))
    (nginx.directory / "www" / "small").write_text("s")
    once = nginx.run("host", f"curl -sSf {urls}")
    many = nginx.run("host", f"curl -sSf --parallel --parallel-immediate --parallel-max 30 -H 'Connection: close' {urls}")
    assert (once, many) == ("s" * 60, "s" * 60)


@pytest.mark.parametrize("ways", [["-t 1"], ["-t 1 -R"], ["-t 1", "-t 1 -R"]], ids=["up", "down", "both"])
def test_iperf3(served, ways):
    """Both ways at once by two programs: with --bidir iperf3 expects its connections at the server in the order in which it made them, and
    connections that are accepted early may overtake each other."""
    servers, clients = [], []
    for port, way in enumerate(ways, 5201):
        servers.append(served.start("server", "iperf3", "-s", "-1", "-p", port))
        wait_for(listening(served, port), "iperf3 listens")
    for port, way in enumerate(ways, 5201):
        with served.inside("host"):
            clients.append(subprocess.Popen(["iperf3", "-c", SERVER, "-p", str(port), "-J", *way.split()], stdout=subprocess.PIPE, text=True))
    for client, server in zip(clients, servers):
        end = json.loads(client.communicate(timeout=60)[0])["end"]
        assert end["sum_received"]["bytes"] > 1 << 20, end["sum_received"]
        assert server.process.wait(10) == 0, server.log()


def test_openssl(served):
    directory = served.directory
    make_certificate(served)
    server = served.start("server", "openssl", "s_server", "-accept", "4433", "-cert", directory / "cert.pem", "-key",
                          directory / "key.pem", "-rev", "-naccept", "1")
    wait_for(listening(served, 4433), "openssl listens")
    with served.inside("host"):
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"{SERVER}:4433", "-CAfile", directory / "cert.pem",
                                   "-verify_return_error", "-quiet", "-no_ign_eof"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    client.stdin.write(b"redrum\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"murder\n"
    client.stdin.close()
    client.stdout.close()
    assert client.wait(10) == 0
    server.stop()


def test_ssh(served):
    sshd, options = start_sshd(served)
    near = served.connect("host", SERVER, 22)   # the server speaks first: its greeting comes although the client is silent
    assert near.recv(8) == b"SSH-2.0-"
    near.close()
    ssh = f"ssh {options} tester@{SERVER}"
    assert served.run("host", f"{ssh} 'echo $SSH_CONNECTION'").split()[0] == CONVERTER
    big = served.directory / "ssh-big"
    big.write_bytes(os.urandom(1 << 20) * 8)
    assert served.run("host", f"{ssh} sha256sum < {big}").split()[0] == sha256(big)
    sshd.stop()
