"""Where the files that come with mailbatch lie: the templates of `init` and the JSON Schemas.

A wheel has them below the package, a source checkout (and so an editable install) beside it.
Nothing is read here, and nothing is looked for anywhere else.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.errors import MailbatchError

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Find a folder that comes with mailbatch: `templates` or `schemas`.

    Raises:
        MailbatchError: it is in neither place, because the installation is damaged.
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
