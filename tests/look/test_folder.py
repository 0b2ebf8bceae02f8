"""A folder of pages: whose it is, what is copied into it, and what a killed process leaves."""

import pytest

from mailbatch.errors import UsageError
from mailbatch.look.folder import add_assets, check_place, move

NAMES = ("m.json", "index.html", "list")


@pytest.fixture
def made(tmp_path):
    """Pages that are ready to be moved."""
    folder = tmp_path / "made"
    (folder / "list").mkdir(parents=True)
    for name in ("m.json", "index.html", "list/1.js"):
        (folder / name).write_text("new")
    return folder


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def check(out):
    check_place(out, "m.json", "earlier pages")


def test_earlier_pages_are_replaced_and_other_files_stay(made, out):
    (out / "list").mkdir()
    for name in ("index.html", "list/2.js", "notes.txt"):
        (out / name).write_text("old")
    move(made, out, NAMES)
    assert sorted(path.name for path in out.rglob("*")) == [
        "1.js", "index.html", "list", "m.json", "notes.txt",
    ]  # fmt: skip
    assert (out / "index.html").read_text() == "new"


def test_a_link_is_replaced_and_not_followed(made, out, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    (out / "list").symlink_to(other)
    move(made, out, NAMES)
    assert not (out / "list").is_symlink()
    assert (other / "mine.txt").read_text() == "mine"


def test_a_half_that_was_left_may_be_replaced(made, out):
    """The manifest comes first, so the folder is known as one of these pages."""
    (made / "list" / "1.js").unlink()
    (made / "list").rmdir()
    with pytest.raises(FileNotFoundError):
        move(made, out, NAMES)
    check(out)


@pytest.mark.parametrize("name", [".hidden", None])
def test_an_empty_folder_may_be_used(out, name):
    if name is not None:
        (out / name).write_text("")
    check(out)
    check(out / "not there")


def test_a_folder_of_others_is_refused(out):
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UsageError) as caught:
        check(out)
    assert caught.value.hint == "choose an empty folder, or one of earlier pages"


def test_every_page_gets_the_style_and_the_script_of_all(out, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.css").write_text("p {}")
    names = add_assets(out, own)
    assert names == ["assets/look.css", "assets/look.js", "assets/mine.css"]
    assert all((out / name).is_file() for name in names)
