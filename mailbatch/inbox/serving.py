"""The inbox over HTTP, on the loopback only: the list, which follows new mails, and each mail.

A mail is shown by the page of the gallery: HTML in a frame without scripts, with remote content
shut out. The files of a page are made when the page is asked for, in memory, and a few are kept.
This module must never serve a file that lies on a disk, but for its own scripts and styles.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from mailbatch.inbox.list_page import PAGE, list_data, list_page
from mailbatch.inbox.mails import Mail, Mails
from mailbatch.inbox.reading import Read, read_mail, unreadable
from mailbatch.look.folder import asset_files
from mailbatch.preview.entry import Entry
from mailbatch.preview.gallery import ASSETS
from mailbatch.preview.loopback import INDEX, LoopbackRequests, listen
from mailbatch.preview.message_files import MessageFiles

_ASSETS = {**asset_files(ASSETS), **asset_files(Path(__file__).parent / "assets")}
_MAIL = re.compile(r"(?:messages|bodies)/0*([1-9][0-9]{0,9})\.(?:html|eml|js)")
_NUMBER = re.compile(r"[0-9]{1,10}")
_LONGEST_SEARCH = 500
#: The time between two signs of life, by which a page that was closed is found out.
_SIGN_SECONDS = 15.0
#: The mails whose files are kept, for the files that a page names.
_MOST_MADE = 32


class Pages:
    """The pages of mails with the files of each, made when asked for."""

    def __init__(self, mails: Mails) -> None:
        self.mails = mails
        self._lock = threading.Lock()
        self._made: OrderedDict[int, Mapping[str, bytes]] = OrderedDict()
        #: The mails whose pages lead to no newer one: each was the newest when it was made.
        self._ends: set[int] = set()

    def file(self, name: str) -> bytes | None:
        """Return a file by the path; None where no mail that is kept has this file."""
        found = _MAIL.fullmatch(name)
        with self._lock:
            if found is None:
                return next((one[name] for one in self._made.values() if name in one), None)
            mail = self.mails.find(int(found[1]))
            if mail is None:
                return None
            last = self.mails.last
            if mail.number in self._ends and mail.number < last:
                self._ends.discard(mail.number)
                self._made.pop(mail.number, None)
            if mail.number not in self._made:
                self._made[mail.number] = _files_of(mail, last)
                if mail.number == last:
                    self._ends.add(last)
                if len(self._made) > _MOST_MADE:
                    self._made.popitem(last=False)
            kind = name.partition("/")[0], name.rpartition(".")[2]
            return next(
                data
                for path, data in self._made[mail.number].items()
                if (path.partition("/")[0], path.rpartition(".")[2]) == kind
            )


def _files_of(mail: Mail, last: int) -> dict[str, bytes]:
    """Return the files of a mail; of the source alone where the rest cannot be shown."""
    try:
        return _shown(mail, read_mail(mail.content), last)
    except Exception:  # noqa: BLE001 - a mail that is broken on purpose ends no server
        return _shown(mail, unreadable(), last)


def _shown(mail: Mail, read: Read, last: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    messages = MessageFiles(last, files.__setitem__, _body_alone)
    entry = Entry(
        key=str(mail.number),
        addresses=mail.kept.rcpt_tos,
        line=None,
        content=read.content,
        source=mail.content,
        reverse_path=mail.kept.mail_from,
        error=read.remark,
    )
    made = messages.add(mail.number - 1, entry)
    files[_body_alone(made.number)] = made.body.encode("ascii")
    return files


def _body_alone(number: str) -> str:
    return f"bodies/{number}.js"


class _Requests(LoopbackRequests):
    """Answers GET and HEAD for the list, for each mail and for the files."""

    def __init__(self, *given: Any, pages: Pages, address: str, **more: Any) -> None:
        self._pages = pages
        self._address = address
        super().__init__(*given, kept=frozenset(_ASSETS), **more)

    def answer(self, name: str | None) -> None:
        """Answer with the list, the data, the changes, or a file of a mail."""
        if name == INDEX:
            self.send_bytes(HTTPStatus.OK, INDEX, list_page(self._address).encode())
        elif name == "list.json":
            self._send_list()
        elif name == "changes" and self.command == "GET":
            self._tell_changes()
        elif name in _ASSETS:
            self.send_bytes(HTTPStatus.OK, name, _ASSETS[name].read_bytes())
        elif name is not None and (data := self._pages.file(name)) is not None:
            fields = {"Content_Disposition": "attachment"} if name.endswith(".eml") else {}
            self.send_bytes(HTTPStatus.OK, name, data, **fields)
        elif name is not None and name.endswith(".html") and _MAIL.fullmatch(name):
            self.send_to("/")  # a mail that gave way to newer ones
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send_list(self) -> None:
        query = parse_qs(self.path.partition("?")[2], errors="replace")
        words = query.get("q", [""])[0][:_LONGEST_SEARCH]
        before = query.get("before", [""])[0]
        mails = self._pages.mails
        listed = mails.listed(
            words, before=int(before) if _NUMBER.fullmatch(before) else None, limit=PAGE
        )
        data = list_data(listed, last=mails.last, gone=mails.gone)
        self.send_bytes(HTTPStatus.OK, "list.json", json.dumps(data).encode("ascii"))

    def _tell_changes(self) -> None:
        """Send the number of the newest mail whenever one came, until the page is closed."""
        self.begin_events()
        given = parse_qs(self.path.partition("?")[2]).get("seen", [""])[0]
        seen = int(given) if _NUMBER.fullmatch(given) else 0
        with contextlib.suppress(OSError):  # the page is gone
            while True:
                last = self._pages.mails.wait(seen, seconds=_SIGN_SECONDS)
                self.wfile.write(b"data: %d\n\n" % last if last != seen else b":\n\n")
                seen = last


def serve(mails: Mails, port: int, *, address: str) -> ThreadingHTTPServer:
    """Return a server for the inbox on 127.0.0.1, not yet running; port 0 means any free port.

    `address` is where the sandbox takes mail, for the words of the page.

    Raises:
        UsageError: the port is taken.
    """
    requests = partial(_Requests, pages=Pages(mails), address=address)
    return listen(requests, port, option="--web-port")


@contextmanager
def served(mails: Mails, port: int, *, address: str) -> Iterator[str]:
    """Serve the inbox from a thread within the block, and give the URL."""
    with serve(mails, port, address=address) as server:
        thread = threading.Thread(target=server.serve_forever, name="inbox", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
