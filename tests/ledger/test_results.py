"""The results CSV: derived, complete, in order, and safe to open."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import LedgerError, OutputError
from mailbatch.ledger.results import (
    as_line,
    as_object,
    check_place,
    write_results,
    write_unfinished,
)
from mailbatch.ledger.results_schema import main, result_schema
from mailbatch.ledger.standing import ResultRow
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    lease_one,
    open_ledger,
    people,
    plan,
    row,
    send,
    settle,
)

COLUMNS = [
    "row",
    "email",
    "status",
    "message_id",
    "reply_code",
    "enhanced_status",
    "reply",
    "attempts",
]
COLUMNS += ["group", "edition", "header_message_id", "first_attempt_at", "settled_at", "reason"]


@pytest.fixture
def target(folder):
    return folder / "results" / "news-48.csv"


def read(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


def mixed(ledger):
    """One row of nearly every kind; the row in line 3 leaves the table at the end."""
    rows = [
        *people("acc@x.org", "left@x.org", "rej@x.org", "def@x.org", "new@x.org", "doubt@x.org"),
        row(8, "acc@x.org"),
        row(9, "sup@x.org", status="suppressed", reason="on unsubscribed.csv"),
        row(10, "not an address", status="invalid", reason="no @"),
        row(11, "fil@x.org", status="filtered", reason="where is false"),
    ]
    plan(ledger, rows)
    for name, status, reply in (
        ("acc", Status.ACCEPTED, Reply(250, ("Message queued as 7f-1",), "2.6.0")),
        ("left", Status.ACCEPTED, Reply(250, ("Ok: queued as D620820C041",), "2.0.0")),
        ("rej", Status.REJECTED, NEVER),
        ("def", Status.DEFERRED, LATER),
        ("doubt", Status.IN_DOUBT, None),
    ):
        delivery = lease_one(ledger, address=f"{name}@x.org")
        settle(ledger, delivery, status, reply=reply, now=NOW + 1.9)
    plan(ledger, [row for row in rows if row.line != 3])


def test_there_is_one_row_for_every_row_in_input_order(ledger, target):
    mixed(ledger)
    write_results(ledger, target)
    found = read(target)
    assert [(r["row"], r["email"], r["status"]) for r in found] == [
        ("2", "acc@x.org", "accepted"),
        ("4", "rej@x.org", "rejected"),
        ("5", "def@x.org", "deferred"),
        ("6", "new@x.org", "pending"),
        ("7", "doubt@x.org", "in_doubt"),
        ("8", "acc@x.org", "duplicate"),
        ("9", "sup@x.org", "suppressed"),
        ("10", "not an address", "invalid"),
        ("11", "fil@x.org", "filtered"),
        ("", "left@x.org", "accepted"),
    ]


def test_a_row_has_everything_that_is_known(ledger, target):
    mixed(ledger)
    write_results(ledger, target)
    accepted, rejected = read(target)[:2]
    assert list(accepted) == COLUMNS
    our_id = accepted.pop("header_message_id")
    assert our_id.endswith("@example.com")
    assert accepted == {
        "row": "2",
        "email": "acc@x.org",
        "status": "accepted",
        "message_id": "7f-1",
        "reply_code": "250",
        "enhanced_status": "2.6.0",
        "reply": "Message queued as 7f-1",
        "attempts": "1",
        "group": "",
        "edition": "48",
        "first_attempt_at": "2023-11-14T22:13:20Z",
        "settled_at": "2023-11-14T22:13:21Z",
        "reason": "",
    }
    assert (rejected["message_id"], rejected["reply_code"]) == ("", "550")


def test_an_untouched_row_says_so(ledger, target):
    plan(ledger, [row(2, "a@x.org", group=("de", "pro"))], group_by=("locale", "plan"))
    write_results(ledger, target)
    (found,) = read(target)
    empty = {key for key, value in found.items() if value == ""}
    assert empty == set(COLUMNS) - {"row", "email", "status", "attempts", "group", "edition"}
    assert (found["attempts"], found["group"]) == ("0", "de/pro")


def test_the_file_is_rfc_4180(ledger, target):
    plan(ledger, [row(2, 'a"b,c\r\nd@x.org', status="invalid", reason='a "quoted", reason')])
    write_results(ledger, target)
    text = target.read_bytes()
    assert text.endswith(b"\r\n")
    assert text.count(b"\n") == text.count(b"\r\n") == 2
    assert read(target)[0]["reason"] == 'a "quoted", reason'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b"])
def test_formulas_are_defused(ledger, target, start):
    cell = f"{start}HYPERLINK(1)"
    plan(ledger, [row(2, cell, group=(cell,), status="invalid", reason=cell)], group_by=("g",))
    write_results(ledger, target)
    (found,) = read(target)
    for column in ("email", "group", "reason"):
        assert found[column][0] in "'\\"
        assert found[column].endswith("HYPERLINK(1)")


def test_a_reply_cannot_smuggle_anything(ledger, target):
    """Reply texts are the server's: formulas, escape sequences, line ends."""
    plan(ledger, people("a@x.org"))
    hostile = Reply(250, ("=cmd|' /C calc'!A0", "\x1b[2J\x07 id=\x9b1\u2028\u202ex"))
    settle(ledger, lease_one(ledger), reply=hostile)
    write_results(ledger, target)
    (found,) = read(target)
    assert found["reply"] == "'=cmd|' /C calc'!A0 \\x1b[2J\\x07 id=\\x9b1\\u2028\\u202ex"
    assert target.read_bytes().decode().replace("\r\n", "").isprintable()


