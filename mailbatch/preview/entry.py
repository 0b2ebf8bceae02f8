"""The entries of the gallery, as values: one message each, with the findings and the change.

Nothing here renders, reads files, or knows HTML. Every text in these values is the user's data: a
writer of HTML escapes it.

Tests: tests/preview/test_gallery.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailbatch.checks.findings import Finding
from mailbatch.frozen import frozen
from mailbatch.render.message import Content, Inspected


@frozen
class Change:
    """The change of a message since an earlier preview.

    `kind` is `new`, `changed`, `same`, or `unseen` where the earlier preview showed only some.

    `parts` are the lines of unified diffs by the name of the part (`Subject`, `Headers`, `Text`,
    `HTML`, `Attachments`). `html_before` is the earlier HTML part, where it was another.
    """

    kind: str
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    html_before: str | None = None


@frozen
class Since:
    """The earlier preview that a gallery is compared with.

    `shown` is the folder of that preview, as the user named it. `gone` are messages of that preview
    that the mailing has no more, each as (first address, subject).
    """

    shown: str
    gone: tuple[tuple[str, str], ...] = ()


@frozen
class Entry:
    """One message of the gallery; without `content`, `error` is the reason that there is none.

    `key` names the message in every preview of the mailing. `line` is the line of the first row in
    the table, None for a message that is of no mailing, and so was not checked. `group` and
    `values` are columns and cells. `source` are the message's bytes. `copies` are the Cc and Bcc
    addresses. `reasons` are the words for why this message is worth looking at.
    """

    key: str
    addresses: tuple[str, ...]
    line: int | None
    content: Content | None = None
    source: bytes = b""
    reverse_path: str = ""
    copies: tuple[str, ...] = ()
    group: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    reasons: tuple[str, ...] = ()
    error: str | None = None
    change: Change | None = None


class Entries:
    """Makes the entries of a mailing.

    `columns` are the columns of the table, `group_by` those with one value for a whole group.
    """

    def __init__(self, columns: tuple[str, ...], group_by: Sequence[str]) -> None:
        self._columns = columns
        self._group_by = group_by

    def entry(
        self,
        inspected: Inspected,
        *,
        findings: tuple[Finding, ...],
        reasons: Sequence[str] = (),
    ) -> Entry:
        """Return the entry of a message, or of the error that prevents the message."""
        delivery, message, error = inspected.delivery, inspected.message, inspected.error
        first = delivery.rows[0]
        names = self._group_by
        several = len(delivery.addresses) > 1
        return Entry(
            key=delivery.key,
            addresses=delivery.addresses,
            line=first.line,
            content=inspected.content,
            source=message.content if message is not None else b"",
            reverse_path=message.reverse_path if message is not None else "",
            copies=message.copies if message is not None else (),
            group=tuple(zip(names, first.group, strict=True)) if first.group is not None else (),
            values=() if several else tuple(zip(self._columns, first.values, strict=True)),
            findings=findings,
            reasons=tuple(reasons),
            error=str(error) if error is not None else None,
        )
