"""Random histories of an approved mailing: kills, edits, servers that fall away and lie, doubts.

The journal of the server is the witness, and the bytes that were planned are written here, by hand:
nobody has two letters unless a person asked for the second one, nobody has bytes that were not
planned, and the equation balances at the end of each run.
"""

from __future__ import annotations

import csv
import hashlib
import random
from collections import Counter
from contextlib import suppress

import pytest

from mailbatch.delivery.plan_file import parse_plan
from mailbatch.delivery.planning import plan_mailing
from mailbatch.errors import PlanDifference, Unbalanced
from mailbatch.job.loader import load_job
from mailbatch.ledger.store import Ledger
from tests.certainty.dying import STEPS, ended, start
from tests.certainty.scene import PATIENT, Scene
from tests.support.faults import Fault, Kind, Stage, matrix

#: A run that waits for a deadline would be the whole time of a history.
SLOW = {Kind.STALL, Kind.DRIP, Kind.ENDLESS}
FAULTS = [
    (stage, kind)
    for stage, kind in matrix()
    if kind not in SLOW and stage not in {Stage.TLS, Stage.EHLO2, Stage.AUTH, Stage.AUTH_FINAL}
]
TURNS = 6
#: The steps that a run has once.
ONCE = {"plan", "digests", "reopen", "reserve", "lease", "finished", "close", "results", "quit"}
#: Runs of a healthy server until nothing is left: each fault that is left costs one at most.
LAST_RUNS = 8


def some_faults(chance):
    """A server that falls away, refuses, or answers what no server may, some times."""
    for stage, kind in chance.sample(FAULTS, 5):
        where = {chance.choice(("connection", "transaction")): chance.randint(1, 8)}
        yield Fault(stage, kind, **where)


