"""A content in pieces: the same bytes and rules as in one, and each piece is looked at once."""

from hashlib import sha256

import pytest

from mailbatch.errors import LocalProtocolError
from mailbatch.octets import Octets, Piece
from mailbatch.render.encodings import encode_base64
from mailbatch.smtp import content
from mailbatch.smtp.content import BLOCK_BYTES, blocks, flight, stuff

HEAD = b"Subject: a\r\n\r\n.\r\n.a dot\r\n"
FILE = encode_base64(bytes(range(256)) * 2000) + b"\r\n"
END = b"--end--\r\n"


def sent(octets):
    return b"".join(block for block, _ in flight(octets))


def test_neighbours_are_joined_and_a_piece_stays_alone():
    """Whatever was joined, the content is the same."""
    piece = Piece(FILE)
    octets = Octets.of([b"Subject: a\r\n", b"\r\n", piece, END[:2], END[2:]])
    assert [part.data for part in octets.pieces] == [b"Subject: a\r\n\r\n", FILE, END]
    assert octets.pieces[1] is piece
    assert octets.joined() == b"Subject: a\r\n\r\n" + FILE + END
    assert octets.size == len(octets.joined())
    assert Octets.of([]).joined() == b""


def test_the_digest_of_one_piece_is_its_sha256_and_that_of_several_is_one_of_digests():
    """Both stay the same for ever: ledgers have them. And no content of one has that of several."""
    whole = Octets.of([HEAD, FILE, END])
    assert whole.digest == whole.plain_digest == sha256(HEAD + FILE + END).digest()
    parts = Octets.of([HEAD, Piece(FILE), END])
    digests = b"".join(sha256(part).digest() for part in (HEAD, FILE, END))
    assert parts.digest == sha256(b"mailbatch content in pieces, 1\0" + digests).digest()
    assert parts.plain_digest == whole.digest
    for other in ([HEAD, Piece(FILE[78:]), END], [END, Piece(FILE), HEAD], [HEAD, Piece(FILE)]):
        assert Octets.of(other).digest != parts.digest


@pytest.mark.parametrize("middle", [FILE, b".\r\n..\r\n.a\r\n", b"a\r\n" * BLOCK_BYTES])
def test_pieces_leave_as_the_whole_would(middle):
    """With dots stuffed at every beginning of a line, that of a piece included."""
    octets = Octets.of([HEAD, Piece(middle), b".end"])
    assert sent(octets) == stuff(octets.joined())
    assert all(len(block) <= BLOCK_BYTES for block, _ in flight(octets))
    assert sent(Octets.of([b""])) == b""


def test_a_piece_is_looked_at_once(monkeypatch):
    """However many messages it is sent with."""
    piece = Piece(b".\r\n")
    first = Octets.of([HEAD, piece, END])
    assert sent(first).endswith(b"..\r\n" + END)
    again = Octets.of([HEAD, piece, END])
    for one in (again.pieces[0], again.pieces[2]):
        one.once(blocks)
    monkeypatch.setattr(content, "stuff", None)
    assert sent(again) == sent(first)


@pytest.mark.parametrize(
    "bad",
    [b"a\rb\r\n", b"a\nb\r\n", b"x" * 999 + b"\r\n", b"a\r\r\n", b"\n\r\n"],
)
def test_no_piece_goes_out_that_is_not_of_whole_lines(bad):
    """Two pieces must not become one line, nor one message two."""
    for octets in (Octets.of([HEAD, Piece(bad), END]), Octets.of([HEAD, Piece(FILE + bad), END])):
        with pytest.raises(LocalProtocolError):
            next(flight(octets))
    for unfinished in (b"a", b"a\r", b"a\n", b""):
        with pytest.raises(LocalProtocolError, match=r"whole lines|not part of a CRLF"):
            next(flight(Octets.of([HEAD, Piece(unfinished), END])))


@pytest.mark.parametrize("size", [1, 56, 57, 58, 114, 5000])
def test_base64_is_known_for_what_it_is(size):
    """Its lines need no second look; one octet that is none of it, and they get it."""
    lines = encode_base64(bytes(size)) + b"\r\n"
    assert blocks(lines) == (stuff(lines),)
    assert content._is_base64(lines) == (len(lines) >= 78)
    for place in range(0, len(lines), 7):
        for octet in b"\r\n.\x80":
            changed = lines[:place] + bytes([octet]) + lines[place + 1 :]
            if changed != lines:
                assert not content._is_base64(changed)
    assert not content._is_base64(lines[:-2])
    assert not content._is_base64(lines[:76] + b"A\r\n" + lines[78:])


def test_eight_bits_are_told_of_the_piece_that_has_them():
    """The announcement of 8BITMIME is checked for each."""
    octets = Octets.of(["ü\r\n".encode(), Piece(FILE)])
    assert {is_ascii for _, is_ascii in list(flight(octets))[1:]} == {True}
    assert next(is_ascii for _, is_ascii in flight(octets)) is False
