"""One GET: what is sent, what comes back, and each way in which nothing does."""

import socket
import ssl
import time
from email.utils import formatdate

import pytest

from mailbatch.pull import access as module
from mailbatch.pull.access import Access, Unanswered, Unreached, Untrusted
from tests.support.provider_api import KEY, ProviderApi, Say

LOGS = ("/email/4/logs", {"bulkId": "a b&c", "limit": "1000"})


def test_a_question_and_its_answer(api):
    answer = Access(api.url, KEY).get(*LOGS)
    assert (answer.status, answer.is_whole, answer.wait) == (200, True, None)
    assert answer.content.startswith(b'{"results": []')
    (asked,) = api.asked
    assert (asked.path, asked.query) == LOGS
    assert asked.headers["authorization"] == f"App {KEY}"
    assert asked.headers["accept-encoding"] == "identity"


def test_a_connection_serves_many_questions(api):
    access = Access(api.url, KEY)
    assert [access.get(*LOGS).status for _ in range(3)] == [200, 200, 200]
    assert access._pool.connection_from_url(api.url).num_connections == 1


@pytest.mark.parametrize("status", [201, 400, 401, 404, 429, 500])
def test_every_status_is_an_answer(api, status):
    api.next(Say(status, b"so"))
    answer = Access(api.url, KEY).get(*LOGS)
    assert (answer.status, answer.content) == (status, b"so")


def test_a_redirect_is_not_followed(api):
    """The key is for this host alone."""
    with ProviderApi() as other:
        api.next(Say(302, b"", location=f"{other.url}/email/4/logs"))
        assert Access(api.url, KEY).get(*LOGS).status == 302
        assert other.asked == []


def test_an_answer_that_breaks_off_is_as_long_as_it_came(api):
    api.next(Say(200, b"0123456789", how="cut"))
    answer = Access(api.url, KEY).get(*LOGS)
    assert (answer.status, answer.content, answer.is_whole) == (200, b"01234", False)


def test_an_answer_of_more_bytes_than_any_has_is_left(api, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_ANSWER", 100_000)
    api.next(Say(200, b"x" * 1_000_000))
    answer = Access(api.url, KEY).get(*LOGS)
    assert not answer.is_whole
    assert len(answer.content) < 200_000


def test_no_answer(api):
    api.next(Say(how="silent"))
    with pytest.raises(Unanswered, match="does not answer") as failure:
        Access(api.url, KEY).get(*LOGS)
    assert failure.value.exit_code == 69
    assert KEY not in str(failure.value)


def test_a_provider_that_says_nothing_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        access = Access(f"http://127.0.0.1:{deaf.getsockname()[1]}", KEY, seconds=0.2)
        with pytest.raises(Unanswered, match="no answer in time"):
            access.get(*LOGS)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nobody.invalid"])
def test_no_way_there(url):
    with pytest.raises(Unreached, match=f"{url} cannot be reached: ") as failure:
        Access(url, KEY).get(*LOGS)
    assert failure.value.exit_code == 69


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0", 0.0), (" 120 ", 120.0), ("soon", None), ("", None), ("-1", None)],
)
def test_a_pause_in_seconds(api, text, seconds):
    api.next(Say(429, retry_after=text))
    assert Access(api.url, KEY).get(*LOGS).wait == seconds


def test_a_pause_until_a_date(api):
    api.next(Say(429, retry_after=formatdate(time.time() + 100, usegmt=True)))
    assert 90 < Access(api.url, KEY).get(*LOGS).wait <= 100
    api.next(Say(429, retry_after=formatdate(0, usegmt=True)))
    assert Access(api.url, KEY).get(*LOGS).wait == 0


@pytest.mark.parametrize("is_known", [True, False])
def test_certificates_are_verified(certificates, monkeypatch, is_known):
    """By the trust anchors of the system, which the tests have in a variable of OpenSSL."""
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    with ProviderApi(tls=certificates.server_context()) as api:
        access = Access(api.url, KEY)
        if is_known:
            assert access.get(*LOGS).status == 200
            return
        with pytest.raises(Untrusted, match="does not hold") as failure:
            access.get(*LOGS)
        assert failure.value.exit_code == 77
        assert api.asked == []


def test_a_certificate_for_another_name(certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    with ProviderApi(tls=certificates.server_context("other.example")) as api:
        with pytest.raises(Untrusted):
            Access(api.url, KEY).get(*LOGS)
        assert api.asked == []


def test_no_tls_where_tls_is_wanted(api):
    """The server's end of a broken handshake is no certificate that is refused."""
    url = api.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
    with pytest.raises((Unreached, Unanswered)):
        Access(url, KEY).get(*LOGS)
    assert ssl.OPENSSL_VERSION
