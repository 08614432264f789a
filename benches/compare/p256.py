"""Signatures with ECDSA on P-256 (FIPS 186-5), for login tokens of shoppers who do not exist: one call of
openssl for each would take a minute. The same arguments give the same bytes."""

import hashlib

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(one, other):
    """The sum of two points; None is the point at infinity."""
    if one is None or other is None:
        return one or other
    (x, y), (u, v) = one, other
    if x == u:
        if (y + v) % P == 0:
            return None
        slope = (3 * x * x - 3) * pow(2 * y, -1, P)
    else:
        slope = (v - y) * pow(u - x, -1, P)
    left = (slope * slope - x - u) % P
    return left, (slope * (x - left) - y) % P


def times(number, point):
    total = None
    while number:
        if number & 1:
            total = add(total, point)
        point, number = add(point, point), number >> 1
    return total


class Key:
    """Takes one nonce after the other, which is quick. For any other key that would be fatal: whoever
    sees two signatures can work it out. This one is known to everybody."""

    def __init__(self, seed):
        self.secret = int.from_bytes(hashlib.sha256(seed).digest(), "big") % N
        self.nonce = int.from_bytes(hashlib.sha256(seed + b" nonce").digest(), "big") % N
        self.public = times(self.secret, G)
        self.point = times(self.nonce, G)

    def sign(self, text):
        """Both numbers, 32 bytes each (RFC 7518 §3.4)."""
        hashed = int.from_bytes(hashlib.sha256(text).digest(), "big")
        self.nonce, self.point = (self.nonce + 1) % N, add(self.point, G)
        first = self.point[0] % N
        second = pow(self.nonce, -1, N) * (hashed + first * self.secret) % N
        return first.to_bytes(32, "big") + second.to_bytes(32, "big")
