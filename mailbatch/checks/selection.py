"""The selection of deliveries worth looking at: every branch of the templates, extremes, oddities.

Deliveries are seen once, in the order of the table; few are kept. The choice is a function of the
deliveries seen: two previews of the same files show the same rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from mailbatch.checks.codes import CODES, Severity, severity_of
from mailbatch.checks.findings import Finding
from mailbatch.envelope import Delivery
from mailbatch.render.message import Content
from mailbatch.render.tracing import Branch

_MOST_ERRORS = 10
_MOST_LABELS = 3
#: The ranks of the chosen deliveries, the first kept first.
_ERROR, _BRANCH, _WARNING, _VALUE, _SHAPE, _FILLER = range(6)


def _elsewhere(branch: Branch) -> str:
    """Return the words for a branch whose condition has none: the place."""
    if branch.location.line is None:
        return f"another part of {branch.location.path}"
    return f"another part, line {branch.location.line} of {branch.location.path}"


def _found(code: str) -> str:
    title = CODES[code].title.replace("`", "")
    return f"check: {title[0].lower()}{title[1:]}" if title[1:2].islower() else f"check: {title}"


@dataclass(slots=True)
class Chosen:
    """A delivery that is worth looking at, with the reasons in words (`longest first_name`).

    `rank` decides between too many, `order` is the place among all deliveries, from 1.
    """

    delivery: Delivery
    rank: int
    order: int
    reasons: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Spread:
    """The smallest and the largest value of one measure, each with the first delivery."""

    rank: int
    largest: str
    smallest: str | None
    most: int
    least: int
    at_most: tuple[Delivery, int]
    at_least: tuple[Delivery, int]

    def ends(self) -> Iterator[tuple[str, tuple[Delivery, int]]]:
        """Yield the deliveries at both ends, each with the reason to look at it."""
        yield self.largest, self.at_most
        if self.smallest is not None:
            yield self.smallest, self.at_least


class Selection:
    """Chooses deliveries one by one, as the table gives them.

    `columns` are the columns of the table, `read` those that templates read. `limit` bounds the
    choice; `keep` are keys of deliveries that are chosen on top of the limit. `branches` are the
    keys of all branches taken so far, `seen` is the number of deliveries.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        *,
        read: frozenset[str],
        limit: int,
        keep: Collection[str] = frozenset(),
    ) -> None:
        self._read = [(i, name) for i, name in enumerate(columns) if name in read]
        self._limit = limit
        self._keep = frozenset(keep)
        self._chosen: dict[int, Chosen] = {}
        self._spreads: dict[str, _Spread] = {}
        self._first: set[object] = set()
        self._errors = 0
        self._sample: list[tuple[int, Delivery]] = []
        self._stride = 1
        self.branches: set[tuple[str, int]] = set()
        self.seen = 0

    def see(
        self,
        delivery: Delivery,
        *,
        content: Content | None,
        taken: dict[tuple[str, int], Branch],
        findings: Iterable[Finding],
        error: str | None = None,
    ) -> None:
        """See a delivery with the branches taken and the findings.

        `error` is the text of the error that prevents the message; then `content` is None.
        """
        self.seen += 1
        if delivery.key in self._keep:
            self._choose(delivery, _ERROR, None)
        if error is not None:
            self._error(delivery, error)
        self._branches(delivery, taken)
        for finding in findings:
            if severity_of(finding.code) is Severity.WARNING and self._is_first(finding.code):
                self._choose(delivery, _WARNING, self._not_first(_found(finding.code)))
        self._values(delivery)
        self._shape(delivery, content)
        self._fill(delivery)

    def choose(self) -> list[Chosen]:
        """Return the chosen deliveries in the order of the table: `limit` of them, and `keep`."""
        for spread in self._spreads.values():
            if spread.least < spread.most:  # values of one size need no look
                for reason, (delivery, order) in spread.ends():
                    self._choose(delivery, spread.rank, reason, order)
        others = sum(one.delivery.key not in self._keep for one in self._chosen.values())
        for order, delivery in self._sample:
            if self._keep or others >= self._limit:
                break  # a comparison is not filled up: the fillers would seem new
            if delivery.id not in self._chosen:
                others += 1
                self._choose(delivery, _FILLER, None, order)
        ranked = sorted(self._chosen.values(), key=lambda chosen: (chosen.rank, chosen.order))
        kept = [chosen for chosen in ranked if chosen.delivery.key in self._keep]
        rest = [chosen for chosen in ranked if chosen.delivery.key not in self._keep]
        return sorted([*kept, *rest[: self._limit]], key=lambda chosen: chosen.order)

    def _not_first(self, reason: str) -> str | None:
        """Return a reason; None for the first delivery, which is the first in too many ways."""
        return reason if self.seen > 1 else None

    def _is_first(self, fact: object) -> bool:
        if fact in self._first:
            return False
        self._first.add(fact)
        return True

    def _choose(
        self, delivery: Delivery, rank: int, reason: str | None, order: int | None = None
    ) -> None:
        chosen = self._chosen.get(delivery.id)
        if chosen is None:
            chosen = Chosen(delivery, rank, self.seen if order is None else order)
            self._chosen[delivery.id] = chosen
        chosen.rank = min(chosen.rank, rank)
        if reason is not None and reason not in chosen.reasons:
            chosen.reasons.append(reason)

    def _error(self, delivery: Delivery, error: str) -> None:
        if self._errors < _MOST_ERRORS and self._is_first(("error", error)):
            self._errors += 1
            self._choose(delivery, _ERROR, None)

    def _branches(self, delivery: Delivery, taken: dict[tuple[str, int], Branch]) -> None:
        new = [branch for key, branch in taken.items() if key not in self.branches]
        if not new:
            return
        self.branches.update(taken)
        reasons = list(dict.fromkeys(branch.words or _elsewhere(branch) for branch in new))
        if len(reasons) > _MOST_LABELS:
            reasons = [*reasons[:_MOST_LABELS], "other parts of the letter"]
        self._choose(delivery, _BRANCH, None)
        for reason in reasons:
            self._choose(delivery, _BRANCH, self._not_first(reason))

    def _values(self, delivery: Delivery) -> None:
        values = delivery.rows[0].values
        for index, name in self._read:
            cell = values[index]
            if not cell.strip():
                if self._is_first(("empty", index)):
                    self._choose(delivery, _VALUE, f"{name} is empty")
                continue
            self._spread(f"longest {name}", f"shortest {name}", len(cell), delivery, _VALUE)
            if not cell.isascii() and self._is_first(("beyond", index)):
                self._choose(delivery, _VALUE, f"special letters in {name}")

    def _shape(self, delivery: Delivery, content: Content | None) -> None:
        self._spread("most rows", None, len(delivery.rows), delivery, _SHAPE)
        self._spread("most recipients", None, len(delivery.addresses), delivery, _SHAPE)
        if content is not None:
            size = len(content.html or "") + len(content.text or "")
            self._spread("longest message", None, size, delivery, _SHAPE)
            self._spread("longest subject", None, len(content.subject), delivery, _SHAPE)

    def _spread(
        self, most: str, least: str | None, size: int, delivery: Delivery, rank: int
    ) -> None:
        spread = self._spreads.get(most)
        at = (delivery, self.seen)
        if spread is None:
            self._spreads[most] = _Spread(rank, most, least, size, size, at, at)
        elif size > spread.most:
            spread.most, spread.at_most = size, at
        elif size < spread.least:
            spread.least, spread.at_least = size, at

    def _fill(self, delivery: Delivery) -> None:
        """Keep evenly spaced deliveries; the number of all is not known before the end."""
        if (self.seen - 1) % self._stride:
            return
        self._sample.append((self.seen, delivery))
        if len(self._sample) > 2 * self._limit:
            self._sample = self._sample[::2]
            self._stride *= 2
