"""Texts that a template takes for numbers, truth values or none: told before anything is rendered.

Right templates are in the table, too: a false alarm would refuse a letter that is in order.
"""

from __future__ import annotations

import pytest

from mailbatch.errors import InputErrors, Reason
from mailbatch.render.verdicts import Question

from .making import make_composer, make_delivery, make_job, parse, static_errors

COLUMNS = ("email", "first_name", "amount", "price", "qty", "member", "First Name", "E-Mail")
VARIABLES = {"issue": 48, "word": "48", "on": True}
LINES = "{% for row in rows %}"

MACRO = "{% macro m(n) %}{% if n > 5 %}x{% endif %}{% endmacro %}"
OF_N = "compares the text of n with the number 5 | Cells are text: write n | float > 5."

#: source of letter.txt.j2 -> the place, the message and the remedy; None for nothing.
TEMPLATES: list[tuple[str, str | None]] = [
    # Comparisons with a number
    ("{% if amount == 5 %}x{% endif %}",
     ("1:7: compares the text of amount with the number 5 | "
     "Cells are text: write amount | float == 5, or amount == '5'.")),
    ("{{ 'x' if amount != 5.5 }}",
     ("1:11: compares the text of amount with the number 5.5 | "
     "Cells are text: write amount | float != 5.5, or amount != '5.5'.")),
    ("a\n{% if 18 <= amount %}x{% endif %}",
     ("2:13: compares the text of amount with the number 18 | "
     "Cells are text: write 18 <= amount | float.")),
    ("{% if 1 < amount %}x{% endif %}",
     ("1:11: compares the text of amount with the number 1 | "
     "Cells are text: write 1 < amount | float.")),
    ("{% if amount > qty | int %}x{% endif %}",
     ("1:7: compares the text of amount with a number | "
     "Cells are text: write amount | float > qty | int.")),
    ("{% if recipient.amount > 5 %}x{% endif %}",
     ("1:17: compares the text of recipient.amount with the number 5 | "
     "Cells are text: write recipient.amount | float > 5.")),
    ("{% if recipient['First Name'] == 5 %}x{% endif %}",
     ("1:7: compares the text of recipient['First Name'] with the number 5 | "
     "Cells are text: write recipient['First Name'] | float == 5, "
     "or recipient['First Name'] == '5'.")),
    ("{% if First_Name == 5 %}x{% endif %}",
     ("1:7: compares the text of First_Name with the number 5 | "
     "Cells are text: write First_Name | float == 5, or First_Name == '5'.")),
    (LINES + "{% if row.qty > 1 %}x{% endif %}{% endfor %}",
     ("1:32: compares the text of row.qty with the number 1 | "
     "Cells are text: write row.qty | float > 1.")),
    ("{% for row in rows | sort(attribute='email') if row.qty == 1 %}x{% endfor %}",
     ("1:53: compares the text of row.qty with the number 1 | "
     "Cells are text: write row.qty | float == 1, or row.qty == '1'.")),
    ("{% if rows[0].qty == 1 %}x{% endif %}",
     ("1:7: compares the text of rows[0].qty with the number 1 | "
     "Cells are text: write rows[0].qty | float == 1, or rows[0].qty == '1'.")),
    ("{% set n = amount | trim %}{% if n > 5 %}x{% endif %}",
     "1: compares the text of n with the number 5 | Cells are text: write n | float > 5."),
    ("{% if amount | trim > 5 %}x{% endif %}",
     ("1:7: compares the text of amount | trim with the number 5 | "
     "Cells are text: write amount | trim | float > 5.")),
    ("{% if amount | replace(',', '.') > 5 %}x{% endif %}",
     ("1:7: compares the text of amount | replace(',', '.') with the number 5 | "
     "Cells are text: write amount | replace(',', '.') | float > 5.")),
    ("{% if amount.strip() > 5 %}x{% endif %}",
     ("1:14: compares the text of amount.strip() with the number 5 | "
     "Cells are text: write amount.strip() | float > 5.")),
    ("{% if amount is gt 5 %}x{% endif %}",
     ("1:7: compares the text of amount with the number 5 | "
     "Cells are text: write amount | float > 5.")),
    ("{% if amount in [5, 10] %}x{% endif %}",
     ("1:7: looks for the text of amount among numbers, such as 5 | Cells are text: write "
     "amount in ['5', ...], or amount | int in [5, ...].")),
    ("{% if amount | int in ['5', '10'] %}x{% endif %}",
     "1:7: looks for a number among texts, such as '5' | Write the list without quotes."),
    ("{% if 5 in amount %}x{% endif %}",
     "1:7: looks for a number in the text of amount | Write the number as a text: '5' in ..."),
    ("{% if amount | int == '5' %}x{% endif %}",
     ("1:24: compares amount | int with the text '5' | "
     "Write the number without quotes: amount | int == 5.")),
    ("{% if edition == 48 %}x{% endif %}",
     ("1:7: compares the text of edition with the number 48 | "
     "It is a text: write edition | float == 48, or edition == '48'.")),
    ("{% if variables.issue == '48' %}x{% endif %}",
     ("1:27: compares variables.issue with the text '48' | "
     "Write the number without quotes: variables.issue == 48.")),
    ("{% if variables.word == 48 %}x{% endif %}",
     ("1:17: compares the text of variables.word with the number 48 | It is a text: write "
     "variables.word | float == 48, or variables.word == '48'.")),
    ("{% if amount is even %}x{% endif %}",
     "1:7: asks whether the text of amount is even | Cells are text: write amount | int is even."),
    ("{{ rows | selectattr('qty', 'equalto', 5) | list | length }}",
     "1:23: compares the texts of qty with 5 | Cells are text: write a text, '5', in its place."),
    # Comparisons with a truth value
    ("{% if member == true %}x{% endif %}",
     ("1:7: compares the text of member with true | "
     "Cells are text: write member | lower == 'true', or the word of the table.")),
    ("{% if member is false %}x{% endif %}",
     ("1:7: compares the text of member with false | "
     "Cells are text: write member | lower == 'false', or the word of the table.")),
    # Calculations
    ("{{ price * qty }}",
     ("1:4: calculates with the text of price and qty | "
     "Cells are text: write price | float * qty | float.")),
    ("{{ 1 + price }}",
     "1:8: calculates with the text of price | Cells are text: write 1 + price | float."),
    ("{{ price - qty }}",
     ("1:4: calculates with the text of price and qty | "
     "Cells are text: write price | float - qty | float.")),
    ("{{ price / 2 }}",
     "1:4: calculates with the text of price | Cells are text: write price | float / 2."),
    ("{{ amount % 2 }}",
     "1:4: calculates with the text of amount | Cells are text: write amount | float % 2."),
    ("{{ -price }}",
     "1:5: calculates with the text of price | Cells are text: write -(price | float)."),
    ("{{ price | round(2) }}",
     "1:4: calculates with the text of price | Cells are text: write price | float | round(2)."),
    ("{{ '%.2f' | format(price) }}",
     "1:20: formats the text of price as a number | Cells are text: write price | float."),
    ("{{ '%s: %.2f %%' % (first_name, price) }}",
     "1:33: formats the text of price as a number | Cells are text: write price | float."),
    ("{{ rows | sum(attribute='price') }}",
     ("1:26: adds the texts of price | "
     "Cells are text: write rows | map(attribute='price') | map('float') | sum.")),
    ("{{ rows | map(attribute='price') | sum }}",
     ("1:26: adds the texts of price | "
     "Cells are text: write rows | map(attribute='price') | map('float') | sum.")),
    # Arguments of macros, by the calls in the template
    (MACRO + "{{ m(amount) }}{{ m(n=qty | trim) }}", f"1: {OF_N}"),
    (MACRO + "{% call m(amount) %}{% endcall %}", f"1: {OF_N}"),
    (MACRO + "{% set amount = amount %}{{ m(amount) }}{% set amount = 5 %}", f"1: {OF_N}"),
    ("{% macro m(a, n='7') %}{% if n > 5 %}x{% endif %}{% endmacro %}{{ m(1) }}{{ m(2, qty) }}",
     ("1: compares the text of n with the number 5 | It is a text: write n | float > 5.")),
    (("{% macro k(a) %}{% for row in a %}{{ 1 if row.qty == 1 }}{% endfor %}{% endmacro %}"
     "{{ k(rows) }}"),
     ("1:47: compares the text of row.qty with the number 1 | "
      "Cells are text: write row.qty | float == 1, or row.qty == '1'.")),
    # What is right
    (MACRO, None),
    (MACRO + "{{ m(amount) }}{{ m(5) }}", None),
    (MACRO + "{% set x = 5 %}{{ m(x) }}{% set x = amount %}", None),
    (MACRO + "{{ m(*[5]) }}{{ m(amount) }}", None),
    (MACRO + "{% set f = m %}{{ f(5) }}{{ m(amount) }}", None),
    (MACRO + "{% macro k(a) %}{{ m(a) }}{% endmacro %}{{ k(5) }}", None),
    (MACRO + "{% macro m(n) %}{{ n }}{% endmacro %}{{ m(amount) }}", None),
    (("{% macro m(n, is_text) %}{% if not is_text and n > 5 %}x{% endif %}{% endmacro %}"
     "{{ m(amount, true) }}{{ m(5, false) }}"), None),
    ("{% macro m(n) %}{% set n = n | int %}{% if n > 5 %}x{% endif %}{% endmacro %}{{ m(qty) }}",
     None),
    (("{% macro m(n) %}{% if n is string %}t{% elif n > 5 %}x{% endif %}{% endmacro %}"
     "{{ m(amount | int) }}"), None),
    ("{% if amount == '5' %}x{% endif %}{% if amount | int == 5 %}x{% endif %}", None),
    ("{% if amount | float > 5 and qty | int in [1, 2] %}x{% endif %}", None),
    ("{% if amount in ['5', '10'] or 'x' in amount %}x{% endif %}", None),
    ("{{ price | float * qty | int }} {{ '%.2f' | format(price | float) }}", None),
    ("{{ '%.2f' % (price | float) }} {{ '%s' | format(price) }} {{ '100 %' }}", None),
    ("{{ rows | map(attribute='price') | map('float') | sum | round(2) }}", None),
    ("{{ first_name + ' ' + email }} {{ 'a' + first_name }} {{ first_name ~ 5 }}", None),
    ("{{ '-' * 40 }} {{ '=' * (first_name | length) }} {{ 2 * 3 + 1 }}", None),
    ("{% if rows | length > 1 %}x{% endif %}{% if first_name | length == 0 %}x{% endif %}", None),
    ("{% set total = namespace(sum=0) %}" + LINES
     + "{% set total.sum = total.sum + row.qty | int %}{% endfor %}"
     + "{% if total.sum > 5 %}{{ total.sum * 2 }}{% endif %}", None),
    (LINES + "{% if loop.index > 1 and loop.index0 == 2 %}x{% endif %}{% endfor %}", None),
    ("{% set amount = amount | int %}{% if amount > 5 %}{{ amount * 2 }}{% endif %}", None),
    (("{% if qty == '1' %}{% set n = 1 %}{% else %}{% set n = amount %}{% endif %}"
     "{% if n == 1 %}x{% endif %}"), None),
    ("{% if amount is number and amount > 5 %}x{% endif %}", None),
    ("{% if amount is string %}x{% elif amount > 5 %}x{% endif %}",
     ("1: compares the text of amount with the number 5 | "
     "Cells are text: write amount | float > 5.")),
    (MACRO + "{{ m(amount | int) }}", None),
    ("{% if now.year == 2026 and now.month > 1 %}x{% endif %}", None),
    ("{% if variables.issue == 48 and variables.on == true %}{{ variables.issue + 1 }}{% endif %}",
     None),
    ("{% if (amount or 0) == 0 %}x{% endif %}", None),
    ("{% if amount.isdigit() == true and amount.count('x') > 1 %}x{% endif %}", None),
    ("{% if amount.split('.')[0] | int > 5 %}x{% endif %}", None),
    ("{% if edition > '2026-W01' and first_name < 'M' %}x{% endif %}", None),
    ("{% if first_name == email %}x{% endif %}", None),
    ("{% if job.name == 'x' or delivery.token == '' %}x{% endif %}", None),
    ("{% for i in range(3) %}{% if i == 1 %}x{% endif %}{% endfor %}", None),
    ("{% for k, v in recipient.items() %}{% if loop.first == true %}{{ v }}{% endif %}{% endfor %}",
     None),
    ("{% for g in rows | groupby('qty') %}{% if g.list | length > 1 %}x{% endif %}{% endfor %}",
     None),
    ("{% for b in rows | batch(2) %}{% if b | length == 2 %}x{% endif %}{% endfor %}", None),
    ("{% if lost is defined and lost > 5 %}x{% endif %}", None),
    ("{% if amount == 5 or amount == '5' %}x{% endif %}", None),
    ("{% if amount == '5.0' or qty == '1' or 5 == amount %}x{% endif %}", None),
    ("{% if amount != 5 and amount | float != 5 %}x{% endif %}", None),
    ("{{ 'x' if member == true or member == 'yes' else 'y' }}", None),
    # What only looks as if it were
    ("{% if amount != '' and amount == 5 %}x{% endif %}",
     ("1: compares the text of amount with the number 5 | "
     "Cells are text: write amount | float == 5, or amount == '5'.")),
    ("{% if amount == 5 or qty == '5' %}x{% endif %}",
     ("1:7: compares the text of amount with the number 5 | "
     "Cells are text: write amount | float == 5, or amount == '5'.")),
    ("{% if amount == 5 or amount == '6' %}x{% endif %}",
     ("1: compares the text of amount with the number 5 | "
     "Cells are text: write amount | float == 5, or amount == '5'.")),
]  # fmt: skip


