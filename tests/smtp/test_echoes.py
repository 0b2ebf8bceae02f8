"""Echoes of a secret: each form that a server may give it, wherever it stands and is cut."""

import base64
import quopri
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import LocalProtocolError
from mailbatch.outcome import Reply
from mailbatch.sasl import Mechanism, XOAuth2
from mailbatch.smtp import commands, events
from mailbatch.smtp.auth import AuthExchange
from mailbatch.smtp.connection import Connection
from mailbatch.smtp.echoes import Echoes, forms

QUICK = settings(deadline=None, max_examples=100)
SECRET = "correct-horse battery/€"
PLAIN = "correct-horse-battery"
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
    printed = quopri.encodestring(raw, quotetabs=True).replace(b"=\n", b"").decode()
    every = {
        secret,
        quote(secret, safe=""),
        printed,
        *(certain(raw, before) for before in range(3)),
    }
    every |= {"".join(f"{byte:02x}" for byte in raw), "".join(f"{byte:02X}" for byte in raw)}
    every |= {"".join(reversed(form)) for form in every}
    long = len(secret) >= 4
    assert set(forms(secret)) == {form for form in every if len(form) >= 6 and long}


@pytest.mark.parametrize(
    ("secret", "shown"), [("", 0), ("abc", 0), ("abcd", 2), ("klmno", 10), ("klmnop", 12)]
)
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
        assert echoes.alert
        shown = echoes.clean(Reply(535, (data[4:-2].decode(errors="backslashreplace"),)))
        assert form.decode() not in shown.text
        assert echoes.heard


#: What a server may do with what it was told; each is found in a reply of one line.
DONE = {
    "shouted": lambda secret: secret.swapcase(),
    "backwards": lambda secret: secret[::-1],
    "spelled": " ".join,
    "spelled backwards": lambda secret: "-".join(reversed(secret)),
    "in tens": lambda secret: "| |".join(secret[i : i + 10] for i in range(0, len(secret), 10)),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "HEXADECIMAL": lambda secret: secret.encode().hex().upper(),
    "bytes": lambda secret: secret.encode().hex(":"),
    "every byte as in a URL": lambda secret: "".join(f"%{b:02X}" for b in secret.encode()),
    "quoted-printable": lambda secret: "".join(f"={b:02X}" for b in secret.encode()),
    "base64 of both": lambda secret: base64.b64encode(f"\0App\0{secret}".encode()).decode(),
    "base64 for a URL": lambda secret: base64.urlsafe_b64encode(b"1" + secret.encode()).decode(),
    "base64 backwards": lambda secret: base64.b64encode(secret.encode()).decode()[::-1],
    "of base64 the end": lambda secret: base64.b64encode(secret.encode()).decode()[-20:],
    "the first part": lambda secret: secret[:-5],
    "the last part": lambda secret: secret[5:],
}


@pytest.mark.parametrize("done", DONE)
@pytest.mark.parametrize("secret", ["s3cr3t-Pa55-w0rd-XYZ", SECRET, "0123456789abcdef" * 2])
def test_whatever_a_server_does_with_a_secret_is_found(done, secret):
    """Nothing that counts of it is left in a row, and code and status still are."""
    said = DONE[done](secret)
    echoes = Echoes(secret)
    echoes.listen(f"550 5.7.1 not for {said} here\r\n".encode())
    assert echoes.alert
    shown = echoes.clean(Reply(550, (f"not for {said} here",), "5.7.1"))
    assert (shown.code, shown.enhanced) == (550, "5.7.1")
    assert "***" in shown.text
    left = "".join(filter(str.isalnum, shown.text)).lower()
    for form in forms(secret):
        counted = "".join(filter(str.isalnum, form)).lower()
        assert not any(counted[i : i + 7] in left for i in range(len(counted) - 6))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 12, 19])
def test_pieces_over_the_lines_of_one_reply(size):
    """Joined they are the secret, whatever the statuses in between."""
    secret = "s3cr3t-Pa55-w0rd-XYZ"
    pieces = [secret[i : i + size] for i in range(0, len(secret), size)]
    for status in ("", "2.0.0 ", "4.0.0 "):
        reply = Reply(250, tuple(status + piece for piece in pieces))
        shown = Echoes(secret).clean(reply)
        assert shown.code == 250
        assert not any(len(piece) > 2 and piece in shown.text for piece in pieces)
        assert all(line.startswith(status) for line in shown.lines)
    assert Echoes("another-secret-of-all").clean(reply) is reply


def test_an_echo_is_heard_a_byte_at_a_time_and_never_forgotten():
    echoes = Echoes(SECRET)
    data = b"250 " + b"x" * 1000 + SECRET.encode()
    for byte in data[:1004]:
        echoes.listen(bytes([byte]))
        assert not echoes.alert
    for byte in data[1004:]:
        echoes.listen(bytes([byte]))
    assert echoes.alert
    assert not echoes.heard, "whether it is one, its reply will say"
    echoes.listen(b"\r\n250 ok\r\n")
    assert echoes.clean(Reply(250, (SECRET,))).text == "***"
    echoes.listen(b"250 ok\r\n")
    assert echoes.alert
    assert echoes.clean(Reply(250, ("horse bat",))).text == "***"


