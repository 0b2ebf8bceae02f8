"""Servers with limits and late greetings: what is over a limit is nobody's outcome."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from tests.session.tap import Tap
from tests.support import exim, sendmail
from tests.support.observed import plain
from tests.support.raw_client import CONTENT, GROUP, RawClient, deliver
from tests.support.waiting import until

pytestmark = pytest.mark.realserver


def begin(client):
    client.greet()
    assert client.ask("MAIL FROM:<news@example.org>\r\n")[0].startswith("250")


def first_refusal(client, commands):
    """Say one command after the other; return the number and the first reply that is no 2yz."""
    for number, command in enumerate(commands, 1):
        (reply,) = client.ask(command)
        if not reply.startswith("2"):
            return number, reply
    raise AssertionError("nothing was refused")


def recipients():
    return (f"RCPT TO:<limit{number}@example.net>\r\n" for number in itertools.count(1))


@pytest.mark.parametrize(
    ("name", "listener", "most"),
    [
        ("exim", "limited", exim.MOST_RECIPIENTS),
        ("sendmail", "limited", sendmail.MOST_RECIPIENTS),
        ("chasquid", "plain", 100),
    ],
)
def test_what_too_many_recipients_are_told(real_server, observed, name, listener, most):
    server = real_server(name)
    with RawClient(server.ports[listener]) as client:
        begin(client)
        number, reply = first_refusal(client, recipients())
        client.end()
    # chasquid takes one more than it says.
    assert number == most + (2 if name == "chasquid" else 1)
    observed.check(server, **{f"limit: RCPT {number} of a message": plain(server, reply)})


def test_what_too_many_messages_are_told(real_server, observed):
    server = real_server("opensmtpd")
    with RawClient(server.port) as client:
        client.greet()
        for _ in range(100):  # it does not announce PIPELINING
            for command in GROUP.splitlines(keepends=True):
                assert client.ask(command)[0][0] in "23"
            assert client.ask(CONTENT + b".\r\n")[0].startswith("250")
        (reply,) = client.ask("MAIL FROM:<news@example.org>\r\n")
        client.end()
    assert reply.startswith("452")
    observed.check(server, **{"limit: MAIL 101 of a session": plain(server, reply)})


def test_what_too_many_messages_are_told_by_exim(real_server, observed):
    server = real_server("exim")
    with RawClient(server.ports["limited"]) as client:
        client.greet()
        for _ in range(exim.MOST_MESSAGES):
            deliver(client)
        reply = client.ask("MAIL FROM:<news@example.org>\r\n")[0]
    observed.check(
        server, **{f"limit: MAIL {exim.MOST_MESSAGES + 1} of a session": plain(server, reply)}
    )


@pytest.mark.parametrize(("name", "most"), [("exim", exim.MOST_CONNECTIONS), ("smtp-server", 2)])
def test_what_one_client_too_many_is_told(real_server, observed, name, most):
    server = real_server(name)
    said = []

    def only_the_last_is_refused():
        with contextlib.ExitStack() as stack:
            port = server.ports["limited"]
            clients = [stack.enter_context(RawClient(port)) for _ in range(most + 1)]
            said[:] = [client.reply() for client in clients]
            for client in clients:
                client.end()
        return [reply[:3] for reply in said] == [*["220"] * most, "421"]

    # A connection of a test before may not yet have ended on the server's side.
    until(only_the_last_is_refused, what="a server without connections")
    observed.check(server, **{f"limit: connection {most + 1} at a time": plain(server, said[-1])})


def test_what_exim_says_to_many_resets(real_server, observed):
    server = real_server("exim")
    with RawClient(server.port) as client:
        begin(client)
        number, reply = first_refusal(client, itertools.repeat("RSET\r\n"))
    observed.check(server, **{f"limit: RSET {number} of a session": plain(server, reply)})


def test_what_chasquid_says_to_the_third_error(real_server, observed):
    """Each error counts, also DATA that has nobody to go to."""
    server = real_server("chasquid")
    with RawClient(server.port) as client:
        begin(client)
        refused = [f"RCPT TO:<{server.refused(number)}>\r\n" for number in (1, 2)]
        replies = [client.ask(command)[0] for command in [*refused, "DATA\r\n"]]
    assert [reply[:3] for reply in replies] == ["550", "550", "421"]
    observed.check(server, **{"limit: error 3 of a session": plain(server, replies[-1])})


def test_whom_chasquid_does_not_relay_to(real_server, mailing_to, observed):
    """Its 503 to RCPT is one person's: the others of the group have the message."""
    server = real_server("chasquid")
    with RawClient(server.port) as client:
        begin(client)
        reply = client.ask("RCPT TO:<ann@elsewhere.example>\r\n")[0]
        client.end()
    observed.check(server, RCPT_elsewhere=plain(server, reply))
    mailing = mailing_to(server, recipients=3, first=("ann@elsewhere.example",), group=True)
    assert mailing.run().exit_code == 3
    assert mailing.counts() == {"rejected": 1, "accepted": 3}
    mailing.judge(server)


