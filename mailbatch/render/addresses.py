"""Mailboxes as people write them in a job and as header fields carry them (RFC 5322 3.4).

Reads `news@example.com`, `Example News <news@example.com>`, lists of those and groups
(`Subscribers: ;`), by a grammar of its own: no comments, no routes, nothing guessed. Domains
become A-labels (RFC 5890), local parts are kept. The grammar must never find two addresses where a
careful reader sees one: a name that holds a comma has to be quoted. A value that a template puts
into a list is text there, whatever its characters; only a value alone between commas is a list.

Example:
    >>> parse_addresses("bob@bücher.example")
    (Mailbox(name='', address='bob@xn--bcher-kva.example'),)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from mailbatch.frozen import frozen
from mailbatch.render.field_text import FieldError, refuse_controls

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# RFC 5321 4.1.2 with its limits of 64 and 255 octets (4.5.3.1).
_ADDR_SPEC = re.compile(
    rf"(?=[^\"@]{{1,64}}@|\")(?:[{_ATEXT}]+(?:\.[{_ATEXT}]+)*"
    r'|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e]){0,62}")'
    rf"@(?=.{{1,255}}\Z){_LABEL}(?:\.{_LABEL})*\Z"
)
# One element of the list grammar: a quoted string, an angle-addr, a delimiter, or a run of the
# rest.
_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*"(?P<at>@[^\s<>,;:"()]*)?)'
    r"|<(?P<angle>[^<>]*)>|(?P<mark>[,;:])|(?P<word>[^\s<>,;:\"()]+)|(?P<space>\s+)",
    re.DOTALL,
)

# The characters with a meaning in an address list, and the two that no text holds (Unicode
# 23.7), that stand around the number of an inserted value.
_MEANING = re.compile('["(),:;<>@\\[\\]\\\\\ufdd0\ufdd1]')
_INSERTED = re.compile("\ufdd0([0-9]+)\ufdd1")


@frozen
class Mailbox:
    """One mailbox: `name` may be empty; `address` is the addr-spec for the wire."""

    name: str
    address: str


@frozen
class Group:
    """A named group of mailboxes (RFC 5322 3.4), often without members (`Subscribers: ;`)."""

    name: str
    members: tuple[Mailbox, ...]


class Inserted:
    """The values that a template puts into an address list, with a mark in place of each.

    A value without a character that has a meaning there stands for itself.
    """

    def __init__(self) -> None:
        self._values: list[str] = []

    def clear(self) -> None:
        """Forget the values of the rendering before."""
        self._values.clear()

    def keep(self, value: Any) -> str:
        """Keep a value and return the mark that stands for it."""
        text = str(value)
        if not _MEANING.search(text):
            return text
        self._values.append(text)
        return f"\ufdd0{len(self._values) - 1}\ufdd1"

    def alone(self, word: str) -> str | None:
        """Return the value whose mark is the whole word; None without one."""
        found = _INSERTED.fullmatch(word)
        return self._values[int(found[1])] if found else None

    def restore(self, text: str) -> str:
        """Put the values in the places of the marks.

        Raises:
            FieldError: a value holds a control character, or a character of the marks.
        """
        restored = _INSERTED.sub(lambda found: self._values[int(found[1])], text)
        refuse_controls(restored)
        if "\ufdd0" in restored:
            raise FieldError("holds the character U+FDD0, which stands for nothing")
        return restored


def wire_address(text: str) -> str:
    """Return an addr-spec with the domain in A-labels.

    Raises:
        FieldError: `text` is not an addr-spec.
    """
    if _ADDR_SPEC.match(text):
        return text
    if text.isascii():
        raise FieldError(f"{text!r} is not an address")
    return _international(text)


def parse_addresses(text: str, inserted: Inserted | None = None) -> tuple[Mailbox | Group, ...]:
    """Read an address list (RFC 5322 3.4); blank text and blank elements are no addresses.

    `inserted` are the values whose marks stand in the text.

    Raises:
        FieldError: in a sentence that completes "message.cc: ...".
    """
    refuse_controls(text)
    return _List(text, inserted or Inserted()).parse()


def parse_mailboxes(text: str) -> tuple[Mailbox, ...]:
    """Read a list of mailboxes without groups.

    Raises:
        FieldError: also for a group.
    """
    found = parse_addresses(text)
    mailboxes = tuple(entry for entry in found if isinstance(entry, Mailbox))
    if len(mailboxes) != len(found):
        raise FieldError("a group cannot stand here")
    return mailboxes


def parse_mailbox(text: str) -> Mailbox:
    """Read exactly one mailbox.

    Raises:
        FieldError: also for none or several.
    """
    found = parse_mailboxes(text)
    if len(found) != 1:
        raise FieldError("must be one address; a name that holds a comma has to be quoted")
    return found[0]


class _List:
    """A parser of one address list; tokens are consumed from the left."""

    def __init__(self, text: str, inserted: Inserted) -> None:
        self._inserted = inserted
        self._entries: list[Mailbox | Group] = []
        self._group: str | None = None
        self._members: list[Mailbox] = []
        self._words: list[str] = []
        self._angle: str | None = None
        self._at = False  # an unquoted word with an @, which is an address and no name
        self._tokens = self._split(text)

    @staticmethod
    def _split(text: str) -> list[re.Match[str]]:
        tokens = []
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise FieldError(
                    f"{text[position:]!r} is no part of an address; comments are not read"
                    if text[position] in "()"
                    else f"{text[position:]!r} is not closed"
                )
            position = match.end()
            if match["space"] is None:
                tokens.append(match)
        return tokens

    def parse(self) -> tuple[Mailbox | Group, ...]:
        for token in self._tokens:
            self._take(token)
        if self._group is not None:
            raise FieldError(f"the group {self._group!r} is not closed with ;")
        self._end_of_mailbox()
        return tuple(self._entries)

    def _take(self, token: re.Match[str]) -> None:
        if token["mark"] == ",":
            self._end_of_mailbox()
        elif token["mark"] == ":":
            name = not self._at and self._words
            if self._group is not None or self._angle is not None or not name:
                raise FieldError("a colon stands only behind the name of a group")
            self._group = self._inserted.restore(" ".join(self._words))
            self._words = []
        elif token["mark"] == ";":
            self._end_of_group()
        elif self._angle is not None:
            raise FieldError(f"{token[0]!r} stands behind an address without a comma between")
        elif token["angle"] is not None:
            self._angle = token["angle"].strip()
        elif token["quoted"] is not None:
            self._take_quoted(token)
        else:
            self._words.append(token["word"])
            self._at = self._at or "@" in token["word"]

    def _take_quoted(self, token: re.Match[str]) -> None:
        if token["at"]:
            if self._words:
                raise FieldError(f"{token[0]!r} needs angle brackets behind a name")
            self._angle = token["quoted"]
        else:
            self._words.append(re.sub(r"\\(.)", r"\1", token["quoted"][1:-1]))

    def _end_of_group(self) -> None:
        if self._group is None:
            raise FieldError(
                "a semicolon stands only at the end of a group: write commas between addresses"
            )
        self._end_of_mailbox()
        self._entries.append(Group(self._group, tuple(self._members)))
        self._group = None
        self._members = []

    def _end_of_mailbox(self) -> None:
        words, angle, at = self._words, self._angle, self._at
        self._words, self._angle, self._at = [], None, False
        name = self._inserted.restore(" ".join(words))
        if angle is not None:
            if at:
                raise FieldError(f"the name {name!r} needs quotes")
            address = wire_address(self._inserted.restore(angle))
            self._add(Mailbox(name.strip(), address))
        elif len(words) == 1 and (value := self._inserted.alone(words[0])) is not None:
            for entry in parse_addresses(value):
                self._add(entry)
        elif len(words) == 1:
            self._add(Mailbox("", wire_address(name)))
        elif words:
            raise FieldError(f"{name!r} is not an address; write Name <address>")

    def _add(self, entry: Mailbox | Group) -> None:
        if self._group is None:
            self._entries.append(entry)
        elif isinstance(entry, Mailbox):
            self._members.append(entry)
        else:
            raise FieldError("a group cannot stand in a group")


def _international(text: str) -> str:
    """Check an address with non-ASCII characters, and write the domain in A-labels."""
    import email_validator

    try:
        checked = email_validator.validate_email(
            text,
            check_deliverability=False,
            allow_quoted_local=True,
            test_environment=True,
            globally_deliverable=False,
        )
    except email_validator.EmailNotValidError as error:
        raise FieldError(f"{text!r} is not an address: {error}") from None
    return f"{checked.local_part}@{checked.ascii_domain}"


def shown_addresses(entries: Iterable[Mailbox | Group]) -> str:
    """Return an address list as mail programs show it; not for the wire."""
    shown = []
    for entry in entries:
        if isinstance(entry, Group):
            shown.append(f"{entry.name}: {shown_addresses(entry.members)};")
        else:
            shown.append(f"{entry.name} <{entry.address}>" if entry.name else entry.address)
    return ", ".join(shown)
