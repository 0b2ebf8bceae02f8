"""`mailbatch preview`: the gallery, written once or served and made again.

Tests: tests/preview/test_preview_command.py.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch.cli.arguments import PreviewArguments
from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.outlook import counts_of, outlook_object
from mailbatch.cli.report_store import given_store
from mailbatch.cli.reporting import all_on_the_wire, pairs, read_job, reporting, shown
from mailbatch.delivery.state import state_of
from mailbatch.errors import InputError, InputErrors, MailbatchError, UsageError
from mailbatch.preview.eml_folder import check_eml_place
from mailbatch.previewing import SHOWN, make_preview, write_eml
from mailbatch.temporary import temporary_folder

if TYPE_CHECKING:
    from mailbatch.checking import Follow
    from mailbatch.delivery.plan_file import PlanFile
    from mailbatch.previewing import Planned, Preview

#: The port of --serve without --port.
PORT = 8026


@reporting
def preview_command(console: Console, given: PreviewArguments) -> int:
    """Make the gallery, serve the gallery with --serve, and return the exit code.

    With --pdf or --png one message is written in place of the gallery.
    """
    if given.pdf is not None or given.png is not None or given.width is not None:
        from mailbatch.cli.picture import picture_command

        return picture_command(console, given)
    _check(given)
    most = None if given.everything else given.limit if given.limit is not None else SHOWN
    render = partial(
        make_preview,
        edition=given.edition,
        variables=pairs(given.variables),
        state=state_of(given.state_dir, given.ledger),
        store=given_store(given.store),
        limit=most,
        only=all_on_the_wire(given.only),
        against=given.against,
        approved=_approved(given.plan),
    )
    if given.serve:
        return _serve(console, given, render)
    follow = partial(console.follow, "rendering")
    made = render(read_job(given.job), out=given.out, follow=follow)
    if given.as_json:
        console.data(as_object(made))
    _tell(console, made)
    _tell_plan(console, given, made)
    console.say(f"gallery: {shown(made.index)}")
    if given.eml is not None:
        console.say(f"{counted(write_eml(made, given.eml), 'message')} in {shown(given.eml)}")
    if given.browse:
        _browse(made.index.resolve().as_uri())
    return _exit_code(made)


def _check(given: PreviewArguments) -> None:
    """Refuse options that exclude each other, and a folder that is not ours, before any work."""
    if given.everything and given.limit is not None:
        raise UsageError("--all and --limit exclude each other", hint="leave one of them out")
    if given.port is not None and not given.serve:
        raise UsageError("--port goes with --serve", hint="add --serve, or leave --port out")
    if given.serve and given.as_json:
        raise UsageError("--serve and --json exclude each other", hint="leave one of them out")
    if given.eml is not None:
        if given.serve:
            raise UsageError("--serve and --eml exclude each other", hint="leave one of them out")
        check_eml_place(given.eml)
    if given.plan is not None and given.only:
        raise UsageError(
            "--plan is about the whole mailing: --only excludes it", hint="leave one of them out"
        )


def _exit_code(made: Preview) -> int:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of

    errors = count_of(made.overview.tallies, Severity.ERROR)
    differs = made.planned is not None and made.planned.difference is not None
    return ExitCode.DATA if errors or differs else ExitCode.DONE


def _approved(path: Path | None) -> PlanFile | None:
    if path is None:
        return None
    from mailbatch.delivery.plan_file import read_plan

    return read_plan(path)


def _tell_plan(console: Console, given: PreviewArguments, made: Preview) -> None:
    """Say the name of the plan, and whether the mailing is that of `--plan`."""
    planned = made.planned
    if planned is None:
        return
    named = f"plan {planned.digest[:12]}…" if planned.digest else f"no plan: {planned.why}"
    if given.plan is None:
        if planned.digest is not None:
            console.say(named)
    elif planned.difference is not None:
        console.error(planned.difference)
    elif planned.digest is None:
        console.warn(named)
    else:
        console.say(f"{named}, as in {shown(given.plan)}")


def _tell(console: Console, made: Preview) -> None:
    """Write a summary of the gallery in words."""
    from mailbatch.checks.codes import Severity, severity_of
    from mailbatch.checks.report import count_of, text_lines

    overview = made.overview
    parts = [f"{made.shown:,} of {counted(overview.messages, 'message')} shown"]
    warnings = count_of(overview.tallies, Severity.WARNING)
    if warnings:
        parts.append(counted(warnings, "warning"))
    if overview.unreached:
        unreached = counted(len(overview.unreached), "template branch", "template branches")
        parts.append(f"{unreached} shown to nobody")
    if overview.unused:
        parts.append(f"never used: {', '.join(overview.unused)}")
    errors = [t for t in overview.tallies if severity_of(t.code) is Severity.ERROR]
    if errors:
        parts.append(counted(len(errors), "error"))
    console.say(f"{overview.job} ({overview.edition}): {'; '.join(parts)}")
    for tally in errors:
        line, *remedies = text_lines([tally], remedies=True)
        console.warn(line)
        console.excerpt(tally.location)
        for remedy in remedies:
            console.warn(remedy)
    if made.since is not None:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in made.changes.items() if number)
        console.say(f"since {made.since.shown}: {kinds or 'nothing'}")
    invalid = overview.counts.get("invalid", 0)
    if invalid:
        console.warn(f"{counted(invalid, 'row')} cannot be mailed")


def as_object(made: Preview) -> dict[str, Any]:
    """Return the object of `preview --json`."""
    from mailbatch.checks.report import objects

    overview = made.overview
    rows = counts_of(overview, made.outlook)
    return {
        "job": overview.job,
        "edition": overview.edition,
        "recipients": sum(rows.values()),
        **rows,
        "messages": overview.messages,
        "shown": made.shown,
        "index": str(made.index),
        "unreached": [
            {"file": place.path, "line": place.line, "branch": label}
            for place, label, _ in overview.unreached
        ],
        "unused": list(overview.unused),
        "findings": objects(overview.tallies),
        "against": made.since.shown if made.since is not None else None,
        "changes": made.changes if made.since is not None else None,
        "digest": None if made.planned is None else made.planned.digest,
        "difference": _difference(made.planned),
        **outlook_object(made.outlook),
    }


def _difference(planned: Planned | None) -> str | None:
    if planned is None or planned.difference is None:
        return None
    return str(planned.difference)


def _serve(console: Console, given: PreviewArguments, render: Callable[..., Preview]) -> int:
    """Serve the gallery until Ctrl-C; each build reads the job anew.

    A mistake in the files is a page, from the start on; what no change of a file mends is raised.
    """
    from mailbatch.fresh_letters import FreshLetters
    from mailbatch.preview.rebuilding import Built, Rebuilding
    from mailbatch.preview.serving import serve

    with contextlib.ExitStack() as stack:
        out = given.out or stack.enter_context(temporary_folder())
        follow: Follow = partial(console.follow, "rendering")

        def build(before_moving: Callable[[], object]) -> Built:
            job = read_job(given.job)
            made = render(job, out=out, follow=follow, before_moving=before_moving)
            _tell(console, made)
            _tell_plan(console, given, made)
            letters = FreshLetters.of(made.inputs, made.rows, made.options, again)
            return Built(made.sources, made.written, made.stamps, letters)

        serving = False

        def fail(error: Exception) -> None:
            if serving or isinstance(error, InputError | InputErrors):
                _show(console, error)

        again = partial(read_job, given.job)
        gallery = Rebuilding(out, build, job=given.job, fail=fail)
        if not given.job.exists():
            again()  # a slip on the command line, most of the time
        gallery.complete()
        failure = gallery.failure
        if failure is not None and not isinstance(failure, InputError | InputErrors):
            raise failure
        follow, serving = gallery.follow, True
        server = stack.enter_context(serve(gallery, PORT if given.port is None else given.port))
        address = f"http://127.0.0.1:{server.server_port}/"
        console.say(f"serving {address}; pages follow the files, Ctrl-C to stop")
        if given.browse:
            _browse(address)
        stack.enter_context(gallery.watched())
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return ExitCode.DONE


def _show(console: Console, failure: Exception) -> None:
    """Show a failure in the terminal, while the page shows the same."""
    if isinstance(failure, MailbatchError):
        console.error(failure)
    else:
        console.warn("".join(traceback.format_exception(failure)).rstrip())


def _browse(address: str) -> None:
    import webbrowser

    webbrowser.open(address)
