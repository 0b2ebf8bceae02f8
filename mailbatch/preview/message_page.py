"""The page of one message: preview, text, headers, source, attachments, checks and changes.

The HTML part is no part of the page: a script file holds the HTML as data, and a frame without
scripts shows it, with remote content shut out.

Tests: tests/browser/test_what_a_mail_tries.py, tests/preview/test_gallery.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailbatch.checks.codes import CODES, Severity, severity_of
from mailbatch.checks.findings import Finding
from mailbatch.frozen import frozen
from mailbatch.look.markup import count, icon, mark, page, prose, segments, size, text
from mailbatch.preview.calendar_panel import calendar_panel
from mailbatch.preview.clients_panel import clients_panel
from mailbatch.preview.entry import Change, Entry
from mailbatch.preview.inbox import inbox_lines
from mailbatch.preview.links_panel import links_panel
from mailbatch.preview.size_panel import size_panel
from mailbatch.render.message import Attachment, Content

_KEYS = (
    ("j →", "Next message"),
    ("k ←", "Previous message"),
    ("1 … 9", "Choose a tab"),
    ("w", "Width: phone, tablet, desktop"),
    ("d", "Light, dark, inverted"),
    ("u", "Back to the index"),
    ("/", "Search"),
    ("?", "This help"),
)
_ICONS = (
    "back",
    "next",
    "phone",
    "tablet",
    "desktop",
    "image",
    "contrast",
    "file",
    "save",
    "copy",
    "ok",
)
_WIDTHS = (
    ("phone", "phone", "Phone"),
    ("tablet", "tablet", "Tablet"),
    ("desktop", "desktop", "Desktop"),
)
_SCHEMES = (
    ("light", "sun", "Light"),
    ("dark", "moon", "Dark"),
    ("inverted", "contrast", "Inverted"),
)
_SIDES = (("before", "back", "Before"), ("after", "next", "After"))
_EMPTY = '<span class="muted">(empty)</span>'
_MOST_ADDRESSES = 200
_MOST_REASONS = 5
_MOST_LINES = 2000  # of the source; the rest is in the .eml
_ENCODED = re.compile(r"[A-Za-z0-9+/]+")
_ENCODED_WIDTH = 76  # RFC 2045 6.8
_SHORTEST_RUN = 8
#: The types that a browser shows without running anything; files of other types are saved.
_OPENED = re.compile(
    r"application/pdf|text/(?:plain|csv|calendar)|image/(?:png|jpeg|gif|webp|avif|bmp)"
)


@frozen
class Place:
    """The place of a message in the gallery.

    `number` is the name of the message's files, `index` the place among `total`, from 0. `before`
    and `after` are the numbers of the neighbours. `body` is the file with the frame's data, `files`
    are the paths of the attachments and inline images, in their order; all from the gallery's
    folder.
    """

    number: str
    index: int
    total: int
    before: str | None
    after: str | None
    body: str
    files: tuple[str, ...]


def message_page(entry: Entry, place: Place) -> str:
    """Return the page of a message, or of the error in its place."""
    content = entry.content
    panels = _panels(entry, content, place) if content is not None else _broken_panels(entry)
    tabs = "".join(
        f'<button role="tab" type="button" id="tab-{key}" aria-controls="{key}" '
        f'aria-selected="{"true" if n == 0 else "false"}">{label}</button>'
        for n, (key, label, _) in enumerate(panels)
    )
    bodies = "".join(
        f'<section class="tabpanel" role="tabpanel" id="{key}" aria-labelledby="tab-{key}" '
        f'tabindex="0"{"" if n == 0 else " hidden"}>{inside}</section>\n'
        for n, (key, _, inside) in enumerate(panels)
    )
    main = f"""<main id="main" tabindex="-1" class="wide" data-message="{place.number}">
{_letter(entry, content)}
<div class="tabs" role="tablist" aria-label="Views of the message">{tabs}</div>
{bodies}</main>"""
    has_body = content is not None and content.html is not None
    data = (place.body,) if has_body else ()
    return page(
        title=f"{_subject(entry)} · {entry.addresses[0]}",
        base="../",
        bar=_bar(place),
        main=main,
        keys=_KEYS,
        icons=_ICONS,
        styles=("assets/gallery.css",),
        scripts=("assets/common.js", *data, "assets/message.js"),
    )


def _subject(entry: Entry) -> str:
    if entry.content is None:
        return "This message cannot be made"
    return entry.content.subject or "No subject"


def _bar(place: Place) -> str:
    def neighbour(key: str, sign: str, label: str, number: str | None) -> str:
        to = f'href="{number}.html"' if number is not None else 'aria-disabled="true"'
        return (
            f'<a class="icon" role="link" id="{key}" {to} aria-label="{label}" '
            f'title="{label}">{icon(sign)}</a>'
        )

    previous = neighbour("previous", "back", "Previous message", place.before)
    following = neighbour("next", "next", "Next message", place.after)
    return f"""<a class="brand" id="back" data-index-link href="../index.html"
