"""Histories of a mailing over workers, drawn at random: who dies, freezes or is cut off, and when.

    with Stand(cluster, folder) as stand:
        for told in live(stand, range(200)):      # AssertionError where a promise was not kept
            print(told)

A history is a run and two workers on one mailing of half a second. Events strike when the server
has so many messages, and the journal of the server is then held against the results: none twice,
none lost, at most one in doubt for each session of a process that was killed and for each
connection that the server reset, and none where neither happened.

Two of three mailings have a daily number, `server.cap` or `server.warmup`. A day passes where a run
ends before all is sent, by the times in the database, and no day has more messages than its number.

Several histories at a time share a cluster, so that a crash strikes all of them. They take turns in
one thread: each is a generator of the facts that it waits for.

Tests: tests/certainty/test_histories.py.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from mailbatch.ledger.postgres.address import place_in
from tests.certainty.forked import Forked, start
from tests.certainty.scene import PATIENT, SETTLED, Scene
from tests.support.fault_server import FaultServer
from tests.support.faults import Fault, Kind, Stage
from tests.support.postgresql import Cluster

Fact = Callable[[], bool]
#: Recipients of a mailing, sessions of a process, events of a history.
RECIPIENTS, SESSIONS, EVENTS = 36, 2, 3
#: Recipients a second of all workers together: a mailing has to last long enough to be disturbed.
RATE = 90
#: The daily numbers of the kinds of mailings: the settings of the server, and the first days.
KINDS: tuple[tuple[dict[str, Any], tuple[int, ...]], ...] = (
    ({}, ()),
    ({"cap": "14/day"}, (14,)),
    ({"warmup": {"from": 10, "to": 30, "days": 2}}, (10, 30)),
)
#: A day, and how long a doubt counts beyond: seconds.
_DAY = 86_400 + 660
#: Histories that are under way at a time.
AT_ONCE = 4
#: What ends a history that does not end, and how often facts are looked at: seconds.
LONG, _LOOK = 90.0, 0.003
_RUN, _WORK = "run", "work"
#: The exits of a process that lived on: at its end; with doubts (4); buried alive, or where
#: the database was away when it started (74); behind a signal (75).
_EXITS = {_RUN: {0, 4, 74, 75}, _WORK: {0, 74, 75}}


@dataclass(slots=True)
class Told:
    """A history that kept the promise: its events, and what these cost."""

    seed: int
    events: list[str]
    messages: int = 0
    #: Recipients in doubt, those of them whose message the server has, and how many there might be.
    doubts: int = 0
    arrived: int = 0
    most: int = 0


@dataclass(slots=True)
class _Process:
    role: str
    #: The user of its connections, by which the database knows them apart.
    user: str
    forked: Forked
    killed: bool = False
    #: Whether it was told to stop: a second signal would stop it at once.
    leaves: bool = False

    @property
    def is_alive(self) -> bool:
        return self.forked.process.exitcode is None

    def send(self, signum: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.forked.pid, signum)

    def leave(self) -> None:
        if not self.leaves:
            self.leaves = True
            self.send(signal.SIGTERM)


class Stand:
    """A cluster and a folder for histories."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        #: Backends that are frozen: a crash would wait for these.
        self.held: set[int] = set()
        # The run, two workers, those that join, and the runs at the end.
        self.users = [f"process{number}" for number in range(3 + 2 * EVENTS + EVENTS)]

    def __enter__(self) -> Self:
        for name in self.users:
            self.cluster.execute(f"CREATE ROLE {name} SUPERUSER LOGIN")
        return self

    def __exit__(self, *_error: object) -> None:
        for name in self.users:
            self.cluster.execute(f"DROP ROLE {name}")

    def url(self, database: str, user: str) -> str:
        """Return the URL of a database for a process."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.cluster.folder), safe='')}"

    def backends(self, database: str, user: str) -> list[int]:
        """Return the processes of the database that serve a process of a history."""
        rows = self.cluster.fetch(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}'"  # noqa: S608
            f" AND usename = '{user}' AND backend_type = 'client backend'"
        )
        return [row["pid"] for row in rows]

    def execute(self, database: str, statements: str) -> None:
        """Execute statements in a database of the stand."""
        asyncio.run(self._execute(database, statements))

    async def _execute(self, database: str, statements: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(self.url(database, self.users[0]))
        try:
            with suppress(asyncpg.UndefinedTableError):  # no run has come so far
                await connection.execute(statements)
        finally:
            await connection.close()

    def hold(self, pids: Iterable[int]) -> None:
        """Freeze processes of the database."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            self.held.add(pid)

    def let_go(self) -> None:
        """Let all processes of the database go on."""
        while self.held:
            with suppress(ProcessLookupError):
                os.kill(self.held.pop(), signal.SIGCONT)

    def crash(self) -> None:
        """Kill the database, and start it."""
        self.let_go()
        self.cluster.stop("immediate")
        self.cluster.start()


