"""On a terminal: the question before a real send, progress, colours; none of it elsewhere."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys

import pytest

from mailbatch.cli import console as module
from mailbatch.cli.console import ECHO, Console, counted, progress_line
from tests.certainty.program import end, environment, start
from tests.checks.making import delivery
from tests.cli.conftest import nothing_reached
from tests.cli.terminal import COLOUR, Terminal
from tests.support.faults import Fault, Kind, Stage


@pytest.mark.parametrize("answer", ["n", "", "no", "yess", "Y es"])
def test_whoever_does_not_say_yes_has_sent_nothing(mailing, on_terminal, answer):
    job, server = mailing()
    terminal, code = on_terminal(job, "run", "job.yaml", answer=answer)
    assert code == 75
    question = (
        f"Send scene (1) to 3 recipients from News <news@example.com> through "
        f"127.0.0.1:{server.port}? [y/N] "
    )
    assert question in terminal.text
    nothing_reached(server)
    assert "nothing was sent" in terminal.text
    assert "not finished: run again with mailbatch run job.yaml" in terminal.text
    # The question has its line for itself, and the cursor is where it belongs.
    assert terminal.shown.startswith(question + answer)
    assert "\x1b[?25l" not in terminal.shown


@pytest.mark.parametrize("answer", ["y", "YES"])
def test_yes_sends_and_shows_how_far_it_is(mailing, on_terminal, answer):
    job, server = mailing(recipients=20)
    terminal, code = on_terminal(job, "run", "job.yaml", answer=answer)
    assert code == 0
    assert f"sending to 127.0.0.1:{server.port}" in terminal.text
    assert "20/20" in terminal.text
    steps = ["sending to", "writing the results", "closing the ledger", "20  accepted"]
    places = [terminal.text.index(step) for step in steps]
    assert places == sorted(places)
    assert "━" in terminal.shown
    assert COLOUR.search(terminal.shown)
    assert "scene (1): 20 recipients\n       20  accepted    the server took it\n" in terminal.text
    assert terminal.shown.count("\x1b[?25l") == terminal.shown.count("\x1b[?25h")
    job.check(server.deliveries())


WHOM = [
    (["--limit", "2"], "to 2 of 3 recipients from"),
    (["--only", "user2@example.net"], "to user2@example.net from"),
    (["--only", "user1@example.net", "--only", "user3@example.net"], "to user1@example.net and u"),
    (
        ["--to", "me@example.com"],
        "Send the first message of scene (1) to me@example.com instead of 3 recipients from",
    ),
    (
        ["--to", "me@example.com", "--to", "you@example.com", "--all"],
        "Send 3 messages of scene (1), each of them to me@example.com and you@example.com instead",
    ),
    (
        ["--to", "me@example.com", "--limit", "2"],
        "Send 2 messages of scene (1), each",
    ),
]


@pytest.mark.parametrize(("arguments", "words"), WHOM, ids=[" ".join(a) for a, _ in WHOM])
def test_the_question_names_whom_this_run_is_for(mailing, on_terminal, arguments, words):
    job, server = mailing()
    terminal, code = on_terminal(job, "run", "job.yaml", *arguments, answer="n")
    assert code == 75
    assert words in terminal.text
    nothing_reached(server)


def test_the_question_names_the_rows_that_are_left_out(mailing, on_terminal):
    job, _ = mailing()
    job.write_recipients([*job.addresses, job.addresses[0], "no-address"])
    terminal, _ = on_terminal(job, "run", "job.yaml", answer="n")
    assert "to 3 recipients (left out: 1 invalid, 1 duplicate) from" in terminal.text


def test_the_remedy_of_a_finding_stands_under_it(mailing, on_terminal):
    """On a terminal, in colour; a pipe gets the findings alone."""
    job, _ = mailing()
    job.write_recipients(["no-address"])
    terminal, code = on_terminal(job, "check", "job.yaml")
    assert code == 65
    mark = "\x1b[31m\x1b[1merror MB112\x1b[0m: Nobody would be mailed"
    assert mark in terminal.shown
    assert "  Look at the other findings: " in terminal.text
    assert "Look at the other findings" not in job.command("check").out


def test_the_question_knows_who_has_the_message_already(mailing, on_terminal):
    job, _ = mailing()
    assert job.command("run", "--limit", 2).code == 75
    terminal, code = on_terminal(job, "run", "job.yaml", answer="y")
    assert code == 0
    assert "to 1 recipient (2 have it already) from" in terminal.text
    assert "1/1" in terminal.text


@pytest.mark.parametrize("arguments", [["--yes"], ["--sandbox"], ["--dry-run"]])
def test_a_rehearsal_or_a_yes_is_not_asked_about(mailing, on_terminal, arguments):
    job, _ = mailing()
    terminal, code = on_terminal(job, "run", "job.yaml", *arguments)
    assert code == 0
    assert "[y/N]" not in terminal.text
    assert "3/3" in terminal.text


def test_nobody_is_asked_where_there_is_nothing_to_send(mailing, on_terminal):
    job, _ = mailing()
    assert job.command("run").code == 0
    terminal, code = on_terminal(job, "run", "job.yaml")
    assert code == 0
    assert "[y/N]" not in terminal.text
    assert "━" not in terminal.shown
    assert "nothing to do" in terminal.text


def test_whoever_waits_learns_of_a_wrong_host_at_once(mailing, on_terminal):
    """Not in an hour."""
    with pytest.raises(socket.gaierror) as caught:
        socket.getaddrinfo("nowhere.invalid", 25)  # RFC 6761 6.4: there is no such name
    if caught.value.errno != socket.EAI_NONAME:
        pytest.skip("nobody here can look up names")
    job, server = mailing()
    text = job.job.read_text(encoding="utf-8").replace("127.0.0.1", "nowhere.invalid")
    text = text.replace("plaintext", "starttls").replace("0.05s", "1h").replace("0.2s", "1h")
    text = text.replace("attempts: 1", "attempts: 5")
    job.job.write_text(text, encoding="utf-8")
    terminal, code = on_terminal(job, "run", "job.yaml", "--yes")
    assert code == 69
    assert "is server.host spelled right?" in terminal.text
    nothing_reached(server)


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color_means_none(mailing, on_terminal, environ):
    job, server = mailing(server={"refused": {"user2@example.net": "550 5.1.1 nobody"}})
    terminal, code = on_terminal(job, "run", "job.yaml", "--yes", **environ)
    assert code == 3
    assert COLOUR.search(terminal.shown) is None
    if "NO_COLOR" in environ:
        assert "        1  rejected    refused for good" in terminal.text
    else:  # a typewriter: no bar either, and no table
        assert "\x1b" not in terminal.shown
        assert "scene (1): 2 accepted, 1 rejected" in terminal.text
    job.check(server.deliveries())


def test_quiet_is_quiet_on_a_terminal_but_for_the_question(mailing, on_terminal):
    job, _ = mailing()
    terminal, code = on_terminal(job, "run", "job.yaml", "--quiet", answer="y")
    assert code == 0
    assert re.fullmatch(r"Send scene .*\? \[y/N\] y\n", terminal.text)


def test_a_mistake_is_shown_with_its_line_and_a_caret(mailing, on_terminal):
    job, _ = mailing()
    job.edit("host: 127.0.0.1", "hosst: 127.0.0.1")
    terminal, code = on_terminal(job, "run", "job.yaml")
    assert code == 78
    lines = terminal.text.splitlines()
    assert lines[0] == 'job.yaml:4:3: server.hosst: unknown key, did you mean "host"?'
    assert lines[1:5] == [
        "    3 | server:",
        "  > 4 |   hosst: 127.0.0.1",
        "      |   ^",
        "    5 |   port: " + str(job.port),
    ]


def test_a_mistake_of_a_template_stands_between_its_neighbours(mailing, on_terminal):
    """In every command that reads the templates, and within 80 columns."""
    job, _ = mailing()
    line = "x" * 60 + "{{ nmae }} and more" + "y" * 60
    text = f"one\n{'two ' * 40}\n{line}\n\x1b[31mfour\nfive\n"
    (job.folder / "letter.txt.j2").write_text(text)
    told = set()
    for command in ("run", "check", "preview"):
        terminal, code = on_terminal(job, command, "job.yaml", COLUMNS="80", NO_COLOR="1")
        assert code == 65, terminal.text
        lines = terminal.text.splitlines()
        at = next(n for n, line in enumerate(lines) if line.startswith("  > "))
        told.add("\n".join(lines[at - 1 : at + 3]))
        assert max(map(len, lines)) <= 80
    (found,) = told
    before, there, caret, behind = found.splitlines()
    assert before.startswith("    2 | two two")
    assert before.endswith("…")
    assert there[caret.index("^") :].startswith("nmae }}")
    assert behind == "    4 | \ufffd[31mfour"


def test_check_shows_the_line_that_spoils_some_letters(mailing, on_terminal):
    job, _ = mailing()
    (job.folder / "letter.txt.j2").write_text("one\n{{ 60 // (name[5:] | int) }}\nthree\n")
    terminal, _ = on_terminal(job, "check", "job.yaml", COLUMNS="80", NO_COLOR="1")
    assert "\n    1 | one\n  > 2 | {{ 60 // (name[5:] | int) }}\n    3 | three\n" in terminal.text


def test_neighbours_of_a_mistake_show_no_secret(mailing, on_terminal):
    job, _ = mailing()
    job.edit(
        "version: 1", "version: 1\nserver:\n  password: tulips\n  hosst: x\n  api_key:\n    rose"
    )
    terminal, _ = on_terminal(job, "run", "job.yaml")
    assert "password: ***" in terminal.shown
    assert "tulips" not in terminal.shown
    assert "rose" not in terminal.shown


def test_the_caret_stands_under_the_mistake_whatever_stands_before_it(mailing, on_terminal):
    """In cells of the terminal: two for each of these characters, none for what combines."""
    job, _ = mailing()
    job.edit("version: 1", 'version: 1\nvariables: {a: "日本e\u0301", b: [}')
    terminal, code = on_terminal(job, "check", "job.yaml")
    assert code == 78
    lines = terminal.text.splitlines()
    (at,) = (n for n, line in enumerate(lines) if line.startswith("  > "))
    column = lines[at].index("}")
    assert lines[at + 1] == "      |".ljust(column + 2 - 1) + "^"


def test_a_file_cannot_act_on_the_terminal_by_its_mistakes(mailing, on_terminal):
    """A job under review may be anybody's: its line is shown, its control characters are not."""
    job, _ = mailing()
    job.edit("version: 1", "version: 1\nvariables: {a: '\x1b]0;title\x07\x9b31m\u202e'}")
    terminal, code = on_terminal(job, "check", "job.yaml", NO_COLOR="1")
    assert code == 78
    assert " | variables: {a: '\ufffd]0;title\ufffd\ufffd31m\ufffd'}" in terminal.shown
    assert not set(terminal.shown) & set("\x1b\x07\x9b\u202e")