def job_of(folder, source, subject="x"):
    return make_job(
        folder,
        {"subject": subject, "text": "letter.txt.j2"},
        {"letter.txt.j2": source},
        variables=VARIABLES,
    )


@pytest.mark.parametrize(("source", "told"), TEMPLATES)
def test_a_text_that_is_taken_for_a_number(tmp_path, source, told):
    found = static_errors(job_of(tmp_path, source), COLUMNS)
    assert found == ([] if told is None else [f"letter.txt.j2:{told}"])


#: An expression -> the doubts: the question, the columns and the remedy.
DOUBTS = [
    ("{% if member %}x{% endif %}",
     [(Question.TRUTH, ("member",),
       "Compare it with the word of the table: member == 'yes', say.")]),
    ("{% if qty == '1' and not First_Name %}x{% endif %}",
     [(Question.TRUTH, ("First Name",),
       "Compare it with the word of the table: First_Name == 'yes', say.")]),
    ("{{ 'x' if recipient.member else 'y' }}",
     [(Question.TRUTH, ("member",),
       "Compare it with the word of the table: recipient.member == 'yes', say.")]),
    ("{% macro m(a) %}{% if a %}x{% endif %}{% endmacro %}{{ m(member) }}{{ m(a=member) }}",
     [(Question.TRUTH, ("member",),
       "Compare it with the word of the table: a == 'yes', say.")]),
    ("{% macro m(a) %}{% if a %}x{% endif %}{% endmacro %}{{ m(member) }}{{ m(qty) }}", []),
    ("{{ price + qty }}",
     [(Question.JOINED, ("price", "qty"), "Make numbers of both: price | float + qty | float.")]),
    ("{{ price * 2 }}",
     [(Question.NUMBERS, ("price",), "Cells are text: write price | float * 2.")]),
    ("{% if price > qty %}x{% endif %}",
     [(Question.ORDERED, ("price", "qty"),
       "Make numbers of both: price | float > qty | float.")]),
    ("{% if amount >= '5' %}x{% endif %}",
     [(Question.ORDERED, ("amount",), "Make numbers of both: amount | float >= 5.")]),
    ("{% if '5' is le amount %}x{% endif %}",
     [(Question.ORDERED, ("amount",), "Make numbers of both: 5 <= amount | float.")]),
    ("{% if now.strftime('%Y') < amount %}x{% endif %}",
     [(Question.ORDERED, ("amount",),
       "Make numbers of both: now.strftime('%Y') | float < amount | float.")]),
    ("{{ [amount, qty, '10'] | max }}",
     [(Question.ORDERED, ("amount", "qty"), "Write [amount | float, qty | float, 10] | max.")]),
    ("{{ rows | map(attribute='qty') | min }}",
     [(Question.SORTED, ("qty",), ("Texts are ordered by their letters: "
       "write rows | map(attribute='qty') | map('float') | min."))]),
    ("{% for row in rows | sort(attribute='qty') %}x{% endfor %}",
     [(Question.SORTED, ("qty",), ("Texts are ordered by their letters: write "
       "{% for n in rows | map(attribute='qty') | map('float') | unique | sort %}"
       "{% for row in rows if row['qty'] | float == n %} ... {% endfor %}{% endfor %}."))]),
    ("{{ first_name | default('friend') }}",
     [(Question.EMPTY, ("first_name",),
       "An empty cell is a text, too: write first_name or 'friend'.")]),
    ("{% if first_name is defined %}x{% endif %}",
     [(Question.EMPTY, ("first_name",),
       "An empty cell is a text, too: write {% if first_name %}, or first_name == ''.")]),
    ("{% if first_name is not none %}x{% endif %}",
     [(Question.EMPTY, ("first_name",),
       "An empty cell is a text, too: write {% if first_name %}, or first_name == ''.")]),
    ("{% if first_name != none %}x{% endif %}",
     [(Question.EMPTY, ("first_name",),
       "An empty cell is a text, too: write {% if first_name %}, or first_name == ''.")]),
    ("{% if qty is number %}x{% endif %}",
     [(Question.NUMBERS, ("qty",), "A cell is a text, never a number: qty | float makes one.")]),
    ("{% if first_name is defined %}Dear {{ first_name }}{% endif %}",
     [(Question.EMPTY, ("first_name",),
       "An empty cell is a text, too: write {% if first_name %}, or first_name == ''.")]),
    ("{{ first_name if first_name is defined else 'friend' }}",
     [(Question.EMPTY, ("first_name",),
       "An empty cell is a text, too: write {% if first_name %}, or first_name == ''.")]),
    # What is right
    ("{% if first_name is defined %} {{ first_name | title }}{% endif %}", []),
    ("{% if first_name is not none %}{{ first_name }}{% endif %}", []),
    ("{% if first_name is defined %}{% if first_name %}Dear {{ first_name }}{% endif %}{% endif %}",
     [(Question.TRUTH, ("first_name",),
       "Compare it with the word of the table: first_name == 'yes', say.")]),
    ("{{ first_name if first_name is defined else '' }}", []),
    ("{{ first_name | default('') }} {{ amount | default(0) | float }}", []),
    ("{% if first_name == 'a' and 'b' < 'c' and amount < edition %}x{% endif %}", []),
    ("{% if first_name is defined and first_name != '' %}x{% endif %}", []),
    ("{{ first_name or 'friend' }} {{ first_name | default('friend', true) }}", []),
    ("{{ first_name | default('friend', boolean=true) }}", []),
    ("{{ lost | default('x') }}{% if lost is defined %}x{% endif %}", []),
    ("{% if variables.on and rows %}x{% endif %}", []),
    ("{{ first_name + ' ' + email }}", []),
]  # fmt: skip


