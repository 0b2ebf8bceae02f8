"""The page of a message in a browser: clients, links and sizes, for everybody and at any width."""

import pytest

from mailbatch.checks.codes import CLIPPED_AT
from tests.checks.making import content
from tests.preview.making import entry

from .galleries import write

pytestmark = pytest.mark.browser

HTML = (
    "<style>td > b { display: flex; gap: 1rem; filter: blur(1px) }"
    "b { clip-path: none; object-fit: cover; transform: none; z-index: 1; inset: 0 }</style>"
    '<p hidden style="opacity: .5">x</p>'
    '<a href="http://example.com/news">Here</a><a href="https://example.com/a">here</a>'
    f'<a href="https://example.com/{"long" * 60}"><img src="a.webp"></a><!--{"x" * CLIPPED_AT}-->'
)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    source = b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + HTML.encode()
    return write(tmp_path_factory.mktemp("page"), [entry(made=content(html=HTML), source=source)])


@pytest.mark.parametrize(
    ("tab", "told"),
    [
        ("clients", "Not in all of Gmail (2021-02), all of Outlook (2019, by 2021-03; "),
        ("links", "the same words lead elsewhere, too"),
        ("checks", "101 % of the 102 KB behind which Gmail clips"),
    ],
)
def test_a_panel_fits_a_phone_and_a_desktop(tab, told, gallery, watched):
    for width in (390, 1280):
        page = watched(width, 844).open(gallery / "messages" / "0001.html")
        page.locator(f"#tab-{tab}").click()
        panel = page.locator("[role=tabpanel]:visible")
        assert panel.get_attribute("id") == tab
        assert told in panel.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_more_features_are_unfolded_by_keyboard(gallery, watched):
    page = watched().open(gallery / "messages" / "0001.html")
    page.keyboard.press("7")
    folded = page.locator("#clients details").first
    assert not folded.locator(".sheet").is_visible()
    folded.locator("summary").focus()
    page.keyboard.press("Enter")
    assert folded.locator(".sheet").is_visible()


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_everybody_can_use_it(gallery, watched, axe, width, dark):
    """WCAG, as far as axe-core can tell, in each of the tabs and with every text unfolded."""
    page = watched(width, 844, dark=dark).open(gallery / "messages" / "0001.html")
    page.evaluate(axe)
    for tab in ("clients", "links", "checks"):
        page.locator(f"#tab-{tab}").click()
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        found = page.evaluate("axe.run('main', {preload: false})")["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
