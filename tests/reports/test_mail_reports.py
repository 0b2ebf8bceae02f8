"""Mails to the envelope sender that the samples have no example of, each with its rule."""

import pytest

from mailbatch.reports.mail_reports import read_mail
from mailbatch.reports.refusal import Cause, Refusal
from mailbatch.reports.report import Event, Kind, Source
from tests.reports.test_hostile import SAMPLES_BY_NAME


def mail(*fields, body="I am away until Monday."):
    return "\n".join([*fields, "", body]).encode()


def notification(*blocks, head="Reporting-MTA: dns; mx.example.org", fields=(), returned=""):
    status = "\n\n".join([head, *blocks])
    return "\n".join(
        [
            "From: <>", "Message-ID: <dsn@mx.example.org>", *fields,
            "Content-Type: multipart/report; boundary=x", "",
            "--x", "Content-Type: message/delivery-status", "", status, "",
            "--x", "Content-Type: text/rfc822-headers", "", returned, "", "--x--", "",
        ]
    ).encode()  # fmt: skip


def read_one(*fields, **more):
    (report,) = read_mail(notification("\n".join(fields), **more))
    return report


FINAL = "Final-Recipient: rfc822; ada@example.org"


@pytest.mark.parametrize(
    ("action", "event"),
    [
        ("failed", Event.BOUNCED),
        ("Failed (no such user)", Event.BOUNCED),
        ("delayed", Event.DEFERRED),
        ("delivered", Event.DELIVERED),
        ("delivered (to mailbox)", Event.DELIVERED),
        ("delivered (to mailing list)", Event.SENT),
        ("relayed (to non-DSN-aware mailer)", Event.SENT),
        ("expanded", Event.SENT),
    ],
)
def test_the_first_word_of_action_is_the_event(action, event):
    assert read_one(FINAL, f"Action: {action}", "Status: 5.1.1").event is event


def test_delivered_by_a_router_of_exim_says_nothing_of_a_mailbox():
    said = "Diagnostic-Code: X-Exim; relayed via non SMTP router"
    assert read_one(FINAL, "Action: delivered", "Status: 2.0.0", said).event is Event.SENT


@pytest.mark.parametrize(
    ("status", "said", "kind", "code", "about"),
    [
        ("5.1.1", "smtp; 550 5.1.1 no such user", "hard", "5.1.1", True),
        ("5.0.0", "smtp; 550-5.1.1 no such user 550 5.1.1 look", "hard", "5.1.1", True),
        ("5.0.0", "smtp; 550 mailbox unavailable, see 5.1.1 there", "hard", "5.0.0", False),
        ("5.0.0", "smtp; 451 4.7.1 later", "soft", "4.7.1", False),
        ("4.4.7", "smtp; 554 4.4.7 given up", "hard", "4.4.7", False),
        ("5.5.0", None, "hard", "5.5.0", False),
        ("4.4.1", None, "soft", "4.4.1", False),
        (None, None, "unknown", "", False),
        ("5.2.2", "smtp; 552 5.2.2 full", "hard", "5.2.2", False),
        ("5.7.1", "smtp; 550 5.7.1 blocked 5.1.1", "hard", "5.7.1", False),
        ("5.3.4", "X-Postfix; message size 20480000 exceeds 450", "hard", "5.3.4", False),
        ("5.1.10", "smtp; 556 5.1.10 no mail here", "hard", "5.1.10", True),
        ("5.1.1 (user unknown)", "550 5.1.1 no type before it", "hard", "5.1.1", True),
        ("junk", "smtp; MAIL+RCPT 550 5.1.1 x", "hard", "5.1.1", True),
    ],
)
def test_kind_and_code_of_a_failure(status, said, kind, code, about):
    lines = [f"Status: {status}"] if status else []
    lines += [f"Diagnostic-Code: {said}"] if said else []
    report = read_one(FINAL, "Action: failed", *lines)
    assert (report.kind, report.code, report.about_address) == (Kind(kind), code, about)


