"""The token of a receiver that was given none: made once, and kept in a file beside the store.

The provider goes on posting to the URL of messages that were sent weeks ago, so that a token must
outlive the process.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from mailbatch.errors import SYSTEM_REMEDIES, StoreError
from mailbatch.files import sync_folder
from mailbatch.receiver.door import TOKEN

_BYTES = 24
_RIGHTS = "make the file and its folder writable for this user, or set --store"


def token_file(store: Path) -> Path:
    """Return the file with the token of a store.

    Example:
        >>> str(token_file(Path("state/reports.sqlite3")))
        'state/reports.sqlite3.token'
    """
    return store.with_name(f"{store.name}.token")


def kept_token(path: Path) -> str:
    """Return the token in a file; make file and token where there is none, for the owner alone.

    Raises:
        StoreError: the file cannot be read or made, or has no token in it (74).
    """
    try:
        try:
            found = path.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            found = _make(path)
    except OSError as error:
        hint = SYSTEM_REMEDIES.get(error.errno or 0, _RIGHTS)
        raise StoreError(f"{path}: {error.strerror or error}", hint=hint) from error
    if TOKEN.fullmatch(found) is None:
        raise StoreError(f"{path}: there is no token in it", hint="remove the file, or set --token")
    return found


def _make(path: Path) -> str:
    """Write a new token, whole or not at all; return that of another process that was quicker."""
    building = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    token = secrets.token_urlsafe(_BYTES)
    try:
        with os.fdopen(os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(building, path)
        sync_folder(path.parent)
    except FileExistsError:
        return path.read_text(encoding="ascii", errors="replace").strip()
    finally:
        building.unlink(missing_ok=True)
    return token
