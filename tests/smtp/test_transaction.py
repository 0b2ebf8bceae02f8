"""The settling rules: what replies come to, computed and compared with a second opinion."""

import itertools

import pytest

from mailbatch.envelope import Envelope
from mailbatch.errors import LocalProtocolError, RemoteProtocolError
from mailbatch.outcome import Reply, Status
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.transaction import Course, Transaction

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


def expected_of_flight(mail, rcpts, bdat):
    """The same for one flight with BDAT, all of it handed over."""
    refused = mail is not None and mail >= 400
    ended = 421 in rcpts
    lost = bdat is None and not ended
    found = []
    for index, code in enumerate(rcpts):
        before = rcpts[:index]
        if refused and not (lost and code == 250):
            found.append("deferred" if mail < 500 else "rejected")
        elif code is None or (code == 250 and bdat is None):
            found.append("in_doubt" if lost else "pending")
        elif code == 250 and bdat == 250:
            found.append("accepted")
        elif code == 250:
            failed = any(b is not None and b >= 400 for b in rcpts)
            unsent = bdat in {502, 503} or (bdat == "554 5.5.1" and failed)
            found.append("pending" if unsent else "deferred" if bdat == 451 else "rejected")
        elif (code == 452 and 250 in before) or (code == 503 and any(b >= 400 for b in before)):
            found.append("pending")
        elif code == 421 and any(b is not None and b >= 400 for b in before):
            found.append("pending")  # one refusal too many, of somebody else
        else:
            found.append("deferred" if code < 500 else "rejected")
    return found


def flights():
    """Every way in which a flight to two recipients can go."""
    for mail in (None, 250, 451, 550):
        for rcpts in itertools.product((None, 250, 421, 450, 452, 550, 503), repeat=2):
            if rcpts[1] is not None and rcpts[0] in {None, 421}:
                continue
            if mail is None and rcpts != (None, None):
                continue
            known = None not in rcpts and 421 not in rcpts
            for bdat in (None, 250, 451, 502, 503, 554, "554 5.5.1") if known else (None,):
                if not (mail in {451, 550} and 250 in rcpts and bdat == 250):
                    yield mail, rcpts, bdat


def flown(mail, rcpts, bdat):
    """The settled transaction of a flight."""
    made = transaction("b@x", "c@x")
    made.chunked = made.handed_over = made.end_of_data_handed_over = True
    if mail is not None:
        made.take_mail(Reply(mail), 0)
    for code in rcpts:
        if code is not None:
            made.take_rcpt(Reply(code), 0)
    if bdat is not None:
        made.take_chunk(Reply(554, (), "5.5.1") if bdat == "554 5.5.1" else Reply(bdat))
    made.broken = "broken off"
    made.settled = True
    return made


def test_the_table_of_outcomes_of_a_flight():
    """Every combination of replies to one flight comes to what the table says."""
    seen = 0
    for flight in flights():
        assert statuses(flown(*flight)) == expected_of_flight(*flight), flight
        seen += 1
    assert seen > 300


def test_a_flight_uses_no_attempt_only_where_there_is_no_bdat():
    """That cannot happen again, since the session then goes by DATA."""
    for mail, rcpts, bdat in flights():
        made = flown(mail, rcpts, bdat)
        assert any(o.counted for o in made.outcomes()) or made.knows_no_bdat, (mail, rcpts, bdat)


def test_who_refuses_mail_and_takes_all_behind_it_contradicts_itself():
    """Nothing of what it says is believed: those whom it accepted are in doubt."""
    made = flown(550, (250, 503), None)
    with pytest.raises(RemoteProtocolError, match="nevertheless"):
        made.take_chunk(OK)
    assert statuses(made) == ["in_doubt", "rejected"]


@pytest.mark.parametrize(
    ("mail", "rcpts", "data", "final", "verb"),
    [
        (None, (None, None), None, None, None),
        (250, (250, 250), 354, 250, None),
        (451, (None, None), None, None, Verb.MAIL),
        (550, (503, 503), 503, None, Verb.MAIL),
        (250, (550, 550), 554, None, None),  # each has a reply of its own
        (250, (550, 250), 451, None, Verb.DATA),
        (250, (550, 250), 503, None, None),  # follows from the refusal before it
        (250, (250, 550), 354, 554, Verb.END_OF_DATA),
        (250, (250, 250), 354, 421, Verb.END_OF_DATA),
    ],
)
def test_a_transaction_knows_by_which_command_it_was_refused(mail, rcpts, data, final, verb):
    made = played(mail, rcpts, data, final, dot=final is not None)
    refusal = made.refusal
    assert (None if refusal is None else refusal[0]) is verb


def test_no_attempt_is_endless():
    """Of what was tried at least one recipient counts: nothing can be tried for ever.

    Else the session broke behind "too many recipients": the run learns how many are taken.
    """
    for play in plays():
        _, rcpts, *_ = play
        crowded = rcpts[0] == 250 and rcpts[1] == 452
        assert any(outcome.counted for outcome in played(*play).outcomes()) or crowded, play


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
