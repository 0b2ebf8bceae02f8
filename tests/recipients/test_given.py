"""Rows that a program gives: the rules and the errors of a table, from line 1."""

from datetime import date
from decimal import Decimal

import pytest

from mailbatch.api import load
from mailbatch.errors import InputErrors, RecipientError
from mailbatch.recipients.plan import plan_recipients

JOB = {
    "version": 1,
    "name": "autumn",
    "server": {"host": "mail.example.com"},
    "sender": {"from": "news@example.com"},
    "message": {"subject": "Hello", "text": "letter.txt"},
}


@pytest.fixture
def job_with(tmp_path):
    (tmp_path / "letter.txt").touch()

    def load_with(rows, **recipients):
        more = {"recipients": recipients} if recipients else {}
        return load(JOB | more, folder=tmp_path, recipients=rows)

    return load_with


def planned(job):
    return list(plan_recipients(job, edition="1", variables={}))


def test_rows_are_recipients_from_line_1(job_with):
    rows = [{"email": f"{name}@example.net", "name": name} for name in ("ann", "b b", "cy")]
    found = planned(job_with(rows))
    assert [(one.line, one.status) for one in found] == [
        (1, "pending"), (2, "invalid"), (3, "pending"),
    ]  # fmt: skip
    assert found[0].values == ("ann@example.net", "ann")


def test_an_iterator_is_read_once_and_planned_again_and_again(job_with):
    job = job_with({"email": f"p{number}@example.net"} for number in range(5_000))
    assert planned(job) == planned(job)
    assert len(planned(job)) == 5_000


def test_values_become_the_text_that_json_lines_make_of_them(job_with):
    row = {"email": "a@example.net", "i": 17, "f": 1.5, "d": Decimal("1.50"), "t": True, "n": None,
           "u": "Größe\u2028\n"}  # fmt: skip
    (found,) = planned(job_with([row]))
    assert found.values == ("a@example.net", "17", "1.5", "1.50", "true", "", "Größe")


def test_the_rows_take_the_place_of_the_table_that_the_job_names(job_with):
    """The file need not be there, and what tells of its form is left out; the rest holds."""
    rows = [{"Mail": "a@example.net", "lang": "de"}, {"Mail": "b@example.net", "lang": "fr"}]
    job = job_with(rows, file="gone.xlsx", sheet="One", address="mail", where="lang == 'de'")
    assert [one.status for one in planned(job)] == ["pending", "filtered"]
    assert job.recipients.shown == "recipients"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "recipients: there are no rows"),
        (["a@example.net"], "recipients:1: the row is no mapping, but str"),
        ([{"email": "a@x.org", 1: ""}], "recipients:1: the key 1 is no text"),
        ([{"email": date(2026, 1, 1)}], "recipients:1: the value of 'email' is no text and no"),
        ([{"email": "a@x.org", "n": float("nan")}], "recipients:1: the value of 'n' is no text"),
        ([{"email": "a@x.org", "n": ["x"]}], "recipients:1: the value of 'n' is a list; a cell"),
        ([{"email": "a@x.org"}, {"name": ""}], "recipients:2: the key 'name' is not on line 1"),
        ([{"email": "a@x.org", "b": ""}, {"email": ""}], "recipients:2: the key 'b' is missing"),
        ([{"email": "\ud800"}], "recipients:1: the value of 'email' holds half a surrogate pair"),
        ([{"mail": "a@x.org"}], "recipients:1: "),
    ],
)
def test_a_mistake_has_the_number_of_its_row(job_with, rows, told):
    with pytest.raises((RecipientError, InputErrors)) as caught:
        planned(job_with(rows))
    assert str(caught.value).startswith(told)
    assert caught.value.exit_code == 65


def test_a_missing_address_column_is_told_without_words_of_files(job_with):
    with pytest.raises(RecipientError) as caught:
        planned(job_with([{"mail": "a@x.org"}]))
    assert "header_row" not in (caught.value.hint or "")
