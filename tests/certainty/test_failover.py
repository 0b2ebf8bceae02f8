"""The database is lost in the middle of a mailing, and its synchronous standby takes over."""

import signal

from tests.certainty.program import end
from tests.certainty.test_workers import LONG, Mailing
from tests.support.postgresql import check_present
from tests.support.replicas import Restorable, Standby, wait_for_standby


class Replicated(Mailing):
    """A mailing whose database has a synchronous standby; its URL names both hosts."""

    def __init__(self, folder, port, primary, standby):
        super().__init__(folder, port, cluster=primary, recipients=400, rate="100/s")
        here = self.ledger["MAILBATCH_LEDGER"]
        both = f"{primary.folder},{standby.folder}".replace("/", "%2F")
        user = here.rpartition("&user=")[2]
        url = f"postgresql:///{self.database}?host={both}&user={user}"
        self.ledger = {"MAILBATCH_LEDGER": url}


def test_a_synchronous_standby_takes_over_and_costs_nobody_a_doubt(tmp_path, fault_server):
    check_present()
    server = fault_server()
    with Restorable() as primary, Standby(primary) as standby:
        primary.configure("synchronous_standby_names", "'other'")
        wait_for_standby(primary, "sync")
        one = Replicated(tmp_path, server.port, primary, standby)
        workers = [one.worker("--forever"), one.worker("--forever")]
        run = one.run()
        try:
            server.wait_for(100, seconds=LONG, stage="dot")
            primary.kill()
            standby.promote()
            code, _, err = end(run, LONG)
            assert code == 0, err
            (walfile,) = standby.fetch("SELECT pg_walfile_name(pg_current_wal_lsn())")[0]
            assert walfile.startswith("00000002")  # the timeline of the new primary
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
                assert end(worker, LONG)[0] == 75
        finally:
            for process in (run, *workers):
                if process.returncode is None:
                    process.kill()
                    process.communicate()
        one.check(server, doubts=0)