class History:
    """One history of a stand."""

    def __init__(self, stand: Stand, seed: int) -> None:
        chance = random.Random(seed)
        self._stand = stand
        self._chance = chance
        self._database = f"history{seed}"
        self._folder = stand.folder / str(seed)
        self.told = Told(seed, [chance.choice(list(_EVENTS)) for _ in range(EVENTS)])
        # The last of them strikes while there is something left to be sent.
        self._at = sorted(chance.sample(range(1, RECIPIENTS - 8), EVENTS))
        self._server = FaultServer(
            [
                Fault(Stage.DOT, Kind.RST, transaction=at + 1)
                for at, event in zip(self._at, self.told.events, strict=True)
                if event == "reset"
            ]
        )
        self._settings, self._numbers = KINDS[seed % len(KINDS)]
        #: How many messages the server had at the end of each day.
        self._days: list[int] = []
        self._users = cycle(stand.users)
        self._processes: list[_Process] = []

    def live(self) -> Iterator[Fact]:
        """Live through the history; yields the facts that are waited for.

        Raises:
            AssertionError: a promise was not kept.
        """
        self._stand.cluster.execute(f"CREATE DATABASE {self._database}")
        try:
            with self._server as server:
                self._scene = Scene(
                    self._folder / "scene", server.port, recipients=RECIPIENTS, sessions=SESSIONS,
                    attempts=9, rate=f"{RATE}/s", timeouts=PATIENT, text="Hello\n",
                    **self._settings,
                )  # fmt: skip
                yield from self._play()
                self._check()
        finally:
            # A database is dropped when all processes of all databases have heard of it.
            self._stand.let_go()
            for process in self._alive():
                process.send(signal.SIGKILL)
            self._stand.cluster.execute(f"DROP DATABASE {self._database} WITH (FORCE)")
        shutil.rmtree(self._folder)

    def last_words(self) -> list[str]:
        """Kill what is still alive, and return what the processes said."""
        said = []
        for process in self._processes:
            alive = process.is_alive
            process.send(signal.SIGUSR1)
            time.sleep(0.5)  # it says where its threads stand
            process.send(signal.SIGKILL)
            code, _, err = process.forked.end()
            said.append(f"{process.role} {process.user} {'alive' if alive else code}: {err}")
        self._processes.clear()
        return [f"{self._sent()} sent", *said]

    def _play(self) -> Iterator[Fact]:
        self._start(_RUN)
        self._start(_WORK)
        self._start(_WORK)
        for at, event in zip(self._at, self.told.events, strict=True):
            yield lambda at=at: self._has_come(at)  # type: ignore[misc]
            if not self._alive():
                self._start(_RUN)
                self._start(_WORK)
                yield lambda at=at: self._has_come(at)  # type: ignore[misc]
            yield from _EVENTS[event](self)
        runs = [process for process in self._processes if process.role == _RUN]
        yield lambda: not any(run.is_alive for run in runs)
        yield from self._dismiss()
        codes = [self._end(run) for run in runs]
        while codes[-1] not in {0, 4}:
            self._end_the_day()
            last = self._start(_RUN)
            yield lambda last=last: not last.is_alive  # type: ignore[misc]
            codes.append(self._end(last))

    def _end_the_day(self) -> None:
        """Let a day pass for all that was settled, where the mailing has a daily number."""
        if not self._numbers:
            return
        self._days.append(len(self._server.deliveries()))
        schema = place_in(self._stand.url(self._database, "x"), "scene", "1").schema
        self._stand.execute(
            self._database,
            f"UPDATE {schema}.recipient SET settled_at = settled_at - {_DAY};"  # noqa: S608
            f"DELETE FROM {schema}.fact WHERE name = 'doubted_at'",
        )

    def _dismiss(self) -> Iterator[Fact]:
        """Tell the workers to stop, and wait for their end."""
        workers = [process for process in self._processes if process.role == _WORK]
        for worker in workers:
            worker.leave()
        for worker in workers:
            yield lambda worker=worker: not worker.is_alive  # type: ignore[misc]
            self._end(worker)

    # -- processes -----------------------------------------------------------------------------

    def _start(self, role: str) -> _Process:
        user = next(self._users)
        environ = {
            "MAILBATCH_LEDGER": self._stand.url(self._database, user),
            "MAILBATCH_STATE_DIR": str(self._folder / "state"),
        }
        words = ("run", "job.yaml", "--yes")
        if role == _WORK:
            words = ("work", "--forever", "--sessions", str(SESSIONS))
        folder = self._scene.folder if role == _RUN else self._folder
        process = _Process(role, user, start(*words, cwd=folder, environ=environ, hasty=True))
        self._processes.append(process)
        return process

    def _alive(self) -> list[_Process]:
        return [process for process in self._processes if process.is_alive]

    def _one(self) -> _Process | None:
        """Choose a process that is alive."""
        alive = self._alive()
        return self._chance.choice(alive) if alive else None

    def _end(self, process: _Process) -> int:
        """Return the exit code of a process that has ended, one of those that may be."""
        code, _, err = process.forked.end()
        self._processes.remove(process)
        wanted = _EXITS[process.role] | ({-9} if process.killed else set())
        if process.leaves:  # while it started: nobody hears a signal yet
            wanted = wanted | {-signal.SIGTERM}
        assert code in wanted, (code, err)
        return code

    def _has_come(self, number: int) -> bool:
        """Say whether the server has so many messages, or nothing brings it any more.

        A run that was killed leaves a mailing that the workers finish; one that a crash ended at
        its start leaves none.
        """
        runs = [one for one in self._processes if one.role == _RUN]
        ended = [one for one in runs if not one.is_alive]
        if self._numbers and len(ended) == len(runs):
            return True  # the day may be used up, and no worker says so
        return self._sent() >= number or not self._alive() or not all(run.killed for run in ended)

    def _sent(self) -> int:
        return len(self._server.stages("dot"))

    # -- events --------------------------------------------------------------------------------

    def _pause(self, least: float = 0.02, most: float = 0.25) -> Iterator[Fact]:
        until = time.monotonic() + self._chance.uniform(least, most)
        yield lambda: time.monotonic() > until

    def _kill(self, process: _Process) -> None:
        process.killed = True
        process.send(signal.SIGKILL)
        self.told.most += SESSIONS

    def _backends(self, process: _Process) -> list[int]:
        return self._stand.backends(self._database, process.user)

    def _terminate(self, process: _Process) -> None:
        """End connections of a process to the database: mostly all of them."""
        for pid in self._backends(process):
            if self._chance.random() < 0.8:
                self._stand.cluster.execute(f"SELECT pg_terminate_backend({pid}, 10000)")

    def killed(self) -> Iterator[Fact]:
        """A process dies."""
        for process in filter(None, [self._one()]):
            self._kill(process)
        yield from ()

    def all_killed(self) -> Iterator[Fact]:
        """All processes die."""
        for process in self._alive():
            self._kill(process)
        yield from ()

    def frozen(self) -> Iterator[Fact]:
        """A process stands still for a while, with its connections."""
        for process in filter(None, [self._one()]):
            process.send(signal.SIGSTOP)
            yield from self._pause()
            process.send(signal.SIGCONT)

    def frozen_and_cut(self) -> Iterator[Fact]:
        """A process stands still, is taken for dead by its peers, and wakes up."""
        for process in filter(None, [self._one()]):
            process.send(signal.SIGSTOP)
            self._terminate(process)
            yield from self._pause()
            process.send(signal.SIGCONT)

    def cut_from_database(self) -> Iterator[Fact]:
        """The connections of a process to the database end."""
        for process in filter(None, [self._one()]):
            self._terminate(process)
        yield from ()

    def database_silent(self) -> Iterator[Fact]:
        """The database does not answer a process for a while."""
        for process in filter(None, [self._one()]):
            self._stand.hold(self._backends(process))
            yield from self._pause()
            self._stand.let_go()

    def server_silent(self) -> Iterator[Fact]:
        """The server does not answer for a while."""
        self._server.stand_still_at(len(self._server.journal))
        yield from self._pause()
        self._server.stand_still_at(None)

    def both_silent(self) -> Iterator[Fact]:
        """A process has no connection to the database, and no answer of the server."""
        self._server.stand_still_at(len(self._server.journal))
        yield from self.cut_from_database()
        yield from self._pause()
        self._server.stand_still_at(None)

    def reset(self) -> Iterator[Fact]:
        """The server resets a connection behind the end of data: a fault of the server does so."""
        self.told.most += 1
        yield from ()

    def database_killed(self) -> Iterator[Fact]:
        """The database dies, and is started."""
        self._stand.crash()
        yield from ()

    def database_killed_with_a_process(self) -> Iterator[Fact]:
        """The database and a process die at once."""
        yield from self.killed()
        self._stand.crash()

    def leaves(self) -> Iterator[Fact]:
        """A process is told to stop."""
        for process in filter(None, [self._one()]):
            process.leave()
        yield from ()

    def joins(self) -> Iterator[Fact]:
        """Another worker joins."""
        self._start(_WORK)
        yield from ()

    # -- the promise ---------------------------------------------------------------------------

    def _check(self) -> None:
        told, taken = self.told, self._server.deliveries()
        self._check_days(len(taken))
        statuses = self._scene.statuses()
        got = Counter(address for message in taken for address in message.recipients)
        assert sorted(statuses) == sorted(self._scene.addresses)
        assert set(statuses.values()) <= SETTLED, statuses
        assert set(got.values()) <= {1}, {a: n for a, n in got.items() if n > 1}
        for address, status in statuses.items():
            assert status == "in_doubt" or (status == "accepted") == bool(got[address]), address
        doubtful = [address for address, status in statuses.items() if status == "in_doubt"]
        told.messages = len(taken)
        told.doubts = len(doubtful)
        told.arrived = sum(got[address] for address in doubtful)
        assert told.doubts <= told.most, doubtful

    def _check_days(self, sent: int) -> None:
        """Hold the messages of each day against its number."""
        before = 0
        for day, until in enumerate([*self._days, sent] if self._numbers else ()):
            most = self._numbers[min(day, len(self._numbers) - 1)]
            assert until - before <= most, (self._days, sent)
            before = until


