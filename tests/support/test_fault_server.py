"""The fault server does on the wire what its faults say, and its journal tells what it did."""

from __future__ import annotations

import contextlib
import hashlib
import json
import smtplib
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest

from tests.support.fault_server import Fault, FaultServer, Kind, Stage
from tests.support.faults import applicable, matrix
from tests.support.raw_client import RawClient

CONTENT = b"Message-ID: <1@example.com>\r\nSubject: x\r\n\r\nhello\r\n"
GROUP = "MAIL FROM:<news@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n"
PLAIN = "AUTH PLAIN AEFwcABzZWNyZXQ=\r\n"


def deliver(client: RawClient, content: bytes = CONTENT) -> str:
    """One pipelined transaction to a server that is well; its last reply."""
    assert [reply[:3] for reply in client.ask(GROUP, replies=3)] == ["250", "250", "354"]
    return client.ask(content + b".\r\n")[0]


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


# Faults, one by one

#: For a fault at MAIL: what is read up to the end of the connection or of the next reply.
AT_MAIL = {
    Kind.SHUTDOWN: b"421 4.3.2 Service shutting down\r\n",
    Kind.TRANSIENT: b"451 4.3.0 Try again later\r\n",
    Kind.PERMANENT: b"554 5.3.0 Refused\r\n",
    Kind.GARBAGE: b"\x00\x01 this is no reply \xff\r\n",
    Kind.WRONG_CLASS: b"354 go ahead\r\n",
    Kind.OVERSIZE: b"250 " + b"x" * 100_000 + b"\r\n",
    Kind.DUPLICATE: b"250 2.1.0 Sender <a@b> OK\r\n" * 2,
    Kind.SPLIT: b"250 2.1.0 Sender <a@b> OK\r\n",
    Kind.DRIP: b"250 2.1.0 Sender <a@b> OK\r\n",
}


@pytest.mark.parametrize("kind", AT_MAIL)
def test_what_is_written_instead_of_a_reply(fault_server, kind):
    server = fault_server(Fault(Stage.MAIL, kind, pace=0.001 if kind is Kind.DRIP else None))
    with RawClient(server.port) as client:
        client.greet()
        client.say("MAIL FROM:<a@b>\r\n")
        expected = AT_MAIL[kind]
        got = b"".join(client.line() for _ in range(expected.count(b"\r\n")))
        assert got == expected
        if kind is Kind.SHUTDOWN:
            assert client.rest() == b""
        else:
            assert client.ask("NOOP\r\n") == ["250 2.0.0 OK\r\n"]
            opened = kind in {Kind.DUPLICATE, Kind.SPLIT, Kind.DRIP}
            expected = "503 5.5.1 Nested" if opened else "250 2.1.0"
            assert client.ask("MAIL FROM:<a@b>\r\n")[0].startswith(expected)
    assert server.stages(Stage.MAIL)[0]["fault"] == kind
    assert server.faults_left == []


def test_reset_and_fin_are_told_apart(fault_server):
    server = fault_server(Fault(Stage.MAIL, Kind.RST), Fault(Stage.MAIL, Kind.FIN))
    with RawClient(server.port) as client:
        client.greet()
        client.say("MAIL FROM:<a@b>\r\n")
        with pytest.raises(ConnectionResetError):
            client.rest()
    with RawClient(server.port) as client:
        client.greet()
        client.say("MAIL FROM:<a@b>\r\n")
        assert client.rest() == b""
        client.say("NOOP\r\n")  # nobody answers, and nobody resets


def test_a_reset_spares_what_was_said_before(fault_server):
    server = fault_server(Fault(Stage.RCPT, Kind.RST, recipient=2))
    with RawClient(server.port) as client:
        client.greet()
        client.say("MAIL FROM:<a@b>\r\nRCPT TO:<c@b>\r\nRCPT TO:<d@b>\r\nDATA\r\n")
        assert client.reply().startswith("250 2.1.0")
        assert client.reply().startswith("250 2.1.5")
        with pytest.raises(ConnectionResetError):
            client.rest()


