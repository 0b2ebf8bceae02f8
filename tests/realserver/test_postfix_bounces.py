"""A bounce that Postfix wrote, read from a mailbox: the right recipient, code and kind."""

from __future__ import annotations

import pytest
import yaml

from mailbatch.ledger.store import Ledger
from mailbatch.report_token import token_of
from mailbatch.reports.mailboxes import bodies_in
from mailbatch.reports.mailed import MailedEdition
from mailbatch.reports.reading import read_body
from mailbatch.reports.report import Event, Kind
from mailbatch.reports.standings import Standings
from mailbatch.reports.store import Body, Origin, ReportStore
from tests.realserver.test_postfix import scene_at
from tests.support.waiting import until

pytestmark = pytest.mark.realserver

GONE, FINE = "gone@refused.example", "fine@example.net"


def test_a_bounce_of_postfix_finds_its_recipient(tmp_path, postfix_server):
    scene = scene_at(tmp_path, postfix_server.port)
    job = yaml.safe_load(scene.job.read_text())
    job["sender"] = {
        "from": "News <news@sender.example>",
        "envelope_from": "bounces@sender.example",
    }
    scene.job.write_text(yaml.safe_dump(job))
    scene.write_recipients([FINE, GONE])
    assert scene.run().exit_code == 0
    until(postfix_server.mailbox.exists, what="the bounce")
    until(lambda: b"Message-ID" in postfix_server.mailbox.read_bytes(), what="the whole bounce")
    with (
        ReportStore(tmp_path / "reports.sqlite3") as store,
        Ledger.read(scene.ledger) as ledger,
        MailedEdition(ledger.standing.attempted_rows()) as mailed,
    ):
        store.keep(
            Body(found.content, Origin.READ, 1795950000.0, found.place)
            for found in bodies_in(postfix_server.mailbox)
        )
        store.read_kept()
        standings = Standings(mailed)
        assert standings.join(store, most_missed=1) == []
        (found,) = standings
    assert (found.address, found.event, found.kind) == (GONE, Event.BOUNCED, Kind.HARD)
    assert (found.code, found.suppresses) == ("5.1.1", True)


PLUS = "gone+by=far@refused.example"


def test_a_notification_that_was_asked_for_has_the_token_and_the_address(tmp_path, postfix_server):
    """RFC 3461: ENVID and ORCPT come back decoded, and RET=HDRS brings header fields alone."""
    scene = scene_at(tmp_path, postfix_server.port)
    job = yaml.safe_load(scene.job.read_text())
    job["sender"] = {
        "from": "News <news@sender.example>",
        "envelope_from": "bounces@sender.example",
    }
    job["reports"] = {"dsn": ["failure", "delay"]}
    scene.job.write_text(yaml.safe_dump(job))
    scene.write_recipients([FINE, PLUS])
    assert scene.run().exit_code == 0
    (token,) = {
        token_of(row["header_message_id"]) for row in scene.results() if row["email"] == PLUS
    }

    def bounces():
        """The bounces that name the message, in a mailbox that other tests share."""
        named = f"Original-Envelope-Id: {token}\n".encode()
        mailbox = postfix_server.mailbox
        found = bodies_in(mailbox) if mailbox.exists() else ()
        return [one for one in found if named in one.content and b"Message-ID: " in one.content]

    until(bounces, what="the whole bounce")
    (found,) = bounces()
    assert b"Content-Type: text/rfc822-headers" in found.content
    (report,) = read_body(found.content, received=1795950000.0)
    assert (report.event, report.token, report.recipient) == (Event.BOUNCED, token, PLUS)
