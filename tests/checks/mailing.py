"""Jobs for the tests of this folder: written from a few words, checked and previewed in place."""

import csv
import json
from contextlib import ExitStack
from datetime import datetime

import yaml

from mailbatch.cli.arguments import CheckArguments, PreviewArguments
from mailbatch.cli.check import check_command
from mailbatch.cli.preview import preview_command
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import open_mailing, read_inputs
from mailbatch.job.loader import load_job
from mailbatch.ledger.ports import CommitPoint, Settlement
from mailbatch.outcome import Outcome, Reply, Status

UNSUBSCRIBE = {"url": "https://example.com/u/{{ email }}", "one_click": True}
TEXT = "Hello {{ first_name }}, leave: https://example.com/u/{{ email }}\n"
ROWS = ({"email": "ann@example.com", "first_name": "Ann"},)


class Mailing:
    """A job in a folder; `message` and the other sections are laid over one that is fine."""

    def __init__(self, folder, *, rows=ROWS, files=None, job=None, message=None, **sections):
        self.folder = folder
        self.path = folder / "job.yaml"
        wanted = {
            "version": 1,
            "name": "letter",
            "server": {"host": "127.0.0.1", "port": 2525, "security": "plaintext"},
            "sender": {"from": "News <news@example.com>"},
            "recipients": {"file": "people.csv"},
            "message": {
                "subject": "Hello",
                "text": "letter.txt.j2",
                "list_id": "news.example.com",
                "unsubscribe": UNSUBSCRIBE,
            },
        }
        wanted.update(job or {})
        for name, section in {"message": message or {}, **sections}.items():
            merged = {**wanted.get(name, {}), **section}
            wanted[name] = {key: value for key, value in merged.items() if value is not None}
        folder.mkdir(parents=True, exist_ok=True)
        self.write("job.yaml", yaml.safe_dump(wanted, allow_unicode=True))
        self.rows(rows)
        for name, content in {"letter.txt.j2": TEXT, **(files or {})}.items():
            self.write(name, content)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")

    def rows(self, rows):
        with (self.folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def send(self, state_dir=None):
        """Let everybody have the message: the ledger is the real one, without a server."""
        job = load_job(self.path)
        now = datetime.now().astimezone()
        with ExitStack() as stack:
            inputs = read_inputs(job, edition=None, variables={}, now=now)
            mailing = open_mailing(inputs, RunOptions(state_dir=state_dir), stack)
            ledger = mailing.ledger
            for delivery in ledger.leases.lease(1000, now=now.timestamp()):
                ledger.records.record((), [CommitPoint(delivery.id, bytes(32))])
                taken = Reply(250, ("taken",))
                outcomes = [Outcome(a, Status.ACCEPTED, taken) for a in delivery.unsettled]
                settled = Settlement(delivery.id, outcomes, now.timestamp(), None)
                ledger.records.record([settled], ())
            ledger.plan.mark_finished(now.timestamp())

    def check(self, capsys, **options):
        """Run `check --json`; return its exit code and its object."""
        given = CheckArguments(self.path, **{"as_json": True, "quiet": True, **options})
        code = check_command(given)
        out = capsys.readouterr()
        return code, json.loads(out.out) if given.as_json else out

    def codes(self, capsys, **options):
        """Return the codes that `check` gives."""
        return {finding["code"] for finding in self.check(capsys, **options)[1]["findings"]}

    def preview(self, capsys, **options):
        """Run `preview --json`; return its exit code and its object, or else both streams."""
        given = {"out": self.folder / "gallery", "as_json": True, "quiet": True, **options}
        code = preview_command(PreviewArguments(self.path, **given))
        out = capsys.readouterr()
        return code, json.loads(out.out) if out.out else out


def html(body, **message):
    """Return the pieces of a mailing with an HTML part."""
    return {
        "message": {"html": "letter.html.j2", **message},
        "files": {"letter.html.j2": body},
    }


def mjml(column):
    """Return the pieces of a mailing with an HTML part in MJML."""
    section = f"<mj-section><mj-column>{column}</mj-column></mj-section>"
    body = f"<mjml><mj-body>{section}</mj-body></mjml>"
    return {"message": {"mjml": "letter.mjml.j2"}, "files": {"letter.mjml.j2": body}}
