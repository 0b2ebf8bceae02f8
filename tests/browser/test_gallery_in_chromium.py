"""The gallery in a browser: what is shut out stays out, and everything can be done by keyboard."""

import re
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from struct import pack

import pytest

from mailbatch.errors import Location
from mailbatch.preview.entry import Change, Finding, Tally
from mailbatch.preview.gallery import Gallery
from mailbatch.preview.index_page import index_data, listed
from tests.preview.making import HOSTILE, content, entry, file, overview

pytestmark = pytest.mark.browser


def png(width=8, height=8, colour=(255, 0, 0)):
    def chunk(kind, data):
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    head = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


#: Everything that a mail can try: to run, to fetch, to leave its frame.
TRICKS = """<!doctype html><html><head><title>x</title>
<meta http-equiv="refresh" content="0;url={tracker}/refresh">
<link rel="preconnect" href="{tracker}/preconnect">
<link rel="dns-prefetch" href="{tracker}/dns">
<link rel="preload" as="image" href="{tracker}/preload">
<link rel="stylesheet" href="{tracker}/style.css">
<base href="{tracker}/">
<style>@import "{tracker}/import.css";
@font-face {font-family: x; src: url({tracker}/font.woff)}
p {font-family: x; background: url("{tracker}/background.png")}
b {background: u\\72l({tracker}/escaped.png)}</style></head>
<body onload="top.pwned = 1" background="{tracker}/body.png">
<script>top.pwned = 1; document.title = "pwned"</script>
<img src="{tracker}/pixel.gif" width="1" height="1" onerror="top.pwned = 1">
<img src=x onerror="top.pwned = 1"><img srcset="{tracker}/set.png 2x">
<img src="relative.png"><img src="{schemeless}/scheme.png">
<picture><source srcset="{tracker}/source.png"><img src="{tracker}/p.png"></picture>
<p style="background: url('{tracker}/inline.png')">text</p><b>bold</b>
<iframe src="{tracker}/frame"></iframe>
<iframe srcdoc="<link rel=preconnect href={tracker}/nested>"></iframe>
<object data="{tracker}/object"></object><embed src="{tracker}/embed">
<video src="{tracker}/video" poster="{tracker}/poster.png" autoplay></video>
<svg><image href="{tracker}/svg.png"/><script>top.pwned = 1</script></svg>
<template shadowrootmode="open"><link rel="preconnect" href="{tracker}/shadow"></template>
<form action="{tracker}/form"><input autofocus onfocus="top.pwned = 1"></form>
<a href="javascript:top.pwned = 1" id="js">a</a><a href="https://example.invalid/" ping="{tracker}/ping">b</a>
<p>The end of the letter</p></body></html>"""

LETTER = """<html><head><style>p {color: rgb(1, 2, 3)}
@media (prefers-color-scheme: dark) {p {color: rgb(4, 5, 6)}}
@media (max-width: 480px) {p {letter-spacing: 3px}}</style></head>
<body><p id="p">Hello</p><img id="logo" src="cid:logo" alt="Logo"><a id="inner" href="#p">up</a></body></html>"""


def write(folder, entries, **more):
    with Gallery(folder, len(entries)) as gallery:
        for one in entries:
            gallery.add(one)
        gallery.finish(overview(**{"messages": len(entries), **more}))
    return folder


def frame(page):
    page.wait_for_function("document.getElementById('frame').srcdoc")
    page.wait_for_timeout(100)
    return page.frames[1]


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """Three letters, the second with a warning; a group; a change."""
    logo = file("logo.png", png(), "image/png", "logo")
    made = [content(subject=f"Letter {n}", html=LETTER, inline=(logo,)) for n in (1, 2, 3)]
    finding = Finding("MB206", 'src="x.png"', "x.png", Location("letter.html.j2", 3))
    return write(
        tmp_path_factory.mktemp("letters"),
        [
            entry(1, made=made[0], group=(("locale", "de"),), change=Change("changed", (("Text", ("-a", "+b")),), "<p>old</p>")),
            entry(2, made=made[1], group=(("locale", "en"),), findings=(finding,)),
            entry(3, made=made[2], address="zoë@example.com", group=(("locale", "en"),)),
        ],
        tallies=(Tally("MB206", "x.png", 1, ('src="x.png"',)),),
        against="earlier",
    )  # fmt: skip


@pytest.fixture
def tracker():
    """A web server that notes who asks: (its address, the paths that were asked for)."""
    asked = []

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def tricks(address):
    """Return the mail that tries everything, against a server that is there."""
    schemeless = address.removeprefix("http:")
    return TRICKS.replace("{tracker}", address).replace("{schemeless}", schemeless)


# -- what a mail tries ---------------------------------------------------------------------------


def test_a_mail_runs_nothing_and_fetches_nothing(tmp_path, watched, tracker):
    """On its page, at every width and in every scheme, and as a thumbnail."""
    address, asked = tracker
    gallery = write(tmp_path, [entry(made=content(html=tricks(address)))])
    seen = watched()
    page = seen.open(gallery / "messages" / "0001.html")
    for keys in ("w", "w", "w", "d", "d", "d"):
        assert "The end of the letter" in frame(page).locator("body").inner_text()
        page.keyboard.press(keys)
    page.wait_for_timeout(300)
    assert page.evaluate("window.pwned") is None
    assert "pwned" not in page.title()
    seen.open(gallery / "index.html")
    page.wait_for_selector(".thumb iframe")
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None
    assert seen.remote == []
    assert asked == []


