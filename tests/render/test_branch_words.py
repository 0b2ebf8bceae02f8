"""The words for the conditions of branches: plain where they are certain, else none."""

import pytest
from jinja2 import Environment, nodes

from mailbatch.render.branch_words import words_for


def condition(text):
    tree = Environment(autoescape=True).parse(f"{{% if {text} %}}{{% endif %}}")
    return tree.find(nodes.If).test


@pytest.mark.parametrize(
    ("text", "holds", "fails"),
    [
        ("plan == 'gold'", "plan is gold", "plan is not gold"),
        ("'gold' == plan", "plan is gold", "plan is not gold"),
        ("row.plan | lower != 'gold'", "plan is not gold", "plan is gold"),
        ("first_name", "first_name is given", "first_name is empty"),
        ("not first_name.strip()", "first_name is empty", "first_name is given"),
        ("nick == ''", "nick is empty", "nick is given"),
        ("nick != ''", "nick is given", "nick is empty"),
        ("amount | float > 100", "amount is above 100", "amount is at most 100"),
        ("100 < amount | float", "amount is above 100", "amount is at most 100"),
        ("100 >= amount | float", "amount is at most 100", "amount is above 100"),
        ("country in ['HR', 'SI']", "country is one of HR, SI", "country is none of HR, SI"),
        ("'red' in colours", "colours has red", "colours does not have red"),
        ("a and not b", "a is given and b is empty", "a is empty or b is given"),
        ("rows | length > 1", "number of rows is above 1", "number of rows is at most 1"),
        ("row['Order no'] == '7'", "Order no is 7", "Order no is not 7"),
        ("code.startswith('A')", "code begins with A", "code does not begin with A"),
        ("start == end", "start is end", "start is not end"),
        ("1 < amount < 3", None, None),
        ("loop.last", None, None),
        ("amount | float + 1 > 2", None, None),
        ("f(x)", None, None),
        ("plan is defined", None, None),
        ("a and f(x)", None, None),
        ("points | int", None, None),  # 0 is given
        ("points | length", None, None),
        ("(a or b) and c", None, "a is empty and b is empty or c is empty"),
        ("a or b and c", "a is given or b is given and c is given", None),
        ("not (a and b) and c", None, "a is given and b is given or c is empty"),
    ],
)
def test_a_condition_in_words(text, holds, fails):
    assert words_for(condition(text)) == holds
    assert words_for(condition(text), holds=False) == fails


def test_long_words_are_cut():
    assert words_for(condition(f"plan == '{'x' * 90}'")) == f"plan is {'x' * 51}…"
