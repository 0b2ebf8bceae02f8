"""Every command with the ledger in a database: the same answers, bytes and promise."""

import asyncio
import csv

import pytest

from mailbatch.ledger.postgres.address import place_in
from tests.cli.conftest import nothing_reached
from tests.support.faults import Fault, Kind, Stage

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra

pytestmark = pytest.mark.usefixtures("names")

DOUBTFUL = "user2@example.net"
#: Nobody listens at the first port.
NOWHERE = "postgresql://ann:geheim@127.0.0.1:1/mail"


@pytest.fixture
def in_database(mailing, database):
    """Make a mailing, its server, and a command that keeps the ledger in the database."""

    def make(*faults, **more):
        job, server = mailing(*faults, **more)

        def command(*arguments, **environ):
            return job.command(*arguments, **{"MAILBATCH_LEDGER": database, **environ})

        return job, server, command

    return make


def test_a_mailing_converges_and_no_file_knows(in_database):
    job, server, command = in_database(recipients=4)
    first = command("run", "--limit", 2)
    assert first.code == 75
    assert first.err.endswith("run again with mailbatch run job.yaml\n")
    again = command("run", "--json")
    assert (again.code, again.json["accepted"], again.json["transactions"]) == (0, 4, 2)
    job.check(server.deliveries())
    assert job.ledgers == []
    nothing = command("run", "--json")
    assert (nothing.code, nothing.json["nothing_to_do"], nothing.json["sessions"]) == (0, True, 0)
    assert len(server.deliveries()) == 4
    status = command("status", "--json").json
    assert (status["accepted"], bool(status["finished_at"]), status["writers"]) == (4, True, [])


def test_the_results_have_the_same_bytes(mailing, database, tmp_path):
    fault = Fault(Stage.DOT, Kind.PERMANENT, transaction=2)
    for number, environ in enumerate(({}, {"MAILBATCH_LEDGER": database})):
        job, _server = mailing(fault, recipients=3)
        done = job.command(
            "run", "--results", tmp_path / f"{number}.csv", "--new-mailing", **environ
        )
        assert done.code == 3
        again = job.command("results", "--results", tmp_path / f"{number}.again.csv", **environ)
        assert again.code == 0
        assert (tmp_path / f"{number}.csv").read_bytes() == (
            tmp_path / f"{number}.again.csv"
        ).read_bytes()
    columns = ("email", "status", "reply_code", "attempts", "reason")
    first, second = (
        [[row[name] for name in columns] for row in read(tmp_path / f"{number}.csv")]
        for number in (0, 1)
    )
    assert first == second


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("option", "status", "again", "copies"),
    [("--accepted", "accepted", 0, 1), ("--skip", "skipped", 0, 1), ("--resend", "accepted", 0, 2)],
)
def test_a_doubt_is_listed_and_settled(in_database, option, status, again, copies):
    fault = Fault(Stage.DOT, Kind.FIN, transaction=2, taken=True)
    job, server, command = in_database(fault, recipients=4, attempts=3)
    assert command("run").code == 4
    listed = command("resolve", "--json")
    assert (listed.code, listed.json["address"]) == (4, DOUBTFUL)
    assert command("resolve", option, "--only", DOUBTFUL).code == 0
    assert command("run").code == again
    assert job.statuses()[DOUBTFUL] == status
    arrived = [taken for taken in server.deliveries() if DOUBTFUL in taken.recipients]
    assert len(arrived) == copies
    job.check(server.deliveries(), resent=copies - 1)


def test_a_changed_message_is_refused_until_it_is_accepted(in_database):
    job, server, command = in_database(recipients=3)
    assert command("run", "--only", "user1@example.net").code == 75
    job.edit("Hello", "Good day", "letter.txt.j2")
    refused = command("run")
    assert refused.code == 65
    assert "the message changed after 1 recipient of edition 1 had it" in refused.err
    assert command("check", "--json").json["changed"] == ["message.text: letter.txt.j2"]
    assert command("run", "--accept-changes").code == 0
    assert len(server.deliveries()) == 3


def test_a_rehearsal_knows_the_database_and_stays_in_files(in_database):
    _job, server, command = in_database(recipients=3)
    assert "the real mailing is still unsent" in command("run", "--sandbox").err
    assert "not sent yet" in command("status").err
    assert command("run").code == 0
    rehearsed = command("run", "--sandbox", "--json")
    assert rehearsed.json["nothing_to_do"]
    for arguments in (("preview",), ("plan", "--out", "plan.txt"), ("check",)):
        assert command(*arguments).code == 0
    assert len(server.deliveries()) == 3


