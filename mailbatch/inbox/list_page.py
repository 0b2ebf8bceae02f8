"""The page of the list, and the data that the script draws: subjects, people, times and sizes.

The page holds no text of a mail: the script gets all texts as JSON, and makes text nodes. This
module must never write HTML of a mail's text.

Tests: tests/inbox/test_serving.py, tests/browser/test_inbox.py.
"""

from __future__ import annotations

from typing import Any

from mailbatch.inbox.mails import Listed, Mail
from mailbatch.look.markup import icon, page

#: Mails of one page of the list.
PAGE = 50
_KEYS = (
    ("/", "Search"),
    ("j k", "Next and previous mail"),
    ("Enter", "Open the mail"),
    ("n p", "Older and newer mails"),
    ("Esc", "Clear the search"),
    ("?", "This help"),
)
_MOST_SHOWN = 300  # characters of a field
_MOST_ADDRESSES = 3


def list_page(address: str) -> str:
    """Return the page of the list; `address` is where the sandbox takes mail."""
    bar = (
        f'<a class="brand" href="#main">{icon("brand")}<span>mailbatch sandbox</span></a>'
        '<span class="space"></span>'
    )
    main = f"""<main id="main" tabindex="-1">
<div class="wide hero"><h1>Inbox of the sandbox</h1>
<p class="sub">Mail that was sent to {address}; no mail leaves this machine.</p></div>
<div class="tools"><div class="wide" role="search">
<div class="search">{icon("search")}<input id="search" type="search" aria-label="Search"
placeholder="Search recipient, sender, subject" autocomplete="off" spellcheck="false">
<kbd aria-hidden="true">/</kbd></div>
<button class="button" id="newer" type="button">Newer</button>
<button class="button" id="older" type="button">Older</button>
<span class="shown" id="shown" role="status"></span></div></div>
<div class="wide"><table class="mails" id="mails" hidden><caption class="unseen">Mails, the newest
first</caption><thead><tr><th scope="col">To</th><th scope="col">Subject</th>
<th scope="col">From</th><th scope="col">Time</th><th scope="col" class="num">Size</th></tr></thead>
<tbody id="rows"></tbody></table>
<div class="empty" id="none" hidden><p id="none-text"></p></div>
<noscript><div class="empty"><p>The list needs JavaScript.</p></div></noscript></div></main>"""
    return page(
        title="Inbox of the sandbox",
        base="",
        bar=bar,
        main=main,
        keys=_KEYS,
        icons=("search",),
        styles=("assets/gallery.css", "assets/inbox.css"),
        scripts=("assets/inbox.js",),
    )


def list_data(listed: Listed, *, last: int, gone: int) -> dict[str, Any]:
    """Return a page of the list for JSON; `last` is the newest number, `gone` how many gave way."""
    return {
        "last": last,
        "gone": gone,
        "found": listed.found,
        "more": listed.more,
        "mails": [_row(mail) for mail in listed.mails],
    }


def _row(mail: Mail) -> dict[str, Any]:
    to = mail.kept.rcpt_tos
    others = len(to) - _MOST_ADDRESSES
    shown = ", ".join(to[:_MOST_ADDRESSES]) + (f" and {others:,} more" if others > 0 else "")
    return {
        "number": mail.number,
        "to": shown[:_MOST_SHOWN],
        "from": (mail.from_ or mail.kept.mail_from)[:_MOST_SHOWN],
        "subject": mail.subject[:_MOST_SHOWN],
        "time": mail.kept.time.isoformat(timespec="seconds"),
        "size": mail.kept.size,
    }
