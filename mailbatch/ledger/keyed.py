"""Keys of recipients under the secret of a ledger: a name that a stranger cannot work out.

>>> salt = salt_of("0123", "ann@example.com")
>>> keyed(salt, "ann@example.com")[:12]
'b6081bdce74b'

The salt of a key is an HMAC with the secret (RFC 2104 2), the keyed name a SHA-256 of salt and key.
So the salt of one recipient opens the name of that one alone. This module must never know a ledger.

Tests: tests/ledger/test_proof.py.
"""

from __future__ import annotations

import hashlib
import hmac

_PURPOSE = b"mailbatch evidence, 1\0"


def salt_of(secret: str, key: str) -> str:
    """Return the salt of a recipient's key: 64 hex digits, which only the ledger can work out."""
    said = _PURPOSE + key.encode(errors="surrogatepass")
    return hmac.digest(secret.encode(), said, "sha256").hex()


def keyed(salt: str, key: str) -> str:
    """Return the keyed name of a recipient: the SHA-256 of salt, a blank and key, in hex."""
    return hashlib.sha256(f"{salt} {key}".encode(errors="surrogatepass")).hexdigest()


def keyed_by(secret: str, key: str) -> str:
    """Return the keyed name of a recipient, by the secret of the ledger."""
    return keyed(salt_of(secret, key), key)