def test_an_edition_has_one_ledger(in_database, database):
    """Who names a database in the middle of a mailing does not mail its recipients again."""
    job, server, command = in_database(recipients=5)
    assert job.command("run", "--limit", 4).code == 75
    (job.folder / "results.csv").unlink()
    refused = command("run")
    assert refused.code == 65
    assert "4 of 5 recipients of edition 1 had it" in refused.err
    assert "leave --ledger (MAILBATCH_LEDGER) out" in refused.err
    assert len(server.deliveries()) == 4


def test_a_renamed_job_is_noticed(in_database):
    job, _server, command = in_database(recipients=4)
    assert command("run").code == 0
    (job.folder / "results.csv").unlink()
    job.edit("name: scene", "name: other")
    refused = command("run")
    assert refused.code == 65
    assert "give it its name back (name: scene)" in refused.err


def test_other_editions_are_named(in_database):
    job, _, command = in_database(recipients=2)
    assert command("run", "--edition", "47").code == 0
    assert command("run", "--edition", "48").code == 0
    unsent = command("status", "--edition", "49")
    assert "not sent yet; others in postgresql:///postgres: 48, 47" in unsent.err
    missing = command("results", "--edition", "49")
    assert missing.code == 74
    assert "--edition 48 or 47" in missing.err
    folder = job.command("status", "--json")
    assert folder.json["pending"] == 2


@pytest.mark.parametrize("command_line", [("run",), ("status",), ("results",), ("resolve",)])
def test_one_without_rights_is_not_told_that_the_ledger_was_dropped(
    in_database, cluster, database, command_line
):
    _job, server, command = in_database(recipients=2)
    assert command("run").code == 0
    cluster.execute(
        "DO $$ BEGIN CREATE ROLE stranger LOGIN; EXCEPTION WHEN duplicate_object THEN END $$"
    )
    owner = database.rpartition("user=")[2]
    user = database.rpartition("user=")[0] + "user=stranger"
    done = command(*command_line, MAILBATCH_LEDGER=user)
    assert done.code == 74
    told = " ".join(done.err.split())
    assert f"user stranger may not read this ledger: it is that of user {owner}" in told
    assert f"name {owner} in the URL" in told
    assert "dropped" not in told
    assert len(server.deliveries()) == 2


def test_a_worker_that_may_read_no_ledger_says_so(in_database, cluster, database):
    job, server, command = in_database(recipients=2)
    assert command("run", "--limit", 1).code == 75
    cluster.execute(
        "DO $$ BEGIN CREATE ROLE stranger LOGIN; EXCEPTION WHEN duplicate_object THEN END $$"
    )
    user = database.rpartition("user=")[0] + "user=stranger"
    done = job._program("work", "--state-dir", "seen", cwd=job.folder, MAILBATCH_LEDGER=user)
    assert done.code == 0
    assert "1 ledger in postgresql:///postgres may not be read by this user" in done.err
    assert len(server.deliveries()) == 1


def test_the_cap_counts_over_the_editions_of_a_database(in_database):
    _job, server, command = in_database(recipients=3, cap="4/day")
    assert command("run", "--edition", "47").code == 0
    held = command("run", "--edition", "48", "--json")
    told = (held.code, held.json["accepted"], held.json["held_by"])
    assert told == (75, 1, "cap"), held.err
    assert len(server.deliveries()) == 4


def test_an_unreachable_database_mails_nobody(mailing):
    job, server = mailing(recipients=2)
    for command in ("run", "status", "results", "resolve"):
        done = job.command(command, "--ledger", NOWHERE)
        assert done.code == 74
        assert "postgresql://ann@127.0.0.1:1/mail: the connection to the ledger failed" in done.err
        assert "geheim" not in done.err + done.out
    nothing_reached(server)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("tcp://scheduler:8786", "schedulers and queues may start programs there"),
        ("redis://:geheim@queue/0", "redis://queue/0 is not the URL of a ledger"),
        ("postgresql://ann:geheim@db.example.com/mail", "add sslmode=verify-full to the URL"),
        (
            "postgresql://db.example.com/mail?sslmode=verify-full&sslrootcert=ca.pem",
            "the certificate of the database's CA cannot be read: ca.pem",
        ),
        ("state/news.sqlite3", "postgresql://HOST/DATABASE is one"),
    ],
)
def test_other_urls_are_refused(mailing, url, words):
    job, server = mailing(recipients=2)
    done = job.command("run", "--ledger", url)
    assert done.code == 78
    assert words in done.err
    assert "geheim" not in done.err
    nothing_reached(server)


def test_a_certificate_that_is_not_named_is_asked_for(mailing, tmp_path):
    job, server = mailing(recipients=2)
    url = "postgresql://ann@db.example.com/mail?sslmode=verify-full"
    done = job.command("run", "--ledger", url, HOME=str(tmp_path), PGSSLROOTCERT="")
    assert done.code == 74
    assert "root certificate file" in done.err
    assert "sslrootcert=FILE" in done.err
    assert "HINT" not in done.err
    nothing_reached(server)


