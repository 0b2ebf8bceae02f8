"""Refusals: what the documented replies of services and servers mean, and what only sounds alike.

The documented texts stand in refusals.txt, with the service's page or log, the server or the RFC.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbatch.outcome import Reply
from mailbatch.smtp import refusals
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.refusals import (
    LOOKED_AT,
    Meaning,
    Trouble,
    essence,
    is_full,
    is_taken_and_thrown_away,
    meaning_of,
)
from mailbatch.smtp.reply import ReplyParser
from mailbatch.smtp.wordings import WORDINGS

AUTH, MAIL, RCPT, DATA, DOT, BDAT = (
    Verb.AUTH, Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.END_OF_DATA, Verb.BDAT,
)  # fmt: skip
GREETING, EHLO = Verb.GREETING, Verb.EHLO
NONE, LOGIN, LIMIT, ALLOWANCE = (
    Meaning(trouble) for trouble in (Trouble.NONE, Trouble.LOGIN, Trouble.LIMIT, Trouble.ALLOWANCE)
)
HUNDRED = Meaning(Trouble.CROWD, recipients=100)
CROWD, ACCOUNT = Meaning(Trouble.CROWD), Meaning(Trouble.ACCOUNT)


DOMAIN_POLICY = (  # Gmail
    "452 4.5.3 Domain policy size per transaction exceeded, please try this recipient in a "
    "separate transaction."
)


def reply(*lines):
    """The reply that these lines are, code included."""
    parser = ReplyParser()
    parser.receive_data("".join(f"{line}\r\n" for line in lines).encode())
    found = parser.next_reply()
    assert found is not None
    return found


def meaning(verb, text, *, behind_accepted=False):
    """What the lines of a text mean in reply to a command."""
    return meaning_of(verb, reply(*text.split("\n")), behind_accepted=behind_accepted)


def said():
    """Give the rows of refusals.txt: source, command, lines of the reply, meaning."""
    text = (Path(__file__).parent / "refusals.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        source, commands, means, lines = line.split(" | ", 3)
        trouble, *named = means.split()
        numbers = {key: float(value) for key, _, value in (one.partition("=") for one in named)}
        for command in commands.split():
            verb = DOT if command == "DOT" else Verb[command]
            yield source, verb, lines.replace("\\n", "\n"), Meaning(Trouble(trouble), **numbers)


@pytest.mark.parametrize(
    ("source", "verb", "lines", "expected"),
    [pytest.param(*row, id=f"{row[0]}-{row[1].name}-{row[2][:24]}") for row in said()],
)
def test_what_is_documented(source, verb, lines, expected):
    """Every text that a service or a server is known to say is read as it is meant."""
    assert meaning(verb, lines) == expected, source


#: Refusals of RCPT behind an accepted one: whether the transaction is full, and what is learned.
BEHIND_ACCEPTED = [
    ("452 4.5.3 Too many recipients", True, CROWD),  # sendmail, chasquid
    ("452 4.5.3 Error: too many recipients", True, CROWD),  # Postfix
    ("452 too many recipients", True, CROWD),  # Exim
    ("452 5.5.3 Too many recipients", True, CROWD),  # SocketLabs: the classes differ
    ("452 4.5.3 Your message has too many recipients.", True, CROWD),  # Gmail
    ("450 4.7.1 Error: too many recipients from 192.0.2.1", True, LIMIT),  # Postfix
    (DOMAIN_POLICY, True, NONE),
    ("452 4.4.5 Insufficient disk space; try again later", True, LIMIT),  # sendmail
    ("452 4.3.1 Insufficient system storage", True, NONE),  # Postfix
    ("452 Requested action not taken: insufficient system storage", True, NONE),  # RFC 5321
    ("452 4.5.3 Daily message limit exceeded", True, ALLOWANCE),  # Emailit
    ("452 4.2.2 The email account that you tried to reach is over quota.", False, NONE),
    ("452 4.1.1 no such user", False, NONE),
    ("455 4.5.3 Too many recipients.", True, CROWD),  # Stalwart
    ("452 4.5.3 Maximum limit of 100 recipients reached", True, HUNDRED),  # go-smtp
    ("450 Too many recipient attempts", False, NONE),  # Haraka: of the whole session
    ("452", True, CROWD),
    ("552", True, CROWD),
    ("552 Too many recipients", True, CROWD),
    ("552 5.5.3", True, CROWD),
    ("552 5.2.2 Quota exceeded (mailbox for user is full)", False, NONE),
    ("552 sorry, that mailbox is over quota (#5.2.2)", False, NONE),
    ("552 mailbox over quota", False, NONE),
    ("552 Your account has been suspended. Please contact us to reactivate", True, NONE),
    ("552 Requested mail action aborted: exceeded storage allocation", True, NONE),
    ("552 5.7.1 too many recipients", False, NONE),
    ("451 4.7.1 too many recipients", True, CROWD),
    ("450 too many recipients", True, CROWD),
    ("550 5.5.3 too many recipients", True, CROWD),
    ("450 4.2.0 <a@example.com>: Recipient address rejected: Greylisted", False, NONE),
    ("450", False, NONE),
    ("550", False, NONE),
]


@pytest.mark.parametrize(("lines", "full", "expected"), BEHIND_ACCEPTED)
def test_one_recipient_too_many(lines, full, expected):
    """RFC 5321 4.5.3.1.10 and what servers make of it, behind an accepted recipient."""
    assert is_full(reply(lines)) is full
    assert meaning(RCPT, lines, behind_accepted=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Transaction failed: Recipient count exceeds 50.", 50),
        ("Too many recipients, please reduce to less than 50 or consider a mailing list", 50),
        ("too many recipients (maximum of 100)", 100),
        ("too many recipients", None),
        ("60 are too many recipients", None),
        ("too many recipients, at most 100 per minute", None),
        ("too many recipients, maximum 0", None),
        ("too many recipients, maximum 12345678", None),
    ],
)
def test_the_number_of_a_crowd(text, expected):
    """A number counts only where the words say that it is the most."""
    said = meaning(DOT, f"554 {text}")
    assert said.recipients == expected
    assert said.trouble in {Trouble.CROWD, Trouble.LIMIT}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Try again in 92 seconds.", 92.0),
        ("please try again in 5 minutes", 300.0),
        ("wait 1 hour", 3600.0),
        ("please retry after 30s", 30.0),
        ("come back in 00:04:59", 299.0),
        ("try again later (10).", None),
        ("try again in a while", None),
        ("999999999999 seconds", None),
        ("50 messages in 60 seconds", None),
    ],
)
def test_a_wait_that_is_named(text, seconds):
    """The least wait is in seconds, and only where the words name one."""
    assert meaning(MAIL, f"450 Rate limit exceeded, {text}").seconds == seconds


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("try again after Sun, 05 Oct 2025 19:22:44 UTC", 1759692164.0),
        ("try again after 5 Oct 2025 19:22 +0200", 1759684920.0),
        ("blocked until 2025-10-05T19:22:44Z", 1759692164.0),
        ("not until 2025-10-05 19:22:44.5 +02:00.", 1759684964.5),
        ("try again after 2025-10-05 19:22:44 GMT", 1759692164.0),
        ("try again after Sun, 05 Oct 2025 19:22:44 CET", None),  # whose summer time?
        ("try again after 2025-10-05 19:22:44", None),  # of which place?
        ("try again after Sun, 31 Feb 2025 19:22:44 UTC", None),
        ("try again after 2025-13-05T19:22:44Z", None),
        ("seen on Sun, 05 Oct 2025 19:22:44 UTC", None),
    ],
)
def test_a_moment_that_is_named(text, until):
    """A moment counts where the words wait for it and its zone is certain."""
    assert meaning(DOT, f"421 rate limit exceeded, {text}").until == until


@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.1 <quota@example.com> is unknown here",
        "550 5.7.1 see https://example.com/daily-quota-exceeded",
        "550 throttle.example.com does not like this",
        "550 5.7.1 user credits@limit.example said nothing",
    ],
)
def test_names_say_nothing(text):
    """Addresses, URLs and hosts are no words."""
    assert meaning(DOT, text) == NONE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("552 user over quota", NONE),
        ("550 Recipient has too many messages", NONE),
        ("550 5.7.1 mailbox limit exceeded", NONE),
        ("550 The user has exceeded the sending quota", LIMIT),
        ("550 User may have 100 messages per hour", LIMIT),
        ("550 5.7.1 User quota exceeded", LIMIT),
        ("550 recipient limit exceeded", LIMIT),
        ("550 Recipients limit exceeded", LIMIT),
        ("450 this account is disabled", NONE),
        ("450 4.7.1 Recipient not allowed", NONE),
        ("450 your account is disabled", ACCOUNT),
    ],
)
def test_whose_mailbox_at_rcpt(text, expected):
    """At RCPT a quota or a ban is the recipient's, unless the words speak of sending."""
    assert meaning(RCPT, text) == expected


