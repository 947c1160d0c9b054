# SPDX-License-Identifier: GPL-2.0-or-later
"""Multipath TCP by RFC 8684 as it stands on the wire: connections put together from segments, and what they must be, computed anew from the keys that were seen."""
import dataclasses
import hashlib
import hmac
import ipaddress
import struct

from segments import ACK, SYN

MP_CAPABLE, MP_JOIN, DSS, ADD_ADDR, REMOVE_ADDR, MP_PRIO, MP_FAIL, MP_FASTCLOSE, MP_TCPRST = range(9)
CHECKSUM_REQUIRED, HMAC_SHA256 = 0x80, 0x01
DATA_FIN, DSN_8, DSN_PRESENT, ACK_8, ACK_PRESENT = 0x10, 0x08, 0x04, 0x02, 0x01


def token(key):
    """3.1: the most significant 32 bits."""
    return hashlib.sha256(key).digest()[:4]


def idsn(key):
    """3.1: the least significant 64 bits."""
    return int.from_bytes(hashlib.sha256(key).digest()[-8:], "big")


def sha256_hmac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@dataclasses.dataclass(frozen=True)
class Mapping:
    """Of a DSS option, or of an MP_CAPABLE with data. n counts the DATA_FIN in. n_dsn: how many bytes of the number were sent."""
    dsn: int
    ssn: int
    n: int
    checksum: int
    fin: bool
    n_dsn: int = 8

    def n_data(self):
        return self.n - self.fin


def read_dss(body):
    flags, at, mapping = body[1], 2, None
    at += (8 if flags & ACK_8 else 4) if flags & ACK_PRESENT else 0
    if flags & DSN_PRESENT:
        n_dsn = 8 if flags & DSN_8 else 4
        dsn = int.from_bytes(body[at:at + n_dsn], "big")
        ssn, n = struct.unpack_from("!IH", body, at + n_dsn)
        at += n_dsn + 6
        checksum = struct.unpack_from("!H", body, at)[0] if len(body) > at else None
        mapping = Mapping(dsn, ssn, n, checksum, bool(flags & DATA_FIN), n_dsn)
    return mapping


class Way:
    """What one end of a subflow has sent."""

    def __init__(self):
        self.isn, self.n_early = None, 0     # n_early: bytes in the SYN that the other end acknowledged with its own (appendix B.2)
        self.pieces, self.mappings, self.early = {}, set(), b""

    def add(self, segment):
        if segment.flags & SYN:
            self.isn, self.early = segment.seq, self.early or segment.payload
            return
        if segment.payload and self.isn is not None:
            at = (segment.seq - self.isn - 1) & 0xFFFFFFFF
            if len(segment.payload) > len(self.pieces.get(at, b"")):
                self.pieces[at] = segment.payload
        self.mappings |= {mapping for mapping in map(read_dss, segment.mptcp(DSS)) if mapping}

    def stream(self):
        """The bytes of the TCP connection, from its first on; a hole is an error, two versions of a byte are, too."""
        whole = bytearray(self.early[:self.n_early])
        for at, piece in sorted(self.pieces.items()):
            assert at <= len(whole), f"bytes {len(whole)} to {at} were never seen"
            known = whole[at:at + len(piece)]
            assert known == piece[:len(known)], f"bytes from {at} on were sent in two versions"
            whole += piece[len(known):]
        return bytes(whole)


class Subflow:
    def __init__(self, first):
        self.client, self.server = first.source, first.target
        self.first, self.segments = first, []
        self.up, self.down = Way(), Way()

    def add(self, segment):
        self.segments.append(segment)
        up = segment.source == self.client
        if segment.flags & (SYN | ACK) == SYN | ACK:
            self.up.n_early = max(self.up.n_early, (segment.ack - self.first.seq - 1) & 0xFFFFFFFF)
        (self.up if up else self.down).add(segment)

    def options(self, subtype, from_client):
        return [body for segment in self.segments if (segment.source == self.client) == from_client for body in segment.mptcp(subtype)]


