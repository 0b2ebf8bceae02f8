"""The quickstart example shows what its README says that it shows."""

from __future__ import annotations

import csv
from pathlib import Path

from mailbatch.job.loader import load_job
from mailbatch.sandbox.addresses import AddressTable, is_mailbox

FOLDER = Path(__file__).parents[2] / "examples" / "quickstart"


def rows() -> list[dict[str, str]]:
    with (FOLDER / "recipients.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_job_is_valid_without_the_secret():
    job = load_job(FOLDER / "job.yaml", environ={})
    assert job.server.host == "smtp-api.infobip.com"
    assert job.message.unsubscribe.one_click
    assert job.callbacks.data


def test_one_row_is_blocked_and_one_invalid_on_the_lines_that_the_readme_names():
    table = AddressTable()
    bad = {
        line: row["email"]
        for line, row in enumerate(rows(), start=2)
        if table.refusal(row["email"]) is not None
    }
    assert bad == {9: "blocked@example.net", 15: "ida.lindqvist.example.org"}
    assert not is_mailbox(bad[15])
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for line, address in bad.items():
        assert f"line {line}, `{address}`" in readme


def test_every_language_has_every_plan_at_example_domains():
    table = rows()
    assert len(table) == 25
    assert {(row["locale"], row["plan"]) for row in table} == {
        (locale, plan) for locale in ("en", "de") for plan in ("free", "pro", "team")
    }
    assert all(
        row["email"].endswith(("example.com", "example.net", "example.org")) for row in table
    )
    assert {"ä", "ö", "ü", "ß"} <= set("".join(row["greeting"] + row["last_name"] for row in table))
