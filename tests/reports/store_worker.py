"""A process that keeps bodies and reads them: `python -m tests.reports.store_worker STORE ...`.

STORE FIRST COMMITS BODIES: each commit keeps so many bodies, numbered from FIRST on, and is then
acknowledged by a line with the number of its first body. Some commits are read behind it.
"""

import sys
from pathlib import Path

from mailbatch.reports.store import Body, Origin, ReportStore

REPORT = b'{"results": [{"messageId": "%d", "to": "a@example.org", "status": {"groupId": 3}}]}'


def main(path, first, commits, bodies):
    with ReportStore(path) as store:
        for number in range(first, first + commits * bodies, bodies):
            store.keep(
                Body(REPORT % (number + n), Origin.SERVE, 1795950000.0) for n in range(bodies)
            )
            print(number, flush=True)
            if number % 4 == 0:
                store.read_kept()
    print("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
