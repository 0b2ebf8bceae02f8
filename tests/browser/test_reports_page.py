"""The page of reports in a browser: its figures, its list, and all of it by keyboard."""

from pathlib import Path

import pytest

from mailbatch.outcome import Status
from mailbatch.reports.report import Event, Kind
from tests.reports_page.making import BEGUN, HOSTILE, HOUR, bounced, rejected, row, standing, write

pytestmark = pytest.mark.browser

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
UNFOLD = "for (const one of document.querySelectorAll('details')) one.open = true"
LATER = BEGUN + 2 * HOUR
LONG = "452 4.2.2 The mailbox is full. Please direct the recipient to their administrator. " * 3


def edition():
    """120 recipients with every heading of the page."""
    yield row("zoë@example.org"), standing(opens=2, clicks=1)
    yield row("ben@example.org"), bounced(text="550 5.1.1 <ben@example.org> no such user")
    yield (
        row("cleo@example.com"),
        standing(Event.DEFERRED, code="4.2.2", text=LONG, at=LATER),
    )
    yield row("dan@example.com"), standing(Event.COMPLAINED, at=LATER)
    yield rejected("eve@example.net"), None
    yield row("fay@example.net", Status.DEFERRED, reply_code=451, reply="greylisted"), None
    yield row("gil@example.net", Status.IN_DOUBT), None
    yield row("hal@example.net", Status.SUPPRESSED, reason="unsubscribed.csv"), None
    for n in range(112):
        yield row(f"reader{n}@example.edu"), standing(at=BEGUN + n * 600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("page"), edition())


def opened(seen, folder, fragment=""):
    page = seen.open(folder / "index.html", fragment)
    page.wait_for_selector("body[data-complete]")
    return page


def shown(page):
    return page.locator("#rows .email").all_inner_texts()


def counted(page):
    return page.locator("#shown").inner_text()


def test_every_page_of_the_list_is_reached(folder, watched):
    page = opened(watched(), folder)
    assert counted(page) == "120 recipients"
    assert len(shown(page)) == 50
    assert shown(page)[:2] == ["zoë@example.org", "ben@example.org"]
    page.get_by_role("button", name="Next page").click()
    assert shown(page)[0] == "reader42@example.edu"
    page.locator("#page").fill("3")
    page.keyboard.press("Enter")
    assert len(shown(page)) == 20
    assert shown(page)[-1] == "reader111@example.edu"
    page.get_by_role("button", name="Previous page").click()
    assert page.locator("#page").input_value() == "2"


def test_search_and_filters(folder, watched):
    page = opened(watched(), folder)
    page.keyboard.press("/")
    page.keyboard.type("ZOE")
    assert shown(page) == ["zoë@example.org"]
    assert counted(page) == "1 of 120"
    page.keyboard.press("Escape")
    assert len(shown(page)) == 50
    page.get_by_label("Search").fill("5.1.1 example.org")
    assert shown(page) == ["ben@example.org"]
    page.get_by_label("Search").fill("greylisted")
    assert shown(page) == ["fay@example.net"]
    page.get_by_label("Search").fill("")
    page.get_by_label("Report", exact=True).select_option("bounced hard")
    assert shown(page) == ["ben@example.org"]
    page.get_by_label("Report", exact=True).select_option("none")
    assert len(shown(page)) == 4
    page.get_by_label("Answer of the server").select_option("in_doubt")
    assert shown(page) == ["gil@example.net"]
    page.get_by_label("Search").fill("somebody else")
    assert page.get_by_text("No recipient matches.").is_visible()
    page.get_by_role("button", name="Show all").click()
    assert counted(page) == "120 recipients"


