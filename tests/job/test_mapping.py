"""A job from a mapping: the rules of a job file, with keys for places."""

from datetime import date
from enum import StrEnum
from pathlib import Path

import pytest
import yaml

from mailbatch.errors import InputErrors, JobError
from mailbatch.job.loader import load_job
from mailbatch.job.mapping import load_mapping

WHOLE = {
    "version": 1,
    "name": "autumn",
    "server": {"host": "mail.example.com", "port": 587, "recipients_per_transaction": 10},
    "sender": {"from": "Example News <news@example.com>"},
    "recipients": {"file": "recipients.csv", "group_by": ["plan", "lang"]},
    "message": {"subject": "Hello", "text": "letter.txt", "attachments": [{"path": "a.pdf"}]},
    "variables": {"issue": 48, "price": 1.5, "free": False, "tags": ["a", "b"], "by": {"x": "y"}},
}


class Name(StrEnum):
    AUTUMN = "autumn"


@pytest.fixture
def folder(tmp_path):
    for name in ("recipients.csv", "letter.txt", "a.pdf"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_mapping_is_the_job_of_the_file_with_the_same_words(folder):
    (folder / "job.yaml").write_text(yaml.safe_dump(WHOLE), encoding="utf-8")
    found, written = load_mapping(WHOLE, folder), load_job(folder / "job.yaml")
    assert (found.model_dump(), found.folder) == (written.model_dump(), written.folder)


def test_values_of_python_are_taken_for_what_they_say(folder):
    """A path, a tuple and the member of an enumeration are a name, a list and a text."""
    given = WHOLE | {"name": Name.AUTUMN, "recipients": {"file": Path("recipients.csv")}}
    given["recipients"]["group_by"] = ("plan", "lang")
    job = load_mapping(given, folder)
    assert (job.name, type(job.name), job.recipients.file) == ("autumn", str, "recipients.csv")
    assert job.recipients.group_by == ("plan", "lang")


def test_text_of_a_program_is_not_interpolated(folder, monkeypatch):
    monkeypatch.setenv("WORD", "no")
    job = load_mapping(WHOLE | {"variables": {"x": "${WORD} $$ $WORD"}}, folder)
    assert job.variables == {"x": "${WORD} $$ $WORD"}


def endless():
    given = {}
    given["again"] = given
    return given


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nmae": "x"}, 'nmae: unknown key, did you mean "name"?'),
        ({"server": {"host": "h", "port": "x"}}, "server.port: "),
        ({"server": {"host": "h", "password": "x"}}, "server.password: must not stand in the job"),
        ({"variables": {"day": date(2026, 11, 29)}}, "variables.day: must be text, a number, a"),
        (
            {"variables": {"x": b"bytes"}},
            "variables.x: must be text, a number, a list or a",
        ),
        ({"variables": {"x": "\ud800"}}, "variables.x: has half a character"),
        ({"variables": {1: "x"}}, "variables: a key must be a text"),
        ({"variables": endless()}, "more than 20 levels deep"),
        ({"message": {"subject": None, "text": "letter.txt"}}, "message.subject: has no value"),
        ({"recipients": {"file": "recipient.csv"}}, "recipients.file: there is no file"),
        ({"recipients": {"file": Path("/etc/passwd")}}, "recipients.file: "),
        ({"name": "X"}, "name: must be lower-case letters"),
    ],
)
def test_a_mistake_has_the_key_for_its_place(folder, change, told):
    with pytest.raises(InputErrors) as caught:
        load_mapping(WHOLE | change, folder)
    (error,) = caught.value.errors
    assert isinstance(error, JobError)
    assert told in str(error)
    assert str(error).startswith(f"{folder / 'job'}: ")
    assert (error.location.line, error.location.key.split(".")[0]) == (None, next(iter(change)))
    assert error.exit_code == 78


def test_all_mistakes_are_told_at_once_in_the_order_of_the_mapping(folder):
    given = {key: value for key, value in WHOLE.items() if key != "sender"}
    with pytest.raises(InputErrors) as caught:
        load_mapping(given | {"server": {"host": ""}, "name": "X"}, folder)
    keys = [error.location.key for error in caught.value.errors]
    assert keys == ["sender", "name", "server.host"]


def test_an_empty_mapping_lacks_every_key_that_a_job_needs(folder):
    with pytest.raises(InputErrors) as caught:
        load_mapping({}, folder)
    keys = {error.location.key for error in caught.value.errors}
    assert keys == {"version", "name", "server", "sender", "recipients", "message"}


def test_a_job_of_a_mapping_knows_its_settings_and_places(folder):
    job = load_mapping(WHOLE, folder)
    assert job.at("message.subject").text == "Hello"
    assert job.locate("message.attachments[0].path").key == "message.attachments[0].path"
    assert job.locate("results").path == str(folder / "job")
