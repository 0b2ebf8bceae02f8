"""What the conversations leave open: bounds to the byte, and the words of refusals."""

import base64
from dataclasses import fields

import pytest

from mailbatch.envelope import Envelope
from mailbatch.errors import LocalProtocolError, RemoteProtocolError
from mailbatch.outcome import Reply, Status
from mailbatch.sasl import Mechanism
from mailbatch.smtp import commands, events
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.commands import Deadline, Verb
from mailbatch.smtp.connection import Connection
from mailbatch.smtp.reply import ReplyParser
from mailbatch.smtp.server import Timeouts
from mailbatch.smtp.transaction import Course, Transaction

ENVELOPE = Envelope("a@example.com", ("b@example.org",))


def parsed(data):
    """The one reply in these bytes."""
    parser = ReplyParser()
    parser.receive_data(data)
    reply = parser.next_reply()
    assert parser.next_reply() is None
    return reply


def ready(keywords=b"250 PIPELINING\r\n"):
    """A connection behind its EHLO."""
    connection = Connection(local_name="client.example")
    connection.receive_data(b"220 hi\r\n")
    connection.next_event()
    connection.hello()
    connection.data_to_send()
    connection.receive_data(b"250-server.example\r\n" + keywords)
    assert type(connection.next_event()) is events.HelloDone
    return connection


@pytest.mark.parametrize("code", [200, 250, 299, 450, 500, 559])
def test_the_class_of_an_enhanced_status_is_that_of_any_code(code):
    """In replies of one line and of several."""
    status = f"{code // 100}.7.0"
    one = f"{code} {status} text\r\n".encode()
    if code == 299:  # RFC 5321 4.2 has no such code
        with pytest.raises(RemoteProtocolError):
            parsed(one)
        return
    assert parsed(one) == Reply(code, ("text",), status)
    two = f"{code}-{status} two\r\n{code} {status} lines\r\n".encode()
    assert parsed(two) == Reply(code, ("two", "lines"), status)


def test_an_error_shows_eighty_characters_of_what_was_said():
    parser = ReplyParser()
    parser.receive_data(b"0123456789" * 20 + b"\r\n")
    with pytest.raises(RemoteProtocolError) as caught:
        parser.next_reply()
    assert str(caught.value) == f"the server sent a line that is no reply: '{'0123456789' * 8}'"


def test_what_came_of_a_reply_is_shown_from_its_end():
    parser = ReplyParser()
    parser.receive_data(b"250-" + b"x" * 200 + b"\r\n250-one\r\n25")
    assert parser.next_reply() is None
    assert parser.evidence == "x" * (80 - len(" / 250-one / 25")) + " / 250-one / 25"


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        (None, False),
        (Reply(250), False),
        (Reply(451), True),
        (Reply(552), True),
        (Reply(500), True),
    ],
)
def test_a_negative_reply_to_mail_refuses_the_transaction(reply, refused):
    made = Transaction(ENVELOPE, size=1, eight_bit=False)
    made.mail_reply = reply
    assert made.refusal == ((Verb.MAIL, reply) if refused else None)


class Puzzle(Mechanism):
    """A mechanism that says its challenge back."""

    name = "PUZZLE"
    initial = False

    def exchange(self):
        challenge = yield b""
        yield f"<{challenge}>".encode()


def test_a_mechanism_gets_the_challenge_of_the_server():
    connection = ready(b"250 AUTH PUZZLE\r\n")
    connection.authenticate(Puzzle("u", "p"))
    assert connection.data_to_send() == b"AUTH PUZZLE\r\n"
    connection.receive_data(b"334 \r\n")
    assert connection.data_to_send() == b"\r\n"
    connection.receive_data(b"334 MTIz\r\n")
    assert base64.b64decode(connection.data_to_send()) == b"<MTIz>"
    connection.receive_data(b"235 ok\r\n")
    assert connection.next_event() == events.Authenticated(Reply(235, ("ok",)))


def test_every_deadline_is_a_time_out_of_the_job():
    """The session looks it up by this name."""
    assert {deadline.value for deadline in Deadline} <= {field.name for field in fields(Timeouts)}


@pytest.mark.parametrize(
    ("wanted", "room"),
    [
        ({}, 0),
        ({"size": 10**19}, 26),  # RFC 1870 3
        ({"eight_bit": True}, 17),  # RFC 6152 2
        ({"smtputf8": True}, 10),  # RFC 6531 3.1
        ({"size": 10**19, "eight_bit": True, "smtputf8": True}, 53),
    ],
)
def test_each_parameter_of_mail_has_the_room_of_its_rfc(wanted, room):
    """Beyond the 512 bytes of a command; no address is longer than RCPT could name it."""
    head = len(commands.mail("", **wanted))
    longest = min(512 - len("RCPT TO:<>\r\n"), 512 + room - head)
    assert len(commands.mail("a" * longest, **wanted)) == head + longest
    with pytest.raises(LocalProtocolError, match="is longer than"):
        commands.mail("a" * (longest + 1), **wanted)


