"""The preview of a mailing: every message rendered, and the gallery of them written.

    made = make_preview(job, out=Path("gallery"))
    made.index                    # gallery/index.html
    [tally.code for tally in made.findings]

`mailbatch preview` and `mailbatch.write_preview` both come here. Nothing is printed or sent, and no
ledger is written.

Tests: tests/preview/test_preview_command.py, tests/test_api.py.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.checking import Follow, edition_findings, survey_of
from mailbatch.errors import InputErrors, PlanDifference
from mailbatch.fresh_letters import Options, ShownRow, sources
from mailbatch.frozen import frozen
from mailbatch.job.columns import named_columns

if TYPE_CHECKING:
    from mailbatch.checks.findings import Overview, Tally
    from mailbatch.checks.selection import Chosen
    from mailbatch.checks.survey import Survey
    from mailbatch.delivery.inspection import Inspection
    from mailbatch.delivery.plan_file import PlanFile
    from mailbatch.delivery.preparation import Inputs
    from mailbatch.delivery.state import State
    from mailbatch.envelope import Delivery
    from mailbatch.job.model import Job
    from mailbatch.outlook import Outlook
    from mailbatch.preview.entry import Entries, Entry, Since
    from mailbatch.preview.gallery import Identity
    from mailbatch.render.message import Inspected

#: The number of messages that are shown unless another is asked for.
SHOWN = 50


@frozen
class Planned:
    """The plan that `mailbatch plan` would make of the very mailing.

    `digest` is the name of the plan, None where none can be made: `why` says why not. `difference`
    is the first one from the approved plan, None where they agree or none was given.
    """

    digest: str | None
    why: str = ""
    difference: PlanDifference | None = None


@frozen
class Preview:
    """A gallery that was made, with the outlook of a real run.

    `index` is the page to open, `shown` the number of messages in the gallery, `changes` counts
    changed messages by kind. `sources` are the files that the gallery was made from, `written` the
    files of the gallery, `stamps` the stamps of its pages. `inputs`, `rows` and `options` are those
    of the messages that are shown. `planned` is the plan of the mailing, None where only a part was
    looked at.
    """

    index: Path
    overview: Overview
    shown: int
    since: Since | None
    changes: dict[str, int]
    outlook: Outlook | None
    sources: tuple[Path, ...]
    written: Mapping[str, Identity]
    stamps: Mapping[str, str] = field(repr=False)
    inputs: Inputs = field(repr=False)
    rows: tuple[ShownRow, ...] = field(repr=False)
    options: Options = field(repr=False)
    planned: Planned | None = None

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
    approved: PlanFile | None = None,
    follow: Follow = lambda deliveries, _: deliveries,
    before_moving: Callable[[], object] = lambda: None,
    amend: Callable[[Inputs], Inputs] | None = None,
) -> Preview:
    """Render the mailing and write the gallery.

    The options are those of `mailbatch preview`: `out` None means a folder beside the job, `limit`
    None all messages. `approved` is the plan to compare the mailing with. `before_moving` is called
    before the files of an earlier gallery give way. `amend` makes a correction of the inputs, which
    no plan is of.

    Raises:
        InputError, InputErrors: the inputs are wrong.
        UsageError: `out` has other files in it, or no recipient is named as `only` says.
        OutputError: the gallery cannot be written (74).
    """
    from mailbatch.delivery.inspection import inspect
    from mailbatch.preview.entry import Entries
    from mailbatch.preview.gallery import Gallery, check_place

    out = out if out is not None else job.folder / "preview" / job.name
    check_place(out)
    comparison = Comparison(against)
    edition = _edition(job, edition, approved)
    inputs = _inputs(job, edition, variables or {}, state, store)
    if amend is not None:
        inputs = amend(inputs)
    plans = Plans(inputs, approved, whole=not only and amend is None)
    inputs = plans.inputs
    survey = survey_of(inputs, limit=limit or 0, now=time.time(), keep=comparison.keys)
    columns = inputs.plan.columns
    maker, whole = Entries(columns, named_columns(job.recipients.group_by, columns)), not only
    with inspect(inputs, only=only, state=state) as inspection:
        if whole:
            for recipient in inspection.recipients():
                survey.row(recipient)
        show = _Show(inspection, survey, maker, plans)
        rows, entries = show.entries(follow, everything=limit is None)
        with Gallery(out, len(rows), before_moving) as gallery:
            for entry in entries:
                gallery.add(comparison.compared(entry))
            outlook = inspection.outlook()
            overview = survey.overview(
                inspection.counts,
                complete=whole,
                edition=edition_findings(
                    inputs, inspection, outlook, state, given=bool(edition), whole=whole
                ),
                letters=inspection.letters,
                repeats=inspection.repeats(),
            )
            since, planned = comparison.since(whole=whole), plans.made(inspection)
            index = gallery.finish(overview, since, None if planned is None else planned.digest)
    options = Options(edition, variables, comparison.earlier)
    files = sources(job, inputs.composer)
    return Preview(
        index, overview, len(rows), since, dict(comparison.changes), outlook, files,
        gallery.written, gallery.stamps, inputs, rows, options, planned,
    )  # fmt: skip


def write_eml(made: Preview, out: Path) -> int:
    """Write the messages of a gallery as .eml files, and return the number.

    Raises:
        UsageError: the folder has other files in it.
        OutputError: the folder cannot be written (74).
    """
    from mailbatch.preview.eml_folder import write_messages
    from mailbatch.preview.message_files import number_of

    def messages() -> Iterator[tuple[int, str, bytes]]:
        for index, row in enumerate(made.rows):
            name = f"messages/{number_of(index, made.shown)}.eml"
            if name in made.written:  # a message that cannot be made has none
                first = row.delivery.rows[0].line
                yield first, row.delivery.addresses[0], (made.index.parent / name).read_bytes()

    return write_messages(out, messages())


def _edition(job: Job, given: str | None, approved: PlanFile | None) -> str | None:
    """Return the edition that is given; for an edition of the day, that of the approved plan."""
    from mailbatch.render.edition import edition_moves

    if given is None and approved is not None and edition_moves(job):
        return approved.edition
    return given


def _inputs(
    job: Job, edition: str | None, variables: Mapping[str, str], state: State, store: Path | None
) -> Inputs:
    """Read the inputs of a mailing, whose composer is traced."""
    from mailbatch.delivery.preparation import read_inputs

    return read_inputs(
        job,
        edition=edition,
        variables=variables,
        now=datetime.now().astimezone(),
        traced=True,
        state=state,
        store=store,
    )


class Comparison:
    """The messages of a preview beside those of an earlier gallery; without one nothing changed.

    `changes` counts changed messages by kind.
    """

    def __init__(self, against: Path | None) -> None:
        """Read the gallery in the folder `against`, if there is one to compare with.

        Raises:
            UsageError: the folder is no gallery.
        """
        from mailbatch.preview.compare import Earlier

        self.earlier = None if against is None else Earlier.read(against)
        self.changes: Counter[str] = Counter()
        self._name = str(against)
        self._keys: list[str] = []

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the earlier messages."""
        return frozenset() if self.earlier is None else self.earlier.keys

    def compared(self, entry: Entry) -> Entry:
        """Return the entry of a message with the change."""
        self._keys.append(entry.key)
        change = None if self.earlier is None else self.earlier.change_of(entry)
        if change is not None:
            self.changes[change.kind] += 1
        return replace(entry, change=change)

    def since(self, *, whole: bool) -> Since | None:
        """Return the earlier gallery with messages that are gone, known behind a `whole` one."""
        from mailbatch.preview.entry import Since

        if self.earlier is None:
            return None
        gone = self.earlier.gone(self._keys) if whole else ()
        self.changes["gone"] = len(gone)
        return Since(self._name, gone)


