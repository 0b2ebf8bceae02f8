"""Which addresses of a message are asked for, and which are left out."""

import pytest

from mailbatch.checks.origins import Origins
from mailbatch.errors import Location
from mailbatch.links.targets import MOST_TARGETS, Use, gather
from tests.checks.making import content

HTML = """<a href="https://example.com/news?id=1&amp;x=2">News</a> <a href="mailto:a@b.de">write</a>
<a href="https://example.com/u/ann">leave</a> <a href="https://example.com/abmelden">weg</a>
<img src="https://example.com/a.png" alt=""><img src="cid:b" alt=""> <a href="#top">up</a>"""
LEAVING = (("List-Unsubscribe", "<https://example.com/u/ann?one=1>, <mailto:u@example.com>"),)


def nowhere(text):
    return None


def nothing(text):
    return ""


def test_links_and_images_once_each():
    text = "See https://example.com/text.\nhttps://example.com/a.png"
    targets, untried = gather(
        [content(html=HTML, text=text, headers=LEAVING)] * 2, nowhere, nothing
    )
    assert [(one.url, one.use) for one in targets] == [
        ("https://example.com/news?id=1&x=2", Use.LINK),
        ("https://example.com/a.png", Use.IMAGE),
        ("https://example.com/text", Use.LINK),
    ]
    left = {"https://example.com/u/ann", "https://example.com/abmelden"}
    assert {one.url for one in untried} == left


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://t.example/7"><b>Unsubscribe</b> here</a>',
        '<a href="https://t.example/7"><img src="x.png" alt="Abmelden"></a>',
        '<a href="https://t.example/7">Odjavi se</a>',
        '<a href="https://t.example/7">Wypisz się</a>',
        '<a title="Se d\u00e9sabonner" href="https://t.example/7">ici</a>',
        '<a href="https://t.example/7">Darse de baja</a>',
        '<a href="https://t.example/7">News</a> <a href="https://t.example/7">Opt out</a>',
        # Readers of tags differ behind a stray quotation mark: such a link may say anything.
        '<a href="https://t.example/7" ">Opt out</a> <p title="<a>">',
        "<a href='https://t.example/7' '>Opt out</a> <b>it's</b>",
        "<a href=https://t.example/7 title=it's>Opt out</a> <p title=it's>",
    ],
)
def test_a_link_whose_words_say_unsubscribe_is_left_out(html):
    targets, untried = gather(
        [content(html=f'{html} <a href="https://a.example/">x</a>')], nowhere, nothing
    )
    assert [one.url for one in targets if one.use is Use.LINK] == ["https://a.example/"]
    assert {one.url: why for one, why in untried.items()} == {
        "https://t.example/7": "it may unsubscribe"
    }


def test_the_words_beside_an_address_in_a_text_count():
    text = (
        "News: https://a.example/1\nTo unsubscribe: https://t.example/7\n\n"
        "No more of this? Sign off:\n\n<https://t.example/8>\nImprint: https://a.example/2"
    )
    targets, untried = gather([content(text=text)], nowhere, nothing)
    assert [one.url for one in targets] == ["https://a.example/1", "https://a.example/2"]
    assert {one.url for one in untried} == {"https://t.example/7", "https://t.example/8"}


def test_an_address_in_a_text_keeps_the_brackets_that_it_opens():
    text = "(https://a.example/b_(c)), [https://a.example/d], 'https://a.example/e'."
    targets, _ = gather([content(text=text)], nowhere, nothing)
    assert [one.url for one in targets] == [
        "https://a.example/b_(c)", "https://a.example/d", "https://a.example/e",
    ]  # fmt: skip


def test_a_place_in_a_template_goes_along():
    place = Location("letter.html.j2", 3, 1)
    targets, _ = gather(
        [content(html=HTML)], lambda text: place if "news" in text else None, nothing
    )
    assert targets[0].location == place
    assert targets[1].location is None


def test_no_more_than_so_many():
    links = "".join(f'<a href="https://example.com/{n}">x</a>' for n in range(MOST_TARGETS + 3))
    targets, untried = gather([content(html=links)], nowhere, nothing)
    assert (len(targets), len(untried)) == (MOST_TARGETS, 3)


@pytest.mark.parametrize(
    ("url", "template", "shown", "line"),
    [
        ("https://a.example/u/7f3a", '<a href="https://a.example/u/{{ t }}">', "u/…", 1),
        ("https://a.example/n?i=1&t=7", "\nhttps://a.example/n?i=1&amp;t={{ t }}", "n?i=1&t=…", 2),
        ("https://a.example/n?i=1&x=2", "https://a.example/n?i=1&amp;x=2", "n?i=1&x=2", 1),
        ("https://ann:7f3a@a.example/u/7f3a", "{{ link }}", "…", None),
        ("https://a.example/7f3a", '<a href="https://a.example/{{ t }}">', "…", 1),
        ("https://a.example/", "{{ shop }}", "", None),
    ],
)
def test_what_one_person_has_is_shown_as_far_as_a_template_has_it(url, template, shown, line):
    origins = Origins(Templates(template))
    contents = [content(text=f"See <{url}>"), content(text="Hello")]
    ((target,), _) = gather(contents, origins.find, origins.written)
    assert target.url == url
    assert target.name == f"https://a.example/{shown}"
    assert (target.location and target.location.line) == line
    led = "https://b.example/x?t=7f3a"
    assert target.named(led) == ("https://b.example/…" if target.shown else led)


class Templates:
    """The sources of one template."""

    def __init__(self, source):
        self._source = source

    def sources(self):
        return {"letter": self._source}


def test_what_every_message_has_is_no_persons():
    """As one of a variable of the job, which no template has as it is."""
    shop = content(text="https://a.example/shop?y=2026")
    (target,), _ = gather([shop, shop], nowhere, nothing)
    assert target.name == target.url
