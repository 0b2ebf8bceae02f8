"""`mailbatch correct`: the mended letter, the correction in its thread, nothing for all others."""

from __future__ import annotations

import csv
import os
from email import message_from_bytes

import pytest

from mailbatch.ledger.store import Ledger
from tests.cli.conftest import nothing_reached
from tests.support.faults import Fault, Kind, Stage

OLD = "{{ name }}: {% if lot == 'pro' %}the price is 10{% else %}no price{% endif %}\n"
NEW = (
    "{% if delivery.correction %}We were wrong. {% endif %}"
    "{{ name }}: {% if lot == 'pro' %}the price is 100{% else %}no price{% endif %}\n"
)
#: The step behind a third job file.
CORRECTED_AGAIN = (
    "to correct that correction: mailbatch correct OTHER --edition 1.corrected --with THIRD"
)
#: Those of the letter with the mistake, in a table that `table` writes.
PRO = {"user2@example.net", "user4@example.net"}


@pytest.fixture
def corrected(mailing):
    """Make a mailing with a mistake in the letter of every second row, and `other.yaml`."""

    def make(*faults, recipients=5, **more):
        job, server = mailing(*faults, recipients=recipients, text=OLD, **more)
        job.edit("results: results.csv", "results: results-{{ edition }}.csv")
        table(job, recipients)
        mend(job)
        return job, server

    return make


def table(job, recipients, *more, columns=("email", "name", "lot")):
    """Write the table: every second row has the letter with the mistake."""
    with (job.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for number in range(1, recipients + 1):
            lot = "free" if number % 2 else "pro"
            writer.writerow([f"user{number}@example.net", f"Name {number}", lot])
        writer.writerows(more)


def mend(job, text=NEW):
    """Write the mended letter, and a job that names it."""
    (job.folder / "mended.txt.j2").write_text(text, encoding="utf-8")
    said = job.job.read_text(encoding="utf-8").replace("letter.txt.j2", "mended.txt.j2")
    (job.folder / "other.yaml").write_text(said, encoding="utf-8")


def correct(job, *more):
    return job.command("correct", "--with", "other.yaml", "--yes", "--json", *more)


def rows(job, edition):
    with (job.folder / f"results-{edition}.csv").open(encoding="utf-8", newline="") as file:
        return {row["email"]: row for row in csv.DictReader(file)}


def test_each_recipient_gets_what_is_missing_and_no_more(corrected):
    job, server = corrected()
    assert job.command("run", "--limit", "3", "--yes").code == 75
    done = correct(job)
    assert done.code == 0, done.err
    groups = {"mended": 2, "corrections": 1, "unchanged": 2, "in_doubt": 0, "new": 0}
    assert done.json["groups"] == {**groups, "left_out": 0, "gone": 0}
    assert (done.json["edition"], done.json["corrects"]) == ("1.corrected", "1")
    assert "edition 1: 2 mended letters and 1 correction" in done.err
    first, last = server.deliveries()[:3], server.deliveries()[3:]
    had = {one.recipients[0]: one.message_id for one in first}
    assert {one.recipients[0]: one.thread for one in last} == {
        "user2@example.net": (had["user2@example.net"],) * 2,
        "user4@example.net": ("", ""),
        "user5@example.net": ("", ""),
    }
    made = rows(job, "1.corrected")
    assert made["user1@example.net"]["reason"] == "the letter of edition 1 is the same"
    assert rows(job, "1")["user2@example.net"]["status"] == "accepted"


def test_the_templates_know_which_letter_this_is_and_see_the_edition_that_is_corrected(corrected):
    job, _ = corrected(recipients=3)
    assert job.command("run", "--limit", "2", "--yes").code == 75
    mend(job, NEW.replace("{{ name }}", "{{ edition }} {{ name }}"))
    done = correct(job, "--dry-run", "--out", "out")
    assert done.code == 0, done.err
    said = {}
    for path in (job.folder / "out").glob("*.eml"):
        message = message_from_bytes(path.read_bytes())
        said[message["To"]] = message.get_payload().strip()
    assert said == {
        "user1@example.net": "We were wrong. 1 Name 1: no price",
        "user2@example.net": "We were wrong. 1 Name 2: the price is 100",
        "user3@example.net": "1 Name 3: no price",
    }


def test_the_same_command_again_sends_nothing(corrected):
    job, server = corrected()
    assert job.command("run", "--yes").code == 0
    assert correct(job).json["accepted"] == 2
    done = correct(job)
    assert (done.code, done.json["nothing_to_do"]) == (0, True)
    assert "nothing to do: this edition was finished" in done.err
    assert "recurring" not in done.err
    assert len(server.deliveries()) == 7


@pytest.mark.parametrize("number", ["cap: 6/day", "warmup: {from: 6, to: 60, days: 9}"])
def test_a_daily_number_counts_over_both_editions_and_holds_no_correction_for_ever(
    corrected, number
):
    job, server = corrected()
    for name in ("job.yaml", "other.yaml"):
        path = job.folder / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("server:\n", f"server:\n  {number}\n"), encoding="utf-8")
    assert job.command("run", "--limit", "4", "--yes").code == 75
    done = correct(job)
    assert (done.code, done.json["accepted"], done.json["pending"]) == (75, 2, 1), done.err
    assert done.json["held_by"] == number.partition(":")[0]
    assert "another edition of this job is under way" not in done.err
    assert len(server.deliveries()) == 6


