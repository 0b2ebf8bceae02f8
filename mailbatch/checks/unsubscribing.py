"""The ways out of a mailing: the addresses of List-Unsubscribe, and links that may unsubscribe.

    unsubscribe_addresses(content)      # ["https://example.com/u/7", "mailto:leave@example.com"]
    may_unsubscribe("Se désabonner")    # True

A link is judged by its words alone, in some languages. This module must never ask for an address.

Tests: tests/links/test_targets.py, tests/checks/test_letter_links.py.
"""

from __future__ import annotations

import re
from unicodedata import combining, normalize
from urllib.parse import unquote

from mailbatch.render.message import Content

_ANGLE = re.compile(r"<([^<>]+)>")
_PARAMETERS = re.compile("[?#]")
_WEB = re.compile("https?://", re.IGNORECASE)
#: Parts of words and addresses to unsubscribe, without accents: English, German, French, Spanish,
#: Italian, Dutch, Croatian, Polish and Swedish, in lower case.
_LEAVES = re.compile(
    "unsub|opt.?out|sign.?off|abmeld|abbestell|austrag|desabon|desinscri|darse.?de.?baja|cancela|"
    "cancellati|disiscri|uitschrijv|afmeld|odjav|wypisz|avregistrer"
)


def unsubscribe_addresses(content: Content) -> list[str]:
    """Return the addresses in List-Unsubscribe, in their order (RFC 2369 3.2)."""
    values = (value for name, value in content.headers if name == "List-Unsubscribe")
    return [address for value in values for address in _ANGLE.findall(value)]


def unsubscribe_urls(content: Content) -> list[str]:
    """Return the web addresses in List-Unsubscribe."""
    return [address for address in unsubscribe_addresses(content) if _WEB.match(address)]


def stem(url: str) -> str:
    """Return an address without its parameters, which differ from one recipient to another."""
    return _PARAMETERS.split(url, maxsplit=1)[0].lower()


def may_unsubscribe(text: str) -> bool:
    """Say whether an address, or the text of a link, looks like one to unsubscribe.

    >>> may_unsubscribe("https://example.com/opt-out"), may_unsubscribe("Se désabonner")
    (True, True)
    """
    if text.isascii() and "%" not in text:  # as most are
        return _LEAVES.search(text.lower()) is not None
    plain = normalize("NFKD", unquote(text)).lower()
    return _LEAVES.search("".join(one for one in plain if not combining(one))) is not None
