"""`mailbatch preview --pdf`, `--png`: one message as a file, drawn by an installed Chromium."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.cli.arguments import PreviewArguments
from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.report_store import given_store
from mailbatch.cli.reporting import all_on_the_wire, pairs, read_job, shown
from mailbatch.errors import UsageError

if TYPE_CHECKING:
    from mailbatch.job.model import Job
    from mailbatch.render.message import Content

#: The width of a picture without --width, in pixels of CSS.
WIDTH = 640
#: The most seconds that a browser may take.
_SECONDS = 60.0


def picture_command(console: Console, given: PreviewArguments) -> int:
    """Write the first message, or that of --only, as PDF, as PNG, or both."""
    _check_options(given)
    from mailbatch.delivery.outputs import check_apart, check_output
    from mailbatch.files import unwritable
    from mailbatch.preview.chromium import Chromium, find_browser, pdf, picture

    job = read_job(given.job)
    outputs = {"--pdf": given.pdf, "--png": given.png}
    for option, path in outputs.items():
        check_output(path, option, job.path, job)
    check_apart(outputs)
    browser_path = find_browser()
    content = _content(job, given)
    with Chromium.start(browser_path, seconds=_SECONDS) as browser:
        for option, path in outputs.items():
            if path is None:
                continue
            if option == "--pdf":
                made = pdf(browser, content)
            else:
                made = picture(browser, content, width=given.width or WIDTH)
            try:
                _write(path, made)
            except OSError as error:
                raise unwritable(path, error, option) from error
            console.say(f"{option.removeprefix('--')}: {shown(path)}")
    return ExitCode.DONE


def _check_options(given: PreviewArguments) -> None:
    others = {
        "--serve": given.serve,
        "--out": given.out,
        "--eml": given.eml,
        "--against": given.against,
        "--plan": given.plan,
        "--all": given.everything,
        "--limit": given.limit,
        "--open": given.browse,
        "--json": given.as_json,
    }
    for name, value in others.items():
        if value:
            raise UsageError(
                f"{name} is about the gallery, --pdf and --png about one message",
                hint=f"leave {name} out",
            )
    if len(given.only or ()) > 1:
        raise UsageError("--pdf and --png show one message", hint="give --only once")
    if given.width is not None and given.png is None:
        raise UsageError("--width goes with --png", hint="add --png, or leave --width out")


def _content(job: Job, given: PreviewArguments) -> Content:
    """Return the content of the message that is wanted.

    Raises:
        InputError: the message cannot be made.
        UsageError: there is no message.
    """
    from mailbatch.delivery.inspection import inspect
    from mailbatch.delivery.preparation import read_inputs
    from mailbatch.delivery.state import state_of

    state = state_of(given.state_dir, given.ledger)
    inputs = read_inputs(
        job, edition=given.edition, variables=pairs(given.variables),
        now=datetime.now().astimezone(), traced=True, state=state,
        store=given_store(given.store),
    )  # fmt: skip
    with inspect(inputs, only=all_on_the_wire(given.only), state=state) as looked:
        first = next(looked.deliveries(), None)
        if first is None:
            raise UsageError("no message would be sent", hint="mailbatch check says why")
        seen = looked.look(first)
    if seen.content is None:
        raise seen.error or UsageError("the message cannot be made")
    return seen.content


def _write(path: Path, data: bytes) -> None:
    from mailbatch.files import replacing

    with replacing(path) as stream:
        stream.buffer.write(data)
