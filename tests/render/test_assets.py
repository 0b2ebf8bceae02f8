"""Attachments and inline images: found where they may be, named as they are, sent byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailbatch.errors import MessageError
from mailbatch.render import assets

from .making import (
    ROW,
    assert_wire_ready,
    compose,
    make_composer,
    make_delivery,
    make_job,
    parse,
    static_errors,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def test_an_attachment_of_its_own_for_every_row(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {
            "attachments": {
                "path": "invoices/{{ id }}.pdf",
                "filename": "Invoice {{ id }} für {{ first_name }}.pdf",
                "type": "application/x-invoice",
            }
        },
        {"invoices/17.pdf": b"seventeen", "invoices/18.pdf": b"eighteen"},
    )
    composer = make_composer(job)
    for number, data in (("17", b"seventeen"), ("18", b"eighteen"), ("17", b"seventeen")):
        message = composer.compose(make_delivery({**ROW, "id": number}), eight_bit=True)
        (part,) = parse(message).iter_attachments()
        assert part.get_filename() == f"Invoice {number} für Ada.pdf"
        assert part.get_content_type() == "application/x-invoice"
        assert part.get_payload(decode=True) == data


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.pdf", b"%PDF", "application/pdf"),
        ("a.PDF", b"%PDF", "application/pdf"),
        ("a.txt", "ü".encode(), "text/plain; charset=utf-8"),
        ("a.txt", b"\xfc", "text/plain"),
        ("a.csv", b"a;b", "text/csv; charset=utf-8"),
        ("a.ics", b"BEGIN", "text/calendar; charset=utf-8"),
        ("a.png", PNG, "image/png"),
        ("a.docx", b"PK",
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.tar.gz", b"x", "application/gzip"),
        ("a.svg.gz", b"x", "application/gzip"),
        ("a.eml", b"From: x", "application/octet-stream"),
        ("a.unknown", b"x", "application/octet-stream"),
        ("noend", b"x", "application/octet-stream"),
    ],
)  # fmt: skip
def test_the_type_is_found_from_the_name(
    tmp_path: Path, name: str, data: bytes, expected: str
) -> None:
    message = compose(make_job(tmp_path, {"attachments": [name]}, {name: data}))
    (part,) = parse(message).iter_attachments()
    assert str(part["Content-Type"]).replace('"', "") == expected
    assert part.get_payload(decode=True) == data


def test_an_inline_image_has_a_content_id(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {"html": "a.html.j2", "inline": {"logo": "images/logo.png"}},
        {"a.html.j2": '<img src="cid:logo">', "images/logo.png": PNG},
    )
    (image,) = [
        part for part in parse(compose(job)).walk() if part.get_content_type() == "image/png"
    ]
    assert image["Content-ID"] == "<logo>"
    assert image.get_content_disposition() == "inline"
    assert image.get_filename() == "logo.png"
    assert image.get_payload(decode=True) == PNG


@pytest.mark.parametrize(
    "html",
    ['<img src="cid:lgo">', "<img src='CID:lgo'>", "<img src=cid:lgo>", '<td background="cid:lgo">',
     '<p style="background: url(cid:lgo)">', '<p style="background: url(\'cid:lgo\')">',
     '<img srcset="a.png 1x, cid:lgo 2x">'],
)  # fmt: skip
def test_an_image_that_the_job_does_not_have_makes_the_row_invalid(
    tmp_path: Path, html: str
) -> None:
    job = make_job(
        tmp_path,
        {"html": "a.html.j2", "inline": {"logo": "logo.png"}},
        {"a.html.j2": html, "logo.png": PNG},
    )
    with pytest.raises(MessageError, match=r"cid:lgo, which is not in message\.inline") as caught:
        compose(job)
    assert caught.value.hint == "Did you mean logo?"


def test_the_words_cid_in_a_text_are_no_image(tmp_path: Path) -> None:
    job = make_job(
        tmp_path, {"html": "a.html.j2"}, {"a.html.j2": "<p>the cid: scheme, cid:x {{ first_name }}"}
    )
    assert compose(job, {**ROW, "first_name": '"cid:x" =cid:y'})


def test_a_missing_file_is_found_at_once_or_with_its_row(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {"html": "letter.txt.j2", "attachments": ["a.pdf"], "inline": {"logo": "logo.png"}},
        {"a.pdf": b"", "logo.png": b""},
    )
    (tmp_path / "a.pdf").unlink()
    (tmp_path / "logo.png").unlink()
    messages = [error.partition(": ")[2] for error in static_errors(job)]
    assert messages == [
        "message.attachments[0].path: a.pdf does not exist",
        "message.inline.logo: logo.png does not exist",
    ]
    job = make_job(tmp_path, {"attachments": ["{{ id }}.pdf"]})
    with pytest.raises(
        MessageError, match=r"message\.attachments\[0\]\.path: 17\.pdf does not exist"
    ):
        compose(job)


@pytest.mark.parametrize(
    "cell",
    ["../recipients.csv", "../../outside.txt", "/etc/hostname", "link.txt", "folder", "fifo", "",
     ".", "x/../../recipients.csv", "loop", "a" * 300, "a\0b", "\ud800"],
)  # fmt: skip
def test_no_cell_reaches_a_file_outside_of_the_named_folder(tmp_path: Path, cell: str) -> None:
    folder = tmp_path / "job"
    files = folder / "files"
    files.mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("outside")
    (files / "link.txt").symlink_to("../recipients.csv")
    (files / "loop").symlink_to("loop")
    (files / "folder").mkdir()
    os.mkfifo(files / "fifo")
    job = make_job(folder, {"attachments": ["files/{{ id }}"]}, {"files/a.txt": "a"})
    composer = make_composer(job)
    assert composer.compose(make_delivery({**ROW, "id": "a.txt"}), eight_bit=True)
    with pytest.raises(MessageError, match=r"message\.attachments\[0\]\.path"):
        composer.compose(make_delivery({**ROW, "id": cell}), eight_bit=True)


def test_an_absolute_path_must_stand_in_the_job_itself(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "terms.pdf").write_bytes(b"terms")
    (tmp_path / "secret.pdf").write_bytes(b"secret")
    folder = tmp_path / "job"
    folder.mkdir()
    job = make_job(folder, {"attachments": [f"{shared}/terms.pdf", f"{shared}/{{{{ id }}}}.pdf"]})
    composer = make_composer(job)
    message = composer.compose(make_delivery({**ROW, "id": "terms"}), eight_bit=True)
    assert len(list(parse(message).iter_attachments())) == 2
    with pytest.raises(MessageError, match="leaves the folder"):
        composer.compose(make_delivery({**ROW, "id": "../secret"}), eight_bit=True)
    job = make_job(folder, {"attachments": ["{{ id }}"]})
    with pytest.raises(MessageError, match="must be relative"):
        compose(job, {**ROW, "id": f"{shared}/terms.pdf"})


@pytest.mark.parametrize(
    "name", ["a/b", "a\\b", "..", ".", " ", "a\nb", "a\u2028b", "x" * 256, "ü" * 128]
)
def test_what_is_no_name_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    job = make_job(
        tmp_path, {"attachments": {"path": "a.txt", "filename": "{{ id }}"}}, {"a.txt": "a"}
    )
    with pytest.raises(MessageError, match="the file name"):
        compose(job, {**ROW, "id": name})


@pytest.mark.parametrize("mark", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"])
def test_a_name_whose_letters_readers_show_in_another_order_makes_the_row_invalid(
    tmp_path: Path, mark: str
) -> None:
    """Readers of `invoice_` U+202E `fdp.exe` see `invoice_exe.pdf`; they open a program."""
    files = {"a.txt": "a", f"invoice_{mark}fdp.exe": "a"}
    for message in (
        {"attachments": {"path": "a.txt", "filename": "invoice_{{ id }}"}},
        {"attachments": ["invoice_{{ id }}"]},
    ):
        job = make_job(tmp_path, message, files)
        words = f"holds U\\+{ord(mark):04X}, which shows letters in another order"
        with pytest.raises(MessageError, match=words):
            compose(job, {**ROW, "id": f"{mark}fdp.exe"})


def test_marks_that_a_language_needs_stay(tmp_path: Path) -> None:
    """A mark of direction in a name; overrides and isolates, too, in a subject and a name."""
    name, turned = "\u05d7\u200f\u200e\u061c 1.pdf", "\u2067\u05d7\u2069 \u202b\u05d7\u202c"
    job = make_job(
        tmp_path,
        {"subject": "{{ id }}", "attachments": {"path": "a.txt", "filename": name}},
        {"a.txt": "a"},
        recipients={"display_name": "{{ id }}"},
    )
    message = parse(compose(job, {**ROW, "id": turned}))
    (part,) = message.iter_attachments()
    assert part.get_filename() == name
    assert message["Subject"] == turned
    assert message["To"].addresses[0].display_name == turned


def test_files_are_kept_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "CACHED_BYTES", 5000)
    files = {f"{number}.bin": bytes([number]) * 2000 for number in range(4)}
    job = make_job(tmp_path, {"attachments": ["{{ id }}.bin"]}, files)
    composer = make_composer(job)
    for number in (0, 1, 2, 3, 0, 3):
        message = composer.compose(make_delivery({**ROW, "id": str(number)}), eight_bit=True)
        (part,) = parse(message).iter_attachments()
        assert part.get_payload(decode=True) == bytes([number]) * 2000
    asset = composer._attached._sources[0]._asset
    assert sum(len(file.encoded) for file in asset._files.values()) <= 6000


def test_an_empty_file_is_an_empty_part(tmp_path: Path) -> None:
    message = compose(make_job(tmp_path, {"attachments": ["a.bin"]}, {"a.bin": b""}))
    assert_wire_ready(message.content)
    (part,) = parse(message).iter_attachments()
    assert part.get_payload(decode=True) == b""


def test_a_file_name_as_macos_writes_it_is_found_and_sent_composed(tmp_path):
    there, named = "Mu\u0308ller", "M\u00fcller"
    files = {f"{there}/{there}.txt": "x", f"{there}.txt": "y"}
    names = [f"{named}.txt", f"{named}/{{{{ id }}}}.txt", f"{there}.txt"]
    job = make_job(tmp_path, {"attachments": names}, files)
    message = compose(job, {"email": "a@example.com", "id": named})
    parts = list(parse(message).iter_attachments())
    assert [part.get_filename() for part in parts] == [f"{named}.txt"] * 3
    assert [part.get_content().strip() for part in parts] == ["y", "x", "y"]


@pytest.mark.parametrize("cell", ["", " "])
def test_an_empty_cell_names_no_attachment(tmp_path: Path, cell: str) -> None:
    job = make_job(tmp_path, {"attachments": ["{{ id }}"]})
    with pytest.raises(MessageError) as caught:
        compose(job, {**ROW, "id": cell})
    assert "message.attachments[0].path: the name of the file is empty here" in str(caught.value)
    assert (caught.value.hint or "").startswith("Fill the cell, or write `optional: true`")
