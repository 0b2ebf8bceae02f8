"""A private Postfix: what a real smtpd answers, recipient by recipient, also behind TLS."""

from __future__ import annotations

import csv
import re
import shutil

import pytest

from tests.certainty.scene import Scene
from tests.session.tap import Tap
from tests.support.postfix import Postfix, postfix_obstacle
from tests.support.waiting import until

pytestmark = pytest.mark.realserver

PATIENT = {"connect": "20s", "command": "20s", "data": "20s", "end_of_data": "20s"}
THOUSAND = 1000
BLOCKED, SLOW = "blocked@example.net", "slow@example.net"
QUEUE_ID = re.compile(r"[0-9A-F]{6,}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}")


def scene_at(folder, port, **more):
    return Scene(folder / "s", port, **{"timeouts": PATIENT, **more})


def logged(server, message_id):
    """Return the log lines of a message, once the queue manager has taken it."""
    until(lambda: f"{message_id}: from=" in server.log, what="Postfix's log")
    return [line for line in server.log.splitlines() if f"{message_id}: " in line]


def test_a_thousand_recipients_take_one_transaction(tmp_path, postfix_server):
    """Each has its own reply, and the one that was deferred is tried again, alone."""
    with Tap(postfix_server.port) as tap:
        scene = scene_at(tmp_path, tap.port, group=True, attempts=2, text="Hello, all of you\n")
        addresses = [f"user{n}@example.net" for n in range(1, THOUSAND - 1)]
        addresses[300:300] = [BLOCKED]
        addresses[700:700] = [SLOW]
        scene.write_recipients(addresses)
        summary = scene.run()
        said = tap.said()
        rows = scene.results()
        again = scene.run()
        connections = len(tap.connections)
    assert len(addresses) == THOUSAND
    assert summary.exit_code == 75
    assert connections == 2  # one for each run
    check_replies(postfix_server, addresses, rows)
    # One transaction for everybody, and one more for who was deferred.
    assert summary.transactions == 2
    groups = said.split(b"MAIL FROM:")[1:]
    assert [group.count(b"RCPT TO:") for group in groups] == [THOUSAND, 1]
    # It announces CHUNKING, so nobody waits for the replies to few RCPTs.
    assert b"RCPT TO:<slow@example.net>\r\nBDAT " in groups[1]
    assert (again.transactions, again.exit_code) == (2, 75)
    assert {row["attempts"] for row in scene.results() if row["email"] == SLOW} == {"4"}
    assert sum(row["status"] == "accepted" for row in scene.results()) == THOUSAND - 2


def check_replies(server, addresses, found):
    """Every recipient has the reply that was its own."""
    rows = {row["email"]: row for row in found}
    assert list(rows) == addresses
    accepted = [row for row in rows.values() if row["status"] == "accepted"]
    assert len(accepted) == THOUSAND - 2
    assert {(row["reply_code"], row["enhanced_status"]) for row in accepted} == {("250", "2.0.0")}
    (message_id,) = {row["message_id"] for row in accepted}
    assert QUEUE_ID.fullmatch(message_id)
    (said,) = {row["reply"] for row in accepted}
    # By DATA, so that what is refused at RCPT is known before the content leaves.
    assert said == f"Ok: queued as {message_id}"
    assert any(f"nrcpt={THOUSAND - 2} " in line for line in logged(server, message_id))
    blocked, slow = rows[BLOCKED], rows[SLOW]
    assert (blocked["status"], blocked["reply_code"], blocked["enhanced_status"]) == (
        "rejected", "550", "5.7.1",
    )  # fmt: skip
    assert "not allowed" in blocked["reply"]
    assert (slow["status"], slow["reply_code"], slow["enhanced_status"], slow["attempts"]) == (
        "deferred", "451", "4.7.1", "2",
    )  # fmt: skip


def test_more_than_it_takes_at_once_go_in_the_next_transaction(tmp_path, postfix_server):
    """smtpd_recipient_limit is 1000: beyond it stands 452 4.5.3, which is no failure of anybody."""
    scene = scene_at(tmp_path, postfix_server.port, group=True, recipients=1500, text="Hello\n")
    summary = scene.run()
    assert (summary.exit_code, summary.transactions, summary.sessions) == (0, 2, 1)
    ids = [row["message_id"] for row in scene.results()]
    assert len(set(ids)) == 2
    assert {row["attempts"] for row in scene.results()} == {"1"}


def test_each_personal_message_has_its_own_queue_id(tmp_path, postfix_server):
    """Ours and Postfix's word for it are the same."""
    scene = scene_at(tmp_path, postfix_server.port, recipients=20)
    summary = scene.run()
    assert (summary.exit_code, summary.sessions) == (0, 1)
    rows = scene.results()
    assert len({row["message_id"] for row in rows}) == 20
    for row in rows:
        lines = "\n".join(logged(postfix_server, row["message_id"]))
        assert f"message-id=<{row['header_message_id']}>" in lines


