"""The limits of a server: of the job, of EHLO, and those that `trouble` learns in a run.

    limits = Limits(transactions=100)       # server.transactions_per_session
    limits.announced(session.capabilities)  # LIMITS RCPTMAX=50
    limits.fitting(paths)                   # at most 50 of these recipients in one transaction

One for all sessions of a run. This module must never decide about an outcome: a limit is the number
of recipients of a transaction, or the number of transactions of a session.

Tests: tests/delivery/test_trouble.py.
"""

from __future__ import annotations

from typing import Protocol

#: How many recipients every server takes in one transaction (RFC 5321 4.5.3.1.8).
SAFE_RECIPIENTS = 100
#: Behind so many refused commands a session is followed by a new one, until fewer are learned:
#: Postfix answers everything a second late from the tenth on (`smtpd_soft_error_limit`),
#: and Exim refuses the twelfth RSET (`smtp_accept_max_nonmail`), of which each follows a refusal.
MOST_REFUSALS = 8


class Announced(Protocol):
    """The limits that EHLO announces by LIMITS (RFC 9422); None: not announced."""

    @property
    def mail_max(self) -> int | None:
        """The most transactions of a session."""

    @property
    def rcpt_max(self) -> int | None:
        """The most recipients of a transaction."""

    @property
    def rcpt_domain_max(self) -> int | None:
        """The most domains of the recipients of a transaction."""


class Limits:
    """The limits of the server, as far as known.

    `recipients` and `domains` are the most of a transaction, `transactions` the most of a session;
    None is any number. `refusals` is the number of refused commands that make a session useless.
    `learned` are settings of the job, by their keys, that would have told the limits before.
    """

    __slots__ = (
        "_proved",
        "_sessions_cut_short",
        "_transactions",
        "domains",
        "learned",
        "recipients",
        "refusals",
        "transactions",
    )

    def __init__(self, *, transactions: int = 0) -> None:
        """`transactions` is the job's `transactions_per_session`; 0 is any number."""
        self.recipients: int | None = None
        self.domains: int | None = None
        self.transactions: int | None = transactions or None
        self.refusals = MOST_REFUSALS
        self.learned: dict[str, int] = {}
        self._proved = SAFE_RECIPIENTS
        self._sessions_cut_short: set[int] = set()

    @property
    def at_once(self) -> int:
        """The number of recipients that may be asked before the first reply."""
        return self._proved

    def announced(self, offers: Announced) -> None:
        """Take over the limits that EHLO announces, before any transaction is refused."""
        self.transactions = _least(self.transactions, offers.mail_max)
        self.recipients = _least(self.recipients, offers.rcpt_max)
        self.domains = _least(self.domains, offers.rcpt_domain_max)
        if offers.rcpt_max is not None:
            self._proved = max(self._proved, offers.rcpt_max)

    def proved(self, recipients: int) -> None:
        """Note that a transaction with so many recipients was accepted."""
        self._proved = max(self._proved, recipients)

    def learn_recipients(self, most: int) -> None:
        """Note that a transaction may have no more than `most` recipients."""
        if most >= 1 and (self.recipients is None or most < self.recipients):
            self.recipients = self.learned["recipients_per_transaction"] = most

    def learn_transactions(self, most: int) -> None:
        """Note that a session may have no more than `most` transactions."""
        if most >= 1 and (self.transactions is None or most < self.transactions):
            self.transactions = self.learned["transactions_per_session"] = most

    def cut_short(self, transactions: int) -> None:
        """Note that a session was closed behind so many transactions; twice is the limit."""
        if transactions in self._sessions_cut_short:
            self.learn_transactions(transactions)
        self._sessions_cut_short.add(transactions)

    def learn_sessions(self, most: int) -> None:
        """Note that the server lets in no more than `most` sessions at a time."""
        known = self.learned.get("sessions")
        self.learned["sessions"] = most if known is None else min(known, most)

    def learn_refusals(self, most: int) -> None:
        """Note that a session is of no more use behind `most` refused commands."""
        if 1 <= most < self.refusals:
            self.refusals = most

    def fitting(self, paths: tuple[str, ...]) -> int:
        """Return how many of these recipients, from the first on, one transaction may have."""
        most = len(paths) if self.recipients is None else min(self.recipients, len(paths))
        if self.domains is None:
            return most
        domains: set[str] = set()
        for index, path in enumerate(paths[:most]):
            domains.add(domain_of(path))
            if len(domains) > self.domains:
                return index
        return most


def domain_of(address: str) -> str:
    """Return the domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def _least(known: int | None, said: int | None) -> int | None:
    if known is None or said is None:
        return said if known is None else known
    return min(known, said)
