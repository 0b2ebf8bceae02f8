"""Which branches of its templates a message takes, and which columns are read."""

from datetime import UTC, datetime

import pytest

from mailbatch.job.loader import load_job
from mailbatch.render.composer import Composer
from tests.checks.mailing import Mailing
from tests.checks.making import delivery

COLUMNS = ("email", "first_name", "plan", "note")


def branches(tmp_path, template, columns=COLUMNS, files=None, **sections):
    mailing = Mailing(tmp_path, files={"letter.txt.j2": template, **(files or {})}, **sections)
    job = load_job(mailing.path)
    now = datetime(2026, 11, 23, tzinfo=UTC)
    composer = Composer(
        job, edition="1", columns=columns, now=now, variables=job.variables, traced=True
    )
    return composer.branches


def taken(found, *values):
    """Return the labels of the branches that a row takes."""
    known = {branch.key: branch for branch in found.known()}
    return {known[key].label for key in found.taken_by(delivery(1, *values))}


def test_if_elif_and_else(tmp_path):
    found = branches(tmp_path, "{% if plan == 'a' %}A{% elif plan == 'b' %}B{% else %}C{% endif %}")
    assert taken(found, "x", "Ann", "a", "") == {"{% if plan == 'a' %}"}
    assert taken(found, "x", "Ann", "b", "") == {"{% elif plan == 'b' %}"}
    assert taken(found, "x", "Ann", "c", "") == {"the else of {% if plan == 'a' %}"}
    assert [branch.location.line for branch in found.known()] == [1, 1, 1]


def test_a_condition_without_else_has_an_unwritten_one(tmp_path):
    """Worth showing, but nothing is unseen if nobody takes it."""
    found = branches(tmp_path, "{% if plan == 'a' %}A{% elif plan == 'b' %}B{% endif %}")
    assert taken(found, "x", "Ann", "c", "") == {"not {% if plan == 'a' %}"}
    assert [branch.written for branch in found.known()] == [True, True, False]


def test_each_branch_has_its_own_tag(tmp_path):
    """Also where several stand on one line, nested and one behind the other."""
    found = branches(
        tmp_path,
        "{%- if first_name -%}{% if plan %}x{% endif %}{% endif %}{% if note %}y{% endif %}",
    )
    assert {branch.label for branch in found.known() if branch.written} == {
        "{% if first_name %}",
        "{% if plan %}",
        "{% if note %}",
    }
    assert taken(found, "x", "", "", "n") == {"not {% if first_name %}", "{% if note %}"}


def test_loops_expressions_and_defaults(tmp_path):
    found = branches(
        tmp_path,
        "{% for c in plan %}{{ c }}{% else %}none{% endfor %}\n"
        "{{ 'dear' if first_name else 'hi' }} {{ note or 'nothing' }}",
    )
    full = taken(found, "x", "Ann", "ab", "n")
    empty = taken(found, "x", "", "", "")
    assert full == {
        "{% for c in plan %}",
        "the first value in {{ 'dear' if first_name else 'hi' }}",
    }
    assert "the else of {% for c in plan %}" in empty
    assert "the else value in {{ 'dear' if first_name else 'hi' }}" in empty
    assert "what follows `or` in {{ note or 'nothing' }}" in empty


def test_branches_of_included_templates_and_of_the_subject(tmp_path):
    found = branches(
        tmp_path,
        "{% include 'part.j2' %}",
        files={"part.j2": "\n{% if plan == 'a' %}A{% endif %}"},
        message={"subject": "{{ 'A' if plan == 'a' else 'B' }}"},
    )
    labels = taken(found, "x", "Ann", "a", "")
    assert "{% if plan == 'a' %}" in labels
    places = {branch.label: str(branch.location) for branch in found.known()}
    assert places["{% if plan == 'a' %}"] == "part.j2:2"
    assert places["the first value in {{ 'A' if plan == 'a' else 'B' }}"].startswith(
        str(tmp_path / "job.yaml")
    )


def test_each_file_of_a_templated_name_is_a_branch(tmp_path):
    found = branches(
        tmp_path,
        "",
        message={"text": "page.{{ plan }}.j2"},
        files={"page.a.j2": "A", "page.b.j2": "B"},
    )
    assert taken(found, "x", "Ann", "b", "") == {"the template page.b.j2"}
    assert {branch.label for branch in found.known()} == {
        "the template page.a.j2",
        "the template page.b.j2",
    }


def test_a_row_that_fails_cuts_its_branches_short(tmp_path):
    """The composer reports the failure; here it must not stop anything."""
    found = branches(tmp_path, "{% if plan %}{{ 1 // 0 }}{% endif %}")
    assert taken(found, "x", "Ann", "a", "") == {"{% if plan %}"}
    assert taken(found, "x", "Ann", "", "") == {"not {% if plan %}"}


@pytest.mark.parametrize(
    ("template", "read"),
    [
        ("{{ first_name }}", {"email", "first_name"}),
        ("{{ recipient.plan }} {{ recipient['note'] }}", {"email", "plan", "note"}),
        ("{% for row in rows %}{{ row.plan }}{% endfor %}", {"email", "plan"}),
        ("{{ rows|map(attribute='note')|join }}", {"email", "note"}),
        ("{% for k, v in recipient.items() %}{{ k }}{% endfor %}", set(COLUMNS)),
        ("{% set k = 'pl' ~ 'an' %}{{ recipient[k] }}", set(COLUMNS)),
        ("{{ recipient|tojson }}", set(COLUMNS)),
        ("{% include 'part.j2' %}", {"email", "plan"}),
        ("{% include plan ~ '.j2' ignore missing %}", set(COLUMNS)),
        ("nothing", {"email"}),
    ],
)
def test_the_columns_that_a_template_reads(tmp_path, template, read):
    """What only rendering could tell counts as read: no used column is called unused."""
    parts = {"part.j2": "{{ plan }}"}
    job = {"message": {"unsubscribe": None}}
    assert branches(tmp_path, template, files=parts, **job).columns_read() == read


def test_the_columns_that_a_rule_reads(tmp_path):
    found = branches(
        tmp_path, "x", recipients={"where": "plan == 'a'"}, message={"unsubscribe": None}
    )
    assert found.columns_read() == {"email", "plan"}
