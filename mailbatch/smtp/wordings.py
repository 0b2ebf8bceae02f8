"""Wordings: the words of refusals, and whose trouble each wording speaks of.

One table of facts, each with a source; the judgement is in `mailbatch.smtp.refusals`. A word
stands here only if a service, a server or an RFC says so: never a guess.

A row holds for a refusal if every fact of the row agrees: the words, the status, the code, the
class and the command. A refusal may fit several rows: some say whose trouble the refusal is, some
only rule out the meaning of other words, as "greylisted" does of "try again in 300 seconds".

Tests: tests/smtp/test_refusals.py.
"""

from __future__ import annotations

from enum import StrEnum

from mailbatch.frozen import frozen
from mailbatch.smtp.commands import Verb


class Trouble(StrEnum):
    """The one in trouble, as a refusal says."""

    NONE = "none"  # only the recipient's or the message's: the outcome stands
    LOGIN = "login"  # the session was not let in: authentication or TLS is wanted
    LIMIT = "limit"  # slow down: a rate, or a limit of the moment
    ALLOWANCE = "allowance"  # not today: the limit of a day or a month, or credits
    CROWD = "crowd"  # too many recipients in one transaction
    ACCOUNT = "account"  # the sender or the account is not allowed, suspended, not verified


@frozen
class Wording:
    """One row: the words of a refusal, whose trouble these mean, and the troubles ruled out.

    `words` are lower-case words with single spaces and no punctuation, found anywhere in the text
    of all lines; a space at an end is the edge of a word. Empty words are in every text.
    `status` is subject and detail of the enhanced status (RFC 3463), as in `"4.5"` of `X.4.5`.
    `codes` are reply codes; none means any. `classes` are the first digits, `at` the commands.

        Wording("per hour ", Trouble.LIMIT, "postfwd, rate limits; cPanel", rules_out={CROWD})
    """

    words: str
    means: Trouble
    source: str
    rules_out: frozenset[Trouble] = frozenset()
    status: str = ""
    codes: frozenset[int] = frozenset()
    classes: frozenset[int] = frozenset({4, 5})
    at: frozenset[Verb] = frozenset(Verb)

    @property
    def in_time(self) -> bool:
        """Whether the limit is counted in time, and so none of one transaction."""
        return self.means is Trouble.LIMIT and Trouble.CROWD in self.rules_out


_NONE, _LOGIN, _LIMIT, _ALLOWANCE = Trouble.NONE, Trouble.LOGIN, Trouble.LIMIT, Trouble.ALLOWANCE
_CROWD, _ACCOUNT = Trouble.CROWD, Trouble.ACCOUNT

_TRANSIENT, _PERMANENT = frozenset({4}), frozenset({5})
# Where a session that was not let in is told so (RFC 4954 6). Behind the content the same words
# speak of the message: "Unauthenticated email ... due to domain's DMARC policy" (Gmail).
_ENVELOPE = frozenset({Verb.MAIL, Verb.RCPT, Verb.DATA})
_CONTENT = frozenset({Verb.DATA, Verb.END_OF_DATA, Verb.BDAT})
_END_OF_DATA = frozenset({Verb.END_OF_DATA, Verb.BDAT})
_MAIL = frozenset({Verb.MAIL})
_RCPT = frozenset({Verb.RCPT})
_NOT_RCPT = frozenset(Verb) - _RCPT
# Beside LIMIT: the limit is counted in time.
_NO_CROWD = frozenset({_CROWD})


def _login(words: str, source: str) -> Wording:
    return Wording(words, _LOGIN, source, classes=_PERMANENT, at=_ENVELOPE)


def _no_login(words: str, source: str, status: str = "") -> Wording:
    return Wording(words, _NONE, source, frozenset({_LOGIN}), status)


def _no_limit(words: str, source: str, status: str = "") -> Wording:
    return Wording(words, _NONE, source, frozenset({_LIMIT, _ALLOWANCE}), status)


def _account(words: str, source: str) -> Wording:
    return Wording(words, _ACCOUNT, source, classes=_TRANSIENT)


