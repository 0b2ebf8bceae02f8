"""Follow one value through a sandbox run, and list the modules that it meets.

    python -m benchmarks.walks                 # the four walks of docs/explanation/architecture.md
    python -m benchmarks.walks address         # one of them

A walk begins where the value enters the house and ends where the value leaves it. A module is met
when one of its functions is handed the value, or a value that holds it, or returns one. The figure
of a walk is the number of modules; a *move* is a step from one module to another one. Both say how
far a reader must go to follow the value. The sandbox is the server, and no part of the walk.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import FrameType

from mailbatch.cli.main import put_away_at_the_end

#: Walk -> the text by which its value is known, wherever that value is.
MARKS = {
    "address": "walk.marker@example.org",
    "reply": "reply-marker",
    "subject": "subject-marker",
}
#: Walk -> the room in which it begins: the sandbox is told beforehand which reply to give.
BEGINS = {"reply": "mailbatch.smtp."}
#: The values that a delivery is, on its way from the lease to the outcome.
DELIVERIES = frozenset({"Delivery", "Leased", "Prepared"})
#: How deep a value is looked into, and how many members of a sequence are looked at.
DEPTH, MEMBERS = 3, 20

JOB = """\
version: 1
name: walk
sender: {from: News <news@example.com>}
server: {host: localhost, port: 2525, security: plaintext}
recipients: {file: people.csv}
message:
  subject: subject-marker for {{ name }}
  text: letter.txt.j2
"""


def is_marked(value: object, mark: str, depth: int = DEPTH) -> bool:
    """Say whether a value is, or holds, the text `mark`.

    Looked into are texts, octets, sequences, mappings and the frozen values of the house.

    >>> is_marked(("Ann", ["ann@example.com"]), "ann@")
    True
    """
    if isinstance(value, str):
        return mark in value
    if isinstance(value, bytes | bytearray):
        return mark.encode() in value
    return depth > 0 and any(is_marked(part, mark, depth - 1) for part in _parts(value))


def is_delivery(value: object, depth: int = DEPTH) -> bool:
    """Say whether a value is a delivery, or a sequence of deliveries."""
    if type(value).__name__ in DELIVERIES:
        return True
    parts = _parts(value) if isinstance(value, list | tuple | deque) else ()
    return depth > 0 and any(is_delivery(part, depth - 1) for part in parts)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, list | tuple | deque):
        return [part for _, part in zip(range(MEMBERS), value, strict=False)]
    if type(value) is dict:
        return list(value.values())[:MEMBERS]
    if dataclasses.is_dataclass(value) and type(value).__module__.startswith("mailbatch"):
        return [getattr(value, f.name, None) for f in dataclasses.fields(value)]
    return ()


class Walk:
    """The modules that one value met, in the order of the first meeting, and the moves."""

    def __init__(self, meets: Callable[[object], bool], begins: str = "") -> None:
        """`meets` says whether a value is the one that is followed, `begins` where first."""
        self._meets = meets
        self._begins = begins
        self._last = ""
        self.modules: list[str] = []
        self.moves = 0

    def see(self, frame: FrameType, event: str, argument: object) -> None:
        """Take one call or return; the signature is that of `sys.setprofile`."""
        name = frame.f_globals.get("__name__", "")
        if not name.startswith("mailbatch.") or name.startswith("mailbatch.sandbox"):
            return
        if not self.modules and not name.startswith(self._begins):
            return
        if event == "call":
            values = list(frame.f_locals.values())
        else:
            values = [argument] if event == "return" else []
        if not any(map(self._meets, values)):
            return
        if name not in self.modules:
            self.modules.append(name)
        if name != self._last:
            self.moves += 1
            self._last = name


def walk(kind: str) -> Walk:
    """Run a mailing to one recipient against the sandbox, and follow the value of this kind.

    `kind` is a key of `MARKS`, or `delivery`. Raises RuntimeError if the run does not end as a
    sandbox run of one recipient does.
    """
    from mailbatch.cli.main import main as run

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "people.csv").write_text("email,name\nwalk.marker@example.org,Ann\n", "utf-8")
        (home / "letter.txt.j2").write_text("Hello {{ name }}\n", "utf-8")
        (home / "job.yaml").write_text(JOB, "utf-8")
        arguments = ["mailbatch", "run", str(home / "job.yaml"), "--sandbox"]
        if kind == "reply":  # a refusal: the reply that a run has to think about
            arguments += ["--answer", "RCPT=550 5.1.1 reply-marker: no such mailbox"]
        meets = is_delivery if kind == "delivery" else lambda value: is_marked(value, MARKS[kind])
        seen = Walk(meets, BEGINS.get(kind, ""))
        before, said = sys.argv, StringIO()
        sys.argv = arguments
        sys.setprofile(seen.see)
        try:
            with redirect_stdout(said), redirect_stderr(said):
                code = run()
        except SystemExit as end:
            code = end.code
        finally:
            sys.setprofile(None)
            sys.argv = before
    if code != (3 if kind == "reply" else 0):
        raise RuntimeError(f"the run ended with {code}: {said.getvalue()}")
    return seen


def main(kinds: list[str]) -> None:
    """Print the walks of these kinds; of all kinds if none is named."""
    for kind in kinds or [*MARKS, "delivery"]:
        seen = walk(kind)
        print(f"{kind}: {len(seen.modules)} modules, {seen.moves} moves")
        for name in seen.modules:
            print(f"    {name.removeprefix('mailbatch.')}")


if __name__ == "__main__":
    put_away_at_the_end()
    main(sys.argv[1:])
