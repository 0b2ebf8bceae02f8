"""Columns whose names are no identifiers: their second names, and what errors say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import InputErrors

from .making import make_composer, make_delivery, make_job

ROW = {
    "email": "ada@example.org",
    "First Name": "Ada",
    "E-Mail": "mail",
    "first-name": "ada",
    "a b": "1",
    "a-b": "2",
    "Preis in €": "3",
}
COLUMNS = tuple(ROW)
FIRST = "The column is 'First Name': write First_Name or recipient[\"First Name\"]."
DASH = "The column is 'first-name': write first_name or recipient[\"first-name\"]."


def test_a_template_reads_a_column_by_its_second_name(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {"subject": "{{ First_Name }} {{ first_name }}", "text": "t.txt"},
        {"t.txt": '{{ E_Mail }} {{ Preis_in }} {{ recipient["a b"] }} {{ a_b | default("-") }}'},
    )
    made = make_composer(job, COLUMNS)
    content = made.content(made.render(make_delivery(ROW)))
    assert (content.subject, content.text) == ("Ada ada", "mail 3 1 -")


def test_a_group_of_several_has_the_second_names_of_its_columns(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {"subject": "{{ First_Name }}"},
        recipients={"group_by": ["First Name"]},
    )
    composer = make_composer(job, COLUMNS)
    assert composer.leaks() == ()
    several = make_delivery(ROW, addresses=("ada@example.org", "bob@example.net"))
    assert composer.content(composer.render(several)).subject == "Ada"
    leaking = make_job(
        tmp_path, {"subject": "{{ E_Mail }}"}, recipients={"group_by": ["First Name"]}
    )
    assert len(make_composer(leaking, COLUMNS).leaks()) == 1


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("{{ First Name }}", FIRST),  # B33
        ("{% if First Name %}x{% endif %}", FIRST),
        ("{{ FirstName }}", f"{FIRST[:-1]}, or {DASH.removeprefix('The column is ')}"),
        ("{{ recipient.First_Name }}", f"{FIRST[:-1]}, or {DASH.removeprefix('The column is ')}"),
        (
            "{{ recipient['E_Mail'] }}",
            ("The column is 'E-Mail': write E_Mail or recipient[\"E-Mail\"]."),
        ),
        ("{{ e_mail }}", "The column is 'E-Mail': write E_Mail or recipient[\"E-Mail\"]."),
        ("{{ first-name }}", DASH),
        ("{{ E-Mail }}", "The column is 'E-Mail': write E_Mail or recipient[\"E-Mail\"]."),
        ("{{ a b }}", "The column is 'a b': write recipient[\"a b\"]."),
        (
            "{{ a_b }}",
            ("The column is 'a b': write recipient[\"a b\"], or 'a-b': write recipient[\"a-b\"]."),
        ),
    ],
)
@pytest.mark.parametrize("place", ["message.subject", "t.txt"])
def test_what_is_not_defined_says_how_the_column_is_written(
    template: str, hint: str, place: str, tmp_path: Path
) -> None:
    text, subject = ("x", template) if place == "message.subject" else (template, "x")
    job = make_job(tmp_path, {"subject": subject, "text": "t.txt"}, {"t.txt": text})
    with pytest.raises(InputErrors) as caught:
        make_composer(job, COLUMNS)
    assert {error.hint for error in caught.value.errors} == {hint}
    assert place in str(caught.value.errors[0])
