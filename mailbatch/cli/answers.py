"""`--answer`: from the command line to the answers of a sandbox, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted

if TYPE_CHECKING:
    from mailbatch.sandbox.answers import Answers


def answers_of(given: list[str] | None) -> Answers | None:
    """Read the answers in their order; None without any. Raises `UsageError`."""
    if not given:
        return None
    from mailbatch.sandbox.answers import Answers, parse_answer

    return Answers(map(parse_answer, given))


def tell_never_given(console: Console, answers: Answers | None) -> None:
    """Warn of the answers that the sandbox had no occasion for: nothing was rehearsed there."""
    if answers is None:
        return
    for answer in answers.never_given:
        times = counted(answers.counts[answer.command], "time")
        console.warn(f"--answer '{answer.written}' was never given: {answer.command} came {times}")
