"""The plan accounts for every record: one recipient each, in order, with a status and a reason."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.envelope import Recipient
from mailbatch.errors import InputErrors, JobError, RecipientError
from mailbatch.job.columns import TEMPLATE_NAMES
from mailbatch.job.model import Job
from mailbatch.recipients.plan import Plan, plan_recipients

from .conftest import job_in

HEADER = "recipients.csv:1: "
MakeJob = Callable[..., Job]
TABLE = (
    "email,name,plan\n"
    "ann@example.com,Ann,pro\n"
    "nobody,Bob,pro\n"
    "Cid@Example.com,Cid,free\n"
    "\n"
    '"dan@example.com","D\nan",pro\n'
    ",Eve,pro\n"
)


def plan_of(job: Job) -> Plan:
    return plan_recipients(job, edition="48", variables={"issue": 48})


def test_every_record_is_a_recipient_in_order(make_job: MakeJob) -> None:
    plan = plan_of(make_job(TABLE))
    assert plan.columns == ("email", "name", "plan")
    assert list(plan) == [
        Recipient(2, "ann@example.com", ("ann@example.com", "Ann", "pro")),
        Recipient(
            3,
            "nobody",
            ("nobody", "Bob", "pro"),
            status="invalid",
            reason="the address has no @",
        ),
        Recipient(4, "Cid@example.com", ("Cid@Example.com", "Cid", "free")),
        Recipient(6, "dan@example.com", ("dan@example.com", "D\nan", "pro")),
        Recipient(8, "", ("", "Eve", "pro"), status="invalid", reason="the address is empty"),
    ]


def test_a_plan_can_be_read_again(make_job: MakeJob) -> None:
    plan = plan_of(make_job(TABLE, where="plan == 'pro'"))
    assert list(plan) == list(plan)


def test_duplicates_are_left_to_the_ledger(make_job: MakeJob) -> None:
    plan = plan_of(make_job("email\na@b.c\na@b.c\nA@B.c\n"))
    assert [recipient.status for recipient in plan] == ["pending"] * 3


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        ((), [None, None]),
        (("plan",), [("pro",), ("",)]),
        (("plan", "locale"), [("pro", "de"), ("", "de")]),
        (("email",), [("a@b.c",), ("nobody",)]),
    ],
)
def test_a_group_is_the_cells_of_its_columns(
    group_by: tuple[str, ...], groups: list[tuple[str, ...] | None], make_job: MakeJob
) -> None:
    recipients = {"group_by": list(group_by)} if group_by else {}
    plan = plan_of(make_job("locale,email,plan\nde,a@b.c,pro\nde,nobody,\n", **recipients))
    assert [recipient.group for recipient in plan] == groups


def test_a_column_of_group_by_is_found_in_capitals_or_not(make_job: MakeJob) -> None:
    table = "Locale,Email,Plan,PLAN\nde,a@b.c,pro,1\n"
    plan = plan_of(make_job(table, address="email", group_by=["email", "locale", "PLAN"]))
    assert [recipient.group for recipient in plan] == [("a@b.c", "de", "1")]
    with pytest.raises(RecipientError, match="no column 'plan', which recipients"):
        plan_of(make_job(table, address="email", group_by=["plan"]))


def test_where_leaves_rows_out_whatever_their_address(make_job: MakeJob) -> None:
    table = "email,plan\nA@B.C,pro\nX@Y.Z,free\nnobody,free\nnobody,pro\n"
    plan = plan_of(make_job(table, where="plan == 'pro'"))
    assert [(one.address, one.status, one.reason) for one in plan] == [
        ("A@b.c", "pending", None),
        ("X@y.z", "filtered", "`where` is false"),
        ("nobody", "filtered", "`where` is false"),
        ("nobody", "invalid", "the address has no @"),
    ]


def test_where_sees_the_edition_and_the_variables(make_job: MakeJob) -> None:
    table = "email,issue\na@b.c,48\nx@y.z,49\n"
    job = make_job(table, where="issue == edition and issue | int == variables.issue")
    assert [recipient.status for recipient in plan_of(job)] == ["pending", "filtered"]


def test_where_sees_the_job_as_templates_do(make_job: MakeJob) -> None:
    name = make_job("email\n").name
    job = make_job(f"email,for\na@b.c,{name}\nx@y.z,other\n", where="recipient.for == job.name")
    assert [recipient.status for recipient in plan_of(job)] == ["pending", "filtered"]
    with pytest.raises(JobError, match=r"'job' has no 'server'$"):
        plan_of(make_job("email\na@b.c\n", where="job.server == 1"))


def test_where_sees_the_time_that_it_is_given(make_job: MakeJob) -> None:
    job = make_job(
        "email,until\na@b.c,2026-12-31\nx@y.z,2026-01-31\n",
        where="until > now.strftime('%Y-%m-%d')",
    )
    now = datetime(2026, 11, 23, tzinfo=UTC)
    plan = plan_recipients(job, edition="1", variables={}, now=now)
    assert [recipient.status for recipient in plan] == ["pending", "filtered"]
    with pytest.raises(JobError, match=r"nothing defines 'now'$"):
        plan_of(job)


def test_a_row_for_which_where_fails_is_invalid(make_job: MakeJob) -> None:
    job = make_job("email,age\na@b.c,0\nX@Y.Z,4\n", where="12 / (age | int) > 1")
    assert [(one.address, one.status, one.reason) for one in plan_of(job)] == [
        ("a@b.c", "invalid", "`where` fails: division by zero"),
        ("X@y.z", "pending", None),
    ]


def test_a_mistake_in_where_has_its_place_in_the_job(make_job: MakeJob) -> None:
    with pytest.raises(JobError) as caught:
        plan_of(make_job(TABLE, where="plann == 'pro'"))
    assert str(caught.value) == "job.yaml:8:10: recipients.where: nothing defines 'plann'"


def test_a_text_for_a_truth_value_stops_the_plan(make_job: MakeJob) -> None:
    plan = plan_of(make_job("email,wants\na@b.c,no\n", where="wants"))
    with pytest.raises(JobError, match=r"^job.yaml:8:10: .* neither true nor false"):
        list(plan)


def test_a_suppressed_address_is_recognised_in_any_spelling(
    make_job: MakeJob, tmp_path: Path
) -> None:
    (tmp_path / "left.txt").write_text("ANN@example.com\nx@bücher.example\n")
    (tmp_path / "bounced.csv").write_text("mail;email\n1;dan@EXAMPLE.com\n")
    table = "email\nann@Example.com\nbob@example.com\n Dan@example.com\nx@xn--bcher-kva.example\n"
    plan = plan_of(make_job(table, suppress=["left.txt", "bounced.csv"]))
    assert [(one.address, one.status, one.reason) for one in plan] == [
        ("ann@example.com", "suppressed", "listed in left.txt"),
        ("bob@example.com", "pending", None),
        ("Dan@example.com", "suppressed", "listed in bounced.csv"),
        ("x@xn--bcher-kva.example", "suppressed", "listed in left.txt"),
    ]


def test_a_suppression_list_may_stand_outside_by_an_absolute_path(
    make_job: MakeJob, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "left.txt"
    path.write_text("a@b.c\n")
    plan = plan_of(make_job("email\na@b.c\n", suppress=[str(path)]))
    assert [(one.status, one.reason) for one in plan] == [("suppressed", f"listed in {path}")]


def test_a_filtered_row_stays_filtered_if_it_is_suppressed(
    make_job: MakeJob, tmp_path: Path
) -> None:
    (tmp_path / "left.txt").write_text("a@b.c\n")
    job = make_job("email,plan\na@b.c,free\n", where="plan == 'pro'", suppress=["left.txt"])
    assert [recipient.status for recipient in plan_of(job)] == ["filtered"]


def test_a_local_part_beyond_ascii_is_left_to_the_server(make_job: MakeJob) -> None:
    plan = plan_of(make_job("email\njürgen@bücher.example\n"))
    assert [(one.address, one.status) for one in plan] == [
        ("jürgen@xn--bcher-kva.example", "pending")
    ]


# The header and the files

#: A table without the column `email`, as other programs write one -> the remedy.
OFFERED = (
    ("Email Address,First Name\na@example.org,A\n",
     "Did you mean 'Email Address'? Then write `address: 'Email Address'` under `recipients:`."),
    ("First Name,E-mail Address\n",
     "Did you mean 'E-mail Address'? Then write `address: 'E-mail Address'` under `recipients:`."),
    ("Name,E-mail 1 - Value,E-mail 2 - Value\nA,a@example.org,b@example.org\n",
     ("Did you mean 'E-mail 1 - Value'? Then write `address: 'E-mail 1 - Value'` under "
      "`recipients:`.")),
    ("Address,Kontakt\n1 High Street,a@example.org\n,b@example.org\n",
     "Did you mean 'Kontakt'? Then write `address: Kontakt` under `recipients:`."),
    ("mother email,father email\na@example.org,b@example.org\n,c@example.org\n",
     ("It could be 'mother email' or 'father email'. Then write `address: 'mother email'` under "
      "`recipients:`.")),
    ("id,name\n1,a@example.org\n2,Bob\n",
     ("There are: id, name. If another line names the columns, write `header_row:` "
      "under `recipients:`.")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("table", "recipients", "expected", "hint"),
    [
        (
            "EMAIL,Email\n",
            {},
            "recipients.csv:1: no column 'email', which recipients.address names",
            "It could be 'EMAIL' or 'Email'. Then write `address: EMAIL` under `recipients:`.",
        ),
        (
            "E-Mail,name\n",
            {},
            "recipients.csv:1: no column 'email', which recipients.address names",
            "Did you mean 'E-Mail'? Then write `address: E-Mail` under `recipients:`.",
        ),
        (
            "email,name\n",
            {"address": "mail"},
            "recipients.csv:1: no column 'mail', which recipients.address names",
            "Did you mean 'email'? Then write `address: email` under `recipients:`.",
        ),
        (
            "E-Mail 1,name\n",
            {},
            "recipients.csv:1: no column 'email', which recipients.address names",
            "Did you mean 'E-Mail 1'? Then write `address: 'E-Mail 1'` under `recipients:`.",
        ),
        *(
            (
                table,
                {},
                "recipients.csv:1: no column 'email', which recipients.address names",
                hint,
            )
            for table, hint in OFFERED
        ),
        (
            "id,name\n",
            {},
            "recipients.csv:1: no column 'email', which recipients.address names",
            (
                "There are: id, name. If another line names the columns, write `header_row:` "
                "under `recipients:`."
            ),
        ),
        (
            "email;name\n",
            {"delimiter": ","},
            "recipients.csv:1: no column 'email', which recipients.address names",
            "The whole header is one column; is `recipients.delimiter` right?",
        ),
        (
            "email,locale\n",
            {"group_by": ["local"]},
            "recipients.csv:1: no column 'local', which recipients.group_by names",
            "Did you mean 'locale'?",
        ),
        *(
            (
                "E-Mail,order id\n",
                {"address": "e-mail", key: written},
                f"recipients.csv:1: no column {written!r}, which recipients.{key} names",
                f"Write a list: [{listed}].",
            )
            for key in ("group_by", "key")
            for written, listed in (
                ("e-mail, order id", "e-mail, order id"),
                ("E-Mail;order id", "E-Mail, order id"),
            )
        ),
        *(
            (
                "email,order\n",
                {key: "\u201corder\u201d"},
                f"recipients.csv:1: no column '\u201corder\u201d', which recipients.{key} names",
                "Write straight quotes, or none: these are part of the text.",
            )
            for key in ("group_by", "key")
        ),
        (
            "E-Mail,order\n",
            {"address": "\u201ce-mail\u201d"},
            "recipients.csv:1: no column '\u201ce-mail\u201d', which recipients.address names",
            (
                "Write straight quotes, or none: these are part of the text. "
                "Then write `address: E-Mail` under `recipients:`."
            ),
        ),
        *(
            (
                f"email,{name}\n",
                {},
                f"{HEADER}the column {name!r} would hide what templates know by that name",
                f"Rename it; these names are taken: {', '.join(TEMPLATE_NAMES)}.",
            )
            for name in TEMPLATE_NAMES
        ),
    ],
)
def test_a_wrong_header_is_found_before_any_row_is_read(
    table: str, recipients: dict[str, object], expected: str, hint: str, make_job: MakeJob
) -> None:
    with pytest.raises(RecipientError) as caught:
        plan_of(make_job(table, **recipients))
    assert str(caught.value) == expected
    assert caught.value.hint == hint


def test_all_mistakes_of_a_header_come_together(make_job: MakeJob) -> None:
    job = make_job("mail,rows,now\n", group_by=["plan"], where="plan == 'pro'")
    with pytest.raises(InputErrors) as caught:
        plan_of(job)
    assert [str(error) for error in caught.value.errors] == [
        "recipients.csv:1: no column 'email', which recipients.address names",
        "recipients.csv:1: no column 'plan', which recipients.group_by names",
        "recipients.csv:1: the column 'rows' would hide what templates know by that name",
        "recipients.csv:1: the column 'now' would hide what templates know by that name",
        "job.yaml:8:10: recipients.where: nothing defines 'plan'",
    ]
    assert caught.value.exit_code == 78


def test_a_table_outside_the_folder_is_an_error_of_the_job(tmp_path: Path) -> None:
    with pytest.raises(JobError) as caught:
        plan_of(job_in(tmp_path, file="../recipients.csv"))
    assert str(caught.value) == (
        "job.yaml:7:9: recipients.file: '../recipients.csv' leaves the folder of the job file"
    )
    with pytest.raises(JobError, match=r"^job.yaml:7:9: .* must be relative to the job file$"):
        plan_of(job_in(tmp_path, file="/etc/passwd"))


def test_a_list_that_is_linked_from_outside_is_an_error_of_the_job(
    make_job: MakeJob, tmp_path: Path
) -> None:
    (tmp_path / "left.txt").symlink_to("/etc/passwd")
    with pytest.raises(JobError, match=r"^job.yaml:9:13: .*'left.txt' leaves the folder"):
        plan_of(make_job("email\n", suppress=["left.txt"]))


def test_a_missing_table_is_named_as_the_job_names_it(tmp_path: Path) -> None:
    with pytest.raises(RecipientError, match=r"^list/all.csv: cannot be read: No such file"):
        plan_of(job_in(tmp_path, file="list/all.csv"))


def test_a_table_that_breaks_stops_the_plan(make_job: MakeJob) -> None:
    recipients = iter(plan_of(make_job("email,name\na@b.c,Ann\nx@y.z\n")))
    assert next(recipients).line == 2
    with pytest.raises(RecipientError, match=r"^recipients.csv:3: 1 cell where"):
        next(recipients)


# Stopping at invalid rows


def test_stop_reports_the_invalid_rows_together(make_job: MakeJob) -> None:
    table = "email\na@b.c\nnobody\nx@y.z\na b@b.c\n"
    recipients = iter(plan_of(make_job(table, on_invalid="stop")))
    assert next(recipients).address == "a@b.c"
    with pytest.raises(InputErrors) as caught:
        next(recipients)
    assert [str(error) for error in caught.value.errors] == [
        "recipients.csv:3: the address has no @: 'nobody'",
        "recipients.csv:5: the address contains a space: 'a b@b.c'",
    ]
    assert caught.value.exit_code == 65


def test_stop_reports_twenty_rows_at_most(make_job: MakeJob) -> None:
    plan = plan_of(make_job("email\n" + "nobody\n" * 30, on_invalid="stop"))
    with pytest.raises(InputErrors) as caught:
        list(plan)
    assert len(caught.value.errors) == 20


def test_stop_also_reports_where_the_table_breaks(make_job: MakeJob) -> None:
    plan = plan_of(make_job("email\nnobody\nx,y\n", on_invalid="stop"))
    with pytest.raises(InputErrors) as caught:
        list(plan)
    assert [error.location.line for error in caught.value.errors if error.location] == [2, 3]
    with pytest.raises(RecipientError, match=r"^recipients.csv:2: 2 cells"):
        list(plan_of(make_job("email\nx,y\n", on_invalid="stop")))


def test_stop_leaves_filtered_rows_alone(make_job: MakeJob) -> None:
    job = make_job("email,plan\nnobody,free\na@b.c,pro\n", on_invalid="stop", where="plan == 'pro'")
    assert [recipient.status for recipient in plan_of(job)] == ["filtered", "pending"]


# Properties

CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
ADDRESS = CELL | st.sampled_from(["a@b.c", "A@B.c", " x@y.z", "nobody", "ann@bücher.example"])


@settings(deadline=None, max_examples=80)
@given(rows=st.lists(st.tuples(ADDRESS, CELL), max_size=10), where=st.booleans())
def test_as_many_recipients_come_out_as_rows_go_in(
    rows: list[tuple[str, str]], where: bool
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("email", "note"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "recipients.csv").write_bytes(text.getvalue().encode())
        Path(folder, "left.txt").write_text("x@y.z\n")
        recipients = {"where": "note | length > 3"} if where else {}
        job = job_in(Path(folder), suppress=["left.txt"], **recipients)
        planned = list(plan_of(job))
    stripped = [tuple(cell.strip() for cell in row) for row in rows]
    assert [recipient.values for recipient in planned] == [row for row in stripped if any(row)]
    for recipient in planned:
        cell, note = recipient.values
        assert (recipient.status == "filtered") is (where and len(note) <= 3)
        assert (recipient.reason is None) is (recipient.status == "pending")
        if recipient.status == "invalid":
            assert recipient.address == cell
        if recipient.status == "pending":
            assert recipient.address.lower() not in ("x@y.z", "nobody")


@settings(deadline=None, max_examples=150)
@given(
    content=st.binary(max_size=80)
    | st.lists(st.sampled_from([b"a@b.c", b"x", b",", b'"', b"\n", b"\xff"]), max_size=20).map(
        lambda scraps: b"email,name\n" + b"".join(scraps)
    ),
    stop=st.booleans(),
)
def test_any_bytes_give_recipients_or_errors_of_the_table(content: bytes, stop: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "recipients.csv").write_bytes(content)
        job = job_in(Path(folder), on_invalid="stop" if stop else "skip")
        try:
            planned = list(plan_of(job))
        except (RecipientError, InputErrors) as error:
            exit_code = error.exit_code
        else:
            exit_code = 0
            assert all(recipient.status in ("pending", "invalid") for recipient in planned)
            assert not stop or all(recipient.status == "pending" for recipient in planned)
    assert exit_code in (0, 65)


def test_the_table_itself_is_no_suppression_list(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("recipients.csv")
    for name in ("recipients.csv", "./recipients.csv", "link.csv"):
        with pytest.raises(JobError) as caught:
            plan_of(make_job(TABLE, suppress=[name]))
        assert str(caught.value) == (
            f"job.yaml:9:13: recipients.suppress[0]: '{name}' is the table of the recipients: "
            "nobody would be mailed"
        )


NO_TABLES = {
    "version: 1\nname: news\n": "a text of keys and values, such as a job or a mail",
    "From: a@b.c\nDate: Mon, 30 Nov 2026\n\nHi\n": (
        "a text of keys and values, such as a job or a mail"
    ),
    "<!DOCTYPE html>\n<p>Log in</p>\n": "HTML or XML",
    "<?xml version='1.0'?>\n<a/>\n": "HTML or XML",
    "Dear {{ name }},\nhello\n": "a template",
    "{% if a %}\nx\n": "a template",
}


@pytest.mark.parametrize("content", NO_TABLES)
def test_a_text_that_is_no_table_is_told_from_tables(
    content: str, make_job: MakeJob, tmp_path: Path
) -> None:
    like = ", not a table. The first line of a table names the columns, such as: email,first_name"
    (tmp_path / "page").write_text(content)
    for job, noun in (
        (make_job(content), "The file"),
        (job_in(tmp_path, file=..., command=["cat", "page"]), "The output"),
    ):
        with pytest.raises(RecipientError, match="no column 'email'") as caught:
            plan_of(job)
        assert caught.value.hint == f"{noun} is {NO_TABLES[content]}{like}"
