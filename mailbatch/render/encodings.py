"""Content transfer encodings (RFC 2045 section 6): lines that SMTP carries unharmed.

The encoded lines of any input end in CRLF, with no other CR or LF, and no line has more than 998
bytes (RFC 5321 4.5.3.1.6). Nothing here knows headers or multiparts, and nothing is ever lost:
decoding gives a text back with CRLF as line ends, and bytes exactly.
"""

from __future__ import annotations

import binascii
import re
import struct

#: The longest line of a message in bytes, without CRLF (RFC 5322 2.1.1).
LONGEST_LINE = 998

_CRLF = b"\r\n"
# Characters in a line of base64 (RFC 2045 6.8), which are 57 bytes; and a block of such lines.
_LINE = 76
_BLOCK_LINES = 64
_LINES = struct.Struct(f"{_LINE}s" * _BLOCK_LINES)
_LINES_BYTES = _LINE // 4 * 3 * _BLOCK_LINES

# The bytes that quoted-printable keeps: printable ASCII but "=", TAB, and the line feed between
# lines.
_LITERAL = bytes(code for code in range(32, 127) if code != ord("=")) + b"\t\n"

# The mark of a message in the file format mbox: a delivery there writes ">From " in its place
# (RFC 4155), which shows, and breaks a signature.
_FROM = b"From "
_FROM_LINE = re.compile(rb"^From (.*)$", re.MULTILINE)
_LONGEST_QUOTED_LINE = 76  # RFC 2045 6.7 (5)

# b2a_qp lets an encoded space at the end of a line exceed the 76 characters (RFC 2045 6.7 (5)).
_OVERLONG = re.compile(rb"^(.{74,75})(=(?:20|09))$", re.MULTILINE)


def encode_text(text: str, *, eight_bit: bool, marker: bytes) -> tuple[str, bytes]:
    """Encode the text of a part; return the encoding's name and the lines.

    7bit where the lines fit, 8bit where `eight_bit` allows that too, else the shorter one of
    quoted-printable and base64. Text that holds `marker`, the common beginning of the message's
    boundaries, or a line that begins with "From ", never goes unencoded.

    Raises:
        UnicodeEncodeError: `text` holds half a surrogate pair.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode()
    plain = len(data) == len(text)
    fits = marker not in data and b"\0" not in data and _lines_fit(data)
    fits = fits and b"\nFrom " not in data and not data.startswith(_FROM)
    if fits and (plain or eight_bit):
        return ("7bit" if plain else "8bit"), data.replace(b"\n", b"\r\n")
    return _shorter(data)


def _lines_fit(data: bytes) -> bool:
    """Tell whether no line is longer than a message may have."""
    start = 0
    while len(data) - start > LONGEST_LINE:
        # All lines up to the last line feed in this window are shorter than the window.
        start = data.rfind(b"\n", start, start + LONGEST_LINE + 1) + 1
        if not start:
            return False
    return True


def _shorter(data: bytes) -> tuple[str, bytes]:
    """Encode text with bare line feeds as quoted-printable or base64, whichever is shorter."""
    # Lines of text in base64 end in CRLF, too (RFC 2045 6.8).
    source = data.replace(b"\n", b"\r\n")
    size = base64_size(len(source))
    at_least = len(source) + 2 * len(data.translate(None, _LITERAL))
    if at_least <= size:
        # b2a_qp writes all line ends like the first one of the text: so there is one kind only.
        quoted = _OVERLONG.sub(rb"\1=\n\2", binascii.b2a_qp(data))
        if _FROM in quoted:
            quoted = _FROM_LINE.sub(_hidden_from, quoted)
        quoted = quoted.replace(b"\n", b"\r\n")
        if len(quoted) <= size:
            return "quoted-printable", quoted
    return "base64", encode_base64(source)


def _hidden_from(line: re.Match[bytes]) -> bytes:
    """Spell the F of a line of quoted-printable that begins with "From " as an escape."""
    hidden = b"=46rom " + line[1]
    if len(hidden) <= _LONGEST_QUOTED_LINE:
        return hidden
    end = _LONGEST_QUOTED_LINE - 1
    while b"=" in hidden[end - 2 : end]:  # never inside an escape
        end -= 1
    return hidden[:end] + b"=\n" + hidden[end:]


def encode_base64(data: bytes) -> bytes:
    """Encode bytes as base64 in lines of 76 characters, without a last CRLF."""
    # Many lines at once are cut by one call each: half the time of `base64.encodebytes`.
    whole = len(data) - len(data) % _LINES_BYTES
    lines = [
        _CRLF.join(_LINES.unpack(binascii.b2a_base64(data[at : at + _LINES_BYTES], newline=False)))
        for at in range(0, whole, _LINES_BYTES)
    ]
    rest = binascii.b2a_base64(data[whole:], newline=False)
    lines += [rest[at : at + _LINE] for at in range(0, len(rest), _LINE)]
    return _CRLF.join(lines)


def base64_size(size: int) -> int:
    """Return the length of `encode_base64` for so many bytes."""
    characters = (size + 2) // 3 * 4
    return characters + 2 * max(0, (characters - 1) // 76)
