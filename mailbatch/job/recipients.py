"""The `recipients` section of a job: the source of the table, and the choice of rows.

Tests: tests/job/test_model.py.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from mailbatch.job import fields, mail_values
from mailbatch.job.advice import command_advice
from mailbatch.job.fields import Several, refusal
from mailbatch.job.section import FileName, Section, Template
from mailbatch.job.setting import NamesFile

Column: TypeAlias = Annotated[str, fields.LINE]
Form: TypeAlias = Literal["csv", "jsonl", "xlsx"]

#: The entry of `suppress` that stands for the store of reports.
REPORTS = "reports"
_NAMES = Several("a name or a list of names")
_FORMS: dict[str, Form] = {".jsonl": "jsonl", ".xlsx": "xlsx", ".xlsm": "xlsx"}


class Recipients(Section):
    """The recipient table, and which of its rows get a message."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["file"]}, {"required": ["command"]}]}
    )

    file: Annotated[FileName, NamesFile("the recipient table", absolute=False)] | None = Field(
        default=None,
        description="The table: a CSV file with a header line; .jsonl, one JSON object a line; or "
        ".xlsx (or .xlsm), a workbook.",
    )
    command: (
        Annotated[
            tuple[Annotated[str, fields.marked(fields.TEXT)], ...],
            Several(
                "a list of words: no shell reads it",
                single=False,
                empty=False,
                advice=command_advice,
            ),
        ]
        | None
    ) = Field(
        default=None,
        validate_default=True,
        description="Instead of a file, a program and its arguments, run without a shell in the "
        "job's folder; it prints the table as CSV.",
        examples=[["psql", "--csv", "-c", "SELECT email, first_name FROM reader"]],
    )
    sheet: Annotated[str, fields.FIXED] | None = Field(
        default=None,
        description="The sheet of a workbook; by default the first that is not hidden.",
    )
    header_row: Annotated[int, fields.whole(1, 1000)] | None = Field(
        default=None,
        description="The line of a CSV or the row of a sheet that names the columns, from 1; by "
        "default the first that is not blank, or, below titles, the one with the address column.",
    )
    hidden_rows: Annotated[Literal["skip", "mail"], fields.one_of("skip", "mail")] = Field(
        default="skip",
        description="What to do about the rows that a sheet hides, such as those of a filter: "
        "record them as `filtered`, or mail them.",
    )
    address: Column = Field(
        default="email",
        description="The column with the address, in capitals or not where only one is meant.",
    )
    display_name: Template | None = Field(
        default=None, description="A template for the name beside the address in the To header."
    )
    delimiter: Annotated[str, mail_values.DELIMITER] | None = Field(
        default=None,
        description="By default found on the header line among comma, semicolon, TAB and |.",
    )
    encoding: Annotated[str, mail_values.ENCODING] = Field(
        default="utf-8", description="A byte order mark is accepted."
    )
    key: Annotated[tuple[Column, ...], Several("a column or a list of columns", empty=False)] = (
        Field(
            default=(),
            description="The columns that say who a row is. Rows with one key are one "
            "recipient over all runs of an edition, and get one message; an empty cell in one of "
            "these columns makes a row invalid. By default the address, and the columns of "
            "group_by where these name the address.",
            examples=["order_id"],
        )
    )
    group_by: Annotated[
        tuple[Column, ...], Several("a column or a list of columns", empty=False)
    ] = Field(
        default=(),
        description="Rows that agree in these columns share one message; capitals do not matter "
        "where only one is meant. By default every "
        "recipient has a message of its own.",
    )
    where: Annotated[str, fields.TEXT] | None = Field(
        default=None,
        description="A Jinja2 expression; rows where it is false are left out.",
        examples=["plan == 'pro'"],
    )
    suppress: Annotated[
        tuple[Annotated[FileName, NamesFile("a suppression list", word=REPORTS)], ...], _NAMES
    ] = Field(
        default=(),
        validate_default=True,
        description="Files of addresses and domains that get nothing: one a line, or a table "
        "(CSV, .jsonl, .xlsx) with an address column. The word reports is everybody of this job "
        "whom a report of an edition speaks against; a file of that name is ./reports.",
        examples=["[reports, unsubscribed.txt]"],
    )
    on_invalid: Annotated[Literal["skip", "stop"], fields.one_of("skip", "stop")] = Field(
        default="skip",
        description="What to do about a row that cannot be mailed: record it, or stop.",
    )

    @property
    def shown(self) -> str:
        """The name of the table for people: the file in the job, or `recipients.command`.

        `recipients` are the rows that a program gave.
        """
        if self.file is not None:
            return self.file
        return "recipients" if self.command is None else "recipients.command"

    @property
    def form(self) -> Form:
        """The form of the table, by the ending of the file; a command prints CSV.

        The rows that a program gave are read as JSON lines.
        """
        return "jsonl" if self.file is None and self.command is None else _form(self.file)

    @field_validator("command")
    @classmethod
    def _one_table(
        cls, value: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        if "file" not in info.data:
            return value
        given = getattr(info.context, "table", None) is not None
        if value is None and info.data["file"] is None and not given:
            raise refusal("needs file or command", at="")
        if value is not None and info.data["file"] is not None:
            raise refusal("cannot stand beside file")
        return value

    @field_validator("sheet")
    @classmethod
    def _only_workbooks_have_sheets(cls, value: str | None, info: ValidationInfo) -> str | None:
        if _form(info.data.get("file")) != "xlsx" and {"file", "command"} <= info.data.keys():
            raise refusal("has no effect without an .xlsx file")
        return value

    @field_validator("header_row")
    @classmethod
    def _only_tables_have_titles(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and _form(info.data.get("file")) == "jsonl":
            raise refusal("has no effect with a table in .jsonl")
        return value

    @field_validator("hidden_rows")
    @classmethod
    def _only_workbooks_hide(cls, value: str, info: ValidationInfo) -> str:
        if _form(info.data.get("file")) != "xlsx" and {"file", "command"} <= info.data.keys():
            raise refusal("has no effect without an .xlsx file")
        return value

    @field_validator("group_by", "key")
    @classmethod
    def _columns_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise refusal("names a column twice")
        return value

    @field_validator("suppress")
    @classmethod
    def _settings_fit_the_table(cls, value: tuple[str, ...], info: ValidationInfo) -> Any:
        form = _form(info.data.get("file"))
        if value or form == "csv":  # a suppression list is CSV, whatever the table is
            return value
        if info.data.get("delimiter") is not None:
            raise refusal(f"has no effect with a table in .{form}", at="delimiter")
        if form == "xlsx" and info.data.get("encoding", "utf-8") != "utf-8":
            raise refusal("has no effect with a table in .xlsx", at="encoding")
        return value


def _form(file: str | None) -> Form:
    return "csv" if file is None else _FORMS.get(PurePath(file).suffix.lower(), "csv")
