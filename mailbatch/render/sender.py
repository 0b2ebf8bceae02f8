"""The sender of a message: the From and Reply-To fields, and the reverse path of the envelope.

    sender = SenderFields(job, templates)
    shown = sender.constant or sender.render(names, others=())
    shown.from_                        # Mailbox("Ann", "ann@example.com")

All three may be templates. A row could give any domain, so that one of the job's has to stand
there: a From address has a domain of the job or a subdomain, and a reverse path an aligned one. The
rows of one message have to give the same sender. Nothing here is looked up in the DNS.

Tests: tests/render/test_reverse_path.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mailbatch.errors import InputError, JobError, MessageError
from mailbatch.host_names import a_labels
from mailbatch.job.fields import is_template
from mailbatch.job.setting import Setting
from mailbatch.render.addresses import Mailbox, parse_addresses, parse_mailbox, wire_address
from mailbatch.render.alignment import Alignment, relaxed_alignment
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import address_field
from mailbatch.render.templates import Names, Role, Templates, Value

if TYPE_CHECKING:
    from mailbatch.job import model

T = TypeVar("T")

_NOBODY = Mailbox("", "")


class Shown(NamedTuple):
    """The sender as a message shows it: the From address and the Reply-To addresses."""

    from_: Mailbox
    reply_to: tuple[Mailbox, ...]

    def write(self) -> bytes:
        """Return the From and Reply-To fields.

        Raises:
            FieldError: a display name cannot be written.
        """
        fields = address_field("From", (self.from_,))
        return fields + (address_field("Reply-To", self.reply_to) if self.reply_to else b"")


class SenderFields:
    """The From and Reply-To fields of every message.

    `domains` are those that a From address may have, as A-labels; without a template, the domain of
    the one address. `constant` is the sender where every message has the same, None otherwise.
    """

    def __init__(self, job: model.Job, templates: Templates) -> None:
        """Read the sender section; mistakes go to the errors of `templates`."""
        self.constant: Shown | None = None
        self.domains: tuple[str, ...] = ()
        from_, several = job.at("sender.from"), list(job.each("sender.reply_to"))
        self.from_varies = is_template(from_.text)
        self._place = from_.place
        self._from = templates.value(from_, Role.ADDRESSES)
        self._reply_to = [templates.value(one, Role.ADDRESSES) for one in several]
        self._inserted = templates.inserted
        if not any(is_template(setting.text) for setting in (from_, *several)):
            boxes = [_parsed(setting, parse_mailbox, templates.errors) for setting in several]
            own = _parsed(from_, parse_mailbox, templates.errors) or _NOBODY
            self.constant = Shown(own, tuple(box for box in boxes if box is not None))
            self.domains = (_domain_of(own.address),)
            return
        for value in (self._from, *self._reply_to):
            self._check_constant(value, templates)
        if self.from_varies:
            self.domains = tuple(a_labels(domain) for domain in job.sender.domains)
        else:
            own = _parsed(from_, parse_mailbox, templates.errors) or _NOBODY
            self.domains = (_domain_of(own.address),)

    @property
    def message_id_domain(self) -> str:
        """The domain of the Message-IDs: that of the From address (RFC 5322 3.6.4).

        The first of `sender.domains`, where the From address is a template: Message-IDs are fixed
        before a message is rendered.
        """
        if self.constant is None:
            return self.domains[0]
        return self.constant.from_.address.rpartition("@")[2]

    def _check_constant(self, value: Value, templates: Templates) -> None:
        if value.constant is None:
            return
        try:
            self._read(value, templates.globals)
        except (FieldError, MessageError) as error:
            templates.errors.append(JobError(str(error), location=value.place))

    def _read(self, value: Value, names: Names) -> tuple[Mailbox, ...]:
        """Return the addresses that a template gives; exactly one for From.

        Raises:
            MessageError: no such addresses.
        """
        self._inserted.clear()
        try:
            found = parse_addresses(value.render(names), self._inserted)
        except FieldError as error:
            raise MessageError(str(error), location=value.place) from None
        boxes = tuple(entry for entry in found if isinstance(entry, Mailbox))
        if len(boxes) < len(found):
            raise MessageError("a group cannot stand here", location=value.place)
        if value is self._from and len(boxes) != 1:
            raise MessageError(f"gives {len(boxes)} addresses, not one", location=value.place)
        return boxes

    def render(self, names: Names, others: Sequence[Names]) -> Shown:
        """Return the sender of a message; `others` are the names of its further rows.

        Raises:
            MessageError: a template gives no address, a From address has a foreign domain, or the
                rows differ.
            TemplateError: a template fails.
        """
        if self.constant is not None:
            return self.constant
        shown = self._rendered(names)
        for other in others:
            again = self._rendered(other)
            if again != shown:
                raise _differing(self._from if again.from_ != shown.from_ else self._reply_to[0])
        return shown

    def _rendered(self, names: Names) -> Shown:
        from_ = self._read(self._from, names)[0]
        domain = _domain_of(from_.address)
        if not any(domain == own or domain.endswith(f".{own}") for own in self.domains):
            raise MessageError(
                f"{domain} is not in sender.domains ({', '.join(self.domains)})",
                location=self._place,
                hint="sender.domains names the domains that a From address may have.",
            )
        replies = [box for value in self._reply_to for box in self._read(value, names)]
        return Shown(from_, tuple(replies))

    def write(self, shown: Shown) -> bytes:
        """Return the fields as bytes.

        Raises:
            MessageError: a display name cannot be written.
        """
        try:
            return shown.write()
        except FieldError as error:
            raise MessageError(str(error), location=self._place) from None


class ReversePath:
    """The reverse path of every message (RFC 5321 3.3): where the bounces go.

    A template with the token of the delivery makes VERP. Its domain has to be aligned with one that
    the job names, because a row could give any other. `constant` is the path where every message
    has the same; None for one that varies, as it does by default with the From address.
    """

    def __init__(self, job: model.Job, templates: Templates, sender: SenderFields) -> None:
        self._value: Value | None = None
        self._domains = [a_labels(domain) for domain in job.sender.domains] or list(sender.domains)
        shown = sender.constant
        self._from_varies = sender.from_varies
        self.constant: str | None = None if shown is None else shown.from_.address
        setting = job.find("sender.envelope_from")
        if setting is None:
            return
        self._value = templates.value(setting)
        self.constant = None
        if self._value.constant is not None:
            written = replace(setting, text=self._value.constant)
            self.constant = _parsed(written, wire_address, templates.errors) or ""

    def render(self, names: Names, from_address: str, others: Iterable[Names] = ()) -> str:
        """Return the path of a delivery; `others` are the names of its further rows.

        Raises:
            MessageError: the template gives no address, or one of a domain that is not aligned, or
                the rows differ.
            TemplateError: the template fails.
        """
        if self.constant is not None:
            return self.constant
        if self._value is None:
            return from_address
        path = self._rendered(self._value, names)
        if any(self._rendered(self._value, other) != path for other in others):
            raise _differing(self._value)
        own, domain = _domain_of(from_address), _domain_of(path)
        if self._from_varies and relaxed_alignment(own, domain) is Alignment.NOT_ALIGNED:
            raise MessageError(
                f"{domain} is not aligned with the From address {from_address}",
                location=self._value.place,
                hint="DMARC counts an envelope sender of the same organisation only.",
            )
        return path

    def _rendered(self, value: Value, names: Names) -> str:
        try:
            path = wire_address(value.render(names))
        except FieldError as error:
            raise MessageError(str(error), location=value.place) from None
        domain = _domain_of(path)
        if any(relaxed_alignment(own, domain) is Alignment.ALIGNED for own in self._domains):
            return path
        raise MessageError(
            f"{domain} is not aligned with {' or '.join(self._domains)}",
            location=value.place,
            hint="sender.domains names the domains that an envelope sender may have.",
        )


def _differing(value: Value) -> MessageError:
    return MessageError(
        "the rows of this message give different addresses",
        location=value.place,
        hint="Write the column into recipients.group_by, so that each has a message of its own.",
    )


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _parsed(setting: Setting, parse: Callable[[str], T], errors: list[InputError]) -> T | None:
    """Parse a setting; None for a mistake, which goes to `errors`."""
    try:
        return parse(setting.text)
    except FieldError as error:
        errors.append(JobError(str(error), location=setting.place))
        return None
