"""The blocks of fields in a status part (RFC 3464 2.1, RFC 6533 3, RFC 5965 3.1), from bytes.

Blocks are parted by empty lines. A line that is no field belongs to the field before: nullmailer
2.2 does not fold the second line of a reply.

Tests: tests/reports/test_mail_reports.py.
"""

from __future__ import annotations

import re

from mailbatch.reports.members import clean

#: Field names in lower case, each with its values in order.
Block = dict[str, list[str]]

# Not str.splitlines, to which U+0085 and the like end a line.
_LINE_END = re.compile(r"\r\n|\n|\r")
_FIELD = re.compile(r"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)


def blocks_of(content: bytes) -> list[Block]:
    r"""Return the blocks of a status part, without the empty ones.

    Example:
        >>> blocks_of(b"Reporting-MTA: dns; a\r\n\r\nAction: failed\r\nStatus: 5.1.1")
        [{'reporting-mta': ['dns; a']}, {'action': ['failed'], 'status': ['5.1.1']}]
    """
    blocks: list[Block] = []
    block: Block = {}
    values: list[str] = []
    for line in _LINE_END.split(content.decode("utf-8", "replace")):
        found = _FIELD.fullmatch(line)
        if not line.strip():
            block, values = {}, []
        elif found and not line[0].isspace():
            if not block:
                blocks.append(block)
            values = block.setdefault(found[1].lower(), [])
            values.append(found[2].strip())
        elif values:
            values[-1] = f"{values[-1][:2000]} {line.strip()[:2000]}"
    return blocks


def first(block: Block, name: str) -> str:
    """Return the first value of a field, as one clean line; empty where there is none."""
    values = block.get(name)
    return clean(values[0]) if values else ""
