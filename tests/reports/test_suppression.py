"""The suppression list: appended without doubles, in the form that `recipients.suppress` reads."""

from dataclasses import replace

import pytest

from mailbatch.errors import OutputError
from mailbatch.recipients.suppress import Suppressions, read_suppressions
from mailbatch.reports.report import Event, Kind
from mailbatch.reports.standings import RecipientStanding
from mailbatch.reports.suppression import Appended, append_suppressions


def standing(address, event=Event.BOUNCED, *, code="5.1.1", suppresses=True):
    kind = Kind.HARD if event is Event.BOUNCED else None
    return RecipientStanding(1, address, event, kind, code, "words", 1795957000.0,
                             suppresses, opens=0, clicks=0)  # fmt: skip


def read(path):
    return read_suppressions([(path, path.name)], column="email", delimiter=None, encoding="utf-8")


def test_addresses_are_appended_once_and_the_job_reads_the_list(tmp_path):
    path = tmp_path / "gone.csv"
    first = [standing("ada@example.org"), standing("x@example.org", suppresses=False)]
    assert append_suppressions(path, first) == Appended(new=1, of_other_codes=1)
    more = [
        standing("ADA@example.org"),
        standing("bob@example.org", Event.COMPLAINED, code=""),
        standing("bob@example.org", Event.UNSUBSCRIBED, code=""),
        standing("=cmd@example.org", Event.REJECTED, code="6034"),
    ]
    assert append_suppressions(path, more) == Appended(new=2, had=2)
    assert path.read_text() == (
        "email,since,reason\n"
        "ada@example.org,2026-11-29T12:56:40Z,bounced 5.1.1\n"
        "bob@example.org,2026-11-29T12:56:40Z,complained\n"
        "=cmd@example.org,2026-11-29T12:56:40Z,rejected 6034\n"
    )
    assert set(read(path).listed) == {"ada@example.org", "bob@example.org", "=cmd@example.org"}


def test_the_bounces_that_suppress_nobody_are_counted(tmp_path):
    left = [
        standing("ada@example.org", suppresses=False),
        replace(standing("bob@example.org", suppresses=False), blames_another=True),
        standing("cy@example.org", Event.DELIVERED, suppresses=False),
    ]
    appended = append_suppressions(tmp_path / "gone.csv", left)
    assert appended == Appended(of_another=1, of_other_codes=1)


def test_a_list_without_anybody_is_a_list(tmp_path):
    path = tmp_path / "gone.csv"
    assert append_suppressions(path, []) == Appended()
    assert read(path) == Suppressions({}, ("gone.csv",))


@pytest.mark.parametrize(
    "content", [b"ada@example.org\n", b"email;reason\n", b"email,since,reason\na\n", b"\xff\xfe"]
)
def test_a_file_of_another_form_is_left_alone(tmp_path, content):
    path = tmp_path / "gone.csv"
    path.write_bytes(content)
    with pytest.raises(OutputError):
        append_suppressions(path, [standing("ada@example.org")])
    assert path.read_bytes() == content


def test_nothing_new_writes_nothing(tmp_path):
    path = tmp_path / "gone.csv"
    append_suppressions(path, [standing("ada@example.org")])
    before = path.stat().st_mtime_ns, path.stat().st_ino
    append_suppressions(path, [standing("ada@example.org")])
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
