"""The tag list, `v=DKIM1; k=rsa; p=...`: the form of the records of DKIM and of DMARC.

Source: RFC 6376 3.2; RFC 9989 refers to it. This module must never know a tag.

Tests: tests/dns/test_dkim_key.py, tests/dns/test_dmarc.py.
"""

from __future__ import annotations

import re

from mailbatch.frozen import frozen

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@frozen
class TagList:
    """The tags of a record in their order; `values` has the first value of each name.

    `faults` are the words for parts that the grammar forbids, and readers treat differently.
    Names and values are as written, without the white space around.
    """

    values: dict[str, str]
    first: str
    faults: tuple[str, ...]


def read_tags(text: str) -> TagList:
    """Read a tag list; a part that is no tag is a fault, and is left out.

    >>> read_tags("v=DMARC1; p=none; p=reject;")
    TagList(values={'v': 'DMARC1', 'p': 'none'}, first='v', faults=('the tag p= stands twice',))
    """
    values: dict[str, str] = {}
    faults: list[str] = []
    parts = text.split(";")
    if not parts[-1].strip():  # one semicolon may stand at the end
        parts.pop()
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            faults.append("an empty tag stands between two semicolons")
        elif not equals or not _NAME.fullmatch(name):
            faults.append(f"{part.strip()[:40]!r} is no tag")
        elif name in values:
            faults.append(f"the tag {name}= stands twice")
        else:
            values[name] = value
    return TagList(values, next(iter(values), ""), tuple(dict.fromkeys(faults)))
