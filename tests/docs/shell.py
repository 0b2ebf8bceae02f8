"""One shell for a page: its commands run as they are written, and what they print is compared.

The page becomes one bash script that says, on a line of its own, where each command ends and with
what. Standard output and standard error go into one stream, as on a terminal. What differs from
run to run (times, rates, ids, the home folder, the week) is made the same on both sides.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import Block, Command, blocks, commands, failing_servers
from tests.support.fault_server import Fault, FaultServer
from tests.support.ports import free_port

#: The longest that a page may take, in seconds.
LONGEST = 60.0
#: What the pages call their home, and the ports that they name.
HOME = "/home/ada"
PORTS = ("2525", "8026")

_END = "--- the end of"
_SAME = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00"), "TIME"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"), "DATE"),
    (re.compile(r"\b20\d\d-W\d\d\b"), "WEEK"),
    (re.compile(r"\d+\.\d s, [\d,]+ a second"), "SPEED"),
    (re.compile(r'"seconds": [\d.]+'), '"seconds": SPEED'),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b[0-9a-f]{32}@"), "TOKEN@"),
    (re.compile(r"process \d+ on \S+, since"), "process N on HOST, since"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a page, with the lines that it should print (None: any, but it must end with 0).

    `checked` says whether its exit code must be 0.
    """

    where: str
    text: str
    prints: tuple[str, ...] | None
    checked: bool


def script_of(page: Path, ports: Mapping[str, str]) -> tuple[str, list[Step]]:
    """Return the script of a page and its steps."""
    lines = ["set -o pipefail"]
    steps: list[Step] = []
    for block in blocks(page, ports):
        if block.note == "not run":
            continue
        if block.title is not None:
            lines.append(_write(block))
        elif block.note == "other terminal":
            (command,) = commands(block)
            lines.append(_other_terminal(command, len(steps)))
            steps.append(Step(f"{block}", command.text, command.prints, checked=False))
        elif block.language == "sh":
            lines.append(_step(f"__failed=0; trap '__failed=$?' ERR\n{block.text}trap - ERR\n"
                               "( exit $__failed )", len(steps)))  # fmt: skip
            steps.append(Step(f"{block}", block.text, None, checked=True))
        elif block.language == "console":
            for command, checked in _with_checks(block):
                lines.append(_step(command.text, len(steps)))
                where = f"{block.page.name}:{command.line}: {command.text.splitlines()[0]}"
                steps.append(Step(where, command.text, command.prints, checked=checked))
    lines.append('[ -z "$(jobs -p)" ] || kill $(jobs -p)')
    return "\n".join(lines) + "\n", steps


def _with_checks(block: Block) -> Iterator[tuple[Command, bool]]:
    """Give the commands, and whether each must end with 0: not if the next one asks for it."""
    found = commands(block)
    for command, following in zip(found, [*found[1:], None], strict=True):
        asked = following is not None and following.text == "echo $?"
        yield command, not asked


def _write(block: Block) -> str:
    name = f"~/{shlex.quote(block.title or '')}"
    return f"mkdir -p \"$(dirname {name})\"\ncat > {name} <<'END OF FILE'\n{block.text}END OF FILE"


def _step(text: str, number: int) -> str:
    return (
        f"{text}\n"
        f"__code=$?; printf '\\n%s %s %s\\n' {shlex.quote(_END)} {number} $__code; ( exit $__code )"
    )


def _other_terminal(command: Command, number: int) -> str:
    """Run a command beside the others, and go on once it has printed what the page shows."""
    return "\n".join(
        (
            f"mkfifo .terminal-{number}",
            f"{command.text} > .terminal-{number} 2>&1 &",
            f"exec 7< .terminal-{number}; rm .terminal-{number}",
            *['IFS= read -r __line <&7; printf "%s\\n" "$__line"'] * len(command.prints),
            f"printf '\\n%s %s %s\\n' {shlex.quote(_END)} {number} 0",
        )
    )


def free_ports() -> dict[str, str]:
    """Return a free port for every port that the pages name."""
    return {written: str(free_port()) for written in PORTS}


def run_page(page: Path, home: Path, environment: dict[str, str]) -> list[str]:
    """Run a page in `home`; return what is not as the page says, one text for each step."""
    with ExitStack() as stack:
        ports = free_ports()
        for port, faults in failing_servers(page).items():
            server = FaultServer(map(Fault.from_json, faults))
            ports[port] = str(stack.enter_context(server).port)
        return _run(page, ports, home, environment)


def _run(
    page: Path, ports: Mapping[str, str], home: Path, environment: dict[str, str]
) -> list[str]:
    script, steps = script_of(page, ports)
    finished = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", script],
        cwd=home,
        env={**environment, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    shown = finished.stdout.replace(str(home), HOME)
    outputs, codes = _split(shown)
    wrong = []
    if len(outputs) != len(steps):
        wrong.append(f"{page.name}: the shell ended after {len(outputs)} steps:\n{shown[-2000:]}")
    for step, output, code in zip(steps, outputs, codes, strict=False):
        if step.checked and code:
            wrong.append(f"{step.where}: ended with {code}:\n{output}")
        elif step.prints is not None and not matches(step.prints, output):
            wanted = "\n".join(step.prints)
            wrong.append(f"{step.where}: printed\n{output}\nand not\n{wanted}")
    return wrong


def _split(shown: str) -> tuple[list[str], list[int]]:
    outputs, codes, start = [], [], 0
    for number, found in enumerate(re.finditer(rf"\n?{_END} (\d+) (\d+)\n", shown)):
        assert int(found[1]) == number
        outputs.append(shown[start : found.start()])
        codes.append(int(found[2]))
        start = found.end()
    return outputs, codes


def matches(wanted: tuple[str, ...], output: str) -> bool:
    """Tell whether an output is what a page shows.

    A line `...` stands for any lines, `...` at the end of a line for the rest of the line.
    """
    expression = "".join(map(_expression, wanted))
    found = "".join(f"{line}\n" for line in same(output).rstrip("\n").split("\n"))
    return re.fullmatch(expression, found if found != "\n" else "") is not None


def _expression(line: str) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)*?"
    if line.endswith("..."):
        return re.escape(same(line.removesuffix("..."))) + r".*\n"
    return re.escape(same(line).rstrip()) + r"[ \t]*\n"


def same(text: str) -> str:
    """Make what differs from run to run the same."""
    for expression, word in _SAME:
        text = expression.sub(word, text)
    return text
