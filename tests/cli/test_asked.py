"""`run --only` and `status --only`: a program asks what its call did, as often as it likes."""

from __future__ import annotations

from tests.support.faults import Fault, Kind, Stage


def test_a_run_answers_with_the_state_and_the_servers_id_any_number_of_times(mailing):
    job, server = mailing()
    asked = job.addresses[1]
    first = job.command("run", "--only", asked, "--json").json["only"]
    assert [(row["email"], row["status"], row["attempts"]) for row in first] == [
        (asked, "accepted", 1)
    ]
    assert first[0]["message_id"]
    assert first[0]["settled_at"].endswith("Z")
    for _ in range(2):
        assert job.command("run", "--only", asked, "--json").json["only"] == first
    assert job.command("status", "--only", asked, "--json").json["only"] == first
    told = job.command("status", "--only", asked.upper())
    assert told.out == f"{asked}: accepted {first[0]['message_id']}\n"
    none = job.command("status", "--only", "nobody@example.net")
    assert (none.code, none.out, none.err) == (0, "", "the edition has no such recipient\n")
    assert len(server.deliveries()) == 1


def test_a_doubt_is_told_and_not_sent_again(mailing):
    job, server = mailing(Fault(Stage.DOT, Kind.RST), recipients=1)
    for _ in range(3):
        done = job.command("run", "--only", job.addresses[0], "--json")
        assert (done.code, done.json["only"][0]["status"]) == (4, "in_doubt")
        assert done.json["only"][0]["message_id"] is None
    assert len(server.stages(Stage.DOT)) <= 1


def test_a_key_names_the_recipient_and_without_only_there_is_none(mailing):
    job, _ = mailing()
    job.edit("  file: recipients.csv", "  file: recipients.csv\n  key: name")
    found = job.command("run", "--only", "Name 2", "--json").json["only"]
    assert [row["email"] for row in found] == [job.addresses[2]]
    assert job.command("run", "--json").json["only"] is None