def test_without_a_terminal_on_both_sides_nobody_is_asked(mailing):
    """Input from a pipe, or errors into a file: that is a program, and it said what it wants."""
    job, server = mailing()
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mailbatch", "run", "job.yaml"],
            cwd=job.folder,
            env=environment(),
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0
    assert "[y/N]" not in done.stderr
    assert "\x1b" not in done.stderr
    job.check(server.deliveries())


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_question_is_a_no(mailing, signum):
    """Ctrl-C while thinking it over: nothing was sent, and it can be run again."""
    job, server = mailing()
    terminal = Terminal()
    env = environment(TERM="xterm", COLUMNS="100")
    process = subprocess.Popen(
        [sys.executable, "-m", "mailbatch", "run", "job.yaml"],
        cwd=job.folder,
        env=env,
        stdin=terminal.theirs,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
    )
    os.close(terminal.theirs)
    terminal.read("[y/N] ")
    process.send_signal(signum)
    terminal.read()
    os.close(terminal.ours)
    assert process.wait(30) == 75
    assert "interrupted before anything was sent; run again" in terminal.text
    assert "Traceback" not in terminal.text
    nothing_reached(server)
    assert job.command("run").code == 0
    job.check(server.deliveries())


def test_waits_are_told_once_however_many_sessions_wait(mailing, on_terminal):
    """And the bar goes on below."""
    job, server = mailing(
        Fault(Stage.RCPT, Kind.TRANSIENT, recipient="user2@example.net"), attempts=2
    )
    job.edit("initial: 0.05s", "initial: 1s")
    job.edit("maximum: 0.2s", "maximum: 1.5s")
    terminal, code = on_terminal(job, "run", "job.yaml", "--yes", "--sessions", "3")
    assert code == 0
    assert terminal.text.count("for recipients due later") == 1
    assert "        3  accepted" in terminal.text
    job.check(server.deliveries())


