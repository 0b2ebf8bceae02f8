"""The outbox of a sandbox: numbered .eml files and an index of the envelopes.

    outbox/0001-<uuid>.eml    the content exactly as sent, without the dots of transparency
    outbox/index.jsonl        one line per message: file, uuid, mail_from, rcpt_tos, size, time

The .eml is written before the index line, so that each line of the index has a file. The outbox
must never overwrite: numbers go on after the highest one in the folder.

Tests: tests/sandbox/test_server.py.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from mailbatch.frozen import frozen

_NUMBERED = re.compile(r"(\d+)-.*\.eml")

INDEX = "index.jsonl"


@frozen
class Kept:
    """One message that the sandbox accepted.

    `id` is the uuid of the reply. `mail_from` and `rcpt_tos` are the envelope, with the accepted
    recipients only. `size` counts the octets of the content, `time` is UTC. `file` is None where no
    outbox is kept.
    """

    id: str
    mail_from: str
    rcpt_tos: tuple[str, ...]
    size: int
    time: datetime
    file: Path | None = None


class Outbox:
    """A folder of kept messages, made where there is none.

    Raises:
        OSError: the folder or the index cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        numbers = (_NUMBERED.fullmatch(file.name) for file in folder.iterdir())
        self._last = max((int(found[1]) for found in numbers if found), default=0)
        # Without a buffer: what a full disk does not take must not be tried again at the end.
        self._index = (folder / INDEX).open("ab", buffering=0)

    def keep(self, message: Kept, content: bytes) -> Kept:
        """Write one message and the index line, and return the message with the file.

        Raises:
            OSError: the file or the index cannot be written.
        """
        number = self._last + 1
        file = self.folder / f"{number:04d}-{message.id}.eml"
        line = {
            "file": file.name,
            "uuid": message.id,
            "mail_from": message.mail_from,
            "rcpt_tos": message.rcpt_tos,
            "size": message.size,
            "time": message.time.isoformat(timespec="milliseconds"),
        }
        try:
            file.write_bytes(content)
            self._append((json.dumps(line, ensure_ascii=False) + "\n").encode())
        except OSError:
            file.unlink(missing_ok=True)  # a part of a message would look like one
            raise
        self._last = number
        return replace(message, file=file)

    def _append(self, line: bytes) -> None:
        """Write a line of the index, or no part of the line."""
        end, left = os.fstat(self._index.fileno()).st_size, memoryview(line)
        try:
            while left:
                left = left[self._index.write(left) :]
        except OSError:
            os.ftruncate(self._index.fileno(), end)
            raise

    def close(self) -> None:
        """Close the index; the files stay."""
        self._index.close()
