"""The recipients of a message in the header: the To and Cc fields, and the copies.

The To field shows the recipient alone, and no address of a group unless the job says `to: group`:
a group of several stands there by the name of the sender, since content filters take
`undisclosed-recipients:;` for a sign of spam.
Bcc is never written. All addresses come from the job and the delivery, none from the rendered
parts.

Tests: tests/render/test_messages.py, tests/render/test_groups.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mailbatch.envelope import Delivery, is_alias
from mailbatch.errors import JobError, MessageError
from mailbatch.render.addresses import Group, Inserted, Mailbox, parse_addresses
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import address_field
from mailbatch.render.templates import Names, Role, Templates, Value

if TYPE_CHECKING:
    from mailbatch.job import model

Entries = tuple[Mailbox | Group, ...]

_UNDISCLOSED = "undisclosed-recipients"  # RFC 5322 A.1.3


class To:
    """The To field of every message; `sender` is the name that the sender is shown by.

    None for a sender that varies: then `render` is given the name.
    """

    def __init__(self, job: model.Job, templates: Templates, sender: str | None) -> None:
        self._varies = sender is None
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

    def render(self, names: Names, delivery: Delivery, sender: str) -> Entries:
        """Return the mailboxes and groups that the field shows.

        Raises:
            MessageError: the template gives no addresses.
            TemplateError: a template fails.
        """
        if self._value is not None:
            try:
                found = _read(self._value, names, self._inserted)
                return found or self._group_without_members(sender)
            except FieldError as error:
                raise MessageError(str(error), location=self._value.place) from None
        addresses = delivery.addresses
        if len(addresses) == 1:
            name = self._display_name.render(names) if self._display_name is not None else ""
            return (Mailbox(name.strip(" "), addresses[0]),)
        if self._show_group:
            return tuple(Mailbox("", one) for one in addresses if not is_alias(one))
        return self._group_without_members(sender)

    def _group_without_members(self, sender: str) -> Entries:
        return (Group(sender or _UNDISCLOSED, ()),) if self._varies else self._several

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