def test_the_end_is_a_table_that_explains_itself(mailing, on_terminal):
    """Every status with its meaning, and then what can be done."""
    faults = [
        Fault(Stage.RCPT, Kind.PERMANENT, recipient="user1@example.net"),
        Fault(Stage.RCPT, Kind.TRANSIENT, recipient="user2@example.net"),
        Fault(Stage.DOT, Kind.FIN, transaction=4),
    ]
    job, _ = mailing(*faults, recipients=5, attempts=2)
    job.write_recipients([*job.addresses[:4], "no address", "USER1@example.net"])
    terminal, code = on_terminal(job, "run", "job.yaml", "--yes", "--limit", "4")
    assert code == 75
    lines = terminal.text.splitlines()
    start = lines.index(next(line for line in lines if line.startswith("scene (1): ")))
    assert lines[start : start + 7] == [
        "scene (1): 6 recipients",
        "        1  accepted    the server took it",
        "        1  rejected    refused for good",
        "        1  deferred    refused for now: the next run tries again",
        "        1  in doubt    sent, and the answer never came",
        "        1  invalid     cannot be mailed: the results say why",
        "        1  duplicate   an earlier row has the address, or the key of the job",
    ]
    assert lines[-2:] == [
        "in doubt: the answer never came; see mailbatch resolve job.yaml",
        "not finished: run again with mailbatch run job.yaml",
    ]


