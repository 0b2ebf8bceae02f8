"""`resolve --from-reports`: a doubt ends where a report proves the acceptance, and only there."""

from __future__ import annotations

import asyncio
import email
import json
import time

import pytest
import yaml

from mailbatch.reports.store import Body, Origin, ReportStore
from mailbatch.sandbox.server import Sandbox
from tests.support.faults import Fault, Kind, Stage

from .conftest import Mailing

DOUBTFUL = "user2@example.net"


@pytest.fixture
def doubtful(mailing):
    """A mailing of three whose second message was taken by a server that never said so."""
    fault = Fault(Stage.DOT, Kind.FIN, transaction=2, taken=True)
    scene, server = mailing(fault, recipients=3, attempts=3)
    job = yaml.safe_load(scene.job.read_text())
    job["callbacks"] = {"bulk_id": "scene-{{ edition }}", "notify_url": "https://example.com/in"}
    scene.job.write_text(yaml.safe_dump(job, sort_keys=False))
    done = scene.command("run")
    assert done.code == 4, done.err
    assert "the provider's logs reach back 48 hours: until 20" in done.err
    return scene, server, scene.command("resolve", "--json").json["message_id"]


def read(scene, *entries):
    """Keep delivery reports: of tokens, or of names in full."""
    body = {"results": [{"to": DOUBTFUL, "status": {"groupId": 3}, **one} for one in entries]}
    (scene.folder / "reports.json").write_text(json.dumps(body))
    done = scene._program("reports", "read", "job.yaml", "reports.json", cwd=scene.folder)
    assert done.code == 0, done.err


def token(message_id):
    return {"callbackData": json.dumps({"mb": message_id[:16]})}


def settled(scene):
    (row,) = [row for row in scene.results() if row["email"] == DOUBTFUL]
    return row["status"], row["reason"]


def test_a_report_settles_the_doubt_with_its_reason(doubtful):
    scene, server, ours = doubtful
    read(scene, {"messageId": "i-1", **token(ours)})
    done = scene.command("resolve", "--from-reports")
    assert done.code == 0
    assert done.out.startswith(f"{DOUBTFUL}  accepted by a report: delivered 20")
    assert "1 taken as accepted by reports, 0 still in doubt" in done.err
    assert scene.command("run").code == 0
    status, reason = settled(scene)
    assert status == "accepted"
    assert "by its token), id i-1" in reason
    assert len(server.deliveries()) == 3
    again = scene.command("resolve", "--from-reports", "--json")
    assert again.json == {"resolved": 0, "in_doubt": 0, "mailed_more_than_once": 0}


def test_several_entries_mean_mailed_more_than_once(doubtful):
    scene, _, ours = doubtful
    read(scene, {"messageId": "i-1", **token(ours)}, {"messageId": "i-2", **token(ours)})
    done = scene.command("resolve", "--from-reports", "--only", DOUBTFUL.upper())
    assert done.code == 0
    assert "1 taken as accepted by reports (1 mailed more than once)" in done.err
    assert scene.command("results").code == 0
    assert "mailed more than once (ids i-1, i-2)" in settled(scene)[1]


def test_a_saved_log_names_the_mailing_and_the_address(doubtful):
    scene, _, _ = doubtful
    read(scene, {"messageId": "i-1", "bulkId": "scene-1"})
    assert scene.command("resolve", "--from-reports").code == 0


@pytest.mark.parametrize(("origin", "code"), [(Origin.PULL, 0), (Origin.SERVE, 4)])
def test_bulk_id_and_address_count_where_the_provider_was_asked(doubtful, origin, code):
    """Whoever knows both can post them to a receiver; a log that was pulled is the provider's."""
    scene, _, _ = doubtful
    entry = {"to": DOUBTFUL, "status": {"groupId": 3}, "messageId": "i-1", "bulkId": "scene-1"}
    body = Body(json.dumps({"results": [entry]}).encode(), origin, time.time())
    with ReportStore(scene.folder / ".mailbatch" / "reports.sqlite3") as store:
        store.keep([body])
    done = scene.command("resolve", "--from-reports")
    assert done.code == code
    assert ("by bulk id and address), id i-1" in done.out) is (code == 0)


