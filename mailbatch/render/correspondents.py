"""Who a message is from and to: the address fields, the copies, and the reverse path.

The To field shows the recipient and nobody else; of a group it shows no address unless the job
says `to: group`. Bcc is never written. All of it comes from the job and the delivery, none of it
from the rendered parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mailbatch.envelope import Delivery
from mailbatch.errors import InputError, JobError, Location, MessageError
from mailbatch.render.addresses import (
    Group,
    Inserted,
    Mailbox,
    parse_addresses,
    parse_mailbox,
    wire_address,
)
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import address_field
from mailbatch.render.templates import Names, Role, Templates, Value

if TYPE_CHECKING:
    from mailbatch.job import model

T = TypeVar("T")
Entries = tuple[Mailbox | Group, ...]

_UNDISCLOSED: Entries = (Group("undisclosed-recipients", ()),)
_UNDISCLOSED_FIELD = b"To: undisclosed-recipients:;\r\n"


@dataclass(frozen=True, slots=True)
class Sender:
    """The job's own addresses: the same for every message."""

    from_: Mailbox
    reply_to: tuple[Mailbox, ...]
    reverse_path: str

    @classmethod
    def of(cls, job: model.Job, errors: list[InputError]) -> Sender:
        """Read the sender section; what is wrong with it goes to `errors`."""
        given = job.sender
        nobody = Mailbox("", "")
        place = job.locate("sender.from")
        from_ = job_value(place, partial(parse_mailbox, given.from_), errors) or nobody
        reply_to = [
            job_value(
                job.locate(f"sender.reply_to[{number}]"), partial(parse_mailbox, text), errors
            )
            for number, text in enumerate(given.reply_to)
        ]
        reverse_path: str | None = from_.address
        if given.envelope_from is not None:
            place = job.locate("sender.envelope_from")
            reverse_path = job_value(place, partial(wire_address, given.envelope_from), errors)
        return cls(from_, tuple(box for box in reply_to if box is not None), reverse_path or "")

    def fields(self) -> bytes:
        """Return the From and Reply-To fields.

        Raises:
            FieldError: a display name cannot be written.
        """
        fields = address_field("From", (self.from_,))
        return fields + (address_field("Reply-To", self.reply_to) if self.reply_to else b"")


def job_value(place: Location, read: Callable[[], T], errors: list[InputError]) -> T | None:
    """Read a value of the job; None if it is wrong, which goes to `errors`."""
    try:
        return read()
    except FieldError as error:
        errors.append(JobError(str(error), location=place))
        return None


class To:
    """The To field of every message."""

    def __init__(self, job: model.Job, templates: Templates) -> None:
        message = job.message
        self._show_group = message.to == "group"
        self._place = job.locate("message.to")
        self._name_place = job.locate("recipients.display_name")
        self._value: Value | None = None
        self._display_name: Value | None = None
        if message.to is not None and not self._show_group:
            self._value = templates.value("message.to", message.to, Role.ADDRESSES)
        elif job.recipients.display_name is not None:
            self._display_name = templates.value(
                "recipients.display_name", job.recipients.display_name
            )
        self.values = [value for value in (self._value, self._display_name) if value is not None]
        self._inserted = templates.inserted
        if self._value is not None and self._value.constant is not None:
            read = partial(_read, self._value, templates.globals, self._inserted)
            job_value(self._place, read, templates.errors)

    def write(self, names: Names, delivery: Delivery) -> bytes:
        """Return the field for a delivery.

        Raises:
            MessageError: its addresses or the display name cannot be written.
            TemplateError: a template fails.
        """
        if self._value is None and len(delivery.addresses) > 1 and not self._show_group:
            return _UNDISCLOSED_FIELD
        try:
            return address_field("To", self._entries(names, delivery))
        except FieldError as error:
            place = self._place if self._value is not None else self._name_place
            raise MessageError(str(error), location=place) from None

    def shown(self, names: Names, delivery: Delivery) -> Entries:
        """Return what the field shows.

        Raises:
            MessageError, TemplateError: as for `write`.
        """
        try:
            return self._entries(names, delivery)
        except FieldError as error:
            raise MessageError(str(error), location=self._place) from None

    def _entries(self, names: Names, delivery: Delivery) -> Entries:
        if self._value is not None:
            return _read(self._value, names, self._inserted) or _UNDISCLOSED
        addresses = delivery.addresses
        if len(addresses) == 1:
            name = self._display_name.render(names) if self._display_name is not None else ""
            return (Mailbox(name.strip(" "), addresses[0]),)
        if self._show_group:
            return tuple(Mailbox("", address) for address in addresses)
        return _UNDISCLOSED


class Copies:
    """The Cc field, and the addresses of Cc and Bcc that join the envelope."""

    def __init__(self, job: model.Job, templates: Templates) -> None:
        self._cc = list(_copies(job, "cc", job.message.cc, templates))
        self._bcc = list(_copies(job, "bcc", job.message.bcc, templates))
        self.values = [value for value, _ in (*self._cc, *self._bcc)]
        self._inserted = templates.inserted
        for value, place in (*self._cc, *self._bcc):
            if value.constant is not None:
                read = partial(_read, value, templates.globals, self._inserted)
                job_value(place, read, templates.errors)

    def of(self, names: Names, delivery: Delivery) -> tuple[Entries, tuple[str, ...]]:
        """Return what the Cc field shows, and the addresses that join the envelope.

        No address is there twice, and none that the delivery has.

        Raises:
            MessageError: a template gives something else than addresses.
            TemplateError: a template fails.
        """
        if not self.values:
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

    def _rendered(
        self, values: list[tuple[Value, Location]], names: Names
    ) -> Iterator[Mailbox | Group]:
        for value, place in values:
            try:
                yield from _read(value, names, self._inserted)
            except FieldError as error:
                raise MessageError(str(error), location=place) from None

    def field(self, cc: Entries) -> bytes:
        """Return the Cc field, nothing where it shows nobody.

        Raises:
            MessageError: a display name cannot be written.
        """
        if not cc:
            return b""
        try:
            return address_field("Cc", cc)
        except FieldError as error:
            raise MessageError(str(error), location=self._cc[0][1]) from None


def _copies(
    job: model.Job, key: str, given: tuple[str, ...], templates: Templates
) -> Iterator[tuple[Value, Location]]:
    for number, text in enumerate(given):
        place = f"message.{key}[{number}]"
        yield templates.value(place, text, Role.ADDRESSES), job.locate(place)


def _read(value: Value, names: Names, inserted: Inserted) -> Entries:
    """Render a template of addresses and read what it gives."""
    inserted.clear()
    return parse_addresses(value.render(names), inserted)


def _mailboxes(entries: Entries) -> Iterator[Mailbox]:
    for entry in entries:
        yield from (entry,) if isinstance(entry, Mailbox) else entry.members


def _same(address: str) -> str:
    """Return what makes two addresses the same: the domain in lower case (RFC 5321 2.3.11)."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"
