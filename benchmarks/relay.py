"""A relay in user space that delays every byte, each way: a round trip for the loopback.

python relay.py PORT ROUND_TRIP_MS [--running FILE] [--ids]

The relay prints `port N` once the port listens, and `connection T CPU` for every connection: T in
seconds of the monotonic clock, CPU the seconds of processors that the process whose id stands in
FILE has taken until then, with its children, or `unknown`. A chunk leaves a fixed time after its
arrival, and any number of chunks may be under way: the relay costs time, but no throughput. A
connection costs a round trip, too. With `--ids` each reply to a message ends with a queue id of its
own, as Postfix's do.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import selectors
import time
from collections.abc import Callable
from pathlib import Path

CHUNK_BYTES = 256 * 1024
#: What smtp-sink says behind the end of data.
_ACCEPTED = b"250 2.0.0 Ok\r\n"


def spent(pid: int) -> float:
    """Return the seconds of processors of a process, with those of all that it started.

    Raises:
        OSError: the system does not tell, or the process is gone.
    """
    # CPUCLOCK_SCHED of the whole process, as clock_getcpuclockid(3) gives it: exact, not in ticks.
    seconds = time.clock_gettime((~pid << 3) | 2)
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    seconds += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # ended children
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            seconds += spent(int(child))
    return seconds


def said_spent(running: Path | None) -> str:
    """Return the seconds of the process whose id stands in the file, or `unknown`."""
    try:
        return f"{spent(int(running.read_text(encoding='ascii'))):.4f}" if running else "unknown"
    except (OSError, ValueError):
        return "unknown"


def with_ids() -> Callable[[bytes], bytes]:
    """Return the change of a chunk of replies: each message gets the next queue id."""
    ids = itertools.count(0x4B1D000000, 4099)

    def named(chunk: bytes) -> bytes:
        first, *others = chunk.split(_ACCEPTED)
        return first + b"".join(b"250 2.0.0 Ok: queued as %X\r\n" % next(ids) + o for o in others)

    return named


async def pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    delay: float,
    change: Callable[[bytes], bytes] | None = None,
) -> None:
    """Pass bytes on, each chunk `delay` seconds after it came, the end of the stream likewise."""
    on_their_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def write() -> None:
        while True:
            due, chunk = await on_their_way.get()
            left = due - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)
            if not chunk:
                writer.close()
                return
            writer.write(chunk)
            await writer.drain()

    writing = asyncio.create_task(write())
    try:
        chunk = b"any"
        while chunk:
            chunk = await reader.read(CHUNK_BYTES)
            passed = change(chunk) if change is not None else chunk
            on_their_way.put_nowait((time.monotonic() + delay, passed))
        await writing
    except ConnectionError:
        writing.cancel()
        writer.close()


async def main(asked: argparse.Namespace) -> None:
    """Listen, and connect every client through."""
    port, delay = asked.port, asked.round_trip_ms / 2000
    change = with_ids() if asked.ids else None

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        print(f"connection {time.monotonic()} {said_spent(asked.running)}", flush=True)
        # SYN, SYN and ACK, ACK: the server greets one and a half round trips after the first.
        await asyncio.sleep(3 * delay)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back, delay), pump(there, writer, delay, change))

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop whose timers are exact to microseconds; epoll's are to milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        parser = argparse.ArgumentParser()
        parser.add_argument("port", type=int)
        parser.add_argument("round_trip_ms", type=float)
        parser.add_argument("--running", type=Path)
        parser.add_argument("--ids", action="store_true")
        runner.run(main(parser.parse_args()))
