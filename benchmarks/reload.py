"""The time from a saved template to the letter on the screen of `preview --serve`, in Chromium.

    python -m benchmarks.reload --rows 10000 --saves 10

The mailing is that of `mailbatch init --template newsletter` with more rows. A save is on the
screen when the frame of the open letter has the new words. The page is asked for again right behind
the rendering of the letter, so that the age of the page says how long the browser took.
"""

from __future__ import annotations

import argparse
import csv
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from mailbatch.cli.main import put_away_at_the_end

CHROMIUM = "/usr/bin/chromium"
_WORDS = "The camellias"
#: The words on the screen: the milliseconds since the page was asked for, or false.
_SEEN = """(words) => {
  const frame = document.getElementById("frame");
  return frame !== null && frame.srcdoc.includes(words) && performance.now();
}"""


def main() -> None:
    """Print the median and the largest time of all saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--saves", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        job = _mailing(Path(folder), given.rows)
        with _served(job) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"{address}messages/0002.html")
            page.wait_for_selector("body[data-ready]")
            template = job.parent / "newsletter.en.html.j2"
            times = [_save(page, template, number) for number in range(given.saves)]
            browser.close()
    for name, seconds in zip(
        ("save to screen", "rendered to screen"), zip(*times, strict=True), strict=True
    ):
        median, most = statistics.median(seconds), max(seconds)
        print(f"{given.rows:,} rows, {name}: {median:.0f} ms, at most {most:.0f} ms")


def _mailing(folder: Path, rows: int) -> Path:
    command = [sys.executable, "-m", "mailbatch", "init", str(folder), "--quiet"]
    subprocess.run(command, check=True)
    table = folder / "recipients.csv"
    with table.open(encoding="utf-8", newline="") as file:
        header, *known = list(csv.reader(file))
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number in range(rows):
            address, *cells = known[number % len(known)]
            writer.writerow([address.replace("@", f".{number}@"), *cells])
    return folder / "job.yaml"


@contextmanager
def _served(job: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "mailbatch", "preview", str(job), "--serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if found := re.match(r"serving (\S+);", line):
                yield found[1]
                break
        process.kill()


def _save(page: Page, template: Path, number: int) -> tuple[float, float]:
    """Save a template; return the milliseconds from the save, and from the letter, to the page."""
    text, words = template.read_text(encoding="utf-8"), f"Letter {number}, {time.time_ns()}"
    began = time.perf_counter()
    template.write_text(re.sub(rf"<h1>.*?{_WORDS}", f"<h1>{words} {_WORDS}", text, count=1))
    age = page.wait_for_function(_SEEN, arg=words).json_value()
    seen = time.perf_counter()
    # A save in the middle of the making of a gallery, and one behind a pause, take turns.
    page.wait_for_timeout(3000 if number % 2 else 700)
    return (seen - began) * 1000, float(age)


if __name__ == "__main__":
    put_away_at_the_end()
    main()