def test_the_policy_alone_keeps_everything_out(tmp_path, watched, tracker):
    """The second wall: even what the script of the gallery would overlook is not fetched."""
    address, asked = tracker
    gallery = write(tmp_path, [entry(made=content(html="<p>x</p>"))])
    page = watched().open(gallery / "messages" / "0001.html")
    frame(page)
    page.evaluate(
        """(html) => {
          const frame = document.getElementById("frame");
          const policy = new DOMParser().parseFromString(frame.srcdoc, "text/html").querySelector("meta").outerHTML;
          frame.srcdoc = policy + html.replace(/<link[^>]*(preconnect|dns-prefetch)[^>]*>/g, "");
        }""",
        tricks(address),
    )
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None
    assert asked == []


def test_links_that_would_run_something_lead_nowhere(tmp_path, watched):
    gallery = write(tmp_path, [entry(made=content(html=tricks("http://tracker.invalid")))])
    page = watched().open(gallery / "messages" / "0001.html")
    links = frame(page).locator("a")
    assert links.nth(0).get_attribute("href") is None
    assert links.nth(1).get_attribute("href") == "https://example.invalid/"
    assert links.nth(1).get_attribute("ping") is None
    assert links.nth(1).get_attribute("target") == "_blank"


def test_remote_images_come_when_they_are_asked_for(tmp_path, watched):
    html = '<img src="https://images.invalid/one.png"><p>x</p><script src="https://images.invalid/x.js"></script>'
    gallery = write(tmp_path, [entry(made=content(html=html))])
    seen = watched()
    page = seen.open(gallery / "messages" / "0001.html")
    assert seen.remote == []
    button = page.locator("#remote")
    assert button.inner_text() == "Load remote images (1)"
    button.click()
    page.wait_for_timeout(300)
    assert seen.remote == ["https://images.invalid/one.png"]
    assert button.is_hidden()


def test_the_gallery_itself_asks_for_nothing(letters, watched):
    seen = watched()
    page = seen.open(letters / "index.html")
    for _ in range(3):
        page.keyboard.press("v")
        page.wait_for_timeout(100)
    seen.open(letters / "messages" / "0001.html")
    for key in "1234567":
        page.keyboard.press(key)
    assert seen.remote == []
    assert all(
        url.startswith((letters.resolve().as_uri(), "data:", "about:")) for url in seen.requests
    )


def test_no_data_of_the_users_runs_in_the_gallery(tmp_path, watched):
    """In the index, in both views, and on the page of each message."""
    hostile = [
        entry(
            made=content(subject=text, text=text, html=text, headers=(("X", text),), attachments=(file(text),)),
            group=((text, text),), values=((text, text),), telling=(text,), key=text,
            findings=(Finding("MB206", text, text, Location(text), text),),
            change=Change("changed", ((text, (text,)),), text),
        )
        for text in HOSTILE
    ]  # fmt: skip
    every = "".join(HOSTILE)
    tallies = (Tally("MB206", every, 1, (every,)),)
    gallery = write(tmp_path, hostile, job=every, tallies=tallies, against=every)
    seen = watched()
    page = seen.open(gallery / "index.html")
    page.wait_for_selector(".card")
    page.keyboard.press("v")
    page.wait_for_selector(".row")
    assert page.locator("main script, main img, main b").count() == 0
    for number in range(1, len(HOSTILE) + 1):
        seen.open(gallery / "messages" / f"000{number}.html")
        assert page.locator("main script, main img").count() == 0
        assert page.locator("main b").count() == 2  # From and To
    assert seen.remote == []


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
    page.keyboard.press("7")
    assert "added: +b" in page.locator("#changes").text_content()


def test_tabs_by_keyboard(letters, watched):
    """1 to 6, and arrows within the row of tabs; the focus and the states follow."""
    page = watched().open(letters / "messages" / "0002.html")
    names = ["preview", "text", "headers", "source", "attachments", "checks"]
    for key, name in enumerate(names, 1):
        page.keyboard.press(str(key))
        assert page.locator("[role=tabpanel]:visible").get_attribute("id") == name
        assert page.evaluate("document.activeElement.id") == f"tab-{name}"
    page.keyboard.press("ArrowRight")
    assert page.locator("[role=tab][aria-selected=true]").get_attribute("id") == "tab-preview"
    page.keyboard.press("End")
    assert page.locator("#checks").is_visible()
    assert "MB206" in page.locator("#checks").inner_text()
    assert page.locator("[role=tab][tabindex='0']").count() == 1


def test_from_message_to_message_by_keyboard(letters, watched):
    page = watched().open(letters / "messages" / "0001.html")
    for key, heading in (("j", "Letter 2"), ("ArrowRight", "Letter 3"), ("j", "Letter 3"), ("k", "Letter 2"), ("ArrowLeft", "Letter 1")):  # fmt: skip
        page.keyboard.press(key)
        page.wait_for_selector(f"h1:text('{heading}')")
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


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["index.html", "messages/0001.html", "messages/0002.html"])
def test_nothing_is_wider_than_a_phone(letters, watched, name, dark):
    """At 360 pixels nothing has to be scrolled sideways, in any tab."""
    page = watched(360, 740, dark=dark).open(letters / name)
    for key in "v1234567" if "messages" in name else "vv":
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c[3] > 200) return c;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility() || element.closest("[aria-disabled=true], .unseen, .skip, iframe")) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) poor.push(`${element.className || element.localName}: ${element.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


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


def test_everything_that_can_be_operated_has_a_name(letters, watched):
    """For those who hear the page; asked of the accessibility of Chromium itself."""
    seen = watched()
    page = seen.open(letters / "index.html")
    for name in ("index.html", "messages/0002.html"):
        seen.open(letters / name)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("a[href], button, input, select, iframe, [role=tab]")]
              .filter((e) => e.checkVisibility() && !(e.getAttribute("aria-label") || e.title || e.textContent.trim()))
              .filter((e) => !e.closest("[aria-hidden=true]")).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert [one for one in nameless if "aria-hidden" not in one] == []
