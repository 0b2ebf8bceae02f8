"""Tables and lists as people and programs write them; B, H and L are cases that were reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mailbatch.errors import InputErrors, JobError, RecipientError
from mailbatch.job.columns import column_hint, find_column, second_names
from mailbatch.job.model import Job
from mailbatch.recipients.plan import Plan, plan_recipients
from mailbatch.recipients.spreadsheet import bare_text

from .conftest import job_in
from .test_forms import prints
from .workbooks import table, write_workbook

MakeJob = Callable[..., Job]


def plan_of(job: Job) -> Plan:
    return plan_recipients(job, edition="1", variables={})


ADA = ("ada@example.org", "Ada")
#: What a file holds, and the line of the only person in it.
TABLES = {
    "B03: delimiter at the end of every line": (b"email;name;\r\nada@example.org;Ada;\r\n", 2),
    "B04: delimiter at the end of the rows": (b"email;name\r\nada@example.org;Ada;\r\n", 2),
    "H7: several delimiters at the end": (b"email,name,,\nada@example.org,Ada\n", 2),
    "a column without a name and without values": (b"email,,name\nada@example.org, ,Ada\n", 2),
    "B05: Excel's line for the delimiter": (
        b"\xef\xbb\xbfsep=;\r\nemail;name\r\nada@example.org;Ada\r\n",
        3,
    ),
    "Excel's line in quotes, and TAB": (b'"sep=\t"\nemail\tname\nada@example.org\tAda\n', 3),
    "Excel's line with a sign of its own": (b"sep=^\nemail^name\nada@example.org^Ada\n", 3),
    "B08: lines of mere delimiters": (b"email,name\nada@example.org,Ada\n,\n,\n , \n,,,,\n\t\n", 2),
    "B09: a title, then blank cells": (
        b"Members of the club 2026,,\r\n,,\r\nemail,name,\r\nada@example.org,Ada,\r\n",
        4,
    ),
    "a title without delimiters": (b"Members\n\nemail,name\nada@example.org,Ada\n", 4),
    "a title with another delimiter": (b"Club, old\nemail;name;plan\nada@example.org;Ada;\n", 3),
    "a title with the commas of a sentence": (
        b"Club, members, as of today\nemail;name;plan\nada@example.org;Ada;\n",
        3,
    ),
    "two titles and groups of columns": (
        b"Export,29.11.2026,\nContact,,\n,,\nemail,name,plan\nada@example.org,Ada,\n",
        5,
    ),
    "a title in quotes over two lines": (
        b'"Members\nof the club",,\nemail,name,\nada@example.org,Ada,\n',
        4,
    ),
    "blank lines above": (b"\n  \n,\nemail,name\nada@example.org,Ada\n", 5),
    "L6: capitals": (b"EMail,name\nada@example.org,Ada\n", 2),
    "spaces": (b'" Email  ",name\nada@example.org,Ada\n', 2),
    "B45: padded cells": ("email , name\nada@example.org ,\u00a0 Ada \n".encode(), 2),
    "protected addresses": (b'="email",="name"\n="ada@example.org",="Ada"\n', 2),
    "a line end in the last title": (b'email,"name\n"\nada@example.org,Ada\n', 3),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_as_it_was_meant(name: str, make_job: MakeJob, tmp_path: Path) -> None:
    content, line = TABLES[name]
    [recipient] = plan_of(make_job(content))
    assert (recipient.line, recipient.address, recipient.status) == (line, ADA[0], "pending")
    assert recipient.values[:2] == ADA
    # What a program prints is read no differently.
    command = ["cat", "recipients.csv"]
    assert list(plan_of(job_in(tmp_path, file=..., command=command))) == [recipient]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (b'email,"First\nname",Plan', ("email", "First name", "Plan")),  # B01
        (b'"E-\r\nMail";"First  \r\n\r\n name";email', ("E- Mail", "First name", "email")),
        (b'email,"a ""quoted""\n, name"', ("email", 'a "quoted" , name')),
        (b'email,5" pipe,6" pipe', ("email", '5" pipe', '6" pipe')),
    ],
)
def test_a_name_over_several_lines_is_one_name(
    header: bytes, columns: tuple[str, ...], make_job: MakeJob
) -> None:
    delimiter = b";" if b";" in header else b","
    row = delimiter.join([b"x@y.z"] * len(columns))
    plan = plan_of(make_job(header + b"\r\n" + row + b"\r\n"))
    assert plan.columns == columns
    assert [one.line for one in plan] == [2 + header.count(b"\n")]


def test_a_header_row_that_the_job_names_is_taken(make_job: MakeJob) -> None:
    content = "email;of;the;club\nold@example.org;1;2;3\nemail;name\nada@example.org;Ada\n"
    [recipient] = plan_of(make_job(content, header_row=3, delimiter=";"))
    assert (recipient.line, recipient.values) == (4, ADA)


@pytest.mark.parametrize(
    ("content", "recipients", "expected", "hint"),
    [
        (
            "Members\nemail\nada@example.org\n",
            {},
            "recipients.csv:1: the columns may be named here or on line 2",
            "Write `header_row: 2` under `recipients:`, or the line that it is.",
        ),
        (
            "id,contact\n1,email\n",
            {},
            "recipients.csv:1: the columns may be named here or on line 2",
            "Write `header_row: 2` under `recipients:`, or the line that it is.",
        ),
        (
            "Members,,\n,,\nE-Mail,Name,Plan\nada@example.org,Ada,\n",  # found by the data below
            {},
            "recipients.csv:3: no column 'email', which recipients.address names",
            "Did you mean 'E-Mail'? Then write `address: E-Mail` under `recipients:`.",
        ),
        (
            "Members\nof the club\n",
            {},
            "recipients.csv:1: no column 'email', which recipients.address names",
            (
                "There are: Members. If another line names the columns, write `header_row:` under "
                "`recipients:`."
            ),
        ),
        (
            "email\nada@example.org\n",
            {"header_row": 7},
            "recipients.csv:7: no record begins here that could name the columns",
            "See `header_row` under `recipients:`.",
        ),
        (
            "email,name\nada@example.org,Ada\n",
            {"header_row": 2},
            "recipients.csv:2: this line holds an address, not column names",
            "The first line names the columns, such as: email,first_name",
        ),
        (
            "Members,of,the,club\nemail,name\nada@example.org,Ada\n",
            {},
            "recipients.csv:1: the columns may be named here or on line 2",
            "Write `header_row: 2` under `recipients:`, or the line that it is.",
        ),
        (
            '"a\nb"\nemail\n',
            {"header_row": 2},
            "recipients.csv:2: no record begins here that could name the columns",
            "See `header_row` under `recipients:`.",
        ),
        (
            "email,name,Notes,Notes\n",  # B02
            {},
            "recipients.csv:1: columns 3 and 4 are both named 'Notes'",
            "Rename one of them: a name means one column.",
        ),
    ],
)
def test_where_the_header_is_unclear_the_error_says_what_settles_it(
    content: str, recipients: dict[str, object], expected: str, hint: str, make_job: MakeJob
) -> None:
    with pytest.raises(RecipientError) as caught:
        plan_of(make_job(content, **recipients))
    assert (str(caught.value), caught.value.hint) == (expected, hint)


def test_json_lines_have_no_header_row(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no effect with a table in \.jsonl"):
        job_in(tmp_path, file="people.jsonl", header_row=2)


def test_a_file_of_json_by_another_name_gets_its_name(make_job: MakeJob) -> None:
    for content in ('[{"email": "a@b.c", "n": 1}]\n', '{"email": "ann"}\n'):
        with pytest.raises(RecipientError) as caught:
            plan_of(make_job(content))
        assert (caught.value.hint or "").startswith("JSON is read from a file that is named .jsonl")


def test_a_workbook_with_macros_is_a_workbook(make_job: MakeJob, tmp_path: Path) -> None:
    for name in ("people.xlsm", "left.xlsm"):
        write_workbook(tmp_path / name, {"S": table(("email",), ("ada@example.org",))})
    [ada] = plan_of(job_in(tmp_path, file="people.xlsm", suppress=["left.xlsm"]))
    assert ada.reason == "listed in left.xlsm"


@pytest.mark.parametrize("wanted", [{"file": "people.csv"}, {"file": ..., "command": ["cat"]}])
def test_rows_are_hidden_in_workbooks_alone(wanted: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no effect without an \.xlsx file"):
        job_in(tmp_path, **wanted, hidden_rows="mail")


def test_a_row_that_a_sheet_hides_is_recorded_or_mailed(tmp_path: Path) -> None:
    sheet = table(("email", "plan"), ("ada@example.org", "pro"), ("B@Example.NET", "x"))
    sheet.hidden = [3]
    write_workbook(tmp_path / "people.xlsx", {"People": sheet})
    ada, bob = plan_of(job_in(tmp_path, file="people.xlsx", where="plan == 'pro'"))
    assert (ada.status, bob.line, bob.status) == ("pending", 3, "filtered")
    assert (bob.address, bob.reason) == ("B@example.net", "the row is hidden in the sheet")
    plan = plan_of(job_in(tmp_path, file="people.xlsx", hidden_rows="mail"))
    assert [one.status for one in plan] == ["pending", "pending"]


def test_a_row_that_a_sheet_hides_is_suppressed_all_the_same(
    make_job: MakeJob, tmp_path: Path
) -> None:
    sheet = table(("Unsubscribed",), ("E-Mail", "Why"), ("ada@example.org", "x"))
    sheet.hidden = [3]
    write_workbook(tmp_path / "left.xlsx", {"Left": sheet})
    [ada] = plan_of(make_job("email\nada@example.org\n", suppress=["left.xlsx"]))
    assert ada.reason == "listed in left.xlsx"


@pytest.mark.parametrize("form", ["csv", "command", "jsonl", "xlsx"])
def test_blank_records_are_nobody_and_padding_is_no_value_in_any_form(
    form: str, tmp_path: Path
) -> None:
    rows = [("Email", "name"), (" ada@example.org ", " Ada\t"), (" ", ""), ("", "\u00a0")]
    text = "\n".join(map(",".join, rows))
    path = tmp_path / f"people.{form}"
    job = job_in(tmp_path, file=path.name)
    if form == "command":
        job = job_in(tmp_path, file=..., command=prints(text))
    elif form == "csv":
        path.write_text(text)
    elif form == "jsonl":
        objects = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
        nulls = json.dumps(dict.fromkeys(rows[0]))
        path.write_text("\n".join([*map(json.dumps, objects), nulls]))
    else:
        write_workbook(path, {"People": table(*rows)})
    plan = plan_of(job)
    assert plan.address == "Email"
    assert [(one.address, one.values) for one in plan] == [(ADA[0], ADA)]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="01234"', "01234"),  # B44
        ("'+491701234567", "+491701234567"),
        ("'=1+1", "=1+1"),
        ("'-5", "-5"),
        ("'@ada", "@ada"),
        ("'0170 123-45", "0170 123-45"),
        ('="a ""b"""', 'a "b"'),
        ('=""', ""),
        ("'90s music", "'90s music"),
        ("'0 is nothing", "'0 is nothing"),
        ("'s-Hertogenbosch", "'s-Hertogenbosch"),
        ("O'Brien", "O'Brien"),
        ("'", "'"),
        ("=A1", "=A1"),
        ('="a"&"b"', '="a"&"b"'),
        ("", ""),
    ],
)
def test_a_text_that_a_spreadsheet_protects_is_the_text(cell: str, text: str) -> None:
    assert bare_text(cell) == text