@pytest.mark.parametrize(
    ("lines", "recipients", "about"),
    [
        (["Original-Recipient: rfc822;ada@example.org", FINAL], ("ada@example.org",), True),
        (
            ["Original-Recipient: rfc822;Ada@Example.org", FINAL],
            ("Ada@Example.org", "ada@example.org"),
            True,
        ),
        (
            ["Original-Recipient: rfc822;all@example.com", FINAL],
            ("all@example.com", "ada@example.org"),
            False,
        ),
        (
            [FINAL, "X-Actual-Recipient: rfc822; stranger@example.net"],
            ("ada@example.org", "stranger@example.net"),
            False,
        ),
        (
            [
                "Original-Recipient: rfc822;a+2Bb@example.org",
                "Final-Recipient: rfc822; a+b@example.org",
            ],
            ("a+2Bb@example.org", "a+b@example.org"),
            True,
        ),
        ([r"Final-Recipient: utf-8;unkn\x{F6}wn@example.org"], ("unknöwn@example.org",), True),
        (["Final-Recipient: <ada@example.org>"], ("ada@example.org",), True),
        (["Final-Recipient: rfc822; @", "X-Actual-Recipient: x"], (), False),
    ],
)
def test_the_addresses_that_may_name_the_recipient(lines, recipients, about):
    report = read_one(*lines, "Action: failed", "Status: 5.1.1")
    assert (report.recipients, report.about_address) == (recipients, about)


def test_our_names_are_found_wherever_a_server_puts_them():
    token = "57049136f20f7a33"
    returned = (
        f"Message-ID: <{token}00@example.com>\nX-IB-Bulk-Id: notice\n"
        f'X-IB-Callback-Data: [{{"id": "7"}}, {{"mb":\n "{token}"}}]'
    )
    by_header = read_one(FINAL, "Action: failed", returned=returned)
    assert (by_header.token, by_header.bulk_id) == (token, "notice")
    assert by_header.header_message_id == f"{token}00@example.com"
    by_envelope_id = read_one(FINAL, "Action: failed", head=f"Original-Envelope-Id: {token}")
    by_verp = read_one(FINAL, "Action: failed", fields=[f"To: <bounces+{token}@example.com>"])
    assert by_envelope_id.token == by_verp.token == token
    by_references = read_one(
        FINAL, "Action: failed", fields=["References: <before@example.com>", " <ours@example.com>"]
    )
    assert by_references.header_message_id == "ours@example.com"


@pytest.mark.parametrize(
    "tag",
    ["ada=example.org", "bob=example.org", "edition=one", "id=42.7", "job-ada=example.org",
     "7-ada=example.org", "SRS0=HHH=TT=example.org=ada"],
)  # fmt: skip
def test_a_tag_of_the_envelope_sender_stands_behind_what_the_report_names(tag):
    fields = [f"Delivered-To: bounces+{tag}@example.com"]
    both = ["Original-Recipient: rfc822; ada@example.org", FINAL]
    report = read_one(*both, "Action: failed", "Status: 5.1.1", fields=fields)
    assert (report.recipients, report.about_address) == (("ada@example.org",), True)
    # An alias: the delivery is known by the name of the message, and the stranger is none of it.
    report = read_one("Final-Recipient: rfc822; stranger@example.net", "Action: failed",
                      "Status: 5.1.1", fields=fields)  # fmt: skip
    assert report.recipients == ("stranger@example.net",)


def test_verp_names_the_recipient_where_the_report_names_nobody():
    fields = ["Delivered-To: bounces+ada=example.org@example.com"]
    report = read_one("Action: failed", "Status: 5.1.1", fields=fields)
    assert (report.recipients, report.about_address) == (("ada@example.org",), True)


def test_a_notification_without_a_blank_line_before_the_recipient_is_read():
    (report,) = read_mail(
        notification(head=f"Original-Envelope-Id: 57049136f20f7a33\n{FINAL}\nAction: failed")
    )
    assert (report.token, report.recipient) == ("57049136f20f7a33", "ada@example.org")


def test_base64_around_a_status_part_is_decoded():
    import base64

    whole = SAMPLES_BY_NAME["postfix-expired.eml"].replace(b"\r\n", b"\n")
    before, rest = whole.split(b"Content-Type: message/delivery-status\n\n")
    status, after = rest.split(b"\n--", 1)
    coded = b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
    again = before + coded + base64.encodebytes(status) + b"\n--" + after
    assert read_mail(again) == read_mail(whole) != ()


def test_a_report_inside_the_returned_message_is_not_ours():
    inner = SAMPLES_BY_NAME["postfix-failed-local.eml"]
    whole = notification(f"{FINAL}\nAction: failed").replace(
        b"text/rfc822-headers", b"message/rfc822"
    )
    whole = whole.replace(b"\n\n\n--x--", b"\n\n" + inner + b"\n--x--")
    (report,) = read_mail(whole)
    assert report.recipient == "ada@example.org"


