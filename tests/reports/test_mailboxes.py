"""Bodies in files, mboxes, Maildirs, folders and standard input; nothing of them is changed."""

import io
import mailbox
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailbatch.reports.mailboxes import MOST_BYTES, bodies_in, bodies_in_stream
from mailbatch.reports.store import Body, Origin, ReportStore

SAMPLES = Path(__file__).parent / "samples"
MAILS = sorted(SAMPLES.glob("*.eml"))


def contents(found):
    return [one.content for one in found]


def tree(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def mbox(tmp_path):
    box = mailbox.mbox(tmp_path / "inbox")
    for mail in MAILS:
        box.add(mail.read_bytes().replace(b"\r\n", b"\n"))
    box.close()
    return tmp_path / "inbox"


def test_a_mail_is_one_body():
    (found,) = bodies_in(MAILS[0])
    assert (found.place, found.content) == (str(MAILS[0]), MAILS[0].read_bytes())


def test_an_mbox_gives_its_mails_and_stays_as_it_is(mbox):
    before = tree(mbox.parent)
    found = list(bodies_in(mbox))
    assert contents(found) == [mail.read_bytes().replace(b"\r\n", b"\n") for mail in MAILS]
    assert found[2].place == f"{mbox}[3]"
    assert tree(mbox.parent) == before


def test_an_mbox_without_the_right_to_write_is_read(mbox):
    mbox.chmod(0o400)
    mbox.parent.chmod(0o500)
    try:
        assert len(list(bodies_in(mbox))) == len(MAILS)
    finally:
        mbox.parent.chmod(0o700)


def test_a_maildir_gives_new_and_seen_mails_and_stays_as_it_is(tmp_path):
    box = mailbox.Maildir(tmp_path / "Maildir")
    for number, mail in enumerate(MAILS):
        key = box.add(mail.read_bytes())
        if number % 2:
            message = box[key]
            message.set_subdir("cur")
            message.set_flags("S")
            box[key] = message
    (tmp_path / "Maildir" / "tmp" / "half").write_bytes(b"From: half a mail")
    before = tree(tmp_path)
    found = contents(bodies_in(tmp_path / "Maildir"))
    assert len(found) == len(MAILS)
    assert b"From: half a mail" not in found
    assert tree(tmp_path) == before


def test_a_folder_gives_its_files_in_order(tmp_path):
    for name in ("b.json", "a.eml", ".hidden"):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub").mkdir()
    assert contents(bodies_in(tmp_path)) == [b"a.eml", b"b.json"]


def test_standard_input_is_a_mail_or_an_mbox(mbox):
    whole = MAILS[0].read_bytes()
    (found,) = bodies_in_stream(io.BytesIO(whole))
    assert (found.place, found.content) == ("standard input", whole)
    (piped,) = bodies_in_stream(io.BytesIO(b"From MAILER-DAEMON Sun Nov 29 2026\n" + whole))
    assert piped.place == "standard input[1]"
    assert piped.content == whole
    assert len(list(bodies_in_stream(io.BytesIO(mbox.read_bytes())))) == len(MAILS)


TWO = [b"Subject: 1\n\nno such mailbox\n", b"Subject: 2\n\nmailbox full\n"]
MBOX = b"\n".join(b"From MAILER-DAEMON Sun Nov 29 12:56:13 2026\n" + mail for mail in TWO)


def _in_a_folder(path, content):
    path.mkdir()
    (path / "bounces").write_bytes(content)
    return bodies_in(path)


def _in_a_maildir(path, content):
    (path / "cur").mkdir(parents=True)
    (path / "new").mkdir()
    (path / "new" / "1.bounces").write_bytes(content)
    return bodies_in(path)


def _named(path, content):
    path.write_bytes(content)
    return bodies_in(path)


def _piped(_, content):
    return bodies_in_stream(io.BytesIO(content))


def _named_pipe(path, content):
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(path.write_bytes, content)
        found = list(bodies_in(path))
        written.result()
    return found


WAYS = (_named, _in_a_folder, _in_a_maildir, _piped, _named_pipe)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("before", [b"", b"\r\n \n", b"\xef\xbb\xbf"])
def test_an_mbox_gives_all_its_mails_on_every_way_in(way, before, tmp_path):
    found = list(way(tmp_path / "in", before + MBOX))
    assert contents(found) == TWO
    assert [one.place[-3:] for one in found] == ["[1]", "[2]"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "content", [b"From: a@example.org\n\nFrom here\n", b'{"results": []}', b""]
)
def test_all_else_is_one_body_on_every_way_in(way, content, tmp_path):
    assert contents(way(tmp_path / "in", content)) == [content]


def test_an_empty_file_is_an_empty_body(tmp_path):
    (tmp_path / "empty").touch()
    assert contents(bodies_in(tmp_path / "empty")) == [b""]


def test_a_huge_file_is_cut(tmp_path):
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(MOST_BYTES + 10)
    (found,) = bodies_in(tmp_path / "huge")
    assert len(found.content) == MOST_BYTES


def test_what_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(bodies_in(tmp_path / "none"))


def test_a_name_that_is_no_text_gets_a_place_that_a_store_takes(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.eml"
    Path(os.fsdecode(name)).write_bytes(MAILS[0].read_bytes())
    (found,) = bodies_in(Path(os.fsdecode(name)))
    assert found.place == f"{tmp_path}/caf\\xe9.eml"
    with ReportStore(tmp_path / "reports.sqlite3") as store:
        assert store.keep([Body(found.content, Origin.READ, 1795950000.0, found.place)]) == 1
