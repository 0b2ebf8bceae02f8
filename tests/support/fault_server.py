"""A server for tests that fails where it is told to, and keeps a journal of what it did.

    with FaultServer([Fault(Stage.DOT, Kind.RST)], pipelining=False) as server:
        ...                      # connect to 127.0.0.1, server.port
    server.deliveries()          # what it has taken over, told or not
    server.journal               # every reply, with the facts of its stage

Its parser is its own (`smtp_input`), so that it can judge the client's bytes. Facts in the journal:

| stage         | facts                                                                            |
|---------------|----------------------------------------------------------------------------------|
| data          | `before_354`: bytes of content that did not wait                                 |
| auth-final    | `mechanism`, `username`, `encrypted`                                             |
| body, chunk   | `received`: bytes of content when the fault struck                               |
| dot           | `mail_from`, `parameters`, `recipients` (accepted), `asked` (RCPTs),             |
|               | `message_id`, `sha256` and `size` of the content without transparency, `body`    |
|               | (SHA-256 of what is behind the header),                                          |
|               | `named` (addresses of example.net that stand in it), `thread` (In-Reply-To and   |
|               | References),                                                                     |
|               | `taken`, `told`, `after_dot` (bytes behind the dot before its reply), `waits`    |
|               | (since MAIL began), `chunked` (bytes of a BDAT that came with its command, None  |
|               | with DATA), `content` (bare CR and LF, longest line, 8-bit, NUL)                 |
| starttls-left | `unread`: bytes in the clear behind STARTTLS                                     |
| tls-failed    | `reason`: why there was no handshake                                             |
| closed        | `by`, `in_content`, `received`, `unread`, `waits`, `commands` (as `content`)     |

A wait is a round trip: bytes of the client that came behind replies, once everything it had asked
was answered. A pipelining client that writes each command group at once makes two for each
transaction, one before MAIL and one before the content (so that `waits` of its dot is 1); with
BDAT in the same flight it makes one (0).

It also runs alone, until it is killed, and then survives its client's death:

    python -m tests.support.fault_server --port-file P --journal J \\
        --fault '{"stage": "dot", "kind": "rst"}'
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import ssl
import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from tests.support.fault_conversation import Conversation, Counters
from tests.support.fault_settings import Settings
from tests.support.faults import Fault, FaultPlan, Kind, Stage
from tests.support.journal import Journal, Record, Taken, deliveries
from tests.support.wire import Wire

__all__ = ["Fault", "FaultServer", "Kind", "Settings", "Stage", "Taken", "deliveries"]

_BACKLOG = 128
_JOIN_SECONDS = 10.0


class FaultServer:
    """A listening server, a thread for each connection; a context manager.

    `settings` are those of `fault_settings.Settings`. `journal_file` gets the journal's records,
    too. Leaving the context ends all connections and raises what went wrong inside the server.
    """

    def __init__(
        self,
        faults: Iterable[Fault] | FaultPlan = (),
        *,
        journal_file: Path | None = None,
        port: int = 0,
        **settings: Any,
    ) -> None:
        self._settings = Settings(**settings)
        self._plan = faults if isinstance(faults, FaultPlan) else FaultPlan(faults)
        self._journal = Journal(journal_file)
        self._counters = Counters()
        self._stopping = threading.Event()
        self._errors: list[BaseException] = []
        self._wires: list[Wire] = []
        self._threads: list[threading.Thread] = []
        self._wanted_port = port
        self._listener: socket.socket | None = None
        self.host = "127.0.0.1"
        self.port = 0

    @property
    def journal(self) -> list[Record]:
        """A copy of the journal's records so far."""
        return self._journal.snapshot()

    @property
    def faults_left(self) -> list[Fault]:
        """The faults that have not happened yet."""
        return self._plan.left()

    def deliveries(self) -> list[Taken]:
        """The messages that were taken over, in their order."""
        return deliveries(self.journal)

    def stages(self, stage: Stage | str) -> list[Record]:
        """The journal's records of one stage."""
        return [record for record in self.journal if record["stage"] == stage]

    def wait_for(self, count: int = 1, *, seconds: float = 10.0, **values: Any) -> list[Record]:
        """Wait until that many records of the journal have these values, and give them.

        As in `wait_for(2, stage="closed")`; TimeoutError with the journal after `seconds`.
        """

        def such(records: list[Record]) -> list[Record]:
            return [record for record in records if values.items() <= record.items()]

        return such(self._journal.wait_for(lambda records: len(such(records)) >= count, seconds))

    def stand_still_at(self, records: int | None) -> None:
        """Do nothing more once the journal has that many records; None to go on.

        However late whoever watches is woken, a run cannot get further than that.
        """
        self._journal.limit(records)

    def start(self) -> Self:
        """Listen; `port` is known from here on."""
        listener = socket.create_server((self.host, self._wanted_port), backlog=_BACKLOG)
        # A window is agreed at the handshake: the buffer's size must be set before.
        if self._settings.receive_buffer:
            size = self._settings.receive_buffer
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        self._listener = listener
        self.port = listener.getsockname()[1]
        accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._threads.append(accepting)
        accepting.start()
        return self

    def stop(self) -> None:
        """End every connection; raises the first error that a thread of the server had."""
        if self._listener is None:
            return
        self._stopping.set()
        self._journal.limit(None)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(_JOIN_SECONDS)
        self._listener.close()
        self._listener = None
        for wire in self._wires:
            wire.unblock()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
            if thread.is_alive():
                raise RuntimeError("a connection of the fault server does not end")
        self._journal.close()
        if self._errors:
            raise self._errors[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        for number in range(1, sys.maxsize):
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._settings.send_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._settings.send_buffer)
            wire = Wire(
                sock,
                self._stopping,
                read_size=self._settings.read_size,
                read_pause=self._settings.read_pause,
            )
            self._wires.append(wire)
            talking = threading.Thread(target=self._talk, args=(number, wire), daemon=True)
            self._threads.append(talking)
            talking.start()

    def _talk(self, number: int, wire: Wire) -> None:
        conversation = Conversation(
            number, wire, self._settings, self._plan, self._journal, self._counters
        )
        try:
            conversation.run()
        except BaseException as error:  # noqa: BLE001 - a server's bug must reach the test
            traceback.print_exc()
            self._errors.append(error)


def main(arguments: list[str] | None = None) -> None:
    """Run a fault server until it is killed, or until standard input ends if asked so."""
    parser = argparse.ArgumentParser(description="A mail server that fails as told.")
    parser.add_argument("--port-file", type=Path, required=True, help="gets the port")
    parser.add_argument("--journal", type=Path, required=True, help="gets the records")
    parser.add_argument("--fault", action="append", default=[], help="a fault as JSON")
    parser.add_argument("--settings", default="{}", help="settings as JSON")
    parser.add_argument("--certificate", type=Path, help="PEM chain and key, for TLS")
    parser.add_argument("--until-stdin-ends", action="store_true")
    options = parser.parse_args(arguments)
    settings = json.loads(options.settings)
    if options.certificate:
        settings["tls_context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        settings["tls_context"].load_cert_chain(options.certificate)
    faults = [Fault.from_json(json.loads(text)) for text in options.fault]
    with FaultServer(faults, journal_file=options.journal, **settings) as server:
        beside = options.port_file.with_name(options.port_file.name + ".new")
        beside.write_text(f"{server.port}\n")
        beside.rename(options.port_file)
        if options.until_stdin_ends:
            sys.stdin.read()
        else:
            threading.Event().wait()


if __name__ == "__main__":
    main()
