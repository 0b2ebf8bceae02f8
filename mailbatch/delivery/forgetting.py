"""The forgetting of a person in a folder: ledgers, store of reports, dialogues and results files.

Where the state names a database, the ledgers in there count, too: those of all jobs.

    found = look(Path("."), None, "ann@example.com")    # Found: where there is something to do
    if found:
        forget(found)

The order matters: the store and the results take the aliases from the ledgers while these still
know the address, and the ledgers come last; so a process that dies is followed by one that finds
the rest. This module must never touch a table or a list of the user.

Tests: tests/cli/test_forget.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery.dialogues import dialogues_in
from mailbatch.delivery.dialogues import forget as forget_dialogues
from mailbatch.delivery.dialogues import mentions as mentions_in
from mailbatch.delivery.ledgers import (
    LedgerPlace,
    discard,
    is_rehearsed,
    ledgers_in,
    ledgers_of,
    open_to_decide,
    open_to_read,
)
from mailbatch.delivery.places import REHEARSALS, USUAL, is_store_there, state_folder, store_path
from mailbatch.delivery.rehearsals import has_rehearsals
from mailbatch.delivery.state import State, folder_of, url_of
from mailbatch.envelope import address_key
from mailbatch.frozen import frozen
from mailbatch.results.masking import is_results, mask_results, mentions

if TYPE_CHECKING:
    from mailbatch.reports.forgetting import Person


@frozen
class InLedger:
    """The traces in one ledger; `busy` says which process writes it, None: none does.

    `rehearsed`: the secret of a rehearsal is no secret, so that its ledger is removed as a whole.
    """

    place: LedgerPlace
    rows: int
    mailed: int
    unsent: int
    in_doubt: int
    busy: str | None
    rehearsed: bool = False


@dataclass(slots=True)
class Found:
    """The traces of a person, by the address in lower case; false where there is nothing to do.

    `stores` has each store with the number of bodies that mention the person, `dialogues` each file
    of dialogues with the number of those that name the person; `aliases` the aliases
    by the Message-IDs of the person, `own` the Message-IDs of messages to nobody else. `unread`
    are ledgers in the database that this user may not read.
    """

    address: str
    ledgers: list[InLedger] = field(default_factory=list)
    stores: list[tuple[Path, int]] = field(default_factory=list)
    dialogues: list[tuple[Path, int]] = field(default_factory=list)
    results: list[Path] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    #: The stores that are there: written anew in any case, for a forgetting that died.
    all_stores: list[Path] = field(default_factory=list)
    unread: list[LedgerPlace] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.ledgers or self.stores or self.dialogues or self.results)

    @property
    def person(self) -> Person:
        """The person, for a store of reports."""
        from mailbatch.reports.forgetting import Person

        return Person(self.address, self.aliases, frozenset(self.own))


def look(folder: Path, state: State, address: str) -> Found:
    """Look for a person in a folder of jobs, and in the database of the state.

    Raises:
        LedgerError, StoreError, OutputError: a file, or the database, cannot be read (74).
    """
    found = Found(address_key(address))
    states = _states(folder, folder_of(state))
    if (url := url_of(state)) is not None:
        places, found.unread = ledgers_in(url, states)
        for place in places:
            _look_into_ledger(found, place)
    for one in states:
        for path in ledgers_of(one, one):
            _look_into_ledger(found, path)
        counted = [(path, mentions_in(path, found.address)) for path in dialogues_in(one)]
        found.dialogues += [(path, number) for path, number in counted if number]
    found.results += [path for path in _results_below(folder) if mentions(path, found.address)]
    for store in filter(is_store_there, map(store_path, states)):
        from mailbatch.reports.store import ReportStore

        found.all_stores.append(store)
        with ReportStore(store) as opened:
            opened.read_kept()
            bodies = opened.traces(found.person)
        if bodies:
            found.stores.append((store, bodies))
    return found


def _states(folder: Path, given: Path | None) -> list[Path]:
    """Return the state folders: that of the folder, those of folders below, and their rehearsals.

    Raises:
        LedgerError: the folder of the first cannot be one (74).
    """
    below = sorted(path for path in folder.rglob(USUAL) if path.is_dir())
    found = dict.fromkeys((state_folder(folder, given), *below))
    return [
        one for state in found for one in (state, *filter(has_rehearsals, (state / REHEARSALS,)))
    ]


def _look_into_ledger(found: Found, place: LedgerPlace) -> None:
    with open_to_read(place) as ledger:
        forgetting, held_by = ledger.forgetting(), next(iter(ledger.writers()), None)
        traces = forgetting.look(found.address)
        if not traces and not forgetting.has_forgotten:
            return
        aliases = forgetting.aliases(found.address)
    rehearsed = is_rehearsed(place)
    found.own |= aliases.own
    if not rehearsed:
        found.aliases.update(dict.fromkeys(aliases.names, aliases.alias))
    if not traces:
        return
    found.ledgers.append(
        InLedger(
            place, traces.rows, traces.mailed, traces.unsent, traces.in_doubt,
            None if held_by is None else str(held_by), rehearsed,
        )
    )  # fmt: skip


def _results_below(folder: Path) -> Iterator[Path]:
    """Yield the results files of a folder, those of hidden folders left out."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts[:-1]
        hidden = any(part.startswith(".") for part in inside)
        if not hidden and path.is_file() and is_results(path):
            yield path


def forget(found: Found) -> None:
    """Forget a person, where `look` has found the traces.

    Raises:
        LedgerLocked: a run holds a ledger (75).
        LedgerError, StoreError, OutputError: a file cannot be written (74). The same again goes on.
    """
    from mailbatch.reports.forgetting import UNKNOWN
    from mailbatch.reports.store import ReportStore

    for store in found.all_stores:
        with ReportStore(store) as opened:
            opened.forget_person(found.person)
    for path in found.results:
        mask_results(path, found.address, found.aliases, UNKNOWN)
    for path, _ in found.dialogues:
        forget_dialogues(path, found.address, UNKNOWN)
    for ledger in found.ledgers:
        if ledger.rehearsed and isinstance(ledger.place, Path):
            discard(ledger.place)
            continue
        with open_to_decide(ledger.place) as opened_ledger:
            opened_ledger.forgetting().forget(found.address)
