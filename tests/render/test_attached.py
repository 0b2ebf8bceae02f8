"""Attachments that a row decides: by pattern, optional, or made of a template."""

from __future__ import annotations

import pytest

from mailbatch.errors import InputErrors, MessageError

from .making import ROW, make_composer, make_delivery, make_job, parse


def composing(folder, *attachments, files=None):
    return make_composer(make_job(folder, {"attachments": list(attachments)}, files))


def files_of(composer, **cells):
    message = parse(composer.compose(make_delivery({**ROW, **cells}), eight_bit=True).content)
    return [
        (part.get_filename(), part.get_payload(decode=True)) for part in message.iter_attachments()
    ]


TICKET = {"template": "ticket.txt.j2", "filename": "ticket-{{ id }}.txt"}


def test_a_template_gives_each_row_a_file(tmp_path):
    composer = composing(tmp_path, TICKET, files={"ticket.txt.j2": "{{ first_name }} <{{ id }}>\n"})
    assert files_of(composer) == [("ticket-17.txt", b"Ada <17>\n")]
    assert files_of(composer, id="18", first_name="Zoë") == [
        ("ticket-18.txt", "Zoë <18>\n".encode())
    ]


def test_a_resend_of_a_file_made_of_a_template_has_the_same_bytes(tmp_path):
    ticket = {"ticket.txt.j2": "{{ now }} {{ delivery.token }}"}
    first, again = (composing(tmp_path, TICKET, files=ticket) for _ in range(2))
    delivery = make_delivery(ROW)
    assert (
        first.compose(delivery, eight_bit=True).content
        == again.compose(delivery, eight_bit=True).content
    )


@pytest.mark.parametrize(
    ("name", "template", "expected"),
    [
        ("t.html.j2", "<b>{{ first_name }}</b>", b"<b>A &lt; B, C</b>\n"),
        ("t.csv.j2", "{{ first_name }}", b"A < B, C\n"),
        ("t.ics.j2", "SUMMARY:{{ first_name }}\n", b"SUMMARY:A < B\\, C\r\n"),
    ],
)
def test_the_ending_says_how_values_are_inserted(tmp_path, name, template, expected):
    item = {"template": name, "filename": name.removesuffix(".j2")}
    composer = composing(tmp_path, item, files={name: template})
    assert files_of(composer, first_name="A < B, C") == [(name.removesuffix(".j2"), expected)]


def test_a_mistake_in_a_template_is_found_before_any_row(tmp_path):
    with pytest.raises(InputErrors) as raised:
        composing(tmp_path, TICKET, files={"ticket.txt.j2": "\n{{ seat }}"})
    (error,) = raised.value.errors
    assert (error.message, error.location.line) == ("seat is not defined", 2)


def test_the_name_of_a_file_made_of_a_template_is_checked(tmp_path):
    composer = composing(tmp_path, TICKET, files={"ticket.txt.j2": "x"})
    with pytest.raises(MessageError, match="is no name of a file"):
        files_of(composer, id="../../etc/x")


def test_the_method_of_a_calendar_made_of_a_template_is_that_of_the_type(tmp_path):
    item = {"template": "t.ics", "filename": "t.ics", "type": "text/calendar; method=REQUEST"}
    lines = "BEGIN:VCALENDAR\nMETHOD:{{ id }}\n"
    composer = composing(tmp_path, item, files={"t.ics": lines})
    assert len(files_of(composer, id="REQUEST")) == 1
    with pytest.raises(MessageError, match=r"filename: t\.ics has METHOD:CANCEL, and"):
        files_of(composer, id="CANCEL")


def test_a_file_made_of_a_template_has_no_charset_but_its_own(tmp_path):
    item = {"template": "t.csv", "filename": "t.csv"}
    files = {"t.csv": "Zoë"}
    for charset in ("windows-1252", '"ISO-8859-1"'):
        with pytest.raises(InputErrors, match="made of a template is in UTF-8"):
            composing(tmp_path, {**item, "type": f"text/csv; charset={charset}"}, files=files)
    composing(tmp_path, {**item, "type": "text/csv; charset=UTF-8"}, files=files)
    composing(tmp_path, {"path": "t.csv", "type": "text/csv; charset=windows-1252"}, files=files)


def test_a_pattern_gives_all_files_that_fit_by_name(tmp_path):
    photos = {f"photos/17/{name}": name for name in ("b.jpg", "a.jpg", "note.txt")}
    composer = composing(tmp_path, {"glob": "photos/{{ id }}/*.jpg"}, files=photos)
    assert files_of(composer) == [("a.jpg", b"a.jpg"), ("b.jpg", b"b.jpg")]
    with pytest.raises(MessageError, match="no file fits photos/18") as raised:
        files_of(composer, id="18")
    assert "optional: true" in raised.value.hint


