"""Senders by row, as the server hears them."""

from __future__ import annotations

import csv

from tests.support.faults import Stage

FOREIGN = """  from: "{{ 'ann@example.org' if '2' in email else email }}"\n  domains: example.net"""


def set_sender(job, text):
    job.edit("  from: News <news@example.com>", text)


def test_each_transaction_has_the_sender_of_its_row(mailing):
    job, server = mailing()
    set_sender(job, '  from: "Agent of {{ email }} <{{ email }}>"\n  domains: example.net')
    done = job.command("run", "--json")
    assert (done.code, done.json["transactions"], done.json["sessions"]) == (0, 3, 1)
    taken = server.deliveries()
    assert [one.mail_from for one in taken] == job.addresses
    assert all(one.message_id.endswith("@example.net>") for one in taken)


def test_a_row_with_a_foreign_sender_is_invalid_before_its_first_byte(mailing):
    job, server = mailing()
    set_sender(job, FOREIGN)
    done = job.command("run", "--json")
    assert (done.code, done.json["accepted"], done.json["invalid"]) == (3, 2, 1)
    assert len(server.stages(Stage.MAIL)) == 2
    with (job.folder / "results.csv").open(encoding="utf-8", newline="") as stream:
        [row] = [row for row in csv.DictReader(stream) if row["status"] == "invalid"]
    assert row["email"] == "user2@example.net"
    assert "example.org is not in sender.domains (example.net)" in row["reason"]
    assert "job.yaml" in row["reason"]
    check = job.command("check")
    assert "MB111" in check.out
    assert "example.org is not in sender.domains (example.net)" in check.err + check.out