def test_an_empty_variable_is_none_and_the_option_wins(in_database):
    job, _server, command = in_database(recipients=2)
    assert job.command("run", MAILBATCH_LEDGER="").code == 0
    assert len(job.ledgers) == 1
    assert command("status", "--ledger", NOWHERE).code == 74


def test_a_next_step_names_the_ledger_without_its_password(mailing, database):
    job, _ = mailing(recipients=2)
    done = job.command("run", "--limit", 1, "--ledger", f"{database}&password=geheim")
    assert done.code == 75
    step = done.err.rpartition("run again with ")[2]
    assert step.startswith("mailbatch run job.yaml --ledger 'postgresql:///postgres?host=/")
    assert "geheim" not in done.err


def test_what_makes_no_sense_is_refused(in_database):
    job, _, command = in_database(recipients=2)
    assert command("run").code == 0
    folder = job._program("status", ".", "--ledger", "postgresql:///mail", cwd=job.folder)
    assert folder.code == 2
    assert "--ledger goes with a job file" in folder.err


def test_a_ledger_that_may_be_an_older_copy_is_refused_until_a_person_decides(
    in_database, database
):
    _job, server, command = in_database(recipients=3)
    assert command("run", "--limit", 2).code == 75
    schema = place_in(database, "scene", "1").schema
    execute(database, f"UPDATE {schema}.origin SET timeline = 7")  # noqa: S608
    for name in ("status", "results", "resolve", "run"):
        done = command(name)
        assert done.code == 74
        assert "the ledger may be an older copy: the database has come to timeline 1" in done.err
        assert "mailbatch resolve JOB --restored" in done.err
    restored = command("resolve", "--restored")
    assert restored.code == 0, restored.err
    assert "taken as it stands: 2 accepted, 0 in doubt; the next run mails 1" in restored.err
    assert command("run").code == 0
    assert len(server.deliveries()) == 3


def test_an_edition_whose_schema_was_dropped_does_not_begin_anew(in_database, database):
    job, server, command = in_database(recipients=2)
    assert command("run", "--limit", 1).code == 75
    drop(database, place_in(database, "scene", "1").schema)
    assert command("run").code == 65  # the results know of those who were mailed
    done = command("run", "--new-mailing")
    assert done.code == 74
    assert "the ledger of this edition is gone, and this machine has written it" in done.err
    for file in (job.folder / ".mailbatch").glob("*.seen"):
        file.unlink()
    assert command("run", "--new-mailing").code == 0
    assert len(server.deliveries()) == 3


def test_a_run_that_holds_the_edition_is_named(in_database, database):
    _job, server, command = in_database(recipients=2)
    place = place_in(database, "scene", "1")
    with PostgresLedger.open(place, job="scene", edition="1", message_id_domain="example.com"):
        done = command("run")
        assert done.code == 75
        assert "another run holds this edition: process" in done.err
        assert "a run is under way" in command("status").err
        (writer,) = command("status", "--json").json["writers"]
        assert writer.keys() == {"pid", "host", "started"}
        resolved = command("resolve", "--skip")
        assert (resolved.code, "0 skipped, 0 still in doubt" in resolved.err) == (0, True)
        assert command("resolve", "--restored").code == 75
    nothing_reached(server)


def test_messages_stand_in_threads_over_the_editions_of_a_database(in_database, database):
    """As with files; and what is gone is refused."""
    job, server, command = in_database(recipients=3)
    job.edit("  text: letter.txt.j2", "  text: letter.txt.j2\n  thread: true")
    for edition in "123":
        done = command("run", "--edition", edition, "--yes")
        assert done.code == 0, done.err
    ids = {}
    for taken in server.deliveries():
        chain = ids.setdefault(taken.recipients[0], [])
        assert taken.thread == (chain[-1] if chain else "", " ".join(chain))
        chain.append(taken.message_id)
    assert {len(chain) for chain in ids.values()} == {3}
    assert command("run", "--edition", "4", "--dry-run", "--out", "dry").code == 0
    written = [path.read_text() for path in (job.folder / "dry").glob("*.eml")]
    assert all(any(chain[-1] in text for text in written) for chain in ids.values())
    assert command("run", "--edition", "4", "--limit", 1).code == 75
    PostgresLedger.read(place_in(database, "scene", "3")).close()
    drop(database, place_in(database, "scene", "3").schema)
    gone = command("run", "--edition", "4", "--yes")
    assert gone.code == 74
    assert "the ledger of edition 3 is gone; message.thread asks it" in gone.err
    assert "without message.thread no earlier edition is asked" in gone.err
    assert len(server.deliveries()) == 10


def drop(database, schema):
    """Remove the ledger of an edition from the database."""
    execute(database, f"DROP SCHEMA {schema} CASCADE")


def execute(database, statement):
    """Change the database by another hand."""

    async def work():
        connection = await asyncpg.connect(database)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(work())