def test_a_stall_neither_answers_nor_closes_until_the_client_does(fault_server):
    server = fault_server(Fault(Stage.MAIL, Kind.STALL))
    with RawClient(server.port, seconds=0.2) as client:
        client.greet()
        with pytest.raises(TimeoutError):
            client.ask("MAIL FROM:<a@b>\r\n")
        assert not server.stages("closed")
    server.wait_for(stage="closed")


def test_a_drip_is_slow(fault_server):
    server = fault_server(Fault(Stage.MAIL, Kind.DRIP, pace=0.05))
    with RawClient(server.port, seconds=5) as client:
        client.greet()
        started = time.monotonic()
        client.say("MAIL FROM:<a@b>\r\n")
        assert client.sock.recv(100) == b"2"
        assert client.sock.recv(100) == b"5"
        assert client.line() == b"0 2.1.0 Sender <a@b> OK\r\n"
        assert time.monotonic() - started >= 25 * 0.05


def test_an_endless_reply_has_no_last_line(fault_server):
    server = fault_server(Fault(Stage.EHLO, Kind.ENDLESS))
    with RawClient(server.port) as client:
        client.reply()
        client.say("EHLO me.example\r\n")
        lines = {client.line() for _ in range(50_000)}
    assert lines == {b"250-and so on\r\n"}
    server.wait_for(stage="closed")


def test_a_given_reply_is_written_and_counts(fault_server):
    server = fault_server(
        Fault(Stage.RCPT, Kind.REPLY, recipient="b@example.com", text="251 2.1.5 Will forward"),
        Fault(Stage.DATA, Kind.REPLY, text="250 odd", transaction=2),
    )
    with RawClient(server.port) as client:
        client.greet()
        group = "MAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
        replies = client.ask(group, replies=4)
        assert replies[2] == "251 2.1.5 Will forward\r\n"
        client.ask(CONTENT + b".\r\n")
        assert server.deliveries()[0].recipients == ("a@example.com", "b@example.com")
        assert client.ask(group, replies=4)[3] == "250 odd\r\n"
        assert client.ask("NOOP\r\n")[0].startswith("250 ")


@pytest.mark.parametrize("times", [1, 2, 0])
def test_a_fault_happens_as_often_as_it_says(fault_server, times):
    server = fault_server(Fault(Stage.MAIL, Kind.TRANSIENT, times=times))
    with RawClient(server.port) as client:
        client.greet()
        replies = [client.ask("MAIL FROM:<>\r\nRSET\r\n", replies=2)[0][:3] for _ in range(4)]
    assert replies == ["451"] * (times or 4) + ["250"] * (4 - times if times else 0)
    assert bool(server.faults_left) is (times == 0)


def test_a_fault_happens_where_it_says(fault_server):
    server = fault_server(
        Fault(Stage.RCPT, Kind.PERMANENT, recipient=2),
        Fault(Stage.MAIL, Kind.TRANSIENT, transaction=3),
        Fault(Stage.BANNER, Kind.SHUTDOWN, connection=2),
    )
    with RawClient(server.port) as client:
        client.greet()
        group = "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@b>\r\nRSET\r\n"
        told = [[reply[:3] for reply in client.ask(group, replies=4)] for _ in range(3)]
    assert told == [
        ["250", "250", "554", "250"],
        ["250", "250", "250", "250"],
        ["451", "503", "503", "250"],
    ]
    with RawClient(server.port) as client:
        assert client.rest().startswith(b"421 ")


