"""The numbered examples: each runs as it stands and comes to what its `expected/` says.

`expected/results.csv` has the columns of the results that are the same in every run. Rewrite it
and the golden message with `pytest --update-golden tests/render tests/examples` (the option is that
of tests/render), and look at the difference.
"""

from __future__ import annotations

import configparser
import csv
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
import pytest
import yaml

from mailbatch.delivery.preparation import read_inputs
from mailbatch.envelope import Delivery
from mailbatch.job.loader import load_job
from mailbatch.job.schema import job_schema
from tests.support.postgresql import check_present
from tests.templates.rehearsal import NOW, ROOT, html_of, parse, rows_of, structure, text_of

#: The first one has no number in its name: it is the README's own.
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())
#: What the server or the clock decides is left out.
STABLE = ("row", "email", "status", "reply_code", "enhanced_status", "group", "edition", "reason")
EXIT_CODES = {
    "02-fully-featured": 0,
    "03-bilingual-cron": 0,
    "04-grouped-announcement": 3,
    "05-invoices": 3,
    "06-review-workflow": 0,
    "07-reports": 4,
    "08-many-machines": 0,
    "quickstart": 3,
}
STRUCTURES = {
    "02-fully-featured": "multipart/mixed(multipart/related(multipart/alternative(text/plain, "
    "text/html), image/png), application/octet-stream)",
    "03-bilingual-cron": "multipart/alternative(text/plain, text/html)",
    "04-grouped-announcement": "multipart/alternative(text/plain, text/html)",
    "05-invoices": "multipart/mixed(text/plain, application/pdf)",
    "06-review-workflow": "text/plain",
    "07-reports": "text/plain",
    "08-many-machines": "text/plain",
    "quickstart": "multipart/alternative(text/plain, text/html)",
}


