"""Dovecot as a reader: what mail programs get from an IMAP server."""

from __future__ import annotations

import email
import itertools
from collections.abc import Iterator, Sequence
from email.header import decode_header, make_header
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path
from typing import Any

from tests.readers.imap import fetched
from tests.readers.letters import Letter
from tests.readers.programs import Reader
from tests.readers.reading import File, Reading

_NOBODY = 65534


class Dovecot(Reader):
    """Dovecot's imap, for one mailbox and without a login: envelope, structure, decoded parts."""

    name = "Dovecot"
    package = "dovecot-core"
    path = "usr/lib/dovecot/imap"
    script = rf"""
cat >"$1/dovecot.conf" <<END
base_dir = $1/run
state_dir = $1/run
log_path = /dev/stderr
mail_location = maildir:$1/mail
ssl = no
stats_writer_socket_path =
namespace inbox {{
  inbox = yes
}}
END
chown -R {_NOBODY}:{_NOBODY} "$1/mail"
imap() {{
  USER=reader setpriv --reuid {_NOBODY} --regid {_NOBODY} --clear-groups \
    /usr/lib/dovecot/imap -c "$1/dovecot.conf"
}}
cat "$1/commands" | imap "$1" >"$1/shown"
"""

    def prepare(self, folder: Path, letters: Sequence[Letter]) -> None:
        commands = ["a SELECT INBOX"]
        for number, letter in enumerate(letters, start=1):
            places = _places_of_leaves(email.message_from_bytes(letter.data))
            parts = " ".join(f"BINARY.PEEK[{place}]" for place in places)
            commands.append(f"b{number} FETCH {number} (ENVELOPE BODYSTRUCTURE {parts})")
        text = "".join(f"{command}\r\n" for command in [*commands, "c LOGOUT"])
        (folder / "commands").write_text(text, encoding="ascii")

    def readings(self, folder: Path, count: int) -> list[Reading]:
        items = dict(fetched((folder / "shown").read_bytes()))
        return [_fetched(items[number]) for number in range(1, count + 1)]


def _places_of_leaves(message: Message, place: str = "") -> Iterator[str]:
    if not message.is_multipart():
        yield place or "1"
        return
    for number, part in enumerate(message.get_payload(), start=1):
        assert isinstance(part, Message)
        yield from _places_of_leaves(part, f"{place}.{number}" if place else str(number))


def _fetched(items: dict[str, Any]) -> Reading:
    _, subject, sender, _, _, to, *_ = items["ENVELOPE"]
    texts: dict[bytes, str] = {}
    files = []
    for place, leaf in _described(items["BODYSTRUCTURE"]):
        kind, subtype, parameters, *_ = leaf
        data = items[f"BINARY[{place}]"]
        disposition = leaf[9 if kind == b"text" else 8]
        if disposition is None:
            texts[subtype] = data.decode("utf-8").replace("\r\n", "\n")
            continue
        known = _parameters(parameters)
        files.append(
            File(
                _parameters(disposition[1])["filename"],
                data,
                f"{kind.decode()}/{subtype.decode()}",
                known.get("charset"),
                known.get("method"),
            )
        )
    return Reading(
        _words(subject),
        _mailboxes(sender),
        _mailboxes(to),
        texts[b"plain"],
        texts.get(b"html"),
        tuple(files),
    )


def _described(structure: list[Any], place: str = "") -> Iterator[tuple[str, list[Any]]]:
    if not isinstance(structure[0], list):
        yield place or "1", structure
        return
    kinds = itertools.takewhile(lambda child: isinstance(child, list), structure)
    for number, child in enumerate(kinds, start=1):
        yield from _described(child, f"{place}.{number}" if place else str(number))


def _parameters(listed: list[bytes] | None) -> dict[str, str]:
    """Return the parameters of a type or a disposition, put together and decoded (RFC 2231)."""
    pairs = [word.decode("ascii") for word in listed or ()]
    message = Message()
    message["Content-Type"] = "x/x" + "".join(
        f'; {name}="{value}"' if not name.endswith("*") else f"; {name}={value}"
        for name, value in zip(pairs[::2], pairs[1::2], strict=True)
    )
    return {name: collapse_rfc2231_value(value) for name, value in message.get_params()[1:]}


def _words(text: bytes | None) -> str:
    return str(make_header(decode_header((text or b"").decode("ascii"))))


def _mailboxes(listed: list[Any] | None) -> str:
    """Return addresses as text; a group begins with a name alone, and ends with nothing."""
    shown, members = [], None
    for name, _, mailbox, host in listed or ():
        if host is None and mailbox is not None:
            members, group = [], _words(mailbox)
        elif host is None:
            shown.append(f"{group}: {', '.join(members)};")
            members = None
        else:
            address = f"{mailbox.decode()}@{host.decode()}"
            one = f"{_words(name)} <{address}>" if name else address
            (shown if members is None else members).append(one)
    return ", ".join(shown)
