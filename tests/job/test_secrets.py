"""Where a secret comes from, what is refused, and that no text ever shows one."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from mailbatch.errors import JobError, Location
from mailbatch.extras import install_extra
from mailbatch.job.model import Secret
from mailbatch.job.secrets import resolve_secret
from mailbatch.job.source import Source

CANARY = "canary-5c1e"


def resolve(secret: Secret, **given) -> str:
    given = {"folder": Path(), "environ": dict(os.environ)} | given
    return resolve_secret(secret, **given)


def refused(secret: Secret, **given) -> JobError:
    """Resolve a secret that cannot be; the error must not show what was found."""
    with pytest.raises(JobError) as caught:
        resolve(secret, **given)
    error = caught.value
    assert CANARY not in f"{error} {error!r} {error.args} {error.hint} {error.message}"
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert error.exit_code == 78
    assert error.hint, "every refusal has a next step"
    return error


def python(code: str) -> Secret:
    return Secret(command=(sys.executable, "-c", code))


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> Secret:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return Secret(file="secret")


def test_from_the_environment():
    assert resolve(Secret(env="P"), environ={"P": CANARY}) == CANARY


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "the environment variable P is not set"),
        ({"P": ""}, "the environment variable P is empty"),
        ({"P": f"{CANARY}\n{CANARY}"}, "the environment variable P has more than one line"),
        ({"P": f"{CANARY}\udcff"}, "the environment variable P is not UTF-8"),
    ],
)
def test_not_from_the_environment(environ, message):
    assert refused(Secret(env="P"), environ=environ).message == message


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_from_a_file_beside_the_job(folder, end):
    assert resolve(secret_file(folder, f"{CANARY} ü{end}".encode()), folder=folder) == f"{CANARY} ü"


def test_from_a_file_by_its_absolute_path(folder):
    secret_file(folder, CANARY.encode(), 0o400)
    elsewhere = folder / "sub"
    elsewhere.mkdir()
    secret = Secret(file=str(folder / "secret"))
    assert resolve(secret, folder=elsewhere) == CANARY
    error = refused(Secret(file="../secret"), folder=elsewhere)
    assert error.message == "the file ../secret leaves the folder of the job file"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_not_from_a_file_that_others_can_read_or_write(folder, mode):
    error = refused(secret_file(folder, CANARY.encode(), mode), folder=folder)
    assert error.message == "the file secret can be read or written by others"
    assert error.hint == "Run chmod 600 on it."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file secret is empty"),
        (b"\n", "the file secret is empty"),
        (f"{CANARY}\n{CANARY}\n".encode(), "the file secret has more than one line"),
        (f"{CANARY}\xff".encode("latin-1"), "the file secret is not UTF-8"),
        (CANARY.encode() * 10_000, "the file secret is longer than a secret can be"),
    ],
)
def test_not_from_a_file_that_holds_none(folder, content, message):
    assert refused(secret_file(folder, content), folder=folder).message == message


LINES = f"-----BEGIN-----\n{CANARY}\n-----END-----"


def test_a_key_has_several_lines_wherever_it_comes_from(folder, memory):
    memory.entries["dkim", "record"] = LINES
    secrets = [
        (Secret(env="P"), LINES),
        (secret_file(folder, f"{LINES}\n".encode()), LINES),
        (python(f"print({LINES!r})"), f"{LINES}\n"),
        (Secret(keyring="dkim"), LINES),
    ]
    environ = dict(os.environ) | {"P": LINES}
    given = {"folder": folder, "environ": environ, "username": "record"}
    for secret, expected in secrets:
        assert resolve(secret, lines=True, **given) == expected
    error = refused(Secret(keyring="dkim"), username="r", user="the name", lines=True)
    assert error.message == "the keyring service dkim has nothing for the name"
    assert refused(Secret(env="P"), environ={"P": ""}, lines=True).message.endswith("is empty")


def test_not_from_a_file_that_is_not_there(folder):
    missing = refused(Secret(file="nix"), folder=folder)
    assert missing.message == "the file nix cannot be read: No such file or directory"
    assert "chmod 600" in missing.hint
    (folder / "sub").mkdir()
    unreadable = refused(Secret(file="sub"), folder=folder)
    assert "Is a directory" in unreadable.message
    assert "can read" in unreadable.hint


@pytest.mark.parametrize("end", ["", "\\n", "\\r\\n", "\\nsecond line\\n"])
def test_from_the_first_line_that_a_command_prints(end):
    assert resolve(python(f"print('{CANARY}{end}', end='')")) == CANARY


def test_a_command_runs_without_a_shell_or_input_in_the_folder_of_the_job(folder):
    code = "import os, sys; print(os.getcwd(), sys.argv[1], len(sys.stdin.read()), os.environ['A'])"
    secret = Secret(command=(sys.executable, "-c", code, "$HOME;`x` *"))
    found = resolve(secret, folder=folder, environ={"A": "only this"})
    assert found == f"{folder} $HOME;`x` * 0 only this"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"import sys; sys.exit('{CANARY}')", " ended with 1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", " ended with -15"),
        ("pass", " prints is empty"),
        ("print()", " prints is empty"),
        (f"print('{CANARY}' * 10000)", " prints is longer than a secret can be"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", " prints is not UTF-8"),
        (f"print('{CANARY}\\0')", " prints has more than one line"),
    ],
)
def test_not_from_a_command_that_fails(folder, capfd, code, message):
    error = refused(python(code), folder=folder)
    assert error.message.endswith(f"the command {sys.executable}{message}")
    assert capfd.readouterr() == ("", "")


def test_a_command_has_an_end():
    error = refused(python("import time; time.sleep(600)"), timeout=0.05)
    assert error.message == f"the command {sys.executable} took longer than 0.05 s"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("./nix", "No such file or directory"),
        ("./text.j2", "Permission denied"),
        ("a\0b", "not a command"),
    ],
)
def test_not_from_a_command_that_cannot_be_run(folder, word, reason):
    error = refused(Secret(command=(word,)), folder=folder)
    assert error.message == f"the command {word} cannot be run: {reason}"


class Memory(KeyringBackend):
    """A keyring with one entry."""

    priority = 1
    locked = False

    def __init__(self) -> None:
        super().__init__()
        self.entries = {("infobip", "App"): CANARY, ("none", "App"): ""}

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked(CANARY)
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("a secret is only read")


@pytest.fixture
def memory():
    """The system's keyring is one in memory."""
    before = keyring.get_keyring()
    backend = Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_from_the_keyring(memory):
    assert resolve(Secret(keyring="infobip"), username="App") == CANARY


