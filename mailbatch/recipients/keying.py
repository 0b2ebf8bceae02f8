"""The keys of rows: the identity that a job gives its recipients, and the key of each row.

    keying = Keying.of(job.recipients, ("email", "order_id"), "email")   # key: order_id
    keying.keyed(recipient)        # the same with key "4711", or invalid without an order

A key is made of cells as they stand: letter case and leading zeros tell keys apart, but the address
counts as a mailbox, in any spelling. This module must never compare rows: the ledger finds an
earlier row with the key.

Tests: tests/recipients/test_keys.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailbatch.envelope import Recipient
from mailbatch.frozen import frozen
from mailbatch.identity import BY_ADDRESS, NO_KEY, Identity
from mailbatch.job.columns import find_column, named_columns
from mailbatch.job.recipients import Recipients
from mailbatch.outcome import Status

_INVALID = Status.INVALID.value
_PENDING = Status.PENDING.value


@frozen
class Keying:
    """The identity of the recipients of a table; `places` are the indices of its columns.

    `needed` says that the job names the key, so that no cell of the key may be empty. Without it
    the key follows from `group_by`, where an empty cell is a value as any other.
    """

    identity: Identity = BY_ADDRESS
    places: tuple[int, ...] = ()
    needed: bool = False

    @classmethod
    def of(cls, wanted: Recipients, columns: Sequence[str], address: str) -> Keying:
        """Return the keying of a table whose column `address` has the addresses.

        The default is the address, and with it the columns of `group_by` where these name the
        address. A name of `recipients.key` means a column as `recipients.address` does; one that
        means none is passed over.
        """
        given = [find_column(name, columns) for name in wanted.key]
        names = {name for name in given if name is not None}
        grouped = set(named_columns(wanted.group_by, columns))
        if not names:
            names = grouped if address in grouped else {address}
        others = tuple(sorted(names - {address}))
        one_message = address in names and address in grouped and grouped <= names
        identity = Identity(
            others, by_address=address in names, one_message=one_message, given=bool(wanted.key)
        )
        return cls(identity, tuple(map(columns.index, others)), needed=bool(wanted.key))

    def keyed(self, recipient: Recipient) -> Recipient:
        """Return a recipient with its key; without one it is invalid, unless it is left out."""
        cells = [recipient.values[place] for place in self.places]
        if not self.needed or all(cells):
            return recipient._replace(key=self.identity.key_of(recipient.address, cells))
        if recipient.status != _PENDING:
            return recipient._replace(key=NO_KEY)
        empty = [name for name, cell in zip(self.identity.columns, cells, strict=True) if not cell]
        reason = f"the key is empty: {' and '.join(map(repr, empty))}"
        return recipient._replace(key=NO_KEY, status=_INVALID, reason=reason)


BY_THE_ADDRESS = Keying()
