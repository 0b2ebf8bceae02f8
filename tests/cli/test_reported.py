"""The reports of an edition in its results and in `status`."""

import csv
import json
import shutil

import pytest

from mailbatch.reports.store import Body, Origin, ReportStore

from .test_reports import bounce, delivered, reports, sent, write

__all__ = ["sent"]

COLUMNS = (
    "report", "report_kind", "report_code", "report_text", "reported_at", "opens", "clicks",
)  # fmt: skip

#: An error of Infobip that speaks of the address; its name counts, too.
UNKNOWN = {"id": 6006, "name": "EC_INVALID_EMAIL_ADDRESS", "groupId": 2, "permanent": True}


def results(scene, name="results.csv"):
    with (scene.folder / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def opened(row):
    return json.dumps(
        {"notificationType": "OPENED", "messageId": row["message_id"], "recipient": row["email"]}
    )


@pytest.fixture
def told(sent):
    """A mailing with a hard bounce, a delivery, an open alone, and a stranger's report."""
    scene, rows = sent
    names = [
        write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"])),
        write(scene, "b.json", delivered(rows[1])),
        write(scene, "c.json", opened(rows[2])),
        write(scene, "d.eml", bounce("stranger@example.net", rows[3]["email"])),
    ]
    assert reports(scene, "read", *names).code == 0
    return scene, rows


def test_the_results_gain_what_the_reports_say(told):
    scene, rows = told
    assert set(rows[0]) > set(COLUMNS)
    assert {row[name] for row in rows for name in COLUMNS} == {""}
    assert scene._program("results", "job.yaml", cwd=scene.folder).code == 0
    found = results(scene)
    assert [(row["status"], row["report"], row["report_kind"]) for row in found] == [
        ("accepted", "bounced", "hard"),
        ("accepted", "delivered", ""),
        ("accepted", "", ""),
        ("accepted", "", ""),
        ("accepted", "", ""),
    ]
    assert [(row["opens"], row["clicks"]) for row in found] == [
        ("0", "0"), ("0", "0"), ("1", "0"), ("", ""), ("", ""),
    ]  # fmt: skip
    for row, before in zip(found, rows, strict=True):
        assert {name: row[name] for name in list(row)[:14]} == {
            name: before[name] for name in list(before)[:14]
        }
    # A run of the finished edition writes the same.
    again = (scene.folder / "results.csv").read_bytes()
    (scene.folder / "results.csv").unlink()
    assert scene.command("run").code == 0
    assert (scene.folder / "results.csv").read_bytes() == again


def test_the_store_may_lie_elsewhere(told):
    scene, _ = told
    shutil.move(scene.folder / ".mailbatch" / "reports.sqlite3", scene.folder / "far.sqlite3")
    for command in ("results", "run"):
        assert scene._program(command, "job.yaml", cwd=scene.folder).code == 0
        assert {row["report"] for row in results(scene)} == {""}
        done = scene._program(command, "job.yaml", "--store", "far.sqlite3", cwd=scene.folder)
        assert done.code == 0
        assert [row["report"] for row in results(scene)][:2] == ["bounced", "delivered"]
        missing = scene._program(command, "job.yaml", "--store", "no.sqlite3", cwd=scene.folder)
        assert missing.code == 2
        assert "--store no.sqlite3: there is no such file" in missing.err


def test_status_has_a_line_and_an_object(told):
    scene, _ = told
    done = scene._program("status", "job.yaml", cwd=scene.folder)
    assert done.code == 0
    assert (
        "reports: 1 delivered, 1 bounced (1 hard), 1 opened; 1 of no recipient of this edition\n"
        in done.out
    )
    told_by = scene._program("status", "job.yaml", "--json", cwd=scene.folder).json["reports"]
    assert {name: number for name, number in told_by.items() if number} == {
        "delivered": 1, "bounced": 1, "hard": 1, "opened": 1, "unmatched": 1,
    }  # fmt: skip
    (scene.folder / ".mailbatch" / "reports.sqlite3").unlink()
    assert "reports" not in scene._program("status", "job.yaml", cwd=scene.folder).out
    assert scene._program("status", "job.yaml", "--json", cwd=scene.folder).json["reports"] is None


def test_a_store_that_cannot_be_read_costs_a_run_the_reports_alone(told):
    scene, _ = told
    (scene.folder / ".mailbatch" / "reports.sqlite3").write_text("no store of reports" * 100)
    (scene.folder / "results.csv").unlink()
    done = scene.command("run")
    assert done.code == 0
    assert "the results have no reports: " in done.err
    assert len(results(scene)) == 5
    shown = scene._program("status", "job.yaml", cwd=scene.folder)
    assert shown.code == 0
    assert "the reports are not known: " in shown.err
    refused = scene._program("results", "job.yaml", cwd=scene.folder)
    assert refused.code == 74


def test_a_rehearsal_reads_no_reports(told):
    scene, _ = told
    assert scene._program("run", "job.yaml", "--sandbox", cwd=scene.folder).code == 0
    assert {row["report"] for row in results(scene, "results.sandbox.csv")} == {""}


@pytest.mark.parametrize(
    "command", [("run", "--yes"), ("status",), ("results",), ("reports", "show"),
                ("resolve", "--from-reports")],
)  # fmt: skip
def test_a_store_that_nobody_may_look_at_is_named(told, command):
    """A file of a folder of somebody else's; here of a name that no folder can have."""
    scene, _ = told
    path = scene.folder / ("s" * 300)
    name, *more = command
    words = [*command[:2], "job.yaml"] if name == "reports" else [name, "job.yaml", *more]
    done = scene._program(*words, "--store", str(path), cwd=scene.folder)
    assert (done.code, f"{path}: File name too long" in done.err) == (74, True)


def test_a_link_to_a_store_of_somebody_else_costs_a_run_the_reports_alone(told):
    scene, _ = told
    store = scene.folder / ".mailbatch" / "reports.sqlite3"
    store.unlink()
    store.symlink_to(store.name)  # a loop: as hard to look at as another user's folder
    (scene.folder / "results.csv").unlink()
    done = scene.command("run")
    assert done.code == 0
    assert len(results(scene)) == 5


# `recipients.suppress: [reports]`


def suppressed(scene, edition="2", *more, code=0):
    """Run another edition, and return its suppressed rows: the address and the reason."""
    done = scene.command("run", "--edition", edition, "--yes", *more)
    assert done.code == code, done.err
    return {row["email"]: row["reason"] for row in results(scene) if row["status"] == "suppressed"}


@pytest.fixture
def asked(told):
    """The same mailing, whose job leaves out whom the reports speak against."""
    scene, rows = told
    scene.edit("  file: recipients.csv", "  file: recipients.csv\n  suppress: [reports]")
    return scene, rows


def test_the_next_edition_leaves_out_whom_a_report_speaks_against(asked):
    scene, rows = asked
    gone = rows[0]["email"]
    assert suppressed(scene) == {gone: "listed in reports (bounced 5.1.1)"}
    # Another edition looks at all editions before; the second mailed four, and one complained.
    with (scene.folder / "results.csv").open(newline="") as stream:
        second = list(csv.DictReader(stream))
    complaint = {
        "notificationType": "COMPLAINED", "messageId": second[4]["message_id"],
        "recipient": second[4]["email"], "eventId": "1",
    }  # fmt: skip
    reports(scene, "read", write(scene, "e.json", json.dumps(complaint)))
    assert suppressed(scene, "3") == {
        gone: "listed in reports (bounced 5.1.1)",
        second[4]["email"]: "listed in reports (complained)",
    }


def test_a_stranger_s_report_suppresses_nobody(asked):
    """It names an address of the table, and a token and ids that no ledger of the job knows."""
    scene, rows = asked
    strange = {
        "messageId": "strange", "bulkId": "strange", "to": rows[3]["email"],
        "status": {"groupId": 2}, "error": UNKNOWN,
        "callbackData": json.dumps({"mb": "f" * 16}),
    }  # fmt: skip
    complaint = {
        "notificationType": "COMPLAINED", "messageId": "strange", "recipient": rows[4]["email"],
    }  # fmt: skip
    one = write(scene, "s.json", json.dumps({"results": [strange]}))
    assert reports(scene, "read", one, write(scene, "c.json", json.dumps(complaint))).code == 0
    assert suppressed(scene) == {rows[0]["email"]: "listed in reports (bounced 5.1.1)"}


@pytest.mark.parametrize("names", [{}, {"callbackData": json.dumps({"mb": "f" * 16})}])
def test_who_knows_bulk_id_and_address_can_post_and_suppresses_nobody(asked, names):
    """Nor does any other command take the report for one about the recipient."""
    scene, rows = asked
    scene.edit("retry:", "callbacks: {bulk_id: 'scene-{{ edition }}'}\nretry:")
    strange = {
        "messageId": "strange", "bulkId": "scene-1", "to": rows[3]["email"],
        "status": {"groupId": 2}, "error": UNKNOWN, **names,
    }  # fmt: skip
    body = json.dumps({"results": [strange]}).encode()
    store = scene.folder / ".mailbatch" / "reports.sqlite3"

    def keep(origin):
        with ReportStore(store) as opened:
            opened.keep([Body(body, origin, 1795950000.0)])
        shown = reports(scene, "show", "--json").json
        return shown["bounced"], shown["unmatched"]

    assert keep(Origin.SERVE) == (1, 2)
    gone = {rows[0]["email"]: "listed in reports (bounced 5.1.1)"}
    assert suppressed(scene) == gone
    # The provider's own log says the same of a message whose id the ledger may have missed.
    assert keep(Origin.PULL) == ((1, 2) if names else (2, 1))
    also = {} if names else {rows[3]["email"]: "listed in reports (bounced 6006)"}
    assert suppressed(scene, "3") == gone | also


def test_an_edition_without_its_ledger_suppresses_nobody(asked):
    scene, _ = asked
    for path in scene.ledgers:
        path.rename(scene.folder / path.name)
    assert suppressed(scene) == {}


def test_a_first_run_with_a_store_elsewhere_has_no_edition_to_look_at(asked):
    scene, _ = asked
    state = scene.folder / ".mailbatch"
    state.rename(scene.folder / "elsewhere")
    store = scene.folder / "elsewhere" / "reports.sqlite3"
    assert suppressed(scene, "2", "--store", str(store)) == {}


def test_reports_stand_beside_lists(asked):
    scene, rows = asked
    write(scene, "left.txt", f"{rows[2]['email']}\n{rows[0]['email']}\n")
    scene.edit("suppress: [reports]", "suppress: [reports, left.txt]")
    assert suppressed(scene) == {
        rows[0]["email"]: "listed in left.txt",
        rows[2]["email"]: "listed in left.txt",
    }


def test_a_file_called_reports_is_named_with_its_folder(asked):
    scene, rows = asked
    write(scene, "reports", rows[2]["email"])
    refused = scene.command("run", "--edition", "2")
    assert refused.code == 78
    assert "Write ./reports for the file" in refused.err
    scene.edit("suppress: [reports]", "suppress: [./reports]")
    assert suppressed(scene) == {rows[2]["email"]: "listed in ./reports"}


def test_check_says_how_many(asked):
    scene, _ = asked
    done = scene._program("check", "job.yaml", cwd=scene.folder)
    assert "1 of 5 rows: 1 listed in reports (bounced 5.1.1)" in done.out


@pytest.mark.parametrize("command", ["check", "preview"])
def test_what_is_looked_at_is_what_a_run_with_the_same_options_would_mail(asked, command):
    """The reports lie in another state folder, and their store in a third place."""
    scene, rows = asked
    state, store = scene.folder / "there", scene.folder / "reports.sqlite3"
    (scene.folder / ".mailbatch").rename(state)
    (state / store.name).rename(store)
    given = ("--edition", "2", "--state-dir", str(state), "--store", str(store))
    done = scene._program(command, "job.yaml", "--json", *given, cwd=scene.folder)
    assert json.loads(done.out)["suppressed"] == 1
    scene.command("run", "--yes", *given)
    assert [row["email"] for row in results(scene) if row["status"] == "suppressed"] == [
        rows[0]["email"]
    ]


def test_reports_that_come_during_an_edition_count_for_those_who_wait(asked):
    """As with a list: whoever has the message keeps it, and the rest is left out."""
    scene, rows = asked
    assert suppressed(scene, "2", "--limit", "1", code=75) == {
        rows[0]["email"]: "listed in reports (bounced 5.1.1)"
    }
    late = bounce(rows[4]["header_message_id"], rows[4]["email"])
    reports(scene, "read", write(scene, "late.eml", late))
    assert set(suppressed(scene)) == {rows[0]["email"], rows[4]["email"]}
    (scene.folder / ".mailbatch" / "reports.sqlite3").unlink()
    assert suppressed(scene) == {}
    assert {row["status"] for row in results(scene)} == {"accepted"}


def test_a_store_that_cannot_be_read_stops_a_run_that_needs_it(asked):
    scene, _ = asked
    (scene.folder / ".mailbatch" / "reports.sqlite3").write_text("no store of reports" * 100)
    done = scene.command("run", "--edition", "2", "--yes")
    assert done.code == 74
    assert scene._program("check", "job.yaml", cwd=scene.folder).code == 74
