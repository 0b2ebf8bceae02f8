"""The edition that was forgotten: `check`, `preview` and rehearsals see what a real run would."""

import json

import pytest

from mailbatch.checks.edition_checks import check_edition, check_thread
from mailbatch.errors import IdentityError, InputErrors
from mailbatch.job.loader import load_job
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from mailbatch.outlook import Outlook

from .mailing import ROWS, Mailing

EDITION = {"job": {"edition": "one"}}
ROW = {"email": "bob@example.com", "first_name": "Bob"}


@pytest.fixture
def sent(tmp_path, monkeypatch, capsys):
    """Return a mailing of one edition that everybody has, as the ledger knows."""
    monkeypatch.delenv("MAILBATCH_STATE_DIR", raising=False)
    mailing = Mailing(tmp_path / "job", **EDITION)
    mailing.send()
    capsys.readouterr()
    return mailing


def found(mailing, capsys, **options):
    """Run `check --json`; return its exit code, and the findings of the edition by code."""
    code, made = mailing.check(capsys, **options)
    findings = {one["code"]: one for one in made["findings"] if one["code"].startswith("MB13")}
    return code, findings, made


def test_a_new_letter_of_a_finished_edition_would_go_to_nobody(sent, capsys):
    sent.write("letter.txt.j2", "Something else {{ first_name }}\n")
    code, findings, made = found(sent, capsys)
    assert (code, set(findings)) == (65, {"MB131"})
    (detail,) = findings["MB131"]["details"]
    assert detail.startswith("edition one was finished on 20")
    assert detail.endswith(", before message.text: letter.txt.j2 changed")
    assert (findings["MB131"]["file"], findings["MB131"]["key"]) == (str(sent.path), None)
    assert "edition of its own" in findings["MB131"]["hint"]
    assert (made["accepted"], made["pending"], made["recipients"]) == (1, 0, 1)
    assert (made["nothing_to_do"], made["changed"]) == (True, ["message.text: letter.txt.j2"])


def test_a_finished_edition_that_is_as_it_was_is_no_mistake(sent, capsys):
    """A check from cron, before a run that finds nothing to do, ends with 0 again."""
    code, findings, made = found(sent, capsys, strict=True)
    assert (code, set(findings)) == (0, {"MB132"})
    assert (made["accepted"], made["pending"], made["nothing_to_do"]) == (1, 0, True)
    assert made["finished_at"].startswith("20")


def test_a_new_row_is_somebody_to_be_mailed(sent, capsys):
    sent.rows((*ROWS, ROW))
    code, findings, made = found(sent, capsys)
    assert (code, findings) == (0, {})
    assert (made["accepted"], made["pending"], made["nothing_to_do"]) == (1, 1, False)


def test_a_new_row_and_a_new_letter_are_what_a_run_refuses(sent, capsys):
    sent.rows((*ROWS, ROW))
    sent.write("letter.txt.j2", "Something else {{ first_name }}\n")
    code, findings, _ = found(sent, capsys)
    assert (code, set(findings)) == (65, {"MB134"})
    assert "the message changed after 1 recipient of edition one" in findings["MB134"]["details"][0]
    assert "--accept-changes" in findings["MB134"]["hint"]


def test_a_new_edition_is_somebody_to_be_mailed(sent, capsys):
    sent.write("letter.txt.j2", "Something else {{ first_name }}\n")
    code, findings, made = found(sent, capsys, edition="two")
    assert (code, findings) == (0, {})
    assert (made["accepted"], made["pending"]) == (0, 1)


def test_a_ledger_is_looked_for_where_the_runs_have_it(tmp_path, capsys):
    mailing = Mailing(tmp_path / "job", **EDITION)
    mailing.send(state_dir=tmp_path / "elsewhere")
    capsys.readouterr()
    assert set(found(mailing, capsys)[1]) == set()
    assert set(found(mailing, capsys, state_dir=tmp_path / "elsewhere")[1]) == {"MB132"}