def test_numbers_stay_numbers(ledger, target):
    mixed(ledger)
    write_results(ledger, target)
    for found in read(target):
        assert found["attempts"].isdigit()
        assert found["row"].isdigit() or found["row"] == ""


def test_the_same_ledger_gives_the_same_bytes(path, target):
    with open_ledger(path) as ledger:
        mixed(ledger)
        write_results(ledger, target)
        first = target.read_bytes()
        write_results(ledger, target)
        assert target.read_bytes() == first
    with Ledger.read(path) as ledger:
        write_results(ledger, target)
    assert target.read_bytes() == first


def test_outcomes_that_are_not_folded_yet_are_in_the_results(ledger, path, target):
    """A reader during the run sees what the run sees."""
    rows = people("a@x.org", "b@x.org", group=("g",))
    plan(ledger, rows, group_by=("g",))
    send(ledger)
    with Ledger.read(path) as reader:
        write_results(reader, target)
    early = target.read_bytes()
    assert {r["message_id"] for r in read(target)} == {"0b3f-77"}
    ledger.leases.lease(1, now=NOW)  # folds
    write_results(ledger, target)
    assert target.read_bytes() == early


def test_the_old_file_stays_until_the_new_one_is_whole(ledger, target, monkeypatch):
    plan(ledger, people("a@x.org"))
    write_results(ledger, target)
    old = target.read_bytes()
    send(ledger)

    def failing(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_results(ledger, target)
    assert caught.value.exit_code == 74
    assert "space" in caught.value.hint
    assert target.read_bytes() == old
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_not(ledger, target):
    plan(ledger, people("a@x.org"))
    target.parent.mkdir()
    dead = target.parent / f".{target.name}.0000dead.tmp"
    dead.write_text("half")
    living = target.parent / f".{target.name}.0000live.tmp"
    script = (
        "import fcntl, sys\n"
        "stream = open(sys.argv[1], 'w')\n"
        "fcntl.flock(stream, fcntl.LOCK_EX)\n"
        "print('writing', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(living)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout.readline() == "writing\n"
        write_results(ledger, target)
        assert sorted(p.name for p in target.parent.iterdir()) == [living.name, target.name]
        writer.kill()
    write_results(ledger, target)
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_the_permissions_of_the_file_stay(ledger, target):
    plan(ledger, people("a@x.org"))
    write_results(ledger, target)
    target.chmod(0o640)
    write_results(ledger, target)
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_link_to_the_results_stays_a_link(ledger, target):
    plan(ledger, people("a@x.org"))
    link = target.with_name("latest.csv")
    target.parent.mkdir()
    link.symlink_to(target)
    write_results(ledger, link)
    assert link.is_symlink()
    assert len(read(target)) == 1


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
def test_a_device_is_not_replaced(ledger, device):
    plan(ledger, people("a@x.org"))
    before = Path(device).stat()
    with pytest.raises(OutputError, match="not a regular file"):
        write_results(ledger, Path(device))
    assert Path(device).stat().st_rdev == before.st_rdev


def test_a_folder_that_cannot_be_made_is_an_error(ledger, folder):
    """Also for root, whom no permission stops: below a file there is no folder."""
    plan(ledger, people("a@x.org"))
    (folder / "file").write_text("")
    with pytest.raises(OutputError, match="file cannot be written") as caught:
        write_results(ledger, folder / "file" / "results.csv")
    assert caught.value.hint
    with pytest.raises(LedgerError, match="folder cannot be made"):
        open_ledger(folder / "file" / "state" / "ledger")


def test_a_place_is_checked_without_a_trace(ledger, target, folder):
    check_place(target)
    assert list(target.parent.iterdir()) == []
    (folder / "file").write_text("")
    for bad in (Path("/dev/null"), folder, folder / "file" / "results.csv"):
        with pytest.raises(OutputError, match="file cannot be written"):
            check_place(bad)


# The unfinished


def test_the_unfinished_are_a_recipient_file(ledger, target):
    plan(
        ledger,
        [
            row(2, "acc@x.org", "=1+1", "ä;b"),
            row(3, "rej@x.org", "=1+1", "ä;b"),
            row(4, "def@x.org", "'x", 'say "hi"\nthere'),
            row(5, "new@x.org", "", ""),
            row(6, "doubt@x.org", "", ""),
            row(7, "bad", "", "", status="invalid"),
            row(8, "sup@x.org", "", "", status="suppressed"),
            row(9, "new@x.org", "", "", status="pending"),
        ],
        columns=("email", "first name", "note"),
    )
    for name, status in (
        ("acc", Status.ACCEPTED),
        ("rej", Status.REJECTED),
        ("def", Status.DEFERRED),
        ("doubt", Status.IN_DOUBT),
    ):
        settle(ledger, lease_one(ledger, address=f"{name}@x.org"), status)
    assert write_unfinished(ledger, target) == 4
    with target.open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream, strict=True)) == [
            ["email", "first name", "note"],
            ["rej@x.org", "=1+1", "ä;b"],
            ["def@x.org", "'x", 'say "hi"\nthere'],
            ["new@x.org", "", ""],
            ["bad", "", ""],
        ]


