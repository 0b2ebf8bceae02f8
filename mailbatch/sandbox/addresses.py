"""The refusals of recipients: the table that makes a rehearsal show refusals.

| recipient                                    | reply to RCPT                                     |
|----------------------------------------------|---------------------------------------------------|
| domain ends in `.invalid` (RFC 2606), listed | `501 5.1.7 Bad recipient address <..>`            |
| as bad, or no addr-spec                      |                                                   |
| local part `blocked` or `blocked+…`, or      | `550 5.7.1 Recipient <..> not allowed`            |
| listed as blocked                            |                                                   |
| local part `greylisted` or `deferred`, alone | the first time `451 4.7.1 Recipient <..>          |
| or before `+…`                               | greylisted, try again later`, accepted after that |
| any other                                    | `250 2.1.5 Recipient <..> OK`                     |

A message to `unanswered` or `unanswered+…` is taken, and the connection is closed in place of the
reply to the end of data, the first time: the client cannot know.

The first attempt at such an address counts in all sessions together. The texts of 250, 550 and
501 are those of the provider's page ("Command pipelining"). The table must never look a name up: no
DNS, no files.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"

#: Mailbox of RFC 5321 4.1.2 in ASCII, within the lengths of 4.5.3.1.
_MAILBOX = re.compile(
    rf"(?=.{{1,254}}\Z)(?=.{{1,64}}@)"
    rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*")'
    rf"@(?:{_LABEL}(?:\.{_LABEL})*|\[[!-Z^-~]+\])"
)


def is_mailbox(address: str) -> bool:
    """Say whether `address` is a Mailbox (RFC 5321 4.1.2) of ASCII characters.

    The length counts, too; a domain alone or a local part alone is none:

        >>> is_mailbox("ann@example.com")
        True
        >>> is_mailbox("ann@")
        False
    """
    return _MAILBOX.fullmatch(address) is not None


def name_of(address: str) -> str:
    """Return the word by which the sandbox knows an address: its local part, before any `+`.

    >>> name_of("Bounce+ada@example.org")
    'bounce'
    """
    return address.lower().rpartition("@")[0].partition("+")[0]


class AddressTable:
    """The recipients that are refused, and those that are refused or left in doubt once.

    `blocked` and `bad` are addr-specs, compared without regard to case.

    A greylisted address is refused once:

        >>> table = AddressTable(blocked=["bob@example.com"], bad=[])
        >>> table.refusal("bob@example.com")
        '550 5.7.1 Recipient <bob@example.com> not allowed'
        >>> table.refusal("greylisted@example.org")
        '451 4.7.1 Recipient <greylisted@example.org> greylisted, try again later'
        >>> table.refusal("greylisted@example.org") is None
        True
    """

    def __init__(self, blocked: Collection[str] = (), bad: Collection[str] = ()) -> None:
        self._blocked = frozenset(address.lower() for address in blocked)
        self._bad = frozenset(address.lower() for address in bad)
        self._greylisted: set[str] = set()
        self._left: set[str] = set()

    def refusal(self, address: str) -> str | None:
        """Return the reply that refuses `address`, or None where the recipient is accepted.

        To ask about a greylisted address is the first attempt: the next answer is None.
        """
        lowered = address.lower()
        if lowered.endswith(".invalid") or lowered in self._bad or not is_mailbox(address):
            return f"501 5.1.7 Bad recipient address <{address}>"
        name = name_of(address)
        if name == "blocked" or lowered in self._blocked:
            return f"550 5.7.1 Recipient <{address}> not allowed"
        if name in {"greylisted", "deferred"} and lowered not in self._greylisted:
            self._greylisted.add(lowered)
            return f"451 4.7.1 Recipient <{address}> greylisted, try again later"
        return None

    def leaves_unanswered(self, addresses: Collection[str]) -> bool:
        """Say whether the end of a message to these recipients gets no reply.

        To ask is the first attempt: the next answer is False.
        """
        waiting = {address.lower() for address in addresses if name_of(address) == "unanswered"}
        new = waiting - self._left
        self._left |= new
        return bool(new)
