"""Mechanisms: what is said when, and what is never seen."""

import base64

import pytest

from mailbatch.errors import LocalProtocolError
from mailbatch.sasl import MECHANISMS, Login, Mechanism, Plain, XOAuth2
from mailbatch.smtp.auth import AuthExchange, choose_mechanism
from mailbatch.smtp.capabilities import Capabilities
from tests.smtp.conversation import FOLDER

SECRET = "correct-horse-battery"


def offering(*mechanisms):
    """A server that offers these."""
    return Capabilities(auth=mechanisms)


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (("LOGIN", "PLAIN"), "auto", Plain),
        (("LOGIN",), "auto", Login),
        (("XOAUTH2", "LOGIN"), "auto", Login),
        (("XOAUTH2",), "auto", XOAuth2),
        (("CRAM-MD5",), "auto", None),
        ((), "auto", None),
        (("LOGIN", "PLAIN"), "login", Login),
        (("LOGIN", "PLAIN"), "Plain", Plain),
        (("LOGIN", "PLAIN"), "xoauth2", None),
        (("LOGIN", "CRAM-MD5"), "cram-md5", None),
    ],
)
def test_choose(offered, wanted, chosen):
    """What is wanted, if it is on offer; `auto` prefers what takes the fewest waits."""
    assert choose_mechanism(offering(*offered), wanted) is chosen


@pytest.mark.parametrize("name", MECHANISMS)
def test_every_mechanism_has_its_conversations(name):
    """One that is accepted, and one that is refused."""
    for case in (f"auth-{name.lower()}.txt", f"auth-{name.lower()}-refused.txt"):
        assert (FOLDER / case).is_file(), case


@pytest.mark.parametrize("mechanism", MECHANISMS.values())
def test_no_secret_in_a_repr(mechanism):
    """Credentials are in no repr."""
    assert SECRET not in repr(mechanism("App", SECRET))
    assert SECRET not in repr(AuthExchange(mechanism("App", SECRET)))


@pytest.mark.parametrize("character", "\0\r\n\x01")
def test_impossible_credentials(character):
    """What would end a field of a mechanism cannot be part of one."""
    with pytest.raises(LocalProtocolError) as raised:
        Plain("App", SECRET + character)
    assert SECRET not in str(raised.value)
    with pytest.raises(LocalProtocolError):
        XOAuth2("App" + character, SECRET)


def test_plain():
    """RFC 4616 2: authorization identity (none), NUL, user name, NUL, password, all UTF-8."""
    command = AuthExchange(Plain("Äpp", SECRET)).command()
    assert command.startswith(b"AUTH PLAIN ")
    assert base64.b64decode(command.split()[2]) == f"\0Äpp\0{SECRET}".encode()


def test_plain_at_the_bound():
    """The initial response stands in the command if that has 512 bytes at most (RFC 4954 4)."""
    fitting = AuthExchange(Plain("u", "p" * 369))
    assert len(fitting.command()) <= 512
    assert fitting.shown == b"AUTH PLAIN ***\r\n"
    assert fitting.answer("") is None
    too_long = AuthExchange(Plain("u", "p" * 375))
    assert too_long.command() == b"AUTH PLAIN\r\n"
    assert too_long.shown == b"AUTH PLAIN\r\n"
    answer = too_long.answer("")
    assert base64.b64decode(answer) == b"\0u\0" + b"p" * 375
    assert answer.endswith(b"\r\n")
    assert too_long.answer("") is None


def test_login():
    """Two answers, whatever is asked; no third one."""
    authentication = AuthExchange(Login("App", SECRET))
    assert authentication.command() == b"AUTH LOGIN\r\n"
    assert authentication.answer("UGFzc3dvcmQ6") == b"QXBw\r\n"
    assert base64.b64decode(authentication.answer("no base64 at all!")) == SECRET.encode()
    assert authentication.answer("VXNlcm5hbWU6") is None
    assert authentication.answer("VXNlcm5hbWU6") is None


def test_xoauth2():
    """The token, then an empty line in answer to the error, then nothing."""
    authentication = AuthExchange(XOAuth2("a@example.com", "token"))
    sent = authentication.command().split()
    assert base64.b64decode(sent[2]) == b"user=a@example.com\x01auth=Bearer token\x01\x01"
    assert authentication.answer("eyJzdGF0dXMiOiI0MDEifQ==") == b"\r\n"
    assert authentication.answer("") is None


class Puzzle(Mechanism):
    """A mechanism that answers a challenge with it."""

    name = "PUZZLE"
    initial = False

    def exchange(self):
        """Say hello, then what was asked."""
        challenge = yield b"hello"
        yield f"<{challenge}>".encode()


def test_an_exchange_is_sent_the_challenges():
    """A mechanism that needs the challenge gets it as it came."""
    authentication = AuthExchange(Puzzle("u", "p"))
    assert authentication.command() == b"AUTH PUZZLE\r\n"
    assert authentication.answer("") == b"aGVsbG8=\r\n"
    assert base64.b64decode(authentication.answer("MTIz")) == b"<MTIz>"


def test_a_token_may_be_long_but_not_endless():
    """RFC 4954 4: 12288 bytes a line."""
    authentication = AuthExchange(XOAuth2("a", "t" * 9000))
    assert authentication.command() == b"AUTH XOAUTH2\r\n"
    assert len(authentication.answer("")) <= 12288
    with pytest.raises(LocalProtocolError, match="12288"):
        AuthExchange(XOAuth2("a", "t" * 9300)).command()
