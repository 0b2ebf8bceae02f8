"""A store on a disk that becomes full: `python -m tests.reports.small_disk FOLDER` prints JSON."""

import json
import sys
from pathlib import Path

from mailbatch.errors import StoreError
from mailbatch.reports.store import Body, Origin, ReportStore
from tests.ledger.small_disk import fill_up
from tests.reports.store_worker import REPORT


def main(folder):
    acknowledged = []
    with ReportStore(folder / "reports.sqlite3") as store:
        fill_up(folder, but=200_000)
        try:
            for number in range(100_000):
                store.keep([Body(REPORT % number + b" " * 2000, Origin.SERVE, 1795950000.0)])
                acknowledged.append(str(number))
        except StoreError as error:
            refused = {"exit": error.exit_code, "hint": error.hint}
        try:
            store.read_kept()
        except StoreError as error:
            refused["reading"] = error.exit_code
        (folder / "junk").unlink()
    with ReportStore(folder / "reports.sqlite3") as store:
        store.read_kept()
        there = [stored.report.message_id for stored in store.reports()]
    return {**refused, "lost": sorted({*acknowledged} - {*there}), "kept": len(acknowledged)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
