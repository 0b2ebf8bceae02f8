"""Whether the domains of the envelope and of the From header belong together (RFC 9989, DMARC).

The provider's page: "Infobip SMTP API does the relaxed alignment check (root domain matching)
between the Envelope From and Header From domains". Two domains are aligned if they have one
organisational domain. A receiver finds the organisational domain by a walk up the DNS for DMARC
records, of at most eight queries (RFC 9989, in the place of RFC 7489's public suffix list). Nothing
is looked up here, so the names alone must answer. Equal domains are aligned; domains that share no
more than a top-level domain are not. A domain and a subdomain of that domain are taken as aligned:
so they are where the upper one publishes a DMARC record, as a sender's domain should. Between the
two stand siblings such as a.example.com and b.example.com: aligned unless the shared part is a
public suffix, which is likely only for a short second level of a country (co.uk, com.au).
"""

from __future__ import annotations

from enum import Enum

from mailbatch.frozen import frozen

_COUNTRY = 2  # letters of a country's top-level domain
_SHORT = 3  # letters of a usual second level that stands for a kind of organisation
# Second levels of countries with more letters, under which domains are registered.
_KINDS = frozenset(("asso", "gouv", "info", "name", "press", "school", "store"))


class Alignment(Enum):
    """How two domains relate."""

    ALIGNED = "aligned"
    DOUBTFUL = "doubtful"
    NOT_ALIGNED = "not aligned"


@frozen
class AlignmentWarning:
    """Why a provider may refuse a message, or DMARC fail."""

    alignment: Alignment
    header_domain: str
    envelope_domain: str

    def __str__(self) -> str:
        verb = "have" if self.alignment is Alignment.NOT_ALIGNED else "may have"
        return (
            f"the From header ({self.header_domain}) and the envelope ({self.envelope_domain}) "
            f"{verb} different organisational domains: servers that check alignment refuse that"
        )


def relaxed_alignment(header_domain: str, envelope_domain: str) -> Alignment:
    """Compare two domains (A-labels)."""
    one = header_domain.lower().rstrip(".").split(".")[::-1]
    other = envelope_domain.lower().rstrip(".").split(".")[::-1]
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    if shared == len(one) == len(other):
        return Alignment.ALIGNED
    if shared <= 1:
        return Alignment.NOT_ALIGNED
    if shared > 2 or shared in {len(one), len(other)}:  # noqa: PLR2004 - labels
        return Alignment.ALIGNED
    top, second = one[:2]
    if len(top) == _COUNTRY and (len(second) <= _SHORT or second in _KINDS):
        return Alignment.DOUBTFUL
    return Alignment.ALIGNED


def alignment_warning(header_address: str, envelope_address: str) -> AlignmentWarning | None:
    """Return the doubt about the domains of a From address and a reverse path; None without one.

    The null reverse path has no domain to compare.
    """
    if not envelope_address:
        return None
    header_domain = header_address.rpartition("@")[2]
    envelope_domain = envelope_address.rpartition("@")[2]
    alignment = relaxed_alignment(header_domain, envelope_domain)
    if alignment is Alignment.ALIGNED:
        return None
    return AlignmentWarning(alignment, header_domain, envelope_domain)


def may_be_aligned(header_domain: str, envelope_domain: str) -> bool:
    """Say whether two domains (A-labels) are aligned, or may be.

    >>> may_be_aligned("example.com", "mail.example.com"), may_be_aligned("example.com", "b.org")
    (True, False)
    """
    return relaxed_alignment(header_domain, envelope_domain) is not Alignment.NOT_ALIGNED
