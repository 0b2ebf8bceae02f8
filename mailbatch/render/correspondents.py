"""Sender and recipients of a message: the address fields, the copies, and the reverse path.

The To field shows the recipient alone, and no address of a group unless the job says `to: group`:
a group of several stands there by the name of the sender, since content filters take
`undisclosed-recipients:;` for a sign of spam.
Bcc is never written. All addresses come from the job and the delivery, none from the rendered
parts.

Tests: tests/render/test_messages.py, tests/render/test_groups.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from mailbatch.envelope import Delivery
from mailbatch.errors import InputError, JobError, MessageError
from mailbatch.host_names import a_labels
from mailbatch.job.setting import Setting
from mailbatch.render.addresses import (
    Group,
    Inserted,
    Mailbox,
    parse_addresses,
    parse_mailbox,
    wire_address,
)
from mailbatch.render.alignment import Alignment, relaxed_alignment
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import address_field
from mailbatch.render.templates import Names, Role, Templates, Value

if TYPE_CHECKING:
    from mailbatch.job import model

T = TypeVar("T")
Entries = tuple[Mailbox | Group, ...]

_UNDISCLOSED = "undisclosed-recipients"  # RFC 5322 A.1.3


@dataclass(frozen=True, slots=True)
class Sender:
    """The job's own addresses in header fields: the same for every message."""

    from_: Mailbox
    reply_to: tuple[Mailbox, ...]

    @classmethod
    def of(cls, job: model.Job, errors: list[InputError]) -> Sender:
        """Read the sender section; mistakes go to `errors`."""
        nobody = Mailbox("", "")
        from_ = _parsed(job.at("sender.from"), parse_mailbox, errors) or nobody
        reply_to = [
            _parsed(setting, parse_mailbox, errors) for setting in job.each("sender.reply_to")
        ]
        return cls(from_, tuple(box for box in reply_to if box is not None))

    def fields(self) -> bytes:
        """Return the From and Reply-To fields.

        Raises:
            FieldError: a display name cannot be written.
        """
        fields = address_field("From", (self.from_,))
        return fields + (address_field("Reply-To", self.reply_to) if self.reply_to else b"")


def _parsed(setting: Setting, parse: Callable[[str], T], errors: list[InputError]) -> T | None:
    """Parse a setting; None for a mistake, which goes to `errors`."""
    try:
        return parse(setting.text)
    except FieldError as error:
        errors.append(JobError(str(error), location=setting.place))
        return None


class ReversePath:
    """The reverse path of every message (RFC 5321 3.3): where the bounces go.

    A template with the token of the delivery makes VERP. Its domain has to be aligned with one that
    the job names, because a row could give any other. `constant` is the path where every message
    has the same; None for a template that varies.
    """

    def __init__(self, job: model.Job, templates: Templates, from_address: str) -> None:
        self._value: Value | None = None
        self._domains = [a_labels(domain) for domain in job.sender.domains]
        self._domains = self._domains or [from_address.rpartition("@")[2]]
        self.constant: str | None = from_address
        setting = job.find("sender.envelope_from")
        if setting is None:
            return
        self._value = templates.value(setting)
        self.constant = None
        if self._value.constant is not None:
            written = replace(setting, text=self._value.constant)
            self.constant = _parsed(written, wire_address, templates.errors) or ""

    def render(self, names: Names) -> str:
        """Return the path of a delivery.

        Raises:
            MessageError: the template gives no address, or one of a domain that is not aligned.
            TemplateError: the template fails.
        """
        if self.constant is not None or self._value is None:
            return self.constant or ""
        place = self._value.place
        try:
            path = wire_address(self._value.render(names))
        except FieldError as error:
            raise MessageError(str(error), location=place) from None
        domain = path.rpartition("@")[2]
        for own in self._domains:
            if relaxed_alignment(own, domain) is Alignment.ALIGNED:
                return path
        raise MessageError(
            f"{domain} is not aligned with {' or '.join(self._domains)}",
            location=place,
            hint="sender.domains names the domains that an envelope sender may have.",
        )


