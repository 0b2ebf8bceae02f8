"""A receiver on a disk that becomes full: `python -m tests.receiver.small_disk FOLDER`.

Prints what it saw as JSON.
"""

import json
import sys
from pathlib import Path

from tests.ledger.small_disk import fill_up
from tests.receiver.receiving import REPORT, bodies, in_thread


def main(folder):
    path = folder / "reports.sqlite3"
    acknowledged = []
    with in_thread(path) as target:
        fill_up(folder, but=200_000)
        for number in range(100_000):
            status, fields, _ = target.ask(body=REPORT % number + b" " * 2000)
            if status != 200:
                break
            acknowledged.append(number)
        refused = {"status": status, "retry_after": fields.get("retry-after")}
        (folder / "junk").unlink()
        again = target.post(REPORT % number)
    there = {int(json.loads(body)["results"][0]["messageId"]) for body in bodies(path)}
    lost = sorted({*acknowledged, number} - there)
    return {**refused, "again": again, "lost": lost, "kept": len(acknowledged), "told": target.told}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
