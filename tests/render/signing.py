"""Keys, their DNS records, and a verifier of another author (dkimpy) that is asked with them."""

from __future__ import annotations

import base64
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
KINDS = ("rsa", "ed25519")
RECORD = b"m1._domainkey.example.com."


@cache
def key_of(kind: str) -> Key:
    """Make a key, once a process."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 1024 if kind == "short" else 2048)


def pem(key: Key, form: PrivateFormat = PrivateFormat.PKCS8, passphrase: bytes = b"") -> str:
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, lock).decode("ascii")


def public_pem(key: Key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def record(key: Key) -> bytes:
    """Return the TXT record of a key (RFC 6376 3.6.1, RFC 8463 4)."""
    public = key.public_key()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        data, kind = public.public_bytes(Encoding.Raw, PublicFormat.Raw), b"ed25519"
    else:
        data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        kind = b"rsa"
    return b"v=DKIM1; k=%b; p=%b" % (kind, base64.b64encode(data))


def verifies(content: bytes, key: Key, name: bytes = RECORD) -> bool:
    """Ask dkimpy whether a message is signed by a key whose record stands at `name`."""

    def ask(asked: bytes, timeout: float = 5) -> bytes:
        assert asked == name
        return record(key)

    return bool(dkim.verify(content, dnsfunc=ask))
