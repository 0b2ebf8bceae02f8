"""The results of an edition with what the reports of its messages tell."""

import csv
from contextlib import contextmanager

from mailbatch.outcome import Reply, Status
from mailbatch.reports.mailed import MailedEdition
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.standings import Standings
from mailbatch.reports.store import Body, Origin, ReportStore
from mailbatch.results.file import write_results
from tests.ledger.steps import NOW, lease_one, people, plan, row, send, settle
from tests.results.rows import NAMES, mixed


@contextmanager
def standings_of(ledger, reports, folder):
    path = folder / "reports.sqlite3"
    with (
        ReportStore(path, read=lambda *_: tuple(reports)) as store,
        MailedEdition(ledger.standing.attempted_rows()) as mailed,
    ):
        store.keep([Body(b"", Origin.READ, NOW + 60)])
        store.read_kept()
        standings = Standings(mailed)
        standings.join(store)
        yield standings


def written(ledger, reports, folder):
    with standings_of(ledger, reports, folder) as standings:
        write_results(ledger, folder / "results.csv", standings)
    with (folder / "results.csv").open(newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


def told(event, address, ours, kind=None, **more):
    return Report(event=event, kind=kind, source=Source.INFOBIP, recipients=(address,),
                  header_message_id=ours, **more)  # fmt: skip


def facts(found):
    return [found[name] for name in NAMES[14:21]]


def test_a_row_has_the_strongest_report_and_keeps_its_status(ledger, tmp_path):
    mixed(ledger)
    ours = {one.email: one.header_message_id for one in ledger.standing.attempted_rows()}
    reports = [
        told(Event.DELIVERED, "acc@x.org", ours["acc@x.org"], at=NOW + 5),
        told(Event.BOUNCED, "ACC@x.org", ours["acc@x.org"], Kind.HARD, at=NOW + 9, code="5.1.1",
             text="=no, such user"),
        told(Event.OPENED, "left@x.org", ours["left@x.org"], said="1"),
        told(Event.OPENED, "left@x.org", ours["left@x.org"], said="2"),
        told(Event.COMPLAINED, "new@x.org", "stranger@example.net"),
    ]  # fmt: skip
    before = [tuple(one) for one in ledger.standing.result_rows()]
    rows = written(ledger, reports, tmp_path)
    by_line = {one["row"]: one for one in rows}
    assert by_line["2"]["status"] == "accepted"
    assert facts(by_line["2"]) == [
        "bounced", "hard", "5.1.1", "'=no, such user", "2023-11-14T22:13:29Z", "0", "0",
    ]  # fmt: skip
    assert facts(by_line[""]) == ["", "", "", "", "2023-11-14T22:14:20Z", "2", "0"]
    others = [one for one in rows if one["row"] not in {"2", ""}]
    assert {tuple(facts(one)) for one in others} == {("",) * 7}
    assert [tuple(one) for one in ledger.standing.result_rows()] == before


def test_every_row_of_a_recipient_has_the_report(ledger, tmp_path):
    """An invoice of two rows is one message to one address."""
    rows = [row(n, "a@x.org", str(n), group=("a@x.org",)) for n in (2, 3)]
    plan(ledger, rows, columns=("email", "n"), group_by=("email",))
    send(ledger)
    ours = next(ledger.standing.attempted_rows()).header_message_id
    found = written(ledger, [told(Event.DELIVERED, "a@x.org", ours)], tmp_path)
    assert [(one["row"], one["report"]) for one in found] == [
        ("2", "delivered"),
        ("3", "delivered"),
    ]


def test_without_a_report_of_the_edition_the_file_is_that_without_a_store(ledger, tmp_path):
    plan(ledger, people("a@x.org", "b@x.org"))
    settle(ledger, lease_one(ledger), Status.ACCEPTED, reply=Reply(250, ("ok",)))
    write_results(ledger, tmp_path / "without.csv")
    written(ledger, [told(Event.DELIVERED, "a@x.org", "stranger@example.net")], tmp_path)
    assert (tmp_path / "results.csv").read_bytes() == (tmp_path / "without.csv").read_bytes()


def test_a_message_id_of_another_form_is_found_by_the_whole_of_it(ledger, tmp_path):
    plan(ledger, people("a@x.org"))
    send(ledger)
    ledger._database.connection.execute("UPDATE delivery SET message_id = 'An.old.form@x.org'")
    found = written(ledger, [told(Event.SENT, "a@x.org", "An.old.form@x.org")], tmp_path)
    assert [one["report"] for one in found] == ["sent"]
