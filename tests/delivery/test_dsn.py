"""Runs of a job with `reports.dsn`: the wish of each server that announces DSN, and of no other."""

import pytest

from mailbatch.delivery.options import RunOptions, Silence
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.report_token import token_of
from tests.certainty.scene import Scene


class Notes(Silence):
    """Keeps what a run says on its way."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def parameters(server):
    """The parameters of MAIL in each transaction, as the server took them."""
    return [record["parameters"] for record in server.journal if "parameters" in record]


def run_of(scene, **options):
    notes = Notes()
    summary = run(load_job(scene.job), RunOptions(**options), progress=notes)
    assert summary.exit_code == 0
    return notes.notes


def test_each_message_has_its_token_as_envelope_id(tmp_path, fault_server):
    server = fault_server(dsn=True)
    scene = Scene(tmp_path / "s", server.port, recipients=2, dsn=("failure", "delay"))
    assert run_of(scene) == []
    tokens = [token_of(row["header_message_id"]) for row in scene.results()]
    assert [said.split()[-2:] for said in parameters(server)] == [
        ["RET=HDRS", f"ENVID={token}"] for token in tokens
    ]
    scene.check(server.deliveries())


@pytest.mark.parametrize("sessions", [1, 3])
def test_a_server_without_dsn_is_asked_for_nothing_and_that_is_said_once(
    tmp_path, fault_server, sessions
):
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5, sessions=sessions, dsn=("failure",))
    (said,) = run_of(scene)
    assert "does not announce DSN" in said
    assert not any("ENVID" in one or "RET" in one for one in parameters(server))
    scene.check(server.deliveries())


def test_a_job_that_asks_for_nothing_is_told_nothing(tmp_path, fault_server):
    server = fault_server(dsn=True)
    scene = Scene(tmp_path / "s", server.port, recipients=2)
    assert run_of(scene) == []
    assert not any("ENVID" in one for one in parameters(server))


def test_a_message_to_a_test_address_asks_for_nothing(tmp_path, fault_server):
    """Its bounce would be no recipient's."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=1, dsn=("failure",))
    assert run_of(scene, redirect=("me@example.org",)) == []


def test_recipients_that_wait_for_a_later_transaction_keep_the_wish(tmp_path, fault_server):
    """An envelope that is cut at the server's limit is the same envelope."""
    server = fault_server(extensions=["PIPELINING", "DSN", "LIMITS RCPTMAX=2"])
    scene = Scene(
        tmp_path / "s", server.port, recipients=3, group=True, text="Hello\n", dsn=("failure",)
    )
    run_of(scene)
    said = parameters(server)
    assert len(said) == 2
    assert len({one.split("ENVID=")[1] for one in said}) == 1


def test_an_edition_that_was_begun_before_goes_on(tmp_path, fault_server):
    """The wish is no part of the message: neither the section nor a change of it is a change."""
    server = fault_server(dsn=True)
    scene = Scene(tmp_path / "s", server.port, recipients=2)
    assert scene.run(limit=1).counts["accepted"] == 1
    scene = Scene(tmp_path / "s", server.port, recipients=2, dsn=("failure",))
    run_of(scene)
    assert ["ENVID" in said for said in parameters(server)] == [False, True]
