"""What a command imports: who waits for a run that has nothing to do waits for imports only."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbatch.cli.console import Console
from tests.certainty.program import environment

#: Runs `mailbatch ARGUMENTS` and writes, behind what it says, the modules that it has imported.
PROGRAM = """
import gc, sys
from mailbatch.cli.main import main
try:
    main()
except SystemExit as end:
    print("-- imported", end.code, gc.isenabled(), gc.get_freeze_count(), sep="\\n")
    print(*sorted(sys.modules), sep="\\n")
"""
#: What only sending needs.
OF_SENDING = {
    "aiosmtpd", "asyncio", "mailbatch.delivery.sender", "mailbatch.delivery.transport",
    "mailbatch.preview", "mailbatch.sandbox", "mailbatch.smtp", "ssl", "tenacity", "uvloop",
}  # fmt: skip
#: What only some messages, tables and secrets need.
OF_SOME_JOBS = {
    "cryptography", "css_inline", "email_validator", "html.parser", "keyring",
    "mailbatch.recipients.command", "mailbatch.recipients.json_lines", "markdown_it",
    "python_calamine",
}  # fmt: skip
#: What only other commands, some keys of a job, or a mistake need.
OF_SOME_RUNS = {
    "mailbatch.bundle", "mailbatch.cli.arguments", "mailbatch.cli.correct_arguments",
    "mailbatch.cli.evidence_arguments", "mailbatch.cli.help", "mailbatch.cli.ledger_arguments",
    "mailbatch.cli.mcp_arguments", "mailbatch.cli.reports_arguments",
    "mailbatch.cli.sandbox_arguments", "mailbatch.cli.work_arguments", "mailbatch.cli.wrapping",
    "mailbatch.delivery.approval", "mailbatch.delivery.chain", "mailbatch.delivery.correction",
    "mailbatch.delivery.dialogues", "mailbatch.delivery.evidence", "mailbatch.delivery.forgetting",
    "mailbatch.delivery.guard", "mailbatch.delivery.letters", "mailbatch.delivery.plan_file",
    "mailbatch.delivery.publishing", "mailbatch.delivery.serving", "mailbatch.delivery.watching",
    "mailbatch.evidence", "mailbatch.ledger.as_made", "mailbatch.ledger.forgetting",
    "mailbatch.ledger.postgres.store", "mailbatch.ledger.proof", "mailbatch.ledger.proved",
    "mailbatch.preview", "mailbatch.pull", "mailbatch.receiver", "mailbatch.recipients.list_titles",
    "mailbatch.recipients.send_times", "mailbatch.recipients.suppress", "mailbatch.render.branches",
    "mailbatch.render.calendars", "mailbatch.render.cascade", "mailbatch.render.foreign_words",
    "mailbatch.render.inlining", "mailbatch.render.mjml", "mailbatch.render.mjml_source",
    "mailbatch.render.preheader", "mailbatch.render.shells", "mailbatch.reports.store",
    "mailbatch.reports_page", "mailbatch.sandbox", "tenacity",
}  # fmt: skip
#: What a status needs no part of, where the edition is no template.
OF_RUNS = {
    "jinja2", "mailbatch.delivery.fallback", "mailbatch.delivery.preparation",
    "mailbatch.recipients", "mailbatch.render.templates",
}  # fmt: skip
#: The most modules of mailbatch that a plain run may import.
MOST = 295
#: What only a terminal needs.
OF_TERMINALS = {"rich"}


def imported(folder, *arguments):
    """Return the modules that a command has imported when it ends, with 0."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    _, _, told = done.stdout.partition("-- imported\n")
    code, collecting, frozen, *modules = told.splitlines()
    assert code == "0", done.stderr
    assert collecting == "True"
    assert int(frozen) > 10_000  # what the imports made is not looked through
    assert "mailbatch.cli.main" in modules
    return set(modules)


@pytest.fixture
def finished(mailing):
    """The folder of a mailing that everybody has."""
    job, _ = mailing()
    assert job.command("run").code == 0
    return job.folder


def test_a_run_with_nothing_to_do_imports_nothing_that_sends(finished):
    needless = OF_SENDING | OF_SOME_JOBS | OF_TERMINALS
    assert imported(finished, "run", "job.yaml") & needless == set()


def test_a_plain_run_imports_what_it_needs(mailing):
    job, _ = mailing()
    found = imported(job.folder, "run", "job.yaml", "--dry-run")
    assert found & (OF_SOME_RUNS | OF_SOME_JOBS | OF_TERMINALS) == set()
    assert len({name for name in found if name.startswith("mailbatch")}) <= MOST


@pytest.mark.parametrize("limit", [[], ["--limit", "1"]])
def test_the_status_of_a_mailing_imports_nothing_that_plans_or_renders(mailing, limit):
    job, _ = mailing()
    assert job.command("run", *limit).code == (75 if limit else 0)
    found = imported(job.folder, "status", "job.yaml")
    assert found & (OF_SENDING | OF_SOME_JOBS | OF_TERMINALS | OF_RUNS) == set()


@pytest.fixture(scope="module")
def colourless():
    """An environment that says nothing of terminals; the first console imports rich."""
    Console().err  # noqa: B018 - before the first example, which has a deadline
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
            patch.delenv(name, raising=False)
        yield


@pytest.mark.usefixtures("colourless")
@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["say", "warn"]))
def test_without_a_terminal_each_text_is_shown_as_rich_shows_it(text, how):
    shown = []
    for plain in (True, False):
        with contextlib.redirect_stderr(io.StringIO()) as stream:
            console = Console()
            assert console._plain
            console._plain = plain
            getattr(console, how)(text)
        shown.append(stream.getvalue())
    assert shown[0] == shown[1]
