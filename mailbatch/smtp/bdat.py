"""The trust in BDAT (RFC 3030): whether contents may go by BDAT, as the sessions of a run learn.

Some servers announce CHUNKING and do not know BDAT, or lose each session that says BDAT. One
failure is enough: from then on every content of the run goes by DATA, which every server knows.
This module must never decide the outcome of a recipient: it judges the command alone.

    BdatTrust    one for a run: allowed until the first failure
    BdatUse      one for a session: the evidence of that session, for or against

Tests: tests/smtp/test_connection.py, tests/session/test_chunking.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailbatch.smtp.transaction import Transaction


class BdatTrust:
    """Whether the sessions of a run may say BDAT.

    `allowed` is False from the start where the job has `server.chunking: off`, and from the first
    failure on. `failure` is the reason of that failure, or None. `tell` is called with the reason,
    once.
    """

    __slots__ = ("_tell", "allowed", "failure")

    def __init__(self, *, allowed: bool = True, tell: Callable[[str], None] | None = None) -> None:
        self.allowed = allowed
        self.failure: str | None = None
        self._tell = tell

    def withdraw(self, reason: str) -> None:
        """Allow BDAT no longer; only the first reason counts."""
        if not self.allowed:
            return
        self.allowed = False
        self.failure = reason
        if self._tell is not None:
            self._tell(reason)


class BdatUse:
    """The use of BDAT in one session, and what follows from it for the trust of the run.

    `redact` takes secrets out of a text that quotes the server.
    """

    __slots__ = ("_redact", "_said", "_took", "trust")

    def __init__(self, trust: BdatTrust, redact: Callable[[str], str]) -> None:
        self.trust = trust
        self._redact = redact
        self._said = False
        self._took = False

    def handed_over(self) -> None:
        """Note that a BDAT has left."""
        self._said = True

    def answered(self, transaction: Transaction) -> None:
        """Note the reply to the BDAT of `transaction`: a refusal of the command itself ends it."""
        reply = transaction.final_reply
        if reply is None:
            return
        if not reply.negative:
            self._took = True
        elif not reply.closing and transaction.knows_no_bdat:
            self._withdraw(f"the server announces CHUNKING and said '{reply}' to BDAT")

    def garbled(self, error: str) -> None:
        """Note a breach of the protocol: the server may have read a content as commands.

        With DATA the server has less to mistake.
        """
        if self._said:
            self._withdraw(error)

    def lost(self, transaction: Transaction, end: str) -> None:
        """Note the loss of the session before the reply to `transaction` came.

        BDAT is blamed unless BDAT has worked in this session: a server that hangs or closes at
        every BDAT would leave a transaction in doubt each time.
        """
        if transaction.chunked and transaction.end_of_data_handed_over and not self._took:
            self._withdraw(f"no BDAT has worked with the server: {end}")

    def _withdraw(self, reason: str) -> None:
        self.trust.withdraw(self._redact(reason))
