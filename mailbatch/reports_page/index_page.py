"""The page as HTML: every figure in words, with bars that the browser draws and prints.

Bars are SVG, whose fills are printed where backgrounds are not. The picture over time and the list
are filled in by the script. This module must never write a text but through `markup.text`.

Tests: tests/reports_page/test_writing.py, tests/browser/test_reports_page.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mailbatch.balance import of_accepted, of_rows
from mailbatch.look.markup import count, icon, page, text
from mailbatch.outcome import Status
from mailbatch.reports.report import Event, Kind
from mailbatch.reports_page.figures import OF_EVENT, OF_STATUS, WORDS, About, Fate, Figures
from mailbatch.reports_page.reasons import Reason, printable
from mailbatch.reports_page.times import STACK, Series, series_of
from mailbatch.times import iso_time

#: Nothing but the files beside the page, and no connection at all.
POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_KEYS = (
    ("/", "Search"),
    ("j k", "Next and previous page of the list"),
    ("Esc", "Clear the search"),
    ("?", "This help"),
)
_FIRST_DOMAINS, _MOST_DOMAINS = 8, 100
_FIRST_REASONS, _MOST_REASONS = 6, 50
#: The least width of a part of a bar, in percent: one recipient of a million is seen.
_THINNEST = 0.6
_WITHOUT = "none"


def index_page(about: About, figures: Figures) -> str:
    """Return index.html."""
    bar = (
        f'<a class="brand" href="#main">{icon("brand")}<span>mailbatch reports</span></a>'
        '<span class="space"></span>'
    )
    series = series_of(figures)
    main = f"""<main id="main" tabindex="-1">
{_hero(about, figures)}
<div class="wide"><div class="panels two">{_server(figures)}{_reports(about, figures)}</div>
{_over_time(figures, series)}
<div class="panels two">{_domains(figures)}{_reasons(figures)}</div></div>
{_tools(figures)}
{_list(figures)}
</main>"""
    return page(
        title=printable(f"{about.job} ({about.edition}): reports"),
        base="",
        bar=bar,
        main=main,
        keys=_KEYS,
        icons=("search", "ok", "back", "next"),
        styles=("assets/uPlot.min.css", "assets/reports.css"),
        scripts=("assets/uPlot.iife.min.js", "assets/reports.js", "figures.js"),
        policy=POLICY,
    )


def _hero(about: About, figures: Figures) -> str:
    fates = figures.fates
    facts = [
        ("", figures.recipients, "recipients" if figures.recipients != 1 else "recipient"),
        ("", figures.statuses[Status.ACCEPTED], "accepted by the server"),
        ("ok", fates[Fate.DELIVERED], "delivered"),
    ]
    facts += [("error", fates[Fate.LOST], "not delivered")] if fates[Fate.LOST] else []
    unwanted = fates[Fate.COMPLAINED]
    facts += [("warning", unwanted, "complained or unsubscribed")] if unwanted else []
    facts.append(("", figures.silent, "accepted, no report"))
    listed = "".join(
        f'<div class="{kind}"><dt>{words}</dt><dd>{number:,}</dd></div>'
        for kind, number, words in facts
    )
    at = iso_time(about.as_of)
    return f"""<div class="wide hero"><h1><bdi>{text(printable(about.job))}</bdi></h1>
<p class="sub">Reports of edition <bdi>{text(printable(about.edition))}</bdi>, as of
<time class="nowrap" datetime="{at}">{_shown_time(at)}</time></p>
<p class="sub">{text(_balance(figures))}</p>
<dl class="facts">{listed}</dl></div>"""


def _balance(figures: Figures) -> str:
    """Return the equation of the edition, with the provider's side where there are reports."""
    counts = {status: figures.statuses[status] for status in Status}
    said = of_rows(figures.recipients - figures.left, figures.left, counts)
    if not figures.events:
        return said
    return f"{said}; {of_accepted(counts[Status.ACCEPTED], figures.accepted)}"


def _shown_time(at: str) -> str:
    """Return a time for people: `2026-11-29 22:05 UTC`."""
    return f"{at[:10]} {at[11:16]} UTC"


def _panel(title: str, inside: str) -> str:
    return f'<section class="panel"><h2>{title}</h2>{inside}</section>\n'


def _calm(sentence: str) -> str:
    return f'<p class="calm">{icon("ok")}<span>{sentence}</span></p>'


