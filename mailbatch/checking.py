"""The check of a mailing: every row and every message surveyed, without sending.

    checked = check_mailing(job)
    [(tally.code, tally.location) for tally in checked.tallies]

`mailbatch check` and `mailbatch.check` both come here: the rooms of the checks know no mailing that
is planned, and the delivery knows no checks. Nothing is printed, sent or kept.

Tests: tests/checks/test_check_command.py, tests/checks/test_check_codes.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mailbatch.envelope import address_key, address_keys
from mailbatch.errors import InputError, InputErrors, LedgerError, Location

if TYPE_CHECKING:
    from mailbatch.checks.findings import Finding, Overview, Tally
    from mailbatch.checks.survey import Survey
    from mailbatch.delivery.inspection import Inspection
    from mailbatch.delivery.preparation import Inputs
    from mailbatch.delivery.state import State
    from mailbatch.envelope import Delivery
    from mailbatch.job.model import Job
    from mailbatch.outlook import Outlook
    from mailbatch.render.message import Content

#: Gives the place of a text in the templates.
Finder: TypeAlias = Callable[[str], Location | None]
#: Hands deliveries on, and may show the progress among so many recipients.
Follow = Callable[[Iterable["Delivery"], int], Iterable["Delivery"]]


@dataclass(slots=True)
class Checked:
    """The result of a check.

    `error` is the error of the inputs that a run would end with. `overview` is None behind such an
    error. `outlook` is that of a real run, None: no earlier run is known. `largest` is the size of
    the largest message in bytes, `beyond_ascii` the number of addresses that need SMTPUTF8.
    `telling` are telling messages, `addressed` those to one address, where they were wanted. `find`
    gives the place of a text in the templates, `written` the beginning that stands there.
    """

    edition: str | None = None
    tallies: list[Tally] = field(default_factory=list)
    overview: Overview | None = None
    outlook: Outlook | None = None
    largest: int = 0
    beyond_ascii: int = 0
    telling: list[Content] = field(default_factory=list)
    addressed: list[Content] = field(default_factory=list)
    find: Finder = field(default=lambda _: None)
    written: Callable[[str], str] = field(default=lambda _: "")
    error: InputError | InputErrors | None = None


def refused(error: InputError | InputErrors, edition: str | None = None) -> Checked:
    """Return the check of inputs that a run would refuse: each mistake is a finding."""
    from mailbatch.checks.report import input_tallies

    return Checked(edition, input_tallies(error), error=error)


def check_mailing(
    job: Job,
    *,
    edition: str | None = None,
    variables: Mapping[str, str] | None = None,
    state: State = None,
    store: Path | None = None,
    follow: Follow = lambda deliveries, _: deliveries,
    samples: int = 0,
    to: str | None = None,
) -> Checked:
    """Survey a mailing; where the inputs are wrong, keep the error and check the rows alone.

    `edition`, `variables` and `store` are those of the options `--edition`, `--set` and `--store`.
    Of the telling messages, `samples` are kept, and the messages to the address `to`.

    Raises:
        UsageError: the given edition cannot name a ledger; a variable is not one of the job's.
        StoreError, LedgerError: the reports of an edition cannot be read, and may suppress (74).
    """
    from mailbatch.delivery.fallback import check_place
    from mailbatch.delivery.preparation import read_inputs
    from mailbatch.delivery.reported import reported_addresses

    now, variables, named = datetime.now().astimezone(), variables or {}, None
    try:
        check_place(job, state)
        inputs = read_inputs(
            job, edition=edition, variables=variables, now=now, traced=True, state=state,
            store=store,
        )  # fmt: skip
        named = inputs.edition
        survey = survey_of(inputs, limit=samples, now=now.timestamp())
        return _surveyed(inputs, survey, state, follow, to, given=edition is not None)
    except (InputError, InputErrors) as error:
        checked = refused(error, named)
        _look_at_rows(job, variables, now, checked, reported_addresses(job, state, store))
        return checked


def survey_of(inputs: Inputs, *, limit: int, now: float, keep: Collection[str] = ()) -> Survey:
    """Return the survey of a mailing, which has seen no row yet.

    It chooses `limit` telling messages, those with a key of `keep` first. `now` is in seconds since
    the epoch.
    """
    from mailbatch.checks.survey import Survey

    plan = inputs.plan
    return Survey(
        inputs.job, inputs.edition, plan.columns, inputs.composer.branches, limit=limit, now=now,
        keep=keep, remarks=plan.remarks,
    )  # fmt: skip


def _surveyed(
    inputs: Inputs, survey: Survey, state: State, follow: Follow, to: str | None, *, given: bool
) -> Checked:
    """Show every row and message to the survey; keep the messages to the address `to`."""
    from mailbatch.delivery.inspection import inspect

    addressed: list[Content] = []
    wanted = address_key(to) if to is not None else None
    with inspect(inputs, state=state) as inspection:
        for recipient in inspection.recipients():
            survey.row(recipient)
        for delivery in follow(inspection.deliveries(), inspection.counts["pending"]):
            looked = inspection.look(delivery)
            survey.see(looked)
            if wanted is not None and looked.content is not None:
                addressed += [looked.content] * (wanted in address_keys(delivery.addresses))
        again = [inspection.look(one.delivery).content for one in survey.chosen()]
        telling = [content for content in again if content is not None]
        outlook = inspection.outlook()
        overview = survey.overview(
            inspection.counts,
            edition=edition_findings(inputs, inspection, outlook, state, given=given),
            letters=inspection.letters,
            repeats=inspection.repeats(),
        )
    return Checked(
        inputs.edition, list(overview.tallies), overview, outlook, survey.largest,
        survey.beyond_ascii, telling, addressed, survey.place_of, survey.written,
    )  # fmt: skip


def edition_findings(
    inputs: Inputs,
    inspection: Inspection,
    outlook: Outlook | None,
    state: State,
    *,
    given: bool,
    whole: bool = True,
) -> list[Finding]:
    """Return the findings of the edition, of the time and the servers, and of a whole thread.

    `given` says that the command line names the edition, `whole` that every message was seen.
    """
    from mailbatch.checks.edition_checks import check_edition
    from mailbatch.checks.server_checks import check_servers

    job = inputs.job
    return [
        *check_edition(job, inputs.edition, outlook, given=given),
        *_time_findings(job, state),
        *check_servers(job),
        *(_thread_findings(inspection) if whole else ()),
    ]


def _time_findings(job: Job, state: State) -> list[Finding]:
    """Return the finding of a run that would be held now; mostly there is none."""
    if not job.server.may_hold:
        return []
    from mailbatch.checks.edition_checks import check_time
    from mailbatch.delivery.admission import held_now

    with suppress(LedgerError):  # a ledger that cannot be read has a finding of its own
        held = held_now(job, state)
        if held is not None:
            return [check_time(job, held.by, held.why, held.until)]
    return []


def _thread_findings(inspection: Inspection) -> list[Finding]:
    """Return the findings of `message.thread`, once every message was seen."""
    thread = inspection.thread
    if thread is None:
        return []
    from mailbatch.checks.edition_checks import check_thread

    before = thread.before[0].edition if thread.before else None
    seen = {"messages": thread.messages, "placed": thread.placed}
    return list(check_thread(thread.job, thread.edition, before, **seen))


def _look_at_rows(
    job: Job,
    variables: Mapping[str, str],
    now: datetime,
    found: Checked,
    reported: Mapping[str, str],
) -> None:
    """Check the rows of the table although the templates are wrong."""
    from mailbatch.checks.report import input_tallies
    from mailbatch.checks.table_checks import check_rows
    from mailbatch.checks.tallies import Tallies
    from mailbatch.recipients.plan import plan_recipients

    tallies, edition = Tallies(), found.edition or job.edition
    merged = {**job.variables, **variables}
    error: InputError | InputErrors | None = None
    try:
        plan = plan_recipients(
            job,
            edition=edition,
            variables=merged,
            now=now,
            reported=reported,
        )
        check_rows(job, plan.columns, plan, tallies)
    except (InputError, InputErrors) as failure:
        error = failure
    found.tallies += tallies.result()
    known = {(tally.location, tally.examples) for tally in found.tallies}
    if error is not None and found.error is not None:
        more = [t for t in input_tallies(error) if (t.location, t.examples) not in known]
        if more:
            found.tallies += more
            found.error = InputErrors([*found.error.errors, *error.errors])
