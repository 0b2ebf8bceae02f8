"""What each kind of fault does on the wire, and what the journal says of it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

import pytest

from tests.support.fault_server import Fault, FaultServer, Kind, Stage
from tests.support.raw_client import CONTENT, GROUP, RawClient, deliver

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
        (Stage.MAIL, "EHLO x\r\nAUTH PLAIN AEFwcABzZWNyZXQ=\r\n", "250 2.1.0 Sender OK\r\n"),
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
