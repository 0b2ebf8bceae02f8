"""The index of the gallery: the mailing at a glance, and the data of the list.

The list and the thumbnails are drawn from these data by `assets/index.js`, in the browser.

Tests: tests/browser/test_gallery_in_chromium.py, tests/preview/test_gallery.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mailbatch.checks.codes import CODES, Severity, severity_of
from mailbatch.checks.findings import Overview, Tally
from mailbatch.look.markup import count, icon, mark, page, prose, script, segments, text
from mailbatch.preview.entry import Entry, Since
from mailbatch.preview.inbox import shown_behind

_KEYS = (
    ("/", "Search"),
    ("j k", "Next and previous message"),
    ("Enter", "Open the message"),
    ("v", "Thumbnails or list"),
    ("Esc", "Clear the search"),
    ("?", "This help"),
)
_CHANGES = (
    ("", "Changed or not"),
    ("changed", "Changed"),
    ("new", "New"),
    ("unseen", "Not shown before"),
    ("same", "The same"),
)
_ORDERS = (
    ("", "Table order"),
    ("subject", "Subject"),
    ("size", "Size"),
    ("recipients", "Recipients"),
    ("checks", "Warnings first"),
)
_VIEWS = (("wall", "wall", "Thumbnails"), ("list", "list", "List"))
_WEIGHT = {Severity.INFO: 1, Severity.WARNING: 2, Severity.ERROR: 3}
#: The codes whose findings other panels of the index show.
_ELSEWHERE = frozenset(("MB113", "MB114", "MB115", "MB116", "MB117", "MB118"))
_NONE = "There is no message to show."
_NONE_MATCHES = "No message matches."
_FIRST = 6  # entries of a panel before "more"
_MOST_GROUPS = 200  # a list of more is no help
_OTHERS = 25  # addresses of a message that can be searched


#: One message of the list, as assets/index.js reads it: short keys, for ten thousand messages.
#: n number, l line, to address, also more addresses, r recipients, s subject, p the text behind the
#: subject, z bytes, g group, f codes, w weight of the worst code, y reasons to look, e error,
#: c change.
Listed = dict[str, Any]


def index_page(
    overview: Overview, entries: Sequence[Listed], since: Since | None, plan: str | None = None
) -> str:
    """Return index.html; `since` is the earlier preview that the changes refer to.

    `plan` is the digest of the plan of the mailing, in 64 hex digits.
    """
    bar = (
        f'<a class="brand" href="#main">{icon("brand")}<span>mailbatch preview</span></a>'
        '<span class="space"></span>'
    )
    main = f"""<main id="main" tabindex="-1">
{_hero(overview, entries, plan)}
<details class="wide overview" id="overview" open><summary>Overview</summary><div class="panels">
{_checks(overview, entries)}{_recipients(overview)}
{_coverage(overview)}{_changes(since, entries)}
</div></details>
{_tools(entries, compared=since is not None)}
<div class="wide">
<section class="list" id="list" role="table" aria-label="Messages" hidden>
<div class="list-head" role="row" aria-rowindex="1"><div role="columnheader">Row</div>
<div role="columnheader">To</div><div role="columnheader">Subject</div>
<div role="columnheader">Group</div><div role="columnheader" class="num">Size</div>
<div role="columnheader"><span class="unseen">Checks</span></div></div>
<div class="rows" id="rows" role="rowgroup"></div></section>
<section class="wall" id="wall" role="list" aria-label="Messages" hidden></section>
<div class="empty" id="none" hidden><p>{_NONE_MATCHES if entries else _NONE}</p>
<p{"" if entries else " hidden"}><button class="button" id="clear"
type="button">Show all</button></p></div>
<noscript><div class="empty"><p>The list needs JavaScript; the pages of the messages and their
.eml files are in <a href="messages/">messages/</a>.</p></div></noscript>
</div></main>"""
    return page(
        title=f"{overview.job} ({overview.edition})",
        base="",
        bar=bar,
        main=main,
        keys=_KEYS,
        icons=("search", "wall", "list", "ok"),
        styles=("assets/gallery.css",),
        scripts=("assets/common.js", "index-data.js", "assets/index.js"),
    )


def index_data(overview: Overview, entries: Sequence[Listed]) -> str:
    """Return index-data.js: the data that the list shows and searches, one object a message."""
    used = sorted({code for entry in entries for code in entry["f"]})
    codes = {c: {"title": CODES[c].title, "severity": CODES[c].severity} for c in used}
    return script("mailbatchIndex", {"job": overview.job, "codes": codes, "messages": entries})


def listed(number: str, entry: Entry) -> Listed:
    """Return the data of a message that the list shows; `number` names the page."""
    codes = sorted({finding.code for finding in entry.findings})
    message: Listed = {
        "n": number,
        "l": entry.line,
        "to": entry.addresses[0],
        "r": len(entry.addresses),
        "s": entry.content.subject if entry.content is not None else "",
        "z": len(entry.source),
        "f": codes,
        "w": max((_WEIGHT[severity_of(code)] for code in codes), default=0),
    }
    if entry.content is not None and (shown := shown_behind(entry.content)):
        message["p"] = shown
    if len(entry.addresses) > 1:
        message["also"] = " ".join(entry.addresses[1:_OTHERS])
    if entry.group and tuple(value for _, value in entry.group) != entry.addresses:
        message["g"] = " / ".join(value or "(empty)" for _, value in entry.group)
    if entry.reasons:
        message["y"] = list(entry.reasons)
    if entry.error is not None:
        message["e"] = entry.error
    if entry.change is not None:
        message["c"] = entry.change.kind
    return message


def _hero(overview: Overview, entries: Sequence[Listed], plan: str | None) -> str:
    warnings = sum(severity_of(tally.code) is Severity.WARNING for tally in overview.tallies)
    errors = overview.counts.get("invalid", 0)
    facts = [
        ("", sum(overview.counts.values()), "recipients"),
        ("", overview.messages, "messages"),
        ("", len(entries), "shown here"),
    ]
    if warnings:
        facts.append(("warning", warnings, "warning" if warnings == 1 else "warnings"))
    if errors:
        facts.append(("error", errors, "cannot be mailed"))
    listed = "".join(
        f'<div class="{kind}"><dt>{noun}</dt><dd>{number:,}</dd></div>'
        for kind, number, noun in facts
    )
    return f"""<div class="wide hero"><h1>{text(overview.job)}</h1>
