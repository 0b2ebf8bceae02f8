r"""The dialogues of an edition: one line of JSON a transaction, in a file beside the ledger.

    with Dialogues.to_append(dialogues_path(folder, job, edition), tell=progress.alarm) as kept:
        kept.append(Dialogue("57049136f20f7a33", "smtp.example.com:587", began=1.0))
    found = list(read(path, "57049136f20f7a33"))         # those of one message, by its token

A dialogue begins with MAIL and ends with the last reply to the content: greeting, TLS and AUTH are
in none. The content is a number of bytes and a digest. Each dialogue is one write behind the last
reply and before the outcome is recorded, so that a killed process leaves a whole line or a torn
one, which the next run cuts off; a power loss can cost the last ones. This module must never change
what is sent, nor end a run: a file that cannot be written any more is told, once.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from mailbatch.delivery.places import ledger_path
from mailbatch.envelope import address_key, masking, mentions_of
from mailbatch.errors import LedgerLocked, OutputError
from mailbatch.files import replacing, unwritable
from mailbatch.job.model import Job

_ENDING = ".smtp"
#: The characters of a reply that are kept: what a server says costs no more than that.
LONGEST_REPLY = 4096
_RCPT = re.compile(r'RCPT TO:<("(?:[^"\\]|\\.)*"@[^>]*|[^>]*)>')


@dataclass(slots=True)
class Exchange:
    """A command and the lines of its reply; none where none came."""

    command: str
    reply: list[str] = field(default_factory=list)

    @property
    def recipient(self) -> str | None:
        """The address of a RCPT; None for another command."""
        found = _RCPT.match(self.command)
        return None if found is None else found[1]

    def hear(self, line: str) -> None:
        """Add a line of the reply, while there is room."""
        left = LONGEST_REPLY - sum(map(len, self.reply)) if self.reply else LONGEST_REPLY
        if left > 0:
            self.reply.append(line[:left])


@dataclass(slots=True)
class Dialogue:
    """The dialogue of one transaction; times in seconds since the epoch.

    `token` is that of the delivery. `size` is the number of bytes of the content that were handed
    over, as on the wire, and `digest` the SHA-256 of the commit point in hex; empty without one.
    """

    token: str
    server: str
    began: float
    ended: float = 0.0
    size: int = 0
    digest: str = ""
    exchanges: list[Exchange] = field(default_factory=list)

    def line(self) -> bytes:
        """Return the dialogue as a line of the file."""
        said = [[one.command, *one.reply] for one in self.exchanges]
        found = {
            "token": self.token,
            "server": self.server,
            "began": round(self.began, 3),
            "ended": round(self.ended, 3),
            "bytes": self.size,
            "sha256": self.digest,
            "said": said,
        }
        return json.dumps(found, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Self:
        """Return the dialogue of a line.

        Raises:
            ValueError, KeyError, TypeError: the line is none.
        """
        found: dict[str, Any] = json.loads(line)
        said = [Exchange(command, reply) for command, *reply in found["said"]]
        numbers = (float(found["began"]), float(found["ended"]), int(found["bytes"]))
        return cls(found["token"], found["server"], *numbers, found["sha256"], said)

    def without(self, key: str, alias: str) -> Self | None:
        """Return the dialogue without a person; None where no recipient is left.

        `key` is the address in lower case. Where a reply names the address, `alias` stands there.
        """
        left = [
            one
            for one in self.exchanges
            if one.recipient is None or address_key(one.recipient) != key
        ]
        if len(left) < len(self.exchanges) and not any(one.recipient for one in left):
            return None
        masked = masking(key, alias)
        self.exchanges = [
            Exchange(masked(one.command), list(map(masked, one.reply))) for one in left
        ]
        return self


def dialogues_path(folder: Path, job: Job, edition: str) -> Path:
    """Return the file of the dialogues of an edition in a state folder; it need not be there."""
    return ledger_path(job, edition, folder).with_suffix(_ENDING)


def dialogues_in(folder: Path) -> list[Path]:
    """Return the files of dialogues in a state folder."""
    found = folder.glob(f"*@*{_ENDING}") if folder.is_dir() else ()
    return sorted(path for path in found if path.is_file())


def read(path: Path, token: str) -> Iterator[Dialogue]:
    """Yield the dialogues of a delivery, in the order of the file; none where there is no file.

    Raises:
        OutputError: the file cannot be read (74).
    """
    wanted = b'{"token":"%s",' % token.encode()
    yield from _parsed(path, lambda line: line.startswith(wanted))


def mentions(path: Path, address: str) -> int:
    """Count the dialogues that name an address; raises as `read` does."""
    pattern = mentions_of(address_key(address))
    return sum(1 for _ in _parsed(path, lambda line: pattern.search(_text(line)) is not None))


def forget(path: Path, address: str, alias: str) -> None:
    """Write a file anew without the lines of a person.

    Raises:
        LedgerLocked: a run writes the file (75).
        OutputError: the file cannot be read or written (74).
    """
    key = address_key(address)
    try:
        with path.open("rb") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LedgerLocked(
                    f"{path}: a run writes this file", hint="wait for its end, and say it again"
                ) from None
            with replacing(path) as stream:
                for found in _parsed(path, lambda _: True):
                    left = found.without(key, alias)
                    if left is not None:
                        stream.write(left.line().decode("ascii"))
    except OSError as error:
        raise unwritable(path, error, "--state-dir") from error


def _parsed(path: Path, is_wanted: Callable[[bytes], bool]) -> Iterator[Dialogue]:
    """Yield the dialogues of the lines that are wanted; a torn last line is none."""
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.endswith(b"\n") and is_wanted(line):
                    yield _dialogue(line, path, number)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}", hint="let this user read it") from error


def _dialogue(line: bytes, path: Path, number: int) -> Dialogue:
    try:
        return Dialogue.of(line)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OutputError(
            f"{path}:{number}: is no dialogue that mailbatch wrote", hint="put it away"
        ) from None


def _text(line: bytes) -> str:
    """Return a line as it is read: JSON escapes what is not ASCII."""
    if b"\\" not in line:
        return line.decode("ascii", "replace")
    try:
        return "\n".join(text for one in Dialogue.of(line).exchanges for text in _texts(one))
    except (ValueError, KeyError, TypeError):
        return ""


def _texts(one: Exchange) -> list[str]:
    return [one.command, *one.reply]


class Dialogues:
    """The file of an edition, open to append; a context manager."""

    def __init__(self, path: Path, fd: int, tell: Callable[[str], None]) -> None:
        self._path = path
        self._fd: int | None = fd
        self._size = os.fstat(fd).st_size
        self._tell = tell

    @classmethod
    def to_append(cls, path: Path, *, tell: Callable[[str], None]) -> Self:
        """Open the file of an edition behind its last whole line; `tell` hears of trouble.

        Raises:
            OutputError: the file cannot be opened (74).
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = _opened(path)
        except OSError as error:
            raise unwritable(path, error, "--state-dir") from error
        return cls(path, fd, tell)

    def append(self, dialogue: Dialogue) -> None:
        """Add a dialogue; where that fails the file is left alone from now on, which is told."""
        if self._fd is None:
            return
        line = dialogue.line()
        try:
            if os.write(self._fd, line) < len(line):
                os.ftruncate(self._fd, self._size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - as write's own
        except OSError as error:
            self._tell(f"no dialogue is kept from now on: {self._path}: {error.strerror}")
            self.close()
        else:
            self._size += len(line)

    def close(self) -> None:
        """Sync the file, and close it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            try:
                os.fsync(fd)
            except OSError as error:
                self._tell(f"the last dialogues may be lost: {self._path}: {error.strerror}")
            finally:
                os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _opened(path: Path) -> int:
    """Return the file, locked, and cut behind the last whole line; raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        fd = os.open(path, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_in_place(path, fd):  # not replaced by one that forgot a person
                os.ftruncate(fd, _whole(fd))
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _is_in_place(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _whole(fd: int) -> int:
    """Return the size of the whole lines of a file, in bytes."""
    end = os.fstat(fd).st_size
    while end:
        start = max(0, end - (1 << 16))
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
