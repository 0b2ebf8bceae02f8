"""The canary: a password that must stand in no output, file, error or process list.

Its core is letters and digits, so that no escaping hides it: whatever form the password is repeated
in (quoted, in a URL, in JSON, in a CSV cell, cut short), the core is found, and in base64 one of
the three ways in which its bits can fall.
"""

import base64
import json
import os
import stat
import sys
import traceback
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import yaml

from mailbatch.delivery.destination import server_of
from mailbatch.job.loader import load_job
from mailbatch.smtp.connection import Connection
from tests.certainty import program
from tests.certainty.forked import mailbatch
from tests.certainty.scene import Scene, patience
from tests.render.signing import KINDS, key_of, pem
from tests.support.faults import Fault, Kind, Stage

pytestmark = pytest.mark.usefixtures("names")

CORE = "Zq7xK9vTw3Lm"
PASSWORD = f"p\u00e4 \"s$'\\%/+{CORE}={{{{x}}}};,<&>"
USERNAME = "canary-user@example.com"


def core_of_base64(text):
    """What base64 makes of a text that stands somewhere in what is encoded, in three ways."""
    raw = text.encode()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        yield encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6].decode()


FORBIDDEN = [
    CORE,
    CORE.lower(),
    CORE[::-1],
    CORE.encode().hex(),
    " ".join(CORE),
    *core_of_base64(CORE),
    base64.b64encode(USERNAME.encode()).decode(),
]

#: How a server could repeat the password.
ECHOES = {
    "plain": PASSWORD,
    "base64": base64.b64encode(PASSWORD.encode()).decode(),
    "said-by-plain": base64.b64encode(f"\0{USERNAME}\0{PASSWORD}".encode()).decode(),
    "base64-of-both": base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode(),
    "base64-in-a-sentence": base64.b64encode(f"you said {PASSWORD}!".encode()).decode(),
    "url": quote(PASSWORD, safe=""),
    "hexadecimal": PASSWORD.encode().hex(),
    "backwards": PASSWORD[::-1],
    "lower-case": PASSWORD.lower(),
    "spelled": " ".join(PASSWORD),
}
#: In the authentication itself also what was escaped or cut short is taken for an echo.
ECHOES_OF_AUTH = ECHOES | {
    "form": quote_plus(PASSWORD),
    "json": json.dumps(PASSWORD),
    "quoted": '"{}"'.format(PASSWORD.replace('"', '""')),
    "beginning": PASSWORD[:18],
    "end": PASSWORD[10:],
    "end-of-base64": base64.b64encode(PASSWORD.encode()).decode()[9:],
}


def assert_nowhere(folder, *texts):
    """No file below the folder and none of the texts has the password in any form."""
    for form in FORBIDDEN:
        for text in texts:
            assert form not in str(text), f"{form} in {text}"
        for path in folder.rglob("*"):
            if path.is_file():
                assert form.encode() not in path.read_bytes(), f"{form} in {path}"


def scene_at(folder, server, **more):
    given = {"username": USERNAME, "password": PASSWORD, "recipients": 2, "attempts": 2}
    return Scene(folder, server.port, **(given | more))


def talk(scene, *, code=None, everything=False):
    """A run and the next one, or every command that says something of it; all they said."""

    def call(*words):
        return mailbatch(*words, cwd=scene.folder, environ={"SCENE_PASSWORD": PASSWORD})

    found = [call("run", "job.yaml", "--json", "--transcript", "transcript.txt")]
    assert code is None or found[0].code == code, found
    if everything:
        found += [
            call("status", "job.yaml", "--json"),
            call("results", "job.yaml", "--failed", "failed.csv"),
            call("resolve", "job.yaml"),
        ]
    found.append(call("run", "job.yaml", "--log-json", "--transcript", "again.txt"))
    assert (scene.folder / "transcript.txt").stat().st_size
    return found


def said(found):
    return [text for ended in found for text in (ended.out, ended.err)]