def test_a_figure_leads_to_its_recipients(folder, watched):
    page = opened(watched(), folder)
    page.get_by_role("button", name="complained", exact=True).first.click()
    assert shown(page) == ["dan@example.com"]
    page.get_by_role("button", name="example.net", exact=True).click()
    assert len(shown(page)) == 4
    only = page.get_by_role("button", name="Show others than example.net, too")
    assert only.inner_text().startswith("only example.net ")
    page.reload()
    page.wait_for_selector("body[data-complete]")
    assert len(shown(page)) == 4
    only.click()
    assert counted(page) == "120 recipients"
    page.get_by_role("button", name="rejected by the server 5.1.1").click()
    assert shown(page) == ["eve@example.net"]


def test_the_picture_is_drawn_and_its_numbers_are_said(folder, watched):
    page = opened(watched(), folder)
    box = page.locator("#times canvas").bounding_box()
    assert (box["width"] > 1000, box["height"]) == (True, 250)
    assert page.evaluate(COLOURS) == dict.fromkeys(
        ("delivered", "under-way", "complained", "lost"), True
    )
    over = page.locator("#times .u-over").bounding_box()
    page.mouse.move(over["x"] + 3, over["y"] + over["height"] / 2)
    assert page.locator("#pointed").inner_text() == (
        "2026-11-27 08:00: 7 delivered, 1 not delivered"
    )
    page.get_by_text("The numbers as a table").click()
    first = page.locator(".numbers tbody tr").first.inner_text().split()
    assert first == ["2026-11-27", "08:00", "7", "0", "0", "1"]


#: Which of the colours of the page the picture has, as an object.
COLOURS = """() => {
  const canvas = document.querySelector("#times canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const found = {};
  for (const name of ["delivered", "under-way", "complained", "lost"]) {
    const probe = document.createElement("i");
    probe.className = "f-" + name;
    document.body.append(probe);
    const [r, g, b] = getComputedStyle(probe).fill.match(/[0-9]+/g).map(Number);
    probe.remove();
    for (let i = 0; i < data.length && !found[name]; i += 4) {
      if (data[i] === r && data[i + 1] === g && data[i + 2] === b) found[name] = true;
    }
  }
  return found;
}"""


def test_the_picture_follows_the_theme(folder, watched):
    page = opened(watched(dark=True), folder)
    dark = page.evaluate("document.querySelector('#times canvas').toDataURL()")
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_function(
        "before => document.querySelector('#times canvas').toDataURL() !== before", arg=dark
    )
    assert page.evaluate(COLOURS)["delivered"]


