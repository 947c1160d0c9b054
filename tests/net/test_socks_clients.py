# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that people use as SOCKS5 clients of the converter, unmodified: curl, ssh, proxychains, redsocks; over plain TCP and over Multipath TCP."""
import os
import pathlib

import pytest

from netlab import CONVERTER, CONVERTER_V6, SERVER, SERVER_V6, Lab, counter, wait_for
from servers import listening, sha256, start_nginx, start_sshd
from socks import PASSWORD, PORT, USER, named

WITH = {"subscriber home": {"password": PASSWORD}, "subscriber plain": {"password": "word"}}   # some programs take words without spaces alone
LOGINS = pytest.mark.parametrize("login", ["", f"{USER}:correct%20horse@"], ids=["by-prefix", "password"])
REDSOCKS = """
base {{ log_info = on; log = stderr; daemon = off; redirector = iptables; }}
redsocks {{ local_ip = 0.0.0.0; local_port = 12345; ip = {converter}; port = {port}; type = socks5; {login} }}
"""


@pytest.fixture(scope="module", params=[False, True], ids=["tcp", "mptcp"])
def socks(request, tmp_path_factory):
    """The converter as a SOCKS5 server, a web server with a file, and how a client is begun."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.wrap = "mptcpize run " if request.param else ""
    with named(lab):
        lab.conv = lab.converter(converter={"signalling": "convert, socks5", "allow": "10.0.0.9, 2001:db8:10::9"}, **WITH)
        start_nginx(lab, {"big": os.urandom(1 << 20) * 8})
        lab.digest = sha256(lab.directory / "www" / "big")
        yield lab
    lab.close()


def digest_of(lab, command):
    out = lab.directory / "got"
    out.unlink(missing_ok=True)
    lab.run("host", command.format(out=out))
    return sha256(out)


@LOGINS
@pytest.mark.parametrize("scheme, url", [("socks5", f"http://{SERVER}/big"), ("socks5", f"http://[{SERVER_V6}]/big"), ("socks5h", "http://both.example/big"),
                                         ("socks5h", "http://six.example/big"), ("socks5h", f"http://{SERVER}/big")])
@pytest.mark.parametrize("converter", [CONVERTER, f"[{CONVERTER_V6}]"], ids=["v4", "v6"])
def test_curl(socks, converter, scheme, url, login):
    assert digest_of(socks, f"{socks.wrap}curl -sSfg -o {{out}} -x {scheme}://{login}{converter}:{PORT} {url}") == socks.digest


def mptcp_came(lab):
    with lab.inside("conv"):
        lines = [line.split() for line in pathlib.Path("/proc/thread-self/net/netstat").read_text().splitlines() if line.startswith("MPTcpExt:")]
    return int(dict(zip(*lines))["MPCapableSYNRX"])


def test_multipath_tcp_comes_where_it_was_asked_for(socks):
    before = mptcp_came(socks)
    assert digest_of(socks, f"{socks.wrap}curl -sSfg -o {{out}} --socks5-hostname {CONVERTER}:{PORT} http://four.example/big") == socks.digest
    assert (mptcp_came(socks) > before) == bool(socks.wrap)


def test_curls_exit_says_why(socks):
    with pytest.raises(AssertionError, match="status 97"):
        socks.run("host", f"{socks.wrap}curl -sS --socks5-hostname {CONVERTER}:{PORT} http://none.example/")
    with pytest.raises(AssertionError, match="status 97"):
        socks.run("host", f"{socks.wrap}curl -sS --socks5-basic --socks5-hostname {USER}:wrong@{CONVERTER}:{PORT} http://10.0.0.9/")


@pytest.fixture(scope="module")
def sshd(socks):
    program, options = start_sshd(socks)
    yield options
    program.stop()


PROXIES = {"nc": f"nc.openbsd -X 5 -x {CONVERTER}:{PORT} %h %p", "ncat": f"ncat --proxy-type socks5 --proxy {CONVERTER}:{PORT} %h %p",
           "ncat-password": f"ncat --proxy-type socks5 --proxy {CONVERTER}:{PORT} --proxy-auth '{USER}:{PASSWORD}' %h %p",
           "ncat-name": f"ncat --proxy-type socks5 --proxy-dns remote --proxy {CONVERTER}:{PORT} four.example %p"}


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("server", [SERVER, SERVER_V6], ids=["v4", "v6"])
def test_ssh(socks, sshd, proxy, server):
    before = counter(socks.conv, "outcome_connected")
    command = f'ssh {sshd} -o "ProxyCommand={socks.wrap}{PROXIES[proxy]}" tester@{server} sha256sum < {socks.directory}/www/big'
    assert socks.run("host", command).split()[0] == socks.digest
    assert counter(socks.conv, "outcome_connected") == before + 1


@LOGINS
@pytest.mark.parametrize("url", [f"http://{SERVER}/big", "http://four.example/big"], ids=["address", "name"])
def test_proxychains(socks, login, url):
    conf = socks.directory / "proxychains.conf"
    conf.write_text(f"strict_chain\nproxy_dns\nquiet_mode\n[ProxyList]\nsocks5 {CONVERTER} {PORT} {'plain word' if login else ''}\n")
    before = counter(socks.conv, "outcome_connected")
    assert digest_of(socks, f"{socks.wrap}proxychains4 -f {conf} curl -sSfg -o {{out}} {url}") == socks.digest
    assert counter(socks.conv, "outcome_connected") == before + 1


@LOGINS
def test_redsocks(socks, login):
    """A host whose connections are redirected to it."""
    conf = socks.directory / "redsocks.conf"
    conf.write_text(REDSOCKS.format(converter=CONVERTER, port=PORT, login='login = "plain"; password = "word";' if login else ""))
    program = socks.start("host", *socks.wrap.split(), "redsocks", "-c", conf, name="redsocks")
    wait_for(lambda: listening(socks, 12345, "host")() or not program.running(), "redsocks listens")
    assert program.running(), program.log()
    socks.run("host", f"nft 'add table ip red; add chain ip red out {{ type nat hook output priority -100; }}; add rule ip red out ip daddr {SERVER} tcp dport 80 redirect to :12345'")
    before = counter(socks.conv, "outcome_connected")
    try:
        assert digest_of(socks, f"curl -sSfg -o {{out}} http://{SERVER}/big") == socks.digest
    finally:
        socks.run("host", "nft delete table ip red")
        program.stop()
    assert counter(socks.conv, "outcome_connected") == before + 1