# Runs


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "XOAUTH2"])
def test_a_good_run(tmp_path, fault_server, mechanism):
    server = fault_server(mechanisms=[mechanism])
    scene = scene_at(tmp_path / "s", server)
    assert_nowhere(scene.folder, *said(talk(scene, code=0, everything=True)))
    assert {record["mechanism"] for record in server.stages(Stage.AUTH_FINAL)} == {mechanism}
    scene.check(server.deliveries())


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("code", [235, 334, 454, 535])
def test_a_server_that_repeats_it_in_its_answer(tmp_path, fault_server, code, mechanism):
    """In every form at once, in a reply of several lines."""
    texts = list(ECHOES_OF_AUTH.values())
    lines = [f"{code}-5.7.8 wrong: {text}" for text in texts[:-1]]
    if code == 334:
        lines = []  # RFC 4954 4: a challenge has one line
    reply = "\r\n".join([*lines, f"{code} 5.7.8 wrong: {texts[-1]} {texts[0]} {texts[1]}"])
    fault = Fault(Stage.AUTH_FINAL, Kind.REPLY, text=reply)
    server = fault_server(fault, mechanisms=[mechanism], credentials=(USERNAME, PASSWORD))
    scene = scene_at(tmp_path / "s", server)
    found = talk(scene, code={235: 0, 535: 77}.get(code), everything=True)
    assert_nowhere(scene.folder, *said(found))
    assert not server.faults_left


@pytest.mark.parametrize(
    "form", ["plain", "base64-in-a-sentence", "said-by-plain", "json", "beginning", "end-of-base64"]
)
def test_every_form_in_a_challenge_and_in_garbage(tmp_path, fault_server, form):
    """A challenge that asks too much, and what is no reply at all."""
    text = ECHOES_OF_AUTH[form]
    server = fault_server(
        Fault(Stage.AUTH, Kind.REPLY, text=f"334 {text}"),
        Fault(Stage.AUTH_FINAL, Kind.REPLY, connection=1, text=f"334 {text}"),
        Fault(Stage.AUTH_FINAL, Kind.GARBAGE, connection=2, text=f"what is {text}"),
        mechanisms=["LOGIN"],
        credentials=(USERNAME, PASSWORD),
    )
    scene = scene_at(tmp_path / "s", server)
    assert_nowhere(scene.folder, *said(talk(scene)))
    assert not server.faults_left


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        *((Stage.AUTH_FINAL, kind) for kind in Kind if kind is not Kind.REPLY),
        *((Stage.AUTH, kind) for kind in (Kind.RST, Kind.FIN, Kind.STALL, Kind.PERMANENT)),
    ],
)
def test_a_fault_of_the_authentication(tmp_path, fault_server, stage, kind):
    """Lost, refused, slow, garbled."""
    server = fault_server(
        Fault(stage, kind), mechanisms=["LOGIN"], credentials=(USERNAME, PASSWORD)
    )
    scene = scene_at(tmp_path / "s", server, recipients=1, timeouts=patience(stage, kind))
    found = mailbatch(
        "run", "job.yaml", "--transcript", "transcript.txt",
        cwd=scene.folder, environ={"SCENE_PASSWORD": PASSWORD},
    )  # fmt: skip
    assert_nowhere(scene.folder, *said([found]))


@pytest.mark.parametrize("form", ECHOES)
def test_a_server_that_repeats_it_ever_after(tmp_path, fault_server, form):
    """In its replies to everything, in its last word, and in the greeting of the next session."""
    text = ECHOES[form]
    server = fault_server(
        Fault(Stage.MAIL, Kind.REPLY, transaction=1, text=f"250 2.1.0 go on, {text}"),
        Fault(Stage.RCPT, Kind.REPLY, transaction=1, text=f"550 5.7.1 not for {text}"),
        Fault(Stage.DATA, Kind.REPLY, transaction=2, text=f"354 {text}"),
        Fault(Stage.DOT, Kind.REPLY, transaction=2, text=f"250 2.6.0 queued as <{text}>"),
        Fault(Stage.QUIT, Kind.REPLY, text=f"221 bye {text}"),
        mechanisms=["PLAIN"],
    )
    scene = scene_at(tmp_path / "s", server)
    assert_nowhere(scene.folder, *said(talk(scene, code=3, everything=form == "plain")))
    assert not server.faults_left
    greeting = f"220 fault.test {text}\r\n"
    ehlo = f"250-fault.test {text}\r\n250-AUTH PLAIN\r\n250 X-{text}"
    server = fault_server(
        Fault(Stage.DOT, Kind.GARBAGE, transaction=1, text=f"no reply {text}"),
        Fault(Stage.BANNER, Kind.REPLY, connection=2, text=greeting.strip()),
        Fault(Stage.EHLO, Kind.REPLY, connection=2, text=ehlo),
        Fault(Stage.IDLE, Kind.SHUTDOWN, connection=2, text=f"421 4.3.2 {text}"),
    )
    scene = scene_at(tmp_path / "t", server, attempts=3)
    assert_nowhere(scene.folder, *said(talk(scene, code=4, everything=form == "plain")))
    assert not server.faults_left