aria-label="All messages">{icon("brand")}<span>All messages</span></a><span class="space"></span>
<span class="muted nowrap" id="position">{place.index + 1:,} of {place.total:,}</span>
{previous}{following}"""


def _letter(entry: Entry, content: Content | None) -> str:
    others = len(entry.addresses) - 1
    to = text(entry.addresses[0]) + (f" and {others:,} more" if others else "")
    people = f"<span>To <b>{to}</b></span>"
    if content is not None:
        sender = f"<span>From <b>{text(content.from_)}</b></span>"
        people = f"{sender}{people}<span>{size(len(entry.source))}</span>"
    if entry.line is not None:
        people += f"<span>line {entry.line:,} of the table</span>"
    chips = [f'<span class="chip">{text(why)}</span>' for why in entry.reasons[:_MOST_REASONS]]
    if len(entry.reasons) > _MOST_REASONS:
        rest = text(", ".join(entry.reasons[_MOST_REASONS:]))
        chips.append(f'<span class="chip" title="{rest}">and more</span>')
    if entry.change is not None and entry.change.kind in {"new", "changed"}:
        chips.insert(0, f'<span class="chip accent">{text(entry.change.kind)}</span>')
    why = f'<div class="why">{"".join(chips)}</div>' if chips else ""
    error = ""
    if entry.error is not None:
        error = (
            f'<div class="banner" role="alert">{mark("error")}<div>{text(entry.error)}</div></div>'
        )
    return f"""<div class="letter"><h1>{text(_subject(entry))}</h1>
<div class="people">{people}</div>{why}{error}</div>"""


def _panels(entry: Entry, content: Content, place: Place) -> list[tuple[str, str, str]]:
    files = len(content.attachments) + len(content.inline)
    lacking, clients = clients_panel(content.html)
    linked, links = links_panel(content)
    panels = [
        ("preview", "Preview", _preview(entry, content)),
        ("text", "Text", _text(content)),
        ("headers", "Headers", _headers(entry, content)),
        ("source", "Source", _source(entry, place)),
        ("attachments", _counted("Attachments", files), _attachments(content, place)),
        *_checked(entry, content),
        ("clients", _counted("Clients", lacking), clients),
        ("links", _counted("Links", linked), links),
    ]
    if content.calendar is not None:
        panels.append(("calendar", "Calendar", calendar_panel(content.calendar)))
    if entry.change is not None and entry.change.kind in {"same", "changed"}:
        panels.append(("changes", "Changes", _changes(entry.change)))
    return panels


def _checked(entry: Entry, content: Content) -> Iterator[tuple[str, str, str]]:
    """Yield the panel of the checks, but for a message that was not checked."""
    if entry.line is not None:
        checks = _checks(entry, content)
        yield ("checks", _counted("Checks", len(entry.findings), entry), checks)


def _broken_panels(entry: Entry) -> list[tuple[str, str, str]]:
    label = "Row" if entry.values else "Group"
    return [
        ("headers", label, _origin(entry) + _fields("Envelope", (("RCPT TO", _to(entry)),))),
        ("checks", _counted("Checks", len(entry.findings), entry), _findings(entry.findings)),
    ]


def _counted(label: str, number: int, entry: Entry | None = None) -> str:
    if not number:
        return label
    kind = ""
    if entry is not None:
        worst = {severity_of(finding.code) for finding in entry.findings}
        kind = next((f" {s}" for s in (Severity.ERROR, Severity.WARNING) if s in worst), "")
    return f'{label} <span class="chip{kind}">{number}</span>'


def _preview(entry: Entry, content: Content) -> str:
    if content.html is None:
        shown = f'<div class="sheet reading"><pre>{text(content.text or "")}</pre></div>'
        return inbox_lines(content) + shown
    before = entry.change is not None and entry.change.html_before is not None
    widths = segments("Width", 'set="width" data-value', _WIDTHS, shy=True)
    schemes = segments("Colours of the mail program", 'set="scheme" data-value', _SCHEMES, shy=True)
    sides = segments("Compare", 'set="side" data-value', _SIDES, shy=False) if before else ""
    return f"""{inbox_lines(content)}