def test_not_from_the_keyring(memory):
    error = refused(Secret(keyring="infobip"), username="Other")
    assert error.message == "the keyring service infobip has nothing for server.username"
    assert error.hint == "Run: keyring set SERVICE USERNAME"
    error = refused(Secret(keyring="none"), username="App")
    assert error.message == "the keyring service none is empty"
    memory.locked = True
    error = refused(Secret(keyring="infobip"), username="App")
    assert error.message == "the keyring service infobip cannot be read (KeyringLocked)"


def test_without_the_keyring_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    error = refused(Secret(keyring="infobip"), username="App")
    assert error.hint == install_extra("keyring")


def test_an_error_stands_where_the_job_has_the_secret():
    place = Location("job.yaml", 7, 13, "server.password")
    error = refused(Secret(env="P"), environ={}, location=place)
    expected = "job.yaml:7:13: server.password: the environment variable P is not set"
    assert str(error) == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("env: ${P}", "the environment variable of the job is not set"),
        ("env: ${P:-x}", "the environment variable of the job is not set"),
        ("file: ${D}", "the file of the job cannot be read: No such file or directory"),
        ("file: ../${D}", "the file of the job leaves the folder of the job file"),
        ("command: ['./${D}']", "the command of the job cannot be run: No such file or directory"),
        ("command: [./nix, '${D}']", "the command ./nix cannot be run: No such file or directory"),
        ("keyring: ${D}", "the keyring service of the job has nothing for server.username"),
    ],
)
def test_a_secret_written_where_its_place_belongs_is_not_shown(
    memory, load, changed, written, message
):
    text = changed(server={"username": "App"}).replace(
        "server:", f"server:\n  password:\n    {written}"
    )
    environ = {"P": CANARY.replace("-", "_"), "D": CANARY}
    job = load(text, environ)
    assert "canary" not in f"{job!r} {job}"
    error = refused(job.server.password, folder=job.folder, environ=environ, username="App")
    assert "canary" not in f"{error} {error.hint}"
    assert error.message == message