def test_a_signal_is_acknowledged_while_what_is_open_is_finished(mailing):
    """Whoever presses Ctrl-C is told that it was heard, and what a second one does."""
    job, server = mailing(Fault(Stage.DOT, Kind.DRIP, transaction=1, pace=0.02))
    process = start("run", "job.yaml", cwd=job.folder)
    server.wait_for(stage=Stage.DOT, seconds=30.0)
    process.send_signal(signal.SIGINT)
    code, _, err = end(process)
    assert code == 75
    assert "stopping after the messages on their way; a second signal stops at once" in err
    assert job.statuses()["user1@example.net"] == "accepted"
    assert job.command("run").code == 0
    job.check(server.deliveries())


def test_a_mistake_has_no_codes_where_no_colours_are_wanted(mailing, on_terminal):
    job, _ = mailing()
    job.edit("host: 127.0.0.1", "hosst: 127.0.0.1")
    terminal, code = on_terminal(job, "run", "job.yaml", NO_COLOR="1")
    assert code == 78
    assert "\x1b" not in terminal.shown
    assert "hosst: 127.0.0.1" in terminal.text


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_the_line_of_the_progress_fits_every_terminal(width):
    """The words go first, then the bar; a `^C` that is echoed has room behind it."""
    shown = progress_line(
        width, what="sending to smtp-api.infobip.com:587", done=250, total=1000,
        rate="96/s", left=7.8, outcomes="3 rejected",
    )  # fmt: skip
    line = shown.plain
    assert len(line) <= width - ECHO
    assert line.strip().startswith("sending to smtp") == (width >= 120)
    assert ("━" in line) == (width >= 60)
    if width > 20:
        assert line.endswith("250/1,000  96/s  0:00:07  3 rejected")


