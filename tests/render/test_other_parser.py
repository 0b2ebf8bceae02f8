"""What a parser of another language and author reads is what went in: npm's mailparser."""

from __future__ import annotations

import base64
import html
import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.obstacle import skip_unless_required

from .making import make_composer, make_delivery, make_job, parse

GOLDEN = Path(__file__).parent.parent / "golden"
SCRIPT = Path(__file__).with_name("mailparser.cjs")
COLUMNS = ("email", "name", "subject", "text", "file")
ALPHABET = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    "     .,;:!?-_=+*/()[]{}<>\"'@#$%&~^|`\\äöüßéèñøåłžčřşğıαβγжщя日本語中文한국어עברית🎉👩‍💻"
)


def node_obstacle() -> str | None:
    """Why mailparser cannot be run here, if it cannot."""
    if shutil.which("node") is None:
        return "Node is not installed"
    code = "require('mailparser')"
    done = subprocess.run(["node", "-e", code], capture_output=True, check=False)
    return None if done.returncode == 0 else "npm's mailparser is not found (set NODE_PATH)"


def word(chance: random.Random, most: int) -> str:
    return "".join(chance.choice(ALPHABET) for _ in range(chance.randint(1, most)))


def row(chance: random.Random) -> dict[str, str]:
    lines = (word(chance, 120) for _ in range(chance.randint(1, 12)))
    return {
        "email": "ada@example.org",
        "name": " ".join(word(chance, 60).split()) or "x",
        "subject": " ".join(word(chance, 150).split()) or "x",
        "text": "\n".join(lines),
        "file": "f" + word(chance, 60).replace("/", "").replace("\\", "") + "x.bin",
    }


def parsed_by_node(folder: Path) -> list[dict[str, object]]:
    done = subprocess.run(
        ["node", str(SCRIPT), str(folder)], capture_output=True, check=True, text=True
    )
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def lines(text: str) -> list[str]:
    return text.rstrip().splitlines()


def check_messages(folder: Path, count: int) -> None:
    obstacle = node_obstacle()
    if obstacle is not None:
        skip_unless_required(obstacle, "MAILBATCH_REQUIRE_NODE")
    job = make_job(
        folder,
        {
            "subject": "{{ subject }}",
            "text": "a.txt.j2",
            "html": "a.html.j2",
            "attachments": {"path": "data.bin", "filename": "{{ file }}"},
        },
        {"a.txt.j2": "{{ text }}", "a.html.j2": "<p>{{ text }}</p>", "data.bin": bytes(range(256))},
        recipients={"display_name": "{{ name }}"},
    )
    composer = make_composer(job, COLUMNS)
    chance = random.Random(20261123)
    rows = [row(chance) for _ in range(count)]
    made = folder / "made"
    made.mkdir()
    for number, given in enumerate(rows):
        delivery = make_delivery(given, message_id=f"m{number}@example.com")
        message = composer.compose(delivery, eight_bit=number % 2 == 0)
        (made / f"{number:06d}.eml").write_bytes(message.content)
    for number, (given, read) in enumerate(zip(rows, parsed_by_node(made), strict=True)):
        assert read["subject"] == given["subject"], number
        assert read["to"] == {"address": "ada@example.org", "name": given["name"]}, number
        assert read["messageId"] == f"<m{number}@example.com>"
        assert str(read["text"]).rstrip("\n") == given["text"].rstrip("\n"), number
        assert html.unescape(str(read["html"])).rstrip("\n") == f"<p>{given['text']}</p>", number
        assert read["files"] == [[given["file"], base64.b64encode(bytes(range(256))).decode()]], (
            number
        )


def test_mailparser_reads_what_went_in(tmp_path: Path) -> None:
    """200 messages with names, subjects, bodies and file names in many scripts."""
    check_messages(tmp_path, 200)


def test_mailparser_reads_the_golden_messages_as_the_standard_library_does() -> None:
    """Subject, sender, texts and every file with its octets, of each kind of message."""
    obstacle = node_obstacle()
    if obstacle is not None:
        skip_unless_required(obstacle, "MAILBATCH_REQUIRE_NODE")
    paths = sorted(GOLDEN.glob("*.eml"))
    for path, read in zip(paths, parsed_by_node(GOLDEN), strict=True):
        message = parse(path.read_bytes())
        assert read["subject"] == (message["Subject"] or ""), path.name
        (sender,) = message["From"].addresses
        domain = sender.domain.encode().decode("idna")  # as mailparser has it
        address = f"{sender.username}@{domain}"
        assert read["from"] == {"address": address, "name": sender.display_name}, path.name
        for kind, key in (("plain", "text"), ("html", "html")):
            body = message.get_body([kind])
            expected = lines(body.get_content()) if body is not None else None
            found = read.get(key)
            assert (lines(str(found)) if found else None) == expected, path.name
        files = [
            [part.get_filename(), base64.b64encode(part.get_payload(decode=True)).decode()]
            for part in message.walk()
            if part.get_filename() is not None
        ]
        assert [one for one in read["files"] if one[0] is not None] == files, path.name


@pytest.mark.long
def test_mailparser_reads_what_went_in_long(tmp_path: Path) -> None:
    """The same for 5,000 messages."""
    check_messages(tmp_path, 5_000)
