"""`mailbatch preview`: the gallery, written once or served and made again.

Tests: tests/preview/test_preview_command.py.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch.cli.arguments import PreviewArguments
from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.outlook import counts_of, outlook_object
from mailbatch.cli.report_store import given_store
from mailbatch.cli.reporting import all_on_the_wire, pairs, read_job, reporting, shown
from mailbatch.errors import UsageError
from mailbatch.previewing import SHOWN

if TYPE_CHECKING:
    from mailbatch.previewing import Preview

#: The port of --serve without --port.
PORT = 8026


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of a preview: the mailing, the messages to show, and the folder of the gallery.

    `limit` None shows all messages, `out` None means a folder beside the job.
    """

    job: Path
    edition: str | None
    variables: dict[str, str]
    state_dir: Path | None
    store: Path | None
    out: Path | None
    limit: int | None
    only: tuple[str, ...]
    against: Path | None


@reporting
def preview_command(console: Console, given: PreviewArguments) -> int:
    """Make the gallery, serve the gallery with --serve, and return the exit code."""
    if given.everything and given.limit is not None:
        raise UsageError("--all and --limit exclude each other", hint="leave one of them out")
    if given.port is not None and not given.serve:
        raise UsageError("--port goes with --serve", hint="add --serve, or leave --port out")
    if given.serve and given.as_json:
        raise UsageError("--serve and --json exclude each other", hint="leave one of them out")
    most = None if given.everything else given.limit if given.limit is not None else SHOWN
    wanted = Wanted(
        given.job,
        given.edition,
        pairs(given.variables),
        given.state_dir,
        given_store(given.store),
        given.out,
        most,
        all_on_the_wire(given.only),
        given.against,
    )
    if given.serve:
        return _serve(
            console, wanted, PORT if given.port is None else given.port, browse=given.browse
        )
    made = make(console, wanted)
    if given.as_json:
        console.data(as_object(made))
    _tell(console, made)
    console.say(f"gallery: {shown(made.index)}")
    if given.browse:
        _browse(made.index.resolve().as_uri())
    return _exit_code(made)


def _exit_code(made: Preview) -> int:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of

    errors = count_of(made.overview.tallies, Severity.ERROR)
    return ExitCode.DATA if errors else ExitCode.DONE


def make(console: Console, wanted: Wanted) -> Preview:
    """Render the mailing and write the gallery.

    Raises:
        InputError, InputErrors: the inputs are wrong.
        UsageError: the gallery cannot be written, or no recipient is named as `only` says.
    """
    from mailbatch.previewing import make_preview

    return make_preview(
        read_job(wanted.job),
        edition=wanted.edition,
        variables=wanted.variables,
        state_dir=wanted.state_dir,
        store=wanted.store,
        out=wanted.out,
        limit=wanted.limit,
        only=wanted.only,
        against=wanted.against,
        follow=partial(console.follow, "rendering"),
    )


def _tell(console: Console, made: Preview) -> None:
    """Write a summary of the gallery in words."""
    from mailbatch.checks.codes import Severity, severity_of
    from mailbatch.checks.report import count_of, text_lines

    overview = made.overview
    parts = [f"{made.shown:,} of {counted(overview.messages, 'message')} shown"]
    warnings = count_of(overview.tallies, Severity.WARNING)
    if warnings:
        parts.append(counted(warnings, "warning"))
    if overview.unreached:
        unreached = counted(len(overview.unreached), "template branch", "template branches")
        parts.append(f"{unreached} shown to nobody")
    if overview.unused:
        parts.append(f"never used: {', '.join(overview.unused)}")
    errors = [t for t in overview.tallies if severity_of(t.code) is Severity.ERROR]
    if errors:
        parts.append(counted(len(errors), "error"))
    console.say(f"{overview.job} ({overview.edition}): {'; '.join(parts)}")
    for line in text_lines(errors, remedies=True):
        console.warn(line)
    if made.since is not None:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in made.changes.items() if number)
        console.say(f"since {made.since.shown}: {kinds or 'nothing'}")
    invalid = overview.counts.get("invalid", 0)
    if invalid:
        console.warn(f"{counted(invalid, 'row')} cannot be mailed")


def as_object(made: Preview) -> dict[str, Any]:
    """Return the object of `preview --json`."""
    from mailbatch.checks.report import objects

    overview = made.overview
    rows = counts_of(overview, made.outlook)
    return {
        "job": overview.job,
        "edition": overview.edition,
        "recipients": sum(rows.values()),
        **rows,
        "messages": overview.messages,
        "shown": made.shown,
        "index": str(made.index),
        "unreached": [
            {"file": place.path, "line": place.line, "branch": label}
            for place, label in overview.unreached
        ],
        "unused": list(overview.unused),
        "findings": objects(overview.tallies),
        "against": made.since.shown if made.since is not None else None,
        "changes": made.changes if made.since is not None else None,
        **outlook_object(made.outlook),
    }


def _serve(console: Console, wanted: Wanted, port: int, *, browse: bool) -> int:
    from mailbatch.preview.serving import Built, Rebuilding, serve

    with contextlib.ExitStack() as stack:
        if wanted.out is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailbatch-"))
            wanted = replace(wanted, out=Path(folder))
        out = wanted.out if wanted.out is not None else Path()

        def build() -> Built:
            made = make(console, wanted)
            _tell(console, made)
            return Built(made.sources, made.written)

        gallery = Rebuilding(out, build)
        gallery.build()
        server = stack.enter_context(serve(gallery, port))
        address = f"http://127.0.0.1:{server.server_port}/"
        console.say(f"serving {address}; reload to render again, Ctrl-C to stop")
        if browse:
            _browse(address)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return ExitCode.DONE


def _browse(address: str) -> None:
    import webbrowser

    webbrowser.open(address)
