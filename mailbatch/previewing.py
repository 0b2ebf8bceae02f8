"""The preview of a mailing: every message rendered, and the gallery of them written.

    made = make_preview(job, out=Path("gallery"))
    made.index                    # gallery/index.html
    [tally.code for tally in made.findings]

`mailbatch preview` and `mailbatch.write_preview` both come here. Nothing is printed or sent, and no
ledger is written.

Tests: tests/preview/test_preview_command.py, tests/test_api.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.checking import Follow, time_findings
from mailbatch.job.columns import named_columns

if TYPE_CHECKING:
    from mailbatch.checks.findings import Overview, Tally
    from mailbatch.checks.selection import Chosen
    from mailbatch.checks.survey import Survey
    from mailbatch.delivery.inspection import Inspection
    from mailbatch.delivery.state import State
    from mailbatch.envelope import Delivery
    from mailbatch.job.model import Job
    from mailbatch.outlook import Outlook
    from mailbatch.preview.compare import Earlier
    from mailbatch.preview.entry import Entries, Entry, Since
    from mailbatch.preview.gallery import Gallery, Identity

#: The number of messages that are shown unless another is asked for.
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """A gallery that was made, with the outlook of a real run.

    `index` is the page to open, `shown` the number of messages in the gallery, `changes` counts
    changed messages by kind. `sources` are the files that the gallery was made from, `written` the
    files of the gallery.
    """

    index: Path
    overview: Overview
    shown: int
    since: Since | None
    changes: dict[str, int]
    outlook: Outlook | None
    sources: tuple[Path, ...]
    written: Mapping[str, Identity]

    @property
    def findings(self) -> tuple[Tally, ...]:
        """The findings of the mailing, errors first, as `mailbatch check` has them."""
        return self.overview.tallies

    @property
    def messages(self) -> int:
        """The number of messages of the whole mailing."""
        return self.overview.messages


def make_preview(
    job: Job,
    *,
    edition: str | None = None,
    variables: Mapping[str, str] | None = None,
    state: State = None,
    store: Path | None = None,
    out: Path | None = None,
    limit: int | None = SHOWN,
    only: tuple[str, ...] = (),
    against: Path | None = None,
    follow: Follow = lambda deliveries, _: deliveries,
) -> Preview:
    """Render the mailing and write the gallery.

    The options are those of `mailbatch preview`: `out` None means a folder beside the job, `limit`
    None all messages.

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

    out = out if out is not None else job.folder / "preview" / job.name
    check_place(out)
    earlier = Earlier.read(against) if against is not None else None
    now = datetime.now().astimezone()
    inputs = read_inputs(
        job, edition=edition, variables=variables or {}, now=now, traced=True,
        state=state, store=store,
    )  # fmt: skip
    columns, branches = inputs.plan.columns, inputs.composer.branches
    keep = earlier.keys if earlier is not None else ()
    survey = Survey(
        job, inputs.edition, columns, branches,
        limit=limit or 0, keep=keep, remarks=inputs.plan.remarks,
    )  # fmt: skip
    maker = Entries(columns, named_columns(job.recipients.group_by, columns))
    since = None
    with inspect(inputs, only=only, state=state) as inspection:
        if not only:
            for recipient in inspection.recipients():
                survey.row(recipient)
        number, entries = _entries(inspection, survey, maker, follow, everything=limit is None)
        with Gallery(out, number) as gallery:
            changes, keys = _add(gallery, entries, earlier)
            outlook = inspection.outlook()
            whole = not only
            findings = [
                *check_edition(job, inputs.edition, outlook, given=bool(edition)),
                *time_findings(job, state),
            ]
            overview = survey.overview(
                inspection.counts, complete=whole, edition=findings,
                letters=inspection.letters, repeats=inspection.repeats(),
            )  # fmt: skip
            if earlier is not None:
                gone = earlier.gone(keys) if whole else ()
                changes["gone"] = len(gone)
                since = Since(str(against), gone)
            index = gallery.finish(overview, since)
    sources = (*_sources(job, branches.sources()), *inputs.composer.sources.images)
    return Preview(index, overview, number, since, dict(changes), outlook, sources, gallery.written)


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
    total = inspection.counts["pending"]
    if everything:
        every = list(inspection.deliveries())
        passed = follow(every, total)
        return len(every), (_seen(inspection, survey, maker, one) for one in passed)
    for delivery in follow(inspection.deliveries(), total):
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
