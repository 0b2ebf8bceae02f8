"""`mailbatch ledger`: roles in a database, and a mailing that is sent with them."""

import random

from tests.certainty.program import mailbatch
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
