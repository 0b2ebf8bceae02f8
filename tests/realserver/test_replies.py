"""What each real server says, word for word, on a raw socket: `observed.json` has it."""

from __future__ import annotations

import re

import pytest

from tests.support.observed import plain
from tests.support.raw_client import RawClient
from tests.support.try_server import SERVERS
from tests.support.waiting import until

pytestmark = pytest.mark.realserver

CONTENT = (
    "From: news@example.com\r\nMessage-ID: <{}@example.com>\r\nSubject: x\r\n\r\nhello\r\n.\r\n"
)
#: Where the reply to the end of data has the server's own id of the message, if it has.
IDENTIFIER = {
    "Exim": r"OK id=(\S+)",
    "OpenSMTPD": r"2\.0\.0 ([0-9a-f]{8}) Message accepted",
    "sendmail": r"2\.0\.0 (\w{14}) Message accepted",
    "Haraka": r"Message Queued \(([\w.-]+)\)",
    "Postfix": r"queued as (\w+)",
}
#: More than any of them takes.
TOO_MANY_OCTETS = 99_999_999


def spooled(speaker):
    """What lies in its spool; nothing for Postfix, whose messages go on at once."""
    return [] if speaker.name == "Postfix" else speaker.spooled()


@pytest.fixture(params=[*SERVERS, "postfix"])
def speaker(request, real_server):
    """Each of the servers, Postfix among them."""
    if request.param == "postfix":
        return request.getfixturevalue("postfix_server")
    return real_server(request.param)


def test_what_it_announces(speaker, observed):
    with RawClient(speaker.port) as client:
        greeting = client.reply()
        (extensions,) = client.ask("EHLO client.example\r\n")
        client.end()
    words = [line[4:] for line in extensions.splitlines()[1:]]
    observed.check(
        speaker,
        greeting=plain(speaker, greeting),
        announces=[word for word in words if word != "HELP"],
    )


def test_what_it_answers_to_a_transaction(speaker, observed):
    """Its words for what is right, and its id of the message."""
    with RawClient(speaker.port) as client:
        client.greet()
        said = {
            "MAIL": client.ask("MAIL FROM:<news@example.org>\r\n")[0],
            "RCPT": client.ask("RCPT TO:<replies@example.net>\r\n")[0],
            "RCPT_refused": client.ask(f"RCPT TO:<{speaker.refused(1)}>\r\n")[0],
            "DATA": client.ask("DATA\r\n")[0],
            "end_of_data": client.ask(CONTENT.format("replies"))[0],
            "RSET": client.ask("RSET\r\n")[0],
            "QUIT": client.ask("QUIT\r\n")[0],
        }
    found = re.search(IDENTIFIER.get(speaker.name, "$^"), said["end_of_data"])
    identifier = "" if found is None else found[1]
    assert bool(identifier) is speaker.tells_identifiers
    if speaker.name == "Postfix":
        until(lambda: f"{identifier}: from=" in speaker.log, what="Postfix's log")
    elif identifier:
        assert identifier in {one.identifier for one in speaker.spooled()}
    observed.check(
        speaker, **{name: plain(speaker, text, identifier) for name, text in said.items()}
    )


@pytest.mark.parametrize(("people", "width"), [(700, 56), (900, 120), (1200, 40)])
def test_what_it_does_with_a_long_header(speaker, observed, people, width):
    """A To field with a line for each of a group; what is behind it arrives, or is refused."""
    names = ",\r\n ".join(f"<{number}@example.net>".rjust(width) for number in range(people))
    name = f"long-{people}"
    content = f"To: {names}\r\n{CONTENT.format(name)}"
    before = {one.identifier for one in spooled(speaker)}
    with RawClient(speaker.port, seconds=20) as client:
        client.greet()
        for command in ("MAIL FROM:<news@example.org>", "RCPT TO:<long@example.net>", "DATA"):
            assert client.ask(f"{command}\r\n")[0][0] in "23"
        reply = client.ask(content)[0]
        client.end()
    found = [one.message_id for one in spooled(speaker) if one.identifier not in before]
    identifier = re.search(IDENTIFIER.get(speaker.name, "$^"), reply)
    seen = plain(speaker, reply, "" if identifier is None else identifier[1])
    if reply.startswith("250") and found and speaker.name != "chasquid":
        seen += "" if found == [f"{name}@example.com"] else " / (the fields behind it are lost)"
    kilobytes = len(content) // 1000
    observed.check(speaker, **{f"header: {people} lines, {kilobytes} kB": seen})


def test_what_it_answers_to_what_is_wrong(speaker, observed):
    with RawClient(speaker.port) as client:
        client.greet()
        too_large = client.ask(f"MAIL FROM:<news@example.org> SIZE={TOO_MANY_OCTETS}\r\n")[0]
        client.end()
    with RawClient(speaker.port) as client:
        client.greet()
        client.ask("MAIL FROM:<news@example.org>\r\n")
        client.ask(f"RCPT TO:<{speaker.refused(1)}>\r\n")
        for_nobody = client.ask("DATA\r\n")[0]
        client.end()
    observed.check(
        speaker,
        MAIL_beyond_SIZE=plain(speaker, too_large),
        DATA_for_nobody=plain(speaker, for_nobody),
    )
