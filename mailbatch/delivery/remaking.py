"""The remaking of a message that was sent: the very octets, or the reason why not.

    remade = remake(job, proved, edition="2026-W48", variables={}, environ=os.environ)
    remade.octets       # with the digest of the commit point; None: remade.why

The row is the one of the ledger, not of the table: the table may have changed since. The digest of
the commit point alone decides. This module must never return other octets than those that left, nor
send any.

Tests: tests/cli/test_evidence.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from mailbatch.delivery.preparation import differing, private_key
from mailbatch.errors import InputError, InputErrors
from mailbatch.frozen import frozen
from mailbatch.render.composer import Composer
from mailbatch.render.dkim import make_signer

if TYPE_CHECKING:
    from mailbatch.job.model import Job
    from mailbatch.ledger.proved import Proved
    from mailbatch.octets import Octets

_MOST_NAMED = 5


@frozen
class Remade:
    """The octets of a message that was sent; None, and `why` in words.

    `sizes` are those of the pieces that the digest of the commit point was made of, in bytes.
    """

    octets: Octets | None
    sizes: tuple[int, ...] = ()
    why: str = ""


def remake(
    job: Job,
    proved: Proved,
    *,
    edition: str,
    variables: Mapping[str, str],
    environ: Mapping[str, str],
) -> Remade:
    """Make the message of a recipient again, from the ledger's row and the inputs of the job."""
    delivery, digest = proved.delivery, proved.digest
    if delivery is None:
        return Remade(None, why="no attempt was made")
    if digest is None:
        return Remade(None, why="the ledger has no digest: the message never left as a whole, or "
                                "an earlier mailbatch sent it, which kept none")  # fmt: skip
    # The first lease is close to the beginning of the run, which is `now` in the templates.
    moment = datetime.fromtimestamp(delivery.date).astimezone()
    try:
        composer = Composer(
            job,
            edition=edition,
            columns=proved.columns,
            now=moment,
            variables={**job.variables, **variables},
        )
        dkim = job.message.dkim
        if dkim is not None:
            key = private_key(job, dkim, environ)
            composer = composer.signed_by(make_signer(job, dkim, key))
        for eight_bit in (True, False):
            octets = composer.compose(delivery, eight_bit=eight_bit).octets
            if octets.digest == digest:
                return Remade(octets, tuple(len(piece.data) for piece in octets.pieces))
            if octets.plain_digest == digest:
                return Remade(octets, (octets.size,))
        return Remade(None, why=_why(composer, proved))
    except (InputError, InputErrors) as error:
        return Remade(None, why=f"the message cannot be made now: {error.errors[0]}")


def _why(composer: Composer, proved: Proved) -> str:
    """Return the reason why other octets come out: which input changed, as far as one can tell."""
    changed = differing(proved.inputs, composer.digests())
    if changed:
        others = len(changed) - _MOST_NAMED
        more = f" and {others:,} others" if others > 0 else ""
        return f"inputs changed since: {', '.join(changed[:_MOST_NAMED])}{more}"
    moving = composer.unrepeatable()
    if moving:
        return f"the message depends upon the moment: {moving[0]}"
    return (
        "the inputs that the ledger knows are the same, and other octets come out: a file that the "
        "row names changed, the row named a person that was forgotten, the key of message.dkim "
        "changed, the message was changed during the edition, or another version of mailbatch sent "
        "it"
    )