@pytest.mark.parametrize(
    ("kind", "taken", "told"),
    [
        (Kind.RST, True, False),
        (Kind.FIN, True, False),
        (Kind.STALL, True, False),
        (Kind.GARBAGE, True, False),
        (Kind.OVERSIZE, True, False),
        (Kind.WRONG_CLASS, True, False),
        (Kind.SHUTDOWN, False, False),
        (Kind.TRANSIENT, False, False),
        (Kind.PERMANENT, False, False),
        (Kind.DUPLICATE, True, True),
        (Kind.SPLIT, True, True),
        (Kind.DRIP, True, True),
    ],
)
def test_what_is_taken_when_the_reply_to_the_end_of_data_fails(fault_server, kind, taken, told):
    server = fault_server(Fault(Stage.DOT, kind, pace=0.0005))
    with RawClient(server.port) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        client.say(CONTENT + b".\r\n")
        server.wait_for(stage=Stage.DOT)
    assert [one.told for one in server.deliveries()] == ([told] if taken else [])
    (record,) = server.stages(Stage.DOT)
    assert record["fault"] == kind
    assert (record["reply"] is None) is (kind in {Kind.RST, Kind.FIN, Kind.STALL})


def test_a_server_may_lose_what_it_does_not_answer(fault_server):
    server = fault_server(Fault(Stage.DOT, Kind.FIN, taken=False))
    with RawClient(server.port) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        client.say(CONTENT + b".\r\n")
        assert client.rest() == b""
    assert server.deliveries() == []
    assert server.stages(Stage.DOT)[0]["dot"] is True


