"""A worker on a host that is cut off: from the database, from the server, from both.

The wire comes back in each of them, and the process lives on: nobody is in doubt. The server stands
still until the wire is cut, and again before the others are through: so the worker is in the middle
of its work, and has some left, however busy the machine is.
"""

import asyncio
import signal
from collections import Counter

import pytest

from tests.certainty.program import end, environment, start
from tests.certainty.scene import PATIENT, Scene
from tests.support.fault_server import FaultServer
from tests.support.partition import Host, obstacle
from tests.support.postgresql import Cluster, check_present
from tests.support.waiting import until

DATABASE, SERVER = 0, 1
RECIPIENTS, SESSIONS, LONG = 240, 2, 60.0
#: So many records has the journal of the server when the worker is cut off, and when it is back.
EARLY, LATE = 30, 110
#: Longer than the server stands still while processes start.
LONGER = dict.fromkeys(PATIENT, "90s")


@pytest.fixture(scope="module")
def host():
    obstacle()
    check_present()
    with Host() as made:
        yield made


@pytest.fixture(scope="module")
def far_cluster(host, certificates):
    """Start a database that the host reaches by TLS."""
    address = host.near[DATABASE]
    issued = certificates.authority.issue_cert(address)
    with Cluster(listen_addresses=f"'{address}'") as cluster:
        certificate = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        cluster.configure("ssl_cert_file", f"'{cluster.give('server.pem', certificate)}'")
        key = cluster.give("server.key", issued.private_key_pem.bytes())
        cluster.configure("ssl_key_file", f"'{key}'")
        cluster.configure("ssl", "on")
        cluster.let_in(f"hostssl all all {host.far[DATABASE]}/32 trust")
        yield cluster


@pytest.fixture
def urls(request, host, far_cluster, certificates):
    """Return the URLs of a database for this host and the far one."""
    name = f"cut{abs(hash(request.node.nodeid)):x}"
    far_cluster.execute(f"CREATE DATABASE {name}")
    user = far_cluster.fetch("SELECT current_user")[0][0]
    verified = f"sslmode=verify-full&sslrootcert={certificates.ca_file}"
    far_url = f"postgresql://{user}@{host.near[DATABASE]}/{name}?{verified}"
    yield far_cluster.url(name), far_url
    far_cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


def writers(url):
    """Count the processes that write a ledger of a database."""

    async def ask():
        import asyncpg

        connection = await asyncpg.connect(url)
        try:
            schema = await connection.fetchval(
                "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'mailbatch_scene')"
            )
            if schema is None:
                return 0
            query = f"SELECT count(*) FROM {schema}.workers WHERE alive"  # noqa: S608
            return await connection.fetchval(query)
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            return 0  # it is made just now
        finally:
            await connection.close()

    return asyncio.run(ask())


@pytest.fixture
def server(host):
    made = FaultServer()
    made.host = host.near[SERVER]
    with made:
        yield made


@pytest.mark.parametrize(
    ("wires", "ends"),
    [((DATABASE,), False), ((DATABASE,), True), ((SERVER,), False), ((DATABASE, SERVER), True)],
    ids=["database", "database-that-ends-the-connection", "server", "both"],
)
def test_a_worker_that_is_cut_off_and_comes_back(
    tmp_path, host, far_cluster, urls, server, wires, ends
):
    """Meanwhile a worker on this host goes on; `ends`: the database gives the connections up."""
    near_url, far_url = urls
    scene = Scene(
        tmp_path / "scene", server.port, recipients=RECIPIENTS, sessions=SESSIONS, text="Hello\n",
        timeouts=LONGER, attempts=5,
    )  # fmt: skip
    job = scene.job.read_text(encoding="utf-8")
    far_server = f"host: {server.host}\n  insecure: true"
    scene.job.write_text(job.replace("host: 127.0.0.1", far_server), encoding="utf-8")
    server.stand_still_at(EARLY)
    words = ("work", "--forever", "--sessions", str(SESSIONS))
    state = {"MAILBATCH_STATE_DIR": str(tmp_path / "near"), "MAILBATCH_LEDGER": near_url}
    processes = [start("run", "job.yaml", "--yes", "--sessions", "0", cwd=scene.folder, **state)]
    try:
        far_state = {"MAILBATCH_STATE_DIR": str(tmp_path / "far"), "MAILBATCH_LEDGER": far_url}
        far = host.start(
            "-m", "mailbatch", *words, cwd=tmp_path, environ=environment(**far_state)
        )  # fmt: skip
        processes.append(far)
        until(lambda: len(server.journal) >= EARLY, what="a worker in its work", seconds=LONG)
        mine = {record["connection"] for record in server.journal}
        near = start(*words, cwd=tmp_path, **state)
        processes.append(near)
        until(lambda: writers(near_url) >= 3, what="a run and two workers", seconds=LONG)
        with host.cut(*wires):
            if ends:
                far_cluster.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
                    f" WHERE client_addr = '{host.far[DATABASE]}'"
                )
            server.stand_still_at(LATE)
            until(lambda: len(server.journal) >= LATE, what="the other worker", seconds=LONG)
            near.send_signal(signal.SIGSTOP)
        assert sum(one["connection"] not in mine for one in server.stages("dot")) > SESSIONS
        before = len(server.stages("dot"))
        server.stand_still_at(None)
        # More than the other one can have had under way.
        server.wait_for(before + 3 * SESSIONS, seconds=LONG, stage="dot")
        near.send_signal(signal.SIGCONT)
        code, _, err = end(processes[0], LONG)
        assert code == 0, err
        for worker in processes[1:]:
            worker.send_signal(signal.SIGTERM)
            code, _, err = end(worker, LONG)
            assert code == 75, err
    finally:
        server.stand_still_at(None)
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
    got = Counter(address for taken in server.deliveries() for address in taken.recipients)
    assert set(scene.statuses().values()) == {"accepted"}
    assert got == Counter(scene.addresses)
