"""kill -9 between an answer and its commit: what an endpoint that gives once can lose, and no more.

The test takes the store's lock before the provider gives an answer, so that the process dies behind
the answer and before its commit. The API's own list says what was given.
"""

import json
import sqlite3

import pytest

from mailbatch.reports.store import ReportStore
from tests.support.provider_api import log_entry

from .pulled import start_pull, write_job

WHOLE = 5


@pytest.fixture
def scene(tmp_path, api):
    job = write_job(tmp_path, api.url)
    path = tmp_path / "reports.sqlite3"
    ReportStore(path).close()
    return job, path


def die_with_answer(api, scene, number, *options):
    """Kill a pull that has been given its answer of a number, and cannot keep it."""
    job, path = scene
    answered = api.answer_to
    lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    held = []

    def answer_to(question):
        if len(api.asked) == number - 1:
            lock.execute("BEGIN IMMEDIATE")
            held.append(question)
        answer = answered(question)
        with api.grown:
            api.grown.notify_all()
        return answer

    api.answer_to = answer_to
    process = start_pull(job, "--store", str(path), *options)
    try:
        with api.grown:
            assert api.grown.wait_for(lambda: len(api.asked) == number, timeout=60)
        process.kill()
        process.communicate(timeout=60)
    finally:
        api.answer_to = answered
        lock.close()
    assert held
    assert process.returncode == -9


def pull_again(scene, *options):
    job, path = scene
    process = start_pull(job, "--store", str(path), *options)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def kept(path):
    """The answers in the store, and the recipients of the reports made of them."""
    with ReportStore(path) as store:
        store.read_kept()
        rows = store._connection.execute("SELECT content FROM body ORDER BY id")
        answers = [json.loads(content)["results"] for (content,) in rows]
        return answers, {one.report.recipient for one in store.reports()}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_at_most_the_one_answer_under_way_is_lost(api, scene, number):
    """All answers before were acknowledged by the next question, and are on the disk."""
    api.reports["letter-1"] = [log_entry(n) for n in range(WHOLE)]
    die_with_answer(api, scene, number, "--reports")
    answers, _ = kept(scene[1])
    assert answers == api.given[: number - 1]
    pull_again(scene, "--reports")
    answers, _ = kept(scene[1])
    assert len(api.given) == 3
    assert answers == [*api.given[: number - 1], *api.given[number:], []]


@pytest.mark.parametrize("number", [1, 3])
def test_a_log_loses_nothing_and_goes_on(api, scene, number):
    """What one endpoint gave away in vain, the log still has."""
    api.logs["letter-1"] = [log_entry(n) for n in range(WHOLE)]
    die_with_answer(api, scene, number)
    said = pull_again(scene)
    assert ("going on" in said) is (number > 1)
    assert kept(scene[1])[1] == {f"p{n}@example.org" for n in range(WHOLE)}
    cursors = [question.query.get("cursor") for question in api.asked]
    pages = [None, "2", "4"]
    assert cursors == [*pages[:number], *pages[number - 1 :]]
