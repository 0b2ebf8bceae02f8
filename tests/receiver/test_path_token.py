"""The token beside the store: made once, for the owner alone."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailbatch.errors import StoreError
from mailbatch.receiver.door import TOKEN
from mailbatch.receiver.path_token import kept_token, token_file


def test_a_token_is_made_once_and_outlives_the_process(tmp_path):
    path = token_file(tmp_path / "reports.sqlite3")
    token = kept_token(path)
    assert TOKEN.fullmatch(token)
    assert kept_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["reports.sqlite3.token"]


def test_two_stores_have_two_tokens(tmp_path):
    assert kept_token(tmp_path / "a") != kept_token(tmp_path / "b")


def test_many_starts_at_once_agree(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: kept_token(tmp_path / "token"), range(40)))
    assert len(tokens) == 1


@pytest.mark.parametrize("content", [b"", b"short\n", b"two words in one line\n", b"\xff" * 20])
def test_what_is_no_token_is_named_and_left_alone(tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="there is no token in it") as caught:
        kept_token(path)
    assert caught.value.exit_code == 74
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        kept_token(tmp_path / "none" / "token")
