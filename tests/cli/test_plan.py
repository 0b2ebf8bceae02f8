"""`mailbatch plan` and `run --plan`: what was approved is sent, or nothing more is."""

from __future__ import annotations

import csv
import hashlib

import pytest

from mailbatch.delivery import plan_file
from mailbatch.delivery.slots import Slots
from mailbatch.errors import InputError
from tests.cli.conftest import nothing_reached

PLAN = "approved.plan"


def write(job, *rows, columns=("email", "name", "lot")):
    """Write the table row by row."""
    with (job.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def got(server):
    return [address for taken in server.deliveries() for address in taken.recipients]


def planned(job, *arguments):
    """Make the plan; return its text."""
    done = job.command("plan", "-o", PLAN, *arguments)
    assert done.code == 0, done.err
    return (job.folder / PLAN).read_text(encoding="utf-8")


def lines_of(text):
    """The lines of the rows."""
    return text.partition("\nrows:\n")[2].splitlines()


def test_the_same_inputs_give_the_same_plan_and_a_changed_row_one_other_line(mailing):
    job, _ = mailing()
    first = planned(job)
    assert planned(job) == first
    write(job, *[[a, f"Name {n}" if n != 1 else "Anna", "a"] for n, a in enumerate(job.addresses)])
    second = planned(job)
    changed = [a == b for a, b in zip(lines_of(first), lines_of(second), strict=True)]
    assert changed == [True, False, True]


def test_the_plan_has_no_personal_data_and_its_digest_is_that_of_the_shell(mailing):
    job, _ = mailing()
    text = planned(job)
    for word in (*job.addresses, "Name 1", "example.net"):
        assert word not in text
    kept = "".join(line for line in text.splitlines(keepends=True) if "digest: " not in line)
    digest = hashlib.sha256(kept.encode()).hexdigest()
    assert f"\ndigest: {digest}\n" in text
    shown = job.command("plan", "--json")
    assert shown.json["digest"] == digest
    assert (shown.json["recipients"], shown.json["pending"], shown.json["messages"]) == (3, 3, 3)
    assert (job.folder / ".mailbatch").exists() is False


def test_a_plan_names_who_gets_nothing_and_the_words_stand_to_the_right(mailing):
    job, server = mailing()
    (job.folder / "letter.txt.j2").write_text("Hello {{ rows[0][lot] }}\n", encoding="utf-8")
    write(
        job, ["a@example.net", "a", "name"], ["b@", "b", "name"], ["a@example.net", "c", "name"],
        ["d@example.net", "d", "zz"], ["e@example.net", "e", "name"],
    )  # fmt: skip
    job.edit("  file: recipients.csv", "  file: recipients.csv\n  where: email[0] != 'e'")
    rows = lines_of(planned(job))
    assert [row.split()[1] for row in rows][1:] == ["invalid", "duplicate", "invalid", "filtered"]
    assert {len(row) for row in rows} == {33}
    done = job.command("run", "--plan", PLAN, "--json")
    assert done.code == 3
    assert got(server) == ["a@example.net"]
    assert done.json["plan"] in (job.folder / PLAN).read_text(encoding="utf-8")


def test_a_run_sends_the_plan_and_a_second_one_finds_nothing_to_do(mailing):
    job, server = mailing()
    planned(job)
    assert job.command("run", "--plan", PLAN).code == 0
    again = job.command("run", "--plan", PLAN, "--json")
    assert (again.code, again.json["nothing_to_do"]) == (0, True)
    assert got(server) == job.addresses


#: change -> a part of the line that names it.
CHANGES = {
    "a row changed": "recipients.csv:3: the row is another one than in the plan",
    "a row more": "recipients.csv:5: the plan has no such row",
    "a row less": "recipients.csv:3: the table ends here, the plan has 1 more",
    "rows exchanged": "recipients.csv:2: the row is another one than in the plan",
    "a row suppressed": "recipients.csv:4: the row is suppressed, in the plan pending",
    "a column renamed": "recipients.columns is another one than in the plan",
    "the template": "message.text: letter.txt.j2 is another one than in the plan",
    "the subject": "message.subject is another one than in the plan",
    "the edition": "the plan is of edition 1, this is edition 2",
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_difference_is_named_before_the_first_byte(mailing, change):
    job, server = mailing()
    if change == "a row suppressed":
        (job.folder / "gone.csv").write_text("", encoding="utf-8")
        job.edit("  file: recipients.csv", "  file: recipients.csv\n  suppress: [gone.csv]")
    planned(job)
    rows = [[address, f"Name {n}", "a"] for n, address in enumerate(job.addresses)]
    more = []
    match change:
        case "a row changed":
            rows[1][2] = "b"
        case "a row more":
            rows.append(["new@example.net", "New", "a"])
        case "a row less":
            del rows[-1]
        case "rows exchanged":
            rows[0], rows[1] = rows[1], rows[0]
        case "a row suppressed":
            (job.folder / "gone.csv").write_text(f"{job.addresses[2]}\n", encoding="utf-8")
        case "the template":
            (job.folder / "letter.txt.j2").write_text("Hello!\n", encoding="utf-8")
        case "the subject":
            job.edit("subject: Hello", "subject: Hello there")
        case "the edition":
            more = ["--edition", "2"]
    columns = ("email", "name", "part" if change == "a column renamed" else "lot")
    write(job, *rows, columns=columns)
    for rehearsal in ([], ["--sandbox"]):
        done = job.command("run", "--plan", PLAN, *rehearsal, *more)
        assert done.code == 65
        assert CHANGES[change] in done.err
        assert "mailbatch plan JOB" in done.err
    nothing_reached(server)


def test_an_edited_attachment_stops_the_run_before_its_message(mailing):
    """Files that a row names are read when their message is made: the difference is named there."""
    job, server = mailing()
    for n in range(1, 4):
        (job.folder / f"user{n}@example.net.pdf").write_bytes(b"%PDF-1.4 invoice " + b"%d" % n)
    job.edit("  text: letter.txt.j2", "  text: letter.txt.j2\n  attachments: ['{{ email }}.pdf']")
    planned(job)
    edited = job.folder / "user2@example.net.pdf"
    kept = edited.read_bytes()
    edited.write_bytes(b"%PDF-1.4 another invoice")
    done = job.command("run", "--plan", PLAN, "--json")
    assert done.code == 65
    assert "recipients.csv:3: the message is another one than in the plan" in done.err
    assert f"mailbatch run job.yaml --plan {PLAN}" in done.err
    assert (done.json["accepted"], done.json["pending"]) == (1, 2)
    edited.unlink()
    gone = job.command("run", "--plan", PLAN)
    assert (gone.code, "recipients.csv:3: the row is invalid, in the plan pending" in gone.err) == (
        65, True,
    )  # fmt: skip
    edited.write_bytes(kept)
    assert job.command("run", "--plan", PLAN).code == 0
    assert got(server) == job.addresses


def test_an_edition_under_a_plan_is_not_sent_without_it(mailing):
    job, server = mailing()
    planned(job)
    assert job.command("run", "--plan", PLAN, "--limit", 1).code == 75
    bare = job.command("run")
    assert (bare.code, "is sent under the plan" in bare.err) == (65, True)
    write(job, *[[address, "Other", "a"] for address in job.addresses])
    planned(job)
    other = job.command("run", "--plan", PLAN)
    assert (other.code, "is sent under the plan" in other.err) == (65, True)
    assert got(server) == job.addresses[:1]
    assert job.command("run", "--plan", PLAN, "--accept-changes").code == 0
    assert got(server) == job.addresses


@pytest.mark.parametrize("place", ["message", "include", "subject", "where"])
def test_what_depends_upon_the_moment_cannot_be_planned(mailing, place):
    job, _ = mailing()
    letter = job.folder / "letter.txt.j2"
    match place:
        case "message":
            letter.write_text("Hello\n{{ now.year }}\n", encoding="utf-8")
            named = "letter.txt.j2:2:4: now is another one at every run"
        case "include":
            letter.write_text("{% include 'foot.txt.j2' %}\n", encoding="utf-8")
            (job.folder / "foot.txt.j2").write_text("{% if now %}x{% endif %}", encoding="utf-8")
            named = "foot.txt.j2:1:7: now is another one at every run"
        case "subject":
            job.edit("subject: Hello", "subject: 'Hello {{ now.day }}'")
            named = "message.subject: now is another one at every run"
        case "where":
            job.edit("  file: recipients.csv", "  file: recipients.csv\n  where: now.year > 0")
            named = "recipients.where: now chooses other rows at every run"
    done = job.command("plan", "-o", PLAN)
    assert done.code in {65, 78}
    assert named in done.err
    assert not (job.folder / PLAN).exists()


def test_an_edition_of_the_day_is_that_of_the_plan(mailing):
    job, server = mailing()
    job.edit("name: scene", "name: scene\nedition: \"{{ now.strftime('%s') }}\"")
    text = planned(job, "--edition", "1767225600")
    assert "\nedition: 1767225600\n" in text
    done = job.command("run", "--plan", PLAN, "--json")
    assert (done.code, done.json["edition"]) == (0, "1767225600")
    assert len(got(server)) == 3


def test_the_token_of_a_delivery_is_no_difference(mailing):
    """It is made when the ledger is: the plan and the run have others."""
    job, server = mailing()
    (job.folder / "letter.txt.j2").write_text("{{ delivery.token }}\n", encoding="utf-8")
    planned(job)
    assert job.command("run", "--plan", PLAN).code == 0
    assert got(server) == job.addresses


def test_groups_are_planned_with_their_members(mailing):
    job, server = mailing(group=True, recipients=4)
    (job.folder / "letter.txt.j2").write_text("Hello {{ lot }}\n", encoding="utf-8")
    text = planned(job)
    assert "\nmessages: 1\n" in text
    assert len({line.split()[1] for line in lines_of(text)}) == 1
    assert job.command("run", "--plan", PLAN).code == 0
    assert got(server) == job.addresses


def test_a_group_that_was_begun_with_others_is_no_group_of_the_plan(mailing):
    """The plan has one message for the group; who joined later would get one of their own."""
    job, server = mailing(group=True, recipients=4)
    (job.folder / "letter.txt.j2").write_text("Hello {{ lot }}\n", encoding="utf-8")
    job.write_recipients(job.addresses[1:])
    assert job.command("run").code == 0
    job.write_recipients(job.addresses)
    planned(job)
    done = job.command("run", "--plan", PLAN)
    assert (done.code, got(server)) == (65, job.addresses[1:])
    assert "its group was begun with other recipients" in done.err


@pytest.mark.parametrize("damage", ["edited", "cut", "other", "gone"])
def test_a_file_that_is_not_the_plan_that_was_written_is_refused(mailing, damage):
    job, server = mailing()
    text = planned(job)
    path = job.folder / PLAN
    match damage:
        case "edited":
            path.write_text(text.replace("pending: 3", "pending: 4"), encoding="utf-8")
        case "cut":
            path.write_text(text[:-5], encoding="utf-8")
        case "other":
            path.write_text("email\n", encoding="utf-8")
        case "gone":
            path.unlink()
    done = job.command("run", "--plan", PLAN)
    assert done.code == (2 if damage == "gone" else 65)
    nothing_reached(server)


def test_a_plan_with_other_line_ends_is_the_same(mailing):
    """Git may write them so."""
    job, server = mailing()
    path = job.folder / PLAN
    path.write_bytes(planned(job).replace("\n", "\r\n").encode())
    assert job.command("run", "--plan", PLAN).code == 0
    assert got(server) == job.addresses


@pytest.mark.parametrize("at_once", [1, 34, 35, 68, 1 << 18])
def test_a_plan_is_read_in_pieces_of_any_size(monkeypatch, tmp_path, at_once):
    monkeypatch.setattr(plan_file, "_AT_ONCE", at_once)
    rows = Slots(plan_file.WIDTH)
    for number in range(20):
        rows.append(plan_file.line_of(f"{number:08x}", f"{number:024x}" if number else "invalid"))
    counts = dict.fromkeys(plan_file.PLANNED, 0)
    plan = plan_file.PlanFile("news", "1", counts, 19, 1, 2, 20, {}, rows)
    text = "".join(plan.pieces())
    for ends in ("\n", "\r\n"):
        read = plan_file.parse_plan(text.replace("\n", ends), tmp_path / PLAN)
        assert "".join(read.pieces()) == text
        assert (read.row(7), read.message(0), read.message(19)) == (
            "00000007",
            "invalid",
            f"{19:024x}",
        )
    cut = text[: -plan_file.WIDTH * 3 - 1]
    line = text.count("\n") - 3
    with pytest.raises(InputError, match=rf"approved\.plan:{line}: is no row of a plan"):
        plan_file.parse_plan(cut, tmp_path / PLAN)


def test_nobody_to_mail_is_nothing_to_approve(mailing):
    job, _ = mailing()
    write(job, ["nobody", "x", "a"])
    done = job.command("plan", "-o", PLAN)
    assert (done.code, (job.folder / PLAN).exists()) == (65, False)


@pytest.mark.parametrize("option", [("--to", "me@example.com"), ("--test",)])
def test_a_test_address_is_in_no_plan(mailing, option):
    job, server = mailing()
    planned(job)
    done = job.command("run", "--plan", PLAN, *option)
    assert (done.code, f"--plan excludes {option[0]}" in done.err) == (2, True)
    nothing_reached(server)
