"""A wrong job, table or template: named with its place, an exit code, and nothing has been sent."""

from __future__ import annotations

import pytest

from tests.cli.conftest import nothing_reached

#: What is replaced in the job, by what; the exit code; what stands in the words.
JOB = {
    "an unknown key": (
        "host: 127.0.0.1",
        "hosst: 127.0.0.1",
        78,
        "job.yaml:4:3: server.hosst: unknown key",
        'did you mean "host"?',
    ),
    "a key twice": ("version: 1", "version: 1\nversion: 1", 78, "job.yaml:2:1: version:"),
    "an alias": ("version: 1", "version: &v 1", 78, "job.yaml:1:10"),
    "a tag": ("version: 1", "version: !!python/none 1", 78, "job.yaml:1:10"),
    "no mapping": ("version: 1", "- version: 1", 78, "job.yaml:2"),
    "a missing section": (
        "recipients:\n  file: recipients.csv\n",
        "",
        78,
        "recipients: is missing",
    ),
    "a wrong type": ("attempts: 1", "attempts: many", 78, "job.yaml:23:13: retry.attempts:"),
    "an unset variable": (
        "subject: Hello",
        "subject: ${NOT_SET}",
        78,
        "job.yaml:20:12: message.subject:",
        "NOT_SET",
    ),
    "a literal password": (
        "auth: none",
        "username: App\n  password: hunter2",
        78,
        "server.password:",
    ),
    "a missing secret": (
        "auth: none",
        "username: App\n  password: {env: NOT_SET}",
        78,
        "server.password: ",
        "NOT_SET",
    ),
    "plaintext beyond loopback": (
        "host: 127.0.0.1",
        "host: mail.example.com",
        78,
        "server.security: ",
    ),
    "an address that is none": (
        "News <news@example.com>",
        "News",
        78,
        "job.yaml:16:9: sender.from:",
    ),
    "an edition without a name": ("version: 1", "version: 1\nedition: ''", 78, "edition"),
    "results outside the folder": (
        "results: results.csv",
        "results: ../results.csv",
        78,
        "results: ",
    ),
    "results whose template is wrong": (
        "results: results.csv",
        "results: '{{ editoin }}.csv'",
        65,
        "job.yaml:26:10: results: editoin is not defined",
        "Did you mean edition?",
    ),
    "a path that leaves the folder": (
        "file: recipients.csv",
        "file: ../recipients.csv",
        78,
        "recipients.file: ",
    ),
    "no such table": (
        "file: recipients.csv",
        "file: recipient.csv",
        78,
        "job.yaml:18:9: recipients.file: there is no file",
        "Did you mean recipients.csv?",
    ),
    "no such column": (
        "file: recipients.csv",
        "file: recipients.csv\n  address: mail",
        65,
        "recipients.csv:1: ",
        "mail",
    ),
    "no such template": (
        "text: letter.txt.j2",
        "text: leter.txt.j2",
        78,
        "job.yaml:21:9: message.text: there is no file",
        "Did you mean letter.txt.j2?",
    ),
    "a condition that is none": (
        "file: recipients.csv",
        "file: recipients.csv\n  where: 'name =='",
        78,
        "job.yaml:19:10: recipients.where: is no expression",
    ),
    "a condition with an unknown name": (
        "file: recipients.csv",
        "file: recipients.csv\n  where: nam == 1",
        78,
        "job.yaml:19:10: recipients.where: ",
        "Did you mean 'name'?",
    ),
    "a subject with an unknown name": (
        "subject: Hello",
        "subject: 'Hello {{ nam }}'",
        65,
        "job.yaml:20:12: message.subject: nam is not defined",
        "Did you mean name?",
    ),
    "no such attachment": (
        "subject: Hello",
        "subject: Hello\n  attachments: [terms.pdf]",
        78,
        "message.attachments[0]: there is no file terms.pdf",
    ),
    "a group without its column": (
        "file: recipients.csv",
        "file: recipients.csv\n  group_by: [town]",
        65,
        "town",
    ),
}