class Plans:
    """The making of the plan while the messages of a preview are rendered."""

    def __init__(self, inputs: Inputs, approved: PlanFile | None, *, whole: bool) -> None:
        """Begin a plan of `inputs`; not `whole`: only a part is rendered, and there is none."""
        from mailbatch.delivery.planning import Digests, repeatable

        self.inputs = inputs
        self._approved = approved
        self._digests = Digests() if whole else None
        self._moves: InputErrors | None = None
        if whole:
            try:
                self.inputs = repeatable(inputs)
            except InputErrors as errors:
                self._moves = errors

    def add(self, seen: Inspected) -> None:
        """Add a message that was rendered, or its error."""
        if self._digests is not None:
            message = seen.message
            self._digests.add(seen.delivery, None if message is None else message.mark)

    def made(self, inspection: Inspection) -> Planned | None:
        """Return the plan behind the last message; None where only a part was rendered."""
        from mailbatch.delivery.approval import difference_of
        from mailbatch.delivery.planning import plan_of

        if self._digests is None:
            return None
        approved, difference = self._approved, None
        if self._moves is not None:
            why = f"the mailing depends upon the moment: {self._moves.errors[0]}"
            return Planned(None, why, None if approved is None else PlanDifference(why))
        now = plan_of(self.inputs, inspection, self._digests)
        if approved is not None:
            difference = difference_of(approved, now, self.inputs, inspection.recipients())
        if not now.messages:
            return Planned(None, "nobody would be mailed", difference)
        return Planned(now.digest, difference=difference)


class _Show:
    """The messages of a preview, each shown to the survey and added to the plan."""

    def __init__(
        self, inspection: Inspection, survey: Survey, maker: Entries, plans: Plans
    ) -> None:
        self._inspection, self._survey = inspection, survey
        self._maker, self._plans = maker, plans

    def entries(
        self, follow: Follow, *, everything: bool
    ) -> tuple[tuple[ShownRow, ...], Iterator[Entry]]:
        """Look at every message; return the rows of the gallery, and the entries of these.

        For `everything`, each message is rendered once, on the way into the gallery. `follow`
        passes deliveries on and shows the progress.
        """
        total = self._inspection.counts["pending"]
        if everything:
            every = list(self._inspection.deliveries(kept=True))
            passed = follow(every, total)
            return tuple(map(ShownRow, every)), (self._seen(one) for one in passed)
        for delivery in follow(self._inspection.deliveries(), total):
            seen = self._look(delivery)
            self._survey.see(seen)
        chosen = self._survey.chosen()
        rows = tuple(ShownRow(one.delivery, tuple(one.reasons)) for one in chosen)
        return rows, (self._again(one) for one in chosen)

    def _look(self, delivery: Delivery) -> Inspected:
        seen = self._inspection.look(delivery)
        self._plans.add(seen)
        return seen

    def _seen(self, delivery: Delivery) -> Entry:
        seen = self._look(delivery)
        return self._maker.entry(seen, findings=self._survey.see(seen))

    def _again(self, chosen: Chosen) -> Entry:
        seen = self._inspection.render(chosen.delivery)
        findings = self._survey.findings(seen)
        return self._maker.entry(seen, findings=findings, reasons=chosen.reasons)
