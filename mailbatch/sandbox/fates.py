"""The fates of accepted messages: the table that makes a rehearsal show what becomes of them.

| recipient                | reports and events                                                    |
|--------------------------|-----------------------------------------------------------------------|
| `bounce@`                | refused for good, `550 5.1.1`: a hard bounce that blames the address  |
| `soft@`                  | given up behind `452 4.2.2`: a soft bounce                            |
| `spam@`                  | refused for the content, `554 5.7.1`: a hard bounce that blames no    |
|                          | address                                                               |
| `suppressed@`            | dropped: the address is on the provider's suppression list            |
| `expired@`               | given up when the validity ended                                      |
| `slow@`                  | deferred first (told where intermediate reports are asked for), and   |
|                          | delivered later                                                       |
| `late@`                  | delivered, and bounced behind that                                    |
| `complain@`              | delivered, and reported as spam                                       |
| `unsubscribe@`           | delivered, opened, unsubscribed                                       |
| `open@`, `click@`        | delivered, opened; clicked, too                                       |
| `silent@`                | nothing, ever                                                         |
| any other                | delivered                                                             |

The word is the local part, alone or before `+…`, as in `bounce+ada@example.org`. A message to
`unanswered@` is taken, and the connection is closed in place of the reply, once for each address:
the client is in doubt, and the report says "delivered".

    >>> fate_of("bounce+ada@example.org").reports[-1].error.name
    'EC_INVALID_EMAIL_ADDRESS'

Codes and names are those of the provider's registry of status and error codes (July 2026); the
fates of addresses are ours. This module must never look at a clock, nor at a message.
"""

from __future__ import annotations

from mailbatch.frozen import frozen
from mailbatch.sandbox.addresses import name_of


@frozen
class Status:
    """A status of a message, as the provider writes it."""

    id: int
    group_id: int
    group: str
    name: str
    description: str


@frozen
class Error:
    """The error behind a status, as the provider writes it; `id` is 0 where there is none."""

    id: int
    group_id: int
    group: str
    name: str
    description: str
    permanent: bool


@frozen
class Told:
    """A delivery report: `after` so many seconds from the acceptance, with the server's words.

    `attempts` counts the attempts so far, and `response` is the reply of the recipient's server.
    """

    after: float
    status: Status
    error: Error
    attempts: int = 1
    response: str = ""

    @property
    def is_final(self) -> bool:
        """Whether no report follows; the others are intermediate."""
        return self.status.group_id != PENDING.group_id


@frozen
class Tracked:
    """A tracking event: `after` so many seconds from the acceptance, by the provider's word."""

    after: float
    notification: str


@frozen
class Fate:
    """The delivery reports and the tracking events of a message to one recipient, in order."""

    reports: tuple[Told, ...] = ()
    events: tuple[Tracked, ...] = ()


PENDING = Status(7, 1, "PENDING", "PENDING_ENROUTE", "Message sent to next instance")
_DELIVERED = Status(5, 3, "DELIVERED", "DELIVERED_TO_HANDSET", "Message delivered to handset")
_REFUSED = Status(
    4, 2, "UNDELIVERABLE", "UNDELIVERABLE_REJECTED_OPERATOR", "Message rejected by operator"
)
_NOT_DELIVERED = Status(
    9, 2, "UNDELIVERABLE", "UNDELIVERABLE_NOT_DELIVERED", "Message sent not delivered"
)
_EXPIRED = Status(15, 4, "EXPIRED", "EXPIRED_EXPIRED", "Message expired")

NO_ERROR = Error(0, 0, "OK", "NO_ERROR", "No Error", permanent=False)
#: The wire says USER_ERRORS and HANDSET_ERRORS where the registry says bounced and dropped.
_BOUNCED, _DROPPED = (2, "USER_ERRORS"), (1, "HANDSET_ERRORS")
_NO_MAILBOX = Error(
    6006, *_BOUNCED, "EC_INVALID_EMAIL_ADDRESS", "Invalid email address", permanent=True
)
_FULL = Error(
    6010, *_BOUNCED, "EC_RECIPIENT_INBOX_FULL", "Inbox of the recipient is full", permanent=False
)
_SUSPICIOUS = Error(
    6043, *_BOUNCED, "EC_SUSPICIOUS_CONTENT", "Content looks suspicious", permanent=True
)
_SUPPRESSED = Error(
    6034, *_DROPPED, "EC_SUPPRESSED_BOUNCE", "Suppressed due to a bounce", permanent=True
)
_SOFT = Error(6011, *_BOUNCED, "EC_SOFT_BOUNCE", "Soft bounce", permanent=False)

_AT_ONCE = Told(1.0, _DELIVERED, NO_ERROR)
_OPENED = Tracked(2.0, "OPENED")
DELIVERED = Fate((_AT_ONCE,))
FATES = {
    "bounce": Fate(
        (Told(1.0, _REFUSED, _NO_MAILBOX, response="550 5.1.1 No such mailbox here"),),
    ),
    "soft": Fate((Told(3.0, _REFUSED, _FULL, attempts=4, response="452 4.2.2 Mailbox full"),)),
    "spam": Fate(
        (Told(1.0, _REFUSED, _SUSPICIOUS, response="554 5.7.1 Content refused by policy"),),
    ),
    "suppressed": Fate((Told(0.5, _NOT_DELIVERED, _SUPPRESSED, attempts=0),)),
    "expired": Fate((Told(5.0, _EXPIRED, _SOFT, attempts=9),)),
    "slow": Fate(
        (
            Told(1.0, PENDING, NO_ERROR, attempts=2, response="451 4.7.1 Try again later"),
            Told(5.0, _DELIVERED, NO_ERROR, attempts=3),
        ),
    ),
    "late": Fate((_AT_ONCE,), (Tracked(4.0, "LATE_BOUNCE"),)),
    "complain": Fate((_AT_ONCE,), (Tracked(3.0, "COMPLAINED"),)),
    "unsubscribe": Fate((_AT_ONCE,), (_OPENED, Tracked(3.0, "UNSUBSCRIBED"))),
    "open": Fate((_AT_ONCE,), (_OPENED,)),
    "click": Fate((_AT_ONCE,), (_OPENED, Tracked(3.0, "CLICKED"))),
    "silent": Fate(),
}


def fate_of(address: str) -> Fate:
    """Return the fate of a message to an address.

    >>> fate_of("ada@example.org") is DELIVERED
    True
    """
    return FATES.get(name_of(address), DELIVERED)