#: The bytes of the table; what stands in the words.
TABLE = {
    "a ragged row": (
        b"email,name,lot\na@example.net,Ann,1\nb@example.net,Bob,1,2\n",
        "recipients.csv:3: ",
    ),
    "a row too short": (b"email,name,lot\na@example.net\n", "recipients.csv:2: "),
    "an open quote": (b'email,name,lot\na@example.net,"Ann,1\n', "recipients.csv:2"),
    "a column twice": (b"email,name,name,lot\na@example.net,A,B,1\n", "recipients.csv:1: "),
    "no address column": (b"mail,name,lot\na@example.net,Ann,1\n", "recipients.csv:1: ", "email"),
    "another encoding": (
        "email,name,lot\na@example.net,Jörg,1\n".encode("latin-1"),
        "recipients.csv:2",
    ),
    "a NUL": (b"email,name,lot\na@example.net,A\0,1\n", "recipients.csv:2"),
    "nothing at all": (b"", "recipients.csv"),
    "a column that shadows a name of ours": (
        b"email,name,lot,job\na@example.net,A,1,x\n",
        "recipients.csv:1: ",
        "job",
    ),
}

#: The template; what stands in the words.
TEMPLATE = {
    "an unknown name": (
        "Hello\n\n  {{ nmae }}\n",
        "letter.txt.j2:3:6: nmae is not defined",
        "Did you mean name?",
    ),
    "a tag that does not end": ("Hello {{ name\n", "letter.txt.j2:1"),
    "a block that does not end": ("Hello\n{% if name %}\n", "letter.txt.j2:2"),
    "an unknown filter": ("Hello\n{{ name|uper }}\n", "letter.txt.j2:2", "uper"),
    "an include that is not there": (
        "Hello\n{% include 'sig.txt' %}\n",
        "letter.txt.j2:2",
        "sig.txt",
    ),
    "an include from elsewhere": (
        "{% include '../../etc/passwd' %}\n",
        "../../etc/passwd leaves the folder of the job file",
    ),
}


def refused(job, server, code, *words):
    """The run ends so, with these words on standard error, and nothing has happened."""
    done = job.command("run")
    assert (done.code, done.out) == (code, ""), done.err
    for word in words:
        assert word in done.err
    nothing_reached(server)
    assert not (job.folder / "results.csv").exists()
    return done


@pytest.mark.parametrize("name", JOB)
def test_a_wrong_job(mailing, name):
    old, new, code, *words = JOB[name]
    job, server = mailing()
    job.edit(old, new)
    refused(job, server, code, *words)
    assert job.ledgers == [] or name == "a missing secret"


@pytest.mark.parametrize("name", sorted(JOB.keys() - {"a missing secret"}))
def test_check_and_a_dry_run_find_what_a_run_finds(mailing, name):
    old, new, code, *words = JOB[name]
    job, _ = mailing()
    job.edit(old, new)
    for arguments in (["check"], ["run", "--dry-run"]):
        done = job.command(*arguments)
        assert done.code == code, done.err
        assert all(word in done.err for word in words)


@pytest.mark.parametrize("name", TABLE)
def test_a_wrong_table(mailing, name):
    content, *words = TABLE[name]
    job, server = mailing()
    (job.folder / "recipients.csv").write_bytes(content)
    refused(job, server, 65, *words)


@pytest.mark.parametrize("name", TEMPLATE)
def test_a_wrong_template(mailing, name):
    text, *words = TEMPLATE[name]
    job, server = mailing()
    (job.folder / "letter.txt.j2").write_text(text, encoding="utf-8")
    refused(job, server, 65, *words)
    assert job.ledgers == []


def test_every_mistake_is_named_in_one_go_also_with_quiet(mailing):
    job, server = mailing()
    job.edit("host: 127.0.0.1", "hosst: 127.0.0.1")
    job.edit("attempts: 1", "attempts: many")
    done = refused(job, server, 78, "server.hosst", "retry.attempts")
    quiet = job.command("run", "--quiet")
    assert (quiet.code, quiet.err) == (78, done.err)
    check = job.command("check")
    assert (check.code, check.err) == (78, done.err + "job.yaml: 2 errors, 0 warnings\n")
    assert done.err.index("server.hosst") < done.err.index("retry.attempts")


def test_a_wrong_table_and_a_wrong_template_are_named_together(mailing):
    job, server = mailing()
    (job.folder / "letter.txt.j2").write_text("{{ nmae }} {{ lott }}\n", encoding="utf-8")
    job.edit("subject: Hello", "subject: 'Hello {{ nam }}'")
    refused(job, server, 65, "nmae", "lott", "nam is not defined")
    assert job.command("check").code == 65


def test_a_wrong_table_and_a_wrong_suppression_list_are_named_together(mailing):
    job, server = mailing()
    (job.folder / "left.csv").write_text("nobody@\n", encoding="utf-8")
    job.edit(
        "file: recipients.csv",
        "file: recipients.csv\n  address: mail\n  suppress: left.csv\n  where: nam == 1",
    )
    words = ("no column 'mail'", "nothing defines 'nam'", "left.csv:1: nothing stands after the @")
    refused(job, server, 78, *words)