def _bar(parts: Iterable[tuple[str, int]], whole: int) -> str:
    """Return a bar of parts (the name of a colour, a number); `whole` is the number of all.

    A picture beside its figures: a reader of the screen passes it over.
    """
    widths = [(name, max(_THINNEST, 100 * number / whole)) for name, number in parts if number]
    scale = min(1.0, 100 / sum(width for _, width in widths)) if widths else 1.0
    drawn, left = "", 0.0
    for name, width in widths:
        drawn += f'<rect class="f-{name}" x="{left:.2f}" width="{width * scale:.2f}" height="1"/>'
        left += width * scale
    return (
        '<svg class="parts" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f"{drawn}</svg>"
    )


def _dot(colour: str) -> str:
    return (
        '<svg class="dot" viewBox="0 0 10 10" aria-hidden="true">'
        f'<circle class="f-{colour}" cx="5" cy="5" r="5"/></svg>'
    )


def _legend(fates: Iterable[Fate]) -> str:
    return f'<ul class="legend">{"".join(f"<li>{_dot(f)}{WORDS[f]}</li>" for f in fates)}</ul>'


def _line(colour: str, words: str, number: int, filters: Mapping[str, str]) -> str:
    """Return a line of a panel: a dot, words that filter the list, and a number."""
    data = "".join(f' data-{name}="{text(value)}"' for name, value in filters.items())
    return (
        f'<li>{_dot(colour)}<div><button class="plain" type="button"{data}>{words}</button>'
        f'</div><span class="count">{number:,}</span></li>'
    )


def _server(figures: Figures) -> str:
    title = "What the server said"
    found = [(status, figures.statuses[status]) for status in Status if figures.statuses[status]]
    if not found:
        return _panel(title, '<p class="muted">There is no recipient in this edition.</p>')
    bar = _bar(((_colour(status), number) for status, number in found), figures.recipients)
    lines = "".join(
        _line(_colour(status), text(status.replace("_", " ")), number, {"status": str(status)})
        for status, number in found
    )
    return _panel(title, f"{bar}<ul>{lines}</ul>")


def _colour(status: Status) -> str:
    if status is Status.ACCEPTED:
        return Fate.DELIVERED
    if status is Status.IN_DOUBT:
        return Fate.COMPLAINED
    return OF_STATUS.get(status, Fate.SILENT)


def _reports(about: About, figures: Figures) -> str:
    title = "What was reported since"
    found = sorted(figures.events.items(), key=_order)
    silent = figures.silent
    whole = sum(figures.events.values()) + silent
    beside = _beside(about, figures)
    if not found:
        none = (
            "<p>No report has come yet. <code>mailbatch reports read</code> reads bounces and "
            "complaints, <code>mailbatch reports serve</code> takes what a provider posts.</p>"
        )
        return _panel(title, none + beside)
    parts = [(str(OF_EVENT[event]), number) for (event, _), number in found]
    lines = "".join(
        _line(OF_EVENT[event], text(_event(event, kind)), number,
              {"event": f"{event} {kind or ''}".strip()})
        for (event, kind), number in found
    )  # fmt: skip
    if silent:
        lines += _line(
            Fate.SILENT, "accepted, no report", silent, {"status": "accepted", "event": _WITHOUT}
        )
    bar = _bar([*parts, (str(Fate.SILENT), silent)], whole)
    return _panel(title, f"{bar}<ul>{lines}</ul>{beside}")


def _order(item: tuple[tuple[Event, Kind | None], int]) -> tuple[int, int, str]:
    (event, kind), number = item
    return list(Fate).index(OF_EVENT[event]), -number, f"{event}{kind or ''}"


def _event(event: str, kind: str | None) -> str:
    return f"{event}, {kind}" if kind else str(event)


def _beside(about: About, figures: Figures) -> str:
    """Return what is no standing: opens, clicks, and reports that found no recipient."""
    said = []
    if figures.opened or figures.clicked:
        said.append(f"{count(figures.opened, 'recipient')} opened, {figures.clicked:,} clicked")
    if about.unmatched:
        said.append(
            f"{count(about.unmatched, 'report')} of no recipient of this edition, such as those of "
            "other editions and of tests: "
            "<code>reports show --unmatched</code>"
        )
    if about.unread:
        said.append(f"{about.unread:,} bodies of the store not read yet")
    return f'<p class="beside">{"<br>".join(said)}</p>' if said else ""


