"""`mailbatch preview` and the plan: one digest, and `--plan` names a difference."""

from __future__ import annotations

import pytest

from tests.cli.test_plan import PLAN, planned, write


def digest_of(text):
    return text.partition("\ndigest: ")[2].partition("\n")[0]


@pytest.mark.parametrize("more", [(), ("--all",), ("--limit", "1")])
def test_the_digest_of_a_preview_is_that_of_the_plan(mailing, more):
    job, _ = mailing()
    write(job, *[[a, f"Name {n}", "a"] for n, a in enumerate(job.addresses)], ["nobody", "x", "a"])
    digest = digest_of(planned(job))
    shown = job.command("preview", "--json", *more)
    assert (shown.json["digest"], shown.json["difference"]) == (digest, None)
    page = (job.folder / "preview" / "scene" / "index.html").read_text(encoding="utf-8")
    assert f'<code title="{digest}">{digest[:12]}…</code>' in page


def test_a_gallery_agrees_with_its_plan_and_not_with_that_of_another_table(mailing):
    job, _ = mailing()
    text = planned(job)
    agreed = job.command("preview", "--plan", PLAN)
    assert agreed.code == 0, agreed.err
    assert f"plan {digest_of(text)[:12]}…, as in {PLAN}" in agreed.err
    write(job, *[[a, f"Name {n}" if n != 1 else "Anna", "a"] for n, a in enumerate(job.addresses)])
    differs = job.command("preview", "--plan", PLAN, "--json")
    assert differs.code == 65
    assert "recipients.csv:3: the row is another one than in the plan" in differs.err
    assert differs.json["difference"].startswith("recipients.csv:3: the row")
    assert differs.json["digest"] != digest_of(text)


def test_a_changed_message_is_named_by_its_input_or_its_row(mailing):
    job, _ = mailing()
    job.edit("text: letter.txt.j2", "text: letter.txt.j2\n  attachments: ['papers/{{ lot }}.pdf']")
    papers = job.folder / "papers"
    papers.mkdir()
    (papers / "a.pdf").write_bytes(b"%PDF-1")
    planned(job)
    (papers / "a.pdf").write_bytes(b"%PDF-2")
    differs = job.command("preview", "--plan", PLAN)
    assert differs.code == 65
    assert "recipients.csv:2: the message is another one than in the plan" in differs.err
    (papers / "a.pdf").write_bytes(b"%PDF-1")
    assert job.command("preview", "--plan", PLAN).code == 0
    (job.folder / "letter.txt.j2").write_text("other", encoding="utf-8")
    differs = job.command("preview", "--plan", PLAN)
    assert differs.code == 65
    assert "message.text" in differs.err


def test_what_has_no_plan_says_why(mailing):
    job, _ = mailing()
    planned(job)
    (job.folder / "letter.txt.j2").write_text("{{ now.year }} {{ name }}", encoding="utf-8")
    shown = job.command("preview", "--json")
    assert (shown.code, shown.json["digest"]) == (0, None)
    differs = job.command("preview", "--plan", PLAN)
    assert "depends upon the moment: letter.txt.j2:1" in differs.err
    assert differs.code == 65


def test_a_part_of_the_mailing_has_no_plan(mailing):
    job, _ = mailing()
    planned(job)
    part = ("--only", job.addresses[0])
    assert job.command("preview", "--json", *part).json["digest"] is None
    refused = job.command("preview", "--plan", PLAN, *part)
    assert refused.code == 2
    assert "--only excludes it" in refused.err
