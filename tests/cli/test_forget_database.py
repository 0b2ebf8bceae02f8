"""`mailbatch forget` with ledgers in a database: no byte in a table, and nobody mailed by that."""

import csv

import pytest

from mailbatch.ledger.postgres.address import place_in, shown
from mailbatch.outcome import Status
from tests.cli.test_forget import ANN, LOTS, PERSONAL, ROWS, got, keyed, places_of, write
from tests.support.faults import Fault, Kind, Stage

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra

#: The name of the job of a scene.
JOB = "scene"
_FILES = """
SELECT c.relname, pg_relation_filepath(c.oid) AS path FROM pg_class AS c
WHERE c.relnamespace = '{schema}'::regnamespace OR c.oid IN (
  SELECT reltoastrelid FROM pg_class WHERE relnamespace = '{schema}'::regnamespace)
"""
_SAMPLES = """
SELECT count(*) FROM pg_stats WHERE schemaname = '{schema}' AND (
  lower(most_common_vals::text) LIKE '%{word}%' OR lower(histogram_bounds::text) LIKE '%{word}%')
"""


def tables_of(cluster, place, *words):
    """The tables and indexes, in whose files one of these words stands, in any capitals."""
    cluster.execute("CHECKPOINT")
    found = set()
    for name, path in cluster.fetch(_FILES.format(schema=place.schema)):
        if path is None:  # a view
            continue
        held = (cluster.folder / "data" / path).read_bytes().lower()
        if any(word.lower().encode() in held for word in words):
            found.add(name)
    for word in words:
        query = _SAMPLES.format(schema=place.schema, word=word.lower())
        if cluster.fetch(query)[0][0]:
            found.add("statistics")
    return found


@pytest.fixture
def in_database(mailing, database):
    """Make a mailing with three people, its server, a command, and the place of the ledger."""

    def make(*faults, columns=("email", "name", "lot"), rows=ROWS, **more):
        job, server = mailing(*faults, **more)
        write(job, *rows, columns=columns)
        place = place_in(database, JOB, "1")

        def command(*arguments, **environ):
            names = {"MAILBATCH_LEDGER": database, **environ}
            if arguments[0] == "forget":
                return job._program(*arguments, cwd=job.folder, **names)
            return job.command(*arguments, **names)

        return job, server, command, place

    return make


def standing(place):
    with PostgresLedger.read(place) as ledger:
        return {row.email: row.status for row in ledger.standing.result_rows()}


def test_it_lists_what_it_would_do_and_changes_nothing_without_yes(in_database):
    _job, _server, command, place = in_database()
    assert command("run").code == 0
    done = command("forget", ANN, "--json")
    assert (done.code, done.json["forgotten"], done.json["unread"]) == (0, False, [])
    assert done.json["ledgers"] == {str(place): 1}
    assert f"{place}: 1 row, 1 with a message" in done.err
    assert "results.csv: results" in done.err
    assert "nothing was changed" in done.err
    assert standing(place)["Ann@example.net"] is Status.ACCEPTED


def test_no_byte_of_the_person_stays_and_figures_do(in_database, cluster, database):
    job, _server, command, place = in_database()
    assert command("run").code == 0
    assert "recipient" in tables_of(cluster, place, ANN)
    evidence = command("evidence", "--only", ANN, "--out", "../before", "--json").json
    done = command("forget", ANN, "--yes", "--json")
    assert (done.code, done.json["forgotten"]) == (0, True), done.err
    assert tables_of(cluster, place, *PERSONAL) == set()
    assert places_of(job.folder, *PERSONAL) == set()
    now = standing(place)
    (alias,) = [email for email in now if email.endswith("@forgotten.invalid")]
    assert now == dict.fromkeys(["bob@example.net", alias, "carl@example.net"], Status.ACCEPTED)
    rows = list(csv.DictReader((job.folder / "results.csv").read_text("utf-8").splitlines()))
    assert [row["email"] for row in rows] == ["bob@example.net", alias, "carl@example.net"]
    # The chain of the edition is the same: evidence of before fits that of behind.
    after = command("evidence", "--only", ANN, "--out", "../after", "--json")
    assert after.json["head"] == evidence["head"]
    nowhere = f"stands in no ledger, store, dialogue or results file of . and {shown(database)}\n"
    assert nowhere in command("forget", ANN, "--yes").err


