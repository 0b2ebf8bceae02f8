"""Limits are learned and sessions renewed: who is to have the message has it in one run.

Nobody loses an attempt, and nobody is rejected, because of a limit, of a session, or of somebody
else who is refused.
"""

from __future__ import annotations

import csv
import time

import pytest

from tests.certainty.scene import PATIENT
from tests.realserver.mailing import Mailing
from tests.session.tap import Tap
from tests.support import exim, sendmail

pytestmark = pytest.mark.realserver


def tapped(tap, mailing):
    """Let a mailing go through a tap."""
    mailing.set_server(port=tap.port)
    return mailing


@pytest.mark.parametrize("number", [350, pytest.param(1500, marks=pytest.mark.long)])
def test_a_session_that_is_used_up_is_renewed(real_server, mailing_to, number):
    """OpenSMTPD takes 100 messages in a session: 452 to the next MAIL is nobody's outcome."""
    server = real_server("opensmtpd")
    mailing = mailing_to(server, recipients=number, attempts=1)
    summary = mailing.run()
    assert summary.exit_code == 0
    assert mailing.counts() == {"accepted": number}
    # The number is learned: hardly a MAIL is refused.
    assert summary.transactions <= number + 5
    assert summary.sessions <= number // 100 + 5
    assert {row["attempts"] for row in mailing.results()} == {"1"}
    mailing.judge(server)


def test_a_group_above_the_limit_of_chasquid(real_server, mailing_to):
    """101 recipients and two errors are what a message of it can have."""
    server = real_server("chasquid")
    mailing = mailing_to(server, recipients=501, group=True, attempts=1)
    assert mailing.run().exit_code == 0
    assert mailing.counts() == {"accepted": 501}
    mailing.judge(server)


def test_a_group_above_the_limit_of_exim(real_server, mailing_to):
    """Each surplus recipient is asked for once, in the first message."""
    server = real_server("exim")
    with Tap(server.ports["limited"]) as tap:
        mailing = tapped(tap, mailing_to(server, "limited", recipients=1000, group=True))
        summary = mailing.run()
        asked = tap.said().count(b"RCPT TO:")
    assert summary.exit_code == 0
    assert summary.transactions <= 1000 // exim.MOST_RECIPIENTS + 1
    assert asked < 1000 + 150
    mailing.judge(server)


def test_a_limit_is_learned_for_the_groups_behind(real_server, mailing_to):
    """Where a surplus recipient costs a second, only the first group pays."""
    server = real_server("sendmail")
    most = sendmail.MOST_RECIPIENTS
    number = most + 4
    with Tap(server.ports["limited"]) as tap:
        mailing = tapped(tap, mailing_to(server, "limited", recipients=2 * number, group=True))
        with (mailing.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
            rows = [
                (address, "Ann", "ab"[place // number])
                for place, address in enumerate(mailing.addresses)
            ]
            csv.writer(file).writerows([("email", "name", "lot"), *rows])
        summary = mailing.run()
        asked = tap.said().count(b"RCPT TO:")
    assert summary.exit_code == 0
    assert asked <= 2 * number + 4
    mailing.judge(server)


def test_refused_recipients_of_a_group_do_not_end_it_for_the_others(real_server, mailing_to):
    """chasquid ends the session at the third error: five of 125 are refused."""
    server = real_server("chasquid")
    refused = tuple(server.refused(number) for number in range(5))
    mailing = mailing_to(server, recipients=120, first=refused, group=True, attempts=1)
    assert mailing.run().exit_code == 3
    assert mailing.counts() == {"accepted": 120, "rejected": 5}
    mailing.judge(server)


def test_every_fourth_is_refused(real_server, mailing_to):
    server = real_server("chasquid")
    mailing = mailing_to(server, recipients=45, attempts=1)
    rows = []
    for place, address in enumerate(mailing.addresses):
        rows.append(address)
        if place % 3 == 0:
            rows.append(server.refused(place))
    mailing.recipients, mailing.more = 0, tuple(rows)
    mailing.write_recipients(rows)
    assert mailing.run().exit_code == 3
    assert mailing.counts() == {"accepted": 45, "rejected": 15}
    mailing.judge(server)


@pytest.mark.parametrize(
    "name", ["exim", "opensmtpd", "chasquid", "sendmail", "haraka", "smtp-server"]
)
@pytest.mark.parametrize("group", [False, True])
def test_a_server_that_wants_auth_rejects_nobody(real_server, mailing_to, name, group):
    """530 and its kind: the run ends, everybody is pending, and the hint names what is missing."""
    server = real_server(name)
    mailing = mailing_to(server, recipients=20, group=group)
    mailing.set_server(port=server.ports["secure"])
    summary = mailing.run()
    assert summary.exit_code == 77
    assert mailing.counts() == {"pending": 20}
    assert {row["attempts"] for row in mailing.results()} == {"0"}
    hint = str(summary.failure.hint)
    assert "server.username" in hint or "server.security" in hint
    # With what was missing, they all have it.
    if name != "opensmtpd":
        again = mailing_to(server, "secure", recipients=20, group=group)
        assert again.run().exit_code == 0
        again.judge(server)


def test_the_greeting_is_part_of_the_connection(real_server, mailing_to):
    """Exim's limited port greets after a second, which `timeouts.connect` does not allow here."""
    server = real_server("exim")
    mailing = mailing_to(server, "limited", timeouts=PATIENT | {"connect": "0.3s"})
    summary = mailing.run()
    assert (summary.exit_code, summary.transactions) == (69, 0)
    assert mailing.counts() == {"pending": 3}


def test_refusals_do_not_slow_down_the_others(tmp_path, postfix_server):
    """Postfix answers a second late from the tenth error of a session on: 40 dead among 400."""
    seconds = []
    for name, dead in (("good", 0), ("dead", 40)):
        mailing = Mailing(tmp_path / name, postfix_server.port, recipients=400 - dead, tag=name)
        rows = mailing.addresses
        # In a row: what is accepted in between makes it forget.
        rows[200:200] = [postfix_server.refused(number) for number in range(dead)]
        mailing.write_recipients(rows)
        begun = time.monotonic()
        summary = mailing.run()
        seconds.append(time.monotonic() - begun)
        assert summary.exit_code == (3 if dead else 0)
        counts = {"accepted": 400 - dead, "rejected": dead}
        assert mailing.counts() == {name: number for name, number in counts.items() if number}
    good, with_dead = seconds
    assert with_dead <= 3 * good
