"""From the job's `server:` to something that opens sessions.

Resolves the password, and only when a session will be opened: once, but an access token again for
each session (module `tokens`). Knows sockets by name only.

Tests: tests/certainty/test_secrets.py, tests/delivery/test_unknown_host.py.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from mailbatch.delivery.access_tokens import Tokens
from mailbatch.delivery.cores import cores
from mailbatch.delivery.options import Progress, RunOptions
from mailbatch.delivery.redirect import RedirectedSession, Redirection
from mailbatch.delivery.transport import TransportSession
from mailbatch.job.model import Job
from mailbatch.job.paths import resolve_path
from mailbatch.job.secrets import resolve_secret
from mailbatch.job.server import SubmissionServer
from mailbatch.job.setting import value_at
from mailbatch.sasl import mechanism
from mailbatch.smtp.bdat import BdatTrust
from mailbatch.smtp.polling import Polling
from mailbatch.smtp.server import Server, Timeouts
from mailbatch.smtp.session import Session

if TYPE_CHECKING:
    from mailbatch.delivery.dialogues import Dialogues
    from mailbatch.delivery.kept_session import Hearing

_NO_DSN = (
    "the server does not announce DSN: no notifications are asked for (see reports.dsn); "
    "bounces come to the envelope sender all the same"
)


def server_of(job: Job, environ: Mapping[str, str] | None = None, *, key: str = "server") -> Server:
    """Return the job's server with its password; `key` names another server of the job.

    Raises:
        JobError: the secret is missing.
        KeyError: the job has no server there.
    """
    server = value_at(job, key)
    if not isinstance(server, SubmissionServer):
        raise KeyError(key)
    password, renew = None, None
    if server.password is not None and server.auth != "none":
        resolve = partial(
            resolve_secret,
            server.password,
            folder=job.folder,
            environ=os.environ if environ is None else environ,
            username=server.username,
            user=f"{key}.username",
            location=job.locate(f"{key}.password"),
        )
        password = resolve()
        renew = resolve if _takes_token(server.auth) else None
    ca_file = None
    if server.ca_file is not None:
        ca_file = resolve_path(job.folder, server.ca_file, absolute_allowed=True)
    return Server(
        host=server.host,
        port=server.port,
        security=server.security,
        auth=server.auth,
        username=server.username,
        password=password,
        ca_file=ca_file,
        pipelining=server.pipelining == "auto",
        chunking=server.chunking == "auto",
        timeouts=_timeouts_of(server),
        renew=renew,
        key=key,
    )


def _takes_token(auth: str) -> bool:
    chosen = mechanism(auth)
    return chosen is not None and chosen.takes_token


def _timeouts_of(server: SubmissionServer) -> Timeouts:
    """Return the deadlines of a server of the job."""
    t = server.timeouts
    return Timeouts(t.connect, t.command, t.data, t.end_of_data)


def sandbox_server(job: Job, port: int) -> Server:
    """Return the embedded sandbox as a server: loopback without TLS, any credentials.

    The session authenticates as the job does, and not at all where that does not. The sandbox knows
    no tokens: in place of one it gets a password.
    """
    return Server(
        host="127.0.0.1",
        port=port,
        security="plaintext",
        auth="auto" if _takes_token(job.server.auth) else job.server.auth,
        username=job.server.username,
        password="sandbox",  # noqa: S106 - the sandbox takes any
        pipelining=job.server.pipelining == "auto",
        chunking=job.server.chunking == "auto",
        timeouts=_timeouts_of(job.server),
    )


def opener(
    server: Server,
    options: RunOptions,
    progress: Progress,
    *,
    wants_dsn: bool = False,
    dialogues: Dialogues | None = None,
) -> Callable[[], Awaitable[TransportSession]]:
    """Return a function that opens a session with `server`, redirected if the options say so.

    Call this in the event loop of the run. Once BDAT has failed with the server, no session of the
    run uses BDAT any more, and `progress` is told. `wants_dsn`: the job asks for delivery status
    notifications, and `progress` is told once where the server announces none. The dialogue of each
    transaction goes to `dialogues`.
    """

    def tell(reason: str) -> None:
        key = f"{server.key}.chunking"
        progress.note(f"{reason}; messages go by DATA from now on (see {key})")

    trust = BdatTrust(allowed=server.chunking, tell=tell)
    polling = None
    if cores() > 1:  # else a server on this machine would wait for us to sleep
        polling = Polling(asyncio.get_running_loop().call_soon, time.perf_counter)

    tokens = Tokens(server)

    async def open_with(server: Server) -> tuple[Session, Hearing | None]:
        hearing = None
        if dialogues is not None:
            from mailbatch.delivery.kept_session import Hearing

            hearing = Hearing(options.transcript)
        heard = hearing or options.transcript
        return await Session.open(server, transcript=heard, trust=trust, polling=polling), hearing

    redirection = Redirection(options.redirect, tell=progress.note) if options.redirect else None

    async def open_session() -> TransportSession:
        nonlocal wants_dsn
        session, hearing = await tokens.open(open_with)
        if redirection is not None:
            return RedirectedSession(session, redirection)
        if wants_dsn and not session.capabilities.dsn:
            wants_dsn = False
            progress.note(_NO_DSN)
        if dialogues is None or hearing is None:
            return session
        from mailbatch.delivery.kept_session import KeptSession

        return KeptSession(session, hearing, dialogues, server.address, time.time)

    return open_session