def test_an_edition_that_was_stopped_sends_nothing_and_names_the_other_one(corrected):
    job, server = corrected()
    assert job.command("run", "--limit", "2", "--yes").code == 75
    assert correct(job).code == 0
    done = job.command("run", "--yes")
    assert done.code == 65
    assert "edition 1 was stopped: its correction, edition 1.corrected, took over" in done.err
    done = job.command("run", "--edition", "1.corrected", "--yes")
    assert done.code == 65
    assert "edition 1.corrected is the correction of edition 1" in done.err
    assert len(server.deliveries()) == 6
    codes = {"1": "MB145", "1.corrected": "MB146"}
    for edition, code in codes.items():
        found = job.command("check", "--edition", edition, "--json").json["findings"]
        assert found[0]["code"] == code


def test_a_rehearsal_changes_nothing(corrected):
    job, server = corrected()
    assert job.command("run", "--limit", "3", "--yes").code == 75
    before = sorted(path.name for path in job.folder.rglob("*"))
    done = job.command("correct", "--with", "other.yaml", "--preview", "gallery", "--json")
    assert done.code == 0, done.err
    assert done.json["groups"]["corrections"] == 1
    assert "mended: 2 messages, gallery/mended/index.html" in done.err
    for name, words, other in (
        ("mended", b"user4@example.net", b"user2@example.net"),
        ("corrections", b"user2@example.net", b"user4@example.net"),
    ):
        letters = (job.folder / "gallery" / name / "messages").glob("*.eml")
        page = b"".join(path.read_bytes() for path in letters)
        assert words in page
        assert other not in page
    after = sorted(p.name for p in job.folder.rglob("*") if "gallery" not in p.parts)
    assert [name for name in after if not name.endswith(("-wal", "-shm"))] == before
    assert job.command("run", "--yes").code == 0
    assert len(server.deliveries()) == 5


@pytest.mark.parametrize("rehearsal", [("--dry-run",), ("--preview", "look")])
def test_every_rehearsal_of_the_same_ends_alike(corrected, rehearsal):
    """Letters for some, for nobody since all are right, and for nobody since no row can be."""
    job, _ = corrected(recipients=2)
    assert job.command("run", "--yes").code == 0
    assert correct(job, *rehearsal).code == 0
    mend(job, OLD)
    done = correct(job, *rehearsal)
    assert done.code == 0
    assert "nobody" not in done.err
    table(job, 0, ["user2 at example.net", "Name 2", "pro"])
    done = correct(job, *rehearsal)
    assert done.code == 3
    assert "scene (1.corrected): nobody was mailed: 1 invalid" in done.err
    table(job, 0)
    done = correct(job, *rehearsal)
    assert done.code == 0
    assert "nobody was mailed: the recipient table has no rows" in done.err