def test_half_of_the_final_reply(fault_server):
    right = b"250 2.6.0 Message queued as <1-1>\r\n"
    server = fault_server(Fault(Stage.HALF, Kind.FIN))
    with RawClient(server.port) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        client.say(CONTENT + b".\r\n")
        assert client.rest() == right[: len(right) // 2]
    assert [taken.told for taken in server.deliveries()] == [False]


@pytest.mark.parametrize("kind", [Kind.RST, Kind.FIN, Kind.STALL, Kind.SHUTDOWN])
def test_the_middle_of_the_content_can_fail(fault_server, kind):
    server = fault_server(Fault(Stage.BODY, kind, at=20))
    with RawClient(server.port, seconds=0.3) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        client.say(CONTENT[:25])
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            assert client.rest()[:3] == (b"421" if kind is Kind.SHUTDOWN else b"")
    (record,) = server.stages(Stage.BODY)
    assert record["received"] == 20
    assert server.deliveries() == []
    (closed,) = server.wait_for(stage="closed")
    assert (closed["by"], closed["in_content"]) == ("server", True)


@pytest.mark.parametrize(
    ("kind", "code", "taken"),
    [(Kind.TRANSIENT, "451", 0), (Kind.PERMANENT, "554", 0), (Kind.EARLY, "250", 1)],
)
def test_a_premature_reply_is_the_only_one(fault_server, kind, code, taken):
    server = fault_server(Fault(Stage.BODY, kind))
    with RawClient(server.port) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        assert client.ask(CONTENT)[0][:3] == code
        assert client.ask(b".\r\nNOOP\r\n") == ["250 2.0.0 OK\r\n"]
    assert len(server.deliveries()) == taken


def test_a_stalling_reader_lets_the_client_fill_its_buffers(fault_server):
    server = fault_server(Fault(Stage.BODY, Kind.STALL), receive_buffer=4096)
    with RawClient(server.port, seconds=0.3) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.greet()
        client.ask(GROUP, replies=3)
        with pytest.raises(TimeoutError):
            client.say(b"x" * 1_000_000)


def test_small_buffers_deadlock_a_client_that_does_not_read(fault_server):
    """And only such a one: the same group goes through for one that reads while it writes."""
    settings = {"receive_buffer": 4096, "send_buffer": 4096, "read_size": 1024}
    group = b"".join(b"RCPT TO:<r%d@example.com>\r\n" % number for number in range(10_000))
    server = fault_server(recipients=10_000, **settings)
    with RawClient(server.port, seconds=0.5, receive_buffer=4096) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.greet()
        with pytest.raises(TimeoutError):
            client.say(b"MAIL FROM:<>\r\n" + group)
    server = fault_server(recipients=10_000, **settings)
    with RawClient(server.port, receive_buffer=4096) as client:
        client.greet()
        client.ask("MAIL FROM:<>\r\n")
        for start in range(0, len(group), 1000):
            client.say(group[start : start + 1000])
            for _ in range(group[start : start + 1000].count(b"\r\n")):
                client.reply()


@pytest.mark.parametrize(
    ("stage", "before", "early"),
    [
        (Stage.EHLO, "", "250-fault.test\r\n250 PIPELINING\r\n"),
        (Stage.AUTH_FINAL, "EHLO x\r\n", "235 2.7.0 Authentication successful\r\n"),
        (Stage.MAIL, "EHLO x\r\n" + PLAIN, "250 2.1.0 Sender OK\r\n"),
        (Stage.RCPT, "EHLO x\r\nMAIL FROM:<>\r\n", "250 2.1.5 Recipient OK\r\n"),
        (
            Stage.DATA,
            "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n",
            "354 End data with <CR><LF>.<CR><LF>\r\n",
        ),
        (Stage.DOT, "EHLO x\r\n" + GROUP, "250 2.6.0 Message queued as <early>\r\n"),
        (Stage.QUIT, "EHLO x\r\nRSET\r\n", "221 2.0.0 Bye\r\n"),
    ],
)
def test_an_early_reply_comes_with_the_one_before_it(fault_server, stage, before, early):
    server = fault_server(Fault(stage, Kind.EARLY))
    with RawClient(server.port) as client:
        client.reply()
        commands = before.splitlines(keepends=True)
        for command in commands:
            client.ask(command)
        assert client.reply() == early
        assert server.journal[-1]["fault"] == Kind.EARLY


def test_an_early_reply_is_not_written_again(fault_server):
    server = fault_server(Fault(Stage.DOT, Kind.EARLY))
    with RawClient(server.port) as client:
        client.greet()
        assert client.ask(GROUP, replies=4)[3].startswith("250 2.6.0")
        assert client.ask(CONTENT + b".\r\nNOOP\r\n") == ["250 2.0.0 OK\r\n"]
    (early, record) = server.stages(Stage.DOT)
    assert early["fault"] == Kind.EARLY
    assert (record["reply"], record["taken"], record["told"]) == (None, True, True)


def test_plaintext_injected_behind_the_reply_to_starttls(fault_server, certificates):
    server = fault_server(
        Fault(Stage.TLS, Kind.EARLY),
        security="starttls",
        tls_context=certificates.server_context(),
    )
    with RawClient(server.port) as client:
        client.greet()
        assert client.ask("STARTTLS\r\n", replies=2)[1] == "250 2.0.0 Injected\r\n"
        client.secure(certificates.client_context())


def test_what_nobody_asked_for_comes_with_the_final_reply(fault_server):
    server = fault_server(
        Fault(Stage.IDLE, Kind.SHUTDOWN, transaction=2), Fault(Stage.IDLE, Kind.GARBAGE)
    )
    with RawClient(server.port) as client:
        client.greet()
        deliver(client)
        assert client.line().startswith(b"\x00\x01")
        deliver(client)
        assert client.rest() == b"421 4.3.2 Service shutting down\r\n"
    assert [taken.told for taken in server.deliveries()] == [True, True]


@pytest.mark.parametrize("kind", [Kind.RST, Kind.FIN])
def test_an_idle_connection_that_is_closed_has_told_its_last_reply(fault_server, kind):
    server = fault_server(Fault(Stage.IDLE, kind))
    with RawClient(server.port) as client:
        client.greet()
        assert deliver(client).startswith("250 2.6.0")
        with contextlib.suppress(ConnectionResetError):
            assert client.rest() == b""
            assert kind is Kind.FIN


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (Kind.GARBAGE, ssl.SSLError),
        (Kind.PERMANENT, ssl.SSLError),
        (Kind.RST, ConnectionResetError),
        (Kind.FIN, ssl.SSLEOFError),
        (Kind.STALL, TimeoutError),
    ],
)
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_handshakes_that_fail(fault_server, certificates, security, kind, outcome):
    server = fault_server(
        Fault(Stage.TLS, kind), security=security, tls_context=certificates.server_context()
    )
    with RawClient(server.port, seconds=0.5) as client:
        if security == "starttls":
            client.greet()
            client.ask("STARTTLS\r\n")
        with pytest.raises(outcome):
            client.secure(certificates.client_context())


