"""The composer: the room's face, which makes the message of each delivery of a job.

Construction compiles everything once and reports every mistake that can be found without a row, in
one go; composing renders and encodes only the parts that vary. The same delivery gives the same
bytes, always: nothing here reads the clock or chance. Sources: RFC 5322, RFC 2045 to 2047, RFC
6532, and the provider's page for X-IB-*.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mailbatch.envelope import Delivery
from mailbatch.errors import InputError, InputErrors, JobError, MessageError
from mailbatch.job.columns import find_column, named_columns
from mailbatch.octets import Octets, Piece
from mailbatch.render import context, digests
from mailbatch.render.addresses import shown_addresses
from mailbatch.render.alignment import AlignmentWarning, alignment_warning
from mailbatch.render.assets import inline_images
from mailbatch.render.attached import Attached
from mailbatch.render.callbacks import callback_fields
from mailbatch.render.correspondents import Copies, To
from mailbatch.render.dkim import Signer, domain_mistake
from mailbatch.render.encodings import encode_text
from mailbatch.render.field_text import FieldError
from mailbatch.render.fields import (
    HeaderField,
    coalesced,
    constant_of,
    content_language,
    custom_fields,
)
from mailbatch.render.fingerprint import Mark, Marker
from mailbatch.render.headers import date_field, date_text, message_id_field
from mailbatch.render.mailing_lists import list_fields
from mailbatch.render.message import BranchKey, Content, Message, Rendered
from mailbatch.render.mime import Encoded, FilePart, Skeletons, boundary, part_size
from mailbatch.render.name_checks import NameChecks
from mailbatch.render.pages import PageChoice
from mailbatch.render.parts import Parts
from mailbatch.render.sender import ReversePath, SenderFields
from mailbatch.render.sources import Sources, sources_of
from mailbatch.render.subject import Test, subject_field
from mailbatch.render.template_loader import FolderLoader
from mailbatch.render.templates import Names, Templates
from mailbatch.render.threads import shown_thread, thread_fields
from mailbatch.render.variables import variables_read

if TYPE_CHECKING:
    from mailbatch.job import model
    from mailbatch.render.branches import Branches
    from mailbatch.render.calendars import CalendarPart
    from mailbatch.render.tracing import Trace

_MESSAGE_ID = re.compile(r"[!-;=?A-~]{1,200}@[!-;=?A-~]{1,255}")
_MIME_VERSION = b"MIME-Version: 1.0\r\n"
_NO_BRANCHES: frozenset[BranchKey] = frozenset()


class Composer:
    """Makes the messages of a job in one edition."""

    def __init__(
        self,
        job: model.Job,
        *,
        edition: str,
        columns: tuple[str, ...],
        now: datetime,
        variables: Mapping[str, Any],
        traced: bool = False,
        test: Test = Test.NONE,
    ) -> None:
        """Compile the job's templates and encode the constant parts.

        `columns` are the names of the recipient table's columns in the table's order; `variables`
        those of the job with those of the command line. With `traced`, the templates note the
        branches that a message takes, for `branches`; the bytes of a message are the same. The
        messages of a `test` have no bulk id.

        Raises:
            InputErrors: every mistake that can be found without a row.
        """
        errors: list[InputError] = []
        constants = context.constants(job, edition=edition, now=now, variables=variables)
        trace = _trace() if traced else None
        templates = Templates(FolderLoader(job.folder), constants, errors, trace)
        self._job = job
        self._variables = constants["variables"]
        self._templates = templates
        self._group_by = named_columns(job.recipients.group_by, columns)
        self._rows = context.RowNames(columns, self._group_by, templates.globals)
        self._address = find_column(job.recipients.address, columns)
        self._signer: Signer | None = None
        self._marker: Marker | None = None
        self._sender = SenderFields(job, templates)
        errors += domain_mistake(job, self._sender.domains)
        self._reverse_path = ReversePath(job, templates, self._sender)
        self._sender_varies = self._sender.constant is None or self._reverse_path.constant is None
        shown = self._sender.constant
        self._to = To(job, templates, None if shown is None else shown.from_.name)
        self._copies = Copies(job, templates)
        self._subject = subject_field(job, templates, test)
        self._fields: tuple[HeaderField, ...] = (
            *list_fields(job, templates),
            *callback_fields(job, templates, of_bulk=test is Test.NONE),
            *content_language(job, templates),
            *custom_fields(job, templates),
        )
        self._parts = Parts(job, templates)
        self._inline = inline_images(job, templates)
        self._attached = Attached(job, templates)
        self._calendar: CalendarPart | None = None
        if job.message.calendar is not None:
            from mailbatch.render.calendars import CalendarPart

            domain = self.message_id_domain
            self._calendar = CalendarPart(job, templates, edition=edition, domain=domain)
        pages = [page for choice in self._choices for page in choice.pages.values()]
        shapes = context.constant_shapes(constants)
        self._checks = NameChecks(job, templates, pages, shapes, columns)
        errors += self._checks.undefined(self._rows.shapes(several=False))
        errors += self._parts.mistakes(self._checks.followed, templates.loader)
        if self._parts.embedding is not None:
            errors += self._parts.embedding.check(self._checks.followed)
        self._prepare(errors)
        if errors:
            told = [self._checks.explained(error) for error in errors]
            raise InputErrors(_in_order(told, str(job.path)))
        self._branches = self._traced(trace) if trace is not None else None

    def _traced(self, trace: Trace) -> Branches:
        from mailbatch.render.branches import Branches

        return Branches(
            self._job,
            trace,
            self._templates,
            self._choices,
            self._rows,
            self._checks.doubts,
        )

    @property
    def _choices(self) -> tuple[PageChoice, ...]:
        own = () if self._calendar is None else (self._calendar.choice,)
        return (*self._parts.choices, *own, *self._attached.choices)

    @property
    def branches(self) -> Branches:
        """The branches of the templates.

        Raises:
            ValueError: the composer was made without `traced`.
        """
        if self._branches is None:
            raise ValueError("the composer was made without traced=True")
        return self._branches

    @property
    def alignment(self) -> AlignmentWarning | None:
        """The doubt about the domains of the From header and the envelope; None without one.

        An envelope sender that varies is bounded by `sender.domains` instead.
        """
        constant = self._reverse_path.constant
        if constant is None:
            return None
        found = (alignment_warning(f"@{domain}", constant) for domain in self._sender.domains)
        return next((warning for warning in found if warning is not None), None)

    @property
    def message_id_domain(self) -> str:
        """The domain of the Message-IDs: that of the From address (RFC 5322 3.6.4)."""
        return self._sender.message_id_domain

    @property
    def attached_bytes(self) -> int | None:
        """The bytes of all attachments and inline images, encoded; None where that varies.

        Without those of `shared_pieces`.
        """
        if self._attached.vary or self._parts.embedding is not None:
            return None
        return sum(part_size(part) for part in self._shared if not isinstance(part[1], Piece))

    @property
    def shared_pieces(self) -> tuple[Piece, ...]:
        """The large files that are the same in every message, each as one piece of the content."""
        return tuple([part[1] for part in self._shared if isinstance(part[1], Piece)])

    @property
    def sources(self) -> Sources:
        """The files that the messages are made of, as far as no cell completes a name."""
        return sources_of(self._templates.loader, self._parts.embedding)

    @property
    def _shared(self) -> list[FilePart]:
        return [*self._images, *self._attached.shared]

    def signed_by(self, signer: Signer) -> Composer:
        """Return a composer that makes the same messages, signed."""
        signing = copy.copy(self)
        signing._signer = signer  # noqa: SLF001 - its own copy
        return signing

    def fingerprinting(self) -> Composer:
        """Return a composer that makes the same messages, each with its fingerprint."""
        marking = copy.copy(self)
        marking._marker = Marker(self._shared)  # noqa: SLF001 - its own copy
        return marking

    def unrepeatable(self) -> tuple[InputError, ...]:
        """Return the uses of `now`: such a message is another one tomorrow, which no plan knows."""
        return tuple(_in_order(self._checks.unrepeatable(), str(self._job.path)))

    def _prepare(self, errors: list[InputError]) -> None:
        """Encode the parts that every message shares."""
        constant = self._sender.constant
        try:
            self._from = b"" if constant is None else constant.write()
        except FieldError as error:
            errors.append(JobError(str(error), location=self._job.locate("sender.from")))
        for asset in self._inline:
            try:
                asset.check(self._templates.globals)
            except MessageError as error:
                errors.append(error)
        errors += self._attached.check()
        self._subject_field = constant_of(self._subject, errors)
        self._tail = list(coalesced(self._fields, errors))
        if errors:
            return
        self._shown = [
            (field, field.shown(field.render({})) if field.constant is not None else None)
            for field in (self._subject, *self._fields)
        ]
        self._images = [asset.part(asset.chosen(self._templates.globals)) for asset in self._inline]
        self._skeletons = Skeletons(
            html=self._parts.has_html,
            inline=self._images,
            calendar=self._calendar.content_type if self._calendar is not None else None,
        )
        self._attached.prepare()
        self._inline_sizes = tuple(
            (asset.path.source, part_size(part))
            for asset, part in zip(self._inline, self._images, strict=True)
        )

    def compose(self, delivery: Delivery, *, eight_bit: bool) -> Message:
        """Render and encode the message of a delivery.

        Raises:
            TemplateError, MessageError: as for `render` and `encode`.
        """
        return self.encode(self.render(delivery), eight_bit=eight_bit)

    def render(self, delivery: Delivery) -> Rendered:
        """Render the templates of a delivery, each once.

        Raises:
            TemplateError: a template fails for this row.
            MessageError: a header or an address cannot be written for this row.
        """
        branches = self._branches
        if branches is not None:
            branches.begin()
        message_id = delivery.message_id
        names = self._rows.of(delivery)
        cc, copies = self._copies.render(names, delivery)
        cc_field = self._copies.write(cc)
        if not _MESSAGE_ID.fullmatch(message_id):
            raise ValueError(f"{message_id!r} is no Message-ID")
        others = self._rows.further(names) if self._sender_varies else ()
        sender = self._sender.constant or self._sender.render(names, others)
        to = self._to.render(names, delivery, sender.from_.name)
        reverse_path = self._reverse_path.render(names, sender.from_.address, others)
        values: list[list[str]] = []
        head = b"".join(
            (
                self._from or self._sender.write(sender),
                self._to.write(to),
                cc_field,
                self._subject_field or _written(self._subject, names, values),
                date_field(delivery.date),
                message_id_field(message_id),
                thread_fields(delivery.thread),
                *[
                    piece if isinstance(piece, bytes) else _written(piece, names, values)
                    for piece in self._tail
                ],
                _MIME_VERSION,
            )
        )
        subject = self._shown[0][1]
        texts = self._parts.render(names, values[0][0] if subject is None else subject)
        return Rendered(
            delivery,
            names,
            sender,
            to,
            cc,
            copies,
            reverse_path,
            head,
            values,
            texts.text,
            texts.html,
            self._attached.chosen(names) if self._attached.vary else [],
            texts.images,
            texts.preheader,
            self._calendar.render(names, delivery) if self._calendar is not None else None,
            branches.taken(names) if branches is not None else _NO_BRANCHES,
        )

    def encode(self, rendered: Rendered, *, eight_bit: bool) -> Message:
        """Return a rendered message as bytes; `eight_bit` says whether 8-bit bytes may be sent.

        Parts of a signed message are 7-bit: a server on the way that encodes a part anew breaks the
        signature (RFC 6376 5.3).

        Raises:
            MessageError: a part or a file cannot be written for this row.
        """
        delivery, head, html = rendered.delivery, rendered.head, rendered.html
        mark = boundary(delivery.message_id)
        eight_bit = eight_bit and self._signer is None
        texts = [self._encoded(rendered.text, mark, eight_bit=eight_bit)]
        if html is not None:
            texts.append(self._encoded(html, mark, eight_bit=eight_bit))
        files = self._attached.parts(rendered.files)
        sizes = self._sizes(texts, rendered, files)
        if self._calendar is not None and rendered.calendar is not None:
            texts.append(self._encoded(rendered.calendar, mark, eight_bit=eight_bit))
            files = [*files, self._calendar.file(rendered.calendar)]
            sizes = (*sizes, ("the calendar, as a part and as a file", _size(texts, files)))
        international = not head.isascii()
        skeleton = self._skeletons.of(len(files), [image.part for image in rendered.images])
        octets = Octets.of((head, *skeleton.fill(mark, texts, files)))
        if self._signer is not None:
            field = self._signer.field(octets.joined(), at=delivery.date)
            first, *others = octets.pieces
            octets = Octets.of((field, first.data, *others))
        reverse_path, copies = rendered.reverse_path, rendered.copies
        return Message(
            octets=octets,
            message_id=delivery.message_id,
            copies=copies,
            eight_bit=international or "8bit" in [encoding for encoding, _ in texts],
            needs_smtputf8=international
            or not "".join((reverse_path, *delivery.addresses, *copies)).isascii(),
            reverse_path=reverse_path,
            parts=sizes,
            mark=self._marked(rendered),
        )

    def mark(self, delivery: Delivery) -> Mark | None:
        """Return the mark of a message, as `compose` does, but without encoding a text."""
        return self._marked(self.render(delivery))

    def _marked(self, rendered: Rendered) -> Mark | None:
        if self._marker is None:
            return None
        return self._marker.mark(rendered, self._attached.varying_parts(rendered.files))

    def _encoded(self, text: str, mark: bytes, *, eight_bit: bool) -> Encoded:
        try:
            return encode_text(text, eight_bit=eight_bit, marker=mark)
        except UnicodeEncodeError:
            raise MessageError(
                "a part holds half a surrogate pair", location=self._job.locate("message")
            ) from None

    def _sizes(
        self, texts: list[Encoded], rendered: Rendered, files: list[FilePart]
    ) -> tuple[tuple[str, int], ...]:
        sizes = [("the text part", len(texts[0][1]))]
        if len(texts) > 1:
            sizes.append(("the HTML part", len(texts[1][1])))
        if files:
            sizes += self._attached.sizes(rendered.files, files)
        images = rendered.images
        sizes += [(f"the image {one.file.filename}", part_size(one.part)) for one in images]
        return (*sizes, *self._inline_sizes)

    def content(self, rendered: Rendered) -> Content:
        """Return the content of a rendered message, for people.

        Raises:
            MessageError: a file cannot be read.
        """
        delivery = rendered.delivery
        from_ = shown_addresses((rendered.sender.from_,))
        to, cc = shown_addresses(rendered.to), shown_addresses(rendered.cc)
        values = iter(rendered.values)
        subject, *others = [
            (field.name, field.shown(next(values)) if constant is None else constant)
            for field, constant in self._shown
        ]
        head = [
            ("From", from_),
            ("Reply-To", shown_addresses(rendered.sender.reply_to)),
            ("To", to),
            ("Cc", cc),
            subject,
            ("Date", date_text(delivery.date)),
            ("Message-ID", f"<{delivery.message_id}>"),
            *shown_thread(delivery.thread),
            *others,
        ]
        files, calendar = self._attached.content(rendered.files), None
        if self._calendar is not None and rendered.calendar is not None:
            calendar, file = self._calendar.content(rendered.calendar)
            files = (*files, file)
        return Content(
            subject=subject[1],
            from_=from_,
            to=to,
            cc=cc,
            headers=tuple((name, value) for name, value in head if value),
            text=rendered.text,
            html=rendered.html,
            preheader=rendered.preheader,
            attachments=files,
            inline=(
                *[asset.attachment(asset.chosen(rendered.names)) for asset in self._inline],
                *[image.file for image in rendered.images],
            ),
            calendar=calendar,
        )

    def leaks(self) -> tuple[InputError, ...]:
        """Return the uses of names that the addresses of a group do not share.

        Such a use also fails when a message is rendered; here, once the plan is known, the mistake
        is found before anything is sent.
        """
        if not self._group_by or self._address in self._group_by:
            return ()  # no group can have several
        known = self._rows.shapes(several=False)
        shared = self._rows.shapes(several=True)
        return tuple(_in_order(self._checks.leaks(known, shared), str(self._job.path)))

    def variables_read(self) -> frozenset[str] | None:
        """Return the variables that the message may read; None where each may be read."""
        return variables_read(self._checks.trees())

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of every input of the message, by names that the user knows.

        Such as `message.subject` and `message.html: letter.html.j2`; a template's digest is also
        that of the included files.
        """
        return {
            **digests.job_digests(self._job, self._fields),
            **digests.variable_digests(self._variables),
            **digests.page_digests(self._choices, self._checks.followed, self._templates.loader),
            **self._attached.digests(),
            **digests.asset_digests("message.inline", self._inline),
            **(self._parts.embedding.digests() if self._parts.embedding is not None else {}),
        }


def _size(texts: list[Encoded], files: list[FilePart]) -> int:
    """Return the bytes of the last text and the last file, encoded."""
    return len(texts[-1][1]) + part_size(files[-1])


def _written(field: HeaderField, names: Names, values: list[list[str]]) -> bytes:
    """Render a field and return the bytes; the pieces go to `values`."""
    pieces = field.render(names)
    values.append(pieces)
    return field.write(pieces)


def _trace() -> Trace:
    from mailbatch.render.tracing import Trace

    return Trace()


def _in_order(errors: Iterable[InputError], job: str) -> list[InputError]:
    """Sort errors by place, those of the job first, each mistake once."""

    def place(error: InputError) -> tuple[bool, str, int, int]:
        at = error.location
        if at is None:
            return (False, "", 0, 0)
        return (at.path != job, at.path, at.line or 0, at.column or 0)

    return list({str(error): error for error in sorted(errors, key=place)}.values())
