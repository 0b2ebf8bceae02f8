"""Rows of a group whose cells differ, where the letter has those of the first row alone."""

import pytest

from .mailing import Mailing

LEAVE = "https://example.com/u/{{ email }}\n"
EVERY = "{% for row in rows %}{{ row.child }}{% endfor %}" + LEAVE
CHILDREN = (
    {"email": "pat@example.org", "child": "Ann"},
    {"email": "Pat@example.org", "child": "Ben"},
    {"email": "quinn@example.org", "child": "Cleo"},
)


def found(folder, capsys, text=EVERY, *, rows=CHILDREN, files=None, **message):
    mailing = Mailing(
        folder,
        rows=rows,
        files={"letter.txt.j2": text, **(files or {})},
        recipients={"group_by": "email"},
        message=message,
    )
    _, made = mailing.check(capsys)
    return [
        (one["file"], one["line"], one["details"])
        for one in made["findings"]
        if one["code"] == "MB223"
    ]


LEFT = ["child is 'Ben' on line 3, and the letter has 'Ann'"]
FILES = {f"{name}.pdf": b"%PDF" for name in ("Ann", "Ben", "Cleo")}


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ({"subject": "For {{ child }}"}, "job.yaml"),
        ({"headers": {"X-Child": "{{ recipient.child }}"}}, "job.yaml"),
        ({"attachments": ["{{ child }}.pdf"]}, "job.yaml"),
    ],
)
def test_a_setting_of_the_first_row_is_told_with_the_cell_that_is_lost(
    message, name, tmp_path, capsys
):
    ((path, _, details),) = found(tmp_path, capsys, files=FILES, **message)
    assert path.endswith(name)
    assert details == LEFT


def test_a_template_is_told_with_the_line(tmp_path, capsys):
    ((path, line, details),) = found(tmp_path, capsys, "Hello\n{{ child }}\n" + LEAVE)
    assert (path, line, details) == ("letter.txt.j2", 2, LEFT)


def test_each_template_that_reads_the_first_row_is_told(tmp_path, capsys):
    text = "{{ child }}" + LEAVE
    assert len(found(tmp_path, capsys, text, subject="For {{ child }}")) == 2


@pytest.mark.parametrize(
    "text", [EVERY, "{{ email }} {{ first_name }}" + LEAVE, "{{ child if not rows[1] }}" + LEAVE]
)
def test_nothing_is_told_where_nothing_is_lost(text, tmp_path, capsys):
    rows = tuple({**row, "first_name": "Pat"} for row in CHILDREN)
    assert found(tmp_path, capsys, text, rows=rows) == []


def test_rows_with_the_same_cells_lose_nothing(tmp_path, capsys):
    rows = tuple({**row, "child": "Ann"} for row in CHILDREN)
    assert found(tmp_path, capsys, "{{ child }}" + LEAVE, rows=rows) == []