def test_a_server_that_breaks_tells_the_test(capfd):
    server = FaultServer([Fault(Stage.BODY, Kind.FIN, at=500)]).start()
    with RawClient(server.port) as client:
        client.greet()
        client.ask(GROUP, replies=3)
        client.say(CONTENT + b".\r\n")
        assert client.rest() == b""
    with pytest.raises(ValueError, match="no byte 500"):
        server.stop()
    assert "no byte 500" in capfd.readouterr().err


# Every fault at every stage


def go_through(client: RawClient, context: ssl.SSLContext) -> None:
    """A dialogue that passes every stage; it gives up where something is not as it should be."""

    def expect(text: str | bytes, *codes: str) -> None:
        if client.unread:
            raise ConnectionAbortedError("a reply to nothing")
        replies = client.ask(text, replies=len(codes))
        if [reply[:3] for reply in replies] != list(codes) or max(map(len, replies)) > 4096:
            raise ConnectionAbortedError("not the reply that was expected")

    expect("", "220")
    expect("EHLO x\r\n", "250")
    expect("STARTTLS\r\n", "220")
    client.secure(context)
    expect("EHLO x\r\n", "250")
    expect("AUTH LOGIN\r\n", "334")
    expect("QXBw\r\n", "334")
    expect("c2VjcmV0\r\n", "235")
    expect("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@b>\r\nDATA\r\n", "250", "250", "250", "354")
    client.say(CONTENT)
    expect(".\r\n", "250")
    expect("RSET\r\n", "250")
    expect("QUIT\r\n", "221")
    if client.rest():
        raise ConnectionAbortedError("more than a farewell")


def hang_up(server: FaultServer, client: RawClient) -> None:
    """Close a connection on which nothing will come any more, once that is certain."""
    server.wait_for(fault=Kind.STALL)
    client.sock.shutdown(socket.SHUT_RDWR)


#: Faults that a client cannot tell from a server that is well; besides those that are only slow.
HARMLESS = {(Stage.RCPT, Kind.EARLY), (Stage.BODY, Kind.EARLY)}


@pytest.mark.parametrize(("stage", "kind"), matrix())
def test_every_fault_happens_once_and_the_next_dialogue_is_well(
    fault_server, certificates, stage, kind
):
    server = fault_server(
        Fault(stage, kind, pace=0.0002),
        security="starttls",
        tls_context=certificates.server_context(),
        mechanisms=["LOGIN"],
        credentials=("App", "secret"),
    )
    context = certificates.client_context()
    broken = False
    try:
        with RawClient(server.port) as client, ThreadPoolExecutor() as pool:
            if kind is Kind.STALL:
                pool.submit(hang_up, server, client)
            go_through(client, context)
    except OSError:
        broken = True
    assert server.faults_left == []
    if kind not in {Kind.SPLIT, Kind.DRIP} and (stage, kind) not in HARMLESS:
        assert broken
    with RawClient(server.port) as client:
        go_through(client, context)
    assert server.deliveries()[-1].told


def test_nothing_is_planned_that_cannot_happen():
    with pytest.raises(ValueError, match="early cannot happen at banner"):
        Fault(Stage.BANNER, Kind.EARLY)
    with pytest.raises(ValueError, match="needs its text"):
        Fault(Stage.MAIL, Kind.REPLY)
    assert len(matrix()) > 180
    assert all(applicable(*pair) for pair in matrix())


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
