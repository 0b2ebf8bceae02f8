"""Templates of other languages, and comment marks in style sheets, are named with place and way."""

import pytest

from mailbatch.errors import InputErrors, TemplateError
from mailbatch.render.foreign_syntax import foreign_syntax

from .making import ROW, make_composer, make_delivery, make_job

SYNTAX = [
    ("a\nb {{#if x}}c{{else}}d{{/if}}", 4, "{{#if x}}, and 2 marks more", "{% if x %} ... "),
    ("{{#each items}}", 0, "{{#each items}}", "{% for item in items %} ... {% endfor %}"),
    ("{{#unless x}}", 0, "{{#unless x}}", "{% if not x %} ... {% endif %}"),
    ("{{/each}}", 0, "{{/each}}", "{% endfor %}"),
    ("{{^x}}", 0, "{{^x}}", "{% if not x %} ... {% endif %}"),
    ("{{> foot}}", 0, "{{> foot}}", '{% include "foot" %}'),
    ("{{!-- note --}}", 0, "{{!-- note --}}", "{# ... #}"),
    ("{{{ body }}}", 0, "{{{ body }}}", "{{ body | safe }}"),
    ("{{@index}}", 0, "{{@index}}", "{{ loop.index0 }}"),
    ("{{else}}", 0, "{{else}}", "{% else %}"),
    ("{{ .Name }}", 0, "{{ .Name }}", "{{ Name }}"),
    ("<style>@media print{#id{width:1px}}", 19, "{#id begins a comment", "{ #id"),
    ("## Intro {#intro}", 9, "{#intro begins a comment", "{ #intro"),
    ("{#a{x:1}} {# note #}", 0, "{#a begins a comment", "{ #a"),
    ("x {# y", 2, "no #} ends it", "#} behind"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "offset", "message", "hint"), SYNTAX)
def test_foreign_syntax_is_named(source, offset, message, hint):
    found = foreign_syntax(source)
    assert found is not None
    assert found.offset == offset
    assert message in found.message
    assert hint in found.hint


@pytest.mark.parametrize(
    "source",
    [
        "{{ name }} {# note: {x: 1} #} {#- note {x: 1} -#} { #id{width:1px}}",
        "{% raw %}{{#if}} {#id{x:1}}{% endraw %} {%- raw -%}{{> x}}{%- endraw -%}",
        "{# {{#if x}} #}",
    ],
)
def test_syntax_of_jinja_is_none(source):
    assert foreign_syntax(source) is None


@pytest.mark.parametrize("role", ["html", "text", "markdown"])
def test_the_error_has_line_column_and_remedy(tmp_path, role):
    message = {role: "page"} if role != "text" else {"text": "page"}
    job = make_job(tmp_path, message, {"page": "Dear {{ first_name }},\n  {{#if id}}x{{/if}}"})
    with pytest.raises(InputErrors) as caught:
        make_composer(job)
    error = caught.value.errors[0]
    assert str(error.location) == "page:2:3"
    assert error.message == "is Handlebars, not Jinja: {{#if id}}, and 1 mark more"
    assert error.hint == "Write {% if id %} ... {% endif %}."


def test_a_setting_of_the_job_is_told_the_same(tmp_path):
    job = make_job(tmp_path, {"subject": "{{#id}}x{{/id}}", "text": "page"}, {"page": "x"})
    with pytest.raises(InputErrors) as caught:
        make_composer(job)
    assert caught.value.errors[0].hint == "Write {% if id %} ... {% endif %}."


#: A template with the sign of another language -> the remedy.
SLIPS = [
    ("{{ first_name or “friend” }}", "Write straight quotes: '...' or \"...\"."),
    ("{% if id = '5' %}x{% endif %}", "Write == to compare."),
    ("{% if id == '5' && first_name %}x{% endif %}", "Write `and` in place of &&."),
    ("{% if id <> '5' %}x{% endif %}", "Write != in place of <>."),
    ("{% if !id %}x{% endif %}", "Write `not` in place of !."),
    (
        "{% if id == '5' AND first_name %}x{% endif %}",
        "Write and, or, not, in, is in small letters.",
    ),
    ("{{ id ? 'a' : 'b' }}", "Write `a if condition else b` in place of `condition ? a : b`."),
    ("{% if id %}x{% else if first_name %}y{% endif %}", "Write {% elif ... %}."),
    ("{% set x 5 %}", None),
    ('{{ id | default: "friend" }}', 'Write x or "friend".'),
    ("{{ id | truncate: 20 }}", "Write | truncate(...): arguments stand in brackets."),
    (
        '{{ id | date: "%d" }}',
        "A cell with a date is a text; the day of the run is now.strftime('%d %B %Y').",
    ),
    ("{{ id | upcase }}", "Write | upper."),
    ("{{ id | currency }}", "Write '%.2f' | format(amount | float)."),
    ("{% assign x = 5 %}", "Write {% set x = ... %}."),
    ("{% if id %}x{% end %}", "Write {% endif %}."),
    ("{% for r in [1] %}x{% end %}", "Write {% endfor %}."),
    ("{%first_name%}", "Write {{ first_name }} to show a value."),
    (r"{{ First\ Name }}", "Write recipient['First Name'] for a column with a space."),
    ("{{ id } x", "Write }} where the expression ends."),
    ('{{ first_name & " " & id }}', "Write ~ in place of & to join two texts."),
    ("{{ id++ }}", "Write qty | int + 1 in place of qty++."),
    ('{{ IF(id="5";1;2) }}', "Write `a if condition else b` in place of IF(...)."),
    ("{% if id %}x", "Write {% endif %} where the part that begins with {% if %} ends."),
    ('{% if id is "5" %}x{% endif %}', "Write == to compare, != for `is not`."),
]


