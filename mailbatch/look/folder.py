"""A folder of pages: written beside its place, and then moved there, so that no half is ever seen.

Only files of the names that a kind of page owns are ever replaced, and only in a folder that is
empty or has the manifest of that kind in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from mailbatch.errors import UsageError

_LOOK = Path(__file__).parent / "assets"


def check_place(out: Path, manifest: str, earlier: str, option: str = "--out") -> None:
    """Refuse a folder with other files than those of earlier pages of the same kind.

    `manifest` is the file that such a folder has, `earlier` the words for the earlier pages, and
    `option` the option that names the folder.

    Raises:
        UsageError: the folder has other files, or `out` is no folder.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is no folder", hint=f"choose another {option}")
    if (out / manifest).is_file():
        return
    if any(not name.name.startswith(".") for name in out.iterdir()):
        raise UsageError(
            f"{out} has other files in it",
            hint=f"choose an empty folder, or one of {earlier}",
        )


def asset_files(own: Path) -> dict[str, Path]:
    """Return the files of every page and those in `own`, by the path that pages have for each."""
    found = (*sorted(_LOOK.iterdir()), *sorted(own.iterdir()))
    return {f"assets/{path.name}": path for path in found}


def add_assets(folder: Path, own: Path) -> list[str]:
    """Copy the files of every page and those in `own` to `assets/`; return the paths there."""
    (folder / "assets").mkdir()
    files = asset_files(own)
    for name, path in files.items():
        shutil.copyfile(path, folder / name)
    return list(files)


def move(made: Path, out: Path, names: Iterable[str]) -> None:
    """Let the files and folders of `made` take the places of those in `out`, one by one.

    `names` begins with the manifest: a folder in which a killed process left a half is known by the
    manifest, and the next pages replace that half.

    Raises:
        OSError: a file cannot be removed or renamed.
    """
    for name in names:
        old = out / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
        (made / name).rename(old)
