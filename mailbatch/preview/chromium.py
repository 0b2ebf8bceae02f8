"""An installed Chromium that makes a picture or a PDF of one letter, and reaches nobody.

    with Chromium.start(found, seconds=60) as browser:
        png = picture(browser, content, width=390)

The browser is spoken to through two pipes (Chrome DevTools Protocol). The letter is cleaned by the
script of the gallery's pages and shown in a page without scripts; names resolve to nothing, and the
page is offline. This module must never open a port, and never leaves a process behind.

Tests: tests/browser/test_picture.py, tests/cli/test_picture.py.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fcntl import F_DUPFD_CLOEXEC, fcntl
from html import escape
from pathlib import Path
from typing import Any

from mailbatch.errors import JobError, OutputError
from mailbatch.render.message import Content
from mailbatch.temporary import temporary_folder

#: The names of browsers that speak the protocol, the first found is taken.
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge",
    "brave-browser",
)
_ARGUMENTS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
_SCRIPTS = (
    Path(__file__).parent.parent / "look" / "assets" / "look.js",
    Path(__file__).parent / "assets" / "common.js",
)
#: The lowest number of a file descriptor that is none of those of the protocol.
_ABOVE = 10
#: So long at most killed processes of a browser are waited for: seconds.
_DYING = 5.0
_FROM_US, _TO_US = 3, 4  # as --remote-debugging-pipe has them
#: Pixels of a picture: more than Chromium draws in one piece.
_MOST_PIXELS = 16_000
_A4 = {"paperWidth": 8.27, "paperHeight": 11.69}  # inches
_TEXT = (
    '<body style="margin:24px"><pre style="white-space:pre-wrap;overflow-wrap:anywhere;'
    'font:14px/1.6 monospace">'
)


def find_browser() -> str:
    """Return the path of an installed browser.

    Raises:
        JobError: there is none.
    """
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise JobError(
        "a picture needs Chromium, which is not installed",
        hint=f"Install one of {', '.join(NAMES[:4])}, such as with apt install chromium.",
    )


@dataclass(slots=True)
class Chromium:
    """A running browser; `process` is also the number of the process group.

    `deadline` is that of everything, in seconds of the monotonic clock.
    """

    process: int
    sending: int
    receiving: int
    deadline: float
    _number: int = 0
    _unread: bytes = b""

    @classmethod
    @contextmanager
    def start(cls, path: str, *, seconds: float) -> Iterator[Chromium]:
        """Run a browser for at most so many seconds, with a profile that is thrown away.

        Raises:
            OutputError: the browser cannot be started.
        """
        with ExitStack() as stack:
            home = stack.enter_context(temporary_folder())
            stack.callback(_remove, home)
            theirs, sending = map(_raised, os.pipe())
            receiving, answering = map(_raised, os.pipe())
            for fd in (sending, receiving):
                stack.callback(os.close, fd)
            try:
                process = _spawn(path, str(home), theirs, answering)
            except OSError as error:
                raise OutputError(f"cannot start {path}: {error.strerror}") from error
            finally:
                os.close(theirs)
                os.close(answering)
            stack.callback(_end, process)
            yield cls(process, sending, receiving, time.monotonic() + seconds)

    def call(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        """Call a method of the protocol and return the result.

        Raises:
            OutputError: the browser ended, refused, or took too long.
        """
        self._number += 1
        request: dict[str, Any] = {"id": self._number, "method": method, "params": given}
        if session is not None:
            request["sessionId"] = session
        self._write(json.dumps(request).encode() + b"\0")
        while (answer := self._message()).get("id") != self._number:
            pass
        if "error" in answer:
            raise OutputError(f"Chromium refused {method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def page(self) -> str:
        """Open an empty page, and return the session of it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        return str(attached["sessionId"])

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self.sending, data) :]
        except BrokenPipeError as error:
            raise self._gone() from error

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.receiving], [], [], left)[0]:
                raise OutputError("Chromium took too long", hint="try again, or look at the letter")
            piece = os.read(self.receiving, 1 << 20)
            if not piece:
                raise self._gone()
            self._unread += piece
        message, _, self._unread = self._unread.partition(b"\0")
        read: dict[str, Any] = json.loads(message)
        return read

    def _gone(self) -> OutputError:
        return OutputError(
            "Chromium ended before it had made the picture",
            hint="see what it says: chromium --headless --dump-dom about:blank",
        )


