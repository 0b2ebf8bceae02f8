"""Two servers, nobody twice: what moves to the second one, and what never does.

The journals of both servers are the witnesses. Whatever the first server did, no address is in
both, and who may be at the first one is named as doubtful and asked about nowhere else.
"""

import os
import random
import resource
import signal
import socket

import pytest
import yaml

from mailbatch.checking import check_mailing
from mailbatch.cli.summary import lessons
from mailbatch.delivery.ledgers import open_to_read
from mailbatch.delivery.options import RunOptions, Silence
from mailbatch.delivery.runner import run
from mailbatch.delivery.state import state_of
from mailbatch.errors import JobError, TooManyOpenFiles
from mailbatch.job.loader import load_job
from mailbatch.sandbox.answers import parse_answer
from tests.certainty import dying
from tests.certainty.scene import Scene, patience
from tests.certainty.test_approved import planned
from tests.certainty.test_guard import BAD, FINE
from tests.certainty.test_guard import Told as Fates
from tests.certainty.test_kill import doubts_of
from tests.support.fault_server import Settings
from tests.support.faults import Fault, Kind, Stage

NEVER_AGAIN = {"times": 0}
TRANSACTION = (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY, Stage.DOT, Stage.HALF)


class Told(Silence):
    """A progress that keeps what people are told."""

    def __init__(self):
        self.alarms, self.notes = [], []

    def alarm(self, text):
        self.alarms.append(text)

    def note(self, text):
        self.notes.append(text)


class Pair:
    """A mailing with two servers."""

    def __init__(self, folder, first, second, **more):
        self.first, self.second = first, second
        port = first if isinstance(first, int) else first.port
        of_second = {"port": second if isinstance(second, int) else second.port}
        of_second |= more.pop("of_second", {})
        self.scene = Scene(folder, port, fallback=of_second, **more)
        self.told = Told()

    @property
    def name(self):
        """The second server, as the ledger knows it."""
        return f"127.0.0.1:{self.scene.fallback['port']}"

    def run(self, **options):
        return run(load_job(self.scene.job), RunOptions(**options), progress=self.told, environ={})

    def got(self, server):
        return [a for message in server.deliveries() for a in message.recipients]

    def servers(self):
        return {row["email"]: row["server"] for row in self.scene.results()}

    def check(self, *, finished=True, resent=0):
        """Nobody twice, over both; and each row says who has its message."""
        servers = [one for one in (self.first, self.second) if not isinstance(one, int)]
        taken = [message for one in servers for message in one.deliveries()]
        self.scene.check(taken, finished=finished, resent=resent)
        if isinstance(self.second, int):
            return
        there, at = set(self.got(self.second)), self.servers()
        for address, status in self.scene.statuses().items():
            if status == "accepted":
                assert (at[address] == self.name) == (address in there), address