def test_only_a_line_that_has_not_ended_is_kept():
    echoes = Echoes(SECRET)
    for _ in range(1000):
        echoes.listen(b"250 2.1.5 ok, and a third of")
        echoes.listen(b" it\r\n250 2.1")
        echoes.listen(b".5 ok\r\n")
    assert echoes.rest == b""
    assert not echoes.alert


@pytest.mark.parametrize("secret", ["", "abc"])
def test_no_secret_has_no_echo(secret):
    """And one that is too short to be told from other text has none."""
    echoes = Echoes(secret)
    echoes.listen(b"250 abc abc\r\n" * 100)
    reply = Reply(250, ("abc abc",))
    assert echoes.clean(reply) is reply
    assert not echoes.heard


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("mail", "no mail today", "no *** today"),
        ("mail", "mailbox full, e-mails", "mailbox full, e-mails"),
        ("p@$$!", "not p@$$!", "not ***"),
        ("mail", "6d61696c", "***"),
        ("p@$$w0", "is p@$$w0.", "is ***"),
        ("p@$$w0", "is 0w$$@p", "is ***"),
        # As much as a word of the language says of a longer secret is said.
        ("newsletter-2024", "newsletter queued", "newsletter queued"),
        ("newsletter-2024", "newsletter: 2024 queued", "***: 2024 queued"),
    ],
)
def test_how_much_is_an_echo(secret, text, shown):
    echoes = Echoes(secret)
    echoes.listen(f"250 {text}\r\n".encode())
    found = echoes.clean(Reply(250, (text,))) if echoes.alert else Reply(250, (text,))
    assert found.text == shown


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40), st.data()
)
@QUICK
def test_a_run_of_seven_is_always_looked_at(secret, data):
    """Wherever it begins, in whatever stands around it, and however it is cut."""
    counted = "".join(filter(str.isalnum, secret))
    start = data.draw(st.integers(0, max(0, len(counted) - 7)))
    before = data.draw(st.text("xyz .", max_size=9))
    said = f"250 {before}{counted[start : start + 7]} and\r\n".encode()
    cut = data.draw(st.integers(0, len(said)))
    echoes = Echoes(secret)
    echoes.listen(said[:cut])
    alert = echoes.alert
    echoes.listen(said[cut:])
    assert alert or echoes.alert or len(counted) < 7


def test_the_time_is_bounded():
    """A reply of 64 KiB costs milliseconds, whatever it is made of and however long the secret."""
    secret = "".join(chr(33 + i * i % 89) for i in range(12_000))
    for lines in (["x" * 4000] * 16, ["ab"] * 16_000, [secret[:4000]] * 16, list(secret)):
        began = time.process_time()
        Echoes(secret).cleaned(lines, ["what was said"])
        assert time.process_time() - began < 3


def test_what_was_said_is_taken_out_too():
    echoes = Echoes(SECRET)
    encoded = base64.b64encode(SECRET.encode()).decode()
    text = f"a {SECRET} b {quote(SECRET, safe='')} c {encoded} d c2FpZCBieSBtZQ== e"
    (shown,) = echoes.cleaned([text], ["c2FpZCBieSBtZQ=="])
    assert shown.startswith("a *** b *** c ***")
    assert shown.endswith(" d *** e")
    assert encoded[2:-4] not in shown


def test_a_line_of_an_exchange_has_12288_bytes_at_most():
    """RFC 4954 4, with its CRLF: base64 comes in fours, so the longest has 12286."""
    frame = len("user=a\x01auth=Bearer \x01\x01")
    longest = 12284 // 4 * 3 - frame
    fits = AuthExchange(XOAuth2("a", "t" * longest))
    assert fits.command() == b"AUTH XOAUTH2\r\n"
    assert len(fits.answer("")) == 12286
    with pytest.raises(LocalProtocolError) as caught:
        AuthExchange(XOAuth2("a", "t" * (longest + 1))).command()
    assert str(caught.value) == "the credentials do not fit into a line of 12288 bytes"
    assert commands.MAX_AUTH_LINE == 12288


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("short as it is: abc!", "abc", "short as it is: ***!"),
        ("no part of a word: abcd", "abc", "no part of a word: abcd"),
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
    echoes = Echoes(secret)
    echoes.heard = True
    assert echoes.cleaned([text], [secret]) == [shown]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("all is well", "all is well"),
        (f"bad password {PLAIN}!", "bad password ***!"),
        (f"bad <{PLAIN}>", "bad <***>"),
        (f"{PLAIN}{PLAIN}", "******"),
        ("cut: correct-horse...", "cut: ***"),
        ("cut: orrect-hor…", "cut: ***"),
        ("short: horse", "short: horse"),
        ("six: rse-ba", "six: ***"),
        ("two words, one secret", "two words, one secret"),
        ("not one: longer pass phrase", "not one: ***"),
        ("", ""),
    ],
)
def test_what_is_shown_while_the_session_authenticates(text, shown):
    echoes = Echoes(PLAIN)
    assert echoes.cleaned([text], [PLAIN, "", "longer pass phrase"]) == [shown]


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
    fits = AuthExchange(Same("u", "p" * 375))
    assert len(fits.command()) == 512
    assert fits.answer("") is None
    over = AuthExchange(Same("u", "p" * 376))
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
    raw = secret.encode(errors="surrogatepass")
    echoes.listen(b"535 " + raw + b"\r\n")
    assert echoes.alert
    assert echoes.clean(Reply(535, (secret,))).text == "***"
