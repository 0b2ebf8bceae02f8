"""One letter as a picture and as PDF, drawn by the real Chromium, which reaches nobody."""

import shutil
import socket
from pathlib import Path
from struct import unpack

import pytest

from mailbatch.preview.chromium import NAMES
from tests.checks.mailing import Mailing, html
from tests.support.obstacle import skip_unless_required

from .galleries import png

pytestmark = pytest.mark.browser

ROWS = [
    {"email": "ann@example.com", "first_name": "Ann", "high": "100"},
    {"email": "bob@example.com", "first_name": "Bob", "high": "900"},
]


@pytest.fixture(autouse=True)
def _installed():
    if not any(map(shutil.which, NAMES)):
        skip_unless_required("there is no Chromium", "MAILBATCH_REQUIRE_BROWSER")


def size(path):
    """The width and the height of a PNG."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return unpack(">II", data[16:24])


def written(folder, capsys, body, *, message=None, files=None, **options):
    """Write a letter as picture; return its size in pixels of CSS."""
    pieces = html(f"<body style='margin:0'>{body}", **(message or {}))
    pieces["files"].update(files or {})
    mailing = Mailing(folder, rows=ROWS, **pieces)
    given = {"png": folder / "letter.png", "as_json": False, "out": None, **options}
    assert mailing.preview(capsys, **given)[0] == 0
    width, height = size(folder / "letter.png")
    return width // 2, height // 2


def test_a_picture_is_as_wide_as_said_and_as_long_as_the_letter(tmp_path, capsys):
    body = '<div style="height: {{ high }}px">{{ first_name }}</div>'
    assert written(tmp_path, capsys, body, width=390) == (390, 800)
    assert written(tmp_path, capsys, body, only=["bob@example.com"]) == (640, 900)


def test_the_width_counts_for_the_styles_of_the_letter(tmp_path, capsys):
    body = "<style>@media (max-width: 480px) { p { height: 1200px; margin: 0 } }</style><p>x</p>"
    assert written(tmp_path, capsys, body, width=390) == (390, 1200)
    assert written(tmp_path, capsys, body, width=640) == (640, 800)


def test_inline_images_are_drawn(tmp_path, capsys):
    body = '<img src="cid:logo" alt="" style="display: block">'
    files = {"logo.png": png(8, 1000)}
    inline = {"inline": {"logo": "logo.png"}}
    assert written(tmp_path, capsys, body, message=inline, files=files) == (640, 1000)


def test_a_letter_beyond_what_chromium_draws_is_cut(tmp_path, capsys):
    written(tmp_path, capsys, '<div style="height: 40000px">x</div>')
    assert size(tmp_path / "letter.png") == (640, 16000)


def test_a_letter_of_text_is_drawn(tmp_path, capsys):
    mailing = Mailing(tmp_path, files={"letter.txt.j2": "Dear {{ first_name }} <b>\n" * 100})
    given = {"png": tmp_path / "a.png", "pdf": tmp_path / "a.pdf", "as_json": False, "out": None}
    assert mailing.preview(capsys, **given)[0] == 0
    assert size(tmp_path / "a.png")[1] > 2 * 1000
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")


def test_nobody_is_asked_for_anything(tmp_path, capsys):
    """Neither by name nor by number, and no file of the machine is shown."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        (tmp_path / "secret.png").write_bytes(png(8, 1200))
        body = (
            f"<meta http-equiv='refresh' content='0;url={url}'><link rel=stylesheet href='{url}'>"
            f"<style>@import '{url}'; p {{ background: url({url}) }}</style><p>x</p>"
            f"<img src='{url}a.png' alt=''><img src='file://{tmp_path}/secret.png' alt=''>"
            f"<iframe src='{url}'></iframe><script>fetch('{url}')</script>"
            f"<img src='x' onerror=\"location='{url}'\"><object data='{url}'></object>"
        )
        assert written(tmp_path, capsys, body, pdf=tmp_path / "a.pdf") == (640, 800)
        with pytest.raises(BlockingIOError):
            server.accept()


def children():
    """The processes that this one has started and not yet buried."""
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


def test_no_process_and_no_profile_are_left(tmp_path, capsys, monkeypatch):
    (tmp_path / "tmp").mkdir()
    before = children()  # of other tests: the browser that these share
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    written(tmp_path, capsys, "<p>x</p>")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert children() <= before