def test_try_again_later_contradicts_a_5yz_only():
    """With a 4yz everybody says so; a 5yz that may be repeated is none."""
    assert meaning(DOT, "451 4.3.0 Try again later") == NONE
    assert meaning(DOT, "554 5.7.1 Blocked, try again later") == LIMIT


def test_a_day_needs_a_limit():
    """ "Daily" alone says nothing of a limit."""
    assert meaning(DOT, "550 5.7.1 The daily digest is refused") == NONE
    assert meaning(DOT, "550 5.7.1 The daily limit reached") == ALLOWANCE
    assert meaning(DOT, "550 5.7.1 300 per day reached") == ALLOWANCE


def test_every_row_has_a_source():
    """And each says what it is found by, and what it does."""
    for row in WORDINGS:
        assert row.source
        assert row.words or row.status or row.codes
        assert row.words == row.words.lower()
        assert row.means is not Trouble.NONE or row.rules_out
        assert row.at
        assert row.classes <= {4, 5}


def test_no_row_can_be_left_out(monkeypatch):
    """Without any one of the rows some text would be read otherwise."""
    texts = [(verb, reply(*lines.split("\n")), False) for _, verb, lines, _ in said()]
    texts += [(RCPT, reply(lines), True) for lines, _, _ in BEHIND_ACCEPTED]

    def read_all():
        refusals._trouble.cache_clear()
        return [meaning_of(verb, one, behind_accepted=behind) for verb, one, behind in texts]

    whole = read_all()
    idle = []
    for row in WORDINGS:
        monkeypatch.setattr(refusals, "WORDINGS", [one for one in WORDINGS if one is not row])
        monkeypatch.setattr(refusals, "_ROWS", refusals._rows())
        if read_all() == whole:
            idle.append(row)
    refusals._trouble.cache_clear()
    assert idle == []


