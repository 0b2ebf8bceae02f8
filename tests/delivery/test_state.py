"""Where the ledgers of a job are kept, by options and environment."""

from pathlib import Path

import pytest

from mailbatch.delivery.rehearsals import claim
from mailbatch.delivery.state import InDatabase, folder_of, state_of, url_of
from mailbatch.errors import JobError, UsageError
from mailbatch.ledger.postgres.address import Place, repeated, shown

URL = "postgresql:///mail"
NAMED = {"MAILBATCH_LEDGER": URL}


@pytest.mark.parametrize(
    ("given", "environ", "found"),
    [
        ((None, None), {}, None),
        ((Path("state"), None), {}, Path("state")),
        ((None, URL), {}, InDatabase(URL)),
        ((Path("state"), None), NAMED, InDatabase(URL, Path("state"))),
        ((None, "postgresql:///other"), NAMED, InDatabase("postgresql:///other")),
        ((None, None), {"MAILBATCH_LEDGER": ""}, None),
        ((None, ""), {}, None),
    ],
)
def test_the_option_wins_over_the_environment(given, environ, found):
    state = state_of(*given, environ)
    assert state == found
    assert (folder_of(state), url_of(state)) == (given[0], getattr(found, "url", None))


def test_rehearsals_are_files_whatever_the_environment_says(tmp_path):
    claim(tmp_path)
    assert state_of(tmp_path, None, NAMED) == tmp_path
    assert state_of(tmp_path, URL, NAMED) == tmp_path  # the option is read from the environment
    with pytest.raises(UsageError, match="are kept in files"):
        state_of(tmp_path, URL, {})


def test_what_is_no_database_is_refused():
    with pytest.raises(JobError, match="tcp://scheduler:8786 is not the URL of a ledger"):
        state_of(None, "tcp://scheduler:8786", {})


def test_no_password_is_in_any_text():
    url = "postgresql://ann:sec/r@t?x@db.example.com/mail?sslmode=verify-full&password=other"
    for text in (shown(url), repeated(url), repr(InDatabase(url)), repr(Place(url, "s"))):
        assert not any(part in text for part in ("sec", "r@t", "other")), text
    assert str(Place(url, "s")) == "postgresql://ann@db.example.com/mail (s)"
