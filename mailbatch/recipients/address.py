"""Addresses: a text as the addr-spec that goes on the wire, or the reason for a refusal.

Every address of a user is parsed here: of a cell (module `plan`), an option, a suppression list.
Only an addr-spec is an address here (RFC 5321 4.1.2 `Local-part "@" Domain`, RFC 6531 3.3): no
display name, angle brackets, comment, group, route, address literal or list. A text with more or
less than an address is refused with a reason for people, never repaired. A parsed address holds no
control character, no white space, no `<`, no `>`, so that an address cannot leave its place in a
command. No name server is asked: the server knows whether a domain receives mail. The reserved
names (`example.com`, `*.test`, RFC 6761) are addresses like any other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

#: RFC 5321 4.5.3.1.1.
MAX_LOCAL_PART = 64
#: RFC 5321 4.5.3.1.3 allows a path 256 octets, of which the angle brackets take two.
MAX_ADDRESS = 254
#: RFC 1035 2.3.4.
MAX_LABEL = 63

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"  # RFC 5322 3.2.3

# Nearly every cell matches this one expression and is on the wire as it stands. It is possessive
# throughout, so that a hostile cell costs no more than its length, and leaves out `=` and `?`
# (encoded-words). Below 65 characters no limit on a part can be exceeded.
_is_plain = re.compile(
    r"(?:[A-Za-z0-9!#$%&'*+/^_`{|}~-]++\.?+)++(?<!\.)"
    r"@(?:[a-z0-9]++(?:-++[a-z0-9]++)*+\.)++[a-z]++"
).fullmatch
_PLAIN_LENGTH = 64

_is_needlessly_quoted = re.compile(rf'"([{_ATEXT}.]+)"(@[^"@]+)').fullmatch
_is_label = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?").fullmatch
# No set that excludes all beyond ASCII: re takes 4 ms to compile a million characters.
_outside_atext = re.compile(rf"(?![{_ATEXT}.])[\x00-\x7f]").search
_outside_host = re.compile(r"[^a-z0-9.-]").search
_encoded_word = re.compile(r"=\?.*\?.*\?=").search  # RFC 2047 2
_words = re.compile(r"[^\W\d_]+").findall

_BARE = "only the address itself may stand here: no display name, no < and >"
_COMMENT = "the address contains a comment in parentheses"
# Signs of more or other than an addr-spec, the clearest reason first.
_REFUSED = {
    "<": _BARE,
    ">": _BARE,
    '"': "an address with quotes is not supported",
    "(": _COMMENT,
    ")": _COMMENT,
    ",": "the address contains ',', but a cell holds one address",
    ";": "the address contains ';', but a cell holds one address",
    " ": "the address contains a space",
}

_WHITE_SPACE = " \t\r\n\v\f"
# Dots of other scripts that UTS 46 would quietly turn into a label separator.
_FOREIGN_DOTS = "\u3002\uff0e\uff61"
# Default-ignorable characters that are not of the category Cf (Unicode DerivedCoreProperties).
_IGNORABLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
# Scripts whose letters look alike; registries do not mix them within a label either.
_ALIKE = ("LATIN", "CYRILLIC", "GREEK")

# email-validator refuses a name that RFC 6761 reserves as the last label. Below this label the name
# is taken, and the label is cut off again.
_SHELTER = ".x"


def parse_address(text: str) -> str:
    """Return the addr-spec in `text` as it goes on the wire.

    Surrounding ASCII white space is dropped and the domain becomes lower-case A-labels (RFC 5890
    2.3.2.1); the spelling of the local part is kept. A local part beyond ASCII is
    returned in Unicode NFC (RFC 6532 3.1) and makes `needs_smtputf8` true.

    >>> parse_address(" Ann@Straße.Example ")
    'Ann@xn--strae-oqa.example'

    Raises:
        ValueError: `text` is no address; the message is a sentence for people.
    """
    if len(text) <= _PLAIN_LENGTH and _is_plain(text):
        return text
    text = text.strip(_WHITE_SPACE)
    quoted = _is_needlessly_quoted(text)
    if quoted:
        # RFC 5321 4.1.2: send the form that uses the least quoting.
        text = quoted[1] + quoted[2]
    if text.isascii():
        local, at, domain = text.rpartition("@")
        spec = local + at + domain.lower()
        if len(spec) <= _PLAIN_LENGTH and _is_plain(spec):
            return spec
    _refuse_other_than_addr_spec(text)
    local, _, domain = text.rpartition("@")
    spec = f"{_local_part(local)}@{_domain(domain)}"
    if len(spec.encode()) > MAX_ADDRESS:
        raise ValueError(f"the address is longer than {MAX_ADDRESS} octets")
    return spec


def are_plain(texts: Sequence[str]) -> bool:
    """Tell whether every text is on the wire as it stands; most blocks of a table are such.

    >>> are_plain(["ann@example.com", "bo@example.org"]), are_plain(["Ann@EXAMPLE.com"])
    (True, False)
    """
    return max(map(len, texts), default=0) <= _PLAIN_LENGTH and all(map(_is_plain, texts))


def is_address(text: str) -> bool:
    """Tell whether `parse_address` takes `text`."""
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def needs_smtputf8(spec: str) -> bool:
    """Tell whether only a server with SMTPUTF8 (RFC 6531) can take `spec`, a parsed address."""
    return not spec.isascii()


def _refuse_other_than_addr_spec(text: str) -> None:
    """Refuse a text that is no addr-spec whatever its two sides are, for the clearest reason."""
    if not text:
        raise ValueError("the address is empty")
    if len(text) > MAX_ADDRESS:
        raise ValueError(f"the address is longer than {MAX_ADDRESS} octets")
    for character in text:
        if not " " <= character <= "~":
            _refuse_odd_character(character)
    for character, reason in _REFUSED.items():
        if character in text:
            raise ValueError(reason)
    signs = text.count("@")
    if signs == 0:
        lookalike = next((sign for sign in "\uff20\ufe6b" if sign in text), None)
        if lookalike:
            raise ValueError(f"the address contains {_shown(lookalike)} in place of @")
        raise ValueError("the address has no @")
    if signs > 1:
        raise ValueError("the address has more than one @")


def _refuse_odd_character(character: str) -> None:
    """Refuse characters that people cannot see: controls, format and bidi characters, spaces."""
    category = unicodedata.category(character)
    if category == "Cc":
        raise ValueError(f"the address contains a control character ({_shown(character)})")
    if category == "Cf" or character in _IGNORABLE:
        raise ValueError(f"the address contains an invisible character ({_shown(character)})")
    if category[0] == "Z":
        raise ValueError(f"the address contains a space ({_shown(character)})")
    if category[0] == "C":
        raise ValueError(f"the address contains {_shown(character)}, which is no character")


def _local_part(local: str) -> str:
    if not local:
        raise ValueError("nothing stands before the @")
    if not local.isascii():
        _refuse_lookalikes(local, "before")
        local = unicodedata.normalize("NFC", local)
    if len(local.encode()) > MAX_LOCAL_PART:
        raise ValueError(f"the part before the @ is longer than {MAX_LOCAL_PART} octets")
    foreign = _outside_atext(local)
    if foreign:
        raise ValueError(f"{_shown(foreign[0])} may not stand before the @")
    _refuse_misplaced_dots(local, "before")
    if _encoded_word(local):
        raise ValueError("the part before the @ is an encoded-word")
    return local


def _domain(domain: str) -> str:
    """Return the domain as lower-case A-labels."""
    if not domain:
        raise ValueError("nothing stands after the @")
    if domain.startswith("["):
        raise ValueError("an IP address in place of the domain is not supported")
    _refuse_misplaced_dots(domain, "after")
    name = domain.lower() if domain.isascii() else _a_labels(domain)
    foreign = _outside_host(name)
    if foreign:
        raise ValueError(f"{_shown(foreign[0])} may not stand after the @")
    labels = name.split(".")
    for label in labels:
        if not _is_label(label):
            raise ValueError("the part after the @ has a hyphen beside a dot or at its end")
        if len(label) > MAX_LABEL:
            raise ValueError(f"{label[:20] + '…'!r} after the @ is longer than {MAX_LABEL} octets")
    if len(labels) == 1 and name != "localhost":
        raise ValueError(f"the part after the @ has no dot: {name!r}")
    if labels[-1].isdigit():
        # RFC 3696 2: no top-level domain is all digits; an IP address without brackets is meant.
        raise ValueError("the part after the @ ends in a number")
    return name


@lru_cache(maxsize=1024)  # 0.2 ms each, and the addresses of one list share their domains
def _a_labels(domain: str) -> str:
    """Return a domain beyond ASCII as A-labels, by the rules of IDNA 2008 (RFC 5891, 5893)."""
    from email_validator import EmailNotValidError, validate_email

    for dot in _FOREIGN_DOTS:
        if dot in domain:
            raise ValueError(f"the address contains {_shown(dot)} in place of a dot")
    _refuse_lookalikes(domain, "after")
    try:
        valid = validate_email(
            f"x@{domain}{_SHELTER}", check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError as error:
        text = str(error).rstrip(".")
        raise ValueError(text[:1].lower() + text[1:]) from None
    return valid.ascii_domain.removesuffix(_SHELTER)


def _refuse_misplaced_dots(part: str, side: str) -> None:
    if part.startswith(".") or part.endswith(".") or ".." in part:
        raise ValueError(f"the part {side} the @ has a dot at its start, its end, or two in a row")


def _refuse_lookalikes(part: str, side: str) -> None:
    """Refuse characters that would change under way, or look like another (UTS 39 3.3, 5.2)."""
    if unicodedata.category(part[0])[0] == "M":
        raise ValueError(f"the part {side} the @ begins with a combining character")
    for character in part:
        same = unicodedata.normalize("NFC", character)
        plain = unicodedata.normalize("NFKC", character)
        if plain != same or plain.isascii() != character.isascii():
            raise ValueError(f"the address contains {_shown(character)} in place of {plain!r}")
    for word in _words(part):
        names = (unicodedata.name(character, "") for character in word)
        scripts = {name.partition(" ")[0] for name in names}.intersection(_ALIKE)
        if len(scripts) > 1:
            mixed = " and ".join(sorted(script.capitalize() for script in scripts))
            raise ValueError(f"{word!r} mixes {mixed} letters")


def _shown(character: str) -> str:
    """Name a character such that an editor finds the name and a terminal does not act on it."""
    if " " < character <= "~":
        return repr(character)
    name = unicodedata.name(character, "")
    code = f"U+{ord(character):04X}"
    return f"{code} {name}" if name else code