@pytest.mark.parametrize(("source", "told"), DOUBTS)
def test_a_doubt_that_the_table_has_to_settle(tmp_path, source, told):
    composer = make_composer(job_of(tmp_path, source), COLUMNS, traced=True)
    found = [(one.question, one.columns, one.hint) for one in composer.branches.doubts]
    assert found == told


#: What a remedy says -> the text that it makes of the row.
REMEDIES = [
    ("{{ amount | float >= 5 }}", "True"),
    ("{{ [amount | float, qty | float] | max }}", "12.5"),
    ("{{ rows | map(attribute='price') | map('float') | sum }}", "21.0"),
    ("{{ rows | map(attribute='price') | map('float') | max }}", "10.0"),
    (("{% for n in rows | map(attribute='price') | map('float') | unique | sort %}"
      "{% for row in rows if row['price'] | float == n %}{{ row.price }} {% endfor %}{% endfor %}"),
     "2 9 10"),
    ("{{ amount | float | round(1) }}", "12.5"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text"), REMEDIES)
def test_a_remedy_does_what_is_meant(tmp_path, source, text):
    row = {"email": "ada@example.org", "amount": "12.50", "qty": "2", "price": "10"}
    job = make_job(
        tmp_path,
        {"text": "letter.txt.j2"},
        {"letter.txt.j2": source},
        recipients={"group_by": ["email"]},
    )
    rows = [row | {"price": price} for price in ("10", "9", "2")]
    message = make_composer(job, tuple(row)).compose(make_delivery(*rows), eight_bit=True)
    assert parse(message).get_content().strip() == text


def test_every_template_of_the_job_is_looked_at(tmp_path):
    """The subject, a header, the name of an attachment, a page in HTML and what it includes."""
    job = make_job(
        tmp_path,
        {
            "subject": "{{ price - 2 }}",
            "html": "letter.html.j2",
            "headers": {"X-Large": "{{ 'yes' if amount > 5 else 'no' }}"},
            "attachments": [{"path": "a.txt", "filename": "{{ amount + 1 }}.txt"}],
        },
        {"letter.html.j2": "{% include 'part.j2' %}", "part.j2": "\n{{ -qty }}", "a.txt": "x"},
    )
    with pytest.raises(InputErrors) as caught:
        make_composer(job, COLUMNS)
    assert {error.reason for error in caught.value.errors} == {Reason.TEXT_AS_NUMBER}
    places = [
        (e.location.key, e.location.path.rpartition("/")[2], e.location.line)
        for e in caught.value.errors
    ]
    assert places == [
        ("message.subject", "job.yaml", 11),
        ("message.headers.X-Large", "job.yaml", 14),
        ("message.attachments[0].filename", "job.yaml", 17),
        (None, "part.j2", 2),
    ]  # fmt: skip