def test_a_later_run_knows_that_the_person_was_mailed_and_learns_nothing(in_database, cluster):
    job, server, command, place = in_database()
    assert command("run").code == 0
    assert command("forget", ANN, "--yes").code == 0
    write(job, *ROWS, ["dora@example.net", "Dora", "b"])
    assert command("check", "--json").json["accepted"] == 3
    done = command("run")
    assert done.code == 0, done.err
    assert got(server).count("Ann@example.net") == 1
    assert got(server)[-1] == "dora@example.net"
    assert tables_of(cluster, place, *PERSONAL) == set()
    assert command("run", "--json").json["nothing_to_do"] is True
    assert "@forgotten.invalid: accepted" in command("status", "--only", ANN).out
    # Under another name the job would mail the same people: the ledger of before knows all four.
    job.edit("name: ", "name: other-")
    assert command("run").code == 65


@pytest.mark.parametrize("more", [(), ("--retry-rejected",)])
def test_who_was_never_mailed_gets_nothing_any_more(in_database, cluster, more):
    refused = {"Ann@example.net": "550 5.1.1 <Ann@example.net>?"}
    rows = (*ROWS, ["eve@example.net", "Evelyn Quux", "b"])
    _job, server, command, place = in_database(server={"refused": refused}, rows=rows)
    command("run", "--limit", "2")
    assert standing(place)["Ann@example.net"] is Status.REJECTED
    for address in (ANN, "eve@example.net"):
        assert command("forget", address, "--yes").code == 0
    assert tables_of(cluster, place, *PERSONAL, "eve@example.net", "Evelyn") == set()
    done = command("run", *more)
    assert set(got(server)) == {"bob@example.net", "carl@example.net"}
    assert "equation: 4 rows = 2 accepted + 1 rejected + 1 suppressed" in done.err
    assert tables_of(cluster, place, *PERSONAL, "eve@example.net") == set()


def test_a_key_and_a_group_of_the_person_are_gone_too(in_database, cluster):
    job, server, command, place = in_database()
    job.edit("file: recipients.csv", "file: recipients.csv\n  key: name\n  group_by: [email, lot]")
    assert command("run").code == 0
    assert command("forget", ANN, "--yes").code == 0
    assert tables_of(cluster, place, *PERSONAL) == set()
    assert command("run").code == 0
    assert len(got(server)) == 3
    assert tables_of(cluster, place, *PERSONAL) == set()


def test_behind_a_change_of_the_key_the_person_is_known_also_to_a_check(in_database, cluster):
    job, server, command, place = in_database(rows=[*LOTS, ["eve@example.net", "Evelyn Quux", "7"]])
    assert command("run", "--limit", "1").code == 75
    assert command("forget", "eve@example.net", "--yes").code == 0
    keyed(job)
    told = command("check", "--json").json
    assert (told["pending"], told["accepted"], told["suppressed"]) == (1, 1, 1)
    done = command("run", "--json")
    assert (done.code, done.json["accepted"], done.json["suppressed"]) == (0, 2, 1), done.err
    assert command("forget", ANN, "--yes").code == 0
    job.edit("\n  key: lot", "")
    told = command("check", "--json").json
    assert (told["pending"], told["accepted"], told["suppressed"]) == (0, 2, 1)
    assert command("run", "--json").json["accepted"] == 2
    assert len(got(server)) == 2
    assert tables_of(cluster, place, *PERSONAL, "eve@example.net", "Evelyn") == set()


