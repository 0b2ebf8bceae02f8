"""The one server from which processes of the tests are forked, with everything imported already.

A worker of the tests has one such server, and the last list of modules that anybody sets counts for
all of them: so there is one list, here. A fork that finds a module missing imports it, and all that
it needs, each time.
"""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.connection import Connection

PRELOADED = [
    "tests.certainty.dying",
    "tests.certainty.forked",
    "tests.ledger.opening_to_death",
    "tests.support.prepared",
]

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(PRELOADED)


def send_modules(to: Connection) -> None:
    """Send the names of the modules that this process has, for a test of the server."""
    to.send(sorted(sys.modules))
    to.close()
