"""Documents in place of a template: refused, with the name of the program's form."""

import io
import zipfile

import pytest

from mailbatch.render.foreign_files import REMEDY, foreign_file

from .making import make_job, static_errors


def archive(*names):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            odt = "application/vnd.oasis.opendocument.text"
            file.writestr(name, odt if name == "mimetype" else "x")
    return made.getvalue()


SAVED = b"Received: from a\r\n\tby b\r\nFrom: a@example.com\r\nSubject: x\r\n\r\nHello\r\n"
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