@pytest.fixture
def nobody():
    """A port that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def pair(tmp_path, fault_server):
    def make(*faults, of_server=None, **more):
        first = fault_server(*faults, **(of_server or {}))
        return Pair(tmp_path / "s", first, fault_server(), **more)

    return make


def test_all_goes_to_the_second_server_where_the_first_is_away(tmp_path, fault_server, nobody):
    both = Pair(tmp_path / "s", nobody, fault_server(), recipients=5)
    summary = both.run()
    assert (summary.exit_code, summary.elsewhere) == (0, {both.name: 5})
    assert set(both.servers().values()) == {both.name}
    (alarm,) = both.told.alarms
    assert alarm.endswith(f"going on at {both.name}")
    assert f"127.0.0.1:{nobody}" in alarm
    both.check()


def test_a_server_that_is_well_leaves_nothing_to_the_second(pair):
    """The second one is not even asked."""
    both = pair(recipients=5)
    summary = both.run()
    assert (summary.exit_code, summary.elsewhere, both.told.alarms) == (0, {}, [])
    assert set(both.servers().values()) == {""}
    assert both.second.journal == []


OPENING = [
    (stage, kind)
    for stage in (Stage.CONNECT, Stage.BANNER, Stage.EHLO)
    for kind in (Kind.RST, Kind.FIN, Kind.SHUTDOWN, Kind.TRANSIENT, Kind.PERMANENT, Kind.GARBAGE)
    if stage is not Stage.CONNECT or kind in {Kind.RST, Kind.FIN}
]


@pytest.mark.parametrize(("stage", "kind"), OPENING)
def test_a_server_that_lets_nobody_in_is_left(pair, stage, kind):
    both = pair(Fault(stage, kind, **NEVER_AGAIN), recipients=3)
    assert both.run().exit_code == 0
    assert len(both.got(both.second)) == 3
    both.check()


@pytest.mark.parametrize(
    ("stage", "kind"),
    [(Stage.AUTH_FINAL, Kind.PERMANENT), (Stage.AUTH_FINAL, Kind.TRANSIENT)],
)
def test_a_refused_password_is_told_and_the_second_server_sends(pair, monkeypatch, stage, kind):
    both = pair(Fault(stage, kind, **NEVER_AGAIN), username="ann", password="s3cret", recipients=3)
    job, options = load_job(both.scene.job), RunOptions()
    summary = run(job, options, progress=both.told, environ={"SCENE_PASSWORD": "s3cret"})
    assert summary.exit_code == 0
    assert len(both.told.alarms) == 1
    assert "s3cret" not in str(both.told.alarms)
    both.check()


#: No more connection of the first server, behind the first one.
GONE = [Fault(Stage.CONNECT, Kind.RST, connection=number) for number in range(2, 12)]
#: Each command of a transaction, and what the server does in place of the reply.
DEATHS = [
    (stage, kind)
    for stage in (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY, Stage.DOT, Stage.HALF)
    for kind in (Kind.RST, Kind.FIN, Kind.SHUTDOWN)
    if (stage, kind) not in {(Stage.BODY, Kind.SHUTDOWN), (Stage.HALF, Kind.SHUTDOWN)}
]
STALLS = [(Stage.RCPT, Kind.STALL), (Stage.DATA, Kind.STALL), (Stage.DOT, Kind.STALL)]


@pytest.mark.parametrize(("stage", "kind"), DEATHS + STALLS)
def test_a_server_that_dies_in_a_transaction_keeps_what_it_may_have(pair, stage, kind):
    """What it has certainly not taken goes on; what is in doubt there is asked about nowhere."""
    both = pair(
        Fault(stage, kind, transaction=2), *GONE, recipients=6, timeouts=patience(stage, kind)
    )
    summary = both.run()
    both.check()
    statuses = both.scene.statuses()
    doubtful = {a for a, status in statuses.items() if status == "in_doubt"}
    assert set(statuses.values()) - {"in_doubt"} == {"accepted"}
    assert doubtful == set() or stage in {Stage.BODY, Stage.DOT, Stage.HALF}
    assert doubtful or stage not in {Stage.DOT, Stage.HALF} or kind is Kind.SHUTDOWN
    assert not doubtful & set(both.got(both.second))
    assert both.got(both.first)[0] == "user1@example.net"
    assert summary.elsewhere[both.name] == len(both.got(both.second)) >= 4
    assert {both.servers()[address] for address in doubtful} <= {""}
    assert summary.exit_code == (4 if doubtful else 0)


@pytest.mark.parametrize(("stage", "kind"), [(Stage.MAIL, Kind.FIN), (Stage.RCPT, Kind.FIN),
                                             (Stage.CHUNK, Kind.RST), (Stage.DOT, Kind.FIN),
                                             (Stage.DOT, Kind.SHUTDOWN)])  # fmt: skip
def test_with_chunking_all_behind_a_lost_flight_stays(pair, stage, kind):
    """The content has left with its envelope: without a reply the first server may have it."""
    server = {"chunking": True}
    both = pair(Fault(stage, kind, transaction=2), *GONE, of_server=server, recipients=6)
    both.run()
    both.check()
    doubtful = [a for a, status in both.scene.statuses().items() if status == "in_doubt"]
    assert doubtful == ([] if kind is Kind.SHUTDOWN else ["user2@example.net"])
    assert not set(doubtful) & set(both.got(both.second))


@pytest.mark.parametrize("kind", [Kind.PERMANENT, Kind.TRANSIENT])
@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.DATA, Stage.DOT])
def test_an_answer_about_one_recipient_moves_nothing(pair, stage, kind):
    both = pair(Fault(stage, kind, transaction=2), recipients=4)
    summary = both.run()
    status = "rejected" if kind is Kind.PERMANENT else "deferred"
    assert both.scene.statuses()["user2@example.net"] == status
    assert summary.exit_code == (3 if kind is Kind.PERMANENT else 75)
    assert both.second.journal == []
    both.check(finished=False)


def test_an_answer_about_one_recipient_stays_when_the_others_move(pair):
    """Rejected and deferred by the first server, which then is gone: neither is asked again."""
    both = pair(
        Fault(Stage.RCPT, Kind.PERMANENT, transaction=1),
        Fault(Stage.RCPT, Kind.TRANSIENT, transaction=2),
        Fault(Stage.MAIL, Kind.RST, transaction=3), *GONE, recipients=5,
    )  # fmt: skip
    assert both.run().exit_code == 75
    statuses = list(both.scene.statuses().values())
    assert statuses == ["rejected", "deferred", "accepted", "accepted", "accepted"]
    assert list(both.servers().values()) == ["", "", both.name, both.name, both.name]
    both.check(finished=False)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        (Stage.DOT, "554 5.7.1 Sending disabled for this account"),
        (Stage.MAIL, "550 5.7.1 Sender is not allowed here"),
        (Stage.MAIL, "451 4.7.0 Daily quota exceeded"),
        (Stage.DOT, "550 5.7.1 Monthly message quota exceeded"),
        (Stage.MAIL, "530 5.7.0 Authentication required"),
    ],
)
def test_trouble_of_the_account_moves_all_that_it_refused(pair, stage, reply):
    """The brake, a day's limit, a session that is not let in: design.md 4.1."""
    both = pair(
        Fault(stage, Kind.REPLY, text=reply, transaction=None, **NEVER_AGAIN), recipients=14
    )
    summary = both.run()
    assert (summary.exit_code, summary.elsewhere) == (0, {both.name: 14})
    assert reply[:3] in both.told.alarms[0]
    both.check()


