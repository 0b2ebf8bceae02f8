"""The settling rules: what replies come to, computed and compared with a second opinion."""

import itertools

import pytest

from mailbatch.envelope import Envelope
from mailbatch.errors import LocalProtocolError, RemoteProtocolError
from mailbatch.outcome import Reply, Status
from mailbatch.smtp.transaction import Course, Transaction, is_full

OK = Reply(250, ("ok",))
GO = Reply(354, ("go",))
FULL = Reply(452, ("too many recipients",), "4.5.3")


def transaction(*paths):
    """An open transaction to these recipients."""
    return Transaction(Envelope("a@example.com", paths or ("b@x", "c@x")), size=1, eight_bit=False)


def settled(**noted):
    """A settled transaction to b, c and d with these notes."""
    made = transaction("b@x", "c@x", "d@x")
    made.handed_over = True
    for name, value in noted.items():
        setattr(made, name, value)
    made.accepted = sum(reply.code < 300 for reply in made.rcpt_replies)
    made.settled = True
    return made


def statuses(made):
    """The statuses only."""
    return [outcome.status.value for outcome in made.outcomes()]


def test_open_transactions_have_no_outcomes():
    """Nobody can read outcomes while replies are to come."""
    made = transaction()
    with pytest.raises(LocalProtocolError, match="still open"):
        made.outcomes()
    assert repr(made) == "<Transaction open, 2 recipients>"
    made.settled = True
    made.broken = "x"
    assert repr(made) == "<Transaction settled, 2 recipients>"


def test_nothing_handed_over_uses_no_attempt():
    """What never left cannot have been an attempt."""
    made = settled(handed_over=False, broken="connection lost")
    assert {(o.status, o.counted, o.reason) for o in made.outcomes()} == {
        (Status.PENDING, False, "not sent: connection lost")
    }


def test_the_reply_travels_unchanged():
    """Outcomes hold the very reply that the server gave."""
    final = Reply(250, ("queued as 1",))
    made = settled(
        mail_reply=OK, rcpt_replies=[OK, OK, FULL], data_reply=GO, final_reply=final
    )  # fmt: skip
    assert [outcome.reply for outcome in made.outcomes()] == [final, final, FULL]
    assert made.outcomes()[2].reply is FULL


def test_skipped_because_full():
    """Recipients whom nobody asked about any more are pending, also if the rest breaks off."""
    made = settled(
        mail_reply=OK, rcpt_replies=[OK, FULL], full=True, broken="lost",
        end_of_data_handed_over=True,
    )  # fmt: skip
    assert statuses(made) == ["in_doubt", "pending", "pending"]
    assert [outcome.counted for outcome in made.outcomes()] == [True, False, False]


@pytest.mark.parametrize(
    ("reply", "full"),
    [
        (Reply(452), True),
        (Reply(452, ("out of storage",)), True),
        (Reply(452, (), "4.5.3"), True),
        (Reply(452, (), "4.3.1"), True),
        (Reply(452, (), "4.2.2"), False),
        (Reply(452, (), "4.1.1"), False),
        (Reply(552), False),
        (Reply(552, (), "5.5.3"), True),
        (Reply(552, (), "5.2.2"), False),
        (Reply(552, ("Too Many Recipients",)), True),
        (Reply(552, ("too many recipients",), "5.7.1"), False),
        (Reply(450, ("too many recipients",)), True),
        (Reply(550, (), "5.5.3"), True),
        (Reply(450), False),
        (Reply(550), False),
    ],
)
def test_is_full(reply, full):
    """RFC 5321 4.5.3.1.10 and what servers make of it."""
    assert is_full(reply) is full


