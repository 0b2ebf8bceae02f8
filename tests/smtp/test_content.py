"""Content: dots, line ends, line lengths."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import LocalProtocolError
from mailbatch.octets import Octets, Piece
from mailbatch.render.encodings import encode_base64
from mailbatch.smtp.content import checked, could_send, flight, look_at, stuff

QUICK = settings(deadline=None, max_examples=100)

LINE = st.one_of(
    st.sampled_from([b"", b".", b"..", b".x", b"x.", b"x"]),
    st.binary(max_size=40).map(lambda line: re.sub(rb"[\r\n]", b".", line)),
)
CONTENT = st.lists(LINE, max_size=30).map(lambda lines: b"".join(line + b"\r\n" for line in lines))


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"", b""),
        (b"a\r\n", b"a\r\n"),
        (b"a", b"a\r\n"),
        (b".", b"..\r\n"),
        (b".\r\n", b"..\r\n"),
        (b"..\r\n", b"...\r\n"),
        (b"\r\n.\r\n", b"\r\n..\r\n"),
        (b"a\r\n.\r\n.\r\n", b"a\r\n..\r\n..\r\n"),
        (b"a.\r\n", b"a.\r\n"),
        (b"\r\n", b"\r\n"),
    ],
)
def test_stuff(content, wire):
    """Leading dots are doubled (RFC 5321 4.5.2), the last line is ended."""
    assert stuff(content) == wire


def test_nothing_to_do_costs_no_copy():
    """The same object comes back where there is nothing to do."""
    content = b"Subject: x\r\n\r\nx\r\n"
    assert stuff(content) is content


@pytest.mark.parametrize(
    "content",
    [
        b"\n", b"\r", b"a\nb\r\n", b"a\rb\r\n", b"a\r\r\n", b"\n\r\n", b"\r\n\n", b"\r\n\r",
        b"a\n.\nb\r\n", b"a\n.\r\nb\r\n", b"a\r.\r\nb\r\n", b"a\r\n.\nb\r\n",
        b"a\r\r\n.\r\r\nb\r\n", b"a\r\n.\rb\r\n", b"a\r", b"a\n", b"a\n\r",
    ],
)  # fmt: skip
def test_bare_line_ends(content):
    """A CR or LF that is not part of a CRLF is refused, with all that smuggling is made of."""
    with pytest.raises(LocalProtocolError, match="not part of a CRLF"):
        stuff(content)


@pytest.mark.parametrize("before", [b"", b"a\r\n", b"b" * 998 + b"\r\n", b"c" * 500 + b"\r\n"])
@pytest.mark.parametrize("after", [b"", b"a\r\n", b"b" * 998 + b"\r\n"])
def test_line_length(before, after):
    """998 bytes are a line, 999 are too many, wherever the line stands."""
    longest = before + b"x" * 998 + b"\r\n" + after
    assert stuff(longest) == longest
    with pytest.raises(LocalProtocolError, match="longer than 998 bytes"):
        stuff(before + b"x" * 999 + b"\r\n" + after)


def test_line_length_without_line_end():
    """The last line is measured without the CRLF that it gets."""
    assert stuff(b"x" * 998) == b"x" * 998 + b"\r\n"
    with pytest.raises(LocalProtocolError):
        stuff(b"x" * 999)


def unstuff(wire):
    """Undo `stuff`: what a server makes of the bytes before the end of data."""
    if wire.startswith(b"."):
        wire = wire[1:]
    return wire.replace(b"\r\n.", b"\r\n")


@given(CONTENT)
@QUICK
def test_unstuff_undoes_stuff(content):
    """What the server makes of the wire is what was sent; no line of it is a lone dot."""
    wire = stuff(content)
    assert unstuff(wire) == content
    assert b".\r\n" not in [line + b"\r\n" for line in wire.split(b"\r\n")]
    assert (b"\r\n" + wire).find(b"\r\n.\r\n") == -1


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"x"]), max_size=12).map(b"".join))
@QUICK
def test_only_crlf_gets_through(content):
    """Exactly the contents whose CRs and LFs are all paired get through."""
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    try:
        wire = stuff(content)
    except LocalProtocolError:
        assert bare is not None
    else:
        assert bare is None
        assert wire.endswith(b"\r\n") or not wire


@pytest.mark.parametrize(
    ("content", "sends"),
    [
        (b"Subject: x\r\n\r\nHello\r\n", False),
        (b"Subject: x\r\n\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nx\r\n", False),
        (b"Subject: x\r\n\r\nDATA\r\nx\r\n.\r\n", True),
        (b"Subject: x\r\n\r\n..\r\n.x\r\n", False),
        (b"Subject: x\r\n\r\nbDaT 3 LAST\r\nx\r\n", True),
        (b"Subject: x\r\n\r\n \tBDAT 3\r\n", True),
        (b"Subject: x\r\n\r\nthe BDAT command\r\n", False),
        (b".\r\n", True),
        (b" Bdat 3\r\n", True),
        (b"", False),
    ],
)
def test_what_could_send_where_it_is_read_as_commands(content, sends):
    """Only a lone dot or a BDAT of its own could end a message: such a content is no chunk."""
    assert could_send(content) is sends


def test_a_chunk_is_checked_and_not_stuffed():
    """The same rules as for DATA, but for the dots."""
    assert checked(b"..\r\n.") == b"..\r\n.\r\n"
    for wrong in (b"a\nb\r\n", b"a\rb\r\n", b"x" * 999 + b"\r\n"):
        with pytest.raises(LocalProtocolError):
            checked(wrong)


@QUICK
@given(st.lists(CONTENT.filter(bool).map(Piece), min_size=1, max_size=4))
def test_pieces_leave_as_the_whole_content_would(pieces):
    octets = Octets(tuple(pieces))
    look_at(octets)
    assert b"".join(block for block, _ in flight(octets)) == stuff(octets.joined())


def test_lines_of_base64_leave_as_they_are():
    lines = encode_base64(bytes(range(256)) * 20) + b"\r\n"
    octets = Octets((Piece(b"head\r\n"), Piece(lines), Piece(b".end\r\n")))
    assert [block for block, _ in flight(octets)] == [b"head\r\n", lines, b"..end\r\n"]


def test_a_piece_that_is_not_of_whole_lines_is_refused_before_the_first_block():
    octets = Octets((Piece(b"a"), Piece(b"b\r\n")))
    with pytest.raises(LocalProtocolError, match="not of whole lines"):
        next(flight(octets))
    bare = Octets((Piece(b"a\r\n"), Piece(b"b\rc\r\n")))
    look_at(bare)  # a fault is left to the flight
    with pytest.raises(LocalProtocolError, match="CR or LF"):
        next(flight(bare))
