"""What a program says of a letter: None wherever the program says nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A file as a program offers to save it.

    `data` are its bytes, `charset` and `method` the parameters of its type.
    """

    name: str
    data: bytes | None = None
    type: str | None = None
    charset: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A letter as a program shows it.

    `sender` and `to` are as people see them: `Name <address>`, several with commas, without the
    quotation marks of a header. `text` and `html` are the bodies, with LF as line ends.
    """

    subject: str | None = None
    sender: str | None = None
    to: str | None = None
    text: str | None = None
    html: str | None = None
    files: tuple[File, ...] | None = None
