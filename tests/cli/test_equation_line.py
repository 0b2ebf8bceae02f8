"""The equation at the end of a run: one line, with the provider's side where there are reports."""

from __future__ import annotations

import csv
import json

from .test_reported import told
from .test_reports import reports, sent

__all__ = ["sent", "told"]


def lines(text):
    return [line for line in text.splitlines() if line.startswith("equation: ")]


def test_every_run_ends_with_its_equation_in_one_line(mailing):
    job, _ = mailing(server={"refused": {"user1@example.net": "550 5.1.1 nobody"}})
    with (job.folder / "recipients.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(["nobody", "x", "a"])
    done = job.command("run")
    assert lines(done.err) == ["equation: 4 rows = 2 accepted + 1 rejected + 1 invalid"]
    assert lines(job.command("run", "--quiet").err) == []
    assert lines(job.command("run", "--to", "me@example.com", "--all").err) == []
    last = job.command("run", "--log-json").err.splitlines()
    summary = next(found for line in last if (found := json.loads(line))["message"] == "summary")
    assert summary["equation"] == {"rows": 4, "left": 0, "balanced": True, "reported": None}


def test_rows_that_left_stand_on_the_left(mailing):
    job, _ = mailing()
    assert job.command("run", "--limit", "1").code == 75
    job.write_recipients(job.addresses[:2])
    assert lines(job.command("run").err) == [
        "equation: 2 rows + 1 that left the table = 2 accepted + 1 withdrawn"
    ]


def test_the_providers_side_is_part_of_it_where_there_are_reports(told):
    scene, _ = told
    done = scene.command("run")
    known = "5 accepted = 1 bounced + 1 delivered + 3 not known yet"
    assert lines(done.err) == [f"equation: 5 rows = 5 accepted; {known}"]
    assert scene.command("run", "--json").json["equation"]["reported"] == {
        "bounced": 1, "delivered": 1, "not_known_yet": 3,
    }  # fmt: skip
    assert reports(scene, "page", "--out", "page").code == 0
    page = (scene.folder / "page" / "index.html").read_text(encoding="utf-8")
    assert f'<p class="sub">5 rows = 5 accepted; {known}</p>' in page


def test_without_reports_the_page_has_the_ledgers_side_alone(sent):
    scene, _ = sent
    assert reports(scene, "page", "--out", "page").code == 0
    page = (scene.folder / "page" / "index.html").read_text(encoding="utf-8")
    assert '<p class="sub">5 rows = 5 accepted</p>' in page
