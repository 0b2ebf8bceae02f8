"""The files that the messages of a job are made of, as the compiled templates know them.

    composer.sources.images        # (Path("/jobs/images/logo.png"),)

Attachments and inline images that the job names are known by the job. This module must never read a
file.

Tests: tests/render/test_embedding.py, tests/bundle/test_contents.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mailbatch.render.embedding import Embedding
    from mailbatch.render.template_loader import FolderLoader


class Sources(NamedTuple):
    """The files of messages: `templates` by their names in the job, and embedded `images`.

    `images_vary`: a template completes the name of an image, which may then be any other file.
    """

    templates: tuple[str, ...]
    images: tuple[Path, ...]
    images_vary: bool


def sources_of(loader: FolderLoader, embedding: Embedding | None) -> Sources:
    """Return the sources of compiled templates; `embedding` None: no image is embedded."""
    if embedding is None:
        return Sources(loader.names, (), images_vary=False)
    return Sources(loader.names, embedding.files, embedding.varies)
