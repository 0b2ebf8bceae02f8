"""A page that is open in the browser follows the files of a mailing."""

import threading
from contextlib import contextmanager

import pytest

from mailbatch.errors import InputErrors, Location, TemplateError
from mailbatch.preview.gallery import Gallery
from mailbatch.preview.rebuilding import Built, Rebuilding
from mailbatch.preview.serving import serve
from tests.checks.making import content, overview
from tests.preview.making import entry
from tests.preview.test_fresh_letters import LETTER, ROWS, Served
from tests.preview.test_serving import running

pytestmark = pytest.mark.browser


@contextmanager
def followed(folder):
    """A gallery of one letter, whose subject is the text of `subject.txt`."""
    written, out = folder / "subject.txt", folder / "gallery"
    written.write_text("Spring\n")

    def build(before_moving):
        subject = written.read_text().splitlines()[0]
        if "{{" in subject:
            place = Location.in_text(str(written), written.read_text(), 1, 4)
            raise InputErrors([TemplateError("is not closed", location=place, hint="close it")])
        with Gallery(out, 1, before_moving) as gallery:
            gallery.add(entry(made=content(subject=subject)))
            gallery.finish(overview())
        return Built((written,), gallery.written, gallery.stamps)

    gallery = Rebuilding(out, build)
    gallery.complete()
    with serve(gallery, 0) as server, running(server) as port, gallery.watched():
        yield written, f"http://127.0.0.1:{port}/messages/0001.html"


def test_an_open_page_follows_a_file_through_a_mistake(watched, tmp_path, axe):
    page = watched().page
    with followed(tmp_path) as (written, address):
        page.goto(address)
        page.get_by_role("heading", name="Spring").wait_for()
        written.write_text("Summer\n")
        page.get_by_role("heading", name="Summer").wait_for()
        written.write_text("Sum{{mer\nbehind\n")
        page.get_by_role("heading", name="The preview cannot be made").wait_for()
        shown = page.locator("pre.excerpt").inner_text().splitlines()
        assert shown == ["> 1 | Sum{{mer", "    |    ^", "  2 | behind"]
        page.evaluate(axe)
        violations = page.evaluate("axe.run().then((found) => found.violations.map((v) => v.id))")
        assert violations == []
        written.write_text("Autumn\n")
        page.get_by_role("heading", name="Autumn").wait_for()
        page.goto("about:blank")


def test_a_long_line_with_a_mistake_scrolls_on_a_phone_below_its_words(watched, tmp_path):
    """A line that wrapped would leave the caret under another word."""
    page = watched(width=390).page
    with followed(tmp_path) as (written, address):
        written.write_text("Sum{{mer " + "and more " * 20)
        page.goto(address)
        excerpt = page.locator("pre.excerpt")
        excerpt.wait_for()
        assert excerpt.evaluate("pre => pre.scrollWidth > pre.clientWidth")
        shown = page.locator(".findings h2").bounding_box()
        assert shown["x"] + shown["width"] < 390
        page.goto("about:blank")


def test_an_open_letter_is_shown_while_the_others_are_still_made(watched, tmp_path):
    """The list says that it is of before, and is loaded again at the end; the letter is not."""
    served = Served(tmp_path)
    held = threading.Event()
    follow = served.gallery.follow

    def hold(deliveries, total):
        for number, delivery in enumerate(follow(deliveries, total)):
            if number == len(ROWS) // 2:
                assert held.wait(30)
            yield delivery

    served.gallery.follow = hold
    letter, index = watched().page, watched().page
    with serve(served.gallery, 0) as server, running(server) as port, served.gallery.watched():
        letter.goto(f"http://127.0.0.1:{port}/messages/0007.html")
        index.goto(f"http://127.0.0.1:{port}/")
        served.mailing.write("letter.txt.j2", LETTER)
        letter.get_by_text("Dear N6").first.wait_for()
        letter.evaluate("window.stays = true")
        assert "This letter is as the files are now" in letter.locator("#behind").inner_text()
        index.get_by_text("this page is of before").wait_for()
        held.set()
        index.get_by_text("this page is of before").wait_for(state="hidden")
        letter.locator("#behind").wait_for(state="hidden")
        assert letter.evaluate("window.stays"), "the letter was loaded once"
        letter.goto("about:blank")
        index.goto("about:blank")
