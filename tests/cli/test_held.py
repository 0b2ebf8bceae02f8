"""A run that its window or its cap holds: the last line, `--json`, `--quiet` and `--wait`."""

from __future__ import annotations

import json
import time

import pytest
import yaml

from mailbatch.job.window import DAYS

#: A window that is open on neither today nor tomorrow.
FAR = {
    "days": [DAYS[(time.gmtime().tm_wday + 3) % 7]],
    "from": "08:00",
    "until": "18:00",
    "zone": "UTC",
}


@pytest.fixture
def limited(mailing):
    def make(**keys):
        scene, server = mailing(recipients=5)
        job = yaml.safe_load(scene.job.read_text())
        job["server"] |= keys
        scene.job.write_text(yaml.safe_dump(job, sort_keys=False))
        return scene, server

    return make


def test_the_last_line_says_when_to_run_again(limited):
    scene, server = limited(window=FAR)
    done = scene.command("run", "--json")
    told = json.loads(done.out)
    assert (done.code, told["exit_code"], told["held_by"]) == (75, 75, "window")
    assert told["run_again_at"].endswith("T08:00:00Z")
    last = done.err.strip().splitlines()[-1]
    assert f"run again from {told['run_again_at']} on with mailbatch run job.yaml" in last
    assert server.deliveries() == []
    assert scene.command("check").err.count("MB151") or "MB151" in scene.command("check").out


def test_a_run_that_is_held_is_quiet(limited):
    """Nothing is wrong: cron has nothing to mail."""
    scene, _ = limited(window=FAR)
    done = scene.command("run", "--quiet")
    assert (done.code, done.out, done.err) == (75, "", "")


def test_the_cap_in_two_runs(limited):
    scene, server = limited(cap="3/day")
    done = scene.command("run", "--json")
    assert (done.code, json.loads(done.out)["held_by"]) == (75, "cap")
    assert len(server.deliveries()) == 3
    done = scene.command("run")
    assert "server.cap is reached: 3 recipients in 24 hours" in done.err
    assert len(server.deliveries()) == 3


@pytest.mark.parametrize("option", [["--dry-run"], ["--sandbox"], ["--to", "a@example.com"]])
def test_a_rehearsal_is_not_held(limited, option):
    scene, _ = limited(window=FAR, cap="1/day")
    assert scene.command("run", *option, "--all" if "--to" in option else "--yes").code == 0


@pytest.mark.parametrize("option", [["--dry-run"], ["--sandbox"], ["--limit", "2"]])
def test_options_that_do_not_go_with_wait(limited, option):
    scene, _ = limited(window=FAR)
    done = scene.command("run", "--wait", *option)
    assert done.code == 2
    assert option[0] in done.err