#: Signs that mean something else in the job.
OF_FILES = [
    ("{{$first_name}}", "Write first_name, without the $."),
    ("{{ $json.id }}", "Write id, without the $."),
    ("{{ 'is \"5\", $id: 5 & 6' id }}", None),
]


@pytest.mark.parametrize(("source", "hint"), OF_FILES)
def test_a_sign_in_a_file_has_a_remedy(tmp_path, source, hint):
    job = make_job(tmp_path, files={"letter.txt.j2": source})
    with pytest.raises(InputErrors) as caught:
        make_composer(job)
    assert caught.value.errors[0].hint == hint


#: A template that fails for every row -> the remedy.
FAILING = [
    ('{{ "{:,.2f}".format(id) }}',
     "Cells are text: make a number of it first, as in format(amount | float)."),
    ("{% for i in range(id) %}x{% endfor %}",
     "Cells are text: make a number of it first, as in range(qty | int)."),
    ("{{ id | sum }}", "Cells are text: make a number of it first, as in amount | float + 1."),
    ("{{ id.split('x')[0] > 5 }}",
     "Cells are text: make a number of it first, as in amount | float > 5."),
    ("{{ id < now }}",
     "Cells are text: compare with now.strftime('%Y-%m-%d'), where the table writes dates so."),
    ("{{ id.strftime('%d') }}",
     "A cell with a date is a text, which is shown as the table writes it."),
    ("{{ first_name.split(' ')[1] }}",
     "The list is shorter for this row: ask first, as in {% if parts | length > 1 %}."),
]  # fmt: skip


@pytest.mark.parametrize(("source", "hint"), FAILING)
def test_a_template_that_fails_has_a_remedy(tmp_path, source, hint):
    job = make_job(tmp_path, files={"letter.txt.j2": source})
    with pytest.raises(TemplateError) as caught:
        make_composer(job).compose(make_delivery(ROW), eight_bit=True)
    assert caught.value.hint == hint


#: A name that nothing defines, for a table with these columns -> the remedy.
NAMES = [
    ("{{ contact.firstname }}", "Write first_name: a column stands alone."),
    ("{{ Recipient.FirstName }}", "Write first_name: a column stands alone."),
    ("{{ contact.owner }}",
     'Write Contact_owner or recipient["Contact owner"]: a column stands alone.'),
    ("{{ subscriber.zzz }}",
     "A column stands alone, without subscriber: email, first_name, Contact_owner."),
    ("{% for row in rows %}{{ row['Contact owne'] }}{% endfor %}",
     "Did you mean row['Contact owner']?"),
    ("{{ today }}", "Write now.strftime('%Y-%m-%d'), or another form of the day."),
    ("{{ loop.index }}", "`loop` is known inside {% for ... %} alone."),
    ("{% if first_name == pro %}x{% endif %}", "For the text itself, write 'pro' in quotes."),
    ("{{ zzz }}", None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "hint"), NAMES)
def test_a_name_of_another_program_has_a_remedy(tmp_path, source, hint):
    job = make_job(tmp_path, files={"letter.txt.j2": source})
    with pytest.raises(InputErrors) as caught:
        make_composer(job, ("email", "first_name", "Contact owner"))
    assert caught.value.errors[0].hint == hint


def test_a_column_whose_title_has_the_word_or_is_written_whole(tmp_path):
    job = make_job(tmp_path, files={"letter.txt.j2": "{{ contact.zip }}"})
    with pytest.raises(InputErrors) as caught:
        make_composer(job, ("email", "2 or more"))
    assert caught.value.errors[0].hint == (
        'A column stands alone, without contact: email, recipient["2 or more"].'
    )


@pytest.mark.parametrize(("source", "hint"), SLIPS)
def test_a_sign_of_another_language_has_a_remedy(tmp_path, source, hint):
    job = make_job(tmp_path, files={"letter.txt.j2": source})
    with pytest.raises(InputErrors) as caught:
        make_composer(job)
    assert caught.value.errors[0].hint == hint
    job = make_job(tmp_path, {"subject": source})
    with pytest.raises(InputErrors) as caught:
        make_composer(job)
    assert caught.value.errors[0].hint == hint


@pytest.mark.parametrize(
    ("source", "offset", "hint"),
    [
        ("<p>{{&nbsp;first_name&nbsp;}}</p>", 3, "{{ first_name }}"),
        ("a {{ name | default(&quot;you&quot;) }}", 2, '{{ name | default("you") }}'),
        ("{% if age &gt; 5 %}", 0, "{% if age > 5 %}"),
        ("{{ first<span lang=EN>_name</span> }}", 0, "{{ first_name }}"),
    ],
)
def test_a_mark_that_an_editor_of_html_wrote_is_shown_as_it_was_meant(source, offset, hint):
    found = foreign_syntax(source)
    assert found.offset == offset
    assert found.hint == f"Write {hint}, in the source view of the editor."
    assert "tags or entities of HTML inside a mark" in found.message


def test_a_comparison_is_no_tag():
    assert foreign_syntax("{{ a <b }} {{ c and }}") is None