WORDINGS: tuple[Wording, ...] = (
    # The session was not let in.
    Wording("", _LOGIN, "RFC 4954 6, RFC 3207 4", codes=frozenset({530, 538}), at=_ENVELOPE),
    Wording(
        "",
        _LOGIN,
        "Exchange Online, basic authentication turned off",
        status="7.30",
        codes=frozenset({550}),
        at=_ENVELOPE,
    ),
    _login("authentication required", "RFC 4954 6, sendmail, smtp-server, msmtpd"),
    _login("authentication is required", "RFC 4954 6"),
    _login("must be authenticated", "chasquid 1.11, 550 5.7.9 at MAIL"),
    _login("authenticate first", "go-smtp, 502 5.7.0; Stalwart, 503 5.5.1"),
    _login("unauthenticated senders", "SendGrid, SMTP errors"),
    _login("not logged in", "Postfix, reject_unauthenticated_sender_login_mismatch"),
    _login("must issue a starttls command", "RFC 3207 4, OpenSMTPD"),
    _login("encryption required", "RFC 4954 6"),
    _login("encryption is required", "Postfix, reject_plaintext_session"),
    _no_login("dmarc", "Gmail, 5.7.26"),
    _no_login("dkim", "RFC 7372 3"),
    _no_login(" spf ", "RFC 7372 3"),
    _no_login("resolver rst", "Exchange, 5.7.133: the recipient takes mail from inside only"),
    # A limit that is counted in time, or a moment's.
    Wording("", _LIMIT, "RFC 3463 3.5, X.4.5; Gmail, Emailit", _NO_CROWD, "4.5"),
    Wording("throttl", _LIMIT, "Amazon SES, sending quotas; Exchange Online, 5.2.25x", _NO_CROWD),
    Wording("too fast", _LIMIT, "Mailgun", _NO_CROWD),
    Wording("per second ", _LIMIT, "Mailtrap, sandbox; Emailit", _NO_CROWD),
    Wording("per minute ", _LIMIT, "Oracle, troubleshooting", _NO_CROWD),
    Wording("per hour ", _LIMIT, "postfwd, rate limits; cPanel", _NO_CROWD),
    Wording("per day ", _LIMIT, "Oracle, troubleshooting", _NO_CROWD),
    Wording("quota ", _LIMIT, "Amazon SES; Cyberimpact; Gmail SMTP errors"),
    Wording("quotaexceeded", _LIMIT, "Exchange Online: SubmissionQuotaExceededException"),
    Wording("limit exceeded", _LIMIT, "Google SMTP relay; IONOS; Exchange Online; Mailgun"),
    Wording("limit reached", _LIMIT, "Mailtrap"),
    Wording("ratelimit user exceeded", _LIMIT, "rspamd, ratelimit", _NO_CROWD),
    Wording("rate exceeded", _LIMIT, "Amazon SES, sending quotas", _NO_CROWD),
    Wording("credits", _LIMIT, "SendGrid, maximum credits exceeded", _NO_CROWD),
    Wording("too many messages", _LIMIT, "msndr.net"),
    Wording("too many emails", _LIMIT, "Mailtrap, sandbox"),
    Wording("too much mail from", _LIMIT, "Postfix, smtpd_client_message_rate_limit"),
    Wording(
        "too many recipients from", _LIMIT, "Postfix, smtpd_client_recipient_rate_limit", _NO_CROWD
    ),
    Wording("too many connections", _LIMIT, "Mailtrap; Oracle; Postfix"),
    Wording("too many concurrent", _LIMIT, "Exim, smtp_accept_max; Haraka, plugin limit"),
    Wording("too many active sessions", _LIMIT, "Cyberimpact"),
    Wording("too many login attempts", _LIMIT, "Gmail SMTP errors, 4.7.0"),
    Wording("too many auth ", _LIMIT, "Oracle; Postfix, smtpd_client_auth_rate_limit"),
    Wording("too many authentication errors", _LIMIT, "Stalwart"),
    Wording(
        "too many new tls sessions", _LIMIT, "Postfix, smtpd_client_new_tls_session_rate_limit"
    ),
    Wording("try again after", _LIMIT, "Mailgun", _NO_CROWD, at=_NOT_RCPT),
    Wording("try again in", _LIMIT, "msndr.net", _NO_CROWD, at=_NOT_RCPT),
    # At RCPT a 4yz with these is greylisting of one recipient; in a 5yz they contradict the class.
    Wording("try again after", _LIMIT, "Mailgun", _NO_CROWD, classes=_PERMANENT, at=_RCPT),
    Wording("try again in", _LIMIT, "msndr.net", _NO_CROWD, classes=_PERMANENT, at=_RCPT),
    # Not at AUTH, where to try again is to offer a refused password again.
    Wording(
        "try again later",
        _LIMIT,
        "RFC 5321 4.2.1, of a 5yz",
        classes=_PERMANENT,
        at=frozenset(Verb) - {Verb.AUTH},
    ),
    # Words that sound like a limit.
    _no_limit("greylist", "Postgrey, milter-greylist, rspamd: one sender and recipient"),
    _no_limit("over quota", "Gmail SMTP errors, 4.2.2: the recipient's", "2.2"),
    _no_limit(" mailbox ", "Dovecot, quota_exceeded_message: the recipient's", "2.2"),
    _no_limit("message size", "Postfix, 5.3.4; Gmail, 5.2.3"),
    _no_limit("size limit", "Postfix, 5.3.4"),
    _no_limit("too large", "Infobip, SIZE"),
    _no_limit("", "RFC 3463 3.4: the message is too big for the system", "3.4"),
    _no_limit("", "RFC 3463 3.3: the message is too long for the mailbox", "2.3"),
    _no_limit("in this connection", "Exim, smtp_accept_max_per_connection: the session is used up"),
    _no_limit("per session", "Stalwart, 4.4.5 at MAIL: the session is used up"),
    _no_limit("session exceeded", "Stalwart, 4.7.28: the session is used up"),
    Wording(
        "",
        _NONE,
        "OpenSMTPD, 4.5.3 at the 101st MAIL: the session is used up",
        frozenset({_LIMIT}),
        "5.3",
        at=_MAIL,
    ),
    # How long a limit lasts; it needs the words of a limit beside it.
    Wording("credits", _ALLOWANCE, "SendGrid, maximum credits exceeded"),
    Wording(" day ", _ALLOWANCE, "Oracle, troubleshooting"),
    Wording(" daily ", _ALLOWANCE, "Amazon SES; Gmail; Google SMTP relay; Emailit"),
    Wording(" month", _ALLOWANCE, "Mailtrap"),
    Wording(" 24 hours ", _ALLOWANCE, "Google SMTP relay: its windows are 24 hours"),
    Wording("submissionquotaexceeded", _ALLOWANCE, "Exchange Online: 10,000 recipients a day"),
    # Too many recipients for one transaction, said of all of them (at RCPT: `refusals.is_full`).
    Wording("", _CROWD, "RFC 3463 3.6, X.5.3", status="5.3", at=_CONTENT),
    Wording("too many recipients", _CROWD, "RFC 5321 4.5.3.1.10", at=_CONTENT),
    Wording("recipient count exceeds", _CROWD, "Amazon SES", at=_CONTENT),
    # It goes well in a transaction of its own, and says nothing of how many another one takes.
    Wording("separate transaction", _NONE, "Gmail SMTP errors, 4.5.3", _NO_CROWD),
    Wording("suspended", _NONE, "SMTP2GO, 552", _NO_CROWD, classes=_PERMANENT),
    # The sender or the account.
    Wording(
        "storedrv",
        _ACCOUNT,
        "Exchange Online, 5.2.2: the sender's mailbox is full",
        frozenset({_LIMIT, _ALLOWANCE, _CROWD}),
        "2.2",
        classes=_PERMANENT,
        at=_END_OF_DATA,
    ),
    _account("not allowed", "Mailgun"),
    _account("not authorized", "SendGrid, 403"),
    _account("not verified", "Amazon SES says it in a 554"),
    _account("suspended", "SMTP2GO and cPanel, in a 5yz"),
    _account("disabled", "Mailgun"),
    _account("sandbox", "Mailgun"),
    Wording("temporar", _NONE, "what is temporary is no ban", frozenset({_ACCOUNT})),
)

#: At RCPT the words of a limit speak of the recipient where one of these stands beside them ...
MAILBOX_WORDS = (" mailbox ", " inbox ", " maildir ")
#: ... or, in a reply without an enhanced status, one of these ...
RECIPIENT_WORDS = (*MAILBOX_WORDS, " user ", " recipient ")
#: ... and the words of a ban where one of these does ...
ACCOUNT_WORDS = (*RECIPIENT_WORDS, " account ")
#: ... unless there is one of these, which speak of sending.
SENDING_WORDS = (
    " send", " sent ", " relay", " outgoing ", " outbound ", " your account ", " recipient limit ",
    " rate limit ",
)  # fmt: skip