def test_a_pattern_in_front_of_a_value_stays_in_its_folder(tmp_path):
    files = {"photos/a/17.jpg": "a", "photos/b/17.jpg": "b", "photos/b/18.jpg": "c"}
    composer = composing(tmp_path, {"glob": "photos/*/{{ id }}.jpg"}, files=files)
    assert files_of(composer) == [("17.jpg", b"a"), ("17.jpg", b"b")]


@pytest.mark.parametrize("cell", ["*", "?7", "[0-9]7", "**", "{17,18}"])
def test_no_cell_widens_a_pattern(tmp_path, cell):
    files = {"photos/17/a.jpg": "a", "secret.jpg": "s"}
    composer = composing(tmp_path, {"glob": "photos/{{ id }}/*.jpg", "optional": True}, files=files)
    assert files_of(composer) == [("a.jpg", b"a")]
    assert files_of(composer, id=cell) == []


def test_an_empty_cell_in_a_pattern_names_no_files_of_other_rows(tmp_path):
    files = {"photos/17.jpg": "a", "photos/18.jpg": "b"}
    item = {"glob": "photos/{{ id }}*.jpg"}
    composer = composing(tmp_path, item, files=files)
    assert files_of(composer) == [("17.jpg", b"a")]
    with pytest.raises(MessageError, match="a value of the pattern is empty"):
        files_of(composer, id="")
    assert files_of(composing(tmp_path, {**item, "optional": True}), id="") == []


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path):
    item = {"glob": "photos/{{ id }}/*.jpg", "optional": True}
    composer = composing(tmp_path, item, files={"photos/17/a.jpg": "a"})
    (tmp_path / "photos/18").symlink_to("18")
    with pytest.raises(MessageError, match="photos/18 cannot be read: Too many levels"):
        files_of(composer, id="18")


@pytest.mark.parametrize(
    "item", [{"glob": "*{{ id }}"}, {"path": "{{ id }}"}, {"path": "{{ id }}", "filename": "x"}]
)
@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("recipients.csv", "is the recipient table"),
        ("./lists/../lists/gone.csv", "is a suppression list"),
        ("job.yaml", "is the job file"),
        ("password", "is the file of a secret"),
    ],
)
def test_no_cell_attaches_a_table_of_the_job_or_a_secret(tmp_path, item, cell, kind):
    files = {"password": "s", "lists/gone.csv": "email\n"}
    message = {"attachments": [{**item, "optional": True}]}
    server = {"auth": "plain", "username": "u", "password": {"file": "password"}}
    recipients = {"suppress": ["lists/gone.csv"]}
    job = make_job(tmp_path, message, files, server=server, recipients=recipients)
    if "glob" in item and "/" in cell:
        cell = "lists/gone.csv"
        (tmp_path / "gone.csv").symlink_to(cell)
        cell = "gone.csv"
    with pytest.raises(MessageError, match=kind):
        files_of(make_composer(job), id=cell)


def test_the_table_itself_is_attached_by_its_name(tmp_path):
    composer = composing(tmp_path, "recipients.csv")
    assert files_of(composer) == [("recipients.csv", b"email\n")]


@pytest.mark.parametrize(
    "item",
    [
        "terms.pdf",
        {"path": "terms.pdf", "filename": "terms-{{ id }}.pdf"},
        {"path": "terms.pdf", "optional": True},
        {"path": "terms.pdf", "optional": True, "filename": "terms-{{ id }}.pdf"},
        {"glob": "t*.pdf"},
        {"glob": "*.pdf", "optional": True},
    ],
)
def test_a_file_that_no_row_names_is_an_input_of_the_message(tmp_path, item):
    before = composing(tmp_path, item, files={"terms.pdf": "1"}).digests()
    assert composing(tmp_path, item).digests() == before
    assert composing(tmp_path, item, files={"terms.pdf": "2"}).digests() != before


def test_a_further_file_of_a_pattern_is_another_input(tmp_path):
    item = {"glob": "*.pdf"}
    before = composing(tmp_path, item, files={"a.pdf": "1"}).digests()
    assert composing(tmp_path, item, files={"b.pdf": "1"}).digests() != before


def test_no_cell_leads_a_pattern_out_of_its_folder(tmp_path):
    files = {"photos/17/a.jpg": "a", "secret.jpg": "s"}
    composer = composing(tmp_path, {"glob": "photos/{{ id }}/*.jpg"}, files=files)
    with pytest.raises(MessageError, match="leaves the folder that the job names"):
        files_of(composer, id="..")


