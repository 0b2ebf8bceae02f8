"""Settings: a text with its key and its place, and the lists that the marks of the model give."""

import ast
from pathlib import Path

import pytest

import mailbatch
from mailbatch.job.model import Job
from mailbatch.job.setting import EVERY, NamesFile, Setting, Templated, declared, value_at

PACKAGE = Path(mailbatch.__file__).parent
JOB = """\
version: 1
name: autumn
server: {host: mail.example.com}
sender: {from: news@example.com}
recipients: {file: recipients.csv}
message:
  subject: "Hello {{ first_name }}"
  text: text.j2
"""


def test_a_setting_is_a_text_with_its_key_and_its_place(load):
    job = load(JOB + "  attachments: [text.j2]\ncallbacks: {intermediate_report: true}\n")
    subject = job.at("message.subject")
    assert subject == Setting(
        "message.subject", "Hello {{ first_name }}", job.locate("message.subject")
    )
    assert str(subject.place) == "job.yaml:7:12"
    assert job.at("message.attachments[0].path").text == "text.j2"
    assert job.at("callbacks.intermediate_report").text == "true"
    assert job.find("message.list_id") is None


@pytest.mark.parametrize(
    "key",
    [
        "message.subjekt",
        "massage",
        "message[0]",
        "message.cc[0]",
        "message.cc.0",
        "message.headers.X-None",
        "message.inline.logo.png",
    ],
)
def test_a_key_that_is_none_is_an_error(load, key):
    job = load(JOB)
    for ask in (job.find, job.at, job.locate):
        with pytest.raises(KeyError):
            ask(key)


def test_a_setting_that_the_job_leaves_out_has_no_text(load):
    with pytest.raises(KeyError, match=r"message\.list_id"):
        load(JOB).at("message.list_id")


def test_the_texts_of_lists_mappings_and_trees_have_keys_of_their_own(load):
    job = load(
        JOB
        + "  cc: [a@example.com, b@example.com]\n  headers: {X-A.B: '1'}\n"
        + "callbacks: {data: [{id: x, n: 1}, [y]]}\n"
    )
    assert [(s.key, s.text) for s in job.each("message.cc")] == [
        ("message.cc[0]", "a@example.com"),
        ("message.cc[1]", "b@example.com"),
    ]
    assert [s.key for s in job.each("message.headers")] == ["message.headers.X-A.B"]
    assert job.at("message.headers.X-A.B").text == "1"
    assert [(s.key, s.text) for s in job.each("callbacks.data")] == [
        ("callbacks.data[0].id", "x"),
        ("callbacks.data[1][0]", "y"),
    ]
    assert list(job.each("message.bcc")) == []


def test_what_a_message_renders_is_listed_once(load):
    """`to` takes the place of `display_name`, and `group` is a word."""
    shown = "recipients: {file: recipients.csv, display_name: x}"
    text = JOB.replace("recipients: {file: recipients.csv}", shown)
    assert shown in text
    keys = [setting.key for setting in load(text).templated()]
    assert keys == [
        "sender.from", "recipients.display_name", "message.subject", "message.text",
    ]  # fmt: skip
    keys = [setting.key for setting in load(text + "  to: group\n").templated()]
    assert keys == [
        "sender.from", "recipients.display_name", "message.subject", "message.text",
    ]  # fmt: skip
    keys = [setting.key for setting in load(text + "  to: x@example.com\n").templated()]
    assert keys == ["sender.from", "message.subject", "message.text", "message.to"]


def test_every_file_that_a_run_reads_is_listed(load, folder):
    (folder / "list.txt").write_text("x@example.com\n")
    job = load(
        JOB.replace("{file: recipients.csv}", "{file: recipients.csv, suppress: list.txt}")
        + "  attachments: [text.j2, 'x/{{ id }}.pdf']\n"
        + "  dkim: {domain: example.com, selector: a, private_key: {file: key.pem}}\n"
        + "results: out.csv\n"
    )
    assert {(setting.key, setting.text, mark.kind) for setting, mark in job.files()} == {
        ("recipients.file", "recipients.csv", "the recipient table"),
        ("recipients.suppress[0]", "list.txt", "a suppression list"),
        ("message.text", "text.j2", "a template of the message"),
        ("message.attachments[0].path", "text.j2", "an attachment"),
        ("message.attachments[1].path", "x/{{ id }}.pdf", "an attachment"),
        ("message.dkim.private_key.file", "key.pem", "the file of a secret"),
    }


def test_a_mark_is_found_wherever_its_type_stands():
    """Behind `| None`, in lists, in mappings, in sections, and where a text stands for one."""
    files = dict(declared(Job, NamesFile))
    assert files["message", "inline", EVERY].kind == "an image of the message"
    assert files["message", "attachments"] == files["message", "attachments", "path"]
    assert not files["results",].read
    assert not files["server", "password", "file"].at_load
    templated = dict(declared(Job, Templated))
    assert templated["callbacks", "data"].tree
    assert ("edition",) not in templated


def literal_keys():
    """Every key of a job that the package asks for by a text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"at", "find", "each", "locate"}
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
            ):
                yield path.name, node.args[0].value


def test_every_key_that_the_package_asks_for_is_in_the_model(load):
    job = load(
        JOB + "  unsubscribe: {url: 'https://example.com/x'}\n"
        "  dkim: {domain: example.com, selector: a, private_key: {env: KEY}}\n"
    )
    keys = [
        (name, key) for name, key in literal_keys() if key.partition(".")[0] in Job.model_fields
    ]
    assert len(keys) > 30
    for name, key in keys:
        try:
            value_at(job, key)
        except KeyError:
            pytest.fail(f"{name} asks for {key}, which is no key of a job")