class History:
    """A mailing under an approved plan, and all that happened to it."""

    def __init__(self, folder, server, chance):
        self.server, self.chance = server, chance
        sessions = chance.choice((1, 1, 2))
        self.scene = Scene(
            folder, server.port, recipients=7, attempts=2, sessions=sessions, timeouts=PATIENT,
            chunking=chance.random() < 0.5,
        )  # fmt: skip
        self.names = {a: f"Name {number}" for number, a in enumerate(self.scene.addresses)}
        self.word, self.edits, self.seen = "Hello", 0, 0
        self.asked, self.decided = Counter(), set()
        self.happened = Counter()
        self.write()
        self.approve()

    # The files, and what was planned of them

    def write(self):
        """Write letter and table as they are now."""
        letter = self.scene.folder / "letter.txt.j2"
        letter.write_text(f"{self.word} {{{{ name }}}}\n", encoding="utf-8")
        table = self.scene.folder / "recipients.csv"
        with table.open("w", encoding="utf-8", newline="") as file:
            rows = [(address, name, "a") for address, name in self.names.items()]
            csv.writer(file).writerows([("email", "name", "lot"), *rows])

    def approve(self):
        """Have a person approve the files as they are now."""
        plan = plan_mailing(load_job(self.scene.job), edition=None, variables={})
        self.text = "".join(plan.pieces())
        self.plan = parse_plan(self.text, self.scene.folder / "approved.plan")
        self.planned = {
            address: hashlib.sha256(f"{self.word} {name}\r\n".encode()).hexdigest()
            for address, name in self.names.items()
        }

    # What happens

    def run(self, **options):
        """Run under the plan: it may fail, and the equation balances all the same."""
        summary = self.scene.run(plan=self.plan, **options)
        assert not isinstance(summary.failure, Unbalanced), summary.failure
        assert summary.equation is not None
        assert summary.equation.balanced, summary.equation.faults
        return summary

    def die(self, step=None, when="after"):
        """Let a run die at a step, by default at any, if it comes to that."""
        if step is None:
            step, when = self.chance.choice(sorted(STEPS)), self.chance.choice(("before", "after"))
        nth = 1 if step in ONCE else self.chance.choice((1, 1, 2, 3, 5))
        process = start(self.scene.job, step=step, when=when, nth=nth, plan=self.text)
        code = ended(process)
        assert code in {-9, 0, 1}
        self.happened["killed"] += code == -9

    def edit(self):
        """Edit a file between plan and run: not a byte leaves, until a person has seen to it."""
        before = dict(self.names), self.word
        self.edits += 1
        kind = self.chance.choice(("cell", "letter", "gone", "new", "order"))
        address = self.chance.choice(list(self.names))
        if kind == "cell":
            self.names[address] = f"Edited {self.edits}"
        elif kind == "letter":
            self.word = f"Dear {self.edits}"
        elif kind == "gone" and len(self.names) > 3:
            del self.names[address]
        elif kind == "new":
            self.names[f"new{self.edits}@example.net"] = "New"
        else:
            self.names = {
                a: self.names[a] for a in self.chance.sample(list(self.names), len(self.names))
            }
        self.write()
        changed = (list(self.names.items()), self.word) != (list(before[0].items()), before[1])
        arrived = len(self.server.deliveries())
        if changed:
            with pytest.raises(PlanDifference):
                self.run()
            assert len(self.server.deliveries()) == arrived
        if self.chance.random() < 0.5:
            self.names, self.word = before
            self.write()
            return
        self.approve()
        with suppress(PlanDifference):  # a resend would be of other bytes
            self.run(accept_changes=True)

    def doubt(self):
        """Let a run die behind a commit point, and decide about a doubt, as a person does."""
        self.die("commit")
        if not self.scene.ledger.exists():
            return
        with Ledger.reopen(self.scene.ledger) as ledger:
            found = list(ledger.doubts.in_doubt())
            if not found:
                return
            doubt = self.chance.choice(found)
            decision = self.chance.choice(("accepted", "resend", "skip"))
            ledger.doubts.resolve(decision, address=doubt.address, now=0.0)
        self.happened[decision] += 1
        self.decided.add(doubt.address)
        if decision == "resend":
            self.asked[doubt.address] += 1

    def live(self):
        """Let some things happen, then run until nothing is left; hold all against the journal."""
        for _ in range(TURNS):
            (event,) = self.chance.choices(list(EVENTS), list(EVENTS.values()))
            self.happened[event.__name__] += 1
            with suppress(PlanDifference):
                event(self)
            self.check()
        for _ in range(LAST_RUNS):
            with suppress(PlanDifference):
                if self.run(accept_changes=True).exit_code not in {69, 75}:
                    break
            self.check()
        self.check()
        self.check_results()

    # The invariants

    def check(self):
        """Nobody twice without a word, and no byte that was not planned when it left."""
        taken = self.server.deliveries()
        for message in taken[self.seen :]:
            (address,) = message.recipients
            assert message.body == self.planned.get(address), f"{address} got what nobody planned"
        self.seen = len(taken)
        got = Counter(address for message in taken for address in message.recipients)
        twice = {a: n for a, n in got.items() if n > 1 + self.asked[a]}
        assert not twice, twice

    def check_results(self):
        """Accepted is true, and what arrived is accepted or named as doubtful."""
        got = {address for message in self.server.deliveries() for address in message.recipients}
        statuses = self.scene.statuses()
        assert self.names.keys() <= statuses.keys()
        for address, status in statuses.items():
            assert status != "accepted" or address in got | self.decided, address
            known = {"accepted", "in_doubt", "skipped"}
            if self.asked[address]:  # the second letter, which a person asked for, may be refused
                known.add("rejected")
            assert address not in got or status in known, (address, status)
        assert not {statuses[address] for address in self.names} & {"pending", "deferred"}


#: What may happen, each with its weight; a correction or a second server would have its place here.
EVENTS = {History.run: 2, History.die: 4, History.edit: 3, History.doubt: 3}


def live(folder, fault_server, seed):
    """Live through one history; return what happened."""
    chance = random.Random(seed)
    history = History(folder, fault_server(*some_faults(chance)), chance)
    history.live()
    return history.happened, history.server


@pytest.mark.parametrize("seed", range(25))
def test_a_history_keeps_to_its_plan(tmp_path, fault_server, seed):
    live(tmp_path / "s", fault_server, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_two_hundred_histories_keep_to_their_plans(tmp_path, fault_server, seed):
    """The same (pytest -m long -s tests/certainty/test_approved_histories.py)."""
    happened, server = live(tmp_path / "s", fault_server, seed)
    print(seed, dict(happened), f"{len(server.deliveries())} messages")
