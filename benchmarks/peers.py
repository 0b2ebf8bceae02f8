"""The peers in Python: jinja2 and EmailMessage over smtplib or aiosmtplib, one connection."""

from __future__ import annotations

import asyncio
import csv
import smtplib
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path

from jinja2 import Environment


def messages() -> Iterator[EmailMessage]:
    """The newsletter of every recipient."""
    text = Environment().from_string(Path("letter.txt.j2").read_text(encoding="utf-8"))
    html = Environment(autoescape=True).from_string(
        Path("letter.html.j2").read_text(encoding="utf-8")
    )
    with Path("recipients.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            message = EmailMessage(policy=SMTP)
            message["From"] = "Example News <news@example.com>"
            message["To"] = row["email"]
            message["Subject"] = f"News for {row['first_name']}"
            message["Date"] = formatdate()
            message["Message-ID"] = make_msgid(domain="example.com")
            message.set_content(text.render(row))
            message.add_alternative(html.render(row), subtype="html")
            yield message


def stdlib(port: int) -> None:
    """smtplib, one connection."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        for message in messages():
            server.send_message(message)


async def aiosmtplib_loop(port: int) -> None:
    """aiosmtplib, one connection."""
    import aiosmtplib

    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as server:
        for message in messages():
            await server.send_message(message)


def main() -> None:
    """Run the peer that the first argument names, to the port in the second."""
    name, port = sys.argv[1], int(sys.argv[2])
    if name == "stdlib":
        stdlib(port)
    else:
        asyncio.run(aiosmtplib_loop(port))


if __name__ == "__main__":
    main()
