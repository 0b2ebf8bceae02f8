"""A mailbatch that is imported once and forked for every command.

The pages run dozens of commands; nine tenths of the time of each would go into imports. So one
process imports everything and listens on a socket; the `mailbatch` of the pages' shell passes its
arguments, its folder, its environment and its three streams, and a fork runs `main()` with them.
What runs is the program itself, in a process of its own.

`python -m tests.docs.warm serve SOCKET` serves; `python warm.py SOCKET ARGUMENTS` asks, and imports
next to nothing, because that is what every command still costs.
"""

from __future__ import annotations

import json
import os
import socket
import sys

_LARGEST = 1 << 20


def ask(path: str, arguments: list[str]) -> int:
    """Have a command run and return its exit code; SIGTERM goes on to it."""
    request = {"arguments": arguments, "folder": os.environ["PWD"], "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.connect(path)
        body = json.dumps(request).encode() + b"\n"
        socket.send_fds(server, [body[:1]], [0, 1, 2])
        server.sendall(body[1:])
        return int(server.makefile("rb").readline())


def serve(path: str) -> None:
    """Serve until the parent closes standard input."""
    import importlib
    import select

    importlib.import_module("tests.support.prepared")
    attendants: list[int] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            client, _ = listening.accept()
            with client:
                if (attendant := os.fork()) == 0:
                    listening.close()
                    attend(client)
            attendants.append(attendant)
            attendants = [one for one in attendants if os.waitpid(one, os.WNOHANG) == (0, 0)]


def attend(client: socket.socket) -> None:
    """Run one command in a child and tell the client how it ended; never returns."""
    import select
    import signal

    first, streams, _, _ = socket.recv_fds(client, 1, 3)
    body = first
    while not body.endswith(b"\n"):
        body += client.recv(_LARGEST)
    alive, inherited = os.pipe()
    worker = os.fork()
    if worker == 0:
        client.close()
        os.close(alive)
        work(json.loads(body), streams)
    os.close(inherited)
    for stream in streams:
        os.close(stream)
    while True:
        ready, _, _ = select.select([alive, client], [], [])
        if alive in ready:
            break
        os.kill(worker, signal.SIGTERM)  # the client is gone
        select.select([alive], [], [])
        break
    _, status = os.waitpid(worker, 0)
    try:
        client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    except OSError:
        os._exit(0)
    os._exit(0)


def work(request: dict[str, object], streams: list[int]) -> None:
    """Be the command; never returns."""
    import traceback

    from mailbatch.cli.main import main

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    sys.argv = ["mailbatch", *request["arguments"]]  # type: ignore[misc]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does for a program of its own
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