def test_both_away_is_as_one_away(tmp_path, nobody, fault_server):
    both = Pair(tmp_path / "s", nobody, nobody, recipients=3)
    summary = both.run()
    assert summary.exit_code == 69
    assert set(both.scene.statuses().values()) == {"pending"}
    refuses = fault_server(Fault(Stage.AUTH_FINAL, Kind.PERMANENT, **NEVER_AGAIN))
    other = Pair(tmp_path / "t", refuses, nobody, username="ann", password="pw", recipients=3)
    again = run(load_job(other.scene.job), progress=other.told, environ={"SCENE_PASSWORD": "pw"})
    assert again.exit_code == 77, "the more serious of two failures"
    assert [str(nobody) in alarm for alarm in other.told.alarms] == [True, True]


@pytest.mark.parametrize(
    ("stage", "hint"),
    [
        (Stage.AUTH_FINAL, "check {0}.username, {0}.password and {0}.auth"),
        (Stage.MAIL, "see {0}.username and {0}.password, and {0}.security"),
    ],
)
def test_each_refusal_names_the_keys_of_its_server(tmp_path, nobody, fault_server, stage, hint):
    """Where the login is refused, at opening a session and by the first command."""
    refusal = Fault(stage, Kind.PERMANENT, text="530 5.7.0 Authentication required", times=0)
    for key in ("server", "server.fallback"):
        server = fault_server(refusal)
        ports = (server, nobody) if key == "server" else (nobody, server)
        login = {"auth": "auto", "username": "ann", "password": {"env": "SCENE_PASSWORD"}}
        more = {"username": "ann", "password": "pw", "of_second": login}
        both = Pair(tmp_path / key.replace(".", "-"), *ports, recipients=3, **more)
        environ = {"SCENE_PASSWORD": "pw"}
        summary = run(load_job(both.scene.job), progress=both.told, environ=environ)
        assert summary.exit_code == 77
        assert hint.format(key) in summary.failure.hint


def test_a_limit_names_the_keys_of_its_server(tmp_path, fault_server):
    full = Fault(Stage.MAIL, Kind.PERMANENT, text="550 5.4.5 Daily sending quota exceeded", times=0)
    both = Pair(tmp_path / "s", fault_server(full), fault_server(full), recipients=3)
    summary = both.run()
    assert summary.exit_code == 75
    assert "server.fallback.rate keeps a run below a rate" in summary.failure.hint


