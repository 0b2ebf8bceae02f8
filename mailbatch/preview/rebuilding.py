"""A gallery that is made again when an input changed, and says so to those who look at it.

    gallery = Rebuilding(folder, build)
    gallery.build()
    with gallery.watched():                          # a thread looks at the inputs
        gallery.wait(1, seconds=15.0)                # 2, once the gallery was made again

One build at a time: `lock` is held while the gallery is made, and by a reader of its files. This
module must never serve a file: `serving.py` does.

Tests: tests/preview/test_serving.py.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mailbatch.errors import InputError, InputErrors, MailbatchError
from mailbatch.preview.gallery import Identity

#: The time between two looks at the inputs: an author does not notice, and a processor neither.
LOOK_SECONDS = 0.1
# Follow no link, and do not wait for the writer of a pipe.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Built:
    """A gallery that was made: `inputs` are its sources, `files` its own files.

    `files` has the identity of each by the path in the folder of the gallery.
    """

    inputs: tuple[Path, ...]
    files: Mapping[str, Identity]


class Rebuilding:
    """A gallery that is made again after a change of an input.

    `build` makes the gallery in `folder`, and raises `MailbatchError` for wrong inputs. This error
    stays in `failure` until the inputs are mended. `number` counts the builds, those that failed
    among these.
    """

    def __init__(self, folder: Path, build: Callable[[], Built]) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.failure: MailbatchError | None = None
        self.number = 0
        self._build = build
        self._built = Built((), {})
        self._seen: dict[Path, tuple[int, int] | None] = {}
        self._made = threading.Condition()

    def build(self) -> None:
        """Make the gallery.

        Raises:
            MailbatchError: from `build`.
        """
        # An input that is written meanwhile is newer than this build: the next look finds it.
        before = _states(self._seen)
        self.failure = None
        try:
            self._built = self._build()
        except MailbatchError as error:
            self.failure = error
            raise
        finally:
            inputs = (*self._built.inputs, *_places(self.failure))
            self._seen = _states(inputs)
            self._seen.update((at, before[at]) for at in self._built.inputs if at in before)
            self.number += 1
            with self._made:
                self._made.notify_all()

    def look(self) -> bool:
        """Make the gallery again if an input changed since; keep an error in `failure`.

        Return whether one did.
        """
        with self.lock:
            if self._seen == _states(self._seen):
                return False
            try:
                self.build()
            except MailbatchError as error:
                self.failure = error
            return True

    def wait(self, number: int, *, seconds: float) -> int:
        """Wait until the gallery was made more than `number` times; return the times."""
        with self._made:
            self._made.wait_for(lambda: self.number != number, seconds)
            return self.number

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the inputs from a thread, every `LOOK_SECONDS`, until the block ends."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_SECONDS):
                self.look()

        thread = threading.Thread(target=watch, name="inputs of the preview", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def has(self, name: str) -> bool:
        """Say whether the gallery wrote a file with this path."""
        return name in self._built.files

    def open(self, name: str) -> BinaryIO | None:
        """Open a file of the gallery by its path; return None for a path that is on no list.

        Raises:
            OSError: the file is gone or cannot be opened.
        """
        wanted = self._built.files.get(name)
        if wanted is None:
            return None
        file = os.fdopen(os.open(self.folder / name, _OPEN), "rb")
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode) and Identity.of(found) == wanted:
            return file
        file.close()
        return None


def _states(paths: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
    return {path: _state_of(path) for path in paths}


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _places(failure: MailbatchError | None) -> Iterator[Path]:
    """Yield the files that errors name, and their folders, where a missing file may be put."""
    errors = failure.errors if isinstance(failure, InputErrors) else (failure,)
    for error in errors:
        if isinstance(error, InputError) and error.location is not None:
            yield Path(error.location.path)
            yield Path(error.location.path).parent
