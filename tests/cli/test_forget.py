"""`mailbatch forget`: no byte of the person stays in the folder, and nobody is mailed by that."""

from __future__ import annotations

import csv
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from mailbatch.reports.forgetting import Person
from mailbatch.reports.forgetting import forget as forget_in_store
from tests.certainty.program import end, environment, start
from tests.support.faults import Fault, Kind, Stage

from .test_reported import told
from .test_reports import bounce, reports, sent
from .test_reports import write as received

__all__ = ["sent", "told"]

ANN = "ann@example.net"


def write(job, *rows, columns=("email", "name", "lot")):
    with (job.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


ROWS = (
    ["bob@example.net", "Bob Builder", "a"],
    ["Ann@example.net", "Annabel Confidential", "secretlot"],
    ["carl@example.net", "Carl", "a"],
)


def places_of(folder, *words):
    """The files in which one of these words stands, in any capitals; the user's own left out."""
    own = {"recipients.csv", "letter.txt.j2", "job.yaml"}
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in own
        and any(word.lower().encode() in path.read_bytes().lower() for word in words)
    }


PERSONAL = (ANN, "Annabel", "secretlot")


def bytes_of(folder):
    """The files of a folder; a reader leaves an empty journal, and an index of it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path: path.read_bytes()
        for path in files
        if not path.name.endswith("-shm") and (path.stat().st_size or "-wal" not in path.name)
    }


def got(server):
    return [address for taken in server.deliveries() for address in taken.recipients]


def standing(job):
    (path,) = job.ledgers
    with Ledger.read(path) as ledger:
        return {row.email: row.status for row in ledger.standing.result_rows()}


@pytest.fixture
def mailed(mailing):
    job, server = mailing()
    write(job, *ROWS)
    assert job.command("run").code == 0
    return job, server


def forget(job, *more, address=ANN):
    return job._program("forget", address, *more, cwd=job.folder)


def test_it_lists_what_it_would_do_and_changes_nothing_without_yes(mailed):
    job, _ = mailed
    before = bytes_of(job.folder)
    done = forget(job)
    assert done.code == 0
    assert "1 row, 1 with a message" in done.err
    assert "results.csv: results" in done.err
    assert "nothing was changed" in done.err
    assert bytes_of(job.folder) == before


def test_no_byte_of_the_person_stays_and_figures_do(mailed):
    job, _ = mailed
    assert places_of(job.folder, *PERSONAL) != set()
    evidence = job.command("evidence", "--only", ANN, "--out", "../before", "--json").json
    done = forget(job, "--yes", "--json")
    assert (done.code, done.json["forgotten"]) == (0, True), done.err
    assert places_of(job.folder, *PERSONAL) == set()
    now = standing(job)
    assert list(now.values()) == [Status.ACCEPTED] * 3
    assert now["bob@example.net"] is Status.ACCEPTED
    (alias,) = [email for email in now if email.endswith("@forgotten.invalid")]
    rows = list(csv.DictReader((job.folder / "results.csv").read_text("utf-8").splitlines()))
    assert [row["email"] for row in rows] == ["bob@example.net", alias, "carl@example.net"]
    assert [row["status"] for row in rows] == ["accepted"] * 3
    assert rows[1]["header_message_id"] != ""
    # The chain of the edition is the same: evidence of before fits that of behind.
    after = job.command("evidence", "--only", "bob@example.net", "--out", "../after", "--json")
    assert after.json["head"] == evidence["head"]
    assert forget(job, "--yes").code == 0


def test_a_later_run_knows_that_the_person_was_mailed_and_learns_nothing(mailed):
    job, server = mailed
    assert forget(job, "--yes").code == 0
    write(job, *ROWS, ["dora@example.net", "Dora", "b"])
    done = job.command("run")
    assert done.code == 0, done.err
    assert got(server).count("Ann@example.net") == 1
    assert got(server)[-1] == "dora@example.net"
    assert places_of(job.folder, *PERSONAL) == set()
    assert job.command("run", "--json").json["nothing_to_do"] is True
    asked = job.command("status", "--only", ANN)
    assert "@forgotten.invalid: accepted" in asked.out
    assert job.command("check", "--json").json["accepted"] == 4


@pytest.mark.parametrize("more", [(), ("--retry-rejected",)])
def test_who_was_never_mailed_gets_nothing_any_more(mailing, more):
    job, server = mailing(server={"refused": {"Ann@example.net": "550 5.1.1 <Ann@example.net>?"}})
    write(job, *ROWS, ["eve@example.net", "Evelyn Quux", "b"])
    job.command("run", "--limit", "2")
    assert standing(job)["Ann@example.net"] is Status.REJECTED
    assert forget(job, "--yes").code == 0
    assert forget(job, "--yes", address="eve@example.net").code == 0
    assert places_of(job.folder, *PERSONAL, "eve@example.net", "Evelyn") == set()
    done = job.command("run", *more)
    assert done.code in {0, 3}, done.err
    assert set(got(server)) == {"bob@example.net", "carl@example.net"}
    assert places_of(job.folder, *PERSONAL, "eve@example.net") == set()
    assert "equation: 4 rows = 2 accepted + 1 rejected + 1 suppressed" in done.err


def test_a_person_with_a_key_is_known_by_it(mailing):
    job, server = mailing()
    job.edit("file: recipients.csv", "file: recipients.csv\n  key: name")
    write(job, *ROWS)
    assert job.command("run").code == 0
    assert forget(job, "--yes").code == 0
    assert places_of(job.folder, *PERSONAL) == set()
    write(job, ["other@example.net", "Annabel Confidential", "x"], *ROWS[:1], *ROWS[2:])
    assert job.command("run").code == 0
    assert len(got(server)) == 3
    assert places_of(job.folder, "Annabel", "other@example.net") == set()


def keyed(job):
    job.edit("file: recipients.csv", "file: recipients.csv\n  key: lot")


LOTS = (["bob@example.net", "Bob Builder", "1"], [ANN, "Annabel Confidential", "secretlot"])


def test_behind_a_change_from_a_key_to_the_address_the_person_is_known(mailing):
    job, server = mailing()
    keyed(job)
    write(job, *LOTS)
    assert job.command("run").code == 0
    assert forget(job, "--yes").code == 0
    job.edit("\n  key: lot", "")
    assert job.command("check", "--json").json["accepted"] == 2
    done = job.command("run", "--json")
    assert (done.code, done.json["accepted"]) == (0, 2), done.err
    assert len(got(server)) == 2
    assert places_of(job.folder, *PERSONAL) == set()


def test_a_change_from_the_address_to_a_key_is_refused_since_the_key_is_forgotten(mailing):
    """Where the person was mailed; one who never was is known by the address."""
    job, server = mailing()
    write(job, *LOTS, ["eve@example.net", "Evelyn Quux", "7"])
    assert job.command("run", "--limit", "1").code == 75
    assert forget(job, "--yes", address="eve@example.net").code == 0
    keyed(job)
    told = job.command("check", "--json").json
    assert (told["pending"], told["accepted"], told["suppressed"]) == (1, 1, 1)
    done = job.command("run", "--json")
    assert (done.code, done.json["accepted"], done.json["suppressed"]) == (0, 2, 1), done.err
    job.edit("\n  key: lot", "")
    assert job.command("run").code == 0
    assert forget(job, "--yes").code == 0
    keyed(job)
    for more in (), ("--accept-changes",):
        done = job.command("run", *more)
        assert done.code == 65
        assert "was mailed and forgotten, and with it a value of 'lot'" in done.err
    assert len(got(server)) == 2
    assert places_of(job.folder, *PERSONAL, "eve@example.net") == set()


def test_an_envelope_sender_that_names_the_person_is_masked(mailing):
    """In the dialogue that a copy leaves there, and in the reply to MAIL in ledger and results."""
    sender = "bounce+{{ email | replace('@', '=') }}@example.com"
    refusal = "550 5.7.1 <bounce+eve=example.net@example.com>: sender refused"
    job, _ = mailing(Fault(Stage.MAIL, Kind.REPLY, transaction=3, text=refusal))
    text = job.job.read_text(encoding="utf-8")
    text = text.replace("sender:\n", f'keep: dialogue\nsender:\n  envelope_from: "{sender}"\n')
    text = text.replace("message:\n", "message:\n  cc: boss@example.net\n")
    job.job.write_text(text, encoding="utf-8")
    write(job, ROWS[0], [ANN, "Annabel Confidential", "x"], ["eve@example.net", "Evelyn", "b"])
    assert job.command("run", "--yes").code == 3
    named = " ".join(places_of(job.folder, "eve=example.net"))
    assert all(ending in named for ending in (".smtp", ".sqlite3", ".csv"))
    for address in (ANN, "eve@example.net"):
        assert forget(job, "--yes", address=address).code == 0
    assert places_of(job.folder, *PERSONAL, "ann=example.net", "eve=example.net") == set()
    said = "".join(path.read_text() for path in dialogues(job))
    assert "MAIL FROM:<bounce+unknown=forgotten.invalid@example.com>" in said
    assert "MAIL FROM:<bounce+bob=example.net@example.com>" in said
    assert "RCPT TO:<boss@example.net>" in said


def dialogues(job):
    return (job.folder / ".mailbatch").glob("*.smtp")


def test_a_group_of_one_keeps_no_value(mailing):
    job, server = mailing()
    job.edit("file: recipients.csv", "file: recipients.csv\n  group_by: [email, lot]")
    write(job, *ROWS)
    assert job.command("run").code == 0
    assert forget(job, "--yes").code == 0
    assert places_of(job.folder, *PERSONAL) == set()
    assert job.command("run").code == 0
    assert len(got(server)) == 3
    assert places_of(job.folder, *PERSONAL) == set()


@pytest.mark.parametrize(("to", "shown"), [("recipient", "To: "), ("group", "To: bob@example.net")])
def test_others_of_a_group_get_their_message_without_an_alias(mailing, to, shown):
    refused = {"bob@example.net": "450 4.2.1 later"}
    job, server = mailing(server={"refused": refused})
    job.edit("file: recipients.csv", "file: recipients.csv\n  group_by: lot")
    if to == "group":
        job.edit("message:", "message:\n  to: group")
    (job.folder / "letter.txt.j2").write_text("To the lot {{ lot }}\n", encoding="utf-8")
    write(job, [*ROWS[1][:2], "a"], *ROWS[::2])
    assert job.command("run").code in {3, 75}
    assert forget(job, "--yes").code == 0
    refused.clear()
    done = job.command("run", "--retry-rejected")
    assert done.code == 0, done.err
    assert sorted(got(server)) == ["Ann@example.net", "bob@example.net", "carl@example.net"]
    made = job.command("evidence", "--only", "bob@example.net", "--out", "../bob")
    assert made.code == 0, made.err  # the very bytes, as the server took them
    message = (job.folder / "../bob/message.eml").read_text("utf-8")
    assert shown in message
    assert "forgotten.invalid" not in message
    assert "To the lot a" in message


def test_reports_keep_their_figures_and_lose_the_words(told):
    scene, rows = told
    address = rows[0]["email"]
    before = scene.command("status", "--json").json["reports"]
    assert places_of(scene.folder, address) != set()
    for name in ("a.eml", "b.json", "c.json", "d.eml"):  # what the user read in
        (scene.folder / name).unlink()
    assert forget(scene, "--yes", address=address).code == 0
    assert places_of(scene.folder, address) == set()
    assert scene.command("status", "--json").json["reports"] == before
    scene.command("run")
    found = list(csv.DictReader((scene.folder / "results.csv").read_text("utf-8").splitlines()))
    assert (found[0]["report"], found[0]["report_kind"]) == ("bounced", "hard")
    assert found[0]["email"].endswith("@forgotten.invalid")
    assert places_of(scene.folder, address) == set()


def test_a_person_whom_reports_speak_against_stays_suppressed(told):
    scene, rows = told
    scene.edit("file: recipients.csv", "file: recipients.csv\n  suppress: [reports]")
    address = rows[0]["email"]
    assert forget(scene, "--yes", address=address).code == 0
    done = scene.command("run", "--edition", "next", "--json")
    assert (done.json["suppressed"], done.json["accepted"]) == (1, 4)


def test_a_run_under_way_and_a_doubt_are_refused(mailed):
    job, _ = mailed
    (path,) = job.ledgers
    with Ledger.reopen(path):
        done = forget(job, "--yes")
        assert done.code == 75
    assert places_of(job.folder, ANN) != set()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE recipient SET status = 'in_doubt' WHERE line = 3")
    connection.close()
    with Ledger.reopen(path, restored=True):
        pass
    done = forget(job, "--yes")
    assert (done.code, "is in doubt" in done.err) == (2, True)


def test_a_stranger_and_a_wrong_word_change_nothing(mailed):
    job, _ = mailed
    assert "stands in no ledger" in forget(job, "--yes", address="no@example.net").err
    assert forget(job, "--yes", address="Ann").code == 2
    assert forget(job, "--yes", address=f"Annabel <{ANN}>").code == 2
    assert forget(job, "nowhere", "--yes").code == 2
    assert standing(job)["Ann@example.net"] is Status.ACCEPTED


def test_a_longer_address_is_another_person(mailing):
    job, server = mailing()
    others = ("joann@example.net", "ann@example.net.au", "x.ann@example.net", "x+ann@example.net")
    write(job, *ROWS, *([one, "Other", one] for one in others))
    assert job.command("run").code == 0
    before = (job.folder / "results.csv").read_text("utf-8").splitlines()
    assert forget(job, "--yes").code == 0
    after = (job.folder / "results.csv").read_text("utf-8").splitlines()
    assert [number for number, line in enumerate(before) if line != after[number]] == [2]
    assert set(others) <= set(standing(job))
    for number, one in enumerate(others):
        done = job.command("evidence", "--only", one, "--out", f"../evidence-{number}")
        assert done.code == 0, done.err
    assert job.command("run").code == 0
    assert len(got(server)) == 3 + len(others)


@pytest.mark.parametrize("spelled", ["ÄNNE@example.net", "änne@example.net"])
def test_capitals_beyond_ascii_are_the_same_person(mailing, spelled):
    job, _ = mailing(server={"refused": {"bob@example.net": "550 5.1.1 ask Änne@example.net"}})
    write(job, ["Änne@example.net", "Annabel", "secretlot"], *ROWS[:1])
    assert job.command("run").code == 3
    assert forget(job, "--yes", address=spelled).code == 0
    assert places_of(job.folder, "Änne@", "änne@", "ÄNNE@", "Annabel", "secretlot") == set()


def test_jobs_in_folders_below_are_forgotten_in_too(mailed, program):
    """A folder of mailings has a job, with its state folder, in each folder below."""
    job, _ = mailed
    above = job.folder.parent
    done = program("forget", ANN, "--yes", cwd=above)
    assert (done.code, f"{job.folder.name}/.mailbatch/" in done.err) == (0, True)
    assert places_of(above, *PERSONAL) == set()
    assert standing(job)["bob@example.net"] is Status.ACCEPTED


def test_results_under_any_name_are_found(mailed):
    job, _ = mailed
    (job.folder / "results.csv").rename(job.folder / "sent in May")
    assert "sent in May: results" in forget(job, "--yes").err
    assert places_of(job.folder, *PERSONAL) == set()


def test_a_doubt_of_a_run_that_died_is_refused_and_its_accepted_are_forgotten(mailing):
    job, server = mailing(Fault(Stage.DOT, Kind.STALL, transaction=3))
    write(job, *ROWS[1:], ROWS[0])
    run = start("run", "job.yaml", cwd=job.folder)
    server.wait_for(transaction=3, stage=Stage.DOT, seconds=30.0)
    run.kill()
    end(run)
    done = forget(job, "--yes", address="bob@example.net")
    assert (done.code, "is in doubt" in done.err) == (2, True)
    assert "1 row, 1 with a message" in forget(job, "--yes").err
    assert places_of(job.folder, *PERSONAL) == set()
    assert standing(job)["bob@example.net"] is Status.IN_DOUBT


def test_a_report_that_comes_behind_the_forgetting_is_forgotten_by_the_same_again(sent):
    scene, rows = sent
    address = rows[0]["email"]
    assert forget(scene, "--yes", address=address).code == 0
    name = received(scene, "a.eml", bounce(rows[0]["header_message_id"], address))
    assert reports(scene, "read", name).code == 0
    (scene.folder / name).unlink()
    assert "1 body" in forget(scene, "--yes", address=address).err
    assert places_of(scene.folder, address) == set()
    assert "stands in no" in forget(scene, address=address).err
    assert scene.command("run").code == 0
    found = list(csv.DictReader((scene.folder / "results.csv").read_text("utf-8").splitlines()))
    assert (found[0]["report"], found[0]["report_kind"]) == ("bounced", "hard")


def test_other_names_in_a_report_stay():
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(
            "CREATE TABLE body (id, content, readers);"
            "CREATE TABLE refusal (body_id, number, reason);"
            "CREATE TABLE report (id, body_id, recipients, token, header_message_id, message_id,"
            " text)"
        )
        connection.execute(
            "INSERT INTO report VALUES (1, 1, ?, 't', 'm', 's', '')", (f"bob@example.net\n{ANN}",)
        )
        forget_in_store(connection, Person(ANN, {}, frozenset()))
        (names,) = connection.execute("SELECT recipients FROM report").fetchone()
    connection.close()
    assert names == "bob@example.net\nunknown@forgotten.invalid"


#: A program that dies by kill -9 before the given call of `sqlite3` statements of a kind.
DIES = """
import os, signal, sys
from mailbatch.ledger import forgetting
from mailbatch.ledger.database import Database
from mailbatch.reports import forgetting as reports
left = [int(sys.argv[1])]

