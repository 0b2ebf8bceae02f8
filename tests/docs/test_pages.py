"""Every page does what it shows: its commands run, its jobs load, its options exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from mailbatch.cli.app import app
from mailbatch.errors import InputErrors
from mailbatch.job.loader import load_job
from mailbatch.job.model import Job
from tests.docs.pages import DOCS, ROOT, Block, blocks, mailbatch_lines, name_of, pages
from tests.docs.shell import matches, run_page

PAGES = pytest.mark.parametrize("page", pages(), ids=name_of)
#: A job for the parts of one that pages show; its files are there, empty.
WHOLE = {
    "version": 1,
    "name": "part",
    "server": {"host": "localhost"},
    "sender": {"from": "ada@example.org"},
    "recipients": {"file": "recipients.csv"},
    "message": {"subject": "Hello", "text": "letter.txt.j2"},
}
FILES = (
    "recipients.csv", "recipients.xlsx", "letter.txt.j2", "letter.html.j2", "letter.md.j2",
    "ticket.txt.j2",
    "invoice.txt.j2", "company-ca.pem", "invoices/1.pdf", "images/logo.png", "bounced.csv",
    "garden-opens.ics", "opening-hours.csv",
)  # fmt: skip
KEYS = {field.alias or name for name, field in Job.model_fields.items()}
SOURCE = re.compile(r"`((?:tests|mailbatch|docs|examples|schemas)/[\w./-]*)(?:::(\w+))?`")
#: Languages whose blocks are code for people, and what may stand in a `title`.
LANGUAGES = {
    "console", "sh", "yaml", "csv", "jinja", "text", "crontab", "ini", "json", "sql", "python",
    "nginx", "xml",
}  # fmt: skip


def every_block() -> list[Block]:
    """Return the blocks of all pages."""
    return [block for page in pages() for block in blocks(page)]


@PAGES
def test_a_page_does_what_it_shows(shell, page, tmp_path):
    """Every command ends as the page says, and prints what the page shows."""
    wrong = run_page(page, tmp_path, shell)
    assert not wrong, "\n\n".join(wrong)


def test_an_output_is_compared():
    """What is not as the page shows it is noticed; what differs from run to run is not."""
    shown = ("mail (2026-W48): 2 accepted", "...", "took 0.3 s, 10 a second", "see ...")
    found = "mail (2031-W01): 2 accepted\none\ntwo\ntook 9.9 s, 1,000 a second\nsee elsewhere\n"
    assert matches(shown, found)
    assert matches((), "")
    assert not matches((), "something\n")
    assert not matches(shown, found.replace("2 accepted", "3 accepted"))
    assert not matches(shown, found + "more\n")
    assert not matches(shown, found.replace("see elsewhere\n", ""))


def test_a_page_that_is_wrong_is_noticed(shell, tmp_path):
    """A command that fails, one that prints something else, and one that is missing."""
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ false\n$ echo one\ntwo\n$ false\n$ echo $?\n1\n```\n\n"
        "```sh\nfalse\ntrue\n```\n"
    )
    wrong = run_page(page, tmp_path, shell)
    assert [text.split("\n")[0] for text in wrong] == [
        "page.md:2: false: ended with 1:",
        "page.md:3: echo one: printed",
        "page.md:10: ended with 1:",
    ]


def test_blocks_have_a_known_language():
    """So that none is passed over because its language is misspelt."""
    assert {block.language for block in every_block()} <= LANGUAGES


def test_what_is_not_run_says_why():
    """The comment has a reason."""
    unrun = [block for block in every_block() if block.note == "not run"]
    assert unrun
    assert not [str(block) for block in unrun if not block.argument]


def test_parts_of_jobs_load(tmp_path):
    """A `yaml` block without a name is a job or a part of one, and mailbatch takes it."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    seen = 0
    for block in every_block():
        if block.language != "yaml" or block.title or block.note:
            continue
        part = yaml.safe_load(block.text)
        assert set(part) <= KEYS, f"{block}: no part of a job"
        job = tmp_path / "job.yaml"
        rest = {key: value for key, value in WHOLE.items() if key not in part}
        job.write_text(f"{block.text}\n{yaml.safe_dump(rest) if rest else ''}")
        try:
            loaded = load_job(job, environ={})
        except InputErrors as errors:
            pytest.fail(f"{block}: {errors}")
        assert loaded.name == part.get("name", "part")
        seen += 1
    assert seen > 15


