"""`where` is checked before any row is read, and decides about each row by true or false."""

from __future__ import annotations

import pytest

from mailbatch.errors import JobError, Location
from mailbatch.recipients.where import Condition, compile_where

COLUMNS = ("email", "plan", "age", "first name", "result", "self", "items", "in")
ROW = ("ann@example.com", "pro", "20", "Ann", "won", "me", "3", "Bonn")
NAMES = {"edition": "48", "variables": {"issue": 48, "items": 7}}
PLACE = Location("job.yaml", 8, 10, "recipients.where")


def compiled(expression: str) -> Condition:
    return compile_where(expression, COLUMNS, names=NAMES, location=PLACE)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("plan == 'pro'", True),
        ("plan == 'free'", False),
        ("  plan != 'free'  \n", True),
        ("plan in ['pro', 'team'] and age | int > 17", True),
        ("not (age | int < 18)", True),
        ("plan is eq 'pro'", True),
        ("email.endswith('@example.com')", True),
        ("recipient['first name'] == 'Ann'", True),
        ("recipient['self'] == 'me'", True),
        ("recipient['in'] == 'Bonn'", True),
        ("recipient.plan == 'pro'", True),
        ("recipient.items == '3'", True),
        ("recipient.values() | list | length == 8", True),
        ("items == '3'", True),
        ("result == 'won'", True),
        ("edition == '48'", True),
        ("variables.issue == 48", True),
        ("variables['issue'] > 48", False),
        ("variables.items == 7", True),
        ("nickname is defined", False),
        ("nickname is not defined or nickname == 'x'", True),
        ("nickname | default('none') == 'none'", True),
        ("variables.year is defined", False),
        ("recipient.nickname is undefined", True),
        ("'x' in range(3) | map('string') | list", False),
        ("true", True),
        ("false", False),
    ],
)
def test_an_expression_decides_about_a_row(expression: str, wanted: bool) -> None:
    assert compiled(expression)(ROW) is wanted


def test_each_row_is_judged_by_its_own_cells() -> None:
    condition = compiled("plan == 'pro'")
    rows = [(*ROW[:1], plan, *ROW[2:]) for plan in ("pro", "free", "pro", "")]
    assert [condition(row) for row in rows] == [True, False, True, False]


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ("plan ==", "is no expression: unexpected 'end of template'", None),
        ("plan = 'x'", "is no expression: expected token 'end of template', got '='", None),
        ("plan age", "is no expression: expected token 'end of template', got 'age'", None),
        (
            "{{ plan == 'pro' }}",
            "is no expression: expected token ':', got '}'",
            "Write it without {{ }}.",
        ),
        ("{% if plan %}", None, "Write it without {{ }}."),
        ("'open", None, None),
        ("not " * 300 + "plan", "is nested too deep", None),
        ("[" * 5000, "is nested too deep", None),
        ("plan | nofilter", "is no expression: No filter named 'nofilter'", None),
        ("plan is notest", "is no expression: No test named 'notest'", None),
        ("range(9) | random > 3", "is no expression: No filter named 'random'", None),
        ("plann == 'pro'", "nothing defines 'plann'", "Did you mean 'plan'?"),
        ("Plan == 'pro'", "nothing defines 'Plan'", "Did you mean 'plan'?"),
        (
            "plan == yes",
            "nothing defines 'yes'",
            "For the text itself, write 'yes' in quotes.",
        ),
        ("lipsum() == ''", "nothing defines 'lipsum'", None),
        ("rows | length > 1", "nothing defines 'rows'", None),
        ("self == 'me'", "nothing defines 'self'", "The column is recipient['self'] here."),
        ("recipient.plann == 'pro'", "'recipient' has no 'plann'", "Did you mean 'plan'?"),
        ("recipient['Plan'] == 'pro'", "'recipient' has no 'Plan'", "Did you mean 'plan'?"),
        ("variables.isue == 48", "'variables' has no 'isue'", "Did you mean 'issue'?"),
    ],
)
def test_a_mistake_is_found_before_any_row_is_read(
    expression: str, message: str | None, hint: str | None
) -> None:
    with pytest.raises(JobError) as caught:
        compiled(expression)
    assert caught.value.exit_code == 78
    prefix = "job.yaml:8:10: recipients.where: "
    if message is None:
        assert str(caught.value).startswith(f"{prefix}is no expression: ")
    else:
        assert str(caught.value) == prefix + message
    if hint:
        assert caught.value.hint == hint


