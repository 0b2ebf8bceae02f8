"""Chromium for the tests of the gallery; skipped with a reason where it is not installed."""

import os
import shutil
from pathlib import Path

import pytest

from mailbatch.checks.findings import Finding, Tally
from mailbatch.errors import Location
from mailbatch.preview.entry import Change, Since
from tests.checks.making import content, file
from tests.preview.making import entry
from tests.support.obstacle import skip_unless_required

from .galleries import LETTER, png, write

EXECUTABLE = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def _missing(what, required="MAILBATCH_REQUIRE_BROWSER"):
    skip_unless_required(what, required)


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium for one module: while it is there, asyncio.run works for nobody else."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed")
    if shutil.which(EXECUTABLE) is None:
        _missing(f"there is no {EXECUTABLE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def axe():
    """The script of axe-core, which judges whether everybody can use a page."""
    for folder in filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)):
        script = Path(folder) / "axe-core" / "axe.min.js"
        if script.is_file():
            return script.read_text(encoding="utf-8")
    return _missing("npm's axe-core is not found (set NODE_PATH)", "MAILBATCH_REQUIRE_NODE")


class Watched:
    """A page with everything that it asked for, and everything that went wrong in it."""

    def __init__(self, page):
        self.page = page
        self.requests = []
        self.errors = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", self._dialog)

    def _dialog(self, dialog):
        self.errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    @property
    def remote(self):
        """What left the machine, or would have."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "about:"))]

    def open(self, path, fragment=""):
        self.page.goto(path.resolve().as_uri() + fragment)
        self.page.wait_for_selector("body[data-ready]")
        return self.page


@pytest.fixture
def watched(chromium):
    """Open pages of one's own, `watched(width=..., dark=True)`; no error may happen in any."""
    contexts, pages = [], []

    def make(width=1280, height=900, *, dark=False):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        pages.append(Watched(context.new_page()))
        return pages[-1]

    yield make
    for context in contexts:
        context.close()
    assert [error for page in pages for error in page.errors] == []


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """Three letters in two groups; the first has changed, the second has a warning."""
    logo = file("logo.png", png(), "image/png", "logo")
    made = [content(subject=f"Letter {n}", html=LETTER, inline=(logo,)) for n in (1, 2, 3)]
    finding = Finding("MB206", 'src="x.png"', "x.png", Location("letter.html.j2", 3))
    change = Change("changed", (("Text", ("-a", "+b")),), "<p>old</p>")
    return write(
        tmp_path_factory.mktemp("letters"),
        [
            entry(1, made=made[0], group=(("locale", "de"),), change=change),
            entry(2, made=made[1], group=(("locale", "en"),), findings=(finding,)),
            entry(3, made=made[2], group=(("locale", "en"),), address="zoë@example.com"),
        ],
        tallies=(Tally("MB206", "x.png", 1, ('src="x.png"',)),),
        since=Since("earlier"),
    )
