"""A relay in user space that delays every byte, each way: a round trip for the loopback.

python relay.py PORT ROUND_TRIP_MS

The relay prints `port N` once the port listens, and `connection T` for every connection, T in
seconds of the monotonic clock. A chunk leaves a fixed time after its arrival, and any number of
chunks may be under way: the relay costs time, but no throughput. A connection costs a round trip,
too.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time

CHUNK_BYTES = 256 * 1024


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
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
            on_their_way.put_nowait((time.monotonic() + delay, chunk))
        await writing
    except ConnectionError:
        writing.cancel()
        writer.close()


async def main(port: int, delay: float) -> None:
    """Listen, and connect every client through."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        print(f"connection {time.monotonic()}", flush=True)
        # SYN, SYN and ACK, ACK: the server greets one and a half round trips after the first.
        await asyncio.sleep(3 * delay)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back, delay), pump(there, writer, delay))

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop whose timers are exact to microseconds; epoll's are to milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        runner.run(main(int(sys.argv[1]), float(sys.argv[2]) / 2000))
