"""The data of the list: some thousand recipients in a script file each, as columns.

    recipients/0001.js      mailbatchRecipients(1, {"email": [...], "status": [...], ...})

A page of file: may fetch nothing, but it may load scripts. Columns are a third shorter than
objects, and texts that recipients share stand there once, so that the browser holds 100,000
recipients and searches them all. This module must never write a text that is longer than the page
shows.

Tests: tests/reports_page/test_writing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailbatch.ledger.rows import ResultRow
from mailbatch.look.markup import script
from mailbatch.outcome import Status
from mailbatch.reports.standings import RecipientStanding
from mailbatch.reports_page.figures import Counted
from mailbatch.reports_page.reasons import LONGEST_CODE, shortened

RECIPIENTS_A_FILE = 5_000
#: Characters of a text and of an address; `reports show --csv` has the whole texts.
LONGEST_TEXT = 300
LONGEST_ADDRESS = 320

#: A recipient of the list: the row, the standing, and the headings of both.
Listed = tuple[ResultRow, RecipientStanding | None, Counted]


def list_file(number: int, recipients: Sequence[Listed]) -> str:
    """Return a script with recipients as columns, `number` counting from 1.

    `text` numbers the texts in `texts`; `at` is in seconds since the epoch, 0 for no time.
    """
    texts: dict[str, int] = {}
    columns: dict[str, list[Any]] = {
        name: [] for name in ("email", "status", "event", "kind", "fate", "code", "text", "at",
                              "opens", "clicks", "reason")
    }  # fmt: skip
    for row, standing, counted in recipients:
        cells = _cells(row, standing, counted)
        cells["text"] = texts.setdefault(cells["text"], len(texts))
        for name, value in cells.items():
            columns[name].append(value)
    return script("mailbatchRecipients", number, {**columns, "texts": list(texts)})


def _cells(row: ResultRow, standing: RecipientStanding | None, counted: Counted) -> dict[str, Any]:
    code, text, at = row.enhanced_status or str(row.reply_code or ""), _reply(row), row.settled_at
    if row.status is Status.ACCEPTED:  # a server that accepts has nothing to say
        code = text = ""
    event = kind = ""
    if standing is not None and standing.event is not None:
        event, kind = str(standing.event), str(standing.kind or "")
        code, text, at = standing.code, standing.text, standing.reported_at
    return {
        "email": shortened(row.email, LONGEST_ADDRESS),
        "status": row.status,
        "event": event,
        "kind": kind,
        "fate": counted.fate or "",
        "code": shortened(code, LONGEST_CODE),
        "text": shortened(text, LONGEST_TEXT),
        "at": 0 if at is None else int(at),
        "opens": standing.opens if standing is not None else 0,
        "clicks": standing.clicks if standing is not None else 0,
        "reason": -1 if counted.reason is None else counted.reason,
    }


def _reply(row: ResultRow) -> str:
    return row.reply or row.reason or ""
