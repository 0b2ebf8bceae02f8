"""The `message` and `callbacks` sections of a job: the message, and the provider's reports.

Tests: tests/job/test_model.py.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from mailbatch.job import fields, mail_values
from mailbatch.job.fields import Several, TextFor, is_template, refusal
from mailbatch.job.section import URL, Section, Template
from mailbatch.job.send_at import SEND_AT
from mailbatch.job.server import Secret
from mailbatch.job.setting import NamesFile, Templated
from mailbatch.report_token import MEMBER

_TEMPLATES = Several("a text or a list of texts")
_FILE = "a path or a mapping with one"
#: The kind of the files that `text`, `html`, `mjml` and `markdown` name.
PAGE = "a template of the message"
_PAGE = NamesFile(PAGE)
#: Header fields that mailbatch writes, in lower case, and the key that sets each.
OWNED_HEADERS = {
    "from": "sender.from",
    "reply-to": "sender.reply_to",
    "return-path": "sender.envelope_from",
    "subject": "message.subject",
    "to": "message.to",
    "cc": "message.cc",
    "bcc": "message.bcc",
    "dkim-signature": "message.dkim",
    "content-language": "message.language",
    "list-id": "message.list_id",
    "list-unsubscribe": "message.unsubscribe",
    "list-unsubscribe-post": "message.unsubscribe.one_click",
    "x-ib-bulk-id": "callbacks.bulk_id",
    "x-ib-tracking-url": "callbacks.tracking_url",
    "x-ib-notify-url": "callbacks.notify_url",
    "x-ib-notify-content-type": "callbacks.notify_content_type",
    "x-ib-intermediate-report": "callbacks.intermediate_report",
    "x-ib-callback-data": "callbacks.data",
}
#: Header fields that `thread` writes, in lower case; without `thread` a job may have its own.
THREAD_HEADERS = frozenset({"in-reply-to", "references"})
_CHARSET = re.compile(r';\s*charset="?([^";\s]+)', re.IGNORECASE)
_METHOD = fields.one_of("REQUEST", "CANCEL", "PUBLISH")
_OWN: dict[str, JsonValue] = {"type": "object", "required": [MEMBER]}
# Infobip's limit of callback data, in characters of JSON.
_CALLBACK_DATA_LIMIT = 4000


class Attachment(Section):
    """A file that goes with the message."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["path"]},
                {"required": ["glob"]},
                {"required": ["template", "filename"]},
            ]
        }
    )

    path: Annotated[Template, NamesFile("an attachment")] | None = Field(
        default=None, description="The file; may be a template."
    )
    glob: Template | None = Field(
        default=None,
        description="A pattern of files, in the order of their names: `*` is any text, `?` one "
        "character. A template, whose values stand for themselves; an empty one fits nothing.",
        examples=["photos/{{ id }}/*.jpg"],
    )
    template: Annotated[Template, _PAGE] | None = Field(
        default=None,
        description="A template file that gives the content of the file for each row. Its ending "
        "without .j2 says how values are inserted: escaped in .html and .ics, else as they are.",
        examples=["ticket.txt.j2"],
    )
    optional: Annotated[bool, fields.BOOLEAN] = Field(
        default=False,
        description="A row may have no such file: an empty path, a path without a file, a "
        "pattern that none fits, or an empty value in a pattern.",
    )
    filename: Template | None = Field(
        default=None,
        validate_default=True,
        description="The name the recipient sees; by default the file's own. May be a template.",
    )
    type: Annotated[str, mail_values.MEDIA_TYPE] | None = Field(
        default=None,
        description="The media type, maybe with parameters; by default found from the file's name. "
        "A text in UTF-8, as one made of a template is, is given its charset, a calendar the "
        "METHOD of the file.",
        examples=["application/pdf", "text/csv; charset=windows-1252"],
    )

    @field_validator("type")
    @classmethod
    def _charset_of_a_template(cls, value: str | None, info: ValidationInfo) -> str | None:
        said = _CHARSET.search(value or "")
        if info.data.get("template") is not None and said and said[1].lower() != "utf-8":
            raise refusal(
                f"says the charset {said[1]}, and a file made of a template is in UTF-8",
                hint="Leave the charset out of the type.",
            )
        return value

    @field_validator("filename")
    @classmethod
    def _one_source(cls, value: str | None, info: ValidationInfo) -> str | None:
        if not {"path", "glob", "template", "optional"} <= info.data.keys():
            return value
        given = [key for key in ("path", "glob", "template") if info.data[key] is not None]
        if not given:
            raise refusal("needs a path, a glob or a template", at="")
        if len(given) > 1:
            raise refusal(f"has {' and '.join(given)}, of which it needs one", at="")
        if given == ["template"] and value is None:
            raise refusal("needs a filename, which the recipient sees", at="")
        if given == ["template"] and info.data["optional"]:
            raise refusal("has no effect with a template, which every row has", at="optional")
        if given == ["glob"] and value is not None:
            raise refusal("cannot be one for all files of a pattern")
        return value


