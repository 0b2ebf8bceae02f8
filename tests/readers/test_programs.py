"""A program that is not there skips its tests, or fails them where readers are required."""

from __future__ import annotations

import pytest

from tests.readers.filters import OpenDkim, SpamAssassin
from tests.readers.name_server import answer
from tests.readers.programs import REQUIRED, Program
from tests.readers.readers import READERS

PROGRAMS = (*READERS, OpenDkim(), SpamAssassin())


@pytest.mark.parametrize(("required", "outcome"), [("", "skipped"), ("1", "failed")])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_missing_program_skips_or_fails(
    monkeypatch: pytest.MonkeyPatch, program: Program, required: str, outcome: str
) -> None:
    """The reason says how to get it."""
    monkeypatch.setattr(type(program), "path", "usr/bin/nothing-of-this-name")
    monkeypatch.setenv(REQUIRED, required)
    kinds = {"skipped": pytest.skip.Exception, "failed": pytest.fail.Exception}
    with pytest.raises(kinds[outcome], match=r"is not unpacked: run bash \.ci/servers"):
        program.check_obstacle()


def test_a_name_server_knows_its_records_only() -> None:
    """RFC 1035 4.1: a long text is cut into strings of 255 octets; an unknown name is NXDOMAIN."""
    header = bytes.fromhex("abcd 0100 0001 0000 0000 0000")
    question = b"\x01a\x07example\x03com\x00" + bytes.fromhex("0010 0001")
    known = answer(header + question, {"a.example.com": "x" * 300})
    assert known[:8] == bytes.fromhex("abcd 8580 0001 0001")
    assert known.endswith(b"\xff" + b"x" * 255 + b"\x2d" + b"x" * 45)
    unknown = answer(header + question, {})
    assert unknown == bytes.fromhex("abcd 8583 0001 0000 0000 0000") + question
