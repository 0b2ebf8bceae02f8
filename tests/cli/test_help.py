"""The help: options in groups, the same words on a terminal and in a pipe, exit codes."""

from __future__ import annotations

import re

import pytest
import typer

from mailbatch.cli.app import app
from mailbatch.cli.exit_codes import ENDS, MEANING
from mailbatch.cli.panels import Panel
from mailbatch.cli.wrapping import cells
from tests.cli.test_exit_codes import ENDS as REACHED


def commands_of(group, prefix=""):
    """Yield every command with its whole name; the groups, too."""
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{prefix}{name} ")


COMMANDS = dict(commands_of(typer.main.get_command(app)))


def sections(text):
    """The titles of a help, each with its lines."""
    found = {}
    for part in text.split("\n\n"):
        title, colon, lines = part.partition(":\n")
        if colon:
            found[title] = lines
    return found


def test_an_option_is_in_the_same_group_everywhere():
    """Else a reader who has learned one command looks for it in another place."""
    groups = {}
    for name, command in COMMANDS.items():
        for one in command.params:
            if one.param_type_name == "option":
                key = (one.opts[0], one.metavar, one.is_flag)
                groups.setdefault(key, {}).setdefault(one.rich_help_panel, []).append(name)
    # The port of a gallery is none of a mail server.
    torn = {key: by for key, by in groups.items() if len(by) > 1 and key[0] != "--port"}
    assert torn == {}
    assert {group for by in groups.values() for group in by} == set(Panel)


def test_every_value_has_a_word_and_every_default_is_told_once():
    for name, command in COMMANDS.items():
        for one in command.params:
            if one.param_type_name != "option" or one.is_flag:
                continue
            assert re.fullmatch(r"[A-Z:=]+", one.metavar or ""), f"{name} {one.opts}"
            if one.default is not None:
                assert one.help.count(f"default: {one.default}") == 1, f"{name} {one.opts}"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"ledger", "reports"}])
def test_the_help_of_a_command(program, tmp_path, name):
    done = program(*name.split(), "--help", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert not re.search(r"<\w+>|\[required|\[default|[╭│{}]", done.out)
    assert max(map(len, done.out.splitlines())) <= 80
    found = sections(done.out)
    assert list(found)[-1] == "Exit codes"
    codes = [int(line.split()[0]) for line in found["Exit codes"].splitlines() if line[4].isdigit()]
    assert codes == [int(code) for code in ENDS[name]]
    for panel in Panel:
        words = {
            o.opts[0] for o in COMMANDS[name].params if getattr(o, "rich_help_panel", 0) == panel
        }
        assert all(f"{word} " in found[panel] for word in words)
    example = f"Example: mailbatch {name} "
    assert example in done.out or name == "schema"


def test_every_code_that_a_command_was_seen_to_end_with_is_in_its_help():
    for arguments, _, _, code in REACHED:
        assert code in ENDS[arguments[0]]
    assert {0, 4, 75} <= set(ENDS["resolve"])
    assert {130, 143} <= set(ENDS["sandbox"])
    assert set(ENDS) == {name for name in COMMANDS if not hasattr(COMMANDS[name], "commands")}
    assert all(code in MEANING for ends in ENDS.values() for code in ends)


def test_the_first_example_of_run_is_the_ordinary_one(program, tmp_path):
    text = program("run", "--help", cwd=tmp_path).out
    assert "\nExample: mailbatch run newsletter.yaml\n" in text


@pytest.fixture
def shown(on_terminal, tmp_path):
    """What a terminal shows of a command that ends with 0."""

    def run(*arguments, **environ):
        terminal, code = on_terminal(tmp_path, *arguments, **environ)
        assert code == 0
        return terminal

    return run


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120, 200])
def test_a_terminal_shows_the_same_words_as_a_pipe(program, shown, tmp_path, columns):
    terminal = shown("run", "--help", COLUMNS=str(columns))
    piped = program("run", "--help", cwd=tmp_path).out
    assert terminal.text.split() == piped.split()
    longest = max(cells(word) for word in piped.split()) + 4
    widths = [cells(line) for line in terminal.text.splitlines() if "mailbatch run" not in line]
    assert max(widths) <= max(columns, longest)
    assert max(widths) <= 100
    assert "\x1b[1mWhom:\x1b[0m" in terminal.shown


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_help_without_colours(shown, environ):
    assert "\x1b" not in shown("run", "--help", **environ).shown


@pytest.mark.parametrize("group", [(), ("reports",)])
def test_a_group_without_a_command_shows_its_commands(program, tmp_path, group):
    done = program(*group, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert next(iter(sections(done.err))) == "Commands"