def test_a_protected_text_is_one_of_a_csv_alone(make_job: MakeJob, tmp_path: Path) -> None:
    [recipient] = plan_of(make_job('email,zip,phone\na@b.c,="01234",\'+49\n'))
    assert recipient.values[1:] == ("01234", "+49")
    (tmp_path / "people.jsonl").write_text('{"email": "a@b.c", "zip": "=\\"01234\\""}\n')
    [recipient] = plan_of(job_in(tmp_path, file="people.jsonl"))
    assert recipient.values == ("a@b.c", '="01234"')


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        (
            "Windows",
            "email,name\na@b.c,Jörg\n".encode("cp1252"),
            (
                "The cell would be 'Jörg' in Windows-1252 (`encoding: cp1252`) and 'J\u02c6rg' in "
                "Mac Roman (`encoding: mac_roman`): "
            ),
        ),
        (
            "Mac",
            "email,name\na@b.c,Jörg\n".encode("mac_roman"),
            (
                "The cell would be 'Jšrg' in Windows-1252 (`encoding: cp1252`) and 'Jörg' in Mac "
                "Roman (`encoding: mac_roman`): "
            ),
        ),
        (
            "a byte that Windows-1252 has not",
            "email;name\na@b.c;Åsa\n".encode("mac_roman"),
            "The cell would be 'Åsa' in Mac Roman (`encoding: mac_roman`): ",
        ),
    ],
)
def test_an_old_encoding_is_not_guessed(
    name: str, content: bytes, hint: str, make_job: MakeJob
) -> None:
    with pytest.raises(RecipientError, match="is not valid utf-8") as caught:
        list(plan_of(make_job(content)))
    assert (caught.value.hint or "").startswith(hint), name
    encoding = "mac_roman" if "Mac" in name or "not" in name else "cp1252"
    [recipient] = plan_of(make_job(content, encoding=encoding))
    assert recipient.values[1] in {"Jörg", "Åsa"}


