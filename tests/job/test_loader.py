"""All mistakes of a job file at once, each at its place and in the words that users see."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailbatch.errors import InputErrors, Location
from mailbatch.job.loader import MAX_BYTES, load_job
from mailbatch.job.model import Recipients

JOB = """\
version: 1
name: autumn
server:
  host: mail.example.com
  username: App
  password: {env: KEY}
sender: {from: "Example News <news@example.com>"}
recipients:
  file: recipients.csv
message:
  subject: "Hello {{ first_name }}"
  text: text.j2
"""

MANY = """\
# A job with a mistake of every kind.
version: 2
name: Autumn
server:
  hosst: mail.example.com
  port: 99999
  security: start-tls
  security: tls
  timeouts: {connect: 5min, comand: 1s}
sender:
  from: "${FROM}"
  reply_to: [a@example.com, nobody]
recipients: &people
  file: recipients.csv
  where:
  suppress: left.txt
message:
  subject: {{ first_name }}
  text: text.j2
  cc: !!str x
  headers:
    Subject: x
    X A: x
callback:
  bulk_id: *people
variables: {[a]: 1}
"""


def test_every_mistake_of_a_file_is_reported_at_once_with_its_place(mistakes):
    assert mistakes(MANY) == [
        "job.yaml:2:10: version: must be 1: this mailbatch knows no other version",
        "job.yaml:3:7: name: must be lower-case letters, digits and hyphens, at most 64",
        'job.yaml:5:3: server.hosst: unknown key, did you mean "host"?',
        "job.yaml:6:9: server.port: must be a number from 1 to 65535",
        "job.yaml:7:13: server.security: must be starttls, tls or plaintext",
        "job.yaml:8:3: server.security: is given twice, first on line 7",
        "job.yaml:9:23: server.timeouts.connect: must be a duration such as 30s, 5m or 1h",
        'job.yaml:9:29: server.timeouts.comand: unknown key, did you mean "command"?',
        "job.yaml:11:10: sender.from: the environment variable FROM is not set",
        "job.yaml:12:29: sender.reply_to[1]: must be one address",
        "job.yaml:13:13: recipients: anchors are not read",
        "job.yaml:18:12: message.subject: a text that begins with { is a mapping in YAML",
        "job.yaml:20:7: message.cc: tags are not read",
        "job.yaml:22:5: message.headers.Subject: is set by mailbatch",
        "job.yaml:23:5: message.headers.'X A': must be ASCII letters, digits and hyphens",
        'job.yaml:24:1: callback: unknown key, did you mean "callbacks"?',
        "job.yaml:25:12: callback.bulk_id: aliases are not read",
        "job.yaml:26:13: variables: a key must be a text",
    ]


def test_the_error_carries_line_and_source_for_a_caret(errors):
    [error] = errors(JOB.replace("host:", "hosst:"))
    assert error.location == Location("job.yaml", 4, 3, "server.hosst", "  hosst: mail.example.com")


@pytest.mark.parametrize(
    ("old", "new", "expected", "hint"),
    [
        (
            "name: autumn\n",
            "",
            "job.yaml:1:1: name: is missing",
            None,
        ),
        (
            "  subject:",
            "  title:",
            "job.yaml:10:1: message.subject: is missing\njob.yaml:11:3: message.title: unknown key",
            None,
        ),
        (
            "  file: recipients.csv",
            "  file: recipients.csv\n  subject: x",
            "job.yaml:10:3: recipients.subject: unknown key",
            "subject belongs to message.",
        ),
        (
            "  file: recipients.csv",
            "  file: recipients.csv\n  foo: x",
            "job.yaml:10:3: recipients.foo: unknown key",
            f"Known here: {', '.join(Recipients.model_fields)}.",
        ),
        (
            "recipients:\n  file: recipients.csv",
            "recipients: recipients.csv",
            "job.yaml:8:13: recipients: must be a mapping of keys",
            None,
        ),
        (
            "recipients:\n  file: recipients.csv",
            "recipients:",
            "job.yaml:8:1: recipients: has no value",
            "Give it one, or leave the key out.",
        ),
        (
            "  subject: ",
            "  bcc: ~\n  subject: ",
            "job.yaml:11:8: message.bcc: has no value",
            "Give it one, or leave the key out.",
        ),
        (
            "  subject: ",
            "  cc: [1]\n  subject: ",
            "job.yaml:11:8: message.cc[0]: must be text",
            "Put it into quotes.",
        ),
        (
            "  subject: ",
            "  attachments: 1\n  subject: ",
            "job.yaml:11:16: message.attachments: must be a path or a mapping with one, or a list",
            None,
        ),
        (
            "  subject: ",
            "  attachments:\n  - paht: x\n  subject: ",
            'job.yaml:12:5: message.attachments[0].paht: unknown key, did you mean "path"?',
            None,
        ),
        (
            "  subject: ",
            "  subject: x\n  attachments: ''\n  # ",
            "job.yaml:12:16: message.attachments: must not be empty",
            None,
        ),
        (
            '"Hello {{ first_name }}"',
            ">\n    Hello",
            "job.yaml:11:12: message.subject: must be one line without control characters",
            "Write >- instead of > or |.",
        ),
    ],
)
def test_one_mistake(errors, old, new, expected, hint):
    assert old in JOB
    found = errors(JOB.replace(old, new))
    assert "\n".join(str(error) for error in found) == expected
    assert hint is None or found[-1].hint == hint


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${NIX}", "the environment variable NIX is not set"),
        ("*people", "aliases are not read"),
        ("!!str x", "tags are not read"),
        ('"\\ud800"', "has half a character (\\ud800 to \\udfff)"),
    ],
)
def test_a_mistake_inside_of_a_value_of_any_shape(mistakes, value, expected):
    text = JOB + f"callbacks:\n  data:\n  - id: {value}\nvariables:\n  a:\n  - b: {value}\n"
    assert mistakes(text) == [
        f"job.yaml:15:9: callbacks.data[0].id: {expected}",
        f"job.yaml:18:8: variables.a[0].b: {expected}",
    ]


def test_a_rule_between_two_keys_is_reported_beside_other_mistakes_of_its_section(mistakes):
    text = JOB.replace("  username: App\n", "  port: 0\n  security: plaintext\n")
    assert mistakes(text) == [
        "job.yaml:3:1: server.username: is missing, a password needs it",
        "job.yaml:5:9: server.port: must be a number from 1 to 65535",
        "job.yaml:6:13: server.security: plaintext is for the loopback only",
    ]


@pytest.mark.parametrize(
    ("text", "expected", "hint"),
    [
        ("", "job.yaml: is empty", "mailbatch init writes a job to start from."),
        ("# nothing\n", "job.yaml: is empty", "mailbatch init writes a job to start from."),
        ("- a\n", "job.yaml:1:1: a job must be a mapping of keys", None),
        ("just text\n", "job.yaml:1:1: a job must be a mapping of keys", None),
        ("null\n", "job.yaml:1:1: a job must be a mapping of keys", None),
        (
            "name: a: b\n",
            "job.yaml:1:8: a colon that cannot stand here",
            "Put a text with a colon and a space in it into quotes, or check the indentation.",
        ),
        ("server:\n\thost: a\n", "job.yaml:2:1: a TAB cannot indent", "Indent with spaces."),
        ("name: [a, b\n", "job.yaml:1:7: this bracket is not closed", None),
        ("name: [a, b\nx: y\n", "job.yaml:1:7: this bracket is not closed", None),
        ("name: 'autumn\nserver:\n", "job.yaml:1:7: this quote is not closed", None),
        (
            "name: @news\n",
            "job.yaml:1:7: a text cannot begin with @ unless it is quoted",
            "Put the text into quotes.",
        ),
        (
            "subject: {% if a %}\n",
            "job.yaml:1:11: a text cannot begin with % unless it is quoted",
            'Put a text that begins with {{ into quotes: "{{ ... }}".',
        ),
        (
            "subject: {{ a }} b\n",
            "job.yaml:1:18: this does not fit what comes before it",
            'Put a text that begins with {{ into quotes: "{{ ... }}".',
        ),
        (
            "server: {port: ${PORT}}\n",
            "job.yaml:1:17: a comma or } is missing here",
            'Inside of { } and [ ] put it into quotes: "${NAME}".',
        ),
        (
            'name: "\\d"\n',
            "job.yaml:1:9: an escape that YAML does not know",
            "Put the text into single quotes, or write \\\\ for a backslash.",
        ),
        ("name\nserver: 1\n", "job.yaml:2:7: a colon that cannot stand here", None),
        ("a: 1\nname\n", "job.yaml:2:1: a key without its colon", None),
        ("a: 1\n- b\n", "job.yaml:2:1: a list entry where a key belongs", None),
        ("a: - b\n", "job.yaml:1:4: a list cannot begin here", None),
        ("a: !x!y z\n", "job.yaml:1:4: tags are not read", None),
        ("%YAML 2.0\n---\na: 1\n", "job.yaml:1:1: this is YAML of another version", None),
        ("a: 1\n---\nb: 1\n", "job.yaml:2:1: a second document begins here", None),
        (
            "a: |x\n b\n",
            "job.yaml:1:5: a text cannot begin with > or | unless it is quoted",
            "Put the text into quotes, or begin it on the next line, indented.",
        ),
        ("%YAML x\n---\na: 1\n", "job.yaml:1:7: this is no YAML: expected a digit", None),
        ("a: \x01\n", "job.yaml:1:4: a control character cannot stand in a job file", None),
        ('a: "\\UFFFFFFFF"\n', "job.yaml:1:1: a number out of range follows", None),
        ("[" * 3000, "job.yaml:1:21: more than 20 levels deep", None),
        ("{a: " * 3000, "job.yaml:1:81: more than 20 levels deep", None),
        ("- " * 3000, "job.yaml:1:41: more than 20 levels deep", None),
    ],
)
def test_what_is_no_job_at_all(errors, text, expected, hint):
    [error] = errors(text)
    assert str(error).startswith(expected)
    assert hint is None or error.hint == hint


def _only(path: Path) -> tuple[str, str | None]:
    with pytest.raises(InputErrors) as caught:
        load_job(path, environ={})
    [error] = caught.value.errors
    return str(error), error.hint


def test_a_file_that_is_not_there(folder):
    assert _only(Path("jobb.yaml")) == (
        "jobb.yaml: there is no such file",
        "mailbatch init writes a job to start from.",
    )


def test_a_folder_is_not_a_job_but_may_hold_the_one_that_is_meant(folder):
    Path("news").mkdir()
    assert _only(Path("news")) == (
        "news: is a folder, not a job file",
        "mailbatch init writes a job to start from.",
    )
    Path("news/job.yaml").write_text(JOB)
    assert _only(Path("news"))[1] == "Did you mean news/job.yaml?"
    Path("news/more.yml").write_text(JOB)
    assert _only(Path("news"))[1] == "Name one of news/job.yaml, news/more.yml."


def test_a_file_below_a_file_and_a_path_that_is_none(folder):
    assert _only(Path("text.j2/job.yaml"))[0] == "text.j2/job.yaml: cannot be read: Not a directory"
    assert _only(Path("a\0b"))[0].endswith("cannot be read: not a path")


def test_text_that_is_not_utf_8_is_refused_at_its_first_wrong_byte(folder):
    Path("job.yaml").write_bytes("version: 1\nname: Gr\xfc\xdfe\n".encode("latin-1"))
    assert _only(Path("job.yaml")) == ("job.yaml:2:9: is not UTF-8", "Save it as UTF-8.")


def test_a_file_over_a_mebibyte_is_refused_without_being_parsed(folder):
    Path("job.yaml").write_text("#" * (1024 * 1024 + 1))
    assert _only(Path("job.yaml"))[0] == "job.yaml: is larger than 1 MiB"


def test_a_byte_order_mark_and_windows_line_ends_do_not_move_places(folder, mistakes):
    Path("job.yaml").write_bytes(b"\xef\xbb\xbf" + JOB.replace("\n", "\r\n").encode())
    assert load_job(Path("job.yaml"), environ={}).name == "autumn"
    text = "\ufeff" + JOB.replace("host:", "hosst:").replace("\n", "\r\n")
    assert mistakes(text) == ['job.yaml:4:3: server.hosst: unknown key, did you mean "host"?']


def test_the_path_is_shown_as_it_was_given(folder):
    Path("job.yaml").write_text(JOB.replace("name: autumn", "name: A"))
    shown = f"../{folder.name}/job.yaml"
    assert _only(Path(shown))[0].startswith(f"{shown}:2:7: name: ")


@pytest.mark.parametrize(
    ("section", "line", "expected", "hint"),
    [
        (
            "message:",
            "  html: page.html",
            "message.html: there is no file page.html",
            "Did you mean page.html.j2?",
        ),
        (
            "message:",
            "  html: pages/page.html",
            "message.html: there is no file pages/page.html",
            "Its folder is not there either.",
        ),
        (
            "recipients:",
            "  suppress: ['https://example.com/list.csv']",
            "recipients.suppress[0]: there is no file https://example.com/list.csv",
            (
                "An address of the Web is no file: for a table, write `command: [curl, -fsS, "
                "ADDRESS]` under `recipients:`, in place of `file`."
            ),
        ),
        (
            "message:",
            "  attachments: ['https://example.com/a.pdf']",
            "message.attachments[0]: there is no file https://example.com/a.pdf",
            (
                "An address of the Web is no file: download it first (`curl -fsSO ADDRESS`) and "
                "name the file here. A letter may also have the address as a link."
            ),
        ),
        (
            "message:",
            "  attachments: ['C:\\Users\\me\\a.pdf']",
            "message.attachments[0]: there is no file C:\\Users\\me\\a.pdf",
            "This is a path of Windows: put the file into the job's folder, and write a.pdf.",
        ),
        (
            "message:",
            "  attachments: ['D:/b.pdf']",
            "message.attachments[0]: there is no file D:/b.pdf",
            "This is a path of Windows: put the file into the job's folder, and write b.pdf.",
        ),
        (
            "message:",
            "  attachments: ['sub\\b.pdf']",
            "message.attachments[0]: there is no file sub\\b.pdf",
            "Write / between folders.",
        ),
        (
            "message:",
            "  html: recipients.csv",
            "message.html: recipients.csv is the table of recipients.file, too",
            "Name the file of the letter here: each recipient would get the whole table.",
        ),
        ("message:", "  html: text.j2/x", "message.html: there is no file text.j2/x", None),
        (
            "message:",
            "  html: sub",
            "message.html: sub is a folder, not a file",
            "Name a file in it.",
        ),
        (
            "message:",
            "  html: ../page.html.j2",
            "message.html: leaves the folder of the job file",
            "Move the file there, or name it by its absolute path.",
        ),
        (
            "message:",
            "  attachments: [text.j2, {path: nix.pdf}]",
            "message.attachments[1].path: there is no file nix.pdf",
            None,
        ),
        (
            "message:",
            "  html: page.html.j2\n  inline: {logo: nix.png}",
            "message.inline.logo: there is no file nix.png",
            None,
        ),
        (
            "recipients:",
            "  suppress: [left.csv, nix.csv]",
            "recipients.suppress[1]: there is no file nix.csv",
            None,
        ),
        ("server:", "  ca_file: nix.pem", "server.ca_file: there is no file nix.pem", None),
        (
            "message:",
            "  html: " + "a" * 300,
            "message.html: " + "a" * 300 + " cannot be read: File name too long",
            None,
        ),
    ],
)
def test_a_named_file_must_be_there(folder, errors, section, line, expected, hint):
    Path("sub").mkdir()
    [error] = errors(JOB.replace(section, f"{section}\n{line}"))
    assert str(error).partition(": ")[2] == expected
    assert error.hint, "every refusal has a next step"
    assert hint is None or error.hint == hint


@pytest.mark.parametrize("name", ["text.j2/job.yaml", "a\0b", "nix.yaml", "sub", "large.yaml"])
def test_a_job_that_cannot_be_read_has_a_next_step(folder, name):
    Path("sub").mkdir()
    Path("large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InputErrors) as caught:
        load_job(Path(name))
    assert [bool(error.hint) for error in caught.value.errors] == [True]


def test_the_recipient_table_and_the_results_stay_below_the_folder(folder, mistakes):
    text = JOB.replace("recipients.csv", f"{folder}/recipients.csv") + "results: ../results.csv\n"
    assert mistakes(text) == [
        "job.yaml:9:9: recipients.file: must be relative to the job file",
        "job.yaml:13:10: results: leaves the folder of the job file",
    ]


def test_absolute_templates_and_templates_of_paths_are_left_to_rendering(folder, load):
    text = JOB.replace("text: text.j2", f"text: {folder}/text.j2")
    text += '  attachments: ["invoices/{{ id }}.pdf"]\n'
    assert load(text).message.attachments[0].path == "invoices/{{ id }}.pdf"


def test_a_job_knows_the_places_of_its_values(load):
    job = load(JOB + "  cc: boss@example.com\n  attachments: [text.j2]\nvariables: {a.b: 1}\n")
    line = '  subject: "Hello {{ first_name }}"'
    assert job.locate("message.subject") == Location("job.yaml", 11, 12, "message.subject", line)
    assert str(job.locate("message")) == "job.yaml:10:1"
    assert str(job.locate("message.cc[0]")) == "job.yaml:13:7"
    assert str(job.locate("message.attachments[0].path")) == "job.yaml:14:17"
    assert str(job.locate("callbacks.bulk_id")) == "job.yaml"
    assert job.locate("callbacks.bulk_id").key == "callbacks.bulk_id"


def test_a_job_knows_its_file_and_its_folder(folder, load):
    job = load(JOB)
    assert job.path == Path("job.yaml")
    assert job.folder == folder


def test_an_override_keeps_the_places(load):
    job = load(JOB)
    changed = job.model_copy(update={"edition": "2"})
    assert changed.edition == "2"
    assert changed.locate("name") == job.locate("name")
