"""A transaction (RFC 5321 3.3): one envelope from MAIL to the reply to the end of data.

The connection notes here each command handed over and each reply; `outcomes` turns that into one
`Outcome` per recipient. This is the only place where replies become statuses. Pure: no I/O, no
clock, and no reply's text decides whether a recipient was accepted. A text that speaks of too many
recipients (module `refusals`) is noted as `room`: the recipients that the server takes at once.

Event                                             recipients with a 2yz RCPT      the others
------------------------------------------------  ------------------------------  ------------------
MAIL refused                                      all: its reply (4 deferred, 5 rejected)
DATA refused                                      its reply                       their own reply
  503 behind a failed command of the group        pending: not sent               their own reply
refused while the content was being sent          that reply                      their own reply
end of data answered with 2yz                     accepted                        their own reply
end of data answered with 4yz (421 too) or 5yz    that reply                      their own reply
broken off before the end of data was handed over pending: certainly not taken    their own reply
broken off after it                               in doubt                        their own reply
BDAT answered with 2yz                            accepted                        their own reply
BDAT answered with 4yz (421 too) or 5yz           that reply                      their own reply
  503 or X.5.1 behind a failed command            pending: not sent               their own reply
  50z otherwise: there is no BDAT                 pending, goes by DATA           their own reply
    but not 50z 5.7.z, which is policy            that reply                      their own reply
421 before the reply to BDAT                      pending: not sent               their own reply
broken off behind BDAT, no reply to it            in doubt                        their own reply
  MAIL refused                                    in doubt                        the reply to MAIL

A recipient whose RCPT was taken only to throw the message away (254, module `refusals`) is rejected
by that reply, whatever becomes of the content: the server counts a recipient, and sends nothing.

BDAT leaves together with MAIL and the RCPTs, before any reply: broken off behind BDAT, also a
recipient without a reply to RCPT is in doubt. A 2yz to BDAT where no recipient was accepted is
ignored, as that to a lone dot: the content is for no recipient, and each has a reply. A server that
refuses MAIL, accepts a RCPT behind that and takes the content contradicts itself: in doubt.

A recipient's own reply: 4yz deferred, 5yz rejected, no reply pending; 421 behind the refusal of
another recipient pending, too, and uses no attempt. Behind an accepted recipient "too many
recipients" is pending and uses no attempt (RFC 5321 4.5.3.1.10), nor does a 503 to RCPT behind a
failed one: each time another recipient of the same transaction makes progress.
"Handed over" is exact: the bytes were returned by `Connection.pieces_to_send`.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from mailbatch.errors import LocalProtocolError, RemoteProtocolError
from mailbatch.outcome import Outcome, Reply, SameForAll, Status
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.refusals import Trouble, is_full, is_taken_and_thrown_away, meaning_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mailbatch.envelope import Envelope


class Course(Enum):
    """The next step of a connection for a transaction; all but the first three settle."""

    GO_ON = auto()  # as queued
    DATA = auto()  # no further RCPT
    CONTENT = auto()  # the content is wanted
    STOP = auto()  # nothing more of it
    RSET = auto()  # the server still has a sender
    LONE_DOT = auto()  # the server reads content that is for no recipient


_OK = 250
_SYNTAX = range(500, 510)  # RFC 5321 4.2.1: x0z is about the command, not about the message
_SEQUENCE = ".5.1"  # RFC 3463: X.5.1 invalid command, "a bad sequence" among them
_POLICY = "5.7."  # RFC 3463: 502 5.7.0 refuses the sender, not the command (Brevo says it)
_BAD_SEQUENCE = 503  # RFC 5321 4.2.3: bad sequence of commands
_ABOUT_ADDRESS = "1"

# An enum's member costs a slow look-up before Python 3.12; these are used for every transaction.
_GO_ON, _CONTENT, _ACCEPTED = Course.GO_ON, Course.CONTENT, Status.ACCEPTED

_REFUSED = (Status.DEFERRED, Status.REJECTED)

_NOT_SENT = "not sent"
_FULL = "the transaction had no room for more recipients"
_NO_BDAT = "not sent: the server announces CHUNKING and does not know BDAT"
_BEHIND_FAILURE = "not sent: an earlier command of the group failed"


class Transaction:
    """One envelope on the wire, filled by the connection and read by the caller.

    `envelope`, `size` (bytes, or None) and `eight_bit` are the arguments of `begin`; `chunked` says
    that the transaction is one flight with BDAT (RFC 3030), whose end is the end of data. `first`:
    the session had no transaction before; `troubled`: the server had refused a command before.
    `rcpt_replies` are in the order of the envelope's forward paths, as far as the server has come.
    `handed_over`: MAIL was handed to the caller to send; `end_of_data_handed_over`: so was the last
    byte of the end of data. `broken` says why replies are missing.
    `settled`: no reply can come any more, `outcomes` is complete.

    One that succeeds:

        transaction = connection.begin(Envelope("a@example.com", ("b@example.org",)))
        ...
        transaction.outcomes()   (Outcome("b@example.org", Status.ACCEPTED, Reply(250, ...)),)
    """

    __slots__ = (
        "accepted",
        "broken",
        "chunked",
        "data_reply",
        "eight_bit",
        "end_of_data_handed_over",
        "envelope",
        "final_reply",
        "first",
        "full",
        "handed_over",
        "mail_reply",
        "rcpt_replies",
        "room",
        "settled",
        "size",
        "thrown_away",
        "troubled",
    )

    def __init__(
        self,
        envelope: Envelope,
        *,
        size: int | None,
        eight_bit: bool,
        chunked: bool = False,
        first: bool = True,
        troubled: bool = False,
    ) -> None:
        self.envelope = envelope
        self.size = size
        self.eight_bit = eight_bit
        self.chunked = chunked
        self.first = first
        self.troubled = troubled
        self.mail_reply: Reply | None = None
        self.rcpt_replies: list[Reply] = []
        #: How many recipients the server has accepted so far.
        self.accepted = 0
        #: How many of them it will send nothing to.
        self.thrown_away = 0
        #: The recipients without a reply were left out, because the server takes no more.
        self.full = False
        #: How many recipients it took, where the server said that it takes no more; else None.
        self.room: int | None = None
        self.data_reply: Reply | None = None
        #: The reply to the content: to its end of data, or the refusal that cut it short.
        self.final_reply: Reply | None = None
        self.handed_over = False
        self.end_of_data_handed_over = False
        self.broken: str | None = None
        self.settled = False

    def __repr__(self) -> str:
        state = "settled" if self.settled else "open"
        return f"<Transaction {state}, {len(self.envelope.forward_paths)} recipients>"

    @property
    def refused(self) -> bool:
        """Whether MAIL was refused, and every later reply of the group is void."""
        return self.mail_reply is not None and self.mail_reply.negative

    def take_mail(self, reply: Reply, unsent: int) -> Course:
        """Note the reply to MAIL; `unsent` counts commands that can still be held back."""
        self.mail_reply = reply
        return Course.STOP if unsent and self.refused else _GO_ON

    def take_rcpt(self, reply: Reply, unsent: int) -> Course:
        """Note the reply to the next RCPT; `unsent` counts commands that can still be held back."""
        self.rcpt_replies.append(reply)
        if not reply.negative:
            self.accepted += 1
            if reply.code != _OK or reply.enhanced is None:
                self.thrown_away += is_taken_and_thrown_away(reply)
        elif self.accepted and is_full(reply):
            if self.room is None and _names_room(reply):
                self.room = self.accepted
            if unsent > 1:
                self.full = True
                return Course.DATA
        if unsent == 1 and not self.accepted:
            # Only DATA is left, and would be for no recipient.
            return Course.RSET
        return _GO_ON

    def take_accepted(self, reply: Reply, count: int) -> None:
        """Note the reply by which so many more recipients were accepted, and the message kept."""
        self.rcpt_replies += [reply] * count
        self.accepted += count

    def take_data(self, reply: Reply) -> Course:
        """Note the reply to DATA (RFC 2920 3.1: the next step depends on all replies of the group).

        Raises:
            RemoteProtocolError: the server refused MAIL and took all commands behind.
        """
        self.data_reply = reply
        if reply.negative:
            return Course.STOP if self.refused else Course.RSET
        if not self.accepted:
            return Course.LONE_DOT
        if self.refused:
            # A lone dot would send an empty message to those whom the server accepted.
            raise RemoteProtocolError("the server refused MAIL and wants content nevertheless")
        return _CONTENT

    def take_chunk(self, reply: Reply) -> None:
        """Note the reply to BDAT, the last of the flight.

        Raises:
            RemoteProtocolError: this is no reply to BDAT, or the server refused MAIL and took all
                commands behind.
        """
        if not reply.negative:
            enhanced = reply.enhanced
            if enhanced is not None and enhanced.split(".")[1] == _ABOUT_ADDRESS:
                # Behind one reply too many all are 250, and only this tells (DATA has its 354).
                raise RemoteProtocolError(f"the server said '{reply}' in reply to BDAT")
            if self.refused and self.accepted:
                raise RemoteProtocolError("the server refused MAIL and took content nevertheless")
        self.final_reply = reply

    @property
    def knows_no_bdat(self) -> bool:
        """Whether BDAT as such was refused, and not the content or the sequence of commands."""
        reply = self.final_reply
        if not self.chunked or reply is None or reply.code not in _SYNTAX:
            return False
        if reply.code == _BAD_SEQUENCE:
            return not (self.refused or self._some_refused)
        return reply.enhanced is None or not reply.enhanced.startswith(_POLICY)

    @property
    def answered(self) -> bool:
        """Whether there was any reply."""
        return self.mail_reply is not None or bool(self.rcpt_replies)

    @property
    def refusal(self) -> tuple[Verb, Reply] | None:
        """The command and the reply by which no recipient of the envelope got the message.

        None where there is no such reply, or where the reply only follows from earlier refusals.
        """
        if self.refused and self.mail_reply is not None:
            return Verb.MAIL, self.mail_reply
        if not self.accepted:
            return None
        status, reply, *_ = self._fate()
        if reply is None or status not in _REFUSED:
            return None
        if reply is self.data_reply:
            return Verb.DATA, reply
        return Verb.BDAT if self.chunked else Verb.END_OF_DATA, reply

    def outcomes(self) -> Sequence[Outcome]:
        """Return the outcome of each recipient, in the order of the envelope.

        Raises:
            LocalProtocolError: replies are still to come.
        """
        if not self.settled:
            raise LocalProtocolError("the transaction is still open")
        paths = self.envelope.forward_paths
        if self.refused:
            return tuple(self._behind_refused_mail())
        if self.accepted == len(paths) and not self.thrown_away:
            fate = self._fate()
            return SameForAll(paths, *fate)
        return tuple(self._each())

    def _behind_refused_mail(self) -> Iterator[Outcome]:
        reply = self.mail_reply
        status = _refusal(reply)
        for index, path in enumerate(self.envelope.forward_paths):
            said = self.rcpt_replies[index] if index < len(self.rcpt_replies) else None
            if said is not None and not said.negative and self._is_doubtful:
                yield Outcome(path, Status.IN_DOUBT, None, self.broken)
            else:
                yield Outcome(path, status, reply)

    def _each(self) -> Iterator[Outcome]:
        fate = self._fate()
        replies = self.rcpt_replies
        accepted = failed = 0
        for index, path in enumerate(self.envelope.forward_paths):
            reply = replies[index] if index < len(replies) else None
            if reply is None and self.full:
                yield Outcome(path, Status.PENDING, None, _FULL, counted=False)
            elif reply is None:
                yield Outcome(path, *self._unanswered())
            elif not reply.negative:
                accepted += 1
                if self.thrown_away and is_taken_and_thrown_away(reply):
                    yield Outcome(path, Status.REJECTED, reply)
                else:
                    yield Outcome(path, *fate)
            elif accepted and is_full(reply):
                failed += 1
                yield Outcome(path, Status.PENDING, reply, _FULL, counted=False)
            elif reply.closing and self._is_ended_by_others:
                yield Outcome(path, Status.PENDING, reply, self._not_sent, counted=False)
            elif failed and reply.code == _BAD_SEQUENCE:
                yield Outcome(path, Status.PENDING, reply, _BEHIND_FAILURE, counted=False)
            else:
                failed += 1
                yield Outcome(path, _refusal(reply), reply)

    def _fate(self) -> tuple[Status, Reply | None, str | None, bool]:
        """Return the fate of the accepted recipients: status, reply, reason, counted."""
        final = self.final_reply
        if final is not None:
            if not final.negative:
                return (_ACCEPTED, final, None, True)
            return self._fate_of_refused(final)
        data = self.data_reply
        if data is not None and data.negative:  # a 354 decides nothing
            if data.code == _BAD_SEQUENCE and self._some_refused:
                # Counted: behind a mere "too many recipients" no other recipient makes progress.
                return (Status.PENDING, data, _BEHIND_FAILURE, True)
            return (_refusal(data), data, None, True)
        return self._unanswered()

    def _fate_of_refused(self, final: Reply) -> tuple[Status, Reply | None, str | None, bool]:
        if self.chunked and self._some_refused and _is_about_sequence(final):
            return (Status.PENDING, final, _BEHIND_FAILURE, True)
        if self.knows_no_bdat:
            # Uncounted: it happens once to a session, the next transaction goes by DATA.
            return (Status.PENDING, final, _NO_BDAT, False)
        return (_refusal(final), final, None, True)

    def _unanswered(self) -> tuple[Status, Reply | None, str | None, bool]:
        """Return the fate of recipients without any final reply."""
        if self._is_doubtful:
            return (Status.IN_DOUBT, None, self.broken, True)
        closed = bool(self.rcpt_replies) and self.rcpt_replies[-1].closing
        counted = self.handed_over and not closed and not self._is_ended_by_others
        return (Status.PENDING, None, self._not_sent, counted)

    @property
    def _not_sent(self) -> str:
        return f"{_NOT_SENT}: {self.broken}"

    @property
    def _is_ended_by_others(self) -> bool:
        """Whether the session seems to have ended because of another recipient.

        An attempt counts otherwise, or a message that breaks sessions would be tried for ever: the
        first transaction of a session, with no other refusal in it, can only blame itself.
        """
        if not self.answered:
            return not self.first
        if self.troubled and self.rcpt_replies and self.rcpt_replies[-1].closing:
            return True  # that 421 may be the answer to one refusal too many
        return any(reply.negative and not reply.closing for reply in self.rcpt_replies)

    @property
    def _some_refused(self) -> bool:
        return self.accepted < len(self.rcpt_replies)

    @property
    def _is_doubtful(self) -> bool:
        """Whether the server may have taken the content without a word about that."""
        if self.final_reply is not None or not self.end_of_data_handed_over:
            return False
        # Replies come in their order: behind a 421 no command of the flight was carried out.
        return not self.rcpt_replies or not self.rcpt_replies[-1].closing


def _names_room(reply: Reply) -> bool:
    """Say whether the number of recipients accepted so far is the server's bound."""
    return meaning_of(Verb.RCPT, reply, behind_accepted=True).trouble is Trouble.CROWD


def _is_about_sequence(reply: Reply) -> bool:
    enhanced = reply.enhanced
    return reply.code == _BAD_SEQUENCE or (enhanced is not None and enhanced.endswith(_SEQUENCE))


def _refusal(reply: Reply | None) -> Status:
    return Status.DEFERRED if reply is not None and reply.transient else Status.REJECTED
