"""The site: built strictly, every link leads somewhere, and it fetches nothing from the network."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("material") is None, reason="the extra `docs` is not installed"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    finished = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return folder


def test_every_page_is_built(site):
    """Each page of the documentation is a page of the site, and nothing else of docs/ is."""
    assert (site / "index.html").exists()
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("")
        assert name.name == "index" or (site / name / "index.html").exists(), name
    assert not list(site.rglob("*.py"))


def test_the_search_has_a_name(site):
    """The theme gives its dialog none, so a reader of screens would say no more than "dialog"."""
    for page in site.rglob("*.html"):
        dialogs = re.findall(r"<[^>]*\brole=\"?dialog[^>]*>", page.read_text(encoding="utf-8"))
        assert dialogs, page
        assert all('aria-label="Search"' in dialog for dialog in dialogs), page


def test_light_and_dark_can_be_chosen(site):
    """As the system says, light and dark: each leads to the next by a button with a name."""
    text = (site / "index.html").read_text(encoding="utf-8")
    buttons = re.findall(r'<label class="md-header__button md-icon" title="([^"]+)" for="__p', text)
    assert len(set(buttons)) == len(buttons) == 3


def test_pictures_are_small(site):
    """So that the README opens quickly: both together, in bytes."""
    pictures = sorted(site.rglob("*.webp"))
    assert [picture.name for picture in pictures] == ["gallery-message.webp", "gallery.webp"]
    assert sum(picture.stat().st_size for picture in pictures) < 150_000


def test_nothing_is_fetched_from_the_network(site):
    """Scripts, styles, pictures and fonts lie beside the pages."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|source|iframe)\b[^>]*\bsrc=\"?([^\"\s>]+)", text)
        loaded += re.findall(r"<link\b[^>]*\bhref=\"?([^\"\s>]+)", text)
        assert not [url for url in loaded if re.match(r"(https?:)?//", url)], page
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8"), style
