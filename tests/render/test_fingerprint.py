"""The fingerprint: the same whenever and wherever a message is sent; another for each change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailbatch.render.message import Rendered

from .making import DATE, MESSAGE_ID, ROW, make_composer, make_delivery, make_job

MESSAGE = {
    "subject": "Hello {{ first_name }}",
    "text": "letter.txt.j2",
    "html": "letter.html.j2",
    "attachments": ["terms.txt", {"path": "{{ id }}.txt"}],
    "bcc": ["{{ first_name }}@copies.example.com"],
}
FILES = {
    "letter.txt.j2": "Dear {{ first_name }} {{ delivery.token }}\n",
    "letter.html.j2": "<p>Grüße, {{ first_name }}</p>",
    "terms.txt": "terms",
    "17.txt": "seventeen",
}


def made(tmp_path, *, row=ROW, eight_bit=True, files=(), callbacks=False, **changed):
    """Return the fingerprint of a message."""
    more = {"callbacks": {"data": [{"id": "{{ id }}"}]}} if callbacks else {}
    job = make_job(tmp_path, MESSAGE, {**FILES, **dict(files)}, **more)
    composer = make_composer(job).fingerprinting()
    delivery = replace(make_delivery(row, message_id=MESSAGE_ID), **changed)
    return composer.compose(delivery, eight_bit=eight_bit).mark.digest


def test_what_belongs_to_the_moment_and_to_the_server_is_not_in_it(tmp_path):
    first = made(tmp_path, callbacks=True)
    assert len(first) == 32
    for changed in (
        {"message_id": "0123456789abcdef0123456789abcdef@example.com"},
        {"date": DATE + 86_400},
        {"attempt": 3},
        {"eight_bit": False},
    ):
        assert made(tmp_path, callbacks=True, **changed) == first


INVITATION = """BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART:20271231T180000Z
SUMMARY:Open night for {{ first_name }}
ORGANIZER:mailto:events@example.com
ATTENDEE:mailto:{{ email }}
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_is_in_it_but_for_the_moment_of_its_making(tmp_path):
    pytest.importorskip("icalendar", reason="icalendar is in the extra calendar")

    def of(source, **changed):
        given = {**MESSAGE, "calendar": {"file": "a.ics.j2", "method": "REQUEST"}}
        job = make_job(tmp_path, given, {**FILES, "a.ics.j2": source})
        composer = make_composer(job).fingerprinting()
        return composer.mark(replace(make_delivery(ROW), **changed)).digest

    first = of(INVITATION)
    assert of(INVITATION, date=DATE + 86_400) == first
    assert of(INVITATION.replace("T18", "T19")) != first
    assert made(tmp_path) != first


@pytest.mark.parametrize(
    "change",
    [
        {"row": {**ROW, "first_name": "Eve"}},
        {"row": {**ROW, "email": "eve@example.org"}},
        {"files": {"letter.txt.j2": "Dear  {{ first_name }} {{ delivery.token }}\n"}},
        {"files": {"letter.html.j2": "<p>Gruß, {{ first_name }}</p>"}},
        {"files": {"terms.txt": "other terms"}},
        {"files": {"17.txt": "eighteen"}},
        {"files": {"17.txt": "x" * 100_000}},
    ],
)
def test_every_change_of_the_message_is_in_it(tmp_path, change):
    assert made(tmp_path, **change) != made(tmp_path)


def test_an_image_that_only_the_html_names_is_in_it(tmp_path):
    message = {"subject": "x", "html": "letter.html.j2", "images": "embed"}
    found = set()
    for image in (b"GIF89a one", b"GIF89a two"):
        files = {"letter.html.j2": '<p>a<img src="logo.gif" alt="a"></p>', "logo.gif": image}
        composer = make_composer(make_job(tmp_path, message, files)).fingerprinting()
        found.add(composer.compose(make_delivery(ROW), eight_bit=True).mark.digest)
    assert len(found) == 2


def test_a_message_without_html_is_none_with_an_empty_one(tmp_path):
    job = make_job(tmp_path, {"text": "letter.txt.j2"}, FILES)
    bare = make_composer(job).fingerprinting()
    rendered = bare.render(make_delivery(ROW))
    fingerprints = {
        bare.encode(one, eight_bit=True).mark.digest
        for one in (rendered, rendered._replace(text=rendered.text + " "))
    }
    assert len(fingerprints) == 2


def test_a_composer_makes_none_unless_it_was_asked(tmp_path):
    job = make_job(tmp_path, MESSAGE, FILES)
    composer = make_composer(job)
    message = composer.compose(make_delivery(ROW), eight_bit=True)
    assert message.mark is None
    marked = composer.fingerprinting().compose(make_delivery(ROW), eight_bit=True)
    assert marked.octets == message.octets


def test_every_part_of_a_rendered_message_was_thought_of():
    """A new field of `Rendered` is in the fingerprint, or is named here with the reason."""
    in_the_fingerprint = {
        "delivery", "copies", "reverse_path", "head", "text", "html", "files", "calendar",
    }  # fmt: skip
    elsewhere = {
        "images": "named by the HTML, with a digest of the bytes",
        "preheader": "in the HTML",
        "names": "made of the row, which has a digest of its own",
        "to": "in the head",
        "cc": "in the head",
        "values": "in the head",
        "taken": "of no message",
    }
    assert set(Rendered._fields) == in_the_fingerprint | elsewhere.keys()
