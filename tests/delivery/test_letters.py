"""Several letters to an address over the runs of an edition: foretold, refused, told of."""

import json

import pytest
import yaml

from tests.certainty.program import mailbatch
from tests.certainty.scene import Scene

REFUSED = {"bob@example.net": "550 5.1.1 no such user"}
ANN, BOB = ("ann@example.net", "1"), ("bob@example.net", "2")


class Letters(Scene):
    """A scene whose rows are an address and a number, the key."""

    def table(self, *rows):
        lines = ["email,name", *(",".join(row) for row in rows)]
        (self.folder / "recipients.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def known_by(self, **recipients):
        job = yaml.safe_load(self.job.read_text(encoding="utf-8"))
        job["recipients"] = {"file": "recipients.csv", **recipients}
        self.job.write_text(yaml.safe_dump(job), encoding="utf-8")

    def cli(self, command, *arguments):
        """The exit code, the object and the words of a command."""
        code, out, err = mailbatch(command, "job.yaml", "--json", *arguments, cwd=self.folder)
        return code, json.loads(out) if out else None, err


@pytest.fixture
def letters(tmp_path, fault_server):
    """Return a scene of keys, and the server that refuses bob."""
    server = fault_server(refused=REFUSED)
    scene = Letters(tmp_path / "s", server.port)
    scene.known_by(key="name")
    return scene, server


def sent_to(server):
    return sorted(address for message in server.deliveries() for address in message.recipients)


def test_check_and_rehearsals_see_that_a_corrected_address_is_mailed(letters):
    """The refusal was of the old address."""
    scene, server = letters
    scene.table(ANN, BOB)
    assert scene.cli("run")[0] == 3
    scene.table(ANN, ("bobby@example.net", "2"))
    for command in ("check", "preview"):
        _, made, _ = scene.cli(command)
        assert (made["accepted"], made["pending"], made["rejected"]) == (1, 1, 0)
        assert not made["nothing_to_do"]
    code, made, _ = scene.cli("run", "--sandbox")
    assert (code, made["nothing_to_do"]) == (0, False)
    code, made, _ = scene.cli("run")
    assert (code, made["accepted"], made["further"]) == (0, 2, 0)
    assert sent_to(server) == ["ann@example.net", "bobby@example.net"]


def test_a_refused_address_that_stays_is_over(letters):
    scene, _ = letters
    scene.table(ANN, BOB)
    scene.cli("run")
    assert scene.cli("check")[1]["nothing_to_do"]


@pytest.mark.parametrize("arguments", [(), ("--sandbox",), ("--dry-run",)])
def test_exchanged_keys_mail_nobody(letters, arguments):
    scene, server = letters
    scene.table(ANN, BOB)
    scene.cli("run")
    scene.table(("ann@example.net", "2"), ("bob@example.net", "1"))
    code, _, said = scene.cli("run", *arguments)
    assert code == 65
    assert "recipients.csv:2: the row would be mailed: ann@example.net has a message" in said
    assert "put them back, or --accept-changes to mail as the table says now" in said
    assert sent_to(server) == ["ann@example.net"]
    assert scene.cli("run", *arguments, "--accept-changes")[0] == 0


def test_a_run_tells_of_further_letters(letters):
    scene, server = letters
    scene.table(ANN)
    assert scene.cli("run")[1]["further"] == 0
    scene.table(("ann@example.net", "3"))
    code, made, said = scene.cli("run")
    assert (code, made["further"]) == (0, 1)
    assert "1 address gets a further message of this edition, by another key" in said
    assert sent_to(server) == ["ann@example.net"] * 2
    _, made, said = scene.cli("run")
    assert (made["further"], "further" in said) == (0, False)


def test_the_results_tell_of_the_address_that_the_table_has_now(letters):
    scene, _ = letters
    scene.table(ANN)
    scene.cli("run")
    scene.table(("anna@example.net", "1"))
    assert scene.cli("run")[0] == 0
    (row,) = scene.results()
    assert (row["email"], row["reason"]) == (
        "ann@example.net",
        "the table has anna@example.net now",
    )


def test_a_corrected_cell_of_a_group_mails_nobody_twice_unasked(letters):
    scene, server = letters
    scene.known_by(group_by=["email", "name"])
    scene.table(("ann@example.net", "Tom"))
    scene.cli("run")
    scene.table(("ann@example.net", "Tomas"))
    code, _, said = scene.cli("run")
    assert (code, "`key: [email, name]`" in said) == (65, True)
    assert sent_to(server) == ["ann@example.net"]
    code, made, _ = scene.cli("run", "--accept-changes")
    assert (code, made["further"]) == (0, 1)
