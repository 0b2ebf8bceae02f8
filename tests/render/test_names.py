"""Names that nothing defines: found before anything is rendered, with their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from .making import compose, make_job, parse, static_errors, with_page

#: source of letter.txt.j2 -> what compiling it reports (without the place), None for nothing.
TEMPLATES: list[tuple[str, str | None]] = [
    # What is defined
    ("{{ first_name }} {{ recipient.email }} {{ recipient['id'] }} {{ rows | length }}", None),
    ("{{ job.name }} {{ edition }} {{ now.year }} {{ variables.issue }}", None),
    ("{{ range(3) | list }} {{ dict(a=1) }} {{ namespace(x=1).x }} {{ joiner(', ') }}", None),
    ("{% for row in rows %}{{ loop.index }} {{ row.id }} {{ row['email'] }}{% endfor %}", None),
    ("{% for key, value in recipient.items() %}{{ key }}={{ value }}{% endfor %}", None),
    ("{% set x = 1 %}{{ x }}", None),
    ("{% set a, b = 1, 2 %}{{ a }}{{ b }}", None),
    ("{% set ns = namespace(n=0) %}{% set ns.n = 1 %}{{ ns.n }}", None),
    ("{% set x %}{{ first_name }}{% endset %}{{ x }}", None),
    ("{% set x | upper %}{{ first_name }}{% endset %}{{ x }}", None),
    ("{% if id == '1' %}{% set x = 1 %}{% endif %}{{ x }}", None),
    ("{% with x = first_name, y = 2 %}{{ x }}{{ y }}{% endwith %}", None),
    ("{% macro m(a, b=id) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }}", None),
    ("{% macro m() %}{{ late }}{% endmacro %}{% set late = 1 %}{{ m() }}", None),
    ("{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ id }}{% endcall %}", None),
    ("{% macro m() %}{{ caller(1) }}{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}", None),
    ("{% filter upper %}{{ first_name }}{% endfilter %}", None),
    ("{% block a %}{{ first_name }}{% endblock %}{{ self.a() }}", None),
    ("{{ '%s' | format(first_name) }}", None),
    # What is not
    ("{{ first_nam }}", "1:4: first_nam is not defined | Did you mean first_name?"),
    ("a\n  {{ first_nam }}", "2:6: first_nam is not defined | Did you mean first_name?"),
    ("{{ qqqqqq }}", "1:4: qqqqqq is not defined"),
    ("{{ recipient.emial }}", "1:14: recipient.emial is not defined | Did you mean email?"),
    ("{{ recipient['emial'] }}", "1:15: recipient.emial is not defined | Did you mean email?"),
    ("{{ variables.isue }}", "1:14: variables.isue is not defined | Did you mean issue?"),
    ("{{ variables.q }}", "1:14: variables.q is not defined | There is issue in variables."),
    ("{{ delivery.tokne }}", "1:13: delivery.tokne is not defined | Did you mean token?"),
    (
        "{{ delivery.id }}",
        "1:13: delivery.id is not defined | There is correction, token in delivery.",
    ),
    ("{{ job.nmae }}", "1:8: job.nmae is not defined | Did you mean name?"),
    ("{% for row in rows %}{{ row.ide }}{% endfor %}",
     "1:29: row.ide is not defined | Did you mean id?"),
    ("{% for row in rows %}{% endfor %}{{ row }}", "1: row is not defined"),
    ("{% for x in [1] %}{% endfor %}{{ loop.index }}", "1:34: loop is not defined"),
    ("{% for x in [1] if y %}{% endfor %}", "1:20: y is not defined"),
    ("{% for x in [1] %}{% else %}{{ x }}{% endfor %}", "1: x is not defined"),
    ("{% for x in [1] %}{% set y = x %}{% endfor %}{{ y }}", "1: y is not defined"),
    ("{{ x }}{% set x = 1 %}", "1: x is not defined"),
    ("{% set x = x %}", "1: x is not defined"),
    ("{% set x = first_nam %}", "1:12: first_nam is not defined | Did you mean first_name?"),
    ("{% with x = 1 %}{% endwith %}{{ x }}", "1: x is not defined"),
    ("{% macro m(a) %}{{ b }}{% endmacro %}", "1:20: b is not defined"),
    ("{% macro m(a=b) %}{% endmacro %}", "1:14: b is not defined"),
    ("{% macro m(a) %}{% endmacro %}{{ a }}", "1: a is not defined"),
    ("{% if nobody %}x{% endif %}", "1:7: nobody is not defined"),
    ("{{ 'x' if nobody else 'y' }}", "1:11: nobody is not defined"),
    ("{{ first_name | default(nobody) }}", "1:25: nobody is not defined"),
    ("{{ nobody | upper | default('x') }}", "1:4: nobody is not defined"),
    ("{% call nobody() %}x{% endcall %}", "1:9: nobody is not defined"),
    ("{% filter truncate(nobody) %}x{% endfilter %}", "1:20: nobody is not defined"),
    ("{% block a %}{{ nobody }}{% endblock %}", "1:17: nobody is not defined"),
    ("{% for x in [1] %}{% block a %}{{ x }}{% endblock %}{% endfor %}", "1: x is not defined"),
    ("{{ lipsum() }}", "1:4: lipsum is not defined"),  # another text for every message
    # What is only asked about
    ("{{ nickname | default(first_name) }} {{ nickname | d('x') }}", None),
    ("{% if nickname is defined %}{{ nickname }}{% endif %}", None),
    ("{% if nickname is undefined %}x{% else %}{{ nickname }}{% endif %}", None),
    ("{% if not nickname is defined %}x{% else %}{{ nickname }}{% endif %}", None),
    ("{% if nickname is defined and nickname %}{{ nickname }}{% endif %}", None),
    ("{% if nickname is not defined or not nickname %}x{% else %}{{ nickname }}{% endif %}", None),
    ("{{ nickname if nickname is defined else first_name }}", None),
    ("{% if nickname is not defined %}x{% elif nickname %}{{ nickname }}{% endif %}", None),
    ("{% if recipient.title is defined %}{{ recipient.title }}{% endif %}", None),
    ("{{ recipient.title | default('x') }} {{ recipient['title'] | default('x') }}", None),
    ("{% if a is defined or b is defined %}{{ a }}{% endif %}", "1: a is not defined"),
    ("{% if nickname is defined %}x{% endif %}{{ nickname }}", "1: nickname is not defined"),
    ("{% if nickname is defined %}x{% else %}{{ nickname }}{% endif %}",
     "1: nickname is not defined"),
    ("{{ nobody.title | default('x') }}", "1:4: nobody is not defined"),
    # Other mistakes of a template
    ("{{ first_name", "1: unexpected end of template, expected 'end of print statement'"),
    ("a\n{% endif %}", "2: Encountered unknown tag 'endif'"),
    ("{{ first_name | uper }}", "1: No filter named 'uper' | Did you mean upper?"),
    ("{{ [1, 2] | random }}", "1: No filter named 'random'"),
    ("{% block a %}{% endblock %}\n{% block a %}{% endblock %}", "2: block 'a' defined twice"),
    ("{% if 1 is evn %}{% endif %}", "1: No test named 'evn' | Did you mean even?"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), TEMPLATES)
def test_what_a_template_may_name(tmp_path: Path, source: str, expected: str | None) -> None:
    job = make_job(tmp_path, files={"letter.txt.j2": source}, variables={"issue": 48})
    errors = static_errors(job)
    if expected is None:
        assert errors == []
        return
    assert len(errors) >= 1
    assert errors[0].startswith(f"letter.txt.j2:{expected}")


#: letter.txt.j2, the other files -> what is reported
FILES: list[tuple[str, dict[str, str], list[str]]] = [
    ("{% include 'a.txt' %}", {"a.txt": "x\n{{ nobody }}"}, ["a.txt:2:4: nobody is not defined"]),
    ("{% for x in [1] %}{% include 'a.txt' %}{% endfor %}", {"a.txt": "{{ x }}"}, []),
    ("{% set x = 1 %}{% include 'a.txt' without context %}", {"a.txt": "{{ x }}"},
     ["a.txt:1:4: x is not defined"]),
    ("{% include 'missing.txt' %}", {},
     ["letter.txt.j2:1:13: there is no template missing.txt"]),
    ("{% include 'missing.txt' ignore missing %}", {}, []),
    ("{% include ['missing.txt', 'a.txt'] %}", {"a.txt": "{{ nobody }}"},
     ["a.txt:1:4: nobody is not defined"]),
    ("{% include ['missing.txt', 'other.txt'] %}", {},
     ["letter.txt.j2:1:14: there is no template missing.txt"]),
    ("{% include 'a.txt' if id == '1' else 'b.txt' %}", {"a.txt": "", "b.txt": "{{ x }}"},
     ["b.txt:1:4: x is not defined"]),
    ("{% include 'foot.' ~ id ~ '.txt' %}", {"foot.1.txt": "{{ x }}", "foot.2.txt": ""},
     ["foot.1.txt:1:4: x is not defined"]),
    ("{% include 'foot.' + id + '.txt' %}", {"foot.1.txt": "{% endif %}"},
     ["foot.1.txt:1: Encountered unknown tag 'endif'"]),
    ("{% include 'a.txt' %}", {"a.txt": "{% block a %}{% endblock %}{% block a %}{% endblock %}"},
     ["a.txt:1: block 'a' defined twice"]),
    ("{% include first_name %}", {}, []),
    ("{% include nobody %}", {}, ["letter.txt.j2:1:12: nobody is not defined"]),
    ("{% import 'm' as m %}{{ m.hi(1) }}", {"m": "{% macro hi(a) %}{{ a }}{% endmacro %}"}, []),
    ("{% from 'm' import hi as ho %}{{ ho() }}{{ hi() }}",
     {"m": "{% macro hi() %}{% endmacro %}"}, ["letter.txt.j2:1: hi is not defined"]),
    ("{% import 'm' as m %}", {"m": "{% macro hi() %}{{ first_name }}{% endmacro %}"},
     ["m:1:20: first_name is not defined"]),
    ("{% import 'm' as m with context %}",
     {"m": "{% macro hi() %}{{ first_name }}{% endmacro %}"}, []),
    ("{% import 'm' as m %}",
     {"m": "{% set a = variables.issue %}{{ job.name }}{{ edition }}"}, []),
    ("{% extends 'base' %}{% block a %}{{ x }}{% endblock %}{% set x = 1 %}{{ ignored }}",
     {"base": "{% block a %}{{ overridden }}{% endblock %}"}, []),
    ("{% extends 'base' %}{% block a %}{{ super() }}{% endblock %}",
     {"base": "{% block a %}{{ nobody }}{% endblock %}"}, ["base:1:17: nobody is not defined"]),
    ("{% extends 'base' %}{% block a %}{{ brand }}{% endblock %}",
     {"base": "{% set brand = 'x' %}{% block a %}{% endblock %}"}, []),
    ("{% extends 'base' %}{% block a %}{{ x }}{% endblock %}",
     {"base": "{% for x in [1] %}{% block a scoped %}{% endblock %}{% endfor %}"}, []),
    ("{% extends 'base' %}{% block a %}{{ nobody }}{% endblock %}",
     {"base": "{% extends 'root' %}", "root": "{% block a %}{% endblock %}"},
     ["letter.txt.j2:1:37: nobody is not defined"]),
    ("{% extends 'base' %}", {"base": "{{ nobody }}"}, ["base:1:4: nobody is not defined"]),
    ("{% extends 'missing' %}", {}, ["letter.txt.j2:1:13: there is no template missing"]),
    ("{% include '../outside.txt' %}", {},
     ["letter.txt.j2:1:13: ../outside.txt leaves the folder of the job file"]),
    ("{% include '/etc/hostname' %}", {},
     ["letter.txt.j2:1:13: /etc/hostname must be relative to the job file"]),
    ("{% include '/etc/hostname' ignore missing %}", {},
     ["letter.txt.j2:1:13: /etc/hostname must be relative to the job file"]),
    ("{% include 'letter.txt.j2' %}", {}, []),  # rendering says what is wrong
]  # fmt: skip


@pytest.mark.parametrize(("source", "others", "expected"), FILES)
def test_what_templates_may_name_across_files(
    tmp_path: Path, source: str, others: dict[str, str], expected: list[str]
) -> None:
    (tmp_path.parent / "outside.txt").write_text("outside")
    files = {"letter.txt.j2": source, **others}
    errors = static_errors(make_job(tmp_path, files=files, variables={"issue": 48}))
    assert [error.partition(" | ")[0] for error in errors] == expected


def test_a_symbolic_link_that_leaves_the_folder_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    job = make_job(folder, files={"letter.txt.j2": "{% include 'link.txt' %}"})
    (error,) = static_errors(job)
    assert error.startswith("letter.txt.j2:1:13: link.txt leaves the folder of the job file")


def test_every_mistake_is_reported_at_once_with_its_key(tmp_path: Path) -> None:
    job = make_job(
        tmp_path,
        {
            "subject": "{{ firstname }}",
            "html": "a.html.j2",
            "cc": "{{ manger }}",
            "headers": {"X-A": "{{ a }}", "X-B": "{% if %}"},
            "unsubscribe": {"url": "https://example.com/{{ tokn }}"},
            "attachments": ["invoices/{{ ide }}.pdf", "missing.pdf"],
        },
        {"a.html.j2": "<p>\n{{ lastname }}", "missing.pdf": ""},
        recipients={"display_name": "{{ nick }}"},
        callbacks={"data": [{"id": "{{ idd }}"}], "bulk_id": "{{ jb }}"},
    )
    (tmp_path / "missing.pdf").unlink()
    found = [
        error.partition("job.yaml:")[2].partition(": ")[2] or error for error in static_errors(job)
    ]
    assert [error.partition(" | ")[0] for error in found] == [
        "recipients.display_name: nick is not defined",
        "message.subject: firstname is not defined",
        "message.cc[0]: manger is not defined",
        "message.headers.X-A: a is not defined",
        "message.headers.X-B: Expected an expression, got 'end of statement block'",
        "message.unsubscribe.url: tokn is not defined",
        "message.attachments[0].path: ide is not defined",
        "message.attachments[1].path: missing.pdf does not exist",
        "callbacks.data[0].id: idd is not defined",
        "callbacks.bulk_id: jb is not defined",
        "a.html.j2:2:4: lastname is not defined",
    ]


def test_columns_that_are_no_identifiers_are_in_recipient_only(tmp_path: Path) -> None:
    row = {"email": "a@example.com", "First name": "Ada", "2nd": "x"}
    job = make_job(
        tmp_path, files={"letter.txt.j2": "{{ recipient['First name'] }}{{ recipient['2nd'] }}"}
    )
    assert parse(compose(job, row)).get_content().strip() == "Adax"
    assert static_errors(job, ("email",))[0].endswith(
        "recipient.First name is not defined | There is email in recipient."
    )


def test_a_column_comes_before_a_method_of_the_same_name(tmp_path: Path) -> None:
    row = {"email": "a@example.com", "items": "three", "values": "v"}
    job = make_job(tmp_path, files={"letter.txt.j2": "{{ recipient.items }} {{ rows[0].values }}"})
    assert parse(compose(job, row)).get_content().strip() == "three v"


def test_a_page_named_by_a_template_is_checked_in_all_its_forms(tmp_path: Path) -> None:
    files = {"mail.de.txt.j2": "Hallo {{ nobody }}", "mail.en.txt.j2": "Hello {% endif %}"}
    job = with_page(make_job(tmp_path, files=files), "text", "mail.{{ id }}.txt.j2")
    assert [error.partition(" | ")[0] for error in static_errors(job)] == [
        "mail.de.txt.j2:1:10: nobody is not defined",
        "mail.en.txt.j2:1: Encountered unknown tag 'endif'",
    ]
