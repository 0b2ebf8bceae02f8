"""The answers of the receiver: 200 behind the commit, and to all else an answer that loses nothing.

| status | for                                                                            |
|--------|--------------------------------------------------------------------------------|
| 200    | a POST whose body is on the disk, whatever it says; GET and HEAD               |
| 401    | credentials or a proof that are missing or wrong; nothing is kept              |
| 404    | another path, or another token                                                 |
| 405    | another method                                                                 |
| 408    | a body that does not come in time                                              |
| 413    | a body of more than 16 MiB                                                     |
| 503    | a full disk, a locked store, no certificate, too many long bodies: come again  |

Tests: tests/receiver/test_answers.py.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from mailbatch.errors import StoreError
from mailbatch.receiver.door import Door
from mailbatch.receiver.intake import Intake
from mailbatch.receiver.proving import Proving
from mailbatch.receiver.requests import Limits, NoPlace, Requests, TooLong, TooSlow
from mailbatch.reports.proofs import Proof
from mailbatch.reports.refusal import Refusal
from mailbatch.reports.store import Body, Origin

#: The path of a token; a path with a slash at its end is the same.
PATH = "/reports/"
#: Seconds until a POST that was answered by 503 may come again.
RETRY_AFTER = 60
_METHODS = ("GET", "HEAD", "POST")
_LIMITS = Limits()
_READ_ONLY = ("GET", "HEAD")


class Receiver:
    """Takes posted bodies; `tell` is called with a text for the operator.

    `answers` counts the answers to POSTs by status.
    """

    def __init__(
        self,
        door: Door,
        intake: Intake,
        proving: Proving,
        *,
        tell: Callable[[str], None],
        limits: Limits = _LIMITS,
    ) -> None:
        self.answers: Counter[int] = Counter()
        self._door = door
        self._intake = intake
        self._proving = proving
        self._tell = tell
        self._requests = Requests(limits)

    async def answer(self, request: Request) -> Response:
        """Answer any request to a path with a token."""
        if not self._door.leads(request.path_params["token"]):
            return Response(status_code=HTTPStatus.NOT_FOUND)
        if request.method in _READ_ONLY:
            return Response(status_code=HTTPStatus.OK)
        if request.method != "POST":
            allowed = {"allow": ", ".join(_METHODS)}
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers=allowed)
        response = await self._post(request)
        self.answers[response.status_code] += 1
        return response

    async def _post(self, request: Request) -> Response:
        if not self._door.admits(request.headers):
            return self._unauthorized()
        try:
            async with self._requests.body_of(request) as body:
                return await self._take(request, body)
        except TooLong:
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except TooSlow:
            return Response(status_code=HTTPStatus.REQUEST_TIMEOUT)
        except NoPlace:
            return _unavailable()
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # for the count alone

    async def _take(self, request: Request, body: bytes | memoryview) -> Response:
        proof: Proof | Refusal = Proof.NONE
        if self._proving.is_set_up:
            try:
                proof = await asyncio.to_thread(self._proving.prove, bytes(body))
            except OSError as error:
                self._tell(f"the certificate of SNS cannot be had: {error}")
                return _unavailable()
        if isinstance(proof, Refusal):
            return self._unauthorized()
        if body:
            sender = request.client.host if request.client else "unknown"
            try:
                await self._intake.keep(
                    Body(body, Origin.SERVE, time.time(), f"POST of {sender}, {proof}")
                )
            except StoreError:
                return _unavailable()
        return await self._confirmed(request, body, proof)

    async def _confirmed(
        self, request: Request, body: bytes | memoryview, proof: Proof
    ) -> Response:
        """Answer to a kept body: first confirm a subscription that a proven body asks for."""
        if proof is Proof.SNS:
            try:
                if await asyncio.to_thread(self._proving.confirm, bytes(body)):
                    self._tell("a subscription of SNS was confirmed")
            except OSError as error:
                self._tell(f"a subscription of SNS cannot be confirmed: {error}")
                return _unavailable()
        elif _asks_to_confirm(request) and not self._proving.knows_topics:
            self._tell(
                "a subscription of SNS waits to be confirmed: start again with --topic ARN, and "
                "request the confirmation again"
            )
        return Response(status_code=HTTPStatus.OK)

    def _unauthorized(self) -> Response:
        # SNS sends Basic only behind this field.
        headers = {"www-authenticate": 'Basic realm="reports"'} if self._door.basic else None
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=headers)


def _asks_to_confirm(request: Request) -> bool:
    return request.headers.get("x-amz-sns-message-type") == "SubscriptionConfirmation"


def _unavailable() -> Response:
    headers = {"retry-after": str(RETRY_AFTER)}
    return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)


class _Answering:
    """The receiver as an ASGI application: a route of such a one takes every method."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._receiver.answer(Request(scope, receive))
        except asyncio.CancelledError:  # the receiver stops, and waited long enough
            response = _unavailable()
        await response(scope, receive, send)


def application(receiver: Receiver) -> Starlette:
    """Return the application that serves a receiver below `PATH`, and 404 elsewhere."""
    answering = _Answering(receiver)
    routes = [Route(PATH + "{token}", answering), Route(PATH + "{token}/", answering)]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app
