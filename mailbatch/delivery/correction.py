"""The correction of an edition: an edition of its own, which takes over from the other one.

    inputs = correcting(inputs, options, stack)      # the rows judged, the edition E.corrected
    inputs.correction.begin(ledger)                  # the ledger of E.corrected is bound to E
    inputs.correction.take_over(stack)               # no run sends E any more
    inputs.correction.place(deliveries)              # corrections in their threads

The order keeps a death harmless: the ledger of the correction is there before E is marked, and E is
marked before the first lease. The lock of E is held from the first look until the mark, so that the
letters that were judged are those that stay. The same command goes on behind a death at any step.
This module must never change a recipient of E, nor send.

Tests: tests/cli/test_correct.py, tests/certainty/test_corrections.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from mailbatch.delivery.chain import (
    ALWAYS,
    Chain,
    corrections_in,
    first_edition,
    in_database,
    length_of,
)
from mailbatch.delivery.editions_before import choose
from mailbatch.delivery.ledgers import (
    corrections_of,
    is_begun,
    is_known,
    open_to_decide,
    open_to_read,
    place_of,
)
from mailbatch.delivery.letters import CONCERNED, SENT, Groups, Letter, Letters
from mailbatch.delivery.places import check_edition
from mailbatch.delivery.preparation import Inputs, differing, had, private_key
from mailbatch.delivery.state import InDatabase, State
from mailbatch.delivery.succession import refusal_of
from mailbatch.delivery.thread import Thread, open_before, thread_behind
from mailbatch.envelope import Delivery
from mailbatch.errors import (
    InputError,
    InputErrors,
    JobError,
    LedgerError,
    LedgerLocked,
    MessageError,
    Reason,
    RecipientError,
)
from mailbatch.ledger.rows import Before
from mailbatch.render.composer import Composer
from mailbatch.render.dkim import Signer, make_signer

if TYPE_CHECKING:
    from mailbatch.delivery.ledgers import LedgerPlace
    from mailbatch.delivery.options import RunOptions
    from mailbatch.job.model import Job
    from mailbatch.ledger.ports import OpenLedger

_ENDING = ".corrected"
_MOST_NAMED = 5
_SENT_TO_GROUPS = "an edition of groups cannot be corrected: write in an edition of its own"


def edition_correcting(edition: str) -> str:
    """Return the name of the correction of an edition.

    >>> edition_correcting("2026-W48")
    '2026-W48.corrected'
    """
    return f"{edition}{_ENDING}"


def correcting(
    inputs: Inputs,
    options: RunOptions,
    stack: ExitStack,
    environ: Mapping[str, str],
    *,
    wanted: frozenset[Letter] = SENT,
) -> Inputs:
    """Return the inputs of the correction that the options ask for; `inputs` are of its job.

    The ledger of the corrected edition is opened, locked for a real run, and closes with `stack`.
    Only rows of `wanted` letters are pending.

    Raises:
        JobError: the ledgers are in a database (78).
        InputErrors, RecipientError, MessageError: the letters cannot be compared.
        LedgerError: the ledger of the edition cannot be read (74); LedgerLocked: a run sends the
            edition (75).
    """
    asked = options.correction
    if asked is None:
        raise ValueError("the options ask for no correction")
    job, edition = asked.job, asked.edition
    _check_jobs(job, inputs.job, edition, options)
    name = check_edition(job, edition_correcting(edition))
    place = place_of(job, edition, options.state)
    ledger = stack.enter_context(_open(place, edition, options))
    _check_edition(inputs, edition, ledger)
    composers = _Composers(job, edition, options, environ)
    composers.check(ledger)
    before = _before(inputs, options, edition, ledger)
    chain = _chain(inputs, options, ledger, before, stack)
    counts = ledger.standing.counts()
    letters = Letters(
        edition,
        chain,
        sent=composers.of,
        sign=composers.sign,
        mended=inputs.composer,
        table=inputs.job.recipients.shown,
        concerned=sum(counts[status] for status in CONCERNED),
        wanted=wanted,
        accept_changes=options.accept_changes,
    )
    correction = Correction(edition, place, ledger, letters, before, chain)
    return replace(
        inputs, edition=name, plan=inputs.plan.judged_by(letters.judged), correction=correction
    )


class Correction:
    """The correction of an edition, `edition`.

    `before` are the editions of the thread: those of the `chain`, then those before these.
    """

    #: Whether a question goes over a network, as `ports` has it.
    is_far = False

    def __init__(
        self,
        edition: str,
        place: LedgerPlace,
        ledger: OpenLedger,
        letters: Letters,
        before: tuple[Before, ...],
        chain: Chain,
    ) -> None:
        self.edition = edition
        self._place = place
        self._ledger = ledger
        self._letters = letters
        self._before = before
        self._chain = chain

    @property
    def groups(self) -> Groups:
        """The recipients by the letter that each gets, behind the plan."""
        return self._letters.groups

    @property
    def has_taken_over(self) -> bool:
        """Whether the edition is marked: the correction was begun before."""
        return self._chain.corrections.corrected_by is not None

    def begin(self, ledger: OpenLedger) -> None:
        """Bind the ledger of the correction to the edition, unless that was done before.

        Raises:
            RecipientError: the edition is a mailing of its own, or was corrected itself.
            LedgerError: the ledger cannot be written.
        """
        corrections = corrections_in(ledger)
        if corrections.corrected_by is not None and (refused := refusal_of(ledger)):
            raise refused
        if corrections.corrects is None:
            if corrections.is_planned:
                raise RecipientError(
                    f"edition {ledger.edition} is no correction: it was begun as a mailing of its "
                    "own",
                    hint="give that edition another name",
                    reason=Reason.NO_CORRECTION,
                )
            corrections.begin(self._before)
        self._chain.corrected_in(corrections)

    def take_over(self, stack: ExitStack) -> None:
        """Mark the edition, and let its lock go; the ledger stays open to read, with `stack`.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        if not self.has_taken_over:
            self._chain.corrections.take_over(edition_correcting(self.edition))
        self._ledger.close()
        self._ledger = stack.enter_context(open_to_read(self._place))
        self._chain.reopened(self._ledger)

    def place(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Return deliveries: each correction behind the letter that its recipient has.

        Raises:
            LedgerError: an earlier ledger cannot be read.
        """
        return self._chain.place(deliveries)


def _chain(
    inputs: Inputs,
    options: RunOptions,
    ledger: OpenLedger,
    before: Sequence[Before],
    stack: ExitStack,
) -> Chain:
    """Open the editions of the thread behind the one of `ledger`, to read; they close with `stack`.

    Raises:
        LedgerError: the ledger of an earlier edition is gone, another one, or cannot be read (74).
    """
    job, ledgers = inputs.job, [ledger]
    while corrections_in(ledgers[-1]).corrects is not None and len(ledgers) < len(before):
        one = before[len(ledgers)]
        place = place_of(job, one.edition, options.state)
        ledgers.append(stack.enter_context(open_before(job, one, place)))
    rest, thread = before[len(ledgers) :], None
    if rest:
        thread = thread_behind(inputs, before[0].edition, rest, options.state, stack)
    return Chain(ledgers[::-1], thread)


def _before(
    inputs: Inputs, options: RunOptions, edition: str, ledger: OpenLedger
) -> tuple[Before, ...]:
    """Return the editions of the thread of a correction: the edition itself, and those before.

    Raises:
        LedgerError: an earlier ledger cannot be read; or the correction is of another ledger.
    """
    own = Before(edition, ledger.thread.ledger, ALWAYS)
    kept = _kept(place_of(inputs.job, edition_correcting(edition), options.state), own)
    if kept is not None:
        return kept
    further = ledger.thread.before()
    if further is None and inputs.job.message.thread:
        began = ledger.standing.began_at()
        further = choose(
            inputs.job, edition, options.state, inputs.plan.identity,
            until=ALWAYS if began is None else began, idle=False,
        )  # fmt: skip
    return (own, *(further or ()))


def _kept(place: LedgerPlace, own: Before) -> tuple[Before, ...] | None:
    """Return the editions of the thread that the ledger of a correction keeps already.

    Raises:
        LedgerError: the ledger cannot be read; or it corrects another ledger than that of `own`.
    """
    if not is_begun(place):
        return None
    with open_to_read(place) as ledger:
        if corrections_in(ledger).corrects is None:
            return None
        before = ledger.thread.before()
    if before and before[0].ledger and before[0].ledger != own.ledger:
        raise LedgerError(
            f"{place}: corrects another ledger of edition {own.edition} than the one that is there",
            hint="put the ledgers of both editions back as they were",
        )
    return before


def placed_again_in_correction(
    job: Job, place: LedgerPlace, state: State, made: Delivery
) -> Delivery | None:
    """Return a delivery of a correction that was sent, with the thread that its message had.

    None: the edition at the place is no correction.

    Raises:
        LedgerError: the ledger of an earlier edition is gone, another one, or cannot be read (74).
    """
    with ExitStack() as stack:
        ledger = stack.enter_context(open_to_read(place))
        corrections, before = corrections_of(ledger), ledger.thread.before()
        if corrections is None or corrections.corrects is None or not before:
            return None
        ledgers = [
            stack.enter_context(open_before(job, one, place_of(job, one.edition, state)))
            for one in before
        ]
        number = length_of(ledgers)
        thread = None
        if before[number:]:
            thread = Thread(job, ledger.edition, before[number:], ledgers[number:], is_far=False)
        return Chain(ledgers[:number][::-1], thread).place([made])[0]


class _Composers:
    """The composers of the letters as they were sent, by the columns of the rows."""

    def __init__(
        self, job: Job, edition: str, options: RunOptions, environ: Mapping[str, str]
    ) -> None:
        self._edition = edition
        signer: Signer | None = None
        #: Signs as the job does; None where a rehearsal has no key.
        self.sign: Callable[[Composer], Composer] | None = lambda composer: (
            composer if signer is None else composer.signed_by(signer)
        )
        try:
            signer = _signer(job, environ)
        except JobError:
            if not options.scratch:
                raise
            self.sign = None
        # The date of each letter is `now` in its templates: the zone alone counts here.
        now = datetime.now().astimezone()
        variables = {**job.variables, **options.variables}
        shown = first_edition(job, edition, options.state)
        self.of = lru_cache(maxsize=8)(
            lambda columns: Composer(
                job, edition=shown, columns=columns, now=now, variables=variables
            ).fingerprinting()
        )

    def check(self, ledger: OpenLedger) -> None:
        """Compare the inputs of the message with those that the edition was sent with.

        Raises:
            MessageError: they are others.
            InputErrors: the templates cannot be compiled.
        """
        if not had(ledger):
            return
        now = self.of(ledger.standing.columns()).digests()
        changed = differing(ledger.plan.content_digests(), now)
        if not changed:
            return
        more = f" and {len(changed) - _MOST_NAMED:,} others" if len(changed) > _MOST_NAMED else ""
        raise MessageError(
            f"the job is not what edition {self._edition} was sent with: "
            f"{', '.join(changed[:_MOST_NAMED])}{more} changed since",
            hint="JOB names the files as they were sent, and its --set, OTHER the mended ones: put "
            "the old files back, and mend copies of these",
            reason=Reason.NO_CORRECTION,
        )


def _signer(job: Job, environ: Mapping[str, str]) -> Signer | None:
    """Return what signs the letters of a job, whose bytes have the signature; mostly None.

    Raises:
        JobError: the key is missing, or cannot sign.
    """
    dkim = job.message.dkim
    return None if dkim is None else make_signer(job, dkim, private_key(job, dkim, environ))


def _check_jobs(sent: Job, other: Job, edition: str, options: RunOptions) -> None:
    """Refuse jobs whose letters cannot be compared.

    Raises:
        JobError: the ledgers are in a database (78).
        InputErrors: the jobs have other names, or put several recipients into a message; or both
            are one file, which mends nothing.
    """
    if isinstance(options.state, InDatabase):
        raise in_database("the edition")
    errors: list[InputError] = []
    if sent.name != other.name:
        errors.append(
            MessageError(
                f"{other.name} is not the name of the job that was sent",
                location=other.locate("name"),
                hint=f"a correction is an edition of the same job: name: {sent.name}",
                reason=Reason.NO_CORRECTION,
            )
        )
    # A correction of a correction may mend the file of the first one in its place.
    if sent.path.samefile(other.path) and not edition.endswith(_ENDING):
        errors.append(
            MessageError(
                "this is the job that was sent: it mends nothing",
                location=other.locate("name"),
                hint="mend a copy of the job file under another name, and name that with --with",
                reason=Reason.NO_CORRECTION,
            )
        )
    errors += [
        MessageError(
            "the recipients of a group share a message, and some have the wrong one",
            location=job.locate("recipients.group_by"),
            hint=_SENT_TO_GROUPS if job is sent else "leave group_by out",
            reason=Reason.NO_CORRECTION,
        )
        for job in (sent, other)
        if job.recipients.group_by
    ]
    if errors:
        raise InputErrors(errors)


def _open(place: LedgerPlace, edition: str, options: RunOptions) -> OpenLedger:
    """Open the ledger of the edition: to read for a rehearsal, else with its lock.

    Raises:
        RecipientError: there is none, so that no recipient has the letter.
        LedgerError: the ledger cannot be read (74); LedgerLocked: a run sends the edition (75).
    """
    if not is_known(place):
        raise RecipientError(
            f"edition {edition} was never sent: there is no ledger at {place}",
            hint="mailbatch run OTHER sends a mailing that was not begun; or name an edition that "
            "was sent with --edition, and its folder with --state-dir",
            reason=Reason.NO_CORRECTION,
        )
    if options.scratch:
        return open_to_read(place)
    try:
        return open_to_decide(place)
    except LedgerLocked as error:
        raise LedgerLocked(
            f"edition {edition} is being sent: {error}",
            hint="stop that run (kill -TERM ends it in order), then correct",
        ) from error


def _check_edition(inputs: Inputs, edition: str, ledger: OpenLedger) -> None:
    """Refuse an edition whose recipients share messages, or have other keys.

    Raises:
        RecipientError: the edition is such a one.
    """
    if ledger.plan.shares_messages():
        raise RecipientError(
            f"recipients of edition {edition} share messages",
            hint="a correction needs a message for each recipient",
            reason=Reason.NO_CORRECTION,
        )
    before, now = ledger.standing.identity(), inputs.plan.identity
    if before != now:
        raise RecipientError(
            f"edition {edition} tells recipients apart by {before}, the correction by {now}",
            location=inputs.job.locate("recipients.key"),
            hint="OTHER needs the recipients.key of JOB: the same recipient has the same key",
            reason=Reason.NO_CORRECTION,
        )
