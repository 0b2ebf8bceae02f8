"""Corrections over deaths and edits: each recipient gets what is missing, once, and no more."""

from __future__ import annotations

import csv
import random
from contextlib import suppress

import pytest

from mailbatch.delivery.options import Corrected, RunOptions
from mailbatch.delivery.runner import run
from mailbatch.errors import MailbatchError
from mailbatch.job.loader import load_job
from mailbatch.ledger.store import Ledger
from tests.certainty.dying import CORRECTING, STEPS, ended, start
from tests.certainty.scene import PATIENT, Scene
from tests.support.faults import Fault, Kind, Stage

OLD = "{{ name }}{% if lot == 'pro' %}: the price is 10{% endif %}\n"
NEW = (
    "{% if delivery.correction %}We were wrong. {% endif %}"
    "{{ name }}{% if lot == 'pro' %}: the price is 100{% endif %}\n"
)
EDITIONS = ("1", "1.corrected", "1.corrected.corrected")


class Mistaken(Scene):
    """A scene whose letter has a mistake in every second row, and `other.yaml` without it."""

    def __init__(self, folder, port, **more):
        super().__init__(folder, port, timeouts=PATIENT, text=OLD, **more)
        text = self.job.read_text(encoding="utf-8")
        text = text.replace("results.csv", "results-{{ edition }}.csv")
        self.job.write_text(text, encoding="utf-8")
        self.other, self.third = folder / "other.yaml", folder / "third.yaml"
        for path, letter in ((self.other, NEW), (self.third, NEW.replace("100", "99"))):
            name = f"{path.stem}.txt.j2"
            path.write_text(text.replace("letter.txt.j2", name), encoding="utf-8")
            (folder / name).write_text(letter, encoding="utf-8")
        self.table = {address: self.lot(address) for address in self.addresses}
        self.write()

    def lot(self, address):
        return "pro" if int(address.partition("@")[0][4:]) % 2 else "free"

    def write(self):
        """Write the table as it is now."""
        with (self.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
            rows = [[address, "Ann", lot] for address, lot in self.table.items()]
            csv.writer(file).writerows([["email", "name", "lot"], *rows])

    def place(self, edition):
        return self.ledger.with_name(f"scene@{edition}.sqlite3")

    def send(self, **options):
        return run(load_job(self.job), RunOptions(**options))

    def correct(self):
        correction = Corrected(load_job(self.job), "1")
        return run(load_job(self.other), RunOptions(correction=correction))

    def correct_again(self):
        """Correct the correction."""
        correction = Corrected(load_job(self.other), "1.corrected")
        return run(load_job(self.third), RunOptions(correction=correction))

    def die(self, step, when, nth=1, *, correcting=True):
        """Let a run, or a correction, die at a step; one that has no such step comes to its end."""
        more = {"corrects": self.job} if correcting else {}
        job = self.other if correcting else self.job
        assert ended(start(job, step=step, when=when, nth=nth, **more)) in {-9, 0, 1}

    def rows(self, edition):
        """The rows of an edition, by address."""
        if not self.place(edition).exists():
            return {}
        with Ledger.read(self.place(edition)) as ledger:
            return {row.email: row for row in ledger.standing.result_rows()}

    def check(self, server):
        """Hold every message that arrived against both ledgers."""
        rows = {edition: self.rows(edition) for edition in EDITIONS}
        names = {
            f"<{row.header_message_id}>": (edition, row)
            for edition, found in rows.items()
            for row in found.values()
        }
        contents, arrived = {}, {}
        last = 0
        for taken in server.deliveries():
            edition, row = names[taken.message_id]
            assert taken.recipients == (row.email,)
            level = EDITIONS.index(edition)
            assert level >= last, "an edition was stopped, and went on"
            last = level
            arrived.setdefault((edition, row.email), set()).add(taken.message_id)
            contents.setdefault(taken.message_id, set()).add(taken.sha256)
            before = [rows[other].get(row.email) for other in EDITIONS[:level]]
            behind = [
                f"<{had.header_message_id}>"
                for had in before
                if had is not None and had.status == "accepted"
            ]
            assert taken.thread == (behind[-1] if behind else "", " ".join(behind))
        assert all(len(found) == 1 for found in arrived.values()), "two letters of an edition"
        assert all(len(found) == 1 for found in contents.values()), "other bytes, one Message-ID"
        return {edition: [a for e, a in arrived if e == edition] for edition in EDITIONS}


@pytest.fixture
def mistaken(tmp_path, fault_server):
    def make(*faults, **more):
        server = fault_server(*faults)
        return Mistaken(tmp_path / "s", server.port, **more), server

    return make


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", sorted({*STEPS, *CORRECTING} - {"release"}))
def test_a_death_at_any_step_is_followed_by_the_same_command(mistaken, step, when):
    scene, server = mistaken(recipients=6)
    scene.send(limit=3)
    scene.die(step, when)
    # Whoever runs the job in between sends letters of edition 1, or none: never of both.
    with suppress(MailbatchError):
        scene.send(limit=1)
    summary = scene.correct()
    assert summary.failure is None
    found = scene.check(server)
    with Ledger.read(scene.place("1")) as ledger:
        assert ledger.corrections().corrected_by == "1.corrected"
    had = set(found["1"])
    wrong = {address for address in had if scene.lot(address) == "pro"}
    assert set(found["1.corrected"]) <= (set(scene.addresses) - had) | wrong
    settled = {"accepted", "in_doubt"}
    now = scene.rows("1.corrected")
    for address in (set(scene.addresses) - had) | wrong:
        assert now[address].status in settled
    for address in had - wrong:
        assert now[address].status == "filtered"
    with pytest.raises(MailbatchError, match="took over"):
        scene.send()


def change(scene, chance):
    """Edit the table: a row more, a row less, or another cell."""
    kind = chance.choice(["add", "remove", "cell"])
    if kind == "add":
        scene.table[f"user{chance.randint(100, 199)}@example.net"] = "free"
    elif kind == "remove" and len(scene.table) > 1:
        del scene.table[chance.choice(sorted(scene.table))]
    else:
        scene.table[chance.choice(sorted(scene.table))] = chance.choice(["free", "pro"])
    scene.write()


@pytest.mark.parametrize("seed", range(8))
def test_random_histories(mistaken, seed):
    """Runs, corrections, deaths, edits and decisions in any order."""
    chance = random.Random(seed)
    faults = [
        Fault(
            chance.choice([Stage.RCPT, Stage.DOT]),
            chance.choice([Kind.TRANSIENT, Kind.PERMANENT, Kind.FIN]),
            transaction=chance.randint(1, 30),
            taken=None,
        )
        for _ in range(5)
    ]
    scene, server = mistaken(*faults, recipients=8, sessions=chance.choice([1, 2]))
    steps = ["plan", "lease", "commit", "settle", "digests", "write", "reply", *CORRECTING]
    for number in range(14):
        choice = chance.random()
        if choice < 0.35:
            scene.die(
                chance.choice(steps), chance.choice(["before", "after"]), chance.randint(1, 5),
                correcting=number > 4 and chance.random() < 0.7,
            )  # fmt: skip
        elif choice < 0.5:
            change(scene, chance)
        elif choice < 0.65:
            place = scene.place(chance.choice(EDITIONS))
            if place.exists():
                with Ledger.reopen(place) as ledger:
                    decision = chance.choice(["resend", "accepted", "skip"])
                    ledger.doubts.resolve(decision, now=2_000_000_000.0)
        else:
            with suppress(MailbatchError):
                if number > 4 and chance.random() < 0.6:
                    scene.correct()
                else:
                    scene.send(limit=chance.randint(1, 4))
        scene.check(server)
    for edition in EDITIONS:
        if scene.place(edition).exists():
            with Ledger.reopen(scene.place(edition)) as ledger:
                ledger.doubts.resolve("accepted", now=2_000_000_000.0)
    for _ in range(3):
        summary = scene.correct()
    assert summary.failure is None or "session" in str(summary.failure)
    assert summary.equation.balanced
    found = scene.check(server)
    before, now = scene.rows("1"), scene.rows("1.corrected")
    for address in found["1.corrected"]:
        assert address in before, "a row of no recipient of the edition"
        assert before[address].status not in {"rejected", "skipped"}
    for address, row in before.items():
        if address in scene.table and row.status in {"pending", "deferred"}:
            assert now[address].status in {"accepted", "rejected", "skipped", "deferred", "pending"}


@pytest.mark.parametrize("seed", range(4))
def test_random_histories_of_a_correction_that_is_corrected(mistaken, seed):
    chance = random.Random(seed)
    faults = [
        Fault(
            chance.choice([Stage.RCPT, Stage.DOT]),
            chance.choice([Kind.TRANSIENT, Kind.FIN]),
            transaction=chance.randint(1, 30),
            taken=None,
        )
        for _ in range(6)
    ]
    scene, server = mistaken(*faults, recipients=8)
    steps = [lambda: scene.send(limit=chance.randint(2, 6)), scene.correct, scene.correct_again]
    for number in range(12):
        with suppress(MailbatchError):
            steps[chance.randint(max(0, number // 4 - 1), min(2, number // 4))]()
        if chance.random() < 0.3:
            change(scene, chance)
        place = scene.place(chance.choice(EDITIONS))
        if chance.random() < 0.4 and place.exists():
            with Ledger.reopen(place) as ledger:
                ledger.doubts.resolve(chance.choice(["resend", "accepted"]), now=2_000_000_000.0)
        scene.check(server)
    for edition in EDITIONS:
        with Ledger.reopen(scene.place(edition)) as ledger:
            ledger.doubts.resolve("accepted", now=2_000_000_000.0)
    for _ in range(3):
        summary = scene.correct_again()
    assert summary.equation.balanced
    found = scene.check(server)
    groups = summary.groups
    # Every row has a letter that is right now, or a reason for none.
    assert groups.mended + groups.corrections + groups.unchanged + groups.new + groups.left_out
    assert not groups.in_doubt
    assert found["1.corrected.corrected"]
