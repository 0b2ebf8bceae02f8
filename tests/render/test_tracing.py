"""Traced templates: the same bytes and the same errors as untraced ones, rendered once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import InputError, TemplateError
from mailbatch.expressions.budget import MOST

from .making import ROW, make_composer, make_delivery, make_job

#: Places where a note could change the text: constants that Jinja2 folds, escaped values, marks of
#: Markdown, scopes, whitespace control, macros, blocks, and lists of templates.
TEXTS = """\
{% if id %}a{% elif last_name %}b{% endif %}
{%- if not id -%} a {%- else -%} b {%- endif -%}
{{ 'a' if 1 else 'b' }}{{ '<b>' if id else id }}{{ id or '*x*' }}{{ '*y*' if 1 else '' }}
{{ ('<i>' if 1 else 'x')|safe }}{{ ('a' if id else 'b') ~ '<' }}{{ [1, 2 if id else 3] }}
{% for c in id %}{{ c }}{% if loop.first %},{% endif %}{% else %}none{% endfor %}
{% for c in (id if id else 'xy') if c != '1' %}{{ loop.index }}{{ c or 'n' }}{% endfor %}
{% macro m(x, y='q' if 1 else 'r') %}{{ x or y }}{% endmacro %}{{ m(id) }}{{ m('') }}
{% set n = namespace(a=id or 'b') %}{% if id %}{% set n.a = 'c' %}{% endif %}{{ n.a }}
{% include 'part.txt' if id else 'none.txt' %}
{% import 'lib.j2' as l with context %}{{ l.f(1 if id else 2) }}
{% filter upper %}{% if id %}up{% endif %}{% endfilter %}
{% set t %}{{ id or 1 }}{% endset %}{{ t }}
{% with a = id or 'z' %}{{ a }}{% endwith %}
{% macro c() %}{{ caller(1) }}{% endmacro %}{% call(x) c() %}{{ x or 'y' }}{% endcall %}
{{ id if id is defined else 'none' }}{{ (id or 'x')[:1] }}{{ {'k': id or 1}['k'] }}
""".splitlines()
FILES: dict[str, str | bytes] = {
    "part.txt": "{% if id %}in{% endif %}",
    "none.txt": "",
    "lib.j2": "{% macro f(x) %}{% if x == 1 %}one{% else %}two{% endif %}{% endmacro %}",
}
ROWS = [ROW, {**ROW, "id": ""}, {**ROW, "id": "<*b*> & _c_"}]


def both(folder: Path, message: dict[str, object], files: dict[str, str | bytes], row=ROW):
    """Return the bytes, or the error, of an untraced message and of a traced one."""
    job = make_job(folder, message, {**FILES, **files})
    found = []
    for traced in (False, True):
        composer = make_composer(job, tuple(row), traced=traced)
        try:
            found.append(composer.compose(make_delivery(row), eight_bit=True).content)
        except InputError as error:
            found.append((type(error), str(error), error.hint, error.location))
    return found


@pytest.mark.parametrize("row", ROWS, ids=["full", "empty", "marks"])
@pytest.mark.parametrize("text", TEXTS)
def test_traced_templates_give_the_same_bytes(tmp_path: Path, text: str, row) -> None:
    for key in ("text", "html", "markdown"):
        plain, traced = both(tmp_path, {key: "page.j2"}, {"page.j2": f"x\n{text}\ny"}, row)
        assert isinstance(plain, bytes)
        assert traced == plain


@pytest.mark.parametrize("row", ROWS, ids=["full", "empty", "marks"])
def test_traced_headers_have_the_same_bytes(tmp_path: Path, row) -> None:
    message = {
        "subject": "{% if id %}A{% endif %}{{ id or 'none' }}",
        "to": "{{ id or 'x' }} <{{ 'a' if 1 else 'b' }}@example.com>",
        "cc": ["{{ 'c@example.com' if id else '' }}"],
        "headers": {"X-A": "{{ 'a' if 1 else 'b' }}{{ id or 1 }}"},
        "list_id": "{{ 'a' if id else 'b' }}.example.com",
    }
    plain, traced = both(tmp_path, message, {}, row)
    assert traced == plain


@pytest.mark.parametrize(
    "text",
    [
        "\n{% if id %}\n{{ 1 // 0 }}{% endif %}",
        "{% if id %}{% endif %}\n{% if not id %}{% else %}\n\n{{ id.x.y }}{% endif %}",
        "\n{{ (1 // 0) if id else 2 }}",
        "{% if id %}a{% endif %}{{ 'b' if id else 'c' }}\n{% include id ~ 'none' %}",
    ],
)
def test_errors_of_traced_templates_have_the_same_place(tmp_path: Path, text: str) -> None:
    plain, traced = both(tmp_path, {}, {"letter.txt.j2": text})
    assert plain[0] is TemplateError
    assert traced == plain


def test_a_note_costs_nothing_of_the_budget(tmp_path: Path) -> None:
    """A template that just fits must fit in `check`, too."""
    text = "{% for x in range(1000) %}{% for y in range(90) %}{% if y %}{% endif %}{% endfor %}"
    plain, traced = both(tmp_path, {}, {"letter.txt.j2": text + "{% endfor %}"})
    assert traced == plain
    assert MOST > 1000


def test_constant_conditions_are_decided_once_for_all(tmp_path: Path) -> None:
    """Their text is a part of the template, so a note must not make a value of it."""
    files: dict[str, str | bytes] = {"page.md": "{{ '*a*' if 1 else 'b' }} {{ '' or '*c*' }}"}
    composer = make_composer(make_job(tmp_path, {"markdown": "page.md"}, files), traced=True)
    rendered = composer.render(make_delivery(ROW))
    assert rendered.html is not None
    assert "<em>a</em> <em>c</em>" in rendered.html
    labels = {branch.key: branch.label for branch in composer.branches.known()}
    assert {labels[key].partition(" in ")[0] for key in rendered.taken} == {
        "the first value",
        "what follows `or`",
    }


def test_an_untraced_composer_has_no_branches(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="traced"):
        _ = make_composer(make_job(tmp_path)).branches
