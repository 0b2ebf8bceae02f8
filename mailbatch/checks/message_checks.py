"""The checks of one message and of the job: pure functions from values to findings.

    check_message(content, Facts.of(job, find))  # -> (Finding("MB302", "84 characters: ..."), ...)

The checks never read files, never render and never refuse: an impossible message is refused by the
room that makes messages, and is described here by `check_error`.

Tests: tests/checks/test_check_codes.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING

from mailbatch.checks.access_checks import check_access
from mailbatch.checks.codes import (
    CLIPPED_AT,
    LONG_HEADER,
    LONG_SUBJECT,
    MOST_BYTES,
    MOST_TRACKED_LINKS,
)
from mailbatch.checks.findings import Finding, shortened
from mailbatch.checks.links import image_fault, link_fault, stem
from mailbatch.checks.references import References, left_over, references
from mailbatch.checks.unsubscribing import unsubscribe_urls
from mailbatch.errors import InputError, Location, Reason
from mailbatch.frozen import frozen
from mailbatch.host_names import a_labels
from mailbatch.job.fields import is_template
from mailbatch.render.alignment import alignment_warning
from mailbatch.render.edition import render_bulk_id
from mailbatch.render.edition_templates import bulk_id_names_edition
from mailbatch.render.message import Content, Message
from mailbatch.render.preheader import first_lines, visible
from mailbatch.report_token import token_in

if TYPE_CHECKING:
    from mailbatch.job.model import Job

_SHOWN = 100
_TELLING = 4  # characters; a shorter value stands in too many places of a template
#: The codes of the reasons that have one of their own; a message without is MB111.
_CODES = {
    Reason.UNKNOWN_INLINE: "MB208",
    Reason.BULK_ID_TOO_LONG: "MB401",
    Reason.CALLBACK_DATA_TOO_LONG: "MB402",
}
_WRITTEN_OUT = re.compile(r"[hH][tT]{2}[pP][sS]?://[^\s<>\"')\]]+")
_WEB = re.compile("https?:", re.IGNORECASE)
#: A text in the quotes of a word processor, single or double, of any language.
_CURLY = re.compile(
    "[\u2018\u201a-\u201c\u201e\u00ab][^\u201c-\u201e\u00ab\u00bb]*[\u2018\u2019\u201c\u201d\u00bb]"
)
#: A text without quotes, and a comment that hardly is one: `Issue #48`, `No. # {{ number }}`.
_COMMENT = re.compile(
    r"""(?P<text>[^"'#\s](?:[^#]|(?<=\S)\#)*?)\s+(?P<comment>\#(?:[^\s\#!-]|\s*\d|.*\{\{).*)$"""
)
#: A tag that no plain text has by chance.
_TAG = re.compile(
    r"</(?:html|body|head|style|div|p|table|tr|td|span|strong|em|h[1-6]|a|li|ul)>|<br\s*/?>",
    re.IGNORECASE,
)
#: A value of a template, such as `{{ seat }}` or `{{ seat | upper }}`.
_MARK = re.compile(rb"\{\{-?[ \t]*[A-Za-z_][\w.]*[ \t]*(?:\|[^{}\n]{1,60})?-?\}\}")
_CHARSET = re.compile(r"""; *charset="?([^";\s]+)""", re.IGNORECASE)
#: Returns the place of a text in the templates, if the text stands in one of them literally.
Finder = Callable[[str], Location | None]


@frozen
class Facts:
    """The facts of a job that the checks of a message need.

    `inline` are the names of the inline images, `embeds` says that files become such, `tracked` is
    true with a tracking URL, `marked` where messages carry the token of their delivery. `html_key`
    is that of the HTML part. `find`
    gives the place of a text in the templates, `locate` that of a key in the job.
    """

    inline: frozenset[str]
    embeds: bool
    tracked: bool
    marked: bool
    html_key: str
    find: Finder
    locate: Callable[[str], Location]

    @classmethod
    def of(cls, job: Job, find: Finder) -> Facts:
        """Return the facts of a job."""
        tracked = job.callbacks.tracking_url is not None
        marked = job.asks_for_reports
        key = job.message.html_key or "message"
        inline, embeds = frozenset(job.message.inline), job.message.images == "embed"
        return cls(inline, embeds, tracked, marked, key, find, cache(job.locate))


def check_message(content: Content, facts: Facts) -> tuple[Finding, ...]:
    """Return the findings of one message."""
    found = list(_headers(content, facts))
    seen = references(content.html) if content.html is not None else None
    if content.html is not None and seen is not None:
        found += _html(content.html, seen, facts)
        found += _preheader(content.html, content, facts)
        found += _access(content.html, facts)
    found += _texts(content, seen, facts)
    found += _written_out(content, facts)
    found += _unsubscribe(content, facts)
    found += _files(content, facts)
    found += _invited(content, facts)
    return tuple(found)


def check_size(message: Message) -> tuple[Finding, ...]:
    """Return the finding of a message that is larger than many servers take."""
    if message.size <= MOST_BYTES:
        return ()
    detail = f"{message.size:,} bytes, the biggest part is {message.biggest_part()}"
    return (Finding("MB232", detail),)


def check_error(error: InputError, row: Location) -> Finding:
    """Return the finding of a delivery whose message cannot be made.

    `row` is the place of the delivery's first row. The code follows from the error's reason.
    """
    code = _CODES.get(error.reason, "MB111") if error.reason is not None else "MB111"
    detail = f"{error.message}, for the row in {row}"
    if error.reason is Reason.UNKNOWN_INLINE:
        detail = f"{error.message}, so the row in {row} cannot be mailed"
    return Finding(code, detail, error.message, error.location, error.hint)


def _headers(content: Content, facts: Facts) -> Iterator[Finding]:
    subject, place = content.subject, facts.locate("message.subject")
    if not subject.strip():
        yield Finding("MB301", "the subject is empty", location=place)
    elif len(subject) > LONG_SUBJECT:
        detail = f"{len(subject)} characters: {_short(subject)}"
        yield Finding("MB302", detail, location=place)
    for name, value in content.headers:
        if len(name) + 2 + len(value) > LONG_HEADER and name not in {"To", "Cc"}:
            yield Finding("MB303", f"{name} has {len(value):,} characters", name)
        if facts.marked and name == "X-IB-Callback-Data" and not token_in(json.loads(value)):
            detail = f"{len(value):,} characters of your own"
            yield Finding("MB406", detail, name, facts.locate("callbacks.data"))


def _texts(content: Content, seen: References | None, facts: Facts) -> Iterator[Finding]:
    if not (content.text or "").strip():
        place = facts.locate("message.text")
        yield Finding("MB202", "the text part is empty", location=place)
    if content.text is not None and "<" in content.text:
        found = _TAG.search(content.text)
        if found is not None:
            yield Finding("MB220", _short(found[0]), location=facts.find(found[0]))
    if content.html is not None and "<" not in content.html and "\n" in content.html.strip():
        place = facts.locate(facts.html_key)
        yield Finding("MB221", "there is no element", location=place)
    for part, markup in (
        ("the subject", left_over(content.subject)),
        ("the text part", left_over(content.text or "")),
        ("the HTML part", seen.left_over if seen is not None else None),
    ):
        if markup is not None:
            yield Finding("MB210", f"{_short(markup)} in {part}", markup, facts.find(markup))


def _written_out(content: Content, facts: Facts) -> Iterator[Finding]:
    """Check the addresses of the text part that are missing in the HTML part."""
    html = content.html or ""
    found = dict.fromkeys(_WRITTEN_OUT.findall(content.text or ""))
    for link in (address.rstrip(".,;:!?") for address in found):
        if link_fault(link) == "MB204" and escape(link) not in html and link not in html:
            detail = f"{_short(link)} in the text part"
            yield Finding("MB204", detail, stem(link), facts.find(link))


def _html(html: str, seen: References, facts: Facts) -> Iterator[Finding]:
    # A character has four bytes at most.
    size = len(html.encode("utf-8", "surrogatepass")) if 4 * len(html) > CLIPPED_AT else 0
    if size > CLIPPED_AT:
        place = facts.locate(facts.html_key)
        yield Finding("MB211", f"the HTML part has {size // 1024:,} KB", location=place)
    yield from _links(seen, facts)
    yield from _images(seen, facts)
    for name in seen.taken_out:
        yield Finding("MB212", f"<{name}>", name, facts.find(f"<{name.split()[0]}"))


def _preheader(html: str, content: Content, facts: Facts) -> Iterator[Finding]:
    given, subject = content.preheader, visible(content.subject).casefold()
    place = facts.locate("message.preheader")
    if given:
        lines = first_lines(html)
        shown = next(lines, "").casefold()
        if shown == subject:
            yield Finding("MB231", f"the subject is {_short(given)}, too", location=place)
        elif shown == next(lines, "").casefold():
            yield Finding("MB231", f"the letter begins with {_short(given)}", location=place)
        return
    first = next(first_lines(html), "")
    if given is not None:
        yield Finding("MB230", "message.preheader is empty", location=place)
    elif not first:
        yield Finding("MB230", "the HTML part has no text", location=place)
    elif first.casefold() == subject:
        yield Finding("MB230", "the HTML part begins with the subject", location=place)


def _access(html: str, facts: Facts) -> Iterator[Finding]:
    """Check the HTML part for those who hear a letter, enlarge it or see colours otherwise."""
    for fault in check_access(html):
        place = facts.find(fault.needle) if len(fault.needle) >= _TELLING else None
        place = place or facts.locate(facts.html_key)
        yield Finding(fault.code, fault.detail, fault.subject, place)


def _links(seen: References, facts: Facts) -> Iterator[Finding]:
    told = set()
    for link in seen.links:
        code = link_fault(link) or ("MB224" if " " in link and _WEB.match(link) else None)
        if code is not None and (code, link) not in told:
            told.add((code, link))
            shown = f'href="{_short(link)}"'
            yield Finding(code, shown, stem(link), facts.find(_named("href", link)))
    web = sum(link.lower().startswith(("http:", "https:")) for link in seen.links)
    if facts.tracked and web > MOST_TRACKED_LINKS:
        place = facts.locate("callbacks.tracking_url")
        yield Finding("MB403", f"{web:,} links", location=place)


def _images(seen: References, facts: Facts) -> Iterator[Finding]:
    told = set()
    for image in seen.images:
        if image.source in told:
            continue
        told.add(image.source)
        shown = f'src="{_short(image.source)}"'
        code = image_fault(image.source)
        place = facts.find(_named("src", image.source))
        if code is not None:
            yield Finding(code, shown, stem(image.source), place)
        if facts.embeds and _WEB.match(image.source):
            lacks = [] if image.has_alt else ["alt"]
            lacks += [] if image.has_size else ["width and height"]
            told_of = f"{shown}, without {', '.join(lacks)}" if lacks else shown
            yield Finding("MB228", told_of, stem(image.source), place)
        if not image.has_alt:
            yield Finding("MB206", shown, stem(image.source), place)
    for name in sorted(facts.inline - seen.names):
        place = facts.locate(f"message.inline.{name}")
        yield Finding("MB209", f"cid:{name} is not shown", name, place)


def _named(attribute: str, value: str) -> str:
    """Return the text to look for in a template: a short value only with the attribute."""
    return value if len(value) >= _TELLING else f'{attribute}="{value}"'


def _unsubscribe(content: Content, facts: Facts) -> Iterator[Finding]:
    for url in unsubscribe_urls(content)[:1]:
        if not _shows(content, stem(url)):
            place = facts.locate("message.unsubscribe")
            yield Finding("MB307", f"{_short(url)} is not in the body", location=place)


def _shows(content: Content, address: str) -> bool:
    """Tell whether an address is in one of the parts; in HTML `&` is written `&amp;`."""
    html, text = content.html or "", content.text or ""
    if address in text or ("&" not in address and address in html):
        return True
    return address in html.replace("&amp;", "&") + text


def _files(content: Content, facts: Facts) -> Iterator[Finding]:
    """Check each attachment: the charset of a text, and marks that no recipient should see."""
    for file in content.attachments:
        if file.type.lower().startswith("text/") and not _readable(file.type, file.data):
            place = facts.locate("message.attachments")
            yield Finding("MB219", f"{file.filename}, as {file.type}", file.filename, place)
        if (mark := _mark_in(file.data)) is not None:
            place = facts.locate("message.attachments")
            yield Finding("MB225", f"{file.filename} holds {mark}", file.filename, place)


def _invited(content: Content, facts: Facts) -> Iterator[Finding]:
    """Check that a calendar that asks for answers asks each address of the To header."""
    calendar = content.calendar
    if calendar is None or calendar.method != "REQUEST":
        return
    attendees = [one for event in calendar.events for one in event.attendees]
    invited = {_mailbox_in(one) for one in attendees}
    for address in filter(None, map(str.strip, content.to.split(","))):
        mailbox = _mailbox_in(address)
        if "@" in mailbox and mailbox not in invited:
            place = facts.locate("message.calendar")
            yield Finding("MB229", f"{mailbox} is no ATTENDEE", location=place)
            return


def _mailbox_in(address: str) -> str:
    return address.rpartition("<")[2].rstrip(">").lower()


@lru_cache(maxsize=8)  # most messages share their files
def _readable(media_type: str, data: bytes) -> bool:
    charset = _CHARSET.search(media_type)
    try:
        data.decode(charset[1] if charset is not None else "utf-8")
    except (LookupError, UnicodeDecodeError):
        return False
    return True


@lru_cache(maxsize=8)
def _mark_in(data: bytes) -> str | None:
    """Return the first mark of a template in a file that is text, None for any other file."""
    found = _MARK.search(data)
    if found is None or b"\0" in data:
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return found[0].decode()


def check_job(job: Job) -> Iterator[Finding]:
    """Yield the findings of the job itself, once for all messages."""
    message = job.message
    if message.text is None and message.html_key not in {None, "message.markdown"}:
        place = job.locate(message.html_key or "message")
        yield Finding("MB201", "made from the HTML part", location=place)
    yield from _alignment(job)
    yield from _quoted(job)
    yield from _cut_off(job)
    place = job.locate("message")
    leave = message.unsubscribe
    if leave is None:
        yield Finding("MB305", "message.unsubscribe is not given", location=place)
    elif not leave.one_click:
        reason = "one_click is not set" if leave.url is not None else "there is no url"
        yield Finding("MB306", reason, location=job.locate("message.unsubscribe"))
    if leave is not None and message.list_id is None:
        yield Finding("MB308", "message.list_id is not given", location=place)
    yield from _callbacks(job)
    if job.guard is not None and not job.hears_of_bounces:
        detail = "neither callbacks nor sender.envelope_from are given"
        yield Finding("MB408", detail, location=job.locate("guard"))


def _alignment(job: Job) -> Iterator[Finding]:
    """Give the doubt about the envelope sender; rendering bounds a template."""
    envelope = job.sender.envelope_from
    if envelope is None or is_template(envelope):
        return
    for domain in job.sender.own_domains:
        doubt = alignment_warning(f"@{a_labels(domain)}", envelope)
        if doubt is not None:
            yield Finding("MB304", str(doubt), location=job.locate("sender.envelope_from"))


def _quoted(job: Job) -> Iterator[Finding]:
    """Yield the settings whose value stands in the quotes of a word processor."""
    for key in ("name", "edition", "sender.from", "sender.reply_to", "message.subject"):
        setting = job.find(key)
        if setting is None:
            continue
        found = _CURLY.match(setting.text.strip())
        # A name in curly quotes stands before an address; a subject may begin with a quotation.
        if found is not None and (key.startswith("sender.") or found[0] == setting.text.strip()):
            yield Finding("MB309", _short(setting.text), key, setting.place)


def _cut_off(job: Job) -> Iterator[Finding]:
    """Yield the texts that end where a comment begins which looks like a part of the text."""
    for setting in job.templated():
        place = setting.place
        if place.source is None or place.column is None:
            continue
        comment = _COMMENT.match(place.source[place.column - 1 :])
        if comment is not None and comment["text"].strip() == setting.text:
            detail = f"{_short(comment['comment'])} is a comment"
            yield Finding("MB310", detail, setting.key, place)


def _callbacks(job: Job) -> Iterator[Finding]:
    callbacks = job.callbacks
    if callbacks.notify_url is not None and callbacks.tracking_url is None:
        place = job.locate("callbacks.notify_url")
        yield Finding("MB404", "callbacks.tracking_url is not given", location=place)
    if not bulk_id_names_edition(job):
        detail = f"{callbacks.bulk_id} is the same for every edition"
        yield Finding("MB405", detail, location=job.locate("callbacks.bulk_id"))
    if job.reports is not None and job.reports.base_url is not None:
        yield from _pulled_by(job)


def _pulled_by(job: Job) -> Iterator[Finding]:
    """Give the finding of a bulk id by which the provider cannot be asked, if there is one."""
    written = job.callbacks.bulk_id
    if written is None:
        detail = "callbacks.bulk_id is not given"
    elif render_bulk_id(job, job.edition) is None:
        detail = f"{written} is not the same for every recipient"
    else:
        return
    yield Finding("MB407", detail, location=job.locate("callbacks.bulk_id"))


def _short(text: str) -> str:
    return shortened(" ".join(text.split()), _SHOWN)
