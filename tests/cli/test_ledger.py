"""`mailbatch ledger`: roles in a database, and a mailing that is sent with them."""

import random

import pytest

from tests.certainty.program import mailbatch
from tests.support.faults import Fault, Kind, Stage
from tests.support.postgresql import check_present, shared_cluster


def test_the_roles_are_made_and_the_sql_is_shown(tmp_path):
    check_present()
    cluster = shared_cluster()
    number = f"{random.getrandbits(64):x}"
    names = ("--planner", f"p_{number}", "--worker", f"w_{number}")
    code, out, err = mailbatch("ledger", "init", cluster.address, "--print", *names, cwd=tmp_path)
    assert (code, err) == (0, "")
    query = f"SELECT rolname FROM pg_roles WHERE rolname LIKE '_/_{number}' ESCAPE '/'"  # noqa: S608
    assert cluster.fetch(query) == []
    cluster.execute(out)
    url = f"{cluster.address}&password=geheim"
    for _ in range(2):
        code, out, err = mailbatch("ledger", "init", url, *names, cwd=tmp_path)
        assert (code, out) == (0, ""), err
        assert "Neither has a password from here: set them in psql with \\password" in " ".join(
            err.split()
        )
        assert "geheim" not in err
    assert {row[0] for row in cluster.fetch(query)} == {f"p_{number}", f"w_{number}"}
    cluster.execute(f"DROP OWNED BY p_{number}, w_{number}; DROP ROLE p_{number}, w_{number}")


def test_what_is_no_database_and_no_role_is_refused(tmp_path):
    for arguments, expected, words in (
        (("news.sqlite3",), 78, "is not the URL of a ledger"),
        (("postgresql:///mail", "--worker", "A B"), 2, "is no name of a role"),
        (("postgresql://db.example.com/mail",), 78, "sslmode=verify-full"),
        ((), 2, "Missing argument"),
    ):
        code, _, err = mailbatch("ledger", "init", *arguments, cwd=tmp_path)
        assert code == expected, err
        assert words in " ".join(err.split())


@pytest.fixture
def in_database(mailing, database):
    """Make a mailing, its server, and a command that keeps the ledger in the database."""

    def make(*faults, **more):
        job, server = mailing(*faults, **more)

        def command(*arguments):
            return job.command(*arguments, MAILBATCH_LEDGER=database)

        def archive(*options):
            return job._program("ledger", "archive", "job.yaml", "--ledger", database, *options,
                                cwd=job.folder)  # fmt: skip

        return job, server, command, archive

    return make


def test_an_edition_is_put_away_behind_its_results_and_nobody_is_mailed_again(in_database):
    job, server, command, archive = in_database(recipients=3)
    assert command("run", "--limit", 2).code == 75
    refused = archive()
    assert refused.code == 75
    assert "nothing was dropped: 1 recipient pending or deferred" in refused.err
    assert command("run").code == 0
    before = (job.folder / "results.csv").read_bytes()
    (job.folder / "results.csv").unlink()
    done = archive()
    assert done.code == 0, done.err
    assert "is put away: the results are all that is left" in done.err
    assert (job.folder / "results.csv").read_bytes() == before
    for name in ("run", "status", "results", "resolve"):
        again = command(name)
        assert again.code == 74
        assert "edition 1 of scene was put away by `mailbatch ledger archive` at" in again.err
    assert command("run", "--new-mailing").code == 74
    assert archive().code == 74
    assert len(server.deliveries()) == 3
    assert command("run", "--edition", "2").code == 0


def test_results_that_cannot_be_written_leave_the_ledger_as_it_is(in_database):
    job, _server, command, archive = in_database(recipients=2)
    assert command("run").code == 0
    (job.folder / "file").write_text("")
    assert archive("--results", "file/results.csv").code == 74
    assert command("status", "--json").json["accepted"] == 2


def test_doubts_and_days_that_are_counted_keep_an_edition(in_database):
    job, _server, command, archive = in_database(Fault(Stage.DOT, Kind.RST, times=1), recipients=2)
    assert command("run").code == 69
    assert command("run").code == 4
    refused = archive()
    assert (refused.code, "nothing was dropped: 1 recipient in doubt" in refused.err) == (4, True)
    assert command("resolve", "--skip").code == 0
    job.edit("server:\n", "server:\n  cap: 100/day\n")
    refused = archive()
    assert (refused.code, "count for server.cap" in refused.err) == (75, True)
    assert archive("--unfinished").code == 0


def test_a_ledger_in_a_file_is_moved_by_hand(mailing):
    job, _server = mailing(recipients=1)
    assert job.command("run").code == 0
    done = job._program("ledger", "archive", "job.yaml", cwd=job.folder)
    assert (done.code, "is put away by moving the file" in done.err) == (2, True)
