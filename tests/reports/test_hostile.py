"""Hostile and broken bodies are refusals with a place: no traceback, no hang, no report."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.reports.bodies import LONGEST_BODY, MOST_CONTAINERS, MOST_ELEMENTS
from mailbatch.reports.reading import read_body, refusal_of_form
from mailbatch.reports.refusal import Cause, Refusal
from mailbatch.reports.report import LONGEST_TEXT, Report

HERE = Path(__file__).parent
SAMPLES = [path.read_bytes() for path in sorted(HERE.glob("samples/*.eml"))]
BODIES = [
    path.read_bytes() for path in sorted(HERE.glob("bodies/*.[jx]*")) if path.suffix != ".txt"
]
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b"<r><result><to>&b;</to></result></r>"
)


def read(body):
    return read_body(body, received=1795950000.0)


def results(**entry):
    return json.dumps({"results": [{"status": {"groupId": 3}, **entry}]}).encode()


#: Bodies in no form of a report; in the other refused ones a reader found a mistake in a part.
FOREIGN = [b"", b"{", b"[1, 2]", b"{}", b"<r/>", b"no mail at all", b"a=b", b"name: letter\n"]


@pytest.mark.parametrize("body", FOREIGN)
def test_a_body_in_no_form_of_a_report_is_told_before_it_is_read(body):
    assert (refusal_of_form(body),) == read(body)


@pytest.mark.parametrize("body", [*SAMPLES, *BODIES, b'{"results": 7}', b"From: ada@b.c\n\nAway."])
def test_a_form_that_a_reader_takes_is_never_refused(body):
    assert refusal_of_form(body) is None


@pytest.mark.parametrize(
    ("body", "place", "reason"),
    [
        (b"", "", "empty"),
        (b" \r\n", "", "empty"),
        (b"{", "line 1, column 2", "property name"),
        (b'{"results": [{"to": "a@b.c"},', "line 1, column 30", "Expecting value"),
        (b"[1, 2]", "", "an object is wanted"),
        (b"{}", "", "JSON, but of no report: neither `results` nor"),
        (b'{"results": {"to": "a@b.c"}}', "results", "a list is wanted"),
        (b'{"results": [7]}', "results[0]", "an object is wanted, not a number"),
        (b'{"results": [{"status": "sent"}]}', "results[0].status", "an object is wanted"),
        (b'{"results": [{"status": {"groupId": [3]}}]}', "results[0].status.groupId", "a list"),
        (b'{"results": [{"status": {"groupId": true}}]}', "results[0].status.groupId", "true or"),
        (results(to=["a@b.c"]), "results[0].to", "a text is wanted, not a list"),
        (results(messageId=1.5), "results[0].messageId", "a text is wanted, not a number"),
        (results(messageId=10**20), "results[0].messageId", "a huge number"),
        (results(messageId="m" * 2000), "results[0].messageId", "longer than"),
        (results(doneAt={}), "results[0].doneAt", "a text is wanted"),
        (results(callbackData={"mb": 1}), "results[0].callbackData", "a text is wanted"),
        (b'{"results": NaN}', "", "NaN is no JSON"),
        (b'{"results": ' + b"9" * 5000 + b"}", "", "digits"),
        (b'{"results": "\xff"}', "byte 13", "not in UTF-8"),
        (b'{"results": ' * 200_000, "", "too deep"),
        (b'{"results": [' + b"[" * 500_000, "", "too deep"),
        (b"{" + b"[]," * (MOST_CONTAINERS + 1), "", "more than 1000000"),
        (b"{" + b" " * LONGEST_BODY, "", "longer than 16 MiB"),
        (b'{"notificationType": "READ"}', "notificationType", "'READ' is not known"),
        (b'{"notificationType": ["OPENED"]}', "notificationType", "a text is wanted"),
        (b'{"notificationType": "Bounce", "mail": []}', "mail", "an object is wanted"),
        (b'{"TopicArn": "x", "Type": "Notification"}', "Message", "Expecting value"),
        (b'{"event-data": {"event": {}}, "signature": {"a": 1}}', "event-data.event", "a text"),
        (BOMB, "line 1, column", "DOCTYPE"),
        (b"<!DOCTYPE r SYSTEM 'file:///etc/passwd'><r/>", "line 1, column", "DOCTYPE"),
        (b"<a>" * 100_000, "line 1, column 49", "too deep"),
        (b"<a><b></a>", "line 1, column 9", "mismatched tag"),
        (b"<?xml version='1.0' encoding='no-such'?><a/>", "line 1", "unknown encoding"),
        (b"<r>" + b"<x/>" * MOST_ELEMENTS + b"</r>", "line 1, column", "more than 300000"),
        (b"<results/>", "results", "no report in it"),
        (b"<r/>", "", "no element `results`"),
        (b"no mail at all", "", "in no form of a report, which is a mail with its header, or JSON"),
        (b"name: letter\nserver: mx\n", "", "in no form of a report"),
        (b"status=bounced&to=a%40b.c", "", "in no form of a report"),
        (b"\x00\x01\x02" * 1000, "", "in no form of a report"),
        (b"SQLite format 3\0" + b"\0" * 100, "", "an SQLite database"),
    ],
    ids=range(42),
)  # fmt: skip
def test_a_body_is_refused_at_its_place(body, place, reason):
    (refusal,) = read(body)
    assert isinstance(refusal, Refusal)
    assert refusal.place.startswith(place)
    assert bool(refusal.place) == bool(place)
    assert reason in refusal.reason


def test_one_bad_report_costs_the_others_nothing():
    good = {"to": "a@example.org", "status": {"groupId": 3}}
    body = json.dumps({"results": [good, {"to": 7.5}, None, good]}).encode()
    first, second, third, fourth = read(body)
    assert isinstance(first, Report)
    assert first == fourth
    assert [second.place, third.place] == ["results[1].status.groupId", "results[2]"]


def test_no_text_leaves_that_a_database_or_a_terminal_would_choke_on():
    body = (
        b'{"results": [{"to": "a\\u0000\\ud800@example.org", "status": {"groupId": 2, "name": "x"},'
        b' "error": {"id": 1, "groupId": 2, "description": "\\u001b[31m' + b"y" * 9000 + b'"}}]}'
    )
    (report,) = read(body)
    assert report.recipient == "a ?@example.org"
    assert "\x1b" not in report.text
    assert len(report.text) <= LONGEST_TEXT
    assert report.identity


@pytest.mark.parametrize(
    "data",
    [
        "{" * 3000,
        '{"mb": {"mb": "57049136f20f7a33"}}',
        '{"mb": 57049136}',
        '[[{"mb": "57049136f20f7a33"}]]',
        '{"mb": "57049136F20F7A33"}',
        '{"mb": "57049136f20f7a33 "}',
        '"mb"',
        "mb",
    ],
)
def test_callback_data_that_holds_no_token_makes_none(data):
    (report,) = read(results(callbackData=data))
    assert report.token == ""


def nested(depth):
    parts = (f"Content-Type: multipart/mixed; boundary={n}\n\n--{n}" for n in range(depth))
    return "\n".join(["From: MAILER-DAEMON", *parts]).encode()


@pytest.mark.parametrize(
    "body",
    [
        nested(5000),
        b"From: <>\nContent-Type: multipart/mixed; " + b";" * 200_000 + b"\n\n",
        b'From: <>\nContent-Type: multipart/mixed; x="' + b";" * 200_000 + b"\n\n",
        b"From: <>\nContent-Type: multipart/report; boundary=\n\n--\n--\n",
        b"From: <>\nContent-Type: message/rfc822\n\n" * 3000,
        b"From: <>\nContent-Type: multipart/digest; boundary=x\n\n" + b"--x\n\nA: b\n\n" * 20_000,
        b"From: <>\nReferences: " + b"<a@b> " * 500_000,
        b"From: <>\nReferences: " + b"<" * 500_000,
        b"From: <>\nDate: " + b"(" * 100_000 + b"\n\n",
        b"From: <>\nTo: " + b"+" * 500_000 + b"@x\n\n",
        b"From: <>\n\n" + b"<a@b>: " * 500_000,
        b"From: <>\n\n" + b"\n".join(b"<a%d@b>:" % n for n in range(20_000)),
        b"From: <>\n" + b"A: b\n" * 500_000,
        b"From: <>\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644\n\xff\xff",
        b"From: <>\nContent-Type: text/plain; charset*=x'y'%ff\n\nbody",
    ],
    ids=range(15),
)  # fmt: skip
def test_a_mail_made_to_hurt_is_read_in_time(body):
    made = read(body)
    assert all(isinstance(one, Refusal) or one.event for one in made)
    assert made


@pytest.mark.parametrize(
    "status",
    [
        b"Final-Recipient: rfc822; a@b.c\n\n" * 20_000,
        b"Final-Recipient: rfc822; a@b.c\nDiagnostic-Code: smtp; " + b"x " * 400_000,
        b"Final-Recipient: rfc822; a@b.c\n" + b"continued\n" * 300_000,
        b"Final-Recipient: " + b"\\x{110000}" * 5000,
    ],
    ids=range(4),
)
def test_a_status_part_made_to_hurt_is_read_in_time(status):
    head = b"From: <>\nContent-Type: multipart/report; boundary=x\n\n--x\n"
    body = head + b"Content-Type: message/delivery-status\n\n" + status + b"\n--x--\n"
    assert read(body)


def test_an_unknown_action_is_refused_and_the_other_recipient_stands():
    mail = SAMPLES_BY_NAME["exim-failed-two.eml"].replace(b"Action: failed", b"Action: eaten", 1)
    first, second = read(mail)
    assert first == Refusal("recipient 1: Action", "'eaten' is not known", Cause.UNREADABLE)
    assert second.recipient == "full@example.net"


SAMPLES_BY_NAME = {path.name: path.read_bytes() for path in HERE.glob("samples/*.eml")}
NAMES = [
    "results", "status", "error", "groupId", "id", "to", "messageId", "doneAt",
    "notificationType", "mail", "eventType", "bounce", "bouncedRecipients", "destination",
    "headers", "event-data", "signature", "TopicArn", "Type", "Message", "smtp", "tags", "mb",
    "delivery-status", "name", "value", "timestamp", "permanent",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_any_json_is_read_or_refused(value):
    assert read(json.dumps(value).encode())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SAMPLES + BODIES), st.data())
def test_any_damage_to_a_body_is_read_or_refused(body, data):
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        until = min(len(body), at + data.draw(st.integers(0, 40)))
        body = body[:at] + data.draw(st.binary(max_size=6)) + body[until:]
    assert read(body)
