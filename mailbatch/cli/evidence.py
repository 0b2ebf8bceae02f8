"""`mailbatch evidence`: what was sent to one person, as files that others can check."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mailbatch import __version__
from mailbatch.cli.console import Console, counted
from mailbatch.cli.evidence_arguments import EvidenceArguments
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_place import ledger_to_look_at
from mailbatch.cli.report_store import store_to_read
from mailbatch.cli.reporting import as_on_the_wire, edition_of, pairs, read_job, reporting, shown
from mailbatch.envelope import address_key
from mailbatch.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@reporting
def evidence_command(console: Console, given: EvidenceArguments) -> int:
    """Write the evidence, or check one, and return the exit code."""
    if given.verify is not None:
        if given.job is not None or given.only is not None or given.out is not None:
            raise UsageError(
                "--verify looks at files alone: JOB, --only and --out do not go with it",
                hint="leave them out, or --verify",
            )
        return _verify(console, given.verify)
    if given.job is None or given.only is None or given.out is None:
        needed = {"JOB": given.job, "--only": given.only, "--out": given.out}
        missing = " and ".join(name for name, value in needed.items() if value is None)
        raise UsageError(
            f"evidence needs JOB, --only and --out, or --verify: {missing} missing",
            hint="for example mailbatch evidence job.yaml --only ann@example.com --out evidence",
        )
    return _write(console, given, given.job, given.only, given.out)


def _write(console: Console, given: EvidenceArguments, path: Path, only: str, out: Path) -> int:
    from mailbatch.delivery.evidence import write_evidence
    from mailbatch.delivery.state import state_of
    from mailbatch.evidence.folder import check_place

    check_place(out)
    job = read_job(path, look=False)
    edition, state = edition_of(job, given.edition), state_of(given.state_dir, given.ledger)
    made = write_evidence(
        job,
        edition,
        as_on_the_wire(only) or only,
        out,
        place=ledger_to_look_at(job, edition, state),
        state=state,
        store=store_to_read(job, given.store, given.state_dir),
        variables=pairs(given.variables),
        environ=os.environ,
        version=__version__,
    )
    if given.as_json:
        console.data(
            {
                "job": job.name,
                "edition": edition,
                "address": made.address,
                "status": made.status,
                "reports": made.reports,
                "message": not made.why,
                "why_not": made.why or None,
                "row": made.row,
                "rows": made.rows,
                "head": made.head,
                "out": str(out),
                "dialogues": made.dialogues,
            }
        )
    console.say(f"{job.name} ({edition}): {made.address} {made.status.replace('_', ' ')}")
    if made.why:
        console.warn(f"no message.eml: {made.why}")
    else:
        console.say("message.eml has the very bytes: the digest is that of the commit point")
    if made.dialogues:
        console.say(f"{counted(made.dialogues, 'dialogue')} with the server")
    if made.reports:
        console.say(counted(made.reports, "report"))
    console.say(f"row {made.row:,} of {made.rows:,}, chain {made.head}")
    console.say(f"evidence: {shown(out)}")
    return ExitCode.DATA if made.why else ExitCode.DONE


def _verify(console: Console, folder: Path) -> int:
    from mailbatch.evidence.verifying import verify

    found = verify(folder)
    if console.as_json:
        console.data(
            {
                "job": found.job,
                "edition": found.edition,
                "address": found.address,
                "key": found.key,
                "status": found.status,
                "message": found.message,
                "rows": found.rows,
                "head": found.head,
            }
        )
    status = found.status.replace("_", " ")
    message = "the very bytes" if found.message else "no message"
    by_key = "" if address_key(found.address) == found.key else f" (key {found.key})"
    console.say(f"{found.job} ({found.edition}): {found.address}{by_key} {status}, {message}")
    console.say(f"all files fit; {counted(found.rows, 'row')}, chain {found.head}")
    return ExitCode.DONE