def test_an_optional_file_may_be_missing(tmp_path):
    item = {"path": "invoices/{{ id }}.pdf", "optional": True}
    composer = composing(
        tmp_path, item, "terms.txt", files={"invoices/17.pdf": "i", "terms.txt": "t"}
    )
    assert files_of(composer) == [("17.pdf", b"i"), ("terms.txt", b"t")]
    assert files_of(composer, id="18") == [("terms.txt", b"t")]


def test_an_optional_file_that_cannot_be_looked_at_is_an_error_of_the_row(tmp_path):
    item = {"path": "notes/{{ id }}.pdf", "optional": True}
    composer = composing(tmp_path, item, files={"notes/17.pdf": "n"})
    with pytest.raises(MessageError, match="cannot be read: File name too long"):
        files_of(composer, id="x" * 300)
    (tmp_path / "notes/18.pdf").symlink_to("18.pdf")  # leads to itself
    with pytest.raises(MessageError, match="cannot be read: Too many levels of symbolic links"):
        files_of(composer, id="18")


@pytest.mark.parametrize("name", ["t.txt.j2", "t.ics.j2"])
def test_half_a_surrogate_pair_in_a_file_is_an_error_of_the_row(tmp_path, name):
    item = {"template": name, "filename": "t"}
    composer = composing(tmp_path, item, files={name: "SUMMARY:{{ first_name }}"})
    with pytest.raises(MessageError, match="half a surrogate pair") as raised:
        files_of(composer, first_name="\ud800")
    assert raised.value.location.key == "message.attachments[0].template"


def test_no_value_of_an_earlier_row_is_kept(tmp_path):
    item = {"template": "t.ics.j2", "filename": "t.ics"}
    composer = composing(tmp_path, item, files={"t.ics.j2": "SUMMARY:{{ first_name }}"})
    for _ in range(3):
        files_of(composer)
    (choice,) = composer._attached.choices
    assert len(choice.marks._values) == 1


def test_an_optional_path_may_be_empty(tmp_path):
    composer = composing(tmp_path, {"path": "{{ id }}", "optional": True}, files={"a.txt": "a"})
    assert files_of(composer, id="") == []
    assert files_of(composer, id="a.txt") == [("a.txt", b"a")]


def test_an_optional_constant_file_may_be_missing_at_load(tmp_path):
    composer = composing(tmp_path, {"path": "news.pdf", "optional": True})
    assert files_of(composer) == []


def test_an_optional_file_outside_is_still_refused(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "other.txt").write_text("x")
    item = {"path": "in/{{ id }}", "optional": True}
    composer = composing(tmp_path / "job", item, files={"in/17": "x"})
    with pytest.raises(MessageError, match="leaves the folder"):
        files_of(composer, id="../../other.txt")


def test_a_message_without_files_is_no_multipart(tmp_path):
    composer = composing(tmp_path, {"glob": "*.jpg", "optional": True})
    message = parse(composer.compose(make_delivery(ROW), eight_bit=True).content)
    assert message.get_content_type() == "text/plain"


def test_people_see_the_files_of_their_row(tmp_path):
    items = (TICKET, {"glob": "{{ id }}*.jpg", "optional": True}, "terms.txt")
    files = {"ticket.txt.j2": "T", "17a.jpg": "a", "17b.jpg": "b", "terms.txt": "t"}
    composer = composing(tmp_path, *items, files=files)
    delivery = make_delivery(ROW)
    content = composer.content(composer.render(delivery))
    names = [file.filename for file in content.attachments]
    assert names == ["ticket-17.txt", "17a.jpg", "17b.jpg", "terms.txt"]
    sizes = [name for name, _ in composer.compose(delivery, eight_bit=True).parts]
    assert sizes == [
        "the text part",
        "ticket.txt.j2",
        "{{ id }}*.jpg",
        "{{ id }}*.jpg",
        "terms.txt",
    ]


def test_a_change_of_a_template_is_a_change_of_the_mailing(tmp_path):
    before = composing(tmp_path, TICKET, files={"ticket.txt.j2": "1"}).digests()
    after = composing(tmp_path, TICKET, files={"ticket.txt.j2": "2"}).digests()
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["message.attachments[0].template: ticket.txt.j2"]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"filename": "x"}, "needs a path, a glob or a template"),
        ({"path": "a", "glob": "b"}, "has path and glob, of which it needs one"),
        ({"template": "ticket.txt.j2"}, "needs a filename"),
        ({**TICKET, "optional": True}, "has no effect with a template"),
        ({"glob": "*", "filename": "x"}, "cannot be one for all files"),
        ({"path": "missing.pdf"}, "there is no file missing.pdf"),
    ],
)
def test_what_an_attachment_cannot_be(tmp_path, item, words):
    with pytest.raises(InputErrors, match=words):
        composing(tmp_path, item, files={"ticket.txt.j2": "x", "a": "a"})
