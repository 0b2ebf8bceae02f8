"""Golden messages: every byte of the kinds of message that mailbatch sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mailbatch.job.message import OWNED_HEADERS
from mailbatch.job.model import Job
from mailbatch.render.message import Message

from .making import (
    MESSAGE_ID,
    ROW,
    assert_wire_ready,
    make_composer,
    make_delivery,
    make_job,
    parse,
    raw_fields,
)

GOLDEN = Path(__file__).parent.parent / "golden"
#: Names that no message has, and a signature, which `test_dkim.py` looks at.
UNSHOWN = {"bcc", "return-path", "dkim-signature"}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c63e4cf51a9070002390118 0fe147a40000000049454e44ae426082".replace(" ", "")
)
PAGE = """\
<!DOCTYPE html>
<html>
<body>
<p>Hello {{ first_name }}, see <a href="https://example.com/{{ id }}">your page</a>.</p>
</body>
</html>
"""
MJML = """\
<mjml lang="en">
  <mj-head>
    <mj-title>News</mj-title>
    <mj-preview>Seeds for spring</mj-preview>
    <mj-attributes><mj-all font-family="Georgia, serif" /></mj-attributes>
  </mj-head>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Hello {{ first_name }} &amp; friends</mj-text>
      </mj-column>
      <mj-column>
        <mj-button href="https://example.com/{{ id }}">Your page</mj-button>
        <mj-include path="foot.mjml" />
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
FEATURED_PAGE = """\
<html>
  <head>
    <meta http-equiv="content-type" content="text/html; charset=UTF-8">
  </head>
  <body>
    <p>Hello world from Infobip! Happy testing :)</p>
    <img src="cid:pixel_cid" alt="Pixel as the inline image">
  </body>
</html>
"""


def alternative(folder: Path, *, traced: bool = False) -> Message:
    job = make_job(
        folder,
        {
            "subject": "News for {{ first_name }}",
            "text": "letter.txt.j2",
            "html": "letter.html.j2",
            "list_id": "news.example.com",
            "unsubscribe": {"url": "https://example.com/u/{{ id }}", "one_click": True},
        },
        {"letter.txt.j2": "Hello {{ first_name }},\n\n.see your page.\n", "letter.html.j2": PAGE},
        recipients={"display_name": "{{ first_name }} {{ last_name }}"},
        callbacks={"bulk_id": "{{ job.name }}-{{ edition }}", "data": [{"id": "{{ id }}"}]},
    )
    return send(job, traced=traced)


def attachment_and_inline(folder: Path, *, traced: bool = False) -> Message:
    job = make_job(
        folder,
        {
            "html": "letter.html.j2",
            "inline": {"pixel": "pixel.png"},
            "attachments": [
                {"path": "terms.pdf", "filename": "Geschäftsbedingungen.pdf"},
                "data.csv",
            ],
        },
        {
            "letter.html.j2": '<p>Hello {{ first_name }}</p><img src="cid:pixel" alt="A pixel">',
            "pixel.png": PIXEL,
            "terms.pdf": b"%PDF-1.4\n" + bytes(range(256)),
            "data.csv": "name;price\nTea;3,90\n",
        },
    )
    return send(job, traced=traced)


def group(folder: Path, *, traced: bool = False) -> Message:
    job = make_job(
        folder,
        {
            "subject": "What changes for {{ plan }}",
            "cc": "Accounts <accounts@example.com>",
            "bcc": "archive@example.com",
            "headers": {"Precedence": "bulk"},
        },
        {"letter.txt.j2": "Dear customers of the plan {{ plan }},\n"},
        recipients={"group_by": "plan"},
    )
    row = {"email": "ada@example.org", "plan": "pro"}
    delivery = make_delivery(row, addresses=("ada@example.org", "bob@example.org"))
    return make_composer(job, ("email", "plan"), traced=traced).compose(delivery, eight_bit=True)


def non_ascii(folder: Path, *, traced: bool = False) -> Message:
    job = make_job(
        folder,
        {
            "subject": "Grüße an {{ first_name }}: ein langer Betreff, der in mehrere Zeilen passt",
            "text": "letter.txt.j2",
            "html": "letter.html.j2",
            "headers": {"X-Ort": "Zürich", "X-Short": "日本語"},
            "language": "de-AT",
            "unsubscribe": {"url": "https://bücher.example/ü?id={{ id }}"},
        },
        {
            "letter.txt.j2": "Grüße, {{ first_name }}! 😀\n",
            "letter.html.j2": "<p>こんにちは、{{ first_name }}さん。</p>",
        },
        recipients={"display_name": "{{ first_name }} {{ last_name }}"},
        sender={"from": "Bücher & Töne <news@bücher.example>"},
        callbacks={"data": {"name": "{{ first_name }}"}},
    )
    row = {**ROW, "first_name": "Zoë", "last_name": "Müller-Lüdenscheidt"}
    return make_composer(job, traced=traced).compose(make_delivery(row), eight_bit=False)