@pytest.mark.parametrize("size", [4, 8, 13])
def test_a_server_that_repeats_it_in_pieces(tmp_path, fault_server, size):
    """Over the lines of one reply: results and transcript show the reply as a whole or not."""
    pieces = [PASSWORD[i : i + size] for i in range(0, len(PASSWORD), size)]
    reply = "\r\n".join([*(f"250-2.6.0 {piece}" for piece in pieces), "250 2.6.0 queued"])
    refusal = "\r\n".join([*(f"550-{piece}" for piece in pieces), "550 5.7.1 no"])
    server = fault_server(
        Fault(Stage.DOT, Kind.REPLY, transaction=1, text=reply),
        Fault(Stage.RCPT, Kind.REPLY, transaction=2, text=refusal),
        mechanisms=["PLAIN"],
    )
    scene = scene_at(tmp_path / "s", server)
    said_of_it = [*said(talk(scene, code=3, everything=True)), *map(str, scene.results())]
    transcript = (scene.folder / "transcript.txt").read_text()
    for text in (*said_of_it, transcript):
        joined = "".join(
            filter(str.isalnum, text.replace("S: 250-2.6.0", "").replace("S: 550-", ""))
        )
        assert CORE not in joined
    assert [row["reply_code"] for row in scene.results()] == ["250", "550"]
    assert "S: 250-2.6.0 ***" in transcript
    assert not server.faults_left


@pytest.mark.parametrize("case", ["wrong-host", "wrong-authority", "stripped", "garbled"])
def test_a_server_that_cannot_be_trusted(tmp_path, fault_server, certificates, case):
    """TLS that does not hold ends the run before the password is said to anybody."""
    names = {"wrong-host": ("elsewhere.example",)}.get(case, ())
    faults = [Fault(Stage.TLS, Kind.GARBAGE)] if case == "garbled" else []
    server = fault_server(
        *faults,
        security="starttls",
        extensions=["AUTH PLAIN LOGIN"] if case == "stripped" else None,
        tls_context=certificates.server_context(*names),
    )
    scene = scene_at(
        tmp_path / "s", server, security="starttls", ca_file=certificates.ca_file, attempts=1
    )
    if case == "wrong-authority":
        job = yaml.safe_load(scene.job.read_text())
        del job["server"]["ca_file"]
        scene.job.write_text(yaml.safe_dump(job))
    found = talk(scene, code=77)
    # The handshake is garbled once: who comes again may say it, and says it under TLS.
    said_under_tls = [record["encrypted"] for record in server.stages(Stage.AUTH_FINAL)]
    assert set(said_under_tls) == ({True} if case == "garbled" else set())
    assert_nowhere(scene.folder, *said(found), server.journal)


@pytest.mark.parametrize("code", [235, 334, 535])
def test_check_connect(tmp_path, fault_server, code):
    """`check --connect` shows what the server says of itself, and that it repeats nothing."""
    echo = " ".join(ECHOES.values())
    server = fault_server(
        Fault(Stage.BANNER, Kind.REPLY, text=f"220 fault.test {echo}", times=0),
        Fault(
            Stage.EHLO,
            Kind.REPLY,
            text=f"250-fault.test {echo}\r\n250-X-{ECHOES['base64']}\r\n250 AUTH PLAIN",
            times=0,
        ),
        Fault(Stage.AUTH_FINAL, Kind.REPLY, text=f"{code} {echo}", times=0),
    )
    scene = scene_at(tmp_path / "s", server)
    for options in ((), ("--json",)):
        found = mailbatch(
            "check", "job.yaml", "--connect", *options,
            cwd=scene.folder, environ={"SCENE_PASSWORD": PASSWORD},
        )  # fmt: skip
        assert found.code == (0 if code == 235 else 77), found
        assert_nowhere(scene.folder, *said([found]))


# Where it comes from


def with_password(scene, form):
    job = yaml.safe_load(scene.job.read_text())
    job["server"]["password"] = form
    scene.job.write_text(yaml.safe_dump(job, allow_unicode=True))


