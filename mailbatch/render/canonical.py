"""The relaxed forms of header fields and bodies that DKIM signs (RFC 6376 3.4.2 and 3.4.4).

For messages as mailbatch writes them: lines end in CRLF, and no header has a control character.
"""

from __future__ import annotations

from collections.abc import Container


def relaxed_fields(head: bytes, wanted: Container[bytes]) -> dict[bytes, list[bytes]]:
    """Return the wanted fields of a header section by their names in lower case.

    Each field is `name:value` with its CRLF; fields of one name are in the order of the message.
    """
    found: dict[bytes, list[bytes]] = {}
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in unfolded.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.rstrip(b" \t").lower()
        if name in wanted:
            found.setdefault(name, []).append(b"%b:%b\r\n" % (name, b" ".join(value.split())))
    return found


def relaxed_body(body: bytes) -> bytes:
    """Return a body with runs of white space as one space, and without empty lines at its end.

    White space at the end of a line goes, too. A body of nothing else is empty.
    """
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n").rstrip(b" \r\n")
    return body + b"\r\n" if body else b""
