"""The editions of `mailbatch status` beside one that was begun: not sent yet, or all of a folder.

$ mailbatch status .
newsletter  2026-W47  finished 2026-11-20T08:15:04Z  1,204 accepted, 3 rejected
newsletter  2026-W48  begun 2026-11-27T08:15:00Z     420 accepted, 787 pending
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted, counts_object
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_place import where_rehearsed
from mailbatch.cli.reporting import all_on_the_wire, shown
from mailbatch.errors import LedgerError
from mailbatch.suggest import nearest
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailbatch.cli.ledger_arguments import StatusArguments
    from mailbatch.delivery.editions import Edition
    from mailbatch.job.model import Job


def show_unsent(console: Console, given: StatusArguments, job: Job, edition: str) -> int:
    """Show an edition that was never run: every recipient is pending.

    Raises:
        InputError, InputErrors: the recipient table is wrong.
    """
    from mailbatch.cli.summary import asked_objects, say_asked
    from mailbatch.delivery.asked import rows_of
    from mailbatch.delivery.inspection import first_plan
    from mailbatch.delivery.ledgers import begun_editions, container_of, is_rehearsed, place_of
    from mailbatch.delivery.state import state_of

    with first_plan(job, edition) as ledger:
        counts = ledger.standing.counts()
        asked = rows_of(ledger, all_on_the_wire(given.only))
    if given.as_json:
        told = {"job": job.name, "edition": edition, **counts_object(counts)}
        only = {"only": asked_objects(asked, {})} if given.only else {}
        console.data({**told, "finished_at": None, "reports": None, "writers": [], **only})
        return ExitCode.DONE
    if given.only:
        say_asked(console, asked, {}, given.only)
        return ExitCode.DONE
    console.lines(f"{job.name} ({edition}): {counted(sum(counts.values()), 'recipient')}")
    for status, number in counts.items():
        if number:
            console.lines(f"{number:>9}  {status}")
    state = state_of(given.state_dir, given.ledger)
    place = place_of(job, edition, state)
    try:
        begun = begun_editions(job, state)
    except LedgerError:  # the line is about another edition
        begun = []
    others = _others(given.edition, begun, shown(container_of(place)))
    kept = where_rehearsed(job, edition, state)
    done = "rehearsed" if is_rehearsed(place) else "sent"
    console.say(f"not {done} yet{others}{f'; {kept}' if kept else ''}")
    return ExitCode.DONE


#: The editions that are named where another one was asked for.
_MOST_NAMED = 5


def _others(asked: str | None, begun: Sequence[str], where: str) -> str:
    """Return the words about other editions, the one that is most like `asked` before all.

    Nothing was mistyped where the job names the edition: its next one is like the last.
    """
    near = nearest(asked, begun) if asked is not None else None
    others = ", ".join([edition for edition in begun if edition != near][:_MOST_NAMED])
    if near is None:
        return f"; others in {where}: {others}" if others else ""
    return f"; did you mean {near}, in {where}?{f' others there: {others}' if others else ''}"


def list_editions(console: Console, given: StatusArguments) -> int:
    """List the editions whose ledgers lie in a folder of jobs, or in a state directory.

    A ledger that cannot be read is told of, and makes the exit code 74.
    """
    from mailbatch.delivery.editions import read_edition
    from mailbatch.delivery.ledgers import ledgers_of, open_to_read
    from mailbatch.delivery.rehearsals import has_rehearsals

    found, failures = [], []
    for path in ledgers_of(given.job, given.state_dir):
        try:
            with open_to_read(path) as ledger:
                found.append((read_edition(ledger), has_rehearsals(path.parent)))
        except LedgerError as error:
            failures.append(error)
    found.sort(key=lambda one: (one[0].job, one[0].began_at or 0.0, one[0].edition))
    if given.as_json:
        console.data({"editions": [_object(one) for one, _ in found]})
    else:
        for line in _lines([_words(one, rehearsed=rehearsed) for one, rehearsed in found]):
            console.lines(line)
        if not found and not failures:
            console.say(f"no edition was begun in {shown(given.job)}")
        _say_rehearsed(console, given)
    for failure in failures:
        console.error(failure)
    return ExitCode.STORAGE if failures else ExitCode.DONE


def _say_rehearsed(console: Console, given: StatusArguments) -> None:
    """Say how many editions were rehearsed, and how to list these."""
    from mailbatch.delivery.ledgers import ledgers_of
    from mailbatch.delivery.places import REHEARSALS, state_folder
    from mailbatch.delivery.rehearsals import has_rehearsals

    folders = dict.fromkeys((given.job, state_folder(given.job, given.state_dir)))
    for kept in (folder / REHEARSALS for folder in folders):
        number = len(ledgers_of(kept, kept)) if has_rehearsals(kept) else 0
        if number:
            step = shlex.join(["mailbatch", "status", shown(kept)])
            console.say(f"{counted(number, 'edition')} rehearsed: {step}")


def _words(one: Edition, *, rehearsed: bool) -> tuple[str, str, str, str]:
    """Return the columns of the list."""
    if one.under_way:
        state = "under way"
    elif one.finished_at is not None:
        state = f"finished {iso_time(one.finished_at)}"
    else:
        state = f"begun {iso_time(one.began_at)}" if one.began_at else "nothing sent"
    if rehearsed:
        state = f"rehearsed, {state}"
    counts = (f"{n:,} {s.replace('_', ' ')}" for s, n in one.counts.items() if n)
    return one.job, one.edition, state, ", ".join(counts) or "no recipients"


def _object(one: Edition) -> dict[str, object]:
    """Return the object of an edition in `status DIR --json`."""
    return {
        "job": one.job,
        "edition": one.edition,
        **counts_object(one.counts),
        "began_at": iso_time(one.began_at),
        "finished_at": iso_time(one.finished_at),
        "under_way": one.under_way,
    }


def _lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines, each column as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
