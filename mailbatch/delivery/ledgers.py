"""The ledger of an edition: the one place that opens a ledger, and knows the kinds of ledgers.

    with open_to_read(place_of(job, "2026-W48", state)) as ledger:
        print(ledger.standing.counts())

A ledger is opened to run, to decide about doubts, or to read, and is known by its roles alone
(`ledger.ports`). Its place is a file, or a schema in a PostgreSQL database; all other modules take
a place as it is. A third kind of ledger would join here. The driver of the database is imported
where one is named.

Tests: tests/cli/test_database.py, tests/cli/test_doubt.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from mailbatch.delivery.places import (
    edition_of_ledger,
    is_ledger,
    ledger_path,
    state_dir,
    state_folder,
)
from mailbatch.delivery.rehearsals import has_rehearsals
from mailbatch.delivery.state import InDatabase, State
from mailbatch.errors import LedgerError, UsageError
from mailbatch.job.model import Job
from mailbatch.ledger import kin, opening
from mailbatch.ledger.discarding import discard
from mailbatch.ledger.ports import OpenLedger
from mailbatch.ledger.postgres.address import Place, check_driver, place_in
from mailbatch.ledger.published import (
    TERMS,
    Company,
    Counted,
    Grant,
    Publication,
    Published,
    Sample,
    publication_of,
)
from mailbatch.ledger.store import Ledger
from mailbatch.ledger.taken import END_OF_DATA
from mailbatch.ledger.turn import Turn

if TYPE_CHECKING:
    from mailbatch.ledger.corrected import Correcting
    from mailbatch.ledger.postgres.store import PostgresLedger
    from mailbatch.ledger.proved import Proving

__all__ = [
    "TERMS",
    "Company",
    "Counted",
    "Grant",
    "LedgerPlace",
    "Publication",
    "Published",
    "Sample",
    "begun_editions",
    "container_of",
    "corrections_of",
    "count_mailed",
    "discard",
    "is_begun",
    "is_known",
    "is_rehearsed",
    "ledgers_in",
    "ledgers_of",
    "lost_editions",
    "make_roles",
    "move_to",
    "open_mailings",
    "open_to_archive",
    "open_to_decide",
    "open_to_prove",
    "open_to_read",
    "open_to_run",
    "open_to_work",
    "other_ledgers",
    "place_of",
    "publication_of",
    "remedy",
    "taken_by_others",
    "turn_of",
    "written_at",
]

_LOCK = ".lock"
#: The place of a ledger: a file, or a schema in a database.
LedgerPlace: TypeAlias = Path | Place


def place_of(job: Job, edition: str, state: State) -> LedgerPlace:
    """Return the place of the ledger of an edition, which need not be there."""
    if isinstance(state, InDatabase):
        return place_in(state.url, job.name, edition, seen=state_dir(job, state))
    return ledger_path(job, edition, state_dir(job, state))


def is_begun(place: LedgerPlace) -> bool:
    """Say whether an edition has a ledger, as far as this user may see.

    Raises:
        LedgerError: the database cannot be asked (74).
    """
    if isinstance(place, Place):
        return is_known(place)
    try:
        return place.exists()
    except OSError:  # the folder is another user's
        return False


def is_known(place: LedgerPlace) -> bool:
    """Say whether there is a ledger, or a file beside its place that knows of one.

    Raises:
        LedgerError: the system, or the database, cannot tell (74).
    """
    if isinstance(place, Place):
        return bool(_editions().is_there(place))
    return opening.is_known(place)


def is_rehearsed(place: LedgerPlace) -> bool:
    """Say whether the ledgers at a place are those of rehearsals, which are files always."""
    return isinstance(place, Path) and has_rehearsals(place.parent)


def container_of(place: LedgerPlace) -> Path | Place:
    """Return the folder, or the database, that a ledger lies in."""
    return place.parent if isinstance(place, Path) else Place(place.url)


def remedy(place: LedgerPlace) -> str:
    """Return the next step of a user whose ledger is not at its place."""
    if isinstance(place, Place):
        return "name its database with --ledger (MAILBATCH_LEDGER)"
    return "put it back, with the files beside it, or name its folder with --state-dir"


def begun_editions(job: Job, state: State) -> list[str]:
    """Return the editions of a job that have a ledger, the one written last first.

    A folder that is not there has none.

    Raises:
        LedgerError: the folder, or the database, cannot be read (74).
    """
    if isinstance(state, InDatabase):
        return list(_editions().editions_of(Place(state.url), job.name))
    folder = state_dir(job, state)
    try:
        found = [
            (path.stat().st_mtime, edition)
            for path in folder.iterdir()
            if (edition := edition_of_ledger(job, path)) is not None
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerError(f"{folder}: {error.strerror}") from error
    found.sort(key=lambda one: one[0], reverse=True)
    return [edition for _, edition in found]


def lost_editions(job: Job, state: State) -> Iterator[tuple[str, float]]:
    """Yield each edition of a job whose ledger is gone, and when it was last locked.

    Seconds since the epoch. The lock file stays where a file is taken away; a database keeps none.

    Raises:
        LedgerError: the folder cannot be read.
    """
    if isinstance(state, InDatabase):
        return
    folder = state_dir(job, state)
    try:
        locks = [path for path in folder.iterdir() if path.name.endswith(_LOCK)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise LedgerError(f"{folder}: {error.strerror}") from error
    for lock in locks:
        path = lock.with_name(lock.name.removesuffix(_LOCK))
        edition = edition_of_ledger(job, path)
        if edition is not None and not is_begun(path) and is_known(path):
            yield edition, lock.stat().st_mtime


def other_ledgers(place: LedgerPlace, job: Job, edition: str, state: State) -> list[LedgerPlace]:
    """Return the ledgers that may have an edition under another name: those of other jobs, sorted.

    Beside a database the files of the state folder count, those of the job itself included: the
    mailing may have been begun without the database.

    Raises:
        LedgerError: the database cannot be asked (74).
    """
    file = ledger_path(job, edition, state_dir(job, state))
    files: list[LedgerPlace] = [*kin.other_ledgers(file)]
    if isinstance(place, Path):
        return files
    if is_begun(file):
        files.insert(0, file)
    return [*_editions().others(place, job.name, edition), *files]


def count_mailed(place: LedgerPlace, addresses: Iterable[str]) -> int:
    """Count the addresses that have, or may have, the message of the ledger at a place.

    Raises:
        LedgerError: the ledger cannot be read (74).
    """
    if isinstance(place, Place):
        return int(_editions().count_mailed(place, addresses))
    return kin.count_mailed(place, addresses)


def turn_of(job: Job, state: State) -> AbstractContextManager[object] | None:
    """Take the turn of a job, whatever the edition; None where another run of the job has it.

    Raises:
        LedgerError: the file of the turn cannot be made, or the database not be asked (74).
    """
    if isinstance(state, InDatabase):
        taken: AbstractContextManager[object] | None = _editions().take_turn(
            Place(state.url), job.name
        )
        return taken
    return Turn.take(state_dir(job, state) / f"{job.name}.cap")


def taken_by_others(
    job: Job,
    edition: str | None,
    state: State,
    since: float,
    *,
    server: str | None = None,
    corrects: str | None = None,
) -> tuple[list[tuple[float, int]], bool]:
    """Return the recipients of all editions but one, and whether a run writes one of these.

    The recipients are those that `server` took later than `since`, as `Standings.taken_since` has
    them. A file that was not written since then is not opened. The edition `corrects` counts, and
    no run sends that one: the run that corrects the edition holds its ledger, or has stopped it.

    Raises:
        LedgerError: a ledger cannot be read (74).
    """
    taken: list[tuple[float, int]] = []
    is_busy = False
    for other in begun_editions(job, state):
        place = place_of(job, other, state)
        if other == edition:
            continue
        if isinstance(place, Path) and written_at(place) + END_OF_DATA < since:
            continue
        with open_to_read(place) as ledger:
            is_busy = is_busy or (other != corrects and bool(ledger.writers()))
            taken += ledger.standing.taken_since(since, server=server)
    return taken, is_busy


def written_at(path: Path) -> float:
    """Return when a ledger was last written, its journal included (seconds since the epoch)."""
    latest = 0.0
    for one in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            latest = max(latest, one.stat().st_mtime)
    return latest


def ledgers_of(folder: Path, given: Path | None) -> list[Path]:
    """Return the files of ledgers of the jobs in a folder, or those in the folder itself; sorted.

    `given` is the folder of `--state-dir`, which takes the place of `.mailbatch/`.

    Raises:
        LedgerError: a folder cannot be read.
    """
    found: list[Path] = []
    for place in dict.fromkeys((folder, state_folder(folder, given))):
        try:
            if place.is_dir():
                found += (path for path in place.iterdir() if is_ledger(path))
        except OSError as error:
            raise LedgerError(f"{place} cannot be read: {error.strerror}") from error
    return sorted(found)


def open_to_run(
    place: LedgerPlace, *, job: str, edition: str, message_id_domain: str, secret: str | None = None
) -> OpenLedger:
    """Open the ledger of an edition for a run: created if there is none, locked and recovered.

    `message_id_domain` goes into the Message-IDs that are fixed from now on. `secret` goes into
    those of a ledger that is created, by default a random one: then no stranger can work out the
    Message-ID of a delivery. With the same secret the Message-IDs of two ledgers are the same.

    Raises:
        LedgerLocked: another run holds the ledger.
        LedgerError: a damaged ledger, one older than the last run, or one of another mailing; or
            the database cannot be reached, or is not fit (74).
    """
    if isinstance(place, Path):
        return Ledger.open(
            place, job=job, edition=edition, message_id_domain=message_id_domain, secret=secret
        )
    return _postgres().open(
        place, job=job, edition=edition, message_id_domain=message_id_domain, secret=secret
    )


def open_to_decide(
    place: LedgerPlace, *, restored: bool = False, beside: bool = False
) -> OpenLedger:
    """Open the ledger of an edition to decide about doubts, not to send: locked and recovered.

    `restored` takes the ledger as it stands, although this may be an older copy; deliveries that
    were leased and not settled are in doubt. `beside`: also while a run writes a ledger in a
    database; a file has one writer.

    Raises:
        LedgerError: there is none; else as `open_to_run`.
    """
    if isinstance(place, Path):
        return Ledger.reopen(place, restored=restored)
    return _postgres().reopen(place, restored=restored, beside=beside)


def open_to_read(place: LedgerPlace) -> OpenLedger:
    """Open the ledger of an edition to read, also while a run is writing.

    Recipients that a dead run left in doubt are shown so, before the next run records that.

    Raises:
        LedgerError: there is none, or one that is damaged, or older than the last run; or the
            database cannot be reached (74).
    """
    if isinstance(place, Path):
        return Ledger.read(place)
    return _postgres().read(place)


def move_to(ledger: OpenLedger, server: str) -> None:
    """Have a run go on at another server of the job, host and port; no delivery may be leased.

    All that is recorded from now on is of that server. Pending recipients are due there at once.

    Raises:
        LedgerError: the move cannot be recorded, or the ledger is none that knows of servers (74).
    """
    if not isinstance(ledger, Ledger):
        raise LedgerError(f"{ledger.path}: a ledger in a database knows of one server alone")
    ledger.move_to(server)


def corrections_of(ledger: OpenLedger) -> Correcting | None:
    """Return the corrections of the edition of an open ledger; None for one in a database."""
    return ledger.corrections() if isinstance(ledger, Ledger) else None


@contextmanager
def open_to_prove(place: LedgerPlace) -> Iterator[Proving]:
    """Open the ledger of an edition for its proof, also while a run is writing.

    Raises:
        LedgerError: as `open_to_read`; or the ledger has no secret to name recipients by (74).
    """
    if isinstance(place, Path):
        with Ledger.read(place) as file, file.proof() as proof:
            yield proof
    else:
        with _postgres().read(place) as ledger, ledger.proof() as proof_of_database:
            yield proof_of_database


# -- the database, imported where one is named ----------------------------------------------------


def ledgers_in(url: str, states: Sequence[Path]) -> tuple[list[LedgerPlace], list[LedgerPlace]]:
    """Return the places of the ledgers in a database, and those that this role may not read.

    Each place has the first of the state folders that has seen the ledger, else the first of all.

    Raises:
        JobError: the extra `postgres` is not installed (78).
        LedgerError: the database cannot be asked (74).
    """
    editions = _editions()
    found: list[LedgerPlace] = []
    for one in editions.places_in(url):
        seen = (state for state in states if any(state.glob(f"{one.schema}.*.seen")))
        found.append(Place(url, one.schema, next(seen, states[0])))
    return found, unread_in(url)


def unread_in(url: str) -> list[LedgerPlace]:
    """Return the places of the ledgers in a database that this role may not read.

    Raises:
        JobError: the extra `postgres` is not installed (78).
        LedgerError: the database cannot be asked (74).
    """
    return [*_editions().unreadable(url)]


def open_mailings(url: str, *, seen: Path | None = None) -> list[LedgerPlace]:
    """Return the places of the mailings in a database that workers may send now; oldest first.

    `seen` is the folder where this machine keeps what it has seen of their ledgers; None: nowhere.

    Raises:
        JobError: the extra `postgres` is not installed (78).
        LedgerError: the database cannot be read (74).
    """
    check_driver()
    from mailbatch.ledger.postgres.mailings import open_mailings as found

    return [*found(url, seen=seen)]


def open_to_work(place: LedgerPlace, *, message_id_domain: str, bundle: str) -> OpenLedger:
    """Open the ledger of an edition as a worker beside others, that never changes the plan.

    `bundle` is the mark of the bundle that the messages are made of (`Published.mark`).

    Raises:
        LedgerError: there is none, or the ledger is a file, with which one process sends (74).
    """
    if isinstance(place, Path):
        raise LedgerError(f"{place}: one process sends with a ledger in a file")
    return _postgres().join(place, message_id_domain=message_id_domain, bundle=bundle)


def open_to_archive(place: LedgerPlace) -> PostgresLedger:
    """Open the ledger of an edition to put it away: no other process writes the ledger.

    Raises:
        LedgerLocked: a run or a worker is under way (75).
        LedgerError: as `open_to_decide`.
        UsageError: the ledger is a file.
    """
    if isinstance(place, Path):
        raise UsageError(
            f"{place}: a ledger in a file is put away by moving the file",
            hint="name a database with --ledger (MAILBATCH_LEDGER)",
        )
    ledger = _postgres().reopen(place)
    try:
        ledger.check_idle()
    except BaseException:
        ledger.close()
        raise
    return ledger


def make_roles(url: str, planner: str, worker: str, *, executes: bool) -> str:
    """Return the SQL that makes the two roles of a database, executed there if `executes`.

    Raises:
        JobError: the URL is not to be used, or the extra `postgres` is not installed (78).
        LedgerError: the roles cannot be made (74).
        UsageError: a name is none of a role.
    """
    check_driver()
    from mailbatch.ledger.postgres import roles

    named = roles.Roles(planner, worker)
    if executes:
        roles.make(url, named)
    return roles.script(named)


def _postgres() -> type[PostgresLedger]:
    check_driver()
    from mailbatch.ledger.postgres.store import PostgresLedger

    return PostgresLedger


def _editions() -> ModuleType:
    check_driver()
    from mailbatch.ledger.postgres import editions

    return editions
