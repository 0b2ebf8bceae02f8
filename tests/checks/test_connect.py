"""`check --connect` against a real server with TLS: what it says of itself, and nothing sent."""

import socket
from copy import deepcopy

import pytest

from mailbatch.cli import connect as module
from tests.support.faults import Fault, Kind, Stage

from .mailing import Mailing

pytestmark = pytest.mark.usefixtures("names")


@pytest.fixture
def job(tmp_path, monkeypatch, certificates):
    monkeypatch.setenv("MAILBATCH_TEST_PASSWORD", "secret")

    def make(port=None, **server):
        (tmp_path / "ca.pem").write_bytes(certificates.ca_file.read_bytes())
        return Mailing(
            tmp_path,
            server={
                "host": "localhost",
                "port": port,
                "security": "starttls",
                "ca_file": "ca.pem",
                "username": "App",
                "password": {"env": "MAILBATCH_TEST_PASSWORD"},
                **server,
            },
        )

    return make


def test_it_reports_name_tls_certificate_capabilities_and_authentication(
    job, fault_server, certificates, capsys
):
    server = fault_server(security="starttls", tls_context=certificates.server_context())
    code, found = job(server.port).check(capsys, connect=True)
    assert code == 0
    said = found["connect"]
    assert said["address"] == f"localhost:{server.port}"
    assert said["server"]
    assert said["tls"] in {"TLSv1.2", "TLSv1.3"}
    assert said["certificate_days"] > 0
    assert "PIPELINING" in said["capabilities"]
    assert said["authenticated"][0] == "App"
    assert said["authenticated"][1] in {"PLAIN", "LOGIN"}
    assert server.deliveries() == []


def test_it_says_so_in_words(job, fault_server, certificates, capsys):
    server = fault_server(security="starttls", tls_context=certificates.server_context())
    _, out = job(server.port).check(capsys, connect=True, as_json=False, quiet=False)
    lines = out.out.splitlines()
    assert any(line.startswith("server: ") and f"localhost:{server.port}" in line for line in lines)
    assert any(line.startswith("security: TLSv1.") for line in lines)
    assert any(line.startswith("authentication: authenticated as App by ") for line in lines)
    assert "secret" not in out.out + out.err


def test_a_certificate_for_another_name_is_refused(job, fault_server, certificates, capsys):
    server = fault_server(
        security="starttls", tls_context=certificates.server_context("other.example")
    )
    code, found = job(server.port).check(capsys, connect=True)
    assert code == 77
    assert found["connect"] is None
    assert found["refused"]


PLAIN = {"host": "127.0.0.1", "security": "plaintext", "auth": "none"}


@pytest.mark.parametrize("refused_first", [False, True])
def test_where_both_servers_fail_the_end_is_that_of_a_run(job, fault_server, capsys, refused_first):
    """Each is told with its own keys, and the more serious failure is the end, at either place."""
    refuses = fault_server(Fault(Stage.AUTH_FINAL, Kind.PERMANENT, times=0))
    who = {"auth": "auto", "username": "App", "password": {"env": "MAILBATCH_TEST_PASSWORD"}}
    with socket.socket() as taken:  # nothing listens here
        taken.bind(("127.0.0.1", 0))
        away = {**PLAIN, **who, "port": taken.getsockname()[1]}
        login = {**PLAIN, **who, "port": refuses.port}
        first, second = (login, away) if refused_first else (away, login)
        mailing = job(**first, ca_file=None, fallback=deepcopy(second))
        code, found = mailing.check(capsys, connect=True)
        _, out = mailing.check(capsys, connect=True, as_json=False, quiet=False)
    assert code == 77
    assert "refused the authentication" in found["refused"]
    keys = ("server", "server.fallback")
    asks, silent = keys if refused_first else keys[::-1]
    told = " ".join(out.err.split())
    assert f"check {asks}.username, {asks}.password and {asks}.auth" in told
    assert f"check {silent}.host, {silent}.port and the network" in told


def test_a_second_server_is_asked_too(job, fault_server, capsys):
    """In words and as JSON, and also where the first one refuses."""
    first, second = fault_server(), fault_server()
    plain = {"host": "127.0.0.1", "security": "plaintext", "auth": "none"}
    servers = {"fallback": {**plain, "port": second.port}}
    code, found = job(first.port, **servers).check(capsys, connect=True)
    assert (code, found["connect"]) == (77, None), "no TLS"
    assert found["connect_fallback"]["address"] == f"127.0.0.1:{second.port}"
    _, out = job(first.port, **servers).check(capsys, connect=True, as_json=False, quiet=False)
    assert f" at 127.0.0.1:{second.port}" in out.out
    both = {"fallback": {"host": "localhost", "port": second.port, "auth": "none"}}
    _, out = job(first.port, **both).check(capsys, connect=True, as_json=False, quiet=False)
    assert [f"localhost:{one.port}" in out.err for one in (first, second)] == [True, True]
    assert first.deliveries() == second.deliveries() == []


def test_words_without_tls_and_authentication():
    plain = module.Connected("127.0.0.1:25", "me", "", None, None, module.Capabilities(), None)
    assert module.lines(plain) == [
        "server: me at 127.0.0.1:25",
        "security: no TLS",
        "authentication: not authenticated",
        "capabilities: none",
    ]
    assert module.as_object(plain)["certificate_expires"] is None
    assert module.as_object(plain)["limits"] == {}


def test_announced_limits():
    offers = module.Capabilities(mail_max=100, rcpt_max=1000)
    limited = module.Connected("127.0.0.1:25", "me", "", None, None, offers, None)
    words = "limits: 100 transactions per session, 1,000 recipients per transaction"
    assert module.lines(limited)[-1] == words
    limits = {"transactions_per_session": 100, "recipients_per_transaction": 1000}
    assert module.as_object(limited)["limits"] == limits
