#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 8803 as somebody else could have written it: a client and a converter, from the RFC's text alone, that know nothing of Braid's TLVs.

rfc8803.py converter PORT [--unknown ignore|error|close] [--information stay|close] [--tcp]
    serves Connect and Info; --unknown: what it does with TLVs of types that it doesn't know. Writes a line for each message: the types that were in it.
rfc8803.py forward PORT CONVERTER:PORT DESTINATION:PORT [--order cookie-first|cookie-last|none] [--pieces N] [--tcp]
    takes TCP connections on the loopback, and carries each to the destination by way of the converter, the message cut into pieces of N bytes.
"""
import argparse
import socket
import struct
import sys
import threading
import time

MAGIC, VERSION = 0x2263, 1
INFO, CONNECT, EXTENDED_TCP_HEADER, SUPPORTED, COOKIE, ERROR = 1, 10, 20, 21, 22, 30
KNOWN = {INFO, CONNECT, EXTENDED_TCP_HEADER, SUPPORTED, COOKIE, ERROR}
MALFORMED, UNSUPPORTED, RESET, UNREACHABLE = 1, 2, 96, 97
IPPROTO_MPTCP, TCP_FASTOPEN = 262, 23


class ProtocolError(Exception):
    pass


def say(*words):
    """A line, whole, whichever thread writes one at the same time."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def encode_tlv(kind, value):
    """Section 6.2.1: the length counts 32-bit words, of type and length too; what is missing is zeros."""
    words = (len(value) + 2 + 3) // 4
    return struct.pack("!BB", kind, words) + value.ljust(4 * words - 2, b"\0")


def encode(tlvs):
    body = b"".join(encode_tlv(kind, value) for kind, value in tlvs)
    return struct.pack("!BBH", VERSION, 1 + len(body) // 4, MAGIC) + body


def decode(data):
    """The (type, value) pairs of a whole message."""
    version, words, magic = struct.unpack("!BBH", data[:4])
    if (version, magic) != (VERSION, MAGIC) or 4 * words != len(data):
        raise ProtocolError(f"no message: {data.hex()}")
    at, tlvs = 4, []
    while at < len(data):
        kind, words = data[at], data[at + 1]
        if not words or at + 4 * words > len(data):
            raise ProtocolError(f"a TLV of {words} words at {at}: {data.hex()}")
        tlvs.append((kind, data[at + 2:at + 4 * words]))
        at += 4 * words
    return tlvs


def read_exactly(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            raise ProtocolError(f"the end after {len(data)} of {n} bytes")
        data += part
    return data


def read_message(sock):
    header = read_exactly(sock, 4)
    return header + read_exactly(sock, max(4 * header[1], 4) - 4)


def encode_remote(address, port):
    """Section 6.2.5: IPv4 in an IPv4-mapped IPv6 address."""
    if ":" not in address:
        address = "::ffff:" + address
    return struct.pack("!H", port) + socket.inet_pton(socket.AF_INET6, address)


def decode_remote(value):
    address = socket.inet_ntop(socket.AF_INET6, value[2:18])
    return address.removeprefix("::ffff:"), struct.unpack("!H", value[:2])[0]


def new_socket(address, multipath):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP if multipath else socket.IPPROTO_TCP)


def ask(converter, tlvs, multipath=True, piece=None):
    """A connection to the converter on which the message was sent, and the TLVs of its answer. Without data in the SYN."""
    sock = new_socket(converter[0], multipath)
    sock.settimeout(20)
    sock.connect(converter)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    message = encode(tlvs)
    for at in range(0, len(message), piece or len(message)):
        sock.sendall(message[at:at + (piece or len(message))])
        if piece:
            time.sleep(0.002)   # so that each piece is a packet; nothing depends on it
    return sock, decode(read_message(sock))


def relay(one, other):
    """Both ways, until both have ended."""
    def carry(source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for sock in (source, sink):
                sock.close()
    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join()
    one.close()
    other.close()


class Converter:
    def __init__(self, options):
        self.unknown, self.information = options.unknown, options.information
        self.listener = new_socket("::", not options.tcp)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("::", options.port))
        self.listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 64)
        self.listener.listen(64)
        say("listens")

    def run(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            message = read_message(sock)
            self.answer(sock, message, decode(message))
        except (OSError, ProtocolError) as error:
            say("failed", error)
            sock.close()

    def answer(self, sock, message, tlvs):
        kinds = [kind for kind, _ in tlvs]
        say("heard", *kinds)
        if set(kinds) - KNOWN and self.unknown == "close":
            sock.close()
        elif set(kinds) - KNOWN and self.unknown == "error":
            self.refuse(sock, UNSUPPORTED, message[:1000])
        elif CONNECT in kinds:
            self.connect(sock, decode_remote(dict(tlvs)[CONNECT]))
        elif INFO in kinds:
            self.inform(sock)
        else:
            self.refuse(sock, UNSUPPORTED, message[:1000])

    def refuse(self, sock, code, value=b"\0"):
        sock.sendall(encode([(ERROR, bytes([code]) + value)]))
        sock.close()

    def inform(self, sock):
        sock.sendall(encode([(SUPPORTED, b"\0\0" + bytes([30]))]))
        if self.information == "stay":
            sock.recv(1)
        sock.close()

    def connect(self, sock, remote):
        far = new_socket(remote[0], False)
        try:
            far.connect(remote)
        except ConnectionRefusedError:
            self.refuse(sock, RESET)
            return
        except OSError:
            self.refuse(sock, UNREACHABLE, b"\1")
            return
        sock.sendall(encode([]))
        relay(sock, far)


def endpoint(text):
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def forward(options):
    """Each connection that comes is carried on by Convert."""
    listener = socket.create_server(("127.0.0.1", options.port))
    say("listens")
    to, cookie = (CONNECT, encode_remote(*options.destination)), (COOKIE, b"\0\0" + b"a cookie of mine")
    tlvs = {"none": [to], "cookie-first": [cookie, to], "cookie-last": [to, cookie]}[options.order]

    def carry(near):
        far, answer = ask(options.converter, tlvs, not options.tcp, options.pieces)
        far.settimeout(None)
        if any(kind == ERROR for kind, _ in answer):
            say("refused", answer)
            near.close()
            far.close()
        else:
            relay(near, far)
    while True:
        threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True, dest="command")
    converter = commands.add_parser("converter")
    converter.add_argument("port", type=int)
    converter.add_argument("--unknown", choices=["ignore", "error", "close"], default="ignore")
    converter.add_argument("--information", choices=["stay", "close"], default="stay")
    converter.add_argument("--tcp", action="store_true")
    to = commands.add_parser("forward")
    to.add_argument("port", type=int)
    to.add_argument("converter", type=endpoint)
    to.add_argument("destination", type=endpoint)
    to.add_argument("--order", choices=["cookie-first", "cookie-last", "none"], default="none")
    to.add_argument("--pieces", type=int)
    to.add_argument("--tcp", action="store_true")
    options = parser.parse_args()
    if options.command == "converter":
        Converter(options).run()
    forward(options)


if __name__ == "__main__":
    sys.exit(main())
