"""The recipe for nginx: what the page says of it, as a provider sees it."""

from __future__ import annotations

import pytest

from tests.receiver.receiving import REPORT, TOKEN, Target, bodies, in_thread, places, program
from tests.support.nginx import nginx

pytestmark = pytest.mark.realserver


@pytest.fixture
def trusting(certificates):
    return certificates.client_context()


def outer(port, path, trusting):
    return Target("localhost", port, path, trusting)


@pytest.fixture
def behind(tmp_path, certificates, trusting):
    """A receiver, and its target behind nginx."""
    path = tmp_path / "reports.sqlite3"
    with (
        in_thread(path) as inner,
        nginx(tmp_path / "nginx", inner.port, certificates.server_file) as port,
    ):
        yield path, outer(port, inner.path, trusting), tmp_path / "nginx"


def test_reports_come_through(behind):
    path, target, _ = behind
    assert target.post(REPORT % 1) == 200
    assert target.ask("GET")[0] == target.ask("HEAD")[0] == 200
    assert target.ask("PUT", b"")[0] == 405
    assert target.ask(path="/reports/other-token-00000", body=b"x")[0] == 404
    assert target.ask(path="/other", body=b"x")[0] in (404, 405)
    connection = target.connection
    connection.request("POST", target.path, (REPORT % 2, b" " * 1000), encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert bodies(path) == [REPORT % 1, REPORT % 2 + b" " * 1000]
    assert set(places(path)) == {"POST of 127.0.0.1, not proven"}


def test_sixteen_mebibytes_pass_and_one_byte_more_does_not(behind):
    path, target, _ = behind
    assert target.post(b" " * (16 * 1024 * 1024)) == 200
    assert target.post(b" " * (16 * 1024 * 1024 + 1)) == 413
    assert [len(body) for body in bodies(path)] == [16 * 1024 * 1024]


def test_no_log_has_the_token(behind):
    _, target, folder = behind
    assert target.post(REPORT % 1) == 200
    assert target.ask(path="/other", body=b"")[0] in (404, 405)
    logs = (folder / "access.log").read_text() + (folder / "error.log").read_text()
    assert "/other" in logs
    assert TOKEN not in logs


def test_a_receiver_that_is_down_loses_nothing_that_comes_again(tmp_path, certificates, trusting):
    path = tmp_path / "reports.sqlite3"
    with (
        program(path) as (process, inner),
        nginx(tmp_path / "nginx", inner.port, certificates.server_file) as port,
    ):
        target = outer(port, inner.path, trusting)
        assert target.post(REPORT % 1) == 200
        process.kill()
        process.wait()
        assert target.post(REPORT % 2) == 502
    assert bodies(path) == [REPORT % 1]
