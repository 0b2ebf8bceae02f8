"""A state folder that is no folder: every command refuses it before anything is sent."""

import pytest

from .conftest import nothing_reached

pytestmark = pytest.mark.usefixtures("names")

COMMANDS = {
    "run": ("run", "job.yaml", "--yes"),
    "dry run": ("run", "job.yaml", "--dry-run"),
    "sandbox": ("run", "job.yaml", "--sandbox"),
    "to": ("run", "job.yaml", "--yes", "--to", "me@example.com"),
    "check": ("check", "job.yaml"),
    "connect": ("check", "job.yaml", "--connect"),
    "preview": ("preview", "job.yaml"),
    "status": ("status", "job.yaml"),
    "editions": ("status", "."),
    "results": ("results", "job.yaml"),
    "resolve": ("resolve", "job.yaml", "--resend"),
    "read": ("reports", "read", "job.yaml", "bounce.eml"),
    "pull": ("reports", "pull", "job.yaml"),
    "serve": ("reports", "serve", "job.yaml", "--listen", "127.0.0.1:0"),
    "serve alone": ("reports", "serve", "--listen", "127.0.0.1:0"),
    "show": ("reports", "show", "job.yaml"),
    "page": ("reports", "page", "job.yaml", "--out", "page"),
    "suppress": ("reports", "suppress", "job.yaml", "--to", "out.txt"),
}


@pytest.fixture
def job(mailing):
    job, server = mailing(recipients=2)
    (job.folder / "state").write_text("a file\n", encoding="utf-8")
    (job.folder / "bounce.eml").write_text("Subject: x\n\nbounced\n", encoding="utf-8")
    yield job
    nothing_reached(server)


def files(job):
    return sorted(path for path in job.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("below", ["", "/below/it"])
def test_a_file_in_place_of_the_state_folder_is_refused(command, below, job, program):
    before = files(job)
    done = program(*COMMANDS[command], "--state-dir", f"state{below}", cwd=job.folder)
    assert (done.code, done.out) == (74, "")
    assert done.err == (
        f"mailbatch: state is no folder: the ledgers cannot lie in state{below}\n"
        "  name a folder with --state-dir (or MAILBATCH_STATE_DIR), or leave it out\n"
    )
    assert files(job) == before


@pytest.mark.parametrize("command", ["run", "sandbox", "to", "preview", "read"])
def test_so_is_one_that_the_environment_names(command, job, program):
    done = program(*COMMANDS[command], cwd=job.folder, MAILBATCH_STATE_DIR="state")
    assert (done.code, done.out) == (74, "")
    assert "state is no folder" in done.err


@pytest.mark.parametrize("command", ["run", "sandbox", "to", "preview", "read"])
def test_and_a_file_with_the_name_of_the_usual_folder(command, job, program):
    usual = job.folder / ".mailbatch"
    usual.symlink_to("nowhere")
    done = program(*COMMANDS[command], cwd=job.folder)
    assert (done.code, done.out) == (74, "")
    assert done.err == (
        f"mailbatch: {usual} is no folder: the ledgers cannot lie in {usual}\n"
        "  move it away, or name a folder with --state-dir\n"
    )
