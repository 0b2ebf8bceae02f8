"""DKIM signatures (RFC 6376), with RSA-SHA256 or Ed25519-SHA256 (RFC 8463), relaxed/relaxed.

A signature is a function of the message, the key and the delivery's date: no clock, no chance, so a
resend is byte-identical. The fields that people and mail programs act on are signed, and once more
where a second one could be slipped in (8.15). X-IB-* and other fields of the job's own are not
signed: a provider takes such fields out, which would break the signature. The key comes from
outside; no error shows any part of a key.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Container, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from mailbatch.errors import JobError
from mailbatch.extras import install_extra
from mailbatch.frozen import frozen
from mailbatch.render.addresses import wire_address
from mailbatch.render.alignment import Alignment, relaxed_alignment
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import fold_field

if TYPE_CHECKING:
    from mailbatch.job import model

#: Signed once more than present, absent ones too, so that none can be added (RFC 6376 8.15).
OVERSIGNED = (
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
)
#: Signed where present; both fields of one-click unsubscription must be (RFC 8058 4).
SIGNED = (
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Help",
    "List-Owner",
    "List-Archive",
    "List-Post",
    "List-Subscribe",
    "Sender",
    "In-Reply-To",
    "References",
)
_ORDER = [(name.lower().encode("ascii"), 1) for name in OVERSIGNED]
_ORDER += [(name.lower().encode("ascii"), 0) for name in SIGNED]
_NAMES = frozenset(name for name, _ in _ORDER)

_FEWEST_BITS = 1024  # RFC 8301 3.2
_LINE = 72
_PEM = "It begins with -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----."

_Sign = Callable[[bytes], bytes]


@frozen
class PublicKey:
    """The public half of a signing key, as `p=` of a DNS record may have it.

    `kind` is that of `k=`, `bits` the length. `forms` are the octets that stand for the key: for
    RSA, SubjectPublicKeyInfo and RSAPublicKey (RFC 6376 3.6.1 with its errata); for Ed25519 the 32
    octets (RFC 8463 4.2), and SubjectPublicKeyInfo, which some readers take as well.
    """

    kind: str
    bits: int
    forms: tuple[bytes, ...]


class Signer:
    """Signs messages for a domain with one key.

    `algorithm` is the `a=` tag that goes with `sign`, which signs bytes.
    """

    def __init__(self, domain: str, selector: str, algorithm: str, sign: _Sign) -> None:
        self._sign = sign
        self._tags = ["v=1;", f" a={algorithm};", " c=relaxed/relaxed;"]
        self._tags += [f" d={domain};", f" s={selector};"]

    def field(self, content: bytes, *, at: int) -> bytes:
        """Return the DKIM-Signature field for the front of a message.

        `content` is the message for the wire, before dots are stuffed; `at` the delivery's date in
        seconds since the epoch.
        """
        end = content.index(b"\r\n\r\n")
        found = relaxed_fields(content[:end], _NAMES)
        names: list[bytes] = []
        signed: list[bytes] = []
        for name, more in _ORDER:
            fields = found.get(name, [])
            signed += reversed(fields)  # the lowest first (RFC 6376 5.4.2)
            names += [name] * (len(fields) + more)
        body = hashlib.sha256(relaxed_body(content[end + 4 :])).digest()
        tags = [*self._tags, f" t={at};", *_names_tag(tuple(names)), f" bh={_base64(body)};", " b="]
        signed.append(b"dkim-signature:" + "".join(tags).encode("ascii"))
        signature = _base64(self._sign(b"".join(signed)))
        tags[-1] += signature[:_LINE]
        tags += [f" {signature[n : n + _LINE]}" for n in range(_LINE, len(signature), _LINE)]
        return fold_field("DKIM-Signature", tags)


@lru_cache(maxsize=64)  # the messages of a job have few sets of fields
def _names_tag(names: tuple[bytes, ...]) -> tuple[str, ...]:
    """Return the h= tag in pieces between which the field may be folded."""
    pieces = [" h="]
    for name in names:
        if len(pieces[-1]) + len(name) > _LINE:
            pieces.append(" ")
        pieces[-1] += f"{name.decode('ascii')}:"
    pieces[-1] = pieces[-1].removesuffix(":") + ";"
    return tuple(pieces)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def relaxed_fields(head: bytes, wanted: Container[bytes]) -> dict[bytes, list[bytes]]:
    """Return the wanted fields of a header section in relaxed form (3.4.2), by name.

    Names are in lower case. Each field is `name:value` with CRLF; fields of one name are in the
    order of the message. No field may have a control character.
    """
    found: dict[bytes, list[bytes]] = {}
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in unfolded.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.rstrip(b" \t").lower()
        if name in wanted:
            found.setdefault(name, []).append(b"%b:%b\r\n" % (name, b" ".join(value.split())))
    return found


def relaxed_body(body: bytes) -> bytes:
    """Return a body in relaxed form (3.4.4): runs of white space as one space, no empty last lines.

    White space at the end of a line goes, too. A body of nothing else is empty.
    """
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n").rstrip(b" \r\n")
    return body + b"\r\n" if body else b""


def make_signer(job: model.Job, dkim: model.Dkim, key: str) -> Signer:
    """Return the signer of a job; `key` is the private key in PEM.

    Raises:
        JobError: `cryptography` is not installed, or the key is none that can sign.
    """
    try:
        algorithm, sign, _ = _read_key(key)
        return Signer(wire_domain(dkim.domain), dkim.selector, algorithm, sign)
    except _KeyFault as fault:
        place = job.locate("message.dkim.private_key")
        raise JobError(fault.message, location=place, hint=fault.hint) from None


def public_key(job: model.Job, key: str) -> PublicKey:
    """Return the public half of the private key of a job, in PEM.

    Raises:
        JobError: `cryptography` is not installed, or the key is none that can sign.
    """
    try:
        return _read_key(key)[2]
    except _KeyFault as fault:
        place = job.locate("message.dkim.private_key")
        raise JobError(fault.message, location=place, hint=fault.hint) from None


def domain_mistake(job: model.Job, senders: Iterable[str]) -> Iterator[JobError]:
    """Give the error of a signing domain that cannot stand for a From address, if any.

    `senders` are the domains that From addresses may have; one key signs for all of them.
    DMARC counts a signature only if both domains belong to one organisation (RFC 9989).
    """
    dkim = job.message.dkim
    if dkim is None:
        return
    place = job.locate("message.dkim.domain")
    try:
        domain = wire_domain(dkim.domain)
    except FieldError:
        yield JobError("must be a domain", location=place, hint="Write it as example.com.")
        return
    for sender in senders:
        if sender and relaxed_alignment(sender, domain) is Alignment.NOT_ALIGNED:
            yield JobError(
                f"{domain} and the domain of sender.from, {sender}, belong to different "
                "organisations",
                location=place,
                hint="Sign with the domain that the messages are from: DMARC counts no other.",
            )


def wire_domain(domain: str) -> str:
    """Return a domain as A-labels, in lower case.

    Raises:
        FieldError: IDNA has no such domain.
    """
    return wire_address(f"dkim@{domain}").rpartition("@")[2].lower()


class _KeyFault(Exception):
    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _read_key(text: str) -> tuple[str, _Sign, PublicKey]:
    """Return the algorithm, the signing function and the public half of a private key.

    Raises:
        _KeyFault: the text is no key that can sign.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_pem_private_key,
        )
    except ImportError:
        raise _KeyFault(
            "signing needs a package that is not installed", install_extra("dkim")
        ) from None
    try:
        key = load_pem_private_key(text.strip().encode(), password=None)
    except TypeError:
        hint = "Take the passphrase off, and keep the key where only its owner reads it."
        raise _KeyFault("the key is locked by a passphrase", hint) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _KeyFault("the secret is no private key in PEM", _PEM) from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        # RFC 8463 3: the signature is over the hash, not over the data.
        half = key.public_key()
        info = half.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        public = PublicKey("ed25519", 256, (half.public_bytes_raw(), info))
        return "ed25519-sha256", lambda data: key.sign(hashlib.sha256(data).digest()), public
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _KeyFault("the key is neither RSA nor Ed25519, which DKIM knows")
    if key.key_size < _FEWEST_BITS:
        hint = "Make one of 2048: openssl genrsa -out dkim.pem 2048"
        raise _KeyFault(f"an RSA key of {key.key_size} bits is too short to be believed", hint)
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()
    forms = tuple(
        key.public_key().public_bytes(Encoding.DER, form)
        for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    )
    public = PublicKey("rsa", key.key_size, forms)
    return "rsa-sha256", lambda data: key.sign(data, scheme, digest), public
