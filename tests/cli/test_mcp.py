"""`mailbatch mcp`: a conversation over stdio, with the client of the official SDK."""

from __future__ import annotations

import asyncio
import shutil
import sys

import pytest

from tests.certainty.program import environment
from tests.cli.test_plan import PLAN, planned

from .conftest import nothing_reached

mcp = pytest.importorskip("mcp")


def talk(job, *arguments, calls=()):
    """Start the server in the folder of a job; return its tools, and the answers of the calls."""

    async def conversation():
        server = mcp.StdioServerParameters(
            command=sys.executable,
            args=["-m", "mailbatch", "mcp", str(job.folder), *arguments],
            env=environment(),
            cwd=job.folder,
        )
        async with mcp.Client(server, read_timeout_seconds=60) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            return tools, [await client.call_tool(name, given) for name, given in calls]

    return asyncio.run(conversation())


def data(answer):
    assert not answer.is_error, answer.content
    return answer.structured_content


def words(answer):
    assert answer.is_error
    return answer.content[0].text


def got(server):
    return [address for taken in server.deliveries() for address in taken.recipients]


JOB = {"job": "job.yaml"}


def test_without_allow_run_nothing_can_be_sent(mailing):
    job, server = mailing()
    tools, (check, preview, status, run) = talk(
        job, calls=[("check", JOB), ("preview", JOB), ("status", JOB), ("run", JOB)]
    )
    assert set(tools) == {"check", "preview", "status"}
    assert tools["check"].annotations.read_only_hint is True
    assert (data(check)["exit_code"], data(check)["errors"]) == (0, 0)
    assert data(preview)["shown"] == 3
    assert len(data(preview)["digest"]) == 64
    assert (data(status)["pending"], data(status)["exit_code"]) == (3, 0)
    assert "run" in words(run)
    nothing_reached(server)


def test_an_approved_plan_is_sent_once_however_often_it_is_called(mailing):
    job, server = mailing()
    planned(job)
    one = job.addresses[1]
    calls = [
        ("preview", JOB),
        ("run", {**JOB, "only": [one]}),
        ("run", {**JOB, "only": [one]}),
        ("run", JOB),
        ("status", {**JOB, "only": [one]}),
    ]
    tools, (preview, first, again, whole, status) = talk(
        job, "--allow-run", "--plan", PLAN, calls=calls
    )
    assert tools["run"].annotations.destructive_hint is True
    assert data(preview)["difference"] is None
    assert data(first)["only"][0]["status"] == data(again)["only"][0]["status"] == "accepted"
    assert data(first)["only"][0]["message_id"] == data(again)["only"][0]["message_id"]
    assert (data(whole)["exit_code"], data(whole)["accepted"]) == (0, 3)
    assert data(status)["only"][0]["status"] == "accepted"
    assert sorted(got(server)) == sorted(job.addresses)


def test_what_was_not_approved_is_not_sent(mailing):
    job, server = mailing()
    planned(job)
    job.edit("subject: Hello", "subject: Buy now")
    _, (run, preview) = talk(
        job, "--allow-run", "--plan", PLAN, calls=[("run", JOB), ("preview", JOB)]
    )
    assert data(run)["exit_code"] == 65
    assert any(
        "message.subject is another one than in the plan" in m for m in data(run)["messages"]
    )
    assert data(preview)["difference"].startswith("message.subject")
    nothing_reached(server)


def test_a_plan_that_is_written_over_is_the_one_of_the_start(mailing):
    job, server = mailing()
    planned(job)

    async def conversation():
        given = mcp.StdioServerParameters(
            command=sys.executable,
            args=["-m", "mailbatch", "mcp", "--allow-run", "--plan", PLAN],
            env=environment(),
            cwd=job.folder,
        )
        async with mcp.Client(given, read_timeout_seconds=60) as client:
            await client.list_tools()
            # As an agent might that can write files: another message, with a plan of its own.
            job.edit("subject: Hello", "subject: Buy now")
            planned(job)
            return await client.call_tool("run", JOB)

    assert data(asyncio.run(conversation()))["exit_code"] == 65
    nothing_reached(server)


def test_no_other_file_is_the_job_that_was_approved(mailing):
    job, server = mailing()
    planned(job)
    text = (job.folder / "job.yaml").read_text(encoding="utf-8")
    other = job.folder / "other.yaml"
    other.write_text(text.replace("name: scene", "name: other"), encoding="utf-8")
    names = ["job.yaml\0", "x" * 5000, "../job.yaml", "/etc/passwd", "none.yaml", "--help", "."]
    calls = [("run", {"job": "other.yaml"}), *[("check", {"job": name}) for name in names]]
    _, (another, *outside) = talk(job, "--allow-run", "--plan", PLAN, calls=calls)
    assert "no plan was approved for this job" in words(another)
    for answer in outside:
        assert "is no job file in the folder of this server" in words(answer)
    nothing_reached(server)


def test_a_copy_of_the_job_is_not_sent_under_the_same_plan(mailing):
    """It has a ledger of its own, so that everybody would be mailed twice."""
    job, server = mailing()
    planned(job)
    copy = job.folder / "copy"
    shutil.copytree(job.folder, copy, ignore=shutil.ignore_patterns(".mailbatch", "*.plan"))
    other = copy.relative_to(job.folder) / "job.yaml"
    calls = [("run", JOB), ("run", {"job": str(other)}), ("run", {"job": "copy/../job.yaml"})]
    _, (first, second, third) = talk(job, "--allow-run", "--plan", PLAN, calls=calls)
    assert data(first)["accepted"] == data(third)["accepted"] == 3
    assert words(second).endswith("with a ledger of its own: job.yaml")
    assert sorted(got(server)) == sorted(job.addresses)


def test_a_call_that_is_given_up_ends_its_run_and_the_next_one_goes_on(mailing):
    job, server = mailing(recipients=6, rate="2/s")
    planned(job)

    async def conversation():
        given = mcp.StdioServerParameters(
            command=sys.executable,
            args=["-m", "mailbatch", "mcp", "--allow-run", "--plan", PLAN],
            env=environment(),
            cwd=job.folder,
        )
        async with mcp.Client(given, read_timeout_seconds=60) as client:
            call = asyncio.create_task(client.call_tool("run", JOB))
            await asyncio.to_thread(server.wait_for, taken=True, seconds=60)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            # While the first run says goodbye, another one is told so.
            for _ in range(20):
                answer = data(await client.call_tool("run", JOB))
                if answer["exit_code"] != 75:
                    return answer
        return None

    answer = asyncio.run(conversation())
    assert (answer["exit_code"], answer["accepted"]) == (0, 6)
    assert sorted(got(server)) == sorted(job.addresses)
    assert len({taken.connection for taken in server.deliveries()}) == 2


def test_its_arguments_go_together(mailing):
    job, _ = mailing()
    done = job._program("mcp", "--allow-run", cwd=job.folder)
    assert (done.code, "--allow-run needs --plan" in done.err) == (2, True)
    assert job._program("mcp", "nowhere", cwd=job.folder).code == 2
    assert job._program("mcp", "--plan", "none.plan", cwd=job.folder).code == 2
    planned(job)
    twice = job._program("mcp", "--allow-run", "--plan", PLAN, "--plan", PLAN, cwd=job.folder)
    assert (twice.code, "two plans are of the job scene" in twice.err) == (2, True)
