"""What is shown of a mail that any program may have sent, broken on purpose as well."""

import time
from email.message import EmailMessage

import pytest

from mailbatch.inbox.reading import read_mail, shown_fields

from .making import mail

ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
METHOD:REPLY
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART:20260101T100000Z
SUMMARY:Tea
END:VEVENT
END:VCALENDAR
"""


def test_parts_of_every_kind():
    made = EmailMessage()
    made["From"], made["To"] = "Zoë <z@example.com>", "you@example.org"
    made["Subject"] = "Grüße"
    made.set_content("text\n")
    made.add_alternative('<img src="cid:logo">', subtype="html")
    made.get_payload()[1].add_related(b"png", "image", "png", cid="<logo>", filename="l.png")
    made.add_attachment(b"%PDF", "application", "pdf", filename="a ü.pdf")
    made.add_attachment(ICS, subtype="calendar", filename="invite.ics")
    read = read_mail(made.as_bytes())
    content = read.content
    assert (content.subject, content.from_) == ("Grüße", "Zoë <z@example.com>")
    assert (content.text, content.html) == ("text\n", '<img src="cid:logo">\n')
    assert [(one.cid, one.data) for one in content.inline] == [("logo", b"png")]
    assert [one.filename for one in content.attachments] == ["a ü.pdf", "invite.ics"]
    assert content.calendar.method == "REPLY"
    assert [one.summary for one in content.calendar.events] == ["Tea"]
    assert read.remark is None


def test_fields_in_utf_8_as_they_are_on_the_wire():
    content = read_mail(mail("Subject: Grüße 🎉", "From: Zoë <zoë@例え.jp>")).content
    assert (content.subject, content.from_) == ("Grüße 🎉", "Zoë <zoë@例え.jp>")


def test_a_mail_in_a_mail_is_an_attachment():
    inner = mail("Subject: inner").decode()
    content = read_mail(mail("Content-Type: message/rfc822", body=inner)).content
    (attached,) = content.attachments
    assert b"Subject: inner" in attached.data
    assert attached.filename == "part-1.eml"
    assert (content.text, content.html) == (None, None)


def test_a_second_text_and_a_text_with_a_disposition_are_files():
    made = EmailMessage()
    made.set_content("one")
    made.add_attachment("two", filename="two.txt")
    made.add_attachment("<b>three</b>", subtype="html", filename="three.html")
    content = read_mail(made.as_bytes()).content
    assert (content.text, content.html) == ("one\n", None)
    assert [one.filename for one in content.attachments] == ["two.txt", "three.html"]


DEEP = b"".join(
    b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3000)
)
BROKEN = {
    "nothing": b"",
    "no head": b"\r\n\r\n",
    "zeros": b"\0" * 1000,
    "bytes": bytes(range(256)) * 20,
    "deep": DEEP,
    "no boundary": b"Content-Type: multipart/mixed\r\n\r\nx",
    "charset": b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe",
    "no charset": b"Content-Type: text/plain; charset=base64\r\n\r\n\xff\xfe",
    "idna": b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"a" * 200_000,
    "punycode": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-b" * 100_000,
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n====A\r\n",
    "uuencode": b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n\xff\r\n",
    "words": b"Subject: =?utf-8?b?////?= =?x?q?=ZZ?= =?utf-8?q?=C3?=\r\n\r\n",
    "no type": b'Content-Type: ;;;"\r\nContent-Disposition: ;=\r\n\r\nx',
    "name": b"Content-Type: x/y; name*0*=utf-8''%ff; name*9=\"\r\n\r\nx",
    "long": b"Subject: " + b"(" * 1_000_000 + b"\r\n\r\n",
    "many words": b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\r\n\r\n",
    "many fields": b"X: 1\r\n" * 200_000 + b"\r\n",
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\n\r\nx\r\n" * 3_000,
    "calendar": b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
    "repeated calendar": b"Content-Type: text/calendar\r\n\r\n" + b"BEGIN:VEVENT\r\n" * 100_000,
    "surrogates": "Subject: \ud800\r\n\r\n\udfff".encode("utf-8", "surrogatepass"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_mail_that_is_broken_on_purpose_is_read_in_a_moment(name):
    began = time.process_time()
    read = read_mail(BROKEN[name])
    shown_fields(BROKEN[name], "From", "Subject")
    assert time.process_time() - began < 10, "a time that grows with a square is minutes"
    content = read.content
    assert len(content.headers) <= 500
    assert len(content.attachments) <= 500
    shown = (content.subject, content.from_, *(text for pair in content.headers for text in pair))
    assert all(len(text) <= 8192 and "\n" not in text for text in shown)
    for text in (*shown, content.text or "", content.html or ""):
        text.encode("utf-8", "backslashreplace")


def test_what_is_not_shown_is_said():
    read = read_mail(mail("Content-Type: text/html", body="x" * 2_000_000))
    assert len(read.content.html) == 1024 * 1024
    assert read.remark == "The HTML part is cut at 1,048,576 characters; the .eml has it all."
    assert "first 500 are not shown" in read_mail(BROKEN["many parts"]).remark
    assert "cannot be parsed" in read_mail(DEEP).remark
