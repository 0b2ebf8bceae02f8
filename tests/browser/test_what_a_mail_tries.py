"""What a mail tries in the gallery: to run, to fetch, to leave its frame; and that it fails."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mailbatch.checks.findings import Finding, Tally
from mailbatch.errors import Location
from mailbatch.preview.entry import Change, Since
from tests.checks.making import content, file
from tests.preview.making import HOSTILE, entry

from .galleries import frame, write

pytestmark = pytest.mark.browser

TRICKS = Path(__file__).with_name("tricks.html")


#: Puts a mail into the frame as it is, behind the policy and nothing else. What is resolved and
#: connected to in advance is no matter of policies, so those two are left out.
PUT_BARE = """(html) => {
  const frame = document.getElementById("frame");
  const made = new DOMParser().parseFromString(frame.srcdoc, "text/html");
  const policy = made.querySelector("meta").outerHTML;
  frame.srcdoc = policy + html.replace(/<link[^>]*(preconnect|dns-prefetch)[^>]*>/g, "");
}"""


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
    return (
        TRICKS.read_text(encoding="utf-8")
        .replace("{tracker}", address)
        .replace("{schemeless}", schemeless)
    )


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
    page.evaluate(PUT_BARE, tricks(address))
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
            made=content(
                subject=text, text=text, html=text, headers=(("X", text),),
                attachments=(file(text),),
            ),
            group=((text, text),), values=((text, text),), reasons=(text,), key=text,
            findings=(Finding("MB206", text, text, Location(text), text),),
            change=Change("changed", ((text, (text,)),), text),
        )
        for text in HOSTILE
    ]  # fmt: skip
    every = "".join(HOSTILE)
    tallies = (Tally("MB206", every, 1, (every,)),)
    gallery = write(tmp_path, hostile, job=every, tallies=tallies, since=Since(every))
    seen = watched()
    page = seen.open(gallery / "index.html")
    page.wait_for_selector(".card")
    page.keyboard.press("v")
    page.wait_for_selector(".row")
    assert page.locator("main script, main img, main b").count() == 0
    for number in range(1, len(HOSTILE) + 1):
        seen.open(gallery / "messages" / f"000{number}.html")
        assert page.locator("main script, main img").count() == 0
        assert page.locator("main b").count() == 4  # From, To, and in the list
    assert seen.remote == []
