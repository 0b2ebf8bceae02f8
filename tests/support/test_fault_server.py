"""The fault server without faults: what it takes, what its journal tells, and as a process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import smtplib
import ssl
from email.message import EmailMessage

import pytest

from tests.support.fault_server import Fault, Kind, Stage
from tests.support.raw_client import CONTENT, GROUP, RawClient, deliver

# A server that is well


def test_smtplib_delivers_in_the_clear(fault_server):
    server = fault_server(credentials=("App", "secret"), need_auth=True)
    message = EmailMessage()
    message["Message-ID"] = "<7@example.com>"
    message["Subject"] = "hello"
    message.set_content("one\n.\n..two\n")
    with smtplib.SMTP("127.0.0.1", server.port, local_hostname="me.example") as client:
        client.login("App", "secret")
        assert client.send_message(message, "news@example.com", ["a@example.com"]) == {}
    (taken,) = server.deliveries()
    assert taken.mail_from == "news@example.com"
    assert taken.recipients == ("a@example.com",)
    assert taken.message_id == "<7@example.com>"
    sent = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    assert taken.sha256 == hashlib.sha256(sent).hexdigest()
    assert taken.told
    assert taken.reply == "250 2.6.0 Message queued as <1-1>\r\n"


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_smtplib_delivers_over_tls(fault_server, certificates, security, mechanism):
    server = fault_server(
        security=security,
        tls_context=certificates.server_context(),
        mechanisms=[mechanism],
        credentials=("App", "secret"),
        need_auth=True,
    )
    context = certificates.client_context()
    with contextlib.ExitStack() as stack:
        if security == "tls":
            client = smtplib.SMTP_SSL(
                "localhost", server.port, context=context, local_hostname="me.example"
            )
            stack.enter_context(client)
        else:
            client = smtplib.SMTP("localhost", server.port, local_hostname="me.example")
            stack.enter_context(client)
            client.ehlo()
            assert not client.has_extn("auth")
            client.starttls(context=context)
        client.login("App", "secret")
        client.sendmail("news@example.com", ["a@example.com"], CONTENT)
    assert [taken.told for taken in server.deliveries()] == [True]
    (auth,) = server.stages(Stage.AUTH_FINAL)
    assert auth["username"] == "App"
    assert auth["encrypted"] is True
    (closed,) = server.wait_for(stage="closed")
    assert closed["by"] == "server"


def test_wrong_credentials_are_refused(fault_server):
    server = fault_server(credentials=("App", "secret"))
    with RawClient(server.port) as client:
        client.greet()
        assert client.ask("AUTH PLAIN AEFwcAB3cm9uZw==\r\n")[0].startswith("535 5.7.8 ")
        assert client.ask("AUTH PLAIN ????\r\n")[0].startswith("535 5.7.8 ")
        client.ask("AUTH LOGIN\r\n")
        assert client.ask("*\r\n")[0].startswith("501 5.7.0 ")
        assert client.ask("AUTH CRAM-MD5\r\n")[0].startswith("504 5.5.4 ")
    assert server.stages(Stage.AUTH_FINAL)[0]["username"] == "App"


def test_xoauth2_reads_user_and_token(fault_server):
    server = fault_server(mechanisms=["XOAUTH2"], credentials=("App", "t0ken"))
    with RawClient(server.port) as client:
        client.greet()
        # user=App, auth=Bearer t0ken, with \x01 between and behind
        initial = "dXNlcj1BcHABYXV0aD1CZWFyZXIgdDBrZW4BAQ=="
        assert client.ask(f"AUTH XOAUTH2 {initial}\r\n")[0].startswith("235 ")


def test_extensions_are_what_the_settings_say(fault_server):
    server = fault_server(pipelining=False, size=None, eight_bit=False, mechanisms=[])
    with RawClient(server.port) as client:
        assert client.greet() == "250-fault.test\r\n250-ENHANCEDSTATUSCODES\r\n250 OK\r\n"
    server = fault_server(extensions=["AUTH=LOGIN", "SIZE"])
    with RawClient(server.port) as client:
        assert client.greet() == "250-fault.test\r\n250-AUTH=LOGIN\r\n250-SIZE\r\n250 OK\r\n"


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ("MAIL FROM:<a@b>\r\n", ["503 5.5.1"]),
        ("EHLO x\r\nRCPT TO:<a@b>\r\nDATA\r\nNOOP\r\n", [None, "503 5.5.1", "503 5.5.1", "250"]),
        ("EHLO x\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n", [None, "250", "503 5.5.1 Nested"]),
        ("EHLO x\r\nMAIL FROM:a@b\r\nMAIL FROM:<>\r\nRCPT TO\r\n", [None, "501", "250", "501"]),
        ("EHLO x\r\nMAIL FROM:<> SIZE=20971521\r\n", [None, "552 5.3.4"]),
        ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<no@b>\r\nDATA\r\n", [None, "250", "550 no", "554"]),
        ("EHLO x\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n", [None, "250", "250", "250"]),
        ("HELP\r\nSTARTTLS\r\n", ["500", "500"]),
    ],
)
def test_commands_out_of_place(fault_server, commands, expected):
    server = fault_server(refused={"no@b": "550 no"})
    with RawClient(server.port) as client:
        client.reply()
        replies = client.ask(commands, replies=len(expected))
    for reply, start in zip(replies, expected, strict=True):
        assert start is None or reply.startswith(start)


def test_recipients_beyond_the_limit_get_452(fault_server):
    server = fault_server(recipients=2)
    with RawClient(server.port) as client:
        client.greet()
        replies = client.ask(
            "MAIL FROM:<a@b>\r\n"
            + "".join(f"RCPT TO:<{name}@b>\r\n" for name in "cdef")
            + "DATA\r\n",
            replies=6,
        )
        assert [reply[:3] for reply in replies] == ["250", "250", "250", "452", "452", "354"]
        client.ask(CONTENT + b".\r\n")
    assert server.deliveries()[0].recipients == ("c@b", "d@b")
    assert server.stages(Stage.DOT)[0]["asked"] == 4


def test_content_over_the_limit_is_refused_at_its_end(fault_server):
    server = fault_server(size=100)
    with RawClient(server.port) as client:
        client.greet()
        assert deliver(client, b"x" * 98 + b"\r\n").startswith("250 2.6.0")
        assert deliver(client, b"x" * 99 + b"\r\n").startswith("552 5.3.4")
    assert [taken.size for taken in server.deliveries()] == [100]


def test_a_lone_dot_for_nobody_is_taken_by_nobody(fault_server):
    server = fault_server(
        refused={"a@example.com": "550 5.7.1 no"}, data_without_recipients="354 go"
    )
    with RawClient(server.port) as client:
        client.greet()
        assert [reply[:3] for reply in client.ask(GROUP, replies=3)] == ["250", "550", "354"]
        assert client.ask(".\r\n")[0].startswith("554 5.5.1")
    assert server.deliveries() == []
    assert server.stages(Stage.DOT)[0]["size"] == 0


# The journal


def test_the_journal_has_the_reply_before_it_is_written(fault_server):
    """A client that has a reply finds its record, whatever the threads do."""
    server = fault_server()
    with RawClient(server.port) as client:
        client.greet()
        for number in range(50):
            reply = deliver(client)
            assert server.journal[-1]["reply"] == reply
            assert server.journal[-1]["transaction"] == number + 1
    assert [record["n"] for record in server.journal] == list(range(1, len(server.journal) + 1))
    json.dumps(server.journal)


def test_waits_are_two_a_transaction_pipelined_and_four_without(fault_server):
    server = fault_server()
    with RawClient(server.port) as client:
        client.greet()
        for _ in range(3):
            deliver(client)
        client.end()
        (closed,) = server.wait_for(stage="closed")
    assert [record["waits"] for record in server.stages(Stage.DOT)] == [1, 1, 1]
    assert closed["waits"] == 1 + 3 * 2 + 1
    server = fault_server()
    with RawClient(server.port) as client:
        client.greet()
        for command in GROUP.splitlines(keepends=True):
            client.ask(command)
        client.ask(CONTENT + b".\r\n")
        client.end()
        (closed,) = server.wait_for(stage="closed")
    assert server.stages(Stage.DOT)[0]["waits"] == 3
    assert closed["waits"] == 1 + 4 + 1


def test_bytes_that_did_not_wait_are_facts(fault_server):
    server = fault_server()
    with RawClient(server.port) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        assert client.ask(CONTENT + b".\r\nRSET\r\n", replies=2)[1].startswith("250 ")
        client.ask(GROUP.encode() + CONTENT + b".\r\n", replies=4)
    first, second = server.stages(Stage.DOT)
    assert (first["after_dot"], second["after_dot"]) == (6, 0)
    assert [record["before_354"] for record in server.stages(Stage.DATA)] == [0, len(CONTENT) + 3]


def test_late_bytes_are_caught_by_holding_the_final_reply(fault_server):
    server = fault_server(hold_final=0.2)
    with RawClient(server.port) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        client.say(CONTENT + b".\r\n")
        client.say("MAIL FROM:<a@b>\r\n")
        client.reply()
    assert server.stages(Stage.DOT)[0]["after_dot"] == len("MAIL FROM:<a@b>\r\n")


def test_bare_ends_long_lines_and_odd_octets_are_facts(fault_server):
    server = fault_server()
    with RawClient(server.port) as client:
        client.greet()
        deliver(client, b"a\nb\rc\r\n" + b"x" * 1200 + b"\r\n\0\xff\r\n")
        client.ask(b"NOOP \r x\r\n")
        client.end()
        (closed,) = server.wait_for(stage="closed")
    (dot,) = server.stages(Stage.DOT)
    assert dot["content"] == {
        "bare_cr": 1,
        "bare_lf": 1,
        "longest_line": 1200,
        "eight_bit": True,
        "nul": True,
    }
    assert closed["commands"]["bare_cr"] == 1


def test_plaintext_behind_starttls_is_a_fact(fault_server, certificates):
    server = fault_server(security="starttls", tls_context=certificates.server_context())
    with RawClient(server.port) as client:
        client.greet()
        client.ask("STARTTLS\r\nEHLO injected\r\n")
        client.secure(certificates.client_context())
        assert client.ask("MAIL FROM:<a@b>\r\n")[0].startswith("503 ")
    assert server.stages("starttls-left")[0]["unread"] == len("EHLO injected\r\n")


def test_a_handshake_that_the_client_refuses_is_a_fact(fault_server, certificates):
    server = fault_server(security="tls", tls_context=certificates.server_context("other.test"))
    with RawClient(server.port) as client, pytest.raises(ssl.SSLCertVerificationError):
        client.secure(certificates.client_context())
    server.wait_for(stage="closed")
    assert len(server.stages("tls-failed")) == 1


def test_a_client_that_leaves_in_the_content_is_a_fact(fault_server):
    server = fault_server()
    with RawClient(server.port) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        client.say(CONTENT)
    (closed,) = server.wait_for(stage="closed")
    assert (closed["by"], closed["in_content"], closed["received"]) == (
        "client",
        True,
        len(CONTENT),
    )
    assert server.deliveries() == []


# A process of its own


def test_a_server_of_its_own_keeps_its_journal_in_a_file(fault_server_process):
    server = fault_server_process(
        [Fault(Stage.DOT, Kind.RST), Fault(Stage.RCPT, Kind.TRANSIENT, recipient=1, transaction=3)],
        pipelining=False,
    )
    with RawClient(server.port) as client:
        assert "PIPELINING" not in client.greet()
        client.ask(GROUP, replies=3)
        client.say(CONTENT + b".\r\n")
        with pytest.raises(ConnectionResetError):
            client.rest()
    with RawClient(server.port) as client:
        client.greet()
        assert deliver(client).startswith("250 2.6.0")
        assert client.ask(GROUP, replies=3)[1].startswith("451 ")
        client.end()
    assert [taken.told for taken in server.deliveries()] == [False, True]
    assert len({taken.sha256 for taken in server.deliveries()}) == 1
    server.stop()
    assert server.journal[-1]["n"] == len(server.journal)


def test_a_server_of_its_own_speaks_tls(fault_server_process, certificates):
    server = fault_server_process(certificate=certificates.server_file, security="tls")
    with RawClient(server.port) as client:
        client.secure(certificates.client_context())
        assert client.greet().startswith("250-fault.test\r\n")


def test_a_server_of_its_own_that_cannot_start_says_so(fault_server_process):
    with pytest.raises(RuntimeError, match="the fault server ended with"):
        fault_server_process(no_such_setting=True)


FLIGHT = b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\n"


def test_a_flight_is_taken_in_one_wait(fault_server):
    """MAIL, RCPT and BDAT at once: three replies, the octets are the content."""
    server = fault_server(chunking=True)
    with RawClient(server.port) as client:
        client.ask("")
        assert "250-CHUNKING" in client.ask("EHLO x\r\n")[0]
        replies = client.ask(FLIGHT, replies=3)
        assert [reply[:3] for reply in replies] == ["250"] * 3
        # What follows is a command again, and without MAIL a BDAT is refused but read.
        replies = client.ask(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", replies=2)
        assert [reply[:3] for reply in replies] == ["503", "250"]
    (taken,) = server.deliveries()
    assert (taken.size, taken.recipients) == (14, ("a@b",))
    dot = server.stages(Stage.DOT)[0]
    assert (dot["waits"], dot["chunked"]) == (0, 14)


@pytest.mark.parametrize(
    ("bdat", "codes"),
    [
        ("skipped", ["250", "250", "502"]),
        ("unknown", ["250", "250", "500", "500", "500"]),
        ("unskipped", ["250", "250", "250"]),
    ],
)
def test_what_a_server_makes_of_bdat(fault_server, bdat, codes):
    server = fault_server(chunking=True, bdat=bdat)
    with RawClient(server.port) as client:
        client.ask("")
        client.ask("EHLO x\r\n")
        replies = client.ask(FLIGHT, replies=len(codes))
        assert [reply[:3] for reply in replies] == codes
        if bdat == "unskipped":
            nobody = b"MAIL FROM:<>\r\nBDAT 6 LAST\r\nNOOP\r\n"
            replies = client.ask(nobody, replies=3)
            assert [reply[:3] for reply in replies] == ["250", "503", "250"]


def test_a_fault_in_the_middle_of_a_chunk(fault_server):
    """The server has read as far as it was told to, and the message is not taken."""
    server = fault_server(Fault(Stage.CHUNK, Kind.SHUTDOWN, at=5), chunking=True)
    with RawClient(server.port) as client:
        client.ask("")
        client.ask("EHLO x\r\n")
        replies = client.ask(FLIGHT, replies=3)
        assert [reply[:3] for reply in replies] == ["250", "250", "421"]
    (record,) = server.stages(Stage.CHUNK)
    assert record["received"] == 5
    assert server.deliveries() == []
