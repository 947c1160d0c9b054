# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that people use, unmodified, as the tests begin them at the server's node; and whom they have seen."""
import hashlib
import pathlib

from netlab import SERVER, wait_for

NGINX = """
user root root; daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
	access_log {dir}/access.log; client_max_body_size 1g; types {{ }} default_type application/octet-stream;
	client_body_temp_path {dir}/body; proxy_temp_path {dir}/t1; fastcgi_temp_path {dir}/t2; uwsgi_temp_path {dir}/t3;
	scgi_temp_path {dir}/t4;
	server {{
		listen [::]:80 ipv6only=off;
		location / {{ root {dir}/www; dav_methods PUT; }}
	}}
}}
"""
SSHD = """
Port 22
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/user_key.pub
StrictModes no
PidFile none
PasswordAuthentication no
UsePAM no
Subsystem sftp internal-sftp
"""


def listening(lab, port, node="server"):
    return lambda: lab.run(node, f"ss -Hltn sport = :{port}").strip()


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def start_nginx(lab, files, conf=NGINX, port=80):
    """nginx with these files, by name; comes back when it listens."""
    www, path = lab.directory / "www", lab.directory / "nginx.conf"
    www.mkdir(exist_ok=True)
    for name, content in files.items():
        (www / name).write_bytes(content)
    path.write_text(conf.format(dir=lab.directory))
    program = lab.start("server", "/usr/sbin/nginx", "-c", path, "-e", "stderr")
    wait_for(lambda: listening(lab, port)() or not program.running(), "nginx listens")
    assert program.running(), program.log()
    return program


def seen_by_nginx(lab):
    """The addresses of its clients, request by request."""
    return [line.split()[0].removeprefix("::ffff:") for line in (lab.directory / "access.log").read_text().splitlines()]


def make_certificate(lab):
    directory = lab.directory
    lab.run("server", f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=server -addext subjectAltName=IP:{SERVER} "
            f"-keyout {directory}/key.pem -out {directory}/cert.pem")


def start_sshd(lab):
    """sshd without root: as an ordinary user, tester, of a user namespace of its own it does without changing its identity. The options of ssh and scp for him."""
    directory = lab.directory
    for key in ("host_key", "user_key"):
        lab.run("server", f"ssh-keygen -q -t ed25519 -N '' -f {directory}/{key}")
    (directory / "sshd_config").write_text(SSHD.format(dir=directory))
    (directory / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\ntester:x:1000:1000::{directory}:/bin/sh\n")
    lab.run("server", "echo 22 > /proc/sys/net/ipv4/ip_unprivileged_port_start")
    enter = f"unshare -Um --map-user=0 --map-group=0 sh -c 'mount --bind {directory}/passwd /etc/passwd; exec unshare -U --map-user=1000 --map-group=1000 \"$@\"' sh"
    sshd = lab.start("server", "sh", "-c", f"exec {enter} /usr/sbin/sshd -D -e -f {directory}/sshd_config", name="sshd")
    wait_for(lambda: listening(lab, 22)() or not sshd.running(), "sshd listens")
    assert sshd.running(), sshd.log()
    return sshd, f"-F none -i {directory}/user_key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