def test_a_forgotten_person_gets_no_letter_and_is_counted_nowhere_else(corrected):
    """The correction does not learn the person again, and none of its counts is about the row."""
    job, server = corrected()
    assert job.command("run", "--limit", "3", "--yes").code == 75
    for person in ("user2@example.net", "user4@example.net"):  # a wrong letter; none yet
        assert job._program("forget", person, "--yes", cwd=job.folder).code == 0
    count = len(server.deliveries())
    groups = {"mended": 1, "corrections": 0, "unchanged": 2, "in_doubt": 0, "new": 0}
    for more in ("--dry-run",), (), ():
        done = correct(job, *more)
        assert done.code == 0, done.err
        assert done.json["groups"] == {**groups, "left_out": 0, "gone": 0}
        assert done.json["suppressed"] == 2
    assert [one.recipients for one in server.deliveries()[count:]] == [("user5@example.net",)]
    state = [*job.folder.glob("results*.csv"), *(job.folder / ".mailbatch").iterdir()]
    assert len(state) > 3
    assert not [path for path in state if b"user2@" in path.read_bytes()]
    # Behind the correction, too: its own ledger forgets, and knows the row by its own alias.
    assert job._program("forget", "user5@example.net", "--yes", cwd=job.folder).code == 0
    done = correct(job)
    assert (done.code, done.json["nothing_to_do"], done.json["recipients"]) == (0, True, 5)
    assert (done.json["accepted"], done.json["withdrawn"]) == (1, 0)
    done = again(job, NEW.replace("no price", "no prices"), "--dry-run")
    assert (done.json["suppressed"], done.json["groups"]["gone"]) == (3, 0), done.err
    assert done.json["groups"]["corrections"] == 2


def test_who_is_in_doubt_stays_so_until_somebody_decides(corrected):
    """Then the same command sends the letter that is due."""
    job, server = corrected(
        Fault(Stage.DOT, Kind.FIN, transaction=2, taken=True),
        Fault(Stage.DOT, Kind.FIN, transaction=4, taken=True),
    )
    assert job.command("run", "--yes").code in {69, 4}
    assert job.command("run", "--yes").code in {69, 4}
    doubts = sum(row["status"] == "in_doubt" for row in rows(job, "1").values())
    assert doubts == 2
    done = correct(job)
    assert (done.json["groups"]["in_doubt"], done.json["groups"]["corrections"]) == (2, 0)
    assert "2 in doubt, and left so" in done.err
    done = job.command("resolve", "--accepted", "--only", "user2@example.net")
    assert done.code == 4, done.err
    done = job.command("resolve", "--resend")
    assert "to get the mended letter by the next mailbatch correct" in done.err
    count = len(server.deliveries())
    done = correct(job)
    assert (done.json["groups"]["mended"], done.json["groups"]["corrections"]) == (2, 1)
    last = {one.recipients[0]: bool(one.thread[0]) for one in server.deliveries()[count:]}
    assert last == {"user2@example.net": True, "user4@example.net": False}


def test_a_row_that_changed_a_cell_has_the_wrong_letter(corrected):
    """The mistake may stand in the table."""
    job, server = corrected(recipients=3)
    assert job.command("run", "--yes").code == 0
    (job.folder / "mended.txt.j2").write_text(OLD, encoding="utf-8")
    table(job, 2, ["user3@example.net", "Another Name", "free"], ["new@example.net", "N", "pro"])
    done = correct(job)
    assert done.json["groups"]["corrections"] == 1
    assert done.json["groups"]["new"] == 1
    assert [one.recipients[0] for one in server.deliveries()[3:]] == ["user3@example.net"]
    reason = rows(job, "1.corrected")["new@example.net"]["reason"]
    assert reason == "no recipient of edition 1"


