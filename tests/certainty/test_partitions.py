"""A worker on a host that is cut off: from the database, from the server, from both.

The wire comes back in each of them, and the process lives on: nobody is in doubt. On a machine with
other work the worker may be done before it is cut off, so that these run by `-m long` alone.
"""

import signal
from collections import Counter

import pytest

from tests.certainty.program import end, environment, start
from tests.certainty.scene import PATIENT, Scene
from tests.support.fault_server import FaultServer
from tests.support.partition import Host, obstacle
from tests.support.postgresql import Cluster, check_present

pytestmark = pytest.mark.long

DATABASE, SERVER = 0, 1
RECIPIENTS, SESSIONS, LONG = 120, 2, 60.0


@pytest.fixture
def host():
    obstacle()
    check_present()
    with Host() as made:
        yield made


@pytest.fixture
def far_cluster(host, certificates):
    """Start a database that the host reaches by TLS, and return it with the URL for the host."""
    address = host.near[DATABASE]
    issued = certificates.authority.issue_cert(address)
    with Cluster(listen_addresses=f"'{address}'") as cluster:
        certificate = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        cluster.configure("ssl_cert_file", f"'{cluster.give('server.pem', certificate)}'")
        key = cluster.give("server.key", issued.private_key_pem.bytes())
        cluster.configure("ssl_key_file", f"'{key}'")
        cluster.configure("ssl", "on")
        cluster.let_in(f"hostssl all all {host.far[DATABASE]}/32 trust")
        user = cluster.fetch("SELECT current_user")[0][0]
        yield (
            cluster,
            (
                f"postgresql://{user}@{address}/postgres?sslmode=verify-full"
                f"&sslrootcert={certificates.ca_file}"
            ),
        )


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
def test_a_worker_that_is_cut_off_and_comes_back(tmp_path, host, far_cluster, server, wires, ends):
    """Meanwhile a worker on this host goes on; `ends`: the database gives the connections up."""
    cluster, url = far_cluster
    scene = Scene(
        tmp_path / "scene", server.port, recipients=RECIPIENTS, sessions=SESSIONS, rate="60/s",
        timeouts=PATIENT, text="Hello\n", attempts=5,
    )  # fmt: skip
    job = scene.job.read_text(encoding="utf-8")
    far_server = f"host: {server.host}\n  insecure: true"
    scene.job.write_text(job.replace("host: 127.0.0.1", far_server), encoding="utf-8")
    far = host.start(
        "-m", "mailbatch", "work", "--forever", "--sessions", str(SESSIONS),
        cwd=tmp_path,
        environ=environment(MAILBATCH_LEDGER=url, MAILBATCH_STATE_DIR=str(tmp_path / "far")),
    )  # fmt: skip
    run = start(
        "run", "job.yaml", "--yes", cwd=scene.folder,
        MAILBATCH_LEDGER=cluster.address, MAILBATCH_STATE_DIR=str(tmp_path / "near"),
    )  # fmt: skip
    try:
        server.wait_for(SESSIONS * 2, seconds=LONG, stage="ehlo")  # both have their sessions
        sent = len(server.stages("dot"))
        with host.cut(*wires):
            if ends:
                cluster.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
                    f" WHERE client_addr = '{host.far[DATABASE]}'"
                )
            server.wait_for(sent + 12, seconds=LONG, stage="dot")  # the others go on
        code, _, err = end(run, LONG)
        assert code == 0, err
        far.send_signal(signal.SIGTERM)
        code, _, err = end(far, LONG)
        assert code == 75, err
    finally:
        for process in (far, run):
            if process.poll() is None:
                process.kill()
                process.communicate()
    got = Counter(address for taken in server.deliveries() for address in taken.recipients)
    assert set(scene.statuses().values()) == {"accepted"}
    assert got == Counter(scene.addresses)
