"""Rows of nearly every kind, and the names of the columns as other programs know them."""

from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Reply, Status
from tests.ledger.steps import LATER, NEVER, NOW, lease_one, people, plan, row, settle

NAMES = [
    "row",
    "email",
    "status",
    "message_id",
    "reply_code",
    "enhanced_status",
    "reply",
    "attempts",
    "group",
    "edition",
    "header_message_id",
    "first_attempt_at",
    "settled_at",
    "reason",
    "report",
    "report_kind",
    "report_code",
    "report_text",
    "reported_at",
    "opens",
    "clicks",
    "server",
]


def mixed(ledger: Ledger) -> None:
    """One row of nearly every kind; the row in line 3 leaves the table at the end."""
    rows = [
        *people("acc@x.org", "left@x.org", "rej@x.org", "def@x.org", "new@x.org", "doubt@x.org"),
        row(8, "acc@x.org"),
        row(9, "sup@x.org", status="suppressed", reason="on unsubscribed.csv"),
        row(10, "not an address", status="invalid", reason="no @"),
        row(11, "fil@x.org", status="filtered", reason="where is false"),
    ]
    plan(ledger, rows)
    for name, status, reply in (
        ("acc", Status.ACCEPTED, Reply(250, ("Message queued as 7f-1",), "2.6.0")),
        ("left", Status.ACCEPTED, Reply(250, ("Ok: queued as D620820C041",), "2.0.0")),
        ("rej", Status.REJECTED, NEVER),
        ("def", Status.DEFERRED, LATER),
        ("doubt", Status.IN_DOUBT, None),
    ):
        delivery = lease_one(ledger, address=f"{name}@x.org")
        settle(ledger, delivery, status, reply=reply, now=NOW + 1.9)
    plan(ledger, [row for row in rows if row.line != 3])