<p class="sub">Edition {text(overview.edition)}, from {text(overview.sender)}</p>{_plan(plan)}
<dl class="facts">{listed}</dl></div>"""


def _plan(digest: str | None) -> str:
    """Return the line with the name of the plan: as `mailbatch plan` tells it, and as a whole."""
    if digest is None:
        return ""
    return f"""
<p class="sub">Plan <code title="{text(digest)}">{text(digest[:12])}…</code></p>"""


def _panel(title: str, inside: str) -> str:
    return f'<div class="panel"><h2>{title}</h2>{inside}</div>\n'


def _more(items: list[str], noun: str) -> str:
    """Return list items, the first few open and all others folded away."""
    shown = f"<ul>{''.join(items[:_FIRST])}</ul>"
    if len(items) > _FIRST:
        summary = f"<summary>{count(len(items) - _FIRST, f'more {noun}')}</summary>"
        shown += f"<details>{summary}<ul>{''.join(items[_FIRST:])}</ul></details>"
    return shown


def _calm(sentence: str) -> str:
    return f'<p class="calm">{icon("ok")}<span>{sentence}</span></p>'


def _checks(overview: Overview, entries: Sequence[Listed]) -> str:
    tallies = [tally for tally in overview.tallies if tally.code not in _ELSEWHERE]
    if not tallies:
        return _panel("Checks", _calm("No findings."))
    listed = {code for entry in entries for code in entry["f"]}
    items = [_tally(tally, filters=tally.code in listed) for tally in tallies]
    return _panel("Checks", _more(items, "finding"))


def _tally(tally: Tally, *, filters: bool) -> str:
    code = CODES[tally.code]
    example = tally.examples[0] if tally.examples else ""
    place = f"{tally.location}: " if tally.location is not None else ""
    title = prose(code.title)
    if filters:
        title = f'<button class="plain" type="button" data-code="{code.code}">{title}</button>'
    return (
        f"<li>{mark(code.severity)}<div>{title}<small>{text(place)}{text(example)}</small></div>"
        f'<span class="count">{tally.count:,}</span></li>'
    )


def _recipients(overview: Overview) -> str:
    shown = [(status, number) for status, number in overview.counts.items() if number]
    total = sum(number for _, number in shown) or 1
    stack = "".join(
        f'<i class="s-{text(status)}" style="width:{100 * number / total:.2f}%"></i>'
        for status, number in shown
    )
    statuses = "".join(
        f'<li><i class="dot s-{text(status)}"></i><span>{text(_status(status))}</span>'
        f'<span class="count">{number:,}</span></li>'
        for status, number in shown
    )
    most = overview.domains[0][1] if overview.domains else 1
    domains = "".join(
        f'<div class="meter"><span>{text(name)}</span><span class="count">{number:,}</span>'
        f'<i style="width:{100 * number / most:.1f}%"></i></div>'
        for name, number in overview.domains[:_FIRST]
    )
    others = sum(number for _, number in overview.domains[_FIRST:])
    if others:
        domains += (
            f'<div class="meter"><span class="muted">other domains</span>'
            f'<span class="count">{others:,}</span></div>'
        )
    folded = ""
    if domains:
        folded = f"<details><summary>Recipients per domain</summary>{domains}</details>"
    bar = f'<div class="stack" aria-hidden="true">{stack}</div>' if len(shown) > 1 else ""
    return _panel("Recipients", f"{bar}<ul>{statuses}</ul>{folded}")


def _status(status: str) -> str:
    return "would be mailed" if status == "pending" else status.replace("_", " ")


def _coverage(overview: Overview) -> str:
    items = [
        f'<li><span class="mark info" aria-hidden="true">i</span><div>Shown to nobody: '
        f'{text(words) or "a part of the letter"}<small><span class="mono">{text(label)}</span> in '
        f"{text(place)}</small></div></li>"
        for place, label, words in overview.unreached
    ] + [
        f'<li><span class="mark info" aria-hidden="true">i</span><div>Column <span class="mono">'
        f"{text(column)}</span> is never used</div></li>"
        for column in overview.unused
    ]
    if not items:
        return _panel(
            "Templates", _calm("Every branch is shown to somebody and every column is used.")
        )
    return _panel("Templates", _more(items, "note"))


def _changes(since: Since | None, entries: Sequence[Listed]) -> str:
    if since is None:
        return ""
    kinds = [entry.get("c") for entry in entries]
    items = [
        f'<li><span class="chip accent">{kinds.count(kind):,}</span>'
        f"<span>{shown.lower()}</span></li>"
        for kind, shown in _CHANGES
        if kind in kinds
    ]
    items += [
        f"<li><div>{text(address)}"
        f'<small><span class="chip">gone</span> {text(subject)}</small></div></li>'
        for address, subject in since.gone
    ]
    return _panel(f"Since {text(since.shown)}", _more(items, "change"))


def _tools(entries: Sequence[Listed], *, compared: bool) -> str:
    codes = sorted({code for entry in entries for code in entry["f"]})
    groups = sorted({entry["g"] for entry in entries if "g" in entry})
    checks = [("", "All checks"), ("warnings", "With warnings"), ("clean", "Without warnings")]
    checks += [(code, f"{code} {CODES[code].title.replace('`', '')}") for code in codes]
    selects = _select("by-check", "Checks", checks)
    if 0 < len(groups) < min(len(entries), _MOST_GROUPS):
        selects += _select(
            "by-group", "Group", [("", "All groups"), *((name, name) for name in groups)]
        )
    if compared:
        selects += _select("by-change", "Changes", _CHANGES)
    selects += _select("by-sort", "Order", _ORDERS)
    return f"""<div class="tools" id="tools"><div class="wide" role="search">
<div class="search">{icon("search")}<input id="search" type="search" aria-label="Search"
placeholder="Search address, subject, group" autocomplete="off" spellcheck="false">
<kbd aria-hidden="true">/</kbd></div>
{selects}{segments("View", "view", _VIEWS, shy=True)}
<span class="shown" id="shown" role="status"></span></div></div>"""


def _select(name: str, label: str, choices: Iterable[tuple[str, str]]) -> str:
    options = "".join(
        f'<option value="{text(value)}">{text(shown)}</option>' for value, shown in choices
    )
    return f'<select id="{name}" aria-label="{label}">{options}</select>'
