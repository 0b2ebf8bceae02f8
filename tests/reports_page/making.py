"""Recipients for the tests of the page: rows of the results, each with its standing."""

from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status
from mailbatch.reports.report import Event, Kind
from mailbatch.reports.standings import RecipientStanding
from mailbatch.reports_page.figures import About
from mailbatch.reports_page.writing import write_page

#: Friday, 27 November 2026, 08:00 UTC, on the hour.
BEGUN = 1_795_766_400
HOUR = 3600

#: Texts that would like to be markup, or to be read the other way round.
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(1)>",
    "\"'><b>bold</b>",
    "\u202egro.elpmaxe@ada\u2066",
    "\u2028\u2029\x85\udc80\x00\x1b[2J",
)


def about(**more):
    given = {"job": "letter", "edition": "2026-W48", "as_of": BEGUN + 30 * HOUR}
    return About(**(given | more))


def row(email="ada@example.org", status=Status.ACCEPTED, **more):
    attempted = status not in {
        Status.PENDING, Status.INVALID, Status.SUPPRESSED, Status.FILTERED, Status.DUPLICATE,
    }  # fmt: skip
    given = {
        "row": 2, "email": email, "status": status, "message_id": None,
        "reply_code": 250 if status is Status.ACCEPTED else None, "enhanced_status": None,
        "reply": "queued" if status is Status.ACCEPTED else None, "attempts": int(attempted),
        "group": None, "edition": "2026-W48",
        "header_message_id": "m@example.com" if attempted else None,
        "first_attempt_at": BEGUN if attempted else None,
        "settled_at": BEGUN + 1 if attempted else None, "reason": None, "server": None,
    }  # fmt: skip
    return ResultRow(**(given | more))


def rejected(email="eve@example.org", reply="no such user", code="5.1.1"):
    return row(email, Status.REJECTED, reply_code=550, enhanced_status=code, reply=reply)


def standing(event=Event.DELIVERED, kind=None, *, at=BEGUN + 60, code="", text="", **more):
    given = {"suppresses": False, "opens": 0, "clicks": 0} | more
    return RecipientStanding(1, "ada@example.org", event, kind, code, text, at, **given)


def bounced(kind=Kind.HARD, *, code="5.1.1", text="550 5.1.1 no such user", **more):
    return standing(Event.BOUNCED, kind, code=code, text=text, **more)


def write(folder, recipients, **more):
    write_page(folder, about(**more), recipients)
    return folder
