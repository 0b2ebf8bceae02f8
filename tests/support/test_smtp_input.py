"""The fault server's reader against a naive one that sees all bytes at once."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.smtp_input import SmtpInput

END = b"\r\n.\r\n"

# Mostly the octets that matter.
soup = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"bc", b"\0", b"\xff"])
).map(b"".join)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` cut at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def naive(wire: bytes) -> tuple[bytes, bytes]:
    """The content without transparency, and what is behind the final dot."""
    content, _, behind = (b"\r\n" + wire).partition(END)
    return (content + b"\r\n").replace(b"\r\n.", b"\r\n")[2:], behind


@settings(deadline=None, max_examples=400)
@given(text=soup, behind=soup, cuts=st.lists(st.integers(0, 10_000), max_size=8))
def test_content_facts_and_leftover_are_the_same_in_every_split(text, behind, cuts):
    wire = text + END + behind
    expected, left = naive(wire)
    reader = SmtpInput()
    reader.begin_content()
    got = None
    for piece in pieces(wire, cuts):
        reader.feed(piece)
        if got is None:
            got = reader.content()
    assert got == expected
    assert bytes(reader.pending) == left
    facts = reader.content_facts
    assert facts.bare_cr == len(re.findall(rb"\r(?!\n)", expected))
    assert facts.bare_lf == len(re.findall(rb"(?<!\r)\n", expected))
    assert facts.longest_line == max(map(len, expected.split(b"\r\n")), default=0)
    assert facts.eight_bit is (not expected.isascii())
    assert facts.nul is (b"\0" in expected)


@settings(deadline=None, max_examples=200)
@given(text=soup, cuts=st.lists(st.integers(0, 10_000), max_size=8))
def test_commands_are_the_same_in_every_split(text, cuts):
    wire = text + b"\r\n"
    *lines, rest = wire.split(b"\r\n")
    reader = SmtpInput()
    got = []
    for piece in pieces(wire, cuts):
        reader.feed(piece)
        while (line := reader.command()) is not None:
            got.append(line)
    assert got == lines
    assert rest == bytes(reader.pending) == b""
    assert reader.commands.longest_line == max(map(len, lines))


@pytest.mark.parametrize(
    ("wire", "content"),
    [
        (b".\r\n", b""),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\n.\r\n\r\n.\r\n", b"a\n.\r\n\r\n"),
        (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
        (b"a\r.\rb\r\n.\r\n", b"a\r.\rb\r\n"),
        (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
        (b"a\r\r\n.\r\r\n.\r\n", b"a\r\r\n\r\r\n"),
    ],
)
def test_only_crlf_dot_crlf_ends_a_content(wire, content):
    """The five forms of SMTP smuggling among them."""
    reader = SmtpInput()
    reader.begin_content()
    reader.feed(wire)
    assert reader.content() == content
    assert not reader.pending


def test_reading_stops_where_a_fault_wants_it():
    reader = SmtpInput()
    reader.begin_content()
    reader.feed(b"abc\r\n..def\r\n.\r\n")
    for stop, received in [(1, 1), (4, 5), (6, 6), (9, 9)]:
        assert reader.content(stop_at=stop) is None
        assert reader.received == received
    assert reader.content() == b"abc\r\n.def\r\n"


@pytest.mark.parametrize("step", [1, 2, 1000])
def test_a_chunk_is_its_octets_whatever_they_are(step):
    """Dots, bare line ends, commands: none ends it; what is behind it is a command again."""
    content = b"Subject: x\r\n\r\n.\r\n..x\n\rQUIT\r\n\0\xff"
    wire = content + b"RSET\r\n"
    reader = SmtpInput()
    reader.begin_chunk(len(content))
    found = None
    for start in range(0, len(wire), step):
        reader.feed(wire[start : start + step])
        found = found or reader.chunk()
    assert found == content
    assert reader.command() == b"RSET"
    facts = reader.content_facts
    assert (facts.bare_cr, facts.bare_lf, facts.eight_bit, facts.nul) == (1, 1, True, True)


def test_a_chunk_is_read_no_further_than_a_fault_wants_it():
    reader = SmtpInput()
    reader.begin_chunk(9)
    reader.feed(b"abcdefghijkl")
    for stop in (1, 5, 8):
        assert reader.chunk(stop_at=stop) is None
        assert reader.received == stop
    assert reader.chunk() == b"abcdefghi"
    assert reader.pending == b"jkl"
