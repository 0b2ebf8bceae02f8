"""Echoes of a secret: each form that a server may give it, wherever it stands and is cut."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import LocalProtocolError
from mailbatch.outcome import Reply
from mailbatch.smtp import commands, events
from mailbatch.smtp.auth import Authentication, Echoes, Mechanism, XOAuth2, forms, redact
from mailbatch.smtp.connection import Connection

QUICK = settings(deadline=None, max_examples=100)
SECRET = "correct-horse battery/€"
WORDS = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",)), max_size=30)


def certain(raw, before):
    """What base64 makes of these bytes behind so many others, whatever those and the next are."""
    behind = 3 + -(before + len(raw)) % 3  # so that nothing is filled up with "="
    spellings = [
        base64.b64encode(left * before + raw + right * behind).decode()
        for left in (b"\x00", b"\xff")
        for right in (b"\x00", b"\xff")
    ]
    return "".join(one[0] for one in zip(*spellings, strict=True) if len(set(one)) == 1)


@given(WORDS)
@QUICK
def test_the_forms_are_the_text_the_url_and_what_is_certain_of_base64(secret):
    """Written down a second time; what is short is told from nothing."""
    raw = secret.encode()
    every = {secret, quote(secret, safe=""), *(certain(raw, before) for before in range(3))}
    assert set(forms(secret)) == {form for form in every if len(form) >= 6}


@pytest.mark.parametrize(("secret", "shown"), [("", 0), ("abcd", 0), ("abcde", 3), ("abcdef", 4)])
def test_what_is_short_has_few_forms(secret, shown):
    """Six characters in a row are taken for an echo: five letters make so many in base64."""
    assert len(forms(secret)) == shown


@given(st.binary(max_size=8), st.binary(max_size=8), st.integers(0, 200), st.integers(0, 200))
@QUICK
def test_an_echo_is_heard_in_every_form_however_it_is_cut(left, right, first, second):
    said = [
        SECRET.encode(),
        quote(SECRET, safe="").encode(),
        base64.b64encode(left + SECRET.encode() + right),
    ]
    for form in said:
        data = b"535 no: " + form + b"\r\n"
        a, b = sorted((first % len(data), second % len(data)))
        echoes = Echoes(SECRET)
        for piece in (data[:a], data[a:b], data[b:]):
            echoes.listen(piece)
        assert echoes.heard


def test_an_echo_is_heard_a_byte_at_a_time_and_never_forgotten():
    echoes = Echoes(SECRET)
    data = b"x" * 1000 + SECRET.encode()
    for byte in data[:-1]:
        echoes.listen(bytes([byte]))
        assert not echoes.heard
    assert len(echoes._last) <= len(data) / 10, "only what may be the beginning of an echo is kept"
    echoes.listen(data[-1:])
    assert echoes.heard
    echoes.listen(b"250 ok\r\n")
    assert echoes.heard


@pytest.mark.parametrize("secret", ["", "abc"])
def test_no_secret_has_no_echo(secret):
    """And one that is too short to be told from other text has none."""
    echoes = Echoes(secret)
    echoes.listen(b"250 abc abc\r\n" * 100)
    assert not echoes.heard
    assert echoes._last == b""


def test_what_was_said_is_taken_out_too():
    echoes = Echoes(SECRET)
    encoded = base64.b64encode(SECRET.encode()).decode()
    text = f"a {SECRET} b {quote(SECRET, safe='')} c {encoded} d c2FpZCBieSBtZQ== e"
    shown = echoes.redact(text, ["c2FpZCBieSBtZQ=="])
    assert shown.startswith("a *** b *** c ***")
    assert shown.endswith(" d *** e")
    assert encoded[2:-4] not in shown


def test_a_line_of_an_exchange_has_12288_bytes_at_most():
    """RFC 4954 4, with its CRLF: base64 comes in fours, so the longest has 12286."""
    frame = len("user=a\x01auth=Bearer \x01\x01")
    longest = 12284 // 4 * 3 - frame
    fits = Authentication(XOAuth2("a", "t" * longest))
    assert fits.command() == b"AUTH XOAUTH2\r\n"
    assert len(fits.answer("")) == 12286
    with pytest.raises(LocalProtocolError) as caught:
        Authentication(XOAuth2("a", "t" * (longest + 1))).command()
    assert str(caught.value) == "the credentials do not fit into a line of 12288 bytes"
    assert commands.MAX_AUTH_LINE == 12288


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("short as it is: abc!", "abc", "short as it is: ***!"),
        ("nothing: ", "", "nothing: "),
        # The end of a secret is one, if it has six letters.
        ("its end: tery/€", SECRET, "its end: ***"),
        ("too little: ery/€", SECRET, "too little: ery/€"),
        # Two in a row are two; what stands right behind one is not a part of it.
        ("t-horst-hors", SECRET, "******"),
        ("t-horsX...", SECRET, "***X..."),
        ("t-hors...X", SECRET, "***X"),
    ],
)
def test_a_piece_of_a_secret_is_one_from_six_letters_on(text, secret, shown):
    assert redact(text, [secret]) == shown


def test_a_secret_in_any_reply_is_not_shown():
    """Also outside an exchange, where nothing was said yet."""
    connection = Connection(local_name="client.example", password=SECRET)
    connection.receive_data(f"220 hello {SECRET} hello\r\n".encode())
    assert connection.next_event() == events.Greeted(Reply(220, ("hello *** hello",)))


class Same(Mechanism):
    """A mechanism that says its password."""

    name = "SAME"

    def exchange(self):
        yield self.password.encode()


def test_an_answer_stands_in_the_command_up_to_512_bytes():
    fits = Authentication(Same("u", "p" * 375))
    assert len(fits.command()) == 512
    assert fits.answer("") is None
    over = Authentication(Same("u", "p" * 376))
    assert over.command() == b"AUTH SAME\r\n"
    assert base64.b64decode(over.answer("")) == b"p" * 376


def test_what_no_mechanism_can_carry_is_named():
    with pytest.raises(LocalProtocolError) as caught:
        Same("u", "p\0")
    assert str(caught.value) == "credentials cannot have NUL, CR, LF or Ctrl-A in them"
    assert Same("XX", "X n\tr").password == "X n\tr"


def test_a_secret_that_is_no_utf_8_has_echoes_too():
    """An environment may hold any bytes; Python gives them as surrogates."""
    secret = "b\udcfcro-password"
    echoes = Echoes(secret)
    echoes.listen(b"535 " + secret.encode(errors="surrogatepass") + b"\r\n")
    assert echoes.heard