def test_files_of_the_repository_are_shown_as_they_are():
    """A page that shows a file of the examples shows it whole and unchanged."""
    shown = [block for block in every_block() if block.note == "file of the repository"]
    assert shown
    for block in shown:
        assert block.text == (ROOT / str(block.argument)).read_text(encoding="utf-8"), str(block)


def test_every_command_line_is_one():
    """Options and arguments exist, also in what is not run: crontabs, units, other READMEs."""
    group = typer.main.get_command(app)
    seen = 0
    beside = [ROOT / "README.md", *ROOT.glob("examples/**/*.md"), *ROOT.glob("templates/**/*.md")]
    for block in [*every_block(), *(block for page in beside for block in blocks(page))]:
        for words in mailbatch_lines(block):
            if not words or "[OPTIONS]" in words:
                continue
            command = group.commands[words[0]]  # type: ignore[attr-defined]
            command.make_context(words[0], list(words[1:]))
            seen += 1
    assert seen > 50


def test_commands_in_the_text_exist():
    """`mailbatch status` in a sentence is a command, and `--option` an option of one."""
    group = typer.main.get_command(app)
    commands = group.commands  # type: ignore[attr-defined]
    below = [one for found in commands.values() for one in getattr(found, "commands", {}).values()]
    options = {
        word
        for one in (group, *commands.values(), *below)
        for option in one.params
        for word in option.opts
    } | {"--help"}
    for page in pages():
        text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"))
        for code in re.findall(r"`([^`\n]+)`", text):
            named = re.match(r"mailbatch ([a-z]+)", code)
            assert named is None or named[1] in commands, f"{name_of(page)}: {code}"
            if code.startswith("--") or code.split(" ")[0] in {"mailbatch", *commands}:
                found = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", code))
                assert found <= options, f"{name_of(page)}: {code}"


def test_tests_and_modules_that_are_named_exist():
    """A path of the source in a page or in SECURITY.md is one, and so is a test's name."""
    for page in [*pages(), ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"]:
        for path, name in SOURCE.findall(page.read_text(encoding="utf-8")):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
            if name:
                assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), (
                    f"{path}::{name}"
                )


def test_modules_that_are_named_without_a_folder_exist():
    """`sender.py` in an explanation is a module of the package or of the tests."""
    known = {path.name for room in ("mailbatch", "tests") for path in (ROOT / room).rglob("*.py")}
    named = {
        (page.name, name)
        for page in [*DOCS.glob("explanation/*.md"), ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"]
        for name in re.findall(r"`([a-z_]+\.py)`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert {name for _, name in named} <= known, [one for one in named if one[1] not in known]


def test_links_from_the_readme_and_the_like_lead_somewhere():
    """Relative links of the pages at the top, which mkdocs does not see."""
    for page in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_name_nothing_of_this_machine():
    """No page, and no picture, knows where it was written."""
    for path in [*pages(), *DOCS.rglob("*.svg")]:
        assert not re.search(r"/(?:work|root|tmp)/", path.read_text(encoding="utf-8")), path.name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path):
    """`systemd-analyze verify` finds nothing in the units that a page shows."""
    units = [block for block in every_block() if block.title and block.language == "ini"]
    assert {Path(str(unit.title)).suffix for unit in units} == {".service", ".timer"}
    for unit in units:
        # The program must be there; where mailbatch lies is the reader's business.
        text = unit.text.replace("/usr/local/bin/mailbatch", "/bin/true")
        (tmp_path / str(unit.title)).write_text(text)
    finished = subprocess.run(
        ["systemd-analyze", "verify", *[str(tmp_path / str(unit.title)) for unit in units]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
