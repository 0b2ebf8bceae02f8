"""`mailbatch work` on the command line: the database it needs, and the options of its machine."""

import json
from pathlib import Path

import pytest

from mailbatch.delivery.places import state_of_worker
from mailbatch.errors import LedgerError
from tests.certainty.program import mailbatch
from tests.support.postgresql import check_present, shared_cluster


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "none is named"),
        (("--ledger", "news.sqlite3"), 78, "is not the URL of a ledger"),
        (("--ledger", "tcp://host:8786"), 78, "is not the URL of a ledger"),
        (("--ledger", "postgresql://db.example.com/mail"), 78, "sslmode=verify-full"),
        (("--source-address", "mail1.example.com"), 2, "not an IP address"),
        (("--ehlo", "mail one"), 2, "neither a domain nor an address literal"),
    ],
)
def test_what_a_worker_is_not_started_with(tmp_path, options, code, words):
    ended, _, err = mailbatch("work", *options, cwd=tmp_path)
    assert ended == code, err
    assert words in " ".join(err.split())


def test_an_empty_database_has_nothing_to_do(tmp_path):
    check_present()
    url = shared_cluster().address
    code, out, err = mailbatch("work", "--json", "--ledger", url, cwd=tmp_path)
    assert code == 0, err
    assert json.loads(out) == {
        "transactions": 0, "sessions": 0, "mailings": 0, "interrupted": False
    }  # fmt: skip


def test_a_worker_has_a_state_folder_by_option_by_variable_or_by_the_rules_of_its_system(
    monkeypatch,
):
    monkeypatch.setenv("HOME", "/home/ann")
    by_home = Path("/home/ann/.local/state/mailbatch")
    for given, environ, folder in (
        (Path("here"), {"MAILBATCH_STATE_DIR": "/a"}, Path("here")),
        (None, {"MAILBATCH_STATE_DIR": "/a", "XDG_STATE_HOME": "/b"}, Path("/a")),
        (None, {"XDG_STATE_HOME": "/b"}, Path("/b/mailbatch")),
        (None, {}, by_home),
    ):
        assert state_of_worker(given, environ) == folder


def test_a_worker_without_a_home_names_the_option(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(LedgerError, match="Could not determine home") as no:
        state_of_worker(None, {})
    assert "--state-dir" in no.value.hint
