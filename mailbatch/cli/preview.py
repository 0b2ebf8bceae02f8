"""`mailbatch preview`: the gallery, written once or served and made again.

Tests: tests/preview/test_preview_command.py.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
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
from mailbatch.job.columns import named_columns

if TYPE_CHECKING:
    from mailbatch.checks.findings import Overview
    from mailbatch.checks.selection import Chosen
    from mailbatch.checks.survey import Survey
    from mailbatch.delivery.inspection import Inspection
    from mailbatch.envelope import Delivery
    from mailbatch.job.model import Job
    from mailbatch.outlook import Outlook
    from mailbatch.preview.compare import Earlier
    from mailbatch.preview.entry import Entries, Entry, Since
    from mailbatch.preview.gallery import Gallery, Identity

    Follow = Callable[[Iterable[Delivery]], Iterator[Delivery]]

#: The number of messages shown without --limit and --all.
LIMIT = 50
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


@dataclass(frozen=True, slots=True)
class Made:
    """A gallery that was made, with the outlook of a real run.

    `shown` is the number of messages in the gallery, `changes` counts changed messages by kind.
    `sources` are the files that the gallery was made from, `written` the files of the gallery.
    """

    index: Path
    overview: Overview
    shown: int
    since: Since | None
    changes: dict[str, int]
    outlook: Outlook | None
    sources: tuple[Path, ...]
    written: Mapping[str, Identity]


@reporting
def preview_command(console: Console, given: PreviewArguments) -> int:
    """Make the gallery, serve the gallery with --serve, and return the exit code."""
    if given.everything and given.limit is not None:
        raise UsageError("--all and --limit exclude each other")
    if given.port is not None and not given.serve:
        raise UsageError("--port goes with --serve")
    if given.serve and given.as_json:
        raise UsageError("--serve and --json exclude each other")
    most = None if given.everything else given.limit if given.limit is not None else LIMIT
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


def _exit_code(made: Made) -> int:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of

    errors = count_of(made.overview.tallies, Severity.ERROR)
    return ExitCode.DATA if errors else ExitCode.DONE


def make(console: Console, wanted: Wanted) -> Made:
    """Render the mailing and write the gallery.

    Raises:
        InputError, InputErrors: the inputs are wrong.
        UsageError: the gallery cannot be written, or no recipient is named as `only` says.
    """
    from mailbatch.checks.edition_checks import check_edition
    from mailbatch.checks.survey import Survey
    from mailbatch.delivery.inspection import inspect
    from mailbatch.delivery.preparation import read_inputs
    from mailbatch.preview.compare import Earlier
    from mailbatch.preview.entry import Entries, Since
    from mailbatch.preview.gallery import Gallery, check_place

    job = read_job(wanted.job)
    out = wanted.out if wanted.out is not None else job.folder / "preview" / job.name
    check_place(out)
    earlier = Earlier.read(wanted.against) if wanted.against is not None else None
    now = datetime.now().astimezone()
    inputs = read_inputs(
        job, edition=wanted.edition, variables=wanted.variables, now=now, traced=True,
        folder=wanted.state_dir, store=wanted.store,
    )  # fmt: skip
    columns, branches = inputs.plan.columns, inputs.composer.branches
    keep = earlier.keys if earlier is not None else ()
    limit = 0 if wanted.limit is None else wanted.limit
    survey = Survey(
        job, inputs.edition, columns, branches,
        limit=limit, keep=keep, remarks=inputs.plan.remarks,
    )  # fmt: skip
    maker = Entries(columns, named_columns(job.recipients.group_by, columns))
    since = None
    with inspect(inputs, only=wanted.only, state_dir=wanted.state_dir) as inspection:
        if not wanted.only:
            for recipient in inspection.recipients():
                survey.row(recipient)
        follow = partial(console.follow, "rendering", total=inspection.counts["pending"])
        everything = wanted.limit is None
        number, entries = _entries(inspection, survey, maker, follow, everything=everything)
        with Gallery(out, number) as gallery:
            changes, keys = _add(gallery, entries, earlier)
            outlook = inspection.outlook()
            whole, given = not wanted.only, bool(wanted.edition)
            edition = check_edition(job, inputs.edition, outlook, given=given)
            overview = survey.overview(
                inspection.counts, complete=whole, edition=edition,
                letters=inspection.letters, repeats=inspection.repeats(),
            )  # fmt: skip
            if earlier is not None:
                gone = earlier.gone(keys) if whole else ()
                changes["gone"] = len(gone)
                since = Since(str(wanted.against), gone)
            index = gallery.finish(overview, since)
    sources = tuple(_sources(job, branches.sources()))
    return Made(index, overview, number, since, dict(changes), outlook, sources, gallery.written)


def _add(
    gallery: Gallery, entries: Iterable[Entry], earlier: Earlier | None
) -> tuple[Counter[str], list[str]]:
    """Add the messages, each with the change; return the number of each kind, and all keys."""
    changes: Counter[str] = Counter()
    keys = []
    for entry in entries:
        keys.append(entry.key)
        change = earlier.change_of(entry) if earlier is not None else None
        if change is not None:
            changes[change.kind] += 1
        gallery.add(replace(entry, change=change))
    return changes, keys


def _entries(
    inspection: Inspection, survey: Survey, maker: Entries, follow: Follow, *, everything: bool
) -> tuple[int, Iterator[Entry]]:
    """Show every message to the survey; return the number of entries of the gallery, and these.

    For `everything`, each message is rendered once, on the way into the gallery. `follow` passes
    deliveries on and shows the progress.
    """
    if everything:
        every = list(inspection.deliveries())
        return len(every), (_seen(inspection, survey, maker, one) for one in follow(every))
    for delivery in follow(inspection.deliveries()):
        survey.see(inspection.look(delivery))
    chosen = survey.chosen()
    return len(chosen), (_again(inspection, survey, maker, one) for one in chosen)


def _seen(inspection: Inspection, survey: Survey, maker: Entries, delivery: Delivery) -> Entry:
    seen = inspection.look(delivery)
    return maker.entry(seen, findings=survey.see(seen))


def _again(inspection: Inspection, survey: Survey, maker: Entries, chosen: Chosen) -> Entry:
    seen = inspection.render(chosen.delivery)
    return maker.entry(seen, findings=survey.findings(seen), reasons=chosen.reasons)


def _sources(job: Job, templates: Iterable[str]) -> Iterable[Path]:
    """Yield the files that the gallery was made from, as far as the job names files."""
    from mailbatch.job.fields import is_template

    named = (setting.text for setting, _ in job.files() if not is_template(setting.text))
    yield job.path
    yield from (job.folder / name for name in (*templates, *named))


def _tell(console: Console, made: Made) -> None:
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


def as_object(made: Made) -> dict[str, Any]:
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