def test_the_bar_is_as_full_as_the_run_is_done():
    spans = [
        (span.style, span.end - span.start)
        for done in (0, 30, 60)
        for span in progress_line(
            200, what="x", done=done, total=60, rate="", left=None, outcomes=""
        ).spans
    ]
    full = [length for style, length in spans if style != "bar.back"]
    assert [length for length in full if length] == [30, 60]


def test_a_narrow_terminal_shows_the_figures_not_their_meaning(mailing, on_terminal):
    job, server = mailing(recipients=20)
    terminal, code = on_terminal(job, "run", "job.yaml", "--yes", COLUMNS="40")
    assert code == 0
    assert "20/20" in terminal.text
    assert "scene (1): 20 recipients\n       20  accepted\n" in terminal.text
    job.check(server.deliveries())


@pytest.mark.parametrize("environ", [{"COLUMNS": "40"}, {"COLUMNS": "100", "TERM": "dumb"}])
def test_help_is_plain_where_there_is_no_room_for_boxes(tmp_path, environ):
    """No name of an option is cut."""
    terminal = Terminal()
    process = subprocess.Popen(
        [sys.executable, "-m", "mailbatch", "preview", "--help"],
        cwd=tmp_path,
        env=environment(**{"TERM": "xterm", **environ}),
        stdin=terminal.theirs,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
    )
    os.close(terminal.theirs)
    terminal.read()
    os.close(terminal.ours)
    assert process.wait(30) == 0
    assert "--against DIR" in terminal.text
    assert "…" not in terminal.text
    assert "╭" not in terminal.text


def test_no_answer_at_all_is_a_no_on_a_line_of_its_own(mailing, on_terminal):
    """Ctrl-D."""
    job, server = mailing()
    terminal, code = on_terminal(job, "run", "job.yaml", answer="\x04")
    assert code == 75
    assert re.search(r"\[y/N\] .*\nscene \(1\): ", terminal.text)
    nothing_reached(server)


@pytest.mark.parametrize("quiet", [False, True])
def test_what_takes_long_shows_how_far_it_is(monkeypatch, quiet):
    """A preview or a check of many messages; it leaves nothing behind."""
    terminal = Terminal()
    monkeypatch.setattr(module, "SHORTEST_STEP_WITH_BAR", 0.0)
    monkeypatch.setattr(module, "REDRAW", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    every = [delivery(number) for number in range(1, 4)]
    with os.fdopen(terminal.theirs, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        given = list(Console(quiet=quiet).follow("rendering", every, 3))
    terminal.read()
    os.close(terminal.ours)
    assert given == every
    if quiet:
        assert terminal.shown == ""
    else:
        assert re.search(r"rendering  ━+  1/3  .*rendering  ━+  3/3  ", terminal.text, re.DOTALL)
        assert terminal.shown.rstrip().endswith(("\x1b[2K", "\x1b[?25h"))


@pytest.mark.parametrize(
    ("number", "words", "shown"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (2_000, ("row",), "2,000 rows"),
        (1, ("branch", "branches"), "1 branch"),
        (2, ("branch", "branches"), "2 branches"),
    ],
)
def test_a_number_has_its_noun(number, words, shown):
    assert counted(number, *words) == shown