_EVENTS: dict[str, Callable[[History], Iterator[Fact]]] = {
    event.__name__: event
    for event in (
        History.killed, History.all_killed, History.frozen, History.frozen_and_cut,
        History.cut_from_database, History.database_silent, History.server_silent,
        History.both_silent, History.reset, History.database_killed,
        History.database_killed_with_a_process, History.leaves, History.joins,
    )
}  # fmt: skip


def live(stand: Stand, seeds: Iterable[int]) -> Iterator[Told]:
    """Live through the histories of seeds, several at a time; yield each that kept the promise.

    Raises:
        AssertionError: a promise was not kept; the note of the error names the history.
        TimeoutError: a history did not end.
    """
    waiting = iter(seeds)
    playing: list[tuple[History, Iterator[Fact], Fact, float]] = []
    try:
        while True:
            while len(playing) < AT_ONCE and (seed := next(waiting, None)) is not None:
                history = History(stand, seed)
                steps = history.live()
                playing.append((history, steps, next(steps), time.monotonic() + LONG))
            if not playing:
                return
            for place, (history, steps, fact, until) in enumerate(playing):
                if not fact():
                    if time.monotonic() > until:
                        said = history.last_words()
                        raise TimeoutError(f"history {history.told} does not end: {said}")
                    continue
                try:
                    following = next(steps, None)
                except BaseException as error:
                    error.add_note(f"in {history.told}")
                    raise
                if following is None:
                    del playing[place]
                    yield history.told
                    break
                playing[place] = (history, steps, following, until)
            time.sleep(_LOOK)
    finally:
        stand.let_go()
        for _, steps, _, _ in playing:
            steps.close()  # type: ignore[attr-defined]