LEAKS = [
    "password: canary-5c1e",
    "password: 'canary-5c1e'",
    "password:canary-5c1e",
    "password:\n    canary-5c1e",
    "password: |\n    canary-5c1e\n    canary-5c1e",
    "password: >-\n    x\n\n    canary-5c1e",
    "password: [canary-5c1e]",
    "password: [\n    canary-5c1e",
    "password: {env canary-5c1e}",
    "password: {canary-5c1e}",
    "password: {value: canary-5c1e}",
    "password:\n    value: canary-5c1e",
    "password:\n    - canary-5c1e",
    "password: !!str canary-5c1e",
    "password: &a canary-5c1e",
    'password: "canary-5c1e',
    'password: "canary\n    canary-5c1e" x',
    'password: "\\qcanary-5c1e"',
    "password: canary-5c1e: x",
    "password: @canary-5c1e",
    "password: %canary-5c1e",
    "password: `canary-5c1e",
    "password: ${canary-5c1e}",
    "password: ${X:?canary-5c1e}",
    "password: $canary-5c1e",
    "password: {{ canary-5c1e }}",
    "pasword: canary-5c1e",
    "passwort: canary-5c1e",
    "Password: canary-5c1e",
    "paswrod: canary-5c1e",
    "pass word: canary-5c1e",
    "password canary-5c1e",
    "password [canary-5c1e, x]",
    "password: {env: X, y: canary-5c1e}",
    "password:\n  - canary-5c1e\n  - *x",
    "password:\n    env: X\n    y: canary-5c1e",
    "password: {env: canary-5c1e}",
    "password: {env: 'x canary'}",
    "password:\n    env: canary-5c1e",
    "password:\n    env: canary 5c1e",
    "pass: canary-5c1e",
    "api_key: canary-5c1e",
    "private_key: canary-5c1e",
    "private-key: canary-5c1e",
    "private_key: |\n    -----BEGIN PRIVATE KEY-----\n    canary-5c1e\n    -----END",
    "private_key: |\n-----BEGIN PRIVATE KEY-----\ncanary-5c1e\n-----END: x",
    'private_key: "-----BEGIN PRIVATE KEY-----\ncanary-5c1e\n-----END" x',
    "token: canary-5c1e",
    "'password': canary-5c1e",
    "prot: 1\n  password: canary-5c1e",
    "password: canary-5c1e\n  password: canary-5c1e",
    "timeouts: {x: 1, password: canary-5c1e, y: 2}",
    "{hosst: x, password: canary-5c1e}",
    "pw: canary-5c1e",
    "key: canary-5c1e",
    "authorization: App canary-5c1e",
    "host: https://u:canary-5c1e@a.example",
    "hosst: smtps://:canary-5c1e@a.example:465/  # x",
]


@pytest.mark.parametrize("written", LEAKS)
def test_no_error_shows_a_password_that_stands_in_the_file(written, errors):
    text = f"version: 1\nserver:\n  host: a.example\n  username: u\n  {written}\nsendr: x\n"
    found = errors(text)
    for error in found:
        shown = f"{error} {error!r} {error.args} {error.hint} {error.location!r}"
        assert "canary" not in shown


@pytest.mark.parametrize(
    "line",
    [
        "  password: {env: NAME}",
        "  password: {command: [pass, show, smtp]}",
        "  password:\n    env: NAME",
        "  password:\n    command:\n    - pass\n    - show",
        "  private_key: {file: dkim.pem}",
        "  # a comment",
        "  password: {file: secret}  # a comment",
    ],
)
def test_where_a_secret_is_may_be_shown(line):
    text = f"server:\n{line}\n"
    source = Source("job.yaml", text)
    starts = [match.start() for match in re.finditer("(?m)^", text[:-1])]
    assert "".join(f"{source.location(start).source}\n" for start in starts) == text


@pytest.mark.parametrize(
    "text",
    [
        "recipients: {file: r.csv, key: order}\n",
        "recipients:\n  file: r.csv\n  key: order\n",
        "recipients:\n  file: r.csv\n# orders\n  key: [email, order]\n",
        "recipients:\n  key:\n  - email\n  - order\nmessage:\n",
    ],
)
def test_the_key_of_recipients_names_columns_and_is_shown(text):
    source = Source("job.yaml", text)
    starts = [match.start() for match in re.finditer("(?m)^", text[:-1])]
    assert "".join(f"{source.location(start).source}\n" for start in starts) == text


@pytest.mark.parametrize(
    "text",
    [
        f"recipients: {{file: r.csv}}\nserver: {{key: {CANARY}}}\n",
        f"recipients:\n  file: r.csv\ndkim:\n  key: {CANARY}\n",
        f"recipients:\n  file: r.csv\ndkim:\n  key:\n  - {CANARY}\n",
        f"recipients:\n  api_key: {CANARY}\n",
    ],
)
def test_every_other_key_beside_recipients_is_a_secret(text):
    source = Source("job.yaml", text)
    starts = [match.start() for match in re.finditer("(?m)^", text[:-1])]
    assert CANARY not in "".join(f"{source.location(start)}" for start in starts)
    assert CANARY not in "".join(f"{source.location(start).source}" for start in starts)


def test_the_job_shows_where_a_secret_is_and_not_what_it_is(load, changed, monkeypatch):
    monkeypatch.setenv("P", CANARY)
    job = load(changed(server={"username": "u", "password": {"env": "P"}}), dict(os.environ))
    assert "env='P'" in repr(job)
    assert CANARY not in f"{job!r} {job} {job.model_dump()} {vars(job)}"
