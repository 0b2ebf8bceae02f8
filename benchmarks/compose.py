"""The time of one message: Composer.compose against Jinja2, EmailMessage and as_bytes.

    python benchmarks/compose.py [messages]        # from the root of the repository

Prints microseconds per message, the best of many short rounds: the two templates alone, mailbatch,
and the way of the standard library (EmailMessage with policy.SMTP).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailbatch.cli.main import put_away_at_the_end
from mailbatch.envelope import Delivery, Recipient
from mailbatch.job.loader import load_job
from mailbatch.render.composer import Composer

COLUMNS = ("email", "first_name", "last_name", "id", "token")
JOB = """\
version: 1
name: newsletter
edition: 2026-W48
server: {host: smtp.example.com, username: App, password: {env: API_KEY}}
sender: {from: Example News <news@example.com>, reply_to: support@example.com}
recipients: {file: recipients.csv, display_name: "{{ first_name }} {{ last_name }}"}
message:
  subject: "{{ first_name }}, what is new this week"
  text: letter.txt.j2
  html: letter.html.j2
callbacks:
  bulk_id: "{{ job.name }}-{{ edition }}"
  tracking_url: https://www.example.com/webhooks/tracking
  notify_url: https://www.example.com/webhooks/delivery
  data: [{id: "{{ id }}", desc: newsletter}]
variables:
  offers:
"""
HTML_ROW = """\
    <tr>
      <td style="padding: 8px 0; color: #222222">
        <a href="https://www.example.com/offers/{{ offer.id }}">{{ offer.title }}</a></td>
      <td align="right" style="padding: 8px 0">{{ offer.price }} &euro;</td>
    </tr>
"""
HTML = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Example News</title>
</head>
<body style="margin: 0; padding: 24px; font-family: sans-serif; background: #f4f4f4">
  <h1 style="font-size: 22px">Hello {{ first_name }} {{ last_name }}!</h1>
  <p>Here is what is new this week. Your number with us is {{ id }}.</p>
  <table role="presentation" width="100%">
{% for offer in variables.offers %}
ROW{% endfor %}
  </table>
  <p style="color: #777777">You get this because {{ email }} is on our list.
  <a href="https://www.example.com/leave/{{ token }}">Leave the list</a></p>
</body>
</html>
"""
TEXT = """\
Hello {{ first_name }} {{ last_name }}!

Here is what is new this week. Your number with us is {{ id }}.

{% for offer in variables.offers %}
- {{ offer.title }}: {{ offer.price }} EUR
  https://www.example.com/offers/{{ offer.id }}
{% endfor %}

You get this because {{ email }} is on our list.
Leave the list: https://www.example.com/leave/{{ token }}
"""
NAMES = ("Ada Lovelace", "Grace Hopper", "Zoë Müller", "Linus Pauling", "Søren Kierkegaard")


def write_job(folder: Path) -> Path:
    offer = "    - {{id: {0}, title: Offer number {0} of the week, price: '{0}9.90'}}\n"
    offers = "".join(offer.format(number) for number in range(1, 11))
    (folder / "job.yaml").write_text(JOB + offers)
    (folder / "letter.html.j2").write_text(HTML.replace("ROW", HTML_ROW))
    (folder / "letter.txt.j2").write_text(TEXT)
    (folder / "recipients.csv").write_text(",".join(COLUMNS) + "\n")
    return folder / "job.yaml"


def deliveries(count: int) -> list[Delivery]:
    made = []
    for number in range(count):
        first, last = NAMES[number % len(NAMES)].split()
        address = f"reader{number}@example.org"
        row = (address, first, last, str(number), f"t{number:08x}")
        made.append(
            Delivery(
                id=number,
                key=str(number),
                attempt=1,
                message_id=f"{number:032x}@example.com",
                date=1_795_000_000 + number // 1000,
                unsettled=(address,),
                addresses=(address,),
                rows=(Recipient(number + 2, address, row),),
            )
        )
    return made


class StandardLibrary:
    """The same message as a script makes one."""

    def __init__(self, folder: Path, variables: dict[str, object]) -> None:
        loader = FileSystemLoader(folder)
        plain: dict[str, object] = {"undefined": StrictUndefined, "loader": loader}
        html: Environment = ImmutableSandboxedEnvironment(autoescape=True, **plain)
        text: Environment = ImmutableSandboxedEnvironment(**plain)
        self.html = html.get_template("letter.html.j2")
        self.text = text.get_template("letter.txt.j2")
        self.subject = text.from_string("{{ first_name }}, what is new this week")
        self.variables = variables

    def render(self, delivery: Delivery) -> tuple[str, str]:
        names = dict(zip(COLUMNS, delivery.rows[0].values, strict=True), variables=self.variables)
        return self.text.render(names), self.html.render(names)

    def compose(self, delivery: Delivery) -> bytes:
        row = dict(zip(COLUMNS, delivery.rows[0].values, strict=True))
        text, html = self.render(delivery)
        message = EmailMessage(policy=SMTP)
        message["From"] = "Example News <news@example.com>"
        message["Reply-To"] = "support@example.com"
        message["To"] = f"{row['first_name']} {row['last_name']} <{row['email']}>"
        message["Subject"] = self.subject.render(row)
        message["Date"] = datetime.fromtimestamp(delivery.date, UTC)
        message["Message-ID"] = f"<{delivery.message_id}>"
        message["X-IB-Bulk-Id"] = "newsletter-2026-W48"
        message["X-IB-Tracking-Url"] = "https://www.example.com/webhooks/tracking"
        message["X-IB-Notify-Url"] = "https://www.example.com/webhooks/delivery"
        message["X-IB-Callback-Data"] = json.dumps([{"id": row["id"], "desc": "newsletter"}])
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message.as_bytes(policy=SMTP)


def best(function: Callable[[Delivery], object], work: list[Delivery], lot: int) -> float:
    """Return the microseconds per message of the best round of so many messages."""
    times = []
    for first in range(0, len(work) - lot + 1, lot):
        start = time.perf_counter()
        for delivery in work[first : first + lot]:
            function(delivery)
        times.append(time.perf_counter() - start)
    return min(times) / lot * 1e6


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    work = deliveries(count)
    with tempfile.TemporaryDirectory() as name:
        path = write_job(Path(name))
        job = load_job(path, environ={"API_KEY": "unused"})
        composer = Composer(
            job, edition="2026-W48", columns=COLUMNS, now=datetime.now(UTC), variables=job.variables
        )
        library = StandardLibrary(Path(name), dict(job.variables))
        message = composer.compose(work[0], eight_bit=True)
        sizes = ", ".join(f"{part} {size} bytes" for part, size in message.parts)
        print(f"{count} messages of {message.size} bytes ({sizes})")
        templates = best(library.render, work, 50)
        seven = best(lambda delivery: composer.compose(delivery, eight_bit=False), work, 50)
        eight = best(lambda delivery: composer.compose(delivery, eight_bit=True), work, 50)
        standard = best(library.compose, work[: max(count // 10, 5)], 5)
    print(f"both templates alone            {templates:8.1f} us")
    print(f"mailbatch, 8BITMIME             {eight:8.1f} us")
    print(f"mailbatch, 7-bit server         {seven:8.1f} us")
    print(
        f"jinja2 + EmailMessage           {standard:8.1f} us   {standard / eight:.1f} times as long"
    )


if __name__ == "__main__":
    put_away_at_the_end()
    main()
