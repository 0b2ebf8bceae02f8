"""A guard that reads the store of reports: the canary, the stop, and how to go on."""

from __future__ import annotations

import json

import pytest
import yaml

import mailbatch
from mailbatch.reports.store import Body, Origin, ReportStore


@pytest.fixture
def guarded(mailing):
    """A mailing of twelve with a guard behind the first four, and its server."""
    scene, server = mailing(recipients=12)
    job = yaml.safe_load(scene.job.read_text())
    job["guard"] = {"after": 4, "wait": "0s", "least": 2, "bounces": "50%", "complaints": "25%"}
    job["callbacks"] = {"notify_url": "https://example.com/in"}
    scene.job.write_text(yaml.safe_dump(job, sort_keys=False))
    return scene, server


def mailed(server):
    return len(server.deliveries())


def read(scene, *bodies):
    """Keep reports; without any there is a store from now on."""
    for number, body in enumerate(bodies or ({"results": []},)):
        (scene.folder / f"{number}.json").write_text(json.dumps(body))
        done = scene._program("reports", "read", "job.yaml", f"{number}.json", cwd=scene.folder)
        assert done.code == 0, done.err


def bounces(scene, number):
    """Hard bounces of the first ones that were mailed."""
    error = {"id": 6006, "name": "EC_INVALID_EMAIL_ADDRESS", "groupId": 2, "permanent": True}
    rows = [row for row in scene.results() if row["status"] == "accepted"][:number]
    data = [json.dumps({"mb": row["header_message_id"][:16]}) for row in rows]
    return {
        "results": [
            {"to": row["email"], "status": {"groupId": 2}, "error": error, "callbackData": token}
            for row, token in zip(rows, data, strict=True)
        ]
    }


def test_a_guard_without_a_store_of_reports_begins_nothing(guarded):
    scene, server = guarded
    done = scene.command("run")
    assert done.code == 78
    assert "job.yaml:" in done.err
    assert "guard: there is no store of reports at" in done.err
    assert "mailbatch reports serve" in done.err
    assert mailed(server) == 0
    assert scene.command("run", "--sandbox").code == 0  # a rehearsal waits for nobody


def test_an_embedded_run_has_the_guard_too(guarded):
    scene, server = guarded
    with pytest.raises(mailbatch.MailbatchError, match="there is no store of reports"):
        mailbatch.run(scene.job)
    read(scene)
    assert mailbatch.run(scene.job, mailbatch.RunOptions(canary=True)).exit_code == 75
    assert mailed(server) == 4
    read(scene, bounces(scene, 1))
    store = scene.folder / ".mailbatch" / "reports.sqlite3"
    assert mailbatch.run(scene.job, mailbatch.RunOptions(store=store)).exit_code == 0
    assert mailed(server) == 12


def test_from_the_canary_to_the_stop_and_on(guarded):
    scene, server = guarded
    read(scene)
    canary = scene.command("run", "--canary")
    assert canary.code == 75
    assert mailed(server) == 4
    assert canary.err.splitlines()[-1] == (
        "the first step of the guard is sent: look at mailbatch reports show job.yaml, "
        "then send the rest with mailbatch run job.yaml"
    )
    read(scene, bounces(scene, 2))
    stopped = scene.command("run")
    assert stopped.code == 75
    assert mailed(server) == 4
    assert "2 hard bounces of 4 accepted recipients (50 %): the guard stops at 50%" in stopped.err
    assert stopped.err.splitlines()[-1] == (
        "not finished: look at mailbatch reports show job.yaml; "
        "to send to the rest all the same: mailbatch run job.yaml --no-guard"
    )
    found = scene.command("run", "--json").json
    assert (found["exit_code"], found["pending"]) == (75, 8)
    assert "the guard stops" in found["error"]
    assert scene.command("run", "--no-guard").code == 0
    assert mailed(server) == 12


def test_a_receiver_that_is_dead_stops_the_run_with_what_to_do(guarded):
    scene, server = guarded
    read(scene)
    for _ in range(2):
        silent = scene.command("run")
        assert silent.code == 75
        assert mailed(server) == 4
        assert (
            "no report of this edition came, though the provider reports every message: "
            "nothing is known of 4 accepted recipients" in silent.err
        )
        assert (
            "see that mailbatch reports serve runs and that the provider reaches it, then run "
            "again; --no-guard sends without" in silent.err
        )
    read(scene, bounces(scene, 1))
    assert scene.command("run").code == 0
    assert mailed(server) == 12


def test_a_single_bounce_of_four_stops_nobody(guarded):
    scene, server = guarded
    read(scene)
    assert scene.command("run", "--canary", "--quiet").code == 75
    read(scene, bounces(scene, 1))
    done = scene.command("run")
    assert done.code == 0
    assert "1 hard bounces and 0 complaints of 4 accepted recipients: going on" in done.err
    assert mailed(server) == 12


def test_bounces_that_a_stranger_posts_stop_nobody(guarded):
    """Bulk id and address are no secret, and a token that no ledger knows is of nobody."""
    scene, server = guarded
    scene.edit("notify_url:", "bulk_id: scene-{{ edition }}\n  notify_url:")
    read(scene)
    assert scene.command("run", "--canary").code == 75
    for token in ({}, {"callbackData": json.dumps({"mb": "f" * 16})}):
        strange = bounces(scene, 4)
        for number, entry in enumerate(strange["results"]):
            del entry["callbackData"]
            entry |= {"messageId": f"x{number}", "bulkId": "scene-1", **token}
        with ReportStore(scene.folder / ".mailbatch" / "reports.sqlite3") as store:
            store.keep([Body(json.dumps(strange).encode(), Origin.SERVE, 1795950000.0)])
    read(scene, *[{"results": [one]} for one in bounces(scene, 1)["results"]])
    done = scene.command("run")
    assert done.code == 0, done.err
    assert "1 hard bounces and 0 complaints of 4 accepted recipients: going on" in done.err
    assert mailed(server) == 12


def test_complaints_have_a_share_of_their_own(guarded):
    scene, server = guarded
    read(scene)
    assert scene.command("run", "--canary").code == 75
    told = [
        {"notificationType": "COMPLAINED", "eventId": number, "callbackData": one["callbackData"],
         "recipient": one["to"]}
        for number, one in enumerate(bounces(scene, 2)["results"])
    ]  # fmt: skip
    read(scene, *({**one, "eventId": str(one["eventId"])} for one in told))
    stopped = scene.command("run", "--store", ".mailbatch/reports.sqlite3")
    assert stopped.code == 75
    assert "2 complaints of 4 accepted recipients (50 %): the guard stops at 25%" in stopped.err
    assert mailed(server) == 4


@pytest.mark.parametrize("option", ["--sandbox", "--dry-run", "--no-guard", "--to=a@b.org"])
def test_the_canary_is_a_real_send(guarded, option):
    scene, server = guarded
    done = scene.command("run", "--canary", option)
    assert (done.code, done.out) == (2, "")
    assert f"--canary is the first step of a real send: {option.partition('=')[0]} is none" in (
        done.err
    )
    assert mailed(server) == 0
