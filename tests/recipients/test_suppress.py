"""Suppression lists: every entry is understood or an error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from mailbatch.errors import InputErrors, RecipientError
from mailbatch.recipients.suppress import read_suppressions

from .workbooks import table, write_workbook


def read_list(
    folder: Path,
    content: str | bytes,
    *,
    column: str = "email",
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> dict[str, str]:
    path = folder / "out.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    listed = read_suppressions(
        [(path, "out.csv")], column=column, delimiter=delimiter, encoding=encoding
    )
    return dict(listed.listed)


BARE = "only the address itself may stand here: no display name, no < and >"
COMMA = "the address contains ',', but a cell holds one address"
ANN_AND_BOB = {"ann@example.com": "out.csv", "bob@example.com": "out.csv"}
LISTS = {
    "one a line": "ann@example.com\nbob@example.com\n",
    "no line end at the end": "ann@example.com\nbob@example.com",
    "other line ends": "ann@example.com\r\nbob@example.com\r",
    "comments and blank lines": "# May\n\nann@example.com\n  # June\n \nbob@example.com\n",
    "comments behind entries": "ann@example.com # left\nbob@example.com\t# by phone, # twice\n",
    "blank first line": "\nann@example.com\nbob@example.com\n",
    "space around": " ann@example.com \n\tbob@example.com\n",
    "any spelling": "Ann@EXAMPLE.com\nBOB@example.com\n",
    "twice": "ann@example.com\nbob@example.com\nANN@example.com\n",
    "byte order mark": "\ufeffann@example.com\nbob@example.com\n",
    "CSV of one column": "email\nann@example.com\nbob@example.com\n",
    "CSV": "id,email,date\n1,ann@example.com,2026-01-01\n2,Bob@example.com,2026-01-02\n",
    "CSV with semicolons": "id;email\n1;ann@example.com\n2;bob@example.com\n",
    "CSV with empty cells": "id,email\n1,ann@example.com\n2,\n3, \n,\n4,bob@example.com\n",
    "CSV with quoted cells": 'note,email\n"a\nb",ann@example.com\n"""",bob@example.com\n',
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_one_address_a_line_or_a_csv(name: str, tmp_path: Path) -> None:
    assert read_list(tmp_path, LISTS[name]) == ANN_AND_BOB


@pytest.mark.parametrize("content", ["", "\n", "# nobody yet\n", "email\n", "\ufeff"])
def test_a_list_may_be_empty(content: str, tmp_path: Path) -> None:
    assert read_list(tmp_path, content) == {}


def test_lists_without_an_entry_are_named(tmp_path: Path) -> None:
    lists = {"empty.txt": "", "titles.csv": "email\n", "note.txt": "# none\n", "one.txt": "a@b.c"}
    for name, content in lists.items():
        (tmp_path / name).write_text(content)
    found = read_suppressions(
        [(tmp_path / name, name) for name in lists],
        column="email",
        delimiter=None,
        encoding="utf-8",
    )
    assert found.empty == ("empty.txt", "titles.csv", "note.txt")


def test_a_domain_may_have_a_comment_on_the_first_line(tmp_path: Path) -> None:
    assert read_list(tmp_path, "b.example # all of them\na@b.c\n") == {
        "@b.example": "out.csv",
        "a@b.c": "out.csv",
    }


@pytest.mark.parametrize("content", ['[{"EmailAddress": "a@b.c"}]', '\n{\n"Summaries": [\n'])
def test_json_in_a_file_of_another_name_is_told_from_lists(content: str, tmp_path: Path) -> None:
    with pytest.raises(
        RecipientError, match=r"^out.csv:[12]: JSON is read as one object a line"
    ) as told:
        read_list(tmp_path, content)
    assert "jq -c '.SuppressedDestinationSummaries[]'" in str(told.value.hint)


def test_the_column_is_that_of_the_table(tmp_path: Path) -> None:
    assert read_list(tmp_path, "mail,id\na@b.c,1\n", column="mail") == {"a@b.c": "out.csv"}


def test_the_delimiter_of_the_job_counts_where_the_header_has_it(tmp_path: Path) -> None:
    assert read_list(tmp_path, "email^id,old\na@b.c^1\n", delimiter="^") == {"a@b.c": "out.csv"}
    assert read_list(tmp_path, "email;id\na@b.c;1\n", delimiter="^") == {"a@b.c": "out.csv"}