class Calendar(Section):
    """An event for the recipient's calendar (RFC 5545), sent as iMIP has it (RFC 6047)."""

    file: Annotated[Template, _PAGE] = Field(
        description="The template file of the calendar, in iCalendar; its path may be a template. "
        "Values are escaped and lines folded; UID, SEQUENCE, DTSTAMP, METHOD, VERSION and PRODID "
        "are added where they are missing.",
        examples=["invite.ics.j2"],
    )
    method: Annotated[Literal["REQUEST", "CANCEL", "PUBLISH"], _METHOD] = Field(
        description="REQUEST invites, and asks for an answer; CANCEL takes back; PUBLISH tells of "
        "an event that needs no answer.",
    )
    event: Template | None = Field(
        default=None,
        description="The name of the event, by default the edition. With the same name, a later "
        "edition (2, 3, …) changes the event or takes it back: the same UID, and a SEQUENCE that "
        "is the edition's number less one. A template.",
        examples=["open-night"],
    )


class Unsubscribe(Section):
    """The List-Unsubscribe header (RFC 2369), and one-click (RFC 8058)."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["url"]}, {"required": ["mailto"]}]}
    )

    url: URL | None = Field(
        default=None, description="A page to leave the list; may be a template."
    )
    mailto: Annotated[str, mail_values.ADDRESS_TEMPLATE, Templated()] | None = Field(
        default=None,
        description="An address to leave the list, without mailto:; may be a template.",
    )
    one_click: Annotated[bool, fields.BOOLEAN] = Field(
        default=False,
        validate_default=True,
        description="The https URL takes a POST and asks nothing: adds List-Unsubscribe-Post.",
    )

    @field_validator("one_click")
    @classmethod
    def _something_to_click(cls, value: bool, info: ValidationInfo) -> bool:
        if not {"url", "mailto"} <= info.data.keys():
            return value
        url: str | None = info.data["url"]
        if url is None and info.data["mailto"] is None:
            raise refusal("needs url or mailto", at="")
        if value and (url is None or not mail_values.starts_like(url, "https://")):
            raise refusal("needs a url that begins with https://")
        return value


class Dkim(Section):
    """The DKIM signature of every message (RFC 6376), made here rather than by the provider."""

    domain: Annotated[str, mail_values.DOMAIN] = Field(
        description="The domain that signs: that of `from`, or another of the same organisation.",
        examples=["example.com"],
    )
    selector: Annotated[str, mail_values.SELECTOR] = Field(
        description="The name of the key: its public half is the TXT record at "
        "SELECTOR._domainkey.DOMAIN.",
        examples=["mail2026"],
    )
    private_key: Secret = Field(
        description="Where the private key comes from, in PEM: RSA, best with 2048 bits, or "
        "Ed25519, which not every provider verifies."
    )

    @property
    def record(self) -> str:
        """The name of the TXT record with the public key (RFC 6376 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


class Message(Section):
    """The message. Texts here are templates, except where a file is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "anyOf": [{"required": [key]} for key in ("text", "html", "mjml")],
                    "not": {"required": ["html", "mjml"]},
                },
                {"required": ["markdown"]},
            ]
        }
    )

    subject: Template = Field(description="The Subject header; a template.")
    text: Annotated[Template, _PAGE] | None = Field(
        default=None,
        description="The template file of the text part; its path may be a template itself.",
        examples=["letter.txt.j2", "letter.{{ locale }}.txt.j2"],
    )
    html: Annotated[Template, _PAGE] | None = Field(
        default=None,
        description="The template file of the HTML part; its path may be a template itself. "
        "Without text, a text part is made of it.",
    )
    mjml: Annotated[Template, _PAGE] | None = Field(
        default=None,
        validate_default=True,
        description="The template file of the HTML part in MJML, in place of html: rendered, then "
        "compiled. Needs the extra `mjml`.",
        examples=["letter.mjml.j2"],
    )
    markdown: Annotated[Template, _PAGE] | None = Field(
        default=None,
        validate_default=True,
        description="A template file in Markdown that gives both parts; excludes text, html and "
        "mjml.",
    )
    preheader: Template | None = Field(
        default=None,
        description="The text that lists of messages show behind the subject: hidden, before "
        "everything else in the HTML part. A template.",
        examples=["{{ teaser }}"],
    )
    to: Template | None = Field(
        default=None,
        description="The To header: a template, or `group` to show the addresses of the group. By "
        "default the recipient alone; for several, the sender's name as that of a group without "
        "members (`Example News:;`).",
        examples=["group", "Subscribers: ;"],
    )
    cc: Annotated[tuple[Template, ...], _TEMPLATES] = Field(
        default=(), description="Copies, shown in the Cc header; each a template."
    )
    bcc: Annotated[tuple[Template, ...], _TEMPLATES] = Field(
        default=(), description="Copies that no header shows; each a template."
    )
    test_recipients: Annotated[
        tuple[Annotated[str, mail_values.ADDRESS], ...],
        Several("an address or a list of addresses"),
    ] = Field(
        default=(),
        description="The addresses that `run --test` sends the first message to, marked `[test]`.",
        examples=[["ann@example.com", "bob@example.com"]],
    )
    send_at: Annotated[str, SEND_AT, Templated()] | None = Field(
        default=None,
        description="When the message of a row is sent: a template that gives `HH:MM ZONE`, "
        "`YYYY-MM-DD HH:MM ZONE` or `now`. Fixed when a run plans the row first; a run sends what "
        "is due, and ends with 75, or waits with --wait, while others are due later.",
        examples=["09:00 {{ zone }}", "{{ date }} 18:30 {{ zone or 'Europe/Zagreb' }}"],
    )
    attachments: Annotated[
        tuple[Annotated[Attachment, TextFor("path", _FILE)], ...], Several(f"{_FILE}, or a list")
    ] = Field(default=(), description="Files that go with the message.")
    calendar: Calendar | None = Field(
        default=None, description="An event that mail programs offer to put into the calendar."
    )
    inline: dict[
        Annotated[str, mail_values.CONTENT_NAME],
        Annotated[Template, NamesFile("an image of the message")],
    ] = Field(
        default={},
        description='Images of the HTML part, name: path, shown by <img src="cid:name">. The path '
        "may be a template.",
    )
    headers: dict[
        Annotated[str, mail_values.header_name(OWNED_HEADERS)],
        Annotated[str, fields.NUMBER_OR_LINE, Templated()],
    ] = Field(default={}, description="More header fields; the values are templates.")
    thread: Annotated[bool, fields.BOOLEAN] = Field(
        default=False,
        validate_default=True,
        description="The message stands behind the one that the same recipient has of the edition "
        "before: In-Reply-To and References.",
    )
    language: Annotated[str, mail_values.LANGUAGE, Templated()] | None = Field(
        default=None,
        description="The language, as a tag of BCP 47: the Content-Language header, and the "
        "language of HTML made of Markdown or MJML. A template.",
        examples=["en", "pt-BR", "{{ locale }}"],
    )
    list_id: Annotated[str, mail_values.LIST_ID, Templated()] | None = Field(
        default=None,
        description="The List-Id header (RFC 2919); may be a template.",
        examples=["news.example.com"],
    )
    unsubscribe: Unsubscribe | None = Field(
        default=None, description="How to leave the list, for the mail program to offer."
    )
    dkim: Dkim | None = Field(default=None, description="Sign every message with DKIM.")
    css: Annotated[Literal["keep", "inline"], fields.one_of("keep", "inline")] = Field(
        default="keep",
        description="inline: move style rules into the elements; what no element can hold, such as "
        "@media and :hover, stays.",
    )
    images: Annotated[Literal["keep", "embed"], fields.one_of("keep", "embed")] = Field(
        default="keep",
        description="embed: files and `data:` URIs that the HTML names as images become inline "
        "parts; images of the web stay there.",
    )

    @property
    def has_copies(self) -> bool:
        """Whether each envelope may hold addresses that are no recipients: those of Cc and Bcc."""
        return bool(self.cc or self.bcc)

    @property
    def html_key(self) -> str | None:
        """The key of the file that the HTML part is made of, None without an HTML part."""
        for key in ("html", "mjml", "markdown"):
            if getattr(self, key) is not None:
                return f"message.{key}"
        return None

    @field_validator("mjml")
    @classmethod
    def _one_html(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("html") is not None:
            raise refusal("gives the HTML part: it cannot stand beside html")
        return value

    @field_validator("markdown")
    @classmethod
    def _some_content(cls, value: str | None, info: ValidationInfo) -> str | None:
        keys = ("text", "html", "mjml")
        given = [key for key in keys if info.data.get(key) is not None]
        if value is not None and given:
            raise refusal(f"gives both parts: it cannot stand beside {' and '.join(given)}")
        if value is None and not given and set(keys) <= info.data.keys():
            raise refusal("needs text, html, mjml or markdown", at="")
        return value

    @field_validator("preheader", "inline", "css", "images")
    @classmethod
    def _html_to_act_on(cls, value: Any, info: ValidationInfo) -> Any:
        keys = ("html", "mjml", "markdown")
        known = set(keys) <= info.data.keys()
        if known and value not in ({}, "keep", None) and not any(info.data[key] for key in keys):
            raise refusal("has no effect without html, mjml or markdown")
        return value

    @field_validator("headers")
    @classmethod
    def _headers_differ(cls, value: dict[str, str]) -> dict[str, str]:
        if len({name.lower() for name in value}) < len(value):
            raise refusal("names a header twice", hint="Upper and lower case are the same here.")
        return value

    @field_validator("thread")
    @classmethod
    def _thread_alone(cls, value: bool, info: ValidationInfo) -> bool:
        for name in info.data.get("headers", {}) if value else ():
            if name.lower() in THREAD_HEADERS:
                raise refusal(
                    "is written by message.thread",
                    at=f"headers.{name}",
                    hint="Leave out one of the two.",
                )
        return value


class Callbacks(Section):
    """Infobip's X-IB-* headers: what the provider reports, and where to."""

    bulk_id: Annotated[str, mail_values.BULK_ID, Templated()] | None = Field(
        default=None,
        description="X-IB-Bulk-Id: names the mailing in every report; at most 100 characters. A "
        "test with `run --to` has none. A template.",
    )
    tracking_url: URL | None = Field(
        default=None,
        description="X-IB-Tracking-Url: where opens, clicks, complaints and late bounces are "
        "posted. A template.",
    )
    notify_url: URL | None = Field(
        default=None, description="X-IB-Notify-Url: where delivery reports are posted. A template."
    )
    notify_content_type: (
        Annotated[
            Literal["application/json", "application/xml"],
            fields.one_of("application/json", "application/xml"),
        ]
        | None
    ) = Field(
        default=None, description="X-IB-Notify-Content-Type: the form of the delivery reports."
    )
    intermediate_report: Annotated[bool, fields.BOOLEAN] | None = Field(
        default=None,
        description="X-IB-Intermediate-Report: report every step rather than the last only.",
    )
    data: (
        Annotated[list[Any] | dict[str, Any], fields.LIST_OR_MAPPING, Templated(tree=True)] | None
    ) = Field(
        default=None,
        description="X-IB-Callback-Data: comes back in every report, as JSON in ASCII of at most "
        "4000 characters, each text of at most 990: a line of a header has 998, and no fold may "
        "change a text. The texts in it are templates. Where a URL is set, or `reports`, "
        "mailbatch adds `mb`, its name of the message.",
        json_schema_extra={"not": {"anyOf": [_OWN, {"type": "array", "contains": _OWN}]}},
    )

    @field_validator("data")
    @classmethod
    def _json(cls, value: list[Any] | dict[str, Any]) -> list[Any] | dict[str, Any]:
        try:
            # A value without JSON was refused while reading: a null stands in.
            encoded = json.dumps(value, allow_nan=False, default=lambda _: None)
        except ValueError:
            raise refusal("has a number that JSON cannot hold") from None
        entries = value if isinstance(value, list) else [value]
        if any(isinstance(entry, dict) and MEMBER in entry for entry in entries):
            raise refusal(
                f"has a member {MEMBER!r}, which is mailbatch's own",
                hint="Give it another name: reports find their message by it.",
            )
        if not is_template(encoded) and len(encoded) > _CALLBACK_DATA_LIMIT:
            raise refusal(f"must have at most {_CALLBACK_DATA_LIMIT} characters as JSON")
        return value
