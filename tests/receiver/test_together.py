"""`reports serve`, `pull` and `read` write one store at once, and a look reads it: nothing is lost.

With this Python's SQLite: a rollback journal where its write-ahead log may lose commits.
"""

import http.client
import json
import sqlite3
import threading
from contextlib import closing

import pytest

from mailbatch.reports.store import ReportStore
from tests.certainty.program import end, start
from tests.pull.pulled import start_pull, write_job
from tests.receiver.receiving import program, stopped
from tests.support.provider_api import ProviderApi

CLIENTS = 4
PATIENCE = 900.0


def entries(numbers):
    return [{"messageId": str(n), "to": "a@example.org", "status": {"groupId": 3}} for n in numbers]


def body(numbers):
    return json.dumps({"results": entries(numbers)}).encode()


def lots(first, number, size):
    """Ranges of numbers, all of them together `number` from `first` on."""
    return [
        range(begin, min(begin + size, first + number))
        for begin in range(first, first + number, size)
    ]


class Posting:
    """Clients that share some bodies; `refused` are the answers that were no 200."""

    def __init__(self, target, bodies):
        self.refused = []
        self._bodies = iter(bodies)
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._post, args=(target,)) for _ in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _post(self, target):
        with closing(target.connection) as connection:
            while True:
                with self._lock:
                    one = next(self._bodies, None)
                if one is None:
                    return
                connection.request("POST", target.path, one)
                answer = connection.getresponse()
                answer.read()
                if answer.status != http.client.OK:
                    self.refused.append(answer.status)

    def join(self):
        for thread in self._threads:
            thread.join()


def check_together(folder, events, size):
    """Keep a third of the events on each way, at once, in bodies of `size` events each."""
    path, third = folder / "reports.sqlite3", events // 3
    files = []
    for number, lot in enumerate(lots(third, third, size)):
        files.append(folder / f"{number}.json")
        files[-1].write_bytes(body(lot))
    with ProviderApi(page=max(size, 500)) as api, program(path) as (process, target):
        api.reports["letter-1"] = entries(range(2 * third, events))
        job = write_job(folder, api.url)
        posting = Posting(target, [body(lot) for lot in lots(0, third, size)])
        pulling = start_pull(job, "--store", str(path), "--edition", "1", "--reports")
        reading = start("reports", "read", str(job), *map(str, files), "--store", str(path),
                        cwd=folder, PULL_KEY="x")  # fmt: skip
        looks = 0
        while pulling.poll() is None or reading.poll() is None:
            with ReportStore(path, to_look=True) as store:
                store.read_kept()
                looks += 1
        posting.join()
        for other in (pulling, reading):
            code, _, said = end(other, PATIENCE)
            assert code == 0, said
        assert stopped(process)[0] == 0
        assert posting.refused == []
    with ReportStore(path) as store:
        store.read_kept()
        found = sorted(int(one.report.message_id) for one in store.reports())
    assert found == list(range(events))
    assert looks
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_three_commands_keep_at_once_is_all_there(tmp_path):
    check_together(tmp_path, 3000, 20)


@pytest.mark.long
def test_a_hundred_thousand_events_of_three_commands_at_once(tmp_path):
    check_together(tmp_path, 100_000, 100)
