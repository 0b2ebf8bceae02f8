"""What every real server must come to, judged by its own spool or log.

Nobody is there twice, and whoever is accepted is there: `Mailing.judge`. What a server says is
written down in `observed.json`.
"""

from __future__ import annotations

import csv
import threading

import pytest

from tests.session.tap import Tap
from tests.support.waiting import until

pytestmark = pytest.mark.realserver

#: Recipients that a server takes in a message, where it is not more.
RECIPIENTS = {"chasquid": 100}
#: Servers that take letters beyond ASCII before the @.
INTERNATIONAL = {"Exim", "chasquid", "Haraka", "smtp-server"}


def test_many_messages_in_one_session(server, mailing_to):
    mailing = mailing_to(server, recipients=100)
    summary = mailing.run()
    assert (summary.exit_code, summary.sessions, summary.transactions) == (0, 1, 100)
    mailing.judge(server)


def test_four_sessions_share_the_work(server, mailing_to):
    mailing = mailing_to(server, recipients=60, sessions=4)
    summary = mailing.run()
    assert (summary.exit_code, summary.sessions, summary.transactions) == (0, 4, 60)
    mailing.judge(server)


def test_a_large_group_with_two_who_are_refused(server, mailing_to):
    """The two are rejected, all others have one message."""
    refused = (server.refused(1), server.refused(2))
    number = RECIPIENTS.get(server.name, 1500) - len(refused)
    mailing = mailing_to(server, recipients=number, group=True, more=refused)
    summary = mailing.run()
    assert summary.exit_code == 3
    assert mailing.counts() == {"accepted": number, "rejected": 2}
    assert {row["email"] for row in mailing.results() if row["status"] == "rejected"} == {*refused}
    mailing.judge(server)
    kept = [one for one in server.spooled() if one.recipients[0].startswith(f"{mailing.tag}-")]
    assert summary.transactions == len(kept)


def test_a_message_beyond_its_size_is_invalid_before_it_is_sent(server, mailing_to):
    mailing = mailing_to(server, text="{{ lot * 5000 }}\n")
    lots = ["a", ("b" * 70 + "\n") * 10, "c"]
    with (mailing.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        rows = zip(mailing.addresses, lots, strict=True)
        csv.writer(file).writerows([["email", "lot"], *rows])
    summary = mailing.run()
    assert (summary.exit_code, summary.transactions) == (3, 2)
    assert list(mailing.statuses().values()) == ["accepted", "invalid", "accepted"]
    mailing.judge(server)


def test_nobody_is_left_of_a_group(server, mailing_to):
    """The content is not sent, and the session goes on."""
    refused = tuple(server.refused(number) for number in (1, 2))
    mailing = mailing_to(server, recipients=0, group=True, more=refused)
    summary = mailing.run()
    assert (summary.exit_code, summary.transactions) == (3, 1)
    assert mailing.counts() == {"rejected": 2}
    mailing.judge(server)


def test_many_who_are_refused_and_some_who_are_not(server, mailing_to):
    """Each refusal is one person's: the others have their message, and lose no attempt by it."""
    refused = tuple(server.refused(number) for number in range(40))
    mailing = mailing_to(server, recipients=20, first=refused, attempts=1)
    assert mailing.run().exit_code == 3
    assert mailing.counts() == {"accepted": 20, "rejected": 40}
    mailing.judge(server)


def test_a_restart_in_the_middle(server, mailing_to):
    """SIGTERM to all of its processes, and a new start: nobody twice, and nobody lost."""
    mailing = mailing_to(server, recipients=200, sessions=2)
    before = len(server.spooled())

    def restart():
        until(lambda: len(server.spooled()) - before >= 40, what="the first messages")
        server.terminate()
        server.restart()

    again = threading.Thread(target=restart)
    again.start()
    first = mailing.run()
    again.join()
    assert first.exit_code in {0, 4, 69, 75}
    last = mailing.run() if first.exit_code in {69, 75} else first
    assert last.exit_code in {0, 4}
    counts = mailing.counts()
    assert counts["accepted"] + counts.get("in_doubt", 0) == 200
    assert counts.get("in_doubt", 0) <= 2  # one for each session
    mailing.judge(server)


def test_dots_and_the_way_of_the_content(server, mailing_to, observed):
    """What begins with a dot arrives whole, by DATA or by BDAT."""
    with Tap(server.port) as tap:
        mailing = mailing_to(server, text="Hello {{ name }}\n.\n..\n.QUIT\n")
        mailing.port = tap.port
        mailing.set_server(port=tap.port)
        assert mailing.run().exit_code == 0
        ways = [word for word in ("DATA", "BDAT") if f"\r\n{word}".encode() in tap.said()]
    mailing.judge(server)
    observed.check(server, content_by=ways)


def test_letters_beyond_ascii(server, mailing_to, observed):
    """Before the @ they need SMTPUTF8, and make the row invalid without it."""
    mailing = mailing_to(server, recipients=1)
    mailing.more = (f"jörg-{mailing.tag}@example.net", f"{mailing.tag}@bücher.example")
    mailing.write_recipients(mailing.addresses)
    summary = mailing.run()
    takes = server.name in INTERNATIONAL
    assert summary.exit_code == (0 if takes else 3)
    assert list(mailing.statuses().values()) == [
        "accepted",
        "accepted" if takes else "invalid",
        "accepted",
    ]
    mailing.judge(server)
