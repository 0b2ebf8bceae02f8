"""A disk that becomes full: 503 and nothing lost, and 200 again where there is room again."""

from tests.reports.test_store import on_new_disk


def test_a_disk_that_becomes_full_is_answered_with_503(tmp_path):
    seen = on_new_disk("2m", tmp_path, "tests.receiver.small_disk")
    assert seen.pop("kept") > 10
    failed, again = seen.pop("told")
    assert "full" in failed
    assert "free some space" in failed
    assert again.endswith("reports.sqlite3 can be written again")
    assert seen == {"status": 503, "retry_after": "60", "again": 200, "lost": []}
