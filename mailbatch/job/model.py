"""The job: the declarations of a YAML job file, as frozen pydantic models.

This module and the imported sections are the whole vocabulary of a job file. Every key here has an
effect; the JSON Schema and the reference print the description of the key. A rule about two keys is
a validator of the later one, and is checked even where something else in the file is wrong. Nothing
here does I/O: the loader asks whether a file is there, the renderer whether a template is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator

from mailbatch.errors import Location
from mailbatch.frozen import frozen
from mailbatch.job import fields, mail_values
from mailbatch.job.fields import Several, is_template, refusal
from mailbatch.job.guard import Guard
from mailbatch.job.message import Attachment, Callbacks, Dkim, Message, Unsubscribe
from mailbatch.job.recipients import Recipients
from mailbatch.job.reports import Reports
from mailbatch.job.scalars import Rate
from mailbatch.job.section import Section
from mailbatch.job.server import Secret, Security, Server, Timeouts
from mailbatch.job.setting import (
    KeyPath,
    NamesFile,
    Setting,
    Templated,
    declared,
    texts_at,
    texts_in,
    value_at,
    written,
)

__all__ = [
    "Attachment",
    "Callbacks",
    "Dkim",
    "Guard",
    "Job",
    "Message",
    "Origin",
    "Rate",
    "Recipients",
    "Reports",
    "Retry",
    "Secret",
    "Security",
    "Sender",
    "Server",
    "Timeouts",
    "Unsubscribe",
]

Mailbox: TypeAlias = Annotated[str, mail_values.MAILBOX_TEMPLATE, Templated()]
Wait: TypeAlias = Annotated[float, fields.WAIT]


class Sender(Section):
    """The sender of the messages: one for all, or templates that give one for each."""

    from_: Mailbox = Field(
        alias="from",
        description="The From header: an address, or Name <address>. May be a template; then "
        "`domains` has to be given.",
        examples=["Example News <news@example.com>", "{{ agent }} <{{ agent_email }}>"],
    )
    reply_to: Annotated[tuple[Mailbox, ...], Several("an address or a list of addresses")] = Field(
        default=(), description="Where answers go: an address or a list; each may be a template."
    )
    envelope_from: Annotated[str, mail_values.ENVELOPE_ADDRESS, Templated()] | None = Field(
        default=None,
        description="Where bounces go; by default the address of `from`. A template: with "
        "`{{ delivery.token }}` in it, each bounce names its message.",
        examples=["bounces+{{ delivery.token }}@mail.example.com"],
    )
    domains: Annotated[
        tuple[Annotated[str, mail_values.DOMAIN], ...], Several("a domain or a list of domains")
    ] = Field(
        default=(),
        validate_default=True,
        description="The domains that a template in `from` or `envelope_from` may give, with their "
        "subdomains; by default that of `from`, unless that is a template. The first of them "
        "stands in the Message-IDs then.",
    )

    @field_validator("domains")
    @classmethod
    def _bound_a_template(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not {"from_", "envelope_from"} <= info.data.keys():
            return value
        varies = is_template(info.data["from_"])
        if varies and not value:
            raise refusal(
                "is a template, and no domains are given that it may have",
                at="from",
                hint="Write them as sender.domains: [example.com].",
            )
        if value and not varies and not is_template(info.data["envelope_from"] or ""):
            raise refusal("has no effect unless from or envelope_from is a template")
        return value

    @property
    def own_domains(self) -> tuple[str, ...]:
        """The domains that From addresses may have."""
        if is_template(self.from_):
            return self.domains
        return (self.from_.rpartition("@")[2].rstrip("> "),)


class Retry(Section):
    """How often and how soon a deferred recipient is tried again in one run."""

    attempts: Annotated[int, fields.whole(1, 1000)] = Field(
        default=5, description="Attempts in one run, the first one included."
    )
    initial: Wait = Field(
        default=2.0, description="The first wait; each later one is about twice as long."
    )
    maximum: Wait = Field(
        default=300.0,
        validate_default=True,
        description="The longest wait; not shorter than the first one.",
    )
    give_up_after: Wait = Field(
        default=3600.0,
        description="No further attempt in this run after so long; the next run goes on.",
    )

    @field_validator("maximum")
    @classmethod
    def _waits_grow(cls, value: float, info: ValidationInfo) -> float:
        if info.data.get("initial", value) > value:
            raise refusal(
                "is longer than retry.maximum",
                at="initial",
                hint="Write both: the waits grow from initial to maximum.",
            )
        return value


@frozen
class Origin:
    """The origin of a job: the file by the user's name, and the places of the values.

    `table` is what a program gives in place of the table that a file names; the room of the
    recipients reads it.
    """

    path: Path = Path("job.yaml")
    places: Mapping[str, Location] = field(default_factory=dict)
    table: object | None = None


class Job(Section):
    """One mailing, as its job file declares it."""

    model_config = ConfigDict(title="mailbatch job")

    version: Annotated[Literal[1], fields.VERSION] = Field(
        description="The version of the job format."
    )
    name: Annotated[
        str,
        fields.pattern(
            "[a-z0-9][a-z0-9-]{0,63}",
            "must be lower-case letters, digits and hyphens, at most 64",
            hint="Write it as autumn-newsletter: people never see it.",
        ),
    ] = Field(description="The name of the mailing; with the edition it names the ledger.")
    edition: Annotated[str, fields.NUMBER_OR_LINE] = Field(
        default="1",
        description="Which issue of the mailing this is; a template. Each is sent once, ever.",
        examples=["{{ now.strftime('%G-W%V') }}"],
    )
    server: Server
    sender: Sender
    recipients: Recipients
    message: Message
    callbacks: Callbacks = Field(default_factory=Callbacks)
    reports: Reports | None = None
    guard: Guard | None = None
    variables: dict[str, Annotated[Any, fields.ANYTHING]] = Field(
        default={}, description="Values that every template sees as variables.NAME."
    )
    retry: Retry = Field(default_factory=Retry)
    keep: Annotated[Literal["dialogue"], fields.one_of("dialogue")] | None = Field(
        default=None,
        description="`dialogue` keeps what was said to the server about each message, and its "
        "replies, in a file beside the ledger, for `mailbatch evidence`.",
    )
    results: Annotated[str, fields.LINE, NamesFile("the results", absolute=False, read=False)] = (
        Field(
            default="results/{{ job.name }}-{{ edition.replace('/', '%2F') }}.csv",
            description="Where the results CSV is written; a template.",
        )
    )

    _origin: Origin = PrivateAttr(default_factory=Origin)

    def model_post_init(self, context: Any, /) -> None:
        """Remember the `Origin` that the loader gives as the validation context."""
        if isinstance(context, Origin):
            self._origin = context

    @property
    def path(self) -> Path:
        """The job file, by the user's name."""
        return self._origin.path

    @property
    def table(self) -> object | None:
        """The recipients that a program gave with the job; None: the job names the table."""
        return self._origin.table

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the job start from; absolute."""
        return self.path.absolute().parent

    @property
    def for_templates(self) -> dict[str, str | None]:
        """The names of `job` in templates and `where`; none of them is a secret.

        A `from` that is a template is none: the text would stand in a message.
        """
        names = {"name": self.name, "from": self.sender.from_, "list_id": self.message.list_id}
        if is_template(self.sender.from_):
            del names["from"]
        return names

    @property
    def asks_for_reports(self) -> bool:
        """Whether messages bring reports back, and so carry the token of their delivery."""
        urls = (self.callbacks.notify_url, self.callbacks.tracking_url)
        return self.reports is not None or any(url is not None for url in urls)

    @property
    def hears_of_bounces(self) -> bool:
        """Whether reports about messages, bounces at least, come to a place of their own."""
        return self.asks_for_reports or self.sender.envelope_from is not None

    @property
    def hears_of_every_message(self) -> bool:
        """Whether the provider reports deliveries, too: then silence is no good news."""
        is_asked = self.reports is not None and self.reports.base_url is not None
        return is_asked or self.callbacks.notify_url is not None

    def find(self, key: str) -> Setting | None:
        """Return the setting at a key, `message.list_id`; None where the job leaves the key out.

        A number or a truth value becomes text as in JSON.

        Raises:
            KeyError: the model has no such key.
        """
        value = value_at(self, key)
        if value is None:
            return None
        text = value if isinstance(value, str) else json.dumps(value)
        return Setting(key, text, self._place(key))

    def at(self, key: str) -> Setting:
        """Return the setting at a key that the job always has: `job.at("message.subject")`.

        Raises:
            KeyError: the model has no such key, or this job leaves the key out.
        """
        setting = self.find(key)
        if setting is None:
            raise KeyError(key)
        return setting

    def each(self, key: str) -> Iterator[Setting]:
        """Give every text in a list, a mapping or a tree of both: of `message.cc`, `message.cc[0]`.

        Raises:
            KeyError: the model has no such key.
        """
        return (self._setting(path, text) for path, text in texts_in(value_at(self, key), (key,)))

    def templated(self) -> Iterator[Setting]:
        """Give every text that is rendered for every message, in the order of the model.

        `to: group` is a word rather than a template, and any `to` takes the place of
        `recipients.display_name`.
        """
        left_out = set()
        if self.message.to == "group":
            left_out.add("message.to")
        elif self.message.to is not None:
            left_out.add("recipients.display_name")
        for keys, mark in declared(type(self), Templated):
            key = ".".join(keys)
            if mark.tree:
                yield from self.each(key)
            elif key not in left_out:
                yield from (self._setting(path, text) for path, text in texts_at(self, keys))

    def files(self) -> Iterator[tuple[Setting, NamesFile]]:
        """Give every name of a file that a run reads, with the mark of the model.

        A name may be a template: then the text is no path yet.
        """
        for keys, mark in declared(type(self), NamesFile):
            if mark.read:
                for path, text in texts_at(self, keys):
                    if text != mark.word:
                        yield self._setting(path, text), mark

    def _setting(self, path: KeyPath, text: str) -> Setting:
        key = written(path)
        return Setting(key, text, self._place(key))

    def locate(self, key: str) -> Location:
        """Find the place of a value or a section: `message`, `message.attachments[0].path`.

        Where the file does not have the key itself (a default, a single value read as a list), the
        place is that of the nearest key around; without any, the place is the file.

        Raises:
            KeyError: the model has no such key.
        """
        value_at(self, key)
        return self._place(key)

    def _place(self, key: str) -> Location:
        places = self._origin.places
        around = key
        while around and around not in places:
            around = around[: max(around.rfind("."), around.rfind("["), 0)]
        if around == key and key in places:
            return places[key]
        place = places.get(around, Location(str(self.path)))
        return replace(place, key=key)
