"""The gallery in a browser: every view of it, and all of it by keyboard."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mailbatch.preview.index_page import index_data, listed
from mailbatch.render.preheader import with_preheader
from tests.checks.making import content, overview
from tests.preview.making import entry

from .galleries import frame, write

pytestmark = pytest.mark.browser


# -- looking at a message ------------------------------------------------------------------------


def test_widths_and_schemes(letters, watched):
    page = watched().open(letters / "messages" / "0001.html")
    spacing = "getComputedStyle(document.getElementById('p')).letterSpacing"
    colour = "getComputedStyle(document.getElementById('p')).color"
    for name, width, narrow in (
        ("Phone", 375, True),
        ("Tablet", 768, False),
        ("Desktop", 1180, False),
    ):
        page.get_by_role("button", name=name).click()
        page.wait_for_timeout(300)
        assert page.locator("#frame").bounding_box()["width"] <= width
        assert frame(page).evaluate("innerWidth") <= width
        assert (frame(page).evaluate(spacing) == "3px") is narrow
    assert frame(page).evaluate(colour) == "rgb(1, 2, 3)"
    page.get_by_role("button", name="Dark", exact=True).click()
    assert frame(page).evaluate(colour) == "rgb(4, 5, 6)"
    page.get_by_role("button", name="Inverted").click()
    assert frame(page).evaluate(colour) == "rgb(1, 2, 3)"
    assert "invert" in page.locator("#frame").evaluate("e => getComputedStyle(e).filter")


def test_a_desktop_is_a_desktop_on_a_phone_too(letters, watched):
    """A small window begins with the phone's width, and shows the others as they are, smaller."""
    page = watched(375, 800).open(letters / "messages" / "0001.html")
    for name, width in ((None, 375), ("Tablet", 768), ("Desktop", 1024)):
        if name is not None:
            page.get_by_role("button", name=name).click()
            page.wait_for_timeout(300)
        assert frame(page).evaluate("innerWidth") == width
        assert page.locator("#device").bounding_box()["width"] <= 375
        assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_the_inbox_line_is_cut_by_the_room_as_lists_of_messages_do(tmp_path, watched):
    """A preheader is read in the list and seen nowhere in the letter."""
    html = with_preheader("<body><p id='p'>Dear Ann</p></body>", "Tulips & tea " * 9)
    made = replace(content(subject="A long subject " * 3, html=html), preheader="Tulips & tea")
    write(tmp_path / "g", [entry(made=made)])
    for width, shown in ((1280, ("webmail", "phone")), (390, ("phone",))):
        page = watched(width, 844).open(tmp_path / "g" / "messages" / "0001.html")
        for kind in ("webmail", "phone"):
            box = page.locator(f".inbox .{kind}")
            assert box.is_visible() is (kind in shown)
            assert "A long subject" in box.inner_text() or kind not in shown
            if kind in shown:
                assert "Tulips & tea" in box.inner_text()
                assert "Dear Ann" not in box.inner_text()
                assert box.bounding_box()["height"] < 140
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert not frame(page).get_by_text("Tulips").is_visible()
        assert frame(page).locator("#p").is_visible()
        listed = watched(width, 844).open(tmp_path / "g" / "index.html")
        assert "Tulips & tea" in listed.locator("#wall .card").inner_text()


def test_the_scheme_of_a_mail_is_its_own_not_the_readers(letters, watched):
    page = watched(dark=True).open(letters / "messages" / "0001.html")
    assert (
        frame(page).evaluate("getComputedStyle(document.getElementById('p')).color")
        == "rgb(1, 2, 3)"
    )


def test_inline_images_are_shown(letters, watched):
    page = watched().open(letters / "messages" / "0001.html")
    logo = frame(page).locator("#logo")
    assert logo.evaluate("image => image.naturalWidth") == 8
    assert logo.get_attribute("src").startswith("data:image/png;base64,")


def test_before_and_after(letters, watched):
    page = watched().open(letters / "messages" / "0001.html")
    page.get_by_role("button", name="Before").click()
    assert frame(page).locator("body").inner_text() == "old"
    page.get_by_role("button", name="After").click()
    assert "Hello" in frame(page).locator("body").inner_text()
    page.keyboard.press("9")
    assert "added: +b" in page.locator("#changes").text_content()


def test_tabs_by_keyboard(letters, watched):
    """1 to 8, and arrows within the row of tabs; the focus and the states follow."""
    page = watched().open(letters / "messages" / "0002.html")
    names = ["preview", "text", "headers", "source", "attachments", "checks"]
    names += ["clients", "links"]
    for key, name in enumerate(names, 1):
        page.keyboard.press(str(key))
        assert page.locator("[role=tabpanel]:visible").get_attribute("id") == name
        assert page.evaluate("document.activeElement.id") == f"tab-{name}"
    page.keyboard.press("ArrowRight")
    assert page.locator("[role=tab][aria-selected=true]").get_attribute("id") == "tab-preview"
    page.keyboard.press("End")
    assert page.locator("#links").is_visible()
    page.keyboard.press("6")
    assert "MB206" in page.locator("#checks").inner_text()
    assert page.locator("[role=tab][tabindex='0']").count() == 1


def test_from_message_to_message_by_keyboard(letters, watched):
    page = watched().open(letters / "messages" / "0001.html")
    steps = (("j", 2), ("ArrowRight", 3), ("j", 3), ("k", 2), ("ArrowLeft", 1))
    for key, number in steps:
        page.keyboard.press(key)
        page.wait_for_selector(f"h1:text('Letter {number}')")
        page.wait_for_selector("body[data-ready]")
    page.keyboard.press("u")
    page.wait_for_url(re.compile("index.html"))


