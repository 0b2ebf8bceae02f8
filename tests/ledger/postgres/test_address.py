"""The URL of a database: names of ledgers, and what would be sent in the clear."""

import pytest

from mailbatch.errors import JobError
from mailbatch.ledger.postgres.address import check_address, place_in, shown


@pytest.fixture(autouse=True)
def _no_settings_of_this_user(monkeypatch):
    for name in ("PGHOST", "PGSERVICE", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///mail",
        "postgres://localhost/mail",
        "postgresql://ann@127.0.0.1:5433/mail",
        "postgresql://[::1]:5433/mail",
        "postgresql:///mail?host=/run/postgresql",
        "postgresql:///mail?host=%2Frun%2Fpostgresql",
        "postgresql://db.example.com/mail?sslmode=verify-full",
        "postgresql://a.example.com,b.example.com/mail?sslmode=verify-full",
    ],
)
def test_a_machine_of_ones_own_or_a_verified_connection(url):
    check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db.example.com/mail",
        "postgresql://db.example.com/mail?sslmode=require",
        "postgresql://db.example.com/mail?sslmode=verify-ca",
        "postgresql://localhost,db.example.com/mail",
        "postgresql:///mail?host=db.example.com",
        "postgresql://10.0.0.7/mail",
        "postgresql:///mail?service=mail",
    ],
)
def test_no_connection_over_a_network_that_is_not_verified(url):
    with pytest.raises(JobError, match="would not be verified") as caught:
        check_address(url)
    assert caught.value.exit_code == 78
    assert "sslmode=verify-full" in caught.value.hint


def test_the_environment_may_name_the_host_and_the_mode(monkeypatch):
    monkeypatch.setenv("PGHOST", "db.example.com")
    with pytest.raises(JobError):
        check_address("postgresql:///mail")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    check_address("postgresql:///mail")


@pytest.mark.parametrize(
    "url", ["mysql://localhost/mail", "news.sqlite3", "postgresql://[::1/mail"]
)
def test_what_is_no_url_of_a_ledger(url):
    with pytest.raises(JobError):
        check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hid/den@db.example.com/mail?sslmode=verify-full",
        "postgresql://ann:hid@den:5432@127.0.0.1/mail",
        "postgresql://ann:hidden@127.0.0.1:70000/mail",
        "postgresql://ann:hidden@[::1]:x,127.0.0.1/mail",
        "postgresql://ann:hidden@localhost/mail?port=x",
    ],
)
def test_a_password_that_leads_elsewhere_is_refused_and_not_repeated(url):
    with pytest.raises(JobError, match="no plain host and port") as no:
        check_address(url)
    assert "%40" in no.value.hint
    assert "hid" not in str(no.value) + no.value.hint


def test_a_password_is_never_shown():
    url = "postgresql://ann:s3cret@localhost/mail?password=s3cret"
    assert shown(url) == "postgresql://ann@localhost/mail"
    assert "s3cret" not in str(place_in(url, "news", "48"))


def test_each_edition_of_each_job_has_a_schema_of_its_own():
    places = {
        place_in("postgresql:///mail", job, edition).schema
        for job, edition in [("a", "b"), ("a", "b "), ("A", "b"), ("a_b", ""), ("n" * 90, "b" * 90)]
    }
    assert len(places) == 5
    assert max(map(len, places)) < 64
