"""The secret that a job points to: from the environment, a file, a command or the keyring.

Asked only when something is about to be sent. No text here shows a secret, nor the output of a
command: an error names the place of the secret and nothing that was there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from mailbatch.errors import JobError, Location, raise_if_starved
from mailbatch.extras import install_extra
from mailbatch.job.paths import resolve_path
from mailbatch.job.scalars import Interpolated
from mailbatch.job.server import Secret

#: A command may ask an agent or a card reader, but must not hold up a run from cron for good.
COMMAND_TIMEOUT = 60.0
_MOST = 64 * 1024
_ALONE = "Put the secret alone there, on one line."
_IN_UTF8 = "Put the secret there in UTF-8."
_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


def resolve_secret(
    secret: Secret,
    *,
    folder: Path,
    environ: Mapping[str, str],
    username: str | None = None,
    user: str = "server.username",
    lines: bool = False,
    location: Location | None = None,
    timeout: float = COMMAND_TIMEOUT,
) -> str:
    """Return the secret that `secret` points to.

    `folder` is the job's, `username` the user in the keyring, whom errors call `user`. `lines` says
    that the secret has several lines, as a key in PEM does. `location` is the place in the job
    (`job.locate("server.password")`), `timeout` the seconds that a command may take.

    Raises:
        JobError: The secret is not there, empty, not text, or may be read by others.
    """
    try:
        if secret.env is not None:
            found, whose = _from_environment(secret.env, environ)
        elif secret.file is not None:
            found, whose = _from_file(secret.file, folder)
        elif secret.command is not None:
            found, whose = _from_command(secret.command, folder, environ, timeout)
            if not lines:
                found = found.partition("\n")[0].removesuffix("\r")
        else:
            found, whose = _from_keyring(secret.keyring or "", username, user)
        _check(found, whose, lines=lines)
    except JobError as error:
        raise JobError(error.message, location=location, hint=error.hint) from None
    return found


def _from_environment(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    variable = _called("environment variable", name)
    if not environ.get(name):
        state = "is empty" if name in environ else "is not set"
        raise JobError(
            f"{variable} {state}",
            hint="Set it where mailbatch is started. In {env: NAME}, NAME stands without ${}.",
        )
    return environ[name], variable


def _from_file(name: str, folder: Path) -> tuple[str, str]:
    called = _called("file", name)
    try:
        path = resolve_path(folder, name, absolute_allowed=True)
    except JobError as error:
        raise JobError(f"{called} {error.message}", hint=error.hint) from None
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MOST + 1)
    except FileNotFoundError as error:
        hint = (
            "Write the secret into it and run chmod 600 on it; a relative path begins at the job."
        )
        raise JobError(f"{called} cannot be read: {error.strerror}", hint=hint) from None
    except OSError as error:
        raise_if_starved(error)
        hint = "Name a file that the user who runs mailbatch can read."
        raise JobError(f"{called} cannot be read: {error.strerror}", hint=hint) from None
    # As in ssh: a file that others could read holds no secret any more.
    if os.name == "posix" and mode & _OTHERS:
        raise JobError(f"{called} can be read or written by others", hint="Run chmod 600 on it.")
    text = _decoded(content, called)
    return text.removesuffix("\n").removesuffix("\r"), called


def _from_command(
    words: tuple[str, ...], folder: Path, environ: Mapping[str, str], timeout: float
) -> tuple[str, str]:
    import subprocess

    program = _called("command", words[0])
    run_by_hand = f"Run it by hand in {folder}."
    try:
        finished = subprocess.run(
            words,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise JobError(f"{program} took longer than {timeout:g} s", hint=run_by_hand) from None
    except (OSError, ValueError) as error:
        raise_if_starved(error)
        reason = getattr(error, "strerror", None) or "not a command"
        hint = (
            "Write the program, or its whole path, and its arguments as a list, as in [pass, mail]."
        )
        raise JobError(f"{program} cannot be run: {reason}", hint=hint) from None
    if finished.returncode != 0:
        raise JobError(f"{program} ended with {finished.returncode}", hint=run_by_hand)
    prints = f"what {program} prints"
    return _decoded(finished.stdout, prints), prints


def _from_keyring(service: str, username: str | None, user: str) -> tuple[str, str]:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise JobError(
            "the keyring needs a package that is not installed",
            hint=install_extra("keyring"),
        ) from None
    place = _called("keyring service", service)
    try:
        found = keyring.get_password(service, username or "")
    except KeyringError as error:
        reason = type(error).__name__
        raise JobError(f"{place} cannot be read ({reason})", hint="Is it unlocked?") from None
    if found is None:
        raise JobError(f"{place} has nothing for {user}", hint="Run: keyring set SERVICE USERNAME")
    return str(found), place


def _called(kind: str, name: str) -> str:
    """Name a place by the name in the job, unless the environment gave that name."""
    return f"the {kind} of the job" if isinstance(name, Interpolated) else f"the {kind} {name}"


def _decoded(content: bytes, whose: str) -> str:
    if len(content) > _MOST:
        raise JobError(f"{whose} is longer than a secret can be", hint=_ALONE)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise JobError(f"{whose} is not UTF-8", hint=_IN_UTF8) from None


def _check(secret: str, whose: str, *, lines: bool) -> None:
    if not secret:
        raise JobError(f"{whose} is empty", hint="Put the secret there, and nothing else.")
    try:
        secret.encode()
    except UnicodeEncodeError:
        raise JobError(f"{whose} is not UTF-8", hint=_IN_UTF8) from None
    if not lines and ("\0" in secret or "\n" in secret or "\r" in secret):
        raise JobError(f"{whose} has more than one line", hint=_ALONE)
