"""Images that the HTML names, as inline parts: `message.images: embed`.

A file is looked for beside the page that `message.html` or `markdown` names, then from the job's
folder, and never outside of the latter. Files and `data:` URIs become parts with a Content-ID of
the digest of the bytes, so that a resend has the same bytes; each image is read once and is one
part, however often the HTML shows the image. Addresses of the web are left alone.

    <img src="logo.png">  ->  <img src="cid:7d5c…@inline">

A cell may complete a name. So that no cell can attach what is none of the letter's business, only
images are embedded (by the first bytes), and `..` has to stand in the template itself.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, unquote_to_bytes

from mailbatch.errors import InputError, JobError, Location, MessageError
from mailbatch.job.paths import resolve_path
from mailbatch.render.assets import CACHED_BYTES, EncodedFile, part_head, read_file, unread
from mailbatch.render.digests import digest_texts
from mailbatch.render.field_text import FieldError
from mailbatch.render.image_references import (
    Reference,
    Written,
    image_references,
    is_file,
    names_of_set,
    written_references,
)
from mailbatch.render.media_types import MediaType
from mailbatch.render.message import Attachment, Image
from mailbatch.render.pages import PageChoice
from mailbatch.render.template_loader import FolderLoader
from mailbatch.render.templates import Names, Role

_DATA = re.compile(r"data:(?P<type>[^;,]*)(?P<more>[^,]*),(?P<data>.*)", re.IGNORECASE | re.DOTALL)
#: The first bytes of an image -> the media type, and the usual end of a name.
_KINDS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", ".png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", ".jpg"),
    (re.compile(rb"GIF8[79]a"), "image/gif", ".gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp", ".webp"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "image/avif", ".avif"),
    (re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL), "image/bmp", ".bmp"),
    (
        re.compile(
            rb"(?:\xef\xbb\xbf)?(?:<\?xml.*?\?>|<!--.*?-->|<!DOCTYPE[^>]*>|\s)*+<svg[\s>]",
            re.DOTALL,
        ),
        "image/svg+xml",
        ".svg",
    ),
)
_HEAD = 4096  # bytes in which the kind shows
_NO_IMAGE = (
    "Only images are embedded: PNG, JPEG, GIF, WebP, AVIF, BMP or SVG. Other files are attachments."
)
_SHOWN = 80
_HINT = "A name starts beside the template, or from the folder of the job file."


class Embedding:
    """The images of the messages of a job.

    `pages` are the templates of the HTML, `place` is that of `message.images`.
    """

    def __init__(
        self, folder: Path, loader: FolderLoader, pages: PageChoice, place: Location
    ) -> None:
        self._folder = folder
        self._loader = loader
        self._place = place
        self._pages = pages
        self._written: list[Written] = []
        self._constant: dict[str, Path] = {}
        self._images: OrderedDict[tuple[str, str], Image] = OrderedDict()
        self._kept = 0

    def check(self, followed: Mapping[str, frozenset[str]]) -> list[InputError]:
        """Read the templates for images, and return an error for each file that is not there.

        `followed` are the templates that make up each page.
        """
        errors: list[InputError] = []
        markdown = self._pages.role is Role.MARKDOWN
        for page in self._pages.pages:
            for name in sorted(followed.get(page, (page,))):
                source = self._loader.text(name) or ""
                for written in written_references(source, name, markdown=markdown):
                    self._written.append(written)
                    if written.constant:
                        try:
                            self._image(page, written.fixed, written.place)
                        except MessageError as error:
                            errors.append(error)
        return errors

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of every image that a template names without markup of Jinja."""
        found = {"message.images": digest_texts("embed")}
        for name, path in sorted(self._constant.items()):
            found[f"message.images: {name}"] = hashlib.sha256(read_file(path)).hexdigest()
        return found

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the templates name without markup of Jinja."""
        return tuple(self._constant.values())

    @property
    def varies(self) -> bool:
        """Whether a template completes the name of an image, so that a message may have any."""
        return not all(written.constant for written in self._written)

    def embed(self, html: str, names: Names) -> tuple[str, tuple[Image, ...]]:
        """Return the HTML with `cid:` names, and the images, in order and each once.

        `names` are those that the HTML was rendered with.

        Raises:
            MessageError: an image cannot be read, or is none.
        """
        images: dict[str, Image] = {}
        page = self._pages.value.render(names)
        pieces: list[str] = []
        end = 0
        for reference in image_references(html):
            new = self._replacement(reference, page, images)
            if new is not None:
                pieces += [html[end : reference.start], new]
                end = reference.end
        if not images and not pieces:
            return html, ()
        return "".join((*pieces, html[end:])), tuple(images.values())

    def _replacement(self, reference: Reference, page: str, images: dict[str, Image]) -> str | None:
        """Return the text in place of a reference, None for one that stays; note the image."""
        text = reference.text
        if reference.whole:
            # Some clients resolve no `cid:` in a set, and a set wins over `src`.
            local = any(is_file(one) or one[:5].lower() == "data:" for one in names_of_set(text))
            return "" if local else None
        if not is_file(text) and text[:11].lower() != "data:image/":
            return None
        image = self._image(page, text, None)
        images.setdefault(image.cid, image)
        return f"cid:{image.cid}"

    def _image(self, page: str, text: str, place: Location | None) -> Image:
        folder = page.rpartition("/")[0]
        image = self._images.get((folder, text))
        if image is None:
            image = self._read(folder, text, place)
            self._images[folder, text] = image
            self._kept += len(image.file.data)
            while self._kept > CACHED_BYTES and len(self._images) > 1:
                self._kept -= len(self._images.popitem(last=False)[1].file.data)
        return image

    def _read(self, folder: str, text: str, place: Location | None) -> Image:
        if text[:5].lower() == "data:":
            name, data = "", self._decoded(text)
        else:
            path = self._found(folder, text, place)
            name = path.name
            try:
                data = read_file(path)
            except (OSError, ValueError) as error:
                raise self._error(text, unread(error), place) from None
            if place is not None:
                self._constant[str(PurePosixPath(folder, text))] = path
        found = next((one for one in _KINDS if one[0].match(data[:_HEAD])), None)
        if found is None:
            raise self._error(text, "is no image that mail programs know", place, hint=_NO_IMAGE)
        _, kind, suffix = found
        digest = hashlib.blake2b(data, digest_size=16).hexdigest()
        cid, name = f"{digest}@inline", name or f"image-{digest[:8]}{suffix}"
        try:
            head = part_head(name, MediaType(kind), cid)
        except FieldError as error:
            raise self._error(f"the file name {name!r}", str(error), place) from None
        return Image(cid, (head, EncodedFile(data).lines), Attachment(name, kind, data, cid))

    def _found(self, folder: str, text: str, place: Location | None) -> Path:
        """Return the path of a file that is there, beside the page or from the job's folder."""
        bare = re.split(r"[?#]", text, maxsplit=1)[0]
        names = dict.fromkeys((text, bare, unquote(text), unquote(bare)))
        steps = _steps_up(unquote(text))
        if steps and not self._leads_up(text, steps):
            raise self._error(text, "leads up by a cell", place, hint="Write .. in the template.")
        fault = None
        for name in names:
            for base in dict.fromkeys((folder, "")):
                try:
                    path = self._resolved(base, name)
                except JobError as error:
                    fault = fault or error
                    continue
                if path.exists():
                    return path
        if fault is not None:
            raise self._error(text, fault.message, place, hint=fault.hint)
        raise self._error(text, "does not exist", place)

    def _resolved(self, base: str, name: str) -> Path:
        if Path(name).is_absolute() or not Path(base).is_absolute():
            joined = name if Path(name).is_absolute() else os.path.normpath(f"{base or '.'}/{name}")
            return resolve_path(self._folder, joined, absolute_allowed=False)
        return resolve_path(Path(base), name, absolute_allowed=False)

    def _leads_up(self, text: str, steps: int) -> bool:
        """Tell whether each `..` of a reference stands in a template; `steps` counts them."""
        return any(
            written.pattern.fullmatch(text) and _steps_up(unquote(written.fixed)) == steps
            for written in self._written
        )

    def _decoded(self, text: str) -> bytes:
        found = _DATA.fullmatch(text)
        if found is None:
            raise self._error(text, "is no data: URI", None)
        try:
            if not found["more"].lower().endswith(";base64"):
                return unquote_to_bytes(found["data"])
            return base64.b64decode(re.sub(r"\s", "", unquote(found["data"])), validate=True)
        except UnicodeEncodeError:
            raise self._error(text, "holds half a surrogate pair", None) from None
        except ValueError as error:  # also that of letters beyond ASCII
            raise self._error(text, f"is no base64: {error}", None) from None

    def _error(
        self, text: str, problem: str, place: Location | None, *, hint: str | None = _HINT
    ) -> MessageError:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        if place is None:
            fitting = [written for written in self._written if written.pattern.fullmatch(text)]
            # The most fixed text tells most.
            best = max(fitting, key=lambda one: (one.constant, len(one.fixed)), default=None)
            place = best.place if best is not None else self._place
        return MessageError(f"the image {shown} {problem}", location=place, hint=hint)


def _steps_up(name: str) -> int:
    return PurePosixPath(name).parts.count("..")