def test_rows_that_are_gone_moved_repeated_or_cannot_be_mailed_get_nothing(corrected):
    job, server = corrected(
        Fault(Stage.RCPT, Kind.PERMANENT, transaction=5), recipients=6, retry={"maximum": "0.1s"}
    )
    job.edit("  file: recipients.csv", "  file: recipients.csv\n  key: name")
    mend(job)
    assert job.command("run", "--yes").code == 3
    header = ("email", "name", "lot")
    rest = [
        ["user1@example.net", "Name 1", "pro"],
        ["user1@example.net", "Name 1", "free"],
        ["other@example.net", "Name 2", "pro"],
        ["user4@example", "Name 4", "pro"],
        ["user5@example.net", "Name 5", "pro"],
    ]
    table(job, 0, *rest, columns=header)
    done = correct(job, "--dry-run")
    groups = done.json["groups"]
    assert groups == {
        "mended": 0, "corrections": 1, "unchanged": 0, "in_doubt": 0, "new": 0, "left_out": 2,
        "gone": 2,
    }  # fmt: skip
    done = correct(job)
    assert [one.recipients[0] for one in server.deliveries()[5:]] == ["user1@example.net"]
    made = job.folder / "results-1.corrected.csv"
    with made.open(encoding="utf-8", newline="") as file:
        told = [(row["status"], row["reason"]) for row in csv.DictReader(file)]
    assert told[0][0] == "accepted"
    assert told[1][0] == "duplicate"
    assert told[2] == (
        "filtered",
        "edition 1 went to user2@example.net, the table has other@example.net now",
    )
    assert told[3][0] == "invalid"
    assert told[4] == ("filtered", "rejected in edition 1")


def test_a_row_that_could_not_be_mailed_gets_the_mended_letter(corrected):
    """A template that failed, and an address that was none under a key that stays."""
    job, server = corrected(recipients=3)
    job.edit("  file: recipients.csv", "  file: recipients.csv\n  key: name")
    broken = "{% if name == 'Name 3' %}{{ 1 // 0 }}{% endif %}" + OLD
    (job.folder / "letter.txt.j2").write_text(broken, encoding="utf-8")
    mend(job, OLD)
    table(job, 3, ["no address", "Name 4", "free"])
    assert job.command("run", "--yes").code == 3
    table(job, 3, ["user4@example.net", "Name 4", "free"])
    done = correct(job)
    assert (done.code, done.json["groups"]["mended"]) == (0, 2)
    assert done.json["groups"]["unchanged"] == 2
    last = [one.recipients[0] for one in server.deliveries()[2:]]
    assert last == ["user3@example.net", "user4@example.net"]


def test_a_time_of_sending_holds_both_letters(corrected):
    """That of the mended job; the edition is stopped all the same."""
    job, server = corrected()
    assert job.command("run", "--limit", "3", "--yes").code == 75
    other = job.folder / "other.yaml"
    said = other.read_text(encoding="utf-8").replace(
        "  subject:", "  send_at: 2999-01-01 09:00 UTC\n  subject:"
    )
    other.write_text(said, encoding="utf-8")
    count = len(server.deliveries())
    done = correct(job)
    assert (done.code, done.json["held_by"], done.json["pending"]) == (75, "send_at", 3)
    assert done.json["groups"]["corrections"] == 1
    assert "3 recipients wait for send_at; run again from 2999-01-01T09:00:00Z" in done.err
    assert len(server.deliveries()) == count
    assert job.command("run", "--yes").code == 65