# Names


@pytest.mark.parametrize(
    ("wanted", "columns", "found"),
    [
        ("email", ("Email", "name"), "Email"),
        ("email", ("EMAIL", "email"), "email"),
        ("email", ("EMAIL", "Email"), None),
        ("E-Mail Address", ("e-mail  address",), "e-mail  address"),
        ("email", (" Email ",), " Email "),
        ("email", ("E-Mail",), None),
    ],
)
def test_a_column_is_found_whatever_its_case(
    wanted: str, columns: tuple[str, ...], found: str | None
) -> None:
    assert find_column(wanted, columns) == found


def test_a_column_that_is_no_identifier_has_a_second_name() -> None:
    columns = ("email", "First Name", "E-Mail", "a b", "a-b", "2nd", "now!", "last name", "range?")
    assert second_names((*columns, "last_name")) == {
        "First_Name": "First Name",
        "E_Mail": "E-Mail",
    }


@pytest.mark.parametrize(
    ("name", "source", "hint"),
    [
        (
            "first_name",
            None,
            "The column is 'First Name': write First_Name or recipient[\"First Name\"].",
        ),
        (
            "firstname",
            None,
            "The column is 'First Name': write First_Name or recipient[\"First Name\"].",
        ),
        ("E", "{{ E-Mail }}", "The column is 'E-Mail': write E_Mail or recipient[\"E-Mail\"]."),
        ("E", '{{ recipient["E-Mail"] }}', None),
        ("nickname", "{{ nickname }}", None),
    ],
)
def test_a_name_that_nothing_defines_gets_the_column_as_its_hint(
    name: str, source: str | None, hint: str | None
) -> None:
    assert column_hint(name, ("First Name", "E-Mail", "plan"), source) == hint


