"""Hostile cells in a whole run: the server sees the planned envelope, or the row is invalid."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.runner import run
from tests.render.making import make_job
from tests.render.test_injection import FILES, HOSTILE, PLACES
from tests.support.fault_server import FaultServer

#: Cells of a table: half a surrogate pair is in no file, and a NUL makes the table none.
CELLS = [cell for cell in HOSTILE if "\0" not in cell and not re.search("[\ud800-\udfff]", cell)]
#: In these a cell may name an address; a page is chosen by what the test of the renderer makes.
ELSEWHERE = ("to", "cc", "bcc", "page")
#: Tested every time; the others with `-m long`.
TELLING = ("display name", "copy, behind a name", "list id, behind a name", "text")


def mailing(place: str) -> dict[str, Any]:
    """Return the sections of a job with the cell in one place."""
    sections = {name: dict(section) for name, section in PLACES[place].items()}  # type: ignore[call-overload]
    sections["recipients"] = {"file": "people.jsonl", **sections.get("recipients", {})}
    return sections


def people() -> str:
    rows = [{"email": f"r{n}@example.org", "id": cell} for n, cell in enumerate(CELLS)]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    "place",
    [
        place if place in TELLING else pytest.param(place, marks=pytest.mark.long)
        for place in PLACES
        if place not in ELSEWHERE
    ],
)
def test_the_server_sees_the_planned_envelope_or_the_row_is_invalid(
    place: str, tmp_path: Path, fault_server: Callable[..., FaultServer]
) -> None:
    server = fault_server()
    sections = mailing(place)
    job = make_job(
        tmp_path,
        sections.pop("message", {}),
        {**FILES, "people.jsonl": people()},
        server={
            "host": "127.0.0.1", "port": server.port, "security": "plaintext", "auth": "none",
        },
        results="results.csv",
        **sections,
    )  # fmt: skip
    run(job, RunOptions(), environ={})
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as file:
        results = list(csv.DictReader(file))
    assert [row["row"] for row in results] == [str(n) for n in range(1, len(CELLS) + 1)]
    assert {row["status"] for row in results} <= {"accepted", "invalid"}
    assert all(row["reason"] for row in results if row["status"] == "invalid")
    accepted = [row["email"] for row in results if row["status"] == "accepted"]
    copies = ("c@example.com",) if place == "copy, behind a name" else ()
    seen = [record for record in server.stages("dot") if record["taken"]]
    assert [tuple(record["recipients"]) for record in seen] == [(to, *copies) for to in accepted]
    for record in seen:
        assert record["mail_from"] == "news@example.com"
        assert record["asked"] == len(record["recipients"])
        assert record["after_dot"] == 0
        content = record["content"]
        assert (content["bare_cr"], content["bare_lf"], content["nul"]) == (0, 0, False)
        assert content["longest_line"] <= 998
