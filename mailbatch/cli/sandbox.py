"""`mailbatch sandbox`: the local server on its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.reporting import reporting


@reporting
def sandbox_command(
    console: Console,
    *,
    port: int,
    out: Path | None,
    quiet: bool,  # noqa: ARG001 - read by `reporting`
) -> int:
    """Serve until a signal comes."""
    asyncio.run(_serve(console, port, out))
    return ExitCode.DONE


async def _serve(console: Console, port: int, out: Path | None) -> None:
    from mailbatch.delivery.signals import Stopping
    from mailbatch.sandbox.server import Sandbox

    server = await Sandbox.start(port=port, outbox=out)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    stopping = Stopping(stop, lambda _: loop.stop())
    stopping.install(loop)
    console.say(f"listening on 127.0.0.1:{server.port}, plaintext, any credentials")
    if out is not None:
        console.say(f"messages go to {out}")
    try:
        await stop.wait()
    finally:
        stopping.remove(loop)
        await server.stop()
    noun = "message" if server.messages == 1 else "messages"
    console.say(f"{server.messages:,} {noun} accepted")
