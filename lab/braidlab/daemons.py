# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs that serve: braidd at both ends; nginx, iperf3 and sshd on the server, or behind the gateway."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from .errors import LabError, until
from .sandbox import DIRECTORY
from .topology import CONVERTER_V4, CONVERTER_V6, SERVER_V4

START_TIMEOUT_S = 10
HTTP_PORT, OTHER_HTTP_PORT, IPERF_PORT, SSH_PORT, STREAMS_PORT = 80, 8080, 5201, 2222, 5300   # the other one: for what tells connections apart by their port
CHUNK_BYTES = 1 << 20

NGINX = """
user root;
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
	access_log {directory}/access.log;
	sendfile on;
	tcp_nopush on;
	client_body_temp_path {directory}/tmp;
	proxy_temp_path {directory}/tmp;
	fastcgi_temp_path {directory}/tmp;
	uwsgi_temp_path {directory}/tmp;
	scgi_temp_path {directory}/tmp;
	server {{
		listen {port};
		listen [::]:{port};
		listen {other_port};
		root {directory}/www;
		dav_methods PUT;
		client_max_body_size 0;
	}}
}}
"""


def listens(node, port):
    return bool(node.run("ss", "-Hltn", f"sport = :{port}").strip())


def write_conf(path, sections):
    """An INI file of {"gateway": {"lan": "lan1"}}; a key that is None is left out."""
    lines = []
    for section, keys in sections.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in keys.items() if value is not None), ""]
    path.write_text("\n".join(lines))


def merge(sections, more):
    """More keys ("relay.congestion": "bbr") for a configuration; None: that one is left out."""
    for name, value in more.items():
        section, key = name.rsplit(".", 1)
        sections.setdefault(section, {})[key] = value
        if value is None:
            del sections[section][key]
    return sections


def kind_of(name):
    """"subscriber" of "subscriber home.max_sessions"."""
    return name.split(".")[0].split()[0]


class Braid:
    """A braidd at the gateway and one at the converter, with one subscriber's key. on_path: the core router is the converter."""

    def __init__(self, program, topology, more=None, on_path=False, timeout_s=START_TIMEOUT_S):
        self.program, self.topology = str(program), topology
        self.far_node = topology.core if on_path else topology.converter
        self.timeout_s = timeout_s       # for them to be up
        self.key = os.urandom(32).hex()
        self.gateway = self.converter = None
        self.restart(more or {})

    def restart(self, more):
        """Ends both where they run, and starts them with more keys than the usual ones."""
        for program in (self.gateway, self.converter):
            if program and program.end():
                raise LabError(f"{program.log.name}: ended with status {program.process.returncode}\n{program.tail()}")
        topology = self.topology
        self.converter = self._start(self.far_node, merge(self._converter_conf(), {
            name: value for name, value in more.items() if kind_of(name) not in ("gateway", "host", "link")}))
        until(lambda: self._alive(self.converter) and "5124" in self._listeners(self.far_node), self.timeout_s,
              "the converter to listen")
        self.gateway = self._start(topology.gateway, merge(self._gateway_conf(), {
            name: value for name, value in more.items() if kind_of(name) not in ("converter", "subscriber", "forward")}))
        until(lambda: self._alive(self.gateway) and "5125" in self._listeners(topology.gateway), self.timeout_s,
              "the gateway to take connections")
        for access in topology.links:
            self.wait_link(access)

    @staticmethod
    def _alive(program):
        program.check()
        return True

    @staticmethod
    def _listeners(node):
        return node.run("ss", "-Hltn")

    def _common(self, node):
        state = DIRECTORY / f"state-{node.name}"
        state.mkdir(exist_ok=True)
        return {"daemon": {"control": state / "control", "state_dir": state, "drain_timeout_ms": 0}}

    def _converter_conf(self):
        listen = "[::]:5124" if self.far_node is self.topology.core else f"{CONVERTER_V4}:5124, [{CONVERTER_V6}]:5124"
        return {"converter": {"listen": listen}, "subscriber home": {"key": self.key}, **self._common(self.far_node)}

    def _gateway_conf(self):
        conf = {"gateway": {"lan": "lan1", "converter": f"{CONVERTER_V4}, {CONVERTER_V6}", "key": self.key}}
        for access in self.topology.links:
            conf[f"link {access.name}"] = {"interface": access.name}
        return {**conf, **self._common(self.topology.gateway)}

    def _start(self, node, sections):
        path = DIRECTORY / f"{node.name}.conf"
        write_conf(path, sections)
        return node.start("braidd", self.program, "-c", path)

    def ctl(self, *command):
        """What the gateway's braidctl --json answers."""
        control = DIRECTORY / f"state-{self.topology.gateway.name}" / "control"
        return json.loads(self.topology.gateway.run(pathlib.Path(self.program).with_name("braidctl"), "-s", control, "--json", *command))

    def endpoints(self):
        return self.topology.gateway.run("ip", "mptcp", "endpoint")

    def wait_link(self, access, there=True, timeout_s=START_TIMEOUT_S):
        """Waits until the gateway uses the link, and knows how far it is, or no longer uses it."""
        until(lambda: (f" dev {access.name}" in self.endpoints()) == there, timeout_s,
              f"the gateway to {'take up' if there else 'leave'} link {access.name}")
        if there:
            until(lambda: self._least_rtt_ms(access), timeout_s, f"an answer over link {access.name}")

    def _least_rtt_ms(self, access):
        return next(link["health"]["least_rtt_ms"] for link in self.ctl("links")["links"] if link["name"] == access.name)

    def restart_converter(self, kill):
        """Ends the converter, or kills it, and starts it again at once; when it was ended, and when it was started."""
        ended_at = time.monotonic()
        if kill:
            self.converter.kill()
        elif self.converter.end():
            raise LabError(f"the converter ended with status {self.converter.process.returncode}\n{self.converter.tail()}")
        started_at = time.monotonic()
        self.converter = self.far_node.start("braidd", self.program, "-c", DIRECTORY / f"{self.far_node.name}.conf")
        return ended_at, started_at

    def check(self):
        self.gateway.check()
        self.converter.check()


