"""The columns that a letter has from the first row of a group only."""

import pytest
from jinja2 import Environment

from mailbatch.render.first_row import first_row_readings

NAMES = {"child": "child", "First Name": "First Name", "First_Name": "First Name", "name": "name"}
FILES = {
    "one.txt": "{{ child }}\n",
    "all.txt": "{% for row in rows %}{{ row.child }}{% endfor %}",
    "base.txt": "Hello\n{% block body %}{% endblock %}{{ name }}",
}


def readings(text):
    syntax = Environment(autoescape=True)

    def tree(name):
        return syntax.parse(FILES[name]) if name in FILES else None

    found = first_row_readings(syntax.parse(text), NAMES, tree, lambda _: [])
    return [(one.column, one.template, one.line) for one in found]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("\n{{ child }} {{ child }}", [("child", None, 2)]),
        ("{{ recipient.child }}", [("child", None, 1)]),
        ("{{ recipient['First Name'] }}", [("First Name", None, 1)]),
        ("{{ First_Name | upper }}", [("First Name", None, 1)]),
        ("{% for row in rows %}{{ child }}{% endfor %}", [("child", None, 1)]),
        ("{% set x = child %}{{ x }}", [("child", None, 1)]),
        ("{% include 'one.txt' %}", [("child", "one.txt", 1)]),
        ("{% extends 'base.txt' %}{% block body %}{{ child }}{% endblock %}",
         [("child", None, 1), ("name", "base.txt", 2)]),
        ("{{ job.name }} {{ name }}", [("name", None, 1)]),
        ("{% if child == 'Ann' %}x{% endif %}", [("child", None, 1)]),
    ],
)  # fmt: skip
def test_a_column_at_top_level_is_of_the_first_row(text, read):
    assert readings(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "{% for row in rows %}{{ row.child }}{% endfor %}",
        "{% for child in rows %}{{ child }}{% endfor %}",
        "{% for row in rows %}{% set child = row.child %}{% include 'one.txt' %}{% endfor %}",
        "{{ child }}: {{ rows | map(attribute='child') | join(', ') }}",
        "{{ child }}{% include 'all.txt' %}",
        "{% if rows | length == 1 %}{{ child }}{% else %}all of you{% endif %}",
        "{{ child if rows | length == 1 else 'your children' }}",
        "{% if rows[1] %}{% include 'all.txt' %}{% else %}{% include 'one.txt' %}{% endif %}",
        "{% macro line(child) %}{{ child }}{% endmacro %}",
        "{{ job.name }} {{ variables.child }}",
    ],
)
def test_a_template_that_knows_of_the_other_rows_is_left_alone(text):
    assert readings(text) == []
