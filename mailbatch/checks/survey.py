"""The survey of a mailing: every row and every message is seen once, and little is kept.

    survey = Survey(job, "2026-W48", columns, branches)
    survey.row(recipient)                             # each row of the table
    survey.see(inspected)                             # each message, or the error in its place
    survey.overview(counts).tallies                   # all findings, counted

`mailbatch check` and `mailbatch preview` make the same survey, so both report the same. The survey
must never render: the caller has the messages.

Tests: tests/checks/test_check_codes.py, tests/checks/test_check_command.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from mailbatch.checks.expression_checks import ExpressionChecks
from mailbatch.checks.findings import Finding, Overview
from mailbatch.checks.group_checks import GroupChecks
from mailbatch.checks.message_checks import (
    Facts,
    check_error,
    check_job,
    check_message,
    check_size,
)
from mailbatch.checks.origins import Origins
from mailbatch.checks.selection import Chosen, Selection
from mailbatch.checks.send_time_checks import SendTimeChecks
from mailbatch.checks.table_checks import Repeated, TableChecks
from mailbatch.checks.tallies import Tallies
from mailbatch.checks.template_checks import check_strays, check_templates
from mailbatch.envelope import Recipient
from mailbatch.errors import Location
from mailbatch.job.columns import named_columns
from mailbatch.remarks import NO_REMARKS, Remarks
from mailbatch.render.branches import Branches
from mailbatch.render.message import BranchKey, Inspected
from mailbatch.render.tracing import Branch

if TYPE_CHECKING:
    from mailbatch.job.model import Job


class Survey:
    """Collects the findings, the extremes and the coverage of a mailing, row by row.

    `limit` bounds the deliveries that `chosen` returns; `keep` are keys of deliveries that are
    returned on top of these. `remarks` are those of the table, `now` is the instant of a first plan
    (seconds since the epoch). `largest` is the size of the largest
    message in bytes, `beyond_ascii` the number of addresses that need SMTPUTF8.
    """

    def __init__(
        self,
        job: Job,
        edition: str,
        columns: tuple[str, ...],
        branches: Branches,
        *,
        limit: int = 0,
        keep: Collection[str] = frozenset(),
        remarks: Remarks = NO_REMARKS,
        now: float = 0.0,
    ) -> None:
        self._job = job
        self._now = now
        self._times = SendTimeChecks(job)
        self._edition = edition
        self._columns = columns
        self._branches = branches
        self._branch: dict[BranchKey, Branch] = {}
        self._origins = Origins(branches)
        self._facts = Facts.of(job, self._origins.find)
        read = branches.columns_read()
        self._tallies = Tallies()
        self._table = TableChecks(job, columns, read=read, tallies=self._tallies, remarks=remarks)
        self._expressions = ExpressionChecks(branches.doubts, columns)
        shared = named_columns((job.recipients.address, *job.recipients.group_by), columns)
        self._groups = GroupChecks(branches.first_row_readings(), columns, shared)
        self._selection = Selection(columns, read=read, limit=limit, keep=keep)
        self._unmade = 0
        self.largest = 0
        self.beyond_ascii = 0

    def row(self, recipient: Recipient) -> None:
        """See a row of the table."""
        self._table.row(recipient)
        self._times.row(recipient)
        self._expressions.row(recipient)
        if recipient.status == "pending" and not recipient.address.isascii():
            self.beyond_ascii += 1

    def see(self, inspected: Inspected) -> tuple[Finding, ...]:
        """See a message, or the error that prevents the message; count and return the findings."""
        findings, error = self.findings(inspected), inspected.error
        if inspected.content is None:
            self._unmade += 1
            for finding in findings:
                self._tallies.add(finding, len(inspected.delivery.unsettled))
        else:
            self._tallies.add_all(findings)
        if inspected.message is not None:
            self.largest = max(self.largest, inspected.message.size)
        if not inspected.taken <= self._branch.keys():
            self._branch = {branch.key: branch for branch in self._branches.known()}
        self._selection.see(
            inspected.delivery,
            content=inspected.content,
            taken={key: self._branch[key] for key in sorted(inspected.taken)},
            findings=findings,
            error=str(error) if error is not None else None,
        )
        return findings

    def chosen(self) -> list[Chosen]:
        """Return the deliveries worth looking at, in the order of the table, with the reasons."""
        return self._selection.choose()

    def findings(self, inspected: Inspected) -> tuple[Finding, ...]:
        """Return the findings of one message, or of the error that prevents it; count nothing."""
        if inspected.content is not None:
            found = check_message(inspected.content, self._facts)
            if inspected.message is not None:
                found += check_size(inspected.message)
            return (*found, *self._groups.findings(inspected.delivery))
        if inspected.error is None:
            return ()
        row = Location(self._job.recipients.shown, inspected.delivery.rows[0].line)
        return (check_error(inspected.error, row),)

    def place_of(self, text: str) -> Location | None:
        """Return the place of a text in the templates, where it stands in one literally."""
        return self._origins.find(text)

    def written(self, text: str) -> str:
        """Return the beginning of a text, or all of it, that stands at that place."""
        return self._origins.written(text)

    def unreached(self) -> tuple[Branch, ...]:
        """Return the written branches that no message takes."""
        return tuple(
            branch
            for branch in self._branches.known()
            if branch.written and branch.key not in self._selection.branches
        )

    def overview(
        self,
        counts: Mapping[str, int],
        *,
        complete: bool = True,
        edition: Iterable[Finding] = (),
        letters: tuple[int, int] = (0, 0),
        repeats: Iterable[Repeated] = (),
    ) -> Overview:
        """Return the mailing as a whole; `counts` are its recipients by status.

        `edition` are findings of the edition, `letters` the number of addresses with several
        messages, and of these messages; `repeats` are duplicates with cells of their own.

        Without `complete` only some messages were seen: unreached branches, unused columns and the
        findings of the table as a whole are left out.
        """
        tallies = self._tallies
        tallies.add_all(edition)
        unreached: tuple[tuple[Location, str, str], ...] = ()
        if complete:
            for finding in check_job(self._job):
                tallies.add(finding)
            sources = self._branches.sources()
            tallies.add_all(check_templates(self._job, sources, self._columns))
            tallies.add_all(check_strays(self._branches.strays(), sources))
            tallies.add_all(self._expressions.findings())
            for finding, count in self._table.summary(counts):
                tallies.add(finding, count)
            for finding, count in self._times.findings(self._now):
                tallies.add(finding, count)
            for finding, count in self._table.letters(*letters):
                tallies.add(finding, count)
            for finding in self._table.repeats(repeats):
                tallies.add(finding)
            if self._selection.seen:
                unreached = tuple(
                    (branch.location, branch.label, branch.words) for branch in self.unreached()
                )
                for place, label, _ in unreached:
                    tallies.add(Finding("MB118", label, f"{place} {label}", place))
        return Overview(
            job=self._job.name,
            edition=self._edition,
            sender=self._job.sender.from_,
            counts=dict(counts),
            messages=self._selection.seen,
            made=self._selection.seen - self._unmade,
            domains=self._table.domains,
            unreached=unreached,
            unused=self._table.unused if complete else (),
            tallies=tallies.result(),
        )
