"""Restores as people make them: a backup, a checkout, an online copy, a moved or a renamed job."""

import json
import os
import shutil
import sqlite3
from contextlib import nullcontext

import pytest

from mailbatch.errors import LedgerError, RecipientError
from mailbatch.ledger.store import Ledger
from mailbatch.ledger.under_way import UnderWay
from mailbatch.ledger.witness import witness_of
from tests.certainty.dying import OTHER_BOOT, ended, start
from tests.certainty.forked import mailbatch
from tests.certainty.scene import Scene
from tests.ledger.steps import NOW, numbers, people, plan


def state_of(scene):
    return scene.folder / ".mailbatch"


@pytest.fixture
def mailing(tmp_path, fault_server):
    """Twenty recipients, of whom six are mailed; and a backup of the state folder from then."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=20)
    assert scene.run(limit=6).exit_code == 75
    shutil.copytree(state_of(scene), tmp_path / "backup")  # as `cp -a`
    return server, scene, tmp_path / "backup"


def over(backup, state):
    """`cp -a backup/. state/`, `rsync --inplace`, an editor: the files stay, the bytes go back."""
    for file in backup.iterdir():
        data, found = file.read_bytes(), file.stat()
        target = state / file.name
        target.write_bytes(data)
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def replaced(backup, state):
    """`rm -r state; cp -a backup state`."""
    shutil.rmtree(state)
    shutil.copytree(backup, state)


def renamed(backup, state):
    """`rsync -a`, `git checkout`: each file is written beside, and takes the place of the old."""
    for file in backup.iterdir():
        beside = state / "beside"
        shutil.copy2(file, beside)
        beside.rename(state / file.name)


def moved(backup, state):
    """The folder is put away, and the backup takes its name."""
    state.rename(state.with_name("away"))
    backup.rename(state)


def visible(backup, state):
    """`rm state/*; cp -a backup/* state/`: what is hidden stays."""
    for file in [*state.iterdir()]:
        if not file.name.startswith("."):
            file.unlink()
    for file in backup.iterdir():
        if not file.name.startswith("."):
            shutil.copy2(file, state)


def ledger_alone(backup, state):
    shutil.copy2(backup / "scene@1.sqlite3", state)


def all_but_the_lock(backup, state):
    for file in [*state.iterdir()]:
        if not file.name.endswith(".lock"):
            file.unlink()
    for file in backup.iterdir():
        if not file.name.endswith(".lock"):
            shutil.copy2(file, state)


def without_notes(backup, state):
    replaced(backup, state)
    for file in (state / "scene@1.sqlite3.lock", witness_of(state / "scene@1.sqlite3")):
        file.unlink()


KINDS = (over, replaced, renamed, moved, visible, ledger_alone, all_but_the_lock, without_notes)


@pytest.mark.parametrize("dies", [False, True], ids=["ended", "died"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_backup_that_is_put_back_is_refused(mailing, kind, dies):
    """Whatever the tool does with the files, and however the run since had ended."""
    server, scene, backup = mailing
    if dies:
        assert ended(start(scene.job, step="settle", when="after", nth=4)) == -9
    else:
        scene.run(limit=4)
    sent = len(server.deliveries())
    kind(backup, state_of(scene))
    for _ in range(2):
        found = mailbatch("run", "job.yaml", cwd=scene.folder)
        assert found.code == 74, found
        assert "scene@1.sqlite3" in found.err
        assert "`mailbatch resolve --restored`" in found.err
    assert len(server.deliveries()) == sent


def test_no_command_believes_a_ledger_that_was_put_back(mailing):
    """Results made from it would take the place of the only record of who was mailed since."""
    _, scene, backup = mailing
    scene.run(limit=4)
    replaced(backup, state_of(scene))
    record = (scene.folder / "results.csv").read_bytes()
    for command in (
        ("results", "job.yaml", "--failed", "again.csv"),
        ("status", "job.yaml"),
        ("status", "job.yaml", "--json"),
        ("resolve", "job.yaml"),
    ):
        found = mailbatch(*command, cwd=scene.folder)
        assert found.code == 74, found
        assert "`mailbatch resolve --restored`" in found.err
    assert (scene.folder / "results.csv").read_bytes() == record
    assert not (scene.folder / "again.csv").exists()


def test_a_ledger_that_was_put_back_is_taken_when_somebody_says_so(mailing):
    """Whoever was mailed since the copy was made is mailed again, as the words say."""
    server, scene, backup = mailing
    scene.run(limit=4)
    replaced(backup, state_of(scene))
    found = mailbatch("resolve", "job.yaml", "--restored", cwd=scene.folder)
    assert found.code == 0, found
    assert found.err == ("taken as it stands: 6 accepted, 0 in doubt; the next run mails 14\n")
    assert mailbatch("run", "job.yaml", cwd=scene.folder).code == 0
    assert len(server.deliveries()) == 20 + 4
    for options in (("--restored", "--skip"), ("--restored", "--only", "user1@example.net")):
        assert mailbatch("resolve", "job.yaml", *options, cwd=scene.folder).code == 2


def test_a_copy_of_a_dead_run_that_is_taken_leaves_its_lot_in_doubt(tmp_path, fault_server):
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5)
    assert ended(start(scene.job, step="commit", when="before", nth=3)) == -9
    shutil.copytree(state_of(scene), tmp_path / "backup")
    replaced(tmp_path / "backup", state_of(scene))
    assert mailbatch("run", "job.yaml", cwd=scene.folder).code == 74
    found = mailbatch("resolve", "job.yaml", "--restored", "--json", cwd=scene.folder)
    assert (found.code, json.loads(found.out)) == (4, {"resolved": 0, "in_doubt": 3})
    assert scene.run().exit_code == 4
    scene.check(server.deliveries())


def test_an_online_copy_of_a_ledger_is_an_older_copy(tmp_path, fault_server):
    """`sqlite3 FILE .backup` while a run is on gives a whole database, of that moment."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=8)
    assert ended(start(scene.job, step="settle", when="after", nth=3)) == -9
    with sqlite3.connect(f"file:{scene.ledger}?mode=ro", uri=True) as source:
        target = sqlite3.connect(tmp_path / "copy")
        source.backup(target)
        target.close()
    source.close()
    assert scene.run(limit=2).exit_code == 75
    sent = len(server.deliveries())
    shutil.copyfile(tmp_path / "copy", scene.ledger)
    assert mailbatch("run", "job.yaml", cwd=scene.folder).code == 74
    assert len(server.deliveries()) == sent


