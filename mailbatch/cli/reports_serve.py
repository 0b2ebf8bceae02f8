"""`mailbatch reports serve`: the receiver of the reports that providers post."""

from __future__ import annotations

import asyncio
import os
import re
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.report_store import store_to_write
from mailbatch.cli.reporting import read_job, reporting
from mailbatch.cli.reports_arguments import ReportsServeArguments
from mailbatch.errors import JobError, UsageError
from mailbatch.extras import install_extra
from mailbatch.frozen import frozen

if TYPE_CHECKING:
    import socket

    from mailbatch.delivery.signals import Stopping
    from mailbatch.receiver.door import Door
    from mailbatch.receiver.intake import Intake
    from mailbatch.receiver.proving import Proving
    from mailbatch.receiver.serving import Tls

_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+)):([0-9]{1,5})")
_LAST_PORT = 65535
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PACKAGES = ("uvicorn", "starlette", "httptools")


@reporting
def serve_command(console: Console, given: ReportsServeArguments) -> int:
    """Take posted reports until a signal comes."""
    _check_extra(with_signatures=bool(given.topics))
    from mailbatch.delivery.descriptors import check_descriptors
    from mailbatch.delivery.loop import loop_factory
    from mailbatch.delivery.signals import Interrupted, Stopping
    from mailbatch.receiver.door import Door
    from mailbatch.receiver.intake import Intake
    from mailbatch.receiver.path_token import kept_token, token_file
    from mailbatch.receiver.serving import CONNECTIONS, listening

    host, port = address_of(given.listen)
    tls, proving, store = _tls(given), _proving(given), _store(given)
    basic, header = _credentials(given)
    outer = _outer_url(given.url)
    with Stopping() as stopping, listening(host, port) as sock:
        check_descriptors(CONNECTIONS)
        if tls is None and host not in _LOOPBACK:
            console.warn(f"{host} takes reports in clear text: --certificate and --key give TLS")
        intake = Intake(store, tell=console.warn)
        intake.start()
        try:
            # Beside a store that can be written.
            door = Door(given.token or kept_token(token_file(store)), basic, header)
            opened = _Opened(door, intake, proving, sock, tls)
            with stopping.in_loop(), asyncio.Runner(loop_factory=loop_factory()) as runner:
                return runner.run(_serve(console, opened, outer, stopping))
        except Interrupted:
            return 128 + (stopping.signum or 0)
        finally:
            intake.stop()


@frozen
class _Opened:
    """The parts of a receiver that takes posts now."""

    door: Door
    intake: Intake
    proving: Proving
    sock: socket.socket
    tls: Tls | None


async def _serve(console: Console, opened: _Opened, outer: str | None, stopping: Stopping) -> int:
    from mailbatch.receiver.application import PATH, Receiver, application
    from mailbatch.receiver.serving import Serving

    receiver = Receiver(opened.door, opened.intake, opened.proving, tell=console.warn)
    serving = Serving(application(receiver), opened.sock, opened.tls)
    loop = asyncio.get_running_loop()
    seconds: list[int] = []

    def at_once(signum: int) -> None:
        seconds.append(signum)
        serving.stop_at_once()

    stopping.install(loop, serving.stop, at_once)
    base = outer or _own_url(opened.sock, opened.tls)
    console.lines(f"{base}{PATH}{opened.door.token}")
    try:
        await serving.run()
    finally:
        stopping.remove(loop)
    console.say(f"{counted(opened.intake.bodies, 'body', 'bodies')} kept")
    refused = receiver.answers[HTTPStatus.UNAUTHORIZED]
    if refused:
        console.warn(f"{counted(refused, 'POST')} refused: wrong credentials, or a wrong proof")
    return 128 + seconds[0] if seconds else ExitCode.DONE


def address_of(listen: str) -> tuple[str, int]:
    """Return host and port of `--listen`.

    Raises:
        UsageError: the text is no HOST:PORT.

    Example:
        >>> address_of("[::1]:8025")
        ('::1', 8025)
    """
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found[3]) > _LAST_PORT:
        raise UsageError(
            f"--listen {listen}: expected HOST:PORT", hint="for example --listen 127.0.0.1:8025"
        )
    return found[1] or found[2], int(found[3])


def _own_url(sock: socket.socket, tls: Tls | None) -> str:
    host, port = sock.getsockname()[:2]
    shown_host = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown_host}:{port}"


def _outer_url(url: str | None) -> str | None:
    """Return the URL of a proxy without the slash at its end."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(f"--url {url}: expected a URL such as https://hooks.example.com")
    return url.rstrip("/")


def _check_extra(*, with_signatures: bool) -> None:
    wanted = [*_PACKAGES, *(["cryptography"] if with_signatures else [])]
    missing = [name for name in wanted if find_spec(name) is None]
    if missing:
        raise JobError(
            f"{missing[0]} is not installed, which receives reports", hint=install_extra("reports")
        )


def _tls(given: ReportsServeArguments) -> Tls | None:
    from mailbatch.receiver.serving import Tls

    if given.certificate is None and given.key is None:
        return None
    if given.certificate is None or given.key is None:
        raise UsageError(
            "--certificate and --key belong together: one of them is missing", hint="give both"
        )
    return Tls(given.certificate, given.key)


def _proving(given: ReportsServeArguments) -> Proving:
    from mailbatch.receiver.proving import Proving
    from mailbatch.reports.sns import is_topic

    for topic in given.topics or ():
        if not is_topic(topic):
            raise UsageError(
                f"--topic {topic}: this is no ARN of a topic of SNS",
                hint="for example arn:aws:sns:eu-west-1:123456789012:reports",
            )
    key = _secret(given.mailgun_key)
    return Proving(frozenset(given.topics or ()), key.encode() if key is not None else None)


def _credentials(
    given: ReportsServeArguments,
) -> tuple[str | None, tuple[str, str] | None]:
    """Return what a POST must have beside the token: `--basic`, and the field of `--header`.

    Raises:
        UsageError: one of these, or `--token`, has another form.
    """
    from mailbatch.receiver.door import TOKEN, header_of

    if given.token is not None and TOKEN.fullmatch(given.token) is None:
        raise UsageError(
            "--token: expected 16 to 128 letters, digits, - and _",
            hint="leave --token out, and one is made and kept beside the store",
        )
    basic, header = _secret(given.basic), _secret(given.header)
    if basic is not None and ":" not in basic:
        raise UsageError(f"--basic {given.basic}: expected USER:PASSWORD in the file")
    try:
        field = header_of(header) if header is not None else None
    except ValueError as error:
        raise UsageError(f"--header {given.header}: {error} in the file") from None
    return basic, field


def _secret(path: Path | None) -> str | None:
    """Return the secret in a file that its owner alone may read; raises `JobError` (78)."""
    if path is None:
        return None
    from mailbatch.job.secrets import resolve_secret
    from mailbatch.job.server import Secret

    return resolve_secret(Secret(file=str(path)), folder=Path.cwd(), environ=os.environ)


def _store(given: ReportsServeArguments) -> Path:
    from mailbatch.delivery.places import state_dir, state_folder
    from mailbatch.delivery.rehearsals import check_real

    if given.store is not None:
        check_real(None, None, given.store)
        return given.store
    job = None if given.job is None else read_job(given.job, look=False)
    check_real(job, given.state_dir)
    if job is not None:
        return store_to_write(state_dir(job, given.state_dir))
    if given.state_dir is None:
        raise UsageError(
            "where shall the reports be kept?",
            hint="name a job, or --store FILE, or --state-dir DIR",
        )
    return store_to_write(state_folder(given.state_dir, given.state_dir))
