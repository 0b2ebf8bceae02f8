"""The places where HTML names images: `src` of images, `background`, and `url()` in styles.

    >>> [one.text for one in image_references('<img src="a.png"><td background="b.png">')]
    ['a.png', 'b.png']

The source of a template is read in the same way, with Jinja's markup masked, so that a reference of
a finished text is found in the template again. A template in MJML has tags of its own for the same
images. Nothing here opens a file or changes a text.

Tests: tests/render/test_embedding.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailbatch.errors import Location
from mailbatch.frozen import frozen
from mailbatch.render.attributes import decoded

#: Stands for each character of Jinja's markup in a masked template.
MASK = "\ue000"

_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_TOKEN = re.compile(
    r"<!--(?!\[if).*?(?:-->|\Z)"
    r"|(?P<open><(?:mj-)?style\b[^>]*>)(?P<rules>.*?)</(?:mj-)?style\s*>"
    r"""|<(?P<name>[a-z][a-z0-9:-]*)(?P<attributes>(?:[^>"']|"[^"]*"|'[^']*')*+)>""",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)
#: In the attribute of an element, the quotes may be character references.
_URL = re.compile(
    r"""/\*.*?\*/|url\(\s*(?P<quote>["']|&quot;|&\#39;|&\#34;|&apos;)?(?P<url>.*?)"""
    r"""(?(quote)(?P=quote)|)\s*\)""",
    re.IGNORECASE | re.DOTALL,
)
_IMAGE_NAME = re.compile(
    r"data:image/|[^?#]*\.(?:png|jpe?g|gif|webp|svg|bmp|avif)(?:[?#]|\Z)", re.IGNORECASE
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MARKDOWN = re.compile(r"!\[[^\]]*\]\(\s*(?:<([^<>\n]+)>|([^()\s]+))")
_WITH_SOURCE = frozenset(
    (
        "img", "mj-all", "mj-carousel-image", "mj-class", "mj-image", "mj-social-element", "v:fill",
        "v:image", "v:imagedata",
    )
)  # fmt: skip
#: The attributes of MJML with an image that are `background` or `src` in HTML.
_OF_MJML = frozenset(
    ("background-url", "icon-unwrapped-url", "icon-wrapped-url", "left-icon", "right-icon",
     "thumbnails-src")
)  # fmt: skip
_WITH_SET = frozenset(("img", "source"))


@frozen
class Reference:
    """The name of an image in a text, between `start` and `end`.

    `text` is the name without character references of HTML. A `whole` reference is an attribute
    with several names (`srcset`), and the span is that of the attribute.
    """

    text: str
    start: int
    end: int
    whole: bool = False


@frozen
class Written:
    """A reference as a template has it: `fixed` is the text before the first markup of Jinja.

    Without markup, `fixed` is the whole reference. `pattern` matches the references that a
    rendering can make of this one.
    """

    fixed: str
    constant: bool
    pattern: re.Pattern[str]
    place: Location


def is_file(reference: str) -> bool:
    """Tell the name of a file from an address, an empty name and markup that is left over.

    >>> is_file("images/logo.png"), is_file("https://example.com/logo.png"), is_file("//cdn/a.png")
    (True, False, False)
    """
    text = reference.strip()
    if not text or text.startswith(("#", "//", "{{", "*|")):
        return False
    return _SCHEME.match(text) is None


def image_references(html: str) -> Iterator[Reference]:
    """Give the images that HTML names, in order; those of comments only for Outlook's `[if`."""
    for token in _TOKEN.finditer(html):
        if token["rules"] is not None:
            yield from _in_style(token["rules"], token.start("rules"), escaped=False)
        elif token["name"] is not None and "=" in token["attributes"]:
            yield from _in_tag(
                token["name"].lower(), token["attributes"], token.start("attributes")
            )


def _in_tag(name: str, attributes: str, offset: int) -> Iterator[Reference]:
    for found in _ATTRIBUTE.finditer(attributes):
        key = found[1].lower()
        number = found.lastindex or 1
        value, start = found[number], offset + found.start(number)
        if (key == "src" and name in _WITH_SOURCE) or key == "background" or key in _OF_MJML:
            yield Reference(decoded(value).strip(), start, start + len(value))
        elif key == "srcset" and name in _WITH_SET:
            yield Reference(
                decoded(value), offset + found.start(), offset + found.end(), whole=True
            )
        elif key == "style" and "url(" in value.lower():
            yield from _in_style(value, start, escaped=True)


def _in_style(rules: str, offset: int, *, escaped: bool) -> Iterator[Reference]:
    for found in _URL.finditer(rules):
        url = found["url"]
        if url is None:
            continue
        text = (decoded(url) if escaped else url).strip()
        if _IMAGE_NAME.match(text):  # a style sheet or a font is no image
            start = offset + found.start("url")
            yield Reference(text, start, start + len(url))


def names_of_set(srcset: str) -> list[str]:
    """Return the names in a `srcset`, without widths and densities (HTML 4.8.4.2.1)."""
    return [words[0] for one in re.split(r",\s+", srcset) if (words := one.strip(" ,").split())]


def written_references(source: str, name: str, *, markdown: bool) -> Iterator[Written]:
    """Give the images that the source of a template names as files; `name` is the template's."""
    masked = _MARKUP.sub(lambda found: MASK * len(found[0]), source)
    if markdown:  # in which tags are text
        spans = [
            (found[found.lastindex or 2], found.start(found.lastindex or 2))
            for found in _MARKDOWN.finditer(masked)
        ]
    else:
        spans = [(one.text, one.start) for one in image_references(masked) if not one.whole]
    for text, start in spans:
        if not is_file(text) or text.strip(MASK) == "":
            continue
        pieces = re.split(f"{MASK}+", text)
        pattern = re.compile(".*".join(re.escape(piece) for piece in pieces), re.DOTALL)
        place = Location.at_offset(name, source, start)
        yield Written(pieces[0], len(pieces) == 1, pattern, place)
