"""A variable of --set that nothing reads: refused by all commands that take one."""

import pytest

JOB = """version: 1
name: news
edition: "{{ variables.edition_no | default('1') }}"
variables: {declared: x, title: y}
results: "out/{{ variables['folder'] | default('a') }}.csv"
server: {host: 127.0.0.1, port: 2525, security: plaintext}
sender: {from: News <news@example.com>}
recipients: {file: people.csv, where: "name != variables.get('not_for', '')"}
message:
  subject: "No {{ variables.issue | default(47) }}"
  html: letter.html.j2
"""
COMMANDS = (["check"], ["run", "--dry-run"], ["run", "--sandbox"], ["preview"])
USED = ("declared", "edition_no", "folder", "not_for", "issue", "letter", "part", "macro")


@pytest.fixture
def job(tmp_path):
    (tmp_path / "job.yaml").write_text(JOB, encoding="utf-8")
    (tmp_path / "people.csv").write_text("email,name\nann@example.com,Ann\n", encoding="utf-8")
    (tmp_path / "letter.html.j2").write_text(
        "{{ variables.letter | d('') }}{% include 'part.j2' %}{% from 'macro.j2' import m %}"
        "<p>{{ m() }} isue</p>",
        encoding="utf-8",
    )
    (tmp_path / "part.j2").write_text(
        "{% if variables.part is defined %}x{% endif %}", encoding="utf-8"
    )
    (tmp_path / "macro.j2").write_text(
        "{% macro m() %}{{ variables.macro | d('') }}{% endmacro %}", encoding="utf-8"
    )
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_variable_that_nothing_reads_is_refused(command, job, program):
    before = sorted(job.iterdir())
    done = program(*command, "job.yaml", "--set", "isue=4", cwd=job)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "mailbatch: --set isue: this job has no such variable, and no template reads one\n"
        "  Did you mean issue?\n"
    )
    assert sorted(job.iterdir()) == before


@pytest.mark.parametrize("name", USED)
def test_a_variable_that_is_read_anywhere_is_taken(name, job, program):
    assert program("check", "job.yaml", "--set", f"{name}=4", cwd=job).code == 0


@pytest.mark.parametrize(
    "template",
    [
        "{{ variables[name] }}",
        "{% for key in variables %}{{ key }}{% endfor %}",
        "{{ variables | tojson }}",
        "{% set v = variables %}{{ v.isue }}",
        "{{ variables.get('isue') }}",
        "{% include name ~ '' ignore missing %}",
    ],
)
def test_where_a_template_may_read_every_variable_none_is_refused(template, job, program):
    (job / "part.j2").write_text(template, encoding="utf-8")
    (job / "job.yaml").write_text(JOB.replace("declared", "Ann"), encoding="utf-8")
    assert program("check", "job.yaml", "--set", "isue=4", cwd=job).code == 0


def test_the_variables_are_listed_where_none_is_alike(job, program):
    done = program("check", "job.yaml", "--set", "Zzz=4", cwd=job)
    assert done.code == 2
    names = "declared, edition_no, folder, issue, letter, macro, part, title"
    assert done.err.endswith(f"\n  There are: {names}.\n")