def test_where_knows_second_names_and_says_how_others_are_written(make_job: MakeJob) -> None:
    content = "email,First Name\na@b.c,Ada\nb@b.c,Bob\n"
    plan = plan_of(make_job(content, where="First_Name == 'Ada'"))
    assert [one.status for one in plan] == ["pending", "filtered"]
    for where in ("first_name == 'Ada'", "First Name == 'Ada'"):
        with pytest.raises(JobError) as caught:
            plan_of(make_job(content, where=where))
        assert caught.value.hint == (
            "The column is 'First Name': write First_Name or recipient[\"First Name\"]."
        )


# Comparisons


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        (
            "age > 18",
            "compares the text '9' with the number 18",
            "Cells are text: write age | float > 18.",
        ),
        (
            "18 < age",
            "compares the text '9' with the number 18",
            "Cells are text: write age | float < 18.",
        ),
        (
            "plan == 5",
            "compares the text 'pro' with the number 5",
            "Cells are text: write plan | float == 5, or plan == '5'.",
        ),
        ("plan != 5.5", "compares the text 'pro' with the number 5.5", None),
        ("recipient['plan'] is eq 5", "compares the text 'pro' with the number 5", None),
        ("1 < age | int and 1 < age < 3", "compares the text '9' with the number 1", None),
        (
            "active == true",
            "compares the text 'TRUE' with the truth value true",
            "Cells are text: write active | lower == 'true', or the word of the table.",
        ),
        (
            "plan == none",
            "compares the text 'pro' with none",
            "A cell is never none: write plan == '' for an empty one.",
        ),
        (
            "plan == ['pro']",
            "compares the text 'pro' with a list",
            "To look for it in a list, write plan in [...].",
        ),
        (
            "age in [9, 10]",
            "looks for the text '9' among what is no text, such as 9",
            "Cells are text: write age in ['9'], or age | float in [9].",
        ),
        ("age not in [9]", "looks for the text '9' among what is no text, such as 9", None),
        ("age | int in ['9']", "looks for the number 9 among texts, such as '9'", None),
        ("9 in age", "looks for the number 9 in the text '9'", None),
        (
            "age > '18'",  # B38
            "compares the texts '9' and '18' by their letters, not by their size",
            "Make numbers of both: age | float > 18.",
        ),
        ("[age] | select('gt', 5) | list | length == 1", "compares the text '9' with", None),
        (
            "joined > '2026-01-01'",
            "compares the dates '29.11.2025' and '2026-01-01' by their letters",
            (
                "Dates are compared as texts such as '2026-11-29' alone: let the table write them "
                "so; in a workbook, give the cells the format yyyy-mm-dd."
            ),
        ),
        ("joined < '01.12.2025'", "compares the dates '29.11.2025' and '01.12.2025'", None),
        ("joined == '2025-11-29'", "compares the dates '29.11.2025' and '2025-11-29'", None),
        ("joined in ['2025-11-29']", "compares the dates '29.11.2025' and '2025-11-29'", None),
        ("'Sun 29-Nov-25' < '2026-01-01'", "compares the dates 'Sun 29-Nov-25'", None),
        ("'November 29, 2025' < '2026-01-01'", "compares the dates 'November 29, 2025'", None),
        ("'2025/11/29' < '2026-01-01'", "compares the dates '2025/11/29'", None),
        ("age + 1 > 18", "calculates with a text: ", None),
        ("1 + age > 18", "calculates with a text: ", None),
    ],
)
def test_a_text_and_a_number_are_never_compared(
    where: str, message: str, hint: str | None, make_job: MakeJob
) -> None:
    content = "email,plan,age,active,joined\na@b.c,pro,9,TRUE,29.11.2025\n"
    with pytest.raises(JobError) as caught:
        list(plan_of(make_job(content, where=where)))
    assert str(caught.value).startswith(f"job.yaml:8:10: recipients.where: {message}")
    assert caught.value.hint
    assert hint is None or caught.value.hint == hint


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("age | int > 8", True),
        ("active | lower == 'true'", True),
        ("7 < age | int <= 9", True),
        ("10 < age | int < 3 > 1", False),
        ("age == '9'", True),
        ("zip >= '01000' and zip < '02000'", True),
        ("joined > '2026-01-01'", True),
        ("joined > '2026-01-01T10:00'", True),
        ("'29.11.2025' == '29.11.2025' != '28.11.2025'", True),
        ("'29.11.2025' in ['28.11.2025', '29.11.2025', 'never']", True),
        ("joined > '' and joined != 'never'", True),
        ("'2025/11/29' < '2025/11/30'", True),
        ("'route 66' > 'route 6' and 'May 5' != '2026-01-01'", True),
        ("'n/a' | int(0) == 0 and 'n/a' | float(default=1.5) == 1.5", True),
        ("'' | int == 0 and 'ff' | int(base=16) == 255 and ' 7.9 ' | int == 7", True),
        ("age in ['9', '10']", True),
        ("age in []", False),
        ("'9' in age", True),
        ("plan in variables.plans", True),
        ("variables.limit == none", True),
        ("variables.limit is none", True),
        ("age | int in [9, 'x']", True),
        ("plan | length == 3", True),
    ],
)
def test_what_can_be_compared_is(where: str, wanted: bool, make_job: MakeJob) -> None:
    content = "email,plan,age,zip,joined,active\na@b.c,pro,9,01067,2026-03-01,TRUE\n"
    variables = {"plans": ["pro", "team"], "limit": None}
    [recipient] = plan_recipients(make_job(content, where=where), edition="1", variables=variables)
    assert recipient.status == ("pending" if wanted else "filtered")