def expected(mail, rcpts, data, final, *, dot):
    """The table of outcomes, written a second time: replies as codes, None for none."""
    if mail is not None and mail >= 400:
        return ["deferred" if mail < 500 else "rejected"] * len(rcpts)
    fate = "in_doubt" if dot else "pending"
    failed = [code for code in rcpts if code is not None and code >= 400]
    if data is not None and data >= 400:
        fate = "deferred" if data < 500 else "rejected"
        if data == 503 and failed:
            fate = "pending"
    if final is not None:
        fate = {2: "accepted", 4: "deferred", 5: "rejected"}[final // 100]
    found = []
    for index, code in enumerate(rcpts):
        before = rcpts[:index]
        if code is None:
            found.append("pending")
        elif code < 300:
            found.append(fate)
        elif (code == 452 and any(b < 300 for b in before)) or (
            code == 503 and any(b >= 400 for b in before)
        ):
            found.append("pending")
        else:
            found.append("deferred" if code < 500 else "rejected")
    return found


def plays():
    """Every way in which a transaction to two recipients can go, as codes."""
    for mail in (None, 250, 451, 550):
        for rcpts in itertools.product((None, 250, 450, 452, 550, 503), repeat=2):
            known = mail is not None and None not in rcpts
            if rcpts[0] is None and rcpts[1] is not None:
                continue
            for data in (None, 354, 451, 503, 554) if known else (None,):
                wanted = data == 354 and mail == 250 and 250 in rcpts
                for final in (None, 250, 421, 451, 554) if wanted else (None,):
                    for dot in (False, True) if wanted else (False,):
                        if final != 250 or dot:
                            yield mail, rcpts, data, final, dot


def played(mail, rcpts, data, final, dot):
    """The settled transaction of a play."""
    made = transaction("b@x", "c@x")
    made.handed_over = True
    made.mail_reply = mail and Reply(mail)
    made.rcpt_replies = [Reply(code) for code in rcpts if code is not None]
    made.accepted = sum(code == 250 for code in rcpts)
    made.data_reply = data and Reply(data)
    made.final_reply = final and Reply(final)
    made.end_of_data_handed_over = dot
    made.broken = "broken off"
    made.settled = True
    return made


def test_the_table_of_outcomes():
    """Every combination of replies comes to what the table says, whoever works it out."""
    seen = 0
    for mail, rcpts, data, final, dot in plays():
        made = played(mail, rcpts, data, final, dot)
        assert statuses(made) == expected(mail, rcpts, data, final, dot=dot), (mail, rcpts, data)
        assert [outcome.address for outcome in made.outcomes()] == ["b@x", "c@x"]
        seen += 1
    assert seen > 300


def test_no_attempt_is_endless():
    """Of what was tried at least one recipient counts: nothing can be tried for ever."""
    for play in plays():
        assert any(outcome.counted for outcome in played(*play).outcomes()), play


def test_courses_in_lock_step():
    """What is not sent yet can be held back."""
    assert transaction().take_mail(Reply(550), 3) is Course.STOP
    assert transaction().take_mail(OK, 3) is Course.GO_ON
    made = transaction()
    assert made.take_rcpt(Reply(450), 2) is Course.GO_ON
    assert made.take_rcpt(Reply(550), 1) is Course.RSET
    made = transaction()
    assert made.take_rcpt(OK, 2) is Course.GO_ON
    assert made.take_rcpt(FULL, 1) is Course.GO_ON
    made = transaction("b@x", "c@x", "d@x")
    assert made.take_rcpt(OK, 3) is Course.GO_ON
    assert made.take_rcpt(FULL, 2) is Course.DATA


def test_courses_in_a_group():
    """What is in flight cannot be held back; the replies decide what follows DATA."""
    refused = transaction()
    assert refused.take_mail(Reply(550), 0) is Course.GO_ON
    assert refused.take_rcpt(Reply(503), 0) is Course.GO_ON
    assert refused.take_data(Reply(503)) is Course.STOP
    assert refused.take_data(GO) is Course.LONE_DOT
    assert refused.take_rcpt(OK, 0) is Course.GO_ON
    with pytest.raises(RemoteProtocolError):
        refused.take_data(GO)
    made = transaction()
    made.take_mail(OK, 0)
    assert made.take_data(GO) is Course.LONE_DOT
    assert made.take_data(Reply(554)) is Course.RSET
    made.take_rcpt(OK, 0)
    assert made.take_data(GO) is Course.CONTENT
    assert made.take_data(Reply(451)) is Course.RSET
