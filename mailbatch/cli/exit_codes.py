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
        "nothing was sent; or --plan says otherwise, and nothing more was sent"
    ),
    ExitCode.UNAVAILABLE: "the server cannot be reached or refuses the session",
    ExitCode.STORAGE: "the ledger or the results cannot be written",
    ExitCode.UNFINISHED: (
        "not finished (deferred, pending, interrupted, stopped by the guard, outside of the "
        "window, at the cap or the warm-up, or another run holds the edition): run again"
    ),
    ExitCode.AUTHENTICATION: "authentication or certificate refused",
    ExitCode.JOB: "the job file is wrong, or a secret is missing",
    ExitCode.SIGINT: "a second SIGINT",
    ExitCode.SIGTERM: "a second SIGTERM",
}

_SIGNALS = {ExitCode.SIGINT: "", ExitCode.SIGTERM: ""}
_EDITION = "the edition cannot be rendered"
_NO_STORE = "the store or the ledger cannot be read"
_RUN: dict[ExitCode, str] = {
    code: "" for code in ExitCode if code not in {ExitCode.BUG, ExitCode.USAGE}
}
#: command -> its exit codes, as help lists them, besides 1 and 2, which every command may have; an
#: empty text stands for that of `MEANING`.
ENDS: dict[str, dict[ExitCode, str]] = {
    "run": _RUN,
    "correct": {
        **_RUN,
        ExitCode.DONE: "everyone who had no letter or a wrong one has the right one",
        ExitCode.DATA: "the letters cannot be compared or made; nothing was stopped or sent",
    },
    "work": {
        ExitCode.DONE: "no mailing is open that a worker can go on with",
        ExitCode.UNAVAILABLE: "",
        ExitCode.STORAGE: "the database cannot be reached or written",
        ExitCode.UNFINISHED: "stopped by a signal, or the run is in trouble: start it again",
        ExitCode.AUTHENTICATION: "",
        ExitCode.JOB: "a secret is missing here, or the messages would be others here",
        **_SIGNALS,
    },
    "preview": {
        ExitCode.DONE: "the gallery is written",
        ExitCode.DATA: "",
        ExitCode.STORAGE: "the gallery, a picture or standard output cannot be written",
        ExitCode.JOB: "the job file is wrong, or --pdf and --png find no Chromium",
    },
    "plan": {
        ExitCode.DONE: "the plan is written",
        ExitCode.DATA: "the inputs are wrong, depend upon the moment, or nobody would be mailed",
        ExitCode.STORAGE: "the plan or standard output cannot be written",
        ExitCode.JOB: "",
    },
    "check": {
        ExitCode.DONE: "no mistake was found",
        ExitCode.DATA: "a mistake was found, or with --strict something to warn of",
        ExitCode.UNAVAILABLE: "",
        ExitCode.STORAGE: "standard output cannot be written",
        ExitCode.AUTHENTICATION: "",
        ExitCode.JOB: "",
    },
    "explain": {
        ExitCode.DONE: "the code is explained",
        ExitCode.STORAGE: "standard output cannot be written",
    },
    "status": {
        ExitCode.DONE: "it is shown, also where nothing was sent yet",
        ExitCode.DATA: f"{_EDITION}, or the table of one that was never run is wrong",
        ExitCode.STORAGE: "the ledger cannot be read",
        ExitCode.JOB: "",
    },
    "results": {
        ExitCode.DONE: "the results are written",
        ExitCode.DATA: _EDITION,
        ExitCode.STORAGE: "the edition has no ledger, or a file cannot be read or written",
        ExitCode.UNFINISHED: "--failed, while a run holds the edition",
        ExitCode.JOB: "",
    },
    "resolve": {
        ExitCode.DONE: "no recipient is in doubt",
        ExitCode.IN_DOUBT: "some recipients are in doubt",
        ExitCode.DATA: _EDITION,
        ExitCode.STORAGE: "the edition has no ledger, or the ledger cannot be read or written",
        ExitCode.UNFINISHED: "a run holds the edition: wait for its end",
        ExitCode.JOB: "",
    },
    "evidence": {
        ExitCode.DONE: "the evidence has the message, or with --verify all files fit",
        ExitCode.DATA: (
            "the message cannot be made again, and the evidence says why; or with --verify a file "
            "is not the one that was written"
        ),
        ExitCode.STORAGE: "ledger or store cannot be read, or the evidence cannot be written",
        ExitCode.JOB: "",
    },
    "forget": {
        ExitCode.DONE: "the person is forgotten; or the traces are listed, without --yes",
        ExitCode.STORAGE: (
            "a file or ledger cannot be read or written: the same again goes on; or what this user "
            "may not read in the database was left out"
        ),
        ExitCode.UNFINISHED: (
            "a run holds an edition of the person: wait for its end; or in the database something "
            "still sees what is to go: the same again goes on"
        ),
        ExitCode.JOB: "",
    },
    "ledger init": {
        ExitCode.DONE: "the roles are made, or the SQL is printed",
        ExitCode.STORAGE: "the database cannot be reached, or the user may not make roles",
        ExitCode.JOB: "",
    },
    "ledger archive": {
        ExitCode.DONE: "the results are written, and the edition is put away",
        ExitCode.IN_DOUBT: "some recipients are in doubt; nothing was dropped",
        ExitCode.DATA: _EDITION,
        ExitCode.STORAGE: "the database or the results cannot be read or written",
        ExitCode.UNFINISHED: "it is not finished, or a run holds it; nothing was dropped",
        ExitCode.JOB: "",
    },
    "init": {
        ExitCode.DONE: "the job is written, or the templates are listed",
        ExitCode.STORAGE: "the job or standard output cannot be written",
    },
    "schema": {
        ExitCode.DONE: "the schema is printed",
        ExitCode.STORAGE: "standard output cannot be written",
    },
    "sandbox": {
        ExitCode.DONE: "stopped by Ctrl-C or SIGTERM",
        ExitCode.STORAGE: "too few files may be open: ulimit -n",
        **_SIGNALS,
    },
    "mcp": {
        ExitCode.DONE: "the client has closed standard input",
        ExitCode.DATA: "a file of --plan is no plan",
        ExitCode.JOB: "a package is missing",
    },
    "reports pull": {
        ExitCode.DONE: "the provider has answered",
        ExitCode.DATA: _EDITION,
        ExitCode.UNAVAILABLE: "the provider cannot be reached, or its answer is no log",
        ExitCode.STORAGE: "the store cannot be written",
        ExitCode.UNFINISHED: "the provider wants a pause, or it was stopped: pull again",
        ExitCode.AUTHENTICATION: "the key or the certificate is refused",
        ExitCode.JOB: "",
        **_SIGNALS,
    },
    "reports read": {
        ExitCode.DONE: "every file is kept",
        ExitCode.STORAGE: "the store cannot be written",
        ExitCode.JOB: "",
    },
    "reports serve": {
        ExitCode.DONE: "stopped by Ctrl-C or SIGTERM",
        ExitCode.STORAGE: "the store cannot be written",
        ExitCode.JOB: "a file of a secret or of TLS is wrong, or a package is missing",
        **_SIGNALS,
    },
    "reports show": {
        ExitCode.DONE: "it is shown",
        ExitCode.DATA: _EDITION,
        ExitCode.STORAGE: _NO_STORE,
        ExitCode.JOB: "",
    },
    "reports page": {
        ExitCode.DONE: "the page is written",
        ExitCode.DATA: _EDITION,
        ExitCode.STORAGE: f"{_NO_STORE}, or the page cannot be written",
        ExitCode.JOB: "",
    },
    "reports suppress": {
        ExitCode.DONE: "the list has all of them",
        ExitCode.DATA: _EDITION,
        ExitCode.STORAGE: f"{_NO_STORE}, or the list cannot be written",
        ExitCode.JOB: "",
    },
}