def test_without_any_variables_there_is_none_to_suggest() -> None:
    with pytest.raises(JobError) as caught:
        compile_where("variables.x", COLUMNS, names={"variables": {}}, location=PLACE)
    assert caught.value.message == "'variables' has no 'x'"
    assert caught.value.hint is None


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("1 / (age | int - 20) > 1", "`where` fails: division by zero"),
        ("variables.issue.year == 1", "`where` fails: 'int object' has no attribute 'year'"),
        ("recipient[plan] == 1", "`where` fails: 'dict object' has no attribute 'pro'"),
        ("recipient[plan]", "`where` fails: 'dict object' has no attribute 'pro'"),
    ],
)
def test_an_expression_that_fails_for_a_row_says_why(expression: str, reason: str) -> None:
    condition = compiled(expression)
    with pytest.raises(ValueError) as caught:
        condition(ROW)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    "expression",
    [
        "recipient.pop('plan') == 'pro'",
        "recipient.clear() is none",
        "variables.update(issue=1) is none",
        "plan.__class__ == 1",
        "recipient.__class__.__mro__ | length == 1",
        "'{0.__class__}'.format(plan) == 'x'",
        "recipient['plan'].__init__.__globals__ == 1",
        "cycler.__init__.__globals__ == 1",
    ],
)
def test_the_sandbox_holds(expression: str) -> None:
    condition = compiled(expression)
    with pytest.raises(ValueError, match=r"^`where` fails: .*(unsafe|not safely callable)"):
        condition(ROW)
    assert NAMES["variables"] == {"issue": 48, "items": 7}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("plan", "str 'pro'"),
        ("plan == 'pro' and age", "str '20'"),
        ("age | int", "int '20'"),
        ("none", "NoneType 'None'"),
        ("[]", "list '[]'"),
        ("plan * 100", "str '" + "pro" * 20 + "'"),
    ],
)
def test_neither_true_nor_false_is_a_mistake_of_the_job(expression: str, found: str) -> None:
    """A cell that says `no` is true to Jinja2, and would be mailed."""
    condition = compiled(expression)
    with pytest.raises(JobError) as caught:
        condition(ROW)
    assert str(caught.value) == (
        f"job.yaml:8:10: recipients.where: gives neither true nor false but {found}"
    )


@pytest.mark.parametrize(
    ("expression", "found", "name"),
    [
        ("not plan", "takes the text 'pro' for true or false", "plan"),
        ("not not plan", "takes the text 'pro' for true or false", "plan"),
        ("not recipient.plan", "takes the text 'pro' for true or false", "recipient.plan"),
        ("not recipient['plan']", "takes the text 'pro' for true or false", "recipient['plan']"),
        ("not plan | lower", "takes the text 'pro' for true or false", "plan | lower"),
        ("plan and age | int > 17", "takes the text 'pro' for true or false", "plan"),
        ("plan or age | int > 17", "takes the text 'pro' for true or false", "plan"),
        ("not (age == '20' and plan)", None, "plan"),
        ("(plan and 'a' or 'b') == 'a'", "takes the text 'pro' for true or false", "plan"),
        ("true if plan else false", "takes the text 'pro' for true or false", "plan"),
        ("('a' if plan else 'b') == 'a'", "takes the text 'pro' for true or false", "plan"),
        ("(plan if age == '20' else age) and true", None, "plan"),
        ("not plan ~ age", "takes the text 'pro20' for true or false", None),
        ("plan is true", "asks whether the text 'pro' is true, which no text is", "plan"),
        ("plan is not true", "asks whether the text 'pro' is true, which no text is", "plan"),
        ("plan is false", "asks whether the text 'pro' is false, which no text is", "plan"),
        ("plan is not none", "asks whether the text 'pro' is none, which no text is", "plan"),
        ("age is number", "asks whether the text '20' is number, which no text is", "age"),
        ("plan == false", "compares the text 'pro' with the truth value false", None),
    ],
)
def test_the_truth_of_a_text_is_a_mistake_of_the_job(
    expression: str, found: str | None, name: str | None
) -> None:
    """The cell `no` of a column `unsub` is true to Jinja2: `not unsub` would leave its row out."""
    condition = compiled(expression)
    with pytest.raises(JobError) as caught:
        condition(ROW)
    if found is not None:
        assert caught.value.message.startswith(found)
    if name is not None:
        hint = f"Compare it, as in {name} == 'yes' or {name} != '': cells are text."
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("(recipient.nickname | default('') or 'none') == 'none'", True),
        ("(plan or 'free') == 'pro'", True),
        ("not age | int", False),
        ("not plan.split('r')", False),
        ("plan | length and age | int > 17", True),
        ("not (plan == 'free' or age == '1')", True),
        ("variables.issue is number", True),
        ("nickname is defined and nickname == 'x'", False),
        ("(age | int > 17) is true", True),
        ("age == '20' if plan == 'pro' else false", True),
    ],
)
def test_numbers_and_lists_keep_their_truth(expression: str, wanted: bool) -> None:
    assert compiled(expression)(ROW) is wanted
