"""`${NAME}`, `${NAME:-default}` and `$$` in the values of a job, as in Compose files.

The other forms of Compose (`$NAME`, `${NAME-x}`, `${NAME:?x}`, nesting) are refused rather than
left standing, so that no recipient reads a dollar sign and a name. Any other dollar is a dollar. No
text here repeats a value of the environment.

Example:
    >>> interpolate("https://${HOST:-example.com}/", {}).text
    'https://example.com/'
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mailbatch.frozen import frozen

_PLACES = re.compile(r"\$(?:\$|\{(?P<inside>[^}]*)(?P<end>\}?)|(?P<bare>[A-Za-z_][A-Za-z0-9_]*))")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


@frozen
class Fault:
    """A mistake in one place: `written` is the text there."""

    written: str
    message: str
    hint: str


@frozen
class Interpolation:
    """The text with all places replaced; `changed` says whether one was `${...}`."""

    text: str
    changed: bool
    faults: tuple[Fault, ...]


def interpolate(text: str, environ: Mapping[str, str]) -> Interpolation:
    """Replace every place of `text` from `environ`; faults are returned, not raised."""
    if "$" not in text:
        return Interpolation(text, changed=False, faults=())
    faults: list[Fault] = []
    changed = False

    def replaced(match: re.Match[str]) -> str:
        nonlocal changed
        if match[0] == "$$":
            return "$"
        changed = True
        value = _value(match, environ)
        if isinstance(value, Fault):
            faults.append(value)
            return ""
        return value

    return Interpolation(_PLACES.sub(replaced, text), changed, tuple(faults))


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str | Fault:
    written = match[0]
    if match["bare"]:
        return Fault(
            written,
            "$ before a name is not replaced",
            f"Write ${{{match['bare']}}} for the environment variable, $$ for a dollar.",
        )
    if not match["end"]:
        return Fault(written[:2], "${ without }", "Write ${NAME}, or $$ for a dollar.")
    inside = _INSIDE.fullmatch(match["inside"])
    if inside is None or (inside["default"] and "${" in inside["default"]):
        return Fault(
            written,
            "only ${NAME} and ${NAME:-default} are replaced",
            "Write $$ for a dollar.",
        )
    name, default = inside["name"], inside["default"]
    value = environ.get(name)
    if default is not None:
        # As in Compose files, :- also stands in for a variable that is set but empty.
        return value or default.replace("$$", "$")
    if value is None:
        return Fault(
            written,
            f"the environment variable {name} is not set",
            f"Set it, or write ${{{name}:-default}}.",
        )
    return value
