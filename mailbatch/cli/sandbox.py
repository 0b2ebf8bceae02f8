"""`mailbatch sandbox`: the local server alone.

Tests: tests/cli/test_other_commands.py, tests/cli/test_rehearsal.py.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import answers_of, check_folder, reporting
from mailbatch.cli.sandbox_arguments import SandboxArguments
from mailbatch.errors import UsageError

if TYPE_CHECKING:
    from mailbatch.delivery.signals import Stopping
    from mailbatch.inbox.mails import Mails
    from mailbatch.sandbox.answers import Answer
    from mailbatch.sandbox.posting import Posting
    from mailbatch.sandbox.provider import Provider
    from mailbatch.sandbox.records import Records
    from mailbatch.sandbox.server import Sandbox

#: The port of the API unless --api-port says otherwise: next to that of SMTP.
_API_PORT = 2526
#: The port of the inbox unless --web-port says otherwise.
_WEB_PORT = 2580


@reporting
def sandbox_command(console: Console, given: SandboxArguments) -> int:
    """Serve until a signal comes."""
    from mailbatch.delivery.descriptors import check_descriptors
    from mailbatch.delivery.signals import Interrupted, Stopping

    rehearsed = answers_of(given.answers)
    check_folder(given.out)
    for option, value in (("--api-port", given.api_port), ("--api-key", given.api_key)):
        if value is not None and not given.report:
            raise UsageError(
                f"{option} goes with --report", hint=f"add --report, or leave {option} out"
            )
    if given.web_port is not None and not given.web:
        raise UsageError("--web-port goes with --web", hint="add --web, or leave --web-port out")
    with Stopping() as stopping:
        check_descriptors(1)
        try:
            asyncio.run(_serve(console, given, rehearsed, stopping))
        except (asyncio.CancelledError, Interrupted):
            return 128 + (stopping.signum or 0)
    return ExitCode.DONE


async def _serve(
    console: Console, given: SandboxArguments, answers: tuple[Answer, ...], stopping: Stopping
) -> None:
    from mailbatch.render.alignment import may_be_aligned
    from mailbatch.sandbox.server import Sandbox

    async with AsyncExitStack() as stack:
        reports = await _reports(console, given, stack) if given.report else None
        mails = _mails() if given.web else None
        server = await Sandbox.start(
            port=given.port,
            outbox=given.out,
            answers=answers,
            on_content=None if mails is None else mails.add,
            tell=console.warn,
            provider=None if reports is None else reports.provider,
            aligned=may_be_aligned,
        )
        stack.push_async_callback(server.stop)
        web = None if mails is None else _web(given, stack, mails, server)
        loop, me, stop = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()

        def at_once(_: int) -> None:
            if me is not None:
                me.cancel()

        stopping.install(loop, stop.set, at_once)
        console.say(f"listening on 127.0.0.1:{server.port}, plaintext, any credentials")
        if web is not None:
            console.say(f"inbox: {web}")
        if given.out is not None:
            console.say(f"messages go to {given.out}")
        for answer in answers:
            console.say(f"rehearsing {answer}")
        here = f"{{host: localhost, port: {server.port}, security: plaintext}}"
        console.say(f"in a job: server: {here}")
        try:
            await stop.wait()
        finally:
            stopping.remove(loop)
            await server.stop()
        console.say(f"{counted(server.messages, 'message')} accepted")
        if reports is not None:
            reports.say(console)


def _mails() -> Mails:
    from mailbatch.inbox.mails import Mails

    return Mails()


def _web(given: SandboxArguments, stack: AsyncExitStack, mails: Mails, server: Sandbox) -> str:
    """Serve the inbox until `stack` ends, and return the URL."""
    from mailbatch.inbox.serving import served

    port = _WEB_PORT if given.web_port is None else given.web_port
    address = f"{server.host}:{server.port}"
    return stack.enter_context(served(mails, port, address=address))


class _Reports:
    """The provider of a sandbox that tells what became of the messages."""

    def __init__(self, provider: Provider, posting: Posting, records: Records) -> None:
        self.provider = provider
        self._posting = posting
        self._records = records

    def say(self, console: Console) -> None:
        """Say what became of the reports, once the sandbox has ended."""
        posting, given = self._posting, self._records.given
        told = f"{counted(posting.posted, 'report')} posted, {given:,} pulled"
        for number, words in (
            (posting.failed, "not taken"),
            (posting.waiting, "not posted yet"),
            (posting.refused, "for other hosts"),
        ):
            if number:
                told += f", {number:,} {words}"
        console.say(told)


async def _reports(console: Console, given: SandboxArguments, stack: AsyncExitStack) -> _Reports:
    """Start the posts and the API of a sandbox; both end with `stack`."""
    from mailbatch.sandbox.api import Api
    from mailbatch.sandbox.posting import Posting
    from mailbatch.sandbox.provider import Provider
    from mailbatch.sandbox.records import Records

    records = Records()
    posting = await stack.enter_async_context(Posting(console.warn))
    port = _API_PORT if given.api_port is None else given.api_port
    api = await Api(records, key=given.api_key).start("127.0.0.1", port)
    await stack.enter_async_context(api)
    key = "any key" if given.api_key is None else "the key that was given"
    console.say(f"reports: http://{api.host}:{api.port}, {key}")
    later = asyncio.get_running_loop().call_later
    return _Reports(Provider(posting, later=later, records=records), posting, records)