@pytest.mark.parametrize(
    ("where", "cell"),
    [
        ("price | float > 100", "1,234.50 €"),
        ("price | int > 100", "n/a"),
        ("price | float > 100", "nan"),
        ("price | int(base=16) > 100", "xyz"),
    ],
)
def test_a_text_that_is_no_number_is_not_taken_for_0(
    where: str, cell: str, make_job: MakeJob
) -> None:
    content = f'email,price\na@b.c,"{cell}"\nb@b.c,500\n'
    bad, good = plan_of(make_job(content, where=where))
    assert (bad.status, good.status) == ("invalid", "pending")
    name = where.split()[2].partition("(")[0]
    assert bad.reason == (
        f"`where` fails: {cell!r} is no number such as 1234.5; {name}(0) would take 0 for such a "
        "text"
    )


# Suppression lists of other tools

LISTS = {
    "B34: title of another tool": '"Email Address","First Name"\nBOB@Example.net,Bob\n',
    "title in another language": "Name;E-Mail-Adresse\nBob;bob@example.net\n",
    "title address": "address,created\nbob@example.net,2026-10-02\n",
    "the plainer of two titles": "Address,E-Mail\nStreet 1,bob@example.net\n",
    "the job's own column before others": "Mail,EMAIL\nx,bob@example.net\n",
    "whole domain": "# left us\n@example.net\n",
    "whole domain without a sign": "example.net\n",
    "entries with delimiters behind them": "cy@example.com;\nbob@example.net;;\n",
    "entries in quotes": '"cy@example.com",\n"bob@example.net"\n="dan@example.org"\n',
    "whole domain as a pattern": "*@example.net\n",
    "domain in a table": "email\nada@example.com\nEXAMPLE.net\n",
    "titles above": "Unsubscribed,\n,\nEmail,Reason\nbob@example.net,x\n",
    "Excel's forms": 'sep=;\nEmail;\n="bob@example.net";\n;\n',
    "all of them left": "Email,Status\nbob@example.net,Unsubscribed\ncy@example.com,hard bounce\n",
    "replies for a status": "status,reason,email\n5.1.1,gone,bob@example.net\n",
    "a truth for each": "email,unsubscribed\nbob@example.net,TRUE\ncy@example.com,2026-01-02\n",
    "nobody is subscribed": "email,subscribed\nbob@example.net,no\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_another_tool_is_understood(name: str, make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "left.csv").write_text(LISTS[name])
    job = make_job("email\nada@example.org\nbob@example.net\n", suppress=["left.csv"])
    ada, bob = plan_of(job)
    assert (ada.status, ada.reason, bob.status) == ("pending", None, "suppressed")
    named = "@example.net is listed" if "domain" in name else "listed"
    assert bob.reason == f"{named} in left.csv"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "Email,Status\nann@example.org,Unsubscribed\nada@example.org,Subscribed\n",
            (
                "left.csv:3: the column 'Status' says 'Subscribed', which may mean that this one "
                "did not leave: 'ada@example.org'"
            ),
        ),
        ("email,unsubscribed\nada@example.org,\n", "left.csv:2: the column 'unsubscribed' says ''"),
        ("email,opt_in\nada@example.org,yes\n", "left.csv:2: the column 'opt_in' says 'yes'"),
        ("E-Mail,Mail\na@b.c,b@b.c\n", "left.csv:1: no address, and no header with"),
        ("Name,Plan\nAda,pro\n", "left.csv:1: no address, and no header with"),
        ("@example.net\nad*@example.org\n", "left.csv:2: a pattern is not understood here"),
        ("@example.net\na@b.c; d@e.f\n", "left.csv:2: the address contains ';'"),
        ("Unsubscribed\nada@example.org\n", "left.csv:1: no address, and no header with"),
        ("@example.net\nexample\n", "left.csv:2: the address has no @: 'example'"),
        ("@example.net\n.example.net\n", "left.csv:2: the part after the @ has a dot"),
        ('{"email": "a@b.c"}\n', "left.csv:1: "),
    ],
)
def test_what_is_not_understood_in_a_list_is_an_error_with_its_line(
    content: str, expected: str, make_job: MakeJob, tmp_path: Path
) -> None:
    (tmp_path / "left.csv").write_text(content)
    with pytest.raises((RecipientError, InputErrors)) as caught:
        plan_of(make_job("email\nada@example.org\n", suppress=["left.csv"]))
    assert str(caught.value).startswith(expected)


