"""Template files: found below the job's folder, read once, never from anywhere else.

Names are paths relative to the job's folder, in the job and in `include`, `import` and `extends`
alike. The templates that the job itself names may have an absolute path; those that a template
names may not. A relative path or a symbolic link that leaves the folder is an error, also behind
`ignore missing`.

Tests: tests/render/test_names.py, tests/render/test_composer.py.
"""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

from jinja2 import BaseLoader, Environment, TemplateNotFound

from mailbatch.errors import JobError, Location, TemplateError, raise_if_starved
from mailbatch.job.files import readable
from mailbatch.job.paths import resolve_path
from mailbatch.render.foreign_files import REMEDY, foreign_file

_NAME = "Name a template file, from the folder of the job file."


class FolderLoader(BaseLoader):
    """Loads templates below `folder`, each read once, so that all messages are made of one text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._texts: dict[str, str | None] = {}
        self._absolute: set[str] = set()

    def allow(self, name: str) -> None:
        """Let an absolute path that the job names be loaded."""
        if Path(name).is_absolute():
            self._absolute.add(name)

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return the text of a template, for Jinja2.

        Raises:
            TemplateNotFound: there is none.
            TemplateError: the file is outside of the folder, or cannot be read.
        """
        del environment
        text = self.text(template)
        if text is None:
            raise TemplateNotFound(template)
        return text, template, lambda: True

    def text(self, name: str) -> str | None:
        """Return the text of a template, None where there is none.

        Raises:
            TemplateError: the file is outside of the folder, is no file, or cannot be read.
        """
        if name not in self._texts:
            self._texts[name] = self._read(name)
        return self._texts[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The templates that were read so far and are there."""
        return tuple(name for name, text in self._texts.items() if text is not None)

    def line(self, name: str, number: int) -> str | None:
        """Return one line of a template that was read, for a caret below."""
        lines = (self._texts.get(name) or "").splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else None

    def place(self, name: str, number: int, column: int | None = None) -> Location:
        """Return the place of a line of a template that was read, with the lines around it."""
        return Location.in_text(name, self._texts.get(name) or "", number, column)

    def naming(self, name: str) -> Location | None:
        """Return the place where a template that was read names another one, if that is one place.

        The name stands there in quotes.
        """
        found = [
            (page, text, place.start() + 1)
            for page, text in self._texts.items()
            if text is not None
            for place in re.finditer(rf"""(["']){re.escape(name)}\1""", text)
        ]
        if len(found) != 1:
            return None
        page, text, at = found[0]
        begin = text.rfind("\n", 0, at) + 1
        return self.place(page, text.count("\n", 0, at) + 1, at - begin + 1)

    def fitting(self, pattern: str) -> list[str]:
        """Return the names of the files that fit a pattern of `*` and escaped text, sorted.

        A name is given with composed letters (NFC), as templates write names, where that is plain.
        """
        forms = dict.fromkeys((pattern, *(normalize(form, pattern) for form in ("NFC", "NFD"))))
        found = {name for form in forms for name in self._glob(form)}
        composed = {name: normalize("NFC", name) for name in found}
        plain = Counter(composed.values())
        return sorted(name if plain[new] > 1 else new for name, new in composed.items())

    def _glob(self, pattern: str) -> list[str]:
        names = glob.glob(pattern, root_dir=self.folder)  # noqa: PTH207 - Path takes no absolute one
        return [name for name in names if (self.folder / name).is_file()]

    def _read(self, name: str) -> str | None:
        place = Location(name)
        try:
            path = resolve_path(self.folder, name, absolute_allowed=name in self._absolute)
            if path.exists() and not path.is_file():
                raise TemplateError("is no file", location=place, hint=_NAME)
            content = path.read_bytes()
            foreign = foreign_file(content)
            if foreign is not None:
                message = f"is {foreign}, no template"
                raise TemplateError(message, location=place, hint=REMEDY)
            return content.decode("utf-8-sig")
        except FileNotFoundError:
            return None
        except JobError as error:
            hint = "Move it below the job's folder."
            raise TemplateError(error.message, location=place, hint=hint) from None
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise TemplateError(
                f"is not UTF-8 (byte 0x{error.object[error.start]:02x})",
                location=Location(name, line),
                hint="Save it as UTF-8.",
            ) from None
        except (OSError, ValueError) as error:
            raise_if_starved(error)
            reason = error.strerror if isinstance(error, OSError) else error
            hint = readable(error) if isinstance(error, OSError) else _NAME
            raise TemplateError(f"cannot be read: {reason}", location=place, hint=hint) from None
