"""The private cluster of the tests: it never outlives their process."""

import os
import select
import subprocess
import sys
from pathlib import Path

from tests.support.postgresql import check_present

_BEGIN = """
import sys
from tests.support.postgresql import Cluster
cluster = Cluster().__enter__()
print(cluster.folder, (cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
sys.stdout.flush()
sys.stdin.read()
"""


def test_a_cluster_ends_with_a_process_that_is_killed():
    check_present()
    with subprocess.Popen(
        [sys.executable, "-c", _BEGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        folder, server = tests.stdout.readline().split()
        assert Path(folder).exists()
        ended = os.pidfd_open(int(server))
        tests.kill()
        # The warden holds the output until the cluster is gone.
        assert tests.stdout.read() == ""
    assert not Path(folder).exists()
    assert select.select([ended], [], [], 10.0)[0]
    os.close(ended)