def test_the_correction_stands_in_the_thread_of_its_edition(corrected):
    """Behind the letter that it corrects, which stands behind that of the edition before."""
    job, server = corrected(recipients=4)
    job.edit("  text: letter.txt.j2", "  text: letter.txt.j2\n  thread: true")
    mend(job)
    for edition, more in (("1", ()), ("2", ("--limit", "3"))):
        job.command("run", "--edition", edition, "--yes", *more)
    done = correct(job, "--edition", "2")
    assert done.code == 0, done.err
    taken = [(one.recipients[0], one.message_id, one.thread) for one in server.deliveries()]
    first, second = ({a: m for a, m, _ in part} for part in (taken[:4], taken[4:7]))
    thread = {address: behind for address, _, behind in taken[7:]}
    two, four = "user2@example.net", "user4@example.net"
    assert thread == {
        two: (second[two], f"{first[two]} {second[two]}"),
        four: (first[four], first[four]),
    }
    # The next edition finds both letters of the edition before, the right and the mended one.
    (job.folder / "letter.txt.j2").write_text("Hello\n", encoding="utf-8")
    assert job.command("run", "--edition", "3", "--yes").code == 0
    behind = {one.recipients[0]: one.thread[0] for one in server.deliveries()[9:]}
    now = {address: message_id for address, message_id, _ in taken[7:]}
    assert behind == {**second, **now}


def test_the_results_of_the_edition_stay_where_they_are(corrected):
    job, _ = corrected(recipients=2)
    job.edit("results: results-{{ edition }}.csv", "results: results.csv")
    mend(job)
    assert job.command("run", "--yes").code == 0
    before = (job.folder / "results.csv").read_bytes()
    assert correct(job).json["results"] == str(job.folder / "results.corrected.csv")
    assert (job.folder / "results.csv").read_bytes() == before
    after = (job.folder / "results.corrected.csv").read_bytes()
    done = job.command("results", "--edition", "1.corrected")
    assert done.code == 0, done.err
    assert (job.folder / "results.corrected.csv").read_bytes() == after


def test_status_tells_of_both_editions(corrected):
    job, _ = corrected(Fault(Stage.RCPT, Kind.TRANSIENT, transaction=3))
    assert job.command("run", "--limit", "2", "--yes").code == 75
    assert correct(job).code == 75
    done = job.command("status")
    assert "stopped: edition 1.corrected took over" in done.out
    assert "run again" not in done.err
    done = job.command("status", "--edition", "1.corrected")
    assert "corrects edition 1\n" in done.out
    assert "mailbatch correct job.yaml --edition 1 --with OTHER" in " ".join(done.err.split())
    assert job.command("status", "--json").json["corrected_by"] == "1.corrected"
    done = job.command("status", "--edition", "1.corrected", "--json").json
    assert (done["corrects"], done["corrected_by"]) == ("1", None)
    done = job.command("results", "--failed", "again.csv")
    assert "get the mended letter of edition 1.corrected" in " ".join(done.err.split())


def test_the_message_of_a_correction_can_be_proved(corrected):
    job, _ = corrected()
    assert job.command("run", "--limit", "3", "--yes").code == 75
    assert correct(job).code == 0
    for name, has in (("user2", True), ("user4", False)):
        done = job._program(
            "evidence", "other.yaml", "--edition", "1.corrected", "--only",
            f"{name}@example.net", "--out", name, cwd=job.folder,
        )  # fmt: skip
        assert done.code == 0, done.err
        message = message_from_bytes((job.folder / name / "message.eml").read_bytes())
        assert (message["In-Reply-To"] is not None) is has


