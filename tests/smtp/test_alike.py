"""Replies to RCPT that are alike are taken together: no more comes of these than of each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailbatch.envelope import Envelope
from mailbatch.smtp import answers
from mailbatch.smtp.connection import Connection

HELLO = b"220 ready\r\n", b"250-there\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n"
OK = b"250 2.1.5 Ok\r\n"
LINES = (OK, OK, OK, b"250 2.1.0 Ok\r\n", b"250 Ok\r\n", b"254 2.1.5 Ok\r\n", b"550 5.1.1 no\r\n",
         b"452 4.5.3 Too many recipients\r\n", b"250-2.1.5 a\r\n250 2.1.5 b\r\n",
         b"354 go\r\n", b"503 5.5.1 first MAIL\r\n", b"421 4.3.2 bye\r\n")  # fmt: skip


def conversation(recipients, said, *, cut, looked_at, at_once=None):
    """Return all that a connection makes of the replies; `looked_at`: each is looked at alone."""
    shown = (lambda _side, _line: None) if looked_at else None
    connection = Connection(local_name="me.example", transcript=shown)
    connection.receive_data(HELLO[0])
    connection.hello()
    connection.data_to_send()
    connection.receive_data(HELLO[1])
    paths = tuple(f"user{n}@example.net" for n in range(recipients))
    transaction = connection.begin(Envelope("a@example.com", paths), at_once=at_once)
    sent = connection.data_to_send()
    for start in range(0, len(said), cut):
        connection.receive_data(said[start : start + cut])
        sent += connection.data_to_send()
    events = []
    try:
        while (event := connection.next_event()) is not None:
            events.append(type(event).__name__)
    except Exception as error:  # noqa: BLE001 - compared
        events.append(repr(error))
    connection.connection_lost("the end of the test")
    state = connection.state
    outcomes = list(transaction.outcomes())
    return sent, events, outcomes, transaction.accepted, state.replies, state.refusals, state.phase


@given(
    st.integers(1, 30),
    st.lists(st.sampled_from(LINES), min_size=1, max_size=40),
    st.integers(1, 500),
    st.sampled_from([None, 3]),
)
def test_the_same_comes_of_replies_together_and_alone(recipients, lines, cut, at_once):
    """Whatever the server says, however it is cut."""
    said = b"".join(lines)
    together = conversation(recipients, said, cut=cut, looked_at=False, at_once=at_once)
    assert together == conversation(recipients, said, cut=cut, looked_at=True, at_once=at_once)


def test_a_thousand_that_are_alike_are_looked_at_once(monkeypatch):
    """One call for the first of a run of bytes, and none for the others."""
    seen = []
    take = answers.ANSWERS[answers.Verb.RCPT]
    counting = {**answers.ANSWERS, answers.Verb.RCPT: lambda *a: (seen.append(1), take(*a))}
    monkeypatch.setattr(answers, "ANSWERS", counting)
    said = b"250 2.1.0 Ok\r\n" + OK * 1000 + b"354 go\r\n"
    found = conversation(1000, said, cut=1 << 20, looked_at=False)
    assert found[1] == ["Greeted", "HelloDone", "ContentWanted"]
    assert found[3] == 1000
    assert len(seen) == 1


def test_a_reply_too_many_is_found_among_those_that_are_alike():
    """One for each RCPT and no more: the next one is the reply to DATA, which it cannot be."""
    found = conversation(5, b"250 2.1.0 Ok\r\n" + OK * 6, cut=1 << 20, looked_at=False)
    assert found[1][-1] == "RemoteProtocolError('the server said 250 in reply to DATA')"
