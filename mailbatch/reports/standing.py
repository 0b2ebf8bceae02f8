"""The standing of a recipient: the strongest report stands, not the last one.

Reports come in any order and more than once: a "delivered" that arrives behind a complaint must not
take the place of the complaint. So each pair of event and kind has a rank, reports of equal rank
are ordered by reply, time and words, and any order and any repetition gives the same standing.
Opens and clicks are counted beside the standing. This module must never look at the time of
arrival, nor at a ledger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailbatch.frozen import frozen
from mailbatch.reports.report import Event, Kind, Report

#: Event and kind, the strongest first. A bounce stands above a delivery, because servers call an
#: expansion of an alias "delivered" and refuse behind it. `deferred` stands above `sent`, because
#: Amazon SES tells "sent" of every message before anything else; `sent` ends no story.
ORDER: tuple[tuple[Event, Kind | None], ...] = (
    (Event.COMPLAINED, None),
    (Event.UNSUBSCRIBED, None),
    (Event.BOUNCED, Kind.HARD),
    (Event.BOUNCED, Kind.LATE),
    (Event.BOUNCED, Kind.UNKNOWN),
    (Event.BOUNCED, Kind.SOFT),
    (Event.DELIVERED, None),
    (Event.REJECTED, None),
    (Event.FAILED, None),
    (Event.DEFERRED, None),
    (Event.SENT, None),
    (Event.QUEUED, None),
)
#: Events that are counted beside the standing and never are one.
COUNTED = frozenset({Event.OPENED, Event.CLICKED})

_RANK = {place: len(ORDER) - number for number, place in enumerate(ORDER)}
_PLACES = {rank: place for place, rank in _RANK.items()}
#: The characters of a strength for the rank, and for all that stands before the code.
_RANK_LENGTH, _HEAD_LENGTH = 2, 24
#: A reply code of a server (RFC 5321 4.2) among the words of a text with a space around; a
#: provider's own name of an error has none.
_REPLY = re.compile(" [245][0-9][0-9][ -]")
#: `has_reply` as an expression of SQLite, for a row `r` of the table of reports.
HAS_REPLY_SQL = "(' ' || r.text || ' ' GLOB '* [245][0-9][0-9][ -]*')"
#: Seconds: no time of a report is older.
_BEFORE_THE_EPOCH = 1e6
_BEFORE_ALL_TIMES = -_BEFORE_THE_EPOCH


@frozen
class Standing:
    """Where a recipient stands: the report that stands, and the opens and clicks beside.

    `report` is None where there are opens and clicks alone. `opens` and `clicks` are counts.
    """

    report: Report | None = None
    opens: int = 0
    clicks: int = 0


def strength(report: Report) -> str:
    """Return the strength of a report: a text that sorts by its code points.

    The rank of its event and kind decides; then a code that speaks of the address, the words of the
    refusing server, the later time, the code and the text, so that two reports of equal strength
    say the same.

    Example:
        >>> from mailbatch.reports.report import Source
        >>> name, reply = "EC_HARD_BOUNCE: Hard bounce", "EC_HARD_BOUNCE: 550 5.1.1 unknown user"
        >>> pulled = Report(event=Event.REJECTED, source=Source.INFOBIP, text=name, at=9.0)
        >>> posted = Report(event=Event.REJECTED, source=Source.INFOBIP, text=reply, at=1.0)
        >>> strength(posted) > strength(pulled)
        True
    """
    at = _BEFORE_ALL_TIMES if report.at is None else report.at
    rank = _RANK.get((report.event, report.kind), 0)
    milliseconds = int((at + _BEFORE_THE_EPOCH) * 1000)
    flags = f"{report.about_address:d}{has_reply(report.text):d}"
    return f"{rank:02d}{flags}{milliseconds:020d}{report.code}\n{report.text}"


def has_reply(text: str) -> bool:
    """Tell whether a text has the reply of a server, as in `EC_HARD_BOUNCE: 550 5.1.1 no such`."""
    return _REPLY.search(f" {text} ") is not None


def _when(place: tuple[Event, Kind | None], rank: int) -> str:
    return f"WHEN '{' '.join(filter(None, place))}' THEN {rank}"


#: `strength` as an expression of SQLite, for a row `r` of the table of reports.
STRENGTH_SQL = (
    "printf('%02d%d%d%020d', CASE r.event || coalesce(' ' || r.kind, '') "
    f"{' '.join(_when(place, rank) for place, rank in _RANK.items())} ELSE 0 END, "
    f"r.about_address, {HAS_REPLY_SQL}, "
    f"CAST((coalesce(r.at, {_BEFORE_ALL_TIMES}) + {_BEFORE_THE_EPOCH}) * 1000 AS INTEGER)) "
    "|| r.code || char(10) || r.text"
)


def told_by(strength: str) -> tuple[Event | None, Kind | None, str, str]:
    """Return event, kind, code and text of a strength; an event that is counted gives None.

    >>> from mailbatch.reports.report import Source
    >>> told_by(strength(Report(event=Event.SENT, source=Source.DSN, code="2.0.0")))
    (<Event.SENT: 'sent'>, None, '2.0.0', '')
    """
    event, kind = _PLACES.get(int(strength[:_RANK_LENGTH]), (None, None))
    code, _, text = strength[_HEAD_LENGTH:].partition("\n")
    return event, kind, code, text


def _strength(report: Report) -> tuple[str, bytes]:
    return strength(report), report.identity


def standing_of(reports: Iterable[Report]) -> Standing:
    """Return the standing that reports of one recipient give, in any order.

    Example:
        >>> from mailbatch.reports.report import Source
        >>> early = Report(event=Event.DELIVERED, source=Source.INFOBIP, at=10.0)
        >>> late = Report(event=Event.BOUNCED, kind=Kind.LATE, source=Source.INFOBIP)
        >>> standing_of([late, early]).report is late
        True
    """
    told = {report.identity: report for report in sorted(reports, key=_strength)}.values()
    standing = [report for report in told if report.event not in COUNTED]
    return Standing(
        report=max(standing, key=_strength, default=None),
        opens=sum(report.event is Event.OPENED for report in told),
        clicks=sum(report.event is Event.CLICKED for report in told),
    )