def refused(scene, secret_file=None, **environ):
    """The run ends with 78 and no word of what it found."""
    found = mailbatch("run", "job.yaml", cwd=scene.folder, environ=environ)
    assert found.code == 78, found
    assert_nowhere_but(scene, secret_file, found)
    return found


def assert_nowhere_but(scene, secret_file, *found):
    """Nowhere but where somebody has written it."""
    kept = [path for path in (scene.job, secret_file) if path is not None]
    for number, path in enumerate(kept):
        path.rename(scene.folder.parent / f"kept-{number}")
    assert_nowhere(scene.folder, *said(found))
    for number, path in enumerate(kept):
        (scene.folder.parent / f"kept-{number}").rename(path)


@pytest.fixture
def secretive(tmp_path, fault_server):
    """A mailing for a server that wants the canary."""
    server = fault_server(credentials=(USERNAME, PASSWORD), need_auth=True)
    return server, scene_at(tmp_path / "s", server)


def test_a_file_that_others_can_read(secretive):
    server, scene = secretive
    path = scene.folder / "secret"
    path.write_text(PASSWORD)
    path.chmod(0o644)
    with_password(scene, {"file": "secret"})
    assert "can be read or written by others" in refused(scene, path).err
    assert server.journal == []
    path.chmod(0o600)
    assert mailbatch("run", "job.yaml", cwd=scene.folder).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert_nowhere_but(scene, path)


def test_a_file_with_two_lines(secretive):
    _, scene = secretive
    path = scene.folder / "secret"
    path.touch(0o600)
    path.write_text(f"{PASSWORD}\n{PASSWORD}")
    with_password(scene, {"file": "secret"})
    assert "more than one line" in refused(scene, path).err


@pytest.mark.parametrize(
    "code",
    [
        "import os, sys; print(os.environ['P'], file=sys.stderr); sys.exit(3)",
        "import os, sys; print(os.environ['P']); sys.exit(3)",
        "import os, sys; sys.stdout.buffer.write(os.environ['P'].encode('latin-1'))",
        "import os; raise SystemExit(os.environ['P'])",
    ],
)
def test_a_command_that_fails_and_says_it(secretive, code):
    server, scene = secretive
    with_password(scene, {"command": [sys.executable, "-c", code]})
    refused(scene, P=PASSWORD)
    assert server.journal == []


def test_a_command_that_says_it(secretive):
    """Also what else the command says stays where it is."""
    server, scene = secretive
    code = "import os, sys; print(os.environ['P'], file=sys.stderr); print(os.environ['P'])"
    with_password(scene, {"command": [sys.executable, "-c", code]})
    found = mailbatch("run", "job.yaml", cwd=scene.folder, environ={"P": PASSWORD})
    assert found.code == 0, found
    assert_nowhere(scene.folder, *said([found]))
    scene.check(server.deliveries())


LOCKED_KEYRING = """
import sys
class errors:
    class KeyringError(Exception): pass
sys.modules["keyring.errors"] = errors
def get_password(*_): raise errors.KeyringError({0!r})
"""


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("raise ImportError({0!r})", "a package that is not installed"),
        (LOCKED_KEYRING, "cannot be read (KeyringError)"),
    ],
    ids=["missing", "locked"],
)
def test_a_keyring_that_does_not_give_it(secretive, tmp_path, module, words):
    """Its package is not there, or its daemon says too much."""
    server, scene = secretive
    with_password(scene, {"keyring": "mailer"})
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/keyring.py").write_text(module.format(PASSWORD))
    path = f"{program.REPOSITORY}{os.pathsep}{tmp_path / 'modules'}"
    first = f"import sys; sys.path.insert(0, {str(tmp_path / 'modules')!r})"
    (tmp_path / "modules/sitecustomize.py").write_text(first)
    ended = program.mailbatch("run", "job.yaml", cwd=scene.folder, PYTHONPATH=path)
    assert ended[0] == 78, ended
    assert words in ended[2]
    assert_nowhere(scene.folder, *ended)
    assert server.journal == []


@pytest.mark.parametrize("written", [PASSWORD, {PASSWORD: None}, {"env": PASSWORD}, [PASSWORD]])
def test_a_password_that_somebody_wrote_into_the_job(secretive, written):
    """The one who wrote it is told so, and cron's mail does not carry it on."""
    server, scene = secretive
    with_password(scene, written)
    refused(scene)
    assert server.journal == []


# The key that signs


