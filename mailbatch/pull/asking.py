"""Questions to a provider's API: at the pace of the provider, and again where that may help.

    asking = Asking(access, tell=print)
    asking.ask("/email/4/logs", {"bulkId": "letter-48"})

The provider allows 120 requests a minute, and says by 429 and Retry-After where a longer pause is
wanted. A refusal of the key, or of the question, is never asked again. This module must never read
the content of an answer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from mailbatch.pull.access import Access, Answer, ProviderError, Unanswered, Unreached

#: The provider's limit of its endpoints for reports and logs.
REQUESTS, SECONDS = 120, 60.0
ATTEMPTS = 6
#: The longest pause, in seconds, that a pull sits out: a provider that wants more is asked by the
#: next pull.
LONGEST_WAIT = 300.0
_WAITS = wait_random_exponential(multiplier=1.0, max=60.0)
_SHOWN = 300
#: Statuses that a later try may not have (RFC 9110 15).
_FOR_NOW = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class KeyRefused(ProviderError):
    """The provider refuses the key."""

    exit_code = 77


class QuestionRefused(ProviderError):
    """The provider refuses the question itself: a cursor that has expired, say."""


class NotNow(ProviderError):
    """The provider answers no more for now; `wait` is the pause asked for, in seconds."""

    exit_code = 75

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message, hint="run it again later: it goes on where it stopped")
        self.wait = wait


class Pace:
    """The pace of a limit: at most so many requests in any span of so many seconds."""

    def __init__(
        self,
        clock: Callable[[], float],
        requests: int = REQUESTS,
        seconds: float = SECONDS,
    ) -> None:
        self._clock = clock
        self._requests = requests
        self._seconds = seconds
        self._times: deque[float] = deque()

    def delay(self) -> float:
        """Return the seconds until the next request may leave."""
        if len(self._times) < self._requests:
            return 0.0
        return max(0.0, self._times[0] + self._seconds - self._clock())

    def note(self) -> None:
        """Note that a request leaves now."""
        self._times.append(self._clock())
        if len(self._times) > self._requests:
            self._times.popleft()


class Asking:
    """The questions of a pull, one at a time."""

    def __init__(
        self,
        access: Access,
        *,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`tell` hears of each longer pause; `clock` and `sleep` are in seconds."""
        self.base_url = access.base_url
        self._access = access
        self._tell = tell
        self._sleep = sleep
        self._pace = Pace(clock)

    def ask(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        broken_off: Callable[[bytes], None] = lambda _: None,
    ) -> bytes:
        """Return the content of the answer to a question.

        `broken_off` is given the beginning of each answer that broke off, empty where none came:
        an endpoint that gives each report once may have given it away.

        Raises:
            KeyRefused: 401 or 403 (77).
            QuestionRefused: another 4xx, or an answer that is none of the API (69).
            NotNow: the provider wants a longer pause (75).
            ProviderError: no try was answered (69; 77 for a certificate).
        """

        def attempt() -> bytes:
            self._keep_pace()
            try:
                answer = self._access.get(path, query)
            except Unanswered:
                broken_off(b"")
                raise
            if answer.status == HTTPStatus.OK and not answer.is_whole:
                broken_off(answer.content)
                raise Unanswered(f"{self.base_url}: an answer broke off")
            self._judge(answer)
            return answer.content

        again = Retrying(
            retry=retry_if_exception(_is_worth_another_try),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            before_sleep=self._tell_of_wait,
            sleep=self._sleep,
            reraise=True,
        )
        return again(attempt)

    def _keep_pace(self) -> None:
        seconds = self._pace.delay()
        if seconds > 0.0:
            self._sleep(seconds)
        self._pace.note()

    def _tell_of_wait(self, state: RetryCallState) -> None:
        self._tell(f"{_failure_of(state)}; trying again in {state.upcoming_sleep:.0f} s")

    def _judge(self, answer: Answer) -> None:
        """Raise the failure that a status other than 200 is."""
        status = answer.status
        if status == HTTPStatus.OK:
            return
        said = f"{self.base_url} answers {status}{_shown(self._access.words_of(answer))}"
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise KeyRefused(
                said,
                hint="look at reports.api_key: the key must be allowed to read logs and reports",
            )
        if status in _FOR_NOW:
            raise NotNow(said, wait=answer.wait)
        raise QuestionRefused(
            said, hint="look at reports.base_url: the URL of your account's API, without a path"
        )


def _is_worth_another_try(error: BaseException) -> bool:
    if isinstance(error, NotNow):
        return error.wait is None or error.wait <= LONGEST_WAIT
    return isinstance(error, Unanswered | Unreached)


def _wait(state: RetryCallState) -> float:
    """Return the seconds before the next try: as many as the provider asks for, if any."""
    error = _failure_of(state)
    asked = error.wait if isinstance(error, NotNow) else None
    return float(_WAITS(state)) if asked is None else asked


def _failure_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _shown(words: str) -> str:
    """Return the words of an answer for an error: printed, never understood."""
    text = " ".join(words[: 4 * _SHOWN].split())
    text = "".join(c if c.isprintable() else "?" for c in text)[:_SHOWN]
    return f": {text}" if text else ""
