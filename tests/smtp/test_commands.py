"""Commands: the bytes of each, and what never gets into one."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbatch.errors import LocalProtocolError
from mailbatch.reports.delivery_status import _addresses as addresses_of
from mailbatch.smtp import commands
from mailbatch.smtp.commands import FACTS, Deadline, Verb

QUICK = settings(deadline=None, max_examples=100)


def test_every_verb_has_its_facts():
    """The table is complete."""
    assert set(FACTS) == set(Verb)


def test_command_groups():
    """RFC 2920 3.1: RSET, MAIL and RCPT may stand anywhere in a group, all else ends one."""
    inside = {verb for verb, facts in FACTS.items() if not facts.ends_group}
    assert inside == {Verb.RSET, Verb.CLEAR, Verb.MAIL, Verb.RCPT}


def test_deadlines():
    """RFC 5321 4.5.3.2: DATA, the end of data and BDAT have deadlines of their own.

    The greeting has that of the connection.
    """
    deadlines = {verb: facts.deadline for verb, facts in FACTS.items()}
    special = {verb: one for verb, one in deadlines.items() if one is not Deadline.COMMAND}
    assert special == {
        Verb.GREETING: Deadline.CONNECT,
        Verb.DATA: Deadline.DATA,
        Verb.END_OF_DATA: Deadline.END_OF_DATA,
        Verb.BDAT: Deadline.END_OF_DATA,
        Verb.LONE_DOT: Deadline.END_OF_DATA,
    }


def test_no_verb_takes_every_reply():
    """3yz is positive for AUTH and DATA only."""
    found = {(v, code) for v in Verb for code in range(300, 400) if code in FACTS[v].positive}
    assert found == {(Verb.AUTH, 334), (Verb.DATA, 354)}


def test_mail():
    """MAIL with every combination of its parameters, in the order of the contract."""
    assert commands.mail("a@b.example") == b"MAIL FROM:<a@b.example>\r\n"
    assert commands.mail("", size=0) == b"MAIL FROM:<> SIZE=0\r\n"
    assert (
        commands.mail("ä@b.example", size=9, eight_bit=True, smtputf8=True)
        == "MAIL FROM:<ä@b.example> SIZE=9 BODY=8BITMIME SMTPUTF8\r\n".encode()
    )


def test_rcpts():
    """One line for each recipient, in their order."""
    assert commands.rcpts(["a@x", "b@y"]) == b"RCPT TO:<a@x>\r\nRCPT TO:<b@y>\r\n"


@pytest.mark.parametrize("envelope_id", ["", "a b", "a+2B", "a=b", "a\r\nRSET", "ä", "x" * 101])
def test_an_envelope_id_that_servers_may_decode_wrongly_is_refused(envelope_id):
    """xtext (RFC 3461 4) leaves these alone; no server has to encode or decode them."""
    with pytest.raises(LocalProtocolError):
        commands.mail("a@b.example", envelope_id=envelope_id)
    assert commands.mail("", envelope_id="x" * 100).endswith(
        b" RET=HDRS ENVID=%s\r\n" % (b"x" * 100)
    )


def test_a_wish_makes_no_address_too_long():
    """The parameter comes on top of the 512 bytes; one of more than 500 characters is left out."""
    longest = f"{'+' * 241}@x.example"
    line = commands.rcpts([longest], notify=["failure"])
    assert line == f"RCPT TO:<{longest}> NOTIFY=FAILURE\r\n".encode()
    shorter = longest[80:]
    encoded = shorter.replace("+", "+2B")
    assert commands.rcpts([shorter], notify=["failure"]).endswith(
        f"ORCPT=rfc822;{encoded}\r\n".encode()
    )
    with pytest.raises(LocalProtocolError):
        commands.rcpts(["a b@x.example"], notify=["failure"])
    mail = commands.mail("a" * 480 + "@x.example", envelope_id="0" * 16)
    assert len(mail) > 512


@QUICK
@given(st.text(min_size=1, max_size=40).filter(str.isprintable))
def test_the_original_recipient_comes_back_as_the_reader_of_bounces_decodes_it(local):
    """What a server returns undecoded finds the address that was mailed, too."""
    path = f"{''.join(c for c in local if c not in ' <>@' + chr(34) + chr(92)) or 'a'}@x.example"
    line = commands.rcpts([path], smtputf8=True, notify=["failure"]).decode("utf-8")
    value = line.partition(" ORCPT=")[2].strip()
    assert value.isascii()
    assert not value or path in addresses_of(value)


@pytest.mark.parametrize("name", ["", "a b", "a\r\nRSET", "a\0", "ä.example", "x" * 256, "a\u2028"])
def test_ehlo_refuses(name):
    """The client's own name is a way in for injections, too."""
    with pytest.raises(LocalProtocolError):
        commands.ehlo(name)


def test_ehlo():
    """A domain or an address literal."""
    assert commands.ehlo("[IPv6:::1]") == b"EHLO [IPv6:::1]\r\n"


