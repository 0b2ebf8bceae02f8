"""`mailbatch preview`: the gallery, written once or served and made again."""

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

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import pairs, read_job, reporting, shown
from mailbatch.errors import UsageError

if TYPE_CHECKING:
    from mailbatch.delivery.inspection import Inspection
    from mailbatch.envelope import Delivery
    from mailbatch.job.model import Job
    from mailbatch.preview.compare import Earlier
    from mailbatch.preview.entry import Entry, Overview
    from mailbatch.preview.gallery import Gallery, Identity
    from mailbatch.preview.survey import Survey
    from mailbatch.preview.telling import Chosen

    Follow = Callable[[Iterable[Delivery]], Iterator[Delivery]]

#: How many messages are shown unless told otherwise.
LIMIT = 50
#: Where --serve listens unless told otherwise.
PORT = 8026


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be previewed, and where; `out` None: beside the job."""

    job: Path
    edition: str | None
    variables: dict[str, str]
    out: Path | None
    limit: int | None
    only: str | None
    against: Path | None


@dataclass(frozen=True, slots=True)
class Made:
    """A gallery that was made: its index, what it says above the messages, sources and files."""

    index: Path
    overview: Overview
    shown: int
    changes: dict[str, int]
    sources: tuple[Path, ...]
    written: Mapping[str, Identity]


@reporting
def preview_command(
    console: Console,
    *,
    job: Path,
    edition: str | None,
    variables: list[str] | None,
    out: Path | None,
    limit: int | None,
    everything: bool,
    only: str | None,
    against: Path | None,
    serve: bool,
    port: int | None,
    browse: bool,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - read by `reporting`
) -> int:
    """Make the gallery, and serve it if asked to."""
    if everything and limit is not None:
        raise UsageError("--all and --limit exclude each other")
    if port is not None and not serve:
        raise UsageError("--port goes with --serve")
    if serve and as_json:
        raise UsageError("--serve and --json exclude each other")
    most = None if everything else limit if limit is not None else LIMIT
    wanted = Wanted(job, edition, pairs(variables), out, most, only, against)
    if serve:
        return _serve(console, wanted, PORT if port is None else port, browse=browse)
    made = make(console, wanted)
    if as_json:
        console.data(as_object(made))
    _tell(console, made)
    console.say(f"gallery: {shown(made.index)}")
    if browse:
        _browse(made.index.resolve().as_uri())
    return ExitCode.DONE


def make(console: Console, wanted: Wanted) -> Made:
    """Render the mailing and write its gallery.

    Raises what is wrong with the inputs, and `UsageError` where the gallery cannot be written.
    """
    from mailbatch.delivery.inspection import inspect
    from mailbatch.delivery.preparation import read_inputs
    from mailbatch.preview.compare import Earlier
    from mailbatch.preview.gallery import Gallery, check_place
    from mailbatch.preview.survey import Survey

    job = read_job(wanted.job)
    out = wanted.out if wanted.out is not None else job.folder / "preview" / job.name
    check_place(out)
    earlier = Earlier.read(wanted.against) if wanted.against is not None else None
    now = datetime.now().astimezone()
    inputs = read_inputs(
        job, edition=wanted.edition, variables=wanted.variables, now=now, traced=True
    )
    columns, branches = inputs.plan.columns, inputs.composer.branches
    keep = earlier.keys if earlier is not None else ()
    limit = 0 if wanted.limit is None else wanted.limit
    survey = Survey(job, inputs.edition, columns, branches, limit=limit, keep=keep)
    with inspect(inputs, only=wanted.only) as inspection:
        if wanted.only is None:
            for recipient in inspection.recipients():
                survey.row(recipient)
        follow = partial(console.follow, "rendering", total=inspection.counts["pending"])
        number, entries = _entries(inspection, survey, follow, everything=wanted.limit is None)
        with Gallery(out, number) as gallery:
            changes, gone = _add(gallery, entries, earlier)
            overview = survey.overview(inspection.counts, complete=wanted.only is None)
            if earlier is not None:
                gone = gone if wanted.only is None else ()
                changes["gone"] = len(gone)
                overview = replace(overview, against=str(wanted.against), gone=gone)
            index = gallery.finish(overview)
    sources = tuple(_sources(job, branches.sources()))
    return Made(index, overview, number, dict(changes), sources, gallery.written)


def _add(
    gallery: Gallery, entries: Iterable[Entry], earlier: Earlier | None
) -> tuple[Counter[str], tuple[tuple[str, str], ...]]:
    """Add the messages with what became of each; return the counts of that, and who is gone."""
    changes: Counter[str] = Counter()
    keys = []
    for entry in entries:
        keys.append(entry.key)
        change = earlier.change_of(entry) if earlier is not None else None
        if change is not None:
            changes[change.kind] += 1
        gallery.add(replace(entry, change=change))
    return changes, earlier.gone(keys) if earlier is not None else ()


def _entries(
    inspection: Inspection, survey: Survey, follow: Follow, *, everything: bool
) -> tuple[int, Iterator[Entry]]:
    """Show every message to the survey; return how many are to be in the gallery, and these.

    For everything, each message is rendered once, while it goes into the gallery. `follow` gives
    deliveries on and shows how far that is.
    """
    if everything:
        every = list(inspection.deliveries())
        return len(every), (_seen(inspection, survey, delivery) for delivery in follow(every))
    for delivery in follow(inspection.deliveries()):
        seen = inspection.look(delivery)
        survey.see(delivery, seen.message, seen.content, seen.error, seen.taken)
    chosen = survey.chosen()
    return len(chosen), (_again(inspection, survey, one) for one in chosen)


def _seen(inspection: Inspection, survey: Survey, delivery: Delivery) -> Entry:
    seen = inspection.look(delivery)
    found = survey.see(delivery, seen.message, seen.content, seen.error, seen.taken)
    return survey.entry(delivery, seen.message, seen.content, seen.error, findings=found)


def _again(inspection: Inspection, survey: Survey, chosen: Chosen) -> Entry:
    seen = inspection.render(chosen.delivery)
    return survey.entry(
        chosen.delivery, seen.message, seen.content, seen.error, telling=chosen.reasons
    )


def _sources(job: Job, templates: Iterable[str]) -> Iterable[Path]:
    """Give every file that the gallery was made from, as far as the job names the file."""
    from mailbatch.job.fields import is_template

    named = (setting.text for setting, _ in job.files() if not is_template(setting.text))
    yield job.path
    yield from (job.folder / name for name in (*templates, *named))


def _tell(console: Console, made: Made) -> None:
    """Say in words what the gallery shows."""
    from mailbatch.preview.codes import Severity
    from mailbatch.preview.report import count_of

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
    console.say(f"{overview.job} ({overview.edition}): {'; '.join(parts)}")
    if overview.against is not None:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in made.changes.items() if number)
        console.say(f"since {overview.against}: {kinds or 'nothing'}")
    invalid = overview.counts.get("invalid", 0)
    if invalid:
        console.warn(f"{counted(invalid, 'row')} cannot be mailed")


def as_object(made: Made) -> dict[str, Any]:
    """Return what `preview --json` writes."""
    from mailbatch.preview.report import objects

    overview = made.overview
    return {
        "job": overview.job,
        "edition": overview.edition,
        "recipients": sum(overview.counts.values()),
        **overview.counts,
        "messages": overview.messages,
        "shown": made.shown,
        "index": str(made.index),
        "unreached": [
            {"file": place.path, "line": place.line, "branch": label}
            for place, label in overview.unreached
        ],
        "unused": list(overview.unused),
        "findings": objects(overview.tallies),
        "against": overview.against,
        "changes": made.changes if overview.against is not None else None,
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