def test_a_check_makes_no_ledger_and_changes_none(sent, capsys):
    ledger = sent.folder / ".mailbatch" / "letter@one.sqlite3"
    before = {path: path.read_bytes() for path in ledger.parent.iterdir()}
    found(sent, capsys)
    found(sent, capsys, edition="two")
    sent.preview(capsys)
    after = {p: p.read_bytes() for p in ledger.parent.iterdir() if p.suffix != ".sqlite3-shm"}
    assert {p: c for p, c in before.items() if p.suffix != ".sqlite3-shm"}.items() <= after.items()
    assert [p.name for p in ledger.parent.glob("*.sqlite3")] == [ledger.name]


def test_a_check_does_not_wait_for_a_run_that_writes(sent, capsys):
    ledger = sent.folder / ".mailbatch" / "letter@one.sqlite3"
    with Ledger.open(ledger, job="letter", edition="one", message_id_domain="example.com") as held:
        assert set(found(sent, capsys)[1]) == {"MB132"}
        assert held.standing.counts()[Status.ACCEPTED] == 1


def test_a_ledger_that_cannot_be_read_is_said(sent, capsys):
    (sent.folder / ".mailbatch" / "letter@one.sqlite3").write_bytes(b"no ledger at all" * 100)
    code, findings, made = found(sent, capsys)
    assert (code, set(findings)) == (0, {"MB135"})
    assert (made["pending"], made["nothing_to_do"]) == (1, False)
    assert found(sent, capsys, strict=True)[0] == 65


def test_a_job_that_was_renamed_would_mail_everybody_again(tmp_path, capsys):
    people = tuple({"email": f"p{n}@example.com", "first_name": "P"} for n in range(4))
    mailing = Mailing(tmp_path / "job", rows=people, **EDITION)
    mailing.send()
    capsys.readouterr()
    mailing = Mailing(tmp_path / "job", rows=people, job={"edition": "one", "name": "letter-again"})
    code, findings, _ = found(mailing, capsys)
    assert (code, set(findings)) == (65, {"MB136"})


CHILDREN = tuple({"email": "pat@example.com", "first_name": name} for name in ("Ann", "Ben"))


@pytest.fixture
def begun(tmp_path, capsys):
    """An edition of addresses, where a child is a recipient now: the second one has nothing."""
    Mailing(tmp_path, rows=CHILDREN, **EDITION).send()
    capsys.readouterr()
    keyed = {"group_by": ["email", "first_name"]}
    return Mailing(tmp_path, rows=CHILDREN, recipients=keyed, **EDITION)


def test_an_edition_that_was_begun_with_another_key_is_refused(begun, capsys):
    code, findings, _ = found(begun, capsys)
    assert code == 65
    assert "row 3 (pat@example.com) would be mailed" in findings["MB137"]["details"][0]
    assert findings["MB137"]["hint"] == (
        "`key: email` under `recipients:` goes on as before. --accept-changes mails them, too. "
        "A new mailing wants an edition of its own."
    )
    with pytest.raises(IdentityError) as caught:
        begun.send()
    assert caught.value.location.key == "recipients.group_by"
    assert caught.value.hint == findings["MB137"]["hint"]


def test_a_key_under_which_nobody_is_new_is_no_other(begun, capsys):
    begun.rows(CHILDREN[:1])
    code, findings, made = found(begun, capsys)
    assert (code, "MB137" in findings) == (0, False)
    assert made["accepted"] == 1
    begun.send()


def test_a_key_that_was_not_in_the_table_then_is_refused_and_not_called_a_broken_ledger(
    tmp_path, capsys
):
    Mailing(tmp_path, **EDITION).send()
    capsys.readouterr()
    rows = tuple({**row, "nr": "7"} for row in ROWS)
    mailing = Mailing(tmp_path, rows=rows, recipients={"key": "nr"}, **EDITION)
    code, findings, _ = found(mailing, capsys)
    assert (code, set(findings)) == (65, {"MB137"})
    (detail,) = findings["MB137"]["details"]
    assert detail.endswith("row 2 (ann@example.com) was mailed without a value of 'nr'")
    with pytest.raises(IdentityError):
        mailing.send()


def people(*rows):
    return tuple({"email": f"{name}@example.com", "first_name": key} for name, key in rows)


