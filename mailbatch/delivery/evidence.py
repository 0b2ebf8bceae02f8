"""The evidence of one message: gathered from ledger, inputs and reports, and written as a folder.

    made = write_evidence(job, "2026-W48", "ann@example.com", out, place=place, store=store, ...)
    made.why        # empty: message.eml has the very bytes that left

The rows of the edition pass by once, a block at a time. No file tells of another recipient. This
module must never change a ledger or a store, nor write a message that is not the one that left.

Tests: tests/cli/test_evidence.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch.delivery.chain import first_edition
from mailbatch.delivery.dialogues import Dialogue, dialogues_path, read
from mailbatch.delivery.ledgers import open_to_prove, open_to_read
from mailbatch.delivery.places import is_store_there, state_dir
from mailbatch.delivery.remaking import Remade, remake
from mailbatch.delivery.reported import mailed_edition
from mailbatch.envelope import address_key
from mailbatch.errors import LedgerError, UsageError
from mailbatch.evidence.chain import Chain, line_of
from mailbatch.evidence.folder import CHAIN, FORMAT, MESSAGE, building, write_files
from mailbatch.frozen import frozen
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.delivery.ledgers import LedgerPlace
    from mailbatch.delivery.state import State
    from mailbatch.job.model import Job
    from mailbatch.ledger.proved import Proved, Proving
    from mailbatch.ledger.rows import ResultRow

_MOST_NAMED = 5
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


@frozen
class Made:
    """An evidence that was written; `why` says why there is no message, empty where there is one.

    `row` is the number of the recipient's row in the chain, `rows` that of all.
    """

    address: str
    status: str
    reports: int
    dialogues: int
    why: str
    row: int
    rows: int
    head: str


def write_evidence(
    job: Job,
    edition: str,
    named: str,
    out: Path,
    *,
    place: LedgerPlace,
    state: State,
    store: Path,
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    version: str,
) -> Made:
    """Write the evidence of the message to one recipient into a folder.

    `named` is an address or a key. `place` is the ledger, `state` where those of other editions
    lie, `store` the file of reports, `version` that of mailbatch.

    Raises:
        UsageError: no recipient is named so, or several are; or `out` is there (2).
        LedgerError, StoreError, OutputError: a file cannot be read or written (74).
    """
    with open_to_prove(place) as proof:
        proved = _one(proof, named)
        try:
            proved = _threaded(job, edition, proved, place, state)
        except LedgerError as error:
            remade = Remade(None, why=f"the message stands behind an earlier one: {error}")
        else:
            named = first_edition(job, edition, state)
            remade = remake(job, proved, edition=named, variables=variables, environ=environ)
        reports = _reports(job, edition, proved.row, place, store)
        with building(out) as folder:
            with (folder / CHAIN).open("w", encoding="ascii", newline="\n") as stream:
                chain = Chain(stream, job=job.name, edition=edition)
                number = _add_rows(chain, proof, proved.id)
            facts = {
                "format": FORMAT,
                "mailbatch": version,
                "job": job.name,
                "edition": edition,
                **_facts(proved, number),
                "message": _message(proved, remade),
                "inputs": dict(proved.inputs),
                "reports": reports,
                "chain": {"rows": chain.rows, "blocks": chain.blocks, "head": chain.head},
                **_dialogue(job, edition, proved, state),
            }
            octets = remade.octets
            content = None if octets is None else octets.joined()
            write_files(folder, facts, chain.block, content)
    return Made(
        proved.row.email,
        str(proved.row.status),
        len(reports),
        len(facts.get("dialogue", ())),
        remade.why,
        number,
        chain.rows,
        chain.head,
    )


def _threaded(job: Job, edition: str, proved: Proved, place: LedgerPlace, state: State) -> Proved:
    """Return a recipient whose message stands behind the messages that it stood behind."""
    if proved.delivery is None:
        return proved
    from mailbatch.delivery.correction import placed_again_in_correction

    corrected = placed_again_in_correction(job, place, state, proved.delivery)
    if corrected is not None:
        return replace(proved, delivery=corrected)
    if not job.message.thread:
        return proved
    from mailbatch.delivery.thread import placed_again

    return replace(proved, delivery=placed_again(job, edition, place, state, proved.delivery))


def _one(proof: Proving, named: str) -> Proved:
    """Return the recipient that a text names.

    Raises:
        UsageError: there is none, or there are several.
    """
    ids = proof.named(named)
    if not ids:
        raise UsageError(
            f"{named} is not among the recipients", hint="give an address or a key of the edition"
        )
    if len(ids) > 1:
        keys = [proof.recipient(one).key for one in ids[:_MOST_NAMED]]
        more = f" and {len(ids) - _MOST_NAMED:,} others" if len(ids) > _MOST_NAMED else ""
        raise UsageError(
            f"{named} has {len(ids):,} messages of this edition",
            hint=f"name one by its key: --only {' or '.join(keys)}{more}",
        )
    return proof.recipient(ids[0])


def _add_rows(chain: Chain, proof: Proving, wanted: int) -> int:
    """Add every row of the edition; return the number of the row with an id, from 1."""
    number = 0
    for row in proof.rows():
        keep = row.id == wanted
        chain.add(line_of(row.key, row.digest, row.status, row.code, row.settled_at), keep=keep)
        if keep:
            number = chain.rows
    chain.finish()
    return number


def _facts(proved: Proved, number: int) -> dict[str, Any]:
    row = proved.row
    return {
        "recipient": {"address": row.email, "key": proved.key, "salt": proved.salt},
        "row": number,
        "status": str(row.status),
        "reason": _without_others(row.reason, row.email),
        "attempts": row.attempts,
        "first_attempt_at": iso_time(row.first_attempt_at),
        "settled_at": iso_time(row.settled_at),
        "reply": {
            "code": row.reply_code,
            "enhanced_status": row.enhanced_status,
            "text": row.reply,
            "message_id": row.message_id,
        },
        "server": row.server,
    }


def _without_others(text: str | None, own: str) -> str | None:
    """Return the words without the addresses of other people, such as copies and targets."""
    if text is None:
        return None
    key = address_key(own)
    return _ADDRESS.sub(lambda one: one[0] if address_key(one[0]) == key else "(address)", text)


def _message(proved: Proved, remade: Remade) -> dict[str, Any]:
    delivery = proved.delivery
    return {
        "file": None if remade.octets is None else MESSAGE,
        "why_not": remade.why or None,
        "digest": None if proved.digest is None else proved.digest.hex(),
        "pieces": list(remade.sizes),
        "header_message_id": None if delivery is None else delivery.message_id,
        "date": None if delivery is None else iso_time(delivery.date),
    }


def _dialogue(job: Job, edition: str, proved: Proved, state: State) -> dict[str, Any]:
    """Return the dialogues about the message; no member where the edition keeps none."""
    path = dialogues_path(state_dir(job, state), job, edition)
    if job.keep is None and not path.exists():
        return {}
    delivery, own = proved.delivery, proved.row.email
    kept = () if delivery is None else read(path, delivery.token)
    return {"dialogue": [_told(one, own) for one in kept]}


def _told(kept: Dialogue, own: str) -> dict[str, Any]:
    """Return a dialogue as one recipient may see it: without RCPTs and words about others."""
    key, others, lines = address_key(own), 0, []
    for one in kept.exchanges:
        recipient = one.recipient
        if recipient is not None and address_key(recipient) != key:
            others += 1
            continue
        said = [_without_others(line, own) for line in one.reply]
        lines += [f"C: {one.command}", *[f"S: {line}" for line in said]]
    return {
        "server": kept.server,
        "began_at": iso_time(kept.began),
        "ended_at": iso_time(kept.ended),
        "content_bytes": kept.size,
        "content_digest": kept.digest or None,
        "other_recipients": others,
        "lines": lines,
    }


def _reports(
    job: Job, edition: str, row: ResultRow, place: LedgerPlace, store: Path
) -> list[dict[str, Any]]:
    """Return the reports about one recipient's message, the one that came first at the front.

    The addresses that a report names are left out: behind an alias, some are of other people.
    """
    if row.header_message_id is None or not is_store_there(store):
        return []
    from mailbatch.reports.standings import Standings
    from mailbatch.reports.store import ReportStore

    with (
        open_to_read(place) as ledger,
        mailed_edition(job, edition, ledger.standing.attempted_rows()) as mailed,
        ReportStore(store, to_look=True) as opened,
    ):
        opened.read_kept()
        standings = Standings(mailed)
        standings.join(opened)
        found = opened.stored(standings.reports_of(row.header_message_id, row.email))
    return [
        {
            "event": str(one.report.event),
            "kind": None if one.report.kind is None else str(one.report.kind),
            "code": one.report.code,
            "text": _without_others(one.report.text, row.email),
            "source": str(one.report.source),
            "at": iso_time(one.report.at),
            "received_at": iso_time(one.received),
        }
        for one in found
    ]