def edits(job):
    """Every way in which the letters cannot be compared, by the words that tell so."""

    def name():
        text = (job.folder / "other.yaml").read_text(encoding="utf-8")
        (job.folder / "other.yaml").write_text(text.replace("name: scene", "name: new"), "utf-8")

    def key():
        text = (job.folder / "other.yaml").read_text(encoding="utf-8")
        more = text.replace("recipients.csv\n", "recipients.csv\n  key: name\n")
        (job.folder / "other.yaml").write_text(more, encoding="utf-8")

    def group():
        text = (job.folder / "other.yaml").read_text(encoding="utf-8")
        more = text.replace("recipients.csv\n", "recipients.csv\n  group_by: [lot]\n")
        (job.folder / "other.yaml").write_text(more, encoding="utf-8")

    def letter():
        (job.folder / "letter.txt.j2").write_text(NEW, encoding="utf-8")

    return {"name": name, "key": key, "group": group, "letter": letter}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("name", "new is not the name of the job that was sent"),
        ("key", "edition 1 tells recipients apart by the address, the correction by 'name'"),
        ("group", "the recipients of a group share a message"),
        ("letter", "the job is not what edition 1 was sent with: message.text: letter.txt.j2"),
    ],
)
def test_letters_that_cannot_be_compared_are_refused(corrected, edit, words):
    job, server = corrected()
    assert job.command("run", "--limit", "3", "--yes").code == 75
    edits(job)[edit]()
    done = correct(job)
    assert done.code == 65, done.err
    assert words in " ".join(done.err.split())
    assert "mailbatch explain MB147" in done.err
    nothing_more = [path.name for path in job.ledgers]
    assert nothing_more == ["scene@1.sqlite3"]
    assert len(server.deliveries()) == 3


def test_the_job_that_was_sent_mends_nothing(corrected):
    """A slip would stop the edition, and send the wrong letter to all others."""
    job, server = corrected()
    job.command("run", "--limit", "1", "--yes")
    done = job.command("correct", "--with", "job.yaml", "--yes")
    assert done.code == 65
    assert "this is the job that was sent: it mends nothing" in done.err
    assert len(server.deliveries()) == 1
    assert job.command("run", "--limit", "1", "--yes").code == 75


def test_an_edition_of_groups_is_not_told_to_leave_its_groups_out(corrected):
    job, server = corrected()
    text = (job.folder / "job.yaml").read_text(encoding="utf-8")
    more = text.replace("recipients.csv\n", "recipients.csv\n  group_by: [lot]\n")
    (job.folder / "job.yaml").write_text(more, encoding="utf-8")
    done = correct(job)
    assert done.code == 65
    told = " ".join(done.err.split())
    assert "an edition of groups cannot be corrected: write in an edition of its own" in told
    assert "leave group_by out" not in told
    nothing_reached(server)


def test_an_edition_that_was_never_sent_and_one_that_is_a_correction_are_refused(corrected):
    job, server = corrected()
    done = correct(job)
    assert done.code == 65
    assert "edition 1 was never sent" in done.err
    nothing_reached(server)
    assert job.command("run", "--yes").code == 0
    assert job.command("run", "--edition", "1.corrected", "--yes").code == 0
    done = correct(job)
    assert done.code == 65
    assert "edition 1.corrected is no correction" in done.err


def test_a_ledger_in_a_database_is_refused(corrected):
    job, server = corrected()
    done = correct(job, "--ledger", "postgresql://localhost/mail")
    assert done.code == 78
    assert "a correction is for ledgers in files" in done.err
    nothing_reached(server)


def test_a_run_that_is_under_way_is_left_alone(corrected):
    job, _ = corrected()
    assert job.command("run", "--limit", "3", "--yes").code == 75
    with Ledger.reopen(job.ledgers[0]):
        done = correct(job)
    assert done.code == 75
    assert f"edition 1 is being sent: process {os.getpid()}" not in done.err
    assert "stop that run" in done.err
    assert [path.name for path in job.ledgers] == ["scene@1.sqlite3"]


def test_a_correction_that_changed_under_way_is_refused(corrected):
    job, _ = corrected(Fault(Stage.RCPT, Kind.TRANSIENT, transaction=4))
    assert job.command("run", "--limit", "3", "--yes").code == 75
    assert correct(job).code == 75
    mend(job, NEW + "Greetings\n")
    done = correct(job)
    assert done.code == 65
    assert "the message changed after" in done.err
    assert CORRECTED_AGAIN in " ".join(done.err.split())
    for rehearsal in (("--dry-run",), ("--preview", "look")):
        done = correct(job, *rehearsal)
        assert done.code == 65
        assert "a real run would mail nobody: the message changed after" in done.err
        assert CORRECTED_AGAIN in " ".join(done.err.split())
    assert correct(job, "--accept-changes").code == 0