def test_a_name_that_cannot_be_said_is_shown():
    with pytest.raises(LocalProtocolError) as caught:
        commands.ehlo("client.example\r\nQUIT")
    assert str(caught.value) == r"'client.example\r\nQUIT' cannot be said in EHLO"
    assert commands.ehlo("a" * 255) == b"EHLO " + b"a" * 255 + b"\r\n"
    with pytest.raises(LocalProtocolError):
        commands.ehlo("a" * 256)


def test_keywords_are_kept_as_they_came_and_clutter_no_repr():
    first = "server.example is glad to see you"
    found = Capabilities.from_reply(Reply(250, (first, "x-One  two", "", "SIZE")))
    assert found.domain == "server.example"
    assert found.raw == ("x-One  two", "", "SIZE")
    assert found.size == 0
    assert "x-One" not in repr(found)


@pytest.mark.parametrize(("refused", "status"), [(0, Status.REJECTED), (1, Status.PENDING)])
def test_a_503_to_data_is_about_the_group_only_where_somebody_in_it_failed(refused, status):
    """Where every RCPT was taken it is the server's own "no"."""
    made = Transaction(Envelope("a@example.com", ("b@x", "c@x", "d@x")), size=1, eight_bit=False)
    made.take_mail(Reply(250), 0)
    for code in [250, 250, 550 if refused else 250]:
        made.take_rcpt(Reply(code), 0)
    assert made.take_data(Reply(503)) is Course.RSET
    assert made.accepted == 3 - refused
    made.settled = True
    assert [outcome.status for outcome in made.outcomes()][:2] == [status, status]


@pytest.mark.parametrize(
    ("code", "status"),
    [(399, None), (400, Status.DEFERRED), (459, Status.DEFERRED), (500, Status.REJECTED)],
)
def test_a_recipient_is_refused_from_400_on_and_for_good_from_500_on(code, status):
    made = Transaction(Envelope("a@example.com", ("b@x", "c@x")), size=1, eight_bit=False)
    made.take_mail(Reply(250), 0)
    made.take_rcpt(Reply(250), 0)
    made.take_rcpt(Reply(code), 0)
    made.take_data(Reply(354))
    made.final_reply = Reply(250)
    made.settled = True
    accepted = Status.ACCEPTED
    assert [outcome.status for outcome in made.outcomes()] == [accepted, status or accepted]
    assert {outcome.counted for outcome in made.outcomes()} == {True}


def test_the_events_of_a_transaction_carry_it():
    connection = ready()
    transaction = connection.begin(ENVELOPE, size=7)
    assert (transaction.size, transaction.eight_bit) == (7, False)
    connection.data_to_send()
    connection.receive_data(b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert connection.next_event() == events.ContentWanted(transaction)
    connection.send_content(b"x\r\n")
    connection.data_to_send()
    connection.receive_data(b"250 ok\r\n")
    assert connection.next_event() == events.TransactionDone(transaction)
    assert connection.next_event() is None


def test_a_refused_mail_is_all_of_its_transaction():
    """Without PIPELINING nothing else leaves: there is nothing to clean up."""
    connection = ready(b"250 SIZE\r\n")
    transaction = connection.begin(ENVELOPE)
    assert connection.data_to_send() == b"MAIL FROM:<a@example.com>\r\n"
    connection.receive_data(b"550 no\r\n")
    assert connection.next_event() == events.TransactionDone(transaction)
    assert connection.data_to_send() == b""
    assert transaction.outcomes()[0].status is Status.REJECTED


def test_only_spaces_stand_between_the_enhanced_status_and_the_text():
    reply = parsed(b"250-2.1.5  Xy\r\n250-2.1.5 \tz\r\n250 2.1.5 X\r\n")
    assert reply == Reply(250, ("Xy", "\tz", "X"), "2.1.5")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"rubbish correct-horse\r\n", "the server sent a line that is no reply: 'rubbish ***'"),
        (
            b"rubbish corREct-hoRSE",
            "the server closed the connection in reply to the connection, after '***'",
        ),
        (
            # What an error has room for ends within the secret.
            b"x" * 74 + b"correct-horse\r\n",
            f"the server sent a line that is no reply: '{'x' * 74}***'",
        ),
        (
            b"220-corr\r\n221 ect-horse\r\n",
            "the server sent a line of another code in the middle of a 220: '221 ***'",
        ),
        (b"220-corre\r\n220-ct-ho\r\n220-rse", "after '220-*** / 220-*** / 220-***'"),
    ],
)
def test_what_is_no_reply_is_quoted_without_the_secret(said, error):
    lines = []
    connection = Connection(
        local_name="client.example",
        password="correct-horse",
        transcript=lambda _, line: lines.append(line),
    )
    connection.receive_data(said)
    connection.receive_eof()
    assert error in str(connection.state.end)
    assert b"horse" not in b"".join(lines)
