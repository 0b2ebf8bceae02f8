"""The identity of a recipient: the columns of the table that tell one recipient from another.

    identity = Identity(("order_id",), by_address=False)     # recipients.key: order_id
    identity.key_of("ann@example.com", ("4711",))            # '4711'
    BY_ADDRESS.key_of("Ann@Example.com", ())                 # 'ann@example.com'

Rows with one key are one recipient over all runs of an edition. Values only: this module never
knows a table, and never compares cells otherwise than letter by letter.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import field
from typing import Self

from mailbatch.envelope import address_key
from mailbatch.frozen import frozen

#: The key of no recipient: a cell of the key is empty.
NO_KEY = ""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@frozen
class Identity:
    """The columns whose cells are the key of a recipient, beside the address or in its place.

    `columns` are names of columns, sorted, without that of the address; `by_address` says that the
    address is a part of the key. `one_message` says that `group_by` names the address and no column
    outside the key: then all rows of a key are rows of one message. `given` says that the job names
    the key, which else follows from `group_by`. Two identities are equal that make equal keys.
    """

    columns: tuple[str, ...] = ()
    by_address: bool = True
    one_message: bool = field(default=False, compare=False)
    given: bool = field(default=False, compare=False, repr=False)

    @property
    def is_address(self) -> bool:
        """Whether the address alone is the key."""
        return not self.columns

    def key_of(self, address: str, cells: Sequence[str]) -> str:
        """Return the key of a row; `cells` are those of `columns`.

        A single column, or the address alone, stands as it is, several stand in a JSON list.

        Example:
            >>> Identity(("child",)).key_of("Ann@example.com", ("Tom",))
            '["ann@example.com","Tom"]'
        """
        if not self.by_address:
            return cells[0] if len(cells) == 1 else _encode(list(cells))
        key = address_key(address)
        return _encode([key, *cells]) if cells else key

    @property
    def names(self) -> tuple[str | None, ...]:
        """The columns of the key, None for the address."""
        return (None, *self.columns) if self.by_address else self.columns

    @property
    def text(self) -> str:
        """The identity as a JSON list, null for the address: what a ledger keeps."""
        return _encode(list(self.names))

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the identity of a text that `text` made.

        Example:
            >>> Identity.of('[null,"child"]')
            Identity(columns=('child',), by_address=True, one_message=False)
        """
        names = json.loads(text)
        columns = tuple(name for name in names if name is not None)
        return cls(columns, by_address=None in names)

    def __str__(self) -> str:
        names = ["the address" if name is None else repr(name) for name in self.names]
        return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


#: The default: a recipient is an address.
BY_ADDRESS = Identity()