class Servers:
    """nginx with a document root and a log, and iperf3, on the server or another node."""

    def __init__(self, node):
        self.node = node
        self.directory = DIRECTORY / f"serves-{node.name}"
        self.root = self.directory / "www"
        self.root.mkdir(parents=True)
        conf = self.directory / "nginx.conf"
        conf.write_text(NGINX.format(directory=self.directory, port=HTTP_PORT, other_port=OTHER_HTTP_PORT))
        self.nginx = node.start("nginx", "nginx", "-p", self.directory, "-c", conf, "-e", "stderr")
        self.iperf = node.start("iperf3", "iperf3", "-s", "-J", "-i", "0.1", "-p", IPERF_PORT, stdout=subprocess.DEVNULL)
        for program, port in ((self.nginx, HTTP_PORT), (self.iperf, IPERF_PORT)):
            until(lambda: listens(node, port) or program.check(), START_TIMEOUT_S, f"{program.name} to listen")

    def wait_idle(self, timeout_s=20):
        """Waits until iperf3 has done with the run before: it serves one at a time, and learns of its end over the same links."""
        until(lambda: not self.node.run("ss", "-Htn", "state", "connected", "exclude", "time-wait", f"sport = :{IPERF_PORT}").strip(), timeout_s,
              "iperf3's server to be done with the run before")

    def publish(self, name, n_bytes):
        """A file of random bytes on the web server; its SHA-256."""
        return write_random(self.root / name, n_bytes)

    def clients(self):
        """Whom nginx has seen, since it was asked last: addresses from its log."""
        log = self.directory / "access.log"
        until(lambda: log.stat().st_size, START_TIMEOUT_S, "nginx to log")
        seen = {line.split()[0].removeprefix("::ffff:") for line in log.read_text().splitlines()}
        os.truncate(log, 0)
        return seen


class Streams:
    """Connections of known bytes (streams.py): the server's end of them, and the hosts' programs."""

    PROGRAM = pathlib.Path(__file__).with_name("streams.py")
    KINDS = ("down", "up", "talk", "idle", "fresh")
    PATIENCE_S = 90      # until one that is told to end has ended

    def __init__(self, node):
        self.node = node
        node.start("streams", sys.executable, self.PROGRAM, "serve", STREAMS_PORT)
        until(lambda: listens(node, STREAMS_PORT), START_TIMEOUT_S, "the server of streams to listen")

    def start(self, host, kind, seed):
        return host.start(f"{kind}-{seed}", sys.executable, self.PROGRAM, kind, SERVER_V4, STREAMS_PORT, seed)

    def end(self, program):
        """In order; what it has seen."""
        program.end(self.PATIENCE_S)
        lines = program.log.read_text().splitlines()
        if program.process.returncode or not lines or not lines[-1].startswith("{"):
            raise LabError(f"{program.name} ended with status {program.process.returncode}:\n{program.tail()}")
        return json.loads(lines[-1])


class Ssh:
    """sshd on a node, for one user. He is of a user namespace of his own: in the lab's, which has root alone, sshd can't become another."""

    USER = "guest"

    def __init__(self, node):
        self.directory = DIRECTORY / f"ssh-{node.name}"
        self.home = self.directory / "home"
        self.home.mkdir(parents=True)
        for name in ("host", "id"):
            node.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / name)
        passwd = self.directory / "passwd"
        passwd.write_text(pathlib.Path("/etc/passwd").read_text() + f"{self.USER}:x:1000:1000::{self.home}:/bin/sh\n")
        subprocess.run(["mount", "--bind", passwd, "/etc/passwd"], check=True)
        self.sshd = node.start("sshd", "unshare", "-U", "--map-user=1000", "--map-group=1000", shutil.which("sshd"), "-D", "-e", "-f", "/dev/null",
                               "-h", self.directory / "host", "-p", SSH_PORT, "-o", f"AuthorizedKeysFile={self.directory}/id.pub",
                               "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none", "-o", "Subsystem=sftp internal-sftp")
        until(lambda: listens(node, SSH_PORT) or self.sshd.check(), START_TIMEOUT_S, "sshd to listen")

    def options(self):
        return ["-q", "-F", "none", "-i", self.directory / "id", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]

    def scp(self, port, source, target):
        """The command that copies between there ("guest@ADDRESS:file") and here."""
        return ["scp", *self.options(), "-P", port, source, target]

    def shell(self, address, port, *command):
        """The one that runs a command there, or without one a shell."""
        return ["ssh", *self.options(), "-p", port, f"{self.USER}@{address}", *command]


def write_random(path, n_bytes):
    """A file of random bytes; its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        while n_bytes > 0:
            chunk = os.urandom(min(n_bytes, CHUNK_BYTES))
            digest.update(chunk)
            file.write(chunk)
            n_bytes -= len(chunk)
    return digest.hexdigest()


def find_program(build, relative):
    path = build / relative
    if not os.access(path, os.X_OK):
        raise LabError(f"{path} isn't there; build first (make build), or name the build's folder with --build")
    return path