def test_the_encoding_of_the_job_counts(tmp_path: Path) -> None:
    content = "name,email\nZoë,zoe@example.com\n".encode("cp1252")
    assert read_list(tmp_path, content, encoding="cp1252") == {"zoe@example.com": "out.csv"}


def test_an_internationalized_address_is_listed_as_it_goes_on_the_wire(tmp_path: Path) -> None:
    assert read_list(tmp_path, "ann@bücher.example\n") == {"ann@xn--bcher-kva.example": "out.csv"}


def test_the_first_of_several_lists_names_an_address(tmp_path: Path) -> None:
    for name, content in (("one", "ann@example.com\n"), ("two", "ANN@example.com\nbob@b.c\n")):
        (tmp_path / name).write_text(content)
    listed = read_suppressions(
        [(tmp_path / "one", "one"), (tmp_path / "two", "two")],
        column="email",
        delimiter=None,
        encoding="utf-8",
    )
    assert listed.listed == {"ann@example.com": "one", "bob@b.c": "two"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("ann@example.com\nnobody\n", "out.csv:2: the address has no @: 'nobody'"),
        ("a@b.c#1\n", "out.csv:1: '#' may not stand after the @: 'a@b.c#1'"),
        ("Ann <a@b.c>\n", f"out.csv:1: {BARE}: 'Ann <a@b.c>'"),
        ("@\n", "out.csv:1: nothing stands before the @: '@'"),
        ("a@b.c\n*.example.com\n", "out.csv:2: a pattern is not understood here: '*.example.com'"),
        ("# a comment\nemail\na@b.c\n", "out.csv:2: the address has no @: 'email'"),
        ("a@b.c,2026\n", f"out.csv:1: {COMMA}: 'a@b.c,2026'"),
        ("id,email\n1,n/a\n", "out.csv:2: the address has no @: 'n/a'"),
        ("x@" + "y" * 300, f"out.csv:1: the address is longer than 254 octets: 'x@{'y' * 78}'"),
    ],
)
def test_an_entry_that_is_no_address_is_an_error(
    content: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InputErrors) as caught:
        read_list(tmp_path, content)
    assert [str(error) for error in caught.value.errors] == [expected]
    assert caught.value.exit_code == 65


@pytest.mark.parametrize(
    ("content", "expected", "hint"),
    [
        (
            b"E-Mail,Mail,id\na@b.c,b@b.c,1\n",
            "out.csv:1: no address, and no header with the column 'email'",
            "It could be 'E-Mail' or 'Mail': give the list one of them only.",
        ),
        (
            b"id;name\n1;Ann\n",
            "out.csv:1: no address, and no header with the column 'email'",
            (
                "There are: id, name. Give the column with the addresses the title 'email'; one "
                "address a line needs none."
            ),
        ),
        (
            b"<html>\n",
            "out.csv:1: the file is HTML or XML, not a list",
            "An entry is one address, or a whole domain such as @example.net.",
        ),
        (b"id,email\n1\n", "out.csv:2: 1 cell where the header has 2 columns", None),
        (b"a@b.c\n\xe9\n", "out.csv:2:1: byte 0xE9 is not valid utf-8", None),
        (b"a@b.c\n\0\n", "out.csv:2:1: a NUL character, which no text has", None),
        (
            b"PK\x03\x04",
            "out.csv: the file is an Excel workbook or another zip archive, not text",
            None,
        ),
    ],
)
def test_what_is_no_list_is_an_error(
    content: bytes, expected: str, hint: str | None, tmp_path: Path
) -> None:
    with pytest.raises(RecipientError) as caught:
        read_list(tmp_path, content)
    assert str(caught.value) == expected
    if hint:
        assert caught.value.hint == hint


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecipientError, match=r"^gone.txt: cannot be read: No such file"):
        read_suppressions(
            [(tmp_path / "gone.txt", "gone.txt")], column="email", delimiter=None, encoding="utf-8"
        )


def test_twenty_errors_are_enough(tmp_path: Path) -> None:
    content = "ann@example.com\n" + "nobody\n" * 30
    with pytest.raises(InputErrors) as caught:
        read_list(tmp_path, content)
    places = [error.location.line for error in caught.value.errors if error.location]
    assert places == list(range(2, 22))


FORMS = ("csv", "jsonl", "xlsx")