def test_all_of_it_by_keyboard(folder, watched):
    page = opened(watched(), folder)
    focused = "document.activeElement.textContent.trim()"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "accepted"
    page.keyboard.press("j")
    assert shown(page)[0] == "reader42@example.edu"
    page.keyboard.press("k")
    assert shown(page)[0] == "zoë@example.org"
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    assert shown(page)[0] == "zoë@example.org"
    page.locator("button[data-status=in_doubt]").press("Enter")
    assert shown(page) == ["gil@example.net"]
    page.goto(page.url.split("#")[0] + "#q=cleo")
    page.wait_for_selector("body[data-complete]")
    assert shown(page) == ["cleo@example.com"]
    page.locator("#rows summary").press("Enter")
    assert page.locator("#rows details").get_attribute("open") is not None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_use_it(folder, watched, axe, width, dark):
    """WCAG, as far as axe-core can tell, with every text unfolded."""
    page = opened(watched(width, 844, dark=dark), folder)
    page.evaluate(UNFOLD)
    page.evaluate(axe)
    found = page.evaluate("axe.run({preload: false})")["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_enough_contrast(folder, watched, dark):
    """WCAG 2.1, 1.4.3: 4.5 to 1."""
    assert opened(watched(dark=dark), folder).evaluate(CONTRAST) == []


def test_nothing_is_wider_than_a_phone(folder, tmp_path, watched):
    seen = watched(360, 740)
    long = [(row("x" * 300 + "@" + "y" * 200), bounced(code="7" * 90, text="z" * 400))]
    for one in (folder, write(tmp_path, long, job="j" * 200, edition="e" * 200)):
        page = opened(seen, one)
        page.evaluate(UNFOLD)
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_on_paper_it_is_light_and_without_what_needs_a_mouse(folder, watched):
    page = opened(watched(dark=True), folder)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    for name in (".bar", "#tools", "#pages", "#pointed"):
        assert not page.locator(name).is_visible()
    assert page.locator("#times canvas").is_visible()


def test_it_asks_for_nothing_but_its_own_files(folder, watched):
    seen = watched()
    opened(seen, folder)
    assert all(url.startswith((folder.resolve().as_uri(), "data:")) for url in seen.requests)


def test_no_text_of_others_runs_or_turns_the_text_around_it(tmp_path, watched):
    hostile = [
        one
        for text in HOSTILE
        for one in (
            (row(f"{text}@{text}"), bounced(code=text, text=text)),
            (rejected(text, text, text), None),
        )
    ]
    every = "".join(HOSTILE)
    seen = watched()
    page = opened(seen, write(tmp_path, hostile, job=every, edition=every))
    assert page.locator("main script, main img, main b").count() == 0
    page.evaluate(UNFOLD)
    for button in page.locator("button[data-domain], button[data-reason]").all():
        button.click()
        assert page.locator("#rows tr").count() > 0
    assert not any(one in page.content() for one in "\u202e\u2066\u2028\x1b")
    assert seen.remote == []


@pytest.mark.parametrize(
    ("recipients", "said"),
    [([], "There is no recipient."), ([(row(), None)], "no report"), ([(row(), bounced())], "ada")],
)
def test_a_page_with_little_or_nothing_on_it(tmp_path, watched, recipients, said):
    page = opened(watched(390, 844), write(tmp_path, recipients))
    assert page.get_by_text(said).first.is_visible()
    assert page.locator("#pages").is_hidden()
    assert page.locator("#rows tr").count() == len(recipients)


def many(number):
    for n in range(number):
        kind = Kind.SOFT if n % 20 == 0 else None
        event = Event.BOUNCED if kind else Event.DELIVERED
        text = f"451 4.4.1 <reader{n}@d{n % 500}.example>: connection timed out" if kind else ""
        yield row(f"reader{n}@d{n % 500}.example"), standing(event, kind, text=text, at=BEGUN + n)


SEARCHED = """(text) => {
  const search = document.getElementById("search");
  const begin = performance.now();
  search.value = text;
  search.dispatchEvent(new Event("input"));
  return performance.now() - begin;
}"""


def check_many(page, number):
    """The list is there, only a page of it is drawn, and a search takes less than two seconds."""
    page.wait_for_selector("body[data-complete]", timeout=60_000)
    assert counted(page) == f"{number:,} recipients"
    assert page.locator("#rows tr").count() == 50
    assert page.evaluate(SEARCHED, f"reader{number - 1}@") < 2000
    assert shown(page) == [f"reader{number - 1}@d{(number - 1) % 500}.example"]
    assert page.evaluate(SEARCHED, "timed out") < 2000
    assert counted(page) == f"{number // 20:,} of {number:,}"


def test_many_recipients(tmp_path, watched):
    check_many(watched().open(write(tmp_path, many(12_000)) / "index.html"), 12_000)


@pytest.mark.long
def test_a_hundred_thousand_recipients(tmp_path, watched):
    check_many(watched().open(write(tmp_path, many(100_000)) / "index.html"), 100_000)


def test_the_first_recipients_are_there_before_the_last_have_come(tmp_path, watched):
    """A file of the list that is missing leaves the others, and the page says so."""
    folder = write(tmp_path, many(12_000))
    (folder / "recipients" / "0002.js").unlink()
    seen = watched()
    page = seen.open(folder / "index.html")
    page.wait_for_selector("body[data-complete]")
    assert counted(page) == "7,000 of 12,000, 1 file of the list is missing"
    assert shown(page)[0] == "reader0@d0.example"
