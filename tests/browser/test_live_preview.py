"""A page that is open in the browser follows the files of a mailing."""

from contextlib import contextmanager

import pytest

from mailbatch.errors import InputErrors, Location, TemplateError
from mailbatch.preview.gallery import Gallery
from mailbatch.preview.rebuilding import Built, Rebuilding
from mailbatch.preview.serving import serve
from tests.checks.making import content, overview
from tests.preview.making import entry
from tests.preview.test_serving import running

pytestmark = pytest.mark.browser


@contextmanager
def followed(folder):
    """A gallery of one letter, whose subject is the text of `subject.txt`."""
    written, out = folder / "subject.txt", folder / "gallery"
    written.write_text("Spring\n")

    def build():
        subject = written.read_text().splitlines()[0]
        if "{{" in subject:
            place = Location.in_text(str(written), written.read_text(), 1, 4)
            raise InputErrors([TemplateError("is not closed", location=place, hint="close it")])
        with Gallery(out, 1) as gallery:
            gallery.add(entry(made=content(subject=subject)))
            gallery.finish(overview())
        return Built((written,), gallery.written)

    gallery = Rebuilding(out, build)
    gallery.build()
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
