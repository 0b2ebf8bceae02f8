"""The generated parts of the pages are what the code says, and leave nothing out."""

from __future__ import annotations

import importlib.util
import inspect
import re

import pytest
import typer

from mailbatch.checks.codes import CODES
from mailbatch.cli.app import app
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.delivery import lots, recording
from mailbatch.job.model import Job
from mailbatch.outcome import Status
from mailbatch.render import templates
from mailbatch.results.columns import COLUMNS
from mailbatch.sandbox import conversation
from mailbatch.smtp import content, reply
from tests.docs.pages import DOCS

REFERENCE = DOCS / "reference"


@pytest.fixture(scope="module")
def generate():
    """Return the generator as a module."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    """Return the text of a page of the reference."""
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_the_pages_are_what_the_code_says(generate, capsys):
    """`python docs/generate.py --check` finds nothing."""
    code = generate.main(["--check"])
    assert (code, capsys.readouterr().err) == (0, "")


def test_every_check_code_has_its_heading():
    """In the order of their numbers, with their titles."""
    headings = re.findall(r"^### (MB\d{3}) (.+)$", page("checks.md"), re.MULTILINE)
    assert headings == [(code.code, code.title) for code in CODES.values()]


def test_every_generated_file_is_among_them(generate):
    """One command writes the schemas, the page of the codes, and the figures with their picture."""
    names = {path.relative_to(generate.ROOT).as_posix() for path in generate.files()}
    assert names >= {
        "schemas/job.schema.json",
        "schemas/results.schema.json",
        "docs/explanation/performance.md",
        "docs/explanation/performance.svg",
    }


def test_a_stale_file_and_a_missing_one_are_noticed(generate, tmp_path):
    """A file that holds its text is not."""
    right, stale, missing = (tmp_path / name for name in ("right", "stale", "missing"))
    right.write_text("text", encoding="utf-8")
    stale.write_text("old text", encoding="utf-8")
    texts = dict.fromkeys((right, stale, missing), "text")
    assert generate.stale(texts) == [stale, missing]


def test_a_changed_part_is_noticed(generate):
    """What stands between the comments is replaced, what stands outside is not."""
    text = "before\n<!-- generated: statuses -->\nold\n<!-- end of statuses -->\nbehind\n"
    written = generate.generated(text)
    assert written.startswith("before\n<!-- generated: statuses -->\n\n| status | meaning |")
    assert written.endswith("\n\n<!-- end of statuses -->\nbehind\n")
    assert generate.generated(written) == written
    with pytest.raises(KeyError):
        generate.generated(text.replace("statuses", "nothing"))


def test_every_part_has_a_page(generate):
    """No part is generated for nobody."""
    texts = "".join(path.read_text(encoding="utf-8") for path in generate.pages())
    found = re.findall(r"^<!-- generated: ([a-z-]+) -->$", texts, re.MULTILINE)
    assert sorted(found) == sorted(generate.PARTS)


def keys_of(model, prefix=""):
    """Give the dotted keys of a section, without looking at the schema."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{field.alias or name}"


def test_every_key_of_a_job_is_there():
    """The keys of the job, and of each of its sections, stand in the page."""
    text = page("job.md")
    written = set(re.findall(r'<a id="[^"]+"></a>`([^`]+)`', text))
    expected = set(keys_of(Job))
    for name, field in Job.model_fields.items():
        section = field.annotation
        if inspect.isclass(section) and hasattr(section, "model_fields"):
            expected |= set(keys_of(section, f"{name}."))
    assert expected <= written
    assert {"server.password.env", "message.attachments[].path", "server.timeouts.data"} <= written


def commands_of(group, prefix=""):
    """Yield every command with its whole name, those of groups included."""
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{prefix}{name} ")


