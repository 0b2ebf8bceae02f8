"""What the tests of this room make: jobs, deliveries, and messages read by another parser."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.message import Message as CompatMessage
from pathlib import Path
from typing import Any

import yaml

from mailbatch.envelope import Delivery, Recipient
from mailbatch.errors import InputErrors
from mailbatch.job.loader import load_job
from mailbatch.job.model import Job
from mailbatch.render.composer import Composer
from mailbatch.render.message import Message

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
DATE = 1_795_426_200  # 2026-11-23 09:30:00 UTC
#: As a ledger makes it; the first 16 digits are the token.
MESSAGE_ID = "57049136f20f7a33c1d2e3f405162738@example.com"
ROW = {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace", "id": "17"}

#: The names of the fields that every message of the plain job has.
PLAIN_FIELDS = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")


def make_job(
    folder: Path,
    message: Mapping[str, Any] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    **sections: Any,
) -> Job:
    """Write a job and its files, and load it as the command line does."""
    given: dict[str, Any] = {
        "version": 1,
        "name": "letter",
        "server": {"host": "smtp.example.com", "auth": "none"},
        "sender": {"from": "Example News <news@example.com>"},
        "recipients": {"file": "recipients.csv"},
        "message": {"subject": "Hello", **(message or {})},
    }
    for name, section in sections.items():
        if isinstance(section, dict) and isinstance(given.get(name), dict):
            given[name] = {**given[name], **section}
        else:
            given[name] = section
    texts = ("text", "html", "mjml", "markdown")
    if not any(key in given["message"] for key in texts):
        given["message"]["text"] = "letter.txt.j2"
    every = {"letter.txt.j2": "Good day.\n", "recipients.csv": "email\n", **(files or {})}
    for name, content in every.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(given, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_job(path, environ={})


def with_page(job: Job, key: str, name: str) -> Job:
    """Give a job a page whose name is a template."""
    return job.model_copy(update={"message": job.message.model_copy(update={key: name})})


def make_composer(
    job: Job,
    columns: tuple[str, ...] = tuple(ROW),
    edition: str = "2026-48",
    *,
    traced: bool = False,
    **variables: Any,
) -> Composer:
    """Compile a job; all that the model calls a template is compiled."""
    composer = Composer(
        job,
        edition=edition,
        columns=columns,
        now=NOW,
        variables={**job.variables, **variables},
        traced=traced,
    )
    compiled = {value.key for value in composer._templates.values}
    assert {setting.key for setting in job.templated()} <= compiled
    return composer


def make_delivery(
    *rows: Mapping[str, str], addresses: tuple[str, ...] = (), message_id: str = "m1@example.com"
) -> Delivery:
    """Make the delivery of some rows, with the first row's address unless others are given."""
    made = tuple(
        Recipient(number, row["email"], tuple(row.values())) for number, row in enumerate(rows, 2)
    )
    every = addresses or (made[0].address,)
    return Delivery(
        id=1,
        key="k",
        attempt=1,
        message_id=message_id,
        date=DATE,
        unsettled=every,
        addresses=every,
        rows=made if len(every) == 1 else made[:1],
    )


def compose(job: Job, row: Mapping[str, str] | None = None, *, eight_bit: bool = True) -> Message:
    """Compile a job and compose the message of one row."""
    row = ROW if row is None else row
    return make_composer(job, tuple(row)).compose(make_delivery(row), eight_bit=eight_bit)


def parse(message: Message | bytes) -> EmailMessage:
    """Read a message with the standard library's newer parser."""
    content = message if isinstance(message, bytes) else message.content
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def parse_compat(message: Message) -> CompatMessage:
    """Read a message with the standard library's older parser."""
    return email.message_from_bytes(message.content, policy=email.policy.compat32)


def raw_fields(content: bytes) -> list[tuple[str, str]]:
    """Read the header section without any library: names, and values unfolded."""
    head = content.partition(b"\r\n\r\n")[0].decode("utf-8")
    fields: list[tuple[str, str]] = []
    for line in head.split("\r\n"):
        if line[:1] in {" ", "\t"}:
            name, value = fields[-1]
            fields[-1] = (name, value + line)
        else:
            name, _, value = line.partition(":")
            fields.append((name, value.removeprefix(" ")))
    return fields


def field(content: bytes, name: str) -> str:
    """Return the value of a field that stands in the message exactly once."""
    (value,) = [value for found, value in raw_fields(content) if found == name]
    return value


def assert_wire_ready(content: bytes) -> None:
    """Check what SMTP needs of any content (RFC 5321 2.3.8, 4.5.3.1.6)."""
    assert content.endswith(b"\r\n")
    without = content.replace(b"\r\n", b"")
    assert b"\r" not in without
    assert b"\n" not in without
    assert b"\0" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998


def static_errors(job: Job, columns: tuple[str, ...] = tuple(ROW)) -> list[str]:
    """Return what compiling a job reports, with hints."""
    try:
        make_composer(job, columns)
    except InputErrors as errors:
        return [f"{error} | {error.hint}" if error.hint else str(error) for error in errors.errors]
    return []
