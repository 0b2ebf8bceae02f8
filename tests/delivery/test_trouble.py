"""Whose trouble is it? Each row of the policy, from the server's reply to the results.

The server is scripted: it says what a submission service says. A refusal that is nobody's own costs
nobody an outcome or an attempt, and whoever the service lets in again sends to everybody, once.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
from collections import Counter
from dataclasses import dataclass, field

import pytest
import yaml

from mailbatch.delivery.options import RunOptions, Silence, Summary
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from tests.certainty.scene import Scene
from tests.support.fault_server import FaultServer
from tests.support.faults import Stage
from tests.support.script import CLOSE, Script, Turn

#: Long enough for waits of a twentieth of a second, and short enough for a test.
PATIENCE = {"give_up_after": "1s"}


@dataclass
class Mailing:
    """A scene, the server that it is sent to, and the script by which that server answers."""

    scene: Scene
    server: FaultServer
    script: Script
    summaries: list[Summary] = field(default_factory=list)

    def run(self, **options) -> Summary:
        self.summaries.append(self.scene.run(**options))
        return self.summaries[-1]

    @property
    def statuses(self) -> dict[str, int]:
        return dict(Counter(self.scene.statuses().values()))

    @property
    def attempts(self) -> set[str]:
        return {row["attempts"] for row in self.scene.results() if row["status"] != "accepted"}

    def check(self, *, finished: bool) -> None:
        self.scene.check(self.server.deliveries(), finished=finished)

    def heal(self) -> None:
        """Let the server be well: the next run sends to everybody who has nothing, once."""
        self.script.healed = True
        summary = self.run()
        assert summary.exit_code == 0
        assert self.statuses == {"accepted": self.scene.recipients}
        self.check(finished=True)


@pytest.fixture
def mailing(tmp_path):
    """Start a server by a script, and make a mailing to it."""
    with contextlib.ExitStack() as stack:

        def make(decide, *, recipients=20, settings=None, **scene) -> Mailing:
            script = Script(decide)
            server = stack.enter_context(FaultServer(script, **(settings or {})))
            scene.setdefault("retry", PATIENCE)
            if scene.get("group"):
                scene["text"] = "Hello\n"
            made = Scene(tmp_path / "s", server.port, recipients=recipients, attempts=3, **scene)
            return Mailing(made, server, script)

        yield make


def at(stage: Stage, text: str, *, after: int = 0, times: int | None = None):
    """Answer so at a stage, behind `after` right replies, `times` times or always."""

    def decide(turn: Turn) -> str | None:
        if turn.stage is not stage or turn.count <= after:
            return None
        return text if times is None or turn.count <= after + times else None

    return decide


everywhere = pytest.mark.parametrize(
    ("chunking", "sessions"), [(False, 1), (False, 4), (True, 1), (True, 4)],
    ids=["data-1", "data-4", "bdat-1", "bdat-4"],
)  # fmt: skip


# -- sender, content or account --------------------------------------------------------------------


@everywhere
def test_an_account_that_is_suspended_costs_nobody_an_outcome(mailing, chunking, sessions):
    suspended = at(Stage.DOT, "554 5.7.1 Sending suspended", after=10)
    made = mailing(suspended, recipients=200, sessions=sessions, settings={"chunking": chunking})
    summary = made.run()
    assert summary.exit_code == 69
    assert "Sending suspended" in str(summary.failure)
    assert made.statuses == {"accepted": 10, "pending": 190}
    assert summary.transactions <= 20 + sessions
    assert made.attempts == {"0"}
    made.check(finished=False)
    made.heal()


@everywhere
def test_a_sender_that_is_refused_costs_nobody_an_outcome(mailing, chunking, sessions):
    refused = at(Stage.MAIL, "550 5.7.1 Account suspended", after=10)
    made = mailing(refused, recipients=40, sessions=sessions, settings={"chunking": chunking})
    summary = made.run()
    assert summary.exit_code == 69
    assert made.statuses == {"accepted": 10, "pending": 30}
    assert summary.transactions <= 13 + sessions
    made.heal()


def test_a_whole_group_that_is_refused_is_one_refusal(mailing):
    made = mailing(at(Stage.DOT, "554 5.7.1 Sending suspended"), recipients=30, group=True)
    summary = made.run()
    assert summary.exit_code == 3
    assert made.statuses == {"rejected": 30}


def test_texts_that_differ_in_ids_are_the_same_refusal(mailing):
    def suspended(turn: Turn) -> str | None:
        text = f"554 5.7.1 <user{turn.count}@example.net> 4XyZ{turn.count}: suspended"
        return text if turn.stage is Stage.DOT else None

    made = mailing(suspended)
    assert made.run().exit_code == 69
    assert made.statuses == {"pending": 20}


def test_refusals_that_differ_are_the_recipients_own(mailing):
    said = ["550 5.7.1 spam", "554 5.6.0 bad content"]
    made = mailing(lambda turn: said[turn.count % 2] if turn.stage is Stage.DOT else None)
    assert made.run().exit_code == 3
    assert made.statuses == {"rejected": 20}


def test_refusals_with_somebody_accepted_in_between_are_the_recipients_own(mailing):
    def ninth(turn: Turn) -> str | None:
        return "554 5.7.1 spam" if turn.stage is Stage.DOT and turn.count % 9 else None

    made = mailing(ninth)
    assert made.run().exit_code == 3
    assert made.statuses == {"rejected": 18, "accepted": 2}


def test_a_run_that_is_interrupted_gives_back_whom_nobody_was_accepted_behind(mailing):
    """Nobody can know yet whose trouble it was."""

    def five_then_nothing(turn: Turn) -> str | None:
        if turn.stage is Stage.DOT:
            return "554 5.7.1 no"
        return "530 5.7.0 Authentication required" if _at(turn, Stage.MAIL, 6) else None

    made = mailing(five_then_nothing)
    assert made.run().exit_code == 77
    assert made.statuses == {"pending": 20}
    made.heal()


def _at(turn: Turn, stage: Stage, behind: int) -> bool:
    return turn.stage is stage and turn.count >= behind


@pytest.mark.parametrize("sessions", [1, 4])
def test_an_account_that_is_blocked_at_rcpt(mailing, sessions):
    """Fifty in a row, over ten domains."""
    blocked = at(Stage.RCPT, "550 5.7.1 Account blocked", after=5)
    made = mailing(blocked, recipients=120, domains=12, sessions=sessions)
    summary = made.run()
    assert summary.exit_code == 69
    assert made.statuses == {"accepted": 5, "pending": 115}
    assert summary.transactions <= 55 + sessions
    made.heal()


def test_a_domain_that_is_blocked_is_its_recipients_own(mailing):
    made = mailing(at(Stage.RCPT, "550 5.7.1 blocked here"), recipients=60, domains=9)
    assert made.run().exit_code == 3
    assert made.statuses == {"rejected": 60}


def test_a_group_in_which_everybody_is_refused_alike(mailing):
    made = mailing(
        at(Stage.RCPT, "550 5.7.1 Account blocked"), recipients=60, domains=12, group=True
    )
    assert made.run().exit_code == 69
    assert made.statuses == {"pending": 60}
    made.heal()


def test_a_service_that_refuses_the_account_for_now_by_a_word_of_never(mailing):
    """Mailgun ends each session so; ten of them are enough."""
    never = "421 Domain example.com is not allowed to send: Account disabled"
    made = mailing(at(Stage.DATA, never), recipients=20)
    summary = made.run()
    assert summary.exit_code == 69
    assert summary.transactions == 10
    assert made.statuses.get("rejected") is None
    made.heal()


# -- not let in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
@pytest.mark.parametrize(
    "reply",
    [
        "530 5.7.0 Authentication required",
        "538 5.7.11 Encryption required for requested authentication mechanism",
        "550 5.7.30 Basic authentication is not supported",
        "550 Unauthenticated senders not allowed",
        "530 5.5.1 Invalid command: Must issue a STARTTLS command first",
    ],
)
def test_a_session_that_was_not_let_in_ends_the_run(mailing, stage, reply):
    made = mailing(at(stage, reply), recipients=10)
    summary = made.run()
    assert summary.exit_code == 77
    assert summary.transactions == 1
    assert "server.username" in summary.failure.hint
    assert made.statuses == {"pending": 10}
    assert made.attempts == {"0"}
    made.heal()


def test_a_group_of_which_nobody_may_be_mailed_without_a_login(mailing):
    made = mailing(at(Stage.RCPT, "530 Authentication required"), recipients=30, group=True)
    assert made.run().exit_code == 77
    assert made.statuses == {"pending": 30}
    made.heal()


# -- the session -----------------------------------------------------------------------------------


def test_a_session_that_is_out_of_step_is_followed_by_a_new_one(mailing):
    made = mailing(at(Stage.MAIL, "503 5.5.1 bad sequence", after=3, times=1))
    summary = made.run()
    assert summary.exit_code == 0
    assert summary.sessions == 2


def test_a_server_that_is_out_of_step_in_every_session(mailing):
    made = mailing(at(Stage.MAIL, "503 5.5.1 bad sequence"))
    summary = made.run()
    assert summary.exit_code == 69
    assert (summary.sessions, summary.transactions) == (2, 2)
    assert made.statuses == {"pending": 20}
    made.heal()


@everywhere
@pytest.mark.parametrize("reply", ["452 4.5.3 Too many messages sent", "450 no", "421 bye", CLOSE])
def test_a_session_has_a_limit(mailing, reply, chunking, sessions):
    """Everybody is sent to in one run, and the run says which number would have told it."""

    def sixth(turn: Turn) -> str | None:
        return reply if turn.stage is Stage.MAIL and turn.in_session > 5 else None

    made = mailing(sixth, recipients=40, sessions=sessions, settings={"chunking": chunking})
    summary = made.run()
    assert summary.learned == {"transactions_per_session": 5}
    if chunking and reply is CLOSE:  # nobody knows what became of a flight that was cut off
        assert summary.exit_code == 4
        assert 2 <= made.statuses["in_doubt"] <= 2 * sessions
        return
    assert summary.exit_code == 0
    assert made.statuses == {"accepted": 40}
    assert {row["attempts"] for row in made.scene.results()} == {"1"}
    assert summary.transactions <= 40 + 3 * sessions
    made.check(finished=True)


def test_a_limit_of_the_account_is_no_limit_of_the_session(mailing):
    """It names the day: nothing is learned of the session, and nothing is tried in another one."""
    made = mailing(at(Stage.MAIL, "452 4.5.3 Daily message limit exceeded", after=7))
    summary = made.run()
    assert summary.exit_code == 75
    assert summary.learned == {}
    assert made.statuses == {"accepted": 7, "pending": 13}
    assert summary.transactions == 8
    made.heal()


def test_a_session_that_ends_because_of_others_uses_up_no_attempt(mailing):
    """msmtpd closes behind each refusal; the next MAIL gets no reply."""
    closing: set[int] = set()

    def closes(turn: Turn) -> str | None:
        if turn.stage is Stage.RCPT and turn.recipient[1] < "user4":
            closing.add(turn.connection)
            return "554 5.1.1 no such user"
        return CLOSE if turn.connection in closing else None

    made = mailing(closes, recipients=40)
    assert made.run().exit_code == 3
    rows = made.scene.results()
    assert {row["attempts"] for row in rows} == {"1"}
    assert {row["status"] for row in rows if row["email"] >= "user4"} == {"accepted"}
    made.check(finished=True)


def test_a_server_that_ends_sessions_at_the_third_error(mailing):
    """chasquid: five dead addresses take nobody with them."""
    errors: Counter[int] = Counter()
    dead = {f"user{number}@example.net" for number in (1, 2, 3, 30, 31)}

    def third(turn: Turn) -> str | None:
        if turn.stage is not Stage.RCPT or turn.recipient[1] not in dead:
            return None
        errors[turn.connection] += 1
        return "421 4.5.0 Too many errors, bye" if errors[turn.connection] > 2 else "550 5.1.1 no"

    made = mailing(third, recipients=60, group=True)
    summary = made.run()
    assert made.statuses == {"accepted": 55, "rejected": 5}
    assert summary.exit_code == 3
    made.check(finished=True)


@pytest.mark.parametrize(("pipelining", "sessions"), [(True, 7), (False, 4)])
def test_no_session_asks_for_more_than_servers_grant(mailing, pipelining, sessions):
    """Eight refused commands: Postfix is slow from the tenth on, Exim refuses the twelfth RSET."""
    settings = {"pipelining": pipelining}
    refused = at(Stage.RCPT, "550 5.1.1 no such user")
    made = mailing(refused, recipients=25, settings=settings, pipelining=pipelining)
    summary = made.run()
    assert made.statuses == {"rejected": 25}
    assert summary.sessions == sessions
    assert len(made.server.stages(Stage.RSET)) <= 25


def test_a_reset_that_is_refused_is_the_end_of_a_session(mailing):
    def refused(turn: Turn) -> str | None:
        if turn.stage is Stage.RCPT and turn.recipient[1].startswith("user1"):
            return "550 5.1.1 no such user"
        return "554 Too many nonmail commands" if turn.stage is Stage.RSET else None

    made = mailing(refused, recipients=30)
    assert made.run().exit_code == 3
    assert made.statuses == {"accepted": 19, "rejected": 11}
    assert {row["attempts"] for row in made.scene.results()} == {"1"}


def test_an_idle_session_that_ends_is_no_loss(mailing):
    """Amazon SES says 451 unasked, where others say 421."""

    def idle(turn: Turn) -> str | None:
        timeout = "451 4.4.2 Timeout waiting for data from client."
        return timeout if turn.stage is Stage.IDLE and turn.count % 3 == 0 else None

    made = mailing(idle, recipients=12)
    summary = made.run()
    assert summary.exit_code == 0
    assert {row["attempts"] for row in made.scene.results()} == {"1"}
    made.check(finished=True)


def test_a_session_is_ended_before_a_long_wait(mailing):
    """Services close what idles; nobody is told of the waits that the job asks for."""
    waits: list[float] = []

    class Watching(Silence):
        def waiting(self, seconds: float, what: str) -> None:
            waits.append(seconds)

    made = mailing(lambda _turn: None, recipients=2, rate="6/min")
    done = threading.Event()

    def stop_behind_the_quit() -> None:
        with contextlib.suppress(TimeoutError):
            made.server.wait_for(stage="quit", seconds=30.0)
        signal.raise_signal(signal.SIGTERM)
        done.set()

    thread = threading.Thread(target=stop_behind_the_quit)
    thread.start()
    summary = run(load_job(made.scene.job), RunOptions(), progress=Watching(), environ={})
    thread.join()
    assert done.is_set()
    assert summary.exit_code == 75
    assert made.statuses == {"accepted": 1, "pending": 1}
    assert len(made.server.stages(Stage.QUIT)) == 1
    assert waits == []


# -- too many recipients ---------------------------------------------------------------------------


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    "reply", ["452 4.5.3 Too many recipients", "552 Too many recipients", "452 Too many"]
)
def test_how_many_recipients_a_transaction_has_is_learned(mailing, reply, pipelining):
    def eighth(turn: Turn) -> str | None:
        full = turn.stage is Stage.RCPT and turn.recipient[0] > 7
        return reply if full else None

    settings = {"pipelining": pipelining}
    made = mailing(eighth, recipients=60, group=True, settings=settings)
    summary = made.run()
    assert summary.exit_code == 0
    assert made.statuses == {"accepted": 60}
    assert summary.learned == {"recipients_per_transaction": 7}
    assert summary.transactions == 9  # 8 times 7, and 4
    asked = len(made.server.stages(Stage.RCPT))
    assert asked == (60 + 53 if pipelining else 61)
    made.check(finished=True)


def test_few_recipients_are_asked_in_vain(mailing):
    """Of a thousand a hundred at most."""

    def full(turn: Turn) -> str | None:
        too_many = turn.stage is Stage.RCPT and turn.recipient[0] > 100
        return "452 too many recipients" if too_many else None

    made = mailing(full, recipients=1000, group=True)
    summary = made.run()
    assert summary.exit_code == 0
    assert summary.learned == {"recipients_per_transaction": 100}
    assert len(made.server.stages(Stage.RCPT)) == 1100
    made.check(finished=True)


@pytest.mark.parametrize("chunking", [False, True])
@pytest.mark.parametrize(
    ("reply", "most"),
    [
        ("554 Transaction failed: Recipient count exceeds 5.", 5),
        ("554 5.5.3 Too many recipients", 6),
    ],
)
def test_too_many_recipients_may_be_said_behind_the_content(mailing, reply, most, chunking):
    count: Counter[int] = Counter()

    def crowded(turn: Turn) -> str | None:
        if turn.stage is Stage.MAIL:
            count[turn.connection] = 0
        if turn.stage is Stage.RCPT:
            count[turn.connection] += 1
        return reply if turn.stage is Stage.DOT and count[turn.connection] > most else None

    made = mailing(crowded, recipients=12, group=True, settings={"chunking": chunking})
    summary = made.run()
    assert summary.exit_code == 0
    assert made.statuses == {"accepted": 12}
    assert summary.learned == {"recipients_per_transaction": most}
    assert {row["attempts"] for row in made.scene.results()} == {"1"}
    made.check(finished=True)


def test_a_recipient_who_is_taken_and_thrown_away_is_rejected(mailing):
    def suppressed(turn: Turn) -> str | None:
        second = turn.stage is Stage.RCPT and turn.recipient[1].startswith("user2@")
        return "254 4.7.1 Suppression for user2 to x" if second else None

    made = mailing(suppressed, recipients=4)
    assert made.run().exit_code == 3
    row = made.scene.results()[1]
    assert (row["status"], row["reply_code"], row["reply"][:11]) == (
        "rejected",
        "254",
        "4.7.1 Suppr",
    )
    assert made.statuses == {"accepted": 3, "rejected": 1}


def test_announced_limits_are_kept_from_the_first_transaction_on(mailing):
    """RFC 9422."""
    limits = ["PIPELINING", "LIMITS MAILMAX=3 RCPTMAX=4 RCPTDOMAINMAX=2"]
    settings = {"extensions": limits}
    made = mailing(lambda _turn: None, recipients=24, domains=3, group=True, settings=settings)
    summary = made.run()
    assert summary.exit_code == 0
    assert summary.learned == {}
    for message in made.server.deliveries():
        assert len(message.recipients) <= 4
        assert len({address.partition("@")[2] for address in message.recipients}) <= 2
    mails = Counter(record["connection"] for record in made.server.stages(Stage.MAIL))
    assert max(mails.values()) == 3
    made.check(finished=True)


@pytest.mark.parametrize("rcpt_max", [1, 2, 3])
def test_copies_of_a_cut_envelope_are_sent_once_each(mailing, rcpt_max):
    settings = {"extensions": ["PIPELINING", f"LIMITS RCPTMAX={rcpt_max}"]}
    made = mailing(lambda _turn: None, recipients=5, group=True, settings=settings)
    job = yaml.safe_load(made.scene.job.read_text(encoding="utf-8"))
    job["message"]["cc"] = ["boss@example.org", "desk@example.org"]
    made.scene.job.write_text(yaml.safe_dump(job), encoding="utf-8")
    assert made.run().exit_code == 0
    assert made.statuses == {"accepted": 5}
    got = Counter(address for one in made.server.deliveries() for address in one.recipients)
    assert got == dict.fromkeys([*made.scene.addresses, "boss@example.org", "desk@example.org"], 1)


def test_copies_are_given_back_with_their_recipients(mailing):
    made = mailing(at(Stage.DOT, "554 5.7.1 Sending suspended"), recipients=12)
    job = yaml.safe_load(made.scene.job.read_text(encoding="utf-8"))
    job["message"]["cc"] = ["boss@example.org"]
    made.scene.job.write_text(yaml.safe_dump(job), encoding="utf-8")
    assert made.run().exit_code == 69
    made.script.healed = True
    assert made.run().exit_code == 0
    got = Counter(address for one in made.server.deliveries() for address in one.recipients)
    assert got["boss@example.org"] == 12


def test_one_address_that_ends_every_session_does_not_use_up_the_others(mailing):
    ends = "421 4.3.2 not this one"
    made = mailing(
        lambda turn: ends if turn.recipient and turn.recipient[1].startswith("user4@") else None,
        recipients=10,
        group=True,
    )
    made.run()
    assert made.statuses["accepted"] == 9
    made.check(finished=False)


# -- nothing is tried for ever ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "second", ["452 4.3.1 Insufficient system storage", "450 4.7.1 throttled", "451 4.3.0 no"]
)
def test_what_ends_sessions_without_an_outcome_ends_some_time(mailing, second):
    """A full disk: one is taken, one is not, and the connection is closed at DATA."""

    def full(turn: Turn) -> str | None:
        if turn.stage is Stage.RCPT and turn.recipient[0] > 1:
            return second
        return CLOSE if turn.stage is Stage.DATA else None

    made = mailing(full, recipients=4, group=True)
    summary = made.run()
    assert summary.exit_code in {69, 75}
    assert summary.sessions <= 8
    made.heal()


def test_what_was_under_way_when_a_streak_ended_the_run_changes_nothing(mailing):
    """Another refusal in between, too: the streak is given back from its first refusal on."""

    def suspended(turn: Turn) -> str | None:
        if turn.stage is not Stage.DOT:
            return None
        return "550 5.7.1 spam" if turn.count == 5 else "554 5.7.1 suspended"

    made = mailing(suspended, recipients=30)
    assert made.run().exit_code == 69
    assert made.statuses == {"pending": 29, "rejected": 1}


def test_a_limit_that_is_told_at_one_recipient_is_waited_for(mailing):
    made = mailing(
        at(Stage.RCPT, "450 4.7.1 throttled, try again in 1 seconds", after=1, times=1),
        recipients=3, group=True, retry={"give_up_after": "5s"},
    )  # fmt: skip
    summary = made.run()
    assert summary.exit_code == 0
    assert summary.seconds >= 1.0
    assert made.statuses == {"accepted": 3}


def test_a_rehearsal_that_the_server_refused_is_not_finished(mailing):
    made = mailing(at(Stage.DOT, "450 4.7.1 throttled", times=2), recipients=3)
    summary = made.run(redirect=("me@example.org",), limit=1, results=made.scene.folder / "to.csv")
    assert summary.exit_code == 75
    assert made.server.deliveries() == []


# -- slow down, or not today -----------------------------------------------------------------------


@pytest.mark.parametrize("sessions", [1, 4])
@pytest.mark.parametrize(
    ("stage", "chunking"),
    [
        *itertools.product([Stage.MAIL, Stage.RCPT, Stage.DOT], [False, True]),
        (Stage.DATA, False),
    ],
)
def test_the_same_refusal_for_now_slows_the_run_down(mailing, stage, chunking, sessions):
    slow = {"initial": "0.2s", "maximum": "5s", "give_up_after": "1.5s"}
    made = mailing(
        at(stage, "451 4.3.0 not now"), recipients=200, retry=slow,
        sessions=sessions, settings={"chunking": chunking},
    )  # fmt: skip
    summary = made.run()
    assert summary.exit_code == 75
    assert summary.transactions <= 5 + 4 + sessions
    assert made.statuses == {"pending": 200}
    assert made.attempts == {"0"}
    made.check(finished=False)
    made.heal()


@everywhere
def test_a_run_that_was_slowed_down_goes_on_at_the_first_acceptance(mailing, chunking, sessions):
    made = mailing(
        at(Stage.DOT, "454 4.7.0 Throttling failure: Maximum sending rate exceeded", times=3),
        recipients=40, sessions=sessions, settings={"chunking": chunking},
    )  # fmt: skip
    summary = made.run()
    assert summary.exit_code == 0
    assert made.statuses == {"accepted": 40}
    assert {row["attempts"] for row in made.scene.results()} == {"1"}
    made.check(finished=True)


def test_a_rate_limit_is_seen_at_first_sight_whatever_its_class(mailing):
    """Mailtrap's sandbox; with acceptances in between nobody is rejected."""
    text = "550 5.7.0 Requested action not taken: too many emails per second"
    made = mailing(lambda turn: text if turn.stage is Stage.DOT and turn.count % 2 else None)
    assert made.run().exit_code == 0
    assert made.statuses == {"accepted": 20}


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.DOT])
def test_a_days_limit_ends_the_run_at_once(mailing, stage):
    """With acceptances in between, since the window rolls: 550, 550, 250, 550."""
    gmail = "550 5.4.5 Daily user sending limit exceeded"
    made = mailing(lambda turn: gmail if turn.stage is stage and turn.count > 4 else None)
    summary = made.run()
    assert summary.exit_code == 75
    assert "Daily user sending limit" in str(summary.failure)
    assert made.statuses == {"accepted": 4, "pending": 16}
    assert made.attempts == {"0"}
    made.heal()


