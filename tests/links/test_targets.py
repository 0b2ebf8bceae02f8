"""Which addresses of a message are asked for, and which are left out."""

from mailbatch.errors import Location
from mailbatch.links.targets import MOST_TARGETS, Use, gather
from tests.checks.making import content

HTML = """<a href="https://example.com/news?id=1&amp;x=2">News</a> <a href="mailto:a@b.de">write</a>
<a href="https://example.com/u/ann">leave</a> <a href="https://example.com/abmelden">weg</a>
<img src="https://example.com/a.png" alt=""><img src="cid:b" alt=""> <a href="#top">up</a>"""
LEAVING = (("List-Unsubscribe", "<https://example.com/u/ann?one=1>, <mailto:u@example.com>"),)


def nowhere(text):
    return None


def test_links_and_images_once_each():
    text = "See https://example.com/text.\nhttps://example.com/a.png"
    targets, untried = gather([content(html=HTML, text=text, headers=LEAVING)] * 2, nowhere)
    assert [(one.url, one.use) for one in targets] == [
        ("https://example.com/news?id=1&x=2", Use.LINK),
        ("https://example.com/a.png", Use.IMAGE),
        ("https://example.com/text", Use.LINK),
    ]
    assert set(untried) == {"https://example.com/u/ann", "https://example.com/abmelden"}


def test_a_place_in_a_template_goes_along():
    place = Location("letter.html.j2", 3, 1)
    targets, _ = gather([content(html=HTML)], lambda text: place if "news" in text else None)
    assert targets[0].location == place
    assert targets[1].location is None


def test_no_more_than_so_many():
    links = "".join(f'<a href="https://example.com/{n}">x</a>' for n in range(MOST_TARGETS + 3))
    targets, untried = gather([content(html=links)], nowhere)
    assert (len(targets), len(untried)) == (MOST_TARGETS, 3)
