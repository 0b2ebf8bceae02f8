r"""Commands: the bytes of each, and the rules of the protocol for each verb.

The rules stand in one table. No constructor lets a control character, a second address or an
unwanted parameter into a line: a wrong argument is a `LocalProtocolError`.
RFC 5321 4.1.1, RFC 2920 (groups), RFC 3030 (BDAT), RFC 1870, 6152, 6531 (parameters of MAIL),
RFC 3461 (parameters of MAIL and RCPT).

    >>> mail("a@example.com", size=2048)
    b'MAIL FROM:<a@example.com> SIZE=2048\r\n'
    >>> rcpts(("b@example.org", "c@example.net"))
    b'RCPT TO:<b@example.org>\r\nRCPT TO:<c@example.net>\r\n'
    >>> bdat(86)
    b'BDAT 86 LAST\r\n'
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mailbatch.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence


class Deadline(StrEnum):
    """The time-out of the job that bounds the wait for a reply (RFC 5321 4.5.3.2)."""

    CONNECT = "connect"
    COMMAND = "command"
    DATA = "data"
    END_OF_DATA = "end_of_data"


class Verb(StrEnum):
    """The command that a reply is owed for; the value is the name in error texts."""

    GREETING = "the connection"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    AUTH_CANCEL = "the cancelled AUTH"
    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    END_OF_DATA = "end of data"
    BDAT = "BDAT"  # the whole content, in place of DATA and the end of data
    LONE_DOT = "the lone dot"  # ends a DATA whose content is for no recipient
    RSET = "RSET"
    CLEAR = "RSET after a refusal"  # sent by the engine itself
    CLEAR_BDAT = "RSET after a refused BDAT"  # likewise
    NOOP = "NOOP"
    QUIT = "QUIT"

    @property
    def in_reply_to(self) -> str:
        """The phrase for error texts, as in "in reply to RCPT TO"."""
        return f"in reply to {self.value}"


class Facts(NamedTuple):
    """The rules of the protocol for one verb.

    `ends_group`: no command may follow before the reply has come (RFC 2920 3.1).
    `positive`: the 2yz and 3yz codes of a right reply (RFC 5321 4.3.2); any 4yz and 5yz is one.
    """

    ends_group: bool
    deadline: Deadline
    positive: Container[int]


_ANY_2YZ = range(200, 300)  # RFC 5321 4.3.2: unknown codes go by their first digit
_COMMAND = Deadline.COMMAND

FACTS: Mapping[Verb, Facts] = {
    Verb.GREETING: Facts(ends_group=True, deadline=Deadline.CONNECT, positive={220}),  # 5321 3.1
    Verb.EHLO: Facts(ends_group=True, deadline=_COMMAND, positive={250}),
    # Extensions end a group unless their RFC says otherwise (RFC 2920 3.1, RFC 3207 4.1).
    Verb.STARTTLS: Facts(ends_group=True, deadline=_COMMAND, positive={220}),
    Verb.AUTH: Facts(ends_group=True, deadline=_COMMAND, positive={235, 334}),  # RFC 4954 4
    Verb.AUTH_CANCEL: Facts(ends_group=True, deadline=_COMMAND, positive=()),
    Verb.MAIL: Facts(ends_group=False, deadline=_COMMAND, positive=_ANY_2YZ),
    Verb.RCPT: Facts(ends_group=False, deadline=_COMMAND, positive=_ANY_2YZ),
    Verb.DATA: Facts(ends_group=True, deadline=Deadline.DATA, positive={354}),
    # RFC 2920 lets MAIL follow the final dot; the provider forbids it, so it never does.
    Verb.END_OF_DATA: Facts(ends_group=True, deadline=Deadline.END_OF_DATA, positive=_ANY_2YZ),
    # Likewise. Its reply is owed for the content, so it has the time of an end of data.
    Verb.BDAT: Facts(ends_group=True, deadline=Deadline.END_OF_DATA, positive=_ANY_2YZ),
    Verb.LONE_DOT: Facts(ends_group=True, deadline=Deadline.END_OF_DATA, positive=_ANY_2YZ),
    Verb.RSET: Facts(ends_group=False, deadline=_COMMAND, positive=_ANY_2YZ),
    Verb.CLEAR: Facts(ends_group=False, deadline=_COMMAND, positive=_ANY_2YZ),
    # RFC 3030 2: behind a refused BDAT the state is indeterminate. Nothing may follow before it is
    # certain that the server has not taken the content for commands.
    Verb.CLEAR_BDAT: Facts(ends_group=True, deadline=_COMMAND, positive=_ANY_2YZ),
    Verb.NOOP: Facts(ends_group=True, deadline=_COMMAND, positive=_ANY_2YZ),
    Verb.QUIT: Facts(ends_group=True, deadline=_COMMAND, positive=_ANY_2YZ),
}

#: Bytes in a command line, its CRLF included (RFC 5321 4.5.3.1.4).
MAX_COMMAND = 512
# How much longer each parameter lets MAIL be: RFC 1870 3, RFC 6152 2, RFC 6531 3.1.
_SIZE_ROOM, _BODY_ROOM, _SMTPUTF8_ROOM = 26, 17, 10
# The most characters of the values of ENVID and of ORCPT (RFC 3461 4.4, 4.2).
_LONGEST_ENVELOPE_ID, _LONGEST_ORCPT = 100, 500
#: Bytes in an AUTH continuation line, its CRLF included (RFC 4954 4).
MAX_AUTH_LINE = 12288

STARTTLS = b"STARTTLS\r\n"
AUTH_CANCEL = b"*\r\n"  # RFC 4954 4
DATA = b"DATA\r\n"
END_OF_DATA = b".\r\n"
RSET = b"RSET\r\n"
NOOP = b"NOOP\r\n"
QUIT = b"QUIT\r\n"

_RCPT_HEAD, _RCPT_NEXT, _PATH_END = "RCPT TO:<", ">\r\nRCPT TO:<", ">\r\n"
_PATH_ROOM = MAX_COMMAND - len(_RCPT_HEAD) - len(_PATH_END)

# Addresses of these characters only need no closer look.
_PLAIN = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~@\[\]:-]+")
# Characters with a meaning in a path or in a quoted local part, and controls.
_SPECIAL = re.compile(r'[\x00-\x20\x7f<>"\\]')
_QUOTED_PATH = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"@[^\x00-\x20\x7f<>"\\@]+')
# Without a character that xtext writes as +HH: servers return some undecoded.
_ENVELOPE_ID = re.compile(rf"[A-Za-z0-9-]{{1,{_LONGEST_ENVELOPE_ID}}}")
_XTEXT = re.compile(r"[!-*,-<>-~]*")  # RFC 3461 4: all of printable ASCII but "+" and "="
_QCHAR = re.compile(r"[!-*,-<>-\[\]-~]")  # RFC 6533 3: not the backslash, either
_HELLO_NAME = re.compile(r"[\x21-\x7e]{1,255}")


def ehlo(local_name: str) -> bytes:
    """Write EHLO with our domain or address literal.

    Raises:
        LocalProtocolError: the name is not printable ASCII without spaces (injection through the
            client's own name is a known hole of other senders).
    """
    if _HELLO_NAME.fullmatch(local_name) is None:
        raise LocalProtocolError(f"{local_name!r} cannot be said in EHLO")
    return b"EHLO %s\r\n" % local_name.encode("ascii")


def mail(
    reverse_path: str,
    *,
    size: int | None = None,
    eight_bit: bool = False,
    smtputf8: bool = False,
    envelope_id: str | None = None,
) -> bytes:
    """Write MAIL FROM with the parameters asked for; `reverse_path` may be empty.

    `size` is in bytes, before dots are stuffed. With an `envelope_id`, notifications bring the id
    back, and no more of the message than the header fields (RFC 3461 4.3, 4.4).

    Raises:
        LocalProtocolError: the address cannot be written in a command, or the line is too long.
    """
    line = f"MAIL FROM:<{reverse_path}>"
    room = MAX_COMMAND
    if size is not None:
        line += f" SIZE={size}"
        room += _SIZE_ROOM
    if eight_bit:
        line += " BODY=8BITMIME"
        room += _BODY_ROOM
    if smtputf8:
        line += " SMTPUTF8"
        room += _SMTPUTF8_ROOM
    if envelope_id is not None:
        if _ENVELOPE_ID.fullmatch(envelope_id) is None:
            raise LocalProtocolError(f"{envelope_id!r} cannot be an envelope id")
        wish = f" RET=HDRS ENVID={envelope_id}"
        line += wish
        room += len(wish)
    if reverse_path:
        _check_path(reverse_path, smtputf8=smtputf8)
    encoded = f"{line}\r\n".encode()
    if len(encoded) > room:
        raise LocalProtocolError(f"the command for {reverse_path!r} is longer than {room} bytes")
    return encoded


def rcpts(
    forward_paths: Sequence[str], *, smtputf8: bool = False, notify: Sequence[str] = ()
) -> bytes:
    r"""Write RCPT TO for each address, as one piece of bytes.

    `notify` are the words of NOTIFY (RFC 3461 4.1), in any case; none asks for nothing.

    Raises:
        LocalProtocolError: an address cannot be written in a command, or makes a line too long.

    Example:
        >>> rcpts(("b+1@example.org",), notify=("failure", "delay"))
        b'RCPT TO:<b+1@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2B1@example.org\r\n'
    """
    _check_paths(forward_paths, smtputf8=smtputf8)
    if notify:
        wish = f"> NOTIFY={','.join(notify).upper()}"
        lines = [f"{_RCPT_HEAD}{path}{wish}{_original_recipient(path)}" for path in forward_paths]
        return "".join(lines).encode()
    return (_RCPT_HEAD + _RCPT_NEXT.join(forward_paths) + _PATH_END).encode()


def _original_recipient(path: str) -> str:
    """Return the ORCPT parameter of an address with the line's end; no parameter where too long.

    The address type is rfc822 (RFC 3461 4.2), beyond ASCII utf-8 in the form that every server may
    be told (RFC 6533 3).
    """
    if path.isascii():
        if _XTEXT.fullmatch(path) is None:
            path = "".join([c if _XTEXT.fullmatch(c) else f"+{ord(c):02X}" for c in path])
        value = f"rfc822;{path}"
    else:
        value = "utf-8;" + "".join(
            [c if _QCHAR.fullmatch(c) else f"\\x{{{ord(c):02X}}}" for c in path]
        )
    return f" ORCPT={value}\r\n" if len(value) <= _LONGEST_ORCPT else "\r\n"


def bdat(size: int) -> bytes:
    """Write BDAT for a whole content of `size` bytes (RFC 3030 2)."""
    return b"BDAT %d LAST\r\n" % size


def auth(mechanism: str, initial_response: bytes | None = None) -> bytes:
    """Write AUTH, with a base64 initial response if one is given (RFC 4954 4)."""
    if initial_response is None:
        return b"AUTH %s\r\n" % mechanism.encode("ascii")
    # RFC 4954 4: an initial response of no bytes is written "=".
    return b"AUTH %s %s\r\n" % (mechanism.encode("ascii"), initial_response or b"=")


def _check_paths(paths: Sequence[str], *, smtputf8: bool) -> None:
    """Refuse addresses that would end the path, the line, or be no ASCII without SMTPUTF8."""
    joined = "".join(paths)
    plain = _PLAIN.fullmatch(joined) is not None and all(paths)
    if not plain or (len(joined) > _PATH_ROOM and max(map(len, paths)) > _PATH_ROOM):
        for path in paths:
            _check_path(path, smtputf8=smtputf8)


@lru_cache(maxsize=16)
def _check_path(path: str, *, smtputf8: bool) -> None:
    if len(path.encode("utf-8", "surrogatepass")) > _PATH_ROOM:
        raise LocalProtocolError(f"the command for {path!r} is longer than {MAX_COMMAND} bytes")
    # Not printable: the C1 controls, U+2028 and U+2029, which only SMTPUTF8 could carry.
    if not path.isascii() and not (smtputf8 and path.isprintable()):
        raise LocalProtocolError(f"{path!r} cannot be written in a command without SMTPUTF8")
    if not path or (_SPECIAL.search(path) and _QUOTED_PATH.fullmatch(path) is None):
        raise LocalProtocolError(f"{path!r} cannot be written in a command")
