"""The offer of a mailing to workers on other machines, by the run that has planned it.

    offer(mailing, options, progress, alone=None)

A ledger in a database has the bundle of the job, and samples: messages that a worker has to make
with the same bytes (`serving`). A mailing that only this run can send is withdrawn, and the
progress is told why. This module must never offer a mailing before the send is confirmed.

Tests: tests/delivery/test_workers.py.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from mailbatch.bundle.archive import MOST_BYTES, name_of
from mailbatch.bundle.contents import bundle_of
from mailbatch.bundle.folder import OPTION, put
from mailbatch.delivery.ledgers import TERMS, Published, Sample, publication_of
from mailbatch.delivery.options import Progress, RunOptions, rate_of
from mailbatch.delivery.preparation import Mailing
from mailbatch.envelope import Delivery
from mailbatch.errors import InputError, InputErrors, JobError
from mailbatch.job.model import Job
from mailbatch.render.composer import Composer

if TYPE_CHECKING:
    from mailbatch.delivery.steps import Steps

#: The packages whose versions may change the bytes of a message.
_PACKAGES = ("mailbatch", "jinja2", "markupsafe")


def offer(
    mailing: Mailing,
    options: RunOptions,
    progress: Progress,
    *,
    alone: str | None = None,
    step: int | None = None,
) -> bool:
    """Offer a planned mailing to workers; `alone` says why this run alone can send.

    With a `step` no more than so many recipients are sent to, all together. Without effect for a
    ledger in a file. Return whether workers may send.

    Raises:
        LedgerLocked: workers have messages of another bundle under way, or another choice of the
            editions before.
        LedgerError: the database fails.
        OutputError: a bundle that is too large for the database cannot be written (74).
    """
    publication = publication_of(mailing.ledger)
    if publication is None:
        return False
    inputs = mailing.inputs
    why = alone or _alone(mailing, options)
    data, bundles = b"", options.bundles
    if why is None:
        try:
            data = _packed(mailing, options)
        except (JobError, InputErrors) as error:
            why = str(error)
        else:
            if len(data) > MOST_BYTES and bundles is None:
                why = (
                    f"the files of the message have {len(data):,} bytes, and the database takes "
                    f"{MOST_BYTES:,}: name a folder that every worker reads ({OPTION})"
                )
    rate = rate_of(inputs.job, options)
    if why is not None:
        publication.withdraw(rate)
        progress.note(f"this run sends alone, without workers: {why}")
        return False
    if mailing.thread is not None:  # workers place their messages by the choice of this run
        mailing.thread.keep(mailing.ledger)
    domain = inputs.composer.message_id_domain
    name, file = name_of(data), None
    if len(data) > MOST_BYTES and bundles is not None:
        file = str(put(bundles.absolute(), name, data))
    threaded = mailing.thread is not None
    offered = Published(name, (), versions(), rate, file, step, threaded)
    samples = tuple(
        Sample(recipient, sample_digest(inputs.composer, delivery, offered.terms))
        for recipient, delivery in publication.telling(domain)
    )
    publication.publish(replace(offered, samples=samples), data)
    return True


def offer_in_steps(mailing: Mailing, options: RunOptions, progress: Progress, steps: Steps) -> None:
    """Let workers send behind the first step of a guard, which is that of the run alone.

    Raises:
        LedgerLocked: workers have messages under way.
        LedgerError: the database fails.
    """
    publication = publication_of(mailing.ledger)
    if publication is None:
        return
    if options.canary or options.sessions == 0:
        offer(mailing, options, progress, alone="the first step of a guard is of one run")
        return
    publication.withdraw(rate_of(mailing.inputs.job, options))
    steps.share(lambda step: offer(mailing, options, progress, step=step))


def retract(mailing: Mailing, options: RunOptions, *, guarded: bool) -> None:
    """Take back the offer of another bundle, for a run that is held and cannot offer its own.

    A `guarded` run takes back what was offered without a step, too.

    Raises:
        LedgerLocked: workers have messages of the other bundle under way.
        LedgerError: the database fails.
    """
    publication = publication_of(mailing.ledger)
    before = None if publication is None else publication.current()
    if publication is None or before is None:
        return
    try:
        name = name_of(_packed(mailing, options))
    except (JobError, InputErrors):
        name = ""
    if before.bundle != name or (guarded and before.step is None):
        publication.withdraw()


def _packed(mailing: Mailing, options: RunOptions) -> bytes:
    """Return the bundle of a mailing.

    Raises:
        JobError, InputErrors: workers cannot have the files of the job.
    """
    inputs = mailing.inputs
    return bundle_of(
        inputs.job,
        inputs.composer,
        edition=inputs.edition,
        now=datetime.now().astimezone(),
        variables=options.variables,
        columns=inputs.plan.columns,
        accept_changes=options.accept_changes,
    ).pack()


def _alone(mailing: Mailing, options: RunOptions) -> str | None:
    """Say why workers cannot help; None where they can."""
    job = mailing.inputs.job
    reasons = (
        (options.limit is not None or options.only, "--limit and --only are of one run"),
        (mailing.approval is not None, "--plan holds one run to a plan"),
        (
            asks_command(job),
            "a secret is the output of a command, and a worker runs no command of a job",
        ),
        (job.keep is not None, "keep: dialogue is written by one run"),
    )
    return next((why for is_so, why in reasons if is_so), None)


def asks_command(job: Job) -> bool:
    """Say whether a secret of sending is the output of a command."""
    dkim = job.message.dkim
    secrets = (job.server.password, None if dkim is None else dkim.private_key)
    return any(secret is not None and secret.command is not None for secret in secrets)


def sample_digest(composer: Composer, delivery: Delivery, terms: Sequence[str]) -> str:
    """Return the digest of a sample: that of the content, with the terms of the mailing.

    Without terms it is the SHA-256 of the content; empty where there is no such message.
    """
    try:
        digest = composer.compose(delivery, eight_bit=True).octets.digest.hex()
    except InputError:
        digest = ""
    return hashlib.sha256(" ".join((digest, *terms)).encode()).hexdigest() if terms else digest


def versions() -> dict[str, str]:
    """Return the versions of all that makes the bytes of a message, and the terms, by name."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "terms of mailings": ", ".join(TERMS),
    }
