"""The HTTP of a pull: one GET of the provider's API, answered, unanswered or broken off.

    answer = Access("https://xxxxx.api.infobip.com", key).get("/email/4/logs", {"limit": "50"})
    answer.status, answer.content       # 200, b'{"results":[...'

Certificates are always verified, against the trust anchors of the system. A redirect is never
followed: the key goes to the host of the job and to no other. This module must never try again, and
no text of an error here holds the key.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as TimedOut

from mailbatch.errors import MailbatchError
from mailbatch.frozen import frozen

#: Bytes of an answer; 1,000 reports with 4,000 characters of callback data each have 4.7 million.
LONGEST_ANSWER = 16 * 1024 * 1024
#: Seconds for the connection with TLS, for a silence of the provider, and for a whole answer.
CONNECT_SECONDS, SILENCE_SECONDS, ANSWER_SECONDS = 15.0, 60.0, 180.0
_PIECE = 64 * 1024


class ProviderError(MailbatchError):
    """The provider's API cannot be reached, or refuses to answer."""

    exit_code = 69


class Untrusted(ProviderError):
    """The certificate of the API does not hold."""

    exit_code = 77


class Unreached(ProviderError):
    """No request left: the API cannot be reached."""


class Unanswered(ProviderError):
    """A request left, and no answer came; the provider may have given one."""


@frozen
class Answer:
    """An answer: the status (RFC 9110 15), the bytes of the content, and the wait asked for.

    `wait` is the Retry-After in seconds, None without one. An answer that is not `is_whole` broke
    off, and `content` is the beginning.
    """

    status: int
    content: bytes
    wait: float | None = None
    is_whole: bool = True


class Access:
    """The access to an API with a key."""

    def __init__(self, base_url: str, key: str, *, seconds: float = ANSWER_SECONDS) -> None:
        """`seconds` is the time limit of an answer, from the first byte to the last."""
        self.base_url = base_url
        self._key = key
        self._seconds = seconds
        self._headers = {
            "Authorization": f"App {key}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "mailbatch",
        }
        self._pool = urllib3.PoolManager(
            ssl_context=ssl.create_default_context(),
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=min(SILENCE_SECONDS, seconds)),
            retries=False,
        )

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """Ask for a path of the API, and return the answer of any status.

        Raises:
            Untrusted: the certificate does not hold (77).
            Unreached: the request did not leave (69).
            Unanswered: no answer came behind the request (69).
        """
        url = f"{self.base_url}{path}"
        try:
            response = self._pool.request(
                "GET", url, fields=dict(query), headers=self._headers,
                preload_content=False, redirect=False,
            )  # fmt: skip
        except SSLError as error:
            raise self._untrusted(error) from error
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise Unreached(f"{self.base_url} cannot be reached: {_words(error)}") from error
        except HTTPError as error:
            raise Unanswered(f"{self.base_url} does not answer: {_words(error)}") from error
        content, is_whole = self._content(response)
        if is_whole:
            response.release_conn()
        else:
            response.close()
        wait = _wait(response.headers.get("Retry-After"))
        return Answer(response.status, content, wait, is_whole)

    def words_of(self, answer: Answer) -> str:
        """Return the words of an answer as text, without the key: some servers answer in echoes."""
        return answer.content.decode("utf-8", "replace").replace(self._key, "***")

    def _content(self, response: urllib3.BaseHTTPResponse) -> tuple[bytes, bool]:
        """Return the content as far as the connection went, and whether that is all."""
        content = bytearray()
        until = time.monotonic() + self._seconds
        try:
            for piece in response.stream(_PIECE, decode_content=False):
                content += piece
                if len(content) > LONGEST_ANSWER or time.monotonic() > until:
                    return bytes(content), False
        except HTTPError:
            return bytes(content), False
        return bytes(content), True

    def _untrusted(self, error: SSLError) -> ProviderError:
        cause = error.args[0] if error.args else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Untrusted(
                f"the certificate of {self.base_url} does not hold: {cause.verify_message}",
                hint="look at reports.base_url; trust anchors are those of the system",
            )
        return Unreached(f"{self.base_url} cannot be reached: {_words(error)}")


def _words(error: HTTPError) -> str:
    """Return the reason of a failure in the system's words, without the names of the library."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return "no answer in time" if isinstance(error, TimedOut) else type(error).__name__


def _wait(field: str | None) -> float | None:
    """Return a Retry-After in seconds: a number, or a date (RFC 9110 10.2.3)."""
    text = (field or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text[:100])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - time.time())
