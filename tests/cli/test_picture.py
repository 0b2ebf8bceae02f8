"""Pictures of a message: what goes with them, and browsers that are missing, end or say nothing."""

import time
from pathlib import Path

import pytest

from mailbatch.errors import OutputError
from mailbatch.preview.chromium import Chromium
from tests.checks.mailing import Mailing


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Put a browser of one's own into a PATH with nothing else: `fake("exit 0")`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(script):
        path = folder / "chromium"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make


def draw(tmp_path, capsys, **options):
    mailing = Mailing(tmp_path / "job")
    given = {"png": tmp_path / "a.png", "as_json": False, "out": None, **options}
    code, out = mailing.preview(capsys, **given)
    return code, out.err


@pytest.mark.usefixtures("fake")
def test_without_a_browser_there_is_a_next_step(tmp_path, capsys):
    code, told = draw(tmp_path, capsys)
    assert code == 78
    assert "a picture needs Chromium, which is not installed" in told
    assert "apt install chromium" in told
    assert not (tmp_path / "a.png").exists()


def test_a_browser_that_ends_is_told(tmp_path, capsys, fake):
    fake("exit 3")
    code, told = draw(tmp_path, capsys)
    assert code == 74
    assert "Chromium ended before" in told


def test_a_browser_that_says_nothing_is_ended(fake):
    path = fake("while :; do :; done")
    began = time.monotonic()
    with pytest.raises(OutputError, match="took too long"), Chromium.start(path, seconds=0.3) as b:
        b.page()
    assert time.monotonic() - began < 20


def test_a_browser_that_is_no_program_is_told(tmp_path):
    (tmp_path / "chromium").write_text("")
    with pytest.raises(OutputError, match="cannot start"):
        Chromium.start(str(tmp_path / "chromium"), seconds=1).__enter__()


@pytest.mark.parametrize(
    "options",
    [
        {"serve": True}, {"eml": Path("eml")}, {"as_json": True}, {"limit": 3},
        {"everything": True}, {"browse": True},
        {"only": ["a@example.com", "b@example.com"]}, {"png": None, "width": 390},
    ],
)  # fmt: skip
def test_options_of_the_gallery_do_not_go_with_a_picture(options, tmp_path, capsys):
    assert draw(tmp_path, capsys, **options)[0] == 2


def test_the_table_is_no_place_for_a_picture(tmp_path, capsys):
    code, told = draw(tmp_path, capsys, png=tmp_path / "job" / "people.csv")
    assert code == 2
    assert "would replace" in told
