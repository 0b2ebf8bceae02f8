"""The gallery over HTTP, on the loopback only; a page that is open follows the inputs.

Each page gets a script that is told of every change (`/changes`, server-sent events of the HTML
standard, 9.2) and loads the page again where there is a difference to see. A page of before says so
until then. The files of the gallery stay as written.

`loopback.py` says whose requests are answered. Only files that the gallery wrote are ever
served: a request is looked up in the list of these files, as one name, and the file of that name
must still be the one that was written. Folders, links and foreign files are on no list.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs

from mailbatch.look.folder import asset_files
from mailbatch.look.markup import text
from mailbatch.preview.failure_page import failure_page
from mailbatch.preview.gallery import ASSETS, INDEX
from mailbatch.preview.loopback import LoopbackRequests, listen, type_of
from mailbatch.preview.rebuilding import Rebuilding, Standing

_MESSAGE = re.compile(r"messages/\d+\.html")
#: The script of pages that follow the inputs, and what tells these of further builds.
_LIVE, _CHANGES = "live.js", "changes"
_LIVE_SCRIPT = Path(__file__).with_name(_LIVE)
#: The time between two signs of life, by which a page that was closed is found out; and between two
#: words about a gallery that is being made.
_SIGN_SECONDS, _WORD_SECONDS = 15.0, 1.0
_ASSETS = asset_files(ASSETS)
#: A browser that keeps the files of every page shows a change sooner.
_KEPT = frozenset((*_ASSETS, _LIVE))


class _Requests(LoopbackRequests):
    """Answers GET and HEAD for the files of a gallery."""

    def __init__(self, *given: Any, gallery: Rebuilding, **more: Any) -> None:
        self._gallery = gallery
        super().__init__(*given, kept=_KEPT, **more)

    def answer(self, name: str | None) -> None:
        """Answer with a file of the gallery, as the inputs are now."""
        if name == _CHANGES and self.command == "GET":
            self._tell_changes()
            return
        if name == _LIVE:
            self.send_bytes(HTTPStatus.OK, _LIVE, _LIVE_SCRIPT.read_bytes())
            return
        if name is not None and name.endswith(".html") and not name.startswith("attachments/"):
            self._answer_page(name)
            return
        with self._gallery.answering(), self._gallery.lock:
            alone, file = None, None
            if name is not None and (alone := self._alone(name)) is None:
                with contextlib.suppress(OSError):
                    file = self._gallery.open(name)
        if alone is not None:
            self.send_bytes(HTTPStatus.OK, name or "", alone)
        elif file is not None:
            with file:
                self._send(name or "", file)
        elif name in _ASSETS:
            self.send_bytes(HTTPStatus.OK, name, _ASSETS[name].read_bytes())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _alone(self, name: str) -> bytes | None:
        """Return a file of a letter that is made alone, the letter itself made on the way."""
        if name.startswith("messages/"):
            self._gallery.look()
            letter = self._gallery.letter(name)
            return letter.files.get(name) if letter is not None else None
        return self._gallery.file_alone(name)

    def _answer_page(self, name: str) -> None:
        """Answer with a page as it is now, the failure in its place, or one of before, marked."""
        gallery, file, body = self._gallery, None, None
        gallery.look()
        gallery.be_patient()
        with gallery.answering(), gallery.lock:
            standing, failure = gallery.standing(name), gallery.failure
            if failure is None and (body := self._alone(name)) is None:
                with contextlib.suppress(OSError):
                    file = gallery.open(name)
        if failure is not None:
            body = failure_page(failure).encode("utf-8", "xmlcharrefreplace")
            code = HTTPStatus.INTERNAL_SERVER_ERROR
            self.send_bytes(code, INDEX, _following(body, name, standing))
            return
        if file is not None:
            with file:
                body = file.read()
        if body is not None:
            self.send_bytes(HTTPStatus.OK, name, _following(body, name, standing))
        elif _MESSAGE.fullmatch(name) and not gallery.has(name):
            # An open page whose message is gone: the letter of a row that left the table.
            self.send_to("/")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _tell_changes(self) -> None:
        """Send an event for each change, and how far a gallery is, until the page is closed."""
        self.begin_events()
        query = parse_qs(self.path.partition("?")[2])
        page, stamp = query.get("page", [INDEX])[0], query.get("stamp", [""])[0]
        seen, percent = _number_in(query), None
        self._gallery.expect(-1)
        with self._gallery.answering():
            if self._gallery.standing(page).stamp != stamp:
                seen = -1  # a page of an earlier server, which counted for itself
        with contextlib.suppress(OSError):  # the page is gone
            while True:
                seconds = _SIGN_SECONDS if percent is None else _WORD_SECONDS
                number = self._gallery.wait(seen, seconds=seconds)
                with self._gallery.answering():
                    standing = self._gallery.standing(page)
                if (number, standing.percent) == (seen, percent):
                    self.wfile.write(b":\n\n")
                    continue
                seen, percent = number, standing.percent
                if standing.stamp != stamp:
                    self._gallery.expect(+1)
                told = {"stamp": standing.stamp, "behind": _behind(standing)}
                self.wfile.write(b"data: %s\n\n" % json.dumps(told).encode("ascii"))

    def _send(self, name: str, file: BinaryIO) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", type_of(name))
        self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
        self.send_fields(name)
        if self.command != "HEAD":
            shutil.copyfileobj(file, self.wfile)


def _number_in(query: dict[str, list[str]]) -> int:
    """Return the number of the change that a page has seen; 0 where the query has none."""
    found = re.fullmatch(r"\d{1,9}", query.get("seen", [""])[0])
    return int(found[0]) if found is not None else 0


def _behind(standing: Standing) -> str:
    """Return the words for what is not made yet; none where everything is."""
    if standing.percent is None:
        return ""
    made = f"{standing.percent} % of the letters are looked at."
    if not standing.is_current:
        return f"The files have changed, and this page is of before. {made}"
    return f"This letter is as the files are now; its place in the list is of before. {made}"


def _following(body: bytes, name: str, standing: Standing) -> bytes:
    """Return a page with the script that follows the changes, and the words for what is behind."""
    before, end, behind = body.rpartition(b"</body>")
    words = _behind(standing)
    told = f"""<p id="behind" class="following" role="status"{"" if words else " hidden"}
>{text(words)}</p><script src="/{_LIVE}" data-number="{standing.number}"
data-page="{text(name)}" data-stamp="{text(standing.stamp)}"></script>
"""
    return b"".join((before, told.encode("utf-8", "xmlcharrefreplace"), end, behind))


def serve(gallery: Rebuilding, port: int) -> ThreadingHTTPServer:
    """Return a server for the gallery on 127.0.0.1, not yet running; port 0 means any free port.

    Raises:
        UsageError: the port is taken.
    """
    return listen(partial(_Requests, gallery=gallery), port, option="--port")