@pytest.fixture
def numbered(tmp_path, monkeypatch, capsys):
    """An edition in which ann has the message by the key 1."""
    monkeypatch.delenv("MAILBATCH_STATE_DIR", raising=False)
    mailing = Mailing(
        tmp_path, rows=people(("ann", "1")), recipients={"key": "first_name"}, **EDITION
    )
    mailing.send()
    capsys.readouterr()
    return mailing


@pytest.mark.parametrize("command", ["check", "preview"])
def test_keys_that_were_exchanged_are_what_a_run_refuses(numbered, command, capsys):
    numbered.rows(people(("ann", "2"), ("bob", "1")))
    code, made = getattr(numbered, command)(capsys)
    findings = {one["code"]: one for one in made["findings"]}
    assert code == 65
    one = findings["MB138"]
    assert (one["file"], one["line"]) == ("people.csv", 2)
    (detail,) = one["details"]
    assert detail == (
        "the row would be mailed: ann@example.com has a message by another key, that of row 3"
        " (bob@example.com) now"
    )
    assert "put them back, or --accept-changes" in one["hint"]
    with pytest.raises(InputErrors) as caught:
        numbered.send()
    (error,) = caught.value.errors
    assert (str(error.location), error.hint) == ("people.csv:2", one["hint"])
    numbered.rows(people(("ann", "1"), ("bob", "2")))
    assert "MB138" not in numbered.codes(capsys)


def test_a_further_letter_by_a_key_of_its_own_is_no_finding(numbered, capsys):
    numbered.rows(people(("ann", "2")))
    code, findings, made = found(numbered, capsys)
    assert (code, findings, made["pending"]) == (0, {}, 1)


def test_a_row_whose_key_was_mailed_at_another_address_gets_nothing(numbered, capsys):
    numbered.rows(people(("anna", "1")))
    code, findings, made = found(numbered, capsys)
    assert (code, set(findings), made["nothing_to_do"]) == (0, {"MB130", "MB132"}, True)
    assert findings["MB130"]["details"] == [
        "row 2: anna@example.com gets nothing: its key was mailed at ann@example.com"
    ]
    assert (findings["MB130"]["file"], findings["MB130"]["line"]) == ("people.csv", 2)
    assert found(numbered, capsys, strict=True)[0] == 65
    numbered.rows(people(("anna", "2")))
    code, findings, made = found(numbered, capsys)
    assert (set(findings), made["pending"]) == (set(), 1), "the remedy: a new key"


def test_of_many_rows_whose_key_was_mailed_elsewhere_ten_are_named(tmp_path, capsys):
    keys = [str(n) for n in range(12)]
    mailing = Mailing(
        tmp_path,
        rows=people(*((f"a{key}", key) for key in keys)),
        recipients={"key": "first_name"},
        **EDITION,
    )
    mailing.send()
    capsys.readouterr()
    mailing.rows(people(*((f"b{key}", key) for key in keys)))
    outlook = found(mailing, capsys)[1]["MB130"]
    assert outlook["count"] == 10


@pytest.fixture
def grouped(tmp_path, monkeypatch, capsys):
    """An edition in which a recipient is an address and a name, and ann has it as Tom."""
    monkeypatch.delenv("MAILBATCH_STATE_DIR", raising=False)
    rows = people(("ann", "Tom"))
    Mailing(tmp_path, rows=rows, recipients={"group_by": ["email", "first_name"]}, **EDITION).send()
    capsys.readouterr()

    def again(**recipients):
        recipients = {"group_by": ["email", "first_name"], **recipients}
        rows = people(("ann", "Tomas"))
        return Mailing(tmp_path, rows=rows, recipients=recipients, **EDITION)

    return again


def test_a_corrected_cell_of_a_group_is_what_a_run_refuses(grouped, capsys):
    code, findings, _ = found(grouped(), capsys)
    assert (code, set(findings)) == (65, {"MB139"})
    (detail,) = findings["MB139"]["details"]
    assert detail == (
        "the row would be mailed: ann@example.com has a message by a row that has left the table"
    )
    for remedy in ("key: [email, first_name]", "key: email", "--accept-changes"):
        assert remedy in findings["MB139"]["hint"]
    with pytest.raises(InputErrors, match=r"people\.csv:2"):
        grouped().send()


