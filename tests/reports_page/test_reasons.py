"""Reasons in classes: what is one of them, and which words name a message and no reason."""

import pytest

from mailbatch.outcome import Status
from mailbatch.reports.report import Event
from mailbatch.reports_page.reasons import Reason, printable, reason_of, words_of

from .making import HOSTILE, bounced, rejected, row, standing


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("550 5.1.1 <ada@example.org>: user unknown", "550 5.1.1 <address> user unknown"),
        ("550-5.7.26 Unknown, see https://x.example/?p=1", "<id> Unknown, see <link>"),
        ("5.7.26 refused (4.2.2).", "5.7.26 refused (4.2.2)."),
        ("queued as 4c9XqR1kz2", "queued as <id>"),
        ("mx1 is busy,\r\n\ttry 10 later", "mx1 is busy, try 10 later"),
        ("", ""),
        ("word " * 100, "word " * 27 + "word…"),
    ],
)  # fmt: skip
def test_the_words_of_a_class(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize("text", HOSTILE)
def test_words_have_nothing_that_cannot_be_seen(text):
    assert words_of(text).isprintable()
    assert printable(text).isprintable()


def test_a_long_text_costs_no_more_than_its_beginning():
    assert len(words_of("x" * 1_000_000)) == 140
    assert words_of(" " * 1_000_000) == ""


@pytest.mark.parametrize(
    ("code", "subject"),
    [("5.1.1", "address"), ("4.2.2", "mailbox"), ("5.7.26", "policy or security"), ("5.0.0", ""),
     ("550", ""), ("6035", ""), ("", ""), ("5.1.1x", "")],
)  # fmt: skip
def test_the_subject_of_a_code(code, subject):
    assert Reason(Event.BOUNCED, "hard", code).subject == subject


@pytest.mark.parametrize("event", [Event.QUEUED, Event.SENT, Event.DELIVERED])
def test_a_good_report_has_no_reason(event):
    assert reason_of(row(), standing(event)) is None


def test_a_report_goes_before_the_reply():
    assert reason_of(rejected(), bounced(text="later")) == Reason(
        Event.BOUNCED, "hard", "5.1.1", "later"
    )
    assert reason_of(rejected(), standing(None, opens=1)) == Reason(
        Status.REJECTED, "", "5.1.1", "no such user"
    )


def test_a_reply_without_an_enhanced_status_gives_its_code():
    assert reason_of(rejected(code=None), None) == Reason(
        Status.REJECTED, "", "550", "no such user"
    )


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.REJECTED, Status.DEFERRED}))
def test_any_other_status_has_no_reason(status):
    assert reason_of(row(status=status), None) is None
