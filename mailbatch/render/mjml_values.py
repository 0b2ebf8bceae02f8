r"""The values of attributes, written so that the compiler of MJML passes them on as they are.

    >>> plain_values('<mj-text><p title="a\tb\\c">x</p></mj-text>')
    '<mj-text><p title="a b&#92;c">x</p></mj-text>'

MRML writes a value as a text of its own language, Rust: a line end becomes a backslash and an n, a
no-break space `\u{a0}`, and the vowel signs of Hindi likewise. Readers of HTML know none of that. A
reference in place of such a character is passed on, and every reader of HTML knows it. White space
becomes a blank, as XML wants it (XML 1.0, 3.3.3). Nothing is compiled here.
"""

from __future__ import annotations

import re
import unicodedata

from mailbatch.job.mail_values import is_language_tag
from mailbatch.render.languages import is_right_to_left
from mailbatch.render.mjml_source import tags_in, without_comments

_QUOTED = re.compile(r"""=\s*("[^"]*"|'[^']*')""")
#: The attributes of the first tag.
_ROOT = re.compile(r"""<mjml\b((?:[^<>"']|"[^"]*"|'[^']*')*?)(?=/?>)""")
_LANG = re.compile(r"""\blang\s*=\s*["']([^"']*)""")
_DIR = re.compile(r"\bdir\s*=")
_PADDING = re.compile(r"""(?<=padding=)("[^"]*"|'[^']*')""")
_CLASSES = re.compile(r"""(?<=mj-class=)("[^"]*"|'[^']*')""")
_WHITE = re.compile(r"[\t\r\n]")
#: Every character that may need a reference.
_CHANCE = re.compile(r"[^ -\[\]-~]")
# Marks, controls, formats, separators, and what is not assigned (Unicode 4.5), of which the
# compiler writes most by their number; these two are marks for the compiler, and letters elsewhere.
_BY_NUMBER = "CMZ"
_HALF_WIDTH_MARKS = "\uff9e\uff9f"


def plain_values(source: str) -> str:
    """Return a finished text whose values the compiler passes on as they are."""
    pieces: list[str] = []
    at = 0
    for tag in tags_in(without_comments(source)):
        pieces += (source[at : tag.start], _QUOTED.sub(_plain, source[tag.start : tag.end]))
        at = tag.end
    return "".join((*pieces, source[at:]))


def _plain(found: re.Match[str]) -> str:
    return _CHANCE.sub(_referred, _WHITE.sub(" ", found[0]))


def _referred(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\\" or character in _HALF_WIDTH_MARKS:
        return f"&#{ord(character)};"
    by_number = unicodedata.category(character)[0] in _BY_NUMBER
    return f"&#{ord(character)};" if by_number else character


def mended(tag: str) -> str:
    """Return a tag of MJML written so that the compiler does what MJML 4 and 5 do.

    - With a bare 0 among several paddings, MRML takes all of them for nothing where it subtracts
      them, and a picture is as wide as if there were no padding.
    - Of two classes with one attribute, the last counts in MJML, the first in MRML.

    Example:
        >>> mended('<mj-image padding="0 25px" mj-class="small blue" />')
        '<mj-image padding="0px 25px" mj-class="blue small" />'
    """
    if "padding=" in tag:
        tag = _PADDING.sub(_paddings, tag)
    return _CLASSES.sub(_turned, tag) if "mj-class=" in tag else tag


def _turned(found: re.Match[str]) -> str:
    quote = found[0][0]
    return f"{quote}{' '.join(reversed(found[0][1:-1].split()))}{quote}"


def _paddings(found: re.Match[str]) -> str:
    quote, pieces = found[0][0], found[0][1:-1].split()
    if len(pieces) == 1:
        return found[0]
    return f"{quote}{' '.join('0px' if one == '0' else one for one in pieces)}{quote}"


def with_language(source: str, tag: str) -> str:
    """Return a finished text whose page has a language and a direction.

    A language or direction that the text names stays. Without a direction, each reader would take
    that of the first letter, maybe of a name. A `tag` that is none changes nothing.

    Example:
        >>> with_language("<mjml><mj-body>...", "he")
        '<mjml lang="he" dir="rtl"><mj-body>...'
    """
    root = _ROOT.search(without_comments(source))
    if root is None or not is_language_tag(tag):
        return source
    named = _LANG.search(root[1])
    added = "" if named is not None else f' lang="{tag}"'
    if _DIR.search(root[1]) is None:
        direction = "rtl" if is_right_to_left(named[1] if named is not None else tag) else "ltr"
        added += f' dir="{direction}"'
    return f"{source[: root.end()]}{added}{source[root.end() :]}"