@pytest.mark.parametrize("chunking", [True, False])
def test_one_wait_for_each_message(tmp_path, postfix_server, chunking):
    """It announces CHUNKING: MAIL, RCPT and the content go out in one flight."""
    with Tap(postfix_server.port) as tap:
        scene = scene_at(tmp_path, tap.port, recipients=50, chunking=chunking)
        summary = scene.run()
        (waits,) = tap.waits()
        said = tap.said()
    assert (summary.exit_code, summary.sessions, summary.transactions) == (0, 1, 50)
    # EHLO, the messages, QUIT.
    assert waits == (50 if chunking else 2 * 50) + 2
    assert said.count(b"\r\nBDAT ") == (50 if chunking else 0)
    assert said.count(b"\r\nDATA\r\n") == (0 if chunking else 50)
    assert len({row["message_id"] for row in scene.results()}) == 50


def test_a_refused_recipient_in_a_flight(tmp_path, postfix_server):
    """Postfix skips the content, says 554 to BDAT, and takes the next message."""
    with Tap(postfix_server.port) as tap:
        scene = scene_at(tmp_path, tap.port, text="Hello {{ name }}\n..\nQUIT\n")
        addresses = ["user1@example.net", BLOCKED, "user2@example.net", SLOW, "user3@example.net"]
        scene.write_recipients(addresses)
        summary = scene.run()
        answers = tap.said("server")
        (waits,) = tap.waits()
    assert (summary.exit_code, summary.sessions, summary.transactions) == (75, 1, 5)
    rows = {row["email"]: row for row in scene.results()}
    assert [(row["status"], row["reply_code"]) for row in rows.values()] == [
        ("accepted", "250"), ("rejected", "550"), ("accepted", "250"), ("deferred", "451"),
        ("accepted", "250"),
    ]  # fmt: skip
    assert answers.count(b"554 5.5.1 Error: no valid recipients") == 2
    # The RSET behind a refused BDAT is waited for.
    assert waits == 5 + 2 + 2


def test_several_sessions_share_the_work(tmp_path, postfix_server):
    with Tap(postfix_server.port) as tap:
        scene = scene_at(tmp_path, tap.port, recipients=60, sessions=3)
        summary = scene.run()
        each = [
            sum(b"MAIL FROM" in data for side, data in line if side == "client")
            for line in tap.connections
        ]
    assert (summary.exit_code, summary.sessions, summary.transactions) == (0, 3, 60)
    assert sum(each) == 60
    assert min(each) > 0
    assert len({row["message_id"] for row in scene.results()}) == 60


def test_a_message_beyond_its_size_is_invalid_before_it_is_sent(tmp_path, postfix_server):
    """message_size_limit is 10,240,000 unless it is set."""
    scene = scene_at(tmp_path, postfix_server.port, text="{{ lot * 5000 }}\n")
    with (scene.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                ["email", "name", "lot"],
                ["user1@example.net", "Ann", "a"],
                ["user2@example.net", "Bob", ("b" * 70 + "\n") * 40],
                ["user3@example.net", "Eve", "c"],
            ]
        )
    assert scene.run().exit_code == 3
    assert list(scene.statuses().values()) == ["accepted", "invalid", "accepted"]


class SecuredPostfix(Postfix):
    """A private Postfix that wants STARTTLS, with this certificate."""

    def __init__(self, certificate) -> None:
        super().__init__()
        self._certificate = certificate

    def _configure(self) -> None:
        super()._configure()
        pem = self._folder / "server.pem"
        shutil.copy(self._certificate, pem)
        pem.chmod(0o600)
        with (self._folder / "main.cf").open("a") as main:
            main.write(
                "smtpd_tls_security_level = encrypt\n"
                f"smtpd_tls_chain_files = {pem}\n"
                "smtpd_tls_loglevel = 1\n"
                "smtpd_tls_session_cache_database =\n"
            )
        master = self._folder / "master.cf"
        master.write_text(master.read_text() + "tlsmgr unix - - n 1000? 1 tlsmgr\n")


def test_a_postfix_that_wants_tls_gets_it(tmp_path, certificates):
    """One handshake for all messages, and PIPELINING counts behind it."""
    postfix_obstacle()
    with SecuredPostfix(certificates.server_file) as server, Tap(server.port) as tap:
        scene = scene_at(
            tmp_path, tap.port, recipients=30, security="starttls", ca_file=certificates.ca_file
        )
        summary = scene.run()
        assert (summary.exit_code, summary.sessions) == (0, 1)
        said = tap.said()
        assert said.split(b"\r\n")[1] == b"STARTTLS"
        assert b"MAIL FROM" not in said
        until(lambda: "TLS connection established from" in server.log, what="Postfix's log")
        # EHLO, STARTTLS, the handshake, EHLO; then one for each message, and QUIT.
        (waits,) = tap.waits()
        assert 30 + 4 <= waits <= 30 + 6
        untrusting = scene_at(tmp_path / "other", tap.port, security="starttls")
        untrusting.job.write_text(untrusting.job.read_text().replace("127.0.0.1", "localhost"))
        refused = untrusting.run()
        assert refused.exit_code == 77
        assert "does not hold" in str(refused.failure)