def test_a_third_job_file_of_a_finished_correction_is_told_its_edition(corrected):
    job, server = corrected(recipients=2)
    assert job.command("run", "--yes").code == 0
    assert correct(job).code == 0
    mend(job, NEW.replace("100", "99"))
    count = len(server.deliveries())
    foretold = (("--dry-run",), 65), (("--preview", "look"), 65)
    for more, code in ((), 0), *foretold:
        done = correct(job, *more)
        assert (done.code, done.json["exit_code"]) == (code, code)
        assert CORRECTED_AGAIN in " ".join(done.err.split())
        assert "a recurring mailing" not in done.err
        assert ("a real run would mail nobody" in done.err) == bool(more)
    assert len(server.deliveries()) == count


def test_a_letter_that_cannot_be_made_again_is_told_with_its_row(corrected):
    job, server = corrected(recipients=2)
    job.edit("  text: letter.txt.j2", "  text: letter.txt.j2\n  attachments: ['{{ lot }}.txt']")
    mend(job)
    for name in ("pro", "free"):
        (job.folder / f"{name}.txt").write_text(name, encoding="utf-8")
    assert job.command("run", "--yes").code == 0
    text = (job.folder / "other.yaml").read_text(encoding="utf-8")
    more = text.replace("  attachments:\n", "").replace("  - '{{ lot }}.txt'\n", "")
    (job.folder / "other.yaml").write_text(
        more.replace("  attachments: ['{{ lot }}.txt']\n", ""), encoding="utf-8"
    )
    (job.folder / "pro.txt").unlink()
    done = correct(job)
    assert done.code == 65
    assert "recipients.csv:3" in done.err
    assert "user2@example.net has cannot be made again" in " ".join(done.err.split())
    assert len(server.deliveries()) == 2


def test_a_letter_of_before_an_accepted_change_is_found_by_its_bytes(corrected):
    """The mistake was mended under way: those of before have the wrong letter, the others not."""
    job, server = corrected(recipients=4)
    assert job.command("run", "--limit", "2", "--yes").code == 75
    mended = NEW.replace("{% if delivery.correction %}We were wrong. {% endif %}", "")
    (job.folder / "letter.txt.j2").write_text(mended, encoding="utf-8")
    assert job.command("run", "--accept-changes", "--yes").code == 0
    done = correct(job)
    assert done.code == 65
    assert "user2@example.net has cannot be made again" in " ".join(done.err.split())
    assert "recipients.csv:3" in done.err
    assert "--dry-run tells how many" in " ".join(done.err.split())
    done = correct(job, "--accept-changes")
    assert done.code == 0, done.err
    assert done.json["groups"]["unchanged"] == 3
    (last,) = server.deliveries()[4:]
    assert last.recipients == ("user2@example.net",)


@pytest.mark.parametrize("eight_bit", [True, False])
def test_the_bytes_of_a_letter_are_known_whatever_the_server_takes(corrected, eight_bit):
    job, server = corrected(recipients=2, server={"eight_bit": eight_bit})
    for name, text in (("letter", OLD), ("mended", NEW)):
        (job.folder / f"{name}.txt.j2").write_text(f"Grüße {text}", encoding="utf-8")
    assert job.command("run", "--yes").code == 0
    done = correct(job)
    assert (done.code, done.json["groups"]["unchanged"]) == (0, 1), done.err
    assert len(server.deliveries()) == 3


def test_a_person_is_asked_with_both_numbers_and_a_no_stops_nothing(corrected, on_terminal):
    job, server = corrected()
    assert job.command("run", "--limit", "3", "--yes").code == 75
    arguments = ("correct", "job.yaml", "--with", "other.yaml")
    screen, code = on_terminal(job, *arguments, answer="n", COLUMNS="80")
    said = " ".join(screen.text.split())
    assert "Stop edition 1; send 2 mended letters and 1 correction of scene" in said
    assert "(without a letter: 2 have the right letter)" in said
    assert code == 75
    assert len(server.deliveries()) == 3
    with Ledger.read(job.ledgers[0]) as ledger:
        assert ledger.corrections().corrected_by is None
    screen, code = on_terminal(job, *arguments, answer="y", COLUMNS="80")
    assert code == 0, screen.text
    assert len(server.deliveries()) == 6


