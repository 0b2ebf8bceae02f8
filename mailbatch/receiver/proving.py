"""Proofs of origin at the door, and the two kinds of URL that are fetched for Amazon SNS.

The certificate of a signature, and the URL that confirms a subscription: each only at the SNS host
of the region of a topic that is trusted, over verified TLS, without following a redirect. A body
with a proof that does not hold is never kept.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException

from mailbatch.reports.proofs import Proof, prove
from mailbatch.reports.refusal import Refusal
from mailbatch.reports.sns import Trust, subscribe_url

#: Bytes of an answer: a certificate has two thousand.
LONGEST_ANSWER = 64 * 1024
_SECONDS = 10.0
#: Certificates that are remembered; Amazon changes them once in a year or so.
_CERTIFICATES = 16


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the failure that the status is."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""


def fetch(url: str) -> bytes:
    """Return what a URL gives, of at most `LONGEST_ANSWER` bytes; a redirect is not followed.

    Raises:
        OSError: the URL cannot be had, or gives more.
    """
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(url, timeout=_SECONDS) as answer:
            found: bytes = answer.read(LONGEST_ANSWER + 1)
    except HTTPException as error:
        raise OSError(f"{url}: no answer in HTTP") from error
    if len(found) > LONGEST_ANSWER:
        raise OSError(f"{url}: more than {LONGEST_ANSWER} bytes")
    return found


class Proving:
    """The proofs that are checked: `topics` of SNS (ARNs), `key` of Mailgun's webhooks.

    No topic, or no key: that proof is not checked. `fetch` gets a URL that was checked.
    """

    def __init__(
        self,
        topics: frozenset[str] = frozenset(),
        key: bytes | None = None,
        fetch: Callable[[str], bytes] = fetch,
    ) -> None:
        self._trust = Trust(topics, self._certificate) if topics else None
        self._key = key
        self._fetch = fetch
        self._certificates: dict[str, bytes] = {}

    @property
    def is_set_up(self) -> bool:
        """Whether any proof is checked."""
        return self._trust is not None or self._key is not None

    @property
    def knows_topics(self) -> bool:
        """Whether the proofs of SNS are checked."""
        return self._trust is not None

    def prove(self, body: bytes) -> Proof | Refusal:
        """Return the proof of a body, or a refusal; takes seconds where a certificate is new.

        Raises:
            OSError: the certificate cannot be had now.
        """
        return prove(body, trust=self._trust, key=self._key, now=time.time())

    def confirm(self, body: bytes) -> bool:
        """Confirm the subscription that a proven body asks for; False where it asks for none.

        Raises:
            OSError: SNS does not answer; it asks again.
        """
        url = subscribe_url(body)
        if url is None:
            return False
        self._fetch(url)
        return True

    def _certificate(self, url: str) -> bytes:
        found = self._certificates.get(url)
        if found is None:
            found = self._fetch(url)
            if len(self._certificates) >= _CERTIFICATES:
                self._certificates.clear()
            self._certificates[url] = found
        return found