@pytest.mark.parametrize(("key", "pending"), [("email", 0), (["email", "first_name"], 1)])
def test_the_remedies_for_a_corrected_cell_do_as_they_say(grouped, key, pending, capsys):
    mailing = grouped(key=key)
    code, findings, made = found(mailing, capsys)
    assert (code, "MB139" in findings, made["pending"]) == (0, False, pending)
    mailing.send()


def test_a_job_without_an_edition_is_told_what_that_means(tmp_path, capsys):
    mailing = Mailing(tmp_path)
    assert found(mailing, capsys)[:1] == (0,)
    assert set(found(mailing, capsys)[1]) == {"MB133"}
    assert set(found(mailing, capsys, edition="two")[1]) == set()


def test_a_preview_sees_the_same(sent, capsys):
    sent.write("letter.txt.j2", "Something else {{ first_name }}\n")
    code, made = sent.preview(capsys)
    assert code == 65
    assert "MB131" in {one["code"] for one in made["findings"]}
    assert (made["accepted"], made["pending"], made["nothing_to_do"]) == (1, 0, True)


def test_refused_recipients_are_settled_too(tmp_path):
    """Nobody has the message, and a run would still send to nobody."""
    job = load_job(Mailing(tmp_path, **EDITION).path)
    outlook = Outlook({"rejected": 2}, changed=("message.subject",))
    (finding,) = check_edition(job, "one", outlook)
    assert (finding.code, finding.detail) == (
        "MB131",
        "edition one is over, before message.subject changed",
    )


def test_the_words_of_a_check_on_a_terminal_have_the_remedy(sent, capsys):
    sent.write("letter.txt.j2", "Something else {{ first_name }}\n")
    code, out = sent.check(capsys, as_json=False, quiet=False)
    assert code == 65
    assert "error MB131: The new message would go to nobody: edition one was finished" in out.out
    assert "letter: 1 error, 0 warnings, 1 message, 1 row" in out.err
    assert json.dumps(out.out).isascii()


def test_a_thread_in_which_no_message_stands_behind_another_is_told(sent, capsys):
    """Another list has nobody of the edition before; one recipient in common is a thread."""
    text = sent.path.read_text(encoding="utf-8")
    sent.path.write_text(text.replace("message:", "message:\n  thread: true", 1), encoding="utf-8")

    def threads():
        _, made = sent.check(capsys, edition="two")
        return {one["code"]: one for one in made["findings"] if one["code"] in {"MB141", "MB142"}}

    assert threads() == {}
    sent.rows((*ROWS, ROW))
    assert threads() == {}
    sent.rows((ROW,))
    (found,) = threads().values()
    assert (found["code"], found["severity"]) == ("MB142", "warning")
    assert "thread" in sent.path.read_text(encoding="utf-8").splitlines()[found["line"] - 1]
    assert found["details"] == ["1 message, and edition one has no accepted one of a recipient"]


@pytest.mark.parametrize(
    ("host", "headers", "found"),
    [
        ("email-smtp.us-east-1.amazonaws.com", {}, "Amazon SES"),
        ("SMTP.postmarkapp.com", {}, "Postmark"),
        ("smtp-broadcasts.postmarkapp.com", {"X-PM-KeepID": "false"}, "Postmark"),
        ("smtp.postmarkapp.com", {"x-pm-keepid": "TRUE"}, None),
        ("notamazonaws.com", {}, None),
        ("smtp-api.infobip.com", {}, None),
    ],
)
def test_a_service_that_replaces_message_ids_is_told(tmp_path, host, headers, found):
    message = {"thread": True, "headers": headers}
    server = {"server": {"host": host, "auth": "none"}}
    job = load_job(Mailing(tmp_path, job=server, message=message).path)
    findings = list(check_thread(job, "2", "1", messages=3, placed=2))
    assert [(one.code, one.detail) for one in findings] == (
        [] if found is None else [("MB144", f"{found} does, at {host}")]
    )