class To:
    """The To field of every message; `sender` is the name that the sender is shown by."""

    def __init__(self, job: model.Job, templates: Templates, sender: str) -> None:
        self._several: Entries = (Group(sender or _UNDISCLOSED, ()),)
        self._several_field = address_field("To", self._several)
        self._show_group = job.message.to == "group"
        self._name_place = job.locate("recipients.display_name")
        self._value: Value | None = None
        self._display_name: Value | None = None
        to, display_name = job.find("message.to"), job.find("recipients.display_name")
        if to is not None and not self._show_group:
            self._value = templates.value(to, Role.ADDRESSES)
            _check_constant(self._value, templates)
        elif display_name is not None:
            self._display_name = templates.value(display_name)
        self._inserted = templates.inserted

    def render(self, names: Names, delivery: Delivery) -> Entries:
        """Return the mailboxes and groups that the field shows.

        Raises:
            MessageError: the template gives no addresses.
            TemplateError: a template fails.
        """
        if self._value is not None:
            try:
                return _read(self._value, names, self._inserted) or self._several
            except FieldError as error:
                raise MessageError(str(error), location=self._value.place) from None
        addresses = delivery.addresses
        if len(addresses) == 1:
            name = self._display_name.render(names) if self._display_name is not None else ""
            return (Mailbox(name.strip(" "), addresses[0]),)
        if self._show_group:
            return tuple(Mailbox("", address) for address in addresses)
        return self._several

    def write(self, entries: Entries) -> bytes:
        """Return the field as bytes.

        Raises:
            MessageError: a display name cannot be written.
        """
        if entries is self._several:
            return self._several_field
        try:
            return address_field("To", entries)
        except FieldError as error:
            place = self._value.place if self._value is not None else self._name_place
            raise MessageError(str(error), location=place) from None


class Copies:
    """The Cc field, and the addresses of Cc and Bcc that join the envelope."""

    def __init__(self, job: model.Job, templates: Templates) -> None:
        self._cc = [templates.value(one, Role.ADDRESSES) for one in job.each("message.cc")]
        self._bcc = [templates.value(one, Role.ADDRESSES) for one in job.each("message.bcc")]
        self._inserted = templates.inserted
        for value in (*self._cc, *self._bcc):
            _check_constant(value, templates)

    def render(self, names: Names, delivery: Delivery) -> tuple[Entries, tuple[str, ...]]:
        """Return the entries of the Cc field, and the addresses that join the envelope.

        No address is there twice, and none that the delivery has.

        Raises:
            MessageError: a template gives something else than addresses.
            TemplateError: a template fails.
        """
        if not (self._cc or self._bcc):
            return (), ()
        cc = tuple(self._rendered(self._cc, names))
        bcc = tuple(self._rendered(self._bcc, names))
        known = {_same(address) for address in delivery.addresses}
        joining = []
        for mailbox in _mailboxes((*cc, *bcc)):
            if _same(mailbox.address) not in known:
                known.add(_same(mailbox.address))
                joining.append(mailbox.address)
        return cc, tuple(joining)

    def _rendered(self, values: list[Value], names: Names) -> Iterator[Mailbox | Group]:
        for value in values:
            try:
                yield from _read(value, names, self._inserted)
            except FieldError as error:
                raise MessageError(str(error), location=value.place) from None

    def write(self, cc: Entries) -> bytes:
        """Return the Cc field as bytes, empty without entries.

        Raises:
            MessageError: a display name cannot be written.
        """
        if not cc:
            return b""
        try:
            return address_field("Cc", cc)
        except FieldError as error:
            raise MessageError(str(error), location=self._cc[0].place) from None


def _check_constant(value: Value, templates: Templates) -> None:
    """Read addresses that every message shows; a mistake goes to the errors of `templates`."""
    if value.constant is not None:
        try:
            _read(value, templates.globals, templates.inserted)
        except FieldError as error:
            templates.errors.append(JobError(str(error), location=value.place))


def _read(value: Value, names: Names, inserted: Inserted) -> Entries:
    """Render a template of addresses and read the result."""
    inserted.clear()
    return parse_addresses(value.render(names), inserted)


def _mailboxes(entries: Entries) -> Iterator[Mailbox]:
    for entry in entries:
        yield from (entry,) if isinstance(entry, Mailbox) else entry.members


def _same(address: str) -> str:
    """Return the form in which same addresses are equal: domain in lower case (RFC 5321 2.3.11)."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"
