"""EHLO keywords, in all the forms that servers write."""

import pytest

from mailbatch.outcome import Reply
from mailbatch.smtp.capabilities import Capabilities


def announced(*lines):
    """The capabilities of an EHLO reply with these keyword lines."""
    return Capabilities.from_reply(Reply(250, ("server.example hello", *lines)))


def test_nothing():
    """A reply of one line announces nothing."""
    assert announced() == Capabilities(domain="server.example")
    assert Capabilities.from_reply(Reply(250)) == Capabilities()


def test_provider():
    """The provider's reply, from its page; its last line is no keyword of ours."""
    found = announced(
        "8BITMIME", "SIZE 20971520", "STARTTLS", "AUTH LOGIN PLAIN", "ENHANCEDSTATUSCODES",
        "PIPELINING", "OK",
    )  # fmt: skip
    assert found == Capabilities(
        domain="server.example",
        pipelining=True,
        size=20971520,
        starttls=True,
        auth=("LOGIN", "PLAIN"),
        eight_bit_mime=True,
        enhanced_status_codes=True,
        raw=found.raw,
    )
    assert found.raw[-1] == "OK"


def test_case_and_spaces():
    """Keywords are found in any case and with any number of spaces (RFC 5321 2.4)."""
    found = announced("pipelining", "Size  10", "auth plain  Login", "smtputf8", "Chunking", "dsn")
    assert found.pipelining
    assert found.smtputf8
    assert found.chunking
    assert found.dsn
    assert (found.size, found.auth) == (10, ("PLAIN", "LOGIN"))


@pytest.mark.parametrize(
    ("lines", "mechanisms"),
    [
        (("AUTH=LOGIN PLAIN",), ("LOGIN", "PLAIN")),
        (("AUTH LOGIN", "AUTH=LOGIN PLAIN", "AUTH XOAUTH2"), ("LOGIN", "PLAIN", "XOAUTH2")),
        (("AUTH",), ()),
        (("AUTH=",), ()),
        (("AUTHX PLAIN",), ()),
        (("auth=login",), ("LOGIN",)),
    ],
)
def test_auth(lines, mechanisms):
    """Both forms of AUTH count, each mechanism once, in the server's order."""
    assert announced(*lines).auth == mechanisms


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("SIZE 1000", 1000),
        ("SIZE 99999999999999999999", 10**20 - 1),
        ("SIZE 100000000000000000000", 0),
        ("SIZE", 0),
        ("SIZE 0", 0),
        ("SIZE -1", 0),
        ("SIZE ten", 0),
        ("SIZE ²", 0),
        ("SIZE " + "9" * 5000, 0),
        ("SIZES 10", None),
    ],
)
def test_size(line, size):
    """A limit that is none is taken for SIZE without a limit (RFC 1870 3)."""
    assert announced(line).size == size


@pytest.mark.parametrize(
    ("limit", "size", "admitted"),
    [(None, 10**9, True), (0, 10**9, True), (1000, 1000, True), (1000, 1001, False)],
)
def test_admits(limit, size, admitted):
    """A message of exactly the limit is within it."""
    assert Capabilities(size=limit).admits(size) is admitted


def test_empty_line():
    """A keyword line without a keyword means nothing."""
    assert not announced("", "   ").pipelining


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("LIMITS", (None, None, None)),
        ("LIMITS RCPTMAX=1000 MAILMAX=100", (100, 1000, None)),
        ("limits mailmax=5 rcptdomainmax=1 other=9", (5, None, 1)),
        ("LIMITS MAILMAX=0 RCPTMAX= RCPTDOMAINMAX=x", (None, None, None)),
        ("LIMITS MAILMAX=1234567 RCPTMAX=-1 RCPTDOMAINMAX", (None, None, None)),
    ],
)
def test_limits(line, limits):
    """RFC 9422: numbers of one to six digits; what is none limits nothing."""
    found = announced(line)
    assert (found.mail_max, found.rcpt_max, found.rcpt_domain_max) == limits
