"""Documents in place of a template: refused, with the name of the program's form."""

import io
import zipfile

import pytest

from mailbatch.render.foreign_files import (
    REMEDY,
    TABLE_REMEDY,
    foreign_file,
    is_table_of_addresses,
)

from .making import make_job, static_errors


def archive(*names):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            odt = "application/vnd.oasis.opendocument.text"
            file.writestr(name, odt if name == "mimetype" else "x")
    return made.getvalue()


SAVED = (
    b"Received: from a\r\n\tby b; Mon, 30 Nov 2026 10:00 +0000\r\nFrom: a@example.com\r\n"
    b"Subject: x\r\n\r\nHello\r\n"
)
FILES = [
    (archive("[Content_Types].xml", "word/document.xml"), "a Word document (.docx)"),
    (archive("mimetype"), "a LibreOffice document (.odt)"),
    (archive("a.txt", "xl/workbook.xml"), "a workbook (.xlsx)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Word document, or a message of Outlook (.doc, .msg)"),
    (b"%PDF-1.7", "a PDF document"),
    (rb"{\rtf1\ansi Dear {{ name }}}", "a document in RTF"),
    (SAVED, "a message that was saved (.eml, .mht)"),
    (b"From a@b Mon\n" + SAVED.replace(b"\r\n", b"\n"), "a message that was saved (.eml, .mht)"),
    (b"MIME-Version: 1.0\nContent-Type: multipart/related\n\n--x\n", ("a message that was saved "
     "(.eml, .mht)")),
    (b"From: the board\nTo: all members\nSubject: the meeting\n\nDear all,\n", None),
    (b"From: Ann <ann@example.com>\nDate: Mon, 30 Nov 2026 10:00:00 +0100\nSubject: x\n\nHello\n",
     "a message that was saved (.eml, .mht)"),
    (b"Subject: x\nMessage-ID:\n <1.2@example.com>\n\nHello\n",
     "a message that was saved (.eml, .mht)"),
    (b"Subject: x\nContent-Type: text/plain; charset=utf-8\n\nHello\n",
     "a message that was saved (.eml, .mht)"),
    (b"Return-Path: <>\nSubject: x\n\nHello\n", "a message that was saved (.eml, .mht)"),
    (b"Delivered-To: ann\nX-Spam-Flag: no\n\nHello\n", "a message that was saved (.eml, .mht)"),
    (b"Received: {{ date }}\nOrder: {{ id }}\n\nDear {{ name }},\n", None),
    (b"Received: 30 November 2026\nOrder: 7\nDate: 30 Nov 2026\n\nDear all,\n", None),
    (b"Order: {{ id }}\nReceived: by post with thanks\n\nDear all,\n", None),
    (b"Received: from your bank by transfer\nOrder: 7\n\nDear all,\n", None),
    (b"Message-ID: {{ id }}\nSubject: {{ x }}\n\nDear all,\n", None),
    (b"Hello {{ first_name }},\n\nhi.\n", None),
    (b"<!doctype html><p>PK", None),
    (b"", None),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), FILES)
def test_the_kind_follows_from_the_content(content, words):
    assert foreign_file(content) == words


def test_a_document_in_place_of_a_template_is_refused(tmp_path):
    job = make_job(tmp_path, files={"letter.txt.j2": rb"{\rtf1 Hello}"})
    assert static_errors(job) == [f"letter.txt.j2: is a document in RTF, no template | {REMEDY}"]


@pytest.mark.parametrize(
    ("text", "is_table"),
    [
        ("email,name\nann@example.com,Ann\nbob@example.com,Bob\n", True),
        ('Name;E-Mail\r\n"Zoe; M";zoe@example.com\r\n', True),
        ("name\tmail\nann\tann@example.com\n", True),
        ("ann@example.com\nbob@example.com\n", True),
        ("email\n" + "ann@example.com\n" * 5000, True),
        ("Dear {{ name }},\n\nwrite to\nann@example.com\n", False),
        ("Dear Ann,\nann@example.com\nbob@example.com, or\n", False),
        ("Leave: {{ url }}\n", False),
        ("ann@example.com\n", False),
        ("Write to\nann@example.com\nbob@example.com\n", False),
        ("Contact:\n\nann@example.com\n", False),
        ("a,b\n{{ email }},{{ name }}\n", False),
        ("", False),
    ],
)
def test_a_table_has_an_address_in_each_row(text, is_table):
    assert is_table_of_addresses(text) is is_table


def test_a_table_in_place_of_a_letter_is_refused_and_may_be_included(tmp_path):
    table = "email,name\nann@example.com,Ann\n"
    job = make_job(tmp_path, files={"letter.txt.j2": table})
    told = f"letter.txt.j2: is a table of addresses, no template | {TABLE_REMEDY}"
    assert static_errors(job) == [told]
    letter = "Our contacts:\n{% include 'contacts.csv' %}"
    job = make_job(tmp_path, files={"letter.txt.j2": letter, "contacts.csv": table})
    assert static_errors(job) == []