def test_every_option_is_there_as_help_says_it():
    """Each command has a heading; each of its options has its words from `--help`."""
    text = page("commands.md")
    for name, command in commands_of(typer.main.get_command(app)):
        (section,) = re.findall(rf"(?ms)^## {name}$.*?(?=^## |\Z)", text)
        for parameter in command.params:
            if not parameter.opts[0].startswith("--"):
                continue
            for word in parameter.opts:
                assert re.search(rf"`{word}( [^`]+)?`", section), f"{name} {word}"
            words = (parameter.help or "").replace("|", "\\|").rstrip(".")
            assert words[1:] in section, f"{name} {parameter.opts}"


def test_every_option_and_every_key_is_explained_somewhere(generate):
    """Not only in a generated table: a page written by hand says what it is good for."""
    written = "".join(
        re.sub(r"(?s)<!-- generated: .*?<!-- end of [a-z-]+ -->", "", path.read_text("utf-8"))
        for path in generate.pages()
    )
    commands = commands_of(typer.main.get_command(app))
    options = {word for _, one in commands for option in one.params for word in option.opts}
    unsaid = [word for word in options if word.startswith("--") and word not in written]
    assert unsaid == []
    keys = re.findall(r'<a id="[^"]+"></a>`(?:[^`]+\.)?([^`.]+)`', page("job.md"))
    assert len(keys) > 60
    assert [key for key in keys if not re.search(rf"\b{key}\b", written)] == []


def test_every_exit_code_that_wants_a_person_has_an_alert():
    """The rules of the page on monitoring name each of them once."""
    rules = re.findall(
        r"mailbatch_run_exit_code == (\d+)", (DOCS / "how-to/monitor.md").read_text()
    )
    quiet = {ExitCode.DONE, ExitCode.SIGINT, ExitCode.SIGTERM, ExitCode.BUG, ExitCode.USAGE}
    assert sorted(map(int, rules)) == sorted(set(ExitCode) - quiet)


def test_every_exit_code_column_and_status_is_there():
    """Nothing that the program can say is missing."""
    found = re.findall(r'^\| <a id="(\d+)"></a>\d+ \| .+ \|$', page("exit-codes.md"), re.MULTILINE)
    assert found == [str(int(code)) for code in ExitCode]
    results = page("results.md")
    columns = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|[^|]*\|$", results, re.MULTILINE)
    assert columns == [column.name for column in COLUMNS]
    statuses = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|$", results, re.MULTILINE)
    assert statuses == [str(status) for status in Status]


def test_the_picture_shows_every_room(generate):
    """The picture of the house has the rooms that the table below it has."""
    picture = (DOCS / "explanation" / "house.svg").read_text(encoding="utf-8")
    drawn = set(re.findall(r'class="name"[^>]*>(\w+)/<', picture))
    listed = set(re.findall(r"^\| `(\w+)/` \|", generate.rooms(), re.MULTILINE))
    assert drawn == listed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("explanation/certainty.md", f"lots of {lots.LOT}"),
        ("explanation/certainty.md", f"up to {lots.LARGEST_LOT}"),
        ("explanation/certainty.md", f"{1000 * recording.LONGEST_WAIT:g} milliseconds at most"),
        ("explanation/threat-model.md", f"{reply.MAX_LINE} bytes\na line"),
        ("explanation/threat-model.md", f"{reply.MAX_REPLY // 1024} KiB a reply"),
        ("explanation/mime.md", f"at most {content.MAX_LINE} bytes"),
        ("reference/templates.md", f"at most {templates.OUTPUT_LIMIT // 2**20} MiB"),
        ("how-to/servers.md", f"a message {conversation.SIZE_LIMIT // 2**20} MiB"),
        ("how-to/servers.md", f"at most {conversation.RECIPIENT_LIMIT} recipients"),
    ],
)
def test_figures_in_the_text_are_those_of_the_code(name, words):
    """A bound that a page names is the bound that the code keeps."""
    text = " ".join((DOCS / name).read_text(encoding="utf-8").split())
    assert " ".join(words.split()) in text
