"""The proof of origin of a posted body: which proof its form wants, and whether the proof holds.

Only a body that a reader would take for Amazon's or Mailgun's can have a proof of theirs. Where
nothing was set up to check a proof with, a body is not proven, and counts as any other: by a name
of a message that the ledger knows.
"""

from __future__ import annotations

from enum import StrEnum

from mailbatch.reports.bodies import BodyError, read_json
from mailbatch.reports.mailgun import check_mailgun, is_mailgun
from mailbatch.reports.members import MemberError, members_of
from mailbatch.reports.refusal import Refusal
from mailbatch.reports.sns import Trust, check_sns, is_sns


class Proof(StrEnum):
    """The proof of a body that may be kept."""

    NONE = "not proven"
    SNS = "signed by Amazon SNS"
    MAILGUN = "signed by Mailgun"


def prove(body: bytes, *, trust: Trust | None, key: bytes | None, now: float) -> Proof | Refusal:
    """Return the proof of a body, or the refusal of a proof that does not hold.

    `trust` has the topics of SNS, `key` is the webhook signing key of Mailgun, `now` the time in
    seconds since the epoch. None stands for a proof that is not checked.

    Raises:
        OSError: the certificate of SNS cannot be had now; the sender tries again.

    Example:
        >>> prove(b'{"results": []}', trust=None, key=b"signing key", now=0.0)
        <Proof.NONE: 'not proven'>
    """
    if trust is None and key is None:
        return Proof.NONE
    try:
        members = members_of("", read_json(body))
    except (BodyError, MemberError):
        return Proof.NONE  # no body of theirs
    if trust is not None and is_sns(members):
        return check_sns(body, trust) or Proof.SNS
    if key is not None and is_mailgun(members):
        return check_mailgun(body, key=key, now=now) or Proof.MAILGUN
    return Proof.NONE
