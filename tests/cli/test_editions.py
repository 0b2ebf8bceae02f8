"""`mailbatch status` of an edition that was never run, and of a folder."""

from __future__ import annotations

import pytest


def test_an_edition_that_was_never_run_is_pending(mailing):
    job, server = mailing()
    job.write_recipients([*job.addresses, job.addresses[0], "no-address"])
    done = job.command("status")
    assert (done.code, done.err) == (0, "not sent yet\n")
    assert done.out == (
        "scene (1): 5 recipients\n        3  pending\n        1  invalid\n        1  duplicate\n"
    )
    found = job.command("status", "--json")
    assert found.code == 0
    assert {key: value for key, value in found.json.items() if value} == {
        "job": "scene", "edition": "1", "recipients": 5, "pending": 3, "invalid": 1, "duplicate": 1,
    }  # fmt: skip
    assert not (job.folder / ".mailbatch").exists()
    assert server.journal == []


def test_a_mistyped_edition_is_told_which_ones_there_are(mailing):
    job, _ = mailing()
    assert job.command("run", "--edition", "2026-W48").code == 0
    done = job.command("status", "--edition", "2026-W84")
    assert done.code == 0
    assert done.err == "not sent yet; did you mean 2026-W48, in .mailbatch?\n"
    assert job.command("run", "--edition", "autumn").code == 0
    done = job.command("status", "--edition", "2026-W84")
    told = "not sent yet; did you mean 2026-W48, in .mailbatch? others there: autumn\n"
    assert done.err == told
    done = job.command("status", "--edition", "x")
    assert done.err == "not sent yet; others in .mailbatch: autumn, 2026-W48\n"


def test_the_next_edition_of_a_job_is_no_mistake(mailing):
    job, _ = mailing()
    assert job.command("run", "--edition", "11").code == 0
    assert job.command("status").err == "not sent yet; others in .mailbatch: 11\n"


def test_a_template_that_is_wrong_hides_no_standing(mailing):
    job, _ = mailing(text="{{ oops }}")
    assert job.command("status").code == 0


def test_a_table_that_is_wrong_cannot_be_counted(mailing):
    job, _ = mailing()
    (job.folder / "recipients.csv").write_text("email,name\na@b.de\n", encoding="utf-8")
    done = job.command("status")
    assert done.code == 65
    assert "recipients.csv:2" in done.err


def listed(mailing, program, place, *more):
    return program("status", place, *more, cwd=mailing.folder)


def test_a_folder_lists_its_editions(mailing, program):
    job, _ = mailing(server={"refused": {"user2@example.net": "550 5.1.1 nobody"}})
    assert job.command("run", "--edition", "2026-W47").code == 3
    assert job.command("run", "--edition", "2026-W48", "--limit", 1).code == 75
    done = listed(job, program, ".")
    assert done.code == 0
    first, second = done.out.splitlines()
    assert first.startswith("scene  2026-W47  finished 20")
    assert first.endswith("Z  2 accepted, 1 rejected")
    assert second.startswith("scene  2026-W48  begun 20")
    assert second.endswith("Z     2 pending, 1 accepted")
    assert listed(job, program, ".mailbatch").out == done.out
    found = listed(job, program, ".", "--json").json["editions"]
    assert [(one["job"], one["edition"], one["accepted"]) for one in found] == [
        ("scene", "2026-W47", 2),
        ("scene", "2026-W48", 1),
    ]
    assert [one["finished_at"] is None for one in found] == [False, True]
    assert all(one["began_at"].startswith("20") and not one["under_way"] for one in found)


@pytest.mark.parametrize("place", [".", ".."])
def test_a_folder_without_editions_is_no_mistake(mailing, program, place):
    job, _ = mailing()
    done = listed(job, program, place)
    assert (done.code, done.out) == (0, "")
    assert "no edition was begun in " in done.err
    assert listed(job, program, place, "--json").json == {"editions": []}


def test_a_ledger_that_cannot_be_read_is_named_and_the_others_listed(mailing, program):
    job, _ = mailing()
    assert job.command("run").code == 0
    (job.folder / ".mailbatch" / "old@1.sqlite3").write_bytes(b"none" * 500)
    done = listed(job, program, ".")
    assert done.code == 74
    assert done.out.startswith("scene  1  finished ")
    assert "old@1.sqlite3" in done.err


def test_a_state_directory_may_be_named(mailing, program):
    job, _ = mailing()
    assert job.command("run", "--state-dir", "kept").code == 0
    assert listed(job, program, ".", "--state-dir", "kept").out.startswith("scene  1  finished ")
