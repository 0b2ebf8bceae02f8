"""A job folder as a user has it: copied out of the repository and run against the sandbox."""

from __future__ import annotations

import csv
import email
import email.policy
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from mailbatch.delivery.options import RunOptions, Summary
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job

ROOT = Path(__file__).resolve().parents[2]
#: A Monday of ISO week 48, so that editions by week are the same on every day that the tests run.
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run against the sandbox came to.

    `messages` and `envelopes` (lists of recipients) are in the order in which the server took them.
    """

    folder: Path
    summary: Summary
    messages: tuple[EmailMessage, ...]
    envelopes: tuple[tuple[str, ...], ...]
    results: tuple[dict[str, str], ...]

    def message_to(self, address: str) -> EmailMessage:
        """Return the message whose envelope has an address."""
        (found,) = (
            message
            for message, envelope in zip(self.messages, self.envelopes, strict=True)
            if address in envelope
        )
        return found


def rehearse(source: Path, folder: Path) -> Rehearsal:
    """Copy a job folder and run its job in the sandbox."""
    shutil.copytree(source, folder / "job")
    return rehearse_in_place(folder / "job", folder / "outbox")


def rehearse_in_place(job_folder: Path, outbox: Path) -> Rehearsal:
    """Run the job of a folder in the sandbox, with no environment at all."""
    job = load_job(job_folder / "job.yaml", environ={})
    summary = run(job, RunOptions(sandbox=True, out=outbox), now=NOW, environ={})
    index = [json.loads(line) for line in (outbox / "index.jsonl").read_text().splitlines()]
    assert summary.results is not None
    with summary.results.open(encoding="utf-8", newline="") as file:
        results = tuple(csv.DictReader(file))
    return Rehearsal(
        folder=job_folder,
        summary=summary,
        messages=tuple(parse((outbox / kept["file"]).read_bytes()) for kept in index),
        envelopes=tuple(tuple(kept["rcpt_tos"]) for kept in index),
        results=results,
    )


def parse(content: bytes) -> EmailMessage:
    """Read a message with the standard library, which shares no code with our writer."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def structure(part: EmailMessage) -> str:
    """Write the MIME tree as `multipart/alternative(text/plain, text/html)`."""
    if not part.is_multipart():
        return part.get_content_type()
    inside = ", ".join(structure(child) for child in part.iter_parts())
    return f"{part.get_content_type()}({inside})"


def text_of(message: EmailMessage) -> str:
    """Return the text part."""
    part = message.get_body(("plain",))
    assert part is not None
    return part.get_content()


def html_of(message: EmailMessage) -> str:
    """Return the HTML part."""
    part = message.get_body(("html",))
    assert part is not None
    return part.get_content()


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the rows of the folder's recipient table."""
    with (folder / "recipients.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
