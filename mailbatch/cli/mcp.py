"""`mailbatch mcp`: the commands as tools of the Model Context Protocol, over stdin and stdout.

https://modelcontextprotocol.io. Extra `mcp`: the official SDK. A client that lets a model call
these tools cannot send a mailing by itself: `run` is there with --allow-run alone, and sends what
the plans of --plan say, which a person approved before the server was started.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch import __version__
from mailbatch.cli.console import Console
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.mcp_arguments import McpArguments
from mailbatch.cli.reporting import reporting
from mailbatch.cli.tools import Refused, Tools, read_approved
from mailbatch.errors import JobError, UsageError
from mailbatch.extras import install_extra
from mailbatch.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_INSTRUCTIONS = (
    "Tools on batch mailings that are described in files. A job is a YAML file, named by its path "
    "below the folder of the server. check and preview send nothing; status reads the ledger. run "
    "sends, to those alone who do not have the message, what a person has approved as a plan."
)


@reporting
def mcp_command(console: Console, given: McpArguments) -> int:
    """Serve the tools until the client closes standard input, and return the exit code."""
    folder = given.folder or Path()
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", hint="name the folder of the jobs")
    if given.allow_run and not given.plan:
        raise UsageError(
            "--allow-run needs --plan: nothing is sent that no person approved",
            hint="make a plan, look at it, and name it: mailbatch plan JOB -o FILE",
        )
    if given.plan and not given.allow_run:
        console.warn("--plan without --allow-run: galleries are compared with it, nothing is sent")
    if find_spec("mcp") is None:
        raise JobError("mcp is not installed, which speaks with clients", hint=install_extra("mcp"))
    with temporary_folder() as kept:
        approved = read_approved(given.plan or (), kept)
        _serve(Tools(folder, approved), allow_run=given.allow_run)
    return ExitCode.DONE


def _serve(tools: Tools, *, allow_run: bool) -> None:
    from mcp.server.mcpserver import MCPServer
    from mcp_types import ToolAnnotations

    server = MCPServer(
        "mailbatch", version=__version__, instructions=_INSTRUCTIONS, log_level="ERROR"
    )
    offered = [(tools.check, True), (tools.preview, False), (tools.status, True)]
    for tool, only_reads in offered:
        server.add_tool(
            _refusing(tool),
            name=tool.__name__,
            description=tool.__doc__,
            annotations=ToolAnnotations(
                read_only_hint=only_reads, destructive_hint=False, idempotent_hint=True
            ),
        )
    if allow_run:
        server.add_tool(
            _refusing(tools.run),
            name="run",
            description=tools.run.__doc__,
            annotations=ToolAnnotations(
                read_only_hint=False, destructive_hint=True, idempotent_hint=True
            ),
        )
    server.run("stdio")


def _refusing(
    tool: Callable[..., Awaitable[dict[str, Any]]],
) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Return a tool whose refusals are errors that the model may read."""
    import functools

    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(tool)
    async def called(*arguments: Any, **more: Any) -> dict[str, Any]:
        try:
            return await tool(*arguments, **more)
        except Refused as refusal:
            raise ToolError(str(refusal)) from None

    return called
