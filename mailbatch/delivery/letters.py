"""The letters of a correction: for each row the mended letter, the correction, or none.

    letters = Letters("2026-W48", chain, sent=composers.of, mended=composer, ...)
    for recipient in letters.judged(plan):      # pending, or filtered with the reason
        ...
    letters.groups                              # Groups(mended=200, corrections=35, ...)

Two letters are compared by their fingerprints: the one that the recipient has, made of the sent
job and the row in the ledger, and the mended one, made of the new job and the row of the table. The
digest of the bytes that left decides where these seem to be the same.
This module must never send, nor write a ledger.

Tests: tests/cli/test_correct.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from mailbatch.delivery.chain import WITHOUT
from mailbatch.envelope import Delivery, Recipient, address_key
from mailbatch.errors import InputError, Location, MessageError, Reason
from mailbatch.frozen import frozen
from mailbatch.outcome import Status

if TYPE_CHECKING:
    from mailbatch.delivery.chain import Chain, Held
    from mailbatch.ledger.corrected import Had
    from mailbatch.render.composer import Composer
    from mailbatch.render.message import Message

_AT_ONCE = 256
#: The reason of a row that a preview of the other group leaves out.
_OTHER = "the other letter is shown"
_PENDING, _FILTERED, _INVALID = map(str, (Status.PENDING, Status.FILTERED, Status.INVALID))
#: The recipients that have the letter, or may have the letter, at the address of the ledger.
_FIXED = frozenset((Status.ACCEPTED, Status.IN_DOUBT, Status.SKIPPED))
#: The recipients that a correction is about.
CONCERNED = (Status.ACCEPTED, Status.IN_DOUBT, Status.PENDING, Status.DEFERRED)


class Letter(StrEnum):
    """The letter that a row of the table gets, or the reason for none."""

    MENDED = "mended"
    CORRECTION = "corrections"
    UNCHANGED = "unchanged"
    IN_DOUBT = "in_doubt"
    NEW = "new"
    LEFT_OUT = "left_out"


#: The letters that are sent.
SENT = frozenset((Letter.MENDED, Letter.CORRECTION))


@frozen
class Groups:
    """The recipients of a correction: those of the mended letter, of the correction, and the rest.

    `unchanged` have the right letter already. `in_doubt` may have a letter, and stay in doubt in
    the corrected edition. `new` are rows of no recipient there. `left_out` were refused, skipped or
    left out there, mailed at another address, or cannot be mailed now. `gone` have the letter or
    wait for one, and are in no row of the table.
    """

    mended: int = 0
    corrections: int = 0
    unchanged: int = 0
    in_doubt: int = 0
    new: int = 0
    left_out: int = 0
    gone: int = 0


class Letters:
    """The letters of a correction; `groups` are those of the last table that was read to its end.

    `sent` gives the composer of the sent job for the columns of a row in the ledger, `sign` makes a
    composer that signs as that job does; None: its key is not there, and no bytes are compared.
    `concerned` is the number of recipients that the correction is about. Only rows of the `wanted`
    letters are pending, for a preview of one group. With `accept_changes` a letter that the sent
    job does not make is a wrong one, else an error.
    """

    def __init__(
        self,
        edition: str,
        chain: Chain,
        *,
        sent: Callable[[tuple[str, ...]], Composer],
        sign: Callable[[Composer], Composer] | None,
        mended: Composer,
        table: str,
        concerned: int,
        wanted: frozenset[Letter] = SENT,
        accept_changes: bool = False,
    ) -> None:
        self.groups = Groups()
        self._edition = edition
        self._chain = chain
        self._sent = sent
        self._sign = sign
        self._mended = mended.fingerprinting()
        self._table = table
        self._concerned = concerned
        self._wanted = wanted
        self._accept_changes = accept_changes

    def judged(self, rows: Iterable[Recipient]) -> Iterator[Recipient]:
        """Yield rows with the status that the correction gives these.

        A row that the files leave out stays as it is, and one of a forgotten person gets no letter
        and keeps its alias. Of several rows of a recipient, the first one
        that asks for a mail is judged.

        Raises:
            MessageError: the letter that a recipient has cannot be made again, or is another one
                than the sent job makes.
        """
        seen = _Seen(self._chain.last)
        counts = dict.fromkeys(Letter, 0)
        unmailable = self._chain.corrections.unmailable()
        rest = iter(rows)
        while block := list(islice(rest, _AT_ONCE)):
            known = self._chain.had(map(_key, block))
            for row in block:
                held = known.get(_key(row))
                if held is not None:
                    seen.find(held)
                if (hidden := self._chain.forgotten(row)) is not None:
                    yield hidden
                    continue
                if row.status != _PENDING:
                    yield row
                    continue
                if held is not None and (before := seen.letter(held)) is not None:
                    yield row if before in self._wanted else _repeated(row)
                    continue
                letter, reason, status = self._judge(row, held, unmailable)
                if held is not None:
                    seen.judge(held, letter)
                counts[letter] += 1
                if letter in self._wanted:
                    yield row
                else:
                    yield row._replace(status=status, reason=reason)
        numbers = {letter.value: number for letter, number in counts.items()}
        self.groups = Groups(**numbers, gone=max(0, self._concerned - seen.concerned))

    def _judge(
        self, row: Recipient, held: Held | None, unmailable: frozenset[str]
    ) -> tuple[Letter, str, str]:
        """Return the letter of a row; and, where none is sent, the reason and the status."""
        edition = f"edition {self._edition}"
        if held is None:
            if _key(row) in unmailable:
                return Letter.MENDED, _OTHER, _FILTERED
            return Letter.NEW, f"no recipient of {edition}", _FILTERED
        had = held.had
        if had.status in _FIXED and address_key(had.address) != address_key(row.address):
            reason = f"{edition} went to {had.address}, the table has {row.address} now"
            return Letter.LEFT_OUT, reason, _FILTERED
        if had.status is Status.ACCEPTED:
            return self._compare(row, held)
        if had.status in WITHOUT:
            return Letter.MENDED, _OTHER, _FILTERED
        letter = Letter.IN_DOUBT if had.status is Status.IN_DOUBT else Letter.LEFT_OUT
        return letter, f"{had.status.replace('_', ' ')} in {edition}", _FILTERED

    def _compare(self, row: Recipient, held: Held) -> tuple[Letter, str, str]:
        """Return the same for a row whose recipient has a letter."""
        (sent,) = self._chain.place([_letter(held.had)], held.level)
        mended = replace(sent, rows=(Recipient(row.line, held.had.address, row.values),))
        try:
            mark = _mark(self._mended.compose(mended, eight_bit=True))
        except InputError as error:
            return Letter.LEFT_OUT, str(error), _INVALID
        if not held.is_wrong and self._is_same(held, sent, mended, mark):
            return Letter.UNCHANGED, f"the letter of edition {self._edition} is the same", _FILTERED
        return Letter.CORRECTION, _OTHER, _FILTERED

    def _is_same(self, held: Held, sent: Delivery, mended: Delivery, mark: bytes) -> bool:
        """Say whether the letter of a recipient is the mended one, whose fingerprint is `mark`.

        The sent job may make that letter, and the recipient have another one all the same, of the
        time before a change: the digest of the bytes that left tells. It alone tells of a letter of
        an earlier edition, whose job is not at hand.

        Raises:
            MessageError: the letter cannot be made again.
        """
        had, why = held.had, "the sent job makes other bytes than those"
        try:
            if held.level < self._chain.last:
                if had.digest is not None:
                    return self._makes(self._mended, mended, had)
                why = "its edition is an earlier one, and the ledger keeps no digest"
            else:
                composer = self._sent(had.columns)
                if _mark(composer.compose(sent, eight_bit=True)) != mark:
                    return False
                if had.digest is None or self._makes(composer, sent, had):
                    return True
        except InputError as error:
            why = str(error)
        if self._accept_changes:
            return False
        raise MessageError(
            f"the letter that {had.address} has cannot be made again, to be compared: {why}",
            location=Location(self._table, mended.rows[0].line),
            hint="JOB has to be as it was sent, with all of its files; --accept-changes takes each "
            "such letter for a wrong one, and --dry-run tells how many get a correction",
            reason=Reason.NO_CORRECTION,
        )

    def _makes(self, composer: Composer, letter: Delivery, had: Had) -> bool:
        """Say whether a composer makes the very bytes that left; yes where there is no key."""
        if self._sign is None:
            return True
        signing = self._sign(composer)
        for eight_bit in (True, False):
            octets = signing.compose(letter, eight_bit=eight_bit).octets
            if had.digest in {octets.digest, octets.plain_digest}:
                return True
        return False


class _Seen:
    """The recipients of a chain that stand in the table; a byte for each. `last` is its level."""

    def __init__(self, last: int) -> None:
        self._letters = tuple(Letter)
        self._last = last
        self._found = bytearray()
        self.concerned = 0

    def find(self, held: Held) -> None:
        """Note that a recipient stands in the table."""
        number = self._number(held)
        if number >= len(self._found):
            self._found.extend(bytes(number + 1 - len(self._found)))
        if not self._found[number]:
            self._found[number] = 1
            counts = held.is_wrong or held.level == self._last
            self.concerned += counts and held.had.status in CONCERNED

    def judge(self, held: Held, letter: Letter) -> None:
        """Note the letter of a recipient who was found."""
        self._found[self._number(held)] = 2 + self._letters.index(letter)

    def letter(self, held: Held) -> Letter | None:
        """Return the letter of a recipient who was found; None: no row was judged yet."""
        noted = self._found[self._number(held)]
        return self._letters[noted - 2] if noted > 1 else None

    def _number(self, held: Held) -> int:
        """Return a number that no other recipient of any edition has."""
        return held.had.id * (self._last + 1) + held.level


def _key(row: Recipient) -> str:
    return row.key or address_key(row.address)


def _repeated(row: Recipient) -> Recipient:
    return row._replace(status=_FILTERED, reason="an earlier row has this recipient")


def _letter(had: Had) -> Delivery:
    """Return the delivery of the letter that a recipient has, as no correction."""
    return Delivery(
        id=0,
        key="",
        attempt=1,
        message_id=had.message_id or "",
        date=had.date or 0,
        unsettled=(had.address,),
        addresses=(had.address,),
        rows=(Recipient(1, had.address, had.values),),
    )


def _mark(message: Message) -> bytes:
    """Return the fingerprint of a message."""
    if message.mark is None:
        raise ValueError("the composer makes no fingerprints")
    return message.mark.digest
