"""A delivery made ready for a transaction: composed, and fitted to the offers of a server.

    prepared = fitting.prepare(delivery, session.capabilities)
    prepared = prepared and fitting.fit(prepared, session.capabilities)

A delivery that cannot be sent is settled here, without the server: as invalid, or, where a resend
has failed, as the doubt of before. This module must never open or use a session.

Tests: tests/delivery/test_sender.py, tests/certainty/test_resolve.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.delivery.limits import Limits
from mailbatch.delivery.transport import Offers
from mailbatch.delivery.work import Prepared, Recorder
from mailbatch.envelope import Delivery, Dsn, Envelope, address_key
from mailbatch.errors import InputError
from mailbatch.outcome import Outcome, Status
from mailbatch.render.composer import Composer
from mailbatch.render.message import Message
from mailbatch.smtp.content import look_at

if TYPE_CHECKING:
    from mailbatch.delivery.approval import Approval


def takes_eight_bit(offers: Offers | None) -> bool:
    """Say whether 8-bit content may be sent; without a session that is expected."""
    return offers is None or offers.eight_bit_mime


class Fitting:
    """The maker of deliveries that are ready for a transaction, and fit the offers of a session."""

    def __init__(
        self,
        composer: Composer,
        recorder: Recorder,
        limits: Limits,
        clock: Callable[[], float],
        *,
        accept_changes: bool = False,
        redirected: bool = False,
        notify: tuple[str, ...] = (),
        approval: Approval | None = None,
    ) -> None:
        """`redirected`: all messages go to a test address, so that no envelope is cut.

        `notify` are the delivery status notifications that servers shall send (RFC 3461 4.1).
        `approval` holds each message to an approved plan.
        """
        self._composer = composer
        self._recorder = recorder
        self._limits = limits
        self._clock = clock
        self._accept_changes = accept_changes
        self._redirected = redirected
        self._notify = notify
        self._approval = approval
        # Copies that had a transaction for themselves, with their deliveries.
        self._copied: set[tuple[int, str]] = set()

    def prepare(
        self, delivery: Delivery, offers: Offers | None, composed: Message | None = None
    ) -> Prepared | None:
        """Make a delivery ready; None: the rows are invalid, and are recorded so.

        `offers` are those of the open session; None without one. `composed` is the message, where
        another process made one; else the message is composed now.

        Raises:
            PlanDifference: the message is another one than the approved plan says.
        """
        if composed is None:
            try:
                composed = self._composer.compose(delivery, eight_bit=takes_eight_bit(offers))
            except InputError as error:
                self._approve(delivery, None)
                self._refuse(delivery, str(error))
                return None
        message, token = composed, delivery.token
        self._approve(delivery, message)
        look_at(message.octets)
        paths = delivery.unsettled
        if message.copies:
            paths = (*paths, *_copies(delivery, message))
        utf8 = not all(map(str.isascii, paths)) or not message.reverse_path.isascii()
        return Prepared(
            delivery,
            message,
            Envelope(
                message.reverse_path,
                paths,
                smtputf8=utf8,
                dsn=Dsn(token, self._notify) if self._notify else None,
                token=token,
            ),
            message.octets.digest,
        )

    def _approve(self, delivery: Delivery, message: Message | None) -> None:
        if self._approval is not None:
            self._approval.check_message(delivery, message)

    def fit(self, prepared: Prepared, offers: Offers) -> Prepared | None:
        """Adapt a delivery to the offers of the session; None: nothing is left to send.

        A resend that would be another message than the one that may have arrived stays in doubt.
        """
        delivery = prepared.delivery
        if prepared.message.eight_bit and not offers.eight_bit_mime:
            again = self.prepare(delivery, offers)
            if again is None:
                return None
            prepared = again
        if offers.size and prepared.message.size > offers.size:
            reason = (
                f"the message has {prepared.message.size} bytes, the server takes {offers.size}; "
                f"biggest part: {prepared.message.biggest_part()}"
            )
            self._refuse(delivery, reason)
            return None
        fitted: Prepared | None = prepared
        if prepared.envelope.smtputf8 and not offers.smtputf8:
            fitted = self._without_smtputf8(prepared)
        if fitted is None or not self._is_what_may_have_arrived(fitted):
            return None
        paths = fitted.envelope.forward_paths
        if self._redirected or self._limits.fitting(paths) == len(paths):
            return fitted
        return self._with_the_first(fitted)

    def _with_the_first(self, prepared: Prepared) -> Prepared:
        """Leave all but the first recipients to a later transaction: the server takes no more.

        Copies come before all recipients but one, since nothing is sent once those are settled;
        where only one address fits, each copy has a transaction for itself, once in a run.
        """
        delivery, envelope = prepared.delivery, prepared.envelope
        mine = frozenset(delivery.unsettled)
        copies = [path for path in envelope.forward_paths if path not in mine]
        first, *rest = [path for path in envelope.forward_paths if path in mine]
        paths = (first, *copies, *rest)
        most = self._limits.fitting(paths)
        alone = [copy for copy in copies if (delivery.id, copy) not in self._copied]
        if most == 1 and alone:
            self._copied.add((delivery.id, alone[0]))
            paths = (alone[0], first, *rest, *(copy for copy in copies if copy != alone[0]))
        paths, others = paths[:most], paths[most:]
        left = tuple(
            Outcome(address, Status.PENDING, reason=_LEFT, counted=False) for address in others
        )
        return replace(
            prepared,
            envelope=replace(envelope, forward_paths=paths),
            others=(*prepared.others, *left),
        )

    def _without_smtputf8(self, prepared: Prepared) -> Prepared | None:
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
            self._refuse(delivery, reason)
            return None
        return replace(
            prepared,
            envelope=replace(envelope, forward_paths=left, smtputf8=False),
            others=(*prepared.others, *refused),
        )

    def _is_what_may_have_arrived(self, prepared: Prepared) -> bool:
        """Say whether a resend is the message that may have arrived; any other stays in doubt."""
        delivery = prepared.delivery
        if not delivery.digests or self._accept_changes:
            return True
        if delivery.digests == {prepared.digest}:
            return True
        octets = prepared.message.octets
        if len(octets.pieces) > 1 and delivery.digests <= {prepared.digest, octets.plain_digest}:
            return True  # it was sent when contents had no pieces
        self._refuse(
            delivery, "the message is another one than may have arrived (see --accept-changes)"
        )
        return False

    def _refuse(self, delivery: Delivery, reason: str) -> None:
        self._recorder.invalidate(delivery, reason, now=self._clock())


_LEFT = "left to a later transaction: the server takes no more recipients in one"


def _copies(delivery: Delivery, message: Message) -> list[str]:
    """Return the Cc and Bcc addresses that still need a RCPT; spelling does not make two of one."""
    known = {address_key(address) for address in (*delivery.addresses, *delivery.settled_copies)}
    copies = []
    for copy in message.copies:
        if address_key(copy) not in known:
            known.add(address_key(copy))
            copies.append(copy)
    return copies
