"""The templates in Chromium, on phone and desktop, in light and dark: they fit and can be read."""

from __future__ import annotations

import base64
import itertools
import re
import shutil

import pytest

from mailbatch.delivery.preparation import read_inputs
from mailbatch.envelope import Delivery
from mailbatch.job.loader import load_job
from mailbatch.render.shells import Shells
from tests.support.obstacle import skip_unless_required
from tests.templates.rehearsal import NOW, ROOT

pytestmark = pytest.mark.browser

BY_HAND = ["event", "invoice", "newsletter"]
WITH_HTML = ["digest", *BY_HAND]
FOLDERS = {
    **{name: ROOT / "templates" / name for name in WITH_HTML},
    "quickstart": ROOT / "examples" / "quickstart",
}
#: A small phone, a phone, a tablet, a desktop.
WIDTHS = (320, 375, 768, 1280)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Every visible text whose contrast with what is behind it is below 4.5 (WCAG 2.2, 1.4.3).
FAINT_TEXTS = """() => {
  const parse = (css) => css.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.replace(/[\\s\\u00a0]+/g, " ").trim();
    if (!text || !element.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(1)}: ${text}`);
  }
  return faint;
}"""


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium without a network."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        skip_unless_required("Chromium is not installed", "MAILBATCH_REQUIRE_BROWSER")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def contents():
    """The rendered content of the first recipients of each template, by its name."""

    def of(name):
        job = load_job(FOLDERS[name] / "job.yaml", environ={})
        inputs = read_inputs(job, edition=None, variables={}, now=NOW)
        rows = {}
        for row in inputs.plan:
            rows.setdefault(row.address, []).append(row)
        for number, (address, own) in enumerate(rows.items(), start=1):
            delivery = Delivery(
                id=number,
                key=str(number),
                attempt=1,
                message_id=f"{number}@example.com",
                date=int(NOW.timestamp()),
                unsettled=(address,),
                addresses=(address,),
                rows=tuple(own),
            )
            yield inputs.composer.content(inputs.composer.render(delivery))

    # The first rows take every branch of the templates.
    return {name: list(itertools.islice(of(name), 4)) for name in FOLDERS}


def html_with_images(content):
    html = content.html
    for image in content.inline:
        data = base64.b64encode(image.data).decode("ascii")
        html = html.replace(f"cid:{image.cid}", f"data:{image.type};base64,{data}")
    return html


@pytest.fixture(scope="module")
def page(chromium):
    """One window for all tests, because opening one takes longer than they do."""
    page = chromium.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    yield page
    assert [url for url in requests if not url.startswith("data:")] == []


def show(page, html, *, width=800, scheme="light"):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.set_content(html)


#: Letters further apart: as wide as any font that a reader may have instead of those we name.
WIDE_FONT = "<style>* { letter-spacing: 0.12em !important }</style>"
STYLE = re.compile(r"<style.*?</style>", re.DOTALL)


def as_it_is(html):
    return html


def in_a_wide_font(html):
    return html + WIDE_FONT


def without_styles(html):
    return STYLE.sub("", html)


@pytest.mark.parametrize("shown", [as_it_is, in_a_wide_font, without_styles])
@pytest.mark.parametrize("name", FOLDERS)
def test_fits_every_window(page, contents, name, shown):
    """Nobody has to scroll sideways, whatever is in the row; desktops show 600 pixels."""
    for content in contents[name]:
        show(page, shown(html_with_images(content)))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") == width
            container = page.locator(".container, .sheet").bounding_box()
            # MJML takes the margin of the body away in a style element.
            margin = 16 if (name, shown) == ("digest", without_styles) else 0
            assert container["width"] == min(width - margin, 600)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", WITH_HTML)
def test_every_text_can_be_read(page, contents, name, scheme):
    """Contrast of at least 4.5 for every text, on the ground that the scheme asks for."""
    for content in contents[name]:
        show(page, html_with_images(content), scheme=scheme)
        assert page.evaluate(FAINT_TEXTS) == []
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        bright = sum(map(int, re.findall(r"\d+", ground)[:3])) > 3 * 128
        assert bright == (scheme == "light")


@pytest.mark.parametrize("name", BY_HAND)
def test_looks_the_same_without_the_style_element(page, contents, name):
    """A mail program that drops <style> shows the desktop design in light."""
    html = html_with_images(contents[name][0])
    stripped = without_styles(html)
    assert stripped != html
    pictures = []
    for text in (html, stripped):
        show(page, text)
        pictures.append(page.screenshot(full_page=True))
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("css", ["keep", "inline"])
def test_columns_of_mjml_stand_side_by_side_where_there_is_room(page, contents, css):
    """Also with the rules in the elements: what puts columns side by side stays in its @media."""
    html = contents["digest"][0].html
    show(page, Shells().inline(html) if css == "inline" else html)
    for width, tops in ((390, 4), (640, 2)):
        page.set_viewport_size({"width": width, "height": 800})
        boxes = [one.bounding_box() for one in page.locator(".mj-column-per-50").all()]
        assert len({round(box["y"]) for box in boxes}) == tops


@pytest.mark.parametrize("name", WITH_HTML)
def test_the_preheader_is_not_seen(page, contents, name):
    """It is there for lists of messages only."""
    show(page, html_with_images(contents[name][0]), width=375)
    assert not page.locator(".preheader").is_visible()
    assert page.locator("h1").is_visible()