HOSTILE = [
    "",
    "a@b.example\r\nRSET",
    "a@b.example\n",
    "a@b.example\r",
    "a@b.example\0",
    "a@b.example> NOTIFY=NEVER",
    "a@b.example>",
    "<a@b.example",
    "a b@c.example",
    "a\tb@c.example",
    "a\\b@c.example",
    'a"b@c.example',
    '"a"b"@c.example',
    '"a\r\n"@c.example',
    '"a\\\r"@c.example',
    '"a@c.example',
    '"a" @c.example',
    '"a"@c.example> X=Y',
    '"a"@c.example\x7f',
    "\x7f@c.example",
    "Doe, John <john@c.example>",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_hostile_address(address):
    """What would end the path or the line is refused, alone and among others, in MAIL and RCPT."""
    with pytest.raises(LocalProtocolError):
        commands.rcpts([address])
    with pytest.raises(LocalProtocolError):
        commands.rcpts(["a@b.example", address, "c@d.example"], smtputf8=True)
    if address:
        with pytest.raises(LocalProtocolError):
            commands.mail(address)


@pytest.mark.parametrize(
    "address",
    ["ä@b.example", "a@bü.example", "a\x85b@c.example", "a\u2028@c.example", "\ud800@c.example"],
)
def test_address_that_is_not_ascii(address):
    """Without SMTPUTF8 no address is anything but ASCII."""
    with pytest.raises(LocalProtocolError):
        commands.rcpts([address])
    with pytest.raises(LocalProtocolError):
        commands.mail(address)


@pytest.mark.parametrize("address", ["a\x85b@c.example", "a\u2028@c.example", "\ud800@c.example"])
def test_controls_with_smtputf8(address):
    """SMTPUTF8 carries letters, not the controls of Unicode."""
    with pytest.raises(LocalProtocolError):
        commands.rcpts([address], smtputf8=True)


@pytest.mark.parametrize(
    "address",
    ['"a b"@c.example', '"a>b"@c.example', '"a\\"b"@c.example', "!#$%&'*+/=?^_`{|}~-@[192.0.2.1]"],
)
def test_odd_address(address):
    """Odd and legal: quoted local parts and all of atext."""
    assert commands.rcpts([address]) == b"RCPT TO:<%s>\r\n" % address.encode()


def test_line_length():
    """A command has 512 bytes with its CRLF; parameters make MAIL longer, not the address."""
    frame = len(b"RCPT TO:<>\r\n")
    longest = "a" * (512 - frame)
    assert len(commands.rcpts([longest])) == 512
    assert len(commands.rcpts(["b" * 300, longest])) == 512 + 300 + frame
    for paths in ([longest + "a"], ["b", longest + "a"]):
        with pytest.raises(LocalProtocolError, match="longer than 512 bytes"):
            commands.rcpts(paths)
    path = "a" * (512 - len(b"MAIL FROM:<>\r\n"))
    assert len(commands.mail(path)) == 512
    with pytest.raises(LocalProtocolError, match="longer than 512 bytes"):
        commands.mail(path + "a")
    # RFC 1870 3, RFC 6152 2, RFC 6531 3.1 give room for their parameters.
    line = commands.mail(path, size=10**19, eight_bit=True, smtputf8=True)
    assert 512 < len(line) <= 512 + 26 + 17 + 10
    with pytest.raises(LocalProtocolError, match="longer than 538 bytes"):
        commands.mail(path, size=10**25)


def test_long_utf8_address_is_measured_in_bytes():
    """The bound is one of bytes."""
    with pytest.raises(LocalProtocolError, match="longer than 512 bytes"):
        commands.rcpts(["ä" * 300 + "@b.example"], smtputf8=True)


def test_auth():
    """RFC 4954 4: an initial response of no bytes is written `=`."""
    assert commands.auth("LOGIN") == b"AUTH LOGIN\r\n"
    assert commands.auth("PLAIN", b"AGE=") == b"AUTH PLAIN AGE=\r\n"
    assert commands.auth("EXTERNAL", b"") == b"AUTH EXTERNAL =\r\n"


ADDRESS = st.text(
    st.one_of(
        st.sampled_from('<>"\\ \r\n\0\x7f@.,;:ä\x85\u2028ab'),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=20,
)


@given(addresses=st.lists(ADDRESS, min_size=1, max_size=4), smtputf8=st.booleans())
@QUICK
def test_whatever_gets_through_is_one_path_in_one_line(addresses, smtputf8):
    """Every text is refused, or its lines have exactly the form of RCPT with exactly that path."""
    try:
        lines = commands.rcpts(addresses, smtputf8=smtputf8).split(b"\r\n")
    except LocalProtocolError:
        return
    assert lines.pop() == b""
    path = re.compile(rb'RCPT TO:<((?:"(?:[^"\\]|\\.)*"|[^\x00-\x20"<>\\\x7f])+)>')
    found = [path.fullmatch(line) for line in lines]
    assert [match and match[1].decode() for match in found] == addresses
