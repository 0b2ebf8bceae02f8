"""Infobip's error codes that speak of the address itself, as one table.

`error.permanent` says only that a repetition is in vain: a sender domain that is not verified, or
blocked, is permanent too. Source: the provider's registry of error codes (July 2026); the choice of
those that speak of the address is ours, on the side of readers who want the mail. Codes were given
new meanings (6012 was EC_SENDER_ADDRESS_INVALID in 2024), so number and name count together.

Tests: tests/reports/test_golden.py.
"""

from __future__ import annotations

#: (error.id, error.name without `EC_`)
ABOUT_ADDRESS = frozenset(
    {
        (6003, "UNSUBSCRIBED_EMAIL_ADDRESS"),
        (6006, "INVALID_EMAIL_ADDRESS"),
        (6009, "MAILBOX_PERMANENTLY_UNAVAILABLE"),
        (6012, "HARD_BOUNCE"),
        (6034, "SUPPRESSED_BOUNCE"),
        (6035, "SUPPRESSED_SPAM_COMPLAINT"),
        (6037, "RECIPIENT_DOMAIN_MX_NOT_FOUND"),
        (6052, "RECIPIENT_DOMAIN_TYPO"),
    }
)


def speaks_of_address(number: int | None, name: str) -> bool:
    """Tell whether an error, by its number and name, speaks of the address itself."""
    return (number, name.removeprefix("EC_")) in ABOUT_ADDRESS
