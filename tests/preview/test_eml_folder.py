"""`preview --eml`: the previewed messages as files, under names that stay, and nobody else's."""

import email
import json
from email import policy

import pytest

from mailbatch.cli.run import run_command
from mailbatch.cli.run_arguments import RunArguments
from mailbatch.errors import UsageError
from mailbatch.preview.eml_folder import MANIFEST, eml_name, write_messages
from tests.checks.mailing import Mailing, html
from tests.render.test_other_parser import node_obstacle, parsed_by_node
from tests.support.obstacle import skip_unless_required

ROWS = (
    {"email": "ann@example.com", "first_name": "Änn"},
    {"email": "no address", "first_name": "X"},
    {"email": "o'neil/x@example.org", "first_name": "Oona"},
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def mailing(tmp_path):
    return Mailing(tmp_path / "job", rows=ROWS, **html("<p>Hello {{ first_name }}</p>"))


def test_each_message_is_a_file_with_the_bytes_of_the_gallery(mailing, tmp_path, capsys):
    out = tmp_path / "letters"
    code, said = mailing.preview(capsys, eml=out, as_json=False, quiet=False)
    assert code == 0
    assert "2 messages in " in said.err
    first, third = "000002-ann@example.com.eml", "000004-o_neil_x@example.org.eml"
    assert names(out) == [first, third, MANIFEST]
    for number, name in ((1, first), (2, third)):
        gallery = mailing.folder / "gallery" / "messages" / f"000{number}.eml"
        assert (out / name).read_bytes() == gallery.read_bytes()
    read = email.message_from_bytes((out / first).read_bytes(), policy=policy.default)
    assert read["To"] == "ann@example.com"
    assert "Hello Änn" in read.get_body(("html",)).get_content()


def test_they_are_the_bytes_of_a_dry_run(mailing, tmp_path, capsys):
    """But for the Date, which is that of the moment."""
    mailing.preview(capsys, eml=tmp_path / "letters")
    drafts = tmp_path / "drafts"
    run_command(RunArguments(mailing.path, dry_run=True, out=drafts, quiet=True))
    capsys.readouterr()

    def lines(path):
        return [one for one in path.read_bytes().split(b"\r\n") if not one.startswith(b"Date:")]

    written = [tmp_path / "letters" / name for name in names(tmp_path / "letters")[:2]]
    made = [drafts / name for name in names(drafts)]
    assert list(map(lines, written)) == list(map(lines, made))


def test_mailparser_reads_them(mailing, tmp_path, capsys):
    obstacle = node_obstacle()
    if obstacle is not None:
        skip_unless_required(obstacle, "MAILBATCH_REQUIRE_NODE")
    mailing.preview(capsys, eml=tmp_path / "letters")
    read = parsed_by_node(tmp_path / "letters")
    assert [one["to"]["address"] for one in read] == ["ann@example.com", ROWS[2]["email"]]
    assert "Hello Änn" in read[0]["html"]


def test_files_of_the_preview_before_give_way_and_others_stay(tmp_path):
    out = tmp_path / "letters"
    assert write_messages(out, [(2, "a@x.org", b"one"), (3, "b@x.org", b"two")]) == 2
    (out / "notes.txt").write_text("mine")
    (out / "000009-mine.eml").write_text("mine, too")
    assert write_messages(out, [(3, "b@x.org", b"new")]) == 1
    assert names(out) == ["000003-b@x.org.eml", "000009-mine.eml", "notes.txt", MANIFEST]
    assert (out / "000003-b@x.org.eml").read_bytes() == b"new"


def test_a_folder_of_others_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="has other files in it"):
        write_messages(tmp_path, [(2, "a@x.org", b"one")])
    assert names(tmp_path) == ["notes.txt"]


def test_a_file_that_is_on_no_list_is_not_replaced(tmp_path):
    out = tmp_path / "letters"
    write_messages(out, [(2, "a@x.org", b"one")])
    (out / "000003-b@x.org.eml").write_bytes(b"mine")
    with pytest.raises(UsageError, match="is no message of an earlier preview"):
        write_messages(out, [(3, "b@x.org", b"new")])
    assert (out / "000003-b@x.org.eml").read_bytes() == b"mine"
    assert (out / "000002-a@x.org.eml").read_bytes() == b"one"


def test_a_list_from_elsewhere_removes_nothing_outside(tmp_path):
    out, other = tmp_path / "letters", tmp_path / "000001-x.eml"
    out.mkdir()
    other.write_text("mine")
    listed = ["../000001-x.eml", "/etc/000001-passwd.eml", "notes.txt", 7, "000001-a\0b.eml"]
    (out / MANIFEST).write_text(json.dumps({"files": listed}))
    (out / "notes.txt").write_text("mine")
    write_messages(out, [])
    assert (other.exists(), (out / "notes.txt").exists()) == (True, True)
    (out / MANIFEST).write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        write_messages(out, [])


def test_a_link_in_place_of_a_message_is_replaced_and_not_followed(tmp_path):
    out, other = tmp_path / "letters", tmp_path / "mine.txt"
    write_messages(out, [(2, "a@x.org", b"one")])
    other.write_text("mine")
    (out / "000002-a@x.org.eml").unlink()
    (out / "000002-a@x.org.eml").symlink_to(other)
    write_messages(out, [(2, "a@x.org", b"two")])
    assert other.read_text() == "mine"
    assert (out / "000002-a@x.org.eml").read_bytes() == b"two"


def test_serve_excludes_it(mailing, tmp_path, capsys):
    options = {"serve": True, "eml": tmp_path / "letters", "as_json": False}
    assert mailing.preview(capsys, **options)[0] == 2


@pytest.mark.parametrize("address", ["x" * 400 + "@example.org", "日" * 90 + "@例え.jp", "../\0\n"])
def test_names_are_names(address, tmp_path):
    name = eml_name(1, address)
    (tmp_path / name).write_bytes(b"")
    assert names(tmp_path) == [name]