def write_list(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write rows, the titles first, in the form of the ending."""
    if path.suffix == ".xlsx":
        write_workbook(path, {"All": table(*[[cell or None for cell in row] for row in rows])})
    elif path.suffix == ".jsonl":
        objects = (dict(zip(rows[0], row, strict=True)) for row in rows[1:])
        path.write_text("\n".join(map(json.dumps, objects)))
    else:
        path.write_text(text_of(rows))
    return path


def text_of(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(map(",".join, rows))


def contacts(title: str, ann: str, bob: str) -> list[list[str]]:
    return [["id", "Email", title], ["7", "ann@b.c", ann], ["8", "bob@b.c", bob]]


# The words of a person who left, and of a person who did not, below titles of other tools.
ALL_CONTACTS = {
    "Unsubscribed from all email": ("true", ""),
    "Opted out of email: Marketing Information": ("true", "false"),
    "Accepts Email Marketing": ("no", "yes"),
    "Email Marketing Consent": ("UNSUBSCRIBED", "NEVER_SUBSCRIBED"),
    "Abgemeldet": ("ja", "nein"),
    "Abgemeldet am": ("01.02.2026", ""),
    "Newsletter": ("nein", "ja"),
    "is_active": ("false", "true"),
    "isInactive": ("1", "0"),
    "Inscrit à la newsletter": ("non", "oui"),
    "Désabonné": ("oui", "non"),
    "DSGVO": ("n", "j"),
    "Werbung erlaubt": ("nein", ""),
    "unsubscribed_at": ("2026-01-02 03:04:05", ""),
    "Zustand": ("abgemeldet", "aktiv"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("title", ALL_CONTACTS)
def test_an_export_of_all_contacts_is_no_list(title: str, form: str, tmp_path: Path) -> None:
    gone, there = ALL_CONTACTS[title]
    for ann, bob, wrong in ((gone, there, "bob"), (there, gone, "ann")):
        path = write_list(tmp_path / f"all.{form}", contacts(title, ann, bob))
        with pytest.raises(InputErrors) as caught:
            read_suppressions([(path, "all")], column="email", delimiter=None, encoding="utf-8")
        (error,) = caught.value.errors
        assert error.message == (
            f"the column {title!r} says {there!r}, which may mean that this one did not leave: "
            f"'{wrong}@b.c'"
        )


@pytest.mark.parametrize("title", ALL_CONTACTS)
def test_the_same_columns_are_fine_where_all_left(title: str, tmp_path: Path) -> None:
    gone, _ = ALL_CONTACTS[title]
    rows = contacts(title, gone, gone)
    assert set(read_list(tmp_path, text_of(rows))) == {"ann@b.c", "bob@b.c"}


def test_answers_below_a_title_that_tells_nothing_are_in_doubt_where_they_differ(
    tmp_path: Path,
) -> None:
    for title in ("Info", "Kein Newsletter", "Not active"):
        with pytest.raises(InputErrors) as caught:
            read_list(tmp_path, text_of(contacts(title, "yes", "no")))
        assert [error.location.line for error in caught.value.errors] == [2, 3]
        assert read_list(tmp_path, text_of(contacts(title, "yes", "yes")))


LEFT = {
    "another column says so": "Email,Unsubscribed at all,VIP\na@b.c,true,yes\nb@b.c,true,no\n",
    "one of two kinds of mail": "Email,Opt out: News,Opt out: Offers\na@b.c,true,\nb@b.c,,true\n",
    "another medium": "Email,Accepts Email,Accepts SMS\na@b.c,no,yes\nb@b.c,no,no\n",
    "reasons": "Email,Unsubscribe reason\na@b.c,\nb@b.c,too many\n",
    "names of newsletters": "Email,Newsletter\na@b.c,Weekly\nb@b.c,\n",
    "times of subscribing": "Email,OPTIN_TIME\na@b.c,2026-01-02 03:04:05\nb@b.c,\n",
    "numbers": "Email,opens\na@b.c,0\nb@b.c,17\n",
}


@pytest.mark.parametrize("name", LEFT)
def test_columns_that_tell_nothing_against_leaving_are_passed_over(
    name: str, tmp_path: Path
) -> None:
    assert set(read_list(tmp_path, LEFT[name])) == {"a@b.c", "b@b.c"}


def test_a_contact_who_takes_mail_is_in_doubt_although_another_column_says_otherwise(
    tmp_path: Path,
) -> None:
    for content in (
        "Email,Accepts Email,Unsubscribed from news\na@b.c,yes,true\n",
        "Email,Abgemeldet\na@b.c,ja\nb@b.c,vielleicht\n",
    ):
        with pytest.raises(InputErrors):
            read_list(tmp_path, content)
