"""The attributes of an HTML tag, read as browsers read them.

    attributes_of(' href="/?a=1&amp;b=2&copy=3" HREF="/other"')     # {'href': '/?a=1&b=2&copy=3'}

In an attribute a name of a character without its semicolon stands for itself where "=", a letter
or a digit follows (HTML, 13.2.5.73): so `&copy=3` in a link is a parameter, and in a text the
copyright sign. `html.unescape` and `html.parser` know texts alone. This module must never raise.
"""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5

#: A value behind "=". A quotation mark elsewhere is a letter like any other (HTML, 13.2.5.33).
_VALUE = r"""(?:"[^"]*+"|'[^']*+'|[^\s"'>][^\s>]*+|)"""
#: The text of a tag behind its name, up to the ">".
ATTRIBUTES = rf"(?:[\s/]++|[^\s/>=]++(?:\s*+=\s*+{_VALUE})?+|=)*+"
#: A name with its value between double quotes, between single quotes, or without quotes.
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>][^\s>]*)))?""")
_REFERENCE = re.compile(
    r"&(?:#(?:[0-9]+|[xX][0-9a-fA-F]+);?|(?P<name>[A-Za-z][A-Za-z0-9]*)(?P<behind>[;=]?))"
)


def attributes_of(tag: str) -> dict[str, str]:
    """Return the attributes in the text of a tag behind its name, by name in lower case.

    Of two with one name the first counts, as HTML says.
    """
    return {name: decoded(value) for name, value in written_attributes(tag).items()}


def written_attributes(tag: str) -> dict[str, str]:
    """Return the attributes as `attributes_of`, with their character references as written."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(tag):
        found.setdefault(name.lower(), double or single or bare)
    return found


def decoded(value: str) -> str:
    r"""Return the value of an attribute with its character references decoded.

    >>> decoded("?from=a&amp;to=b&section=3&copy=4&nbsp;&#8364;")
    '?from=a&to=b&section=3&copy=4\xa0€'
    """
    return _REFERENCE.sub(_character, value) if "&" in value else value


def _character(found: re.Match[str]) -> str:
    name, behind = found["name"], found["behind"]
    if name is None:
        return unescape(found[0])
    if behind == "=":
        return found[0]
    return html5.get(name + behind, found[0])
