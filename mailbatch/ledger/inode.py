"""The identity of a file, which a copy and a file system mounted anew do not share.

A copy has the same bytes, name and times, and may even get the same inode number; its time of birth
is another. A write into a file in place changes the time of its status (`st_ctime`), which no
program can set. Source: statx(2), inode(7). This module must never change a file.

Tests: tests/certainty/test_storage.py, tests/ledger/test_damage.py.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from mailbatch.frozen import frozen

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_STATX_MNT_ID = 0x1000
_STATX_MNT_ID_UNIQUE = 0x4000  # Linux 6.8: the number of a mount that is gone is not given again
_STATX = struct.Struct("=I 76x qI4x 48x Q 104x")  # mask, birth (seconds, nanoseconds), mount


@frozen
class Inode:
    """A file as the system knows the file.

    `birth` tells a file from every copy, as long as the file exists; `mount` is the mount until the
    file system is mounted anew; `status` changes with each write and each change of rights, and
    `rights` (mode, owner, group, links) only with the latter.
    """

    birth: str
    mount: str
    status: int
    rights: str


def inode_of(file: int | str | os.PathLike[str]) -> Inode:
    """Return the inode of an open file or of a path; raises OSError where there is none.

    Where the system knows no time of birth the number of the inode stands in; where the system
    knows no mount, the device.
    """
    found = os.stat(file)  # noqa: PTH116 - also of an open file
    birth, mount = _born_and_mounted(file, found)
    rights = f"{found.st_mode:o} {found.st_uid} {found.st_gid} {found.st_nlink}"
    return Inode(birth, f"{found.st_dev} {mount}", found.st_ctime_ns, rights)


def _born_and_mounted(file: int | str | os.PathLike[str], found: os.stat_result) -> tuple[str, int]:
    statx = _statx()
    if statx is not None:
        at, name, flags = (file, b"", _AT_EMPTY_PATH)
        if not isinstance(file, int):
            at, name, flags = _AT_FDCWD, os.fsencode(file), 0
        answer = bytearray(256)
        wanted = _STATX_BTIME | _STATX_MNT_ID | _STATX_MNT_ID_UNIQUE
        if statx(at, name, flags, wanted, answer) == 0:
            mask, seconds, nanoseconds, mount = _STATX.unpack(answer)
            if not mask & (_STATX_MNT_ID | _STATX_MNT_ID_UNIQUE):
                mount = 0
            if mask & _STATX_BTIME:
                # Without the number: some file systems give another one whenever they are mounted.
                return f"{seconds}.{nanoseconds:09}", mount
            return str(found.st_ino), mount
    born = getattr(found, "st_birthtime", None)  # macOS and the BSDs
    return str(found.st_ino) if born is None else f"{found.st_ino} {born!r}", 0


@cache
def _statx() -> Callable[[object, bytes, int, int, bytearray], int] | None:
    """Return the call of that name; None where the system has none."""
    if os.uname().sysname != "Linux":
        return None
    import ctypes

    try:
        function: Any = ctypes.CDLL(None).statx
    except (OSError, AttributeError):
        return None

    def statx(at: object, name: bytes, flags: int, mask: int, answer: bytearray) -> int:
        place = (ctypes.c_char * len(answer)).from_buffer(answer)
        return int(function(at, ctypes.c_char_p(name), flags, ctypes.c_uint(mask), place))

    return statx