def invitation(folder: Path, *, traced: bool = False) -> Message:
    event = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART:20271231T180000Z
DTEND:20271231T200000Z
SUMMARY:Open night for {{ first_name }}
LOCATION:Hill Road 1\\, Exampleton
DESCRIPTION:Dear {{ first_name }} {{ last_name }}\\, the telescope is yours for an hour.
ORGANIZER;CN=Observatory:mailto:events@example.com
ATTENDEE;CN={{ last_name }};RSVP=TRUE:mailto:{{ email }}
END:VEVENT
END:VCALENDAR
"""
    job = make_job(
        folder,
        {
            "html": "letter.html.j2",
            "calendar": {"file": "invite.ics.j2", "method": "REQUEST", "event": "open-night"},
        },
        {"letter.html.j2": "<p>Come, {{ first_name }}.</p>", "invite.ics.j2": event},
    )
    row = {**ROW, "last_name": "Lovelace, Countess; née Byron"}
    delivery = make_delivery(row)
    return make_composer(job, edition="1", traced=traced).compose(delivery, eight_bit=True)


def fully_featured(folder: Path, *, traced: bool = False) -> Message:
    """The provider's "fully-featured MIME example"."""
    job = make_job(
        folder,
        {
            "subject": "Fully Featured SMTP Example",
            "to": "recipient1@example.com, recipient2@example.com",
            "cc": "cc@example.com",
            "html": "hello.html.j2",
            "inline": {"pixel_cid": "pixel.png"},
            "attachments": [{"path": "simple.pdf", "type": "application/octet-stream"}],
        },
        {"hello.html.j2": FEATURED_PAGE, "pixel.png": PIXEL, "simple.pdf": b"%PDF-1.1\n%%EOF\n"},
        sender={"from": "Sender Name <sender@example.com>", "reply_to": "reply@example.com"},
        recipients={"group_by": "order"},
        callbacks={
            "bulk_id": "1234567890",
            "tracking_url": "https://www.example.com/email/webhook/server",
            "intermediate_report": True,
            "notify_url": "https://www.example.com/email/delivery/server",
            "notify_content_type": "application/json",
            "data": [{"id": 1, "desc": "Callback Data Example as JSON"}],
        },
    )
    row = {"email": "recipient1@example.com", "order": "1"}
    addresses = ("recipient1@example.com", "recipient2@example.com")
    delivery = make_delivery(row, addresses=addresses, message_id=MESSAGE_ID)
    return make_composer(job, ("email", "order"), traced=traced).compose(delivery, eight_bit=True)


def sender_by_row(folder: Path, *, traced: bool = False) -> Message:
    job = make_job(
        folder,
        {"subject": "Your agent"},
        sender={
            "from": "{{ first_name }} {{ last_name }} <agent{{ id }}@example.com>",
            "reply_to": "desk+{{ id }}@example.org",
            "domains": "example.com",
        },
    )
    return send(job, traced=traced)


def behind_others(folder: Path, *, traced: bool = False) -> Message:
    """A message that stands behind those of three earlier editions."""
    job = make_job(folder, {"subject": "News for {{ first_name }}", "thread": True})
    ids = [f"{digit * 32}@news.example.com" for digit in "a1b"]
    delivery = replace(make_delivery(ROW), thread=tuple(ids))
    return make_composer(job, traced=traced).compose(delivery, eight_bit=True)


def embedded(folder: Path, *, traced: bool = False) -> Message:
    """An image of all, one of a recipient, one in the page itself, and one of `inline`."""
    uri = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs="
    job = make_job(
        folder,
        {
            "html": "pages/letter.html",
            "images": "embed",
            "inline": {"mark": "mark.png"},
            "attachments": ["terms.txt"],
        },
        {
            "pages/letter.html": '<img src="pixel.png" alt="Example"><p>Hello {{ first_name }}</p>'
            f'<img src="seats/{{{{ id }}}}.png" alt="Seat"><img src="{uri}" alt="">'
            '<img src="pixel.png" alt=""><img src="cid:mark" alt="">'
            '<img src="https://example.com/a.png" alt="A" width="40">',
            "pages/pixel.png": PIXEL,
            "mark.png": PIXEL + b"mark",
            "seats/17.png": PIXEL + b"seat",
            "terms.txt": "Terms.\n",
        },
    )
    return send(job, traced=traced)


