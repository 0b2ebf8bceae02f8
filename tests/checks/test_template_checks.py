"""Marks of other tools in the templates and the subject, each with its place and the remedy."""

import pytest

from .mailing import ROWS, Mailing

MARKS = [
    "%%first_name%%", "%% First Name %%", "<<first_name>>", "&lt;&lt;first_name&gt;&gt;",
    "${first_name}", "%recipient.first_name%", "[First Name]", "[FIRST_NAME]", "{first_name}",
    "#first_name#", "%first_name%", "«first_name»", "&laquo;First-Name&raquo;",
    "{!first_name}", "{!Contact.FirstName}", "[[first_name]]", "[[ .first_name ]]",
    "<%= first_name %>", "&lt;%= first_name %&gt;", "<?= $first_name ?>",
    "<?php echo $first_name ?>",
    "%%=v(@first_name)=%%", "[subscriber:firstname | default:reader]", "@Model.FirstName",
    "{ MERGEFIELD first_name }", "MERGEFIELD First_Name", "{SUBTAG:first_name}", "$first_name",
    "@@first_name@@", "<first_name>", "&lt;First Name&gt;", "|first_name|", "-first_name-",
    "%(first_name)s", "~first_name~", "{first_name:friend}", "{first_name|friend}",
    "%recipient_first_name%", "@first_name", "__first_name__", ":first_name", "@FirstName",
]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_is_found_once_with_place_and_remedy(mark, tmp_path, capsys):
    text = f"Hello {{{{ email }}}},\n  dear {mark}!\n"
    _, report = Mailing(tmp_path, files={"letter.txt.j2": text}).check(capsys)
    found = [one for one in report["findings"] if one["code"] == "MB213"]
    assert [(one["line"], one["column"], one["hint"]) for one in found] == [
        (2, 8, "Write {{ first_name }}.")
    ]


@pytest.mark.parametrize("mark", [
        "%%Firma%%", "<<Firma>>", "${Firma}", "[Undefined]", "{!Account.Firma}", "[[FIRMA]]",
        "<%= firma %>", "{unsubscribe}", "%unsubscribe_url%", "[[UNSUBSCRIBE_LINK_EN]]", "[FNAME]",
    ],
)  # fmt: skip
def test_a_mark_of_no_column_is_found_too(mark, tmp_path, capsys):
    _, report = Mailing(tmp_path, files={"letter.txt.j2": mark}).check(capsys)
    found = next(one for one in report["findings"] if one["code"] == "MB213")
    assert found["hint"] == "Write {{ name }} in its place, with a column of the table."


@pytest.mark.parametrize(
    "text",
    [
        "[first_name](https://example.com) [first_name][1]",
        "{{ recipient[\"first_name\"] }} {{ recipient['first_name'] }} {# [first_name] #}",
        "<style>[first_name] {color: red} a{first_name}</style><!-- [first_name] -->",
        "50% off, 100% sure; «Guten Tag», [sic], {a}, 1 << 2 >> 1, $5, #1#",
        "{{ '{' }}first_name}",
        "x@first_name.example a:first_name x__first_name__ ::first_name @email __email__ :email",
        "<a href='x'>first_name</a> US$first_name a-first_name-b first_name | first_name || x",
        "<email@example.com> <b>x</b> &lt;b&gt; it costs $5 {0} %s unsubscribe [unsubscribe] ~~x~~",
    ],
)
def test_other_brackets_are_none(text, tmp_path, capsys):
    assert "MB213" not in Mailing(tmp_path, files={"letter.txt.j2": text}).codes(capsys)


def test_the_subject_is_looked_at_and_columns_that_are_no_identifiers(tmp_path, capsys):
    rows = [{**ROWS[0], "Nach Name": "Li"}]
    mailing = Mailing(tmp_path, rows=rows, message={"subject": "Hello [Nach-Name]"})
    _, report = mailing.check(capsys)
    found = next(one for one in report["findings"] if one["code"] == "MB213")
    assert found["file"] == "job.yaml" or found["file"].endswith("job.yaml")
    assert found["hint"] == "Write {{ Nach_Name }}."


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ({"headers": {"X-Name": "*|FNAME|*"}}, "*|FNAME|* in message.headers.X-Name"),
        ({"attachments": [{"path": "letter.txt.j2", "filename": "[first_name].txt"}]},
         "[first_name] in message.attachments[0].filename"),
        ({"subject": "Dear {!Contact.Name}"}, "{!Contact.Name} in the subject"),
    ],
)  # fmt: skip
def test_every_template_of_the_job_is_looked_at(message, line, tmp_path, capsys):
    _, report = Mailing(tmp_path, message=message).check(capsys)
    found = [one["details"] for one in report["findings"] if one["code"] == "MB213"]
    assert found == [[line]]


def test_names_of_elements_are_no_marks(tmp_path, capsys):
    rows = [{**ROWS[0], "title": "Dr", "code": "7"}]
    page = "<title>x</title><code>y</code> &lt;title&gt;"
    mailing = Mailing(tmp_path, rows=rows, message={"html": "a.html"}, files={"a.html": page})
    assert "MB213" not in mailing.codes(capsys)
