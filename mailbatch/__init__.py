"""mailbatch converges a mailing to what a job file declares.

    import mailbatch

    summary = mailbatch.run("newsletter/job.yaml")
    print(summary.exit_code, summary.counts[mailbatch.Status.ACCEPTED])

This module holds the version and the names of the Python API (`__all__`), and nothing else of the
package. The first access to a name imports the module behind the name. A function of the API has no
name of a room: importing `mailbatch.results.file` would put the room in place of the function.

Tests: tests/test_api.py, tests/packaging/test_packaging.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailbatch.api import check, load, result_rows, run, status, write_preview
    from mailbatch.checks.findings import Tally
    from mailbatch.delivery.editions import Edition
    from mailbatch.delivery.options import Progress, RunOptions, Summary
    from mailbatch.errors import InputError, InputErrors, Location, MailbatchError
    from mailbatch.job.model import Job
    from mailbatch.outcome import Status
    from mailbatch.previewing import Preview
    from mailbatch.results.row import Row

__version__ = "1.0.0rc1"
__all__ = [
    "Edition",
    "InputError",
    "InputErrors",
    "Job",
    "Location",
    "MailbatchError",
    "Preview",
    "Progress",
    "Row",
    "RunOptions",
    "Status",
    "Summary",
    "Tally",
    "__version__",
    "check",
    "load",
    "result_rows",
    "run",
    "status",
    "write_preview",
]

#: module -> the names of the API that it has.
_HOMES = {
    "mailbatch.api": ("check", "load", "result_rows", "run", "status", "write_preview"),
    "mailbatch.checks.findings": ("Tally",),
    "mailbatch.delivery.editions": ("Edition",),
    "mailbatch.delivery.options": ("Progress", "RunOptions", "Summary"),
    "mailbatch.errors": ("InputError", "InputErrors", "Location", "MailbatchError"),
    "mailbatch.job.model": ("Job",),
    "mailbatch.outcome": ("Status",),
    "mailbatch.previewing": ("Preview",),
    "mailbatch.results.row": ("Row",),
}


def __getattr__(name: str) -> object:
    """Return a name of the API, and import the module behind the name."""
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
