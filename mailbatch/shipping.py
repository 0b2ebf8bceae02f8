"""The folders that come with mailbatch: the templates of `init` and the JSON Schemas.

A wheel has the folders below the package, a source checkout (and so an editable install) beside the
package. This module must never read a file, nor look for a folder anywhere else.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.errors import MailbatchError

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Find a folder that comes with mailbatch: `templates` or `schemas`.

    Raises:
        MailbatchError: The folder is in neither place: the installation is damaged.
    """
    places = [_PACKAGE / "shipped" / name]
    # Beside an installed package lie the packages of others; only a checkout has this file there.
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        places.append(_PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise MailbatchError(
        f"the folder {name}/ that comes with mailbatch is not there",
        hint=f"Install mailbatch again; looked in {' and '.join(str(place) for place in places)}.",
    )