def test_a_list_may_be_a_workbook_or_json_lines(make_job: MakeJob, tmp_path: Path) -> None:
    write_workbook(
        tmp_path / "left.xlsx", {"Gone": table(("E-Mail", "Since"), ("bob@example.net", 2025))}
    )
    (tmp_path / "left.jsonl").write_text('{"address": "cy@example.com"}\n')
    content = "email\nada@example.org\nbob@example.net\ncy@example.com\n"
    plan = plan_of(make_job(content, suppress=["left.xlsx", "left.jsonl"]))
    assert [one.reason for one in plan] == [None, "listed in left.xlsx", "listed in left.jsonl"]


@pytest.mark.parametrize(("cell", "name"), [("12,50", "float"), ("-3,5", "int")])
def test_a_decimal_comma_gets_the_remedy_that_works(cell, name, make_job):
    written = f"price | {name} > 100"
    (bad,) = plan_of(make_job(f'email,price\na@b.c,"{cell}"\n', where=written))
    remedy = f"| replace(',', '.') | {name}"
    assert (bad.reason or "").endswith(f"where the comma is the point, write {remedy}")
    mended = f"price {remedy} > -100"
    (good,) = plan_of(make_job(f'email,price\na@b.c,"{cell}"\n', where=mended))
    assert good.status == "pending"