def _raised(fd: int) -> int:
    """Return a copy of a file descriptor with a number that the browser does not use."""
    raised = fcntl(fd, F_DUPFD_CLOEXEC, _ABOVE)
    os.close(fd)
    return raised


def _spawn(path: str, home: str, theirs: int, answering: int) -> int:
    arguments = [path, *_ARGUMENTS, f"--user-data-dir={home}/profile"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium does not start as root with a sandbox
    places = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
    return os.posix_spawn(
        path,
        arguments,
        {**os.environ, **places},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, theirs, _FROM_US),
            (os.POSIX_SPAWN_DUP2, answering, _TO_US),
        ],
        setpgroup=0,
    )


def _end(process: int) -> None:
    """End the browser and all of its processes."""
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(process, 0)


def _remove(home: Path) -> None:
    """Remove the folder of a browser whose processes, just killed, may write there a little yet."""
    deadline = time.monotonic() + _DYING
    shutil.rmtree(home, ignore_errors=True)
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
        shutil.rmtree(home, ignore_errors=True)


def _opened(browser: Chromium, content: Content, width: int, scale: int) -> str:
    """Show a letter in a page without scripts and without network; return the session."""
    source = _cleaned(browser, content)
    session = browser.page()
    browser.call("Emulation.setScriptExecutionDisabled", session, value=True)
    browser.call("Network.enable", session)
    browser.call(
        "Network.emulateNetworkConditions", session,
        offline=True, latency=0, downloadThroughput=0, uploadThroughput=0,
    )  # fmt: skip
    browser.call(
        "Emulation.setDeviceMetricsOverride", session,
        width=width, height=800, deviceScaleFactor=scale, mobile=False,
    )  # fmt: skip
    browser.call("Emulation.setEmulatedMedia", session, media="screen")
    frame = browser.call("Page.getFrameTree", session)["frameTree"]["frame"]["id"]
    browser.call("Page.setDocumentContent", session, frameId=frame, html=source)
    _evaluate(
        browser, session, "Promise.all([...document.images].map((i) => i.decode().catch(() => 0)))"
    )
    return session


def _cleaned(browser: Chromium, content: Content) -> str:
    """Return the HTML of a letter as the gallery shows it: nothing remote, images in place."""
    if content.html is None:
        return f"<!doctype html>{_TEXT}{escape(content.text or '')}</pre>"
    session = browser.page()
    for script in _SCRIPTS:
        _evaluate(browser, session, script.read_text(encoding="utf-8"))
    names = {}
    for image in content.inline:
        name = image.cid or image.filename
        names[name] = name
        address = f"data:{image.type};base64,{base64.b64encode(image.data).decode('ascii')}"
        _evaluate(
            browser, session, f"gallery.images.set({json.dumps(name)}, {json.dumps(address)}), 0"
        )
    given = f"{json.dumps(content.html)}, {json.dumps(names)}"
    return str(_evaluate(browser, session, f"gallery.letter({given}).source"))


def _evaluate(browser: Chromium, session: str, expression: str) -> Any:
    answer = browser.call(
        "Runtime.evaluate", session, expression=expression, awaitPromise=True, returnByValue=True
    )
    if "exceptionDetails" in answer:
        raise OutputError(f"Chromium cannot show the letter: {answer['exceptionDetails']['text']}")
    return answer["result"].get("value")


def picture(browser: Chromium, content: Content, *, width: int) -> bytes:
    """Return a letter as PNG, `width` CSS pixels wide, as long as the letter is.

    A pixel of CSS is two of the picture, one where the letter is long; what is behind 16,000 pixels
    is left out.
    """
    session = _opened(browser, content, width, 2)
    height = int(browser.call("Page.getLayoutMetrics", session)["cssContentSize"]["height"])
    scale = 1 if 2 * height > _MOST_PIXELS else 2
    clip = {"x": 0, "y": 0, "width": width, "height": max(1, min(height, _MOST_PIXELS))}
    shot = browser.call(
        "Page.captureScreenshot", session,
        format="png", captureBeyondViewport=True, clip={**clip, "scale": scale / 2},
    )  # fmt: skip
    return base64.b64decode(shot["data"])


def pdf(browser: Chromium, content: Content) -> bytes:
    """Return a letter as PDF on pages of A4, with its colours."""
    session = _opened(browser, content, 800, 1)
    printed = browser.call("Page.printToPDF", session, printBackground=True, **_A4)
    return base64.b64decode(printed["data"])
