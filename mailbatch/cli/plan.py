"""`mailbatch plan`: who gets which message, as a file to approve."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mailbatch.cli.arguments import PlanArguments
from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.report_store import given_store
from mailbatch.cli.reporting import pairs, read_job, reporting, shown

if TYPE_CHECKING:
    from mailbatch.delivery.plan_file import PlanFile


@reporting
def plan_command(console: Console, given: PlanArguments) -> int:
    """Make the plan, write the file, and return the exit code."""
    from mailbatch.delivery.outputs import check_output
    from mailbatch.delivery.planning import plan_mailing
    from mailbatch.delivery.state import state_of
    from mailbatch.files import replacing, unwritable

    job = read_job(given.job)
    check_output(given.out, "--out", given.job, job)
    plan = plan_mailing(
        job,
        edition=given.edition,
        variables=pairs(given.variables),
        state=state_of(given.state_dir, given.ledger),
        store=given_store(given.store),
        follow=partial(console.follow, "rendering"),
    )
    if given.out is not None:
        try:
            with replacing(given.out) as stream:
                stream.writelines(plan.pieces())
        except OSError as error:
            raise unwritable(given.out, error, "--out") from error
    elif not given.as_json:
        for piece in plan.pieces():
            console.write(piece)
    if given.as_json:
        console.data({**as_object(plan), "plan": str(given.out) if given.out else None})
    rows = counted(len(plan), "row")
    console.say(f"{plan.job} ({plan.edition}): {counted(plan.messages, 'message')} for {rows}")
    if given.out is not None:
        console.say(f"plan {plan.digest[:12]}… in {shown(given.out)}")
    return ExitCode.DONE


def as_object(plan: PlanFile) -> dict[str, Any]:
    """Return the object of `plan --json`."""
    return {
        "job": plan.job,
        "edition": plan.edition,
        "recipients": len(plan),
        **{str(status): number for status, number in plan.counts.items()},
        "messages": plan.messages,
        "bytes": plan.total,
        "smallest": plan.smallest,
        "largest": plan.largest,
        "digest": plan.digest,
    }
