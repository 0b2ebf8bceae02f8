"""The same people make the same plan, whatever form their table has; every error has its row."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import InputErrors, JobError, RecipientError
from mailbatch.job.loader import load_job
from mailbatch.job.model import Job
from mailbatch.recipients.plan import Plan, plan_recipients

from .conftest import job_in
from .workbooks import table, write_workbook

ROWS = [
    ("email", "age", "plan"),
    ("ann@example.com", "17", "pro"),
    ("nobody", "18", "pro"),
    ("Cid@Example.com", "19", "free"),
]
CSV = "".join(",".join(row) + "\n" for row in ROWS)
PLANNED = [
    Recipient(2, "ann@example.com", ("ann@example.com", "17", "pro")),
    Recipient(
        3, "nobody", ("nobody", "18", "pro"), status="invalid", reason="the address has no @"
    ),
    Recipient(
        4,
        "Cid@example.com",
        ("Cid@Example.com", "19", "free"),
        status="filtered",
        reason="`where` is false",
    ),
]


def prints(text: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.stdout.write({text!r}); sys.exit({code})"]


def in_form(folder: Path, form: str, **recipients: object) -> Job:
    """Write the rows in a form and make a job that names them."""
    if form == "command":
        return job_in(folder, file=..., command=prints(CSV), **recipients)
    path = folder / f"people.{form}"
    if form == "csv":
        path.write_text(CSV)
    elif form == "jsonl":
        objects = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]
        lines = [json.dumps(one | {"age": int(one["age"])}) for one in objects]
        path.write_text("\n" + "\n".join(lines) + "\n")
    else:
        numbers = [(email, int(age), plan) for email, age, plan in ROWS[1:]]
        write_workbook(path, {"People": table(ROWS[0], *numbers)})
    return job_in(folder, file=path.name, **recipients)


def plan_of(job: Job) -> Plan:
    return plan_recipients(job, edition="48", variables={})


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx", "command"])
def test_every_form_makes_the_same_plan(form: str, tmp_path: Path) -> None:
    plan = plan_of(in_form(tmp_path, form, where="plan == 'pro'"))
    assert plan.columns == ROWS[0]
    assert list(plan) == list(plan) == PLANNED


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("csv", "people.csv"),
        ("jsonl", "people.jsonl"),
        ("xlsx", "people.xlsx"),
        ("command", "recipients.command"),
    ],
)
def test_every_form_has_its_rows_in_its_errors(form: str, shown: str, tmp_path: Path) -> None:
    with pytest.raises(InputErrors) as caught:
        list(plan_of(in_form(tmp_path, form, on_invalid="stop")))
    assert str(caught.value) == f"{shown}:3: the address has no @: 'nobody'"
    job = in_form(tmp_path, form, address="mail")
    with pytest.raises(RecipientError) as missing:
        plan_of(job)
    header = 2 if form == "jsonl" else 1
    assert (
        str(missing.value) == f"{shown}:{header}: no column 'mail', which recipients.address names"
    )


def test_what_a_command_prints_is_a_table_or_an_error_with_its_line(tmp_path: Path) -> None:
    job = job_in(tmp_path, file=..., command=prints("email,name\na@b.c,Ann\nb@b.c\n"))
    with pytest.raises(RecipientError) as caught:
        list(plan_of(job))
    assert str(caught.value) == "recipients.command:3: 1 cell where the header has 2 columns"


def test_a_command_that_breaks_off_gives_nobody(tmp_path: Path) -> None:
    job = job_in(tmp_path, file=..., command=prints(CSV, 1))
    with pytest.raises(RecipientError, match=r"the command .* ended with 1$"):
        plan_of(job)


def test_a_command_prints_in_the_encoding_and_with_the_delimiter_of_the_job(
    tmp_path: Path,
) -> None:
    code = "import sys; sys.stdout.buffer.write('email;n\\na@b.c;Zoë'.encode('cp1252'))"
    command = [sys.executable, "-c", code]
    job = job_in(tmp_path, file=..., command=command, encoding="cp1252", delimiter=";")
    assert [one.values for one in plan_of(job)] == [("a@b.c", "Zoë")]
    with pytest.raises(RecipientError) as caught:
        list(plan_of(job_in(tmp_path, file=..., command=command, delimiter=";")))
    assert str(caught.value) == "recipients.command:2:9: byte 0xEB is not valid utf-8"
    assert caught.value.hint == (
        "The cell would be 'Zoë' in Windows-1252 (`encoding: cp1252`) and 'ZoÎ' in Mac Roman "
        "(`encoding: mac_roman`): write the one that is right under `recipients:`, or let the "
        "program print UTF-8."
    )


def test_a_workbook_by_another_name_is_told_how_it_is_read(tmp_path: Path) -> None:
    write_workbook(tmp_path / "recipients.csv", {"People": table(*ROWS)})
    with pytest.raises(RecipientError) as caught:
        plan_of(job_in(tmp_path))
    assert caught.value.hint.endswith("a workbook is read from a file that is named .xlsx.")


@pytest.mark.parametrize("form", ["jsonl", "xlsx"])
def test_a_table_outside_the_folder_of_the_job_is_refused_in_every_form(
    form: str, tmp_path: Path
) -> None:
    with pytest.raises(JobError, match="leaves the folder of the job file"):
        plan_of(job_in(tmp_path, file=f"../people.{form}"))


def test_a_suppression_list_is_csv_whatever_the_table_is(tmp_path: Path) -> None:
    (tmp_path / "left.csv").write_bytes("Größe;email\nx;ann@example.com\n".encode("cp1252"))
    job = in_form(tmp_path, "xlsx", suppress="left.csv", delimiter=";", encoding="cp1252")
    assert [one.status for one in plan_of(job)] == ["suppressed", "invalid", "pending"]


def test_a_job_file_names_the_command_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "letter.txt.j2").write_text("Hello")
    (tmp_path / "job.yaml").write_text(
        "version: 1\nname: autumn\nserver: {host: smtp.example.com}\n"
        "sender: {from: news@example.com}\nrecipients:\n  command: [./nix, --csv]\n"
        "message: {subject: Hello, text: letter.txt.j2}\n"
    )
    with pytest.raises(RecipientError) as caught:
        plan_of(load_job(tmp_path / "job.yaml", environ={}))
    place = f"{tmp_path / 'job.yaml'}:6:3: recipients.command"
    message = "the command ./nix cannot be run: No such file or directory"
    assert str(caught.value) == f"{place}: {message}"