def _over_time(figures: Figures, series: Series | None) -> str:
    if series is None:
        return ""
    heads = "".join(f'<th scope="col" class="num">{WORDS[fate]}</th>' for fate in STACK)
    rows = "".join(
        f'<tr><th scope="row">{_time_cell(start, series.unit)}</th>'
        + "".join(f'<td class="num">{series.numbers[fate][n]:,}</td>' for fate in STACK)
        + "</tr>"
        for n, start in enumerate(series.starts)
        if any(series.numbers[fate][n] for fate in STACK)
    )
    legend = _legend(fate for fate in STACK if any(series.numbers[fate]))
    misplaced = ""
    if figures.misplaced:
        misplaced = (
            f'<p class="beside">{count(figures.misplaced, "report")} with a time before the first '
            "attempt or in the future: not in the picture.</p>"
        )
    return f"""<section class="panel times"><h2>Reports by the {series.word}, UTC</h2>
{legend}
<div id="times" role="img" aria-label="Recipients by the {series.word} of their report; the table
below has the numbers"></div>
<p class="pointed" id="pointed" aria-hidden="true"></p>{misplaced}
<details><summary>The numbers as a table</summary><div class="scroll" tabindex="0" role="region"
aria-label="Reports by the {series.word}"><table class="numbers"><thead><tr>
<th scope="col">{series.word.capitalize()}</th>{heads}</tr></thead><tbody>{rows}</tbody></table>
</div></details></section>"""


def _time_cell(start: int, unit: int) -> str:
    at = iso_time(start)
    return f"{at[:10]} {at[11:16]}" if unit < 86_400 else at[:10]  # noqa: PLR2004 - a day


def _domains(figures: Figures) -> str:
    domains = sorted(figures.domains.items(), key=lambda item: (-item[1].total(), item[0]))
    title = "By recipient domain"
    if not domains:
        return _panel(title, '<p class="muted">No recipient was to be mailed.</p>')
    most = domains[0][1].total()
    rows = [_domain(name, fates, most) for name, fates in domains[:_MOST_DOMAINS]]
    rest: Counter[Fate] = Counter(figures.other_domains)
    for _, fates in domains[_MOST_DOMAINS:]:
        rest.update(fates)
    note = ""
    if rest:
        others = len(domains) - _MOST_DOMAINS
        of = count(others, "more domain") if not figures.other_domains else "more domains"
        lost = rest[Fate.LOST] + rest[Fate.REFUSED]
        note = (
            f'<p class="beside">{of}: {count(rest.total(), "recipient")}, '
            f"{rest[Fate.DELIVERED]:,} delivered, {lost:,} not delivered</p>"
        )
    legend = _legend(fate for fate in Fate if figures.fates[fate])
    return _panel(title, legend + _domain_table(rows) + note)


def _domain_table(rows: list[str]) -> str:
    head = (
        '<thead><tr><th scope="col">Domain</th><th scope="col" class="num">Recipients</th>'
        '<th scope="col" class="num">Delivered</th><th scope="col" class="num">Not delivered</th>'
        "</tr></thead>"
    )
    shown = f'<table class="domains">{head}<tbody>{"".join(rows[:_FIRST_DOMAINS])}</tbody></table>'
    folded = rows[_FIRST_DOMAINS:]
    if folded:
        shown += (
            f"<details><summary>{count(len(folded), 'more domain')}</summary>"
            f'<table class="domains">{head}<tbody>{"".join(folded)}</tbody></table></details>'
        )
    return shown


def _domain(name: str, fates: Counter[Fate], most: int) -> str:
    total, lost = fates.total(), fates[Fate.LOST] + fates[Fate.REFUSED]
    bar = _bar(((str(fate), fates[fate]) for fate in Fate), most)
    share = f" <small>{100 * lost / total:.1f} %</small>" if lost else ""
    return (
        f'<tr><th scope="row"><button class="plain" type="button" data-domain="{text(name)}">'
        f"<bdi>{text(name) or '(empty)'}</bdi></button>{bar}</th>"
        f'<td class="num">{total:,}</td><td class="num">{fates[Fate.DELIVERED]:,}</td>'
        f'<td class="num">{lost:,}{share}</td></tr>'
    )


