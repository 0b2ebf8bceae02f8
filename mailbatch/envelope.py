"""The envelope (RFC 5321 2.3.1) and the delivery, the unit of the ledger.

Values only: nothing here reads files, renders, or knows the wire.

Tests: tests/smtp/test_transaction.py, tests/ledger/test_plan.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import field
from typing import NamedTuple

from mailbatch.frozen import frozen
from mailbatch.report_token import token_of


def address_key(address: str) -> str:
    """Return the identity of a mailbox: equal for all spellings of its address on the wire.

    RFC 5321 2.4 lets a host tell `Ann` from `ann`, but no host that people use does, and mailing
    one person twice, or in spite of an unsubscription, is the worse mistake. So local parts are
    compared without case, and only compared: the wire keeps the spelling. Lower case is all of it,
    since parsed addresses differ in nothing else. Every comparison of addresses, in all rooms, is
    one of keys.
    """
    return address.lower()


def address_keys(addresses: Iterable[str]) -> list[str]:
    """Return the `address_key` of each address, in the time of a loop in C."""
    return list(map(str.lower, addresses))


#: The domain of the aliases of people that a ledger has forgotten (RFC 2606 2).
OF_FORGOTTEN = "@forgotten.invalid"


def is_alias(text: str) -> bool:
    """Say whether a text is the alias of a person that a ledger has forgotten."""
    return text.endswith(OF_FORGOTTEN)


def mentions_of(key: str) -> re.Pattern[str]:
    """Return a pattern that finds a mailbox in a text by its key, in any capitals.

    A longer address that this one is a part of is another mailbox. An envelope sender that names
    the recipient (VERP: `bounce+ann=example.net@example.com`) mentions that mailbox, too.

    >>> pattern = mentions_of("ann@example.net")
    >>> pattern.sub("*", "to=<Ann@example.net>, joann@example.net, ann@example.net.au.")
    'to=<*>, joann@example.net, ann@example.net.au.'
    >>> pattern.sub("*", "<bounce+ann=example.net@example.com>, <x+joann=example.net@example.com>")
    '<bounce+*@example.com>, <x+joann=example.net@example.com>'
    """
    alone = rf"(?<!\w)(?<!\w[.+-]){re.escape(key)}(?!\w)(?![.-]\w)"
    within = rf"(?<![\w.-]){re.escape(key.replace('@', '='))}(?=@)"
    return re.compile(f"{alone}|{within}", re.IGNORECASE)


def masking(key: str, alias: str) -> Callable[[str], str]:
    """Return a function that puts an alias in the places where a text mentions a mailbox.

    >>> masking("ann@example.net", "5b1f@forgotten.invalid")("<b+ann=example.net@example.com>")
    '<b+5b1f=forgotten.invalid@example.com>'
    """
    pattern, within = mentions_of(key), alias.replace("@", "=")
    return lambda text: pattern.sub(lambda m: alias if "@" in m[0] else within, text)


@frozen
class Dsn:
    """The wish for delivery status notifications (RFC 3461), asked of servers that announce DSN.

    `envelope_id` comes back in each notification: letters, digits and hyphens, at most 100.
    `notify` are words of RFC 3461 4.1 in lower case: `failure`, `delay`, `success`; never empty.
    """

    envelope_id: str
    notify: tuple[str, ...]


@frozen
class Envelope:
    """The sender and the recipients of a transaction (RFC 5321 2.3.1): MAIL and RCPT.

    `reverse_path` and `forward_paths` are addr-specs without angle brackets, domains as A-labels;
    local parts are ASCII unless `smtputf8`. `reverse_path` may be empty (the null path);
    `forward_paths` is never empty and has no address twice. `dsn` holds for every recipient.
    `token` names the delivery (`Delivery.token`), since two may go to one address; no part of the
    protocol.
    """

    reverse_path: str
    forward_paths: tuple[str, ...]
    smtputf8: bool = False
    dsn: Dsn | None = None
    token: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.forward_paths:
            raise ValueError("an envelope needs at least one recipient")


class Recipient(NamedTuple):
    """One row of the recipient table in the plan; a tuple, since a plan has a million of them.

    `line` is the line on which the record starts (the header is line 1). `address` is the
    addr-spec in the form of the wire, or the cell's text where the cell holds no valid address.
    `values` are the cells in the order of the table's columns. `group` are the values of
    `group_by`, None where every row has a message alone. `status` is the status at planning
    (`pending`, `invalid`, `suppressed`, `filtered`), `reason` the reason in words. `key` tells the
    recipient from others (`identity`), None where the address does. `send_at` is the time of
    sending, as a `SendTime` writes itself, None: at once; of an invalid row, the text that is none.
    """

    line: int
    address: str
    values: tuple[str, ...]
    group: tuple[str, ...] | None = None
    status: str = "pending"
    reason: str | None = None
    key: str | None = None
    send_at: str | None = None


@frozen
class Delivery:
    """One group's message to one envelope, leased, sent and settled as a whole.

    `id` and `key` are the ledger's. `attempt` counts from 1, over all runs; `tries` counts the
    attempts of this run, the present one included, and `first_try` is the time of the first lease
    among those (seconds since the epoch). `message_id` (without angle brackets) and `date` (seconds
    since the epoch, UTC) are fixed at the first lease of all, so that a resend is byte-identical.

    `unsettled` are the addresses of this attempt; `addresses` all that the delivery ever had.
    `rows` are the rows that templates see: every row of a delivery to one address, else the first
    row only (a template of several addresses sees the group's columns only).
    `settled_copies` are Cc and Bcc addresses that need no RCPT any more.
    `resent` are the addresses of `unsettled` that may have the message already and get the message
    again by `resolve --resend`; `digests` are the SHA-256 of those earlier messages, where known.
    `thread` are the Message-IDs of earlier editions that the message stands behind, the first one
    first, without angle brackets (RFC 5322 3.6.4). `correction`: the last one of these had a
    mistake, and the message corrects that mistake.
    """

    id: int
    key: str
    attempt: int
    message_id: str
    date: int
    unsettled: tuple[str, ...]
    addresses: tuple[str, ...]
    rows: tuple[Recipient, ...]
    settled_copies: frozenset[str] = field(default_factory=frozenset)
    resent: frozenset[str] = frozenset()
    digests: frozenset[bytes] = frozenset()
    tries: int = 1
    first_try: float = 0.0
    thread: tuple[str, ...] = ()
    correction: bool = False

    @property
    def token(self) -> str:
        """The name by which reports bring the delivery back."""
        return token_of(self.message_id)