def test_a_copy_and_words_of_others_name_nobody(in_database, cluster):
    refusal = "550 5.7.1 <bob@example.net>: ask Ann@example.net"
    rows = (["bob@example.net", "see ANN@example.net", "a"], *ROWS[1:])
    job, _server, command, place = in_database(
        rows=rows, server={"refused": {"bob@example.net": refusal}}
    )
    job.edit("message:\n", f"message:\n  cc: {ANN}\n")
    assert command("run").code == 3
    assert {"reply", "recipient", "copy"} <= tables_of(cluster, place, ANN)
    assert command("forget", ANN, "--yes").code == 0
    assert tables_of(cluster, place, *PERSONAL) == set()
    assert standing(place)["bob@example.net"] is Status.REJECTED


def test_a_doubt_and_a_run_under_way_are_refused(in_database):
    fault = Fault(Stage.DOT, Kind.FIN, transaction=2, taken=True)
    _job, server, command, place = in_database(fault, attempts=3)
    assert command("run").code == 4
    doubtful = got(server)[1]
    done = command("forget", doubtful, "--yes")
    assert (done.code, "is in doubt" in done.err) == (2, True)
    with PostgresLedger.reopen(place):
        done = command("forget", "carl@example.net", "--yes")
    assert (done.code, "a run holds this edition" in done.err) == (75, True)
    assert command("resolve", "--accepted").code == 0
    assert command("forget", doubtful, "--yes").code == 0


def test_editions_of_all_jobs_and_files_beside_the_database_forget(in_database, database):
    job, _server, command, place = in_database()
    assert command("run").code == 0
    assert job.command("run", "--new-mailing", "--edition", "2").code == 0  # in a file
    job.edit("name: ", "name: other-")
    assert command("run", "--new-mailing").code == 0
    other = place_in(database, f"other-{JOB}", "1")
    done = command("forget", ANN, "--yes", "--json")
    (file,) = job.ledgers
    assert done.json["ledgers"] == {
        str(place): 1, str(other): 1, str(file.relative_to(job.folder)): 1,
    }  # fmt: skip
    assert places_of(job.folder, *PERSONAL) == set()
    for one in (place, other):
        assert ANN not in {email.lower() for email in standing(one)}


def test_a_ledger_that_this_user_may_not_read_is_named(in_database, cluster, database):
    _job, _server, command, _place = in_database()
    assert command("run").code == 0
    cluster.execute(
        "DO $$ BEGIN CREATE ROLE stranger LOGIN; EXCEPTION WHEN duplicate_object THEN END $$"
    )
    user = database.rpartition("user=")[0] + "user=stranger"
    done = command("forget", ANN, "--yes", "--json", MAILBATCH_LEDGER=user)
    assert done.code == 74, "a script must not take this for all of the person"
    assert len(done.json["unread"]) == 1
    assert "may not read the ledger" in done.err
    told = "stands in no ledger, store, dialogue or results file"
    assert told not in done.err
    # The results file was found, and so the person; nothing else has them for this user.
    again = command("forget", ANN, "--yes", MAILBATCH_LEDGER=user)
    assert f"{ANN} stands in no other ledger, store, dialogue or results file of ." in again.err


def test_one_who_may_read_and_owns_nothing_is_told_who_may_forget(in_database, cluster, database):
    _job, _server, command, place = in_database()
    assert command("run").code == 0
    cluster.execute(
        "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;"
        f" GRANT USAGE ON SCHEMA {place.schema} TO reader;"
        f" GRANT SELECT ON ALL TABLES IN SCHEMA {place.schema} TO reader"
    )
    user = database.rpartition("user=")[0] + "user=reader"
    done = command("forget", ANN, "--yes", MAILBATCH_LEDGER=user)
    assert (done.code, "that role alone may forget" in done.err) == (74, True)
    assert standing(place)["Ann@example.net"] is Status.ACCEPTED
    cluster.execute("DROP OWNED BY reader")
