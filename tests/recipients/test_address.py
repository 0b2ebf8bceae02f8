"""What is an address, how it goes on the wire, and why anything else is refused."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailbatch.envelope import address_key
from mailbatch.recipients.address import is_address, needs_smtputf8, parse_address

LONGEST_LABEL = "d" * 63
LONGEST_LOCAL = "l" * 64
# 64 + "@" + 189 = 254
LONGEST = f"{LONGEST_LOCAL}@{LONGEST_LABEL}.{LONGEST_LABEL}.{'d' * 58}.de"

ACCEPTED = {
    # Plain ones, as they stand
    "ann@example.com": "ann@example.com",
    "a@b.c": "a@b.c",
    "first.last@mail.example.co.uk": "first.last@mail.example.co.uk",
    "first+tag@example.com": "first+tag@example.com",
    "first_last-1@ex-ample.com": "first_last-1@ex-ample.com",
    "!#$%&'*+-/=?^_`{|}~@example.com": "!#$%&'*+-/=?^_`{|}~@example.com",
    "o'neil@example.com": "o'neil@example.com",
    "1@2.com": "1@2.com",
    "a@1and1.com": "a@1and1.com",
    "a@a--b.com": "a@a--b.com",
    "a=b@example.com": "a=b@example.com",
    "who?@example.com": "who?@example.com",
    "user%other@example.com": "user%other@example.com",
    "host!user@example.com": "host!user@example.com",
    LONGEST_LOCAL + "@example.com": LONGEST_LOCAL + "@example.com",
    f"a@{LONGEST_LABEL}.com": f"a@{LONGEST_LABEL}.com",
    LONGEST: LONGEST,
    # Names that are reserved and still names (RFC 6761)
    "a@example.net": "a@example.net",
    "a@x.test": "a@x.test",
    "a@x.invalid": "a@x.invalid",
    "a@x.localhost": "a@x.localhost",
    "a@x.local": "a@x.local",
    "a@localhost": "a@localhost",
    "a@LocalHost": "a@localhost",
    # Space around, and letters
    " ann@example.com\t": "ann@example.com",
    "ann@example.com\r\n": "ann@example.com",
    "\v\fann@example.com ": "ann@example.com",
    "Ann.Lee@Example.COM": "Ann.Lee@example.com",
    "INFO@example.com": "INFO@example.com",
    # Needless quotes (RFC 5321 4.1.2)
    '"ann"@example.com': "ann@example.com",
    '"ann.lee"@Example.com': "ann.lee@example.com",
    # Internationalized domains (RFC 5890)
    "ann@bücher.example": "ann@xn--bcher-kva.example",
    "ann@BÜCHER.example": "ann@xn--bcher-kva.example",
    "ann@bu\u0308cher.example": "ann@xn--bcher-kva.example",
    "ann@straße.de": "ann@xn--strae-oqa.de",
    "ann@bücher.test": "ann@xn--bcher-kva.test",
    "ann@почт\u0430.рф": "ann@xn--80a1acny.xn--p1ai",
    "ann@例え.jp": "ann@xn--r8jz45g.jp",
    "ann@mail.例え.jp": "ann@mail.xn--r8jz45g.jp",
    "ann@xn--bcher-kva.example": "ann@xn--bcher-kva.example",
    "ann@XN--BCHER-KVA.example": "ann@xn--bcher-kva.example",
    "ann@xn--i-7iq.ws": "ann@xn--i-7iq.ws",  # IDNA 2003 only, but it is there
    # Internationalized local parts (RFC 6531)
    "jürgen@example.com": "jürgen@example.com",
    "ju\u0308rgen@example.com": "jürgen@example.com",
    "ив\u0430н@почт\u0430.рф": "ив\u0430н@xn--80a1acny.xn--p1ai",
    "ив\u0430н+news@example.com": "ив\u0430н+news@example.com",
    "用户@例え.jp": "用户@xn--r8jz45g.jp",
    "嘊@example.com": "嘊@example.com",  # U+560A, whose low byte is a line feed
    "😀@example.com": "😀@example.com",
}

BARE = "only the address itself may stand here: no display name, no < and >"
QUOTES = "an address with quotes is not supported"
COMMENT = "the address contains a comment in parentheses"
COMMA = "the address contains ',', but a cell holds one address"
SEMICOLON = "the address contains ';', but a cell holds one address"
SPACE = "the address contains a space"
SIGNS = "the address has more than one @"
DOTS_BEFORE = "the part before the @ has a dot at its start, its end, or two in a row"
DOTS_AFTER = "the part after the @ has a dot at its start, its end, or two in a row"
HYPHEN = "the part after the @ has a hyphen beside a dot or at its end"

REFUSED = {
    # No addr-spec at all
    "": "the address is empty",
    " \t\r\n": "the address is empty",
    "ann": "the address has no @",
    "ann.example.com": "the address has no @",
    "@": "nothing stands before the @",
    "@example.com": "nothing stands before the @",
    "ann@": "nothing stands after the @",
    "a@b@example.com": SIGNS,
    "ann@@example.com": SIGNS,
    "ann\uff20example.com": "the address contains U+FF20 FULLWIDTH COMMERCIAL AT in place of @",
    "ann\ufe6bexample.com": "the address contains U+FE6B SMALL COMMERCIAL AT in place of @",
    "mailto:ann@example.com": "':' may not stand before the @",
    # More than an addr-spec
    "<ann@example.com>": BARE,
    "Ann Lee <ann@example.com>": BARE,
    '"Lee, Ann" <ann@example.com>': BARE,
    "a@b.c> SIZE=1": BARE,
    "ann@example.com>": BARE,
    "a@b.c><x@example.com": BARE,
    "a@b.c> BODY=8BITMIME\r\nRCPT TO:<x@example.com": (
        "the address contains a control character (U+000D)"
    ),
    "ann@example.com,bob@example.com": COMMA,
    "ann@example.com; bob@example.com": SEMICOLON,
    "Friends: ann@example.com, bob@example.com;": COMMA,
    "Friends:ann@example.com;": SEMICOLON,
    "((a)b)@example.com": COMMENT,
    "ann(home)@example.com": COMMENT,
    "ann@example.com (Ann)": COMMENT,
    "ann@(home)example.com": COMMENT,
    "alice@example.org)bob@example.com": COMMENT,
    "@relay.example,@other.example:ann@example.com": COMMA,
    "@relay.example:ann@example.com": SIGNS,
    "ann lee@example.com": SPACE,
    "ann @example.com": SPACE,
    "ann@ example.com": SPACE,
    "ann@example.com SIZE=1": SPACE,
    # Quotes
    '"x@evil.example y"@example.com': QUOTES,
    '"ann lee"@example.com': QUOTES,
    '"a\\"b"@example.com': QUOTES,
    '""@example.com': QUOTES,
    '"ann"lee@example.com': QUOTES,
    '"ann@evil.example> "@example.com': BARE,
    '"ann@example.com"': QUOTES,
    '"<ann@example.com>"@example.com': BARE,
    '".ann"@example.com': DOTS_BEFORE,
    # The part before the @
    ".ann@example.com": DOTS_BEFORE,
    "ann.@example.com": DOTS_BEFORE,
    "an..n@example.com": DOTS_BEFORE,
    "an[n]@example.com": "'[' may not stand before the @",
    "an\\n@example.com": "'\\\\' may not stand before the @",
    "an:n@example.com": "':' may not stand before the @",
    "=?utf-8?q?=41nn?=@example.com": "the part before the @ is an encoded-word",
    "=?utf-8?q?ann=40evil.example=3e?=@example.com": "the part before the @ is an encoded-word",
    LONGEST_LOCAL + "l@example.com": "the part before the @ is longer than 64 octets",
    "ü" * 33 + "@example.com": "the part before the @ is longer than 64 octets",
    # The part after the @
    "ann@example": "the part after the @ has no dot: 'example'",
    "ann@com": "the part after the @ has no dot: 'com'",
    "ann@.example.com": DOTS_AFTER,
    "ann@example.com.": DOTS_AFTER,
    "ann@example..com": DOTS_AFTER,
    "ann@bücher..com": DOTS_AFTER,
    "ann@-example.com": HYPHEN,
    "ann@example-.com": HYPHEN,
    "ann@example.com-": HYPHEN,
    "ann@ex_ample.com": "'_' may not stand after the @",
    "ann@example.com/x": "'/' may not stand after the @",
    "ann@example.com:25": "':' may not stand after the @",
    "ann@192.0.2.1": "the part after the @ ends in a number",
    "ann@[192.0.2.1]": "an IP address in place of the domain is not supported",
    "ann@[IPv6:2001:db8::1]": "an IP address in place of the domain is not supported",
    f"ann@{LONGEST_LABEL}d.com": f"'{'d' * 20}…' after the @ is longer than 63 octets",
    LONGEST + "x": "the address is longer than 254 octets",
    LONGEST.replace("l" * 64, "ü" * 32) + "x": "the address is longer than 254 octets",
    "l" + LONGEST: "the address is longer than 254 octets",
    "ann@" + "d." * 130 + "de": "the address is longer than 254 octets",
    # Control characters
    "ann@example.com\0": "the address contains a control character (U+0000)",
    "an\nn@example.com": "the address contains a control character (U+000A)",
    "ann@example.com\r\nRCPT TO:<x@y.z>": "the address contains a control character (U+000D)",
    "ann@example.com\n.example": "the address contains a control character (U+000A)",
    "an\tn@example.com": "the address contains a control character (U+0009)",
    "ann\x1b[31m@example.com": "the address contains a control character (U+001B)",
    "ann\x7f@example.com": "the address contains a control character (U+007F)",
    "ann@example.com\x85": "the address contains a control character (U+0085)",
    # Characters that do not show
    "an\u200bn@example.com": (
        "the address contains an invisible character (U+200B ZERO WIDTH SPACE)"
    ),
    "ann@exam\u200dple.com": (
        "the address contains an invisible character (U+200D ZERO WIDTH JOINER)"
    ),
    "\ufeffann@example.com": (
        "the address contains an invisible character (U+FEFF ZERO WIDTH NO-BREAK SPACE)"
    ),
    "ann@exam\u00adple.com": "the address contains an invisible character (U+00AD SOFT HYPHEN)",
    "ann\u202e@example.com": (
        "the address contains an invisible character (U+202E RIGHT-TO-LEFT OVERRIDE)"
    ),
    "ann@\u2066example.com": (
        "the address contains an invisible character (U+2066 LEFT-TO-RIGHT ISOLATE)"
    ),
    "ann\ufe0f@example.com": (
        "the address contains an invisible character (U+FE0F VARIATION SELECTOR-16)"
    ),
    "ann\u3164@example.com": ("the address contains an invisible character (U+3164 HANGUL FILLER)"),
    "ann\u00a0@example.com": "the address contains a space (U+00A0 NO-BREAK SPACE)",
    "ann@example.com\u00a0": "the address contains a space (U+00A0 NO-BREAK SPACE)",
    "ann@example.com\u2028": "the address contains a space (U+2028 LINE SEPARATOR)",
    "ann@example\u3000.com": "the address contains a space (U+3000 IDEOGRAPHIC SPACE)",
    "ann\ue000@example.com": "the address contains U+E000, which is no character",
    "ann\ud800@example.com": "the address contains U+D800, which is no character",
    # Characters that stand for others
    "ann@ex\u3002ample.com": "the address contains U+3002 IDEOGRAPHIC FULL STOP in place of a dot",
    "ann@ex\uff0eample.com": "the address contains U+FF0E FULLWIDTH FULL STOP in place of a dot",
    "ann@ex\uff61ample.com": (
        "the address contains U+FF61 HALFWIDTH IDEOGRAPHIC FULL STOP in place of a dot"
    ),
    "\uff41nn@example.com": (
        "the address contains U+FF41 FULLWIDTH LATIN SMALL LETTER A in place of 'a'"
    ),
    "ann@\uff45xample.com": (
        "the address contains U+FF45 FULLWIDTH LATIN SMALL LETTER E in place of 'e'"
    ),
    "ann@example.ⓒom": "the address contains U+24D2 CIRCLED LATIN SMALL LETTER C in place of 'c'",
    "ﬁn@example.com": "the address contains U+FB01 LATIN SMALL LIGATURE FI in place of 'fi'",
    "\u212aann@example.com": "the address contains U+212A KELVIN SIGN in place of 'K'",
    "an\u037en@example.com": "the address contains U+037E GREEK QUESTION MARK in place of ';'",
    "ann@℀.com": "the address contains U+2100 ACCOUNT OF in place of 'a/c'",
    "ann@ex\u0430mple.com": "'ex\u0430mple' mixes Cyrillic and Latin letters",
    "\u0430nn@example.com": "'\u0430nn' mixes Cyrillic and Latin letters",
    "ann@\u03b5xample.com": "'\u03b5xample' mixes Greek and Latin letters",
    "\u0338ann@example.com": "the part before the @ begins with a combining character",
    "ann@\u0338example.com": "the part after the @ begins with a combining character",
}
NO_DOMAIN = [  # refused by IDNA 2008; the words are those of email-validator
    "ann@i❤.ws",
    "ann@" + "ü" * 60 + ".de",
    "ann@1.אב.com",
    "ann@ab--ü.com",
    "ann@-ü.com",
    "ann@ü_.com",
]


@pytest.mark.parametrize(("text", "wire"), ACCEPTED.items())
def test_an_address_is_returned_as_it_goes_on_the_wire(text: str, wire: str) -> None:
    assert parse_address(text) == wire


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_is_no_address_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_address(text)
    assert str(caught.value) == reason
    assert not is_address(text)


@pytest.mark.parametrize("text", NO_DOMAIN)
def test_what_idna_forbids_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(the|an|after) "):
        parse_address(text)


@pytest.mark.parametrize("text", [*REFUSED, *NO_DOMAIN])
def test_a_reason_can_be_shown_on_a_terminal(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_address(text)
    reason = str(caught.value)
    assert all(
        unicodedata.category(character)[0] not in "CZ" or character == " " for character in reason
    )
    assert len(reason) < 200


@pytest.mark.parametrize(
    "text", ["(" * 1000 + "a@b.c", "a" * 100_000, '"' * 50_000, "a." * 50_000 + "@"]
)
def test_a_hostile_cell_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match=r"^the address is longer than 254 octets$"):
        parse_address(text)


@pytest.mark.parametrize("wire", sorted(set(ACCEPTED.values())))
def test_smtputf8_is_needed_for_the_part_before_the_sign_only(wire: str) -> None:
    local, _, domain = wire.rpartition("@")
    assert domain.isascii()
    assert needs_smtputf8(wire) is not local.isascii()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.com", "Ann@Example.COM"),
        ("ann@bücher.example", "ANN@XN--BCHER-KVA.example"),
        ("jürgen@example.com", "JU\u0308RGEN@example.com"),
        ('"ann"@example.com', "ann@example.com"),
    ],
)
def test_spellings_of_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert address_key(parse_address(one)) == address_key(parse_address(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.com", "anne@example.com"),
        ("ann@example.com", "ann+news@example.com"),
        ("ann.lee@example.com", "annlee@example.com"),
        ("straße@example.com", "strasse@example.com"),
        ("ann@straße.de", "ann@strasse.de"),
    ],
)
def test_different_mailboxes_have_different_keys(one: str, other: str) -> None:
    assert address_key(parse_address(one)) != address_key(parse_address(other))


# Properties

LOCAL = st.text(
    "abzAZ09.!#$%&'*+/=?^_`{|}~-\"\\ <>()@,;:\u00e9\u0308\u0431\u560a\u200b\n", max_size=12
)
DOMAIN = st.text("abzAZ09.-_[]\u00fc\u0308\u0431\u3002\uff0e\u200d> ", max_size=14)
ANYTHING = st.text(max_size=40) | st.builds("{}@{}".format, LOCAL, DOMAIN)
DOT_STRING = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
    r"(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+)*"
)
SUB_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def accepted(text: str) -> str | None:
    """Only ValueError may come out."""
    try:
        return parse_address(text)
    except ValueError:
        return None


@settings(deadline=None, max_examples=300)
@given(ANYTHING)
@example("=?a?b?c?=@x.y")
@example("a@b.c> SIZE=1")
def test_an_accepted_address_cannot_leave_its_place_in_a_command(text: str) -> None:
    wire = accepted(text)
    if wire is None:
        return
    local, _, domain = wire.rpartition("@")
    # RFC 5321 4.1.2 and RFC 6531 3.3, written down a second time.
    assert DOT_STRING.fullmatch(local)
    assert all(SUB_DOMAIN.fullmatch(label) and len(label) <= 63 for label in domain.split("."))
    assert len(local.encode()) <= 64
    assert len(wire.encode()) <= 254
    assert not any(unicodedata.category(character)[0] in "CZ" for character in wire)


@settings(deadline=None, max_examples=300)
@given(ANYTHING)
def test_a_parsed_address_parses_to_itself(text: str) -> None:
    wire = accepted(text)
    if wire is not None:
        assert parse_address(wire) == wire
        key = address_key(wire)
        assert address_key(key) == key


@settings(deadline=None, max_examples=150)
@given(
    words=st.lists(st.text("azAZ09+_-", min_size=1, max_size=20), min_size=1, max_size=3),
    labels=st.lists(st.text("az09", min_size=1, max_size=40), min_size=1, max_size=3),
    end=st.sampled_from(["com", "de", "example", "x--y", "museum2"]),
)
def test_every_ordinary_address_is_accepted_in_any_case(
    words: list[str], labels: list[str], end: str
) -> None:
    local, domain = ".".join(words), ".".join([*labels, end])
    assert parse_address(f" {local}@{domain.upper()} ") == f"{local}@{domain}"
