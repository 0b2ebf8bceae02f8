"""The options of `mailbatch check` that reach out: to the server, to DNS and to the web.

Tests: tests/docs/test_generated.py.
"""

from typing import Annotated, TypeAlias

import typer

from mailbatch.cli.panels import Panel

Connect: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--connect",
        help="Also greet the server, authenticate and quit, and ask DNS; sends nothing.",
        rich_help_panel=Panel.CARE,
    ),
]
Links: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--links",
        help="Also ask for the links and images of telling messages; unsubscribes nobody.",
        rich_help_panel=Panel.CARE,
    ),
]
UnsubscribeTest: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--unsubscribe-test",
        metavar="ADDRESS",
        help="Unsubscribe this one recipient by one click, for real, to see that it works.",
        rich_help_panel=Panel.CARE,
    ),
]
ResolverAddress: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--resolver",
        metavar="ADDRESS",
        envvar="MAILBATCH_RESOLVER",
        help="For --connect: another resolver of DNS, such as 192.0.2.53:53.",
        rich_help_panel=Panel.CARE,
    ),
]
