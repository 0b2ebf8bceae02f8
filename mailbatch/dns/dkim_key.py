"""The DKIM key that DNS publishes, against the public half of the key that signs.

    mail2026._domainkey.example.com  TXT  "v=DKIM1; k=rsa; p=MIIBIjANBg..."

The key is compared, not the text of the record: white space in `p=` and both forms of an RSA key
are the same key. Source: RFC 6376 3.6, RFC 8301, RFC 8463. This module must never see a private
key.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from mailbatch.checks.findings import Finding
from mailbatch.dns.answers import Absent, Ask, Records, Unanswered
from mailbatch.dns.judgement import Gap, Judgement, gap_findings, shown
from mailbatch.dns.tags import TagList, read_tags
from mailbatch.frozen import frozen
from mailbatch.render.dkim import PublicKey

_GOOD_BITS = 2048  # RFC 8301 3.2
_VERSION = "DKIM1"
_RAW = 32  # octets of an Ed25519 key (RFC 8463 4)


@frozen
class SigningKey:
    """The key that signs: d= and s= of its signatures, in ASCII, and the public half."""

    domain: str
    selector: str
    public: PublicKey

    @property
    def record(self) -> str:
        """The name of the TXT record (RFC 6376 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def judge_dkim(key: SigningKey, ask: Ask) -> Judgement:
    """Judge the record of a signing key."""
    name, public = key.record, key.public
    kind = f"RSA {public.bits}" if public.kind == "rsa" else "Ed25519"
    answer = ask(name, "TXT")
    facts: dict[str, object] = {"key": kind, "published": None, "matches": None}
    if isinstance(answer, Unanswered):
        gaps = gap_findings([Gap.of(name, "TXT", answer)])
        return Judgement("dkim", name, "not known", facts, gaps)
    texts = answer.values if isinstance(answer, Records) else ()
    found = [(text, tags) for text in texts if (tags := _as_key(text)) is not None]
    findings: list[Finding] = []
    matches = None
    if not found:
        findings.append(Finding("MB511", f"{name} {_nothing(texts, answer)}", name))
        summary = "no key"
    else:
        text, tags = found[0]
        mistake = _mistake(tags)
        matches = mistake is None and _is_same(tags, public)
        if mistake is not None:
            findings.append(Finding("MB511", f"{name}: {mistake}", name))
        elif not matches:
            published = tags.values.get("k", "rsa")
            findings.append(
                Finding("MB512", f"{name} has another key than this {kind}: k={published}", name)
            )
        remarks = [*_remarks(text, tags, public)]
        if len(texts) > 1:
            remarks.insert(0, f"{len(texts)} TXT records stand there: readers take any one of them")
        findings += [Finding("MB513", f"{name}: {remark}", name) for remark in remarks]
        summary = f"{kind}, {'the key that signs' if matches else mistake or 'another key'}"
    if public.kind == "rsa" and public.bits < _GOOD_BITS:
        findings.append(Finding("MB514", f"{name}: {public.bits} bits", name))
    facts |= {"published": bool(found), "matches": matches}
    return Judgement("dkim", name, summary, facts, tuple(findings))


def _as_key(text: str) -> TagList | None:
    """Return the tags of a record that is meant as a key, None for any other text."""
    tags = read_tags(text.strip('"'))
    names = {name.lower(): value for name, value in tags.values.items()}
    version = names.get("v")
    is_key = "p" in names if version is None else version.upper().startswith(_VERSION)
    return tags if is_key else None


def _nothing(texts: tuple[str, ...], answer: Records | Absent) -> str:
    if isinstance(answer, Absent):
        return "has no TXT record" if answer.name_exists else "does not exist in DNS"
    return f"has a TXT record that is no DKIM key: {shown(texts[0], 60)}"


def _mistake(tags: TagList) -> str | None:
    """Return why no reader can take a key from a record, None where one can."""
    written = tags.values.get("p", tags.values.get("P"))
    if written is None:
        return "the record has no p="
    if not written:
        return "p= is empty: the key is revoked"
    return "p= is no base64" if _decoded(written) is None else None


def _decoded(text: str) -> bytes | None:
    try:
        return binascii.a2b_base64(re.sub(r"\s", "", text), strict_mode=True)
    except ValueError:
        return None


def _is_same(tags: TagList, public: PublicKey) -> bool:
    written = tags.values.get("p", tags.values.get("P", ""))
    kind = tags.values.get("k", tags.values.get("K", "rsa")).lower()
    return kind == public.kind and _decoded(written) in public.forms


def _remarks(text: str, tags: TagList, public: PublicKey) -> Iterator[str]:
    """Yield the parts of a record that some verifiers take amiss although the key is right."""
    yield from tags.faults
    if '"' in text or "\\" in text:
        yield "quotes or backslashes were typed into the value"
    capitals = [name for name in tags.values if name != name.lower()]
    if capitals:
        yield f"the tag {capitals[0]}= is in capitals"
    given = {name.lower(): value for name, value in tags.values.items()}
    if "v" in given and (tags.first.lower() != "v" or given["v"] != _VERSION):
        yield f"v={given['v']} is not v=DKIM1 at the beginning"
    if given.get("k", "rsa") not in {"rsa", "ed25519"}:
        yield f"k={given['k']} is no kind of key in this form"
    hashes = _listed(given.get("h"))
    if hashes is not None and "sha256" not in hashes:
        yield f"h={given['h']} does not allow sha256, with which messages are signed"
    services = _listed(given.get("s"))
    if services is not None and not {"*", "email"} & set(services):
        yield f"s={given['s']} does not allow mail"
    elif services is not None and len(services) > 1:
        yield f"s={given['s']} is a list, which some verifiers do not read"
    if "y" in (_listed(given.get("t")) or ()):
        yield "t=y says that the domain tests DKIM: a verifier may take messages for unsigned"
    decoded = _decoded(given.get("p", ""))
    if public.kind == "ed25519" and decoded in public.forms and len(decoded or b"") != _RAW:
        yield "p= of an Ed25519 key is its 32 octets alone, without the frame of a PEM file"


def _listed(value: str | None) -> list[str] | None:
    return None if value is None else [one.strip() for one in value.split(":")]