def test_the_unfinished_keep_the_form_of_the_table(ledger, target):
    plan(ledger, [row(2, "a@x.org", "ä")], columns=("email", "name"))
    write_unfinished(ledger, target, delimiter=";", encoding="latin-1")
    assert target.read_bytes() == b"email;name\r\na@x.org;\xe4\r\n"


def test_nobody_unfinished_is_a_file_with_a_header(ledger, target):
    plan(ledger, people("a@x.org"))
    send(ledger)
    assert write_unfinished(ledger, target) == 0
    assert target.read_bytes() == b"email\r\n"


def test_whoever_left_the_table_is_not_among_the_unfinished(ledger, target):
    plan(ledger, people("rej@x.org", "a@x.org"))
    send(ledger, Status.REJECTED, reply=NEVER)
    plan(ledger, people("a@x.org"))
    assert write_unfinished(ledger, target) == 1


def test_the_unfinished_rows_of_one_customer_are_all_there(ledger, target):
    rows = [row(n, "a@x.org", str(n), group=("a",)) for n in (2, 3)]
    plan(ledger, rows, columns=("email", "n"), group_by=("email",))
    send(ledger, Status.DEFERRED, reply=LATER)
    assert write_unfinished(ledger, target) == 2


# The schema


def test_every_row_meets_the_schema(ledger):
    mixed(ledger)
    validator = jsonschema.Draft7Validator(result_schema())
    jsonschema.Draft7Validator.check_schema(result_schema())
    rows = [as_object(row) for row in ledger.standing.result_rows()]
    assert len(rows) == 10
    for found in rows:
        validator.validate(json.loads(json.dumps(found)))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**rows[0], "status": "sent"})


def test_the_schema_names_the_columns_in_their_order():
    assert list(result_schema()["properties"]) == COLUMNS == result_schema()["required"]


def test_the_schema_in_the_repository_is_the_one_of_the_code():
    schema = Path(__file__).parents[2] / "schemas" / "results.schema.json"
    assert main([str(schema), "--check"]) == 0


def test_an_outdated_schema_is_named(tmp_path, capsys):
    schema = tmp_path / "results.schema.json"
    assert main([str(schema)]) == 0
    schema.write_text(schema.read_text().replace("in_doubt", "doubtful"))
    assert main([str(schema), "--check"]) == 1
    assert str(schema) in capsys.readouterr().err


def test_the_text_of_a_reply_decides_nothing(ledger):
    """A refusal that reads like an acceptance is a refusal."""
    plan(ledger, people("a@x.org"))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    told = Outcome("a@x.org", Status.REJECTED, Reply(550, ("queued as 1234",), "5.0.0"))
    ledger.records.settle(delivery.id, [told], now=NOW, retry_at=None)
    (found,) = ledger.standing.result_rows()
    assert (found.status, found.message_id) == (Status.REJECTED, None)


TELLING = st.text(st.sampled_from("a b7,;\"'=+-@\r\n\t\x00\x1fé\uff1d\u202e"), max_size=6)
MAYBE = st.none() | TELLING


@given(
    st.builds(
        ResultRow,
        row=st.none() | st.integers(2, 10**6),
        email=TELLING,
        status=st.sampled_from(Status),
        message_id=MAYBE,
        reply_code=st.none() | st.integers(200, 599),
        enhanced_status=st.none() | st.just("2.0.0"),
        reply=MAYBE,
        attempts=st.integers(0, 9),
        group=MAYBE,
        edition=TELLING,
        header_message_id=st.none() | st.just("0f@x.org"),
        first_attempt_at=st.none() | st.just(NOW),
        settled_at=st.none() | st.just(NOW + 0.9),
        reason=MAYBE,
    )
)
@settings(max_examples=500, deadline=None)
def test_a_line_is_what_the_csv_module_writes_of_the_defused_cells(row):
    """Most lines are put together without it, and nobody must be able to tell."""
    texts = (row.email, row.message_id, row.reply, row.group, row.edition)
    email, message_id, reply, group, edition = map(defused, texts)
    at = (None if t is None else "2023-11-14T22:13:20Z" for t in (row[11], row[12]))
    cells = (row.row, email, str(row.status), message_id, row.reply_code, row.enhanced_status)
    cells += (reply, row.attempts, group, edition, row.header_message_id, *at, defused(row.reason))
    expected = io.StringIO(newline="")
    csv.writer(expected, lineterminator="\r\n").writerow(cells)
    assert as_line(row) == expected.getvalue()


def defused(text):
    if not text:
        return text
    safe = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return f"'{safe}" if safe[0] in "=+-@\uff1d" else safe
