"""The contents of a bundle: what makes the messages, and neither the table nor a secret."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailbatch.bundle.archive import name_of, pack
from mailbatch.bundle.contents import bundle_of, unpacked
from mailbatch.envelope import Delivery, Recipient
from mailbatch.errors import JobError, LedgerError
from mailbatch.job.loader import load_job
from mailbatch.render.composer import Composer

JOB = """\
version: 1
name: news
server: {host: "${HOST}", username: ann, password: {file: password.txt}}
sender: {from: News <news@example.com>}
recipients: {file: recipients.csv, suppress: [gone.txt]}
message:
  subject: Hello {{ name }}
  text: letter.txt.j2
  html: letter.html.j2
  images: embed
  attachments: [{path: "files/terms.txt"}, {glob: "files/*.csv"}, {path: later.txt, optional: true}]
"""
COLUMNS = ("email", "name")
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=timezone(timedelta(hours=1), "CET"))
FILES = {
    "job.yaml": JOB,
    "recipients.csv": "email,name\nann@example.net,Ann\n",
    "gone.txt": "bob@example.net\n",
    "password.txt": "s3cret",
    "letter.txt.j2": "{% include 'parts/head.txt.j2' %} {{ now.strftime('%Z') }} {{ variables.k }}",
    "letter.html.j2": "<p>{{ name }}</p><img src='logo.gif'>",
    "parts/head.txt.j2": "Dear {{ name }}",
    "parts/other.txt.j2": "nobody includes this",
    "files/terms.txt": "terms",
    "files/prices.csv": "1,2",
    "notes.txt": "private",
}
GIF = b"GIF89a" + bytes(20)
ENVIRONMENT = {"HOST": "smtp.example.com", "OTHER": "secret"}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "logo.gif").write_bytes(GIF)
    return tmp_path


def composed(job, columns=COLUMNS, now=NOW):
    return Composer(
        job, edition="48", columns=columns, now=now, variables={**job.variables, "k": "v"}
    )


def bundled(folder, **changes):
    job = load_job(folder / "job.yaml", environ=ENVIRONMENT)
    known = {"edition": "48", "now": NOW, "variables": {"k": "v"}, "columns": COLUMNS, **changes}
    return bundle_of(job, composed(job), environ=ENVIRONMENT, **known), job


def delivery():
    row = Recipient(2, "ann@example.net", ("ann@example.net", "Ann"))
    return Delivery(
        id=1, key="ann@example.net", attempt=1, message_id="a@example.com", date=1_796_000_000,
        unsettled=("ann@example.net",), addresses=("ann@example.net",), rows=(row,),
    )  # fmt: skip


def test_a_bundle_has_what_makes_the_messages_and_nothing_else(folder):
    bundle, _ = bundled(folder)
    assert set(bundle.files) == {
        "job.yaml", "letter.txt.j2", "letter.html.j2", "parts/head.txt.j2", "files/terms.txt",
        "files/prices.csv", "logo.gif",
    }  # fmt: skip
    assert bundle.environment == {"HOST": "smtp.example.com"}
    packed = bundle.pack()
    for secret in (b"s3cret", b"ann@example.net", b"bob@example.net", b"private", b"OTHER"):
        assert secret not in packed


def test_the_same_inputs_give_the_same_bytes_at_any_time(folder):
    bundle, _ = bundled(folder)
    later, _ = bundled(folder, now=NOW + timedelta(days=9))
    assert bundle.pack() == later.pack()
    other, _ = bundled(folder, now=NOW.astimezone(UTC))
    assert bundle.pack() != other.pack()


def test_messages_of_the_unpacked_bundle_are_the_same(folder):
    bundle, job = bundled(folder)
    data = bundle.pack()
    here = composed(job).compose(delivery(), eight_bit=True)
    with unpacked(data, name_of(data)) as (same, elsewhere):
        assert elsewhere.folder != job.folder
        assert elsewhere.server.host == "smtp.example.com"
        assert (same.edition, same.columns, same.variables) == ("48", COLUMNS, {"k": "v"})
        there = composed(elsewhere, same.columns, same.now).compose(delivery(), eight_bit=True)
        assert b"CET v" in b"".join(piece.data for piece in there.octets.pieces)
        assert there.octets.digest == here.octets.digest
        place = elsewhere.folder
    assert not place.exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("files/terms.txt", "files/{{ name }}.txt", "is a template"),
        ("files/*.csv", "files/{{ name }}*.csv", "is a template"),
    ],
)
def test_a_job_in_which_cells_name_files_has_no_bundle(folder, old, new, words):
    (folder / "job.yaml").write_text(JOB.replace(old, new))
    with pytest.raises(JobError, match=words):
        bundled(folder)


def test_a_letter_in_which_cells_name_images_has_no_bundle(folder):
    (folder / "letter.html.j2").write_text("<img src='{{ name }}.gif'>")
    with pytest.raises(JobError, match="a cell of the table names files"):
        bundled(folder)


def test_a_job_that_changed_behind_its_loading_has_no_bundle(folder):
    job = load_job(folder / "job.yaml", environ=ENVIRONMENT)
    composer = composed(job)
    (folder / "job.yaml").write_text(JOB.replace("Hello", "Hullo"))
    with pytest.raises(JobError, match="not the one of its file"):
        bundle_of(
            job, composer, edition="48", now=NOW, variables={}, columns=COLUMNS, environ=ENVIRONMENT
        )


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"{}", b'{"format": 1}', b'{"format": 2, "columns": [], "zone": []}']
)
def test_a_bundle_of_another_version_is_refused(manifest):
    data = pack({"mailbatch.json": manifest, "job/job.yaml": JOB.encode()})
    with (
        pytest.raises(LedgerError, match="another version of mailbatch"),
        unpacked(data, name_of(data)),
    ):
        pass


@pytest.mark.parametrize(
    "hostile",
    [
        {"job": "/etc/hostname"},
        {"job": "../elsewhere.yaml"},
        {"job": 3},
        {"zone": [1e9, "X"]},
        {"zone": [float("nan"), "X"]},
        {"zone": "ab"},
        {"environment": ["HOME"]},
        {"variables": {"greeting": 1}},
    ],
)
def test_a_manifest_that_no_run_writes_is_refused(hostile):
    told = {
        "format": 1, "job": "job.yaml", "edition": "48", "environment": {}, "variables": {},
        "columns": ["email"], "zone": [0.0, "UTC"], "accept_changes": False,
    }  # fmt: skip
    manifest = json.dumps({**told, **hostile}).encode()
    data = pack({"mailbatch.json": manifest, "job/job.yaml": JOB.encode()})
    with pytest.raises(LedgerError, match="another version"), unpacked(data, name_of(data)):
        pass
