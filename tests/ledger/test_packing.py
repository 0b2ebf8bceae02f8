"""A finished ledger is packed: fewer bytes, and every answer as before."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mailbatch.identity import Identity
from mailbatch.ledger.message_names import form_of, packed_name
from mailbatch.ledger.packing import pack
from mailbatch.ledger.ports import CommitPoint, Settlement
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status

from .steps import LATER, NEVER, NOW, by_row, numbers, open_ledger, people, plan, row, settle

DIGEST = bytes(range(32))


def queued(number, text="Ok: queued as 4dKm{:06}"):
    return Reply(250, (text.format(number),), "2.0.0")


def said(text):
    return Reply(250, (text,), "2.0.0")


#: The replies of accepted singles: of one form, of one text, of a form of its own, and such as no
#: form can be made of.
REPLIES = [
    *map(queued, range(4)), said("Ok"), said("Ok"), said("Ok: queued as other by us"),
    said("Ok: queued as 4dKm\x1e by \x1e"), said("Ok: queued as 4dKm\x1e by \x1e"),
    *(queued(number, "Ok: queued as 4dKm{0:06} (4dKm{0:06})") for number in (20, 21)),
]  # fmt: skip


def take(ledger, reply, *, now=NOW, status=Status.ACCEPTED):
    """One attempt of the next delivery, with a digest, as a run makes it."""
    (delivery,) = ledger.leases.lease(1, now=now)
    ledger.records.record((), [CommitPoint(delivery.id, DIGEST)])
    outcomes = [Outcome(address, status, reply) for address in delivery.unsettled]
    ledger.records.record([Settlement(delivery.id, outcomes, now + 0.75, now + 60)], ())
    return delivery


def mixed(path):
    """A ledger with every kind of settled recipient, singles all."""
    ledger = open_ledger(path)
    addresses = [f"{letter}@x.org" for letter in "abcdefghijklmnop"]
    plan(ledger, people(*addresses))
    for number, reply in enumerate(REPLIES):
        take(ledger, reply, now=NOW + number + 0.5)
    take(ledger, NEVER, status=Status.REJECTED)
    take(ledger, LATER, status=Status.DEFERRED)
    take(ledger, queued(7), now=NOW + 60)
    take(ledger, queued(8), now=NOW + 70)  # the deferred one, or the next
    while due := ledger.leases.lease(1, now=NOW + 500):
        settle(ledger, due[0], reply=queued(9), now=NOW + 501)
    return ledger


def answers(path):
    """All that anybody can ask of a ledger that is put away."""
    with Ledger.read(path) as ledger, ledger.proof() as proof:
        rows = list(proof.rows())
        keys = [f"{letter}@x.org" for letter in "abcdefghijklmnop"]
        return {
            "results": list(ledger.standing.result_rows()),
            "attempted": list(ledger.standing.attempted_rows()),
            "proof": rows,
            "proved": [
                (one := proof.recipient(row.id)).delivery
                and (one.delivery.message_id, one.delivery.date, one.delivery.rows, one.digest)
                for row in rows
            ],
            "thread": ledger.thread.messages(keys, NOW + 1000),
            "counts": numbers(ledger),
            "letters": ledger.standing.letters(),
        }


def put_away(ledger, path, *, packed=False):
    ledger.plan.mark_finished(NOW + 600)
    ledger.close()
    if packed:
        with open_ledger(path) as again:
            pack(again._database, pages=1)


def sql(path, query):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def test_every_answer_stays(path):
    ledger = mixed(path)
    put_away(ledger, path)
    before = answers(path)
    put_away(open_ledger(path), path, packed=True)
    assert answers(path) == before
    kept = sql(path, "SELECT delivery_id IS NULL, message_id IS NOT NULL, status FROM recipient")
    packed = [status for gone, named, status in kept if gone and named]
    assert set(packed) == {"accepted"}
    assert len(packed) >= len(REPLIES)
    assert (0, 0, "rejected") in kept


def test_replies_of_one_form_are_one_row(path):
    put_away(mixed(path), path, packed=True)
    forms = sql(path, "SELECT text FROM reply WHERE id < 0 ORDER BY id DESC")
    assert ("2.0.0 Ok: queued as \x1e",) not in forms  # code and enhanced status stand apart
    assert ("Ok: queued as \x1e",) in forms
    assert ("Ok",) in forms
    alone = {text for (text,) in sql(path, "SELECT text FROM reply WHERE id > 0")}
    assert "Ok: queued as other by us" in alone
    assert "Ok: queued as 4dKm\x1e by \x1e" in alone


def test_any_sqlite_tool_reads_what_is_packed(path):
    put_away(mixed(path), path, packed=True)
    with Ledger.read(path) as ledger:
        known = {
            row.email: (row.header_message_id, row.reply_code, row.reply)
            for row in ledger.standing.result_rows()
            if row.attempts
        }
    found = sql(path, "SELECT address, message_id, code, reply FROM message")
    assert {address: tuple(rest) for address, *rest in found} == known
    dates = sql(path, "SELECT date FROM message WHERE address = 'a@x.org'")
    assert dates == [(int(NOW),)]


def test_an_edition_goes_on_behind_the_packing(path):
    """New rows get deliveries with new numbers, and are packed to the same forms."""
    put_away(mixed(path), path, packed=True)
    ((highest,),) = sql(path, "SELECT max(id) FROM delivery")
    addresses = [f"{letter}@x.org" for letter in "abcdefghijklmnopqr"]
    with open_ledger(path) as ledger:
        change = plan(ledger, people(*addresses))
        assert (change.rows, change.added) == (18, 2)
        first, second = (take(ledger, queued(number), now=NOW + 700) for number in (50, 51))
        assert min(first.id, second.id) > highest
        ledger.plan.mark_finished(NOW + 800)
        forms = sql(path, "SELECT count(*) FROM reply WHERE id < 0")
        pack(ledger._database, pages=1)
        assert by_row(ledger)[18].reply == "Ok: queued as 4dKm000050"
    assert sql(path, "SELECT count(*) FROM reply WHERE id < 0")[0][0] <= forms[0][0] + 1


def test_a_message_id_of_another_domain_stays_a_text(path):
    ledger = mixed(path)
    put_away(ledger, path, packed=True)
    with open_ledger(path, domain="example.net") as ledger:
        plan(ledger, people(*[f"{letter}@x.org" for letter in "abcdefghijklmnopqrs"]))
        names = [take(ledger, said("Ok"), now=NOW + 700).message_id for _ in range(3)]
        put_away(ledger, path, packed=True)
    with Ledger.read(path) as ledger:
        rows = by_row(ledger)
        assert [rows[line].header_message_id for line in (18, 19, 20)] == names
    assert all(name.endswith("@example.net") for name in names)


def test_copies_and_an_unfinished_edition_stay_as_they_are(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
        for _ in range(2):
            (delivery,) = ledger.leases.lease(1, now=NOW)
            ledger.records.commit_point(delivery.id)
            outcomes = [Outcome(delivery.unsettled[0], Status.ACCEPTED, said("Ok"))]
            if delivery.id == 1:
                outcomes.append(Outcome("boss@x.org", Status.REJECTED, NEVER))
            ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=None)
        ledger.plan.mark_finished(NOW)
        assert not pack(ledger._database, pages=1)
        assert numbers(ledger) == {"accepted": 2, "pending": 1}
        take(ledger, said("Ok"))
        ledger.plan.mark_finished(NOW)
        before = by_row(ledger)
        assert "boss@x.org" in before[2].reason
    with open_ledger(path) as ledger:
        pack(ledger._database, pages=1)
        assert by_row(ledger) == before
    kept = sql(path, "SELECT line FROM recipient WHERE delivery_id IS NOT NULL ORDER BY line")
    assert kept == [(2,), (4,)]  # the one with a copy, and the newest


def test_a_packed_ledger_is_not_scanned_again_until_it_is_finished_anew(path):
    """Every close of a finished edition would look at each row else."""

    def scans(ledger):
        said = []
        ledger._database.connection.set_trace_callback(said.append)
        assert not pack(ledger._database, pages=1)
        ledger._database.connection.set_trace_callback(None)
        return [one for one in said if "recipient" in one]

    ledger = open_ledger(path)
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
    for number in range(3):
        take(ledger, queued(number))
    ledger.plan.mark_finished(NOW + 1)
    assert scans(ledger)
    assert scans(ledger) == []
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org"))
    ledger.plan.reopen_deferred()
    for number in range(3, 5):
        take(ledger, queued(number), now=NOW + 10)
    ledger.plan.mark_finished(NOW + 20)
    assert scans(ledger)
    assert scans(ledger) == []
    packed = "SELECT count(*) FROM recipient WHERE delivery_id IS NULL"
    assert ledger._database.connection.execute(packed).fetchone() == (4,)  # the newest one stays


def test_groups_keep_their_deliveries(path):
    with open_ledger(path) as ledger:
        rows = people("a@x.org", "b@x.org", "c@x.org", group=("de",))
        plan(ledger, rows, group_by=("email",), limit=2)
        while due := ledger.leases.lease(1, now=NOW):
            settle(ledger, due[0])
        ledger.plan.mark_finished(NOW)
        before = by_row(ledger)
        pack(ledger._database, pages=1)
        assert by_row(ledger) == before
    assert sql(path, "SELECT count(*) FROM recipient WHERE message_id IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_further_row_of_a_packed_recipient_has_the_message_of_the_first(path, packed):
    """Rows may get groups behind the end: order lines of a customer who has the message."""
    with open_ledger(path) as ledger:
        columns = ("email", "number")
        rows = [row(line, f"{letter}@x.org", letter) for line, letter in enumerate("abcd", start=2)]
        plan(ledger, rows, columns=columns)
        for number in range(4):
            take(ledger, queued(number), now=NOW + number + 0.5)
        ledger.plan.mark_finished(NOW + 600)
        if packed:
            pack(ledger._database, pages=1)
        rows = [row(line, "b@x.org", "b", group=("north",)) for line in (2, 3)]
        plan(ledger, rows, columns=columns, group_by=("region",), accept_changes=True)
        first, further = (by_row(ledger)[line] for line in (2, 3))
        assert further == first._replace(row=3, group="north")
        assert (further.message_id, further.reply) == ("4dKm000001", "Ok: queued as 4dKm000001")
        assert further.header_message_id.endswith("@example.com")
        # One message, and so one recipient by any key.
        by_number = Identity(("number",), by_address=False)
        rows = [one._replace(key="b") for one in rows]
        plan(ledger, rows, columns=columns, group_by=("region",), identity=by_number)
        assert by_row(ledger)[2] == first
    gone = sql(path, "SELECT delivery_id IS NULL FROM recipient WHERE line = 2")
    assert gone == [(int(packed),)]


def test_two_recipients_of_one_delivery_without_a_group_are_not_touched(path):
    """No plan makes such a ledger; a message must not be told to be two, whatever made it."""
    ledger = mixed(path)
    put_away(ledger, path)
    with open_ledger(path) as ledger:
        with ledger._database.transaction() as connection:
            connection.execute("UPDATE recipient SET delivery_id = 1 WHERE line = 3")
        pack(ledger._database, pages=1)
    assert sql(path, "SELECT count(*) FROM recipient WHERE message_id IS NOT NULL") == [(0,)]


def test_free_pages_are_given_back(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org"))
        ledger.plan.reserve_space(20_000)
        take(ledger, said("Ok"))
        ledger.plan.mark_finished(NOW)
        before = by_row(ledger)
    assert path.stat().st_size < 200_000
    with open_ledger(path) as ledger:
        assert by_row(ledger) == before
        assert ledger._database.fact("finished_at") is not None


def test_a_ledger_that_cannot_be_written_anew_stays_as_it_is(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org"))
        ledger.plan.reserve_space(20_000)
        take(ledger, said("Ok"))
        ledger.plan.mark_finished(NOW)
        reading = ledger._database.connection.execute("SELECT name FROM fact")
        reading.fetchone()  # SQLite writes no file anew while a statement is under way
        assert not pack(ledger._database)
        reading.close()
        assert numbers(ledger) == {"accepted": 1}


def test_a_server_that_never_says_the_same_fills_no_memory(path, monkeypatch):
    monkeypatch.setattr("mailbatch.ledger.packing._FORMS", 2)
    put_away(mixed(path), path)
    before = answers(path)
    put_away(open_ledger(path), path, packed=True)
    assert answers(path) == before


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("0f" * 16 + "@a.example", b"\x0f" * 16),
        ("0f" * 16 + "@b.example", "0f" * 16 + "@b.example"),
        ("0F" * 16 + "@a.example", "0F" * 16 + "@a.example"),
        ("0f" * 15 + "@a.example", "0f" * 15 + "@a.example"),
    ],
)
def test_a_message_id_of_our_form_is_16_bytes(name, packed):
    assert packed_name(name, "a.example") == packed


def test_a_message_id_without_a_domain_stays_a_text():
    """Its bytes would be read with an `@` behind."""
    assert packed_name("0f" * 16, "") == "0f" * 16


def test_a_form_says_the_text_again():
    for text, name in [("Ok x x", "x"), ("Ok", None), ("a\x1e", "a"), ("Ok", "")]:
        form = form_of(text, name)
        assert form.replace("\x1e", name or "\x1e") == text or form == text


def test_a_forgotten_person_is_forgotten_in_what_is_packed(path):
    person = "a@x.org"
    with open_ledger(path) as ledger:
        plan(ledger, people(person, "b@x.org", "c@x.org", "d@x.org"))
        for number in range(4):
            take(ledger, said(f"Ok: queued as a@x.org/{number}"))
        ledger.plan.mark_finished(NOW)
        pack(ledger._database, pages=1)
    with Ledger.reopen(path) as ledger:
        ledger.forgetting().forget(person)
    assert person.encode() not in path.read_bytes()