def test_notes_without_their_ledger_are_no_beginning(mailing):
    _, scene, _ = mailing
    scene.ledger.unlink()
    found = mailbatch("run", "job.yaml", cwd=scene.folder)
    assert found.code == 74
    assert "the ledger is gone" in found.err
    for name in (f"{scene.ledger}.lock", str(witness_of(scene.ledger))):
        assert os.path.relpath(name, scene.folder) in found.err or name in found.err


@pytest.mark.parametrize("boot", [None, OTHER_BOOT], ids=["same-boot", "other-boot"])
def test_a_journal_that_is_lost_is_missed_on_any_boot(tmp_path, fault_server, boot):
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5)
    assert ended(start(scene.job, step="settle", when="after", nth=3, boot=boot)) == -9
    scene.ledger.with_name(scene.ledger.name + "-wal").unlink()
    with pytest.raises(LedgerError, match=r"its journal .* is gone"):
        scene.run()
    assert len(server.deliveries()) == 3


def test_a_mailing_that_was_moved_goes_on_and_says_so(mailing, tmp_path):
    """`cp -a` of the whole job to another folder, which is then the only one."""
    server, scene, _ = mailing
    shutil.copytree(scene.folder, tmp_path / "t")
    found = mailbatch("run", "job.yaml", "--quiet", cwd=tmp_path / "t")
    assert found.code == 0, found
    assert f"its last run was on {os.uname().nodename}, at {scene.ledger}" in found.err
    assert len(server.deliveries()) == 20
    assert mailbatch("run", "job.yaml", "--quiet", cwd=tmp_path / "t").err == ""


def test_a_dead_run_that_was_moved_leaves_its_lot_in_doubt(tmp_path, fault_server):
    """The copy is another file: nobody knows whether it has the last commits."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5)
    assert ended(start(scene.job, step="commit", when="before", nth=3)) == -9
    shutil.copytree(scene.folder, tmp_path / "t")
    moved_to = Scene(tmp_path / "t", server.port, recipients=5)
    assert moved_to.run().exit_code == 4
    assert list(moved_to.statuses().values()) == ["accepted"] * 2 + ["in_doubt"] * 3
    moved_to.check(server.deliveries())


@pytest.mark.parametrize("change", ["rights", "link", "back"])
def test_what_changes_no_byte_is_no_restore(mailing, change):
    server, scene, _ = mailing
    for file in [*state_of(scene).iterdir()]:
        if change == "rights":
            file.chmod(0o640)
        elif change == "link":
            os.link(file, scene.folder / file.name)
        elif file == scene.ledger:  # put back as it was
            data = file.read_bytes()
            file.unlink()
            file.write_bytes(data)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())


# A state folder that goes away under a run


@pytest.mark.parametrize("together", [False, True])
def test_no_commit_point_is_passed_once_the_state_folder_has_moved(tmp_path, together):
    path = tmp_path / "state" / "news.sqlite3"
    with Ledger.open(path, job="n", edition="1", message_id_domain="example.com") as ledger:
        plan(ledger, people("a", "b"))
        first, second = ledger.leases.lease(2, now=NOW)
        ledger.records.commit_point(first.id)
        path.parent.rename(tmp_path / "away")
        with (
            pytest.raises(LedgerError, match="while this run was under way"),
            ledger.records.together() if together else nullcontext(),
        ):
            ledger.records.commit_point(second.id)
        (tmp_path / "away").rename(path.parent)
        ledger.records.commit_point(second.id)  # nothing of it was recorded
        assert numbers(ledger) == {"pending": 2}


@pytest.mark.parametrize("left", [True, False], ids=["lock-left", "all-gone"])
def test_a_ledger_that_is_taken_away_under_a_run_is_missed_by_the_next(
    tmp_path, fault_server, monkeypatch, left
):
    """However the run ends. Without its lock file the results say that people had it: 65."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5)
    commit, calls = UnderWay.commit_point, []

    def taken_away(ledger, *arguments, **named):
        calls.append(arguments)
        if len(calls) == 3:
            for file in [*state_of(scene).iterdir()]:
                if not (left and file.name.endswith((".lock", ".seen"))):
                    file.unlink()
        commit(ledger, *arguments, **named)

    monkeypatch.setattr(UnderWay, "commit_point", taken_away)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailbatch.delivery.lots.LOT", 3)
        assert scene.run().exit_code == 74
    monkeypatch.undo()
    sent = len(server.deliveries())
    assert sent == (3 if left else 2)
    with pytest.raises((LedgerError, RecipientError)) as caught:
        scene.run()
    assert caught.value.exit_code == (74 if left else 65)
    assert len(server.deliveries()) == sent


