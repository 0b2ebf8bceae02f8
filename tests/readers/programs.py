"""A program that is given letters: how it is found, and run over a folder of them.

A program is unpacked by `.ci/servers`, and runs as if it were installed, once for all letters where
it can do so. Its script finds the letters in `$1/mail`, a Maildir, and leaves what it says in `$1`,
which is its home; neither a network nor a terminal is needed.
"""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from tests.readers.letters import ROOT, Letter
from tests.readers.reading import Reading
from tests.support.enclosure import Enclosure, debian_version, enclosure_obstacle
from tests.support.obstacle import skip_unless_required
from tests.support.waiting import until

PACKAGES = ROOT / ".servers" / "readers"
REQUIRED = "MAILBATCH_REQUIRE_READERS"
DEADLINE_SECONDS = 60.0


def obstacle(reason: str) -> None:
    """Skip for this reason, or fail where readers are required."""
    skip_unless_required(reason, REQUIRED)


class Program(ABC):
    """A program of another author that is given letters."""

    name: ClassVar[str]
    #: The package of Debian that tells the version, and the program in it.
    package: ClassVar[str]
    path: ClassVar[str]
    #: For sh: `$1` is the folder.
    script: ClassVar[str]

    def check_obstacle(self) -> None:
        """Skip, or fail where readers are required, where the program cannot be run."""
        if not (PACKAGES / self.path).exists():
            obstacle(f"{self.name} is not unpacked: run bash .ci/servers")
        reason = enclosure_obstacle()
        if reason is not None:
            obstacle(f"{self.name} cannot be run: {reason}")

    def version(self) -> str:
        """Return the version of the program, without what Debian counts of its own."""
        return debian_version(PACKAGES, self.package)

    def prepare(self, folder: Path, letters: Sequence[Letter]) -> None:  # noqa: B027 - most need none
        """Write what the program needs into its folder, beside the letters."""

    @contextmanager
    def run(self, letters: Sequence[Letter]) -> Iterator[Path]:
        """Run the program over letters, and yield the folder in which it has left its words."""
        # Not pytest's folder: a program that is not root's must be able to reach it.
        folder = Path(tempfile.mkdtemp(prefix=f"mailbatch-{self.name.lower()}-"))
        try:
            folder.chmod(0o755)
            for name in ("mail/cur", "mail/new", "mail/tmp", "saved"):
                (folder / name).mkdir(parents=True)
            for number, letter in enumerate(letters, start=1):
                place = folder / "mail" / "cur" / f"{number:04d}:2,S"
                place.write_bytes(letter.data.replace(b"\r\n", b"\n"))
            self.prepare(folder, letters)
            _run(f"{self.script}\n: >$1/ended", folder)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _run(script: str, folder: Path) -> None:
    enclosure = Enclosure(
        ["sh", "-euc", script, "sh", str(folder)],
        folder,
        packages=PACKAGES,
        host="reader.test",
        environ={"HOME": str(folder), "LC_ALL": "C.UTF-8", "TERM": "vt100"},
    )
    try:
        until(
            lambda: not enclosure.is_running, what=f"the end of {script}", seconds=DEADLINE_SECONDS
        )
        assert (folder / "ended").exists(), enclosure.said
    finally:
        enclosure.kill()


class Reader(Program):
    """A program that shows letters to people, or takes them apart."""

    #: Whether text files stand behind the text.
    shows_files: ClassVar[bool] = False

    def read(self, letters: Sequence[Letter]) -> list[Reading]:
        """Return what the program says of each letter."""
        self.check_obstacle()
        with self.run(letters) as folder:
            return self.readings(folder, len(letters))

    @abstractmethod
    def readings(self, folder: Path, count: int) -> list[Reading]:
        """Return what stands in the folder, for so many letters in their order."""