class Connection:
    """subflows: the first one, and those that joined."""

    def __init__(self, first):
        self.subflows = [first]
        answers = [body for body in first.options(MP_CAPABLE, False) if len(body) >= 10]
        acks = [body for body in first.options(MP_CAPABLE, True) if len(body) >= 18]
        self.is_mptcp = bool(answers and acks)
        if self.is_mptcp:
            self.key_b, self.key_a = answers[0][2:10], acks[0][2:10]
            self.confirmed_key_b = acks[0][10:18]
            self.checksummed = bool((first.first.mptcp(MP_CAPABLE)[0][1] | answers[0][1]) & CHECKSUM_REQUIRED)
            self._first_mapping(acks)

    def _first_mapping(self, acks):
        """Data in a segment with MP_CAPABLE has its mapping there (3.1)."""
        for body in acks:
            if len(body) >= 20:
                checksum = struct.unpack_from("!H", body, 20)[0] if len(body) >= 22 else None
                self.subflows[0].up.mappings.add(Mapping(idsn(self.key_a) + 1, 1, struct.unpack_from("!H", body, 18)[0], checksum, False))

    def stream(self, up):
        """What one end has sent as the DSS mappings have it, and whether a DATA_FIN ended it. Holes, overlaps that differ and wrong checksums are errors."""
        begin = idsn(self.key_a if up else self.key_b) + 1
        placed, ends = {}, set()
        for subflow in self.subflows:
            way = subflow.up if up else subflow.down
            raw = way.stream()
            for mapping in way.mappings:
                at = mapping.dsn - begin if mapping.n_dsn == 8 else (mapping.dsn - begin) & 0xFFFFFFFF
                assert 0 <= at < 1 << 40, f"a data sequence number before the first: {mapping}, {begin}"
                data = raw[way.n_early + mapping.ssn - 1:][:mapping.n_data()] if mapping.n_data() else b""
                self._check_sum(mapping, begin + at, data)
                if mapping.fin:
                    ends.add(at + mapping.n_data())
                if len(data) > len(placed.get(at, b"")):
                    placed[at] = data
        return self._join(placed, ends, self.subflows[0].up.early[:self.subflows[0].up.n_early] if up else b"")

    def _check_sum(self, mapping, dsn, data):
        assert (mapping.checksum is not None) == self.checksummed, f"a checksum where none was asked for, or none: {mapping}"
        if self.checksummed and len(data) == mapping.n_data():
            total = ones_sum(struct.pack("!QIHH", dsn, mapping.ssn, mapping.n, mapping.checksum) + data)
            assert total == 0xFFFF, f"wrong checksum: {mapping}, {len(data)} bytes"

    @staticmethod
    def _join(placed, ends, early):
        whole = bytearray()
        for at, data in sorted(placed.items()):
            assert at <= len(whole), f"no mapping for data bytes {len(whole)} to {at}"
            known = whole[at:at + len(data)]
            assert known == data[:len(known)], f"data bytes from {at} on were mapped in two versions"
            whole += data[len(known):]
        assert len(ends) <= 1, f"DATA_FIN at several places: {ends}"
        assert not ends or ends == {len(whole)}, f"DATA_FIN at {ends}, {len(whole)} bytes of data"
        return early + bytes(whole), bool(ends)

    def check_first(self):
        """3.1: version 1, HMAC-SHA256, no extension; the keys as they were given."""
        for from_client in (True, False):
            for body in self.subflows[0].options(MP_CAPABLE, from_client):
                assert body[0] == MP_CAPABLE << 4 | 1, f"not version 1: {body.hex()}"
                assert body[1] & 0x5F == HMAC_SHA256, f"flags: {body.hex()}"
        assert len(self.subflows[0].first.mptcp(MP_CAPABLE)[0]) == 2, "a key in the SYN"
        assert self.confirmed_key_b == self.key_b, "the client confirms another key than it was given"

    def check_join(self, subflow):
        """3.2: the token names the connection, each end proves that it knows both keys. Returns whether the join was completed."""
        syn = subflow.first.mptcp(MP_JOIN)[0]
        answers, acks = subflow.options(MP_JOIN, False), [body for body in subflow.options(MP_JOIN, True) if len(body) == 22]
        assert syn[2:6] == token(self.key_b), "the token isn't that of the server's key"
        if not answers:
            return False
        nonce_a, nonce_b = syn[6:10], answers[0][10:14]
        assert answers[0][2:10] == sha256_hmac(self.key_b + self.key_a, nonce_b + nonce_a)[:8], "the HMAC of the SYN+ACK"
        for body in acks:
            assert body[2:] == sha256_hmac(self.key_a + self.key_b, nonce_a + nonce_b)[:20], "the HMAC of the third packet"
        return bool(acks)

    def check_add_addr(self):
        """3.4.1: an address that is told is proven, too. How many were told."""
        n = 0
        for subflow in self.subflows:
            for segment in subflow.segments:
                key = self.key_a + self.key_b if segment.source == subflow.client else self.key_b + self.key_a
                for body in segment.mptcp(ADD_ADDR):
                    if body[0] & 1:
                        continue   # an echo has no HMAC
                    told, proof = body[2:-8], body[-8:]
                    port = told if len(told) in (6, 18) else told + b"\0\0"
                    assert proof == sha256_hmac(key, body[1:2] + port)[-8:], f"the HMAC of ADD_ADDR {ipaddress.ip_address(port[:-2])}"
                    n += 1
        return n


def subflows_of(segments):
    """All TCP connections of a capture whose SYN is in it, by their ends."""
    found = {}
    for segment in segments:
        ends = (segment.source, segment.target)
        if segment.is_first() and (ends not in found or found[ends].first.seq != segment.seq):
            found[ends] = Subflow(segment)
        flow = found.get(ends) or found.get(ends[::-1])
        if flow:
            flow.add(segment)
    return list(found.values())


def connections_of(*captures):
    """Multipath TCP's connections, put together from the captures of several links."""
    flows = [flow for segments in captures for flow in subflows_of(segments)]
    found = [Connection(flow) for flow in flows if flow.first.mptcp(MP_CAPABLE)]
    by_token = {token(connection.key_b): connection for connection in found if connection.is_mptcp}
    for flow in flows:
        joins = flow.first.mptcp(MP_JOIN)
        if joins and (connection := by_token.get(joins[0][2:6])):
            connection.subflows.append(flow)
    return found