@pytest.mark.parametrize("command", ["run", "check", "status", "results", "resolve", "preview"])
def test_an_edition_that_cannot_be_one_is_wrong_usage_of_the_option(mailing, command):
    job, server = mailing()
    done = job.command(command, "--edition", " ")
    assert done.code == 2
    assert done.err.startswith("mailbatch: --edition ' ' cannot name an edition\n")
    nothing_reached(server)


def test_many_mistakes_are_counted_and_not_all_shown(mailing):
    job, server = mailing()
    text = "".join(f"{{{{ unknown{n} }}}}\n" for n in range(50))
    (job.folder / "letter.txt.j2").write_text(text, encoding="utf-8")
    done = refused(job, server, 65, "unknown0", "... and 30 more")
    assert "unknown49" not in done.err


def test_a_job_that_is_not_there(mailing):
    job, _ = mailing()
    done = job._program("run", "jop.yaml", cwd=job.folder)
    assert done.code == 78
    assert done.err.startswith("jop.yaml: there is no such file")
    assert job._program("run", ".", cwd=job.folder).code == 78


def test_a_name_between_colons_is_no_picture(mailing):
    """Rich would write `:x:` as a cross, but a path is meant as it stands."""
    job, _ = mailing()
    assert "results: a:x:b.csv\n" in job.command("run", "--results", "a:x:b.csv").err
    done = job._program("run", "a:x:b.yaml", cwd=job.folder)
    assert done.err.startswith("a:x:b.yaml: there is no such file")


def test_an_invalid_row_stops_a_job_that_wants_it_so(mailing):
    job, server = mailing()
    job.write_recipients(["a@example.net", "no address", "b@example.net"])
    job.edit("file: recipients.csv", "file: recipients.csv\n  on_invalid: stop")
    refused(job, server, 65, "recipients.csv:3: ")


def test_an_invalid_row_is_left_out_of_a_job_that_does_not_mind(mailing):
    job, server = mailing()
    job.write_recipients(["a@example.net", "no address", "b@example.net"])
    assert job.command("run").code == 3
    assert list(job.statuses().values()) == ["accepted", "invalid", "accepted"]
    (row,) = [row for row in job.results() if row["status"] == "invalid"]
    assert (row["row"], row["reason"]) == ("3", "the address contains a space")
    assert len(server.deliveries()) == 2


def test_a_mistake_never_costs_a_mailing_that_is_under_way(mailing):
    """What was recorded before stands; mended, the rest goes out."""
    job, server = mailing()
    assert job.command("run", "--limit", 1).code == 75
    table = (job.folder / "recipients.csv").read_bytes()
    (job.folder / "recipients.csv").write_bytes(table + b'"open\n')
    assert job.command("run").code == 65
    assert job.command("status", "--json").json["accepted"] == 1
    (job.folder / "recipients.csv").write_bytes(table)
    assert job.command("run").code == 0
    job.check(server.deliveries())


def test_an_edition_with_a_slash_makes_no_folder(mailing):
    job, _ = mailing()
    job.edit("results: results.csv\n", "")
    assert job.command("run", "--edition", "2026/48").code == 0
    (written,) = (job.folder / "results").iterdir()
    assert written.name == "scene-2026%2F48.csv"


@pytest.mark.parametrize("command", ["run", "check", "results"])
def test_an_edition_that_leads_outside_is_named_where_it_came_from(mailing, command):
    job, server = mailing()
    job.edit("results: results.csv", "results: 'out/{{ edition }}.csv'")
    done = job.command(command, "--edition", "../../up")
    assert done.code == 2
    assert "--edition ../../up" in done.err
    assert "leaves the folder of the job file" in done.err
    nothing_reached(server)


def test_results_that_cannot_be_written_keep_the_run_from_starting(mailing):
    """A mailing without results would be one that nobody can look up."""
    job, server = mailing()
    done = job.command("run", "--results", "/dev/null/results.csv")
    assert done.code == 74
    assert "/dev/null/results.csv: the file cannot be written: Not a directory" in done.err
    nothing_reached(server)
    assert job.command("run").code == 0


def test_a_ledger_that_cannot_be_made_keeps_the_run_from_starting(mailing):
    job, server = mailing()
    done = job.command("run", "--state-dir", "/dev/null/ledgers")
    assert done.code == 74
    assert "/dev/null/ledgers" in done.err
    nothing_reached(server)