def preheader(folder: Path, *, traced: bool = False) -> Message:
    """A hidden first text of the HTML part, and none in the text that is made of this part."""
    message = {"html": "letter.html.j2", "preheader": "What {{ first_name }} & <you> need"}
    return send(make_job(folder, message, {"letter.html.j2": PAGE}), traced=traced)


def send(job: Job, *, traced: bool) -> Message:
    return make_composer(job, traced=traced).compose(make_delivery(ROW), eight_bit=True)


def mjml(folder: Path, *, traced: bool = False) -> Message:
    pytest.importorskip("mrml", reason="mrml is in the extra mjml")
    files = {"letter.mjml.j2": MJML, "foot.mjml": "<mj-text>Goodbye, {{ first_name }}</mj-text>"}
    job = make_job(folder, {"subject": "News", "mjml": "letter.mjml.j2"}, files)
    return send(job, traced=traced)


def attachments_by_row(folder: Path, *, traced: bool = False) -> Message:
    """A file made of a template, two that fit a pattern, one that is optional and not there."""
    job = make_job(
        folder,
        {
            "subject": "Your tickets",
            "attachments": [
                {"template": "ticket.txt.j2", "filename": "ticket-{{ id }}.txt"},
                {"glob": "seats/{{ id }}-*.csv"},
                {"glob": "photos/{{ id }}/*.jpg", "optional": True},
                {"path": "notes/{{ id }}.pdf", "optional": True},
            ],
        },
        {
            "ticket.txt.j2": "Seat 12\\B for {{ first_name }}, Zürich\n",
            "seats/17-b.csv": "row;seat\n2;B\n",
            "seats/17-a.csv": "row;seat\n1;A\n",
            "seats/18-a.csv": "row;seat\n9;Z\n",
        },
    )
    return send(job, traced=traced)


MESSAGES = {
    "alternative": alternative,
    "attachment-and-inline": attachment_and_inline,
    "group": group,
    "invitation": invitation,
    "non-ascii": non_ascii,
    "fully-featured": fully_featured,
    "sender-by-row": sender_by_row,
    "mjml": mjml,
    "embedded-images": embedded,
    "preheader": preheader,
    "attachments-by-row": attachments_by_row,
    "thread": behind_others,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_golden_message(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    content = MESSAGES[name](tmp_path).content
    path = GOLDEN / f"{name}.eml"
    if request.config.getoption("--update-golden", default=False):
        path.write_bytes(content)
    assert content == path.read_bytes()
    assert_wire_ready(content)


@pytest.mark.parametrize("header", sorted(OWNED_HEADERS.keys() - UNSHOWN))
def test_every_header_of_a_key_is_in_a_golden_message(header: str) -> None:
    """A new key that writes a header is part of the fully featured message."""
    found = [parse(path.read_bytes()) for path in GOLDEN.glob("*.eml")]
    assert any(header in message for message in found)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_traced_message_has_the_same_bytes(name: str, tmp_path: Path) -> None:
    assert MESSAGES[name](tmp_path, traced=True).content == (GOLDEN / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_golden_message_has_no_defect(name: str) -> None:
    parsed = parse((GOLDEN / f"{name}.eml").read_bytes())
    for part in parsed.walk():
        assert not part.defects
        for value in part.values():
            assert not value.defects


def test_the_providers_example_has_all_of_its_fields_and_parts(tmp_path: Path) -> None:
    message = fully_featured(tmp_path)
    fields = dict(raw_fields(message.content))
    assert fields["Subject"] == "Fully Featured SMTP Example"
    assert fields["From"] == '"Sender Name" <sender@example.com>'
    assert fields["Reply-To"] == "reply@example.com"
    assert fields["To"] == "recipient1@example.com, recipient2@example.com"
    assert fields["Cc"] == "cc@example.com"
    assert fields["X-IB-Bulk-Id"] == "1234567890"
    assert fields["X-IB-Tracking-Url"] == "https://www.example.com/email/webhook/server"
    assert fields["X-IB-Intermediate-Report"] == "true"
    assert fields["X-IB-Notify-Url"] == "https://www.example.com/email/delivery/server"
    assert fields["X-IB-Notify-Content-Type"] == "application/json"
    data = '[{"id": 1, "desc": "Callback Data Example as JSON"}, {"mb": "57049136f20f7a33"}]'
    assert fields["X-IB-Callback-Data"] == data
    parts = {part.get_content_type(): part for part in parse(message).walk()}
    assert parts["image/png"]["Content-ID"] == "<pixel_cid>"
    assert parts["image/png"].get_payload(decode=True) == PIXEL
    assert parts["application/octet-stream"].get_filename() == "simple.pdf"
    page = parts["text/html"].get_payload(decode=True).decode().replace("\r\n", "\n")
    assert page.strip() == FEATURED_PAGE.strip()
