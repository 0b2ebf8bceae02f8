"""The peers in Python: jinja2 and EmailMessage over smtplib or aiosmtplib, one connection.

python peers.py stdlib|aiosmtplib

Reads peer.json, recipients.csv and the templates of the working directory.
"""

from __future__ import annotations

import asyncio
import csv
import json
import smtplib
import ssl
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment


def messages(peer: dict[str, Any]) -> Iterator[tuple[EmailMessage, list[str]]]:
    """Give each message with its recipients: one for each, or one for a thousand of a group."""
    text = Environment().from_string(Path("letter.txt.j2").read_text(encoding="utf-8"))
    html = Environment(autoescape=True).from_string(
        Path("letter.html.j2").read_text(encoding="utf-8")
    )
    same = Path(peer["attachment"]).read_bytes() if peer["attachment"] else None
    with Path("recipients.csv").open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table)
        while lot := list(islice(rows, peer["recipients_per_message"])):
            row, alone = lot[0], len(lot) == 1
            message = EmailMessage(policy=SMTP)
            message["From"] = "Example News <news@example.com>"
            message["To"] = row["email"] if alone else "undisclosed-recipients:;"
            message["Subject"] = f"News for {row['first_name'] if alone else 'everybody'}"
            message["Date"] = formatdate()
            message["Message-ID"] = make_msgid(domain="example.com")
            message.set_content(text.render(row))
            message.add_alternative(html.render(row), subtype="html")
            attachment = Path(row["file"]).read_bytes() if "file" in row else same
            if attachment is not None:
                message.add_attachment(
                    attachment,
                    maintype="application",
                    subtype="octet-stream",
                    filename=row.get("file", peer["attachment"]),
                )
            yield message, [one["email"] for one in lot]


def context(peer: dict[str, Any]) -> ssl.SSLContext | None:
    """Return whom to trust; None without TLS."""
    return ssl.create_default_context(cafile=peer["ca_file"]) if peer["ca_file"] else None


def stdlib(peer: dict[str, Any]) -> None:
    """smtplib, one connection."""
    with smtplib.SMTP("127.0.0.1", peer["port"]) as server:
        if (trusted := context(peer)) is not None:
            server.starttls(context=trusted)
        for message, addresses in messages(peer):
            server.send_message(message, to_addrs=addresses)


async def aiosmtplib_loop(peer: dict[str, Any]) -> None:
    """aiosmtplib, one connection."""
    import aiosmtplib

    trusted = context(peer)
    async with aiosmtplib.SMTP(
        hostname="127.0.0.1",
        port=peer["port"],
        start_tls=trusted is not None,
        tls_context=trusted,
    ) as server:
        for message, addresses in messages(peer):
            await server.send_message(message, recipients=addresses)


def main() -> None:
    """Run the peer that the argument names."""
    peer = json.loads(Path("peer.json").read_text(encoding="utf-8"))
    if sys.argv[1] == "stdlib":
        stdlib(peer)
    else:
        asyncio.run(aiosmtplib_loop(peer))


if __name__ == "__main__":
    main()
