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


@pytest.mark.parametrize("pattern", ["{{ id }}*.pdf", "{{ id }}/*.pdf", "*{{ id }}.pdf"])
def test_an_empty_value_in_a_pattern_names_no_files_of_others(tmp_path, pattern):
    item, bills = {"glob": f"bills/{pattern}"}, {"bills/17.pdf": "%PDF", "bills/18.pdf": "%PDF"}
    with pytest.raises(MessageError, match="is empty") as raised:
        files_of(composing(tmp_path, item, files=bills), id="")
    assert f"a value in bills/{pattern}" in str(raised.value)
    assert files_of(composing(tmp_path, {**item, "optional": True}, files=bills), id="") == []


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