RECEIPT = """--x
Content-Type: message/disposition-notification

Disposition: a; displayed
--x--"""


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (mail("From: a@example.org", "Auto-Submitted: auto-replied (vacation)"), "auto-submitted"),
        (mail("From: a@example.org", "X-Auto-Response-Suppress: All"), "x-auto-response-suppress"),
        (mail("From: a@example.org", "Precedence: Bulk"), "precedence"),
        (mail("From: a@example.org", "X-Loop: a@example.org"), "x-loop"),
        (
            mail("From: <>", "Auto-Submitted: auto-replied", body="<a@example.org>: 550 5.1.1"),
            "auto-submitted",
        ),
        (mail("Return-Path: <a@example.org>", "Subject: away"), ""),
        (mail("From: postman@example.org", body="bob@example.org: 550 5.1.1 no such user"), ""),
        (
            mail(
                "Return-Path: <a@example.org>",
                "From: MAILER-DAEMON",
                body="<b@example.org>: 550 5.1.1",
            ),
            "",
        ),
        (mail("Content-Type: multipart/report; boundary=x", body=RECEIPT), ""),
    ],
    ids=range(9),
)
def test_what_is_no_bounce(data, place):
    (refusal,) = read_mail(data)
    assert isinstance(refusal, Refusal)
    assert (refusal.cause, refusal.place) == (Cause.NO_REPORT, place)


QMAIL = """Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<unknown@example.net>:
203.0.113.5 does not like recipient.
Remote host said: 550 5.1.1 No such mailbox here
Giving up on 203.0.113.5.

<full@example.net>:
203.0.113.5 does not like recipient.
Remote host said: 552 5.2.2 The mailbox is full
Giving up on 203.0.113.5.

--- Below this line is a copy of the message.

Return-Path: <bounces@example.com>
From: office@example.com
Message-ID: <one@example.com>
"""


def test_a_bounce_in_plain_text_is_believed_behind_a_null_return_path():
    unknown, full = read_mail(mail("Return-Path: <>", "From: MAILER-DAEMON@x", body=QMAIL))
    assert [unknown.recipient, full.recipient] == ["unknown@example.net", "full@example.net"]
    assert [unknown.code, full.code] == ["5.1.1", "5.2.2"]
    assert [unknown.about_address, full.about_address] == [True, False]
    assert {unknown.kind, full.kind} == {Kind.HARD}
    assert unknown.header_message_id == "one@example.com"
    assert unknown.source is Source.MAIL


def test_a_plain_bounce_without_a_reply_has_no_kind():
    (report,) = read_mail(mail("From: <>", body="Cannot deliver to <ada@example.org>, 5.1.1 sorry"))
    assert (report.event, report.kind, report.code) == (Event.BOUNCED, Kind.UNKNOWN, "")


def test_a_plain_bounce_that_names_nobody_is_shown_and_counts_for_nobody():
    (refusal,) = read_mail(mail("From: <>", body="Something went wrong."))
    assert refusal.cause is Cause.UNREADABLE


def feedback(kind, *lines, returned="Message-ID: <ours@example.com>"):
    return "\n".join(
        [
            "From: fbl@example.net", "Message-ID: <arf@example.net>",
            "Content-Type: multipart/report; report-type=feedback-report; boundary=x", "",
            "--x", "Content-Type: text/plain", "", "An abuse report.", "",
            "--x", "Content-Type: message/feedback-report", "",
            f"Feedback-Type: {kind}", "User-Agent: Some/1", "Version: 1", *lines, "",
            "--x", "Content-Type: message/rfc822", "", returned, "", "Hello", "--x--", "",
        ]
    ).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "event"),
    [("abuse", Event.COMPLAINED), ("Fraud", Event.COMPLAINED), ("opt-out", Event.UNSUBSCRIBED)],
)
def test_a_feedback_report_is_a_complaint(kind, event):
    (report,) = read_mail(feedback(kind, "Original-Rcpt-To: <ada@example.org>"))
    assert (report.event, report.recipients) == (event, ("ada@example.org",))
    assert (report.source, report.header_message_id) == (Source.ARF, "ours@example.com")


def test_a_masked_recipient_leaves_our_names():
    (report,) = read_mail(feedback("abuse", "Original-Rcpt-To: redacted"))
    assert (report.recipients, report.header_message_id) == ((), "ours@example.com")


def test_of_several_recipients_one_complained():
    reports = read_mail(feedback("abuse", "Original-Rcpt-To: a@x.org", "Original-Rcpt-To: b@x.org"))
    assert [report.recipient for report in reports] == ["a@x.org", "b@x.org"]
    assert {report.text for report in reports} == {"abuse feedback of one of 2"}


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_feedback_that_is_no_complaint(kind):
    (refusal,) = read_mail(feedback(kind))
    assert refusal.cause is Cause.NO_REPORT


def test_feedback_of_an_unknown_type_is_shown():
    (refusal,) = read_mail(feedback("whimsy"))
    assert (refusal.cause, refusal.place) == (Cause.UNREADABLE, "Feedback-Type")
