"""kill -9 of the receiver under load: every POST that was acknowledged is in the store."""

import http.client
import json
import sqlite3
import threading

import pytest

from tests.receiver.receiving import REPORT, bodies, program

CLIENTS = 6


class Load:
    """Clients that post numbered reports, one behind the other, until the receiver is gone."""

    def __init__(self, target, first):
        self.acknowledged = set()
        self._enough = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._post, args=(target, first + 100_000 * n))
            for n in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _post(self, target, first):
        connection = target.connection
        try:
            for number in range(first, first + 100_000):
                connection.request("POST", target.path, REPORT % number)
                answer = connection.getresponse()
                answer.read()
                if answer.status == http.client.OK:
                    self.acknowledged.add(number)
                    self._enough.release()
        except (OSError, http.client.HTTPException):
            pass  # killed
        finally:
            connection.close()

    def wait_for(self, acknowledgements):
        for _ in range(acknowledgements):
            assert self._enough.acquire(timeout=30)

    def join(self):
        for thread in self._threads:
            thread.join()


def check_kills(path, kills):
    acknowledged = set()
    for life in range(kills):
        with program(path) as (process, target):
            load = Load(target, life * 1_000_000)
            load.wait_for(20 + 7 * (life % 5))
            process.kill()
            load.join()
        acknowledged |= load.acknowledged
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    there = {int(json.loads(body)["results"][0]["messageId"]) for body in bodies(path)}
    assert len(acknowledged) >= 20 * kills
    assert acknowledged - there == set()


def test_a_killed_receiver_has_kept_all_that_it_acknowledged(tmp_path):
    check_kills(tmp_path / "reports.sqlite3", 5)


@pytest.mark.long
def test_a_receiver_that_was_killed_a_hundred_times(tmp_path):
    check_kills(tmp_path / "reports.sqlite3", 100)
