"""`mailbatch reports page`: from a store and a ledger to files for a browser."""

import json
import re
from functools import partial

import pytest

from tests.certainty.disks import Disks
from tests.certainty.forked import mailbatch

from .test_reports import bounce, delivered, reports, sent, write  # noqa: F401 - a fixture, too

FILES = ("recipients.csv", "results.csv", "job.yaml")


@pytest.fixture
def reported(sent):  # noqa: F811
    """A mailing that was sent, with a bounce and a delivery."""
    scene, rows = sent
    names = [
        write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"])),
        write(scene, "b.eml", bounce("stranger@example.net", rows[2]["email"])),
        write(scene, "c.json", delivered(rows[3])),
    ]
    assert reports(scene, "read", *names).code == 0
    return scene, rows


def test_the_page_has_what_show_counts_and_every_recipient(reported):
    scene, rows = reported
    done = reports(scene, "page", "--out", "page")
    assert (done.code, done.out) == (0, "")
    assert "5 recipients: page/index.html" in done.err
    page = (scene.folder / "page" / "index.html").read_text()
    for said in (
        "<h1><bdi>scene</bdi></h1>", "edition <bdi>1</bdi>", "550 5.1.1 no such mailbox",
        "1 report of no recipient of this edition",
    ):  # fmt: skip
        assert said in page
    for status, number in (("accepted", 5),):
        assert f'data-status="{status}">{status}</button></div><span class="count">{number}' in page
    for event, number in (("bounced hard", 1), ("delivered", 1)):
        assert re.search(
            f'data-event="{event}">[a-z, ]+</button></div><span class="count">{number}<', page
        )
    data = (scene.folder / "page" / "recipients" / "0001.js").read_text()
    listed = json.loads(data.removeprefix("mailbatchRecipients(1,").removesuffix(");\n"))
    assert listed["email"] == [row["email"] for row in rows]
    assert listed["event"] == ["bounced", "", "", "delivered", ""]
    manifest = json.loads((scene.folder / "page" / "reports-page.json").read_text())
    assert (manifest["job"], manifest["edition"]) == ("scene", "1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", manifest["as_of"])


def test_the_page_is_made_again_in_its_place_and_changes_nothing_else(reported):
    scene, rows = reported
    before = {name: (scene.folder / name).read_bytes() for name in FILES}
    assert reports(scene, "page", "--out", "page", "--quiet").err == ""
    name = write(scene, "d.eml", bounce(rows[1]["header_message_id"], rows[1]["email"]))
    assert reports(scene, "read", name).code == 0
    assert reports(scene, "page", "--out", "page").code == 0
    assert 'count">2<' in (scene.folder / "page" / "index.html").read_text()
    assert {name: (scene.folder / name).read_bytes() for name in FILES} == before


def test_a_full_disk_asks_for_space_and_leaves_nothing(reported):
    scene, _ = reported
    with Disks(small=scene.folder / "small", size="64k") as disks:
        command = partial(mailbatch, "reports", cwd=scene.folder, namespace=disks.namespace)
        done = command("page", "job.yaml", "--out", "small/page")
        assert done.code == 74
        assert "cannot be written: No space left on device" in done.err
        assert "free some space" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--out", "."], 2, ". has other files in it"),
        (["--out", "recipients.csv"], 2, "recipients.csv is no folder"),
        (["--out", "recipients.csv/page"], 74, "choose another --out"),
        (["--out", "page", "--edition", "9"], 74, "there is no ledger of this edition"),
        (["--out", "page", "--store", "none.sqlite3"], 2, "there is no such file"),
        (["--out", "page", "--store", "recipients.csv"], 74, "file is not a database"),
        ([], 2, "Missing option '--out'"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(reported, arguments, code, words):
    scene, _ = reported
    before = {name: (scene.folder / name).read_bytes() for name in FILES}
    done = reports(scene, "page", *arguments)
    assert done.code == code
    assert words in " ".join(done.err.split())
    assert not (scene.folder / "page").exists()
    assert {name: (scene.folder / name).read_bytes() for name in FILES} == before