def _reasons(figures: Figures) -> str:
    title = "By reason"
    reasons = sorted(figures.reasons.items(), key=lambda item: (-item[1], _words(item[0])))
    if not reasons and not figures.events:  # silence is no good news: perhaps nothing takes reports
        return _panel(title, "<p>Nothing is known yet.</p>")
    if not reasons:
        return _panel(title, _calm("No refusal, no bounce and no complaint so far."))
    items = [_reason(figures, reason, number) for reason, number in reasons]
    shown = f'<ul class="reasons">{"".join(items[:_FIRST_REASONS])}</ul>'
    folded = items[_FIRST_REASONS:_MOST_REASONS]
    if folded:
        shown += (
            f"<details><summary>{count(len(folded), 'more reason')}</summary>"
            f'<ul class="reasons">{"".join(folded)}</ul></details>'
        )
    rest = sum(number for _, number in reasons[_MOST_REASONS:]) + figures.other_reasons
    if rest:
        shown += f'<p class="beside">other reasons: {count(rest, "recipient")}</p>'
    return _panel(title, shown)


def _words(reason: Reason) -> tuple[str, str, str, str]:
    return reason.told, reason.kind, reason.code, reason.words


def _reason(figures: Figures, reason: Reason, number: int) -> str:
    told = _event(reason.told, reason.kind)
    if isinstance(reason.told, Status):
        told = f"{told} by the server"
    fate = OF_STATUS[reason.told] if isinstance(reason.told, Status) else OF_EVENT[reason.told]
    code = f'<span class="mono">{text(reason.code)}</span>' if reason.code else ""
    subject = f'<span class="chip">{text(reason.subject)}</span>' if reason.subject else ""
    words = f"<small><bdi>{text(reason.words)}</bdi></small>" if reason.words else ""
    button = (
        f'<button class="plain" type="button" data-reason="{figures.number_of(reason)}">'
        f"{text(told)} {code}</button>"
    )
    return (
        f"<li>{_dot(fate)}<div>{button} {subject}{words}</div>"
        f'<span class="count">{number:,}</span></li>'
    )


def _tools(figures: Figures) -> str:
    statuses = [("", "Any answer of the server")]
    statuses += [
        (str(status), status.replace("_", " ").capitalize())
        for status in Status
        if figures.statuses[status]
    ]
    events = [("", "Any report")]
    for (event, kind), _ in sorted(figures.events.items(), key=_order):
        events.append((f"{event} {kind or ''}".strip(), _event(event, kind).capitalize()))
    events.append((_WITHOUT, "No report"))
    selects = _select("by-status", "Answer of the server", statuses)
    selects += _select("by-event", "Report", events)
    return f"""<div class="tools" id="tools"><div class="wide" role="search">
<div class="search">{icon("search")}<input id="search" type="search" aria-label="Search"
placeholder="Search address, code, words" autocomplete="off" spellcheck="false">
<kbd aria-hidden="true">/</kbd></div>
{selects}<button class="button" id="only" type="button" hidden></button>
<span class="shown" id="shown" role="status"></span></div></div>"""


def _select(name: str, label: str, choices: Iterable[tuple[str, str]]) -> str:
    options = "".join(
        f'<option value="{text(value)}">{text(shown)}</option>' for value, shown in choices
    )
    return f'<select id="{name}" aria-label="{label}">{options}</select>'


def _list(figures: Figures) -> str:
    none = "No recipient matches." if figures.recipients else "There is no recipient."
    hidden = "" if figures.recipients else " hidden"
    return f"""<div class="wide">
<div class="sheet" id="list" hidden><table class="recipients" role="table" aria-label="Recipients">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Recipient</th>
<th role="columnheader" scope="col">Server</th><th role="columnheader" scope="col">Report</th>
<th role="columnheader" scope="col">Reason</th>
<th role="columnheader" scope="col">Time, UTC</th></tr></thead>
<tbody id="rows" role="rowgroup"></tbody></table></div>
<nav class="pages" id="pages" aria-label="Pages of the list" hidden>
<button class="button" id="before" type="button">{icon("back")}<span>Previous</span></button>
<label>Page <input id="page" type="number" min="1" inputmode="numeric"> of
<span id="of"></span></label>
<button class="button" id="after" type="button"><span>Next</span>{icon("next")}</button></nav>
<div class="empty" id="none" hidden><p>{none}</p>
<p{hidden}><button class="button" id="clear" type="button">Show all</button></p></div>
<noscript><div class="empty"><p>The list and the picture need JavaScript; all figures stand
above.</p></div></noscript></div>"""
