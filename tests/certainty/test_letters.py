"""Two letters to one address: kill -9 between them and inside of each, then a resume.

The invariants of a letter are those of a recipient: none twice, none lost, and a doubt about one
letter is none about the other.
"""

from collections import Counter

import pytest
import yaml

from tests.certainty.dying import OTHER_BOOT, ended, start
from tests.certainty.scene import Scene

PAT, QUINN = "pat@example.net", "quinn@example.net"
#: (address, order): the letters of the mailing, in the order of the table.
LETTERS = [(PAT, "A1"), (PAT.capitalize(), "A2"), (QUINN, "B1"), (PAT, "A3")]
#: How a job says that each row is a letter.
KEYS = {
    "key": {"key": "order"},
    "group": {"group_by": ["email", "order"]},
    "both": {"key": "order", "group_by": ["order"]},
}
#: Where the run dies: the step, and the time of it. A run takes two leases, and writes once.
KILLS = [
    *((step, nth) for step in ("commit", "finish", "reply", "settle") for nth in (2, 4)),
    ("lease", 1), ("lease", 2), ("results", 1),
]  # fmt: skip


def letters(folder, port, recipients):
    scene = Scene(folder, port, recipients=len(LETTERS), text="Order {{ order }}\n")
    job = yaml.safe_load(scene.job.read_text(encoding="utf-8"))
    job["recipients"] |= recipients
    scene.job.write_text(yaml.safe_dump(job), encoding="utf-8")
    write(scene, LETTERS)
    return scene


def write(scene, rows):
    lines = ["email,order", *(",".join(row) for row in rows)]
    (scene.folder / "recipients.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def check(scene, server, *, doubts=0):
    """Hold each letter of the results against the journal of the server, by its Message-ID."""
    taken = server.deliveries()
    got = Counter(message.message_id for message in taken)
    rows = scene.results()
    assert [row["email"] for row in rows] == [address for address, _ in LETTERS]
    names = [f"<{row['header_message_id']}>" for row in rows]
    assert len(set(names)) == len(LETTERS), "each letter has a name of its own"
    assert set(got.values()) == {1}, "no letter twice"
    assert set(got) <= set(names)
    for row, name in zip(rows, names, strict=True):
        assert row["status"] in {"accepted", "in_doubt"}
        assert row["status"] == "in_doubt" or got[name] == 1, "none lost"
    assert sum(row["status"] == "in_doubt" for row in rows) <= doubts
    scene.check_files()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("step", "nth"), KILLS)
@pytest.mark.parametrize("keys", ["key", "group"])
def test_letters_to_one_address_outlive_a_kill(tmp_path, fault_server, keys, step, when, nth):
    server = fault_server()
    scene = letters(tmp_path / "s", server.port, KEYS[keys])
    assert ended(start(scene.job, step=step, when=when, nth=nth)) == -9
    arrived = {message.message_id for message in server.deliveries()}
    summary = scene.run()
    check(scene, server, doubts=1)
    doubtful = [row for row in scene.results() if row["status"] == "in_doubt"]
    assert summary.exit_code == (4 if doubtful else 0)
    assert arrived <= {message.message_id for message in server.deliveries()}


@pytest.mark.parametrize("keys", KEYS)
def test_letters_to_one_address_outlive_a_power_loss(tmp_path, fault_server, keys):
    """All that was leased may have left: in doubt, and each alone settled by its decision."""
    server = fault_server()
    scene = letters(tmp_path / "s", server.port, KEYS[keys])
    assert ended(start(scene.job, step="settle", nth=2, boot=OTHER_BOOT)) == -9
    assert scene.run().exit_code == 4
    check(scene, server, doubts=len(LETTERS))


def test_one_letter_of_several_in_doubt_is_sent_again_alone(tmp_path, fault_server, capsys):
    """`resolve --only A2` is about that order; the others to the address stay as they are."""
    from mailbatch.cli.ledger_arguments import ResolveArguments
    from mailbatch.cli.resolve import resolve_command

    server = fault_server()
    scene = letters(tmp_path / "s", server.port, KEYS["key"])
    assert ended(start(scene.job, step="commit", when="before", nth=2, boot=OTHER_BOOT)) == -9
    scene.run()
    doubtful = [n for n, row in enumerate(scene.results()) if row["status"] == "in_doubt"]
    assert len(doubtful) == 3, "the first was settled before the machine went down"
    assert resolve_command(ResolveArguments(scene.job, resend=True, only=["A2"])) == 4
    assert "1 to be sent again by the next run, 2 still in doubt" in capsys.readouterr().err
    scene.run()
    assert [row["status"] for row in scene.results()] == [
        "accepted",
        "accepted",
        "in_doubt",
        "in_doubt",
    ]
    assert len(server.deliveries()) == 2


@pytest.mark.parametrize("keys", ["key", "group"])
def test_letters_go_on_with_a_changed_table(tmp_path, fault_server, keys):
    """Rows that come, move and leave between two runs: each letter once."""
    server = fault_server()
    scene = letters(tmp_path / "s", server.port, KEYS[keys])
    write(scene, LETTERS[:1])
    assert scene.run().exit_code == 0
    write(scene, LETTERS[::-1])
    assert ended(start(scene.job, step="settle", when="after", nth=2)) == -9
    write(scene, LETTERS)
    assert scene.run().exit_code == 0
    check(scene, server)


def test_an_address_that_is_corrected_between_two_runs_gets_one_letter(tmp_path, fault_server):
    """Mailed orders are not mailed again, pending ones go to the new address."""
    server = fault_server()
    scene = letters(tmp_path / "s", server.port, KEYS["key"])
    assert scene.run(limit=2).exit_code == 75
    write(scene, [("new@example.net", order) for _, order in LETTERS])
    assert scene.run().exit_code == 0
    found = [message.recipients for message in server.deliveries()]
    assert found == [(PAT,), (PAT.capitalize(),), ("new@example.net",), ("new@example.net",)]
    assert [row["email"] for row in scene.results()] == [address for (address,) in found]
