"""`mailbatch init`: start a job from a template that comes with mailbatch.

The templates and the JSON Schema lie below the package in a wheel, and beside the package in a
source checkout (and so in an editable install). This module must never overwrite a file.

Tests: tests/templates/test_init.py.
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from pathlib import Path

from mailbatch.cli.arguments import InitArguments
from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import reporting
from mailbatch.errors import MailbatchError, UsageError
from mailbatch.files import cannot_write
from mailbatch.suggest import did_you_mean

_PACKAGE = Path(__file__).resolve().parents[1]

JOB = "job.yaml"
SCHEMA = "job.schema.json"
#: How editors learn the schema: YAML language servers read the first line, JetBrains the second.
MODELINES = f"# yaml-language-server: $schema=./{SCHEMA}\n# $schema: ./{SCHEMA}\n"

_OTHER_MODELINES = re.compile(r"\A(?:# (?:yaml-language-server: \$schema=|\$schema: ).*\n)+")
_LISTED_MOST = 5
#: A repository of jobs keeps no addresses of what was sent, and no ledger: a copy would be old.
_IGNORED = b"""# Written by mailbatch: ledgers, results, galleries and messages, all with addresses.
.mailbatch/
results/
preview/
outbox/
"""
# What runs and previews leave behind in a checkout is not part of a template.
_LEFT_BEHIND = frozenset({".mailbatch", "outbox", "preview", "results"})


@reporting
def init_command(console: Console, given: InitArguments) -> int:
    """List the templates, or copy one with the schema into a folder and say the next step."""
    known = _templates()
    if given.list_templates:
        width = max(map(len, known))
        for name, source in known.items():
            console.lines(f"{name:<{width}}  {_description(source)}", hanging=width + 2)
        return ExitCode.DONE
    if given.folder is None:
        raise UsageError(
            "init needs a folder to write to",
            hint="name it, as in mailbatch init news; mailbatch init --list shows the templates",
        )
    if given.template not in known:
        raise UsageError(
            f"there is no template {given.template!r}", hint=_nearest(given.template, known)
        )
    contents = _contents(known[given.template])
    if not (given.folder / ".gitignore").exists():  # else it is the repository's own
        contents[Path(".gitignore")] = _IGNORED
    _write(given.folder, contents)
    job = shlex.quote(str(given.folder / JOB))
    console.say(
        f"Wrote the template {given.template} to {given.folder}. See it, check it, rehearse it:\n"
        f"  mailbatch preview {job}\n"
        f"  mailbatch check {job}\n"
        f"  mailbatch run {job} --sandbox\n"
        f"Then put your own server, sender and recipients into {given.folder / JOB}."
    )
    return ExitCode.DONE


def shipped(name: str) -> Path:
    """Find a folder that comes with mailbatch: `templates` or `schemas`.

    >>> sorted(folder.name for folder in shipped("templates").iterdir())
    ['digest', 'event', 'invoice', 'newsletter', 'notice']

    Raises:
        MailbatchError: The folder is in neither place: the installation is damaged.
    """
    places = [_PACKAGE / "shipped" / name]
    # Beside an installed package lie the packages of others; only a checkout has this file there.
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        places.append(_PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise MailbatchError(
        f"the folder {name}/ that comes with mailbatch is not there",
        hint=f"Install mailbatch again; looked in {' and '.join(str(place) for place in places)}.",
    )


def _templates() -> dict[str, Path]:
    """Return the folders of the templates by name."""
    folders = sorted(path for path in shipped("templates").iterdir() if (path / JOB).is_file())
    return {path.name: path for path in folders}


def _description(template: Path) -> str:
    """Return the first line of a template's README."""
    return (template / "README.md").read_text(encoding="utf-8").partition("\n")[0]


def _nearest(name: str, known: dict[str, Path]) -> str:
    listed = "mailbatch init --list shows all of them"
    near = did_you_mean(name, known)
    return f"{near} {listed}" if near else listed


def _contents(template: Path) -> dict[Path, bytes]:
    """Return the contents of the new files, by the path below the new folder."""
    contents = {Path(SCHEMA): (shipped("schemas") / SCHEMA).read_bytes()}
    for path in sorted(template.rglob("*")):
        below = path.relative_to(template)
        if path.is_file() and below.parts[0] not in _LEFT_BEHIND:
            contents[below] = path.read_bytes()
    job = contents[Path(JOB)].decode()
    contents[Path(JOB)] = (MODELINES + _OTHER_MODELINES.sub("", job)).encode()
    return contents


def _write(folder: Path, contents: dict[Path, bytes]) -> None:
    """Write the files; raises `UsageError` where one is there already, before any is written.

    Raises `OutputError` (74) where one cannot be written: then none stays, and `init` can be
    called again.
    """
    there = [str(folder / path) for path in contents if (folder / path).exists()]
    if there:
        more = f" and {len(there) - _LISTED_MOST} more" if len(there) > _LISTED_MOST else ""
        raise UsageError(
            f"already there: {', '.join(there[:_LISTED_MOST])}{more}",
            hint="init overwrites nothing; choose another folder",
        )
    place, made = folder, []
    try:
        for path, content in contents.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                made.append(place)
                file.write(content)
    except OSError as error:
        for one in made:
            with suppress(OSError):
                one.unlink()
        raise cannot_write(place, error, "folder") from error