def test_what_whoever_says_no_auth_is_told(real_server, observed):
    said = {}
    for name in ("exim", "chasquid", "sendmail", "haraka", "smtp-server"):
        server = real_server(name)
        with RawClient(server.ports["secure"]) as client:
            client.greet()
            reply = client.ask("MAIL FROM:<news@example.org>\r\n")[0]
            client.end()
        said[server.name] = reply[:3]
        observed.check(server, MAIL_without_AUTH=plain(server, reply))
    # Haraka's is what a plugin of the tests says.
    assert said == {
        "Exim": "530",
        "chasquid": "550",
        "sendmail": "530",
        "Haraka": "550",
        "smtp-server": "530",
    }


def test_messages_in_a_connection_of_exim(real_server, mailing_to):
    """421 ends the session at the 31st; the next one goes on."""
    server = real_server("exim")
    mailing = mailing_to(server, "limited", recipients=70)
    summary = mailing.run()
    assert summary.exit_code == 0
    assert summary.sessions >= 3
    mailing.judge(server)


def test_connections_of_a_host_at_exim(real_server, mailing_to):
    """Two of four sessions are let in, and they do all the work."""
    server = real_server("exim")
    mailing = mailing_to(server, "limited", recipients=20, sessions=4)
    assert mailing.run().exit_code == 0
    mailing.judge(server)


def test_clients_of_smtp_server(real_server, mailing_to):
    """Two of four sessions are let in; without PIPELINING and 8BITMIME, too."""
    server = real_server("smtp-server")
    mailing = mailing_to(server, "limited", recipients=40, sessions=4, text="Grüße an {{ name }}\n")
    assert mailing.run().exit_code == 0
    mailing.judge(server)


def test_surplus_recipients_of_sendmail(real_server, mailing_to):
    """Each of them from the third on costs a second; all have the message in the end."""
    server = real_server("sendmail")
    number = sendmail.MOST_RECIPIENTS + 5
    mailing = mailing_to(server, "limited", recipients=number, group=True)
    summary = mailing.run()
    assert (summary.exit_code, summary.transactions) == (0, 2)
    assert {row["attempts"] for row in mailing.results()} == {"1"}
    mailing.judge(server)


def test_surplus_recipients_of_exim(real_server, mailing_to):
    """A group of 250 takes three messages; a new session follows the refused surplus."""
    server = real_server("exim")
    with Tap(server.ports["limited"]) as tap:
        mailing = mailing_to(server, "limited", recipients=250, group=True)
        mailing.set_server(port=tap.port)
        summary = mailing.run()
    assert (summary.exit_code, summary.transactions, summary.sessions) == (0, 3, 2)
    mailing.judge(server)
