"""What is done once in a process from which the program is forked: importing this module does it.

All that a run imports is imported. typer builds the commands from their signatures at each call,
which is a third of what a short command costs; a fork finds them built. And the collector of
garbage leaves alone what is there before the fork: a page that it looks at would be copied.

Nothing but such a process imports this: `tests/docs/warm.py`, and the server of `forkserver.py`.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import pkgutil

import typer.main

import mailbatch

#: What the program imports when it needs it.
LATE = (
    "css_inline", "ctypes", "email_validator", "encodings.ascii", "encodings.idna",
    "encodings.utf_8_sig", "markdown_it", "pydantic.type_adapter", "rich.console", "rich.progress",
    "rich.text", "uvloop",
)  # fmt: skip

for _module in pkgutil.walk_packages(mailbatch.__path__, "mailbatch."):
    if not _module.name.endswith("__main__"):
        importlib.import_module(_module.name)
for _name in LATE:
    with contextlib.suppress(ImportError):  # uvloop is not there on every system
        importlib.import_module(_name)
typer.main.get_command = functools.cache(typer.main.get_command)
typer.main.get_command(importlib.import_module("mailbatch.cli.app").app)
gc.collect()
gc.freeze()