def again(job, text, *more):
    """Correct the correction, by a third job file."""
    (job.folder / "third.txt.j2").write_text(text, encoding="utf-8")
    said = job.job.read_text(encoding="utf-8").replace("letter.txt.j2", "third.txt.j2")
    (job.folder / "third.yaml").write_text(said, encoding="utf-8")
    return job._program(
        "correct", "other.yaml", "--edition", "1.corrected", "--with", "third.yaml", "--yes",
        "--json", *more, cwd=job.folder,
    )  # fmt: skip


def test_a_correction_with_a_mistake_is_corrected_too(corrected):
    """Each recipient by the letter that counts: the corrected, the mended, or the first one."""
    job, server = corrected(Fault(Stage.RCPT, Kind.TRANSIENT, transaction=7), recipients=8)
    assert job.command("run", "--limit", "5", "--yes").code == 75
    # 2 is corrected, 4 has to wait, 6, 7 and 8 get the mended letter; 1, 3, 5 had the right one.
    assert correct(job).code == 75
    done = again(job, NEW.replace("100", "99"))
    assert done.code == 0, done.err
    assert done.json["edition"] == "1.corrected.corrected"
    groups = {"mended": 0, "corrections": 4, "unchanged": 4, "in_doubt": 0, "new": 0}
    assert done.json["groups"] == {**groups, "left_out": 0, "gone": 0}
    names = {edition: rows(job, edition) for edition in ("1", "1.corrected")}

    def ours(edition, address):
        return f"<{names[edition][address]['header_message_id']}>"

    last = {one.recipients[0]: one.thread for one in server.deliveries()[9:]}
    thread = {}
    for address, status in ((a, r["status"]) for a, r in names["1.corrected"].items()):
        had = [ours("1", address)] if names["1"][address]["status"] == "accepted" else []
        had += [ours("1.corrected", address)] if status == "accepted" else []
        thread[address] = (had[-1], " ".join(had)) if had else ("", "")
    assert last == {address: thread[address] for address in last}
    assert len(last) == 4
    assert any(len(behind.split()) == 2 for _, behind in last.values())
    done = correct(job)
    assert done.code == 65
    assert "edition 1.corrected was stopped" in done.err
    assert "mailbatch correct JOB --edition 1.corrected --with OTHER" in " ".join(done.err.split())
    done = again(job, NEW.replace("100", "99"))
    assert (done.code, done.json["nothing_to_do"]) == (0, True)


def test_a_second_correction_reaches_those_whose_first_letter_was_right_so_far(corrected):
    """Their job is not at hand any more: the digest of the bytes tells."""
    job, server = corrected(recipients=4)
    assert job.command("run", "--yes").code == 0
    assert correct(job).json["groups"]["unchanged"] == 2
    done = again(job, NEW.replace("no price", "no prices"), "--dry-run", "--out", "out")
    assert done.json["groups"]["corrections"] == 2
    assert done.json["groups"]["unchanged"] == 2
    count = len(server.deliveries())
    done = again(job, NEW.replace("no price", "no prices"))
    assert done.code == 0, done.err
    taken = server.deliveries()
    first = {one.recipients[0]: one.message_id for one in taken[:4]}
    last = {one.recipients[0]: one.thread for one in taken[count:]}
    assert last == {
        address: (first[address],) * 2 for address in ("user1@example.net", "user3@example.net")
    }
    done = job._program(
        "evidence", "third.yaml", "--edition", "1.corrected.corrected", "--only",
        "user1@example.net", "--out", "proof", cwd=job.folder,
    )  # fmt: skip
    assert done.code == 0, done.err
