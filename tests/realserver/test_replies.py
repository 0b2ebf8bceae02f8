"""What each real server says, word for word, on a raw socket: `observed.json` has it."""

from __future__ import annotations

import pytest

from tests.realserver.observed import plain
from tests.support.raw_client import RawClient
from tests.support.real_server import MOST_OCTETS

pytestmark = pytest.mark.realserver

CONTENT = (
    "From: news@example.com\r\nMessage-ID: <{}@example.com>\r\nSubject: x\r\n\r\nhello\r\n.\r\n"
)


def test_what_it_announces(server, observed):
    with RawClient(server.port) as client:
        greeting = client.reply()
        (extensions,) = client.ask("EHLO client.example\r\n")
        client.end()
    words = [line[4:] for line in extensions.splitlines()[1:]]
    observed.check(
        server,
        greeting=plain(server, greeting),
        announces=[word for word in words if word != "HELP"],
    )


def test_what_it_answers_to_a_transaction(server, observed):
    """Its words for what is right, and its id of the message."""
    before = {one.identifier for one in server.spooled()}
    with RawClient(server.port) as client:
        client.greet()
        said = {
            "MAIL": client.ask("MAIL FROM:<news@example.org>\r\n")[0],
            "RCPT": client.ask("RCPT TO:<replies@example.net>\r\n")[0],
            "RCPT_refused": client.ask(f"RCPT TO:<{server.refused(1)}>\r\n")[0],
            "DATA": client.ask("DATA\r\n")[0],
            "end_of_data": client.ask(CONTENT.format("replies"))[0],
            "RSET": client.ask("RSET\r\n")[0],
            "QUIT": client.ask("QUIT\r\n")[0],
        }
    (message,) = [one for one in server.spooled() if one.identifier not in before]
    assert message.recipients == ("replies@example.net",)
    assert (message.identifier in said["end_of_data"]) is server.tells_identifiers
    observed.check(
        server, **{name: plain(server, text, message.identifier) for name, text in said.items()}
    )


def test_what_it_answers_to_what_is_wrong(server, observed):
    with RawClient(server.port) as client:
        client.greet()
        too_large = client.ask(f"MAIL FROM:<news@example.org> SIZE={MOST_OCTETS + 1}\r\n")[0]
        client.end()
    with RawClient(server.port) as client:
        client.greet()
        client.ask("MAIL FROM:<news@example.org>\r\n")
        client.ask(f"RCPT TO:<{server.refused(1)}>\r\n")
        for_nobody = client.ask("DATA\r\n")[0]
        client.end()
    observed.check(
        server,
        MAIL_beyond_SIZE=plain(server, too_large),
        DATA_for_nobody=plain(server, for_nobody),
    )
