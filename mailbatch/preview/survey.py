"""The survey of a mailing: every row and every message is looked at once, and little is kept.

`mailbatch check` and `mailbatch preview` make the same survey, so both say the same. It renders
nothing itself: whoever has the messages shows them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from mailbatch.envelope import Delivery, Recipient
from mailbatch.errors import InputError, Location
from mailbatch.preview.checks import Facts, check_error, check_job, check_message
from mailbatch.preview.entry import Entry, Finding, Overview
from mailbatch.preview.places import Places
from mailbatch.preview.table_checks import TableChecks
from mailbatch.preview.tallies import Tallies
from mailbatch.preview.telling import Chosen, Telling
from mailbatch.render.branches import Branches
from mailbatch.render.message import BranchKey, Content, Message
from mailbatch.render.tracing import Branch

if TYPE_CHECKING:
    from mailbatch.job.model import Job


class Survey:
    """What is known of a mailing after its rows and messages were shown to it.

    `limit` is how many deliveries `chosen` gives; `keep` are keys that it gives in
    any case.
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
    ) -> None:
        self._job = job
        self._edition = edition
        self._columns = columns
        self._branches = branches
        self._branch: dict[BranchKey, Branch] = {}
        self._facts = Facts.of(job, Places(branches).find)
        read = branches.columns_read()
        self._tallies = Tallies()
        self._table = TableChecks(
            job.recipients.shown,
            columns,
            address=job.recipients.address,
            read=read,
            tallies=self._tallies,
        )
        self._telling = Telling(columns, read=read, limit=limit, keep=keep)
        self._failures: dict[int, InputError] = {}
        self.largest = 0
        self.beyond_ascii = 0

    def row(self, recipient: Recipient) -> None:
        """Look at a row of the table."""
        self._table.row(recipient)
        if recipient.status == "pending" and not recipient.address.isascii():
            self.beyond_ascii += 1

    def see(
        self,
        delivery: Delivery,
        message: Message | None,
        content: Content | None,
        error: InputError | None,
        taken: frozenset[BranchKey],
    ) -> tuple[Finding, ...]:
        """Look at a message, or at the error that prevents it; return what the checks find.

        `taken` are the branches of the templates that the delivery takes.
        """
        findings = self._findings(delivery, content, error)
        if content is None:
            for finding in findings:
                self._tallies.add(finding, len(delivery.unsettled))
        else:
            self._tallies.add_all(findings)
        if message is not None:
            self.largest = max(self.largest, message.size)
        if not taken <= self._branch.keys():
            self._branch = {branch.key: branch for branch in self._branches.known()}
        self._telling.see(
            delivery,
            content=content,
            taken={key: self._branch[key] for key in sorted(taken)},
            findings=findings,
            error=str(error) if error is not None else None,
        )
        return findings

    def chosen(self) -> list[Chosen]:
        """Return the deliveries worth looking at, in the order of the table, with the reasons."""
        return self._telling.choose()

    def entry(
        self,
        delivery: Delivery,
        message: Message | None,
        content: Content | None,
        error: InputError | None,
        *,
        findings: tuple[Finding, ...] | None = None,
        telling: Sequence[str] = (),
    ) -> Entry:
        """Return a message for the gallery; without `content`, `error` says why there is none.

        `findings` are what `see` returned for it, if it was shown to the survey just now.
        """
        first = delivery.rows[0]
        names = self._job.recipients.group_by
        several = len(delivery.addresses) > 1
        if findings is None:
            findings = self._findings(delivery, content, error)
        return Entry(
            key=delivery.key,
            addresses=delivery.addresses,
            line=first.line,
            content=content,
            source=message.content if message is not None else b"",
            reverse_path=message.reverse_path if message is not None else "",
            copies=message.copies if message is not None else (),
            group=tuple(zip(names, first.group, strict=True)) if first.group is not None else (),
            values=() if several else tuple(zip(self._columns, first.values, strict=True)),
            findings=findings,
            telling=tuple(telling),
            error=str(error) if error is not None else None,
        )

    def _findings(
        self, delivery: Delivery, content: Content | None, error: InputError | None
    ) -> tuple[Finding, ...]:
        if content is not None:
            return check_message(content, self._facts)
        row = Location(self._job.recipients.shown, delivery.rows[0].line)
        return (check_error(error, row),) if error is not None else ()

    def unreached(self) -> tuple[Branch, ...]:
        """Return the written branches that no message takes."""
        return tuple(
            branch
            for branch in self._branches.known()
            if branch.written and branch.key not in self._telling.branches
        )

    def overview(self, counts: Mapping[str, int], *, complete: bool = True) -> Overview:
        """Return the mailing as a whole; `counts` are its recipients by status.

        Without `complete` only some messages were shown: nothing is said about what none of them
        did.
        """
        tallies = self._tallies
        unreached: tuple[tuple[Location, str], ...] = ()
        if complete:
            for finding in check_job(self._job):
                tallies.add(finding)
            for finding, count in self._table.summary(counts):
                tallies.add(finding, count)
            if self._telling.seen:
                unreached = tuple((branch.location, branch.label) for branch in self.unreached())
                for place, label in unreached:
                    tallies.add(Finding("MB118", label, f"{place} {label}", place))
        return Overview(
            job=self._job.name,
            edition=self._edition,
            sender=self._job.sender.from_,
            counts=dict(counts),
            messages=self._telling.seen,
            domains=self._table.domains,
            unreached=unreached,
            unused=self._table.unused if complete else (),
            tallies=tallies.result(),
        )