<div class="stage-tools">{widths}{schemes}{sides}
<button class="button" id="remote" type="button" hidden>{icon("image")}<span>Load remote
images</span></button></div>
<div class="stage" id="stage"><div class="device desktop" id="device">
<iframe id="frame" title="The HTML part" sandbox="allow-popups allow-popups-to-escape-sandbox"
referrerpolicy="no-referrer"></iframe></div></div>
<p class="note" id="scheme-note" hidden>This message has no dark styles: most programs show it as
it is, some invert its colours.</p>
<noscript><p class="note">The frame needs JavaScript.</p></noscript>"""


def _text(content: Content) -> str:
    if not (content.text or "").strip():
        return '<div class="empty">There is no text part.</div>'
    return f'<div class="sheet reading"><pre>{text(content.text)}</pre></div>'


def _fields(title: str, pairs: tuple[tuple[str, str], ...]) -> str:
    if not pairs:
        return ""
    listed = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value) or _EMPTY}</dd></div>" for name, value in pairs
    )
    return f'<div class="sheet"><h2>{title}</h2><dl class="fields">{listed}</dl></div>'


def _headers(entry: Entry, content: Content) -> str:
    envelope = [("MAIL FROM", entry.reverse_path), ("RCPT TO", _to(entry))]
    if entry.copies:
        envelope.append(("Copies", "\n".join(entry.copies)))
    return (
        _fields("Header", content.headers) + _fields("Envelope", tuple(envelope)) + _origin(entry)
    )


def _to(entry: Entry) -> str:
    shown = entry.addresses[:_MOST_ADDRESSES]
    rest = len(entry.addresses) - len(shown)
    return "\n".join((*shown, f"and {rest:,} more") if rest else shown)


def _origin(entry: Entry) -> str:
    """Return the cells of the row or the group that the message is made from."""
    row = _fields("The first row" if entry.group else "The row", entry.values)
    return _fields("The group", entry.group) + row


def _source(entry: Entry, place: Place) -> str:
    lines = _shortened(entry.source.decode("utf-8", "backslashreplace").split("\r\n"))
    if len(lines) > _MOST_LINES:
        rest = count(len(lines) - _MOST_LINES, "more line")
        lines = [*lines[:_MOST_LINES], "", f"[{rest} in the .eml file]"]
    return f"""<div class="sheet"><h2>{size(len(entry.source))}<span class="space"></span>
<button class="button" id="copy" type="button">{icon("copy")}<span>Copy</span></button>
<a class="button" href="{place.number}.eml" download>{icon("save")}<span>.eml</span></a></h2>
<pre class="long mono" id="source-text" tabindex="0">{text(chr(10).join(lines))}</pre></div>"""


def _shortened(lines: list[str]) -> list[str]:
    """Leave out the middle of long runs of base64, which is no text for a reader."""
    shown: list[str] = []
    run: list[str] = []
    for line in [*lines, ""]:
        if len(line) == _ENCODED_WIDTH and _ENCODED.fullmatch(line):
            run.append(line)
            continue
        if len(run) > _SHORTEST_RUN:
            run = [run[0], f"[{count(len(run) - 2, 'line')} of base64 in the .eml file]", run[-1]]
        shown += run
        run = []
        shown.append(line)
    return shown[:-1]


def _attachments(content: Content, place: Place) -> str:
    files = (*content.attachments, *content.inline)
    if not files:
        return '<div class="empty">There are no attachments.</div>'
    items = "".join(_file(file, path) for file, path in zip(files, place.files, strict=True))
    return f'<div class="sheet files"><ul>{items}</ul></div>'


def _file(file: Attachment, path: str) -> str:
    opened = _OPENED.fullmatch(file.type.partition(";")[0].strip().lower()) is not None
    how, label = 'target="_blank" rel="noopener"', "<span>Open</span>"
    if not opened:
        how, label = "download", f"{icon('save')}<span>Save</span>"
    shown = f", shown as cid:{text(file.cid)}" if file.cid is not None else ""
    return (
        f'<li>{icon("file" if file.cid is None else "image")}<div class="name">'
        f"{text(file.filename)}<small>{text(file.type)}, "
        f"{size(len(file.data))}{shown}</small></div>"
        f'<a class="button" href="../{text(path)}" {how}>{label}</a></li>'
    )


def _checks(entry: Entry, content: Content) -> str:
    return _findings(entry.findings) + size_panel(entry, content)


def _findings(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return '<div class="empty">No findings.</div>'
    order = list(Severity)
    items = "".join(
        _finding(finding)
        for finding in sorted(findings, key=lambda f: (order.index(severity_of(f.code)), f.code))
    )
    return f'<div class="sheet findings"><ul>{items}</ul></div>'


def _finding(finding: Finding) -> str:
    code = CODES[finding.code]
    place = f"{finding.location}: " if finding.location is not None else ""
    mend = text(finding.hint) if finding.hint else prose(code.mend)
    return (
        f"<li>{mark(code.severity)}<div><h3>{prose(code.title)}"
        f'<span class="mono">{code.code}</span></h3>'
        f"<p>{text(place)}{text(finding.detail)}</p>"
        f'<p class="mend">{prose(code.why)} {mend}</p></div></li>'
    )


def _changes(change: Change) -> str:
    if not change.parts:
        return '<div class="empty">Nothing changed.</div>'
    return "".join(
        f'<div class="sheet diff"><h2>{text(name)}</h2>'
        f"<pre>{''.join(map(_diff_line, lines))}</pre></div>"
        for name, lines in change.parts
    )


def _diff_line(line: str) -> str:
    kind = {"+": "add", "-": "del", "@": "at"}.get(line[:1], "")
    said = {"add": "added: ", "del": "removed: "}.get(kind, "")
    unseen = f'<span class="unseen">{said}</span>' if said else ""
    return f'<span class="{kind}">{unseen}{text(line) or " "}</span>'
