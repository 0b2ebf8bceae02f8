"""A delivery made ready for a transaction: composed, and fitted to what the server offers.

What cannot be sent is settled here, without the server: as invalid, or, where a resend came to
nothing, as the doubt that it was before. This module must never open or use a session.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from mailbatch.delivery.ahead_process import Composed
from mailbatch.delivery.shared import Run
from mailbatch.delivery.transport import Offers
from mailbatch.envelope import Delivery, Envelope
from mailbatch.errors import InputError
from mailbatch.outcome import Outcome, Status
from mailbatch.render.message import Message


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery with its message, ready for a transaction.

    `digest` is the SHA-256 of its content: by it a resend is known to be the same message.
    `others` are outcomes of addresses that are not asked about: of those that need SMTPUTF8, and of
    those that the transaction has no room for. `stuffed` is the content with its dots stuffed, None
    where that is not known.
    """

    delivery: Delivery
    message: Message
    envelope: Envelope
    digest: bytes
    others: tuple[Outcome, ...] = ()
    stuffed: bytes | None = None


def takes_eight_bit(offers: Offers | None) -> bool:
    """Say whether 8-bit content may be sent; where no session is open yet, that is expected."""
    return offers is None or offers.eight_bit_mime


def prepare(
    run: Run, delivery: Delivery, offers: Offers | None, composed: Composed | None = None
) -> Prepared | None:
    """Make a delivery ready; None if the rows turned out to be invalid, and are settled as such.

    `offers` are those of the session that is open. `composed` is what was made of it ahead; else
    its message is composed now.
    """
    if composed is None:
        try:
            message = run.composer.compose(delivery, eight_bit=takes_eight_bit(offers))
        except InputError as error:
            _refuse(run, delivery, str(error))
            return None
        composed = Composed(message, sha256(message.content).digest())
    message = composed.message
    paths = (*delivery.unsettled, *_copies(delivery, message))
    utf8 = not all(map(str.isascii, paths)) or not message.reverse_path.isascii()
    return Prepared(
        delivery,
        message,
        Envelope(message.reverse_path, paths, smtputf8=utf8),
        composed.digest,
        stuffed=composed.stuffed,
    )


def fit(run: Run, prepared: Prepared, offers: Offers) -> Prepared | None:
    """Adapt what was made ready ahead to this session's offers; None if nothing is left to send.

    A resend that would be another message than the one that may have arrived stays in doubt.
    """
    delivery = prepared.delivery
    if prepared.message.eight_bit and not offers.eight_bit_mime:
        again = prepare(run, delivery, offers)
        if again is None:
            return None
        prepared = again
    if offers.size and prepared.message.size > offers.size:
        reason = (
            f"the message has {prepared.message.size} bytes, the server takes {offers.size}; "
            f"biggest part: {prepared.message.biggest_part()}"
        )
        _refuse(run, delivery, reason)
        return None
    fitted: Prepared | None = prepared
    if prepared.envelope.smtputf8 and not offers.smtputf8:
        fitted = _without_smtputf8(run, prepared)
    if fitted is None or not _is_what_may_have_arrived(run, fitted):
        return None
    paths = fitted.envelope.forward_paths
    if run.redirected or run.limits.fitting(paths) == len(paths):
        return fitted
    return _with_the_first(run, fitted)


def _with_the_first(run: Run, prepared: Prepared) -> Prepared:
    """Leave all but the first recipients to a later transaction: the server takes no more.

    Copies come before all recipients but one, since nothing is sent once those are settled; where
    only one address fits, each copy has a transaction for itself, once in a run.
    """
    delivery, envelope = prepared.delivery, prepared.envelope
    mine = frozenset(delivery.unsettled)
    copies = [path for path in envelope.forward_paths if path not in mine]
    first, *rest = [path for path in envelope.forward_paths if path in mine]
    paths = (first, *copies, *rest)
    most = run.limits.fitting(paths)
    alone = [copy for copy in copies if (delivery.id, copy) not in run.copied]
    if most == 1 and alone:
        run.copied.add((delivery.id, alone[0]))
        paths = (alone[0], first, *rest, *(copy for copy in copies if copy != alone[0]))
    paths, others = paths[:most], paths[most:]
    left = tuple(
        Outcome(address, Status.PENDING, reason=_LEFT, counted=False) for address in others
    )
    return replace(
        prepared,
        envelope=Envelope(envelope.reverse_path, paths, smtputf8=envelope.smtputf8),
        others=(*prepared.others, *left),
    )


_LEFT = "left to a later transaction: the server takes no more recipients in one"


def _without_smtputf8(run: Run, prepared: Prepared) -> Prepared | None:
    delivery, envelope = prepared.delivery, prepared.envelope
    reason = "the address needs SMTPUTF8, which the server does not offer"
    refused = tuple(
        Outcome(address, Status.INVALID, reason=reason)
        for address in envelope.forward_paths
        if not address.isascii()
    )
    left = tuple(address for address in envelope.forward_paths if address.isascii())
    # A copy of a letter that its recipient cannot get is of no use to anybody.
    if not set(left) & set(delivery.unsettled) or not envelope.reverse_path.isascii():
        _refuse(run, delivery, reason)
        return None
    return replace(
        prepared,
        envelope=Envelope(envelope.reverse_path, left),
        others=(*prepared.others, *refused),
    )


def _is_what_may_have_arrived(run: Run, prepared: Prepared) -> bool:
    """Say whether a resend is the message that may have arrived; if not, it stays in doubt."""
    delivery = prepared.delivery
    if not delivery.digests or run.accept_changes:
        return True
    if delivery.digests == {prepared.digest}:
        return True
    _refuse(
        run, delivery, "the message is another one than may have arrived (see --accept-changes)"
    )
    return False


def _refuse(run: Run, delivery: Delivery, reason: str) -> None:
    """Settle what cannot be sent: as invalid, or as the doubt that it was before a resend."""
    now = run.clock()
    if not delivery.resent:
        run.ledger.invalidate(delivery.id, reason, now=now)
        run.progress.settled(Status.INVALID, len(delivery.unsettled))
        return
    why = f"not sent again: {reason}"
    doubts = tuple(
        Outcome(address, Status.IN_DOUBT, reason=why, counted=False)
        if address in delivery.resent
        else Outcome(address, Status.DEFERRED, reason=why, counted=False)
        for address in delivery.unsettled
    )
    run.ledger.settle(delivery.id, doubts, now=now, retry_at=None)
    run.progress.note(f"{', '.join(sorted(delivery.resent))}: {why}")
    run.progress.settled(Status.IN_DOUBT, len(delivery.resent))


def _copies(delivery: Delivery, message: Message) -> list[str]:
    """Return the Cc and Bcc addresses that still need a RCPT; spelling does not make two of one."""
    if not message.copies:
        return []
    known = {address.lower() for address in (*delivery.addresses, *delivery.settled_copies)}
    copies = []
    for copy in message.copies:
        if copy.lower() not in known:
            known.add(copy.lower())
            copies.append(copy)
    return copies
