"""Corrections with two servers whose dialogues are kept: what each part promises holds.

Both journals are the witnesses. A letter is at one server alone, the ledger says at which one, and
the last dialogue of an accepted letter is that of the very server and the very bytes.
"""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from mailbatch.delivery.dialogues import read
from mailbatch.delivery.ledgers import open_to_prove
from mailbatch.errors import MailbatchError
from mailbatch.ledger.store import Ledger
from tests.certainty.dying import CORRECTING
from tests.certainty.test_corrections import EDITIONS, Mistaken, change
from tests.support.faults import Fault, Kind, Stage

STEPS = ["plan", "lease", "commit", "settle", "digests", "write", "reply", "move", *CORRECTING]
KINDS = {
    Stage.CONNECT: [Kind.RST],
    Stage.BANNER: [Kind.TRANSIENT, Kind.FIN],
    Stage.MAIL: [Kind.TRANSIENT, Kind.FIN],
    Stage.RCPT: [Kind.TRANSIENT, Kind.PERMANENT, Kind.FIN],
    Stage.DOT: [Kind.TRANSIENT, Kind.PERMANENT, Kind.FIN],
}


class Combined(Mistaken):
    """A mistaken letter, a second server, and dialogues that are kept."""

    def __init__(self, folder, first, second, **more):
        super().__init__(folder, first.port, fallback={"port": second.port}, **more)
        self.first, self.second = first, second
        for path in (self.job, self.other, self.third):
            path.write_text(path.read_text("utf-8") + "keep: dialogue\n", encoding="utf-8")

    def check_both(self):
        taken = []
        for server in (self.first, self.second):
            self.check(server)
            taken += [one.message_id for one in server.deliveries()]
        assert len(taken) == len(set(taken)), "a letter twice"
        at = {one.message_id: "" for one in self.first.deliveries()}
        second = f"127.0.0.1:{self.second.port}"
        at |= {one.message_id: second for one in self.second.deliveries()}
        for edition in EDITIONS:
            self._check_edition(edition, at)

    def _check_edition(self, edition, at):
        path = self.place(edition).with_suffix(".smtp")
        if not self.place(edition).exists():
            return
        with open_to_prove(self.place(edition)) as proof:
            for known in proof.rows():
                proved = proof.recipient(known.id)
                row = proved.row
                if row.status != "accepted" or row.reply_code != 250:
                    continue
                server = at[f"<{row.header_message_id}>"]
                assert (row.server or "") == server
                last = list(read(path, proved.delivery.token))[-1]
                assert last.server == (server or f"127.0.0.1:{self.first.port}")
                assert last.digest == proved.digest.hex()
                assert last.exchanges[-1].reply[0].startswith("250")


@pytest.mark.parametrize("seed", range(6))
def test_random_histories(tmp_path, fault_server, seed):
    chance = random.Random(seed)
    faults = []
    for _ in range(8):
        stage = chance.choice(list(KINDS))
        where = (
            {"connection": chance.randint(1, 12)}
            if stage in {Stage.CONNECT, Stage.BANNER}
            else {"transaction": chance.randint(1, 20)}
        )
        faults.append(Fault(stage, chance.choice(KINDS[stage]), taken=None, **where))
    ends = [Fault(Stage.CONNECT, Kind.RST, connection=n) for n in range(chance.randint(2, 9), 40)]
    first, second = fault_server(*faults, *ends), fault_server(*faults[::2])
    scene = Combined(tmp_path / "s", first, second, recipients=8, sessions=chance.choice([1, 2]))
    for number in range(10):
        choice = chance.random()
        if choice < 0.4:
            scene.die(
                chance.choice(STEPS), chance.choice(["before", "after"]), chance.randint(1, 5),
                correcting=number > 3 and chance.random() < 0.7,
            )  # fmt: skip
        elif choice < 0.5:
            change(scene, chance)
        elif choice < 0.6:
            _decide(scene, chance.choice(EDITIONS[:2]), chance.choice(["accepted", "skip"]))
        else:
            with suppress(MailbatchError):
                if number > 3 and chance.random() < 0.6:
                    scene.correct()
                else:
                    scene.send(limit=chance.randint(1, 4))
        scene.check_both()
    for edition in EDITIONS[:2]:
        _decide(scene, edition, "accepted")
    for _ in range(3):
        with suppress(MailbatchError):
            summary = scene.correct()
            assert summary.equation.balanced
    scene.check_both()


def _decide(scene, edition, decision):
    if scene.place(edition).exists():
        with Ledger.reopen(scene.place(edition)) as ledger:
            ledger.doubts.resolve(decision, now=2_000_000_000.0)