def with_dkim(scene):
    job = yaml.safe_load(scene.job.read_text())
    key = {"env": "SCENE_KEY"}
    job["message"]["dkim"] = {"domain": "example.com", "selector": "m1", "private_key": key}
    scene.job.write_text(yaml.safe_dump(job))


def assert_no_key(folder, key, *texts):
    """No line of the PEM, but those that say what it is, stands anywhere."""
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for line in key.splitlines()[1:-1]:
        assert not any(line[:40] in str(text) for text in texts)
        assert not any(line[:40].encode() in content for content in files)


@pytest.mark.parametrize("kind", KINDS)
def test_the_private_key_of_the_signature(tmp_path, fault_server, kind):
    """A run that signs and fails on the way, and every command behind it."""
    server = fault_server(
        Fault(Stage.DOT, Kind.FIN, transaction=1), Fault(Stage.MAIL, Kind.RST, transaction=2)
    )
    scene = scene_at(tmp_path / "s", server, attempts=3)
    with_dkim(scene)
    key = pem(key_of(kind))
    found = [
        mailbatch(*words, cwd=scene.folder, environ={"SCENE_PASSWORD": PASSWORD, "SCENE_KEY": key})
        for words in (
            ("run", "job.yaml", "--json", "--transcript", "transcript.txt"),
            ("status", "job.yaml", "--json"),
            ("results", "job.yaml", "--failed", "failed.csv"),
            ("resolve", "job.yaml"),
            ("run", "job.yaml", "--log-json"),
        )
    ]
    assert [ended.code for ended in found] == [4, 0, 0, 4, 4]
    assert_no_key(scene.folder, key, *said(found))
    scene.check(server.deliveries())


@pytest.mark.parametrize("damage", [lambda key: key[:-80], lambda key: key.replace("PRIVATE", "X")])
def test_a_private_key_that_is_none(tmp_path, fault_server, damage):
    """It is refused without a word of it."""
    server = fault_server()
    scene = scene_at(tmp_path / "s", server)
    with_dkim(scene)
    key = pem(key_of("rsa"))
    environ = {"SCENE_PASSWORD": PASSWORD, "SCENE_KEY": damage(key)}
    found = mailbatch("run", "job.yaml", cwd=scene.folder, environ=environ)
    assert found.code == 78, found
    assert_no_key(scene.folder, key, *said([found]))
    assert server.journal == []


# Where else it could be seen


def test_the_list_of_processes(tmp_path, fault_server):
    """Neither our command line nor that of what we start has it."""
    server = fault_server(Fault(Stage.MAIL, Kind.STALL), credentials=(USERNAME, PASSWORD))
    patient = dict.fromkeys(("connect", "command", "data", "end_of_data"), "20s")
    scene = scene_at(tmp_path / "s", server, timeouts=patient)
    running = program.start("run", "job.yaml", cwd=scene.folder, SCENE_PASSWORD=PASSWORD)
    server.wait_for(stage=Stage.MAIL, seconds=30.0)
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    running.kill()
    ended = program.end(running)
    assert any(b"job.yaml" in line for line in lines)
    assert_nowhere(scene.folder, *ended, *(line.decode("utf-8", "replace") for line in lines))


@pytest.mark.parametrize("method", ["authenticate", "receive_data", "begin"])
def test_the_traceback_of_a_bug(tmp_path, fault_server, monkeypatch, caplog, method):
    """What ends with a traceback shows lines of code, and no values."""

    def broken(connection, *arguments, **named):
        raise ValueError(f"a bug in {method} of {connection!r}")

    monkeypatch.setattr(Connection, method, broken)
    server = fault_server(credentials=(USERNAME, PASSWORD))
    scene = scene_at(tmp_path / "s", server)
    try:
        text = str(scene.run().failure)
    except ValueError:
        text = traceback.format_exc()
    except BaseExceptionGroup:
        text = traceback.format_exc()
    assert_nowhere(scene.folder, text, caplog.text)


def test_what_our_objects_say_of_themselves(tmp_path, fault_server):
    """A debugger's or a log's repr shows where the secret is, and not what it is."""
    scene = scene_at(tmp_path / "s", fault_server())
    job = load_job(scene.job)
    server = server_of(job, {"SCENE_PASSWORD": PASSWORD})
    assert server.password == PASSWORD
    connection = Connection(local_name="client.example", password=PASSWORD)
    assert_nowhere(
        scene.folder, repr(job), str(job), repr(server), str(server), repr(vars(connection))
    )
