"""The exit codes, with a name and a meaning for each: a contract with cron, systemd and scripts.

The code of a failure stands at the class of the failure in `errors`, and the code of a run that
began to send in `Summary.exit_code`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit code of the process; several codes follow sysexits(3)."""

    DONE = 0  # nothing is left to do: everyone wanted is accepted
    BUG = 1  # a bug in mailbatch
    USAGE = 2  # wrong usage
    REFUSED = 3  # finished, some recipients were rejected or invalid
    IN_DOUBT = 4  # finished, some recipients are in doubt
    DATA = 65  # the inputs are wrong, or nobody would be mailed; nothing was sent
    UNAVAILABLE = 69  # the server cannot be reached or refuses the session
    STORAGE = 74  # the ledger or the results cannot be written
    UNFINISHED = 75  # not finished: run again
    AUTHENTICATION = 77  # authentication or certificate refused
    JOB = 78  # the job file is wrong, or a secret is missing
    SIGINT = 130  # second signal
    SIGTERM = 143


#: What each code means, for `--help` and the documentation.
MEANING = {
    ExitCode.DONE: "nothing is left to do: everyone wanted is accepted",
    ExitCode.BUG: "a bug in mailbatch",
    ExitCode.USAGE: "wrong usage",
    ExitCode.REFUSED: "finished, some recipients were rejected or invalid",
    ExitCode.IN_DOUBT: "finished, some recipients are in doubt: mailbatch resolve",
    ExitCode.DATA: (
        "the recipients, templates or attachments are wrong, or nobody would be mailed; "
        "nothing was sent"
    ),
    ExitCode.UNAVAILABLE: "the server cannot be reached or refuses the session",
    ExitCode.STORAGE: "the ledger or the results cannot be written",
    ExitCode.UNFINISHED: (
        "not finished (deferred, pending, interrupted, stopped by the guard, or another run holds "
        "the edition): run again"
    ),
    ExitCode.AUTHENTICATION: "authentication or certificate refused",
    ExitCode.JOB: "the job file is wrong, or a secret is missing",
    ExitCode.SIGINT: "a second SIGINT",
    ExitCode.SIGTERM: "a second SIGTERM",
}

_INPUTS = (ExitCode.DATA, ExitCode.STORAGE, ExitCode.JOB)
#: The exit codes of the commands that help lists, besides 1 and 2, which every command may have.
ENDS = {
    "run": tuple(code for code in ExitCode if code not in {ExitCode.BUG, ExitCode.USAGE}),
    "preview": (ExitCode.DONE, *_INPUTS),
    "check": (
        ExitCode.DONE,
        ExitCode.DATA,
        ExitCode.UNAVAILABLE,
        ExitCode.STORAGE,
        ExitCode.AUTHENTICATION,
        ExitCode.JOB,
    ),
    "status": (ExitCode.DONE, *_INPUTS),
}


def ends_of(command: str) -> str:
    """Return the exit codes of a command in a sentence, for its help.

    >>> ends_of("status")[:31]
    'Exit codes: 0 done; 65 the reci'
    """
    own = {} if command == "run" else {ExitCode.DONE: "done"}
    words = (f"{int(code)} {own.get(code) or MEANING[code]}" for code in ENDS[command])
    return f"Exit codes: {'; '.join(words)}."
