"""Every command on terminals of any width: lines break between words, and no word is cut."""

from __future__ import annotations

import re

import pytest

from mailbatch.cli.wrapping import cells
from tests.cli.terminal import ESCAPE

#: A subject, a folder, a table and a server that have something to say at length.
JOB = """\
version: 1
name: spring
edition: one
server: {{host: 127.0.0.1, port: {port}, security: plaintext}}
sender: {{from: "Example News <a.rather.long.address.of.a.sender@news.example.com>"}}
recipients: {{file: recipients.csv}}
message:
  subject: "Hello {{{{ first_name }}}}, a subject with so many words that no phone shows all"
  text: letter.txt.j2
"""
TABLE = """\
email,first_name
ada.with.a.long.name.before.the.at.sign@mail.example.org,Ada
no-address,Bea
grace@example.com,Grace
"""
#: The commands, each with the answer to its question, or None.
COMMANDS = {
    "check job.yaml": None,
    "check wrong.yaml": None,
    "preview job.yaml": None,
    "run job.yaml --sandbox": None,
    "run job.yaml --dry-run --limit 1": None,
    "run job.yaml": "n",
    "status job.yaml": None,
    "status .": None,
    "results job.yaml --failed a/folder/for/the/table/of/those/who/failed/again.csv": None,
    "resolve job.yaml": None,
    "explain MB131": None,
    "init --list": None,
    "init .": None,
    "init new": None,
    "reports show job.yaml": None,
    "reports read job.yaml letter.txt.j2": None,
    "reports suppress job.yaml --to bounced.csv": None,
    "reports page job.yaml --out page": None,
    "run job.yaml --onyl ada@example.org": None,
    "run": None,
    "send job.yaml": None,
    "run job.yaml --to ada,bob": None,
}
#: Figures of a run that no two runs share.
TIMES = re.compile(r"[0-9.,]+(?= (s|a second)\b)")

#: A line that the next one takes the place of.
PROGRESS = re.compile(r"━|\d/s|^connecting")


@pytest.fixture(scope="module")
def shown(on_terminal, tmp_path_factory):
    """What each command shows in so many columns, without colours and progress."""

    def run(columns):
        folder = tmp_path_factory.mktemp("news") / "spring"  # relative paths, equally long
        folder.mkdir()
        texts = {
            "job.yaml": JOB.format(port=1),
            "wrong.yaml": JOB.format(port=1).replace("first_name", "firstname"),
            "recipients.csv": TABLE,
            "letter.txt.j2": "Hello {{ first_name }}, hi.\n",
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "a/folder/for/the/table/of/those/who/failed").mkdir(parents=True)
        found = {}
        for command, answer in COMMANDS.items():
            terminal, _ = on_terminal(folder, *command.split(), answer=answer, COLUMNS=str(columns))
            lines = terminal.shown.replace("\r\n", "\n").split("\n")
            kept = [ESCAPE.sub("", line.rpartition("\x1b[2K")[2]) for line in lines]
            told = [line for line in kept if not PROGRESS.search(line)]
            found[command] = TIMES.sub("0", "\n".join(told))
        return found

    return run


@pytest.fixture(scope="module")
def widest(shown):
    return shown(1000)


#: A line that is longer than its terminal: one word, a quoted text or a command, and no more.
WHOLE = re.compile(r"""\s*(\S+|\S*`[^`]+`\S*|\S*"[^"]+"\S*|mailbatch [a-z]+( \S+)*)\Z""")


@pytest.mark.parametrize(
    "columns", [40, 80, *(pytest.param(wide, marks=pytest.mark.long) for wide in (60, 120, 200))]
)
def test_no_width_breaks_a_word(shown, widest, columns):
    found = shown(columns)
    for command, text in found.items():
        told = [line for line in text.splitlines() if "…" not in line and "^" not in line]
        for line in told:
            assert cells(line) <= columns or WHOLE.match(line), f"{command}: {line}"
        if columns >= 80 or "run" not in command:  # narrow ones leave out what a status means
            words = {word for word in text.split() if not set(word) & set("^…")}
            assert words <= set(widest[command].split()), command
