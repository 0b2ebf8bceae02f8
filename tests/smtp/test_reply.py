"""Replies: what is one, what is none, and what is kept of it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailbatch.errors import RemoteProtocolError
from mailbatch.outcome import Reply
from mailbatch.smtp.reply import MAX_LINE, MAX_REPLY, ReplyParser

QUICK = settings(deadline=None, max_examples=100)


def parse(*pieces):
    """Everything that a parser makes of these pieces: replies, and the error at the end if any."""
    parser = ReplyParser()
    found = []
    try:
        for piece in pieces:
            parser.receive_data(piece)
            while (reply := parser.next_reply()) is not None:
                found.append(reply)
    except RemoteProtocolError as error:
        found.append(str(error))
    return found


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"250 2.1.5 Ok\r\n", Reply(250, ("Ok",), "2.1.5")),
        (b"250 Ok\r\n", Reply(250, ("Ok",))),
        (b"250 \r\n", Reply(250, ("",))),
        (b"250\r\n", Reply(250, ("",))),
        (b"250\n", Reply(250, ("",))),
        (b"250 5.1.1 odd\r\n", Reply(250, ("5.1.1 odd",))),
        (b"250 2.1.5\r\n", Reply(250, ("",), "2.1.5")),
        (b"250 2.1.5  two spaces\r\n", Reply(250, ("two spaces",), "2.1.5")),
        (b"250 2.1.5x\r\n", Reply(250, ("2.1.5x",))),
        (b"250 2.1.5.7 x\r\n", Reply(250, ("2.1.5.7 x",))),
        (b"250 2.1234.5 x\r\n", Reply(250, ("2.1234.5 x",))),
        (b"354 3.0.0 go\r\n", Reply(354, ("3.0.0 go",))),
        (b"250  lead\r\n", Reply(250, (" lead",))),
        ("250 grüß\r\n".encode(), Reply(250, ("grüß",))),
        (b"250 \xff\x00\x1b[0m\r\n", Reply(250, ("\\xff\\x00\\x1b[0m",))),
        ("250 a\u2028b\u202ec\r\n".encode(), Reply(250, ("a\\u2028b\\u202ec",))),
        (b"250 a\rb\r\n", Reply(250, ("a\\rb",))),
        (b"250 a\tb\r\n", Reply(250, ("a\tb",))),
        (b"559 x\r\n", Reply(559, ("x",))),
    ],
)
def test_single_line(line, reply):
    """One line is one reply."""
    assert parse(line) == [reply]


@pytest.mark.parametrize(
    "line",
    [
        b"\r\n", b"2\r\n", b"25\r\n", b"99 x\r\n", b" 250 x\r\n", b"+250 x\r\n", b"2500 x\r\n",
        b"250x\r\n", b"250\tx\r\n", b"150 x\r\n", b"599 x\r\n", b"600 x\r\n", b"260 x\r\n",
        b"2_0 x\r\n", b"\xb250 x\r\n", "\uff12\uff15\uff10 x\r\n".encode(), b"-250 x\r\n",
        b"250_x\r\n", b"\x00250 x\r\n", b"2 0 x\r\n", b"250\x00\r\n", b"250\rx\r\n",
    ],
)  # fmt: skip
def test_no_reply(line):
    """What is no reply is never skipped."""
    (found,) = parse(b"220 hi\r\n" + line + b"250 ok\r\n")[1:]
    assert found.startswith("the server sent a line that is no reply")


def test_lines_of_one_reply():
    """Lines with a hyphen belong to the next one without; the status stands in each."""
    stream = b"550-5.1.1 no\r\n550-5.1.1 such\r\n550 5.1.1 user\r\n250 ok\r\n"
    assert parse(stream) == [Reply(550, ("no", "such", "user"), "5.1.1"), Reply(250, ("ok",))]


def test_the_first_line_names_the_status():
    """A status that only a later line has is text."""
    assert parse(b"250-hello\r\n250 2.0.0 there\r\n") == [Reply(250, ("hello", "2.0.0 there"))]


def test_mixed_codes():
    """Mixed codes are no reply."""
    (found,) = parse(b"250-a\r\n550 b\r\n")
    assert found == "the server sent a line of another code in the middle of a 250: '550 b'"


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_line_bound(end):
    """4096 bytes with the line end are a line, one more are none, with or without its end."""
    text = b"x" * (MAX_LINE - 4 - len(end))
    assert parse(b"250 " + text + end) == [Reply(250, (text.decode(),))]
    too_long = ["a reply line of the server is longer than 4096 bytes"]
    assert parse(b"250 x" + text + end) == too_long
    assert parse(b"2" * MAX_LINE) == too_long
    assert parse(b"2" * (MAX_LINE - 1)) == []


def test_reply_bound():
    """64 KiB are a reply, one byte more is none."""
    line = b"250-" + b"x" * 1018 + b"\r\n"
    last = b"250 " + b"x" * 1018 + b"\r\n"
    replies = parse(line * 63 + last + line * 63 + last)
    assert [len(reply.lines) for reply in replies] == [MAX_REPLY // 1024] * 2
    assert parse(line * 62 + b"250-x" + line[4:] + last) == [
        "a reply of the server is longer than 65536 bytes"
    ]


def test_memory_is_bounded_while_nothing_is_complete():
    """A stream without line ends, or of endless lines, is refused before it is kept."""
    assert len(parse(*[b"2" * 1000] * 4)) == 0
    assert len(parse(*[b"2" * 1000] * 5)) == 1
    assert len(parse(*[b"250-x\r\n"] * 9362)) == 0
    assert len(parse(*[b"250-x\r\n"] * 9363)) == 1


def test_unfinished_and_evidence():
    """What came of an incomplete reply can be seen, unless it may be an echo of a secret."""
    parser = ReplyParser()
    assert (parser.unfinished, parser.evidence) == (False, "")
    parser.receive_data(b"250-2.0.0 a\x00\r\n25")
    assert parser.next_reply() is None
    assert (parser.unfinished, parser.evidence) == (True, "250-2.0.0 a\\x00 / 25")
    parser.quotable = lambda _lines: []
    assert (parser.unfinished, parser.evidence) == (True, "")
    parser.quotable = list
    parser.receive_data(b"0 x\r\n")
    assert parser.next_reply() == Reply(250, ("a\\x00", "x"), "2.0.0")
    assert (parser.unfinished, parser.evidence) == (False, "")


def test_discreet_errors_quote_nothing():
    """No error quotes what may be an echo of a secret."""
    parser = ReplyParser()
    parser.quotable = lambda _lines: []
    parser.receive_data(b"SECRET\r\n")
    with pytest.raises(RemoteProtocolError) as raised:
        parser.next_reply()
    assert str(raised.value) == "the server sent a line that is no reply"


def test_every_line_is_seen():
    """`on_line` sees lines before they are judged, without their ends."""
    seen = []
    parser = ReplyParser()
    parser.on_line = seen.append
    parser.receive_data(b"250-a\r\n250 b\nrubbish\r\n")
    assert parser.next_reply() == Reply(250, ("a", "b"))
    with pytest.raises(RemoteProtocolError):
        parser.next_reply()
    assert seen == [b"250-a", b"250 b", b"rubbish"]


TEXT = st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"?"))
CODE = st.sampled_from([b"220", b"250", b"354", b"421", b"450", b"550", b"199", b"2x0"])
LINE = st.builds(
    lambda code, mark, status, text, end: code + mark + status + text + end,
    CODE,
    st.sampled_from([b" ", b"-", b"", b"_"]),
    st.sampled_from([b"", b"2.1.5 ", b"5.1.1 ", b"2.0.0"]),
    TEXT,
    st.sampled_from([b"\r\n", b"\n", b"\r\r\n"]),
)
STREAM = st.lists(st.one_of(LINE, TEXT), max_size=8).map(b"".join)


@given(stream=STREAM, data=st.data())
@example(stream=b"250-a\r\n250 b\r\n250 c", data=None)
@QUICK
def test_any_split_gives_the_same_replies(stream, data):
    """One piece, single bytes and any other pieces come to the same replies and the same error."""
    expected = parse(stream)
    assert parse(*[stream[i : i + 1] for i in range(len(stream))]) == expected
    if data is not None:
        places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        ends = [*places, len(stream)]
        pieces = [stream[i:j] for i, j in zip([0, *places], ends, strict=True)]
        assert parse(*pieces) == expected


@given(code=st.integers(200, 559).filter(lambda code: code // 10 % 10 < 6), texts=st.lists(TEXT))
@QUICK
def test_every_well_formed_reply_is_read(code, texts):
    """What RFC 5321 4.2 allows is read, with one text for every line, and is safe to show."""
    texts = [*texts, b"end"]
    marks = [b"-"] * (len(texts) - 1) + [b" "]
    lines = [b"%d%s%s\r\n" % (code, mark, text) for mark, text in zip(marks, texts, strict=True)]
    (reply,) = parse(b"".join(lines))
    assert (reply.code, len(reply.lines)) == (code, len(texts))
    assert all(text.replace("\t", "").isprintable() for text in reply.lines)
