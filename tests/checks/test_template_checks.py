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
    "[firstname,fallback=]", "[First Name, fallback=friend]",
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
        "<unsubscribe>leave</unsubscribe>", "[vorname,fallback=]", "?n=%7B%7Bfirma%7D%7D",
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


@pytest.mark.parametrize("mark", ["{#first_name#}", "{# First Name #}", "{#-first_name-#}"])
def test_a_comment_that_is_just_a_column_is_a_mark(mark, tmp_path, capsys):
    text = f"Hello {{{{ first_name }}}},\n  dear {mark}!\n"
    _, report = Mailing(tmp_path, files={"letter.txt.j2": text}).check(capsys)
    found = [one for one in report["findings"] if one["code"] == "MB213"]
    assert [(one["line"], one["column"], one["hint"]) for one in found] == [
        (2, 8, "Write {{ first_name }}: Jinja2 takes {# #} for a comment.")
    ]


@pytest.mark.parametrize(
    "text",
    ["{# first_name #}\nHi", "{#- first_name -#}\nHi", "a {# first_name comes here #}", "{##}"],
)
def test_a_comment_for_authors_is_no_mark(text, tmp_path, capsys):
    assert "MB213" not in Mailing(tmp_path, files={"letter.txt.j2": text}).codes(capsys)


def test_names_of_elements_are_no_marks(tmp_path, capsys):
    rows = [{**ROWS[0], "title": "Dr", "code": "7"}]
    page = "<title>x</title><code>y</code> &lt;title&gt;"
    mailing = Mailing(tmp_path, rows=rows, message={"html": "a.html"}, files={"a.html": page})
    assert "MB213" not in mailing.codes(capsys)


BASE = "<p>{% block head %}{% endblock %}{% block body %}{% endblock %}</p>\n"
BLOCK = "{% block body %}b{% endblock %}"
OUT, ABOVE = "left out", "written above the page"
UNKNOWN = "left out: the other template has no block named"

#: The text of a template around `{% extends %}` -> the lines of the strays, with what they are.
STRAYS = [
    ("EXT\n" + BLOCK + "\n\nP.S. Bye\n", [(4, "P.S. Bye", OUT)]),
    ("EXT\n{{ first_name }}\n" + BLOCK, [(2, "{{ first_name }}", OUT)]),
    ("EXT{% if email %}\n\n  hi{% endif %}", [(3, "hi{% endif %}", OUT)]),
    ("EXT{% for r in rows -%}\n x{{ r }}{% endfor %}", [(2, "x{{ r }}{% endfor %}", OUT)]),
    ("Hello\nEXT", [(1, "Hello", ABOVE)]),
    ("EXT\n{% include 'part.txt' %}", [(2, "{% include 'part.txt' %}", ABOVE)]),
    ("EXT\n{% with a = 1 %}\n" + BLOCK + "{% endwith %}",
     [(3, BLOCK + "{% endwith %}", f"{ABOVE}, and again in its block")]),
    ("EXT\n{% block boddy %}b{% endblock %}",
     [(2, "{% block boddy %}b{% endblock %}", f"{UNKNOWN} boddy")]),
    ("EXT\n" + "x" * 99, [(2, "x" * 60 + "...", OUT)]),
    # Fine:
    ("EXT\n" + BLOCK + "\n \n", []),
    ("{# P.S. #}\nEXT\n{# P.S. #}{% set a = 1 %}{% set b %}text{% endset %}" + BLOCK, []),
    ("EXT{% macro m() %}x{% endmacro %}{% from 'macros.txt' import n %}" + BLOCK, []),
    ("EXT{% if email %}{% block body %}b{% block new %}{% endblock %}{% endblock %}{% endif %}",
     []),
    ("{% if email %}EXT{% endif %}\nHello " + BLOCK, []),
    ("Hello " + BLOCK, []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "found"), STRAYS)
def test_text_that_a_page_does_not_show_in_its_place_is_told(text, found, tmp_path, capsys):
    files = {
        "letter.txt.j2": text.replace("EXT", "{% extends 'middle.txt' %}"),
        "middle.txt": "{% extends 'base.txt' %}{% block head %}h{% endblock %}",
        "base.txt": BASE,
        "part.txt": "part",
        "macros.txt": "{% macro n() %}{% endmacro %}",
    }
    _, report = Mailing(tmp_path, files=files).check(capsys)
    strays = [one for one in report["findings"] if one["code"] == "MB222"]
    assert [(one["file"], one["line"], *one["details"]) for one in strays] == [
        ("letter.txt.j2", line, f"{written} is {fate}") for line, written, fate in found
    ]


def test_the_remedy_for_a_block_that_the_other_template_has_not_names_the_one_meant(
    tmp_path, capsys
):
    letter = "{% extends 'base.txt' %}{% block boddy %}b{% endblock %}"
    mailing = Mailing(tmp_path, files={"letter.txt.j2": letter, "base.txt": BASE})
    _, report = mailing.check(capsys)
    hints = [one["hint"] for one in report["findings"] if one["code"] == "MB222"]
    assert hints == ["Did you mean body?"]


@pytest.mark.parametrize(
    "mark", ["%7B%7B%20first_name%20%7D%7D", "%7b%7bfirst_name%7d%7d", "%7B%7B+first_name+%7D%7D"]
)
def test_a_mark_that_an_editor_encoded_in_a_link_is_told_with_what_a_link_needs(
    mark, tmp_path, capsys
):
    link = f'<a href="https://example.com/?n={mark}">x</a>'
    files = {"letter.html.j2": link}
    mailing = Mailing(tmp_path, message={"html": "letter.html.j2", "text": None}, files=files)
    _, report = mailing.check(capsys)
    (found,) = [one for one in report["findings"] if one["code"] == "MB213"]
    assert found["hint"] == "Write {{ first_name | urlencode }}."