def test_help_by_keyboard(letters, watched):
    page = watched().open(letters / "messages" / "0001.html")
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("j")
    assert "0001" in page.url
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()


# -- the index -----------------------------------------------------------------------------------


def shown(page):
    return page.locator(".card a, .row a").all_inner_texts()


def test_search_and_filters(letters, watched):
    page = watched().open(letters / "index.html")
    assert shown(page) == ["Letter 1", "Letter 2", "Letter 3"]
    page.keyboard.press("/")
    page.keyboard.type("ZOE")
    assert shown(page) == ["Letter 3"]
    assert page.locator("#shown").inner_text() == "1 of 3"
    page.keyboard.press("Escape")
    assert len(shown(page)) == 3
    page.get_by_label("Checks", exact=True).select_option("warnings")
    assert shown(page) == ["Letter 2"]
    page.get_by_label("Checks", exact=True).select_option("")
    page.get_by_label("Group").select_option("en")
    assert shown(page) == ["Letter 2", "Letter 3"]
    page.get_by_label("Search").fill("nobody at all")
    assert page.get_by_text("No message matches.").is_visible()
    page.get_by_role("button", name="Show all").click()
    assert len(shown(page)) == 3
    page.get_by_label("Changes").select_option("changed")
    assert shown(page) == ["Letter 1"]


def test_a_finding_filters_its_messages(letters, watched):
    page = watched().open(letters / "index.html")
    page.get_by_role("button", name="An image has no alt text").click()
    assert shown(page) == ["Letter 2"]


def test_next_goes_through_what_the_filter_left(letters, watched):
    page = watched().open(letters / "index.html")
    page.get_by_label("Group").select_option("en")
    page.locator(".card a").first.click()
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#position").inner_text() == "1 of 2, filtered"
    page.keyboard.press("k")
    assert "0002" in page.url
    page.keyboard.press("j")
    page.wait_for_selector("h1:text('Letter 3')")
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("u")
    page.wait_for_selector(".card, .row")
    page.wait_for_selector("body[data-ready]")
    assert shown(page) == ["Letter 2", "Letter 3"]


def test_the_list_by_keyboard(letters, watched):
    page = watched().open(letters / "index.html")
    page.keyboard.press("v")
    assert page.locator("[role=row][aria-rowindex='2'] [role=cell]").count() == 6
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "Letter 2"
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:text('Letter 2')")


def test_ten_thousand_messages(tmp_path, watched):
    """Only the rows in sight are drawn; searching, scrolling and jumping stay quick."""
    one = content(html=None, text="x\n")
    gallery = write(tmp_path, [entry(made=one)])
    many = [listed(f"{n:05}", entry(n, made=one)) for n in range(1, 10_001)]
    (gallery / "index-data.js").write_text(index_data(overview(), many))
    page = watched().open(gallery / "index.html")
    assert page.locator("#shown").inner_text() == "10,000 shown"
    assert page.locator(".row").count() < 120
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("text=p10000@example.com")
    assert page.locator(".row").count() < 120
    milliseconds = page.evaluate(
        """() => {
          const search = document.getElementById("search");
          const begin = performance.now();
          search.value = "p9999@";
          search.dispatchEvent(new Event("input"));
          return performance.now() - begin;
        }"""
    )
    assert page.locator(".row").count() == 1
    assert milliseconds < 1000
    page.get_by_label("Search").fill("")
    page.get_by_label("Order").select_option("size")
    assert page.locator(".row").count() < 120


def test_the_theme_follows_the_reader_and_can_be_chosen(letters, watched):
    page = watched(dark=True).open(letters / "index.html")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Dark theme").click()
    light = page.evaluate(background)
    assert dark != light
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.evaluate(background) == light


def test_nothing_is_wider_than_a_phone(letters, watched):
    """At 360 pixels nothing has to be scrolled sideways, in either view and in any tab."""
    seen = watched(360, 740)
    for name, keys in (("index.html", "vv"), ("messages/0001.html", "1234567")):
        page = seen.open(letters / name)
        for key in keys:
            page.keyboard.press(key)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360


CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_enough_contrast(letters, watched, dark):
    """WCAG 2.1, 1.4.3: 4.5 to 1."""
    seen = watched(dark=dark)
    page = seen.open(letters / "index.html")
    assert page.evaluate(CONTRAST) == []
    page.keyboard.press("v")
    assert page.evaluate(CONTRAST) == []
    seen.open(letters / "messages" / "0002.html")
    for key in "123456":
        page.keyboard.press(key)
        assert page.evaluate(CONTRAST) == []


def test_the_first_key_skips_what_is_the_same_on_every_page(letters, watched):
    seen = watched()
    for name in ("index.html", "messages/0002.html"):
        page = seen.open(letters / name)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        assert page.evaluate("scrollY") < 100


NAMELESS = """() => [...document.querySelectorAll("a[href], button, input, select, iframe")]
  .filter((e) => e.checkVisibility() && !e.closest("[aria-hidden=true]"))
  .filter((e) => !(e.getAttribute("aria-label") || e.title || e.textContent.trim()))
  .map((e) => e.outerHTML.slice(0, 80))"""


def test_everything_that_can_be_operated_has_a_name(letters, watched):
    """For those who hear the page."""
    seen = watched()
    for name in ("index.html", "messages/0002.html"):
        assert seen.open(letters / name).evaluate(NAMELESS) == []