# A job that was renamed, or copied without its memory


def rename(scene, name):
    scene.job.write_text(scene.job.read_text().replace("name: scene", f"name: {name}"))


@pytest.fixture
def finished(tmp_path, fault_server):
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=8)
    scene.run()
    return server, scene


def test_a_job_that_was_renamed_mails_nobody_again(finished):
    server, scene = finished
    (scene.folder / "results.csv").unlink()
    rename(scene, "spring")
    found = mailbatch("run", "job.yaml", cwd=scene.folder)
    assert found.code == 65, found
    assert ".mailbatch/scene@1.sqlite3 says that 8 of 8 recipients of edition 1 had it" in found.err
    assert "name: scene" in found.err
    assert "--new-mailing" in found.err
    assert not (state_of(scene) / "spring@1.sqlite3").exists()
    assert len(server.deliveries()) == 8
    for rehearsal in (("--dry-run",), ("--sandbox",)):
        rehearsed = mailbatch("run", "job.yaml", *rehearsal, cwd=scene.folder)
        assert rehearsed.code == 65
        assert "a real run would mail nobody: " in rehearsed.err
        assert "--new-mailing" in rehearsed.err
        known = (*rehearsal, "--new-mailing")
        assert mailbatch("run", "job.yaml", *known, cwd=scene.folder).code == 0
    assert mailbatch("run", "job.yaml", "--new-mailing", cwd=scene.folder).code == 0
    assert mailbatch("run", "job.yaml", cwd=scene.folder).code == 0
    assert len(server.deliveries()) == 16


def test_a_run_that_mailed_nobody_makes_no_mailing_of_its_own(finished):
    """The password was wrong at first, say: the next run asks again who has the message."""
    server, scene = finished
    (scene.folder / "results.csv").unlink()
    rename(scene, "spring")
    with Ledger.open(
        state_of(scene) / "spring@1.sqlite3",
        job="spring",
        edition="1",
        message_id_domain="example.com",
    ) as begun:
        plan(begun, people(*scene.addresses))
    found = mailbatch("run", "job.yaml", cwd=scene.folder)
    assert found.code == 65, found
    assert "and spring has mailed nobody yet" in found.err
    assert len(server.deliveries()) == 8


@pytest.mark.parametrize("more", [7, 8])
def test_most_is_more_than_half(finished, more):
    server, scene = finished
    (scene.folder / "results.csv").unlink()
    rename(scene, "spring")
    scene.write_recipients([*scene.addresses, *(f"new{n}@example.net" for n in range(more))])
    code = mailbatch("run", "job.yaml", cwd=scene.folder).code
    assert code == (65 if more < 8 else 0)
    assert len(server.deliveries()) == (8 if more < 8 else 24)


def test_another_edition_is_another_mailing(finished):
    server, scene = finished
    rename(scene, "spring")
    assert mailbatch("run", "job.yaml", "--edition", "2", cwd=scene.folder).code == 0
    assert len(server.deliveries()) == 16


@pytest.mark.parametrize("edition", ["1", "=1"])
def test_results_without_their_ledger_are_a_memory(tmp_path, fault_server, edition):
    """A job that was copied with its results, and without the hidden folder."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5)
    run = ("run", "job.yaml", "--edition", edition)
    assert mailbatch(*run, "--limit", "2", cwd=scene.folder).code == 75
    shutil.rmtree(state_of(scene))
    found = mailbatch(*run, cwd=scene.folder)
    assert found.code == 65, found
    assert "results.csv says that 2 recipients of edition" in found.err
    assert "there is no ledger at" in found.err
    assert len(server.deliveries()) == 2
    assert mailbatch(*run, "--new-mailing", cwd=scene.folder).code == 0
    assert len(server.deliveries()) == 7


@pytest.mark.parametrize("text", ["", "not,results\r\n1,2\r\n", "row,status\r\n2,accepted\r\n"])
def test_another_file_in_the_place_of_the_results_is_no_memory(tmp_path, fault_server, text):
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port)
    (scene.folder / "results.csv").write_text(text)
    assert mailbatch("run", "job.yaml", cwd=scene.folder).code == 0
    scene.check(server.deliveries())
