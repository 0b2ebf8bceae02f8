"""The site of the documentation in a browser, light and dark, on a phone and on a desktop."""

import importlib.util
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        importlib.util.find_spec("material") is None, reason="the extra `docs` is not installed"
    ),
]
#: With many words of each kind: text, tables, commands with what they print, jobs, templates.
PAGES = ("index.html", "how-to/faq/index.html", "reference/python/index.html")
#: The rules of axe-core that are ours to keep; others are about the script of the theme.
RULES = ["aria-dialog-name", "color-contrast", "link-in-text-block", "link-name", "button-name"]
RULES += ["image-alt", "heading-order", "label"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_read_it(site, watched, axe, width, dark):
    """WCAG 2.1, 1.4.3 and its like, as far as axe-core can tell."""
    page = watched(width, 844, dark=dark).page
    for name in PAGES:
        page.goto((site / name).as_uri())
        page.evaluate(axe)
        found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], name