def test_the_next_run_begins_at_the_first_server_again(pair):
    """Where it left off: nobody is mailed who is settled, whoever took the message."""
    both = pair(
        Fault(Stage.MAIL, Kind.RST, transaction=2), *GONE[:1],
        recipients=6, of_second={"cap": "2/day"},
    )  # fmt: skip
    assert both.run().exit_code == 69, "the first one is away, the cap of the second reached"
    assert len(both.got(both.second)) == 2
    assert both.run().exit_code == 0
    assert len(both.got(both.first)) == 4
    assert len(both.got(both.second)) == 2
    both.check()


def test_the_limit_of_a_run_is_one_for_both_servers(pair):
    """The attempt that the first server lost counts, as another try there would."""
    both = pair(Fault(Stage.MAIL, Kind.RST, transaction=3), *GONE, recipients=9)
    both.run(limit=5)
    assert (len(both.got(both.first)), len(both.got(both.second))) == (2, 2)
    both.run(only=("user9@example.net", "user8@example.net"))
    assert both.scene.statuses()["user9@example.net"] == "accepted"
    both.check(finished=False)


def test_a_group_that_was_taken_in_part_goes_on_with_the_others(pair):
    """One letter to a group: its first part is settled, the second server gets the rest."""
    both = pair(
        Fault(Stage.MAIL, Kind.RST, transaction=2), *GONE,
        of_server={"recipients": 4}, group=True, recipients=9, text="Hello\n",
        of_second={"recipients_per_transaction": 3},
    )  # fmt: skip
    assert both.run().exit_code == 0
    assert [len(message.recipients) for message in both.first.deliveries()] == [4]
    assert [len(message.recipients) for message in both.second.deliveries()] == [3, 2]
    both.check()


def test_each_server_has_its_cap(pair):
    """Four a day at the first one, three at the second: the rest waits for a free one."""
    both = pair(recipients=9, cap="4/day", of_second={"cap": "3/day"})
    summary = both.run()
    assert (summary.exit_code, summary.held.by) == (75, "cap")
    assert (len(both.got(both.first)), len(both.got(both.second))) == (4, 3)
    assert both.told.alarms == [], "a cap is no trouble"
    assert any(note.endswith(f"going on at {both.name}") for note in both.told.notes)
    again = both.run()
    assert (again.exit_code, again.transactions) == (75, 0)
    other = both.run(edition="2", results=both.scene.folder / "2.csv")
    assert (other.exit_code, other.transactions) == (75, 0), "over all editions"
    both.check(finished=False)


def test_a_cap_that_is_reached_before_the_run_leaves_it_to_the_second_server(pair):
    both = pair(recipients=4, cap="4/day")
    assert both.run().exit_code == 0
    summary = both.run(edition="2", results=both.scene.folder / "2.csv")
    assert (summary.exit_code, summary.elsewhere) == (0, {both.name: 4})
    assert len(both.got(both.first)) == 4


def test_a_window_is_of_both_servers(pair):
    """It is about those who read, and not about a server."""
    never = {"days": ["mon"], "from": "00:00", "until": "00:01", "zone": "Etc/GMT+12"}
    both = pair(recipients=3, window=never)
    summary = both.run()
    assert (summary.exit_code, summary.held.by) == (75, "window")
    assert both.second.journal == []


def test_a_secret_of_the_second_server_is_missed_before_anything_is_sent(pair):
    of_second = {"auth": "auto", "username": "bob", "password": {"env": "MISSING"}}
    both = pair(recipients=3, of_second=of_second)
    with pytest.raises(JobError, match="MISSING") as raised:
        both.run()
    assert raised.value.location.key == "server.fallback.password"
    assert both.first.journal == []


def test_the_bytes_are_fitted_to_each_server(pair):
    """The first one takes 8-bit content, the second one does not; the message is the same."""
    both = pair(
        Fault(Stage.MAIL, Kind.RST, transaction=2), *GONE, recipients=4, text="Grüße {{ name }}\n"
    )
    both.second._settings = Settings(eight_bit=False)
    assert both.run().exit_code == 0
    assert {m["content"]["eight_bit"] for m in both.first.stages(Stage.DOT)} == {True}
    assert {m["content"]["eight_bit"] for m in both.second.stages(Stage.DOT)} == {False}
    both.check()