def counted(function):
    def called(*arguments, **more):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return function(*arguments, **more)
    return called

Database.transaction = counted(Database.transaction)
Database.close = counted(Database.close)
reports.forget = counted(reports.forget)
forgetting._rows = counted(forgetting._rows)
from mailbatch.reports import store
store.forget, store.overwrite = counted(store.forget), counted(store.overwrite)
from mailbatch.results import masking
from mailbatch.delivery import forgetting as whole
whole.mask_results = counted(whole.mask_results)
from mailbatch.cli.main import main
sys.argv = ["mailbatch", "forget", "ann@example.net", "--yes"]
main()
"""


def test_a_kill_anywhere_is_followed_by_one_that_goes_on(mailed, tmp_path):
    job, server = mailed
    for place in range(100):
        copy = tmp_path / f"copy-{place}"
        shutil.copytree(job.folder, copy, copy_function=shutil.copyfile)
        # Copies of the notes would be those of a ledger that was put back.
        for note in (*copy.glob(".mailbatch/*.lock"), *copy.glob(".mailbatch/.*.seen")):
            note.unlink()
        for path in copy.glob(".mailbatch/*.sqlite3"):
            with Ledger.reopen(path, restored=True):
                pass
        died = subprocess.run(
            [sys.executable, "-c", DIES, str(place)],
            cwd=copy, env=environment(), capture_output=True, check=False,
        )  # fmt: skip
        again = job._program("forget", ANN, "--yes", cwd=copy)
        assert again.code == 0, again.err
        assert places_of(copy, *PERSONAL) == set(), place
        (path,) = copy.glob(".mailbatch/*.sqlite3")
        with Ledger.read(path) as ledger:
            assert ledger.standing.counts()[Status.ACCEPTED] == 3
        shutil.rmtree(copy)
        if died.returncode != -signal.SIGKILL:
            assert died.returncode == 0, died.stderr
            break
    assert place > 5
    assert len(got(server)) == 3


@pytest.mark.parametrize("answer", ["n", "y"])
def test_on_a_terminal_it_asks(mailed, on_terminal, answer):
    job, _ = mailed
    terminal, code = on_terminal(job, "forget", ANN, answer=answer)
    assert (code, f"Forget {ANN} there?" in terminal.shown) == (0, True)
    assert (places_of(job.folder, ANN) == set()) is (answer == "y")
