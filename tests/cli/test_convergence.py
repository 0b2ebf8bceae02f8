"""Running it again: what the files say now is what becomes of whoever has nothing yet."""

from __future__ import annotations

import csv

from tests.support.faults import Fault, Kind, Stage


def connections(server):
    """How many times somebody connected."""
    return len(server.stages(Stage.BANNER))


def write(job, *rows, columns=("email", "name", "lot")):
    """Write the table row by row."""
    with (job.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def got(server):
    return [address for taken in server.deliveries() for address in taken.recipients]


def test_a_finished_edition_does_not_connect_and_says_when_it_was_finished(mailing):
    job, server = mailing()
    assert job.command("run").code == 0
    done = job.command("run", "--json")
    assert (done.code, done.json["transactions"], done.json["sessions"]) == (0, 0, 0)
    assert connections(server) == 1
    assert "nothing to do: this edition was finished on 20" in done.err
    assert "edition of its own, such as edition: \"{{ now.strftime('%G-W%V') }}\"" in done.err
    assert done.json["finished_at"].endswith("Z")
    assert job.command("status", "--json").json["finished_at"] == done.json["finished_at"]


def test_another_edition_is_another_mailing(mailing):
    job, server = mailing()
    assert job.command("run").code == 0
    assert job.command("run", "--edition", "2").code == 0
    assert got(server) == job.addresses * 2
    assert len(job.ledgers) == 2
    assert job.command("status", "--edition", "2", "--json").json["edition"] == "2"


def test_new_rows_are_mailed_and_nobody_else(mailing):
    job, server = mailing()
    assert job.command("run").code == 0
    job.write_recipients(["first@example.net", *job.addresses, "last@example.net"])
    done = job.command("run", "--json")
    assert (done.code, done.json["transactions"], done.json["accepted"]) == (0, 2, 5)
    assert got(server) == [*job.addresses, "first@example.net", "last@example.net"]
    # The results have the rows of the table as it is now, with their lines.
    assert [(row["row"], row["email"]) for row in job.results()][:2] == [
        ("2", "first@example.net"),
        ("3", "user1@example.net"),
    ]


def test_changed_fields_of_who_has_nothing_yet_are_taken_over(mailing):
    job, server = mailing()
    assert job.command("run", "--limit", 1).code == 75
    write(
        job,
        ["user1@example.net", "Anna", "a"],
        ["user2@example.net", "Berta", "a"],
        ["user3@example.net", "Cäcilie", "a"],
    )
    shown = job.command("run", "--dry-run", "--out", "shown")
    assert shown.code == 0
    done = job.command("run", "--json")
    assert (done.code, done.json["transactions"]) == (0, 2)
    assert sorted(got(server)) == job.addresses
    # The size tells: "Hello Name 1" against "Hello Berta" and "Hello Cäcilie".
    sizes = [taken.size for taken in server.deliveries()]
    assert sizes[1] != sizes[2]


def test_rows_that_left_before_they_were_sent_are_withdrawn(mailing):
    job, server = mailing()
    assert job.command("run", "--limit", 1).code == 75
    job.write_recipients(["user3@example.net"])
    done = job.command("run", "--json")
    assert done.code == 0
    assert got(server) == ["user1@example.net", "user3@example.net"]
    assert done.json["withdrawn"] == 1
    rows = {row["email"]: (row["row"], row["status"]) for row in job.results()}
    assert rows == {
        "user3@example.net": ("2", "accepted"),
        "user1@example.net": ("", "accepted"),
        "user2@example.net": ("", "withdrawn"),
    }
    # Who comes back is wanted again; who has the message is left alone.
    job.write_recipients(job.addresses)
    assert job.command("run").code == 0
    assert sorted(got(server)) == job.addresses
    assert list(job.statuses().values()) == ["accepted"] * 3


def test_suppression_and_conditions_count_for_who_has_nothing_yet(mailing):
    job, server = mailing(recipients=4)
    assert job.command("run", "--limit", 1).code == 75
    job.edit("file: recipients.csv", "file: recipients.csv\n  suppress: [gone.csv]")
    job.edit("  suppress", "  where: \"name != 'Name 3'\"\n  suppress")
    (job.folder / "gone.csv").write_text("email\nUSER1@example.net\nuser2@example.net\n")
    done = job.command("run", "--json")
    assert done.code == 0
    assert got(server) == ["user1@example.net", "user3@example.net"]
    assert [row["status"] for row in job.results()] == [
        "accepted", "suppressed", "accepted", "filtered",
    ]  # fmt: skip
    # Taken off the list, they are mailed after all.
    (job.folder / "gone.csv").write_text("email\n")
    assert job.command("run").code == 0
    assert got(server)[-1] == "user2@example.net"


def test_an_address_stands_once_however_often_it_is_listed(mailing):
    job, server = mailing()
    job.write_recipients(["ann@example.net", "bob@example.net", "ANN@example.net"])
    done = job.command("run", "--json")
    assert (done.code, done.json["duplicate"]) == (0, 1)
    assert got(server) == ["ann@example.net", "bob@example.net"]


def test_the_deferred_are_tried_again_by_the_next_run(mailing):
    fault = Fault(Stage.RCPT, Kind.TRANSIENT, recipient="user2@example.net")
    job, server = mailing(fault)
    first = job.command("run")
    assert first.code == 75
    assert "2 accepted, 1 deferred" in first.err
    assert "not finished: run again with mailbatch run job.yaml" in first.err
    assert job.statuses()["user2@example.net"] == "deferred"
    assert job.command("run").code == 0
    job.check(server.deliveries())
    (row,) = [row for row in job.results() if row["email"] == "user2@example.net"]
    assert row["attempts"] == "2"


def test_a_mended_address_is_mailed(mailing):
    job, server = mailing()
    job.write_recipients(["ann@example.net", "bob(at)example.net"])
    first = job.command("run")
    assert first.code == 3
    assert "a table of those who failed: mailbatch results job.yaml --failed again.csv" in first.err
    job.write_recipients(["ann@example.net", "bob@example.net"])
    assert job.command("run").code == 0
    assert got(server) == ["ann@example.net", "bob@example.net"]


def test_a_mailing_to_nobody_is_done(mailing):
    """Not finished "on" any day: there was nothing to finish."""
    job, server = mailing(recipients=0)
    done = job.command("run")
    assert done.code == 0
    assert connections(server) == 0
    assert "was finished on" not in done.err


def test_a_change_of_what_is_not_the_message_is_no_change_of_the_message(mailing):
    """Server, rate, retries and results may change in the middle of a mailing."""
    job, _ = mailing()
    assert job.command("run", "--limit", 1).code == 75
    job.edit("attempts: 1", "attempts: 3")
    job.edit("sessions: 1", "sessions: 2\n  rate: 1000/s")
    assert job.command("run", "--results", "elsewhere.csv").code == 0