@pytest.mark.parametrize("sessions", [2, 4])
def test_several_sessions_move_together(pair, sessions):
    """Each has a transaction under way when the server dies, and settles it before the move."""
    faults = [Fault(Stage.DOT, Kind.RST, transaction=number) for number in range(7, 7 + sessions)]
    gone = [Fault(Stage.CONNECT, Kind.RST, connection=n) for n in range(sessions + 1, 40)]
    both = pair(*faults, *gone, recipients=30, sessions=sessions, of_second={"sessions": 3})
    both.run()
    both.check()
    doubtful = {a for a, status in both.scene.statuses().items() if status == "in_doubt"}
    assert 0 < len(doubtful) <= sessions
    assert not doubtful & set(both.got(both.second))


def test_a_rehearsal_moves_to_a_second_sandbox(pair):
    """The answers that are rehearsed are those of the first server."""
    both = pair(recipients=3)
    answers = (parse_answer("MAIL=550 5.7.1 not allowed"),)
    summary = both.run(sandbox=True, answers=answers, results=both.scene.folder / "rehearsed.csv")
    assert (summary.exit_code, summary.elsewhere) == (0, {both.name: 3})
    assert both.first.journal == both.second.journal == []


def test_a_test_message_goes_through_the_second_server_too(pair):
    """`--to` has a ledger that is thrown away, and moves in the same way."""
    both = pair(Fault(Stage.CONNECT, Kind.RST, **NEVER_AGAIN), recipients=3)
    summary = both.run(redirect=("boss@example.net",), everything=True)
    assert summary.elsewhere == {both.name: 3}
    assert both.got(both.second) == ["boss@example.net"] * 3
    assert both.run().exit_code == 0
    assert sorted(both.got(both.second)[3:]) == sorted(both.scene.addresses)


def test_an_approved_plan_holds_at_both_servers(pair):
    """Whatever encoding each server takes: what was approved is what is sent."""
    both = pair(
        Fault(Stage.MAIL, Kind.RST, transaction=2), *GONE, recipients=4, text="Grüße {{ name }}\n"
    )
    both.second._settings = Settings(eight_bit=False)
    assert both.run(plan=planned(both.scene)).exit_code == 0
    assert len(both.got(both.second)) == 3
    both.check()


def test_a_signal_moves_nothing(pair):
    """A run that is told to stop while the first server is away ends there."""
    both = pair(Fault(Stage.CONNECT, Kind.RST, **NEVER_AGAIN), recipients=3, attempts=4)

    def note(text):
        both.told.notes.append(text)
        if len(both.told.notes) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    both.told.note = note
    summary = both.run()
    assert (summary.interrupted, summary.exit_code) == (True, 75)
    assert both.second.journal == []
    assert set(both.scene.statuses().values()) == {"pending"}


def test_a_run_waits_for_the_cap_of_the_first_server_while_the_second_is_away(
    tmp_path, fault_server, nobody
):
    """As a job with one server would; that the other one failed is told."""
    both = Pair(tmp_path / "s", fault_server(), nobody, recipients=4, cap="2/day")

    def note(text):
        if "waiting until" in text:
            os.kill(os.getpid(), signal.SIGTERM)

    both.told.note = note
    summary = both.run(wait=True)
    assert (summary.interrupted, summary.exit_code, summary.held.by) == (True, 75, "cap")
    assert [str(nobody) in alarm for alarm in both.told.alarms] == [True]
    assert both.run().exit_code == 69, "without --wait the failure is the end"


def test_what_is_learned_of_the_second_server_is_a_setting_of_its_own(
    tmp_path, fault_server, nobody
):
    second = fault_server(*(Fault(Stage.MAIL, Kind.SHUTDOWN, transaction=n) for n in (3, 6)))
    both = Pair(tmp_path / "s", nobody, second, recipients=9, attempts=3)
    summary = both.run()
    assert summary.learned == {"fallback.transactions_per_session": 2}
    (lesson,) = lessons(summary)
    assert lesson.startswith("the fallback takes 2 transactions a session; write server.fallback.")
    both.check()