@pytest.mark.parametrize(
    ("lines", "thrown"),
    [
        ("254 4.7.1 Suppression for user x to y", True),
        ("254 ok", True),
        ("250 5.7.1 suppressed", True),
        ("250-ok\n250 4.7.1 suppressed", True),
        ("250 2.1.5 ok", False),
        ("251 2.1.5 User not local; will forward", False),
        ("252 2.5.2 Cannot VRFY user", False),
        ("250 4.7.1.9 is a version", False),
        ("354 4.7.1 go", False),
        ("554 5.7.1 suppressed", False),
    ],
)
def test_taken_and_thrown_away(lines, thrown):
    """254, or an acceptance that begins with a status of a refusal."""
    assert is_taken_and_thrown_away(reply(*lines.split("\n"))) is thrown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("550 5.7.1 <a@example.com>: no", "550 5.7.1 <b.c@example.net>: no"),
        ("550 5.7.1 a@example.com: no", "550 5.7.1 b@example.org: no"),
        ("450 refused (BC439CBF-52CF-4F6B-9234-5936E794D80E.1)", "450 refused (1-2.3)"),
        (
            "454 try after Sun, 05 Oct 2025 19:22:44 UTC",
            "454 try after Mon, 6 Oct 2025 07:01:00 UTC",
        ),
        ("550 blocked - abc12si345 - gsmtp", "550 blocked - d4e5f6 - gsmtp"),
        ("450 wait 10 s", "450 wait 300 s"),
        ("452 id 59fc2fd7 gone", "452 id 0a1b gone"),
    ],
)
def test_the_same_refusal(one, other):
    """Two refusals are the same but for addresses, ids, numbers and times."""
    assert essence(reply(one)) == essence(reply(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("550 5.7.1 no", "554 5.7.1 no"),
        ("550 5.7.1 no", "550 5.7.0 no"),
        ("550 5.7.1 no", "550 no"),
        ("550 mailbox unknown", "550 account suspended"),
        (
            "455 Maximum messages sent per minute reached",
            "455 Maximum messages sent per day reached",
        ),
    ],
)
def test_another_refusal(one, other):
    """Code, enhanced status and words tell refusals apart."""
    assert essence(reply(one)) != essence(reply(other))


def test_all_lines_are_read_up_to_a_bound():
    """What stands beyond the bound is not looked at."""
    filler = "x " * (LOOKED_AT // 4)
    lines = ["-", filler.strip(), "Mail send limit exceeded."]
    assert meaning_of(DOT, Reply(450, tuple(lines))) == LIMIT
    assert meaning_of(DOT, Reply(450, (filler, filler, *lines))) == NONE


ANY_TEXT = st.lists(st.text() | st.sampled_from([row.words for row in WORDINGS]), max_size=6)
STATUS = st.none() | st.sampled_from(["4.5.3", "5.4.5", "4.2.2", "5.7.1", "5.2.255", "5.7.30"])


@given(
    verb=st.sampled_from(Verb),
    code=st.integers(200, 559),
    lines=ANY_TEXT,
    enhanced=STATUS,
    behind=st.booleans(),
)
def test_any_reply_is_read(verb, code, lines, enhanced, behind):
    """It never raises; 2yz and 3yz are nobody's trouble; times and numbers stand where they may."""
    given_reply = Reply(code, tuple(lines), enhanced)
    said = meaning_of(verb, given_reply, behind_accepted=behind)
    if code < 400:
        assert said == NONE
    if said.trouble is not Trouble.CROWD:
        assert said.recipients is None
    if said.trouble not in {Trouble.LIMIT, Trouble.ALLOWANCE}:
        assert (said.seconds, said.until) == (None, None)
    if said.trouble is Trouble.LOGIN:
        assert code >= 500
        assert verb in {MAIL, RCPT, DATA}
    assert isinstance(is_full(given_reply), bool)
    assert isinstance(is_taken_and_thrown_away(given_reply), bool)
    assert essence(given_reply)[:2] == (code, enhanced)
    assert essence(given_reply) == essence(given_reply)