def test_a_wait_that_the_server_names_is_kept(mailing):
    made = mailing(at(Stage.DOT, "451 4.7.0 Rate limit exceeded, try again in 1 seconds", times=1),
                   retry={"give_up_after": "5s"}, recipients=3)  # fmt: skip
    summary = made.run()
    assert summary.exit_code == 0
    assert summary.seconds >= 1.0


def test_a_wait_that_is_longer_than_anybody_waits_ends_the_run(mailing):
    made = mailing(at(Stage.DATA, "421 Domain example.com is not allowed to send: recipient limit "
                      "exceeded, try again after Sun, 05 Oct 2125 19:22:44 UTC"))  # fmt: skip
    summary = made.run()
    assert summary.exit_code == 75
    assert summary.transactions == 1
    assert "2125" in str(summary.failure)
    assert made.statuses == {"pending": 20}
    made.heal()


# -- at AUTH ---------------------------------------------------------------------------------------


def secured(decide, mailing, **scene):
    return mailing(decide, username="App", password="correct horse battery", **scene)


def test_one_session_too_many_leaves_the_others_alone(mailing):
    decide = at(Stage.AUTH_FINAL, "535 5.7.8 Too many connections per account", after=1)
    made = secured(decide, mailing, recipients=20, sessions=4)
    summary = made.run()
    assert summary.exit_code == 0
    assert summary.learned == {"sessions": 1}
    assert made.statuses == {"accepted": 20}


@pytest.mark.parametrize("sessions", [1, 4])
def test_a_wrong_password_is_offered_once(mailing, sessions):
    decide = at(Stage.AUTH_FINAL, "535 5.7.8 Authentication failed")
    made = secured(decide, mailing, recipients=20, sessions=sessions)
    assert made.run().exit_code == 77
    assert len(made.server.stages(Stage.AUTH_FINAL)) == 1
    made.heal()


@pytest.mark.parametrize(
    "reply",
    [
        "535 5.7.0 Monthly messages limit reached",
        "550 Too many messages. Try again in 92 seconds.",
        "451 Authentication failed: Maximum credits exceeded",
    ],
)
def test_an_allowance_that_is_told_at_auth_is_no_wrong_password(mailing, reply):
    made = secured(at(Stage.AUTH_FINAL, reply), mailing, recipients=5)
    summary = made.run()
    assert summary.exit_code == 75
    assert reply[4:20] in str(summary.failure)
    assert len(made.server.stages(Stage.AUTH_FINAL)) == 1
    made.heal()