def test_a_bulk_id_of_every_edition_settles_nobody(mailing):
    """An entry of the log may be of the week before, or of the week after."""
    fault = Fault(Stage.DOT, Kind.FIN, transaction=2, taken=True)
    scene, _ = mailing(fault, recipients=3, attempts=3)
    job = yaml.safe_load(scene.job.read_text())
    job["callbacks"] = {"bulk_id": "scene"}
    scene.job.write_text(yaml.safe_dump(job, sort_keys=False))
    assert scene.command("run").code == 4
    read(scene, {"messageId": "i-1", "bulkId": "scene"})
    assert scene.command("resolve", "--from-reports").code == 4


@pytest.mark.parametrize("origin", [Origin.PULL, Origin.SERVE])
def test_a_report_that_proves_nothing_is_called_so_and_where_a_proof_may_be(doubtful, origin):
    """`reports show` has it where the provider said so: of a mailing of last year, by its time."""
    scene, _, _ = doubtful
    job = yaml.safe_load(scene.job.read_text())
    job["reports"] = {"base_url": "https://api.example.com", "api_key": {"env": "KEY"}}
    scene.job.write_text(yaml.safe_dump(job, sort_keys=False))
    entry = {"to": DOUBTFUL, "status": {"groupId": 3}, "messageId": "i-1", "bulkId": "scene-1",
             "doneAt": "2025-11-29T11:00:00.000+0000"}  # fmt: skip
    with ReportStore(scene.folder / ".mailbatch" / "reports.sqlite3") as store:
        store.keep([Body(json.dumps({"results": [entry]}).encode(), origin, time.time())])
    shown = scene._program("reports", "show", "job.yaml", "--json", cwd=scene.folder).json
    assert shown["delivered"] == (origin is Origin.PULL)
    done = scene.command("resolve", "--from-reports")
    assert (done.code, done.out) == (4, "")
    assert done.err.splitlines()[-1] == (
        "no report proves that the server took the message of 1 recipient; "
        "mailbatch reports pull may find one"
    )


def test_reports_of_strangers_settle_nobody_and_nothing_found_proves_nothing(doubtful):
    scene, server, _ = doubtful
    none = scene.command("resolve", "--from-reports")
    assert (none.code, none.out) == (4, "")
    assert "there is no store of reports at .mailbatch/reports.sqlite3" in none.err
    read(
        scene,
        {"messageId": "i-1"},
        {"messageId": "i-2", "bulkId": "another"},
        {"messageId": "i-3", "callbackData": '{"mb": "57049136f20f7a33"}'},
    )
    done = scene.command("resolve", "--from-reports")
    assert (done.code, done.out) == (4, "")
    assert "0 taken as accepted by reports, 1 still in doubt" in done.err
    assert (
        "no report proves that the server took the message of 1 recipient; "
        "nor does a missing report prove that it did not\n" in done.err
    )
    assert scene.command("run").code == 4
    assert len(server.deliveries()) == 3


def test_a_test_with_to_is_no_message_of_the_mailing(tmp_path, program):
    """Its entry in the provider's log would settle a doubt about the same address."""
    kept = []

    async def sent():
        async with await Sandbox.start(outbox=tmp_path / "box", on_message=kept.append) as sandbox:
            scene = Mailing(tmp_path / "job", sandbox.port, program, recipients=1)
            with scene.job.open("a") as job:
                job.write("callbacks:\n  bulk_id: scene-{{ edition }}\n  data: {id: 7}\n")
            for more in ([], ["--to", "user1@example.net"], ["--dry-run", "--out", "drafts"]):
                assert (await asyncio.to_thread(scene.command, "run", *more)).code == 0
        return scene

    scene = asyncio.run(sent())
    (draft,) = scene.folder.glob("drafts/*.eml")
    real, test, drafted = (
        email.message_from_bytes(file.read_bytes()) for file in (kept[0].file, kept[1].file, draft)
    )
    assert real["X-IB-Bulk-Id"] == drafted["X-IB-Bulk-Id"] == "scene-1"
    assert [name for name in real.keys() if name not in test] == ["X-IB-Bulk-Id"]  # noqa: SIM118
    assert json.loads(test["X-IB-Callback-Data"]) == {"id": 7}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from-reports", "--skip"], "--skip and --from-reports exclude each other"),
        (["--from-reports", "--only", "user1@example.net"], "user1@example.net is not in doubt"),
        (["--from-reports", "--store", "none"], "--store none: there is no such file"),
        (["--store", "job.yaml"], "--store goes with --from-reports"),
    ],
)
def test_what_cannot_be_asked(doubtful, arguments, words):
    scene, _, _ = doubtful
    done = scene.command("resolve", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