@pytest.mark.parametrize(("fate", "code", "mailed"), [(FINE, 0, 12), (BAD, 75, 3)])
def test_a_guard_counts_over_both_servers(pair, fate, code, mailed):
    """A first step of seven that two servers send; and no move behind reports that are bad."""
    both = pair(Fault(Stage.MAIL, Kind.RST, transaction=4), *GONE, recipients=12)
    job = yaml.safe_load(both.scene.job.read_text())
    job["guard"] = {"after": 7, "wait": "0s", "bounces": "30%", "least": 3}
    both.scene.job.write_text(yaml.safe_dump(job))
    fates = Fates(both.second, fate)
    loaded, options = load_job(both.scene.job), RunOptions()
    summary = run(loaded, options, progress=both.told, fates=fates, environ={})
    assert summary.exit_code == code
    assert len(both.got(both.first)) + len(both.got(both.second)) == mailed
    assert len(both.got(both.first)) == 3
    both.check(finished=fate is FINE)


def test_a_ledger_in_a_database_is_refused(pair):
    both = pair(recipients=3)
    with pytest.raises(JobError, match="which server") as raised:
        both.run(ledger="postgresql://ann@localhost/mail")
    assert (raised.value.exit_code, raised.value.location.key) == (78, "server.fallback")
    state = state_of(None, "postgresql://ann@localhost/mail")
    checked = check_mailing(load_job(both.scene.job), state=state)
    assert str(checked.error) == str(raised.value)
    assert both.first.journal == both.second.journal == []


# Kills, at every place, with either server under way


def history(folder, fault_server, *, seed, kills=6, sessions=1):
    """Runs that are killed at random, while the first server goes away at random; return both."""
    chance = random.Random(seed)
    faults = [
        Fault(chance.choice(TRANSACTION), chance.choice((Kind.RST, Kind.FIN)), transaction=number)
        for number in chance.sample(range(1, 60), 12)
    ]
    away = [
        Fault(Stage.CONNECT, Kind.RST, connection=number)
        for number in range(1, 60)
        if chance.random() < 0.5
    ]
    first = fault_server(*faults, *away)
    faulty = [
        Fault(chance.choice(TRANSACTION), Kind.RST, transaction=number)
        for number in chance.sample(range(1, 60), 3)
    ]
    both = Pair(folder, first, fault_server(*faulty), recipients=120, sessions=sessions)
    doubts = set()
    for _ in range(kills):
        step, when = chance.choice(STEPS), chance.choice(("before", "after"))
        dying.ended(dying.start(both.scene.job, step=step, when=when, nth=chance.randint(1, 25)))
        found = doubts_of(both.scene)
        assert found >= doubts, "a doubt ends by a decision alone"
        assert not doubts & (set(both.got(both.second)) - at_second(both)), "asked about elsewhere"
        doubts = found
    for _ in range(6):
        if both.run().exit_code in {0, 4}:
            break
    assert doubts_of(both.scene) >= doubts
    both.check()
    return both


def at_second(both):
    """Who the ledger says was last tried at the second server."""
    with open_to_read(both.scene.place) as ledger:
        return {row.email for row in ledger.standing.result_rows() if row.server is not None}


STEPS = (
    "lease",
    "commit",
    "finish",
    "reply",
    "settle",
    "write",
    "begin",
    "release",
    "move",
    "close",
)


@pytest.mark.parametrize(("seed", "sessions"), [(1, 1), (2, 1), (3, 3)])
def test_a_history_of_two_servers(tmp_path, fault_server, seed, sessions):
    """kill -9 at random steps of the ledger and of the socket: nobody twice, nobody lost."""
    both = history(tmp_path / "s", fault_server, seed=seed, sessions=sessions)
    assert both.got(both.first)
    assert both.got(both.second)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_two_hundred_histories_of_two_servers(tmp_path, fault_server, seed):
    history(tmp_path / "s", fault_server, seed=seed, sessions=1 + seed % 3)


def test_a_second_server_that_cannot_be_begun_with_leaves_the_results_of_the_first(pair):
    """What the first server took stands in the results; the run ends with the reason."""
    both = pair(
        Fault(Stage.MAIL, Kind.FIN, transaction=3), *GONE, recipients=5, of_second={"sessions": 500}
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        summary = both.run()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(summary.failure, TooManyOpenFiles)
    assert (summary.exit_code, summary.equation.balanced) == (74, True)
    assert [row["status"] for row in both.scene.results()] == ["accepted"] * 2 + ["pending"] * 3
    assert both.run().exit_code == 0
    both.check()
