"""The mailing of a workload as files: table, templates and job, and the same for each peer.

Writes files below one folder and nowhere else; starts no process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.servers import Server

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
SHORT = "Hello {{ first_name }} {{ last_name }}\n"
#: What a message to many may not use: it differs from recipient to recipient.
PERSONAL = ("first_name", "last_name", "token", "city")
#: A body of so many bytes makes smtp-source's messages as long as mailbatch's newsletter.
LETTER_BYTES = len(TEXT) + len(HTML) + 1370
RECIPIENTS_PER_TRANSACTION = 1000
ATTACHMENT = "report.bin"
_CITIES = {"Zürich": "Geneva", "Geneva": "Zürich"}
#: More files of 1 MB than mailbatch keeps for the next message.
OWN_FILES = 60

_MAILMERGE = """\
TO: {{{{ email }}}}
SUBJECT: News for {{{{ first_name }}}}
FROM: Example News <news@example.com>
{attachment}MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="part"

--part
Content-Type: text/plain; charset=utf-8

{text}
--part
Content-Type: text/html; charset=utf-8

{html}
--part--
"""


@dataclass(frozen=True, slots=True)
class Mailing:
    """The mailing of a workload.

    `groups` is 0 where every recipient gets a message alone, else the number of groups, each with
    one message; `attachment` is the size of a file that goes with every message, in bytes. `own`:
    the files are many, more than mailbatch keeps, and the messages take these in turn. `short`: a
    text of a line and no HTML, which only mailbatch sends.
    """

    groups: int = 0
    attachment: int = 0
    own: bool = False
    short: bool = False

    def transactions(self, recipients: int) -> int:
        """Return how many messages a server gets for so many recipients."""
        if not self.groups:
            return recipients
        sizes = [len(range(g, recipients, self.groups)) for g in range(self.groups)]
        return sum(-(-size // RECIPIENTS_PER_TRANSACTION) for size in sizes)


@dataclass(frozen=True, slots=True)
class Scene:
    """The input of a program: the folder of the mailing, the server, the number of recipients.

    `tls`: the program goes to the port of the server that speaks TLS from the first byte on.
    `environment` is laid over that of the program.
    """

    folder: Path
    server: Server
    mailing: Mailing
    recipients: int
    sessions: int
    tls: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def transactions(self) -> int:
        """The number of messages that must arrive."""
        return self.mailing.transactions(self.recipients)


def write_scene(scene: Scene) -> None:
    """Write the files of every program; all files say the same."""
    scene.folder.mkdir(parents=True)
    _write_table(scene)
    text, html = (SHORT if scene.mailing.short else TEXT), HTML
    if scene.mailing.groups:
        for name in PERSONAL:
            text, html = (part.replace("{{ " + name + " }}", name) for part in (text, html))
    (scene.folder / "letter.txt.j2").write_text(text, encoding="utf-8")
    (scene.folder / "letter.html.j2").write_text(html, encoding="utf-8")
    if scene.mailing.attachment:
        content = bytes(range(256)) * (scene.mailing.attachment // 256 + 1)
        (scene.folder / ATTACHMENT).write_bytes(content[: scene.mailing.attachment])
        for number in range(OWN_FILES if scene.mailing.own else 0):
            own = b"%07d" % number + content
            (scene.folder / f"own{number}.bin").write_bytes(own[: scene.mailing.attachment])
    # YAML 1.2 takes JSON.
    (scene.folder / "job.yaml").write_text(json.dumps(_job(scene)), encoding="utf-8")
    (scene.folder / "peer.json").write_text(json.dumps(_peer(scene)), encoding="utf-8")
    _write_mailmerge(scene, text, html)


def _write_table(scene: Scene) -> None:
    groups = scene.mailing.groups or 1
    with (scene.folder / "recipients.csv").open("w", encoding="utf-8") as table:
        own = scene.mailing.own
        table.write(f"email,first_name,last_name,plan,token,city{',file' if own else ''}\n")
        end = ",own{}.bin" if own else ""
        for number in range(scene.recipients):
            table.write(
                f"user{number}@example{number % 50}.net,Ada{number},Löwe,plan{number % groups},"
                f"t{number:08d},Zürich{end.format(number % OWN_FILES)}\n"
            )


def change_a_hundredth(scene: Scene) -> None:
    """Change a cell of every hundredth row of the table, back and forth.

    Row by row: memory that this process takes would hide that of the programs.
    """
    table, changed = scene.folder / "recipients.csv", scene.folder / "changed.csv"
    with table.open(encoding="utf-8") as old, changed.open("w", encoding="utf-8") as new:
        for number, line in enumerate(old):
            if number % 100 == 1:
                rest, _, city = line.rstrip().rpartition(",")
                new.write(f"{rest},{_CITIES[city]}\n")
            else:
                new.write(line)
    changed.replace(table)


def _job(scene: Scene) -> dict[str, object]:
    server: dict[str, object] = {"host": "127.0.0.1", "port": scene.server.port, "auth": "none"}
    server |= {"sessions": scene.sessions}
    if scene.tls:
        server |= {"security": "tls", "ca_file": str(scene.server.ca_file)}
        server |= {"port": scene.server.tls_port}
    elif scene.server.ca_file is None or scene.server.tls_port is not None:
        server |= {"security": "plaintext"}
    else:
        server |= {"security": "starttls", "ca_file": str(scene.server.ca_file)}
    recipients: dict[str, object] = {"file": "recipients.csv"}
    message: dict[str, object] = {"subject": "News for {{ first_name }}"}
    if scene.mailing.groups:
        recipients |= {"group_by": ["plan"]}
        message |= {"subject": "News for everybody"}
    if scene.mailing.attachment:
        message |= {"attachments": ["{{ file }}" if scene.mailing.own else ATTACHMENT]}
    message |= {"text": "letter.txt.j2"}
    message |= {} if scene.mailing.short else {"html": "letter.html.j2"}
    return {
        "version": 1,
        "name": "benchmark",
        "server": server,
        "sender": {"from": "Example News <news@example.com>"},
        "recipients": recipients,
        "message": message,
    }


def _peer(scene: Scene) -> dict[str, object]:
    """Return the settings that peers.py and nodemailer.cjs read."""
    return {
        "port": scene.server.port,
        "ca_file": str(scene.server.ca_file) if scene.server.ca_file else None,
        "sessions": scene.sessions,
        "recipients_per_message": RECIPIENTS_PER_TRANSACTION if scene.mailing.groups else 1,
        "attachment": ATTACHMENT if scene.mailing.attachment else None,
    }


def _write_mailmerge(scene: Scene, text: str, html: str) -> None:
    attachment = f"ATTACHMENT: {ATTACHMENT}\n" if scene.mailing.attachment else ""
    template = _MAILMERGE.format(attachment=attachment, text=text, html=html)
    (scene.folder / "mailmerge_template.txt").write_text(template, encoding="utf-8")
    server = f"[smtp_server]\nhost = 127.0.0.1\nport = {scene.server.port}\n"
    (scene.folder / "mailmerge_server.conf").write_text(server, encoding="utf-8")
