"""A gallery that follows the inputs, and tells open pages of each change.

    gallery = Rebuilding(folder, build)
    gallery.complete()
    with gallery.watched():                          # a thread looks at the inputs
        gallery.wait(1, seconds=15.0)                # 2, once there is something new to see

A change has two steps. First the letters are read again (`Letters.again`), where the rows stayed:
each page that a browser asks for is made at once, and alone. Then the whole gallery is made, letter
by letter, while no browser waits for an answer. A change on the way begins anew.

One step at a time: `lock` is held for a step, but for the making of a gallery only while its files
move to the folder, and by a reader of these files. This module must never serve a file, which
`serving.py` does, and must never show a page of before as one of now: `Standing` tells.

Tests: tests/preview/test_serving.py.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import BinaryIO, Protocol, Self, TypeVar

from mailbatch.errors import InputError, InputErrors
from mailbatch.frozen import frozen
from mailbatch.preview.gallery import Identity

#: The time between two looks at the inputs: an author does not notice, and a processor neither.
LOOK_SECONDS = 0.05
#: The folders that are looked at where a missing file may be put.
MOST_FOLDERS = 20
#: A gallery is made once browsers were quiet for so long behind a change; the second time bounds
#: the wait.
_QUIET_SECONDS, _LONGEST_QUIET = 0.2, 2.0
#: The longest time that a page waits for a gallery that is made from other rows.
_PATIENCE_SECONDS = 1.0
#: The letters made alone that are kept, with their files.
_MOST_LETTERS = 64
#: The number of a message, as `message_files.number_of` makes these.
_NUMBER = re.compile(r"[0-9]{1,12}")
# Follow no link, and do not wait for the writer of a pipe.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

T = TypeVar("T")


@frozen
class MadeLetter:
    """A letter made alone: the `files` by the path in the gallery, and the stamp of the page."""

    stamp: str
    files: Mapping[str, bytes]


class Letters(Protocol):
    """The letters of a gallery, each of which can be made alone; `inputs` are the files."""

    inputs: tuple[Path, ...]

    def again(self, changed: Collection[Path]) -> Self | None:
        """Read the inputs again; return None where the rows may be others."""

    def made(self, number: str) -> MadeLetter | None:
        """Make the letter with this number; None where there is none."""


@frozen
class Built:
    """A gallery that was made: `inputs` are the sources, `files` the files of the gallery.

    `files` has the identity of each by the path in the folder of the gallery, `stamps` the stamp of
    each page. `letters` make the messages alone; None where only a whole gallery can be made.
    """

    inputs: tuple[Path, ...]
    files: Mapping[str, Identity]
    stamps: Mapping[str, str] = field(default_factory=dict)
    letters: Letters | None = None


@frozen
class Standing:
    """The standing of a page: `number` counts the changes of what is to be seen.

    `stamp` is another one where a reader would see a difference. `is_current` says whether the page
    is made of the inputs as they are. `percent` of the gallery is made, None: all of it.
    """

    number: int
    stamp: str
    is_current: bool
    percent: int | None


class _Superseded(Exception):
    """An input changed while the gallery was made."""


class Rebuilding:
    """A gallery that is made again after a change of an input.

    `build` makes the gallery in `folder`, and calls the function given as argument right before the
    files move there. An error stays in `failure` until the inputs are mended, and `fail`
    is told of each, once. `job` is the file that is looked at in any case; an error may name a file
    by the path from the folder of the job.
    """

    def __init__(
        self,
        folder: Path,
        build: Callable[[Callable[[], object]], Built],
        job: Path | None = None,
        fail: Callable[[Exception], object] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.failure: Exception | None = None
        self.number = 0
        self._build = build
        self._fail = fail
        self._built = Built((), {})
        self._source: Letters | None = None
        self._letters: Letters | None = None
        self._made: OrderedDict[str, MadeLetter | None] = OrderedDict()
        self._base = job.parent if job is not None else Path()
        self._always = () if job is None else (job,)
        self._seen = _states(self._always)
        self._is_behind = True
        self._change = 0
        self._percent = 0
        self._told = threading.Condition()
        self._answering = 0
        self._answered = 0.0
        self._expected = 0

    def look(self) -> bool:
        """Read the letters again if an input changed since; return whether one did."""
        with self.lock:
            now = _states(self._seen)
            changed = {path for path, state in now.items() if self._seen[path] != state}
            if not changed:
                return False
            self._seen = now
            self._change += 1
            self._made.clear()
            self._letters, self.failure, self._is_behind, self._percent = None, None, True, 0
            began = time.time_ns()
            try:
                if self._source is not None:
                    self._source = self._letters = self._source.again(changed)
            except Exception as error:  # noqa: BLE001 - a bug is shown, too, and the watch goes on
                self.failure = error
            self._remember(began)
            self._answered, self._expected = time.monotonic(), 0  # browsers ask from now on
            self._tell()
            return True

    def complete(self) -> None:
        """Make the whole gallery, unless an input changes meanwhile; keep an error in `failure`."""
        change, began = self._change, time.time_ns()

        def before_moving() -> None:
            held.enter_context(self.lock)
            if change != self._change:
                raise _Superseded

        with ExitStack() as held:
            try:
                built, failure = self._build(before_moving), None
            except _Superseded:
                return
            except Exception as error:  # noqa: BLE001 - a bug is shown, too, and the watch goes on
                built, failure = self._built, error
            held.enter_context(self.lock)
            if change != self._change:
                return
            self._built, self.failure, self._letters, self._is_behind = built, failure, None, False
            if failure is None:
                self._source = built.letters
            self._remember(began)
            self._tell()
        if failure is not None:
            self._fail(failure)

    def follow(self, deliveries: Iterable[T], total: int) -> Iterator[T]:
        """Pass the deliveries of a gallery on that is being made, while no browser waits.

        Raises:
            _Superseded: an input changed; only `complete` sees this.
        """
        change, looked = self._change, time.monotonic()
        for number, delivery in enumerate(deliveries):
            with self._told:
                self._told.wait_for(lambda: not self._answering, _LONGEST_QUIET)
            self._percent = 100 * number // max(total, 1)
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                self.look()
            if change != self._change:
                raise _Superseded
            yield delivery

    def standing(self, page: str) -> Standing:
        """Return the standing of a page by its path in the gallery."""
        with self.lock:
            percent = self._percent if self._is_behind else None
            if self.failure is not None:
                return Standing(self.number, _words(self.failure), is_current=True, percent=None)
            letter = self.letter(page)
            if letter is not None:
                return Standing(self.number, letter.stamp, is_current=True, percent=percent)
            stamp = self._built.stamps.get(page, "")
            return Standing(self.number, stamp, is_current=not self._is_behind, percent=percent)

    def letter(self, page: str) -> MadeLetter | None:
        """Make the letter of a page alone; None where the gallery or nobody has this page."""
        number = page.removeprefix("messages/").partition(".")[0]
        with self.lock:
            if self._letters is None or _NUMBER.fullmatch(number) is None:
                return None
            if number not in self._made:
                self._made[number] = self._letters.made(number)
                if len(self._made) > _MOST_LETTERS:
                    self._made.popitem(last=False)
            return self._made[number]

    def wait(self, number: int, *, seconds: float) -> int:
        """Wait until `number` is another one; return the present one."""
        with self._told:
            self._told.wait_for(lambda: self.number != number, seconds)
            return self.number

    def be_patient(self) -> None:
        """Wait a little for a gallery without which no page of now can be shown."""

        def is_ready() -> bool:
            return not self._is_behind or self._letters is not None or self.failure is not None

        with self._told:
            self._told.wait_for(is_ready, _PATIENCE_SECONDS)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Let the making of a gallery rest within the block, while a browser is answered."""
        with self._told:
            self._answering += 1
        try:
            yield
        finally:
            with self._told:
                self._answering -= 1
                self._answered = time.monotonic()
                self._told.notify_all()

    def expect(self, number: int) -> None:
        """Expect browsers that load a page again; `number` is negative for one that came back."""
        with self._told:
            self._expected = max(0, self._expected + number)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the inputs from a thread, every `LOOK_SECONDS`, until the block ends."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_SECONDS):
                self.look()
                if self._is_behind and self._is_quiet(over):
                    self.complete()

        thread = threading.Thread(target=watch, name="inputs of the preview", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            with self.lock:
                self._change += 1  # ends the making of a gallery
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

    def file_alone(self, name: str) -> bytes | None:
        """Return a file of a letter that was made alone since the last change."""
        with self.lock:
            made = [letter for letter in self._made.values() if letter is not None]
            return next((one.files[name] for one in made if name in one.files), None)

    def _is_quiet(self, over: threading.Event) -> bool:
        """Wait until browsers have what they ask for behind a change; return False at the end."""
        until = time.monotonic() + _LONGEST_QUIET
        while self._letters is not None and time.monotonic() < until:
            is_asked = self._answering or self._expected
            if not is_asked and time.monotonic() - self._answered > _QUIET_SECONDS:
                break
            if over.wait(LOOK_SECONDS / 2):
                break
            self.look()
        return not over.is_set()

    def _remember(self, began: int) -> None:
        """Look at the inputs of now; an input that is written meanwhile is found by a look.

        `began` is when reading them began, in nanoseconds since the epoch.
        """
        letters = self._letters.inputs if self._letters is not None else ()
        inputs = dict.fromkeys(
            (*self._always, *self._built.inputs, *letters, *_places(self.failure, self._base))
        )
        if self.failure is not None or self._is_behind:
            inputs |= dict.fromkeys(self._seen)
        known = self._seen
        self._seen = {
            path: known[path] if path in known else _state_before(path, began) for path in inputs
        }

    def _tell(self) -> None:
        with self._told:
            self.number += 1
            self._told.notify_all()


def _words(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


def _states(paths: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
    return {path: _state_of(path) for path in paths}


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _state_before(path: Path, began: int) -> tuple[int, int] | None:
    """Return the state of a file; None for one that was written since it may have been read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return None if found.st_ctime_ns >= began else (found.st_mtime_ns, found.st_size)


def folders_in(base: Path) -> list[Path]:
    """Return a folder and the folders in it, the first of them alone where there are many."""
    with suppress(OSError):
        found = sorted(path for path in base.iterdir() if path.is_dir())
        return [base, *(path for path in found if path.name[0] not in "._")][:MOST_FOLDERS]
    return [base]


def _places(failure: Exception | None, base: Path) -> Iterator[Path]:
    """Yield the files that errors name, and the folders where a missing file may be put."""
    if failure is not None:
        yield from folders_in(base)
    errors = failure.errors if isinstance(failure, InputErrors) else (failure,)
    for error in errors:
        if isinstance(error, InputError) and error.location is not None:
            for path in (base / error.location.path, Path(error.location.path)):
                yield path
                yield path.parent