def test_the_examples_are_these():
    """An example that is added has its expectations in this module."""
    assert EXAMPLES == sorted(EXIT_CODES) == sorted(STRUCTURES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_says_in_one_line_what_it_shows(name):
    """The README opens with a sentence, and the example is files of its own."""
    folder = ROOT / "examples" / name
    assert (folder / "README.md").read_text(encoding="utf-8").split("\n")[0].endswith(".")
    assert not [path for path in folder.rglob("*") if path.is_symlink()]


def test_the_list_of_examples_has_all_of_them():
    """Numbered, each with a link and with the line that its own README opens with."""
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)/README\.md\) \| (.+) \|$", text, re.MULTILINE)
    assert [int(number) for number, *_ in rows] == list(range(1, len(EXAMPLES) + 1))
    assert sorted(name for _, name, _, _ in rows) == EXAMPLES
    for number, name, folder, line in rows:
        own = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8")
        assert (folder, line) == (name, own.split("\n")[0])
        assert name == "quickstart" or name.startswith(f"0{number}-")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_job_fits_the_schema(name):
    """Editors find nothing to complain about, and find the schema from the modelines."""
    text = (ROOT / "examples" / name / "job.yaml").read_text(encoding="utf-8")
    jsonschema.validate(yaml.safe_load(text), job_schema())
    assert text.startswith(
        "# yaml-language-server: $schema=../../schemas/job.schema.json\n"
        "# $schema: ../../schemas/job.schema.json\n"
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_comes_to_what_is_expected(rehearsed, golden, name):
    """Every row of the results, and the exit code."""
    rehearsal = rehearsed(name)
    table = io.StringIO()
    writer = csv.DictWriter(table, STABLE, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rehearsal.results)
    # A reason names the job file as it was given; the copy that ran lies in another folder.
    found = table.getvalue().replace(f"{rehearsal.folder}/", "")
    golden(found.encode(), ROOT / "examples" / name / "expected" / "results.csv")
    assert rehearsal.summary.exit_code == EXIT_CODES[name]
    assert rehearsal.summary.failure is None


@pytest.mark.parametrize("name", EXAMPLES)
def test_messages_have_the_structure(rehearsed, name):
    """Every message that arrives can be read, and nothing of a template is left in it."""
    rehearsal = rehearsed(name)
    assert {structure(message) for message in rehearsal.messages} == {STRUCTURES[name]}
    for message in rehearsal.messages:
        assert not re.search(r"\{\{|\{%|\{#", message["Subject"] + text_of(message))


def test_fully_featured_is_the_message_of_the_provider(golden):
    """Byte for byte, for a Message-ID and a date that are given."""
    job = load_job(ROOT / "examples" / "02-fully-featured" / "job.yaml", environ={})
    inputs = read_inputs(job, edition=None, variables={}, now=NOW)
    rows = tuple(inputs.plan)
    addresses = tuple(row.address for row in rows)
    delivery = Delivery(
        id=1,
        key="1",
        attempt=1,
        message_id="57049136f20f7a33c1d2e3f405162738@example.com",
        date=int(NOW.timestamp()),
        unsettled=addresses,
        addresses=addresses,
        rows=rows[:1],
    )
    message = inputs.composer.compose(delivery, eight_bit=True)
    assert message.copies == ("accounts@example.net",)
    golden(message.content, ROOT / "examples" / "02-fully-featured" / "expected" / "message.eml")
    written = parse(message.content)
    assert {name: str(written[name]) for name in written if name.startswith("X-IB-")} == {
        "X-IB-Bulk-Id": "1234567890",
        "X-IB-Tracking-Url": "https://www.example.com/email/webhook/server",
        "X-IB-Notify-Url": "https://www.example.com/email/delivery/server",
        "X-IB-Notify-Content-Type": "application/json",
        "X-IB-Intermediate-Report": "true",
        "X-IB-Callback-Data": (
            '[{"id": 1, "desc": "Callback Data Example as JSON"}, {"mb": "57049136f20f7a33"}]'
        ),
    }
    assert written["To"] == "first.recipient@example.com, second.recipient@example.org"
    assert written["Reply-To"] == "reply@example.com"
    assert written["Cc"] == "accounts@example.net"


def test_fully_featured_is_one_transaction(rehearsed):
    """Both recipients and the copy are in one envelope."""
    assert rehearsed("02-fully-featured").envelopes == (
        ("first.recipient@example.com", "second.recipient@example.org", "accounts@example.net"),
    )


def test_each_reader_of_the_letter_has_the_own_language(rehearsed):
    """Subject and both parts follow the row; who left is left alone, in whatever spelling."""
    rehearsal = rehearsed("03-bilingual-cron")
    titles = {"en": "New on the shelves", "fr": "Nouveautés en rayon"}
    for row in rows_of(rehearsal.folder):
        if row["email"].startswith("old.reader"):
            assert not any(row["email"] in envelope for envelope in rehearsal.envelopes)
            continue
        message = rehearsal.message_to(row["email"])
        assert message["Subject"] == titles[row["locale"]]
        assert f"<h1>{titles[row['locale']]}</h1>" in html_of(message)
        assert f"{row['name']}," in text_of(message)
        assert "2026-W48" in text_of(message)
        assert f"https://www.example.com/leave/{row['token']}" in message["List-Unsubscribe"]


def test_the_timer_starts_the_service_that_knows_the_exit_codes():
    """The units name each other, and 75 means to start again."""
    folder = ROOT / "examples" / "03-bilingual-cron" / "systemd"
    units = {}
    for name in ("letter.service", "letter.timer"):
        units[name] = configparser.ConfigParser(strict=True, interpolation=None)
        units[name].optionxform = str
        units[name].read(folder / name, encoding="utf-8")
    service = units["letter.service"]["Service"]
    assert "75" in service["RestartForceExitStatus"].split()
    assert service["SuccessExitStatus"] == "3"
    assert service["ExecStart"].endswith("mailbatch run job.yaml --quiet")
    assert units["letter.timer"]["Timer"]["Persistent"] == "true"


def test_a_group_is_one_message_and_shows_nobody(rehearsed):
    """Eleven rows are four transactions; no message has the address of anyone who gets it."""
    rehearsal = rehearsed("04-grouped-announcement")
    rows = rows_of(rehearsal.folder)
    wanted = {row["email"] for row in rows} - {"blocked@example.org"}
    assert len(rehearsal.messages) == 4
    assert {address for envelope in rehearsal.envelopes for address in envelope} == wanted
    for message, envelope in zip(rehearsal.messages, rehearsal.envelopes, strict=True):
        groups = {(row["locale"], row["plan"]) for row in rows if row["email"] in envelope}
        assert len(groups) == 1
        assert message["To"] == "Customers:;"
        assert not any(row["email"] in message.as_string() for row in rows)


def test_one_refused_address_holds_up_nobody_of_its_group(rehearsed):
    """The row is rejected with the server's words; the others have the same message."""
    rehearsal = rehearsed("04-grouped-announcement")
    refused = [row for row in rehearsal.results if row["status"] != "accepted"]
    assert [(row["email"], row["status"], row["reply_code"]) for row in refused] == [
        ("blocked@example.org", "rejected", "550")
    ]


def test_a_missing_pdf_keeps_the_invoice_back(rehearsed):
    """Whoever has a PDF has the invoice; the row without is invalid and says which file it is."""
    rehearsal = rehearsed("05-invoices")
    assert len(rehearsal.messages) == 2
    (kept_back,) = (row for row in rehearsal.results if row["status"] != "accepted")
    assert kept_back["status"] == "invalid"
    assert "TO-2026-0419.pdf" in kept_back["reason"]
    text = text_of(rehearsal.message_to("renata.kowalska@example.com"))
    assert "71.50" in text
    assert "Cement mixer" in text
    assert "Angle grinder" in text


def test_the_workflow_checks_and_keeps_the_gallery():
    """The steps are there, need no secret, and only read the repository."""
    text = (ROOT / "examples" / "06-review-workflow" / "review.yml").read_text(encoding="utf-8")
    workflow = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - strings only, no objects
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    steps = workflow["jobs"]["preview"]["steps"]
    commands = " ".join(step.get("run", "") for step in steps)
    assert "mailbatch check mailings/job.yaml --strict --format github" in commands
    assert "--against preview-before" in commands
    (upload,) = (step for step in steps if step.get("uses", "").startswith("actions/upload-"))
    assert upload["with"]["path"] == "preview"
    assert upload["if"] == "always()"


@pytest.fixture
def folder():
    """Return a folder that PostgreSQL's own user may pass through, unlike those of pytest."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield made


def test_one_of_two_workers_is_killed_and_the_mailing_comes_to_its_end(folder):
    """The script starts all that it needs, and leaves nothing behind."""
    check_present()
    script = ROOT / "examples" / "08-many-machines" / "many-machines.sh"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [script],
        cwd=folder,
        env={**os.environ, "PATH": path, "TMPDIR": folder},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode in {0, 4}, done.stderr
    assert "killed a worker behind" in done.stdout
    arrived = re.search(
        r"^(\d+) messages arrived, 100 rows in the results$", done.stdout, re.MULTILINE
    )
    assert arrived is not None
    # At most one in doubt for each session of the worker that was killed.
    assert 98 <= int(arrived[1]) <= 100
    assert list(Path(folder).iterdir()) == []
