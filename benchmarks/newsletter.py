"""mailbatch beside its peers: one newsletter, one sink, interleaved rounds, ratios first."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ITEMS = 10
TEXT = (
    "Hello {{ first_name }} {{ last_name }},\n\n"
    + "This is the newsletter for {{ city }}, with something to read for everybody.\n" * 6
    + "{% for i in range(10) %}- item {{ i }}: something to read about {{ plan }}\n{% endfor %}\n"
    + "Lorem ipsum dolor sit amet, consectetur adipiscing elit.\n" * 4
)
HTML = (
    "<html><body><h1>Hello {{ first_name }} {{ last_name }}</h1>\n"
    + "<p style='color:#333;font-size:14px'>Lorem ipsum dolor sit amet in {{ city }}.</p>\n" * 16
    + "<table>{% for i in range(10) %}<tr><td style='padding:4px'>item {{ i }}</td>"
    + "<td>something to read about {{ plan }}</td></tr>\n{% endfor %}</table>"
    + "<a href='https://example.com/u/{{ token }}'>unsubscribe</a></body></html>\n"
)
JOB = """\
version: 1
name: benchmark
server: {{host: 127.0.0.1, port: {port}, security: plaintext, auth: none}}
sender: {{from: "Example News <news@example.com>"}}
recipients: {{file: recipients.csv{group}}}
message: {{subject: "News for {subject}", text: letter.txt.j2, html: letter.html.j2}}
"""


def write_mailing(folder: Path, recipients: int, port: int, *, group: bool) -> None:
    """Write the job, its table and its templates."""
    with (folder / "recipients.csv").open("w", encoding="utf-8") as table:
        table.write("email,first_name,last_name,plan,token,city\n")
        for number in range(recipients):
            table.write(
                f"user{number}@example{number % 50}.net,Ada{number},Löwe,pro,t{number:08d},Zürich\n"
            )
    text, html = TEXT, HTML
    if group:  # a message of many addresses may only use what the group shares
        for name in ("first_name", "last_name", "token", "city"):
            text, html = (part.replace("{{ " + name + " }}", name) for part in (text, html))
    (folder / "letter.txt.j2").write_text(text, encoding="utf-8")
    (folder / "letter.html.j2").write_text(html, encoding="utf-8")
    job = JOB.format(
        port=port,
        group=", group_by: [plan]" if group else "",
        subject="everybody" if group else "{{ first_name }}",
    )
    (folder / "job.yaml").write_text(job, encoding="utf-8")


@contextmanager
def sink(delay_ms: float = 0.0) -> Iterator[int]:
    """Run smtp-sink on a free port, behind a delaying relay if asked for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"]
    if os.geteuid() == 0:
        command += ["-u", "postfix"]
    server = subprocess.Popen([*command, f"127.0.0.1:{port}", "512"])
    relay = None
    try:
        wait_for(port)
        if delay_ms:
            arguments = [sys.executable, str(HERE / "relay.py"), str(port), str(delay_ms)]
            relay = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
            assert relay.stdout is not None
            port = int(relay.stdout.readline())
        yield port
    finally:
        for process in (relay, server):
            if process is not None:
                process.terminate()
                process.wait()


def wait_for(port: int) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise TimeoutError(f"nothing listens on port {port}")


def run_process(command: list[str], folder: Path) -> float:
    """Run a program to its end and return its seconds; its output is shown if it fails."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return seconds


def mailbatch(folder: Path, *options: str) -> float:
    """A whole run with a ledger of its own."""
    shutil.rmtree(folder / ".mailbatch", ignore_errors=True)
    command = [sys.executable, "-m", "mailbatch", "run", "job.yaml", "--yes", "--quiet", *options]
    return run_process(command, folder)


def peers(folder: Path, port: int, recipients: int) -> dict[str, Callable[[], float]]:
    """The programs that can be run here, by name."""
    peer = [sys.executable, str(HERE / "peers.py")]
    found: dict[str, Callable[[], float]] = {
        "mailbatch": lambda: mailbatch(folder),
        "mailbatch --sessions 4": lambda: mailbatch(folder, "--sessions", "4"),
        "stdlib": lambda: run_process([*peer, "stdlib", str(port)], folder),
    }
    try:
        import aiosmtplib  # noqa: F401
    except ImportError:
        print("aiosmtplib is not installed: left out", file=sys.stderr)
    else:
        found["aiosmtplib"] = lambda: run_process([*peer, "aiosmtplib", str(port)], folder)
    source = shutil.which("smtp-source") or "/usr/sbin/smtp-source"
    if Path(source).exists():
        size = len(TEXT) + len(HTML) + 900
        arguments = ["-s", "1", "-m", str(recipients), "-l", str(size), "-d"]
        found["smtp-source"] = lambda: run_process(
            [source, *arguments, "-t", "to@example.net", f"127.0.0.1:{port}"], folder
        )
    node = shutil.which("node")
    if node and (HERE / "node_modules" / "nodemailer").exists():
        found["nodemailer"] = lambda: run_process(
            [node, str(HERE / "nodemailer.cjs"), str(port)], folder
        )
    return found


def measure(programs: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run every program once per round, in turn, so that all see the same moods of the machine."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds):
        for name, program in programs.items():
            seconds[name].append(program())
            print(f"round {number + 1}: {name} {seconds[name][-1]:.2f} s", file=sys.stderr)
    return seconds


def report(seconds: dict[str, list[float]], recipients: int) -> dict[str, dict[str, float]]:
    """Print ratios to the stdlib loop, then rates; return them."""
    rows = {}
    base = seconds.get("stdlib")
    for name, values in seconds.items():
        ratios = [b / v for b, v in zip(base, values, strict=True)] if base else []
        rows[name] = {
            "ratio": statistics.median(ratios) if ratios else 0.0,
            "per_second": recipients / statistics.median(values),
            "fastest": recipients / min(values),
            "slowest": recipients / max(values),
        }
    print(f"{'program':<24}{'x stdlib':>9}{'median/s':>10}{'slowest':>10}{'fastest':>10}")
    for name, row in rows.items():
        print(
            f"{name:<24}{row['ratio']:>9.1f}{row['per_second']:>10,.0f}"
            f"{row['slowest']:>10,.0f}{row['fastest']:>10,.0f}"
        )
    return rows


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--round-trip", type=float, default=0.0, metavar="MS")
    parser.add_argument("--group", action="store_true", help="one message for all, mailbatch only")
    parser.add_argument("--only", nargs="*", default=None, help="these programs only")
    parser.add_argument("--json", type=Path, default=None, help="write the figures there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sink(given.round_trip / 2) as port:
        folder = Path(name)
        write_mailing(folder, given.recipients, port, group=given.group)
        programs = peers(folder, port, given.recipients)
        if given.group:
            programs = {"mailbatch": programs["mailbatch"]}
        if given.only is not None:
            programs = {name: run for name, run in programs.items() if name in given.only}
        rows = report(measure(programs, given.rounds), given.recipients)
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
