"""`mailbatch sandbox`: the local server alone.

Tests: tests/cli/test_other_commands.py.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.cli.arguments import SandboxArguments
from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import answers_of, reporting

if TYPE_CHECKING:
    from mailbatch.delivery.signals import Stopping
    from mailbatch.sandbox.answers import Answer


@reporting
def sandbox_command(console: Console, given: SandboxArguments) -> int:
    """Serve until a signal comes."""
    from mailbatch.delivery.descriptors import check_descriptors
    from mailbatch.delivery.signals import Interrupted, Stopping

    rehearsed = answers_of(given.answers)
    with Stopping() as stopping:
        check_descriptors(1)
        try:
            asyncio.run(_serve(console, given.port, given.out, rehearsed, stopping))
        except (asyncio.CancelledError, Interrupted):
            return 128 + (stopping.signum or 0)
    return ExitCode.DONE


async def _serve(
    console: Console, port: int, out: Path | None, answers: tuple[Answer, ...], stopping: Stopping
) -> None:
    from mailbatch.sandbox.server import Sandbox

    server = await Sandbox.start(port=port, outbox=out, answers=answers, tell=console.warn)
    loop, me, stop = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()

    def at_once(_: int) -> None:
        if me is not None:
            me.cancel()

    stopping.install(loop, stop.set, at_once)
    console.say(f"listening on 127.0.0.1:{server.port}, plaintext, any credentials")
    if out is not None:
        console.say(f"messages go to {out}")
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
